"""A sensor that checks in by the clock and dies: how soon that is told, and how often it is told of one that lives.

Through `gateway.health` itself, minute after minute, under virtual time. What the sensors do follows what is known of
the Aqara class: a check-in about every 55 minutes, besides what they report when somebody moves.
"""

import math
import multiprocessing
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from statistics import median
from typing import NamedTuple

import msgspec

from care.homes import Site
from detectors.findings import Finding, What
from detectors.homes import Sensor, SensorId
from detectors.moments import SensorEvent
from gateway import health, rehearsal
from gateway.health import Broker, Health, Said
from gateway.sources import Reading, Sign

LOSSES = (0.0, 0.005, 0.01, 0.02, 0.05, 0.10)  # share of messages that nobody hears
REALISTIC = 0.005  # three hops that each lose every fifth transmission, and each try four times as 802.15.4 does
HOMES = 10  # of one building
DAYS = 30
LEARNS_DAYS = 7  # of which nothing is counted: a sensor that stands since yesterday has no habits yet
LIVING = 11  # buildings in which nothing dies: 80 sensors of each, for 23 days
DYING = 4  # buildings in which three sensors of each home die
FEWER = 2, 1  # the same, at each other share that is lost

PERIOD_MIN = 53.0, 57.0  # from sensor to sensor
JITTER_MIN = 1.5  # of each check-in, either way
COLD = 0.06  # at most so much slower, in the coldest night
BRIDGE_DAYS = 7.0  # between two restarts of the bridge, on average
BRIDGE_MIN = 1.0, 6.0
GATEWAY_DAYS = 5.0
GATEWAY_MIN = 0.2, 4.0
SAVED_MIN = 30.0  # between two snapshots: what a killed gateway knows of its sensors is at most so old
SEED = 7

STEP_MIN = 2  # between two looks: a building looks twice as often, so what is measured is no better than it is
MINUTE = timedelta(minutes=1)
DAY_MIN = 24 * 60


class Came(NamedTuple):
    """What came of buildings that lived for a month."""

    sensor_days: float = 0.0  # of sensors that lived, and had had time to be known
    false: int = 0  # times that a living sensor was told of
    told_min: tuple[float, ...] = ()  # from each death until it was told
    untold: int = 0  # deaths of which nothing was told within a day

    def __add__(self, other: object) -> "Came":
        if not isinstance(other, Came):
            return NotImplemented
        return Came(
            self.sensor_days + other.sensor_days,
            self.false + other.false,
            self.told_min + other.told_min,
            self.untold + other.untold,
        )

    @property
    def false_per_sensor_day(self) -> float:
        return self.false / self.sensor_days

    @property
    def told_p50(self) -> float:
        return median(self.told_min)

    @property
    def told_max(self) -> float:
        return math.inf if self.untold else max(self.told_min)


def check_ins(
    losses: Sequence[float] = LOSSES, *, living: int = LIVING, dying: int = DYING, days: int = DAYS
) -> dict[float, Came]:
    """Return, for each share of messages that is lost, what came of buildings that live and of some with deaths."""
    moved, asked = _moved(days), list[tuple[float, int, bool, int]]()
    for lost in losses:
        live, die = (living, dying) if lost == REALISTIC else FEWER
        asked += [(lost, number, number >= live, days) for number in range(live + die)]
    with multiprocessing.get_context("fork").Pool(initializer=_know, initargs=(moved,)) as workers:
        came = workers.starmap(_month, asked, chunksize=1)
    return {
        lost: sum((one for (its, *_), one in zip(asked, came, strict=True) if its == lost), Came()) for lost in losses
    }


