"""The pieces that edits of a recording are made of: what is cut in, and what is left when its resident is taken out."""

import random
from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from math import log

import msgspec

from benchmarks.detection.nights import Recorded
from benchmarks.detection.stays import Span, Stays
from detectors.homes import WASHING, Kind, RoomKind, Sensor
from detectors.moments import SensorEvent

TRIES = 40  # to find a place that carries an incident, before it is said that there is none
OWN_DOOR = timedelta(minutes=2)  # motion inside so shortly before the front door opens: the resident's own hand
SEEN_IN = timedelta(hours=1)  # somebody seen inside so shortly before: it is not the resident who comes home
CLEARS_AFTER = timedelta(seconds=60)  # of a motion sensor that was never heard to clear
_STRIDE = 7919  # a prime larger than any number of places, and so no divisor of it


class Incident(StrEnum):
    """What is cut into a recording."""

    FELL_BATHROOM_STILL = "fell_bathroom_still"
    FELL_BATHROOM_MOVING = "fell_bathroom_moving"
    FELL_ELSEWHERE_STILL = "fell_elsewhere_still"
    NOT_BACK = "not_back"
    LEFT_HOME = "left_home"
    LONG_BATHROOM = "long_bathroom"
    RESTLESS_3 = "restless_3"
    RESTLESS_5 = "restless_5"
    NOCTURIA_1_5 = "nocturia_1_5"
    RHYTHM_2H = "rhythm_2h"
    LATE_RISE = "late_rise"
    DAY_INACTIVE = "day_inactive"
    SENSOR_DEATH = "sensor_death"
    STUCK_ON = "stuck_on"


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """One incident in one recording."""

    t0: datetime  # when it begins, and a delay's clock with it
    cut: datetime  # nothing before this differs from the twin
    until: datetime  # when help comes, or it is over by itself: nobody can find it after this
    tail: tuple[SensorEvent, ...]  # all that the sensors say from the cut until then
    setting: str = ""  # what kind of a draw it is, for results apart: how much movement is left, how late it is


class Unseen(msgspec.Struct, frozen=True):
    """Why a recording cannot carry an incident, or this part of it cannot."""

    reason: str


Edit = Callable[[Stays, random.Random, int], Draw | Unseen]

BED_IS_WRONG = Unseen("the bed sensor says occupied while somebody is up")


# Places.


def pick(spans: Sequence[Span], number: int) -> Span | None:
    """Take the places in turn, so that none is drawn twice before all are drawn once."""
    # A fixed stride through them spreads the first few draws over the whole recording.
    return spans[number * _STRIDE % len(spans)] if spans else None


def within(span: Span, share: float) -> datetime:
    """Return the moment at this share of a stay, at the earliest just after it began: nobody falls before coming in."""
    return span.start + max(span.lasts * share, timedelta(milliseconds=1))


def outside_bathroom(stays: Stays, outing: Span, dice: random.Random) -> datetime | None:
    """Find a moment of an outing that is not in the bathroom, nor in a bedroom that hides whoever lies in it.

    With a bed sensor there always is one: on the way. Without, the floor cannot be told from the bed.
    """
    has_bed = stays.recorded.home.has_bed
    tries = (within(outing, dice.random()) for _ in range(TRIES))
    elsewhere = (at for at in tries if not any(stay.holds(at) for stay in stays.washings))
    found = next((at for at in elsewhere if has_bed or not stays.seen_last_in_bedroom(at)), None)
    return found or (outing.start + timedelta(seconds=1) if has_bed else None)


def bed_is_wrong(recorded: Recorded, at: datetime) -> bool:
    """Whether a bed sensor says occupied. Of somebody who is up: it is stuck, and hides whatever happens to them."""
    return any(recorded.level(pad.id, at) for pad in recorded.home.sensors if pad.kind is Kind.BED)


def motion_in(stays: Stays, wanted: Callable[[RoomKind], bool]) -> list[Sensor]:
    home = stays.recorded.home
    return [sensor for sensor in home.sensors if sensor.kind is Kind.MOTION and wanted(home.kind_of(sensor.room))]


