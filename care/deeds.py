"""What people may do with an alert, decided by the alert as it stands on disk: the records to write, or `Taken`."""

from datetime import datetime

from care.alerts import Alert, Tier
from care.ids import StaffId
from care.records import (
    Aside,
    By,
    Claimed,
    Deed,
    Delivered,
    Follow,
    Followed,
    How,
    Order,
    Outcome,
    Released,
    Resolved,
    Shelved,
    Unshelved,
)

SCREENS_MAX = 200  # that are written down as having shown one alert


class Urgent(Exception):
    """An urgent alert cannot be put aside: nothing was written."""


class Taken(Exception):
    """The alert is with somebody else, or closed: nothing was written."""


def claim(alert: Alert, by: StaffId, at: datetime) -> tuple[Order, ...]:
    """Take an alert that nobody has. Raises `Taken`."""
    if alert.holder == by and alert.open:
        return ()
    if alert.holder is not None or not alert.open:
        raise Taken
    return (Claimed(at=at, home=alert.home, alert=alert.id, by=by),)


def take_over(alert: Alert, by: StaffId, at: datetime) -> tuple[Order, ...]:
    """Take an alert, from whoever has it. Raises `Taken` if it is closed."""
    if not alert.open:
        raise Taken
    if alert.holder == by:
        return ()
    return (Claimed(at=at, home=alert.home, alert=alert.id, by=by, takeover=alert.holder is not None),)


def release(alert: Alert, by: StaffId, at: datetime) -> tuple[Order, ...]:
    """Give an alert back. Raises `Taken` if somebody else has it or it is closed."""
    if not alert.open or alert.holder not in {by, None}:
        raise Taken
    return () if alert.holder is None else (Released(at=at, home=alert.home, alert=alert.id, by=by),)


def resolve(alert: Alert, by: StaffId, at: datetime, outcome: Outcome, how: How) -> tuple[Order, ...]:
    """Close an alert; one that nobody had is claimed with it. Raises `Taken`."""
    if not alert.open:
        done = alert.resolved
        if done is not None and (done.by, done.outcome, done.how) == (by, outcome, how):
            return ()  # the same tap twice
        raise Taken
    claimed = claim(alert, by, at)
    # A building's clock may run ahead of ours; what somebody has read and closed must not stay open for that.
    closed_at = max(at, alert.findings[-1].at)
    return (*claimed, Resolved(at=closed_at, home=alert.home, alert=alert.id, by=by, outcome=outcome, how=how))


def follow(
    alert: Alert, by: StaffId, at: datetime, what: Follow, means: By, *, there_at: datetime | None = None
) -> tuple[Order | Deed, ...]:
    """Say what is being done about an alert; one that nobody had is claimed with it. Raises `Taken`."""
    if not alert.open:
        raise Taken
    claimed = claim(alert, by, at)
    last = alert.follow
    if last is not None and (last.by, last.follow, last.means, last.there_at) == (by, what, means, there_at):
        return claimed  # the same tap twice
    said = Followed(at=at, home=alert.home, alert=alert.id, by=by, follow=what, means=means, there_at=there_at)
    return (*claimed, said)


def put_aside(
    alert: Alert, by: StaffId, at: datetime, why: Aside, until: datetime, *, shift_ends: datetime
) -> tuple[Order | Deed, ...]:
    """Put an alert aside until a moment, at the latest until the shift ends. Raises `Urgent`, or `Taken`."""
    if not alert.open or alert.holder not in {by, None}:
        raise Taken
    if alert.tier is Tier.ACUTE:
        raise Urgent
    until = min(until, shift_ends)
    if until <= at:
        return ()
    return (
        *release(alert, by, at),  # what is put aside is nobody's
        Shelved(at=max(at, alert.findings[-1].at), home=alert.home, alert=alert.id, by=by, why=why, until=until),
    )


def take_back(alert: Alert, by: StaffId, at: datetime) -> tuple[Deed, ...]:
    """Take an alert back that was put aside. Raises `Taken` if it is closed."""
    if not alert.open:
        raise Taken
    return () if alert.shelf is None else (Unshelved(at=at, home=alert.home, alert=alert.id, by=by),)


def shown(alert: Alert, screen: str, at: datetime) -> tuple[Order, ...]:
    """Note that a screen has shown the alert, once for each."""
    screens = {one.screen for one in alert.shown_on}
    if screen in screens or len(screens) >= SCREENS_MAX:
        return ()
    return (Delivered(at=at, home=alert.home, alert=alert.id, screen=screen),)
