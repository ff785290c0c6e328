"""What is cut into a recording is cut in cleanly: the night before it, the twin and the dice stay what they were."""

import random
from datetime import timedelta
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.detection import incidents
from benchmarks.detection.edits import Draw, Incident, Unseen
from benchmarks.detection.faults import Faults, storm
from benchmarks.detection.nights import Recorded, at_own_hours
from benchmarks.detection.stays import Stays
from detectors.homes import Home, Kind, RoomKind
from detectors.moments import SensorEvent
from gateway import rehearsal
from tests.conftest import examples
from tests.stories import a_home, events, instant

NIGHTS = 45
SEEDS = st.integers(0, 10_000)
CARRIED = [one for one in Incident if one is not Incident.LATE_RISE]
FEW = settings(max_examples=examples(10))


@cache
def a_life(number: str = "3", *, bed: bool = True) -> Stays:
    """Return weeks of somebody who does not exist, who goes to the bathroom twice a night."""
    site = rehearsal.site()
    home = next(one for one in site.homes if one.id == f"wilg/{number}")
    alone = msgspec.structs.replace(site, homes=(home,))
    moments = rehearsal.night(alone, seed=5, start=rehearsal.START, hours=24 * NIGHTS)
    heard = tuple(one for one in moments if isinstance(one, SensorEvent) and one.kind is not Kind.BUTTON)
    if not bed:
        sensors = tuple(sensor for sensor in home.sensors if sensor.kind is not Kind.BED)
        home = msgspec.structs.replace(home, sensors=sensors)
        heard = tuple(one for one in heard if one.kind is not Kind.BED)
    return Stays(Recorded("life", home, heard))


def drawn(incident: Incident, seed: int, count: int = 1, stays: Stays | None = None) -> list[Draw]:
    found = incidents.draws(stays or a_life(), incident, seed=seed, count=count)
    return [one for one in found if isinstance(one, Draw)]


def a_night(*lines: str, home: Home | None = None) -> Stays:
    home = home or a_home()
    return Stays(Recorded("story", home, tuple(events(home, lines))))


@pytest.mark.parametrize("incident", Incident)
@FEW
@given(seed=SEEDS)
def test_nothing_before_the_cut_changes_and_nothing_is_out_of_order(incident: Incident, seed: int) -> None:
    for one in drawn(incident, seed):
        dates = [event.at for event in one.tail]
        assert dates == sorted(dates)
        assert all(one.cut <= at < one.until for at in dates)
        assert one.t0 < one.until
        assert one.cut < one.until


@FEW
@given(SEEDS, st.sampled_from(list(Incident)))
def test_the_twin_is_untouched_and_the_same_seed_gives_the_same_draw(seed: int, incident: Incident) -> None:
    twin = a_life().recorded.events
    before = hash(tuple((one.at, one.sensor, one.value) for one in twin))
    once = list(incidents.draws(a_life(), incident, seed=seed, count=3))
    again = list(incidents.draws(a_life(), incident, seed=seed, count=5))
    assert once == again[:3]
    assert hash(tuple((one.at, one.sensor, one.value) for one in a_life().recorded.events)) == before


@pytest.mark.parametrize("incident", CARRIED)
def test_a_home_with_every_sensor_carries_every_incident(incident: Incident) -> None:
    assert len(drawn(incident, seed=1, count=10)) >= 5


def test_somebody_who_fell_still_is_seen_at_most_three_times_and_in_the_bathroom() -> None:
    residuals = []
    for one in drawn(Incident.FELL_BATHROOM_STILL, seed=1, count=80):
        seen = [event for event in one.tail if event.value and event.kind is not Kind.DOOR]
        residuals.append(len(seen))
        assert all(event.room == "badkamer" and event.at - one.t0 <= timedelta(minutes=5) for event in seen)
    assert max(residuals) <= 3
    assert residuals.count(0) > len(residuals) / 2
    assert set(residuals) > {0}


