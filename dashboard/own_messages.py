"""The routes by which residents and their people say how they are told: on this very device, and how much at most.

Whose it is the device's key says. A browser that is let in as somebody else is nobody else's from then on.
"""

from datetime import time
from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from care.ids import ContactId
from care.language import mark
from care.messages import want
from dashboard import push
from dashboard.letting_in import Refused, TheirOwn
from dashboard.messaging import HALF, Clock, Count, quiet_hours
from dashboard.pages import Desk, TheDesk
from dashboard.typed import BadInput
from dashboard.with_them import TheReading

router = APIRouter()

Said = Annotated[str, Form(max_length=push.SAID_MAX)]
Endpoint = Annotated[str, Form(max_length=push.ENDPOINT_MAX)]


@router.post("/mine/push")
async def post_mine(desk: TheDesk, mine: TheirOwn, subscription: Said) -> Response:
    """Tell a resident on this device."""
    return _subscribe(desk, {ContactId(mine.home.resident): mine.key.id}, subscription, "/mine")


@router.post("/with/push")
async def post_with(desk: TheDesk, reading: TheReading, subscription: Said) -> Response:
    """Tell a contact on this device, of every resident whose contact they are."""
    return _subscribe(desk, reading.keys, subscription, "/with")


@router.post("/mine/push/end")
async def end_mine(desk: TheDesk, mine: TheirOwn, endpoint: Endpoint) -> Response:
    push.forget(desk.people, mine.home.resident, endpoint)
    return Response(status_code=204)


@router.post("/with/push/end")
async def end_with(desk: TheDesk, reading: TheReading, endpoint: Endpoint) -> Response:
    for one, _ in reading.of:
        push.forget(desk.people, one.id, endpoint)
    return Response(status_code=204)


@router.post("/mine/limits")
async def limit_mine(
    desk: TheDesk, mine: TheirOwn, *, hourly: Count, nightly: Count, since: Clock = "", until: Clock = ""
) -> Response:
    await _limit(desk, ContactId(mine.home.resident), hourly, nightly, _quiet(since, until, "/mine"))
    return RedirectResponse("/mine#telling", 303)


@router.post("/with/limits")
async def limit_with(
    desk: TheDesk,
    reading: TheReading,
    *,
    contact: Annotated[str, Form(max_length=40)],
    hourly: Count,
    nightly: Count,
    since: Clock = "",
    until: Clock = "",
) -> Response:
    known, _ = reading.contact(contact)
    await _limit(desk, known.id, hourly, nightly, _quiet(since, until, "/with"))
    return RedirectResponse(f"/with#messages-{known.id}", 303)


def _subscribe(desk: Desk, keys: dict[ContactId, str], subscription: str, back: str) -> Response:
    """Let them be told on a device: each for as long as the key lasts that lets it in as them."""
    try:
        for one, key in keys.items():
            endpoint = push.subscribe(desk.people, one, subscription, held=key)
    except BadInput as error:
        text = mark("This device was not added. Turn messages on once more.")
        raise Refused(422, mark("Not saved"), text, back) from error
    push.only_of(desk.people, endpoint, keys.keys())
    return Response(status_code=204)


def _quiet(since: str, until: str, back: str) -> tuple[time, time] | None:
    """Return the hours in which only what is urgent comes. Raises `Refused` where one end is missing."""
    try:
        return quiet_hours(since, until)
    except BadInput as error:
        raise Refused(422, mark("Not saved"), HALF, back) from error


async def _limit(desk: Desk, whose: ContactId, hourly: int, nightly: int, quiet: tuple[time, time] | None) -> None:
    await desk.centre.write(
        lambda board, at: want(board.messages, whose, hourly=hourly, nightly=nightly, quiet=quiet, at=at)
    )
