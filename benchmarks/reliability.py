"""Measure what faults cost, with the real parts: `python -m benchmarks.reliability`.

Processes are killed, brokers restarted, and what was published is compared with what every journal holds in the end;
then what it costs to keep all that: writes, memory, a start, and a week that the centre missed.
"""

import contextlib
import os
import platform
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from datetime import time as time_of_day
from importlib.metadata import version
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Annotated, NamedTuple

import msgspec
import paho.mqtt.client as mqtt
import psutil
import typer
from paho.mqtt.enums import CallbackAPIVersion
from rich.console import Console
from rich.table import Table

from benchmarks import throughput
from benchmarks.chain import Figure
from benchmarks.parts import CannotMeasure, Part, Parts, apart, hear
from care import journal
from care.clock import SystemClock
from care.homes import Site
from care.records import CENTRE, Record, Told, decode, encode
from detectors import vigil
from detectors.findings import Finding
from detectors.homes import Home, HomeId, Limits, Night
from detectors.moments import Moment, SensorEvent, SensorSight, Tick
from gateway import rehearsal, stage
from gateway.stage import BrokerGone
from gateway.watch import Watch

KILL_HOMES = 12  # of the building that is killed
EVENTS_A_HOME_DAY = 2_000
MONTH_HOMES = 10  # that live a month; more are their like, under other names
MONTH_DAYS = 30
SNAPSHOTS_A_DAY = 48
WITHIN_S = 300.0
MB = 1e6
SEED = 1

FIGURES = (
    Figure("events", "events published"),
    Figure("kills", "kills of the building"),
    Figure("lost", "events lost", at_most=0),
    Figure("doubled", "events doubled", at_most=0),
    Figure("alerts_missed", "findings missed at the centre", at_most=0),
    Figure("alerts_doubled", "findings doubled or invented there", at_most=0),
    Figure("recovery_s_p50", "from kill to watching, s, half within", 2),
    Figure("recovery_s_max", "from kill to watching, s, at most", 2),
    Figure("events_per_s", "events/s, to the building's disk"),
    Figure("bare_loop_events_per_s", "events/s, a bare loop that acknowledges after commit"),
    Figure("gateway_mb_50", "memory after a month, 50 homes, MB", 1, at_most=90),
    Figure("gateway_mb_500", "memory after a month, 500 homes, MB", 1, at_most=160),
    Figure("disk_mb_per_home_day", "written, MB per home and day", 2, at_most=4),
    Figure("catch_up_s", "a week of outage caught up, 24 homes, s", 1, at_most=60),
    Figure("start_s", "from start to watching, 50 homes, 30 days, s", 2, at_most=5),
)

METHOD = {
    "all": "Everything on one machine, over 127.0.0.1, with mosquitto set as in a building.",
    "kills": "A rehearsed building with limits so short that ordinary nights find something, played as fast as the "
    "broker takes it; the building is ended by SIGKILL at even shares of its work and a little chance, the broker "
    "restarted, the centre ended by SIGKILL. Lost: published and not in the journal. Doubled: there twice, by home, "
    "sensor, instant and value. Findings are compared with those of a watch that nothing ever happened to.",
    "recovery": "From SIGKILL until the new process says that it is ready: subscribed and watching.",
    "events_per_s": "As chain_events_per_s of benchmarks.chain. The bare loop gets the same messages from the same "
    "publisher, writes them to SQLite (WAL, synchronous=FULL) as they come, and acknowledges after the commit.",
    "memory": "Resident memory (RSS) of a building that goes on from the snapshot of a simulated month and has then "
    f"taken ten events of each home. {MONTH_HOMES} homes live the month; the others are their like under other names.",
    "disk": "Bytes that the system says the building and its broker caused to be written, at the true rate of 50 "
    f"homes and {EVENTS_A_HOME_DAY} events a home and day, for some minutes; to which are added the growth of the "
    f"journal (what a checkpoint writes), {SNAPSHOTS_A_DAY} snapshots of a month's learning, each written twice, and "
    "the forgetting of as many events as come.",
    "catch_up": "A building with a week of records that no centre has; from the start of the centre's process until "
    "it has them all on disk.",
    "start": "From the start of the process until it says that it is ready, with 30 days of journal and half an hour "
    "since the last snapshot.",
}

