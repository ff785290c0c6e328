"""What a care record asks the centre, as HL7 FHIR R4: read and search, with a token that holds `record`.

Each kind of resource is made afresh of what the board knows (`care.fhir`). What is not at hand any more is not told:
a care record keeps what it was told, and asks by `_lastUpdated` for what changed since.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from care import bundles, fhir
from care.alerts import Alert
from care.board import Board
from care.fhir import Json, Looked, NightReport, Writer
from care.language import LANGUAGES
from care.measures import MeasureAgreed, MeasureEnded
from care.nights import KEPT
from care.records import site_of
from care.reports import Span as NightSpan
from care.reports import Writer as ReportWriter
from care.reports import latest_night, of_client, span_of, told_of
from care.version import version
from dashboard import access_log
from dashboard.access_log import Asked, Deed
from dashboard.api import FHIR_JSON, Caller, caller_of
from dashboard.door import Problem
from dashboard.pages import TheDesk
from dashboard.programs import Scope
from detectors.homes import Home, HomeId, ResidentId

COUNT_MAX = 500
LOOKS_FOR = timedelta(days=30)  # of who looked, where nobody says since when

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)  # of this interface, as it is

router = APIRouter(prefix="/fhir")

_DATE = re.compile(r"(ge|gt|le|lt)?(\d{4}-\d\d-\d\dT.+)")


class Told(NamedTuple):
    """A resource that is made when it is told: its id, when what it tells last changed, and about which home it is."""

    id: str
    changed_at: datetime
    home: HomeId | None
    resident: ResidentId | None
    make: Callable[[], Json]
    night: NightSpan | None = None  # of a report

    def told(self) -> Json:
        return fhir.dated(self.make(), self.changed_at)


def _told_of(resource: Json, changed_at: datetime, home: HomeId | None, resident: ResidentId | None) -> Told:
    return Told(resource["id"], changed_at, home, resident, lambda: resource)


class Span(NamedTuple):
    """When what is asked for changed: from an instant on, up to another."""

    since: datetime
    until: datetime

    def holds(self, at: datetime) -> bool:
        return self.since <= at < self.until


async def _for_record(request: Request, desk: TheDesk) -> Caller:
    return caller_of(request, desk, Scope.RECORD)


ForRecord = Annotated[Caller, Depends(_for_record)]


async def changed(_last_updated: Annotated[list[str], Query(alias=fhir.CHANGED)] = []) -> Span:  # noqa: B006
    """Read `_lastUpdated`, given once or twice: `ge2026-03-01T00:00:00Z`. Raises `Problem`."""
    since, until = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    for said in _last_updated:
        found = _DATE.fullmatch(said.replace(" ", "+"))  # a plus that was sent bare arrives as a space
        try:
            at = datetime.fromisoformat(found[2]) if found is not None else None
        except ValueError:
            at = None
        if found is None or at is None or at.tzinfo is None:
            text = "_lastUpdated is ge, gt, le or lt and a date with time and zone: ge2026-03-01T00:00:00Z."
            raise Problem(400, "Not answered", text)
        least = timedelta(microseconds=1)
        match found[1]:
            case "lt":
                until = min(until, at)
            case "le":
                until = min(until, at + least)
            case "gt":
                since = max(since, at + least)
            case _:
                since = max(since, at)
    return Span(since, until)


TheSpan = Annotated[Span, Depends(changed)]


@router.get("/metadata")
async def metadata() -> Response:
    """Return what this server can do. No token: nothing in it is about anybody."""
    told = bundles.capability(
        dict.fromkeys((*_KINDS, _NIGHTS, _LOOKS), (fhir.CHANGED, "patient")),
        name="Nachtwacht",
        version=version(),
        since=BEGAN,
    )
    return JSONResponse(told, media_type=FHIR_JSON)


@router.get("/{kind}")
async def search(
    request: Request,
    caller: ForRecord,
    kind: str,
    span: TheSpan,
    *,
    patient: Annotated[str, Query(alias="patient:identifier", max_length=200)] = "",
    count: Annotated[int, Query(alias="_count", ge=1, le=COUNT_MAX)] = 100,
    after: Annotated[str, Query(alias="_after", max_length=120, description="of the link to the next ones")] = "",
) -> Response:
    """Return the resources of a kind that changed in a span, the one that changed first on top.

    The next ones are those after the last by date and id, and not by number: what changes meanwhile comes once more at
    the end, and nothing is passed over.
    """
    base = _base(request)
    whose = patient.rpartition("|")[2]
    found = [
        one
        for one in await _told(caller, kind, base, span, _language(request))
        if span.holds(one.changed_at) and whose in {"", one.resident}
    ]
    total = len(found)
    found = sorted((one for one in found if _place(one) > after), key=_place)
    page, onward = found[:count], None
    if count < len(found):
        onward = str(request.url.include_query_params(_after=_place(page[-1]), _count=count))
    await _looked(caller, page, kind)
    told = [one.told() for one in page]
    now = caller.desk.centre.now()
    answer = bundles.search_set(told, now, base=f"{base}/fhir", total=total, onward=onward)
    return JSONResponse(answer, media_type=FHIR_JSON)


@router.get("/{kind}/{resource}")
async def read(request: Request, caller: ForRecord, kind: str, resource: str) -> Response:
    """Return one resource."""
    found = await _one(request, caller, kind, resource)
    await _looked(caller, [found], kind)
    return JSONResponse(found.told(), media_type=FHIR_JSON)


@router.get("/Composition/{resource}/$document")
async def document(request: Request, caller: ForRecord, resource: str, *, persist: bool = False) -> Response:
    """Return the report of a night as a document: with all that it refers to."""
    if persist:
        text = "Documents are made when they are asked for and not stored here: leave `persist` out."
        raise Problem(400, "Not answered", text)
    found = await _one(request, caller, _NIGHTS, resource)
    await _looked(caller, [found], _NIGHTS)
    assert found.home is not None  # a report is about one home,
    assert found.night is not None  # and one night
    base, board = _base(request), caller.desk.centre.board
    writer = _writer(caller, base)
    resources = _rests_on(board, writer, found.home, found.night)
    plan = board.plans.get(site_of(found.home))
    devices = bundles.devices_of(resources, [] if plan is None else writer.of_plan(plan))
    made = bundles.document(found.told(), [*resources, *devices], base=f"{base}/fhir")
    return JSONResponse(made, media_type=FHIR_JSON)


async def _one(request: Request, caller: Caller, kind: str, resource: str) -> Told:
    """Return one resource that is there for who asks. Raises `Problem`."""
    always = Span(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    language = _language(request)
    for one in await _told(caller, kind, _base(request), always, language):
        if one.id == resource:
            return one
    raise _nothing()


def _language(request: Request) -> str:
    """Return in which language texts are told: Dutch, unless another that there is comes first in what is accepted."""
    first = request.headers.get("Accept-Language", "").strip()[:2].lower()
    return first if first in LANGUAGES else LANGUAGES[0]


def _base(request: Request) -> str:
    """Return under which address this centre is known: by that its identifiers are its own."""
    url: str = request.state.desk.url
    return (url or f"{request.url.scheme}://{request.headers.get('Host', '')}").rstrip("/")


def _writer(caller: Caller, base: str) -> Writer:
    return Writer(base, {home: known.resident for home, known in caller.desk.centre.board.homes.items()})


async def _told(caller: Caller, kind: str, base: str, span: Span, language: str) -> list[Told]:
    """Return all of a kind that is there for who asks. Raises `Problem` for a kind that is not told here."""
    writer = _writer(caller, base)
    if kind == _LOOKS:
        return await _looks(caller, writer, span)
    if kind == _NIGHTS:
        return list(_nights(caller, writer, language))
    make = _KINDS.get(kind)
    if make is None:
        raise _nothing()
    return list(make(caller, writer, span, kind))


def _of_alerts(caller: Caller, writer: Writer, span: Span, kind: str) -> Iterator[Told]:
    board = caller.desk.centre.board
    for alert in board.alerts.values():
        at = _changed_at(alert)
        if caller.sees(alert.home) and span.holds(at):
            known = board.homes.get(alert.home)
            resident = None if known is None else known.resident
            yield from (
                _told_of(one, at, alert.home, resident) for one in writer.of_alert(alert) if one["resourceType"] == kind
            )


def _nights(caller: Caller, writer: Writer, language: str) -> Iterator[Told]:
    """Yield the reports of the last nights of every home, from the first of which anything was told."""
    board, now = caller.desk.centre.board, caller.desk.centre.now()
    reports = ReportWriter(board, now, language)
    spans = dict[ZoneInfo, list[NightSpan]]()
    for home in map(board.homes.__getitem__, caller.homes()):
        zone = reports.wording(site_of(home.id)).zone
        alerts = board.alerts_of(home.id)
        kept = board.nights.of(home.id)
        begins = [one.raised_at for one in alerts]
        begins += [span_of(kept[0].night, zone, now).start] if kept else []
        first = board.sights.begins(home.id)
        begins += [first] if first is not None else []
        if zone not in spans:
            last = latest_night(now, zone)
            spans[zone] = [span_of(last - timedelta(days=back), zone, now) for back in range(KEPT)]
        for span in spans[zone]:
            if not begins or span.end <= min(begins):
                break
            make = partial(_report, writer, reports, home, span)
            changed_at = _report_changed_at(reports, home, span)
            yield Told(writer.id_of_night(home.id, span.night), changed_at, home.id, home.resident, make, span)


def _report_changed_at(reports: ReportWriter, home: Home, span: NightSpan) -> datetime:
    """Return when what the report of a night tells last changed.

    What a building tells of late is on disk before its summary of that night is: it counts by when that was.
    """
    board = reports.board
    night = board.nights.at(home.id, span.night)
    status = board.statuses.get(home.id)
    dates = [span.start if span.running else span.end]
    dates += [] if night is None else [night.told_at]
    dates += [one.at for one in board.handovers.corrected(home.id, span.night)]
    dates += [_changed_at(one) for one in told_of(_alerts(reports, home.id, span), span)]
    dates += [status.at] if status is not None and span.running else []
    return max(dates)


def _alerts(reports: ReportWriter, home: HomeId, span: NightSpan) -> list[Alert]:
    return reports.raised_in(span, [home]).get(home, [])


def _report(writer: Writer, reports: ReportWriter, home: Home, span: NightSpan) -> Json:
    board = reports.board
    say = reports.wording(site_of(home.id)).say
    lines = of_client(reports, home, span, _alerts(reports, home.id, span)).lines
    report = NightReport(
        home=home.id,
        span=span,
        language=reports.language,
        title=say("Night report"),
        lines=lines,
        corrections=board.handovers.corrected(home.id, span.night),
        beside=say("Correction"),
    )
    at = span.now if span.running else _report_changed_at(reports, home, span)
    return writer.of_night(report, _rests_on(board, writer, home.id, span), at)


def _rests_on(board: Board, writer: Writer, home: HomeId, span: NightSpan) -> list[Json]:
    """Return what the report of a night rests on, as resources."""
    alerts = _alerts(ReportWriter(board, span.now, LANGUAGES[0]), home, span)
    told = (one for alert in told_of(alerts, span) for one in writer.of_alert(alert))
    return [one for one in told if one["resourceType"] in {"Observation", "Flag"}]


def _devices(caller: Caller, writer: Writer, _: Span, __: str) -> Iterator[Told]:
    for plan in caller.desk.centre.board.plans.values():
        homes = {sensor.id: home for home in plan.homes for sensor in home.sensors}
        if not caller.sees(HomeId(f"{plan.site}/*")):
            continue
        for one in writer.of_plan(plan):
            _, _, sensor = one["identifier"][0]["value"].partition("/")
            home = homes.get(sensor)
            yield _told_of(one, plan.at, None if home is None else home.id, None if home is None else home.resident)


def _consents(caller: Caller, writer: Writer, _: Span, __: str) -> Iterator[Told]:
    board = caller.desk.centre.board
    now = caller.desk.centre.now()
    for home in map(board.homes.__getitem__, caller.homes()):
        said = board.measures.history(home)
        for agreed in (one for one in said if isinstance(one, MeasureAgreed)):
            ended = _ended(agreed, said)
            at = agreed.at if ended is None else ended.at
            yield _told_of(writer.of_measure(agreed, ended), at, home.id, home.resident)
        for shared in board.shares.of(home.resident):
            yield _told_of(writer.of_shared(shared, now), shared.at, home.id, home.resident)


def _ended(agreed: MeasureAgreed, said: list[MeasureAgreed | MeasureEnded]) -> MeasureEnded | None:
    """Return by which word the last of what was agreed in one go ended before its day."""
    ends = {
        kind: one
        for one in sorted(said, key=lambda one: one.at, reverse=True)
        if isinstance(one, MeasureEnded) and agreed.at <= one.at < agreed.review
        for kind in one.kinds
    }
    return (
        max((ends[kind] for kind in agreed.kinds), key=lambda one: one.at) if set(agreed.kinds) <= set(ends) else None
    )


async def _looks(caller: Caller, writer: Writer, span: Span) -> list[Told]:
    if Scope.LOOKS not in caller.program.scopes:
        text = "This token does not hold the scope that is needed for this."
        raise Problem(403, "Not done", text)
    now = caller.desk.wall.now()
    asked = Asked(
        since=max(span.since, now - LOOKS_FOR),
        until=min(span.until, now),
        organisations=frozenset({caller.program.organisation}),
    )
    told = []
    for number, entry in await asyncio.to_thread(access_log.found, caller.desk.access_log, asked):
        elsewhere = entry.home is not None and not caller.sees(entry.home)  # somebody of theirs tried another's home
        resident, home = (None, None) if elsewhere else (entry.resident, entry.home)
        look = Looked(
            number,
            entry.at,
            entry.by,
            entry.role,
            entry.deed.value,
            entry.what,
            entry.ground.value,
            resident,
            "" if elsewhere else entry.about,
        )
        told.append(_told_of(writer.of_look(look), entry.at, home, resident))
    return told


Maker = Callable[[Caller, Writer, Span, str], Iterator[Told]]
_KINDS: dict[str, Maker] = {
    **dict.fromkeys(("Observation", "Flag", "Communication", "Task", "Provenance"), _of_alerts),
    "Device": _devices,
    "Consent": _consents,
}
"""Which kinds are told of what the board holds, and how each is made."""

_NIGHTS = "Composition"  # told of the board, in a language
_LOOKS = "AuditEvent"  # told of the access log, which lies on a disk


async def _looked(caller: Caller, told: list[Told], kind: str) -> None:
    homes = [one.home for one in told if one.home is not None]
    await caller.looked(f"fhir-{kind.lower()}", homes, Deed.EXPORTED)


def _place(told: Told) -> str:
    """Return where something stands among what changed, as text that sorts so."""
    return f"{told.changed_at.astimezone(UTC).isoformat(timespec='microseconds')} {told.id}"


def _changed_at(alert: Alert) -> datetime:
    """Return when what is told of an alert last changed."""
    deeds = (*alert.cleared, *alert.delivered, *alert.holds, *alert.follows, *alert.shelves, *alert.passing)
    closed = [] if alert.resolved is None else [alert.resolved.at]
    return max([alert.arrived_at, alert.main.at, *(one.at for one in deeds), *closed])


def _nothing() -> Problem:
    return Problem(404, "Not found", "There is nothing of this kind and id here. See /fhir/metadata.")
