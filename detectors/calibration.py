"""From which score on an episode is rare enough to be told: ranks in a pool of nights from many homes (4.6).

Of every home-night only the highest score counts. That takes in at once how many episodes a night has and what they
have to do with one another, so that a threshold says directly: without an incident, this is told in at most so many
nights. It holds if the nights of the pool and tonight could be exchanged for one another; not for one person, not in
illness, and it is no promise to find anything.

Nights on which something was told stay in, unless it was a real incident: to leave them out would cut off the tail,
and so lower the threshold a little more every week.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum

import msgspec

from detectors import beta

WINDOW = 28  # nights that a pool reaches back
ENOUGH = 1_000  # home-nights from which on no shipped scores are mixed in: 36 homes for 28 nights
BACK_AT = 7  # nights of maturity with which a home starts again after weeks away (4.11)
_ROUNDING = 1e-9


class Maturity(StrEnum):
    """For how many nights a home has been watched. Homes are pooled with their like: early scores are wilder."""

    FIRST_WEEK = "0-6"
    SECOND_WEEK = "7-13"
    FIRST_MONTH = "14-27"
    SETTLED = "28+"


class LeftOut(StrEnum):
    """Why a home-night says nothing about usual nights."""

    INCIDENT = "incident"  # confirmed by a person
    OUTAGE = "outage"  # not fully seen
    COMPANY = "company"  # others were present


class HomeNight(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one detector saw in one home in one night. An alert that nobody answered is no incident."""

    highest: float | None = None  # score of the most unusual finished episode; None if there was no episode
    left_out: LeftOut | None = None


class Night(msgspec.Struct, frozen=True, array_like=True):
    """One night of a pool. Homes without an episode are counted: they rank below every score."""

    date: date
    quiet: int = 0
    scores: tuple[float, ...] = ()  # lowest first
    left_out: int = 0


