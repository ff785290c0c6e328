"""How long is too long in the bathroom: for somebody unknown, for the quick, for the slow, towards morning."""

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import durations
from detectors.durations import BATH, Block, Personal, Typical
from detectors.habits import Population
from tests.detectors.proofs import restored

DOCUMENT = Typical(logs=Population(mean=math.log(4.6), between=0.48**2 / 1.4, within=0.48**2))
TOWARDS_MORNING = Typical(logs=DOCUMENT.logs, offsets=(0.0, -0.1, 0.3))
AMSTERDAM = ZoneInfo("Europe/Amsterdam")

stays = st.lists(st.floats(0.1, 600), max_size=30)
blocks = st.sampled_from(Block)
thresholds = st.floats(-3, 8)
lifts = st.tuples(*[st.floats(0, durations.LIFT_MAX)] * 3)


def after(*minutes: float, typical: Typical = DOCUMENT, block: Block = Block.SMALL_HOURS) -> Personal:
    known = Personal()
    for each in minutes:
        known = durations.learned(typical, known, each, block)
    return known


def test_the_documents_figures_for_stays_of_three_five_and_four_minutes() -> None:
    known = after(3, 5, 4)
    assert durations.score(DOCUMENT, known, 12, Block.EVENING) == pytest.approx(2.272718, abs=5e-7)
    assert durations.alert_after(DOCUMENT, known, 3.0, Block.EVENING) == pytest.approx(16.8935, abs=5e-5)


def test_who_is_quick_is_missed_sooner_than_who_takes_their_time() -> None:
    quick, slow = after(*[2.0, 3.0] * 10), after(*[12.0, 18.0] * 10)
    limits = [durations.alert_after(DOCUMENT, known, 3.0, Block.EVENING) for known in (quick, Personal(), slow)]
    assert limits[0] < 9
    assert 25 < limits[1] < limits[2]
    assert durations.median(DOCUMENT, slow, Block.EVENING) == pytest.approx(14.0, abs=1.0)


def test_a_part_of_the_night_in_which_people_take_longer_gives_more_time() -> None:
    known = after(3, 5, 4, typical=TOWARDS_MORNING)
    evening = durations.alert_after(TOWARDS_MORNING, known, 3.0, Block.EVENING)
    morning = durations.alert_after(TOWARDS_MORNING, known, 3.0, Block.MORNING)
    assert morning == pytest.approx(evening * math.exp(0.3))


def test_a_stay_that_is_long_only_because_it_is_morning_is_not_learned_as_a_long_one() -> None:
    at_night = after(4.0, typical=TOWARDS_MORNING, block=Block.EVENING)
    washing = after(4.0 * math.exp(0.3), typical=TOWARDS_MORNING, block=Block.MORNING)
    assert durations.median(TOWARDS_MORNING, washing, Block.EVENING) == pytest.approx(
        durations.median(TOWARDS_MORNING, at_night, Block.EVENING)
    )


@given(stays, blocks, thresholds, st.floats(0.1, 600), lifts)
def test_an_episode_scores_above_the_threshold_if_and_only_if_it_outlasts_the_timer(
    seen: list[float], block: Block, q: float, minutes: float, lifted: tuple[float, float, float]
) -> None:
    known = Personal(after(*seen, typical=TOWARDS_MORNING).habit, lifted)
    timer = durations.alert_after(TOWARDS_MORNING, known, q, block)
    assert durations.score(TOWARDS_MORNING, known, timer, block) == pytest.approx(q, abs=1e-9)
    if abs(minutes - timer) > 1e-6:
        assert (durations.score(TOWARDS_MORNING, known, minutes, block) > q) == (minutes > timer)


def test_an_infinite_threshold_leaves_it_to_the_cap_and_one_below_everything_waits_for_nothing() -> None:
    assert durations.alert_after(BATH, Personal(), math.inf, Block.EVENING) == math.inf
    assert durations.alert_after(BATH, Personal(), 1e9, Block.EVENING) == math.inf
    assert durations.alert_after(BATH, Personal(), -math.inf, Block.EVENING) == 0.0


