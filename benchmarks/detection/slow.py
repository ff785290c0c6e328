"""Incidents that take a night, a day or weeks: restless nights, more visits to the toilet, another rhythm, no sign."""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from benchmarks.detection.edits import (
    TRIES,
    Draw,
    Unseen,
    bed_is_wrong,
    moved,
    poisson,
    tail,
    when,
    without_resident,
)
from benchmarks.detection.nights import ClientNight
from benchmarks.detection.stays import Span, Stays
from detectors.homes import Kind, RoomKind
from detectors.moments import SensorEvent

BASELINE_NIGHTS = 14  # that a slow change must be able to differ from
NOCTURIA_NIGHTS, NOCTURIA_VISITS = 28, 1.5
RHYTHM_NIGHTS, RHYTHM_SHIFT, RHYTHM_RAMPS = 21, timedelta(hours=2), (1, 7, 21)
MORNINGS = (7, 28)  # at least, and at most, of which a usual hour of rising is made
LATE_FOR = timedelta(hours=6)
INACTIVE_FOR = timedelta(hours=8)
SEEN_AROUND = timedelta(minutes=10)  # somebody seen so shortly before and after is at home, and awake
OUTING_AT_MOST = timedelta(minutes=60)  # longer ones are not what makes a night restless
APART = timedelta(minutes=5)


def restless(stays: Stays, dice: random.Random, number: int, *, exits: int) -> Draw | Unseen:
    """Add outings from bed to one night: a Poisson number of them, each a real one of another night."""
    nights = stays.recorded.watched
    if not nights:
        return Unseen("no night that counts")
    night = nights[number * 7919 % len(nights)]
    added = sorted(_with_outings(stays, [(night, max(1, poisson(exits, dice)))], _trips(stays), dice), key=when)
    if not added:
        return Unseen("nobody is ever seen leaving bed at night and going back")
    t0, until = added[0].at, night.over
    return Draw(t0=t0, cut=t0, until=until, tail=tail(t0, until, stays.recorded.between(t0, until), added))


def nocturia(stays: Stays, dice: random.Random, number: int) -> Draw | Unseen:
    """Add visits to the bathroom for four weeks: one and a half more a night, each a real one of another night."""
    run = _run_of_nights(stays, NOCTURIA_NIGHTS, number)
    if isinstance(run, Unseen):
        return run
    visits = [trip for trip in _trips(stays) if any(trip.holds(stay.start) for stay in stays.washings)]
    if not visits:
        return Unseen("nobody is ever seen going to the bathroom from bed and back")
    wanted = [(night, poisson(NOCTURIA_VISITS, dice)) for night in run if not night.outage]
    added = list(_with_outings(stays, wanted, visits, dice))
    if not added:
        return Unseen("no room for another visit in those nights")
    # The last night is read when its day is over, which still is its day.
    t0, until = run[0].start, run[-1].over
    return Draw(t0=t0, cut=t0, until=until, tail=tail(t0, until, stays.recorded.between(t0, until), added))


def rhythm(stays: Stays, dice: random.Random, number: int) -> Draw | Unseen:
    """Let everything happen two hours later, coming about in one night, a week or three."""
    run = _run_of_nights(stays, RHYTHM_NIGHTS, number)
    if isinstance(run, Unseen):
        return run
    ramp = dice.choice(RHYTHM_RAMPS)
    t0, until = run[0].start, run[-1].over
    shifted = (
        moved(event, RHYTHM_SHIFT * min(1.0, ((event.at - t0).days + 1) / ramp))
        for event in stays.recorded.between(t0, until)
    )
    setting = f"over {ramp} night{'s' if ramp > 1 else ''}"
    return Draw(t0=t0, cut=t0, until=until, tail=tail(t0, until, shifted), setting=setting)


