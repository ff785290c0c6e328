"""Cohorts: homes drawn by number and seed, after the figures of real ones, and what is told of each kind of life."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import dropwhile, groupby, islice, pairwise, takewhile
from math import log
from random import Random
from statistics import correlation, mean, median, quantiles, stdev

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import company
from detectors.company import Company
from detectors.homes import Kind, Night
from detectors.moments import SensorEvent
from detectors.whereabouts import Whereabouts
from gateway import cohort, lives, rehearsal
from gateway.cohort import Drawn, Profile
from gateway.lives import Place, Stay
from gateway.rehearsal import ZONE
from tests.conftest import examples

FIRST = date(2026, 1, 12)  # a Monday
NIGHTS = 14
SEED = 11

numbers = st.integers(0, 2_000)
seeds = st.integers(0, 2_000)
dates = st.dates(date(2025, 1, 1), date(2027, 12, 31))


def homes(profile: Profile, *, bed: bool | None = None) -> Iterator[Drawn]:
    """Yield the homes of a profile, with a bed sensor or without one if that matters."""
    drawn = (cohort.draw(number, seed=SEED) for number in range(100_000))
    return (one for one in drawn if one.profile is profile and bed in {None, one.home.has_bed})


@cache
def sound(number: int, nights: int = NIGHTS) -> tuple[SensorEvent, ...]:
    """Return what is told of a home whose sensors never fail."""
    return tuple(cohort.events(cohort.draw(number, seed=SEED), FIRST, nights, faults=False))


def midnight_of(day: int) -> datetime:
    return datetime.combine(FIRST + timedelta(days=day), time(), tzinfo=ZONE)


def seen(events: Iterable[SensorEvent], name: str) -> list[SensorEvent]:
    """Return what the sensor of that name said of being on, open or occupied."""
    return [event for event in events if event.value and event.sensor.endswith(f"/{name}")]


def between(events: Iterable[SensorEvent], start: datetime, end: datetime) -> list[SensorEvent]:
    return [event for event in events if start <= event.at < end]


# Laws.


@settings(max_examples=examples(5), deadline=None)
@given(numbers, seeds, dates, st.integers(1, 4), st.integers(0, 3))
def test_what_is_told_is_in_order_repeatable_and_fewer_nights_are_the_beginning_of_more(
    number: int, seed: int, first: date, nights: int, more: int
) -> None:
    drawn = cohort.draw(number, seed=seed)
    told = list(cohort.events(drawn, first, nights + more))
    assert [event.at for event in told] == sorted(event.at for event in told)
    end = datetime.combine(first + timedelta(days=nights), time(18), tzinfo=ZONE)
    beginning = list(cohort.events(cohort.draw(number, seed=seed), first, nights))
    assert beginning == [event for event in told if event.at < end]
    assert beginning[0].at == datetime.combine(first, time(12), tzinfo=ZONE)
    assert {(event.sensor, event.kind, event.room) for event in told} <= {
        (sensor.id, sensor.kind, sensor.room) for sensor in drawn.home.sensors
    }
    assert {event.home for event in told} == {drawn.home.id} == {f"cohort/{number}"}


@settings(max_examples=examples(4), deadline=None)
@given(numbers, seeds)
def test_a_home_is_the_same_whoever_is_drawn_beside_it(number: int, seed: int) -> None:
    alone = list(cohort.events(cohort.draw(number, seed=seed), FIRST, 1))
    both = [cohort.events(cohort.draw(one, seed=seed), FIRST, 1) for one in (number, number + 1)]
    beside = [told for told, _ in zip(*both, strict=False)]
    assert beside == alone[: len(beside)]
    assert cohort.draw(number, seed=seed).habits != cohort.draw(number, seed=seed + 1).habits


@settings(max_examples=examples(4), deadline=None)
@given(numbers, seeds)
def test_faults_drop_and_repeat_messages_but_change_no_life(number: int, seed: int) -> None:
    """What is heard of it is what truly happened, in its order; a bed or door may say once more how it stands."""
    drawn = cohort.draw(number, seed=seed)
    true = list(cohort.events(drawn, FIRST, 5, faults=False))
    told = list(cohort.events(drawn, FIRST, 5))
    happened, heard = set(true), set(told)
    once = [event for event, _ in groupby(told)]
    assert [event for event in once if event in happened] == [event for event in true if event in heard]
    assert {event.kind for event in once if event not in happened} <= {Kind.BED, Kind.DOOR}


@settings(max_examples=examples(4), deadline=None)
@given(numbers, seeds)
def test_a_sound_bed_and_door_alternate(number: int, seed: int) -> None:
    told = list(cohort.events(cohort.draw(number, seed=seed), FIRST, 5, faults=False))
    for kind in (Kind.BED, Kind.DOOR):
        said = [event.value for event in told if event.kind is kind]
        assert all(one != after for one, after in pairwise(said))


# The figures they are drawn from.


def test_profiles_and_kits_come_in_their_shares() -> None:
    drawn = [cohort.draw(number, seed=1) for number in range(2_000)]
    counted = Counter(one.profile for one in drawn)
    assert sum(cohort.SHARES.values()) == pytest.approx(1.0)
    assert {profile: counted[profile] / len(drawn) for profile in Profile} == pytest.approx(cohort.SHARES, abs=0.03)
    assert mean(one.home.has_bed for one in drawn) == pytest.approx(cohort.BED_SENSORS, abs=0.03)
    for one in drawn[:50]:
        names = {sensor.id.partition("/")[2] for sensor in one.home.sensors}
        assert names == {
            "bath",
            "hall",
            "living",
            "kitchen",
            "door",
            "button",
            "bed" if one.home.has_bed else "bedroom",
        }


def visits(drawn: Drawn, nights: int = NIGHTS) -> list[float]:
    """Return for how many minutes people were in the bathroom each time they left bed for it, as it truly is."""
    start, end = (midnight_of(day) + timedelta(hours=12) for day in (0, nights))
    found = []
    for life in cohort.lives_in(drawn, FIRST):
        lived = takewhile(lambda stay: stay.start < end, dropwhile(lambda stay: stay.start < start, life))
        places = [(place, list(stays)) for place, stays in groupby(lived, key=lambda stay: stay.place)]
        ends = [stays[0].start for _, stays in places[1:]]
        spells = [(*spell, left) for spell, left in zip(places, ends, strict=False)]
        settled = [spell for spell in spells if spell[0] not in {Place.HALL, Place.BEDROOM}]
        for (before, *_), (place, stays, left), (after, *_) in zip(settled, settled[1:], settled[2:], strict=False):
            if before is after is Place.BED and place is Place.BATHROOM:
                found.append((left - stays[0].start).total_seconds() / 60)
    return found


@pytest.mark.long
def test_bathroom_stays_are_as_many_and_as_long_as_in_the_study() -> None:
    """A home's median is 4.6 minutes in the middle, logarithms differ by 0.41 between homes and 0.48 within (5.7)."""
    count = 160
    stays = [visits(cohort.draw(number, seed=2)) for number in range(count)]
    many = [minutes for minutes in stays if len(minutes) >= 10]
    medians = [log(median(minutes)) for minutes in many]
    assert 1.6 <= sum(map(len, stays)) / count / NIGHTS <= 2.2
    assert log(4.2) <= mean(medians) <= log(5.1)
    assert 0.34 <= stdev(medians) <= 0.50
    assert 0.44 <= median(stdev(map(log, minutes)) for minutes in many) <= 0.60  # with a few long stays and bad nights
    every = sorted(minutes for home in many for minutes in home)
    assert 0.005 <= mean(minutes > 20 for minutes in every) <= 0.05


