"""Two rooms at once: a home teaches how its rooms are reached, and who is in two of them and not in between is two."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from detectors import company, vigil
from detectors.calibration import LeftOut
from detectors.company import Company, Way
from detectors.findings import Finding, Perhaps, What
from detectors.homes import Home, Kind, ResidentId, RoomId, RoomKind, Sensor, SensorId
from detectors.moments import Origin, SensorEvent, SensorSight
from detectors.nights import Summary
from detectors.others import SHIPPED
from detectors.remembered import Vigil, come_back, in_the_home_of
from detectors.whereabouts import Whereabouts
from tests.detectors.proofs import restored
from tests.stories import a_home, event, events, findings, instant, told

HOME = a_home()
HALL = RoomId("gang")
WAYS = {RoomId(room): Way(40, {HALL: 40}) for room in ("badkamer", "woonkamer", "keuken", "slaapkamer")}
TAUGHT = Company(WAYS)
"""A home in which every room opens on the hall."""

BACK_AND_FORTH = ["20:00 gang", "20:03 keuken", "20:05 woonkamer", "20:08 keuken", "20:11 woonkamer"]
"""Somebody came through the hall; from 20:05 on the living room and the kitchen see somebody in turns."""


def after(
    moments: Iterable[SensorEvent],
    known: Company = TAUGHT,
    where: Whereabouts | None = None,
    *,
    home: Home = HOME,
    blind: bool = False,
) -> Company:
    """Return what is known after events that come in their order."""
    where = where or Whereabouts()
    for moment in moments:
        before, where = where, where.see(moment, home)
        if where is not before:
            known = company.heard(known, before, where, moment, home, blind=blind)
    return known


def cleared(moments: Iterable[SensorEvent]) -> list[SensorEvent]:
    """Return the same, and that each motion sensor says clear a minute and a half after its last report."""
    seen = list(moments)
    quiet = timedelta(seconds=90)
    ends = [
        msgspec.structs.replace(one, at=one.at + quiet, value=0.0)
        for i, one in enumerate(seen)
        if one.kind is Kind.MOTION
        and not any(other.sensor == one.sensor and other.at - one.at < quiet for other in seen[i + 1 :])
    ]
    return sorted([*seen, *ends], key=lambda one: one.at)


def story(*lines: str, home: Home = HOME) -> Company:
    return after(cleared(events(home, lines)), home=home)


def alone(*lines: str) -> bool:
    """Whether nobody else is believed there at 20:30, after a story that somebody's next step settles."""
    return not story(*lines, f"20:30 {lines[-1].split()[1]}").there(instant("20:30"))


# What is company.


def test_two_who_are_seen_in_turns_in_rooms_with_nobody_in_the_hall_between_are_two() -> None:
    assert not alone(*BACK_AND_FORTH)


def test_twice_is_not_enough_for_that_is_what_a_sensor_makes_that_blinks_once() -> None:
    assert alone(*BACK_AND_FORTH[:-1])


def test_whoever_is_seen_in_the_hall_each_time_walked() -> None:
    walked = ["20:04:50 gang", "20:05 woonkamer", "20:07:50 gang", "20:08 keuken", "20:10:50 gang", "20:11 woonkamer"]
    assert alone(*BACK_AND_FORTH[:2], *walked)


def test_it_must_happen_within_half_an_hour() -> None:
    slow = ["20:20 gang", "20:23 keuken", "20:31 woonkamer"]
    for last, there in (("20:35", True), ("20:35:01", False)):
        assert story(*BACK_AND_FORTH[:3], *slow, f"{last} keuken", "20:36 keuken").there(instant("20:36")) is there


def test_it_is_believed_for_an_hour_after_the_last_time_and_every_further_time_makes_it_longer() -> None:
    known = story(*BACK_AND_FORTH, "20:12 woonkamer")
    assert known.until == instant("21:11")
    assert known.there(instant("21:11"))
    assert not known.there(instant("21:11:01"))
    further = story(*BACK_AND_FORTH, "20:45 gang", "20:48 keuken", "20:50 woonkamer", "20:52 woonkamer")
    assert further.until == instant("21:50")


def test_later_than_that_it_must_be_seen_three_times_again() -> None:
    again = ["22:10 gang", "22:13 keuken", "22:15 woonkamer", "22:18 keuken", "22:20 keuken"]
    known = story(*BACK_AND_FORTH, "20:12 woonkamer", *again)
    assert not known.there(instant("22:20"))


