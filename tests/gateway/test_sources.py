"""The families beside Zigbee2MQTT, and what a bridge says of its devices: what they send, read; and every trap in it.

Payloads are written after the documentation that the module of each family names.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.devices import Described
from care.homes import Device, Family, Site
from care.records import Trouble, addressee, decode, encode
from detectors.homes import Home, Kind, RoomId, Sensor, SensorId
from detectors.moments import Origin, SensorEvent
from gateway import sources
from gateway.sources import Known, Message, Reading
from tests.stories import a_home, a_site

NOW = datetime(2026, 3, 3, 1, 10, tzinfo=UTC)
TS = NOW.timestamp() - 0.5
MAC = "5c:c7:c1:f2:e4:7c"

Planned = tuple[str, Kind, Device]


def a_plan(*planned: Planned) -> Site:
    """Return a site with one home of these sensors."""
    sensors = [Sensor(id=SensorId(name), kind=kind, room=RoomId("slaapkamer")) for name, kind, _ in planned]
    home: Home = msgspec.structs.replace(a_home("12"), sensors=tuple(sensors))
    return msgspec.structs.replace(a_site(home), devices={SensorId(name): device for name, _, device in planned})


def device(family: Family, address: str = "", **more: Any) -> Device:
    return Device(family=family, address=address, **more)


def said(site: Site, topic: str, payload: bytes | str | Mapping[str, object], **how: Any) -> Reading:
    if not isinstance(payload, bytes):
        payload = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
    message = Message(topic, payload, how.pop("retained", False))
    return sources.read(site, "zigbee2mqtt", message, received_at=NOW, **how)


def values(reading: Reading) -> list[tuple[str, float, Origin]]:
    assert not reading.troubles, reading.troubles
    return [(event.sensor, event.value, event.origin) for event in reading.events]


def troubles(reading: Reading) -> list[Trouble]:
    return [one.trouble for one in reading.troubles]


LIVE, RETAINED, UNDATED = Origin.LIVE, Origin.RETAINED, Origin.UNDATED

# ESPHome.

STRIP = ("12/bed", Kind.BED, device(Family.ESPHOME, "bed-12/binary_sensor/bed_occupied_either"))
STRIP_SAYS = "bed-12/binary_sensor/bed_occupied_either/state"


def test_an_esphome_strip_says_on_for_in_bed() -> None:
    site = a_plan(STRIP)
    assert values(said(site, STRIP_SAYS, "ON")) == [("12/bed", 1.0, LIVE)]
    assert values(said(site, STRIP_SAYS, "OFF")) == [("12/bed", 0.0, LIVE)]
    (sign,) = said(site, STRIP_SAYS, "ON").signs
    assert sign.at == NOW


def test_what_the_broker_kept_of_esphome_is_of_unknown_age_and_no_sign_of_life() -> None:
    reading = said(a_plan(STRIP), STRIP_SAYS, "OFF", retained=True)
    assert values(reading) == [("12/bed", 0.0, UNDATED)]
    assert not reading.signs


def test_an_esphome_node_that_is_gone_takes_its_sensors_along_and_no_others() -> None:
    other = ("12/door", Kind.DOOR, device(Family.ESPHOME, "door-12/binary_sensor/door"))
    (sight,) = said(a_plan(STRIP, other), "bed-12/status", "offline", retained=True).sights
    assert (sight.sensor, sight.seen, sight.reason) == ("12/bed", False, "availability")


def test_a_number_of_esphome_is_refused_with_what_would_be_right() -> None:
    strip = ("12/bed", Kind.BED, device(Family.ESPHOME, "bed-12/sensor/bed_pressure"))
    reading = said(a_plan(strip), "bed-12/sensor/bed_pressure/state", "71.25")
    assert troubles(reading) == [Trouble.UNREADABLE]
    assert "binary_sensor" in reading.troubles[0].why


# Tasmota.

BOARD = ("12/hal", Kind.MOTION, device(Family.TASMOTA, "hal-12"))
CORD = ("12/cord", Kind.BUTTON, device(Family.TASMOTA, "cord-12", key="Switch1"))


def test_tasmota_tells_what_happens_as_an_action() -> None:
    assert values(said(a_plan(BOARD), "stat/hal-12/RESULT", {"Switch1": {"Action": "ON"}})) == [("12/hal", 1.0, LIVE)]
    assert values(said(a_plan(BOARD), "stat/hal-12/PIR1", "OFF")) == [("12/hal", 0.0, LIVE)]


def test_a_tasmota_time_without_a_zone_dates_nothing() -> None:
    """Local time: an hour of every autumn comes twice."""
    (event,) = said(a_plan(BOARD), "tele/hal-12/SENSOR", {"Time": "2026-03-03T02:09:58", "Switch1": "ON"}).events
    assert event.at == NOW
    zoned = {"Time": "2026-03-03T02:09:58+01:00", "Switch1": "ON"}  # SetOption52
    (event,) = said(a_plan(BOARD), "tele/hal-12/SENSOR", zoned).events
    assert event.at == NOW - timedelta(seconds=2)
    assert said(a_plan(BOARD), "tele/hal-12/SENSOR", zoned, retained=True).events[0].origin is RETAINED


def test_the_state_that_tasmota_repeats_every_five_minutes_is_not_the_press_of_a_button() -> None:
    reading = said(a_plan(CORD), "tele/cord-12/SENSOR", {"Time": "2026-03-03T02:09:58", "Switch1": "ON"})
    assert values(reading) == []
    assert reading.signs
    assert values(said(a_plan(CORD), "stat/cord-12/RESULT", {"Switch1": {"Action": "ON"}})) == [("12/cord", 1.0, LIVE)]
    assert values(said(a_plan(CORD), "stat/cord-12/RESULT", {"Switch1": {"Action": "OFF"}})) == []


def test_a_board_with_two_switches_asks_which_it_is() -> None:
    reading = said(a_plan(BOARD), "tele/hal-12/SENSOR", {"Switch1": "ON", "Switch2": "OFF"})
    assert troubles(reading) == [Trouble.NO_VALUE]
    assert 'key = "Switch1"' in reading.troubles[0].why


def test_the_last_will_of_a_board_says_that_it_is_gone() -> None:
    (sight,) = said(a_plan(BOARD), "tele/hal-12/LWT", "Offline", retained=True).sights
    assert not sight.seen


@pytest.mark.parametrize("key", ["0x2916", "12-door"])
def test_a_zigbee_device_behind_tasmota_is_known_by_its_name_whatever_its_short_address(key: str) -> None:
    """Its `Contact` follows the alarm bit: 1 is open, the contrary of Zigbee2MQTT's."""
    site = a_plan(("12/door", Kind.DOOR, device(Family.TASMOTA, "zbbridge/12-door")))
    one = {"Device": "0x2916", "Name": "12-door", "Contact": 1, "BatteryPercentage": 81, "LinkQuality": 120}
    reading = said(site, "tele/zbbridge/SENSOR", {"ZbReceived": {key: one}})
    assert values(reading) == [("12/door", 1.0, LIVE)]
    assert (reading.signs[0].battery, reading.signs[0].link) == (81.0, 120.0)
    turned = a_plan(("12/door", Kind.DOOR, device(Family.TASMOTA, "zbbridge/12-door", on=("0",))))
    assert values(said(turned, "tele/zbbridge/SENSOR", {"ZbReceived": {key: one}})) == [("12/door", 0.0, LIVE)]


