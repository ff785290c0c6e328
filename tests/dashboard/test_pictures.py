"""Pictures tell no more than was seen: filled is seen, hatched is no sight, dashed is "could see, saw nothing"."""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.alerts import Alert, raised, with_cleared, with_order
from care.wording import Wording
from dashboard.pictures import CARD, CLOSE, PHONE, PHONE_WHOLE, SINGLE, WHOLE, Lane, Picture, Size, Stretch, draw
from detectors.findings import Finding, Mark, What
from detectors.homes import Home, Kind, RoomId, SensorId
from tests.dashboard.nights import (
    NOW,
    ROOMS,
    a_home,
    closed,
    gone_outside,
    help_asked,
    local,
    long_in_the_bathroom,
    not_up,
    over,
    quiet_by_day,
    seen,
    still_up,
)

SIZES = [CARD, CLOSE, PHONE, PHONE_WHOLE, SINGLE, WHOLE]
HOME = a_home("wilg", "12")
NL = Wording("nl")


def an_alert(finding: Finding, home: Home = HOME) -> Alert:
    return raised(finding, home=home, arrived_at=finding.at)


def picture(
    finding: Finding | Alert,
    *,
    size: Size = SINGLE,
    now: datetime = NOW,
    home: Home = HOME,
    blind: tuple[str, ...] = (),
    silent_since: datetime | None = None,
) -> Picture:
    alert = finding if isinstance(finding, Alert) else an_alert(finding, home)
    unheard = [SensorId(one) for one in blind]
    return draw(alert, home, now=now, wording=NL, size=size, blind=unheard, silent_since=silent_since)


def lane(drawn: Picture, name: str) -> Lane:
    return next(one for one in drawn.lanes if one.name == name)


def looks(drawn: Picture, name: str) -> list[str]:
    return [stretch.look for stretch in lane(drawn, name).stretches]


def clock(drawn: Picture, x: float) -> str:
    """Read the time back from a place in the picture."""
    share = (x - drawn.left) / (drawn.right - drawn.left)
    return NL.time(drawn.start + (drawn.end - drawn.start) * share + timedelta(seconds=20))


def test_in_bed_is_filled_from_mark_to_mark() -> None:
    bed = lane(picture(long_in_the_bathroom()), "Bed")
    drawn = picture(long_in_the_bathroom())
    assert [(clock(drawn, one.x), clock(drawn, one.x + one.width)) for one in bed.stretches] == [
        ("22:41", "00:37"),
        ("00:43", "02:09"),
    ]


def test_a_bed_that_only_its_end_tells_of_was_occupied_from_the_left_edge() -> None:
    finding = msgspec.structs.replace(still_up(), window=seen("00:55 bed 0", "01:38 woonkamer"))
    drawn = picture(finding)
    assert lane(drawn, "Bed").stretches[0].x == drawn.left


def test_a_bed_left_in_the_instant_in_which_it_was_entered_is_empty() -> None:
    finding = long_in_the_bathroom()
    for line in ("22:41 bed 1", "00:43 bed 1"):
        both = (*seen(line), *seen(line[:-1] + "0"))
        drawn = picture(msgspec.structs.replace(finding, window=both), size=WHOLE)
        assert [one.width for one in lane(drawn, "Bed").stretches] == [0]


def test_the_silence_goes_on_from_the_last_motion_to_now() -> None:
    drawn = picture(long_in_the_bathroom())
    (silent,) = lane(drawn, "Badkamer").stretches
    assert (silent.look, silent.grows) == ("silent", True)
    assert clock(drawn, silent.x) == "02:12"
    assert clock(drawn, silent.x + silent.width) == "02:31"
    assert [name for name in ("Keuken", "Woonkamer") if looks(drawn, name)] == []


def test_who_went_out_was_seen_in_no_room_after_the_door() -> None:
    drawn = picture(gone_outside())
    assert all("silent" in looks(drawn, name) for name in ("Slaapkamer", "Badkamer", "Keuken", "Woonkamer"))
    assert [tick.look for tick in lane(drawn, "Voordeur").ticks] == ["door"]


def test_somebody_who_moves_about_is_nowhere_drawn_as_silent() -> None:
    assert not any("silent" in looks(picture(still_up()), one.name) for one in picture(still_up()).lanes)


