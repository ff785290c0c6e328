"""What a night was like, read with hindsight: when the resident was in bed, out of it, in the bathroom.

The injector cuts here. None of it is the detectors' own reading of a night, so their mistakes are not repeated.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from benchmarks.detection.nights import Recorded
from detectors.homes import WASHING, Home, Kind, RoomId, RoomKind
from detectors.moments import SensorEvent

QUIET_IN_BEDROOM = timedelta(minutes=12)  # without a bed sensor: seen last in the bedroom, and then nothing
QUIET_ANYWHERE = timedelta(hours=2)  # with no motion sensor in the bedroom either: nothing at all
ABOUT_NIGHT = timedelta(hours=3)  # so near to the night, quiet is taken for bed
LIES_AT_LEAST = timedelta(minutes=5)
GONE_AFTER = timedelta(minutes=20)  # seen nowhere for so long, a stay's end is not known ...
STAYS_ON = timedelta(minutes=2)  # ... and put so long after the last that was seen of it
EVENING = timedelta(hours=5)
SEEN_AGAIN = timedelta(minutes=20)  # who is up and about in the evening is seen at least so often
RISES_BEFORE, RISES_AFTER = timedelta(hours=3), timedelta(hours=5)  # the end of the night, to get up for the day
UP_FOR_THE_DAY = timedelta(hours=2)
OUT_AFTER = timedelta(minutes=3)  # nothing inside so long after the front door


class Span(NamedTuple):
    """A stretch of time, in a room if it is one."""

    start: datetime
    end: datetime
    room: RoomId | None = None

    @property
    def lasts(self) -> timedelta:
        return self.end - self.start

    def holds(self, at: datetime) -> bool:
        return self.start <= at < self.end


@dataclass(frozen=True)
class Stays:
    """The stays of one recorded home."""

    recorded: Recorded

    @cached_property
    def acts(self) -> tuple[SensorEvent, ...]:
        """What the resident did outside bed: everything that begins."""
        kinds = (Kind.MOTION, Kind.USE, Kind.DOOR)
        return tuple(event for event in self.recorded.events if event.value and event.kind in kinds)

    @cached_property
    def in_bed(self) -> tuple[Span, ...]:
        """When the resident was in bed."""
        found = _by_sensor(self.recorded) if self.recorded.home.has_bed else _by_quiet(self.recorded, self.acts)
        return tuple(span for span in found if span.lasts >= LIES_AT_LEAST)

    @cached_property
    def outings(self) -> tuple[Span, ...]:
        """From leaving bed at night until back in it; at the latest until the night is over."""
        found = []
        for lay, lies in pairwise((*self.in_bed, Span(self.recorded.times[-1], self.recorded.times[-1]))):
            night = self.recorded.night_of(lay.end)
            if night is not None and self.recorded.at_night(lay.end):
                found.append(Span(lay.end, min(lies.start, night.end)))
        return tuple(found)

    @cached_property
    def trips(self) -> tuple[Span, ...]:
        """Outings from which the resident came back to bed that night."""
        lies_again = {span.start for span in self.in_bed}
        return tuple(outing for outing in self.outings if outing.end in lies_again)

    @cached_property
    def rises(self) -> tuple[datetime, ...]:
        """When the resident got up for the day, one for each night on which that is seen."""
        found: list[datetime] = []
        for lies, again in pairwise((*self.in_bed, Span(self.recorded.times[-1], self.recorded.times[-1]))):
            night = self.recorded.night_of(lies.end)
            if night is None or night.outage or not -RISES_BEFORE < lies.end - night.end < RISES_AFTER:
                continue
            if again.start - lies.end >= UP_FOR_THE_DAY and (not found or found[-1] < night.start):
                found.append(lies.end)
        return tuple(found)

    @cached_property
    def washings(self) -> tuple[Span, ...]:
        """Stays in bathroom or toilet that begin at night."""
        return tuple(stay for stay in self._washings if self.recorded.at_night(stay.start))

    @cached_property
    def evenings(self) -> tuple[Span, ...]:
        """Stretches of the hours before a night in which somebody is seen at home again and again."""
        found = []
        for night in self.recorded.watched:
            run: Span | None = None
            for event in self.recorded.between(night.start - EVENING, night.start):
                if event.kind not in (Kind.MOTION, Kind.USE):
                    continue
                outside = self.recorded.home.kind_of(event.room) is RoomKind.OUTSIDE
                if run is not None and not outside and event.at - run.end <= SEEN_AGAIN:
                    run = Span(run.start, event.at)
                    continue
                found += [run] if run else []
                run = None if outside else Span(event.at, event.at)
            found += [run] if run else []
        return tuple(found)

    @cached_property
    def moves_per_minute(self) -> float:
        """How often the bathroom's motion sensors begin to see somebody, over all night stays there."""
        lasted = sum((stay.lasts for stay in self.washings), timedelta()).total_seconds() / 60
        seen = sum(
            event.kind is Kind.MOTION and event.value > 0 and self.washes_in(event)
            for stay in self.washings
            for event in self.recorded.between(stay.start, stay.end)
        )
        return seen / lasted if lasted else 0.0

    def seen_last_in_bedroom(self, at: datetime) -> bool:
        """Whether nothing was seen anywhere else since somebody was in the bedroom."""
        found = bisect_left(self._acted, at) - 1
        return found >= 0 and self.recorded.home.kind_of(self.acts[found].room) is RoomKind.BEDROOM

    @cached_property
    def _acted(self) -> list[datetime]:
        return [act.at for act in self.acts]

    def lies_at(self, at: datetime) -> bool:
        return any(span.holds(at) for span in self.in_bed)

    def washes_in(self, event: SensorEvent) -> bool:
        return self.recorded.home.kind_of(event.room) in WASHING

    @cached_property
    def _washings(self) -> tuple[Span, ...]:
        return tuple(_washings(self.recorded, self.recorded.home))


