"""`nachtwacht walk-test`: walk through a home, and have it proven; and `walk-test verify`, whether a proof is one."""

import contextlib
import sqlite3
import threading
import time as clock_face
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from care import journal
from care.clock import SystemClock
from care.homes import ID, Site
from care.language import mark
from care.proofs import WALK_MAX, InstallerId, Shown, Unproven, Walked, Walking, plan_of
from care.records import CENTRE, encode
from detectors.homes import Home, HomeId, SensorId
from gateway import sources, walks
from gateway.installer import drafts, proofs
from gateway.installer.bridge import BASE, Bridge, Heard, reached
from gateway.installer.drafts import PLAN, Plan
from gateway.installer.machine import IDENTITY, PROOFS
from gateway.installer.plan_commands import BROKER, Base, Broker, Journal
from gateway.installer.proofs import NotProof
from gateway.installer.terminal import WRONG, AsJson, Terminal, address, say
from gateway.installer.walk import Heard as Said
from gateway.installer.walk import Progress, Walk
from gateway.installer.walk_page import WalkPage
from gateway.installer.walk_view import View, buttons_worked, summary, view
from gateway.sources import Message

LOOK_S = 0.25
TAKEN_S = 5.0  # in which a gateway that runs has written down what it was told

walk_test = typer.Typer(invoke_without_command=True)

Folder = Annotated[Path, typer.Option("--proofs", help="the folder in which proofs are kept")]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it, for a program."""

    proof: Walked
    proven: bool
    why: str  # why not; empty if it is
    file: str
    taken: bool | None = None  # whether the gateway has written it down; None where that cannot be seen


@walk_test.callback()
def walk(  # noqa: PLR0917  # options, each with its name
    context: typer.Context,
    home: Annotated[str, typer.Option("--home", help="the number of the home, as in the plan")] = "",
    plan: Plan = PLAN,
    broker: Broker = BROKER,
    base: Base = BASE,
    journal_file: Journal = None,
    identity: Annotated[Path, typer.Option("--identity", help="the folder of who this gateway is")] = IDENTITY,
    folder: Folder = PROOFS,
    by: Annotated[str, typer.Option("--by", help="who walks: an id, never a name")] = "installer",
    page: Annotated[str, typer.Option("--page", help="where a page for a phone is served, like :8080")] = "",
    wait: Annotated[float, typer.Option(min=0, max=3600, help="seconds to wait for the desk")] = 300,
    *,
    finish: Annotated[bool, typer.Option("--finish", help="add what the desk did later to proofs made before")] = False,
    as_json: AsJson = False,
) -> None:
    """Walk through a home: each sensor is asked for in turn, and the help button last. The desk answers that call.

    The result is signed, kept as JSON and PDF, and told the centre. With --journal it says what the desk did.

    Example: nachtwacht walk-test --home 12 --journal /var/lib/nachtwacht/gateway.db --page :8080
    """
    if context.invoked_subcommand is not None:
        return
    terminal = Terminal(as_json=as_json)
    if ID.fullmatch(by) is None:
        terminal.fail(mark('"{by}" is no id. Write letters, digits, ".", "_" or "-", like "installer-2".'), by=by)
    site = drafts.opened(plan, terminal, whole=True).site
    test = _Test(terminal, site, journal_file, identity=identity, folder=folder, by=InstallerId(by))
    if finish:
        test.finish(address(broker), base, home)
        return
    known = site.by_id.get(HomeId(f"{site.id}/{home}"))
    if known is None:
        numbers = ", ".join(one.id.partition("/")[2] for one in site.homes[:30])
        terminal.fail(mark('home "{home}" does not stand in the plan. Known are: {known}.'), home=home, known=numbers)
    test.walk(known, address(broker), base, page=page, wait_s=wait)


@walk_test.command()
def verify(
    file: Annotated[Path, typer.Argument(help="a proof: the JSON file that walk-test wrote")],
    plan: Annotated[Path | None, typer.Option("--plan", help="also whether it holds under this plan")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say whether a proof is as the gateway signed it. Changes nothing.

    Example: nachtwacht walk-test verify /var/lib/nachtwacht/proofs/wilg-12.json --plan site.toml
    """
    terminal = Terminal(as_json=as_json)
    proof = _read(terminal, file)
    terminal.tell(
        mark("{file}: signed by gateway {key} on {day}, walked by {by}."),
        file=file,
        key=proof.key[:16],
        day=f"{proof.at:%Y-%m-%d}",
        by=proof.by,
    )
    found = None
    if plan is not None:
        found = proofs.doubt(proof, drafts.opened(plan, terminal).site, SystemClock().now())
        if found is None:
            terminal.tell(mark("Proven."))
        else:
            terminal.tell(mark("Not proven: {why}."), why=proofs.why(found))
    why = "" if found is None else found.why.value
    terminal.answer(Answer(proof=proof, proven=plan is not None and found is None, why=why, file=str(file)))
    if found is not None:
        raise typer.Exit(WRONG)


