"""Which process of a centre does what: leases in its database, that run out if they are not renewed.

One lease is the duty: only its holder escalates, sends and tidies up. The others are shares of the buildings. What is
held is decided by `deal`, a pure function of who lives and who holds what; here are the rows, the second that passes,
and the clock of the database, the one that all processes see. The holder counts by its own monotonic clock, from before
it asked, and lets go sooner than anybody else may take: two never hold one lease, however long one of them hung.
"""

import asyncio
import math
import secrets
import sqlite3
import time
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from care import database
from care.database import Address, Database
from detectors.homes import SiteId

STORE = "desk"  # the schema of these tables
DUTY = "duty"
SHARES = 16  # a share is an MQTT session: never changed while a broker keeps sessions for it
ROUND_S = 0.5  # between two renewals
LEASE_S = 4.0  # that a lease is good for, by the clock of the database
LET_GO_S = 3.0  # without a renewal its holder lets go, by its own clock
SITES_EVERY = 10  # rounds between two looks which buildings answered a roll call elsewhere

# Without a write-ahead log: after a crash of the database these begin anew, and nobody misses them.
_SCHEMA = """
CREATE UNLOGGED TABLE IF NOT EXISTS process (id TEXT PRIMARY KEY, told_at REAL NOT NULL, able INTEGER NOT NULL, body BLOB NOT NULL);
CREATE UNLOGGED TABLE IF NOT EXISTS lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS site (site TEXT PRIMARY KEY);
"""  # noqa: E501

log = structlog.get_logger()


def share_of(site: SiteId | str) -> int:
    """Return in which share a building is, from 0 to `SHARES` - 1: for good, and the same in every process.

    >>> share_of("wilg"), share_of("els")
    (6, 4)
    """
    return zlib.crc32(site.encode()) % SHARES


def lease_of(share: int) -> str:
    """Return the name of the lease on a share."""
    return f"share-{share}"


SESSIONS = ("-roll", *(f"-{share}" for share in range(SHARES)))  # by which the broker tells our connections apart
NAMES = (DUTY, *map(lease_of, range(SHARES)))


class Lease(NamedTuple):
    """Who holds something, and until when by the clock of the database, in seconds."""

    holder: str
    until: float


class Told(NamedTuple):
    """What another process last told of itself."""

    age_s: float
    body: bytes


def deal(me: str, able: Mapping[str, bool], leases: Mapping[str, Lease], now_s: float) -> frozenset[str]:
    """Return the leases that a process is to hold from now on: those it keeps, and those that are free for it.

    Shares are dealt out evenly among those who are able; who has more than that gives some back, and who has less takes
    what is free. Where nobody is able it is as if all were: somebody must go on trying.

    Parameters
    ----------
    able : the processes that live, `me` among them, and whether each can hear buildings.
    leases : as they stand; one that is not among them was never held.
    """
    players = {one for one, can in able.items() if can} or set(able)
    mine = [name for name in NAMES if (held := leases.get(name)) is not None and held.holder == me]
    free = [name for name in NAMES if (held := leases.get(name)) is None or held.until < now_s]
    if me not in players:
        return frozenset()
    fair = math.ceil(SHARES / len(players))
    shares = [name for name in mine if name != DUTY][:fair]
    shares += [name for name in free if name != DUTY and name not in shares][: fair - len(shares)]
    return frozenset(shares) | ({DUTY} & {*mine, *free})


