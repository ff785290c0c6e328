"""What leaves a journal: raw events and what was told in a building, records kept long enough and persons at a centre.

A few records at a time, so that whoever writes waits for no more than that; up to where all has been looked at stands
in the journal (`forgotten`). The newest record never leaves: numbers go on from it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from care import database, journal
from care.accounts import Account
from care.database import Database
from care.packing import instant, key, micros, packed, unpacked
from care.records import Record, decode, encode, tag_of

TURN = 500  # records looked at in one turn

_FUTURE = timedelta(days=1)  # a record dated so far ahead was written while the clock was wrong

_LOOKED_AT = (
    "INSERT INTO forgotten VALUES (?, ?, ?) ON CONFLICT (what) DO UPDATE SET number = excluded.number, recorded_at ="
    " CASE WHEN excluded.recorded_at > forgotten.recorded_at THEN excluded.recorded_at ELSE forgotten.recorded_at END"
)


def forget_raw(db: Database, before: datetime, *, now: datetime, upto: int | None = None, limit: int = TURN) -> int:
    """Take out raw events written before a date, a few at a time; return how many left.

    Raw is what was written here and is nobody else's to have. Nothing leaves that the snapshot does not yet hold, nor
    anything above `upto`, nor the newest record: numbers go on from it.
    """
    row = db.execute("SELECT coalesce(max(number), 0) FROM snapshot").fetchone()
    last = min(row[0], journal.last_number(db) - 1, *([] if upto is None else [upto]))
    floor = _floor(db, "raw")
    rows = db.execute(
        "SELECT number, recorded_at FROM journal WHERE addressee IS NULL AND origin = ''"
        " AND number > ? AND number <= ? ORDER BY number LIMIT ?",
        (floor, last, limit),
    ).fetchall()
    return _take_out(db, "raw", floor, _old(rows, before, now, full=len(rows) == limit))


def forget_told(db: Database, peer: str, before: datetime, *, now: datetime, had: int, limit: int = TURN) -> int:
    """Take out what was told to a peer before a date, up to the number that it has on disk; return how many left."""
    floor = _floor(db, "told")
    rows = db.execute(
        "SELECT number, recorded_at FROM journal"
        " WHERE addressee = ? AND number > ? AND number <= ? ORDER BY number LIMIT ?",
        (peer, floor, min(had, journal.last_number(db) - 1), limit),
    ).fetchall()
    return _take_out(db, "told", floor, _old(rows, before, now, full=len(rows) == limit))


class Gone(NamedTuple):
    """What one turn of forgetting at a centre came to."""

    entries: list[journal.Entry]  # the account of it, written together with it
    more: bool  # whether another turn may find more


def forget_kept(
    db: Database,
    what: str,
    before: datetime,
    *,
    now: datetime,
    leaves: Callable[[Record], bool | None],
    account: Callable[[Counter[str], int], Sequence[Record]],
    limit: int = TURN,
) -> Gone:
    """Take out records of some kinds that were written before a date, a few at a time, with the account of it.

    `leaves` says of a record whether it may go: None if it is none of these kinds, False if it is and must stay for
    now, which is asked again with every turn (of `limit` of those at most). `account` gets how many left of each kind,
    and the number up to which all was looked at. The newest record never leaves:
    numbers go on from it. What left and what is said of it are on disk together, or neither is.
    """
    floor = _floor(db, what)
    newest, late = journal.last_number(db), micros(now + _FUTURE)
    rows = db.execute(
        "SELECT number, recorded_at, body FROM journal WHERE number > ? AND number < ? ORDER BY number LIMIT ?",
        (floor, newest, limit),
    ).fetchall()
    upto, oldest_left, stays = floor, 0, list[int]()
    gone, counted = list[int](), Counter[str]()
    for number, at, body in rows:
        if micros(before) <= at < late:
            break
        upto, oldest_left = number, max(oldest_left, 0 if at >= late else at)
        record = decode(unpacked(body))
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
        record = decode(unpacked(body))
        if leaves(record):
            gone.append(number)
            counted[tag_of(record)] += 1
    with database.transaction(db):
        db.executemany("DELETE FROM journal WHERE number = ?", ((number,) for number in gone))
        db.executemany("DELETE FROM lingering WHERE number = ?", ((number,) for number in gone))
        db.executemany(
            "INSERT INTO lingering VALUES (?, ?) ON CONFLICT DO NOTHING", ((number, what) for number in stays)
        )
        if upto > floor:
            db.execute(_LOOKED_AT, (what, upto, oldest_left))
        entries = journal.insert(db, ((now, record) for record in account(counted, upto)), "") if counted else []
    return Gone(entries, more=len(rows) == limit and upto == rows[-1][0])


def forget_some(
    db: Database,
    asked: int,
    *,
    instead: Callable[[Record, datetime], Record | None],
    needed: Callable[[Record], bool],
    again: bool,
    limit: int = TURN,
) -> int | None:
    """Take out what an order says, a few records at a time; return how many left when all has, else None.

    `asked` is the order's number: what stands before it is looked at. `instead` says of a record and the date it was
    written at what it becomes: itself, another, or None where it leaves; what is `needed` stays as it is, and is
    looked at once more when `again` says so. What left is overwritten, and gone from the log of the file too.
    """
    row = db.execute("SELECT number, gone, kept FROM forgetting WHERE asked = ?", (asked,)).fetchone()
    floor, gone, kept = row if row is not None else (0, 0, 0)
    rows = db.execute(
        "SELECT number, recorded_at, body FROM journal WHERE number > ? AND number < ? ORDER BY number LIMIT ?",
        (floor, asked, limit),
    ).fetchall()
    if not rows:
        if kept and again:
            db.execute("UPDATE forgetting SET number = 0, kept = 0 WHERE asked = ?", (asked,))
        if not kept:
            database.wipe(db)
        return None if kept else int(gone)
    with database.overwriting(db), database.transaction(db):
        for number, at, body in rows:
            record = decode(unpacked(body))
            new = instead(record, instant(at))
            if new is record:
                continue
            if needed(record):
                kept += 1
                continue
            gone += 1
            _put_or_take_out(db, number, new)
        db.execute(
            "INSERT INTO forgetting VALUES (?, ?, ?, ?) ON CONFLICT (asked) DO UPDATE"
            " SET number = excluded.number, gone = excluded.gone, kept = excluded.kept",
            (asked, rows[-1][0], gone, kept),
        )
    return None


def _put_or_take_out(db: Database, number: int, new: Record | None) -> None:
    if new is None or _another_says(db, number, new):
        db.execute("DELETE FROM journal WHERE number = ?", (number,))
    else:
        put_instead(db, number, new)


def _another_says(db: Database, number: int, record: Record) -> bool:
    known = key(record.at, encode(record))
    return db.execute("SELECT 1 FROM journal WHERE key = ? AND number <> ?", (known, number)).fetchone() is not None


def put_instead(db: Database, number: int, record: Record) -> None:
    """Let another record stand under a number: what a person's data became when they were erased. In a transaction."""
    body = encode(record)
    row = db.execute("SELECT origin, addressee FROM journal WHERE number = ?", (number,)).fetchone()
    lies = packed(body) if row == ("", None) else body
    db.execute("UPDATE journal SET key = ?, body = ? WHERE number = ?", (key(record.at, body), lies, number))


