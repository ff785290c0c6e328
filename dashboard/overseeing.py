"""The pages of the privacy officer: who looked at whose data, and the files of it. Reading them is an entry too."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import HTMLResponse

from care import database
from care.database import Database
from care.ids import ContactId, StaffId
from care.language import mark
from care.records import site_of
from dashboard import access_log, looking
from dashboard.access_log import Asked, Deed, Entry, Ground
from dashboard.door import no_page
from dashboard.glance import desk_zone
from dashboard.organisations import OWN, Access, OrganisationId, Right, where
from dashboard.oversight import Odd, as_csv, as_lines, unusual
from dashboard.pages import Desk, Reader, SignedIn, TheDesk
from dashboard.people import Names
from dashboard.persons import everything
from dashboard.portrait import packed
from detectors.homes import Home, ResidentId, zone_of

SHOWN = 200  # entries on a page; a file holds all
FILE_MAX = 100_000
MEANT_MAX = 5  # clients of one name that are named
SPAN = timedelta(days=7)  # that is shown unless another is asked for
EARLIEST = date(2020, 1, 1)  # before there was a log

DEEDS: Mapping[Deed, str] = {
    Deed.READ: mark("looked"),
    Deed.CHANGED: mark("changed something"),
    Deed.PRINTED: mark("printed"),
    Deed.EXPORTED: mark("took along in a file"),
    Deed.ERASED: mark("erased"),
    Deed.TRIED: mark("tried, and was refused"),
    Deed.SIGNED_IN: mark("signed in"),
    Deed.SIGNED_OUT: mark("signed out"),
}
GROUNDS: Mapping[Ground, str] = {
    Ground.WATCH: mark("watch of the night desk"),
    Ground.ALERT: mark("there was an alert"),
    Ground.CARE: mark("care and agreements"),
    Ground.OWN: mark("their own data"),
    Ground.SHARED: mark("shared by the client"),
    Ground.INSTALL: mark("installation"),
    Ground.EMERGENCY: mark("in an emergency"),
    Ground.OVERSIGHT: mark("oversight"),
}
WHATS: Mapping[str, str] = {
    "desk": mark("the overview"),
    "load": mark("how busy it is"),
    "alert": mark("an alert"),
    "home": mark("the home"),
    "agreements": mark("the agreements"),
    "calling-order": mark("who is asked"),
    "client-report": mark("the report of a night"),
    "report": mark("the report of a night"),
    "hand-over": mark("the hand-over"),
    "gateways": mark("the gateways"),
    "pause": mark("a pause"),
    "resume": mark("a pause"),
    "access-log": mark("this log"),
    "persons": mark("all data of a person"),
}
ODDS: Mapping[Odd, str] = {
    Odd.MANY: mark("looked at {count} clients in a short time, without an alert"),
    Odd.NOT_AT_WORK: mark("looked without an alert or watch: {count} times"),
    Odd.TRIED: mark("was refused {count} times"),
    Odd.EMERGENCY: mark("looked in an emergency: {count} times"),
}

router = APIRouter()

Day = Annotated[date | None, Query()]
Text = Annotated[str, Query(max_length=90)]


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as it is read."""

    number: int
    at: str
    who: str
    deed: str
    what: str
    client: str
    ground: str


@dataclass(frozen=True, slots=True)
class Found:
    """What is out of the ordinary, as it is read."""

    at: str
    who: str
    why: str


async def asked_of(
    desk: TheDesk,
    reader: Reader,
    *,
    since: Day = None,
    until: Day = None,
    client: Text = "",
    by: Text = "",
    deed: Text = "",
) -> Asked:
    """Return what is looked for. Raises `Problem` for who may not."""
    overseen = _overseen(reader)
    if not overseen:
        raise no_page()
    zone, now = _zone(desk), desk.wall.now()
    today = now.astimezone(zone).date()
    last = max(min(until or today, today), EARLIEST)
    first = max(since or last - SPAN, EARLIEST)
    residents = _residents(desk, client, overseen) if client.strip() else None
    if residents is not None:
        looking.at(*[home.id for home in _homes(desk, overseen) if home.resident in residents])
    return Asked(
        since=datetime.combine(first, time(), zone).astimezone(UTC),
        until=datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC),
        organisations=overseen | ({None} if OWN in overseen else set()),
        residents=residents,
        by=_staff(desk, by, overseen) if by.strip() else None,
        deed=Deed(deed) if deed in set(Deed) else None,
    )


