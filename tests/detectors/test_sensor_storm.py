"""A sensor that says far too much."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.findings import What
from detectors.health import Health, arrived
from detectors.homes import HomeId, Kind
from detectors.moments import SensorEvent
from detectors.sensor_storm import STORM_MORE_THAN, STORM_WITHIN, Flow, flowed, sensor_storm
from tests.detectors.proofs import restored
from tests.detectors.test_sensor_silent import START, sensor

KITCHEN = sensor("keuken")


def after(seconds: list[float]) -> Flow:
    flow = Flow()
    for second in seconds:
        flow = flowed(flow, START + timedelta(seconds=second))
    return flow


def stormy(seconds: list[float]) -> bool:
    return sensor_storm(KITCHEN, after(seconds), START + timedelta(seconds=seconds[-1])) is not None


def test_twenty_messages_in_ten_seconds_are_no_storm_and_one_more_is() -> None:
    assert not stormy([n * 0.5 for n in range(20)])
    assert stormy([n * 0.5 for n in range(21)])


def test_a_lively_sensor_is_no_storm() -> None:
    assert not stormy([n * 0.55 for n in range(500)])


def test_copies_that_arrive_in_one_instant_are_a_storm() -> None:
    assert stormy([3.0] * 21)


def test_a_storm_is_dated_by_its_first_message_and_is_one_storm_however_long() -> None:
    seconds = [100.0, *(200.0 + n * 0.1 for n in range(600))]
    episode = sensor_storm(KITCHEN, after(seconds), START + timedelta(seconds=260))
    assert episode is not None
    assert (episode.what, episode.sensor, episode.room) == (What.SENSOR_STORM, KITCHEN.id, KITCHEN.room)
    assert episode.since == START + timedelta(seconds=200)


def test_a_storm_is_over_after_a_calm_minute_and_the_next_is_another() -> None:
    first = after([n * 0.1 for n in range(30)])
    calm_at = first.calm_at()
    assert calm_at is not None
    assert sensor_storm(KITCHEN, first, calm_at - timedelta(milliseconds=1)) is not None
    assert sensor_storm(KITCHEN, first, calm_at) is None
    quiet = flowed(first, calm_at)
    assert quiet.calm_at() is None
    assert stormy([*(n * 0.1 for n in range(30)), *(100 + n * 0.1 for n in range(30))])
    again = sensor_storm(
        KITCHEN, after([*(n * 0.1 for n in range(30)), *(100 + n * 0.1 for n in range(30))]), START + timedelta(0, 103)
    )
    assert again is not None
    assert again.since == START + timedelta(seconds=100)


@given(st.lists(st.floats(0, 30), min_size=1, max_size=80))
def test_a_storm_is_more_than_twenty_in_any_ten_seconds(drawn: list[float]) -> None:
    ats = sorted(START + timedelta(seconds=round(one, 3)) for one in drawn)
    flow = Flow()
    worst = 0
    for n, at in enumerate(ats):
        flow = flowed(flow, at)
        worst = max(worst, sum(at - one <= STORM_WITHIN for one in ats[: n + 1]))
        assert len(flow.recent) <= STORM_MORE_THAN + 1
    assert (flow.began is not None) == (worst > STORM_MORE_THAN)
    assert restored(flow) == flow


@pytest.mark.parametrize("flow", [Flow(), Flow(recent=(START,))])
def test_no_storm_no_finding(flow: Flow) -> None:
    assert sensor_storm(KITCHEN, flow, START) is None


def told(dates: list[float], *, arrive_at: float | None = None) -> list[What]:
    """Return what is told of messages with these dates, in seconds, that arrive as they are dated or all in one go."""
    health, found = Health(), list[What]()
    for second in dates:
        at = START + timedelta(seconds=second)
        event = SensorEvent(
            at=at, home=HomeId("wilg/12"), sensor=KITCHEN.id, room=KITCHEN.room, kind=Kind.MOTION, value=1.0
        )
        turned = arrived(health, event, at if arrive_at is None else START + timedelta(seconds=arrive_at))
        health = turned.health
        found += [one.what for one in turned.ill]
    return found


def test_what_waited_for_hours_at_a_broker_and_comes_in_one_instant_is_no_storm() -> None:
    hours = [n * 90.0 for n in range(100)]
    assert told(hours, arrive_at=9_000.0) == []
    assert told([*hours, *hours], arrive_at=9_000.0) == []  # nor when it is sent again


def test_a_storm_is_one_as_it_arrives_also_of_copies_of_one_message() -> None:
    assert told([n * 0.1 for n in range(30)]) == [What.SENSOR_STORM]
    assert told([5.0] * 30, arrive_at=6.0) == [What.SENSOR_STORM]


def test_a_date_of_the_future_makes_no_storm_of_what_follows() -> None:
    assert told([*(n * 90.0 for n in range(50)), 1e6, *(4_500 + n * 90.0 for n in range(50))], arrive_at=9_000.0) == []
