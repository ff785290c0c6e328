"""The routes of the change of shift: the report of a night, its paper, what is put beside it, and the hand-over."""

import dataclasses
from datetime import date, datetime
from typing import Annotated

import structlog
from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from care.board import Board
from care.briefing import Briefing
from care.handovers import LINES, TEXT_MAX, TooLong, correct, take_over
from care.ids import StaffId
from care.language import mark, words
from care.records import Record
from care.reports import TEAM, Writer
from dashboard import looking
from dashboard.door import Problem, no_page
from dashboard.effects import Figures
from dashboard.glance import desk_zone
from dashboard.handover import Handover, Screens
from dashboard.organisations import Right, where
from dashboard.pages import Desk, Reader, SignedIn, TheDesk, TheHome, lived_in, no_home, not_in_role
from dashboard.paper import NotPrinted, pdf
from dashboard.reports import Paper, nights_kept
from dashboard.scene import Scene
from dashboard.upkeep import Costs
from detectors.homes import HomeId, SiteId, zone_of

NOTE_MAX = 4 * TEXT_MAX  # characters of a form; what is more than a line is told kindly, and what is more than that not

log = structlog.get_logger()
router = APIRouter()

Night = Annotated[date | None, Query()]
Site = Annotated[str, Query(pattern=r"^[A-Za-z0-9._-]{0,40}$")]


# The report of a night.


@router.get("/report")
async def report(desk: TheDesk, reader: Reader, night: Night = None, site: Site = "") -> Response:
    """Tell the night of the whole desk, or of one building: the team's five lines, and those of every client."""
    scene = desk.drawing.scene(desk.centre.now(), reader.viewer)
    paper = _paper(Paper(scene, night or nights_kept(scene)[1], SiteId(site) if site else None))
    looking.at(*paper.shown)
    weeks = bool(where(reader.session.posts, Right.REPORTS))
    return HTMLResponse(desk.drawing.page("report.html", scene, paper=paper, weeks=weeks, page="/report"))


@router.get("/report/{site}/{home}")  # noqa: FAST003  # `home_id` takes both
async def client_report(home: TheHome, desk: TheDesk, reader: Reader, night: Night = None) -> Response:
    """Tell one client's night in five lines."""
    scene = desk.drawing.scene(desk.centre.now(), reader.viewer)
    paper = _paper(Paper(scene, night or nights_kept(scene)[1]))
    client = paper.client(lived_in(scene.board, home))
    return HTMLResponse(
        desk.drawing.page("client-report.html", scene, paper=paper, client=client, about=home, page=f"/report/{home}")
    )


@router.get("/effect")
async def effect(
    desk: TheDesk,
    reader: Reader,
    *,
    site: Site = "",
    first: Night = None,
    last: Night = None,
    rounds: Annotated[float, Query(ge=0, le=12)] = 0,
) -> Response:
    """Tell what the nights of some weeks came to, and how sure that is."""
    scene, of = _of_weeks(desk, reader, site)
    figures = Figures(scene, of, first, last, rounds)
    return HTMLResponse(desk.drawing.page("effect.html", scene, effect=figures, page="/effect"))


@router.get("/upkeep")
async def upkeep(
    desk: TheDesk,
    reader: Reader,
    *,
    site: Site = "",
    first: Night = None,
    last: Night = None,
    watt: Annotated[float | None, Query(gt=0, le=500)] = None,
) -> Response:
    """Tell what a home costs to watch, as it was measured, day by day."""
    scene, of = _of_weeks(desk, reader, site)
    costs = Costs(scene, of, first, last, watt)
    return HTMLResponse(desk.drawing.page("upkeep.html", scene, costs=costs, page="/upkeep"))


@router.get("/upkeep/file")
async def upkeep_file(
    desk: TheDesk, reader: Reader, *, site: Site = "", first: Night = None, last: Night = None
) -> Response:
    """Give the same as a file: a row for every building and day."""
    costs = Costs(*_of_weeks(desk, reader, site), first, last, None)
    name = f'attachment; filename="nachtwacht-upkeep-{costs.first.isoformat()}-{costs.last.isoformat()}.csv"'
    return Response(costs.as_csv(), media_type="text/csv", headers={"Content-Disposition": name})


def _of_weeks(desk: Desk, reader: Reader, site: str) -> tuple[Scene, SiteId | None]:
    """Return what a reader of reports may see of their own organisations, and which building is asked for, if one."""
    whose = where(reader.session.posts, Right.REPORTS)
    if not whose:
        raise not_in_role(Right.REPORTS)
    scene = desk.drawing.scene(desk.centre.now(), dataclasses.replace(reader.viewer, organisations=whose))
    if site and SiteId(site) not in scene.board.plans:
        raise no_page()
    return scene, SiteId(site) if site else None


