"""Two desks of one centre, as they are started: whichever is killed, no alert is lost or doubled; pages come back."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import aiomqtt
import msgspec
import pytest
from playwright.async_api import async_playwright

from care import database, journal, link
from care.alerts import alert_of
from care.asking import Passed
from care.clock import REHEARSAL_TOPIC
from care.database import Address
from care.link import Batch, Beat, Have
from care.records import CENTRE, Record, encode
from dashboard import people
from dashboard.leases import DUTY, STORE
from detectors.findings import Finding
from detectors.homes import HomeId, SiteId
from tests.conftest import Mosquitto, browser_part, free_port, new_mosquitto, wait_until_read
from tests.dashboard.conftest import NIGHT, PASSWORD, eventually, finding, plan
from tests.dashboard.test_outbox import agreed
from tests.postgres import Postgres

pytestmark = pytest.mark.anyio

SITES = tuple(map(SiteId, ("wilg", "els", "eik", "berk", "beuk", "linde")))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = new_mosquitto(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def address(postgres: Postgres) -> Address:
    made = postgres.new()
    with closing(people.at(made)) as store:
        people.add_staff(store, "sanne", first_name="Sanne", initials="SV", password=PASSWORD)
    with closing(journal.at(made)) as book:  # without anybody to ask there is nothing to escalate
        journal.append(book, [agreed("sms")], recorded_at=NIGHT - timedelta(days=1))
    return made


@dataclass
class Desk:
    """One process of the centre."""

    address: Address
    broker: Mosquitto
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    said: Path = field(init=False)

    def start(self) -> None:
        self.said = self.folder / f"desk-{time.monotonic_ns()}.log"
        command = [sys.executable, "-m", "nachtwacht", "desk", "run", "--rehearsal"]
        command += ["--journal", self.address, "--people", self.address]
        command += ["--broker", f"127.0.0.1:{self.broker.port}", "--port", str(self.port)]
        with self.said.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"NO_COLOR": "1"})

    def end(self, how: signal.Signals = signal.SIGKILL) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(20)


@contextmanager
def desks(address: Address, broker: Mosquitto, folder: Path, *ports: int) -> Iterator[list[Desk]]:
    made = [Desk(address, broker, folder, port) for port in ports]
    try:
        for one in made:
            one.start()
        yield made
    finally:
        for one in made:
            if one.process is not None and one.process.poll() is None:
                one.end()


def holder(address: Address) -> str | None:
    """Return which process is on duty."""
    with closing(database.shared(address, STORE)) as db:
        try:
            row = db.execute("SELECT holder FROM lease WHERE name = ?", (DUTY,)).fetchone()
        except sqlite3.DatabaseError:
            return None  # no desk has begun
    return None if row is None else str(row[0])


def on_duty(address: Address, of: list[Desk]) -> Desk:
    """Return the desk that is on duty, by what each has said of it."""
    name = holder(address)
    return next(one for one in of if f"process={name}" in one.said.read_text())


def kept(address: Address) -> list[Record]:
    with closing(journal.at(address)) as db:
        return [entry.record for entry in journal.read_after(db, 0)]


class Fleet:
    """Buildings that tell what a story says until they are answered, as gateways do."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.logs: dict[SiteId, list[bytes]] = {site: [encode(plan(site, *homes_of(site)))] for site in SITES}
        self.had: dict[SiteId, int] = dict.fromkeys(SITES, 0)
        self.findings: list[Finding] = []

    @property
    def all_had(self) -> bool:
        return all(self.had[site] == len(log) for site, log in self.logs.items())

    def find(self, site: SiteId, number: int, at: datetime) -> None:
        one = finding(homes_of(site)[number % 4], at=at)
        self.findings.append(one)
        self.logs[site].append(encode(one))

    async def send(self, site: SiteId) -> None:
        had, log = self.had[site], self.logs[site]
        told = tuple(msgspec.Raw(body) for body in log[had : had + 50])
        if told:
            said = Batch(f"journal-of-{site}", had, had + len(told), told)
            await self.client.publish(link.up_topic(site), link.encode(said), qos=1)

    async def speak(self) -> None:
        while True:
            for site in SITES:
                await self.client.publish(link.up_topic(site), link.encode(Beat(NIGHT)), qos=1)
                await self.send(site)
            await asyncio.sleep(0.5)

    async def listen(self) -> None:
        async for message in self.client.messages:
            site = SiteId(message.topic.value.split("/")[1])
            assert isinstance(message.payload, bytes)
            match link.decode(message.payload):
                case Have() as have if have.journal == f"journal-of-{site}":
                    self.had[site] = max(self.had[site], have.number)
                case Batch() as asked:
                    answer = Have(asked.journal, asked.upto)
                    await self.client.publish(link.up_topic(site), link.encode(answer), qos=1)

    async def it_is(self, moment: datetime) -> None:
        await self.client.publish(REHEARSAL_TOPIC, moment.isoformat(), qos=1)


