"""The one file that carries a building to another machine: all of it, or nothing, and only for who may have it."""

import contextlib
import json
import os
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from care import homes, journal, link
from care.link import Outgoing
from care.records import CENTRE
from gateway.installer import backups
from gateway.installer.backups import NoBackup, Part, Places
from gateway.watch import Watch
from nachtwacht import cli
from tests.gateway.kept import kept, opened
from tests.stories import a_home, a_site, events, instant

HOME = a_home()
SITE = a_site(HOME)
NIGHT = ["22:40 bed in", "02:10 bed out", "06:30 bed in"]
NOW = instant("06:30")
KEYS = {"coordinator_ieee": "00124b0012345678", "network_key": {"key": "0123456789abcdef0123456789abcdef"}}


def places(machine: Path) -> Places:
    folders = {part: machine / part for part in Part}
    return Places(machine / "site.toml", machine / "gateway.db", folders)


@pytest.fixture
def building(tmp_path: Path) -> Path:
    """A gateway with a plan, a journal with a night that a watch has seen, a certificate and a Zigbee network."""
    machine = tmp_path / "first"
    for part in Part:
        (machine / part).mkdir(parents=True)
    (machine / "site.toml").write_text(homes.write(SITE), encoding="utf-8")
    (machine / "identity" / "gateway.pem").write_text("key and certificate")
    (machine / "identity" / "gateway.pem").chmod(0o600)
    (machine / "broker" / "passwords").write_text("gateway:hash")
    (machine / "bridge" / "configuration.yaml").write_text("mqtt: {}\n")
    (machine / "bridge" / "coordinator_backup.json").write_text(json.dumps(KEYS))
    (machine / "bridge" / "database.db").write_text('{"id":1,"type":"Coordinator"}\n')
    (machine / "bridge" / "log").mkdir()
    (machine / "bridge" / "log" / "old.log").write_text("not carried")
    (machine / "bridge" / "external_converters").mkdir()
    (machine / "bridge" / "external_converters" / "pad.js").write_text("// a bed pad")
    with contextlib.closing(journal.connect(machine / "gateway.db")) as db:
        watch = Watch(SITE)
        for event in events(HOME, NIGHT):
            journal.write(db, [(event.at, event), *watch.take(event, event.at)])
        journal.save_snapshot(db, journal.last_number(db), watch.snapshot())
    return machine


@pytest.fixture
def spare(tmp_path: Path) -> Path:
    """A machine with nothing on it."""
    (tmp_path / "spare").mkdir()
    return tmp_path / "spare"


def run(*arguments: str | Path, machine: Path) -> tuple[int, str]:
    where = [
        *("--plan", machine / "site.toml", "--journal", machine / "gateway.db", "--identity", machine / "identity"),
        *("--broker-files", machine / "broker", "--bridge", machine / "bridge"),
    ]
    command = [str(one) for one in (*arguments, *where)]
    done = CliRunner().invoke(cli, command, input="n\n", env={"COLUMNS": "160", "LANG": "C"})
    return done.exit_code, done.output


def backed_up(building: Path, *more: str | Path) -> Path:
    out = building.parent / "wilg.backup"
    code, said = run("backup", "--out", out, *more, machine=building)
    assert (code, "written and read again" in said) == (0, True), said
    return out


def all_files(machine: Path) -> dict[str, bytes]:
    return {str(one.relative_to(machine)): one.read_bytes() for one in machine.rglob("*") if one.is_file()}


def test_a_building_is_carried_to_a_spare_machine_in_one_file(building: Path, spare: Path) -> None:
    with opened(building / "gateway.db") as daemon:  # it goes on meanwhile
        backup = backed_up(building)
        before, theirs = kept(daemon), journal.identity(daemon)
        saved = journal.load_snapshot(daemon)
    code, said = run("restore", backup, "--yes", machine=spare)
    assert code == 0, said
    assert "Never start the old machine again." in said
    with opened(spare / "gateway.db") as db:
        assert kept(db) == before
        assert journal.load_snapshot(db) == saved
        assert journal.identity(db) != theirs
    for name in (
        "site.toml", "identity/gateway.pem", "broker/passwords", "bridge/configuration.yaml", "bridge/database.db",
        "bridge/coordinator_backup.json", "bridge/external_converters/pad.js",
    ):  # fmt: skip
        assert (spare / name).read_bytes() == (building / name).read_bytes()
    assert {one.name for one in spare.iterdir()} == {"site.toml", "gateway.db", "identity", "broker", "bridge"}
    assert not (spare / "bridge" / "log").exists()
    assert (spare / "identity" / "gateway.pem").stat().st_mode & 0o777 == 0o600


