"""How many events a second come through: as far as the building's journal, and as far as a subscriber that only counts.

Both get the same messages from the same publisher by a broker of the same kind, each round a fresh one: what an earlier
round left in a session must not be paid for by the next. The publisher writes packets that were encoded beforehand
straight to its socket: it costs a microsecond or two a message, so what is measured is the rest.
"""

import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from multiprocessing.connection import Connection

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.parts import Parts, Tally, Told, apart, hear
from care.clock import SystemClock
from care.homes import Site
from detectors.homes import SensorId
from detectors.moments import SensorEvent
from gateway import rehearsal, stage
from gateway.held import RECORDS_MAX
from gateway.stage import Message

HOMES = 50
SEED = 1
EVENTS_A_SECOND = 5_000  # as which the events are dated
WINDOW = 500  # messages published and not yet acknowledged
READY_WITHIN_S = 60.0
SLOWEST = 200  # events a second; what is slower has failed

_CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05bench"  # MQTT 3.1.1, a clean session
_CONNECTED = b"\x20\x02\x00\x00"
_PUBACK_BYTES = 4


def chain_rate(events: int, told: Told) -> float:
    """Return the events a second of one round through broker and building, until they are on its disk.

    The last few, less than fill a commit, are not waited for: they wait for company, up to `gateway.held.HOLD_S`.
    """
    within_s = _patience_s(events)
    with Parts() as parts:
        building = parts.gateway(rehearsal.site(HOMES))
        with building.read() as db, apart(publish, parts.port, events) as publisher:
            to_disk = max(1, events - RECORDS_MAX)
            tally = Tally(db, to_disk, told)
            hear(publisher, "publisher", within_s=READY_WITHIN_S)
            began_s = time.monotonic()
            publisher.send("go")
            parts.until(tally.complete, f"{events:,} events are in the journal", within_s=within_s)
            return to_disk / (time.monotonic() - began_s)


def bare_rate(events: int, told: Told) -> float:
    """Return the events a second of one round through broker and a subscriber that only counts."""
    within_s = _patience_s(events)
    with Parts() as parts, apart(count, parts.port, events) as counter, apart(publish, parts.port, events) as publisher:
        hear(counter, "subscriber", within_s=READY_WITHIN_S)
        hear(publisher, "publisher", within_s=READY_WITHIN_S)
        began_s = time.monotonic()
        publisher.send("go")
        hear(counter, "subscriber", within_s=within_s)
        told(1)
        return events / (time.monotonic() - began_s)


def publish(pipe: Connection, port: int, events: int) -> None:
    """Publish flat out when told to. Runs in a process of its own."""
    site = rehearsal.site(HOMES)
    night = list(events_of(site, events))
    packets = [packet(message, number) for number, message in enumerate(messages(site, night, SystemClock().now()))]
    with socket.create_connection(("127.0.0.1", port), timeout=_patience_s(events)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(_CONNECT)
        if line.recv(len(_CONNECTED)) != _CONNECTED:
            raise ConnectionError("the broker does not take the publisher")
        pipe.send("ready")
        pipe.recv()
        _flat_out(line, packets)
        pipe.recv()  # stay until we are ended: a connection's end costs the broker time as well


def count(pipe: Connection, port: int, events: int) -> None:
    """Count what comes, in a session that the broker keeps like the building's. Runs in a process of its own."""
    came = 0

    def one_more(*_: object) -> None:
        nonlocal came
        came += 1
        if came == events:
            pipe.send("done")

    subscribed = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "bench-bare", clean_session=False, protocol=mqtt.MQTTv311)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = one_more
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe(f"{stage.BASE}/#", qos=1)
    if subscribed.wait(READY_WITHIN_S):
        pipe.send("ready")
        pipe.recv()  # until we are ended


def events_of(site: Site, events: int) -> Iterator[SensorEvent]:
    """Yield the first so many events of a rehearsed night and the days and nights after it."""
    lives = rehearsal.night(site, seed=SEED, start=rehearsal.START, hours=24 * 365)
    return islice((one for one in lives if isinstance(one, SensorEvent)), events)


def messages(site: Site, events: Iterable[SensorEvent], start: datetime) -> Iterator[Message]:
    """Yield events as Zigbee2MQTT says them, dated from `start` on as if they came fast.

    No two are the same: two of one sensor are a millisecond apart at the least, which is as exact as bridges date.
    """
    names = stage.names_of(site)
    last: dict[SensorId, datetime] = {}
    for number, event in enumerate(events):
        at = start + timedelta(seconds=number / EVENTS_A_SECOND)
        if event.sensor in last:
            at = max(at, last[event.sensor] + timedelta(milliseconds=1))
        last[event.sensor] = at
        message = stage.message_of(msgspec.structs.replace(event, at=at), names)
        if message is not None:
            yield message


def packet(message: Message, number: int) -> bytes:
    r"""Encode a PUBLISH of QoS 1, the `number`-th of its connection.

    >>> packet(Message("a/b", b"{}"), 0)
    b'2\t\x00\x03a/b\x00\x01{}'
    """
    topic = message.topic.encode()
    rest = len(topic).to_bytes(2, "big") + topic + (number % 65_535 + 1).to_bytes(2, "big") + message.payload
    length, left = [], len(rest)
    while left > 127:
        length.append(left & 127 | 128)
        left >>= 7
    return bytes((0x32, *length, left)) + rest


def _flat_out(line: socket.socket, packets: Sequence[bytes]) -> None:
    sent = heard_bytes = 0
    while heard_bytes < _PUBACK_BYTES * len(packets):
        upto = heard_bytes // _PUBACK_BYTES + WINDOW
        line.sendall(b"".join(packets[sent:upto]))
        sent = upto
        heard = line.recv(65_536)
        if not heard:
            raise ConnectionError("the broker has gone")
        heard_bytes += len(heard)


def _patience_s(events: int) -> float:
    return 30 + events / SLOWEST
