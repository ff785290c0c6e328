"""Which sensors each kind of alert rests on: what a home can tell, and what it cannot while some are not heard."""

from detectors.findings import What
from detectors.homes import WASHING, Home, Kind, RoomKind, Sensor

Groups = tuple[tuple[Sensor, ...], ...]
"""Of each group at least one sensor must be heard."""


def rests_on(home: Home) -> dict[What, Groups]:
    """Return for every kind of alert the groups of sensors without which it cannot come, or means nothing.

    An empty group says that the plan has no sensor for it, however well all is heard. Without a bed sensor the bed is
    inferred from motion in the bedroom, as `whereabouts` does. Motion counts where its absence is what is told: in a
    home where nothing could see motion, everybody who gets up is "not seen since", and everybody at the door is gone.
    """
    motion = tuple(one for one in home.sensors if one.kind in {Kind.MOTION, Kind.USE})
    bedroom = tuple(one for one in motion if home.kind_of(one.room) is RoomKind.BEDROOM)
    washing = tuple(one for one in motion if home.kind_of(one.room) in WASHING)
    bed = _of_kind(home, Kind.BED) if home.has_bed else bedroom
    door = _of_kind(home, Kind.DOOR)
    return {
        What.BATH: (washing,),
        What.STILL: (bed, motion),
        What.OOB_UNSEEN: (bed, motion),
        What.OOB_ACTIVE: (bed, motion),
        What.DOOR_LEFT: (door, motion),
        What.DOOR_ARRIVED: (door, motion),
        What.BUTTON: (_of_kind(home, Kind.BUTTON),),
    }


def _of_kind(home: Home, kind: Kind) -> tuple[Sensor, ...]:
    return tuple(sensor for sensor in home.sensors if sensor.kind is kind)
