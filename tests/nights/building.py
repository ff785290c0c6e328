"""The building: `daemon.run` itself, under virtual time. It dies where it is told to, and is started again."""

import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog

from care import journal, link
from care.clock import Clock, SystemClock
from care.database import Database
from care.journal import Entry
from care.records import Record
from detectors.homes import SiteId
from gateway import daemon, ingest, uplink
from gateway.building import Gateway, Settings
from gateway.ingest import Arrival, Inbox, Ingest
from gateway.uplink import Uplink
from tests.nights.agenda import Agenda
from tests.nights.broker import Broker, Line
from tests.nights.fate import Point
from tests.nights.wire import Wire

RESTART_S = 3.0  # seconds until a process that ended is started again
IDLE_S = 10.0  # seconds that a turn waits for news. In a real building a quarter of one; so a night is lived sooner


class Killed(BaseException):
    """The process is gone, at this very instruction."""


class Building:
    """One gateway process after another, on one journal."""

    def __init__(self, settings: Settings, agenda: Agenda, broker: Broker, wire: Wire, chance: random.Random) -> None:
        self.settings = settings
        self.agenda = agenda
        self.idle_s = IDLE_S
        self.disk_refuses = False
        self.clock_off = timedelta()  # how far this machine's clock is off
        self.running = False
        self.starts = 0
        self.times: list[tuple[datetime, datetime]] = []  # the time that it was, and what the gateway took it for
        self._broker, self._wire, self._chance = broker, wire, chance
        self._lines: list[Line] = []
        self._doom: Point | None = None
        self._back_at = agenda.now
        self._db: Database | None = None

    def live(self, until: datetime) -> None:
        """Run until then, whatever happens; all else in the world happens meanwhile."""
        with self._under_virtual_time():
            while self.agenda.now < until:
                self.agenda.run_until(min(self._back_at, until))
                if self.agenda.now >= until:
                    return
                self._doom, self.running = None, True
                self.starts += 1
                try:
                    daemon.run(self.settings, _Until(self.agenda, until))
                except Killed:
                    self._back_at = max(self._back_at, self.agenda.now + timedelta(seconds=1))
                except sqlite3.Error:
                    self._back_at = self.agenda.now + timedelta(seconds=RESTART_S)
                finally:
                    self.running = False
                    self._gone()

    def kill(self, point: Point, back_at: datetime) -> None:
        """Let the process die when it next comes to this point; within half a minute in any case."""
        if self.running:
            self._doom, self._back_at = point, back_at
            started = self.starts
            self.agenda.after(30, lambda: self._hurry(started))

    def wall(self) -> datetime:
        """Return what this machine takes for the time."""
        return self.agenda.now + self.clock_off

    # What the process meets.

    def pass_by(self, point: Point) -> None:
        if self._doom is point:
            self._gone()
            raise Killed

    def wait(self, heard: Callable[[], bool]) -> None:
        """Sleep as the real queue does, until something is heard."""
        self.pass_by(Point.IDLE)
        began = self.agenda.now

        def wakes() -> bool:
            waited_s = (self.agenda.now - began).total_seconds()
            return heard() or self._doom is Point.IDLE or waited_s >= self.idle_s  # which may become less meanwhile

        self.agenda.run_until(began + timedelta(seconds=self.idle_s), unless=wakes)
        self.pass_by(Point.IDLE)

    def line(self, to: str, *_: object, connected: Any, heard: Any, **__: object) -> Line:
        line = Line(self._broker if to == "broker" else self._wire, connected, heard)
        self._lines.append(line)
        return line

    def opened(self, file: Path | str, *, read_only: bool = False) -> sqlite3.Connection:
        db = _connect(file, read_only=read_only)
        if Path(file) == self.settings.journal:
            db.execute("PRAGMA synchronous=OFF")  # processes die here, and no power fails: that is `tests.test_kills`
            self._db = db
        return db

    def written(self, db: Database, dated: Iterable[tuple[datetime, Record]], **more: Any) -> list[Entry]:
        if db is not self._db:
            return _write(db, dated, **more)
        if self.disk_refuses:
            raise sqlite3.OperationalError("database or disk is full")
        return _write(db, self._dying(list(dated)), **more)

    def _dying(self, dated: Sequence[tuple[datetime, Record]]) -> Iterator[tuple[datetime, Record]]:
        at = self._chance.randrange(len(dated)) if dated else -1
        for number, one in enumerate(dated):
            if number == at:
                self.pass_by(Point.WRITING)
            yield one

    def take(self, gateway: Gateway, arrivals: Sequence[Arrival]) -> None:
        self.times.append((self.agenda.now, gateway.clock.now()))
        if arrivals:
            self.pass_by(Point.RECEIVED)
        _take(gateway, arrivals)
        if arrivals:
            self.pass_by(Point.COMMITTED)

    def acknowledge(self, of: Ingest, arrivals: Sequence[Arrival]) -> None:
        if self._doom is Point.ACKNOWLEDGING and arrivals:
            _acknowledge(of, arrivals[: len(arrivals) // 2])
            self.pass_by(Point.ACKNOWLEDGING)
        _acknowledge(of, arrivals)
        self.pass_by(Point.ACKNOWLEDGED)

    def speak(self, of: Uplink, now: datetime, **more: Any) -> None:
        _speak(of, now, **more)
        self.pass_by(Point.SPOKEN)

    def cry(self, site: SiteId, _address: object, now: datetime, trouble: str, _papers: object) -> bool:
        """Say it as the real one does, which waits for its connection in real time."""
        self._wire.say(link.up_topic(site), link.encode(link.Beat(now, trouble)))
        return True

    def _hurry(self, started: int) -> None:
        if self._doom is not None and started == self.starts:
            self._doom = Point.IDLE

    def _gone(self) -> None:
        """Take everything from the process but its file."""
        for line in self._lines:
            line.end()
        self._lines.clear()
        if self._db is not None:
            self._db.close()
            self._db = None

    @contextlib.contextmanager
    def _under_virtual_time(self) -> Iterator[None]:
        here = self
        with contextlib.ExitStack() as stack:
            stack.enter_context(structlog.testing.capture_logs())
            # What takes the place of a method must be a function, or it would not be given its object.
            for target, name, instead in (
                (time, "monotonic", self.agenda.monotonic),
                (SystemClock, "now", lambda _: here.wall()),
                (daemon, "Inbox", lambda clock: _Inbox(clock, here)),
                (daemon, "cry", self.cry),
                (ingest, "connection", self.line),
                (uplink, "connection", self.line),
                (journal, "connect", self.opened),
                (journal, "write", self.written),
                (Gateway, "take", lambda gateway, arrivals: here.take(gateway, arrivals)),  # noqa: PLW0108
                (Ingest, "acknowledge", lambda of, arrivals: here.acknowledge(of, arrivals)),  # noqa: PLW0108
                (Uplink, "speak", lambda of, now, **more: here.speak(of, now, **more)),  # noqa: PLW0108
            ):
                stack.enter_context(patch.object(target, name, instead))
            yield


class _Inbox(Inbox):
    def __init__(self, clock: Clock, building: Building) -> None:
        super().__init__(clock)
        self._building = building

    def batch(self, wait_s: float) -> Sequence[Arrival]:
        self._building.wait(lambda: not self._queue.empty())
        return super().batch(0)


class _Until(threading.Event):
    """Set when a time has come."""

    def __init__(self, agenda: Agenda, until: datetime) -> None:
        super().__init__()
        self._agenda, self._until = agenda, until

    def is_set(self) -> bool:
        return self._agenda.now >= self._until


_connect, _write, _take, _acknowledge, _speak = (
    journal.connect,
    journal.write,
    Gateway.take,
    Ingest.acknowledge,
    Uplink.speak,
)
