"""The routes by which people come to work here and stop: the page of an administrator, and what an invitation opens.

An administrator decides for the organisations where they are one, and for no other: those are not there for them.
"""

import contextlib
import sqlite3
from collections.abc import Callable
from datetime import datetime, time, timedelta
from functools import partial
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from care.ids import ContactId, StaffId
from care.language import mark, words
from care.messages import Kind, ToTell
from dashboard import contacts, factors, invitations, mail, messages, openid, organisations, people, tastes
from dashboard.contacts import ADDRESS_MAX
from dashboard.door import NotSignedIn, Problem, client_of, language_of, no_page
from dashboard.glance import desk_zone
from dashboard.happened import Happened, tell
from dashboard.invitations import Invitation, NoInvitation, WaitsAlready
from dashboard.organisations import GROUND_MAX, OrganisationId, Right, Role, name_of, where
from dashboard.own_sign_in import ROLES, clock, ways
from dashboard.pages import Desk, Reader, SignedIn, TheDesk, reader_at
from dashboard.signing_in import PASSWORD_MAX, go_halfway, too_busy
from dashboard.strangers import Busy
from dashboard.typed import NAME_MAX, BadInput
from detectors.homes import zone_of

router = APIRouter()

Who = Annotated[str, Form(pattern="^s-[0-9a-f]{1,40}$")]
Typed = Annotated[str, Form(max_length=NAME_MAX)]


async def organisation_id(organisation: str, reader: Reader) -> OrganisationId:
    """Return an organisation whose people are the reader's to decide about. Raises `Problem`."""
    if organisation not in where(reader.session.posts, Right.PEOPLE):
        raise no_page()
    return OrganisationId(organisation)


TheOrganisation = Annotated[OrganisationId, Depends(organisation_id)]


@router.get("/people")
async def page(desk: TheDesk, reader: Reader) -> Response:
    if not where(reader.session.posts, Right.PEOPLE):
        raise no_page()
    return HTMLResponse(_drawn(desk, reader))


@router.post("/people/{organisation}/invite")  # `organisation_id` takes it
async def invite(
    request: Request,
    desk: TheDesk,
    reader: Reader,
    organisation: TheOrganisation,
    *,
    role: Annotated[Role, Form()],
    address: Annotated[str, Form(max_length=ADDRESS_MAX)] = "",
) -> Response:
    """Make an invitation. It is mailed to an address, where the centre has mail; else its link is shown this once."""
    now, link = desk.wall.now(), ""
    try:
        if address and (channel := _mails_by(desk)) is not None:
            await _mail(desk, reader, organisation, role, address=address.strip(), channel=channel)
        else:
            token = invitations.invite(desk.people, organisation, role, reader.staff, now)
            link = f"{request.url.scheme}://{request.url.netloc}/invitation/{token}"
    except BadInput:
        return HTMLResponse(_drawn(desk, reader, problem=NO_MAIL, invited_to=organisation), 422)
    except WaitsAlready:
        return HTMLResponse(_drawn(desk, reader, problem=WAITS, invited_to=organisation), 409)
    except ValueError as error:
        raise Problem(409, mark("Not done"), mark("Too many invitations wait. Take some back first.")) from error
    tell(Happened.INVITED, now, by=reader.staff, where=organisation, why=role.value)
    if not link:
        return RedirectResponse(f"/people#waits-{organisation}", 303)
    return HTMLResponse(_drawn(desk, reader, link=link, invited_to=organisation))


NO_MAIL = mark("That is no e-mail address. Write it like name@example.nl.")
WAITS = mark("An invitation to this address waits already. Take it back first.")


async def _mail(desk: Desk, reader: SignedIn, organisation: str, role: Role, *, address: str, channel: str) -> None:
    """Keep an invitation, and write down that it is to be mailed. Raises `BadInput`, `WaitsAlready` or `ValueError`."""
    if not mail.is_address(address):
        raise BadInput(NO_MAIL)
    key = invitations.invite_by_mail(desk.people, organisation, role, reader.staff, desk.wall.now(), address=address)
    about = {"to": ContactId(key), "kind": Kind.INVITED, "channels": (channel,), "by": reader.staff}
    try:
        await desk.centre.write(lambda _, at: [ToTell(at=at, **about)])  # type: ignore[arg-type]
    except sqlite3.Error as error:
        invitations.take_back(desk.people, organisation, key)
        text = mark("Nothing was changed: the care centre cannot save now.")
        raise Problem(503, mark("Not saved"), text) from error