Say = Callable[[str], None]


def reliability(
    *,
    out: Annotated[Path | None, typer.Option(help="write the figures here too, as JSON")] = None,
    kills: Annotated[int, typer.Option(min=0, help="how often the building is killed")] = 20,
    events: Annotated[int, typer.Option(min=100, help="events published while it is")] = 50_000,
    brokers: Annotated[int, typer.Option(min=0, help="restarts of the broker")] = 3,
    centres: Annotated[int, typer.Option(min=0, help="kills of the centre")] = 2,
    days: Annotated[int, typer.Option(min=1, help="how long the simulated month is")] = MONTH_DAYS,
    seconds: Annotated[float, typer.Option(min=1, help="how long writes are counted")] = 120,
    rate_events: Annotated[int, typer.Option(min=100, help="events of the round that is timed")] = 30_000,
) -> None:
    """Kill, restart and count; show the figures beside their goals.

    Example: python -m benchmarks.reliability --kills 20 --out reliability.json
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console(stderr=True)

    def say(what: str) -> None:
        console.print(what, highlight=False)

    try:
        say("Kills ...")
        proof = killed(events=events, kills=kills, brokers=brokers, centres=centres, seed=SEED)
        say(f"{proof}\nRates ...")
        chain = throughput.chain_rate(rate_events, lambda _: None)
        bare = bare_loop_rate(rate_events)
        figures = proof.figures() | {"events_per_s": chain, "bare_loop_events_per_s": bare}
        say(f"{chain:.0f} of {bare:.0f} events/s\nA month ...")
        figures |= upkeep(month(days), seconds=seconds, say=say)
    except (CannotMeasure, BrokerGone) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    rounded = {figure.key: round(figures[figure.key], figure.digits) for figure in FIGURES}
    Console().print(table(rounded))
    if out is not None:
        machine = {"cores": os.cpu_count(), "python": platform.python_version()}
        results = {**rounded, "version": version("nachtwacht"), "machine": machine, "method": METHOD}
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")


def table(figures: Mapping[str, float]) -> Table:
    """Return the figures beside their goals, to be printed."""
    shown = Table("measured", title="Reliability")
    for column in ("figure", "goal", ""):
        shown.add_column(column, justify="right")
    for figure in FIGURES:
        value = figures[figure.key]
        met = {True: "met", False: "[bold red]missed[/bold red]", None: ""}[figure.meets(value)]
        shown.add_row(figure.what, f"{value:,.{figure.digits}f}", figure.goal, met)
    return shown


# Kills.


class Proof(NamedTuple):
    """What became of everything that was published, and of everything that should have been found."""

    events: int
    kills: int
    lost: int
    doubled: int
    findings: int  # that a watch makes which nothing ever happens to
    alerts_missed: int
    alerts_doubled: int
    recoveries_s: tuple[float, ...]

    def figures(self) -> dict[str, float]:
        keys = ("events", "kills", "lost", "doubled", "alerts_missed", "alerts_doubled")
        times = self.recoveries_s or (0.0,)
        counted = {key: float(getattr(self, key)) for key in keys}
        return counted | {"recovery_s_p50": median(times), "recovery_s_max": max(times)}


class Fallible(Parts):
    """Parts that are killed and started again where they were."""

    def end(self, part: Part, how: signal.Signals = signal.SIGKILL) -> None:
        part.process.send_signal(how)
        part.process.wait(30)
        self.running.remove(part)

    def gateway(self, site: Site, *, rehearsal: bool = False) -> Part:
        (self._folder / "ready").unlink(missing_ok=True)
        return super().gateway(site, rehearsal=rehearsal)

    def again(self, part: Part) -> Part:
        """Start a part as it was started before."""
        command = [str(one) for one in part.process.args] if isinstance(part.process.args, list) else []
        new = self._start(part.name, [*command], part.journal, part.address)
        if part.name == "desk":
            self.until(lambda: _answers(part.address), "the desk is open again", within_s=WITHIN_S)
        else:
            self.until(lambda: _listens(self.port), "the broker listens again", within_s=WITHIN_S)
        return new

    @property
    def broker(self) -> Part:
        return next(part for part in self.running if part.name == "broker")

    @property
    def journal(self) -> Path:
        """Where the building will write."""
        return self._folder / "gateway.db"


def killed(*, events: int, kills: int, brokers: int, centres: int, seed: int) -> Proof:
    """Play a building through a real broker while everything that may die does, and say what became of it."""
    site = _on_edge(rehearsal.site(KILL_HOMES))
    moments = _first(rehearsal.night(site, seed=seed, start=rehearsal.START, hours=24 * 365), events)
    chance = random.Random(seed)
    with Fallible() as parts:
        desk, building = parts.desk(rehearsal=True), parts.gateway(site, rehearsal=True)
        recoveries_s: list[float] = []
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
                lambda: _events(here) >= len(_published(moments)) or _still(here),
                "all is in the journal",
                within_s=WITHIN_S,
            )
            parts.until(lambda: _told_all(here, there, site), "the centre has all of it", within_s=WITHIN_S)
            return _proof(moments, site, here, there, tuple(recoveries_s))


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
    should = Counter(_found(one) for one in _undisturbed(site, moments) if one.at <= settled)
    does = Counter(_found(one) for one in records(there) if isinstance(one, Finding) and one.at <= settled)
    return Proof(
        events=len(published),
        kills=len(recoveries_s),
        lost=len(published - kept.keys()),
        doubled=sum(kept.values()) - len(kept),
        findings=should.total(),
        alerts_missed=(should - does).total(),
        alerts_doubled=(does - should).total(),
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


def _undisturbed(site: Site, moments: Sequence[Moment]) -> Iterator[Finding]:
    """Yield what a watch finds which nothing ever happens to."""
    watch = Watch(site)
    for moment in moments:
        if not isinstance(moment, Tick):
            yield from (one for _, one in watch.take(moment, moment.at) if isinstance(one, Finding))
    yield from (one for _, one in watch.advance(moments[-1].at) if isinstance(one, Finding))


def _events(db: sqlite3.Connection) -> int:
    row: tuple[int] = db.execute("SELECT count(*) FROM journal WHERE addressee IS NULL AND origin = ''").fetchone()
    return row[0]


def _still(db: sqlite3.Connection) -> bool:
    """Whether nothing has been written for some seconds: what is not there by now does not come."""
    before = journal.last_number(db)
    time.sleep(5)
    return journal.last_number(db) == before


def records(db: sqlite3.Connection) -> Iterator[Record]:
    number = 0
    while batch := journal.read_after(db, number):
        yield from (entry.record for entry in batch)
        number = batch[-1].number


def _told_all(here: sqlite3.Connection, there: sqlite3.Connection, site: Site) -> bool:
    cursor = journal.cursor_of(there, site.id)
    return cursor is not None and not journal.to_send(here, CENTRE, after=cursor.number, limit=1)


def _answers(address: str) -> bool:
    port = int(address.rpartition(":")[2])
    return _listens(port)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


# The least that keeps what it acknowledges.


def bare_loop_rate(events: int) -> float:
    """Return the events a second of a loop that writes what comes, commits, and only then acknowledges."""
    with Fallible() as parts:
        file = parts.journal
        with (
            apart(bare_loop, parts.port, str(file), events) as loop,
            apart(throughput.publish, parts.port, events) as publisher,
        ):
            hear(loop, "bare loop", within_s=WITHIN_S)
            hear(publisher, "publisher", within_s=WITHIN_S)
            began_s = time.monotonic()
            publisher.send("go")
            hear(loop, "bare loop", within_s=WITHIN_S)
            return events / (time.monotonic() - began_s)


def bare_loop(pipe: Connection, port: int, file: str, events: int) -> None:
    """Keep what comes, and do nothing else with it. Runs in a process of its own."""
    came: list[mqtt.MQTTMessage] = []
    some, subscribed = threading.Condition(), threading.Event()

    def heard(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        with some:
            came.append(message)
            some.notify()

    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, "bench-loop", clean_session=False, manual_ack=True, protocol=mqtt.MQTTv311
    )
    client.on_message = heard
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe(f"{stage.BASE}/#", qos=1)
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE kept (number INTEGER PRIMARY KEY, topic TEXT, body BLOB UNIQUE)")
    if not subscribed.wait(WITHIN_S):
        return
    pipe.send("ready")
    kept = 0
    while kept < events:
        with some:
            some.wait_for(lambda: came, timeout=1)
            batch, came[:] = came[:500], came[500:]
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            "INSERT OR IGNORE INTO kept (topic, body) VALUES (?, ?)",
            [(one.topic, one.topic.encode() + one.payload) for one in batch],
        )
        db.execute("COMMIT")
        for one in batch:
            client.ack(one.mid, 1)
        kept += len(batch)
    pipe.send("done")
    pipe.recv()


# What it costs to keep it.


class Month(NamedTuple):
    """A simulated month of a few homes, that ends now: what was written, and what is remembered after it."""

    entries: list[tuple[datetime, Record]]
    snapshot: bytes
    since: int  # entries before the snapshot
    ends: datetime


def month(days: int) -> Month:
    """Live a month with a few homes, up to now, and half an hour's worth of events since the last snapshot."""
    site, ends = rehearsal.site(MONTH_HOMES), SystemClock().now()
    watch, begins = Watch(site), ends - timedelta(days=days)
    lived = list(rehearsal.night(site, seed=SEED, start=begins, hours=24 * days))
    saved_after = len(lived) - EVENTS_A_HOME_DAY * MONTH_HOMES // SNAPSHOTS_A_DAY
    entries: list[tuple[datetime, Record]] = []
    snapshot, since, ticked = b"", 0, begins
    for number, moment in enumerate(lived):
        if moment.at - ticked > timedelta(minutes=5):
            ticked = moment.at
            entries += watch.advance(ticked)
        if number == saved_after:
            snapshot, since = watch.snapshot(), len(entries)
        if isinstance(moment, SensorEvent | SensorSight):
            entries += [(moment.at, moment), *watch.take(moment, moment.at)]
    return Month(entries, snapshot, since, ends)


