"""Lives of people who do not exist: where they are at night and how much they move, drawn from their habits.

A stream of stays, so that a life may go on for years. Chance is drawn from the seed for each stay by itself: what
happens in one of them changes nothing in another.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from math import cos, pi, sqrt
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from detectors.homes import Night

Dice = Callable[..., random.Random]  # for a subject (a day, a stay) always the same dice


class Place(StrEnum):
    """Where a person can be. Every room opens on the hall, and so does the front door."""

    BED = "bed"
    BEDROOM = "bedroom"
    BATHROOM = "bathroom"
    LIVING = "living"
    KITCHEN = "kitchen"
    HALL = "hall"
    OUT = "out"


_MOVES = {Place.BATHROOM: 4.0, Place.KITCHEN: 4.0, Place.LIVING: 0.7, Place.BEDROOM: 3.0, Place.HALL: 6.0}


class Stay(NamedTuple):
    """From `start` until the next stay begins, a person is here and moves so many times a minute."""

    start: datetime
    place: Place
    moves: float = 0.0


class Daytime(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody spends the day, as far as a motion sensor notices. Numbers are means a day.

    The defaults give the silences of 30 days in one real home (detection study, section 5.4): 2.4 a day of more than
    an hour, the longest of a day 131 minutes in the median, none of more than about three hours.
    """

    quiet: float = 10.0  # spells of an hour and more without a movement wished for (a book, a nap); some three fit in
    naps: float = 0.2  # share of those about midday that is spent in bed
    errands: float = 0.9  # out by the front door
    work: tuple[time, time] | None = None  # away from home from Monday to Friday


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody lives, as far as it shows at night. Clock times are local; numbers are means a night.

    The defaults are the figures of 220 nights in one real home (detection study, section 5.1).
    """

    to_bed: time = time(22, 50)
    rises: time = time(7, 0)
    spread: timedelta = timedelta(minutes=20)  # standard deviation of both
    rise_spread: timedelta | None = None  # of the rises, if it is another
    rise_memory: float = 0.0  # correlation of one morning with the morning before
    season: timedelta = timedelta()  # rises so much later than that in early January, so much earlier in early July
    lies_in: timedelta = timedelta()  # later still at weekends
    visits: float = 0.77  # to the bathroom
    visit_median: float = 2.9  # minutes
    visit_sigma: float = 0.29  # of the logarithm: p90 is 1.45 times the median
    long_visits: float = 0.02  # share of visits that take two to four times as long, and mean nothing
    bad_nights: float = 0.0  # share of nights in which all visits take longer, and there are some more of them
    walks: float = 0.0  # up and about in living room and kitchen
    walk_median: float = 60.0  # minutes
    smokes: float = 0.0  # out by the front door, and back within five minutes
    rounds: tuple[time, ...] = ()  # night staff look in
    silences: float = 0.0  # a motion sensor is not heard for one to three hours
    stirs: float = 0.0  # movements an hour in bed that a motion sensor in the bedroom would see
    visitors: float = 0.0  # a day: somebody comes in the afternoon and leaves again
    daytime: Daytime | None = None  # none: from room to room, and never still for long
    night: Night = Night()  # as agreed
    agreed_soon: tuple[str, ...] = ()


def life(habits: Habits, dice: Dice, first: date, zone: ZoneInfo) -> Iterator[Stay]:
    """Draw a life without end, from getting up on a date: day, night, day, in stays that follow on one another."""
    day, mornings = first, _mornings(habits, dice, first, zone)
    rises = next(mornings)
    while True:
        to_bed_on = day if habits.to_bed > habits.rises else day + timedelta(days=1)
        to_bed = _about(to_bed_on, habits.to_bed, habits.spread, zone, dice(day, "to bed"))
        if habits.daytime is None:
            yield from _by_day(rises, to_bed, dice(day, "day"))
        else:
            yield from _through_the_day(rises, to_bed, habits, zone, dice(day, "day"))
        night_of = dice(day, "night")
        day += timedelta(days=1)
        rises = next(mornings)
        yield from _by_night(to_bed, rises, habits, night_of)


def _mornings(habits: Habits, dice: Dice, first: date, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield when somebody gets up for the day, day after day. Who rose late yesterday rises rather late today."""
    spread, memory = habits.rise_spread or habits.spread, habits.rise_memory
    day, off = first, 0.0
    while True:
        off = memory * off + sqrt(1 - memory**2) * dice(day, "rises").gauss(0, 1)
        later_by = habits.season * cos(2 * pi * (day.timetuple().tm_yday - 5) / 365)
        if day.weekday() >= _SATURDAY:
            later_by += habits.lies_in
        yield _at(day, habits.rises, zone) + later_by + spread * max(-2.5, min(2.5, off))
        day += timedelta(days=1)


