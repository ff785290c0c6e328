"""A year that a thousand homes might have told a care centre, as a journal on disk.

Each home tells as often as those of a rehearsed week did (measured, see `RATES`): what is written follows from a seed.
"""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.parts import Told
from care import journal, packing
from care.alerts import alert_of
from care.ids import StaffId
from care.records import Claimed, Delivered, How, Outcome, Plan, Record, Resolved, addressee, encode, site_of
from care.records import Told as FromBuilding
from care.upkeep import Used
from detectors import vigil
from detectors.findings import Cleared, Finding, Mark, Presence, Status, What
from detectors.homes import Home, HomeId, Kind, ResidentId, RoomId, RoomKind, Sensor, SensorId, SiteId
from detectors.nights import Summary
from detectors.remembered import Vigil
from gateway import rehearsal

RATES = {"statuses": 11.0, "findings": 0.31, "cleared": 0.19, "summaries": 2.0}  # of a home, a day
CARE = 0.6  # of what is found, what is about the resident; the rest is about a sensor
OPEN = 25  # alerts that nobody has closed when the year is over
HOMES_A_SITE = 50
SEED = 1

_WHATS = (What.BATH, What.STILL, What.OOB_ACTIVE, What.DOOR_LEFT)
_ROOMS = {"slaapkamer": RoomKind.BEDROOM, "badkamer": RoomKind.BATHROOM, "woonkamer": RoomKind.LIVING}
_ZONE = "Europe/Amsterdam"
_DAY = timedelta(days=1)


class Year(NamedTuple):
    """What was written."""

    homes: tuple[Home, ...]
    records: int
    told: dict[SiteId, int]  # up to which number of its own journal each building has told


def homes(n: int) -> tuple[Home, ...]:
    """Return so many homes, fifty to a site."""
    return tuple(a_home(f"s{number // HOMES_A_SITE:02d}/{number % HOMES_A_SITE + 1}") for number in range(n))


def plans(known: tuple[Home, ...], at: datetime) -> list[Plan]:
    """Return the plan of each site."""
    sites = list(dict.fromkeys(site_of(home.id) for home in known))
    return [
        Plan(
            at=at,
            site=site,
            name=f"De {site}",
            zone=_ZONE,
            homes=tuple(home for home in known if site_of(home.id) == site),
        )
        for site in sites
    ]


def journal_of(site: SiteId) -> str:
    """Return the id of a building's own journal."""
    return f"bench-{site}"


def write(file: Path, known: tuple[Home, ...], until: datetime, days: int, told: Told) -> Year:
    """Write the days before a moment into a new journal."""
    chance, at = random.Random(SEED), until - days * _DAY
    nights = summaries()
    sent = dict.fromkeys((site_of(home.id) for home in known), 0)
    with closing(journal.connect(file)) as db:
        db.execute("PRAGMA synchronous=OFF")  # nothing of it is worth a wait
        _append(db, plans(known, at), sent)
        for day in range(days):
            start = at + day * _DAY
            last = day == days - 1
            records = sorted(_day(known, nights, start, chance, last=last), key=lambda one: one.at)
            _append(db, records, sent)
            told((day + 1) / days)
        for site, number in sent.items():
            db.execute("INSERT INTO cursor VALUES (?, ?, ?)", (site, journal_of(site), number))
        return Year(known, journal.count(db), sent)


def further(file: Path, known: tuple[Home, ...], records: int, since: datetime) -> None:
    """Write so many further statuses behind what is there."""
    sent = dict.fromkeys((site_of(home.id) for home in known), 0)
    step = timedelta(milliseconds=1)
    with closing(journal.connect(file)) as db:
        _append(db, [change(known[n % len(known)].id, n, since + n * step) for n in range(records)], sent)
        for site, number in sent.items():
            db.execute("UPDATE cursor SET number = number + ? WHERE peer = ?", (number, site))


def change(home: HomeId, n: int, at: datetime) -> Status:
    """Return that somebody lies down, or gets up."""
    return Status(at=at, home=home, presence=Presence.UP if n % 2 else Presence.BED, since=at)


