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
import hashlib
import secrets
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from care.accounts import Account
from care.files import settle
from care.records import Record, addressee, decode, encode, tag_of
from detectors.homes import Instant

BATCH_MAX = 10_000
FORGET_MAX = 500  # records looked at in one turn of forgetting
VERSION = 2  # in `user_version`; 0 had `body UNIQUE` and no `key`, and 1 no bodies that are packed

_PAGE_BYTES = 1024
_WAL_PAGES = 4_000  # after so many the WAL is copied into the file: the last pages of each tree once, not each time
_WAL_BYTES_MAX = 16_000_000  # a WAL that grew beyond this (an upgrade, a reader that stayed) is cut off again
_FUTURE = timedelta(days=1)  # a record dated so far ahead was written while the clock was wrong

# No AUTOINCREMENT, which would write one more page at each commit: numbers never come again all the same, for the
# newest record never leaves.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (
    number INTEGER PRIMARY KEY,
    recorded_at INTEGER NOT NULL,  -- microseconds since 1970, UTC
    origin TEXT NOT NULL,          -- '' if written here, else the peer it came from
    addressee TEXT,                -- the peer that must have it too
    key BLOB UNIQUE,               -- of what the record says: see `_key`
    body BLOB NOT NULL             -- JSON; packed, where nobody else is to have it: see `_packed`
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
    db.execute("BEGIN IMMEDIATE")
    try:
        written = _insert(db, dated, origin)
        if cursor is not None:
            db.execute(_MOVE_CURSOR, (origin, *cursor))
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return written


def _insert(db: sqlite3.Connection, dated: Iterable[tuple[datetime, Record]], origin: str) -> list[Entry]:
    written: list[Entry] = []
    for at, record in dated:
        body = encode(record)
        to = None if origin else addressee(record)
        packed = body if origin or to is not None else _packed(body)
        row = (_micros(at), origin, to, _key(record.at, body), packed)
        number = db.execute(_INSERT, row).fetchone()
        if number is not None:
            written.append(Entry(number[0], at, origin, record))
    return written


def holds(db: sqlite3.Connection, record: Record) -> bool:
    """Whether a record is there already: a broker sends again whatever it is not sure that we had."""
    key = _key(record.at, encode(record))
    return db.execute("SELECT 1 FROM journal WHERE key = ?", (key,)).fetchone() is not None


def read_after(db: sqlite3.Connection, number: int, *, limit: int = BATCH_MAX) -> list[Entry]:
    """Return up to `limit` entries after a number, in order."""
    rows = db.execute(
        "SELECT number, recorded_at, origin, body FROM journal WHERE number > ? ORDER BY number LIMIT ?",
        (number, limit),
    )
    return [Entry(n, _instant(at), origin, decode(_unpacked(body))) for n, at, origin, body in rows]


def read_from(db: sqlite3.Connection, origin: str, number: int = 0, *, limit: int = BATCH_MAX) -> list[Entry]:
    """Return up to `limit` entries that came from another party, after a number, in order."""
    rows = db.execute(
        "SELECT number, recorded_at, origin, body FROM journal WHERE origin = ? AND number > ? ORDER BY number LIMIT ?",
        (origin, number, limit),
    )
    return [Entry(n, _instant(at), came_from, decode(_unpacked(body))) for n, at, came_from, body in rows]


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


def note_had(db: sqlite3.Connection, peer: str, number: int) -> None:
    """Keep up to which number a peer has said that it has everything on disk, for whoever starts after us."""
    db.execute("INSERT OR REPLACE INTO had VALUES (?, ?)", (peer, number))


def had(db: sqlite3.Connection, peer: str) -> int:
    """Return up to which number a peer was last noted to have everything on disk, or 0."""
    row: tuple[int] | None = db.execute("SELECT number FROM had WHERE peer = ?", (peer,)).fetchone()
    return 0 if row is None else row[0]


def touch(db: sqlite3.Connection, at: datetime) -> None:
    """Write a date, and nothing else: whether the disk still takes what is written, only writing shows."""
    db.execute("INSERT OR REPLACE INTO touched VALUES (1, ?)", (_micros(at),))


def save_snapshot(db: sqlite3.Connection, number: int, body: bytes) -> None:
    """Keep what was remembered after the record of this number, in place of what was kept before."""
    db.execute("INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?)", (number, zlib.compress(body, 1)))


