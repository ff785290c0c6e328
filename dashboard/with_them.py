"""The page of family and neighbours: what a resident shares with them, in words, and what they are asked.

Whose data it is the device's keys say. Each look at it is written in the access log, and the resident can read it.
"""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime, time
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from care.alerts import Alert
from care.asking import Answer, NotTonight
from care.board import Board
from care.chains import night_ends
from care.ids import AlertId, ContactId
from care.language import FORMAL, mark
from care.records import Record, site_of
from care.wording import Wording
from dashboard import answers, contacts, looking, tastes
from dashboard.access_log import Deed, Entry, Ground
from dashboard.contacts import Contact
from dashboard.door import language_of
from dashboard.glance import Glance
from dashboard.letting_in import NotLetIn, Refused, home_of, keys_of
from dashboard.mine import not_saved
from dashboard.own import tel
from dashboard.pages import Desk, TheDesk
from dashboard.people import Names
from dashboard.shared import Theirs
from dashboard.tastes import Wants
from dashboard.telling import Telling, here_of
from detectors.homes import Home, zone_of

router = APIRouter()


class Reading:
    """Whoever reads, with each resident that they are a contact of."""

    def __init__(self, request: Request, desk: Desk) -> None:
        self.language = language_of(request)
        self.of: list[tuple[Contact, Home | None]] = []
        self.keys: dict[ContactId, str] = {}  # as whom, and the key by which
        for key in keys_of(request, desk):
            known = contacts.known(desk.people, key.contact) if key.contact is not None else None
            if known is not None:
                self.of.append((known, home_of(desk, key)))
                self.keys[known.id] = key.id
        if not self.of:
            raise NotLetIn

    def contact(self, id_: str) -> tuple[Contact, Home]:
        """Return as whom of them something is done. Raises `Refused`: what is somebody else's is not there."""
        found = next(((one, home) for one, home in self.of if one.id == id_ and home is not None), None)
        if found is None:
            raise nothing_here()
        return found


async def reading_of(request: Request, desk: TheDesk) -> Reading:
    """Return who reads. Raises `NotLetIn`."""
    return Reading(request, desk)


TheReading = Annotated[Reading, Depends(reading_of)]


@router.get("/with")
async def page(desk: TheDesk, reading: TheReading) -> Response:
    """Show what is shared; that it was looked at is written down before it is shown."""
    theirs = [_theirs(desk, reading, contact, home) for contact, home in reading.of]
    now = desk.wall.now()
    seen = [_look(one, now) for one in theirs if one.parts]
    asked = [
        _about_alert(home, one.contact, question.alert, Deed.READ, now)
        for one in theirs
        if (home := one.home) is not None
        for question in one.questions
        if question.opened
    ]
    try:
        if seen or asked:
            await looking.note(desk, *seen, *asked)
    except looking.NotWritten as error:  # a look that nobody can read of afterwards is none
        raise not_saved("/with") from error
    drawn = desk.drawing.own(
        "with.html",
        reading.language,
        formal=True,
        theirs=theirs,
        tel=tel(desk.phone),
        telling={one.id: Telling(desk, one.id) for one, _ in reading.of},
        here=here_of(desk, *reading.keys),
        page="/with",
    )
    return HTMLResponse(drawn)


@router.post("/with/tonight")
async def post_tonight(
    desk: TheDesk, reading: TheReading, *, contact: Annotated[str, Form(max_length=40)], off: Annotated[bool, Form()]
) -> Response:
    """Be asked nothing tonight; or be asked again."""
    known, home = reading.contact(contact)

    def decide(board: Board, at: datetime) -> Sequence[Record]:
        away = board.chains.away(known.id, at)
        if (away is not None) == off:
            return ()
        zone = zone_of(board.plans[site_of(home.id)].zone)
        return [NotTonight(at=at, contact=known.id, until=night_ends(at, zone) if off else at)]

    return await _written(desk, decide)


