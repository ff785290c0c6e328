"""The people store: who may sign in, who is signed in, and what a resident likes to be called.

Mutable rows in a file of their own, apart from the journal: a name can be changed or taken out, a record never.
Moments here are real time, also in a rehearsal: a session must not end sooner because a night is played faster.
"""

import hashlib
import math
import secrets
import sqlite3
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import argon2

from care.ids import ContactId, StaffId
from dashboard import enrolment, organisations, push, wishes
from dashboard.organisations import OWN, Post, Role
from dashboard.rows import transaction
from dashboard.typed import BadInput, tidy
from detectors.homes import ResidentId

SESSION = timedelta(hours=14)  # a night shift, its hand-over and some overtime; ends by itself, used or not
SESSIONS_MAX = 20  # per person; the oldest ends when a further one starts
WINDOW = timedelta(minutes=15)  # in which tries to sign in are counted
TRIES_PER_NAME = 10
TRIES_PER_CLIENT = 30  # the seats of one care centre may share an address
PASSWORD_MIN = 10  # characters
VERSION = 1  # in `user_version`; 0 knew of no organisations

_USED_EVERY = timedelta(minutes=1)  # a page more or less is not worth a write

_SCHEMA = """
CREATE TABLE IF NOT EXISTS staff (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,     -- to sign in with, folded: no capitals, no look-alikes
    first_name TEXT NOT NULL,
    initials TEXT NOT NULL,
    password TEXT NOT NULL         -- argon2id, with its salt and cost
) STRICT;
CREATE TABLE IF NOT EXISTS session (
    token BLOB PRIMARY KEY,        -- a hash: whoever reads this file cannot sign in with it
    staff TEXT NOT NULL REFERENCES staff ON DELETE CASCADE,
    until REAL NOT NULL,           -- seconds since 1970, as every moment here
    used_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempt (
    at REAL NOT NULL,
    name BLOB NOT NULL,            -- a hash: people type passwords where the name goes
    client TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS attempt_at ON attempt (at);
CREATE TABLE IF NOT EXISTS resident (id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS contact (  -- see dashboard.contacts
    id TEXT PRIMARY KEY,
    resident TEXT NOT NULL,
    name TEXT NOT NULL,
    relation TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS contact_resident ON contact (resident);
CREATE TABLE IF NOT EXISTS address (
    whose TEXT NOT NULL,           -- a contact, a resident, or a role
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (whose, channel)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS channel (
    name TEXT PRIMARY KEY,
    url TEXT NOT NULL,             -- with the keys of the gateway in it
    test_to TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS link (
    token BLOB PRIMARY KEY,        -- a hash, as of a session
    alert TEXT NOT NULL,
    contact TEXT NOT NULL,
    until REAL NOT NULL
) STRICT, WITHOUT ROWID;
"""

_OF_ONE_ORGANISATION = """
INSERT OR IGNORE INTO organisation VALUES ('own', 'Own');
INSERT OR IGNORE INTO post SELECT id, 'own', 'care' FROM staff;
"""

_hasher = argon2.PasswordHasher()


class TooNew(sqlite3.DatabaseError):
    """A people store that a newer version of the program has written: a sentence."""


class NameTaken(Exception):
    """Somebody else signs in with this name."""


