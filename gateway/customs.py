"""How each sensor lets itself be heard: how long it is usually silent, how its battery falls, how well it is received.

All spans are minutes *listened* (`gateway.health`). Pure: an old custom and a sign of life in, a new custom out.
"""

import statistics
from itertools import combinations

import msgspec

from detectors.homes import Instant
from gateway.sources import Sign

DAYS = 14  # whole days of which each longest silence is remembered
DAYS_MIN = 3  # before anything is believed of a rhythm
DAY = 24 * 60.0  # minutes listened
WEEK = 7 * DAY
ALIKE = 0.10  # the longest silence of one day differs by no more from that of another, where a clock makes it
MOSTLY = 0.6  # of the days
CHECK_IN_MIN = 130.0  # minutes: two check-ins of an hourly sensor, the second a little late
MISSED_MIN = 2  # check-ins in a row that did not come, before a sensor is missed
MISSED_MAX = 4  # the same, however many a sensor loses
MISSED_NEW = 3  # the same, by its model alone: what it loses is not known yet
LATE = 0.2  # of a check-in's time: the last of them may be so late
FALSE = 0.004  # times a day that one sensor may be missed by chance, by the messages that it usually loses
USUALLY_LOST = 0.005, 150.0  # share of check-ins, until a sensor has shown its own; counts as so many of its own
REMEMBER = 0.97  # of what a sensor has lost, a day later
SILENCE_MIN = 15.0  # minutes: what is shorter says nothing of a clock
TICKS_MIN = 4  # silences of a day that are alike
TICKS_SHARE = 0.7  # of the silences that are no shorter, which a clock explains: alike, or so many of them together
OUTAGE_MISSED = 3  # check-ins: a longer silence was no loss of messages, and teaches no more
SILENCES_MAX = 120  # of a day
SITE_FACTOR = 2.2  # times the usual longest silence of all
SITE_LOSSY = 3.2  # the same, where it was longer on more days than one
SITE_WORST = 1.1  # times the longest that is remembered
LOST = 1.5  # times the usual: a message was lost in between
CHECK_IN_MAX = 6 * 60.0  # minutes: what speaks more seldom is missed by behaviour, if at all (`detectors.rhythms`)
BATTERY_NEW = 25.0  # percent above the lowest of the week: somebody has put in another one
BATTERY_WORN = 50.0  # percent: what is fuller than this, nobody replaces but by mistake
WEEKS = 8  # of which the lowest battery is remembered
WEEKS_MIN = 3
LINKS_MIN = 6  # hours of a day that had a message
HOUR = 60.0  # minutes listened


class Custom(msgspec.Struct, frozen=True, array_like=True):
    """What is known of how one sensor lets itself be heard. All spans in minutes listened."""

    heard_at: Instant
    heard: float  # listened until its last sign of life
    began: float  # listened until its present day began
    longest: float = 0.0  # silence of the present day
    days: tuple[float, ...] = ()  # the longest silence of each whole day, oldest first
    battery: tuple[float, ...] = ()  # percent: the last one told, and the one before
    low: bool = False  # it says so itself
    week: float = 0.0  # listened until the present week began
    lowest: float = 100.0  # percent, of the present week
    weeks: tuple[float, ...] = ()  # percent: the lowest of each whole week, oldest first
    links: tuple[float, ...] = ()  # LQI: one an hour, of the present day
    linked: float | None = None  # listened until the last of them
    link: float | None = None  # LQI: the median of the last whole day
    silences: tuple[float, ...] = ()  # of the present day, that are long enough to be a clock's
    beats: tuple[float, ...] = ()  # minutes from check-in to check-in, of each whole day; 0 where there is none
    asked: float = 0.0  # check-ins that were to come, and to be seen as such; of late more than of old
    missed: float = 0.0  # and those of them that did not
    rate: float = 0.0  # check-ins of the last whole day that were to be seen


def check_in(custom: Custom, says: float | None = None) -> float | None:
    """Return the minutes of silence after which a sensor that checks in by the clock is not there any more.

    None for a sensor that has no such habit, or is not known for `DAYS_MIN` days: one is believed to have it when its
    check-ins are as far apart on most days. People are not as regular as that, whatever they do. How many of them must
    fail to come depends on how many this sensor loses: so few that it is seldom missed by chance (`FALSE`). Until its
    own days are known it goes by what is known of its model, `says`: after how many minutes it speaks though nothing
    happens.
    """
    beats = custom.beats if len(custom.beats) >= DAYS_MIN else custom.days  # of a snapshot of an older make
    if len(beats) < DAYS_MIN:
        limit = None if says is None else max(CHECK_IN_MIN, (MISSED_NEW + LATE) * says)
        return None if limit is None or limit > CHECK_IN_MAX else limit
    usual = _usual(beats)
    if usual is None:
        return None
    limit = max(CHECK_IN_MIN, (_to_miss(custom) + LATE) * usual)
    return limit if limit <= CHECK_IN_MAX else None


def _usual(beats: tuple[float, ...]) -> float | None:
    """Return how far apart check-ins are by most of the days; None where days differ."""
    known = [one for one in beats if one]
    if len(known) < DAYS_MIN:
        return None
    usual = statistics.median(known)
    alike = sum(abs(one - usual) <= ALIKE * usual for one in known)
    return usual if alike >= max(DAYS_MIN, MOSTLY * len(beats)) else None


