"""What a home teaches: a visit that is long for this person is told sooner, and the agreed limit always holds."""

import math
from datetime import timedelta

import msgspec
import pytest

from detectors import lessons, vigil
from detectors.findings import Finding, What
from detectors.homes import Home, Limits
from detectors.moments import SensorEvent
from detectors.others import SHIPPED
from detectors.remembered import Vigil
from tests.stories import a_home, events, findings, found, instant

HOME = a_home(limits=Limits(bath=30, still=120, oob_unseen=120, oob_active=240))
BATH = SHIPPED.thresholds["bath"]


def nights(home: Home, minutes: float, count: int) -> Vigil:
    """Return the vigil after so many nights with one visit to the bathroom of about so many minutes."""
    now = Vigil()
    for night in range(count):
        visit = timedelta(minutes=minutes * (0.9, 1.0, 1.1)[night % 3])
        for event in a_visit(home, visit):
            later = event.at - timedelta(days=count - night)
            now, _ = vigil.arrive(now, msgspec.structs.replace(event, at=later), later, home)
    return now


def a_visit(home: Home, stay: timedelta) -> list[SensorEvent]:
    in_bed, out, bath = events(home, ["22:40 bed in", "02:00 bed out", "02:01 badkamer"])
    back = msgspec.structs.replace(in_bed, at=bath.at + stay)
    return [in_bed, out, bath, back]


def told_after(home: Home, known: Vigil) -> Finding:
    """Return what is told of a visit without end."""
    said: list[vigil.Told] = []
    now = known
    for event in a_visit(home, timedelta(hours=9))[:-1]:
        now, more = vigil.arrive(now, event, event.at, home)
        said += more
    _, more = vigil.advance(now, instant("03:30"), home)
    (bath,) = [one for one in findings([*said, *more]) if one.what is What.BATH]
    return bath


def test_a_home_that_nothing_is_known_of_is_watched_by_what_is_usual_elsewhere() -> None:
    told = told_after(HOME, Vigil())
    assert BATH is not None
    after = lessons.alert_after("bath_at_night", None, told.since, HOME, BATH, SHIPPED)
    assert told.at - told.since == timedelta(seconds=math.ceil(60 * after))
    assert (told.nights, told.early) == (0, True)


def test_who_is_always_quick_is_missed_sooner() -> None:
    quick, slow = told_after(HOME, nights(HOME, 3, 21)), told_after(HOME, nights(HOME, 12, 21))
    assert quick.at < slow.at
    assert quick.at - quick.since < timedelta(minutes=10)
    assert quick.usual == pytest.approx(3, abs=0.7)
    assert quick.nights == 21


def test_however_slow_somebody_is_the_agreed_limit_holds() -> None:
    told = told_after(HOME, nights(HOME, 22, 30))
    assert told.at - told.since == timedelta(minutes=30)
    assert not told.early


def test_one_long_night_does_not_make_the_next_one_usual() -> None:
    known = nights(HOME, 3, 21)
    before = told_after(HOME, known)
    for event in a_visit(HOME, timedelta(minutes=29)):
        earlier = event.at - timedelta(hours=24)
        known, _ = vigil.arrive(known, msgspec.structs.replace(event, at=earlier), earlier, HOME)
    assert told_after(HOME, known).at - before.at < timedelta(minutes=3)


def test_passing_through_the_bathroom_teaches_nothing() -> None:
    assert "bath_at_night" not in nights(HOME, 0.1, 5).lessons


def test_an_evening_wash_before_bed_is_not_measured_by_visits_from_bed() -> None:
    home = a_home(limits=Limits(bath=30, still=120))
    lines = ["23:10 badkamer", "23:25 badkamer", "23:27 slaapkamer", "23:30 bed in"]
    assert found(home, *lines, until="23:40") == []


def test_who_has_got_up_for_the_day_may_read_the_paper() -> None:
    home = a_home(limits=Limits(still=15, still_risen=60))
    lines = ["22:40 bed in", "05:30 bed out", "05:32 badkamer", "05:36 keuken", "05:40 woonkamer"]
    assert found(home, *lines, until="06:39") == []
    assert found(home, *lines, until="06:41") == ["06:40 still"]


def test_a_living_room_in_the_middle_of_the_night_is_not_getting_up() -> None:
    home = a_home(limits=Limits(still=15))
    assert found(home, "22:40 bed in", "02:00 bed out", "02:05 woonkamer", until="02:21") == ["02:20 still"]


def test_a_fall_just_before_the_night_ends_is_told_after_it() -> None:
    home = a_home(limits=Limits(still=15))
    lines = ["22:40 bed in", "06:50 bed out", "06:51 badkamer", "06:52:20 badkamer off"]
    assert "07:06 still" in found(home, *lines, until="07:30")
