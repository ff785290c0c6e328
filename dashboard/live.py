"""Live pages: what changes on the board goes to every screen that is open, as server-sent events.

An event is drawn and encoded once per language, whatever the number of screens. A screen that cannot keep up is let
go: it comes back by itself and gets everything afresh, so nothing needs to be kept for it.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from datetime import datetime
from typing import Protocol

import msgspec
import structlog

from care.records import AlertId, Plan, site_of
from dashboard.intake import Centre, News
from dashboard.lookout import Screens
from detectors.homes import HomeId, SiteId

BEAT_S = 1.0
TOGETHER_S = 0.02  # changes that come within this time of the first go out as one
QUEUE_MAX = 64  # events that may wait for one screen
SCREENS_MAX = 2_000
AGAIN_S = 15.0  # at the earliest, what only time has changed is drawn again: what is swapped may be under a finger
EVERYTHING_FOR_S = 1.0  # a full drawing is good for whoever else comes in this time; many come at once after a break

log = structlog.get_logger()

_LINES = re.compile(r"\r\n|\r|\n")  # what ends a line of an event stream; `splitlines` knows more, and would lose them


class Fragments(Protocol):
    """Draws what is sent, the same for every reader of a language."""

    def changes(self, homes: Collection[HomeId], alerts: Collection[AlertId], now: datetime, language: str) -> str: ...

    def everything(self, now: datetime, language: str) -> str: ...


class TooManyScreens(Exception):
    """There are `SCREENS_MAX` screens open."""


class Screen:
    """One open page: what it reads and what waits for it."""

    def __init__(self, language: str, session: str, leave: Callable[["Screen"], None]) -> None:
        self.language = language
        self.session = session
        self._leave = leave
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_MAX)

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield what is to be sent, until the screen leaves or is let go."""
        try:
            while (event := await self._waiting.get()) is not None:
                yield event
        finally:
            self._leave(self)

    def give(self, event: bytes) -> bool:
        """Put an event in the queue; return whether there was room."""
        if self._waiting.full():
            return False
        self._waiting.put_nowait(event)
        return True

    def let_go(self) -> None:
        """End the stream, with what still waits thrown away."""
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)