def headline(came: Mapping[float, Came]) -> dict[str, float]:
    """Return the figures at the share of lost messages that is realistic, and at each the whole, by `key_of`."""
    found = {
        "checkin_dead_min_p50": came[REALISTIC].told_p50,
        "checkin_dead_min_max": came[REALISTIC].told_max,
        "checkin_false_per_sensor_day": came[REALISTIC].false_per_sensor_day,
        "checkin_sensor_days": came[REALISTIC].sensor_days,
        "checkin_deaths": float(len(came[REALISTIC].told_min) + came[REALISTIC].untold),
    }
    for lost, one in came.items():
        if lost != REALISTIC:
            found |= dict(zip(keys_at(lost), (one.told_p50, one.told_max, one.false_per_sensor_day), strict=True))
    return found


def keys_at(lost: float) -> tuple[str, str, str]:
    """Return the keys of the figures at another share of lost messages.

    >>> keys_at(0.02)[0]
    'checkin_dead_min_p50_lost_2'
    """
    names = ("checkin_dead_min_p50", "checkin_dead_min_max", "checkin_false_per_sensor_day")
    first, second, third = (f"{name}_lost_{lost * 100:.0f}" for name in names)
    return first, second, third


# One building's month.

Minutes = Mapping[SensorId, Sequence[float]]

_known: dict[str, Minutes] = {}  # of a worker: when somebody's move made which sensor speak


def _know(moved: Minutes) -> None:
    _known["moved"] = moved


def _moved(days: int) -> Minutes:
    """Return the minutes at which people make each sensor of a building report, for a rehearsed month."""
    spoke = defaultdict[SensorId, list[float]](list)
    for moment in rehearsal.night(rehearsal.site(HOMES), seed=SEED, start=rehearsal.START, hours=24 * days):
        if isinstance(moment, SensorEvent):
            spoke[moment.sensor].append((moment.at - rehearsal.START) / MINUTE)
    return spoke


def _month(lost: float, number: int, dies: bool, days: int) -> Came:  # noqa: FBT001  # by position, from a pool
    site, chance = rehearsal.site(HOMES), random.Random(SEED * 1_000 + number)
    deaths = _deaths(site, days, chance) if dies else {}
    spoken = _spoken(site, deaths, lost, days, chance)
    told = _lived(site, spoken, days, chance)
    return _judged(site, told, deaths, days)


def _deaths(site: Site, days: int, chance: random.Random) -> dict[SensorId, float]:
    """Let three sensors of each home die, days apart: what falls silent together is another matter."""
    dead: dict[SensorId, float] = {}
    third = (days - LEARNS_DAYS - 1) / 3
    for home in site.homes:
        for turn, sensor in enumerate(chance.sample(home.sensors, 3)):
            dead[sensor.id] = DAY_MIN * (LEARNS_DAYS + turn * third + chance.uniform(0, third - 1))
    return dead


def _spoken(
    site: Site, deaths: Mapping[SensorId, float], lost: float, days: int, chance: random.Random
) -> dict[int, list[SensorId]]:
    """Return which sensors are heard in which minute."""
    heard = defaultdict[int, list[SensorId]](list)
    spell = chance.uniform(LEARNS_DAYS, days - 5)  # five cold days in a row
    for sensor in (one for home in site.homes for one in home.sensors):
        ends = deaths.get(sensor.id, days * DAY_MIN)
        beats = _beats(chance, spell, days)
        minutes = {
            int(one) // STEP_MIN * STEP_MIN
            for one in (*beats, *_known["moved"].get(sensor.id, ()))
            if one < ends and chance.random() >= lost
        }
        for minute in minutes:
            heard[minute].append(sensor.id)
    return heard


def _beats(chance: random.Random, spell: float, days: int) -> Iterator[float]:
    """Yield when a sensor checks in: by a clock of its own, that the cold slows down."""
    period, slows = chance.uniform(*PERIOD_MIN), chance.uniform(0, COLD)
    at = chance.uniform(0, period)
    while at < days * DAY_MIN:
        yield at + chance.uniform(-JITTER_MIN, JITTER_MIN)
        night = 0.5 + 0.5 * math.cos(2 * math.pi * (at / DAY_MIN - 0.1))  # the coldest is before dawn
        cold = night * (1.0 if spell <= at / DAY_MIN < spell + 5 else 0.4)
        at += period * (1 + slows * cold)


