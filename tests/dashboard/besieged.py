"""A centre with something of everything in it, and whatever may come to its door: every route, everybody, any address.

Two organisations: Zon has De Wilg, Maan has De Eik. What is of De Eik is what nobody from elsewhere may learn.
"""

import re
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Annotated, Any, get_args, get_origin

import httpx
import msgspec
from fastapi.routing import APIRoute

from care.alerts import alert_of
from care.database import Database
from care.ids import AlertId, BackTestId, ContactId, MessageId, Place, StaffId
from care.records import Plan, Record
from dashboard import contacts, emergencies, housekeys, invitations, organisations, people, programs, wishes
from dashboard.drawing import Drawing
from dashboard.live import Live
from dashboard.organisations import Access, OrganisationId, Role
from dashboard.pages import Desk, application, site
from detectors.findings import Finding
from detectors.homes import Home, HomeId, ResidentId, SensorId, SiteId
from tests.dashboard.conftest import NIGHT, PASSWORD, WILG, batch, finding, home, plan

ZON, MAAN = OrganisationId("zon"), OrganisationId("maan")
EIK, THEIR_HOME, THEIR_RESIDENT = SiteId("eik"), HomeId("eik/12"), ResidentId("r-eik-12")
THEIRS = alert_of(finding(THEIR_HOME))
THEIR_CONTACT = ContactId("c-0e1c0e1c")
MY_HOME, MY_RESIDENT = HomeId("wilg/12"), ResidentId("r-0012")
NAMES = ("Xandertje", "Ysbrandus", "Zwaantjeelk", "Qodenwilg")  # of De Eik's resident, contact, worker and building


def routes(desk: Desk) -> list[tuple[str, APIRoute]]:
    """Return every way to ask something, with its route."""
    found = []
    for included in site().routes:
        router = getattr(included, "original_router", None)
        for route in getattr(router, "routes", [included]):
            if isinstance(route, APIRoute):
                found += [(method, route) for method in sorted(route.methods or ())]
    return found


def path_of(route: APIRoute, ids: Mapping[str, str]) -> str:
    return re.sub(r"{(\w+)}", lambda part: ids.get(part[1], "none"), route.path)


def form_of(route: APIRoute, ids: Mapping[str, str]) -> dict[str, str]:
    """Return a form that says what a route asks for, with ids where ids go."""
    return {field.alias: ids.get(field.alias, "x") for field in route.dependant.body_params}


def query_of(route: APIRoute, ids: Mapping[str, str]) -> dict[str, str]:
    return {one.alias: ids[one.alias] for one in route.dependant.query_params if one.alias in ids}


async def besieged(desk: Desk) -> Desk:
    """Return a desk that draws what it really draws, with an alert in each of two organisations' buildings."""
    store = desk.people
    for organisation, building in ((ZON, WILG), (MAAN, EIK)):
        organisations.make(store, organisation, f"Zorg {organisation}")
        organisations.give(store, building, organisation)
    access = Access(store)
    drawing = Drawing(desk.centre.board, people.Names(store), access.owners)
    made = Desk(
        centre=desk.centre,
        live=Live(desk.centre, drawing, access=access),
        drawing=drawing,
        people=store,
        access_log=desk.access_log,
        wall=desk.wall,
    )
    theirs = Plan(
        at=NIGHT - timedelta(days=1),
        site=EIK,
        name=NAMES[3],
        zone="Europe/Amsterdam",
        homes=(msgspec.structs.replace(home(THEIR_HOME), resident=THEIR_RESIDENT),),
    )
    await made.centre.take(WILG, batch(plan(), finding()))
    await made.centre.take(EIK, batch(theirs, finding(THEIR_HOME), of="journal-of-eik"))
    people.name_resident(store, MY_RESIDENT, "Nora")
    people.name_resident(store, THEIR_RESIDENT, NAMES[0])
    store.execute("INSERT INTO contact VALUES (?, ?, ?, 'family', 1)", (THEIR_CONTACT, THEIR_RESIDENT, NAMES[1]))
    contacts.set_address(store, THEIR_CONTACT, wishes.PHONE, "0612345678")
    return made


