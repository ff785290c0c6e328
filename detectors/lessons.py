"""What a home has taught: how long each kind of episode usually lasts here, and from when on longer is too long.

A lesson is learned from every episode that ended. It only ever makes an alert come sooner than the care plan's cap,
which always fires: a home about which nothing is known yet is watched by what is usual elsewhere (`others`).
"""

import math
from datetime import date, datetime, timedelta
from typing import NamedTuple

import msgspec

from detectors import durations, silence
from detectors.durations import Block, Personal
from detectors.homes import Home, zone_of
from detectors.others import Others
from detectors.silence import Silences

SHORTEST = timedelta(seconds=15)  # a shorter stay is somebody passing through
LONGEST_WAIT = 60.0  # minutes; a longer silence teaches no more than this: one silent morning must not deafen a home
EVEN = math.log(2)  # the evidence of a silence that half of them reach


class Lesson(msgspec.Struct, frozen=True, array_like=True):
    """What one home has taught about one kind of episode: `stays` where ends are seen, `waits` for silences."""

    stays: Personal = Personal()
    waits: Silences | None = None
    night: date | None = None  # of the last episode learned
    nights: int = 0  # with an episode that was learned


class Usual(NamedTuple):
    """What is usual here for one kind of episode."""

    median: float  # minutes
    nights: int  # that this rests on


def alert_after(  # noqa: PLR0917  # a lesson, the moment it is asked for, and what it is compared with
    name: str, lesson: Lesson | None, began: datetime, home: Home, threshold: float, others: Others
) -> float:
    """Return the minutes after which an episode is too long for this home; infinite if none can be."""
    lesson = _faded(lesson or Lesson(), began, home)
    if name in others.waits:
        hazards = others.waits[name]
        return silence.believed(hazards, lesson.waits or silence.fresh(hazards)).alert_after(threshold)
    return durations.alert_after(others.stays[name], lesson.stays, threshold, _block(began, home))


def score(  # noqa: PLR0917
    name: str, lesson: Lesson | None, began: datetime, home: Home, minutes: float, others: Others
) -> float:
    """Return how unusual an episode of so many minutes is here: spreads above the middle, or nats of surprise."""
    lesson = _faded(lesson or Lesson(), began, home)
    if name in others.waits:
        hazards = others.waits[name]
        return silence.believed(hazards, lesson.waits or silence.fresh(hazards)).evidence(minutes)
    return durations.score(others.stays[name], lesson.stays, minutes, _block(began, home))


def usual(name: str, lesson: Lesson | None, began: datetime, home: Home, others: Others) -> Usual:
    """Return what is usual here, to show beside an alert."""
    lesson = _faded(lesson or Lesson(), began, home)
    if name in others.waits:
        return Usual(alert_after(name, lesson, began, home, EVEN, others), lesson.nights)
    return Usual(durations.median(others.stays[name], lesson.stays, _block(began, home)), lesson.nights)


def teaches(name: str, lasted: timedelta, others: Others) -> bool:
    """Whether an episode so short says anything at all."""
    if name in others.waits:
        return lasted >= timedelta(minutes=others.waits[name].starts[0])
    return lasted >= SHORTEST


def taught(  # noqa: PLR0917
    name: str,
    lesson: Lesson | None,
    began: datetime,
    lasted: timedelta,
    home: Home,
    others: Others,
    *,
    ended: bool = True,
) -> Lesson:
    """Return what is known after an episode that `teaches`.

    `ended` is False where its end was not seen: of a stay nothing is learned then, of a silence that it lasted at
    least so long.
    """
    before = _faded(lesson or Lesson(), began, home)
    night = home.night.of(began)
    minutes = lasted / timedelta(minutes=1)
    nights = before.nights + (lesson is None or lesson.night != night)
    if name in others.waits:
        hazards = others.waits[name]
        waits = before.waits or silence.fresh(hazards)
        waits = silence.learned(hazards, waits, min(minutes, LONGEST_WAIT), ended=ended)
        return Lesson(before.stays, waits, night, nights)
    if not ended:
        return before
    stays = durations.learned(others.stays[name], before.stays, minutes, _block(began, home))
    return Lesson(stays, None, night, nights)


def after_absence(lesson: Lesson) -> Lesson:
    """Return what may still hold after two weeks away, or in another home: a quarter of the weight."""
    waits = None if lesson.waits is None else silence.after_absence(lesson.waits)
    return msgspec.structs.replace(lesson, stays=durations.after_absence(lesson.stays), waits=waits)


def vouched(  # noqa: PLR0917
    name: str, lesson: Lesson | None, began: datetime, lasted: timedelta, home: Home, threshold: float, others: Others
) -> Lesson:
    """Return what is known after somebody said of an alert whose episode is over: this is normal for her.

    The episode itself was learned when it ended, if its end was seen. For a stay the limit is lifted besides
    (`durations.lifted`); a silence counts once more.
    """
    if name in others.waits:
        return taught(name, lesson, began, lasted, home, others)
    before = _faded(lesson or Lesson(), began, home)
    minutes = lasted / timedelta(minutes=1)
    stays = durations.lifted(others.stays[name], before.stays, minutes, _block(began, home), threshold)
    return Lesson(stays, None, before.night or home.night.of(began), before.nights)


def _block(began: datetime, home: Home) -> Block:
    return durations.block_of(began, zone_of(home.night.zone))


def _faded(lesson: Lesson, began: datetime, home: Home) -> Lesson:
    """Return the lesson as much faded as nights have passed since it was learned."""
    if lesson.night is None:
        return lesson
    nights = (home.night.of(began) - lesson.night).days
    if nights <= 0:
        return lesson
    waits = None if lesson.waits is None else silence.aged(lesson.waits, nights)
    return msgspec.structs.replace(lesson, stays=durations.aged(lesson.stays, nights), waits=waits)
