"""How often somebody gets up in a night, and how restless a night was."""

import math
from itertools import count, takewhile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import counts
from detectors.counts import Counts, Rate
from tests.detectors.proofs import restored, uniform_p

known_homes = st.builds(Counts, st.floats(0, 60), st.floats(0, 200))
probabilities = st.floats(0, 1)


def test_the_documents_figure_for_four_visits_after_fourteen_nights_with_ten() -> None:
    assert counts.p_value(Rate(), Counts(14.0, 10.0), 4) == pytest.approx(0.010677, abs=5e-7)


@given(known_homes, st.integers(0, 30))
def test_more_visits_are_less_likely(home: Counts, times: int) -> None:
    assert 1.0 >= counts.p_value(Rate(), home, times) >= counts.p_value(Rate(), home, times + 1) > 0.0


@given(known_homes)
def test_the_chances_of_every_count_give_the_count_to_expect(home: Counts) -> None:
    tails = takewhile(lambda p: p > 1e-12, (counts.p_value(Rate(), home, times) for times in count(1)))
    assert math.fsum(tails) == pytest.approx(counts.expected(Rate(), home), rel=1e-6)


@given(known_homes, st.integers(1, 20))
def test_a_night_with_many_visits_makes_many_visits_more_usual(home: Counts, times: int) -> None:
    many = math.ceil(counts.expected(Rate(), home)) + times
    assert counts.p_value(Rate(), counts.learned(home, many), times) >= counts.p_value(Rate(), home, times)


def test_if_homes_are_as_believed_every_rank_is_as_likely() -> None:
    """Counts are whole, so each is placed at random within its own step of probability."""
    chance = np.random.default_rng(3)
    placed = []
    for _ in range(2_000):
        own = chance.gamma(Rate().trust * Rate().mean, 1 / Rate().trust)
        *seen, tonight = (int(x) for x in chance.poisson(own, 11))
        home = Counts()
        for times in seen:
            home = counts.learned(home, times)
        low, high = (counts.p_value(Rate(), home, tonight + step) for step in (1, 0))
        placed.append(low + float(chance.uniform()) * (high - low))
    assert uniform_p(placed) > 0.01


@given(known_homes, st.floats(0, 50), st.floats(0, 50))
def test_forgetting_night_by_night_is_forgetting_all_at_once(home: Counts, some: float, more: float) -> None:
    in_steps, at_once = counts.aged(counts.aged(home, some), more), counts.aged(home, some + more)
    assert in_steps.nights == pytest.approx(at_once.nights)
    assert in_steps.total == pytest.approx(at_once.total)


def test_after_weeks_away_a_quarter_of_what_was_known_still_counts() -> None:
    assert counts.after_absence(Counts(20.0, 12.0)) == Counts(5.0, 3.0)


@given(known_homes, st.floats(0, 50))
def test_what_is_known_is_stored_and_comes_back_to_the_bit(home: Counts, nights: float) -> None:
    aged = counts.aged(home, nights)
    assert restored(aged) == aged


def test_less_than_no_visits_are_refused() -> None:
    with pytest.raises(ValueError, match="-1 times"):
        counts.p_value(Rate(), Counts(), -1)
    with pytest.raises(ValueError, match="-1 times"):
        counts.learned(Counts(), -1)


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Rate(mean=0.0)