def test_it_is_known_only_when_the_hall_can_no_longer_be_late() -> None:
    assert story(*BACK_AND_FORTH, "20:11:09 woonkamer").until is None
    assert story(*BACK_AND_FORTH, "20:11:11 woonkamer").until == instant("21:11")


# What is not.


def test_a_hall_sensor_that_reported_a_moment_ago_looks_away() -> None:
    def lines(kitchen: str) -> list[str]:
        return ["20:00 gang", f"{kitchen} keuken", "20:05 woonkamer", "20:08 keuken", "20:11 woonkamer"]

    assert alone(*lines("20:02"))  # seen there when the sensor may have missed who went on
    assert not alone(*lines("20:02:01"))


def test_a_hall_sensor_that_is_on_all_the_while_cannot_see_whoever_passes() -> None:
    on = events(HOME, [*BACK_AND_FORTH, "20:12 woonkamer"])  # and never clear
    assert not after(on).there(instant("20:12"))


def test_a_hall_that_saw_nobody_for_half_an_hour_may_have_a_dead_sensor() -> None:
    def lines(hall: str) -> list[str]:
        return [f"{hall} gang", "20:04 keuken", *BACK_AND_FORTH[2:]]

    assert alone(*lines("19:40:59"))
    assert not alone(*lines("19:41"))


def test_who_was_not_seen_for_a_quarter_of_an_hour_may_have_gone_anywhere() -> None:
    def lines(first: str) -> list[str]:
        return ["20:00 gang", f"{first} keuken", "20:17:30 woonkamer", "20:19 keuken", "20:21 woonkamer"]

    assert alone(*lines("20:02:29"))
    assert not alone(*lines("20:02:31"))


def test_news_of_the_hall_that_was_overtaken_is_still_news_of_the_hall() -> None:
    for late, nobody_else in (("20:11:10", True), ("20:11:11", False)):
        assert alone(*BACK_AND_FORTH, f"{late} gang", "20:12 woonkamer") is nobody_else


@pytest.mark.parametrize("room", ["badkamer", "woonkamer"])
def test_only_the_hall_explains_it_and_nobody_seen_elsewhere_or_there_again(room: str) -> None:
    assert story(*BACK_AND_FORTH, f"20:11:05 {room}", f"20:12 {room}").until == instant("21:11")


def test_messages_that_were_held_up_and_come_together_count_once() -> None:
    held_up = ["20:05 woonkamer", "20:05:20 keuken", "20:05:40 woonkamer", "20:05:59 keuken", "20:07 keuken"]
    assert len(story(*BACK_AND_FORTH[:2], *held_up).times) == 1
    assert len(story(*BACK_AND_FORTH[:2], held_up[0], "20:06 keuken", "20:07 keuken").times) == 2


@pytest.mark.parametrize("blinks", ["woonkamer", "badkamer", "keuken", "gang"])
def test_a_lone_blink_in_a_sleeping_home_gives_nobody_company(blinks: str) -> None:
    for home in (HOME, a_home(bed=False)):
        bed = ["23:00:30 bed in"] if home.has_bed else []
        lines = ["22:59 gang", "23:00 slaapkamer", *bed, f"03:51 {blinks}", "03:52 slaapkamer", "04:30 slaapkamer"]
        known = story(*lines, home=home)
        assert known.until is None
        assert len(known.times) <= 1


def test_a_way_in_is_known_from_thirty_comings_and_taken_by_nine_in_ten() -> None:
    assert [Way(comings, {HALL: comings}).ins() for comings in (29, 30)] == [[], [HALL]]
    assert [Way(100, {HALL: taken}).ins() for taken in (89, 90)] == [[], [HALL]]


@pytest.mark.parametrize("room", ["woonkamer", "keuken"])
def test_a_room_that_is_often_reached_another_way_tells_nothing(room: str) -> None:
    moments = cleared(events(HOME, [*BACK_AND_FORTH, "20:12 woonkamer"]))
    for taken, there in ((85, False), (95, True)):
        known = Company({**WAYS, RoomId(room): Way(100, {HALL: taken, RoomId("badkamer"): 40})})
        assert after(moments, known).there(instant("20:12")) is there
        assert (after(moments, known).times == ()) is not there


