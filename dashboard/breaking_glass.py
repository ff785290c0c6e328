"""The routes of emergency access: opening a home with a reason, seeing it for an hour, and judging it afterwards."""

import sqlite3
from datetime import timedelta
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Form, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from care.ids import ContactId
from care.language import mark, words
from care.messages import Kind, ToTell
from care.records import site_of
from dashboard import contacts, emergencies, looking
from dashboard.access_log import Deed, Entry, Ground
from dashboard.door import no_page
from dashboard.emergencies import REASON_MAX, Emergency, NoEmergency
from dashboard.glance import desk_zone
from dashboard.happened import Happened, tell
from dashboard.organisations import OWN, Access, Right, name_of, where
from dashboard.own_sign_in import clock, ways
from dashboard.pages import Desk, Reader, SignedIn, TheDesk
from dashboard.people import Names
from dashboard.typed import BadInput
from detectors.homes import HomeId, zone_of

AGAIN_S = 30  # the page of a home that was opened is loaded again: it hears of no changes
SHOWN_FOR = timedelta(days=90)  # after which what was judged leaves the list; it stays in the store

router = APIRouter()

Said = Annotated[str, Form(max_length=REASON_MAX)]
Key = Annotated[str, Form(pattern="^e-[0-9a-f]{16}$")]

TOO_LITTLE = mark("Say why in a sentence. The client reads it, and it is judged.")


def opens_to(reader: SignedIn) -> bool:
    """Whether somebody may open a home in an emergency: those who act on alerts for the centre itself."""
    return OWN in where(reader.session.posts, Right.ACT)


@router.get("/emergency")
async def page(desk: TheDesk, reader: Reader) -> Response:
    if not opens_to(reader):
        raise no_page()
    return HTMLResponse(_asked(desk, reader))


@router.post("/emergency")
async def begin(
    desk: TheDesk,
    reader: Reader,
    *,
    site: Annotated[str, Form(max_length=40)],
    home: Annotated[str, Form(max_length=40)],
    reason: Said = "",
) -> Response:
    """Open a home for an hour."""
    if not opens_to(reader):
        raise no_page()
    known = desk.centre.board.homes.get(HomeId(f"{site}/{home.strip()}"))
    if known is None:
        problem = mark("There is no such home in this building. Look at the number again.")
        return HTMLResponse(_asked(desk, reader, problem, site=site, home=home, reason=reason), 422)
    if reader.sees(desk, known.id):
        return RedirectResponse(f"/homes/{known.id}", 303)
    now = desk.wall.now()
    open_already = any(one.home == known.id for one in emergencies.open_to(desk.people, reader.staff, now))
    owner = Access(desk.people).owners().get(site_of(known.id), OWN)
    try:
        one = emergencies.begin(
            desk.people,
            reader.staff,
            known.id,
            resident=known.resident,
            organisation=owner,
            reason=reason,
            now=now,
        )
    except BadInput:
        return HTMLResponse(_asked(desk, reader, TOO_LITTLE, site=site, home=home, reason=reason), 422)
    tell(
        Happened.EMERGENCY,
        now,
        by=reader.staff,
        about=one.id,
        where=owner,
        home=one.home,
        resident=one.resident,
    )
    if not open_already:
        await _let_know(desk, one)
    return RedirectResponse(f"/emergency/{one.id}", 303)


async def _let_know(desk: Desk, one: Emergency) -> None:
    """Tell the resident that there is a message for them. If that cannot be written down, the home is not open."""
    to = ContactId(one.resident)
    about = {"to": to, "kind": Kind.LOOKED, "channels": contacts.ways(desk.people, to), "home": one.home}
    try:
        await desk.centre.write(lambda _, at: [ToTell(at=at, by=one.staff, **about)])  # type: ignore[arg-type]
    except sqlite3.Error:
        emergencies.end(desk.people, one.id, one.staff, desk.wall.now())
        raise


@router.get("/emergency/{emergency}")
async def look(emergency: str, desk: TheDesk, reader: Reader) -> Response:
    """Show a home that was opened, for as long as it is; each look is written down."""
    one = _open(desk, reader, emergency)
    now, zone = desk.wall.now(), zone_of(desk_zone(desk.centre.board))
    drawn = desk.drawing.only(
        "emergency-home.html",
        one.home,
        desk.centre.now(),
        reader.viewer,
        until=f"{one.until.astimezone(zone):%H:%M}",
        reason=one.reason,
        emergency=one.id,
        page=f"/emergency/{one.id}",
    )
    if drawn is None:
        raise no_page()
    looking.told(
        Entry(
            at=now,
            by=f"staff:{reader.staff}",
            organisation=OWN,
            deed=Deed.READ,
            what="home",
            resident=one.resident,
            home=one.home,
            ground=Ground.EMERGENCY,
            about=one.id,
        ),
    )
    return HTMLResponse(drawn, headers={"Refresh": str(AGAIN_S)})


