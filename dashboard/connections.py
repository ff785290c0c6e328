"""The connections of the pages: how many there may be, and how long one may take over asking or taking an answer.

What may be asked is the door's (`dashboard.door`); here nobody has asked anything yet. A connection costs whoever opens
it nothing, and us a place. So one that does not come to its question is ended, one client holds no more than its
share, and with all places taken the one that has waited longest for nothing goes. An open page is never ended for that.
"""

import asyncio
import resource
from collections import Counter
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from dashboard.enrolment import network
from dashboard.turned_away import TurnedAway

MOST = 2_000  # connections at once
PROXY = "127.0.0.1"  # whoever stands before the pages on this machine speaks for many clients

_SPARE = 200  # files that the centre needs beside its connections: journal, stores, broker, carriers


@dataclass(frozen=True, slots=True)
class Limits:
    """What connections may take."""

    most: int = MOST  # at once
    of_one: int = 300  # of one client at once; a care centre with 40 seats may have one address
    ask_within_s: float = 10.0  # from the first byte, or the last answer, to a whole head of a request
    take_within_s: float = 15.0  # of an answer that waits for its reader


class Guard:
    """Who is connected, and who of them has asked for nothing yet."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.waiting: dict[Connection, None] = {}  # for their question, the one that has waited longest first
        self.turned_away = TurnedAway()
        self._of: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many connections there are."""
        return self._of.total()

    def comes(self, one: "Connection") -> bool:
        """Whether there is a place for a connection; it has one from now on."""
        host = one.host
        if host != PROXY and self._of[host] >= self.limits.of_one:
            self.turned_away.tell("too many of one client", host)
            return False
        if self.open >= self.limits.most:
            if not self.waiting:
                self.turned_away.tell("too many", host)
                return False
            next(iter(self.waiting)).end("too many")
        self._of[host] += 1
        return True

    def goes(self, one: "Connection") -> None:
        """Note that a connection is over."""
        self.waiting.pop(one, None)
        self._of[one.host] -= 1
        if self._of[one.host] <= 0:
            del self._of[one.host]


class Connection(H11Protocol):
    """uvicorn's own, which would wait for ever for a question and for a reader."""

    guard: Guard
    host = ""
    _here = False
    _asks: asyncio.TimerHandle | None = None
    _takes: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.host = network(self.client[0]) if self.client else "unknown"
        self._here = self.guard.comes(self)
        if self._here:
            self._look()
        else:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._takes is None:
            self._takes = self.loop.call_later(self.guard.limits.take_within_s, self.end, "too slow to take")

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._takes is not None:
            self._takes.cancel()
            self._takes = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for timer in (self._asks, self._takes):
            if timer is not None:
                timer.cancel()
        self._asks = self._takes = None
        if self._here:
            self._here = False
            self.guard.goes(self)

    def end(self, why: str) -> None:
        """End it at once, and write down why."""
        self.guard.waiting.pop(self, None)
        self.guard.turned_away.tell(why, self.host)
        self.transport.abort()

    def _look(self) -> None:
        """Count the time in which somebody has to ask; whose question is being answered has no hurry."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering or not self._here or self.transport.is_closing():
            self.guard.waiting.pop(self, None)
            if self._asks is not None:
                self._asks.cancel()
                self._asks = None
        elif self._asks is None:
            self.guard.waiting[self] = None
            self._asks = self.loop.call_later(self.guard.limits.ask_within_s, self._ask_no_more)

    def _ask_no_more(self) -> None:
        self.end("too slow to ask")


def guarded(limits: Limits) -> type[Connection]:
    """Return uvicorn's protocol for one server, with its own count of who is connected."""
    made: dict[str, Any] = {"guard": Guard(limits)}
    return type("GuardedConnection", (Connection,), made)


def room() -> Limits:
    """Return the limits for this process, whose own limit of open files is raised as far as they need and it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + _SPARE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    most = MOST if soft == resource.RLIM_INFINITY else min(MOST, max(soft - _SPARE, 50))
    return Limits(most=most)
