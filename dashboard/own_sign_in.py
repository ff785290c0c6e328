"""The page on which somebody sees where they are signed in and by what, ends that, and sets up a second factor.

Who has a password and must have a second factor sets it up between the two, by the same routes; so nobody is inside
without one. What opens the door is changed only by who came in just now.
"""

import io
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

import segno
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from care.ids import StaffId
from care.language import mark, words
from dashboard import factors, people
from dashboard.door import NotSignedIn, Problem, client_of, language_of, no_page
from dashboard.factors import Ceremony, WrongFactor
from dashboard.glance import desk_zone
from dashboard.happened import Happened, tell
from dashboard.organisations import Right, Role, name_of, where
from dashboard.pages import Desk, Reader, SignedIn, TheDesk, reader_at
from dashboard.signing_in import (
    TOO_MANY,
    WRONG_CODE,
    Answer,
    Code,
    To,
    halfway,
    host_of,
    let_in,
    refused,
    second,
)
from dashboard.typed import NAME_MAX, BadInput
from detectors.homes import zone_of

FRESH = timedelta(minutes=15)  # after signing in, in which it may be changed by what one signs in
NOT_KEPT = mark("That passkey was not kept. Try again.")

router = APIRouter()


class Holder(NamedTuple):
    """Who sets up a second factor: somebody who is inside, or who must before they are."""

    staff: StaffId
    id: str  # as whose a challenge is kept
    inside: bool


def _holder(request: Request, desk: Desk) -> Holder:
    """Return who sets up a factor. Raises `NotSignedIn`, and `Problem` for who came in too long ago.

    Between password and second factor nobody adds one who has one: a password alone would be enough then.
    """
    try:
        reader = reader_at(request, desk)
    except NotSignedIn:
        staff, token = halfway(request, desk)
        if factors.of(desk.people, staff):
            raise
        return Holder(staff, factors.holder_of(token), inside=False)
    if desk.wall.now() - reader.session.began_at > FRESH:
        text = mark("You signed in too long ago for this. Sign out, sign in, and do it then.")
        raise Problem(403, mark("Not done"), text)
    return Holder(reader.staff, reader.session.key, inside=True)


def _inside(request: Request, desk: Desk) -> Holder:
    holder = _holder(request, desk)
    if not holder.inside:
        raise NotSignedIn
    return holder


@router.get("/my-sign-in")
async def page(desk: TheDesk, reader: Reader) -> Response:
    return HTMLResponse(_drawn(desk, reader))


@router.post("/my-sign-in/sessions")
async def end_session(
    desk: TheDesk, reader: Reader, key: Annotated[str, Form(pattern="^[0-9a-f]{64}$")] = ""
) -> Response:
    """End one of somebody's own sessions, wherever it is; without a key all but this one."""
    mine = [one.key for one in people.sessions_of(desk.people, reader.staff, desk.wall.now())]
    for one in [key] if key else [one for one in mine if one != reader.session.key]:
        for ended in people.end_sessions(desk.people, reader.staff, one):
            desk.live.end(ended)
            tell(Happened.SESSION_ENDED, desk.wall.now(), by=reader.staff, about=reader.staff)
    return RedirectResponse("/my-sign-in", 303)


@router.get("/my-sign-in/app.svg")
async def picture(request: Request, desk: TheDesk) -> Response:
    """Return the picture that an app reads, until its first code has come."""
    holder = _holder(request, desk)
    try:
        secret = factors.secret_of(desk.people, holder.staff)
    except WrongFactor as error:
        raise no_page() from error
    made = io.BytesIO()
    address = factors.address_of(secret, people.name_of(desk.people, holder.staff))
    segno.make(address, error="m").save(made, kind="svg", scale=5, border=3, light="#fff", dark="#000", xmldecl=False)
    return Response(made.getvalue(), media_type="image/svg+xml")