def upkeep(lived: Month, *, seconds: float, say: Say) -> dict[str, float]:
    """Return what it costs to be there after a month."""
    start_s, gateway_mb_50, written_mb = _small(lived, seconds)
    say(f"start {start_s:.2f} s, {gateway_mb_50:.1f} MB, {written_mb} written\n500 homes ...")
    gateway_mb_500 = _large(lived)
    say(f"{gateway_mb_500:.1f} MB\nA week behind ...")
    return {
        "start_s": start_s,
        "gateway_mb_50": gateway_mb_50,
        "gateway_mb_500": gateway_mb_500,
        "disk_mb_per_home_day": sum(written_mb.values()),
        "catch_up_s": _catch_up_s(lived),
    }


def _small(lived: Month, seconds: float) -> tuple[float, float, dict[str, float]]:
    site = rehearsal.site(50)
    with Fallible() as parts:
        fill(parts.journal, lived, site)
        snapshot = _snapshot_bytes(parts.journal)
        began_s = time.monotonic()
        building = parts.gateway(site)
        start_s = time.monotonic() - began_s
        stage.play(_now_of(site, 10), site, host="127.0.0.1", port=parts.port)
        with building.read() as db:
            parts.until(lambda: _told_of(db, lived, site), "it has taken some events", within_s=WITHIN_S)
        resident = _resident_mb(building)
        parts.end(building, signal.SIGTERM)
        forgetting = _forgetting(parts.journal)
    running, growth = _by_day(seconds)
    a_day = EVENTS_A_HOME_DAY / MB
    return (
        start_s,
        resident,
        {
            "running": running * a_day,
            "checkpoints": growth * a_day,
            "snapshots": 2 * snapshot * SNAPSHOTS_A_DAY / len(site.homes) / MB,
            "forgetting": forgetting * a_day,
        },
    )


