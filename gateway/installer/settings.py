"""What the bridge must be set to for care, worked out from the plan; how it differs; and what would put that right.

All of it is pure but `put_right`. The same two functions serve pairing, `plan diff` and `plan apply`.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from care.homes import Device, Family, Site
from care.language import mark
from detectors.homes import SensorId
from gateway.customs import CHECK_IN_MIN
from gateway.installer.bridge import Bridge, BridgeDevice, BridgeSilent, Info, Json

RESTART_S = 90.0  # a bridge with hundreds of devices on a slow card
SETTLE_S = 10.0  # until bridge/info and bridge/devices tell what was done
PASSIVE_MIN = 1500  # minutes: the bridge's own, for devices that are not known to check in by the clock
HOURLY = frozenset({"Aqara", "Xiaomi"})
"""Whose battery devices check in every hour (zigbee-herdsman-converters, `quirkCheckinInterval` in devices/lumi.ts)."""

HIDING = ("debounce", "throttle", "filtered_attributes")
"""Settings of a device that let a fast or an unwelcome event disappear before anybody hears it."""

SETTINGS: dict[str, Any] = {
    "availability.enabled": True,  # a device that is gone is told of
    "availability.passive.timeout": PASSIVE_MIN,
    "advanced.last_seen": "ISO_8601",  # an event is dated by when it was
    "advanced.cache_state": False,  # or a report of the battery repeats the last movement
    "advanced.output": "json",
    "mqtt.force_disable_retain": False,  # or nobody who comes later hears which devices there are
}


class Wanted(msgspec.Struct, frozen=True):
    """What a plan wants of the bridge: its own settings by dotted path, and the device behind each sensor's name."""

    bridge: dict[str, Any]
    sensors: dict[str, Device]  # by friendly name; those of other families are left out


class Mismatch(StrEnum):
    """In which way the bridge differs from the plan."""

    SETTING = "setting"
    OPEN = "open"  # new devices may join
    TAKEN = "taken"  # another device has the name that the plan gives
    NAME = "name"
    OPTION = "option"  # of one device
    MISSING = "missing"  # not in the network
    INTERVIEW = "interview"  # not finished
    UNSUPPORTED = "unsupported"  # the bridge does not know the model
    MODEL = "model"  # another one than the plan says
    STRAY = "stray"  # in the network, and not in the plan


class Request(msgspec.Struct, frozen=True):
    """What to ask of the bridge: `Bridge.ask(what, payload)`."""

    what: str
    payload: Json


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in which the bridge differs: a message to translate, with its values, and what puts it right."""

    what: Mismatch
    name: str = ""  # of the sensor, or of the device at the bridge; "" for the bridge itself
    address: str = ""
    message: str
    values: dict[str, str] = {}
    request: Request | None = None  # None where a person must see to it

    @property
    def sentence(self) -> str:
        """The message in English."""
        return self.message.format(**self.values)


def wanted(site: Site) -> Wanted:
    """Return what a plan wants of Zigbee2MQTT."""
    sensors = {name: site.devices.get(SensorId(name), Device()) for name in site.friendly}
    return Wanted(
        bridge=dict(SETTINGS),
        sensors={name: device for name, device in sensors.items() if device.family is Family.ZIGBEE2MQTT},
    )


def timeout_minutes(device: BridgeDevice) -> int | None:
    """Return after how many minutes of silence a device is to be called away; None for the bridge's own figure."""
    vendor = device.definition.vendor if device.definition is not None else ""
    battery = device.power_source == "Battery" and not device.is_router
    return int(CHECK_IN_MIN) if battery and vendor in HOURLY else None


def differences(wanted: Wanted, info: Info, devices: Sequence[BridgeDevice]) -> tuple[Difference, ...]:
    """Return how the bridge differs from what is wanted, in an order in which all of it can be put right.

    Parameters
    ----------
    wanted : what the plan wants.
    info, devices : what the bridge says of itself and its devices (`Bridge.info`, `Bridge.devices`).
    """
    return (*of_bridge(wanted, info), *of_devices(wanted, info, devices))


