"""What was kept long enough leaves, with an account of it; what is in force stays; and the log of looks is anchored."""

import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care import forgetting, journal
from care.accounts import Erased, LogAnchored
from care.alerts import alert_of
from care.board import Board
from care.database import Database, Where
from care.ids import StaffId
from care.records import How, Outcome, Record, Resolved
from dashboard import access_log, people
from dashboard.access_log import Broken, Deed, Entry, Ground
from dashboard.centre import Centre
from dashboard.retention import TABLE, Daily, leaving
from detectors.findings import Finding, Presence, Status, What
from detectors.homes import HomeId, RoomId
from tests.dashboard.conftest import HOME, WILG, StoryClock, plan
from tests.journals import Journals

NOW = datetime(2029, 6, 1, 12, tzinfo=UTC)
ALERTS = next(kept for kept in TABLE if kept.name == "alerts")


def found(days_ago: float, home: HomeId = HOME) -> Finding:
    at = NOW - timedelta(days=days_ago)
    return Finding(at=at, home=home, what=What.BATH, since=at, episode=at, limit=20.0, room=RoomId("badkamer"))


def closed(finding: Finding, days_ago: float) -> Resolved:
    at = NOW - timedelta(days=days_ago)
    about = alert_of(finding)
    return Resolved(at=at, home=finding.home, alert=about, by=StaffId("s"), outcome=Outcome.HELPED, how=How.VIDEO)


def status(days_ago: float) -> Status:
    return Status(at=NOW - timedelta(days=days_ago), home=HOME, presence=Presence.BED)


def told(file: Path, *records: Record) -> None:
    """Write records, each on its own date, as they would have come."""
    with closing(journal.connect(file)) as db:
        journal.write(db, ((record.at, record) for record in sorted(records, key=lambda one: one.at)))


def left(centre: Centre) -> list[Record]:
    return [entry.record for entry in journal.read_after(centre._db, 0)]