def test_a_rise_is_an_hour_off_like_on_aruba_and_follows_the_one_before() -> None:
    spreads, memories, hours = [], [], []
    for drawn in islice(homes(Profile.QUIET), 25):
        clocks = list(islice(lives._mornings(drawn.habits[0], day_dice(drawn), FIRST, ZONE), 120))
        rises = [clock.astimezone(ZONE).hour + clock.astimezone(ZONE).minute / 60 for clock in clocks]
        spreads.append(stdev(rises))
        memories.append(correlation(rises[:-1], rises[1:]))
        hours.append(median(rises))
    assert 0.8 <= mean(spreads) <= 1.2
    assert 0.27 <= mean(memories) <= 0.55  # the season comes on top of 0.37
    assert 6.7 <= mean(hours) <= 7.6


def day_dice(drawn: Drawn) -> lives.Dice:
    return lambda *subject: lives.chance_of(drawn.seed, drawn.home.id, *subject)


def test_who_lives_by_the_light_rises_later_in_january_than_in_july() -> None:
    drawn = next(one for one in homes(Profile.QUIET) if one.habits[0].season > timedelta(minutes=40))
    clocks = list(islice(lives._mornings(drawn.habits[0], day_dice(drawn), FIRST, ZONE), 220))
    hour = [clock.astimezone(ZONE).hour + clock.astimezone(ZONE).minute / 60 for clock in clocks]
    assert mean(hour[:28]) - mean(hour[150:]) > 2 * 40 / 60 * 0.6


