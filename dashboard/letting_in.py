"""How a device is let in to a page of its own, by a code that is good once; and what is answered when it is not.

A phone fetches links by itself to show what is behind them. So a link shows only a button, and the tap uses the code.
Both count as tries: whether a code is one is all there is to guess.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from care.language import FORMAL, mark, words
from care.records import site_of
from dashboard import housekeys, organisations, people, tastes
from dashboard.door import client_of, language_of
from dashboard.enrolment import network
from dashboard.housekeys import Key
from dashboard.pages import Desk, TheDesk
from dashboard.signing_in import TOO_MANY, refused
from detectors.homes import Home

CODE_MAX = 40  # characters, as typed

router = APIRouter()


class NotLetIn(Exception):
    """A device holds no key for the page that it asks for."""


class Refused(Exception):
    """What was asked on a page of one's own cannot be: a status, and a title and text to be translated."""

    def __init__(self, status: int, title: str, text: str, back: str) -> None:
        super().__init__(f"{status} {title}")
        self.status, self.title, self.text, self.back = status, title, text, back


@dataclass(frozen=True, slots=True)
class Mine:
    """A resident's own device: whose it is, and the home they live in."""

    key: Key
    home: Home
    language: str  # "nl" or "en"
    formal: bool


async def mine_of(request: Request, desk: TheDesk) -> Mine:
    """Return whose page a device may open. Raises `NotLetIn`, or `Refused` where nobody knows the home any more."""
    key = next((one for one in keys_of(request, desk) if one.contact is None), None)
    if key is None:
        raise NotLetIn
    home = home_of(desk, key)
    if home is None:
        text = mark("No home is known here for this device. Ask the care team.")
        raise Refused(404, mark("Nothing to show"), text, "/mine")
    return Mine(key, home, language_of(request), _formal(desk, key, home))


TheirOwn = Annotated[Mine, Depends(mine_of)]


def keys_of(request: Request, desk: Desk) -> list[Key]:
    """Return the keys that the device of a request holds."""
    token = request.cookies.get(_cookie(request), "")
    return housekeys.keys(desk.people, token, desk.wall.now()) if token else []


def _formal(desk: Desk, key: Key, home: Home) -> bool:
    """Whether a page of a resident says u."""
    owner = organisations.Access(desk.people).owners().get(site_of(home.id), organisations.OWN)
    return tastes.formal(desk.people, key.resident, owner)


def home_of(desk: Desk, key: Key) -> Home | None:
    """Return where the resident lives whom a key is about."""
    return next((one for one in desk.centre.board.homes.values() if one.resident == key.resident), None)


@router.get("/let-in")
async def ask(request: Request, desk: TheDesk, to: str = "") -> Response:
    """Ask for a code; a device that has been let in already goes where it belongs."""
    keys = keys_of(request, desk)
    if keys and not to:
        return RedirectResponse("/mine" if any(one.contact is None for one in keys) else "/with", 303)
    return HTMLResponse(_drawn(request, desk))


@router.get("/let-in/{code}")
async def show(request: Request, code: str, desk: TheDesk) -> Response:
    if (too_many := _hold_back(request, desk)) is not None:
        return too_many
    known = housekeys.invited(desk.people, code, desk.wall.now())
    if known is None:
        refused(desk, None, "device code")
    return HTMLResponse(_drawn(request, desk, code=code if known else "", gone=known is None), 200 if known else 404)


@router.post("/let-in")
async def let_in(request: Request, desk: TheDesk, code: Annotated[str, Form(max_length=CODE_MAX)] = "") -> Response:
    """Use a code up: from now on this device is let in."""
    if (too_many := _hold_back(request, desk)) is not None:
        return too_many
    now = desk.wall.now()
    known = housekeys.invited(desk.people, code, now)
    device = housekeys.device_of(request.headers.get("User-Agent", ""))
    before = request.cookies.get(_cookie(request), "")
    token = housekeys.let_in(desk.people, code, now, device, before=before) if known is not None else None
    if known is None or token is None:
        refused(desk, None, "device code")
        return HTMLResponse(_drawn(request, desk, gone=True), 403)
    response = RedirectResponse("/mine" if known.contact is None else "/with", 303)
    response.set_cookie(
        _cookie(request),
        token,
        max_age=int(housekeys.KEY.total_seconds()),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


def _hold_back(request: Request, desk: Desk) -> Response | None:
    """Count a try from where it comes; return what is answered if there were too many from there."""
    client = client_of(request)
    wait = people.attempt(desk.people, f"device code from {network(client)}", client, desk.wall.now())
    if wait is None:
        return None
    page = _drawn(request, desk, problem=words(language_of(request)).gettext(TOO_MANY))
    return HTMLResponse(page, 429, headers={"Retry-After": str(int(wait.total_seconds()))})


def link(request: Request, desk: Desk, code: str) -> str:
    """Return the address behind which a device is let in by a code."""
    return f"{desk.url.rstrip('/') or str(request.base_url).rstrip('/')}/let-in/{quote(code, safe='')}"


def refusals() -> dict[type[Exception], Callable[[Request, Any], Awaitable[Response]]]:
    """Return who answers for what goes wrong on these pages."""
    return {NotLetIn: _on_not_let_in, Refused: _on_refused}


async def _on_not_let_in(request: Request, _: NotLetIn) -> Response:
    """Send a device to where it can be let in; whether there is such a page for anybody, it is not told."""
    return RedirectResponse(f"/let-in?to={quote(request.url.path, safe='')}", 303)


async def _on_refused(request: Request, error: Refused) -> Response:
    language, desk = language_of(request), request.state.desk
    own = next((one for one in keys_of(request, desk) if one.contact is None), None)
    home = None if own is None else home_of(desk, own)
    # As the page speaks on which it was asked: to family with u, to a resident as they are spoken to.
    formal = error.back.startswith("/with") or (own is not None and home is not None and _formal(desk, own, home))
    say = words(FORMAL if formal and language == "nl" else language).gettext
    page = desk.drawing.own(
        "own-message.html",
        language,
        formal=formal,
        title=say(error.title),
        text=say(error.text),
        back=error.back,
        page=error.back,
    )
    return HTMLResponse(page, error.status)


def _drawn(request: Request, desk: Desk, *, code: str = "", gone: bool = False, problem: str = "") -> str:
    return desk.drawing.own("let-in.html", language_of(request), code=code, gone=gone, problem=problem, page="/let-in")


def _cookie(request: Request) -> str:
    return "__Host-nachtwacht-own" if request.url.scheme == "https" else "nachtwacht-own"