class _Test:
    """One run of the command."""

    def __init__(
        self,
        terminal: Terminal,
        site: Site,
        journal_file: Path | None,
        *,
        identity: Path,
        folder: Path,
        by: InstallerId,
    ) -> None:
        self._terminal, self._site, self._folder, self._by = terminal, site, folder, by
        self._journal_file, self._identity = journal_file, identity
        self._clock = SystemClock()

    def walk(self, home: Home, broker: tuple[str, int], base: str, *, page: str, wait_s: float) -> None:
        private, db = self._key(), self._journal()
        topic, ear = walks.topic(self._site.id), _Ear(self._site, home, base, self._clock.now())
        with contextlib.ExitStack() as stack:
            if db is not None:
                stack.enter_context(contextlib.closing(db))
            bridge = stack.enter_context(
                reached(self._terminal, broker, base, also=sources.topics(self._site, base)[1:])
            )
            answer = _Desk(db, home.id)
            stack.callback(bridge.watch(ear.hear))
            ear.hear(_devices(base, bridge.last("bridge/devices")))
            began_at = self._clock.now()
            ear.begin(began_at)
            bridge.publish(topic, encode(Walking(at=began_at, home=home.id, until=began_at + WALK_MAX)))
            stack.callback(lambda: self._end(bridge, home.id))
            look = _Look(ear, answer, self._clock.now)
            if page:
                self._serve(stack, page, look)
            try:
                self._show(look, wait_s)
            except KeyboardInterrupt:
                self._terminal.fail(mark("Stopped. Nothing was signed, and the proof before this still counts."))
            proof = self._proof(ear.walk, answer.shown, private)
            kept = self._keep(proof)
            bridge.publish(topic, encode(proof))
            self._tell(proof, kept, self._taken(db, proof))

    def finish(self, broker: tuple[str, int], base: str, only: str) -> None:
        db = self._journal()
        if db is None:
            self._terminal.fail(mark("What the desk did stands in the gateway's journal: say which, with --journal."))
        private = self._key()
        files = sorted(self._folder.glob(f"{self._site.id}-{only or '*'}.json"))
        if not files:
            self._terminal.fail(
                mark("{folder}: no proof of these homes. Walk through them first."), folder=self._folder
            )
        found = [(file, _read(self._terminal, file)) for file in files]
        with contextlib.closing(db), reached(self._terminal, broker, base, needed=False) as bridge:
            for file, proof in found:
                done = proof
                if proof.home in self._site.by_id and (proof.shown is None or not proof.shown.done):
                    shown = _later(db, proof)
                    done = proofs.sign(msgspec.structs.replace(proof, shown=shown), private) if shown else proof
                    if done.shown != proof.shown:
                        self._keep(done)
                bridge.publish(walks.topic(self._site.id), encode(done))
                self._tell(done, file, self._taken(db, done))

    def _serve(self, stack: contextlib.ExitStack, page: str, look: "_Look") -> None:
        host, _, port = page.rpartition(":")
        if not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004  # the last port there is
            self._terminal.fail(mark('"{page}" is no place for a page. Write for example ":8080".'), page=page)
        try:
            served = stack.enter_context(WalkPage((host or "0.0.0.0", int(port)), look.now))  # noqa: S104  # asked for: a phone
        except OSError as error:
            self._terminal.fail(
                mark("The page cannot be served at {page}: {why}. Choose another port."), page=page, why=error.strerror
            )
        self._terminal.tell(mark("On your phone: {url}"), url=served.url)

    def _show(self, look: "_Look", wait_s: float) -> None:
        """Keep what there is to see before who walks, until the walk is done and the desk has answered."""
        waited_from: datetime | None = None
        with self._terminal.live(mark("Walk test"), (mark("room"), mark("sensor"), mark("verdict"))) as draw:
            while True:
                now = self._clock.now()
                progress = look.ear.walk.at(now)
                if look.waits(progress):
                    waited_from = waited_from or now
                    look.desk.look()
                seen = look.now()
                draw(_rows(seen))
                if progress.asked is None:
                    over = waited_from is None or now - waited_from >= timedelta(seconds=wait_s)
                    if over or (look.desk.shown is not None and look.desk.shown.done):
                        break
                clock_face.sleep(LOOK_S)
            look.over = True
            draw(_rows(look.now()))

    def _proof(self, walk: Walk, shown: Shown | None, private: bytes) -> Walked:
        now = self._clock.now()
        found = walk.at(now).found
        plan = plan_of(walk.home.id, {one.sensor: one.place for one in found})
        home = walk.home.id
        return proofs.sign(Walked(at=now, home=home, plan=plan, sensors=found, by=self._by, shown=shown), private)

    def _tell(self, proof: Walked, file: Path, taken: bool | None) -> None:  # noqa: FBT001  # as it is answered
        found = proofs.doubt(proof, self._site, self._clock.now())
        home = self._site.by_id.get(proof.home)
        for one in () if home is None else summary(proof, home):
            self._terminal.tell(one.message, **one.values)
        number = proof.home.partition("/")[2]
        if found is None:
            self._terminal.tell(mark("Home {number} is proven. Signed: {file}"), number=number, file=file)
        else:
            line = mark("Home {number} is walked, not proven: {why}. Signed: {file}")
            self._terminal.tell(line, number=number, why=proofs.why(found), file=file)
        if found is not None and found.why is Unproven.UNSEEN:
            self._terminal.tell(mark("When the desk has answered: nachtwacht walk-test --finish --journal ..."))
        if taken is False:
            self._terminal.tell(mark("The gateway has not written it down. Does it run? Then do --finish later."))
        why = "" if found is None else found.why.value
        self._terminal.answer(Answer(proof=proof, proven=found is None, why=why, file=str(file), taken=taken))
        if found is not None and found.why is Unproven.FAILED:
            raise typer.Exit(WRONG)

    def _keep(self, proof: Walked) -> Path:
        try:
            return proofs.keep(proof, self._site, self._folder).json
        except OSError as error:
            self._terminal.fail(
                mark("{folder} cannot be written: {why}. The proof was not kept."),
                folder=self._folder,
                why=error.strerror,
            )

    def _key(self) -> bytes:
        try:
            return proofs.key(self._identity)
        except OSError as error:
            self._terminal.fail(
                mark("{folder} cannot be written: {why}. Nothing was changed."),
                folder=self._identity,
                why=error.strerror,
            )
        except NotProof as error:
            self._terminal.fail(error.message, **error.values)

    def _journal(self) -> sqlite3.Connection | None:
        if self._journal_file is None:
            return None
        try:
            return journal.connect(self._journal_file, read_only=True)
        except (OSError, sqlite3.Error, journal.NotOurs, journal.TooNew) as error:
            self._terminal.fail(
                mark("{file}: cannot be read: {why}."), file=self._journal_file, why=str(error).rstrip(".")
            )

    def _taken(self, db: sqlite3.Connection | None, proof: Walked) -> bool | None:
        """Return whether the gateway writes down a proof that it is told, where that can be seen."""
        if db is None:
            return None
        until = clock_face.monotonic() + TAKEN_S
        while not (there := journal.holds(db, proof)) and clock_face.monotonic() < until:
            clock_face.sleep(LOOK_S)
        return there

    def _end(self, bridge: Bridge, home: HomeId) -> None:
        now = self._clock.now()
        bridge.publish(walks.topic(self._site.id), encode(Walking(at=now, home=home, until=now)))