def _large(lived: Month) -> float:
    site = rehearsal.site(500)
    with Fallible() as parts:
        fill(parts.journal, lived, site, days=0.1)
        building = parts.gateway(site)
        stage.play(_now_of(site, 10), site, host="127.0.0.1", port=parts.port)
        with building.read() as db:
            parts.until(lambda: _still(db), "it has taken its events", within_s=WITHIN_S)
        return _resident_mb(building)


def _catch_up_s(lived: Month) -> float:
    site = rehearsal.site(24)
    with Fallible() as parts:
        fill(parts.journal, lived, site, days=7)
        building = parts.gateway(site)
        began_s = time.monotonic()
        desk = parts.desk()
        with building.read() as here, desk.read() as there:
            parts.until(lambda: _told_all(here, there, site), "the centre has the week", within_s=WITHIN_S)
        return time.monotonic() - began_s


def fill(file: Path, lived: Month, site: Site, *, days: float = 1_000) -> None:
    """Write a journal in which every home of a site has lived like one of those of the month."""
    begins = lived.ends - timedelta(days=days)
    like = {home.id: [other.id for other in _like(number, site)] for number, home in _models()}
    with contextlib.closing(journal.connect(file)) as db:
        db.execute("PRAGMA synchronous=OFF")  # it is only being made
        recent = ((at, one) for at, one in lived.entries[: lived.since] if at >= begins)
        _write_like(db, recent, like)
        journal.save_snapshot(db, journal.last_number(db), _snapshot_like(lived.snapshot, like))
        _write_like(db, lived.entries[lived.since :], like)