def load_snapshot(db: sqlite3.Connection) -> tuple[int, bytes] | None:
    """Return the number and the body that were last saved, or None. Raises `sqlite3.DatabaseError` if it is damaged."""
    row: tuple[int, bytes] | None = db.execute("SELECT number, body FROM snapshot").fetchone()
    if row is None or _version(db) == 0:  # of an older make, and read only
        return row
    try:
        return row[0], zlib.decompress(row[1])
    except zlib.error as error:
        raise _damaged(f"the snapshot is damaged: {error}") from error


def forget(
    db: sqlite3.Connection, before: datetime, *, now: datetime, upto: int | None = None, limit: int = FORGET_MAX
) -> int:
    """Take out raw events written before a date, a few at a time; return how many left.

    Raw is what was written here and is nobody else's to have. Nothing leaves that the snapshot does not yet hold, nor
    anything above `upto`, nor the newest record: numbers go on from it.
    """
    row = db.execute("SELECT coalesce(max(number), 0) FROM snapshot").fetchone()
    last = min(row[0], last_number(db) - 1, *([] if upto is None else [upto]))
    floor = _floor(db, "raw")
    rows = db.execute(
        "SELECT number, recorded_at FROM journal WHERE addressee IS NULL AND origin = ''"
        " AND number > ? AND number <= ? ORDER BY number LIMIT ?",
        (floor, last, limit),
    ).fetchall()
    return _take_out(db, "raw", floor, _old(rows, before, now, full=len(rows) == limit))


def forget_told(
    db: sqlite3.Connection, peer: str, before: datetime, *, now: datetime, had: int, limit: int = FORGET_MAX
) -> int:
    """Take out what was told to a peer before a date, up to the number that it has on disk; return how many left."""
    floor = _floor(db, "told")
    rows = db.execute(
        "SELECT number, recorded_at FROM journal"
        " WHERE addressee = ? AND number > ? AND number <= ? ORDER BY number LIMIT ?",
        (peer, floor, min(had, last_number(db) - 1), limit),
    ).fetchall()
    return _take_out(db, "told", floor, _old(rows, before, now, full=len(rows) == limit))


class Gone(NamedTuple):
    """What one turn of forgetting at a centre came to."""

    entries: list[Entry]  # the account of it, written together with it
    more: bool  # whether another turn may find more


def forget_kept(
    db: sqlite3.Connection,
    what: str,
    before: datetime,
    *,
    now: datetime,
    leaves: Callable[[Record], bool | None],
    account: Callable[[Counter[str], int], Sequence[Record]],
    limit: int = FORGET_MAX,
) -> Gone:
    """Take out records of some kinds that were written before a date, a few at a time, with the account of it.

    `leaves` says of a record whether it may go: None if it is none of these kinds, False if it is and must stay for
    now, which is asked again with every turn (of `limit` of those at most). `account` gets how many left of each kind,
    and the number up to which all was looked at. The newest record never leaves:
    numbers go on from it. What left and what is said of it are on disk together, or neither is.
    """
    floor = _floor(db, what)
    newest, late = last_number(db), _micros(now + _FUTURE)
    rows = db.execute(
        "SELECT number, recorded_at, body FROM journal WHERE number > ? AND number < ? ORDER BY number LIMIT ?",
        (floor, newest, limit),
    ).fetchall()
    upto, oldest_left, stays = floor, 0, list[int]()
    gone, counted = list[int](), Counter[str]()
    for number, at, body in rows:
        if _micros(before) <= at < late:
            break
        upto, oldest_left = number, max(oldest_left, 0 if at >= late else at)
        record = decode(_unpacked(body))
        may = leaves(record) if at < late else None
        if may:
            gone.append(number)
            counted[tag_of(record)] += 1
        elif may is False:
            stays.append(number)
    again = db.execute(
        "SELECT number, body FROM lingering JOIN journal USING (number) WHERE what = ? ORDER BY number LIMIT ?",
        (what, limit),
    ).fetchall()
    for number, body in again:
        record = decode(_unpacked(body))
        if leaves(record):
            gone.append(number)
            counted[tag_of(record)] += 1
    db.execute("BEGIN IMMEDIATE")
    try:
        db.executemany("DELETE FROM journal WHERE number = ?", ((number,) for number in gone))
        db.executemany("DELETE FROM lingering WHERE number = ?", ((number,) for number in gone))
        db.executemany("INSERT OR IGNORE INTO lingering VALUES (?, ?)", ((number, what) for number in stays))
        if upto > floor:
            db.execute(
                "INSERT INTO forgotten VALUES (?, ?, ?) ON CONFLICT (what) DO UPDATE"
                " SET number = excluded.number, recorded_at = max(recorded_at, excluded.recorded_at)",
                (what, upto, oldest_left),
            )
        entries = _insert(db, ((now, record) for record in account(counted, upto)), "") if counted else []
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return Gone(entries, more=len(rows) == limit and upto == rows[-1][0])