_SATURDAY = 5


def _by_day(rises: datetime, to_bed: datetime, chance: random.Random) -> Iterator[Stay]:
    """Washing and breakfast, then from room to room, and now and then out."""
    medians = {Place.LIVING: 35.0, Place.KITCHEN: 9.0, Place.BATHROOM: 4.5, Place.OUT: 50.0}  # minutes
    likely = {Place.LIVING: 6.0, Place.KITCHEN: 3.0, Place.BATHROOM: 2.0, Place.OUT: 0.7}
    yield stay_in(Place.BATHROOM, rises)
    at = rises + in_minutes(9 * chance.uniform(0.6, 1.5))
    place = Place.KITCHEN
    while at < to_bed:
        yield stay_in(place, at)
        at += in_minutes(medians[place] * chance.lognormvariate(0, 0.5))
        others = [other for other in likely if other is not place]
        place = chance.choices(others, [likely[other] for other in others])[0]
        if place is Place.OUT and to_bed - at < timedelta(hours=3):
            place = Place.BATHROOM  # home in time


class _Plan(NamedTuple):
    start: datetime
    end: datetime
    place: Place


def _through_the_day(
    rises: datetime, to_bed: datetime, habits: Habits, zone: ZoneInfo, chance: random.Random
) -> Iterator[Stay]:
    """Washing, then from room to room; in between what the day has planned: work, errands, an hour without a stir."""
    at = rises + in_minutes((4.5 + habits.visit_median) * chance.uniform(0.6, 1.5))
    yield from in_bouts(Place.BATHROOM, rises, at, chance)
    evening = _at(rises.astimezone(zone).date(), time(19, 30), zone)
    for start, end, place in _plans(at, to_bed, habits.daytime or Daytime(), zone, chance):
        yield from _from_room_to_room(at, start, evening, habits, chance)
        if place is Place.LIVING:
            yield Stay(start, place, 2.0)
            start += in_minutes(2)  # noqa: PLW2901
        yield Stay(start, place, habits.stirs / 60 if place is Place.BED else 0.0)
        at = end
    yield from _from_room_to_room(at, to_bed, evening, habits, chance)


def _plans(begins: datetime, ends: datetime, daytime: Daytime, zone: ZoneInfo, chance: random.Random) -> list[_Plan]:
    """Return what is planned for a day, in order. What does not fit beside work, and then errands, is left out."""
    begins, ends = begins + in_minutes(15), ends - in_minutes(20)
    wanted = []
    today = begins.astimezone(zone).date()
    if daytime.work is not None and today.weekday() < _SATURDAY:
        leaves, returns = (_about(today, clock, in_minutes(8), zone, chance) for clock in daytime.work)
        wanted.append(_Plan(max(begins, leaves), returns, Place.OUT))
    breakfasted = begins + in_minutes(60)
    seconds = max(0.0, (ends - breakfasted).total_seconds())
    # Not before shops open: in 220 days of one real home nobody left between 22:00 and 06:00 (section 5.1).
    opens = max(begins, _at(today, time(7, 45), zone))
    for _ in range(poisson(daytime.errands, chance)):
        start = opens + (ends - opens) * chance.uniform(0, 0.75)  # and home in time
        wanted.append(_Plan(start, start + in_minutes(50 * chance.lognormvariate(0, 0.6)), Place.OUT))
    for _ in range(poisson(daytime.quiet, chance)):
        start = breakfasted + timedelta(seconds=chance.uniform(0, seconds))
        midday = begins + timedelta(hours=3) < start < ends - timedelta(hours=3)
        place = Place.BED if midday and chance.random() < daytime.naps else Place.LIVING
        wanted.append(_Plan(start, start + in_minutes(60 + 125 * chance.random() ** 1.5), place))
    planned: list[_Plan] = []
    for plan in wanted:
        apart = all(plan.end <= other.start or other.end <= plan.start for other in planned)
        if plan.start < plan.end <= ends and apart:
            planned.append(plan)
    return sorted(planned)


