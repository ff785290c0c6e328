"""A method: what watches over a home and asks for a person. The detectors are one, every baseline is another.

A method is a fold: a state, which is a value, and an event or the passing of time give the next state and the pages
that go out. So a night can be run again from the middle, with something else happening in it, at the price of that
night; and every run over a recording is prequential, for nothing that comes later is there to be used.
"""

import heapq
import random
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from benchmarks.detection.edits import Draw
from benchmarks.detection.faults import PERFECT, Faults
from benchmarks.detection.nights import Recorded
from care.alerts import alert_of
from detectors import vigil
from detectors.findings import Cleared, Finding, What
from detectors.homes import Home
from detectors.moments import SensorEvent
from detectors.nights import Summary
from detectors.others import SHIPPED, Others
from detectors.remembered import Vigil
from detectors.vigil import Told

ACUTE = frozenset(map(str, (What.BATH, What.STILL, What.OOB_UNSEEN, What.OOB_ACTIVE, What.DOOR_LEFT)))
"""The kinds of alert that fetch a person out of another room at night."""

CHECKPOINT_EVERY = 100  # events
TICK = timedelta(minutes=1)


Arrival = tuple[datetime, SensorEvent]


class Page(NamedTuple):
    """One time that somebody is told something."""

    at: datetime  # when it is told, which is when a person could have heard it
    kind: str
    alert: str  # pages of one alert are one thing to a person
    early: bool = False  # before the care plan's limit, because it is long for this home


class Alert(NamedTuple):
    """All pages of one alert, the first of them first."""

    at: datetime
    kind: str
    pages: tuple[Page, ...]


class Method(Protocol):
    """What watches over a home. Its states are values: to go on from an old one changes nothing in it."""

    @property
    def name(self) -> str: ...

    def begin(self, home: Home) -> Any:
        """Return the state before anything has happened."""
        ...

    def take(self, state: Any, event: SensorEvent, arrived_at: datetime, home: Home) -> tuple[Any, Sequence[Page]]:
        """Let time pass up to the arrival of an event, then take it in."""
        ...

    def wait(self, state: Any, until: datetime, home: Home) -> tuple[Any, Sequence[Page]]:
        """Let time pass."""
        ...


class Watching(NamedTuple):
    """The detectors' state, and which of their alerts are not over."""

    vigil: Vigil = Vigil()
    open: Mapping[str, frozenset[tuple[What, datetime]]] = MappingProxyType({})  # findings not over, by alert
    times: Mapping[str, int] = MappingProxyType({})  # that an alert was raised
    summaries: tuple[Summary, ...] = ()  # of each night that is over, and the day after it


@dataclass(frozen=True)
class Detectors:
    """The detectors as the building runs them, with a clock that ticks whenever it matters.

    An alert of which every finding was over by itself, and that then finds something new, starts over on the desk:
    it calls for a person again, and counts as another alert.
    """

    name: str = "nachtwacht"
    others: Others = SHIPPED

    def begin(self, home: Home) -> Watching:  # noqa: ARG002  # a vigil knows no home until it is told of one
        return Watching()

    def take(
        self, state: Watching, event: SensorEvent, arrived_at: datetime, home: Home
    ) -> tuple[Watching, Sequence[Page]]:
        state, pages = self.wait(state, arrived_at, home)
        watching, told = vigil.arrive(state.vigil, event, arrived_at, home, self.others)
        return _told(state._replace(vigil=watching), told, arrived_at, arrived_at, list(pages))

    def wait(self, state: Watching, until: datetime, home: Home) -> tuple[Watching, Sequence[Page]]:
        pages: list[Page] = []
        settled_to = state.vigil.settled_to
        now = settled_to + vigil.WINDOW if settled_to is not None else until
        while now < until:
            # With nothing waiting to be put in its place, what is told is dated by itself, however long the step.
            tick = min(now + TICK, until) if state.vigil.pending else until
            watching, told = vigil.advance(state.vigil, tick, home, self.others)
            state, pages = _told(state._replace(vigil=watching), told, now, tick, pages)
            now = tick
        return state, pages