def test_who_is_not_up_lies_in_bed_as_seen_and_every_other_room_could_see_and_saw_nothing() -> None:
    drawn = picture(not_up())
    assert looks(drawn, "Bed") == ["bed"]
    assert looks(drawn, "Slaapkamer") == []
    for room in ("Badkamer", "Gang", "Keuken", "Woonkamer"):
        [silent] = lane(drawn, room).stretches
        assert (silent.look, clock(drawn, silent.x), silent.grows) == ("silent", "00:20", True)
    assert not any(tick.hot for one in drawn.lanes for tick in one.ticks)
    assert "Bed leeg" not in drawn.description


def test_a_quiet_day_is_silent_in_every_room_since_the_last_motion_and_no_bed_is_made_up() -> None:
    drawn = picture(quiet_by_day())
    assert looks(drawn, "Bed") == []
    assert [clock(drawn, lane(drawn, room).stretches[0].x) for room in ("Slaapkamer", "Keuken")] == ["22:14", "22:14"]
    assert "Bed leeg" not in drawn.description


def test_a_lane_without_sight_is_hatched_and_never_silent() -> None:
    drawn = picture(long_in_the_bathroom(), blind=("12/badkamer", "12/keuken"))
    assert looks(drawn, "Badkamer") == ["blind"]
    assert looks(drawn, "Keuken") == ["blind"]
    assert clock(drawn, lane(drawn, "Keuken").stretches[0].x) == "22:05"  # it was heard then


def test_a_room_of_which_one_sensor_is_silent_is_half_hatched() -> None:
    assert looks(picture(long_in_the_bathroom(), blind=("12/button",)), "Slaapkamer") == ["partly"]


def test_a_silent_building_is_hatched_in_every_lane_and_adds_no_silence() -> None:
    drawn = picture(long_in_the_bathroom(), silent_since=local("02:20"))
    assert all(looks(drawn, one.name)[-1] == "blind" for one in drawn.lanes)
    silent, blind = lane(drawn, "Badkamer").stretches
    assert (silent.look, silent.grows) == ("silent", False)
    assert clock(drawn, silent.x + silent.width) == clock(drawn, blind.x) == "02:20"


def test_what_is_over_stands_still() -> None:
    alert = with_cleared(an_alert(long_in_the_bathroom()), over(long_in_the_bathroom(), "02:40"))
    later = picture(alert, now=NOW + timedelta(hours=3))
    assert not later.moving
    assert later.now[1] == "02:40"
    assert later == picture(alert, now=NOW + timedelta(hours=5))


def test_what_was_closed_stands_still() -> None:
    alert = with_order(an_alert(long_in_the_bathroom()), closed(long_in_the_bathroom(), "s-1", "02:50"))
    assert picture(alert, now=NOW + timedelta(hours=3)).now[1] == "02:50"


def test_a_card_shows_only_the_rooms_it_speaks_of() -> None:
    assert [one.name for one in picture(long_in_the_bathroom(), size=CARD).lanes] == ["Bed", "Badkamer"]
    assert [one.name for one in picture(gone_outside(), size=CARD).lanes] == ["Bed", "Gang", "Voordeur"]


def test_who_cannot_see_it_is_told_the_same() -> None:
    drawn = picture(long_in_the_bathroom(), size=CLOSE, blind=("12/keuken",))
    assert "Bed leeg sinds 02:09." in drawn.description
    assert "Badkamer: gezien om 02:10, 02:11, 02:12." in drawn.description
    assert "Woonkamer: niets gezien." in drawn.description
    assert "Keuken: geen of deels zicht." in drawn.description


def test_a_call_for_help_is_a_mark_of_its_own_for_it_is_in_no_window_yet() -> None:
    assert [tick.look for tick in lane(picture(help_asked()), "Slaapkamer").ticks] == ["button"]


@st.composite
def windows(draw_from: st.DrawFn) -> tuple[Mark, ...]:
    """Anything that sensors may have said in the hours before, in the order of time."""
    at = st.timedeltas(timedelta(minutes=1), timedelta(hours=7)).map(lambda before: local("02:30") - before)
    place = st.sampled_from([*((room, Kind.MOTION) for room in ROOMS), ("slaapkamer", Kind.BED), ("gang", Kind.DOOR)])
    one = st.builds(
        lambda when, where, value: Mark(when, RoomId(where[0]), where[1], value), at, place, st.sampled_from([0.0, 1.0])
    )
    return tuple(sorted(draw_from(st.lists(one, max_size=60)), key=lambda mark: mark.at))


