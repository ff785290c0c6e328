"""The stage: moments of a rehearsal or a recording, published as Zigbee2MQTT would have published them.

All goes over one connection, so the broker hands it on in this order: the time, then what happened at that time. Who
takes its `now` from the rehearsal clock therefore finds the same things at any speed.
"""

import threading
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from care.clock import REHEARSAL_TOPIC
from care.homes import Site
from detectors.homes import HomeId, Kind, SensorId
from detectors.moments import Moment, SensorEvent, SensorSight

BASE = "zigbee2mqtt"
BEAT_S = 0.1  # real seconds between two tellings of the time while nothing happens
IN_FLIGHT_MAX = 50  # messages sent and not yet acknowledged
PATIENCE_S = 15.0  # how long a broker may be silent or away
DEBT_MAX_S = 1.0  # how far the stage, held up, may run behind before it lets the time go

Names = dict[tuple[HomeId, SensorId], str]


class BrokerGone(Exception):
    """No broker to publish to: one sentence that says where, and why."""


class Message(NamedTuple):
    """One MQTT message, always of QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


class Progress(NamedTuple):
    """How far the stage is: the rehearsal's time, and how many moments have been published."""

    at: datetime
    moments: int


def play(
    moments: Iterable[Moment],
    site: Site,
    *,
    host: str,
    port: int,
    speed: float | None = None,
    pace: Callable[[datetime], float] = lambda _: 1.0,
    stop: threading.Event | None = None,
    told: Callable[[Progress], None] = lambda _: None,
) -> int:
    """Publish moments in their order, and return how many were published when every one is acknowledged.

    Parameters
    ----------
    moments : dated, in the order of time; of sensors that stand in the plan.
    site : the plan, for the names that the bridge gives its sensors.
    host, port : the broker of the building.
    speed : rehearsal seconds in a real second; None or 0 is as fast as the broker takes it.
    pace : a factor on `speed` at an hour of the rehearsal.
    stop : set it, and the stage stops within a beat. What was published is still waited for.
    told : called at least at every beat.

    Raises
    ------
    BrokerGone
        If there is no broker, or it goes away and is not back in time. Before that, what it had not acknowledged is
        sent again and nothing is published past it: a short absence costs time, and neither messages nor their order.
    KeyError
        If a moment is of a sensor without a place in the plan.
    """
    names = names_of(site)
    stop = stop or threading.Event()
    published = 0
    with _Line(host, port) as line:
        beat = _Beat(speed, pace, stop)
        for moment in moments:
            at = moment.at.astimezone(UTC)
            at -= timedelta(microseconds=at.microsecond % 1000)  # bridges date to the millisecond, so the clock does
            for now in beat.until(at):
                line.publish(time_message(now))
                told(Progress(now, published))
            if stop.is_set():
                break
            line.publish(time_message(at))
            if not published:
                line.publish(*opening(names))
            message = message_of(moment, names)
            if message is not None:
                line.publish(message)
            published += 1
            told(Progress(at, published))
    return published


def names_of(site: Site) -> Names:
    """Return the name that the bridge gives each sensor of the plan."""
    return {place: name for name, place in site.friendly.items()}


def opening(names: Names) -> tuple[Message, ...]:
    """Return what the bridge says first: it is there, and so are its sensors (whatever an earlier rehearsal left)."""
    online = b'{"state":"online"}'
    sensors = (Message(f"{BASE}/{name}/availability", online, retain=True) for name in names.values())
    return Message(f"{BASE}/bridge/state", online, retain=True), *sensors


def time_message(now: datetime) -> Message:
    """Return the telling of the time."""
    return Message(REHEARSAL_TOPIC, now.astimezone(UTC).isoformat(timespec="microseconds").encode())


def message_of(moment: Moment, names: Names) -> Message | None:
    """Return the message in which Zigbee2MQTT says what a moment says; None if only time passes.

    The shapes are those of version 2.12: contact is true when closed, `last_seen` is UTC to the millisecond.
    Raises `KeyError` if the sensor has no name.
    """
    match moment:
        case SensorEvent():
            name = names[moment.home, moment.sensor]
            said = _said(moment.kind, on=moment.value > 0) | _state_of_device(name, moment.at)
            return Message(f"{BASE}/{name}", msgspec.json.encode(said))
        case SensorSight():
            name = names[moment.home, moment.sensor]
            state = {"state": "online" if moment.seen else "offline"}
            return Message(f"{BASE}/{name}/availability", msgspec.json.encode(state), retain=True)
        case _:
            return None


def _said(kind: Kind, *, on: bool) -> dict[str, object]:
    match kind:
        case Kind.BED | Kind.MOTION:
            return {"occupancy": on}
        case Kind.DOOR | Kind.USE:
            return {"contact": not on}
        case Kind.BUTTON:
            return {"action": "single"}


