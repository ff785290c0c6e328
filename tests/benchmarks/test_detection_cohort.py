"""Simulated homes: as much is told as was agreed, and what is counted of them is what came of each."""

import random
import subprocess
import sys
from datetime import date, timedelta
from itertools import islice
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.detection import cost, figures, homes, pooling, tails
from benchmarks.detection.figures import EXPECTED
from benchmarks.detection.pooling import DETECTORS, Scored, Told, replayed, tail, taught
from care.teaching import PER_NIGHT
from detectors.calibration import LeftOut, Maturity, Scores

FIRST = date(2026, 1, 5)


def a_fleet(number: int = 150, nights: int = 40, *, seed: int = 1, drift: float = 0.0) -> list[Scored]:
    """Return nights of homes that differ, each scored by chance; with `drift`, a little higher every night."""
    dice = random.Random(seed)
    found = []
    for _ in range(number):
        own, first = dice.gauss(0, 0.5), dice.randrange(10)
        for night in range(nights):
            scores = {one: own + dice.gauss(0, 1) + drift * night for one in DETECTORS if dice.random() < 0.8}
            found.append(Scored(FIRST + timedelta(days=first + night), night, None, scores))
    return found


def a_night(night: int, score: float | None, *, age: int = 0, left_out: LeftOut | None = None) -> Scored:
    return Scored(FIRST + timedelta(days=night), age, left_out, {} if score is None else {"bath": score})


@pytest.mark.parametrize("budget", pooling.BUDGETS)
def test_where_nights_are_alike_as_much_is_told_as_was_agreed(budget: float) -> None:
    found = replayed(a_fleet())
    for maturity in Maturity:
        told = found.over(budget, maturity=maturity)
        assert told.nights * budget > 30
        ratio = told.ratio(budget)
        assert ratio is not None
        assert 0.5 < ratio < 1.5


def test_where_nights_get_worse_more_is_told_than_was_agreed() -> None:
    ratio = replayed(a_fleet(drift=0.15)).over(0.05, maturity=Maturity.SETTLED).ratio(0.05)
    assert ratio is not None
    assert ratio > 1.5


def test_a_threshold_comes_from_nights_before_it_alone() -> None:
    """A first night has none, however many homes it is of."""
    found = replayed([a_night(0, float(one)) for one in range(500)], budgets=(0.05,), detectors=("bath",))
    assert not found.told
    assert found.too_few == {(0.05, "bath", Maturity.FIRST_WEEK): 500}


def test_a_night_that_was_not_wholly_seen_neither_counts_nor_teaches() -> None:
    usual = [a_night(0, float(one)) for one in range(99)]
    odd = [a_night(0, 1e6, left_out=LeftOut.OUTAGE) for _ in range(99)]
    tonight = [a_night(1, 98.5), a_night(1, 1e9, left_out=LeftOut.COMPANY)]
    found = replayed([*usual, *odd, *tonight], budgets=(0.01,), detectors=("bath",))
    assert found.over(0.01) == Told(nights=1, above=1)


def test_shipped_nights_fill_a_pool_that_is_empty() -> None:
    shipped = {"bath": Scores(quiet=0, ranked=tuple(map(float, range(1000))))}
    found = replayed([a_night(0, 500.0), a_night(0, 999.0)], budgets=(0.01,), detectors=("bath",), shipped=shipped)
    assert found.over(0.01) == Told(nights=2, above=1)


@given(st.randoms(use_true_random=False))
def test_the_order_in_which_homes_are_read_changes_nothing(dice: random.Random) -> None:
    nights = a_fleet(6, 5)
    shuffled = dice.sample(nights, len(nights))
    assert replayed(nights, budgets=(0.2,)) == replayed(shuffled, budgets=(0.2,))
    assert taught(nights) == taught(shuffled)


def test_the_products_own_rule_brings_a_fleet_from_the_shipped_thresholds_to_its_budget() -> None:
    wild = [one._replace(highest={name: 3 * score for name, score in one.highest.items()}) for one in a_fleet()]
    early = taught([one for one in wild if one.night < FIRST + timedelta(days=7)])
    late = taught(wild)[Maturity.SETTLED]
    assert sum(one.above for one in early.values()) > 3 * PER_NIGHT * sum(one.nights for one in early.values())
    assert late.above < 2 * PER_NIGHT * late.nights


