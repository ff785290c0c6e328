"""Nights in which the clock of the building's machine is set: by hours, to 1970 or to 2099, for a while or for good.

Its bridge dates by the same clock. So dates in the building are not those of an undisturbed night; they are taken back
to the time that it really was, and what is told is held against limits a little shorter and longer: a minute may be a
tenth shorter or longer while a clock is made good.
"""

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import msgspec

from care.homes import Site
from detectors import whereabouts
from detectors.findings import Finding
from detectors.moments import SensorEvent
from gateway.building import Settings
from gateway.sources import Message
from gateway.sources.zigbee2mqtt import read
from gateway.stage import BASE
from tests.nights.broker import Publication
from tests.nights.fate import LIMITS, Fate, Wrong, fate
from tests.nights.promises import OF_PEOPLE
from tests.nights.world import HEALING, NOWHERE, Lived, lived, undisturbed

HOURS = timedelta(hours=2)
SHORTER, LONGER = 0.85, 1.18  # of the limits
NEARLY = timedelta(seconds=5)  # between the date of an event, taken back, and when it was
LATE = timedelta(seconds=45)  # as late as a message may come here
SOON = timedelta(minutes=4)  # from when something is true until it stands at the centre: settled, and a turn or two


def a_night(seed: int) -> Lived:
    """Live the night of a seed in which nothing is wrong but the clock."""
    return lived(fate(seed, failing=False, clock=lambda start: wrong(seed, start)))


def wrong(seed: int, start: datetime) -> Iterator[Wrong]:
    """Yield how the clock is wrong in a night of about an hour; of every fifth night it was never right."""
    chance = random.Random(f"clock {seed}")
    moments = [start + timedelta(minutes=chance.uniform(1, 70)) for _ in range(chance.choice((1, 1, 2, 3)))]
    if chance.random() < 0.2:
        moments = [start - HOURS]
    for number, at in enumerate(sorted(moments)):
        off = chance.choice((HOURS, -HOURS, 2 * HOURS, _to(1970, at), _to(2099, at)))
        yield Wrong(at, timedelta(0) if number % 2 else off)


def broken(seed: int, night: Lived) -> Iterator[str]:
    """Yield what broke, each as one sentence."""
    plain = fate(seed, failing=False)
    nearly = NEARLY if not _under_way(plain, night.fate.clock) else LATE
    yield from _wrongly_dated(plain, night, nearly)
    told = {
        (found.home, found.what, _true(night, found.since)): (entry.recorded_at, _true(night, found.at))
        for entry in night.centre
        if isinstance(found := entry.record, Finding) and found.what in OF_PEOPLE
    }
    as_agreed = _found(plain, 1.0)
    for one in as_agreed & _found(plain, LONGER):
        if not any(_same(one, other, nearly) for other in told):
            yield f"{one} was never told"
    for other, (written_at, true_at) in told.items():
        if not any(_same(one, other, nearly) for one in as_agreed | _found(plain, SHORTER)):
            yield f"{other} was told at {written_at}, and was not so"
        elif written_at - true_at > SOON:
            yield f"{other} was told at {written_at}, and was so at {true_at}"


Told = tuple[str, str, datetime]


def _same(one: Told, other: Told, nearly: timedelta) -> bool:
    return one[:2] == other[:2] and abs(one[2] - other[2]) <= nearly


def _under_way(plain: Fate, clock: Sequence[Wrong]) -> bool:
    """Whether some message was dated before a clock was set, and came after it: then it is taken as of its arrival."""
    return any(
        event.at <= wrong.at <= one.sent_at + timedelta(seconds=1)
        for one in plain.publications
        for event in _events(plain, one)
        for wrong in clock
    )


def _events(plain: Fate, one: Publication) -> Sequence[SensorEvent]:
    message = Message(one.topic, one.payload)
    return read(plain.site, BASE, message, received_at=one.sent_at, started_at=None).events


def _wrongly_dated(plain: Fate, night: Lived, nearly: timedelta) -> Iterator[str]:
    """Hold the events in the journal against those that were: all there, once, in their order, at their instant."""
    were: dict[str, list[SensorEvent]] = {}
    kept: dict[str, list[SensorEvent]] = {}
    for published in plain.publications:
        for event in _events(plain, published):
            were.setdefault(event.sensor, []).append(event)
    for entry in night.building:
        if isinstance(entry.record, SensorEvent):
            kept.setdefault(entry.record.sensor, []).append(entry.record)
    for sensor, events in were.items():
        here = kept.get(sensor, [])
        if [one.value for one in here] != [one.value for one in events]:
            yield f"{sensor} said {len(events)} things, and {len(here)} stand in the journal or in another order"
            continue
        for event, one in zip(events, here, strict=True):
            if abs(_true(night, one.at) - event.at) > nearly:
                yield f"{sensor} at {event.at} is taken for {_true(night, one.at)}"


def _true(night: Lived, at: datetime) -> datetime:
    """Return the time that it was when the gateway took it for this."""
    times = night.times
    after = bisect_right(times, at, key=lambda both: both[1])
    (was, taken), (later, taken_later) = times[max(0, after - 1)], times[min(after, len(times) - 1)]
    if taken_later <= taken or at <= taken:
        return was + (at - taken)
    return was + (later - was) * ((at - taken) / (taken_later - taken))


def _found(plain: Fate, times: float) -> set[Told]:
    """Return what is found when nothing is wrong, and all limits are so many times as long."""
    limits = {name: times * getattr(LIMITS, name) for name in LIMITS.__struct_fields__}
    agreed = msgspec.structs.replace(LIMITS, **limits)
    homes = tuple(msgspec.structs.replace(one, limits=agreed) for one in plain.site.homes)
    site: Site = msgspec.structs.replace(plain.site, homes=homes)
    settings = Settings(site=site, journal=Path("nowhere"), broker=NOWHERE, centre=NOWHERE)
    rest, away = times * whereabouts.SETTLED_IN, times * whereabouts.AWAY_AFTER
    with patch.multiple(whereabouts, SETTLED_IN=rest, AWAY_AFTER=away):
        found = undisturbed(settings, plain.publications, plain.end + HEALING)
    return {(one.home, one.what, one.since) for one in found if one.what in OF_PEOPLE}


def _to(year: int, at: datetime) -> timedelta:
    return datetime(year, 1, 1, tzinfo=UTC) - at
