"""The broker of a building, as its gateway meets it, and the bridge that publishes there.

It keeps a session and sends again what was not acknowledged. It may be unreachable, be restarted, and forget.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, Protocol

import paho.mqtt.client as mqtt

from tests.nights.agenda import Agenda

IN_FLIGHT_MAX = 100
LATENCY_S = 0.004


class Publication(NamedTuple):
    """One message of the bridge, and when it was first sent. A repeat has its number."""

    number: int
    sent_at: datetime
    topic: str
    payload: bytes
    retain: bool


class Far(Protocol):
    """What a line leads to."""

    def joined(self, line: "Line") -> None: ...

    def left(self, line: "Line") -> None: ...

    def subscribed(self, line: "Line", topics: list[str]) -> None: ...

    def acknowledged(self, line: "Line", mid: int) -> None: ...

    def said(self, line: "Line", topic: str, payload: bytes, *, retain: bool) -> None: ...


class Line:
    """Stands in for a client of paho: as much of it as `gateway.ingest` and `gateway.uplink` use."""

    def __init__(self, far: Far, connected: Callable[..., None], heard: Callable[[mqtt.MQTTMessage], None]) -> None:
        self._far = far
        self._connected = connected
        self._heard = heard
        self.up = False
        self.ended = False  # its process is gone, or has left
        self.on_connect: Callable[..., None] | None = None
        self.on_disconnect: Callable[..., None] | None = None
        self.on_message: Callable[..., None] | None = None
        self.on_subscribe: Callable[..., None] | None = None

    def loop_start(self) -> None:
        self._far.joined(self)

    def connect(self) -> None:
        """Come on line: called by what it leads to."""
        if not self.ended:
            self.up = True
            self._connected(self)

    def hear(self, topic: str, payload: bytes, mid: int, *, retain: bool) -> None:
        if self.up and not self.ended:
            message = mqtt.MQTTMessage(mid=mid, topic=topic.encode())
            message.payload, message.retain, message.qos = payload, retain, 1
            self._heard(message)

    def end(self) -> None:
        """Be gone without a word."""
        if not self.ended:
            self.ended, self.up = True, False
            self._far.left(self)

    def is_connected(self) -> bool:
        return self.up

    def subscribe(self, topics: object, qos: int = 0) -> None:
        names = [topics] if isinstance(topics, str) else [name for name, _ in topics]  # type: ignore[attr-defined]
        self._far.subscribed(self, names)
        if self.on_subscribe is not None:
            self.on_subscribe()

    def ack(self, mid: int, qos: int) -> None:
        if self.up:
            self._far.acknowledged(self, mid)

    def publish(self, topic: str, payload: bytes | str | None = None, qos: int = 0, retain: bool = False) -> None:  # noqa: FBT002
        body = payload.encode() if isinstance(payload, str) else payload or b""
        if self.up:
            self._far.said(self, topic, body, retain=retain)

    def disconnect(self) -> None:
        self.end()
        if self.on_disconnect is not None:
            self.on_disconnect()

    def loop_stop(self) -> None:
        self.end()

    def will_set(self, *_: object, **__: object) -> None:
        """Nobody else listens here."""


class Broker:
    """What was published and is not acknowledged, in its order; `lost` is what it forgot."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._line: Line | None = None
        self._topics: list[str] | None = None  # of the session; None while there is none
        self._waiting: deque[tuple[Publication, bool]] = deque()
        self._flying: dict[int, tuple[Publication, bool]] = {}
        self._mids = 0
        self._retained: dict[str, Publication] = {}
        self._unsaid: list[Publication] = []  # kept by the bridge while there is no broker
        self.running = True
        self.reachable = True
        self.acknowledged_: set[int] = set()
        self.lost: set[int] = set()

    def publish(self, publication: Publication) -> None:
        if not self.running:
            self._unsaid.append(publication)
            return
        if publication.retain:
            self._retained[publication.topic] = publication
        if self._wants(publication.topic):
            self._waiting.append((publication, False))
            self._pump()
        else:
            self.lost.add(publication.number)

    def stop(self, *, forget: bool) -> None:
        self.running = False
        self._hang_up()
        if forget:
            self.lost |= {publication.number for publication, _ in self._waiting}
            self._waiting.clear()
            self._retained.clear()
            self._topics = None

    def start(self) -> None:
        self.running = True
        self._reconnect()
        unsaid, self._unsaid = self._unsaid, []
        # A bridge that finds its broker again speaks a moment later than the gateway, or a moment sooner: here later.
        for publication in unsaid:
            self._agenda.after(0.1, lambda one=publication: self.publish(one))  # type: ignore[misc]

    def cut(self) -> None:
        """Let nobody from the gateway through."""
        self.reachable = False
        self._hang_up()

    def mend(self) -> None:
        self.reachable = True
        self._reconnect()

    # As a line meets it.

    def joined(self, line: Line) -> None:
        self._line = line
        self._agenda.after(0.05, self._reconnect)

    def left(self, line: Line) -> None:
        if line is self._line:
            self._requeue()
            self._line = None

    def subscribed(self, line: Line, topics: list[str]) -> None:
        self._topics = topics
        for topic, publication in self._retained.items():
            if self._wants(topic):
                self._waiting.append((publication, True))
        self._pump()

    def acknowledged(self, line: Line, mid: int) -> None:
        publication, _ = self._flying.pop(mid)
        self.acknowledged_.add(publication.number)
        self._pump()

    def said(self, line: Line, topic: str, payload: bytes, *, retain: bool) -> None:
        self.publish(Publication(-1, self._agenda.now, topic, payload, retain))

    def _wants(self, topic: str) -> bool:
        return any(mqtt.topic_matches_sub(wanted, topic) for wanted in self._topics or ())

    def _reconnect(self) -> None:
        line = self._line
        if line is not None and not line.up and self.running and self.reachable:
            self._mids = 0
            line.connect()
            self._pump()

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.up = False
        self._requeue()

    def _requeue(self) -> None:
        self._waiting.extendleft(reversed(self._flying.values()))
        self._flying.clear()

    def _pump(self) -> None:
        line = self._line
        while line is not None and line.up and self._waiting and len(self._flying) < IN_FLIGHT_MAX:
            self._mids += 1  # from 1 on every connection: an old acknowledgement would hit another message
            mid = self._mids
            self._flying[mid] = self._waiting.popleft()
            self._agenda.after(LATENCY_S, lambda mid=mid, line=line: self._deliver(line, mid))  # type: ignore[misc]

    def _deliver(self, line: Line, mid: int) -> None:
        if line is self._line and mid in self._flying:
            publication, retained = self._flying[mid]
            line.hear(publication.topic, publication.payload, mid, retain=retained)