def of_bridge(wanted: Wanted, info: Info) -> tuple[Difference, ...]:
    """Return how the bridge's own settings differ."""
    return tuple(_of_bridge(wanted, info))


def of_devices(wanted: Wanted, info: Info, devices: Sequence[BridgeDevice]) -> tuple[Difference, ...]:
    """Return how its devices differ: names first, then their options, then what a person must see to."""
    there = {name: device for name, said in wanted.sensors.items() if (device := _device(name, said, devices))}
    return (
        *_names(wanted, there, devices),
        *(one for name, device in there.items() for one in _options(name, device, info)),
        *_by_hand(wanted, there, devices),
    )


def put_right(
    bridge: Bridge,
    found: Sequence[Difference],
    wanted: Wanted,
    *,
    settle_s: float = SETTLE_S,
    done: Callable[[Difference], None] = lambda _: None,
) -> tuple[Difference, ...]:
    """Ask the bridge for all that can be put right, restart it if it must be, and return what then still differs.

    Of what is still there only that which was to be put right is returned. Raises what `Bridge.ask` raises; what was
    done until then stays done, and the same call again goes on from there.
    """
    ours = [one for one in found if one.request is not None]
    for one in ours:
        if one.request is not None:
            bridge.ask(one.request.what, one.request.payload)
            done(one)
    keys = {(one.what, one.name, one.message) for one in ours}

    def left(bridge: Bridge) -> tuple[Difference, ...]:
        now = differences(wanted, bridge.info(), bridge.devices())
        return tuple(one for one in now if (one.what, one.name, one.message) in keys)

    bridge.until(lambda one: not left(one), patience_s=settle_s)
    if ours and bridge.info().restart_required:
        restart(bridge)
    return left(bridge)


def restart(bridge: Bridge) -> None:
    """Restart the bridge and wait until it is back. Raises `BridgeSilent` if it is not within `RESTART_S`."""
    bridge.ask("restart")
    if not bridge.until(lambda one: one.online and not one.info().restart_required, patience_s=RESTART_S):
        line = mark("Zigbee2MQTT was restarted and is not back after {seconds:g} seconds. Look at its log.")
        raise BridgeSilent(line, seconds=RESTART_S)


def _of_bridge(wanted: Wanted, info: Info) -> Iterator[Difference]:
    for path, value in wanted.bridge.items():
        said = _at(info.config, path)
        if said == value and type(said) is type(value):
            continue
        yield Difference(
            what=Mismatch.SETTING,
            message=mark("{setting} is {said} in the bridge. It must be {wanted}."),
            values={"setting": path, "said": _json(said), "wanted": _json(value)},
            request=Request("options", {"options": _nested(path, value)}),
        )
    everywhere = info.config.get("device_options")
    for key in HIDING:
        if isinstance(everywhere, dict) and everywhere.get(key):
            yield Difference(
                what=Mismatch.SETTING,
                message=mark("{setting} is set for all devices. It hides events, and must go."),
                values={"setting": f"device_options.{key}"},
                request=Request("options", {"options": {"device_options": {key: None}}}),
            )
    if info.permit_join:
        yield Difference(
            what=Mismatch.OPEN,
            message=mark("The network is open: any new device can join. It must be closed."),
            request=Request("permit_join", {"time": 0}),
        )


def _device(name: str, said: Device, devices: Sequence[BridgeDevice]) -> BridgeDevice | None:
    """Return the device that is a sensor: by the plan's address, or else by its name."""
    if said.address:
        return next((one for one in devices if one.ieee_address.lower() == said.address.lower()), None)
    return next((one for one in devices if one.friendly_name == name), None)


def _names(wanted: Wanted, there: dict[str, BridgeDevice], devices: Sequence[BridgeDevice]) -> Iterator[Difference]:
    names = {one.friendly_name: one for one in devices}
    for name in wanted.sensors:
        taken = names.get(name)
        if taken is None or taken == there.get(name):
            continue
        yield Difference(  # renamed away first: the bridge refuses a name that is in use
            what=Mismatch.TAKEN,
            name=name,
            address=taken.ieee_address,
            message=mark("Another device is called {name}: {address}. It gets its address for a name."),
            values={"name": name, "address": taken.ieee_address},
            request=_rename(taken.ieee_address, taken.ieee_address),
        )
    for name, device in there.items():
        if device.friendly_name != name:
            yield Difference(
                what=Mismatch.NAME,
                name=name,
                address=device.ieee_address,
                message=mark("{address} is called {said} in the bridge. In the plan it is {name}."),
                values={"address": device.ieee_address, "said": device.friendly_name, "name": name},
                request=_rename(device.ieee_address, name),
            )