def homes_of(site: SiteId) -> list[HomeId]:
    return [HomeId(f"{site}/{number}") for number in range(4)]


@asynccontextmanager
async def fleet(broker: Mosquitto) -> AsyncIterator[Fleet]:
    async with aiomqtt.Client(broker.host, broker.port, identifier="fleet") as client:
        made = Fleet(client)
        for site in SITES:
            await client.subscribe(link.down_topic(site), qos=1)
        talking = [asyncio.create_task(made.speak()), asyncio.create_task(made.listen())]
        try:
            yield made
        finally:
            for one in talking:
                one.cancel()
            await asyncio.gather(*talking, return_exceptions=True)


async def within(seconds: float, true: Callable[[], bool]) -> None:
    await eventually(true, within_s=seconds)


@pytest.mark.timeout(240)
async def test_whichever_of_two_desks_is_killed_every_alert_is_there_once_and_asked_about_once(
    address: Address, broker: Mosquitto, tmp_path: Path
) -> None:
    clock = NIGHT
    with desks(address, broker, tmp_path, free_port(), free_port()) as both:
        for one in both:
            await asyncio.to_thread(wait_until_read, f"http://127.0.0.1:{one.port}")
        async with fleet(broker) as buildings:
            await buildings.it_is(clock)
            await within(30, lambda: buildings.all_had)  # found by a roll call, and their plans taken in
            for turn in range(3):
                dies = on_duty(address, both)
                if turn == 1:  # the one that is not
                    dies = next(one for one in both if one is not dies)
                before = holder(address)
                for number in range(40):
                    for site in SITES:
                        buildings.find(site, turn * 40 + number, clock + timedelta(milliseconds=number))
                        await buildings.send(site)
                    if number == 15:
                        await asyncio.to_thread(dies.end)
                        killed_s = time.monotonic()
                    await asyncio.sleep(0.02)
                if turn != 1:
                    await within(15, lambda before=before: holder(address) not in {before, None})  # type: ignore[misc]
                    assert time.monotonic() - killed_s < 15
                await within(30, lambda: buildings.all_had)
                dies.start()
                await asyncio.to_thread(wait_until_read, f"http://127.0.0.1:{dies.port}")
                for _ in range(4):
                    clock += timedelta(minutes=1)
                    await buildings.it_is(clock)
                    await asyncio.sleep(1.2)  # real seconds: both look around once a second
        for one in both:
            assert one.end(signal.SIGTERM) == 0, one.said.read_text()
            assert "Traceback" not in one.said.read_text()
    records = kept(address)
    told = Counter(encode(one) for one in records if isinstance(one, Finding) and not one.home.startswith(CENTRE))
    assert told == Counter({encode(one): 1 for one in buildings.findings})
    asked = Counter((one.alert, one.step) for one in records if isinstance(one, Passed))
    assert asked, "nobody was ever asked: the story proves nothing"
    assert {one.alert for one in records if isinstance(one, Passed)} >= {
        alert_of(one) for one in buildings.findings[:6]
    }
    assert max(asked.values()) == 1


@pytest.mark.timeout(120)
async def test_a_page_comes_back_by_itself_from_the_desk_that_is_left(
    address: Address, broker: Mosquitto, tmp_path: Path
) -> None:
    """Both listen on one port; the system deals out who comes among those that live."""
    port = free_port()
    with desks(address, broker, tmp_path, port, port) as both:
        for _ in both:
            await asyncio.to_thread(wait_until_read, f"http://127.0.0.1:{port}")
        await within(20, lambda: all("the desk is open" in one.said.read_text() for one in both))
        async with fleet(broker) as buildings, async_playwright() as browsers:
            browser = await browsers.chromium.launch(executable_path=browser_part(), args=["--no-sandbox"])
            page = await browser.new_page()
            await page.goto(f"http://127.0.0.1:{port}/sign-in")
            await page.fill("[name=name]", "sanne")
            await page.fill("[name=password]", PASSWORD)
            await page.press("[name=password]", "Enter")
            await buildings.it_is(NIGHT)
            await page.get_by_text("De Wilg").first.wait_for(timeout=40_000)
            for number, dies in enumerate(both):
                await asyncio.to_thread(dies.end)
                one = finding(homes_of(SITES[0])[number], at=NIGHT + timedelta(seconds=number))
                buildings.logs[SITES[0]].append(encode(one))
                await buildings.send(SITES[0])
                await page.locator(f"[data-alert='{alert_of(one)}']").first.wait_for(timeout=30_000)
                dies.start()
                await within(30, lambda dies=dies: "the desk is open" in dies.said.read_text())  # type: ignore[misc]
            await browser.close()
