"""Cohorts: hundreds of homes that are not there, drawn with a seed from the figures of homes that are.

A home is drawn by its number alone, so home 17 is the same in a cohort of twenty and of four hundred. Nobody falls in
a cohort and nobody needs help: every alert in it is false, until an incident is cut in. What is published or measured
is cited (detection study); all other figures are judgement, and stand here to be replaced by measured ones.
"""

import heapq
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import partial
from itertools import takewhile
from math import exp
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from care.homes import ROOM_NAMES
from detectors.homes import Home, HomeId, Kind, Night, ResidentId, RoomId, Sensor, SensorId
from detectors.moments import SensorEvent
from gateway.lives import (
    Daytime,
    Dice,
    Habits,
    Stay,
    callers,
    chance_of,
    in_minutes,
    later,
    life,
    poisson,
    rounds,
    visitors,
    ways,
)
from gateway.rehearsal import ROOMS, SENSORS, sensed, told_from, traces_of

BED_SENSORS = 0.7  # share of homes with a sensor in the bed; the others have a motion sensor in the bedroom

OUTAGE_EVERY = 170.0  # home-days: CASAS hh101 and hh102 had one in 150 to 190 (detection study, section 1)
OUTAGE_HOURS = 2.0, 48.0
DEAF_EVERY = 120.0  # home-days from one spell of a silent motion sensor to the next
DEAF_HOURS = 3.0, 72.0
STUCK_EVERY = 250.0  # home-days from one sticking of the bed sensor to the next
STUCK_HOURS = 1.0, 12.0
LET_GO_HOURS = 5 / 3600, 4 / 60  # for which a bed sensor loses somebody who lies still
DOUBLED = 0.003  # share of messages that arrive twice

MEDIAN_MIN = 4.6  # of a bathroom stay, in the middle home; homes differ by 0.41 of its logarithm (section 5.7)
SIGMA_HOMES = 0.41
SIGMA_WITHIN = 0.48


class Profile(StrEnum):
    """What kind of nights somebody has."""

    QUIET = "quiet"  # sleeps, and is up less than once
    EARLY = "early"  # up for the day between a quarter to five and six
    WALKER = "walker"  # up for half an hour to one and a half, in living room and kitchen
    NOCTURIA = "nocturia"  # to the bathroom three times and more
    COUPLE = "couple"  # two in one bed, who get up each for themselves
    ROUNDS = "rounds"  # staff come in at night, one to three times
    LATE_SLEEPER = "late-sleeper"  # sleeps from half past two till noon, and that is agreed
    MILD_ID = "mild-id"  # mild intellectual disability: day work, weekends at home, television, late to bed


SHARES = {
    Profile.QUIET: 0.25,
    Profile.EARLY: 0.13,
    Profile.WALKER: 0.10,
    Profile.NOCTURIA: 0.17,
    Profile.COUPLE: 0.08,
    Profile.ROUNDS: 0.08,
    Profile.LATE_SLEEPER: 0.04,
    Profile.MILD_ID: 0.15,
}
"""Shares of homes. Every second older person is up twice a night or more (section 1), the mean is 1.9 (section 5.7)."""

_VISITS = {  # to the bathroom, drawn for a person and night; some fall together, or into going to bed and rising
    Profile.QUIET: 0.8,
    Profile.EARLY: 1.6,
    Profile.WALKER: 2.6,
    Profile.NOCTURIA: 4.5,
    Profile.COUPLE: 1.6,
    Profile.ROUNDS: 2.7,
    Profile.LATE_SLEEPER: 1.4,
    Profile.MILD_ID: 1.3,
}


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """A home of a cohort, and how those who live in it live."""

    number: int
    seed: int
    profile: Profile
    home: Home
    habits: tuple[Habits, ...]  # of each who lives there; rounds and visitors stand with the first
    lets_go: float = 0.0  # times a day that the bed sensor loses whoever lies on it then


