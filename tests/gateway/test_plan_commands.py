"""The installer's commands for plan and sensors, as typed: from an empty folder to a bridge that agrees."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from care import homes
from detectors.homes import SensorId
from nachtwacht import cli
from tests.conftest import Mosquitto, free_port
from tests.gateway.bridge import Zigbee2MQTT, a_box
from tests.gateway.test_lists import CODE

SENSORS = (("TS0601_bed_presence_sensor", "bed", "slaapkamer"), ("RTCGQ11LM", "motion", "badkamer"))


class Installer:
    """Somebody in a folder, who types commands and answers questions."""

    def __init__(self, folder: Path) -> None:
        self.plan = folder / "site.toml"
        self.folder = folder

    def types(self, *words: str, answers: str = "", language: str = "en") -> tuple[int, str]:
        environment = {"COLUMNS": "200", "NACHTWACHT_PLAN": str(self.plan), "NACHTWACHT_LANGUAGE": language}
        done = CliRunner().invoke(cli, list(words), input=answers, env=environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    def does(self, *words: str, answers: str = "") -> str:
        code, said = self.types(*words, answers=answers)
        assert code == 0, said
        return said

    def asks(self, *words: str) -> dict[str, object]:
        done = CliRunner().invoke(cli, [*words, "--json"], env={"NACHTWACHT_PLAN": str(self.plan)})
        found: dict[str, object] = json.loads(done.stdout)
        return found

    def begins(self) -> None:
        self.does("site", "new", "wilg", "--name", "De Wilg")
        self.does("home", "add", "12", "14")


@pytest.fixture
def joris(tmp_path: Path) -> Installer:
    return Installer(tmp_path)


@pytest.fixture
def bridge(mosquitto: Mosquitto) -> Iterator[Zigbee2MQTT]:
    with Zigbee2MQTT(mosquitto.host, mosquitto.port) as standing_in:
        yield standing_in


def broker(bridge: Mosquitto) -> str:
    return f"{bridge.host}:{bridge.port}"


def joined(bridge: Zigbee2MQTT, *models: str, seed: int = 0) -> list[str]:
    """Let devices into the network; return their addresses."""
    things = a_box(*models, seed=seed)
    bridge.permit(60)
    for thing in things:
        bridge.joins(thing)
    bridge.passes(61)
    return [thing.address for thing in things]


def test_a_plan_grows_from_an_empty_folder(joris: Installer) -> None:
    joris.does("site", "new", "wilg", "--name", "De Wilg")
    joris.does("home", "add", "1-24", "--night", "22:30-07:30")
    assert joris.types("plan", "check")[0] == 1, "homes without sensors are no plan yet"
    for number in range(1, 25):
        at = ("--home", str(number), "--room", "slaapkamer", "--role", "bed")
        joris.does("sensor", "assign", f"00:15:8d:00:00:00:00:{number:02x}", *at)
    assert "24/bed" in joris.does("sensor", "list")
    assert joris.types("plan", "check")[0] == 0
    site = homes.read(joris.plan.read_text())
    assert len(site.homes) == len(site.devices) == 24
    assert site.devices[SensorId("2/bed")].address == "0x00158d0000000002"


def test_what_is_there_already_is_left_alone(joris: Installer) -> None:
    joris.begins()
    before = joris.plan.read_text()
    assert "Nothing was changed" in joris.does("home", "add", "12")
    assert joris.types("site", "new", "wilg")[0] == 1
    assert joris.types("home", "add", "12", "--resident", "r-0099")[0] == 1
    assert joris.plan.read_text() == before


@pytest.mark.parametrize(
    "words",
    [
        ("home", "add", "15"),
        ("sensor", "assign", "0x00158d0000000001", "--home", "12", "--role", "bed", "--room", "slaapkamer"),
    ],
)
def test_a_dry_run_shows_and_does_nothing(joris: Installer, words: tuple[str, ...]) -> None:
    joris.begins()
    before = joris.plan.read_text()
    assert "dry run" in joris.does(*words, "--dry-run")
    assert joris.plan.read_text() == before
    assert joris.asks(*words)["written"] is True
    assert joris.plan.read_text() != before


def test_a_sensor_that_moves_is_asked_about_and_a_no_changes_nothing(joris: Installer) -> None:
    joris.begins()
    at = ("sensor", "assign", "0x00158d0000000001", "--role", "motion", "--room", "badkamer", "--home")
    joris.does(*at, "12")
    before = joris.plan.read_text()
    assert joris.types(*at, "14", answers="\n")[0] == 3
    assert joris.types(*at, "14", "--json")[0] == 3, "there is nobody to ask"
    assert joris.plan.read_text() == before
    joris.does(*at, "14", answers="j\n")
    assert homes.read(joris.plan.read_text(), draft=True).friendly["12/badkamer"][0] == "wilg/14"


def test_a_wrong_word_is_one_sentence_in_the_language_of_the_installer(joris: Installer) -> None:
    joris.begins()
    at = ("sensor", "assign", "0x00158d0000000001", "--home", "12", "--role", "bed", "--room", "slapkamer")
    assert joris.types(*at) == (1, 'Room "slapkamer" does not exist. Do you mean "slaapkamer"?\n')
    assert joris.types(*at, language="nl") == (1, 'De ruimte "slapkamer" bestaat niet. Bedoel je "slaapkamer"?\n')


def test_a_plan_is_checked_in_the_language_of_the_installer(joris: Installer) -> None:
    joris.begins()
    for home in ("12", "14"):
        address = f"0x00158d00000000{home}"
        joris.does("sensor", "assign", address, "--home", home, "--role", "bed", "--room", "slaapkamer")
    wrong = joris.plan.read_text().replace('room = "slaapkamer"', 'room = "badkmer"', 1)
    joris.plan.write_text(wrong)
    line = wrong.splitlines().index('room = "badkmer"') + 1
    said = f'{joris.plan}, regel {line}: ruimte "badkmer" bestaat niet. Bedoel je "badkamer"?\nEr is niets veranderd.\n'
    assert joris.types("plan", "check", language="nl") == (1, said)
    assert joris.plan.read_text() == wrong


def test_a_list_is_taken_in_whole_or_not_at_all(joris: Installer) -> None:
    joris.begins()
    before = joris.plan.read_text()
    file, codes = joris.folder / "list.csv", joris.folder / "codes.csv"
    good = f"home,role,room,address,install code\n12,bed,slaapkamer,00158d0001234567,{CODE}\n"
    file.write_text(f"{good}14,bedd,slaapkmer,00158d0001234568,\n")
    code, said = joris.types("sensor", "import", str(file), "--codes", str(codes))
    assert (code, joris.plan.read_text(), codes.exists()) == (1, before, False)
    assert '"bedd" is not known here' in said
    assert 'Do you mean "slaapkamer"?' in said
    found = joris.asks("sensor", "import", str(file))
    assert [(one["row"], one["column"]) for one in found["mistakes"]] == [(3, "B"), (3, "C")]  # type: ignore[attr-defined]
    file.write_text(good)
    assert joris.types("sensor", "import", str(file))[0] == 1, "it must be said where the install codes go"
    said = joris.does("sensor", "import", str(file), "--codes", str(codes))
    assert CODE not in said + joris.plan.read_text()
    assert codes.stat().st_mode & 0o777 == 0o600
    out = joris.folder / "back.xlsx"
    joris.does("sensor", "list", "--out", str(out))
    assert "Nothing was changed" in joris.does("sensor", "import", str(out))


def test_a_plan_that_cannot_be_written_leaves_no_install_codes_behind(
    joris: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    joris.begins()
    file, codes = joris.folder / "list.csv", joris.folder / "codes.csv"
    file.write_text(f"home,role,room,address,install code\n12,bed,slaapkamer,00158d0001234567,{CODE}\n")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("gateway.installer.plans.save", full)
    code, said = joris.types("sensor", "import", str(file), "--codes", str(codes))
    assert (code, codes.exists()) == (1, False)
    assert "No space left on device. Nothing was changed." in said


def test_install_codes_go_to_the_bridge_in_the_same_run(
    joris: Installer, bridge: Zigbee2MQTT, mosquitto: Mosquitto
) -> None:
    joris.begins()
    file = joris.folder / "list.csv"
    file.write_text(f"home,role,room,address,install code\n12,bed,slaapkamer,00158d0001234567,{CODE}\n")
    said = joris.does("sensor", "import", str(file), "--broker", broker(mosquitto))
    assert CODE not in said
    assert any(CODE in code for code in bridge.install_codes)
    nowhere = f"127.0.0.1:{free_port()}"
    file.write_text(f"home,role,room,address,install code\n14,bed,slaapkamer,00158d0001234568,{CODE}\n")
    before = joris.plan.read_text()
    assert joris.types("sensor", "import", str(file), "--broker", nowhere)[0] == 1
    assert joris.plan.read_text() == before, "without a bridge nothing is half-applied"


def furnished(joris: Installer, bridge: Zigbee2MQTT, at: str) -> list[str]:
    joris.begins()
    addresses = joined(bridge, *(model for model, _, _ in SENSORS))
    for address, (_, role, room) in zip(addresses, SENSORS, strict=True):
        for_home = ("--home", "12", "--role", role, "--room", room)
        joris.does("sensor", "assign", address, *for_home, "--broker", at)
    joris.does("sensor", "assign", "0x00158dffffffffff", "--home", "14", "--role", "button", "--room", "slaapkamer")
    return addresses


def test_the_bridge_is_made_to_agree_and_again_there_is_nothing_to_do(
    joris: Installer, bridge: Zigbee2MQTT, mosquitto: Mosquitto
) -> None:
    at = broker(mosquitto)
    addresses = furnished(joris, bridge, at)
    assert joris.types("plan", "diff", "--broker", at)[0] == 1
    asked = len(bridge.asked)
    assert joris.types("plan", "apply", "--broker", at, answers="n\n")[0] == 3
    assert len(bridge.asked) == asked
    assert "dry run" in joris.does("plan", "apply", "--broker", at, "--dry-run")
    assert len(bridge.asked) == asked
    said = joris.does("plan", "apply", "--broker", at, answers="y\n")
    assert "Put right: " in said
    assert "14/button is not in the network" in said, "what no command can do is left to a person"
    assert [bridge.things[address].name for address in addresses] == ["12/bed", "12/badkamer"]
    assert bridge.config["advanced"]["last_seen"] == "ISO_8601"
    asked = len(bridge.asked)
    assert "There is nothing to do." in joris.does("plan", "apply", "--broker", at)
    assert len(bridge.asked) == asked


def test_what_was_interrupted_half_way_is_simply_done_again(
    joris: Installer, bridge: Zigbee2MQTT, mosquitto: Mosquitto
) -> None:
    at = broker(mosquitto)
    addresses = furnished(joris, bridge, at)
    bridge.refuses["device/rename"] = "the disk is full"
    code, said = joris.types("plan", "apply", "--broker", at, "--yes")
    assert code == 1
    assert "the disk is full" in said
    assert "goes on from here" in said
    del bridge.refuses["device/rename"]
    joris.does("plan", "apply", "--broker", at, "--yes")
    assert [bridge.things[address].name for address in addresses] == ["12/bed", "12/badkamer"]


def test_a_replaced_sensor_keeps_its_name_and_the_bridge_calls_the_new_device_so(
    joris: Installer, bridge: Zigbee2MQTT, mosquitto: Mosquitto
) -> None:
    at = broker(mosquitto)
    old, _ = furnished(joris, bridge, at)
    joris.does("plan", "apply", "--broker", at, "--yes")
    (new,) = joined(bridge, SENSORS[0][0], seed=7)
    before = homes.read(joris.plan.read_text())
    joris.does("sensor", "replace", "12/bed", new, "--broker", at, answers="y\n")
    after = homes.read(joris.plan.read_text())
    assert (after.homes, after.friendly) == (before.homes, before.friendly)
    assert after.devices[SensorId("12/bed")].address == new
    assert bridge.things[new].name == "12/bed"
    assert bridge.things[old].name == old
    assert joris.types("sensor", "replace", "12/bd", new)[0] == 1


def test_without_a_bridge_there_is_one_sentence(joris: Installer) -> None:
    joris.begins()
    joris.does("sensor", "assign", "0x00158d0000000001", "--home", "12", "--role", "bed", "--room", "slaapkamer")
    joris.does("sensor", "assign", "0x00158d0000000002", "--home", "14", "--role", "bed", "--room", "slaapkamer")
    code, said = joris.types("plan", "diff", "--broker", f"127.0.0.1:{free_port()}")
    assert code == 1
    assert said.startswith("No broker answers at 127.0.0.1:")
