"""The routes about messages: which ways to people's phones work, who is reached how, how much they want, and tests.

What may be sent and when is decided in `care.messages`; what a page says of it in `dashboard.messages`.
"""

from datetime import time
from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

from care.asking import ToProve
from care.ids import ContactId
from care.language import mark
from care.messages import MOST, Kind, ToTell, want
from dashboard import contacts, messages
from dashboard.door import Problem, no_page
from dashboard.glance import home_path
from dashboard.organisations import Right
from dashboard.pages import STATIC, Desk, Reader, TheDesk, TheHome, lived_in
from dashboard.typed import BadInput
from detectors.homes import HomeId

router = APIRouter()

Clock = Annotated[str, Form(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^$", max_length=5)]
Count = Annotated[int, Form(ge=0, le=MOST)]


@router.get("/worker.js")
async def worker() -> Response:
    """Return what a browser runs for Nachtwacht while no page is open; from the root, so that it may for every page."""
    return FileResponse(STATIC / "worker.js", media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@router.get("/messages")
async def channels(desk: TheDesk, reader: Reader) -> Response:
    _must_be_of_the_centre(reader)
    now = desk.centre.now()
    glance = messages.glance_of(desk.centre.board, desk.people, now, reader.viewer.language)
    lines = messages.lines(glance, desk.people)
    return HTMLResponse(desk.drawing.messages(now, reader.viewer, lines=lines, may=reader.may(Right.ACT, desk)))


@router.post("/messages/{channel}/test")
async def test_channel(channel: str, desk: TheDesk, reader: Reader) -> Response:
    """Send the test message of a channel to where its daily test goes."""
    _must_be_of_the_centre(reader)
    reader.must(Right.ACT, desk)
    known = contacts.channels(desk.people).get(channel)
    if known is None or not known.test_to:
        raise Problem(
            404, mark("Not done"), mark("This way has no address for its test. The technical service adds one.")
        )
    await desk.centre.write(lambda _, at: [ToProve(at=at, channel=channel, by=reader.staff)])
    return RedirectResponse("/messages", 303)


@router.get("/homes/{site}/{home}/messages")  # noqa: FAST003  # `home_id` takes both
async def of_home(home: TheHome, desk: TheDesk, reader: Reader) -> Response:
    known, now = lived_in(desk.centre.board, home), desk.centre.now()
    glance = messages.glance_of(desk.centre.board, desk.people, now, reader.viewer.language)
    page = desk.drawing.messages_of(
        now,
        reader.viewer,
        people=messages.people(glance, desk.people, known),
        path=home_path(home),
        where=glance.wording.home(home),
        may_test=reader.may(Right.ACT, desk, home),
        may_change=reader.may(Right.CHANGE, desk, home),
        most=MOST,
    )
    return HTMLResponse(page)


@router.post("/homes/{site}/{home}/messages/test")  # noqa: FAST003
async def test(
    home: TheHome,
    desk: TheDesk,
    reader: Reader,
    *,
    to: Annotated[str, Form(max_length=80)],
    channel: Annotated[str, Form(max_length=20)],
) -> Response:
    """Send somebody a test message by a channel; what comes of it stands on the page."""
    reader.must(Right.ACT, desk, home)
    who = _who(desk, home, to)
    if channel not in contacts.ways(desk.people, who):
        raise Problem(422, mark("Not done"), mark("They cannot be reached this way. Say first where."))

    about = {"to": who, "kind": Kind.TEST, "channels": (channel,), "home": home, "by": reader.staff}
    await desk.centre.write(lambda _, at: [ToTell(at=at, **about)])  # type: ignore[arg-type]
    return RedirectResponse(f"{home_path(home)}/messages#{messages.anchor(who)}", 303)


@router.post("/homes/{site}/{home}/messages/wish")  # noqa: FAST003
async def wish(
    home: TheHome,
    desk: TheDesk,
    reader: Reader,
    *,
    to: Annotated[str, Form(max_length=80)],
    hourly: Count,
    nightly: Count,
    since: Clock = "",
    until: Clock = "",
) -> Response:
    """Write down how many messages that are not urgent somebody wants, and when none."""
    reader.must(Right.CHANGE, desk, home)
    who = _who(desk, home, to)
    if who in messages.on_duty(home):
        raise Problem(422, mark("Not saved"), mark("Who is on duty gets every message."))
    try:
        quiet = quiet_hours(since, until)
    except BadInput as error:
        raise Problem(422, mark("Not saved"), HALF) from error
    await desk.centre.write(
        lambda board, at: want(board.messages, who, hourly=hourly, nightly=nightly, quiet=quiet, at=at, by=reader.staff)
    )
    return RedirectResponse(f"{home_path(home)}/messages#{messages.anchor(who)}", 303)


HALF = mark("Fill in both times, or neither.")


def quiet_hours(since: str, until: str) -> tuple[time, time] | None:
    """Return the hours in which only what is urgent comes; None if none are typed. Raises `BadInput` for one alone."""
    if bool(since) != bool(until):
        raise BadInput(HALF)
    return (time.fromisoformat(since), time.fromisoformat(until)) if since else None


def _must_be_of_the_centre(reader: Reader) -> None:
    """Raise `Problem` for who works elsewhere: the ways to people's phones are the centre's."""
    if not reader.of_the_centre:
        raise no_page()


def _who(desk: Desk, home: HomeId, to: str) -> ContactId:
    """Return who it is, if it is somebody of this home. Raises `Problem`."""
    who = next((one for one in messages.whom(desk.people, lived_in(desk.centre.board, home)) if one == to), None)
    if who is None:
        raise Problem(422, mark("Not saved"), mark("This is no contact of this client."))
    return who
