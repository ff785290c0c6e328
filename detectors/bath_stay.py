"""Long in the bathroom or toilet at night, and seen nowhere else."""

from datetime import datetime, timedelta

from detectors.episodes import Episode, of_one_night
from detectors.findings import Presence, What
from detectors.homes import WASHING, Home
from detectors.whereabouts import Whereabouts

STRAIGHT_FROM_BED = timedelta(minutes=10)  # who was up for longer before washing in the morning has got up for the day


def bath_stay(where: Whereabouts, home: Home) -> Episode | None:
    """Watch a stay that began at night; it stays worth telling when the night ends meanwhile.

    How long it may take is learned of four kinds apart: from bed at night, before going to bed, straight from bed
    towards the hour of rising, and after it, when it may be the wash for the day.
    """
    since, left = where.room_since, where.left_bed_at
    if since is None or home.kind_of(where.room) not in WASHING:
        return None
    if where.presence is not Presence.UP and not where.washes_though_in_bed(home):
        return None
    if not home.night.covers(since):
        return None
    from_bed = left is not None and left <= since and of_one_night(home, left, since)
    lesson = _lesson(where, home, since, left if from_bed else None)
    limit = home.limits.bath_risen if home.night.ends_soon(since) else home.limits.bath
    return Episode(
        What.BATH,
        since=since,
        due=since + timedelta(minutes=limit),
        began=left if left is not None and from_bed else since,
        limit=limit,
        room=where.room,
        lesson=lesson,
    )


def _lesson(where: Whereabouts, home: Home, since: datetime, left: datetime | None) -> str:
    if not home.night.ends_soon(since):
        return "bath_at_night" if left is not None else "bath_evening"
    straight = left is not None and since - left <= STRAIGHT_FROM_BED and not where.risen(home)
    return "bath_rising" if straight else "bath_risen"
