"""The benchmark measures what it says: a tiny run writes every figure, and its small sums are right."""

import contextlib
import json
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchmarks import chain, throughput
from benchmarks.figures import table
from benchmarks.page import Change, delays_ms, quantile
from benchmarks.parts import CannotMeasure, Parts, apart, hear
from gateway import rehearsal
from gateway.sources import Message, zigbee2mqtt
from tests.stories import instant

KEYS = {
    "page_ms_p50",
    "page_ms_p99",
    "chain_events_per_s",
    "bare_events_per_s",
    "us_per_event",
    "gateway_mb",
    "dashboard_mb",
    "gateway_import_s",
}
TINY = ["--events", "200", "--samples", "4", "--rounds", "1", "--hours", "0.2"]


@pytest.mark.long
def test_a_tiny_run_measures_the_real_chain_and_writes_every_figure(tmp_path: Path) -> None:
    out = tmp_path / "results" / "chain.json"
    command = [sys.executable, "-m", "benchmarks.chain", *TINY, "--out", str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr
    written = json.loads(out.read_bytes())
    assert set(written) == {*KEYS, "version", "machine", "method"}
    assert all(isinstance(written[key], int | float) and written[key] > 0 for key in KEYS)
    assert written["page_ms_p50"] <= written["page_ms_p99"]
    assert set(written["machine"]) == {"cores", "python"}
    assert "The chain" in ran.stdout


def test_what_misses_its_goal_is_shown_as_missed() -> None:
    assert lines_of_table(page_ms_p99=250.0)["sensor to page, ms, 99 of 100 within"].endswith("met")
    assert lines_of_table(page_ms_p99=250.1)["sensor to page, ms, 99 of 100 within"].endswith("missed")
    assert lines_of_table(chain_events_per_s=1_999.0)["events/s, to the building's disk"].endswith("missed")
    assert lines_of_table(bare_events_per_s=1.0)["events/s, to a bare subscriber"] == "1"


def test_a_change_that_never_came_fails_the_measurement() -> None:
    up, bed = Change("/homes/wilg/1", "up", 100.0), Change("/homes/wilg/1", "bed", 200.0)
    with pytest.raises(CannotMeasure, match="never looked bed"):
        delays_ms([up, bed], [up._replace(at_ms=130.0)])


def test_a_tile_that_changed_by_itself_fails_the_measurement() -> None:
    up = Change("/homes/wilg/1", "up", 100.0)
    with pytest.raises(CannotMeasure, match="before anything said so"):
        delays_ms([up], [up._replace(at_ms=90.0), up._replace(at_ms=130.0)])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.001, 500)), max_size=40))
def test_every_change_is_timed_by_its_own_arrival(told: list[tuple[str, float]]) -> None:
    """However the tiles of different homes overtake one another, each delay is that of its own message."""
    sent, arrived, free_at, turns = [], [], dict[str, float](), dict[str, int]()
    for number, (home, delay) in enumerate(told):
        turns[home] = turns.get(home, 0) + 1
        look = "up" if turns[home] % 2 else "bed"
        sent.append(Change(home, look, number * 1.0))
        free_at[home] = max(free_at.get(home, 0.0), number + delay)  # one home's changes keep their order
        arrived.append(Change(home, look, free_at[home]))
    expected = [came.at_ms - went.at_ms for went, came in zip(sent, arrived, strict=True)]
    assert delays_ms(sent, sorted(arrived, key=lambda change: change.at_ms)) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_a_value_that_the_rest_does_not_exceed(values: list[float], share: float) -> None:
    at = quantile(values, share)
    assert at in values
    assert sum(value <= at for value in values) >= share * len(values)
    assert sum(value < at for value in values) < share * len(values)


def test_the_building_understands_every_message_of_the_load_and_no_two_are_the_same() -> None:
    site, start = rehearsal.site(throughput.HOMES), instant("02:00")
    told = list(throughput.messages(site, list(throughput.events_of(site, 3_000)), start))
    last = start + timedelta(seconds=3_000 / throughput.EVENTS_A_SECOND)
    readings = [zigbee2mqtt.read(site, "zigbee2mqtt", Message(*one), received_at=last, started_at=None) for one in told]
    events = [event for reading in readings for event in reading.events]
    assert not any(reading.troubles for reading in readings)
    assert len({msgspec.json.encode(event) for event in events}) == len(told) == 3_000


def test_what_the_publisher_sends_a_real_subscriber_gets() -> None:
    with Parts() as parts, apart(throughput.count, parts.port, 700) as counter:
        hear(counter, "subscriber", within_s=30)
        with apart(throughput.publish, parts.port, 700) as publisher:
            hear(publisher, "publisher", within_s=30)
            publisher.send("go")
            hear(counter, "subscriber", within_s=30)


def test_a_part_that_dies_is_named_and_nothing_stays_behind() -> None:
    with Parts() as parts:
        port, broker = parts.port, parts.running[0]
        broker.process.terminate()
        with pytest.raises(CannotMeasure, match="The broker stopped"):
            parts.until(lambda: False, "never", within_s=30)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    assert not broker.journal.exists()


def test_a_measurement_that_is_told_to_end_leaves_no_process_behind() -> None:
    command = [sys.executable, "-m", "benchmarks.chain", *TINY]
    measuring = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while "mosquitto" not in (parts := parts_of(measuring.pid)).values():
            assert time.monotonic() < end
            assert measuring.poll() is None
            time.sleep(0.02)
    finally:
        measuring.terminate()
        ended = measuring.wait(60)
    assert ended == 1
    _, left = psutil.wait_procs(list(parts), timeout=10)
    assert left == []


def test_a_process_apart_that_breaks_is_not_waited_for() -> None:
    with apart(breaks) as pipe, pytest.raises(CannotMeasure, match="The breaking one stopped"):
        hear(pipe, "breaking one", within_s=60)


def parts_of(pid: int) -> dict[psutil.Process, str]:
    """Return the processes that a process has started, with their names; some may be gone already."""
    names: dict[psutil.Process, str] = {}
    for part in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            names[part] = part.name()
    return names


def breaks(_: object) -> None:
    raise SystemExit(1)


def lines_of_table(**figures: float) -> dict[str, str]:
    """Return the lines of the table as they are printed: what is measured, and the rest."""
    console = Console(width=120)
    with console.capture() as printed:
        console.print(table(dict.fromkeys(KEYS, 10.0) | figures, chain.FIGURES, "The chain"))
    lines = [[cell.strip() for cell in line.strip("│ ").split("│")] for line in printed.get().splitlines()]
    return {first: " ".join(rest).strip() for first, *rest in lines if rest}