# Shelly, of which the stories stand in test_shelly.

BLU_DOOR = ("12/door", Kind.DOOR, device(Family.SHELLY, MAC, model="SBDW-002C"))
INPUT = ("12/bed", Kind.BED, device(Family.SHELLY, "shellyi4-3c6105/input:0"))
PUSH = ("12/cord", Kind.BUTTON, device(Family.SHELLY, "shellyi4-3c6105/input:1"))
FIRST = ("12/door", Kind.DOOR, device(Family.SHELLY, "shellies/shellydw-A4CF12"))


def blu(ts: float = TS, **heard: object) -> dict[str, object]:
    data = {"encryption": False, "BTHome_version": 2, "pid": 12, "battery": 100, "rssi": -55, "address": MAC, **heard}
    event = {"component": "script:1", "id": 1, "event": "shelly-blu", "data": data, "ts": ts}
    return {"src": "shellyplus1-a8032a", "method": "NotifyEvent", "params": {"ts": ts, "events": [event]}}


def notify(method: str = "NotifyStatus", ts: float | None = TS, **changed: object) -> dict[str, object]:
    changed = {key.replace("__", ":"): value for key, value in changed.items()}
    return {"src": "shellyi4-3c6105", "dst": "x/events", "method": method, "params": {"ts": ts, **changed}}