def accounts(db: Database) -> list[Account]:
    """Return all that a centre has accounted for, oldest first."""
    rows = db.execute("SELECT body FROM journal WHERE origin = '' AND addressee IS NULL ORDER BY number")
    return [record for (body,) in rows if isinstance(record := decode(unpacked(body)), Account)]


def begins_at(db: Database) -> datetime | None:
    """Return the date up to which raw events have left, or None if the journal begins at its beginning."""
    if not journal.is_there(db, "forgotten"):
        return None  # of an older make, and read only
    row = db.execute("SELECT recorded_at FROM forgotten WHERE what = 'raw' AND recorded_at > 0").fetchone()
    return None if row is None else instant(row[0])


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
        if at >= micros(now + _FUTURE):
            passed.append(number)
        elif at >= micros(before):
            return _Old(numbers, upto, newest)
        else:
            numbers += [*passed, number]
            upto, newest, passed = number, at, []
    if full and not upto:
        upto = rows[-1][0]  # nothing but the future in them: they stay, so that the rest can go
    return _Old(numbers, upto, newest)


def _floor(db: Database, what: str) -> int:
    row = db.execute("SELECT number FROM forgotten WHERE what = ?", (what,)).fetchone()
    return 0 if row is None else int(row[0])


def _take_out(db: Database, what: str, floor: int, old: _Old) -> int:
    if old.upto <= floor:
        return 0
    with database.transaction(db):
        db.executemany("DELETE FROM journal WHERE number = ?", ((number,) for number in old.numbers))
        db.execute(_LOOKED_AT, (what, old.upto, old.newest))
    return len(old.numbers)
