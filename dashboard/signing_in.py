"""The routes of coming and going: a name and password, a second factor, and the end of a session.

A session begins only when all of it is there, with a token that nobody has seen before: whatever a browser brought
along is worth nothing after it.
"""

import contextlib
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from care.ids import StaffId
from care.language import mark
from dashboard import factors, openid, people
from dashboard.door import NotSignedIn, Problem, client_of, go, language_of, sign_in_and, within
from dashboard.factors import Ceremony, Host, WrongFactor
from dashboard.happened import Happened, tell
from dashboard.pages import Desk, TheDesk, cookie_of, reader_at
from dashboard.strangers import Busy
from dashboard.typed import NAME_MAX

PASSWORD_MAX = 200  # characters
ANSWER_MAX = 16_000  # characters of what an authenticator says

WRONG_CODE = mark("That code is not right, or was used already. Try the next one.")
WRONG_KEY = mark("That passkey was not accepted. Try again, or use a code.")
TOO_MANY = mark("Too many tries. Wait a quarter of an hour and try again.")

router = APIRouter()

Code = Annotated[str, Form(max_length=40)]
Answer = Annotated[str, Form(max_length=ANSWER_MAX)]
To = Annotated[str, Form()]


@router.get("/sign-in")
async def sign_in_page(request: Request, desk: TheDesk, to: str = "/") -> Response:
    with contextlib.suppress(NotSignedIn):
        reader_at(request, desk)
        return RedirectResponse(within(to), 303)
    return HTMLResponse(_sign_in(request, desk, to=to))


@router.post("/sign-in")
async def sign_in(
    request: Request,
    desk: TheDesk,
    name: Annotated[str, Form(max_length=NAME_MAX)] = "",
    password: Annotated[str, Form(max_length=PASSWORD_MAX)] = "",
    to: To = "/",
) -> Response:
    """Take the first step. A wrong name and a wrong password get the same answer after the same time."""
    wait = people.attempt(desk.people, name, client_of(request), desk.wall.now())
    if wait is not None:
        page = _sign_in(request, desk, name=name, problem=TOO_MANY, to=to)
        return HTMLResponse(page, 429, headers={"Retry-After": str(int(wait.total_seconds()))})
    known = people.credentials(desk.people, name)
    try:
        staff = await desk.passwords.look(client_of(request), partial(people.verify, known, password))
    except Busy as error:
        raise too_busy() from error
    if staff is None:
        refused(desk, known.staff, "password")
        problem = mark("This name and password do not belong together. Try again.")
        return HTMLResponse(_sign_in(request, desk, name=name, problem=problem, to=to), 403)
    if factors.of(desk.people, staff) or factors.must(desk.people, staff):
        return go_halfway(request, desk, staff, to)
    response = RedirectResponse(within(to), 303)
    let_in(request, desk, staff, response)
    return response


def _sign_in(request: Request, desk: Desk, *, name: str = "", problem: str | None = None, to: str = "/") -> str:
    elsewhere = openid.named(desk.people)
    return desk.drawing.sign_in(language_of(request), name=name, problem=problem, to=within(to), elsewhere=elsewhere)


# The second step.


@router.get("/sign-in/second")
async def second_page(request: Request, desk: TheDesk, to: str = "/") -> Response:
    staff, _ = halfway(request, desk)
    return HTMLResponse(second(request, desk, staff, to=to))


@router.post("/sign-in/second")
async def second_step(request: Request, desk: TheDesk, code: Code = "", to: To = "/") -> Response:
    """Take a code of an app, or a recovery code; a session begins."""
    staff, _ = halfway(request, desk)
    if (too_many := _hold_back(request, desk, staff, to)) is not None:
        return too_many
    try:
        factors.check_code(desk.people, staff, code, desk.wall.now())
    except WrongFactor:
        refused(desk, staff, "code")
        return HTMLResponse(second(request, desk, staff, to=to, problem=WRONG_CODE), 403)
    response = RedirectResponse(within(to), 303)
    let_in(request, desk, staff, response)
    return response


@router.post("/sign-in/passkey/asked")
async def ask_for_passkey(request: Request, desk: TheDesk) -> Response:
    """Return what a passkey is asked to sign."""
    staff, token = halfway(request, desk)
    at = Ceremony(staff, factors.holder_of(token), host_of(request), desk.wall.now())
    return Response(factors.ask_for_passkey(desk.people, at), media_type="application/json")


@router.post("/sign-in/passkey")
async def passkey(request: Request, desk: TheDesk, answer: Answer = "", to: To = "/") -> Response:
    """Take what a passkey signed; a session begins."""
    staff, token = halfway(request, desk)
    if (too_many := _hold_back(request, desk, staff, to)) is not None:
        return too_many
    at = Ceremony(staff, factors.holder_of(token), host_of(request), desk.wall.now())
    try:
        factors.check_passkey(desk.people, at, answer)
    except WrongFactor:
        refused(desk, staff, "passkey")
        return HTMLResponse(second(request, desk, staff, to=to, problem=WRONG_KEY), 403)
    response = RedirectResponse(within(to), 303)
    let_in(request, desk, staff, response)
    return response


