"""Live pages: what changes on the board goes to every screen that is open, as server-sent events.

An event is drawn and encoded once for all readers of a language and of the same organisations, whatever the number of
their screens. A screen that cannot keep up is let go: it comes back by itself and gets everything afresh, so nothing
needs to be kept for it. What somebody may no longer see leaves their screens within a second.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

import msgspec
import structlog

from care.ids import AlertId
from care.proofs import Walked
from care.records import CENTRE, Plan, site_of
from dashboard.centre import Centre, News
from dashboard.lookout import Screens
from dashboard.organisations import ONLY_OWN, OWN, Access, OrganisationId, sees
from detectors.homes import HomeId, SiteId

BEAT_S = 1.0
TOGETHER_S = 0.02  # changes that come within this time of the first go out as one
TOGETHER_AT_MOST_S = 0.25  # or within this, while drawing takes long: then more goes out in one
QUEUE_MAX = 64  # events that may wait for one screen
SCREENS_MAX = 2_000
AGAIN_S = 15.0  # at the earliest, what only time has changed is drawn again: what is swapped may be under a finger
DRAWN_MAX = 100  # full drawings that are kept for who comes next
EVERYTHING_FOR_S = 1.0  # a full drawing is good for whoever else comes in this time; many come at once after a break

log = structlog.get_logger()

_LINES = re.compile(r"\r\n|\r|\n")  # what ends a line of an event stream; `splitlines` knows more, and would lose them


Ages = Mapping[SiteId, tuple[float | None, float | None]]
"""For how many real seconds each building has not been heard and not been proven; None where it never was."""

Changed = TypeVar("Changed")


class Fragments(Protocol):
    """Draws what is sent, the same for every reader of a language and of the same organisations."""

    def changes(
        self,
        homes: Collection[HomeId],
        alerts: Collection[AlertId],
        now: datetime,
        language: str,
        *,
        organisations: frozenset[OrganisationId],
        pages: Collection[str] | None,
    ) -> str: ...

    def everything(
        self, now: datetime, language: str, *, organisations: frozenset[OrganisationId], page: str | None
    ) -> str: ...


class Readers(NamedTuple):
    """Whoever reads the same: one event is drawn for all of them."""

    language: str
    organisations: frozenset[OrganisationId]


class TooManyScreens(Exception):
    """There are `SCREENS_MAX` screens open."""


class Screen:
    """One open page: what it reads and what waits for it."""

    def __init__(self, readers: Readers, session: str, page: str, leave: Callable[["Screen"], None]) -> None:
        self.readers = readers
        self.session = session
        self.page = page
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

    def let_go(self, last: bytes | None = None) -> None:
        """End the stream, with what still waits thrown away, and a last word if there is one."""
        while not self._waiting.empty():
            self._waiting.get_nowait()
        if last is not None:
            self._waiting.put_nowait(last)
        self._waiting.put_nowait(None)


class Live:
    """All screens, and what goes to them."""

    def __init__(
        self,
        centre: Centre,
        drawing: Fragments,
        watched: Screens | None = None,
        access: Access | None = None,
    ) -> None:
        """Prepare; `run` beats. Without `access` there is one organisation, and no session ends before its time."""
        self._centre = centre
        self._access = access
        self._owners: Mapping[SiteId, OrganisationId] = access.owners() if access is not None else {}
        self._watched = Screens() if watched is None else watched
        self._drawing = drawing
        self._screens: dict[Screen, asyncio.TimerHandle] = {}  # each with what ends it in time
        self._homes: set[HomeId] = set()  # what changed and is not sent yet
        self._alerts: set[AlertId] = set()
        self._replanned: set[SiteId] = set()
        self._flush_soon: asyncio.TimerHandle | None = None
        self._took_s = 0.0  # to draw what was sent last
        self._silent: set[SiteId] = set()
        self._behind: set[SiteId] = set()
        self._minute: tuple[float, datetime] | None = None  # last drawn: when, in monotonic seconds, and what it was
        # Everything, as it was last drawn for such a page: when, in monotonic seconds, and what.
        self._drawn: dict[tuple[Readers, str], tuple[float, bytes]] = {}
        centre.follow(self._came)

    def enter(
        self,
        language: str,
        session: str,
        *,
        for_s: float,
        organisations: frozenset[OrganisationId] = ONLY_OWN,
        page: str = "/",
    ) -> Screen:
        """Add a screen, for as many seconds as its session lasts; the first event it gets is everything as it is now.

        `page` is the path of what it shows. Raises `TooManyScreens`.
        """
        if len(self._screens) >= SCREENS_MAX:
            raise TooManyScreens
        screen = Screen(Readers(language, organisations), session, page, self._left)
        screen.give(self._everything(screen.readers, page))
        self._screens[screen] = asyncio.get_running_loop().call_later(for_s, self._let_go, [screen])
        return screen

    @property
    def connected(self) -> int:
        """How many screens are open."""
        return len(self._screens)

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
        self._centre.board.on_duty = max(1, self._watched.people)
        self._look_at_the_list()
        ages = {
            site: (self._centre.unheard_s(site), self._centre.unproven_s(site)) for site in self._centre.board.plans
        }
        self._time_passes(now, set(filter(self._centre.silent, ages)))
        said = {"now": now.isoformat(), "stuck": bool(self._centre.trouble), "number": self._centre.number}
        readers = {screen.readers.organisations for screen in self._screens}
        given = beats(said, ages, readers, self._owners, self._watched)
        self._let_go([one for one in self._screens if not one.give(given[one.readers.organisations])])

    def _look_at_the_list(self) -> None:
        """Send away whoever has signed out elsewhere, or may not see any more what their screen shows: it loads again.

        The list is changed by the commands of the centre too, in a process of their own.
        """
        if self._access is None:
            return
        before, owners, sessions = self._owners, self._access.owners(afresh=True), self._access.sessions()
        changed = owners is not before and owners != before
        moved = {site for site in (*owners, *before) if before.get(site) != owners.get(site)} if changed else set()
        if moved:
            self._owners = owners
            self._drawn.clear()
        gone = [
            screen
            for screen in self._screens
            if sessions.get(screen.session) != screen.readers.organisations
            or any(
                sees(screen.readers.organisations, before)(site) != sees(screen.readers.organisations, owners)(site)
                for site in moved
            )
        ]
        self._let_go(gone, event("again", "{}"))

    def close(self) -> None:
        """Let all screens go, so that the server can stop."""
        if self._flush_soon is not None:
            self._flush_soon.cancel()
        self._let_go(list(self._screens))

    def _came(self, news: News) -> None:
        # A plan may move every tile; what a screen has of the old one cannot be mended.
        self._replanned.update(entry.record.site for entry in news.entries if isinstance(entry.record, Plan))
        # A proof is counted on the plate of its building.
        self._replanned.update(site_of(entry.record.home) for entry in news.entries if isinstance(entry.record, Walked))
        self._changed(news.homes, news.alerts)

    def _changed(self, homes: Iterable[HomeId], alerts: Iterable[AlertId]) -> None:
        self._drawn.clear()
        self._homes.update(homes)
        self._alerts.update(alerts)
        if self._flush_soon is None and (self._homes or self._alerts):
            self._flush_soon = asyncio.get_running_loop().call_later(max(TOGETHER_S, self._took_s), self._flush_now)

    def _flush_now(self) -> None:
        """Send what has changed. Who drew for long leaves as long to what comes in: drawing takes half the time."""
        began_s = time.monotonic()
        self._flush()
        self._took_s = min(time.monotonic() - began_s, TOGETHER_AT_MOST_S)

    def _flush(self) -> None:
        homes, alerts, replanned = self._homes, self._alerts, self._replanned
        self._homes, self._alerts, self._replanned, self._flush_soon = set(), set(), set(), None
        now, board = self._centre.now(), self._centre.board
        homes_of = self._by_whose(homes, site_of)
        alerts_of = self._by_whose(alerts & board.alerts.keys(), lambda alert: site_of(board.alerts[alert].home))
        replanned_of = self._by_whose(replanned, lambda site: site)
        groups: dict[Readers, list[Screen]] = {}
        for screen in self._screens:
            groups.setdefault(screen.readers, []).append(screen)
        for readers, screens in groups.items():
            theirs = {None, *readers.organisations}
            my_homes = set[HomeId]().union(*(homes_of[whose] for whose in theirs & homes_of.keys()))
            my_alerts = set[AlertId]().union(*(alerts_of[whose] for whose in theirs & alerts_of.keys()))
            whole = not theirs.isdisjoint(replanned_of)
            if not (whole or my_homes or my_alerts):
                continue
            pages = {screen.page for screen in screens}
            try:
                if whole:
                    changes = {page: self._everything(readers, page) for page in pages}
                else:
                    html = self._drawing.changes(
                        my_homes,
                        my_alerts,
                        now,
                        readers.language,
                        organisations=readers.organisations,
                        pages=pages,
                    )
                    changes = dict.fromkeys(pages, event("change", html, number=self._centre.number))
            except Exception:
                # A screen that did not get a change must not go on looking alive.
                log.exception("changes could not be drawn", alerts=sorted(my_alerts), homes=sorted(my_homes))
                self._let_go(screens)
            else:
                self._let_go([screen for screen in screens if not screen.give(changes[screen.page])])

    def _by_whose(
        self, changed: Iterable[Changed], site: Callable[[Changed], SiteId]
    ) -> dict[OrganisationId | None, set[Changed]]:
        """Return what changed by whose it is; under None what concerns every building, and so everybody."""
        found: dict[OrganisationId | None, set[Changed]] = {}
        for one in changed:
            where = site(one)
            found.setdefault(None if where == CENTRE else self._owners.get(where, OWN), set()).add(one)
        return found

    def _time_passes(self, now: datetime, silent: set[SiteId]) -> None:
        board, monotonic_s = self._centre.board, time.monotonic()
        turned = (silent ^ self._silent) | (board.behind ^ self._behind)
        self._silent, self._behind = silent, set(board.behind)
        homes = {home.id for site in turned & board.plans.keys() for home in board.plans[site].homes}
        minute, last = now.replace(second=0, microsecond=0), self._minute
        again = last is None or (last[1] != minute and monotonic_s - last[0] >= AGAIN_S)
        waiting = board.open_alerts() if again else []  # pictures end at now, and sentences say how long it has lasted
        if again:
            self._minute = (monotonic_s, minute)
        if turned or waiting:
            self._changed(homes | {alert.home for alert in waiting}, {alert.id for alert in waiting})

    def _everything(self, readers: Readers, page: str) -> bytes:
        drawn = self._drawn.get((readers, page))
        if drawn is None or time.monotonic() - drawn[0] > EVERYTHING_FOR_S:
            html = self._drawing.everything(
                self._centre.now(), readers.language, organisations=readers.organisations, page=page
            )
            drawn = (time.monotonic(), event("change", html, number=self._centre.number, retry_ms=1_000))
            if len(self._drawn) >= DRAWN_MAX:
                self._drawn.clear()
            self._drawn[readers, page] = drawn
        return drawn[1]

    def _let_go(self, screens: Iterable[Screen], last: bytes | None = None) -> None:
        for screen in screens:
            self._left(screen)
            screen.let_go(last)

    def _left(self, screen: Screen) -> None:
        if timer := self._screens.pop(screen, None):
            timer.cancel()


def beats(
    said: Mapping[str, object],
    ages: Ages,
    readers: Iterable[frozenset[OrganisationId]],
    owners: Mapping[SiteId, OrganisationId],
    watched: Screens,
) -> dict[frozenset[OrganisationId], bytes]:
    """Return the beat of each set of organisations: what is said to all, and the ages of the buildings of their own.

    It costs as much as there are buildings, and then for each set as much as that has: with hundreds of organisations
    nobody can go through all buildings for each of them, every second.
    """
    unheard = [msgspec.json.encode({site: unheard_s})[1:-1] for site, (unheard_s, _) in ages.items()]
    unproven = [msgspec.json.encode({site: unproven_s})[1:-1] for site, (_, unproven_s) in ages.items()]
    whose = [owners.get(site, OWN) for site in ages]
    places: dict[OrganisationId, list[int]] = {}
    for place, owner in enumerate(whose):
        places.setdefault(owner, []).append(place)
    of_all = [place for place, site in enumerate(ages) if site == CENTRE]
    nobody = watched.unwatched()
    # Those for whom nobody acts are all as unwatched as the first of them.
    left = places.keys() - watched.people_by_organisation().keys()
    unwatched = bool(left) and watched.unwatched(next(iter(left)))

    def beat(organisations: frozenset[OrganisationId]) -> bytes:
        theirs = (places[organisation] for organisation in organisations & places.keys())
        mine = sorted(set(of_all).union(*theirs))
        of_them = {
            "unwatched": unwatched and any(whose[place] in left for place in mine) if mine else nobody,
            "sites": msgspec.Raw(b"{%b}" % b",".join([unheard[place] for place in mine])),
            "proven": msgspec.Raw(b"{%b}" % b",".join([unproven[place] for place in mine])),
        }
        return event("beat", msgspec.json.encode({**said, **of_them}).decode())

    return {organisations: beat(organisations) for organisations in readers}


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
    fields += [f"data: {line}" for line in (_LINES.split(data) if "\n" in data or "\r" in data else [data])]
    return ("\n".join(fields) + "\n\n").encode()
