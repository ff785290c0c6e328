"""How residents like to be spoken to, je or u; which messages contacts want, and when. Rows that can be changed.

What is sent is for the outbox; here is what somebody wishes.
"""

import sqlite3
from dataclasses import dataclass
from datetime import time

from care.ids import ContactId
from detectors.homes import ResidentId

SCHEMA = """
CREATE TABLE IF NOT EXISTS manner (
    resident TEXT PRIMARY KEY,
    formal INTEGER NOT NULL        -- 1: u, 0: je
) STRICT;
CREATE TABLE IF NOT EXISTS taste (
    contact TEXT PRIMARY KEY,
    morning INTEGER NOT NULL,      -- 1: a message each morning
    contacted INTEGER NOT NULL,    -- 1: a message when there was contact
    quiet_since TEXT NOT NULL,     -- "22:00", local time of the home
    quiet_until TEXT NOT NULL
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Wants:
    """Which messages a contact wants beside the questions that they are asked, and when none of these."""

    morning: bool = False  # each morning how the night was
    contacted: bool = False  # that there was contact
    quiet_since: time = time(22)
    quiet_until: time = time(7, 30)

    def quiet(self, clock: time) -> bool:
        """Whether no message is wanted at a time on the wall. Somebody who is asked to help is asked all the same.

        >>> Wants().quiet(time(2, 10)), Wants().quiet(time(7, 30))
        (True, False)
        """
        if self.quiet_since <= self.quiet_until:
            return self.quiet_since <= clock < self.quiet_until
        return clock >= self.quiet_since or clock < self.quiet_until


def wants(db: sqlite3.Connection, contact: ContactId) -> Wants:
    """Return which messages a contact wants; none that they have not asked for."""
    row = db.execute(
        "SELECT morning, contacted, quiet_since, quiet_until FROM taste WHERE contact = ?", (contact,)
    ).fetchone()
    if row is None:
        return Wants()
    return Wants(bool(row[0]), bool(row[1]), time.fromisoformat(row[2]), time.fromisoformat(row[3]))


def want(db: sqlite3.Connection, contact: ContactId, wanted: Wants) -> None:
    """Keep which messages a contact wants, in place of what was kept before."""
    row = (
        contact,
        int(wanted.morning),
        int(wanted.contacted),
        f"{wanted.quiet_since:%H:%M}",
        f"{wanted.quiet_until:%H:%M}",
    )
    db.execute("INSERT OR REPLACE INTO taste VALUES (?, ?, ?, ?, ?)", row)


def forget(db: sqlite3.Connection, contact: ContactId) -> None:
    """Forget what a contact wanted."""
    db.execute("DELETE FROM taste WHERE contact = ?", (contact,))


def formal(db: sqlite3.Connection, resident: ResidentId) -> bool:
    """Whether a resident wants to be spoken to with u. Je until they say so."""
    row = db.execute("SELECT formal FROM manner WHERE resident = ?", (resident,)).fetchone()
    return row is not None and bool(row[0])


def speak(db: sqlite3.Connection, resident: ResidentId, *, formal: bool) -> None:
    """Keep how a resident wants to be spoken to."""
    db.execute("INSERT OR REPLACE INTO manner VALUES (?, ?)", (resident, int(formal)))
