"""The centre's composition root: opens what it works with, starts it, and stops it in order."""

import asyncio
import contextlib
import gc
import signal
import socket
import sqlite3
import ssl
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import structlog
import uvicorn
from starlette.types import ASGIApp

from care import database, journal
from care.clock import Clock, RehearsalClock, SystemClock
from care.database import Address, Database, Where, shown
from care.systemd import Watchdog
from dashboard import access_log, authority, colleagues, people, remembering
from dashboard.authority import Authority, BadAuthority
from dashboard.bringing import News
from dashboard.centre import Centre, Progress
from dashboard.connections import guarded, room
from dashboard.drawing import Drawing, rehearse
from dashboard.hooking import Hooking
from dashboard.intake import Ears, Intake
from dashboard.leases import Leases
from dashboard.lines import Lines
from dashboard.live import Live
from dashboard.lookout import Lookout, Screens
from dashboard.messages import Leads
from dashboard.metering import OwnUse
from dashboard.organisations import Access
from dashboard.outbox import Outbox
from dashboard.pages import Desk, application
from dashboard.people import Names
from dashboard.retention import Daily
from dashboard.waking import GivenUp, Waking

STOP_WITHIN_S = 5

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the centre must be told; nothing is read from anywhere else."""

    journal: Where
    people: Where  # in PostgreSQL of the same database as the journal
    broker_host: str = "127.0.0.1"
    broker_port: int = 1883
    host: str = "127.0.0.1"
    port: int = 8000
    url: str = ""  # under which people's phones reach this centre; empty: notices hold no link
    phone: str = ""  # of the desk, said in notices and where nobody is left to ask
    rehearsal: bool = False  # take the time from what a rehearsal tells
    authority: Path | None = None  # the folder of what signs; None: no gateway is enrolled, and the broker is here
    gateways_broker: str = ""  # HOST:PORT at which gateways reach the broker; empty: as the centre does
    broker_pid: Path | None = None  # the file with the broker's process id, to tell it what changed
    https: Path | None = None  # key and certificate of the pages, in one file; None: whoever stands before it has them


class _Stores(NamedTuple):
    """What is kept beside the journal."""

    people: Database
    access_log: Database


class _Hearing(NamedTuple):
    """How buildings are heard, and what has to run for it."""

    ears: Ears
    work: tuple[Coroutine[Any, Any, None], ...]
    leases: Leases | None  # of a centre in several processes


class CannotStart(Exception):
    """The centre cannot start, with one sentence that says why and what to do."""


def run(settings: Settings) -> None:
    """Run the centre until it is told to stop (SIGTERM or SIGINT). Raises `CannotStart`."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(serve(settings))


async def serve(settings: Settings) -> None:
    """Run the centre in this event loop. Raises `CannotStart`."""
    with contextlib.ExitStack() as open_things:
        several = not isinstance(settings.journal, Path)
        sock = open_things.enter_context(_listening(settings.host, settings.port, several=several))
        stores = _Stores(
            open_things.enter_context(closing(_people(settings.people))),
            open_things.enter_context(closing(_access_log(settings.people))),
        )
        clock: Clock = SystemClock()
        rehearsal = None
        if settings.rehearsal:
            # Early enough for any night: this clock only goes on, and the first message says what time it is.
            clock = rehearsal = RehearsalClock(datetime(2000, 1, 1, tzinfo=UTC))
        waking = Waking()
        centre = await waking.during(
            sock, lambda: _centre(settings.journal, clock, waking.read), tls_of(settings.https)
        )
        open_things.enter_context(closing(centre))
        if rehearsal is not None and centre.recorded_at is not None:
            rehearsal.tell(centre.recorded_at)
        await _run_together(settings, centre, rehearsal, stores, sock)


async def _run_together(
    settings: Settings,
    centre: Centre,
    rehearsal: RehearsalClock | None,
    stores: _Stores,
    sock: socket.socket,
) -> None:
    store, wall = stores.people, SystemClock()
    access, signs = Access(store, wall.now), _authority(settings)
    drawing = Drawing(centre.board, Names(store), access.owners)
    screens = Screens()
    live = Live(centre, drawing, screens, access)
    hearing = _hearing(settings, centre, screens, rehearsal, signs)
    own = None if rehearsal is not None else OwnUse(centre.now())
    lookout = Lookout(centre, Watchdog(), screens, access, News(store), own=own)
    outbox = Outbox(centre, store, wall, url=settings.url, phone=settings.phone, leads=Leads(centre.board, store))
    desk = Desk(
        centre=centre,
        live=live,
        drawing=drawing,
        people=store,
        access_log=stores.access_log,
        wall=wall,
        intake=hearing.ears,
        leases=hearing.leases,
        lookout=lookout,
        authority=signs,
        https=settings.https,
        phone=settings.phone,
        url=settings.url,
        screens=screens,
    )
    rehearse(Names(store), wall.now())
    _keep_for_good()
    server = _Server(application(desk), live, settings.https)
    log.info(
        "the desk is open",
        url=f"http{'' if settings.https is None else 's'}://{settings.host}:{sock.getsockname()[1]}",
        records=centre.number,
    )
    work = [
        *map(asyncio.create_task, hearing.work),
        asyncio.create_task(live.run()),
        asyncio.create_task(lookout.run()),
        asyncio.create_task(outbox.run()),
        asyncio.create_task(Hooking(desk).run()),
        asyncio.create_task(Daily(centre, store, stores.access_log, wall).run()),
        *([] if signs is None else [asyncio.create_task(authority.keep(signs, store, wall))]),
    ]
    for task in work:
        # Neither ever ends by itself. If a mistake of ours ends one, the whole centre must go down where it is seen.
        task.add_done_callback(lambda _: server.stop())
    try:
        await server.serve(sockets=[sock])
    finally:
        for task in work:
            task.cancel()
        ended = await asyncio.gather(*work, return_exceptions=True)
        if hearing.leases is not None:
            hearing.leases.leave()
    for outcome in ended:
        if isinstance(outcome, Exception):
            raise outcome


