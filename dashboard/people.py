"""The people store: who may sign in, who is signed in, and what a resident likes to be called.

Mutable rows in a file of their own, apart from the journal: a name can be changed or taken out, a record never.
Moments here are real time, also in a rehearsal: a session must not end sooner because a night is played faster.
"""

import math
import secrets
import sqlite3
import time
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

import argon2

from care import database
from care.database import Database, Where, transaction
from care.ids import ContactId, StaffId
from dashboard import (
    emergencies,
    enrolment,
    factors,
    hooks,
    housekeys,
    invitations,
    openid,
    organisations,
    programs,
    push,
    scraping,
    tastes,
    wishes,
)
from dashboard.organisations import IDLE, OWN, Post, Right, Role, where
from dashboard.rows import digest, named, opened, refuse_what_is_too_new
from dashboard.typed import BadInput, tidy
from detectors.homes import ResidentId

SESSION = timedelta(hours=14)  # a night shift, its hand-over and some overtime; ends by itself, used or not
SESSIONS_MAX = 20  # per person; the oldest ends when a further one starts
WINDOW = timedelta(minutes=15)  # in which tries to sign in are counted
TRIES_PER_NAME = 10
TRIES_PER_CLIENT = 30  # the seats of one care centre may share an address
PASSWORD_MIN = 10  # characters
DEVICE_MAX = 200  # characters of what a browser says it is
STORE = "people"  # the schema of one in PostgreSQL
VERSION = 3  # 0 knew of no organisations, 1 of no posts or sessions that end by themselves, 2 of no order but a file's

NAMES_FOR_S = 1.0  # that a name is remembered where it takes a turn on the network to ask for it
NAMES_MAX = 1_000  # names that are asked for together

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
    used_at REAL NOT NULL,
    began_at REAL NOT NULL DEFAULT 0,
    idle_s REAL NOT NULL DEFAULT 50400,  -- unused for this long it is over; as `SESSION` where a store is older
    client TEXT NOT NULL DEFAULT '',     -- the address it began from
    device TEXT NOT NULL DEFAULT '',     -- what the browser said it is
    through TEXT                         -- the organisation by whose own sign-in they came; NULL: by ours
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
    relation TEXT NOT NULL,
    number INTEGER NOT NULL DEFAULT 0  -- they are called in the order in which they were named
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

_OWN = "INSERT INTO organisation VALUES ('own', 'Eigen organisatie') ON CONFLICT DO NOTHING;"

_OF_ONE_ORGANISATION = "INSERT OR IGNORE INTO post (staff, organisation, role) SELECT id, 'own', 'care' FROM staff"

_ADDED = (  # since version 1: table, column, and what it is
    ("session", "began_at", "REAL NOT NULL DEFAULT 0"),
    ("session", "idle_s", "REAL NOT NULL DEFAULT 50400"),
    ("session", "client", "TEXT NOT NULL DEFAULT ''"),
    ("session", "device", "TEXT NOT NULL DEFAULT ''"),
    ("session", "through", "TEXT"),
    ("post", "since", "REAL"),
    ("post", "until", "REAL"),
    ("post", "ground", "TEXT NOT NULL DEFAULT ''"),
    ("invitation", "id", "TEXT NOT NULL DEFAULT ''"),
    ("invitation", "address", "TEXT NOT NULL DEFAULT ''"),
    ("subscription", "held", "TEXT REFERENCES house_key ON DELETE CASCADE"),
    ("subscription", "number", "INTEGER NOT NULL DEFAULT 0"),
    ("contact", "number", "INTEGER NOT NULL DEFAULT 0"),
    ("enrolment_log", "turn", "INTEGER NOT NULL DEFAULT 0"),
)

_FILLED = {
    # Which device it was is not known: the one that was let in last, or none.
    ("subscription", "held"): """
UPDATE subscription SET held = (SELECT id FROM house_key
    WHERE contact = whose OR (contact = '' AND resident = whose) ORDER BY since DESC LIMIT 1);
DELETE FROM subscription WHERE held IS NULL
    AND (whose IN (SELECT id FROM contact) OR whose IN (SELECT id FROM resident));
""",
    ("subscription", "number"): "UPDATE subscription SET number = rowid",
    ("contact", "number"): "UPDATE contact SET number = rowid",
    ("enrolment_log", "turn"): "UPDATE enrolment_log SET turn = rowid",
}

_ROWS = (
    organisations,
    wishes,
    enrolment,
    factors,
    invitations,
    emergencies,
    openid,
    housekeys,
    tastes,
    push,
    programs,
    hooks,
    scraping,
)  # each with tables of its own

