"""Out of bed at night, and then nothing moves anywhere: somebody seen about before, or not seen since the bed."""

from detectors.episodes import Episode, of_one_night
from detectors.findings import Presence, What
from detectors.homes import WASHING, Home, RoomKind
from detectors.whereabouts import Whereabouts


def still(where: Whereabouts, home: Home) -> Episode | None:
    """Watch the silence since the last motion anywhere, while out of bed and at home.

    How long a silence may last depends on where it begins: nobody stays in a hall, and who sits in the living room
    may sit still. Who has got up for the day may read the paper: a longer silence is needed then.
    """
    left, last = where.left_bed_at, where.last_at
    if where.presence is not Presence.UP or left is None or last is None or last < left:
        return None
    if not home.night.covers(last) or not of_one_night(home, left, last):
        return None
    risen = where.risen(home)
    name = "still_risen" if risen else "still"
    limit = getattr(home.limits, name)
    lesson = "still_risen" if risen else _lesson(home.kind_of(where.room))
    return Episode(
        What.STILL,
        since=last,
        due=last + home.limits.of(name),
        began=left,
        limit=limit,
        room=where.room,
        until=home.night.ends_after(last) if risen else None,
        lesson=lesson,
    )


def unseen(where: Whereabouts, home: Home) -> Episode | None:
    """Watch the silence since the bed was left, while nothing was seen anywhere: a bed pad may have let go, too."""
    left, last = where.left_bed_at, where.last_at
    if where.presence is not Presence.UP or left is None or (last is not None and last >= left):
        return None
    if not home.night.covers(left):
        return None
    return Episode(
        What.OOB_UNSEEN,
        since=left,
        due=left + home.limits.of("oob_unseen"),
        began=left,
        limit=home.limits.oob_unseen,
        room=where.room,
        lesson="unseen",
    )


def _lesson(kind: RoomKind) -> str:
    if kind in WASHING:
        return "still_washing"
    if kind is RoomKind.BEDROOM:
        return "still_bedroom"
    return "still_passing" if kind in (RoomKind.HALL, RoomKind.LANDING) else "still_about"