class Live:
    """All screens, and what goes to them."""

    def __init__(self, centre: Centre, drawing: Fragments, watched: Screens | None = None) -> None:
        self._centre = centre
        self._watched = Screens() if watched is None else watched
        self._drawing = drawing
        self._screens: dict[Screen, asyncio.TimerHandle] = {}  # each with what ends it in time
        self._homes: set[HomeId] = set()  # what changed and is not sent yet
        self._alerts: set[AlertId] = set()
        self._all = False
        self._flush_soon: asyncio.TimerHandle | None = None
        self._silent: set[SiteId] = set()
        self._behind: set[SiteId] = set()
        self._minute: tuple[float, datetime] | None = None  # last drawn: when, in monotonic seconds, and what it was
        self._drawn: dict[str, tuple[float, bytes]] = {}  # by language: when, in monotonic seconds, and what
        centre.follow(self._came)

    def enter(self, language: str, session: str, *, for_s: float) -> Screen:
        """Add a screen, for as many seconds as its session lasts; the first event it gets is everything as it is now.

        Raises `TooManyScreens`.
        """
        if len(self._screens) >= SCREENS_MAX:
            raise TooManyScreens
        screen = Screen(language, session, self._left)
        screen.give(self._everything(language))
        self._screens[screen] = asyncio.get_running_loop().call_later(for_s, self._let_go, [screen])
        return screen

    def end(self, session: str) -> None:
        """Let the screens of a session go: who has signed out sees no more."""
        self._let_go([screen for screen in self._screens if screen.session == session])

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            self.beat()
            await asyncio.sleep(BEAT_S)

    def beat(self) -> None:
        """Tell every screen that it is still alive, and let what only time has changed be drawn again."""
        now = self._centre.now()
        self._time_passes(now)
        sites = {site: self._centre.unheard_s(site) for site in self._centre.board.plans}
        said = {
            "now": now.isoformat(),
            "sites": sites,
            "proven": {site: self._centre.unproven_s(site) for site in self._centre.board.plans},
            "unwatched": self._watched.unwatched,
            "stuck": bool(self._centre.trouble),
            "number": self._centre.number,
        }
        self._give(self._screens, event("beat", msgspec.json.encode(said).decode()))

    def close(self) -> None:
        """Let all screens go, so that the server can stop."""
        if self._flush_soon is not None:
            self._flush_soon.cancel()
        self._let_go(list(self._screens))

    def _came(self, news: News) -> None:
        # A plan may move every tile; what a screen has of the old one cannot be mended.
        self._all |= any(isinstance(entry.record, Plan) for entry in news.entries)
        self._changed(news.homes, news.alerts)

    def _changed(self, homes: Iterable[HomeId], alerts: Iterable[AlertId]) -> None:
        self._drawn.clear()
        self._homes.update(homes)
        self._alerts.update(alerts)
        if self._flush_soon is None and (self._homes or self._alerts):
            self._flush_soon = asyncio.get_running_loop().call_later(TOGETHER_S, self._flush)

    def _flush(self) -> None:
        homes, alerts, whole = self._homes, self._alerts, self._all
        self._homes, self._alerts, self._all, self._flush_soon = set(), set(), False, None
        now = self._centre.now()
        for language in {screen.language for screen in self._screens}:
            readers = [screen for screen in self._screens if screen.language == language]
            try:
                if whole:
                    change = self._everything(language)
                else:
                    html = self._drawing.changes(homes, alerts, now, language)
                    change = event("change", html, number=self._centre.number)
            except Exception:
                # A screen that did not get a change must not go on looking alive.
                log.exception("changes could not be drawn", alerts=sorted(alerts), homes=sorted(homes))
                self._let_go(readers)
            else:
                self._give(readers, change)

    def _time_passes(self, now: datetime) -> None:
        board, monotonic_s = self._centre.board, time.monotonic()
        silent = {site for site in board.plans if self._centre.silent(site)}
        turned = (silent ^ self._silent) | (board.behind ^ self._behind)
        self._silent, self._behind = silent, set(board.behind)
        homes = {home for home in board.homes if site_of(home) in turned}
        minute, last = now.replace(second=0, microsecond=0), self._minute
        again = last is None or (last[1] != minute and monotonic_s - last[0] >= AGAIN_S)
        waiting = board.open_alerts() if again else []  # pictures end at now, and sentences say how long it has lasted
        if again:
            self._minute = (monotonic_s, minute)
        if turned or waiting:
            self._changed(homes | {alert.home for alert in waiting}, {alert.id for alert in waiting})

    def _everything(self, language: str) -> bytes:
        drawn = self._drawn.get(language)
        if drawn is None or time.monotonic() - drawn[0] > EVERYTHING_FOR_S:
            html = self._drawing.everything(self._centre.now(), language)
            drawn = (time.monotonic(), event("change", html, number=self._centre.number, retry_ms=1_000))
            self._drawn[language] = drawn
        return drawn[1]

    def _give(self, screens: Iterable[Screen], event: bytes) -> None:
        self._let_go([screen for screen in screens if not screen.give(event)])

    def _let_go(self, screens: Iterable[Screen]) -> None:
        for screen in screens:
            self._left(screen)
            screen.let_go()

    def _left(self, screen: Screen) -> None:
        if timer := self._screens.pop(screen, None):
            timer.cancel()


def event(name: str, data: str, *, number: int | None = None, retry_ms: int | None = None) -> bytes:
    r"""Encode one server-sent event.

    >>> event("change", "<p>one</p>\n<p>two</p>", number=7)
    b'event: change\nid: 7\ndata: <p>one</p>\ndata: <p>two</p>\n\n'
    """
    fields = [f"event: {name}"]
    if number is not None:
        fields.append(f"id: {number}")
    if retry_ms is not None:
        fields.append(f"retry: {retry_ms}")
    fields += [f"data: {line}" for line in _LINES.split(data)]
    return ("\n".join(fields) + "\n\n").encode()