def _mails_by(desk: Desk) -> str | None:
    """Return the channel by which invitations can be mailed; None if there is none, or nothing of ours to lead to."""
    return contacts.mail_channel(desk.people) if desk.url else None


@router.post("/people/{organisation}/take-back")
async def take_back(
    desk: TheDesk, reader: Reader, organisation: TheOrganisation, key: Annotated[str, Form(max_length=64)]
) -> Response:
    if invitations.take_back(desk.people, organisation, key):
        now = desk.wall.now()
        tell(Happened.INVITATION_TAKEN_BACK, now, by=reader.staff, where=organisation)
    return RedirectResponse("/people", 303)


@router.post("/people/{organisation}/appoint")
async def appoint(
    desk: TheDesk, reader: Reader, organisation: TheOrganisation, *, staff: Who, role: Annotated[Role, Form()]
) -> Response:
    """Give somebody who works here another role besides."""
    _works_here(desk, organisation, staff)
    now = desk.wall.now()
    organisations.appoint(desk.people, StaffId(staff), organisation, role, since=now)
    tell(Happened.APPOINTED, now, by=reader.staff, about=staff, where=organisation, why=role.value)
    return RedirectResponse("/people", 303)


@router.post("/people/{organisation}/lend")
async def lend(
    request: Request,
    desk: TheDesk,
    reader: Reader,
    organisation: TheOrganisation,
    *,
    name: Typed,
    role: Annotated[Role, Form()],
    until: Annotated[str, Form(max_length=10)],
    ground: Annotated[str, Form(max_length=GROUND_MAX)],
) -> Response:
    """Let somebody of another organisation work here too: until a day, and on a ground that is written down."""
    now = desk.wall.now()
    if people.attempt(desk.people, f"lent by {reader.staff}", client_of(request), now) is not None:
        text = mark("Too many tries. Wait a quarter of an hour and try again.")
        raise Problem(429, mark("Not done"), text)  # or the page would tell who signs in by which name
    try:
        staff = people.staff_named(desk.people, name)
        last = datetime.combine(datetime.fromisoformat(until).date() + timedelta(days=1), time())
        end = last.replace(tzinfo=zone_of(desk_zone(desk.centre.board)))
        organisations.lend(desk.people, staff, organisation, role, ground=ground, now=now, until=end)
    except people.Unknown:
        return HTMLResponse(_drawn(desk, reader, problem=NOBODY, invited_to=organisation), 422)
    except (BadInput, ValueError, OverflowError):
        return HTMLResponse(_drawn(desk, reader, problem=NO_GROUND, invited_to=organisation), 422)
    tell(Happened.LENT, now, by=reader.staff, about=staff, where=organisation, why=role.value)
    return RedirectResponse("/people", 303)


NOBODY = mark("Nobody signs in with this name. Ask them for it, or invite them.")
NO_GROUND = mark("Say why in a sentence, and until which day: within a year.")


@router.post("/people/{organisation}/dismiss")
async def dismiss(desk: TheDesk, reader: Reader, organisation: TheOrganisation, *, staff: Who) -> Response:
    """Let somebody work here no more; whatever they have open is closed at once."""
    _works_here(desk, organisation, staff)
    if staff == reader.staff:
        text = mark("You cannot dismiss yourself. Ask another administrator.")
        raise Problem(409, mark("Not done"), text)
    now = desk.wall.now()
    for one in people.sessions_of(desk.people, StaffId(staff), now):
        desk.live.end(one.key)
    organisations.dismiss(desk.people, StaffId(staff), organisation)
    tell(Happened.DISMISSED, now, by=reader.staff, about=staff, where=organisation)
    return RedirectResponse("/people", 303)


@router.post("/people/{organisation}/sessions")
async def end_sessions(desk: TheDesk, reader: Reader, organisation: TheOrganisation, *, staff: Who) -> Response:
    """Sign somebody who works here out, wherever they are."""
    _works_here(desk, organisation, staff)
    for key in people.end_sessions(desk.people, StaffId(staff)):
        desk.live.end(key)
    tell(Happened.SESSION_ENDED, desk.wall.now(), by=reader.staff, about=staff, where=organisation)
    return RedirectResponse("/people", 303)


