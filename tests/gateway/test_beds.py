"""A bed sensor is tried by somebody who lies down: laws of the verdict, and a wizard over a real broker."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from care import homes
from care.homes import Device, Family, Site
from detectors.homes import SensorId
from gateway.installer import beds
from gateway.installer.bed_commands import Wizard
from gateway.installer.beds import Phase, Problem, Sample
from gateway.installer.bridge import Bridge
from gateway.installer.survey import Verdict
from nachtwacht import cli
from tests.conftest import Mosquitto
from tests.gateway.bridge import MORNING, Thing, Zigbee2MQTT
from tests.gateway.bridge_models import MODELS
from tests.stories import a_site

LEVELS = st.lists(st.integers(0, 1000), min_size=1, max_size=6)
WORSE = [Verdict.BAD, Verdict.FAIR, Verdict.GOOD]


def levels(empty: list[float], occupied: list[float], edge: list[float] | None = None) -> list[Sample]:
    said = [(Phase.EMPTY, empty), (Phase.LYING, occupied), (Phase.EDGE, edge or [])]
    return [Sample(phase=phase, after_s=20.0, level=one) for phase, these in said for one in these]


def verdict_of(empty: list[float], occupied: list[float]) -> beds.Figures:
    return beds.judged(levels(empty, occupied), at=MORNING)


@given(LEVELS, LEVELS)
def test_a_trigger_is_only_given_where_it_parts_all_that_was_measured(empty: list[int], occupied: list[int]) -> None:
    found = verdict_of([*map(float, empty)], [*map(float, occupied)])
    if found.trigger is None:
        assert found.verdict is Verdict.BAD
        return
    below, above = sorted([empty, occupied], key=max)
    assert max(below) < found.trigger < min(above)


@given(LEVELS, LEVELS, st.sampled_from([0.5, 2.0, 4.0]), st.integers(-1000, 1000))
def test_in_whatever_unit_a_pad_measures_the_verdict_is_the_same(
    empty: list[int], occupied: list[int], unit: float, zero: int
) -> None:
    def turned(by: Callable[[float], float]) -> Verdict:
        return verdict_of([by(one) for one in empty], [by(one) for one in occupied]).verdict

    assert turned(float) is turned(lambda one: unit * one + zero)
    assert turned(float) is turned(lambda one: -one)  # a pad whose level falls under a weight


@given(st.lists(st.integers(0, 100), min_size=1, max_size=5), st.integers(1, 500), st.integers(1, 500))
def test_a_heavier_difference_is_never_judged_worse(empty: list[int], one: int, more: int) -> None:
    quiet = [*map(float, empty)]
    light, heavy = verdict_of(quiet, [max(quiet) + one]), verdict_of(quiet, [max(quiet) + one + more])
    assert WORSE.index(heavy.verdict) >= WORSE.index(light.verdict)


def test_what_was_measured_while_somebody_still_moved_into_place_does_not_count() -> None:
    moving = Sample(phase=Phase.LYING, after_s=1.0, level=10.0)
    samples = [moving, *levels([8.0, 12.0], [300.0, 320.0])]
    assert beds.judged(samples, at=MORNING).verdict is Verdict.GOOD


def test_who_sits_on_the_edge_counts_as_in_bed_above_the_trigger() -> None:
    assert beds.judged(levels([10.0], [300.0], [280.0]), at=MORNING).edge is True
    assert beds.judged(levels([10.0], [300.0], [40.0]), at=MORNING).edge is False


def word(*said: tuple[Phase, float, bool]) -> list[Sample]:
    return [Sample(phase=phase, after_s=after, occupied=occupied) for phase, after, occupied in said]


@pytest.mark.parametrize(
    ("said", "verdict", "problems"),
    [
        (word((Phase.LYING, 3, True), (Phase.OUT, 6, False)), Verdict.GOOD, ()),
        (
            word((Phase.EMPTY, 1, False), (Phase.LYING, 3, True), (Phase.EDGE, 4, False)),
            Verdict.GOOD,
            (),
        ),
        ([], Verdict.BAD, (Problem.SILENT,)),
        (word((Phase.LYING, 3, False), (Phase.OUT, 6, True)), Verdict.BAD, (Problem.REVERSED,)),
        (word((Phase.LYING, 3, True)), Verdict.BAD, (Problem.NEVER_EMPTY,)),
        (word((Phase.EMPTY, 1, False), (Phase.OUT, 6, False)), Verdict.BAD, (Problem.NEVER_OCCUPIED,)),
        (
            word((Phase.LYING, 3, True), (Phase.TURNING, 4, False), (Phase.TURNING, 9, True), (Phase.OUT, 6, False)),
            Verdict.FAIR,
            (Problem.LOST_TURNING,),
        ),
        (
            word((Phase.LYING, 45, True), (Phase.OUT, 90, False)),
            Verdict.FAIR,
            (Problem.SLOW_IN, Problem.SLOW_OUT),
        ),
    ],
)
def test_a_pad_that_only_says_occupied_or_empty_is_judged_by_polarity_delay_and_hold(
    said: list[Sample], verdict: Verdict, problems: tuple[Problem, ...]
) -> None:
    found = beds.judged(said, at=MORNING)
    assert (found.verdict, found.problems) == (verdict, problems)


@given(
    st.lists(
        st.builds(
            Sample,
            phase=st.sampled_from(Phase),
            after_s=st.floats(0, 100),
            level=st.none() | st.floats(-100, 100),
            occupied=st.none() | st.booleans(),
        )
    )
)
def test_a_good_bed_has_no_problem_and_a_bad_one_says_which(samples: list[Sample]) -> None:
    found = beds.judged(samples, at=MORNING)
    assert (found.verdict is Verdict.GOOD) == (found.problems == ())
    assert all(one in beds.ADVICE for one in found.problems)


EXPOSES = (MODELS["TS0601_bed_presence_sensor"].definition or {})["exposes"]


@given(
    st.sets(st.sampled_from(Problem)),
    st.integers(0, 600),
    st.sampled_from(["low", "medium", "high"]),
)
def test_what_is_proposed_can_be_set_and_is_not_proposed_twice(
    problems: set[Problem], delay: int, sensitivity: str
) -> None:
    now = {"presence_delay": delay, "sensitivity": sensitivity}
    changes = beds.adjustments(problems, EXPOSES, now)
    assert changes.keys() <= now.keys()
    assert all(now[key] != value for key, value in changes.items())
    if not {Problem.NEVER_OCCUPIED, Problem.NEVER_EMPTY} & problems:
        assert beds.adjustments(problems, EXPOSES, now | changes) == {}
    assert beds.adjustments(problems, MODELS["SPM915"].definition["exposes"], now) == {}  # type: ignore[index]


def test_figures_are_kept_beside_the_plan_sensor_by_sensor(tmp_path: Path) -> None:
    plan = tmp_path / "site.toml"
    assert beds.kept(plan) == {}
    one, two = verdict_of([1.0], [9.0]), verdict_of([1.0], [1.0])
    beds.keep(plan, "12/bed", one)
    beds.keep(plan, "14/bed", two)
    assert beds.kept(plan) == {"12/bed": one, "14/bed": two}
    beds.file_beside(plan).write_text("{")
    with pytest.raises(ValueError, match="calibrate again"):
        beds.keep(plan, "12/bed", one)


# With a real broker.


def lies_down(
    mosquitto: Mosquitto, zigbee: Zigbee2MQTT, site: Site, story: dict[Phase, list[Callable[[], None]]], **more: Any
) -> beds.Figures:
    """Go through the phases by the stand-in's clock, five seconds between two lines of a phase."""
    with Bridge((mosquitto.host, mosquitto.port), **more) as bridge:
        waiting: list[Callable[[], None]] = []

        def ready(phase: Phase) -> None:
            waiting[:] = story.get(phase, [])

        def pause() -> None:
            zigbee.passes(5)
            if waiting:
                waiting.pop(0)()
            bridge.ask("health_check")

        wizard = Wizard(bridge, site, "zigbee2mqtt", "12/bed", now=lambda: zigbee.now, pause=pause)
        return beds.judged(wizard.samples(20, ready=ready), at=MORNING)


