"""The benchmark of scale measures what it says: a tiny fleet before a real desk, and its small sums are right."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import year
from benchmarks.parts import CannotMeasure
from benchmarks.scale import __main__ as command
from benchmarks.scale import board, cost, homes, picture
from benchmarks.scale.failover import failover, found, taken_over_s
from benchmarks.scale.fleet import Building, Play
from benchmarks.scale.line import Line, packet
from benchmarks.scale.pages import Shown
from benchmarks.scale.rates import NEVER_MS, Step, delays_ms, summed_up
from benchmarks.scale.running import Setting, Store, running
from care import link
from care.link import Batch, Have
from care.records import decode, site_of
from detectors.findings import Finding, What
from tests.stories import instant

HERE = Setting(store=Store.SQLITE, desks=1)
TINY = [
    "--store",
    "sqlite",
    "--desks",
    "1",
    "--homes",
    "40",
    "--alert-homes",
    "40",
    "--seconds",
    "2",
    "--rate",
    "5",
    "--nights",
    "2",
]
TINY += ["--size", "20", "--size", "40", "--cost-seconds", "2"]


def test_what_a_tiny_fleet_says_is_in_the_journal_once_and_on_the_pages() -> None:
    with running(40, HERE) as made:
        played = made.play(Play(2, alerts=10, statuses=5, beats=50, asks=10))
        said = [alert for alert, _, _ in played.alerts]
        made.parts.until(lambda: len(made.shown().at_ns) >= len(said), "all are shown", within_s=30)
        assert played.unanswered == 0
        assert len(said) >= 15
        assert len(played.asked_ms) == played.asked > 0
        assert played.beats >= 50
        assert sorted(found(made.journal)) == sorted(said)
        delays = delays_ms([(alert, at_ns) for alert, _, at_ns in played.alerts], made.shown())
        assert all(0 < delay < 30_000 for delay in delays)
        assert made.figure(made.desks[0], "nachtwacht_journal_number") == len(said) + 40 + made.sites + played.statuses
        assert made.processor_s()["desk-0"] > 0


@pytest.mark.long
def test_a_tiny_run_measures_a_real_desk_and_writes_its_figures_and_the_curve(tmp_path: Path) -> None:
    out = tmp_path / "results" / "scale.json"
    only = [word for which in ("alerts", "board", "cost") for word in ("--only", which)]
    words = [sys.executable, "-m", "benchmarks.scale", *TINY, *only, "--out", str(out)]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr
    written = json.loads(out.read_bytes())
    assert {"alerts_per_s", "page_ms_p99", "page_ms_p99_at_5", "heartbeats_per_s", "board_mb_130k"} <= set(written)
    assert written["cost_ms_20"] > 0
    assert written["page_ms_p50"] <= written["page_ms_p99"]
    assert written["board_mb_130k"] >= written["board_mb_130k_first_day"] > 0
    assert set(written["machine"]) == {"cores", "python"}
    assert "The scale" in ran.stdout


@pytest.mark.long
def test_a_desk_of_two_that_is_killed_is_replaced_and_nothing_is_lost_or_doubled() -> None:
    figures = failover(40, Setting(), rounds=1, rate=5, say=lambda _: None, after_s=25)
    assert figures["failover_alerts"] > 100
    assert (figures["failover_lost"], figures["failover_doubled"]) == (0, 0)
    assert 0 < figures["failover_duty_s"] <= figures["failover_s"] < 25


def test_what_is_measured_has_its_goal() -> None:
    goals = {one.key: one.at_most or one.at_least for one in command.FIGURES if one.at_most or one.at_least}
    assert goals == {
        "alerts_per_s": 500,
        "page_ms_p99": 500,
        "board_mb_130k": 1_500,
        "failover_s": 15,
        "cost_ratio_50k_1k": 1.3,
    }
    assert "dask_speedup_2" in {one.key for one in command.FIGURES}


def test_two_desks_on_one_file_are_refused() -> None:
    with pytest.raises(CannotMeasure, match="--desks 1"):
        Setting(store=Store.SQLITE, desks=2)


@given(st.integers(1, 5_000))
def test_a_fleet_has_the_homes_that_were_asked_for_and_each_has_its_turn(size: int) -> None:
    fleet = homes.sites(size)
    each = list(islice(homes.in_turn(fleet), size))
    assert len({home for _, home in each}) == size
    assert all(site_of(home) == site.id for site, home in each)
    assert all(1 <= site.homes <= 25 for site in fleet)
    assert len({homes.owner(site, homes.organisations(size)) for site in fleet}) <= homes.organisations(size)


def test_a_plan_is_one_that_a_centre_takes_from_that_building() -> None:
    site = homes.sites(30)[0]
    told = site.plan(instant("12:00"))
    assert told.site == site.id
    assert {site_of(home.id) for home in told.homes} == {site.id}
    assert len(told.homes) == site.homes


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))


@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=9), st.binary(max_size=300), st.booleans()), max_size=6),
    st.integers(1, 50),
)
def test_what_comes_in_whatever_pieces_is_heard_whole(told: list[tuple[str, bytes, bool]], piece: int) -> None:
    heard, wire = list[tuple[bytes, bytes]](), Wire()
    line = Line("one", lambda topic, payload: heard.append((topic, payload)))
    line.connection_made(wire)
    stream = b""
    for topic, payload, acknowledged in told:
        named = len(topic.encode()).to_bytes(2, "big") + topic.encode()
        stream += packet(0x32 if acknowledged else 0x30, named + (b"\x00\x07" if acknowledged else b"") + payload)
    for at in range(0, len(stream), piece):
        line.data_received(stream[at : at + piece])
    assert heard == [(topic.encode(), payload) for topic, payload, _ in told]
    assert wire.written[1:] == [b"\x40\x02\x00\x07"] * sum(one[2] for one in told)


def test_a_building_tells_one_batch_after_another_and_the_next_once_it_is_answered() -> None:
    building, said = a_building()
    building.tell([building.site.plan(instant("12:00"))])
    assert said() == []
    building.look(0.0)
    assert said() == [Batch(building.journal, 0, 0)]  # what does the centre have?
    building.answered(Have(building.journal, 0))
    (first,) = said()
    assert isinstance(first, Batch)
    assert (first.after, first.upto, len(first.records)) == (0, 1, 1)
    building.tell([a_finding("02:00"), a_finding("02:01")])
    assert said() == []
    building.answered(Have(building.journal, 1))
    (rest,) = said()
    assert isinstance(rest, Batch)
    assert (rest.after, rest.upto) == (1, 3)
    assert [type(decode(bytes(raw))) for raw in rest.records] == [Finding, Finding]
    building.answered(Have(building.journal, 3))
    assert said() == []
    assert building.idle
    assert building.unanswered == 0


def test_what_is_not_answered_is_told_again_and_each_time_later() -> None:
    building, said = a_building()
    building.tell([building.site.plan(instant("12:00"))])
    building.answered(Have(building.journal, 0))
    said()
    began_s, times = building._sent_s or 0.0, list[int]()
    for after_s in (0.0, 2.9, 3.5, 5.9):  # it is really sent now each time
        building.look(began_s + after_s)
        times.append(len(said()))
    assert times == [0, 0, 1, 0]
    assert building.again == 1


def test_a_centre_that_has_lost_what_it_had_fails_the_measurement() -> None:
    building, _ = a_building()
    building.tell([building.site.plan(instant("12:00"))])
    building.answered(Have(building.journal, 0))
    building.answered(Have(building.journal, 1))
    with pytest.raises(CannotMeasure, match="had 1 records of s0000, and says that it has 0"):
        building.answered(Have(building.journal, 0))


def test_an_alert_that_no_page_showed_counts_as_never_and_its_rate_is_not_taken() -> None:
    shown = Shown({(0, "a"): 5_000_000, (1, "a"): 3_000_000, (0, "b"): 9_000_000}, 0, 0)
    assert delays_ms([("a", 1_000_000), ("b", 1_000_000), ("c", 0)], shown) == [2.0, 8.0, NEVER_MS]
    assert delays_ms([("a", 1_000_000), ("b", 0)], shown, without=0) == [2.0, NEVER_MS]
    assert not Step(100, 100, 5, NEVER_MS, 0).taken


@given(st.lists(st.tuples(st.booleans(), st.floats(1, 900)), min_size=1, max_size=5))
def test_the_rate_that_is_told_is_the_highest_that_was_taken(told: list[tuple[bool, float]]) -> None:
    steps = [
        Step(rate, rate, 1, p99 if fits else 2_000, 0)
        for rate, (fits, p99) in zip((100, 250, 500, 1_000, 1_500), told, strict=False)
    ]
    figures = summed_up(steps)
    taken = [step.rate for step in steps if step.taken]
    assert figures["alerts_per_s"] == max(taken, default=0.0)
    if len(steps) > 2:
        assert figures["page_ms_p99"] == steps[2].p99_ms


def test_a_step_that_was_not_really_said_or_not_answered_is_not_taken() -> None:
    assert Step(500, 490, 10, 500, 0).taken
    assert not Step(500, 480, 10, 400, 0).taken
    assert not Step(500, 500, 10, 400, 1).taken
    assert not Step(500, 500, 10, 501, 0).taken


def test_a_desk_is_replaced_when_a_new_alert_of_each_of_its_shares_has_come() -> None:
    second = 1_000_000_000
    said = [(1, -second, 20.0), (1, 0, 9_000.0), (1, 3 * second, 20.0), (2, second, 4_500.0), (3, second, 50.0)]
    assert taken_over_s(said, 0, {1, 2}) == 5.5
    assert taken_over_s(said, 0, {1}) == 3.02
    with pytest.raises(CannotMeasure, match="Of 1 shares"):
        taken_over_s([*said, (4, second, NEVER_MS)], 0, {1, 4})


def test_the_bottleneck_is_what_has_the_least_left() -> None:
    busy = {"desks": 0.9, "database": 0.3, "broker": 0.6}
    figures = cost.figures_of(50_000, busy, 1.0)
    assert cost.bottleneck(figures, 2).startswith("With 50,000 homes the broker would be too much first")
    assert "desks would" in cost.bottleneck(figures, 1)
    assert cost.bottleneck({}, 2) == ""


def test_the_curve_shows_every_size_that_was_measured() -> None:
    figures: dict[str, float] = {}
    for size in (1_000, 50_000):
        figures |= cost.figures_of(size, {"desks": size / 1e5, "database": size / 2e5, "broker": size / 1e6}, 1.0)
    drawn = picture.curve(figures)
    assert all(word in drawn for word in ("1,000", "50,000", "all of it", "desks", "database", "broker"))
    assert "10,000" not in drawn
    assert picture.curve({}) == ""


def test_a_board_grows_with_its_homes_and_their_nights() -> None:
    few, more = board.board(200, 1), board.board(2_000, 4)
    assert few["board_mb_130k"] < more["board_mb_130k"]
    assert more["board_mb_130k_first_day"] < more["board_mb_130k"]


def a_building() -> tuple[Building, Callable[[], list[link.Message]]]:
    """Return a building with a line that nobody takes anything from, and what it has said on it since the last look."""
    wire = Wire()
    line = Line("one", lambda *_: None)
    line.connection_made(wire)
    wire.written.clear()
    building = Building(homes.sites(10)[0], line)

    def said() -> list[link.Message]:
        payloads = [one[one.index(b"/up") + 3 :] for one in wire.written]
        wire.written.clear()
        return [link.decode(payload) for payload in payloads]

    return building, said


def a_finding(at: str) -> Finding:
    return year.found(homes.sites(10)[0].home(1), What.STILL, instant(at))
