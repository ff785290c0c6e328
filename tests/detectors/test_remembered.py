"""What a home has taught, when its resident was away for weeks, has moved, or makes room for somebody else."""

from datetime import timedelta

import msgspec

from detectors import vigil
from detectors.calibration import Maturity, maturity
from detectors.homes import Home, HomeId, ResidentId
from detectors.remembered import Vigil, in_the_home_of
from detectors.slow_change import Change
from tests.stories import LIMITS, a_home, events

HOME = a_home(limits=msgspec.structs.replace(LIMITS, bath=60))
NIGHT = ["22:40 bed in", "02:00 bed out", "02:01 badkamer", "02:06 bed in", "07:30 bed out", "07:31 keuken"]


def lived(nights: range, home: Home = HOME, start: Vigil | None = None) -> Vigil:
    """Return the vigil after nights with a visit to the bathroom each, by their number from the first."""
    now = start or Vigil(resident=home.resident)
    for night in nights:
        for event in events(home, NIGHT):
            at = event.at + timedelta(days=night)
            now, _ = vigil.arrive(now, msgspec.structs.replace(event, at=at), at, home)
    return now


def weight(known: Vigil) -> float:
    return known.lessons["bath_at_night"].stays.habit.n


def test_after_two_weeks_away_a_quarter_of_what_was_learned_still_counts() -> None:
    before = lived(range(30))
    back = lived(range(44, 45), start=before)
    stayed = lived(range(43, 44), start=before)  # away for a night less
    assert maturity(stayed.diary.age) is Maturity.SETTLED
    assert maturity(back.diary.age) is Maturity.SECOND_WEEK
    assert weight(back) < 0.4 * weight(stayed)
    assert back.rises.habit.n < 0.5 * stayed.rises.habit.n


def test_weeks_away_are_forgotten_once_and_not_every_night_that_follows() -> None:
    back = lived(range(44, 45), start=lived(range(30)))
    assert weight(lived(range(45, 60), start=back)) > weight(back) + 8


def test_somebody_who_comes_to_water_the_plants_by_day_is_not_the_resident_come_home() -> None:
    away = lived(range(30))
    (plants,) = events(HOME, ["15:00 woonkamer"])
    for day in range(31, 43):
        at = plants.at + timedelta(days=day)
        away, _ = vigil.arrive(away, msgspec.structs.replace(plants, at=at), at, HOME)
    assert maturity(lived(range(44, 45), start=away).diary.age) is Maturity.SECOND_WEEK


def test_a_new_resident_is_not_judged_by_the_nights_of_whoever_lived_there_before() -> None:
    known = lived(range(30))
    new = in_the_home_of(msgspec.structs.replace(HOME, resident=ResidentId("somebody-new")), known)
    assert (new.lessons, new.diary.age, new.resident) == ({}, 0, "somebody-new")
    assert new.health == known.health  # the sensors are the same ones


def test_who_moved_within_the_building_brings_along_what_may_hold_there() -> None:
    other = a_home("14")
    there = msgspec.structs.replace(other, id=HomeId("wilg/14"), resident=HOME.resident)
    known = lived(range(30))
    moved = in_the_home_of(there, None, moved_from=known)
    assert weight(moved) * 4 == weight(known)
    assert maturity(moved.diary.age) is Maturity.SECOND_WEEK
    assert moved.reviews.visits.change == Change()  # another bathroom, and other sensors, see other visits


def test_nothing_changes_for_who_stays() -> None:
    known = lived(range(5))
    assert in_the_home_of(HOME, known) == known
    noted_before = msgspec.structs.replace(known, resident=None)  # by a version that noted no resident
    assert in_the_home_of(HOME, noted_before) == known
