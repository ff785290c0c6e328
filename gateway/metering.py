"""What this building takes to be watched, counted day by day: pure functions from readings of counters to a record.

A `Ledger` is part of what the watch remembers, so it goes on over a restart from the last snapshot. A process that is
killed loses what it had counted since, at most half an hour of it; the record says how much of the day was measured.
"""

import time
from datetime import date, datetime
from typing import NamedTuple

import msgspec

from care import process
from care.upkeep import Used
from detectors.homes import SiteId

READ_EVERY_S = 60.0
LONGEST_DAY_S = 25 * 3600.0


class Counters(NamedTuple):
    """How far counters stand that only grow while a process lives."""

    at_s: float  # monotonic
    cpu_s: float = 0.0
    written_bytes: int | None = 0  # None: the kernel does not say
    sensors_bytes: int = 0
    sent_bytes: int = 0
    heard_bytes: int = 0


class Ledger(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was counted of the day that runs."""

    day: date | None = None  # None: nothing was read yet
    measured_s: float = 0.0
    cpu_s: float = 0.0
    written_bytes: int | None = 0
    sensors_bytes: int = 0
    sent_bytes: int = 0
    heard_bytes: int = 0
    batteries_before: int = 0  # that were replaced until this day began, of all that ever were


def counted(ledger: Ledger, before: Counters, now: Counters) -> Ledger:
    """Add what was used between two readings. Never less than nothing: a counter that fell was begun anew."""
    written = ledger.written_bytes
    if written is not None:
        known = before.written_bytes is not None and now.written_bytes is not None
        written = written + int(_grown(before.written_bytes, now.written_bytes)) if known else None
    return msgspec.structs.replace(
        ledger,
        measured_s=min(LONGEST_DAY_S, ledger.measured_s + _grown(before.at_s, now.at_s)),
        cpu_s=ledger.cpu_s + _grown(before.cpu_s, now.cpu_s),
        written_bytes=written,
        sensors_bytes=ledger.sensors_bytes + int(_grown(before.sensors_bytes, now.sensors_bytes)),
        sent_bytes=ledger.sent_bytes + int(_grown(before.sent_bytes, now.sent_bytes)),
        heard_bytes=ledger.heard_bytes + int(_grown(before.heard_bytes, now.heard_bytes)),
    )


def over(ledger: Ledger, day: date) -> bool:
    """Whether the day that was counted is over on another; a clock that was put back ends none."""
    return ledger.day is not None and day > ledger.day


def told(ledger: Ledger, at: datetime, site: SiteId, *, homes: int, batteries: int, levels: int) -> Used | None:
    """Return the record of the day that is over; None if nothing of it was measured.

    `batteries` is how many were replaced ever, and `levels` how many sensors say how full theirs is.
    """
    if ledger.day is None or not ledger.measured_s:
        return None
    return Used(
        at=at,
        site=site,
        day=ledger.day,
        homes=homes,
        measured_s=round(ledger.measured_s, 1),
        cpu_s=round(ledger.cpu_s, 2),
        written_bytes=ledger.written_bytes,
        sensors_bytes=ledger.sensors_bytes,
        sent_bytes=ledger.sent_bytes,
        heard_bytes=ledger.heard_bytes,
        batteries=max(0, batteries - ledger.batteries_before),
        levels=levels,
    )


def after(ledger: Ledger, said: Used) -> Ledger:
    """Return the ledger after a record of its day, which the journal holds though the ledger does not know it yet."""
    if ledger.day is None or said.day < ledger.day:
        return ledger
    return Ledger(batteries_before=ledger.batteries_before + (said.batteries or 0))


class Meter:
    """The last reading of this process; what was used since is added to the ledger with the next."""

    def __init__(self) -> None:
        self._last = Counters(time.monotonic())

    def begin(self) -> None:
        """Begin another watch in the same process, with connections that count from nothing."""
        self._last = self._last._replace(sensors_bytes=0, sent_bytes=0, heard_bytes=0)

    def due(self, monotonic_s: float) -> bool:
        """Whether it is time to read again."""
        return monotonic_s - self._last.at_s >= READ_EVERY_S

    def read(self, *, sensors_bytes: int, sent_bytes: int, heard_bytes: int) -> tuple[Counters, Counters]:
        """Return the reading before, and the one of now."""
        now = process.used()
        before = self._last
        self._last = Counters(time.monotonic(), now.cpu_s, now.written_bytes, sensors_bytes, sent_bytes, heard_bytes)
        return before, self._last


def _grown(before: float | None, now: float | None) -> float:
    return max(0.0, (now or 0) - (before or 0))