def _hold_back(request: Request, desk: Desk, staff: StaffId, to: str) -> Response | None:
    """Count a try at somebody's second factor; return what is answered if there were too many."""
    who, now = people.second_try_of(staff), desk.wall.now()
    wait = people.attempt(desk.people, who, client_of(request), now, most=factors.TRIES)
    if wait is None:
        return None
    page = second(request, desk, staff, to=to, problem=TOO_MANY)
    return HTMLResponse(page, 429, headers={"Retry-After": str(int(wait.total_seconds()))})


@router.post("/sign-out")
async def sign_out(request: Request, desk: TheDesk) -> Response:
    with contextlib.suppress(NotSignedIn):
        session = reader_at(request, desk).session
        desk.live.end(session.key)
        people.end_session(desk.people, request.cookies[cookie_of(request)])
        tell(Happened.SIGNED_OUT, desk.wall.now(), by=session.staff)
    response = go(request, "/sign-in")
    _forget(request, response, cookie_of(request))
    _forget(request, response, _half_cookie(request))
    return response


# What whoever lets somebody in needs.


def go_halfway(request: Request, desk: Desk, staff: StaffId, to: str = "/") -> Response:
    """Send somebody whose first step was right on to the second."""
    response = RedirectResponse(f"/sign-in/second{sign_in_and(within(to)).removeprefix('/sign-in')}", 303)
    token = factors.begin(desk.people, staff, desk.wall.now())
    give(request, response, _half_cookie(request), token, int(factors.HALF.total_seconds()))
    return response


def let_in(request: Request, desk: Desk, staff: StaffId, response: Response, *, through: str | None = None) -> None:
    """Begin a session, and give the browser its token with this response; what the browser had is worth nothing."""
    now, client = desk.wall.now(), client_of(request)
    people.end_session(desk.people, request.cookies.get(cookie_of(request), ""))
    factors.finish(desk.people, request.cookies.get(_half_cookie(request), ""))
    device = request.headers.get("User-Agent", "")
    token = people.start_session(desk.people, staff, now, client=client, device=device, through=through)
    give(request, response, cookie_of(request), token, int(people.SESSION.total_seconds()))
    _forget(request, response, _half_cookie(request))
    tell(Happened.SIGNED_IN, now, by=staff, where=through)


def halfway(request: Request, desk: Desk) -> tuple[StaffId, str]:
    """Return who is between password and second factor, and their token. Raises `NotSignedIn`."""
    token = request.cookies.get(_half_cookie(request), "")
    staff = factors.halfway(desk.people, token, desk.wall.now())
    if staff is None:
        raise NotSignedIn
    return staff, token


def second(request: Request, desk: Desk, staff: StaffId, *, to: str = "/", problem: str = "") -> str:
    """Draw the page of the second step: of who has a factor, a question; of who has none yet, how to set one up."""
    has = factors.of(desk.people, staff)
    secret = "" if has else factors.secret_of(desk.people, staff)
    return desk.drawing.at_the_door(
        "second.html", language_of(request), has=has, secret=secret, to=within(to), problem=problem
    )


def too_busy() -> Problem:
    """Return what is told while so many passwords wait that no more are looked at."""
    text = mark("Too many people sign in at this moment. Wait a minute and try again.")
    return Problem(503, mark("Not signed in"), text, **{"Retry-After": "60"})


def host_of(request: Request) -> Host:
    """Return where the pages are reached, for passkeys. Raises `Problem` where the browser does not say."""
    if request.url.hostname is None:
        raise Problem(400, mark("Not done"), mark("This did not come from a page of Nachtwacht."))
    return Host(request.url.hostname, f"{request.url.scheme}://{request.url.netloc}")


def refused(desk: Desk, staff: StaffId | None, why: str) -> None:
    """Tell the log that somebody was not let in; who it was is None where the name was nobody's."""
    tell(Happened.REFUSED, desk.wall.now(), by=None, about=staff or "", why=why)


def give(request: Request, response: Response, name: str, value: str, for_s: int, *, lax: bool = False) -> None:
    """Give a browser a cookie that no script reads; `lax` for one that must come back from another site."""
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=for_s, secure=secure, httponly=True, samesite="lax" if lax else "strict")


def _forget(request: Request, response: Response, name: str) -> None:
    response.delete_cookie(name, secure=request.url.scheme == "https", httponly=True, samesite="strict")


def _half_cookie(request: Request) -> str:
    return f"{cookie_of(request)}-half"
