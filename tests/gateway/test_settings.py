"""What the bridge must be set to: a law that asking for all of it makes it so, and a real broker that carries it."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.homes import Device, Family, Site
from detectors.homes import SensorId
from gateway.installer import settings
from gateway.installer.bridge import Bridge, BridgeDevice, BridgeSaysNo, Definition, Info
from gateway.installer.settings import Difference, Mismatch, Wanted
from tests.gateway.bridge import Thing, Zigbee2MQTT, a_box
from tests.gateway.bridge_models import MODELS
from tests.stories import a_site

NAMES = sorted(a_site().friendly)
ADDRESSES = [f"0x{number:016x}" for number in range(1, 10)]


def a_plan(**devices: Device) -> Site:
    return msgspec.structs.replace(a_site(), devices={SensorId(name): one for name, one in devices.items()})


def device(address: str, name: str = "", vendor: str = "Aqara", **more: Any) -> BridgeDevice:
    known: dict[str, Any] = {"supported": True, "power_source": "Battery", "interview_state": "SUCCESSFUL"} | more
    definition = Definition(model="RTCGQ11LM", vendor=vendor)
    return BridgeDevice(address, name or address, type="EndDevice", definition=definition, **known)


def merged(into: Any, said: Any) -> Any:
    if not isinstance(into, dict) or not isinstance(said, dict):
        return said
    both = {**into, **{key: merged(into.get(key), value) for key, value in said.items()}}
    return {key: value for key, value in both.items() if value is not None}


def after(
    found: tuple[Difference, ...], info: Info, devices: tuple[BridgeDevice, ...]
) -> tuple[Info, tuple[BridgeDevice, ...]]:
    """Return a bridge that did what it was asked, in that order; it refuses a name that is in use."""
    for one in found:
        said = one.request
        match None if said is None else said.what:
            case "options":
                assert said is not None
                info = msgspec.structs.replace(info, config=merged(info.config, said.payload["options"]))
            case "permit_join":
                info = msgspec.structs.replace(info, permit_join=False)
            case "device/rename":
                assert said is not None
                assert said.payload["to"] not in {two.friendly_name for two in devices}, "in use"
                devices = tuple(
                    msgspec.structs.replace(two, friendly_name=said.payload["to"])
                    if two.ieee_address == said.payload["from"]
                    else two
                    for two in devices
                )
            case "device/options":
                assert said is not None
                change = {"devices": {said.payload["id"]: said.payload["options"]}}
                info = msgspec.structs.replace(info, config=merged(info.config, change))
    return info, devices


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "debounce": st.sampled_from([1, 0.5]),
        "throttle": st.just(10),
        "retain": st.booleans(),
        "availability": st.one_of(st.booleans(), st.just({"timeout": 60})),
        "filtered_attributes": st.just(["occupancy"]),
        "disabled": st.booleans(),
    },
)
CONFIG = st.fixed_dictionaries(
    {
        "availability": st.fixed_dictionaries({}, optional={"enabled": st.booleans(), "passive": st.just({})}),
        "advanced": st.fixed_dictionaries({}, optional={"cache_state": st.booleans(), "last_seen": st.just("epoch")}),
        "device_options": st.fixed_dictionaries({}, optional={"debounce": st.just(1)}),
        "devices": st.dictionaries(st.sampled_from(ADDRESSES), OPTIONS),
    }
)


@given(
    config=CONFIG,
    is_open=st.booleans(),
    called=st.lists(st.sampled_from([*NAMES, "somebody", "else"]), unique=True, max_size=6),
    meant=st.permutations(NAMES),
    vendor=st.sampled_from(["Aqara", "Tuya"]),
)
def test_after_all_that_can_be_asked_was_asked_only_people_have_something_to_do(
    config: dict[str, Any], is_open: bool, called: list[str], meant: list[str], vendor: str
) -> None:
    """Whatever the bridge was set to, and however names had been swapped; and asked again, nothing is left to ask."""
    devices = tuple(device(address, name, vendor) for address, name in zip(ADDRESSES, called, strict=False))
    site = a_plan(**{name: Device(address=one.ieee_address) for name, one in zip(meant, devices, strict=False)})
    info = Info(permit_join=is_open, config=config)
    wanted = settings.wanted(site)
    found = settings.differences(wanted, info, devices)
    info, devices = after(found, info, devices)
    left = settings.differences(wanted, info, devices)
    assert [one for one in left if one.request is not None] == []
    assert {one.what for one in left} <= {Mismatch.MISSING, Mismatch.STRAY}
    assert all(one.friendly_name == name for one, name in zip(devices, meant, strict=False))


def test_a_sensor_of_another_family_is_not_looked_for_in_the_bridge() -> None:
    name = NAMES[0]
    site = a_plan(**{name: Device(family=Family.ESPHOME, address="bed-12")})
    assert name not in settings.wanted(site).sensors


@pytest.mark.parametrize(
    ("one", "said", "what"),
    [
        (device("0x1", "12/bed", interview_state="FAILED"), Device(), Mismatch.INTERVIEW),
        (device("0x1", "12/bed", supported=False), Device(), Mismatch.UNSUPPORTED),
        (device("0x1", "12/bed"), Device(model="SPM915"), Mismatch.MODEL),
        (device("0x1", "12/bed"), Device(address="0x2"), Mismatch.MISSING),
    ],
)
def test_what_only_a_person_can_put_right_is_said_and_not_asked(
    one: BridgeDevice, said: Device, what: Mismatch
) -> None:
    found = settings.of_devices(Wanted({}, {"12/bed": said}), Info(), (one,))
    hand = [two for two in found if two.what is what]
    assert [two.request for two in hand] == [None]
    assert "{" not in hand[0].sentence


def test_a_device_that_nobody_planned_is_told_unless_it_only_carries_messages() -> None:
    router = BridgeDevice("0x9", "gang", type="Router", supported=True)
    found = settings.of_devices(Wanted({}, {}), Info(), (device("0x1"), router))
    assert [(one.what, one.address) for one in found] == [(Mismatch.STRAY, "0x1")]


def test_a_sensor_that_checks_in_every_hour_is_away_after_two() -> None:
    assert settings.timeout_minutes(device("0x1")) == 130
    assert settings.timeout_minutes(device("0x1", vendor="Tuya")) is None
    assert settings.timeout_minutes(device("0x1", power_source="Mains (single phase)")) is None


def test_a_bridge_as_it_comes_is_put_right_and_restarted_and_then_nothing_differs(
    bridge: Bridge, zigbee: Zigbee2MQTT
) -> None:
    things = a_box("RTCGQ11LM", "MCCGQ11LM", "TS0601_bed_presence_sensor")
    zigbee.holds(things)
    bridge.until(lambda one: len(one.devices()) == 3)
    names = ["12/gang", "12/door", "12/bed"]
    wanted = Wanted(settings.SETTINGS, {n: Device(address=t.address) for n, t in zip(names, things, strict=True)})
    found = settings.differences(wanted, bridge.info(), bridge.devices())
    assert settings.put_right(bridge, found, wanted) == ()
    assert settings.differences(wanted, bridge.info(), bridge.devices()) == ()
    assert [one.name for one in things] == names
    assert zigbee.config["devices"][things[0].address]["availability"] == {"timeout": 130}
    assert len(zigbee.requests("restart")) == 1
    assert not bridge.info().restart_required
    asked = len(zigbee.asked)
    assert settings.put_right(bridge, (), wanted) == ()
    assert len(zigbee.asked) == asked  # again, without harm


def test_two_sensors_whose_names_were_swapped_are_swapped_back(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    one, two = Thing("0x01", MODELS["SNZB-03"], name="b"), Thing("0x02", MODELS["SNZB-03"], name="a")
    zigbee.holds([one, two])
    bridge.until(lambda it: len(it.devices()) == 2)
    wanted = Wanted({}, {"a": Device(address="0x01"), "b": Device(address="0x02")})
    assert settings.put_right(bridge, settings.differences(wanted, bridge.info(), bridge.devices()), wanted) == ()
    assert (one.name, two.name) == ("a", "b")


def test_what_the_bridge_refuses_stops_there_with_its_reason(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    zigbee.refuses["options"] = "configuration.yaml is read-only"
    wanted = Wanted(settings.SETTINGS, {})
    found = settings.differences(wanted, bridge.info(), bridge.devices())
    with pytest.raises(BridgeSaysNo, match=r"refused options: configuration\.yaml is read-only\.$"):
        settings.put_right(bridge, found, wanted)