def washing_motion(stays: Stays, stay: Span) -> list[Sensor]:
    """Return the motion sensors that see a stay in the bathroom: those of its own room, if it has any."""
    sensors = motion_in(stays, lambda kind: kind in WASHING)
    return [sensor for sensor in sensors if sensor.room == stay.room] or sensors


# What is left when the resident is taken out.


def without_resident(stays: Stays, start: datetime, end: datetime) -> list[SensorEvent]:
    """Return what is still said from `start` on: the front door when others move it, and sensors that clear."""
    return sorted((*_of_others(stays.recorded, start, end), *_clearing(stays.recorded, start)), key=when)


def _of_others(recorded: Recorded, start: datetime, end: datetime) -> Iterator[SensorEvent]:
    theirs = False
    for event in recorded.between(start, end):
        if event.kind is not Kind.DOOR:
            continue
        if event.value:
            just_before = recorded.between(event.at - OWN_DOOR, event.at)
            own = any(one.value and one.kind in {Kind.MOTION, Kind.USE} for one in just_before)
            inside = recorded.between(event.at - SEEN_IN, event.at)
            theirs = not own and any(one.kind is not Kind.DOOR for one in inside)
        if theirs:
            yield event


def _clearing(recorded: Recorded, cut: datetime) -> Iterator[SensorEvent]:
    """Let motion sensors that see somebody clear, as soon as they do for somebody who keeps still."""
    for sensor in recorded.home.sensors:
        if sensor.kind is Kind.MOTION and recorded.level(sensor.id, cut):
            yield said(recorded, sensor, cut + recorded.clears_after.get(sensor.id, CLEARS_AFTER), 0.0)


# What is cut in.


def tail(cut: datetime, until: datetime, *streams: Iterable[SensorEvent]) -> tuple[SensorEvent, ...]:
    """Put streams of events together, in order, from the cut until the end."""
    return tuple(sorted((event for events in streams for event in events if cut <= event.at < until), key=when))


def said(recorded: Recorded, sensor: Sensor, at: datetime, value: float) -> SensorEvent:
    home = recorded.home.id
    return SensorEvent(at=at, home=home, sensor=sensor.id, room=sensor.room, kind=sensor.kind, value=value)


def moved(event: SensorEvent, shift: timedelta) -> SensorEvent:
    return msgspec.structs.replace(event, at=event.at + shift)


def pulses(recorded: Recorded, moves: Sequence[datetime], sensors: Sequence[Sensor]) -> list[SensorEvent]:
    """Let motion sensors see movements, one for each: on, and clear as long after the last as it takes them."""
    found: list[SensorEvent] = []
    clear_at: dict[Sensor, datetime] = {}
    for at, sensor in zip(moves, sensors, strict=True):
        if sensor in clear_at and clear_at[sensor] <= at:
            insort(found, said(recorded, sensor, clear_at.pop(sensor), 0.0), key=when)
        if sensor not in clear_at:
            insort(found, said(recorded, sensor, at, 1.0), key=when)
        clear_at[sensor] = at + recorded.clears_after.get(sensor.id, CLEARS_AFTER)
    for sensor, at in clear_at.items():
        insort(found, said(recorded, sensor, at, 0.0), key=when)
    return found


def steady(start: datetime, end: datetime, rate: float, dice: random.Random) -> Iterator[datetime]:
    """Yield movements of a Poisson process, `rate` of them a minute."""
    at = start
    while rate > 0:
        at += minutes(-log(1 - dice.random()) / rate)
        if at >= end:
            return
        yield at


def decaying(
    start: datetime, end: datetime, rate: float, half_life: timedelta, dice: random.Random
) -> Iterator[datetime]:
    """Yield movements of a Poisson process that begins with `rate` a minute and halves in each half-life."""
    for at in steady(start, end, rate, dice):
        if dice.random() < 0.5 ** ((at - start) / half_life):
            yield at


def poisson(mean: float, dice: random.Random) -> int:
    count, left = 0, dice.expovariate(1.0)
    while left < mean:
        count, left = count + 1, left + dice.expovariate(1.0)
    return count


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def when(event: SensorEvent) -> datetime:
    return event.at
