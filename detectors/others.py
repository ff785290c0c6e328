"""What other homes have taught: how long things last there, and from when on longer is too long.

A home starts from this in its first night. As it ships, it says what six recorded homes of healthy people living
alone had in common (`benchmarks.detection`), rounded and widened; the centre may send a better one, learned from homes
like these.
"""

import math

import msgspec

from detectors import calibration, tail
from detectors.durations import Typical
from detectors.habits import Population
from detectors.silence import Hazards
from detectors.tail import LOWEST, Aim


class Others(msgspec.Struct, frozen=True, kw_only=True):
    """Where a home starts from.

    Parameters
    ----------
    stays : how long episodes last whose end is seen, by the name of the lesson (model A).
    waits : how silences end, by the name of the lesson (model B).
    thresholds : from which score on an episode is told. By the name of a detector for where nothing better is known;
        by the name of a pool (`calibration.name`) once that has a figure. None: no score is enough, only the cap of
        the care plan speaks.
    """

    stays: dict[str, Typical]
    waits: dict[str, Hazards]
    thresholds: dict[str, float | None]
    ranks: dict[str, tuple[tuple[float, float], ...]] = {}  # as thresholds: shares of nights, and what only they exceed
    soonest: dict[str, float] = {}  # minutes before which nothing is told, by detector, however regular a home is

    def threshold(self, detector: str, profile: str, nights: int, budget: float = 1.0) -> float:
        """Return the score above which an episode is told, in a home watched for so many nights.

        `budget` is how often the home may have alerts that are not needed, as a factor of what is agreed for all.
        """
        return self.aim(detector, profile, nights, budget).score

    def aim(self, detector: str, profile: str, nights: int, budget: float) -> Aim:
        """Return the same, and whether enough is known to tell as seldom, or as often, as the budget says."""
        pool = _pool(detector, profile, nights)
        shipped = self.thresholds[detector]
        found = self.thresholds.get(pool, shipped)
        ranks = self.ranks.get(pool) or self.ranks.get(detector, ())
        least = -math.inf if shipped is None else LOWEST * shipped
        return tail.as_often(detector, math.inf if found is None else found, ranks, budget, least)

    def rank(self, detector: str, profile: str, nights: int, score: float) -> float | None:
        """Return the share of nights, in homes like this one, with a higher score; None where that is not known."""
        ranks = self.ranks.get(_pool(detector, profile, nights)) or self.ranks.get(detector, ())
        return min((share for share, least in ranks if score >= least), default=None)


def _pool(detector: str, profile: str, nights: int) -> str:
    return calibration.name(detector, profile, calibration.maturity(nights))


def _typical(median: float, between: float, within: float) -> Typical:
    """Put a population in words that can be read: a median in minutes, and two spreads of its logarithm."""
    return Typical(logs=Population(mean=math.log(median), between=between**2, within=within**2))


_BINS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)  # minutes; below the first a sensor may not look again yet

SHIPPED = Others(
    stays={
        "bath_at_night": _typical(3.0, 0.40, 0.46),
        "bath_evening": _typical(2.6, 0.40, 0.50),
        "bath_rising": _typical(3.4, 0.40, 0.50),
        "bath_risen": _typical(6.0, 0.60, 0.80),
        "oob_toilet": _typical(4.5, 0.45, 0.70),
        "oob_about": _typical(20.0, 0.60, 0.90),
    },
    waits={
        "unseen": Hazards(starts=_BINS, rates=(1.2, 1.0, 0.8, 0.55, 0.35, 0.2, 0.1)),
        "still_washing": Hazards(starts=_BINS, rates=(1.1, 1.0, 0.75, 0.55, 0.35, 0.2, 0.1)),
        "still_passing": Hazards(starts=_BINS, rates=(1.2, 1.1, 0.8, 0.55, 0.35, 0.2, 0.1)),
        "still_bedroom": Hazards(starts=_BINS, rates=(1.0, 0.9, 0.7, 0.5, 0.3, 0.15, 0.08)),
        "still_about": Hazards(starts=_BINS, rates=(0.9, 0.8, 0.6, 0.45, 0.3, 0.15, 0.08)),
        "still_risen": Hazards(starts=_BINS, rates=(0.5, 0.35, 0.2, 0.12, 0.08, 0.05, 0.03)),
    },
    thresholds={"bath": 2.4, "out_of_bed": 2.7, "still": 7.3, "unseen": 7.3},
    # The tail that ships, by `python -m benchmarks.detection.tails --recordings`: 380 nights of five homes, each home
    # counting the same. What is rarer than one night in fifty so few homes cannot tell.
    ranks={
        "bath": ((0.1, 1.7), (0.05, 2.1), (0.02, 2.7)),
        "still": ((0.1, 3.0), (0.05, 5.5), (0.02, 8.7)),
        "unseen": ((0.1, 4.2), (0.05, 5.8), (0.02, 7.4)),
    },
    soonest={"bath": 6.0, "out_of_bed": 20.0, "still": 6.0, "unseen": 8.0},
)
