"""A night, lived: building, network, centre and people put together, and what was left of it."""

import contextlib
import random
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from care import journal
from care.board import SILENT_AFTER, Board
from care.clock import SystemClock
from care.database import Database
from care.homes import Site
from care.journal import Entry
from detectors.findings import Finding
from detectors.moments import SensorEvent
from gateway.building import Gateway, Settings
from gateway.ingest import Arrival
from gateway.sources import Message
from gateway.sources.zigbee2mqtt import read
from gateway.stage import BASE
from tests.nights.agenda import Agenda
from tests.nights.broker import Broker, Publication
from tests.nights.building import IDLE_S, Building
from tests.nights.centre import CareCentre
from tests.nights.fate import Failure, Fate, Fault, Wrong
from tests.nights.phones import Phones
from tests.nights.wire import Wire

HEALING = timedelta(minutes=12)  # after all that fails, until both ends are asked what they have
UNSEEN_BY = SILENT_AFTER + timedelta(seconds=30)  # a building that cannot be heard is drawn so by then
LONG, LONG_IDLE_S = timedelta(hours=6), 120.0  # a building that is cut off for so long may take longer turns
NOWHERE = ("127.0.0.1", 1)


@dataclass(frozen=True)
class Glance:
    """What the desk showed of the building at a moment, and whether it could be heard then."""

    at: datetime
    silent: bool
    truly: bool | None  # whether it had been out of reach for long; None: just now, or nobody can tell


@dataclass(frozen=True)
class Lived:
    """What is left of a night."""

    fate: Fate
    building: tuple[Entry, ...]  # its journal
    centre: tuple[Entry, ...]
    board: Board  # of the centre's last process
    acknowledged: frozenset[int]  # numbers of publications
    lost: frozenset[int]  # by the broker
    glances: tuple[Glance, ...]
    refused: int  # messages that the centre could not take
    restored: int  # times that the centre went back to an older journal
    starts: int  # of the gateway
    times: tuple[tuple[datetime, datetime], ...]  # the time that it was, and what the gateway took it for
    undisturbed: tuple[Finding, ...]  # what is found of the same publications when nothing fails


