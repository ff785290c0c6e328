"""What is measured, running: a broker, a store, desks of one centre, the fleet before them and pages open at them."""

import secrets
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from benchmarks.parts import CannotMeasure, Part, apart
from benchmarks.reliability.kills import Fallible
from benchmarks.scale import fleet, homes, pages
from benchmarks.scale.fleet import Play, Played
from benchmarks.scale.pages import Page, Shown
from care.clock import SystemClock
from care.database import Database, Where, transaction
from care.ids import StaffId
from dashboard import organisations, people, scraping
from dashboard.organisations import Role
from tests.postgres import Postgres, new_postgres

OPEN_WITHIN_S = 300.0  # a desk, on everything that the fleet has told
PATIENCE_S = 120.0


class Store(StrEnum):
    """Where the centre keeps what it knows."""

    POSTGRES = "postgres"
    SQLITE = "sqlite"  # of one desk


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What runs."""

    store: Store = Store.POSTGRES
    desks: int = 2

    @property
    def may_write_beside(self) -> bool:
        """Whether somebody may write in the journal beside the desks."""
        return self.store is Store.POSTGRES

    def __post_init__(self) -> None:
        if self.store is Store.SQLITE and self.desks != 1:
            raise CannotMeasure("On SQLite runs one desk: say --desks 1, or --store postgres.")


@dataclass(kw_only=True)
class Running:
    """All of it. Processes are ended by whoever leaves `running`."""

    parts: Fallible
    database: Postgres | None
    journal: Where
    people: Where
    cookies: Sequence[str]  # of somebody at the desk of each organisation
    token: str  # by which the figures of a desk may be read
    sites: int
    desks: list[Part] = field(default_factory=list)
    fleet: Connection = field(init=False)
    pages: Connection = field(init=False)
    told_of_s: float = 0.0  # that the fleet took to tell of itself

    def play(self, play: Play) -> Played:
        """Let the fleet do something, and wait until it is done."""
        self.begin(play)
        return self.ended(play)

    def begin(self, play: Play) -> None:
        """Let the fleet begin to do something."""
        self.fleet.send(play)

    def ended(self, play: Play) -> Played:
        """Return what came of what the fleet was asked to do. Raises `CannotMeasure` if it does not end."""
        played: Played = _heard(self.fleet, "fleet", play.seconds + fleet.PATIENCE_S + PATIENCE_S)
        return played

    def shown(self, *, forget: bool = False) -> Shown:
        """Return what came to the pages since they last forgot; they may do so again."""
        self.pages.send("forget" if forget else "tell")
        shown: Shown = _heard(self.pages, "pages", PATIENCE_S)
        return shown

    def processor_s(self) -> dict[str, float]:
        """Return the seconds of a processor that each part has taken so far."""
        took = {desk.name: _processor_s(psutil.Process(desk.pid)) for desk in self.desks}
        took["broker"] = _processor_s(psutil.Process(self.parts.broker.pid))
        if self.database is not None and self.database.process is not None:
            server = psutil.Process(self.database.process.pid)
            took["database"] = sum(map(_processor_s, [server, *server.children(recursive=True)]))
        return took

    def start_desk(self, name: str, *, port: int = 0) -> Part:
        """Start a desk on the stores that all of them share."""
        return self.parts.desk_on(self.journal, self.people, name=name, port=port, within_s=OPEN_WITHIN_S)

    def figure(self, desk: Part, name: str) -> float | None:
        """Return one of the figures of a desk; None if it does not answer, or has none of that name."""
        asked = urllib.request.Request(f"{desk.address}/metrics", headers={"Authorization": f"Bearer {self.token}"})
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return None
        return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), None)


@contextmanager
def running(size: int, setting: Setting, *, everywhere: bool = False) -> Iterator[Running]:
    """Start all of it for so many homes, with every building known, and an open page of each organisation.

    The pages of the organisations stand at the desks in turn; with `everywhere`, each of them at every desk.
    """
    of, sites = homes.organisations(size), homes.sites(size)
    with ExitStack() as open_things:
        parts = open_things.enter_context(Fallible())
        database = open_things.enter_context(_postgres()) if setting.store is Store.POSTGRES else None
        place: Where = parts.folder / "centre.db" if database is None else database.new()
        store: Where = parts.folder / "people.db" if database is None else place
        with closing(people.at(store)) as db:
            cookies = _owners(db, sites, of)
            token = scraping.make_token(db, SystemClock().now())
        made = Running(
            parts=parts, database=database, journal=place, people=store, cookies=cookies, token=token, sites=len(sites)
        )
        made.desks += [made.start_desk(f"desk-{number}") for number in range(setting.desks)]
        made.fleet = open_things.enter_context(apart(fleet.run, parts.port, size))
        made.told_of_s = _heard(
            made.fleet, "fleet", PATIENCE_S + fleet.KNOWN_WITHIN_S + fleet.A_SITE_WITHIN_S * len(sites)
        )
        made.pages = open_things.enter_context(apart(pages.watch, _pages(made, everywhere=everywhere)))
        _heard(made.pages, "pages", PATIENCE_S)
        yield made


def _pages(made: Running, *, everywhere: bool) -> list[Page]:
    return [
        Page(place, desk.port, cookie)
        for number, cookie in enumerate(made.cookies)
        for place, desk in enumerate(made.desks)
        if everywhere or place == number % len(made.desks)
    ]


def _owners(db: Database, sites: Sequence[homes.Site], of: int) -> list[str]:
    """Give every building its owner, and each of these somebody at the desk; return the cookies of their sessions."""
    now, cookies = SystemClock().now(), []
    for number in range(of):
        organisations.make(db, f"o{number}", f"Organisation {number}")
        who = StaffId(f"s-bench-{number}")
        # Nobody signs in with a password: making one takes long, and its session is begun here.
        db.execute("INSERT INTO staff VALUES (?, ?, ?, ?, ?)", (who, f"bench {number}", "Bench", "B", ""))
        organisations.appoint(db, who, f"o{number}", Role.DESK)
        cookies.append(f"nachtwacht={people.start_session(db, who, now)}")
    with transaction(db):
        for site in sites:
            organisations.give(db, site.id, homes.owner(site, of))
    return cookies


@contextmanager
def _postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix=f"nachtwacht-bench-{secrets.token_hex(2)}-") as folder:
        server = new_postgres(Path(folder), fsync=True)
        try:
            yield server
        finally:
            server.stop()


def _processor_s(process: psutil.Process) -> float:
    try:
        took = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return took.user + took.system


def _heard(pipe: Connection, who: str, within_s: float) -> Any:
    if not pipe.poll(within_s):
        raise CannotMeasure(f"The {who} was not done within {within_s:.0f} s.")
    try:
        return pipe.recv()
    except EOFError as error:
        raise CannotMeasure(f"The {who} stopped before it was done.") from error
