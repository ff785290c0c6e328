"""Whether as much is told as was agreed: the pooling of nights, replayed night by night (detection study 4.6).

The score of a night does not depend on any threshold, so homes are run one by one and only their highest scores are
put together: on each date the pools hold the nights before it, and from them come the thresholds that are in force.
What then lies above is told; in a cohort nothing happens, so all of it is false. The caps of the care plan are not
counted.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import NamedTuple

from care import teaching
from care.records import Ranked
from care.teaching import PER_NIGHT
from detectors import budget, calibration
from detectors.budget import Control
from detectors.calibration import HomeNight, LeftOut, Maturity, Pool, Scores
from detectors.nights import Summary
from detectors.others import SHIPPED

BUDGETS = (0.01, 0.02, 0.05)  # of the home-nights, for each detector
DETECTORS = tuple(sorted(teaching.SHARES))  # that learn


class Scored(NamedTuple):
    """What one night of one home came to, as the pools need it."""

    night: date
    age: int
    left_out: LeftOut | None
    highest: Mapping[str, float]  # by detector
    profile: str = "general"  # with which residents it is pooled


class Told(NamedTuple):
    """How many of some home-nights lay above the threshold in force."""

    nights: int
    above: int

    def ratio(self, nominal: float) -> float | None:
        """Return realised over nominal; None if no night had a threshold."""
        return self.above / (self.nights * nominal) if self.nights else None


class Replayed(NamedTuple):
    """What the pools made of a cohort."""

    told: Mapping[tuple[float, str, Maturity], Told]  # by budget, detector and maturity
    too_few: Mapping[tuple[float, str, Maturity], int]  # nights for which no pool was large enough for a threshold

    def over(self, nominal: float, *, detector: str | None = None, maturity: Maturity | None = None) -> Told:
        """Return one figure over all detectors, or one of them, and over all maturities, or one."""
        chosen = [
            one
            for (of, name, bucket), one in self.told.items()
            if of == nominal and detector in {None, name} and maturity in {None, bucket}
        ]
        return Told(sum(one.nights for one in chosen), sum(one.above for one in chosen))


def scored(summary: Summary, profile: str = "general") -> Scored:
    return Scored(summary.night, summary.age, summary.left_out, summary.highest, profile)


def replayed(
    nights: Iterable[Scored],
    *,
    budgets: Sequence[float] = BUDGETS,
    detectors: Sequence[str] = DETECTORS,
    shipped: Mapping[str, Scores] | None = None,
) -> Replayed:
    """Let a fleet's nights go through its pools, oldest first; the order within a night changes nothing.

    Parameters
    ----------
    shipped : scores that came with the release, by detector or by pool: they fill small pools up.

    A threshold stands on at least one night over its budget. Where a pool has fewer (99 nights for a budget of 0.01)
    the product keeps a threshold that was shipped, which was never meant for this budget: such nights are counted
    apart, not judged.
    """
    pools: dict[str, Pool] = {}
    told: dict[tuple[float, str, Maturity], Told] = {}
    too_few: dict[tuple[float, str, Maturity], int] = {}
    ordered = sorted(nights, key=lambda one: one.night)
    for night, of_night in groupby(ordered, key=lambda one: one.night):
        tonight = list(of_night)
        entering: dict[str, list[HomeNight]] = {}
        in_force: dict[tuple[str, float], float] = {}
        for one in tonight:
            bucket = calibration.maturity(one.age)
            for detector in detectors:
                pool = calibration.name(detector, one.profile, bucket)
                highest = one.highest.get(detector)
                entering.setdefault(pool, []).append(HomeNight(highest=highest, left_out=one.left_out))
                if one.left_out is not None:
                    continue
                for of in budgets:
                    if (pool, of) not in in_force:
                        filling = (shipped or {}).get(pool, (shipped or {}).get(detector))
                        known = calibration.scores(pools.get(pool, Pool()), filling)
                        in_force[pool, of] = known.threshold(of)
                    _count(told, too_few, (of, detector, bucket), in_force[pool, of], highest)
        for pool, homes in entering.items():
            pools[pool] = calibration.entered(pools.get(pool, Pool()), night, homes)
    return Replayed(told, too_few)


def taught(nights: Iterable[Scored]) -> dict[Maturity, Told]:
    """Let the same nights go through the product's own rule: shipped thresholds, bounded steps and the controller.

    Returned by maturity, over all detectors together: how many alerts there were, of how many home-nights. The budget
    that they stand against is `care.teaching.PER_NIGHT`.
    """
    control = Control()
    pools: dict[str, Pool] = {}
    in_force: dict[str, Ranked] = {}
    told: dict[Maturity, Told] = {}
    ordered = sorted(nights, key=lambda one: one.night)
    for night, of_night in groupby(ordered, key=lambda one: one.night):
        entering: dict[str, list[HomeNight]] = {}
        homes = alerts = 0
        for one in of_night:
            bucket, above = calibration.maturity(one.age), 0
            for detector in DETECTORS:
                pool = calibration.name(detector, one.profile, bucket)
                entering.setdefault(pool, []).append(
                    HomeNight(highest=one.highest.get(detector), left_out=one.left_out)
                )
                threshold = SHIPPED.threshold(detector, one.profile, one.age)
                if pool in in_force:
                    threshold = _or_never(in_force[pool].threshold)
                above += one.highest.get(detector, -math.inf) > threshold
            if one.left_out is not None:
                continue
            homes, alerts = homes + 1, alerts + above
            before = told.get(bucket, Told(0, 0))
            told[bucket] = Told(before.nights + 1, before.above + above)
        control = budget.after_night(control, alerts=alerts, homes=homes, per_night=PER_NIGHT)
        for pool, of_pool in entering.items():
            pools[pool] = calibration.entered(pools.get(pool, Pool()), night, of_pool)
        for pool, kept in pools.items():
            before_it = _or_never(in_force[pool].threshold) if pool in in_force else None
            in_force[pool] = teaching.ranked(kept, pool.partition("/")[0], control, before_it)
    return told


def _or_never(threshold: float | None) -> float:
    return math.inf if threshold is None else threshold


def _count(
    told: dict[tuple[float, str, Maturity], Told],
    too_few: dict[tuple[float, str, Maturity], int],
    key: tuple[float, str, Maturity],
    threshold: float,
    highest: float | None,
) -> None:
    if threshold == math.inf:
        too_few[key] = too_few.get(key, 0) + 1
        return
    before = told.get(key, Told(0, 0))
    told[key] = Told(before.nights + 1, before.above + (highest is not None and highest > threshold))


def tail(nights: Iterable[Scored], detector: str, maturity: Maturity | None = None) -> Scores:
    """Return what usual nights came to for one detector, of homes watched for so long or of all."""
    usual = [
        one.highest.get(detector)
        for one in nights
        if one.left_out is None and maturity in {None, calibration.maturity(one.age)}
    ]
    ranked = tuple(sorted(score for score in usual if score is not None))
    return Scores(quiet=len(usual) - len(ranked), ranked=ranked)