def test_rooms_of_which_one_is_reached_through_the_other_are_not_apart() -> None:
    moments = cleared(events(HOME, [*BACK_AND_FORTH, "20:12 woonkamer"]))
    for inner, outer in (("keuken", "woonkamer"), ("woonkamer", "keuken")):
        through = {**WAYS, RoomId(inner): Way(100, {HALL: 95, RoomId(outer): 95})}
        assert after(moments, Company(through)).times == ()


def test_who_goes_round_by_the_garden_walked() -> None:
    garden = Sensor(id=SensorId("12/tuin"), kind=Kind.MOTION, room=RoomId("tuin"))
    rooms = {**HOME.rooms, RoomId("tuin"): RoomKind.OUTSIDE}
    home = msgspec.structs.replace(HOME, sensors=(*HOME.sensors, garden), rooms=rooms)
    lines = [part for line in BACK_AND_FORTH for part in (line, f"{line.split()[0]}:30 tuin")]
    assert story(*lines, "20:12 woonkamer", home=home).times == ()


def test_the_end_of_what_a_sensor_held_on_for_is_nobody_seen_anew() -> None:
    held = ["20:00 gang", "20:01:30 gang off", "20:03 keuken", "20:05 woonkamer", "20:06 keuken off", "20:08 woonkamer"]
    known = after(events(HOME, [*held, "20:10 woonkamer"]))
    assert known.times == (instant("20:05"),)


def test_a_hand_on_something_is_not_somebody_seen() -> None:
    """An appliance switches itself off, and an inner door is closed from either side."""
    tap = Sensor(id=SensorId("12/kraan"), kind=Kind.USE, room=RoomId("keuken"))
    home = msgspec.structs.replace(HOME, sensors=(*HOME.sensors, tap))
    lines = [line.replace("keuken", "kraan") if line > "20:01" else line for line in BACK_AND_FORTH]
    assert story(*lines, "20:12 woonkamer", home=home).until is None


def test_old_news_is_nobody() -> None:
    for origin in (Origin.RETAINED, Origin.REPLAY, Origin.UNDATED):
        old = [f"{line} on {origin}" if line > "20:01" else line for line in BACK_AND_FORTH]
        assert story(*old, "20:12 woonkamer").until is None


def test_while_a_sensor_is_not_heard_nothing_is_concluded_and_nothing_learned() -> None:
    moments = cleared(events(HOME, [*BACK_AND_FORTH, "20:12 woonkamer"]))
    assert after(moments, blind=True) == TAUGHT
    # What was seen before counts for nothing afterwards: the hall may have been passed meanwhile.
    known = after(moments[:-4])
    assert len(known.times) == 1
    blind = after(events(HOME, ["20:09 keuken"]), known, blind=True)
    assert (blind.room, blind.times, blind.doubt) == (None, (), None)
    assert after(events(HOME, ["20:10 woonkamer", "20:12 woonkamer"]), blind).times == ()


@pytest.mark.parametrize("line", ["20:15 door open", "20:15 door closed"])
def test_when_the_front_door_moves_whoever_was_there_may_have_gone(line: str) -> None:
    known = story(*BACK_AND_FORTH, "20:12 woonkamer")
    assert known.there(instant("20:14"))
    where = Whereabouts(heard={SensorId("12/door"): (instant("20:00"), float("closed" in line))})
    gone = after(events(HOME, [line]), known, where)
    assert not gone.there(instant("20:15"))
    assert gone.ways == known.ways
    assert gone.seen[RoomId("woonkamer")] == instant("20:12")


def test_however_long_two_are_seen_no_more_than_three_times_are_remembered() -> None:
    more = ["20:14 keuken", "20:17 woonkamer", "20:20 keuken", "20:22 keuken"]
    assert story(*BACK_AND_FORTH, *more).times == tuple(map(instant, ("20:14", "20:17", "20:20")))


# How a home teaches its ways.


def coming(days: int, *lines: str) -> Company:
    """Return what is known after the same story on so many days."""
    known = Company()
    for day in range(days):
        moments = (
            msgspec.structs.replace(one, at=one.at + timedelta(days=day)) for one in cleared(events(HOME, lines))
        )
        known = after(moments, known)
    return known


def test_a_home_teaches_that_its_kitchen_is_reached_through_the_hall() -> None:
    known = coming(30, "19:50 woonkamer", "19:59 gang", "19:59:05 keuken", "20:20 keuken")
    assert known.ways[RoomId("keuken")] == Way(30, {HALL: 30})
    assert known.ways[RoomId("keuken")].ins() == [HALL]
    assert known.ways[HALL] == Way(30)  # who comes to the hall was last seen nine minutes before


