"""Old news is not an alarm, and what is still true after an outage is."""

from datetime import datetime, timedelta

from detectors import vigil
from detectors.findings import Cleared, Finding, Presence, Sight, Status, Withheld
from detectors.homes import SensorId
from detectors.moments import SensorSight
from detectors.remembered import Vigil
from detectors.vigil import Told
from tests.stories import AGREED, a_home, event, found, instant


def heard_at(arrivals: list[tuple[str, datetime]], until: str) -> list[Told]:
    home = a_home()
    now, said = Vigil(), list[Told]()
    for line, at in arrivals:
        now, more = vigil.arrive(now, event(home, line), at, home, AGREED)
        said += more
    _, more = vigil.advance(now, instant(until), home, AGREED)
    return [one for one in (*said, *more) if not isinstance(one, Status)]


def test_what_is_still_true_when_the_news_comes_late_is_told_dated_by_when_it_began() -> None:
    said = heard_at([("22:40 bed in", instant("22:40")), ("02:00 bed out", instant("02:50"))], until="02:52")
    assert [(type(one), one.at) for one in said] == [(Finding, instant("02:20"))]


def test_what_was_over_before_the_news_of_it_came_is_withheld_and_counted() -> None:
    flush = instant("02:50")
    arrivals = [("22:40 bed in", instant("22:40")), ("02:00 bed out", flush), ("02:40 bed in", flush)]
    (said,) = heard_at(arrivals, until="03:30")
    assert isinstance(said, Withheld)
    assert (said.at, said.over_at) == (instant("02:20"), instant("02:40"))


def test_the_order_of_a_late_burst_does_not_matter() -> None:
    flush = instant("02:50")
    arrivals = [
        ("22:40 bed in", instant("22:40")),
        ("02:40 bed in", flush),
        ("02:00 bed out", flush + timedelta(seconds=2)),
    ]
    assert [type(one) for one in heard_at(arrivals, until="03:30")] == [Withheld]


def test_a_late_return_to_bed_ends_what_was_told() -> None:
    arrivals = [
        ("22:40 bed in", instant("22:40")),
        ("02:00 bed out", instant("02:00")),
        ("02:30 bed in", instant("02:45")),
    ]
    said = heard_at(arrivals, until="03:30")
    assert [(type(one), one.at) for one in said] == [(Finding, instant("02:20")), (Cleared, instant("02:30"))]


def test_a_stream_of_late_news_cannot_hold_the_vigil_up_for_more_than_two_minutes() -> None:
    flush = instant("02:50")
    late = [(f"01:{minute:02} keuken", flush + timedelta(seconds=10 * minute)) for minute in range(40)]
    said = heard_at([("22:40 bed in", instant("22:40")), ("02:00 bed out", instant("02:00")), *late], until="02:58")
    assert [(type(one), one.at) for one in said] == [(Finding, instant("02:20"))]


def test_a_retained_empty_bed_starts_no_alarm() -> None:
    assert found(a_home(), "02:00 bed out retained", until="06:00") == []
    assert found(a_home(), "22:40 bed in", "02:00 bed out retained", until="06:00") == []


def test_a_dated_repeat_that_the_bed_is_occupied_ends_a_stay_out_of_it() -> None:
    assert found(a_home(), "22:40 bed in", "02:00 bed out", "02:10 bed in replay", until="06:00") == []


def test_a_repeat_of_unknown_age_ends_nothing() -> None:
    lines = ["22:40 bed in", "02:00 bed out", "02:10 bed in undated"]
    assert found(a_home(), *lines, until="02:30") == ["02:20 oob-unseen"]


def test_a_home_of_which_nothing_was_ever_heard_is_blind_and_not_quiet() -> None:
    _, said = vigil.advance(Vigil(), instant("02:00"), a_home(), AGREED)
    assert said == []  # time alone says nothing of a home nobody heard; the desk draws no status as no sight


def test_a_home_whose_sensors_all_fell_silent_is_blind() -> None:
    home = a_home()
    now, _ = vigil.arrive(Vigil(), event(home, "22:40 bed in"), instant("22:40"), home, AGREED)
    last: list[Status] = []
    for sensor in home.sensors:
        sight = SensorSight(at=instant("23:00"), home=home.id, sensor=sensor.id, seen=False, reason="bridge")
        now, said = vigil.arrive(now, sight, sight.at, home, AGREED)
        last += [one for one in said if isinstance(one, Status)]
    assert last[0].sight is Sight.PARTLY
    assert last[0].presence is Presence.BED
    assert (last[-1].sight, last[-1].presence) == (Sight.BLIND, Presence.UNKNOWN)


def test_a_finding_names_the_sensors_that_could_not_be_heard() -> None:
    home = a_home()
    now, _ = vigil.arrive(Vigil(), event(home, "22:40 bed in"), instant("22:40"), home, AGREED)
    silent = SensorId("12/keuken")
    sight = SensorSight(at=instant("23:12"), home=home.id, sensor=silent, seen=False, reason="availability")
    now, _ = vigil.arrive(now, sight, sight.at, home, AGREED)
    now, _ = vigil.arrive(now, event(home, "02:00 bed out"), instant("02:00"), home, AGREED)
    _, said = vigil.advance(now, instant("02:21"), home, AGREED)
    assert [one.blind for one in said if isinstance(one, Finding)] == [(silent,)]
