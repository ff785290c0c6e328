"""The benchmark of faults measures what it says: its small sums are right, and its stand-ins stand in."""

import contextlib
import math
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.figures import keep, kept
from benchmarks.reliability import check_ins, lost, upkeep
from benchmarks.reliability.__main__ import FIGURES
from benchmarks.reliability.bare_loop import bare_loop_rate
from benchmarks.reliability.check_ins import Came
from benchmarks.reliability.kills import Proof, records
from care import journal
from detectors.moments import SensorEvent
from gateway import rehearsal
from gateway.watch import Watch

KEYS = {
    "events",
    "kills",
    "lost",
    "doubled",
    "alerts_missed",
    "alerts_doubled",
    "alerts_withheld",
    "recovery_s_p50",
    "recovery_s_max",
    "slow_disk_lost",
    "slow_disk_events_per_s",
    "events_per_s",
    "bare_loop_events_per_s",
    "gateway_mb_50",
    "gateway_mb_500",
    "disk_mb_per_home_day",
    "catch_up_s",
    "start_s",
    "gateway_losses",
    "gateway_unseen_s_p50",
    "gateway_unseen_s_max",
    "gateway_lost_s_p50",
    "gateway_lost_s_max",
    "checkin_sensor_days",
    "checkin_deaths",
    "checkin_dead_min_p50",
    "checkin_dead_min_max",
    "checkin_false_per_sensor_day",
    *(key for share in check_ins.LOSSES if share != check_ins.REALISTIC for key in check_ins.keys_at(share)),
}


def test_every_figure_that_is_asked_for_is_measured() -> None:
    assert {figure.key for figure in FIGURES} == KEYS


def test_one_event_lost_misses_the_goal() -> None:
    goals = {figure.key: figure for figure in FIGURES}
    proof = Proof(1_000, 2, 1, 0, 30, 0, 0, 0, (0.5, 1.5)).figures()
    assert not goals["lost"].meets(proof["lost"])
    assert goals["doubled"].meets(proof["doubled"])
    assert (proof["recovery_s_p50"], proof["recovery_s_max"]) == (1.0, 1.5)


@pytest.fixture(scope="module")
def lived() -> upkeep.Month:
    return upkeep.month(2)


def test_a_home_that_lives_like_another_is_watched_as_if_it_had(lived: upkeep.Month, tmp_path: Path) -> None:
    """A building filled with more homes than lived goes on from a snapshot and a journal that hold them all."""
    site = rehearsal.site(upkeep.MONTH_HOMES * 2 + 1)
    upkeep.fill(tmp_path / "gateway.db", lived, site)
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        told = [one for one in records(db) if isinstance(one, SensorEvent)]
        by_home = {home.id: sum(one.home == home.id for one in told) for home in site.homes}
        watch, _ = Watch.resumed(site, db)
    first, like, like_too = (site.homes[n].id for n in (0, upkeep.MONTH_HOMES, 2 * upkeep.MONTH_HOMES))
    assert by_home[first] == by_home[like] == by_home[like_too] > 500
    assert watch.inspected(site.homes[upkeep.MONTH_HOMES]).nights > 0
    assert {one.sensor.partition("/")[0] for one in told if one.home == like} == {like.partition("/")[2]}


def test_a_month_ends_now_and_some_of_it_is_after_the_snapshot(lived: upkeep.Month) -> None:
    assert lived.ends - lived.entries[-1][0] < timedelta(hours=6)  # people sleep
    assert 0 < lived.since < len(lived.entries)


def test_the_bare_loop_keeps_everything_before_it_acknowledges() -> None:
    assert bare_loop_rate(300) > 0


def test_a_building_is_seen_to_be_lost_when_both_are_on_the_page() -> None:
    found = lost.figures([lost.Loss(signal.SIGKILL, 28.0, 38.5), lost.Loss(signal.SIGSTOP, 31.0, 30.0)])
    assert (found["gateway_lost_s_max"], found["gateway_lost_s_p50"], found["gateway_unseen_s_max"]) == (
        38.5,
        34.75,
        31.0,
    )


def test_one_death_of_which_nothing_is_told_misses_the_goal() -> None:
    goals = {figure.key: figure for figure in FIGURES}
    came = {check_ins.REALISTIC: Came(100.0, 1) + Came(told_min=(90.0, 110.0), untold=1)}
    found = check_ins.headline(came)
    assert found["checkin_dead_min_max"] == math.inf
    assert not goals["checkin_dead_min_max"].meets(found["checkin_dead_min_max"])
    assert (found["checkin_deaths"], found["checkin_false_per_sensor_day"]) == (3.0, 0.01)


def test_what_is_measured_by_itself_leaves_the_other_figures_as_they_were(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    assert kept(out) == {}
    keep({"lost": 0.0, "start_s": 0.83}, {}, out)
    assert kept(out) | {"start_s": 0.7} == {"lost": 0.0, "start_s": 0.7}
