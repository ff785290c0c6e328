"""Devices of several families in one home, through the real broker; and what they say of themselves, remembered."""

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from care import journal
from care.devices import Described
from care.homes import Device, Family, Site
from care.records import Plan, Unreadable
from detectors.findings import Finding, What
from detectors.homes import SensorId
from detectors.moments import SensorSight
from gateway.building import Gateway, Settings
from gateway.ingest import Arrival
from gateway.sources import Message
from tests.conftest import Mosquitto
from tests.gateway.daemons import HOME, Building, events
from tests.stories import a_site, brief, instant

MAC = "5c:c7:c1:f2:e4:7c"


def a_mixed_site() -> Site:
    """Return a home whose bed is ESPHome's, its bathroom Tasmota's, its door Shelly's, its button our own.

    Its hall is by Home Assistant's discovery, and the rest behind Zigbee2MQTT.
    """
    devices = {
        SensorId("12/bed"): Device(family=Family.ESPHOME, address="bed-12/binary_sensor/bed"),
        SensorId("12/badkamer"): Device(family=Family.TASMOTA, address="bad-12"),
        SensorId("12/door"): Device(family=Family.SHELLY, address=MAC, model="SBDW-002C"),
        SensorId("12/button"): Device(family=Family.NATIVE, address="12/button"),
        SensorId("12/gang"): Device(family=Family.HOMEASSISTANT, address="alarm/zone3"),
    }
    return msgspec.structs.replace(a_site(HOME), devices=devices)