# Home Assistant's discovery.

HA_DOOR = ("12/door", Kind.DOOR, device(Family.HOMEASSISTANT, "alarm/zone3"))
HA_CONFIG = "homeassistant/binary_sensor/alarm/zone3/config"


def heard(site: Site, *payloads: Mapping[str, object], topic: str = HA_CONFIG) -> tuple[Known, list[Reading]]:
    """Return what is known after configurations were heard, and what each told."""
    known, told = Known(), []
    for payload in payloads:
        told.append(said(site, topic, payload, retained=True, known=known))
        for one in told[-1].described:
            known.note(one)
    return known, told


def test_on_is_open_for_home_assistant() -> None:
    """The contrary of `contact`, for every device class of it."""
    site = a_plan(HA_DOOR)
    assert values(said(site, "alarm/zone3", "ON")) == [("12/door", 1.0, LIVE)]
    assert values(said(site, "alarm/zone3", "OFF", retained=True)) == [("12/door", 0.0, UNDATED)]


def test_a_device_says_itself_what_on_and_off_are() -> None:
    site = a_plan(HA_DOOR)
    config = {"state_topic": "alarm/zone3", "payload_on": "breached", "payload_off": "sealed", "device_class": "door"}
    known, told = heard(site, config, config)
    assert [len(one.described) for one in told] == [1, 0]  # what is no news is not said again
    assert values(said(site, "alarm/zone3", "breached", known=known)) == [("12/door", 1.0, LIVE)]
    assert troubles(said(site, "alarm/zone3", "ON", known=known)) == [Trouble.UNREADABLE]


def test_the_contact_of_zigbee_by_discovery_is_open_when_false() -> None:
    """Zigbee2MQTT's own discovery: payload_on false, payload_off true, value_template of contact."""
    site = a_plan(HA_DOOR)
    template = "{{ value_json.contact }}"
    known, _ = heard(site, {"stat_t": "~/zone3", "~": "alarm", "pl_on": False, "pl_off": True, "val_tpl": template})
    assert values(said(site, "alarm/zone3", {"contact": False, "battery": 71}, known=known)) == [("12/door", 1.0, LIVE)]
    assert troubles(said(site, "alarm/zone3", {"battery": 71}, known=known)) == [Trouble.NO_VALUE]


@pytest.mark.parametrize(
    "template", ["{{ 'OFF' if value == 'ON' else 'ON' }}", "{{ value_json.a.b }}", "{{ value | int }}", 7]
)
def test_a_template_that_could_turn_the_meaning_round_is_refused(template: object) -> None:
    site = a_plan(HA_DOOR)
    known, (told,) = heard(site, {"state_topic": "alarm/zone3", "value_template": template})
    assert troubles(told) == [Trouble.SETTING]
    assert "value_json.x" in told.troubles[0].why
    assert said(site, "alarm/zone3", "ON", known=known).events == ()
    by_plan = a_plan(("12/door", Kind.DOOR, device(Family.HOMEASSISTANT, "alarm/zone3", on=("OFF",))))
    known, (told,) = heard(by_plan, {"state_topic": "alarm/zone3", "value_template": template})
    assert not told.troubles
    assert values(said(by_plan, "alarm/zone3", "OFF", known=known)) == [("12/door", 1.0, LIVE)]


