"""The rehearsal: lives that could be lived, nights that tell their story, and a stage that keeps their order."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from statistics import median, quantiles

import msgspec
import paho.mqtt.client as mqtt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from care import homes
from care.clock import REHEARSAL_TOPIC
from care.homes import Site
from detectors import vigil
from detectors.findings import Finding
from detectors.homes import HomeId, Kind
from detectors.moments import SensorEvent, SensorSight, Tick
from detectors.remembered import Vigil
from gateway import lives, rehearsal, stage
from gateway.lives import Habits, Place
from gateway.rehearsal import ZONE, Incident, Mishap, Moment
from gateway.sources import Message, zigbee2mqtt
from gateway.stage import BrokerGone, Progress
from tests.conftest import Mosquitto, examples, free_port, new_mosquitto

WILG = rehearsal.site()
HOME = HomeId("wilg/8")
ALONE = Habits(visits=1.5, walks=0.3, smokes=0.3, silences=0.5)  # and nobody ever calls

seeds = st.integers(0, 10_000)
YEAR = datetime(2026, 1, 1, tzinfo=UTC)
evenings = st.integers(0, 364 * 86_400).map(lambda second: (YEAR + timedelta(seconds=second)).astimezone(ZONE))


@st.composite
def incidents(draw: st.DrawFn, home: HomeId, start: datetime) -> list[Incident]:
    """Draw at most three mishaps in one night of a home, one after another."""
    at, placed = start, []
    for kind in draw(st.lists(st.sampled_from(list(Mishap)), max_size=3)):
        at += timedelta(minutes=draw(st.integers(15, 200)))
        until = at + timedelta(minutes=draw(st.integers(20, 120)))
        placed.append(Incident(home=home, kind=kind, at=at, until=until))
        at = until
    return placed


@st.composite
def nights(draw: st.DrawFn) -> list[Moment]:
    """Draw any evening of any year's homes, with mishaps in one of them."""
    start = draw(evenings)
    plan = rehearsal.site(draw(st.integers(1, 12)))
    home = draw(st.sampled_from([home.id for home in plan.homes]))
    placed = draw(incidents(home, start))
    return list(rehearsal.night(plan, seed=draw(seeds), start=start, hours=14, incidents=placed))


def by_sensor(night: Iterable[Moment], kind: Kind) -> dict[str, list[SensorEvent]]:
    said: dict[str, list[SensorEvent]] = defaultdict(list)
    for one in night:
        if isinstance(one, SensorEvent) and one.kind is kind:
            said[one.sensor].append(one)
    return said


@settings(max_examples=examples(6))
@given(nights())
def test_a_night_is_in_order_and_every_bed_and_door_alternates(night: list[Moment]) -> None:
    assert [one.at for one in night] == sorted(one.at for one in night)
    for kind in (Kind.BED, Kind.DOOR):
        for said in by_sensor(night, kind).values():
            assert said[0].at == night[0].at  # it begins by saying how it stands
            assert all(one.value != after.value for one, after in pairwise(said))


@settings(max_examples=examples(5))
@given(nights())
def test_a_motion_sensor_looks_away_for_a_minute_and_is_clear_after_one_and_a_half(night: list[Moment]) -> None:
    unheard = {one.sensor for one in night if isinstance(one, SensorSight)}
    for sensor, said in by_sensor(night, Kind.MOTION).items():
        reports = [one.at for one in said if one.value]
        assert all(after - one >= rehearsal.BLIND for one, after in pairwise(reports))
        for one, after in pairwise(said):
            if after.value == 0.0 and one.value and sensor not in unheard:
                assert after.at - one.at == rehearsal.CLEAR


@settings(max_examples=examples(8))
@given(seeds, evenings, st.data())
def test_nobody_is_in_two_places(seed: int, start: datetime, data: st.DataObject) -> None:
    """While the bed is occupied nothing else moves in the home of somebody alone, and while they are out nothing."""
    plan = msgspec.structs.replace(WILG, homes=tuple(home for home in WILG.homes if home.id == HOME))
    placed = [one for one in data.draw(incidents(HOME, start)) if one.kind in {Mishap.NOT_BACK, Mishap.LEFT}]
    in_bed = False
    for one in rehearsal.night(plan, seed=seed, start=start, hours=24, incidents=placed, habits={HOME: ALONE}):
        if isinstance(one, SensorEvent):
            in_bed = bool(one.value) if one.kind is Kind.BED else in_bed
            came_from_nowhere = in_bed and one.kind is not Kind.BED and one.value and one.at > start
            assert not came_from_nowhere, one