_hasher = argon2.PasswordHasher()


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
    began_at: datetime
    until: datetime
    posts: frozenset[Post] = frozenset()  # what they are where, by now

    @property
    def organisations(self) -> frozenset[organisations.OrganisationId]:
        """The organisations whose homes they may see."""
        return where(self.posts, Right.LOOK)


class Begun(NamedTuple):
    """A session as its owner, or an administrator, sees it in a list."""

    key: str
    began_at: datetime
    used_at: datetime
    client: str
    device: str


class _Known(NamedTuple):
    """What was read lately of one kind of people."""

    at_s: float  # monotonic, when the first of it was
    names: dict[str, str | None]  # None of whom there is no name
    asked: set[str]  # for whom since then


@dataclass(frozen=True, slots=True)
class Names:
    """What people are called.

    In a file it is read afresh every time: a changed name shows on the next page. Where the store is PostgreSQL, each
    name that a page shows would take a turn on the network: it is remembered for `NAMES_FOR_S`, and then those that
    were asked for meanwhile are asked for together.
    """

    db: Database
    monotonic: Callable[[], float] = time.monotonic
    _known: dict[str, _Known] = field(default_factory=dict, init=False, repr=False, compare=False)

    def resident(self, id: ResidentId) -> str | None:  # noqa: A002  # the drawing asks for it by this name
        """Return the name a resident likes, or None when none is known."""
        return self._name("resident", "name", id)

    def wishes(self, id: ResidentId) -> wishes.Wishes:  # noqa: A002
        """Return what a resident wants done first, and who may be called."""
        return wishes.of(self.db, id)

    def staff(self, id: StaffId) -> str:  # noqa: A002
        """Return the first name of a member of staff; the bare id of one who is no longer in the store."""
        name = self._name("staff", "first_name", id)
        return str(id) if name is None else name

    def contact(self, id: ContactId) -> str | None:  # noqa: A002
        """Return the name of a contact, or None of one who is not, or no longer, in the store."""
        return self._name("contact", "name", id)

    def _name(self, table: str, column: str, id: str) -> str | None:  # noqa: A002
        if not database.is_shared(self.db):
            return self._read(table, column, [id])[id]
        now_s, known = self.monotonic(), self._known.get(table)
        if known is None or now_s - known.at_s >= NAMES_FOR_S:
            again = [] if known is None else [one for one in known.asked if one != id]
            names = self._read(table, column, [id, *again][:NAMES_MAX])
            known = self._known[table] = _Known(now_s, names, set())
        elif id not in known.names:
            known.names.update(self._read(table, column, [id]))
        known.asked.add(id)
        return known.names[id]

    def _read(self, table: str, column: str, ids: Sequence[str]) -> dict[str, str | None]:
        marks = ", ".join("?" * len(ids))
        question = f"SELECT id, {column} FROM {table} WHERE id IN ({marks})"  # noqa: S608  # words of ours
        found = {one: str(name) for one, name in self.db.execute(question, ids)}
        return {one: found.get(one) for one in ids}


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
        db.execute("PRAGMA secure_delete=ON")  # who is taken out is gone from the file
        db.execute("PRAGMA foreign_keys=ON")
        refuse_what_is_too_new(db, STORE, VERSION, str(file))
        database.make(db, _schema())
        _upgrade(db)
    except sqlite3.Error:
        db.close()
        raise
    return db


def at(place: Where) -> Database:
    """Open the store in a file, or at the address of a PostgreSQL database, as `connect` does.

    There others may write in it beside us. Raises `sqlite3.Error`, and `TooNew`.
    """
    if isinstance(place, Path):
        return connect(place)
    _of_nobody()
    return opened(place, STORE, _schema(), VERSION)


def _schema() -> str:
    return "".join([_SCHEMA, *(rows.SCHEMA for rows in _ROWS), _OWN])


def add_staff(
    db: Database,
    name: str,
    *,
    first_name: str,
    initials: str,
    password: str,
    organisation: str = OWN,
    role: Role = Role.CARE,
    since: datetime | None = None,
) -> StaffId:
    """Let somebody sign in from now on. Raises `NameTaken`, `NoOrganisation`, or `BadInput` with what is wrong."""
    row = _row(name, first_name, initials, hashed(password))
    with transaction(db):
        _insert(db, row)
        organisations.appoint(db, StaffId(row[0]), organisation, role, since=since)
    return StaffId(row[0])


