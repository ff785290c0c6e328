"""What could be seen of a home, minute by minute, and why not."""

import itertools
from datetime import datetime, time, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.records import CENTRE, Record
from care.sights import KEPT, NOTED_MAX, Can, Diary, Stretch, Why, kinds, last_nights, now_seen, stretches
from detectors.findings import Cleared, Finding, Presence, Sight, Status, What
from detectors.homes import HomeId, Night, SensorId, building_of
from tests.stories import a_home, instant

HOME = a_home()
WILG = building_of("wilg")
EVENING, MORNING = instant("22:00"), instant("07:00")
EVERY_SENSOR = tuple(sensor.id for sensor in HOME.sensors)


def status(clock: str, sight: Sight = Sight.WATCHED, *blind: str) -> Status:
    sensors = tuple(SensorId(f"12/{one}") for one in blind)
    return Status(at=instant(clock), home=HOME.id, presence=Presence.BED, sight=sight, blind=sensors)


def fault(what: What, since: str, *, home: HomeId = WILG, late_s: int = 45, **more: object) -> Finding:
    at = instant(since)
    found = Finding(at=at + timedelta(seconds=late_s), home=home, what=what, since=at, episode=at)
    return msgspec.structs.replace(found, **more)


def over(finding: Finding, clock: str) -> Cleared:
    return Cleared(
        at=instant(clock),
        home=finding.home,
        what=finding.what,
        since=finding.since,
        episode=finding.episode,
        sensor=finding.sensor,
    )


def seen(*records: Record) -> list[str]:
    """Tell a night as "22:00 watched", "02:10 blind building"."""
    return [
        " ".join([f"{_local(one.start)}", one.sight.value, *one.why])
        for one in stretches(records, HOME, EVENING, MORNING)
    ]


def _local(at: datetime) -> str:
    return f"{at + timedelta(hours=1):%H:%M}"  # a night in winter


def test_a_night_in_which_all_was_seen_is_one_stretch() -> None:
    assert seen(status("21:00"), status("23:10")) == ["22:00 watched"]


def test_a_home_of_which_nothing_was_told_is_not_seen() -> None:
    assert seen() == ["22:00 blind unknown"]
    assert seen(status("23:00")) == ["22:00 blind unknown", "23:00 watched"]


def test_a_sensor_that_falls_silent_leaves_the_home_partly_seen_until_it_is_heard() -> None:
    night = seen(status("21:00"), status("01:00", Sight.PARTLY, "badkamer"), status("04:00"))
    assert night == ["22:00 watched", "01:00 partly sensor", "04:00 watched"]


def test_a_building_that_is_not_heard_is_no_sight_from_its_last_sign_on() -> None:
    silent = fault(What.BUILDING_SILENT, "02:10")
    assert seen(status("21:00"), silent, over(silent, "02:40")) == [
        "22:00 watched",
        "02:10 blind building",
        "02:40 watched",
    ]


def test_what_the_building_tells_afterwards_does_not_undo_that_nobody_saw_it() -> None:
    silent = fault(What.BUILDING_SILENT, "02:10")
    late = status("02:20", Sight.PARTLY, "bed")
    assert seen(status("21:00"), silent, over(silent, "02:40"), late) == [
        "22:00 watched",
        "02:10 blind building",
        "02:40 partly sensor",
    ]


def test_a_centre_that_heard_nobody_saw_nobody() -> None:
    assert seen(status("21:00"), fault(What.BUILDING_SILENT, "05:00", home=building_of(CENTRE))) == [
        "22:00 watched",
        "05:00 blind building",
    ]


def test_a_lost_receiver_blinds_its_own_sensors_at_once() -> None:
    bridge = fault(What.BRIDGE_LOST, "03:00", blind=(SensorId("12/bed"), SensorId("14/bed")))
    assert seen(status("21:00"), bridge) == ["22:00 watched", "03:00 partly bridge"]
    bridge = fault(What.BRIDGE_LOST, "03:00", blind=EVERY_SENSOR)
    assert seen(status("21:00"), bridge, over(bridge, "03:30")) == [
        "22:00 watched",
        "03:00 blind bridge",
        "03:30 watched",
    ]


def test_every_reason_is_told_where_there_are_several() -> None:
    stuck = fault(What.SENSOR_STUCK, "23:00", home=HOME.id, sensor=SensorId("12/bed"))
    told = seen(status("21:00"), stuck, status("01:00", Sight.PARTLY, "bed", "badkamer"))
    assert told == ["22:00 watched", "01:00 partly stuck sensor"]


def test_a_pause_is_a_reason_of_its_own() -> None:
    assert seen(status("21:00", Sight.PAUSED)) == ["22:00 paused paused"]