def draw(number: int, *, seed: int) -> Drawn:
    """Draw one home of a cohort.

    Parameters
    ----------
    number : which one, from 0. Its home is called "cohort/<number>".
    seed : of the cohort. The same seed and number give the same home, however many are drawn.
    """
    chance = chance_of(seed, number, "home")
    profile = chance.choices(list(SHARES), list(SHARES.values()))[0]
    has_bed = chance.random() < BED_SENSORS
    lets_go = (2.0 if chance.random() < 0.15 else 0.06) if has_bed else 0.0  # noqa: PLR2004  # some mats are worn out
    habits = _habits(profile, chance)
    if not has_bed:
        habits = msgspec.structs.replace(habits, stirs=chance.uniform(0.3, 2.0))
    everybody = (habits, _partner(habits, chance)) if profile is Profile.COUPLE else (habits,)
    return Drawn(
        number=number,
        seed=seed,
        profile=profile,
        home=_home(number, habits.night, has_bed=has_bed),
        habits=everybody,
        lets_go=lets_go,
    )


def events(drawn: Drawn, first: date, nights: int, *, faults: bool = True) -> Iterator[SensorEvent]:
    """Yield what the sensors of a home say from noon of a date on, in the order of time.

    Goes on till six in the evening of the day after the last night, so that every night asked for is whole, also that
    of somebody who sleeps till noon. Fewer nights are the beginning of more. Begins with how bed and door stand.

    Without `faults`, the same lives told by sensors with which nothing ever goes wrong. No message says that a sensor
    is not heard: that is for the detectors to notice, or not.
    """
    zone = ZoneInfo(drawn.home.night.zone)
    start = datetime.combine(first, time(12), tzinfo=zone).astimezone(UTC)
    end = datetime.combine(first + timedelta(days=nights), time(18), tzinfo=zone).astimezone(UTC)
    earlier = first - _TO_SETTLE
    told = _true_events(drawn, earlier, zone)
    if faults:
        told = _heard(drawn, told, earlier, zone)
    moments = (moment for moment in told_from(start, drawn.home, told) if isinstance(moment, SensorEvent))
    return takewhile(lambda event: event.at < end, moments)


def lives_in(drawn: Drawn, first: date) -> tuple[Iterator[Stay], ...]:
    """Return the lives that `events` from the same date tells of, without end: what no sensor sees, and is so."""
    zone = ZoneInfo(drawn.home.night.zone)
    return tuple(_lives(drawn, first - _TO_SETTLE, zone))


_TO_SETTLE = timedelta(days=2)  # by then nothing is left of how a life began


# How somebody lives.


def _habits(profile: Profile, chance: random.Random) -> Habits:
    """Draw how somebody of a profile lives. What is drawn for all of them stands here, the rest with the profile."""
    common = Habits(
        to_bed=later(time(22, 40), chance.gauss(0, 30)),
        rises=later(time(7, 0), max(-45.0, min(75.0, chance.gauss(0, 35)))),
        spread=in_minutes(chance.uniform(15, 35)),
        # Aruba: median 7.02 h, p5 5.11, p95 8.88, one morning with the next .37 (section 5.1). Part of that spread is
        # the season: 8.05 h in November, 5.42 in June (section 4.11). Not everybody lives by the light.
        rise_spread=in_minutes(chance.uniform(45, 75)),
        rise_memory=0.37,
        season=in_minutes(chance.choice((0, 0, chance.uniform(15, 75)))),
        visits=_VISITS[profile] * chance.gammavariate(6.0, 1 / 6),
        visit_median=MEDIAN_MIN * exp(chance.gauss(0, SIGMA_HOMES)),
        visit_sigma=SIGMA_WITHIN,
        long_visits=0.02,
        bad_nights=0.04,
        walks=chance.choice((0.0, 0.0, 0.0, 0.02, 0.05)),
        visitors=chance.uniform(0.05, 0.5),
        daytime=Daytime(
            quiet=10.0 * chance.gammavariate(16.0, 1 / 16),
            naps=chance.choice((0.0, 0.1, 0.3, 0.6)),
            errands=chance.uniform(0.2, 1.5),
        ),
    )
    return _OF_PROFILE.get(profile, _as_common)(common, chance)


def _as_common(common: Habits, _: random.Random) -> Habits:
    return common


def _early(common: Habits, chance: random.Random) -> Habits:
    return msgspec.structs.replace(
        common,
        to_bed=later(time(21, 30), chance.uniform(-45, 45)),
        rises=later(time(5, 20), chance.uniform(-18, 18)),
        rise_spread=in_minutes(chance.uniform(10, 20)),
        season=timedelta(),
    )


def _walker(common: Habits, chance: random.Random) -> Habits:
    return msgspec.structs.replace(common, walks=chance.uniform(0.4, 1.2), walk_median=chance.uniform(38, 68))