def hired(store: Database, name: str, organisation: str, role: Role) -> StaffId:
    return people.add_staff(
        store, name, first_name=name.title(), initials="X", password=PASSWORD, organisation=organisation, role=role
    )


class Theirs(typing.NamedTuple):
    """What there is of De Eik, and an id of each kind to ask with."""

    ids: dict[str, str]
    secret: frozenset[str]  # what may stand in no answer


async def something_of_everything(desk: Desk) -> Theirs:
    """Let De Eik have a record of each kind, and a row of each kind that a route has an id of."""
    store, now = desk.people, desk.wall.now()
    worker = hired(store, NAMES[2].lower(), MAAN, Role.CARE)
    key = _a_key(desk, THEIR_RESIDENT, THEIR_CONTACT)
    invited = invitations.invite(store, MAAN, Role.CARE, worker, now)
    opened = emergencies.begin(
        store, worker, THEIR_HOME, resident=THEIR_RESIDENT, organisation=MAAN, reason="Nobody answers.", now=now
    )
    told = [a_record(kind, worker) for kind in get_args(Record) if kind is not Finding]  # there is one
    await desk.centre.write(lambda *_: told)
    (kept,) = store.execute("SELECT lower(hex(token)) FROM invitation").fetchone()
    ids = {
        "site": EIK, "home": "12", "alert": THEIRS, "back_test": "0123456789", "resident": THEIR_RESIDENT,
        "contact": THEIR_CONTACT, "key": key, "emergency": opened.id, "organisation": MAAN, "staff": worker,
        "token": "t" * 43, "code": "2345-ABCD-WXYZ", "channel": "sms", "to": THEIR_CONTACT, "about": THEIR_HOME,
        "client": THEIR_HOME, "by": f"staff:{worker}", "reason": "Nobody answers the door.",
        "until": "2026-06-01", "night": "2026-03-02", "line": "1", "text": "No.", "role": "care", "wanted": "true",
        "kinds": "bed", "purpose": "help", "basis": "agreed", "consenting": "client", "review": "2026-06-01",
        "why": "client", "word": "resident", "parts": "night", "outcome": "helped", "how": "video", "do": "follow",
        "screen": "a1", "in_view": "true", "sound": "true", "answer": "going", "fit": "yes", "verdict": "It was right.",
        "name": NAMES[2].lower(), "ground": "Ill.", "step": "talking", "means": "phone", "what": "*",
        "note": "All is told.", "identity": "x@maan.example", "hourly": "1", "nightly": "1", "off": "true",
        "quiet_since": "22:00", "quiet_until": "07:00", "moment": "2026-03-04T10:00", "formal": "true",
        "first_name": "X", "initials": "X", "password": "not the right one", "language": "nl", "nights": "7",
        "page": "/", "kind": "Observation", "resource": f"alert-{THEIRS}",
    }  # fmt: skip
    secret = {EIK, THEIRS, THEIR_RESIDENT, THEIR_CONTACT, key, opened.id, worker, kept, invited, "0612345678"}
    secret |= {NAMES[2].lower(), *NAMES}
    return Theirs(ids, frozenset(secret))


def told_of(theirs: Theirs, answer: httpx.Response, *, asked: str = "") -> set[str]:
    """Return what an answer says of De Eik, but for what its asker said first."""
    said = " ".join([*(f"{name}: {value}" for name, value in answer.headers.items()), answer.text]).casefold()
    found = {one for one in theirs.secret if one.casefold() in said and one.casefold() not in asked.casefold()}
    return {one for one in found if re.search(rf"(?<![\w-]){re.escape(one.casefold())}(?![\w-])", said)}


