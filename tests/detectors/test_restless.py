"""Restless nights: told when they are, seldom when they are not, whatever the home is used to."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import restless
from detectors.calibration import LeftOut
from detectors.homes import HomeId
from detectors.nights import Summary
from detectors.restless import Known
from tests.detectors.proofs import restored
from tests.stories import a_home

HOME = a_home()


def night(number: int, exits: int, left_out: LeftOut | None = None, visits: int = 0) -> Summary:
    return Summary(
        at=datetime(2026, 1, 2, 6, tzinfo=UTC) + timedelta(days=number),
        home=HomeId("wilg/12"),
        night=date(2026, 1, 1) + timedelta(days=number),
        exits=exits,
        visits=visits,
        left_out=left_out,
    )


def used_to(exits: list[int]) -> Known:
    known = Known()
    for number, each in enumerate(exits):
        known, _ = restless.step(known, night(number, each), HOME)
    return known


def test_six_times_out_of_bed_are_told_where_one_is_usual() -> None:
    known = used_to([1, 0, 1, 1, 0, 2, 1, 1, 0, 1, 1, 0, 1, 1])
    _, notice = restless.step(known, night(14, 6), HOME)
    assert notice is not None
    assert (notice.value, notice.usual, notice.nights) == (6.0, 0.8, 14)
    assert notice.since == datetime(2026, 1, 15, 22, tzinfo=UTC)


def test_the_same_night_is_nothing_where_five_are_usual() -> None:
    known = used_to([5, 4, 6, 5, 5, 4, 6, 5, 4, 5, 6, 5, 5, 4])
    assert restless.step(known, night(14, 6), HOME)[1] is None


def test_a_night_that_was_not_seen_is_neither_told_nor_learned() -> None:
    known = used_to([1, 0, 1, 1])
    after, notice = restless.step(known, night(4, 9, LeftOut.OUTAGE), HOME)
    assert notice is None
    assert (after.scores, after.nights) == (known.scores, known.nights)
    assert after.exits.total < known.exits.total  # fades all the same


def test_one_wild_night_does_not_hide_the_next() -> None:
    calm = [1, 0, 1, 1, 0, 2, 1, 1, 0, 1]
    _, notice = restless.step(used_to([*calm, 40, *calm]), night(21, 6), HOME)
    assert notice is not None


@given(st.lists(st.integers(0, 6), max_size=40), st.integers(0, 12))
def test_more_times_out_of_bed_are_never_less_restless(before: list[int], exits: int) -> None:
    known = used_to(before)
    lower, higher = (restless.score(known, night(90, each)) for each in (exits, exits + 1))
    assert 0.0 <= lower < higher
    assert restored(known) == known


@pytest.mark.parametrize("shape", ["poisson", "overdispersed", "alike"])
def test_usual_nights_are_seldom_told(shape: str) -> None:
    """One in thirty in homes whose nights are alike, as those of real homes are; one in fifteen as chance has it."""
    chance, told, nights = np.random.default_rng(7), 0, 0
    for _ in range(60):
        mean = float(chance.gamma(4.0, 0.3))
        if shape == "poisson":
            exits = chance.poisson(mean, 90)
        elif shape == "overdispersed":
            exits = chance.poisson(chance.gamma(2.0, mean / 2.0, 90))
        else:
            exits = chance.binomial(max(1, round(2 * mean)), 0.5, 90)
        known = Known()
        for number, each in enumerate(exits):
            known, notice = restless.step(known, night(number, int(each)), HOME)
            told, nights = told + (notice is not None), nights + 1
    assert told / nights <= {"poisson": 1 / 15, "overdispersed": 1 / 12, "alike": 1 / 30}[shape]
