"""The calling order: who is asked, in which hours and for how long, as an organisation agrees it and tries it out.

What is saved is a record with who, why, before and after. What would happen is foretold by the same function that
makes it happen (`care.escalation`), so that nobody has to work it out.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from http import HTTPStatus
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from care.alerts import Tier
from care.asking import Agreement, Chain, Consented, Exhausted, Line, Passed, Skipped, Step
from care.board import Board
from care.chains import (
    CHAINS_MAX,
    CHANNELS_MAX,
    DESK,
    LINES,
    ORGANISATION,
    STEPS_MAX,
    About,
    BadAgreement,
    agree,
    check,
    consent,
    day_ends,
)
from care.escalation import preview
from care.ids import Asker, ContactId, Place
from care.labels import CHANNELS, TIERS
from care.language import mark
from care.records import site_of
from care.wording import capital, natural
from dashboard import contacts, looking
from dashboard.door import Problem
from dashboard.glance import Glance, desk_zone, home_path
from dashboard.organisations import Right
from dashboard.pages import Desk, Reader, SignedIn, TheDesk
from dashboard.passing import ROLES, WHY_ASKED, who_is
from dashboard.people import Names
from detectors.homes import HomeId, SiteId, is_building, zone_of

TRIED_AT = time(2, 14)
SPARE = 2  # empty rows in each part of the day
MINUTES_MAX = 720.0
ASKED = (Tier.ACUTE, Tier.SOON)  # what goes on to anybody at all

ABOUT: dict[About, str] = {
    About.HELP: mark("Help call"),
    About.DOOR: mark("Front door"),
    About.OTHER: mark("Anything else"),
}

router = APIRouter()

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True, slots=True)
class Row:
    """One step as it stands in the form."""

    who: str = ""
    channels: tuple[str, ...] = ("",) * CHANNELS_MAX
    minutes: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """One part of the day as it stands in the form."""

    since: str
    until: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Typed:
    """The whole form, as it was typed."""

    hours: tuple[Hours, ...]
    acute: str
    soon: str
    why: str = ""
    clock: str = f"{TRIED_AT:%H:%M}"
    tier: str = Tier.ACUTE.value


@dataclass(frozen=True, slots=True)
class Foretold:
    """One thing that would happen."""

    clock: str
    text: str
    past: bool = False  # somebody who is passed by


async def place_of(desk: TheDesk, reader: Reader, site: str = "", home: str = "") -> Place:
    """Return the place that a page is about. Raises `Problem` if there is none, or none for who reads."""
    board = desk.centre.board
    if home:
        looking.at(HomeId(f"{site}/{home}"))
    if not site and reader.of_the_centre:
        return ORGANISATION
    if site and reader.sees(desk, HomeId(f"{site}/{home}")):
        if _ID.fullmatch(site) and not home and SiteId(site) in board.plans:
            return Place(site)
        if home and HomeId(f"{site}/{home}") in board.homes:
            return Place(f"{site}/{home}")
    raise Problem(404, mark("No such place"), mark("There is no home or building here. Go back to the desk."))


ThePlace = Annotated[Place, Depends(place_of)]


@router.get("/calling-order")
@router.get("/calling-order/{site}")
@router.get("/calling-order/{site}/{home}")
async def page(place: ThePlace, desk: TheDesk, reader: Reader) -> Response:
    found = desk.centre.board.chains.of(place)
    typed = _typed_from(found[1] if found is not None else None, reader.viewer.language)
    return HTMLResponse(_drawn(desk, reader, place, typed))


@router.post("/calling-order")
@router.post("/calling-order/{site}")
@router.post("/calling-order/{site}/{home}")
async def post(request: Request, place: ThePlace, desk: TheDesk, reader: Reader) -> Response:
    """Save what was typed, follow the larger place again, or only show what would happen."""
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    typed, do = _typed(form), form.get("do", "")
    try:
        after = None if do == "follow" else _agreement(typed)
        if do in {"save", "follow"}:
            _must(desk, reader, place)
            await desk.centre.write(
                lambda board, at: agree(board.chains, place, after, by=reader.staff, why=typed.why, at=at)
            )
            return RedirectResponse(_path(place), 303)
        if after is not None:
            check(after)
    except BadAgreement as error:
        return HTMLResponse(_drawn(desk, reader, place, typed, problem=error), HTTPStatus.UNPROCESSABLE_ENTITY)
    return HTMLResponse(_drawn(desk, reader, place, typed, trying=after))


@router.post("/calling-order/{site}/{home}/consent")  # noqa: FAST003  # `place_of` takes both
async def post_consent(
    place: ThePlace,
    desk: TheDesk,
    reader: Reader,
    *,
    contact: Annotated[str, Form(max_length=40)],
    until: Annotated[date, Form()],
    tiers: Annotated[list[Tier] | None, Form()] = None,
    kinds: Annotated[list[About] | None, Form()] = None,
) -> Response:
    """Write down about what the resident wants this contact to be asked, and until when."""
    _must(desk, reader, place)
    home = desk.centre.board.homes[HomeId(place)]
    known = contacts.known(desk.people, ContactId(contact))
    if known is None or known.resident != home.resident:
        raise Problem(422, mark("Not saved"), mark("This is no contact of this client."))
    ends = day_ends(until, _zone(desk.centre.board, place))
    asked = tuple(tier.value for tier in ASKED if tier in (tiers or ()))
    await desk.centre.write(
        lambda board, at: consent(
            board.chains, home.id, known.id, asked, ends, kinds=kinds or (), by=Asker(reader.staff), at=at
        )
    )
    return RedirectResponse(f"{_path(place)}#consent", 303)


def _must(desk: Desk, reader: SignedIn, place: Place) -> None:
    """Raise `Problem` unless who reads may agree something for a place."""
    reader.must(Right.CHANGE, desk, None if place == ORGANISATION else HomeId(place))


# The form.


def _typed_from(agreement: Agreement | None, language: str) -> Typed:
    """Return a form that says what is agreed; where nothing is, with the desk in it to begin with."""
    if agreement is None:
        steps = (Step(line=Line.ONE, who=DESK),)
        agreement = Agreement(chains=(Chain(since=time(0), until=time(0), steps=steps),))
    hours = [
        Hours(
            f"{chain.since:%H:%M}",
            f"{chain.until:%H:%M}",
            tuple(Row(step.who, _padded(step.channels), _number(step.minutes, language)) for step in chain.steps),
        )
        for chain in agreement.chains
    ]
    return Typed(tuple(hours), _number(agreement.acute, language), _number(agreement.soon, language))


def _typed(form: Mapping[str, str]) -> Typed:
    hours = []
    for chain in range(CHAINS_MAX):
        rows = []
        for step in range(STEPS_MAX):
            name = f"c{chain}s{step}"
            if form.get(f"{name}-who"):
                tried = _padded(form.get(f"{name}-by{number}", "") for number in range(CHANNELS_MAX))
                rows.append(Row(form[f"{name}-who"], tried, form.get(f"{name}-minutes", "")))
        if rows:
            hours.append(Hours(form.get(f"c{chain}-since", ""), form.get(f"c{chain}-until", ""), tuple(rows)))
    return Typed(
        tuple(hours),
        form.get("acute", ""),
        form.get("soon", ""),
        form.get("why", ""),
        form.get("clock", ""),
        form.get("tier", ""),
    )


def _agreement(typed: Typed) -> Agreement:
    """Read a form. Raises `BadAgreement`."""
    chains = []
    for number, hours in enumerate(typed.hours):
        steps = [_step(row, number) for row in hours.rows]
        chains.append(Chain(since=_time(hours.since, number), until=_time(hours.until, number), steps=tuple(steps)))
    return Agreement(chains=tuple(chains), acute=_minutes(typed.acute), soon=_minutes(typed.soon))


def _step(row: Row, chain: int) -> Step:
    who = ContactId(row.who[:40])
    by = tuple(dict.fromkeys(one[:20] for one in row.channels if one))
    return Step(line=LINES.get(who, Line.ZERO), who=who, channels=by, minutes=_minutes(row.minutes, chain))


def _time(text: str, chain: int | None = None) -> time:
    try:
        read = time.fromisoformat(text.strip().zfill(len("00:00")))
    except ValueError as error:
        raise BadAgreement(mark("That is no time. Write it as 22:00."), chain) from error
    return read.replace(second=0, microsecond=0, tzinfo=None)


def _minutes(text: str, chain: int | None = None) -> float:
    try:
        read = float(text.replace(",", "."))
    except ValueError:
        read = -1.0
    if not 0 < read <= MINUTES_MAX:
        raise BadAgreement(mark("Write how many minutes: more than 0, at most 720."), chain)
    return read


def _number(minutes: float, language: str) -> str:
    return f"{minutes:g}" if language == "en" else f"{minutes:g}".replace(".", ",")


def _padded(channels: Iterable[str]) -> tuple[str, ...]:
    given = list(channels)
    return tuple((*given, *[""] * CHANNELS_MAX)[:CHANNELS_MAX])


# The page.


def _drawn(
    desk: Desk,
    reader: SignedIn,
    place: Place,
    typed: Typed,
    *,
    trying: Agreement | None = None,
    problem: BadAgreement | None = None,
) -> str:
    board, now = desk.centre.board, desk.centre.now()
    glance = Glance(board, Names(desk.people), now, reader.viewer.language)
    counts = board.chains.of(place)
    last = board.chains.last(place)
    shown = trying if trying is not None else (counts[1] if counts is not None and problem is None else None)
    at = _next(typed.clock, now, _zone(board, place))
    tier = next((one for one in ASKED if one.value == typed.tier), Tier.ACUTE)
    blank = tuple(Row() for _ in range(SPARE))
    hours = [Hours(one.since, one.until, (*one.rows, *blank)[:STEPS_MAX]) for one in typed.hours]
    if len(hours) < CHAINS_MAX:
        hours.append(Hours("", "", blank))
    home = board.homes.get(HomeId(place))
    known = contacts.of(desk.people, home.resident) if home is not None else []
    used = [by for one in typed.hours for row in one.rows for by in row.channels if by]
    by_ways = dict.fromkeys([*contacts.channels(desk.people), *CHANNELS, *used])
    by_ways.pop("siren", None)
    return desk.drawing.calling_order(
        now,
        reader.viewer,
        page=_path(place),
        messages=f"{home_path(home.id)}/messages" if home is not None else "/messages" if reader.of_the_centre else "",
        name=_name(glance, place),
        own=board.chains.own(place) is not None,
        follows=_name(glance, counts[0]) if counts is not None and counts[0] != place else "",
        follows_path=_path(counts[0]) if counts is not None else "",
        agreed=last is not None and last.after is not None and _said_of(glance, last.at, last.by, last.why),
        outward=[(_path(one), _name(glance, one)) for one in _larger(place)],
        inward=[(_path(one), _name(glance, one), one in board.chains.places) for one in _smaller(board, place)],
        typed=typed,
        hours=hours,
        whom=_whom(glance, known, typed),
        ways=[(by, capital(glance.wording.channel(by))) for by in by_ways],
        tiers=[(one.value, glance.say(TIERS[one])) for one in ASKED],
        kinds=[(one.value, glance.say(ABOUT[one])) for one in About],
        foretold=_foretold(glance, place, shown, tier, at) if shown is not None else [],
        foretold_at=glance.wording.time(at),
        foretold_tier=glance.say(TIERS[tier]),
        trying=trying is not None,
        problem=glance.say(problem.problem) if problem is not None else "",
        problem_in=problem.chain if problem is not None else None,
        contacts=[_consent(glance, HomeId(place), one, now) for one in known],
        is_home=home is not None,
    )


def _foretold(glance: Glance, place: Place, agreement: Agreement, tier: Tier, at: datetime) -> list[Foretold]:
    """Say what would happen with an alert that nobody does anything about."""
    said = []
    client = None
    home = glance.board.homes.get(HomeId(place))
    if home is not None:
        client = glance.names.resident(home.resident)
    for one in preview(glance.board, place, agreement, tier, at):
        clock = glance.wording.time(one.at)
        match one:
            case Passed():
                ways = [glance.wording.channel(by) for by in one.channels]
                text = glance.say("{who}, {ways}") if ways else "{who}"
                text = text.format(who=who_is(glance, one.to, client), ways=glance.say(", then ").join(ways))
                said.append(Foretold(clock, capital(text)))
            case Skipped():
                text = glance.say("{who}: {reason}").format(
                    who=who_is(glance, one.to, client), reason=glance.say(WHY_ASKED[one.why])
                )
                said.append(Foretold(clock, capital(text), past=True))
            case Exhausted():
                said.append(Foretold(clock, glance.say("nobody is left to ask"), past=True))
    return said


def _whom(glance: Glance, known: list[contacts.Contact], typed: Typed) -> list[tuple[str, str]]:
    """Return who can be chosen, those of this resident with their relation."""
    whom = {str(role): capital(who_is(glance, role)) for role in ROLES}
    whom |= {str(one.id): f"{one.name} ({glance.say(contacts.RELATIONS[one.relation])})" for one in known}
    for hours in typed.hours:
        for row in hours.rows:
            whom.setdefault(row.who, who_is(glance, ContactId(row.who)))
    return list(whom.items())


def _consent(glance: Glance, home: HomeId, contact: contacts.Contact, now: datetime) -> dict[str, object]:
    said: Consented | None = glance.board.chains.consent(home, contact.id)
    zone = glance.wording_of(site_of(home)).zone
    until = said.until if said is not None else now + timedelta(days=180)
    return {
        "id": contact.id,
        "name": contact.name,
        "relation": glance.say(contacts.RELATIONS[contact.relation]),
        "tiers": said.tiers if said is not None else (),
        "kinds": said.kinds if said is not None and said.kinds is not None else tuple(About),
        "until": (until - timedelta(minutes=1)).astimezone(zone).date().isoformat(),
        "over": said is not None and said.until <= now,
        "away": glance.board.chains.away(contact.id, now) is not None,
    }


def _said_of(glance: Glance, at: datetime, by: str, why: str) -> str:
    who = glance.names.staff(by)  # type: ignore[arg-type]  # an id of staff
    said = glance.say("Agreed on {date} by {who}: {why}")
    return said.format(date=glance.wording.date(at), who=who, why=why)


def _name(glance: Glance, place: Place) -> str:
    if place == ORGANISATION:
        return glance.say("every home")
    plan = glance.board.plans.get(site_of(HomeId(place)))
    named = plan.name if plan is not None else str(place)
    return f"{named} · {glance.wording.home(place)}" if "/" in place else named


def _path(place: Place) -> str:
    return "/calling-order" if place == ORGANISATION else f"/calling-order/{place}"


def _larger(place: Place) -> list[Place]:
    """Return the places that a place lies in, the largest first."""
    if place == ORGANISATION:
        return []
    return [ORGANISATION, *([Place(site_of(HomeId(place)))] if "/" in place else [])]


def _smaller(board: Board, place: Place) -> list[Place]:
    """Return the places that lie in a place."""
    if place == ORGANISATION:
        return [Place(site) for site in sorted(board.plans, key=natural)]
    homes = [one for one in board.homes if Place(site_of(one)) == place and not is_building(one)]
    return [] if "/" in place else [Place(one) for one in sorted(homes, key=natural)]


def _zone(board: Board, place: Place) -> ZoneInfo:
    plan = board.plans.get(site_of(HomeId(place)))
    return zone_of(plan.zone if plan is not None else desk_zone(board))


def _next(clock: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return when it is next so late on the wall."""
    try:
        asked = _time(clock)
    except BadAgreement:
        asked = TRIED_AT
    today = now.astimezone(zone).date()
    days = (today, today + timedelta(days=1))
    return min(at for day in days if (at := datetime.combine(day, asked, tzinfo=zone)) > now)
