"""The routes by which it is agreed that somebody is watched over, what for, on which ground and until when.

What may be agreed is decided in `care.measures`; what may be less, in `care.fading`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from care.board import Board
from care.ids import Asker
from care.language import mark
from care.measures import (
    WATCHING,
    Basis,
    Consenting,
    Ending,
    FadingAnswered,
    MeasureEnded,
    NotAllowed,
    Purpose,
    agreed,
)
from care.records import Record, site_of
from dashboard.door import Problem
from dashboard.glance import home_path
from dashboard.measures import WRONG, Reviews
from dashboard.organisations import Right
from dashboard.pages import Desk, Reader, SignedIn, TheDesk, TheHome, lived_in
from detectors.homes import HomeId, Kind, zone_of

NO_DAY = mark("Nothing was agreed: fill in until which day.")
NOTHING_CHOSEN = mark("Nothing was ended: choose what is not watched any more.")

router = APIRouter()


@router.get("/measures")
async def reviews(desk: TheDesk, reader: Reader) -> Response:
    """List the homes of which somebody should look at what is agreed."""
    scene = desk.drawing.scene(desk.centre.now(), reader.viewer)
    return HTMLResponse(desk.drawing.page("reviews.html", scene, reviews=Reviews(scene), page="/measures"))


@router.get("/homes/{site}/{home}/measures")  # noqa: FAST003  # `home_id` takes both
async def measures(home: TheHome, desk: TheDesk, reader: Reader) -> Response:
    return _page(desk, reader, home)


@router.post("/homes/{site}/{home}/measures")  # noqa: FAST003
async def post_measure(
    home: TheHome,
    desk: TheDesk,
    reader: Reader,
    *,
    kinds: Annotated[list[Kind] | None, Form()] = None,
    purpose: Annotated[Purpose, Form()],
    basis: Annotated[Basis, Form()],
    consenting: Annotated[Consenting, Form()],
    review: Annotated[str, Form(max_length=10)],
) -> Response:
    """Agree that some kinds of sensors are listened to, until the end of a day."""
    reader.must(Right.CHANGE, desk, home)

    def decide(board: Board, at: datetime) -> Sequence[Record]:
        known = lived_in(board, home)
        ends = _end_of(review, board.plans[site_of(home)].zone)
        return [
            agreed(
                known,
                reader.staff,
                at,
                kinds=kinds or (),
                purpose=purpose,
                basis=basis,
                consenting=consenting,
                review=ends,
            )
        ]

    try:
        await desk.centre.write(decide)
    except NotAllowed as error:
        return _page(desk, reader, home, WRONG[error.wrong])
    return RedirectResponse(f"{home_path(home)}/measures", 303)


@router.post("/homes/{site}/{home}/measures/end")  # noqa: FAST003
async def post_end(
    home: TheHome,
    desk: TheDesk,
    reader: Reader,
    *,
    kinds: Annotated[list[Kind] | None, Form()] = None,
    why: Annotated[Ending, Form()],
) -> Response:
    """Do not listen to some kinds of sensors any more."""
    reader.must(Right.CHANGE, desk, home)
    if not kinds:
        return _page(desk, reader, home, NOTHING_CHOSEN)

    def decide(board: Board, at: datetime) -> Sequence[Record]:
        known = lived_in(board, home)
        on = {one.kind for one in board.measures.of(known) if one.allows(at)}
        ended = tuple(one for one in WATCHING if one in on and one in kinds)
        if not ended:
            return ()  # the same tap twice
        return [MeasureEnded(at=at, home=home, resident=known.resident, kinds=ended, by=reader.staff, why=why)]

    await desk.centre.write(decide)
    return RedirectResponse(f"{home_path(home)}/measures", 303)


@router.post("/homes/{site}/{home}/measures/less")  # noqa: FAST003
async def post_less(
    home: TheHome, desk: TheDesk, reader: Reader, wanted: Annotated[str, Form(pattern="^(yes|no)$")]
) -> Response:
    """Write down whether watching less is wanted."""
    reader.must(Right.CHANGE, desk, home)

    def decide(board: Board, at: datetime) -> Sequence[Record]:
        resident = lived_in(board, home).resident
        by = Asker(reader.staff)
        return [FadingAnswered(at=at, home=home, resident=resident, by=by, wanted=wanted == "yes")]

    await desk.centre.write(decide)
    return RedirectResponse(f"{home_path(home)}/measures", 303)


def _page(desk: Desk, reader: SignedIn, home: HomeId, problem: str = "") -> Response:
    scene = desk.drawing.scene(desk.centre.now(), reader.viewer)
    known = lived_in(scene.board, home)
    said = scene.say(problem) if problem else ""
    may_change = reader.may(Right.CHANGE, desk, home)
    page = f"{home_path(home)}/measures"
    drawn = desk.drawing.page(
        "measures.html", scene, home=scene.home(known), problem=said, may_change=may_change, page=page
    )
    return HTMLResponse(drawn, 422 if problem else 200)


def _end_of(day: str, zone: str) -> datetime:
    """Return the end of a day of a home's clock: the noon after its night. Raises `Problem` for what is no day."""
    try:
        noon = datetime.combine(datetime.strptime(day, "%Y-%m-%d").date(), time(12), zone_of(zone))  # noqa: DTZ007
        return noon.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Problem(422, mark("Not saved"), NO_DAY) from error
