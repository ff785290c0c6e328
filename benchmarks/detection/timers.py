"""Timers that run since a bed was left at night: after fixed minutes, or when it is long for this person.

They read a home in the simplest way that there is, and share nothing with the detectors that they are compared with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, log
from statistics import fmean, pstdev
from typing import Any, NamedTuple

from benchmarks.detection.methods import Page
from benchmarks.detection.stays import QUIET_IN_BEDROOM
from detectors.findings import What
from detectors.homes import WASHING, Home, Kind, RoomKind, SensorId
from detectors.moments import SensorEvent

OOB = str(What.OOB_UNSEEN)  # what a timer tells: out of bed for long
COLD = 20.0  # minutes, before there is anything to learn from
HISTORY = 200  # outings that are remembered
LEARNS_FROM = 5  # outings


class Up(NamedTuple):
    """What a timer remembers."""

    beds: frozenset[SensorId] = frozenset()
    in_bed: bool = False
    left_at: datetime | None = None  # at night
    elsewhere: bool = False  # seen since in a room that is neither bedroom nor bathroom
    bath_since: datetime | None = None
    last: SensorEvent | None = None
    told: bool = False
    history: tuple[float, ...] = ()  # minutes, of outings at night that ended in bed
    learned: Any = None


Limit = Callable[[tuple[float, ...]], float]


@dataclass(frozen=True)
class Timer:
    """Tell of a bed that has been empty for long; if `aware`, not of somebody who is seen up and about."""

    name: str
    limit: Limit
    aware: bool = True

    def begin(self, home: Home) -> Up:  # noqa: ARG002  # nothing is known of it yet
        return Up()

    def take(self, state: Up, event: SensorEvent, arrived_at: datetime, home: Home) -> tuple[Up, Sequence[Page]]:
        state, pages = self.wait(state, arrived_at, home)
        return seen(state, event, home), pages

    def wait(self, state: Up, until: datetime, home: Home) -> tuple[Up, Sequence[Page]]:
        pages: tuple[Page, ...] = ()
        if state.left_at is not None and not state.told and not (self.aware and state.elsewhere):
            due = state.left_at + timedelta(minutes=self.limit(state.history))
            # By then they may be in bed, where only quiet tells; a clock that ticks would have noticed that first.
            if due <= until and asleep(state, due, home).left_at is not None:
                pages = (page_of(state, due),) if home.night.covers(due) else ()
                state = state._replace(told=True)
        return asleep(state, until, home), pages


def page_of(state: Up, at: datetime) -> Page:
    return Page(at, OOB, f"{state.left_at}")


def seen(state: Up, event: SensorEvent, home: Home) -> Up:
    """Take in an event; of a bed, if there is one, or what tells that somebody is up."""
    if event.kind is Kind.BED:
        beds = state.beds | {event.sensor} if event.value else state.beds - {event.sensor}
        if event.value:
            return _in_bed(state._replace(beds=beds), event.at)
        if beds or not state.in_bed:
            return state._replace(beds=beds)
        return _up(state._replace(beds=beds), event.at, home)
    if not event.value or event.kind is Kind.BUTTON:
        return state
    room = home.kind_of(event.room)
    if state.in_bed and not home.has_bed and room is not RoomKind.BEDROOM:
        state = _up(state, event.at, home)
    elsewhere = room not in WASHING and room is not RoomKind.BEDROOM
    bath_since = (state.bath_since or event.at) if room in WASHING else None
    return state._replace(last=event, elsewhere=state.elsewhere or elsewhere, bath_since=bath_since)


def asleep(state: Up, now: datetime, home: Home) -> Up:
    """Put somebody to bed who was seen last in the bedroom, where no bed sensor can."""
    last = state.last
    if home.has_bed or state.in_bed or last is None or now - last.at < QUIET_IN_BEDROOM:
        return state
    return _in_bed(state, last.at) if home.kind_of(last.room) is RoomKind.BEDROOM else state


def _up(state: Up, at: datetime, home: Home) -> Up:
    left_at = at if home.night.covers(at) else None
    return state._replace(in_bed=False, left_at=left_at, elsewhere=False, bath_since=None, told=False)


def _in_bed(state: Up, at: datetime) -> Up:
    history = state.history
    if state.left_at is not None and at > state.left_at:
        history = (*history, (at - state.left_at).total_seconds() / 60)[-HISTORY:]
    return state._replace(in_bed=True, left_at=None, history=history)


def personal_maximum(factor: float) -> Limit:
    return lambda history: factor * (max(history) if len(history) >= LEARNS_FROM else COLD)


def personal_lognormal(deviations: float) -> Limit:
    def limit(history: tuple[float, ...]) -> float:
        if len(history) < LEARNS_FROM:
            return COLD
        logs = [log(max(minutes, 0.05)) for minutes in history]
        return min(exp(fmean(logs) + deviations * max(pstdev(logs), 0.1)), 1440.0)

    return limit


def pooled_quantile(others: Sequence[float], share: float) -> Limit:
    """Return the quantile of the outings of other homes; beyond their longest, a multiple of it."""
    ordered = sorted(others)
    if not ordered:
        return lambda _: COLD
    value = ordered[min(int(share * len(ordered)), len(ordered) - 1)] * max(1.0, share)
    return lambda _: value
