"""The journal: an append-only list of records in SQLite, and the only way from one part to the next.

One writer per file. A record already there is skipped (`key UNIQUE`), so redelivery and restart are harmless.
Beside the records stand small things that must change together with them: how far each peer's records have been taken
in (`cursor`), what `watch` remembered at a certain number (`snapshot`), and up to where old records have left
(`forgotten`).

It is made for SD cards. Measured with one event a commit, in bytes written per event: 19,700 with the body itself as
its key and pages of 4 KB, 15,900 with a hash of it, 7,400 as here. Keys begin with the record's date, because those of
records that come together then lie together; pages are small, because each commit writes the last one of each tree
again; and the WAL keeps its size, because a growing file costs the file system writes of its own.
"""

import contextlib
import secrets
import sqlite3
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from care import database
from care.database import Database, Where
from care.files import settle
from care.packing import EPOCH, damaged, instant, key, micros, packed, unpacked
from care.records import Record, addressee, decode, encode
from detectors.homes import Instant

BATCH_MAX = 10_000
STORE = "journal"  # the schema of one in PostgreSQL
VERSION = 2  # in `user_version`; 0 had `body UNIQUE` and no `key`, and 1 no bodies that are packed

_PAGE_BYTES = 1024
_WAL_PAGES = 4_000  # after so many the WAL is copied into the file: the last pages of each tree once, not each time
_WAL_BYTES_MAX = 16_000_000  # a WAL that grew beyond this (an upgrade, a reader that stayed) is cut off again

