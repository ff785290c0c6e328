"""At what time by the clock something usually happens here: the final rise, going to bed (4.8).

Learned in hours of the local clock, because that is what people live by. When the clocks change, some keep to the
clock and some to the sun: for two weeks both readings count, and the one that finds less amiss wins.
"""

from datetime import date, datetime, time, timedelta, tzinfo

import msgspec

from detectors import habits
from detectors.habits import Habit, Population

HALF_LIFE = 21.0  # nights; rising follows the season faster than stays do
WEEKEND_PULL = 8.0  # weekend nights it takes to believe half of what they show
ADJUSTING = 14  # nights after a change of clocks in which both readings count


class ClockTimes(msgspec.Struct, frozen=True, array_like=True):
    """All that is remembered of one kind of clock time in one home."""

    habit: Habit = Habit()  # hours, with the weekend's own offset taken off
    weekend: float = 0.0  # weekend nights seen, fading
    weekend_off: float = 0.0  # sum of the hours by which they lay from the middle of all nights
    utc_offset: float | None = None  # hours by which the clock was ahead of UTC in the night before
    moved: float = 0.0  # hours by which the clock was last moved, forward above zero
    adjusting: int = 0  # nights for which that still counts


def on_the_clock(at: datetime, night: date, zone: tzinfo) -> float:
    """Return the hours of the local clock since the midnight in a night; before it below zero, after noon above 12.

    `night` is the date of its evening. The clock is read as it hangs on the wall: rising at 7 is 7.0, also in the
    nights of 23 and of 25 hours.

    Raises
    ------
    ValueError
        If `at` is naive.

    Examples
    --------
    >>> from datetime import UTC
    >>> evening = date(2026, 1, 5)
    >>> on_the_clock(datetime(2026, 1, 5, 23, 30, tzinfo=UTC), evening, UTC)
    -0.5
    >>> on_the_clock(datetime(2026, 1, 6, 7, 15, tzinfo=UTC), evening, UTC)
    7.25
    """
    if at.tzinfo is None:
        raise ValueError("an hour by the clock needs a moment with a zone")
    wall = at.astimezone(zone).replace(tzinfo=None)
    midnight = datetime.combine(night, time()) + timedelta(days=1)
    return (wall - midnight) / timedelta(hours=1)


def score(population: Population, known: ClockTimes, hour: float, *, weekend: bool = False) -> float:
    """Return how much later than usual an hour is, in spreads: higher is later, below 0 is early.

    In the two weeks after a change of clocks it is the smaller of the scores by the clock and by the sun.

    Examples
    --------
    >>> rising = Population(mean=7.0, between=1.0, within=1.0)
    >>> round(score(rising, ClockTimes(), 8.0), 3)
    0.707
    >>> round(score(rising, ClockTimes(moved=1.0, adjusting=14), 8.0), 3)
    0.0
    """
    middle, spread = habits.usual(population, known.habit)
    return (hour - middle - _offset(known, weekend=weekend)) / spread


def alert_at(population: Population, known: ClockTimes, q: float, *, weekend: bool = False) -> float:
    """Return the hour by the clock after which "not up yet" asks for a person; infinite for an infinite `q`.

    Examples
    --------
    >>> rising = Population(mean=7.0, between=1.0, within=1.0)
    >>> round(alert_at(rising, ClockTimes(), 2.0), 2)
    9.83
    """
    middle, spread = habits.usual(population, known.habit)
    return middle + _offset(known, weekend=weekend) + spread * q


def learned(population: Population, known: ClockTimes, hour: float, *, weekend: bool = False) -> ClockTimes:
    """Return what is known after it happened at an hour. One much later than usual counts as `habits.CLIP` spreads.

    Examples
    --------
    >>> rising = Population(mean=7.0, between=1.0, within=1.0)
    >>> learned(rising, ClockTimes(), 8.0, weekend=True).weekend_off
    1.0
    """
    middle, spread = habits.usual(population, known.habit)
    off = _weekend_offset(known) if weekend else 0.0
    habit = habits.learned(population, known.habit, hour - off)
    if not weekend:
        return msgspec.structs.replace(known, habit=habit)
    clipped = min(hour - middle, off + habits.CLIP * spread)
    return msgspec.structs.replace(
        known, habit=habit, weekend=known.weekend + 1.0, weekend_off=known.weekend_off + clipped
    )


def next_night(known: ClockTimes, utc_offset: float, half_life: float = HALF_LIFE) -> ClockTimes:
    """Return what is known at the start of the next night; call it once for every night, seen or not.

    `utc_offset` is what the local clock is ahead of UTC on the morning of that night, in hours; when it differs from
    the night before, the clocks have changed.

    Examples
    --------
    >>> winter = next_night(ClockTimes(), utc_offset=1.0)
    >>> summer = next_night(winter, utc_offset=2.0)
    >>> summer.moved, summer.adjusting
    (1.0, 14)
    >>> next_night(summer, utc_offset=2.0).adjusting
    13
    """
    moved, adjusting = known.moved, max(0, known.adjusting - 1)
    if known.utc_offset is not None and utc_offset != known.utc_offset:
        moved, adjusting = utc_offset - known.utc_offset, ADJUSTING
    left = 0.5 ** (1.0 / half_life)
    return ClockTimes(
        habit=habits.scaled(known.habit, left),
        weekend=known.weekend * left,
        weekend_off=known.weekend_off * left,
        utc_offset=utc_offset,
        moved=moved if adjusting else 0.0,
        adjusting=adjusting,
    )


def after_absence(known: ClockTimes) -> ClockTimes:
    """Return what may still hold after two weeks away, or in another home (4.11)."""
    left = habits.LEFT_AFTER_ABSENCE
    return msgspec.structs.replace(
        known,
        habit=habits.scaled(known.habit, left),
        weekend=known.weekend * left,
        weekend_off=known.weekend_off * left,
    )


def _offset(known: ClockTimes, *, weekend: bool) -> float:
    """Return how much later than the middle it may be for other reasons: the weekend, the clocks."""
    # The clock moved forward: by the sun the usual hour now reads an hour later. Moved back, the clock's own is later.
    by_the_sun = max(0.0, known.moved) if known.adjusting else 0.0
    return by_the_sun + (_weekend_offset(known) if weekend else 0.0)


def _weekend_offset(known: ClockTimes) -> float:
    return known.weekend_off / (WEEKEND_PULL + known.weekend)