def test_a_device_names_the_topic_of_its_availability() -> None:
    site = a_plan(HA_DOOR)
    known, _ = heard(site, {"state_topic": "alarm/zone3", "availability": [{"topic": "alarm/status"}]})
    assert "alarm/status" in sources.topics(site, "zigbee2mqtt", known)
    (sight,) = said(site, "alarm/status", "offline", known=known).sights
    assert not sight.seen


# Our own topic.

NATIVE = ("12/bed", Kind.BED, device(Family.NATIVE, "12/bed"))
OURS = "nachtwacht/wilg/sensor/12/bed"


@pytest.mark.parametrize("packet", [True, False, -1, 2**31 + 1, 1.0, "12", None, [12]])
def test_what_is_no_number_of_a_message_is_left_out_and_the_event_can_be_read_back(packet: object) -> None:
    (event,) = said(a_plan(NATIVE), OURS, {"value": True, "packet": packet}).events
    assert event.packet is None
    assert decode(encode(event)) == event


def test_a_native_sensor_says_what_when_and_how_it_is() -> None:
    full = {"value": True, "at": "2026-03-03T01:09:58.120Z", "battery": 71, "link": 90, "packet": 12}
    reading = said(a_plan(NATIVE), OURS, full)
    assert values(reading) == [("12/bed", 1.0, LIVE)]
    assert reading.events[0].at == datetime(2026, 3, 3, 1, 9, 58, 120_000, tzinfo=UTC)
    assert (reading.signs[0].battery, reading.signs[0].link, reading.events[0].packet) == (71.0, 90.0, 12)
    assert said(a_plan(NATIVE), OURS, full, retained=True).events[0].origin is RETAINED
    assert said(a_plan(NATIVE), OURS, {"value": 0}, retained=True).events[0].origin is UNDATED
    assert values(said(a_plan(NATIVE), OURS, {"battery_low": True})) == []
    (sight,) = said(a_plan(NATIVE), f"{OURS}/availability", "offline", retained=True).sights
    assert not sight.seen


@pytest.mark.parametrize(
    ("payload", "trouble"),
    [
        (b"ON", Trouble.UNREADABLE),
        (b'{"value":"maybe"}', Trouble.UNREADABLE),
        (b'{"occupied":true}', Trouble.NO_VALUE),
        (b'{"value":1,"at":"2026-03-03T02:09:58"}', Trouble.CLOCK),
        (b"x" * 70_000, Trouble.TOO_LARGE),
    ],
)
def test_a_native_message_that_is_wrong_is_told_with_what_would_be_right(payload: bytes, trouble: Trouble) -> None:
    assert troubles(said(a_plan(NATIVE), OURS, payload)) == [trouble]


def test_a_native_sensor_that_is_not_in_the_plan_is_named() -> None:
    reading = said(a_plan(NATIVE), "nachtwacht/wilg/sensor/99/x", {"value": True})
    assert troubles(reading) == [Trouble.UNKNOWN_SENSOR]
    assert said(a_plan(NATIVE), "nachtwacht/wilg/up", b"\x00") == Reading()  # the link's, if it uses the same broker


# What Zigbee2MQTT says of its devices, and what the plan says instead.


def a_device(name: str, *exposes: Mapping[str, object], model: str = "XYZ-1") -> list[dict[str, object]]:
    definition = {"model": model, "vendor": "Maker", "description": "", "exposes": list(exposes)}
    coordinator: dict[str, object] = {"friendly_name": "Coordinator", "type": "Coordinator", "definition": None}
    return [coordinator, {"friendly_name": name, "ieee_address": "0x1", "type": "EndDevice", "definition": definition}]