def _told(
    state: Watching, told: Iterable[Told], before: datetime, now: datetime, pages: list[Page]
) -> tuple[Watching, list[Page]]:
    """Date what was told between two ticks as a gateway that ticks every second would have told it."""
    for one in told:
        if isinstance(one, Summary) and one.whole:
            state = state._replace(summaries=(*state.summaries, one))
        if not isinstance(one, Finding | Cleared):
            continue
        alert = str(alert_of(one))
        known = state.open.get(alert, frozenset())
        if isinstance(one, Cleared):
            state = state._replace(open={**state.open, alert: known - {(one.what, one.since)}})
            continue
        times = state.times.get(alert, 0) + (not known)
        state = state._replace(
            open={**state.open, alert: known | {(one.what, one.since)}}, times={**state.times, alert: times}
        )
        pages.append(Page(min(max(one.at + vigil.WINDOW, before), now), str(one.what), f"{alert}/{times}", one.early))
    return state, pages


def alerts(pages: Iterable[Page]) -> list[Alert]:
    """Put the pages of one alert together, the alerts in the order in which they were raised."""
    found: dict[str, list[Page]] = {}
    for page in sorted(pages):
        found.setdefault(page.alert, []).append(page)
    return [Alert(of_one[0].at, of_one[0].kind, tuple(of_one)) for of_one in found.values()]


@dataclass
class Run:
    """A method over a whole recording as it was, and what is needed to run any night of it again."""

    method: Method
    recorded: Recorded
    faults: Faults = PERFECT
    seed: int = 0
    pages: list[Page] = field(default_factory=list)
    ended: Any = None  # the state after the whole recording
    _arrivals: list[Arrival] = field(default_factory=list)
    _states: list[Any] = field(default_factory=list)  # before every so many arrivals

    def __post_init__(self) -> None:
        home = self.recorded.home
        state = self.method.begin(home)
        self._arrivals = self._through(self.recorded.events, "")
        for number, (arrived_at, event) in enumerate(self._arrivals):
            if number % CHECKPOINT_EVERY == 0:
                self._states.append(state)
            state, pages = self.method.take(state, event, arrived_at, home)
            self.pages += pages
        if self._arrivals:
            state, pages = self.method.wait(state, self._arrivals[-1][0] + TICK, home)
            self.pages += pages
        self.ended = state

    def with_draw(self, draw: Draw) -> list[Page]:
        """Return the pages from the cut on, in the night with the incident, of alerts that were not raised before."""
        # The last state of which everything that had arrived by then also happened before the cut.
        arrived = bisect_right(self._arrivals, draw.cut, key=lambda arrival: arrival[0])
        found = min(arrived // CHECKPOINT_EVERY, len(self._states) - 1)
        begin = found * CHECKPOINT_EVERY
        late = bisect_right(self._arrivals, draw.cut + self.faults.late, key=lambda arrival: arrival[0])
        before = [arrival for arrival in self._arrivals[begin:late] if arrival[1].at < draw.cut]
        after = self._through(draw.tail, f"{draw.cut.isoformat()}")
        state, home = self._states[found], self.recorded.home
        said: list[Page] = []
        for arrived_at, event in heapq.merge(before, after, key=lambda arrival: arrival[0]):
            state, pages = self.method.take(state, event, arrived_at, home)
            said += pages
        _, pages = self.method.wait(state, draw.until, home)
        raised_before = {page.alert for page in self.pages if page.at < draw.cut}
        return [page for page in (*said, *pages) if page.at >= draw.cut and page.alert not in raised_before]

    def _through(self, events: Sequence[SensorEvent], stretch: str) -> list[Arrival]:
        return self.faults.arrivals(events, random.Random(f"{self.seed}/{self.recorded.name}/{stretch}"))
