"""The routes by which people say what they are doing about an alert, put one aside, take it back, and ask for help."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from care.alerts import Alert
from care.board import Board
from care.deeds import Urgent, follow, put_aside, take_back
from care.escalation import called_in
from care.language import mark
from care.load import ask_second_pool
from care.records import FOLLOWS, Aside, By, Follow, Record
from care.shifts import ends
from dashboard import overseeing
from dashboard.course import ASIDE_MIN, GOING, NOT_ASIDE, SHIFT_END
from dashboard.door import Problem, by_htmx
from dashboard.enrolling import opens_to
from dashboard.glance import desk_zone
from dashboard.organisations import Right
from dashboard.pages import Reader, TheAlert, TheDesk, act
from detectors.homes import zone_of

THERE_IN_MAX_MIN = 180

router = APIRouter()

_UNTIL = "|".join([*map(str, ASIDE_MIN), SHIFT_END])
_MINUTE = timedelta(minutes=1)


@router.post("/alerts/{alert}/follow")
async def post_follow(
    request: Request,
    alert: TheAlert,
    desk: TheDesk,
    reader: Reader,
    *,
    step: Annotated[Follow, Form()],
    means: Annotated[By, Form()],
    there_in: Annotated[int | None, Form(ge=1, le=THERE_IN_MAX_MIN)] = None,
) -> Response:
    """Write down what is being done, and when somebody is expected there; nobody else is sent then unknowingly."""
    if means not in FOLLOWS[step]:
        raise Problem(422, mark("Not saved"), mark("That does not go together. Choose again what you are doing."))
    awaited = timedelta(minutes=there_in) if there_in is not None and step in GOING else None

    def decide(one: Alert, at: datetime) -> Sequence[Record]:
        there_at = None if awaited is None else _whole_minute(at + awaited)
        return follow(one, reader.staff, at, step, means, there_at=there_at)

    return await act(request, desk, reader, alert, decide)


@router.post("/alerts/{alert}/put-aside")
async def post_put_aside(
    request: Request,
    alert: TheAlert,
    desk: TheDesk,
    reader: Reader,
    *,
    why: Annotated[Aside, Form()],
    until: Annotated[str, Form(pattern=f"^({_UNTIL})$")],
) -> Response:
    """Put an alert aside, for a reason, until a moment that is never past the end of the shift."""
    zone = zone_of(desk_zone(desk.centre.board))

    def decide(one: Alert, at: datetime) -> Sequence[Record]:
        shift_ends = ends(at, zone)
        back_at = shift_ends if until == SHIFT_END else at + timedelta(minutes=int(until))
        try:
            return put_aside(one, reader.staff, at, why, back_at, shift_ends=shift_ends)
        except Urgent as error:
            raise Problem(409, mark("Not saved"), NOT_ASIDE) from error

    return await act(request, desk, reader, alert, decide)


@router.post("/alerts/{alert}/take-back")
async def post_take_back(request: Request, alert: TheAlert, desk: TheDesk, reader: Reader) -> Response:
    """Take an alert back that was put aside: it waits for anybody again."""
    return await act(request, desk, reader, alert, lambda one, at: take_back(one, reader.staff, at))


@router.get("/load")
async def get_load(desk: TheDesk, reader: Reader) -> Response:
    """Show how busy it is."""
    return HTMLResponse(
        desk.drawing.load(
            desk.centre.now(), reader.viewer, gateways=opens_to(desk, reader), overseen=overseeing.opens_to(reader)
        )
    )


@router.post("/second-pool")
async def post_second_pool(request: Request, desk: TheDesk, reader: Reader) -> Response:
    """Ask the second pool to help; every screen says so, and the back-up in the calling order gets a notice."""
    reader.must(Right.ACT, desk)

    def decide(board: Board, at: datetime) -> Sequence[Record]:
        asked = ask_second_pool(board, reader.staff, at)
        return (*asked, *called_in(board, at)) if asked else ()

    await desk.centre.write(decide)
    if not by_htmx(request):
        return RedirectResponse("/", 303)
    now, seen = desk.centre.now(), reader.session.organisations
    return HTMLResponse(desk.drawing.changes([], [], now, reader.viewer.language, organisations=seen))


def _whole_minute(at: datetime) -> datetime:
    """Return the nearest whole minute: nobody is expected at a second, and the same tap twice says the same."""
    return (at + _MINUTE / 2).replace(second=0, microsecond=0)
