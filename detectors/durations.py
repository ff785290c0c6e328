"""How long a stay usually lasts in this home, and how long is too long (model A, 4.4).

For episodes that end and whose end is seen: a stay in the bathroom, a time out of bed, an absence by the front door.
Their durations are taken as logarithms, so that twice as long is as far as half as long.
An episode of which only a part was seen (outage, visitor) is not learned here: `silence` is for those.
"""

import math
from datetime import datetime, tzinfo
from enum import IntEnum

import msgspec

from detectors import habits
from detectors.habits import Habit, Population

LIFT_MAX = 0.4  # ln minutes: "this is normal for her" makes half as long again acceptable, no more (4.11)
LIFT_FOR = 60.0  # nights after which the highest lift is gone
_LONGEST = 700.0  # ln minutes; beyond it there is no such float, and no such night


class Block(IntEnum):
    """The part of the night in which an episode begins. Towards morning people take longer (a wash, at 06:50)."""

    EVENING = 0  # till two
    SMALL_HOURS = 1  # two till five
    MORNING = 2  # from five


class Typical(msgspec.Struct, frozen=True, kw_only=True):
    """How long one kind of episode lasts across homes.

    `logs` is in ln minutes, after the offset of its part of the night has been taken off; `offsets` is by `Block`.
    """

    logs: Population
    offsets: tuple[float, float, float] = (0.0, 0.0, 0.0)


