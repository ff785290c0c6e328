"""News for family and neighbours: when one of them is told that there is something to read. Never what it is.

Only what a resident shares with them is a reason, and only if they asked for it. Each night once, and contact once:
what was told before is read from the records, and each message is dated by when it was due, whenever that is asked.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from care import tidings
from care.board import Board
from care.ids import ContactId
from care.messages import Kind, ToTell, quiet_until
from care.sharing import Part
from care.sights import last_nights
from care.tidings import Told
from detectors.homes import Home, ResidentId

NEWS_FOR = timedelta(hours=4)  # after this it is none: who wants to know has looked, and nobody is told of last week
_OF_NIGHTS = frozenset({Part.NIGHT, Part.CONTACT, Part.ALERTS})
_SAYS_NOTHING = frozenset({Told.NONE, Told.RUNNING})

Ways = Callable[[ContactId], tuple[str, ...]]
"""Returns by which channels somebody can be told something, in the order in which they are tried."""


class Wish(NamedTuple):
    """What a contact wants to be told, and when not."""

    contact: ContactId
    resident: ResidentId
    morning: bool  # each morning that there is something to read of the night
    contacted: bool  # when there was contact
    quiet: tuple[time, time]  # from when until when nothing, by the clock of the home


def due(board: Board, wishes: Iterable[Wish], ways: Ways, now: datetime) -> Iterator[ToTell]:
    """Yield what is to be told now, and was not yet; of who can be reached in no way, nothing."""
    living = {home.resident: home for home in board.homes.values()}
    for wish in wishes:
        home = living.get(wish.resident)
        if home is None:
            continue
        parts = board.shares.parts(wish.resident, wish.contact, now)
        found = _morning(board, wish, home, parts, now) or _contacted(board, wish, home, parts, now)
        if found is not None and (channels := ways(wish.contact)):
            kind, at = found
            yield ToTell(at=at, to=wish.contact, kind=kind, channels=channels, home=home.id)


def _morning(
    board: Board, wish: Wish, home: Home, parts: frozenset[Part], now: datetime
) -> tuple[Kind, datetime] | None:
    """Return since when somebody is to be told that a night is over."""
    if not wish.morning or not parts & _OF_NIGHTS:
        return None
    over = [end for _, end in last_nights(home.night, now, 2) if end <= now]
    if not over:
        return None
    told, at = board.messages.last(wish.contact, Kind.MORNING), _awake(wish, over[-1], board.zone(home.id))
    if (told is not None and told >= over[-1]) or not at <= now < at + NEWS_FOR:
        return None
    night = next(one for one in reversed(tidings.tidings(board, home, parts, now, n=2)) if one.end == over[-1])
    return None if night.told in _SAYS_NOTHING else (Kind.MORNING, at)


def _contacted(
    board: Board, wish: Wish, home: Home, parts: frozenset[Part], now: datetime
) -> tuple[Kind, datetime] | None:
    """Return since when somebody is to be told that there was contact; of more than one, once."""
    if not wish.contacted or Part.CONTACT not in parts:
        return None
    told = [board.messages.last(wish.contact, kind) for kind in (Kind.CONTACTED, Kind.MORNING)]
    seen = max((one for one in told if one is not None), default=None)  # the page that they were led to has it
    for one in reversed(tidings.contacts(board, home, now - timedelta(days=1))):
        at = _awake(wish, one.at, board.zone(home.id))
        if (seen is None or one.at > seen) and at <= now < at + NEWS_FOR:
            return Kind.CONTACTED, at
    return None


def _awake(wish: Wish, at: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment itself, or when the quiet hours that it lies in are over."""
    since, until = wish.quiet
    quiet = None if since == until else quiet_until(wish.quiet, at, zone)
    return at if quiet is None else quiet
