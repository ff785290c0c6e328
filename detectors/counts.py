"""How often something usually happens in a night here (visits, times out of bed) (4.8).

None of this ever pages anybody at night: it is for the morning.
"""

import msgspec

from detectors import beta
from detectors.habits import HALF_LIFE, LEFT_AFTER_ABSENCE


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """How often it happens across homes.

    Parameters
    ----------
    mean : times per night, positive.
    trust : nights' worth of trust in `mean` (k0).

    Raises
    ------
    ValueError
        If either is not positive.

    Examples
    --------
    >>> Rate()
    Rate(mean=1.2, trust=2.0)
    """

    mean: float = 1.2
    trust: float = 2.0

    def __post_init__(self) -> None:
        if not (self.mean > 0 and self.trust > 0):
            raise ValueError(f"mean and trust must be positive: {self.mean}, {self.trust}")


class Counts(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of one home: nights seen and times counted in them, fading nightly."""

    nights: float = 0.0
    total: float = 0.0


def expected(rate: Rate, counts: Counts) -> float:
    """Return the times per night to expect.

    Examples
    --------
    >>> round(expected(Rate(), Counts(14.0, 10.0)), 3)
    0.775
    """
    return (rate.trust * rate.mean + counts.total) / (rate.trust + counts.nights)


def p_value(rate: Rate, counts: Counts, times: int) -> float:
    """Return how likely a night with so many times, or more, is: low is unusual, 1 for none.

    The home's own rate is a Gamma distribution, so a night is negative binomial. Where nights are more alike than
    chance allows (one real home: variance .47 for a mean of .77) this errs to the quiet side; where they are less
    alike, `calibration` makes up for it.

    Raises
    ------
    ValueError
        If `times` is negative.

    Examples
    --------
    >>> round(p_value(Rate(), Counts(14.0, 10.0), 4), 6)
    0.010677
    """
    if times < 0:
        raise ValueError(f"nothing happens {times} times")
    if times == 0:
        return 1.0
    a = rate.trust * rate.mean + counts.total
    b = rate.trust + counts.nights
    return beta.below(1.0 / (b + 1.0), times, a)


def learned(counts: Counts, times: int) -> Counts:
    """Return what is known after one more night. A night that was not fully seen is not learned.

    Examples
    --------
    >>> learned(Counts(14.0, 10.0), 2)
    Counts(nights=15.0, total=12.0)
    """
    if times < 0:
        raise ValueError(f"nothing happens {times} times")
    return Counts(counts.nights + 1.0, counts.total + times)


def aged(counts: Counts, nights: float = 1.0, half_life: float = HALF_LIFE) -> Counts:
    """Return what is still known that many nights later.

    Examples
    --------
    >>> aged(Counts(14.0, 10.0), nights=35)
    Counts(nights=7.0, total=5.0)
    """
    left = 0.5 ** (nights / half_life)
    return Counts(counts.nights * left, counts.total * left)


def after_absence(counts: Counts) -> Counts:
    """Return what may still hold after two weeks away, or in another home (4.11)."""
    return Counts(counts.nights * LEFT_AFTER_ABSENCE, counts.total * LEFT_AFTER_ABSENCE)