_ROOM_MEDIANS = {Place.LIVING: 35.0, Place.KITCHEN: 9.0, Place.BATHROOM: 0.0, Place.BEDROOM: 4.0}  # minutes
_ROOM_WEIGHTS = {Place.LIVING: 6.0, Place.KITCHEN: 1.9, Place.BATHROOM: 1.5, Place.BEDROOM: 0.5}
_SEATED = 0.35  # movements a minute in a chair by day; half as many in the evening, before the television


def _from_room_to_room(
    at: datetime, until: datetime, evening: datetime, habits: Habits, chance: random.Random
) -> Iterator[Stay]:
    place = Place.KITCHEN
    while at < until:
        minutes = (_ROOM_MEDIANS[place] or habits.visit_median) * chance.lognormvariate(0, 0.5)
        if place is Place.BATHROOM:
            yield from in_bouts(place, at, min(until, at + in_minutes(minutes)), chance)
        elif place is Place.LIVING:
            yield Stay(at, place, _SEATED if at < evening else _SEATED / 2)
            minutes *= 1 if at < evening else 1.5
        else:
            yield Stay(at, place, 1.0)
        at += in_minutes(minutes)
        others = [other for other in _ROOM_WEIGHTS if other is not place]
        place = chance.choices(others, [_ROOM_WEIGHTS[other] for other in others])[0]


def in_bouts(place: Place, at: datetime, until: datetime, chance: random.Random) -> Iterator[Stay]:
    """Draw a stay with pauses: who sits or stands still in a bathroom is not seen for minutes, and then often.

    Of the gaps between two movements one in a hundred is longer than 2.6 minutes, as seen in a real bathroom by a
    sensor that never looks away (detection study, section 5.4).
    """
    while at < until:
        yield Stay(at, place, 6.0)
        at += in_minutes(0.1 + chance.expovariate(1 / 1.4))  # who comes in is seen
        if at < until:
            yield Stay(at, place)
            at += in_minutes(chance.expovariate(1 / 1.4))


def _by_night(to_bed: datetime, rises: datetime, habits: Habits, chance: random.Random) -> Iterator[Stay]:
    """To bed, and out of it as often as habit has it; two outings at once are one."""
    yield Stay(to_bed, Place.BED, habits.stirs / 60)
    bad = habits.bad_nights > 0 and chance.random() < habits.bad_nights
    slower = chance.uniform(1.3, 2.2) if bad else 1.0
    more = 1 + poisson(1.5, chance) if bad else 0
    outings = [
        *[Place.BATHROOM] * (poisson(habits.visits, chance) + more),
        *[Place.LIVING] * poisson(habits.walks, chance),
        *[Place.OUT] * poisson(habits.smokes, chance),
    ]
    settled, stirring = to_bed + timedelta(minutes=30), rises - timedelta(minutes=30)
    seconds = (stirring - settled).total_seconds()
    free = settled
    for at, place in sorted((settled + timedelta(seconds=chance.uniform(0, seconds)), place) for place in outings):
        stays = list(_outing(at, place, habits, slower, chance))
        if at >= free and stays[-1].start < stirring:
            yield from stays
            free = stays[-1].start + timedelta(minutes=15)


def _outing(at: datetime, place: Place, habits: Habits, slower: float, chance: random.Random) -> Iterator[Stay]:
    if place is Place.BATHROOM:
        minutes = habits.visit_median * chance.lognormvariate(0, habits.visit_sigma)
        minutes *= max(slower, chance.uniform(2, 4) if chance.random() < habits.long_visits else 1)
        if habits.daytime is None:
            yield stay_in(place, at)
        else:
            minutes += 0.4  # the way there, out of bed and through the hall, is no part of the visit
            yield from in_bouts(place, at, at + in_minutes(minutes), chance)
    elif place is Place.OUT:
        minutes = chance.uniform(2.5, 4.0)
        yield stay_in(place, at)
    else:
        minutes = habits.walk_median * chance.lognormvariate(0, 0.2)
        yield from about_the_house(at, at + in_minutes(minutes), chance)
    yield Stay(at + in_minutes(minutes), Place.BED, habits.stirs / 60)


