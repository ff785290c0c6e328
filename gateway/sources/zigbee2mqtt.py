"""Zigbee2MQTT: what it publishes (version 2.12, payloads of the converters 26.99), and what that means here.

Expects `cache_state: false` and `last_seen: ISO_8601`. With the cache on, a battery report repeats the last
`occupancy` as if someone had just moved (Koenkk/zigbee2mqtt#467); without `last_seen` an event can only be dated by
its arrival. Both are read off `bridge/info` and told to the installer.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from care.homes import Family, Placed, Site
from care.records import Trouble, Unreadable
from detectors.homes import Kind
from detectors.moments import Origin
from gateway.sources import exposes, meaning, models
from gateway.sources.meaning import OBSERVING, Known
from gateway.sources.messages import (
    PAYLOAD_MAX,
    Arrived,
    Message,
    Puzzling,
    Reading,
    as_it_says,
    date_of,
    object_in,
    observed,
    sighted,
    too_large,
    troubled,
)

INFO_MAX = 4 * 1024 * 1024  # bytes of a bridge's message about itself
REPLAY_FOR = timedelta(seconds=10)  # a bridge repeats what it knew in its first seconds
_ZONE = "Set last_seen to ISO_8601 in the bridge."


class _State(msgspec.Struct):
    state: str


class _Advanced(msgspec.Struct):
    cache_state: bool = True
    last_seen: str = "disable"


class _Config(msgspec.Struct):
    advanced: _Advanced = msgspec.field(default_factory=_Advanced)


class _Info(msgspec.Struct):
    config: _Config = msgspec.field(default_factory=_Config)


_states: msgspec.json.Decoder[_State | str] = msgspec.json.Decoder(_State | str)
_infos = msgspec.json.Decoder(_Info)


def read(
    site: Site,
    base: str,
    message: Message,
    *,
    received_at: datetime,
    started_at: datetime | None,
    known_to: datetime | None = None,
    ours: Callable[[datetime], Sequence[datetime]] = as_it_says,
    known: Known | None = None,
) -> Reading:
    """Return what one message below `base` says.

    Parameters
    ----------
    site : the plan: which sensor has which friendly name, role and room.
    base : the bridge's base topic, "zigbee2mqtt".
    message : as the broker gave it.
    received_at : our clock at its arrival.
    started_at : when the bridge last came on line, if known: what it says just after may be what it knew before.
    known_to : the newest date that any device had before that, in our time, if known: what is newer was not known.
    ours : when, in our time, the clock of this machine said what a device is dated with. More than one instant, what is
        likely first, where it was set.
    known : what devices have said of themselves.
    """
    name = message.topic.removeprefix(f"{base}/")
    about_bridge = name.startswith("bridge/")
    limit = INFO_MAX if about_bridge else PAYLOAD_MAX
    if len(message.payload) > limit:
        return too_large(message, limit, received_at)
    arrived = Arrived(received_at, started_at, known_to, ours)
    if about_bridge:
        return _bridge(site, name, message, arrived, known or Known())
    if not message.payload or name.endswith(("/set", "/get")):
        return Reading()  # a topic that was cleared, or something said to a device and not by one
    known = known or Known()
    found = known.named(site, name)
    if found is not None:
        return _sensor(*found, message, arrived, known)
    if name.endswith("/availability"):
        found = known.named(site, name.removesuffix("/availability"))
        # That a router, or a device that has no name yet, is there: nobody misses anything by it.
        return Reading() if found is None else _availability(found[0], message, arrived)
    why = f'The plan has no sensor "{name}". Add it to site.toml, or take it out of the network.'
    return troubled(message, Trouble.UNKNOWN_SENSOR, why, received_at)


def bridge_online(base: str, message: Message) -> bool | None:
    """Return whether a message says that the bridge is on line, or None if it does not speak of that."""
    if message.topic != f"{base}/bridge/state":
        return None
    try:
        said = _states.decode(message.payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = message.payload.decode(errors="replace").strip()
        return text == "online" if text in ("online", "offline") else None
    return (said if isinstance(said, str) else said.state) == "online"


def _sensor(
    placed: Placed, means: Sequence[meaning.Means], message: Message, arrived: Arrived, known: Known
) -> Reading:
    try:
        said = object_in(message.payload)
        value = meaning.value(means, said)
    except Puzzling as error:
        return troubled(message, Trouble.UNREADABLE, str(error), arrived.at)
    last_seen = said.get("last_seen")
    if value is None and _contradicts(means, said) and not _can(placed, means, known):
        why = meaning.contradiction(placed, means, list(said), known.described.get(placed.sensor.id))
        return troubled(message, Trouble.NO_VALUE, why, arrived.at)
    dated: datetime | None = None
    troubles: tuple[Unreadable, ...] = ()
    try:
        dated = None if last_seen is None else date_of(last_seen, "last_seen", arrived, zone=_ZONE)
    except Puzzling as error:
        troubles = troubled(message, Trouble.CLOCK, f"{error} Taken as of its arrival.", arrived.at).troubles
    origin = _origin(message, dated, arrived)
    if placed.sensor.kind is Kind.BUTTON and not message.retained:
        origin = Origin.LIVE  # a bridge does not remember what was pressed (its lib/state.ts), so it cannot repeat it
    reading = observed(
        placed,
        value,
        arrived,
        origin=origin,
        dated=dated,
        battery=said.get("battery"),
        low=said.get("battery_low"),
        link=said.get("linkquality"),
    )
    return reading._replace(troubles=troubles) if troubles else reading


def _can(placed: Placed, means: Sequence[meaning.Means], known: Known) -> bool:
    """Whether the device is known to tell of its role, if not in this message."""
    described = known.described.get(placed.sensor.id)
    if described is not None and {one.name for one in described.properties} & {one.key for one in means}:
        return True
    row = models.find(Family.ZIGBEE2MQTT, placed.device.model)
    return row is not None and any(use.role is placed.sensor.kind for use in row.fills)


def _contradicts(means: Sequence[meaning.Means], said: dict[str, Any]) -> bool:
    """Whether a message without a word for its role is no mere sign of life: battery, link, the end of a press."""
    if any(one.key in said for one in means):
        return False  # it is null: the device does not know it yet
    if any(said.get(key) is not None for key in said.keys() & OBSERVING):
        return True
    return said.get("last_seen") is None and said.get("action") is None and not _speaks_of_battery(said)


def _speaks_of_battery(said: dict[str, Any]) -> bool:
    return any(key.startswith("battery") for key in said)


def _origin(message: Message, dated: datetime | None, arrived: Arrived) -> Origin:
    """Return how a message came. What a bridge says at its start was known before, or it waited behind its start."""
    started_at = arrived.started_at
    if message.retained:
        return Origin.RETAINED if dated is not None else Origin.UNDATED
    if started_at is None or arrived.at - started_at > REPLAY_FOR:
        return Origin.LIVE
    if dated is None:
        return Origin.UNDATED
    known = dated < started_at if arrived.known_to is None else dated <= arrived.known_to
    return Origin.REPLAY if known else Origin.LIVE


def _bridge(site: Site, name: str, message: Message, arrived: Arrived, known: Known) -> Reading:
    if name == "bridge/state":
        online = bridge_online(message.topic.removesuffix("/bridge/state"), message)
        if online is None:
            why = 'The state of the bridge is neither "online" nor "offline".'
            return troubled(message, Trouble.UNREADABLE, why, arrived.at)
        return Reading(bridge=online)
    if name == "bridge/info":
        try:
            advanced = _infos.decode(message.payload).config.advanced
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return troubled(message, Trouble.UNREADABLE, f"Not what a bridge says of itself: {error}.", arrived.at)
        return Reading(troubles=tuple(_settings(advanced, message, arrived.at)))
    if name == "bridge/devices" and message.payload:
        return exposes.read(site, message, arrived, known)
    return Reading()  # logging, health, answers: of no meaning for who needs a person


def _settings(advanced: _Advanced, message: Message, received_at: datetime) -> Iterator[Unreadable]:
    if advanced.cache_state:
        why = "cache_state is on: a battery report looks like somebody moving. Set advanced.cache_state to false."
        yield Unreadable(at=received_at, topic=message.topic, trouble=Trouble.SETTING, why=why)
    if not advanced.last_seen.startswith(("ISO_8601", "epoch")):
        why = f'last_seen is "{advanced.last_seen}": events have no date. Set advanced.last_seen to ISO_8601.'
        yield Unreadable(at=received_at, topic=message.topic, trouble=Trouble.SETTING, why=why)


def _availability(placed: Placed, message: Message, arrived: Arrived) -> Reading:
    try:
        said = _states.decode(message.payload)
        state = said if isinstance(said, str) else said.state
    except (msgspec.DecodeError, UnicodeDecodeError):
        state = message.payload[:20].decode(errors="replace")  # older bridges say the bare word
    if state not in ("online", "offline"):
        why = f'The availability is "{state}", neither "online" nor "offline".'
        return troubled(message, Trouble.UNREADABLE, why, arrived.at)
    return sighted((placed,), arrived, seen=state == "online")
