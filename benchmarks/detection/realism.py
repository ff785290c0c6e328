"""Whether an incident gives itself away before it happens, or moves as this person never does.

A detector that is measured on incidents which can be told from real nights by the injector's fingerprints is not
measured at all.
"""

import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import exp, log1p
from statistics import fmean, pstdev

from benchmarks.detection.edits import Draw, Incident, outside_bathroom, within
from benchmarks.detection.stays import Stays
from detectors.homes import WASHING, Kind
from detectors.moments import SensorEvent

BEFORE = timedelta(minutes=60)
ENOUGH = 50  # draws
REAL_FOR_EACH = 3  # moments of real nights, for a draw
STEPS, STEP = 200, 0.3  # of a descent that ends well before on so few features
MINUTE = timedelta(minutes=1)


def given_away(stays: Stays, incident: Incident, draws: Sequence[Draw], dice: random.Random) -> float | None:
    """Return how well the hour before t0 tells an incident from a real night, as an AUC: 0.5 is not at all.

    The draws stand against the hours before moments of real nights that are as far into the same kind of stay. A
    logistic regression learns on one half of them and is judged on the other. None if there are too few.
    """
    places = stays.washings if incident in _IN_BATHROOM else stays.outings
    if len(draws) < ENOUGH or not places:
        return None
    moments = (_alike(stays, draw, incident, dice) for draw in draws for _ in range(REAL_FOR_EACH))
    real = [_features(stays, at, (), at) for at in moments if at is not None]
    edited = [_features(stays, one.t0, [event for event in one.tail if event.at < one.t0], one.cut) for one in draws]
    labelled = [*((features, 1) for features in edited), *((features, 0) for features in real)]
    dice.shuffle(labelled)
    halves = labelled[::2], labelled[1::2]
    areas = [_judged(logistic(learned), judged) for learned, judged in (halves, halves[::-1])]
    return fmean(area for area in areas if area is not None) if any(area is not None for area in areas) else None


def _judged(score: "_Score", labelled: Sequence[tuple[tuple[float, ...], int]]) -> float | None:
    scores = [(score(features), label) for features, label in labelled]
    return auc([one for one, label in scores if label], [one for one, label in scores if not label])


_IN_BATHROOM = {Incident.FELL_BATHROOM_STILL, Incident.FELL_BATHROOM_MOVING, Incident.LONG_BATHROOM}


def _alike(stays: Stays, draw: Draw, incident: Incident, dice: random.Random) -> datetime | None:
    """Return a moment of a real night that the draw could have had, or that is as far into a stay as the draw is."""
    if incident in _IN_BATHROOM:
        place = dice.choice(stays.washings)
        return place.start if incident is Incident.LONG_BATHROOM else within(place, dice.random())
    place = dice.choice(stays.outings)
    if incident is Incident.LEFT_HOME:
        return place.start + (draw.t0 - draw.cut)
    return outside_bathroom(stays, place, dice)


def _features(stays: Stays, at: datetime, instead: Sequence[SensorEvent], cut: datetime) -> tuple[float, ...]:
    events = [*stays.recorded.between(at - BEFORE, min(at, cut)), *instead]
    acts = [event for event in events if event.value]
    since = [(at - event.at).total_seconds() / 60 for event in acts]
    beds = [(at - event.at).total_seconds() / 60 for event in events if event.kind is Kind.BED]
    return (
        log1p(len(acts)),
        log1p(sum(minutes <= 15 for minutes in since)),
        log1p(sum(minutes <= 5 for minutes in since)),
        min(since, default=60.0),
        min(beds, default=60.0),
        float(len({event.room for event in acts})),
    )


def logistic(labelled: Sequence[tuple[tuple[float, ...], int]]) -> "_Score":
    """Learn to tell the labels 1 from 0. Returns a function of features, higher for 1."""
    columns = list(zip(*(features for features, _ in labelled), strict=True))
    means, spreads = [fmean(column) for column in columns], [pstdev(column) or 1.0 for column in columns]
    rows = [
        ([(value - m) / s for value, m, s in zip(features, means, spreads, strict=True)], label)
        for features, label in labelled
    ]
    weights, bias = [0.0] * len(columns), 0.0
    for _ in range(STEPS):
        slopes, slope = [0.0] * len(columns), 0.0
        for row, label in rows:
            off = label - 1 / (1 + exp(-_dot(weights, row) - bias))
            slopes = [one + off * value for one, value in zip(slopes, row, strict=True)]
            slope += off
        weights = [weight + STEP * one / len(rows) for weight, one in zip(weights, slopes, strict=True)]
        bias += STEP * slope / len(rows)
    return _Score(weights, means, spreads)


class _Score:
    def __init__(self, weights: Sequence[float], means: Sequence[float], spreads: Sequence[float]) -> None:
        self._weights, self._means, self._spreads = weights, means, spreads

    def __call__(self, features: Sequence[float]) -> float:
        row = [(value - m) / s for value, m, s in zip(features, self._means, self._spreads, strict=True)]
        return _dot(self._weights, row)


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(one * other for one, other in zip(left, right, strict=True))


def auc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Return how often a positive ranks above a negative, ties by half.

    >>> auc([2.0, 3.0], [1.0, 2.0])
    0.875
    """
    if not positive or not negative:
        return None
    ordered = sorted(negative)
    above = 0.0
    for value in positive:
        below, upto = bisect_left(ordered, value), bisect_right(ordered, value)
        above += below + (upto - below) / 2
    return above / len(positive) / len(negative)


def moves_like_them(stays: Stays, draws: Sequence[Draw]) -> float | None:
    """Return the share of draws in which the bathroom's sensors never see more in a minute than they really did."""
    real = max((_most_in_a_minute(stays, stays.recorded.between(*stay[:2])) for stay in stays.washings), default=0)
    if not real or not draws:
        return None
    return fmean(_most_in_a_minute(stays, draw.tail) <= real for draw in draws)


def _most_in_a_minute(stays: Stays, events: Sequence[SensorEvent]) -> int:
    home = stays.recorded.home
    moves = [
        event.at
        for event in events
        if event.value and event.kind is Kind.MOTION and home.kind_of(event.room) in WASHING
    ]
    return max((bisect_left(moves, at + MINUTE) - number for number, at in enumerate(moves)), default=0)