def _to_miss(custom: Custom) -> int:
    """Return how many check-ins in a row must fail to come, by the share that this sensor loses."""
    share, weight = USUALLY_LOST
    lost = (custom.missed + share * weight) / (custom.asked + weight)
    enough = (n for n in range(MISSED_MIN, MISSED_MAX) if custom.rate * lost**n <= FALSE)
    return next(enough, MISSED_MAX)


def _beat(silences: tuple[float, ...]) -> float:
    """Return how far apart the check-ins of a day were; 0 if its silences are not a clock's.

    Motion between two check-ins shortens a silence, and a lost one doubles it. So the silences of a clock are mostly
    alike, and none is longer but by whole ones; the alike ones that last longest together are taken for the clock's.
    """
    near = [[one for one in silences if abs(one - middle) <= ALIKE * middle] for middle in silences]
    alike = max(near, key=sum, default=[])
    if len(alike) < TICKS_MIN:
        return 0.0
    beat = statistics.median(alike)
    whole = [one for one in silences if one >= (1 - ALIKE) * beat]
    explained = sum(abs(one - _times(one, beat) * beat) <= LOST * ALIKE * beat for one in whole)
    return round(beat, 1) if explained >= TICKS_SHARE * len(whole) and 2 * len(alike) >= len(whole) else 0.0


def _times(silence: float, beat: float) -> int:
    return max(1, round(silence / beat))


def _counted(custom: Custom, beat: float) -> Custom:
    """Count what was lost on a day that is over, among the check-ins that could be seen to be."""
    usual = _usual((*custom.beats, beat)) or beat
    if not usual:
        return custom
    times = [_times(one, usual) for one in custom.silences if one >= (1 - ALIKE) * usual]
    missed = sum(min(one - 1, OUTAGE_MISSED) for one in times)
    return msgspec.structs.replace(
        custom,
        asked=round(REMEMBER * custom.asked + len(times) + missed, 1),
        missed=round(REMEMBER * custom.missed + missed, 2),
        rate=float(len(times) + missed),
    )


def lasts_days(custom: Custom) -> float | None:
    """Return for how many more days a battery lasts by the trend of its weeks; None if they show none."""
    if len(custom.weeks) < WEEKS_MIN:
        return None
    weeks = (*custom.weeks, custom.lowest)
    slope = statistics.median((later - one) / (j - i) for (i, one), (j, later) in combinations(enumerate(weeks), 2))
    return 7.0 * custom.lowest / -slope if slope < 0 else None


def silence(custom: Custom, least: float) -> float | None:
    """Return the minutes after which the silence of all sensors together is none of theirs; None if not known yet."""
    if len(custom.days) < DAYS_MIN:
        return None
    usual = statistics.median(custom.days)
    lossy = sum(day > LOST * usual for day in custom.days) > 1
    factor = SITE_LOSSY if lossy else SITE_FACTOR
    return max(least, factor * usual, SITE_WORST * max(custom.days))


def heard(custom: Custom | None, sign: Sign, listened: float) -> Custom:
    listened = round(listened, 1)
    if custom is None:
        custom = Custom(sign.at, listened, listened)
    elif sign.at <= custom.heard_at:
        return custom
    silent = round(listened - custom.heard, 1)
    longest = max(custom.longest, silent)
    if silent >= SILENCE_MIN:
        custom = msgspec.structs.replace(custom, silences=(*custom.silences, silent)[-SILENCES_MAX:])
    days, began, links, link = custom.days, custom.began, custom.links, custom.link
    if listened - began >= DAY:
        days, began, longest = (*days, longest)[-DAYS:], listened, 0.0
        custom = _day_over(custom)
        links, link = (), statistics.median(links) if len(links) >= LINKS_MIN else link
    linked = custom.linked
    if sign.link is not None and (linked is None or listened - linked >= HOUR):
        links, linked = (*links, sign.link), listened
    custom = msgspec.structs.replace(
        custom,
        heard_at=sign.at,
        heard=listened,
        began=began,
        longest=longest,
        days=days,
        links=links,
        linked=linked,
        link=link,
        low=custom.low if sign.low is None else sign.low,
    )
    return custom if sign.battery is None else charged(custom, sign.battery, listened)


def _day_over(custom: Custom) -> Custom:
    beat = _beat(custom.silences)
    custom = _counted(custom, beat)
    return msgspec.structs.replace(custom, silences=(), beats=(*custom.beats, beat)[-DAYS:])


def replaced(custom: Custom | None, sign: Sign) -> bool:
    """Whether a report of its level says that a sensor has another battery than before.

    It was half empty or emptier this week, and now is at least `BATTERY_NEW` fuller. Not seen: a battery that is
    replaced while it is fuller than half, and that of a sensor that only says whether it is low. Seen wrongly: a cold
    or resting battery whose voltage comes back so far; another device under the same name, which had its own.
    """
    if custom is None or sign.battery is None or not custom.battery or sign.at <= custom.heard_at:
        return False
    return custom.lowest <= BATTERY_WORN and sign.battery >= custom.lowest + BATTERY_NEW


def charged(custom: Custom, percent: float, listened: float) -> Custom:
    last = custom.battery[:1]
    if not last or percent >= custom.lowest + BATTERY_NEW:
        return msgspec.structs.replace(custom, battery=(percent, *last), lowest=percent, week=listened, weeks=())
    weeks, week, lowest = custom.weeks, custom.week, min(custom.lowest, percent)
    if listened - week >= WEEK:
        weeks, week, lowest = (*weeks, custom.lowest)[-WEEKS:], listened, percent
    return msgspec.structs.replace(custom, battery=(percent, *last), lowest=lowest, week=week, weeks=weeks)
