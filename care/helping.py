"""What residents say of themselves on their own page: that they need help, or that they are fine (decision 0026)."""

from datetime import datetime, timedelta

from care.alerts import CALM, Alert
from care.asking import Answer, Passed, Replied
from care.board import Board
from care.chains import RESIDENT
from detectors.findings import Finding, What
from detectors.homes import Home, HomeId

ONE_CALL = timedelta(minutes=1)  # presses within this are one call, as those of a button are
SAME_TAP = timedelta(seconds=2)


def call(board: Board, home: Home, at: datetime) -> tuple[Finding, ...]:
    """Return what to write down when a resident asks for help: as the press of a help button in the home would be.

    An alert that is there already for the same tap is enough. A call is never merged with anything else, nor limited.
    """
    before = next((one for one in calls(board, home.id) if timedelta() <= at - one.main.at <= ONE_CALL), None)
    if before is None:
        return (Finding(at=at, home=home.id, what=What.BUTTON, since=at, episode=at, own_page=True),)
    last = before.main
    if at - last.at < SAME_TAP:
        return ()
    again = Finding(
        at=at,
        home=home.id,
        what=What.BUTTON,
        since=last.since,
        episode=last.episode,
        count=last.count + 1,
        own_page=True,
    )
    return (again,)


def calls(board: Board, home: HomeId) -> list[Alert]:
    """Return the calls for help from the own page that are open, the newest first."""
    return [one for one in board.alerts_of(home) if one.open and one.main.own_page]


def asked(board: Board, home: HomeId) -> list[Alert]:
    """Return the open alerts about which the resident is asked before others are, and has not answered yet.

    A call for help is none of them: only whoever speaks with the resident ends one.
    """
    return [alert for alert in board.alerts_of(home) if _waits(alert)]


def fine(board: Board, home: HomeId, at: datetime) -> list[Replied]:
    """Return what to write down when a resident says that all is well."""
    return [Replied(at=at, home=home, alert=alert.id, by=RESIDENT, answer=Answer.FINE) for alert in asked(board, home)]


def _waits(alert: Alert) -> bool:
    if not alert.open or alert.tier in CALM or any(one.what is What.BUTTON for one in alert.findings):
        return False
    so_far = alert.way
    turns = [one.at for one in so_far if isinstance(one, Passed) and one.to == RESIDENT]
    answers = [one.at for one in so_far if isinstance(one, Replied) and one.by == RESIDENT]
    return bool(turns) and not any(at >= max(turns) for at in answers)
