"""The diary: what a night and a day are said to have come to, and that nothing is counted twice or forgotten."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import nights
from detectors.calibration import LeftOut
from detectors.findings import Presence
from detectors.homes import Home, Night
from detectors.moments import SensorEvent
from detectors.nights import Diary, Summary
from detectors.whereabouts import Whereabouts
from tests.detectors.proofs import restored
from tests.stories import AMSTERDAM, EVENING, a_home, events, instant

AFTERNOON = (EVENING + timedelta(days=1, hours=3)).astimezone(UTC)  # 15:00, the day's boundary


def lived(
    home: Home, moments: Iterable[SensorEvent], until: datetime, start: tuple[Whereabouts, Diary] | None = None
) -> tuple[Whereabouts, Diary, list[Summary]]:
    """Let it all happen, with the diary kept; return where it ends and what was summed up."""
    where, diary = start or (Whereabouts(), Diary())
    said: list[Summary] = []

    def pass_to(at: datetime) -> None:
        nonlocal where, diary
        while True:
            moves, closes = where.due(home), nights.due(diary)
            due = min((one for one in (moves, closes) if one is not None), default=None)
            if due is None or due > at:
                return
            if due == closes:
                diary, summary = nights.closed(diary, due, where, home)
                said.append(summary)
            else:
                before, where = where, where.at_due()
                diary = nights.noted(diary, before, where, None, due, home)

    for event in moments:
        pass_to(event.at)
        before, where = where, where.see(event, home)
        if where is not before:
            diary = nights.noted(diary, before, where, event, event.at, home)
    pass_to(until)
    return where, diary, said


def night_of(*lines: str, home: Home | None = None, until: datetime = AFTERNOON) -> list[Summary]:
    home = home or a_home()
    return lived(home, events(home, lines), until)[2]


QUIET = ("21:00 woonkamer", "22:40 slaapkamer", "22:45 bed in", "07:20 bed out", "07:21 badkamer", "07:40 keuken")


def clock(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(AMSTERDAM):%H:%M}"


def test_a_quiet_night_is_closed_at_its_end_and_the_day_at_its_boundary() -> None:
    first, whole = night_of(*QUIET)
    assert (clock(first.at), first.whole, clock(whole.at), whole.whole) == ("07:00", False, "15:00", True)
    assert first.night == whole.night == date(2026, 3, 2)
    assert (first.exits, first.visits, first.minutes_out) == (0, 0, 0.0)
    assert first.rose is None
    assert (clock(whole.to_bed), clock(whole.rose)) == ("22:45", "07:20")


def test_a_visit_to_the_bathroom_is_an_exit_with_its_minutes() -> None:
    first, _ = night_of(
        *QUIET[:3], "02:00 bed out", "02:01 badkamer", "02:06 bed in", "04:00 bed out", "04:01 keuken", "04:10 bed in",
        *QUIET[3:],
    )  # fmt: skip
    assert (first.exits, first.visits, first.minutes_out) == (2, 1, 16.0)


def test_a_pad_that_lets_go_of_somebody_turning_over_is_no_exit() -> None:
    first, _ = night_of(*QUIET[:3], "02:00 bed out", "02:00:20 bed in", *QUIET[3:])
    assert (first.exits, first.minutes_out) == (0, 0.0)


def test_lying_down_for_a_minute_does_not_make_two_exits_of_one() -> None:
    first, _ = night_of(
        *QUIET[:3], "02:00 bed out", "02:01 badkamer", "02:05 bed in", "02:06 bed out", "02:09 bed in", *QUIET[3:]
    )
    assert (first.exits, first.visits, first.minutes_out) == (1, 1, 8.0)


def test_rising_before_the_end_of_the_night_is_no_exit_but_being_up_from_three_is() -> None:
    early, _ = night_of(*QUIET[:3], "06:10 bed out", "06:11 badkamer", "06:30 keuken")
    assert (early.exits, early.visits) == (0, 0)
    up, _ = night_of(*QUIET[:3], "03:00 bed out", "03:01 badkamer", "03:30 keuken", "06:30 keuken")
    assert (up.exits, up.visits, up.minutes_out) == (1, 1, 240.0)


def test_an_evening_nap_in_bed_is_not_going_to_bed_and_one_by_day_is_no_rising() -> None:
    _, whole = night_of(
        "20:00 bed in", "20:40 bed out", "20:41 woonkamer", "23:30 bed in", "07:10 bed out", "07:11 keuken",
        "10:30 bed in", "11:30 bed out", "11:31 keuken",
    )  # fmt: skip
    assert (clock(whole.to_bed), clock(whole.rose)) == ("23:30", "07:10")


def test_who_goes_back_to_bed_after_the_bathroom_at_seven_has_not_risen() -> None:
    _, whole = night_of(*QUIET[:3], "07:05 bed out", "07:06 badkamer", "07:15 bed in", "08:50 bed out", "08:51 keuken")
    assert clock(whole.rose) == "08:50"


def test_who_is_still_in_bed_at_the_boundary_did_not_rise() -> None:
    _, whole = night_of(*QUIET[:3], "03:00 bed out", "03:01 badkamer", "03:05 bed in")
    assert whole.rose is None


def test_without_a_bed_sensor_the_night_is_read_from_motion() -> None:
    home = a_home(bed=False)
    first, whole = night_of(
        "21:00 woonkamer", "22:40 badkamer", "22:50 slaapkamer", "02:00 badkamer", "02:01 badkamer", "02:04 slaapkamer",
        "07:30 badkamer", "07:31 badkamer", "07:40 keuken", home=home,
    )  # fmt: skip
    assert (first.exits, first.visits, first.minutes_out) == (1, 1, 4.0)
    assert (clock(whole.to_bed), clock(whole.rose)) == ("22:50", "07:30")


def test_activity_is_minutes_with_somebody_seen_by_hour_from_the_boundary() -> None:
    lines = ["14:50 keuken", "15:10 keuken", "15:10:40 keuken off", "15:10:50 woonkamer", "15:12 keuken", *QUIET]
    *_, whole = night_of(*lines)
    assert len(whole.activity) == nights.HOURS
    assert whole.activity[0] == 2.0  # two minutes, though three times somebody was seen
    assert whole.activity[6] == 1.0  # 21:00
    assert whole.activity[12] == 0.0  # 03:00


def test_hours_spent_out_are_not_hours_without_activity() -> None:
    lines = ["14:50 keuken", "15:30 gang", "15:31 door open", "15:31:30 door closed", "19:30 door open", "19:31 gang"]
    *_, whole = night_of(*lines, *QUIET)
    assert whole.activity[1:4] == (None, None, None)
    assert whole.activity[0] == 1.0


def test_a_night_in_which_the_home_went_blind_is_left_out() -> None:
    home = a_home()
    where, diary, _ = lived(home, events(home, QUIET[:3]), instant("01:00"))
    diary = nights.sighted(diary, where, instant("01:00"), blind=True)
    diary = nights.sighted(diary, where, instant("03:30"), blind=False)
    *_, said = lived(home, events(home, QUIET[3:]), AFTERNOON, (where, diary))
    assert [one.left_out for one in said] == [LeftOut.OUTAGE, LeftOut.OUTAGE]
    assert said[1].activity[10:13] == (None, None, None)
    assert said[1].activity[9] == 0.0
    assert said[1].age == 0


def test_blind_by_day_and_seen_again_before_the_night_leaves_the_night_in() -> None:
    home = a_home()
    where, diary, _ = lived(home, events(home, QUIET[:1]), instant("21:10"))
    diary = nights.sighted(diary, where, instant("21:10"), blind=True)
    diary = nights.sighted(diary, where, instant("22:30"), blind=False)
    *_, said = lived(home, events(home, QUIET[1:]), AFTERNOON, (where, diary))
    assert [one.left_out for one in said] == [None, None]


def test_a_night_spent_elsewhere_is_left_out() -> None:
    lines = ["21:00 gang", "21:01 door open", "21:01:30 door closed", "09:00 door open", "09:01 gang"]
    first, _ = night_of(*lines)
    assert first.left_out is LeftOut.OUTAGE


def test_a_home_of_which_nothing_is_heard_for_a_day_is_left_out() -> None:
    home = a_home()
    *_, said = lived(home, events(home, QUIET), AFTERNOON + timedelta(days=2))
    assert [one.left_out for one in said] == [
        None,
        None,
        LeftOut.OUTAGE,
        LeftOut.OUTAGE,
        LeftOut.OUTAGE,
        LeftOut.OUTAGE,
    ]
    assert [one.age for one in said] == [0, 0, 1, 1, 1, 1]


def test_the_picture_of_a_night_has_its_stays_in_order_and_not_too_many() -> None:
    pacing = [f"{hour:02}:{minute:02} {room}" for hour in (1, 2, 3) for minute in range(0, 60, 4)
              for room in (("badkamer", "keuken")[minute // 4 % 2],)]  # fmt: skip
    first, _ = night_of(*QUIET[:3], "00:55 bed out", *pacing, "04:00 bed in", *QUIET[3:])
    assert 30 < len(first.stays) <= nights.STAYS_MAX
    assert first.stays[0].what is Presence.BED
    assert all(one.end == two.start for one, two in zip(first.stays, first.stays[1:], strict=False))
    assert (clock(first.stays[0].start), clock(first.stays[-1].end)) == ("23:00", "07:00")


def test_one_more_motion_in_the_same_minute_and_room_changes_nothing_at_all() -> None:
    home = a_home()
    where, diary, _ = lived(home, events(home, ["21:00 woonkamer", "21:05 woonkamer"]), instant("21:05"))
    (again,) = events(home, ["21:05:30 woonkamer"])
    assert nights.noted(diary, where, where.see(again, home), again, again.at, home) is diary
    (later,) = events(home, ["21:06 woonkamer"])
    assert nights.noted(diary, where, where.see(later, home), later, later.at, home) is not diary


def test_a_diary_can_be_stored_and_goes_on_as_if_it_had_not_been() -> None:
    home = a_home()
    where, diary, _ = lived(home, events(home, QUIET[:3]), instant("01:00"))
    straight = lived(home, events(home, QUIET[3:]), AFTERNOON, (where, diary))
    stored = lived(home, events(home, QUIET[3:]), AFTERNOON, (where, restored(diary)))
    assert straight[1:] == stored[1:]
    assert len(msgspec.json.encode(diary)) < 2_000
    assert restored(straight[2][1]) == straight[2][1]


def test_nothing_is_closed_before_anything_happened() -> None:
    assert nights.due(Diary()) is None
    with pytest.raises(ValueError, match="nothing has happened"):
        nights.closed(Diary(), EVENING, Whereabouts(), a_home())


clocks = st.times().map(lambda at: time(at.hour, at.minute // 15 * 15))


@given(start=clocks, end=clocks, days=st.integers(0, 400), minutes=st.integers(0, 24 * 60 - 1))
def test_every_moment_belongs_to_one_day_that_holds_its_night(start: time, end: time, days: int, minutes: int) -> None:
    """Whatever the hours of a night, also in the nights in which the clocks change."""
    home = a_home(night=Night(start=start, end=end))
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days, minutes=minutes)
    day = nights.hours_of(at, home)
    assert day.begins <= at < day.over
    assert timedelta(hours=22.9) <= day.over - day.begins <= timedelta(hours=25.1)
    assert day.begins <= day.start <= day.end <= day.over
    following = nights.hours_of(day.over, home)
    assert (following.begins, following.night) == (day.over, day.night + timedelta(days=1))


@pytest.mark.parametrize(("evening", "hours"), [(date(2026, 3, 28), 23), (date(2026, 10, 24), 25)])
def test_nights_in_which_the_clocks_change_have_their_hours(evening: date, hours: int) -> None:
    home = a_home()
    begin = datetime.combine(evening, time(14), tzinfo=AMSTERDAM).astimezone(UTC)

    def seen(every: Sequence[SensorEvent]) -> list[SensorEvent]:
        return [msgspec.structs.replace(one, at=begin + i * timedelta(minutes=30)) for i, one in enumerate(every)]

    *_, said = lived(home, seen(events(home, ["14:00 woonkamer"] * 60)), begin + timedelta(hours=28))
    whole = next(one for one in said if one.whole and one.night == evening)
    assert len(whole.activity) == 24
    assert whole.activity[11] == (None if hours == 23 else 2.0)  # 02:00 does not come, or comes twice
    assert [x for i, x in enumerate(whole.activity) if i != 11] == [2.0] * 23


def test_a_pad_that_flickers_all_night_makes_one_exit_and_never_fewer_than_none() -> None:
    flicker = [
        f"02:{minute:02}:{second:02} bed {how}" for minute in range(20, 50) for second, how in ((0, "out"), (40, "in"))
    ]
    first, _ = night_of(*QUIET[:3], *flicker, *QUIET[3:])
    assert first.exits == 1
