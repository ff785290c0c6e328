"""Who took the desk over from whom, and what was corrected in reports: kept from records, and decided here.

A signature is a record, and so is a correction. Nothing is ever written over: it gets something beside it.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from care.ids import AlertId, StaffId
from care.records import Corrected, HandedOver, Record
from care.shifts import EARLY, began, ends

KEPT = 200  # hand-overs
LATE = timedelta(hours=2)  # into a shift, in which whoever signs took it over from the one before
REPORTS_MAX = 5_000  # that anything was corrected in
OF_ONE_MAX = 50  # corrections of one report
LINES = 5  # of a report
SPECIAL = 6  # the line of a hand-over that people write themselves
TEXT_MAX = 300  # characters
SENTENCES_MAX = 2

_ENDS = re.compile(r"[.!?\u2026]+(?=\s|$)")


class TooLong(Exception):
    """More than two sentences, or more than a line holds: nothing was written."""


class Handovers:
    """The last hand-overs and corrections. Changed only by `add`."""

    def __init__(self) -> None:
        self._handed: list[HandedOver] = []  # in the order in which they were written
        self._corrected: dict[tuple[str, date], list[Corrected]] = {}

    def add(self, record: Record) -> None:
        """Take in one record of the journal."""
        match record:
            case HandedOver():
                self._handed.append(record)
                del self._handed[:-KEPT]
            case Corrected():
                report = self._corrected.setdefault((record.about, record.night), [])
                if len(report) < OF_ONE_MAX:
                    report.append(record)
                if len(self._corrected) > REPORTS_MAX:
                    del self._corrected[next(iter(self._corrected))]

    @property
    def last(self) -> HandedOver | None:
        """The last time that somebody took over."""
        return self._handed[-1] if self._handed else None

    def between(self, start: datetime, end: datetime) -> list[HandedOver]:
        """Return the hand-overs of a time, oldest first."""
        return [one for one in self._handed if start <= one.at < end]

    def of_shift(self, start: datetime) -> HandedOver | None:
        """Return how the shift that began then was taken over: the last to sign shortly before, or early in it."""
        signed = self.between(start - EARLY, start + LATE)
        return signed[-1] if signed else None

    def corrections(self, about: str, night: date, line: int) -> list[Corrected]:
        """Return what stands beside a line of a report, oldest first."""
        return [one for one in self._corrected.get((about, night), ()) if one.line == line]

    def corrected(self, about: str, night: date) -> list[Corrected]:
        """Return all that stands beside a report, by its lines, oldest first."""
        return sorted(self._corrected.get((about, night), ()), key=lambda one: one.line)

    def full(self, about: str, night: date) -> bool:
        """Whether a report takes no further correction."""
        return len(self._corrected.get((about, night), ())) >= OF_ONE_MAX


def take_over(
    known: Handovers,
    at: datetime,
    taken_by: StaffId,
    given_by: StaffId | None,
    *,
    note: str,
    by_voice: bool,
    standing: Sequence[AlertId],
    aside: Sequence[AlertId],
) -> tuple[HandedOver, ...]:
    """Sign that somebody has taken over, with what was open then. Raises `TooLong`.

    Nobody takes over from themselves: who was alone at the desk and stays has nothing to sign.
    """
    note = tidy(note)
    signed = HandedOver(
        at=at,
        taken_by=taken_by,
        given_by=None if given_by == taken_by else given_by,
        by_voice=by_voice,
        note=note,
        open=tuple(standing),
        aside=tuple(aside),
    )
    last = known.last
    if last is not None and at - last.at < timedelta(minutes=1) and _alike(last, signed):
        return ()  # the same tap twice
    return (signed,)


def correct(
    known: Handovers, at: datetime, by: StaffId, *, night: date, about: str, line: int, text: str
) -> tuple[Corrected, ...]:
    """Put something beside a line of a report; an empty text says nothing. Raises `TooLong`."""
    text = tidy(text)
    said = known.corrections(about, night, line)
    if not text or (said and (said[-1].by, said[-1].text) == (by, text)):
        return ()
    if known.full(about, night):
        raise TooLong
    return (Corrected(at=at, by=by, night=night, about=about, line=line, text=text),)


def tidy(text: str) -> str:
    """Return what somebody wrote on one line. Raises `TooLong` if it is more than two sentences.

    >>> tidy("  Sleutel ligt bij   de receptie. ")
    'Sleutel ligt bij de receptie.'
    """
    text = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    sentences = len(_ENDS.findall(text)) + (not _ENDS.search(text[-1:]) if text else 0)
    if len(text) > TEXT_MAX or sentences > SENTENCES_MAX:
        raise TooLong
    return text


def shift_to_hand_over(now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return start and end of the shift that is handed over: the one that is about to end, or has just ended.

    In the middle of a shift it is that shift: whoever is relieved then hands over what there is.

    >>> amsterdam = ZoneInfo("Europe/Amsterdam")
    >>> [f"{at:%H:%M}" for at in shift_to_hand_over(datetime.fromisoformat("2026-03-03T06:10:00+00:00"), amsterdam)]
    ['22:00', '07:00']
    """
    start = began(now, zone)
    if now - start < LATE:
        return began(start - timedelta(seconds=1), zone), start
    return start, ends(now, zone)


def _alike(one: HandedOver, other: HandedOver) -> bool:
    return (one.taken_by, one.given_by, one.note) == (other.taken_by, other.given_by, other.note)
