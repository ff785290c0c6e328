"""A centre moved into PostgreSQL: the same centre, or none; whatever happens on the way."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import argon2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from care import database, forgetting, journal
from care.database import Address, Database
from care.journal import Cursor
from dashboard import access_log, contacts, moving, moving_commands, people
from dashboard.access_log import Deed, Entry, Ground
from dashboard.commands import cli
from dashboard.moving import CannotMove, Differs, Files
from detectors.findings import Presence, Status
from detectors.homes import HomeId, ResidentId
from tests.conftest import examples
from tests.dashboard.conftest import NIGHT, plan
from tests.postgres import Postgres

NOW = datetime(2029, 6, 1, 12, tzinfo=UTC)
RECORDS, LOOKS = 400, 150


def status(minute: int) -> Status:
    return Status(at=NIGHT + timedelta(minutes=minute), home=HomeId("wilg/12"), presence=Presence.BED)


def lived(folder: Path, records: int = RECORDS) -> Files:
    """Make a centre as some nights leave it: records of its own and of a building, gaps, people, and who looked."""
    files = Files(folder / "centre.db", folder / "people.db")
    with closing(journal.connect(files.journal)) as book:
        journal.append(book, [plan()], recorded_at=NIGHT)
        for minute in range(0, records, 20):
            told = [status(n) for n in range(minute, minute + 20)]
            journal.append(book, told, recorded_at=told[-1].at, origin="wilg", cursor=Cursor("of-wilg", minute + 20))
        journal.save_snapshot(book, records // 2, b"what was remembered")
        book.execute("DELETE FROM journal WHERE number BETWEEN 30 AND 40")
        book.execute("INSERT INTO forgotten VALUES ('statuses', 40, ?)", (12,))
        journal.note_had(book, "wilg", 7)
    with closing(people.connect(files.people)) as rows:
        sanne = people.add_staff(rows, "sanne", first_name="Sanne", initials="SV", password="maan en sterren")
        for n in range(12):
            people.start_session(rows, sanne, NOW)
            people.name_resident(rows, ResidentId(f"r-{n}"), f"mevrouw de Groot-Öztürk {n}")
            riet = contacts.add(rows, ResidentId(f"r-{n}"), "Riet", contacts.Relation.NEIGHBOUR)
            contacts.set_address(rows, riet, "phone", "06 0000 0001")
        rows.execute("INSERT INTO attempt VALUES (1.5, x'00ff', 'here'), (1.5, x'00ff', 'here')")  # twice the same
        rows.execute("INSERT INTO attempt VALUES (1.5, x'00', ?)", ("typed by\x00 nobody we know",))
    with closing(access_log.connect(files.of(moving.PARTS[2]))) as looks:
        for n in range(LOOKS):
            entry = Entry(at=NOW, by="staff:s", deed=Deed.READ, what="home", ground=Ground.CARE, about=f"{n}")
            access_log.write(looks, entry)
    return files


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a password costs is told in test_people."""
    monkeypatch.setattr(people, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return lived(tmp_path)


def rows_of(files: Files) -> list[str]:
    rows = []
    for part in moving.PARTS:
        with closing(sqlite3.connect(files.of(part))) as db:
            rows += [*db.iterdump()]
    return rows


def assert_is_the_centre(files: Files, address: Address) -> None:
    """Whoever opens it finds what the files hold, and can go on."""
    with closing(journal.connect(files.journal)) as before, closing(journal.at(address)) as book:
        assert journal.read_after(book, 0) == journal.read_after(before, 0)
        assert journal.identity(book) == journal.identity(before)
        assert journal.cursor_of(book, "wilg") == journal.cursor_of(before, "wilg")
        assert journal.load_snapshot(book) == journal.load_snapshot(before)
        assert journal.had(book, "wilg") == 7
        last = journal.last_number(before)
        assert journal.append(book, [status(3)], recorded_at=NOW) == []  # known again by what it says
        entries = journal.append(book, [status(10_000)], recorded_at=NOW)
        assert entries[0].number > last
        assert journal.read_after(book, last) == entries
    with closing(people.at(address)) as rows:
        assert people.verify(people.credentials(rows, "sanne"), "maan en sterren") is not None
        assert people.Names(rows).resident(ResidentId("r-11")) == "mevrouw de Groot-Öztürk 11"
        assert rows.execute("SELECT count(*) FROM attempt WHERE client = 'here'").fetchone()[0] >= 2
    with closing(access_log.at(address)) as looks:
        assert access_log.verify(looks, []) == (LOOKS, 0)
        access_log.write(looks, Entry(at=NOW, by="system", deed=Deed.READ, what="home", ground=Ground.CARE))
        assert access_log.last(looks)[0] == LOOKS + 1


def test_a_centre_is_the_same_in_postgresql_and_its_files_stay(files: Files, postgres: Postgres) -> None:
    address, before = postgres.new(), rows_of(files)
    said = moving.move(files, address)
    assert said.startswith("The same on both sides")
    assert f"looks {LOOKS} rows" in said
    assert rows_of(files) == before
    assert moving.check(files, address) == said
    assert_is_the_centre(files, address)


def test_it_tells_how_far_it_is_up_to_the_end(
    files: Files, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "BATCH", 50)
    told: list[tuple[int, int]] = []
    moving.move(files, postgres.new(), tell=lambda done, of: told.append((done, of)))
    assert told == sorted(told)
    assert len({of for _, of in told}) == 1
    assert told[-1][0] == told[-1][1]
    assert len(told) > 20


def test_killed_half_way_it_is_no_centre_and_goes_on_where_it_was(
    files: Files, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = postgres.new()
    work = f"""
        import os, signal
        from pathlib import Path
        from dashboard import moving

        moving.BATCH = 50
        def tell(done, of):
            if done > 210:
                os.kill(os.getpid(), signal.SIGKILL)
        moving.move(moving.Files(Path({str(files.journal)!r}), Path({str(files.people)!r})), {address!r}, tell=tell)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(work)], check=False, env=os.environ)
    assert ended.returncode == -signal.SIGKILL
    with pytest.raises(sqlite3.OperationalError, match="no journal"):
        journal.at(address, read_only=True)
    with pytest.raises(CannotMove, match="stopped there"):
        moving.check(files, address)
    put: list[str] = []
    really = moving._put

    def counted(db: Database, table: str, names: str, batch: list[tuple[object, ...]]) -> None:
        put.extend([table] * len(batch))
        really(db, table, names, batch)

    monkeypatch.setattr(moving, "_put", counted)
    moving.move(files, address)
    assert 0 < put.count("journal") <= RECORDS - 11 - 150
    assert_is_the_centre(files, address)


@pytest.fixture
def few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "BATCH", 20)


@pytest.mark.usefixtures("few_at_a_time")
@settings(max_examples=examples(6), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stops=st.lists(st.integers(0, 900), max_size=4))
def test_stopped_as_often_as_you_like_it_comes_to_the_same(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory, stops: list[int]
) -> None:
    files, address = lived(tmp_path_factory.mktemp("centre"), records=60), postgres.new()
    whole = moving.move(files, postgres.new())
    for stop in stops:
        try:
            assert moving.move(files, address, tell=stopping(stop)) == whole
        except KeyboardInterrupt:
            continue
        break
    else:
        assert moving.move(files, address) == whole
    assert moving.check(files, address) == whole


def stopping(at_row: int) -> Callable[[int, int], None]:
    def tell(done: int, of: int) -> None:
        if done >= at_row:
            raise KeyboardInterrupt

    return tell


# What is refused.


def test_it_is_moved_once(files: Files, postgres: Postgres) -> None:
    address = postgres.new()
    moving.move(files, address)
    with pytest.raises(CannotMove, match="already"):
        moving.move(files, address)
    assert_is_the_centre(files, address)


def test_another_centre_is_not_written_over(files: Files, postgres: Postgres) -> None:
    address = postgres.new()
    with closing(journal.at(address)) as other:
        journal.append(other, [status(1)], recorded_at=NOW)
    with pytest.raises(CannotMove, match="not empty: journal has rows in journal"):
        moving.move(files, address)
    with closing(journal.at(address)) as other:
        assert [one.record for one in journal.read_after(other, 0)] == [status(1)]


def test_nor_are_its_people(files: Files, postgres: Postgres) -> None:
    address = postgres.new()
    with closing(people.at(address)) as other:
        people.name_resident(other, ResidentId("r-1"), "meneer Bakker")
    with pytest.raises(CannotMove, match="people has rows in resident"):
        moving.move(files, address)


@pytest.mark.parametrize("begun", [False, True], ids=["before", "while a move stood still"])
def test_an_empty_centre_that_was_only_looked_at_is_no_hindrance(files: Files, postgres: Postgres, begun: bool) -> None:
    address = postgres.new()
    if begun:
        with pytest.raises(KeyboardInterrupt):
            moving.move(files, address, tell=stopping(100))
    else:
        journal.at(address).close()
    people.at(address).close()
    moving.move(files, address)
    assert_is_the_centre(files, address)


def test_a_centre_that_began_there_meanwhile_is_not_written_over(files: Files, postgres: Postgres) -> None:
    address = postgres.new()
    with pytest.raises(KeyboardInterrupt):
        moving.move(files, address, tell=stopping(100))
    with closing(journal.at(address)) as other:
        journal.append(other, [status(1)], recorded_at=NOW)
    with pytest.raises(CannotMove, match="not empty"):
        moving.move(files, address)


def test_half_of_another_centre_is_thrown_away_only_if_that_is_said(
    files: Files, postgres: Postgres, tmp_path: Path
) -> None:
    address = postgres.new()
    (tmp_path / "other").mkdir()
    with pytest.raises(KeyboardInterrupt):
        moving.move(lived(tmp_path / "other"), address, tell=stopping(100))
    with pytest.raises(CannotMove, match="half of another centre"):
        moving.move(files, address)
    moving.move(files, address, anew=True)
    assert_is_the_centre(files, address)


def test_no_move_while_a_desk_runs_there_or_here(files: Files, postgres: Postgres) -> None:
    address = postgres.new()
    with closing(journal.at(address)) as desk:
        database.attend(desk)
        with pytest.raises(CannotMove, match="a desk runs on it"):
            moving.move(files, address)
    with closing(journal.connect(files.journal)) as desk:
        desk.execute("SELECT count(*) FROM journal").fetchone()
        with pytest.raises(CannotMove, match="The desk runs"):
            moving.move(files, address)
    moving.move(files, address)


def test_a_desk_does_not_begin_in_the_middle_of_a_move(files: Files, postgres: Postgres) -> None:
    address = postgres.new()
    refused: list[str] = []

    def tell(done: int, of: int) -> None:
        if not refused:
            with closing(journal.at(address)) as desk, pytest.raises(sqlite3.OperationalError) as error:
                database.attend(desk)
            refused.append(str(error.value))

    moving.move(files, address, tell=tell)
    assert "must be alone" in refused[0]
    assert_is_the_centre(files, address)


def test_files_of_an_older_make_are_first_made_todays(files: Files, postgres: Postgres) -> None:
    address = postgres.new()
    with closing(sqlite3.connect(files.people)) as db:
        db.execute("ALTER TABLE session DROP COLUMN through")
    with pytest.raises(CannotMove, match=r"people.db is of an older make"):
        moving.move(files, address)
    people.connect(files.people).close()
    with closing(sqlite3.connect(files.journal)) as db:
        db.execute("PRAGMA user_version=1")
    with pytest.raises(CannotMove, match=r"centre.db is of an older make"):
        moving.move(files, address)
    journal.connect(files.journal).close()
    moving.move(files, address)
    assert_is_the_centre(files, address)


def test_files_of_a_newer_make_are_left_alone(files: Files, postgres: Postgres) -> None:
    with closing(sqlite3.connect(files.people)) as db:
        db.execute(f"PRAGMA user_version={people.VERSION + 1}")
    with pytest.raises(CannotMove, match="newer version"):
        moving.move(files, postgres.new())
    with closing(sqlite3.connect(files.people)) as db:
        db.execute(f"PRAGMA user_version={people.VERSION}")
        db.execute("CREATE TABLE dream (of TEXT)")
    with pytest.raises(CannotMove, match=r"does not know \(dream\)"):
        moving.move(files, postgres.new())


# Both sides are compared.


@pytest.mark.parametrize(
    ("store", "wrong", "told"),
    [
        ("people", "INSERT INTO attempt VALUES (1.5, '\\x00ff', 'here')", r"people.attempt \(here 3 rows, there 4\)"),
        ("looks", "DELETE FROM entry WHERE number = 7", r"looks.entry \(here 150 rows, there 149\)"),
        (
            "journal",
            "UPDATE journal SET recorded_at = recorded_at + 1 WHERE number = 9",
            r"journal.journal \(other rows\)",
        ),
        ("people", "UPDATE resident SET name = 'x' WHERE id = 'r-4'", r"people.resident \(other rows\)"),
        (
            "journal",
            "CREATE TABLE more (a BIGINT); INSERT INTO more VALUES (1)",
            r"journal.more \(here 0 rows, there 1\)",
        ),
    ],
)
def test_a_row_too_many_too_few_or_changed_is_found(
    files: Files, postgres: Postgres, store: str, wrong: str, told: str
) -> None:
    address = postgres.new()
    moving.move(files, address)
    with closing(database.shared(address, store)) as db:
        for statement in wrong.split(";"):
            db.execute(statement)
    with pytest.raises(Differs, match=told) as differs:
        moving.check(files, address)
    assert str(differs.value).count("(") == 1, "and nothing else"


def test_files_that_changed_while_a_move_stood_still_are_not_half_moved(
    files: Files, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "BATCH", 50)
    address = postgres.new()
    with pytest.raises(KeyboardInterrupt):
        moving.move(files, address, tell=stopping(100))
    with closing(journal.connect(files.journal)) as book:
        forgetting.put_instead(book, 2, status(-1))  # as when somebody was taken out
    with pytest.raises(Differs, match=r"journal\.journal"):
        moving.move(files, address)
    with pytest.raises(sqlite3.OperationalError, match="no journal"):
        journal.at(address, read_only=True)
    moving.move(files, address, anew=True)
    assert_is_the_centre(files, address)


# The command.


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["move", *words])
    return done.exit_code, done.output


def test_whoever_keeps_a_centre_moves_it_with_one_command(files: Files, postgres: Postgres) -> None:
    address = postgres.new()
    secret = Address(address.replace("nachtwacht@", "nachtwacht:geheim@"))
    stores = ("--journal", str(files.journal), "--people", str(files.people), "--to", secret)
    code, said = run(*stores, "--check")
    assert (code, "There is no centre in" in said) == (1, True)
    assert "geheim" not in said
    code, said = run(*stores)
    assert code == 0, said
    assert "The same on both sides" in said
    assert "Put the files away" in said
    assert "geheim" not in said
    assert run(*stores, "--check")[0] == 0
    code, said = run(*stores)
    assert (code, "already" in said, "geheim" in said) == (1, True, False)


def test_a_bar_shows_how_far_it_is_to_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    bar = moving_commands._Bar()
    bar.tell(1, 10)
    assert bar._progress is None, "nobody has waited yet"
    monkeypatch.setattr(moving_commands, "SILENT_S", 0.0)
    for done in (2, 4):
        bar.tell(done, 10)
    assert bar._progress is not None
    assert [one.percentage for one in bar._progress.tasks] == [40]
    bar.end()


def test_what_cannot_be_is_said_in_a_sentence(files: Files, tmp_path: Path) -> None:
    stores = ("--journal", str(files.journal), "--people", str(files.people))
    nobody = "postgresql://desk:geheim@127.0.0.1:1/centre"
    code, said = run(*stores, "--to", nobody)
    assert (code, "Cannot use postgresql://desk@127.0.0.1:1/centre" in said) == (1, True)
    code, said = run("--journal", str(tmp_path / "none.db"), "--people", str(files.people), "--to", nobody)
    assert (code, said.startswith("There is no ")) == (1, True)
    code, said = run(*stores, "--to", "centre2.db")
    assert (code, "is no address" in said) == (2, True)
