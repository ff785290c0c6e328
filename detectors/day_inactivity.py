"""At home by day, and nothing seen for long (model B by hours of the day, 4.5).

The silences of this home are learned, whatever they were: reading, a nap, an hour's shopping in a home whose front
door has no contact. So who is away every morning unseen has long silences in the morning, and is alerted on later.
"""

from datetime import datetime, timedelta

import msgspec

from detectors import silence
from detectors.episodes import Episode
from detectors.findings import Presence, What
from detectors.homes import Home, Instant, Kind, RoomKind, zone_of
from detectors.silence import Hazards, Silences
from detectors.whereabouts import Whereabouts

SILENT = Hazards(
    starts=silence.growing_bins(20.0, 420.0, bins=9),
    rates=(0.035,) * 9,
)
"""How silences of 20 minutes and more end by day, at home. From one real home (detection study, 5.4: 2.4 a day over an
hour, .7 over two hours, the longest in a month 183 minutes); beyond two hours slower than there, to be careful."""

THRESHOLD = 5.0
"""-ln of how likely a silence is to last so long, at which it is told. Shipped, measured on recorded days."""

UNSEEN_LEAVING = 1.5
"""How many times longer it may last after the last motion in a hall, where no contact on the front door tells who
leaves: more likely out than in need of help. A judgement."""

LONGER_THAN_TWICE = 1.15
"""How many times longer than what this home has done twice, about that hour of the day, a silence must last."""

FADES = 0.5 ** (1 / 28)  # a day: who was away every morning a month ago may not be now

SHORTEST = timedelta(minutes=SILENT.starts[0])
_LONGEST = timedelta(hours=16)
_HOUR = timedelta(hours=1)


_NONE = (0.0,) * 24


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of one home's silences by day, and what follows from it in the running hour."""

    silences: Silences = silence.fresh(SILENT)
    hour_ends: Instant | None = None  # until when `alert_after` holds, for a silence that begins
    alert_after: float = 0.0  # minutes
    longest: tuple[float, ...] = _NONE  # minutes, by hour of the clock at which they began; fading
    twice: tuple[float, ...] = _NONE  # the same, of the second longest: so long it has been more than once


def day_inactivity(where: Whereabouts, home: Home, known: Known) -> Episode | None:
    """Watch the time since the last sign of somebody who is at home by day.

    `known` as `heard` left it after the last sign. Who went to bed at night and is still there is the business of
    `late_rise`; of nights there are other detectors.
    """
    since = last_sign(where)
    if since is None or known.hour_ends is None or where.presence in {Presence.OUT, Presence.UNKNOWN} or where.leaving:
        return None
    if home.night.covers(since):
        return None
    minutes = known.alert_after
    if home.kind_of(where.room) is RoomKind.HALL and not any(one.kind is Kind.DOOR for one in home.sensors):
        minutes *= UNSEEN_LEAVING
    due = since + min(timedelta(minutes=min(minutes, 24 * 60.0)), _LONGEST)
    if due > since + _till_night(since, home):
        return None
    return Episode(What.DAY_INACTIVE, since=since, due=due, began=since, room=where.room)


def heard(
    known: Known,
    before: Whereabouts,
    after: Whereabouts,
    home: Home,
    threshold: float = THRESHOLD,
    *,
    blind: bool = False,
) -> Known:
    """Return what is known after a change of whereabouts: learn the silence that it ended, if it ended one.

    Cheap as long as signs come often: nothing is learned from a silence shorter than `SHORTEST`, and what follows
    from what is learned is worked out once an hour.

    `blind`: whether something was not heard; the end of such a silence may have been missed.
    """
    sign = last_sign(after)
    if sign is None:
        return known
    since = last_sign(before)
    if since is not None and sign - since >= SHORTEST:
        known = _learned(known, before, since, sign, home, ended=not blind)
    if known.hour_ends is None or sign >= known.hour_ends:
        known = refreshed(known, sign, home, threshold)
    return known


def refreshed(known: Known, at: datetime, home: Home, threshold: float = THRESHOLD) -> Known:
    """Return the same, with the minutes after which a silence is told that begins in this hour."""
    zone = zone_of(home.night.zone)
    local = at.astimezone(zone)
    begins = at - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    crossing = silence.hours_crossed(begins + _HOUR / 2, zone, hours=16)
    belief = silence.believed(SILENT, known.silences)
    minutes = belief.alert_after(threshold, silence.paces(SILENT, known.silences, crossing))
    hour = local.hour
    twice = max(known.twice[hour - 1], known.twice[hour], known.twice[(hour + 1) % 24])
    minutes = max(minutes, LONGER_THAN_TWICE * twice)
    return msgspec.structs.replace(known, hour_ends=begins + _HOUR, alert_after=min(minutes, 24 * 60.0))


def next_day(known: Known) -> Known:
    """Return what is still known a day later."""
    longest, twice = (tuple(FADES * x for x in each) for each in (known.longest, known.twice))
    return msgspec.structs.replace(known, silences=silence.aged(known.silences), longest=longest, twice=twice)


def after_absence(known: Known) -> Known:
    """Return what may still hold after two weeks away, or in another home (4.11)."""
    return Known(silence.after_absence(known.silences))


def last_sign(where: Whereabouts) -> datetime | None:
    """Return the last that was seen or felt of the resident: motion, or a bed lain on or left."""
    last, since = where.last_at, where.since
    if since is None or (last is not None and last >= since):
        return last
    return since


def _till_night(since: datetime, home: Home) -> timedelta:
    """Return how long it is from a moment by day until the watched night, by the local clock."""
    local, start = since.astimezone(zone_of(home.night.zone)), home.night.start
    return timedelta(minutes=(start.hour * 60 + start.minute - local.hour * 60 - local.minute - 1) % (24 * 60) + 1)


def _learned(known: Known, before: Whereabouts, since: datetime, until: datetime, home: Home, *, ended: bool) -> Known:
    if before.presence in {Presence.OUT, Presence.UNKNOWN} or home.night.covers(since):
        return known
    if until - since > _LONGEST:
        return known  # an absence, or an outage
    zone = zone_of(home.night.zone)
    night = since + _till_night(since, home)
    if until > night:
        # What went on into the night was only seen to last until it began; in bed it was the night's sleep.
        until, ended = night, False
        if before.presence is Presence.BED or until - since < SHORTEST:
            return known
    crossing = silence.hours_crossed(since, zone, hours=17)
    minutes = (until - since) / timedelta(minutes=1)
    learned = silence.learned(SILENT, known.silences, minutes, ended=ended, crossing=crossing)
    longest, twice = known.longest, known.twice
    hour = since.astimezone(zone).hour
    if minutes > twice[hour]:
        second, first = sorted((minutes, longest[hour]))
        longest = (*longest[:hour], first, *longest[hour + 1 :])
        twice = (*twice[:hour], second, *twice[hour + 1 :])
    # What was worked out from what was known before no longer holds.
    return Known(learned, longest=longest, twice=twice)