class _Ear:
    """What the building's broker says, as a walk. Heard in the connection's thread, looked at in others."""

    def __init__(self, site: Site, home: Home, base: str, now: datetime) -> None:
        self._site, self._base = site, base
        self._lock = threading.Lock()
        self._rest: dict[SensorId, float] = {}
        self._known = sources.Known()
        self._walk = Walk(home=home, devices=walks.prints(site), began_at=now)
        self._began = False

    @property
    def walk(self) -> Walk:
        with self._lock:
            return self._walk

    def begin(self, now: datetime) -> None:
        with self._lock:
            self._walk = msgspec.structs.replace(self._walk, began_at=now, at_rest=dict(self._rest))
            self._began = True

    def hear(self, message: Heard) -> None:
        now = SystemClock().now()
        said = Message(message.topic, message.payload, message.retained)
        with self._lock:
            reading = sources.read(self._site, self._base, said, received_at=now, known=self._known)
            for described in reading.described:
                self._known.note(described)
            if message.retained or not self._began:
                self._rest.update((one.sensor, one.value) for one in reading.events)
                return
            came = [Said(now, one.home, one.sensor, one.kind, one.value) for one in reading.events]
            self._walk = self._walk.hearing(came)
            for sign in reading.signs:
                if sign.link is not None and sign.home == self._walk.home.id:
                    self._walk = self._walk.received(sign.sensor, sign.link)


