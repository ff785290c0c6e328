"""The last nights of a home, as the centre keeps them."""

from datetime import UTC, date, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from care.nights import KEPT, USUAL_AFTER, Nights, usual
from detectors.calibration import LeftOut
from detectors.findings import Presence
from detectors.homes import HomeId, RoomId
from detectors.nights import Stay, Summary

HOME = HomeId("wilg/12")
FIRST = date(2026, 2, 1)


def evening(back: int) -> date:
    return FIRST + timedelta(days=back)


def noon(night: date) -> datetime:
    return datetime(night.year, night.month, night.day, 11, tzinfo=UTC)


def summary(n: int, *, whole: bool = True, exits: int = 1, left_out: LeftOut | None = None) -> Summary:
    night = evening(n)
    to_bed = noon(night) + timedelta(hours=11)
    rose = noon(night) + timedelta(hours=19, minutes=n)
    return Summary(
        at=noon(night) + timedelta(hours=27 if whole else 19),
        home=HOME,
        night=night,
        whole=whole,
        exits=exits,
        minutes_out=exits * 6.0,
        visits=exits,
        to_bed=to_bed,
        rose=rose if whole else None,
        left_out=left_out,
        stays=(Stay(to_bed, rose, Presence.BED), Stay(rose, rose + timedelta(minutes=5), Presence.UP, RoomId("gang"))),
    )


def after(*told: Summary) -> Nights:
    nights = Nights()
    for one in told:
        nights.add(one)
    return nights


def test_the_second_summary_of_a_night_takes_the_place_of_the_first() -> None:
    nights = after(summary(0, whole=False), summary(0))
    [night] = nights.of(HOME)
    assert night.rose is not None
    assert night.stays == summary(0).stays


def test_the_first_summary_of_a_night_that_comes_after_the_second_changes_nothing() -> None:
    assert after(summary(0), summary(0, whole=False, exits=9)).at(HOME, evening(0)) == after(summary(0)).at(
        HOME, evening(0)
    )


@given(st.permutations(range(40)))
def test_twenty_eight_nights_are_kept_and_the_order_in_which_they_come_changes_none(order: list[int]) -> None:
    nights = after(*(summary(n) for n in order))
    kept = [one.night for one in nights.of(HOME)]
    assert len(kept) == KEPT
    assert kept == sorted(kept)
    assert kept[-1] == evening(39)
    newest = nights.newest(HOME)
    assert newest is not None
    assert newest.night == evening(39)


def test_a_night_that_was_not_told_is_none() -> None:
    assert after(summary(0)).at(HOME, evening(1)) is None
    assert after().of(HOME) == ()


def test_a_night_takes_little_room() -> None:
    stays = summary(0).stays * 30  # as many as a night can have
    night = after(msgspec.structs.replace(summary(0), stays=stays, activity=(1.0,) * 24)).of(HOME)[0]
    assert len(night.packed) < 2_000


def test_usual_is_the_middle_of_the_nights_that_were_wholly_seen() -> None:
    told = [summary(n, exits=n) for n in range(9)]
    told[8] = summary(8, exits=90, left_out=LeftOut.OUTAGE)
    nights = after(*told).of(HOME)
    found = usual(nights, {one.night: noon(one.night) for one in nights})
    assert found is not None
    assert (found.exits, found.visits, found.to_bed, found.rose) == (3.5, 3.5, 11 * 60, 19 * 60 + 3.5)


def test_nothing_is_called_usual_of_too_few_nights() -> None:
    nights = after(*(summary(n) for n in range(USUAL_AFTER - 1))).of(HOME)
    assert usual(nights, {one.night: noon(one.night) for one in nights}) is None
