"""What one home usually does: leaning on others at first, going its own way in time, not led astray by one night."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from detectors import habits
from detectors.habits import Habit, Population
from tests.detectors.proofs import restored, uniform_p

OTHERS = Population(mean=math.log(4.6), between=0.48**2 / 1.4, within=0.48**2)
values = st.floats(-3, 7)


def after(seen: list[float], others: Population = OTHERS) -> Habit:
    habit = Habit()
    for x in seen:
        habit = habits.learned(others, habit, x)
    return habit


def test_the_documents_figures_for_stays_of_three_five_and_four_minutes() -> None:
    seen = after([math.log(3), math.log(5), math.log(4)])
    m, v = habits.middle_and_variance(OTHERS, seen)
    assert m == pytest.approx(1.416096, abs=5e-7)
    assert v == pytest.approx(0.180206, abs=5e-7)
    assert habits.usual(OTHERS, seen)[1] == pytest.approx(0.470278, abs=5e-7)


def test_a_home_of_which_nothing_was_seen_is_taken_for_one_of_the_others() -> None:
    m, spread = habits.usual(OTHERS, Habit())
    assert m == pytest.approx(OTHERS.mean)
    assert spread**2 == pytest.approx(OTHERS.within + OTHERS.between)


def test_a_home_of_which_much_was_seen_is_taken_as_it_is() -> None:
    seen = after([2.9, 3.1] * 200)
    m, spread = habits.usual(OTHERS, seen)
    assert m == pytest.approx(3.0, abs=0.01)
    assert spread == pytest.approx(0.1, abs=0.03)


@given(st.lists(values, max_size=30), st.floats(8, 1e6))
def test_a_very_long_night_teaches_no_more_than_a_long_one(seen: list[float], far: float) -> None:
    habit = after(seen)
    m, spread = habits.usual(OTHERS, habit)
    highest = m + habits.CLIP * spread
    assert habits.learned(OTHERS, habit, max(far, highest + 1)) == habits.learned(OTHERS, habit, highest)


@given(st.lists(values, max_size=30), values)
def test_the_middle_moves_towards_what_was_seen(seen: list[float], x: float) -> None:
    habit = after(seen)
    before, spread = habits.usual(OTHERS, habit)
    x = min(x, before + habits.CLIP * spread)
    moved, _ = habits.usual(OTHERS, habits.learned(OTHERS, habit, x))
    assert min(before, x) - 1e-9 <= moved <= max(before, x) + 1e-9


@given(st.lists(values, max_size=30), st.floats(0, 100), st.floats(0, 100))
def test_forgetting_night_by_night_is_forgetting_all_at_once(seen: list[float], some: float, more: float) -> None:
    habit = after(seen)
    in_steps = habits.aged(habits.aged(habit, some), more)
    at_once = habits.aged(habit, some + more)
    assert msgspec.structs.astuple(in_steps) == pytest.approx(msgspec.structs.astuple(at_once))


@given(st.lists(values, min_size=1, max_size=30))
def test_what_is_forgotten_leans_on_the_others_again(seen: list[float]) -> None:
    habit = after(seen)
    now = abs(habits.usual(OTHERS, habit)[0] - OTHERS.mean)
    assert abs(habits.usual(OTHERS, habits.aged(habit, 50))[0] - OTHERS.mean) <= now + 1e-9


@given(st.lists(values, max_size=30))
def test_a_habit_is_stored_and_comes_back_to_the_bit(seen: list[float]) -> None:
    habit = habits.aged(after(seen), 3)
    assert restored(habit) == habit


@pytest.mark.parametrize("seen", [0, 1, 5, 20])
def test_if_homes_are_as_believed_every_rank_is_as_likely(seen: int) -> None:
    """One new observation in each of many homes drawn from the model: its tail probability is uniform."""
    chance = np.random.default_rng(20 + seen)
    tails = []
    for _ in range(1_500):
        within = OTHERS.within * OTHERS.trust / chance.chisquare(OTHERS.trust)
        middle = chance.normal(OTHERS.mean, math.sqrt(within / OTHERS.pull))
        drawn = [float(x) for x in chance.normal(middle, math.sqrt(within), seen + 1)]
        habit = after(drawn[:-1])
        m, spread = habits.usual(OTHERS, habit)
        tails.append(float(student.sf((drawn[-1] - m) / spread, OTHERS.trust + habit.n)))
    assert uniform_p(tails) > 0.01


@pytest.mark.parametrize("wrong", [{"between": 0.0}, {"within": -1.0}, {"trust": 0.0}, {"within": math.nan}])
def test_a_population_without_spread_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Population(**{"mean": 1.0, "between": 1.0, "within": 1.0} | wrong)
