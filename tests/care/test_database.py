"""What is asked of a store is the same in a file and in PostgreSQL."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from care import database
from care.database import Database, where
from tests.postgres import Postgres

SCHEMA = """
CREATE TABLE IF NOT EXISTS thing (
    number INTEGER PRIMARY KEY,    -- which
    name TEXT NOT NULL UNIQUE,
    weight REAL,
    body BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS part (thing INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (thing, name)) STRICT, WITHOUT ROWID;
"""  # noqa: E501


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    db: Database
    if request.param == "sqlite":
        db = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    else:
        server: Postgres = request.getfixturevalue("postgres")
        db = database.shared(server.new(), "things")
    with closing(db):
        database.make(db, SCHEMA)
        database.make(db, SCHEMA)  # made once, and not again
        yield db


def test_what_was_written_is_read_back_as_it_was(store: Database) -> None:
    row = (7, "lamp, 100 %", 0.25, b"\x00\xff")
    store.execute("INSERT INTO thing VALUES (?, ?, ?, ?)", row)
    assert store.execute("SELECT * FROM thing WHERE name LIKE '%100 %' AND weight < ?", (1,)).fetchone() == row
    assert [*store.execute("SELECT name FROM thing WHERE number = :n", {"n": 7})] == [("lamp, 100 %",)]
    assert database.tables(store) == ["part", "thing"]
    assert database.columns(store, "thing") == ["number", "name", "weight", "body"]
    assert database.columns(store, "nothing") == []


def test_text_is_found_whatever_signs_are_in_it_and_in_the_same_order(store: Database) -> None:
    names = ["É", "a", "B", "b c", "ß", "\U0001f319"]
    store.executemany("INSERT INTO thing (name) VALUES (?)", [(name,) for name in names])
    assert [name for (name,) in store.execute("SELECT name FROM thing ORDER BY name")] == sorted(names)
    assert store.execute("SELECT 1 FROM thing WHERE name = ?", ("a\x00",)).fetchone() is None


def test_of_which_make_a_store_is_stands_in_it(store: Database) -> None:
    assert database.version(store) == 0
    for number in (3, 3, 4):
        database.note_version(store, number)
        assert database.version(store) == number


def test_numbers_are_given_and_go_on(store: Database) -> None:
    numbers = [
        store.execute("INSERT INTO thing (name) VALUES (?) RETURNING number", (name,)).fetchone()[0] for name in "abc"
    ]
    assert numbers == sorted(set(numbers))


def test_of_a_transaction_that_failed_nothing_is_there(store: Database) -> None:
    store.execute("INSERT INTO thing (name) VALUES ('a')")
    store.execute("BEGIN IMMEDIATE")
    store.execute("INSERT INTO thing (name) VALUES ('b')")
    with pytest.raises(sqlite3.IntegrityError):
        store.execute("INSERT INTO thing (name) VALUES ('a')")
    store.execute("ROLLBACK")
    assert store.execute("SELECT name FROM thing").fetchall() == [("a",)]
    with pytest.raises(sqlite3.Error):
        store.execute("SELECT nothing FROM thing")
    store.executemany("INSERT INTO part VALUES (?, ?)", [(1, "x"), (1, "y")])
    assert store.execute("DELETE FROM part").rowcount == 2


def test_many_are_done_as_if_one_by_one(store: Database) -> None:
    question = "INSERT INTO thing (name) VALUES (?) ON CONFLICT (name) DO NOTHING RETURNING name"
    assert database.each(store, question, [("a",), ("b",), ("a",), ("c",)]) == [("a",), ("b",), None, ("c",)]
    assert database.each(store, question, []) == []


def test_who_looks_sees_one_moment_and_keeps_nobody_from_writing(store: Database) -> None:
    store.execute("INSERT INTO thing (name) VALUES ('a')")
    if not database.is_shared(store):
        store.execute("PRAGMA journal_mode=WAL")
    with closing(database.beside(store)()) as looks:
        with database.view(looks):
            assert looks.execute("SELECT name FROM thing").fetchall() == [("a",)]
            store.execute("INSERT INTO thing (name) VALUES ('b')")
            assert looks.execute("SELECT name FROM thing").fetchall() == [("a",)]
        assert looks.execute("SELECT name FROM thing ORDER BY name").fetchall() == [("a",), ("b",)]
        with pytest.raises(sqlite3.Error):
            looks.execute("INSERT INTO thing (name) VALUES ('c')")


def test_what_is_changed_shows(store: Database) -> None:
    before = database.changes(store)
    store.execute("INSERT INTO thing (name) VALUES ('a')")
    end = threading.Event()
    for _ in range(200):  # PostgreSQL counts a moment behind
        if database.changes(store) != before:
            break
        end.wait(0.02)
    assert database.changes(store) != before


def test_who_commits_what_had_failed_is_told(postgres: Postgres) -> None:
    """PostgreSQL would say nothing of it: SQLite keeps what did not fail."""
    with closing(database.shared(postgres.new(), "things")) as db:
        database.make(db, SCHEMA)
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO thing (name) VALUES ('a')")
        with pytest.raises(sqlite3.IntegrityError):
            db.execute("INSERT INTO thing (name) VALUES ('a')")
        with pytest.raises(sqlite3.OperationalError, match="nothing was written"):
            db.execute("COMMIT")
        assert db.execute("SELECT * FROM thing").fetchall() == []


def test_of_two_who_write_one_waits_for_the_other(postgres: Postgres) -> None:
    address = postgres.new()
    with closing(database.shared(address, "things")) as one, closing(database.shared(address, "things")) as other:
        database.make(one, SCHEMA)
        one.execute("BEGIN IMMEDIATE")
        one.execute("INSERT INTO thing (name) VALUES ('first')")
        written: list[int] = []

        def second() -> None:
            row = other.execute("INSERT INTO thing (name) VALUES ('second') RETURNING number").fetchone()
            written.append(row[0])

        waits = threading.Thread(target=second)
        waits.start()
        waits.join(0.2)
        assert waits.is_alive()
        assert not written
        one.execute("COMMIT")
        waits.join(10)
        assert [name for (name,) in one.execute("SELECT name FROM thing ORDER BY number")] == ["first", "second"]


def test_a_server_that_came_back_is_asked_again(tmp_path: Path) -> None:
    from tests.postgres import new_postgres

    server = new_postgres(tmp_path)
    try:
        with closing(database.shared(server.new(), "things")) as db:
            database.make(db, SCHEMA)
            db.execute("INSERT INTO thing (name) VALUES ('a')")
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO thing (name) VALUES ('lost')")
            server.stop()
            with pytest.raises(sqlite3.Error):
                db.execute("COMMIT")
            with pytest.raises(sqlite3.Error):
                db.execute("SELECT 1")
            server.start()
            assert db.execute("SELECT name FROM thing").fetchall() == [("a",)]
            db.execute("INSERT INTO thing (name) VALUES ('b')")
    finally:
        server.stop()


def test_an_address_is_shown_without_its_password() -> None:
    assert "secret" not in database.shown(where("postgresql://desk:secret@db/nachtwacht?password=secret"))


def test_a_server_that_is_not_there_is_told_without_its_password() -> None:
    with pytest.raises(sqlite3.OperationalError) as told:
        database.shared(database.Address("postgresql://desk:secret@127.0.0.1:1/nachtwacht"), "things")
    assert "secret" not in str(told.value)
