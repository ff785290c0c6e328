"""At the desk: a home that no walk test proves says so, quietly; one that is walked now says that."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from care.database import Database
from care.ids import StaffId
from care.link import Beat
from care.proofs import InstallerId, Shown, Verdict, Walked, WalkedSensor, Walking, places, plan_of
from care.records import Plan
from dashboard import access_log, people
from dashboard.centre import Centre
from dashboard.drawing import Drawing
from dashboard.live import Live
from dashboard.pages import Desk
from detectors.findings import Finding, Perhaps, Presence, Status, What
from detectors.homes import Home, HomeId
from gateway.installer import proofs
from tests.dashboard.conftest import WILG, StoryClock, batch, signed_in
from tests.dashboard.nights import NOW, a_plan
from tests.dashboard.reading import text

pytestmark = pytest.mark.anyio

THE_PLAN = a_plan("wilg", "De Wilg", ["12", "14"])
HOME = HomeId("wilg/12")
EARLIER = NOW - timedelta(hours=10)


def a_proof(home: Home, folder: Path, *, devices: Plan = THE_PLAN) -> Walked:
    sensors = tuple(
        WalkedSensor(sensor=sensor, place=place, verdict=Verdict.ARRIVED, at=EARLIER)
        for sensor, place in places(home, devices.devices).items()
    )
    shown = Shown(alert="a1", pressed_at=EARLIER, seen_at=EARLIER, screen="desk-2", answered_at=EARLIER)
    plan = plan_of(home.id, {one.sensor: one.place for one in sensors})
    proof = Walked(at=EARLIER, home=home.id, plan=plan, sensors=sensors, by=InstallerId("i-1"), shown=shown)
    return proofs.sign(proof, proofs.key(folder))


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
    status = [Status(at=NOW, home=home.id, presence=Presence.BED, since=NOW) for home in THE_PLAN.homes]
    await desk.centre.take(WILG, batch(THE_PLAN, *status))
    desk.centre.heard(WILG, Beat(NOW))
    async with signed_in(desk, sanne) as made:
        yield made


async def read(page: httpx.AsyncClient, path: str) -> str:
    return text((await page.get(path)).text)


async def test_a_building_that_never_told_of_a_walk_says_so_once(page: httpx.AsyncClient) -> None:
    assert (await read(page, "/")).count("Nog geen looptest") == 1
    assert "Niet getest: nog geen looptest." in await read(page, f"/homes/{HOME}")
    assert "De Wilg Nog geen looptest" in await read(page, "/hand-over")


async def test_a_walked_home_is_proven_and_the_other_is_marked_on_its_tile_and_counted(
    desk: Desk, page: httpx.AsyncClient, tmp_path: Path
) -> None:
    await desk.centre.take(WILG, batch(THE_PLAN, a_proof(THE_PLAN.homes[0], tmp_path), after=3))
    board = await read(page, "/")
    assert "Geen looptest: 1" in board
    assert board.count("Niet getest") == 1  # the tile of home 14
    assert "Looptest op" in await read(page, f"/homes/{HOME}")
    assert "De Wilg 14 Nog geen looptest" in await read(page, "/hand-over")


async def test_a_device_that_is_replaced_ends_the_proof_at_the_desk(
    desk: Desk, page: httpx.AsyncClient, tmp_path: Path
) -> None:
    sensor = THE_PLAN.homes[0].sensors[0].id
    replaced = msgspec.structs.replace(THE_PLAN, at=NOW, devices={sensor: "aaaabbbbcccc"})
    await desk.centre.take(WILG, batch(a_proof(THE_PLAN.homes[0], tmp_path), replaced, after=3))
    assert "een sensor is na de looptest vervangen" in await read(page, f"/homes/{HOME}")


async def test_what_is_found_during_a_walk_says_so_and_waits_but_a_call_for_help_does_not(
    desk: Desk, page: httpx.AsyncClient
) -> None:
    walk = Walking(at=NOW, home=HOME, until=NOW + timedelta(hours=1))
    left = Finding(at=NOW, home=HOME, what=What.DOOR_LEFT, since=NOW, episode=NOW, perhaps=(Perhaps.WALK,))
    await desk.centre.take(WILG, batch(walk, left, after=3))
    assert "Looptest" in await read(page, "/")
    [technical] = desk.centre.board.open_alerts()
    assert technical.tier.value == "technical"
    assert "looptest" in await read(page, f"/alerts/{technical.id}")
    call = msgspec.structs.replace(left, what=What.BUTTON)
    await desk.centre.take(WILG, batch(call, after=5))
    urgent = desk.centre.board.open_alerts()[0]
    assert urgent.tier.value == "acute"
    assert "looptest" in await read(page, f"/alerts/{urgent.id}")
