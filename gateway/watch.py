"""The watch over a building: a vigil for each home, remembered through restarts.

What is remembered is a snapshot with the number of the record it follows; a start reads the snapshot and the rest of
the journal, and so goes on exactly where the journal ends, whatever happened to the process.

From which score on an episode is told, the centre says once a day. A building keeps the same fold of its own nights,
goes on from what it was last told, and says it to itself when no centre has for a week.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from care import journal, teaching
from care.homes import Site
from care.journal import Entry
from care.records import CENTRE, Plan, Ranked, Teaching, Told
from care.teaching import Fleet, Known
from detectors import calibration, vigil
from detectors.calibration import Maturity
from detectors.findings import Finding
from detectors.homes import Home, HomeId, Instant
from detectors.moments import SensorEvent, SensorSight
from detectors.vigil import Vigil

ALONE_AFTER = timedelta(days=7)  # without a word from the centre, a building teaches itself


class _Remembered(msgspec.Struct):
    vigils: dict[HomeId, Vigil]
    plan: Plan | None
    clock: Instant | None
    fleet: Fleet = msgspec.field(default_factory=Fleet)
    taught: Teaching | None = None
    centre_at: Instant | None = None


_remembered = msgspec.json.Decoder(_Remembered)


class Inspected(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one home, and of others like it, at the end of a journal."""

    home: HomeId
    nights: int  # for which it has been watched
    maturity: Maturity
    by: str  # who says from which score on an episode is told: "shipped", "centre" or "itself"
    taught_at: Instant | None
    factor: float  # of the controller: what all budgets are multiplied by
    lessons: tuple[Known, ...]
    pools: dict[str, Ranked]  # in force for homes of its profile, by `calibration.name`
    own: dict[str, int]  # home-nights of this site that the building itself has in each pool
    waiting: int  # home-nights of this site that wait for an answer to their alerts, or for the day to close


Dated = tuple[datetime, SensorEvent | SensorSight | Told | Teaching]


