"""A disk that refuses, and a journal that is damaged."""

import contextlib
import dataclasses
import sqlite3
import threading
from pathlib import Path

import msgspec
import pytest

from care import journal
from detectors.findings import Finding, What
from detectors.moments import SensorEvent
from gateway import daemon, damage
from gateway.building import Gateway, Settings
from tests.conftest import Mosquitto
from tests.gateway.daemons import HOME, Building, Ear, a_gateway
from tests.stories import a_home, a_site, instant
from tests.stories import events as story


@pytest.mark.parametrize(
    ("pragma", "why"), [("max_page_count = 1", "full"), ("query_only = ON", "readonly")], ids=["full", "read-only"]
)
def test_a_disk_that_refuses_ends_the_daemon_and_the_centre_hears_of_it(
    mosquitto: Mosquitto, tmp_path: Path, ear: Ear, monkeypatch: pytest.MonkeyPatch, pragma: str, why: str
) -> None:
    real = journal.connect

    def refusing(file: Path | str, *, read_only: bool = False) -> sqlite3.Connection:
        db = real(file, read_only=read_only)
        db.execute(f"PRAGMA {pragma}")
        return db

    building = Building(mosquitto, tmp_path, f"z2m-{tmp_path.name}", rehearsal=False)
    journal.connect(building.file).close()
    monkeypatch.setattr(journal, "connect", refusing)
    many = a_site(*(a_home(str(number)) for number in range(10, 60)))  # their plan alone is more than a page
    with pytest.raises(sqlite3.OperationalError, match=why):
        daemon.run(dataclasses.replace(building.settings, site=many), bounded())
    ear.until(lambda _: [one.trouble for one in ear.beats()][-1:] == ["disk"])
    building.close()


def bounded() -> threading.Event:
    """Return what stops a daemon that should have ended by itself long before."""
    stop = threading.Event()
    late = threading.Timer(20, stop.set)
    late.daemon = True
    late.start()
    return stop


def a_damaged_journal(folder: Path, where: str) -> Path:
    gateway = a_gateway(folder)
    lived = events_of_a_night()
    for event in lived:
        gateway.write([(event.at, event), *gateway.watch.take(event, event.at)])
    gateway.save(at_once=True)
    gateway.write([(instant("23:00"), event) for event in lived])
    gateway.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    gateway.db.close()
    file = folder / "gateway.db"
    body = bytearray(file.read_bytes())
    start = 0 if where == "head" else 4096
    body[start : start + 3000] = b"\xa5" * 3000
    file.write_bytes(body)
    return file


def events_of_a_night() -> list[SensorEvent]:
    return story(HOME, ["22:10 badkamer", "22:40 bed in", "02:09 bed out", "02:10 badkamer", "02:15 bed in"])


@pytest.mark.parametrize("where", ["head", "pages"])
def test_a_damaged_journal_is_set_aside_and_told_and_the_building_watched_on(tmp_path: Path, where: str) -> None:
    file = a_damaged_journal(tmp_path, where)
    gateway = Gateway.opened(a_gateway_settings(file))
    (aside,) = [one for one in tmp_path.iterdir() if ".damaged-" in one.name and one.name.endswith("Z")]
    assert b"\xa5" * 3000 in aside.read_bytes()
    told = [entry.record for entry in journal.read_after(gateway.db, 0)]
    assert [(one.what, one.home) for one in told if isinstance(one, Finding)] == [(What.JOURNAL, "wilg/*")]
    gateway.db.close()
    again = Gateway.opened(a_gateway_settings(file))
    assert journal.count(again.db) == len(told)  # told once
    again.db.close()


def a_gateway_settings(file: Path) -> Settings:
    nowhere = ("127.0.0.1", 1)
    return Settings(site=a_site(HOME), journal=file, broker=nowhere, centre=nowhere)


def test_what_was_learned_outlives_a_damaged_journal_where_it_can_be_read(tmp_path: Path) -> None:
    gateway = a_gateway(tmp_path)
    for event in events_of_a_night():
        gateway.write([(event.at, event), *gateway.watch.take(event, event.at)])
    gateway.watch.go_on(instant("03:00"))
    gateway.save(at_once=True)
    gateway.db.close()
    damage.set_aside(gateway.settings.journal, instant("03:00"), "by a test")
    again = Gateway.opened(gateway.settings)
    vigils = [msgspec.json.decode(one.watch.snapshot())["vigils"] for one in (gateway, again)]
    assert vigils[0] == vigils[1]
    again.db.close()


def test_a_journal_that_is_damaged_while_it_is_used_is_set_aside_for_the_next_start(
    mosquitto: Mosquitto, tmp_path: Path, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    building = Building(mosquitto, tmp_path, f"z2m-{tmp_path.name}", rehearsal=False)
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT

    def malformed(*_: object) -> None:
        raise error

    monkeypatch.setattr(Gateway, "tick", malformed)
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        daemon.run(building.settings, bounded())
    ear.until(lambda _: [one.trouble for one in ear.beats()][-1:] == ["journal"])
    assert not building.file.exists() or journal_is_new(building.file)
    building.close()


def journal_is_new(file: Path) -> bool:
    with contextlib.closing(journal.connect(file, read_only=True)) as db:
        return journal.count(db) == 0
