"""What else could watch: fixed minutes, what is usual for this person, outlier detectors, chance, an alarm clock.

All but the last two watch the same thing, the time since a bed was left at night, and differ in when it is too long.
Each has one screw, and is turned until it raises as many false alerts as the detectors do: a timer that calls for
everybody finds everything.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from benchmarks.detection import outliers
from benchmarks.detection.edits import poisson
from benchmarks.detection.methods import Method, Page
from benchmarks.detection.nights import Recorded
from benchmarks.detection.stays import Stays
from benchmarks.detection.timers import OOB, Timer, personal_lognormal, personal_maximum, pooled_quantile
from detectors.homes import Home
from detectors.moments import SensorEvent

FIXED_MINUTES = (10, 15, 20, 30, 45)
MINUTES = (3.0, 5.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 240.0)
FACTORS = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0)
DEVIATIONS = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0)
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 1.0, 2.0, 4.0)


class Baseline(NamedTuple):
    """A family of methods with one screw."""

    name: str
    make: Callable[[Recorded, float], Method]  # for one home, at one level
    levels: Sequence[float]  # from those that call often to those that seldom do; a single one cannot be turned
    missing: str = ""  # why it cannot be run


# Those that look at nothing.


@dataclass(frozen=True)
class Clock:
    """Raise alerts at times that have nothing to do with what happens."""

    name: str
    times: Callable[[Home, date], Iterable[datetime]]  # those of the night that begins on a date

    def begin(self, home: Home) -> datetime | None:  # noqa: ARG002  # it looks at nothing
        return None

    def take(
        self, state: datetime | None, event: SensorEvent, arrived_at: datetime, home: Home
    ) -> tuple[datetime | None, Sequence[Page]]:
        return self.wait(state, arrived_at if state is not None else event.at, home)

    def wait(self, state: datetime | None, until: datetime, home: Home) -> tuple[datetime | None, Sequence[Page]]:
        if state is None or until <= state:
            return max(state or until, until), ()
        first = (state - timedelta(days=1)).date()
        days = (first + timedelta(days=number) for number in range((until.date() - first).days + 2))
        due = sorted(at for day in days for at in self.times(home, day) if state < at <= until)
        return until, [Page(at, OOB, f"{at}") for at in due]


def at_three(home: Home, day: date) -> Iterable[datetime]:
    """Return three o'clock, or the middle of a night that lies elsewhere."""
    start, lasts = _night(home, day)
    yield start + lasts / 2


def at_random(rate: float, seed: int) -> Callable[[Home, date], Iterable[datetime]]:
    def times(home: Home, day: date) -> Iterable[datetime]:
        dice = random.Random(f"{seed}/{home.night.start}/{day}")
        start, lasts = _night(home, day)
        return [start + lasts * dice.random() for _ in range(poisson(rate, dice))]

    return times


def _night(home: Home, day: date) -> tuple[datetime, timedelta]:
    night = home.night
    evening = day if night.start >= time(12) else day + timedelta(days=1)
    start = datetime.combine(evening, night.start, tzinfo=ZoneInfo(night.zone))
    minutes = (night.end.hour - night.start.hour) * 60 + night.end.minute - night.start.minute
    return start, timedelta(minutes=minutes % 1440)


# All of them.


def families(recordings: Sequence[Recorded], seed: int, rate: float) -> list[Baseline]:
    """Return every baseline. `rate` is the false alerts a night that chance is to match."""
    trips = {one.name: [trip.lasts.total_seconds() / 60 for trip in Stays(one).trips] for one in recordings}

    def others(home: Recorded) -> list[float]:
        return [minutes for one in recordings if one.household != home.household for minutes in trips[one.name]]

    def fixed(*, aware: bool) -> Callable[[Recorded, float], Method]:
        return lambda _, level: Timer("fixed", lambda _: level, aware=aware)

    ways = (("naive", False), ("aware", True))
    each = [
        Baseline(f"fixed_{minutes}_{way}", fixed(aware=aware), (float(minutes),))
        for minutes in FIXED_MINUTES
        for way, aware in ways
    ]
    turned = [Baseline(f"fixed_{way}", fixed(aware=aware), MINUTES) for way, aware in ways]
    return [
        *each,
        *turned,
        Baseline("personal_maximum", lambda _, level: Timer("max", personal_maximum(level)), FACTORS),
        Baseline("personal_lognormal", lambda _, level: Timer("lognormal", personal_lognormal(level)), DEVIATIONS),
        Baseline("pooled_quantile", lambda home, level: Timer("pooled", pooled_quantile(others(home), level)), SHARES),
        *(
            Baseline(name, outliers.maker(name), outliers.DEVIATIONS, outliers.missing(name))
            for name in outliers.TEACHERS
        ),
        Baseline("random", lambda _, level: Clock("random", at_random(level, seed)), (rate,)),
        Baseline("at_three", lambda *_: Clock("at three", at_three), (1.0,)),
    ]