def _by_sensor(recorded: Recorded) -> Iterator[Span]:
    """Read a bed sensor: in bed from its first pressure until somebody is seen elsewhere.

    A pad that lets go for a moment, or an hour, with nobody seen anywhere is somebody turning over.
    """
    lay_down: datetime | None = None
    let_go: datetime | None = None
    for event in recorded.events:
        if event.kind is Kind.BED:
            if event.value:
                lay_down, let_go = lay_down or event.at, None
            else:
                let_go = let_go or event.at
        elif lay_down is not None and event.value and recorded.home.kind_of(event.room) is not RoomKind.BEDROOM:
            yield Span(lay_down, let_go or event.at)
            lay_down = let_go = None


def _by_quiet(recorded: Recorded, acts: Sequence[SensorEvent]) -> Iterator[Span]:
    """Read quiet as bed, where there is no bed sensor: soon after the bedroom, or in hours if that is not seen."""
    home = recorded.home
    seen = any(sensor.kind is Kind.MOTION and home.kind_of(sensor.room) is RoomKind.BEDROOM for sensor in home.sensors)
    lies: Span | None = None
    went_out: datetime | None = None
    for act, after in pairwise(acts):
        if act.kind is Kind.DOOR or home.kind_of(act.room) is RoomKind.OUTSIDE:
            went_out = act.at
        in_bedroom = home.kind_of(act.room) is RoomKind.BEDROOM
        if not in_bedroom and lies is not None:
            yield lies
            lies = None
        is_out = went_out is not None and act.at - went_out <= OUT_AFTER
        enough = QUIET_IN_BEDROOM if in_bedroom else timedelta.max if seen else QUIET_ANYWHERE
        if after.at - act.at >= enough and not is_out and _about_night(recorded, act):
            lies = Span(lies.start if lies else act.at, after.at)
    if lies is not None:
        yield lies


def _about_night(recorded: Recorded, act: SensorEvent) -> bool:
    return any(recorded.home.night.covers(act.at + near) for near in (-ABOUT_NIGHT, timedelta(), ABOUT_NIGHT))


def _washings(recorded: Recorded, home: Home) -> Iterator[Span]:
    came: SensorEvent | None = None
    seen: datetime | None = None
    for event in recorded.events:
        if not event.value:
            continue
        washing = event.kind in (Kind.MOTION, Kind.USE) and home.kind_of(event.room) in WASHING
        if came is not None and seen is not None and (not washing or event.at - seen > GONE_AFTER):
            end = event.at if event.at - seen <= GONE_AFTER else seen + STAYS_ON
            if end > came.at:
                yield Span(came.at, end, came.room)
            came = None
        if washing:
            came, seen = came or event, event.at
