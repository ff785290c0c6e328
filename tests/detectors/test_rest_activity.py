"""The three figures of a week: regular, broken up, and flat weeks, and hours that were not seen."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import rest_activity

DAY = [0.0] * 7 + [3.0] * 16 + [0.0]
weeks = st.lists(st.floats(0, 60), min_size=48, max_size=48)


def figures(activity: list[float]) -> rest_activity.RestActivity:
    found = rest_activity.figures(activity)
    assert found is not None
    return found


def test_days_that_are_all_alike_are_perfectly_stable() -> None:
    assert figures(DAY * 7).stability == pytest.approx(1.0)


def test_a_week_with_a_different_rising_every_day_is_less_stable() -> None:
    shifted = [x for day in range(7) for x in [*DAY[day:], *DAY[:day]]]
    assert figures(shifted).stability < 0.9


def test_hours_without_any_pattern_vary_about_twice_as_much_as_their_spread() -> None:
    noise = [float(x) for x in np.random.default_rng(1).exponential(1.0, 24 * 200)]
    found = figures(noise)
    assert found.variability == pytest.approx(2.0, abs=0.1)
    assert found.stability < 0.05


def test_getting_up_every_other_hour_of_the_night_breaks_the_day_up() -> None:
    broken = [2.0 if hour % 2 and x == 0.0 else x for hour, x in enumerate(DAY)]
    assert figures(broken * 7).variability > 2 * figures(DAY * 7).variability
    assert figures(broken * 7).amplitude < figures(DAY * 7).amplitude


def test_still_nights_give_the_full_amplitude() -> None:
    assert figures(DAY * 7).amplitude == 1.0


@given(weeks)
def test_the_figures_stay_in_their_range_and_do_not_depend_on_the_unit(week: list[float]) -> None:
    found = rest_activity.figures(week)
    if found is None:
        return
    assert 0.0 <= found.stability <= 1.0 + 1e-9
    assert found.variability >= 0.0
    assert 0.0 <= found.amplitude <= 1.0
    doubled = figures([2.0 * x for x in week])
    assert doubled.stability == pytest.approx(found.stability, rel=1e-6)
    assert doubled.variability == pytest.approx(found.variability, rel=1e-6)


def test_a_few_hours_that_were_not_seen_hardly_change_a_week() -> None:
    holed = DAY * 7
    holed[40:44] = [math.nan] * 4
    whole, rest = figures(DAY * 7), figures(holed)
    assert rest.stability == pytest.approx(whole.stability)
    assert rest.variability == pytest.approx(whole.variability, rel=0.05)


def test_an_hour_of_the_day_that_was_never_seen_leaves_nothing_to_say() -> None:
    assert rest_activity.figures([math.nan, *DAY[1:]] * 7) is None


def test_an_empty_home_has_no_rhythm() -> None:
    assert rest_activity.figures([0.0] * 168) is None


@pytest.mark.parametrize("wrong", [[1.0] * 24, [1.0] * 50, []])
def test_less_than_two_whole_days_are_refused(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="whole days"):
        rest_activity.figures(wrong)


def test_less_than_no_activity_is_refused() -> None:
    with pytest.raises(ValueError, match="never negative"):
        rest_activity.figures([-1.0, *DAY[1:], *DAY])
