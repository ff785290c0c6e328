"""Sleeping at other hours: found in weeks, and as rarely told for nothing as promised."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest

from detectors import rhythm_shift
from detectors.nights import Notice, Summary
from detectors.rhythm_shift import Known
from tests.detectors.proofs import restored
from tests.detectors.test_restless import HOME
from tests.stories import AMSTERDAM

FIRST = date(2026, 1, 1)


def day(number: int, lay: float | None, rose: float | None, first: date = FIRST) -> Summary:
    """Return the day of a night whose resident lay down and rose at these hours of the clock, after its midnight."""
    evening = first + timedelta(days=number)
    midnight = datetime.combine(evening + timedelta(days=1), time())

    def at(hour: float | None) -> datetime | None:
        if hour is None:
            return None
        return (midnight + timedelta(hours=hour)).replace(tzinfo=AMSTERDAM).astimezone(UTC)

    over = (midnight + timedelta(hours=15)).replace(tzinfo=AMSTERDAM).astimezone(UTC)
    return Summary(at=over, home=HOME.id, night=evening, whole=True, to_bed=at(lay), rose=at(rose))


def told(hours: Sequence[tuple[float | None, float | None]], first: date = FIRST) -> list[tuple[int, Notice]]:
    known, found = Known(), []
    for number, (lay, rose) in enumerate(hours):
        known, notice = rhythm_shift.step(known, day(number, lay, rose, first), HOME)
        found += [(number, notice)] if notice is not None else []
    return found


def hours(chance: np.random.Generator, nights: int, stays: float = 0.0) -> list[tuple[float, float]]:
    """Lie down about half past eleven and rise about seven, each night keeping part of how late the last one was."""
    off, found = 0.0, []
    for _ in range(nights):
        off = stays * off + float(chance.normal(0, 0.8 * np.sqrt(1 - stays**2)))
        found.append((-0.5 + off, 7.0 + 0.5 * off + float(chance.normal(0, 0.6))))
    return found


@pytest.mark.parametrize("shift", [2.0, -2.0])
def test_two_hours_later_or_earlier_are_found_within_three_weeks(shift: float) -> None:
    chance, found, off = np.random.default_rng(3), 0, []
    for _ in range(30):
        usual = hours(chance, 60)
        shifted = [(lay + shift, rose + shift) for lay, rose in hours(chance, 21)]
        notices = [notice for number, notice in told([*usual, *shifted]) if number >= 60]
        found += bool(notices)
        off += [notice.value for notice in notices]
    assert found / 30 >= 0.9
    assert all(value * shift > 0 for value in off)


@pytest.mark.parametrize("stays", [0.0, 0.3])
@pytest.mark.long
def test_without_a_shift_a_notice_comes_less_than_once_in_180_nights(stays: float) -> None:
    chance, notices, nights = np.random.default_rng(4), 0, 0
    for _ in range(30):
        notices += len(told(hours(chance, 240, stays)))
        nights += 240
    assert notices <= nights / 180


def test_hours_alike_to_the_minute_and_one_odd_night_are_no_shift() -> None:
    assert told([(-0.5, 7.0)] * 40 + [(3.0, 12.0)] + [(-0.5, 7.0)] * 10) == []


def test_a_change_of_clocks_is_no_shift_for_who_lives_by_the_clock() -> None:
    assert told([(-0.5, 7.0)] * 80, first=date(2026, 2, 10)) == []


def test_where_only_rising_is_seen_it_is_enough() -> None:
    found = told([(None, 7.0)] * 40 + [(None, 10.0)] * 21)
    assert len(found) == 1
    assert found[0][1].value == 3.0


def test_what_is_remembered_is_small_and_can_be_stored() -> None:
    known = Known()
    for number, (lay, rose) in enumerate(hours(np.random.default_rng(1), 90)):
        known, _ = rhythm_shift.step(known, day(number, lay, rose), HOME)
    assert restored(known) == known
    assert len(known.to_bed.nights) == rhythm_shift.REACH
