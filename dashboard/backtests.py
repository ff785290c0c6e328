"""A back-test as it is drawn: what was asked of the building, and what it saw, in sentences and in one picture.

In the picture a column is a night, and the higher the earlier in it; an outlined dot is an alert as it is agreed now, a
filled one as it is proposed, and a line between the two is one alert that moves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from care.board import Board
from care.labels import KINDS
from care.language import mark
from care.records import BackTest, Cannot, Comparison, Ground, Pair, Untested, Would, site_of
from care.wording import Wording
from dashboard.agreements import GROUNDS, Agreements, Difference
from dashboard.glance import Glance
from detectors.findings import What
from detectors.homes import Home, zone_of
from detectors.outlook import Expected

ANSWERS_WITHIN = timedelta(minutes=10)  # a building that has not by then is said to give no answer; it still may
ROWS_MAX = 60  # told one by one
COLUMN = 24.0  # of the picture, in its own units
LEFT, TOP, HEIGHT, DAY = 44.0, 8.0, 176.0, 32.0
_A_LABEL_EVERY = 7  # nights


class State(StrEnum):
    """How a back-test stands."""

    WAITING = "waiting"
    SILENT = "silent"  # its building is not heard
    UNANSWERED = "unanswered"
    CANNOT = "cannot"
    STALE = "stale"  # something else has been agreed since
    FOUND = "found"
    DONE = "done"  # and what was proposed is agreed


UNTESTED: dict[State, Untested] = {
    State.SILENT: Untested.SILENT,
    State.UNANSWERED: Untested.UNANSWERED,
    State.CANNOT: Untested.CANNOT,
}
"""In which states something may be agreed without having been looked back on."""

_STANDS: dict[State, tuple[str, ...]] = {
    State.WAITING: (
        mark("The building is working it out."),
        mark("It goes through the last {nights} nights twice."),
    ),
    State.SILENT: (
        mark("Nothing has come from this building since {since}."),
        mark("It is asked as soon as it is heard again."),
    ),
    State.UNANSWERED: (
        mark("The building gives no answer."),
        mark("Its version may be too old to look back."),
    ),
    State.STALE: (mark("Something else has been agreed since. Look back again."),),
    State.DONE: (mark("This has been agreed."),),
}

_CANNOT: dict[Cannot, str] = {
    Cannot.NO_EVENTS: mark("The building has kept nothing of this home in these nights."),
    Cannot.NO_HOME: mark("The building has no such home in its plan."),
    Cannot.TOO_MANY: mark("The building has too many questions waiting. Ask again later."),
    Cannot.FAILED: mark("Looking back did not work in the building. Ask again, or tell the technical service."),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One alert, both ways."""

    night: str
    kind: str
    was: str
    would: str
    difference: str
    look: str  # same, moved, gone or new
    needed: bool


@dataclass(frozen=True, slots=True)
class Dot:
    """One alert in the picture."""

    x: float
    y: float
    look: str  # was or would, and needed where help was given and it does not come


