"""The daemon in the building, with a real broker: what is received is kept, and nothing that is sent stops it."""

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from care import journal, link, teaching
from care.clock import REHEARSAL_TOPIC
from care.link import Batch
from care.records import Plan, Ranked, Record, Teaching, Trouble, Unreadable, encode
from detectors.findings import Finding, Status
from detectors.homes import Home, Limits
from detectors.moments import Origin, SensorEvent
from gateway import daemon
from gateway.connection import leave
from gateway.daemon import Settings
from tests.conftest import Mosquitto, new_mosquitto
from tests.stories import LIMITS, a_home, a_site, brief, instant

HOME = a_home(limits=msgspec.structs.replace(LIMITS, oob_unseen=7))  # sooner than anything that is learned


class Building:
    """A daemon in a thread, and a hand that publishes what sensors would."""

    def __init__(
        self, broker: Mosquitto, folder: Path, base: str, *, rehearsal: bool = True, home: Home = HOME
    ) -> None:
        self.broker, self.base = broker, base
        self.file = folder / "gateway.db"
        here = (broker.host, broker.port)
        self.settings = Settings(
            site=a_site(home), journal=self.file, broker=here, centre=here, base=base, rehearsal=rehearsal
        )
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.hand = mqtt.Client(CallbackAPIVersion.VERSION2, f"hand-{base}", protocol=mqtt.MQTTv311)
        self.hand.connect(broker.host, broker.port)
        self.hand.loop_start()

    def start(self) -> None:
        self._stop.clear()
        self._thread = threading.Thread(target=daemon.run, args=(self.settings, self._stop), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(20)
            assert not self._thread.is_alive()

    def close(self) -> None:
        self.stop()
        leave(self.hand)

    def clock(self, at: datetime) -> None:
        self.hand.publish(REHEARSAL_TOPIC, at.isoformat(), qos=1).wait_for_publish(10)

    def say(self, name: str, payload: dict[str, object] | bytes, *, retain: bool = False) -> None:
        body = payload if isinstance(payload, bytes) else json.dumps(payload)
        self.hand.publish(f"{self.base}/{name}", body, qos=1, retain=retain).wait_for_publish(10)

    def records(self) -> list[Record]:
        try:
            with contextlib.closing(journal.connect(self.file, read_only=True)) as db:
                return [entry.record for entry in journal.read_after(db, 0)]
        except sqlite3.OperationalError:
            return []  # not there yet

    def until(self, done: Callable[[list[Record]], bool], seconds: float = 20) -> list[Record]:
        """Wait, bounded, until the journal says so."""
        end = time.monotonic() + seconds
        while not done(records := self.records()):
            assert time.monotonic() < end, records[-5:]
            time.sleep(0.02)
        return records


@pytest.fixture
def home() -> Home:
    return HOME


@pytest.fixture
def building(mosquitto: Mosquitto, tmp_path: Path, home: Home) -> Iterator[Building]:
    building = Building(mosquitto, tmp_path, f"z2m-{tmp_path.name}", home=home)
    building.start()
    # The subscription is there when a clock message arrives: the plan is then told.
    end = time.monotonic() + 20
    while not any(isinstance(one, Plan) for one in building.records()):
        building.clock(instant("22:00"))
        assert time.monotonic() < end
        time.sleep(0.05)
    yield building
    building.close()


def seen(at: str, **values: object) -> dict[str, object]:
    return {**values, "last_seen": instant(at).isoformat()}


def events(records: list[Record]) -> list[SensorEvent]:
    return [one for one in records if isinstance(one, SensorEvent)]


def test_a_message_becomes_an_event_a_status_and_in_time_a_finding(building: Building) -> None:
    for at, name, values in [("22:40", "12/bed", {"occupancy": True}), ("02:10", "12/bed", {"occupancy": False})]:
        building.clock(instant(at))
        building.say(name, seen(at, **values))
    building.clock(instant("02:31"))
    records = building.until(lambda records: any(isinstance(one, Finding) for one in records))
    assert [brief(one) for one in records if isinstance(one, Finding)] == ["02:17 oob-unseen"]
    assert [one.presence for one in records if isinstance(one, Status)] == ["bed", "up"]


@pytest.mark.parametrize("home", [a_home(limits=Limits(bath=40, still=60))])
@pytest.mark.parametrize("restart", [False, True])
def test_what_the_centre_teaches_is_watched_by_also_after_a_restart(building: Building, restart: bool) -> None:
    pools = {name: Ranked(None) for name in teaching.pools_of("general")}
    taught = Teaching(at=instant("17:00"), site=building.settings.site.id, pools=pools)
    order = link.encode(Batch("journal-of-centre", 0, 1, (msgspec.Raw(encode(taught)),)))
    building.hand.publish(link.down_topic("wilg"), order, qos=1).wait_for_publish(10)
    building.until(lambda records: taught in records)
    if restart:
        building.stop()
        building.start()
    for at, name, value in [("22:40", "bed", True), ("02:09", "bed", False), ("02:10", "badkamer", True)]:
        building.clock(instant(at))
        building.say(f"12/{name}", seen(at, occupancy=value))
    building.clock(instant("02:52"))
    records = building.until(lambda records: any(isinstance(one, Finding) for one in records))
    # By what is shipped, so long a visit would be told after a quarter of an hour.
    assert [brief(one) for one in records if isinstance(one, Finding)] == ["02:50 bath"]


@pytest.mark.parametrize(
    ("name", "payload", "trouble"),
    [
        ("12/bed", b"{not json", Trouble.UNREADABLE),
        ("12/bed", b'{"occupancy": "perhaps"}', Trouble.UNREADABLE),
        ("14/bed", b'{"occupancy": true}', Trouble.UNKNOWN_SENSOR),
        ("12/bed", b'{"occupancy": true, "last_seen": "2026-03-03T02:00:00"}', Trouble.CLOCK),
        ("12/bed", b'{"occupancy": true, "last_seen": "2031-01-01T00:00:00Z"}', Trouble.CLOCK),
        ("12/bed", b"\x00" * 1_000_000, Trouble.TOO_LARGE),
    ],
    ids=["not-json", "wrong-type", "unknown-sensor", "naive-date", "future-date", "one-megabyte"],
)
def test_bad_input_stops_nothing_and_is_kept_for_the_installer(
    building: Building, name: str, payload: bytes, trouble: Trouble
) -> None:
    building.say(name, payload)
    building.clock(instant("23:00"))
    building.say("12/badkamer", seen("23:00", occupancy=True))
    records = building.until(lambda records: any(one.sensor == "12/badkamer" for one in events(records)))
    (kept,) = [one for one in records if isinstance(one, Unreadable)]
    assert kept.trouble is trouble
    assert kept.topic == f"{building.base}/{name}"
    assert kept.size == len(payload)


def test_an_old_message_that_the_broker_kept_starts_no_alarm(building: Building) -> None:
    building.stop()
    building.say("12/bed", seen("13:00", occupancy=False), retain=True)
    building.start()
    building.until(lambda records: any(one.origin is Origin.RETAINED for one in events(records)))
    building.clock(instant("06:00"))
    building.say("12/badkamer", seen("06:00", occupancy=True))
    records = building.until(lambda records: any(one.sensor == "12/badkamer" for one in events(records)))
    assert not any(isinstance(one, Finding) for one in records)
    building.say("12/bed", b"", retain=True)


def test_what_is_said_while_the_daemon_is_down_is_there_when_it_is_back(building: Building) -> None:
    building.stop()
    building.clock(instant("23:40"))
    for minute in range(10, 40):
        building.say("12/keuken", seen(f"23:{minute}", occupancy=minute % 2 == 0))
    building.start()
    records = building.until(lambda records: len(events(records)) == 30)
    assert [one.at for one in events(records)] == [instant(f"23:{minute}") for minute in range(10, 40)]


def test_the_broker_may_go_and_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(0o755)
    broker = new_mosquitto(folder)
    building = Building(broker, tmp_path, "z2m")
    building.start()
    try:
        while not building.records():
            building.clock(instant("22:00"))
            time.sleep(0.05)
        building.say("12/keuken", seen("22:01", occupancy=True))
        building.until(lambda records: len(events(records)) == 1)
        broker.stop()
        broker.start()
        end = time.monotonic() + 20
        while not building.hand.is_connected():
            assert time.monotonic() < end
            time.sleep(0.05)
        building.say("12/keuken", seen("22:02", occupancy=False))
        building.until(lambda records: len(events(records)) == 2)
    finally:
        building.close()
        broker.stop()


def test_the_clock_of_a_rehearsal_is_not_obeyed_at_work(mosquitto: Mosquitto, tmp_path: Path) -> None:
    building = Building(mosquitto, tmp_path, f"z2m-{tmp_path.name}", rehearsal=False)
    building.start()
    try:
        building.until(lambda records: any(isinstance(one, Plan) for one in records))
        building.clock(datetime.fromisoformat("2099-01-01T00:00:00+00:00"))
        end = time.monotonic() + 20
        while not events(building.records()):
            building.say("12/keuken", {"occupancy": True})
            assert time.monotonic() < end
        assert all(one.at.year < 2099 for one in events(building.records()))
    finally:
        building.close()
