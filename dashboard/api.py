"""What programs ask the centre: JSON, with a token of their organisation, for what its scopes hold.

Read only. Whoever asks is written down in the access log before the answer goes out, home by home, as of people.
`/api/v1/openapi.json` describes it, made of these very routes.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, Field

from care import alerts, scaip
from care import nights as nights_
from care.board import Board
from care.ids import AlertId
from care.records import CENTRE, site_of
from dashboard import looking, programs
from dashboard.access_log import Deed, Entry, Ground
from dashboard.door import Problem
from dashboard.organisations import OWN, Access
from dashboard.pages import Desk, TheDesk
from dashboard.programs import Program, Scope
from detectors.homes import HomeId, is_building

FHIR_JSON = "application/fhir+json"
LIMIT_MAX = 500
VERSION = "1"

router = APIRouter(prefix="/api/v1")


class Caller:
    """Who asks: a program of an organisation, and the homes that are there for it."""

    def __init__(self, desk: Desk, program: Program) -> None:
        self.desk, self.program = desk, program
        self._owners = Access(desk.people).owners()

    def sees(self, home: HomeId) -> bool:
        """Whether a home, or the building that it stands for, is its organisation's."""
        site = site_of(home)
        return site != CENTRE and self._owners.get(site, OWN) == self.program.organisation

    def homes(self) -> list[HomeId]:
        """Return the homes of its organisation, by their id."""
        return sorted(home for home in self.desk.centre.board.homes if self.sees(home))

    async def looked(self, what: str, homes: Iterable[HomeId], deed: Deed = Deed.READ, about: str = "") -> None:
        """Write down that it was told something of these homes; before that nothing goes out. Raises `NotWritten`."""
        board, at = self.desk.centre.board, self.desk.wall.now()
        entries = [
            Entry(
                at=at,
                by=f"program:{self.program.id}",
                organisation=self.program.organisation,
                deed=deed,
                what=what,
                resident=None if (known := board.homes.get(home)) is None else known.resident,
                home=home,
                ground=Ground.CARE,
                about=about,
            )
            for home in sorted(set(homes))
        ]
        await looking.note(self.desk, *entries)


def caller_of(request: Request, desk: Desk, scope: Scope) -> Caller:
    """Return who asks. Raises `Problem` for who may not, or not this."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    program = programs.found(desk.people, token.strip(), desk.wall.now()) if kind.lower() == "bearer" else None
    if program is None:
        text = "Send the token of a program that is let in, as 'Authorization: Bearer TOKEN'."
        raise Problem(401, "Not let in", text, **{"WWW-Authenticate": "Bearer"})
    if scope not in program.scopes:
        challenge = f'Bearer error="insufficient_scope", scope="{scope}"'  # RFC 6750, 3.1
        text = "This token does not hold the scope that is needed for this."
        raise Problem(403, "Not done", text, **{"WWW-Authenticate": challenge})
    return Caller(desk, program)


async def _for_alerts(request: Request, desk: TheDesk) -> Caller:
    return caller_of(request, desk, Scope.ALERTS)


async def _for_homes(request: Request, desk: TheDesk) -> Caller:
    return caller_of(request, desk, Scope.HOMES)


async def _for_nights(request: Request, desk: TheDesk) -> Caller:
    return caller_of(request, desk, Scope.NIGHTS)


ForAlerts = Annotated[Caller, Depends(_for_alerts)]
ForHomes = Annotated[Caller, Depends(_for_homes)]
ForNights = Annotated[Caller, Depends(_for_nights)]


class Found(BaseModel):
    """A condition that was found."""

    what: str
    at: AwareDatetime = Field(description="when it became true")
    since: AwareDatetime = Field(description="when the condition began")
    limit: float | None = Field(description="minutes agreed before it is told")
    usual: float | None = Field(description="minutes that it usually takes here, where that is learned")
    room: str | None
    sensor: str | None
    perhaps: list[str] = Field(description="what else could explain it")


class Done(BaseModel):
    """How an alert ended."""

    at: AwareDatetime
    outcome: str
    how: str


class Alert(BaseModel):
    """An alert as it stands now."""

    id: str
    home: str
    resident: str | None
    tier: str
    state: str
    raised_at: AwareDatetime
    arrived_at: AwareDatetime = Field(description="when the centre had it on disk")
    shown_at: AwareDatetime | None = Field(description="when a person's screen had first shown it")
    claimed_at: AwareDatetime | None
    over: bool = Field(description="whether every condition in it is over by itself")
    findings: list[Found]
    resolved: Done | None


class Alerts(BaseModel):
    """Some alerts, in the order in which they came; `next` asks for those after them."""

    alerts: list[Alert]
    next: str | None


class Home(BaseModel):
    """How much of a home is seen now."""

    home: str
    resident: str
    sight: str | None = Field(description="watched, partly, blind or paused; null before anything was told of it")
    presence: str | None = Field(description="in bed, up, out, or unknown")
    since: AwareDatetime | None
    blind: list[str] = Field(description="sensors that cannot be heard")
    open_alerts: list[str]


class Homes(BaseModel):
    homes: list[Home]


class Night(BaseModel):
    """What a night came to."""

    night: date = Field(description="of its evening")
    to_bed: AwareDatetime | None
    rose: AwareDatetime | None
    exits: int
    visits: int
    minutes_out: float
    left_out: str | None = Field(description="why it says nothing about usual nights")


class Nights(BaseModel):
    home: str
    nights: list[Night]


@router.get("/alerts")
async def alerts_(
    caller: ForAlerts,
    *,
    open_only: Annotated[bool, Query(alias="open", description="only those that still ask for a person")] = False,
    after: Annotated[str, Query(pattern=r"^([0-9a-f]{10})?$", description="`next` of the answer before")] = "",
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
) -> Alerts:
    """Return the alerts of the organisation's homes that the centre still has at hand."""
    mine = sorted(_alerts_of(caller), key=lambda one: (one.arrived_at, one.id))
    if after:
        place = next((number for number, one in enumerate(mine) if one.id == after), None)
        if place is None:
            raise Problem(404, "No such alert", "The alert to go on from is not there any more.")
        mine = mine[place + 1 :]
    wanted = [one for one in mine if one.open or not open_only]
    page, more = wanted[:limit], len(wanted) > limit
    board = caller.desk.centre.board
    await caller.looked("alert", (one.home for one in page))
    return Alerts(alerts=[told(board, one) for one in page], next=page[-1].id if more else None)


