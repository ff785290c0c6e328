"""A home is paused at the desk: whoever looks sees who did so and until when, and whether its building has said so."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, expect

from care import journal
from care.database import Database
from care.ids import Asker, StaffId
from care.link import Beat
from care.pauses import Paused, PauseEnded, PauseReason
from dashboard import access_log, organisations, people
from dashboard.centre import Centre
from dashboard.drawing import Drawing
from dashboard.live import Live
from dashboard.organisations import OrganisationId, Role
from dashboard.pages import Desk
from detectors.findings import Presence, Sight, Status
from detectors.homes import Home, HomeId, Kind, ResidentId, SensorId
from tests.dashboard.conftest import WILG, StoryClock, batch, sideways, signed_in
from tests.dashboard.nights import NOW, People, a_plan, help_asked
from tests.dashboard.reading import text
from tests.dashboard.test_agreeing import Centrale, centrale, reader

pytestmark = pytest.mark.anyio
__all__ = ["centrale"]

HOME = HomeId("wilg/12")
PATH = f"/homes/{HOME}"


def with_a_button(home: Home) -> Home:
    if any(one.kind is Kind.BUTTON for one in home.sensors):
        return home
    button = msgspec.structs.replace(home.sensors[0], id=SensorId("b"), kind=Kind.BUTTON)
    return msgspec.structs.replace(home, sensors=(*home.sensors, button))


_PLAN = a_plan("wilg", "De Wilg", ["12", "14"])
THE_PLAN = msgspec.structs.replace(_PLAN, homes=tuple(map(with_a_button, _PLAN.homes)))
PAUSABLE = tuple(sorted(one.id for one in THE_PLAN.homes[0].sensors if one.kind is not Kind.BUTTON))
IN_BED = Status(at=NOW, home=HOME, presence=Presence.BED, since=NOW)
SAYS_PAUSED = Status(at=NOW, home=HOME, presence=Presence.UNKNOWN, sight=Sight.PAUSED, blind=PAUSABLE, paused=PAUSABLE)


@pytest.fixture
def clock() -> StoryClock:
    return StoryClock(NOW)


@pytest.fixture
def desk(centre: Centre, store: Database, wall: StoryClock) -> Desk:
    drawing = Drawing(centre.board, people.Names(store))
    return Desk(
        centre=centre,
        live=Live(centre, drawing),
        drawing=drawing,
        people=store,
        access_log=access_log.connect(":memory:"),
        wall=wall,
    )


@pytest.fixture
async def page(desk: Desk, sanne: StaffId) -> AsyncIterator[httpx.AsyncClient]:
    await desk.centre.take(WILG, batch(THE_PLAN, IN_BED))
    desk.centre.heard(WILG, Beat(NOW))
    async with signed_in(desk, sanne) as made:
        yield made


def records(desk: Desk, *kinds: type[Any]) -> list[Any]:
    return [one.record for one in journal.read_after(desk.centre._db, 0) if isinstance(one.record, kinds)]


async def pause(page: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await page.post(f"{PATH}/pause", data={"why": "client", "until": "60"} | form)


async def read(page: httpx.AsyncClient, path: str = PATH) -> str:
    return text((await page.get(path)).text)


async def test_a_pause_is_an_order_with_who_why_and_until_when(
    page: httpx.AsyncClient, desk: Desk, sanne: StaffId
) -> None:
    assert (await pause(page)).status_code == 303
    (order,) = records(desk, Paused)
    assert (order.home, order.by, order.why) == (HOME, sanne, PauseReason.CLIENT)
    assert order.until - order.at == timedelta(hours=1)


async def test_until_the_morning_is_until_the_end_of_that_homes_night(page: httpx.AsyncClient, desk: Desk) -> None:
    await pause(page, until="morning")
    (order,) = records(desk, Paused)
    assert order.until == THE_PLAN.homes[0].night.ends_after(NOW)


async def test_who_is_away_is_paused_until_a_day_and_a_time(page: httpx.AsyncClient, desk: Desk) -> None:
    await pause(page, why="away", until="other", moment="2026-03-09T12:00")
    (order,) = records(desk, Paused)
    assert (order.why, order.until.isoformat()) == (PauseReason.AWAY, "2026-03-09T11:00:00+00:00")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"until": "other", "moment": "2026-03-09T12:00"}, "dat is te lang"),
        ({"why": "away", "until": "other", "moment": "2026-04-09T12:00"}, "dat is te lang"),
        ({"until": "other", "moment": "2026-03-01T12:00"}, "dat moment is voorbij"),
        ({"until": "other", "moment": ""}, "vul in tot welke dag en tijd"),
        ({"until": "other", "moment": "0001-01-01T00:00"}, "vul in"),
        ({"until": "5"}, "Er ontbreekt iets"),
    ],
)
async def test_what_cannot_be_is_refused_with_a_sentence(
    page: httpx.AsyncClient, desk: Desk, form: dict[str, str], said: str
) -> None:
    answer = await pause(page, **form)
    assert answer.status_code == 422
    assert said in text(answer.text) or said == "Er ontbreekt iets"
    assert records(desk, Paused) == []


async def test_until_the_building_says_so_it_is_not_on_yet(page: httpx.AsyncClient, desk: Desk) -> None:
    await pause(page)
    assert "Staat nog niet: het gebouw heeft het nog niet bevestigd." in await read(page)
    assert "pauze staat nog niet" in await read(page, "/")
    assert "Staat nog niet" in await read(page, "/hand-over")
    await desk.centre.take(WILG, batch(SAYS_PAUSED, after=2))
    said = await read(page)
    assert "Op pauze door Sanne van 02:31 tot 03:31: op verzoek van de cliënt." in said
    assert "Alleen een hulpoproep komt door." in said
    assert "niet bevestigd" not in said
    assert "Sanne van 02:31 tot 03:31" in await read(page, "/hand-over")


async def test_ending_it_is_one_tap_and_the_second_changes_nothing(
    page: httpx.AsyncClient, desk: Desk, clock: StoryClock
) -> None:
    await pause(page)
    await desk.centre.take(WILG, batch(SAYS_PAUSED, after=2))
    for _ in range(2):
        clock.wait(seconds=1)
        assert (await page.post(f"{PATH}/resume")).status_code == 303
    clock.wait(seconds=1)
    assert len(records(desk, PauseEnded)) == 1
    assert "De pauze is voorbij. Het gebouw heeft dat nog niet bevestigd." in await read(page)
    await desk.centre.take(WILG, batch(msgspec.structs.replace(IN_BED, at=NOW + timedelta(minutes=1)), after=3))
    assert "pauze is voorbij" not in await read(page)


async def test_the_night_report_names_who_paused_and_for_how_long(
    page: httpx.AsyncClient, desk: Desk, clock: StoryClock
) -> None:
    await pause(page)
    await desk.centre.take(WILG, batch(SAYS_PAUSED, after=2))
    clock.wait(minutes=30)
    said = await read(page, "/report")
    assert "De Wilg 12" in said
    assert "door Sanne van 02:31 tot 03:31" in said


async def test_who_may_not_act_may_not_pause(desk: Desk, store: Database) -> None:
    await desk.centre.take(WILG, batch(THE_PLAN, IN_BED))
    kees = people.add_staff(
        store, "kees", first_name="Kees", initials="KM", password="a-long-enough-word", role=Role.MANAGER
    )
    async with signed_in(desk, kees) as page:
        assert (await pause(page)).status_code == 403
        assert (await page.post(f"{PATH}/resume")).status_code == 403
    assert records(desk, Paused, PauseEnded) == []


async def test_a_home_of_another_organisation_is_not_there(desk: Desk, store: Database) -> None:
    await desk.centre.take(WILG, batch(THE_PLAN, IN_BED))
    organisations.make(store, OrganisationId("zon"), "De Zon")
    ans = people.add_staff(
        store, "ans", first_name="Ans", initials="AB", password="a-long-enough-word", organisation="zon"
    )
    async with signed_in(desk, ans) as page:
        assert (await pause(page)).status_code == 404
        assert (await page.post(f"{PATH}/resume")).status_code == 404


async def test_a_pause_of_whoever_lived_there_before_is_none(page: httpx.AsyncClient, desk: Desk) -> None:
    await pause(page)
    homes = tuple(msgspec.structs.replace(one, resident=ResidentId("r-new")) for one in THE_PLAN.homes)
    await desk.centre.take(WILG, batch(msgspec.structs.replace(THE_PLAN, homes=homes), after=2))
    assert "Op pauze door" not in await read(page)


def test_the_resident_themself_is_named_as_the_client(tmp_path: Path) -> None:
    from care.briefing import who_paused
    from care.pauses import Pause
    from care.wording import Wording

    order = Paused(
        at=NOW,
        home=HOME,
        resident=ResidentId("r"),
        by=Asker("resident"),
        until=NOW + timedelta(hours=1),
        why=PauseReason.CLIENT,
    )
    said = who_paused(Pause(order), Wording("nl"), People(), NOW)
    assert said == "door de cliënt van 02:31 tot 03:31: op verzoek van de cliënt"


def test_the_night_worker_pauses_a_home_for_an_hour_on_the_clients_word(browser: Browser, centrale: Centrale) -> None:
    """One pauses, another screen sees it, the button calls still, and at the end the home is in sight again."""
    centrale.say(THE_PLAN, IN_BED)
    address = f"http://127.0.0.1:{centrale.port}"
    with reader(browser, centrale) as page, reader(browser, centrale) as other:
        other.goto(address)
        page.goto(f"{address}{PATH}")
        page.get_by_text("Op pauze zetten").click()
        page.locator(".to-pause").get_by_text("1 uur").click()
        page.get_by_role("button", name="Zet op pauze").click()
        card = page.locator('[id="paused-wilg:12"]')
        tile = other.locator('[id="tile-wilg:12"]')
        expect(card).to_contain_text("Staat nog niet")
        expect(tile).to_contain_text("pauze staat nog niet")
        centrale.say(SAYS_PAUSED)
        expect(card).to_contain_text("Alleen een hulpoproep komt door.")
        expect(tile).to_have_class("tile paused")
        expect(tile).to_contain_text("tot 03:31")
        assert sideways(page) == sideways(other) == 0
        centrale.say(msgspec.structs.replace(help_asked(str(HOME)), at=NOW, since=NOW, episode=NOW))
        expect(other.locator(".queue, main").first).to_contain_text("Hulpoproep")
        centrale.clock.wait(hours=1, minutes=1)
        centrale.say(
            msgspec.structs.replace(IN_BED, at=NOW + timedelta(hours=1), presence=Presence.UNKNOWN, since=None)
        )
        expect(card).not_to_contain_text("Op pauze")
        expect(tile).not_to_have_class("tile paused")
