"""Left bed at night and not back: seen about elsewhere, or not seen at all."""

from detectors.episodes import Episode, of_one_night
from detectors.findings import Presence, What
from detectors.homes import Home
from detectors.whereabouts import Whereabouts


def out_of_bed(where: Whereabouts, home: Home) -> Episode | None:
    """Watch the time since the bed was left.

    Unseen, it is urgent sooner. Somebody who moves about may simply be up: an early riser, or one who has not been
    to bed yet. Who moved and then stopped is the business of `still`, until they move again.
    """
    left, last = where.left_bed_at, where.last_at
    if where.presence is not Presence.UP or left is None:
        return None
    if last is None or last < left:
        what, limit, due = What.OOB_UNSEEN, home.limits.oob_unseen, left + home.limits.of("oob_unseen")
        if not of_one_night(home, left, due):
            return None
    else:
        what, limit, due = What.OOB_ACTIVE, home.limits.oob_active, max(left + home.limits.of("oob_active"), last)
        quiet = due - last > home.limits.of("still")
        up = where.risen(home) or not where.had_gone_to_bed()
        if quiet or up or not (of_one_night(home, left, due) and home.night.covers(due)):
            return None
    return Episode(what, since=left, due=due, began=left, limit=limit, room=where.room)
