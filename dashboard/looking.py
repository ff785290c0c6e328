"""What leaves an entry in the access log: every request of somebody who has signed in, whichever route answers it.

The door (`dashboard.door`) begins a look with each request and leaves it before the first byte of the answer goes out.
On the way whoever finds out who reads, and about which home or alert, says so here. A route thus cannot forget it: it
may only know better, and hand over an entry of its own (`told`), which is then written in place of this one.

A thread waits for the disk, and the event loop goes on. Entries that come while it does are written together, in the
order in which they came: each is on disk when whoever handed it over goes on.
"""

import asyncio
import contextvars
import sqlite3
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from starlette.types import Scope

from care.board import Board
from care.database import Database
from care.ids import AlertId
from care.records import site_of
from dashboard import access_log
from dashboard.access_log import Deed, Entry, Ground
from dashboard.organisations import OWN, Access, OrganisationId
from dashboard.people import Session
from detectors.homes import HomeId

KEPT_MAX = 100_000  # entries that wait for the disk; past this the oldest are lost, and that is told

UNLOGGED = {
    "/static": "files of ours, the same for everybody",
    "/healthz": "how the centre is, with nothing in it about anybody",
    "/readyz": "the same",
    "/metrics": "figures with nothing in them about anybody, for a program that has a token",
    "/sign-in": "written where it is decided: who signed in, and who tried",
    "/sign-out": "written where it is decided",
    "/language": "in which language the pages are",
    "/enrol/authority": "a public key",
    "/enrol": "a gateway speaks, and has a log of its own",
    "/enrol/renew": "a gateway speaks, and has a log of its own",
    "/answer/{token}": "says nothing until it is opened, and opening it is written",
    "/answer/{token}/arrived": "a phone says that it has shown what says nothing of anybody",
    "/worker.js": "a file of ours, the same for everybody",
    "/let-in": "says nothing of anybody; that a device was let in is written where the code was given",
    "/let-in/{code}": "the same",
    "/my-sign-in": "one's own sign-in; what is changed of it is written where it is decided",
}
"""Routes that may answer without an entry, and why. What is mounted stands here by where."""

_COMING_IN = "coming in, or one's own sign-in: written where it is decided (`happened.tell`)"
_OWN = "one's own data: reading it is no look of somebody else's"
_OWN_DEED = "what a resident does about their own: a record of the journal says so"
_OWN_CIRCLE = "what a resident changes of who may look: written where it is decided (`circles`)"
_OWN_DEVICE = "on which device somebody is told: nothing of anybody is shown"
_OF_CONTACT = "family and neighbours: written by the route itself, for each resident of whom something is shown"
_CONTACT_DEED = "what a contact says of themselves: nothing of anybody is shown, and a record or row says so"
_PROGRAM = "programs: written by the route itself, for each home of which something is told"
_NOBODY = "nothing in it is about anybody"

