"""Two rooms at once: whether somebody else is at home, told by how rooms are reached.

The plan knows no walls, so the home teaches them. Whoever comes to a room in which nobody was for a while was nearly
always seen in the hall just before: the hall is then that room's *way in*. Two rooms that are both reached by some way
in, seen one after the other while the way in between saw nobody, are not one person walking. Once it may be a sensor
that missed somebody, or blinked; `TIMES` within `TIMES_WITHIN` it is company.

It is the question of the detection study (section 4.2), two zones whose walking time exceeds the gap between events,
asked of the way and not of the time: a motion sensor that looks away for a minute after each report seldom tells when
somebody left, so hardly any gap is too short to walk.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from detectors.findings import Presence
from detectors.homes import Home, Instant, Kind, RoomId
from detectors.moments import SensorEvent
from detectors.whereabouts import Whereabouts

NOBODY_FOR = timedelta(minutes=30)  # who is seen in a room after so long has come to it; who sits may be seen as seldom
# as every ten minutes, and would seem to come from where the other one is
SEEN_ELSEWHERE = timedelta(minutes=10)  # before that; who was seen nowhere for longer came from bed, or from outside
JUST_BEFORE = timedelta(seconds=90)  # seen elsewhere so shortly before: passed on the way
KNOWN_FROM = 30  # comings, before it is known how a room is reached
NEARLY_ALWAYS = 0.9  # of them by the same way
COMINGS_MAX = 200  # that are remembered of a room, halved when there are more

LOOKS_AGAIN = timedelta(minutes=2)  # after its last report a sensor sees whoever passes: battery ones look away for a
# minute, and are told to be clear after one and a half
HEARD_WITHIN = timedelta(minutes=30)  # a way in that saw nobody for longer may be the sensor that is dead
WALKS_WITHIN = timedelta(minutes=15)  # who was not seen anywhere for longer may have gone anywhere, by any way
OUT_OF_ORDER = timedelta(seconds=10)  # seen so shortly afterwards on the way: it was passed, and the news overtook it
ONE_HICCUP = timedelta(seconds=60)  # of messages that are held up come together, and count once
TIMES = 3  # a sensor that blinks once is two: somebody there, and somebody back where they were
TIMES_WITHIN = timedelta(minutes=30)
LASTS = timedelta(minutes=60)  # after the last time: of two people in one room nothing is seen


class Way(msgspec.Struct, frozen=True, array_like=True):
    """How one room is reached."""

    comings: int = 0
    by: dict[RoomId, int] = {}  # rooms in which somebody was seen just before, and at how many of the comings

    def ins(self) -> list[RoomId]:
        """Return the rooms through which nearly everybody comes; none as long as that is not known."""
        if self.comings < KNOWN_FROM:
            return []
        return [room for room, times in self.by.items() if times >= NEARLY_ALWAYS * self.comings]


class Doubt(NamedTuple):
    """Somebody was in two rooms and not in between, unless it turns out that they were."""

    at: Instant
    way_in: RoomId


class Company(msgspec.Struct, frozen=True, array_like=True):
    """What a home has taught of the ways between its rooms, and whether two were at home of late."""

    ways: dict[RoomId, Way] = {}
    room: RoomId | None = None  # of the last motion; None: somebody may have gone anywhere since
    at: Instant | None = None  # of the last motion
    seen: dict[RoomId, Instant] = {}  # the last motion in the rooms before it
    doubt: Doubt | None = None
    times: tuple[Instant, ...] = ()  # that two were seen at once, of late, oldest first
    until: Instant | None = None

    def there(self, at: datetime) -> bool:
        """Whether somebody else is taken to be there."""
        return self.until is not None and at <= self.until


def heard(
    known: Company, before: Whereabouts, after: Whereabouts, event: SensorEvent, home: Home, *, blind: bool
) -> Company:
    """Return what is known after an event; the settled whereabouts, in their order.

    One more motion in the room of the last costs a few comparisons.

    `blind`: whether a sensor that tells where the resident is says nothing. Then no way in can be said to be unused.
    """
    if after.door_moved_at is not before.door_moved_at or after.presence is Presence.OUT or blind:
        return _anew(known)  # whoever was there may have gone; two who stay will be seen again
    if event.kind is not Kind.MOTION or event.value == 0.0 or after.last_at is before.last_at:
        return known
    if known.doubt is not None:
        known = _settled(known, known.doubt, event)
    if known.room == event.room or known.room is None or known.at is None:
        return msgspec.structs.replace(known, room=event.room, at=event.at)
    return _moved(known, known.room, known.at, event, after, home)


def of_the_home(known: Company) -> Company:
    """Return what is the same whoever lives there: the ways between the rooms."""
    return Company(known.ways)


def _anew(known: Company) -> Company:
    if known.room is None or known.at is None:  # nothing was seen since the last time
        return known
    return Company(known.ways, seen={**known.seen, known.room: known.at})


def _settled(known: Company, doubt: Doubt, event: SensorEvent) -> Company:
    """Settle whether two were seen at once, now that more is known."""
    if event.at - doubt.at <= OUT_OF_ORDER:
        return msgspec.structs.replace(known, doubt=None) if event.room == doubt.way_in else known
    times = tuple(one for one in known.times if doubt.at - one <= TIMES_WITHIN)
    if times and doubt.at - times[-1] < ONE_HICCUP:
        return msgspec.structs.replace(known, doubt=None)
    times = (*times, doubt.at)[-TIMES:]
    sure = len(times) == TIMES or known.there(doubt.at)
    return msgspec.structs.replace(known, doubt=None, times=times, until=doubt.at + LASTS if sure else known.until)


def _moved(  # noqa: PLR0917  # from where and when, to where and when
    known: Company, room: RoomId, at: datetime, event: SensorEvent, where: Whereabouts, home: Home
) -> Company:
    """Take in that motion was seen in another room than before."""
    doubt = known.doubt or _doubted(known, room, at, event, where, home)
    seen = {**known.seen, room: at}
    was_there = seen.get(event.room)
    ways = known.ways
    if (was_there is None or event.at - was_there >= NOBODY_FOR) and event.at - at < SEEN_ELSEWHERE:
        ways = {**ways, event.room: _come(ways.get(event.room, Way()), seen, event)}
    return msgspec.structs.replace(known, ways=ways, room=event.room, at=event.at, seen=seen, doubt=doubt)


def _doubted(  # noqa: PLR0917
    known: Company, room: RoomId, at: datetime, event: SensorEvent, where: Whereabouts, home: Home
) -> Doubt | None:
    """Return a doubt if nobody can have walked from a room to that of an event, as far as the ways are known."""
    there, here = known.ways.get(event.room), known.ways.get(room)
    if there is None or here is None or event.at - at > WALKS_WITHIN:
        return None
    ins, outs = there.ins(), here.ins()
    if not outs or room in ins or event.room in outs:
        return None
    for way_in in ins:
        seen = known.seen.get(way_in)
        looked = seen is not None and at - seen > LOOKS_AGAIN and event.at - seen <= HEARD_WITHIN
        if looked and not any(one.room == way_in and one.id in where.holding for one in home.sensors):
            return Doubt(event.at, way_in)
    return None


def _come(way: Way, seen: dict[RoomId, datetime], event: SensorEvent) -> Way:
    comings, by = way.comings, way.by
    if comings >= COMINGS_MAX:  # and what is no way in is not remembered for ever
        comings, by = comings // 2, {room: times // 2 for room, times in by.items() if 2 * times >= comings}
    passed = [room for room, at in seen.items() if event.at - at <= JUST_BEFORE]
    return Way(comings + 1, {**by, **{room: by.get(room, 0) + 1 for room in passed}})