def join(
    db: Database,
    token: str,
    now: datetime,
    name: str,
    *,
    first_name: str,
    initials: str,
    password: str,
) -> tuple[StaffId, invitations.Invitation]:
    """Let somebody come in by an invitation, with a `password` as `hashed` returns it; they must have a second factor.

    Raises `NoInvitation`, `NameTaken`, or `BadInput`; the invitation is still good after the last two.
    """
    row = _row(name, first_name, initials, password)
    with transaction(db):
        used = invitations.use(db, token, now)
        _insert(db, row)
        organisations.appoint(db, StaffId(row[0]), used.organisation, used.role, since=now)
        factors.demand(db, row[0])
    return StaffId(row[0]), used


def join_too(db: Database, token: str, now: datetime, staff: StaffId) -> invitations.Invitation:
    """Let somebody who signs in here already come by an invitation. Raises `NoInvitation`."""
    with transaction(db):
        used = invitations.use(db, token, now)
        organisations.appoint(db, staff, used.organisation, used.role, since=now)
        factors.demand(db, staff)
    return used


def _row(name: str, first_name: str, initials: str, password: str) -> tuple[str, ...]:
    return (
        f"s-{secrets.token_hex(4)}",
        _folded(tidy(name)),
        tidy(first_name),
        tidy(initials, longest=4),
        password,
    )


def _insert(db: Database, row: tuple[str, ...]) -> None:
    try:
        db.execute("INSERT INTO staff VALUES (?, ?, ?, ?, ?)", row)
    except sqlite3.IntegrityError as error:
        raise NameTaken(row[1]) from error


def name_of(db: Database, staff: StaffId) -> str:
    """Return the name somebody signs in with. Raises `Unknown`."""
    row = db.execute("SELECT name FROM staff WHERE id = ?", (staff,)).fetchone()
    if row is None:
        raise Unknown(staff)
    return str(row[0])


def staff_named(db: Database, name: str) -> StaffId:
    """Return who signs in with a name. Raises `Unknown`."""
    row = db.execute("SELECT id FROM staff WHERE name = ?", (_folded(name),)).fetchone()
    if row is None:
        raise Unknown(name)
    return StaffId(row[0])


def set_password(db: Database, name: str, password: str) -> None:
    """Change somebody's password and end their sessions. Raises `Unknown` or `BadInput`."""
    kept = hashed(password)
    with transaction(db):
        row = db.execute("UPDATE staff SET password = ? WHERE name = ? RETURNING id", (kept, _folded(name))).fetchone()
        if row is None:
            raise Unknown(name)
        db.execute("DELETE FROM session WHERE staff = ?", row)


def name_resident(db: Database, resident: ResidentId, name: str) -> None:
    """Keep what a resident likes to be called, in place of what was kept before. Raises `BadInput`."""
    db.execute(
        "INSERT INTO resident VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        (tidy(resident), tidy(name)),
    )


def attempt(db: Database, name: str, client: str, now: datetime, *, most: int = TRIES_PER_NAME) -> timedelta | None:
    """Count a try to sign in; return None if it may go on, else how long to wait before a next one.

    `most` is how many tries there are for this name in the window.

    Counted before the password is looked at, so that many tries at once count as many. A refused try is not
    counted: who keeps knocking is let in again as soon as who waits.
    """
    key, since, client = digest(_folded(name)), (now - WINDOW).timestamp(), enrolment.network(client)
    with transaction(db):
        db.execute("DELETE FROM attempt WHERE at <= ?", (since,))
        waits = [
            until + WINDOW.total_seconds() - now.timestamp()
            for column, value, bound in (("name", key, most), ("client", client, TRIES_PER_CLIENT))
            if (until := _oldest_of_last(db, column, value, bound)) is not None
        ]
        if waits:
            return timedelta(seconds=math.ceil(max(waits)))
        db.execute("INSERT INTO attempt VALUES (?, ?, ?)", (now.timestamp(), key, client))
    return None


def credentials(db: Database, name: str) -> Credentials:
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


def start_session(
    db: Database,
    staff: StaffId,
    now: datetime,
    *,
    client: str = "",
    device: str = "",
    through: str | None = None,
) -> str:
    """Sign somebody in, forget their failed tries, and return the token that only their browser gets to keep.

    `through` is the organisation by whose own sign-in they came.
    """
    token = secrets.token_urlsafe(32)
    at = now.timestamp()
    with transaction(db):
        name = db.execute("SELECT name FROM staff WHERE id = ?", (staff,)).fetchone()[0]
        db.execute("DELETE FROM attempt WHERE name IN (?, ?)", (digest(name), digest(_folded(second_try_of(staff)))))
        db.execute("DELETE FROM session WHERE until <= ? OR used_at + idle_s <= ?", (at, at))
        posts = organisations.posts_of(db, staff, now, through=through)
        idle = min((IDLE[post.role] for post in posts), default=min(IDLE.values()))
        db.execute(
            "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                digest(token),
                staff,
                (now + SESSION).timestamp(),
                at,
                at,
                idle.total_seconds(),
                client,
                device[:DEVICE_MAX],
                through,
            ),
        )
        db.execute(
            "DELETE FROM session WHERE staff = ? AND token NOT IN"
            " (SELECT token FROM session WHERE staff = ? ORDER BY until DESC, used_at DESC LIMIT ?)",
            (staff, staff, SESSIONS_MAX),
        )
    return token