@router.get("/paper")
async def paper_of(desk: TheDesk, reader: Reader, night: Night = None, site: Site = "", home: Site = "") -> Response:
    """Give the same as a PDF: of all, of one building, or of one client."""
    scene = desk.drawing.scene(desk.centre.now(), reader.viewer)
    paper = _paper(Paper(scene, night or nights_kept(scene)[1], SiteId(site) if site else None))
    client = None
    if home:
        looking.at(HomeId(f"{site}/{home}"))
        client = paper.client(lived_in(scene.board, HomeId(f"{site}/{home}")))
    else:
        looking.at(*paper.shown)
    drawn = desk.drawing.paper("paper.html", reader.viewer.language, paper=paper, client=client)
    try:
        async with desk.printing:
            made = await pdf(drawn)
    except NotPrinted as error:
        log.error("no paper", why=str(error))  # noqa: TRY400  # the reason says all of it
        text = mark("The PDF could not be made. The page itself is complete: print it from your browser.")
        raise Problem(503, mark("Not printed"), text) from error
    name = f'inline; filename="nachtwacht-{paper.night.isoformat()}.pdf"'
    return Response(made, media_type="application/pdf", headers={"Content-Disposition": name})


@router.post("/report/correct")
async def post_correct(
    desk: TheDesk,
    reader: Reader,
    *,
    night: Annotated[date, Form()],
    about: Annotated[str, Form(max_length=90)],
    line: Annotated[int, Form(ge=1, le=LINES)],
    text: Annotated[str, Form(max_length=NOTE_MAX)] = "",
) -> Response:
    """Put something beside a line. The line stays as it is."""
    scene = desk.drawing.scene(desk.centre.now(), reader.viewer)
    board = scene.board
    if about not in board.plans and about not in board.homes and not (about == TEAM and reader.of_the_centre):
        raise no_home()
    _paper(Paper(scene, night))
    try:
        await desk.centre.write(
            lambda board, at: correct(board.handovers, at, reader.staff, night=night, about=about, line=line, text=text)
        )
    except TooLong as error:
        raise Problem(
            422, mark("Not saved"), mark("At most two sentences fit here. Go back and make it shorter.")
        ) from error
    if about in board.homes:
        return RedirectResponse(f"/report/{about}?night={night.isoformat()}#line-{line}", 303)
    of_site = f"&site={about}" if about != TEAM else ""
    return RedirectResponse(f"/report?night={night.isoformat()}{of_site}#line-{line}", 303)


def _paper(paper: Paper) -> Paper:
    """Return a report that can be made. Raises `Problem` for a night, or a building, that is not there."""
    first, last = nights_kept(paper.glance)
    if not first <= paper.night <= last:
        raise Problem(404, mark("No such night"), mark("Of this night there is no report. Choose one of the last 28."))
    if paper.site is not None and paper.site not in paper.glance.board.plans:
        raise no_home()
    return paper


# The hand-over.


@router.get("/hand-over")
async def hand_over(desk: TheDesk, reader: Reader) -> Response:
    """Show what whoever comes must know, and where they sign."""
    _of_the_desk(reader)
    return HTMLResponse(_hand_over(desk, reader))


@router.post("/hand-over")
async def post_hand_over(
    desk: TheDesk,
    reader: Reader,
    *,
    given_by: Annotated[str, Form(max_length=60)] = "",
    note: Annotated[str, Form(max_length=NOTE_MAX)] = "",
    by_voice: Annotated[bool, Form()] = False,
) -> Response:
    """Sign that the reader has taken over."""
    _of_the_desk(reader)
    scene = desk.drawing.scene(desk.centre.now(), reader.viewer)
    known = {staff for staff, _ in Handover(scene, _screens(desk)).colleagues}
    if given_by and given_by not in known:
        raise Problem(422, mark("Not saved"), mark("Choose who hands over from the list."))

    def signed(board: Board, at: datetime) -> tuple[Record, ...]:
        told = Briefing(Writer(board, at, reader.viewer.language), scene.names)
        return take_over(
            board.handovers,
            at,
            reader.staff,
            StaffId(given_by) if given_by else None,
            note=note,
            by_voice=by_voice,
            standing=[one.id for one in told.open],
            aside=[one.id for one in told.aside],
        )

    try:
        await desk.centre.write(signed)
    except TooLong:
        problem = words(reader.viewer.language).gettext("At most two sentences fit here. Your text is still there.")
        return HTMLResponse(_hand_over(desk, reader, note=note, problem=problem), 422)
    return RedirectResponse("/hand-over", 303)


def _hand_over(desk: Desk, reader: SignedIn, *, note: str = "", problem: str = "") -> str:
    scene = desk.drawing.scene(desk.centre.now(), reader.viewer)
    handed = Handover(scene, _screens(desk), note, problem)
    return desk.drawing.page("hand-over.html", scene, handed=handed, page="/hand-over")


def _of_the_desk(reader: SignedIn) -> None:
    """Raise `Problem` for who does not work for the organisation whose desk it is: there is no such page for them."""
    if not reader.of_the_centre:
        raise no_page()


def _screens(desk: Desk) -> Screens:
    now, shifts, screens = desk.centre.now(), desk.centre.board.shifts, desk.screens
    zone = zone_of(desk_zone(desk.centre.board))
    proven = sum(shifts.proven_at(screen, now, zone) is not None for screen in screens.in_view)
    return Screens(in_view=screens.watching, sounding=screens.sounding, proven=proven)
