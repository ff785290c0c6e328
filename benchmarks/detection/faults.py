"""What goes wrong between a sensor and the detectors: sensors that die or stick, messages lost, doubled or late."""

import random
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from benchmarks.detection.edits import Draw, Unseen, tail
from benchmarks.detection.stays import Stays
from detectors.homes import Kind, Sensor
from detectors.moments import SensorEvent

FAULT_FOR = timedelta(hours=48)
SPEAKS_DAILY = 3  # a sensor that says less in a day is not missed in two
KEPT_APART = timedelta(hours=24)  # from the beginning of a recording


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """How messages come through. The default is the goal table's: 5 % lost, 2 % doubled, up to 60 s late."""

    lost: float = 0.05
    doubled: float = 0.02
    late: timedelta = timedelta(seconds=60)

    def arrivals(self, events: Iterable[SensorEvent], dice: random.Random) -> list[tuple[datetime, SensorEvent]]:
        """Return what arrives, and when, in the order of arrival."""
        found = []
        for event in events:
            copies = 0 if dice.random() < self.lost else 2 if dice.random() < self.doubled else 1
            found += [(event.at + self.late * dice.random(), event) for _ in range(copies)]
        return sorted(found, key=lambda arrival: arrival[0])


PERFECT = Faults(lost=0.0, doubled=0.0, late=timedelta())


def storm(
    events: Iterable[SensorEvent], dice: random.Random, *, share: float = 0.01
) -> list[tuple[datetime, SensorEvent]]:
    """Repeat some messages 2 to 50 times, each burst within 1 to 5 seconds. Returns arrivals in their order."""
    found = []
    for event in events:
        found.append((event.at, event))
        if dice.random() < share:
            within = timedelta(seconds=dice.uniform(1, 5))
            found += [(event.at + within * dice.random(), event) for _ in range(dice.randint(2, 50) - 1)]
    return sorted(found, key=lambda arrival: arrival[0])


def sensor_death(stays: Stays, dice: random.Random, number: int) -> Draw | Unseen:
    """Let one sensor fall silent for good. Nothing announces it: a recording has no heartbeats."""
    return _faulty(stays, dice, number, stuck=False)


def stuck_on(stays: Stays, dice: random.Random, number: int) -> Draw | Unseen:
    """Let a bed or motion sensor stay on from one of its own messages on."""
    return _faulty(stays, dice, number, stuck=True)


def _faulty(stays: Stays, dice: random.Random, number: int, *, stuck: bool) -> Draw | Unseen:
    recorded = stays.recorded
    sensor = _one_that_speaks(stays, {Kind.BED, Kind.MOTION} if stuck else set(Kind) - {Kind.BUTTON}, number)
    if sensor is None:
        return Unseen("no sensor of that kind speaks every day")
    first, last = recorded.times[0] + KEPT_APART, recorded.times[-1] - FAULT_FOR
    # From something it said: with being on it sticks, and after it it is dead.
    turns = [
        event.at
        for event in recorded.between(first, last)
        if event.sensor == sensor.id and (event.value > 0 or not stuck)
    ]
    if not turns:
        return Unseen("too short a recording")
    t0 = dice.choice(turns) + timedelta(milliseconds=1)
    until = t0 + FAULT_FOR
    others = (event for event in recorded.between(t0, until) if event.sensor != sensor.id)
    return Draw(t0=t0, cut=t0, until=until, tail=tail(t0, until, others), setting=str(sensor.kind))


def _one_that_speaks(stays: Stays, kinds: set[Kind], number: int) -> Sensor | None:
    recorded = stays.recorded
    days = max(1.0, (recorded.times[-1] - recorded.times[0]) / timedelta(days=1)) if recorded.times else 1.0
    heard = Counter(event.sensor for event in recorded.events if event.value)
    able = [
        sensor for sensor in recorded.home.sensors if sensor.kind in kinds and heard[sensor.id] >= SPEAKS_DAILY * days
    ]
    return able[number % len(able)] if able else None