@settings(max_examples=examples(8))
@given(seeds, evenings)
def test_a_life_goes_step_by_step_and_forward_in_time(seed: int, start: datetime) -> None:
    dice = partial(lives.chance_of, seed)
    life = lives.life(ALONE, dice, start.date(), ZONE)
    stays = list(islice(lives.ways(life, dice), 1_500))
    rooms_off_the_hall = {Place.BEDROOM, Place.BATHROOM, Place.LIVING, Place.KITCHEN, Place.OUT}
    beside = {frozenset({Place.BED, Place.BEDROOM})} | {frozenset({room, Place.HALL}) for room in rooms_off_the_hall}
    for here, there in pairwise(stays):
        assert here.start < there.start
        assert here.place is there.place or frozenset({here.place, there.place}) in beside


@settings(max_examples=8)
@given(seeds, evenings)
def test_the_same_seed_gives_the_same_night_and_neighbours_do_not_matter(seed: int, start: datetime) -> None:
    few, many = rehearsal.site(3), rehearsal.site(11)
    once = list(rehearsal.night(few, seed=seed, start=start, hours=10))
    again = list(rehearsal.night(few, seed=seed, start=start, hours=10))
    among_more = list(rehearsal.night(many, seed=seed, start=start, hours=10))
    assert once == again
    known = {home.id for home in few.homes}
    assert [one for one in among_more if one.home in known] == once


@settings(max_examples=examples(8))
@given(seeds, evenings, st.sampled_from(list(Mishap)), st.integers(30, 400), st.integers(25, 120))
def test_a_mishap_changes_nothing_before_it_and_no_going_to_bed_after_it(
    seed: int, start: datetime, kind: Mishap, after: int, lasts: int
) -> None:
    at = start + timedelta(minutes=after)
    mishap = Incident(home=HOME, kind=kind, at=at, until=at + timedelta(minutes=lasts))
    plan = msgspec.structs.replace(WILG, homes=tuple(home for home in WILG.homes if home.id in {HOME, "wilg/12"}))
    plain = list(rehearsal.night(plan, seed=seed, start=start, hours=16))
    told = list(rehearsal.night(plan, seed=seed, start=start, hours=16, incidents=[mishap]))
    assert [one for one in told if one.at < at] == [one for one in plain if one.at < at]
    settled = mishap.until + timedelta(minutes=10)
    bed, bed_without = (by_sensor(night, Kind.BED)["8/bed"] for night in (told, plain))
    assert [one for one in bed if one.at > settled] == [one for one in bed_without if one.at > settled]
    others, others_without = ([one for one in night if one.home != HOME] for night in (told, plain))
    assert others == others_without


def test_nights_are_like_those_of_the_real_home_they_were_drawn_after() -> None:
    """220 nights there: 0.77 returned exits a night, median 3.2 minutes, p90 5.4, three nights in 220 with three."""
    start, count = datetime(2026, 1, 1, 12, tzinfo=ZONE), 220
    plan = rehearsal.site(1)
    night = rehearsal.night(plan, seed=5, start=start, hours=24 * count, habits={plan.homes[0].id: Habits()})
    bed = by_sensor(night, Kind.BED)["1/bed"]
    away = [(back.at - left.at).total_seconds() / 60 for left, back in pairwise(bed) if back.value]
    trips = [minutes for minutes in away if minutes < 180]
    assert len(away) - len(trips) == pytest.approx(count, abs=1)  # and one day a day
    assert 0.55 <= len(trips) / count <= 0.95
    assert 2.8 <= median(trips) <= 3.8
    assert 4.4 <= quantiles(trips, n=10)[-1] <= 6.4


def findings(plan: Site, night: Iterable[Moment], until: datetime) -> list[tuple[str, str, str]]:
    """Return what the detectors find: when by the local clock, in which home, what."""
    moments = list(night)
    found: list[Finding] = []
    for home in plan.homes:
        now = Vigil()
        for one in moments:
            if one.home == home.id:
                now, told = vigil.arrive(now, one, one.at, home)
                found += [said for said in told if isinstance(said, Finding)]
        _, told = vigil.advance(now, until, home)
        found += [said for said in told if isinstance(said, Finding)]
    found.sort(key=lambda one: one.at)
    return [(f"{one.at.astimezone(ZONE):%H:%M}", one.home.partition("/")[2], str(one.what)) for one in found]


