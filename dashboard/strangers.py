"""Who has not signed in gives way to who has: on the event loop, and on the processors that passwords take.

Nobody's screen waits behind a crowd at the door. Of those who ask without a session or a device's key one comes in with
each turn of the loop; who has signed in, or holds a key, comes in at once. Passwords are looked at one at a time, in a
thread that runs when nothing else wants to, and after a wrong one nobody's is looked at for a while: guessing then
takes a part of the machine, however many guess.
"""

import asyncio
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import Request

from care.database import Database
from dashboard.enrolment import network
from dashboard.rows import digest

WAITING_MAX = 60  # passwords that wait to be looked at
OF_ONE_MAX = 10  # of them from one network
REST = 2.0  # times as long as a wrong one took nobody's is looked at

T = TypeVar("T")

_COOKIES = ("__Host-nachtwacht", "nachtwacht", "__Host-nachtwacht-own", "nachtwacht-own")
_KNOWN = "SELECT 1 FROM session WHERE token = ? UNION ALL SELECT 1 FROM house_key WHERE token = ?"


class Busy(Exception):
    """So many passwords wait that one more is not looked at."""


class Strangers:
    """Lets those in one after another whom nobody knows yet."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()

    async def give_way(self, request: Request, people: Database) -> None:
        """Return at once for who has signed in or holds a key; else when it is this stranger's turn.

        Whether a session may still do what it asks is not looked at here: it decides who goes first, and nothing else.
        """
        if any(_is_known(people, token) for name in _COOKIES if (token := request.cookies.get(name))):
            return
        async with self._one:
            await asyncio.sleep(0)  # whatever came meanwhile is read, and the known ones of it go before the next


def _is_known(people: Database, token: str) -> bool:
    try:
        return people.execute(_KNOWN, (digest(token), digest(token))).fetchone() is not None
    except sqlite3.Error:
        return False  # whoever answers will say what is wrong with the store


class Passwords:
    """Has passwords looked at one at a time (each costs 64 MB), beside the pages and slower than they."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()
        self._waiting: Counter[str] = Counter()

    async def look(self, client: str, work: Callable[[], T | None]) -> T | None:
        """Return what comes of some work with a password, None for a wrong one. Raises `Busy`."""
        whose = network(client)
        if self._waiting.total() >= WAITING_MAX or self._waiting[whose] >= OF_ONE_MAX:
            raise Busy
        self._waiting[whose] += 1
        try:
            await self._one.acquire()
        finally:
            self._waiting[whose] -= 1
            if not self._waiting[whose]:
                del self._waiting[whose]
        loop, rest_s = asyncio.get_running_loop(), 0.0
        began_s = loop.time()
        try:
            found = await loop.run_in_executor(_BESIDE, work)
            if found is None:
                rest_s = REST * (loop.time() - began_s)
        finally:
            loop.call_later(rest_s, self._one.release)  # who was wrong hears so now
        return found


def _run_when_nothing_else_does() -> None:
    """Let this thread, and those that it starts, run when nothing else wants to: pages go before passwords (Linux)."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


_BESIDE = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords", initializer=_run_when_nothing_else_does)
