"""Kill and restart everything that may die, and see what became of what was published."""

import contextlib
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec

from benchmarks.parts import CannotMeasure, Part, Parts, listens
from care import journal
from care.homes import Site
from care.journal import Entry
from care.records import CENTRE, Record, Teaching
from detectors import vigil
from detectors.findings import Finding, Withheld
from detectors.homes import HomeId, Limits, Night
from detectors.moments import Moment, SensorEvent
from gateway import rehearsal, stage
from gateway.sources import Message
from gateway.sources.zigbee2mqtt import read
from gateway.watch import Dated, Watch

_AS_IT_IS: Mapping[str, str] = {}
_SLOW_DISK = Path(__file__).with_name("slow_disk.c")
KILL_HOMES = 12  # of the building that is killed
WITHIN_S = 300.0


class Proof(NamedTuple):
    """What became of everything that was published, and of everything that should have been found."""

    events: int
    kills: int
    lost: int
    doubled: int
    findings: int  # that a watch makes which nothing ever happens to
    alerts_missed: int
    alerts_doubled: int
    alerts_withheld: int  # over by the time that a process was there again: not told, but counted at the centre
    recoveries_s: tuple[float, ...]
    took_s: float = 0.0  # from the first event published until the centre had everything

    def figures(self) -> dict[str, float]:
        keys = ("events", "kills", "lost", "doubled", "alerts_missed", "alerts_doubled", "alerts_withheld")
        times = self.recoveries_s or (0.0,)
        counted = {key: float(getattr(self, key)) for key in keys}
        return counted | {"recovery_s_p50": median(times), "recovery_s_max": max(times)}


class Fallible(Parts):
    """Parts that are killed and started again where they were."""

    def __init__(self, **environment: str) -> None:
        """Prepare; every part is started with what is given here in its environment."""
        super().__init__()
        self.environment = environment

    def end(self, part: Part, how: signal.Signals = signal.SIGKILL) -> None:
        part.process.send_signal(how)
        part.process.wait(30)
        self.running.remove(part)

    def gateway(self, site: Site, *, rehearsal: bool = False, name: str = "gateway") -> Part:
        (self.folder / f"{name}.ready").unlink(missing_ok=True)
        return super().gateway(site, rehearsal=rehearsal, name=name)

    def again(self, part: Part) -> Part:
        """Start a part as it was started before."""
        command = [str(one) for one in part.process.args] if isinstance(part.process.args, list) else []
        new = self._start(part.name, [*command], part.journal, part.address)
        if part.name == "desk":
            self.until(lambda: _answers(part.address), "the desk is open again", within_s=WITHIN_S)
        else:
            self.until(lambda: listens(self.port), "the broker listens again", within_s=WITHIN_S)
        return new

    @property
    def broker(self) -> Part:
        return next(part for part in self.running if part.name == "broker")

    @property
    def journal(self) -> Path:
        """Where the building will write."""
        return self.folder / "gateway.db"


def killed(
    *, events: int, kills: int, brokers: int, centres: int, seed: int, environment: Mapping[str, str] = _AS_IT_IS
) -> Proof:
    """Play a building through a real broker while everything that may die does, and say what became of it."""
    site = _on_edge(rehearsal.site(KILL_HOMES))
    moments = _first(rehearsal.night(site, seed=seed, start=rehearsal.START, hours=24 * 365), events)
    chance = random.Random(seed)
    with Fallible(**environment) as parts:
        desk, building = parts.desk(rehearsal=True), parts.gateway(site, rehearsal=True)
        recoveries_s: list[float] = []
        began_s = time.monotonic()
        with building.read() as here, desk.read() as there, _playing(moments, site, parts.port) as played:
            for share, what in _schedule(kills, brokers, centres):
                parts.until(
                    lambda share=share: played.done() or _events(here) >= share * events,  # type: ignore[misc]
                    f"{share:.0%} has come through",
                    within_s=WITHIN_S,
                )
                time.sleep(chance.uniform(0, 0.05))  # nowhere in particular in a turn
                if what == "building":
                    killed_at_s = time.monotonic()
                    parts.end(building)
                    building = parts.gateway(site, rehearsal=True)
                    recoveries_s.append(time.monotonic() - killed_at_s)
                elif what == "broker":
                    broker = parts.broker
                    parts.end(broker, signal.SIGTERM)
                    parts.again(broker)
                else:
                    parts.end(desk)
                    desk = parts.again(desk)
            parts.until(played.done, "all is published", within_s=WITHIN_S)
            played.check()
            parts.until(
                lambda: _holds_all(here, _published(moments)) or still(here),
                "all is in the journal",
                within_s=WITHIN_S,
            )
            parts.until(lambda: told_all(here, there, site), "the centre has all of it", within_s=WITHIN_S)
            took_s = time.monotonic() - began_s
            return _proof(moments, site, here, there, tuple(recoveries_s))._replace(took_s=took_s)


