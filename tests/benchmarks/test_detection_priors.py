"""A home starts from what others taught, never from itself, and never from a few homes alone."""

import math
from datetime import UTC, date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.detection import priors
from benchmarks.detection.nights import Recorded
from benchmarks.detection.priors import DIFFER_AT_LEAST, EPISODES_AT_LEAST, HOMES_AT_LEAST, Taught
from detectors.homes import HomeId
from detectors.nights import Learned, Summary
from detectors.others import SHIPPED, Others
from tests.stories import a_home

STAY, WAIT = "bath_at_night", "still_about"


def a_taught(*minutes: float, lesson: str = STAY, times: int = 10) -> Taught:
    return {lesson: [Learned(lesson, one, ended=True) for one in minutes * times]}


def recording(name: str) -> Recorded:
    return Recorded(name, a_home(), ())


def summaries(taught: Taught) -> list[Summary]:
    at, episodes = datetime(2026, 1, 6, 14, tzinfo=UTC), tuple(one for every in taught.values() for one in every)
    return [Summary(at=at, home=HomeId("a/1"), night=date(2026, 1, 5), whole=True, episodes=episodes)]


def median(others: Others) -> float:
    return math.exp(others.stays[STAY].logs.mean)


def test_two_homes_teach_nothing_and_three_do() -> None:
    homes = [a_taught(8.0, 9.0, 12.0), a_taught(7.0, 10.0), a_taught(9.0, 11.0)]
    assert priors.fitted(homes[: HOMES_AT_LEAST - 1]) == SHIPPED
    found = priors.fitted(homes)
    assert priors.differs(found) == [STAY]
    assert median(SHIPPED) < median(found) < 9.0


def test_a_home_with_a_handful_of_episodes_does_not_count_as_one() -> None:
    homes = [a_taught(8.0, 9.0), a_taught(7.0, 10.0), a_taught(9.0, 11.0, times=(EPISODES_AT_LEAST - 1) // 2)]
    assert priors.fitted(homes) == SHIPPED


def test_homes_that_seem_all_alike_are_still_believed_to_differ() -> None:
    found = priors.fitted([a_taught(3.1, 3.2, 3.3)] * 40)
    assert math.sqrt(found.stays[STAY].logs.between) == pytest.approx(DIFFER_AT_LEAST)


def test_thresholds_and_all_else_stay_as_shipped() -> None:
    found = priors.fitted([a_taught(8.0, 9.0), a_taught(7.0, 10.0), a_taught(9.0, 11.0)])
    kept = {**msgspec.structs.asdict(found), "stays": SHIPPED.stays}
    assert kept == msgspec.structs.asdict(SHIPPED)


def test_silences_that_end_late_elsewhere_are_expected_to_end_later_here() -> None:
    late = a_taught(20.0, 40.0, 70.0, lesson=WAIT)
    found = priors.fitted([late] * 3)
    assert priors.differs(found) == [WAIT]
    assert sum(found.waits[WAIT].rates) < sum(SHIPPED.waits[WAIT].rates)
    assert found.waits[WAIT].starts == SHIPPED.waits[WAIT].starts


def test_no_home_starts_from_itself_nor_from_another_recording_of_itself() -> None:
    slow, quick = a_taught(30.0, 33.0), a_taught(3.0, 3.3)
    names = {"aruba_minutes": slow, "aruba_intervals": slow, "b": quick, "c": quick, "d": quick}
    told = {name: summaries(taught) for name, taught in names.items()}
    found = priors.from_others([recording(name) for name in names], told)
    assert found["aruba_minutes"] == found["aruba_intervals"]
    assert median(found["aruba_minutes"]) < 3.3 < median(found["b"])


def test_a_home_that_was_recorded_twice_speaks_once() -> None:
    slow, quick = a_taught(30.0, 33.0), a_taught(3.0, 3.3)
    once = {"aruba_minutes": slow, "b": quick, "c": quick, "d": quick}
    twice = {"aruba_intervals": a_taught(30.0), **once}
    found = [
        priors.from_others([recording(name) for name in names], {name: summaries(names[name]) for name in names})["b"]
        for names in (once, twice)
    ]
    assert found[0] == found[1]


@given(st.lists(st.lists(st.floats(0.3, 200.0), min_size=2, max_size=6, unique=True), min_size=3, max_size=6))
def test_what_is_found_never_leads_further_than_it_lies(homes: list[list[float]]) -> None:
    """However odd the homes, the middle stays between theirs and the shipped one, and no spread vanishes."""
    found = priors.fitted([a_taught(*home, times=EPISODES_AT_LEAST) for home in homes])
    ends = [math.log(median(SHIPPED)), *(math.log(minutes) for home in homes for minutes in home)]
    logs = found.stays[STAY].logs
    assert min(ends) - 1e-9 <= logs.mean <= max(ends) + 1e-9
    assert logs.between >= DIFFER_AT_LEAST**2 - 1e-9
    assert logs.within > 0