BY_OTHERS = {
    **dict.fromkeys(
        (
            *("/sign-in/second", "/sign-in/passkey/asked", "/sign-in/passkey"),
            *("/sign-in/with/{organisation}", "/sign-in/with"),
            *("/my-sign-in/sessions", "/my-sign-in/app.svg", "/my-sign-in/app", "/my-sign-in/passkey/asked"),
            *("/my-sign-in/passkey", "/my-sign-in/remove", "/my-sign-in/recovery"),
            *("/invitation/{token}", "/invitation/{token}/accept"),
        ),
        _COMING_IN,
    ),
    **dict.fromkeys(("/mine", "/mine/looked", "/mine/people", "/mine/paper"), _OWN),
    **dict.fromkeys(
        (
            *("/mine/help", "/mine/fine", "/mine/pause", "/mine/away", "/mine/resume", "/mine/less"),
            *("/mine/manner", "/mine/limits"),
        ),
        _OWN_DEED,
    ),
    **dict.fromkeys(
        (
            *("/mine/people/{contact}/share", "/mine/people/{contact}/ask", "/mine/people/{contact}/ask-no-more"),
            *("/mine/people/{contact}/remove", "/mine/devices/{key}/end"),
        ),
        _OWN_CIRCLE,
    ),
    **dict.fromkeys(("/mine/push", "/mine/push/end", "/with/push", "/with/push/end"), _OWN_DEVICE),
    **dict.fromkeys(("/with", "/with/alerts/{alert}/open", "/with/alerts/{alert}"), _OF_CONTACT),
    **dict.fromkeys(("/with/tonight", "/with/messages", "/with/limits"), _CONTACT_DEED),
    **dict.fromkeys(
        (
            *("/api/v1/alerts", "/api/v1/alerts/{alert}", "/api/v1/homes", "/api/v1/homes/{site}/{home}/nights"),
            *("/fhir/{kind}", "/fhir/{kind}/{resource}"),
            *("/fhir/Composition/{resource}/$document", "/api/v1/alerts/{alert}/scaip"),
        ),
        _PROGRAM,
    ),
    **dict.fromkeys(("/api/v1/openapi.json", "/fhir/metadata"), _NOBODY),
}
"""Routes that staff are not asked for at, and where what happens there is written: each by itself, so that a new one is
looked at before it answers anybody."""

ALWAYS = frozenset({"desk", "alert", "load", "hand-over"})  # what must be seen whatever the disk does
_ONCE_AN_HOUR = frozenset({"desk", "load", "seen-and-heard"})  # a screen on a wall is open all night
_AGREED = frozenset({"agreements", "calling-order", "pause", "resume"})
_OVERSIGHT = frozenset({"access-log", "persons", "retention"})
_WATCH = frozenset({"desk", "load", "hand-over", "seen-and-heard"})
_OTHERWISE = {"/paper": Deed.PRINTED, "/file": Deed.EXPORTED}  # what a route does that is no reading
_GROUNDS = {"installer": Ground.INSTALL, "privacy": Ground.OVERSIGHT, "administrator": Ground.OVERSIGHT}

log = structlog.get_logger()


class NotWritten(Exception):
    """The access log takes nothing, with why: what was asked for is not shown."""


@dataclass(slots=True)
class Look:
    """What one request has come to look at so far."""

    session: Session | None = None  # whose
    alert: AlertId | None = None
    homes: set[HomeId] = field(default_factory=set)
    own: list[Entry] = field(default_factory=list)  # what the route says itself, to be written before the answer
    written: bool = False  # whether what the route says itself is on disk already


_look: ContextVar[Look | None] = ContextVar("look", default=None)


def begin() -> Look:
    """Begin the look of a request."""
    look = Look()
    _look.set(look)
    return look


def by(session: Session) -> None:
    """Note who looks."""
    look = _look.get()
    if look is not None:
        look.session = session


def at(*homes: HomeId) -> None:
    """Note of which homes something is shown, or was asked for."""
    look = _look.get()
    if look is not None:
        look.homes.update(homes)


def at_alert(alert: AlertId) -> None:
    """Note which alert is shown, or was asked for."""
    look = _look.get()
    if look is not None:
        look.alert = alert


def told(*entries: Entry) -> None:
    """Hand over what this request did: it is on disk before the first byte of the answer goes out."""
    look = _look.get()
    if look is None:
        raise RuntimeError("nobody asked for anything: write it with `note`")
    look.own += entries


class _Desk(Protocol):
    """What is behind the pages, as far as this needs it (`pages.Desk`)."""

    @property
    def centre(self) -> Any: ...
    @property
    def people(self) -> Database: ...
    @property
    def access_log(self) -> Database: ...
    @property
    def wall(self) -> Any: ...
    @property
    def looks(self) -> "Kept": ...


