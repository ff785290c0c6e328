"""The daemon in the building: one thread that writes, watches and tells; one process that may die at any moment.

Each turn takes what came; it and what it tells is written in one transaction, and only then acknowledged. What tells
nobody anything waits some seconds for company (`gateway.held`). A disk that refuses ends the process: the journal is
the truth, and a start goes on from it. Before it ends it tells the centre; a journal that is damaged it sets aside, so
that the next start has one.
"""

import contextlib
import dataclasses
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from care import journal
from care.clock import SystemClock
from care.homes import BadPlan, Site
from care.systemd import Watchdog, notify
from detectors.homes import HomeId
from gateway import fallback, figures, keeping, walks
from gateway.aside import Aside
from gateway.building import Gateway, Settings
from gateway.damage import set_aside, trouble_of
from gateway.figures import Textfile
from gateway.identity import Papers
from gateway.ingest import Arrival, Inbox, Ingest
from gateway.metering import Meter
from gateway.sources import Message
from gateway.uplink import Uplink, cry

TICK_S = 1.0  # seconds between two looks at the clock when nothing comes in
SPEAK_S = 0.25  # seconds between two looks at what the centre must hear
FORGET_EVERY_S = 3600.0  # seldom too, and then all that has become old: each few records that leave are a commit
READY_AFTER_S = 10.0  # a start without a broker is a start: that the broker is away, is told
SOUND_EVERY_S = 60.0  # while an alarm sounds: sirens end by themselves, or did not hear it

log = structlog.get_logger()


def run(settings: Settings, stop: threading.Event | None = None, *, reread: Callable[[], Site] | None = None) -> None:
    """Watch over the building until told to stop, by a signal or by `stop`.

    With `reread`, which reads the plan anew, SIGHUP has it taken over: as at a stop and a start, without an end of the
    process. A plan that is wrong, or of another building, is told in the log, and the one that is watched by stays.

    Raises `sqlite3.Error` when the disk refuses, having told the centre; whoever started the process starts it again.
    """
    try:
        _watch_over(settings, stop or _on_signal(), reread)
    except journal.NotOurs:
        raise
    except sqlite3.Error as error:
        trouble, now = trouble_of(error), SystemClock().now()
        if trouble == "journal":
            set_aside(settings.journal, now, str(error))
        told = cry(settings.site.id, settings.centre, now, trouble, _papers(settings))
        log.exception("cannot_write", trouble=trouble, centre_told=told)
        raise


def _watch_over(settings: Settings, stop: threading.Event, reread: Callable[[], Site] | None) -> None:
    asked = threading.Event()
    if reread is not None:
        signal.signal(signal.SIGHUP, lambda *_: asked.set())
    meter = Meter()
    while True:
        over = _Over(settings.site, stop, asked, reread)
        _run(settings, over, meter)
        if over.successor is None:
            return
        settings = dataclasses.replace(settings, site=over.successor)


class _Stop(Protocol):
    def is_set(self) -> bool: ...


class _Over:
    """Whether the watch by one plan is over: told to stop, or another plan is there to be watched by."""

    def __init__(
        self, site: Site, stop: threading.Event, asked: threading.Event, reread: Callable[[], Site] | None
    ) -> None:
        self._site, self._stop, self._asked, self._reread = site, stop, asked, reread
        self.successor: Site | None = None

    def is_set(self) -> bool:
        if not self._stop.is_set() and self._asked.is_set() and self._reread is not None:
            self._asked.clear()
            self.successor = self._read(self._reread)
        return self._stop.is_set() or self.successor is not None

    def _read(self, reread: Callable[[], Site]) -> Site | None:
        try:
            site = reread()
        except (OSError, UnicodeDecodeError, BadPlan) as error:
            log.error("plan_not_taken", why=str(error))  # noqa: TRY400  # a sentence for the installer, and no trace
            return None
        if site.id != self._site.id:
            log.error("plan_not_taken", why=f"it is of {site.id}, and this is {self._site.id}")
            return None
        return site if site != self._site else None


