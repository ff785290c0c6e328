"""The door: what holds for every request before a route sees it, and what is answered when something is wrong."""

import asyncio
import contextlib
import json
import re
import sqlite3
from collections.abc import AsyncGenerator, Collection
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, StreamingResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from care.language import LANGUAGES, mark, words
from dashboard import looking
from dashboard.drawing import Drawing
from dashboard.strangers import Strangers
from dashboard.turned_away import TurnedAway

BODY_MAX = 64_000  # bytes of a request
BODY_WITHIN_S = 10.0
SEND_WITHIN_S = 15.0  # one event to one screen; past this nobody is there
PATH_MAX = 200  # characters
PROGRAMS = ("/api/", "/fhir/")  # what programs ask for; what is wrong is told to them in JSON

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self';"
    " manifest-src 'self';"
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

_PATH = re.compile(r"/(?:[A-Za-z0-9._-]+/)*[A-Za-z0-9._-]*")  # on this site: no host can hide in it


class Door:
    """What holds for every request before a route sees it: where it comes from, how large it is, and our headers."""

    def __init__(self, app: FastAPI, desk: Any, places: Collection[str]) -> None:
        """Stand before the routes; `desk` (`pages.Desk`) is what is behind them for whoever comes in here.

        `places` are the first words of the paths below which there is anything.
        """
        self._app, self._desk, self._places = app, desk, places
        self._turned_away = TurnedAway()
        self._strangers = Strangers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        scope["app"] = self._app  # a refusal here is drawn by the same desk
        scope["state"] = {"desk": self._desk}
        request = Request(scope, receive)
        refused = False

        async def send_with_headers(message: Message) -> None:
            nonlocal refused
            if refused:
                return  # the rest of what is not shown
            if message["type"] == "http.response.start":
                if message["status"] == HTTPStatus.TOO_MANY_REQUESTS:
                    self._turned_away.tell("too many tries", client_of(request))
                try:
                    await looking.leave(self._desk, look, scope, message["status"])
                except looking.NotWritten as error:
                    log.error("no entry in the access log, and nothing shown", why=str(error))  # noqa: TRY400
                    await _tell(request, _unseen())(scope, receive, send_with_headers)
                    refused = True
                    return
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        look = looking.begin()
        answer, receive = await self._who_answers(request, receive)
        await self._strangers.give_way(request, self._desk.people)
        await answer(scope, receive, send_with_headers)

    async def _who_answers(self, request: Request, receive: Receive) -> tuple[ASGIApp, Receive]:
        """Return what answers a request, and gives it its body: the routes, or a refusal that costs us little."""
        try:
            if request.method not in {"GET", "HEAD"}:
                _check_origin(request)
                receive = await _whole_body(request, receive)
        except Problem as problem:
            self._turned_away.tell(str(problem), client_of(request))
            return _tell(request, problem), receive
        if request.scope["path"].lstrip("/").partition("/")[0] in self._places:
            return self._app, receive
        return _tell(request, no_page()), receive  # who scans need not walk along all routes


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


async def _whole_body(request: Request, receive: Receive) -> Receive:
    """Read the body here, where it is still ours to refuse. Raises `Problem` if it is too large or too slow.

    One that says beforehand that it is too large is not read at all.
    """
    too_large = Problem(413, mark("Not saved"), mark("That was too much text at once."))
    said = request.headers.get("Content-Length", "")
    if said.isascii() and said.isdigit() and int(said[:20]) > BODY_MAX:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":  # half a form is no form
                    raise Problem(400, mark("Not saved"), mark("It took too long. Try again."))
                body += message.get("body", b"")
                if len(body) > BODY_MAX:
                    raise too_large
                if not message.get("more_body", False):
                    break
    except TimeoutError as error:
        raise Problem(408, mark("Not saved"), mark("It took too long. Try again.")) from error
    whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def again() -> Message:
        return whole.pop() if whole else await receive()

    return again