@dataclass(slots=True)
class Leases:
    """What this process holds, as last renewed."""

    address: Address
    me: str = field(default_factory=lambda: secrets.token_hex(4))
    monotonic: Callable[[], float] = time.monotonic
    held: frozenset[str] = frozenset()
    sites: frozenset[SiteId] = frozenset()  # buildings that answered a roll call, and may not be on the board yet
    others: Mapping[str, Told] = field(default_factory=dict)  # what the other processes that live told last, by process
    _renewed_s: float = -math.inf
    _rounds: int = 0
    _db: Database | None = None

    def holds(self, name: str) -> bool:
        """Whether a lease is ours, and was renewed so lately that nobody else can have it."""
        return name in self.held and self.monotonic() - self._renewed_s < LET_GO_S

    @property
    def on_duty(self) -> bool:
        """Whether it is this process that escalates, sends and tidies up."""
        return self.holds(DUTY)

    @property
    def shares(self) -> int:
        """How many shares of the buildings are ours."""
        return sum(self.holds(name) for name in NAMES if name != DUTY)

    @property
    def processes(self) -> int:
        """How many processes of this centre live, as far as we know."""
        return 1 + len(self.others)

    @property
    def renewed(self) -> bool:
        """Whether the database has heard of us lately."""
        return self.monotonic() - self._renewed_s < LET_GO_S

    async def round(self, body: bytes, *, able: bool) -> None:
        """Renew what we hold, take what is ours to take, and tell and hear what processes tell each other.

        Raises `sqlite3.Error` when the database will not; what was held runs out by itself then.
        """
        began_s, held_before = self.monotonic(), self.held
        self.held, self.others = await asyncio.to_thread(self._round, body, able)
        self._renewed_s = began_s
        if DUTY in self.held - held_before:
            log.info("on duty", process=self.me)
        elif DUTY in held_before - self.held:
            log.info("off duty", process=self.me)

    async def found(self, sites: Collection[SiteId]) -> None:
        """Write down which buildings answered a roll call. Raises `sqlite3.Error`."""
        self.sites |= frozenset(sites)
        await asyncio.to_thread(self._found, sorted(sites))

    def leave(self) -> None:
        """Give back all at once, so that a successor need not wait; a database that will not lets it run out."""
        self.held = frozenset()
        if self._db is None:
            return
        try:
            with database.transaction(self._db):
                self._db.execute("DELETE FROM lease WHERE holder = ?", (self.me,))
                self._db.execute("DELETE FROM process WHERE id = ?", (self.me,))
        except sqlite3.Error as error:
            log.warning("leases were not given back", why=str(error))
        self._db.close()

    def _open(self) -> Database:
        if self._db is None:
            made = database.shared(self.address, STORE)
            database.make(made, _SCHEMA)
            self._db = made
        return self._db

    def _round(self, body: bytes, able: bool) -> tuple[frozenset[str], dict[str, Told]]:  # noqa: FBT001
        db = self._open()
        with database.transaction(db):
            (now_s,) = db.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
            db.execute(
                "INSERT INTO process VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
                " SET told_at = excluded.told_at, able = excluded.able, body = excluded.body",
                (self.me, now_s, int(able), body),
            )
            rows = db.execute("SELECT id, told_at, able, body FROM process WHERE told_at > ?", (now_s - LEASE_S,))
            told = {one: (now_s - at_s, bool(can), said) for one, at_s, can, said in rows}
            leases = {name: Lease(*held) for name, *held in db.execute("SELECT name, holder, until FROM lease")}
            mine = deal(self.me, {one: can for one, (_, can, _) in told.items()}, leases, now_s)
            until = now_s + LEASE_S
            db.executemany(
                "INSERT INTO lease VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
                " SET holder = excluded.holder, until = excluded.until",
                [(name, self.me, until) for name in sorted(mine)],
            )
            given = [name for name, held in leases.items() if held.holder == self.me and name not in mine]
            db.executemany("DELETE FROM lease WHERE name = ? AND holder = ?", [(name, self.me) for name in given])
            if self._rounds % SITES_EVERY == 0:
                self.sites = frozenset(SiteId(site) for (site,) in db.execute("SELECT site FROM site"))
                db.execute("DELETE FROM process WHERE told_at < ?", (now_s - 60,))
        self._rounds += 1
        return mine, {one: Told(age_s, said) for one, (age_s, _, said) in told.items() if one != self.me}

    def _found(self, sites: Collection[SiteId]) -> None:
        db = self._open()
        db.executemany("INSERT INTO site VALUES (?) ON CONFLICT DO NOTHING", [(site,) for site in sites])
