"""It is agreed at the desk that somebody is watched over; what ends soon, or is off, is on a list and on their page."""

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from care import journal
from care.database import Database
from care.ids import StaffId
from care.link import Beat
from care.measures import Basis, Consenting, Ending, FadingAnswered, MeasureAgreed, MeasureEnded, Purpose
from dashboard import people
from dashboard.organisations import Role
from dashboard.pages import Desk
from detectors.findings import Presence, Status
from detectors.homes import HomeId, Kind
from tests.dashboard.conftest import WILG, StoryClock, batch, signed_in
from tests.dashboard.nights import NOW
from tests.dashboard.reading import text
from tests.dashboard.test_pauses import THE_PLAN, clock, desk, read

pytestmark = pytest.mark.anyio
__all__ = ["clock", "desk"]

HOME = HomeId("wilg/12")
PATH = f"/homes/{HOME}/measures"
IN_BED = Status(at=NOW, home=HOME, presence=Presence.BED, since=NOW)
FORM = {
    "kinds": ["bed", "motion"],
    "purpose": "help",
    "basis": "agreed",
    "consenting": "client",
    "review": "2026-06-01",
}


@pytest.fixture
async def page(desk: Desk, sanne: StaffId) -> AsyncIterator[httpx.AsyncClient]:
    await desk.centre.take(WILG, batch(THE_PLAN, IN_BED))
    desk.centre.heard(WILG, Beat(NOW))
    async with signed_in(desk, sanne) as made:
        yield made


def records(desk: Desk) -> list[MeasureAgreed | MeasureEnded | FadingAnswered]:
    kinds = MeasureAgreed | MeasureEnded | FadingAnswered
    return [one.record for one in journal.read_after(desk.centre._db, 0) if isinstance(one.record, kinds)]


async def agree(page: httpx.AsyncClient, **form: object) -> httpx.Response:
    return await page.post(PATH, data=FORM | form)


async def test_what_for_on_which_ground_who_agreed_and_until_when_is_an_order(
    page: httpx.AsyncClient, desk: Desk, sanne: StaffId
) -> None:
    assert (await agree(page)).status_code == 303
    (order,) = records(desk)
    assert isinstance(order, MeasureAgreed)
    assert (order.kinds, order.by) == ((Kind.BED, Kind.MOTION), sanne)
    assert (order.purpose, order.basis, order.consenting) == (Purpose.HELP, Basis.AGREED, Consenting.CLIENT)
    assert order.review.isoformat() == "2026-06-01T10:00:00+00:00"  # the noon after that night
    said = await read(page, PATH)
    assert "Zodat er op tijd hulp komt. Grond: afgesproken, hooguit een jaar. Ingestemd: de cliënt." in said


async def test_what_is_not_agreed_beside_it_is_drawn_as_off_once_the_building_says_so(
    page: httpx.AsyncClient, desk: Desk
) -> None:
    await agree(page)
    assert "Uit, want er is geen afspraak: Voordeur." in await read(page, f"/homes/{HOME}")
    assert "het gebouw heeft het nog niet bevestigd" in await read(page, PATH)
    doors = tuple(one.id for one in THE_PLAN.homes[0].sensors if one.kind is Kind.DOOR)
    barred = msgspec.structs.replace(IN_BED, sight="partly", blind=doors, paused=doors, barred=doors)
    await desk.centre.take(WILG, batch(barred, after=2))
    assert "niet bevestigd" not in await read(page, PATH)
    assert "geen geldige afspraak" in await read(page, f"/homes/{HOME}")


async def test_six_weeks_before_its_day_it_is_on_the_list_and_after_it_on_another(
    page: httpx.AsyncClient, clock: StoryClock
) -> None:
    assert "Nog niets vastgelegd 2" in await read(page, "/measures")
    await agree(page, kinds=["bed", "motion", "door"])
    assert "Loopt binnen zes weken af 0" in await read(page, "/measures")
    clock.wait(days=60)
    assert "Loopt binnen zes weken af 1" in await read(page, "/measures")
    clock.wait(days=40)
    assert "Uit: de dag is voorbij 1" in await read(page, "/measures")


async def test_it_is_ended_at_once_by_a_tap_with_a_reason_and_the_second_tap_changes_nothing(
    page: httpx.AsyncClient, desk: Desk
) -> None:
    await agree(page)
    for _ in range(2):
        await page.post(f"{PATH}/end", data={"kinds": ["motion"], "why": "client"})
    _, ended = records(desk)
    assert isinstance(ended, MeasureEnded)
    assert (ended.kinds, ended.why) == ((Kind.MOTION,), Ending.CLIENT)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"kinds": []}, "kies waarnaar gekeken wordt"),
        ({"kinds": ["button"]}, "kies waarnaar gekeken wordt"),
        ({"review": "2026-03-01"}, "die dag is voorbij"),
        ({"review": "2028-03-01"}, "te ver weg voor deze grond"),
        ({"consenting": "nobody"}, "wie instemt past niet"),
        ({"basis": "wzd-first", "consenting": "nobody", "review": "2026-07-01"}, "te ver weg voor deze grond"),
        ({"review": "juni"}, "vul in tot welke dag"),
        ({"purpose": "because"}, "Er ontbreekt iets"),
    ],
)
async def test_what_cannot_be_agreed_is_refused_with_a_sentence(
    page: httpx.AsyncClient, desk: Desk, form: dict[str, object], said: str
) -> None:
    answer = await agree(page, **form)
    assert answer.status_code == 422
    assert said in text(answer.text) or said == "Er ontbreekt iets"
    assert records(desk) == []


async def test_who_may_change_nothing_reads_it_without_a_form(
    page: httpx.AsyncClient, desk: Desk, store: Database
) -> None:
    assert "Leg deze afspraak vast" in await read(page, PATH)
    noor = people.add_staff(store, "noor", first_name="Noor", initials="NB", password="maan en sterren", role=Role.DESK)
    async with signed_in(desk, noor) as hers:
        assert "Leg deze afspraak vast" not in await read(hers, PATH)
        assert (await agree(hers)).status_code == 403
        assert (await hers.post(f"{PATH}/less", data={"wanted": "no"})).status_code == 403
    assert records(desk) == []


async def test_that_it_should_stay_as_it_is_is_written_down(page: httpx.AsyncClient, desk: Desk) -> None:
    await page.post(f"{PATH}/less", data={"wanted": "no"})
    (said,) = records(desk)
    assert isinstance(said, FadingAnswered)
    assert not said.wanted


async def test_longer_times_stand_in_the_form_that_looks_back(page: httpx.AsyncClient) -> None:
    before = (await page.get(f"/homes/{HOME}/agreements")).text
    longer = (await page.get(f"/homes/{HOME}/agreements?less=1")).text
    assert 'name="bath" value="20"' in before
    assert 'name="bath" value="30"' in longer
