"""Tasmota: switches and movement sensors on a board, or Zigbee devices behind a bridge that runs it.

The plan's `address` is the device's topic, "bed-12", or for a Zigbee device the bridge's topic and the device's name,
"zbbridge/bed-12" (its short address changes when it joins again, so give it a name). `key` is "Switch1", "PIR1" or the
like where a board has several. Expects the FullTopic %prefix%/%topic%/ and SetOption114, or a rule, for what happens to
be told when it happens (tasmota/docs: Buttons-and-Switches.md, PIR-Motion-Sensors.md, Zigbee.md).

`Time` is local and without a zone, unless SetOption52 is on: then a message is dated by its arrival. What comes every
`TelePeriod` is a state and no happening, so it is never the press of a button.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from care.homes import Family, Placed, Site
from care.records import Trouble
from detectors.homes import Kind
from detectors.moments import Origin
from gateway.sources import meaning
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

_OWN = re.compile(r"(Switch|PIR|Button|Input)\d{1,2}")
_ON_OFF = Means("", ("ON", "1"), ("OFF", "0"))
_PRESSED = Means("", (), ("OFF", "CLEAR", "0"))
_PARTS = 3  # prefix, topic and what is said, of a topic
_ZIGBEE: Mapping[Kind, tuple[Means, ...]] = {
    Kind.MOTION: (Means("Occupancy", ONE, NULL),),
    Kind.DOOR: (Means("Contact", ONE, NULL),),  # follows the alarm bit of the device: 1 is open, mostly
    Kind.BED: (Means("Occupancy", ONE, NULL), Means("Contact", ONE, NULL)),
    Kind.USE: (
        Means("Occupancy", ONE, NULL),
        Means("Contact", ONE, NULL),
        Means("Vibration", ONE, NULL),
        Means("Water", ONE, NULL),
    ),
    Kind.BUTTON: (Means("Power", (), ()), Means("Click", (), ("", "0"))),
}


def topics(site: Site) -> Iterator[str]:
    """Yield the topics on which the planned boards and bridges speak."""
    for address in site.addressed.get(Family.TASMOTA, {}):
        board, _, device = address.partition("/")
        yield f"tele/{board}/LWT"
        yield f"tele/{board}/SENSOR"
        if device:
            yield f"tele/{address}/SENSOR"
        else:
            yield f"stat/{board}/+"


def read(site: Site, message: Message, arrived: Arrived) -> Reading | None:
    """Return what a message of a board or a bridge says; None if it is of none in the plan."""
    placed = site.addressed.get(Family.TASMOTA, {})
    parts = message.topic.split("/")
    if len(parts) < _PARTS or parts[0] not in ("tele", "stat") or not placed:
        return None
    prefix, board, what = parts[0], parts[1], parts[-1]
    own = placed.get(board, ()) if len(parts) == _PARTS else ()
    behind = [one for address, who in placed.items() if address.startswith(f"{board}/") for one in who]
    if not own and not behind:
        return None
    if prefix == "tele" and what == "LWT":
        return _will([*own, *behind], message, arrived)
    if prefix == "stat" and _OWN.fullmatch(what):
        return joined(_alone(one, what, message, arrived) for one in own if _is(one, what))
    if what in ("SENSOR", "RESULT") and message.payload:
        return _told(own, behind, message, arrived)
    return Reading()


def _will(who: Sequence[Placed], message: Message, arrived: Arrived) -> Reading:
    state = text_in(message.payload)
    if state not in ("Online", "Offline"):
        why = 'The last will of the board is neither "Online" nor "Offline".'
        return troubled(message, Trouble.UNREADABLE, why, arrived.at)
    return sighted(who, arrived, seen=state == "Online")


def _is(placed: Placed, what: str) -> bool:
    return placed.device.key in ("", what)


def _told(own: Sequence[Placed], behind: Sequence[Placed], message: Message, arrived: Arrived) -> Reading:
    try:
        said = object_in(message.payload)
    except Puzzling as error:
        return troubled(message, Trouble.UNREADABLE, str(error), arrived.at)
    dated, clock = _dated(said, message, arrived)
    found = [_switch(one, said, message, arrived, dated) for one in own]
    for name, device in inner(said, "ZbReceived").items():
        if isinstance(device, dict):
            who = [one for one in behind if one.device.address.partition("/")[2] in (name, device.get("Name"))]
            found += [_zigbee(one, device, message, arrived, dated) for one in who]
    return joined([*found, clock]) if found else Reading()


def _dated(said: Mapping[str, Any], message: Message, arrived: Arrived) -> tuple[datetime | None, Reading]:
    time = said.get("Time")
    if not isinstance(time, str) or not _zoned(time):
        return None, Reading()  # local time without a zone is of no use: an hour of each year comes twice
    try:
        return date_of(time, "Time", arrived, zone="Set SetOption52 to 1."), Reading()
    except Puzzling as error:
        return None, troubled(message, Trouble.CLOCK, f"{error} Taken as of its arrival.", arrived.at)


def _zoned(time: str) -> bool:
    try:
        return datetime.fromisoformat(time).tzinfo is not None
    except ValueError:
        return True  # no date at all: let that be said


def _switch(
    placed: Placed, said: Mapping[str, Any], message: Message, arrived: Arrived, dated: datetime | None
) -> Reading:
    origin = origin_of(message, dated)
    keys = [placed.device.key] if placed.device.key else [key for key in said if _OWN.fullmatch(key)]
    if len(keys) > 1:
        why = f'It tells {", ".join(keys[:8])}. Name in the plan which of them it is: key = "{keys[0]}".'
        return troubled(message, Trouble.NO_VALUE, why, arrived.at)
    found = said.get(keys[0]) if keys else None
    happened = isinstance(found, dict)
    if isinstance(found, dict):
        found = found.get("Action", found.get("State"))
    if found is None or (placed.sensor.kind is Kind.BUTTON and not happened):
        return observed(placed, None, arrived, origin=origin, dated=dated)
    return _judged(placed, keys[0], found, message, arrived, origin=origin, dated=dated)


def _alone(placed: Placed, key: str, message: Message, arrived: Arrived) -> Reading:
    """Return what a rule of the board told, a bare word."""
    text = text_in(message.payload)
    if not text:
        return Reading()
    return _judged(placed, key, text, message, arrived, origin=origin_of(message, None), dated=None)


def _judged(
    placed: Placed,
    key: str,
    found: Any,
    message: Message,
    arrived: Arrived,
    *,
    origin: Origin,
    dated: datetime | None,
) -> Reading:
    usually = (_PRESSED if placed.sensor.kind is Kind.BUTTON else _ON_OFF)._replace(key=key)
    try:
        value = meaning.judged(meaning.given(placed.device, usually), found)
    except Puzzling as error:
        return troubled(message, Trouble.UNREADABLE, str(error), arrived.at)
    return observed(placed, value, arrived, origin=origin, dated=dated)


def _zigbee(
    placed: Placed, said: Mapping[str, Any], message: Message, arrived: Arrived, dated: datetime | None
) -> Reading:
    try:
        value = meaning.value(meaning.asked(placed.device, _ZIGBEE[placed.sensor.kind]), said)
    except Puzzling as error:
        return troubled(message, Trouble.UNREADABLE, str(error), arrived.at)
    battery = said.get("BatteryPercentage", said.get("Battery"))
    link = said.get("LinkQuality")
    return observed(placed, value, arrived, origin=origin_of(message, dated), dated=dated, battery=battery, link=link)
