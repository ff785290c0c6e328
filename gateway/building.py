"""One building, as its daemon keeps it: journal, watch, clock and disk, and what is decided with them.

It speaks with nobody: what comes is handed to it, and what is to be said is asked of it (`gateway.daemon`). What it is
given and what that tells is written in one transaction. A journal that is damaged is set aside, so that there is one.
"""

import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path

import msgspec
import structlog

from care import journal, process
from care.clock import REHEARSAL_TOPIC, ReckoningClock, RehearsalClock, SteadyClock, SystemClock
from care.homes import Site
from care.ids import AlertId
from care.proofs import Walking
from care.records import CENTRE, Changed, FellBack, Record
from detectors.findings import Sight
from detectors.homes import HomeId, zone_of
from detectors.moments import SensorEvent
from gateway import erasing, fallback, figures, health, hearing, sources, walks
from gateway.calls import Calls
from gateway.channels import NONE_SET, SIREN, Channels
from gateway.connection import Login
from gateway.damage import last_set_aside, set_aside, trouble_of
from gateway.figures import Figures
from gateway.health import Apart, Broker, Disk, Mute
from gateway.held import IN_FLIGHT, Held
from gateway.ingest import Arrival
from gateway.metering import Counters
from gateway.sources import Message
from gateway.watch import Dated, Watch

