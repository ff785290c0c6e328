"""From which score on something is told: ranks, small pools, what ships with a release, and which nights count."""

import math
from datetime import date, timedelta
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import calibration, durations
from detectors.calibration import HomeNight, LeftOut, Maturity, Pool, Scores
from detectors.durations import BATH, Block, Personal
from tests.detectors.proofs import restored

MONDAY = date(2026, 1, 5)

home_nights = st.builds(
    HomeNight, highest=st.one_of(st.none(), st.floats(-9, 9)), left_out=st.sampled_from([None, None, None, *LeftOut])
)
pooled = st.builds(
    lambda quiet, ranked: Scores(quiet, tuple(sorted(ranked))), st.integers(0, 300), st.lists(st.floats(-9, 9))
)
budgets = st.floats(0.0001, 0.5)


@pytest.mark.parametrize(("n", "rank"), [(1400, 1387), (99, 99), (1000, 991)])
def test_the_documents_ranks(n: int, rank: int) -> None:
    assert Scores(0, tuple(float(i) for i in range(1, n + 1))).threshold(0.01) == rank


@pytest.mark.parametrize("n", [0, 1, 27, 80, 98])
def test_with_too_few_nights_to_know_such_a_rare_one_by_nothing_is_told(n: int) -> None:
    assert Scores(0, (1.0,) * n).threshold(0.01) == math.inf


@given(st.integers(1, 3_000), budgets)
def test_nothing_is_told_as_long_as_the_rank_lies_beyond_the_pool(n: int, budget: float) -> None:
    told = Scores(0, (1.0,) * n).threshold(budget) < math.inf
    assert told == ((n + 1) * budget >= 1 - 1e-9)


@given(pooled, budgets)
def test_of_the_pool_itself_and_tonight_no_more_than_the_budget_lies_above_the_threshold(
    scores: Scores, budget: float
) -> None:
    """The finite-sample guarantee, by counting: each of the n + 1 nights is as likely to be tonight."""
    q = scores.threshold(budget)
    above = sum(score > q for score in scores.ranked)
    assert q == math.inf or above + 1 <= budget * (scores.n + 1) + 1e-6


