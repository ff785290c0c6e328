"""How scores get rarer: along what nights like these have had, and past it along the tail that a model has.

So a threshold that tells in one share of the nights becomes one that tells half, twice or four times as often: for a
home with a budget of its own. Later than the fleet it is only told as far as nights have shown so rare a score; a model
alone makes no alert come later. Sooner it may.
"""

import math
from bisect import bisect_right
from typing import NamedTuple

LOWEST = 0.5  # of the shipped threshold: what is more usual than this is not told, however rare any episode is
_NATS = frozenset({"still", "unseen"})  # detectors whose score is evidence in nats; of the others it is in spreads
_ROUNDING = 1e-9

Ranks = tuple[tuple[float, float], ...]
"""Shares of nights, and the score that only so many exceed."""


class Aim(NamedTuple):
    """From which score on an episode is told, and whether that is as often as was asked."""

    score: float
    reached: bool = True


def beyond(detector: str, score: float, nats: float) -> float:
    """Return the score that is so many nats rarer than another, by the tail that the detector's model has.

    A silence's score is its evidence in nats. Of a stay's, in spreads, a normal tail falls by the score itself for
    each spread; real tails are heavier, and what is missing then the controller asks for the next day.

    >>> beyond("still", 7.0, 0.5), beyond("bath", 2.0, 0.5)
    (7.5, 2.25)
    """
    return score + nats / _steepness(detector, score)


def as_often(detector: str, score: float, ranks: Ranks, factor: float, least: float) -> Aim:
    """Return the score that is exceeded `factor` times as often as another; that one itself for a factor of 1.

    Between two ranks the score goes in a straight line with the logarithm of the share. Real tails bend under it or
    follow it, so what this gives is mostly told a little sooner than half as often would allow, and not later.

    Parameters
    ----------
    score : in force where nothing of its own is agreed. Infinite stays so.
    ranks : what nights like these have exceeded; may be empty.
    factor : below 1 for fewer alerts, above it for more. More than 0.
    least : score below which nothing is told.

    Examples
    --------
    >>> ranks = ((0.04, 2.0), (0.02, 3.0), (0.01, 4.0))
    >>> as_often("bath", 3.0, ranks, 0.5, least=1.0), as_often("bath", 3.0, ranks, 2.0, least=1.0)
    (Aim(score=4.0, reached=True), Aim(score=2.0, reached=True))
    >>> as_often("bath", 3.0, ranks, 0.1, least=1.0), as_often("bath", 3.0, (), 0.5, least=1.0)
    (Aim(score=4.0, reached=False), Aim(score=3.0, reached=False))
    """
    if factor == 1.0 or not math.isfinite(score):
        return Aim(score, factor == 1.0)
    curve = _Curve(detector, score, ranks)
    rarity = curve.rarity(score) - math.log(factor)
    wanted = curve.score(rarity)
    if factor > 1.0:
        lowest = min(score, least)  # what is told below that already stays
        return Aim(min(score, max(wanted, lowest)), wanted >= lowest - _ROUNDING)
    known = rarity <= curve.rarest + _ROUNDING
    return Aim(max(score, min(wanted, curve.highest)), known)


class _Curve:
    """Scores by how rare they are, in nats (-ln of the share of nights); outside the ranks, by the model's tail."""

    def __init__(self, detector: str, score: float, ranks: Ranks) -> None:
        self._detector = detector
        known = sorted((-math.log(share), least) for share, least in ranks if 0.0 < share <= 1.0)
        self.rarest = known[-1][0] if known else -math.inf  # that nights have shown
        self.highest = known[-1][1] if known else -math.inf  # its score
        self._rarities = [rarity for rarity, _ in known or [(0.0, score)]]
        self._scores = [least for _, least in known or [(0.0, score)]]

    def score(self, rarity: float) -> float:
        place = bisect_right(self._rarities, rarity)
        if place == 0:
            return beyond(self._detector, self._scores[0], rarity - self._rarities[0])
        if place == len(self._rarities):
            return beyond(self._detector, self._scores[-1], rarity - self._rarities[-1])
        (from_, to), (low, high) = self._rarities[place - 1 : place + 1], self._scores[place - 1 : place + 1]
        return min(high, low + (high - low) * ((rarity - from_) / (to - from_)))

    def rarity(self, score: float) -> float:
        """Return how rare it is to exceed a score; where several nights have the same, how rare at most."""
        place = bisect_right(self._scores, score)
        if place == 0:
            return self._rarities[0] + (score - self._scores[0]) * _steepness(self._detector, self._scores[0])
        if place == len(self._scores):
            return self._rarities[-1] + (score - self._scores[-1]) * _steepness(self._detector, self._scores[-1])
        (low, high), (from_, to) = self._scores[place - 1 : place + 1], self._rarities[place - 1 : place + 1]
        return from_ + (to - from_) * ((score - low) / (high - low))


def _steepness(detector: str, score: float) -> float:
    """Return by how many nats it gets rarer for each point of the score."""
    return 1.0 if detector in _NATS else max(score, 1.0)