class Stream(StreamingResponse):
    """A response that goes on as long as its screen, and not for one that takes nothing more."""

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        self._events = events
        super().__init__(self._events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def stream_response(self, send: Send) -> None:
        async def bounded(message: Message) -> None:
            async with asyncio.timeout(SEND_WITHIN_S):
                await send(message)

        # Closed here: a generator that is only forgotten leaves when the rubbish is collected.
        async with contextlib.aclosing(self._events):
            with contextlib.suppress(TimeoutError):
                await super().stream_response(bounded)


class Static(StaticFiles):
    """Files that browsers keep, and ask about: an update of Nachtwacht is seen at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


# Whatever goes wrong is a page in the reader's language.


class NotSignedIn(Exception):
    """Nobody is signed in, or no longer."""


class Problem(Exception):
    """Something to tell the reader instead of what was asked: a status, and a title and text to be translated."""

    def __init__(self, status: int, title: str, text: str, **headers: str) -> None:
        super().__init__(f"{status} {title}")
        self.status, self.title, self.text, self.headers = status, title, text, headers


def no_page() -> Problem:
    """Return what is told where there is no page, or none for who asks."""
    return Problem(404, mark("No such page"), mark("There is no page here. Go back to the desk."))


def not_from_here() -> Problem:
    text = mark("This did not come from a page of Nachtwacht. Open the page again and try once more.")
    return Problem(403, mark("Not done"), text)


def _unseen() -> Problem:
    text = mark(
        "Who looks cannot be written down now, and without that nothing is shown. Alerts are."
        " Tell the technical service."
    )
    return Problem(503, mark("Not shown"), text)


def _tell(request: Request, problem: Problem) -> Response:
    if request.url.path.startswith(PROGRAMS):
        return _tell_program(request, problem)
    language = language_of(request)
    headers = problem.headers | (notice(request, problem.text) if by_htmx(request) else {})
    drawing: Drawing = request.state.desk.drawing
    page = drawing.message(language, title=problem.title, text=problem.text)
    return HTMLResponse(page, problem.status, headers=headers)


def _tell_program(request: Request, problem: Problem) -> Response:
    """Answer a program: with problem details (RFC 9457), or as FHIR has it."""
    said = {"title": problem.title, "detail": problem.text}
    if request.url.path.startswith("/fhir"):
        code = {401: "login", 403: "forbidden", 404: "not-found", 503: "transient"}.get(problem.status, "processing")
        issue = {"severity": "error", "code": code, "diagnostics": problem.text}
        outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
        return JSONResponse(outcome, problem.status, headers=problem.headers, media_type="application/fhir+json")
    body = {"type": "about:blank", "status": problem.status, **said}
    return JSONResponse(body, problem.status, headers=problem.headers, media_type="application/problem+json")


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _tell(request, error)


async def _on_not_signed_in(request: Request, _: Exception) -> Response:
    """Send a reader to where one signs in, and back after that; a script is told so, for it cannot follow."""
    to = request.url.path if request.method == "GET" else "/"
    if request.url.path == "/live" or by_htmx(request):
        seen = urlsplit(request.headers.get("HX-Current-URL", "/")).path
        return Response(status_code=401, headers={"HX-Redirect": sign_in_and(within(seen))})
    return RedirectResponse(sign_in_and(to), 303)


async def _on_bad_form(request: Request, _: Exception) -> Response:
    if request.url.path.startswith(PROGRAMS):
        text = "Something in the question is missing or is not right. The description of this interface says how."
        return _tell(request, Problem(422, "Not answered", text))
    # What was typed is not repeated: it may be a password.
    text = mark("Something in the form is missing or is not right. Go back and try again.")
    return _tell(request, Problem(422, mark("Not saved"), text))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return _tell(request, no_page())
    text = mark("Nachtwacht cannot do that. Go back to the desk.")
    return _tell(request, Problem(error.status_code, mark("Not done"), text, **(error.headers or {})))


async def _on_not_written(request: Request, error: Exception) -> Response:
    log.error("no entry in the access log, and nothing shown", why=str(error))
    return _tell(request, _unseen())


async def _on_disk_error(request: Request, error: Exception) -> Response:
    log.error("the disk would not", why=str(error))
    text = mark("Nothing was saved: the disk of the centre would not. Try again, and tell the technical service.")
    return _tell(request, Problem(503, mark("Not saved"), text))


async def _on_mistake(request: Request, _: Exception) -> Response:
    """Answer for a mistake of ours; the server's log has the rest of it."""
    text = mark("Something is wrong in Nachtwacht itself. Try again, and tell the technical service.")
    return _tell(request, Problem(500, mark("Not done"), text))


# What every answer needs.


def language_of(request: Request) -> str:
    """Return the language the reader chose, or Dutch."""
    chosen = request.cookies.get("language", "")
    return chosen if chosen in LANGUAGES else LANGUAGES[0]


def go(request: Request, to: str) -> Response:
    """Send the reader on: a browser by a redirect, htmx by what it takes for one."""
    return Response(status_code=200, headers={"HX-Redirect": to}) if by_htmx(request) else RedirectResponse(to, 303)


def within(to: str) -> str:
    r"""Return a path on this site: what was asked for if it is one, else the desk.

    >>> within("/alerts/0123456789"), within("https://elsewhere.example"), within("//elsewhere.example")
    ('/alerts/0123456789', '/', '/')
    """
    return to if len(to) <= PATH_MAX and _PATH.fullmatch(to) else "/"


def sign_in_and(to: str) -> str:
    return "/sign-in" if to == "/" else f"/sign-in?to={quote(to)}"


def client_of(request: Request) -> str:
    """Return the address a request comes from."""
    return request.client.host if request.client else "unknown"


def by_htmx(request: Request) -> bool:
    return request.headers.get("HX-Request") == "true"


def notice(request: Request, text: str, **values: str | None) -> dict[str, str]:
    """Return the header by which htmx tells a page, in an event of its own, why nothing came of what was asked."""
    said = words(language_of(request)).gettext(text).format(**values)
    return {"HX-Trigger": json.dumps({"notice": said})}  # ASCII: a header carries no other letters


def refusals() -> dict[type[Exception], Any]:
    """Return who answers for what goes wrong."""
    return {
        Problem: _on_problem,
        NotSignedIn: _on_not_signed_in,
        RequestValidationError: _on_bad_form,
        HTTPException: _on_http_error,
        looking.NotWritten: _on_not_written,
        sqlite3.Error: _on_disk_error,
        Exception: _on_mistake,
    }
