"""The command walk-test, with a real broker, a daemon, and a stand-in bridge: somebody does what the page says."""

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from care import homes
from care.alerts import Tier, alert_of, urgency
from care.clock import SystemClock
from care.ids import StaffId
from care.proofs import Walked, Walking
from care.records import Claimed, Delivered, Record, Unreadable
from detectors.findings import Finding, Perhaps, What
from detectors.homes import Kind
from gateway import walks
from gateway.installer import proofs
from tests.conftest import Mosquitto, browser_part
from tests.gateway.bridge import Thing, Zigbee2MQTT
from tests.gateway.bridge_models import MODELS
from tests.gateway.daemons import Building, ordered
from tests.stories import a_home, a_site

HOME = a_home()
STEPS: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "door": ({"contact": False}, {"contact": True}),
    "bed": ({"occupancy": True}, {"occupancy": False}),
    "button": ({"action": "single"}, {}),
}
MOTION: tuple[dict[str, object], dict[str, object]] = ({"occupancy": True}, {})


@pytest.fixture
def building(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[Building]:
    made = Building(mosquitto, tmp_path, f"z2m-{tmp_path.name}", rehearsal=False, home=HOME)
    made.start()
    made.until(bool)
    yield made
    made.close()


@pytest.fixture
def bridge(building: Building) -> Iterator[Zigbee2MQTT]:
    with Zigbee2MQTT(building.broker.host, building.broker.port, base=building.base, now=SystemClock().now()) as made:
        model = next(iter(MODELS.values()))
        made.config["advanced"]["cache_state"] = False
        made.holds(Thing(f"0x{n:016x}", model, name=str(one.id)) for n, one in enumerate(HOME.sensors, start=1))
        yield made


class Command:
    """The real command in a process of its own."""

    def __init__(self, building: Building, folder: Path, *more: str) -> None:
        plan, self._told = folder / "site.toml", folder / "told.txt"
        plan.write_text(homes.write(a_site(HOME)))
        broker = f"{building.broker.host}:{building.broker.port}"
        places = ("--base", building.base, "--identity", str(folder / "identity"), "--proofs", str(folder / "proofs"))
        self._err = self._told.open("w")
        self._process = subprocess.Popen(
            [
                sys.executable,
                "nachtwacht.py",
                "walk-test",
                "--plan",
                plan,
                "--broker",
                broker,
                "--json",
                *places,
                *more,
            ],
            stdout=subprocess.PIPE,
            stderr=self._err,
            text=True,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ".", "NACHTWACHT_LANGUAGE": "en", "COLUMNS": "200"},
        )

    def url(self) -> str:
        end = time.monotonic() + 60
        while "http://" not in (told := self._told.read_text()):
            assert self._process.poll() is None, told
            assert time.monotonic() < end, told
            time.sleep(0.05)
        return "http://" + told.partition("http://")[2].split()[0]

    def answer(self) -> tuple[int, dict[str, object]]:
        out, _ = self._process.communicate(timeout=90)
        assert out, self._told.read_text()
        return self._process.returncode, json.loads(out)

    def end(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=20)
        self._err.close()


Start = Callable[..., Command]


@pytest.fixture
def start(building: Building, bridge: Zigbee2MQTT, tmp_path: Path) -> Iterator[Start]:
    begun: list[Command] = []

    def command(*more: str) -> Command:
        begun.append(Command(building, tmp_path, *more))
        return begun[-1]

    yield command
    for one in begun:
        one.end()


def page(url: str, language: str = "en") -> str:
    asked = urllib.request.Request(url, headers={"Accept-Language": language})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return str(answer.read().decode())


def walked(url: str, bridge: Zigbee2MQTT, says: Callable[[str, bool], dict[str, object]]) -> None:
    """Do what the page says, until the desk is waited for."""
    addresses = {thing.name: address for address, thing in bridge.things.items()}
    done: set[tuple[str, str]] = set()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        shown = page(url)
        if 'class="now"' not in shown:
            return
        name = shown.partition('class="now"')[2].partition("<b>")[2].partition("</b>")[0]
        ends = "Get up" in shown or "Close that" in shown
        if (name, str(ends)) not in done:
            done.add((name, str(ends)))
            bridge.says(addresses[name], **says(name.partition("/")[2], ends))
        time.sleep(0.05)
    raise AssertionError("the walk did not end")


def right(name: str, ends: bool) -> dict[str, object]:
    return STEPS.get(name, MOTION)[ends]


def pressed(building: Building) -> Finding:
    records = building.until(lambda known: any(isinstance(one, Finding) and one.what is What.BUTTON for one in known))
    return next(one for one in records if isinstance(one, Finding) and one.what is What.BUTTON)


