"""The routes of a resident's own page: help, all is well, pause, away, and how the page speaks.

Whose page it is the device's key says, and nothing else in a request: there is no way to name somebody else.
"""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated

import structlog
from fastapi import APIRouter, Form, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from care import helping
from care.board import Board
from care.chains import RESIDENT
from care.ids import Asker, ContactId
from care.language import FORMAL, mark
from care.measures import FadingAnswered
from care.pauses import CannotPause, PauseEnded, PauseReason, asked
from care.records import Record, site_of
from care.wording import Wording
from dashboard import emergencies, tastes
from dashboard.door import Problem
from dashboard.glance import Glance
from dashboard.letting_in import Mine, Refused, TheirOwn
from dashboard.own import HOURS, Own
from dashboard.pages import Desk, TheDesk
from dashboard.pauses import MORNING, OTHER, REFUSED
from dashboard.pausing import until_of
from dashboard.people import Names
from dashboard.telling import Telling, here_of
from detectors.homes import SensorId, zone_of

OWN = Asker(RESIDENT)
EVERYTHING = "*"
EMERGENCY_SAID = timedelta(days=7)  # on the first page; on that of who looked for as long as it is kept

router = APIRouter()
log = structlog.get_logger()

_UNTIL = "|".join([*(str(60 * n) for n in HOURS), MORNING, OTHER])


@router.get("/mine")
async def page(desk: TheDesk, mine: TheirOwn) -> Response:
    return HTMLResponse(drawn(desk, mine))


@router.post("/mine/help")
async def post_help(desk: TheDesk, mine: TheirOwn) -> Response:
    """Ask for help: an urgent alert, at once. That it could not be written down is said, and what to do then."""
    try:
        await desk.centre.write(lambda board, at: helping.call(board, mine.home, at))
    except sqlite3.Error as error:
        log.error("a call for help could not be written down", why=str(error))  # noqa: TRY400  # the reason says all
        return HTMLResponse(drawn(desk, mine, lost=True), 503)
    return RedirectResponse("/mine#help-said", 303)


@router.post("/mine/fine")
async def post_fine(desk: TheDesk, mine: TheirOwn) -> Response:
    """Answer what the resident is asked before anybody else is; say so plainly where there was nothing to answer."""
    home = mine.home.id
    written = await desk.centre.write(lambda board, at: helping.fine(board, home, at))
    if written:
        return RedirectResponse("/mine#fine-said", 303)
    say = _wording(desk, mine).say
    open_now = [one for one in desk.centre.board.alerts_of(home) if one.open and one.tier.value in {"acute", "soon"}]
    if helping.calls(desk.centre.board, home):
        said = say("Thank you. You asked for help, so somebody still gets in touch with you.")
    elif open_now:
        said = say("Thank you. The care centre has an alert already. Somebody may still get in touch with you.")
    else:
        said = say("Thank you. There is no alert, so nothing was sent.")
    return HTMLResponse(drawn(desk, mine, said=said))


@router.post("/mine/pause")
async def post_pause(
    desk: TheDesk,
    mine: TheirOwn,
    *,
    until: Annotated[str, Form(pattern=f"^({_UNTIL})$")],
    what: Annotated[str, Form(max_length=80)] = EVERYTHING,
    moment: Annotated[str, Form(max_length=16)] = "",
) -> Response:
    """Pause the night watch, or one sensor of it, until a moment; it goes on by itself then."""
    sensors = () if what == EVERYTHING else (SensorId(what),)
    return await _pause(desk, mine, (until, moment), PauseReason.CLIENT, *sensors)


@router.post("/mine/away")
async def post_away(desk: TheDesk, mine: TheirOwn, moment: Annotated[str, Form(max_length=16)] = "") -> Response:
    """Be away until a moment."""
    return await _pause(desk, mine, (OTHER, moment), PauseReason.AWAY)


