"""Invitations: how somebody comes to work here. A link is worth one person, once, for a week.

Rows of the people store.
"""

import secrets
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from care.ids import StaffId
from dashboard.organisations import OrganisationId, Role, name_of
from dashboard.rows import digest, transaction

LASTS = timedelta(days=7)
WAITING_MAX = 100  # of one organisation

SCHEMA = """
CREATE TABLE IF NOT EXISTS invitation (
    token BLOB PRIMARY KEY,        -- a hash
    organisation TEXT NOT NULL REFERENCES organisation,
    role TEXT NOT NULL,
    by_staff TEXT NOT NULL,
    until REAL NOT NULL
) STRICT, WITHOUT ROWID;
"""


class NoInvitation(Exception):
    """The link is not good: it was used, taken back, ran out, or never was."""


class Invitation(NamedTuple):
    """What somebody is invited to."""

    key: str  # names it without being worth anything
    organisation: OrganisationId
    role: Role
    by: StaffId
    until: datetime


def invite(db: sqlite3.Connection, organisation: str, role: Role, by: StaffId, now: datetime) -> str:
    """Return the token of a new invitation, to be shown this once. Raises `NoOrganisation`, or `ValueError`."""
    name_of(db, organisation)
    token = secrets.token_urlsafe(32)
    with transaction(db):
        db.execute("DELETE FROM invitation WHERE until <= ?", (now.timestamp(),))
        if len(waiting(db, organisation, now)) >= WAITING_MAX:
            raise ValueError(f"{WAITING_MAX} invitations wait already: take some back first.")
        row = (digest(token), organisation, role.value, by, (now + LASTS).timestamp())
        db.execute("INSERT INTO invitation VALUES (?, ?, ?, ?, ?)", row)
    return token


def find(db: sqlite3.Connection, token: str, now: datetime) -> Invitation:
    """Return what a link invites to, and leave it as it is. Raises `NoInvitation`."""
    row = db.execute(f"{_READ} WHERE token = ? AND until > ?", (digest(token), now.timestamp())).fetchone()
    if row is None:
        raise NoInvitation
    return _read(row)


def use(db: sqlite3.Connection, token: str, now: datetime) -> Invitation:
    """Return what a link invites to, and make it worth nothing: inside the transaction that keeps what comes of it.

    Raises `NoInvitation`.
    """
    found = find(db, token, now)
    db.execute("DELETE FROM invitation WHERE token = ?", (digest(token),))
    return found


def waiting(db: sqlite3.Connection, organisation: str, now: datetime) -> list[Invitation]:
    """Return the invitations to an organisation that nobody has used yet, the one that ends first on top."""
    rows = db.execute(f"{_READ} WHERE organisation = ? AND until > ? ORDER BY until", (organisation, now.timestamp()))
    return [_read(row) for row in rows]


def take_back(db: sqlite3.Connection, organisation: str, key: str) -> bool:
    """Make an invitation worth nothing; return whether it was there."""
    done = db.execute("DELETE FROM invitation WHERE organisation = ? AND lower(hex(token)) = ?", (organisation, key))
    return done.rowcount > 0


_READ = "SELECT token, organisation, role, by_staff, until FROM invitation"


def _read(row: tuple[bytes, str, str, str, float]) -> Invitation:
    token, organisation, role, by, until = row
    return Invitation(
        token.hex(), OrganisationId(organisation), Role(role), StaffId(by), datetime.fromtimestamp(until, UTC)
    )
