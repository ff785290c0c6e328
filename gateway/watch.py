"""The watch over a building: a vigil for each home, remembered through restarts.

What is remembered is a snapshot with the number of the record it follows; a start reads the snapshot and the rest of
the journal, and so goes on exactly where the journal ends, whatever happened to the process.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from care import journal
from care.homes import Site
from care.records import Plan, Told
from detectors import vigil
from detectors.findings import Finding
from detectors.homes import HomeId, Instant
from detectors.moments import SensorEvent, SensorSight
from detectors.vigil import Vigil


class _Remembered(msgspec.Struct):
    vigils: dict[HomeId, Vigil]
    plan: Plan | None
    clock: Instant | None


_remembered = msgspec.json.Decoder(_Remembered)

Dated = tuple[datetime, SensorEvent | SensorSight | Told]


class Watch:
    """The vigils of all homes of a site. Moments go in as they are written down; what they tell comes out."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._vigils = {home.id: Vigil() for home in site.homes}
        self._plan: Plan | None = None
        self._clock: datetime | None = None  # the newest instant taken in; time does not go back

    @classmethod
    def resumed(cls, site: Site, db: sqlite3.Connection) -> "tuple[Watch, list[Dated]]":
        """Go on where the journal ends. Also returns what the rest of it tells: most of that is in it already."""
        watch = cls(site)
        number = 0
        saved = journal.load_snapshot(db)
        if saved is not None:
            number, body = saved
            watch._recall(_remembered.decode(body))
        told: list[Dated] = []
        while entries := journal.read_after(db, number):
            for entry in entries:
                if isinstance(entry.record, SensorEvent | SensorSight) and not entry.origin:
                    told += watch.take(entry.record, entry.recorded_at)
                elif isinstance(entry.record, Plan):
                    watch._plan = entry.record
            number = entries[-1].number
        return watch, told

    def take(self, moment: SensorEvent | SensorSight, recorded_at: datetime) -> list[Dated]:
        """Take in a moment of the journal and return what it tells, dated for the journal."""
        home = self._site.by_id.get(moment.home)
        if home is None:
            return []  # of a home that has left the plan
        now = self._at(recorded_at)
        self._vigils[home.id], told = vigil.arrive(self._vigils[home.id], moment, now, home)
        return [(now, one) for one in told]

    def advance(self, moment: datetime) -> list[Dated]:
        """Let time pass in every home."""
        now = self._at(moment)
        told: list[Dated] = []
        for home in self._site.homes:
            self._vigils[home.id], said = vigil.advance(self._vigils[home.id], now, home)
            told += [(now, one) for one in said]
        return told

    def told_plan(self, moment: datetime) -> list[Dated]:
        """Return the plan as a record, if it is not what the centre was last told."""
        now = self._at(moment)
        plan = Plan(at=now, site=self._site.id, name=self._site.name, zone=self._site.zone, homes=self._site.homes)
        if self._plan is not None and msgspec.structs.replace(self._plan, at=now) == plan:
            return []
        self._plan = plan
        return [(now, plan)]

    def snapshot(self) -> bytes:
        """Return all that is remembered, as bytes that `resumed` reads."""
        return msgspec.json.encode(_Remembered(self._vigils, self._plan, self._clock))

    def _recall(self, saved: _Remembered) -> None:
        self._vigils = {home.id: saved.vigils.get(home.id, Vigil()) for home in self._site.homes}
        self._plan = saved.plan
        self._clock = saved.clock

    def _at(self, moment: datetime) -> datetime:
        self._clock = moment if self._clock is None else max(moment, self._clock)
        return self._clock


def findings(site: Site, entries: Iterable[journal.Entry], *, until: datetime | None = None) -> Iterator[Finding]:
    """Yield what today's detectors find in a journal of the building. Changes nothing."""
    watch = Watch(site)
    told: list[Dated] = []
    for entry in entries:
        if isinstance(entry.record, SensorEvent | SensorSight) and not entry.origin:
            told = watch.take(entry.record, entry.recorded_at)
            yield from (one for _, one in told if isinstance(one, Finding))
    if until is not None:
        yield from (one for _, one in watch.advance(until) if isinstance(one, Finding))
