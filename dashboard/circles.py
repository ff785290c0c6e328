"""The routes of a resident's circle: who looked, who may see what, all of it on paper; and the care team's side of it.

The resident decides alone. The care team hands out codes, and writes down what the resident, or who speaks for them,
has said, with whose word it was.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated

import segno
import structlog
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup

from care import circles
from care.board import Board
from care.chains import day_ends
from care.database import Database, transaction
from care.ids import Asker, ContactId
from care.language import mark
from care.records import Record, site_of
from care.sharing import CannotShare, Part, Trouble, Word, share
from care.wording import Wording
from dashboard import access_log, contacts, emergencies, housekeys, looking, organisations, tastes
from dashboard.access_log import Deed, Entry, Ground
from dashboard.circle import FOR_TEAM, Circle
from dashboard.contacts import Contact
from dashboard.door import Problem
from dashboard.glance import home_path
from dashboard.letting_in import Mine, Refused, TheirOwn, link
from dashboard.looked import SPANS, Looked
from dashboard.mine import OWN, not_saved, own_page
from dashboard.organisations import Right
from dashboard.pages import Desk, Reader, SignedIn, TheDesk, TheHome, lived_in
from dashboard.paper import NotPrinted, pdf
from dashboard.people import Names
from detectors.homes import Home, zone_of

PAPER_DAYS = 28

TROUBLES: dict[Trouble, str] = {
    Trouble.OVER: mark("Nothing was shared: that day is over. Choose a later one."),
    Trouble.TOO_LONG: mark("Nothing was shared: at most a year at a time. Choose an earlier day."),
}
WORDS: dict[Word, str] = {
    Word.RESIDENT: mark("the client said so"),
    Word.REPRESENTATIVE: mark("the representative said so"),
}

router = APIRouter()
log = structlog.get_logger()


# The resident alone.


@router.get("/mine/looked")
async def looked(desk: TheDesk, mine: TheirOwn, days: int = 7) -> Response:
    """Tell who looked at the resident's data in the last days."""
    if days not in SPANS:
        days = 7
    values = {"days": await _looked(desk, mine, days), "chosen": days, "spans": SPANS, "own": own_page(desk, mine)}
    return HTMLResponse(_drawn(desk, mine, "mine-looked.html", **values))


@router.get("/mine/people")
async def people(desk: TheDesk, mine: TheirOwn) -> Response:
    """Show who is in the resident's circle, and what each may."""
    wording = own_page(desk, mine).wording
    return HTMLResponse(_drawn(desk, mine, "mine-people.html", circle=_circle(desk, mine.home, wording, mine.key.id)))


@router.get("/mine/paper")
async def paper(desk: TheDesk, mine: TheirOwn) -> Response:
    """Give all of it on paper: what is measured, who may see what, and who looked."""
    own = own_page(desk, mine)
    values = {
        "own": own,
        "circle": _circle(desk, mine.home, own.wording),
        "days": await _looked(desk, mine, PAPER_DAYS),
    }
    try:
        async with desk.printing:
            made = await pdf(_drawn(desk, mine, "mine-paper.html", **values))
    except NotPrinted as error:
        log.error("no paper", why=str(error))  # noqa: TRY400  # the reason says all of it
        raise Refused(
            503, mark("Not printed"), mark("The paper could not be made. Try again later."), "/mine"
        ) from error
    headers = {"Content-Disposition": 'inline; filename="nachtwacht.pdf"'}
    return Response(made, media_type="application/pdf", headers=headers)


@router.post("/mine/people/{contact}/share")
async def post_share(
    contact: str,
    desk: TheDesk,
    mine: TheirOwn,
    *,
    until: Annotated[date, Form()],
    parts: Annotated[list[Part] | None, Form()] = None,
) -> Response:
    """Let somebody read something until a day; nothing chosen ends it."""
    known = _contact(desk, mine.home, contact, "/mine/people")
    ends = _day_ends(desk, mine.home, until)
    return await _as_resident(
        desk, mine, known, lambda board, at: share(board.shares, mine.home, known.id, parts or (), ends, by=OWN, at=at)
    )


@router.post("/mine/people/{contact}/ask")
async def post_ask(contact: str, desk: TheDesk, mine: TheirOwn, *, until: Annotated[date, Form()]) -> Response:
    """Let somebody be asked to help until a day."""
    known = _contact(desk, mine.home, contact, "/mine/people")
    ends = _day_ends(desk, mine.home, until)
    return await _as_resident(
        desk, mine, known, lambda board, at: circles.asks(board, mine.home, known.id, ends, by=OWN, at=at)
    )