class Kept:
    """Entries on their way to the disk, and which of them stand for a whole hour."""

    def __init__(self) -> None:
        self.waiting: list[Entry] = []  # for a disk that refused them
        self.lost = 0  # since the start
        self._next: list[tuple[list[Entry], asyncio.Future[None]]] = []  # to be written with the next turn of the disk
        self._turning: asyncio.Task[None] | None = None
        self._hour = 0
        self._seen: set[tuple[str, ...]] = set()

    def fresh(self, entries: list[Entry]) -> list[Entry]:
        """Return the entries that are not said already by one of this hour."""
        return [entry for entry in entries if _key(entry) not in self._of(entry.at)]

    def said(self, entries: list[Entry]) -> None:
        """Note that these stand for their hour."""
        for entry in entries:
            if entry.what in _ONCE_AN_HOUR and entry.deed is Deed.READ:
                self._of(entry.at).add(_key(entry))

    async def to_disk(self, log: Database, entries: list[Entry]) -> None:
        """Write entries, after all that came before them. Raises `sqlite3.Error`; what waited before waits on then."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._next.append((entries, mine))
        if self._turning is None:  # of no request: it writes for all of them
            self._turning = asyncio.create_task(self._turn(log), context=contextvars.Context())
        await mine

    async def _turn(self, log: Database) -> None:
        """Write all that waits, in one go, for as long as something does."""
        while self._next:
            these, self._next = self._next, []
            waited, self.waiting = self.waiting, []
            entries = [*waited, *(entry for some, _ in these for entry in some)]
            why: BaseException | None = None
            try:
                await asyncio.to_thread(access_log.write, log, *entries)
            except BaseException as error:  # noqa: BLE001  # whoever waits for it is told, whatever it is
                why = error
                self.wait(waited)
            for _, whose in these:
                if whose.done():  # nobody waits for it any more
                    continue
                if why is None:
                    whose.set_result(None)
                else:
                    whose.set_exception(why)
        self._turning = None

    def wait(self, entries: list[Entry]) -> None:
        """Keep entries until the disk takes them."""
        self.waiting += entries
        over = len(self.waiting) - KEPT_MAX
        if over > 0:
            self.lost += over
            del self.waiting[:over]

    def _of(self, at: datetime) -> set[tuple[str, ...]]:
        hour = int(at.timestamp() // 3600)
        if hour != self._hour:
            self._hour, self._seen = hour, set()
        return self._seen


async def leave(desk: _Desk, look: Look, scope: Scope, status: int) -> None:
    """Write down who has looked at what, before the answer goes out.

    Raises `NotWritten` if the disk will not and nothing may be shown; what must be seen all the same, and what is done
    already, is kept in memory, tried again with every further entry, and told as a trouble of the centre.
    """
    own, look.own = look.own, []
    if own:
        look.written = True
        await _write(desk, own)
    path = getattr(scope.get("route"), "path", None)
    if look.session is None or look.written or path is None or path in UNLOGGED or path in BY_OTHERS:
        return
    names = {key: value for key, value in scope.get("path_params", {}).items() if isinstance(value, str)}
    deed = _deed(str(scope["method"]), path, status, named=bool(names))
    entries = (
        [] if deed is None else list(_entries(desk, look, look.session, deed, _what(path, named=bool(look.homes))))
    )
    fresh = desk.looks.fresh(entries)
    if fresh or desk.looks.waiting:
        await _write(desk, fresh)


async def note(desk: _Desk, *entries: Entry) -> None:
    """Write down what somebody did before more is done for them. Raises `NotWritten`, but where there is an alert."""
    look = _look.get()
    if look is not None:
        look.written = True
    await _write(desk, list(entries))


async def _write(desk: _Desk, entries: list[Entry]) -> None:
    kept = desk.looks
    try:
        await kept.to_disk(desk.access_log, entries)
    except sqlite3.Error as error:
        desk.centre.beside = f"access log: {error}"
        if any(_may_not_wait(entry) for entry in entries):
            raise NotWritten(str(error)) from error
        kept.wait(entries)
        log.error("who looked is kept in memory", why=str(error), waiting=len(kept.waiting), lost=kept.lost)  # noqa: TRY400
    else:
        desk.centre.beside = ""
    kept.said(entries)


def _may_not_wait(entry: Entry) -> bool:
    reads = entry.deed in {Deed.READ, Deed.PRINTED, Deed.EXPORTED}
    return reads and entry.what not in ALWAYS and entry.ground is not Ground.ALERT


def _entries(desk: _Desk, look: Look, session: Session, deed: Deed, what: str) -> Iterator[Entry]:
    """Return what one request leaves: an entry for each home, or for each organisation whose homes are watched."""
    board: Board = desk.centre.board
    alert = board.alerts.get(look.alert) if look.alert is not None else None
    owners = Access(desk.people).owners()
    homes = look.homes if alert is None else look.homes | {alert.home}
    of_homes = [(home, owners.get(site_of(home), OWN)) for home in sorted(homes)]
    works_for = {post.organisation for post in session.posts}  # also those who see no home there
    of_all = [(None, organisation) for organisation in sorted(works_for)]
    for home, owner in of_homes or of_all or [(None, None)]:
        mine, roles = as_whom(session, owner)
        known = board.homes.get(home) if home is not None else None
        about = look.alert
        if about is None and home is not None and what in {"home", "client-report"}:
            about = next((one.id for one in board.alerts_of(home) if one.open), None)
        yield Entry(
            at=desk.wall.now(),
            by=f"staff:{session.staff}",
            role=",".join(roles),
            organisation=mine,
            deed=deed,
            what=what,
            resident=None if known is None else known.resident,
            home=home,
            ground=_ground(what, roles, alert=about is not None),
            about=about or "",
        )


def as_whom(session: Session, owner: OrganisationId | None) -> tuple[OrganisationId | None, list[str]]:
    """Return for whom somebody does something about an organisation's homes, and in which roles."""
    works_for = {post.organisation for post in session.posts}
    mine = owner if owner in works_for else min(works_for, default=None)
    return mine, sorted({post.role.value for post in session.posts if mine == post.organisation})