@router.post("/my-sign-in/app")
async def add_app(request: Request, desk: TheDesk, code: Code = "", to: To = "/") -> Response:
    """Take the first code of an app."""
    holder = _holder(request, desk)
    now = desk.wall.now()
    who = people.second_try_of(holder.staff)
    if people.attempt(desk.people, who, client_of(request), now, most=factors.TRIES) is not None:
        return _again(request, desk, holder, TOO_MANY, 429)
    try:
        factors.prove_app(desk.people, holder.staff, code, now)
    except WrongFactor:
        refused(desk, holder.staff, "code")
        return _again(request, desk, holder, WRONG_CODE, 403)
    return _added(request, desk, holder, "app", to)


@router.post("/my-sign-in/passkey/asked")
async def ask_for_passkey(request: Request, desk: TheDesk) -> Response:
    """Return what a browser is asked for a new passkey."""
    holder = _holder(request, desk)
    name, at = people.name_of(desk.people, holder.staff), _ceremony(request, desk, holder)
    asked = factors.ask_to_register(desk.people, at, name)
    return Response(asked, media_type="application/json")


@router.post("/my-sign-in/passkey")
async def add_passkey(
    request: Request,
    desk: TheDesk,
    answer: Answer = "",
    name: Annotated[str, Form(max_length=NAME_MAX)] = "",
    to: To = "/",
) -> Response:
    """Keep a new passkey."""
    holder = _holder(request, desk)
    try:
        factors.register(desk.people, _ceremony(request, desk, holder), answer, name=name or "passkey")
    except (WrongFactor, BadInput):
        return _again(request, desk, holder, NOT_KEPT, 403)
    return _added(request, desk, holder, "passkey", to)


@router.post("/my-sign-in/remove")
async def remove(request: Request, desk: TheDesk, key: Annotated[str, Form(max_length=2_048)] = "") -> Response:
    """Take away a passkey, or without its id the app. The last one stays with who must have one."""
    holder = _inside(request, desk)
    has = factors.of(desk.people, holder.staff)
    if len(has.passkeys) + has.totp <= 1 and factors.must(desk.people, holder.staff):
        text = mark("You must have a second step. Add another one before you take this away.")
        raise Problem(409, mark("Not done"), text)
    if key:
        gone = factors.drop_passkey(desk.people, holder.staff, key)
    else:
        gone = has.totp
        factors.drop_app(desk.people, holder.staff)
    if gone:
        why = "passkey" if key else "app"
        tell(Happened.FACTOR_REMOVED, desk.wall.now(), by=holder.staff, about=holder.staff, why=why)
    return RedirectResponse("/my-sign-in", 303)


@router.post("/my-sign-in/recovery")
async def recovery(request: Request, desk: TheDesk) -> Response:
    """Show new recovery codes, once."""
    holder = _inside(request, desk)
    if not factors.of(desk.people, holder.staff):
        raise Problem(409, mark("Not done"), mark("First add an app or a passkey."))
    return _codes(request, desk, holder.staff)


def _ceremony(request: Request, desk: Desk, holder: Holder) -> Ceremony:
    return Ceremony(holder.staff, holder.id, host_of(request), desk.wall.now())


def _added(request: Request, desk: Desk, holder: Holder, what: str, to: str) -> Response:
    """Answer when a factor is there: with recovery codes where there are none, and inside for who was not."""
    tell(Happened.FACTOR_ADDED, desk.wall.now(), by=holder.staff, about=holder.staff, why=what)
    if factors.of(desk.people, holder.staff).recovery_codes:
        response: Response = RedirectResponse("/my-sign-in", 303)
    else:
        response = _codes(request, desk, holder.staff, to=to)
    if not holder.inside:
        let_in(request, desk, holder.staff, response)
    return response


def _codes(request: Request, desk: Desk, staff: StaffId, *, to: str = "/my-sign-in") -> Response:
    codes = factors.recovery_codes(desk.people, staff)
    tell(Happened.RECOVERY_CODES, desk.wall.now(), by=staff, about=staff)
    return HTMLResponse(desk.drawing.at_the_door("codes.html", language_of(request), codes=codes, to=to))


