"""A centre moved from its files into PostgreSQL: all of it and the same, or nothing that looks like a centre.

While it is under way its tables stand in schemas of another name (`journal_moving`), so that no desk finds half of one.
What a record is known by, its number and the identity of the journal stay what they were: to buildings, and to
whoever follows the journal, nothing has happened. Stopped half-way, it goes on where it was when it is asked again. At
the end both sides are read and compared, and then all schemas get their names at once. The files stay as they are.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from care import database, journal, postgres
from care.database import Address, Database, Where, shown
from dashboard import access_log, people

BATCH = 10_000  # rows in one transaction, and in one answer
_MOVING = "_moving"  # ends the names of the schemas meanwhile
_OF_A_NEW_ONE = {("journal", "identity"), ("people", "organisation")}  # in which a centre has one row from the start
_MAKE = "version"  # a table that says of which make a store is; a file says it without one

Tell = Callable[[int, int], None]  # how many rows are copied or compared, of how many


class CannotMove(Exception):
    """It was not begun, or stopped: a sentence."""


class Differs(Exception):
    """The two sides are not the same: a sentence with every table that differs."""


class Part(NamedTuple):
    """One store of a centre."""

    schema: str  # in PostgreSQL
    version: int  # of a file of today's make
    at: Callable[[Where], Database]


PARTS = (
    Part(journal.STORE, journal.VERSION, journal.at),
    Part(people.STORE, people.VERSION, people.at),
    Part(access_log.STORE, 0, access_log.at),  # whose files say nothing of their make
)


@dataclass(frozen=True, slots=True)
class Files:
    """Where a centre lies that is to be moved."""

    journal: Path
    people: Path

    def of(self, part: Part) -> Path:
        """Return the file of one of its stores."""
        match part.schema:
            case people.STORE:
                return self.people
            case access_log.STORE:
                return Path(access_log.beside(self.people))
        return self.journal


def move(files: Files, to: Address, *, anew: bool = False, tell: Tell = lambda *_: None) -> str:
    """Copy a centre into an empty database, or go on with it, and compare; return in a sentence what was found alike.

    `anew` throws away what a move that was stopped has left there. Raises `CannotMove`, and `Differs` when what came
    there is not what is here: then it is no centre yet.
    """
    with _sources(files) as sources, _guard(to) as guard:
        if anew:
            _throw_away(guard, to)
        _begin(guard, to, sources[PARTS[0]])
        with ExitStack() as opened:
            targets = {part: opened.enter_context(closing(_there(to, part, _MOVING))) for part in PARTS}
            for part, source in sources.items():
                _refuse_another_make(files.of(part), source, targets[part])
            count = _Count(tell, 3 * sum(map(_size, sources.values())))  # copied, and read once more on both sides
            for part, source in sources.items():
                _copy(part, source, targets[part], count)
            said = _compared(sources, targets, count)
            _finish(guard, targets)
    return said


def check(files: Files, to: Address, *, tell: Tell = lambda *_: None) -> str:
    """Compare a centre with what was made of it, and change nothing; return in a sentence what was found alike.

    Raises `CannotMove` where there is nothing to compare, and `Differs`.
    """
    with _sources(files) as sources, _guard(to) as guard, ExitStack() as opened:
        if not _schemas(guard, ""):
            half = " A move was stopped there: ask for it again, and it goes on." if _schemas(guard, _MOVING) else ""
            raise CannotMove(f"There is no centre in {shown(to)}.{half}")
        targets = {part: opened.enter_context(closing(_there(to, part, "", read_only=True))) for part in PARTS}
        return _compared(sources, targets, _Count(tell, 2 * sum(map(_size, sources.values()))))


# Who takes part.


@contextmanager
def _sources(files: Files) -> Iterator[dict[Part, Database]]:
    """Open the stores as they are, of today's make, and used by nobody else."""
    with ExitStack() as opened:
        yield {part: opened.enter_context(closing(_opened(files.of(part), part))) for part in PARTS}