@pytest.fixture
def building(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[Building]:
    building = Building(mosquitto, tmp_path, "z2m")
    building.settings = dataclasses.replace(building.settings, site=a_mixed_site())
    building.start()
    end = time.monotonic() + 20
    while not any(isinstance(one, Plan) for one in building.records()):
        building.clock(instant("22:00"))
        assert time.monotonic() < end
        time.sleep(0.05)
    yield building
    building.close()


def publish(building: Building, topic: str, payload: object, *, retain: bool = False) -> None:
    body = payload if isinstance(payload, str) else json.dumps(payload)
    building.hand.publish(topic, body, qos=1, retain=retain).wait_for_publish(10)


def blu(at: str, window: int, packet: int, later: float = 0) -> dict[str, object]:
    ts = instant(at).timestamp() + later
    data = {"BTHome_version": 2, "pid": packet, "window": window, "battery": 99, "address": MAC}
    return {"method": "NotifyEvent", "params": {"ts": ts, "events": [{"event": "shelly-blu", "data": data, "ts": ts}]}}


def test_sensors_of_six_families_watch_over_one_home_and_an_alert_follows(building: Building) -> None:
    config = {
        "state_topic": "alarm/zone3",
        "payload_on": "moved",
        "payload_off": "still",
        "availability_topic": "alarm/up",
    }
    publish(building, "homeassistant/binary_sensor/zone3/config", config, retain=True)
    building.clock(instant("22:40"))
    publish(building, "bed-12/binary_sensor/bed/state", "ON")
    publish(building, "shellyplus1-a/events/rpc", blu("22:40", 0, 4))
    building.clock(instant("02:09"))
    publish(building, "bed-12/binary_sensor/bed/state", "OFF")
    publish(building, "alarm/zone3", "moved")
    publish(building, "z2m/12/keuken", {"occupancy": False, "last_seen": instant("02:09").isoformat()})
    building.clock(instant("02:10"))
    publish(building, "stat/bad-12/RESULT", {"Switch1": {"Action": "ON"}})
    building.until(lambda records: len(events(records)) >= 6)
    for gateway, later in (("shellyplus1-a", 0.0), ("shellyplus1-b", 0.4)):  # both hear the door
        publish(building, f"{gateway}/events/rpc", blu("02:10", 1, 5, later))
    publish(building, "nachtwacht/wilg/sensor/12/button", {"value": True, "at": instant("02:10").isoformat()})
    records = building.until(lambda records: any(isinstance(one, Finding) for one in records))
    assert [brief(one) for one in records if isinstance(one, Finding)] == ["02:10 button"]
    building.clock(instant("02:45"))
    records = building.until(lambda records: sum(isinstance(one, Finding) for one in records) > 1)
    assert What.BUTTON not in [one.what for one in records if isinstance(one, Finding)][1:]
    said = [(one.sensor, one.value) for one in events(records)]
    assert sorted(said) == sorted(
        [
            *(("12/bed", 1.0), ("12/bed", 0.0), ("12/door", 0.0), ("12/door", 1.0)),
            *(("12/gang", 1.0), ("12/keuken", 0.0), ("12/badkamer", 1.0), ("12/button", 1.0)),
        ]
    )
    assert not any(isinstance(one, Unreadable) for one in records)
    # What the device named itself is listened to by now, and each device can be missed by itself.
    publish(building, "alarm/up", "offline")
    publish(building, "bed-12/status", "offline")
    building.clock(instant("02:46"))
    sights = [("12/gang", False), ("12/bed", False)]
    building.until(
        lambda records: {*sights} <= {(one.sensor, one.seen) for one in records if isinstance(one, SensorSight)}
    )


def test_what_a_broker_kept_of_esphome_and_tasmota_starts_no_alarm(building: Building) -> None:
    building.stop()
    publish(building, "bed-12/binary_sensor/bed/state", "OFF", retain=True)
    building.start()
    building.until(lambda records: any(one.sensor == "12/bed" for one in events(records)))
    building.clock(instant("06:00"))
    publish(building, "stat/bad-12/RESULT", {"Switch1": {"Action": "ON"}})
    records = building.until(lambda records: any(one.sensor == "12/badkamer" for one in events(records)))
    assert not any(isinstance(one, Finding) for one in records)


# Without a broker: what is remembered, by the journal alone.


def a_gateway(folder: Path) -> Gateway:
    nowhere = ("127.0.0.1", 1)
    settings = Settings(site=a_mixed_site(), journal=folder / "g.db", broker=nowhere, centre=nowhere, rehearsal=True)
    return Gateway.opened(settings)


def take(gateway: Gateway, topic: str, payload: object, at: str, *, retained: bool = False) -> None:
    body = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
    gateway.take([Arrival(Message(topic, body, retained), instant(at), 1, 1)])


def told(gateway: Gateway) -> list[tuple[str, float]]:
    entries = journal.read_after(gateway.db, 0)
    return [(one.sensor, one.value) for one in events([entry.record for entry in entries])]


@pytest.mark.parametrize("saved", [False, True])
def test_what_devices_said_of_themselves_is_known_before_the_first_message_after_a_restart(
    tmp_path: Path, saved: bool
) -> None:
    """The broker may send what waited before what it kept. The journal knows anyway, or its snapshot does."""
    exposes = [
        {"type": "binary", "name": "occupancy", "property": "occupancy", "access": 1, "value_on": 1, "value_off": 0}
    ]
    texts = [{**exposes[0], "value_on": "busy", "value_off": "free"}]
    devices = [{"friendly_name": "12/keuken", "definition": {"model": "X-1", "exposes": texts}}]
    config = {"state_topic": "alarm/zone3", "payload_on": "moved", "payload_off": "still"}
    with contextlib.closing((gateway := a_gateway(tmp_path)).db):
        for _ in range(3):  # retained: at each connection it comes again
            take(gateway, "zigbee2mqtt/bridge/devices", devices, "22:00", retained=True)
            take(gateway, "homeassistant/binary_sensor/zone3/config", config, "22:00", retained=True)
        entries = journal.read_after(gateway.db, 0)
        assert sum(isinstance(entry.record, Described) for entry in entries) == 2
        if saved:
            gateway.save(at_once=True)
    with contextlib.closing((gateway := a_gateway(tmp_path)).db):
        take(gateway, "zigbee2mqtt/12/keuken", {"occupancy": "busy"}, "22:10")
        take(gateway, "alarm/zone3", "moved", "22:10")
        assert told(gateway) == [("12/keuken", 1.0), ("12/gang", 1.0)]


@pytest.mark.parametrize("restart", [False, True])
def test_what_two_gateways_heard_is_one_event_also_when_the_process_died_in_between(
    tmp_path: Path, restart: bool
) -> None:
    gateway = a_gateway(tmp_path)
    try:
        take(gateway, "a/events/rpc", blu("22:10", 1, 5), "22:10")
        if restart:
            gateway.db.close()
            gateway = a_gateway(tmp_path)
        take(gateway, "b/events/rpc", blu("22:10", 1, 5, 0.7), "22:10")
        take(gateway, "b/events/rpc", blu("22:10", 0, 6, 3), "22:10")
        take(gateway, "b/events/rpc", blu("22:50", 0, 6, 3), "22:50")  # the number has come round
        assert told(gateway) == [("12/door", 1.0), ("12/door", 0.0), ("12/door", 0.0)]
    finally:
        gateway.db.close()


def test_a_device_that_numbers_everything_alike_loses_nothing(tmp_path: Path) -> None:
    with contextlib.closing((gateway := a_gateway(tmp_path)).db):
        for second, window in enumerate((1, 0, 1, 0)):
            take(gateway, "a/events/rpc", blu("22:10", window, 0, second), "22:10")
        assert [value for _, value in told(gateway)] == [1.0, 0.0, 1.0, 0.0]
