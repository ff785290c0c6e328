"""What a record is as points: of every kind that there is, the same each time, and with nobody's name in it."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care.alerts import alert_of
from care.asking import Line, Passed, Why
from care.counted import HomeNight, NightCounted
from care.ids import AlertId, ContactId, StaffId
from care.points import MEASUREMENTS, Point, id_of, line, number_of, points
from care.records import Claimed, Delivered, FellBack, How, Outcome, Plan, Record, Resolved
from detectors.calibration import LeftOut
from detectors.findings import Cleared, Finding, Presence, Sight, Status, What, Withheld
from detectors.homes import HomeId, Kind, RoomId, SensorId, SiteId
from detectors.moments import SensorEvent, SensorSight
from detectors.nights import Stay, Summary
from tests.stories import a_home

AT = datetime(2026, 3, 3, 1, 9, 30, 123456, tzinfo=UTC)
MORNING = AT + timedelta(hours=7)
HOME = HomeId("wilg/12")
BATHROOM = RoomId("badkamer van Jan")  # a room is called what an installer typed
SENSOR = SensorId("12/badkamer")
FOUND = Finding(
    at=AT, home=HOME, what=What.BATH, since=AT, episode=AT, room=BATHROOM, last_room=BATHROOM, channel="sms Sanne"
)
ALERT = alert_of(FOUND)
SANNE, EVA = StaffId("s-sanne"), ContactId("c-eva")
RECORDS: tuple[Record, ...] = (
    SensorEvent(at=AT, home=HOME, sensor=SENSOR, room=BATHROOM, kind=Kind.MOTION, value=1.0),
    SensorSight(at=AT, home=HOME, sensor=SENSOR, seen=False, reason="availability"),
    Status(at=AT, home=HOME, presence=Presence.BED, sight=Sight.PARTLY, blind=(SENSOR,), paused=(SENSOR,)),
    Summary(
        at=AT, home=HOME, night=date(2026, 3, 2), exits=2, minutes_out=21.5, visits=1,
        stays=(Stay(AT, MORNING, Presence.BED), Stay(AT, AT + timedelta(minutes=21), Presence.UP, BATHROOM)),
    ),
    Summary(
        at=AT, home=HOME, night=date(2026, 3, 2), whole=True, left_out=LeftOut.OUTAGE, activity=(None, 12.0, 3.0),
        to_bed=AT - timedelta(hours=3), rose=AT + timedelta(hours=6),
    ),
    FOUND,
    msgspec.structs.replace(FOUND, what=What.BATTERY, sensor=SENSOR, value=7.0),
    Cleared(at=AT, home=HOME, what=What.BATH, since=AT, episode=AT),
    Withheld(at=AT, home=HOME, what=What.STILL, since=AT, over_at=AT),
    Delivered(at=AT, home=HOME, alert=ALERT, screen="screen-of-sanne"),
    Claimed(at=AT, home=HOME, alert=ALERT, by=SANNE),
    Resolved(at=AT, home=HOME, alert=ALERT, by=SANNE, outcome=Outcome.HELPED, how=How.VIDEO),
    Passed(
        at=AT, home=HOME, alert=ALERT, step=0, to=EVA, line=Line.ZERO, channels=("sms Sanne",), minutes=3,
        why=Why.FIRST,
    ),
    FellBack(at=AT, home=HOME, alert=ALERT, channel="sms Sanne"),
    NightCounted(
        at=AT, site=SiteId("wilg"), night=date(2026, 3, 2), homes=8, in_sight=0.98,
        rows=(HomeNight(HOME, alerts=3, needed=1, unneeded=2, answered_s=(20, 40, 300)), HomeNight(HomeId("wilg/3"))),
    ),
    Plan(at=AT, site=SiteId("wilg"), name="De Wilg", zone="Europe/Amsterdam", homes=(a_home(),)),
)  # fmt: skip
ALL = tuple(one for record in RECORDS for one in points(record, AT + timedelta(seconds=4)))


def test_every_measurement_tag_and_field_that_there_is_comes_from_some_record_and_no_other_does() -> None:
    found: dict[str, tuple[set[str], set[str]]] = {}
    for one in ALL:
        tags, fields = found.setdefault(one.measurement, (set(), set()))
        tags |= {name for name, _ in one.tags}
        fields |= {name for name, _ in one.fields}
    there = {name: (set(one.tags), set(one.fields)) for name, one in MEASUREMENTS.items()}
    assert found == there


def test_no_name_no_room_and_nobody_who_works_here_is_in_any_of_them() -> None:
    told = "\n".join(map(line, ALL))
    for typed in ("Jan", "badkamer van", "Wilg ", "sanne", "Sanne", "eva", "sms", "screen"):
        assert typed not in told.replace("12/badkamer", "")


def test_the_docs_name_every_measurement_and_every_field() -> None:
    said = (Path(__file__).parents[2] / "docs" / "series.md").read_text(encoding="utf-8")
    for name, one in MEASUREMENTS.items():
        (row,) = re.findall(rf"^\| `{name}` \|.*$", said, re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", row)) == {name, *one.tags, *one.fields}


def figures(record: Record) -> dict[str, float]:
    made = points(record, AT)
    return {
        f"{one.measurement.removeprefix('nachtwacht_')}.{name}": value for one in made for name, value in one.fields
    }


def test_a_night_is_told_in_hours_and_its_day_by_what_was_seen() -> None:
    night, day = (figures(record) for record in RECORDS if isinstance(record, Summary))
    assert (night["night.bed_minutes"], night["night.up_minutes"], night["night.away_minutes"]) == (420, 21, 0)
    assert (day["day.active_minutes"], day["day.lain_hours"], day["day.counts"]) == (15, 9, 0)


def test_a_night_that_was_counted_late_is_dated_by_the_night() -> None:
    """A centre that stood still counts three nights at once: they must not become one."""
    one = next(record for record in RECORDS if isinstance(record, NightCounted))
    other = msgspec.structs.replace(one, night=one.night + timedelta(days=1))
    times = {point.at_ns for record in (one, other) for point in points(record, AT)}
    assert len(times) == 2
    assert figures(one)["figures.answered_median_s"] in {40.0, 0.0}


def test_two_alerts_of_a_home_that_one_screen_showed_at_once_are_two_points() -> None:
    shown = [Delivered(at=AT, home=HOME, alert=AlertId(f"{n:010x}"), screen="a") for n in range(50)]
    made = [point for one in shown for point in points(one, AT)]
    assert len({(point.measurement, point.tags, point.at_ns) for point in made}) == 50


def test_an_alert_is_the_same_number_in_every_record_about_it() -> None:
    numbers = {dict(one.fields)["alert"] for one in ALL if one.measurement == "nachtwacht_deed"}
    assert numbers == {number_of(ALERT)}


@given(st.one_of(st.from_regex(r"[0-9a-f]{10}", fullmatch=True), st.text(max_size=20)))
def test_a_float_holds_every_alerts_number_exactly(alert: str) -> None:
    assert number_of(AlertId(alert)) == int(number_of(AlertId(alert))) < 2**40


def test_what_a_status_says_in_words_is_a_number_of_its_own() -> None:
    values = {
        (figures(Status(at=AT, home=HOME, presence=presence, sight=sight))["state.presence"], sight)
        for presence in Presence
        for sight in Sight
    }
    assert len(values) == len(Presence) * len(Sight)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_no_server_takes_is_left_out(value: float) -> None:
    event = SensorEvent(at=AT, home=HOME, sensor=SENSOR, room=BATHROOM, kind=Kind.MOTION, value=value)
    assert points(event, AT) == ()


LINE = re.compile(
    r"nachtwacht_[a-z]+(?:,[a-z]+=(?:[^,= \\\n]|\\[,= ])+)+ [a-z_]+=-?[0-9.e+-]+(?:,[a-z_]+=-?[0-9.e+-]+)* -?[0-9]+"
)


@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=40), st.floats(allow_nan=False))
@settings(max_examples=200)
def test_whatever_a_sensor_is_called_its_point_is_one_line_of_line_protocol(name: str, home: str, value: float) -> None:
    event: Any = SensorEvent(
        at=AT, home=HomeId(f"wilg/{home}"), sensor=SensorId(name), room=BATHROOM, kind=Kind.USE, value=value
    )
    for one in points(event, AT):
        assert LINE.fullmatch(line(one)), line(one)
        assert id_of(SensorId(name)) == id_of(SensorId(name))


@given(st.sampled_from(RECORDS), st.integers(0, 10**6))
def test_the_same_record_is_the_same_points_before_and_after_a_journal(record: Record, micros: int) -> None:
    written = AT + timedelta(microseconds=micros)
    again: Any = msgspec.json.decode(msgspec.json.encode(record), type=type(record))
    assert points(again, written) == points(record, written)


def test_a_point_knows_whose_building_it_is_of() -> None:
    assert {one.site for one in ALL} == {SiteId("wilg")}
    assert all(isinstance(one, Point) for one in ALL)