def _devices(base: str, said: object) -> Heard:
    """Return what a bridge said of its devices before one listened: how they say what they say."""
    return Heard("bridge/devices", said, True, f"{base}/bridge/devices", msgspec.json.encode(said or []))  # noqa: FBT003


class _Desk:
    """What the desk does with the test alert, by the gateway's journal."""

    def __init__(self, db: sqlite3.Connection | None, home: HomeId) -> None:
        self._db, self._home = db, home
        self._number = 0 if db is None else journal.last_number(db)
        self.shown: Shown | None = None

    @property
    def asks(self) -> bool:
        return self._db is not None

    def look(self) -> None:
        if self._db is None:
            return
        while entries := journal.read_after(self._db, self._number):
            self._number = entries[-1].number
            self.shown = proofs.shown(entries, self._home, self.shown)


class _Look:
    """What there is to see now, for terminal and page."""

    def __init__(self, ear: _Ear, desk: _Desk, clock: Callable[[], datetime]) -> None:
        self.ear, self.desk, self._clock = ear, desk, clock
        self.over = False

    def waits(self, progress: Progress) -> bool:
        """Whether all that is left is what the desk does with the call."""
        return progress.asked is None and self.desk.asks and buttons_worked(progress)

    def now(self) -> View:
        walk, now = self.ear.walk, self._clock()
        return view(walk, now, self.desk.shown, waits=self.waits(walk.at(now)), over=self.over)


def _later(db: sqlite3.Connection, proof: Walked) -> Shown | None:
    """Return what the journal says by now of the test alert of a walk."""
    if proof.shown is not None:
        known, number = proof.shown, 0
        while entries := journal.read_from(db, CENTRE, number):
            number = entries[-1].number
            known = proofs.shown(entries, proof.home, known) or known
        return known
    found: Shown | None = None
    number = 0
    while entries := journal.read_after(db, number):
        number = entries[-1].number
        # The gateway may have heard all of it a moment before the command did.
        of_then = [one for one in entries if one.recorded_at >= proof.sensors[0].at - timedelta(seconds=1)]
        found = proofs.shown(of_then, proof.home, found)
    return found


def _read(terminal: Terminal, file: Path) -> Walked:
    try:
        return proofs.verify(file)
    except OSError as error:
        terminal.fail(mark("{file}: cannot be read: {why}."), file=file, why=error.strerror)
    except NotProof as error:
        terminal.fail(error.message, **error.values)


def _rows(seen: View) -> Iterator[tuple[str, ...]]:
    for one in seen.lines:
        said = say(one.said) if one.said else ""
        if one.look == "now":
            said = f"→ {say(seen.do.message, **seen.do.values)} ({seen.left_s} s)"
        yield one.room, one.sensor, said
    if not any(one.look == "now" for one in seen.lines):
        yield "", "", say(seen.do.message, **seen.do.values)
    for told in seen.alert:
        yield "", "", say(told.message, **told.values)