def _models() -> Iterator[tuple[int, Home]]:
    yield from enumerate(rehearsal.site(MONTH_HOMES).homes)


def _like(number: int, site: Site) -> Sequence[Home]:
    return site.homes[number::MONTH_HOMES]


Like = Mapping[HomeId, Sequence[HomeId]]


def _write_like(db: sqlite3.Connection, dated: Iterable[tuple[datetime, Record]], like: Like) -> None:
    several = (
        (at, decode(renamed(encode(one), one.home, other)))
        for at, one in dated
        if isinstance(one, SensorEvent | SensorSight) or (isinstance(one, Told) and hasattr(one, "home"))
        for other in like.get(one.home, ())
    )
    while batch := list(islice(several, 10_000)):
        journal.write(db, batch)


def _snapshot_like(snapshot: bytes, like: Like) -> bytes:
    known = msgspec.json.decode(snapshot, type=dict[str, msgspec.Raw])
    vigils = msgspec.json.decode(known["vigils"], type=dict[HomeId, msgspec.Raw])
    many = {
        other: msgspec.Raw(renamed(_anybody(vigils[one]), one, other))
        for one, others in like.items()
        for other in others
    }
    return msgspec.json.encode({**known, "vigils": many})


def _anybody(vigil: msgspec.Raw) -> bytes:
    """Return a vigil that says nothing of whose home it is."""
    known = msgspec.json.decode(vigil, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({name: one for name, one in known.items() if name != "resident"})


def renamed(body: bytes, home: HomeId, other: HomeId) -> bytes:
    """Say of one home and its sensors what was said of another.

    >>> renamed(b'{"home":"wilg/1","sensor":"1/bed"}', HomeId("wilg/1"), HomeId("wilg/12"))
    b'{"home":"wilg/12","sensor":"12/bed"}'
    """
    if home == other:
        return body
    here, there = (one.partition("/")[2].encode() for one in (home, other))
    return body.replace(b'"%b"' % home.encode(), b'"%b"' % other.encode()).replace(b'"%b/' % here, b'"%b/' % there)


def _now_of(site: Site, each: int) -> Iterator[SensorEvent]:
    """Yield some events of each home as if they happened now, a moment apart."""
    now = SystemClock().now() - timedelta(seconds=30)
    for number in range(each):
        for place, home in enumerate(site.homes):
            sensor = home.sensors[2]  # its first motion sensor
            at = now + timedelta(milliseconds=number * 2_000 + place)
            yield SensorEvent(
                at=at,
                home=home.id,
                sensor=sensor.id,
                room=sensor.room,
                kind=sensor.kind,
                value=float(number % 2 == 0),
            )


def _told_of(db: sqlite3.Connection, lived: Month, site: Site) -> bool:
    newest = db.execute("SELECT count(*) FROM journal WHERE recorded_at > ?", (_micros(lived.ends),)).fetchone()[0]
    return int(newest) >= 10 * len(site.homes)


def _by_day(seconds: float) -> tuple[float, float]:
    """Return what is written where it is day: what people do by day would by night be a finding each."""
    offset = (14 - SystemClock().now().hour + 11) % 24 - 11
    site, zone = rehearsal.site(50), f"Etc/GMT{-offset:+d}"
    nights = ((home, msgspec.structs.replace(home.night, zone=zone)) for home in site.homes)
    there = tuple(msgspec.structs.replace(home, night=night) for home, night in nights)
    site = msgspec.structs.replace(site, zone=zone, homes=there)
    with Fallible() as parts:
        return _written(parts, parts.gateway(site), site, seconds)


def _written(parts: Fallible, building: Part, site: Site, seconds: float) -> tuple[float, float]:
    """Return the bytes an event that building and broker write at the true rate, and the growth of the journal."""
    each_s = 86_400 / EVENTS_A_HOME_DAY / len(site.homes)
    processes = [psutil.Process(building.pid), psutil.Process(parts.broker.pid)]
    names, chance = stage.names_of(site), random.Random(SEED)
    day = rehearsal.night(site, seed=SEED, start=rehearsal.START + timedelta(hours=9), hours=24)
    events = (moment for moment in day if isinstance(moment, SensorEvent))
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "bench-true", protocol=mqtt.MQTTv311)

    def say(event: SensorEvent) -> None:
        message = stage.message_of(msgspec.structs.replace(event, at=SystemClock().now()), names)
        if message is not None:
            client.publish(message.topic, message.payload, qos=1).wait_for_publish(10)

    with contextlib.closing(sqlite3.connect(building.journal, isolation_level=None)) as db:
        client.connect("127.0.0.1", parts.port)
        client.loop_start()
        for event in islice(events, 10 * len(site.homes)):  # so that every home is known again
            say(event)
        _lengthen_wal(db)
        time.sleep(5)
        before, pages, said, end = _bytes(processes), _used_bytes(db), 0, time.monotonic() + seconds
        for event in events:
            time.sleep(chance.expovariate(1 / each_s))  # people do not take turns
            if time.monotonic() > end:
                break
            say(event)
            said += 1
        written, growth = _bytes(processes) - before, _used_bytes(db) - pages
    client.disconnect()
    client.loop_stop()
    if not written:
        raise CannotMeasure("Nothing was written to a disk: this folder for temporary files is in memory.")
    return written / said, growth / said


