"""What people may do with an alert, decided by the alert as it stands on disk: the records to write, or `Taken`."""

from datetime import datetime

from care.alerts import Alert
from care.records import Claimed, Delivered, How, Order, Outcome, Released, Resolved, StaffId

SCREENS_MAX = 200  # that are written down as having shown one alert


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


def shown(alert: Alert, screen: str, at: datetime) -> tuple[Order, ...]:
    """Note that a screen has shown the alert, once for each."""
    screens = {one.screen for one in alert.shown_on}
    if screen in screens or len(screens) >= SCREENS_MAX:
        return ()
    return (Delivered(at=at, home=alert.home, alert=alert.id, screen=screen),)