class Watch:
    """The vigils of all homes of a site. Moments go in as they are written down; what they tell comes out."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._vigils = {home.id: Vigil() for home in site.homes}
        self._plan: Plan | None = None
        self._clock: datetime | None = None  # the newest instant taken in; time does not go back
        self._fleet = Fleet()  # of this site alone
        self._fleet.lodge(site.id, site.homes)
        self._taught: Teaching | None = None  # in force; None: as shipped
        self._others = teaching.others(None)
        self._centre_at: datetime | None = None  # when the centre last taught; until it has, the first day that closed

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
                told += watch.read(entry)
                if isinstance(entry.record, Plan):
                    watch._plan = entry.record
            number = entries[-1].number
        return watch, told

    def read(self, entry: Entry) -> list[Dated]:
        """Take in an entry of the journal, if it is one to be watched by, and return what it tells."""
        if entry.origin == CENTRE:
            return self.hear(entry)
        if isinstance(entry.record, SensorEvent | SensorSight):
            return self.take(entry.record, entry.recorded_at)
        return []

    def take(self, moment: SensorEvent | SensorSight, recorded_at: datetime) -> list[Dated]:
        """Take in a moment of the journal and return what it tells, dated for the journal."""
        home = self._site.by_id.get(moment.home)
        if home is None:
            return []  # of a home that has left the plan
        now = self._at(recorded_at)
        told = self._close_days(now)
        self._vigils[home.id], said = vigil.arrive(self._vigils[home.id], moment, now, home, self._others)
        return [*told, *self._dated(now, said)]

    def hear(self, entry: Entry) -> list[Dated]:
        """Take in what the centre said: how an alert ended, or what homes like these have taught."""
        now, record = self._at(entry.recorded_at), entry.record
        told = self._close_days(now)
        if not isinstance(record, Teaching):
            self._fleet.note(record, now)
        elif record.site == self._site.id:
            # Up to now every home is watched as before, whenever the clock last ticked.
            told += self._let_pass(now, now)
            self._centre_at = now
            self._adopt(record)
        return told

    def advance(self, moment: datetime) -> list[Dated]:
        """Let time pass in every home."""
        now = self._at(moment)
        return [*self._close_days(now), *self._let_pass(now, now)]

    def told_plan(self, moment: datetime) -> list[Dated]:
        """Return the plan as a record, if it is not what the centre was last told."""
        now = self._at(moment)
        plan = Plan(at=now, site=self._site.id, name=self._site.name, zone=self._site.zone, homes=self._site.homes)
        if self._plan is not None and msgspec.structs.replace(self._plan, at=now) == plan:
            return []
        self._plan = plan
        return [(now, plan)]

    def inspected(self, home: Home) -> Inspected:
        """Return what is known of a home, to be shown."""
        about, said, fleet = self._vigils[home.id], self._taught, self._fleet
        nights, pools = about.diary.age, teaching.pools_of(home.profile)
        alone = said is not None and self._centre_at is not None and said.at - self._centre_at >= ALONE_AFTER
        return Inspected(
            home=home.id,
            nights=nights,
            maturity=calibration.maturity(nights),
            by="shipped" if said is None else "itself" if alone else "centre",
            taught_at=None if said is None else said.at,
            factor=1.0 if said is None else said.factor,
            lessons=teaching.known(home, about.lessons, nights, said),
            pools={} if said is None else {name: one for name, one in said.pools.items() if name in pools},
            own={name: calibration.scores(pool).n for name, pool in fleet.pools.items() if name in pools},
            waiting=sum(len(nights) for nights in fleet.waiting.values()),
        )

    def snapshot(self) -> bytes:
        """Return all that is remembered, as bytes that `resumed` reads."""
        known = _Remembered(self._vigils, self._plan, self._clock, self._fleet, self._taught, self._centre_at)
        return msgspec.json.encode(known)

    def _recall(self, saved: _Remembered) -> None:
        self._vigils = {home.id: saved.vigils.get(home.id, Vigil()) for home in self._site.homes}
        self._plan = saved.plan
        self._clock = saved.clock
        self._fleet = saved.fleet
        self._fleet.lodge(self._site.id, self._site.homes)
        self._taught, self._others = saved.taught, teaching.others(saved.taught)
        self._centre_at = saved.centre_at

    def _close_days(self, now: datetime) -> list[Dated]:
        """Close the days that are over, each at its own instant, so that ticks and restarts change nothing."""
        told: list[Dated] = []
        for closing in self._fleet.overdue(now):
            if self._fleet.closed_at is not None:  # or it was over before anything was watched
                told += self._let_pass(closing, now)
            self._fleet.close(closing)
            self._centre_at = self._centre_at or closing
            if closing - self._centre_at >= ALONE_AFTER:
                own = teaching.teaching(self._fleet, closing, self._site.id)
                self._adopt(own)
                told.append((now, own))
        return told

    def _let_pass(self, until: datetime, now: datetime) -> list[Dated]:
        told: list[Dated] = []
        for home in self._site.homes:
            self._vigils[home.id], said = vigil.advance(self._vigils[home.id], until, home, self._others)
            told += self._dated(now, said)
        return told

    def _dated(self, now: datetime, said: Iterable[vigil.Told]) -> list[Dated]:
        told = [(now, one) for one in said]
        for _, one in told:
            self._fleet.note(one, now)
        return [*told]

    def _adopt(self, said: Teaching) -> None:
        self._taught, self._others = said, teaching.others(said)
        self._fleet.follow(said)

    def _at(self, moment: datetime) -> datetime:
        self._clock = moment if self._clock is None else max(moment, self._clock)
        return self._clock


def findings(site: Site, entries: Iterable[journal.Entry], *, until: datetime | None = None) -> Iterator[Finding]:
    """Yield what today's detectors find in a journal of the building. Changes nothing."""
    watch = Watch(site)
    for entry in entries:
        yield from (one for _, one in watch.read(entry) if isinstance(one, Finding))
    if until is not None:
        yield from (one for _, one in watch.advance(until) if isinstance(one, Finding))
