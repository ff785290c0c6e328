"""The care centre: the real journal, board and end of the link, without an event loop; and people who do things."""

import contextlib
import random
import shutil
import sqlite3
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import aiomqtt

from care import escalation, journal
from care.board import Board
from care.database import Database
from care.ids import StaffId
from care.records import HOWS, Claimed, Delivered, Order, Outcome, Record, Released, Resolved
from dashboard.centre import Centre
from dashboard.intake import Intake
from tests.nights.agenda import Agenda
from tests.nights.building import Killed
from tests.nights.fate import Point
from tests.nights.phones import Phones
from tests.nights.wire import Wire

LOOKS_EVERY_S = 5.0  # seconds between two looks at what was never answered

Answer = TypeVar("Answer")


class CareCentre:
    """One process of the centre after another, on one journal."""

    def __init__(self, file: Path, agenda: Agenda, wire: Wire, chance: random.Random, phones: Phones) -> None:
        self.file = file
        self.phones = phones
        self.refused = 0  # messages that it could not take
        self.restored = 0
        self._agenda, self._wire, self._chance = agenda, wire, chance
        self._doom: Point | None = None
        self._back_at: datetime | None = None
        self._now: _Now | None = None
        self._backup: Path | None = None
        wire.to_centre = self._hear

    @property
    def running(self) -> bool:
        return self._now is not None

    @property
    def centre(self) -> Centre:
        assert self._now is not None
        return self._now.centre

    def start(self) -> None:
        if self._now is None:
            self._doom = None
            self._now = _Now(self.file, self._agenda, self._wire, self, self.phones)
            self._look(self._now)

    def kill(self, point: Point, back_at: datetime, *, restore: bool = False) -> None:
        """Let the process die at this point, and come back; with `restore`, on its last backup."""
        self._doom = point
        if point is Point.IDLE or restore:
            self._gone()
        if restore and self._backup is not None:
            self._restore(self._backup)
        self._agenda.at(back_at, self._gone)
        self._agenda.at(back_at, self.start)

    def back_up(self) -> None:
        self._backup = self.file.with_suffix(".backup")
        self._backup.unlink(missing_ok=True)
        with (
            contextlib.closing(journal.connect(self.file)) as db,
            contextlib.closing(sqlite3.connect(self._backup)) as to,
        ):
            db.backup(to)

    def do_something(self) -> None:
        """Let somebody at the desk do something with an alert, if there is one."""
        if self._now is not None:
            _done(self._now.centre.write(self._decide))

    def die_at(self, point: Point) -> None:
        if self._doom is point:
            raise Killed

    def _decide(self, board: Board, now: datetime) -> Sequence[Order]:
        alerts = board.open_alerts()
        if not alerts:
            return ()
        alert, by = self._chance.choice(alerts), StaffId(self._chance.choice(("sk", "mv")))
        outcome = self._chance.choice(list(Outcome))
        about: dict[str, Any] = {"at": now, "home": alert.home, "alert": alert.id}
        return [
            self._chance.choice(
                (
                    Delivered(**about, screen="desk"),
                    Claimed(**about, by=by),
                    Released(**about, by=by),
                    Resolved(**about, by=by, outcome=outcome, how=HOWS[outcome][0]),
                )
            )
        ]

    def _hear(self, topic: str, payload: bytes) -> None:
        now = self._now
        if now is not None:
            with self._mortal():
                self.die_at(Point.RECEIVED)
                now.hear(topic, payload)
                self.die_at(Point.SPOKEN)
                now.send()

    def _look(self, process: "_Now") -> None:
        if process is self._now:
            with self._mortal():
                process.look()
            self._agenda.after(LOOKS_EVERY_S, lambda: self._look(process))

    @contextlib.contextmanager
    def _mortal(self) -> Iterator[None]:
        try:
            yield
        except Killed:
            self._gone()

    def _gone(self) -> None:
        now, self._now = self._now, None
        if now is not None:
            self.refused += sum(now.intake.refused.values())
            now.centre.close()

    def _restore(self, backup: Path) -> None:
        for left in self.file.parent.glob(f"{self.file.name}-*"):
            left.unlink()
        shutil.copyfile(backup, self.file)
        with contextlib.closing(sqlite3.connect(self.file)) as db, db:
            # As `journal.identity` asks: from here on the numbers of this copy are its own.
            db.execute("UPDATE identity SET id = ?", (f"{self._chance.getrandbits(64):016x}",))
        self.restored += 1


class _Now:
    """What one process of the centre holds in memory."""

    def __init__(self, file: Path, agenda: Agenda, wire: Wire, of: CareCentre, phones: Phones) -> None:
        self._phones = phones
        db = journal.connect(file)
        db.execute("PRAGMA synchronous=OFF")
        self.centre = _Centre(db, _Clock(agenda), monotonic=agenda.monotonic)
        self.intake = Intake(self.centre, "centre", 1883)
        self._client: Any = _Client(wire, of)
        self.intake._due.update(site for site in self.centre.board.plans if not self.centre.silent(site))

    def hear(self, topic: str, payload: bytes) -> None:
        message = aiomqtt.Message(topic, payload, 1, False, 0, None)  # noqa: FBT003
        _done(self.intake._receive(self._client, message))

    def send(self) -> None:
        """Send what is due, as `Intake._send` does when it is woken."""
        due, self.intake._due = self.intake._due, set()
        for site in sorted(due):
            if not self.centre.silent(site):
                _done(self.intake._send_next(self._client, site))

    def look(self) -> None:
        self.intake._due.update(site for site, outgoing in self.intake._outgoing.items() if not outgoing.idle)
        self.send()
        self.centre.now()
        for decide in (self._phones.agreed, escalation.due, self._phones.answers):
            self._write(decide)

    def _write(self, decide: Callable[[Board, datetime], Iterable[Record]]) -> None:
        if list(decide(self.centre.board, self.centre.now())):
            _done(self.centre.write(lambda board, now: list(decide(board, now))))


class _Centre(Centre):
    """The centre with its writer in this thread."""

    async def _ask(self, question: Callable[[Database], Answer]) -> Answer:
        return question(self._db)

    async def _to_the_end(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return await work


class _Client:
    def __init__(self, wire: Wire, of: CareCentre) -> None:
        self._wire, self._of = wire, of

    async def publish(self, topic: str, payload: bytes, **_: object) -> None:
        self._of.die_at(Point.COMMITTED)
        self._wire.down(topic, payload)
        self._of.die_at(Point.ACKNOWLEDGED)


class _Clock:
    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda

    def now(self) -> datetime:
        return self._agenda.now


def _done(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run to its end what waits for nothing: no event loop, no other thread."""
    try:
        work.send(None)
    except StopIteration as end:
        answer: Answer = end.value
        return answer
    raise AssertionError(f"{work} waits for something outside of it")
