"""What one night and the day after it came to: the diary of a home, kept while it runs and closed twice a day.

It is closed when the watched night ends, so that the morning hand-over has it, and again at the day's boundary: the
middle of the hours outside the watched night. From one boundary to the next is one day of this home, so whoever sleeps
from three to eleven has whole nights too. Nothing here judges; `restless`, `nocturia`, `rhythm_shift`, `decline` and
`late_rise` read it.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

import msgspec

from detectors.calibration import LeftOut
from detectors.findings import Presence, What
from detectors.homes import MORNING, WASHING, Home, HomeId, Instant, Kind, RoomId, RoomKind, zone_of
from detectors.moments import SensorEvent
from detectors.whereabouts import SETTLED_IN, Whereabouts

HOURS = 24
STAYS_MAX = 60
SHORTEST_STAY = timedelta(minutes=1)  # shorter ones are walked through, in a picture of a night
TURNED_OVER = timedelta(seconds=30)  # a bed sensor that lets go for less, with nobody seen elsewhere: nobody got up
AGAIN_WITHIN = timedelta(minutes=2)  # who lay down for less was still up
EARLY_TO_BED = timedelta(hours=4)  # before the watched night: lying down sooner is a nap
UP_AGAIN = timedelta(hours=1)  # who was up so long in the evening had not gone to bed yet
EARLIEST_RISE = timedelta(hours=5)  # before the end of the watched night: who got up sooner was not seen to rise
UP_FOR_THE_DAY = timedelta(hours=2)  # who is up so long towards morning or later has risen
NOTHING_HEARD = timedelta(hours=18)  # a silence of everything so long is an outage, or nobody is at home
AWAY_MOST = 0.5  # of a watched night spent out, and the night says nothing of nights at home
WHERE_ONE_LIVES = frozenset({RoomKind.LIVING, RoomKind.KITCHEN, RoomKind.OTHER})  # not on the way to anywhere
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


class Stay(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of a night: in bed, out, or up and in a room."""

    start: Instant
    end: Instant
    what: Presence
    room: RoomId | None = None  # the room last seen in, where up


class Learned(msgspec.Struct, frozen=True, array_like=True):
    """An episode that taught something, for who learns from many homes."""

    lesson: str
    minutes: float
    ended: bool  # whether its end was seen


