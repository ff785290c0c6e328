"""Sleeping at other hours than some weeks ago, later or earlier (4.9).

A bettor stakes on each hour lying later, another on its lying earlier, than those of the baseline. If an hour is no
further from them on average than they are from their own middle, the stakes cannot grow on average, whatever the nights
have to do with one another: at least `RUN_LENGTH` nights on average until a notice.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import fmean, median, pstdev

import msgspec

from detectors.clock_times import on_the_clock
from detectors.homes import Home, zone_of
from detectors.nights import Notice, Summary, hours_of
from detectors.slow_change import Stakes

RUN_LENGTH = 180.0  # nights
STAKES: Stakes = (0.2, 0.35, 0.5, 0.8)  # higher than for counts: an hour by the clock is seldom far off
LAG = 10  # nights: the newest that the baseline does not look at is the one before this
REACH = 56  # nights back to which it looks
NIGHTS_MIN = 10  # seen in the baseline before anything is staked
UNIT = 1.0  # hours: so far to the other side of the middle all are alike ...
FURTHEST = 3.0  # ... and so far to this side: one odd night decides nothing
QUIET_FOR = 28  # nights after a notice in which there is none again
RECENT = 7  # nights that are shown beside the usual

NOTHING: Stakes = (0.0, 0.0, 0.0, 0.0)


class Hours(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of one kind of hour: winnings on later and on earlier, and the hours of the last nights."""

    later: Stakes = NOTHING
    earlier: Stakes = NOTHING
    nights: tuple[float | None, ...] = ()  # newest last; None where it was not seen; at most `REACH`


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of one home."""

    to_bed: Hours = Hours()
    rising: Hours = Hours()
    quiet: int = 0  # nights left without another notice


def step(known: Known, summary: Summary, home: Home) -> tuple[Known, Notice | None]:
    """Take in a whole day: when the resident lay down, and when they got up for the day.

    The notice's `value` is the shift in hours, later above zero; `usual` the middle hour of going to bed, or of
    rising if that is what shifted more, in hours of the clock since midnight.
    """
    zone = zone_of(home.night.zone)
    seen = summary.left_out is None
    lay, rose = (
        None if at is None or not seen else on_the_clock(at, summary.night, zone)
        for at in (summary.to_bed, summary.rose)
    )
    to_bed, rising = staked(known.to_bed, lay), staked(known.rising, rose)
    if known.quiet:
        return Known(_emptied(to_bed), _emptied(rising), known.quiet - 1), None
    # The mean of bettors of whom none can win on average cannot either: one promise holds for all of them.
    evidence = fmean((*to_bed.later, *to_bed.earlier, *rising.later, *rising.earlier))
    if evidence < RUN_LENGTH:
        return Known(to_bed, rising), None
    return Known(_emptied(to_bed), _emptied(rising), QUIET_FOR), _notice(to_bed, rising, summary.at, home)


def staked(hours: Hours, hour: float | None) -> Hours:
    """Return what is known after a night, with the stakes on its hour won or lost."""
    compared = _compared(hours)
    nights = (*hours.nights[-(REACH - 1) :], hour)
    if hour is None or len(compared) < NIGHTS_MIN:
        return Hours(hours.later, hours.earlier, nights)
    middle = median(compared)
    return Hours(
        _grown(hours.later, [x - middle for x in compared], hour - middle),
        _grown(hours.earlier, [middle - x for x in compared], middle - hour),
        nights,
    )


def _grown(won: Stakes, before: Sequence[float], now: float) -> Stakes:
    """Return the winnings after an hour that lies `now` beyond the middle, where those compared lay `before`."""
    values = [_value(x) for x in before]
    # One standard deviation of the doubt about the mean on top: one too low would break the promise.
    usual = fmean(values) + pstdev(values) / math.sqrt(len(values))
    gain = _value(now) / max(usual, _LEAST) - 1.0
    first, second, third, fourth = won
    one, two, three, four = STAKES
    return (
        (1.0 + first) * (1.0 + one * gain),
        (1.0 + second) * (1.0 + two * gain),
        (1.0 + third) * (1.0 + three * gain),
        (1.0 + fourth) * (1.0 + four * gain),
    )


_LEAST = 0.05  # hours; where all nights are alike to the minute the middle is one unit, so this is never reached


def _value(beyond: float) -> float:
    return min(UNIT + FURTHEST, max(0.0, UNIT + beyond))


def _compared(hours: Hours) -> list[float]:
    return [x for x in hours.nights[: max(0, len(hours.nights) - LAG + 1)] if x is not None]


def _emptied(hours: Hours) -> Hours:
    return Hours(nights=hours.nights)


def _notice(to_bed: Hours, rising: Hours, at: datetime, home: Home) -> Notice:
    shifts = []
    for hours in (to_bed, rising):
        before = _compared(hours)
        lately = [x for x in hours.nights[-RECENT:] if x is not None]
        if before and lately:
            shifts.append((median(lately) - median(before), median(before), len(before)))
    shift, usual, nights = max(shifts, key=lambda one: abs(one[0]))
    since = hours_of(at - timedelta(hours=1), home).start - timedelta(days=RECENT - 1)
    return Notice(since=since, value=round(shift, 1), usual=round(usual, 2), nights=nights)
