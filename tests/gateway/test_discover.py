"""`sensor discover` as an installer runs it: a real process, a real broker, a stand-in bridge."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from care import homes
from care.homes import Device
from detectors.homes import SensorId
from nachtwacht import cli
from tests.conftest import Mosquitto, free_port
from tests.gateway.bridge import Thing, Zigbee2MQTT, a_box
from tests.stories import a_site

BED, DOOR = "12/bed", "12/door"


@pytest.fixture
def box() -> list[Thing]:
    return a_box("TS0601_bed_presence_sensor", "MCCGQ11LM", "SNZB-03")


@pytest.fixture
def plan(tmp_path: Path, box: list[Thing]) -> Path:
    """A plan in which two of a home's sensors say which device they are."""
    devices = {SensorId(BED): Device(address=box[0].address), SensorId(DOOR): Device(address=box[1].address.upper())}
    file = tmp_path / "site.toml"
    file.write_text(homes.write(msgspec.structs.replace(a_site(), devices=devices)))
    return file


def words(plan: Path, mosquitto: Mosquitto, *more: str) -> list[str]:
    broker = f"{mosquitto.host}:{mosquitto.port}"
    return ["sensor", "discover", "--plan", str(plan), "--broker", broker, "--home", "12", *more]


def begun(plan: Path, mosquitto: Mosquitto, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "nachtwacht", *words(plan, mosquitto, "--json", "--yes", *more)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, list[dict[str, Any]]]:
    out, wrong = process.communicate(timeout=60)
    assert "Traceback" not in wrong
    return process.returncode, [json.loads(line) for line in out.splitlines()]


def opened(zigbee: Zigbee2MQTT) -> None:
    zigbee.until(lambda: any(one["time"] for one in zigbee.requests("permit_join")), 30)


def test_devices_of_a_list_come_in_get_their_names_and_the_network_is_closed(
    zigbee: Zigbee2MQTT, plan: Path, mosquitto: Mosquitto, box: list[Thing]
) -> None:
    process = begun(plan, mosquitto)
    opened(zigbee)
    assert all(zigbee.joins(one) for one in box)
    code, said = ended(process)
    assert code == 0
    assert [one.name for one in box] == [BED, DOOR, box[2].address]
    assert zigbee.config["devices"][box[1].address]["availability"] == {"timeout": 130}
    assert zigbee.config["advanced"]["last_seen"] == "ISO_8601"
    assert zigbee.config["availability"]["enabled"]
    assert not zigbee.is_open
    steps = {(one.get("name"), one["event"]) for one in said[:-1]}
    assert {(BED, "ready"), (DOOR, "ready"), ("", "ready")} <= steps
    assert (said[-1]["event"], said[-1]["closed"], said[-1]["missing"], said[-1]["left"]) == ("done", True, {}, [])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whoever_stops_it_or_hangs_up_leaves_a_closed_network(
    zigbee: Zigbee2MQTT, plan: Path, mosquitto: Mosquitto, box: list[Thing], how: signal.Signals
) -> None:
    process = begun(plan, mosquitto)
    opened(zigbee)
    assert zigbee.joins(box[0])
    assert zigbee.is_open
    process.send_signal(how)
    code, said = ended(process)
    assert not zigbee.is_open
    assert zigbee.requests("permit_join")[-1] == {"time": 0}
    assert code == 1
    assert said[-1]["missing"] == {box[1].address: DOOR}


def test_an_interview_that_fails_is_said_with_what_to_do(
    zigbee: Zigbee2MQTT, plan: Path, mosquitto: Mosquitto, box: list[Thing]
) -> None:
    zigbee.interview_fails.add(box[2].address)
    process = subprocess.Popen(
        [sys.executable, "-m", "nachtwacht", *words(plan, mosquitto, "--yes")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"NACHTWACHT_LANGUAGE": "en", "COLUMNS": "200", "PATH": "/usr/bin"},
    )
    opened(zigbee)
    assert all(zigbee.joins(one) for one in (box[2], box[0], box[1]))
    said, _ = process.communicate(timeout=60)
    assert f"{box[2].address} is in, but did not say what it is. Wake it up" in said
    assert process.returncode == 1
    assert "is closed" in said


def test_a_new_router_that_opened_the_network_is_named(
    zigbee: Zigbee2MQTT, plan: Path, mosquitto: Mosquitto, box: list[Thing]
) -> None:
    [router] = a_box("SR-ZG9041A-R", seed=7)
    zigbee.reopens[router.address] = 254
    process = begun(plan, mosquitto)
    opened(zigbee)
    assert all(zigbee.joins(one) for one in (router, box[0], box[1]))
    code, said = ended(process)
    assert code == 0
    assert [one["routers"] for one in said if one["event"] == "reopened"] == [[router.address]]
    assert not zigbee.is_open


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, list(arguments), env={"COLUMNS": "200", "NACHTWACHT_LANGUAGE": "en"})
    return done.exit_code, done.output


def test_a_dry_run_says_what_would_be_done_and_asks_nothing(
    zigbee: Zigbee2MQTT, plan: Path, mosquitto: Mosquitto
) -> None:
    code, said = run(*words(plan, mosquitto, "--dry-run"))
    assert code == 0
    assert f"Expected: {DOOR}, {BED}." in said
    assert "advanced.cache_state is true in the bridge. It must be false." in said
    assert zigbee.asked == []


def test_without_a_yes_the_bridge_is_left_as_it_is(zigbee: Zigbee2MQTT, plan: Path, mosquitto: Mosquitto) -> None:
    code, _ = run(*words(plan, mosquitto, "--json"))
    assert code == 3
    assert zigbee.asked == []


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--via", "gang"), 'There is no router "gang" in the network. There are: Coordinator.'),
        (("--home", "99"), "Home 99 does not stand in the plan. There are: 12."),
        (("--base", "z2m"), 'Nothing speaks below "z2m" at the broker.'),
    ],
)
def test_bad_input_is_one_sentence(
    zigbee: Zigbee2MQTT,
    plan: Path,
    mosquitto: Mosquitto,
    more: tuple[str, ...],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.installer.bridge.PATIENCE_S", 1.0)
    code, said = run(*words(plan, mosquitto, *more))
    assert code == 1
    assert why in said
    assert zigbee.asked == []


def test_a_broker_that_is_not_there_is_one_sentence(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.installer.bridge.PATIENCE_S", 0.3)
    code, said = run("sensor", "discover", "--plan", str(plan), "--broker", f"127.0.0.1:{free_port()}")
    assert (code, "No broker answers at 127.0.0.1" in said) == (1, True)
