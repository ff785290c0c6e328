"""Our own topic, for devices that somebody programs: `nachtwacht/<site>/sensor/<address>` (`docs/devices.md`).

    {"value": true, "at": "2026-03-03T01:09:58.120Z", "battery": 71, "link": 90, "packet": 12}

`value` is true, false, 1 or 0; leave it out and the message only says that the sensor is there. `at` is when it was
made, with its time zone; without one it is dated by its arrival. `battery` is percent, or `battery_low` true or false;
`link` 0 to 255; `packet` counts what the device says, so that what comes by two ways is one. Whether it can be heard is
said on `.../availability`: online or offline, retained, with a last will.
"""

from collections.abc import Iterator

from care.homes import Family, Placed, Site
from care.records import Trouble, Unreadable
from gateway.sources import meaning
from gateway.sources.meaning import Means
from gateway.sources.messages import (
    Arrived,
    Message,
    Puzzling,
    Reading,
    date_of,
    joined,
    object_in,
    observed,
    origin_of,
    sighted,
    text_in,
    troubled,
)

_VALUE = Means("value", ("true", "1"), ("false", "0"))
_ZONE = 'Write it with its zone, like "2026-03-03T01:09:58Z".'
_AVAILABILITY = "/availability"


def prefix(site: Site) -> str:
    """Return what the topics of all native sensors of a building begin with."""
    return f"nachtwacht/{site.id}/sensor/"


def topics(site: Site) -> Iterator[str]:
    """Yield the topic of all native sensors, so that one that is not planned is heard of."""
    yield f"{prefix(site)}#"


def read(site: Site, message: Message, arrived: Arrived) -> Reading | None:
    """Return what a message of a native sensor says; None if it is of none."""
    if not message.topic.startswith(prefix(site)):
        return None
    address = message.topic.removeprefix(prefix(site))
    if not message.payload:
        return Reading()
    placed = site.addressed.get(Family.NATIVE, {})
    if who := placed.get(address):
        return joined(_sensor(one, message, arrived) for one in who)
    if address.endswith(_AVAILABILITY) and (who := placed.get(address.removesuffix(_AVAILABILITY))):
        state = text_in(message.payload)
        if state in ("online", "offline"):
            return sighted(who, arrived, seen=state == "online")
        why = 'The availability is neither "online" nor "offline".'
        return troubled(message, Trouble.UNREADABLE, why, arrived.at)
    why = f'The plan has no native sensor with the address "{address}". Add it to site.toml, or stop it.'
    return troubled(message, Trouble.UNKNOWN_SENSOR, why, arrived.at)


def _sensor(placed: Placed, message: Message, arrived: Arrived) -> Reading:
    means = meaning.given(placed.device, _VALUE)
    try:
        said = object_in(message.payload)
        value = meaning.value((means,), said)
    except Puzzling as error:
        return troubled(message, Trouble.UNREADABLE, str(error), arrived.at)
    dated, troubles = None, tuple[Unreadable, ...]()
    try:
        dated = None if said.get("at") is None else date_of(said["at"], "at", arrived, zone=_ZONE)
    except Puzzling as error:
        troubles = troubled(message, Trouble.CLOCK, f"{error} Taken as of its arrival.", arrived.at).troubles
    if value is None and not said.keys() & {"battery", "battery_low", "link", "at"}:
        why = f'It has no "{means.key}". Write {{"{means.key}": true}} when it is so, and false when it is over.'
        return troubled(message, Trouble.NO_VALUE, why, arrived.at)
    reading = observed(
        placed,
        value,
        arrived,
        origin=origin_of(message, dated),
        dated=dated,
        battery=said.get("battery"),
        low=said.get("battery_low"),
        link=said.get("link"),
        packet=said.get("packet"),
    )
    return reading._replace(troubles=troubles)
