"""The access log (NEN 7513): who looked at whose data or changed it, when, on whose behalf and why.

A file of its own, beside the journal: rows are only ever added. Each holds the digest of all that came before it, so
that whoever takes one out or writes one anew has to write all later ones anew as well.
"""

import hashlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import msgspec

from care import database
from care.accounts import LogAnchored
from care.database import Database, Where, transaction
from dashboard.rows import opened
from detectors.homes import HomeId, Instant, ResidentId

READ_MAX = 1_000  # entries that one question returns
STORE = "looks"  # the schema of one in PostgreSQL
VERSION = 1  # of one in PostgreSQL; a file says nothing of its make, for there was only this one

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    number INTEGER PRIMARY KEY,    -- from 1, without a gap
    at REAL NOT NULL,              -- seconds since 1970
    resident TEXT,                 -- about whom, if about somebody
    organisation TEXT,             -- for whom they work who did it
    body BLOB NOT NULL,            -- the entry as JSON
    digest BLOB NOT NULL           -- of the digest before it, and the body
) STRICT;
CREATE TABLE IF NOT EXISTS begun (   -- what was kept long enough has left up to here
    one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, digest BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS entry_resident ON entry (resident, number) WHERE resident IS NOT NULL;
CREATE INDEX IF NOT EXISTS entry_at ON entry (at);
CREATE INDEX IF NOT EXISTS entry_organisation ON entry (organisation, number) WHERE organisation IS NOT NULL;
"""


class Deed(StrEnum):
    """What somebody did (NEN 7513:2018, 6.2)."""

    READ = "read"
    CHANGED = "changed"
    PRINTED = "printed"
    EXPORTED = "exported"
    ERASED = "erased"
    TRIED = "tried"  # and was refused
    SIGNED_IN = "signed-in"
    SIGNED_OUT = "signed-out"


class Ground(StrEnum):
    """Why they might."""

    WATCH = "watch"  # whoever is at the night desk watches over these homes
    ALERT = "alert"  # there was an alert
    CARE = "care"  # the care team prepares or agrees something
    OWN = "own"  # one's own data
    SHARED = "shared"  # the resident shares it
    INSTALL = "install"
    EMERGENCY = "emergency"  # not agreed before, with a reason that is reviewed
    OVERSIGHT = "oversight"  # privacy officer, administrator


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that somebody did with data about somebody. Ids, never names."""

    at: Instant
    by: str  # "staff:ID", "contact:ID", "resident:ID", or "system"
    role: str = ""  # as which they did it
    organisation: str | None = None  # for which they did it
    deed: Deed
    what: str  # what of it, by the name of the page or thing: "home", "alert", "client-report", "post"
    resident: ResidentId | None = None
    home: HomeId | None = None
    ground: Ground
    about: str = ""  # the alert, emergency or person that it is about, by id


_one_at_a_time = threading.Lock()  # threads write and read for the event loop, which never waits for a disk itself


class Broken(Exception):
    """The log is not as it was written: from which number on, as a sentence."""

    def __init__(self, number: int) -> None:
        super().__init__(f"The access log is not as it was written, from entry {number} on.")
        self.number = number


def connect(file: Path | str) -> sqlite3.Connection:
    """Open an access log, made if it is not there. Durable: an entry is on disk when `write` returns.

    Raises `sqlite3.DatabaseError` if the file is something else.
    """
    if file != ":memory:":
        with suppress(OSError):  # SQLite says better what is wrong with it
            Path(file).touch(mode=0o600)
    db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA busy_timeout=2000")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA secure_delete=ON")
        database.make(db, _SCHEMA)
    except sqlite3.Error:
        db.close()
        raise
    return db


def at(place: Where) -> Database:
    """Open an access log in a file, or at the address of a PostgreSQL database, as `connect` does.

    There others may write in it beside us. Raises `sqlite3.Error`, and `TooNew`.
    """
    return connect(place) if isinstance(place, Path) else opened(place, STORE, _SCHEMA, VERSION)


def beside(place: Where) -> Where:
    """Return where the access log of a people store lies: in a file beside it, or at the same address."""
    return place.with_name("access-log.db") if isinstance(place, Path) else place


def write(db: Database, *entries: Entry) -> None:
    """Add what was done. All of it or nothing. It waits for the disk: not for an event loop (`dashboard.looking`)."""
    with _one_at_a_time, transaction(db):
        number, digest = last(db)
        for entry in entries:
            body = msgspec.json.encode(entry)
            number, digest = number + 1, _next(digest, body)
            row = (number, entry.at.timestamp(), entry.resident, entry.organisation, body, digest)
            db.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", row)


