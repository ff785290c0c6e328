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
CHECK_IN_FACTOR = 2.2  # times its usual longest silence: one lost message is nothing yet
CHECK_IN_LOSSY = 3.2  # the same, for a sensor that lost messages on more days than one: two in a row are nothing yet
CHECK_IN_WORST = 1.1  # times the longest of its silences that is remembered
LOST = 1.5  # times the usual: a message was lost in between
CHECK_IN_MAX = 6 * 60.0  # minutes: what speaks more seldom is missed by behaviour, if at all (`detectors.rhythms`)
BATTERY_NEW = 25.0  # percent above the lowest of the week: somebody has put in another one
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


def check_in(custom: Custom, says: float | None = None) -> float | None:
    """Return the minutes of silence after which a sensor that checks in by the clock is not there any more.

    None for a sensor that has no such habit, or is not known for `DAYS_MIN` days: one is believed to have it when its
    longest silence is nearly the same on most days. People are not as regular as that, whatever they do. Until then it
    goes by what is known of its model, `says`: after how many minutes it speaks though nothing happens.
    """
    if len(custom.days) < DAYS_MIN:
        limit = None if says is None else max(CHECK_IN_MIN, CHECK_IN_LOSSY * says)
        return None if limit is None or limit > CHECK_IN_MAX else limit
    limit = silence(custom, CHECK_IN_MIN)
    if limit is None or limit > CHECK_IN_MAX:
        return None
    usual = statistics.median(custom.days)
    alike = sum(abs(day - usual) <= ALIKE * usual for day in custom.days)
    return limit if alike >= max(DAYS_MIN, MOSTLY * len(custom.days)) else None


def lasts_days(custom: Custom) -> float | None:
    """Return for how many more days a battery lasts by the trend of its weeks; None if they show none."""
    if len(custom.weeks) < WEEKS_MIN:
        return None
    weeks = (*custom.weeks, custom.lowest)
    slope = statistics.median((later - one) / (j - i) for (i, one), (j, later) in combinations(enumerate(weeks), 2))
    return 7.0 * custom.lowest / -slope if slope < 0 else None


def silence(custom: Custom, least: float) -> float | None:
    if len(custom.days) < DAYS_MIN:
        return None
    usual = statistics.median(custom.days)
    lossy = sum(day > LOST * usual for day in custom.days) > 1
    factor = CHECK_IN_LOSSY if lossy else CHECK_IN_FACTOR
    return max(least, factor * usual, CHECK_IN_WORST * max(custom.days))


def heard(custom: Custom | None, sign: Sign, listened: float) -> Custom:
    listened = round(listened, 1)
    if custom is None:
        custom = Custom(sign.at, listened, listened)
    elif sign.at <= custom.heard_at:
        return custom
    longest = max(custom.longest, round(listened - custom.heard, 1))
    days, began, links, link = custom.days, custom.began, custom.links, custom.link
    if listened - began >= DAY:
        days, began, longest = (*days, longest)[-DAYS:], listened, 0.0
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


def charged(custom: Custom, percent: float, listened: float) -> Custom:
    last = custom.battery[:1]
    if not last or percent >= custom.lowest + BATTERY_NEW:
        return msgspec.structs.replace(custom, battery=(percent, *last), lowest=percent, week=listened, weeks=())
    weeks, week, lowest = custom.weeks, custom.week, min(custom.lowest, percent)
    if listened - week >= WEEK:
        weeks, week, lowest = (*weeks, custom.lowest)[-WEEKS:], listened, percent
    return msgspec.structs.replace(custom, battery=(percent, *last), lowest=lowest, week=week, weeks=weeks)
