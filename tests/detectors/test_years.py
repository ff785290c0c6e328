"""A home over weeks and years: what its vigil remembers, what it tells of mornings and days, and of ill sensors."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from detectors import vigil
from detectors.findings import Cleared, Finding, What
from detectors.homes import Home, Kind
from detectors.moments import SensorEvent
from detectors.nights import Summary
from detectors.others import SHIPPED
from detectors.remembered import Vigil
from detectors.vigil import Told
from tests.stories import AGREED, a_home

HOME = a_home()
NOON = datetime(2026, 1, 5, 11, tzinfo=UTC)

DAY = (
    ("12:30", "keuken"),
    ("14:00", "woonkamer"),
    ("15:30", "keuken"),
    ("17:00", "badkamer"),
    ("18:10", "woonkamer"),
    ("20:00", "keuken"),
    ("21:30", "woonkamer"),
    ("22:50", "badkamer"),
    ("23:05", "bed in"),
)
NIGHT = (("02:00", "bed out"), ("02:01", "badkamer"), ("02:04", "bed in"))
MORNING = (
    ("07:10", "bed out"),
    ("07:11", "badkamer"),
    ("07:25", "keuken"),
    ("08:30", "woonkamer"),
    ("10:00", "keuken"),
)


def days(
    count: int, home: Home = HOME, parts: tuple[tuple[str, str], ...] = (*DAY, *NIGHT, *MORNING), first: int = 0
) -> Iterator[SensorEvent]:
    """Yield the same day again and again, a few minutes off each time, from noon to noon."""
    for day in range(first, first + count):
        off = timedelta(minutes=(day * 7) % 11 - 5)
        for clock, what in parts:
            hour, minute = map(int, clock.split(":"))
            at = NOON + timedelta(days=day, hours=(hour - 12) % 24, minutes=minute) + off
            name, _, how = what.partition(" ")
            sensor = next(one for one in home.sensors if one.id == f"12/{name}")
            for value, later in ((1.0, 0), (0.0, 90)) if not how else ((float(how == "in"), 0),):
                yield SensorEvent(
                    at=at + timedelta(seconds=later),
                    home=home.id,
                    sensor=sensor.id,
                    room=sensor.room,
                    kind=sensor.kind,
                    value=value,
                )


def after(events: Iterator[SensorEvent], known: Vigil | None = None, home: Home = HOME) -> tuple[Vigil, list[Told]]:
    now, said = known or Vigil(), list[Told]()
    for event in sorted(events, key=lambda one: one.at):
        now, more = vigil.arrive(now, event, event.at, home, SHIPPED)
        said += more
    return now, said


def of(said: list[Told], what: What) -> list[Finding]:
    return [one for one in said if isinstance(one, Finding) and one.what is what]


@pytest.mark.long
def test_after_two_years_a_home_is_remembered_in_less_than_50_kb_and_comes_back_to_the_bit() -> None:
    known, _ = after(days(730))
    stored = msgspec.json.encode(known)
    assert len(stored) < 50_000
    restored = msgspec.json.decode(stored, type=Vigil)
    assert restored == known
    assert msgspec.json.encode(restored) == stored


def test_a_usual_month_tells_nothing_to_anybody() -> None:
    _, said = after(days(30))
    assert [one.what for one in said if isinstance(one, Finding)] == []


def test_a_restart_in_the_middle_of_a_month_changes_nothing_that_is_told() -> None:
    known, said = after(days(10))
    known = msgspec.json.decode(msgspec.json.encode(known), type=Vigil)
    _, more = after(days(10, first=10), known)
    _, straight = after(days(20))
    assert [*said, *more] == straight


def test_every_night_is_summed_up_at_its_end_and_again_when_the_day_after_it_is_over() -> None:
    _, said = after(days(3))
    told = [(one.night.day, one.whole) for one in said if isinstance(one, Summary)]
    assert told[:4] == [(4, True), (5, False), (5, True), (6, False)]
    night = next(one for one in said if isinstance(one, Summary) and not one.whole)
    assert (night.exits, night.visits) == (1, 1)
    whole = next(one for one in said if isinstance(one, Summary) and one.whole and one.night.day == 5)
    assert whole.rose is not None
    assert [one.lesson for one in whole.episodes if one.lesson.startswith("bath")] == ["bath_at_night"]


def test_who_is_not_up_long_after_their_usual_hour_is_told() -> None:
    known, _ = after(days(14))
    known, said = after(days(1, parts=(*DAY, *NIGHT), first=14), known)
    _, more = vigil.advance(known, NOON + timedelta(days=15, hours=-1), HOME, SHIPPED)
    (late,) = of([*said, *more], What.LATE_RISE)
    assert timedelta(hours=2) < late.at - late.since < timedelta(hours=3)
    assert late.nights is not None
    assert late.nights >= 10


def test_who_is_at_home_by_day_and_not_seen_for_long_is_told() -> None:
    known, _ = after(days(14))
    known, said = after(days(1, parts=DAY[:2], first=14), known)
    _, more = vigil.advance(known, NOON + timedelta(days=14, hours=10), HOME, SHIPPED)
    (day,) = of([*said, *more], What.DAY_INACTIVE)
    assert timedelta(hours=2) < day.at - day.since < timedelta(hours=7)


def test_a_bed_sensor_that_is_stuck_is_told_and_the_bedroom_tells_of_bed_instead() -> None:
    known, _ = after(days(10))
    without_bed = tuple(one for one in (*DAY, *NIGHT, *MORNING) if not one[1].startswith("bed"))
    known, _ = after(days(1, parts=(*without_bed, ("23:05", "bed in")), first=10), known)
    known, said = after(days(2, parts=without_bed, first=11), known)
    (stuck,) = of(said, What.SENSOR_STUCK)
    assert stuck.sensor == "12/bed"
    assert known.blind == {"12/bed": "sensor-stuck"}
    _, said = after(days(1, parts=(*DAY, *NIGHT), first=13), known)
    assert [one.sensor for one in said if isinstance(one, Cleared)] == ["12/bed"]


def test_a_sensor_that_dies_in_a_home_that_is_lived_in_is_told_and_its_return_too() -> None:
    known, _ = after(days(14))
    dead = tuple(one for one in (*DAY, *NIGHT, *MORNING) if one[1] != "keuken")
    known, said = after(days(4, parts=dead, first=14), known)
    (silent,) = of(said, What.SENSOR_SILENT)
    assert silent.sensor == "12/keuken"
    _, said = after(days(1, first=18), known)
    assert [one.sensor for one in said if isinstance(one, Cleared)] == ["12/keuken"]


def test_a_storm_of_one_sensor_is_told_once() -> None:
    known, _ = after(days(1))
    start = NOON + timedelta(days=1, minutes=40)
    kitchen = next(one for one in HOME.sensors if one.id == "12/keuken")
    storm = (
        SensorEvent(
            at=start + timedelta(milliseconds=100 * number),
            home=HOME.id,
            sensor=kitchen.id,
            room=kitchen.room,
            kind=Kind.MOTION,
            value=float(number % 2),
        )
        for number in range(200)
    )
    _, said = after(storm, known)
    assert len(of(said, What.SENSOR_STORM)) == 1


def test_a_home_from_which_nothing_comes_for_a_day_is_told_once_and_its_return_too() -> None:
    known, _ = after(days(3))
    known, said = vigil.advance(known, NOON + timedelta(days=5), HOME, SHIPPED)
    assert len(of(said, What.GATEWAY_GAP)) == 1
    _, said = after(days(1, first=5), known)
    assert [one.what for one in said if isinstance(one, Cleared) and one.what is What.GATEWAY_GAP] == [What.GATEWAY_GAP]


@pytest.mark.parametrize("usual_hour", ["05:10", "07:10"])
def test_from_when_on_getting_up_is_for_the_day_is_the_residents_own(usual_hour: str) -> None:
    rise = tuple((usual_hour, what) if what == "bed out" else (clock, what) for clock, what in MORNING)
    rise = tuple((f"{int(usual_hour[:2]):02}:{clock[3:]}" if clock.startswith("07") else clock, w) for clock, w in rise)
    known, _ = after(days(14, parts=(*DAY, *rise)))
    walk = (("04:40", "bed out"), ("04:41", "woonkamer"))
    about = tuple((f"{4 + minute // 60:02}:{minute % 60:02}", "woonkamer") for minute in range(46, 110, 6))
    known = msgspec.structs.replace(known)
    now, said = known, list[Told]()
    for event in sorted(days(1, parts=(*DAY, *walk, *about), first=14), key=lambda one: one.at):
        now, more = vigil.advance(now, event.at, HOME, AGREED)
        said += more
        now, more = vigil.arrive(now, event, event.at, HOME, AGREED)
        said += more
    expected = [] if usual_hour == "05:10" else [What.OOB_ACTIVE]
    assert [one.what for one in said if isinstance(one, Finding) and one.what is What.OOB_ACTIVE] == expected