@router.post("/people/{organisation}/second-step")
async def second_step(
    desk: TheDesk, reader: Reader, organisation: TheOrganisation, *, wanted: Annotated[bool, Form()]
) -> Response:
    """Ask a second step of everybody who works here, or ask it no more."""
    factors.demand(desk.people, organisation, wanted=wanted)
    why = "yes" if wanted else "no"
    tell(Happened.DEMANDED, desk.wall.now(), by=reader.staff, where=organisation, why=why)
    return RedirectResponse("/people", 303)


@router.post("/people/{organisation}/manner")
async def manner(
    desk: TheDesk, reader: Reader, organisation: TheOrganisation, *, formal: Annotated[bool, Form()]
) -> Response:
    """Say je, or u, to residents who chose neither themselves."""
    tastes.usually_speak(desk.people, organisation, formal=formal)
    why = "u" if formal else "je"
    tell(Happened.SPOKEN, desk.wall.now(), by=reader.staff, where=organisation, why=why)
    return RedirectResponse("/people", 303)


@router.post("/people/{organisation}/identity")
async def link(
    desk: TheDesk,
    reader: Reader,
    organisation: TheOrganisation,
    *,
    staff: Who,
    identity: Annotated[str, Form(max_length=200)],
) -> Response:
    """Let somebody who works here come by the organisation's own sign-in."""
    _works_here(desk, organisation, staff)
    if openid.of(desk.people, organisation) is None:
        raise no_page()
    try:
        openid.link(desk.people, organisation, StaffId(staff), identity)
    except BadInput:
        return HTMLResponse(_drawn(desk, reader, problem=NOT_THEIRS, invited_to=organisation), 422)
    tell(Happened.LINKED, desk.wall.now(), by=reader.staff, about=staff, where=organisation)
    return RedirectResponse("/people", 303)


NOT_THEIRS = mark("That name of your own sign-in is empty, or belongs to somebody else.")


def _works_here(desk: Desk, organisation: str, staff: str) -> None:
    if staff not in {one.staff for one in organisations.members(desk.people, organisation, desk.wall.now())}:
        raise Problem(404, mark("Not done"), mark("This person does not work here. Go back to the list."))


# The page.


class Row(NamedTuple):
    """Somebody who works for an organisation, as it is drawn."""

    staff: StaffId
    first_name: str
    name: str
    roles: list[tuple[str, str, str, str]]  # what it is called, since, until, and on what ground
    second_step: bool
    sessions: int
    me: bool


class Waiting(NamedTuple):
    """An invitation that nobody has used yet, as it is drawn."""

    key: str
    role: str
    until: str
    address: str  # where it was mailed to; empty: it is handed over
    event: messages.Event | None  # what came of that


class Place(NamedTuple):
    """An organisation, as it is drawn."""

    id: OrganisationId
    name: str
    rows: list[Row]
    waits: list[Waiting]
    demands: bool
    own_sign_in: bool
    formal: bool  # it says u to residents who chose nothing


def _drawn(desk: Desk, reader: SignedIn, *, link: str = "", invited_to: str = "", problem: str = "") -> str:
    say = words(reader.viewer.language).gettext
    mine = sorted(where(reader.session.posts, Right.PEOPLE))
    scene = desk.drawing.scene(desk.centre.now(), reader.viewer)
    return desk.drawing.page(
        "people.html",
        scene,
        places=[_place(desk, reader, one) for one in mine],
        roles=[(role.value, say(said)) for role, said in ROLES.items()],
        link=link,
        invited_to=invited_to,
        problem=say(problem) if problem else "",
        by_mail=_mails_by(desk) is not None,
        ways=ways(desk, reader),
        page="/people",
    )


