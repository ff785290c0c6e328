"""What comes in and what is read in it: the words that all families of devices share, and what dates and origins are.

How a message came decides what it may do (`Origin`): only live news may start an alert. What the broker kept is
retained; if nothing dates it, its age is unknown. What is repeated at a start is a replay.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from care.devices import Described
from care.homes import Placed
from care.records import Trouble, Unreadable
from detectors.homes import HomeId, Instant, Kind, SensorId
from detectors.moments import Origin, SensorEvent, SensorSight

PAYLOAD_MAX = 64 * 1024  # bytes of a sensor's message; the longest known is below 2 kB
KEPT_MAX = 2_000  # bytes kept of what could not be read
WHY_MAX = 400  # characters of a sentence about it, which may quote what was sent
AHEAD_MAX = timedelta(seconds=60)  # how far a device's clock may run before ours
JUST_NOW, A_WHILE = timedelta(seconds=-1), timedelta(seconds=60)  # old, as a message mostly is, by the same clock
YEARS_BACK = timedelta(days=366)  # a date older than this is a clock that was never set
PACKET_MAX = 2**31
PERCENT_MAX = 100.0  # of a battery
LQI_MAX = 255.0


class Message(msgspec.Struct, frozen=True):
    """One MQTT message, as it came."""

    topic: str
    payload: bytes
    retained: bool = False


class Sign(NamedTuple):
    """A sign of life: a sensor was heard, whatever it said. Not for the journal, where it would be most of the rows."""

    home: HomeId
    sensor: SensorId
    at: Instant  # by the device, or else of its arrival
    battery: float | None = None  # percent, where it told
    low: bool | None = None  # what a device says of its battery that knows no percent
    link: float | None = None  # LQI of this message, 0 to 255


class Reading(NamedTuple):
    """What one message said."""

    events: tuple[SensorEvent, ...] = ()
    sights: tuple[SensorSight, ...] = ()
    troubles: tuple[Unreadable, ...] = ()
    signs: tuple[Sign, ...] = ()  # live ones only: what is repeated is no sign of life
    bridge: bool | None = None  # whether it says that it, and with it every sensor behind it, is on line
    dated: datetime | None = None  # by the device, in our time, where that can be believed
    described: tuple[Described, ...] = ()  # what is behind sensors of the plan, where that was not known


def as_it_says(at: datetime) -> Sequence[datetime]:
    """Return the date that a device gives, for a clock that was never set."""
    return (at,)


class Arrived(NamedTuple):
    """What is known of time as a message comes in.

    `at` is our clock at its arrival. `started_at` is when its bridge last came on line and `known_to` the newest date
    that any device had before that, if known: what is said just after may be what was known before. `ours` is when, in
    our time, the clock of this machine said what a device is dated with: more than one instant where it was set.
    """

    at: datetime
    started_at: datetime | None = None
    known_to: datetime | None = None
    ours: Callable[[datetime], Sequence[datetime]] = as_it_says


class Puzzling(ValueError):
    """Something in a message that cannot be taken: one sentence, what it is and what would be right."""


def observed(
    placed: Placed,
    value: float | None,
    arrived: Arrived,
    *,
    origin: Origin,
    dated: datetime | None = None,
    battery: Any = None,
    low: Any = None,
    link: Any = None,
    packet: Any = None,
) -> Reading:
    """Return what a sensor said: an event, if it said anything of what it is there for, and that it was heard."""
    at = dated or arrived.at
    sensor = placed.sensor
    signs: tuple[Sign, ...] = ()
    if origin is Origin.LIVE:
        percent = None if battery is None else within(battery, PERCENT_MAX)
        lqi = None if link is None else within(link, LQI_MAX)
        signs = (Sign(placed.home, sensor.id, at, percent, low if low is True or low is False else None, lqi),)
    if value is None or (sensor.kind is Kind.BUTTON and value == 0.0):
        return Reading(signs=signs, dated=dated)
    event = SensorEvent(
        at=at,
        home=placed.home,
        sensor=sensor.id,
        room=sensor.room,
        kind=sensor.kind,
        value=value,
        origin=origin,
        packet=_numbered(packet),
    )
    return Reading(events=(event,), signs=signs, dated=dated)


def _numbered(said: Any) -> int | None:
    """Return a device's own number of what it says; None for what is none: True is none, though Python counts by it."""
    return said if isinstance(said, int) and not isinstance(said, bool) and 0 <= said <= PACKET_MAX else None


def sighted(who: Iterable[Placed], arrived: Arrived, *, seen: bool) -> Reading:
    """Return that sensors can be heard, or cannot, by the word of their device or bridge."""
    reason = "" if seen else "availability"
    sights = (SensorSight(at=arrived.at, home=one.home, sensor=one.sensor.id, seen=seen, reason=reason) for one in who)
    return Reading(sights=tuple(sights))