def found(home: HomeId, what: What, at: datetime) -> Finding:
    """Return a finding with its evidence, as large as they are."""
    since = at - timedelta(minutes=25)
    number = home.partition("/")[2]
    seen = tuple(
        Mark(since - timedelta(minutes=9 * n), RoomId(room), Kind.MOTION, 1.0)
        for n, room in enumerate(["badkamer", "slaapkamer", "woonkamer", "woonkamer"] * 5)
    )[::-1]
    if what is What.SENSOR_SILENT:
        return Finding(
            at=at, home=home, what=what, since=since, episode=since, limit=1860.0, sensor=SensorId(f"{number}/badkamer")
        )
    return Finding(
        at=at,
        home=home,
        what=what,
        since=since,
        episode=since,
        limit=25.0,
        room=RoomId("badkamer"),
        last_at=since,
        last_room=RoomId("badkamer"),
        window=seen,
    )


def _day(
    known: tuple[Home, ...], nights: list[Summary], start: datetime, chance: random.Random, *, last: bool
) -> Iterator[Record]:
    for number, home in enumerate(known):
        for n in range(round(RATES["statuses"])):
            yield change(home.id, n, start + timedelta(seconds=chance.uniform(0, 86_000)))
        for summary in nights:
            at = start + timedelta(hours=10 if summary.whole else 22, seconds=number)
            evening: date = start.date() - _DAY
            yield msgspec.structs.replace(summary, at=at, home=home.id, night=evening)
        if chance.random() < RATES["findings"]:
            yield from _alert(home.id, start + timedelta(seconds=chance.uniform(0, 80_000)), chance)
        if last and number < OPEN:
            what = What.SENSOR_SILENT if number % 3 else _WHATS[number % len(_WHATS)]
            yield found(home.id, what, start + _DAY - timedelta(minutes=40 + number))


def _alert(home: HomeId, at: datetime, chance: random.Random) -> Iterator[Record]:
    what = chance.choice(_WHATS) if chance.random() < CARE else What.SENSOR_SILENT
    finding = found(home, what, at)
    alert = alert_of(finding)
    yield finding
    for n in range(2):
        yield Delivered(at=at + timedelta(seconds=1 + n), home=home, alert=alert, screen=f"desk-{n}")
    yield Claimed(at=at + timedelta(seconds=40), home=home, alert=alert, by=StaffId("s-bench"))
    if chance.random() < RATES["cleared"] / RATES["findings"] or what is What.SENSOR_SILENT:
        yield Cleared(
            at=at + timedelta(minutes=5),
            home=home,
            what=what,
            since=finding.since,
            episode=finding.episode,
            sensor=finding.sensor,
        )
    yield Resolved(
        at=at + timedelta(minutes=9),
        home=home,
        alert=alert,
        by=StaffId("s-bench"),
        outcome=Outcome.REASSURED,
        how=How.VIDEO,
    )


def _append(db: sqlite3.Connection, records: Sequence[Record], sent: dict[SiteId, int]) -> None:
    """Write records as they stand there: what a building told by its origin, what the desk did with its addressee.

    The very rows that `journal.write` makes, but many at once.
    """
    rows = []
    for record in records:
        body = encode(record)
        origin = ""
        if isinstance(record, FromBuilding):
            origin = record.site if isinstance(record, Plan | Used) else site_of(record.home)
            sent[SiteId(origin)] += 1
        at = packing.micros(record.at.astimezone(UTC))
        rows.append((at, origin, None if origin else addressee(record), packing.key(record.at, body), body))
    db.execute("BEGIN IMMEDIATE")
    db.executemany("INSERT INTO journal (recorded_at, origin, addressee, key, body) VALUES (?, ?, ?, ?, ?)", rows)
    db.execute("COMMIT")


def summaries() -> list[Summary]:
    """Return the two summaries of a rehearsed night."""
    site = rehearsal.site(1)
    state, found = Vigil(), list[Summary]()
    for moment in rehearsal.night(site, seed=SEED, start=rehearsal.START, hours=72):
        state, said = vigil.arrive(state, moment, moment.at, site.by_id[moment.home])
        found += [one for one in said if isinstance(one, Summary)]
    return [next(one for one in reversed(found) if one.whole is whole) for whole in (False, True)]


def a_home(id: str) -> Home:  # noqa: A002
    """Return a home of four sensors in three rooms."""
    number = id.partition("/")[2]
    sensors = [Sensor(id=SensorId(f"{number}/{room}"), kind=Kind.MOTION, room=RoomId(room)) for room in _ROOMS]
    sensors.append(Sensor(id=SensorId(f"{number}/bed"), kind=Kind.BED, room=RoomId("slaapkamer")))
    return Home(
        id=HomeId(id),
        resident=ResidentId(f"r-{id.replace('/', '-')}"),
        rooms={RoomId(room): kind for room, kind in _ROOMS.items()},
        sensors=tuple(sensors),
    )