class Summary(msgspec.Struct, frozen=True, kw_only=True, tag="night", omit_defaults=True):
    """What one night came to. The second of a night, `whole`, replaces the first and adds the day that followed it."""

    at: Instant  # when it was closed
    home: HomeId
    night: date  # of its evening
    whole: bool = False  # False: the watched night is over. True: the day after it is over too
    age: int = 0  # watched nights before it
    left_out: LeftOut | None = None  # why it says nothing about usual nights
    exits: int = 0  # times out of bed and back, in the watched night
    minutes_out: float = 0.0  # in all of them together
    visits: int = 0  # exits with the bathroom or toilet in them
    to_bed: Instant | None = None  # when the resident lay down for the night; None if that was not seen
    rose: Instant | None = None  # when they got up for the day; only in a whole one
    activity: tuple[float | None, ...] = ()  # by hour of the local clock from the day's boundary on, `HOURS` of them in
    # a whole one: minutes in which somebody was seen. None where the hour could not be seen, or was spent out
    highest: dict[str, float] = {}  # by detector: score of the most unusual finished episode of the night
    mostly_after: dict[What, float] = {}  # minutes after which kinds of alert that are learned come here now
    episodes: tuple[Learned, ...] = ()  # what was learned from, without what lies at home: whose, where or when
    stays: tuple[Stay, ...] = ()  # of the watched night, oldest first, at most `STAYS_MAX`


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something to look at in the morning: a night, or weeks, that are not like the ones before."""

    since: datetime  # when the night, or the time that is compared, began
    value: float  # times or visits of this night, or of late on average; hours of shift, later above zero
    usual: float  # the same, of the nights that it is compared with
    nights: int  # that `usual` rests on
    rank: float | None = None  # share of nights at least as unusual: low is unusual. None where evidence adds up


class Hours(NamedTuple):
    """The day of one night: its boundaries, and the watched night in it."""

    night: date
    begins: datetime
    start: datetime
    end: datetime
    over: datetime


class Diary(msgspec.Struct, frozen=True, array_like=True):
    """The day of a home as far as it has come."""

    night: date | None = None  # None before anything happened
    start: Instant | None = None  # of the watched night
    end: Instant | None = None
    over: Instant | None = None  # the day's boundary
    opened: Instant | None = None  # before it nothing was seen
    closed_once: bool = False  # whether the watched night was summed up
    age: int = 0
    left_out: LeftOut | None = None
    next_minute: Instant | None = None  # motion before this was counted
    slot_ends: Instant | None = None  # of the running hour
    active: int = 0  # minutes of the running hour in which somebody was seen
    hours: tuple[float | None, ...] = ()  # the hours before it
    blind: bool = False  # whether anything is unseen now
    was_blind: bool = False  # whether it was in the running hour
    exits: int = 0
    minutes_out: float = 0.0
    visits: int = 0
    left_at: Instant | None = None  # start of the running time out of bed
    washed: bool = False  # whether the bathroom was seen in it
    elsewhere: bool = False  # whether any room but the bedroom was
    back_at: Instant | None = None  # end of the last one
    to_bed: Instant | None = None
    rose: Instant | None = None  # the last that may have been rising
    about_at: Instant | None = None  # towards morning or later: first seen where one spends the day
    away: float = 0.0  # minutes of the watched night spent out
    stays: tuple[Stay, ...] = ()
    stay_from: Instant | None = None  # start of the running stay
    goes_on: bool = False  # whether the running time out of bed goes on from the last, which was counted
    washed_before: bool = False  # whether its visit to the bathroom was

    def in_night(self, at: datetime) -> bool:
        """Whether a moment of this day lies in its watched night."""
        return self.start is not None and self.end is not None and self.start <= at < self.end

    def rested(self) -> bool:
        """Whether the resident is known to have gone to bed."""
        return self.to_bed is not None


def noted(  # noqa: PLR0917  # what was, what is, and why: nothing to name again at every call
    diary: Diary, before: Whereabouts, after: Whereabouts, event: SensorEvent | None, at: datetime, home: Home
) -> Diary:
    """Take in a change of whereabouts, by an event or by time alone; the settled ones, in their order.

    One more motion in the minute and the room of the last costs a few comparisons.

    A day that is over is closed by `closed` and not here: call that first, when `due` says so.
    """
    counted = diary.next_minute
    if counted is not None and at < counted and before.presence is after.presence and before.room == after.room:
        return diary
    if diary.night is None:
        diary = _opened(diary, at, home)
    if event is not None and (diary.next_minute is None or at >= diary.next_minute):
        diary = _counted(diary, before, event, at)
    if before.presence is not after.presence:
        diary = _moved(diary, before, after, at)
    if diary.start is not None and diary.end is not None and diary.start <= at:
        diary = _drawn(diary, before, after, at)
        if event is not None and after.presence is Presence.UP:
            diary = _about(diary, event, after, at, home)
    return diary


def due(diary: Diary) -> datetime | None:
    """Return when the diary is next to be closed: at the end of the watched night, then at the day's boundary."""
    return diary.over if diary.closed_once else diary.end


def closed(diary: Diary, at: datetime, where: Whereabouts, home: Home) -> tuple[Diary, Summary]:
    """Return the diary after a closing, and what the night came to.

    `at` is what `due` said, however much later it is noticed; `where` is what was known then.
    """
    if diary.night is None:
        raise ValueError("nothing has happened yet that could be summed up")
    diary = _unheard(diary, at)
    if not diary.closed_once:
        diary = _drawn(_night_over(diary, where, at), where, where, at, last=True)
        return msgspec.structs.replace(diary, closed_once=True), _summary(diary, at, home)
    diary = _rolled(diary, where, at)
    lying = where.presence is Presence.BED and where.since is not None
    rose = None if lying and _of_the_night(diary, where.since or at) else diary.rose
    if rose is not None and diary.end is not None and rose < diary.end - EARLIEST_RISE:
        rose = None  # went to bed again unseen, or never was in it
    whole = _summary(msgspec.structs.replace(diary, rose=rose), at, home, whole=True)
    age = diary.age if whole.left_out is LeftOut.OUTAGE else diary.age + 1
    return _opened(Diary(age=age, blind=diary.blind, next_minute=diary.next_minute), at, home, fully=True), whole


