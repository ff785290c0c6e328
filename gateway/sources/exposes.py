"""What Zigbee2MQTT says of its devices, in the retained `bridge/devices`: for each property, which values mean what.

Source: zigbee2mqtt.io, guide/usage/exposes: `access` bit 0 is published and bit 1 can be set; `property` is the key in
a message, with the endpoint behind it where a device has several. `value_on` of a contact is false: open.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from care.devices import Described, Property, same
from care.homes import Placed, Site, text_of
from care.records import Trouble
from gateway.sources.meaning import OBSERVING, Known, contradiction, means_of
from gateway.sources.messages import Arrived, Message, Reading, joined, troubled

PROPERTIES_MAX = 60  # of one device; the longest known has 45
_PUBLISHED, _SETTABLE = 1, 2


class _Feature(msgspec.Struct):
    type: str = ""
    name: str = ""
    property: str = ""
    access: Any = _PUBLISHED
    endpoint: str = ""
    value_on: Any = None
    value_off: Any = None
    features: "list[_Feature]" = []


class _Definition(msgspec.Struct):
    model: str = ""
    vendor: str = ""
    exposes: list[_Feature] = []


class _Device(msgspec.Struct):
    friendly_name: str = ""
    ieee_address: str = ""
    definition: _Definition | None = None


_devices = msgspec.json.Decoder(list[_Device])


def read(site: Site, message: Message, arrived: Arrived, known: Known) -> Reading:
    """Return what is new of the devices behind sensors of the plan."""
    try:
        devices = _devices.decode(message.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return troubled(
            message, Trouble.UNREADABLE, f"Not the list of devices that a bridge tells: {error}.", arrived.at
        )
    return joined(_news(site, devices, message, arrived, known))


def _news(
    site: Site, devices: Sequence[_Device], message: Message, arrived: Arrived, known: Known
) -> Iterator[Reading]:
    for one in devices:
        found = known.named(site, one.friendly_name)
        if found is None or one.definition is None:
            continue
        placed, _ = found
        described = Described(
            at=arrived.at,
            home=placed.home,
            sensor=placed.sensor.id,
            model=one.definition.model[:100],
            properties=tuple(_properties(one.definition.exposes))[:PROPERTIES_MAX],
        )
        if same(known.described.get(placed.sensor.id), described):
            continue
        yield Reading(described=(described,), troubles=_mismatch(placed, described, message, arrived).troubles)


def _properties(features: Sequence[_Feature]) -> Iterator[Property]:
    """Yield what a device tells of, and not what can be set on it."""
    for one in features:
        if one.features:
            yield from _properties(one.features)
        access = one.access if isinstance(one.access, int) else _PUBLISHED
        if not one.property or not access & _PUBLISHED or access & _SETTABLE:
            continue
        if one.type == "binary":
            yield Property(one.property[:100], _texts(one.value_on), _texts(one.value_off), one.endpoint)
        elif one.type in ("enum", "text"):
            yield Property(one.property[:100], endpoint=one.endpoint)


def _texts(said: Any) -> tuple[str, ...]:
    return (text_of(said)[:100],) if isinstance(said, str | bool) else ()


def _mismatch(placed: Placed, described: Described, message: Message, arrived: Arrived) -> Reading:
    """Return the trouble with a device that tells of some role, and not of the one that it has in the plan."""
    means = means_of(placed.sensor.kind, placed.device, described)
    names = [one.name for one in described.properties]
    asked = {one.key for one in means}
    observing = {name for one in described.properties for name in (one.name, one.name.removesuffix(f"_{one.endpoint}"))}
    if asked & set(names) or not (observing & (OBSERVING | {"action"})):
        return Reading()
    named = msgspec.structs.replace(message, payload=placed.sensor.id.encode())
    why = f"{placed.sensor.id}: {contradiction(placed, means, names, described)}"
    return troubled(named, Trouble.NO_VALUE, why, arrived.at)
