"""Laws that hold for every detector there is, on any night that Hypothesis can think of."""

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import vigil
from detectors.findings import Cleared, Finding
from detectors.homes import Home, Kind
from detectors.moments import Origin, SensorEvent
from detectors.remembered import Vigil
from detectors.vigil import Told
from tests.conftest import examples
from tests.stories import a_home, instant, same

START = instant("22:30")
DAWN = instant("07:30")
HOMES = {"with a bed sensor": a_home(), "without": a_home(bed=False)}

MANY = settings(max_examples=examples(30))
Arrival = tuple[SensorEvent, datetime]


@pytest.fixture(params=list(HOMES), scope="module")
def home(request: pytest.FixtureRequest) -> Home:
    """Every law holds for all detectors of the registry together, in a home with and one without a bed sensor."""
    return HOMES[request.param]


def moments(home: Home) -> st.SearchStrategy[SensorEvent]:
    seconds = st.integers(0, int((DAWN - START).total_seconds()))
    sensors = st.sampled_from([*home.sensors, *(one for one in home.sensors if one.kind in (Kind.BED, Kind.DOOR))])
    origins = st.sampled_from([Origin.LIVE] * 6 + [Origin.RETAINED, Origin.UNDATED])

    def event(second: int, place: int, value: float, origin: Origin) -> SensorEvent:
        sensor = home.sensors[place % len(home.sensors)]
        at = START + timedelta(seconds=second)
        return SensorEvent(
            at=at, home=home.id, sensor=sensor.id, room=sensor.room, kind=sensor.kind, value=value, origin=origin
        )

    places = sensors.map(home.sensors.index)
    return st.builds(event, seconds, places, st.sampled_from([0.0, 1.0]), origins)


def in_order(home: Home) -> st.SearchStrategy[list[Arrival]]:
    nights = st.lists(moments(home), max_size=40, unique_by=lambda one: (one.at, one.sensor))
    return nights.map(lambda night: [(one, one.at) for one in sorted(night, key=lambda one: (one.at, one.sensor))])


def with_some_late(home: Home) -> st.SearchStrategy[list[Arrival]]:
    """Nights in which some messages come minutes or hours late, as after an outage."""
    late = st.lists(st.sampled_from([0, 0, 0, 5, 40, 600, 7200]), min_size=40, max_size=40)
    return st.builds(
        lambda night, delays: sorted(
            ((one, at + timedelta(seconds=delay)) for (one, at), delay in zip(night, delays, strict=False)),
            key=lambda arrival: (arrival[1], arrival[0].at, arrival[0].sensor),
        ),
        in_order(home),
        late,
    )


def watched(home: Home, arrivals: list[Arrival], ticks: list[datetime] | None = None) -> list[Told]:
    """Return all that is told of arrivals, with the clock looked at in between as often as asked."""
    steps: list[tuple[datetime, SensorEvent | None]] = [(at, one) for one, at in arrivals]
    steps += [(tick, None) for tick in ticks or []]
    now, said = Vigil(), list[Told]()
    for at, one in sorted(steps, key=lambda step: step[0]):
        now, more = vigil.advance(now, at, home) if one is None else vigil.arrive(now, one, at, home)
        said += more
    _, more = vigil.advance(now, DAWN + timedelta(hours=12), home)
    return [*said, *more]


def ticks() -> st.SearchStrategy[list[datetime]]:
    seconds = st.integers(0, int((DAWN - START).total_seconds()) + 3600)
    return st.lists(seconds.map(lambda second: START + timedelta(seconds=second)), max_size=60)


@MANY
@given(data=st.data())
def test_how_often_the_clock_ticks_changes_nothing(home: Home, data: st.DataObject) -> None:
    night = data.draw(with_some_late(home))
    assert watched(home, night) == watched(home, night, data.draw(ticks()))


@MANY
@given(data=st.data())
def test_the_same_night_tells_the_same_twice(home: Home, data: st.DataObject) -> None:
    night = data.draw(with_some_late(home))
    assert watched(home, night) == watched(home, night)


@MANY
@given(data=st.data())
def test_a_restart_at_any_point_changes_nothing(home: Home, data: st.DataObject) -> None:
    night = data.draw(with_some_late(home))
    stop_at = data.draw(st.integers(0, len(night)))
    now, said = Vigil(), list[Told]()
    for place, (one, at) in enumerate(night):
        if place == stop_at:
            now = msgspec.json.decode(msgspec.json.encode(now), type=Vigil)
        now, more = vigil.arrive(now, one, at, home)
        said += more
    now = msgspec.json.decode(msgspec.json.encode(now), type=Vigil)
    _, more = vigil.advance(now, DAWN + timedelta(hours=12), home)
    assert [*said, *more] == watched(home, night)


@MANY
@given(data=st.data())
def test_a_message_that_comes_twice_is_one_message(home: Home, data: st.DataObject) -> None:
    night = data.draw(with_some_late(home))
    again = data.draw(st.lists(st.sampled_from(night), max_size=10)) if night else []
    delays = data.draw(st.lists(st.integers(0, 7200), min_size=len(again), max_size=len(again)))
    repeated = [(one, at + timedelta(seconds=delay)) for (one, at), delay in zip(again, delays, strict=True)]
    doubled = sorted([*night, *repeated], key=lambda arrival: arrival[1])
    assert same(watched(home, doubled), watched(home, night))


@MANY
@given(data=st.data())
def test_the_order_of_arrival_inside_the_window_changes_nothing(home: Home, data: st.DataObject) -> None:
    night = data.draw(in_order(home))
    seconds = int(vigil.WINDOW.total_seconds()) - 1
    delays = data.draw(st.lists(st.integers(0, seconds), min_size=len(night), max_size=len(night)))
    shuffled = sorted(
        ((one, at + timedelta(seconds=delay)) for (one, at), delay in zip(night, delays, strict=True)),
        key=lambda arrival: arrival[1],
    )
    straight, disordered = watched(home, night), watched(home, shuffled)
    assert same(_without_calls(straight), _without_calls(disordered))
    assert sorted(_calls(straight)) == sorted(_calls(disordered))


@MANY
@given(data=st.data())
def test_what_is_told_is_dated_when_it_became_true_and_ends_after_it_began(home: Home, data: st.DataObject) -> None:
    said = watched(home, data.draw(with_some_late(home)))
    begun: dict[tuple[str, datetime], datetime] = {}
    for one in said:
        if isinstance(one, Finding):
            assert one.since <= one.at
            begun[one.what, one.since] = one.at
        elif isinstance(one, Cleared):
            assert (one.what, one.since) in begun


@MANY
@given(data=st.data())
def test_memory_is_bounded(home: Home, data: st.DataObject) -> None:
    seed = data.draw(st.lists(moments(home), min_size=1, max_size=12))
    now = Vigil()
    at = START
    for round_ in range(60):
        for one in seed:
            at += timedelta(seconds=61 + round_ % 7)
            now, _ = vigil.arrive(now, msgspec.structs.replace(one, at=at), at, home)
    assert len(msgspec.json.encode(now)) < 50_000


def _calls(said: list[Told]) -> list[datetime]:
    return [one.at for one in said if isinstance(one, Finding) and one.what == "button"]


def _without_calls(said: list[Told]) -> list[Told]:
    return [one for one in said if not (isinstance(one, Finding) and one.what == "button")]