def _lengthen_wal(db: sqlite3.Connection) -> None:
    """Give the journal's WAL the length that it has after its first hours, and keeps: a file that grows costs more."""
    db.execute("PRAGMA busy_timeout=5000")
    db.execute("CREATE TABLE bench (body BLOB)")
    db.execute("INSERT INTO bench VALUES (zeroblob(8000000))")
    db.execute("DROP TABLE bench")
    db.execute("PRAGMA wal_checkpoint(RESTART)")


def _bytes(processes: Iterable[psutil.Process]) -> int:
    return sum(int(one.io_counters().write_bytes) for one in processes)


def _used_bytes(db: sqlite3.Connection) -> int:
    """Return the bytes of the file's pages that are in use, whether they are in it already or in the WAL."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _forgetting(file: Path) -> float:
    """Return the bytes an event that its leaving writes, a few hundred at a time, in a process of its own."""
    asked = (
        "import sys, psutil, pathlib, datetime; from care import journal;"
        "db = journal.connect(pathlib.Path(sys.argv[1])); me = psutil.Process(); before = me.io_counters().write_bytes;"
        "now = journal.last_date(db) + datetime.timedelta(days=29);"
        "gone = sum(journal.forget(db, now - datetime.timedelta(days=30), now=now) for _ in range(20));"
        "db.execute('PRAGMA wal_checkpoint(TRUNCATE)');"
        "print((me.io_counters().write_bytes - before) / max(gone, 1))"
    )
    ran = subprocess.run([sys.executable, "-c", asked, file], capture_output=True, text=True, timeout=120, check=True)
    return float(ran.stdout)


def _snapshot_bytes(file: Path) -> int:
    with contextlib.closing(journal.connect(file, read_only=True)) as db:
        size: int = db.execute("SELECT length(body) FROM snapshot").fetchone()[0]
    return size


def _resident_mb(part: Part) -> float:
    resident: int = psutil.Process(part.pid).memory_info().rss
    return resident / MB


def _micros(at: datetime) -> int:
    return int(at.timestamp() * 1e6)


if __name__ == "__main__":
    typer.run(reliability)
