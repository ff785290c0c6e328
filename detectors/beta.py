"""The incomplete beta function, on which Student's t, the negative binomial and the level of a rank all rest."""

import math

_STEPS_MAX = 2_000
_CLOSE = 1e-15
_TINY = 1e-300


def below(x: float, a: float, b: float) -> float:
    """Return the probability that a Beta(a, b) variable is at most `x`.

    Exact to about ten digits, also far out in the lower tail, where p-values live: a small answer is
    never the difference of two large ones.

    Raises
    ------
    ValueError
        If `a` or `b` is not positive, or `x` is not a number.
    ArithmeticError
        If the fraction has not settled, which takes an `a` or `b` beyond a million.

    References
    ----------
    Press, W. H. et al. (2007). Numerical Recipes, 3rd ed., section 6.4 (Lentz's method).

    Examples
    --------
    >>> below(0.5, 1, 1), round(below(0.1, 2, 3), 12)
    (0.5, 0.0523)
    """
    if not (a > 0 and b > 0) or math.isnan(x):
        raise ValueError(f"a Beta({a}, {b}) variable cannot be compared with {x}")
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction settles fast only on this side
        return 1.0 - below(1.0 - x, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return min(1.0, math.exp(front) * _fraction(x, a, b) / a)


def quantile(p: float, a: float, b: float) -> float:
    """Return the value that a Beta(a, b) variable stays below with probability `p`.

    Examples
    --------
    >>> round(quantile(0.95, 1, 200), 6) == round(1 - 0.05 ** (1 / 200), 6)
    True
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{p} is not a probability")
    low, high = 0.0, 1.0
    for _ in range(60):  # halvings: exact to the last digits of a value near one
        middle = (low + high) / 2
        if below(middle, a, b) < p:
            low = middle
        else:
            high = middle
    return high


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _off_zero(1.0 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _STEPS_MAX):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _off_zero(1.0 + term * d)
            c = _off_zero(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < _CLOSE:
            return value
    raise ArithmeticError(f"the beta fraction did not settle for a={a}, b={b}, x={x}")


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