@pytest.mark.parametrize("seed", [1, 2, 77])
def test_the_demo_night_tells_its_story(seed: int) -> None:
    night = [one for one in rehearsal.demo_night(seed) if one.at < rehearsal.START + timedelta(minutes=145)]
    found = findings(WILG, night, night[-1].at)
    fallen = [(clock, what) for clock, home, what in found if home == "12" and clock < "02:30"]
    assert {what for _, what in fallen} == {"bath", "still"}
    assert all("02:04" <= clock <= "02:09" for clock, _ in fallen)
    assert ("02:30", "3", "button") in found
    assert [clock for clock, home, what in found if (home, what) == ("8", "door-left")] == ["02:42"]
    assert ("03:50", "7", "oob-active") in found
    assert {(home, what) for _, home, what in found if what != "door-arrived"} == {
        ("12", "bath"),
        ("12", "still"),
        ("3", "button"),
        ("8", "door-left"),
        ("7", "oob-active"),
    }
    unavailable = [one.sensor for one in night if isinstance(one, SensorSight) and not one.seen]
    assert unavailable == ["2/living"]


def test_in_the_first_minutes_of_the_demo_there_is_something_to_see_in_every_home() -> None:
    first = [one for one in rehearsal.demo_night() if one.at < rehearsal.START + timedelta(minutes=25)]
    changes = {sensor: len(said) - 1 for sensor, said in by_sensor(first, Kind.BED).items()}
    assert sum(changes.values()) >= 14
    assert {one.home for one in first if one.at > rehearsal.START} == {home.id for home in WILG.homes}


def test_the_demo_ends_in_the_morning_or_goes_on_into_the_next_night() -> None:
    *_, last = rehearsal.demo_night()
    assert "07:50" < f"{last.at.astimezone(ZONE):%H:%M}" < "08:00"
    a_day_later = rehearsal.START + timedelta(hours=24)
    assert next(one for one in rehearsal.demo_night(loop=True) if one.at > a_day_later)


@pytest.mark.parametrize(
    ("kind", "whats"),
    [
        (Mishap.FALL, {"bath", "still"}),
        (Mishap.NOT_BACK, {"oob-active"}),
        (Mishap.LEFT, {"door-left"}),
        (Mishap.BUTTON, {"button"}),
    ],
)
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_a_mishap_in_a_quiet_night_is_found_by_its_detector(kind: Mishap, whats: set[str], seed: int) -> None:
    start = datetime(2026, 3, 2, 22, tzinfo=ZONE)
    at = start + timedelta(hours=4)
    mishap = Incident(home=HOME, kind=kind, at=at, until=at + timedelta(minutes=70))
    quiet = {HOME: Habits(visits=0)}
    night = list(rehearsal.night(WILG, seed=seed, start=start, hours=7, incidents=[mishap], habits=quiet))
    before_help = mishap.until - timedelta(minutes=7)
    found = findings(WILG, (one for one in night if one.at < before_help), before_help)
    assert {what for _, home, what in found if home == "8"} == whats


def test_two_mishaps_at_once_in_one_home_are_refused() -> None:
    at = rehearsal.START
    first = Incident(home=HOME, kind=Mishap.FALL, at=at, until=at + timedelta(minutes=60))
    second = Incident(home=HOME, kind=Mishap.LEFT, at=at + timedelta(minutes=59), until=at + timedelta(minutes=90))
    with pytest.raises(ValueError, match="wilg/8: an incident at"):
        rehearsal.night(WILG, seed=1, start=at, incidents=[second, first])


def test_hundreds_of_homes_can_be_drawn_and_no_two_residents_live_alike() -> None:
    plan = rehearsal.site(150)
    assert homes.read(homes.write(plan)) == plan
    drawn = [rehearsal.habits_of(home.id, 9) for home in plan.homes]
    assert len({msgspec.json.encode(one) for one in drawn}) >= 149  # home 8 lives by the defaults
    assert drawn == [rehearsal.habits_of(home.id, 9) for home in plan.homes]


# The stage.


def moment(kind: Kind, value: float) -> SensorEvent:
    sensor = next(one for one in WILG.homes[-1].sensors if one.kind is kind)
    at = datetime(2026, 3, 3, 0, 54, 7, 123_456, tzinfo=UTC)
    home = WILG.homes[-1].id
    return SensorEvent(at=at, home=home, sensor=sensor.id, room=sensor.room, kind=kind, value=value)