@dataclass(frozen=True, slots=True)
class Column:
    """One night in the picture."""

    x: float
    label: str
    unheard: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it."""

    width: float
    height: float
    columns: tuple[Column, ...]
    hours: tuple[tuple[float, str], ...]
    moves: tuple[tuple[float, float, float, float], ...]
    dots: tuple[Dot, ...]


def state_of(asked: BackTest, home: Home, board: Board, now: datetime) -> State:
    """Return how a back-test stands."""
    fold = board.agreements
    answer = fold.answer(asked)
    if fold.done(asked) is not None:
        return State.DONE
    if fold.stale(asked, home):
        return State.STALE
    if answer is not None:
        return State.FOUND if answer.found is not None else State.CANNOT
    if board.silent_since(site_of(home.id), now) is not None:
        return State.SILENT
    return State.UNANSWERED if now - asked.at >= ANSWERS_WITHIN else State.WAITING


class LookedBack:
    """One back-test of one home, in the reader's language."""

    def __init__(self, asked: BackTest, home: Home, glance: Glance) -> None:
        self.asked, self.home = asked, home
        self._glance = glance
        self._wording: Wording = glance.wording_of(site_of(home.id))
        self.agreements = Agreements(home, glance)
        self.state = state_of(asked, home, glance.board, glance.now)

    @property
    def id(self) -> str:
        return self.asked.id

    @property
    def path(self) -> str:
        return f"{self.agreements.path}/{self.asked.id}"

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What is proposed."""
        return self.agreements.differences(self.asked.before, self.asked.proposed)

    @property
    def typed(self) -> dict[str, str]:
        """What is proposed, as it would be typed."""
        return self.agreements.proposed(self.asked)

    @property
    def grounds(self) -> list[tuple[Ground, str]]:
        """The reasons to choose from."""
        return [(ground, self._wording.say(said)) for ground, said in GROUNDS.items()]

    @property
    def may_agree(self) -> bool:
        """Whether it can be agreed now, looked back on or not."""
        return not self.unheeded and (self.state is State.FOUND or self.state in UNTESTED)

    @property
    def unheeded(self) -> bool:
        """Whether the building's version is too old to look back on another number of alerts."""
        return self._glance.board.agreements.unheeded(self.asked)

    @property
    def fewer(self) -> bool:
        """Whether fewer alerts are proposed, which is a risk."""
        return self.asked.proposed.budget < self.asked.before.budget

    @property
    def goes_on(self) -> bool:
        """Whether an answer may still come."""
        return self.state in {State.WAITING, State.SILENT, State.UNANSWERED}

    @cached_property
    def found(self) -> Comparison | None:
        answer = self._glance.board.agreements.answer(self.asked)
        return None if answer is None else answer.found

    @property
    def stands(self) -> list[str]:
        """How it stands, where there is nothing to show yet."""
        say, answer = self._wording.say, self._glance.board.agreements.answer(self.asked)
        said = _STANDS.get(self.state, ())
        if self.state is State.CANNOT and answer is not None:
            said = (_CANNOT[answer.cannot or Cannot.FAILED],)
        now = self._glance.now
        since = self._wording.moment(self._glance.silent_since(site_of(self.home.id)) or now, now)
        return [say(one).format(nights=self.asked.nights, since=since) for one in said]

    # What it saw.

    @property
    def headline(self) -> str:
        """How many alerts would have come."""
        found = self.found
        if found is None:
            return ""
        say, ngettext = self._wording.say, self._wording.words.ngettext
        if found.was == found.would:
            said = say("There would have been as many alerts: {n}.") if found.was else say("No alert came either way.")
            return said.format(n=found.would)
        if not found.would:
            return say("There would have been no alerts, instead of {was}.").format(was=found.was)
        message = ngettext(
            "There would have been {n} alert, instead of {was}.",
            "There would have been {n} alerts, instead of {was}.",
            found.would,
        )
        return message.format(n=found.would, was=found.was)

    @property
    def sentences(self) -> list[str]:
        """What would have been otherwise."""
        found = self.found
        if found is None:
            return []
        ngettext = self._wording.words.ngettext
        gone = [one for one in found.pairs if one.would is None]
        new = [one for one in found.pairs if one.was is None]
        calmer = [one for one in found.pairs if one.was and one.would and one.was.urgent and not one.would.urgent]
        said = [*self._moved(found.pairs, later=True), *self._moved(found.pairs, later=False)]
        said += self._counted(
            gone, lambda n: ngettext("{n} alert would not have come.", "{n} alerts would not have come.", n)
        )
        said += self._counted(
            new, lambda n: ngettext("{n} alert would have come besides.", "{n} alerts would have come besides.", n)
        )
        said += self._counted(
            calmer,
            lambda n: ngettext("{n} alert would have been less urgent.", "{n} alerts would have been less urgent.", n),
        )
        return said or [self._wording.say("Not one alert would have come at another time.")]

    @property
    def expected(self) -> list[str]:
        """When each kind would mostly come under another number of alerts, and where that number cannot be kept."""
        found = self.found
        each = (found.expected if found is not None else None) or {}
        return [sentence for what, (was, would) in each.items() for sentence in self._expected(what, was, would)]

    def _expected(self, what: What, was: Expected, would: Expected) -> list[str]:
        say = self._wording.say
        values = {"kind": say(KINDS[what]), "was": self._minutes(was), "would": self._minutes(would)}
        if was.capped and would.capped:
            return [say("{kind}: comes by the limit already, after {would}.").format(**values)]
        if would.capped:
            return [say("{kind}: comes only by the limit, after {would}. Now after {was}.").format(**values)]
        same = values["was"] == values["would"]
        message = (
            mark("{kind}: stays mostly after {was}.")
            if same
            else mark("{kind}: mostly after {would}. Now after {was}.")
        )
        too_few = [] if would.reached else [say("Too few nights like these are known to keep to this number.")]
        return [" ".join([say(message).format(**values), *too_few])]

    def _minutes(self, one: Expected) -> str:
        return (
            self._wording.say("{minutes} minutes")
            .format(minutes=self._wording.number(round(one.minutes, 1)))
            .replace(" ", "\u00a0")
        )

    def _moved(self, pairs: Sequence[Pair], *, later: bool) -> list[str]:
        """Say how many would have come later, or sooner, and which by the most."""
        by = [(one.would.at - one.was.at, one.was) for one in pairs if one.was is not None and one.would is not None]
        moved = [(abs(span), was) for span, was in by if (span > timedelta()) is later and span]
        if not moved:
            return []
        span, was = max(moved, key=lambda one: one[0])
        n, ngettext = len(moved), self._wording.words.ngettext
        if later:
            message = ngettext(
                "That of {when} would have come {span} later.",
                "{n} alerts would have come later. Most of all that of {when}: {span}.",
                n,
            )
        else:
            message = ngettext(
                "That of {when} would have come {span} sooner.",
                "{n} alerts would have come sooner. Most of all that of {when}: {span}.",
                n,
            )
        return [message.format(n=n, when=self._when(was.at), span=self._span(span))]

    @staticmethod
    def _counted(pairs: Sequence[Pair], message: Callable[[int], str]) -> list[str]:
        return [message(len(pairs)).format(n=len(pairs))] if pairs else []

    @property
    def missed(self) -> str:
        """That alerts would not have come for which help was given; empty if none."""
        found = self.found
        missed = [one for one in found.pairs if one.needed and one.would is None] if found is not None else []
        if not missed:
            return ""
        message = self._wording.words.ngettext(
            "Help was given at {n} alert that would not have come: {when}.",
            "Help was given at {n} alerts that would not have come: {when}.",
            len(missed),
        )
        when = self._wording.every([self._when(one.was.at) for one in missed if one.was is not None])
        return message.format(n=len(missed), when=when)

    @property
    def notes(self) -> list[str]:
        """What the answer does not rest on."""
        found = self.found
        if found is None:
            return []
        say, ngettext = self._wording.say, self._wording.words.ngettext
        notes = [say("Both ways rest on what is known of this home today.")]
        if found.since is not None:
            said = say("The building has kept what the sensors said from {since} on only.")
            notes.append(said.format(since=self._wording.date(found.since)))
        n = len(found.unheard)
        if n:
            message = ngettext(
                "In {n} of these nights nothing was heard of this home.",
                "In {n} of these nights nothing was heard of this home.",
                n,
            )
            notes.append(message.format(n=n))
        if found.apart:
            message = ngettext(
                "{n} alert with help given does not come back when looking back.",
                "{n} alerts with help given do not come back when looking back.",
                found.apart,
            )
            notes.append(message.format(n=found.apart))
        return notes

    @property
    def rows(self) -> list[Row]:
        """Every alert, both ways: what changes first."""
        pairs = self.found.pairs if self.found is not None else ()
        rows = [self._row(one) for one in pairs]
        return sorted(rows, key=lambda row: row.look == "same")[:ROWS_MAX]

    @property
    def more(self) -> int:
        """How many are not told one by one."""
        found = self.found
        return 0 if found is None else max(0, len(found.pairs) - ROWS_MAX)

    def _row(self, pair: Pair) -> Row:
        say = self._wording.say
        either = pair.was or pair.would
        assert either is not None
        look, difference = "same", say("the same")
        if pair.was is None:
            look, difference = "new", say("comes besides")
        elif pair.would is None:
            look, difference = "gone", say("does not come")
        elif pair.was.at != pair.would.at:
            look = "moved"
            said = say("{span} later") if pair.would.at > pair.was.at else say("{span} sooner")
            difference = said.format(span=self._span(abs(pair.would.at - pair.was.at)))
        elif pair.was.urgent != pair.would.urgent:
            look, difference = "moved", say("may wait") if pair.was.urgent else say("urgent")
        return Row(
            night=self._wording.date(either.at),
            kind=say(KINDS[either.what]),
            was=self._time(pair.was),
            would=self._time(pair.would),
            difference=difference,
            look=look,
            needed=pair.needed,
        )

    def _time(self, one: Would | None) -> str:
        return "\u2013" if one is None else self._wording.time(one.at)

    def _when(self, at: datetime) -> str:
        return f"{self._wording.date(at)} {self._wording.time(at)}".replace(" ", "\u00a0")

    def _span(self, span: timedelta) -> str:
        return self._wording.duration(span).replace(" ", "\u00a0")

    # The picture.

    @property
    def picture(self) -> Picture | None:
        found = self.found
        if found is None:
            return None
        unheard = set(found.unheard)
        evenings = [found.first + timedelta(days=n) for n in range(found.nights)]
        columns = tuple(
            Column(
                LEFT + n * COLUMN,
                f"{evening.day}-{evening.month}" if n % _A_LABEL_EVERY == 0 else "",
                unheard=evening in unheard,
            )
            for n, evening in enumerate(evenings)
        )
        dots, moves = list[Dot](), list[tuple[float, float, float, float]]()
        for pair in found.pairs:
            places = [None if one is None else self._place(one, found) for one in (pair.was, pair.would)]
            was, would = places
            lost = " needed" if pair.needed and would is None else ""
            if was is not None:
                dots.append(Dot(was[0] - COLUMN / 5, was[1], f"was{lost}"))
            if would is not None:
                dots.append(Dot(would[0] + COLUMN / 5, would[1], "would"))
            if was is not None and would is not None:
                moves.append((was[0] - COLUMN / 5, was[1], would[0] + COLUMN / 5, would[1]))
        width = LEFT + found.nights * COLUMN + 4
        return Picture(width, TOP + HEIGHT + DAY + 22, columns, self._hours, tuple(moves), tuple(dots))

    def _place(self, one: Would, found: Comparison) -> tuple[float, float]:
        """Return where an alert stands: in the column of its night, by its hour; by day below the night."""
        night = self.home.night
        column = (night.of(one.at) - found.first).days
        x = LEFT + (column + 0.5) * COLUMN
        into = self._into(one.at)
        y = TOP + HEIGHT * into if into is not None else TOP + HEIGHT + DAY * 0.6
        return round(x, 1), round(y, 1)

    def _into(self, at: datetime) -> float | None:
        """Return how far into the watched night a moment lies, by the clock on the wall; None by day."""
        night = self.home.night
        if not night.covers(at):
            return None
        local = at.astimezone(zone_of(night.zone))
        minutes = (local.hour * 60 + local.minute - night.start.hour * 60 - night.start.minute) % (24 * 60)
        return minutes / self._long

    @property
    def _long(self) -> int:
        """How many minutes the watched night has by the clock."""
        night = self.home.night
        return (night.end.hour * 60 + night.end.minute - night.start.hour * 60 - night.start.minute) % (24 * 60)

    @cached_property
    def _hours(self) -> tuple[tuple[float, str], ...]:
        night = self.home.night
        start = night.start.hour * 60 + night.start.minute
        step = 120 if self._long > 5 * 60 else 60  # hours that still leave room for words
        first = -start % 60
        marks = [(minutes, (start + minutes) // 60 % 24) for minutes in range(first, self._long + 1, step)]
        hours = [(round(TOP + HEIGHT * minutes / self._long, 1), f"{hour:02}") for minutes, hour in marks]
        return (*hours, (TOP + HEIGHT + DAY * 0.6, self._wording.say("day")))
