"""Models as Zigbee2MQTT describes them in bridge/devices: `definition` with what each exposes, by its documentation."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

COORDINATOR = "0x00124b0000000001"

STATE, SET, GET = 1, 2, 4  # what the access bits of an expose mean


@dataclass(frozen=True)
class Model:
    """What the bridge tells of a model once it is interviewed."""

    model: str
    vendor: str
    description: str
    model_id: str
    manufacturer: str
    exposes: tuple[Json, ...]
    type: str = "EndDevice"
    power_source: str = "Battery"
    options: tuple[Json, ...] = ()
    supported: bool = True

    @property
    def battery(self) -> bool:
        return self.power_source == "Battery"

    @property
    def definition(self) -> Json | None:
        if not self.supported:
            return None
        return {
            "model": self.model,
            "vendor": self.vendor,
            "description": self.description,
            "exposes": [*self.exposes, LINK],
            "options": list(self.options),
            "supports_ota": False,
            "source": "native",
        }


def binary(name: str, *, on: Any = True, off: Any = False, access: int = STATE, **more: Any) -> Json:
    said = {"type": "binary", "name": name, "property": name, "label": name.capitalize(), "access": access}
    return said | {"value_on": on, "value_off": off} | more


def numeric(name: str, unit: str = "", *, access: int = STATE, **more: Any) -> Json:
    said = {"type": "numeric", "name": name, "property": name, "label": name.capitalize(), "access": access}
    return said | ({"unit": unit} if unit else {}) | more


def enum(name: str, *values: str, access: int = STATE, **more: Any) -> Json:
    said = {"type": "enum", "name": name, "property": name, "label": name.capitalize(), "access": access}
    return said | {"values": list(values)} | more


LINK = numeric("linkquality", "lqi", value_min=0, value_max=255, category="diagnostic")
BATTERY = numeric("battery", "%", value_min=0, value_max=100, category="diagnostic")
LOW = binary("battery_low", category="diagnostic")
TAMPER = binary("tamper")
MOTION = binary("occupancy")
CONTACT = binary("contact", on=False, off=True)  # value_on is "open"
OCCUPANCY_TIMEOUT = numeric("occupancy_timeout", access=SET, value_min=0)

_ALL = (
    Model(
        "RTCGQ11LM",
        "Aqara",
        "Motion sensor",
        "lumi.sensor_motion.aq2",
        "LUMI",
        (BATTERY, MOTION, numeric("illuminance", "lx"), numeric("voltage", "mV")),
        options=(OCCUPANCY_TIMEOUT,),
    ),
    Model(
        "RTCGQ14LM",
        "Aqara",
        "High precision motion sensor P1",
        "lumi.motion.ac02",
        "LUMI",
        (MOTION, numeric("illuminance", "lx"), numeric("detection_interval", "s", access=STATE | SET), BATTERY),
    ),
    Model("MCCGQ11LM", "Aqara", "Door and window sensor", "lumi.sensor_magnet.aq2", "LUMI", (BATTERY, CONTACT)),
    Model("DJT11LM", "Aqara", "Vibration sensor", "lumi.vibration.aq1", "LUMI", (BATTERY, binary("vibration"))),
    Model(
        "WXKG11LM",
        "Aqara",
        "Wireless mini switch",
        "lumi.remote.b1acn01",
        "LUMI",
        (BATTERY, enum("action", "single", "double", "hold", "release")),
    ),
    Model("SNZB-03", "SONOFF", "Motion sensor", "MS01", "eWeLink", (MOTION, LOW, BATTERY)),
    Model("SNZB-04P", "SONOFF", "Contact sensor", "SNZB-04P", "eWeLink", (CONTACT, LOW, BATTERY)),
    Model(
        "E2134",
        "IKEA",
        "VALLHORN wireless motion sensor",
        "VALLHORN Wireless Motion Sensor",
        "IKEA of Sweden",
        (MOTION, numeric("illuminance", "lx"), BATTERY),
    ),
    Model(
        "E2013",
        "IKEA",
        "PARASOLL door/window sensor",
        "PARASOLL Door/Window Sensor",
        "IKEA of Sweden",
        (CONTACT, BATTERY),
    ),
    Model(
        "TS0215A_sos",
        "Tuya",
        "SOS button",
        "TS0215A",
        "_TZ3000_0dumfk2z",
        (BATTERY, enum("action", "emergency")),
    ),
    Model(
        "TS0601_bed_presence_sensor",
        "Tuya",
        "Bed presence sensor",
        "TS0601",
        "_TZE284_bed",
        (
            BATTERY,
            MOTION,
            numeric("illuminance", "lx"),
            enum("sensitivity", "low", "medium", "high", access=STATE | SET),
            numeric("presence_delay", "s", access=STATE | SET, value_min=0, value_max=600),
            enum("work_state", "presence", "none", "presence_5min", "none_5min"),
        ),
    ),
    Model(
        "ZG-210Z",
        "HOBEIAN",
        "Bed strap",
        "ZG-210Z",
        "HOBEIAN",
        (
            BATTERY,
            enum("pressure_state", "none", "sit", "sedentary"),
            numeric("current_pressure"),
            numeric("presence_delay", "s", access=STATE | SET, value_min=0, value_max=600),
            numeric("sedentary_reminder", "min", access=STATE | SET),
        ),
    ),
    Model("SPM915", "OWON", "Sleeping pad monitor", "SPM915", "OWON", (CONTACT, LOW, TAMPER)),
    Model(
        "E1603/E1702/E1708",
        "IKEA",
        "TRADFRI control outlet",
        "TRADFRI control outlet",
        "IKEA of Sweden",
        ({"type": "switch", "features": [binary("state", on="ON", off="OFF", access=7)]},),
        "Router",
        "Mains (single phase)",
    ),
    Model("SR-ZG9041A-R", "Sunricher", "Repeater", "ZG9041A-R", "Sunricher", (), "Router", "Mains (single phase)"),
    Model(
        "TS0601_smart_human_presence_sensor_1",
        "Tuya",
        "Radar",
        "TS0601",
        "_TZE200_radar",
        (binary("presence"), numeric("target_distance", "m")),
        "Router",
        "Mains (single phase)",
    ),
    Model("UNKNOWN", "", "", "XYZ-1", "Nobody", (), supported=False),
)

MODELS: dict[str, Model] = {one.model: one for one in _ALL}
