"""A clock that is set, wanders or was never set: the time that is reckoned from it goes on as time does."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from care.clock import (
    BELIEVED_AFTER_S,
    EARLIEST,
    FAR,
    NEVER,
    SLEW,
    SWITCHED_ON_S,
    Reckoning,
    SteadyClock,
    SystemClock,
    begun,
    reckoned,
)

START = datetime(2026, 11, 24, 1, tzinfo=UTC)
UP_S = 100_000.0  # monotonic seconds: nobody has just switched the machine on
A_MOMENT = timedelta(microseconds=2)  # what may be lost in rounding, at one reading


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def read(offsets: Sequence[tuple[float, timedelta]], *, up_s: float = UP_S, start: datetime = START) -> list[Reckoning]:
    """Return what is reckoned of a clock that is read after so many seconds each, while it is off by so much."""
    said = [begun(start, up_s, known_to=None)]
    passed = 0.0
    for after_s, off in offsets:
        passed += after_s
        said.append(reckoned(said[-1], start + seconds(passed) + off, up_s + passed))
    return said


def every(after_s: float, off: timedelta, *, for_s: float) -> Iterator[tuple[float, timedelta]]:
    return ((after_s, off) for _ in range(round(for_s / after_s)))


WAITS = st.floats(0, 5_000) | st.sampled_from([0.0, 1e-6, 0.25, 1.0, 30.0])
NEAR = st.integers(-40_000, 40_000).map(seconds)  # so that our time and the clock are never a day apart
ANY = NEAR | st.sampled_from([datetime(1970, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)]).map(
    lambda at: at - START
)
WHATEVER = st.lists(st.tuples(WAITS, ANY | st.integers(-(10**8), 10**8).map(seconds)), max_size=40)


@given(WHATEVER, st.sampled_from([0.0, UP_S]))
def test_time_never_goes_back(offsets: list[tuple[float, timedelta]], up_s: float) -> None:
    assert all(one.now <= two.now for one, two in pairwise(read(offsets, up_s=up_s)))


@given(st.lists(st.tuples(WAITS, ANY), max_size=40), st.data())
def test_no_stretch_is_a_tenth_longer_or_shorter_than_it_was(
    offsets: list[tuple[float, timedelta]], data: st.DataObject
) -> None:
    """Whatever the clock does by less than a day, or does that no clock can that is right."""
    said = read(offsets)
    first = data.draw(st.integers(0, len(said) - 1))
    last = data.draw(st.integers(first, len(said) - 1))
    lasted = seconds(said[last].monotonic_s - said[first].monotonic_s)
    wrong = abs(said[last].now - said[first].now - lasted)
    assert wrong <= SLEW * lasted + A_MOMENT * (last - first + 1)


@given(NEAR, st.sampled_from([10.0, 60.0, 3_000.0]))
def test_a_clock_that_was_set_is_gone_over_to_in_ten_times_as_long(step: timedelta, every_s: float) -> None:
    whole_s = abs(step.total_seconds()) / SLEW + 2 * every_s
    last = read(list(every(every_s, step, for_s=whole_s + every_s)))[-1]
    assert last.apart == timedelta(0)
    assert last.ours(last.wall) == (last.wall,)


@given(st.lists(WAITS, max_size=30))
def test_a_clock_that_nobody_sets_is_followed_to_the_microsecond(waits: list[float]) -> None:
    assert all(one.now == one.wall for one in read([(wait, timedelta(0)) for wait in waits]))


@given(NEAR, st.floats(0, 40_000), st.floats(0, 40_000))
def test_a_date_by_the_machine_means_the_same_instant_whenever_it_is_asked(
    step: timedelta, dated_s: float, later_s: float
) -> None:
    """And that instant is when our clock stood there: a message that is sent again is the same one."""
    assume(abs(step) > seconds(2))
    then, again = read([(1.0, step), (dated_s, step), (later_s, step)])[2:]
    if again.turned is not None:
        assert then.ours(then.wall) == again.ours(then.wall)
    assert abs(then.ours(then.wall)[0] - then.now) <= A_MOMENT


def test_what_was_dated_before_the_clock_was_set_keeps_its_distance() -> None:
    """In a message that is dated by the new clock: somebody has been lying since an hour before."""
    last = read([(1.0, seconds(7200))])[-1]
    assert last.now - last.ours(last.wall - seconds(3600))[0] == seconds(3600)


@given(NEAR, NEAR, st.floats(1, 4_000))
def test_what_was_under_way_while_the_clock_was_set_keeps_its_date(
    step: timedelta, back: timedelta, for_s: float
) -> None:
    assume(abs(back - step) > seconds(2))
    before, after = read([(1.0, step), (for_s, step), (1e-3, back)])[-2:]
    assert min(abs(one - before.now) for one in after.ours(before.wall)) <= A_MOMENT


# What a machine without a clock of its own does at its start.


@pytest.mark.parametrize("wall", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)])
@pytest.mark.parametrize("known_to", [START, None])
def test_a_machine_that_was_never_told_the_time_goes_on_where_its_journal_ends(
    wall: datetime, known_to: datetime | None
) -> None:
    now = begun(wall, 10.0, known_to=known_to)
    assert now.now == (known_to or EARLIEST)
    later = reckoned(now, wall + seconds(60), 70.0)
    assert later.now - now.now == seconds(60)
    assert abs(later.apart) > NEVER
    assert later.ours(wall + seconds(50)) == (now.now + seconds(50),)  # its bridge dates by the same wrong clock


def test_what_a_machine_learns_of_the_time_soon_after_it_was_switched_on_is_how_long_it_was_off() -> None:
    now = begun(START + seconds(2), 20.0, known_to=START)
    late = reckoned(now, START + seconds(3000), 80.0)
    assert late.now == START + seconds(3000)


def test_a_clock_that_was_put_right_after_that_makes_nobody_lie_longer() -> None:
    up = SWITCHED_ON_S + 60
    late = reckoned(begun(START, up, known_to=START), START + seconds(3060), up + 60)
    assert late.now == START + seconds(60 * (1 + SLEW))


def test_a_clock_that_goes_far_ahead_for_a_moment_is_not_followed() -> None:
    """Or there would be no way back, for time never goes there."""
    *_, last = read([*every(60, timedelta(days=400), for_s=BELIEVED_AFTER_S - 60), (60, timedelta(0))])
    assert last.apart == timedelta(0)


def test_a_clock_that_stays_far_ahead_is_believed_in_the_end() -> None:
    *_, before, last = read(list(every(60, 3 * FAR, for_s=BELIEVED_AFTER_S + 60)))
    assert before.apart == 3 * FAR
    assert last.apart == timedelta(0)


def test_a_clock_that_is_days_behind_is_not_followed() -> None:
    *_, last = read(list(every(60, -3 * FAR, for_s=3 * BELIEVED_AFTER_S)))
    assert last.now - START == seconds(3 * BELIEVED_AFTER_S)


def test_a_steady_clock_reads_both_clocks_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    off, passed = timedelta(0), 0.0
    monkeypatch.setattr(SystemClock, "now", lambda _: START + seconds(passed) + off)
    monkeypatch.setattr(time, "monotonic", lambda: UP_S + passed)
    clock = SteadyClock(START - seconds(60))
    assert clock.now() == START
    off, passed = seconds(-7200), 600.0
    assert clock.now() == START + seconds(540)
    assert clock.reckoning.apart == seconds(-7200 + 60)
