"""A recorded home and its client-nights: when it is night there, which nights count, how long it has been watched."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from detectors.homes import Home, Kind, Night, SensorId
from detectors.moments import SensorEvent
from gateway import recordings

NOTHING_HEARD = timedelta(hours=18)  # a silence of everything so long is an outage, or nobody is at home
HEARD_TOO_LATE = timedelta(hours=1)  # so much of a night in it, and the night does not count
HARDLY_HEARD = 0.1  # of the usual number of events in a day: likewise
STUCK = timedelta(hours=14)  # nobody lies so long without a stir: the bed sensor is stuck
NIGHT_HOURS = 8
SHIFTED = timedelta(minutes=90)  # nights further from the agreed one than this get their own hours
CLEARS_WITHIN_S = 90.0  # a motion sensor says clear so soon; what holds longer is an annotation, not a sensor

SAME_HOUSEHOLD = {"aruba_intervals": "aruba", "aruba_minutes": "aruba"}
"""Recordings of one home in several forms: they are one home for every interval and for leaving a home out."""


class ClientNight(NamedTuple):
    """A night of one home. Whatever is said from its start until the next one's counts for it."""

    key: date  # of the evening it begins on
    age: int  # nights since the recording began
    start: datetime
    end: datetime
    outage: str = ""  # why it is abstained from; empty if it counts

    @property
    def over(self) -> datetime:
        return self.start + timedelta(hours=24)


@dataclass(frozen=True)
class Recorded:
    """A home and everything its sensors said, in order."""

    name: str
    home: Home
    events: tuple[SensorEvent, ...]

    @cached_property
    def household(self) -> str:
        return SAME_HOUSEHOLD.get(self.name, self.name)

    @cached_property
    def times(self) -> list[datetime]:
        return [event.at for event in self.events]

    def before(self, at: datetime) -> int:
        """Return how many events happened before an instant."""
        return bisect_left(self.times, at)

    def between(self, start: datetime, end: datetime) -> tuple[SensorEvent, ...]:
        """Return the events from `start` (included) to `end` (not included)."""
        return self.events[self.before(start) : self.before(end)]

    @cached_property
    def nights(self) -> tuple[ClientNight, ...]:
        """The whole nights of the recording."""
        return tuple(_nights(self))

    @cached_property
    def watched(self) -> tuple[ClientNight, ...]:
        """The nights that count: neither an outage nor an absence."""
        return tuple(night for night in self.nights if not night.outage)

    def night_of(self, at: datetime) -> ClientNight | None:
        """Return the night whose 24 hours hold an instant."""
        found = bisect_left(self._starts, at + timedelta(microseconds=1)) - 1
        return self.nights[found] if found >= 0 and at < self.nights[found].over else None

    def at_night(self, at: datetime) -> bool:
        """Whether an instant lies in the watched hours of a night that counts."""
        night = self.night_of(at)
        return night is not None and not night.outage and at < night.end

    def level(self, sensor: SensorId, at: datetime) -> float:
        """Return what a sensor last said before an instant; 0.0 if nothing."""
        dates, values = self._levels.get(sensor, ([], []))
        found = bisect_left(dates, at) - 1
        return values[found] if found >= 0 else 0.0

    @cached_property
    def clears_after(self) -> dict[SensorId, timedelta]:
        """How long after its last motion each sensor says clear, as far as the recording tells."""
        held: dict[SensorId, list[float]] = {}
        on: dict[SensorId, datetime] = {}
        for event in self.events:
            if event.value:
                on.setdefault(event.sensor, event.at)
            elif event.sensor in on:
                held.setdefault(event.sensor, []).append((event.at - on.pop(event.sensor)).total_seconds())
        return {sensor: timedelta(seconds=min(CLEARS_WITHIN_S, median(times))) for sensor, times in held.items()}

    @cached_property
    def _starts(self) -> list[datetime]:
        return [night.start for night in self.nights]

    @cached_property
    def _levels(self) -> dict[SensorId, tuple[list[datetime], list[float]]]:
        levels: dict[SensorId, tuple[list[datetime], list[float]]] = {}
        for event in self.events:
            dates, values = levels.setdefault(event.sensor, ([], []))
            dates.append(event.at)
            values.append(event.value)
        return levels