@pytest.mark.parametrize(
    ("said", "topic", "value"),
    [
        (moment(Kind.MOTION, 1.0), "zigbee2mqtt/12/bedroom", {"occupancy": True}),
        (moment(Kind.MOTION, 0.0), "zigbee2mqtt/12/bedroom", {"occupancy": False}),
        (moment(Kind.BED, 0.0), "zigbee2mqtt/12/bed", {"occupancy": False}),
        (moment(Kind.DOOR, 1.0), "zigbee2mqtt/12/door", {"contact": False}),
        (moment(Kind.DOOR, 0.0), "zigbee2mqtt/12/door", {"contact": True}),
        (moment(Kind.BUTTON, 1.0), "zigbee2mqtt/12/button", {"action": "single"}),
    ],
)
def test_a_moment_is_said_as_zigbee2mqtt_says_it(said: SensorEvent, topic: str, value: dict[str, object]) -> None:
    message = stage.message_of(said, stage.names_of(WILG))
    assert message is not None
    assert (message.topic, message.retain) == (topic, False)
    payload = msgspec.json.decode(message.payload)
    assert 0 < payload.pop("battery") <= 100
    assert 0 < payload.pop("linkquality") <= 255
    assert payload == {**value, "last_seen": "2026-03-03T00:54:07.123Z"}


def test_a_use_sensor_says_contact_and_a_lost_sensor_says_offline() -> None:
    names = stage.names_of(WILG)
    used = msgspec.structs.replace(moment(Kind.DOOR, 1.0), kind=Kind.USE)
    message = stage.message_of(used, names)
    assert message is not None
    assert msgspec.json.decode(message.payload)["contact"] is False
    gone = SensorSight(at=used.at, home=used.home, sensor=used.sensor, seen=False)
    assert stage.message_of(gone, names) == ("zigbee2mqtt/12/door/availability", b'{"state":"offline"}', True)
    assert stage.message_of(Tick(used.at), names) is None  # that time passes, the clock tells


@settings(max_examples=examples(4))
@given(seeds, evenings)
def test_what_is_published_is_read_back_as_it_was(seed: int, start: datetime) -> None:
    names = stage.names_of(WILG)
    for one in rehearsal.night(WILG, seed=seed, start=start, hours=3):
        message = stage.message_of(one, names)
        assert message is not None
        received = Message(message.topic, message.payload)
        reading = zigbee2mqtt.read(WILG, stage.BASE, received, received_at=one.at, started_at=None)
        read = (*reading.events, *reading.sights)
        to_the_millisecond = one.at - timedelta(microseconds=one.at.microsecond % 1000)
        expected = one if isinstance(one, SensorSight) else msgspec.structs.replace(one, at=to_the_millisecond)
        assert read == (expected,)


