"""What a seed has in store for a night: who lives there, what happens to them, and what fails."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from care.homes import Site
from detectors.homes import Limits, Night
from detectors.moments import Moment, SensorEvent
from gateway import rehearsal
from gateway.rehearsal import ZONE, Incident, Mishap
from gateway.stage import BASE, message_of, names_of, opening
from tests.nights.broker import Publication
from tests.nights.wire import Weather

START = datetime(2026, 3, 3, 0, 30, tzinfo=ZONE)
LIMITS = Limits(bath=3, bath_risen=3, still=4, still_risen=4, oob_unseen=2, oob_active=6, door=2)
"""Sooner than anything that is learned, so that what is told hangs on what happened alone; and much is told."""

WEEK_EVERY = 300  # nights, of which one goes on for a week and is cut off for most of it


class Fault(StrEnum):
    """What can fail for a while."""

    GATEWAY = "gateway"  # the process dies at some point of its turn, and is started again
    BROKER = "broker"  # the building's broker is restarted, and keeps what it had
    AMNESIA = "amnesia"  # the same, and it has forgotten
    DEAF = "deaf"  # the gateway does not reach the building's broker
    BRIDGE = "bridge"  # the bridge is restarted; what sensors say meanwhile nobody hears
    CUT = "cut"  # building and centre do not reach one another
    CENTRE = "centre"  # the centre's process dies at some point, and is started again
    BACKUP = "backup"  # the same, and its journal is put back from an hour before
    DISK = "disk"  # the building's disk refuses every write


class Point(StrEnum):
    """Where in its turn a process dies."""

    IDLE = "idle"
    RECEIVED = "received"  # what came is in memory only
    WRITING = "writing"  # in the midst of a transaction
    COMMITTED = "committed"  # on disk, and not acknowledged
    ACKNOWLEDGING = "acknowledging"  # half of it is acknowledged
    ACKNOWLEDGED = "acknowledged"  # and not said on the link
    SPOKEN = "spoken"


class Wrong(NamedTuple):
    """A clock that is set, and by how much it is then off."""

    at: datetime
    off: timedelta
    elsewhere: bool = False  # of another machine than the gateway's, on which its bridge runs


class Failure(NamedTuple):
    """One thing that fails, from when to when."""

    fault: Fault
    at: datetime
    until: datetime
    point: Point = Point.IDLE
    noticed: bool = True  # by the building's end of a link that is cut


@dataclass(frozen=True)
class Fate:
    """A night, before it is lived."""

    seed: int
    site: Site
    start: datetime
    end: datetime  # of all that fails; what is left is then put right
    failures: tuple[Failure, ...]
    weather: Weather
    publications: tuple[Publication, ...]  # by when they are sent
    repeats: tuple[tuple[datetime, Publication], ...]
    people: tuple[datetime, ...]  # when somebody at the desk does something
    clock: tuple[Wrong, ...] = ()  # by which the bridge dates what it says


def is_week(seed: int) -> bool:
    """Whether the night of a seed goes on for a week."""
    return seed % WEEK_EVERY == WEEK_EVERY - 1


def fate(
    seed: int,
    *,
    failing: bool = True,
    around: datetime | None = None,
    clock: Callable[[datetime], Iterable[Wrong]] = lambda _: (),
) -> Fate:
    """Draw the night of a seed.

    Parameters
    ----------
    seed : any number.
    failing : whether anything fails.
    around : an instant that lies within the night, some minutes from its start.
    clock : how the clock of the bridge's machine is wrong in a night that starts then.
    """
    chance = random.Random(f"fate {seed}")
    week = is_week(seed)
    start = START + timedelta(minutes=chance.uniform(0, 120))
    if around is not None:
        start = around - timedelta(minutes=chance.uniform(10, 50))
    hours = 7 * 24.0 if week else chance.uniform(0.9, 1.4)
    end = start + timedelta(hours=hours)
    site = _site(chance, homes=1 if week else 2)
    failures = tuple(_failures(chance, start, end, week=week)) if failing else ()
    bad = max(0.0, chance.random() - 0.3) if failing else 0.0  # a third of nights are calm
    weather = Weather(lost=0.2 * bad**2, repeated=0.2 * bad**2, delayed=0.2 * bad**2)
    wrong = tuple(clock(start))
    publications, repeats = _published(site, seed, start, hours, failures, chance, wrong)
    return Fate(
        seed=seed,
        site=site,
        start=start,
        end=end,
        failures=failures,
        weather=weather,
        publications=publications,
        repeats=repeats,
        people=tuple(start + timedelta(hours=hours * chance.random()) for _ in range(chance.randrange(20))),
        clock=wrong,
    )


def _site(chance: random.Random, *, homes: int) -> Site:
    plan = rehearsal.site(8)
    night = Night(start=time(21), end=time(12))
    several = [
        msgspec.structs.replace(home, limits=LIMITS, night=night, agreed_soon=())
        for home in chance.sample(plan.homes, homes)
    ]
    friendly = {str(sensor.id): (home.id, sensor.id) for home in several for sensor in home.sensors}
    return msgspec.structs.replace(plan, homes=tuple(several), friendly=friendly)


def _failures(chance: random.Random, start: datetime, end: datetime, *, week: bool) -> Iterator[Failure]:
    if week:
        yield Failure(Fault.CUT, start + timedelta(hours=2), end - timedelta(minutes=1), noticed=chance.random() < 0.5)
    for _ in range(chance.choice((0, 1, 1, 2, 2, 3, 4, 6))):
        at = start + (end - start) * chance.random()
        longest = (end - at).total_seconds()
        lasts = min(longest, chance.choice((2, 20, 90, 300, 1200, 3600)) * chance.uniform(0.5, 1.5))
        fault = chance.choice((*Fault, Fault.GATEWAY, Fault.GATEWAY, Fault.CENTRE))
        point = chance.choice(list(Point))
        yield Failure(fault, at, at + timedelta(seconds=lasts), point, noticed=chance.random() < 0.5)


def _published(
    site: Site,
    seed: int,
    start: datetime,
    hours: float,
    failures: tuple[Failure, ...],
    chance: random.Random,
    clock: tuple[Wrong, ...],
) -> tuple[tuple[Publication, ...], tuple[tuple[datetime, Publication], ...]]:
    """Return what the bridge publishes, with what is said twice: a little late, and across sensors out of order."""
    names = names_of(site)
    restarts = [one for one in failures if one.fault is Fault.BRIDGE]
    moments = list(
        rehearsal.night(site, seed=seed, start=start, hours=hours, incidents=_incidents(site, start, chance))
    )
    said: list[tuple[datetime, str, bytes, bool]] = [(start, *message) for message in opening(names)]
    newest: dict[str, datetime] = {}
    for moment in moments:
        if any(one.at <= moment.at < one.until for one in restarts):
            continue
        message = message_of(_as_dated(moment, clock), names)
        if message is None:
            continue
        late_s = chance.uniform(0.1, 1.5) if chance.random() < 0.9 else chance.uniform(0.1, 40)
        at = max(moment.at + timedelta(seconds=late_s), newest.get(message.topic, start))
        newest[message.topic] = at + timedelta(milliseconds=5)  # a sensor's own messages stay in order
        said.append((at, *message))
    for one in restarts:
        said += _restarted(one, [_as_dated(moment, clock) for moment in moments if moment.at < one.at], site)
    said.sort(key=lambda one: one[0])
    publications = tuple(Publication(number, *one) for number, one in enumerate(said))
    repeats = tuple(
        (one.sent_at + timedelta(seconds=chance.uniform(0, 8)), one) for one in publications if chance.random() < 0.03
    )
    return publications, repeats


def _as_dated(moment: Moment, clock: tuple[Wrong, ...]) -> Moment:
    """Return a moment as a bridge dates it whose clock is wrong."""
    off = next((one.off for one in reversed(clock) if one.at <= moment.at), timedelta(0))
    return msgspec.structs.replace(moment, at=moment.at + off) if off else moment


def _incidents(site: Site, start: datetime, chance: random.Random) -> Iterator[Incident]:
    for home in site.homes:
        if chance.random() < 0.7:
            at = start + timedelta(minutes=chance.uniform(5, 45))
            until = at + timedelta(minutes=chance.uniform(15, 60))
            yield Incident(home=home.id, kind=chance.choice(list(Mishap)), at=at, until=until)


def _restarted(one: Failure, before: Sequence[Moment], site: Site) -> Iterator[tuple[datetime, str, bytes, bool]]:
    """Yield what a bridge says when it goes and when it is back: that, and what every sensor last said before."""
    topic, names = f"{BASE}/bridge/state", names_of(site)
    yield one.at, topic, b'{"state":"offline"}', True
    yield one.until, topic, b'{"state":"online"}', True
    last = {moment.sensor: moment for moment in before if isinstance(moment, SensorEvent)}
    for at, moment in enumerate(last.values()):
        message = message_of(moment, names)
        assert message is not None
        yield one.until + timedelta(seconds=1, milliseconds=at), *message