def test_a_home_of_which_nothing_is_heard_is_not_seen_for_that() -> None:
    assert seen(status("21:00", Sight.BLIND, "bed", "badkamer")) == ["22:00 blind home"]


def test_what_happens_elsewhere_blinds_nobody_here() -> None:
    elsewhere: list[Record] = [
        fault(What.BUILDING_SILENT, "02:00", home=building_of("eik")),
        fault(What.DISK, "02:00"),
        msgspec.structs.replace(status("02:00", Sight.BLIND), home=HomeId("wilg/14")),
    ]
    assert seen(status("21:00"), *elsewhere) == ["22:00 watched"]


CLOCKS = st.sampled_from(["21:00", "22:00", "23:30", "01:15", "02:10", "03:00", "06:59", "07:00", "08:00"])
FAULTS = st.builds(
    fault,
    st.sampled_from([What.BUILDING_SILENT, What.BROKER_LOST, What.BRIDGE_LOST]),
    CLOCKS,
    blind=st.sampled_from([(), EVERY_SENSOR, (SensorId("12/bed"),)]),
)
RECORDS = st.lists(
    st.one_of(
        st.builds(status, CLOCKS, st.sampled_from(Sight), st.sampled_from(["bed", "badkamer"])),
        FAULTS,
        st.builds(over, FAULTS, CLOCKS),
    ),
    max_size=12,
)


@given(RECORDS)
def test_every_minute_is_in_one_stretch_and_none_that_was_not_seen_is_without_a_reason(records: list[Record]) -> None:
    told = stretches(records, HOME, EVENING, MORNING)
    assert told[0].start == EVENING
    assert told[-1].end == MORNING
    for one, after in itertools.pairwise(told):
        assert one.end == after.start
        assert (one.sight, one.blind, one.why) != (after.sight, after.blind, after.why)
    assert all(one.start < one.end for one in told)
    assert all(one.why or one.sight is Sight.WATCHED for one in told if one.sight is not Sight.PARTLY)


@given(RECORDS, CLOCKS)
def test_a_part_of_a_night_is_told_as_the_whole_of_it_is(records: list[Record], clock: str) -> None:
    middle = instant(clock)
    if not EVENING < middle < MORNING:
        return

    def at(told: tuple[Stretch, ...], moment: datetime) -> tuple[object, ...]:
        [one] = [one for one in told if one.start <= moment < one.end]
        return one.sight, one.blind, one.why

    whole, part = stretches(records, HOME, EVENING, MORNING), stretches(records, HOME, middle, MORNING)
    assert at(whole, middle) == at(part, middle)


# What is kept of it in memory.


def kept(*records: Record, recorded: str = "07:00") -> Diary:
    diary = Diary()
    for record in records:
        diary.add(record, instant(recorded))
    return diary


@given(RECORDS)
def test_what_is_kept_of_a_night_tells_it_as_all_of_its_records_do(records: list[Record]) -> None:
    in_order = sorted(records, key=lambda one: one.at)
    assert stretches(kept(*in_order).of(HOME.id), HOME, EVENING, MORNING) == stretches(in_order, HOME, EVENING, MORNING)


@given(RECORDS)
def test_whatever_order_records_come_in_every_minute_is_told(records: list[Record]) -> None:
    told = stretches(kept(*records).of(HOME.id), HOME, EVENING, MORNING)
    assert (told[0].start, told[-1].end) == (EVENING, MORNING)
    for one, after in itertools.pairwise(told):
        assert one.end == after.start


def test_a_resident_who_comes_and_goes_fills_no_memory_while_all_is_seen() -> None:
    coming_and_going = [
        msgspec.structs.replace(status("22:00"), at=EVENING + timedelta(minutes=n), presence=presence)
        for n in range(400)
        for presence in (Presence.UP, Presence.BED)
    ]
    assert len(kept(*coming_and_going).of(HOME.id)) == 2


def test_a_sensor_that_comes_and_goes_for_days_is_kept_up_to_a_limit() -> None:
    flapping = [
        msgspec.structs.replace(status("22:00", sight), at=EVENING + timedelta(seconds=n))
        for n in range(2 * NOTED_MAX)
        for sight in (Sight.WATCHED, Sight.BLIND)
    ]
    assert len(kept(*flapping).of(HOME.id)) == NOTED_MAX


def test_what_was_over_before_the_last_nights_is_forgotten_and_what_still_holds_is_not() -> None:
    silent, lost = fault(What.BUILDING_SILENT, "22:00"), fault(What.BROKER_LOST, "22:10")
    diary = kept(status("21:00"), status("22:30", Sight.PARTLY, "bed"), silent, over(silent, "22:05"), lost)
    later = MORNING + 2 * KEPT
    diary.add(msgspec.structs.replace(status("07:00"), at=later), later)
    diary.add(msgspec.structs.replace(silent, since=later, episode=later), later)
    told = diary.of(HOME.id)
    assert [one.sight for one in told if isinstance(one, Status)] == [Sight.PARTLY, Sight.WATCHED]
    assert silent not in told
    assert lost in told


