"""What is the matter with a building, told once and dated by when it began; and never that nobody listened."""

import itertools
import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.findings import Cleared, Finding, What
from detectors.homes import HomeId, SensorId, building_of
from detectors.moments import SensorSight
from gateway import health
from gateway.health import Apart, Broker, Disk, Health, Observation, Said
from gateway.sources import Reading, Sign
from tests.stories import a_home, a_site, instant

HOME = a_home("12")
SITE = a_site(HOME, a_home("13"))
SENSORS = [sensor.id for home in SITE.homes for sensor in home.sensors]
NOON = instant("12:00")
MINUTE = timedelta(minutes=1)


class Building:
    """A building's health, minute after minute."""

    def __init__(self) -> None:
        self.health = Health()
        self.now = NOON
        self.said: list[Said] = []
        self.ill = False

    def see(self, seen: Observation, after: timedelta = timedelta(0)) -> None:
        self.now += after
        self.health = health.observed(self.health, seen, self.now)
        self.tell()

    def tell(self) -> None:
        self.health, said = health.told(self.health, self.now, SITE, lambda _home, _sensor: self.ill)
        self.said += said

    def wait(self, span: timedelta, step: timedelta = MINUTE) -> None:
        until = self.now + span
        while self.now < until:
            self.now += step
            self.tell()

    def live(self, days: float, speaks: Callable[[SensorId, float], bool]) -> None:
        """Let sensors speak for so many days: `speaks` is asked for each and every minute of the building's life."""
        for _ in range(round(days * 24 * 60)):
            self.now += MINUTE
            minute = (self.now - NOON) / MINUTE
            signs = tuple(a_sign(sensor, self.now) for sensor in SENSORS if speaks(sensor, minute))
            if signs:
                self.health = health.observed(self.health, Reading(signs=signs), self.now)
            self.tell()

    def restarted(self) -> "Building":
        """Return the building after a death of its process: what the last snapshot knew, and what the journal holds."""
        again = Building()
        again.now = self.now
        for one in self.said:
            again.health = health.recalled(again.health, one)
        return again

    @property
    def findings(self) -> list[Finding]:
        return [one for one in self.said if isinstance(one, Finding)]

    @property
    def cleared(self) -> list[Cleared]:
        return [one for one in self.said if isinstance(one, Cleared)]

    @property
    def unseen(self) -> dict[SensorId, str]:
        """Sensors that the journal says are not seen, and why."""
        last = {one.sensor: one for one in self.said if isinstance(one, SensorSight)}
        return {sensor: one.reason for sensor, one in last.items() if not one.seen}


def a_sign(sensor: SensorId, at: datetime, *, battery: float | None = None, link: float | None = None) -> Sign:
    return Sign(HomeId(f"wilg/{sensor.partition('/')[0]}"), sensor, at, battery=battery, link=link)


def hourly(sensor: SensorId, minute: float) -> bool:
    """Each sensor checks in every 55 minutes, at a minute of its own."""
    return (minute + 7 * SENSORS.index(sensor)) % 55 == 0


@pytest.fixture(scope="module")
def a_week() -> Building:
    building = Building()
    building.live(7, hourly)
    return building


@pytest.fixture
def building(a_week: Building) -> Building:
    """A building in which all sensors have checked in every hour, for a week."""
    lived = Building()
    lived.now, lived.health = a_week.now, a_week.health
    assert a_week.said == []
    return lived


# The broker and the bridge.


def test_a_broker_that_restarts_is_not_told() -> None:
    building = Building()
    building.see(Broker(up=True))
    building.see(Broker(up=False), after=MINUTE)
    building.wait(timedelta(seconds=25), timedelta(seconds=1))
    building.see(Broker(up=True))
    building.wait(timedelta(minutes=5))
    assert building.said == []


def test_a_broker_that_is_gone_is_one_fault_that_blinds_every_sensor_and_is_over_when_it_is_back() -> None:
    building = Building()
    building.see(Broker(up=False))
    lost = building.now
    building.wait(timedelta(minutes=5), timedelta(seconds=1))
    (found,) = building.findings
    assert (found.what, found.home, found.since) == (What.BROKER_LOST, "wilg/*", lost)
    assert found.at == lost + timedelta(seconds=30)
    assert building.unseen == dict.fromkeys(SENSORS, "broker")
    building.see(Broker(up=True))
    assert building.cleared == []  # it may go again at once
    building.wait(timedelta(seconds=20), timedelta(seconds=1))
    assert [(one.what, one.since) for one in building.cleared] == [(What.BROKER_LOST, lost)]
    assert building.unseen == {}