def test_a_day_has_its_silences_and_none_of_half_a_day() -> None:
    """Daily maximum 131 min in the median, hardly ever over three hours, two and a half a day over an hour (5.4)."""
    longest, over = [], []
    for drawn in islice(homes(Profile.QUIET), 12):
        gone = away(drawn)
        for day in range(1, NIGHTS):
            start = midnight_of(day)
            told = between(sound(drawn.number), start.replace(hour=8), start.replace(hour=21))
            gaps = [
                (after.at - one.at).total_seconds() / 60
                for one, after in pairwise(told)
                if not any(left < after.at and one.at < back for left, back in gone)
            ]
            longest.append(max(gaps))
            over.append(sum(gap > 60 for gap in gaps))
    assert 105 <= median(longest) <= 145
    assert quantiles(longest, n=30)[-1] <= 200
    assert 1.8 <= mean(over) <= 2.9


def away(drawn: Drawn) -> list[tuple[datetime, datetime]]:
    end = midnight_of(NIGHTS)
    stays = list(takewhile(lambda stay: stay.start < end, cohort.lives_in(drawn, FIRST)[0]))
    return [(one.start, after.start) for one, after in pairwise(stays) if one.place is Place.OUT]


def test_in_a_bathroom_one_gap_in_a_hundred_is_longer_than_two_and_a_half_minutes() -> None:
    """As seen by a sensor that never looks away; with one that does for a minute, gaps are two to three times that."""
    chance = Random(3)
    start, gaps, thinned = datetime(2026, 1, 1, tzinfo=UTC), list[float](), list[float]()
    for _ in range(1_200):
        end = start + timedelta(minutes=4.6 * chance.lognormvariate(0, 0.63))
        stay = [*lives.in_bouts(Place.BATHROOM, start, end, chance), Stay(end, Place.OUT)]
        moves = [one.at for one in rehearsal.traces_of(stay, lambda *_: chance) if one.kind is Kind.MOTION]
        reports: list[datetime] = []
        for at in moves:
            if not reports or at - reports[-1] >= rehearsal.BLIND:
                reports.append(at)
        gaps += [(after - one).total_seconds() / 60 for one, after in pairwise(moves)]
        thinned += [(after - one).total_seconds() / 60 for one, after in pairwise(reports)]
    assert 2.2 <= quantiles(gaps, n=100)[-1] <= 3.0
    assert 4.0 <= quantiles(thinned, n=100)[-1] <= 8.0


def test_a_home_says_a_few_hundred_things_a_day() -> None:
    """A real stream thinned to one report a minute has 259 a day (5.4), and most are followed by a clear."""
    a_day = [len(sound(drawn.number)) / NIGHTS for drawn in islice(homes(Profile.QUIET), 12)]
    assert 300 <= mean(a_day) <= 600


# Stories.


@pytest.mark.long
def test_a_quiet_sleeper_is_up_less_than_once_and_nocturia_three_times() -> None:
    def a_night(profile: Profile) -> float:
        return mean(len(visits(drawn)) / NIGHTS for drawn in islice(homes(profile), 20))

    assert 0.6 <= a_night(Profile.QUIET) <= 1.05
    assert 3.0 <= a_night(Profile.NOCTURIA) <= 4.5