def test_a_clock_that_says_2099_makes_nothing_be_forgotten() -> None:
    far = msgspec.structs.replace(status("22:00", Sight.BLIND), at=EVENING + timedelta(days=27_000))
    diary = kept(far, status("21:00"), status("01:00", Sight.PARTLY, "bed"), status("02:00"))
    assert [one.sight for one in stretches(diary.of(HOME.id), HOME, EVENING, MORNING)] == [
        Sight.WATCHED,
        Sight.PARTLY,
        Sight.WATCHED,
    ]


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        ("2026-03-03T01:00:00+00:00", [8, 8]),
        ("2026-03-29T10:00:00+00:00", [8, 7]),  # the clock goes forward
        ("2026-10-25T10:00:00+00:00", [8, 9]),  # and back
    ],
)
def test_the_last_nights_are_as_long_as_they_really_were(now: str, hours: list[int]) -> None:
    nights = last_nights(Night(), datetime.fromisoformat(now), 2)
    assert [(end - start) / timedelta(hours=1) for start, end in nights] == hours


def test_a_night_that_has_not_begun_is_none_of_the_last() -> None:
    evening, night = instant("20:00"), instant("23:30")
    assert [end < evening for _, end in last_nights(Night(), evening, 2)] == [True, True]
    assert [end < night for _, end in last_nights(Night(), night, 2)] == [True, False]


@pytest.mark.parametrize(("start", "end", "hours"), [(1, 9, 8), (23, 13, 14), (8, 16, 8), (20, 23, 3)])
def test_nights_that_are_watched_at_other_hours_are_nights_too(start: int, end: int, hours: int) -> None:
    night = Night(start=time(start), end=time(end))
    for clock in ("02:00", "10:00", "18:00", "23:30"):
        spans = last_nights(night, instant(clock), 3)
        assert [(until - since) / timedelta(hours=1) for since, until in spans] == [hours] * 3
        assert all(since <= instant(clock) for since, _ in spans)


# Each kind of alert.


@pytest.mark.parametrize(
    ("told", "what", "can"),
    [
        (status("22:00"), What.BATH, Can.SEEN),
        (status("22:00", Sight.PARTLY, "badkamer"), What.BATH, Can.BLIND),
        (status("22:00", Sight.PARTLY, "woonkamer"), What.OOB_ACTIVE, Can.PARTLY),
        (status("22:00", Sight.PARTLY, "badkamer"), What.DOOR_LEFT, Can.PARTLY),
        (status("22:00", Sight.BLIND), What.BUTTON, Can.BLIND),
        (status("22:00", Sight.BLIND), What.SENSOR_SILENT, Can.SEEN),
        (status("22:00", Sight.PAUSED), What.BATH, Can.PAUSED),
        (status("22:00", Sight.PAUSED), What.BUTTON, Can.SEEN),
        (None, What.BUTTON, Can.BLIND),
        (None, What.SENSOR_SILENT, Can.BLIND),
    ],
)
def test_each_kind_of_alert_can_come_or_not_as_its_sensors_are_heard(told: Status | None, what: What, can: Can) -> None:
    assert kinds(HOME, told)[what] is can


def test_a_kind_that_has_no_sensor_can_never_come() -> None:
    deaf = msgspec.structs.replace(HOME, sensors=())
    assert set(kinds(deaf, status("22:00")).values()) == {Can.NONE}


def test_a_kind_that_is_not_told_by_agreement_says_so_whatever_is_seen() -> None:
    agreed = msgspec.structs.replace(HOME, off=("late-rise",))
    for told in (status("22:00"), None):
        assert kinds(agreed, told) == kinds(HOME, told) | {What.LATE_RISE: Can.OFF}
    assert kinds(msgspec.structs.replace(agreed, sensors=()), None)[What.LATE_RISE] is Can.NONE


def test_a_lost_broker_is_known_before_each_sensors_silence_is() -> None:
    lost = now_seen(HOME, status("22:00"), [fault(What.BROKER_LOST, "21:59")])
    assert lost.sight is Sight.BLIND
    assert {can for what, can in kinds(HOME, lost).items() if what is What.BATH} == {Can.BLIND}
    assert now_seen(HOME, status("22:00"), []) == status("22:00")


def test_a_reason_is_given_from_far_to_near() -> None:
    assert list(Why)[:4] == [Why.BUILDING, Why.BROKER, Why.BRIDGE, Why.HOME]
