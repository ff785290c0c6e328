"""A bed that never empties, motion that never clears; and what only looks like it."""

from datetime import timedelta

from detectors.findings import What
from detectors.homes import SensorId
from detectors.moments import SensorEvent
from detectors.sensor_stuck import sensor_stuck
from tests.detectors.test_sensor_silent import AN_ORDINARY_DAY, START, Listener, message, sensor


def cleared(first: int, last: int, *, held: str = "", clears: bool = True) -> list[SensorEvent]:
    """Return ordinary days on which motion clears after two minutes; nothing of the sensor that is held."""
    found = []
    for day in range(first, last):
        for hour, name in AN_ORDINARY_DAY.items():
            if name == held:
                continue
            at = START + timedelta(days=day, hours=hour)
            found.append(message(name, at))
            if clears:
                found.append(message(name, at + timedelta(minutes=2), value=0.0))
    return found


def nights(first: int, last: int) -> list[SensorEvent]:
    bed = [
        message("bed", START + timedelta(days=day, hours=hour), value=value)
        for day in range(first, last)
        for hour, value in ((6, 0.0), (23, 1.0))
    ]
    return sorted([*bed, *cleared(first, last)], key=lambda one: one.at)


def stuck_at(listener: Listener, name: str, events: list[SensorEvent]) -> tuple[timedelta, timedelta] | None:
    """Return how long after the sensor's last message it is found stuck, and for how long the 1 was held then."""
    one = sensor(name)
    for event in events:
        listener.hear([event])
        episode = sensor_stuck(one, listener.rhythms.get(one.id), listener.pulse)
        if episode is not None:
            assert (episode.what, episode.sensor, episode.room) == (What.SENSOR_STUCK, one.id, one.room)
            assert episode.since <= episode.due <= event.at
            return event.at - listener.rhythms[one.id].last_at, episode.due - episode.since
    return None


def test_motion_that_never_clears_is_found_when_somebody_should_have_come_by() -> None:
    held = [message("keuken", START + timedelta(days=10, hours=8)), *cleared(11, 14, held="keuken")]
    found = stuck_at(Listener().hear(cleared(0, 10)), "keuken", held)
    assert found is not None
    after, held_for = found
    assert held_for == after
    assert timedelta(hours=12) < after < timedelta(hours=36)


def test_one_clear_that_is_lost_is_not_a_stuck_sensor() -> None:
    lost = [one for one in cleared(10, 13) if (one.sensor, one.value, one.at.hour) != ("12/keuken", 0.0, 8)]
    assert len(lost) < len(cleared(10, 13))
    assert stuck_at(Listener().hear(cleared(0, 10)), "keuken", lost) is None


def test_a_sensor_that_never_says_clear_does_not_hold() -> None:
    held = [message("keuken", START + timedelta(days=10, hours=8)), *cleared(11, 16, held="keuken", clears=False)]
    assert stuck_at(Listener().hear(cleared(0, 10, clears=False)), "keuken", held) is None


def test_somebody_seen_every_minute_is_not_a_stuck_sensor() -> None:
    begins = START + timedelta(days=10)
    # The others are heard as on any day; the kitchen sees somebody all the time.
    always = [message("keuken", begins + timedelta(minutes=n, seconds=30)) for n in range(3 * 24 * 60)]
    events = sorted([*always, *cleared(10, 13, held="keuken")], key=lambda one: one.at)
    assert stuck_at(Listener().hear(cleared(0, 10)), "keuken", events) is None


def test_a_sensor_that_sees_people_sit_is_compared_with_itself() -> None:
    evenings = [
        message("woonkamer", START + timedelta(days=day, hours=hour), value=value)
        for day in range(12)
        for hour, value in ((19, 1.0), (23.5, 0.0))
    ]
    others = cleared(0, 12, held="woonkamer")
    listener = Listener()
    events = sorted([*evenings, *others], key=lambda one: one.at)
    assert stuck_at(listener, "woonkamer", events) is None
    assert listener.rhythms[SensorId("12/woonkamer")].longest_held > 240


def test_motion_held_in_an_empty_home_is_found_with_the_first_message_after_two_days() -> None:
    held = message("keuken", START + timedelta(days=10, hours=8))
    chatter = [message("gang", held.at + timedelta(hours=n)) for n in range(1, 72)]
    listener = Listener().hear(cleared(0, 10))
    assert stuck_at(listener, "keuken", [held, *chatter[:47]]) is None
    found = stuck_at(listener, "keuken", chatter[47:])
    assert found == (timedelta(hours=48), timedelta(hours=48))


def test_a_bed_occupied_for_twenty_hours_is_stuck() -> None:
    listener = Listener().hear(nights(0, 3))
    since = START + timedelta(days=2, hours=23)
    # Told with the first message after 19:00.
    assert stuck_at(listener, "bed", cleared(3, 5)) == (timedelta(hours=20), timedelta(hours=20))
    assert listener.rhythms[SensorId("12/bed")].since == since


def test_a_stuck_bed_that_repeats_itself_every_hour_is_found_all_the_same() -> None:
    listener = Listener().hear(nights(0, 3))
    again = [message("bed", START + timedelta(days=2, hours=23 + n)) for n in range(1, 25)]
    found = stuck_at(listener, "bed", again)
    assert found == (timedelta(0), timedelta(hours=20))


def test_a_long_night_in_bed_is_not_stuck() -> None:
    listener = Listener().hear(nights(0, 3))
    late = [message("bed", START + timedelta(days=3, hours=18), value=0.0)]
    assert stuck_at(listener, "bed", [*cleared(3, 4)[:8], *late]) is None


def test_a_door_left_open_for_days_is_not_stuck() -> None:
    doors = [
        message("door", START + timedelta(days=day, hours=9, minutes=minute), value=value)
        for day in range(30)
        for minute, value in ((0, 1.0), (1, 0.0))
    ]
    events = sorted([*doors, *cleared(0, 30)], key=lambda one: one.at)
    listener = Listener().hear([*events, message("door", START + timedelta(days=30))])
    assert stuck_at(listener, "door", cleared(31, 40)) is None


def test_nothing_is_found_stuck_while_nothing_is_heard() -> None:
    listener = Listener().hear(nights(0, 3))
    bed = sensor("bed")
    # However late it is asked: without a message from anywhere the bed is not what is wrong.
    assert sensor_stuck(bed, listener.rhythms[bed.id], listener.pulse) is None