# No AUTOINCREMENT, which would write one more page at each commit: numbers never come again all the same, for the
# newest record never leaves.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (
    number INTEGER PRIMARY KEY,
    recorded_at INTEGER NOT NULL,  -- microseconds since 1970, UTC
    origin TEXT NOT NULL,          -- '' if written here, else the peer it came from
    addressee TEXT,                -- the peer that must have it too
    key BLOB UNIQUE,               -- of what the record says: see `packing.key`
    body BLOB NOT NULL             -- JSON; packed, where nobody else is to have it: see `packing.packed`
) STRICT;
CREATE INDEX IF NOT EXISTS to_send ON journal (addressee, number) WHERE addressee IS NOT NULL;
CREATE TABLE IF NOT EXISTS cursor (
    peer TEXT PRIMARY KEY, journal TEXT NOT NULL, number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot (
    one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS identity (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS forgotten (
    what TEXT PRIMARY KEY,         -- 'raw' or 'told'; at a centre each span that records are kept for
    number INTEGER NOT NULL,       -- up to here everything has been looked at
    recorded_at INTEGER NOT NULL   -- of the newest record that left
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lingering (
    number INTEGER PRIMARY KEY,    -- of a record that is old enough to leave, and may not yet
    what TEXT NOT NULL             -- as in `forgotten`
) STRICT;
CREATE TABLE IF NOT EXISTS forgetting (
    asked INTEGER PRIMARY KEY,     -- number of an order to forget a home
    number INTEGER NOT NULL,       -- up to here everything has been looked at
    gone INTEGER NOT NULL,         -- records that left, or had the home taken out of them
    kept INTEGER NOT NULL          -- that may not leave yet
) STRICT;
CREATE TABLE IF NOT EXISTS had (peer TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS touched (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;
"""
_INSERT = (
    "INSERT INTO journal (recorded_at, origin, addressee, key, body) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (key) DO NOTHING RETURNING number"
)
_MOVE_CURSOR = (
    "INSERT INTO cursor VALUES (?, ?, ?)"
    " ON CONFLICT (peer) DO UPDATE SET journal = excluded.journal, number = excluded.number"
)


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


class NotOurs(sqlite3.DatabaseError):
    """A file that is no journal and never was one: a sentence. It is somebody's, and stays as it is."""


class TooNew(Exception):
    """A journal that a newer version of the program has written. Whole, and not for us to touch."""


def connect(file: Path | str, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a journal, making it if it is not there, unless it is only to be read.

    One of an older make is first copied into a new file that then takes its place; stopped half-way, that goes on at
    the next start. `synchronous=FULL` because what is acknowledged must survive a power cut. The connection may pass
    between threads, one at a time. Raises `sqlite3.DatabaseError` if the file is damaged, or is not there to be read,
    `NotOurs` if it is something else, and `TooNew` if a newer version wrote it.
    """
    if read_only:
        uri = f"{Path(file).resolve().as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    _refuse_what_is_no_database(Path(file))
    db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA busy_timeout=5000")
        _refuse_what_is_no_journal(db, file)
        db.execute(f"PRAGMA page_size={_PAGE_BYTES}")  # of a new file
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
        db.execute(f"PRAGMA journal_size_limit={_WAL_BYTES_MAX}")
        db.execute("PRAGMA secure_delete=FAST")  # what leaves is overwritten where that writes nothing more
        if _of_older_make(db, file):
            _upgrade(db, Path(file))
            db.close()
            return connect(file)
        db.executescript(_SCHEMA)
        db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("INSERT OR IGNORE INTO identity VALUES (1, ?)", (secrets.token_hex(8),))
    except BaseException:
        db.close()
        raise
    return db


def at(place: Where, *, read_only: bool = False) -> Database:
    """Open a journal in a file, or at the address of a PostgreSQL database, as `connect` does.

    There others may write in it beside us. Raises `sqlite3.Error`, and what `connect` raises.
    """
    if isinstance(place, Path):
        return connect(place, read_only=read_only)
    db = database.shared(place, STORE, read_only=read_only)
    try:
        if read_only:
            _refuse_what_is_not_there(db)
        else:
            database.make(db, _SCHEMA)
            db.execute("INSERT INTO identity VALUES (1, ?) ON CONFLICT DO NOTHING", (secrets.token_hex(8),))
    except BaseException:
        db.close()
        raise
    return db


def file_of(db: Database) -> Path | None:
    """Return in which file a database lies, this one or another; None for one in memory or in PostgreSQL."""
    if database.is_shared(db):
        return None
    name: str = db.execute("PRAGMA database_list").fetchone()[2]
    return Path(name) if name else None


def identity(db: Database) -> str:
    """Return the random id of this journal. A restored copy needs a new one, for its numbers start to differ."""
    row: tuple[str] = db.execute("SELECT id FROM identity").fetchone()
    return row[0]


def append(
    db: Database,
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
    db: Database,
    dated: Iterable[tuple[datetime, Record]],
    *,
    origin: str = "",
    cursor: Cursor | None = None,
) -> list[Entry]:
    """Do as `append` does, with a date of its own for each record."""
    if origin and cursor is None:
        raise ValueError("records from a peer need the cursor that they bring us to")
    with database.transaction(db):
        return insert(db, dated, origin, cursor)


def begin(db: Database, number: int) -> list[Entry]:
    """Begin to write: until `end` or `give_up` nobody else does. Return what others have written after a number."""
    db.execute("BEGIN IMMEDIATE")
    news = list[Entry]()
    try:
        while batch := read_after(db, news[-1].number if news else number):
            news += batch
    except BaseException:
        db.execute("ROLLBACK")
        raise
    return news


def end(db: Database, dated: Iterable[tuple[datetime, Record]]) -> list[Entry]:
    """Write what was begun, all of it or none; return what was new."""
    try:
        written = insert(db, dated)
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return written


def give_up(db: Database) -> None:
    """Write nothing of what was begun."""
    db.execute("ROLLBACK")


def insert(
    db: Database, dated: Iterable[tuple[datetime, Record]], origin: str = "", cursor: Cursor | None = None
) -> list[Entry]:
    """Do as `write` does in a transaction that is open already."""
    written = insert_from(db, ((at, origin, record) for at, record in dated))
    if cursor is not None:
        move_cursors(db, {origin: cursor})
    return [entry for entry in written if entry is not None]


def insert_from(db: Database, told: Iterable[tuple[datetime, str, Record]]) -> list[Entry | None]:
    """Write records of several origins in a transaction that is open already; None stands for one that was there."""
    given = list(told)
    numbers = database.each(db, _INSERT, (_row(at, record, origin) for at, origin, record in given))
    written = [
        None if number is None else Entry(number[0], at, origin, record)
        for (at, origin, record), number in zip(given, numbers, strict=True)
    ]
    if any(written):
        database.tell(db)
    return written


def move_cursors(db: Database, cursors: Mapping[str, Cursor]) -> None:
    """Write how far the records of peers have been taken in, in a transaction that is open already."""
    db.executemany(_MOVE_CURSOR, [(peer, *cursor) for peer, cursor in cursors.items()])


def _row(at: datetime, record: Record, origin: str) -> tuple[int, str, str | None, bytes, bytes]:
    body = encode(record)
    to = None if origin else addressee(record)
    return micros(at), origin, to, key(record.at, body), body if origin or to is not None else packed(body)


def holds(db: Database, record: Record) -> bool:
    """Whether a record is there already: a broker sends again whatever it is not sure that we had."""
    known = key(record.at, encode(record))
    return db.execute("SELECT 1 FROM journal WHERE key = ?", (known,)).fetchone() is not None


def read_after(db: Database, number: int, *, limit: int = BATCH_MAX) -> list[Entry]:
    """Return up to `limit` entries after a number, in order."""
    rows = db.execute(
        "SELECT number, recorded_at, origin, body FROM journal WHERE number > ? ORDER BY number LIMIT ?",
        (number, limit),
    )
    return [Entry(n, instant(at), origin, decode(unpacked(body))) for n, at, origin, body in rows]


def read_from(db: Database, origin: str, number: int = 0, *, limit: int = BATCH_MAX) -> list[Entry]:
    """Return up to `limit` entries that came from another party, after a number, in order."""
    rows = db.execute(
        "SELECT number, recorded_at, origin, body FROM journal WHERE origin = ? AND number > ? ORDER BY number LIMIT ?",
        (origin, number, limit),
    )
    return [Entry(n, instant(at), came_from, decode(unpacked(body))) for n, at, came_from, body in rows]


def to_send(db: Database, peer: str, *, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
    """Return number and body of the records written here that `peer` must have, after a number, in order."""
    return db.execute(
        "SELECT number, body FROM journal WHERE addressee = ? AND number > ? ORDER BY number LIMIT ?",
        (peer, after, limit),
    ).fetchall()


def unsent(db: Database, peer: str, *, after: int) -> tuple[int, datetime | None]:
    """Return how many records `peer` must still have after a number, and when the oldest of them was written."""
    where = "FROM journal WHERE addressee = ? AND number > ?"
    (count,) = db.execute(f"SELECT count(*) {where}", (peer, after)).fetchone()
    first = db.execute(f"SELECT recorded_at {where} ORDER BY number LIMIT 1", (peer, after)).fetchone()
    return count, None if first is None else instant(first[0])


def cursor_of(db: Database, peer: str) -> Cursor | None:
    """Return how far the records of a peer have been taken in, or None if nothing ever came."""
    row = db.execute("SELECT journal, number FROM cursor WHERE peer = ?", (peer,)).fetchone()
    return None if row is None else Cursor(*row)


def cursors_of(db: Database, peers: Collection[str]) -> dict[str, Cursor]:
    """Return how far the records of some peers have been taken in; without those of which nothing ever came."""
    asked = sorted(set(peers))
    marks = ", ".join("?" * len(asked))
    rows = db.execute(f"SELECT peer, journal, number FROM cursor WHERE peer IN ({marks})", asked)  # noqa: S608
    return {peer: Cursor(*found) for peer, *found in rows}


def note_had(db: Database, peer: str, number: int) -> None:
    """Keep up to which number a peer has said that it has everything on disk, for whoever starts after us."""
    db.execute(
        "INSERT INTO had VALUES (?, ?) ON CONFLICT (peer) DO UPDATE SET number = excluded.number", (peer, number)
    )


def had(db: Database, peer: str) -> int:
    """Return up to which number a peer was last noted to have everything on disk, or 0."""
    row: tuple[int] | None = db.execute("SELECT number FROM had WHERE peer = ?", (peer,)).fetchone()
    return 0 if row is None else row[0]


def touch(db: Database, at: datetime) -> None:
    """Write a date, and nothing else: whether the disk still takes what is written, only writing shows."""
    db.execute("INSERT INTO touched VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET at = excluded.at", (micros(at),))


def save_snapshot(db: Database, number: int, body: bytes) -> None:
    """Keep what was remembered after the record of this number, in place of what was kept before."""
    db.execute(
        "INSERT INTO snapshot VALUES (1, ?, ?)"
        " ON CONFLICT (one) DO UPDATE SET number = excluded.number, body = excluded.body",
        (number, zlib.compress(body, 1)),
    )


def load_snapshot(db: Database) -> tuple[int, bytes] | None:
    """Return the number and the body that were last saved, or None. Raises `sqlite3.DatabaseError` if it is damaged."""
    row: tuple[int, bytes] | None = db.execute("SELECT number, body FROM snapshot").fetchone()
    if row is None or _version(db) == 0:  # of an older make, and read only
        return row
    try:
        return row[0], zlib.decompress(row[1])
    except zlib.error as error:
        raise damaged(f"the snapshot is damaged: {error}") from error


def copy_to(db: sqlite3.Connection, file: Path) -> None:
    """Write the journal as it is at this moment into one file, whoever is writing in it meanwhile."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as copy:
        db.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a WAL beside it


def renew(db: Database) -> None:
    """Give a restored copy an identity of its own: from here on its numbers are not those of the original."""
    db.execute("UPDATE identity SET id = ?", (secrets.token_hex(8),))


def last_number(db: Database) -> int:
    """Return the number of the newest record, or 0 in an empty journal."""
    row: tuple[int] = db.execute("SELECT coalesce(max(number), 0) FROM journal").fetchone()
    return row[0]


def last_date(db: Database) -> datetime | None:
    """Return when the newest record was written, or None in an empty journal."""
    row = db.execute("SELECT recorded_at FROM journal ORDER BY number DESC LIMIT 1").fetchone()
    return None if row is None else instant(row[0])


def touched_at(db: Database) -> datetime | None:
    """Return when a date was last written though there was nothing else to write (`touch`), or None."""
    row = db.execute("SELECT at FROM touched").fetchone() if is_there(db, "touched") else None
    return None if row is None else instant(row[0])


def first_since(db: Database, at: datetime) -> int:
    """Return the number of the first record that was written at an instant or later; 1 past the last if there is none.

    Found by halving: records are written in the order of their dates, but for clocks that were set.
    """
    low, high = 1, last_number(db) + 1
    while low < high:
        middle = (low + high) // 2
        row = db.execute(
            "SELECT recorded_at FROM journal WHERE number >= ? ORDER BY number LIMIT 1", (middle,)
        ).fetchone()
        if row is not None and instant(row[0]) < at:
            low = middle + 1
        else:
            high = middle
    return low


def count(db: Database) -> int:
    """Return how many records there are."""
    row: tuple[int] = db.execute("SELECT count(*) FROM journal").fetchone()
    return row[0]


class _Dated(msgspec.Struct):
    at: Instant


_dated = msgspec.json.Decoder(_Dated)


def _upgrade(old: Database, file: Path) -> None:
    """Copy a journal of version 0 into a new file, batch by batch, and put that in its place when it is whole."""
    half = file.with_name(f"{file.name}.upgrading")
    with contextlib.closing(_half_made(half)) as new:
        mine, theirs = identity(old), identity(new)
        if mine != theirs:  # a fresh one
            new.execute("DELETE FROM journal")
            new.execute("UPDATE identity SET id = ?", (mine,))
        while rows := old.execute(
            "SELECT number, recorded_at, origin, addressee, body FROM journal WHERE number > ? ORDER BY number LIMIT ?",
            (last_number(new), BATCH_MAX),
        ).fetchall():
            new.execute("BEGIN IMMEDIATE")
            new.executemany(
                "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
                ((*row[:4], key(_date_of(row[4]), row[4]), row[4]) for row in rows),
            )
            new.execute("COMMIT")
        new.execute("BEGIN IMMEDIATE")
        new.executemany("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?)", old.execute("SELECT * FROM cursor"))
        saved = old.execute("SELECT number, body FROM snapshot").fetchone()
        new.execute("COMMIT")
        if saved is not None:
            save_snapshot(new, *saved)
    # Only without a WAL can one file take the place of another. Refused while somebody else reads in it.
    old.execute("PRAGMA journal_mode=DELETE")
    old.close()
    half.replace(file)
    settle(file.parent)


def _half_made(half: Path) -> Database:
    try:
        return connect(half)
    except sqlite3.DatabaseError as error:
        damaged = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
        if not isinstance(error, NotOurs) and error.sqlite_errorcode & 0xFF not in damaged:  # by that name it is ours
            raise
        for suffix in ("", "-wal", "-shm"):  # damaged; what it was copied from is not
            half.with_name(half.name + suffix).unlink(missing_ok=True)
        return connect(half)


def _date_of(body: bytes) -> datetime:
    try:
        return _dated.decode(body).at
    except msgspec.DecodeError:
        return EPOCH


_HEADER = b"SQLite format 3\x00"
_PAGE_BYTES_MIN = 512  # of any SQLite file
_LOOKED_AT = 65_536  # bytes of a file that is none


def _refuse_what_is_no_database(file: Path) -> None:
    """Raise `NotOurs` for a file that cannot be a damaged database: a text, or no whole number of pages."""
    try:
        size = file.stat().st_size
        with file.open("rb") as opened:
            begins = opened.read(_LOOKED_AT)
    except OSError:
        return  # not there yet, in memory, or a trouble that SQLite names better
    if not size or begins.startswith(_HEADER) or file.with_name(f"{file.name}-wal").exists():
        return
    if size % _PAGE_BYTES_MIN or b"\x00" not in begins:
        raise NotOurs(f"{file}: no journal, but something else. Nothing was changed. Name another file.")


def _refuse_what_is_no_journal(db: Database, file: Path | str) -> None:
    """Raise `NotOurs` for a database with tables of which none is a journal's."""
    tables = database.tables(db)
    if tables and "journal" not in tables:
        raise NotOurs(f"{file}: no journal, but another database. Nothing was changed. Name another file.")


def _refuse_what_is_not_there(db: Database) -> None:
    if not is_there(db, "journal"):
        raise sqlite3.OperationalError("there is no journal in it")


def _of_older_make(db: Database, file: Path | str) -> bool:
    version = _version(db)
    if version > VERSION:
        raise TooNew(f"{file}: written by a newer version of Nachtwacht (journal {version}, known {VERSION}).")
    return version == 0 and is_there(db, "journal")  # 1 differs in nothing that must be made anew


def _version(db: Database) -> int:
    if database.is_shared(db):
        return VERSION
    row: tuple[int] = db.execute("PRAGMA user_version").fetchone()
    return row[0]


def is_there(db: Database, table: str) -> bool:
    """Whether the journal has a table: one of an older make that is only read may lack some."""
    return table in database.tables(db)
