"""The controller that holds a fleet to its budget, the arithmetic behind it, and the caps it may not touch."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from detectors import budget
from detectors.budget import Control, Why
from tests.detectors.proofs import restored

nights = st.lists(st.integers(0, 8), max_size=60)
fleets = st.integers(1, 2_000)
rates = st.floats(0.001, 0.2)


def after(alerts: list[int], homes: int, per_night: float) -> Control:
    control = Control()
    for each in alerts:
        control = budget.after_night(control, alerts=each, homes=homes, per_night=per_night)
    return control


@settings(suppress_health_check=[HealthCheck.filter_too_much])  # most nights that are drawn touch a limit
@given(nights, fleets, rates)
def test_what_was_spent_too_much_is_what_the_factor_fell(alerts: list[int], homes: int, per_night: float) -> None:
    """The telescoping identity of 4.7: no assumption about the homes, and exact as long as no limit was touched."""
    passed = [after(alerts[:night], homes, per_night).factor for night in range(len(alerts) + 1)]
    assume(alerts and all(budget.FACTOR_MIN * 1.001 < each < budget.FACTOR_MAX * 0.999 for each in passed[1:]))
    average = sum(alerts) / (len(alerts) * homes)
    fell = math.log(passed[0] / passed[-1])
    scale = max(1.0, math.sqrt(per_night * homes))
    assert average - per_night == pytest.approx(fell * scale / (budget.GAIN * len(alerts) * homes), abs=1e-9)


@given(nights, fleets, rates)
def test_the_factor_stays_between_its_limits(alerts: list[int], homes: int, per_night: float) -> None:
    control = Control()
    for each in alerts:
        control = budget.after_night(control, alerts=each, homes=homes, per_night=per_night)
        assert budget.FACTOR_MIN * 0.999999 <= control.factor <= budget.FACTOR_MAX * 1.000001
    assert restored(control) == control


@given(st.integers(0, 50), st.integers(0, 50), fleets, rates)
def test_more_alerts_tonight_never_raise_tomorrows_budget(one: int, other: int, homes: int, per_night: float) -> None:
    few, many = (after([each], homes, per_night) for each in sorted((one, other)))
    assert many.factor <= few.factor


def test_a_factor_at_its_limit_comes_back_with_the_first_quiet_night() -> None:
    control = after([40] * 5, homes=10, per_night=0.03)
    assert control.factor == pytest.approx(budget.FACTOR_MIN)
    assert budget.after_night(control, alerts=0, homes=10).factor > 1.05 * budget.FACTOR_MIN


@pytest.mark.parametrize("homes", [50, 200])
def test_a_fleet_that_tells_six_times_too_much_is_back_on_its_budget_in_two_weeks(homes: int) -> None:
    """As in the study: a prior with too light a tail, .13 a night where .02 was agreed."""
    chance = np.random.default_rng(homes)
    weeks = np.zeros(6)
    for _ in range(40):
        control = Control()
        for night in range(42):
            alerts = int(chance.binomial(homes, min(1.0, 0.13 * control.factor)))
            weeks[night // 7] += alerts / (7 * homes * 40)
            control = budget.after_night(control, alerts=alerts, homes=homes, per_night=0.02)
    assert weeks[0] > 0.03
    assert all(week == pytest.approx(0.02, rel=0.2) for week in weeks[1:])


def test_the_shares_add_up_to_the_whole_budget() -> None:
    assert sum(budget.SHARES.values()) == pytest.approx(1.0)
    assert sum(budget.level(Control(), each) for each in budget.SHARES) == pytest.approx(budget.ACUTE)


def test_the_cap_always_fires_whatever_was_learned_and_is_counted_apart() -> None:
    assert budget.due(16.9, cap=30.0) == budget.Due(16.9, Why.LEARNED)
    assert budget.due(45.0, cap=30.0) == budget.Due(30.0, Why.CAP)
    assert budget.due(math.inf, cap=30.0) == budget.Due(30.0, Why.CAP)


@given(st.floats(0, 1e4), st.floats(0.1, 100))
def test_nothing_that_was_learned_moves_an_alert_past_the_cap(learned: float, cap: float) -> None:
    assert budget.due(learned, cap).minutes == min(learned, cap)


def test_a_night_without_homes_changes_nothing() -> None:
    assert budget.after_night(Control(), alerts=0, homes=0).factor == 1.0


@pytest.mark.parametrize("wrong", [{"alerts": -1}, {"homes": -1}])
def test_less_than_nothing_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="no night has"):
        budget.after_night(Control(), **{"alerts": 0, "homes": 1} | wrong)