def test_a_tail_is_of_usual_nights_and_of_the_maturity_asked_for() -> None:
    nights = [
        a_night(0, 2.0),
        a_night(1, None, age=30),
        a_night(2, 1.0, age=30),
        a_night(3, 9.0, left_out=LeftOut.OUTAGE),
    ]
    assert tail(nights, "bath") == Scores(quiet=1, ranked=(1.0, 2.0))
    assert tail(nights, "bath", Maturity.SETTLED) == Scores(quiet=1, ranked=(1.0,))


def test_a_ratio_of_too_few_alerts_is_not_shown() -> None:
    few = {(0.05, "bath", Maturity.FIRST_WEEK): Told(int(EXPECTED / 0.05) - 1, 3)}
    assert figures.calibration(pooling.Replayed(few, {}))["lowest"] is None
    enough = {(0.05, "bath", Maturity.FIRST_WEEK): Told(int(EXPECTED / 0.05), 5)}
    assert figures.calibration(pooling.Replayed(enough, {}))["lowest"] == EXPECTED / 20


def test_a_home_of_a_cohort_comes_to_the_same_however_many_there_are() -> None:
    few = list(homes.lived(2, 3, seed=4, processes=1))
    more = list(islice(homes.lived(5, 3, seed=4, processes=1), 2))
    assert few == more
    assert all(len(home.counts) == 3 for home in few)
    assert all(len(home.scored) >= 3 for home in few)


def test_homes_run_beside_one_another_come_to_the_same_in_their_order() -> None:
    assert list(homes.lived(3, 2, seed=4)) == list(homes.lived(3, 2, seed=4, processes=1))


def test_incidents_are_cut_into_the_first_homes_only() -> None:
    first, second = homes.lived(2, 4, seed=4, sample=1, processes=1)
    assert any(first.outcomes.values())
    assert not second.outcomes


def test_the_figures_of_a_cohort_count_every_home_once() -> None:
    lived = list(homes.lived(4, 3, seed=4, processes=1))
    found = figures.cohort(lived, nights=3)
    assert found["nights"] == sum(part["nights"] for part in found["by_profile"].values()) == 12
    assert found["nights"] == sum(part["nights"] for part in found["by_maturity"].values())
    assert sum(part["homes"] for part in found["by_profile"].values()) == 4
    assert str(found["worst_home_after_28"]).startswith("not shown")


def test_the_seed_of_the_shipped_tails_is_refused_and_so_is_nothing() -> None:
    for options, said in ((["--cohort", "1", "--seed", str(tails.SEED)], "shipped tails"), ([], "Nothing to measure")):
        command = [sys.executable, "-m", "benchmarks.detection", *options]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert ran.returncode == 1
        assert said in ran.stderr


def test_shipped_tails_keep_their_shape_when_fewer_nights_of_them_ship() -> None:
    tail_of_all = tails.every(a_fleet())
    assert set(tail_of_all) == {*DETECTORS, *(f"{one}/{bucket}" for one in DETECTORS for bucket in Maturity)}
    thinned = tails._thinned(tail_of_all["bath"])
    fewer = Scores(thinned["quiet"], tuple(thinned["ranked"]))  # type: ignore[arg-type]
    assert fewer.n == tails.SHIPPED_NIGHTS
    assert fewer.threshold(0.02) == pytest.approx(tail_of_all["bath"].threshold(0.02), abs=0.15)


def test_what_an_event_costs_is_told_of_everything_that_can_be_run() -> None:
    _, home = homes.recorded(0, 2, seed=4)
    found = cost.costs([home])
    assert set(found) == {"events", "nachtwacht", "half_space_trees", "average_in_a_dict"}
    assert 0 < found["events"] <= len(home.events)
    for name in ("nachtwacht", "half_space_trees", "average_in_a_dict"):
        assert 0 < found[name]["median_us"] <= found[name]["p95_us"] < inf