def test_a_broker_that_comes_and_goes_is_one_fault() -> None:
    building = Building()
    for _ in range(20):
        building.see(Broker(up=False), after=timedelta(seconds=4))
        building.wait(timedelta(seconds=15), timedelta(seconds=1))
        building.see(Broker(up=True))
    assert [one.what for one in building.findings] == [What.BROKER_LOST]
    assert building.cleared == []


def test_a_bridge_that_is_away_is_told_after_a_minute_and_its_sensors_are_unseen_at_once() -> None:
    building = Building()
    building.see(Reading(bridge=False))
    assert building.unseen == dict.fromkeys(SENSORS, "bridge")
    assert building.findings == []
    building.wait(timedelta(minutes=3), timedelta(seconds=10))
    (found,) = building.findings
    assert (found.what, found.since, found.at) == (What.BRIDGE_LOST, NOON, NOON + MINUTE)
    assert found.blind == tuple(sorted(SENSORS))
    building.see(Reading(bridge=True))
    building.wait(timedelta(seconds=20), timedelta(seconds=1))
    assert [one.what for one in building.cleared] == [What.BRIDGE_LOST]
    assert building.unseen == {}


def test_a_bridge_is_not_told_of_while_the_broker_is_gone() -> None:
    building = Building()
    building.see(Broker(up=False))
    building.see(Reading(bridge=False))
    building.wait(timedelta(minutes=30))
    assert [one.what for one in building.findings] == [What.BROKER_LOST]


def test_sensors_behind_a_bridge_that_is_away_are_no_faults_of_their_own(building: Building) -> None:
    building.see(Reading(bridge=False))
    building.wait(timedelta(hours=12))
    assert [one.what for one in building.findings] == [What.BRIDGE_LOST]
    building.see(Reading(bridge=True))
    building.wait(timedelta(minutes=100))  # and none has had its time yet
    assert [one.what for one in building.findings] == [What.BRIDGE_LOST] * (1 + bool(building.health.hushed))
    assert all(one.sensor is None for one in building.findings)


def test_a_coordinator_that_hangs_is_seen_though_the_bridge_says_that_all_is_well(building: Building) -> None:
    silent_since = building.health.all
    assert silent_since is not None
    building.wait(timedelta(hours=5))
    (found,) = building.findings
    assert found.what is What.BRIDGE_LOST
    assert found.since == silent_since.heard_at
    assert found.at - found.since <= timedelta(minutes=30)
    building.live(0.1, hourly)
    assert [one.what for one in building.cleared] == [What.BRIDGE_LOST]
    assert building.unseen == {}


# A sensor's check-in.


def test_a_sensor_that_checks_in_every_hour_and_dies_is_seen_within_two_hours_and_a_quarter(building: Building) -> None:
    dead = SENSORS[3]
    last = building.health.customs[dead].heard_at
    building.live(0.3, lambda sensor, minute: sensor != dead and hourly(sensor, minute))
    (sight,) = [one for one in building.said if isinstance(one, SensorSight)]
    assert (sight.sensor, sight.seen, sight.reason) == (dead, False, "check-in")
    assert sight.at - last <= timedelta(hours=2, minutes=15)
    (found,) = building.findings
    assert (found.what, found.sensor, found.home, found.since) == (What.SENSOR_SILENT, dead, "wilg/12", last)
    building.live(0.1, hourly)
    assert building.unseen == {}
    assert [(one.what, one.sensor) for one in building.cleared] == [(What.SENSOR_SILENT, dead)]


def test_a_single_lost_check_in_is_not_told(building: Building) -> None:
    late, lost = SENSORS[3], list[float]()

    def speaks(sensor: SensorId, minute: float) -> bool:
        if sensor == late and hourly(sensor, minute) and not lost:
            lost.append(minute)
            return False
        return hourly(sensor, minute)

    building.live(0.5, speaks)
    assert lost
    assert building.said == []


def test_a_sensor_is_not_known_before_three_days() -> None:
    building = Building()
    building.live(2.5, hourly)
    dead = SENSORS[3]
    building.live(0.4, lambda sensor, minute: sensor != dead and hourly(sensor, minute))
    assert building.said == []


def test_a_button_that_is_seldom_pressed_and_a_door_of_who_goes_out_at_noon_are_never_missed() -> None:
    chance = random.Random(5)
    building = Building()

    def speaks(sensor: SensorId, minute: float) -> bool:
        if "button" in sensor:
            return chance.random() < 1 / 4000
        if "door" in sensor:
            return 0 <= minute % 1440 - 20 < 5
        day = 8 * 60 < minute % 1440 < 23 * 60  # of people, by chance
        return chance.random() < (1 / 20 if day else 1 / 300)

    building.live(20, speaks)
    building.live(2, lambda sensor, minute: False)
    assert [one for one in building.findings if one.sensor is not None] == []