def test_passed_just_before_is_within_a_minute_and_a_half() -> None:
    for hall, passed in (("19:58:30", 1), ("19:58:29", 0)):
        known = coming(1, "19:50 woonkamer", f"{hall} gang", "20:00 keuken")
        assert known.ways[RoomId("keuken")].by.get(HALL, 0) == passed


def test_who_sits_still_and_is_seen_again_has_not_come() -> None:
    for last, comings in (("19:30:01", 0), ("19:30", 1)):
        known = coming(1, f"{last} keuken", "19:59 gang", "20:00 keuken")
        assert known.ways.get(RoomId("keuken"), Way()).comings == comings


def test_who_was_seen_nowhere_before_came_from_bed_or_outside_and_shows_no_way() -> None:
    for last, comings in (("19:50", 0), ("19:50:01", 1)):
        known = coming(1, f"{last} gang", "20:00 keuken")
        assert known.ways.get(RoomId("keuken"), Way()).comings == comings


def test_a_home_that_is_rebuilt_teaches_anew_and_what_is_no_way_is_forgotten() -> None:
    known = Way(200, {HALL: 190, RoomId("badkamer"): 99, RoomId("woonkamer"): 100})
    at = instant("20:00")
    seen = {RoomId("woonkamer"): at}
    now = after(events(HOME, ["20:00:30 keuken"]), Company({RoomId("keuken"): known}, RoomId("woonkamer"), at, seen))
    assert now.ways[RoomId("keuken")] == Way(101, {HALL: 95, RoomId("woonkamer"): 51})


# Where it tells.


def lives(parts: Iterable[tuple[str, str]], days: int = 32) -> Iterator[SensorEvent]:
    for day in range(days):
        for one in cleared(events(HOME, [f"{clock} {what}" for clock, what in parts])):
            yield msgspec.structs.replace(one, at=one.at - timedelta(days=days - day))


USUAL = (
    *(("13:00", "woonkamer"), ("13:05", "gang"), ("13:05:06", "keuken"), ("13:12", "keuken")),
    *(("15:00", "keuken"), ("15:05", "gang"), ("15:05:06", "woonkamer"), ("15:12", "woonkamer")),
    *(("19:00", "keuken"), ("19:05", "gang"), ("19:05:06", "badkamer"), ("19:09", "gang"), ("19:10", "keuken")),
    *(("22:58", "gang"), ("22:58:10", "badkamer"), ("23:04", "gang"), ("23:05", "bed in")),
    *(("02:00", "bed out"), ("02:01", "badkamer"), ("02:04", "bed in"), ("07:10", "bed out"), ("07:11", "keuken")),
)
AT_NIGHT = ["23:20 gang", "23:23 keuken", "23:25 woonkamer", "23:28 keuken", "23:31 woonkamer", "23:33 keuken"]
FALL = ["22:40 bed in", "23:19 bed out", *AT_NIGHT, "23:35 gang", "23:35:10 badkamer"]


@pytest.fixture(scope="module")
def known() -> Vigil:
    """Return the vigil over somebody who has lived alone here for a month."""
    now = Vigil(resident=HOME.resident)
    for one in lives(USUAL):
        now, _ = vigil.arrive(now, one, one.at, HOME)
    return now


def long_in_the_bathroom(known: Vigil, *lines: str) -> Finding:
    said = told(HOME, cleared(events(HOME, lines)), instant("01:00"), start=known, others=SHIPPED)
    return next(one for one in findings(said) if one.what is What.BATH)


def test_while_two_are_there_the_agreed_limit_speaks_and_the_finding_says_that_others_may_be_there(
    known: Vigil,
) -> None:
    assert {room for room, way in known.company.ways.items() if way.ins() == [HALL]} == {
        "keuken",
        "woonkamer",
        "badkamer",
    }
    two = long_in_the_bathroom(known, *FALL)
    assert Perhaps.OTHERS in two.perhaps
    assert two.at == two.since + timedelta(minutes=HOME.limits.bath)
    walked = [line for line in FALL if "woonkamer" not in line]
    one = long_in_the_bathroom(known, *walked)
    assert Perhaps.OTHERS not in one.perhaps
    assert one.at < two.at


