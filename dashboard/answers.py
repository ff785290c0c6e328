"""The page behind the link in a notice: whoever was asked says whether they go. Nobody signs in; the token is enough.

A phone fetches links by itself to show what is behind them. So the page says nothing until it is opened by a tap, and
that tap is a record: every look at a person's data is one.
"""

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from care.alerts import Alert, State
from care.asking import Answer, Arrived, NotTonight, Opened, Passed, Replied
from care.board import Board
from care.chains import LINES, RESIDENT, night_ends
from care.escalation import not_needed
from care.ids import ContactId
from care.language import mark
from care.records import Record, site_of
from dashboard import contacts, looking
from dashboard.access_log import Deed, Entry, Ground
from dashboard.door import Problem, language_of
from dashboard.glance import Glance, desk_zone
from dashboard.pages import Desk, TheDesk
from dashboard.passing import ANSWERS
from dashboard.people import Names
from dashboard.stories import Story
from detectors.homes import zone_of

OFFERED = (Answer.GOING, Answer.CANNOT, Answer.NOT_TONIGHT, Answer.CALL_ME)
OFFERED_ROLE = (Answer.GOING, Answer.CANNOT, Answer.CALL_ME)  # one of a team cannot say that all of it is not there
OFFERED_RESIDENT = (Answer.FINE, Answer.HELP, Answer.CALL_ME)
REPLIES_MAX = 20  # of one contact to one alert; past this nothing more is written

router = APIRouter()


@router.get("/answer/{token}")
async def page(request: Request, token: str, desk: TheDesk) -> Response:
    language, asked = language_of(request), _asked(desk, token)
    if asked is None:
        return HTMLResponse(desk.drawing.answer(language, gone=True, token=""), 404)
    return HTMLResponse(desk.drawing.answer(language, gone=False, token=token, **_shown(request, desk, *asked)))


@router.post("/answer/{token}/open")
async def open_it(token: str, desk: TheDesk) -> Response:
    """Write down that somebody looks at what they are asked, and show it."""
    asked = _asked(desk, token)
    if asked is not None:
        await desk.centre.write(lambda board, at: opened(board, *asked, at))
        await looking.note(desk, _looked(desk, *asked, Deed.READ))
    return _back(token)


@router.post("/answer/{token}/arrived")
async def arrive(token: str, desk: TheDesk) -> Response:
    """Write down that a phone has shown what somebody is asked; the phone says so by itself."""
    asked = _asked(desk, token)
    if asked is not None:
        await desk.centre.write(lambda board, at: arrived(board, *asked, at))
    return Response(status_code=204)


@router.post("/answer/{token}")
async def reply(token: str, desk: TheDesk, answer: Annotated[Answer, Form()]) -> Response:
    """Write down what somebody says; the desk sees it at once."""
    asked = _asked(desk, token)
    if asked is not None and answer not in offered(asked[1]):
        raise Problem(422, mark("Not saved"), mark("That is no answer here. Go back and choose again."))
    if asked is not None:
        await desk.centre.write(lambda board, at: replied(board, *asked, answer, at))
        await looking.note(desk, _looked(desk, *asked, Deed.CHANGED))
    return _back(token)


def opened(board: Board, alert: Alert, by: ContactId, at: datetime) -> list[Record]:
    """Return what to write down when somebody looks at what they are asked: once each time they are."""
    known = board.alerts[alert.id]
    if not known.open or any(isinstance(one, Opened) and one.by == by for one in known.way):
        return []
    return [Opened(at=at, home=known.home, alert=known.id, by=by)]


def arrived(board: Board, alert: Alert, by: ContactId, at: datetime) -> list[Record]:
    """Return what to write down when a phone has shown what somebody is asked: the first time, while it is open."""
    known = board.alerts[alert.id]
    if not known.open or any(isinstance(one, Arrived | Opened) and one.by == by for one in known.way):
        return []
    return [Arrived(at=at, home=known.home, alert=known.id, by=by)]


def replied(board: Board, alert: Alert, by: ContactId, answer: Answer, at: datetime) -> list[Record]:
    """Return what to write down when somebody answers; nothing when it is the same again, or closed by now."""
    known = board.alerts[alert.id]
    said = [one for one in known.way if isinstance(one, Replied) and one.by == by]
    if not known.open or len(said) >= REPLIES_MAX or (said and said[-1].answer is answer):
        return []
    records: list[Record] = [Replied(at=at, home=known.home, alert=known.id, by=by, answer=answer)]
    if answer is Answer.NOT_TONIGHT:
        plan = board.plans.get(site_of(known.home))
        zone = zone_of(plan.zone if plan is not None else desk_zone(board))
        records.append(NotTonight(at=at, contact=by, until=night_ends(at, zone)))
    return records


def offered(to: ContactId) -> tuple[Answer, ...]:
    """Return what somebody can answer."""
    if to == RESIDENT:
        return OFFERED_RESIDENT
    return OFFERED_ROLE if to in LINES else OFFERED


def _asked(desk: Desk, token: str) -> tuple[Alert, ContactId] | None:
    """Return what a token is about, and who was asked; None if it is too old or none at all."""
    found = contacts.follow_link(desk.people, token, desk.wall.now())
    alert = desk.centre.board.alerts.get(found[0]) if found is not None else None
    return None if found is None or alert is None else (alert, found[1])


def _looked(desk: Desk, alert: Alert, by: ContactId, deed: Deed) -> Entry:
    """Return what somebody who was asked leaves in the access log."""
    home = desk.centre.board.homes.get(alert.home)
    resident = None if home is None else home.resident
    return Entry(
        at=desk.wall.now(),
        by=f"resident:{resident}" if by == RESIDENT else f"contact:{by}",
        deed=deed,
        what="alert",
        resident=resident,
        home=alert.home,
        ground=Ground.OWN if by == RESIDENT else Ground.ALERT,
        about=alert.id,
    )


def _back(token: str) -> Response:
    return RedirectResponse(f"/answer/{quote(token, safe='')}", 303)


def _shown(request: Request, desk: Desk, alert: Alert, to: ContactId) -> dict[str, object]:
    glance = Glance(desk.centre.board, Names(desk.people), desk.centre.now(), language_of(request))
    story, so_far = Story(alert, glance), alert.way
    said = [one for one in so_far if isinstance(one, Replied) and one.by == to]
    asked = [one.at for one in so_far if isinstance(one, Passed) and one.to == to]
    over = not alert.open or alert.state is State.RETURNED or not_needed(alert, to, glance.now) is not None
    is_open = not over and any(isinstance(one, Opened) and one.by == to for one in so_far)
    return {
        "over": over,
        "opened": is_open,
        "resident": to == RESIDENT,
        "client": story.client if is_open else None,
        "where": story.where if is_open else "",
        "title": story.sentence.title if is_open and to in LINES and to != RESIDENT else "",
        "since": story.wording.time(asked[-1]) if asked and is_open else "",
        "held": is_open and alert.state is State.CLAIMED,
        "said": said[-1].answer.value if said else "",
        "said_at": story.wording.time(said[-1].at) if said else "",
        "answers": [(one.value, glance.say(ANSWERS[one])) for one in offered(to)],
    }