def test_an_hour_in_which_the_gateway_was_down_makes_no_sensor_suspect(building: Building) -> None:
    building.now += timedelta(hours=9)  # no tick, no message: nobody was there
    building.live(0.2, hourly)
    assert building.said == []


def test_a_sensor_that_the_bridge_cannot_reach_is_told_once_it_stays_away() -> None:
    building = Building()
    gone = SensorSight(at=NOON, home=HOME.id, sensor=SENSORS[0], seen=False, reason="availability")
    building.see(Reading(sights=(gone,)))
    assert building.unseen == {SENSORS[0]: "availability"}
    building.wait(timedelta(minutes=9))
    assert building.findings == []
    building.wait(timedelta(minutes=9))
    assert [(one.what, one.sensor) for one in building.findings] == [(What.SENSOR_SILENT, SENSORS[0])]
    building.see(Reading(sights=(msgspec.structs.replace(gone, seen=True, reason=""),)))
    building.wait(timedelta(minutes=2))
    assert building.unseen == {}
    assert [one.sensor for one in building.cleared] == [SENSORS[0]]


def test_what_the_home_has_told_of_a_sensor_is_not_told_again() -> None:
    building = Building()
    building.ill = True
    gone = SensorSight(at=NOON, home=HOME.id, sensor=SENSORS[0], seen=False, reason="availability")
    building.see(Reading(sights=(gone,)))
    building.wait(timedelta(hours=1))
    assert building.findings == []


def test_a_bridge_that_is_back_does_not_bring_back_a_sensor_that_was_away_before() -> None:
    building = Building()
    gone = SensorSight(at=NOON, home=HOME.id, sensor=SENSORS[0], seen=False, reason="availability")
    building.see(Reading(sights=(gone,)))
    building.see(Reading(bridge=False), after=MINUTE)
    assert building.unseen[SENSORS[0]] == "bridge+availability"
    building.see(Reading(bridge=True), after=MINUTE)
    building.wait(MINUTE)
    assert building.unseen == {SENSORS[0]: "availability"}


@pytest.mark.parametrize("lost", [0.003, 0.01, 0.03])
def test_of_sensors_that_only_check_in_and_lose_messages_at_most_five_in_a_thousand_days_are_false(lost: float) -> None:
    """In two months of 16 sensors that check in every 50 to 61 minutes, a little differently each time."""
    chance = random.Random(11)
    building = Building()
    due = {sensor: chance.uniform(0, 60) for sensor in SENSORS}

    def speaks(sensor: SensorId, minute: float) -> bool:
        if minute < due[sensor]:
            return False
        due[sensor] += chance.uniform(50, 61)
        return chance.random() >= lost

    days = 60
    building.live(days, speaks)
    assert len(building.findings) <= 0.005 * days * len(SENSORS)


# Batteries and links.


def speaking(building: Building, days: Iterable[tuple[float | None, float | None]]) -> None:
    """Let one sensor tell its battery and its link, each hour of so many days."""
    for battery, link in days:
        for _ in range(24):
            building.wait(timedelta(minutes=60), timedelta(minutes=2))
            building.see(Reading(signs=(a_sign(SENSORS[0], building.now, battery=battery, link=link),)))


def test_a_battery_that_is_nearly_empty_is_told_once_and_is_over_when_there_is_a_new_one() -> None:
    building = Building()
    speaking(building, [(40, None), (9, None), (8, None), (11, None), (9, None)])
    (found,) = building.findings
    assert (found.what, found.sensor, found.value, found.room) == (What.BATTERY, SENSORS[0], 9.0, "slaapkamer")
    speaking(building, [(100, None)])
    assert [one.what for one in building.cleared] == [What.BATTERY]
    assert building.findings == [found]


def test_one_false_reading_of_a_battery_is_not_told() -> None:
    building = Building()
    speaking(building, [(80, None)])
    building.see(Reading(signs=(a_sign(SENSORS[0], building.now + MINUTE, battery=0),)), after=MINUTE)
    speaking(building, [(80, None)])
    assert building.said == []


def test_a_battery_that_will_not_last_a_month_is_told_before_it_is_low() -> None:
    building = Building()
    speaking(building, [(90 - 1.5 * day, None) for day in range(50)])
    (found,) = building.findings
    assert found.what is What.BATTERY
    assert found.early
    assert found.value is not None
    assert 20 < found.value <= 45


def test_a_battery_that_falls_slowly_or_only_in_the_cold_is_not_told() -> None:
    building = Building()
    speaking(building, [(90 - 0.1 * day - 6 * (day % 9 == 0), None) for day in range(60)])
    assert building.said == []