def binary(name: str, *, on: object, off: object, access: int = 1, endpoint: str = "") -> dict[str, object]:
    prop = f"{name}_{endpoint}" if endpoint else name
    more = {"endpoint": endpoint} if endpoint else {}
    return {
        "type": "binary",
        "name": name,
        "property": prop,
        "access": access,
        "value_on": on,
        "value_off": off,
        **more,
    }


def after(site: Site, devices: list[dict[str, object]]) -> tuple[Known, Reading]:
    known = Known()
    told = said(site, "zigbee2mqtt/bridge/devices", json.dumps(devices), known=known, retained=True)
    for one in told.described:
        known.note(one)
        assert decode(encode(one)) == one
    return known, told


ZIGBEE_DOOR = ("12/door", Kind.DOOR, Device())


def test_the_bridge_knows_best_which_values_a_property_has() -> None:
    site = a_plan(ZIGBEE_DOOR)
    known, told = after(site, a_device("12/door", binary("contact", on="open", off="shut")))
    assert not told.troubles
    assert values(said(site, "zigbee2mqtt/12/door", {"contact": "open"}, known=known)) == [("12/door", 1.0, LIVE)]
    usual, _ = after(site, a_device("12/door", binary("contact", on=False, off=True)))  # value_on of a contact is false
    assert values(said(site, "zigbee2mqtt/12/door", {"contact": False}, known=usual)) == [("12/door", 1.0, LIVE)]


def test_what_can_be_set_on_a_device_is_not_what_it_tells() -> None:
    site = a_plan(("12/hal", Kind.MOTION, Device()))
    known, told = after(
        site, a_device("12/hal", binary("presence", on=True, off=False), binary("occupancy", on=1, off=0, access=7))
    )
    (described,) = told.described
    assert [one.name for one in described.properties] == ["presence"]
    assert values(said(site, "zigbee2mqtt/12/hal", {"presence": True}, known=known)) == [("12/hal", 1.0, LIVE)]


def test_a_device_with_one_endpoint_is_read_by_its_name_and_with_two_asks_which() -> None:
    site = a_plan(ZIGBEE_DOOR)
    left, right = (
        binary("contact", on=False, off=True, endpoint="left"),
        binary("contact", on=False, off=True, endpoint="right"),
    )
    known, _ = after(site, a_device("12/door", left))
    assert values(said(site, "zigbee2mqtt/12/door", {"contact_left": False}, known=known)) == [("12/door", 1.0, LIVE)]
    _, told = after(site, a_device("12/door", left, right))
    assert troubles(told) == [Trouble.NO_VALUE]
    assert "contact_left, contact_right" in told.troubles[0].why
    named = a_plan(("12/door", Kind.DOOR, device(Family.ZIGBEE2MQTT, key="contact_right")))
    known, told = after(named, a_device("12/door", left, right))
    assert not told.troubles
    both = {"contact_left": True, "contact_right": False}
    assert values(said(named, "zigbee2mqtt/12/door", both, known=known)) == [("12/door", 1.0, LIVE)]


def test_a_device_that_cannot_fill_its_role_is_told_before_it_says_anything() -> None:
    site = a_plan(("12/bed", Kind.BED, Device()))
    _, told = after(site, a_device("12/bed", binary("water_leak", on=True, off=False)))
    assert troubles(told) == [Trouble.NO_VALUE]
    assert "12/bed" in told.troubles[0].why
    assert "water_leak" in told.troubles[0].why


def test_a_list_of_devices_that_says_nothing_new_tells_nothing() -> None:
    site = a_plan(ZIGBEE_DOOR)
    devices = a_device("12/door", binary("contact", on=False, off=True))
    known, _ = after(site, devices)
    assert said(site, "zigbee2mqtt/bridge/devices", json.dumps(devices), known=known) == Reading()


