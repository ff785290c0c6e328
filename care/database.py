"""A store: tables in one SQLite file, or in one schema of a PostgreSQL database, asked in the same words.

What is common to both is said in SQLite's: `?` for a value, `BEGIN IMMEDIATE` for a transaction in which nobody else
writes, and failures that are `sqlite3.Error` (its classes are those of PEP 249, and PostgreSQL's failures come as
them). SQL that only one of them knows stands here and in `care.postgres`, and nowhere else.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NewType, Protocol

Address = NewType("Address", str)  # of a PostgreSQL database: "postgresql://user@host/name"; what is secret in it stays

Where = Path | Address

Values = Sequence[Any] | Mapping[str, Any]  # for each `?` in turn, or for each `:name`

_VIEW = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_ALONE_WITHIN_MS = 500  # that somebody who is just leaving may take

_SCHEMES = ("postgresql://", "postgres://")
_LIKE = "postgresql://USER@HOST/NAME"


class Rows(Protocol):
    """What a question gave."""

    @property
    def rowcount(self) -> int: ...
    @property
    def description(self) -> Any: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Database(Protocol):
    """A connection to a store; every call raises `sqlite3.Error` when the store will not."""

    def execute(self, sql: str, values: Values = (), /) -> Rows: ...
    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Rows: ...
    def close(self) -> None: ...


def where(text: str) -> Where:
    """Return where a store lies, as people write it: a file, or the address of a PostgreSQL database.

    Raises `ValueError` with a sentence for an address of something else, or one that cannot be read for sure.

    >>> where("centre.db"), where("postgresql://desk@db/nachtwacht")
    (PosixPath('centre.db'), 'postgresql://desk@db/nachtwacht')
    """
    scheme, colon, rest = text.partition("://")
    if not colon:
        return Path(text)
    if not text.startswith(_SCHEMES):
        raise ValueError(f"An address that begins with {scheme}:// is no store's: write a file, or {_LIKE}.")
    before, _, after = rest.partition("@")
    if "@" in after or ("@" in rest and any(letter in before for letter in "/?#")):  # what is secret is not repeated
        raise ValueError(f"In the password of an address, write @ as %40, / as %2F, ? as %3F and # as %23: {_LIKE}.")
    return Address(text)


def shown(place: Where) -> str:
    """Return what may be said of where a store lies: no password.

    >>> shown(where("postgresql://desk:secret@db:5433/nachtwacht?sslmode=verify-full")), shown(where("centre.db"))
    ('postgresql://desk@db:5433/nachtwacht', 'centre.db')
    """
    text = str(place)
    if not text.startswith(_SCHEMES):
        return text
    scheme, _, rest = text.partition("://")
    authority, slash, name = rest.partition("?")[0].partition("/")
    user, at, host = authority.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}{at}{host}{slash}{name}"


def shared(address: Address, schema: str, *, read_only: bool = False) -> Database:
    """Connect to a store in PostgreSQL; its schema is made if it is not there, unless it is only to be read.

    Raises `sqlite3.Error`.
    """
    from care import postgres  # what a building never installs

    return postgres.Connection(address, schema, read_only=read_only)


def beside(db: Database) -> Callable[[], Database]:
    """Return what opens a further connection to the same store, only to read by, in whichever thread it is called.

    It raises `sqlite3.Error`.
    """
    if not isinstance(db, sqlite3.Connection):
        from care import postgres  # what a building never installs

        return postgres.beside(db)
    name: str = db.execute("PRAGMA database_list").fetchone()[2]
    address = f"{Path(name).resolve().as_uri()}?mode=ro"
    return lambda: sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)


def is_shared(db: Database) -> bool:
    """Whether others may write beside us: a store in PostgreSQL, in which several desks run."""
    return not isinstance(db, sqlite3.Connection)


@contextmanager
def transaction(db: Database) -> Iterator[None]:
    """Write what is inside all of it, or nothing; nobody else writes meanwhile."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def make(db: Database, schema: str) -> None:
    """Make tables and indexes that are not there, from their definition in SQLite's words."""
    if isinstance(db, sqlite3.Connection):
        db.executescript(schema)
    else:
        from care import postgres  # what a building never installs

        postgres.make(db, schema)


def tables(db: Database) -> list[str]:
    """Return the names of the tables, in their order."""
    if isinstance(db, sqlite3.Connection):
        question = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    else:
        question = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
    return [name for (name,) in db.execute(question)]


def columns(db: Database, table: str) -> list[str]:
    """Return the names of a table's columns, as they stand; empty where there is no such table."""
    if isinstance(db, sqlite3.Connection):
        return [row[1] for row in db.execute("SELECT * FROM pragma_table_info(?)", (table,))]
    rows = db.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?"
        " ORDER BY ordinal_position",
        (table,),
    )
    return [name for (name,) in rows]


def key(db: Database, table: str) -> list[str]:
    """Return the names of the columns by which a row of a table is known, in their order; empty if there are none."""
    if isinstance(db, sqlite3.Connection):
        question = "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk"
    else:
        question = (
            "SELECT column_name FROM information_schema.key_column_usage NATURAL JOIN"
            " information_schema.table_constraints WHERE constraint_type = 'PRIMARY KEY'"
            " AND table_schema = current_schema() AND table_name = ? ORDER BY ordinal_position"
        )
    return [name for (name,) in db.execute(question, (table,))]


