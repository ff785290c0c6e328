"""Ingest: from the site's broker to a bounded queue, acknowledged only when the caller says it is on disk.

A full queue stops the reading of the socket, so that overload slows the broker and drops nothing. A packet id is only
good for the connection it came on; acknowledgements from before a reconnect are forgotten, and the broker sends again.
"""

import queue
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from care.clock import REHEARSAL_TOPIC, Clock, RehearsalClock
from gateway.sources.zigbee2mqtt import Message

QUEUE_MAX = 2_000  # messages between the broker and the disk
BATCH_MAX = 500  # messages committed together

log = structlog.get_logger()


class Arrival(NamedTuple):
    """A message, when it came by our clock, and what acknowledges it."""

    message: Message
    received_at: datetime
    packet: int
    connection: int  # which of our connections to the broker it came on
    link: bool = False  # from the centre, not from a sensor


class Inbox:
    """The one queue of the daemon: what sensors say and what the centre says, in the order in which it came."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._queue: queue.Queue[Arrival] = queue.Queue(QUEUE_MAX)

    def put(self, arrival: Arrival) -> None:
        self._queue.put(arrival)

    def batch(self, wait_s: float) -> Sequence[Arrival]:
        """Return what is there, after waiting at most so many seconds for the first of it."""
        try:
            batch = [self._queue.get(timeout=wait_s)]
        except queue.Empty:
            return ()
        while len(batch) < BATCH_MAX:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batch


def leave(client: mqtt.Client) -> None:
    """Say good-bye to a broker, and return when the connection is closed: `loop_stop` alone would leave it open."""
    if client.is_connected():
        gone = threading.Event()
        client.on_disconnect = lambda *_: gone.set()
        client.disconnect()
        gone.wait(2)
    client.loop_stop()
    # A client closes its last sockets when nothing refers to it any more, its owner's methods included.
    client.on_connect = client.on_disconnect = client.on_message = client.on_subscribe = None


class Ingest:
    """The connection to the site's broker. Reconnects by itself; the session outlives it."""

    def __init__(self, inbox: Inbox, *, host: str, port: int, client_id: str, bases: Sequence[str]) -> None:
        self._inbox = inbox
        self._topics = [f"{base}/#" for base in bases]
        self._rehearsal = isinstance(inbox.clock, RehearsalClock)
        self._connection = 0
        self._stopping = threading.Event()
        self.subscribed = threading.Event()  # from the first time that the broker said so
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id, clean_session=False, manual_ack=True, protocol=mqtt.MQTTv311
        )
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.reconnect_delay_set(min_delay=1, max_delay=30)
        self._client.connect_async(host, port, keepalive=30)

    def start(self) -> None:
        self._client.loop_start()

    def stop(self) -> None:
        self._stopping.set()
        leave(self._client)

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Tell the broker that these are on disk."""
        for arrival in arrivals:
            if not arrival.link and arrival.connection == self._connection:
                self._client.ack(arrival.packet, 1)

    def _on_connect(
        self,
        client: mqtt.Client,
        userdata: object,  # noqa: ARG002  # paho's signature
        flags: mqtt.ConnectFlags,  # noqa: ARG002
        reason: ReasonCode,
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        if reason.is_failure:
            log.warning("broker_refused", reason=str(reason))
            return
        self._connection += 1
        # Always: a broker may say that it kept the session and have lost the subscription.
        topics = [*self._topics, *([REHEARSAL_TOPIC] if self._rehearsal else [])]
        client.subscribe([(topic, 1) for topic in topics])
        log.info("broker_connected", connection=self._connection)

    def _on_disconnect(
        self,
        client: mqtt.Client,  # noqa: ARG002
        userdata: object,  # noqa: ARG002
        flags: mqtt.DisconnectFlags,  # noqa: ARG002
        reason: ReasonCode,
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        if not self._stopping.is_set():
            log.warning("broker_lost", reason=str(reason))

    def _on_message(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:  # noqa: ARG002
        clock = self._inbox.clock
        if isinstance(clock, RehearsalClock) and message.topic == REHEARSAL_TOPIC:
            _tell(clock, bytes(message.payload))
        said = Message(message.topic, bytes(message.payload), message.retain)
        if not self._stopping.is_set():
            self._inbox.put(Arrival(said, clock.now(), message.mid, self._connection))


def _tell(clock: RehearsalClock, payload: bytes) -> None:
    try:
        moment = datetime.fromisoformat(payload.decode())
    except (ValueError, UnicodeDecodeError):
        log.warning("rehearsal_clock_unreadable", payload=payload[:80])
        return
    if moment.tzinfo is not None:
        clock.tell(moment.astimezone(UTC))
