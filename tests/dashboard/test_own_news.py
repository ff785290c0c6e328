"""What a resident's own page says by itself: that less watching can do, that somebody looked in an emergency."""

import html
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from care import journal
from care.measures import FadingAnswered
from dashboard import emergencies, housekeys
from dashboard.drawing import Drawing
from dashboard.mine import OWN
from dashboard.organisations import OWN as CENTRE_ITSELF
from dashboard.pages import Desk
from dashboard.people import Names
from detectors.findings import Presence
from detectors.homes import ResidentId
from detectors.nights import Stay, Summary
from tests.dashboard.conftest import HOME, NIGHT, WILG, StoryClock, batch, plan, stranger_at

pytestmark = pytest.mark.anyio

JANSEN = ResidentId("r-0012")


@pytest.fixture
async def tablet(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    """A device of the resident, after four quiet weeks."""
    real = replace(desk, drawing=Drawing(desk.centre.board, Names(desk.people)))
    await real.centre.take(WILG, batch(plan()))
    for back in range(1, 29):
        begins = NIGHT - timedelta(days=back)
        stays = (Stay(begins, begins + timedelta(hours=2), Presence.BED),)
        night = Summary(at=begins + timedelta(hours=12), home=HOME, night=begins.date(), exits=1, stays=stays)
        await real.centre.write(lambda *_, night=night: [night])
    code = housekeys.invite(desk.people, JANSEN, None, desk.wall.now())
    token = housekeys.let_in(desk.people, code, desk.wall.now(), housekeys.Device.TABLET)
    async with stranger_at(real) as made:
        made.cookies.set("__Host-nachtwacht-own", str(token), domain="desk.example")
        yield made


async def read(tablet: httpx.AsyncClient) -> str:
    return html.unescape((await tablet.get("/mine")).text)


async def answers(desk: Desk) -> list[FadingAnswered]:
    entries = await desk.centre.ask(lambda db: journal.read_after(db, 0))
    return [one.record for one in entries if isinstance(one.record, FadingAnswered)]


async def test_a_resident_reads_that_less_watching_can_do_wants_it_and_then_leaves_it_as_it_is(
    tablet: httpx.AsyncClient, desk: Desk
) -> None:
    page = await read(tablet)
    assert "Minder meekijken kan" in page
    assert "Je laatste 28\N{NO-BREAK SPACE}nachten waren rustig." in page
    assert (await tablet.post("/mine/less", data={"wanted": "true"})).headers["location"] == "/mine#less"
    page = await read(tablet)
    assert "Je hebt gezegd dat je dit wilt." in page
    assert 'id="less-yes"' not in page
    await tablet.post("/mine/less", data={"wanted": "false"})
    assert "Minder meekijken kan" not in await read(tablet)
    assert (await tablet.post("/mine/less", data={"wanted": "true"})).status_code == 303  # nothing is proposed now
    assert [(one.by, one.wanted) for one in await answers(desk)] == [(OWN, True), (OWN, False)]


async def test_that_somebody_looked_in_an_emergency_stands_on_the_first_page_for_a_week(
    tablet: httpx.AsyncClient, desk: Desk, wall: StoryClock
) -> None:
    said = "Iemand keek in een noodgeval naar je gegevens"
    assert said not in await read(tablet)
    emergencies.begin(
        desk.people,
        "s-1",  # type: ignore[arg-type]
        HOME,
        resident=JANSEN,
        organisation=CENTRE_ITSELF,
        reason="Zij belde zelf om hulp.",
        now=wall.now(),
    )
    page = await read(tablet)
    assert said in page
    assert "belde" not in page  # who and why stands behind it
    wall.wait(days=8)
    assert said not in await read(tablet)
