"""The routes of the night desk: read the request, say one thing to the centre, answer with a page or with fragments.

A page never changes anything but by appending a record. What may be appended is decided in `care.deeds`.
"""

import asyncio
import dataclasses
import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp

from care.alerts import Alert, State
from care.board import Board
from care.clock import Clock
from care.database import Database
from care.deeds import Taken, claim, release, resolve, shown, take_over
from care.ids import AlertId, StaffId
from care.language import LANGUAGES, mark
from care.records import CENTRE, HOWS, How, Outcome, Record, site_of
from dashboard import looking, people
from dashboard.authority import Authority
from dashboard.centre import Centre
from dashboard.door import (
    Door,
    NotSignedIn,
    Problem,
    Static,
    Stream,
    by_htmx,
    go,
    language_of,
    no_page,
    notice,
    refusals,
    within,
)
from dashboard.drawing import Drawing, Viewer
from dashboard.glance import desk_zone
from dashboard.intake import Ears
from dashboard.leases import Leases
from dashboard.live import Live, TooManyScreens
from dashboard.looking import Kept
from dashboard.lookout import Lookout, Screens
from dashboard.nights import CHOICES
from dashboard.organisations import OWN, Access, OrganisationId, Right, may, sees, where
from dashboard.people import Session
from dashboard.readiness import Tries
from dashboard.strangers import Passwords
from detectors.homes import Home, HomeId, zone_of

STATIC = Path(__file__).parent / "static"

router = APIRouter()

