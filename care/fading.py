"""Fading support: when the nights are quiet, watching less is proposed. The resident and the care team decide.

Support is in principle for a time. So it is asked by itself whether it can be less; nothing is ever made less, or more,
by itself (decision 0028).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from care.agreements import MINUTES, Values, agreed, values
from care.alerts import Alert, Tier
from care.measures import FadingAnswered, Purpose
from care.nights import Night
from care.records import Outcome
from detectors.findings import Presence
from detectors.homes import Home, Kind

QUIET_FOR = timedelta(days=28)
NIGHTS_MIN = 21  # of them that tell of usual nights
EXITS_MAX = 4.0  # times out of bed a night, on average: more is no quiet night
LATER = 1.5  # by how much a limit may be longer at once
ASKED_AGAIN = timedelta(days=91)  # after somebody said that it should stay as it is
_LATER = ("bath", "still", "oob_unseen", "oob_active")
_NEEDED = frozenset({Outcome.HELPED, Outcome.REASSURED})


class Less(StrEnum):
    """What may be less."""

    LATER = "later"  # an alert comes after a longer time
    DOOR = "door"  # the front door need not be watched


class Proposal(msgspec.Struct, frozen=True):
    """That there may be less watching in a home, and what it rests on."""

    nights: int  # that were looked at
    alerts: int  # about the resident in that time; none of them needed anybody
    less: tuple[Less, ...]


def proposal(
    home: Home,
    nights: Sequence[Night],
    alerts: Sequence[Alert],
    answer: FadingAnswered | None,
    at: datetime,
    *,
    door_for: Purpose | None,
) -> Proposal | None:
    """Return what may be less in a home, or None where the nights do not say so, or somebody said not to.

    `nights` and `alerts` are those at hand of it. `door_for` is what the front door is watched for, if that is agreed.
    A call for help, and anything that needed a person, is a reason to leave it as it is.
    """
    since = at - QUIET_FOR
    if answer is not None and not answer.wanted and at - answer.at < ASKED_AGAIN:
        return None
    told = [one for one in nights if one.left_out is None and one.night >= since.date()]
    if len(told) < NIGHTS_MIN or sum(one.exits for one in told) / len(told) > EXITS_MAX:
        return None
    lately = [one for one in alerts if one.tier in {Tier.ACUTE, Tier.SOON} and one.findings[-1].at >= since]
    if any(one.resolved is None or one.resolved.outcome in _NEEDED for one in lately):
        return None
    stayed_in = all(stay.what is not Presence.OUT for night in told for stay in night.stays)
    has_door = any(one.kind is Kind.DOOR for one in home.sensors)
    less = [Less.LATER] if later(home) else []
    if has_door and stayed_in and door_for in {Purpose.WANDERING, Purpose.HELP}:
        less.append(Less.DOOR)
    return Proposal(len(told), len(lately), tuple(less)) if less else None


def later(home: Home) -> Values:
    """Return longer limits for a home, each at most half as long again, in steps of five minutes.

    >>> from detectors.homes import Home, HomeId, ResidentId
    >>> later(Home(id=HomeId("wilg/12"), resident=ResidentId("r"), rooms={}, sensors=()))["bath"]
    45.0
    """
    now = values(agreed(home))
    longer = {name: min(float(MINUTES[1]), 5.0 * (LATER * float(now[name]) // 5)) for name in _LATER}
    return {name: minutes for name, minutes in longer.items() if minutes > now[name]}
