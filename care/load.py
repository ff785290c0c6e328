"""How much there is to do at the desk, and how fast it is done: from the board, at one moment.

More than ten alerts in ten minutes for each person is a flood (EEMUA 191, ISA-18.2): from there on people miss some.
What one cause explains is one alert here as it is on the desk, and what is for the morning asks nobody now.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from statistics import median
from typing import TypeVar
from zoneinfo import ZoneInfo

from care.alerts import Alert, Tier
from care.board import Board
from care.buildings import cause_of
from care.ids import StaffId
from care.records import CENTRE, Claimed, SecondPool, site_of
from care.shifts import began
from detectors.findings import What
from detectors.homes import HomeId, SiteId

WINDOW = timedelta(minutes=10)
FLOOD = 10  # alerts in a window, for each person: with more it is a flood
OVER = 5  # with so few it is over again; between the two it stays as it is, or the desk would flicker
SOURCES_MAX = 10
ASKED_AGAIN = timedelta(minutes=10)  # sooner than this the second pool is not asked once more

Span = tuple[datetime, datetime]
Desk = TypeVar("Desk", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Source:
    """A home, or building, with a kind of alert: and how many of those came from it."""

    home: HomeId
    what: What
    alerts: int


@dataclass(frozen=True, slots=True)
class Load:
    """The load of the desk in the shift that runs."""

    since: datetime  # when the shift began
    people: int  # who have a screen in view
    lately: int  # alerts in the last ten minutes
    alerts: int  # in this shift
    waiting: int  # that nobody has taken yet
    flood: bool
    flooded: timedelta  # of this shift, in all
    answered: int  # alerts of this shift that somebody took
    median: timedelta | None  # until they did: half of the alerts were answered sooner
    longest: timedelta | None
    held: int  # messages of this shift that were held back, for somebody who has had enough of them
    sources: tuple[Source, ...]  # most alerts first, at most `SOURCES_MAX`

    @property
    def each(self) -> float:
        """Alerts in the last ten minutes, for each person."""
        return self.lately / self.people


def load(board: Board, now: datetime, zone: ZoneInfo) -> Load:
    """Return the load at this moment, by how many people there are now."""
    return loads(board, now, zone, {None: board.on_duty}, lambda _: None)[None]


def loads(
    board: Board, now: datetime, zone: ZoneInfo, people: Mapping[Desk, int], desk_of: Callable[[SiteId], Desk]
) -> dict[Desk, Load]:
    """Return the load of several desks at this moment, looking through the alerts once for all of them.

    Parameters
    ----------
    people : how many there are at each desk; nobody counts as one, for else there is no load of each.
    desk_of : whose a site is. What is the matter with every building at once is asked of every desk.
    """
    since = began(now, zone).astimezone(now.tzinfo)
    asked: dict[Desk, list[Alert]] = {desk: [] for desk in people}
    for one in _come_since(since - WINDOW, board):
        if _asks(one, board):
            site = site_of(one.home)
            for desk in people if site == CENTRE else {desk_of(site)} & asked.keys():
                asked[desk].append(one)
    held = _held(board, since, people, desk_of)
    return {desk: _load(alerts, max(1, people[desk]), held[desk], since, now) for desk, alerts in asked.items()}


def _load(asked: Sequence[Alert], people: int, held: int, since: datetime, now: datetime) -> Load:
    mine = [one for one in asked if one.arrived_at >= since]
    spans = floods([one.arrived_at for one in asked], people, now)
    answers = [wait for one in mine if (wait := answer(one)) is not None]
    sources = Counter((one.home, one.main.what) for one in mine)
    return Load(
        since=since,
        people=people,
        lately=sum(now - WINDOW < one.arrived_at <= now for one in asked),
        alerts=len(mine),
        waiting=sum(one.open and one.holder is None and one.shelf is None for one in mine),
        flood=bool(spans) and spans[-1][1] > now,
        flooded=sum((max(since, min(end, now)) - max(since, start) for start, end in spans), timedelta()),
        answered=len(answers),
        median=timedelta(seconds=median(one.total_seconds() for one in answers)) if answers else None,
        longest=max(answers, default=None),
        held=held,
        sources=tuple(Source(home, what, n) for (home, what), n in _most(sources)),
    )


def floods(arrivals: Iterable[datetime], people: int, now: datetime) -> Sequence[Span]:
    """Return from when until when there were too many alerts at once; one that still runs ends after `now`.

    >>> from datetime import UTC
    >>> at = datetime(2026, 3, 3, tzinfo=UTC)
    >>> len(floods([at] * 10, 1, at)), len(floods([at] * 11, 1, at)), len(floods([at] * 11, 2, at))
    (0, 1, 0)
    """
    came = sorted(arrival for arrival in arrivals if arrival <= now)
    # What has gone by is taken off before what comes at the same moment is added.
    steps = sorted([*((at, 1) for at in came), *((at + WINDOW, -1) for at in came)])
    spans: list[Span] = []
    count, start = 0, None
    for at, step in steps:
        count += step
        if start is None and count > FLOOD * people:
            start = at
        elif start is not None and count <= OVER * people:
            spans.append((start, at))
            start = None
    return [span for span in spans if span[0] <= now]


def answer(alert: Alert) -> timedelta | None:
    """Return how long an alert was on the desk before somebody took it first; None if nobody has."""
    taken = [hold.at for hold in alert.holds if isinstance(hold, Claimed)]
    return max(timedelta(), min(taken) - alert.arrived_at) if taken else None


def ask_second_pool(board: Board, by: StaffId, at: datetime) -> tuple[SecondPool, ...]:
    """Return what to write down when somebody asks the second pool to help; nothing if that was just done."""
    asked = board.pool_asked
    if asked is not None and at - asked.at < ASKED_AGAIN:
        return ()
    return (SecondPool(at=at, by=by),)


def _come_since(at: datetime, board: Board) -> Iterator[Alert]:
    """Yield the alerts that came after a moment, the newest first; a board holds them as they came, years of them."""
    return takewhile(lambda one: one.arrived_at > at, reversed(board.alerts.values()))


def _held(board: Board, since: datetime, desks: Iterable[Desk], desk_of: Callable[[SiteId], Desk]) -> Counter[Desk]:
    """Count what was held back since then of the homes that are on this board; of no home in particular, everywhere."""
    steps, messages = board.messages.held_since(since)
    homes = [*(one.home for one in steps), *(board.messages.home_of(one) for one in messages)]
    held = Counter(desk_of(site_of(home)) for home in homes if home is not None and home in board.homes)
    everywhere = homes.count(None)
    return Counter({desk: held[desk] + everywhere for desk in desks})


def _asks(alert: Alert, board: Board) -> bool:
    return alert.tier is not Tier.REVIEW and cause_of(alert, board) is None


def _most(sources: Counter[tuple[HomeId, What]]) -> list[tuple[tuple[HomeId, What], int]]:
    return sorted(sources.items(), key=lambda one: (-one[1], one[0]))[:SOURCES_MAX]