def put_instead(db: sqlite3.Connection, number: int, record: Record) -> None:
    """Let another record stand under a number: what a person's data became when they were erased. In a transaction."""
    body = encode(record)
    row = db.execute("SELECT origin, addressee FROM journal WHERE number = ?", (number,)).fetchone()
    packed = _packed(body) if row == ("", None) else body
    db.execute("UPDATE journal SET key = ?, body = ? WHERE number = ?", (_key(record.at, body), packed, number))


def put(db: sqlite3.Connection, record: Record, at: datetime) -> None:
    """Write a record of our own in a transaction that is open already."""
    _insert(db, [(at, record)], "")


def accounts(db: sqlite3.Connection) -> list[Account]:
    """Return all that a centre has accounted for, oldest first."""
    rows = db.execute("SELECT body FROM journal WHERE origin = '' AND addressee IS NULL ORDER BY number")
    return [record for (body,) in rows if isinstance(record := decode(_unpacked(body)), Account)]


def begins_at(db: sqlite3.Connection) -> datetime | None:
    """Return the date up to which raw events have left, or None if the journal begins at its beginning."""
    if not _is_there(db, "forgotten"):
        return None  # of an older make, and read only
    row = db.execute("SELECT recorded_at FROM forgotten WHERE what = 'raw' AND recorded_at > 0").fetchone()
    return None if row is None else _instant(row[0])


