"""Programs that may ask the centre: each of one organisation, for what was written down, until a day.

Rows of the people store. A token is shown once and kept as its hash.
"""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from care.database import Database, transaction
from care.ids import StaffId
from dashboard.organisations import OrganisationId, name_of
from dashboard.rows import digest
from dashboard.typed import BadInput, tidy

LASTS_MAX = timedelta(days=366)
PROGRAMS_MAX = 50  # of one organisation
TOKEN_BYTES = 32

SCHEMA = """
CREATE TABLE IF NOT EXISTS program (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisation,
    name TEXT NOT NULL,            -- of the program, and of no person
    scopes TEXT NOT NULL,          -- with spaces between
    token BLOB NOT NULL UNIQUE,    -- a hash
    since REAL NOT NULL,
    until REAL NOT NULL,
    by_staff TEXT NOT NULL         -- who let it in; '' for whoever has the machine
) STRICT, WITHOUT ROWID;
"""


class Scope(StrEnum):
    """What a program may ask for."""

    ALERTS = "alerts"  # alerts and what people did about them
    HOMES = "homes"  # how much of each home is seen now
    NIGHTS = "nights"  # what nights came to
    RECORD = "record"  # all that a care record is told, as FHIR
    LOOKS = "looks"  # who looked at whose data


class Program(NamedTuple):
    """A program that is let in."""

    id: str
    organisation: OrganisationId
    name: str
    scopes: frozenset[Scope]
    since: datetime
    until: datetime


def let_in(
    db: Database,
    organisation: str,
    name: str,
    scopes: Iterable[Scope],
    *,
    now: datetime,
    until: datetime,
    by: StaffId | None = None,
) -> tuple[Program, str]:
    """Let a program in; return it with its token, which is known this once.

    Raises `NoOrganisation`, or `BadInput` with what is wrong.
    """
    name_of(db, organisation)
    wanted, name = frozenset(scopes), tidy(name)
    if not wanted:
        raise BadInput(f"A program without a scope may ask for nothing: choose of {', '.join(Scope)}.")
    if not now < until <= now + LASTS_MAX:
        raise BadInput(f"{until:%Y-%m-%d} is not a day in the coming {LASTS_MAX.days} days.")
    made = Program(f"p-{secrets.token_hex(4)}", OrganisationId(organisation), name, wanted, now, until)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with transaction(db):
        if len(of(db, organisation)) >= PROGRAMS_MAX:
            raise BadInput(f"{organisation!r} has {PROGRAMS_MAX} programs already: end some first.")
        row = (made.id, organisation, name, " ".join(sorted(wanted)), digest(token))
        dates = (now.timestamp(), until.timestamp())
        db.execute("INSERT INTO program VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, *dates, by or ""))
    return made, token


def found(db: Database, token: str, now: datetime) -> Program | None:
    """Return whose token it is; None for one that nobody has, or no longer."""
    row = db.execute(f"{_READ} WHERE token = ? AND until > ?", (digest(token), now.timestamp())).fetchone()
    return None if row is None else _read(row)


def of(db: Database, organisation: str | None = None) -> list[Program]:
    """Return the programs of an organisation, or all, those that are over as well; the newest last."""
    rows = db.execute(f"{_READ} WHERE ? IN (organisation, '') ORDER BY since, id", (organisation or "",))
    return [_read(row) for row in rows]


def end(db: Database, program: str) -> bool:
    """Let a program in no more, at once; return whether there was one."""
    return db.execute("DELETE FROM program WHERE id = ?", (program,)).rowcount > 0


_READ = "SELECT id, organisation, name, scopes, since, until FROM program"


def _read(row: tuple[str, str, str, str, float, float]) -> Program:
    program, organisation, name, scopes, *dates = row
    since, until = (datetime.fromtimestamp(at, UTC) for at in dates)
    known = frozenset(Scope(one) for one in scopes.split() if one in set(Scope))
    return Program(program, OrganisationId(organisation), name, known, since, until)