def test_the_plan_teaches_what_no_table_knows() -> None:
    taught = device(Family.ZIGBEE2MQTT, key="weight_state", on=("heavy", "light"))
    site = a_plan(("12/bed", Kind.BED, taught))
    assert values(said(site, "zigbee2mqtt/12/bed", {"weight_state": "light"})) == [("12/bed", 1.0, LIVE)]
    assert values(said(site, "zigbee2mqtt/12/bed", {"weight_state": "none"})) == [("12/bed", 0.0, LIVE)]
    turned = a_plan(("12/door", Kind.DOOR, device(Family.ZIGBEE2MQTT, on=("true",))))
    assert values(said(turned, "zigbee2mqtt/12/door", {"contact": True})) == [("12/door", 1.0, LIVE)]


def test_a_device_that_speaks_of_another_role_is_told_though_it_is_dated() -> None:
    site = a_plan(("12/bed", Kind.BED, Device()))
    reading = said(site, "zigbee2mqtt/12/bed", {"water_leak": True, "last_seen": NOW.isoformat()})
    assert troubles(reading) == [Trouble.NO_VALUE]
    assert "water_leak" in reading.troubles[0].why


def test_a_device_that_tells_more_than_its_role_is_no_contradiction() -> None:
    """A contact that says vibration too, and each by itself."""
    site = a_plan(ZIGBEE_DOOR)
    exposes = (binary("contact", on=False, off=True), binary("vibration", on=True, off=False))
    known, told = after(site, a_device("12/door", *exposes))
    assert not told.troubles
    reading = said(site, "zigbee2mqtt/12/door", {"vibration": True, "last_seen": NOW.isoformat()}, known=known)
    assert values(reading) == []
    assert reading.signs


# What is listened to.


def test_only_what_the_plan_needs_is_listened_to() -> None:
    site = a_plan(STRIP, BOARD, BLU_DOOR, PUSH)
    topics = sources.topics(site, "zigbee2mqtt")
    assert set(topics) == {
        "zigbee2mqtt/#",
        STRIP_SAYS,
        "bed-12/status",
        "tele/hal-12/LWT",
        "tele/hal-12/SENSOR",
        "stat/hal-12/+",
        "+/events/rpc",
        "shellyi4-3c6105/online",
        "nachtwacht/wilg/sensor/#",
    }
    assert "shellyi4-3c6105/events/rpc" in sources.topics(a_plan(PUSH), "zigbee2mqtt")
    below = a_plan(("12/ha", Kind.DOOR, device(Family.HOMEASSISTANT, "zigbee2mqtt/12-ha")))
    assert "zigbee2mqtt/12-ha" not in sources.topics(below, "zigbee2mqtt")  # it comes anyway
    assert values(said(below, "zigbee2mqtt/12-ha", "ON")) == [("12/ha", 1.0, LIVE)]
    assert sources.topics(a_site(), "z2m") == ("z2m/#", "nachtwacht/wilg/sensor/#")


def test_what_nobody_planned_is_kept_only_if_it_looks_like_a_sensor() -> None:
    site = a_plan(STRIP)
    assert troubles(said(site, "old-12/binary_sensor/bed/state", "ON")) == [Trouble.UNKNOWN_SENSOR]
    assert said(site, "printer/jobs", "3") == Reading()


# Laws.