def lived(fate: Fate) -> Lived:
    """Live a night in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return _World(fate, Path(folder)).lived()


class _World:
    def __init__(self, fate: Fate, folder: Path) -> None:
        self.fate = fate
        agenda = self.agenda = Agenda(fate.start - timedelta(seconds=5))
        self.settings = Settings(site=fate.site, journal=folder / "gateway.db", broker=NOWHERE, centre=NOWHERE)
        self.broker = Broker(agenda)
        self.wire = Wire(agenda, fate.weather, random.Random(f"wire {fate.seed}"))
        people = random.Random(f"people {fate.seed}")
        self.centre = CareCentre(folder / "centre.db", agenda, self.wire, people, Phones(fate.seed))
        self.building = Building(self.settings, agenda, self.broker, self.wire, random.Random(f"turn {fate.seed}"))
        self.glances: list[Glance] = []
        self._out_of_reach: set[Failure] = set()
        self._changed_at = agenda.now  # when what can be reached last changed

    def lived(self) -> Lived:
        agenda, fate, centre = self.agenda, self.fate, self.centre
        agenda.at(agenda.now, centre.start)
        for publication in fate.publications:
            agenda.at(publication.sent_at, lambda one=publication: self.broker.publish(one))  # type: ignore[misc]
        for at, publication in fate.repeats:
            agenda.at(at, lambda one=publication: self.broker.publish(one))  # type: ignore[misc]
        for at in fate.people:
            agenda.at(at, centre.do_something)
        for failure in fate.failures:
            agenda.at(failure.at, lambda one=failure: self._fail(one))  # type: ignore[misc]
            agenda.at(failure.until, lambda one=failure: self._mend(one))  # type: ignore[misc]
        for wrong in fate.clock:
            agenda.at(wrong.at, lambda one=wrong: self._set_clock(one))  # type: ignore[misc]
        agenda.at(fate.end, self._mend_all)
        self._look()
        self.building.live(fate.end + HEALING)
        board = centre.centre.board
        with contextlib.closing(centre.centre._db) as db:
            told = tuple(_entries(db))
        with contextlib.closing(journal.connect(self.settings.journal)) as db:
            written = tuple(_entries(db))
        broker = self.broker
        lost = broker.lost - broker.acknowledged_
        kept = [one for one in fate.publications if one.number not in lost or _stands_in(written, one, fate.site)]
        return Lived(
            fate=fate,
            building=written,
            centre=told,
            board=board,
            acknowledged=frozenset(broker.acknowledged_),
            lost=frozenset(broker.lost),
            glances=tuple(self.glances),
            refused=centre.refused + sum(centre._now.intake.refused.values() if centre._now else ()),
            restored=centre.restored,
            starts=self.building.starts,
            times=tuple(self.building.times),
            undisturbed=tuple(undisturbed(self.settings, kept, fate.end + HEALING)),
        )

    def _fail(self, one: Failure) -> None:
        building, broker, wire, centre = self.building, self.broker, self.wire, self.centre
        if one.fault in _UNHEARD:
            self._out_of_reach.add(one)
            self._changed_at = self.agenda.now
        match one.fault:
            case Fault.GATEWAY:
                building.kill(one.point, one.until)
            case Fault.BROKER | Fault.AMNESIA:
                broker.stop(forget=one.fault is Fault.AMNESIA)
            case Fault.DEAF:
                broker.cut()
            case Fault.CUT:
                wire.cut(noticed=one.noticed)
                building.idle_s = LONG_IDLE_S if one.until - one.at > LONG else IDLE_S
            case Fault.CENTRE | Fault.BACKUP:
                centre.kill(one.point, one.until, restore=one.fault is Fault.BACKUP)
            case Fault.DISK:
                building.disk_refuses = True
            case Fault.BRIDGE:
                pass  # it is all in what was published

    def _mend(self, one: Failure) -> None:
        if one.fault in _UNHEARD:
            self._out_of_reach.discard(one)
            self._changed_at = self.agenda.now
        # Of two that fail at once, what the first to end puts right is right for both.
        match one.fault:
            case Fault.BROKER | Fault.AMNESIA:
                self.broker.start()
            case Fault.DEAF:
                self.broker.mend()
            case Fault.CUT:
                self.wire.mend()
                self.building.idle_s = IDLE_S
                self._out_of_reach = {other for other in self._out_of_reach if other.fault is not Fault.CUT}
            case Fault.DISK:
                self.building.disk_refuses = False
                self._out_of_reach = {other for other in self._out_of_reach if other.fault is not Fault.DISK}

    def _set_clock(self, wrong: Wrong) -> None:
        if not wrong.elsewhere:
            self.building.clock_off = wrong.off

    def _mend_all(self) -> None:
        self.broker.start()
        self.broker.mend()
        self.wire.mend()
        self.building.disk_refuses = False
        self.centre.start()

    def _look(self) -> None:
        """Look at the desk now and then, and back its journal up once an hour."""
        agenda, centre = self.agenda, self.centre
        if centre.running and agenda.now > self.fate.start:
            now = centre.centre.now()
            truly: bool | None = None
            if agenda.now - self._changed_at > UNSEEN_BY:
                truly = any(one.fault in _SURELY for one in self._out_of_reach) or None
                truly = False if not self._out_of_reach and self._calm() else truly
            self.glances.append(Glance(now, centre.centre.silent(self.fate.site.id), truly))
        if int(agenda.monotonic()) % 3600 < _LOOK_S and centre.running:
            centre.back_up()
        agenda.after(_LOOK_S, self._look)

    def _calm(self) -> bool:
        """Whether nothing else is wrong by which a sign of life may come late: then it must be seen."""
        weather = self.fate.weather
        return self.building.running and weather.lost == 0.0


_UNHEARD = frozenset({Fault.GATEWAY, Fault.CUT, Fault.DISK, Fault.CENTRE, Fault.BACKUP})
_SURELY = frozenset({Fault.CUT})  # a process that was to die may live for another half minute
_LOOK_S = 25.0


def undisturbed(settings: Settings, publications: Iterable[Publication], until: datetime) -> list[Finding]:
    """Return what the same gateway finds of these publications when each comes at once, and nothing fails."""
    by_date = sorted(publications, key=lambda one: one.sent_at)
    agenda = Agenda(by_date[0].sent_at)
    with (
        patch.object(SystemClock, "now", lambda _: agenda.now),
        patch.object(time, "monotonic", agenda.monotonic),
        contextlib.closing((gateway := Gateway.opened(_in_memory(settings))).db),
    ):
        gateway.begin()
        gateway.caught_up()
        for one in by_date:
            agenda.run_until(one.sent_at)
            gateway.tick()
            gateway.take([Arrival(Message(one.topic, one.payload), one.sent_at, 0, 0)])
        agenda.run_until(until)
        gateway.tick()
        return [entry.record for entry in _entries(gateway.db) if isinstance(entry.record, Finding)]


def _stands_in(written: Iterable[Entry], one: Publication, site: Site) -> bool:
    """Whether what a message says was written down, though the broker forgot it before it could be acknowledged."""
    said = read(site, BASE, Message(one.topic, one.payload), received_at=one.sent_at, started_at=None).events
    kept = {(event.sensor, event.at, event.value) for event in said}
    return any(
        isinstance(event := entry.record, SensorEvent) and (event.sensor, event.at, event.value) in kept
        for entry in written
    )


def _in_memory(settings: Settings) -> Settings:
    return Settings(site=settings.site, journal=Path(":memory:"), broker=NOWHERE, centre=NOWHERE)


def _entries(db: Database) -> Iterable[Entry]:
    number = 0
    while entries := journal.read_after(db, number):
        yield from entries
        number = entries[-1].number
