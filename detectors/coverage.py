"""Which sensors each kind of alert rests on: what a home can tell, and what it cannot while some are not heard."""

from collections.abc import Callable

from detectors.findings import What
from detectors.homes import WASHING, Home, Kind, RoomKind, Sensor

Groups = tuple[tuple[Sensor, ...], ...]
"""Of each group at least one sensor must be heard."""


def rests_on(home: Home) -> dict[What, Groups]:
    """Return for every kind of alert the groups of sensors without which it cannot come, or means nothing.

    An empty group says that the plan has no sensor for it, however well all is heard. Without a bed sensor the bed is
    inferred from motion in the bedroom, as `whereabouts` does. Motion sensors count where it is told that nobody
    moves, or that somebody stays: a contact on a cupboard or a door is used and then silent, whatever happens to
    whoever used it. So a home with contacts only cannot tell who lies still, who is gone, nor who is not up.
    What is the matter with a whole building (`findings.BUILDING`) rests on no home's sensors, and is left out.
    """
    inside = tuple(one for one in home.sensors if home.kind_of(one.room) is not RoomKind.OUTSIDE)
    motion = tuple(one for one in inside if one.kind is Kind.MOTION)
    bedroom = _in_room(home, motion, lambda kind: kind is RoomKind.BEDROOM)
    washing = _in_room(home, motion, lambda kind: kind in WASHING)
    about = _in_room(home, motion, lambda kind: kind is not RoomKind.BEDROOM and kind not in WASHING)
    pads = _of_kind(home, Kind.BED)
    bed = pads or bedroom
    door = _of_kind(home, Kind.DOOR)
    hands = tuple(one for one in inside if one.kind is Kind.USE)
    washed_hands = _in_room(home, hands, lambda kind: kind in WASHING)
    heard = tuple(one for one in inside if one.kind is not Kind.BUTTON)
    return {
        What.BATH: (washing, bed or about),
        What.STILL: (bed, about),
        What.OOB_UNSEEN: (pads, about),
        What.OOB_ACTIVE: (bed, about),
        What.DOOR_LEFT: (door, motion),
        What.DOOR_ARRIVED: (door, motion),
        What.BUTTON: (_of_kind(home, Kind.BUTTON),),
        What.DAY_INACTIVE: (about,),
        What.LATE_RISE: (pads or about,),
        What.RESTLESS: (bed,),
        What.NOCTURIA: (bed, washing + washed_hands),
        What.SHIFT: (bed or motion + hands,),
        What.DECLINE: (motion + hands,),
        What.SENSOR_SILENT: (heard,),
        What.SENSOR_STUCK: (pads + motion,),
        What.SENSOR_STORM: (heard,),
        What.GATEWAY_GAP: (heard,),
        What.BATTERY: (home.sensors,),
        What.LINK_WEAK: (home.sensors,),
    }


def told_by(home: Home) -> frozenset[What]:
    """Return the kinds of alert that the plan of a home has the sensors for."""
    return frozenset(what for what, groups in rests_on(home).items() if all(groups))


def _in_room(home: Home, sensors: tuple[Sensor, ...], wanted: Callable[[RoomKind], bool]) -> tuple[Sensor, ...]:
    return tuple(sensor for sensor in sensors if wanted(home.kind_of(sensor.room)))


def _of_kind(home: Home, kind: Kind) -> tuple[Sensor, ...]:
    return tuple(sensor for sensor in home.sensors if sensor.kind is kind)