def _state_of_device(name: str, at: datetime) -> dict[str, object]:
    """Return what comes with every message. Link and battery differ from sensor to sensor and stay as they are."""
    mark = zlib.crc32(name.encode())
    last_seen = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    return {"last_seen": last_seen, "linkquality": 60 + mark % 140, "battery": 60 + mark // 140 % 41}


class _Beat:
    """Real time, as rehearsal time: yields the `now`s to tell on the way to the next moment, each when it has come."""

    def __init__(self, speed: float | None, pace: Callable[[datetime], float], stop: threading.Event) -> None:
        self._speed = speed
        self._pace = pace
        self._stop = stop
        self._now: datetime | None = None  # rehearsal time
        self._owed_s = 0.0  # real time that has passed and not yet been turned into rehearsal time
        self._mark_s = time.monotonic()
        self._told_s = 0.0

    def until(self, at: datetime) -> Iterable[datetime]:
        if self._now is None:
            self._now, self._mark_s = at, time.monotonic()
        while self._speed and self._now < at and not self._stop.is_set():
            rate = self._speed * self._pace(self._now)
            needed_s = (at - self._now).total_seconds() / rate
            self._look()
            if self._owed_s < needed_s:
                self._stop.wait(min(needed_s - self._owed_s, BEAT_S))
                self._look()
            spent_s = min(self._owed_s, needed_s)
            self._owed_s -= spent_s
            self._now = at if spent_s >= needed_s else self._now + timedelta(seconds=spent_s * rate)
            if self._now < at and time.monotonic() - self._told_s >= BEAT_S:
                self._told_s = time.monotonic()
                yield self._now
        self._now = max(self._now, at)

    def _look(self) -> None:
        mark_s = time.monotonic()
        self._owed_s = min(self._owed_s + mark_s - self._mark_s, DEBT_MAX_S)
        self._mark_s = mark_s


class _Line:
    """The one connection to the broker. Leaving it waits until all is acknowledged and takes the bridge off line."""

    def __init__(self, host: str, port: int) -> None:
        self._where = f"{host}:{port}"
        self._address = host, port
        self._room = threading.Semaphore(IN_FLIGHT_MAX)
        self._connected = threading.Event()
        self._broken = False  # a connection was lost, and what was under way then has not all been acknowledged since
        self._refusal = ""
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self._client.max_inflight_messages_set(IN_FLIGHT_MAX)
        self._client.reconnect_delay_set(min_delay=1, max_delay=2)
        self._client.will_set(f"{BASE}/bridge/state", b'{"state":"offline"}', qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish

    def __enter__(self) -> Self:
        try:
            self._client.connect(*self._address, keepalive=30)
        except OSError as error:
            why = error.strerror or str(error)
            raise BrokerGone(f"No MQTT broker answers at {self._where}: {why}. Is it running?") from error
        self._client.loop_start()
        try:
            self._wait_connected()
        except BrokerGone:
            self._hang_up()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None or not issubclass(kind, BrokerGone):
                self.publish(Message(f"{BASE}/bridge/state", b'{"state":"offline"}', retain=True))
                self._drain()
        finally:
            self._hang_up()

    def publish(self, *messages: Message) -> None:
        for message in messages:
            while self._broken:
                # Past what is still under way nothing is published: the broker must not get it before that.
                self._broken = False
                self._wait_connected()
                self._drain()
            self._take_room()
            self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)

    def _take_room(self) -> None:
        if not self._room.acquire(timeout=PATIENCE_S):
            raise BrokerGone(f"The MQTT broker at {self._where} has not acknowledged anything for {PATIENCE_S:.0f} s.")

    def _drain(self) -> None:
        for _ in range(IN_FLIGHT_MAX):
            self._take_room()
        self._room.release(IN_FLIGHT_MAX)

    def _wait_connected(self) -> None:
        if not self._connected.wait(PATIENCE_S):
            why = self._refusal or f"no answer for {PATIENCE_S:.0f} s"
            raise BrokerGone(f"The MQTT broker at {self._where} does not take us: {why}.")

    def _hang_up(self) -> None:
        with suppress(OSError):
            self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(
        self,
        client: mqtt.Client,  # noqa: ARG002  # paho's signature
        userdata: object,  # noqa: ARG002
        flags: mqtt.ConnectFlags,  # noqa: ARG002
        reason: ReasonCode,
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        if reason.is_failure:
            self._refusal = str(reason)
        else:
            self._connected.set()

    def _on_disconnect(
        self,
        client: mqtt.Client,  # noqa: ARG002
        userdata: object,  # noqa: ARG002
        flags: mqtt.DisconnectFlags,  # noqa: ARG002
        reason: ReasonCode,  # noqa: ARG002
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        self._connected.clear()
        self._broken = True

    def _on_publish(
        self,
        client: mqtt.Client,  # noqa: ARG002
        userdata: object,  # noqa: ARG002
        mid: int,  # noqa: ARG002
        reason: ReasonCode,  # noqa: ARG002
        properties: Properties,  # noqa: ARG002
    ) -> None:
        self._room.release()
