"""What family and neighbours are told of a night: a word, and never an event, a room or a sensor.

A night is quiet only if it is over, nothing asked for a person, and all of it was in sight. What is not shared, a pause
and somebody away look alike: no message, for which there can be several reasons.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from care.alerts import CALM, Alert
from care.board import Board
from care.records import By, Follow, Followed, How
from care.sharing import Part
from care.sights import last_nights, stretches
from detectors.findings import Sight
from detectors.homes import Home

NIGHTS = 7
CONTACTS_MAX = 20  # listed, the newest


class Told(StrEnum):
    """What is told of a night, in a word."""

    QUIET = "quiet"  # over, wholly in sight, and nothing asked for a person
    UNSEEN = "unseen"  # nothing asked for a person, but not all of it was in sight
    CONTACT = "contact"  # there was contact
    ALERT = "alert"  # there was an alert
    NONE = "none"  # no message
    RUNNING = "running"  # not over yet


class Way(StrEnum):
    """How there was contact."""

    VIDEO = "video"
    PHONE = "phone"
    VISIT = "visit"


@dataclass(frozen=True, slots=True)
class Contact:
    """One moment of contact."""

    at: datetime
    way: Way


@dataclass(frozen=True, slots=True)
class Tiding:
    """What is told of one night."""

    start: datetime
    end: datetime
    told: Told
    contacts: tuple[Contact, ...] = ()
    alert: Alert | None = None  # the last of them: only when it came and that it was closed is told
    unseen: tuple[tuple[datetime, datetime], ...] = ()


def tidings(board: Board, home: Home, parts: Collection[Part], now: datetime, *, n: int = NIGHTS) -> list[Tiding]:
    """Return what is told of the last nights, the oldest first."""
    return [_of(board, home, parts, night, now) for night in last_nights(home.night, now, n)]


def contacts(board: Board, home: Home, since: datetime) -> list[Contact]:
    """Return the moments of contact from then on, the newest first."""
    found = [one for alert in board.alerts_of(home.id) for one in _contacts(alert) if one.at >= since]
    return sorted(found, key=lambda one: one.at, reverse=True)[:CONTACTS_MAX]


def _of(board: Board, home: Home, parts: Collection[Part], night: tuple[datetime, datetime], now: datetime) -> Tiding:
    start, end = night
    alerts = [
        one for one in board.alerts_of(home.id) if one.tier not in CALM and start <= one.raised_at < min(end, now)
    ]  # the newest first
    met = [one for alert in alerts for one in _contacts(alert)] if Part.CONTACT in parts else []
    shown = alerts[0] if alerts and Part.ALERTS in parts else None
    if met:
        return Tiding(start, end, Told.CONTACT, tuple(sorted(met, key=lambda one: one.at)), shown)
    if shown is not None:
        return Tiding(start, end, Told.ALERT, alert=shown)
    if alerts or Part.NIGHT not in parts:
        return Tiding(start, end, Told.NONE)
    return Tiding(start, end, Told.RUNNING) if end > now else _without_alerts(board, home, start, end)


def _without_alerts(board: Board, home: Home, start: datetime, end: datetime) -> Tiding:
    """Return what is told of a night that is over and in which nothing asked for a person."""
    begins = board.sights.begins(home.id)
    if begins is None or begins > start or board.pauses.at(home, start, end):
        return Tiding(start, end, Told.NONE)
    seen = stretches(board.sights.of(home.id), home, start, end)
    if any(one.sight is Sight.PAUSED for one in seen):
        return Tiding(start, end, Told.NONE)
    gaps = tuple(_joined((one.start, one.end) for one in seen if one.sight is not Sight.WATCHED))
    return Tiding(start, end, Told.UNSEEN if gaps else Told.QUIET, unseen=gaps)


def _joined(spans: Iterator[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """Yield stretches with those that touch made one."""
    last: tuple[datetime, datetime] | None = None
    for start, end in spans:
        if last is not None and start <= last[1]:
            last = (last[0], end)
            continue
        if last is not None:
            yield last
        last = (start, end)
    if last is not None:
        yield last


_MEANS = {By.VIDEO: Way.VIDEO, By.PHONE: Way.PHONE}
_HOW = {How.VIDEO: Way.VIDEO, How.PHONE: Way.PHONE, How.ON_SITE: Way.VISIT, How.FAMILY: Way.VISIT}


def _contacts(alert: Alert) -> Iterator[Contact]:
    """Yield when there was contact about an alert; what is closed in the same way as it was spoken is told once."""
    spoken: set[Way] = set()
    for one in alert.follows:
        if isinstance(one, Followed) and one.follow is Follow.TALKING and one.means in _MEANS:
            way = _MEANS[one.means]
            if way not in spoken:
                spoken.add(way)
                yield Contact(one.at, way)
    done = alert.resolved
    if done is not None and not alert.reopened and done.how in _HOW and _HOW[done.how] not in spoken:
        yield Contact(done.at, _HOW[done.how])
