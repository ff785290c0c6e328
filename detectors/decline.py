"""Days that are less active, or weeks that are less regular, than some weeks ago (4.8, 4.9).

Two things are watched. The share of waking hours in which somebody was seen, day by day; and the stability of the last
week, once a week. Both are bounded, so a fall of either is watched as slow change is. Somebody who goes out more is
not declining: hours spent out are not counted.
"""

import math
from datetime import timedelta
from statistics import fmean

import msgspec

from detectors import rest_activity, slow_change
from detectors.habits import Population
from detectors.homes import Home
from detectors.nights import HOURS, Notice, Summary, hours_of
from detectors.slow_change import Change, Watch

ACTIVE = Watch(population=Population(mean=0.8, between=0.01, within=0.01), run_length=360.0, falls_from=1.0)
"""Share of the hours by day in which somebody was seen. Two watches share a promise of 180 days, so each keeps twice
that. The population is a judgement."""

REGULAR = Watch(population=Population(mean=0.55, between=0.01, within=0.01), run_length=52.0, falls_from=1.0)
"""Interdaily stability of a week; .565 with a deviation of .099 in the one real home of the detection study (4.8).
Counted in weeks: 52 of them are twice the promise."""

WEEK = 7  # days
SEEN_MIN = 0.5  # of the hours by day, for a day to count
SEEN_MINUTES = 1.0  # in an hour, for it to be an active one
QUIET_FOR = 28  # days after a notice in which there is none again


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of one home."""

    active: Change = Change()
    regular: Change = Change()
    week: tuple[tuple[float | None, ...], ...] = ()  # the days of the running week
    quiet: int = 0  # days left without another notice


def step(known: Known, summary: Summary, home: Home) -> tuple[Known, Notice | None]:
    """Take in a whole day. The notice's values are percentages: of hours active, or of stability."""
    seen = summary.left_out is None and len(summary.activity) == HOURS
    share = active_share(summary, home) if seen else None
    active, told_active = slow_change.step(ACTIVE, known.active, share)
    week = (*known.week, summary.activity if seen else (None,) * HOURS)
    regular, told_regular = known.regular, None
    if len(week) == WEEK:
        regular, told_regular = slow_change.step(REGULAR, known.regular, stability(week))
        week = ()
    if known.quiet:
        return Known(_emptied(active), _emptied(regular), week, known.quiet - 1), None
    since = hours_of(summary.at - timedelta(hours=1), home).start - timedelta(days=WEEK - 1)
    for change, weighed, lately in ((active, told_active, WEEK), (regular, told_regular, 1)):
        if weighed is not None and weighed.notice:
            recent = [1.0 - x for x in change.nights[-lately:] if x is not None]
            before = [1.0 - x for x in change.nights[: -slow_change.LAG] if x is not None]
            notice = Notice(
                since=since,
                value=round(100 * fmean(recent)),
                usual=round(100 * fmean(before)),
                nights=len(before) * (1 if lately == WEEK else WEEK),
            )
            return Known(_emptied(active), _emptied(regular), week, QUIET_FOR), notice
    return Known(active, regular, week), None


def active_share(summary: Summary, home: Home) -> float | None:
    """Return the share of the hours outside the watched night, as far as seen, in which somebody was active."""
    night = home.night
    lasts = (night.end.hour * 60 + night.end.minute - night.start.hour * 60 - night.start.minute) % (24 * 60)
    quiet = lasts / 60
    # The night lies in the middle of the day's 24 hours, as far from one boundary as from the other.
    first, last = math.floor((HOURS - quiet) / 2), math.ceil((HOURS + quiet) / 2)
    by_day = [x for hour, x in enumerate(summary.activity) if not first <= hour < last]
    seen = [x for x in by_day if x is not None]
    if not by_day or len(seen) < SEEN_MIN * len(by_day):
        return None
    return sum(x >= SEEN_MINUTES for x in seen) / len(seen)


def stability(week: tuple[tuple[float | None, ...], ...]) -> float | None:
    """Return how alike the days of a week were: 1 when they all are. None where too little was seen."""
    hours = [math.nan if x is None else x for day in week for x in day]
    found = rest_activity.figures(hours)
    return None if found is None else min(1.0, found.stability)


def _emptied(change: Change) -> Change:
    return msgspec.structs.replace(change, won=Change().won)
