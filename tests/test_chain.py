"""From a sensor to a person: a real broker, the two real processes, a real browser, and back to the building."""

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import Page, expect, sync_playwright

from care import homes, journal
from care.clock import REHEARSAL_TOPIC
from care.records import BackTested, Claimed, Delivered, Plan, Record, Resolved
from detectors.findings import Finding, What
from detectors.moments import SensorEvent
from gateway.connection import leave
from tests.conftest import Mosquitto, browser_part, free_port, wait_for_port
from tests.stories import a_home, a_site, events, instant

PASSWORD = "maan en sterren"


class Chain:
    """A building and a centre as processes of their own, and a hand on the sensors and on the clock."""

    def __init__(self, broker: Mosquitto, folder: Path) -> None:
        self.folder = folder
        self.base = f"z2m-{folder.name}"
        self.port = free_port()
        self._broker = f"{broker.host}:{broker.port}"
        self._processes: list[subprocess.Popen[bytes]] = []
        (folder / "site.toml").write_text(homes.write(a_site(a_home("11"), a_home("12"))))
        self.hand = mqtt.Client(CallbackAPIVersion.VERSION2, f"hand-{self.base}", protocol=mqtt.MQTTv311)
        self.hand.connect(broker.host, broker.port)
        self.hand.loop_start()

    def start(self) -> None:
        people = ["--people", "people.db"]
        self._run("desk", "staff", "add", "sanne", "--first-name", "Sanne", "--initials", "SK", *people, typed=PASSWORD)
        self._run("desk", "resident", "name", "r-12", "mevrouw Jansen", *people)
        building = ["gateway", "run", "--plan", "site.toml", "--journal", "gateway.db", "--base", self.base]
        self._keep_running(*building, "--broker", self._broker, "--centre", self._broker, "--rehearsal")
        centre = ["desk", "run", "--journal", "centre.db", *people, "--broker", self._broker, "--rehearsal"]
        self._keep_running(*centre, "--port", str(self.port))
        wait_for_port(self.port)
        self.eventually("gateway.db", lambda one: isinstance(one, Plan), lambda: self.clock("22:00"))

    def stop(self) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(20) for process in self._processes] == [0, 0]
        leave(self.hand)

    def clock(self, at: str) -> None:
        self.hand.publish(REHEARSAL_TOPIC, instant(at).isoformat(), qos=1).wait_for_publish(10)

    def say(self, at: str, sensor: str, **values: object) -> None:
        self.clock(at)
        body = json.dumps({**values, "last_seen": instant(at).isoformat()})
        self.hand.publish(f"{self.base}/{sensor}", body, qos=1).wait_for_publish(10)

    def records(self, file: str) -> list[Record]:
        try:
            with contextlib.closing(journal.connect(self.folder / file, read_only=True)) as db:
                return [entry.record for entry in journal.read_after(db, 0)]
        except sqlite3.OperationalError:
            return []  # not there yet

    def eventually(
        self, file: str, found: Callable[[Record], bool], meanwhile: Callable[[], None] = lambda: None
    ) -> Record:
        """Wait, bounded, for a record in a journal."""
        end = time.monotonic() + 30
        while not (there := [one for one in self.records(file) if found(one)]):
            meanwhile()
            assert time.monotonic() < end
            time.sleep(0.05)
        return there[0]

    def _run(self, *arguments: str, typed: str = "") -> None:
        command = [sys.executable, "-m", "nachtwacht", *arguments, *(["--password-from-stdin"] if typed else [])]
        done = subprocess.run(command, cwd=self.folder, input=typed.encode(), env=ENVIRONMENT, check=False)
        assert done.returncode == 0

    def _keep_running(self, *arguments: str) -> None:
        log = (self.folder / f"{arguments[0]}.log").open("wb")
        with log:
            command = [sys.executable, "-m", "nachtwacht", *arguments]
            process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env=ENVIRONMENT)
        self._processes.append(process)


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