TheAsked = Annotated[Asked, Depends(asked_of)]


@router.get("/access-log")
async def page(asked: TheAsked, desk: TheDesk, reader: Reader, client: Text = "", by: Text = "") -> Response:
    """Show who looked at whose data, what is out of the ordinary on top."""
    zone = _zone(desk)
    rows = await _found(desk, reader, asked)
    scene = desk.drawing.scene(desk.centre.now(), reader.viewer)
    say, names = scene.wording.say, Names(desk.people)
    odd = [
        Found(_day(one.first, zone), _who(names, one.by), say(ODDS[one.why]).format(count=one.count))
        for one in unusual(rows)[:20]
    ]
    form = {
        "since": asked.since.astimezone(zone).date().isoformat(),
        "until": (asked.until - timedelta(seconds=1)).astimezone(zone).date().isoformat(),
        "client": client,
        "by": by,
        "deed": asked.deed.value if asked.deed is not None else "",
    }
    return HTMLResponse(
        desk.drawing.page(
            "access-log.html",
            scene,
            rows=[_row(number, entry, names, say, zone) for number, entry in rows[:SHOWN]],
            more=max(0, len(rows) - SHOWN),
            odd=odd,
            form=form,
            meant=_meant(desk, asked.residents, reader),
            query=urlencode(form),
            deeds=[(one.value, say(word)) for one, word in DEEDS.items()],
            page="/access-log",
        )
    )


@router.get("/access-log/file")
async def file(
    asked: TheAsked, desk: TheDesk, reader: Reader, kind: Annotated[str, Query(pattern="^(csv|jsonl)$")] = "csv"
) -> Response:
    """Give the same as a file; that it was taken is an entry."""
    rows = await _found(desk, reader, asked)
    number, digest = access_log.last(desk.access_log)
    made = as_csv(rows) if kind == "csv" else as_lines(rows, number, digest)
    headers = {"Content-Disposition": f'attachment; filename="nachtwacht-access-log.{kind}"'}
    return Response(made, media_type="text/csv" if kind == "csv" else "application/jsonl", headers=headers)


@router.get("/persons/{resident}/file")
async def person(
    resident: Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,60}$")], desk: TheDesk, reader: Reader
) -> Response:
    """Give all that is kept about a resident of one's own organisation, to hand it to them."""
    overseen, owners, id_ = _overseen(reader), Access(desk.people).owners(), ResidentId(resident)
    if not overseen:
        raise no_page()
    async with desk.printing:  # it reads the whole journal: one at a time, and beside the desk's own writer
        book, store = await desk.centre.ask(database.beside), database.beside(desk.people)
        found = await asyncio.to_thread(_everything, book, store, desk.access_log, id_)
    sites = {site_of(stay["home"]) for stay in found["stays"]}
    if not any(owners.get(site, OWN) in overseen for site in sites):
        raise no_page()
    entry = Entry(
        at=desk.wall.now(),
        by=f"staff:{reader.staff}",
        role=",".join(sorted(post.role.value for post in reader.session.posts)),
        organisation=min(overseen & {owners.get(site, OWN) for site in sites}),
        deed=Deed.EXPORTED,
        what="persons",
        resident=id_,
        ground=Ground.OVERSIGHT,
    )
    await looking.note(desk, entry)
    made = await asyncio.to_thread(packed, found, desk.wall.now())
    headers = {"Content-Disposition": 'attachment; filename="gegevens.zip"'}
    return Response(made, media_type="application/zip", headers=headers)


def _everything(
    book: Callable[[], Database], store: Callable[[], Database], looks: Database, resident: ResidentId
) -> dict[str, Any]:
    """Read in a thread, by connections of its own."""
    with closing(book()) as records, closing(store()) as rows:
        return everything(records, rows, looks, resident)


def opens_to(reader: SignedIn) -> bool:
    """Whether there is a log for who reads."""
    return bool(_overseen(reader))