def _again(request: Request, desk: Desk, holder: Holder, problem: str, status: int) -> Response:
    if not holder.inside:
        return HTMLResponse(second(request, desk, holder.staff, problem=problem), status)
    return HTMLResponse(_drawn(desk, reader_at(request, desk), problem=problem), status)


# The page.


class Row(NamedTuple):
    """A session, as it is drawn."""

    key: str
    device: str
    client: str
    began: str
    used: str
    this: bool


def _drawn(desk: Desk, reader: SignedIn, *, problem: str = "") -> str:
    now, language = desk.wall.now(), reader.viewer.language
    zone, say = zone_of(desk_zone(desk.centre.board)), words(language).gettext
    has = factors.of(desk.people, reader.staff)
    fresh = now - reader.session.began_at <= FRESH
    rows = [
        Row(
            one.key,
            device(one.device, language),
            one.client,
            clock(one.began_at, zone),
            clock(one.used_at, zone),
            one.key == reader.session.key,
        )
        for one in people.sessions_of(desk.people, reader.staff, now)
    ]
    roles = sorted((name_of(desk.people, post.organisation), say(ROLES[post.role])) for post in reader.session.posts)
    scene = desk.drawing.scene(desk.centre.now(), reader.viewer)
    return desk.drawing.page(
        "my-sign-in.html",
        scene,
        rows=rows,
        roles=roles,
        has=has,
        fresh=fresh,
        must=factors.must(desk.people, reader.staff),
        secret="" if has.totp or not fresh else factors.secret_of(desk.people, reader.staff),
        keys=[(one.id, one.name, clock(one.added_at, zone)) for one in has.passkeys],
        problem=say(problem) if problem else "",
        ways=ways(desk, reader),
        page="/my-sign-in",
    )


def ways(desk: Desk, reader: SignedIn) -> list[tuple[str, str]]:
    """Return the pages that are there for this reader beside the desk: path and what it is called."""
    from dashboard import breaking_glass, enrolling  # written with what stands here

    say = words(reader.viewer.language).gettext
    found = [
        ("/", say(mark("Desk")), bool(reader.session.organisations)),
        ("/people", say(mark("Who works here")), bool(where(reader.session.posts, Right.PEOPLE))),
        ("/gateways", say(mark("Gateways")), enrolling.opens_to(desk, reader)),
        ("/emergency", say(mark("Emergency access")), breaking_glass.opens_to(reader)),
        ("/emergencies", say(mark("Emergencies to judge")), bool(where(reader.session.posts, Right.LOG))),
        ("/my-sign-in", say(mark("My sign-in")), True),
    ]
    return [(path, name) for path, name, there in found if there]


_BROWSERS = (("Firefox/", "Firefox"), ("Edg/", "Edge"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


def device(said: str, language: str) -> str:
    """Return in a word or two what a browser said it is.

    >>> device("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36", "en")
    'Chrome, Linux'
    >>> device("curl/8", "en")
    'another browser'
    """
    found = [next((name for mark_, name in names if mark_ in said), "") for names in (_BROWSERS, _SYSTEMS)]
    return ", ".join(filter(None, found)) or words(language).gettext("another browser")


def clock(at: datetime, zone: ZoneInfo) -> str:
    """Return a moment as people read it in a list."""
    return f"{at.astimezone(zone):%d-%m-%Y %H:%M}"


ROLES = {
    Role.DESK: mark("night desk"),
    Role.NIGHT_TEAM: mark("night team"),
    Role.CARE: mark("care planner or care team"),
    Role.MANAGER: mark("manager"),
    Role.INSTALLER: mark("installer"),
    Role.PRIVACY: mark("privacy officer"),
    Role.ADMINISTRATOR: mark("administrator"),
}
"""What each role is called."""