def _opened(file: Path, part: Part) -> Database:
    if not file.exists():
        raise CannotMove(f"There is no {file}. Name the files that the desk runs with.")
    try:
        db = sqlite3.connect(f"{file.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None)
        try:
            _refuse_version(file, database.version(db), part.version)
            database.alone(db)
        except BaseException:
            db.close()
            raise
    except sqlite3.OperationalError as error:
        raise CannotMove(f"The desk runs, or something else uses {file} ({error}). Stop it first.") from error
    except sqlite3.Error as error:
        raise CannotMove(f"Cannot read {file}: {error}.") from error
    return db


def _refuse_version(file: Path, version: int, todays: int) -> None:
    if version > todays:
        raise CannotMove(f"{file} was written by a newer version of Nachtwacht. Move it with that one.")
    if version < todays:
        raise CannotMove(_older(file))


def _older(file: Path) -> str:
    return f"{file} is of an older make. Run this version's desk with it once, stop it again, and then move it."


def _refuse_another_make(file: Path, source: Database, target: Database) -> None:
    """Raise `CannotMove` unless both have the same tables with the same columns."""
    ours, theirs = ({name: {*database.columns(db, name)} for name in _tables(db)} for db in (source, target))
    if any(not columns <= ours.get(name, set()) for name, columns in theirs.items()):
        raise CannotMove(_older(file))
    unknown = sorted(name for name in ours if ours[name] != theirs.get(name))
    if unknown:
        raise CannotMove(
            f"{file} holds what this version does not know ({', '.join(unknown)}). Move it with a newer one."
        )


@contextmanager
def _guard(to: Address) -> Iterator[Database]:
    """Be alone with a database: no desk runs there, nor begins to, and nobody else moves into it."""
    try:
        db = database.shared(to, journal.STORE, read_only=True)
    except sqlite3.Error as error:
        raise CannotMove(f"Cannot use {shown(to)}: {error}.") from error
    with closing(db):
        try:
            database.alone(db)
        except sqlite3.OperationalError as error:
            raise CannotMove(f"{shown(to)}: {error}. Stop it first.") from error
        yield db


def _there(to: Address, part: Part, ending: str, *, read_only: bool = False) -> Database:
    return database.shared(to, part.schema + ending, read_only=read_only)


def _schemas(guard: Database, ending: str) -> set[str]:
    return postgres.schemas(guard, [part.schema + ending for part in PARTS])


# From the beginning to the end.


def _begin(guard: Database, to: Address, book: Database) -> None:
    """Make empty stores under their other names, for this journal; or find them there, to go on with."""
    mine, half = journal.identity(book), _schemas(guard, _MOVING)
    if half and len(half) < len(PARTS):
        raise CannotMove(f"{shown(to)} holds {', '.join(sorted(half))}, and not what belongs to it. Say --anew.")
    if half:
        with closing(_there(to, PARTS[0], _MOVING)) as begun:
            if journal.identity(begun) != mine:
                raise CannotMove(f"{shown(to)} holds half of another centre. Say --anew to throw that away.")
    _refuse_what_is_there(guard, to, mine)
    if half:
        return
    for part in PARTS:
        part.at(to).close()
    with closing(_there(to, PARTS[0], "")) as made, database.transaction(made):
        made.execute("UPDATE identity SET id = ?", (mine,))
        for part in PARTS:
            postgres.rename(made, part.schema, part.schema + _MOVING)


def _refuse_what_is_there(guard: Database, to: Address, mine: str) -> None:
    """Raise `CannotMove` if stores are there that hold anything."""
    names = _schemas(guard, "")
    for part in PARTS:
        if part.schema not in names:
            continue
        with closing(_there(to, part, "", read_only=True)) as db:
            full = [table for table in _tables(db) if _rows_in(db, table) > ((part.schema, table) in _OF_A_NEW_ONE)]
            if part is PARTS[0] and full and journal.identity(db) == mine:
                raise CannotMove(f"It was moved to {shown(to)} already. Say --check to compare.")
        if full:
            raise CannotMove(f"{shown(to)} is not empty: {part.schema} has rows in {full[0]}. Name an empty database.")


def _throw_away(guard: Database, to: Address) -> None:
    half = _schemas(guard, _MOVING)
    if half:
        with closing(database.shared(to, min(half))) as db, database.transaction(db):
            for name in sorted(half):
                postgres.drop(db, name)


def _finish(guard: Database, targets: dict[Part, Database]) -> None:
    """Let the stores be a centre: their numbers go on, and all get their names at once."""
    try:
        guard.execute("SELECT 1")  # after a broken connection nobody knows who else came
        for db in targets.values():
            for table in _tables(db):
                postgres.go_on(db, table)
        db = targets[PARTS[0]]
        with database.transaction(db):
            for name in _schemas(guard, ""):  # empty ones, that a command made meanwhile
                postgres.drop(db, name)
            for part in PARTS:
                postgres.rename(db, part.schema + _MOVING, part.schema)
    except sqlite3.Error as error:
        raise CannotMove(f"It is all there, and not a centre yet: {error}. Ask again.") from error


# The copy.


class _Count:
    """How far it is, told on the way."""

    def __init__(self, tell: Tell, of: int) -> None:
        self._tell, self._of, self._done = tell, of, 0

    def add(self, rows: int) -> None:
        self._done += rows
        self._tell(min(self._done, self._of), self._of)


def _copy(part: Part, source: Database, target: Database, count: _Count) -> None:
    """Copy every table: what is numbered from where it was, some rows at a time, and all else from its beginning."""
    parents = {name: {*database.parents(source, name)} - {name} for name in _tables(source)}
    tables = [*TopologicalSorter(parents).static_order()]
    numbered = [name for name in tables if database.key(target, name) == ["number"]]
    whole = [name for name in tables if name not in numbered]
    try:
        with database.transaction(target):
            for name in reversed(whole):
                target.execute(f'DELETE FROM "{name}"')  # noqa: S608  # names of the store's own
            for name in whole:
                _copy_whole(name, source, target, count)
        for name in numbered:
            _copy_on(name, source, target, count)
    except sqlite3.Error as error:
        raise CannotMove(f"It stopped in the store {part.schema}: {error}. Ask again, and it goes on.") from error


def _copy_whole(table: str, source: Database, target: Database, count: _Count) -> None:
    names = _names(target, table)
    for batch in _batches(source.execute(f'SELECT {names} FROM "{table}"')):  # noqa: S608
        _put(target, table, names, batch)
        count.add(len(batch))


def _copy_on(table: str, source: Database, target: Database, count: _Count) -> None:
    names = _names(target, table)
    count.add(_rows_in(target, table))
    (had,) = target.execute(f'SELECT coalesce(max(number), 0) FROM "{table}"').fetchone()  # noqa: S608
    rows = source.execute(f'SELECT {names} FROM "{table}" WHERE number > ? ORDER BY number', (had,))  # noqa: S608
    for batch in _batches(rows):
        with database.transaction(target):
            _put(target, table, names, batch)
        count.add(len(batch))


def _put(target: Database, table: str, names: str, batch: list[tuple[object, ...]]) -> None:
    marks = ", ".join("?" * len(batch[0]))
    target.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', batch)  # noqa: S608


def _names(db: Database, table: str) -> str:
    return ", ".join(f'"{name}"' for name in database.columns(db, table))


def _batches(rows: Iterable[tuple[object, ...]]) -> Iterator[list[tuple[object, ...]]]:
    going = iter(rows)
    while batch := list(islice(going, BATCH)):
        yield batch


def _tables(db: Database) -> list[str]:
    return [name for name in database.tables(db) if name != _MAKE]


def _size(db: Database) -> int:
    return sum(_rows_in(db, table) for table in _tables(db))


def _rows_in(db: Database, table: str) -> int:
    row: tuple[int] = db.execute(f'SELECT count(*) FROM "{table}"').fetchone()  # noqa: S608
    return row[0]


# Whether both sides are the same.


class _Seen(NamedTuple):
    """What a table holds, in whatever order it is read."""

    rows: int
    digest: int  # the sum of those of its rows: the same row twice counts twice


def _compared(sources: dict[Part, Database], targets: dict[Part, Database], count: _Count) -> str:
    alike, wrong, whole = [], [], hashlib.blake2b(digest_size=8)
    for part, source in sources.items():
        target, rows = targets[part], 0
        for table in sorted({*_tables(source), *_tables(target)}):
            names = _names(target, table) or _names(source, table)
            here, there = _seen(source, table, names, count), _seen(target, table, names, count)
            rows += here.rows
            whole.update(f"{part.schema}.{table} {here.rows} {here.digest}\n".encode())
            if here.rows != there.rows:
                wrong.append(f"{part.schema}.{table} (here {here.rows} rows, there {there.rows})")
            elif here != there:
                wrong.append(f"{part.schema}.{table} (other rows)")
        alike.append(f"{part.schema} {rows} rows")
    if wrong:
        raise Differs(f"Not the same: {', '.join(wrong)}.")
    return f"The same on both sides, row by row: {', '.join(alike)}; digest {whole.hexdigest()}."


def _seen(db: Database, table: str, names: str, count: _Count) -> _Seen:
    seen = _Seen(0, 0)
    if table in _tables(db):
        for batch in _read(db, table, names):
            digests = (hashlib.blake2b(_told(row), digest_size=16).digest() for row in batch)
            total = sum(int.from_bytes(one, "big") for one in digests)
            seen = _Seen(seen.rows + len(batch), (seen.digest + total) % 2**128)
            count.add(len(batch))
    return seen


def _told(row: tuple[object, ...]) -> bytes:
    """Return a row as both sides can have it: in PostgreSQL no text holds a NUL (see `care.postgres`)."""
    return msgspec.msgpack.encode([one.replace("\x00", "\ufffd") if isinstance(one, str) else one for one in row])


def _read(db: Database, table: str, names: str) -> Iterator[list[tuple[object, ...]]]:
    """Yield all rows of a table, some at a time: PostgreSQL's driver would take all of them into memory."""
    key = database.key(db, table)
    if not database.is_shared(db) or not key:
        yield from _batches(db.execute(f'SELECT {names} FROM "{table}"'))  # noqa: S608  # names of the store's own
        return
    order = ", ".join(f'"{name}"' for name in key)
    question = f'SELECT {order}, {names} FROM "{table}"'  # noqa: S608
    after, last = "", ()
    while batch := db.execute(f"{question} {after} ORDER BY {order} LIMIT {BATCH}", last).fetchall():
        yield [row[len(key) :] for row in batch]
        after, last = f"WHERE ({order}) > ({', '.join('?' * len(key))})", batch[-1][: len(key)]