def test_on_a_bad_night_visits_are_longer_and_there_are_more_of_them() -> None:
    def all_nights(drawn: Drawn, bad_nights: float) -> list[float]:
        habits = tuple(msgspec.structs.replace(one, bad_nights=bad_nights) for one in drawn.habits)
        return visits(msgspec.structs.replace(drawn, habits=habits))

    good, bad = (
        [minutes for drawn in islice(homes(Profile.NOCTURIA), 8) for minutes in all_nights(drawn, share)]
        for share in (0.0, 1.0)
    )
    assert 1.3 <= median(bad) / median(good) <= 2.3
    assert len(bad) > len(good) + 8 * NIGHTS
    assert next(homes(Profile.QUIET)).habits[0].bad_nights == pytest.approx(0.04)


def test_a_walker_is_up_in_the_living_room_at_night_and_goes_back_to_bed() -> None:
    nights_up, lengths = 0, []
    walkers = list(islice(homes(Profile.WALKER, bed=True), 6))
    for drawn in walkers:
        bed = [event for event in sound(drawn.number) if event.kind is Kind.BED]
        living = seen(sound(drawn.number), "living")
        for left, back in pairwise(bed):
            if not left.value and 0 <= left.at.astimezone(ZONE).hour < 5 and back.at - left.at < timedelta(hours=3):
                seen_there = between(living, left.at, back.at)
                if len(seen_there) > 3:
                    nights_up += 1
                    lengths.append((back.at - left.at).total_seconds() / 60)
    assert 0.2 <= nights_up / len(walkers) / NIGHTS <= 1.2
    assert 30 <= quantiles(lengths, n=10)[0] <= quantiles(lengths, n=10)[-1] <= 95


def test_an_early_riser_is_up_between_a_quarter_to_five_and_six_and_stays_up() -> None:
    rises = []
    for drawn in islice(homes(Profile.EARLY, bed=True), 6):
        assert drawn.home.night == Night()  # watched till seven all the same
        for day in range(1, NIGHTS):
            morning = between(sound(drawn.number), midnight_of(day).replace(hour=4), midnight_of(day).replace(hour=7))
            last = [event for event in morning if event.kind is Kind.BED][-1]
            assert last.value == 0.0
            rises.append(last.at.astimezone(ZONE).time())
    assert mean(time(4, 40) <= rise <= time(6, 5) for rise in rises) >= 0.9


def test_a_couples_bed_stays_occupied_when_one_of_them_gets_up() -> None:
    up_beside_a_sleeper = 0
    for drawn in islice(homes(Profile.COUPLE, bed=True), 3):
        assert len(drawn.habits) == 2
        occupied = False
        for event in sound(drawn.number):
            occupied = bool(event.value) if event.kind is Kind.BED else occupied
            at_night = 0 <= event.at.astimezone(ZONE).hour < 5
            up_beside_a_sleeper += occupied and at_night and event.sensor.endswith("/bath") and bool(event.value)
    assert up_beside_a_sleeper >= 3 * NIGHTS


def evenings_with_two(drawn: Drawn, nights: int) -> set[date]:
    """Return the evenings in which two rooms at once were taken for two people, at any time after six."""
    known, where, evenings = Company(), Whereabouts(), set[date]()
    for event in cohort.events(drawn, FIRST, nights):
        before, where = where, where.see(event, drawn.home)
        if where is not before:
            known = company.heard(known, before, where, event, drawn.home, blind=False)
        local = event.at.astimezone(ZONE)
        if known.there(event.at) and local.hour >= 18:
            evenings.add(local.date())
    return evenings


@pytest.mark.parametrize("bed", [True, False])
@pytest.mark.long
def test_of_a_couple_it_is_seen_in_most_evenings_that_they_are_two(bed: bool) -> None:
    """In the evenings of two weeks, after two in which the home taught how its rooms are reached."""
    taught = FIRST + timedelta(days=NIGHTS)
    couples = list(islice(homes(Profile.COUPLE, bed=bed), 4))
    seen = [evening for one in couples for evening in evenings_with_two(one, 2 * NIGHTS) if evening >= taught]
    assert len(seen) >= 0.5 * NIGHTS * len(couples)


@pytest.mark.parametrize("profile", [one for one in Profile if one not in {Profile.COUPLE, Profile.ROUNDS}])
@pytest.mark.long
def test_whoever_lives_alone_and_is_not_visited_is_never_taken_for_two(profile: Profile) -> None:
    for drawn in islice(homes(profile), 3):
        unvisited = tuple(msgspec.structs.replace(one, visitors=0.0) for one in drawn.habits)
        assert not evenings_with_two(msgspec.structs.replace(drawn, habits=unvisited), 2 * NIGHTS)