def everything_in(drawn: Picture) -> Iterator[tuple[float, float]]:
    for one in drawn.lanes:
        yield from ((stretch.x, stretch.x + stretch.width) for stretch in one.stretches)
        yield from ((tick.x, tick.x) for tick in one.ticks)
    yield drawn.now[0], drawn.raised[0]
    yield from ((x, x) for x, _ in drawn.hours)


@given(
    window=windows(),
    what=st.sampled_from(What),
    size=st.sampled_from(SIZES),
    later=st.timedeltas(timedelta(), timedelta(hours=30)),
    blind=st.sets(st.sampled_from([sensor.id for sensor in HOME.sensors])),
)
def test_whatever_was_seen_the_picture_holds_it(
    window: tuple[Mark, ...], what: What, size: Size, later: timedelta, blind: set[SensorId]
) -> None:
    finding = msgspec.structs.replace(long_in_the_bathroom(), what=what, window=window)
    drawn = picture(finding, size=size, now=NOW + later, blind=tuple(blind))
    for start, end in everything_in(drawn):
        assert drawn.left <= start <= drawn.right + 0.1
        assert drawn.left <= end <= drawn.right + 0.1
    assert drawn.end - drawn.start <= size.longest * (1 + size.ahead)
    for one in drawn.lanes:
        assert all(stretch.width >= 0 for stretch in one.stretches)
        assert not {"blind", "silent"} <= {stretch.look for stretch in one.stretches}


@given(windows())
def test_every_mark_of_the_last_hours_is_drawn_and_none_that_was_not_made(window: tuple[Mark, ...]) -> None:
    drawn = picture(msgspec.structs.replace(long_in_the_bathroom(), window=window))
    shown = [mark for mark in window if mark.value and mark.kind is not Kind.BED and mark.at >= drawn.start]
    assert sum(len(one.ticks) for one in drawn.lanes) == len(set(shown))


@given(windows())
def test_a_bed_is_never_filled_while_it_was_empty(window: tuple[Mark, ...]) -> None:
    drawn = picture(msgspec.structs.replace(long_in_the_bathroom(), window=window), size=WHOLE)
    beds = [mark for mark in window if mark.kind is Kind.BED]
    empty = [(one.at, after.at) for one, after in itertools.pairwise(beds) if not one.value]

    def inside(stretch: Stretch, at: datetime) -> bool:
        x = drawn.left + (drawn.right - drawn.left) * ((at - drawn.start) / (drawn.end - drawn.start))
        return stretch.x + 0.2 < x < stretch.x + stretch.width - 0.2

    for start, end in empty:
        middle = start + (end - start) / 2
        assert not any(inside(stretch, middle) for stretch in lane(drawn, "Bed").stretches)


@pytest.mark.parametrize("size", SIZES)
def test_figures_under_a_picture_stand_apart(size: Size) -> None:
    for later in range(0, 400, 13):
        xs = [x for x, _ in picture(long_in_the_bathroom(), size=size, now=NOW + timedelta(minutes=later)).hours]
        assert all(b - a > 36 for a, b in itertools.pairwise(xs))


# The usual.


def usually(minutes: float | None, nights: int | None = 40) -> Finding:
    return msgspec.structs.replace(long_in_the_bathroom(), usual=minutes, nights=nights)


def test_the_usual_is_a_band_from_when_it_began_for_as_long_as_it_mostly_lasts() -> None:
    drawn = picture(usually(9.0))
    assert drawn.usual is not None
    x, width = drawn.usual
    per_minute = (drawn.right - drawn.left) / ((drawn.end - drawn.start).total_seconds() / 60)
    assert width == pytest.approx(9 * per_minute, abs=0.2)
    assert x == pytest.approx(drawn.left + (local("02:10") - drawn.start).total_seconds() / 60 * per_minute, abs=0.2)
    assert "Meestal is het voorbij om 02:19." in drawn.description


@pytest.mark.parametrize("finding", [usually(None), usually(9.0, None), usually(9.0, 0), not_up(), help_asked()])
def test_where_nothing_is_learned_no_usual_is_drawn(finding: Finding) -> None:
    assert picture(finding).usual is None
