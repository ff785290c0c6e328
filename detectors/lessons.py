"""What a home has taught: how long each kind of episode usually lasts here, and from when on longer is too long.

A lesson is learned from every episode that ended. It only ever makes an alert come sooner than the care plan's cap,
which always fires: a home about which nothing is known yet is watched by what is usual elsewhere.
"""

from datetime import date, datetime, timedelta
from typing import NamedTuple

import msgspec

from detectors import durations
from detectors.durations import Personal, Typical
from detectors.homes import Home, zone_of

TYPICAL: dict[str, Typical] = {"bath_at_night": durations.BATH, "bath_towards_morning": durations.BATH}
"""What can be learned, and what it is like in other homes."""

THRESHOLD: dict[str, float] = {"bath_at_night": 2.7, "bath_towards_morning": 2.7}
"""From how many spreads above a home's usual an episode is told. Shipped, as `benchmarks.threshold` measured it."""

SHORTEST = timedelta(seconds=15)  # a shorter episode is somebody passing through


class Lesson(msgspec.Struct, frozen=True, array_like=True):
    """What one home has taught about one kind of episode."""

    personal: Personal = Personal()
    night: date | None = None  # of the last episode learned
    nights: int = 0  # with an episode that was learned


class Usual(NamedTuple):
    """What is usual here, for an episode that began at a certain time of night."""

    median: float  # minutes
    alert_after: float  # minutes; infinite if no duration can be told from a usual one
    nights: int  # that this rests on


def usual(name: str, lesson: Lesson | None, began: datetime, home: Home) -> Usual:
    """Return what is usual here for an episode of this name (a key of `TYPICAL`)."""
    typical = TYPICAL[name]
    lesson = _tonight(lesson or Lesson(), began, home)
    block = durations.block_of(began, zone_of(home.night.zone))
    return Usual(
        median=durations.median(typical, lesson.personal, block),
        alert_after=durations.alert_after(typical, lesson.personal, THRESHOLD[name], block),
        nights=lesson.nights,
    )


def taught(name: str, lesson: Lesson | None, began: datetime, ended: datetime, home: Home) -> Lesson | None:
    """Return what is known after an episode that ended by itself; as before if it says nothing."""
    typical = TYPICAL[name]
    if ended - began < SHORTEST:
        return lesson
    before = _tonight(lesson or Lesson(), began, home)
    minutes = (ended - began) / timedelta(minutes=1)
    block = durations.block_of(began, zone_of(home.night.zone))
    night = _night_of(began, home)
    new = lesson is None or lesson.night != night
    personal = durations.learned(typical, before.personal, minutes, block)
    return Lesson(personal, night, before.nights + new)


def _tonight(lesson: Lesson, moment: datetime, home: Home) -> Lesson:
    """Return the lesson as much faded as nights have passed since it was learned."""
    if lesson.night is None:
        return lesson
    nights = (_night_of(moment, home) - lesson.night).days
    if nights <= 0:
        return lesson
    return msgspec.structs.replace(lesson, personal=durations.aged(lesson.personal, nights))


def _night_of(moment: datetime, home: Home) -> date:
    """Return the night's date: of the evening it began in. Noon parts one night from the next."""
    return (moment.astimezone(zone_of(home.night.zone)) - timedelta(hours=12)).date()