@router.post("/mine/people/{contact}/ask-no-more")
async def post_ask_no_more(contact: str, desk: TheDesk, mine: TheirOwn) -> Response:
    """Let somebody be asked nothing any more."""
    known = _contact(desk, mine.home, contact, "/mine/people")
    return await _as_resident(
        desk, mine, known, lambda board, at: circles.asks_no_more(board, mine.home, known.id, by=OWN, at=at)
    )


@router.post("/mine/people/{contact}/remove")
async def post_remove(contact: str, desk: TheDesk, mine: TheirOwn) -> Response:
    """Take somebody out of the circle: gone at once, with their devices, links and whatever they might."""
    known = _contact(desk, mine.home, contact, "/mine/people")
    answer = await _as_resident(
        desk, mine, known, lambda board, at: circles.let_go(board, mine.home, known.id, by=OWN, at=at)
    )
    forget(desk.people, known)
    return answer


@router.post("/mine/devices/{key}/end")
async def post_end(key: str, desk: TheDesk, mine: TheirOwn) -> Response:
    """Let a device in no more: one of a contact, or one of the resident's own."""
    housekeys.end(desk.people, mine.key.resident, key)
    _note(desk, mine, "device", key)
    return RedirectResponse("/mine/people", 303)


async def _as_resident(
    desk: Desk, mine: Mine, known: Contact, decide: Callable[[Board, datetime], Sequence[Record]]
) -> Response:
    try:
        await desk.centre.write(decide)
    except CannotShare as error:
        raise Refused(422, mark("Not saved"), TROUBLES[error.trouble], "/mine/people") from error
    except sqlite3.Error as error:
        log.error("the disk would not", why=str(error))  # noqa: TRY400  # the reason says all of it
        raise not_saved("/mine/people") from error
    _note(desk, mine, "circle", known.id)
    return RedirectResponse(f"/mine/people#{known.id}", 303)


def _note(desk: Desk, mine: Mine, what: str, about: str) -> None:
    """Write down that the resident changed something of their own."""
    entry = Entry(
        at=desk.wall.now(),
        by=f"resident:{mine.key.resident}",
        role="resident",
        deed=Deed.CHANGED,
        what=what,
        resident=mine.key.resident,
        home=mine.home.id,
        ground=Ground.OWN,
        about=about,
    )
    looking.told(entry)


async def _looked(desk: Desk, mine: Mine, days: int) -> list[object]:
    now, wording = desk.wall.now(), own_page(desk, mine).wording  # the log is dated by it
    reasons = {one.id: one.reason for one in emergencies.of(desk.people, mine.key.resident)}
    told = Looked(
        desk.centre.board,
        Names(desk.people),
        wording,
        now,
        mine.key.resident,
        lambda about: reasons.get(about, ""),
        agreed_at=desk.centre.now(),
    )
    ever = datetime.max.replace(tzinfo=now.tzinfo)
    entries = await asyncio.to_thread(
        access_log.of_resident, desk.access_log, mine.key.resident, told.since(days), ever
    )
    return [*told.days(entries)]


def _circle(desk: Desk, home: Home, wording: Wording, this: str = "") -> Circle:
    return Circle(home, desk.centre.board, Names(desk.people), wording, desk.centre.now(), desk.wall.now(), this)


def _drawn(desk: Desk, mine: Mine, template: str, **values: object) -> str:
    return desk.drawing.own(template, mine.language, formal=mine.formal, page="/mine", **values)


def _contact(desk: Desk, home: Home, contact: str, back: str) -> Contact:
    """Return somebody of a resident's circle. Raises `Refused`: who is somebody else's is not there."""
    known = contacts.known(desk.people, ContactId(contact))
    if known is None or known.resident != home.resident:
        raise Refused(404, mark("Nobody here"), mark("There is nobody of that name among your people."), back)
    return known


def _day_ends(desk: Desk, home: Home, day: date) -> datetime:
    return day_ends(day, zone_of(desk.centre.board.plans[site_of(home.id)].zone))


def forget(db: Database, contact: Contact) -> None:
    """Take somebody out of the people store with all that is theirs there: devices, codes, links, addresses, wishes."""
    with transaction(db):
        housekeys.end_all(db, contact.resident, contact.id)
        tastes.forget(db, contact.id)
        contacts.remove(db, contact.id)


# The care team, on behalf of a resident.


@router.get("/homes/{site}/{home}/circle")  # noqa: FAST003  # `home_id` takes both
async def circle_page(home: TheHome, desk: TheDesk, reader: Reader) -> Response:
    """Show who is let in to what of a resident, and hand out codes."""
    return HTMLResponse(_for_team(desk, reader, lived_in(desk.centre.board, home)))


