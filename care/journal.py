"""The journal: an append-only list of records in SQLite, and the only way from one part to the next.

One writer per file. A record already there is skipped (`body UNIQUE`), so redelivery and restart are harmless.
Beside the records stand two small things that must change together with them: how far each peer's records have
been taken in (`cursor`), and what `watch` remembered at a certain number (`snapshot`).
"""

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from care.records import Record, addressee, decode, encode

BATCH_MAX = 10_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    recorded_at INTEGER NOT NULL,  -- microseconds since 1970, UTC
    origin TEXT NOT NULL,          -- '' if written here, else the peer it came from
    addressee TEXT,                -- the peer that must have it too
    body BLOB NOT NULL UNIQUE
) STRICT;
CREATE INDEX IF NOT EXISTS to_send ON journal (addressee, number) WHERE addressee IS NOT NULL;
CREATE TABLE IF NOT EXISTS cursor (
    peer TEXT PRIMARY KEY, journal TEXT NOT NULL, number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot (
    one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS identity (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL) STRICT;
"""
_INSERT = (
    "INSERT INTO journal (recorded_at, origin, addressee, body) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (body) DO NOTHING RETURNING number"
)
_MOVE_CURSOR = (
    "INSERT INTO cursor VALUES (?, ?, ?)"
    " ON CONFLICT (peer) DO UPDATE SET journal = excluded.journal, number = excluded.number"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Entry(NamedTuple):
    """A record as it stands in a journal."""

    number: int
    recorded_at: datetime
    origin: str
    record: Record


class Cursor(NamedTuple):
    """Up to which number of which of a peer's journals everything is on disk here."""

    journal: str
    number: int


def connect(file: Path | str, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a journal, making it if it is not there, unless it is only to be read.

    `synchronous=FULL` because what is acknowledged must survive a power cut. The connection may pass between
    threads, one at a time. Raises `sqlite3.DatabaseError` if the file is something else, or is not there to be read.
    """
    if read_only:
        uri = f"{Path(file).resolve().as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA busy_timeout=5000")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.executescript(_SCHEMA)
        db.execute("INSERT OR IGNORE INTO identity VALUES (1, ?)", (secrets.token_hex(8),))
    except BaseException:
        db.close()
        raise
    return db


def identity(db: sqlite3.Connection) -> str:
    """Return the random id of this journal. A restored copy needs a new one, for its numbers start to differ."""
    row: tuple[str] = db.execute("SELECT id FROM identity").fetchone()
    return row[0]


def append(
    db: sqlite3.Connection,
    records: Iterable[Record],
    *,
    recorded_at: datetime,
    origin: str = "",
    cursor: Cursor | None = None,
) -> list[Entry]:
    """Write the records in the order given, all of them or none; return those that were new.

    With `origin` the records came from that peer and `cursor` says how far that brings us; both are written together.
    """
    return write(db, ((recorded_at, record) for record in records), origin=origin, cursor=cursor)


def write(
    db: sqlite3.Connection,
    dated: Iterable[tuple[datetime, Record]],
    *,
    origin: str = "",
    cursor: Cursor | None = None,
) -> list[Entry]:
    """Do as `append` does, with a date of its own for each record."""
    if origin and cursor is None:
        raise ValueError("records from a peer need the cursor that they bring us to")
    written: list[Entry] = []
    db.execute("BEGIN IMMEDIATE")
    try:
        for at, record in dated:
            row = (_micros(at), origin, None if origin else addressee(record), encode(record))
            number = db.execute(_INSERT, row).fetchone()
            if number is not None:
                written.append(Entry(number[0], at, origin, record))
        if cursor is not None:
            db.execute(_MOVE_CURSOR, (origin, *cursor))
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return written


def read_after(db: sqlite3.Connection, number: int, *, limit: int = BATCH_MAX) -> list[Entry]:
    """Return up to `limit` entries after a number, in order."""
    rows = db.execute(
        "SELECT number, recorded_at, origin, body FROM journal WHERE number > ? ORDER BY number LIMIT ?",
        (number, limit),
    )
    return [Entry(n, _instant(at), origin, decode(body)) for n, at, origin, body in rows]


def to_send(db: sqlite3.Connection, peer: str, *, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
    """Return number and body of the records written here that `peer` must have, after a number, in order."""
    return db.execute(
        "SELECT number, body FROM journal WHERE addressee = ? AND number > ? ORDER BY number LIMIT ?",
        (peer, after, limit),
    ).fetchall()


def cursor_of(db: sqlite3.Connection, peer: str) -> Cursor | None:
    """Return how far the records of a peer have been taken in, or None if nothing ever came."""
    row = db.execute("SELECT journal, number FROM cursor WHERE peer = ?", (peer,)).fetchone()
    return None if row is None else Cursor(*row)


def save_snapshot(db: sqlite3.Connection, number: int, body: bytes) -> None:
    """Keep what was remembered after the record of this number, in place of what was kept before."""
    db.execute("INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?)", (number, body))


def load_snapshot(db: sqlite3.Connection) -> tuple[int, bytes] | None:
    """Return the number and the body that were last saved, or None."""
    row: tuple[int, bytes] | None = db.execute("SELECT number, body FROM snapshot").fetchone()
    return row


def last_number(db: sqlite3.Connection) -> int:
    """Return the number of the newest record, or 0 in an empty journal."""
    row: tuple[int] = db.execute("SELECT coalesce(max(number), 0) FROM journal").fetchone()
    return row[0]


def last_date(db: sqlite3.Connection) -> datetime | None:
    """Return when the newest record was written, or None in an empty journal."""
    row = db.execute("SELECT recorded_at FROM journal ORDER BY number DESC LIMIT 1").fetchone()
    return None if row is None else _instant(row[0])


def count(db: sqlite3.Connection) -> int:
    """Return how many records there are."""
    row: tuple[int] = db.execute("SELECT count(*) FROM journal").fetchone()
    return row[0]


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
