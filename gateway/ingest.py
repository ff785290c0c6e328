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

from care.clock import REHEARSAL_TOPIC, Clock, RehearsalClock
from gateway.connection import Login, connection, leave
from gateway.sources import Message

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
    again: bool = False  # the broker sends it once more (DUP): it does not know whether we had it


class Inbox:
    """The one queue of the daemon: what sensors say and what the centre says, in the order in which it came."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._queue: queue.Queue[Arrival] = queue.Queue(QUEUE_MAX)

    def put(self, arrival: Arrival) -> None:
        self._queue.put(arrival)

    @property
    def waiting(self) -> int:
        """How many messages are there now; at most `QUEUE_MAX`."""
        return self._queue.qsize()

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


class Ingest:
    """The connection to the site's broker. Reconnects by itself; the session outlives it."""

    def __init__(
        self,
        inbox: Inbox,
        address: tuple[str, int],
        *,
        client_id: str,
        topics: Sequence[str],
        login: Login | None = None,
    ) -> None:
        self._inbox = inbox
        self._topics = (*topics, *([REHEARSAL_TOPIC] if isinstance(inbox.clock, RehearsalClock) else []))
        self._connection = 0  # the number of the one that is there; another as soon as it is gone
        self._turn = threading.Lock()  # of whoever acknowledges, or changes the number
        self._stopping = threading.Event()
        self.heard_bytes = 0  # of messages, without what carries them
        self.subscribed = threading.Event()  # from the first time that the broker said so
        self._client = connection(
            "broker",
            address,
            client_id,
            session=True,
            connected=self._connected,
            heard=self._heard,
            lost=self._next,
            login=login,
        )
        self._client.on_subscribe = lambda *_: self.subscribed.set()

    def start(self) -> None:
        self._client.loop_start()

    def stop(self) -> None:
        self._stopping.set()
        leave(self._client)

    def listen(self, topics: Sequence[str]) -> None:
        """Subscribe to these topics too, now and at each connection."""
        more = tuple(topic for topic in topics if topic not in self._topics)
        if more:
            self._topics += more
            self._client.subscribe([(topic, 1) for topic in more])  # not connected: `_connected` will

    @property
    def up(self) -> bool:
        """Whether the broker is connected now."""
        return self._client.is_connected()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Say something in the building. What is said while the broker is away, is said when it is back."""
        self._client.publish(topic, payload, qos=1, retain=retain)

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Tell the broker that these are on disk. On another connection their packets would be other messages."""
        with self._turn:
            for arrival in arrivals:
                # What came at QoS 0 has no number; to acknowledge it is to be thrown out by the broker.
                if not arrival.link and arrival.packet and arrival.connection == self._connection:
                    self._client.ack(arrival.packet, 1)

    def _connected(self, client: mqtt.Client) -> None:
        self._next()
        client.subscribe([(topic, 1) for topic in self._topics])

    def _next(self) -> None:
        """Let nothing that came until now be acknowledged any more: the broker will send it again."""
        with self._turn:
            self._connection += 1

    def _heard(self, message: mqtt.MQTTMessage) -> None:
        self.heard_bytes += len(message.payload)
        clock = self._inbox.clock
        if isinstance(clock, RehearsalClock) and message.topic == REHEARSAL_TOPIC:
            _tell(clock, bytes(message.payload))
        said = Message(message.topic, bytes(message.payload), message.retain)
        if not self._stopping.is_set():
            self._inbox.put(Arrival(said, clock.now(), message.mid, self._connection, again=message.dup))


def _tell(clock: RehearsalClock, payload: bytes) -> None:
    try:
        moment = datetime.fromisoformat(payload.decode())
    except (ValueError, UnicodeDecodeError):
        log.warning("rehearsal_clock_unreadable", payload=payload[:80])
        return
    if moment.tzinfo is not None:
        clock.tell(moment.astimezone(UTC))
