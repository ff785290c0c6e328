"""The routes of the night desk: read the request, say one thing to the centre, answer with a page or with fragments.

A page never changes anything but by appending a record. What may be appended is decided in `care.deeds`.
"""

import asyncio
import contextlib
import dataclasses
import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import structlog
from fastapi import APIRouter, Depends, FastAPI, Form, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, StreamingResponse
from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from care.alerts import Alert, State
from care.board import Board
from care.clock import Clock
from care.deeds import Taken, claim, release, resolve, shown, take_over
from care.language import LANGUAGES, mark, words
from care.records import HOWS, AlertId, How, Order, Outcome, StaffId
from dashboard import people
from dashboard.drawing import Drawing, Viewer
from dashboard.intake import Centre, Intake
from dashboard.live import Live, Screen, TooManyScreens
from dashboard.lookout import Screens
from dashboard.people import Session
from detectors.homes import HomeId

BODY_MAX = 64_000  # bytes of a request
BODY_WITHIN_S = 10.0
SEND_WITHIN_S = 15.0  # one event to one screen; past this nobody is there
PASSWORD_MAX = 200  # characters
PATH_MAX = 200  # characters
STATIC = Path(__file__).parent / "static"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

log = structlog.get_logger()
router = APIRouter()

_ALERT = re.compile(r"[0-9a-f]{10}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_PATH = re.compile(r"/(?:[A-Za-z0-9._-]+/)*[A-Za-z0-9._-]*")  # on this site: no host can hide in it
_SCREEN = r"^[A-Za-z0-9._-]{1,64}$"


# What the routes work with.


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything behind the pages, put together in `dashboard.server`."""

    centre: Centre
    live: Live
    drawing: Drawing
    people: sqlite3.Connection
    wall: Clock  # real time, also in a rehearsal: by it sessions end
    intake: Intake | None = None
    screens: Screens = dataclasses.field(default_factory=Screens)
    one_at_a_time: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)  # a password costs 64 MB to look at


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who reads, and by which session."""

    viewer: Viewer
    session: Session

    @property
    def staff(self) -> StaffId:
        return self.session.staff


class NotSignedIn(Exception):
    """Nobody is signed in, or no longer."""


class Problem(Exception):
    """Something to tell the reader instead of what was asked: a status, and a title and text to be translated."""

    def __init__(self, status: int, title: str, text: str, **headers: str) -> None:
        super().__init__(f"{status} {title}")
        self.status, self.title, self.text, self.headers = status, title, text, headers


def language_of(request: Request) -> str:
    """Return the language the reader chose, or Dutch."""
    chosen = request.cookies.get("language", "")
    return chosen if chosen in LANGUAGES else LANGUAGES[0]


# The dependencies are coroutines because FastAPI runs plain functions in threads, and all of this is the event loop's.


async def desk_of(request: Request) -> Desk:
    return _desk(request)


async def reader_of(request: Request, desk: Annotated[Desk, Depends(desk_of)]) -> SignedIn:
    return _reader(request, desk)


async def alert_id(alert: str) -> AlertId:
    if not _ALERT.fullmatch(alert):
        raise no_alert()
    return AlertId(alert)


async def home_id(site: str, home: str) -> HomeId:
    if not (_ID.fullmatch(site) and _ID.fullmatch(home)):
        raise no_home()
    return HomeId(f"{site}/{home}")


TheDesk = Annotated[Desk, Depends(desk_of)]
Reader = Annotated[SignedIn, Depends(reader_of)]
TheAlert = Annotated[AlertId, Depends(alert_id)]
TheHome = Annotated[HomeId, Depends(home_id)]


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _reader(request: Request, desk: Desk) -> SignedIn:
    """Return who is signed in. Raises `NotSignedIn`."""
    session = people.session(desk.people, request.cookies.get(_cookie(request), ""), desk.wall.now())
    if session is None:
        raise NotSignedIn
    viewer = Viewer(session.staff, session.first_name, session.initials, language_of(request))
    return SignedIn(viewer, session)


# Pages to read.


@router.get("/")
async def desk(desk: TheDesk, reader: Reader) -> Response:
    return HTMLResponse(desk.drawing.desk(desk.centre.now(), reader.viewer))


@router.get("/alerts/{alert}")
async def alert(alert: TheAlert, desk: TheDesk, reader: Reader) -> Response:
    return HTMLResponse(_or_else(no_alert, desk.drawing.alert(alert, desk.centre.now(), reader.viewer)))


@router.get("/homes/{site}/{home}")  # noqa: FAST003  # `home_id` takes both
async def home(home: TheHome, desk: TheDesk, reader: Reader) -> Response:
    return HTMLResponse(_or_else(no_home, desk.drawing.home(home, desk.centre.now(), reader.viewer)))


@router.get("/live")
async def live(desk: TheDesk, reader: Reader) -> Response:
    """Keep a screen up to date, for as long as its session lasts."""
    for_s = (reader.session.until - desk.wall.now()).total_seconds()
    try:
        screen = desk.live.enter(reader.viewer.language, reader.session.key, for_s=for_s)
    except TooManyScreens as error:
        raise Problem(503, mark("Too many screens"), mark("There are too many screens open. Close one.")) from error
    return _Stream(screen)


@router.get("/healthz")
async def healthz(desk: TheDesk) -> Response:
    """Tell a watchdog how it is, with nothing in it about anybody."""
    intake, centre = desk.intake, desk.centre
    return JSONResponse(
        {
            "number": centre.number,
            "broker": intake is not None and intake.connected,
            "refused": 0 if intake is None else intake.refused.total(),
            "buildings": len(centre.board.plans),
            "silent": sum(centre.silent(site) for site in centre.board.plans),
            "trouble": centre.trouble,
            "watching": desk.screens.watching,
            "sounding": desk.screens.sounding,
        }
    )


# What people do with an alert.


@router.post("/alerts/{alert}/claim")
async def post_claim(request: Request, alert: TheAlert, desk: TheDesk, reader: Reader) -> Response:
    return await _act(request, desk, reader, alert, lambda one, at: claim(one, reader.staff, at))


@router.post("/alerts/{alert}/take-over")
async def post_take_over(request: Request, alert: TheAlert, desk: TheDesk, reader: Reader) -> Response:
    return await _act(request, desk, reader, alert, lambda one, at: take_over(one, reader.staff, at))


@router.post("/alerts/{alert}/release")
async def post_release(request: Request, alert: TheAlert, desk: TheDesk, reader: Reader) -> Response:
    return await _act(request, desk, reader, alert, lambda one, at: release(one, reader.staff, at))


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
    return await _act(request, desk, reader, alert, lambda one, at: resolve(one, reader.staff, at, outcome, how))


@router.post("/watching", dependencies=[Depends(reader_of)])
async def post_watching(
    desk: TheDesk,
    screen: Annotated[str, Form(pattern=_SCREEN)],
    *,
    in_view: Annotated[bool, Form()],
    sound: Annotated[bool, Form()],
) -> Response:
    """Take in what an open page says of itself; nothing of it is written down."""
    desk.screens.report(screen, in_view=in_view, sound=sound)
    return Response(status_code=204)


@router.post("/alerts/{alert}/shown", dependencies=[Depends(reader_of)])
async def post_shown(alert: TheAlert, desk: TheDesk, screen: Annotated[str, Form(pattern=_SCREEN)]) -> Response:
    """Write down that a person's screen has shown the alert."""
    await desk.centre.write(lambda board, at: shown(_known(board, alert), screen, at))
    return Response(status_code=204)


async def _act(
    request: Request,
    desk: Desk,
    reader: SignedIn,
    alert: AlertId,
    decide: Callable[[Alert, datetime], tuple[Order, ...]],
) -> Response:
    """Write down what was decided, and answer with how the alert stands then, whoever has it."""
    status = HTTPStatus.OK
    try:
        await desk.centre.write(lambda board, at: decide(_known(board, alert), at))
    except Taken:
        status = HTTPStatus.CONFLICT
    now, standing = desk.centre.now(), desk.centre.board.alerts[alert]
    if _by_htmx(request):
        html = desk.drawing.changes([standing.home], [alert], now, reader.viewer.language)
        why_not = _notice(request, _why_not(standing)) if status is HTTPStatus.CONFLICT else {}
        return HTMLResponse(html, status, headers=why_not)
    if status is HTTPStatus.OK:
        return RedirectResponse(f"/alerts/{alert}", 303)
    return HTMLResponse(_or_else(no_alert, desk.drawing.alert(alert, now, reader.viewer)), status)


def _known(board: Board, alert: AlertId) -> Alert:
    try:
        return board.alerts[alert]
    except KeyError as error:
        raise no_alert() from error


def _why_not(alert: Alert) -> str:
    if alert.state is State.RESOLVED:
        return mark("Somebody has closed this alert already.")
    return mark("A colleague has this alert.")


# Coming and going.


@router.get("/sign-in")
async def sign_in_page(request: Request, desk: TheDesk, to: str = "/") -> Response:
    with contextlib.suppress(NotSignedIn):
        _reader(request, desk)
        return RedirectResponse(_within(to), 303)
    return HTMLResponse(desk.drawing.sign_in(language_of(request), to=_within(to)))


@router.post("/sign-in")
async def sign_in(
    request: Request,
    desk: TheDesk,
    name: Annotated[str, Form(max_length=people.NAME_MAX)] = "",
    password: Annotated[str, Form(max_length=PASSWORD_MAX)] = "",
    to: Annotated[str, Form()] = "/",
) -> Response:
    """Start a session. A wrong name and a wrong password get the same answer after the same time."""
    client = request.client.host if request.client else "unknown"
    wait = people.attempt(desk.people, name, client, desk.wall.now())
    if wait is not None:
        problem = mark("Too many tries. Wait a quarter of an hour and try again.")
        page = desk.drawing.sign_in(language_of(request), name=name, problem=problem, to=_within(to))
        return HTMLResponse(page, 429, headers={"Retry-After": str(int(wait.total_seconds()))})
    known = people.credentials(desk.people, name)
    async with desk.one_at_a_time:
        staff = await asyncio.to_thread(people.verify, known, password)
    if staff is None:
        problem = mark("This name and password do not belong together. Try again.")
        page = desk.drawing.sign_in(language_of(request), name=name, problem=problem, to=_within(to))
        return HTMLResponse(page, 403)
    token = people.start_session(desk.people, staff, desk.wall.now())
    response = RedirectResponse(_within(to), 303)
    response.set_cookie(
        _cookie(request),
        token,
        max_age=int(people.SESSION.total_seconds()),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


@router.post("/sign-out")
async def sign_out(request: Request, desk: TheDesk) -> Response:
    with contextlib.suppress(NotSignedIn):
        desk.live.end(_reader(request, desk).session.key)
        people.end_session(desk.people, request.cookies[_cookie(request)])
    response = _go(request, "/sign-in")
    response.delete_cookie(_cookie(request), secure=request.url.scheme == "https", httponly=True, samesite="strict")
    return response


@router.post("/language")
async def language(request: Request, language: Annotated[str, Form()], to: Annotated[str, Form()] = "/") -> Response:
    if language not in LANGUAGES:
        raise Problem(422, mark("Not saved"), mark("This page is there in Dutch and in English."))
    response = _go(request, _within(to))
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


# Whatever goes wrong is a page in the reader's language.


def no_alert() -> Problem:
    return Problem(404, mark("No such alert"), mark("There is no alert here. Go back to the desk."))


def no_home() -> Problem:
    return Problem(404, mark("No such home"), mark("There is no home here. Go back to the desk."))


def not_from_here() -> Problem:
    text = mark("This did not come from a page of Nachtwacht. Open the page again and try once more.")
    return Problem(403, mark("Not done"), text)


def _tell(request: Request, problem: Problem) -> Response:
    language = language_of(request)
    headers = problem.headers | (_notice(request, problem.text) if _by_htmx(request) else {})
    page = _desk(request).drawing.message(language, title=problem.title, text=problem.text)
    return HTMLResponse(page, problem.status, headers=headers)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _tell(request, error)


async def _on_not_signed_in(request: Request, _: Exception) -> Response:
    """Send a reader to where one signs in, and back after that; a script is told so, for it cannot follow."""
    to = request.url.path if request.method == "GET" else "/"
    if request.url.path == "/live" or _by_htmx(request):
        seen = urlsplit(request.headers.get("HX-Current-URL", "/")).path
        return Response(status_code=401, headers={"HX-Redirect": _sign_in_and(_within(seen))})
    return RedirectResponse(_sign_in_and(to), 303)


async def _on_bad_form(request: Request, _: Exception) -> Response:
    # What was typed is not repeated: it may be a password.
    text = mark("Something in the form is missing or is not right. Go back and try again.")
    return _tell(request, Problem(422, mark("Not saved"), text))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return _tell(request, Problem(404, mark("No such page"), mark("There is no page here. Go back to the desk.")))
    text = mark("Nachtwacht cannot do that. Go back to the desk.")
    return _tell(request, Problem(error.status_code, mark("Not done"), text, **(error.headers or {})))


async def _on_disk_error(request: Request, error: Exception) -> Response:
    log.error("the disk would not", why=str(error))
    text = mark("Nothing was saved: the disk of the centre would not. Try again, and tell the technical service.")
    return _tell(request, Problem(503, mark("Not saved"), text))


async def _on_mistake(request: Request, _: Exception) -> Response:
    """Answer for a mistake of ours; the server's log has the rest of it."""
    text = mark("Something is wrong in Nachtwacht itself. Try again, and tell the technical service.")
    return _tell(request, Problem(500, mark("Not done"), text))


# The door.

# FastAPI would tell whatever the environment names which pages were asked for, and what went wrong in them.
_NO_TELEMETRY = TelemetryConfig(tracing=False, metrics=False, logs=False, operation_spans=False, auto_configure=False)


def application(desk: Desk) -> ASGIApp:
    """Return the whole web side of the centre."""
    app = FastAPI(openapi_url=None, telemetry=_NO_TELEMETRY)
    app.state.desk = desk
    app.include_router(router)
    app.mount("/static", _Static(directory=STATIC))
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(NotSignedIn, _on_not_signed_in)
    app.add_exception_handler(RequestValidationError, _on_bad_form)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(sqlite3.Error, _on_disk_error)
    app.add_exception_handler(Exception, _on_mistake)
    return _Door(app)


class _Door:
    """What holds for every request before a route sees it: where it comes from, how large it is, and our headers."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        scope["app"] = self._app  # a refusal here is drawn by the same desk
        request = Request(scope, receive)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            if request.method not in {"GET", "HEAD"}:
                _check_origin(request)
                receive = await _whole_body(receive)
        except Problem as problem:
            await _tell(request, problem)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)


def _check_origin(request: Request) -> None:
    """Let only our own pages ask for a change. Raises `Problem`.

    Browsers say where a request comes from (`Sec-Fetch-Site`, W3C Fetch Metadata); on plain HTTP to another machine
    they only send `Origin`.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is None:
        own = f"{request.url.scheme}://{request.headers.get('Host', '')}"
        if request.headers.get("Origin") != own:
            raise not_from_here()
    elif site != "same-origin":
        raise not_from_here()


async def _whole_body(receive: Receive) -> Receive:
    """Read the body here, where it is still ours to refuse. Raises `Problem` if it is too large or too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":  # half a form is no form
                    raise Problem(400, mark("Not saved"), mark("It took too long. Try again."))
                body += message.get("body", b"")
                if len(body) > BODY_MAX:
                    raise Problem(413, mark("Not saved"), mark("That was too much text at once."))
                if not message.get("more_body", False):
                    break
    except TimeoutError as error:
        raise Problem(408, mark("Not saved"), mark("It took too long. Try again.")) from error
    whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def again() -> Message:
        return whole.pop() if whole else await receive()

    return again


class _Stream(StreamingResponse):
    """A response that goes on as long as its screen, and not for one that takes nothing more."""

    def __init__(self, screen: Screen) -> None:
        self._events = screen.events()
        super().__init__(self._events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def stream_response(self, send: Send) -> None:
        async def bounded(message: Message) -> None:
            async with asyncio.timeout(SEND_WITHIN_S):
                await send(message)

        # Closed here: a generator that is only forgotten leaves when the rubbish is collected.
        async with contextlib.aclosing(self._events):
            with contextlib.suppress(TimeoutError):
                await super().stream_response(bounded)


class _Static(StaticFiles):
    """Files that browsers keep, and ask about: an update of Nachtwacht is seen at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _go(request: Request, to: str) -> Response:
    """Send the reader on: a browser by a redirect, htmx by what it takes for one."""
    return Response(status_code=200, headers={"HX-Redirect": to}) if _by_htmx(request) else RedirectResponse(to, 303)


def _within(to: str) -> str:
    r"""Return a path on this site: what was asked for if it is one, else the desk.

    >>> _within("/alerts/0123456789"), _within("https://elsewhere.example"), _within("//elsewhere.example")
    ('/alerts/0123456789', '/', '/')
    """
    return to if len(to) <= PATH_MAX and _PATH.fullmatch(to) else "/"


def _sign_in_and(to: str) -> str:
    return "/sign-in" if to == "/" else f"/sign-in?to={quote(to)}"


def _by_htmx(request: Request) -> bool:
    return request.headers.get("HX-Request") == "true"


def _notice(request: Request, text: str) -> dict[str, str]:
    """Return the header by which htmx tells a page, in an event of its own, why nothing came of what was asked."""
    said = words(language_of(request)).gettext(text)
    return {"HX-Trigger": json.dumps({"notice": said})}  # ASCII: a header carries no other letters


def _cookie(request: Request) -> str:
    """Return what the session's cookie is called; the prefix makes a browser insist on https and on this very host."""
    return "__Host-nachtwacht" if request.url.scheme == "https" else "nachtwacht"


def _or_else(problem: Callable[[], Problem], page: str | None) -> str:
    if page is None:
        raise problem()
    return page
