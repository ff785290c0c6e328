"""A walk through a home: which sensor is asked for next, what came of those before, and what to do about it. Pure.

Everything is computed anew from what was heard, dated by its arrival here, so that nothing depends on the order in
which it was taken in. Whoever walks is asked for one sensor after another; what did not do as it should is asked for
a second time at the end, when it is known what each sensor says at rest.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import NamedTuple

import msgspec

from care.language import mark
from care.proofs import PASSED, Print, Verdict, WalkedSensor, places
from detectors.homes import Home, HomeId, Instant, Kind, RoomKind, Sensor, SensorId
from gateway.installer import survey
from gateway.installer.survey import Advice

PATIENCE = timedelta(seconds=60)  # for a sensor, from when it is asked for
BLIND = timedelta(seconds=150)  # that a motion sensor may be blind after motion: 60 to 120 s, by its make
LATE_WITHIN = timedelta(seconds=60)  # past its time; what comes later was somebody who passed by
ROUNDS = 2
HEARD_MAX = 5_000

TWO_SIDED = frozenset({Kind.BED, Kind.DOOR})
"""What has a rest, which is 0.0, and must come back to it."""

_ROOMS = (
    RoomKind.HALL,
    RoomKind.LIVING,
    RoomKind.KITCHEN,
    RoomKind.LANDING,
    RoomKind.OTHER,
    RoomKind.BEDROOM,
    RoomKind.BATHROOM,
    RoomKind.TOILET,
    RoomKind.OUTSIDE,
)
_KINDS = (Kind.MOTION, Kind.USE, Kind.BED)


class Doing(StrEnum):
    """What whoever walks is asked to do."""

    START = "start"  # lie down, open, walk, use, press
    END = "end"  # get up, close


class Heard(NamedTuple):
    """Something that a sensor said, dated by its arrival."""

    at: datetime
    home: HomeId
    sensor: SensorId
    kind: Kind
    value: float


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The sensor that is waited for now."""

    sensor: SensorId
    doing: Doing
    since: Instant
    until: Instant
    again: bool = False  # it is the second round


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a walk is."""

    found: tuple[WalkedSensor, ...]  # in the order of the walk
    asked: Asked | None  # None: it is done

    @property
    def passed(self) -> bool:
        """Whether it is done, and every sensor did as it should."""
        return self.asked is None and all(one.verdict in PASSED for one in self.found)


def in_order(home: Home) -> tuple[Sensor, ...]:
    """Return the sensors of a home in the order of a walk: in at the front door, room by room, help buttons last.

    Rooms that one passes through come first: a sensor in one that is proven does not speak for the one behind it.
    """

    def place(sensor: Sensor) -> tuple[int, int, str, int, str]:
        first = 0 if sensor.kind is Kind.DOOR else 2 if sensor.kind is Kind.BUTTON else 1
        kind = _KINDS.index(sensor.kind) if sensor.kind in _KINDS else 0
        return first, _ROOMS.index(home.kind_of(sensor.room)), sensor.room, kind, sensor.id

    return tuple(sorted(home.sensors, key=place))


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """A walk through one home, and all that was heard in it."""

    home: Home
    devices: Mapping[SensorId, Print] = {}
    began_at: Instant
    at_rest: Mapping[SensorId, float] = {}  # what sensors said last before it began, where that is known
    heard: frozenset[Heard] = frozenset()
    links: Mapping[SensorId, tuple[float, ...]] = {}  # LQI of their messages

    def hearing(self, heard: Iterable[Heard]) -> "Walk":
        """Return the walk with more heard. What comes twice is one."""
        known = self.heard | {*heard}
        return self if len(known) > HEARD_MAX else msgspec.structs.replace(self, heard=known)

    def received(self, sensor: SensorId, link: float) -> "Walk":
        """Return the walk with the link quality of one more message."""
        known = (*self.links.get(sensor, ()), link)[-100:]
        return msgspec.structs.replace(self, links={**self.links, sensor: known})

    def at(self, now: datetime) -> Progress:
        """Return how far the walk is."""
        heard = sorted(one for one in self.heard if one.at <= now)
        found: dict[SensorId, WalkedSensor] = {}
        turn, order = self.began_at, in_order(self.home)
        for n in range(ROUNDS):
            asked_for = [one for one in order if one.id not in found or found[one.id].verdict not in PASSED]
            missed: dict[SensorId, datetime] = {}
            for sensor in asked_for:
                proven = frozenset(one for one, its in found.items() if its.verdict in PASSED)
                came = self._answer(sensor, turn, now, heard, proven)
                if isinstance(came, Asked):
                    found = self._with_late(found, missed, heard, now)
                    return self._progress(found, msgspec.structs.replace(came, again=n > 0))
                found[sensor.id], turn = came
                if found[sensor.id].verdict not in PASSED:
                    missed[sensor.id] = turn
            found = self._with_late(found, missed, heard, turn)
        return self._progress(found, None)

    def _progress(self, found: Mapping[SensorId, WalkedSensor], asked: Asked | None) -> Progress:
        said = tuple(found[one.id] for one in in_order(self.home) if one.id in found)
        return Progress(found=said, asked=asked)

    def _answer(
        self, sensor: Sensor, since: datetime, now: datetime, heard: Sequence[Heard], proven: frozenset[SensorId]
    ) -> Asked | tuple[WalkedSensor, datetime]:
        """Return what came of a sensor and when that was known, or that it is still waited for."""
        own = [one for one in heard if (one.home, one.sensor) == (self.home.id, sensor.id)]
        until = since + PATIENCE
        before = [one.at for one in own if one.at < since and one.value == 1.0]
        if sensor.kind is Kind.MOTION and before:
            until = max(until, before[-1] + BLIND) if since - before[-1] < BLIND else until
        began = self._beginning(sensor, own, since, until)
        if began is not None:
            return self._end(sensor, own, began, now)
        if now < until:
            return Asked(sensor=sensor.id, doing=Doing.START, since=since, until=until)
        instead = self._instead(sensor, heard, since, until, proven)
        if instead is not None:
            return self._walked(sensor, Verdict.SWAPPED, until, instead)
        on = any(since <= one.at <= until and one.value == 1.0 for one in own)
        return self._walked(sensor, Verdict.STUCK if on else Verdict.NOTHING, until)

    def _beginning(self, sensor: Sensor, own: Sequence[Heard], since: datetime, until: datetime) -> Heard | None:
        """Return what a sensor said when it was triggered: 1.0, or 0.0 where it has that the wrong way round.

        What repeats the state at rest, as sensors that check in do, is no answer.
        """
        earlier = [one.value for one in own if one.at < since]
        rest = earlier[-1] if earlier else self.at_rest.get(sensor.id)
        for one in own:
            if since <= one.at <= until and one.value in (0.0, 1.0):
                if sensor.kind not in TWO_SIDED and one.value == 1.0:
                    return one
                if sensor.kind in TWO_SIDED and one.value != rest:
                    return one
        return None

    def _end(
        self, sensor: Sensor, own: Sequence[Heard], began: Heard, now: datetime
    ) -> Asked | tuple[WalkedSensor, datetime]:
        """Return what came of a sensor that said it began: it must say, too, that it is over.

        One that has it the wrong way round is waited for as well, so that nobody lies there in the second round.
        """
        if sensor.kind not in TWO_SIDED:
            return self._walked(sensor, Verdict.ARRIVED, began.at)
        until, reversed_ = began.at + PATIENCE, began.value == 0.0
        ended = next((one for one in own if began.at < one.at <= until and one.value == 1.0 - began.value), None)
        if ended is None and now < until:
            return Asked(sensor=sensor.id, doing=Doing.END, since=began.at, until=until)
        at = until if ended is None else ended.at
        if reversed_:
            return self._walked(sensor, Verdict.REVERSED, at)
        return self._walked(sensor, Verdict.STUCK if ended is None else Verdict.ARRIVED, at)

    def _instead(
        self, sensor: Sensor, heard: Sequence[Heard], since: datetime, until: datetime, proven: frozenset[SensorId]
    ) -> SensorId | None:
        """Return which sensor answered in place of one: of its kind, and not yet proven to be where it should.

        One in this home comes first. Of other homes, where people live, only if it was the only one.
        """
        of_kind = [
            one
            for one in heard
            if since <= one.at <= until
            and one.kind is sensor.kind
            and one.value == 1.0
            and one.sensor != sensor.id
            and one.sensor not in proven
        ]
        here = [one.sensor for one in of_kind if one.home == self.home.id]
        elsewhere = [*dict.fromkeys(one.sensor for one in of_kind if one.home != self.home.id)]
        if here:
            return here[0]
        return elsewhere[0] if len(elsewhere) == 1 else None

    def _with_late(
        self,
        found: dict[SensorId, WalkedSensor],
        missed: Mapping[SensorId, datetime],
        heard: Sequence[Heard],
        until: datetime,
    ) -> dict[SensorId, WalkedSensor]:
        """Return what was found, with what came after its time. A help button that comes late is none."""
        late = dict(found)
        for sensor, gave_up in missed.items():
            known = found[sensor]
            if known.verdict is not Verdict.NOTHING or known.place.kind is Kind.BUTTON:
                continue
            end = min(gave_up + LATE_WITHIN, until)
            came = [one for one in heard if one.sensor == sensor and gave_up < one.at <= end and one.value == 1.0]
            if came:
                late[sensor] = msgspec.structs.replace(known, verdict=Verdict.LATE, at=came[0].at)
        return late

    def _walked(
        self, sensor: Sensor, verdict: Verdict, at: datetime, instead: SensorId | None = None
    ) -> tuple[WalkedSensor, datetime]:
        links = self.links.get(sensor.id, ())
        one = WalkedSensor(
            sensor=sensor.id,
            place=places(self.home, self.devices)[sensor.id],
            verdict=verdict,
            at=at,
            instead=instead,
            link=float(median(links)) if links else None,
        )
        return one, at


DO: dict[tuple[Kind, Doing], str] = {
    (Kind.DOOR, Doing.START): mark("Open the door of {name}."),
    (Kind.DOOR, Doing.END): mark("Close that door again."),
    (Kind.BED, Doing.START): mark("Lie down on the bed of {name}."),
    (Kind.BED, Doing.END): mark("Get up from that bed."),
    (Kind.MOTION, Doing.START): mark("Walk about before {name}, in: {room}."),
    (Kind.USE, Doing.START): mark("Use what {name} sits on, in: {room}."),
    (Kind.BUTTON, Doing.START): mark("Press help button {name}. That is a real call: the desk answers."),
}
"""What whoever walks is to do."""

SAID: dict[Verdict, str] = {
    Verdict.ARRIVED: mark("good"),
    Verdict.LATE: mark("good, but late"),
    Verdict.REVERSED: mark("the wrong way round"),
    Verdict.STUCK: mark("stays on"),
    Verdict.SWAPPED: mark("another sensor answered"),
    Verdict.NOTHING: mark("nothing came"),
}
"""What came of a sensor, in a word."""


def advice(found: WalkedSensor, home: Home) -> Iterator[Advice]:
    """Yield what to do about a sensor that did not do as it should; nothing about one that did."""
    name, sensor = str(found.sensor), next((one for one in home.sensors if one.id == found.sensor), None)
    match found.verdict:
        case Verdict.REVERSED:
            line = mark("{name} says it the wrong way round. Is the model in the plan right? Turn sensor or magnet.")
            yield Advice(line, {"name": name})
        case Verdict.STUCK:
            yield Advice(mark("{name} does not say that it is over. Look at how it is fixed."), {"name": name})
        case Verdict.SWAPPED:
            line = mark("{other} answered in place of {name}. Swap the two, or change the plan.")
            yield Advice(line, {"name": name, "other": str(found.instead)})
        case Verdict.NOTHING if sensor is not None:
            bad = found.link is not None and survey.reach([found.link]) is not survey.Verdict.GOOD
            heard = mark("Nothing came from {name}, and its reach is poor. Put a router in: {room}.")
            line = mark("Nothing came from {name}. Look at its battery, or put a router in: {room}.")
            yield Advice(heard if bad else line, {"name": name, "room": survey.router_room(home, sensor)})
        case Verdict.LATE:
            yield Advice(mark("{name} came late. Messages may get lost: look at its reach."), {"name": name})