@pytest.mark.long
def test_nobody_else_is_up_while_somebody_who_lives_alone_is_in_bed() -> None:
    for drawn in islice(homes(Profile.NOCTURIA, bed=True), 3):
        occupied = False
        for event in sound(drawn.number):
            occupied = bool(event.value) if event.kind is Kind.BED else occupied
            if 0 <= event.at.astimezone(ZONE).hour < 6 and event.kind is Kind.MOTION and event.value:
                assert not occupied


def test_without_a_bed_sensor_the_bedroom_sees_a_sleeper_stir_now_and_then() -> None:
    for drawn in islice(homes(Profile.QUIET, bed=False), 4):
        stirred = [event for event in seen(sound(drawn.number), "bedroom") if 1 <= event.at.astimezone(ZONE).hour < 5]
        an_hour = len(stirred) / 4 / NIGHTS
        assert 0.3 <= an_hour <= 3.0


def test_staff_come_in_at_night_as_often_as_agreed_and_leave_the_bed_alone() -> None:
    for drawn in islice(homes(Profile.ROUNDS), 6):
        comings = len(drawn.habits[0].rounds)
        opened = [
            event
            for event in seen(sound(drawn.number), "door")
            if not 7 <= event.at.astimezone(ZONE).hour < 22 and event.at < midnight_of(NIGHTS)
        ]
        assert 1 <= comings <= 3
        assert len(opened) == pytest.approx(2 * comings * NIGHTS, rel=0.25)  # in, and out again


def test_a_late_sleepers_night_runs_from_half_past_two_till_noon() -> None:
    for drawn in islice(homes(Profile.LATE_SLEEPER, bed=True), 3):
        assert drawn.home.night == Night(start=time(2, 30), end=time(12))
        bed = [event for event in sound(drawn.number) if event.kind is Kind.BED]
        asleep, up_before, out_of_it = 0, 0, 0
        for day in range(1, NIGHTS):
            night = between(bed, midnight_of(day).replace(hour=2, minute=30), midnight_of(day).replace(hour=12))
            lies = [event for event in bed if event.at <= midnight_of(day).replace(hour=7)][-1]
            asleep += bool(lies.value)
            up_before += not any(
                event.value for event in between(bed, midnight_of(day), midnight_of(day).replace(hour=1))
            )
            out_of_it += any(not event.value for event in night)
        assert asleep >= 0.9 * (NIGHTS - 1)  # at seven, when others' nights are over
        assert up_before >= 0.9 * (NIGHTS - 1)
        assert out_of_it >= 0.5 * (NIGHTS - 1)


def test_with_day_work_the_home_is_empty_on_weekdays_and_lived_in_at_weekends() -> None:
    rises: dict[bool, list[float]] = {True: [], False: []}
    for drawn in islice(homes(Profile.MILD_ID), 5):
        told = sound(drawn.number)
        for day in range(1, NIGHTS):
            midnight = midnight_of(day)
            weekend = midnight.weekday() >= 5
            midday = between(told, midnight.replace(hour=10), midnight.replace(hour=15))
            assert any(midday) == weekend
            morning = between(told, midnight.replace(hour=6), midnight.replace(hour=13))
            rises[weekend].append((seen(morning, "bath")[0].at - midnight).total_seconds() / 3600)
    assert mean(rises[True]) - mean(rises[False]) > 0.75


def test_who_has_day_work_goes_to_bed_later_than_a_quiet_sleeper() -> None:
    def last_seen(profile: Profile) -> float:
        hours = []
        for drawn in islice(homes(profile, bed=True), 5):
            for day in range(1, NIGHTS):
                evening = between(
                    sound(drawn.number), midnight_of(day).replace(hour=20), midnight_of(day + 1).replace(hour=3)
                )
                hours += [
                    (event.at - midnight_of(day)).total_seconds() / 3600 for event in seen(evening, "living")[-1:]
                ]
        return median(hours)

    assert last_seen(Profile.MILD_ID) - last_seen(Profile.QUIET) > 0.5