class Personal(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of one kind of episode in one home."""

    habit: Habit = Habit()
    lifts: tuple[float, float, float] = (0.0, 0.0, 0.0)  # by block, ln minutes: what a person called normal


BATH = Typical(logs=Population(mean=math.log(4.6), between=0.41**2, within=0.48**2))
"""Stays in the bathroom at night, from the simulated cohort of the study (5.7): the study's own example. What ships
is in `others`."""


def block_of(began: datetime, zone: tzinfo) -> Block:
    """Return the part of the night by the local clock; noon parts one night from the next.

    Raises
    ------
    ValueError
        If `began` is naive: a clock without a zone says nothing about the night.

    Examples
    --------
    >>> from datetime import UTC
    >>> block_of(datetime(2026, 1, 5, 1, 59, tzinfo=UTC), UTC), block_of(datetime(2026, 1, 5, 6, 50, tzinfo=UTC), UTC)
    (<Block.EVENING: 0>, <Block.MORNING: 2>)
    """
    if began.tzinfo is None:
        raise ValueError("a night has parts only by a clock with a zone")
    hour = began.astimezone(zone).hour
    if 2 <= hour < 5:  # noqa: PLR2004  # the hours of the clock
        return Block.SMALL_HOURS
    return Block.MORNING if 5 <= hour < 12 else Block.EVENING  # noqa: PLR2004


def score(typical: Typical, personal: Personal, minutes: float, block: Block) -> float:
    """Return how far a finished episode lies above this home's usual, in spreads. Higher is longer; 0 is the middle.

    Score before learning. An episode scores above `q` if and only if it lasts longer than `alert_after(q)`.

    Raises
    ------
    ValueError
        If `minutes` is not positive.

    Examples
    --------
    >>> round(score(BATH, Personal(), 12.0, Block.SMALL_HOURS), 3)
    1.519
    """
    m, spread = habits.usual(typical.logs, personal.habit)
    return (math.log(minutes) - typical.offsets[block] - personal.lifts[block] - m) / spread


def alert_after(typical: Typical, personal: Personal, q: float, block: Block) -> float:
    """Return the minutes after which an open episode asks for a person: set one timer at its start.

    Parameters
    ----------
    q : the threshold in spreads, from `calibration`. Infinite says that no duration can be told from a usual one:
        the answer is infinite too, and only the cap of the care plan speaks. Minus infinite says that any episode
        at all is rare enough: the answer is 0.

    Examples
    --------
    >>> round(alert_after(BATH, Personal(), 3.0, Block.SMALL_HOURS), 1)
    30.6
    >>> alert_after(BATH, Personal(), math.inf, Block.SMALL_HOURS)
    inf
    """
    logarithm = _limit(typical, personal, q, block)
    return math.exp(logarithm) if logarithm < _LONGEST else math.inf


def median(typical: Typical, personal: Personal, block: Block) -> float:
    """Return the minutes such an episode usually takes here, to show beside an alert.

    Examples
    --------
    >>> round(median(BATH, Personal(), Block.EVENING), 1)
    4.6
    """
    m, _ = habits.middle_and_variance(typical.logs, personal.habit)
    return math.exp(m + typical.offsets[block])


def learned(typical: Typical, personal: Personal, minutes: float, block: Block) -> Personal:
    """Return what is known after an episode that ended.

    What a person called normal does not enter here: the lift makes room for a change at once, and the episodes
    themselves must move the middle while it fades.

    Raises
    ------
    ValueError
        If `minutes` is not positive.

    Examples
    --------
    >>> known = learned(BATH, Personal(), 3.0, Block.EVENING)
    >>> known.habit.n, median(BATH, known, Block.EVENING) < 4.6
    (1.0, True)
    """
    x = math.log(minutes) - typical.offsets[block]
    return Personal(habits.learned(typical.logs, personal.habit, x), personal.lifts)


def lifted(typical: Typical, personal: Personal, minutes: float, block: Block, q: float) -> Personal:
    """Return what is known after somebody said of an episode that had been told: this is normal for her.

    For this part of the night the limit is lifted just so far that it would not have been told, but never by more
    than `LIFT_MAX`. `q` is the threshold in force. The episode itself is `learned` when it ends, like any other.

    Examples
    --------
    >>> used_to_her = Personal(Habit(20.0, 28.0, 42.0))
    >>> round(alert_after(BATH, used_to_her, 3.0, Block.MORNING), 1)
    14.3
    >>> known = lifted(BATH, used_to_her, 19.0, Block.MORNING, q=3.0)
    >>> round(alert_after(BATH, known, 3.0, Block.MORNING), 6)
    19.0
    >>> lifted(BATH, used_to_her, 600.0, Block.MORNING, q=3.0).lifts
    (0.0, 0.0, 0.4)
    """
    missing = math.log(minutes) - _limit(typical, personal, q, block)
    height = min(LIFT_MAX, personal.lifts[block] + max(0.0, missing))
    lifts = tuple(height if each is block else personal.lifts[each] for each in Block)
    return Personal(personal.habit, (lifts[0], lifts[1], lifts[2]))


def aged(personal: Personal, nights: float = 1.0) -> Personal:
    """Return what is still known that many nights later: half the weight after `habits.HALF_LIFE`, no lift after 60.

    Examples
    --------
    >>> aged(Personal(Habit(8.0, 12.0, 20.0), (0.0, 0.0, 0.4)), nights=35).habit.n
    4.0
    """
    lost = nights * LIFT_MAX / LIFT_FOR
    first, second, third = personal.lifts
    lifts = (max(0.0, first - lost), max(0.0, second - lost), max(0.0, third - lost))
    return Personal(habits.aged(personal.habit, nights), lifts)


def after_absence(personal: Personal) -> Personal:
    """Return what may still hold after two weeks away, or in another home: a quarter of the weight, and no lifts.

    Examples
    --------
    >>> after_absence(Personal(Habit(8.0, 12.0, 20.0)))
    Personal(habit=Habit(n=2.0, total=3.0, squares=5.0), lifts=(0.0, 0.0, 0.0))
    """
    return Personal(habits.scaled(personal.habit, habits.LEFT_AFTER_ABSENCE))


def _limit(typical: Typical, personal: Personal, q: float, block: Block) -> float:
    m, spread = habits.usual(typical.logs, personal.habit)
    return m + spread * q + typical.offsets[block] + personal.lifts[block]