def left_out(diary: Diary, why: LeftOut) -> Diary:
    """Return the diary of a night that will say nothing about usual nights; the first reason stands."""
    return diary if diary.left_out is not None else msgspec.structs.replace(diary, left_out=why)


def sighted(diary: Diary, where: Whereabouts, at: datetime, *, blind: bool) -> Diary:
    """Return the diary after the home went blind or can be seen again.

    Hours in which it was blind are not seen; and a watched night that was blind at any time is left out.
    """
    if blind is diary.blind or diary.night is None:
        return diary if blind is diary.blind else msgspec.structs.replace(diary, blind=blind, was_blind=blind)
    diary = _rolled(diary, where, at)
    diary = msgspec.structs.replace(diary, blind=blind, was_blind=True)
    assert diary.start is not None
    assert diary.end is not None
    # Who goes blind before the night may see again by then; if not, its closing knows.
    return left_out(diary, LeftOut.OUTAGE) if diary.start <= at < diary.end else diary


def hours_of(moment: datetime, home: Home) -> Hours:
    """Return the day that a moment belongs to, with its watched night: 23 or 25 hours where the clocks change.

    Examples
    --------
    >>> from detectors.homes import ResidentId
    >>> home = Home(id=HomeId("a/1"), resident=ResidentId("r"), rooms={}, sensors=())
    >>> hours = hours_of(datetime(2026, 3, 29, 2, tzinfo=UTC), home)
    >>> hours.night.isoformat(), hours.over - hours.begins
    ('2026-03-28', datetime.timedelta(seconds=82800))
    """
    night, zone = home.night, zone_of(home.night.zone)
    start, end = _minutes(night.start), _minutes(night.end)
    boundary = (end + (start - end) % _DAY // 2) % _DAY
    wall = moment.astimezone(zone).replace(tzinfo=None)
    day = wall.date() if wall.hour * 60 + wall.minute >= boundary else wall.date() - timedelta(days=1)
    first = day if start >= boundary else day + timedelta(days=1)
    last = first if end > start else first + timedelta(days=1)

    def instant(of: date, minutes: int) -> datetime:
        return datetime.combine(of, time(minutes // 60, minutes % 60), tzinfo=zone).astimezone(UTC)

    return Hours(
        night=day,
        begins=instant(day, boundary),
        start=instant(first, start),
        end=instant(last, end),
        over=instant(day + timedelta(days=1), boundary),
    )


_DAY = 24 * 60  # minutes


def _minutes(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _opened(diary: Diary, at: datetime, home: Home, *, fully: bool = False) -> Diary:
    day = hours_of(at, home)
    passed = int((at - day.begins) / _HOUR)
    late = not fully and at > day.start
    return msgspec.structs.replace(
        diary,
        night=day.night,
        start=day.start,
        end=day.end,
        over=day.over,
        opened=at,
        closed_once=at >= day.end,
        hours=(None,) * passed,
        slot_ends=day.begins + (passed + 1) * _HOUR,
        was_blind=diary.blind or not fully,
        left_out=LeftOut.OUTAGE if late else diary.left_out,
    )


def _counted(diary: Diary, before: Whereabouts, event: SensorEvent, at: datetime) -> Diary:
    """Count a minute in which somebody was seen, and know a long silence of everything."""
    diary = _unheard(diary, at)
    if diary.slot_ends is not None and at >= diary.slot_ends:
        diary = _rolled(diary, before, at)
    seen = event.kind in {Kind.MOTION, Kind.USE} and event.value > 0
    # A sensor that clears says only that it is heard; the minute stays open for one that sees.
    ends = at.replace(second=0, microsecond=0) + _MINUTE if seen else at
    return msgspec.structs.replace(diary, next_minute=ends, active=diary.active + seen)


def _unheard(diary: Diary, at: datetime) -> Diary:
    heard = diary.next_minute
    return left_out(diary, LeftOut.OUTAGE) if heard is not None and at - heard > NOTHING_HEARD else diary


def _rolled(diary: Diary, where: Whereabouts, at: datetime) -> Diary:
    """Put hours that are over away. `where` is what was so until now."""
    ends, active, was_blind = diary.slot_ends, diary.active, diary.was_blind
    if ends is None or at < ends:
        return diary
    hours = list(diary.hours)
    while at >= ends:
        out = where.presence is Presence.OUT and where.since is not None and where.since <= ends - _HOUR
        hours.append(None if was_blind or (out and not active) else float(active))
        ends, active, was_blind = ends + _HOUR, 0, diary.blind
    return msgspec.structs.replace(diary, hours=tuple(hours), slot_ends=ends, active=active, was_blind=was_blind)


def _moved(diary: Diary, before: Whereabouts, after: Whereabouts, at: datetime) -> Diary:
    """Take in that the resident lay down, got up, went out or came home."""
    if before.presence is Presence.BED:
        diary = _got_up(diary, before.since or at, after.left_bed_at or at)
    if before.presence is Presence.OUT:
        diary = msgspec.structs.replace(diary, away=diary.away + _in_night(diary, before.since or at, at))
    if after.presence is Presence.BED:
        diary = _lay_down(diary, after.since or at)
    return diary


def _got_up(diary: Diary, lay: datetime, left: datetime) -> Diary:
    assert diary.start is not None
    assert diary.end is not None
    changes: dict[str, object] = {}
    if left - lay >= SETTLED_IN and _of_the_night(diary, lay):
        rose, to_bed = diary.rose, diary.to_bed
        still_evening = rose is not None and rose < diary.start and lay - rose >= UP_AGAIN
        changes["to_bed"] = lay if to_bed is None or still_evening else to_bed
        changes["rose"] = left
        changes["about_at"] = None
    # Who has not settled yet and gets up again is still going to bed.
    if diary.start <= left < diary.end and (left - lay >= SETTLED_IN or diary.to_bed is not None):
        back = diary.back_at
        again = back is not None and left - back < AGAIN_WITHIN
        # Who lay down for a moment was up all the while: it is one exit still.
        changes |= {"left_at": left, "goes_on": again, "washed_before": again and diary.washed}
        if not again:
            changes |= {"washed": False, "elsewhere": False}
    return msgspec.structs.replace(diary, **changes) if changes else diary


def _of_the_night(diary: Diary, lay: datetime) -> bool:
    """Whether lying down then is still part of the night's sleep: not a nap before it, nor after rising."""
    if diary.start is None or diary.end is None or lay < diary.start - EARLY_TO_BED:
        return False
    rose = diary.rose
    if rose is None:
        return lay < diary.end + UP_FOR_THE_DAY
    return lay - rose < UP_FOR_THE_DAY or (rose < diary.end - MORNING and lay < diary.end)


def _lay_down(diary: Diary, lay: datetime) -> Diary:
    """Count a time out of bed, now that it is over."""
    left = diary.left_at
    if left is None:
        return diary
    lasted = lay - left
    if lasted < TURNED_OVER and not diary.elsewhere:
        return msgspec.structs.replace(diary, left_at=None, back_at=None)  # there is no return to take back
    return msgspec.structs.replace(
        diary,
        exits=diary.exits + (not diary.goes_on),
        visits=diary.visits + (diary.washed and not diary.washed_before),
        minutes_out=diary.minutes_out + _in_night(diary, left, lay),
        left_at=None,
        back_at=lay,
    )


def _night_over(diary: Diary, where: Whereabouts, at: datetime) -> Diary:
    """Count what is still running when the watched night ends: up since long before morning, or away all night."""
    left = diary.left_at
    if left is not None and left < at - MORNING:  # later than that it may be for the day
        diary = _lay_down(diary, at)
    away = diary.away
    if where.presence is Presence.OUT:
        away += _in_night(diary, where.since or at, at)
    diary = msgspec.structs.replace(diary, left_at=None, away=away)
    assert diary.start is not None
    if away > AWAY_MOST * ((at - diary.start) / _MINUTE) or diary.blind:
        return left_out(diary, LeftOut.OUTAGE)
    return diary


def _in_night(diary: Diary, since: datetime, until: datetime) -> float:
    """Return the minutes of a stretch that lie in the watched night."""
    assert diary.start is not None
    assert diary.end is not None
    return max(0.0, (min(until, diary.end) - max(since, diary.start)) / _MINUTE)


def _about(diary: Diary, event: SensorEvent, after: Whereabouts, at: datetime, home: Home) -> Diary:
    """Note where somebody who is up was seen: in the bathroom, elsewhere, where one spends the day."""
    if event.kind not in {Kind.MOTION, Kind.USE} or event.value == 0.0 or after.last_at != event.at:
        return diary
    room = home.kind_of(event.room)
    if room is RoomKind.BEDROOM:
        return diary
    washing = room in WASHING
    if diary.left_at is not None and (not diary.elsewhere or (washing and not diary.washed)):
        diary = msgspec.structs.replace(diary, elsewhere=True, washed=diary.washed or washing)
    morning = diary.end is not None and at >= diary.end - MORNING
    if diary.about_at is None and morning and room in WHERE_ONE_LIVES:
        return msgspec.structs.replace(diary, about_at=at)
    return diary


def _drawn(diary: Diary, before: Whereabouts, after: Whereabouts, at: datetime, *, last: bool = False) -> Diary:
    """Keep the stays of the watched night, for its picture."""
    assert diary.start is not None
    assert diary.end is not None
    if diary.closed_once or (not last and _place(before) == _place(after)):
        return diary
    start = max(diary.stay_from or diary.opened or diary.start, diary.start)
    end = min(at, diary.end)
    what, room = _place(before)
    stays = diary.stays
    if stays and (
        end - start < SHORTEST_STAY or len(stays) == STAYS_MAX or (stays[-1].what, stays[-1].room) == (what, room)
    ):
        stays = (*stays[:-1], msgspec.structs.replace(stays[-1], end=end))
    elif end > start:
        stays = (*stays, Stay(start, end, what, room))
    return msgspec.structs.replace(diary, stays=stays, stay_from=end)


def _place(where: Whereabouts) -> tuple[Presence, RoomId | None]:
    return where.presence, where.room if where.presence is Presence.UP else None


def _summary(diary: Diary, at: datetime, home: Home, *, whole: bool = False) -> Summary:
    assert diary.night is not None
    return Summary(
        at=at,
        home=home.id,
        night=diary.night,
        whole=whole,
        age=diary.age,
        left_out=diary.left_out,
        exits=diary.exits,
        minutes_out=round(diary.minutes_out, 1),
        visits=diary.visits,
        to_bed=diary.to_bed,
        rose=diary.rose if whole else None,
        activity=_by_the_clock(diary, at, home) if whole else (),
        stays=diary.stays,
    )


def _by_the_clock(diary: Diary, at: datetime, home: Home) -> tuple[float | None, ...]:
    """Return the hours by the local clock: of two that read the same the mean, none for one that was skipped."""
    raw = diary.hours
    if len(raw) == HOURS:
        return raw
    zone, begins = zone_of(home.night.zone), at - len(raw) * _HOUR
    walls = [(begins + i * _HOUR).astimezone(zone).replace(tzinfo=None) for i in range(len(raw))]
    found: list[list[float]] = [[] for _ in range(HOURS)]
    for wall, active in zip(walls, raw, strict=True):
        slot = int((wall - walls[0]) / _HOUR)
        if active is not None and 0 <= slot < HOURS:
            found[slot].append(active)
    return tuple(sum(each) / len(each) if each else None for each in found)
