"""Shelly: the first generation, the second and later, and BLU sensors that one of those hears by Bluetooth.

| what | the plan's `address` | read from |
| --- | --- | --- |
| first generation | `shellies/<model>-<id>` | `sensor/...`, `input/...`, `status` and the like below it |
| second and later | `<prefix>/<component>:<id>`, "shellyi4-3c6105/input:0" | `<prefix>/events/rpc`, `<prefix>/online` |
| BLU that it has taken up | the same: "shellyblugwg3-a0/bthomesensor:200", `bthomedevice:200` for a button | the same |
| BLU | its Bluetooth address, "5c:c7:c1:f2:e4:7c" | `+/events/rpc` of every Shelly that hears it |

`params.ts` is seconds since 1970, and so a date (shelly-api-docs, gen2/General/Notifications); where a device that
woke does not know the time yet it is null. A message holds only what has changed. A device on a battery sleeps:
`online` false is then normal and no loss. A BLU sensor numbers what it says (BTHome 0x00), so that what two gateways
heard is one event (`SensorEvent.packet`, dropped by whoever keeps the journal). The event `shelly-blu` is that of
Shelly's own script ble-shelly-blu; BTHome's `window`, `motion` and the like are 1 for open and seen.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from care.homes import Family, Placed, Site
from care.records import Trouble, Unreadable
from detectors.homes import Kind
from gateway.sources import meaning, models
from gateway.sources.meaning import NULL, ONE, Means
from gateway.sources.messages import (
    Arrived,
    Message,
    Puzzling,
    Reading,
    date_of,
    inner,
    joined,
    object_in,
    observed,
    origin_of,
    sighted,
    text_in,
    troubled,
)

_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
_SLEEPERS = ("shellydw", "shellymotion", "shellybutton", "shellyflood", "shellyht", "shellysmoke", "shellyplussmoke")
_RPC, _ONLINE = "/events/rpc", "/online"
_BELOW = ("sensor/+", "input/+", "input_event/+", "status", "online")
BLU_EVENT = "shelly-blu"

_FIRST: Mapping[Kind, tuple[Means, ...]] = {
    Kind.DOOR: (Means("sensor/state", ("open",), ("close", "closed")), Means("input/0", ONE, NULL)),
    Kind.MOTION: (Means("sensor/motion", ONE, NULL), Means("motion", ONE, NULL), Means("input/0", ONE, NULL)),
    Kind.BED: (Means("input/0", ONE, NULL),),
    Kind.USE: (
        Means("sensor/flood", ONE, NULL),
        Means("sensor/vibration", ONE, NULL),
        Means("sensor/state", ("open",), ("close", "closed")),
        Means("input/0", ONE, NULL),
    ),
    Kind.BUTTON: (Means("event", (), ("",)),),
}
"""Of the first generation: by the topic below the address, or by the key of an object that is told there."""

_STATES = (Means("state", ONE, NULL), Means("value", ONE, NULL), Means("alarm", ONE, NULL))
_PUSHED = re.compile(r".*_push|hold_press|button_press")  # and not btn_down and btn_up, which come with each of them

_BLU: Mapping[Kind, tuple[Means, ...]] = {
    Kind.DOOR: (Means("window", ONE, NULL), Means("door", ONE, NULL), Means("opening", ONE, NULL)),
    Kind.MOTION: (Means("motion", ONE, NULL), Means("occupancy", ONE, NULL), Means("presence", ONE, NULL)),
    Kind.BED: (Means("occupancy", ONE, NULL), Means("presence", ONE, NULL)),
    Kind.USE: (
        Means("vibration", ONE, NULL),
        Means("moisture", ONE, NULL),
        Means("window", ONE, NULL),
        Means("motion", ONE, NULL),
    ),
    Kind.BUTTON: (Means("button", (), ("0",)),),
}


def topics(site: Site) -> Iterator[str]:
    """Yield the topics on which the planned devices speak."""
    addresses = site.addressed.get(Family.SHELLY, {})
    blu = any(_MAC.fullmatch(address.lower()) for address in addresses)
    if blu:
        yield f"+{_RPC}"
    for address in addresses:
        if _MAC.fullmatch(address.lower()):
            continue
        if (prefix := _prefix(address)) is not None:
            if not blu or "/" in prefix:  # or a broker may send it twice
                yield f"{prefix}{_RPC}"
            yield f"{prefix}{_ONLINE}"
        else:
            yield from (f"{address}/{below}" for below in _BELOW)


def read(site: Site, message: Message, arrived: Arrived) -> Reading | None:
    """Return what a message of a device says; None if it is of none in the plan."""
    placed, topic = site.addressed.get(Family.SHELLY, {}), message.topic
    if not placed:
        return None
    if topic.endswith(_RPC):
        return _rpc(placed, topic.removesuffix(_RPC), message, arrived)
    if topic.endswith(_ONLINE):
        device = topic.removesuffix(_ONLINE)
        behind = [one for address, who in placed.items() if device in (address, _prefix(address)) for one in who]
        return _online(device, behind, message, arrived) if behind else None
    for depth in (1, 2):
        address, below = "/".join(topic.split("/")[:-depth]), "/".join(topic.split("/")[-depth:])
        if (who := placed.get(address)) and message.payload:
            return joined(_first(one, below, message, arrived) for one in who)
    return None


def _prefix(address: str) -> str | None:
    """Return what the topics of a device of the second generation begin with, None for others."""
    prefix, _, component = address.rpartition("/")
    return prefix if prefix and ":" in component else None


def _online(device: str, behind: Sequence[Placed], message: Message, arrived: Arrived) -> Reading:
    state = text_in(message.payload)
    if state not in ("true", "false"):
        why = 'Whether the device is on line is neither "true" nor "false".'
        return troubled(message, Trouble.UNREADABLE, why, arrived.at)
    lost = [one for one in behind if state == "true" or not _sleeps(device, one)]
    return sighted(lost, arrived, seen=state == "true")


def _sleeps(device: str, placed: Placed) -> bool:
    known = models.find(Family.SHELLY, placed.device.model)
    return device.rpartition("/")[2].startswith(_SLEEPERS) or (known is not None and known.sleeps)


def _first(placed: Placed, below: str, message: Message, arrived: Arrived) -> Reading:
    """Read the first generation: a bare word on a topic of its own, or an object."""
    said: Mapping[str, Any] = {below: text_in(message.payload)}
    try:
        if message.payload.lstrip().startswith(b"{"):
            said = object_in(message.payload)
            said = {**inner(said, "sensor"), **said} if "sensor" in said else said
        value = meaning.value(meaning.asked(placed.device, _FIRST[placed.sensor.kind]), said)
    except Puzzling as error:
        return troubled(message, Trouble.UNREADABLE, str(error), arrived.at)
    battery = _number(said.get("sensor/battery", said.get("bat")))
    return observed(
        placed,
        value,
        arrived,
        origin=origin_of(message, None),
        battery=battery,
        packet=said.get("event_cnt"),
    )


def _number(said: Any) -> Any:
    if not isinstance(said, str):
        return said
    return int(said) if said.isascii() and said.isdigit() and len(said) <= len("100") else None


def _rpc(placed: Mapping[str, tuple[Placed, ...]], prefix: str, message: Message, arrived: Arrived) -> Reading | None:
    """Read a notification of the second generation: what has changed, happened, and was heard by Bluetooth."""
    own = [
        (address.rpartition("/")[2], one)
        for address, who in placed.items()
        if _prefix(address) == prefix
        for one in who
    ]
    try:
        said = object_in(message.payload)
    except Puzzling as error:
        return troubled(message, Trouble.UNREADABLE, str(error), arrived.at) if own else Reading()
    params = inner(said, "params")
    found = [_component(one, component, params, message, arrived) for component, one in own]
    for event in params["events"] if isinstance(params.get("events"), list) else ():
        if not isinstance(event, dict):
            continue
        ts = event.get("ts", params.get("ts"))
        if event.get("event") == BLU_EVENT:
            heard = inner(event, "data")
            address = heard.get("address")
            written = (address.lower(), address.upper()) if isinstance(address, str) else ()
            who = next((placed[one] for one in written if one in placed), ())
            found += [_blu(one, heard, ts, message, arrived) for one in who]
        found += [
            _happened(one, event, ts, message, arrived) for component, one in own if event.get("component") == component
        ]
    return joined(found)


def _component(
    placed: Placed, component: str, params: Mapping[str, Any], message: Message, arrived: Arrived
) -> Reading:
    said = inner(params, component)
    power = inner(inner(params, "devicepower:0"), "battery")
    means = () if placed.sensor.kind is Kind.BUTTON else meaning.asked(placed.device, _STATES)
    if not said and not power:
        return Reading()
    return _dated(placed, means, said, params.get("ts"), message, arrived, battery=power.get("percent"))


def _happened(placed: Placed, event: Mapping[str, Any], ts: Any, message: Message, arrived: Arrived) -> Reading:
    """Read an event of a component: of a button, a push."""
    name = event.get("event")
    if placed.sensor.kind is not Kind.BUTTON or not isinstance(name, str):
        return Reading()
    if name not in placed.device.on and (placed.device.on or not _PUSHED.fullmatch(name)):
        return Reading()
    return _dated(placed, (Means("event"),), {"event": name}, ts, message, arrived)


def _blu(placed: Placed, heard: Mapping[str, Any], ts: Any, message: Message, arrived: Arrived) -> Reading:
    if heard.get("encryption") is True and not heard.keys() & {one.key for one in _BLU[placed.sensor.kind]}:
        why = f"What {placed.sensor.id} says is encrypted. Take the encryption off it, or give its gateway the key."
        return troubled(message, Trouble.SETTING, why, arrived.at)
    said = {key: one for key, one in heard.items() if not isinstance(one, list)}
    if isinstance(pressed := heard.get("button"), list):  # of a device with several buttons, one number each
        said["button"] = next((one for one in pressed if one), 0)
    return _dated(
        placed,
        meaning.asked(placed.device, _BLU[placed.sensor.kind]),
        said,
        ts,
        message,
        arrived,
        battery=heard.get("battery"),
        packet=heard.get("pid"),
    )


def _dated(  # noqa: PLR0917  # all of one message
    placed: Placed,
    means: Sequence[Means],
    said: Mapping[str, Any],
    ts: Any,
    message: Message,
    arrived: Arrived,
    *,
    battery: Any = None,
    packet: Any = None,
) -> Reading:
    dated: datetime | None = None
    troubles: tuple[Unreadable, ...] = ()
    try:
        value = meaning.value(means, said)
    except Puzzling as error:
        return troubled(message, Trouble.UNREADABLE, str(error), arrived.at)
    try:
        ms = ts * 1000 if isinstance(ts, int | float) and not isinstance(ts, bool) else ts
        dated = None if ms is None else date_of(ms, "ts", arrived, zone="Let the device know the time.")
    except Puzzling as error:
        troubles = troubled(message, Trouble.CLOCK, f"{error} Taken as of its arrival.", arrived.at).troubles
    reading = observed(
        placed, value, arrived, origin=origin_of(message, dated), dated=dated, battery=battery, packet=packet
    )
    return reading._replace(troubles=troubles)
