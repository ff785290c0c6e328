"""The rehearsal: nights of people who do not exist, for a building that is not there.

Three layers, each a stream that the next one reads, so that a life may go on for years:

* a **life**: where a person is and how much they move, stay after stay, drawn from their habits;
* the **ways**: the same life with the steps in between, for whoever goes from bed to bathroom passes the hall;
* what the **sensors** make of it: a motion sensor that looks away for a minute after each report, a door that falls
  shut by itself, a sensor that is not heard for a while.

An incident is cut into a life and changes nothing before or after it, so that a night with it and the same night
without can be compared. Chance is drawn from the seed for each stay by itself, and so is every home.
"""

import heapq
import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import partial
from itertools import chain, pairwise, takewhile, tee
from math import exp
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from care.homes import ROOM_NAMES, Site
from detectors.findings import What
from detectors.homes import Home, HomeId, Kind, Night, ResidentId, RoomId, Sensor, SensorId, SiteId
from detectors.moments import SensorEvent, SensorSight
from gateway.lives import (
    Dice,
    Habits,
    Place,
    Stay,
    Visit,
    about_the_house,
    callers,
    chance_of,
    in_minutes,
    later,
    life,
    poisson,
    rounds,
    stay_in,
    ways,
)

Moment = SensorEvent | SensorSight

ZONE = ZoneInfo("Europe/Amsterdam")
START = datetime(2026, 3, 3, 1, 50, tzinfo=ZONE).astimezone(UTC)
"""When the demo night begins."""
DEMO_FOR = timedelta(hours=6, minutes=10)  # until 08:00

BLIND = timedelta(seconds=60)  # a battery motion sensor of the Aqara class ignores motion for so long after a report
CLEAR = timedelta(seconds=90)  # so long after the last report, Zigbee2MQTT says clear
DOOR_OPEN = timedelta(seconds=5)
NOTICED = timedelta(minutes=25)  # a sensor that is not heard is reported as unavailable after so long


class Mishap(StrEnum):
    """What can be cut into a night."""

    FALL = "fall"  # out of bed to the bathroom, and down there; hardly a movement after it, until somebody helps
    NOT_BACK = "not-back"  # out of bed, about the house, and not back
    LEFT = "left"  # out of bed, out by the front door, and not back
    BUTTON = "button"  # the help button is pressed twice; somebody comes


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """A mishap in one home. From `until` on, life is where it would have been without it."""

    home: HomeId
    kind: Mishap
    at: datetime
    until: datetime


def site(homes: int = 8) -> Site:
    """Draw up the plan of De Wilg: eight homes whose lives are told here, then as many more as asked for."""
    more = (str(number) for number in range(13, 13 + max(0, homes - len(_LIVES))))
    plans = tuple(_home(number) for number in [*_LIVES, *more][:homes])
    friendly = {str(sensor.id): (home.id, sensor.id) for home in plans for sensor in home.sensors}
    return Site(id=_SITE, name="De Wilg", zone=ZONE.key, homes=plans, friendly=friendly)


def demo_night(
    seed: int = 1, start: datetime = START, *, plan: Site | None = None, loop: bool = False
) -> Iterator[Moment]:
    """Yield the night of the demo: a story in its first hours, then a morning; with `loop`, days and nights after it.

    From the first minute somebody is up somewhere. In home 12 the resident leaves bed at 01:54 and falls in the
    bathroom; in home 3 the button is pressed at 02:30; the resident of home 8 goes out at 02:40; in home 7 somebody
    is up from 03:00 to 04:00; home 2 loses sight of its living room at 03:35.
    """
    start, homes = _to_ms(start), (plan or site()).homes
    told = heapq.merge(*(_home_moments(home, seed, start, scripts=_story(home, start)) for home in homes), key=_when)
    return _until(None if loop else start + DEMO_FOR, told)