@given(pooled, budgets, budgets)
def test_a_smaller_budget_never_tells_more(scores: Scores, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert scores.threshold(small) >= scores.threshold(large)


@given(pooled, budgets, st.floats(-9, 9))
def test_a_night_is_told_when_its_rank_is_within_the_budget(scores: Scores, budget: float, score: float) -> None:
    if score > scores.threshold(budget):
        assert scores.p_value(score) <= budget + 1e-9


def test_a_night_like_one_in_the_pool_is_no_more_unusual_than_that_one() -> None:
    scores = Scores(quiet=6, ranked=(1.0, 2.0, 2.0))
    assert [scores.p_value(score) for score in (2.5, 2.0, 1.5, 0.0)] == [0.1, 0.3, 0.3, 0.4]


def test_where_any_episode_is_rarer_than_the_budget_any_is_told() -> None:
    assert Scores(quiet=999, ranked=(2.0,)).threshold(0.01) == -math.inf


def test_no_budget_tells_nothing_and_a_whole_one_everything() -> None:
    scores = Scores(0, (1.0, 2.0))
    assert (scores.threshold(0.0), scores.threshold(1.0)) == (math.inf, -math.inf)
    with pytest.raises(ValueError, match="cannot be kept"):
        scores.threshold(-0.1)


def test_a_rank_is_not_lost_to_rounding() -> None:
    hundred = Scores(0, tuple(float(i) for i in range(1, 100)))
    assert [hundred.threshold(percent / 100) for percent in range(1, 100)] == [100.0 - i for i in range(1, 100)]


def test_only_incidents_outages_and_company_are_left_out_and_they_are_counted() -> None:
    homes = [HomeNight(highest=9.0, left_out=why) for why in LeftOut]
    told_and_unanswered = HomeNight(highest=8.0)
    night = calibration.entered(Pool(), MONDAY, [*homes, told_and_unanswered, HomeNight()]).nights[0]
    assert (night.quiet, night.scores, night.left_out) == (1, (8.0,), 3)


@given(
    st.lists(st.tuples(st.integers(0, 40), home_nights), max_size=40).flatmap(
        lambda nights: st.tuples(st.just(nights), st.permutations(nights))
    )
)
def test_in_which_order_nights_come_changes_nothing(
    orders: tuple[list[tuple[int, HomeNight]], list[tuple[int, HomeNight]]],
) -> None:
    def pool_of(nights: list[tuple[int, HomeNight]]) -> Pool:
        pool = Pool()
        for day, home in nights:
            pool = calibration.entered(pool, MONDAY + timedelta(days=day), [home])
        return pool

    pool, other = (pool_of(order) for order in orders)
    assert pool == other == restored(pool)
    days = [night.date for night in pool.nights]
    assert not days or (days[-1] - days[0]).days < calibration.WINDOW


def test_nights_are_forgotten_after_four_weeks() -> None:
    pool = Pool()
    for day in range(40):
        pool = calibration.entered(pool, MONDAY + timedelta(days=day), [HomeNight(highest=float(day))])
    assert [night.scores for night in pool.nights] == [(float(day),) for day in range(12, 40)]


def test_what_ships_fills_the_pool_up_and_gives_way_to_it() -> None:
    shipped = Scores(quiet=1000, ranked=tuple(float(i) for i in range(3000)))
    pool, sizes = Pool(), []
    for day in range(4):
        pool = calibration.entered(pool, MONDAY + timedelta(days=day), [HomeNight(highest=5.0)] * 400)
        sizes.append((calibration.scores(pool, shipped).n, calibration.scores(pool, shipped).shipped))
    assert sizes == [(1000, 600), (1000, 200), (1200, 0), (1600, 0)]


@given(pooled, st.integers(1, 400))
def test_a_thinned_shipment_keeps_its_shape(shipped: Scores, enough: int) -> None:
    thin = calibration.scores(Pool(), shipped, enough)
    assert thin.n == thin.shipped == min(enough, shipped.n)
    assert set(thin.ranked) <= set(shipped.ranked)
    if thin.n:
        assert abs(thin.quiet / thin.n - shipped.quiet / shipped.n) <= 1 / thin.n


def test_without_a_shipment_the_pool_stands_alone() -> None:
    pool = calibration.entered(Pool(), MONDAY, [HomeNight(highest=1.0)])
    assert calibration.scores(pool) == Scores(0, (1.0,), 0)


def test_the_documents_upper_limits() -> None:
    limits = [calibration.upper_limit(n, 0.005) for n in (200, 1000, 5000)]
    assert limits == [pytest.approx(0.015, abs=5e-4), pytest.approx(0.009, abs=5e-4), pytest.approx(0.0067, abs=5e-5)]


def test_a_pool_too_small_to_tell_anything_tells_nothing_for_sure() -> None:
    assert calibration.upper_limit(80, 0.01) == 0.0
    assert calibration.upper_limit(1, 1.0) == 1.0


def test_a_home_moves_to_the_pool_of_its_maturity_and_back_after_weeks_away() -> None:
    counted = [(kind, len(list(each))) for kind, each in groupby(calibration.maturity(night) for night in range(40))]
    assert counted == list(zip(Maturity, [7, 7, 14, 12], strict=True))
    assert calibration.maturity(calibration.after_absence(300)) is Maturity.SECOND_WEEK
    assert calibration.after_absence(3) == 3


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_cannot_be_ranked_is_refused(score: float) -> None:
    with pytest.raises(ValueError, match="cannot be ranked"):
        calibration.entered(Pool(), MONDAY, [HomeNight(highest=score)])


def test_twenty_thousand_simulated_home_nights_keep_to_their_budget() -> None:
    """Walk-forward: homes learn their own stays, thresholds come from nights before, nothing is looked up ahead.

    The cohort is that of the study (5.7): homes 4.6 min in the middle, and two harmless long stays in a hundred.
    """
    budget, nights, homes = 0.01, 200, 100
    shipped = {kind: Scores(0, tuple(sorted(found))) for kind, found in highest_scores(homes=150, nights=40).items()}
    pools = dict.fromkeys(Maturity, Pool())
    told = 0
    cohort = [Resident(np.random.default_rng(1_000 + home)) for home in range(homes)]
    for night in range(nights):
        kind = calibration.maturity(night)
        q = calibration.scores(pools[kind], shipped[kind]).threshold(budget)
        seen = [resident.night() for resident in cohort]
        told += sum(highest is not None and highest > q for highest in seen)
        pools[kind] = calibration.entered(
            pools[kind], MONDAY + timedelta(days=night), [HomeNight(highest=highest) for highest in seen]
        )
    expected = budget * nights * homes
    assert abs(told - expected) < 3.3 * math.sqrt(expected)  # the Poisson limits of 999 in 1000


class Resident:
    """One simulated home and what is learned of it."""

    def __init__(self, chance: np.random.Generator) -> None:
        self.chance = chance
        self.middle = float(chance.normal(math.log(4.6), 0.41))
        self.known = Personal()

    def night(self) -> float | None:
        """Return the highest score of one night, and learn from it."""
        highest = None
        for _ in range(int(self.chance.poisson(1.9))):
            minutes = math.exp(float(self.chance.normal(self.middle, 0.48)))
            if self.chance.uniform() < 0.02:
                minutes *= float(self.chance.uniform(3, 8))
            score = durations.score(BATH, self.known, minutes, Block.SMALL_HOURS)
            highest = score if highest is None else max(highest, score)
            self.known = durations.learned(BATH, self.known, minutes, Block.SMALL_HOURS)
        self.known = durations.aged(self.known)
        return highest


def highest_scores(*, homes: int, nights: int) -> dict[Maturity, list[float]]:
    """Return the nights' highest scores in other homes of the same cohort; nights without any rank lowest."""
    found: dict[Maturity, list[float]] = {kind: [] for kind in Maturity}
    for home in range(homes):
        resident = Resident(np.random.default_rng(9_000 + home))
        for night in range(nights):
            highest = resident.night()
            found[calibration.maturity(night)].append(-99.0 if highest is None else highest)
    return found