class House:
    """A centre with all its stores, at a date."""

    def __init__(self, folder: Path, now: datetime = NOW, *, place: Where | None = None) -> None:
        self.clock = StoryClock(now)
        self.centre = Centre(journal.connect(folder / "centre.db"), self.clock)
        rows = folder / "people.db" if place is None else place
        self.people = people.at(rows)
        self.looks = access_log.at(access_log.beside(rows))
        self.daily = Daily(self.centre, self.people, self.looks, self.clock, pause_s=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.centre.close()
        self.people.close()
        self.looks.close()

    def look(self, **entry: object) -> None:
        access_log.write(
            self.looks,
            Entry(at=self.clock.now(), by="staff:s-1", deed=Deed.READ, what="home", ground=Ground.WATCH, **entry),  # type: ignore[arg-type]
        )


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_an_alert_of_three_years_ago_leaves_and_nothing_says_whose_it_was(tmp_path: Path) -> None:
    old, new = found(1_000), found(100)
    told(tmp_path / "centre.db", plan(), old, closed(old, 999), new, closed(new, 99))
    with House(tmp_path) as house:
        await house.daily.look()
        records = left(house.centre)
        assert old not in records
        assert new in records
        assert plan() in records  # in force, however old
        erased = [one for one in records if isinstance(one, Erased)]
        assert Counter({one.kind: one.count for one in erased}) == {"finding": 1, "resolved": 1}
        assert {one.before for one in erased} == {NOW - timedelta(days=730)}
        assert HOME not in repr(erased)


@pytest.mark.anyio
async def test_a_rehearsal_of_last_year_keeps_what_it_tells(tmp_path: Path) -> None:
    """Records are as old as the centre's own time makes them, whatever year it is outside."""
    new = found(100)
    told(tmp_path / "centre.db", plan(), new, closed(new, 99))
    with House(tmp_path) as house:
        wall = StoryClock(NOW + timedelta(days=3_000))
        await Daily(house.centre, house.people, house.looks, wall, pause_s=0).look()
        records = left(house.centre)
        assert new in records
        assert not [one for one in records if isinstance(one, Erased)]


@pytest.mark.anyio
async def test_what_a_board_still_rests_on_stays_and_leaves_when_it_no_longer_does(tmp_path: Path) -> None:
    opened = found(1_000)
    told(tmp_path / "centre.db", plan(), status(900), opened, status(300))
    with House(tmp_path) as house:
        await house.daily.look()
        there = left(house.centre)
        assert opened in there  # nobody has closed it
        assert status(300) in there  # nothing newer is known
        assert status(900) not in left(house.centre)
    told(tmp_path / "centre.db", closed(opened, -1), status(-1))
    with House(tmp_path, NOW + timedelta(days=60)) as house:
        house.centre.board._sweep(NOW + timedelta(days=60))
        await house.daily.look()
        assert opened not in left(house.centre)
        assert status(300) not in left(house.centre)


@pytest.mark.anyio
async def test_it_is_done_once_a_day_and_numbers_go_on(tmp_path: Path) -> None:
    told(tmp_path / "centre.db", plan(), *(status(200 + n) for n in range(5)), found(10))
    with House(tmp_path) as house:
        before = house.centre.number
        await house.daily.look()
        after = house.centre.number
        assert after > before
        await house.daily.look()
        assert house.centre.number == after
        house.clock.wait(days=1)
        await house.daily.look()
        assert house.centre.number == after + 1  # another anchor
    with House(tmp_path) as again:  # a start after it, with gaps in the numbers
        assert again.centre.number == after + 1
        assert again.centre.board.accounts.anchor is not None


@settings(max_examples=25, deadline=None)
@given(
    ages=st.lists(
        st.tuples(st.sampled_from(["status", "alert", "open"]), st.integers(1, 1_500)), max_size=12, unique=True
    ),
    limit=st.integers(1, 5),
)
def test_a_board_read_from_what_is_left_shows_what_it_showed(
    journals: Journals, ages: list[tuple[str, int]], limit: int
) -> None:
    with journals.new() as db:
        records: list[Record] = [plan()]
        for kind, age in ages:
            records += [status(age)] if kind == "status" else [found(age)]
            records += [closed(found(age), age - 0.5)] if kind == "alert" else []
        records.append(status(0.1))
        journal.write(db, ((record.at, record) for record in sorted(records, key=lambda one: one.at)))
        before = read(db)
        for kept in (one for one in TABLE if one.where == "journal" and one.days is not None):
            more = True
            while more:
                more = forgetting.forget_kept(
                    db,
                    kept.name,
                    NOW - timedelta(days=kept.days or 0),
                    now=NOW,
                    leaves=leaving(before, kept.types),
                    account=lambda gone, upto: [
                        Erased(at=NOW, kind=kind, count=gone[kind], upto=upto) for kind in gone
                    ],
                    limit=limit,
                ).more
        after = read(db)
    assert (after.plans, after.homes, after.statuses) == (before.plans, before.homes, before.statuses)
    assert after.alerts == before.alerts
    assert after.open_alerts() == before.open_alerts()


def read(db: Database) -> Board:
    board = Board()
    for entry in journal.read_after(db, 0):
        board.add(entry.record, recorded_at=entry.recorded_at)
    board._sweep(NOW)
    return board


def test_killed_at_any_moment_what_left_is_accounted_for_to_the_last(tmp_path: Path) -> None:
    """Whatever moment the kill falls on: left and accounted for make up what there was."""
    file, before = tmp_path / "centre.db", 300
    told(file, *(status(200 + n / 100) for n in range(before)), plan())
    work = f"""
        import asyncio, os, signal
        from pathlib import Path
        from tests.dashboard.test_retention import House
        import dashboard.retention as retention
        retention.TURN = 7
        house = House(Path({str(tmp_path)!r}))
        done = house.centre._on_disk
        turns = 0
        async def on_disk(writing):
            global turns
            turns += 1
            said = await done(writing)
            if turns == 9:
                os.kill(os.getpid(), signal.SIGKILL)
            return said
        house.centre._on_disk = on_disk
        asyncio.run(house.daily.look())
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(work)], check=False, env=os.environ)
    assert ended.returncode == -signal.SIGKILL
    with closing(journal.connect(file)) as db:
        records = [entry.record for entry in journal.read_after(db, 0)]
        gone = sum(one.count for one in records if isinstance(one, Erased))
        assert 0 < gone < before
        assert gone + sum(isinstance(one, Status) for one in records) == before


# Rows of the people store.


@pytest.mark.anyio
@pytest.mark.both_stores
async def test_what_ended_in_the_people_store_goes(tmp_path: Path, place: Where) -> None:
    with House(tmp_path, place=place) as house:
        sanne = people.add_staff(house.people, "s", first_name="S", initials="S", password="maan en sterren")
        people.start_session(house.people, sanne, NOW - timedelta(days=10))
        token = people.start_session(house.people, sanne, NOW)
        house.people.execute(
            "INSERT INTO session (token, staff, until, used_at) VALUES (?, ?, ?, 0)",
            (b"\x00", sanne, (NOW - timedelta(days=3)).timestamp()),
        )
        await house.daily.look()
        assert house.people.execute("SELECT count(*) FROM session").fetchone() == (1,)
        assert people.session(house.people, token, NOW) is not None
        assert [one.kind for one in left(house.centre) if isinstance(one, Erased)] == ["session"]


# The anchors of the access log.


def anchors(house: House) -> list[LogAnchored]:
    return [one for one in forgetting.accounts(house.centre._db) if isinstance(one, LogAnchored)]


async def three_days(house: House) -> None:
    for _ in range(3):
        for _ in range(4):
            house.look()
        await house.daily.look()
        house.clock.wait(days=1)


@pytest.mark.anyio
@pytest.mark.both_stores
async def test_a_log_that_is_as_it_was_written_fits_its_anchors(tmp_path: Path, place: Where) -> None:
    with House(tmp_path, place=place) as house:
        await three_days(house)
        house.look()
        assert [one.number for one in anchors(house)] == [4, 8, 12]
        assert access_log.verify(house.looks, anchors(house)) == (13, 12)


@pytest.mark.anyio
@pytest.mark.both_stores
@pytest.mark.parametrize(
    ("wrong", "from_on"),
    [
        ("UPDATE entry SET body = (SELECT body FROM entry WHERE number = 9) WHERE number = 6", 6),
        ("DELETE FROM entry WHERE number = 3", 3),
        ("DELETE FROM entry WHERE number > 10", 11),  # the end: the chain itself is whole, the anchor misses it
        ("DELETE FROM entry", 1),
        ("INSERT INTO begun SELECT 1, 4, body FROM entry WHERE number = 1; DELETE FROM entry WHERE number <= 4", 1),
    ],
)
async def test_whoever_changes_it_is_found_out(tmp_path: Path, place: Where, wrong: str, from_on: int) -> None:
    with House(tmp_path, place=place) as house:
        await three_days(house)
        for one in wrong.split(";"):
            house.looks.execute(one)
        with pytest.raises(Broken) as broken:
            access_log.verify(house.looks, anchors(house))
        assert broken.value.number == from_on


@pytest.mark.anyio
@pytest.mark.both_stores
async def test_whoever_writes_all_of_it_anew_is_found_out_by_the_anchors(tmp_path: Path, place: Where) -> None:
    with House(tmp_path, place=place) as house:
        await three_days(house)
        rows = house.looks.execute("SELECT number, body, digest FROM entry ORDER BY number")
        kept = [entry for _, entry in access_log.check(rows)]
        house.looks.execute("DELETE FROM entry")
        access_log.write(house.looks, *kept[:5], *kept[6:], kept[0])  # one left out; the chain is whole again
        with pytest.raises(Broken) as broken:
            access_log.verify(house.looks, anchors(house))
        assert broken.value.number == 5


@pytest.mark.anyio
@pytest.mark.both_stores
async def test_after_five_years_entries_leave_and_the_rest_still_fits(tmp_path: Path, place: Where) -> None:
    with House(tmp_path, place=place) as house:
        await three_days(house)
        house.clock.wait(days=5 * 365 + 1)
        house.look()
        await house.daily.look()
        assert access_log.verify(house.looks, anchors(house)) == (5, 13)
        assert [(one.kind, one.count) for one in left(house.centre) if isinstance(one, Erased)] == [("access-log", 8)]
        house.clock.wait(days=900)
        house.looks.execute("DELETE FROM entry WHERE number > 12")
        with pytest.raises(Broken):
            access_log.verify(house.looks, anchors(house))


# The table.


def test_every_kind_of_record_is_kept_for_one_time_and_a_reason() -> None:
    named = [one for kept in TABLE for one in kept.types]
    assert len(named) == len(set(named))
    assert set(Record.__args__) == set(named)
    assert all(kept.why for kept in TABLE)


def test_nothing_that_a_building_may_tell_again_leaves_before_it_has_forgotten_it() -> None:
    from gateway.keeping import TOLD_FOR

    assert all(timedelta(days=kept.days) > TOLD_FOR for kept in TABLE if kept.where == "journal" and kept.days)
    assert WILG