def test_a_weak_link_is_told_by_the_median_of_a_day_and_not_by_single_messages() -> None:
    building = Building()
    speaking(building, [(None, 60.0)])
    for hour in range(24):
        building.wait(timedelta(minutes=60), timedelta(minutes=2))
        link = 5.0 if hour % 3 == 0 else 60.0
        building.see(Reading(signs=(a_sign(SENSORS[0], building.now, link=link),)))
    speaking(building, [(None, 60.0)])
    assert building.findings == []
    speaking(building, [(None, 12.0)] * 3)
    assert [(one.what, one.value) for one in building.findings] == [(What.LINK_WEAK, 12.0)]
    speaking(building, [(None, 24.0)] * 3)
    assert building.cleared == []
    speaking(building, [(None, 50.0)] * 3)
    assert [one.what for one in building.cleared] == [What.LINK_WEAK]


# The clock and the disk.


@pytest.mark.parametrize(("seconds", "told"), [(7200.0, 1), (-7200.0, 1), (90.0, 0), (-1.0, 0)])
def test_a_clock_that_is_off_is_told_once_and_over_when_it_was_right_for_an_hour(seconds: float, told: int) -> None:
    building = Building()
    building.see(Apart(seconds))
    building.see(Apart(seconds / 2), after=30 * MINUTE)
    assert [(one.what, one.value) for one in building.findings] == [(What.CLOCK_STEP, seconds)] * told
    building.see(Apart(0), after=MINUTE)
    building.wait(timedelta(minutes=30))
    assert building.cleared == []
    building.wait(timedelta(hours=1))
    assert [one.what for one in building.cleared] == [What.CLOCK_STEP] * told


def test_a_clock_that_is_off_makes_nobody_blind() -> None:
    """Durations go on by the monotonic clock, so what sensors say is as good as ever (decision 0010)."""
    building = Building()
    building.see(Apart(-3600))
    building.wait(timedelta(minutes=10))
    assert building.unseen == {}


def test_a_disk_that_fills_is_told_before_it_is_full_and_over_when_there_is_room_again() -> None:
    building = Building()
    for free in (5000, 640, 630, 650, 700, 2000):
        building.see(Disk(free * 10**6, 32_000 * 10**6), after=MINUTE)
    (found,) = building.findings
    assert (found.what, found.value, found.home) == (What.DISK, 630, building_of(SITE.id))
    assert [(one.what, one.at) for one in building.cleared] == [(What.DISK, building.now)]


# A restart.


SEEN: list[Observation] = [
    Broker(up=True),
    Broker(up=False),
    Reading(bridge=False),
    Reading(bridge=True),
    Disk(10**6, 10**12),
    Disk(10**12, 10**12),
    Apart(-500),
    Apart(0),
    Reading(signs=(a_sign(SENSORS[0], NOON),)),
    Reading(sights=(SensorSight(at=NOON, home=HOME.id, sensor=SENSORS[1], seen=False, reason="availability"),)),
    Reading(sights=(SensorSight(at=NOON, home=HOME.id, sensor=SENSORS[1], seen=True),)),
]
stories = st.lists(st.tuples(st.sampled_from(SEEN), st.integers(1, 900)), max_size=12)


@given(stories)
def test_a_restart_at_any_moment_tells_nothing_twice_and_forgets_nothing_that_stands(
    story: list[tuple[Observation, int]],
) -> None:
    building = Building()
    for seen, seconds in story:
        building.see(seen)
        building.wait(timedelta(seconds=seconds), timedelta(seconds=30))
    again = building.restarted()
    assert again.health.standing == building.health.standing
    assert again.health.shown == building.health.shown
    again.tell()
    assert [one for one in again.findings if one.what is not What.SENSOR_SILENT] == []


@given(stories)
def test_what_is_told_is_told_once_and_what_is_over_was_told(story: list[tuple[Observation, int]]) -> None:
    building = Building()
    for seen, seconds in story:
        building.see(seen)
        building.wait(timedelta(seconds=seconds), timedelta(seconds=30))
    told = [(one.what, one.sensor, one.since) for one in building.findings]
    over = [(one.what, one.sensor, one.since) for one in building.cleared]
    assert len(set(told)) == len(told)
    assert set(over) <= set(told)
    assert len(set(over)) == len(over)
    for what, sensor in {(what, sensor) for what, sensor, _ in told}:
        ours = [
            one
            for one in building.said
            if not isinstance(one, SensorSight) and (one.what, one.sensor) == (what, sensor)
        ]
        assert [isinstance(one, Finding) for one in ours] == list(
            itertools.islice(itertools.cycle([True, False]), len(ours))
        )


@given(stories)
def test_what_is_remembered_can_be_stored(story: list[tuple[Observation, int]]) -> None:
    building = Building()
    for seen, seconds in story:
        building.see(seen, after=timedelta(seconds=seconds))
    assert msgspec.json.decode(msgspec.json.encode(building.health), type=Health) == building.health
