"""The pages of the privacy officer: who looked at whose data, and the files of it. Reading them is an entry too."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import HTMLResponse

from care.ids import ContactId, StaffId
from care.language import mark
from dashboard import access_log, looking
from dashboard.access_log import Asked, Deed, Entry, Ground
from dashboard.door import Problem
from dashboard.glance import desk_zone
from dashboard.organisations import OWN, Right, may
from dashboard.oversight import Odd, as_csv, as_lines, unusual
from dashboard.pages import Desk, Reader, SignedIn, TheDesk
from dashboard.people import Names
from detectors.homes import HomeId, ResidentId, zone_of

SHOWN = 200  # entries on a page; a file holds all
FILE_MAX = 100_000
SPAN = timedelta(days=7)  # that is shown unless another is asked for
GUARD = Right.CHANGE  # who may read the log of an organisation, and only that one's

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
        raise Problem(404, mark("No such page"), mark("There is no page here. Go back to the desk."))
    zone, now = _zone(desk), desk.wall.now()
    last = until or now.astimezone(zone).date()
    first = since or last - SPAN
    resident = _resident(desk, client) if client else None
    if resident is not None:
        homes = [home.id for home in desk.centre.board.homes.values() if home.resident == resident]
        looking.at(*[home for home in homes if reader.sees(desk, home)])
    return Asked(
        since=datetime.combine(first, time(), zone).astimezone(UTC),
        until=datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC),
        organisations=overseen | ({None} if OWN in overseen else set()),
        resident=resident,
        by=by or None,
        deed=Deed(deed) if deed in set(Deed) else None,
    )


TheAsked = Annotated[Asked, Depends(asked_of)]


@router.get("/access-log")
async def page(asked: TheAsked, desk: TheDesk, reader: Reader, client: Text = "") -> Response:
    """Show who looked at whose data, what is out of the ordinary on top."""
    zone = _zone(desk)
    rows = await asyncio.to_thread(access_log.found, desk.access_log, asked, limit=FILE_MAX)
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
        "by": asked.by or "",
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
            query=urlencode(form),
            deeds=[(one.value, say(word)) for one, word in DEEDS.items()],
            page="/access-log",
        )
    )


@router.get("/access-log/file")
async def file(
    asked: TheAsked, desk: TheDesk, kind: Annotated[str, Query(pattern="^(csv|jsonl)$")] = "csv"
) -> Response:
    """Give the same as a file; that it was taken is an entry."""
    rows = await asyncio.to_thread(access_log.found, desk.access_log, asked, limit=FILE_MAX)
    number, digest = access_log.last(desk.access_log)
    made = as_csv(rows) if kind == "csv" else as_lines(rows, number, digest)
    headers = {"Content-Disposition": f'attachment; filename="nachtwacht-access-log.{kind}"'}
    return Response(made, media_type="text/csv" if kind == "csv" else "application/jsonl", headers=headers)


def opens_to(reader: SignedIn) -> bool:
    """Whether there is a log for who reads."""
    return bool(_overseen(reader))


def _overseen(reader: SignedIn) -> frozenset[str]:
    """Return the organisations whose log somebody may read."""
    posts = reader.session.posts
    return frozenset(post.organisation for post in posts if may(posts, GUARD, post.organisation))


def _resident(desk: Desk, client: str) -> str:
    """Return whom a field means: a resident's id, or the number of a home as its page has it."""
    home = desk.centre.board.homes.get(HomeId(client))
    return client if home is None else home.resident


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