class Audience:
    """Hears everything a broker hands on, in its order."""

    def __init__(self, host: str, port: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "audience", clean_session=False)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _, __, message: self.heard.append((message.topic, bytes(message.payload)))
        self._client.reconnect_delay_set(min_delay=1, max_delay=1)
        self._client.connect(host, port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def until(self, topic: str, payload: bytes, seconds: float = 20) -> list[tuple[str, bytes]]:
        """Return what was heard once this was, after waiting a bounded time for it."""
        end = time.monotonic() + seconds
        while (topic, payload) not in self.heard[-1:]:
            assert time.monotonic() < end, self.heard[-3:]
            time.sleep(0.01)
        return self.heard

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


STATE = "zigbee2mqtt/bridge/state"
ONLINE, OFFLINE = b'{"state":"online"}', b'{"state":"offline"}'


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker of its own: what the stage retains is nobody else's business."""
    for parent in tmp_path.parents[:3]:
        parent.chmod(0o755)  # or mosquitto cannot keep its sessions there
    own = new_mosquitto(tmp_path)
    yield own
    own.stop()


@pytest.fixture
def audience(broker: Mosquitto) -> Iterator[Audience]:
    listening = Audience(broker.host, broker.port)
    yield listening
    listening.close()


def sensor_messages(heard: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    return [(topic, body) for topic, body in heard if topic.startswith("zigbee2mqtt/") and b"last_seen" in body]


def test_a_night_arrives_in_order_each_moment_after_its_time(broker: Mosquitto, audience: Audience) -> None:
    night = list(rehearsal.demo_night())
    assert stage.play(night, WILG, host=broker.host, port=broker.port) == len(night)
    heard = audience.until(STATE, OFFLINE)
    names = stage.names_of(WILG)
    assert heard[0][0] == REHEARSAL_TOPIC  # even the bridge comes on line at a time that was told
    assert heard[1] == (STATE, ONLINE)
    said = [message for one in night if (message := stage.message_of(one, names)) is not None]
    start = len(stage.opening(names)) + 1
    assert [one for one in heard[start:-1] if one[0] != REHEARSAL_TOPIC] == [(one.topic, one.payload) for one in said]
    now = b""
    for topic, body in heard:
        if topic == REHEARSAL_TOPIC:
            assert body >= now
            now = body
        elif b"last_seen" in body:
            told = datetime.fromisoformat(now.decode())
            assert (
                msgspec.json.decode(body)["last_seen"] == f"{told.replace(tzinfo=None).isoformat('T', 'milliseconds')}Z"
            )


def test_at_a_speed_the_time_is_told_ten_times_a_second_in_between(broker: Mosquitto, audience: Audience) -> None:
    first, last = moment(Kind.BED, 0.0), moment(Kind.BED, 1.0)
    last = msgspec.structs.replace(last, at=first.at + timedelta(seconds=60))
    progress: list[Progress] = []
    began = time.monotonic()
    stage.play([first, last], WILG, host=broker.host, port=broker.port, speed=60, told=progress.append)
    assert 0.9 < time.monotonic() - began < 6
    told = [body for topic, body in audience.until(STATE, OFFLINE) if topic == REHEARSAL_TOPIC]
    assert 5 <= len(told) <= 14
    assert told == sorted(told)
    assert progress[-1] == Progress(last.at.replace(microsecond=123_000), 2)


def test_the_day_passes_faster_than_the_night(broker: Mosquitto) -> None:
    noon = datetime(2026, 3, 3, 12, tzinfo=ZONE)
    moments = [Tick(noon), Tick(noon + timedelta(seconds=60 * 20))]
    began = time.monotonic()
    stage.play(moments, WILG, host=broker.host, port=broker.port, speed=60, pace=rehearsal.pace)
    assert time.monotonic() - began < 6  # and not twenty seconds
    assert rehearsal.pace(noon) > rehearsal.pace(noon.replace(hour=3)) == 1.0


def test_the_stage_stops_when_told_to_and_takes_the_bridge_off_line(broker: Mosquitto, audience: Audience) -> None:
    stop = threading.Event()
    long_wait = [
        moment(Kind.BED, 0.0),
        msgspec.structs.replace(moment(Kind.BED, 1.0), at=rehearsal.START.replace(year=2030)),
    ]

    def told(progress: Progress) -> None:
        if progress.moments:
            stop.set()

    began = time.monotonic()
    assert stage.play(long_wait, WILG, host=broker.host, port=broker.port, speed=1, stop=stop, told=told) == 1
    assert time.monotonic() - began < 5
    assert len(sensor_messages(audience.until(STATE, OFFLINE))) == 1


def test_a_broker_that_is_away_for_a_moment_costs_neither_messages_nor_their_order(
    broker: Mosquitto, audience: Audience
) -> None:
    night = list(rehearsal.demo_night())

    def told(progress: Progress) -> None:
        if progress.moments == len(night) // 2:
            broker.stop()
            broker.start()

    stage.play(night, WILG, host=broker.host, port=broker.port, told=told)
    heard = [
        msgspec.json.decode(body) | {"topic": topic} for topic, body in sensor_messages(audience.until(STATE, OFFLINE))
    ]
    names = stage.names_of(WILG)
    said = [message for one in night if (message := stage.message_of(one, names)) and not message.retain]
    once = [one for n, one in enumerate(heard) if one not in heard[:n]]  # sent twice is right, lost or swapped is not
    assert once == [msgspec.json.decode(one.payload) | {"topic": one.topic} for one in said]


def test_without_a_broker_one_sentence_says_so() -> None:
    port = free_port()
    with pytest.raises(BrokerGone, match=rf"^No MQTT broker answers at 127\.0\.0\.1:{port}: Connection refused\."):
        stage.play([moment(Kind.BED, 0.0)], WILG, host="127.0.0.1", port=port)


def test_a_broker_that_goes_and_stays_away_ends_it_with_one_sentence(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "PATIENCE_S", 0.5)
    gone = threading.Event()

    def told(progress: Progress) -> None:
        if progress.moments > 20 and not gone.is_set():
            gone.set()
            broker.stop()

    with pytest.raises(BrokerGone, match=rf"127\.0\.0\.1:{broker.port}"):
        stage.play(rehearsal.demo_night(loop=True), WILG, host=broker.host, port=broker.port, told=told)
    broker.start()
