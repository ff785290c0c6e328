"""The installer's morning: 24 homes and 144 sensors from an empty folder to a proof of each, and what comes after."""

import contextlib
import json
import signal
from pathlib import Path

from care.records import Plan
from detectors.findings import Finding, What
from gateway.identity import Papers
from gateway.installer.doctor import Trust
from gateway.installer.examination import centre
from tests.enrolled import eventually, real_now, run
from tests.gateway.bridge import Zigbee2MQTT, a_box
from tests.installing import HOMES, Building, a_centre, provisioned, records

KEYSTROKES_MAX = 3_000  # a line of seventy characters for each home, and a dozen besides


def test_a_building_of_24_homes_is_provisioned_in_one_go_proven_repaired_moved_and_taken_back(tmp_path: Path) -> None:
    with a_centre(tmp_path / "town") as town, contextlib.ExitStack() as stack:
        building = Building(tmp_path / "building", town)
        spare = Building(tmp_path / "spare", town, broker_port=building.broker_port)
        morning, bridge = stack.enter_context(provisioned(building))
        stack.callback(spare.close)
        assert (morning.homes, morning.sensors) == (HOMES, 144)
        assert morning.keystrokes < KEYSTROKES_MAX
        says_nothing_but_of_this_machine(building)
        replaces_a_sensor_that_keeps_what_it_taught(building, bridge)
        moves_to_a_spare_gateway(building, spare, bridge)
        is_stolen_and_refused(spare)


def doctor(building: Building, code: int | None) -> list[dict[str, str]]:
    proofs = building.folder / "var" / "proofs"
    done = building.types(
        "doctor",
        "--json",
        "--plan",
        building.plan,
        *building.places,
        "--proofs",
        proofs,
        *building.at_broker,
        code=code,
    )
    found: list[dict[str, str]] = json.loads(done.stdout)["complaints"]
    return found


def says_nothing_but_of_this_machine(building: Building) -> None:
    assert [one for one in doctor(building, None) if one["check"] not in {"clock", "disk"}] == []


def replaces_a_sensor_that_keeps_what_it_taught(building: Building, bridge: Zigbee2MQTT) -> None:
    before = building.inspected("wilg/1")
    [fresh] = a_box("TS0601_bed_presence_sensor", seed=99)
    bridge.permit(60)
    assert bridge.joins(fresh)
    bridge.permit(0)
    building.types(f"sensor replace 1/bed {fresh.address}", *building.at_broker, answers=("y",))
    assert building.daemon is not None
    building.daemon.send_signal(signal.SIGHUP)
    bridge.says(fresh.address, occupancy=True)
    assert fresh.name == "1/bed"
    after = building.inspected("wilg/1")
    assert after["lessons"] == before["lessons"]
    assert any(one["nights"] for one in before["lessons"])
    complaints = [one for one in doctor(building, 1) if one["check"] == "proofs"]
    assert "Home 1: sensor 1/bed was replaced since" in complaints[0]["more"]


def moves_to_a_spare_gateway(building: Building, spare: Building, bridge: Zigbee2MQTT) -> None:
    stick = building.folder / "wilg.backup"
    folders = ("--broker-files", building.folder / "etc" / "broker", "--bridge", building.folder / "none")
    building.types("backup", "--out", stick, "--plan", building.plan, *building.places, *folders)
    lessons = building.inspected("wilg/1")["lessons"]
    building.stop()
    spare.open()
    folders = ("--broker-files", spare.folder / "etc" / "broker", "--bridge", spare.folder / "none")
    spare.types(f"restore {stick}", "--plan", spare.plan, *spare.places, *folders, answers=("y",))
    assert spare.inspected("wilg/1")["lessons"] == lessons
    spare.start()
    called = sum(isinstance(one, Finding) and one.what is What.BUTTON for one in records(town_of(spare)))
    button = next(address for address, thing in bridge.things.items() if thing.name == "2/button")

    def heard() -> bool:
        bridge.now = real_now()  # or it is what was said before, once more
        bridge.says(button, action="single")
        found = [one for one in records(town_of(spare)) if isinstance(one, Finding) and one.what is What.BUTTON]
        return len(found) > called

    eventually(heard, 40)
    assert any(isinstance(one, Plan) for one in records(spare.journal))


def town_of(building: Building) -> Path:
    return building.town.folder / "centre.db"


def is_stolen_and_refused(spare: Building) -> None:
    identity = spare.folder / "var" / "identity"
    about = Papers(identity).about()
    assert about is not None
    assert centre(about, identity).trust is None
    assert run("desk", "enrolment", "revoke", "wilg", "--people", spare.town.people).exit_code == 0
    eventually(lambda: centre(about, identity).trust is Trust.REVOKED)
    said = [one["what"] for one in doctor(spare, 1)]
    assert "The centre has taken this certificate back." in said