@pytest.fixture
def chain(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[Chain]:
    chain = Chain(mosquitto, tmp_path)
    chain.start()
    yield chain
    chain.stop()


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as browsers, browsers.chromium.launch(executable_path=browser_part()) as chromium:
        yield chromium.new_page(viewport={"width": 1366, "height": 768}, locale="nl-NL")


def test_an_empty_bed_at_ten_past_two_is_claimed_and_resolved_and_the_building_hears_of_it(
    chain: Chain, page: Page
) -> None:
    page.goto(f"http://127.0.0.1:{chain.port}/")
    page.fill("input[name=name]", "sanne")
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    expect(page.locator(".tile")).to_have_count(2)

    for home in ("11", "12"):
        chain.say("22:40", f"{home}/bed", occupancy=True)
    expect(page.locator(".tile").nth(1)).to_contain_text("Bed")
    chain.say("02:10", "12/bed", occupancy=False)
    expect(page.locator(".tile").nth(1)).to_contain_text("Op")  # live: nobody reloads
    expect(page.locator("article.alert")).to_have_count(0)

    chain.clock("02:31")
    card = page.locator("article.alert")
    expect(card).to_contain_text("Uit bed, verder niets gezien")
    expect(card).to_contain_text("ging om 02:10 uit bed")
    expect(card).to_contain_text("mevrouw Jansen")
    chain.eventually("gateway.db", lambda one: isinstance(one, Delivered))

    card.get_by_role("button", name="Ik pak op").click()
    chain.eventually("gateway.db", lambda one: isinstance(one, Claimed))
    card.get_by_role("link", name="Open").click()
    page.get_by_text("Gerustgesteld", exact=True).click()
    page.get_by_role("button", name="via beeldbellen").click()

    resolved = chain.eventually("gateway.db", lambda one: isinstance(one, Resolved))
    assert isinstance(resolved, Resolved)
    assert (resolved.home, resolved.outcome, resolved.how) == ("wilg/12", "reassured", "video")
    page.goto(f"http://127.0.0.1:{chain.port}/")
    expect(page.locator("article.alert")).to_have_count(0)
    assert no_name_in(chain)


def test_a_limit_is_looked_back_on_in_the_building_then_agreed_and_then_watched_by(
    mosquitto: Mosquitto, tmp_path: Path, page: Page
) -> None:
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        for one in events(a_home("12"), ["22:40 bed in", "02:00 bed out", "02:30 bed in", "07:10 bed out"]):
            earlier = msgspec.structs.replace(one, at=one.at - timedelta(days=3))
            journal.append(db, [earlier], recorded_at=earlier.at)
    chain = Chain(mosquitto, tmp_path)
    chain.start()
    try:
        chain.eventually("centre.db", lambda one: isinstance(one, Plan))
        page.goto(f"http://127.0.0.1:{chain.port}/sign-in?to=/homes/wilg/12/agreements")
        page.fill("input[name=name]", "sanne")
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        page.get_by_label("Uit bed, verder niets gezien").fill("4")
        page.get_by_role("button", name="Kijk terug").click()
        looked = page.locator("#looked-back")
        expect(looked.locator(".sentence")).to_be_visible(timeout=30_000)  # the building has worked it out
        expect(looked).to_contain_text(re.compile(r"Die van za\s28\sfeb\s02:20 was 16\sminuten eerder gekomen"))
        answer = chain.eventually("centre.db", lambda one: isinstance(one, BackTested))
        assert isinstance(answer, BackTested)
        assert answer.found is not None
        assert [one.would.at for one in answer.found.pairs if one.would and one.would.what is What.OOB_UNSEEN] == [
            instant("02:04") - timedelta(days=3)
        ]

        looked.get_by_text("De cliënt wil het zo").click()
        page.get_by_role("button", name="Leg deze afspraak vast").click()
        expect(page.locator(".changed > li")).to_contain_text("4 minuten")
        chain.eventually(
            "centre.db", lambda one: isinstance(one, Plan) and one.homes[1].limits.oob_unseen == 4
        )  # the building says that it holds
        page.reload()
        expect(page.locator(".changed > li")).not_to_contain_text("onderweg")

        chain.say("22:40", "12/bed", occupancy=True)
        chain.say("02:10", "12/bed", occupancy=False)
        chain.clock("02:16")
        tonight = instant("02:00")
        found = chain.eventually("centre.db", lambda one: isinstance(one, Finding) and one.at > tonight)
        assert isinstance(found, Finding)
        assert (found.at, found.what, found.limit) == (instant("02:14"), What.OOB_UNSEEN, 4)
        raw = [one for one in chain.records("centre.db") if isinstance(one, SensorEvent)]
        assert raw == []  # what the sensors said has stayed in the building
        assert no_name_in(chain)
    finally:
        chain.stop()


def no_name_in(chain: Chain) -> bool:
    """Whether neither journal nor log knows what the resident is called."""
    written = [(chain.folder / name).read_bytes() for name in ("gateway.db", "centre.db", "gateway.log", "desk.log")]
    return not any(b"Jansen" in one for one in written)
