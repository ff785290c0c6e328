"""The fleet: buildings that speak the link as gateways do, many of them from one process.

Each has a journal that is nothing but its numbers and what is not answered yet. One batch is under way at a time; it is
sent again when no answer came (`care.link.Outgoing`), and what the centre has is asked once a minute.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from multiprocessing.connection import Connection
from typing import NamedTuple

import msgspec

from benchmarks import year
from benchmarks.parts import CannotMeasure
from benchmarks.scale import homes
from benchmarks.scale.homes import Site
from benchmarks.scale.line import Line
from care import link
from care.alerts import alert_of
from care.clock import SystemClock
from care.link import Batch, Beat, Have
from care.records import Record, encode
from detectors.findings import Presence, Status, What
from detectors.homes import SiteId

LINES = 4  # connections to the broker
TICK_S = 0.005
FIRST_AT_ONCE = 64  # buildings that tell of themselves for the first time at once
KNOWN_WITHIN_S = 150.0  # that a centre may take to find buildings that it does not know
A_SITE_WITHIN_S = 0.5  # and then to take what one of them tells
PATIENCE_S = 60.0  # for what is still to be answered when all was said
SEED = 4


class Play(NamedTuple):
    """What the fleet does for a while, in times a second of all of it together."""

    seconds: float
    alerts: float = 0.0
    statuses: float = 0.0
    beats: float = 0.0
    asks: float = 0.0  # questions what the centre has, beyond those of every minute


class Played(NamedTuple):
    """What came of it."""

    alerts: list[tuple[str, SiteId, int]]  # id, where, and when it was said, in monotonic nanoseconds
    statuses: int
    beats: int
    asked: int  # questions
    asked_ms: list[float]  # how long each of them waited for its answer
    unanswered: int  # records that the centre has not said it has
    seconds: float  # that saying all of it took
    again: int  # batches that were sent again

    @property
    def rate(self) -> float:
        """How many alerts a second were really said."""
        return len(self.alerts) / self.seconds


def run(pipe: Connection, port: int, size: int) -> None:
    """Be a fleet of so many homes: tell of every building, then do what is asked. Runs in a process of its own."""
    asyncio.run(_Fleet(homes.sites(size)).run(pipe, port))


class Building:
    """A building's end of the link, with what it has still to tell."""

    def __init__(self, site: Site, line: Line) -> None:
        self.site = site
        self.journal = year.journal_of(site.id)
        self.number = 0  # of its last record
        self.had: int | None = None  # up to which the centre has it; None until it has said so
        self.again = 0
        self.asked_ns = 0  # when it was asked what it has, and did not answer yet
        self._line = line
        self._topic = link.up_topic(site.id).encode()
        self._untold: deque[bytes] = deque()  # from the one after `had`
        self._sent_s: float | None = None  # when what is under way was sent, in monotonic seconds
        self._again_after_s = link.RESEND_AFTER_S
        self._spoke_s = 0.0

    @property
    def idle(self) -> bool:
        return self._sent_s is None

    @property
    def unanswered(self) -> int:
        return self.number - (self.had or 0)

    def tell(self, records: Sequence[Record]) -> None:
        """Write records into its journal, and send them unless others are under way."""
        self._untold.extend(map(encode, records))
        self.number += len(records)
        if self._sent_s is None and self.had is not None:
            self.send()

    def send(self) -> None:
        """Send what is next; nothing, if all is told."""
        if self._untold:
            told = [self._untold[n] for n in range(min(len(self._untold), link.RECORDS_MAX))]
            had = self.had or 0
            self._say(Batch(self.journal, had, had + len(told), tuple(map(msgspec.Raw, told))))
            self._sent_s = time.monotonic()
        else:
            self._sent_s = None

    def ask(self) -> None:
        """Ask what the centre has."""
        self._say(Batch(self.journal, 0, 0))
        self._sent_s = time.monotonic()

    def beat(self, said: bytes, now_s: float) -> None:
        """Give a sign of life, and look at what stands out."""
        self._line.say(self._topic, said)
        self.look(now_s)

    def look(self, now_s: float) -> None:
        """Send again what was not answered for long, and ask now and then what the centre has."""
        if self.had is None:  # as long as no process of the centre knows it, nobody hears what it asks
            self.ask()
        elif self._sent_s is not None and now_s - self._sent_s >= self._again_after_s:
            self._again_after_s = min(2 * self._again_after_s, link.RESEND_AT_MOST_S)
            self.again += 1
            self.send() if self._untold else self.ask()
        elif self._sent_s is None and now_s - self._spoke_s >= link.ASK_EVERY_S:
            self.ask()

    def answered(self, said: Have) -> None:
        """Go on from where the centre says it is. Raises `CannotMeasure` if it lost what it had."""
        upto = said.number if said.journal == self.journal else 0
        if upto < (self.had or 0) or upto > self.number:
            raise CannotMeasure(f"The centre had {self.had} records of {self.site.id}, and says that it has {upto}.")
        for _ in range(upto - (self.had or 0)):
            self._untold.popleft()
        self.had = upto
        self._again_after_s = link.RESEND_AFTER_S
        self.send()

    def heard(self, batch: Batch) -> None:
        """Take in what the centre sends: it all goes onto a disk that is not there."""
        self._say(Have(batch.journal, batch.upto))

    def _say(self, message: link.Message) -> None:
        self._spoke_s = time.monotonic()
        self._line.say(self._topic, link.encode(message))