def night(
    plan: Site,
    *,
    seed: int,
    start: datetime,
    hours: float = 12,
    incidents: Iterable[Incident] = (),
    habits: Mapping[HomeId, Habits] | None = None,
) -> Iterator[Moment]:
    """Yield what the sensors of a site say from `start` on, in the order of time.

    The first moments say how every bed and door stands at `start`. The same arguments give the same night, and a home
    has the same night whatever its neighbours do.

    Parameters
    ----------
    plan : the site. What happens where it has no sensor, nobody sees.
    seed : any number.
    start : with its zone.
    hours : how long; lives go on for as long as asked.
    incidents : those of one home must not overlap.
    habits : of the homes that shall not live as `habits_of` has it.

    Raises
    ------
    ValueError
        If incidents of one home overlap.
    KeyError
        If one is of a home that is not in the plan.
    """
    start = _to_ms(start)
    scripts: dict[HomeId, list[_Script]] = {home.id: [] for home in plan.homes}
    for one in sorted(incidents, key=lambda one: one.at):
        script = _scripted(one, chance_of(seed, one.home, _to_ms(one.at), "incident"))
        if scripts[one.home] and scripts[one.home][-1].end > script.start:
            raise ValueError(f"{one.home}: an incident at {one.at} begins before the one before it is over")
        scripts[one.home].append(script)
    homes = (
        _home_moments(home, seed, start, scripts=scripts[home.id], habits=(habits or {}).get(home.id))
        for home in plan.homes
    )
    return _until(start + timedelta(hours=hours), heapq.merge(*homes, key=_when))


def pace(at: datetime) -> float:
    """Return how much faster than asked an hour may pass: by day there is nothing here for a night watch."""
    return 1.0 if not time(8) <= at.astimezone(ZONE).time() < time(22) else 20.0


def habits_of(home: HomeId, seed: int) -> Habits:
    """Return how the resident lives: as told for the eight homes of the demo, drawn for any other.

    Homes differ in the median of a visit with a standard deviation of 0.41 of its logarithm, visits of one home by
    0.48 (detection study, section 5.7).
    """
    known = _LIVES.get(home.partition("/")[2])
    if known is not None:
        return known
    chance = chance_of(seed, home, "habits")
    late = chance.choice((0, 0, 0, 0, 30, 60, 120))  # minutes
    return Habits(
        to_bed=later(time(22, 30), late + chance.uniform(-60, 60)),
        rises=later(time(7, 0), late + chance.uniform(-60, 60)),
        visits=chance.gammavariate(2.0, 0.95),
        visit_median=4.6 * exp(chance.gauss(0, 0.41)),
        visit_sigma=0.48,
        walks=chance.choice((0.0, 0.0, 0.0, 0.02, 0.1)),
        smokes=chance.choice((*[0.0] * 9, 1.0)),
        silences=0.02,
    )


# The life of a resident.


# What is cut into a life.


class _Silence(NamedTuple):
    at: datetime
    until: datetime
    sensor: SensorId


class _Script(NamedTuple):
    """What happens in one home from `start` to `end`: stays in place of those drawn, and what comes on top of them."""

    start: datetime
    end: datetime
    stays: tuple[Stay, ...] = ()  # none: life is as drawn
    visits: tuple[Visit, ...] = ()
    presses: tuple[datetime, ...] = ()
    silences: tuple[_Silence, ...] = ()


def _scripted(incident: Incident, chance: random.Random) -> _Script:
    """Write an incident out (detection study, section 2.3), with what differs from one to the next drawn by chance."""
    at, until = _to_ms(incident.at), _to_ms(incident.until)
    match incident.kind:
        case Mishap.FALL:
            help_comes = Visit(until - in_minutes(6), in_minutes(12), Place.BATHROOM)
            return _Script(at, until, _fall(at, at + in_minutes(chance.uniform(1, 3)), chance), visits=(help_comes,))
        case Mishap.NOT_BACK:
            return _Script(at, until, tuple(about_the_house(at, until, chance)))
        case Mishap.LEFT:
            return _Script(at, until, (Stay(at, Place.OUT),))
        case Mishap.BUTTON:
            presses = tuple(at + timedelta(seconds=second) for second in (0, chance.uniform(4, 30)))
            help_comes = Visit(until - in_minutes(6), in_minutes(8), Place.BEDROOM)
            return _Script(at, until, presses=presses, visits=(help_comes,))


def _fall(at: datetime, fell: datetime, chance: random.Random) -> tuple[Stay, ...]:
    seen_moving = 0.5 if chance.random() < 0.3 else 0.0  # noqa: PLR2004  # in three of ten, for some minutes
    lies = fell + in_minutes(4)
    return stay_in(Place.BATHROOM, at), Stay(fell, Place.BATHROOM, seen_moving), Stay(lies, Place.BATHROOM)