@router.get("/alerts/{alert}")
async def alert(caller: ForAlerts, alert: str) -> Alert:
    """Return one alert."""
    known = caller.desk.centre.board.alerts.get(AlertId(alert))
    if known is None or not caller.sees(known.home):
        raise Problem(404, "No such alert", "There is no alert of this id, or no longer.")
    await caller.looked("alert", [known.home], about=known.id)
    return told(caller.desk.centre.board, known)


@router.get("/alerts/{alert}/scaip", response_class=Response, responses={200: {"content": {scaip.MEDIA_TYPE: {}}}})
async def as_scaip(
    caller: ForAlerts,
    alert: str,
    controller: Annotated[str, Query(max_length=40, description="number of the home with the alarm centre, digits")],
) -> Response:
    """Return an alert as a message for an alarm centre (SCAIP), for a gateway of one's own to send."""
    known = caller.desk.centre.board.alerts.get(AlertId(alert))
    if known is None or not caller.sees(known.home):
        raise Problem(404, "No such alert", "There is no alert of this id, or no longer.")
    try:
        body = scaip.message(known, controller)
    except scaip.NotToBeSent as error:
        raise Problem(409, "Not to be sent", str(error)) from error
    await caller.looked("alert", [known.home], Deed.EXPORTED, about=known.id)
    return Response(body, media_type=scaip.MEDIA_TYPE)


@router.get("/homes")
async def homes(caller: ForHomes) -> Homes:
    """Return how much of each home of the organisation is seen now."""
    board = caller.desk.centre.board
    mine = caller.homes()
    await caller.looked("home", mine)
    return Homes(homes=[seen(board, home) for home in mine])


@router.get("/homes/{site}/{home}/nights")
async def nights(caller: ForNights, site: str, home: str) -> Nights:
    """Return what the last nights of a home came to, oldest first."""
    board, known = caller.desk.centre.board, HomeId(f"{site}/{home}")
    if known not in board.homes or not caller.sees(known):
        raise Problem(404, "No such home", "There is no home of this id, or no longer.")
    await caller.looked("night", [known])
    return Nights(home=known, nights=[night(one) for one in board.nights.of(known)])


@router.get("/openapi.json", include_in_schema=False)
async def openapi() -> Response:
    """Return the description of these routes (OpenAPI 3.1)."""
    return JSONResponse(described())


def described() -> dict[str, object]:
    """Return the description of the routes here, with the token that each of them needs."""
    told = get_openapi(
        title="Nachtwacht",
        version=VERSION,
        summary="What programs of an organisation may read of its homes",
        routes=router.routes,
    )
    told["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    told["security"] = [{"token": []}]
    return told


def seen(board: Board, home: HomeId) -> Home:
    """Return how much of a home is seen, as programs are told of it."""
    status = board.statuses.get(home)
    return Home(
        home=home,
        resident=board.homes[home].resident,
        sight=None if status is None else status.sight,
        presence=None if status is None else status.presence,
        since=None if status is None else status.at,
        blind=[] if status is None else list(status.blind),
        open_alerts=[one.id for one in board.alerts_of(home) if one.open],
    )


def night(one: nights_.Night) -> Night:
    """Return a night as programs are told of it."""
    return Night.model_validate(one, from_attributes=True)


def _alerts_of(caller: Caller) -> Sequence[alerts.Alert]:
    return [one for one in caller.desk.centre.board.alerts.values() if caller.sees(one.home)]


def told(board: Board, one: alerts.Alert) -> Alert:
    """Return an alert as programs are told of it."""
    home = None if is_building(one.home) else board.homes.get(one.home)
    shown: datetime | None = min((show.at for show in one.shown_on), default=None)
    done = one.resolved if not one.open else None
    return Alert(
        id=one.id,
        home=one.home,
        resident=None if home is None else home.resident,
        tier=one.tier,
        state=one.state,
        raised_at=one.raised_at,
        arrived_at=one.arrived_at,
        shown_at=shown,
        claimed_at=one.held_since,
        over=one.over,
        findings=[Found.model_validate(finding, from_attributes=True) for finding in one.findings],
        resolved=None if done is None else Done.model_validate(done, from_attributes=True),
    )
