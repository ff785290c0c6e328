"""What Zigbee2MQTT sends, read; and everything else it might send, kept and counted."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.records import Trouble
from detectors.homes import HomeId, Kind, SensorId
from detectors.moments import Origin
from gateway.sources import Reading, Sign
from gateway.sources.messages import PAYLOAD_MAX, Message
from gateway.sources.zigbee2mqtt import bridge_online, read
from tests.stories import a_home, a_site

NOW = datetime(2026, 3, 3, 1, 10, tzinfo=UTC)
SITE = a_site(a_home("12"), a_home("13"))


def reading(name: str, payload: bytes | Mapping[str, object], *, retained: bool = False, **known: Any) -> Reading:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    message = Message(f"zigbee2mqtt/{name}", body, retained)
    return read(SITE, "zigbee2mqtt", message, **{"received_at": NOW, "started_at": None, **known})


def troubles(read_: Reading) -> list[Trouble]:
    return [one.trouble for one in read_.troubles]


@pytest.mark.parametrize(
    ("name", "payload", "kind", "value"),
    [
        ("12/badkamer", {"occupancy": True, "illuminance": 3, "linkquality": 90}, Kind.MOTION, 1.0),
        ("12/badkamer", {"occupancy": False}, Kind.MOTION, 0.0),
        ("12/badkamer", {"presence": True}, Kind.MOTION, 1.0),
        ("12/door", {"contact": True}, Kind.DOOR, 0.0),  # true is closed
        ("12/door", {"contact": False}, Kind.DOOR, 1.0),
        ("12/bed", {"occupancy": True}, Kind.BED, 1.0),
        ("12/bed", {"contact": True}, Kind.BED, 0.0),  # a pad that says contact: open is pressed
        ("12/button", {"action": "single"}, Kind.BUTTON, 1.0),
    ],
)
def test_a_payload_means_what_the_role_in_the_plan_makes_of_it(
    name: str, payload: dict[str, object], kind: Kind, value: float
) -> None:
    (event,) = reading(name, payload).events
    assert (event.home, event.sensor, event.kind, event.value) == ("wilg/12", name, kind, value)
    assert event.at == NOW


@pytest.mark.parametrize("last_seen", ["2026-03-03T02:09:58.120+01:00", "2026-03-03T01:09:58.120Z", 1772500198120])
def test_an_event_is_dated_by_the_device_in_utc(last_seen: str | int) -> None:
    (event,) = reading("12/bed", {"occupancy": False, "last_seen": last_seen}).events
    assert event.at == datetime(2026, 3, 3, 1, 9, 58, 120_000, tzinfo=UTC)
    assert event.origin is Origin.LIVE


@pytest.mark.parametrize(
    ("last_seen", "why"),
    [
        ("2026-03-03T02:09:58", "has no time zone"),
        ("2099-01-01T00:00:00Z", "lies in the future"),
        ("1970-01-01T00:00:07Z", "more than a year back"),
        ("yesterday", "is no date"),
        (10**18, "is no date"),
    ],
)
def test_a_date_that_cannot_be_believed_is_told_and_the_event_taken_as_of_its_arrival(
    last_seen: str | int, why: str
) -> None:
    read_ = reading("12/bed", {"occupancy": False, "last_seen": last_seen})
    assert [event.at for event in read_.events] == [NOW]
    assert troubles(read_) == [Trouble.CLOCK]
    assert why in read_.troubles[0].why


@pytest.mark.parametrize(
    ("payload", "trouble"),
    [
        (b"not json", Trouble.UNREADABLE),
        (b'{"occupancy": "yes"}', Trouble.UNREADABLE),
        (b"\xff\xfe\x00", Trouble.UNREADABLE),
        (b"[1, 2]", Trouble.UNREADABLE),
        (b"null", Trouble.UNREADABLE),
        (b'{"temperature": 21}', Trouble.NO_VALUE),
        (b"x" * 1_000_000, Trouble.TOO_LARGE),
    ],
)
def test_what_cannot_be_read_is_kept_with_a_sentence(payload: bytes, trouble: Trouble) -> None:
    read_ = reading("12/bed", payload)
    assert troubles(read_) == [trouble]
    (kept,) = read_.troubles
    assert kept.size == len(payload)
    assert kept.payload == payload[:2_000]
    assert kept.why.endswith((".", "?"))


def test_a_sensor_that_is_not_in_the_plan_is_named_for_the_installer() -> None:
    read_ = reading("14/bed", {"occupancy": True})
    assert troubles(read_) == [Trouble.UNKNOWN_SENSOR]
    assert '"14/bed"' in read_.troubles[0].why


def test_a_battery_report_is_a_sign_of_life_and_no_event_and_no_trouble() -> None:
    read_ = reading("12/bed", {"battery": 71, "voltage": 2955, "linkquality": 84})
    assert read_ == Reading(signs=(Sign(HomeId("wilg/12"), SensorId("12/bed"), NOW, battery=71.0, link=84.0),))
    (pressed_before,) = reading("12/button", {"action": "", "last_seen": "2026-03-03T01:09:58Z"}).signs
    assert pressed_before.at == datetime(2026, 3, 3, 1, 9, 58, tzinfo=UTC)
    assert reading("12/door", {"battery_low": True, "last_seen": "2026-03-03T01:09:58Z"}).signs[0].low is True


@pytest.mark.parametrize("battery", ["71", None, [71], -1, 101, True, 10**400])
def test_a_battery_that_is_no_percentage_costs_no_observation(battery: object) -> None:
    (event,) = reading("12/bed", {"occupancy": True, "battery": battery}).events
    assert event.value == 1.0
    (sign,) = reading("12/bed", {"occupancy": True, "battery": battery}).signs
    assert sign.battery is None


def test_what_is_repeated_is_no_sign_of_life() -> None:
    seen = {"battery": 71, "last_seen": "2026-03-03T01:04:00Z"}
    assert reading("12/bed", seen).signs
    assert not reading("12/bed", seen, retained=True).signs
    assert not reading("12/bed", seen, started_at=NOW - timedelta(seconds=2)).signs


def test_what_the_broker_kept_is_no_news() -> None:
    seen = {"occupancy": False, "last_seen": "2026-03-02T13:00:00Z"}
    assert reading("12/bed", seen, retained=True).events[0].origin is Origin.RETAINED
    assert reading("12/bed", {"occupancy": False}, retained=True).events[0].origin is Origin.UNDATED


def test_what_a_bridge_repeats_at_its_start_is_no_news_and_what_happens_then_is() -> None:
    started = NOW - timedelta(seconds=2)
    before = {"occupancy": False, "last_seen": "2026-03-03T01:04:00Z"}
    after = {"occupancy": False, "last_seen": "2026-03-03T01:09:59Z"}
    assert reading("12/bed", before, started_at=started).events[0].origin is Origin.REPLAY
    assert reading("12/bed", after, started_at=started).events[0].origin is Origin.LIVE
    assert reading("12/bed", {"occupancy": False}, started_at=started).events[0].origin is Origin.UNDATED
    long_ago = NOW - timedelta(hours=1)
    assert reading("12/bed", before, started_at=long_ago).events[0].origin is Origin.LIVE


@pytest.mark.parametrize(
    ("last_seen", "origin"),
    [
        ("2026-03-03T01:04:00Z", Origin.REPLAY),  # heard before
        ("2026-03-03T01:05:00Z", Origin.REPLAY),  # the newest that was
        ("2026-03-03T01:05:01Z", Origin.LIVE),  # waited at the broker, behind the bridge's word
        ("2026-03-03T01:09:59Z", Origin.LIVE),
        (None, Origin.UNDATED),
    ],
)
def test_what_waited_behind_a_bridge_that_started_is_news_if_it_was_not_heard_before(
    last_seen: str | None, origin: Origin
) -> None:
    """All of it arrives in one second: the bridge started, repeated what it knew, and went on for minutes."""
    known_to = datetime(2026, 3, 3, 1, 5, tzinfo=UTC)
    said = {"occupancy": False} | ({"last_seen": last_seen} if last_seen else {})
    read_ = reading("12/bed", said, started_at=NOW, known_to=known_to)
    assert [one.origin for one in read_.events] == [origin]
    assert bool(read_.signs) == (origin is Origin.LIVE)


@pytest.mark.parametrize(
    ("dates", "last_seen", "dated"),
    [
        (["2026-03-03T01:09:58Z"], "2026-03-03T03:09:58Z", "2026-03-03T01:09:58Z"),  # two hours ahead, and so is it
        (["2026-03-03T03:09:58Z"], "2026-03-03T01:09:58Z", "2026-03-03T01:09:58Z"),  # back, but its bridge is not
        (["2026-03-02T23:09:58Z"], "2026-03-03T01:09:58Z", "2026-03-03T01:09:58Z"),  # ahead, but its bridge is not
        (["2026-03-03T00:40:00Z"], "2026-03-02T22:40:00Z", "2026-03-03T00:40:00Z"),  # waited for half an hour
        (["2026-03-03T01:09:40Z"], "2026-03-03T01:09:59Z", "2026-03-03T01:09:40Z"),  # nearly made good
        (["2026-03-03T03:10:00Z", "2026-03-03T01:09:58Z"], "2026-03-02T23:09:58Z", "2026-03-03T01:09:58Z"),  # under way
    ],
)
def test_a_date_is_what_the_clock_of_the_machine_meant_where_that_makes_it_news(
    dates: list[str], last_seen: str, dated: str
) -> None:
    ours = [datetime.fromisoformat(one) for one in dates]
    read_ = reading("12/bed", {"occupancy": False, "last_seen": last_seen}, ours=lambda _: ours)
    assert [one.at for one in read_.events] == [datetime.fromisoformat(dated)] == [read_.dated]
    assert not read_.troubles


@pytest.mark.parametrize(("payload", "seen"), [(b'{"state":"offline"}', False), (b"online", True)])
def test_availability_says_whether_a_sensor_can_be_heard(payload: bytes, seen: bool) -> None:
    (sight,) = reading("12/bed/availability", payload).sights
    assert (sight.sensor, sight.seen) == ("12/bed", seen)


def test_a_bridge_says_of_itself_whether_it_is_on_line() -> None:
    assert reading("bridge/state", {"state": "offline"}) == Reading(bridge=False)
    assert reading("bridge/state", {"state": "online"}) == Reading(bridge=True)
    assert bridge_online("zigbee2mqtt", Message("zigbee2mqtt/bridge/state", b'"online"')) is True
    assert bridge_online("zigbee2mqtt", Message("zigbee2mqtt/bridge/state", b"offline")) is False
    assert bridge_online("zigbee2mqtt", Message("zigbee2mqtt/12/bed", b"offline")) is None


def test_settings_of_the_bridge_that_care_cannot_do_with_are_told() -> None:
    info = {"config": {"advanced": {"cache_state": True, "last_seen": "disable"}}}
    assert troubles(reading("bridge/info", info)) == [Trouble.SETTING, Trouble.SETTING]
    right = {"config": {"advanced": {"cache_state": False, "last_seen": "ISO_8601"}}}
    assert reading("bridge/info", right) == Reading()


def test_what_is_said_to_a_device_and_a_cleared_topic_are_nothing() -> None:
    assert reading("12/bed/set", {"sensitivity": 3}) == Reading()
    assert reading("12/bed", b"", retained=True) == Reading()
    assert reading("bridge/logging", {"level": "info"}) == Reading()


def test_a_call_for_help_that_waited_behind_a_restart_of_the_bridge_is_news() -> None:
    press = {"action": "single", "last_seen": "2026-03-03T01:04:00Z"}
    started = NOW - timedelta(seconds=2)
    assert reading("12/button", press, started_at=started).events[0].origin is Origin.LIVE
    assert reading("12/button", press, retained=True, started_at=started).events[0].origin is Origin.RETAINED


def test_a_bridge_that_says_what_is_no_text_says_nothing() -> None:
    assert troubles(reading("bridge/state", b'{"state":"\xef"}')) == [Trouble.UNREADABLE]


def test_a_sentence_that_quotes_a_long_text_is_cut() -> None:
    (kept,) = reading("12/bed", {"occupancy": True, "last_seen": "x" * 60_000}).troubles
    assert len(kept.why) < 500


SAID = st.dictionaries(
    st.sampled_from(["occupancy", "contact", "presence", "action", "last_seen", "battery", "state"]),
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.lists(st.integers())),
)
NAMES = st.sampled_from([*SITE.friendly, "12/bed/availability", "bridge/state", "bridge/info", "x/y", ""])


@given(
    name=NAMES,
    payload=st.one_of(st.binary(max_size=60), SAID.map(lambda said: json.dumps(said).encode())),
    retained=st.booleans(),
)
def test_nothing_that_can_be_sent_stops_the_reading(name: str, payload: bytes, retained: bool) -> None:
    read_ = reading(name, payload, retained=retained)
    assert len(payload) <= PAYLOAD_MAX
    for event in read_.events:
        assert event.at.utcoffset() == timedelta(0)
        assert event.value in (0.0, 1.0)


@pytest.mark.parametrize("payload", [{"state": "online"}, {"state": "offline"}, b"online", b""])
def test_that_a_router_or_a_device_without_a_name_is_there_is_nothing_to_be_understood(
    payload: bytes | dict[str, object],
) -> None:
    assert reading("0x00158d0001234567/availability", payload) == Reading()
    assert troubles(reading("0x00158d0001234567", {"occupancy": True})) == [Trouble.UNKNOWN_SENSOR]
