"""What is erased in a building because somebody asked: the order of the centre, and the building's answer to it.

Records at the centre are rewritten when somebody is erased (`dashboard.persons`). The building has what its sensors
said and a copy of what it told; it takes that out when it hears the order (`gateway.erasing`). A building that is too
old to know the order keeps it as one that it cannot read, and does not answer: the centre then says that it was not
heard.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from detectors.homes import HomeId, Instant


class Forget(msgspec.Struct, frozen=True, kw_only=True, tag="forget"):
    """The order to a building: take out what you have of a home from before an instant. It names nobody."""

    at: Instant
    home: HomeId
    until: Instant  # what is dated before this, or was written before it, goes


class Forgot(msgspec.Struct, frozen=True, kw_only=True, tag="forgot"):
    """The building's answer to a `Forget`: it is done. What an acute alert still needed then has left as well."""

    at: Instant
    home: HomeId
    until: Instant
    asked: Instant  # when the order was given
    count: int  # records that left, or had that home taken out of them


@dataclass(frozen=True, slots=True)
class Asked:
    """One order, and what is known of it."""

    order: Forget
    answer: Forgot | None  # None: not heard yet


def asked(records: Iterable[object]) -> list[Asked]:
    """Return what was ordered by some records, oldest first, each home and instant once, with the answer."""
    orders: dict[tuple[HomeId, Instant], Forget] = {}
    answers: dict[tuple[HomeId, Instant], Forgot] = {}
    for one in records:
        if isinstance(one, Forget):
            orders[one.home, one.until] = one
        elif isinstance(one, Forgot):
            answers[one.home, one.until] = one
    return [Asked(order, answers.get(about)) for about, order in orders.items()]