@pytest.mark.parametrize(
    ("model", "lying", "out"),
    [
        ("TS0601_bed_presence_sensor", {"occupancy": True}, {"occupancy": False}),
        ("SPM915", {"contact": False}, {"contact": True}),  # a pad that says contact
    ],
)
def test_a_pad_is_read_as_the_building_will_read_it(
    mosquitto: Mosquitto, zigbee: Zigbee2MQTT, model: str, lying: dict[str, Any], out: dict[str, Any]
) -> None:
    thing = Thing("0x01", MODELS[model], name="12/bed")
    zigbee.holds([thing])
    story = {
        Phase.LYING: [lambda: zigbee.says(thing.address, **lying)],
        Phase.OUT: [lambda: zigbee.says(thing.address, **out)],
    }
    found = lies_down(mosquitto, zigbee, a_site(), story)
    assert (found.verdict, found.in_s, found.out_s) == (Verdict.GOOD, 5.0, 5.0)


def test_a_strap_that_gives_its_pressure_gets_a_trigger(mosquitto: Mosquitto, zigbee: Zigbee2MQTT) -> None:
    strap = Thing("0x01", MODELS["ZG-210Z"], name="12/bed")
    zigbee.holds([strap])

    def weighs(*values: int) -> list[Callable[[], None]]:
        return [lambda one=one: zigbee.says(strap.address, current_pressure=one) for one in values]  # type: ignore[misc]

    story = {
        Phase.EMPTY: weighs(20, 22, 21),
        Phase.LYING: weighs(30, 400, 410),
        Phase.TURNING: weighs(300, 350, 380),
        Phase.EDGE: weighs(100, 60, 60),
        Phase.OUT: weighs(300, 25, 24),
    }
    found = lies_down(mosquitto, zigbee, a_site(), story)
    assert (found.verdict, found.edge) == (Verdict.GOOD, False)
    assert found.trigger is not None
    assert 25 < found.trigger < 350


