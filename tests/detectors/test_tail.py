"""A home with a budget of its own: told half, twice or four times as often, and no later than nights have shown."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import calibration
from detectors.budget import OWN
from detectors.calibration import Maturity, Scores
from detectors.others import SHIPPED, Others
from detectors.tail import LOWEST, Ranks, as_often

SHARES = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)

names = st.sampled_from(sorted(SHIPPED.thresholds))
scores = st.floats(-2.0, 30.0)
factors = st.sampled_from(OWN)


@st.composite
def ranks(draw: st.DrawFn) -> Ranks:
    """What a pool tells: shares that it is large enough for, with scores that do not fall."""
    many = draw(st.integers(0, len(SHARES)))
    return tuple(zip(SHARES[:many], sorted(draw(st.lists(scores, min_size=many, max_size=many))), strict=True))


@given(names, scores, ranks(), st.floats(-2.0, 10.0))
def test_a_budget_as_for_all_changes_nothing_bit_for_bit(name: str, score: float, known: Ranks, least: float) -> None:
    assert as_often(name, score, known, 1.0, least) == (score, True)


@given(names, scores, ranks(), st.floats(-2.0, 10.0))
def test_a_smaller_budget_never_has_a_lower_threshold(name: str, score: float, known: Ranks, least: float) -> None:
    found = [as_often(name, score, known, factor, least).score for factor in sorted(OWN, reverse=True)]
    assert found == sorted(found)


@given(names, scores, ranks(), factors)
def test_later_is_only_told_what_nights_have_shown(name: str, score: float, known: Ranks, factor: float) -> None:
    aim = as_often(name, score, known, factor, 0.0)
    assert aim.score <= max([score, *(least for _, least in known)])


@given(names, scores, ranks(), factors, st.floats(-2.0, 10.0))
def test_what_is_too_usual_is_not_told_however_large_the_budget(
    name: str, score: float, known: Ranks, factor: float, least: float
) -> None:
    assert as_often(name, score, known, factor, least).score >= min(score, least)


@given(names, ranks(), factors)
def test_where_no_score_is_enough_no_budget_makes_one(name: str, known: Ranks, factor: float) -> None:
    assert as_often(name, math.inf, known, factor, 0.0).score == math.inf


def test_without_nights_to_rank_fewer_alerts_are_out_of_reach_and_more_are_not() -> None:
    assert as_often("out_of_bed", 2.7, (), 0.5, 1.0) == (2.7, False)
    more = as_often("out_of_bed", 2.7, (), 2.0, 1.0)
    assert more.score == pytest.approx(2.7 - math.log(2) / 2.7)
    assert more.reached


@pytest.mark.parametrize("factor", [0.5, 2.0, 4.0])
@pytest.mark.parametrize("heavy", [False, True], ids=["stays", "silences"])
def test_of_a_large_pool_so_many_nights_exceed_it_as_the_budget_says(factor: float, heavy: bool) -> None:
    """Measured on nights that the ranks were not taken from."""
    dice = np.random.default_rng(7)
    draw = dice.exponential if heavy else lambda scale, size: dice.normal(0.0, scale, size)
    pool = Scores(ranked=tuple(np.sort(draw(1.0, 20_000)).tolist()))
    told = tuple((share, pool.threshold(share)) for share in SHARES)
    aim = as_often("still" if heavy else "bath", pool.threshold(0.009), told, factor, 0.0)
    share = float(np.mean(draw(1.0, 400_000) > aim.score))
    assert aim.reached
    assert 0.85 * factor < share / 0.009 < 1.15 * factor


def test_a_home_is_told_by_its_own_pool_and_its_own_budget() -> None:
    settled = calibration.name("bath", "general", Maturity.SETTLED)
    there = Others(
        stays=SHIPPED.stays,
        waits=SHIPPED.waits,
        thresholds=SHIPPED.thresholds | {settled: 3.0},
        ranks={settled: ((0.02, 2.5), (0.01, 3.0), (0.005, 4.0))},
    )
    assert [there.threshold("bath", "general", 40, factor) for factor in OWN] == [
        4.0,
        3.0,
        2.5,
        pytest.approx(2.2, abs=0.1),
    ]
    assert there.threshold("bath", "general", 3, 1.0) == SHIPPED.thresholds["bath"]
    shipped = there.thresholds["bath"]
    assert shipped is not None
    assert there.threshold("bath", "general", 40, 1e9) == LOWEST * shipped