def session(db: Database, token: str, now: datetime, *, watching: bool = False) -> Session | None:
    """Return who has this token and is still signed in, and note that they were here.

    What a page asks by itself while it stands open (`watching`) is use only for those who may act on alerts.
    """
    key = digest(token)
    row = db.execute(
        "SELECT staff.id, first_name, initials, began_at, until, used_at, through"
        " FROM session JOIN staff ON staff.id = session.staff"
        " WHERE token = :key AND until > :at AND used_at + idle_s > :at",
        {"key": key, "at": now.timestamp()},
    ).fetchone()
    if row is None:
        return None
    staff, first_name, initials, began_at, until, used_at, through = row
    posts = organisations.posts_of(db, staff, now, through=through)
    used = not watching or bool(where(posts, Right.ACT))
    if used and now.timestamp() - used_at >= _USED_EVERY.total_seconds():
        db.execute("UPDATE session SET used_at = ? WHERE token = ?", (now.timestamp(), key))
    began, ends = (datetime.fromtimestamp(at, UTC) for at in (began_at, until))
    return Session(key.hex(), StaffId(staff), first_name, initials, began, ends, posts)


def sessions_of(db: Database, staff: StaffId, now: datetime) -> list[Begun]:
    """Return where somebody is signed in, the last used first."""
    rows = db.execute(
        "SELECT token, began_at, used_at, client, device FROM session"
        " WHERE staff = :staff AND until > :at AND used_at + idle_s > :at ORDER BY used_at DESC, token",
        {"staff": staff, "at": now.timestamp()},
    )
    return [
        Begun(token.hex(), datetime.fromtimestamp(began_at, UTC), datetime.fromtimestamp(used_at, UTC), client, device)
        for token, began_at, used_at, client, device in rows
    ]


def end_session(db: Database, token: str) -> None:
    """Sign out: the token is worth nothing from now on."""
    db.execute("DELETE FROM session WHERE token = ?", (digest(token),))


def end_sessions(db: Database, staff: StaffId, key: str | None = None) -> list[str]:
    """Sign somebody out everywhere, or of the session with this key alone; return the keys of what ended."""
    one = None if key is None else named(key)
    rows = db.execute(
        "DELETE FROM session WHERE staff = ? AND token = coalesce(?, token) RETURNING token", (staff, one)
    )
    return [token.hex() for (token,) in rows.fetchall()]


def second_try_of(staff: StaffId) -> str:
    """Return under what name somebody's tries at a second factor are counted: apart from those of anybody's name."""
    return f"second factor of {staff}"


def _upgrade(db: Database) -> None:
    """Make a store of an older version one of today's.

    Whoever worked here before there were organisations works for the one that runs the centre. Whoever is signed in
    stays so, and every post stays what it was.
    """
    with transaction(db):
        version = database.version(db)
        for table, column, kind in _ADDED:
            if column in database.columns(db, table):
                continue
            db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
            for statement in _FILLED.get((table, column), "").split(";"):
                db.execute(statement)
        if version == 0:
            db.execute(_OF_ONE_ORGANISATION)
        database.note_version(db, VERSION)


def _oldest_of_last(db: Database, column: str, value: bytes | str, most: int) -> float | None:
    """Return when the first of the last `most` tries was, if there were that many: until it is forgotten, no more."""
    row = db.execute(
        f"SELECT at FROM attempt WHERE {column} = ? ORDER BY at DESC LIMIT 1 OFFSET ?",  # noqa: S608  # a column of ours
        (value, most - 1),
    ).fetchone()
    return None if row is None else float(row[0])


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def hashed(password: str | None) -> str:
    """Return a password as it is kept; without one, what fits none. Slow on purpose. Raises `BadInput`."""
    if password is None:
        return _of_nobody()
    if len(password) < PASSWORD_MIN:
        raise BadInput(f"A password has at least {PASSWORD_MIN} characters.")
    return _hasher.hash(password)


@cache
def _of_nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe(32))