class Unknown(Exception):
    """Nobody signs in with this name."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a password is held against. Those of a name that is not known look and cost the same, and fit nothing."""

    staff: StaffId | None
    password: str  # the argon2 hash


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in."""

    key: str  # names the session without giving access to it
    staff: StaffId
    first_name: str
    initials: str
    until: datetime
    posts: frozenset[Post] = frozenset()  # what they are where

    @property
    def organisations(self) -> frozenset[organisations.OrganisationId]:
        """The organisations whose homes they may see."""
        return frozenset(post.organisation for post in self.posts)


@dataclass(frozen=True, slots=True)
class Names:
    """What people are called, read afresh every time: a changed name shows on the next page."""

    db: sqlite3.Connection

    def resident(self, id: ResidentId) -> str | None:  # noqa: A002  # the drawing asks for it by this name
        """Return the name a resident likes, or None when none is known."""
        row = self.db.execute("SELECT name FROM resident WHERE id = ?", (id,)).fetchone()
        return None if row is None else str(row[0])

    def wishes(self, id: ResidentId) -> wishes.Wishes:  # noqa: A002
        """Return what a resident wants done first, and who may be called."""
        return wishes.of(self.db, id)

    def staff(self, id: StaffId) -> str:  # noqa: A002
        """Return the first name of a member of staff; the bare id of one who is no longer in the store."""
        row = self.db.execute("SELECT first_name FROM staff WHERE id = ?", (id,)).fetchone()
        return str(id if row is None else row[0])

    def contact(self, id: ContactId) -> str | None:  # noqa: A002
        """Return the name of a contact, or None of one who is not, or no longer, in the store."""
        row = self.db.execute("SELECT name FROM contact WHERE id = ?", (id,)).fetchone()
        return None if row is None else str(row[0])


def connect(file: Path | str) -> sqlite3.Connection:
    """Open the store, making it if it is not there; one of an older make becomes one of today's.

    Raises `sqlite3.DatabaseError` if the file is something else, and `TooNew` if a newer version wrote it.
    """
    _of_nobody()  # made before anybody knocks, or the first unknown name would take longer than a known one
    if file != ":memory:":
        with suppress(OSError):  # SQLite says better what is wrong with it
            Path(file).touch(mode=0o600)  # names and hashes: for nobody else on this machine
    db = sqlite3.connect(file, isolation_level=None)
    try:
        db.execute("PRAGMA busy_timeout=2000")
        db.execute("PRAGMA journal_mode=WAL")
        # NORMAL: what a power cut can cost here is a sign-in, and the event loop must not wait for the disk.
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA foreign_keys=ON")
        _refuse_what_is_too_new(db, file)
        db.executescript(_SCHEMA + organisations.SCHEMA + wishes.SCHEMA + enrolment.SCHEMA + push.SCHEMA)
        _upgrade(db)
    except sqlite3.Error:
        db.close()
        raise
    return db


def add_staff(
    db: sqlite3.Connection,
    name: str,
    *,
    first_name: str,
    initials: str,
    password: str,
    organisation: str = OWN,
    role: Role = Role.CARE,
) -> StaffId:
    """Let somebody sign in from now on. Raises `NameTaken`, `NoOrganisation`, or `BadInput` with what is wrong."""
    staff = StaffId(f"s-{secrets.token_hex(4)}")
    row = (staff, _folded(tidy(name)), tidy(first_name), tidy(initials, longest=4), _hashed(password))
    with transaction(db):
        try:
            db.execute("INSERT INTO staff VALUES (?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            raise NameTaken(name) from error
        organisations.appoint(db, staff, organisation, role)
    return staff


def staff_named(db: sqlite3.Connection, name: str) -> StaffId:
    """Return who signs in with a name. Raises `Unknown`."""
    row = db.execute("SELECT id FROM staff WHERE name = ?", (_folded(name),)).fetchone()
    if row is None:
        raise Unknown(name)
    return StaffId(row[0])


def set_password(db: sqlite3.Connection, name: str, password: str) -> None:
    """Change somebody's password and end their sessions. Raises `Unknown` or `BadInput`."""
    hashed = _hashed(password)
    with transaction(db):
        row = db.execute(
            "UPDATE staff SET password = ? WHERE name = ? RETURNING id", (hashed, _folded(name))
        ).fetchone()
        if row is None:
            raise Unknown(name)
        db.execute("DELETE FROM session WHERE staff = ?", row)


def name_resident(db: sqlite3.Connection, resident: ResidentId, name: str) -> None:
    """Keep what a resident likes to be called, in place of what was kept before. Raises `BadInput`."""
    db.execute("INSERT OR REPLACE INTO resident VALUES (?, ?)", (tidy(resident), tidy(name)))


