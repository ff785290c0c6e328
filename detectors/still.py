"""Left bed at night, was seen about, and then nothing moved anywhere."""

from detectors.episodes import Episode, within_one_night
from detectors.findings import Presence, What
from detectors.homes import Home
from detectors.whereabouts import Whereabouts


def still(where: Whereabouts, home: Home) -> Episode | None:
    """Watch the silence since the last motion anywhere, while out of bed and at home."""
    left, last = where.left_bed_at, where.last_at
    if where.presence is not Presence.UP or left is None or last is None or last < left:
        return None
    due = last + home.limits.of("still")
    if not within_one_night(home, left, due):
        return None
    return Episode(What.STILL, since=last, due=due, began=left, limit=home.limits.still, room=where.room)
