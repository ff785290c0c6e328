"""How long a building keeps what it wrote."""

import contextlib
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from care import homes, journal
from care.records import CENTRE
from gateway import keeping
from gateway.keeping import RAW_FOR, TOLD_FOR
from gateway.watch import Watch
from nachtwacht import cli
from tests.gateway.kept import kept, opened
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