class _Told(NamedTuple):
    minute: int
    finding: Finding
    bridge_up: bool


def _lived(site: Site, spoken: Mapping[int, Sequence[SensorId]], days: int, chance: random.Random) -> list[_Told]:
    """Live a month, minute after minute, and return what the building told of itself."""
    homes = {sensor.id: home.id for home in site.homes for sensor in home.sensors}
    away = {
        "bridge": set(_outages(BRIDGE_DAYS, BRIDGE_MIN, days, chance)),
        "gateway": set(_outages(GATEWAY_DAYS, GATEWAY_MIN, days, chance)),
    }
    now = health.observed(Health(), Broker(up=True), rehearsal.START)
    saved, since, bridge_up, alive = now, list[Said](), True, True
    told: list[_Told] = []
    for minute in range(0, days * DAY_MIN, STEP_MIN):
        at = rehearsal.START + minute * MINUTE
        if minute in away["gateway"]:
            if alive and chance.random() < 0.5:  # ended in order: it saves what it knows
                saved, since = now, []
            alive = False
            continue
        if not alive:
            alive, now = True, _begun(saved, since)
        if bridge_up == (minute in away["bridge"]):
            bridge_up = not bridge_up
            now = health.observed(now, Reading(bridge=bridge_up), at)
        signs = tuple(Sign(homes[sensor], sensor, at) for sensor in spoken.get(minute, ()))
        if bridge_up and signs:
            now = health.observed(now, Reading(signs=signs), at)
        now, said = health.told(now, at, site, lambda _home, _sensor: False)
        since += said
        told += [_Told(minute, one, bridge_up) for one in said if isinstance(one, Finding)]
        if minute % SAVED_MIN == 0:
            saved, since = now, []
    return told


def _outages(every_days: float, minutes: tuple[float, float], days: int, chance: random.Random) -> Iterator[int]:
    at = chance.expovariate(1 / every_days) * DAY_MIN
    while at < days * DAY_MIN:
        span = chance.uniform(*minutes)
        yield from range(int(at), math.ceil(at + span))
        at += span + chance.expovariate(1 / every_days) * DAY_MIN


def _begun(saved: Health, since: Sequence[Said]) -> Health:
    """Return what a gateway knows that starts again: its snapshot, and what it had told since then."""
    known = msgspec.json.decode(msgspec.json.encode(saved), type=Health)
    for one in since:
        known = health.recalled(known, one)
    return known


def _judged(site: Site, told: Sequence[_Told], deaths: Mapping[SensorId, float], days: int) -> Came:
    """Count what was told of the living, and how long after its death each of the others was told of."""
    first, false = dict[SensorId, float](), 0
    for minute, finding, bridge_up in told:
        if finding.what is What.BRIDGE_LOST:
            false += bridge_up  # all are said to be silent, and none is
            continue
        for sensor in finding.blind or ((finding.sensor,) if finding.sensor is not None else ()):
            died = deaths.get(sensor, math.inf)
            if minute < died:
                false += minute >= LEARNS_DAYS * DAY_MIN
            else:
                first.setdefault(sensor, minute - died)
    waited = [first.get(sensor, math.inf) for sensor in deaths]
    in_time = tuple(one for one in waited if one <= DAY_MIN)
    ends = [deaths.get(one.id, days * DAY_MIN) for one in _all(site)]
    living = sum(end / DAY_MIN - LEARNS_DAYS for end in ends)
    # Where some have died, those that live may be told of with them: the share of false ones is taken elsewhere.
    return Came(0.0, 0, in_time, len(waited) - len(in_time)) if deaths else Came(living, false)


def _all(site: Site) -> list[Sensor]:
    return [sensor for home in site.homes for sensor in home.sensors]