class Pool(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered for one detector, one profile of residents and one maturity: the nights of a window."""

    nights: tuple[Night, ...] = ()  # oldest first


class Scores(msgspec.Struct, frozen=True, array_like=True):
    """Highest scores of some home-nights, to rank against."""

    quiet: int = 0
    ranked: tuple[float, ...] = ()  # lowest first
    shipped: int = 0  # how many of them all came with the release and were not seen here

    @property
    def n(self) -> int:
        """The number of home-nights."""
        return self.quiet + len(self.ranked)

    def threshold(self, budget: float) -> float:
        """Return the score above which an episode is told, so that at most `budget` of the usual nights tell one.

        It is the score of rank ceil((n + 1)(1 - budget)). Infinite while there are too few nights to know such a rare
        one by (99 for a budget of 0.01): only the cap of the care plan speaks then. Minus infinite if nights with any
        episode at all are rarer than the budget.

        Raises
        ------
        ValueError
            If the budget is negative or no number.

        Examples
        --------
        >>> Scores(quiet=98, ranked=(2.5,)).threshold(0.01)
        2.5
        >>> Scores(quiet=70, ranked=tuple(range(10))).threshold(0.01)
        inf
        """
        rank = self.n + 1 - _above(self.n, budget)
        if rank > self.n:
            return math.inf
        return -math.inf if rank <= self.quiet else self.ranked[rank - self.quiet - 1]

    def p_value(self, score: float) -> float:
        """Return the share of nights, tonight included, whose highest score is at least this: low is unusual.

        Examples
        --------
        >>> Scores(quiet=98, ranked=(2.5,)).p_value(3.0), Scores(quiet=98, ranked=(2.5,)).p_value(2.5)
        (0.01, 0.02)
        """
        return (1 + len(self.ranked) - bisect_left(self.ranked, score)) / (self.n + 1)


def name(detector: str, profile: str, maturity_: Maturity) -> str:
    """Return what a pool is stored under.

    Examples
    --------
    >>> name("bath", "elderly", Maturity.SETTLED)
    'bath/elderly/28+'
    """
    return f"{detector}/{profile}/{maturity_}"


def maturity(nights: int) -> Maturity:
    """Return the pool that a home belongs to in the night after so many watched nights.

    Examples
    --------
    >>> maturity(0), maturity(28)
    (<Maturity.FIRST_WEEK: '0-6'>, <Maturity.SETTLED: '28+'>)
    """
    for ends, bucket in ((7, Maturity.FIRST_WEEK), (14, Maturity.SECOND_WEEK), (28, Maturity.FIRST_MONTH)):
        if nights < ends:
            return bucket
    return Maturity.SETTLED


def after_absence(nights: int) -> int:
    """Return the watched nights that still count after two weeks away, or in another home (4.11).

    Examples
    --------
    >>> after_absence(200), after_absence(3)
    (7, 3)
    """
    return min(nights, BACK_AT)


def entered(pool: Pool, night: date, homes: Iterable[HomeNight]) -> Pool:
    """Return the pool with a night of some homes in it, and without nights that are `WINDOW` older than its newest.

    Each home-night enters once; in which order they come changes nothing.

    Raises
    ------
    ValueError
        If a score is infinite or no number.

    Examples
    --------
    >>> homes = [HomeNight(highest=1.5), HomeNight(), HomeNight(highest=9.0, left_out=LeftOut.INCIDENT)]
    >>> entered(Pool(), date(2026, 1, 5), homes).nights[0]
    Night(date=datetime.date(2026, 1, 5), quiet=1, scores=(1.5,), left_out=1)
    """
    by_date = {one.date: one for one in pool.nights}
    before = by_date.get(night, Night(night))
    quiet, left_out, scores = before.quiet, before.left_out, list(before.scores)
    for home in homes:
        if home.left_out is not None:
            left_out += 1
        elif home.highest is None:
            quiet += 1
        elif math.isfinite(home.highest):
            scores.append(home.highest)
        else:
            raise ValueError(f"{home.highest} cannot be ranked")
    by_date[night] = Night(night, quiet, tuple(sorted(scores)), left_out)
    newest = max(by_date)
    return Pool(tuple(by_date[one] for one in sorted(by_date) if (newest - one).days < WINDOW))


def scores(pool: Pool, shipped: Scores | None = None, enough: int = ENOUGH) -> Scores:
    """Return what to rank against: the pool, filled up to `enough` with scores that came with the release.

    Of more shipped scores than are missing, every so-manieth is taken, so that they keep their shape while the pool
    grows and takes over.

    Examples
    --------
    >>> pool = entered(Pool(), date(2026, 1, 5), [HomeNight(highest=3.0), HomeNight()])
    >>> scores(pool, shipped=Scores(quiet=6, ranked=(1.0, 2.0, 4.0, 8.0)), enough=7)
    Scores(quiet=4, ranked=(2.0, 3.0, 8.0), shipped=5)
    """
    quiet = sum(night.quiet for night in pool.nights)
    ranked = [score for night in pool.nights for score in night.scores]
    missing = max(0, enough - quiet - len(ranked))
    filling = _thinned(shipped, missing) if shipped is not None else Scores()
    return Scores(quiet + filling.quiet, tuple(sorted([*ranked, *filling.ranked])), filling.n)


def upper_limit(n: int, budget: float, confidence: float = 0.95) -> float:
    """Return the share of nights that a threshold from this pool may tell at worst, with so much confidence.

    On average over pools the share is at most the budget; a single small pool may have been a lucky one.

    Examples
    --------
    >>> round(upper_limit(200, 0.005), 3), round(upper_limit(1000, 0.005), 3), round(upper_limit(5000, 0.005), 4)
    (0.015, 0.009, 0.0067)
    """
    above = _above(n, budget)
    if above == 0:
        return 0.0
    return 1.0 if above > n else beta.quantile(confidence, above, n + 1 - above)


def _above(n: int, budget: float) -> int:
    """Return how many of n + 1 nights may have the highest score: n + 1 - ceil((n + 1)(1 - budget))."""
    if not budget >= 0.0:
        raise ValueError(f"a budget of {budget} nights cannot be kept")
    # Rounding must not cost a rank: 0.29 of 100 is 29, not the 28.999... that floats make of it.
    return min(n + 1, math.floor((n + 1) * budget + _ROUNDING))


def _thinned(shipped: Scores, most: int) -> Scores:
    if shipped.n <= most:
        return shipped
    ranks = [((2 * i + 1) * shipped.n) // (2 * most) for i in range(most)]
    quiet = bisect_left(ranks, shipped.quiet)
    return Scores(quiet, _at(shipped.ranked, [rank - shipped.quiet for rank in ranks[quiet:]]))


def _at(ranked: Sequence[float], ranks: Iterable[int]) -> tuple[float, ...]:
    return tuple(ranked[rank] for rank in ranks)