def _nocturia(common: Habits, _: random.Random) -> Habits:
    return msgspec.structs.replace(common, visits=max(3.2, common.visits))


def _with_rounds(common: Habits, chance: random.Random) -> Habits:
    clocks = sorted(
        chance.sample((time(23, 45), time(1, 15), time(3, 0), time(4, 30), time(6, 0)), chance.choice((1, 2, 3)))
    )
    return msgspec.structs.replace(common, rounds=tuple(later(clock, chance.uniform(-25, 25)) for clock in clocks))


def _late_sleeper(common: Habits, chance: random.Random) -> Habits:
    return msgspec.structs.replace(
        common,
        to_bed=later(time(2, 30), chance.uniform(-20, 20)),
        rises=later(time(12), chance.uniform(-20, 20)),
        rise_spread=in_minutes(chance.uniform(15, 35)),
        season=timedelta(),
        night=Night(start=time(2, 30), end=time(12)),
    )


def _mild_id(common: Habits, chance: random.Random) -> Habits:
    """Draw a rhythm given by day work: an alarm clock from Monday to Friday, and a lie-in at weekends."""
    leaves = later(time(8, 30), chance.uniform(-20, 30))
    returns = later(time(16, 15), chance.uniform(-30, 45))
    daytime = common.daytime or Daytime()
    return msgspec.structs.replace(
        common,
        to_bed=later(time(23, 50), chance.uniform(-40, 50)),
        rises=later(leaves, chance.uniform(-85, -65)),
        spread=in_minutes(chance.uniform(20, 45)),
        rise_spread=in_minutes(chance.uniform(6, 12)),
        rise_memory=0.0,
        season=timedelta(),
        lies_in=in_minutes(chance.uniform(60, 150)),
        daytime=msgspec.structs.replace(daytime, work=(leaves, returns)),
    )


_OF_PROFILE: dict[Profile, Callable[[Habits, random.Random], Habits]] = {
    Profile.EARLY: _early,
    Profile.WALKER: _walker,
    Profile.NOCTURIA: _nocturia,
    Profile.ROUNDS: _with_rounds,
    Profile.LATE_SLEEPER: _late_sleeper,
    Profile.MILD_ID: _mild_id,
}


def _partner(habits: Habits, chance: random.Random) -> Habits:
    """Draw the other of a couple: to bed and up at other times, with visits of their own."""
    return msgspec.structs.replace(
        habits,
        to_bed=later(habits.to_bed, chance.uniform(-45, 45)),
        rises=later(habits.rises, chance.uniform(-60, 60)),
        visits=_VISITS[Profile.COUPLE] * chance.gammavariate(6.0, 1 / 6),
        visit_median=MEDIAN_MIN * exp(chance.gauss(0, SIGMA_HOMES)),
        visitors=0.0,
    )


# What is in the home, and what it tells.


def _home(number: int, night: Night, *, has_bed: bool) -> Home:
    left_out = "bedroom" if has_bed else "bed"
    return Home(
        id=HomeId(f"cohort/{number}"),
        resident=ResidentId(f"c-{number:04}"),
        rooms={RoomId(room): ROOM_NAMES[room] for room in ROOMS.values()},
        sensors=tuple(
            Sensor(id=SensorId(f"{number}/{name}"), kind=kind, room=RoomId(ROOMS[place]))
            for name, (kind, place) in SENSORS.items()
            if name != left_out
        ),
        night=night,
    )


def _true_events(drawn: Drawn, first: date, zone: ZoneInfo) -> Iterator[SensorEvent]:
    """Yield what the sensors of a home would say, did nothing ever go wrong with them."""
    host, about = drawn.habits[0], partial(chance_of, drawn.seed, drawn.home.id)
    dice = partial(about, "others")
    comings = heapq.merge(rounds(host, dice, first, zone), visitors(host, dice, first, zone))
    others = callers(comings, datetime.combine(first, time(), tzinfo=zone).astimezone(UTC))
    walking = (ways(others, _one(dice("ways"))), *_lives(drawn, first, zone))
    traces = (traces_of(stays, _one(about(who, "moves"))) for who, stays in enumerate(walking))
    return sensed(drawn.home, heapq.merge(*traces, key=lambda trace: trace.at))


def _lives(drawn: Drawn, first: date, zone: ZoneInfo) -> Iterator[Iterator[Stay]]:
    for who, habits in enumerate(drawn.habits):
        dice = partial(chance_of, drawn.seed, drawn.home.id, who)
        yield ways(life(habits, dice, first, zone), _one(dice("ways")))