def joined(readings: Iterable[Reading]) -> Reading:
    """Return what several sensors said in one message."""
    whole = Reading()
    for one in readings:
        whole = Reading(
            events=whole.events + one.events,
            sights=whole.sights + one.sights,
            troubles=whole.troubles + one.troubles,
            signs=whole.signs + one.signs,
            dated=whole.dated or one.dated,
            described=whole.described + one.described,
        )
    return whole


def troubled(message: Message, trouble: Trouble, why: str, at: datetime) -> Reading:
    """Return a message that could not be taken, or not wholly, kept with a sentence."""
    kept = Unreadable(
        at=at,
        topic=message.topic[:200],
        trouble=trouble,
        why=why if len(why) <= WHY_MAX else f"{why[:WHY_MAX]} ...",
        payload=message.payload[:KEPT_MAX],
        size=len(message.payload),
    )
    return Reading(troubles=(kept,))


def too_large(message: Message, limit: int, at: datetime) -> Reading:
    """Return that a message is longer than is read."""
    why = f"The message is {len(message.payload):,} bytes long; at most {limit:,} are read."
    return troubled(message, Trouble.TOO_LARGE, why, at)


_objects = msgspec.json.Decoder(dict[str, Any])


def object_in(payload: bytes) -> dict[str, Any]:
    """Return the JSON object that a message holds. Raises `Puzzling`."""
    try:
        return _objects.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Puzzling(f"Not the JSON that a sensor sends: {error}.") from error


def text_in(payload: bytes) -> str:
    """Return the short text that a message holds, as far as it is one."""
    return payload[:WHY_MAX].decode(errors="replace").strip()


def inner(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object under a key, empty if there is none."""
    found = said.get(key)
    return found if isinstance(found, dict) else {}


def within(said: Any, most: float) -> float | None:
    """Return a number between 0 and `most`, or None for whatever else was said."""
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= most:
        return None
    return float(said)


def origin_of(message: Message, dated: datetime | None) -> Origin:
    """Return how a message came that no bridge repeats: live, or kept by the broker with a date or without."""
    if not message.retained:
        return Origin.LIVE
    return Origin.UNDATED if dated is None else Origin.RETAINED


def date_of(said: Any, what: str, arrived: Arrived, *, zone: str) -> datetime:
    """Return the date that a device gives, in UTC. Raises `Puzzling` with a sentence if it cannot be believed.

    Parameters
    ----------
    said : a text of ISO 8601 with its time zone, or milliseconds since 1970.
    what : how it is called in the message.
    zone : what to do if the time zone is missing, as the end of a sentence.

    Notes
    -----
    A bridge dates by the clock of its machine. That is mostly ours too, and may have been set: then one of several
    dates is right. Messages come soon, so it is the first that makes this one new, or else the nearest to now.
    """
    try:
        if isinstance(said, int | float) and not isinstance(said, bool):
            at = datetime.fromtimestamp(said / 1000, UTC)
        else:
            at = datetime.fromisoformat(said)
        dates = (*arrived.ours(at), at) if at.tzinfo is not None else ()  # the first is right, nearly always
        if dates and JUST_NOW <= arrived.at - dates[0] <= A_WHILE:
            return dates[0].astimezone(UTC)
        ages = [(arrived.at - one, one.astimezone(UTC)) for one in dates if one - arrived.at <= AHEAD_MAX]
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise Puzzling(f'{what} "{_quoted(said)}" is no date.') from error
    if not dates:
        raise Puzzling(f'{what} "{_quoted(said)}" has no time zone. {zone}')
    if not ages:
        raise Puzzling(f'{what} "{_quoted(said)}" lies in the future. Check the clocks of bridge and gateway.')
    new = (one for one in ages if JUST_NOW <= one[0] <= A_WHILE)
    age, dated = next(new, min(ages, key=lambda one: abs(one[0])))
    if age > YEARS_BACK:
        raise Puzzling(f'{what} "{_quoted(said)}" lies more than a year back. Check the clock of the bridge.')
    return dated


def _quoted(said: Any) -> str:
    return said[:WHY_MAX] if isinstance(said, str) else repr_of(said)


def repr_of(said: Any) -> str:
    """Return whatever was said for a sentence: short, and never in error (a number may be too long to be written)."""
    try:
        text = msgspec.json.encode(said).decode(errors="replace")
    except (OverflowError, RecursionError, UnicodeError, ValueError):
        return "something very long"
    return text if len(text) <= _QUOTED_MAX else f"{text[:_QUOTED_MAX]} ..."


_QUOTED_MAX = 80
