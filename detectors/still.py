"""Left bed at night, was seen about, and then nothing moved anywhere."""

from detectors.episodes import Episode, of_one_night
from detectors.findings import Presence, What
from detectors.homes import Home
from detectors.whereabouts import Whereabouts


def still(where: Whereabouts, home: Home) -> Episode | None:
    """Watch the silence since the last motion anywhere, while out of bed and at home.

    Who has got up for the day may read the paper: a longer silence is needed then.
    """
    left, last = where.left_bed_at, where.last_at
    if where.presence is not Presence.UP or left is None or last is None or last < left:
        return None
    risen = where.risen(home)
    name = "still_risen" if risen else "still"
    due = last + home.limits.of(name)
    if not of_one_night(home, left, due) or (risen and not home.night.covers(due)):
        return None  # what is left of the morning is not the night's business
    return Episode(What.STILL, since=last, due=due, began=left, limit=getattr(home.limits, name), room=where.room)
