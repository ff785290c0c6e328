"""The watch over a building: a vigil for each home, remembered through restarts.

What is remembered is a snapshot with the number of the record it follows; a start reads the snapshot and the rest of
the journal, and so goes on exactly where the journal ends, whatever happened to the process.

From which score on an episode is told, the centre says once a day. A building keeps the same fold of its own nights,
goes on from what it was last told, and says it to itself when no centre has for a week.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

import msgspec

from care import agreements, journal, teaching
from care.agreements import NotAgreed, Standing
from care.alerts import alert_of
from care.devices import Described
from care.erasing import Forget, Forgot
from care.homes import Site
from care.ids import AlertId, BackTestId
from care.journal import Entry
from care.proofs import Walking
from care.records import (
    CENTRE,
    BackTest,
    BackTested,
    Changed,
    FellBack,
    How,
    Outcome,
    Plan,
    Ranked,
    Resolved,
    Teaching,
    Told,
    encode,
)
from care.teaching import Fleet, Known
from care.upkeep import Used
from detectors import calibration, vigil
from detectors.calibration import Maturity
from detectors.findings import Cleared, Finding, Sight, What, Withheld
from detectors.homes import Home, HomeId, Instant, SensorId
from detectors.moments import SensorEvent, SensorSight, is_paused
from detectors.remembered import Asked, Vigil, in_the_home_of, learned
from gateway import erasing, fallback, health, hearing, metering, remembered, sources, walks
from gateway.customs import Custom
from gateway.erasing import Order
from gateway.fallback import Pending
from gateway.health import Health, Observation
from gateway.hearing import Hearing
from gateway.metering import Counters, Ledger
from gateway.remembered import Remembered
from gateway.sources import Reading
from gateway.walks import Walks

ALONE_AFTER = timedelta(days=7)  # without a word from the centre, a building teaches itself
WAIT_MAX = timedelta(seconds=20)  # for what the broker kept while nobody watched
SAME_PACKET = timedelta(minutes=1)  # a device numbers what it says up to 255, and begins again
SILENT_FOR = timedelta(hours=2)  # listened without a word, before the silence of a home is told as its own


class Inspected(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one home, and of others like it, at the end of a journal."""

    home: HomeId
    nights: int  # for which it has been watched
    maturity: Maturity
    by: str  # who says from which score on an episode is told: "shipped", "centre" or "itself"
    taught_at: Instant | None
    factor: float  # of the controller: what all budgets are multiplied by
    budget: float  # agreed for this home, of what is agreed for all
    lessons: tuple[Known, ...]
    pools: dict[str, Ranked]  # in force for homes of its profile, by `calibration.name`
    own: dict[str, int]  # home-nights of this site that the building itself has in each pool
    waiting: int  # home-nights of this site that wait for an answer to their alerts, or for the day to close


Dated = tuple[datetime, SensorEvent | SensorSight | Described | Told | Teaching]