def late_rise(stays: Stays, dice: random.Random, number: int) -> Draw | Unseen:  # noqa: ARG001  # nothing is left to chance
    """Do not get up: nothing more is seen after the night. Late is counted from when this person usually rises."""
    rises = stays.rises
    zone = ZoneInfo(stays.recorded.home.night.zone)
    at_least, at_most = MORNINGS
    if len(rises) <= at_least:
        return Unseen(f"fewer than {at_least + 1} mornings on which somebody is seen to rise")
    found = at_least + number * 7919 % (len(rises) - at_least)
    cut = rises[found]
    local = cut.astimezone(zone)
    midnight = datetime.combine(local.date(), datetime.min.time(), tzinfo=zone)
    before = [_clock_hours(rise.astimezone(zone)) for rise in rises[max(0, found - at_most) : found]]
    t0 = (midnight + timedelta(hours=median(before))).astimezone(UTC)
    if cut > t0 + timedelta(hours=1):
        return Unseen("rose late of their own accord")
    until = t0 + LATE_FOR
    return Draw(t0=t0, cut=cut, until=until, tail=tail(cut, until, without_resident(stays, cut, until)))


def day_inactive(stays: Stays, dice: random.Random, number: int) -> Draw | Unseen:  # noqa: ARG001  # any day will do
    """Be at home and awake by day, and from one moment on not be seen any more."""
    nights = stays.recorded.watched
    for _ in range(TRIES if nights else 0):
        at = dice.choice(nights).end + timedelta(hours=dice.uniform(2, 9))
        before, after = stays.recorded.between(at - SEEN_AROUND, at), stays.recorded.between(at, at + SEEN_AROUND)
        if not _seen(before) or not _seen(after) or at + INACTIVE_FOR > stays.recorded.times[-1]:
            continue
        if any(event.kind is Kind.DOOR for event in (*before, *after)) or bed_is_wrong(stays.recorded, at):
            continue
        if _seen_outside(stays, before):
            continue
        until = at + INACTIVE_FOR
        return Draw(t0=at, cut=at, until=until, tail=tail(at, until, without_resident(stays, at, until)))
    return Unseen("nobody is ever surely at home and awake by day")


def _seen(events: Iterable[SensorEvent]) -> bool:
    return any(event.value and event.kind in {Kind.MOTION, Kind.USE} for event in events)


def _seen_outside(stays: Stays, before: Iterable[SensorEvent]) -> bool:
    """Whether the last that was seen of the resident was outside the home."""
    seen = [event for event in before if event.value and event.kind in {Kind.MOTION, Kind.USE}]
    return bool(seen) and stays.recorded.home.kind_of(seen[-1].room) is RoomKind.OUTSIDE


def _clock_hours(local: datetime) -> float:
    return local.hour + local.minute / 60 + local.second / 3600


def _trips(stays: Stays) -> list[Span]:
    return [trip for trip in stays.trips if trip.lasts <= OUTING_AT_MOST]


def _run_of_nights(stays: Stays, count: int, number: int) -> Sequence[ClientNight] | Unseen:
    nights = stays.recorded.nights
    free = len(nights) - BASELINE_NIGHTS - count
    if free < 0:
        return Unseen(f"{len(nights)} nights, where {BASELINE_NIGHTS + count} are needed")
    begin = BASELINE_NIGHTS + number * 7919 % (free + 1)
    return nights[begin : begin + count]


def _with_outings(
    stays: Stays, wanted: Iterable[tuple[ClientNight, int]], trips: Sequence[Span], dice: random.Random
) -> Iterator[SensorEvent]:
    """Copy so many real trips into each night, at times when the resident is in bed, none over another."""
    for night, count in wanted:
        taken: list[Span] = []
        for _ in range(count * TRIES if trips else 0):
            if len(taken) == count:
                break
            trip = dice.choice(trips)
            start = night.start + (night.end - night.start) * dice.random()
            span = Span(start, start + trip.lasts)
            clear = all(span.end + APART < other.start or other.end + APART < span.start for other in taken)
            if clear and _fits(stays, span):
                taken.append(span)
                # A second more than the trip: with it comes the bed that is found again.
                events = stays.recorded.between(trip.start, trip.end + timedelta(seconds=1))
                yield from (moved(event, start - trip.start) for event in events)


def _fits(stays: Stays, span: Span) -> bool:
    return any(lies.start + APART <= span.start and span.end + APART <= lies.end for lies in stays.in_bed)
