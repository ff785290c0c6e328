"""The front door at night: the resident went out and is not back, or somebody came in.

Told apart by what moved first. Motion inside shortly before the door opens is somebody leaving; a door that opens
while nothing moves inside, and motion after it, is somebody arriving. A door contact is required: a single blip of
a motion sensor in the hall is nothing.
"""

from detectors.episodes import Episode
from detectors.findings import Presence, What
from detectors.homes import Home
from detectors.whereabouts import Whereabouts


def left_home(where: Whereabouts, home: Home) -> Episode | None:
    """Watch an absence that began at night."""
    since = where.since
    if where.presence is not Presence.OUT or since is None or not home.night.covers(since):
        return None
    due = since + home.limits.of("door")
    return Episode(What.DOOR_LEFT, since=since, due=due, began=since, limit=home.limits.door)


def somebody_arrived(where: Whereabouts, home: Home) -> Episode | None:
    """Tell at once that a door opened from outside at night and motion followed."""
    opened, seen = where.door_at, where.arrived_at
    if opened is None or seen is None or not home.night.covers(opened):
        return None
    return Episode(What.DOOR_ARRIVED, since=opened, due=seen, began=opened, room=where.room)