def test_a_stay_while_two_are_there_teaches_nothing_and_the_night_is_not_pooled(known: Vigil) -> None:
    back = ["23:39 gang", "23:39:30 bed in"]
    for lines, why in ((FALL, LeftOut.COMPANY), ([line for line in FALL if "woonkamer" not in line], None)):
        now, said = known, []
        for moment in cleared(events(HOME, [*lines, *back, "06:59 bed out"])):
            now, more = vigil.arrive(now, moment, moment.at, HOME)
            said += more
        _, more = vigil.advance(now, instant("07:30"), HOME)
        night = [one for one in (*said, *more) if isinstance(one, Summary)][-1]
        assert night.left_out is why
        assert ("bath" in {one.lesson.partition("_")[0] for one in night.episodes}) is (why is None)


@pytest.mark.parametrize("settles_it", ["20:12 woonkamer", "23:40 keuken"])
def test_two_who_were_seen_before_the_night_leave_it_as_it_was(known: Vigil, settles_it: str) -> None:
    evening = [*BACK_AND_FORTH, settles_it]
    now = known
    for moment in cleared(events(HOME, evening)):
        now, _ = vigil.arrive(now, moment, moment.at, HOME)
    now, _ = vigil.advance(now, instant("23:50"), HOME)
    assert now.company.until == instant("21:11")
    assert now.diary.left_out is None


def test_in_the_bathroom_while_the_bed_says_occupied_may_be_another_one() -> None:
    said = told(HOME, events(HOME, ["23:00 bed in", "02:00 gang", "02:00:10 badkamer"]), instant("03:00"))
    assert [Perhaps.OTHERS in one.perhaps for one in findings(said)] == [True]
    said = told(HOME, events(HOME, ["23:00 bed in", "02:00 bed out", "02:00:10 badkamer"]), instant("03:00"))
    assert not any(Perhaps.OTHERS in one.perhaps for one in findings(said))
    pressed = ["23:00 bed in", "02:00 gang", "02:00:10 badkamer", "02:01 button"]  # by whoever it is
    said = told(HOME, events(HOME, pressed), instant("02:02"))
    assert [one.perhaps for one in findings(said)] == [()]


def test_while_the_hall_sensor_is_not_heard_nobody_is_two(known: Vigil) -> None:
    gone = SensorSight(at=instant("20:02"), home=HOME.id, sensor=SensorId("12/gang"), seen=False)
    for sight, there in ((None, True), (gone, False)):
        now = known
        steps: list[SensorEvent | SensorSight] = [*cleared(events(HOME, [*BACK_AND_FORTH, "20:12 woonkamer"]))]
        for moment in sorted([*steps, *([sight] if sight else [])], key=lambda one: one.at):
            now, _ = vigil.arrive(now, moment, moment.at, HOME)
        now, _ = vigil.advance(now, instant("20:14"), HOME)
        assert now.company.there(instant("20:14")) is there


# What is remembered.


def test_whoever_moves_in_next_finds_the_same_walls_and_no_company() -> None:
    before = Vigil(resident=HOME.resident, company=story(*BACK_AND_FORTH, "20:12 woonkamer"))
    new = in_the_home_of(msgspec.structs.replace(HOME, resident=ResidentId("somebody-new")), before)
    assert new.company == Company(before.company.ways)
    assert in_the_home_of(HOME, None, moved_from=before).company == Company()  # another home has other walls
    come_back(before)
    assert before.company.ways == new.company.ways


def test_what_was_stored_before_this_was_known_can_still_be_read(known: Vigil) -> None:
    stored = msgspec.json.decode(msgspec.json.encode(known))
    del stored["company"]
    old = msgspec.convert(stored, type=Vigil)
    assert old.company == Company()
    assert old.lessons == known.lessons


def test_what_is_remembered_comes_back_to_the_bit_and_goes_on_as_if_it_had_not_been_stored() -> None:
    moments = cleared(events(HOME, [*BACK_AND_FORTH, "20:12 woonkamer"]))
    for stop in range(len(moments)):
        where = Whereabouts()
        for moment in moments[:stop]:
            where = where.see(moment, HOME)
        first = after(moments[:stop])
        assert after(moments[stop:], restored(first), restored(where)) == after(moments)


# Laws.


ROOMS = [room for room in HOME.rooms if room != HALL]
stays = st.lists(st.tuples(st.sampled_from(ROOMS), st.integers(4, 1500)), min_size=1, max_size=60)
off = st.integers(-1000, 1000)  # milliseconds by which a message is dated wrong


