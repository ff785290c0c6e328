"""How residents like to be spoken to, je or u; which messages contacts want, and when. Rows that can be changed.

When there is something to tell them is decided in `care.news`. Somebody who is asked to help is asked all the same.
"""

from dataclasses import dataclass
from datetime import time

from care.database import Database
from care.ids import ContactId
from care.news import Wish
from detectors.homes import ResidentId

SCHEMA = """
CREATE TABLE IF NOT EXISTS manner (
    resident TEXT PRIMARY KEY,
    formal INTEGER NOT NULL        -- 1: u, 0: je
) STRICT;
CREATE TABLE IF NOT EXISTS usual_manner (
    organisation TEXT PRIMARY KEY REFERENCES organisation ON DELETE CASCADE,
    formal INTEGER NOT NULL        -- how its residents are spoken to who said nothing
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


def wants(db: Database, contact: ContactId) -> Wants:
    """Return which messages a contact wants; none that they have not asked for."""
    row = db.execute(
        "SELECT morning, contacted, quiet_since, quiet_until FROM taste WHERE contact = ?", (contact,)
    ).fetchone()
    if row is None:
        return Wants()
    return Wants(bool(row[0]), bool(row[1]), time.fromisoformat(row[2]), time.fromisoformat(row[3]))


def asked_for(db: Database) -> list[Wish]:
    """Return every contact who wants to be told anything, with what, and when not."""
    rows = db.execute(
        "SELECT contact, resident, morning, contacted, quiet_since, quiet_until"
        " FROM taste JOIN contact ON contact.id = taste.contact WHERE morning = 1 OR contacted = 1"
        " ORDER BY contact"
    )
    return [
        Wish(
            ContactId(contact),
            ResidentId(resident),
            bool(morning),
            bool(contacted),
            (time.fromisoformat(since), time.fromisoformat(until)),
        )
        for contact, resident, morning, contacted, since, until in rows
    ]


def want(db: Database, contact: ContactId, wanted: Wants) -> None:
    """Keep which messages a contact wants, in place of what was kept before."""
    row = (
        contact,
        int(wanted.morning),
        int(wanted.contacted),
        f"{wanted.quiet_since:%H:%M}",
        f"{wanted.quiet_until:%H:%M}",
    )
    db.execute(
        "INSERT INTO taste VALUES (?, ?, ?, ?, ?) ON CONFLICT (contact) DO UPDATE SET morning = excluded.morning,"
        " contacted = excluded.contacted, quiet_since = excluded.quiet_since, quiet_until = excluded.quiet_until",
        row,
    )


def forget(db: Database, contact: ContactId) -> None:
    """Forget what a contact wanted."""
    db.execute("DELETE FROM taste WHERE contact = ?", (contact,))


def formal(db: Database, resident: ResidentId, organisation: str) -> bool:
    """Whether a resident is spoken to with u: as they said themselves, else as their organisation does."""
    row = db.execute("SELECT formal FROM manner WHERE resident = ?", (resident,)).fetchone()
    return usually_formal(db, organisation) if row is None else bool(row[0])


def usually_formal(db: Database, organisation: str) -> bool:
    """Whether an organisation says u to its residents. Je until it says so."""
    row = db.execute("SELECT formal FROM usual_manner WHERE organisation = ?", (organisation,)).fetchone()
    return row is not None and bool(row[0])


def usually_speak(db: Database, organisation: str, *, formal: bool) -> None:
    """Keep how an organisation speaks to its residents; what a resident chose goes before it."""
    db.execute(
        "INSERT INTO usual_manner VALUES (?, ?) ON CONFLICT (organisation) DO UPDATE SET formal = excluded.formal",
        (organisation, int(formal)),
    )


def speak(db: Database, resident: ResidentId, *, formal: bool) -> None:
    """Keep how a resident wants to be spoken to."""
    db.execute(
        "INSERT INTO manner VALUES (?, ?) ON CONFLICT (resident) DO UPDATE SET formal = excluded.formal",
        (resident, int(formal)),
    )