@given(stays, blocks, st.floats(1, 600), thresholds)
def test_what_was_called_normal_is_not_told_again_as_far_as_a_lift_may_go(
    seen: list[float], block: Block, minutes: float, q: float
) -> None:
    known = durations.lifted(DOCUMENT, after(*seen), minutes, block, q)
    without = after(*seen)
    lifted, before = (durations.alert_after(DOCUMENT, each, q, block) for each in (known, without))
    assert known.habit == without.habit
    assert before <= lifted <= before * math.exp(durations.LIFT_MAX) * (1 + 1e-9)
    assert lifted >= min(minutes, before * math.exp(durations.LIFT_MAX)) * (1 - 1e-9)
    assert lifted == pytest.approx(before) or lifted <= minutes * (1 + 1e-9)


def test_what_is_normal_towards_morning_is_not_therefore_normal_at_two() -> None:
    known = durations.lifted(DOCUMENT, after(*[3.0, 4.0, 5.0] * 7), 30.0, Block.MORNING, q=3.0)
    assert known.lifts == (0.0, 0.0, durations.LIFT_MAX)


def test_a_lift_is_gone_after_two_months_and_half_gone_after_one() -> None:
    known = durations.lifted(DOCUMENT, after(*[3.0, 4.0, 5.0] * 7), 30.0, Block.MORNING, q=3.0)
    assert durations.aged(known, 30).lifts[Block.MORNING] == pytest.approx(durations.LIFT_MAX / 2)
    assert durations.aged(known, 60).lifts == (0.0, 0.0, 0.0)


def test_where_nothing_is_told_there_is_nothing_to_lift() -> None:
    known = durations.lifted(DOCUMENT, after(3, 5, 4), 30.0, Block.MORNING, q=math.inf)
    assert known.lifts == (0.0, 0.0, 0.0)


def test_after_weeks_away_a_quarter_of_what_was_known_still_counts() -> None:
    known = after(*[2.0, 3.0] * 10)
    back = durations.after_absence(known)
    assert back.habit.n == known.habit.n / 4
    limits = [durations.alert_after(DOCUMENT, each, 3.0, Block.EVENING) for each in (known, back, Personal())]
    assert limits == sorted(limits)


def test_the_night_in_which_an_hour_comes_twice_has_its_small_hours_from_the_first_two_oclock() -> None:
    instants = [datetime(2026, 10, 24, 23, 59, tzinfo=UTC), datetime(2026, 10, 25, 0, 0, tzinfo=UTC)]
    instants += [datetime(2026, 10, 25, 1, 30, tzinfo=UTC), datetime(2026, 10, 25, 4, 0, tzinfo=UTC)]
    assert [durations.block_of(at, AMSTERDAM) for at in instants] == [
        Block.EVENING,
        Block.SMALL_HOURS,
        Block.SMALL_HOURS,
        Block.MORNING,
    ]


def test_the_night_in_which_two_oclock_does_not_come_goes_straight_to_the_small_hours() -> None:
    assert durations.block_of(datetime(2026, 3, 29, 0, 59, tzinfo=UTC), AMSTERDAM) is Block.EVENING
    assert durations.block_of(datetime(2026, 3, 29, 1, 0, tzinfo=UTC), AMSTERDAM) is Block.SMALL_HOURS


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        durations.block_of(datetime(2026, 3, 29, 1, 0), AMSTERDAM)  # noqa: DTZ001  # naive on purpose


@pytest.mark.parametrize("minutes", [0.0, -1.0])
def test_a_stay_of_no_time_is_refused(minutes: float) -> None:
    with pytest.raises(ValueError, match=r"math domain error|positive"):
        durations.learned(DOCUMENT, Personal(), minutes, Block.EVENING)


@given(stays, st.floats(1, 600), st.floats(0, 100))
def test_what_is_known_is_stored_and_comes_back_to_the_bit(seen: list[float], minutes: float, nights: float) -> None:
    known = durations.aged(durations.lifted(DOCUMENT, after(*seen), minutes, Block.EVENING, 2.0), nights)
    assert restored(known) == known