@router.post("/with/messages")
async def post_messages(
    desk: TheDesk,
    reading: TheReading,
    *,
    contact: Annotated[str, Form(max_length=40)],
    quiet_since: Annotated[time, Form()],
    quiet_until: Annotated[time, Form()],
    morning: Annotated[bool, Form()] = False,
    contacted: Annotated[bool, Form()] = False,
) -> Response:
    """Keep which messages are wanted, and in which hours none."""
    known, _ = reading.contact(contact)
    hours = [one.replace(second=0, microsecond=0, tzinfo=None) for one in (quiet_since, quiet_until)]
    tastes.want(desk.people, known.id, Wants(morning, contacted, *hours))
    return RedirectResponse(f"/with#messages-{known.id}", 303)


@router.post("/with/alerts/{alert}/open")
async def post_open(alert: str, desk: TheDesk, reading: TheReading) -> Response:
    """Look at what one is asked: that is written down, and the desk sees it."""
    asked, known, _ = _asked(desk, reading, alert)
    return await _written(desk, lambda board, at: answers.opened(board, asked, known.id, at))


@router.post("/with/alerts/{alert}")
async def post_answer(alert: str, desk: TheDesk, reading: TheReading, answer: Annotated[Answer, Form()]) -> Response:
    """Say whether one goes; the desk sees it at once."""
    asked, known, home = _asked(desk, reading, alert)
    if answer not in answers.offered(known.id):
        raise Refused(422, mark("Not saved"), mark("That is no answer here. Go back and choose again."), "/with")
    looking.told(_about_alert(home, known, asked, Deed.CHANGED, desk.wall.now()))
    return await _written(desk, lambda board, at: answers.replied(board, asked, known.id, answer, at))


async def _written(desk: Desk, decide: Callable[[Board, datetime], Sequence[Record]]) -> Response:
    try:
        await desk.centre.write(decide)
    except sqlite3.Error as error:
        raise not_saved("/with") from error
    return RedirectResponse("/with", 303)


def _asked(desk: Desk, reading: Reading, alert: str) -> tuple[Alert, Contact, Home]:
    """Return an open alert about which this device's contact was asked. Raises `Refused`: any other is not there."""
    found = desk.centre.board.alerts.get(AlertId(alert))
    for contact, home in reading.of:
        theirs = _theirs(desk, reading, contact, home)
        if found is not None and home is not None and any(one.alert.id == found.id for one in theirs.questions):
            return found, contact, home
    raise nothing_here()


def _theirs(desk: Desk, reading: Reading, contact: Contact, home: Home | None) -> Theirs:
    board, now = desk.centre.board, desk.centre.now()
    glance = Glance(board, Names(desk.people), now, reading.language)
    plan = board.plans.get(site_of(home.id)) if home is not None else None
    spoken = FORMAL if reading.language == "nl" else reading.language
    wording = Wording(spoken, plan.zone if plan is not None else glance.zone)
    return Theirs(contact, home, glance, wording, tastes.wants(desk.people, contact.id))


def _look(one: Theirs, at: datetime) -> Entry:
    assert one.home is not None
    return Entry(
        at=at,
        by=f"contact:{one.contact.id}",
        role="contact",
        deed=Deed.READ,
        what="shared",
        resident=one.contact.resident,
        home=one.home.id,
        ground=Ground.SHARED,
    )


def _about_alert(home: Home, contact: Contact, alert: Alert, deed: Deed, at: datetime) -> Entry:
    """Return what a contact leaves who sees what they are asked, or answers it."""
    return Entry(
        at=at,
        by=f"contact:{contact.id}",
        role="contact",
        deed=deed,
        what="alert",
        resident=contact.resident,
        home=home.id,
        ground=Ground.ALERT,
        about=alert.id,
    )


def nothing_here() -> Refused:
    return Refused(404, mark("Nothing to show"), mark("There is nothing here for you."), "/with")
