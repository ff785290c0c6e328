"""Zigbee2MQTT: what it publishes (version 2.12, payloads of the converters 26.99), and what that means here.

Expects `cache_state: false` and `last_seen: ISO_8601`. With the cache on, a battery report repeats the last
`occupancy` as if someone had just moved (Koenkk/zigbee2mqtt#467); without `last_seen` an event can only be dated by
its arrival. Both are read off `bridge/info` and told to the installer.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from care.homes import Site
from care.records import Trouble, Unreadable
from detectors.homes import HomeId, Kind, SensorId
from detectors.moments import Origin, SensorEvent, SensorSight
from gateway.sources import Reading, Sign

PAYLOAD_MAX = 64 * 1024  # bytes of a sensor's message; the longest known is below 2 kB
INFO_MAX = 4 * 1024 * 1024  # bytes of a bridge's message about itself
KEPT_MAX = 2_000  # bytes kept of what could not be read
WHY_MAX = 400  # characters of a sentence about it, which may quote what was sent
AHEAD_MAX = timedelta(seconds=60)  # how far a device's clock may run before ours
REPLAY_FOR = timedelta(seconds=10)  # a bridge repeats what it knew in its first seconds
JUST_NOW, A_WHILE = timedelta(seconds=-1), timedelta(seconds=60)  # old, as a message mostly is, by the same clock
YEARS_BACK = timedelta(days=366)  # a date older than this is a clock that was never set
PERCENT_MAX = 100.0  # of a battery
LQI_MAX = 255.0


class Message(msgspec.Struct, frozen=True):
    """One MQTT message, as it came."""

    topic: str
    payload: bytes
    retained: bool = False


class _Payload(msgspec.Struct):
    occupancy: bool | None = None
    contact: bool | None = None  # true means closed, or for a bed pad empty
    presence: bool | None = None
    vibration: bool | None = None
    water_leak: bool | None = None
    action: str | None = None  # of a button; empty when it is over
    last_seen: str | int | None = None
    # Of these nothing is asked, for they must not cost us an observation that comes in the same message.
    battery: Any = None  # percent
    battery_low: Any = None
    linkquality: Any = None


class _State(msgspec.Struct):
    state: str


class _Advanced(msgspec.Struct):
    cache_state: bool = True
    last_seen: str = "disable"


class _Config(msgspec.Struct):
    advanced: _Advanced = msgspec.field(default_factory=_Advanced)


class _Info(msgspec.Struct):
    config: _Config = msgspec.field(default_factory=_Config)


_payloads = msgspec.json.Decoder(_Payload)
_states: msgspec.json.Decoder[_State | str] = msgspec.json.Decoder(_State | str)
_infos = msgspec.json.Decoder(_Info)


def _as_it_says(at: datetime) -> Sequence[datetime]:
    return (at,)


def read(
    site: Site,
    base: str,
    message: Message,
    *,
    received_at: datetime,
    started_at: datetime | None,
    known_to: datetime | None = None,
    ours: Callable[[datetime], Sequence[datetime]] = _as_it_says,
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
    """
    name = message.topic.removeprefix(f"{base}/")
    about_bridge = name.startswith("bridge/")
    limit = INFO_MAX if about_bridge else PAYLOAD_MAX
    if len(message.payload) > limit:
        why = f"The message is {len(message.payload):,} bytes long; at most {limit:,} are read."
        return _trouble(message, Trouble.TOO_LARGE, why, received_at)
    if about_bridge:
        return _bridge(name, message, received_at)
    if not message.payload or name.endswith(("/set", "/get")):
        return Reading()  # a topic that was cleared, or something said to a device and not by one
    if name in site.friendly:
        return _sensor(site, name, message, _Arrived(received_at, started_at, known_to, ours))
    if name.removesuffix("/availability") in site.friendly:
        return _availability(site, name.removesuffix("/availability"), message, received_at)
    why = f'The plan has no sensor "{name}". Add it to site.toml, or take it out of the network.'
    return _trouble(message, Trouble.UNKNOWN_SENSOR, why, received_at)


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


class _Arrived(NamedTuple):
    """What is known of time as a sensor's message comes in: as `read` is told it."""

    at: datetime
    started_at: datetime | None
    known_to: datetime | None
    ours: Callable[[datetime], Sequence[datetime]]


