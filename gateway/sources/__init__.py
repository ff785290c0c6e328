"""One module per family of devices: somebody else's words into ours, or a sentence why not.

A source is a pure function of one message, and of what devices have said of themselves (`Known`, from the journal).
What it returns is for the journal: observations, sensors that can or cannot be heard, and `Unreadable` for all that
could not be taken as it came. `read` asks the family whose topic it is; `topics` says what must be listened to.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from care.homes import Site
from care.records import Trouble
from gateway.sources import esphome, homeassistant, native, shelly, tasmota, zigbee2mqtt
from gateway.sources.meaning import Known
from gateway.sources.messages import (
    PAYLOAD_MAX,
    Arrived,
    Message,
    Reading,
    Sign,
    as_it_says,
    too_large,
    troubled,
)

__all__ = ["Known", "Message", "Reading", "Sign", "bridge_online", "read", "tells_how_it_stands", "topics"]

bridge_online = zigbee2mqtt.bridge_online

_STANDING = ("/availability", "/bridge/state", "/status", "/LWT", "/online")
_SENSOR_LIKE = ("/state", "/SENSOR")
_Family = Callable[[Site, Message, Arrived], Reading | None]


def tells_how_it_stands(topic: str) -> bool:
    """Whether a topic says, without a date, how a device or its bridge stands: of several messages the last counts.

    >>> tells_how_it_stands("zigbee2mqtt/12/bed/availability"), tells_how_it_stands("zigbee2mqtt/12/bed")
    (True, False)
    """
    return topic.endswith(_STANDING)


def topics(site: Site, base: str, known: Known | None = None) -> tuple[str, ...]:
    """Return what to subscribe to, for the sensors of a plan to be heard: topics, some with wildcards.

    `base` is the base topic of Zigbee2MQTT, all of which is listened to. `known` adds the topics that devices name
    themselves.
    """
    families = (
        esphome.topics(site),
        tasmota.topics(site),
        shelly.topics(site),
        homeassistant.topics(site, known or Known()),
        native.topics(site),
    )
    others = (topic for family in families for topic in family if not topic.startswith(f"{base}/"))
    return tuple(dict.fromkeys([f"{base}/#", *others]))  # of two that cover one topic, a broker may send it twice


def read(
    site: Site,
    base: str,
    message: Message,
    *,
    received_at: datetime,
    started_at: datetime | None = None,
    known_to: datetime | None = None,
    ours: Callable[[datetime], Sequence[datetime]] = as_it_says,
    known: Known | None = None,
) -> Reading:
    """Return what one message says, by the family of the device that it is of.

    The parameters are those of `zigbee2mqtt.read`. A message of nobody in the plan is nothing, or, where it looks like
    that of a sensor, kept as of an unknown one.
    """
    known = known or Known()
    if message.topic.startswith(f"{base}/"):
        reading = zigbee2mqtt.read(
            site,
            base,
            message,
            received_at=received_at,
            started_at=started_at,
            known_to=known_to,
            ours=ours,
            known=known,
        )
        if not _is_unknown(reading):
            return reading
        other = _others(site, message, Arrived(received_at), known)  # one that discovery put below the same topic
        return reading if other is None else other
    if len(message.payload) > PAYLOAD_MAX:
        return too_large(message, PAYLOAD_MAX, received_at)
    found = _others(site, message, Arrived(received_at), known)
    if found is not None:
        return found
    if message.payload and message.topic.endswith(_SENSOR_LIKE):
        why = f'The plan has no sensor that speaks on "{message.topic[:100]}". Add it to site.toml, or stop it.'
        return troubled(message, Trouble.UNKNOWN_SENSOR, why, received_at)
    return Reading()


def _others(site: Site, message: Message, arrived: Arrived, known: Known) -> Reading | None:
    families: tuple[_Family, ...] = (native.read, esphome.read, tasmota.read, shelly.read)
    for family in families:
        reading = family(site, message, arrived)
        if reading is not None:
            return reading
    return homeassistant.read(site, message, arrived, known)


def _is_unknown(reading: Reading) -> bool:
    return bool(reading.troubles) and reading.troubles[0].trouble is Trouble.UNKNOWN_SENSOR
