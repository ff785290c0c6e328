"""Emergency access: a home opened with a reason, for an hour, and judged afterwards."""

import re
import sqlite3

import httpx
import pytest

from care import journal
from care.messages import Kind, ToTell
from dashboard import emergencies, organisations
from dashboard.organisations import OWN, Role
from dashboard.pages import Desk
from detectors.homes import HomeId, ResidentId
from tests.dashboard.conftest import WILG, StoryClock, batch, finding, plan, signed_in
from tests.dashboard.test_signing_in import door, told
from tests.dashboard.test_staffing import MAAN, ZON, town, works

__all__ = ["door", "town"]

pytestmark = [pytest.mark.anyio, pytest.mark.both_stores]

REASON = "Mevrouw belt zelf en zegt dat ze hulp nodig heeft."
ASKED = {"site": "wilg", "home": "12", "reason": REASON}
OTHER = HomeId("wilg/14")


@pytest.fixture
async def night(town: Desk) -> Desk:
    """Two homes of Zon, with an alert in each; the night desk of the centre sees neither."""
    await town.centre.take(WILG, batch(plan(WILG, HomeId("wilg/12"), OTHER), finding(), finding(OTHER)))
    return town


async def open_it(desk: httpx.AsyncClient) -> str:
    said = await desk.post("/emergency", data=ASKED)
    assert said.status_code == 303
    return said.headers["location"]


async def test_a_home_is_opened_with_a_reason_for_an_hour_and_no_other_home_with_it(
    night: Desk, wall: StoryClock
) -> None:
    async with signed_in(night, works(night, "noor", OWN, Role.DESK)) as desk:
        assert (await desk.get("/homes/wilg/12")).status_code == 404
        path = await open_it(desk)
        page = await desk.get(path)
        assert page.status_code == 200
        assert "Refresh" in page.headers
        assert REASON in page.text
        assert not re.search(r"wilg[/:]14", page.text)
        assert (await desk.get("/homes/wilg/12")).status_code == 404  # only here, where each look is written down
        assert (await desk.post("/emergency", data=ASKED)).headers["location"] == path  # again is not longer
        wall.wait(minutes=59)
        assert (await desk.get(path)).status_code == 200
        wall.wait(minutes=1)
        assert (await desk.get(path)).status_code == 404
    (one,) = emergencies.of(night.people, ResidentId("r-0012"))
    assert (one.home, one.reason, one.organisation) == ("wilg/12", REASON, ZON)
    assert told(night).count(("read", "home")) == 2
    assert ("changed", "emergency") in told(night)
    entries = await night.centre.ask(lambda db: journal.read_after(db, 0))
    (message,) = [one.record for one in entries if isinstance(one.record, ToTell)]  # once, though it was asked twice
    assert (message.to, message.kind, message.home) == ("r-0012", Kind.LOOKED, "wilg/12")


async def test_a_home_is_not_opened_where_the_resident_cannot_be_told(
    night: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise sqlite3.OperationalError("disk is full")

    noor = works(night, "noor", OWN, Role.DESK)
    async with signed_in(night, noor) as desk:
        with monkeypatch.context() as broken:
            broken.setattr(night.centre, "write", full)
            assert (await desk.post("/emergency", data=ASKED)).status_code == 503
        assert emergencies.open_to(night.people, noor, night.wall.now()) == []
        (one,) = emergencies.of(night.people, ResidentId("r-0012"))
        assert (await desk.get(f"/emergency/{one.id}")).status_code == 404


async def test_who_is_done_earlier_sees_it_no_more(night: Desk) -> None:
    async with signed_in(night, works(night, "noor", OWN, Role.DESK)) as desk:
        path = await open_it(desk)
        await desk.post(f"{path}/end")
        assert (await desk.get(path)).status_code == 404
    assert len(emergencies.to_review(night.people, {ZON})) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"reason": ""}, {"reason": "nood"}, {"home": "99"}, {"site": "eik"}, {"home": "../12"}, {"reason": "\x00" * 20}],
)
async def test_without_a_reason_or_a_home_nothing_is_opened(night: Desk, wrong: dict[str, str]) -> None:
    async with signed_in(night, works(night, "noor", OWN, Role.DESK)) as desk:
        assert (await desk.post("/emergency", data={**ASKED, **wrong})).status_code == 422
    assert emergencies.of(night.people, HomeId("wilg/12")) == []


async def test_only_the_night_desk_of_the_centre_opens_a_home_and_nobody_on_anothers_word(night: Desk) -> None:
    async with signed_in(night, works(night, "noor", OWN, Role.DESK)) as desk:
        path = await open_it(desk)
    for name, organisation, role in (
        ("eva", MAAN, Role.CARE),
        ("ada", OWN, Role.ADMINISTRATOR),
        ("fay", OWN, Role.PRIVACY),
        ("tom", OWN, Role.DESK),
    ):
        async with signed_in(night, works(night, name, organisation, role)) as other:
            assert (await other.get(path)).status_code == (await other.post(f"{path}/end")).status_code == 404
            if name != "tom":
                assert (await other.get("/emergency")).status_code == 404
                assert (await other.post("/emergency", data=ASKED)).status_code == 404


async def test_the_privacy_officer_of_the_home_judges_it_once_and_no_other_does(night: Desk) -> None:
    noor = works(night, "noor", OWN, Role.DESK)
    async with signed_in(night, noor) as desk:
        await open_it(desk)
    (one,) = emergencies.of(night.people, HomeId("wilg/12"))
    verdict = {"emergency": one.id, "fit": "false", "verdict": "De nachtdienst was al binnen."}
    async with signed_in(night, works(night, "max", MAAN, Role.PRIVACY)) as other:
        assert REASON not in (await other.get("/emergencies")).text
        assert (await other.post("/emergencies", data=verdict)).status_code == 404
    organisations.appoint(night.people, noor, ZON, Role.PRIVACY)
    async with signed_in(night, noor) as herself:
        assert (await herself.post("/emergencies", data=verdict)).status_code == 404
    async with signed_in(night, works(night, "fay", ZON, Role.PRIVACY)) as officer:
        page = (await officer.get("/emergencies")).text
        assert REASON in page
        assert "Noor" in page
        assert (await officer.post("/emergencies", data={**verdict, "verdict": "nee"})).status_code == 422
        assert (await officer.post("/emergencies", data=verdict)).status_code == 303
        assert (await officer.post("/emergencies", data={**verdict, "fit": "true"})).status_code == 404
        assert "De nachtdienst was al binnen." in (await officer.get("/emergencies")).text
    (judged,) = emergencies.of(night.people, HomeId("wilg/12"))
    assert (judged.fit, judged.verdict) == (False, verdict["verdict"])
    assert told(night).count(("changed", "emergency-review: not fit")) == 1


async def test_whose_role_is_taken_away_has_nothing_open_any_more(night: Desk) -> None:
    noor = works(night, "noor", OWN, Role.DESK)
    async with signed_in(night, noor) as desk:
        path = await open_it(desk)
        night.people.execute("UPDATE post SET role = 'installer' WHERE staff = ?", (noor,))
        assert (await desk.get(path)).status_code == 404


async def test_of_one_home_alone_nothing_of_its_neighbours_is_on_the_board(night: Desk) -> None:
    board = night.centre.board.only(OTHER)
    assert set(board.homes) == {OTHER} == {one.home for one in board.alerts.values()}
    assert [home.id for one in board.plans.values() for home in one.homes] == [OTHER]