class Watch:
    """The vigils of all homes of a site. Moments go in as they are written down; what they tell comes out."""

    def __init__(self, site: Site) -> None:
        self._by_plan = site
        self._site = site  # with what is agreed beside the plan
        self._agreed: dict[HomeId, Standing] = {}
        self._vigils = {home.id: Vigil(resident=home.resident) for home in site.homes}
        self._plan: Plan | None = None
        self._clock: datetime | None = None  # the newest instant taken in; time does not go back
        self._fleet = Fleet()  # of this site alone
        self._fleet.lodge(site.id, site.homes)
        self._taught: Teaching | None = None  # in force; None: as shipped
        self._others = teaching.others(None)
        self._centre_at: datetime | None = None  # when the centre last taught; until it has, the first day that closed
        self._health = Health()
        self._listens_since: datetime | None = None  # from when on every sensor could be heard
        self._gaps: dict[HomeId, Finding] = {}  # silent homes, while nobody listened long enough
        self._waits_since: datetime | None = None  # since when what becomes due is kept back; None: it is told
        self._kept: list[Finding] = []  # became due while nobody watched: what is heard next may say that it is over
        self._goes_on = False  # from a journal, and is not only reading one again
        self._hearing = Hearing()  # which sensors are listened to
        self._walks: Walks = {}  # homes that somebody walks through, or did, to test them
        self.dated_to: datetime | None = None  # the newest date that a device gave what it said
        self.back_tests: dict[BackTestId, BackTest] = {}  # not answered yet, oldest first
        self.forgets: tuple[Order, ...] = ()  # homes that are to be forgotten, oldest first
        self.known = sources.Known()  # what devices have said of themselves
        self._packets: dict[SensorId, SensorEvent] = {}  # the last of each sensor that numbers what it says
        self._ledger = Ledger()  # what the day that runs took
        self.pending: dict[AlertId, Pending] = {}  # acute alerts that the centre is not known to have

    @classmethod
    def resumed(cls, site: Site, db: sqlite3.Connection) -> "tuple[Watch, list[Dated]]":
        """Go on where the journal ends. Also returns what the rest of it tells and does not hold yet.

        That is what was found in the moment in which the process died, or was kept back by it. What of it is over by
        now is withheld; conditions that are still true are kept back until time passes (`wait`, `advance`).
        """
        watch = cls(site)
        watch._goes_on = True
        number = 0
        saved = journal.load_snapshot(db)
        if saved is not None:
            number, body = saved
            watch._recall(remembered.read(body))
        told: list[Dated] = []
        written: set[bytes] = set()
        while entries := journal.read_after(db, number):
            for entry in entries:
                told += watch.read(entry)
                if isinstance(entry.record, Plan):
                    watch._plan = entry.record
                if isinstance(entry.record, Told | Teaching):
                    written.add(encode(entry.record))
            number = entries[-1].number
        watch._gaps = {home: one for home, one in watch._gaps.items() if encode(one) not in written}
        fresh = [one for one in told if encode(one[1]) not in written]
        left = _without_the_over(fresh)
        watch._kept = [one for _, one in left if isinstance(one, Finding) and one.what is not What.BUTTON]
        return watch, [one for one in left if one[1] not in watch._kept]

    def read(self, entry: Entry) -> list[Dated]:
        """Take in an entry of the journal, if it is one to be watched by, and return what it tells."""
        if entry.origin == CENTRE:
            return self.hear(entry)
        if isinstance(entry.record, SensorEvent | SensorSight):
            if isinstance(entry.record, SensorSight):
                self._health = health.recalled(self._health, entry.record)
            return self.take(entry.record, entry.recorded_at)
        if isinstance(entry.record, Described):
            self.known.note(entry.record)
            return []
        if isinstance(entry.record, Walking):
            return self.walks(entry.record, entry.recorded_at)
        if isinstance(entry.record, Finding | Cleared):
            self._health = health.recalled(self._health, entry.record)
        self.wrote(entry)
        return []

    def wrote(self, entry: Entry) -> None:
        """Note what now stands in the journal, and the centre must have."""
        if isinstance(entry.record, Finding | Cleared | FellBack):
            self.pending = fallback.folded(self.pending, entry, self._site)
        elif isinstance(entry.record, BackTested):
            self.back_tests.pop(entry.record.id, None)
        elif isinstance(entry.record, Forgot):
            self.forgets = erasing.answered(self.forgets, entry.record)
        elif isinstance(entry.record, Used):
            self._ledger = metering.after(self._ledger, entry.record)

    def walks(self, said: Walking, recorded_at: datetime) -> list[Dated]:
        """Take in that somebody walks through a home, or has done. Up to now it is watched as before."""
        now = self._at(recorded_at)
        told = [*self._close_days(now), *self._let_pass(now, now)]
        self._walks = walks.begun(self._walks, said)
        return told

    def use(self, before: Counters, now: Counters, day: date, at: datetime) -> list[Dated]:
        """Count what was used between two readings, on a day of the place; return what is to be told of one before."""
        told: list[Dated] = []
        if metering.over(self._ledger, day):
            batteries, levels = health.batteries(self._health)
            homes = len(self._site.homes)
            used = metering.told(self._ledger, at, self._site.id, homes=homes, batteries=batteries, levels=levels)
            told = [(at, used)] if used is not None else []
            self._ledger = Ledger(batteries_before=batteries)
        day = self._ledger.day or day
        self._ledger = metering.counted(msgspec.structs.replace(self._ledger, day=day), before, now)
        return told

    def confirmed(self, have: int) -> None:
        """Note up to which number of the journal the centre has everything."""
        self.pending = fallback.left(self.pending, have)

    def wait(self, now: datetime) -> None:
        """Keep back what becomes due, but for calls for help, until `go_on`, or `WAIT_MAX` later.

        A start does so: what the broker kept while nobody watched may say that it is over, and when.
        """
        self._waits_since = self._at(now)

    @property
    def keeps_back(self) -> bool:
        """Whether something is kept back, so that a snapshot now would lose it."""
        return self._waits_since is not None or bool(self._kept)

    def go_on(self, now: datetime, *, caught_up: bool = True) -> list[Dated]:
        """Tell what was kept back and is still true; of a home with late news, once that is settled."""
        now = self._at(now)
        if self._waits_since is not None:
            if not caught_up and now - self._waits_since < WAIT_MAX:
                return []
            self._waits_since = None
        if not self._kept:
            return []
        ready = [one for one in self._kept if self._vigils[one.home].burst_ends is None]
        self._kept = [one for one in self._kept if one not in ready]
        return [(now, one) for one in ready]

    def heard(self, reading: Reading, received_at: datetime) -> list[Dated]:
        """Take in what a message of a sensor or bridge said; return that and what it tells, for the journal."""
        now = self._at(received_at)
        told: list[Dated] = []
        for described in reading.described:
            self.known.note(described)
            told.append((received_at, described))
        self._note_date(reading.dated)
        if reading.signs or reading.sights or reading.bridge is not None:
            self._health = health.observed(self._health, reading, now)
        if reading.sights or reading.bridge is not None or self._pause_over(now):
            told += self._well(now)
        for event in self.listened(reading, received_at).events:
            told += [(received_at, event), *self.take(event, received_at)]
        return told

    def listened(self, reading: Reading, received_at: datetime) -> Reading:
        """Return of a reading what may be kept: nothing of what sensors observe that are not listened to."""
        return self._hearing.listened(reading, self._site, self._at(received_at))

    def heard_by_another_way(self, event: SensorEvent) -> bool:
        """Whether this is what the same sensor said last, by its own number of it: two gateways heard it."""
        last = None if event.packet is None else self._packets.get(event.sensor)
        return (
            last is not None
            and (last.packet, last.value) == (event.packet, event.value)
            and abs(event.at - last.at) < SAME_PACKET
        )

    def notice(self, seen: Observation, moment: datetime) -> None:
        """Take in an observation of the building itself; what it means is told when time next passes."""
        self._health = health.observed(self._health, seen, self._at(moment))

    @property
    def tells_mute(self) -> bool:
        """Whether it stands that the building cannot call for help by some way of its own."""
        return What.CHANNEL in self._health.standing

    def take(self, moment: SensorEvent | SensorSight, recorded_at: datetime) -> list[Dated]:
        """Take in a moment of the journal and return what it tells, dated for the journal."""
        home = self._site.by_id.get(moment.home)
        if home is None:
            return []  # of a home that has left the plan
        now = self._at(recorded_at)
        if isinstance(moment, SensorEvent):
            self._note_date(moment.at)
            if moment.packet is not None:
                self._packets[moment.sensor] = moment
        told = self._close_days(now)
        if isinstance(moment, SensorSight) and is_paused(moment.reason) and self._gaps.pop(home.id, None) is not None:
            about = self._vigils[home.id]  # its silence is counted anew after the pause
            left = {name: one for name, one in about.told.items() if one.what is not What.GATEWAY_GAP}
            self._vigils[home.id] = msgspec.structs.replace(about, told=left)
        self._vigils[home.id], said = vigil.arrive(self._vigils[home.id], moment, now, home, self._others)
        return [*told, *self._dated(now, said)]

    def hear(self, entry: Entry) -> list[Dated]:
        """Take in what the centre said: how an alert ended, or what homes like these have taught."""
        now, record = self._at(entry.recorded_at), entry.record
        self.pending = fallback.folded(self.pending, entry, self._site)
        told = self._close_days(now)
        if isinstance(record, BackTest):
            self.back_tests[record.id] = record
        elif isinstance(record, Forget):
            self._to_forget(Order(entry.number, record))
        elif isinstance(record, Changed):
            told += self._let_pass(now, now)
            told += self._agree(record, now)
        elif isinstance(record, hearing.Order):
            self._hearing.hear(record, self._site, now)  # is told with the next look at the clock
        elif not isinstance(record, Teaching):
            self._fleet.note(record, now)
            if isinstance(record, Resolved) and (record.outcome, record.how) == (Outcome.NOT_NEEDED, How.USUAL):
                told += self._let_pass(now, now)
                self._usual(record)
        elif record.site == self._site.id:
            # Up to now every home is watched as before, whenever the clock last ticked.
            told += self._let_pass(now, now)
            self._centre_at = now
            self._adopt(record)
        return told

    def _to_forget(self, order: Order) -> None:
        """Note an order, once; what was agreed with whoever lived there is dropped now."""
        self.forgets = erasing.asked(self.forgets, order)
        home = self._site.by_id.get(order.said.home)
        if home is not None:
            self._hearing.measures.forget_others(home)

    def advance(self, moment: datetime) -> list[Dated]:
        """Let time pass in every home."""
        now = self._at(moment)
        told = [*self._close_days(now), *self._let_pass(now, now), *self._well(now)]
        return [*told, *self.go_on(now, caught_up=False), *self._silent_homes(now)]

    @property
    def told(self) -> Plan | None:
        """The plan as the centre was last told it, if it ever was."""
        return self._plan

    def told_plan(self, moment: datetime) -> list[Dated]:
        """Return the plan as a record, if it is not what the centre was last told."""
        now = self._at(moment)
        site = self._site
        devices = walks.prints(site)
        plan = Plan(at=now, site=site.id, name=site.name, zone=site.zone, homes=site.homes, devices=devices)
        if self._plan is not None and msgspec.structs.replace(self._plan, at=now) == plan:
            return []
        self._plan = plan
        return [(now, plan)]

    def inspected(self, home: Home) -> Inspected:
        """Return what is known of a home, to be shown, by what is agreed for it now."""
        home = self._site.by_id[home.id]
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
            budget=home.budget,
            lessons=teaching.known(home, about.lessons, nights, said),
            pools={} if said is None else {name: one for name, one in said.pools.items() if name in pools},
            own={name: calibration.scores(pool).n for name, pool in fleet.pools.items() if name in pools},
            waiting=sum(len(nights) for nights in fleet.waiting.values()),
        )

    def customs(self) -> dict[SensorId, Custom]:
        """Return how each sensor lets itself be heard: its silences, its battery, its reach."""
        return dict(self._health.customs)

    def sights(self) -> Counter[Sight]:
        """Count the homes by how much of them can be seen, as was last told."""
        return Counter(Sight.BLIND if one.status is None else one.status.sight for one in self._vigils.values())

    def standing(self) -> Counter[What]:
        """Count what the matter is with the building and its sensors, as was told and is not over."""
        return Counter(one.what for one in self._health.standing.values())

    def unseen(self) -> dict[SensorId, str]:
        """Return why each sensor that is not seen is not, as the journal has it: reasons of `gateway.health`."""
        return dict(self._health.shown)

    def known_of(self, home: HomeId, nights: int) -> tuple[Home, Vigil]:
        """Return a home as it is watched now and what has been learned of it, to relive so many nights with."""
        return self._site.by_id[home], learned(self._vigils[home], nights)

    def snapshot(self) -> bytes:
        """Return all that is remembered, as bytes that `resumed` reads."""
        known = Remembered(
            self._vigils,
            self._plan,
            self._clock,
            self._fleet,
            self._taught,
            self._centre_at,
            self._health,
            tuple(self._gaps.values()),
            self.pending,
            self.dated_to,
            self._agreed,
            self.back_tests,
            self._hearing.deaf,
            self._hearing.measures,
            self.known.described,
            self._packets,
            self._walks,
            self.forgets,
            self._ledger,
        )
        return msgspec.json.encode(known)

    def _recall(self, saved: Remembered) -> None:
        self._vigils = {home.id: _lived_in(home, saved.vigils) for home in self._site.homes}
        self._plan = saved.plan
        self._clock = saved.clock
        self._fleet = saved.fleet
        self._fleet.lodge(self._site.id, self._site.homes)
        self._taught, self._others = saved.taught, teaching.others(saved.taught)
        self._centre_at = saved.centre_at
        self._health = saved.health
        self._gaps = {one.home: one for one in saved.gaps if one.home in self._vigils}
        self.pending = saved.pending
        self.dated_to = saved.dated_to
        for home, one in saved.agreed.items():
            plan = self._by_plan.by_id.get(home)
            left = None if plan is None else agreements.left(one, plan)
            if left is not None:
                self._agreed[home] = left
        self._hold()
        self.back_tests = saved.back_tests
        self._hearing = Hearing(saved.deaf, saved.measures)
        if saved.clock is not None:
            self._hearing = self._hearing.moved(self._site, saved.clock)
        for described in saved.described.values():
            self.known.note(described)
        self._packets = saved.packets
        self._walks = saved.walks
        self.forgets = saved.forgets
        self._ledger = saved.ledger

    def _hold(self) -> None:
        """Watch every home by what is agreed for it."""
        homes = tuple(agreements.in_force(home, self._agreed.get(home.id)) for home in self._by_plan.homes)
        self._site = msgspec.structs.replace(self._by_plan, homes=homes)

    def _agree(self, said: Changed, now: datetime) -> list[Dated]:
        """Watch a home by what is agreed for it from now on."""
        plan = self._by_plan.by_id.get(said.home)
        if plan is None:
            return []
        try:
            standing = agreements.taken(self._agreed.get(said.home), plan, said)
        except NotAgreed:
            return []  # the centre sees that it does not hold: the plan that it is told stays as it was
        if standing is None:
            return []
        self._agreed[said.home] = standing
        self._hold()
        home = self._site.by_id[said.home]
        self._vigils[home.id], told = vigil.agreed(self._vigils[home.id], now, home, self._others)
        return self._dated(now, told)

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
        told: list[Dated] = []
        for found in said:
            one = walks.marked(self._walks, found) if isinstance(found, Finding) else found
            self._fleet.note(one, now)
            told += [(now, one) for one in self._to_tell(one, now)]
        return told

    def _to_tell(self, one: vigil.Told, now: datetime) -> tuple[vigil.Told, ...]:
        """Return what is to be told now of something that a vigil says: that, nothing yet, or nothing any more."""
        if isinstance(one, Finding):
            if one.what is What.GATEWAY_GAP and self._goes_on and not self._listened_long(now):
                self._gaps[one.home] = one
            elif self._waits_since is not None and one.what is not What.BUTTON:
                self._kept.append(one)
            else:
                return (one,)
            return ()
        if isinstance(one, Cleared):
            if one.what is What.GATEWAY_GAP and self._gaps.pop(one.home, None) is not None:
                return ()
            for kept in self._kept:
                if _ends(one, kept):
                    self._kept.remove(kept)
                    return _withheld(kept, one)
        return (one,)

    def _well(self, now: datetime) -> list[Dated]:
        """Tell how the building itself is, and take in which sensors are seen."""
        paused, barred = self._hearing.paused_until, self._hearing.barred(self._site, now)
        self._health, said = health.told(self._health, now, self._site, self._is_ill, paused, barred=barred)
        if not health.listening(self._health):
            self._listens_since = None
        elif self._listens_since is None:
            self._listens_since = now
        told: list[Dated] = []
        for one in said:
            told.append((now, one))
            if isinstance(one, SensorSight):
                told += self.take(one, now)
        return told

    def _pause_over(self, now: datetime) -> bool:
        """Whether a pause is over by its time, and the journal does not say so yet."""
        until = self._hearing.paused_until
        return any(ends <= now and health.shows_paused(self._health, one) for one, ends in until.items())

    def _silent_homes(self, now: datetime) -> list[Dated]:
        """Tell of homes that are still silent, now that one has listened for long enough to know that it is they."""
        if not self._gaps or not self._listened_long(now):
            return []
        silent, self._gaps = self._gaps, {}
        return [(now, one) for one in silent.values()]

    def _listened_long(self, now: datetime) -> bool:
        return self._listens_since is not None and now - self._listens_since >= SILENT_FOR

    def _is_ill(self, home: HomeId, sensor: SensorId) -> bool:
        return sensor in self._vigils[home].health.ill

    def _usual(self, said: Resolved) -> None:
        """Take in that what an alert told of is normal for this resident (4.11)."""
        home, known = self._site.by_id.get(said.home), self._vigils.get(said.home)
        if home is None or known is None:
            return
        for one in known.asked:
            if alert_of(_over(said, one)) == said.alert:
                self._vigils[home.id] = vigil.usual(self._vigils[home.id], one.what, one.began, home, self._others)

    def _adopt(self, said: Teaching) -> None:
        self._taught, self._others = said, teaching.others(said)
        self._fleet.follow(said)

    def taken_to(self, written: datetime | None) -> datetime | None:
        """Return the newest instant that is known of, given when the newest record was written; None if none is."""
        return max((at for at in (written, self._clock) if at is not None), default=None)

    def _note_date(self, at: datetime | None) -> None:
        if at is not None and (self.dated_to is None or at > self.dated_to):
            self.dated_to = at

    def _at(self, moment: datetime) -> datetime:
        self._clock = moment if self._clock is None else max(moment, self._clock)
        return self._clock