def test_who_lies_on_the_bathroom_floor_and_moves_moves_less_than_in_life_and_ever_less() -> None:
    stays, early, late = a_life(), 0, 0
    for one in drawn(Incident.FELL_BATHROOM_MOVING, seed=1, count=60):
        moves = [event.at - one.t0 for event in one.tail if event.value and event.kind is Kind.MOTION]
        early += sum(after < timedelta(minutes=20) for after in moves)
        late += sum(timedelta(minutes=20) <= after < timedelta(minutes=40) for after in moves)
    assert 0 < late < early < 60 * 20 * stays.moves_per_minute


def test_who_leaves_rises_first_and_the_door_is_when_it_begins() -> None:
    for one in drawn(Incident.LEFT_HOME, seed=1, count=30):
        bed, door = one.tail[0], next(event for event in one.tail if event.kind is Kind.DOOR)
        assert (bed.kind, bed.value) == (Kind.BED, 0.0)
        assert not any(event.kind is Kind.BED and event.value for event in one.tail)
        assert (door.at, door.value) == (one.t0, 1.0)
        assert timedelta(seconds=20) < one.t0 - one.cut < timedelta(seconds=110)


def test_half_of_those_who_leave_come_back() -> None:
    back = [one.setting == "comes back" for one in drawn(Incident.LEFT_HOME, seed=1, count=200)]
    assert 70 < sum(back) < 130


def test_who_does_not_go_back_to_bed_is_not_felt_by_it() -> None:
    for one in drawn(Incident.NOT_BACK, seed=1, count=30):
        assert not any(event.kind is Kind.BED for event in one.tail)
        assert one.t0 < one.cut
        assert timedelta(minutes=45) <= one.until - one.t0 <= timedelta(minutes=180)


def test_a_restless_night_has_more_outings_and_each_of_them_ends_in_bed() -> None:
    for one in drawn(Incident.RESTLESS_5, seed=1, count=20):
        bed = [event.value for event in one.tail if event.kind is Kind.BED]
        twin = a_life().recorded.between(one.cut, one.until)
        assert len(bed) > sum(event.kind is Kind.BED for event in twin)
        assert bed == [float(number % 2) for number in range(len(bed))]


def test_a_dead_sensor_says_nothing_and_the_others_what_they_said() -> None:
    for one in drawn(Incident.SENSOR_DEATH, seed=1, count=10):
        twin = a_life().recorded.between(one.cut, one.until)
        lost = {event.sensor for event in twin} - {event.sensor for event in one.tail}
        assert len(lost) <= 1
        assert one.tail == tuple(event for event in twin if event.sensor not in lost)


@FEW
@given(SEEDS)
def test_another_rhythm_keeps_every_event_and_its_order(seed: int) -> None:
    for one in drawn(Incident.RHYTHM_2H, seed):
        twin = a_life().recorded.between(one.cut, one.until)
        assert [event.sensor for event in one.tail] == [event.sensor for event in twin][: len(one.tail)]
        assert all(
            timedelta(0) <= moved.at - was.at <= timedelta(hours=2) for moved, was in zip(one.tail, twin, strict=False)
        )


def test_a_fall_where_only_the_bedroom_was_seen_cannot_be_cut_into_a_home_without_a_bed_sensor() -> None:
    stays = a_night(
        "22:00 woonkamer", "23:05 slaapkamer", "02:00 slaapkamer", "02:01 slaapkamer", "07:30 keuken",
        home=a_home(bed=False),
    )  # fmt: skip
    (one,) = incidents.draws(stays, Incident.FELL_ELSEWHERE_STILL, seed=1, count=1)
    assert isinstance(one, Unseen)


def test_a_stuck_bed_sensor_is_said_to_hide_a_fall() -> None:
    stays = a_night("22:00 keuken", "23:05 bed in", "02:00 badkamer", "02:05 keuken", "02:30 badkamer", "07:30 keuken")
    found = list(incidents.draws(stays, Incident.FELL_BATHROOM_STILL, seed=1, count=2))
    assert found == [Unseen("the bed sensor says occupied while somebody is up")] * 2


