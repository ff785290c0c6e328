"""The whole measurement on a recording that was never lived: every key is there, and nothing of anybody's nights."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from benchmarks.detection import pictures, report
from benchmarks.detection.__main__ import read, rehearsed_night
from benchmarks.detection.edits import Incident
from benchmarks.detection.report import Goal, verdict
from detectors.homes import Kind
from gateway.recordings import BadRecording
from tests.benchmarks.test_detection_incidents import a_life

ZONE = ZoneInfo("Europe/Amsterdam")
KINDS = {Kind.BED: "bed", Kind.DOOR: "frontdoor", Kind.MOTION: "motion"}
ROOMS = {"slaapkamer": "bedroom", "badkamer": "bathroom", "woonkamer": "living", "keuken": "kitchen", "gang": "hall"}
KEYS = {"n", "recall", "median_delay_min", "p95_delay_min", "unseen_reason"}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two lives down as recordings."""
    folder = tmp_path_factory.mktemp("recordings")
    for number in ("3", "7"):
        life = a_life(number).recorded
        one = folder / f"life_{number}"
        one.mkdir()
        sensors = [s for s in life.home.sensors if s.kind in KINDS]
        lines = [f"{s.id.partition('/')[2]},{KINDS[s.kind]},{ROOMS[s.room]}," for s in sensors]
        (one / "sensors.csv").write_text("\n".join(["sensor,kind,room,note", *lines]) + "\n")
        rows = [
            f"{e.at.astimezone(ZONE).replace(tzinfo=None).isoformat()},{e.sensor.partition('/')[2]},{e.value:.0f}"
            for e in life.events[:4500]
        ]
        (one / "events.csv.gz").write_bytes(gzip.compress("\n".join(["timestamp,sensor,value", *rows, ""]).encode()))
    return folder


@pytest.fixture(scope="module")
def figures(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Measure once, on one of them."""
    out = tmp_path_factory.mktemp("measured") / "results" / "detection.json"
    command = [sys.executable, "-m", "benchmarks.detection", "--recordings", str(recordings)]
    command += ["--only", "life_3", "--seed", "2", "--draws", "2", "--out", str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr
    return out


def test_a_run_writes_the_figures_by_their_keys_a_page_and_two_pictures(figures: Path) -> None:
    out = figures
    written = json.loads(out.read_bytes())
    assert {"recordings", "pooled", "baselines", "calibration", "seed", "version"} <= set(written)
    assert set(written["recordings"]) == {"life_3"}
    for one in (written["recordings"]["life_3"], written["pooled"], *written["baselines"].values()):
        assert {"nights", "false_per_night", "false_per_day", "incidents"} <= set(one)
        assert "acute" in one["false_per_night"]
        assert set(one["incidents"]) == set(Incident)
        assert all(set(kind) == KEYS for kind in one["incidents"].values())
        assert all({"15", "20"} <= set(kind["recall"]) for kind in one["incidents"].values())
    assert set(written["pooled"]["ci"]) == {"false_per_night", "false_per_day", "incidents"}
    assert written["seed"] == 2
    assert written["calibration"] == {}
    days = {"day-inactive", "late-rise", "sensor-silent", "sensor-stuck", "sensor-storm", "gateway-gap"}
    assert set(written["pooled"]["false_per_day"]) == days
    assert not days & set(written["pooled"]["false_per_night"])
    assert written["details"]["priors"] == "others"
    assert set(written["details"]["priors_fitted"]) == {"life_3"}
    assert written["details"]["cost"]["nachtwacht"]["median_us"] > 0
    assert "calibration" in written["details"]["not_run"]
    page = out.with_suffix(".md").read_text()
    assert "| goal | measured | gate | goal | met? |" in page
    assert "life_3" in page
    for picture in ("delay", "night"):
        assert (out.parent / f"detection-{picture}.svg").read_text().startswith("<svg")


@pytest.mark.long
def test_a_cohort_alone_has_all_the_keys_and_says_what_it_cannot_show(tmp_path: Path) -> None:
    out = tmp_path / "cohort.json"
    command = [sys.executable, "-m", "benchmarks.detection", "--cohort", "2", "--nights", "3", "--out", str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr
    written = json.loads(out.read_bytes())
    assert written["recordings"] == {}
    assert set(written["calibration"]) == {"0.01", "0.02", "0.05"}
    cohort = written["details"]["cohort"]
    assert (cohort["homes"], cohort["nights"], cohort["nights_each"]) == (2, 6, 3)
    assert set(cohort["by_maturity"]) == {"0-6", "7-13", "14-27", "28+"}
    page = out.with_suffix(".md").read_text()
    assert "needs 389 nights" in page
    assert "Simulated homes" in page
    assert "By recording" not in page


def test_nothing_of_a_night_is_in_the_figures(recordings: Path, figures: Path) -> None:
    """Aggregates only: no date of a night and no sensor's name, for recordings may not be passed on."""
    text = figures.read_text() + figures.with_suffix(".md").read_text()
    (one,) = read(recordings, ["life_3"])
    assert len(one.nights) > 1
    assert not any(night.key.isoformat() in text for night in one.nights)
    assert not any(f'"{sensor.id}"' in text for sensor in one.home.sensors)


def test_a_recording_that_is_not_there_is_named(recordings: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRecording, match="no recording nowhere there"):
        read(recordings, ["nowhere"])
    with pytest.raises(BadRecording, match="no recording there"):
        read(tmp_path, [])


def test_one_recording_may_be_named_by_its_own_folder(recordings: Path) -> None:
    assert [one.name for one in read(recordings / "life_7", [])] == ["life_7"]


@pytest.mark.parametrize(
    ("value", "less", "said"),
    [
        (0.99, False, "goal"),
        (0.92, False, "gate"),
        (0.5, False, "missed"),
        (0.01, True, "goal"),
        (0.97, True, "missed"),
    ],
)
def test_a_goal_is_met_or_only_its_gate_or_neither(value: float, less: bool, said: str) -> None:
    gate, goal = (0.05, 0.02) if less else (0.9, 0.98)
    assert verdict(Goal("x", ("a",), gate, goal, less_is_better=less), {"a": value})[1] == said


def test_a_figure_that_is_not_there_is_not_shown_and_never_met() -> None:
    for goal in report.GOALS:
        value, met = verdict(goal, {})
        assert value == ""
        assert met.startswith("not shown")


def test_of_a_recall_that_is_not_there_the_reason_is_said() -> None:
    goal = next(one for one in report.GOALS if Incident.NOCTURIA_1_5 in one.path)
    figures = {"recall": {"40320": None}, "unseen_reason": {"29 nights, where 42 are needed": 60, "other": 1}}
    results = {"pooled": {"incidents": {Incident.NOCTURIA_1_5: figures}}}
    assert verdict(goal, results) == ("", "not shown: 29 nights, where 42 are needed")


@pytest.mark.parametrize(("nights", "said"), [(40, "not shown: needs 389 nights"), (400, "shown")])
def test_a_rate_is_only_shown_by_enough_nights(nights: int, said: str) -> None:
    goal = report.GOALS[0]
    assert report.sure(goal, {"pooled": {"nights": nights, "false_per_night": {"acute": 0.0}}}) == said


def test_the_pictures_name_every_method_and_the_alert() -> None:
    points = [pictures.Point("nachtwacht", 0.01, 12.0, ours=True), pictures.Point("a < b", 0.0, 60.0)]
    drawn = pictures.delay_against_false(points, title="Falls")
    assert "nachtwacht" in drawn
    assert "a &lt; b" in drawn
    assert "bath" in rehearsed_night()