@router.post("/emergency/{emergency}/end")
async def end(emergency: str, desk: TheDesk, reader: Reader) -> Response:
    one = _open(desk, reader, emergency)
    emergencies.end(desk.people, one.id, reader.staff, desk.wall.now())
    return RedirectResponse("/emergency", 303)


def _open(desk: Desk, reader: SignedIn, key: str) -> Emergency:
    if not opens_to(reader):  # it was taken from them meanwhile
        raise no_page()
    try:
        return emergencies.opened(desk.people, key, reader.staff, desk.wall.now())
    except NoEmergency as error:
        raise no_page() from error


def _asked(desk: Desk, reader: SignedIn, problem: str = "", **typed: str) -> str:
    say, zone = words(reader.viewer.language).gettext, zone_of(desk_zone(desk.centre.board))
    owners, mine = Access(desk.people).owners(), reader.session.organisations
    plans = desk.centre.board.plans.values()
    return desk.drawing.page(
        "emergency.html",
        desk.drawing.scene(desk.centre.now(), reader.viewer),
        sites=sorted((plan.name, plan.site) for plan in plans if owners.get(plan.site, OWN) not in mine),
        open=[
            (one.id, one.home, f"{one.until.astimezone(zone):%H:%M}")
            for one in emergencies.open_to(desk.people, reader.staff, desk.wall.now())
        ],
        typed={"site": "", "home": "", "reason": "", **typed},
        problem=say(problem) if problem else "",
        ways=ways(desk, reader),
        page="/emergency",
    )


# What is judged.


class Row(NamedTuple):
    """An emergency, as it is drawn to be judged."""

    id: str
    home: HomeId
    whose: str
    who: str
    reason: str
    began: str
    until: str
    fit: bool | None
    verdict: str
    mine: bool


@router.get("/emergencies")
async def review_page(desk: TheDesk, reader: Reader) -> Response:
    if not where(reader.session.posts, Right.LOG):
        raise no_page()
    return HTMLResponse(_drawn(desk, reader))


@router.post("/emergencies")
async def judge(
    desk: TheDesk, reader: Reader, *, emergency: Key, fit: Annotated[bool, Form()], verdict: Said = ""
) -> Response:
    """Write down whether it was right to look."""
    whose, now = where(reader.session.posts, Right.LOG), desk.wall.now()
    try:
        one = emergencies.judge(desk.people, emergency, whose, reader.staff, fit=fit, verdict=verdict, now=now)
    except NoEmergency as error:
        raise no_page() from error
    except BadInput:
        return HTMLResponse(_drawn(desk, reader, problem=TOO_LITTLE), 422)
    tell(
        Happened.REVIEWED,
        now,
        by=reader.staff,
        about=one.id,
        where=one.organisation,
        why="fit" if fit else "not fit",
        home=one.home,
        resident=one.resident,
    )
    return RedirectResponse("/emergencies", 303)


def _drawn(desk: Desk, reader: SignedIn, *, problem: str = "") -> str:
    whose, zone = where(reader.session.posts, Right.LOG), zone_of(desk_zone(desk.centre.board))
    names, say = Names(desk.people), words(reader.viewer.language).gettext

    def row(one: Emergency) -> Row:
        return Row(
            one.id,
            one.home,
            name_of(desk.people, one.organisation),
            names.staff(one.staff),
            one.reason,
            clock(one.began_at, zone),
            f"{one.until.astimezone(zone):%H:%M}",
            one.fit,
            one.verdict,
            one.staff == reader.staff,
        )

    since = desk.wall.now() - SHOWN_FOR
    return desk.drawing.page(
        "emergencies.html",
        desk.drawing.scene(desk.centre.now(), reader.viewer),
        waits=[row(one) for one in emergencies.to_review(desk.people, whose)],
        judged=[row(one) for one in emergencies.reviewed(desk.people, whose, since)],
        problem=say(problem) if problem else "",
        ways=ways(desk, reader),
        page="/emergencies",
    )
