"""The routes of whoever operates the centre: does it live, can it take and tell alerts, and how much of everything.

`/healthz` and `/readyz` are open, and say nothing of anybody; `/metrics` is for who has the token
(`dashboard.scraping`).
"""

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from care.language import mark
from dashboard import metrics, scraping
from dashboard.door import Problem, no_page
from dashboard.glance import desk_zone
from dashboard.pages import Desk, TheDesk
from dashboard.readiness import LIFE, Part, wrong
from detectors.homes import zone_of

router = APIRouter()


@router.get("/healthz")
async def healthz(desk: TheDesk) -> Response:
    """Tell a watchdog whether the centre lives, and how it is, with nothing in it about anybody."""
    ill = {part: why for part, why in (await _ill(desk)).items() if part in LIFE}
    intake, centre, shifts = desk.intake, desk.centre, desk.centre.board.shifts
    now, zone = centre.now(), zone_of(desk_zone(centre.board))
    return JSONResponse(
        {
            "wrong": ill,
            "number": centre.number,
            "broker": intake is not None and intake.connected,
            "refused": 0 if intake is None else intake.refused.total(),
            "buildings": len(centre.board.plans),
            "silent": sum(centre.silent(site) for site in centre.board.plans),
            "trouble": centre.trouble,
            "watching": desk.screens.watching,
            "sounding": desk.screens.sounding,
            "seen_and_heard": sum(shifts.proven_at(screen, now, zone) is not None for screen in desk.screens.in_view),
        },
        _status(ill),
    )


@router.get("/readyz")
async def readyz(desk: TheDesk) -> Response:
    """Tell whether the centre can take and tell alerts now, and if not, why."""
    ill = await _ill(desk)
    return JSONResponse({"ready": not ill, "wrong": ill}, _status(ill))


@router.get("/metrics")
async def get_metrics(desk: TheDesk, authorization: Annotated[str, Header()] = "") -> Response:
    """Return all figures in Prometheus' text format, one scrape at a time."""
    if not scraping.is_open(desk.people):
        raise no_page()
    if not scraping.may_read(desk.people, authorization):
        text = mark("This is for a program that has the token of this centre.")
        raise Problem(401, mark("Not shown"), text, **{"WWW-Authenticate": "Bearer"})
    async with desk.one_scrape:
        figures = await metrics.gather(desk, await desk.tries.tried(desk.centre))
        said = await asyncio.to_thread(metrics.text, figures)
    return Response(said, media_type=CONTENT_TYPE_PLAIN_0_0_4)


async def _ill(desk: Desk) -> dict[Part, str]:
    return wrong(await desk.tries.tried(desk.centre), desk.centre, desk.intake, desk.people, desk.lookout)


def _status(ill: dict[Part, str]) -> HTTPStatus:
    return HTTPStatus.SERVICE_UNAVAILABLE if ill else HTTPStatus.OK