def of_resident(
    db: Database, resident: ResidentId, since: Instant, until: Instant, *, limit: int = READ_MAX
) -> list[Entry]:
    """Return what was done with somebody's data between two instants, the newest first."""
    rows = db.execute(
        "SELECT body FROM entry WHERE resident = ? AND at >= ? AND at < ? ORDER BY number DESC LIMIT ?",
        (resident, since.timestamp(), until.timestamp(), min(limit, READ_MAX)),
    )
    return [msgspec.json.decode(body, type=Entry) for (body,) in rows]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for in the log; None: whatever it is."""

    since: Instant
    until: Instant
    organisations: frozenset[str | None] | None = None  # for which it was done; None: all
    residents: frozenset[str] | None = None
    by: frozenset[str] | None = None  # who did it, as an entry has it
    deed: Deed | None = None


def found(db: Database, asked: Asked, *, limit: int = READ_MAX) -> list[tuple[int, Entry]]:
    """Return what was asked for with its numbers, the newest first."""
    answer: list[tuple[int, Entry]] = []
    before = last(db)[0] + 1
    while before > 0 and len(answer) < limit:
        with _one_at_a_time:  # some at a time: whoever looks meanwhile waits for that, and not for all of it
            rows = db.execute(
                "SELECT number, resident, body FROM entry WHERE number < ? AND at >= ? AND at < ?"
                " ORDER BY number DESC LIMIT ?",
                (before, asked.since.timestamp(), asked.until.timestamp(), READ_MAX),
            ).fetchall()
        before = rows[-1][0] if len(rows) == READ_MAX else 0
        for number, resident, body in rows:
            if asked.residents is not None and resident not in asked.residents:
                continue
            entry = msgspec.json.decode(body, type=Entry)
            of = asked.organisations is None or entry.organisation in asked.organisations
            if of and (asked.by is None or entry.by in asked.by) and asked.deed in {None, entry.deed}:
                answer.append((number, entry))
    return answer[:limit]


def verify(db: Database, anchors: Iterable[LogAnchored]) -> tuple[int, int]:
    """Return how many entries there are, and up to which number anchors in the journal stand for them.

    Raises `Broken` with the first entry that may be another than was written, or is not there any more.
    """
    known = {one.number: bytes.fromhex(one.digest) for one in anchors}
    with database.view(db):  # a desk that runs writes on meanwhile
        begun, digest = _begun(db)
        if begun and known.get(begun) != digest:
            raise Broken(1)
        good, count = begun, 0
        for number, told in _checked(_every(db), begun, digest):
            count += 1
            if number in known:
                if known[number] != told:
                    raise Broken(good + 1)
                good = number
    if max(known, default=0) > begun + count:
        raise Broken(begun + count + 1)
    return count, good


def cut(db: Database, anchor: LogAnchored) -> int:
    """Take out the entries up to an anchor, that still says what came before what is left; return how many."""
    with _one_at_a_time, transaction(db):
        row = db.execute("SELECT digest FROM entry WHERE number = ?", (anchor.number,)).fetchone()
        if row is None or bytes(row[0]).hex() != anchor.digest:
            return 0  # gone already, or not what it was: then it stays for whoever looks into that
        gone = db.execute("DELETE FROM entry WHERE number <= ?", (anchor.number,)).rowcount
        db.execute(
            "INSERT INTO begun VALUES (1, ?, ?)"
            " ON CONFLICT (one) DO UPDATE SET number = excluded.number, digest = excluded.digest",
            (anchor.number, row[0]),
        )
    return gone


def _every(db: Database) -> Iterator[tuple[int, bytes, bytes]]:
    """Return all entries in their order, some at a time: five years of them fill no memory."""
    after = 0
    while rows := db.execute(
        "SELECT number, body, digest FROM entry WHERE number > ? ORDER BY number LIMIT ?", (after, READ_MAX)
    ).fetchall():
        yield from rows
        after = rows[-1][0]


def _checked(rows: Iterable[tuple[int, bytes, bytes]], after: int, digest: bytes) -> Iterator[tuple[int, bytes]]:
    for expected, (number, body, told) in enumerate(rows, after + 1):
        digest = _next(digest, body)
        if number != expected or digest != told:
            raise Broken(expected)
        yield number, told


def _begun(db: Database) -> tuple[int, bytes]:
    row = db.execute("SELECT number, digest FROM begun").fetchone()
    return (0, b"") if row is None else (int(row[0]), bytes(row[1]))


def check(rows: Iterable[tuple[int, bytes, bytes]], digest: bytes = b"") -> Iterator[tuple[int, Entry]]:
    """Yield entries with their numbers as long as each follows from the one before. Raises `Broken`."""
    expected = 1
    for number, body, told in rows:
        digest = _next(digest, body)
        if number != expected or digest != told:
            raise Broken(expected)
        yield number, msgspec.json.decode(body, type=Entry)
        expected += 1


def last(db: Database) -> tuple[int, bytes]:
    """Return the number and the digest of the last entry; 0 and nothing before the first."""
    row = db.execute("SELECT number, digest FROM entry ORDER BY number DESC LIMIT 1").fetchone()
    return _begun(db) if row is None else (int(row[0]), bytes(row[1]))


def _next(digest: bytes, body: bytes) -> bytes:
    return hashlib.blake2b(digest + body, digest_size=32).digest()