def test_a_home_is_walked_by_the_phone_its_call_answered_and_its_proof_told_the_centre(
    building: Building, bridge: Zigbee2MQTT, start: Start, tmp_path: Path
) -> None:
    more = ("--home", "12", "--journal", str(building.file), "--page", "127.0.0.1:0", "--by", "installer-1")
    command = start(*more)
    url = command.url()
    building.until(lambda known: any(isinstance(one, Walking) for one in known))
    walked(url, bridge, right)
    call = pressed(building)
    assert Perhaps.WALK in call.perhaps
    assert urgency(call, HOME) is Tier.ACUTE  # a help button calls, whoever is testing
    assert "Wait until the desk" in page(url)
    now, alert = SystemClock().now(), alert_of(call)
    ordered(building, 1, Delivered(at=now, home=HOME.id, alert=alert, screen="desk-2"))
    ordered(building, 2, Claimed(at=now, home=HOME.id, alert=alert, by=StaffId("s-1")))
    code, answer = command.answer()
    assert (code, answer["proven"], answer["why"], answer["taken"]) == (0, True, "", True)
    (proof,) = [one for one in building.records() if isinstance(one, Walked)]
    assert proof == proofs.verify(tmp_path / "proofs" / "wilg-12.json")
    assert proof.shown is not None
    assert (proof.shown.screen, proof.by) == ("desk-2", "installer-1")
    assert (tmp_path / "proofs" / "wilg-12.pdf").read_bytes().startswith(b"%PDF")
    walking = [one for one in building.until(_ended) if isinstance(one, Walking)]
    assert walking[-1].until == walking[-1].at
    with pytest.raises(OSError, match="refused"):
        page(url)


def _ended(known: list[Record]) -> bool:
    return any(isinstance(one, Walking) and one.until == one.at for one in known)


def test_without_a_centre_it_is_walked_and_finished_later(
    building: Building, bridge: Zigbee2MQTT, start: Start, tmp_path: Path
) -> None:
    journal = ("--journal", str(building.file))
    command = start("--home", "12", *journal, "--page", "127.0.0.1:0", "--wait", "1")
    walked(command.url(), bridge, right)
    code, answer = command.answer()
    assert (code, answer["proven"], answer["why"]) == (0, False, "unseen")
    call, now = pressed(building), SystemClock().now()
    ordered(building, 1, Delivered(at=now, home=HOME.id, alert=alert_of(call), screen="desk-1"))
    ordered(building, 2, Claimed(at=now, home=HOME.id, alert=alert_of(call), by=StaffId("s-1")))
    building.until(lambda known: any(isinstance(one, Claimed) for one in known))
    code, answer = start("--finish", *journal).answer()
    assert (code, answer["proven"], answer["taken"]) == (0, True, True)
    assert proofs.verify(tmp_path / "proofs" / "wilg-12.json").shown is not None


def test_a_bed_the_wrong_way_round_is_not_proven_and_says_what_to_do(
    building: Building, bridge: Zigbee2MQTT, start: Start, tmp_path: Path
) -> None:
    def says(name: str, ends: bool) -> dict[str, object]:
        return right(name, ends if name != "bed" else not ends)

    command = start("--home", "12", "--page", "127.0.0.1:0")
    url = command.url()
    bed = next(address for address, thing in bridge.things.items() if thing.name == "12/bed")

    def again() -> None:  # the second round: lies down once more
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                shown = page(url)
            except OSError:
                return
            if "the wrong way round" in shown and 'class="now"' in shown and "12/bed" in _asked(shown):
                bridge.says(bed, occupancy="Get up" in shown)
            time.sleep(0.1)

    second = threading.Thread(target=again)
    walker = threading.Thread(target=lambda: _quietly(lambda: walked(url, bridge, says)))
    walker.start()
    second.start()
    code, answer = command.answer()
    walker.join(60)
    second.join(60)
    assert (code, answer["proven"], answer["why"]) == (1, False, "failed")
    proof = proofs.verify(tmp_path / "proofs" / "wilg-12.json")
    assert {one.verdict.value for one in proof.sensors if one.place.kind is Kind.BED} == {"reversed"}


def _asked(shown: str) -> str:
    return shown.partition('class="now"')[2].partition("</li>")[0]


def _quietly(does: Callable[[], None]) -> None:
    try:
        does()
    except OSError:
        return  # the command has ended, and its page with it


def test_the_page_is_there_for_who_knows_its_address_in_their_language_and_needs_no_script(
    start: Start,
) -> None:
    url = start("--home", "12", "--page", "127.0.0.1:0").url()
    assert 'lang="nl"' in page(url, "nl-NL")
    assert "Doe de deur van 12/door open." in page(url, "nl-NL")
    for other in ("/", "/x/", f"/{'a' * 22}/", url.removeprefix("http://").partition("/")[2] + "../etc/passwd"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            page("http://" + url.removeprefix("http://").partition("/")[0] + "/" + other.lstrip("/"))
        assert refused.value.code == 404
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_part())
        phone = browser.new_context(viewport={"width": 390, "height": 844}, locale="nl-NL", java_script_enabled=False)
        seen = phone.new_page()
        wrong: list[str] = []
        seen.on("console", lambda said: wrong.append(said.text))
        answer = seen.goto(url)
        assert answer is not None
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert seen.locator(".do p").first.inner_text() == "Doe de deur van 12/door open."
        assert seen.locator(".sensors li").count() == len(HOME.sensors)
        assert wrong == []
        browser.close()


def test_what_no_walk_test_says_is_kept_as_a_trouble_and_stops_nothing(building: Building) -> None:
    def said(known: list[Record]) -> bool:
        building.hand.publish(walks.topic(a_site(HOME).id), b"\xff{", qos=1).wait_for_publish(10)
        return any(isinstance(one, Unreadable) for one in known)

    assert not any(isinstance(one, Walking | Walked) for one in building.until(said))