def _sensor(site: Site, name: str, message: Message, arrived: _Arrived) -> Reading:
    received_at = arrived.at
    try:
        said = _payloads.decode(message.payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        why = f"Not the JSON that a sensor sends: {error}."
        return _trouble(message, Trouble.UNREADABLE, why, received_at)
    home, sensor = site.sensors[name]
    value = _value(sensor.kind, said)
    if value is None and said.last_seen is None and said.action is None and b"battery" not in message.payload:
        why = f"Nothing in it speaks of its role in the plan, {sensor.kind}. Is the role right?"
        return _trouble(message, Trouble.NO_VALUE, why, received_at)
    dated: datetime | None = None
    troubles: tuple[Unreadable, ...] = ()
    try:
        dated = None if said.last_seen is None else _dated(said.last_seen, arrived)
    except ValueError as error:
        troubles = _trouble(message, Trouble.CLOCK, f"{error} Taken as of its arrival.", received_at).troubles
    origin = _origin(message, dated, arrived)
    if sensor.kind is Kind.BUTTON and not message.retained:
        origin = Origin.LIVE  # a bridge does not remember what was pressed (its lib/state.ts), so it cannot repeat it
    signs = (_sign(home, sensor.id, said, dated or received_at),) if origin is Origin.LIVE else ()
    if value is None:  # a sign of life without an observation: battery, link, the end of a press
        return Reading(signs=signs, troubles=troubles, dated=dated)
    event = SensorEvent(
        at=dated or received_at,
        home=home,
        sensor=sensor.id,
        room=sensor.room,
        kind=sensor.kind,
        value=value,
        origin=origin,
    )
    return Reading(events=(event,), troubles=troubles, signs=signs, dated=dated)


def _sign(home: HomeId, sensor: SensorId, said: _Payload, at: datetime) -> Sign:
    low = said.battery_low if isinstance(said.battery_low, bool) else None
    return Sign(home, sensor, at, _within(said.battery, PERCENT_MAX), low, _within(said.linkquality, LQI_MAX))


def _within(said: Any, most: float) -> float | None:
    """Return a number between 0 and `most`, or None for whatever else was said."""
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= most:
        return None
    return float(said)


def _value(kind: Kind, said: _Payload) -> float | None:
    """Return what the message says about what the sensor is there for, 1.0 or 0.0, or None."""
    match kind:
        case Kind.MOTION:
            seen = said.occupancy if said.occupancy is not None else said.presence
        case Kind.DOOR:
            seen = None if said.contact is None else not said.contact
        case Kind.BED:
            seen = said.occupancy if said.occupancy is not None else said.presence
            if seen is None and said.contact is not None:
                seen = not said.contact
        case Kind.USE:
            candidates = (said.occupancy, said.presence, said.vibration, said.water_leak)
            seen = next((one for one in candidates if one is not None), None)
            if seen is None and said.contact is not None:
                seen = not said.contact
        case Kind.BUTTON:
            seen = True if said.action else None
    return None if seen is None else float(seen)


def _dated(last_seen: str | int, arrived: _Arrived) -> datetime:
    """Return the device's own date in UTC. Raises `ValueError` with a sentence if it cannot be believed.

    A bridge dates by the clock of its machine. That is mostly ours too, and may have been set: then one of several
    dates is right. Messages come soon, so it is the first that makes this one new, or else the nearest to now.
    """
    received_at = arrived.at
    try:
        if isinstance(last_seen, int):
            at = datetime.fromtimestamp(last_seen / 1000, UTC)
        else:
            at = datetime.fromisoformat(last_seen)
        dates = (*arrived.ours(at), at) if at.tzinfo is not None else ()
        ages = [(received_at - one, one.astimezone(UTC)) for one in dates if one - received_at <= AHEAD_MAX]
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f'last_seen "{last_seen}" is no date.') from error
    if not dates:
        raise ValueError(f'last_seen "{last_seen}" has no time zone. Set last_seen to ISO_8601 in the bridge.')
    if not ages:
        raise ValueError(f'last_seen "{last_seen}" lies in the future. Check the clocks of bridge and gateway.')
    new = (one for one in ages if JUST_NOW <= one[0] <= A_WHILE)
    age, dated = next(new, min(ages, key=lambda one: abs(one[0])))
    if age > YEARS_BACK:
        raise ValueError(f'last_seen "{last_seen}" lies more than a year back. Check the clock of the bridge.')
    return dated


def _origin(message: Message, dated: datetime | None, arrived: _Arrived) -> Origin:
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


def _bridge(name: str, message: Message, received_at: datetime) -> Reading:
    if name == "bridge/state":
        online = bridge_online(message.topic.removesuffix("/bridge/state"), message)
        if online is None:
            why = 'The state of the bridge is neither "online" nor "offline".'
            return _trouble(message, Trouble.UNREADABLE, why, received_at)
        return Reading(bridge=online)
    if name == "bridge/info":
        try:
            advanced = _infos.decode(message.payload).config.advanced
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _trouble(message, Trouble.UNREADABLE, f"Not what a bridge says of itself: {error}.", received_at)
        return Reading(troubles=tuple(_settings(advanced, message, received_at)))
    return Reading()  # logging, devices, health, answers: of no meaning for who needs a person


def _settings(advanced: _Advanced, message: Message, received_at: datetime) -> Iterator[Unreadable]:
    if advanced.cache_state:
        why = "cache_state is on: a battery report looks like somebody moving. Set advanced.cache_state to false."
        yield Unreadable(at=received_at, topic=message.topic, trouble=Trouble.SETTING, why=why)
    if not advanced.last_seen.startswith(("ISO_8601", "epoch")):
        why = f'last_seen is "{advanced.last_seen}": events have no date. Set advanced.last_seen to ISO_8601.'
        yield Unreadable(at=received_at, topic=message.topic, trouble=Trouble.SETTING, why=why)


def _availability(site: Site, name: str, message: Message, received_at: datetime) -> Reading:
    try:
        said = _states.decode(message.payload)
        state = said if isinstance(said, str) else said.state
    except (msgspec.DecodeError, UnicodeDecodeError):
        state = message.payload[:20].decode(errors="replace")  # older bridges say the bare word
    if state not in ("online", "offline"):
        why = f'The availability is "{state}", neither "online" nor "offline".'
        return _trouble(message, Trouble.UNREADABLE, why, received_at)
    home, sensor = site.friendly[name]
    seen = state == "online"
    reason = "" if seen else "availability"
    return Reading(sights=(SensorSight(at=received_at, home=home, sensor=sensor, seen=seen, reason=reason),))


def _trouble(message: Message, trouble: Trouble, why: str, received_at: datetime) -> Reading:
    kept = Unreadable(
        at=received_at,
        topic=message.topic[:200],
        trouble=trouble,
        why=why if len(why) <= WHY_MAX else f"{why[:WHY_MAX]} ...",
        payload=message.payload[:KEPT_MAX],
        size=len(message.payload),
    )
    return Reading(troubles=(kept,))
