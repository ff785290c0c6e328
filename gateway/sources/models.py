"""Devices that an installer meets, model by model: what each really is, and what neither plan nor bridge tells of it.

A row says which roles a device can fill, by which property and values; for how long it sees nothing after it told of
somebody (`blind_s`); how often it speaks though nothing happens (`check_in_min`); what its battery tells; and where
that was read. `zhc` is Koenkk/zigbee-herdsman-converters (26.99), `z2m` Koenkk/zigbee2mqtt (2.12). What a source
leaves open is not `sure`: a walk test must show it before anybody relies on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from care.homes import Family
from detectors.homes import Kind


class Battery(StrEnum):
    """What a device tells of its battery."""

    PERCENT = "percent"  # measured
    VOLTAGE = "percent of a voltage"  # a map of 2850 to 3000 mV: it falls late, and then fast
    FLAG = "only when low"  # battery_low, true or false
    NONE = "none"  # on the mains, or nothing is told


class Use(NamedTuple):
    """A role that a device can fill, by which property, and its values for it and for the contrary."""

    role: Kind
    key: str
    on: tuple[str, ...] = ("true",)
    off: tuple[str, ...] = ("false",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is known of one model."""

    maker: str
    model: str  # as its bridge calls it
    what: str  # in words, for an installer
    fills: tuple[Use, ...]  # none: it is no sensor
    source: str
    family: Family = Family.ZIGBEE2MQTT
    blind_s: int | None = None  # seconds
    check_in_min: int | None = None  # minutes
    battery: Battery = Battery.PERCENT
    sleeps: bool = False  # away from its broker between two messages, by design
    sure: bool = True
    trap: str = ""  # in a sentence, for whoever installs it


def find(family: Family, model: str) -> Model | None:
    """Return what is known of a model, None if it is not in the table.

    >>> find(Family.ZIGBEE2MQTT, "RTCGQ11LM").blind_s
    60
    """
    return _BY_NAME.get((family, model.casefold()))


_OPEN = Use(Kind.DOOR, "contact", ("false",), ("true",))  # true is closed, all of them
_OPENED = Use(Kind.USE, "contact", ("false",), ("true",))
_SEEN, _PRESENT = Use(Kind.MOTION, "occupancy"), Use(Kind.MOTION, "presence")
_PRESSED = Use(Kind.BUTTON, "action", (), ("", "null"))  # whatever it was, it was pressed
_WET, _SHAKEN = Use(Kind.USE, "water_leak"), Use(Kind.USE, "vibration")
_LUMI = "zhc:src/devices/lumi.ts"
_IAS = "zhc:src/converters/fromZigbee.ts, ias_occupancy_alarm_1; z2m#16196"
_CONTACT, _PIR, _BUTTON, _LEAK = "a contact", "a movement sensor (PIR)", "a button", "a water sensor"
_RADAR, _SHAKE, _SIREN = "a radar", "a vibration sensor", "a siren"
_THERE = ("occupied", "sitting", "on_the_bed", "low_posture", "falling")
_TILT = "Its action tells tilt and drop; only vibration is read."
_STUCK = "It tells the end of a movement itself; if that message is lost, it goes on saying that somebody is there."
_TIMER = "The bridge makes up the end of a movement, and a restart of it forgets to."
_NOT_REMEMBERED = "It says nothing of itself between two presses but its battery: press it at every visit."


def _contact(maker: str, model: str, source: str, **more: object) -> Model:
    return _row(maker, model, _CONTACT, (_OPEN, _OPENED), source, more)


def _pir(maker: str, model: str, source: str, **more: object) -> Model:
    return _row(maker, model, _PIR, (_SEEN, Use(Kind.USE, "occupancy")), source, more)


def _radar(maker: str, model: str, source: str, use: Use = _PRESENT, **more: object) -> Model:
    return _row(maker, model, _RADAR, (use,), source, {"battery": Battery.NONE, **more})


def _button(maker: str, model: str, source: str, **more: object) -> Model:
    return _row(maker, model, _BUTTON, (_PRESSED,), source, {"trap": _NOT_REMEMBERED, **more})


