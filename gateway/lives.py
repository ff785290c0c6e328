"""Lives of people who do not exist: where they are at night and how much they move, drawn from their habits.

A stream of stays, so that a life may go on for years. Chance is drawn from the seed for each stay by itself: what
happens in one of them changes nothing in another.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
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


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody lives, as far as it shows at night. Clock times are local; numbers are means a night.

    The defaults are the figures of 220 nights in one real home (detection study, section 5.1).
    """

    to_bed: time = time(22, 50)
    rises: time = time(7, 0)
    spread: timedelta = timedelta(minutes=20)  # standard deviation of both
    visits: float = 0.77  # to the bathroom
    visit_median: float = 2.9  # minutes
    visit_sigma: float = 0.29  # of the logarithm: p90 is 1.45 times the median
    long_visits: float = 0.02  # share of visits that take two to four times as long, and mean nothing
    walks: float = 0.0  # up and about in living room and kitchen
    walk_median: float = 60.0  # minutes
    smokes: float = 0.0  # out by the front door, and back within five minutes
    rounds: tuple[time, ...] = ()  # night staff look in
    silences: float = 0.0  # a motion sensor is not heard for one to three hours
    night: Night = Night()  # as agreed
    agreed_soon: tuple[str, ...] = ()


def life(habits: Habits, dice: Dice, first: date, zone: ZoneInfo) -> Iterator[Stay]:
    """Draw a life without end, from getting up on a date: day, night, day, in stays that follow on one another."""
    day, rises = first, _about(first, habits.rises, habits.spread, zone, dice(first, "rises"))
    while True:
        to_bed_on = day if habits.to_bed > habits.rises else day + timedelta(days=1)
        to_bed = _about(to_bed_on, habits.to_bed, habits.spread, zone, dice(day, "to bed"))
        yield from _by_day(rises, to_bed, dice(day, "day"))
        night_of = dice(day, "night")
        day += timedelta(days=1)
        rises = _about(day, habits.rises, habits.spread, zone, dice(day, "rises"))
        yield from _by_night(to_bed, rises, habits, night_of)


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


def _by_night(to_bed: datetime, rises: datetime, habits: Habits, chance: random.Random) -> Iterator[Stay]:
    """To bed, and out of it as often as habit has it; two outings at once are one."""
    yield Stay(to_bed, Place.BED)
    outings = [
        *[Place.BATHROOM] * poisson(habits.visits, chance),
        *[Place.LIVING] * poisson(habits.walks, chance),
        *[Place.OUT] * poisson(habits.smokes, chance),
    ]
    settled, stirring = to_bed + timedelta(minutes=30), rises - timedelta(minutes=30)
    seconds = (stirring - settled).total_seconds()
    free = settled
    for at, place in sorted((settled + timedelta(seconds=chance.uniform(0, seconds)), place) for place in outings):
        stays = list(_outing(at, place, habits, chance))
        if at >= free and stays[-1].start < stirring:
            yield from stays
            free = stays[-1].start + timedelta(minutes=15)


def _outing(at: datetime, place: Place, habits: Habits, chance: random.Random) -> Iterator[Stay]:
    if place is Place.BATHROOM:
        minutes = habits.visit_median * chance.lognormvariate(0, habits.visit_sigma)
        minutes *= chance.uniform(2, 4) if chance.random() < habits.long_visits else 1
        yield stay_in(place, at)
    elif place is Place.OUT:
        minutes = chance.uniform(2.5, 4.0)
        yield stay_in(place, at)
    else:
        minutes = habits.walk_median * chance.lognormvariate(0, 0.2)
        yield from about_the_house(at, at + in_minutes(minutes), chance)
    yield Stay(at + in_minutes(minutes), Place.BED)


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
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC) + spread * off


def later(clock: time, minutes: float) -> time:
    return (datetime.combine(date.min + timedelta(days=1), clock) + in_minutes(minutes)).time()


def in_minutes(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)
