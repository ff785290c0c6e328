"""What is typical, from the recordings of many homes: what went into a simulation comes out of the fit."""

import math

import numpy as np
import pytest

from benchmarks.detection import fitting
from detectors import silence
from detectors.durations import Block
from detectors.silence import Hazards

HAZARDS = Hazards(starts=(0.0, 2.0, 5.0, 15.0, 60.0), rates=(0.25, 0.12, 0.05, 0.02, 0.01))


def test_a_population_is_found_again() -> None:
    chance = np.random.default_rng(1)
    homes = []
    for _ in range(300):
        middle = chance.normal(1.5, 0.41)
        homes.append([float(x) for x in chance.normal(middle, 0.48, int(chance.integers(1, 60)))])
    fitted = fitting.population(homes)
    assert fitted.mean == pytest.approx(1.5, abs=0.08)
    assert math.sqrt(fitted.between) == pytest.approx(0.41, abs=0.05)
    assert math.sqrt(fitted.within) == pytest.approx(0.48, abs=0.02)


def test_a_few_very_long_stays_do_not_make_everybodys_spread_wide() -> None:
    chance = np.random.default_rng(2)
    homes = [[float(x) for x in chance.normal(1.5, 0.48, 40)] for _ in range(100)]
    with_long = [[*home[:-1], home[-1] + 2.5] for home in homes]
    clean, fitted = fitting.population(homes), fitting.population(with_long)
    raw = float(np.mean([np.var(home, ddof=1) for home in with_long]))
    assert fitted.within - clean.within < 0.7 * (raw - clean.within)


def test_homes_that_are_all_alike_are_still_believed_to_differ_a_little() -> None:
    alike = [[6.9, 7.0, 7.1]] * 4
    fitted = fitting.population(alike)
    assert fitted.pull == pytest.approx(fitting.PULL_MAX)


def test_homes_differ_as_much_as_they_do_also_when_one_has_most_of_the_nights() -> None:
    """The middle over many small fits: unbiased, however uneven the homes are."""
    chance = np.random.default_rng(9)
    found = []
    for _ in range(300):
        homes = [[float(x) for x in chance.normal(chance.normal(1.5, 1.0), 0.3, nights)] for nights in (2, 2, 2, 2, 60)]
        found.append(fitting.population(homes).between)
    assert np.mean(found) == pytest.approx(1.0, abs=0.2)


def test_a_home_with_very_many_nights_does_not_speak_for_all() -> None:
    chance = np.random.default_rng(3)
    homes = [[float(x) for x in chance.normal(1.0, 0.5, 20)] for _ in range(20)]
    homes.append([float(x) for x in chance.normal(3.0, 0.5, 5_000)])
    assert fitting.population(homes).mean < 1.3


def test_how_much_longer_mornings_are_is_found_though_some_homes_have_more_of_them() -> None:
    chance = np.random.default_rng(4)
    true = {Block.EVENING: -0.1, Block.SMALL_HOURS: 0.0, Block.MORNING: 0.4}
    homes = []
    for _ in range(120):
        middle, mornings = chance.normal(1.5, 0.4), chance.uniform(0.1, 0.8)
        home = []
        for _ in range(40):
            morning = chance.uniform() < mornings
            block = Block.MORNING if morning else Block(int(chance.integers(2)))
            home.append((math.exp(float(chance.normal(middle + true[block], 0.48))), block))
        homes.append(home)
    fitted = fitting.typical(homes)
    apart = [fitted.offsets[block] - fitted.offsets[Block.SMALL_HOURS] for block in Block]
    assert apart == pytest.approx([-0.1, 0.0, 0.4], abs=0.06)
    assert sum(fitted.offsets[block] for home in homes for _, block in home) == pytest.approx(0.0, abs=1e-3)
    assert math.sqrt(fitted.logs.within) == pytest.approx(0.48, abs=0.03)


def heard(chance: np.random.Generator, pace: float, count: int, unseen_after: float) -> list[tuple[float, bool]]:
    """Return silences that end at the rates above, each followed for so many minutes at most."""
    found = []
    for _ in range(count):
        left, ends_at = float(chance.exponential()), math.inf
        for start, end, rate in zip(HAZARDS.starts, (*HAZARDS.starts[1:], math.inf), HAZARDS.rates, strict=True):
            if left <= pace * rate * (end - start):
                ends_at = start + left / (pace * rate)
                break
            left -= pace * rate * (end - start)
        found.append((min(ends_at, unseen_after), ends_at <= unseen_after))
    return found


def test_how_silences_end_is_found_though_the_quickest_homes_have_most_of_them() -> None:
    chance = np.random.default_rng(5)
    homes = []
    for _ in range(200):
        pace = float(chance.gamma(6.0, 1 / 6.0))
        homes.append(heard(chance, pace, count=int(60 * pace**2), unseen_after=200.0))
    fitted = fitting.hazards(homes, HAZARDS.starts)
    assert fitted.rates == pytest.approx(HAZARDS.rates, rel=0.12)
    thrown_together = sum(ended for home in homes for minutes, ended in home if minutes < 2.0) / sum(
        min(minutes, 2.0) for home in homes for minutes, _ in home
    )
    assert thrown_together > 1.2 * HAZARDS.rates[0]


def test_silences_whose_end_was_not_seen_count_for_as_long_as_they_were() -> None:
    chance = np.random.default_rng(8)
    homes = [heard(chance, 1.0, 200, unseen_after=float(chance.uniform(3, 40))) for _ in range(60)]
    assert fitting.hazards(homes, HAZARDS.starts).rates[:3] == pytest.approx(HAZARDS.rates[:3], rel=0.12)


def test_where_no_silence_was_seen_to_end_the_rate_before_goes_on_as_far_as_the_time_spent_there_allows() -> None:
    homes = [[(3.0, True), (4.0, True), (6.0, False)]] * 3
    first, second, third = fitting.hazards(homes, (0.0, 5.0, 60.0)).rates
    assert first > second == pytest.approx(third)


def test_a_fit_serves_a_home_that_was_not_in_it() -> None:
    fitted = fitting.hazards([heard(np.random.default_rng(6), 1.0, 500, 500.0)], silence.growing_bins(0.5, 120.0))
    limit = silence.believed(fitted, silence.fresh(fitted)).alert_after(-math.log(0.005))
    assert 60 < limit < 1_000


@pytest.mark.parametrize("homes", [[], [[1.0, 2.0]], [[1.0], [2.0]], [[1.0, 1.0], [2.0, 2.0]]])
def test_too_little_to_tell_what_is_typical_is_refused(homes: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="typical"):
        fitting.population(homes)


def test_silences_that_never_end_are_refused() -> None:
    with pytest.raises(ValueError, match="no silence was seen to end"):
        fitting.hazards([[(5.0, False)]], (0.0,))
    with pytest.raises(ValueError, match="no silence was seen to end"):
        fitting.hazards([], (0.0,))
