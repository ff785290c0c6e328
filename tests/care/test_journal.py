"""The journal: nothing half-written, nothing twice, nothing forgotten."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care import forgetting, journal, packing
from care.database import Database
from care.ids import AlertId, StaffId
from care.journal import Cursor
from care.records import CENTRE, Claimed, Record, Trouble, Unreadable, addressee, encode
from detectors.findings import Presence, Status
from detectors.homes import HomeId, RoomId, SensorId
from detectors.homes import Kind as SensorKind
from detectors.moments import SensorEvent
from tests.journals import Journals
from tests.stories import a_home, event, events, instant

NOW = datetime(2026, 3, 3, 1, 10, tzinfo=UTC)
HOME = a_home()


@pytest.fixture
def db(journals: Journals) -> Iterator[Database]:
    with journals.new() as db:
        yield db


def claimed(minute: int) -> Claimed:
    at = NOW + timedelta(minutes=minute)
    return Claimed(at=at, home=HomeId("wilg/12"), alert=AlertId("0a1b2c3d4e"), by=StaffId("sk"))


def test_what_was_written_is_read_back_in_order_with_its_date(db: Database) -> None:
    said: list[Record] = [*events(HOME, ["22:40 bed in", "02:09 bed out"]), claimed(1)]
    journal.append(db, said, recorded_at=NOW)
    entries = journal.read_after(db, 0)
    assert [entry.record for entry in entries] == said
    assert {entry.recorded_at for entry in entries} == {NOW}
    assert [entry.number for entry in entries] == sorted(entry.number for entry in entries)


def test_a_record_that_is_there_already_is_skipped(db: Database) -> None:
    out = event(HOME, "02:09 bed out")
    assert len(journal.append(db, [out, out], recorded_at=NOW)) == 1
    assert journal.append(db, [out], recorded_at=NOW + timedelta(minutes=1)) == []
    assert journal.count(db) == 1


def test_of_a_batch_that_fails_nothing_is_kept(db: Database) -> None:
    def breaking() -> Iterator[Record]:
        yield event(HOME, "02:09 bed out")
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        journal.append(db, breaking(), recorded_at=NOW)
    assert journal.count(db) == 0
    assert len(journal.append(db, [event(HOME, "02:09 bed out")], recorded_at=NOW)) == 1


def test_only_what_the_peer_must_have_is_sent_and_never_what_came_from_elsewhere(db: Database) -> None:
    journal.append(db, [event(HOME, "02:09 bed out"), claimed(1)], recorded_at=NOW)
    journal.append(db, [claimed(2)], recorded_at=NOW, origin="centre", cursor=Cursor("other", 7))
    sent = journal.to_send(db, "wilg", after=0, limit=10)
    assert [number for number, _ in sent] == [2]
    assert journal.to_send(db, "wilg", after=2, limit=10) == []


def test_how_far_a_peer_was_heard_is_written_with_its_records(db: Database) -> None:
    assert journal.cursor_of(db, "centre") is None
    journal.append(db, [claimed(1)], recorded_at=NOW, origin="centre", cursor=Cursor("abc", 7))
    assert journal.cursor_of(db, "centre") == Cursor("abc", 7)
    with pytest.raises(ValueError, match="need the cursor"):
        journal.append(db, [claimed(2)], recorded_at=NOW, origin="centre")


def test_a_snapshot_takes_the_place_of_the_one_before(db: Database) -> None:
    assert journal.load_snapshot(db) is None
    journal.save_snapshot(db, 3, b"three")
    journal.save_snapshot(db, 5, b"five")
    assert journal.load_snapshot(db) == (5, b"five")


def test_a_damaged_snapshot_is_a_damaged_journal(db: Database) -> None:
    journal.save_snapshot(db, 3, b"three" * 100)
    db.execute("UPDATE snapshot SET body = substr(body, 1, 12)")
    with pytest.raises(sqlite3.DatabaseError, match="snapshot is damaged") as damaged:
        journal.load_snapshot(db)
    assert damaged.value.sqlite_errorcode == sqlite3.SQLITE_CORRUPT


def test_what_is_held_is_known_again_by_what_it_says(db: Database) -> None:
    out = event(HOME, "02:09 bed out")
    assert not journal.holds(db, out)
    journal.append(db, [out], recorded_at=NOW)
    assert journal.holds(db, event(HOME, "02:09 bed out"))
    assert not journal.holds(db, event(HOME, "02:09 bed in"))


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


def test_a_journal_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    with contextlib.closing(journal.connect(file)) as db:
        db.execute(f"PRAGMA user_version={journal.VERSION + 1}")
    before = file.read_bytes()
    with pytest.raises(journal.TooNew, match="newer version"):
        journal.connect(file)
    assert file.read_bytes() == before


# What leaves

DAY = timedelta(days=1)
OLD = NOW - 40 * DAY


def moved(minute: int, *, at: datetime = OLD) -> SensorEvent:
    return SensorEvent(
        at=at + timedelta(minutes=minute),
        home=HomeId("wilg/12"),
        sensor=SensorId("12/hall"),
        room=RoomId("hal"),
        kind=SensorKind.MOTION,
        value=1.0,
    )


def told(minute: int, *, at: datetime = OLD) -> Status:
    return Status(at=at + timedelta(minutes=minute), home=HomeId("wilg/12"), presence=Presence.UP)


def kept(db: Database, records: Iterable[Record], *, snapshot: bool = True) -> None:
    """Write records, each when it happened."""
    journal.write(db, ((one.at, one) for one in records))
    if snapshot:
        journal.save_snapshot(db, journal.last_number(db), b"all of it")


def left(db: Database) -> list[Record]:
    return [entry.record for entry in journal.read_after(db, 0)]


def forget(db: Database, *, limit: int = 100, had: int = 0) -> int:
    raw = forgetting.forget_raw(db, NOW - 30 * DAY, now=NOW, limit=limit)
    return raw + forgetting.forget_told(db, CENTRE, NOW - 30 * DAY, now=NOW, had=had, limit=limit)


def test_raw_events_leave_after_their_time_and_the_journal_says_where_it_begins(db: Database) -> None:
    unread = Unreadable(at=OLD, topic="zigbee2mqtt/x", trouble=Trouble.UNREADABLE, why="Not JSON.")
    young = moved(0, at=NOW - 29 * DAY)
    kept(db, [moved(0), unread, told(1), moved(2), young, moved(0, at=NOW)])
    assert forgetting.begins_at(db) is None
    assert forget(db) == 3
    assert left(db) == [told(1), young, moved(0, at=NOW)]
    assert forgetting.begins_at(db) == moved(2).at
    assert forget(db) == 0


def test_only_a_few_leave_in_one_turn(db: Database) -> None:
    kept(db, [*(moved(minute) for minute in range(25)), moved(0, at=NOW)])
    assert [forget(db, limit=10) for _ in range(4)] == [10, 10, 5, 0]


def test_what_the_snapshot_does_not_hold_stays(db: Database) -> None:
    kept(db, [moved(0), moved(1)], snapshot=False)
    assert forget(db) == 0
    journal.save_snapshot(db, 1, b"the first")
    assert forget(db) == 1
    assert left(db) == [moved(1)]


def test_the_newest_record_stays_so_that_no_number_comes_twice(db: Database) -> None:
    kept(db, [moved(0), moved(1)])
    forget(db)
    assert left(db) == [moved(1)]
    (entry,) = journal.append(db, [moved(2)], recorded_at=NOW)
    assert entry.number == 3


def test_what_the_centre_does_not_have_stays_however_old(db: Database) -> None:
    kept(db, [told(0), told(1), moved(2), moved(0, at=NOW)])
    assert forget(db) == 1
    assert left(db)[:2] == [told(0), told(1)]
    assert forget(db, had=1) == 1
    assert [number for number, _ in journal.to_send(db, CENTRE, after=0, limit=10)] == [2]


def test_what_the_centre_ordered_stays(db: Database) -> None:
    journal.append(db, [claimed(0)], recorded_at=OLD, origin=CENTRE, cursor=Cursor("centre", 1))
    kept(db, [moved(0), moved(0, at=NOW)])
    forget(db, had=100)
    assert left(db) == [claimed(0), moved(0, at=NOW)]


def test_a_clock_that_was_wrong_neither_keeps_events_for_ever_nor_lets_young_ones_go(db: Database) -> None:
    ahead, behind = datetime(2099, 1, 1, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC)
    young = NOW - DAY
    wrong_once = [(OLD, moved(0)), (ahead, moved(1)), (OLD + DAY, moved(2)), (young, moved(3)), (behind, moved(4))]
    journal.write(db, [*wrong_once, (NOW, moved(5))])
    journal.save_snapshot(db, journal.last_number(db), b"")
    forget(db)
    assert left(db) == [moved(3), moved(4), moved(5)]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["raw", "told"])), min_size=1, max_size=60),
    st.integers(0, 70),
    st.integers(0, 70),
    st.integers(1, 20),
)
def test_what_leaves_is_old_and_held_elsewhere_and_all_of_that_leaves(
    journals: Journals, days: list[tuple[int, str]], snapshot: int, had: int, limit: int
) -> None:
    """However many at a time: what is old leaves, up to the snapshot or what the centre has, and nothing else does."""
    with journals.new() as db:
        dates = sorted((NOW - day * DAY, kind) for day, kind in days)
        said = [(at, moved(n, at=at) if kind == "raw" else told(n, at=at)) for n, (at, kind) in enumerate(dates)]
        journal.write(db, said)
        journal.save_snapshot(db, snapshot, b"")
        while forget(db, limit=limit, had=had):
            pass
        bound = {"raw": snapshot, "told": had}
        stays = [
            record
            for number, (at, record) in enumerate(said, 1)
            if at >= NOW - 30 * DAY or number > bound[dates[number - 1][1]] or number == len(said)
        ]
        assert left(db) == stays


def test_the_file_of_a_journal_that_forgets_stops_growing(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    sizes = []
    with contextlib.closing(journal.connect(file)) as db:
        for day in range(120):
            at = OLD + day * DAY
            lived = [told(m, at=at) if m % 50 == 0 else moved(m, at=at) for m in range(200)]
            journal.write(db, [(one.at, one) for one in lived])
            journal.save_snapshot(db, journal.last_number(db), b"")
            had = journal.last_number(db)
            while forgetting.forget_raw(db, at - 30 * DAY, now=at) + forgetting.forget_told(
                db, CENTRE, at - 30 * DAY, now=at, had=had
            ):
                pass
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            sizes.append(file.stat().st_size)
    assert max(sizes[60:]) <= 1.1 * max(sizes[30:40])


# Of an older make

VERSION_0 = """
CREATE TABLE journal (
    number INTEGER PRIMARY KEY AUTOINCREMENT, recorded_at INTEGER NOT NULL, origin TEXT NOT NULL, addressee TEXT,
    body BLOB NOT NULL UNIQUE
) STRICT;
CREATE INDEX to_send ON journal (addressee, number) WHERE addressee IS NOT NULL;
CREATE TABLE cursor (peer TEXT PRIMARY KEY, journal TEXT NOT NULL, number INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE snapshot (
    one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE identity (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL) STRICT;
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A journal as the first version wrote it, with a gap in its numbers and something no version can read."""
    file = tmp_path / "old.db"
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(VERSION_0)
        for number in [*range(1, 30), *range(40, 60)]:
            record: Record = told(number) if number % 7 == 0 else moved(number)
            row = (number, number * 1_000_000, "", addressee(record), encode(record))
            db.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", row)
        db.execute("INSERT INTO journal VALUES (60, 60000000, 'centre', NULL, ?)", (encode(claimed(1)),))
        db.execute("INSERT INTO journal VALUES (61, 61000000, '', NULL, ?)", (b"dreams",))
        db.execute("INSERT INTO cursor VALUES ('centre', 'abc', 7)")
        db.execute("INSERT INTO snapshot VALUES (1, 55, ?)", (b'{"vigils":{}}',))
        db.execute("INSERT INTO identity VALUES (1, '00c0ffee00c0ffee')")
    return file


Rows = list[tuple[object, ...]]


def rows_of(file: Path) -> Rows:
    with contextlib.closing(sqlite3.connect(file)) as db:
        return db.execute("SELECT number, recorded_at, origin, addressee, body FROM journal ORDER BY number").fetchall()


def assert_upgraded(file: Path, before: Rows) -> None:
    assert rows_of(file) == before
    with contextlib.closing(journal.connect(file)) as db:
        assert journal.identity(db) == "00c0ffee00c0ffee"
        assert journal.cursor_of(db, "centre") == Cursor("abc", 7)
        assert journal.load_snapshot(db) == (55, b'{"vigils":{}}')
        assert journal.append(db, [moved(3), told(14)], recorded_at=NOW) == []  # known by their new keys
        (new,) = journal.append(db, [moved(62)], recorded_at=NOW)
        assert new.number == 62
    assert {one.name for one in file.parent.iterdir()} == {file.name}


def test_a_journal_of_the_first_version_is_upgraded_at_start(old: Path) -> None:
    before = rows_of(old)
    with contextlib.closing(journal.connect(old, read_only=True)) as db:  # to be looked at, it may stay what it is
        assert journal.load_snapshot(db) == (55, b'{"vigils":{}}')
        assert forgetting.begins_at(db) is None
    journal.connect(old).close()
    assert_upgraded(old, before)


def test_an_upgrade_that_was_stopped_goes_on_at_the_next_start(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows_of(old)
    monkeypatch.setattr(journal, "BATCH_MAX", 20)
    copied, key = list[bytes](), packing.key

    def dying(at: datetime, body: bytes) -> bytes:
        copied.append(body)
        if len(copied) == 30:
            raise KeyboardInterrupt
        return key(at, body)

    monkeypatch.setattr(journal, "key", dying)
    with pytest.raises(KeyboardInterrupt):
        journal.connect(old)
    assert rows_of(old) == before  # whole, until the new one is
    copied.clear()
    copied.extend([b""] * 30)
    journal.connect(old).close()
    assert len(copied) == 30 + len(before) - 20  # the first batch was there
    monkeypatch.setattr(journal, "key", key)
    assert_upgraded(old, before)


def test_a_half_made_upgrade_of_another_journal_is_not_gone_on_with(old: Path) -> None:
    before = rows_of(old)
    with contextlib.closing(journal.connect(old.with_name("old.db.upgrading"))) as half:
        journal.append(half, [moved(1000)], recorded_at=NOW)
    journal.connect(old).close()
    assert_upgraded(old, before)


def test_a_damaged_half_of_an_upgrade_costs_only_itself(old: Path) -> None:
    before = rows_of(old)
    old.with_name("old.db.upgrading").write_bytes(b"not a database, whatever its name says" * 100)
    journal.connect(old).close()
    assert_upgraded(old, before)


def test_a_journal_that_somebody_reads_is_not_taken_from_under_them(old: Path) -> None:
    before = rows_of(old)
    with contextlib.closing(sqlite3.connect(old)) as reader:
        reader.execute("SELECT count(*) FROM journal").fetchone()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            journal.connect(old)
    journal.connect(old).close()
    assert_upgraded(old, before)


@given(minutes=st.lists(st.integers(0, 50), max_size=30), asked=st.integers(-1, 51))
def test_the_first_record_since_an_instant_is_found_in_a_journal_of_any_length(
    journals: Journals, minutes: list[int], asked: int
) -> None:
    with journals.new() as db:
        for minute in sorted(set(minutes)):
            journal.append(db, [claimed(minute)], recorded_at=NOW + timedelta(minutes=minute))
        found = journal.first_since(db, NOW + timedelta(minutes=asked))
        entries = journal.read_after(db, 0)
    expected = [one.number for one in entries if one.recorded_at >= NOW + timedelta(minutes=asked)]
    assert found == min(expected, default=len(entries) + 1)


def test_a_date_that_was_only_touched_is_told(db: Database) -> None:
    assert journal.touched_at(db) is None
    journal.touch(db, NOW)
    assert journal.touched_at(db) == NOW
