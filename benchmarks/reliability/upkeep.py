"""What it costs to be there after a month: memory, writes, a start, and a week that the centre missed."""

import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec
import paho.mqtt.client as mqtt
import psutil
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.parts import CannotMeasure, Part
from benchmarks.reliability.kills import WITHIN_S, Fallible, still, told_all
from care import journal
from care.clock import SystemClock
from care.homes import Site
from care.records import Record, Told, decode, encode
from detectors.homes import Home, HomeId
from detectors.moments import SensorEvent, SensorSight
from gateway import rehearsal, stage
from gateway.held import HOLD_S
from gateway.watch import Watch

EVENTS_A_HOME_DAY = 2_000
MONTH_HOMES = 10  # that live a month; more are their like, under other names
MONTH_DAYS = 30
SNAPSHOTS_A_DAY = 48
MB = 1e6
SEED = 1

Say = Callable[[str], None]


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
            parts.until(lambda: still(db), "it has taken its events", within_s=WITHIN_S)
        return _resident_mb(building)


def _catch_up_s(lived: Month) -> float:
    site = rehearsal.site(24)
    with Fallible() as parts:
        fill(parts.journal, lived, site, days=7)
        building = parts.gateway(site)
        began_s = time.monotonic()
        desk = parts.desk()
        with building.read() as here, desk.read() as there:
            parts.until(lambda: told_all(here, there, site), "the centre has the week", within_s=WITHIN_S)
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
        time.sleep(HOLD_S + 5)  # what was held back by then is none of what is counted
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
        "import sys, psutil, pathlib, datetime; from care import forgetting, journal;"
        "db = journal.connect(pathlib.Path(sys.argv[1])); me = psutil.Process(); before = me.io_counters().write_bytes;"
        "now = journal.last_date(db) + datetime.timedelta(days=29);"
        "gone = sum(forgetting.forget_raw(db, now - datetime.timedelta(days=30), now=now) for _ in range(20));"
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