class _Fleet:
    def __init__(self, sites: Sequence[Site]) -> None:
        self._sites = list(sites)
        self._buildings: dict[bytes, Building] = {}
        self._in_turn = homes.in_turn(self._sites)
        self._moved = homes.in_turn(self._sites)
        self._statuses = 0
        self._asked = self._beats = 0
        self._asked_ms: list[float] = []
        self._failed: CannotMeasure | None = None

    async def run(self, pipe: Connection, port: int) -> None:
        loop = asyncio.get_running_loop()
        await self._connect(port)
        beating = asyncio.create_task(self._beat_truly())
        pipe.send(await self._introduce())
        while (asked := await loop.run_in_executor(None, pipe.recv)) is not None:
            if asked.beats:
                beating.cancel()
            pipe.send(await self._play(asked))
            if asked.beats:
                beating = asyncio.create_task(self._beat_truly())
        beating.cancel()

    async def _connect(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        for number in range(LINES):
            mine = self._sites[number::LINES]
            line = Line(f"bench-fleet-{number}", self._heard)
            await loop.create_connection(lambda line=line: line, "127.0.0.1", port)  # type: ignore[misc]  # bound now
            self._buildings |= {link.down_topic(site.id).encode(): Building(site, line) for site in mine}
            await line.open([link.down_topic(site.id) for site in mine])

    def _heard(self, topic: bytes, payload: bytes) -> None:
        building = self._buildings[topic]
        said = link.decode(payload)
        if isinstance(said, Have):
            if building.asked_ns:
                self._asked_ms.append((time.monotonic_ns() - building.asked_ns) / 1e6)
                building.asked_ns = 0
            try:
                building.answered(said)
            except CannotMeasure as error:
                self._failed = error
        elif isinstance(said, Batch):
            building.heard(said)

    async def _introduce(self) -> float:
        """Let every building that is heard tell its plan and how each home is; return how many seconds that took.

        They count from the first answer on: a building that a centre does not know waits until it looks for such.
        """
        left, under_way, began_s = list(self._buildings.values()), list[Building](), 0.0
        end = time.monotonic() + KNOWN_WITHIN_S + len(left) * A_SITE_WITHIN_S
        while left or under_way:
            known = [one for one in left if one.had is not None][: FIRST_AT_ONCE - len(under_way)]
            now = SystemClock().now()
            for building in known:
                building.tell([building.site.plan(now), *_statuses(building.site, now)])
            if known:
                began_s = began_s or time.monotonic()
                left = [one for one in left if one.had is None or not one.number]
            under_way = [one for one in (*under_way, *known) if one.unanswered]
            await asyncio.sleep(TICK_S)
            self._look()
            if time.monotonic() > end:
                raise CannotMeasure(f"{len(left) + len(under_way)} buildings could not tell of themselves.")
        return time.monotonic() - began_s

    async def _beat_truly(self) -> None:
        await self._beat(len(self._buildings) / link.BEAT_S)

    async def _beat(self, a_second: float) -> None:
        """Let one building after another give a sign of life, so many a second, until cancelled."""
        buildings, began_s, beats = list(self._buildings.values()), time.monotonic(), 0
        while True:
            await asyncio.sleep(TICK_S)
            now_s, said = time.monotonic(), _beat()
            while beats < (now_s - began_s) * a_second:
                buildings[beats % len(buildings)].beat(said, now_s)
                beats += 1
            self._beats = beats

    async def _play(self, play: Play) -> Played:
        self._asked_ms, self._asked, self._beats = [], 0, 0
        again = sum(one.again for one in self._buildings.values())
        beating = asyncio.create_task(self._beat(play.beats)) if play.beats else None
        alerts = list[tuple[str, SiteId, int]]()
        statuses, asks, began_s = 0, 0, time.monotonic()
        pauses = random.Random(SEED)
        while (gone_s := time.monotonic() - began_s) < play.seconds:
            while len(alerts) < gone_s * play.alerts:
                alerts.append(self._alert())
            while statuses < gone_s * play.statuses:
                self._move()
                statuses += 1
            while asks < gone_s * play.asks:
                self._ask(pauses)
                asks += 1
            await asyncio.sleep(TICK_S)
            self._look()
        took_s, beats = time.monotonic() - began_s, self._beats
        await self._answered()
        if beating is not None:
            beating.cancel()
        unanswered = sum(one.unanswered for one in self._buildings.values())
        again = sum(one.again for one in self._buildings.values()) - again
        return Played(alerts, statuses, beats, self._asked, self._asked_ms, unanswered, took_s, again)

    async def _answered(self) -> None:
        """Wait until the centre has said that it has everything, or for long enough."""
        end = time.monotonic() + PATIENCE_S
        while any(one.unanswered for one in self._buildings.values()) and time.monotonic() < end:
            await asyncio.sleep(0.1)
            self._look()

    def _alert(self) -> tuple[str, SiteId, int]:
        site, home = next(self._in_turn)
        finding = year.found(home, What.STILL, SystemClock().now())
        at_ns = time.monotonic_ns()
        self._building(site).tell([finding])
        return alert_of(finding), site.id, at_ns

    def _move(self) -> None:
        site, home = next(self._moved)
        self._statuses += 1
        self._building(site).tell([year.change(home, self._statuses, SystemClock().now())])

    def _ask(self, pauses: random.Random) -> None:
        building = self._building(pauses.choice(self._sites))
        if building.idle:
            building.asked_ns = time.monotonic_ns()
            self._asked += 1
            building.ask()

    def _building(self, site: Site) -> Building:
        return self._buildings[link.down_topic(site.id).encode()]

    def _look(self) -> None:
        if self._failed is not None:
            raise self._failed


def _beat() -> bytes:
    now = SystemClock().now()
    return link.encode(Beat(now, proof=now))


def _statuses(site: Site, at: datetime) -> list[Status]:
    return [
        Status(at=at, home=site.home(number), presence=Presence.BED, since=at) for number in range(1, site.homes + 1)
    ]