EVERY = a_plan(
    STRIP,
    BOARD,
    CORD,
    ("12/z", Kind.USE, device(Family.TASMOTA, "zbbridge/12-z")),
    ("12/blu", Kind.DOOR, device(Family.SHELLY, MAC)),
    ("12/i", Kind.BED, device(Family.SHELLY, "shellyi4-3c6105/input:0")),
    PUSH,
    ("12/first", Kind.DOOR, device(Family.SHELLY, "shellies/shellydw-A4CF12")),
    ("12/ha", Kind.DOOR, device(Family.HOMEASSISTANT, "alarm/zone3")),
    ("12/native", Kind.MOTION, device(Family.NATIVE, "12/native")),
    ("12/door", Kind.DOOR, Device()),
)
TOPICS = (
    STRIP_SAYS,
    "bed-12/status",
    "tele/hal-12/SENSOR",
    "stat/hal-12/PIR1",
    "stat/cord-12/RESULT",
    "tele/zbbridge/SENSOR",
    "a/events/rpc",
    "shellyi4-3c6105/events/rpc",
    "shellyi4-3c6105/online",
    "shellies/shellydw-A4CF12/sensor/state",
    "shellies/shellydw-A4CF12/status",
    HA_CONFIG,
    "alarm/zone3",
    "nachtwacht/wilg/sensor/12/native",
    "zigbee2mqtt/12/door",
    "zigbee2mqtt/bridge/devices",
)
WORDS = (
    *("Time", "Switch1", "Action", "ZbReceived", "12-z", "Occupancy", "Contact", "params", "ts", "events", "input:0"),
    *(
        "event",
        "data",
        "pid",
        "window",
        "address",
        "state",
        "state_topic",
        "value_template",
        "payload_on",
        "availability",
    ),
    *("value", "at", "packet", "contact", "last_seen", "definition", "exposes", "friendly_name", "features", "device"),
)
TEXTS = st.sampled_from(
    [MAC, "ON", "OFF", "open", "online", "true", "shelly-blu", "alarm/zone3", "12/door", ""]
) | st.text(max_size=8)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=14,
)
PAYLOADS = st.binary(max_size=60) | TEXTS.map(str.encode) | TREES.map(lambda tree: json.dumps(tree).encode())


@given(st.sampled_from(TOPICS), PAYLOADS, st.booleans())
def test_whatever_a_device_says_raises_nothing_and_what_was_kept_is_never_live(
    topic: str, payload: bytes, retained: bool
) -> None:
    reading = said(EVERY, topic, payload, retained=retained)
    for event in reading.events:
        assert event.value in (0.0, 1.0)
        assert event.at.utcoffset() == timedelta(0)
        assert decode(encode(event)) == event
        assert not (retained and event.origin is Origin.LIVE)
    assert not (retained and reading.signs)
    for trouble in reading.troubles:
        assert trouble.why.endswith((".", "?", "..."))
    for described in reading.described:
        assert decode(encode(described)) == described


SAME: list[tuple[str, object]] = [
    ("shellyi4-3c6105/events/rpc", notify(input__0={"id": 0, "state": True})),
    ("a/events/rpc", blu(window=1)),
    ("nachtwacht/wilg/sensor/12/native", {"value": True, "at": "2026-03-03T01:09:58.120Z"}),
    ("zigbee2mqtt/12/door", {"contact": False, "last_seen": "2026-03-03T01:09:58.120Z"}),
    ("tele/hal-12/SENSOR", {"Time": "2026-03-03T02:09:58+01:00", "Switch1": "ON"}),
]


@given(st.sampled_from(SAME), st.integers(0, 60))
def test_the_same_message_once_more_is_the_same_event(same: tuple[str, object], later: int) -> None:
    """What is dated by its device is in the journal already, however late it comes again."""

    def events(at: datetime) -> tuple[SensorEvent, ...]:
        message = Message(same[0], json.dumps(same[1]).encode())
        return sources.read(EVERY, "zigbee2mqtt", message, received_at=at).events

    assert events(NOW) == events(NOW + timedelta(seconds=later)) != ()


def test_a_description_is_for_this_journal_alone() -> None:
    known, _ = heard(a_plan(HA_DOOR), {"state_topic": "alarm/zone3"})
    (described,) = known.described.values()
    assert isinstance(described, Described)
    assert addressee(described) is None
