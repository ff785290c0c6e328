"""The routes of enrolment: what a gateway asks, and the page on which people see who is enrolled and take it back."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
import structlog
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from care.enrolment import REQUEST_MAX, Admitted, No, Refused
from care.ids import StaffId
from care.language import mark, words
from care.wording import natural
from dashboard import authority, enrolment
from dashboard.door import Problem, no_page
from dashboard.enrolment import Did, Enrolled, Line, NotAdmitted
from dashboard.glance import desk_zone
from dashboard.organisations import OWN, Access, OrganisationId, Right, may, where
from dashboard.pages import Desk, Reader, SignedIn, TheDesk, not_in_role
from dashboard.people import Names
from detectors.homes import SiteId, zone_of

SOON = timedelta(days=30)  # before a certificate ends that nobody has renewed
LINES = 50  # of the log on the page

STATUS = {No.TRIES: HTTPStatus.TOO_MANY_REQUESTS, No.CLOSED: HTTPStatus.NOT_FOUND, No.REQUEST: HTTPStatus.BAD_REQUEST}

router = APIRouter()
log = structlog.get_logger()

Pem = Annotated[str, Form(max_length=REQUEST_MAX)]

_JSON = "application/json"


# What a gateway asks. It has no session, and gets JSON: who it is stands in what it sends.


@router.get("/enrol/authority")
async def get_authority(desk: TheDesk) -> Response:
    """Return by what everything this centre signed can be checked. A gateway holds it against its code."""
    if desk.authority is None:
        return _refused(desk, No.CLOSED)
    return Response(msgspec.json.encode({"authority": desk.authority.certificate.decode()}), media_type=_JSON)


@router.post("/enrol")
async def enrol(
    request: Request, desk: TheDesk, asked: Pem = "", code: Annotated[str, Form(max_length=100)] = ""
) -> Response:
    """Take a request for a certificate and a code; a right code is worth one certificate, once."""
    signs = desk.authority
    if signs is None:
        return _refused(desk, No.CLOSED)
    now = desk.wall.now()
    try:
        answer = enrolment.admit(desk.people, signs, asked.encode(), code, client=_client(request), now=now)
    except NotAdmitted as refused:
        return _refused(desk, refused.why)
    return _admitted(desk, answer)


@router.post("/enrol/renew")
async def renew(
    request: Request,
    desk: TheDesk,
    *,
    asked: Pem = "",
    fingerprint: Annotated[str, Form(max_length=64)] = "",
    at: Annotated[str, Form(max_length=40)] = "",
    signature: Annotated[str, Form(max_length=400)] = "",
) -> Response:
    """Take a request for a certificate, signed together with the time by the key of the present one."""
    signs = desk.authority
    if signs is None:
        return _refused(desk, No.CLOSED)
    now = desk.wall.now()
    try:
        answer = enrolment.renew(
            desk.people,
            signs,
            asked.encode(),
            fingerprint=fingerprint,
            at=_moment(at),
            signature=_bytes(signature),
            client=_client(request),
            now=now,
        )
    except NotAdmitted as refused:
        return _refused(desk, refused.why)
    return _admitted(desk, answer)


def _client(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _admitted(desk: Desk, answer: Admitted) -> Response:
    """Answer when the broker knows it too: a gateway that asks there at once is let in."""
    assert desk.authority is not None
    authority.publish(desk.authority, desk.people, desk.wall.now())
    log.info("a gateway has its certificate", site=answer.site, until=answer.valid_until.isoformat())
    return Response(msgspec.json.encode(answer), media_type=_JSON)


def _refused(desk: Desk, why: No) -> Response:
    log.warning("a gateway was refused", why=why.value)
    body = msgspec.json.encode(Refused(why, desk.wall.now()))
    headers = {"Retry-After": str(int(enrolment.WINDOW.total_seconds()))} if why is No.TRIES else {}
    return Response(body, STATUS.get(why, HTTPStatus.FORBIDDEN), media_type=_JSON, headers=headers)


# What people see of it.


@dataclass(frozen=True, slots=True)
class Row:
    """A building as it stands on the page."""

    site: SiteId
    name: str
    state: str  # "good", "soon", "over" or "revoked"
    until: str
    revoked: str
    heard: str
    may: bool


@router.get("/gateways")
async def page(desk: TheDesk, reader: Reader) -> Response:
    _expect_open(desk, reader)
    return HTMLResponse(_drawn(desk, reader))


@router.post("/gateways/{site}/revoke")
async def revoke(site: str, desk: TheDesk, reader: Reader) -> Response:
    """Take back what a building's gateway has: it is heard no more from now on."""
    signs = _expect_open(desk, reader)
    if site not in {one.site for one in _of(desk, reader, enrolment.enrolled(desk.people))}:
        raise Problem(404, mark("No such gateway"), mark("There is no gateway here. Go back to the gateways."))
    if not _may(desk, reader, SiteId(site)):
        raise not_in_role(Right.INSTALL)
    now = desk.wall.now()
    enrolment.revoke(desk.people, SiteId(site), by=reader.staff, now=now)
    authority.publish(signs, desk.people, now)
    log.warning("a gateway was revoked", site=site, by=reader.staff)
    return RedirectResponse("/gateways", 303)


