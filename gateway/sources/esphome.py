"""ESPHome: each entity has a topic of its own, and says a bare word without a date.

`<prefix>/binary_sensor/<object id>/state` is ON or OFF, `<prefix>/status` online or offline by last will, all retained
(esphome-docs, components/mqtt.rst). The plan's `address` is `<prefix>/binary_sensor/<object id>`.

What the broker kept has no date, and so no age. What a node says when it connects again is measured then: it is news,
dated by its arrival.
"""

from collections.abc import Iterator

from care.homes import Family, Placed, Site
from care.records import Trouble
from gateway.sources import meaning
from gateway.sources.meaning import Means
from gateway.sources.messages import (
    Arrived,
    Message,
    Puzzling,
    Reading,
    joined,
    observed,
    origin_of,
    sighted,
    text_in,
    troubled,
)

ON_OFF = Means("", ("ON",), ("OFF",))
_PARTS = 3  # prefix, component and object id of an address


def topics(site: Site) -> Iterator[str]:
    """Yield the topics on which the planned nodes speak."""
    for address in site.addressed.get(Family.ESPHOME, {}):
        yield f"{address}/state"
        if (prefix := _prefix(address)) is not None:
            yield f"{prefix}/status"


def read(site: Site, message: Message, arrived: Arrived) -> Reading | None:
    """Return what a message of a node says; None if it is of none in the plan."""
    placed = site.addressed.get(Family.ESPHOME, {})
    topic = message.topic
    if topic.endswith("/state") and (who := placed.get(topic.removesuffix("/state"))):
        return joined(_state(one, message, arrived) for one in who) if message.payload else Reading()
    if topic.endswith("/status"):
        prefix = topic.removesuffix("/status")
        behind = [one for address, who in placed.items() if _prefix(address) == prefix for one in who]
        if behind:
            return _status(behind, message, arrived)
    return None


def _prefix(address: str) -> str | None:
    parts = address.rsplit("/", 2)
    return parts[0] if len(parts) == _PARTS else None


def _state(placed: Placed, message: Message, arrived: Arrived) -> Reading:
    text = text_in(message.payload)
    try:
        value = meaning.judged(meaning.given(placed.device, ON_OFF), text)
    except Puzzling as error:
        why = f'{error} Let the plan\'s "address" name a binary_sensor, or say with "on" which value means so.'
        return troubled(message, Trouble.UNREADABLE, why, arrived.at)
    return observed(placed, value, arrived, origin=origin_of(message, None))


def _status(behind: list[Placed], message: Message, arrived: Arrived) -> Reading:
    state = text_in(message.payload)
    if state not in ("online", "offline"):
        why = 'The status of the node is neither "online" nor "offline".'
        return troubled(message, Trouble.UNREADABLE, why, arrived.at)
    return sighted(behind, arrived, seen=state == "online")
