"""Long in the bathroom or toilet at night, and seen nowhere else."""

from detectors.episodes import Episode
from detectors.findings import Presence, What
from detectors.homes import WASHING, Home
from detectors.whereabouts import Whereabouts


def bath_stay(where: Whereabouts, home: Home) -> Episode | None:
    """Watch a stay that began at night; it stays worth telling when the night ends meanwhile."""
    since = where.room_since
    if where.presence is not Presence.UP or since is None or home.kind_of(where.room) not in WASHING:
        return None
    if not home.night.covers(since):
        return None
    return Episode(
        What.BATH,
        since=since,
        due=since + home.limits.of("bath"),
        began=where.left_bed_at or since,
        limit=home.limits.bath,
        room=where.room,
    )