def _over(said: Resolved, one: Asked) -> Cleared:
    return Cleared(at=said.at, home=said.home, what=one.what, since=one.since, episode=one.began)


def _lived_in(home: Home, saved: dict[HomeId, Vigil]) -> Vigil:
    """Return what is remembered of a home, for who lives there now: the plan may name another resident than before."""
    moved_from = next((one for at, one in saved.items() if at != home.id and one.resident == home.resident), None)
    return in_the_home_of(home, saved.get(home.id), moved_from)


def _without_the_over(told: Sequence[Dated]) -> list[Dated]:
    """Return what was told late, without what was over before it could be told: that is withheld, and counted."""
    over = {(one.home, one.what, one.since, one.sensor): one for _, one in told if isinstance(one, Cleared)}
    left: list[Dated] = []
    hidden: set[Cleared] = set()
    for at, one in told:
        ended = None
        if isinstance(one, Finding) and one.what is not What.BUTTON:
            ended = over.get((one.home, one.what, one.since, one.sensor))
        if isinstance(one, Finding) and ended is not None:
            hidden.add(ended)
            left += [(at, instead) for instead in _withheld(one, ended)]
        else:
            left.append((at, one))
    return [(at, one) for at, one in left if not (isinstance(one, Cleared) and one in hidden)]


def _ends(cleared: Cleared, finding: Finding) -> bool:
    return (cleared.home, cleared.what, cleared.since, cleared.sensor) == (
        finding.home,
        finding.what,
        finding.since,
        finding.sensor,
    )


def _withheld(finding: Finding, cleared: Cleared) -> tuple[Withheld, ...]:
    """Return what is left to say of a condition that is over: nothing, if it was so before it would have been told."""
    if cleared.at <= finding.at:
        return ()
    one = finding
    return (Withheld(at=one.at, home=one.home, what=one.what, since=one.since, over_at=cleared.at),)


def findings(site: Site, entries: Iterable[journal.Entry], *, until: datetime | None = None) -> Iterator[Finding]:
    """Yield what today's detectors find in a journal of the building. Changes nothing."""
    watch = Watch(site)
    for entry in entries:
        yield from (one for _, one in watch.read(entry) if isinstance(one, Finding))
    if until is not None:
        yield from (one for _, one in watch.advance(until) if isinstance(one, Finding))