def _hearing(
    settings: Settings, centre: Centre, screens: Screens, rehearsal: RehearsalClock | None, signs: Authority | None
) -> _Hearing:
    """Prepare to hear buildings: all of them, or the shares that fall to this one of several processes."""
    broker, wall = (settings.broker_host, settings.broker_port), SystemClock()
    tls = None if signs is None else lambda session="": signs.context(wall.now(), session)
    if isinstance(settings.journal, Path):
        intake = Intake(centre, *broker, rehearsal=rehearsal, tls=tls)
        return _Hearing(intake, (intake.run(),), None)
    leases = Leases(settings.journal)
    centre.on_duty = lambda: leases.on_duty
    centre.remembers = _at_leisure(settings.journal)
    lines = Lines(centre, leases, *broker, rehearsal=rehearsal, tls=tls)
    work = (colleagues.keep(leases, centre, lines, screens), colleagues.follow(settings.journal, centre), lines.run())
    return _Hearing(lines, work, leases)


def _at_leisure(address: Address) -> Callable[[], None]:
    """Return what has the board written down by another process, one at a time."""
    under_way: set[asyncio.Task[None]] = set()

    def remember() -> None:
        if not under_way:
            task = asyncio.ensure_future(remembering.apart(address))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

    return remember


def tls_of(https: Path | None) -> ssl.SSLContext | None:
    """Return what the port speaks TLS by, from key and certificate in one file; None for plain HTTP."""
    if https is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(https)
    return context


class _Server(uvicorn.Server):
    """uvicorn, which lets the screens go before it waits for its connections to end, and stops with exit code 0."""

    def __init__(self, app: ASGIApp, live: Live, https: Path | None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=guarded(room()),
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,  # who looked at whom is no business of a web server's log
                server_header=False,
                timeout_graceful_shutdown=STOP_WITHIN_S,
                ssl_certfile=https,
            )
        )
        self._live = live

    def stop(self) -> None:
        """Stop in order; told twice, at once."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._live.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal again when it is done, which would kill us before the journal is closed.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def _keep_for_good() -> None:
    """Let Python never look for rubbish in what the journal came to: with a thousand homes that took 150 ms."""
    gc.collect()
    gc.freeze()


def _listening(host: str, port: int, *, several: bool) -> socket.socket:
    """Listen; several processes of one centre may on one port, and the system deals browsers out among those alive."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048, reuse_port=several)
    except OSError as error:
        why = str(error.strerror).partition(" (")[0]  # Python says the address once more
        raise CannotStart(f"Cannot listen on {host}:{port}: {why}. Choose another with --port.") from error


def _authority(settings: Settings) -> Authority | None:
    """Open what signs, with which the broker is spoken to as well."""
    if settings.authority is None:
        return None
    told = settings.gateways_broker or f"{settings.broker_host}:{settings.broker_port}"
    try:
        return Authority(settings.authority, broker=told, tell=settings.broker_pid)
    except BadAuthority as error:
        raise CannotStart(str(error)) from error


def _people(place: Where) -> Database:
    try:
        return people.at(place)
    except sqlite3.Error as error:
        raise CannotStart(f"Cannot open the people store {shown(place)}: {error}.") from error


def _access_log(people_store: Where) -> Database:
    place = access_log.beside(people_store)
    try:
        return access_log.at(place)
    except sqlite3.Error as error:
        raise CannotStart(f"Cannot open the access log {shown(place)}: {error}.") from error


def _centre(place: Where, clock: Clock, progress: Progress) -> Centre:
    db = None
    try:
        db = journal.at(place)
        database.attend(db)
        return Centre(db, clock, progress=progress)
    except GivenUp:
        if db is not None:
            db.close()
        raise
    except (sqlite3.Error, msgspec.DecodeError) as error:
        if db is not None:
            db.close()
        helps = "Put back a copy, or start with a new file." if isinstance(place, Path) else "Is the server there?"
        text = f"Cannot read the journal {shown(place)}: {error}. {helps}"
        raise CannotStart(text) from error