def _leak(maker: str, model: str, source: str, **more: object) -> Model:
    return _row(maker, model, _LEAK, (_WET,), source, more)


def _siren(maker: str, model: str, source: str) -> Model:
    return _row(maker, model, _SIREN, (), source, {"battery": Battery.NONE, "trap": "It observes nothing: no role."})


def _row(  # noqa: PLR0917  # the words every row begins with
    maker: str, model: str, what: str, fills: tuple[Use, ...], source: str, more: Mapping[str, object]
) -> Model:
    return Model(maker=maker, model=model, what=what, fills=fills, source=source, **more)  # type: ignore[arg-type]


def _one(role: Kind, key: str) -> Use:
    return Use(role, key, ("1", "true"), ("0", "false"))


def _shelly(model: str, what: str, fills: tuple[Use, ...], source: str, trap: str) -> Model:
    more = {"family": Family.SHELLY, "sleeps": True, "trap": trap}
    return _row("Shelly", model, what, fills, source, more)


_GIST, _ASLEEP = "gist.github.com: peyanski, 2020", "It sleeps: online false is normal."
_AQARA = {"check_in_min": 60, "battery": Battery.VOLTAGE}  # a report about every 55 minutes: z2m#2297
_SONOFF = {"check_in_min": 120}  # reporting of its battery, 3600 to 7200 s: zhc:src/devices/sonoff.ts