def seen_by_sensors(walk: Iterable[tuple[RoomId, int]]) -> Iterator[SensorEvent]:
    """Yield what motion sensors that look away for a minute after each report see of one person.

    Who goes from room to room is in the hall for four seconds on the way, and moves every twenty in a room.
    """
    reported: dict[RoomId, datetime] = {}

    def at_place(room: RoomId, at: datetime) -> Iterator[SensorEvent]:
        if at - reported.get(room, at - timedelta(hours=1)) >= timedelta(seconds=60):
            reported[room] = at
            yield msgspec.structs.replace(event(HOME, f"12:00 {room}"), at=at)

    at = instant("12:00")
    for room, seconds in walk:
        yield from at_place(HALL, at)
        at += timedelta(seconds=4)
        for second in range(0, seconds, 20):
            yield from at_place(room, at + timedelta(seconds=second))
        at += timedelta(seconds=seconds)


@given(stays, st.lists(off, min_size=1, max_size=50), st.integers(0, 50))
def test_one_person_is_never_two_however_they_walk_and_a_second_off(
    walk: list[tuple[RoomId, int]], offs: list[int], again: int
) -> None:
    seen = cleared(seen_by_sensors(walk))
    dated = [
        msgspec.structs.replace(one, at=one.at + timedelta(milliseconds=offs[i % len(offs)]))
        for i, one in enumerate(seen)
    ]
    now = Vigil(resident=HOME.resident, company=TAUGHT)
    for one in [*dated[:again], *dated[max(0, again - 3) :]]:  # some come twice
        now, _ = vigil.arrive(now, one, max(one.at, now.settled_to or one.at), HOME)
    now, _ = vigil.advance(now, dated[-1].at + timedelta(minutes=5), HOME)
    assert now.company.times == ()
    assert now.company.until is None


@given(stays, stays, st.data())
def test_order_inside_the_window_and_the_ticks_of_the_clock_change_nothing(
    one: list[tuple[RoomId, int]], other: list[tuple[RoomId, int]], data: st.DataObject
) -> None:
    both = sorted([*seen_by_sensors(one[:12]), *seen_by_sensors(other[:12])], key=lambda seen: (seen.at, seen.sensor))
    lags = data.draw(st.lists(st.integers(0, 59), min_size=len(both), max_size=len(both)))

    def known_after(lags: list[int], ticks: int) -> Company:
        now = Vigil(resident=HOME.resident, company=TAUGHT)
        arrivals = sorted(
            ((seen.at + timedelta(seconds=lag), seen) for seen, lag in zip(both, lags, strict=True)),
            key=lambda arrival: arrival[0],
        )
        for at, seen in arrivals:
            for tick in range(ticks):
                now, _ = vigil.advance(now, at - timedelta(seconds=ticks - tick) / 1000, HOME)
            now, _ = vigil.arrive(now, seen, at, HOME)
        return vigil.advance(now, both[-1].at + timedelta(hours=1), HOME)[0].company

    in_order = known_after([0] * len(both), 0)
    assert known_after(lags, 0) == in_order
    assert known_after([0] * len(both), 2) == in_order
    assert restored(in_order) == in_order


@given(st.integers(2, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(1, 2400)), max_size=600))
def test_what_is_remembered_is_bounded_by_the_rooms_of_the_home(count: int, walk: list[tuple[int, int]]) -> None:
    assume(walk)
    names = [RoomId(f"kamer-{i}") for i in range(count)]
    home = msgspec.structs.replace(
        HOME,
        rooms=dict.fromkeys(names, RoomKind.OTHER),
        sensors=tuple(Sensor(id=SensorId(name), kind=Kind.MOTION, room=name) for name in names),
    )
    at, moments = instant("12:00"), []
    for place, seconds in walk:
        at += timedelta(seconds=seconds)
        room = names[place % count]
        moments.append(SensorEvent(at=at, home=home.id, sensor=SensorId(room), room=room, kind=Kind.MOTION, value=1.0))
    known = after(moments, Company(), home=home)
    assert len(known.ways) <= count
    assert len(known.seen) <= count
    for way in known.ways.values():
        assert way.comings <= company.COMINGS_MAX
        assert all(0 < times <= way.comings for times in way.by.values())
        assert len(way.by) < count
    assert len(known.times) <= company.TIMES
