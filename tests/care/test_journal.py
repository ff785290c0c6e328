"""The journal: nothing half-written, nothing twice, nothing forgotten."""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from care import journal
from care.journal import Cursor
from care.records import AlertId, Claimed, Record, StaffId
from detectors.homes import HomeId
from tests.stories import a_home, event, events, instant

NOW = datetime(2026, 3, 3, 1, 10, tzinfo=UTC)
HOME = a_home()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(journal.connect(tmp_path / "journal.db")) as db:
        yield db


def claimed(minute: int) -> Claimed:
    at = NOW + timedelta(minutes=minute)
    return Claimed(at=at, home=HomeId("wilg/12"), alert=AlertId("0a1b2c3d4e"), by=StaffId("sk"))


def test_what_was_written_is_read_back_in_order_with_its_date(db: sqlite3.Connection) -> None:
    said: list[Record] = [*events(HOME, ["22:40 bed in", "02:09 bed out"]), claimed(1)]
    journal.append(db, said, recorded_at=NOW)
    entries = journal.read_after(db, 0)
    assert [entry.record for entry in entries] == said
    assert {entry.recorded_at for entry in entries} == {NOW}
    assert [entry.number for entry in entries] == sorted(entry.number for entry in entries)


def test_a_record_that_is_there_already_is_skipped(db: sqlite3.Connection) -> None:
    out = event(HOME, "02:09 bed out")
    assert len(journal.append(db, [out, out], recorded_at=NOW)) == 1
    assert journal.append(db, [out], recorded_at=NOW + timedelta(minutes=1)) == []
    assert journal.count(db) == 1


def test_of_a_batch_that_fails_nothing_is_kept(db: sqlite3.Connection) -> None:
    def breaking() -> Iterator[Record]:
        yield event(HOME, "02:09 bed out")
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        journal.append(db, breaking(), recorded_at=NOW)
    assert journal.count(db) == 0
    assert len(journal.append(db, [event(HOME, "02:09 bed out")], recorded_at=NOW)) == 1


def test_only_what_the_peer_must_have_is_sent_and_never_what_came_from_elsewhere(db: sqlite3.Connection) -> None:
    journal.append(db, [event(HOME, "02:09 bed out"), claimed(1)], recorded_at=NOW)
    journal.append(db, [claimed(2)], recorded_at=NOW, origin="centre", cursor=Cursor("other", 7))
    sent = journal.to_send(db, "wilg", after=0, limit=10)
    assert [number for number, _ in sent] == [2]
    assert journal.to_send(db, "wilg", after=2, limit=10) == []


def test_how_far_a_peer_was_heard_is_written_with_its_records(db: sqlite3.Connection) -> None:
    assert journal.cursor_of(db, "centre") is None
    journal.append(db, [claimed(1)], recorded_at=NOW, origin="centre", cursor=Cursor("abc", 7))
    assert journal.cursor_of(db, "centre") == Cursor("abc", 7)
    with pytest.raises(ValueError, match="need the cursor"):
        journal.append(db, [claimed(2)], recorded_at=NOW, origin="centre")


def test_a_snapshot_takes_the_place_of_the_one_before(db: sqlite3.Connection) -> None:
    assert journal.load_snapshot(db) is None
    journal.save_snapshot(db, 3, b"three")
    journal.save_snapshot(db, 5, b"five")
    assert journal.load_snapshot(db) == (5, b"five")


def test_a_reader_sees_what_a_writer_of_another_process_would_have_left(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    with contextlib.closing(journal.connect(file)) as writer, contextlib.closing(journal.connect(file)) as reader:
        journal.append(writer, [claimed(1)], recorded_at=instant("02:10"))
        assert journal.last_number(reader) == 1
        assert journal.last_date(reader) == instant("02:10")
        assert journal.identity(reader) == journal.identity(writer)


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, whatever its name says, and long enough to be sure of that\n" * 20)
    with pytest.raises(sqlite3.DatabaseError):
        journal.connect(file)