def about_the_house(at: datetime, until: datetime, chance: random.Random) -> Iterator[Stay]:
    place = Place.LIVING
    while at < until:
        yield Stay(at, place, 3.0)
        at += in_minutes(chance.uniform(4, 12))
        place = Place.KITCHEN if place is Place.LIVING else Place.LIVING


class Visit(NamedTuple):
    """Somebody comes in by the front door, goes to a room and leaves."""

    at: datetime
    lasts: timedelta
    place: Place


def callers(visits: Iterable["Visit"], first: datetime) -> Iterator[Stay]:
    """Draw the same kind of life for whoever comes in from outside: one at a time, and gone again."""
    yield Stay(first, Place.OUT)
    free = first
    for visit in visits:
        if visit.at >= free:
            yield Stay(visit.at, visit.place, 3.0)
            yield Stay(visit.at + visit.lasts, Place.OUT)
            free = visit.at + visit.lasts + timedelta(minutes=5)


def rounds(habits: Habits, dice: Dice, first: date, zone: ZoneInfo) -> Iterator[Visit]:
    day = first
    while habits.rounds:
        chance = dice(day, "rounds")
        starts = (_about(day, clock, timedelta(minutes=5), zone, chance) for clock in habits.rounds)
        yield from (Visit(at, in_minutes(chance.uniform(3, 6)), Place.BEDROOM) for at in sorted(starts))
        day += timedelta(days=1)


def visitors(habits: Habits, dice: Dice, first: date, zone: ZoneInfo) -> Iterator[Visit]:
    """Draw who comes of an afternoon. Nobody does on a day when the resident is at work."""
    works = habits.daytime is not None and habits.daytime.work is not None
    day = first
    while habits.visitors:
        chance = dice(day, "visitors")
        at_home = not works or day.weekday() >= _SATURDAY
        starts = [chance.uniform(0, 210) for _ in range(poisson(habits.visitors, chance) if at_home else 0)]
        for minutes in sorted(starts):
            at = _at(day, time(13, 30), zone) + in_minutes(minutes)
            yield Visit(at, in_minutes(chance.uniform(20, 90)), Place.LIVING)
        day += timedelta(days=1)


def ways(stays: Iterable[Stay], dice: Dice) -> Iterator[Stay]:
    """Add how one gets from each stay to the next: out of bed, through the hall. Nobody jumps.

    A stay's start is when one sets out for it. Who is still under way by then sets out on arrival.
    """
    here: Stay | None = None
    for there in stays:
        at = there.start
        if here is not None:
            at = max(at, here.start + timedelta(seconds=1))
            chance = dice(there.start, "way")
            for step in _steps(here.place, there.place):
                yield stay_in(step, at)
                at += timedelta(seconds=chance.uniform(10, 25) if step is Place.BEDROOM else chance.uniform(4, 12))
        here = Stay(at, there.place, there.moves)
        yield here


def _steps(here: Place, there: Place) -> tuple[Place, ...]:
    """Return the places that one passes between two others."""
    if here is there:
        return ()
    out_of = [Place.BEDROOM] if here is Place.BED else []
    into = [Place.BEDROOM] if there is Place.BED else []
    through = [] if {here, there} == {Place.BED, Place.BEDROOM} else [Place.HALL]
    return tuple(step for step in (*out_of, *through, *into) if step not in {here, there})


def stay_in(place: Place, start: datetime) -> Stay:
    return Stay(start, place, _MOVES.get(place, 0.0))


def chance_of(*subject: object) -> random.Random:
    """Return dice that always fall the same way for the same subject."""
    return random.Random("/".join(map(str, subject)))  # noqa: S311  # a rehearsal must be repeatable, not secret


def poisson(mean: float, chance: random.Random) -> int:
    count, left = 0, chance.expovariate(1.0)
    while left < mean:
        count, left = count + 1, left + chance.expovariate(1.0)
    return count


def _about(day: date, clock: time, spread: timedelta, zone: ZoneInfo, chance: random.Random) -> datetime:
    """Return an instant near a local clock time, never further than two and a half spreads from it."""
    off = max(-2.5, min(2.5, chance.gauss(0, 1)))
    return _at(day, clock, zone) + spread * off


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


def later(clock: time, minutes: float) -> time:
    return (datetime.combine(date.min + timedelta(days=1), clock) + in_minutes(minutes)).time()


def in_minutes(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)