def _place(desk: Desk, reader: SignedIn, organisation: OrganisationId) -> Place:
    say, now = words(reader.viewer.language).gettext, desk.wall.now()
    zone = zone_of(desk_zone(desk.centre.board))

    def day(at: datetime | None) -> str:
        return "" if at is None else f"{at.astimezone(zone):%d-%m-%Y}"

    rows = [
        Row(
            one.staff,
            one.first_name,
            one.name,
            [(say(ROLES[held.role]), day(held.since), _last_day(held.until, day), held.ground) for held in one.held],
            bool(factors.of(desk.people, one.staff)),
            len(people.sessions_of(desk.people, one.staff, now)),
            one.staff == reader.staff,
        )
        for one in organisations.members(desk.people, organisation, now)
    ]
    glance = messages.glance_of(desk.centre.board, desk.people, desk.centre.now(), reader.viewer.language)
    waits = [
        Waiting(
            one.key,
            say(ROLES[one.role]),
            clock(one.until, zone),
            one.address,
            messages.last_of(glance, ContactId(one.key)) if one.address else None,
        )
        for one in invitations.waiting(desk.people, organisation, now)
    ]
    demands = factors.demanded_of(desk.people, organisation)
    own = openid.of(desk.people, organisation) is not None
    formal = tastes.usually_formal(desk.people, organisation)
    return Place(organisation, name_of(desk.people, organisation), rows, waits, demands, own, formal)


def _last_day(until: datetime | None, day: Callable[[datetime | None], str]) -> str:
    """Return the last day of what is lent: it ends with it."""
    return "" if until is None else day(until - timedelta(seconds=1))


# What an invitation opens.


@router.get("/invitation/{token}")
async def invitation_page(request: Request, token: str, desk: TheDesk) -> Response:
    return HTMLResponse(_invitation(request, desk, token, _found(desk, token)))


@router.post("/invitation/{token}")
async def join(
    request: Request,
    token: str,
    desk: TheDesk,
    *,
    name: Typed = "",
    first_name: Typed = "",
    initials: Annotated[str, Form(max_length=4)] = "",
    password: Annotated[str, Form(max_length=PASSWORD_MAX)] = "",
) -> Response:
    """Keep who was invited, under the name they choose; they go on to their second step."""
    found = _found(desk, token)
    typed = {"name": name, "first_name": first_name, "initials": initials}
    now = desk.wall.now()
    try:
        kept = await desk.passwords.look(client_of(request), partial(people.hashed, password))
        assert kept is not None
        staff, used = people.join(desk.people, token, now, **typed, password=kept)
    except Busy as error:
        raise too_busy() from error
    except NoInvitation as error:
        raise _gone() from error
    except people.NameTaken:
        problem = mark("Somebody signs in with this name already. Choose another one.")
        return HTMLResponse(_invitation(request, desk, token, found, problem=problem, **typed), 409)
    except BadInput:
        problem = mark("Fill in everything. A password has at least 10 characters, initials at most 4.")
        return HTMLResponse(_invitation(request, desk, token, found, problem=problem, **typed), 422)
    about = used.by
    tell(Happened.JOINED, now, by=staff, about=about, where=used.organisation, why=used.role.value)
    return go_halfway(request, desk, staff)


@router.post("/invitation/{token}/accept")
async def accept(token: str, desk: TheDesk, reader: Reader) -> Response:
    """Let somebody who is signed in work for one more organisation."""
    now = desk.wall.now()
    try:
        used = people.join_too(desk.people, token, now, reader.staff)
    except NoInvitation as error:
        raise _gone() from error
    about = used.by
    tell(
        Happened.JOINED,
        now,
        by=reader.staff,
        about=about,
        where=used.organisation,
        why=used.role.value,
    )
    return RedirectResponse("/my-sign-in", 303)


def _found(desk: Desk, token: str) -> Invitation:
    try:
        return invitations.find(desk.people, token, desk.wall.now())
    except NoInvitation as error:
        raise _gone() from error


def _gone() -> Problem:
    text = mark("This invitation is not good any more. Ask for a new one.")
    return Problem(404, mark("No such invitation"), text)


def _invitation(request: Request, desk: Desk, token: str, found: Invitation, *, problem: str = "", **typed: str) -> str:
    language, me = language_of(request), ""
    with contextlib.suppress(NotSignedIn):
        me = reader_at(request, desk).viewer.name
    return desk.drawing.at_the_door(
        "invitation.html",
        language,
        token=token,
        own=found.organisation if openid.of(desk.people, found.organisation) else "",
        organisation=name_of(desk.people, found.organisation),
        role=words(language).gettext(ROLES[found.role]),
        me=me,
        typed={"name": "", "first_name": "", "initials": "", **typed},
        problem=problem,
    )
