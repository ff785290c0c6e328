"""Left bed at night, about the house, and not back."""

from datetime import datetime

from detectors.episodes import Episode, of_one_night
from detectors.findings import Presence, What
from detectors.homes import Home
from detectors.whereabouts import Whereabouts


def out_of_bed(where: Whereabouts, home: Home) -> Episode | None:
    """Watch the time since the bed was left, by who is seen about.

    How long it may take is learned of two kinds apart: to the toilet only, or elsewhere too. Somebody who moves about
    may simply be up: an early riser, or one who has not been to bed yet. Who moved and then stopped is the business of
    `still`, until they move again.
    """
    left, last = where.left_bed_at, where.last_at
    if where.presence is not Presence.UP or left is None or last is None or last < left:
        return None
    limit = home.limits.oob_active
    due = max(left + home.limits.of("oob_active"), last)
    quiet = due - last > home.limits.of("still")
    up = where.risen(home) or not where.had_gone_to_bed()
    if quiet or up or not (of_one_night(home, left, due) and home.night.covers(due)):
        return None
    lesson = _lesson(where, home, left)
    return Episode(What.OOB_ACTIVE, since=left, due=due, began=left, limit=limit, room=where.room, lesson=lesson)


def _lesson(where: Whereabouts, home: Home, left: datetime) -> str:
    if home.night.ends_soon(left):
        return ""  # it may be for the day
    about = where.sat_up_at is not None and where.sat_up_at >= left
    return "oob_about" if about else "oob_toilet"