def _papers(settings: Settings) -> Papers | None:
    return None if settings.identity is None else Papers(settings.identity)


def _run(settings: Settings, stop: _Stop, meter: Meter) -> None:
    gateway = Gateway.opened(settings)
    inbox = Inbox(gateway.clock)
    meter.begin()
    site = settings.site.id

    def hand_over(payload: bytes) -> None:
        inbox.put(Arrival(Message("", payload), gateway.clock.now(), 0, 0, link=True))

    ingest = Ingest(
        inbox,
        settings.broker,
        client_id=f"nachtwacht-{site}-ingest",
        topics=(*gateway.topics, walks.topic(site)),
        login=settings.login,
    )
    uplink = Uplink(gateway.db, site, hand_over, settings.centre, _papers(settings))
    log.info("watching", site=site, homes=len(settings.site.homes))
    with contextlib.closing(gateway.db):
        if not settings.rehearsal:
            gateway.begin()
        ingest.start()
        uplink.start()
        try:
            _Turns(gateway, inbox, ingest, uplink, meter).until(stop)
        finally:
            ingest.stop()
            uplink.stop()
        gateway.save(at_once=True)
    log.info("stopped", site=site)


class _Turns:
    """The daemon's one thread: turn after turn, each done wholly or not at all."""

    def __init__(self, gateway: Gateway, inbox: Inbox, ingest: Ingest, uplink: Uplink, meter: Meter) -> None:
        self._meter = meter
        self._gateway, self._inbox, self._ingest, self._uplink = gateway, inbox, ingest, uplink
        self._began_s = time.monotonic()
        self._ticked_at_s = 0.0
        self._ready = self._caught_up = self._forgets = False
        self._forgot_at_s = self._began_s  # a start has other things to do
        self._alarm: bytes | None = None  # as last said in the building
        self._sounded_at_s = 0.0
        self._changes = gateway.watch.known.changes  # of what devices have said of themselves
        self._standing = self._let_in = self._proven = ""  # what systemd was last told
        self._watchdog = Watchdog()
        self._aside = Aside(gateway.settings.site, gateway.settings.journal)
        file = gateway.settings.textfile
        self._textfile = None if file is None else Textfile(file, gateway.settings.site.id)

    def until(self, stop: _Stop) -> None:
        try:
            while not stop.is_set():
                self._turn()
                self._watchdog.turned(time.monotonic())
        finally:
            self._aside.end()
            self._gateway.calls.end()
        self._count()
        self._gateway.flush()
        self._acknowledge()

    def _turn(self) -> None:
        gateway, ingest, uplink = self._gateway, self._ingest, self._uplink
        self._begin()
        arrivals = self._inbox.batch(SPEAK_S)
        gateway.take([arrival for arrival in arrivals if not arrival.link])
        self._acknowledge()
        if gateway.watch.known.changes != self._changes:
            self._changes = gateway.watch.known.changes
            ingest.listen(gateway.topics)
        if not arrivals and not self._caught_up and ingest.subscribed.is_set():
            self._caught_up = True
            gateway.caught_up()
        heard = [arrival for arrival in arrivals if arrival.link]
        if heard:
            gateway.flush()
            last = journal.last_number(gateway.db)
            for arrival in heard:
                # Dated by its arrival: sensors' messages that came after it are not from the past.
                uplink.hear(arrival.message.payload, arrival.received_at)
            gateway.hear(last)
        if time.monotonic() - self._ticked_at_s >= TICK_S:
            self._ticked_at_s = time.monotonic()
            self._tick()
        uplink.speak(gateway.clock.now(), trouble=gateway.trouble, proof=gateway.proven_at)
        gateway.save()
        if not arrivals:
            self._forget()

    def _acknowledge(self) -> None:
        """Tell the broker what is on disk."""
        on_disk, self._gateway.on_disk = self._gateway.on_disk, []
        self._ingest.acknowledge(on_disk)

    def _forget(self) -> None:
        """Let a few records go that have become old, once an hour until there are no more."""
        gateway, monotonic_s = self._gateway, time.monotonic()
        if gateway.forget_homes():
            return  # somebody asked for it
        if monotonic_s - self._forgot_at_s >= FORGET_EVERY_S:
            self._forgets, self._forgot_at_s = True, monotonic_s
        if self._forgets and not gateway.watch.keeps_back and not gateway.settings.rehearsal:
            self._forgets = keeping.forget(gateway.db, gateway.clock.now(), had=self._uplink.have) > 0

    def _tick(self) -> None:
        gateway, ingest, monotonic_s = self._gateway, self._ingest, time.monotonic()
        gateway.broker_up = ingest.up
        gateway.tick()
        self._tell_status()
        self._sound(gateway.fall_back(self._uplink.have, monotonic_s, linked=self._uplink.up), monotonic_s)
        gateway.call(monotonic_s)
        proof = gateway.proof(monotonic_s) if ingest.up else None
        if proof is not None:
            ingest.publish(gateway.proof_topic, proof)
        gateway.write(self._aside.look(gateway.watch.back_tests, gateway.clock.now(), monotonic_s))
        self._write_figures(monotonic_s)
        if self._meter.due(monotonic_s):
            self._count()

    def _count(self) -> None:
        """Count what was used since the last time."""
        uplink = self._uplink
        self._gateway.use(
            *self._meter.read(
                sensors_bytes=self._ingest.heard_bytes, sent_bytes=uplink.said_bytes, heard_bytes=uplink.heard_bytes
            )
        )

    def _write_figures(self, monotonic_s: float) -> None:
        if self._textfile is None or not self._textfile.due(monotonic_s):
            return
        uplink = self._uplink
        known = self._gateway.figures(uplink.have) | {
            "broker_connected": figures.one(self._ingest.up),
            "centre_connected": figures.one(uplink.up),
            "inbox_messages": figures.one(self._inbox.waiting),
            "sensors_received_bytes_total": figures.one(self._ingest.heard_bytes),
            "link_sent_bytes_total": figures.one(uplink.said_bytes),
            "link_received_bytes_total": figures.one(uplink.heard_bytes),
        }
        self._textfile.write(known, SystemClock().now(), monotonic_s)

    def _tell_status(self) -> None:
        """Say, where the installer looks, what keeps the centre from hearing this gateway, and when it was proven.

        An update is kept by the proof (`gateway.installer.updates`).
        """
        standing, proven_at = self._uplink.trouble(SystemClock().now()), self._gateway.proven_at
        let_in = standing or ("The centre lets this gateway in." if self._standing or self._let_in else "")
        if standing and standing != self._standing:
            log.warning("not_let_in", why=standing)
        proven = "" if proven_at is None else f"Proven {proven_at:%Y-%m-%d %H:%M} UTC."
        if (let_in, proven) != (self._let_in, self._proven):
            notify(f"STATUS={' '.join(filter(None, (let_in, proven)))}")
        self._standing, self._let_in, self._proven = standing, let_in, proven

    def _sound(self, homes: tuple[HomeId, ...], monotonic_s: float) -> None:
        """Say to sirens and lamps what they are to do: at a change, at a start (one of before may still sound)."""
        ingest, settings = self._ingest, self._gateway.settings
        alarm = fallback.said(homes)
        again = bool(homes) and ingest.up and monotonic_s - self._sounded_at_s >= SOUND_EVERY_S
        if alarm == self._alarm and not again:
            return
        if alarm != self._alarm:
            ingest.publish(fallback.topic(settings.site), alarm, retain=True)
        self._alarm, self._sounded_at_s = alarm, monotonic_s
        for switch in settings.channels.switch:  # never retained: a bridge that restarts would sound it once more
            ingest.publish(switch.topic, (switch.on if homes else switch.off).encode())

    def _begin(self) -> None:
        late = time.monotonic() - self._began_s >= READY_AFTER_S
        if not self._ready and (late or self._ingest.subscribed.is_set()):
            self._ready = True
            notify("READY=1")


def _on_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