def _cut_in(drawn: Iterable[Stay], scripts: Iterable[_Script]) -> Iterator[Stay]:
    """Put each script in the place of what was drawn for its time."""
    cuts = [script for script in scripts if script.stays]
    last: Stay | None = None
    for stay in drawn:
        while cuts and cuts[0].end <= stay.start:
            cut = cuts.pop(0)
            yield from cut.stays
            if last is not None:
                yield Stay(cut.end, last.place, last.moves)
        if not cuts or stay.start < cuts[0].start:
            yield stay
        last = stay


# The steps in between.


# What the sensors make of it.


class Trace(NamedTuple):
    """What a sensor could notice of a person, were it never blind."""

    at: datetime
    kind: Kind
    place: Place
    value: float = 1.0


def traces_of(stays: Iterable[Stay], dice: Dice) -> Iterator[Trace]:
    """Yield what could be noticed of one person."""
    before: Place | None = None
    for stay, after in pairwise(chain[Stay | None](stays, (None,))):
        assert stay is not None
        start, place, moves = stay
        came = before is not place
        if came and Place.BED in {before, place}:
            yield Trace(start, Kind.BED, Place.BED, float(place is Place.BED))
        if came and before is not None and Place.OUT in {before, place}:
            yield Trace(start, Kind.DOOR, Place.HALL)
        chance = dice(start, place)
        until = after.start if after is not None and moves else start
        at = start + (timedelta(seconds=1) if came else _next_move(moves, chance))
        while at < until:
            yield Trace(at, Kind.MOTION, place)
            at += _next_move(moves, chance)
        before = place


def _next_move(moves: float, chance: random.Random) -> timedelta:
    return in_minutes(chance.expovariate(moves)) if moves else timedelta()


def sensed(home: Home, traces: Iterable[Trace]) -> Iterator[SensorEvent]:
    """Let the sensors of a home notice what they can, and say by themselves that motion or opening is over.

    A bed is occupied while anybody is in it.
    """
    by_view: dict[tuple[Kind, str], list[Sensor]] = {}
    for sensor in home.sensors:
        by_view.setdefault(_view(sensor.kind, home.kind_of(sensor.room)), []).append(sensor)
    views = {
        (kind, place): by_view.get(_view(kind, _SEEN_IN.get(place, place)), ()) for kind in Kind for place in Place
    }
    reported: dict[SensorId, datetime] = {}
    ends: dict[SensorId, SensorEvent] = {}
    sleepers = 0
    for trace in traces:
        at = _to_ms(trace.at)
        for over in sorted((end for end in ends.values() if end.at <= at), key=_when):
            yield ends.pop(over.sensor)
        if trace.kind is Kind.BED:
            sleepers += 1 if trace.value else -1
            if sleepers != trace.value:  # somebody else is in it, before and after
                continue
        for sensor in views[trace.kind, trace.place]:
            if trace.kind is Kind.MOTION and at - reported.get(sensor.id, at - BLIND) < BLIND:
                continue
            event = SensorEvent(
                at=at, home=home.id, sensor=sensor.id, room=sensor.room, kind=sensor.kind, value=trace.value
            )
            if trace.kind is not Kind.DOOR or sensor.id not in ends:  # an open door cannot be opened
                yield event
            if trace.kind in _OVER_AFTER:
                reported[sensor.id] = at
                ends[sensor.id] = msgspec.structs.replace(event, at=at + _OVER_AFTER[trace.kind], value=0.0)


_SEEN_IN = {Place.BED: Place.BEDROOM}  # who stirs in bed is seen by a motion sensor in the bedroom
_OVER_AFTER = {Kind.MOTION: CLEAR, Kind.DOOR: DOOR_OPEN}


def _view(kind: Kind, place: str) -> tuple[Kind, str]:
    """Return what tells apart the sensors of a kind: motion is seen in one room, all others are the only ones."""
    return kind, str(place) if kind is Kind.MOTION else ""


def _heard(home: Home, events: Iterable[SensorEvent], silences: Iterable[_Silence]) -> Iterator[Moment]:
    """Drop what a sensor says while it is not heard, and say in time that it is not."""
    windows, known = tee(_one_by_one(silences))
    sights = (sight for silence in known for sight in _sights(home, silence))
    silent: _Silence | None = None
    streams: tuple[Iterable[Moment | _Silence], ...] = (windows, events, sights)
    for thing in heapq.merge(*streams, key=_when):
        if isinstance(thing, _Silence):
            silent = thing
        elif isinstance(thing, SensorSight) or silent is None or not _covers(silent, thing):
            yield thing


