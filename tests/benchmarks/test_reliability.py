"""The benchmark of faults measures what it says: its small sums are right, and its stand-ins stand in."""

import contextlib
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.reliability import upkeep
from benchmarks.reliability.__main__ import FIGURES
from benchmarks.reliability.bare_loop import bare_loop_rate
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