def _options(name: str, device: BridgeDevice, info: Info) -> Iterator[Difference]:
    devices = info.config.get("devices")
    options = devices.get(device.ieee_address) if isinstance(devices, dict) else None
    options = options if isinstance(options, dict) else {}

    def differs(message: str, key: str, *, value: Any) -> Difference:
        return Difference(
            what=Mismatch.OPTION,
            name=name,
            address=device.ieee_address,
            message=message,
            values={"name": name, "setting": key, "said": _json(options.get(key)), "wanted": _json(value)},
            request=Request("device/options", {"id": device.ieee_address, "options": {key: value}}),
        )

    for key in HIDING:
        if options.get(key):
            yield differs(mark("{name}: {setting} is set. It hides events, and must go."), key, value=None)
    if options.get("retain"):
        yield differs(mark("{name}: retain is on. Old messages would look like new ones."), "retain", value=False)
    if options.get("disabled") or device.disabled:
        yield differs(mark("{name} is switched off in the bridge. It must be on."), "disabled", value=False)
    minutes = timeout_minutes(device)
    if minutes is not None and _at(options, "availability.timeout") != minutes:
        said = mark("{name}: {setting} is {said} in the bridge. It must be {wanted}.")
        yield differs(said, "availability", value={"timeout": minutes})
    elif options.get("availability") is False:
        yield differs(
            mark("{name}: {setting} is {said} in the bridge. It must be {wanted}."), "availability", value=True
        )


def _by_hand(wanted: Wanted, there: dict[str, BridgeDevice], devices: Sequence[BridgeDevice]) -> Iterator[Difference]:
    for name, said in wanted.sensors.items():
        device = there.get(name)
        if device is None:
            line = mark("{name} is not in the network. Pair it: nachtwacht sensor discover.")
            yield Difference(
                what=Mismatch.MISSING, name=name, address=said.address, message=line, values={"name": name}
            )
            continue
        values = {"name": name, "address": device.ieee_address, "model": device.model}
        if device.interview_state in ("PENDING", "IN_PROGRESS", "FAILED"):
            line = mark("{name}: the bridge has not got to know it. Wake it up, close to a router, and pair it again.")
            yield _seen(Mismatch.INTERVIEW, name, line, values)
        elif not device.supported:
            line = mark("{name}: the bridge does not know the model {model}. Use another one.")
            yield _seen(Mismatch.UNSUPPORTED, name, line, values)
        elif said.model and said.model not in (device.model, device.model_id):
            line = mark("{name} is a {model}. In the plan it is a {wanted}.")
            yield _seen(Mismatch.MODEL, name, line, {**values, "wanted": said.model})
    known = {device.ieee_address for device in there.values()}
    for device in devices:
        if device.ieee_address not in known and not device.is_router:
            line = mark("{address} ({model}) is in the network and not in the plan. Give it a place, or remove it.")
            values = {"address": device.ieee_address, "model": device.model or "?"}
            yield _seen(Mismatch.STRAY, device.friendly_name, line, values)


def _seen(what: Mismatch, name: str, message: str, values: dict[str, str]) -> Difference:
    return Difference(what=what, name=name, address=values["address"], message=message, values=values)


def _rename(address: str, to: str) -> Request:
    return Request("device/rename", {"from": address, "to": to, "homeassistant_rename": False})


def _at(config: Any, path: str) -> Any:
    for key in path.split("."):
        config = config.get(key) if isinstance(config, dict) else None
    return config


def _nested(path: str, value: Any) -> Json:
    for key in reversed(path.split(".")):
        value = {key: value}
    said: Json = value
    return said


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
