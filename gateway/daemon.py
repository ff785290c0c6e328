"""The daemon in the building: one thread that writes, watches and tells; one process that may die at any moment.

Each turn takes what came, writes it and what it tells in one transaction, and only then acknowledges it. A disk that
refuses ends the process: the journal is the truth, and a start goes on from it.
"""

import contextlib
import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from care import journal
from care.clock import REHEARSAL_TOPIC, Clock, RehearsalClock, SystemClock
from care.homes import Site
from care.records import CENTRE, Record
from detectors.moments import SensorEvent, SensorSight
from gateway.ingest import Arrival, Inbox, Ingest
from gateway.sources import zigbee2mqtt
from gateway.sources.zigbee2mqtt import Message
from gateway.uplink import Uplink
from gateway.watch import Watch

TICK_S = 1.0  # seconds between two looks at the clock when nothing comes in
SPEAK_S = 0.25  # seconds between two looks at what the centre must hear
SNAPSHOT_EVERY_S = 1800.0  # seldom, for SD cards: a start reads the journal of at most this long again
SNAPSHOT_AFTER = 50_000  # records
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the daemon is told at its start."""

    site: Site
    journal: Path
    broker: tuple[str, int]  # the site's, where the sensors speak
    centre: tuple[str, int]  # the centre's, where the link goes
    base: str = "zigbee2mqtt"
    rehearsal: bool = False  # the clock comes by message, and not from this machine


@dataclass
class Gateway:
    """The daemon's state: a journal, a watch, and when the bridge last came on line."""

    settings: Settings
    db: sqlite3.Connection
    clock: Clock
    watch: Watch
    bridge_started_at: datetime | None = None
    written: int = 0
    snapshot_at_s: float = field(default_factory=time.monotonic)
    snapshot_after: int = 0

    @classmethod
    def opened(cls, settings: Settings) -> "Gateway":
        """Open the journal and go on where it ends."""
        db = journal.connect(settings.journal)
        watch, told = Watch.resumed(settings.site, db)
        clock: Clock = RehearsalClock(journal.last_date(db) or _NEVER) if settings.rehearsal else SystemClock()
        gateway = cls(settings=settings, db=db, clock=clock, watch=watch)
        gateway.write(told)
        return gateway

    def begin(self) -> None:
        """Tell the plan, and what became due while nobody watched. In a rehearsal: once it has told the time."""
        now = self.clock.now()
        self.write([*self.watch.told_plan(now), *self.watch.advance(now)])

    def take(self, arrivals: Sequence[Arrival]) -> None:
        """Write down what came and what it tells, all or nothing."""
        records: list[tuple[datetime, Record]] = []
        for arrival in arrivals:
            if arrival.message.topic == REHEARSAL_TOPIC:
                records += self.watch.told_plan(arrival.received_at)
                records += self.watch.advance(arrival.received_at)
            else:
                records += self._read(arrival.message, arrival.received_at)
        self.write(records)

    def hear(self, after: int) -> None:
        """Take in what the centre has said since a number of the journal, and what that tells."""
        for entry in journal.read_after(self.db, after):
            if entry.origin == CENTRE:
                self.write(self.watch.hear(entry))

    def tick(self) -> None:
        """Let time pass. In a rehearsal only its own messages do."""
        if not self.settings.rehearsal:
            self.write(self.watch.advance(self.clock.now()))

    def write(self, dated: Sequence[tuple[datetime, Record]]) -> None:
        if dated:
            self.written += len(journal.write(self.db, dated))

    def save(self, *, at_once: bool = False) -> None:
        """Keep a snapshot, if it is time for one."""
        due = time.monotonic() - self.snapshot_at_s > SNAPSHOT_EVERY_S
        if at_once or due or self.written - self.snapshot_after > SNAPSHOT_AFTER:
            self.snapshot_at_s, self.snapshot_after = time.monotonic(), self.written
            last = journal.last_number(self.db)
            journal.save_snapshot(self.db, last, self.watch.snapshot())

    def _read(self, message: Message, received_at: datetime) -> list[tuple[datetime, Record]]:
        online = zigbee2mqtt.bridge_online(self.settings.base, message)
        if online and not message.retained:
            self.bridge_started_at = received_at
        reading = zigbee2mqtt.read(
            self.settings.site,
            self.settings.base,
            message,
            received_at=received_at,
            started_at=self.bridge_started_at,
        )
        records: list[tuple[datetime, Record]] = [(received_at, trouble) for trouble in reading.troubles]
        moments: tuple[SensorEvent | SensorSight, ...] = (*reading.sights, *reading.events)
        for moment in moments:
            records.append((received_at, moment))
            records += self.watch.take(moment, received_at)
        return records


def run(settings: Settings, stop: threading.Event | None = None) -> None:
    """Watch over the building until told to stop, by a signal or by `stop`.

    Raises `sqlite3.Error` when the disk refuses; whoever started the process starts it again.
    """
    stop = stop or _on_signal()
    gateway = Gateway.opened(settings)
    inbox = Inbox(gateway.clock)
    site = settings.site.id

    def hand_over(payload: bytes) -> None:
        inbox.put(Arrival(Message("", payload), gateway.clock.now(), 0, 0, link=True))

    ingest = Ingest(inbox, settings.broker, client_id=f"nachtwacht-{site}-ingest", base=settings.base)
    uplink = Uplink(gateway.db, site, hand_over, settings.centre)
    log.info("watching", site=site, homes=len(settings.site.homes))
    with contextlib.closing(gateway.db):
        if not settings.rehearsal:
            gateway.begin()
        ingest.start()
        uplink.start()
        try:
            _turn_until(stop, gateway, inbox, ingest, uplink)
        finally:
            ingest.stop()
            uplink.stop()
        gateway.save(at_once=True)
    log.info("stopped", site=site)


def _turn_until(stop: threading.Event, gateway: Gateway, inbox: Inbox, ingest: Ingest, uplink: Uplink) -> None:
    ticked_at_s = 0.0
    ready = False
    while not stop.is_set():
        if not ready and ingest.subscribed.is_set():
            ready = True
            _notify("READY=1")
        arrivals = inbox.batch(SPEAK_S)
        gateway.take([arrival for arrival in arrivals if not arrival.link])
        ingest.acknowledge(arrivals)
        heard = [arrival.message.payload for arrival in arrivals if arrival.link]
        if heard:
            last = journal.last_number(gateway.db)
            for payload in heard:
                uplink.hear(payload, gateway.clock.now())
            gateway.hear(last)
        if time.monotonic() - ticked_at_s >= TICK_S:
            ticked_at_s = time.monotonic()
            gateway.tick()
        uplink.speak(gateway.clock.now())
        gateway.save()


def _notify(state: str) -> None:
    """Tell whoever started us, if it asked to be told (sd_notify's protocol)."""
    where = os.environ.get("NOTIFY_SOCKET")
    if where:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.connect(f"\0{where[1:]}" if where.startswith("@") else where)
            line.send(state.encode())


def _on_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