@router.post("/mine/resume")
async def post_resume(desk: TheDesk, mine: TheirOwn) -> Response:
    """Be back, or let Nachtwacht look along again."""

    def decide(board: Board, at: datetime) -> Sequence[Record]:
        known = board.homes.get(mine.home.id)
        if known is None or board.pauses.now(known, at) is None:
            return ()
        return [PauseEnded(at=at, home=known.id, by=OWN)]

    await _write(desk, decide)
    return RedirectResponse("/mine#now", 303)


@router.post("/mine/less")
async def post_less(desk: TheDesk, mine: TheirOwn, *, wanted: Annotated[bool, Form()]) -> Response:
    """Say whether less watching is wanted, where that is proposed; it changes nothing by itself."""
    if not own_page(desk, mine).less:
        return RedirectResponse("/mine", 303)

    def decide(board: Board, at: datetime) -> Sequence[Record]:
        known = board.homes.get(mine.home.id)
        if known is None:
            return ()
        return [FadingAnswered(at=at, home=known.id, resident=known.resident, by=OWN, wanted=wanted)]

    await _write(desk, decide)
    return RedirectResponse("/mine#less", 303)


@router.post("/mine/manner")
async def post_manner(desk: TheDesk, mine: TheirOwn, *, formal: Annotated[bool, Form()]) -> Response:
    """Say je, or u."""
    tastes.speak(desk.people, mine.key.resident, formal=formal)
    return RedirectResponse("/mine", 303)


async def _pause(desk: Desk, mine: Mine, ends: tuple[str, str], why: PauseReason, *sensors: SensorId) -> Response:
    """Write down a pause that `ends` after so many minutes, in the morning, or at the moment beside it."""

    def decide(board: Board, at: datetime) -> Sequence[Record]:
        known = board.homes.get(mine.home.id)
        if known is None:
            return ()
        zone = board.plans[site_of(known.id)].zone
        try:
            until = until_of(*ends, known, zone, at)
            return [asked(known, OWN, at, until, why=why, sensors=sensors)]
        except Problem as error:
            raise Refused(422, error.title, error.text, "/mine") from error
        except CannotPause as error:
            raise Refused(422, mark("Not saved"), REFUSED[error.trouble], "/mine") from error

    await _write(desk, decide)
    return RedirectResponse("/mine#now", 303)


async def _write(desk: Desk, decide: Callable[[Board, datetime], Sequence[Record]]) -> None:
    try:
        await desk.centre.write(decide)
    except sqlite3.Error as error:
        log.error("the disk would not", why=str(error))  # noqa: TRY400  # the reason says all of it
        raise not_saved("/mine") from error


def not_saved(back: str) -> Refused:
    """Return what is said when nothing could be written down."""
    return Refused(503, mark("Not saved"), mark("Nothing was changed: the care centre cannot save now."), back)


def drawn(desk: Desk, mine: Mine, *, said: str = "", lost: bool = False) -> str:
    """Draw a resident's own page; `lost` where a call for help could not be written down."""
    own = own_page(desk, mine)
    return desk.drawing.own(
        "mine.html",
        mine.language,
        formal=mine.formal,
        own=own,
        said=said,
        lost=lost,
        formal_now=mine.formal,
        telling=Telling(desk, ContactId(mine.home.resident)),
        here=here_of(desk, ContactId(mine.home.resident)),
        page="/mine",
    )


def own_page(desk: Desk, mine: Mine) -> Own:
    glance = Glance(desk.centre.board, Names(desk.people), desk.centre.now(), mine.language)
    opened = [one.began_at for one in emergencies.of(desk.people, mine.home.resident)]  # the newest first
    lately = opened[0] if opened and desk.wall.now() - opened[0] < EMERGENCY_SAID else None
    return Own(mine.home, glance, _wording(desk, mine), desk.phone, lately)


def _wording(desk: Desk, mine: Mine) -> Wording:
    plan = desk.centre.board.plans[site_of(mine.home.id)]
    return Wording(FORMAL if mine.formal and mine.language == "nl" else mine.language, zone_of(plan.zone).key)
