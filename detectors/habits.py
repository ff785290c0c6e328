"""What one home usually does: a middle and a spread, learned from few observations and leaning on other homes.

Used for anything whose values lie around a middle: the logarithm of a duration, the hour of rising, visits per night.
Section numbers here and in the modules built on this one are those of the detection study.
"""

import math

import msgspec

HALF_LIFE = 35.0  # nights after which what was seen counts half (4.4)
CLIP = 2.5  # spreads above the middle; what lies higher is learned as if it lay there (4.4)
LEFT_AFTER_ABSENCE = 0.25  # of what was known, after two weeks away or a move (4.11)


class Population(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a home before its first night, from other homes.

    Parameters
    ----------
    mean : the middle of all homes, in the units of the observations.
    between : variance of the homes' own middles around `mean`, units squared.
    within : variance of one home's observations around its own middle, units squared.
    trust : observations' worth of trust in `within`.

    Raises
    ------
    ValueError
        If a variance or the trust is not positive: a home could then learn nothing, or trust nothing.

    Examples
    --------
    >>> Population(mean=1.5, between=0.2, within=0.3).pull
    1.4999999999999998
    """

    mean: float
    between: float  # tau2 of the study
    within: float  # s2
    trust: float = 8.0  # nu

    def __post_init__(self) -> None:
        if not (self.between > 0 and self.within > 0 and self.trust > 0):
            raise ValueError(f"variances and trust must be positive: {self.between}, {self.within}, {self.trust}")

    @property
    def pull(self) -> float:
        """How many observations of its own a home needs to be believed as much as the others (kappa)."""
        return self.within / self.between


class Habit(msgspec.Struct, frozen=True, array_like=True):
    """All that is remembered of one home's observations: their number, sum and sum of squares, fading nightly."""

    n: float = 0.0
    total: float = 0.0
    squares: float = 0.0


def middle_and_variance(population: Population, habit: Habit) -> tuple[float, float]:
    """Return where this home's own middle is believed to be, and the variance of its observations around it (m, v).

    The document's figures for stays of 3, 5 and 4 minutes, in ln minutes:

    >>> others = Population(mean=math.log(4.6), between=0.48**2 / 1.4, within=0.48**2)
    >>> logs = [math.log(3), math.log(5), math.log(4)]
    >>> seen = Habit(3, sum(logs), sum(x * x for x in logs))
    >>> m, v = middle_and_variance(others, seen)
    >>> round(m, 6), round(v, 6)
    (1.416096, 0.180206)
    """
    n, total = habit.n, habit.total
    pull = population.within / population.between
    m = (pull * population.mean + total) / (pull + n)
    around = habit.squares - 2.0 * m * total + n * m * m
    trust = population.trust
    # Rounding can leave the sum of squares a hair below zero when all observations are alike.
    v = (trust * population.within + max(0.0, around)) / (trust + n)
    return m, v


def usual(population: Population, habit: Habit) -> tuple[float, float]:
    """Return the middle and the spread to expect of the next observation (m, sp), in its units.

    The spread counts the doubt about the middle too, so it is wider the less was seen.

    Examples
    --------
    >>> m, spread = usual(Population(mean=7.0, between=1.0, within=1.0), Habit())
    >>> m, round(spread, 4)
    (7.0, 1.4142)
    """
    m, v = middle_and_variance(population, habit)
    return m, math.sqrt(v * (1.0 + 1.0 / (population.within / population.between + habit.n)))


def learned(population: Population, habit: Habit, x: float) -> Habit:
    """Return the habit after one more observation; one far above the usual counts as `CLIP` spreads above it.

    Clipped, not left out: one long night does not widen what is usual, and a new way of living still gets through.

    Examples
    --------
    >>> others = Population(mean=7.0, between=1.0, within=1.0)
    >>> learned(others, Habit(), 7.5)
    Habit(n=1.0, total=7.5, squares=56.25)
    >>> learned(others, Habit(), 99.0).total < 11
    True
    """
    m, spread = usual(population, habit)
    highest = m + CLIP * spread
    x = min(x, highest)
    return Habit(habit.n + 1.0, habit.total + x, habit.squares + x * x)


def aged(habit: Habit, nights: float = 1.0, half_life: float = HALF_LIFE) -> Habit:
    """Return the habit that many nights later, with nothing new seen. Its middle stays; trust in it fades.

    Examples
    --------
    >>> aged(Habit(8.0, 16.0, 40.0), nights=35)
    Habit(n=4.0, total=8.0, squares=20.0)
    """
    return scaled(habit, 0.5 ** (nights / half_life))


def scaled(habit: Habit, left: float) -> Habit:
    """Return the habit with that share of its weight left, as `LEFT_AFTER_ABSENCE` after weeks away."""
    return Habit(habit.n * left, habit.total * left, habit.squares * left)
