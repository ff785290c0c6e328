"""The incomplete beta function, against sums that can be done by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import beta

shapes = st.floats(0.1, 500)
shares = st.floats(0.001, 0.999)


@given(shares, st.integers(1, 60), st.integers(1, 60))
def test_with_whole_shapes_it_is_a_binomial_tail(x: float, a: int, b: int) -> None:
    n = a + b - 1
    tail = math.fsum(math.comb(n, k) * x**k * (1 - x) ** (n - k) for k in range(a, n + 1))
    assert beta.below(x, a, b) == pytest.approx(tail, rel=1e-9, abs=1e-300)


@given(shares, shapes, shapes)
def test_seen_from_the_other_side_it_is_the_rest(x: float, a: float, b: float) -> None:
    assert beta.below(x, a, b) + beta.below(1 - x, b, a) == pytest.approx(1.0, abs=1e-9)


@given(shares, shares, shapes, shapes)
def test_it_never_falls(x: float, y: float, a: float, b: float) -> None:
    low, high = sorted((x, y))
    assert beta.below(low, a, b) <= beta.below(high, a, b) + 1e-12


@given(shares, st.floats(0.5, 200), st.floats(0.5, 200))
def test_a_quantile_is_where_that_probability_is_reached(p: float, a: float, b: float) -> None:
    assert beta.below(beta.quantile(p, a, b), a, b) == pytest.approx(p, abs=1e-9)


def test_a_small_tail_keeps_its_digits() -> None:
    assert beta.below(1e-6, 40.0, 1.0) == pytest.approx(1e-240, rel=1e-9)


def test_what_is_surely_so_is_one_and_what_cannot_be_is_zero() -> None:
    assert (beta.below(-1.0, 2, 3), beta.below(0.0, 2, 3), beta.below(1.0, 2, 3)) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(("x", "a", "b"), [(0.5, 0.0, 1.0), (0.5, 1.0, -1.0), (math.nan, 1.0, 1.0)])
def test_what_is_no_beta_variable_is_refused(x: float, a: float, b: float) -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        beta.below(x, a, b)


def test_what_is_no_probability_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="not a probability"):
        beta.quantile(1.5, 1, 1)


def test_shapes_beyond_a_million_are_said_to_be_too_much_and_not_answered_wrongly() -> None:
    with pytest.raises(ArithmeticError, match="did not settle"):
        beta.below(0.5, 1e12, 1e12)