SNAPSHOT_EVERY_S = 1800.0  # seldom, for SD cards: a start reads the journal of at most this long again
SNAPSHOT_AFTER = 10_000  # records
PROOF_EVERY_S = 60.0
DISK_EVERY_S = 60.0
DISK_FULL = 20 * 10**6  # bytes free: the centre is told besides of what the journal may not be able to take any more
PROOF = "nachtwacht-proof"  # below the bridge's topic, so that it comes by the way of the sensors
TRY_AT = time_of_day(10)  # local: when a test message wakes nobody
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the daemon is told at its start."""

    site: Site
    journal: Path
    broker: tuple[str, int]  # the site's, where the sensors speak
    centre: tuple[str, int] | None  # the centre's, where the link goes; None: where the identity says
    identity: Path | None = None  # the folder of who this gateway is; None: the link is plain text
    login: Login | None = None  # at the site's broker
    base: str = "zigbee2mqtt"
    rehearsal: bool = False  # the clock comes by message, and not from this machine
    channels: Channels = NONE_SET  # by what the building calls for help itself, beside the siren's topic
    textfile: Path | None = None  # where the daemon's figures go, for node_exporter (`gateway.figures`)
    in_flight: int = IN_FLIGHT  # the broker's `max_inflight_messages`: with more of them an SD card is written less


IN_ONE_GO = timedelta(seconds=2)  # in which a broker sends again what it does not know that we have


@dataclass
class Gateway:
    """The daemon's state: a journal, a watch, and when the bridge last came on line."""

    settings: Settings
    db: sqlite3.Connection
    clock: ReckoningClock
    watch: Watch
    bridge_started_at: datetime | None = None
    known_to: datetime | None = None  # the newest date that a device had by then
    broker_up: bool = True
    disk_free: int | None = None
    disk_full: bool = False  # twice in succession: first the journal is to tell of it, if it can
    proof_asked: bytes = b""
    held: Held = field(default_factory=Held)  # taken in, and not yet on disk
    on_disk: list[Arrival] = field(default_factory=list)  # and to be acknowledged
    proven_at: datetime | None = None  # when the last synthetic event had come by the way of the sensors, and was kept
    proven_with: int = 0  # records written by then
    known_s: dict[AlertId, float] = field(default_factory=dict)  # since when this process knows of what is pending
    have: int = 0  # up to which number the centre was last heard to have everything; 0: it was not heard yet
    start: fallback.Start | None = None  # as what is pending then sees it
    again: dict[str, Arrival] = field(default_factory=dict)  # how something stood, sent again; by topic (`_settled`)
    unreadable: Counter[str] = field(default_factory=Counter)  # messages of sensors since the start, by why
    calls: Calls = field(default_factory=lambda: Calls(()))
    tried_on: date | None = None  # when each command was last asked for a test, by the day of the place
    written: int = 0
    disk_at_s: float = -DISK_EVERY_S
    proof_at_s: float = -PROOF_EVERY_S
    snapshot_at_s: float = field(default_factory=time.monotonic)
    snapshot_after: int = 0

    @classmethod
    def opened(cls, settings: Settings) -> "Gateway":
        """Open the journal and go on where it ends; with a new one, if it is damaged."""
        try:
            db, watch, told = _resumed(settings)
        except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
            if isinstance(error, sqlite3.DatabaseError) and trouble_of(error) != "journal":
                raise
            set_aside(settings.journal, SystemClock().now(), str(error))
            db, watch, told = _resumed(settings)
        known_to = watch.taken_to(journal.last_date(db))
        clock = RehearsalClock(known_to or _NEVER) if settings.rehearsal else SteadyClock(known_to)
        watch.confirmed(journal.had(db, CENTRE))
        gateway = cls(settings=settings, db=db, clock=clock, watch=watch, calls=Calls(settings.channels.command))
        gateway.write(told)
        aside = last_set_aside(settings.journal)
        if aside is not None:  # told at every start, and written once: it is the same record
            gateway.write([(max(clock.now(), aside), health.set_aside(settings.site, aside))])
        watch.wait(clock.now())
        return gateway

    def begin(self) -> None:
        """Tell the plan, and what became due while nobody watched. In a rehearsal: once it has told the time."""
        now = self.clock.now()
        self.write([*self.watch.told_plan(now), *self.watch.advance(now)])

    def caught_up(self) -> None:
        """Tell what became due while nobody watched: what the broker kept meanwhile has been read."""
        self.write(self.watch.go_on(self.clock.now()))

    def take(self, arrivals: Sequence[Arrival]) -> None:
        """Take in what came. It and what it tells is written when it is time to, all or nothing (`flush`)."""
        records: list[tuple[datetime, Record]] = []
        proven_at: datetime | None = None
        arrivals = self._settled(arrivals)
        for arrival in arrivals:
            if arrival.message.topic == REHEARSAL_TOPIC:
                records += self.watch.told_plan(arrival.received_at)
                records += self.watch.advance(arrival.received_at)
            elif arrival.message.topic == self.proof_topic:
                if arrival.message.payload == self.proof_asked and self.proof_asked:
                    proven_at = arrival.received_at
            elif arrival.message.topic == walks.topic(self.settings.site.id):
                records += self._walked(arrival)
            else:
                records += self._read(arrival.message, arrival.received_at)
        self.held.add(records, arrivals, time.monotonic())
        due = self.held.due(time.monotonic(), in_flight=self.settings.in_flight)
        if proven_at is not None or self.settings.rehearsal or due:
            self.flush()
        if proven_at is not None:
            self._prove(proven_at)

    def _settled(self, arrivals: Sequence[Arrival]) -> Sequence[Arrival]:
        """Return what counts now: of what the broker sends again, how something stands only when it has sent all of it.

        Those messages have no date, and we may have had them: that a sensor was there before it was gone is no news.
        They come in one go before all others, so the first that is new ends them, that nothing comes any more, or that
        time has passed: in a rehearsal it is told between them, and goes on with the first that we had not had.
        """
        settled = list[Arrival]()
        for arrival in arrivals:
            if any(arrival.received_at - held.received_at > IN_ONE_GO for held in self.again.values()):
                settled += self._all_sent_again()
            fresh = not (arrival.again or arrival.message.retained)
            superseded = None if fresh else self.again.pop(arrival.message.topic, None)
            if superseded is not None:
                self.held.arrivals.append(superseded)  # to be acknowledged with the rest
            if arrival.again and sources.tells_how_it_stands(arrival.message.topic):
                self.again[arrival.message.topic] = arrival
                continue
            if fresh:
                settled += self._all_sent_again()
            settled.append(arrival)
        return settled if arrivals else self._all_sent_again()

    def _all_sent_again(self) -> list[Arrival]:
        told, self.again = list(self.again.values()), {}
        return told

    def _walked(self, arrival: Arrival) -> list[tuple[datetime, Record]]:
        """Take in what an installer's command says of a walk test."""
        at = arrival.received_at
        said = walks.read(self.settings.site, arrival.message.payload, at)
        told = self.watch.walks(said, at) if isinstance(said, Walking) else []
        return [*told, (at, said)]

    def flush(self) -> None:
        """Write what is held, all or nothing. What it came by may then be acknowledged (`on_disk`)."""
        held, self.held = self.held, Held()
        if held.records:
            entries = journal.write(self.db, held.records)
            self.written += len(entries)
            for entry in entries:
                self.watch.wrote(entry)
        self.on_disk += held.arrivals

    def _prove(self, at: datetime) -> None:
        """Note that a synthetic event came through; in the file too, if nothing else was written since the last."""
        if self.written == self.proven_with:
            journal.touch(self.db, at)
        self.proven_at, self.proven_with = at, self.written

    @property
    def topics(self) -> tuple[str, ...]:
        """What to subscribe to. Devices may name more, once they have been heard."""
        site = self.settings.site
        return (*sources.topics(site, self.settings.base, self.watch.known), walks.topic(site.id))

    @property
    def proof_topic(self) -> str:
        return f"{self.settings.base}/{PROOF}"

    def proof(self, monotonic_s: float) -> bytes | None:
        """Return the synthetic event to publish now, if it is time for one."""
        if monotonic_s - self.proof_at_s < PROOF_EVERY_S:
            return None
        self.proof_at_s = monotonic_s
        self.proof_asked = self.clock.now().isoformat().encode()
        return self.proof_asked

    def hear(self, after: int) -> None:
        """Take in what the centre has said since a number of the journal, and what that tells."""
        changed = paused = False
        for entry in journal.read_after(self.db, after):
            if entry.origin == CENTRE:
                self.write(self.watch.hear(entry))
                changed = changed or isinstance(entry.record, Changed)
                paused = paused or isinstance(entry.record, hearing.Order)
        if changed:
            self.write(self.watch.told_plan(self.clock.now()))
        if paused:
            self.write(self.watch.advance(self.clock.now()))  # who asked for it is waiting to see that it holds
        if changed:
            self.save(at_once=True)  # with what the plan says now, which a start may find changed

    def tick(self) -> None:
        """Let time pass, and look at the building itself. In a rehearsal only its own messages do."""
        if self.settings.rehearsal:
            return
        now, monotonic_s = self.clock.now(), time.monotonic()
        self.watch.notice(Apart(self.clock.reckoning.apart.total_seconds()), now)
        self.watch.notice(Broker(self.broker_up), now)
        if monotonic_s - self.disk_at_s >= DISK_EVERY_S:
            self.disk_at_s = monotonic_s
            room = shutil.disk_usage(self.settings.journal.absolute().parent)
            full = room.free < DISK_FULL
            self.disk_full = full and self.disk_free is not None and self.disk_free < DISK_FULL
            self.disk_free = room.free
            self.watch.notice(Disk(room.free, room.total), now)
        self.write(self.watch.advance(now))

    @property
    def trouble(self) -> str:
        """What the centre must hear besides, for the journal may not be able to take it."""
        return "disk" if self.disk_full else ""

    def fall_back(self, have: int, monotonic_s: float, *, linked: bool = False) -> tuple[HomeId, ...]:
        """Write down for what the building calls by itself, and return the homes for which its alarm is to sound.

        `have` is up to which number of the journal the centre has everything, and `linked` whether it can be reached.
        """
        now = self.clock.now()
        if self.start is None:
            self.start = fallback.Start(now, monotonic_s, frozenset(self.watch.pending))
        if linked and self.start.linked_s is None:
            self.start = msgspec.structs.replace(self.start, linked_s=monotonic_s)
        self.have = have
        waited = self.watch.pending
        self.watch.confirmed(have)
        pending = self.watch.pending
        if len(pending) < len(waited):
            journal.note_had(self.db, CENTRE, have)  # seldom; or the next process might sound its alarm
        if not pending:
            self.known_s.clear()
            return ()
        self.known_s = {alert: self.known_s.get(alert, monotonic_s) for alert in pending}
        since_s = {one: fallback.since(one, pending[one], at_s, self.start) for one, at_s in self.known_s.items()}
        for alert in fallback.due(pending, have, since_s, monotonic_s):
            home = pending[alert].home
            named = (SIREN, *(one.name for one in self.settings.channels.switch))
            log.warning("fell_back", alert=alert, home=home, channels=named)
            self.write([(now, FellBack(at=now, home=home, alert=alert, channel=one)) for one in named])
        return fallback.sounding(self.watch.pending)

    def call(self, monotonic_s: float) -> None:
        """See to the calls that go out by commands, and write down which were taken. Never waits for one."""
        now, commands = self.clock.now(), self.settings.channels.command
        if self.tried_on is None:  # a start does not send a test, but where one failed before
            local = now.astimezone(zone_of(self.settings.site.zone))
            self.tried_on = local.date() if local.time() >= TRY_AT else local.date() - timedelta(days=1)
            if self.watch.tells_mute:
                self.watch.notice(Mute(()), now) if not commands else self.calls.prove()
        if not commands:
            return
        self._try_daily(now)
        outcomes = self.calls.look(fallback.asked(self.watch.pending, [one.name for one in commands]), monotonic_s)
        for one in outcomes:
            waits = None if one.alert is None else self.watch.pending.get(one.alert)
            if one.alert is not None and waits is not None and (one.took or one.channel not in waits.failed):
                called = FellBack(at=now, home=waits.home, alert=one.alert, channel=one.channel, took=one.took)
                self.write([(now, called)])
        if outcomes:
            self.watch.notice(Mute(self.calls.dead), now)

    def _try_daily(self, now: datetime) -> None:
        local = now.astimezone(zone_of(self.settings.site.zone))
        if local.date() != self.tried_on and local.time() >= TRY_AT and not self.settings.rehearsal:
            self.tried_on = local.date()
            self.calls.prove()

    def write(self, dated: Sequence[tuple[datetime, Record]]) -> None:
        """Write records now, after all that is held."""
        if dated:
            self.held.add(dated, (), time.monotonic())
            self.flush()

    def use(self, before: Counters, now: Counters) -> None:
        """Count what was used between two readings, and tell the day that is over. A rehearsal measures nothing."""
        if not self.settings.rehearsal:
            at = self.clock.now()
            self.write(self.watch.use(before, now, at.astimezone(zone_of(self.settings.site.zone)).date(), at))

    def forget_homes(self) -> bool:
        """Take out a few records of a home that the centre ordered to be forgotten; return whether there was any."""
        if not self.watch.forgets or self.watch.keeps_back:
            return False
        order = self.watch.forgets[0]
        saved = journal.load_snapshot(self.db)
        if saved is None or saved[0] < order.number:
            self.save(at_once=True)  # a start must not miss what leaves now
        answer = erasing.turn(self.db, order, self.settings.site, self.watch.pending, self.clock.now())
        if answer is not None:
            log.info("forgotten", home=answer.home, count=answer.count)
            self.write([(self.clock.now(), answer)])
            self.save(at_once=True)  # and the one before it may hold something of them
        return answer is not None or not self.watch.pending

    def save(self, *, at_once: bool = False) -> None:
        """Keep a snapshot, if it is time for one. Not while something is kept back: the journal then tells it again."""
        if self.watch.keeps_back:
            return
        due = time.monotonic() - self.snapshot_at_s > SNAPSHOT_EVERY_S
        if at_once or due or self.written - self.snapshot_after > SNAPSHOT_AFTER:
            self.flush()
            self.snapshot_at_s, self.snapshot_after = time.monotonic(), self.written
            last = journal.last_number(self.db)
            journal.save_snapshot(self.db, last, self.watch.snapshot())
            if self.have:
                journal.note_had(self.db, CENTRE, self.have)  # with it: for `doctor`, and for whoever starts next

    def figures(self, have: int) -> Figures:
        """Return what an operator may know of the daemon (`gateway.figures.TABLE`), but what its connections know.

        `have` is up to which number of the journal the centre has said that it has everything.
        """
        now, used = self.clock.now(), process.used()
        have = have or journal.had(self.db, CENTRE)
        unsent, oldest_at = journal.unsent(self.db, CENTRE, after=have)
        proof_age = None if self.proven_at is None else (now - self.proven_at).total_seconds()
        return {
            "proof_age_seconds": figures.one(proof_age),
            "homes": figures.by(self.watch.sights(), Sight),
            "sensors_unseen": figures.one(len(self.watch.unseen())),
            "standing": figures.by(self.watch.standing()),
            "journal_number": figures.one(journal.last_number(self.db)),
            "unsent_records": figures.one(unsent),
            "unsent_oldest_seconds": figures.one(
                0 if oldest_at is None else max(0.0, (now - oldest_at).total_seconds())
            ),
            "unanswered_alerts": figures.one(len(self.watch.pending)),
            "alarm_homes": figures.one(len(fallback.sounding(self.watch.pending))),
            "held_records": figures.one(len(self.held.records)),
            "records_written_total": figures.one(self.written),
            "messages_unreadable_total": figures.by(self.unreadable),
            "cpu_seconds_total": figures.one(used.cpu_s),
            "disk_written_bytes_total": figures.one(used.written_bytes),
            "memory_bytes": figures.one(used.memory_bytes),
            "disk_free_bytes": figures.one(self.disk_free),
        }

    def _read(self, message: Message, received_at: datetime) -> list[tuple[datetime, Record]]:
        online = sources.bridge_online(self.settings.base, message)
        if online and not message.retained:
            self.bridge_started_at, self.known_to = received_at, self.watch.dated_to
        reading = sources.read(
            self.settings.site,
            self.settings.base,
            message,
            received_at=received_at,
            started_at=self.bridge_started_at,
            known_to=self.known_to,
            ours=self.clock.reckoning.ours,
            known=self.watch.known,
        )
        fresh = tuple(one for one in reading.events if not self._has(one))
        self.held.events.update(fresh)
        reading = self.watch.listened(reading._replace(events=fresh), received_at)
        troubles: list[tuple[datetime, Record]] = [(received_at, trouble) for trouble in reading.troubles]
        self.unreadable.update(str(one.trouble) for one in reading.troubles)
        return [*troubles, *self.watch.heard(reading, received_at)]

    def _has(self, event: SensorEvent) -> bool:
        """Whether an event is in the journal, or about to be: what a broker sends again is no storm, and no news."""
        return event in self.held.events or self.watch.heard_by_another_way(event) or journal.holds(self.db, event)


def _resumed(settings: Settings) -> tuple[sqlite3.Connection, Watch, list[Dated]]:
    db = journal.connect(settings.journal)
    try:
        return (db, *Watch.resumed(settings.site, db))
    except BaseException:
        db.close()
        raise
