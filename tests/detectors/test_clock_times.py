"""At what time somebody usually gets up: by the clock, at weekends, and in the weeks after the clocks change."""

import math
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import clock_times, habits
from detectors.clock_times import ClockTimes
from detectors.habits import Population
from tests.detectors.proofs import restored

RISING = Population(mean=7.0, between=1.0, within=0.8)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
WINTER, SUMMER = 1.0, 2.0

Morning = tuple[float, bool]
mornings = st.lists(st.tuples(st.floats(3, 13), st.booleans()), max_size=30)


def lived(*seen: Morning, utc_offset: float = WINTER, start: ClockTimes | None = None) -> ClockTimes:
    known = start or ClockTimes()
    for hour, weekend in seen:
        known = clock_times.next_night(known, utc_offset)
        known = clock_times.learned(RISING, known, hour, weekend=weekend)
    return known


def test_an_early_riser_is_missed_earlier_than_a_late_one() -> None:
    early, late = lived(*[(5.8, False), (6.2, False)] * 15), lived(*[(8.8, False), (9.2, False)] * 15)
    assert clock_times.alert_at(RISING, early, 3.0) < 9.0 < clock_times.alert_at(RISING, late, 3.0)


@given(mornings, st.floats(-3, 8), st.booleans(), st.sampled_from([0, 14]), st.sampled_from([-1.0, 1.0]))
def test_who_is_up_by_the_alert_scores_at_most_the_threshold(
    seen: list[Morning], q: float, weekend: bool, adjusting: int, moved: float
) -> None:
    known = lived(*seen)
    known = ClockTimes(known.habit, known.weekend, known.weekend_off, WINTER, moved, adjusting)
    alert = clock_times.alert_at(RISING, known, q, weekend=weekend)
    assert clock_times.score(RISING, known, alert, weekend=weekend) == pytest.approx(q, abs=1e-9)


def test_in_spring_who_keeps_to_the_sun_is_not_called_late_for_two_weeks() -> None:
    before = lived(*[(6.9, False), (7.1, False)] * 15)
    q = 2.5
    told = []
    known = before
    for night in range(20):
        known = clock_times.next_night(known, SUMMER)  # nothing is learned: how long the two readings count alone
        told.append(clock_times.score(RISING, known, 8.05, weekend=False) < q * 0.2)
        assert known.adjusting == max(0, 14 - night)
    assert told == [True] * 14 + [False] * 6


def test_in_autumn_who_keeps_to_the_clock_is_not_called_late_either() -> None:
    known = clock_times.next_night(lived(*[(6.9, False), (7.1, False)] * 15, utc_offset=SUMMER), WINTER)
    assert known.moved == -1.0
    assert abs(clock_times.score(RISING, known, 7.0)) < 0.2
    assert clock_times.score(RISING, known, 6.0) < 0.0


def test_the_smaller_anomaly_is_the_one_that_counts() -> None:
    plain = lived(*[(6.9, False), (7.1, False)] * 15)
    spring = clock_times.next_night(plain, SUMMER)
    middle, spread = habits.usual(RISING, spring.habit)
    for hour in (6.5, 7.5, 8.5, 10.0):
        by_clock, by_sun = (hour - middle) / spread, (hour - middle - 1.0) / spread
        assert clock_times.score(RISING, spring, hour) == pytest.approx(min(by_clock, by_sun))


def test_who_sleeps_in_at_weekends_is_not_late_on_a_sunday_but_is_on_a_monday() -> None:
    week = [(7.0, False)] * 5 + [(9.0, True)] * 2
    known = lived(*week * 8)
    sunday, monday = (clock_times.score(RISING, known, 9.0, weekend=weekend) for weekend in (True, False))
    assert sunday < 1.5 < monday
    assert clock_times.alert_at(RISING, known, 3.0, weekend=True) > clock_times.alert_at(RISING, known, 3.0)


def test_one_lazy_sunday_is_hardly_believed() -> None:
    once = clock_times.learned(RISING, lived(*[(7.0, False)] * 20), 9.0, weekend=True)
    assert 0.0 < once.weekend_off / (clock_times.WEEKEND_PULL + once.weekend) < 0.3


def test_one_sunday_in_bed_till_evening_teaches_no_more_than_a_late_one() -> None:
    known = lived(*[(7.0, False)] * 20)
    late, _, very_late = (clock_times.learned(RISING, known, hour, weekend=True) for hour in (12.0, 15.0, 18.0))
    assert late == very_late


def test_an_infinite_threshold_leaves_it_to_the_cap() -> None:
    assert clock_times.alert_at(RISING, ClockTimes(), math.inf) == math.inf


def test_after_three_weeks_half_of_what_was_known_still_counts_and_after_an_absence_a_quarter() -> None:
    known = lived((7.0, False), (9.0, True))
    later = known
    for _ in range(21):
        later = clock_times.next_night(later, WINTER)
    assert later.habit.n == pytest.approx(known.habit.n / 2)
    assert later.weekend_off == pytest.approx(known.weekend_off / 2)
    back = clock_times.after_absence(known)
    assert (back.habit.n, back.weekend) == (known.habit.n / 4, known.weekend / 4)


@pytest.mark.parametrize(
    ("utc", "evening", "hour"),
    [
        (datetime(2026, 3, 29, 5, 0, tzinfo=UTC), date(2026, 3, 28), 7.0),  # the night of 23 hours
        (datetime(2026, 10, 25, 6, 0, tzinfo=UTC), date(2026, 10, 24), 7.0),  # the night of 25 hours
        (datetime(2026, 1, 6, 11, 30, tzinfo=UTC), date(2026, 1, 5), 12.5),  # up after noon is still this night
        (datetime(2026, 1, 5, 21, 45, tzinfo=UTC), date(2026, 1, 5), -1.25),
    ],
)
def test_seven_oclock_is_seven_also_in_the_nights_of_23_and_25_hours(utc: datetime, evening: date, hour: float) -> None:
    assert clock_times.on_the_clock(utc, evening, AMSTERDAM) == hour


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        clock_times.on_the_clock(datetime(2026, 1, 6, 7, 0), date(2026, 1, 5), AMSTERDAM)  # noqa: DTZ001  # naive on purpose


@given(mornings, st.sampled_from([WINTER, SUMMER]))
def test_what_is_known_is_stored_and_comes_back_to_the_bit(seen: list[Morning], then: float) -> None:
    known = clock_times.next_night(lived(*seen), then)
    assert restored(known) == known