def test_visitors_come_now_and_then_by_day_and_never_to_somebody_at_work() -> None:
    drawn = next(homes(Profile.MILD_ID))
    visits = list(islice(lives.visitors(drawn.habits[0], day_dice(drawn), FIRST, ZONE), 20))
    assert all(visit.at.astimezone(ZONE).weekday() >= 5 for visit in visits)
    drawn = next(homes(Profile.QUIET))
    visits = list(islice(lives.visitors(drawn.habits[0], day_dice(drawn), FIRST, ZONE), 50))
    assert all(13 <= visit.at.astimezone(ZONE).hour < 17 for visit in visits)


# Faults.


def faults_of(drawn: Drawn, days: int) -> list[cohort._Fault]:
    end = datetime.combine(FIRST + timedelta(days=days), time(), tzinfo=ZONE)
    return list(takewhile(lambda fault: fault.at < end, cohort._faults(drawn, FIRST - cohort._TO_SETTLE, ZONE)))


def test_an_outage_of_a_whole_home_comes_once_in_half_a_year() -> None:
    faults = [fault for number in range(150) for fault in faults_of(cohort.draw(number, seed=4), 98)]
    outages = [fault for fault in faults if fault.sensor is None]
    assert 120 <= 150 * 100 / len(outages) <= 220
    assert all(timedelta(hours=2) <= fault.until - fault.at <= timedelta(hours=48) for fault in outages)


def test_in_an_outage_nothing_is_heard_and_after_it_the_bed_says_how_it_stands() -> None:
    stood_otherwise = 0
    for drawn in islice(homes(Profile.NOCTURIA, bed=True), 60):
        for fault in faults_of(drawn, 20):
            if fault.sensor is None and fault.at > midnight_of(1):
                told = list(cohort.events(drawn, FIRST, 24))
                assert between(told, fault.at, fault.until) == []
                bed, true_bed = (
                    [event.value for event in events if event.kind is Kind.BED and event.at <= fault.until][-1]
                    for events in (told, cohort.events(drawn, FIRST, 24, faults=False))
                )
                assert bed == true_bed
                stood_otherwise += any(event.at == fault.until for event in told)
                break
    assert stood_otherwise > 0


def test_a_worn_mat_lets_go_of_a_sleeper_for_some_minutes_and_nobody_is_up() -> None:
    drawn = next(one for one in homes(Profile.QUIET, bed=True) if one.lets_go > 1)
    true = set(sound(drawn.number))
    told = list(cohort.events(drawn, FIRST, NIGHTS))
    bed = [event for event in told if event.kind is Kind.BED]
    let_go = [(one, after) for one, after in pairwise(bed) if not one.value and after.value and one not in true]
    assert len(let_go) >= 5
    assert all(timedelta(seconds=5) <= after.at - one.at <= timedelta(minutes=4) for one, after in let_go)
    for one, after in let_go:
        assert not [event for event in between(told, one.at, after.at) if event.kind is Kind.MOTION and event.value]


def test_one_sensor_falls_silent_for_hours_or_days_and_the_others_go_on() -> None:
    silent: Counter[Kind] = Counter()
    for number in range(60):
        drawn = cohort.draw(number, seed=SEED)
        kinds = {sensor.id: sensor.kind for sensor in drawn.home.sensors}
        alone = [one for one in faults_of(drawn, NIGHTS) if one.sensor and not one.lets_go and one.at > midnight_of(1)]
        for fault in alone:
            assert fault.sensor is not None
            told = between(cohort.events(drawn, FIRST, NIGHTS), fault.at, fault.until)
            assert any(event.sensor != fault.sensor for event in told)
            assert not [event for event in told if event.sensor == fault.sensor and event.value]
            silent[kinds[fault.sensor]] += 1
    assert 3 <= silent[Kind.MOTION] <= 14  # seven are expected in 60 fortnights
    assert 1 <= silent[Kind.BED] <= 7  # and three mats that stick


def test_a_message_now_and_then_comes_twice() -> None:
    twice, count = 0, 0
    for number in range(8):
        told = list(cohort.events(cohort.draw(number, seed=SEED), FIRST, NIGHTS))
        twice += sum(one == after for one, after in pairwise(told))
        count += len(told)
    assert 0.001 <= twice / count <= 0.006