MODELS: tuple[Model, ...] = (
    # In and under beds.
    Model(
        maker="Tuya",
        model="TS0601_bed_presence_sensor",
        what="a bed strip",
        fills=(Use(Kind.BED, "occupancy"),),
        source="zhc:src/devices/tuya.ts",
        trap="Its datapoint is turned round (0 is occupied), and the bridge turns it back: occupancy true is in bed.",
    ),
    Model(
        maker="HOBEIAN",
        model="ZG-210Z",
        what="a bed strip",
        fills=(Use(Kind.BED, "pressure_state", ("sit", "sedentary"), ("none",)),),
        source="zhc:src/devices/tuya.ts",
        trap="It has no occupancy: pressure_state is none, sit or sedentary, and the last two are both in bed.",
    ),
    Model(
        maker="OWON",
        model="SPM915",
        what="a bed pad",
        fills=(Use(Kind.BED, "contact", ("false",), ("true",)),),
        source="zhc:src/devices/owon.ts; z2m#23172",
        check_in_min=60,
        sure=False,
        trap="It says contact, as a door does. That false is in bed follows from its alarm bit: lie down and see.",
    ),
    Model(
        maker="OWON",
        model="FDS315",
        what="a radar that looks for falls",
        fills=(
            Use(Kind.MOTION, "status", _THERE, ("unoccupied",)),
            Use(Kind.BED, "status", ("on_the_bed",), ()),
        ),
        source="zhc:src/devices/owon.ts",
        battery=Battery.NONE,
        trap="Its status has six values. A fall that it claims is read as somebody being there, and as no call.",
    ),
    Model(
        maker="ESPHome",
        model="bed-presence-mk1",
        what="a bed strip",
        fills=(Use(Kind.BED, "", ("ON",), ("OFF",)),),
        source="github.com/ElevatedSensors/bed-presence-mk1; esphome-docs:components/mqtt.rst",
        family=Family.ESPHOME,
        check_in_min=3,
        battery=Battery.NONE,
        trap="Let the address name bed_occupied_either, of four. As sold it does not speak MQTT.",
    ),
    # Contacts.
    _contact("Aqara", "MCCGQ01LM", _LUMI, **_AQARA),
    _contact("Aqara", "MCCGQ11LM", _LUMI, **_AQARA),
    _contact("Aqara", "MCCGQ12LM", _LUMI, **_AQARA),
    _contact("Aqara", "MCCGQ14LM", _LUMI, **_AQARA),
    _contact(
        "IKEA",
        "E2013",
        "zhc:src/devices/ikea.ts",
        trap="PARASOLL: opened and closed quickly, it could go on saying open in older versions of the bridge.",
    ),
    _contact("SONOFF", "SNZB-04", "zhc:src/devices/sonoff.ts", **_SONOFF),
    _contact("SONOFF", "SNZB-04P", "zhc:src/devices/sonoff.ts", **_SONOFF),
    _contact("Tuya", "TS0203", "zhc:src/devices/tuya.ts"),
    _contact("Philips", "9290035639", "zhc:src/devices/philips.ts", trap="Its tamper is not the door."),
    _contact("Heiman", "HS1DS/HS3DS", "zhc:src/devices/heiman.ts"),
    _contact("OWON", "DWS312", "zhc:src/devices/owon.ts"),
    _contact("Develco", "WISZB-120", "zhc:src/devices/develco.ts"),
    _contact("Third Reality", "3RDS17BZ", "zhc:src/devices/third_reality.ts"),
    # Movement.
    _pir("Aqara", "RTCGQ01LM", _LUMI, blind_s=60, trap=_TIMER, **_AQARA),
    _pir("Aqara", "RTCGQ11LM", "zhc:fromZigbee.ts occupancy_with_timeout; z2m#270", blind_s=60, trap=_TIMER, **_AQARA),
    _pir("Aqara", "RTCGQ12LM", "zhc:src/lib/lumi.ts", blind_s=60, trap=_TIMER, **_AQARA),
    _pir("Aqara", "RTCGQ13LM", "zhc:src/lib/lumi.ts", blind_s=60, trap=_TIMER, **_AQARA),
    _pir("Aqara", "RTCGQ14LM", "zhc:src/lib/lumi.ts", blind_s=30, trap=_TIMER, **_AQARA),
    _pir("Aqara", "RTCGQ15LM", "zhc:src/lib/lumi.ts", blind_s=60, trap=_TIMER, **_AQARA),
    _pir(
        "IKEA",
        "E1525/E1745",
        "zhc:src/lib/ikea.ts",
        trap="With its night switch on it drops movement in light: set illuminance_below_threshold_check to false.",
    ),
    _pir("IKEA", "E2134", "zhc:src/devices/ikea.ts"),
    _pir("SONOFF", "SNZB-03", _IAS, trap=_STUCK, **_SONOFF),
    _pir("SONOFF", "SNZB-03P", "zhc:src/devices/sonoff.ts", trap=_STUCK),
    _pir("Tuya", "TS0202", f"{_IAS}, #13645", trap=_STUCK),
    _pir("Philips", "9290012607", "zhc:src/devices/philips.ts"),
    _pir("Philips", "9290030675", "zhc:src/devices/philips.ts"),
    _pir("Heiman", "HS3MS", "zhc:src/devices/heiman.ts", trap=_STUCK),
    _pir("OWON", "PIR313-E", "zhc:src/devices/owon.ts", battery=Battery.FLAG, trap=_STUCK),
    _pir("Develco", "MOSZB-140", "zhc:src/devices/develco.ts", trap=_STUCK),
    _pir("Third Reality", "3RMS16BZ", "zhc:src/devices/third_reality.ts", trap=_STUCK),
    # Radars: they see who sits still, through thin walls too.
    _radar("Aqara", "RTCZCGQ11LM", _LUMI, trap="FP1: presence is the room, presence_event a happening in it."),
    _radar("Aqara", "RTCZCGQ13LM", _LUMI, trap="FP1E. The FP2 speaks no Zigbee: it comes by Home Assistant."),
    _radar("SONOFF", "SNZB-06P", "zhc:src/devices/sonoff.ts", _SEEN),
    _radar("Tuya", "TS0601_smart_human_presence_sensor_1", "zhc:src/devices/tuya.ts"),
    _radar("HOBEIAN", "ZG-204ZM", "zhc:src/devices/tuya.ts", battery=Battery.PERCENT, sure=False),
    _radar("HOBEIAN", "ZG-205Z", "zhc:src/devices/tuya.ts", sure=False),
    # What is pressed or pulled.
    _button("Aqara", "WXKG01LM", _LUMI, battery=Battery.VOLTAGE),
    _button("Aqara", "WXKG11LM", _LUMI, battery=Battery.VOLTAGE),
    _button("IKEA", "E2201", "zhc:src/devices/ikea.ts"),
    _button("SONOFF", "SNZB-01", "zhc:src/devices/sonoff.ts", check_in_min=120),
    _button("SONOFF", "SNZB-01P", "zhc:src/devices/sonoff.ts", check_in_min=120),
    _button("Tuya", "TS0215A_sos", "zhc:src/devices/tuya.ts, command_emergency"),
    _button("Heiman", "HS1EB/HS1EB-E", "zhc:src/devices/heiman.ts"),
    _button("Develco", "SBTZB-110", "zhc:src/devices/develco.ts"),
    _button("Philips", "8718699693985", "zhc:src/devices/philips.ts"),
    _button("Third Reality", "3RSB22BZ", "zhc:src/devices/third_reality.ts"),
    # Water, and hands on things.
    _leak("Aqara", "SJCGQ11LM", _LUMI, **_AQARA),
    _leak("IKEA", "E2202", "zhc:src/devices/ikea.ts"),
    _leak("SONOFF", "SNZB-05P", "zhc:src/devices/sonoff.ts"),
    _leak("Heiman", "HS1WL/HS3WL", "zhc:src/devices/heiman.ts"),
    _leak("Develco", "FLSZB-110", "zhc:src/devices/develco.ts"),
    _leak("Third Reality", "3RWS18BZ", "zhc:src/devices/third_reality.ts"),
    _row("Aqara", "DJT11LM", _SHAKE, (_SHAKEN,), f"{_LUMI}, fromZigbee.ts", {**_AQARA, "trap": _TILT}),
    _row("Tuya", "TS0210", _SHAKE, (_SHAKEN,), "zhc:fromZigbee.ts, vibration_timeout 90 s", {"trap": _TIMER}),
    _row("Third Reality", "3RVS01031Z", _SHAKE, (_SHAKEN,), "zhc:src/devices/third_reality.ts", {}),
    # What sounds, and observes nothing.
    _siren("Heiman", "HS2WD-E", "zhc:src/devices/heiman.ts"),
    _siren("Develco", "SIRZB-110", "zhc:src/devices/develco.ts"),
    _siren("Tuya", "TS0601_siren", "zhc:src/devices/tuya.ts"),
    # Shelly, by Bluetooth and by itself.
    _shelly(
        "SBDW-002C",
        _CONTACT,
        (_one(Kind.DOOR, "window"), _one(Kind.USE, "window")),
        "shelly-api-docs: docs-ble/Devices/dw",
        "BLU: window 1 is open, the contrary of a Zigbee contact. Each gateway that hears it tells it.",
    ),
    _shelly(
        "SBMO-003Z",
        _PIR,
        (_one(Kind.MOTION, "motion"),),
        "shelly-api-docs: docs-ble; bthome.io, object 0x21",
        "BLU: what one gateway does not hear is lost. Let two hear it.",
    ),
    _shelly(
        "SBBT-002C",
        _BUTTON,
        (Use(Kind.BUTTON, "button", (), ("0",)),),
        "shelly-api-docs: docs-ble; bthome.io, object 0x3A",
        "BLU: it is not repeated until it is heard. Let it not be the only means to call for help.",
    ),
    _shelly("SHDW-2", _CONTACT, (Use(Kind.DOOR, "sensor/state", ("open",), ("close",)),), _GIST, _ASLEEP),
    _shelly("SHMOS-01", _PIR, (_one(Kind.MOTION, "motion"),), "shelly-api-docs: gen1, Shelly Motion", _ASLEEP),
    Model(
        maker="Shelly",
        model="SNSN-0024X",
        what="inputs for wired contacts, pull cords and push buttons",
        fills=(
            Use(Kind.BUTTON, "event", (), ("",)),
            *(_one(role, "state") for role in (Kind.DOOR, Kind.BED, Kind.MOTION, Kind.USE)),
        ),
        source="shelly-api-docs: gen2, Input and General/Notifications",
        family=Family.SHELLY,
        battery=Battery.NONE,
        trap="Plus i4: an input of type button tells a push, and one of type switch a state.",
    ),
)

_BY_NAME = {(one.family, one.model.casefold()): one for one in MODELS}
