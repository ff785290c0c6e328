"""More visits a night: found in weeks, and as rarely told for nothing as promised."""

import numpy as np

from detectors import nocturia
from detectors.calibration import LeftOut
from detectors.nights import Notice
from detectors.nocturia import Known
from tests.detectors.proofs import restored
from tests.detectors.test_restless import HOME, night


def told(visits: list[int]) -> list[tuple[int, Notice]]:
    known, found = Known(), []
    for number, each in enumerate(visits):
        known, notice = nocturia.step(known, night(number, 0, visits=each), HOME)
        found += [(number, notice)] if notice is not None else []
    return found


def test_three_visits_where_one_is_usual_are_told_within_two_weeks_and_once() -> None:
    ((number, notice),) = told([1, 0, 1, 1, 2, 0, 1] * 6 + [3] * 21)
    assert 42 <= number <= 56
    assert notice.value > 2 > notice.usual
    assert notice.nights >= 14


def test_fewer_visits_are_good_news_and_not_told() -> None:
    assert told([3, 2, 3, 4] * 12 + [0] * 40) == []


def test_a_night_that_was_not_seen_stakes_nothing() -> None:
    known = Known()
    for number in range(40):
        known, _ = nocturia.step(known, night(number, 0, visits=1), HOME)
    after, notice = nocturia.step(known, night(40, 0, LeftOut.OUTAGE, visits=9), HOME)
    assert notice is None
    assert after.change.won == known.change.won
    assert restored(after) == after


def test_without_a_change_a_notice_comes_less_than_once_in_ninety_nights() -> None:
    """Whether visits are as chance has them or come in bad nights; each home with its own mean."""
    chance, notices, nights = np.random.default_rng(5), 0, 0
    for home in range(50):
        mean = float(chance.gamma(4.0, 0.25))
        rate = chance.gamma(2.0, mean / 2.0, 180) if home % 2 else np.full(180, mean)
        notices += len(told([int(x) for x in chance.poisson(rate)]))
        nights += 180
    assert notices <= nights / 90


def test_one_and_a_half_visits_more_are_found_in_four_weeks() -> None:
    chance, found = np.random.default_rng(6), 0
    for _ in range(60):
        before, after = chance.poisson(0.8, 60), chance.poisson(2.3, 28)
        found += any(number >= 60 for number, _ in told([int(x) for x in (*before, *after)]))
    assert found / 60 >= 0.9
