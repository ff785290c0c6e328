"""Something has slowly changed: more visits a night, later rising, less regular weeks (4.9).

A bettor stakes every night on a value above its baseline. If there is no change, the stakes cannot grow on average,
whatever the distribution and whatever the nights have to do with one another; so large winnings mean change. The
baseline stops two weeks back, or a drift would become its own baseline.
"""

import math

import msgspec

from detectors import habits
from detectors.habits import Habit, Population

STAKES = (0.1, 0.2, 0.35, 0.5)  # shares staked at once: small ones find small changes, large ones find them soon
LAG = 14  # nights: the newest that the baseline does not look at is the one before this
REACH = 56  # nights back to which it looks
NIGHTS_MIN = 14  # seen in the baseline before anything is staked

Stakes = tuple[float, float, float, float]


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """What is watched, and how rarely it may be told for nothing.

    Parameters
    ----------
    population : the nightly value across homes.
    run_length : nights. If the value does not exceed its baseline on average, it takes at least so many nights, on
        average, until the first notice (A).
    falls_from : None to watch for a rise. To watch for a fall, the highest value there can be.

    Raises
    ------
    ValueError
        If `run_length` is below 1, or the population's mean is not between 0 and `falls_from`.
    """

    population: Population
    run_length: float = 90.0
    falls_from: float | None = None

    def __post_init__(self) -> None:
        if not self.run_length >= 1.0:
            raise ValueError(f"a notice every {self.run_length} nights is no watch")
        if not 0.0 <= self.population.mean <= (math.inf if self.falls_from is None else self.falls_from):
            raise ValueError(f"a mean of {self.population.mean} is not between 0 and {self.falls_from}")


class Change(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered: the winnings of each bettor, and the nights the baseline is made of, newest last."""

    won: Stakes = (0.0, 0.0, 0.0, 0.0)
    nights: tuple[float | None, ...] = ()  # None where a night was not seen; at most `REACH`


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """What one night added. Higher evidence is more change; `notice` when it reached the run length."""

    evidence: float
    baseline: float | None  # what the night was compared with, None while there is too little to compare with
    notice: bool


def step(watch: Watch, change: Change, value: float | None) -> tuple[Change, Weighed]:
    """Take in one night, None if it was not seen; after a notice the evidence starts again from nothing.

    Raises
    ------
    ValueError
        If the value is negative, infinite, or above `falls_from`.

    Examples
    --------
    >>> watch = Watch(population=Population(mean=1.2, between=0.4, within=1.0), run_length=60.0)
    >>> change, told = Change(), []
    >>> for night in range(60):
    ...     change, weighed = step(watch, change, 1.0 if night < 40 else 3.0)
    ...     told += [night] if weighed.notice else []
    >>> told
    [43, 50, 58]
    """
    if value is None:
        return Change(change.won, _recent(change.nights, None)), _quiet(change, None)
    x = value if watch.falls_from is None else watch.falls_from - value
    if not 0.0 <= x < math.inf:
        raise ValueError(f"{value} is not a nightly value between 0 and {watch.falls_from}")
    r = baseline(watch, change)
    nights = _recent(change.nights, x)
    if r is None:
        return Change(change.won, nights), _quiet(change, None)
    won = grown(change.won, x, r)
    evidence = sum(won) / len(won)
    notice = evidence >= watch.run_length
    return Change(Change().won if notice else won, nights), Weighed(evidence=evidence, baseline=r, notice=notice)


def grown(won: Stakes, x: float, r: float) -> Stakes:
    """Return the winnings after a night with value `x` that was to be at most `r` on average (Shiryaev-Roberts).

    The document's example, r = 1:

    >>> won = (0.0, 0.0, 0.0, 0.0)
    >>> for x in (1, 1, 5, 5):
    ...     won = grown(won, x, 1.0)
    ...     print(round(sum(won) / 4, 2))
    1.0
    2.0
    6.45
    17.12

    References
    ----------
    Shin, J., Ramdas, A. and Rinaldo, A. (2023). E-detectors: a nonparametric framework for sequential change
    detection. arXiv 2203.03532.
    """
    gain = x / r - 1.0
    first, second, third, fourth = won
    one, two, three, four = STAKES
    return (
        (1.0 + first) * (1.0 + one * gain),
        (1.0 + second) * (1.0 + two * gain),
        (1.0 + third) * (1.0 + three * gain),
        (1.0 + fourth) * (1.0 + four * gain),
    )


def baseline(watch: Watch, change: Change) -> float | None:
    """Return the value the next night is compared with, or None while too few nights were seen.

    The mean of the nights 56 to 14 back, leaning on other homes, plus one standard deviation of the doubt about it:
    a baseline that is a little too high costs a few nights, one too low breaks the promise. For a fall it is what
    remains to `falls_from`.
    """
    window = [x for x in change.nights[: max(0, len(change.nights) - LAG + 1)] if x is not None]
    if len(window) < NIGHTS_MIN:
        return None
    others = watch.population
    if watch.falls_from is not None:
        mean = watch.falls_from - others.mean
        others = Population(mean=mean, between=others.between, within=others.within, trust=others.trust)
    seen = Habit(float(len(window)), math.fsum(window), math.fsum([x * x for x in window]))
    m, v = habits.middle_and_variance(others, seen)
    return m + math.sqrt(v / (others.pull + seen.n))


def _recent(nights: tuple[float | None, ...], x: float | None) -> tuple[float | None, ...]:
    return (*nights[-(REACH - 1) :], x)


def _quiet(change: Change, r: float | None) -> Weighed:
    return Weighed(evidence=sum(change.won) / len(change.won), baseline=r, notice=False)