def attempt(db: sqlite3.Connection, name: str, client: str, now: datetime) -> timedelta | None:
    """Count a try to sign in; return None if it may go on, else how long to wait before a next one.

    Counted before the password is looked at, so that many tries at once count as many. A refused try is not
    counted: who keeps knocking is let in again as soon as who waits.
    """
    key, since = _digest(_folded(name)), (now - WINDOW).timestamp()
    with transaction(db):
        db.execute("DELETE FROM attempt WHERE at <= ?", (since,))
        waits = [
            until + WINDOW.total_seconds() - now.timestamp()
            for column, value, most in (("name", key, TRIES_PER_NAME), ("client", client, TRIES_PER_CLIENT))
            if (until := _oldest_of_last(db, column, value, most)) is not None
        ]
        if waits:
            return timedelta(seconds=math.ceil(max(waits)))
        db.execute("INSERT INTO attempt VALUES (?, ?, ?)", (now.timestamp(), key, client))
    return None


def credentials(db: sqlite3.Connection, name: str) -> Credentials:
    """Return what the password of this name must fit."""
    row = db.execute("SELECT id, password FROM staff WHERE name = ?", (_folded(name),)).fetchone()
    return Credentials(None, _of_nobody()) if row is None else Credentials(StaffId(row[0]), row[1])


def verify(known: Credentials, password: str) -> StaffId | None:
    """Return who it is, or None. Slow on purpose (tens of ms, 64 MB), and touches no connection: run it in a thread."""
    try:
        _hasher.verify(known.password, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return None
    return known.staff


def start_session(db: sqlite3.Connection, staff: StaffId, now: datetime) -> str:
    """Sign somebody in, forget their failed tries, and return the token that only their browser gets to keep."""
    token = secrets.token_urlsafe(32)
    at = now.timestamp()
    with transaction(db):
        name = db.execute("SELECT name FROM staff WHERE id = ?", (staff,)).fetchone()[0]
        db.execute("DELETE FROM attempt WHERE name = ?", (_digest(name),))
        db.execute("DELETE FROM session WHERE until <= ?", (at,))
        db.execute("INSERT INTO session VALUES (?, ?, ?, ?)", (_digest(token), staff, (now + SESSION).timestamp(), at))
        db.execute(
            "DELETE FROM session WHERE token IN"
            " (SELECT token FROM session WHERE staff = ? ORDER BY until DESC, used_at DESC LIMIT -1 OFFSET ?)",
            (staff, SESSIONS_MAX),
        )
    return token


def session(db: sqlite3.Connection, token: str, now: datetime) -> Session | None:
    """Return who has this token and is still signed in, and note that they were here."""
    key = _digest(token)
    row = db.execute(
        "SELECT staff.id, first_name, initials, until, used_at FROM session JOIN staff ON staff.id = session.staff"
        " WHERE token = ? AND until > ?",
        (key, now.timestamp()),
    ).fetchone()
    if row is None:
        return None
    staff, first_name, initials, until, used_at = row
    if now.timestamp() - used_at >= _USED_EVERY.total_seconds():
        db.execute("UPDATE session SET used_at = ? WHERE token = ?", (now.timestamp(), key))
    posts = organisations.posts_of(db, staff)
    return Session(key.hex(), StaffId(staff), first_name, initials, datetime.fromtimestamp(until, UTC), posts)


def end_session(db: sqlite3.Connection, token: str) -> None:
    """Sign out: the token is worth nothing from now on."""
    db.execute("DELETE FROM session WHERE token = ?", (_digest(token),))


def _refuse_what_is_too_new(db: sqlite3.Connection, file: Path | str) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise TooNew(f"{file}: written by a newer version of Nachtwacht (people {version}, known {VERSION})")


def _upgrade(db: sqlite3.Connection) -> None:
    """Let whoever worked here before there were organisations work for the one that runs the centre."""
    with transaction(db):
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _OF_ONE_ORGANISATION.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version={VERSION}")


def _oldest_of_last(db: sqlite3.Connection, column: str, value: bytes | str, most: int) -> float | None:
    """Return when the first of the last `most` tries was, if there were that many: until it is forgotten, no more."""
    row = db.execute(
        f"SELECT at FROM attempt WHERE {column} = ? ORDER BY at DESC LIMIT 1 OFFSET ?",  # noqa: S608  # a column of ours
        (value, most - 1),
    ).fetchone()
    return None if row is None else float(row[0])


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _hashed(password: str) -> str:
    if len(password) < PASSWORD_MIN:
        raise BadInput(f"A password has at least {PASSWORD_MIN} characters.")
    return _hasher.hash(password)


@cache
def _of_nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe(32))


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=32).digest()