def opens_to(desk: Desk, reader: SignedIn) -> bool:
    """Whether the page is there for who reads: at a centre that enrols, for those who look after gateways."""
    return desk.authority is not None and bool(where(reader.session.posts, Right.INSTALL))


def _expect_open(desk: Desk, reader: SignedIn) -> authority.Authority:
    if desk.authority is None or not opens_to(desk, reader):
        raise no_page()
    return desk.authority


def _may(desk: Desk, reader: SignedIn, site: SiteId) -> bool:
    return may(reader.session.posts, Right.INSTALL, Access(desk.people).owners().get(site, OWN))


def _of(desk: Desk, reader: SignedIn, all_of_them: list[Enrolled]) -> list[Enrolled]:
    owners, mine = Access(desk.people).owners(), _mine(reader)
    return [one for one in all_of_them if owners.get(one.site, OWN) in mine]


def _mine(reader: SignedIn) -> frozenset[OrganisationId]:
    """Return whose gateways are there for who reads; what only looks at homes sees theirs, and takes nothing back."""
    return reader.session.organisations | where(reader.session.posts, Right.INSTALL)


def _drawn(desk: Desk, reader: SignedIn) -> str:
    now, wall, language = desk.centre.now(), desk.wall.now(), reader.viewer.language
    zone = zone_of(desk_zone(desk.centre.board))
    owners, mine = Access(desk.people).owners(), _mine(reader)
    names = {site: plan.name for site, plan in desk.centre.board.plans.items()}
    rows = [
        Row(
            site=one.site,
            name=names.get(one.site, one.site),
            state=_state(one, wall),
            until=_day(one.valid_until, zone),
            revoked="" if one.revoked_at is None else _clock(one.revoked_at, zone),
            heard=_heard(desk, one.site, language),
            may=_may(desk, reader, one.site),
        )
        for one in sorted(_of(desk, reader, enrolment.enrolled(desk.people)), key=lambda one: natural(one.site))
    ]
    waits = [
        (one.site, names.get(one.site, one.site), _clock(one.until, zone))
        for one in enrolment.waiting(desk.people, wall)
        if owners.get(one.site, OWN) in mine
    ]
    lines = [
        (_clock(line.at, zone), _told(line, Names(desk.people), language))
        for line in enrolment.log(desk.people)
        # A refused try may name any building: who runs the centre sees all of them.
        if (owners.get(SiteId(line.site), OWN) in mine and line.what is not Did.REFUSED) or OWN in mine
    ][:LINES]
    scene = desk.drawing.scene(now, reader.viewer)
    return desk.drawing.page("gateways.html", scene, rows=rows, waits=waits, lines=lines, page="/gateways")


def _state(one: Enrolled, now: datetime) -> str:
    if one.revoked_at is not None:
        return "revoked"
    if one.valid_until <= now:
        return "over"
    return "soon" if one.valid_until - now <= SOON else "good"


def _heard(desk: Desk, site: SiteId, language: str) -> str:
    _ = words(language).gettext
    unheard_s = desk.centre.unheard_s(site)
    if unheard_s is None:
        return _("not since the centre was started")
    if unheard_s < 60:  # noqa: PLR2004  # a minute
        return _("now")
    return (
        words(language).ngettext("{n} minute ago", "{n} minutes ago", int(unheard_s / 60)).format(n=int(unheard_s / 60))
    )


def _told(line: Line, names: Names, language: str) -> str:
    """Return a line of the log as a sentence."""
    who = names.staff(StaffId(line.who)) if line.who.startswith("s-") else line.who
    if line.who == enrolment.COMMAND:
        who = words(language).gettext("the technical service")
    said = {
        Did.CODE: mark("A code was made for {site}."),
        Did.ENROLLED: mark("{site} has a gateway, from {who}."),
        Did.RENEWED: mark("{site} has its next certificate, from {who}."),
        Did.REVOKED: mark("A certificate of {site} was taken back by {who}."),
        Did.REFUSED: mark("A try for “{site}” from {who} was refused: {why}."),
    }[line.what]
    why = words(language).gettext(WHY[No(line.why)]) if line.what is Did.REFUSED else ""
    return words(language).gettext(said).format(site=line.site or "?", who=who, why=why)


WHY = {
    No.CODE: mark("the code is not good"),
    No.REQUEST: mark("it was no right request"),
    No.TRIES: mark("too many tries"),
    No.CLOCK: mark("its clock is wrong"),
    No.PROOF: mark("it did not have the key"),
    No.OVER: mark("its certificate has run out"),
    No.REVOKED: mark("its certificate was taken back"),
    No.CLOSED: mark("this centre enrols nobody"),
}


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%d-%m-%Y %H:%M}"


def _day(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%d-%m-%Y}"
