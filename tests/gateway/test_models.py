"""The table of models, each row by payloads as its bridge sends them, written after the source that the row names."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from care.devices import Described
from care.homes import Device, Family, Site
from detectors.homes import HomeId, Kind, RoomId, Sensor, SensorId
from detectors.moments import SensorEvent
from gateway import sources
from gateway.sources import Known, Message
from gateway.sources.models import MODELS, Battery, Model, Use, find
from tests.stories import a_home, a_site

NOW = datetime(2026, 3, 3, 1, 10, tzinfo=UTC)
STAMP = NOW.isoformat()

# What Zigbee2MQTT's converters make of each kind of device: beside the value that counts, what comes with it.
LUMI = {"battery": 91, "voltage": 2975, "device_temperature": 21, "power_outage_count": 3, "linkquality": 87}
IAS = {"battery_low": False, "tamper": False, "battery": 88, "voltage": 2900, "linkquality": 120}
PLAIN = {"battery": 74, "linkquality": 61}
MAINS = {"linkquality": 140, "device_temperature": 28}

Said = Mapping[str, object]


def contact(more: Said) -> list[tuple[Said, float]]:
    return [({**more, "contact": False}, 1.0), ({**more, "contact": True}, 0.0)]


def occupancy(more: Said) -> list[tuple[Said, float]]:
    return [({**more, "occupancy": True}, 1.0), ({**more, "occupancy": False}, 0.0)]


def presence(more: Said) -> list[tuple[Said, float]]:
    return [({**more, "presence": True}, 1.0), ({**more, "presence": False}, 0.0)]


def water(more: Said) -> list[tuple[Said, float]]:
    return [({**more, "water_leak": True}, 1.0), ({**more, "water_leak": False}, 0.0)]


def vibration(more: Said) -> list[tuple[Said, float]]:
    return [({**more, "vibration": True}, 1.0), ({**more, "vibration": False}, 0.0)]


def actions(more: Said, *names: str) -> list[tuple[Said, float]]:
    return [({**more, "action": name}, 1.0) for name in names]


SAID: dict[str, list[tuple[Said, float]]] = {
    "TS0601_bed_presence_sensor": occupancy(
        {"battery": 80, "illuminance": 4, "presence_time": 12, "work_state": "none"}
    ),
    "ZG-210Z": [
        ({"pressure_state": "sit", "current_pressure": 140, "battery": 90}, 1.0),
        ({"pressure_state": "sedentary", "current_pressure": 155, "battery": 90}, 1.0),
        ({"pressure_state": "none", "current_pressure": 2, "battery": 90}, 0.0),
    ],
    "SPM915": contact(IAS),
    "FDS315": [
        *(({"status": status, "breathing_rate": 14, **MAINS}, 1.0) for status in ("occupied", "sitting", "on_the_bed")),
        ({"status": "low_posture", **MAINS}, 1.0),
        ({"status": "falling", **MAINS}, 1.0),
        ({"status": "unoccupied", **MAINS}, 0.0),
    ],
    "MCCGQ01LM": contact(LUMI),
    "MCCGQ11LM": contact(LUMI),
    "MCCGQ12LM": contact(LUMI),
    "MCCGQ14LM": contact(LUMI),
    "E2013": contact(PLAIN),
    "SNZB-04": contact(IAS),
    "SNZB-04P": contact(IAS),
    "TS0203": contact(IAS),
    "9290035639": contact({**PLAIN, "tamper": True}),
    "HS1DS/HS3DS": contact(IAS),
    "DWS312": contact(IAS),
    "WISZB-120": contact({**IAS, "temperature": 19.5}),
    "3RDS17BZ": contact(IAS),
    "RTCGQ01LM": occupancy(LUMI),
    "RTCGQ11LM": occupancy({**LUMI, "illuminance": 3}),
    "RTCGQ12LM": occupancy({**LUMI, "illuminance": 3, "detection_interval": 60}),
    "RTCGQ13LM": occupancy({**LUMI, "motion_sensitivity": "high", "detection_interval": 60}),
    "RTCGQ14LM": occupancy({**LUMI, "illuminance": 3, "detection_interval": 30, "trigger_indicator": False}),
    "RTCGQ15LM": occupancy({**LUMI, "illuminance": 3, "detection_interval": 60}),
    "E1525/E1745": occupancy({**PLAIN, "illuminance_above_threshold": False, "requested_brightness_level": 254}),
    "E2134": occupancy({**PLAIN, "illuminance": 12}),
    "SNZB-03": occupancy(IAS),
    "SNZB-03P": occupancy({**PLAIN, "battery_low": False, "motion_timeout": 60, "illumination": "dim"}),
    "TS0202": occupancy(IAS),
    "9290012607": occupancy({**PLAIN, "illuminance": 0, "temperature": 20.1, "motion_sensitivity": "high"}),
    "9290030675": occupancy({**PLAIN, "illuminance": 0, "temperature": 20.1, "motion_sensitivity": "high"}),
    "HS3MS": occupancy(IAS),
    "PIR313-E": occupancy({"battery_low": False, "tamper": False, "temperature": 20.4, "humidity": 48}),
    "MOSZB-140": occupancy({**IAS, "temperature": 20.4, "illuminance": 1}),
    "3RMS16BZ": occupancy(IAS),
    "RTCZCGQ11LM": presence({**MAINS, "presence_event": "enter", "motion_sensitivity": "medium"}),
    "RTCZCGQ13LM": presence({**MAINS, "movement": "no_movement", "target_distance": 1.2}),
    "SNZB-06P": occupancy({**MAINS, "illumination": "bright", "occupancy_timeout": 15}),
    "TS0601_smart_human_presence_sensor_1": presence({**MAINS, "motion_state": "small", "illuminance": 9}),
    "ZG-204ZM": presence({**PLAIN, "motion_state": "none", "illuminance": 9}),
    "ZG-205Z": presence({**MAINS, "motion_state": "static", "illuminance": 9}),
    "WXKG01LM": actions(LUMI, "single", "hold", "release"),
    "WXKG11LM": actions(LUMI, "single", "double"),
    "E2201": actions(PLAIN, "on", "off", "brightness_move_up"),
    "SNZB-01": actions(PLAIN, "single", "double", "long"),
    "SNZB-01P": actions(PLAIN, "single", "double", "long"),
    "TS0215A_sos": actions(PLAIN, "emergency"),
    "HS1EB/HS1EB-E": actions(PLAIN, "single", "double", "hold"),
    "SBTZB-110": actions(PLAIN, "single", "hold"),
    "8718699693985": actions(PLAIN, "on", "press", "hold"),
    "3RSB22BZ": actions(PLAIN, "single", "double", "long"),
    "SJCGQ11LM": water(LUMI),
    "E2202": water(PLAIN),
    "SNZB-05P": water(IAS),
    "HS1WL/HS3WL": water(IAS),
    "FLSZB-110": water({**IAS, "temperature": 18.0}),
    "3RWS18BZ": water(IAS),
    "DJT11LM": vibration({**LUMI, "action": "vibration", "strength": 12, "angle_x": 3, "angle_y": 1, "angle_z": 88}),
    "TS0210": vibration(IAS),
    "3RVS01031Z": vibration({**IAS, "x_axis": 12, "y_axis": -8, "z_axis": 1020}),
    "HS2WD-E": [],
    "SIRZB-110": [],
    "TS0601_siren": [],
}
"""By model, for its first role."""

ZIGBEE = [one for one in MODELS if one.family is Family.ZIGBEE2MQTT]


def a_sensor(model: Model, use: Use, **device: object) -> Site:
    """Return a site with one sensor, by the name "12/x", that is this model in this role."""
    sensor = Sensor(id=SensorId("12/x"), kind=use.role, room=RoomId("slaapkamer"))
    home = msgspec.structs.replace(a_home("12"), sensors=(sensor,))
    what = Device(family=model.family, model=model.model, **device)  # type: ignore[arg-type]
    return msgspec.structs.replace(a_site(home), devices={sensor.id: what})


def values(site: Site, topic: str, payload: object, known: Known | None = None) -> list[float]:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    said = sources.read(site, "zigbee2mqtt", Message(topic, body), received_at=NOW, known=known)
    assert not said.troubles, said.troubles
    return [event.value for event in said.events]


@pytest.mark.parametrize("model", [one for one in ZIGBEE if one.fills], ids=lambda one: one.model)
def test_each_model_says_what_the_table_says_it_means(model: Model) -> None:
    site = a_sensor(model, model.fills[0])
    assert SAID[model.model]
    for payload, value in SAID[model.model]:
        assert values(site, "zigbee2mqtt/12/x", {**payload, "last_seen": STAMP}) == [value], payload


@pytest.mark.parametrize("model", ZIGBEE, ids=lambda one: one.model)
def test_the_model_that_only_the_bridge_names_is_read_by_the_table_too(model: Model) -> None:
    """The plan says nothing of the device: the retained `bridge/devices` does, and no exposes help."""
    if not model.fills:
        return
    site = msgspec.structs.replace(a_sensor(model, model.fills[0]), devices={})
    known = Known()
    known.note(Described(at=NOW, home=HomeId("wilg/12"), sensor=SensorId("12/x"), model=model.model))
    for payload, value in SAID[model.model]:
        assert values(site, "zigbee2mqtt/12/x", payload, known) == [value], payload


def test_every_model_of_zigbee_has_its_payloads() -> None:
    assert set(SAID) == {one.model for one in ZIGBEE}


def test_the_table_holds_what_an_installer_meets() -> None:
    assert len(MODELS) >= 40
    assert {use.role for one in MODELS for use in one.fills} == set(Kind)
    for maker in (
        "Aqara",
        "IKEA",
        "SONOFF",
        "Tuya",
        "HOBEIAN",
        "OWON",
        "Philips",
        "Heiman",
        "Develco",
        "Third Reality",
    ):
        assert any(one.maker == maker for one in MODELS), maker


@pytest.mark.parametrize("model", MODELS, ids=lambda one: one.model)
def test_each_row_names_its_source_and_is_whole(model: Model) -> None:
    assert model.source
    assert find(model.family, model.model.upper()) is model
    assert model.trap == "" or model.trap.endswith(".")
    assert not (model.sleeps and model.battery is Battery.NONE)
    for use in model.fills:
        assert not set(use.on) & set(use.off)
        assert use.on or use.role is Kind.BUTTON


# The traps of polarity and role, one by one.


def event_of(model: str, payload: Said, role: Kind) -> SensorEvent:
    known = find(Family.ZIGBEE2MQTT, model)
    assert known is not None
    use = next(one for one in known.fills if one.role is role)
    body = json.dumps(payload).encode()
    said = sources.read(a_sensor(known, use), "zigbee2mqtt", Message("zigbee2mqtt/12/x", body), received_at=NOW)
    (event,) = said.events
    return event


def test_a_bed_pad_that_says_contact_is_a_bed_and_still_to_be_proven() -> None:
    """OWON SPM915: zhc makes `contact` of an alarm bit, inverted (src/devices/owon.ts)."""
    assert event_of("SPM915", {"contact": False}, Kind.BED).value == 1.0
    known = find(Family.ZIGBEE2MQTT, "SPM915")
    assert known is not None
    assert not known.sure


def test_a_tuya_bed_strip_is_not_turned_round_a_second_time() -> None:
    """Its datapoint is inverted, and the converter has put that right (zhc src/devices/tuya.ts)."""
    assert event_of("TS0601_bed_presence_sensor", {"occupancy": True}, Kind.BED).value == 1.0


def test_somebody_who_has_sat_in_bed_for_long_is_still_in_it() -> None:
    assert event_of("ZG-210Z", {"pressure_state": "sedentary"}, Kind.BED).value == 1.0
    assert event_of("ZG-210Z", {"pressure_state": "none"}, Kind.BED).value == 0.0


def test_a_radar_that_sees_somebody_sit_does_not_say_they_are_in_bed() -> None:
    assert event_of("FDS315", {"status": "sitting"}, Kind.BED).value == 0.0
    assert event_of("FDS315", {"status": "on_the_bed"}, Kind.BED).value == 1.0
    assert event_of("FDS315", {"status": "falling"}, Kind.MOTION).value == 1.0


def test_a_contact_that_is_true_is_closed() -> None:
    assert event_of("MCCGQ11LM", {"contact": True}, Kind.DOOR).value == 0.0


def test_a_radar_with_two_words_is_read_by_presence_and_not_by_what_happened() -> None:
    assert event_of("RTCZCGQ11LM", {"presence": False, "presence_event": "enter"}, Kind.MOTION).value == 0.0


def test_an_aqara_that_has_just_seen_somebody_is_known_to_be_blind() -> None:
    blind = {one.model: one.blind_s for one in MODELS if one.maker == "Aqara" and one.what.endswith("(PIR)")}
    assert blind == dict.fromkeys(blind, 60) | {"RTCGQ14LM": 30}


def test_a_role_that_a_model_cannot_fill_is_told_by_its_name() -> None:
    known = find(Family.ZIGBEE2MQTT, "MCCGQ11LM")
    assert known is not None
    site = a_sensor(known, Use(Kind.MOTION, "occupancy"))
    message = Message("zigbee2mqtt/12/x", json.dumps({"contact": True, "last_seen": STAMP}).encode())
    (trouble,) = sources.read(site, "zigbee2mqtt", message, received_at=NOW).troubles
    assert "Aqara MCCGQ11LM is a contact" in trouble.why
    assert "door" in trouble.why


# What installers read.

DOCS = (Path(__file__).parents[2] / "docs" / "devices.md").read_text()


def row_of(model: Model) -> str:
    """Return the row of a model in docs/devices.md."""
    uses = [f"`{use.role}` by `{use.key}`" if use.key else f"`{use.role}`" for use in model.fills]
    cells = (
        model.maker,
        f"`{model.model}`{'' if model.sure else ' ?'}",
        model.what,
        ", ".join(uses) or "none",
        str(model.blind_s or ""),
        str(model.check_in_min or ""),
        str(model.battery),
        model.trap,
    )
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def test_what_installers_read_is_the_table() -> None:
    rows = re.search(r"<!-- models -->\n(.*)\n<!-- /models -->", DOCS, re.DOTALL)
    assert rows is not None
    assert rows[1].splitlines() == [row_of(model) for model in MODELS]


@pytest.mark.parametrize("family", Family)
def test_every_family_is_told_to_installers(family: Family) -> None:
    assert f"| `{family}`" in DOCS


def test_a_pull_cord_on_a_contact_is_a_button_as_the_page_for_installers_says() -> None:
    known = find(Family.ZIGBEE2MQTT, "MCCGQ11LM")
    assert known is not None
    site = a_sensor(known, Use(Kind.BUTTON, "contact"), key="contact", on=("false",))
    assert values(site, "zigbee2mqtt/12/x", {"contact": False}) == [1.0]
    assert values(site, "zigbee2mqtt/12/x", {"contact": True}) == []
