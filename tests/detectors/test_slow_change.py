"""Slow change: how rarely it is told for nothing, how soon when it is there, and what the baseline looks at."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import slow_change
from detectors.habits import Population
from detectors.slow_change import Change, Watch
from tests.detectors.proofs import restored

VISITS = Population(mean=1.2, between=0.3, within=1.0)
NOTHING = (0.0, 0.0, 0.0, 0.0)
LONGEST = 1_500  # nights to wait for a first notice: to count a longer wait as this only makes the average smaller

Nights = tuple[list[int], list[float]]
"""Visits of each night, and what each was to be on average given the nights before."""


def poisson(chance: np.random.Generator) -> Nights:
    return [int(x) for x in chance.poisson(1.2, LONGEST)], [1.2] * LONGEST


def overdispersed(chance: np.random.Generator) -> Nights:
    return [int(x) for x in chance.poisson(chance.gamma(2.0, 0.6, LONGEST))], [1.2] * LONGEST


def following_one_another(chance: np.random.Generator, stays: float = 0.4) -> Nights:
    """Each night keeps part of the night before: bad nights come in runs."""
    fresh = [int(x) for x in chance.poisson(1.2 * (1 - stays), LONGEST)]
    visits, means = [fresh[0]], [1.2 * (1 - stays)]
    for new in fresh[1:]:
        means.append(stays * visits[-1] + 1.2 * (1 - stays))
        visits.append(int(chance.binomial(visits[-1], stays)) + new)
    return visits, means


def slightly_following_one_another(chance: np.random.Generator) -> Nights:
    return following_one_another(chance, stays=0.2)


def first_notice(watch: Watch, visits: list[int]) -> int:
    """Return the nights from the first that anything was staked on to the first notice."""
    change, staked = Change(), 0
    for each in visits:
        change, weighed = slow_change.step(watch, change, float(each))
        staked += weighed.baseline is not None
        if weighed.notice:
            break
    return staked


def test_the_documents_figures() -> None:
    won, means = NOTHING, []
    for x in (1.0, 1.0, 5.0, 5.0):
        won = slow_change.grown(won, x, 1.0)
        means.append(sum(won) / 4)
    assert means == pytest.approx([1.0, 2.0, 6.45, 17.12], abs=0.005)


@pytest.mark.parametrize("nights", [poisson, overdispersed, following_one_another])
@pytest.mark.parametrize("run_length", [60.0, 180.0])
def test_if_no_night_is_above_its_baseline_on_average_notices_are_as_rare_as_promised(
    nights: Callable[[np.random.Generator], Nights], run_length: float
) -> None:
    """The theorem, whatever the nights have to do with one another: the baseline is what it must be, no guess."""
    chance = np.random.default_rng(11)
    waits = []
    for _ in range(250):
        won, waited = NOTHING, 0
        for x, mean in zip(*nights(chance), strict=True):
            won = slow_change.grown(won, float(x), mean)
            waited += 1
            if sum(won) / 4 >= run_length:
                break
        waits.append(waited)
    assert np.mean(waits) >= run_length


@pytest.mark.parametrize("nights", [poisson, overdispersed, slightly_following_one_another])
@pytest.mark.parametrize("run_length", [60.0, 180.0])
@pytest.mark.long
def test_with_a_learned_baseline_notices_are_as_rare_as_promised(
    nights: Callable[[np.random.Generator], Nights], run_length: float
) -> None:
    """The baseline is learned now, so this is measured and not proven; where nights hang together more, it fails."""
    chance = np.random.default_rng(12)
    watch = Watch(population=VISITS, run_length=run_length)
    assert np.mean([first_notice(watch, nights(chance)[0]) for _ in range(250)]) >= run_length


@pytest.mark.long
def test_runs_of_bad_nights_are_told_more_often_than_promised() -> None:
    """A known limit: where each night keeps 40 % of the one before, the learned baseline is too low for its runs."""
    chance = np.random.default_rng(13)
    watch = Watch(population=VISITS, run_length=180.0)
    average = float(np.mean([first_notice(watch, following_one_another(chance)[0]) for _ in range(250)]))
    assert 60.0 < average < 180.0


def test_one_and_a_half_visits_more_a_night_are_told_within_four_weeks_and_mostly_within_one_or_two() -> None:
    """A watch that has been running for some weeks is quicker than one that has just told something."""
    chance = np.random.default_rng(14)
    watch = Watch(population=VISITS, run_length=90.0)
    delays: dict[str, list[int]] = {"running": [], "just told": []}
    for _ in range(200):
        change = Change()
        for x in chance.poisson(1.0, 70):
            change, _ = slow_change.step(watch, change, float(x))
        more = [int(x) for x in chance.poisson(2.5, 28)]
        delays["running"].append(told_after(watch, change, more))
        delays["just told"].append(told_after(watch, Change(NOTHING, change.nights), more))
    assert all(np.mean(np.array(each) <= 28) >= 0.95 for each in delays.values())
    assert np.median(delays["running"]) <= 8 <= np.median(delays["just told"]) <= 14


def told_after(watch: Watch, change: Change, visits: list[int]) -> int:
    for night, x in enumerate(visits):
        change, weighed = slow_change.step(watch, change, float(x))
        if weighed.notice:
            return night + 1
    return LONGEST


def test_weeks_that_grow_less_regular_are_told_as_a_fall() -> None:
    regular = Population(mean=0.6, between=0.02, within=0.01)
    watch = Watch(population=regular, run_length=60.0, falls_from=1.0)
    change, told = Change(), []
    for week in range(80):
        change, weighed = slow_change.step(watch, change, 0.6 if week < 40 else 0.1)
        told += [week] if weighed.notice else []
    assert told
    assert min(told) >= 40


def test_a_drift_does_not_become_its_own_baseline_for_two_weeks() -> None:
    watch = Watch(population=VISITS)
    change = Change(NOTHING, (1.0,) * 40)
    before = slow_change.baseline(watch, change)
    for _ in range(13):
        change, weighed = slow_change.step(watch, change, 9.0)
        assert weighed.baseline is not None
        assert before is not None
        assert weighed.baseline <= before
    change, _ = slow_change.step(watch, change, 9.0)
    after = slow_change.baseline(watch, change)
    assert after is not None
    assert before is not None
    assert after > before


def test_the_baseline_looks_at_the_nights_from_56_to_14_back() -> None:
    """Night by night: which of 60 nights, made larger alone, moves it."""
    watch = Watch(population=VISITS)

    def seen(strange: int | None) -> float:
        change = Change()
        for back in range(60, 0, -1):
            change, _ = slow_change.step(watch, change, 3.0 if back == strange else 1.0)
        found = slow_change.baseline(watch, change)
        assert found is not None
        return found

    assert [back for back in range(1, 61) if seen(back) != seen(None)] == list(range(14, 57))


def test_before_there_is_something_to_compare_with_nothing_is_staked() -> None:
    watch = Watch(population=VISITS, run_length=60.0)
    change = Change()
    for _ in range(27):
        change, weighed = slow_change.step(watch, change, 40.0)
        assert (weighed.baseline, weighed.evidence) == (None, 0.0)
    _, weighed = slow_change.step(watch, change, 40.0)
    assert weighed.baseline is not None


def test_after_a_notice_the_evidence_starts_again_from_nothing() -> None:
    watch = Watch(population=VISITS, run_length=60.0)
    change, weighed = slow_change.step(watch, Change((50.0,) * 4, (1.0,) * 40), 9.0)
    assert weighed.notice
    assert weighed.evidence > 60.0
    assert (change.won, len(change.nights)) == (NOTHING, 41)


def test_a_night_that_was_not_seen_leaves_the_evidence_where_it_was() -> None:
    change = Change((1.0, 2.0, 3.0, 4.0), (1.0,) * 40)
    after, weighed = slow_change.step(Watch(population=VISITS), change, None)
    assert (after.won, weighed.evidence, weighed.notice) == (change.won, 2.5, False)
    assert after.nights[-1] is None


@given(st.lists(st.one_of(st.none(), st.floats(0, 30)), max_size=120))
def test_what_is_remembered_stays_small_and_comes_back_to_the_bit(values: list[float | None]) -> None:
    watch, change = Watch(population=VISITS), Change()
    for value in values:
        change, weighed = slow_change.step(watch, change, value)
        assert weighed.notice == (weighed.evidence >= watch.run_length)
        assert all(0.0 <= won < math.inf for won in change.won)
    assert len(change.nights) <= slow_change.REACH
    assert restored(change) == change


@pytest.mark.parametrize(("value", "falls_from"), [(-1.0, None), (math.nan, None), (math.inf, None), (1.1, 1.0)])
def test_what_is_no_nightly_value_is_refused(value: float, falls_from: float | None) -> None:
    population = Population(mean=0.5, between=0.1, within=0.1)
    with pytest.raises(ValueError, match="not a nightly value"):
        slow_change.step(Watch(population=population, falls_from=falls_from), Change(), value)


def test_a_watch_that_would_always_tell_is_refused() -> None:
    with pytest.raises(ValueError, match="no watch"):
        Watch(population=VISITS, run_length=0.5)
    with pytest.raises(ValueError, match="not between"):
        Watch(population=VISITS, falls_from=1.0)