_ALERT = re.compile(r"[0-9a-f]{10}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_BY_ITSELF = {"/live", "/watching"}  # what an open page asks without anybody touching it
_SCREEN = r"^[A-Za-z0-9._-]{1,64}$"


# What the routes work with.


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything behind the pages, put together in `dashboard.server`."""

    centre: Centre
    live: Live
    drawing: Drawing
    people: Database
    access_log: Database
    wall: Clock  # real time, also in a rehearsal: by it sessions end
    intake: Ears | None = None
    leases: Leases | None = None  # of a centre in several processes
    lookout: Lookout | None = None
    authority: Authority | None = None  # of a centre that enrols gateways
    https: Path | None = None  # with the certificate of the pages, where they have one of their own
    phone: str = ""  # of the desk, for whoever reads a page of their own
    url: str = ""  # under which people's devices reach this centre; empty: as whoever asks does
    screens: Screens = dataclasses.field(default_factory=Screens)
    tries: Tries = dataclasses.field(default_factory=Tries)
    looks: Kept = dataclasses.field(default_factory=Kept)  # in the access log, or on their way there
    printing: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)  # one paper at a time is enough
    passwords: Passwords = dataclasses.field(default_factory=Passwords)
    one_scrape: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)  # at a time: all figures are many


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who reads, and by which session."""

    viewer: Viewer
    session: Session

    @property
    def staff(self) -> StaffId:
        return self.session.staff

    def sees(self, desk: Desk, home: HomeId) -> bool:
        """Whether a home is there for them."""
        return sees(self.session.organisations, Access(desk.people).owners())(site_of(home))

    @property
    def of_the_centre(self) -> bool:
        """Whether they work for the organisation that runs the centre: what concerns its desk is theirs to see."""
        return OWN in self.session.organisations

    @property
    def acts_for(self) -> frozenset[OrganisationId]:
        """The organisations on whose alerts they may act."""
        return where(self.session.posts, Right.ACT)

    def may(self, right: Right, desk: Desk, home: HomeId | None = None) -> bool:
        """Whether they may do something for a home that they see, or, without one, for the centre."""
        site = None if home is None else site_of(home)
        owner = OWN if site is None else None if site == CENTRE else Access(desk.people).owners().get(site, OWN)
        return may(self.session.posts, right, owner)

    def must(self, right: Right, desk: Desk, home: HomeId | None = None) -> None:
        """Raise `Problem` unless they may."""
        if not self.may(right, desk, home):
            raise not_in_role(right)


# The dependencies are coroutines because FastAPI runs plain functions in threads, and all of this is the event loop's.


async def desk_of(request: Request) -> Desk:
    return _desk(request)


async def reader_of(request: Request, desk: Annotated[Desk, Depends(desk_of)]) -> SignedIn:
    return reader_at(request, desk)


async def alert_id(alert: str) -> AlertId:
    if not _ALERT.fullmatch(alert):
        raise no_alert()
    looking.at_alert(AlertId(alert))
    return AlertId(alert)


TheDesk = Annotated[Desk, Depends(desk_of)]
Reader = Annotated[SignedIn, Depends(reader_of)]


async def home_id(site: str, home: str, desk: TheDesk, reader: Reader) -> HomeId:
    """Return a home that is there for who reads. Raises `Problem`: what is somebody else's is not there."""
    known = HomeId(f"{site}/{home}")
    looking.at(known)
    if not (_ID.fullmatch(site) and _ID.fullmatch(home) and reader.sees(desk, known)):
        raise no_home()
    return known


def not_in_role(right: Right) -> Problem:
    """Return what is told to whom something is no part of their role, with whose it is."""
    text = mark("This is not part of your role. Ask a colleague of the care team.")
    if right is Right.ACT:
        text = mark("This is not part of your role. Ask a colleague of the night desk.")
    return Problem(403, mark("Not done"), text)


def lived_in(board: Board, home: HomeId) -> Home:
    """Return a home as it is agreed now. Raises `Problem` for one that no plan has, or no longer."""
    known = board.homes.get(home)
    if known is None:
        raise no_home()
    return known


TheAlert = Annotated[AlertId, Depends(alert_id)]
TheHome = Annotated[HomeId, Depends(home_id)]


def _desk(request: Request) -> Desk:
    desk: Desk = request.state.desk
    return desk


def reader_at(request: Request, desk: Desk) -> SignedIn:
    """Return who is signed in. Raises `NotSignedIn`."""
    watching = request.url.path in _BY_ITSELF
    token = request.cookies.get(cookie_of(request), "")
    session = people.session(desk.people, token, desk.wall.now(), watching=watching)
    if session is None:
        raise NotSignedIn
    looking.by(session)
    acts = bool(where(session.posts, Right.ACT))
    language, organisations = language_of(request), session.organisations
    viewer = Viewer(session.staff, session.first_name, session.initials, language, organisations, acts)
    return SignedIn(viewer, session)


# Pages to read.


@router.get("/")
async def desk(desk: TheDesk, reader: Reader) -> Response:
    if reader.session.posts and not reader.session.organisations:
        return RedirectResponse("/my-sign-in", 303)  # there is nothing to watch over for them
    return HTMLResponse(desk.drawing.desk(desk.centre.now(), reader.viewer))


@router.get("/alerts/{alert}")
async def alert(alert: TheAlert, desk: TheDesk, reader: Reader) -> Response:
    return HTMLResponse(_or_else(no_alert, desk.drawing.alert(alert, desk.centre.now(), reader.viewer)))


@router.get("/homes/{site}/{home}")  # noqa: FAST003  # `home_id` takes both
async def home(home: TheHome, desk: TheDesk, reader: Reader, nights: int = 7) -> Response:
    if nights not in CHOICES:
        raise no_page()
    return HTMLResponse(_or_else(no_home, desk.drawing.home(home, desk.centre.now(), reader.viewer, nights)))


@router.get("/live")
async def live(desk: TheDesk, reader: Reader, page: str = "/") -> Response:
    """Keep a screen up to date that shows this page, for as long as its session lasts."""
    for_s = (reader.session.until - desk.wall.now()).total_seconds()
    try:
        screen = desk.live.enter(
            reader.viewer.language,
            reader.session.key,
            for_s=for_s,
            organisations=reader.session.organisations,
            page=within(page),
        )
    except TooManyScreens as error:
        raise Problem(503, mark("Too many screens"), mark("There are too many screens open. Close one.")) from error
    return Stream(screen.events())


# What people do with an alert.


@router.post("/alerts/{alert}/claim")
async def post_claim(request: Request, alert: TheAlert, desk: TheDesk, reader: Reader) -> Response:
    return await act(request, desk, reader, alert, lambda one, at: claim(one, reader.staff, at))


@router.post("/alerts/{alert}/take-over")
async def post_take_over(request: Request, alert: TheAlert, desk: TheDesk, reader: Reader) -> Response:
    return await act(request, desk, reader, alert, lambda one, at: take_over(one, reader.staff, at))


@router.post("/alerts/{alert}/release")
async def post_release(request: Request, alert: TheAlert, desk: TheDesk, reader: Reader) -> Response:
    return await act(request, desk, reader, alert, lambda one, at: release(one, reader.staff, at))


@router.post("/alerts/{alert}/resolve")
async def post_resolve(
    request: Request,
    alert: TheAlert,
    desk: TheDesk,
    reader: Reader,
    *,
    outcome: Annotated[Outcome, Form()],
    how: Annotated[How, Form()],
) -> Response:
    if how not in HOWS[outcome]:
        raise Problem(422, mark("Not saved"), mark("That does not go with this outcome. Choose again how you know it."))
    return await act(request, desk, reader, alert, lambda one, at: resolve(one, reader.staff, at, outcome, how))


@router.post("/watching")
async def post_watching(
    desk: TheDesk,
    reader: Reader,
    screen: Annotated[str, Form(pattern=_SCREEN)],
    *,
    in_view: Annotated[bool, Form()],
    sound: Annotated[bool, Form()],
) -> Response:
    """Take in what an open page says of itself, and tell it when its reader has seen and heard it in this shift."""
    in_view = in_view and reader.viewer.acts  # who can do nothing about an alert watches over nobody
    desk.screens.report(screen, in_view=in_view, sound=sound, by=reader.staff, of=reader.acts_for)
    now, board = desk.centre.now(), desk.centre.board
    proven_at = board.shifts.proven_at(screen, now, _zone(board), by=reader.staff)
    return JSONResponse({"proven": proven_at and proven_at.isoformat()})


@router.post("/seen-and-heard")
async def post_seen_and_heard(desk: TheDesk, reader: Reader, screen: Annotated[str, Form(pattern=_SCREEN)]) -> Response:
    """Write down that somebody sees and hears this screen, at the start of a shift."""
    await desk.centre.write(lambda board, at: board.shifts.prove(screen, reader.staff, at, _zone(board)))
    return Response(status_code=204)


@router.post("/alerts/{alert}/shown")
async def post_shown(
    alert: TheAlert, desk: TheDesk, reader: Reader, screen: Annotated[str, Form(pattern=_SCREEN)]
) -> Response:
    """Write down that the screen of a person who may act has shown the alert."""
    if reader.may(Right.ACT, desk, known(desk, reader, alert).home):  # or nobody has seen it who could act
        await desk.centre.write(lambda board, at: shown(board.alerts[alert], screen, at))
    return Response(status_code=204)


async def act(
    request: Request,
    desk: Desk,
    reader: SignedIn,
    alert: AlertId,
    decide: Callable[[Alert, datetime], Sequence[Record]],
) -> Response:
    """Write down what was decided, and answer with how the alert stands then, whoever has it."""
    status = HTTPStatus.OK
    reader.must(Right.ACT, desk, known(desk, reader, alert).home)
    try:
        await desk.centre.write(lambda board, at: decide(board.alerts[alert], at))
    except Taken:
        status = HTTPStatus.CONFLICT
    now, standing = desk.centre.now(), desk.centre.board.alerts[alert]
    if by_htmx(request):
        organisations = reader.session.organisations
        html = desk.drawing.changes([standing.home], [alert], now, reader.viewer.language, organisations=organisations)
        holder = standing.holder and people.Names(desk.people).staff(standing.holder)
        why_not = notice(request, _why_not(standing), who=holder) if status is HTTPStatus.CONFLICT else {}
        return HTMLResponse(html, status, headers=why_not)
    if status is HTTPStatus.OK:
        return RedirectResponse(f"/alerts/{alert}", 303)
    return HTMLResponse(_or_else(no_alert, desk.drawing.alert(alert, now, reader.viewer)), status)


def _zone(board: Board) -> ZoneInfo:
    return zone_of(desk_zone(board))


def known(desk: Desk, reader: SignedIn, alert: AlertId) -> Alert:
    """Return an alert that is there for who reads. Raises `Problem`: what is somebody else's is not there."""
    found = desk.centre.board.alerts.get(alert)
    if found is None or not reader.sees(desk, found.home):
        raise no_alert()
    return found


def _why_not(alert: Alert) -> str:
    if alert.state is State.RESOLVED:
        return mark("Somebody has closed this alert already.")
    return mark("{who} is on it already. Do you want to take over?")


@router.post("/language")
async def language(request: Request, language: Annotated[str, Form()], to: Annotated[str, Form()] = "/") -> Response:
    if language not in LANGUAGES:
        raise Problem(422, mark("Not saved"), mark("This page is there in Dutch and in English."))
    response = go(request, within(to))
    a_year = 365 * 24 * 3600
    response.set_cookie(
        "language",
        language,
        max_age=a_year,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


def no_alert() -> Problem:
    return Problem(404, mark("No such alert"), mark("There is no alert here. Go back to the desk."))


def no_home() -> Problem:
    return Problem(404, mark("No such home"), mark("There is no home here. Go back to the desk."))


# All of it.

# FastAPI would tell whatever the environment names which pages were asked for, and what went wrong in them.
_NO_TELEMETRY = TelemetryConfig(tracing=False, metrics=False, logs=False, operation_spans=False, auto_configure=False)


def application(desk: Desk) -> ASGIApp:
    """Return the whole web side of the centre."""
    return Door(site(), desk, places())


@functools.cache
def _routers() -> tuple[APIRouter, ...]:
    # Written with what stands here.
    from dashboard import (
        agreeing,
        answers,
        api,
        breaking_glass,
        calling_order,
        care_record,
        changeover,
        circles,
        coming_by,
        enrolling,
        followups,
        letting_in,
        measuring,
        messaging,
        mine,
        overseeing,
        own_messages,
        own_sign_in,
        pausing,
        probing,
        signing_in,
        staffing,
        with_them,
    )

    return (
        router,
        signing_in.router,
        own_sign_in.router,
        coming_by.router,
        staffing.router,
        breaking_glass.router,
        answers.router,
        calling_order.router,
        changeover.router,
        enrolling.router,
        followups.router,
        agreeing.router,
        measuring.router,
        own_messages.router,
        overseeing.router,
        pausing.router,
        letting_in.router,
        mine.router,
        circles.router,
        with_them.router,
        messaging.router,
        api.router,
        care_record.router,
        probing.router,
    )


@functools.cache
def places() -> frozenset[str]:
    """Return with which names the paths of our routes begin: below any other there is nothing."""
    return frozenset({"static", *(route.path.split("/")[1] for route in every_route())})


def every_route() -> list[APIRoute]:
    """Return every route of ours, but for what is mounted."""
    return [route for one in _routers() for route in one.routes if isinstance(route, APIRoute)]


@functools.cache
def site() -> FastAPI:
    """Return every route there is, of no desk in particular: the door says with each request whose it is."""
    from dashboard import letting_in

    app = FastAPI(openapi_url=None, telemetry=_NO_TELEMETRY)
    for one in _routers():
        app.include_router(one)
    app.mount("/static", Static(directory=STATIC))
    for wrong, answer in {**refusals(), **letting_in.refusals()}.items():
        app.add_exception_handler(wrong, answer)
    return app


def cookie_of(request: Request) -> str:
    """Return what the session's cookie is called; the prefix makes a browser insist on https and on this very host."""
    return "__Host-nachtwacht" if request.url.scheme == "https" else "nachtwacht"


def _or_else(problem: Callable[[], Problem], page: str | None) -> str:
    if page is None:
        raise problem()
    return page
