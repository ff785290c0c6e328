"""A journal in PostgreSQL, in which many write and which many follow: whoever reads after a number misses nothing."""

import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care import database, journal
from care import postgres as postgres_store
from care.database import Address, Database
from care.journal import Cursor, Entry
from care.postgres import listen
from care.records import Record
from detectors.findings import Presence, Status
from detectors.homes import HomeId
from tests.journals import Journals
from tests.postgres import Postgres, new_postgres

NOW = datetime(2026, 3, 3, 1, 10, tzinfo=UTC)
WRITERS, EACH = 5, 40
Turns = Generator[bool, None, None]
SOON_S = 10.0  # more than anything here takes; who waits so long waits in vain


def told(number: int, home: str = "wilg/12") -> Status:
    return Status(at=NOW + timedelta(seconds=number), home=HomeId(home), presence=Presence.UP)


def test_who_follows_sees_what_all_write_once_each_and_in_order(postgres: Postgres) -> None:
    """While several write in batches of one to seven, alone and from peers, and some of them give up half-way."""
    address = postgres.new()
    journal.at(address).close()
    done = threading.Event()
    seen: list[Entry] = []

    def follow() -> None:
        with closing(journal.at(address)) as db:
            while True:
                over = done.is_set()
                entries = journal.read_after(db, seen[-1].number if seen else 0, limit=11)
                seen.extend(entries)
                if over and not entries:
                    return

    def write(who: int) -> None:
        with closing(journal.at(address)) as db:
            number = 0
            while number < EACH:
                batch = [told(n, f"wilg/{who}") for n in range(number, min(number + 1 + number % 7, EACH))]
                if number % 3 == 0:  # whoever gives up has taken numbers that nobody ever sees
                    with pytest.raises(ZeroDivisionError):
                        journal.append(db, breaking(batch), recorded_at=NOW)
                origin = f"site-{who}" if number % 2 else ""
                cursor = Cursor("j", number) if origin else None
                journal.append(db, batch, recorded_at=NOW, origin=origin, cursor=cursor)
                number += len(batch)

    follower = threading.Thread(target=follow)
    writers = [threading.Thread(target=write, args=(who,)) for who in range(WRITERS)]
    for thread in (follower, *writers):
        thread.start()
    for thread in writers:
        thread.join(60)
    done.set()
    follower.join(60)
    numbers = [one.number for one in seen]
    assert numbers == sorted(set(numbers))
    for who in range(WRITERS):
        of_one = [one.record for one in seen if getattr(one.record, "home", "") == f"wilg/{who}"]
        assert of_one == [told(n, f"wilg/{who}") for n in range(EACH)]
    with closing(journal.at(address)) as db:
        assert journal.count(db) == len(seen) == WRITERS * EACH
        assert journal.read_after(db, 0) == seen


def breaking(batch: list[Status]) -> Iterator[Record]:
    yield from batch
    raise ZeroDivisionError


@given(batches=st.lists(st.lists(st.integers(0, 12), max_size=12), max_size=5), from_peer=st.booleans())
def test_many_at_once_are_written_as_if_one_by_one(
    journals: Journals, batches: list[list[int]], from_peer: bool
) -> None:
    """Which were new, their order, and what lies there: the same record twice counts once, in a batch or beside it."""
    origin = "wilg" if from_peer else ""
    with journals.new() as together, journals.new() as singly:
        for batch in batches:
            cursor = Cursor("j", 1) if from_peer else None
            at_once = journal.append(together, map(told, batch), recorded_at=NOW, origin=origin, cursor=cursor)
            one_by_one = [
                entry
                for number in batch
                for entry in journal.append(singly, [told(number)], recorded_at=NOW, origin=origin, cursor=cursor)
            ]
            assert [one[1:] for one in at_once] == [one[1:] for one in one_by_one]
            numbers = [one.number for one in at_once]
            assert numbers == sorted(set(numbers))
            assert journal.read_after(together, numbers[0] - 1 if numbers else journal.last_number(together)) == at_once
        rows = "SELECT recorded_at, origin, addressee, key, body FROM journal ORDER BY number"
        assert together.execute(rows).fetchall() == singly.execute(rows).fetchall()


def test_a_journal_that_is_not_there_is_not_made_by_who_only_reads(postgres: Postgres) -> None:
    address = postgres.new()
    with pytest.raises(sqlite3.OperationalError, match="no journal"):
        journal.at(address, read_only=True)
    journal.at(address).close()
    with closing(journal.at(address, read_only=True)) as db:
        assert journal.count(db) == 0