def _covers(silence: _Silence, event: SensorEvent) -> bool:
    return event.sensor == silence.sensor and event.at < silence.until


def _sights(home: Home, silence: _Silence) -> Iterator[SensorSight]:
    noticed_at = silence.at + NOTICED
    if noticed_at < silence.until:
        yield SensorSight(at=noticed_at, home=home.id, sensor=silence.sensor, seen=False, reason="availability")
        yield SensorSight(at=silence.until, home=home.id, sensor=silence.sensor, seen=True)


def _silences(home: Home, habits: Habits, dice: Dice, first: date, zone: ZoneInfo) -> Iterator[_Silence]:
    sensors = [sensor.id for sensor in home.sensors if sensor.kind is Kind.MOTION]
    day = first
    while habits.silences and sensors:
        chance = dice(day, "silences")
        evening = datetime.combine(day, time(22), tzinfo=zone).astimezone(UTC)
        begins = sorted(
            evening + timedelta(hours=chance.uniform(0, 9)) for _ in range(poisson(habits.silences, chance))
        )
        for at in begins:
            until = at + timedelta(hours=chance.uniform(1, 3))
            yield _Silence(_to_ms(at), _to_ms(until), chance.choice(sensors))
        day += timedelta(days=1)


def _one_by_one(silences: Iterable[_Silence]) -> Iterator[_Silence]:
    """Leave out a silence that begins before the one before it is over."""
    free: datetime | None = None
    for silence in silences:
        if free is None or silence.at > free:
            yield silence
            free = silence.until


# A home, all in all.


def _home_moments(
    home: Home, seed: int, start: datetime, *, scripts: Iterable[_Script], habits: Habits | None = None
) -> Iterator[Moment]:
    """Yield how a home stands at `start`, and then without end what its sensors say."""
    habits = habits or habits_of(home.id, seed)
    scripts = tuple(scripts)
    zone = ZoneInfo(home.night.zone)
    first = start.astimezone(zone).date() - timedelta(days=2)  # so that nothing of the beginning is left by `start`
    dice = partial(chance_of, seed, home.id)
    resident = _cut_in(life(habits, dice, first, zone), scripts)
    visits = heapq.merge(rounds(habits, dice, first, zone), (visit for one in scripts for visit in one.visits))
    others = callers(visits, datetime.combine(first, time(), tzinfo=zone).astimezone(UTC))
    traces = heapq.merge(
        traces_of(ways(resident, dice), partial(dice, "resident")),
        traces_of(ways(others, dice), partial(dice, "caller")),
        (Trace(at, Kind.BUTTON, Place.BED) for one in scripts for at in one.presses),
        key=_when,
    )
    silences = heapq.merge(
        _silences(home, habits, dice, first, zone), (silence for one in scripts for silence in one.silences)
    )
    return told_from(_to_ms(start), home, _heard(home, sensed(home, traces), silences))


def told_from(start: datetime, home: Home, moments: Iterator[Moment]) -> Iterator[Moment]:
    """Say once how beds, doors and sensors stand at `start`; leave out what was before."""
    stands: dict[SensorId, SensorEvent] = {}
    unseen: dict[SensorId, SensorSight] = {}
    for moment in moments:
        if moment.at > start:
            break
        if isinstance(moment, SensorSight):
            unseen[moment.sensor] = moment
        else:
            stands[moment.sensor] = moment
    for sensor in home.sensors:
        if sensor.kind in {Kind.BED, Kind.DOOR}:
            value = stands[sensor.id].value if sensor.id in stands else 0.0
            yield SensorEvent(at=start, home=home.id, sensor=sensor.id, room=sensor.room, kind=sensor.kind, value=value)
        if sensor.id in unseen and not unseen[sensor.id].seen:
            yield msgspec.structs.replace(unseen[sensor.id], at=start)
    yield from chain((moment,), moments)


def _until(end: datetime | None, moments: Iterable[Moment]) -> Iterator[Moment]:
    return takewhile(lambda moment: end is None or moment.at < end, moments)


# The eight homes, and their night.

_SITE = SiteId("wilg")

_LIVES: dict[str, Habits] = {
    "1": Habits(visits=0.3, rounds=(time(3, 20),)),
    "2": Habits(to_bed=time(21, 30), rises=time(5, 30), night=Night(start=time(21, 30), end=time(4, 45))),
    "3": Habits(visits=2.0, visit_median=4.6),
    "4": Habits(smokes=1.5, to_bed=time(23, 40)),
    "7": Habits(walks=0.8, agreed_soon=(What.OOB_ACTIVE,)),
    "8": Habits(),
    "11": Habits(to_bed=time(2, 30), rises=time(12), night=Night(start=time(2, 30), end=time(12))),
    "12": Habits(visits=2.0, rises=time(7, 40)),
}

