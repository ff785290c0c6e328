"""What a home can tell, and what it cannot for want of a sensor; the vigil agrees."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.coverage import rests_on
from detectors.findings import BUILDING, What
from detectors.homes import Home, Kind, RoomId, RoomKind, Sensor, SensorId
from tests.stories import a_home, found

UP_AND_UNSEEN = ["22:40 bed in", "02:09 bed out"]
LONG_IN_THE_BATHROOM = [*UP_AND_UNSEEN, "02:10 badkamer"]
OUT_OF_THE_DOOR = ["22:40 bed in", "02:40 bed out", "02:41 gang", "02:42 door open", "02:42:10 door closed"]
SOMEBODY_COMES_IN = ["22:40 bed in", "03:00 door open", "03:00:20 gang", "03:00:30 door closed"]


def without(home: Home, *kinds: Kind) -> Home:
    return msgspec.structs.replace(home, sensors=tuple(one for one in home.sensors if one.kind not in kinds))


def can_tell(home: Home) -> set[What]:
    """Return the kinds of alert that can come while every sensor of the plan is heard."""
    return {what for what, groups in rests_on(home).items() if all(groups)}


def names(home: Home, what: What) -> list[set[str]]:
    return [{sensor.id.partition("/")[2] for sensor in group} for group in rests_on(home)[what]]


def test_a_home_with_every_sensor_can_tell_everything() -> None:
    assert can_tell(a_home()) == set(What) - BUILDING


def test_a_home_without_sensors_can_tell_nothing() -> None:
    assert can_tell(without(a_home(), *Kind)) == set()


def test_a_long_stay_in_the_bathroom_rests_on_what_sees_the_bathroom() -> None:
    assert names(a_home(), What.BATH)[0] == {"badkamer"}


def test_a_tap_tells_that_somebody_came_and_not_that_they_stay() -> None:
    tap = Sensor(id=SensorId("12/kraan"), kind=Kind.USE, room=RoomId("badkamer"))
    home = a_home()
    without_motion = [one for one in home.sensors if one.room != "badkamer"]
    home = msgspec.structs.replace(home, sensors=(*without_motion, tap))
    assert What.BATH not in can_tell(home)
    assert What.NOCTURIA in can_tell(home)


def test_a_home_with_contacts_only_can_tell_neither_who_lies_still_nor_who_is_gone() -> None:
    home = without(a_home(), Kind.BED, Kind.MOTION, Kind.BUTTON)
    taps = tuple(Sensor(id=SensorId(f"12/{room}-deur"), kind=Kind.USE, room=room) for room in home.rooms)
    told = can_tell(msgspec.structs.replace(home, sensors=(*home.sensors, *taps)))
    assert told.isdisjoint({What.BATH, What.STILL, What.OOB_UNSEEN, What.OOB_ACTIVE, What.DOOR_LEFT})
    assert told.isdisjoint({What.DAY_INACTIVE, What.LATE_RISE})
    assert {What.SHIFT, What.DECLINE, What.SENSOR_SILENT} <= told


def test_without_a_bed_sensor_the_bed_is_inferred_from_the_bedroom() -> None:
    assert names(a_home(), What.STILL)[0] == {"bed"}
    assert names(a_home(bed=False), What.STILL)[0] == {"slaapkamer"}


def test_a_home_in_which_nothing_sees_the_bed_cannot_tell_who_left_it() -> None:
    home = a_home(bed=False)
    elsewhere = tuple(one for one in home.sensors if home.kind_of(one.room) is not RoomKind.BEDROOM)
    told = can_tell(msgspec.structs.replace(home, sensors=elsewhere))
    assert {What.BATH, What.DOOR_LEFT, What.DOOR_ARRIVED} <= told
    assert told.isdisjoint({What.STILL, What.OOB_UNSEEN, What.OOB_ACTIVE, What.RESTLESS, What.NOCTURIA})


def test_a_call_for_help_rests_on_the_button_alone() -> None:
    home = without(a_home(), Kind.BED, Kind.MOTION, Kind.DOOR)
    assert can_tell(home) - {What.BATTERY, What.LINK_WEAK} == {What.BUTTON}


@pytest.mark.parametrize(
    ("lines", "until", "what", "missing"),
    [
        (LONG_IN_THE_BATHROOM, "02:40", What.BATH, "badkamer"),
        (OUT_OF_THE_DOOR, "02:50", What.DOOR_LEFT, "door"),
        (SOMEBODY_COMES_IN, "03:05", What.DOOR_ARRIVED, "door"),
        (["03:00 button"], "03:01", What.BUTTON, "button"),
    ],
)
def test_what_a_kind_rests_on_is_what_the_vigil_cannot_do_without(
    lines: list[str], until: str, what: What, missing: str
) -> None:
    home = a_home()
    assert what in [line.split()[1] for line in found(home, *lines, until=until)]
    deaf = msgspec.structs.replace(home, sensors=tuple(one for one in home.sensors if one.id != f"12/{missing}"))
    assert what not in can_tell(deaf)
    heard = [line for line in lines if line.split()[1] != missing]
    assert what not in [line.split()[1] for line in found(deaf, *heard, until=until)]


@given(st.sets(st.integers(0, 7)))
def test_a_sensor_less_never_lets_a_home_tell_more(gone: set[int]) -> None:
    home = a_home()
    left = tuple(sensor for n, sensor in enumerate(home.sensors) if n not in gone)
    fewer = msgspec.structs.replace(home, sensors=left)
    # The bed sensor too: what comes in its place, the bedroom, could tell nothing more than it did.
    assert can_tell(fewer) <= can_tell(home)
    assert all(set(group) <= set(left) for groups in rests_on(fewer).values() for group in groups)
