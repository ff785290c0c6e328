"""Nothing seen by day: told of who is at home, by what this home's silences are like at that hour."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from detectors import day_inactivity as inactive
from detectors.day_inactivity import Known, day_inactivity
from detectors.episodes import Episode
from detectors.findings import What
from detectors.homes import Home, Kind
from detectors.moments import SensorEvent
from detectors.whereabouts import Whereabouts
from tests.detectors.proofs import restored
from tests.detectors.test_nights import clock
from tests.stories import AMSTERDAM, a_home, events, instant

HOME = a_home()
MORNING = datetime(2026, 3, 2, 8, tzinfo=AMSTERDAM).astimezone(UTC)


def seen(at: datetime, room: str = "woonkamer") -> SensorEvent:
    sensor = next(one for one in HOME.sensors if one.room == room and one.kind is Kind.MOTION)
    return SensorEvent(at=at, home=HOME.id, sensor=sensor.id, room=sensor.room, kind=sensor.kind, value=1.0)


def after(
    every: list[SensorEvent], until: datetime, home: Home = HOME, known: Known | None = None
) -> tuple[Known, Episode | None]:
    where, known = Whereabouts(), known or Known()
    for event in every:
        while (due := where.due(home)) is not None and due <= event.at:
            where = where.at_due()
        before, where = where, where.see(event, home)
        known = inactive.heard(known, before, where, home)
    while (due := where.due(home)) is not None and due <= until:
        where = where.at_due()
    return known, day_inactivity(where, home, known)


def days(count: int, *, gaps: tuple[int, ...]) -> list[SensorEvent]:
    """Return days on which somebody is seen after these minutes, over and over, from eight to ten at night."""
    found, step = [], 0
    for day in range(count):
        minute = 0
        while minute < 14 * 60:
            found.append(seen(MORNING + timedelta(days=day, minutes=minute)))
            minute, step = minute + gaps[step % len(gaps)], step + 1
    return found


def minutes_until_told(episode: Episode | None) -> float:
    assert episode is not None
    return (episode.due - episode.since) / timedelta(minutes=1)


def test_who_sits_down_at_ten_and_is_not_seen_again_is_told_in_the_afternoon() -> None:
    _, episode = after([seen(MORNING + timedelta(hours=2))], MORNING + timedelta(hours=3))
    assert episode is not None
    assert (episode.what, clock(episode.since)) == (What.DAY_INACTIVE, "10:00")
    assert 120 < minutes_until_told(episode) <= 270


def test_a_home_that_is_often_silent_for_two_hours_is_given_longer_than_a_lively_one() -> None:
    end = MORNING + timedelta(days=20, hours=1)
    quiet, lively = (
        minutes_until_told(after([*days(20, gaps=gaps), seen(end)], end)[1])
        for gaps in ((30, 120, 45, 90, 10, 110, 65), (12, 25, 31, 8, 22))
    )
    assert lively + 50 < quiet


def test_a_home_left_every_morning_unseen_has_long_silences_at_that_hour_only() -> None:
    mornings = [
        seen(MORNING + timedelta(days=day, minutes=minutes))
        for day in range(30)
        for minutes in (0, 15, 30, 60, 300, *range(310, 14 * 60, 25))
    ]
    end = MORNING + timedelta(days=30, hours=1)
    morning = minutes_until_told(after([*mornings, seen(end)], end)[1])
    end = MORNING + timedelta(days=30, hours=7)
    afternoon = minutes_until_told(after([*mornings, seen(end)], end)[1])
    assert afternoon < morning
    assert morning > 240  # for which it is left


def test_who_went_out_by_the_front_door_is_not_missed() -> None:
    lines = ["14:00 gang", "14:00:30 door open", "14:00:50 door closed"]
    assert after(events(HOME, lines), instant("14:30"))[1] is None


def test_without_a_contact_on_the_front_door_the_hall_is_given_longer() -> None:
    home = Home(
        id=HOME.id,
        resident=HOME.resident,
        rooms=HOME.rooms,
        sensors=tuple(one for one in HOME.sensors if one.kind is not Kind.DOOR),
    )
    at = MORNING + timedelta(hours=2)
    hall, living = (minutes_until_told(after([seen(at, room)], at, home)[1]) for room in ("gang", "woonkamer"))
    assert hall > living


def test_a_silence_that_runs_into_the_night_is_left_to_the_night() -> None:
    assert after(events(HOME, ["22:00 woonkamer"]), instant("22:30"))[1] is None


def test_a_night_in_bed_is_no_silence_by_day() -> None:
    known, _ = after(events(HOME, ["22:50 bed in"]), instant("06:00"))
    known, episode = after(events(HOME, ["22:50 bed in", "07:30 bed out", "07:31 keuken"]), instant("07:40"))
    assert known.silences == Known().silences
    assert episode is not None
    assert clock(episode.since) == "07:31"


def test_signs_that_come_often_cost_nothing_and_teach_nothing() -> None:
    first, second = seen(MORNING), seen(MORNING + timedelta(minutes=4), "keuken")
    where = Whereabouts().see(first, HOME)
    known = inactive.heard(Known(), Whereabouts(), where, HOME)
    assert inactive.heard(known, where, where.see(second, HOME), HOME) is known


def test_a_silence_of_which_the_end_may_have_been_missed_only_makes_silence_more_usual() -> None:
    first, second = seen(MORNING), seen(MORNING + timedelta(minutes=150))
    where = Whereabouts().see(first, HOME)
    known = inactive.heard(Known(), Whereabouts(), where, HOME)
    missed = inactive.heard(known, where, where.see(second, HOME), HOME, blind=True)
    heard = inactive.heard(known, where, where.see(second, HOME), HOME)
    assert sum(missed.silences.ends) == 0
    assert missed.alert_after >= heard.alert_after


@given(st.lists(st.integers(1, 400), min_size=1, max_size=25), st.floats(2.0, 9.0))
def test_a_higher_threshold_never_tells_sooner_and_what_is_known_can_be_stored(gaps: list[int], low: float) -> None:
    at, every = MORNING, []
    for gap in gaps:
        at += timedelta(minutes=gap)
        every.append(seen(at))
    known, _ = after(every, at)
    sooner, later = (inactive.refreshed(known, at, HOME, threshold) for threshold in (low, low + 1.0))
    assert 0 < sooner.alert_after <= later.alert_after
    assert restored(later) == later