ROOMS = {
    Place.BEDROOM: "slaapkamer",
    Place.BATHROOM: "badkamer",
    Place.LIVING: "woonkamer",
    Place.KITCHEN: "keuken",
    Place.HALL: "gang",
}
SENSORS = {
    "bed": (Kind.BED, Place.BEDROOM),
    "door": (Kind.DOOR, Place.HALL),
    "bedroom": (Kind.MOTION, Place.BEDROOM),
    "bath": (Kind.MOTION, Place.BATHROOM),
    "living": (Kind.MOTION, Place.LIVING),
    "kitchen": (Kind.MOTION, Place.KITCHEN),
    "hall": (Kind.MOTION, Place.HALL),
    "button": (Kind.BUTTON, Place.BEDROOM),
}


def _home(number: str) -> Home:
    known = _LIVES.get(number, Habits())
    return Home(
        id=HomeId(f"{_SITE}/{number}"),
        resident=ResidentId(f"r-{int(number):04}"),
        rooms={RoomId(room): ROOM_NAMES[room] for room in ROOMS.values()},
        sensors=tuple(
            Sensor(id=SensorId(f"{number}/{name}"), kind=kind, room=RoomId(ROOMS[place]))
            for name, (kind, place) in SENSORS.items()
        ),
        night=known.night,
        agreed_soon=known.agreed_soon,
    )


def _story(home: Home, start: datetime) -> list[_Script]:
    """Return what happens in a home in the demo night, told as if it began at 01:50."""

    def at(clock: str) -> datetime:
        told = datetime.combine(START.astimezone(ZONE), time.fromisoformat(clock), tzinfo=ZONE)
        return start + (told - START)

    def stays(*told: tuple[str, Place]) -> tuple[Stay, ...]:
        return tuple(stay_in(place, at(clock)) for clock, place in told)

    begin, end = at("01:00"), at("04:20")
    bed, bath, kitchen, living, out = Place.BED, Place.BATHROOM, Place.KITCHEN, Place.LIVING, Place.OUT
    number = home.id.partition("/")[2]
    nights: dict[str, tuple[Stay, ...]] = {
        "1": stays(("01:00", bed), ("02:06", bath), ("02:09", bed)),
        "2": stays(("01:00", bed), ("01:51", bath), ("01:55", bed), ("02:12", bath), ("02:15", bed)),
        "3": stays(("01:00", bed), ("01:57", bath), ("02:01", bed)),
        "4": stays(("01:00", bed), ("02:02", out), ("02:05", bed)),
        "7": (
            *stays(("01:00", bed), ("02:09", kitchen), ("02:13", bed)),
            *about_the_house(at("03:00"), at("04:00"), chance_of(home.id, "story")),
            *stays(("04:00", bed)),
        ),
        "8": stays(("01:00", bed), ("01:53", bath), ("01:56", bed), ("02:39", out), ("03:40", bed)),
        "11": stays(("01:00", living), ("01:52", kitchen), ("01:59", living), ("02:18", bath), ("02:26", bed)),
        "12": (*stays(("01:00", bed), ("01:54", bath)), Stay(at("02:00"), bath), *stays(("03:12", bed))),
    }
    more: dict[str, _Script] = {
        "2": _Script(begin, end, silences=(_Silence(at("03:10"), at("05:05"), SensorId("2/living")),)),
        "3": _Script(
            begin,
            end,
            presses=(at("02:30"), at("02:30") + timedelta(seconds=12)),
            visits=(Visit(at("02:52"), in_minutes(8), Place.BEDROOM),),
        ),
        "12": _Script(begin, end, visits=(Visit(at("03:06"), in_minutes(14), Place.BATHROOM),)),
    }
    if number not in nights:
        return []
    return [more.get(number, _Script(begin, end))._replace(stays=nights[number])]


# Chance and the clock.


def _to_ms(at: datetime) -> datetime:
    """Return an instant as bridges date it: in UTC, to the millisecond."""
    return at.astimezone(UTC) - timedelta(microseconds=at.microsecond % 1000)


def _when(thing: Moment | Trace | _Silence) -> datetime:
    return thing.at
