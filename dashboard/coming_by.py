"""The routes by which somebody signs in at their own organisation, and comes back from there."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from care.ids import StaffId
from care.language import mark
from dashboard import invitations, openid, people
from dashboard.door import Problem, client_of, language_of, no_page, within
from dashboard.happened import Happened, tell
from dashboard.invitations import NoInvitation
from dashboard.openid import Flow, Identity, NotTrusted, Provider
from dashboard.pages import Desk, TheDesk, cookie_of
from dashboard.signing_in import give, let_in, refused
from dashboard.typed import BadInput

NOT_IN = mark("The sign-in of your organisation did not let you in. Try again, or ask your administrator.")
STARTS_MAX = 20  # ways there, from one address in `people.WINDOW`: each asks the provider something

router = APIRouter()


@router.get("/sign-in/with/{organisation}")
async def go_there(
    request: Request,
    organisation: str,
    desk: TheDesk,
    to: str = "/",
    invitation: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Send somebody to sign in at their own organisation."""
    provider = openid.of(desk.people, organisation)
    if provider is None:
        raise no_page()
    client, now = client_of(request), desk.wall.now()
    if people.attempt(desk.people, f"from {client} by openid", client, now, most=STARTS_MAX) is not None:
        raise Problem(429, mark("Not done"), mark("Too many tries. Wait a quarter of an hour and try again."))
    try:
        places = await openid.places_of(provider)
    except NotTrusted as error:
        return _not_in(request, desk, str(error))
    browser = secrets.token_urlsafe(32)
    state, flow = openid.begin(desk.people, provider, browser, within(to), now)
    there = openid.address(provider, places, flow, state=state, back_to=_back_to(request))
    response = RedirectResponse(there, 303)
    # What they were invited to stays in the browser: the store holds of an invitation only the hash.
    kept = f"{browser}.{invitation}" if invitation else browser
    give(request, response, _flow_cookie(request), kept, int(openid.FLOW.total_seconds()), lax=True)
    return response


@router.get("/sign-in/with")
async def come_back(
    request: Request,
    desk: TheDesk,
    code: Annotated[str, Query(max_length=4_096)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Let in whoever comes back with proof of being somebody who is known here."""
    browser, _, invitation = request.cookies.get(_flow_cookie(request), "").partition(".")
    try:
        flow = openid.back(desk.people, state, browser, desk.wall.now())
        provider = openid.of(desk.people, flow.organisation)
        if provider is None or not code:
            raise NotTrusted("code")  # noqa: TRY301  # one answer for all of it
        identity = await openid.ask(provider, code, flow, back_to=_back_to(request), now=desk.wall.now())
        staff = _who(desk, provider, identity, invitation)
    except NotTrusted as error:
        return _not_in(request, desk, str(error))
    return _in(request, desk, staff, flow)


def _who(desk: Desk, provider: Provider, identity: Identity, invitation: str) -> StaffId:
    """Return who it is: by what an administrator linked, or by an invitation. Raises `NotTrusted`."""
    staff = openid.whose(desk.people, provider.organisation, identity)
    if staff is not None:
        return staff
    now = desk.wall.now()
    try:
        if not invitation or invitations.find(desk.people, invitation, now).organisation != provider.organisation:
            raise NotTrusted("nobody")
        if not openid.is_free(desk.people, provider.organisation, identity.name):
            raise NotTrusted("name")
        words = (identity.full_name or identity.name).split()
        staff, used = people.join(
            desk.people,
            invitation,
            now,
            f"{identity.name}@{provider.organisation}"[:60],
            first_name=(words or ["?"])[0][:60],
            initials="".join(word[0] for word in words)[:4].upper() or "?",
            password=people.hashed(None),
        )
        openid.link(desk.people, provider.organisation, staff, identity.name)
    except (NoInvitation, BadInput, people.NameTaken) as error:
        raise NotTrusted("invitation") from error
    tell(Happened.JOINED, now, by=staff, about=used.by, where=used.organisation, why=used.role.value)
    return openid.whose(desk.people, provider.organisation, identity) or staff


def _in(request: Request, desk: Desk, staff: StaffId, flow: Flow) -> Response:
    """Begin a session, and go on by a page of ours: a browser brings no strict cookie along from another site."""
    page = desk.drawing.at_the_door("come-in.html", language_of(request), to=within(flow.to))
    response = HTMLResponse(page)
    let_in(request, desk, staff, response, through=flow.organisation)
    response.delete_cookie(_flow_cookie(request), secure=request.url.scheme == "https", httponly=True, samesite="lax")
    return response


def _not_in(request: Request, desk: Desk, why: str) -> Response:
    refused(desk, None, f"openid {why}")
    page = desk.drawing.sign_in(language_of(request), problem=NOT_IN, elsewhere=openid.named(desk.people))
    return HTMLResponse(page, 403)


def _back_to(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}/sign-in/with"


def _flow_cookie(request: Request) -> str:
    return f"{cookie_of(request)}-flow"