def _one(chance: random.Random) -> Dice:
    """Return dice that go on from one subject to the next: nothing is cut into a cohort, and new ones cost time."""
    return lambda *_: chance


# What goes wrong on the way.


class _Fault(NamedTuple):
    """From `at` to `until` some sensors are not heard."""

    at: datetime
    until: datetime
    sensor: SensorId | None  # none: the whole home
    lets_go: bool = False  # it says first that the bed is empty


def _heard(drawn: Drawn, true: Iterable[SensorEvent], first: date, zone: ZoneInfo) -> Iterator[SensorEvent]:
    """Yield what arrives. A bed or door that is heard again says how it stands, if it had said otherwise."""
    chance = chance_of(drawn.seed, drawn.home.id, "doubled")
    faults = _faults(drawn, first, zone)
    coming, fault = next(faults), None
    stands: dict[SensorId, SensorEvent] = {}
    said: dict[SensorId, float] = {}
    for event in true:
        while (fault.until if fault else coming.at) <= event.at:
            if fault is None:
                fault, coming = coming, _after(coming, faults)
                changes = _let_go(fault, stands)
            else:
                changes = _heard_again(fault, stands, said)
                fault = None
            for change in changes:
                said[change.sensor] = change.value
                yield change
        stands[event.sensor] = event
        if fault is None or not _mutes(fault, event, said):
            said[event.sensor] = event.value
            yield event
            if chance.random() < DOUBLED:
                yield event


def _mutes(fault: _Fault, event: SensorEvent, said: dict[SensorId, float]) -> bool:
    if fault.sensor is None:
        return True
    # That motion is over is said by the bridge, which need not hear the sensor for that.
    over = event.kind is Kind.MOTION and not event.value and bool(said.get(event.sensor))
    return event.sensor == fault.sensor and not over


def _let_go(fault: _Fault, stands: dict[SensorId, SensorEvent]) -> list[SensorEvent]:
    bed = stands.get(fault.sensor) if fault.lets_go and fault.sensor is not None else None
    return [msgspec.structs.replace(bed, at=fault.at, value=0.0)] if bed is not None and bed.value else []


def _heard_again(fault: _Fault, stands: dict[SensorId, SensorEvent], said: dict[SensorId, float]) -> list[SensorEvent]:
    return [
        msgspec.structs.replace(event, at=fault.until)
        for event in stands.values()
        if fault.sensor in {None, event.sensor} and event.kind in _SAY_HOW_THEY_STAND
        if said.get(event.sensor, 0.0) != event.value
    ]


_SAY_HOW_THEY_STAND = {Kind.BED, Kind.DOOR}


def _after(fault: _Fault, faults: Iterator[_Fault]) -> _Fault:
    """Return the next fault that begins after one is over: of two at once, the first is told."""
    return next(other for other in faults if other.at > fault.until)


def _faults(drawn: Drawn, first: date, zone: ZoneInfo) -> Iterator[_Fault]:
    """Draw what goes wrong in a home, day after day without end."""
    motion = [sensor.id for sensor in drawn.home.sensors if sensor.kind is Kind.MOTION]
    bed = next((sensor.id for sensor in drawn.home.sensors if sensor.kind is Kind.BED), None)
    kinds: list[tuple[float, Sequence[SensorId | None], tuple[float, float], bool]] = [
        (1 / OUTAGE_EVERY, (None,), OUTAGE_HOURS, False),
        (1 / DEAF_EVERY, motion, DEAF_HOURS, False),
    ]
    if bed is not None:
        kinds += [(1 / STUCK_EVERY, (bed,), STUCK_HOURS, False), (drawn.lets_go, (bed,), LET_GO_HOURS, True)]
    day = first
    while True:
        chance = chance_of(drawn.seed, drawn.home.id, day, "faults")
        midnight = datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
        today = []
        for a_day, sensors, (shortest, longest), lets_go in kinds:
            for _ in range(poisson(a_day, chance)):
                at = midnight + timedelta(seconds=chance.randrange(86_400))
                hours = shortest * (longest / shortest) ** chance.random()  # as many short ones as long
                until = at + timedelta(seconds=round(3600 * hours))
                today.append(_Fault(at, until, chance.choice(sensors), lets_go=lets_go))
        yield from sorted(today, key=lambda fault: fault.at)
        day += timedelta(days=1)
