"""Long in the bathroom or toilet at night, and seen nowhere else."""

from datetime import datetime

from detectors.episodes import Episode, of_one_night
from detectors.findings import Presence, What
from detectors.homes import WASHING, Home
from detectors.whereabouts import Whereabouts


def bath_stay(where: Whereabouts, home: Home) -> Episode | None:
    """Watch a stay that began at night; it stays worth telling when the night ends meanwhile.

    A visit from bed has a length that this home teaches; towards morning another one, when it may be the wash for
    the day. Who has not been to bed yet may wash as long as they like, up to the limit agreed.
    """
    since, left = where.room_since, where.left_bed_at
    if where.presence is not Presence.UP or since is None or home.kind_of(where.room) not in WASHING:
        return None
    if not home.night.covers(since):
        return None
    from_bed = left is not None and left <= since and of_one_night(home, left, since) and not where.risen(home)
    return Episode(
        What.BATH,
        since=since,
        due=since + home.limits.of("bath"),
        began=left if left is not None and from_bed else since,
        limit=home.limits.bath,
        room=where.room,
        lesson=_lesson(home, since) if from_bed else "",
    )


def _lesson(home: Home, since: datetime) -> str:
    return "bath_towards_morning" if home.night.ends_soon(since) else "bath_at_night"
