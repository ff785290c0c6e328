"""How regular a week was: three figures of rest and activity from the hours of day and night (4.8).

Drawn as trend lines and watched for slow change; a single week is never an alert.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec

DAY = 24  # hours
MOST, LEAST = 10, 5  # hours: the most active ten in a row, the least active five
DAYS_MIN = 2  # one day cannot be compared with another


class RestActivity(msgspec.Struct, frozen=True, kw_only=True):
    """The three figures.

    Parameters
    ----------
    stability : 0 to 1; 1 when every day is alike (interdaily stability, IS).
    variability : about 0 for one smooth wave a day, 2 for hours without any pattern (intradaily variability, IV).
    amplitude : 0 to 1; 1 when the quietest five hours are still (relative amplitude, RA).
    """

    stability: float
    variability: float
    amplitude: float


def figures(activity: Sequence[float]) -> RestActivity | None:
    """Return the figures of some days of activity per hour, or None where there is nothing to tell hours apart by.

    Parameters
    ----------
    activity : length n_hours, a whole number of days and at least two; any unit that is not negative. The first may
        be any hour of the day. NaN marks an hour that was not seen: it is left out, and so are the steps to and from
        it.

    Returns
    -------
    None if an hour of the day was never seen, if no two hours in a row were, or if all hours are equal.

    Raises
    ------
    ValueError
        If it is not a whole number of days, or fewer than two, or an hour is negative.

    References
    ----------
    Witting, W. et al. (1990). Alterations in the circadian rest-activity rhythm in aging and Alzheimer's disease.
    Biological Psychiatry 27, 563-572.

    Examples
    --------
    >>> figures([0.0] * 8 + [4.0] * 16 + [0.0] * 8 + [4.0] * 16)
    RestActivity(stability=1.0, variability=0.28723404255319146, amplitude=1.0)
    """
    if len(activity) % DAY or len(activity) < DAYS_MIN * DAY:
        raise ValueError(f"{len(activity)} hours are not two or more whole days")
    seen = [x for x in activity if not math.isnan(x)]
    if any(x < 0 for x in seen):
        raise ValueError("activity is never negative")
    hours = [[x for x in activity[hour::DAY] if not math.isnan(x)] for hour in range(DAY)]
    steps = [(y - x) ** 2 for x, y in pairwise(activity) if not math.isnan(y - x)]
    if not all(hours) or not steps:
        return None
    mean = math.fsum(seen) / len(seen)
    spread = math.fsum((x - mean) ** 2 for x in seen)
    if spread == 0.0:
        return None
    day = [math.fsum(hour) / len(hour) for hour in hours]
    # Each hour of the day weighs by how often it was seen: with nothing missing, the usual n/24 for each.
    between = math.fsum(len(hour) * (x - mean) ** 2 for hour, x in zip(hours, day, strict=True))
    most, least = max(_runs(day, MOST)), min(_runs(day, LEAST))
    return RestActivity(
        stability=between / spread,
        variability=len(seen) * math.fsum(steps) / (len(steps) * spread),
        amplitude=(most - least) / (most + least),
    )


def _runs(day: Sequence[float], hours: int) -> list[float]:
    """Return the mean activity of so many hours in a row, for each hour to start at; the day is a circle."""
    twice = [*day, *day]
    return [math.fsum(twice[start : start + hours]) / hours for start in range(DAY)]
