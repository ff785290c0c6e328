"""Not up yet: told by the hour that is usual here, and not of who is up, out or only back from breakfast."""

from datetime import UTC, datetime, time, timedelta

import msgspec
import pytest

from detectors.clock_times import ClockTimes
from detectors.episodes import Episode
from detectors.findings import What
from detectors.homes import Home
from detectors.late_rise import late_rise, learned
from tests.detectors.proofs import restored
from tests.detectors.test_nights import QUIET, clock, lived
from tests.detectors.test_rhythm_shift import day
from tests.stories import AMSTERDAM, a_home, events, instant

HOME = a_home()
LAY_DOWN = QUIET[:3]


def used_to(hour: float, mornings: int = 20) -> ClockTimes:
    known = ClockTimes()
    for number in range(mornings):
        known = learned(known, day(number, -0.5, hour + 0.25 * (number % 3 - 1)), HOME)
    return known


def watched(known: ClockTimes, *lines: str, until: str, home: Home = HOME) -> Episode | None:
    where, diary, _ = lived(home, events(home, lines), instant(until))
    return late_rise(where, home, diary, known)


def test_who_rises_at_half_past_seven_is_missed_before_ten() -> None:
    episode = watched(used_to(7.5), *LAY_DOWN, until="08:00")
    assert episode is not None
    assert episode.what is What.LATE_RISE
    assert abs(episode.since - instant("07:30")) < timedelta(minutes=10)
    assert timedelta(hours=2) < episode.due - episode.since < timedelta(hours=3)


def test_the_hour_follows_the_home_and_never_comes_before_the_end_of_the_night() -> None:
    late, early = (watched(used_to(hour), *LAY_DOWN, until="06:00") for hour in (9.5, 4.0))
    assert late is not None
    assert early is not None
    assert abs(late.since - instant("09:30")) < timedelta(minutes=10)
    assert abs(early.since - instant("04:00")) < timedelta(minutes=10)
    assert clock(early.due) == "07:00"


def test_a_home_of_a_few_mornings_is_given_until_eleven() -> None:
    episode = watched(used_to(7.5, mornings=3), *LAY_DOWN, until="08:00")
    assert episode is not None
    assert clock(episode.due) == "11:00"


@pytest.mark.parametrize(
    "lines",
    [
        ("07:20 bed out", "07:21 badkamer", "07:40 keuken"),  # up
        ("06:00 bed out", "06:02 keuken", "08:30 bed in"),  # up for two hours, and back for a nap
        ("07:20 bed out", "07:21 gang", "07:22 door open", "07:22:30 door closed"),  # out
    ],
)
def test_who_is_up_or_out_is_not_missed(lines: tuple[str, ...]) -> None:
    assert watched(used_to(7.5), *LAY_DOWN, *lines, until="09:00") is None


@pytest.mark.parametrize(
    "lines",
    [
        ("06:50 bed out", "06:51 badkamer", "06:56 bed in"),  # the bathroom
        ("06:10 bed out", "06:12 keuken", "06:20 bed in"),  # a glass of milk
        ("03:10 bed out", "03:12 keuken", "03:50 bed in"),  # awake for a while
    ],
)
def test_who_went_back_to_bed_has_not_risen(lines: tuple[str, ...]) -> None:
    assert watched(used_to(7.5), *LAY_DOWN, *lines, until="09:00") is not None


def test_who_dresses_in_the_bedroom_after_breakfast_is_given_an_hour() -> None:
    lines = ("08:40 bed out", "08:42 keuken", "09:30 bed in")
    episode = watched(used_to(7.5), *LAY_DOWN, *lines, until="09:40")
    assert episode is not None
    assert clock(episode.due) == "10:30"


def test_without_a_bed_sensor_it_is_told_of_who_was_not_seen_outside_the_bedroom() -> None:
    home = a_home(bed=False)
    evening = ("21:00 woonkamer", "22:40 badkamer", "22:50 slaapkamer")
    assert watched(used_to(7.5), *evening, until="09:00", home=home) is not None
    assert watched(used_to(7.5), *evening, "07:30 badkamer", "07:31 keuken", until="09:00", home=home) is None


def test_who_never_came_home_is_not_missed_in_bed() -> None:
    assert watched(used_to(7.5), "20:00 gang", "20:01 door open", "20:01:30 door closed", until="09:00") is None


def test_the_usual_hour_is_read_from_the_wall_when_the_clocks_change() -> None:
    home, known = HOME, used_to(7.5)
    begin = datetime.combine(datetime(2026, 3, 28).date(), time(21), tzinfo=AMSTERDAM).astimezone(UTC)  # noqa: DTZ001
    first, *rest = events(home, LAY_DOWN)
    moved = [msgspec.structs.replace(one, at=one.at - first.at + begin) for one in (first, *rest)]
    where, diary, _ = lived(home, moved, begin + timedelta(hours=9))
    episode = late_rise(where, home, diary, known)
    assert episode is not None
    wall = datetime(2026, 3, 29, 7, 30, tzinfo=AMSTERDAM)
    assert abs(episode.since - wall) < timedelta(minutes=10)


def test_a_morning_that_was_not_seen_teaches_nothing() -> None:
    known = used_to(7.5)
    after = learned(known, day(20, -0.5, None), HOME)
    assert 0 < after.habit.n < known.habit.n
    assert restored(after) == after
