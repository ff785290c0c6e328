"""How many alerts a night may cost, and the controller that holds the whole fleet to it (4.7).

Calibration promises a rate if nights are alike; they drift. So all budgets are multiplied by one factor, that falls
after a night with more alerts than agreed and rises after one with fewer. Whatever happens in the homes, the average
then stays near the budget: that is arithmetic, no assumption. But it is arithmetic about alerts. It cannot tell a
false one from one that nobody confirmed.

One home may have a budget of its own, half, twice or four times what is agreed for all (`OWN`); the whole fleet is then
held to the sum of them. The caps of the care plan are outside it: they always fire.
"""

import math
from enum import StrEnum

import msgspec

ACUTE = 0.03  # acute alerts that are not incidents, per resident per night
SHARES = {"bath": 0.30, "still": 0.25, "oob": 0.30, "door": 0.10, "care-plan": 0.05}  # of ACUTE (4.3)
GAIN = 0.3  # eta: a third of this takes two to three times as long to come back
FACTOR_MIN, FACTOR_MAX = 0.02, 2.0
OWN = (0.5, 1.0, 2.0, 4.0)  # of what is agreed for all; rarer than half of it few pools can tell


class Control(msgspec.Struct, frozen=True, array_like=True):
    """What the controller remembers."""

    log_factor: float = 0.0  # ln c

    @property
    def factor(self) -> float:
        """What every budget is multiplied by (c), between `FACTOR_MIN` and `FACTOR_MAX`."""
        return math.exp(self.log_factor)


class Why(StrEnum):
    """What an alert time comes from."""

    LEARNED = "learned"  # counts against the budget
    CAP = "cap"  # a policy alert: agreed in the care plan, counted apart


class Due(msgspec.Struct, frozen=True):
    """After how many minutes an episode asks for a person, and why then.

    `CAP` on usual nights means that the budget cannot be reached for this resident: their usual lasts longer than the
    care plan allows. The desk shows that; the cap is not moved.
    """

    minutes: float
    why: Why


def level(control: Control, detector: str, per_night: float = ACUTE) -> float:
    """Return the share of nights in which a detector may raise an alert without an incident, as of now.

    Raises
    ------
    KeyError
        If the detector has no share.

    Examples
    --------
    >>> round(level(Control(), "bath"), 4), round(level(Control(log_factor=math.log(0.5)), "bath"), 4)
    (0.009, 0.0045)
    """
    return control.factor * SHARES[detector] * per_night


def after_night(control: Control, *, alerts: int, homes: float, per_night: float = ACUTE) -> Control:
    """Return the controller after a night in a fleet.

    Parameters
    ----------
    alerts : those of the night that no person confirmed as an incident, caps not counted.
    homes : watched that night, each counted as often as its own budget is of `per_night`.
    per_night : the alerts agreed per home and night (B).

    Raises
    ------
    ValueError
        If any of them is negative.

    References
    ----------
    Gibbs, I. and Candes, E. (2021). Adaptive conformal inference under distribution shift. arXiv 2106.00170.

    Examples
    --------
    >>> round(after_night(Control(), alerts=5, homes=100).factor, 4)
    0.7072
    >>> round(after_night(Control(), alerts=0, homes=100).factor, 4)
    1.6814
    """
    if alerts < 0 or homes < 0 or not per_night >= 0:
        raise ValueError(f"no night has {alerts} alerts in {homes} homes at {per_night} each")
    wanted = control.log_factor - GAIN * (alerts - per_night * homes) / _scale(homes, per_night)
    return Control(min(max(wanted, math.log(FACTOR_MIN)), math.log(FACTOR_MAX)))


def due(learned: float, cap: float) -> Due:
    """Return when an episode is told: as learned, but never later than the care plan says.

    Examples
    --------
    >>> due(16.9, cap=30.0)
    Due(minutes=16.9, why=<Why.LEARNED: 'learned'>)
    >>> due(math.inf, cap=30.0).why
    <Why.CAP: 'cap'>
    """
    return Due(learned, Why.LEARNED) if learned < cap else Due(cap, Why.CAP)


def _scale(homes: float, per_night: float) -> float:
    return max(1.0, math.sqrt(per_night * homes))