def _overseen(reader: SignedIn) -> frozenset[OrganisationId]:
    """Return the organisations whose log somebody may read."""
    return where(reader.session.posts, Right.LOG)


def _homes(desk: Desk, overseen: frozenset[OrganisationId]) -> list[Home]:
    """Return the homes of the organisations whose log somebody may read."""
    owners = Access(desk.people).owners()
    return [one for one in desk.centre.board.homes.values() if owners.get(site_of(one.id), OWN) in overseen]


def _residents(desk: Desk, client: str, overseen: frozenset[OrganisationId]) -> frozenset[str]:
    """Return whom a field means: the number of a home as its page has it, a resident's id, or a part of a name.

    Names are looked up among the organisation's own clients alone: that there is somebody of a name elsewhere is not
    to be found out here. An id is taken as it is: who has left is in no plan, and in the log still.
    """
    typed, homes, names = client.strip(), _homes(desk, overseen), Names(desk.people)
    at = {home.resident for home in homes if home.id == typed}
    if at:
        return frozenset(at)
    named = {one.resident for one in homes if typed.casefold() in (names.resident(one.resident) or "").casefold()}
    return frozenset(named or {ResidentId(typed)})


def _staff(desk: Desk, typed: str, overseen: frozenset[OrganisationId]) -> frozenset[str]:
    """Return which staff a field means: as an entry has them, or a part of the name of whoever works here."""
    said = typed.strip()
    rows = desk.people.execute(
        "SELECT DISTINCT staff.id, staff.first_name, staff.name, post.organisation"
        " FROM staff JOIN post ON post.staff = staff.id"
    )
    found = {
        f"staff:{id_}"
        for id_, first, name, organisation in rows
        if organisation in overseen and (said.casefold() in first.casefold() or said.casefold() == name.casefold())
    }
    return frozenset(found or {said})


def _meant(desk: Desk, residents: frozenset[str] | None, reader: SignedIn) -> list[tuple[str, str]]:
    """Return of whom all that is kept can be taken along: id, and name of who is one of the organisation's own."""
    own, names = {one.resident for one in _homes(desk, _overseen(reader))}, Names(desk.people)
    found = [(one, (names.resident(ResidentId(one)) if one in own else None) or one) for one in residents or ()]
    return sorted(found, key=lambda one: one[1])[:MEANT_MAX]


async def _found(desk: Desk, reader: SignedIn, asked: Asked) -> list[tuple[int, Entry]]:
    """Return the entries that were asked for. What one's own people tried elsewhere stays; about whom it was does not.

    Whoever tried was told nothing of another organisation's client, and neither is who reads that they did.
    """
    rows = await asyncio.to_thread(access_log.found, desk.access_log, asked, limit=FILE_MAX)
    overseen, owners = _overseen(reader), Access(desk.people).owners()
    shown = []
    for number, entry in rows:
        if entry.home is None or owners.get(site_of(entry.home), OWN) in overseen:
            shown.append((number, entry))
        elif asked.residents is None:
            veiled = msgspec.structs.replace(entry, home=None, resident=None, about="")
            shown.append((number, veiled))
    return shown


def _row(number: int, entry: Entry, names: Names, say: Callable[[str], str], zone: ZoneInfo) -> Row:
    client = "" if entry.resident is None else (names.resident(ResidentId(entry.resident)) or entry.resident)
    return Row(
        number=number,
        at=_day(entry.at, zone),
        who=_who(names, entry.by),
        deed=say(DEEDS[entry.deed]),
        what=say(WHATS[entry.what]) if entry.what in WHATS else entry.what,
        client=f"{client} · {entry.home}" if client and entry.home else client or entry.home or "",
        ground=say(GROUNDS[entry.ground]),
    )


def _who(names: Names, by: str) -> str:
    kind, _, id = by.partition(":")  # noqa: A001
    match kind:
        case "staff":
            return names.staff(StaffId(id))
        case "contact":
            return names.contact(ContactId(id)) or id
        case "resident":
            return names.resident(ResidentId(id)) or id
    return by


def _zone(desk: Desk) -> ZoneInfo:
    return zone_of(desk_zone(desk.centre.board))


def _day(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%d-%m-%Y %H:%M}"