@contextlib.contextmanager
def slow_disk(milliseconds: int) -> Iterator[Mapping[str, str]]:
    """Yield an environment in which a disk takes so much longer to say that something is on it, as an SD card does.

    Raises `CannotMeasure` where there is no C compiler.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise CannotMeasure("There is no C compiler for the slow disk: install gcc.")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "slow_disk.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, _SLOW_DISK], check=True, timeout=60)
        Path(folder).chmod(0o755)  # the broker drops to a user of its own
        yield {"LD_PRELOAD": str(library), "SLOW_DISK_MS": str(milliseconds)}


def _proof(
    moments: Sequence[Moment],
    site: Site,
    here: sqlite3.Connection,
    there: sqlite3.Connection,
    recoveries_s: tuple[float, ...],
) -> Proof:
    published = _published(moments)
    kept = Counter(_seen(one) for one in records(here) if isinstance(one, SensorEvent))
    settled = moments[-1].at - vigil.WINDOW
    taught = [entry for entry in entries(here) if isinstance(entry.record, Teaching)]
    should = Counter(_found(one) for one in _undisturbed(site, moments, taught) if one.at <= settled)
    does = Counter(_found(one) for one in records(there) if isinstance(one, Finding) and one.at <= settled)
    withheld: Counter[tuple[object, ...]] = Counter(
        (one.home, one.what, one.at, one.since, None) for one in records(there) if isinstance(one, Withheld)
    )
    lacking = should - does
    return Proof(
        events=len(published),
        kills=len(recoveries_s),
        lost=len(published - kept.keys()),
        doubled=sum(kept.values()) - len(kept),
        findings=should.total(),
        alerts_missed=(lacking - withheld).total(),
        alerts_doubled=(does - should).total(),
        alerts_withheld=(lacking & withheld).total(),
        recoveries_s=recoveries_s,
    )


def _schedule(kills: int, brokers: int, centres: int) -> list[tuple[float, str]]:
    """Return what happens after which share of the work.

    >>> _schedule(2, 1, 0)
    [(0.3333333333333333, 'building'), (0.5, 'broker'), (0.6666666666666666, 'building')]
    """
    times = {"building": kills, "broker": brokers, "centre": centres}
    return sorted(((number + 1) / (n + 1), what) for what, n in times.items() for number in range(n))


class _Played:
    """A play that runs beside us."""

    def __init__(self, moments: Sequence[Moment], site: Site, port: int, stop: threading.Event) -> None:
        self._error: Exception | None = None
        self._stop = stop
        self._work = moments, site, port
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def done(self) -> bool:
        return not self.thread.is_alive()

    def check(self) -> None:
        if self._error is not None:
            raise CannotMeasure(f"The play broke off: {self._error}") from self._error

    def _run(self) -> None:
        moments, site, port = self._work
        names = stage.names_of(site)
        try:
            with _Line(port) as line:
                line.publish(stage.time_message(moments[0].at), *stage.opening(names))
                for moment in moments:
                    if self._stop.is_set():
                        return
                    line.publish(stage.time_message(moment.at))
                    message = stage.message_of(moment, names)
                    if message is not None:
                        line.publish(message)
        except Exception as error:  # noqa: BLE001  # handed to whoever waits for it
            self._error = error


class _Line(stage._Line):
    """A bridge that comes back by itself: a broker told to stop would say its last will, and blind every sensor."""

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port)
        self._client.will_clear()


@contextlib.contextmanager
def _playing(moments: Sequence[Moment], site: Site, port: int) -> Iterator[_Played]:
    stop = threading.Event()
    played = _Played(moments, site, port, stop)
    try:
        yield played
    finally:
        stop.set()
        played.thread.join(30)


def _on_edge(site: Site) -> Site:
    """Return the site with nights and limits that find something in ordinary nights too."""
    night = Night(start=time_of_day(22), end=time_of_day(12))
    limits = Limits(bath=3, still=4, oob_unseen=2, oob_active=6)
    edgy = tuple(msgspec.structs.replace(home, night=night, limits=limits) for home in site.homes)
    return msgspec.structs.replace(site, homes=edgy)


def _first(moments: Iterable[Moment], events: int) -> list[Moment]:
    """Return moments up to so many events, dated to the millisecond as bridges do."""
    taken, left = list[Moment](), events
    for moment in moments:
        at = moment.at - timedelta(microseconds=moment.at.microsecond % 1000)
        taken.append(msgspec.structs.replace(moment, at=at))
        left -= isinstance(moment, SensorEvent)
        if not left:
            break
    return taken


Seen = tuple[HomeId, str, datetime, str, float]


def _seen(one: SensorEvent) -> Seen:
    return one.home, one.sensor, one.at, one.kind, one.value


def _published(moments: Iterable[Moment]) -> set[Seen]:
    return {_seen(one) for one in moments if isinstance(one, SensorEvent)}


def _found(one: Finding) -> tuple[object, ...]:
    return one.home, one.what, one.at, one.since, one.sensor


def _undisturbed(site: Site, moments: Sequence[Moment], taught: Sequence[Entry]) -> Iterator[Finding]:
    """Yield what a watch finds which nothing ever happens to: it hears each message once, at its instant.

    What the centre taught it hears when the building did, which takes the wall's time and not the night's: by other
    thresholds something else is found.
    """
    watch, names = Watch(site), stage.names_of(site)
    lessons = deque(taught)
    for moment in moments:
        told = list[Dated]()
        while lessons and lessons[0].recorded_at <= moment.at:
            told += watch.hear(lessons.popleft())
        told += watch.advance(moment.at)
        said = stage.message_of(moment, names)
        if said is not None:
            message = Message(said.topic, said.payload)
            told += watch.heard(read(site, stage.BASE, message, received_at=moment.at, started_at=None), moment.at)
        yield from (one for _, one in told if isinstance(one, Finding))


def _events(db: sqlite3.Connection) -> int:
    """Return how many records stay in the building: events, and some hundred of what it says to itself."""
    row: tuple[int] = db.execute("SELECT count(*) FROM journal WHERE addressee IS NULL AND origin = ''").fetchone()
    return row[0]


def _holds_all(db: sqlite3.Connection, published: set[Seen]) -> bool:
    """Whether all that was published is there: of what stays in the building, `_events`, not all are events."""
    if _events(db) < len(published):
        return False
    return published <= {_seen(one) for one in records(db) if isinstance(one, SensorEvent)}


def still(db: sqlite3.Connection) -> bool:
    """Whether nothing has been written for some seconds: what is not there by now does not come."""
    before = journal.last_number(db)
    time.sleep(5)
    return journal.last_number(db) == before


def records(db: sqlite3.Connection) -> Iterator[Record]:
    return (entry.record for entry in entries(db))


def entries(db: sqlite3.Connection) -> Iterator[Entry]:
    number = 0
    while batch := journal.read_after(db, number):
        yield from batch
        number = batch[-1].number


def told_all(here: sqlite3.Connection, there: sqlite3.Connection, site: Site) -> bool:
    cursor = journal.cursor_of(there, site.id)
    return cursor is not None and not journal.to_send(here, CENTRE, after=cursor.number, limit=1)


def _answers(address: str) -> bool:
    port = int(address.rpartition(":")[2])
    return listens(port)
