"""A home replayed through a real broker is found to be what it is when its events are fed straight in."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path

import msgspec
import pytest
from paho.mqtt import publish

from care import journal
from care.clock import REHEARSAL_TOPIC
from care.homes import Site
from care.records import Plan, Record
from detectors import vigil
from detectors.findings import Cleared, Finding, Withheld
from detectors.homes import HomeId, Limits, Night
from detectors.moments import Moment, SensorEvent, Tick
from gateway import daemon, recordings, rehearsal, stage
from gateway.building import Settings
from gateway.watch import Watch
from tests.conftest import Mosquitto
from tests.stories import instant

REAL = Path(__file__).parents[3] / "shared" / "recordings"
"""Recordings of real homes are never part of the project. Where they lie beside it, they are replayed too."""
DAYS = {"casas_al": 31, "ordonez_A": 14}

Said = Finding | Cleared | Withheld


def test_a_rehearsed_night_through_a_broker_is_found_as_its_events_are(mosquitto: Mosquitto, tmp_path: Path) -> None:
    site = rehearsal.site()
    fall = rehearsal.Incident(
        home=HomeId("wilg/12"), kind=rehearsal.Mishap.FALL, at=instant("02:00"), until=instant("04:00")
    )
    night = list(rehearsal.night(site, seed=7, start=instant("22:00"), hours=10, incidents=[fall]))
    assert any(one.what == "bath" for one in through_the_broker(site, night, mosquitto, tmp_path))


@pytest.mark.parametrize("name", [name for name in DAYS if (REAL / name).is_dir()])
def test_a_real_home_through_a_broker_is_found_as_its_events_are(
    name: str, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    site = on_edge(recordings.plan_of(REAL / name))
    assert through_the_broker(site, list(recordings.events(REAL / name, site, days=DAYS[name])), mosquitto, tmp_path)


def on_edge(site: Site) -> Site:
    """Return the site with nights and limits that find something in ordinary nights too."""
    night, limits = (
        Night(start=time_of_day(22), end=time_of_day(12)),
        Limits(bath=3, still=4, oob_unseen=2, oob_active=6),
    )
    homes = tuple(msgspec.structs.replace(home, night=night, limits=limits) for home in site.homes)
    return msgspec.structs.replace(site, homes=homes)


def through_the_broker(site: Site, moments: Sequence[Moment], mosquitto: Mosquitto, folder: Path) -> list[Finding]:
    """Play moments as fast as the broker takes them; check that what is found is what is found without it."""
    here = (mosquitto.host, mosquitto.port)
    file = folder / "gateway.db"
    stop = threading.Event()
    settings = Settings(site=site, journal=file, broker=here, centre=here, rehearsal=True)
    gateway = threading.Thread(target=daemon.run, args=(settings, stop), daemon=True)
    gateway.start()
    try:
        until_it_listens(here, file, moments[0].at)
        stage.play(moments, site, host=here[0], port=here[1])
        events = sum(isinstance(one, SensorEvent) for one in moments)
        end = time.monotonic() + 150
        while sum(isinstance(one, SensorEvent) for one in kept(file)) < events:
            assert time.monotonic() < end
            time.sleep(0.1)
    finally:
        stop.set()
        gateway.join(20)
    settled = moments[-1].at - vigil.WINDOW
    through = said_by(kept(file), settled)
    assert through == said_by(straight(site, moments), settled)
    return [one for one in through if isinstance(one, Finding)]


def until_it_listens(broker: tuple[str, int], file: Path, start: datetime) -> None:
    """Tell the time until the building has told its plan, which it does when it first hears what time it is."""
    end = time.monotonic() + 20
    while not any(isinstance(one, Plan) for one in kept(file)):
        assert time.monotonic() < end
        publish.single(
            REHEARSAL_TOPIC, start.replace(microsecond=0).isoformat(), qos=1, hostname=broker[0], port=broker[1]
        )
        time.sleep(0.05)


def kept(file: Path) -> list[Record]:
    records, number = list[Record](), 0
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(journal.connect(file, read_only=True)) as db:
        while batch := journal.read_after(db, number):
            records += [entry.record for entry in batch]
            number = batch[-1].number
    return records


def straight(site: Site, moments: Sequence[Moment]) -> list[Record]:
    """Return what the watch says of moments that are simply handed to them, dated to the millisecond as bridges do."""
    watch = Watch(site)
    said: list[Record] = []
    for exact in moments:
        if not isinstance(exact, Tick):
            at = exact.at - timedelta(microseconds=exact.at.microsecond % 1000)
            said += [one for _, one in watch.take(msgspec.structs.replace(exact, at=at), at)]
    return [*said, *(one for _, one in watch.advance(moments[-1].at))]


def said_by(records: Iterable[Record], until: datetime) -> list[Said]:
    said = [one for one in records if isinstance(one, Said) and one.at <= until]
    return sorted(said, key=lambda one: (one.at, one.home, one.what, type(one).__name__))
