"""The clocks that the composition roots read: the system's, one that no step of it disturbs, and a rehearsal's.

A building's computer has often no clock of its own: it starts in 1970, or where it was switched off, and is put right
when it reaches the internet. So a gateway's time is reckoned (`reckoned`): it runs with the monotonic clock, never
goes back, and goes over to the system's clock so slowly that no minute is a tenth longer or shorter than it is.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

SLEW = 0.1  # of a second in every second: two hours are made good in twenty
STEPPED = timedelta(seconds=1)  # against the monotonic clock, between two readings: a clock that was set, and no drift
SWITCHED_ON_S = 15 * 60.0  # monotonic, so since the machine was switched on: its clock may not have been put right yet
FAR = timedelta(days=1)  # too far for going over slowly
BELIEVED_AFTER_S = 3600.0  # a clock that is far ahead has stayed so for so long
NEVER = timedelta(days=3653)  # ten years ahead: no clock is right that says so
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)  # there was no such program before: the clock was never set


class Clock(Protocol):
    """Says what time it is, in UTC."""

    def now(self) -> datetime: ...


class Reckoning(NamedTuple):
    """Our time as of one reading of the machine's clocks, and what the next one goes on from."""

    now: datetime
    wall: datetime  # by the system's clock, at the same reading
    monotonic_s: float
    turned: tuple[datetime, datetime] | None = None  # wall and our time when the clock was last set; None: they agree
    before: tuple[datetime, datetime, datetime] | None = None  # the same of the time before, and its last wall
    far_since_s: float | None = None  # monotonic, since when the system's clock is far ahead

    @property
    def apart(self) -> timedelta:
        """How far the system's clock stands ahead of our time; behind it, if negative."""
        return self.wall - self.now

    def ours(self, at: datetime) -> tuple[datetime, ...]:
        """Return when, in our time, the system's clock said this; first by what it says now, then by what it said.

        It is the same answer whenever it is asked, until the clock is set.
        """
        if self.before is None or at > self.before[2]:
            return (_translated(at, self.turned),)
        return _translated(at, self.turned), _translated(at, self.before[:2])


def begun(wall: datetime, monotonic_s: float, *, known_to: datetime | None) -> Reckoning:
    """Begin with the system's clock; but never before the newest instant that is known, nor years after it."""
    earliest = max(known_to or EARLIEST, EARLIEST)
    now = wall if earliest <= wall <= earliest + NEVER else earliest
    return Reckoning(now, wall, monotonic_s, None if now == wall else (wall, now))


def reckoned(before: Reckoning, wall: datetime, monotonic_s: float) -> Reckoning:
    """Return our time at the next reading of both clocks. It never goes back, whatever the system's clock does.

    Seconds are those of the monotonic clock, a tenth longer or shorter while the system's clock is made good. Two
    things are taken over at once, and forward only: what a machine learns of the time soon after it was switched on,
    for that is how long it was off; and a clock that has long been more than a day ahead.
    """
    passed = timedelta(seconds=max(0.0, monotonic_s - before.monotonic_s))
    monotonic_s = before.monotonic_s + passed.total_seconds()  # what is less than a microsecond is left for the next
    now = before.now + passed
    apart = wall - now
    far_since_s = (before.far_since_s or monotonic_s) if FAR < apart <= NEVER else None
    long = far_since_s is not None and monotonic_s - far_since_s >= BELIEVED_AFTER_S
    if timedelta(0) < apart <= NEVER and (long or monotonic_s < SWITCHED_ON_S):
        now = wall
    else:
        most = passed * abs(_rate(apart))
        now += max(-most, min(apart, most))
    turned, older = before.turned, before.before
    if abs(wall - before.wall - passed) > STEPPED:
        older = (*(turned or (before.wall, before.wall)), before.wall + passed)
        turned = (wall, now)
    elif turned is None:
        turned = (wall, now)
    return Reckoning(now, wall, monotonic_s, None if now == wall else turned, older, far_since_s)


def _translated(at: datetime, turned: tuple[datetime, datetime] | None) -> datetime:
    """Return when, in our time, a clock said this that was last set when it and ours said `turned`."""
    if turned is None:
        return at
    wall, now = turned
    if at <= wall:
        return now + (at - wall)
    rate = _rate(wall - now)
    then = now + (at - wall) * (1 + rate)
    return min(then, at) if rate > 0 else max(then, at) if rate < 0 else then


def _rate(apart: timedelta) -> float:
    """Return by how much our time runs faster than the monotonic clock, so far apart from the system's."""
    if abs(apart) > FAR:
        return 0.0
    return SLEW if apart > timedelta(0) else -SLEW


class ReckoningClock(Clock, Protocol):
    """A clock that also says how what it says was reckoned."""

    @property
    def reckoning(self) -> Reckoning: ...


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251  # one of two places where a clock is read


class SteadyClock:
    """The time of this machine, reckoned: for whom a duration must not depend on when its clock is set."""

    def __init__(self, known_to: datetime | None = None) -> None:
        """Begin not before `known_to`, the newest instant that was written down or taken in before."""
        self._wall = SystemClock()
        self._turn = threading.Lock()
        self._last = begun(self._wall.now(), time.monotonic(), known_to=known_to)

    def now(self) -> datetime:
        with self._turn:
            self._last = reckoned(self._last, self._wall.now(), time.monotonic())
            return self._last.now

    @property
    def reckoning(self) -> Reckoning:
        """How this was last told."""
        return self._last


class RehearsalClock:
    """The time that the rehearsal last told. Never goes back, so a repeated message does no harm."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def tell(self, moment: datetime) -> None:
        self._now = max(self._now, moment)

    @property
    def reckoning(self) -> Reckoning:
        """Nothing else tells the time here."""
        return Reckoning(self._now, self._now, 0.0)


REHEARSAL_TOPIC = "nachtwacht/rehearsal/clock"
"""Where a rehearsal tells the time, as an ISO 8601 instant. Only a process started for a rehearsal listens there."""