def test_what_is_restored_belongs_to_whom_its_folder_belongs(building: Path, spare: Path) -> None:
    """Root restores; the daemon, Zigbee2MQTT and the broker are users of their own, and read it."""
    owner = (4321, 4322) if os.geteuid() == 0 else (os.geteuid(), os.getegid())  # only root can give files away
    os.chown(spare, *owner)
    assert run("restore", backed_up(building), "--yes", machine=spare)[0] == 0
    assert {(one.stat().st_uid, one.stat().st_gid) for one in spare.rglob("*")} == {owner}
    assert (spare / "site.toml").stat().st_mode & 0o777 == 0o644, "the daemon is not root"


def test_only_its_owner_can_read_a_backup(building: Path) -> None:
    os.umask(os.umask(0o022))
    assert backed_up(building).stat().st_mode & 0o777 == 0o600


def test_a_sealed_backup_shows_nothing_and_opens_by_its_passphrase(building: Path, spare: Path) -> None:
    phrase, other = building.parent / "phrase", building.parent / "other"
    phrase.write_text("paard batterij nietje\nand more lines\n")
    other.write_text("iets anders\n")
    backup = backed_up(building, "--passphrase", phrase)
    assert b"0123456789abcdef" not in backup.read_bytes()
    assert b"SQLite" not in backup.read_bytes()
    assert "its passphrase is needed" in run("restore", backup, "--yes", machine=spare)[1]
    code, said = run("restore", backup, "--yes", "--passphrase", other, machine=spare)
    assert (code, "The passphrase is another one" in said) == (1, True)
    assert all_files(spare) == {}
    assert run("restore", backup, "--yes", "--passphrase", phrase, machine=spare)[0] == 0
    assert all_files(spare)["bridge/coordinator_backup.json"] == json.dumps(KEYS).encode()
    assert not [one for one in building.iterdir() if one.name.startswith(".")], "no copy lies open anywhere"


def test_a_restored_building_tells_the_centre_everything_and_the_centre_keeps_it_once(
    building: Path, spare: Path
) -> None:
    backup = backed_up(building)
    with opened(building / "gateway.db") as db, opened(building / "centre.db") as centre:
        all_told(db, centre)
        before = kept(centre)
        backups.restore(backup, places(spare))
        with opened(spare / "gateway.db") as again:
            (late,) = Watch(SITE).told_plan(NOW)
            journal.write(again, [late])
            all_told(again, centre)
        assert kept(centre) == [*before, late[1]]


def all_told(db: sqlite3.Connection, centre: sqlite3.Connection) -> None:
    outgoing = Outgoing(db, CENTRE)
    while (batch := outgoing.next(0.0)) is not None:
        have, _ = link.take(centre, SITE.id, batch, recorded_at=NOW)
        outgoing.answered(have)


@pytest.mark.parametrize("there", ["gateway.db", "site.toml", "bridge/configuration.yaml", "identity/gateway.pem"])
def test_nothing_that_is_there_is_overwritten_by_a_restore(building: Path, spare: Path, there: str) -> None:
    backup = backed_up(building)
    (spare / there).parent.mkdir(exist_ok=True)
    (spare / there).write_text("somebody's")
    before = all_files(spare)
    code, said = run("restore", backup, "--yes", machine=spare)
    assert (code, f"{there} is there already. Nothing was changed." in said.replace("\n", "")) == (1, True)
    assert all_files(spare) == before


@pytest.mark.parametrize("damage", ["text", "journal", "cut"])
def test_what_is_no_whole_backup_is_refused_and_leaves_nothing(building: Path, spare: Path, damage: str) -> None:
    backup = backed_up(building)
    if damage == "text":
        backup.write_text("a letter\n" * 1_000)
    elif damage == "journal":
        backup = building / "gateway.db"  # without a plan in it
    else:
        backup.write_bytes(backup.read_bytes()[:-4096])
    code, said = run("restore", backup, "--yes", machine=spare)
    assert code == 1
    assert "backup" in said
    assert all_files(spare) == {}


@pytest.mark.parametrize("name", ["../../etc/shadow", "/etc/shadow", ""])
def test_a_file_that_would_leave_its_folder_is_no_backup(building: Path, spare: Path, name: str) -> None:
    backup = backed_up(building)
    with contextlib.closing(sqlite3.connect(backup)) as db, db:
        db.execute("UPDATE carried SET name = ? WHERE name = 'gateway.pem'", (name,))
    with pytest.raises(NoBackup):
        backups.restore(backup, places(spare))
    assert all_files(spare) == {}