def read(folder: Path) -> Recorded:
    """Read a recording, and agree with its resident on the hours of the night. Raises `recordings.BadRecording`."""
    site = recordings.plan_of(folder)
    events = tuple(recordings.events(folder, site))
    return Recorded(folder.resolve().name, at_own_hours(site.homes[0], events), events)


def at_own_hours(home: Home, events: Sequence[SensorEvent]) -> Home:
    """Return the home with the night of its resident, if that is far from the agreed one.

    A care plan follows the resident: who sleeps from three to eleven is watched from three to eleven. The resident's
    night is the eight hours, beginning between 20:00 and 06:00, with the fewest events and the fullest bed over the
    whole recording.
    """
    zone = ZoneInfo(home.night.zone)
    restless = _restless(events, zone)
    sums = {start: sum(restless[(start + step) % 48] for step in range(2 * NIGHT_HOURS)) for start in _BEDTIMES}
    fewest = min(sums.values())
    # Of equals the middle one: silence on both sides of a night is no reason to begin it early.
    equals = [start for start in _BEDTIMES if sums[start] <= fewest + 1e-9]
    start = equals[len(equals) // 2]
    agreed = home.night.start.hour * 2 + home.night.start.minute // 30
    apart = min((start - agreed) % 48, (agreed - start) % 48) * timedelta(minutes=30)
    if apart <= SHIFTED:
        return home
    end = (start + 2 * NIGHT_HOURS) % 48
    own = Night(start=_clock(start), end=_clock(end), zone=home.night.zone)
    return msgspec.structs.replace(home, night=own)


_BEDTIMES = (*range(40, 48), *range(13))  # half hours of the clock, from 20:00 to 06:00


def _restless(events: Sequence[SensorEvent], zone: ZoneInfo) -> list[float]:
    """Return for each half hour of the clock its share of what is done, and how seldom the bed is full."""
    acts = Counter(_half_hour(event.at.astimezone(zone)) for event in events if event.value and not _of_bed(event))
    full: Counter[int] = Counter()
    beds = [event for event in events if _of_bed(event)]
    for event, after in pairwise(beds):
        steps = round((after.at - event.at) / _HALF_HOUR)
        if event.value and after.at - event.at < STUCK:
            full.update((_half_hour(event.at.astimezone(zone)) + step) % 48 for step in range(steps))
    all_acts, most = sum(acts.values()) or 1, max(full.values(), default=0)
    return [acts[half] / all_acts + (1 - full[half] / most if most else 0) for half in range(48)]


_HALF_HOUR = timedelta(minutes=30)


def _of_bed(event: SensorEvent) -> bool:
    return event.kind is Kind.BED


def _half_hour(local: datetime) -> int:
    return local.hour * 2 + local.minute // 30


def _clock(half_hour: int) -> time:
    return time(half_hour // 2, half_hour % 2 * 30)


def _nights(recorded: Recorded) -> Iterator[ClientNight]:
    times, night = recorded.times, recorded.home.night
    if not times:
        return
    zone = ZoneInfo(night.zone)
    day, last = times[0].astimezone(zone).date() - timedelta(days=1), times[-1].astimezone(zone).date()
    counts = []
    found: list[ClientNight] = []
    while day <= last:
        start, end = _instant(day, night.start, zone), _instant(day, night.end, zone)
        if end <= start:
            end = _instant(day + timedelta(days=1), night.end, zone)
        if times[0] <= start and end <= times[-1]:
            found.append(ClientNight(day, len(found), start, end))
            counts.append(recorded.before(end + timedelta(hours=6)) - recorded.before(start - timedelta(hours=6)))
        day += timedelta(days=1)
    usual = median(counts) if counts else 0.0
    silences = tuple(_silences(times))
    for one, count in zip(found, counts, strict=True):
        yield one._replace(outage=_outage(one, silences, hardly=count < HARDLY_HEARD * usual))


def _outage(night: ClientNight, silences: Iterable[tuple[datetime, datetime]], *, hardly: bool) -> str:
    for start, end in silences:
        if min(end, night.end) - max(start, night.start) > HEARD_TOO_LATE:
            return f"nothing heard for {(end - start).total_seconds() / 3600:.0f} h"
    return "hardly anything heard" if hardly else ""


def _silences(times: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    for before, after in pairwise(times):
        if after - before > NOTHING_HEARD:
            yield before, after


def _instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)