@router.post("/homes/{site}/{home}/circle/code")  # noqa: FAST003
async def post_code(
    request: Request, home: TheHome, desk: TheDesk, reader: Reader, contact: Annotated[str, Form(max_length=40)] = ""
) -> Response:
    """Make a code by which one device is let in, and show it once: nobody can look it up."""
    reader.must(Right.CHANGE, desk, home)
    known = lived_in(desk.centre.board, home)
    whose = _of_home(desk, known, contact) if contact else None
    code = housekeys.invite(desk.people, known.resident, whose.id if whose else None, desk.wall.now())
    _note_team(desk, reader, known, "code", contact)
    return HTMLResponse(_for_team(desk, reader, known, code=code, link=link(request, desk, code), whose=whose))


@router.post("/homes/{site}/{home}/circle/end")  # noqa: FAST003
async def post_team_end(
    home: TheHome, desk: TheDesk, reader: Reader, key: Annotated[str, Form(max_length=40)]
) -> Response:
    """Let a device in no more."""
    reader.must(Right.CHANGE, desk, home)
    known = lived_in(desk.centre.board, home)
    housekeys.end(desk.people, known.resident, key)
    _note_team(desk, reader, known, "device", key)
    return RedirectResponse(f"{home_path(home)}/circle", 303)


@router.post("/homes/{site}/{home}/circle/share")  # noqa: FAST003
async def post_team_share(
    home: TheHome,
    desk: TheDesk,
    reader: Reader,
    *,
    contact: Annotated[str, Form(max_length=40)],
    until: Annotated[date, Form()],
    word: Annotated[Word, Form()],
    parts: Annotated[list[Part] | None, Form()] = None,
) -> Response:
    """Write down what the resident, or who speaks for them, lets somebody read."""
    reader.must(Right.CHANGE, desk, home)
    known = lived_in(desk.centre.board, home)
    whose, ends, by = _of_home(desk, known, contact), _day_ends(desk, known, until), Asker(reader.staff)
    try:
        await desk.centre.write(
            lambda board, at: share(board.shares, known, whose.id, parts or (), ends, by=by, at=at, word=word)
        )
    except CannotShare as error:
        raise Problem(422, mark("Not saved"), TROUBLES[error.trouble]) from error
    _note_team(desk, reader, known, "circle", whose.id)
    return RedirectResponse(f"{home_path(home)}/circle#{whose.id}", 303)


@router.post("/homes/{site}/{home}/circle/remove")  # noqa: FAST003
async def post_team_remove(
    home: TheHome, desk: TheDesk, reader: Reader, contact: Annotated[str, Form(max_length=40)]
) -> Response:
    """Take somebody out of a resident's circle, at the resident's word."""
    reader.must(Right.CHANGE, desk, home)
    known = lived_in(desk.centre.board, home)
    whose, by = _of_home(desk, known, contact), Asker(reader.staff)
    await desk.centre.write(lambda board, at: circles.let_go(board, known, whose.id, by=by, at=at))
    forget(desk.people, whose)
    _note_team(desk, reader, known, "circle", whose.id)
    return RedirectResponse(f"{home_path(home)}/circle", 303)


def _for_team(
    desk: Desk, reader: SignedIn, home: Home, *, code: str = "", link: str = "", whose: Contact | None = None
) -> str:
    scene = desk.drawing.scene(desk.centre.now(), reader.viewer)
    wording = scene.wording_of(site_of(home.id))
    return desk.drawing.page(
        "circle.html",
        scene,
        home=scene.home(home),
        circle=replace(_circle(desk, home, wording), called=FOR_TEAM),
        may=reader.may(Right.CHANGE, desk, home.id),
        words=[(word.value, wording.say(said)) for word, said in WORDS.items()],
        code=housekeys.spelled(code),
        link=link,
        drawn=qr(link) if link else "",
        whose=whose,
        page=f"{home_path(home.id)}/circle",
    )


def qr(text: str) -> Markup:
    """Draw a text as a code that phones read (ISO/IEC 18004): black on white, by day and by night."""
    code = segno.make(text, error="m", micro=False)
    return Markup(code.svg_inline(border=4, omitsize=True, dark="#000", light="#fff", svgclass="qr", lineclass=None))  # noqa: S704  # drawn by segno of squares, no text in it


def _of_home(desk: Desk, home: Home, contact: str) -> Contact:
    known = contacts.known(desk.people, ContactId(contact))
    if known is None or known.resident != home.resident:
        raise Problem(422, mark("Not saved"), mark("This is no contact of this client."))
    return known


def _note_team(desk: Desk, reader: SignedIn, home: Home, what: str, about: str) -> None:
    organisation, roles = looking.as_whom(
        reader.session, organisations.Access(desk.people).owners().get(site_of(home.id), organisations.OWN)
    )
    entry = Entry(
        at=desk.wall.now(),
        by=f"staff:{reader.staff}",
        role=",".join(roles),
        organisation=organisation,
        deed=Deed.CHANGED,
        what=what,
        resident=home.resident,
        home=home.id,
        ground=Ground.CARE,
        about=about,
    )
    looking.told(entry)
