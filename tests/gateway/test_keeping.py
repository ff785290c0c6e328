"""How long a building keeps what it wrote, and the one file that carries it to another machine."""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from care import homes, journal, link
from care.link import Outgoing
from care.records import CENTRE, Record
from gateway import keeping
from gateway.keeping import RAW_FOR, TOLD_FOR
from gateway.watch import Watch
from nachtwacht import cli
from tests.stories import a_home, a_site, events, instant

HOME = a_home()
SITE = a_site(HOME)
NIGHT = ["22:40 bed in", "02:10 bed out", "06:30 bed in"]
NOW = instant("06:30")


@pytest.fixture
def building(tmp_path: Path) -> Path:
    """A plan and a journal with a night that a watch has seen."""
    (tmp_path / "site.toml").write_text(homes.write(SITE), encoding="utf-8")
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        watch = Watch(SITE)
        for event in events(HOME, NIGHT):
            journal.write(db, [(event.at, event), *watch.take(event, event.at)])
        journal.save_snapshot(db, journal.last_number(db), watch.snapshot())
    return tmp_path


def run(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["gateway", *map(str, arguments)], env={"COLUMNS": "160"})
    return done.exit_code, done.output


def backed_up(building: Path) -> Path:
    out = building / "wilg.backup"
    code, said = run("backup", "--plan", building / "site.toml", "--journal", building / "gateway.db", "--out", out)
    assert (code, "written" in said) == (0, True)
    return out


@contextlib.contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(journal.connect(file)) as db:
        yield db


def kept(db: sqlite3.Connection) -> list[Record]:
    return [entry.record for entry in journal.read_after(db, 0)]


def test_what_sensors_said_leaves_after_a_month_and_what_the_centre_has_after_three(building: Path) -> None:
    with opened(building / "gateway.db") as db:
        (newest,) = events(HOME, ["06:31 bed out"])
        journal.append(db, [newest], recorded_at=newest.at)
        told = [number for number, _ in journal.to_send(db, CENTRE, after=0, limit=100)]
        assert told
        had = journal.last_number(db)
        assert keeping.forget(db, NOW + RAW_FOR - timedelta(hours=9), had=had) == 0
        assert keeping.forget(db, NOW + RAW_FOR + timedelta(minutes=1), had=had) == len(NIGHT)
        assert keeping.forget(db, NOW + TOLD_FOR + timedelta(minutes=1), had=0) == 0
        assert keeping.forget(db, NOW + TOLD_FOR + timedelta(minutes=1), had=had) == len(told)
        assert kept(db) == [newest]


def test_a_building_is_carried_to_another_machine_in_one_file(building: Path, tmp_path: Path) -> None:
    with opened(building / "gateway.db") as daemon:  # it goes on meanwhile
        backup = backed_up(building)
        before, theirs = kept(daemon), journal.identity(daemon)
        saved = journal.load_snapshot(daemon)
    there = tmp_path / "other"
    there.mkdir()
    code, _ = run("restore", backup, "--plan", there / "site.toml", "--journal", there / "gateway.db")
    assert code == 0
    assert (there / "site.toml").read_text() == (building / "site.toml").read_text()
    with opened(there / "gateway.db") as db:
        assert kept(db) == before
        assert journal.load_snapshot(db) == saved
        assert journal.identity(db) != theirs
    assert {one.name for one in there.iterdir()} == {"site.toml", "gateway.db"}


def test_a_restored_building_tells_the_centre_everything_and_the_centre_keeps_it_once(building: Path) -> None:
    backup = backed_up(building)
    with opened(building / "gateway.db") as db, opened(building / "centre.db") as centre:
        all_told(db, centre)
        before = kept(centre)
        keeping.restore(backup, building / "again.db", building / "again.toml")
        with opened(building / "again.db") as again:
            (late,) = Watch(SITE).told_plan(NOW)
            journal.write(again, [late])
            all_told(again, centre)
        assert kept(centre) == [*before, late[1]]


def all_told(db: sqlite3.Connection, centre: sqlite3.Connection) -> None:
    outgoing = Outgoing(db, CENTRE)
    while (batch := outgoing.next(0.0)) is not None:
        have, _ = link.take(centre, SITE.id, batch, recorded_at=NOW)
        outgoing.answered(have)


def test_nothing_that_is_there_is_overwritten_by_a_restore(building: Path) -> None:
    backup, before = backed_up(building), (building / "gateway.db").read_bytes()
    code, said = run("restore", backup, "--plan", building / "new.toml", "--journal", building / "gateway.db")
    assert (code, "is there already" in said) == (1, True)
    assert (building / "gateway.db").read_bytes() == before
    assert not (building / "new.toml").exists()


@pytest.mark.parametrize("damage", ["text", "journal", "cut"])
def test_what_is_no_whole_backup_is_refused_and_leaves_nothing(building: Path, damage: str) -> None:
    backup = backed_up(building)
    if damage == "text":
        backup.write_text("a letter\n" * 1_000)
    elif damage == "journal":
        backup = building / "gateway.db"  # without a plan in it
    else:
        backup.write_bytes(backup.read_bytes()[:-4096])
    code, said = run("restore", backup, "--plan", building / "new.toml", "--journal", building / "new.db")
    assert code == 1
    assert "backup" in said
    assert not list(building.glob("new.*"))


def test_a_journal_that_no_longer_begins_at_its_beginning_says_so(building: Path) -> None:
    look: list[str | Path] = ["findings", "--plan", building / "site.toml", "--journal", building / "gateway.db"]
    assert "are kept from" not in run(*look)[1]
    with opened(building / "gateway.db") as db:
        keeping.forget(db, instant("02:10") + RAW_FOR + timedelta(minutes=1), had=0)
    code, said = run(*look)
    assert code == 0
    assert "raw events are kept from 2026-" in said


def test_a_daemon_older_than_its_journal_says_so_and_leaves_it_alone(building: Path) -> None:
    with opened(building / "gateway.db") as db:
        db.execute(f"PRAGMA user_version={journal.VERSION + 1}")
    code, said = run("run", "--plan", building / "site.toml", "--journal", building / "gateway.db")
    assert code == 1
    assert said.strip().endswith(f"(journal {journal.VERSION + 1}, known {journal.VERSION}).")
