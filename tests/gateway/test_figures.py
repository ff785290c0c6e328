"""A gateway in figures: a file that node_exporter reads, whole at every moment, with nobody in it."""

import dataclasses
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from detectors.homes import SiteId
from gateway import figures
from gateway.figures import TABLE, Textfile, text
from tests.conftest import Mosquitto
from tests.gateway.daemons import HOME, Building, a_gateway
from tests.stories import instant

WILG = SiteId("wilg")
Read = dict[str, dict[frozenset[tuple[str, str]], float]]


def read(said: bytes) -> Read:
    found: Read = {}
    for family in text_string_to_metric_families(said.decode()):
        for sample in family.samples:
            assert sample.labels["site"] == "wilg"
            labels = frozenset((key, value) for key, value in sample.labels.items() if key != "site")
            found.setdefault(sample.name.removeprefix(figures.PREFIX), {})[labels] = sample.value
    return found


def test_whatever_stands_in_a_label_is_read_back_as_it_was() -> None:
    strange = 'a "b" \\ c\nd'
    [family] = text_string_to_metric_families(text(WILG, {"standing": {(strange,): 1.5}}).decode())
    [sample] = family.samples
    assert (sample.name, sample.labels["kind"], sample.value) == ("nachtwacht_gateway_standing", strange, 1.5)


def test_a_real_daemon_writes_what_it_knows(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a real broker; every figure of the table is there but what the matter is, for nothing is."""
    monkeypatch.setattr(figures, "WRITE_EVERY_S", 0.1)
    file = tmp_path / "nachtwacht.prom"
    building = Building(mosquitto, tmp_path, "z2m-figures", rehearsal=False)
    building.settings = dataclasses.replace(building.settings, textfile=file)
    building.start()
    try:
        found: Read = {}
        end = time.monotonic() + 20
        while not {"messages_unreadable_total", "proof_age_seconds"} <= {*found} and time.monotonic() < end:
            building.say("12/bed", b"no JSON")
            time.sleep(0.1)
            found = read(file.read_bytes()) if file.exists() else {}
    finally:
        building.close()
    assert {*found} == {*TABLE} - {"standing"}
    assert found["broker_connected"] == found["centre_connected"] == {frozenset(): 1}
    assert found["homes"][frozenset({("sight", "watched")})] + found["homes"][frozenset({("sight", "blind")})] == 1
    assert found["messages_unreadable_total"][frozenset({("trouble", "unreadable")})] >= 1
    assert found["link_sent_bytes_total"][frozenset()] > 0
    assert found["disk_free_bytes"][frozenset()] > 0


def test_a_gateway_says_how_it_stands(tmp_path: Path) -> None:
    gateway = a_gateway(tmp_path)
    gateway.begin()
    told = gateway.figures(have=0)
    assert told["homes"] == {("watched",): 0, ("partly",): 0, ("blind",): 1, ("paused",): 0}
    [unsent] = told["unsent_records"].values()
    [number] = told["journal_number"].values()
    assert unsent == number > 0, "the plan, which nobody has confirmed"
    assert gateway.figures(have=int(number))["unsent_records"] == {(): 0}
    assert gateway.figures(have=int(number))["unsent_oldest_seconds"] == {(): 0}
    assert told["proof_age_seconds"] == {}, "never proven is no age"
    [cpu_s] = told["cpu_seconds_total"].values()
    assert cpu_s > 0
    [memory] = told["memory_bytes"].values()
    assert memory > 10**7
    gateway.db.close()


def test_nobody_is_in_the_file(tmp_path: Path) -> None:
    gateway = a_gateway(tmp_path)
    gateway.begin()
    said = text(WILG, gateway.figures(have=0)).decode()
    values = set(re.findall(r'="([^"]*)"', said))
    assert not [one for one in (HOME.id, HOME.resident, *(sensor.id for sensor in HOME.sensors)) if one in values]
    gateway.db.close()


def test_a_file_that_cannot_be_written_stops_nothing_and_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    textfile = Textfile(tmp_path / "nowhere" / "nachtwacht.prom", WILG)
    assert textfile.due(0.0)
    for second in (0.0, 20.0, 40.0):
        textfile.write({}, instant("22:00"), second)
        assert not textfile.due(second + 10)
    assert capsys.readouterr().out.count("figures_not_written") == 1
    (tmp_path / "nowhere").mkdir()
    textfile.write({}, instant("22:00"), 60.0)
    file = tmp_path / "nowhere" / "nachtwacht.prom"
    assert file.stat().st_mode & 0o777 == 0o644, "node_exporter is another user"
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    assert read(file.read_bytes())["written_timestamp_seconds"] == {frozenset(): instant("22:00").timestamp()}


def test_the_daemon_loads_no_library_for_it() -> None:
    told = "import sys, gateway.daemon; print(sorted({'prometheus_client', 'http.server'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
