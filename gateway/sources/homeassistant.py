"""Home Assistant's discovery: a device says in a retained message where and how it will speak.

`homeassistant/binary_sensor/[<node>/]<object>/config` names the state topic, what means on and off there (ON and OFF if
it does not say so), and a template (home-assistant.io, binary_sensor.mqtt and mqtt). The plan's `address` is the state
topic. On is open for a door, the contrary of Zigbee2MQTT's `contact`. A state that says no date has none.

Only the template `value_json.x` is read, with or without braces. Any other might turn its meaning round, so such a
device is refused with a sentence, until the plan says itself what to read: `key` and `on`.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from care.devices import Described, Property, same
from care.homes import Family, Placed, Site
from care.records import Trouble
from gateway.sources import meaning
from gateway.sources.meaning import Known, Means
from gateway.sources.messages import (
    Arrived,
    Message,
    Puzzling,
    Reading,
    joined,
    object_in,
    observed,
    origin_of,
    repr_of,
    sighted,
    text_in,
    troubled,
)

PREFIX = "homeassistant"
_CONFIG = re.compile(rf"{PREFIX}/binary_sensor/([^/]+/)?[^/]+/config")
_SIMPLE = re.compile(r"\s*\{\{\s*value_json(?:\.(\w+)|\[['\"](\w+)['\"]\])\s*\}\}\s*|\s*value_json\.(\w+)\s*")
_PLAIN = re.compile(r"\s*\{\{\s*value\s*\}\}\s*")
_SHORT = {
    "stat_t": "state_topic",
    "pl_on": "payload_on",
    "pl_off": "payload_off",
    "val_tpl": "value_template",
    "avty_t": "availability_topic",
    "avty": "availability",
    "mdl": "model",
    "dev": "device",
    "t": "topic",
}
"""The abbreviations that discovery allows (home-assistant.io, mqtt, "Supported abbreviations")."""


def topics(site: Site, known: Known) -> Iterator[str]:
    """Yield the topics on which the planned devices speak, as far as they have said where."""
    placed = site.addressed.get(Family.HOMEASSISTANT, {})
    if placed:
        yield f"{PREFIX}/binary_sensor/+/config"
        yield f"{PREFIX}/binary_sensor/+/+/config"
    for address, who in placed.items():
        yield address
        for one in who:
            described = known.described.get(one.sensor.id)
            if described is not None and described.availability:
                yield described.availability


def read(site: Site, message: Message, arrived: Arrived, known: Known) -> Reading | None:
    """Return what a message of a device says; None if it is of none in the plan."""
    placed = site.addressed.get(Family.HOMEASSISTANT, {})
    if not placed:
        return None
    if _CONFIG.fullmatch(message.topic):
        return _config(placed, message, arrived, known)
    if who := placed.get(message.topic):
        return joined(_state(one, message, arrived, known) for one in who) if message.payload else Reading()
    behind = [
        one
        for who in placed.values()
        for one in who
        if (described := known.described.get(one.sensor.id)) is not None and described.availability == message.topic
    ]
    return _availability(behind, message, arrived) if behind else None


def _config(placed: Mapping[str, tuple[Placed, ...]], message: Message, arrived: Arrived, known: Known) -> Reading:
    if not message.payload:
        return Reading()  # taken back: what was said of it stays, for the device may still speak
    try:
        said = _long(object_in(message.payload))
    except Puzzling as error:
        return troubled(message, Trouble.UNREADABLE, str(error), arrived.at)
    who = placed.get(_topic(said, said.get("state_topic")), ())
    found = []
    for one in who:
        described = _described(one, said, arrived.at)
        if not same(known.described.get(one.sensor.id), described):
            why = described.refused
            refused = bool(why) and not one.device.on
            troubles = troubled(message, Trouble.SETTING, why, arrived.at).troubles if refused else ()
            found.append(Reading(described=(described,), troubles=troubles))
    return joined(found)


def _long(said: Mapping[str, Any]) -> dict[str, Any]:
    return {_SHORT.get(key, key): one for key, one in said.items()}


def _topic(said: Mapping[str, Any], topic: Any) -> str:
    """Return a topic of a configuration, with its base in place of a tilde at either end."""
    if not isinstance(topic, str):
        return ""
    base = said.get("~")
    whole: str = topic
    if isinstance(base, str):
        whole = base + whole[1:] if whole.startswith("~") else whole
        whole = whole[:-1] + base if whole.endswith("~") else whole
    return whole[:200]


def _described(placed: Placed, said: Mapping[str, Any], at: datetime) -> Described:
    template = said.get("value_template")
    found = _SIMPLE.fullmatch(template) if isinstance(template, str) else None
    refused = ""
    if template is not None and found is None and not (isinstance(template, str) and _PLAIN.fullmatch(template)):
        said_so = template if isinstance(template, str) else repr_of(template)
        refused = (
            f'The value_template "{said_so}" cannot be read. Let it be "{{{{ value_json.x }}}}", or say in the plan '
            'with "key" and "on" which property means so, and by which value.'
        )
    key = next((one for one in found.groups() if one), "") if found else ""
    on, off = (usual if (text := meaning.text_in(said.get(one))) is None else text for one, usual in _USUAL)
    device = said.get("device")
    model = _long(device).get("model", "") if isinstance(device, dict) else ""
    return Described(
        at=at,
        home=placed.home,
        sensor=placed.sensor.id,
        model=model[:100] if isinstance(model, str) else "",
        properties=(Property(key, (on[:100],), (off[:100],)),),
        availability=_where(said),
        refused=refused,
    )


_USUAL = (("payload_on", "ON"), ("payload_off", "OFF"))


def _where(said: Mapping[str, Any]) -> str:
    """Return the topic of the device's availability, the first if it has several; "" if it is no topic to listen to."""
    several = said.get("availability")
    if isinstance(several, list) and several and isinstance(several[0], dict):
        topic = _topic(said, _long(several[0]).get("topic"))
    else:
        topic = _topic(said, said.get("availability_topic"))
    return "" if set(topic) & set("+#\0") else topic


def _state(placed: Placed, message: Message, arrived: Arrived, known: Known) -> Reading:
    described = known.described.get(placed.sensor.id)
    means = Means("", ("ON",), ("OFF",))
    if described is not None and len(described.properties) == 1:
        (one,) = described.properties
        means = Means(one.name, one.on, one.off)
    device = placed.device
    if described is not None and described.refused and not device.on:
        return troubled(message, Trouble.UNREADABLE, described.refused, arrived.at)
    means = meaning.given(device, means)
    try:
        said = object_in(message.payload) if means.key else {"": text_in(message.payload)}
        value = meaning.value((means,), said)
    except Puzzling as error:
        return troubled(message, Trouble.UNREADABLE, str(error), arrived.at)
    if value is None:
        why = f'It has no "{means.key}", which would tell its role in the plan, {placed.sensor.kind}.'
        return troubled(message, Trouble.NO_VALUE, why, arrived.at)
    return observed(placed, value, arrived, origin=origin_of(message, None))


def _availability(behind: list[Placed], message: Message, arrived: Arrived) -> Reading:
    state = text_in(message.payload)
    if message.payload.startswith(b"{"):
        try:
            state = str(object_in(message.payload).get("state"))  # as Zigbee2MQTT says it
        except Puzzling as error:
            return troubled(message, Trouble.UNREADABLE, str(error), arrived.at)
    if state not in ("online", "offline"):
        return Reading()  # words of its own: what they mean, nobody has said
    return sighted(behind, arrived, seen=state == "online")
