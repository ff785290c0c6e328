"""What is taken in and not on disk yet: it waits for company, but never so long that the broker stops handing over."""

from detectors.moments import SensorEvent
from gateway.held import HOLD_S, Held
from gateway.ingest import Arrival
from gateway.sources import Message
from tests.care.test_alerts import a_finding
from tests.stories import a_home, event, instant


def a_record() -> SensorEvent:
    return event(a_home(), "02:09 badkamer")


def arrivals(n: int) -> list[Arrival]:
    return [Arrival(Message("zigbee2mqtt/12", b"{}"), instant("02:09"), packet, 1) for packet in range(n)]


def held(messages: int) -> Held:
    waiting = Held()
    waiting.add([(instant("02:09"), a_record())], arrivals(messages), 100.0)
    return waiting


def test_an_event_waits_for_company_and_not_for_ever() -> None:
    assert not held(1).due(100.0 + HOLD_S - 1)
    assert held(1).due(100.0 + HOLD_S)


def test_what_somebody_must_hear_takes_all_that_waits_with_it() -> None:
    waiting = held(1)
    waiting.add([(instant("02:25"), a_finding())], (), 101.0)
    assert waiting.due(101.0)


def test_with_mosquitto_as_it_comes_a_fifth_of_what_it_hands_over_is_left_free() -> None:
    assert not held(15).due(100.0)
    assert held(16).due(100.0)


def test_with_a_broker_that_hands_over_more_more_is_written_together() -> None:
    assert not held(799).due(100.0, in_flight=1000)
    assert held(800).due(100.0, in_flight=1000)


def test_repetitions_that_leave_nothing_to_write_wait_for_nothing() -> None:
    waiting = Held()
    waiting.add((), arrivals(1), 100.0)
    assert waiting.due(100.0)
