"""A real daemon in its building: what is said to it, what it writes, and what is heard of it."""

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from care import journal, link
from care.clock import REHEARSAL_TOPIC, Reckoning
from care.link import Batch, Beat
from care.records import (
    Record,
    encode,
)
from detectors.homes import Home
from detectors.moments import SensorEvent
from gateway import daemon
from gateway.building import Gateway, Settings
from gateway.connection import leave
from gateway.watch import Watch
from tests.conftest import Mosquitto
from tests.stories import LIMITS, a_home, a_site, instant

HOME = a_home(limits=msgspec.structs.replace(LIMITS, oob_unseen=7))  # sooner than anything that is learned


class Building:
    """A daemon in a thread, and a hand that publishes what sensors would."""

    def __init__(
        self, broker: Mosquitto, folder: Path, base: str, *, rehearsal: bool = True, home: Home = HOME
    ) -> None:
        self.broker, self.base = broker, base
        self.file = folder / "gateway.db"
        here = (broker.host, broker.port)
        self.settings = Settings(
            site=a_site(home), journal=self.file, broker=here, centre=here, base=base, rehearsal=rehearsal
        )
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.hand = mqtt.Client(CallbackAPIVersion.VERSION2, f"hand-{base}", protocol=mqtt.MQTTv311)
        self.hand.connect(broker.host, broker.port)
        self.hand.loop_start()

    def start(self) -> None:
        self._stop.clear()
        self._thread = threading.Thread(target=daemon.run, args=(self.settings, self._stop), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(20)
            assert not self._thread.is_alive()

    def close(self) -> None:
        self.stop()
        leave(self.hand)

    def clock(self, at: datetime) -> None:
        self.hand.publish(REHEARSAL_TOPIC, at.isoformat(), qos=1).wait_for_publish(10)

    def say(self, name: str, payload: dict[str, object] | bytes, *, qos: int = 1, retain: bool = False) -> None:
        body = payload if isinstance(payload, bytes) else json.dumps(payload)
        self.hand.publish(f"{self.base}/{name}", body, qos=qos, retain=retain).wait_for_publish(10)

    def records(self) -> list[Record]:
        try:
            with contextlib.closing(journal.connect(self.file, read_only=True)) as db:
                return [entry.record for entry in journal.read_after(db, 0)]
        except sqlite3.OperationalError:
            return []  # not there yet

    def until(self, done: Callable[[list[Record]], bool], seconds: float = 20) -> list[Record]:
        """Wait, bounded, until the journal says so."""
        end = time.monotonic() + seconds
        while not done(records := self.records()):
            assert time.monotonic() < end, records[-5:]
            time.sleep(0.02)
        return records


def seen(at: str, **values: object) -> dict[str, object]:
    return {**values, "last_seen": instant(at).isoformat()}


def events(records: list[Record]) -> list[SensorEvent]:
    return [one for one in records if isinstance(one, SensorEvent)]


def ordered(building: Building, number: int, record: Record) -> None:
    order = link.encode(Batch("journal-of-centre", number - 1, number, (msgspec.Raw(encode(record)),)))
    building.hand.publish(link.down_topic("wilg"), order, qos=1).wait_for_publish(10)


class Ear:
    """Hears what is said on some topics of the broker."""

    def __init__(self, broker: Mosquitto, *topics: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, f"ear-{topics[0]}", protocol=mqtt.MQTTv311)
        self._client.on_message = lambda _client, _data, one: self.heard.append((one.topic, bytes(one.payload)))
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect(broker.host, broker.port)
        self._client.subscribe([(topic, 1) for topic in topics])
        self._client.loop_start()
        assert subscribed.wait(10)

    def until(self, done: Callable[[list[tuple[str, bytes]]], bool], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not done(self.heard):
            assert time.monotonic() < end, self.heard[-5:]
            time.sleep(0.02)

    def beats(self) -> list[Beat]:
        said = [link.decode(payload) for topic, payload in self.heard if topic == link.up_topic("wilg")]
        return [one for one in said if isinstance(one, Beat)]

    def close(self) -> None:
        leave(self._client)


class FakeClock:
    """A clock that a test sets."""

    def __init__(self, now: datetime) -> None:
        self.at = now

    def now(self) -> datetime:
        return self.at

    @property
    def reckoning(self) -> Reckoning:
        return Reckoning(self.at, self.at, 0.0)


def a_gateway(folder: Path, *, rehearsal: bool = False) -> Gateway:
    """Return the daemon's state without its connections, at ten in the evening."""
    nowhere = ("127.0.0.1", 1)
    file = folder / "gateway.db"
    settings = Settings(site=a_site(HOME), journal=file, broker=nowhere, centre=nowhere, rehearsal=rehearsal)
    gateway = Gateway.opened(settings)
    gateway.clock = FakeClock(instant("22:00"))
    gateway.watch = Watch.resumed(settings.site, gateway.db)[0]
    return gateway