# Whoever follows is told.


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    """A server for one story alone, that may die."""
    made = new_postgres(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.stop()


@pytest.fixture
def hears(postgres: Postgres) -> Iterator[tuple[Database, Turns]]:
    address = postgres.new()
    with closing(journal.at(address)) as db:
        turns = listen(address, journal.STORE, within_s=0.05)
        assert next(turns)  # what was written before it listened
        yield db, turns
        turns.close()


def test_a_notice_comes_with_the_commit_and_not_before(hears: tuple[Database, Turns]) -> None:
    db, turns = hears
    assert not next(turns)
    db.execute("BEGIN IMMEDIATE")
    journal.insert(db, [(NOW, told(1))])
    assert not next(turns)
    db.execute("COMMIT")
    assert within(SOON_S, turns)
    assert not next(turns)


def test_of_what_was_given_up_or_was_there_already_nobody_is_told(hears: tuple[Database, Turns]) -> None:
    db, turns = hears
    journal.append(db, [told(1)], recorded_at=NOW)
    assert within(SOON_S, turns)
    journal.append(db, [told(1)], recorded_at=NOW)
    with pytest.raises(ZeroDivisionError):
        journal.append(db, breaking([told(2)]), recorded_at=NOW)
    assert not next(turns)


def test_who_follows_hears_again_when_the_server_is_back(server: Postgres) -> None:
    address = server.new()
    with closing(journal.at(address)) as db:
        turns = listen(address, journal.STORE, within_s=0.05)
        assert next(turns)
        server.stop()
        began = time.monotonic()
        assert [next(turns) for _ in range(4)] == [False] * 4
        assert time.monotonic() - began >= 4 * 0.05  # it asks the broken server no more often than it asks a whole one
        server.start()
        assert within(SOON_S, turns)  # what was said meanwhile it did not hear: look for yourself
        with pytest.raises(sqlite3.Error):
            journal.count(db)  # the connection of before
        journal.append(db, [told(1)], recorded_at=NOW)
        assert within(SOON_S, turns)
        turns.close()


def within(seconds: float, turns: Turns) -> bool:
    end = time.monotonic() + seconds
    return any(told or time.monotonic() > end for told in turns) and time.monotonic() <= end


# Who runs, and who must be alone.


def test_desks_run_beside_each_other_and_nobody_is_alone_with_them(postgres: Postgres) -> None:
    address = postgres.new()
    with closing(journal.at(address)) as command:
        with closing(journal.at(address)) as one, closing(journal.at(address)) as other:
            database.attend(one)
            database.attend(other)
            with pytest.raises(sqlite3.OperationalError, match="a desk runs"):
                database.alone(command)
            journal.append(command, [told(1)], recorded_at=NOW)  # what a command may do beside a desk
        database.alone(command)
        with closing(journal.at(address)) as late, pytest.raises(sqlite3.OperationalError, match="must be alone"):
            database.attend(late)
        with closing(journal.at(address)) as second, pytest.raises(sqlite3.OperationalError):
            database.alone(second)
    with closing(journal.at(address)) as later:
        database.attend(later)


def test_a_desk_whose_server_was_away_attends_again_or_does_not_go_on(server: Postgres) -> None:
    address = server.new()
    with closing(journal.at(address)) as desk:
        database.attend(desk)
        back = broken(server, desk)
        back()
        with closing(journal.at(address)) as command, pytest.raises(sqlite3.OperationalError):
            database.alone(command)
        broken(server, desk)
        server.start()
        with closing(journal.at(address)) as command:
            database.alone(command)  # it came first
            with pytest.raises(sqlite3.OperationalError, match="must be alone"):
                journal.count(desk)
        assert journal.count(desk) == 0


def broken(server: Postgres, db: Database) -> Callable[[], object]:
    """Let the server die, so that a connection has seen it; return what brings both back."""
    server.stop()
    with pytest.raises(sqlite3.Error):
        journal.count(db)

    def back() -> object:
        server.start()
        return journal.count(db)

    return back


def test_no_desk_runs_with_a_file_that_somebody_is_alone_with(tmp_path: Path) -> None:
    with closing(journal.connect(tmp_path / "centre.db")) as desk:
        database.attend(desk)
        journal.append(desk, [told(1)], recorded_at=NOW)
        command = sqlite3.connect(tmp_path / "centre.db", isolation_level=None)
        with closing(command), pytest.raises(sqlite3.OperationalError):
            database.alone(command)


def test_who_hangs_in_a_transaction_is_put_out_of_it(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that stands still would keep everybody from writing, for good."""
    monkeypatch.setitem(postgres_store._SET, "idle_in_transaction_session_timeout", 200)
    address = server.new()
    with closing(journal.at(address)) as hangs, closing(journal.at(address)) as other:
        hangs.execute("BEGIN IMMEDIATE")
        journal.insert(hangs, [(NOW, told(1))])
        journal.append(other, [told(2)], recorded_at=NOW)  # waits, and is let in
        with pytest.raises(sqlite3.Error):
            hangs.execute("COMMIT")
        assert [one.record for one in journal.read_after(hangs, 0)] == [told(2)]


# What has left is gone.


def test_what_left_lies_in_no_file_of_the_server_but_its_log(server: Postgres) -> None:
    address = server.new()
    secret = "mevrouw-van-der-Vondelstraat"
    with closing(database.shared(address, "things")) as db:
        database.make(db, "CREATE TABLE IF NOT EXISTS thing (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;")
        db.executemany("INSERT INTO thing (name) VALUES (?)", [(secret,)] * 50)  # so that statistics hold it too
        db.execute("INSERT INTO thing (name) VALUES ('somebody else')")
        analysed(address)
        assert server.holding(secret)
        db.execute("DELETE FROM thing WHERE name = ?", (secret,))
        assert server.holding(secret)
        database.wipe(db)
        assert not server.holding(secret)
        assert db.execute("SELECT name FROM thing").fetchall() == [("somebody else",)]


def analysed(address: Address) -> None:
    with psycopg.connect(address, autocommit=True) as db:
        db.execute("ANALYZE things.thing")