def parents(db: Database, table: str) -> list[str]:
    """Return the tables in which there must be a row before one in this table may point at it."""
    if isinstance(db, sqlite3.Connection):
        return [name for (name,) in db.execute('SELECT DISTINCT "table" FROM pragma_foreign_key_list(?)', (table,))]
    question = (
        "SELECT DISTINCT parent.relname FROM pg_constraint JOIN pg_class AS child ON child.oid = conrelid"
        " JOIN pg_class AS parent ON parent.oid = confrelid"
        " WHERE contype = 'f' AND child.relnamespace = current_schema()::regnamespace AND child.relname = ?"
    )
    return [name for (name,) in db.execute(question, (table,))]


def each(db: Database, statement: str, rows: Iterable[Sequence[Any]]) -> list[Any]:
    """Do the same with each row in turn; return the first row that each gave, or None where it gave none.

    As if asked one by one, in few turns on the network.
    """
    if isinstance(db, sqlite3.Connection):
        return [db.execute(statement, row).fetchone() for row in rows]
    from care import postgres  # what a building never installs

    return postgres.each(db, statement, rows)


def tell(db: Database) -> None:
    """Let those who follow a store in PostgreSQL know that something was written, with the commit that it is part of.

    They hear it by `care.postgres.listen`. A file has nobody who follows it from elsewhere.
    """
    if is_shared(db):
        db.execute("SELECT pg_notify(current_schema(), '')")


@contextmanager
def view(db: Database) -> Iterator[None]:
    """See the store as it is at one moment, whatever others write meanwhile. Nothing is written in it."""
    db.execute("BEGIN" if isinstance(db, sqlite3.Connection) else _VIEW)
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def attend(db: Database) -> None:
    """Say that a desk runs on this store, for as long as the connection is there: any number may, and nobody `alone`.

    Of a file its own lock says so. Raises `sqlite3.OperationalError` while somebody is alone with the store.
    """
    if not isinstance(db, sqlite3.Connection):
        from care import postgres  # what a building never installs

        postgres.attend(db, alone=False, within_ms=_ALONE_WITHIN_MS)


def alone(db: Database) -> None:
    """Make sure that no desk runs on this store, nor begins to, until the connection is closed.

    Raises `sqlite3.OperationalError` when one does.
    """
    if isinstance(db, sqlite3.Connection):
        db.execute(f"PRAGMA busy_timeout={_ALONE_WITHIN_MS}")
        db.execute("PRAGMA locking_mode=EXCLUSIVE")  # or the desk would go on with what it remembers
        db.execute("BEGIN EXCLUSIVE")
        db.execute("COMMIT")
    else:
        from care import postgres  # what a building never installs

        postgres.attend(db, alone=True, within_ms=_ALONE_WITHIN_MS)


@contextmanager
def overwriting(db: Database) -> Iterator[None]:
    """Overwrite what leaves the store meanwhile, where it lay, at the price of more writes; then `wipe` may be short.

    PostgreSQL cannot: there it lies in the files of its table until `wipe`.
    """
    if not isinstance(db, sqlite3.Connection):
        yield
        return
    (before,) = db.execute("PRAGMA secure_delete").fetchone()
    db.execute("PRAGMA secure_delete=ON")
    try:
        yield
    finally:
        db.execute(f"PRAGMA secure_delete={'FAST' if before == _FAST else before}")


_FAST = 2  # as SQLite says it


def wipe(db: Database, *, whole: bool = False) -> None:
    """Leave in the store's files nothing of what has left the store. Not in a transaction.

    In a file: what left while `overwriting` is gone from the log beside it too. With `whole` the file is written anew,
    so that also what left in another way, in pages that nothing uses any more, is gone.

    In PostgreSQL all tables of the store are written anew with what is known of them (`VACUUM FULL`), and nobody can
    ask anything meanwhile. Rows that a transaction of somebody else may still see stay: a backup that runs, say. And
    what is not ours to reach stays until whoever runs the server lets it go: its write-ahead log, which is overwritten
    as it goes on, an archive of that log, replicas that lag, backups.
    """
    if not isinstance(db, sqlite3.Connection):
        from care import postgres  # what a building never installs

        postgres.wipe(db, tables(db))
        return
    if whole:
        db.execute("VACUUM")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def version(db: Database) -> int:
    """Return of which make a store is, as `note_version` wrote it down; 0 where nothing was."""
    if isinstance(db, sqlite3.Connection):
        row = db.execute("PRAGMA user_version").fetchone()
    else:
        row = db.execute("SELECT number FROM version").fetchone() if "version" in tables(db) else None
    return 0 if row is None else int(row[0])


def note_version(db: Database, number: int) -> None:
    """Write down of which make a store is from now on."""
    if version(db) == number:
        return
    if isinstance(db, sqlite3.Connection):
        db.execute(f"PRAGMA user_version={number}")
        return
    make(db, "CREATE TABLE IF NOT EXISTS version (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL)")
    db.execute("INSERT INTO version VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET number = excluded.number", (number,))


def changes(db: Database) -> object:
    """Return what is another after anybody has changed something, within a second: to be compared, and no more."""
    if isinstance(db, sqlite3.Connection):
        return *db.execute("PRAGMA data_version").fetchone(), db.total_changes
    return db.execute(
        "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE schemaname = current_schema()"
    ).fetchone()
