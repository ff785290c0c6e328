"""The routes by which a home is paused at the client's word, and listened to again.

What may be paused, and for how long, is decided in `care.pauses`; here are only the choices of the page.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from care.board import Board
from care.ids import Asker
from care.language import mark
from care.pauses import CannotPause, PauseEnded, PauseReason, asked
from care.records import Record, site_of
from dashboard.door import Problem
from dashboard.glance import home_path
from dashboard.organisations import Right
from dashboard.pages import Reader, TheDesk, TheHome, lived_in
from dashboard.pauses import HOURS, MORNING, NO_MOMENT, OTHER, REFUSED
from detectors.homes import Home, zone_of

router = APIRouter()

_UNTIL = "|".join([*(str(60 * n) for n in HOURS), MORNING, OTHER])


@router.post("/homes/{site}/{home}/pause")  # noqa: FAST003  # `home_id` takes both
async def post_pause(
    home: TheHome,
    desk: TheDesk,
    reader: Reader,
    *,
    why: Annotated[PauseReason, Form()],
    until: Annotated[str, Form(pattern=f"^({_UNTIL})$")],
    moment: Annotated[str, Form(max_length=16)] = "",
) -> Response:
    """Pause a home until a moment; it ends by itself then."""
    reader.must(Right.ACT, desk, home)

    def decide(board: Board, at: datetime) -> Sequence[Record]:
        known = lived_in(board, home)
        zone = board.plans[site_of(home)].zone
        try:
            return [asked(known, Asker(reader.staff), at, until_of(until, moment, known, zone, at), why=why)]
        except CannotPause as error:
            raise Problem(422, mark("Not saved"), REFUSED[error.trouble]) from error

    await desk.centre.write(decide)
    return RedirectResponse(home_path(home), 303)


@router.post("/homes/{site}/{home}/resume")  # noqa: FAST003
async def post_resume(home: TheHome, desk: TheDesk, reader: Reader) -> Response:
    """Listen to a home again."""
    reader.must(Right.ACT, desk, home)

    def decide(board: Board, at: datetime) -> Sequence[Record]:
        known = lived_in(board, home)
        if board.pauses.now(known, at) is None:
            return ()  # the same tap twice, or it had ended by itself
        return [PauseEnded(at=at, home=home, by=Asker(reader.staff))]

    await desk.centre.write(decide)
    return RedirectResponse(home_path(home), 303)


def until_of(until: str, moment: str, home: Home, zone: str, at: datetime) -> datetime:
    """Return when a pause is to end. Raises `Problem` for a moment that is none."""
    if until == MORNING:
        return home.night.ends_after(at)
    if until != OTHER:
        return at + timedelta(minutes=int(until))
    try:
        return datetime.strptime(moment, "%Y-%m-%dT%H:%M").replace(tzinfo=zone_of(zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Problem(422, mark("Not saved"), NO_MOMENT) from error
