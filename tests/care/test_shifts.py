"""Shifts of the desk, and the screens that somebody saw and heard in them."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care import journal, link
from care.ids import StaffId
from care.link import Batch
from care.records import SeenAndHeard, Unreadable, addressee, encode
from care.shifts import EARLY, SCREENS_MAX, Shifts, began

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
SANNE, NOOR = StaffId("s-1"), StaffId("s-2")


def at(clock: str, day: int = 3, month: int = 3) -> datetime:
    hour, minute = (int(part) for part in clock.split(":"))
    return datetime(2026, month, day, hour, minute, tzinfo=AMSTERDAM)


def said(clock: str, by: StaffId = SANNE, screen: str = "a1") -> SeenAndHeard:
    return SeenAndHeard(at=at(clock), screen=screen, by=by)


def after(*records: SeenAndHeard) -> Shifts:
    shifts = Shifts()
    for record in records:
        shifts.add(record)
    return shifts


@pytest.mark.parametrize(
    ("clock", "begins"),
    [("06:59", "22:00"), ("07:00", "07:00"), ("14:59", "07:00"), ("15:00", "15:00"), ("21:59", "15:00")],
)
def test_a_shift_begins_at_seven_at_three_and_at_ten(clock: str, begins: str) -> None:
    assert f"{began(at(clock), AMSTERDAM).astimezone(AMSTERDAM):%H:%M}" == begins


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 8), (10, 25, 10), (3, 3, 9)])
def test_a_night_shift_lasts_as_long_as_the_night_does(month: int, day: int, hours: int) -> None:
    lasted = at("07:00", day, month).timestamp() - began(at("06:59", day, month), AMSTERDAM).timestamp()
    assert lasted == hours * 3600


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(AMSTERDAM)))  # noqa: DTZ001
def test_the_shift_that_runs_has_begun_and_began_less_than_half_a_day_ago(now: datetime) -> None:
    lasted = now.timestamp() - began(now, AMSTERDAM).timestamp()
    assert 0 <= lasted < 12 * 3600


def test_a_screen_is_proven_by_who_said_so_for_the_rest_of_the_shift() -> None:
    shifts = after(said("22:05"))
    assert shifts.proven_at("a1", at("23:59"), AMSTERDAM, by=SANNE) == at("22:05")
    assert shifts.proven_at("a1", at("23:59"), AMSTERDAM) == at("22:05")
    assert shifts.proven_at("a1", at("23:59"), AMSTERDAM, by=NOOR) is None
    assert shifts.proven_at("b2", at("23:59"), AMSTERDAM, by=SANNE) is None
    assert shifts.proven_at("a1", at("07:00", 4), AMSTERDAM, by=SANNE) is None


def test_who_comes_early_to_the_hand_over_need_not_tap_twice() -> None:
    tapped = at("22:00") - EARLY
    assert after(SeenAndHeard(at=tapped, screen="a1", by=SANNE)).proven_at("a1", at("22:01"), AMSTERDAM) == tapped
    before = SeenAndHeard(at=tapped - timedelta(seconds=1), screen="a1", by=SANNE)
    assert after(before).proven_at("a1", at("22:01"), AMSTERDAM) is None


def test_the_same_tap_twice_is_one_record() -> None:
    shifts = Shifts()
    [first] = shifts.prove("a1", SANNE, at("22:05"), AMSTERDAM)
    shifts.add(first)
    assert shifts.prove("a1", SANNE, at("22:06"), AMSTERDAM) == ()
    assert shifts.prove("a1", NOOR, at("22:06"), AMSTERDAM) == (said("22:06", NOOR),)
    assert shifts.prove("a1", SANNE, at("07:01", 4), AMSTERDAM) != ()


def test_records_in_any_order_prove_the_same() -> None:
    both = [said("22:05"), said("22:30", NOOR)]
    for order in (both, both[::-1]):
        assert after(*order).proven_at("a1", at("23:00"), AMSTERDAM) == at("22:30")


def test_screens_that_nobody_has_any_more_do_not_fill_the_memory() -> None:
    shifts = after(*(said("22:05", screen=f"made-up-{n}") for n in range(SCREENS_MAX + 1)))
    assert shifts.proven_at("made-up-0", at("22:06"), AMSTERDAM) is None
    assert shifts.proven_at(f"made-up-{SCREENS_MAX}", at("22:06"), AMSTERDAM) is not None


def test_it_stays_at_the_centre_and_no_building_may_say_it() -> None:
    assert addressee(said("22:05")) is None
    db = journal.connect(":memory:")
    batch = Batch("of-wilg", 0, 1, (msgspec.Raw(encode(said("22:05"))),))
    _, [entry] = link.take(db, "wilg", batch, recorded_at=at("22:06"))
    assert isinstance(entry.record, Unreadable)
    db.close()