def _deed(method: str, path: str, status: int, *, named: bool) -> Deed | None:
    """Return what was done; None if nothing was, and nothing shown of anybody."""
    if status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
        return Deed.TRIED if named or status == HTTPStatus.FORBIDDEN or method != "GET" else None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    for part, deed in _OTHERWISE.items():
        if part in path:
            return deed
    if method in {"GET", "HEAD"}:
        return None if status >= HTTPStatus.MULTIPLE_CHOICES else Deed.READ
    if path in {"/watching", "/alerts/{alert}/shown", "/seen-and-heard"} or status >= HTTPStatus.BAD_REQUEST:
        return Deed.READ  # a screen that says what it shows; a form that is shown again
    return Deed.CHANGED


def _what(path: str, *, named: bool) -> str:
    """Return what a route is about, in a word.

    >>> [_what(path, named=True) for path in ("/", "/alerts/{alert}/claim", "/homes/{site}/{home}", "/report/{s}/{h}")]
    ['desk', 'alert', 'home', 'client-report']
    """
    words = [part for part in path.split("/") if part and "{" not in part]
    match words:
        case [] | ["live" | "watching"]:
            return "desk"
        case ["alerts", *_]:
            return "alert"
        case ["homes"]:
            return "home"
        case ["homes", what, *_]:
            return what
        case ["report" | "paper"]:
            return "client-report" if named else "report"
        case [what, *_]:
            return what
    raise AssertionError(words)


def _ground(what: str, roles: list[str], *, alert: bool) -> Ground:
    if alert:
        return Ground.ALERT
    if what in _OVERSIGHT:
        return Ground.OVERSIGHT
    if what == "gateways":
        return Ground.INSTALL
    if what in _AGREED:
        return Ground.CARE
    if what in _WATCH or "desk" in roles:
        return Ground.WATCH
    return _GROUNDS.get(roles[0], Ground.CARE) if roles else Ground.CARE


def _key(entry: Entry) -> tuple[str, ...]:
    once = entry.what in _ONCE_AN_HOUR and entry.deed is Deed.READ
    return (entry.by, entry.organisation or "", entry.what) if once else ("", str(id(entry)))
