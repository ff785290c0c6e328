"""A sensor dies and nothing announces it: missed when the home goes on being lived in without it, and not before."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import rhythms
from detectors.episodes import Episode
from detectors.findings import What
from detectors.habits import HALF_LIFE
from detectors.homes import Home, HomeId, Kind, RoomId, Sensor, SensorId
from detectors.moments import Origin, SensorEvent
from detectors.rhythms import Pulse, Rhythm, felt, heard
from detectors.sensor_silent import can_be_missed, sensor_silent
from tests.detectors.proofs import restored
from tests.stories import a_home

HOME = a_home()
START = datetime(2026, 3, 2, tzinfo=UTC)
AN_ORDINARY_DAY = {7: "badkamer", 8: "keuken", 9: "gang", 10: "woonkamer", 11: "gang", 13: "keuken"}
AN_ORDINARY_DAY |= {14: "woonkamer", 16: "badkamer", 18: "keuken", 19: "gang", 20: "woonkamer", 22: "badkamer"}
AN_ORDINARY_DAY |= {23: "slaapkamer"}


def sensor(name: str) -> Sensor:
    return next(one for one in HOME.sensors if one.id == f"12/{name}")


def message(name: str, at: datetime, *, value: float = 1.0) -> SensorEvent:
    one = sensor(name)
    return SensorEvent(at=at, home=HOME.id, sensor=one.id, room=one.room, kind=one.kind, value=value)


def days(first: int, last: int, *, without: Iterable[str] = ()) -> list[SensorEvent]:
    """Return what is heard on ordinary days, from `first` up to `last`."""
    dead = set(without)
    return [
        message(name, START + timedelta(days=day, hours=hour))
        for day in range(first, last)
        for hour, name in AN_ORDINARY_DAY.items()
        if name not in dead
    ]


class Listener:
    """Takes messages in, as a vigil would, and notes what is told of each sensor and when."""

    def __init__(self, home: Home = HOME) -> None:
        self.home = home
        self.pulse = Pulse()
        self.rhythms: dict[SensorId, Rhythm] = {}
        self.told: dict[SensorId, Episode] = {}

    def hear(self, events: Iterable[SensorEvent]) -> "Listener":
        for event in events:
            walks = self.pulse.walks
            self.pulse = felt(self.pulse, event)
            self.rhythms[event.sensor] = heard(self.rhythms.get(event.sensor), event, self.pulse)
            if self.pulse.walks == walks:
                continue
            for one in self.home.sensors:
                episode = sensor_silent(one, self.rhythms.get(one.id), self.pulse)
                if episode is not None:
                    self.told.setdefault(one.id, episode)
        return self


def test_a_dead_sensor_is_missed_within_thirty_hours_of_ordinary_life() -> None:
    told = Listener().hear(days(0, 14)).hear(days(14, 17, without=["keuken"])).told
    assert list(told) == ["12/keuken"]
    episode = told[SensorId("12/keuken")]
    assert episode.what is What.SENSOR_SILENT
    assert episode.sensor == "12/keuken"
    assert episode.room == "keuken"
    assert episode.since == START + timedelta(days=13, hours=18)
    assert timedelta(hours=12) <= episode.due - episode.since <= timedelta(hours=30)


def test_ordinary_life_is_never_told() -> None:
    assert Listener().hear(days(0, 40)).told == {}


def test_a_weekend_away_is_not_told_of_any_sensor() -> None:
    assert Listener().hear([*days(0, 14), *days(17, 25)]).told == {}


def test_one_sensor_that_chatters_in_an_empty_home_does_not_make_the_others_missed() -> None:
    alone = [message("gang", START + timedelta(days=14, minutes=5 * n)) for n in range(3 * 24 * 12)]
    assert Listener().hear([*days(0, 14), *alone]).told == {}


def test_in_the_first_week_nothing_is_missed() -> None:
    assert Listener().hear([*days(0, 6), *days(6, 9, without=["keuken"])]).told == {}


def test_a_cupboard_that_is_opened_twice_a_week_is_not_missed() -> None:
    door = sensor("door")
    seldom = [message("door", START + timedelta(days=day, hours=9)) for day in range(0, 42, 3)]
    listener = Listener().hear(sorted([*days(0, 42), *seldom], key=lambda one: one.at))
    assert not can_be_missed(door, listener.rhythms[door.id])
    assert listener.hear(days(42, 60)).told == {}


def test_a_call_button_is_never_missed() -> None:
    presses = [message("button", START + timedelta(days=day, hours=9)) for day in range(14)]
    listener = Listener().hear(sorted([*days(0, 14), *presses], key=lambda one: one.at))
    button = sensor("button")
    assert not can_be_missed(button, listener.rhythms[button.id])
    assert can_be_missed(msgspec.structs.replace(button, kind=Kind.USE), listener.rhythms[button.id])


def test_who_is_missed_stays_missed_until_it_speaks() -> None:
    listener = Listener().hear(days(0, 14)).hear(days(14, 17, without=["keuken"]))
    kitchen = sensor("keuken")
    again = message("keuken", START + timedelta(days=17))
    pulse = felt(listener.pulse, again)
    assert sensor_silent(kitchen, listener.rhythms[kitchen.id], pulse) is not None
    assert sensor_silent(kitchen, heard(listener.rhythms[kitchen.id], again, pulse), pulse) is None


def test_a_dead_week_does_not_teach_that_a_week_is_usual() -> None:
    repaired = [*days(0, 14), *days(14, 21, without=["keuken"]), *days(21, 28)]
    before, after = Listener().hear(days(0, 14)), Listener().hear(repaired)
    kitchen = SensorId("12/keuken")
    for earlier, later in zip(
        rhythms.enough_silence(before.rhythms[kitchen]), rhythms.enough_silence(after.rhythms[kitchen]), strict=True
    ):
        assert later <= earlier * 2.5
    after.told.clear()
    assert kitchen in after.hear(days(28, 33, without=["keuken"])).told


def test_of_a_silence_that_was_announced_nothing_is_learned() -> None:
    listener = Listener().hear(days(0, 5))
    listener.hear(days(5, 8, without=["keuken"]))
    kitchen, back = SensorId("12/keuken"), message("keuken", START + timedelta(days=8))
    known = listener.rhythms[kitchen]
    pulse = felt(listener.pulse, back)
    assert heard(known, back, pulse, learn=False).longest_hours <= known.longest_hours
    assert heard(known, back, pulse).longest_hours > known.longest_hours


def test_what_was_learned_fades() -> None:
    kitchen = Rhythm(START, 0, 1.0, START, START, 9, 20.0, 24.0, 60.0, 5)
    later = heard(kitchen, message("keuken", START + timedelta(days=HALF_LIFE)), Pulse())
    assert (later.longest_walks, later.longest_hours, later.longest_held) == pytest.approx((10.0, 12.0, 720.0))
    assert later.days == 10


def test_a_message_of_unknown_age_is_not_a_sign_of_life() -> None:
    known = Rhythm(START, 0, 1.0, START, START)
    old = msgspec.structs.replace(message("keuken", START + timedelta(hours=5)), origin=Origin.UNDATED)
    assert heard(known, old, Pulse()) is known
    assert felt(Pulse(), old) == Pulse()


def test_motion_that_clears_elsewhere_is_no_walk() -> None:
    came = felt(felt(Pulse(), message("gang", START)), message("keuken", START + timedelta(hours=1)))
    cleared = felt(came, message("gang", START + timedelta(hours=2), value=0.0))
    assert (came.walks, cleared.walks) == (1, 1)


messages = st.lists(
    st.tuples(st.sampled_from(sorted(set(AN_ORDINARY_DAY.values()))), st.integers(1, 600), st.sampled_from([0.0, 1.0])),
    max_size=60,
)


def told_in(drawn: list[tuple[str, int, float]], start: datetime) -> list[SensorEvent]:
    at, found = start, []
    for name, minutes, value in drawn:
        at += timedelta(minutes=minutes)
        found.append(message(name, at, value=value))
    return found


@given(messages)
def test_nothing_is_told_before_its_hours_and_its_walks_are_over(drawn: list[tuple[str, int, float]]) -> None:
    listener = Listener().hear(days(0, 10))
    for event in told_in(drawn, START + timedelta(days=10)):
        before = dict(listener.rhythms)
        already = set(listener.told)
        listener.hear([event])
        for name in set(listener.told) - already:
            episode, walks = listener.told[name], listener.pulse.walks - before[name].walks
            assert episode.due == event.at
            assert episode.due - episode.since >= timedelta(hours=rhythms.HOURS_MIN)
            assert walks >= rhythms.WALKS_MIN
            assert name != event.sensor


@given(messages)
def test_a_silence_grows_no_less_unusual_while_the_sensor_is_silent(drawn: list[tuple[str, int, float]]) -> None:
    listener = Listener().hear(days(0, 10))
    kitchen = sensor("keuken")
    missed = False
    for event in told_in([one for one in drawn if one[0] != "keuken"], START + timedelta(days=10)):
        listener.hear([event])
        now = sensor_silent(kitchen, listener.rhythms[kitchen.id], listener.pulse) is not None
        assert now or not missed
        missed = now


@given(messages)
def test_what_is_remembered_can_be_stored(drawn: list[tuple[str, int, float]]) -> None:
    listener = Listener().hear(days(0, 2)).hear(told_in(drawn, START + timedelta(days=2)))
    assert restored(listener.pulse) == listener.pulse
    assert all(restored(one) == one for one in listener.rhythms.values())


@given(messages)
def test_hearing_a_message_again_changes_nothing(drawn: list[tuple[str, int, float]]) -> None:
    events = told_in(drawn, START)
    once, twice = Listener().hear(events), Listener().hear([one for event in events for one in (event, event)])
    assert (once.pulse, once.rhythms) == (twice.pulse, twice.rhythms)


def test_a_home_whose_sensors_all_stand_in_one_room_has_no_walks() -> None:
    studio = RoomId("studio")
    events = [msgspec.structs.replace(one, room=studio, home=HomeId("wilg/1")) for one in days(0, 9)]
    assert Listener().hear(events).pulse.walks == 0