class Browsers:
    """Everybody who has nothing to do with De Eik. One application for all of them: it takes long to make."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._app = application(desk)

    def __iter__(self) -> Iterator[tuple[str, httpx.AsyncClient]]:
        for role in Role:
            yield f"{role} of zon", self.signed_in(hired(self._desk.people, f"zon {role}", ZON, role))
        mine = contacts.add(self._desk.people, MY_RESIDENT, "Eva", contacts.Relation.FAMILY)
        yield "resident", self.device(MY_RESIDENT, None)
        yield "contact", self.device(MY_RESIDENT, mine)
        yield "program of zon", self.program(ZON)
        yield "nobody", self.stranger()

    def stranger(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self._app, raise_app_exceptions=False),
            base_url="https://desk.example",
            headers={"Sec-Fetch-Site": "same-origin"},
        )

    def signed_in(self, staff: StaffId) -> httpx.AsyncClient:
        made = self.stranger()
        token = people.start_session(self._desk.people, staff, self._desk.wall.now())
        made.cookies.set("__Host-nachtwacht", token, domain="desk.example")
        return made

    def program(self, organisation: str) -> httpx.AsyncClient:
        """Return what asks with the token of a program that may ask for all there is of an organisation."""
        now = self._desk.wall.now()
        _, token = programs.let_in(
            self._desk.people, organisation, "ECD", programs.Scope, now=now, until=now + timedelta(days=30)
        )
        made = self.stranger()
        made.headers["Authorization"] = f"Bearer {token}"
        return made

    def device(self, resident: ResidentId, contact: ContactId | None) -> httpx.AsyncClient:
        """Return the browser of a device that was let in."""
        store, now = self._desk.people, self._desk.wall.now()
        code = housekeys.invite(store, resident, contact, now)
        token = housekeys.let_in(store, code, now, housekeys.Device.PHONE)
        made = self.stranger()
        made.cookies.set("__Host-nachtwacht-own", str(token), domain="desk.example")
        return made


def _a_key(desk: Desk, resident: ResidentId, contact: ContactId) -> str:
    now = desk.wall.now()
    housekeys.let_in(desk.people, housekeys.invite(desk.people, resident, contact, now), now, housekeys.Device.PHONE)
    return housekeys.of_resident(desk.people, resident, now)[0].id


# A record of each kind.

_IDS: dict[object, object] = {
    SiteId: EIK,
    HomeId: THEIR_HOME,
    ResidentId: THEIR_RESIDENT,
    AlertId: THEIRS,
    ContactId: THEIR_CONTACT,
    BackTestId: BackTestId("0123456789"),
    MessageId: MessageId("m-eik"),
    Place: Place(THEIR_HOME),
    SensorId: SensorId("12/bed"),
    Home: msgspec.structs.replace(home(THEIR_HOME), resident=THEIR_RESIDENT),
    str: "x",
    int: 1,
    float: 1.0,
    bool: True,
    bytes: b"x",
    datetime: NIGHT,
    date: NIGHT.date(),
    time: time(1),
}
_SPECIAL = {"zone": "Europe/Amsterdam", "about": str(THEIR_HOME), "name": NAMES[3]}


def a_record(kind: type[msgspec.Struct], worker: StaffId) -> Record:
    """Return a record of a kind about De Eik, with what it cannot do without."""
    made: Record = _made(kind, {**_IDS, StaffId: worker})
    return made


def _made(kind: Any, ids: Mapping[object, object]) -> Any:  # noqa: PLR0911  # one for each way to say a type
    if kind in ids:
        return ids[kind]
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _made(inside[0], ids)
    if origin in {typing.Union, types.UnionType}:
        return _made(next(one for one in inside if one is not type(None)), ids)
    if origin is tuple:
        return (_made(inside[0], ids),) if inside[-1] is Ellipsis else tuple(_made(one, ids) for one in inside)
    if origin is dict:
        return {_made(inside[0], ids): _made(inside[1], ids)}
    if isinstance(kind, typing.NewType):
        return _made(kind.__supertype__, ids)
    if issubclass(kind, Enum):
        return next(iter(kind))
    fields = [one for one in msgspec.structs.fields(kind) if one.required]
    return kind(**{one.name: _SPECIAL.get(one.name) or _made(one.type, ids) for one in fields})
