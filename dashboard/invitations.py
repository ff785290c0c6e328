"""Invitations: how somebody comes to work here. A link is worth one person, once, for a week.

It is handed over by who made it, or sent by mail. Of one that is mailed nobody here has the link: it is made when the
mail goes out (`renew`), and again if the server refused it. Rows of the people store.
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from care.database import Database, transaction
from care.ids import StaffId
from dashboard.organisations import OrganisationId, Role, name_of
from dashboard.rows import digest, named

LASTS = timedelta(days=7)
WAITING_MAX = 100  # of one organisation

SCHEMA = """
CREATE TABLE IF NOT EXISTS invitation (
    token BLOB PRIMARY KEY,        -- a hash
    organisation TEXT NOT NULL REFERENCES organisation,
    role TEXT NOT NULL,
    by_staff TEXT NOT NULL,
    until REAL NOT NULL,
    id TEXT NOT NULL DEFAULT '',       -- of one that is mailed: what its message is addressed to
    address TEXT NOT NULL DEFAULT ''   -- where it is mailed to; gone with the invitation
) STRICT, WITHOUT ROWID;
"""


class NoInvitation(Exception):
    """The link is not good: it was used, taken back, ran out, or never was."""


class WaitsAlready(Exception):
    """An invitation of this organisation to that address waits already."""


class Invitation(NamedTuple):
    """What somebody is invited to."""

    key: str  # names it without being worth anything; of one that is mailed, what its message is addressed to
    organisation: OrganisationId
    role: Role
    by: StaffId
    until: datetime
    address: str = ""  # where it is mailed to; empty: it is handed over


def invite(db: Database, organisation: str, role: Role, by: StaffId, now: datetime) -> str:
    """Return the token of a new invitation, to be shown this once. Raises `NoOrganisation`, or `ValueError`."""
    token = secrets.token_urlsafe(32)
    _keep(db, token, now, organisation=organisation, role=role, by=by)
    return token


def invite_by_mail(db: Database, organisation: str, role: Role, by: StaffId, now: datetime, *, address: str) -> str:
    """Return the key of a new invitation to be mailed. Raises `NoOrganisation`, `WaitsAlready` or `ValueError`."""
    key = f"i-{secrets.token_hex(8)}"
    _keep(
        db,
        secrets.token_urlsafe(32),
        now,
        organisation=organisation,
        role=role,
        by=by,
        key=key,
        address=address,
    )
    return key


def renew(db: Database, key: str, now: datetime) -> tuple[str, str] | None:
    """Return where an invitation is mailed to, and a new token of it that takes the place of the one before.

    None if it was used, taken back or ran out.
    """
    token = secrets.token_urlsafe(32)
    row = db.execute(
        "UPDATE invitation SET token = ? WHERE id = ? AND id <> '' AND until > ? RETURNING address",
        (digest(token), key, now.timestamp()),
    ).fetchone()
    return None if row is None else (str(row[0]), token)


def _keep(
    db: Database,
    token: str,
    now: datetime,
    *,
    organisation: str,
    role: Role,
    by: StaffId,
    key: str = "",
    address: str = "",
) -> None:
    name_of(db, organisation)
    with transaction(db):
        db.execute("DELETE FROM invitation WHERE until <= ?", (now.timestamp(),))
        wait = waiting(db, organisation, now)
        if len(wait) >= WAITING_MAX:
            raise ValueError(f"{WAITING_MAX} invitations wait already: take some back first.")
        if address and address in {one.address for one in wait}:
            raise WaitsAlready
        row = (digest(token), organisation, role.value, by, (now + LASTS).timestamp(), key, address)
        db.execute("INSERT INTO invitation VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def find(db: Database, token: str, now: datetime) -> Invitation:
    """Return what a link invites to, and leave it as it is. Raises `NoInvitation`."""
    row = db.execute(f"{_READ} WHERE token = ? AND until > ?", (digest(token), now.timestamp())).fetchone()
    if row is None:
        raise NoInvitation
    return _read(row)


def use(db: Database, token: str, now: datetime) -> Invitation:
    """Return what a link invites to, and make it worth nothing: inside the transaction that keeps what comes of it.

    Raises `NoInvitation`.
    """
    found = find(db, token, now)
    db.execute("DELETE FROM invitation WHERE token = ?", (digest(token),))
    return found


def waiting(db: Database, organisation: str, now: datetime) -> list[Invitation]:
    """Return the invitations to an organisation that nobody has used yet, the one that ends first on top."""
    rows = db.execute(f"{_READ} WHERE organisation = ? AND until > ? ORDER BY until", (organisation, now.timestamp()))
    return [_read(row) for row in rows]


def take_back(db: Database, organisation: str, key: str) -> bool:
    """Make an invitation worth nothing; return whether it was there."""
    done = db.execute(
        "DELETE FROM invitation WHERE organisation = ? AND ((id <> '' AND id = ?) OR (id = '' AND token = ?))",
        (organisation, key, named(key)),
    )
    return done.rowcount > 0


_READ = "SELECT token, organisation, role, by_staff, until, id, address FROM invitation"


def _read(row: tuple[bytes, str, str, str, float, str, str]) -> Invitation:
    token, organisation, role, by, until, key, address = row
    ends = datetime.fromtimestamp(until, UTC)
    return Invitation(key or token.hex(), OrganisationId(organisation), Role(role), StaffId(by), ends, address)
