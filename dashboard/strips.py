"""When a home was not seen: a strip for each of the last nights, and for every gap in it why, and what could not come.

No data is never "no alert": what nobody could see is hatched here as it is everywhere, and says which alerts it cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from care.labels import KINDS, WHYS
from care.language import mark
from care.records import site_of
from care.sights import Can, Stretch, Why, kinds, last_nights, stretches
from care.telling import AT_NIGHT
from care.wording import Wording, capital
from dashboard.glance import Glance
from detectors.findings import Presence, Sight, Status
from detectors.homes import Home, Kind, SensorId

NIGHTS = 7
WIDTH = 480.0  # of a strip, in its own units
GAPS_MAX = 40  # told one by one; a sensor that comes and goes all night makes no longer list
_SENSORS_NAMED_MAX = 3
_NEVER = frozenset({Can.NONE, Can.OFF})  # whatever is seen
_TICK = timedelta(hours=1)  # between two marks under the strips
_FIGURES_MAX = 5

_GONE: dict[Sight, str] = {
    Sight.BLIND: mark("no sight for {span}"),
    Sight.PARTLY: mark("partly for {span}"),
    Sight.PAUSED: mark("paused for {span}"),
}

_WORDS: dict[Sight, str] = {
    Sight.BLIND: mark("no sight"),
    Sight.PARTLY: mark("partly in sight"),
    Sight.PAUSED: mark("paused"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a strip that looks the same: seen, partly, blind or paused."""

    look: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which not everything could be seen."""

    look: str
    when: str  # from when until when
    word: str
    why: str
    sensors: str  # which, where it is not all of them
    cost: str  # which alerts could not come


@dataclass(frozen=True, slots=True)
class Strip:
    """One night."""

    id: str
    name: str  # by its two dates
    said: tuple[tuple[str, str], ...]  # how much was not seen: look and words; the whole night if nothing was
    parts: tuple[Part, ...]
    gaps: tuple[Gap, ...]
    more: int  # gaps that are not told one by one
    until: str  # up to when, of a night that is still running; else empty


@dataclass(frozen=True)
class Strips:
    """The last nights of one home."""

    plan: Home
    glance: Glance

    @cached_property
    def wording(self) -> Wording:
        return self.glance.wording_of(site_of(self.plan.id))

    @cached_property
    def nights(self) -> tuple[Strip, ...]:
        """The nights since anything was told of the home, the newest first."""
        diary = self.glance.board.sights
        known_from, records = diary.begins(self.plan.id), diary.of(self.plan.id)
        if known_from is None:
            return ()
        return tuple(
            self._strip(start, end, stretches(records, self.plan, start, min(end, self.glance.now)))
            for start, end in reversed(self._spans)
            if end > known_from
        )

    @cached_property
    def hours(self) -> list[tuple[float, str]]:
        """Figures under the strips, by the clock of the newest night."""
        start, end = self._spans[-1]
        marks = [start + _TICK * n for n in range(1, int((end - start) / _TICK) + 1)]
        every = max(1, -(-len(marks) // _FIGURES_MAX))
        return [(_x(at, start, end), f"{at.astimezone(self.wording.zone):%H}") for at in marks[every - 1 :: every]]

    @cached_property
    def _spans(self) -> list[tuple[datetime, datetime]]:
        return last_nights(self.plan.night, self.glance.now, NIGHTS)

    def _strip(self, start: datetime, end: datetime, told: Sequence[Stretch]) -> Strip:
        unseen = [one for one in told if one.sight is not Sight.WATCHED]
        running = end > self.glance.now
        names = [self.wording.date(at) for at in (start, end)]
        return Strip(
            id=f"{self.plan.id.replace('/', ':')}:{start:%Y%m%d}",
            name=self.wording.say("{first} to {second}").format(first=names[0], second=names[1])
            if names[0] != names[1]
            else names[0],
            said=self._said(unseen, running=running),
            parts=tuple(part_of(one, start, end) for one in told),
            gaps=tuple(self._gap(one) for one in unseen[:GAPS_MAX]),
            more=len(unseen[GAPS_MAX:]),
            until=self.wording.time(self.glance.now) if running else "",
        )

    def _said(self, unseen: Sequence[Stretch], *, running: bool) -> tuple[tuple[str, str], ...]:
        say = self.wording.say
        if not unseen:
            return (("seen", say("in sight so far") if running else say("in sight all night")),)
        spans = {
            sight: sum((one.end - one.start for one in unseen if one.sight is sight), timedelta()) for sight in _GONE
        }
        return tuple(
            (sight.value, say(words).format(span=self.wording.short(spans[sight])))
            for sight, words in _GONE.items()
            if spans[sight]
        )

    def _gap(self, one: Stretch) -> Gap:
        say = self.wording.say
        whys = [] if one.why == (Why.PAUSED,) else [say(WHYS[why]) for why in one.why]
        return Gap(
            look=one.sight.value,
            when=f"{self.wording.time(one.start)}\u2013{self.wording.time(one.end)}",
            word=capital(say(_WORDS[one.sight] if whys or Why.PAUSED not in one.why else WHYS[Why.PAUSED])),
            why=capital(self.wording.every(whys)) if whys else "",
            sensors=self._sensors(one) if one.sight is Sight.PARTLY else "",
            cost=self._cost(one),
        )

    def _sensors(self, one: Stretch) -> str:
        named = [
            f"{self.wording.sensor(sensor.kind)} {self._stands(sensor.id)}"
            for sensor in self.plan.sensors
            if sensor.id in one.blind
        ]
        if len(named) > _SENSORS_NAMED_MAX:
            counted = self.wording.words.ngettext("{n} sensor", "{n} sensors", len(named))
            return self.wording.count(counted, len(named))
        return capital(self.wording.every(named)) if named else ""

    def _stands(self, sensor: SensorId) -> str:
        known = next(one for one in self.plan.sensors if one.id == sensor)
        return (
            self.wording.say("at the front door")
            if known.kind is Kind.DOOR
            else self.wording.place(self.plan, known.room)
        )

    def _cost(self, one: Stretch) -> str:
        """Which alerts of the night could not come. Who has paused has chosen so, and can call for help."""
        say = self.wording.say
        stood = Status(at=one.start, home=self.plan.id, presence=Presence.UNKNOWN, sight=one.sight, blind=one.blind)
        cans = {what: can for what, can in kinds(self.plan, stood).items() if what in AT_NIGHT and can not in _NEVER}
        lost = [what for what, can in cans.items() if can in {Can.BLIND, Can.PAUSED}]
        if not lost:
            return say("Other sensors still saw enough for every kind of alert.")
        if len(lost) == len(cans):
            return say("No alert could come.")
        if one.sight is Sight.PAUSED:
            return say("Only a call for help could come.")
        named = self.wording.every([f"\u201c{say(KINDS[what])}\u201d" for what in lost])
        return say("This could not be told: {kinds}.").format(kinds=named)


def part_of(one: Stretch, start: datetime, end: datetime) -> Part:
    look = "seen" if one.sight is Sight.WATCHED else one.sight.value
    x = _x(one.start, start, end)
    return Part(look, x, max(1.5, round(_x(one.end, start, end) - x, 1)))  # a minute too must be seen


def _x(at: datetime, start: datetime, end: datetime) -> float:
    return round(WIDTH * ((at - start) / (end - start)), 1)