def test_an_esphome_bed_needs_no_bridge_and_is_told_its_figures(mosquitto: Mosquitto, zigbee: Zigbee2MQTT) -> None:
    device = Device(family=Family.ESPHOME, address="bed-12/binary_sensor/bed_occupied_left")
    site = msgspec.structs.replace(a_site(), devices={SensorId("12/bed"): device})

    def presses(value: float) -> list[Callable[[], None]]:
        topic = "bed-12/sensor/left_pressure/state"

        def say() -> None:
            zigbee._client.publish(topic, f"{value}", retain=True)

        return [say] * 3

    story = {Phase.EMPTY: presses(12.5), Phase.LYING: presses(64.0), Phase.OUT: presses(13.0)}
    found = lies_down(mosquitto, zigbee, site, story, also=("bed-12/#",))
    assert (found.empty, found.occupied) == (12.75, 64.0)
    with Bridge((mosquitto.host, mosquitto.port), "none", needed=False) as bridge:
        wizard = Wizard(bridge, site, "none", "12/bed", now=lambda: MORNING, pause=lambda: None)
        assert wizard.trigger(found) == {
            "bed-12/number/left_trigger_pressure/command": 38.5,
            "bed-12/number/left_unoccupied_pressure/command": 12.8,
            "bed-12/number/left_occupied_pressure/command": 64.0,
        }


def test_the_command_says_what_is_wrong_and_keeps_no_figures_of_a_pad_that_said_nothing(
    mosquitto: Mosquitto, zigbee: Zigbee2MQTT, tmp_path: Path
) -> None:
    plan = tmp_path / "site.toml"
    plan.write_text(homes.write(a_site()))
    zigbee.holds([Thing("0x01", MODELS["SPM915"], name="12/bed")])
    words = ["--plan", str(plan), "--broker", f"{mosquitto.host}:{mosquitto.port}", "--seconds", "0"]
    env = {"COLUMNS": "200", "NACHTWACHT_LANGUAGE": "en"}
    done = CliRunner().invoke(cli, ["calibrate-bed", "--home", "12", *words], env=env, input="\n" * 5)
    assert done.exit_code == 1
    assert "It said nothing. Is it paired" in done.output
    assert not beds.file_beside(plan).exists()
    done = CliRunner().invoke(cli, ["calibrate-bed", "--home", "12", *words, "--json"], env=env)
    assert json.loads(done.stdout)[0]["figures"]["problems"] == ["silent"]
    done = CliRunner().invoke(cli, ["calibrate-bed", "--home", "13", *words], env=env)
    assert "Home 13 does not stand in the plan. There are: 12." in done.output
    done = CliRunner().invoke(cli, ["calibrate-bed", "--home", "12", "--sensor", "x", *words], env=env)
    assert 'Home 12 has no bed sensor "x". There are: 12/bed.' in done.output
