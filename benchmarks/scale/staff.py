"""Whoever sits at the desks: closes every alert some seconds after it came, in the journal that all desks follow.

A process of its own that writes beside theirs, as a further desk would. Without it what is open would only grow, and
the queue of every page with it, beyond what any night has.
"""

import time
from collections import deque
from datetime import datetime
from multiprocessing.connection import Connection

from care import journal
from care.alerts import alert_of
from care.clock import SystemClock
from care.database import Where
from care.ids import StaffId
from care.records import How, Outcome, Resolved
from detectors.findings import Finding

LOOK_EVERY_S = 0.5


def close(pipe: Connection, place: Where, after_s: float) -> None:
    """Close what comes; when told to, say how many were closed, and end. Runs in a process of its own."""
    db, clock, closed = journal.at(place), SystemClock(), 0
    number, waiting = journal.last_number(db), deque[tuple[float, Finding]]()
    pipe.send("ready")
    while not pipe.poll(LOOK_EVERY_S):
        while entries := journal.read_after(db, number):
            number = entries[-1].number
            waiting.extend(
                (time.monotonic() + after_s, one.record) for one in entries if isinstance(one.record, Finding)
            )
        due = []
        while waiting and waiting[0][0] <= time.monotonic():
            due.append(waiting.popleft()[1])
        at = clock.now()
        if due:
            closed += len(journal.append(db, [_closed(finding, at) for finding in due], recorded_at=at))
    pipe.send(closed)


def _closed(finding: Finding, at: datetime) -> Resolved:
    return Resolved(
        at=at,
        home=finding.home,
        alert=alert_of(finding),
        by=StaffId("s-bench-0"),
        outcome=Outcome.REASSURED,
        how=How.VIDEO,
    )