def test_wherever_a_restore_is_cut_off_the_next_one_comes_to_its_end(building: Path, spare: Path) -> None:
    """The power goes at any write: without the plan no daemon starts, and what lies there is put down anew."""
    backup = backed_up(building)
    whole = {**all_files(building)}
    cuts = 0
    while True:
        child = os.fork()
        if child == 0:
            cut_off_at(cuts)
            backups.restore(backup, places(spare))
            os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if ended == 0:
            break
        assert ended == 9, "cut off, not failed"
        if (spare / "site.toml").exists():
            assert all_files(spare)["identity/gateway.pem"] == whole["identity/gateway.pem"], "the plan comes last"
            assert (spare / "gateway.db").exists()
            shutil.rmtree(spare)  # nothing was left to do but to clear up
            spare.mkdir()
        cuts += 1
    assert cuts > 20
    after = all_files(spare)
    assert {name: after[name] for name in after if name != "gateway.db"} == {
        name: whole[name] for name in after if name != "gateway.db"
    }


def cut_off_at(number: int) -> None:
    """Let this process die at the so-manyth time that it makes, moves or settles a file."""
    left = [number]

    def dying(real: object) -> object:
        def act(*arguments: object, **more: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)
            return real(*arguments, **more)  # type: ignore[operator]

        return act

    for name in ("fsync", "open", "replace"):
        setattr(os, name, dying(getattr(os, name)))
    Path.replace = dying(Path.replace)  # type: ignore[method-assign, assignment]
    Path.unlink = dying(Path.unlink)  # type: ignore[method-assign, assignment]


def test_each_night_a_file_and_the_oldest_one_goes(building: Path) -> None:
    stick = building.parent / "stick"
    stick.mkdir()
    for day in range(1, 5):
        (stick / f"wilg-2026-01-0{day}.backup").write_text("older")
    (stick / "els-2026-01-01.backup").write_text("of another building")
    code, said = run("backup", "--out", stick, "--keep", "3", "--json", machine=building)
    assert code == 0, said
    names = sorted(one.name for one in stick.iterdir())
    assert names[:3] == ["els-2026-01-01.backup", "wilg-2026-01-03.backup", "wilg-2026-01-04.backup"]
    assert len(names) == 4


def test_what_a_backup_lacks_is_said(building: Path) -> None:
    (building / "bridge" / "coordinator_backup.json").unlink()
    (building / "identity" / "gateway.pem").unlink()
    out = building.parent / "wilg.backup"
    code, said = run("backup", "--out", out, machine=building)
    assert code == 0
    assert "Not in it, for it is not on this machine: who this gateway is to its centre." in said
    assert "The coordinator's own copy is not there yet." in said


def test_a_dry_run_says_what_is_in_it_and_changes_nothing(building: Path, spare: Path) -> None:
    backup = backed_up(building)
    code, said = run("restore", backup, "--dry-run", "--json", machine=spare)
    assert code == 0
    held = json.loads(said.splitlines()[-1])
    assert (held["site"], held["homes"], held["lacks"]) == ("wilg", 1, [])
    assert "gateway.pem" in held["files"]["identity"]
    assert all_files(spare) == {}


def test_nobody_becomes_a_gateway_without_being_asked(building: Path, spare: Path) -> None:
    assert run("restore", backed_up(building), machine=spare)[0] == 3
    assert all_files(spare) == {}


def test_a_backup_that_cannot_be_written_leaves_the_one_of_yesterday(building: Path) -> None:
    backup = backed_up(building)
    before = backup.read_bytes()
    (building / "site.toml").write_text("this is no plan")
    code, _ = run("backup", "--out", backup, machine=building)
    assert code == 1
    assert backup.read_bytes() == before


def test_the_journal_alone_is_put_back_in_place_of_another(building: Path) -> None:
    with opened(building / "gateway.db") as db:
        before = kept(db)
    about = backups.back_up(places(building), building / "before.backup", datetime(2026, 3, 1, tzinfo=UTC))
    assert about.made_at == datetime(2026, 3, 1, tzinfo=UTC)
    with opened(building / "gateway.db") as db:
        journal.append(db, events(HOME, ["06:40 bed out"]), recorded_at=NOW)
    backups.take_journal(building / "before.backup", building / "gateway.db")
    with opened(building / "gateway.db") as db:
        assert kept(db) == before
