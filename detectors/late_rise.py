"""Not up yet, long after the usual hour (4.8)."""

from datetime import UTC, datetime, time, timedelta

from detectors import clock_times
from detectors.clock_times import ClockTimes
from detectors.episodes import Episode
from detectors.findings import Presence, What
from detectors.habits import Population
from detectors.homes import Home, Kind, RoomKind, zone_of
from detectors.nights import UP_FOR_THE_DAY, Diary, Summary
from detectors.whereabouts import Whereabouts

AFTER_THE_NIGHT = Population(mean=0.3, between=1.2, within=0.7)
"""When people get up for the day, in hours after the end of their watched night. The variances are those of the one
real home of the study (5.1) within a season, and for homes a judgement: a care plan's night follows its resident."""

THRESHOLD = 2.3
"""Spreads after the usual hour at which it is told. Shipped, measured on recorded mornings (see the benchmarks)."""

MORNINGS_MIN = 4.0  # weight of five mornings; before them ...
CAUTIOUS = timedelta(hours=4)  # ... nobody is called sooner than this after the end of the watched night
HOME_BEFORE = timedelta(hours=4)  # the night, seen so late: at home, where no bed can be seen
BACK_IN_BED = timedelta(minutes=60)  # who was up this morning is back for so long, and not to dress
SOONEST, LATEST_ALERT = 2.2, 2.5  # hours after the usual one, however alike or unlike the mornings of a home are
LATEST = 20.0  # hours after the end of the night; by then it is another day


def late_rise(
    where: Whereabouts, home: Home, diary: Diary, known: ClockTimes, threshold: float = THRESHOLD
) -> Episode | None:
    """Watch that somebody who went to bed gets up, from their usual hour until the day's boundary.

    Where no bed is seen it is watched that somebody who was at home in the evening is seen anywhere but in bedroom
    and bathroom.
    """
    if diary.end is None or diary.over is None or where.presence in {Presence.OUT, Presence.UNKNOWN}:
        return None
    if not _went_to_bed(where, home, diary) or _risen(where, diary):
        return None
    weekend = _weekend(diary)
    middle = clock_times.alert_at(AFTER_THE_NIGHT, known, 0.0, weekend=weekend)
    alert = clock_times.alert_at(AFTER_THE_NIGHT, known, threshold, weekend=weekend)
    alert = min(max(alert, middle + SOONEST), middle + LATEST_ALERT)
    if alert > LATEST:
        return None
    since, due = _after(diary, home, middle), _after(diary, home, alert)
    due = max(due, diary.end)
    if diary.about_at is not None and where.since is not None:
        due = max(due, where.since + BACK_IN_BED)
    if known.habit.n < MORNINGS_MIN:
        due = max(due, diary.end + CAUTIOUS)
    if due >= diary.over:
        return None
    return Episode(What.LATE_RISE, since=since, due=due, began=since, room=where.room)


def learned(known: ClockTimes, summary: Summary, home: Home) -> ClockTimes:
    """Return what is known after a whole day. A night that was not seen is not learned; it ages what was."""
    local = summary.at.astimezone(zone_of(home.night.zone))
    offset = local.utcoffset()
    known = clock_times.next_night(known, 0.0 if offset is None else offset / timedelta(hours=1))
    if summary.rose is None or summary.left_out is not None:
        return known
    hour = (_wall(summary.rose, home) - _wall_end(summary, home)) / timedelta(hours=1)
    weekend = local.weekday() >= 5  # noqa: PLR2004  # Saturday, Sunday
    return clock_times.learned(AFTER_THE_NIGHT, known, hour, weekend=weekend)


RISING_SPREADS = 2.0  # before the usual hour: from then on getting up may be for the day
RISING_LEAST, RISING_MOST = 1.0, 5.0  # hours before the end of the night: anybody may get up in its last hour


def rising_from(known: ClockTimes) -> float | None:
    """Return how many hours before the end of the night this resident may get up for the day; None if not known yet."""
    if known.habit.n < MORNINGS_MIN:
        return None
    earliest = clock_times.alert_at(AFTER_THE_NIGHT, known, -RISING_SPREADS)
    return min(max(RISING_LEAST, round(-earliest, 1)), RISING_MOST)


def mornings(known: ClockTimes) -> int:
    """Return the weight of the mornings that were learned, in mornings."""
    return round(known.habit.n)


def _went_to_bed(where: Whereabouts, home: Home, diary: Diary) -> bool:
    if diary.to_bed is not None or where.presence is Presence.BED:
        return True
    bedroom = any(home.kind_of(one.room) is RoomKind.BEDROOM and one.kind is Kind.MOTION for one in home.sensors)
    seen = where.last_at is not None and diary.start is not None and where.last_at >= diary.start - HOME_BEFORE
    return not home.has_bed and not bedroom and seen


def _risen(where: Whereabouts, diary: Diary) -> bool:
    up = diary.about_at
    if up is None:
        return False
    back = where.since if where.presence is Presence.BED else None
    return back is None or back - up >= UP_FOR_THE_DAY


def _weekend(diary: Diary) -> bool:
    # The morning after a Friday and a Saturday night, whatever hours the night has.
    return diary.night is not None and diary.night.weekday() in {4, 5}


def _after(diary: Diary, home: Home, hours: float) -> datetime:
    """Return the instant so many hours after the end of the night, by the clock on the wall."""
    assert diary.end is not None
    zone = zone_of(home.night.zone)
    wall = diary.end.astimezone(zone).replace(tzinfo=None) + timedelta(hours=hours)
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _wall(at: datetime, home: Home) -> datetime:
    return at.astimezone(zone_of(home.night.zone)).replace(tzinfo=None)


def _wall_end(summary: Summary, home: Home) -> datetime:
    """Return the end of the watched night that a summary is of, on the wall."""
    closing, end = _wall(summary.at, home), home.night.end
    at_end = datetime.combine(closing.date(), time(end.hour, end.minute))
    return at_end if at_end <= closing else at_end - timedelta(days=1)