def copy_to(db: sqlite3.Connection, file: Path) -> None:
    """Write the journal as it is at this moment into one file, whoever is writing in it meanwhile."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as copy:
        db.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a WAL beside it


def renew(db: sqlite3.Connection) -> None:
    """Give a restored copy an identity of its own: from here on its numbers are not those of the original."""
    db.execute("UPDATE identity SET id = ?", (secrets.token_hex(8),))


def last_number(db: sqlite3.Connection) -> int:
    """Return the number of the newest record, or 0 in an empty journal."""
    row: tuple[int] = db.execute("SELECT coalesce(max(number), 0) FROM journal").fetchone()
    return row[0]


def last_date(db: sqlite3.Connection) -> datetime | None:
    """Return when the newest record was written, or None in an empty journal."""
    row = db.execute("SELECT recorded_at FROM journal ORDER BY number DESC LIMIT 1").fetchone()
    return None if row is None else _instant(row[0])


def touched_at(db: sqlite3.Connection) -> datetime | None:
    """Return when a date was last written though there was nothing else to write (`touch`), or None."""
    row = db.execute("SELECT at FROM touched").fetchone() if _is_there(db, "touched") else None
    return None if row is None else _instant(row[0])


def first_since(db: sqlite3.Connection, at: datetime) -> int:
    """Return the number of the first record that was written at an instant or later; 1 past the last if there is none.

    Found by halving: records are written in the order of their dates, but for clocks that were set.
    """
    low, high = 1, last_number(db) + 1
    while low < high:
        middle = (low + high) // 2
        row = db.execute(
            "SELECT recorded_at FROM journal WHERE number >= ? ORDER BY number LIMIT 1", (middle,)
        ).fetchone()
        if row is not None and _instant(row[0]) < at:
            low = middle + 1
        else:
            high = middle
    return low


def count(db: sqlite3.Connection) -> int:
    """Return how many records there are."""
    row: tuple[int] = db.execute("SELECT count(*) FROM journal").fetchone()
    return row[0]


class _Dated(msgspec.Struct):
    at: Instant


_dated = msgspec.json.Decoder(_Dated)


def _key(at: datetime, body: bytes) -> bytes:
    """Return what a record is known by: 6 bytes of its date, in milliseconds, and 10 of a hash of what it says."""
    ms = min(max((at - _EPOCH) // timedelta(milliseconds=1), 0), 2**48 - 1)
    return ms.to_bytes(6, "big") + hashlib.blake2b(body, digest_size=10).digest()


_PACKED = b"\x01"  # begins a body packed with `_WORDS`; JSON begins with a brace
_WORDS = (
    b'{"type":"unreadable","topic":"zigbee2mqtt/","trouble":"unknown-sensor","why":"The plan has no sensor '
    b'{"type":"sight","seen":true,"reason":"bridge+availability","seen":false,"reason":"check-in"}'
    b',"origin":"undated"},"origin":"replay"},"origin":"retained"},"kind":"use","kind":"button","room":"'
    b'entrance","room":"bedroom","room":"living-room","room":"kitchen","room":"bathroom","room":"hall","room":"'
    b'gang","room":"toilet","room":"hal","room":"slaapkamer","room":"woonkamer","room":"keuken","room":"badkamer",'
    b'"kind":"door","value":0.0}"kind":"bed","value":1.0}"kind":"motion","value":0.0}'
    b'{"type":"sensor","at":"2026-11-24T00:00:00.000000Z","home":"wilg/12","sensor":"12/badkamer","room":"badkamer",'
    b'"kind":"motion","value":1.0}'
)
"""What raw events are made of, the most usual last. Never to be changed: what is packed is read with it. Of an event
of 135 bytes 45 are left, and of all that is written for it half."""


def _packed(body: bytes) -> bytes:
    packing = zlib.compressobj(6, zlib.DEFLATED, -12, zdict=_WORDS)
    return _PACKED + packing.compress(body) + packing.flush()


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(_PACKED):
        return body
    unpacking = zlib.decompressobj(-12, zdict=_WORDS)
    try:
        return unpacking.decompress(body[1:]) + unpacking.flush()
    except zlib.error as error:
        raise _damaged(f"a record is damaged: {error}") from error


def _damaged(why: str) -> sqlite3.DatabaseError:
    """Say of what SQLite takes no notice of what it says itself of a file that is damaged."""
    damaged = sqlite3.DatabaseError(why)
    damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT  # to whoever tells a damaged journal from a full disk
    return damaged


class _Old(NamedTuple):
    numbers: list[int]  # of the records that leave
    upto: int  # everything up to here has been looked at; 0: nothing
    newest: int  # when the newest of them was written


def _old(rows: Sequence[tuple[int, int]], before: datetime, now: datetime, *, full: bool) -> _Old:
    """Return which of these records are old enough to leave: in order, up to the first that is not.

    One dated in the future does not stop it: it was written between others, and leaves with those that follow it.
    """
    numbers, passed, upto, newest = list[int](), list[int](), 0, 0
    for number, at in rows:
        if at >= _micros(now + _FUTURE):
            passed.append(number)
        elif at >= _micros(before):
            return _Old(numbers, upto, newest)
        else:
            numbers += [*passed, number]
            upto, newest, passed = number, at, []
    if full and not upto:
        upto = rows[-1][0]  # nothing but the future in them: they stay, so that the rest can go
    return _Old(numbers, upto, newest)


def _floor(db: sqlite3.Connection, what: str) -> int:
    row = db.execute("SELECT number FROM forgotten WHERE what = ?", (what,)).fetchone()
    return 0 if row is None else int(row[0])


def _take_out(db: sqlite3.Connection, what: str, floor: int, old: _Old) -> int:
    if old.upto <= floor:
        return 0
    db.execute("BEGIN IMMEDIATE")
    try:
        db.executemany("DELETE FROM journal WHERE number = ?", ((number,) for number in old.numbers))
        db.execute(
            "INSERT INTO forgotten VALUES (?, ?, ?) ON CONFLICT (what) DO UPDATE"
            " SET number = excluded.number, recorded_at = max(recorded_at, excluded.recorded_at)",
            (what, old.upto, old.newest),
        )
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return len(old.numbers)


def _upgrade(old: sqlite3.Connection, file: Path) -> None:
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
                ((*row[:4], _key(_date_of(row[4]), row[4]), row[4]) for row in rows),
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


def _half_made(half: Path) -> sqlite3.Connection:
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
        return _EPOCH


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


def _refuse_what_is_no_journal(db: sqlite3.Connection, file: Path | str) -> None:
    """Raise `NotOurs` for a database with tables of which none is a journal's."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "journal" not in tables:
        raise NotOurs(f"{file}: no journal, but another database. Nothing was changed. Name another file.")


def _of_older_make(db: sqlite3.Connection, file: Path | str) -> bool:
    version = _version(db)
    if version > VERSION:
        raise TooNew(f"{file}: written by a newer version of Nachtwacht (journal {version}, known {VERSION}).")
    return version == 0 and _is_there(db, "journal")  # 1 differs in nothing that must be made anew


def _version(db: sqlite3.Connection) -> int:
    row: tuple[int] = db.execute("PRAGMA user_version").fetchone()
    return row[0]


def _is_there(db: sqlite3.Connection, table: str) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