def test_a_home_without_a_sensor_says_which() -> None:
    stays = a_life()
    home = stays.recorded.home

    def without(*kinds: RoomKind, door: bool = True) -> Stays:
        sensors = tuple(
            one for one in home.sensors if home.kind_of(one.room) not in kinds and (door or one.kind is not Kind.DOOR)
        )
        kept = {one.id for one in sensors}
        heard = tuple(event for event in stays.recorded.events if event.sensor in kept)
        return Stays(Recorded("blind", msgspec.structs.replace(home, sensors=sensors), heard))

    for incident, blind, why in (
        (Incident.FELL_BATHROOM_STILL, without(RoomKind.BATHROOM), "the plan has no sensors for it (bath)"),
        (Incident.LEFT_HOME, without(door=False), "the plan has no sensors for it (door-left)"),
    ):
        assert list(incidents.draws(blind, incident, seed=1, count=1)) == [Unseen(why)]


def test_a_short_recording_cannot_carry_a_slow_change() -> None:
    stays = a_night("22:00 keuken", "23:05 bed in", "02:00 bed out", "02:01 badkamer", "02:05 bed in", "07:30 bed out")
    (one,) = incidents.draws(stays, Incident.NOCTURIA_1_5, seed=1, count=1)
    assert one == Unseen("1 nights, where 42 are needed")


def test_an_outing_is_from_leaving_bed_until_back_in_it() -> None:
    stays = a_night(
        "21:00 keuken", "23:05 bed in", "02:00 bed out", "02:00:20 gang", "02:01 badkamer", "02:05 bed in",
        "06:30 bed out", "06:31 keuken", "08:00 keuken",
    )  # fmt: skip
    assert [(span.start, span.end) for span in stays.outings] == [
        (instant("02:00"), instant("02:05")),
        (instant("06:30"), instant("07:00")),
    ]
    assert [span.start for span in stays.trips] == [instant("02:00")]
    assert [(span.start, span.end) for span in stays.washings] == [(instant("02:01"), instant("02:05"))]


def test_turning_over_is_not_an_outing() -> None:
    stays = a_night(
        "23:05 bed in", "02:00 bed out", "02:00:30 bed in", "03:00 slaapkamer", "07:30 bed out", "08:00 keuken"
    )
    assert [(span.start, span.end) for span in stays.in_bed] == [(instant("23:05"), instant("07:30"))]


def test_who_sleeps_from_three_to_eleven_is_watched_from_three_to_eleven() -> None:
    late = a_life("11").recorded
    early = msgspec.structs.replace(late.home, night=a_home().night)
    own = at_own_hours(early, late.events).night
    assert 2 <= own.start.hour <= 4
    assert own.end.hour - own.start.hour == 8
    assert at_own_hours(a_life().recorded.home, a_life().recorded.events) == a_life().recorded.home


def test_a_weekend_away_is_abstained_from() -> None:
    recorded = a_life().recorded
    away, back = recorded.nights[10].start - timedelta(hours=8), recorded.nights[12].start - timedelta(hours=5)
    heard = tuple(event for event in recorded.events if not away <= event.at < back)
    gone = Recorded("away", recorded.home, heard)
    assert [night.age for night in gone.nights if night.outage] == [10, 11]
    assert len(gone.watched) == len(recorded.watched) - 2


@given(SEEDS)
def test_what_arrives_is_what_was_sent_but_for_the_faults(seed: int) -> None:
    sent = a_life().recorded.events[:2000]
    arrived = Faults().arrivals(sent, random.Random(seed))
    assert {event for _, event in arrived} <= set(sent)
    assert all(timedelta(0) <= at - event.at <= timedelta(seconds=60) for at, event in arrived)
    assert [at for at, _ in arrived] == sorted(at for at, _ in arrived)
    assert len(sent) * 0.9 < len(arrived) < len(sent)


def test_a_storm_repeats_and_loses_nothing() -> None:
    sent = a_life().recorded.events[:500]
    arrived = storm(sent, random.Random(1), share=0.1)
    assert {event for _, event in arrived} == set(sent)
    assert len(arrived) > 2 * len(sent)
