"""The daemon in the building: one thread that writes, watches and tells; one process that may die at any moment.

Each turn takes what came, writes it and what it tells in one transaction, and only then acknowledges it. A disk that
refuses ends the process: the journal is the truth, and a start goes on from it. Before it ends it tells the centre; a
journal that is damaged it sets aside, so that the next start has one.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from care import journal
from care.clock import REHEARSAL_TOPIC, Clock, RehearsalClock, SystemClock
from care.homes import Site
from care.records import CENTRE, AlertId, FellBack, Record
from detectors.homes import HomeId
from detectors.moments import SensorEvent
from gateway import fallback, health, keeping
from gateway.health import Broker, Disk, Step
from gateway.ingest import Arrival, Inbox, Ingest
from gateway.sources import zigbee2mqtt
from gateway.sources.zigbee2mqtt import Message
from gateway.uplink import Uplink, cry
from gateway.watch import Dated, Watch

TICK_S = 1.0  # seconds between two looks at the clock when nothing comes in
SPEAK_S = 0.25  # seconds between two looks at what the centre must hear
SNAPSHOT_EVERY_S = 1800.0  # seldom, for SD cards: a start reads the journal of at most this long again
SNAPSHOT_AFTER = 10_000  # records
PROOF_EVERY_S = 60.0
DISK_EVERY_S = 60.0
DISK_FULL = 20 * 10**6  # bytes free: the centre is told besides of what the journal may not be able to take any more
READY_AFTER_S = 10.0  # a start without a broker is a start: that the broker is away, is told
PROOF = "nachtwacht-proof"  # below the bridge's topic, so that it comes by the way of the sensors
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
    broker_up: bool = True
    disk_free: int | None = None
    proof_asked: bytes = b""
    _taken: set[SensorEvent] = field(default_factory=set)  # in this turn, and not yet on disk
    proven_at: datetime | None = None  # when the last synthetic event had come by the way of the sensors, and was kept
    known_s: dict[AlertId, float] = field(default_factory=dict)  # since when this process knows of what is pending
    written: int = 0
    looked: tuple[datetime, float] | None = None  # the system's clock and the monotonic one, at the last tick
    disk_at_s: float = -DISK_EVERY_S
    proof_at_s: float = -PROOF_EVERY_S
    snapshot_at_s: float = field(default_factory=time.monotonic)
    snapshot_after: int = 0

    @classmethod
    def opened(cls, settings: Settings) -> "Gateway":
        """Open the journal and go on where it ends; with a new one, if it is damaged."""
        clock: Clock = SystemClock()
        try:
            db, watch, told = _resumed(settings)
        except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
            if isinstance(error, sqlite3.DatabaseError) and trouble_of(error) != "journal":
                raise
            set_aside(settings.journal, clock.now(), str(error))
            db, watch, told = _resumed(settings)
        if settings.rehearsal:
            clock = RehearsalClock(journal.last_date(db) or _NEVER)
        gateway = cls(settings=settings, db=db, clock=clock, watch=watch)
        gateway.write(told)
        aside = _last_set_aside(settings.journal)
        if aside is not None:  # told at every start, and written once: it is the same record
            gateway.write([(max(clock.now(), aside), health.set_aside(settings.site, aside))])
        watch.wait(clock.now())
        return gateway

    def begin(self) -> None:
        """Tell the plan, and what became due while nobody watched. In a rehearsal: once it has told the time."""
        now = self.clock.now()
        self.write([*self.watch.told_plan(now), *self.watch.advance(now)])

    def caught_up(self) -> None:
        """Tell what became due while nobody watched: what the broker kept meanwhile has been read."""
        self.write(self.watch.go_on(self.clock.now()))

    def take(self, arrivals: Sequence[Arrival]) -> None:
        """Write down what came and what it tells, all or nothing."""
        records: list[tuple[datetime, Record]] = []
        self._taken.clear()
        proven_at: datetime | None = None
        for arrival in arrivals:
            if arrival.message.topic == REHEARSAL_TOPIC:
                records += self.watch.told_plan(arrival.received_at)
                records += self.watch.advance(arrival.received_at)
            elif arrival.message.topic == self.proof_topic:
                if arrival.message.payload == self.proof_asked and self.proof_asked:
                    proven_at = arrival.received_at
            else:
                records += self._read(arrival.message, arrival.received_at)
        if proven_at is not None and not records:
            journal.write(self.db, [])  # nothing to keep, but the way there must be open
        self.write(records)
        self.proven_at = proven_at or self.proven_at

    @property
    def proof_topic(self) -> str:
        return f"{self.settings.base}/{PROOF}"

    def proof(self, monotonic_s: float) -> bytes | None:
        """Return the synthetic event to publish now, if it is time for one."""
        if monotonic_s - self.proof_at_s < PROOF_EVERY_S:
            return None
        self.proof_at_s = monotonic_s
        self.proof_asked = self.clock.now().isoformat().encode()
        return self.proof_asked

    def hear(self, after: int) -> None:
        """Take in what the centre has said since a number of the journal, and what that tells."""
        for entry in journal.read_after(self.db, after):
            if entry.origin == CENTRE:
                self.write(self.watch.hear(entry))

    def tick(self) -> None:
        """Let time pass, and look at the building itself. In a rehearsal only its own messages do."""
        if self.settings.rehearsal:
            return
        now, monotonic_s = self.clock.now(), time.monotonic()
        if self.looked is not None:
            seconds = (now - self.looked[0]).total_seconds() - (monotonic_s - self.looked[1])
            self.watch.notice(Step(seconds), now)
        self.looked = now, monotonic_s
        self.watch.notice(Broker(self.broker_up), now)
        if monotonic_s - self.disk_at_s >= DISK_EVERY_S:
            self.disk_at_s = monotonic_s
            room = shutil.disk_usage(self.settings.journal.absolute().parent)
            self.disk_free = room.free
            self.watch.notice(Disk(room.free, room.total), now)
        self.write(self.watch.advance(now))

    @property
    def trouble(self) -> str:
        """What the centre must hear besides, for the journal may not be able to take it."""
        return "disk" if self.disk_free is not None and self.disk_free < DISK_FULL else ""

    def fall_back(self, have: int, monotonic_s: float) -> tuple[HomeId, ...]:
        """Write down for what the building calls by itself, and return the homes for which its alarm is to sound.

        `have` is up to which number of the journal the centre has everything.
        """
        self.watch.confirmed(have)
        pending = self.watch.pending
        if not pending:
            self.known_s.clear()
            return ()
        self.known_s = {alert: self.known_s.get(alert, monotonic_s) for alert in pending}
        now = self.clock.now()
        for alert in fallback.due(pending, have, self.known_s, monotonic_s):
            home = pending[alert].home
            log.warning("fell_back", alert=alert, home=home, channel=fallback.CHANNEL)
            self.write([(now, FellBack(at=now, home=home, alert=alert, channel=fallback.CHANNEL))])
        return fallback.sounding(self.watch.pending)

    def write(self, dated: Sequence[tuple[datetime, Record]]) -> None:
        if dated:
            entries = journal.write(self.db, dated)
            self.written += len(entries)
            for entry in entries:
                self.watch.wrote(entry)

    def save(self, *, at_once: bool = False) -> None:
        """Keep a snapshot, if it is time for one. Not while something is kept back: the journal then tells it again."""
        if self.watch.keeps_back:
            return
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
        fresh = tuple(one for one in reading.events if not self._has(one))
        self._taken.update(fresh)
        reading = reading._replace(events=fresh)
        troubles: list[tuple[datetime, Record]] = [(received_at, trouble) for trouble in reading.troubles]
        return [*troubles, *self.watch.heard(reading, received_at)]

    def _has(self, event: SensorEvent) -> bool:
        """Whether an event is in the journal, or about to be: what a broker sends again is no storm, and no news."""
        return event in self._taken or journal.holds(self.db, event)


def run(settings: Settings, stop: threading.Event | None = None) -> None:
    """Watch over the building until told to stop, by a signal or by `stop`.

    Raises `sqlite3.Error` when the disk refuses, having told the centre; whoever started the process starts it again.
    """
    try:
        _run(settings, stop or _on_signal())
    except sqlite3.Error as error:
        trouble, now = trouble_of(error), SystemClock().now()
        if trouble == "journal":
            set_aside(settings.journal, now, str(error))
        told = cry(settings.site.id, settings.centre, now, trouble)
        log.exception("cannot_write", trouble=trouble, centre_told=told)
        raise


def trouble_of(error: sqlite3.Error) -> str:
    """Return what is the matter when SQLite refuses: "disk", or "journal" where what is written there is damaged."""
    code = getattr(error, "sqlite_errorcode", None)
    damaged = code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return "journal" if damaged else "disk"


def set_aside(file: Path, at: datetime, why: str) -> None:
    """Rename a damaged journal, so that a start makes a new one. It keeps what was learned, if that can be read."""
    aside = file.with_name(f"{file.name}.damaged-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    for suffix in ("", "-wal", "-shm"):
        part = file.with_name(file.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    log.error("journal_set_aside", file=str(aside), why=why)
    with contextlib.suppress(sqlite3.Error), contextlib.closing(journal.connect(aside, read_only=True)) as damaged:
        saved = journal.load_snapshot(damaged)
        learned = None if saved is None else Watch.salvaged(saved[1])
        if learned is not None:
            with contextlib.closing(journal.connect(file)) as db:
                journal.save_snapshot(db, 0, learned)


def _last_set_aside(file: Path) -> datetime | None:
    """Return when a damaged journal was last set aside here, by the names of the files."""
    named = re.compile(re.escape(file.name) + r"\.damaged-(\d{8}T\d{6}Z)")
    found = [match[1] for one in file.absolute().parent.iterdir() if (match := named.fullmatch(one.name))]
    return datetime.strptime(max(found), "%Y%m%dT%H%M%S%z") if found else None


def _resumed(settings: Settings) -> tuple[sqlite3.Connection, Watch, list[Dated]]:
    db = journal.connect(settings.journal)
    try:
        return (db, *Watch.resumed(settings.site, db))
    except BaseException:
        db.close()
        raise


def _run(settings: Settings, stop: threading.Event) -> None:
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
            _Turns(gateway, inbox, ingest, uplink).until(stop)
        finally:
            ingest.stop()
            uplink.stop()
        gateway.save(at_once=True)
    log.info("stopped", site=site)


class _Turns:
    """The daemon's one thread: turn after turn, each done wholly or not at all."""

    def __init__(self, gateway: Gateway, inbox: Inbox, ingest: Ingest, uplink: Uplink) -> None:
        self._gateway, self._inbox, self._ingest, self._uplink = gateway, inbox, ingest, uplink
        self._began_s = time.monotonic()
        self._ticked_at_s = 0.0
        self._ready = self._caught_up = False
        self._alarm: bytes | None = None  # as last said in the building
        self._watchdog = Watchdog()

    def until(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._turn()
            self._watchdog.turned(time.monotonic())

    def _turn(self) -> None:
        gateway, ingest, uplink = self._gateway, self._ingest, self._uplink
        self._begin()
        arrivals = self._inbox.batch(SPEAK_S)
        gateway.take([arrival for arrival in arrivals if not arrival.link])
        ingest.acknowledge(arrivals)
        if not arrivals and not self._caught_up and ingest.subscribed.is_set():
            self._caught_up = True
            gateway.caught_up()
        heard = [arrival for arrival in arrivals if arrival.link]
        if heard:
            last = journal.last_number(gateway.db)
            for arrival in heard:
                # Dated by its arrival: sensors' messages that came after it are not from the past.
                uplink.hear(arrival.message.payload, arrival.received_at)
            gateway.hear(last)
        if time.monotonic() - self._ticked_at_s >= TICK_S:
            self._ticked_at_s = time.monotonic()
            self._tick()
        uplink.speak(gateway.clock.now(), trouble=gateway.trouble, proof=gateway.proven_at)
        gateway.save()
        if not arrivals and not gateway.watch.keeps_back and not gateway.settings.rehearsal:
            keeping.forget(gateway.db, gateway.clock.now(), had=uplink.have)

    def _tick(self) -> None:
        gateway, ingest, monotonic_s = self._gateway, self._ingest, time.monotonic()
        gateway.broker_up = ingest.up
        gateway.tick()
        alarm = fallback.said(gateway.fall_back(self._uplink.have, monotonic_s))
        if alarm != self._alarm:  # at a start too: an alarm of before may still sound
            self._alarm = alarm
            ingest.publish(fallback.topic(gateway.settings.site), alarm, retain=True)
        proof = gateway.proof(monotonic_s) if ingest.up else None
        if proof is not None:
            ingest.publish(gateway.proof_topic, proof)

    def _begin(self) -> None:
        late = time.monotonic() - self._began_s >= READY_AFTER_S
        if not self._ready and (late or self._ingest.subscribed.is_set()):
            self._ready = True
            _notify("READY=1")


class Watchdog:
    """Tells systemd that turns are really being taken, as often as it asks; nothing, where it does not ask."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        asked = environment.get("WATCHDOG_USEC", "")
        self._every_s = int(asked) / 3e6 if asked.isdigit() else None  # three times within what it waits
        self._told_at_s = 0.0

    def turned(self, monotonic_s: float) -> None:
        """Note that a turn is over: what came is on disk."""
        if self._every_s is not None and monotonic_s - self._told_at_s >= self._every_s:
            self._told_at_s = monotonic_s
            _notify("WATCHDOG=1")


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
