"""Every look leaves an entry: whichever route answers, whoever reads, and whatever the disk does."""

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from care.ids import AlertId, ContactId, StaffId
from dashboard import access_log, contacts, looking
from dashboard.access_log import Deed, Entry, Ground
from dashboard.looking import BY_OTHERS, UNLOGGED
from dashboard.organisations import Role, appoint
from dashboard.pages import Desk, reader_of, site
from detectors.homes import HomeId, ResidentId
from tests.dashboard.conftest import ALERT, HOME, HTMX, WILG, StoryClock, batch, finding, plan, signed_in, stranger_at
from tests.dashboard.test_organisations import EIK, MAAN, ZON, hired, real, two  # noqa: F401  # fixtures

R_12 = ResidentId("r-0012")


def entries(desk: Desk) -> list[Entry]:
    return [entry for _, entry in access_log.check(desk.access_log.execute("SELECT number, body, digest FROM entry"))]


def said(desk: Desk) -> list[tuple[Deed, str, str | None, Ground]]:
    return [(one.deed, one.what, one.home, one.ground) for one in entries(desk)]


# No route can forget it.


def routes(desk: Desk) -> Iterator[APIRoute]:
    for included in site().routes:
        router = getattr(included, "original_router", None)
        yield from (route for route in getattr(router, "routes", [included]) if isinstance(route, APIRoute))


def asks_who_reads(dependant: Dependant) -> bool:
    return dependant.call is reader_of or any(map(asks_who_reads, dependant.dependencies))


BY_THEMSELVES = {"/answer/{token}/open", "/answer/{token}"}  # whoever was asked does not sign in


def test_every_route_knows_who_reads_or_stands_in_the_list_of_those_that_need_not(desk: Desk) -> None:
    found = list(routes(desk))
    forgotten = [
        route.path
        for route in found
        if not asks_who_reads(route.dependant)
        and route.path not in {*UNLOGGED, *BY_THEMSELVES}
        and not route.path.startswith(tuple(BY_OTHERS))
    ]
    assert forgotten == []
    assert len(found) > 40
    assert {*UNLOGGED} - {"/static"} <= {route.path for route in found}  # nothing in the list that is not there


FILLED = {"site": "wilg", "home": "12", "alert": ALERT, "back_test": "0" * 10, "resident": R_12}


@pytest.mark.anyio
async def test_whatever_page_shows_something_about_a_resident_left_an_entry_about_them(real: Desk) -> None:  # noqa: F811
    """Each page that can be read, asked for by somebody who may; with her number in it, her entry is there."""
    walked = 0
    async with signed_in(real, hired(real.people, "care", ZON, Role.CARE)) as page:
        for route in routes(real):
            if (
                "GET" not in (route.methods or ())
                or route.path in UNLOGGED
                or "{token}" in route.path
                or route.path == "/live"
                or route.path.startswith(tuple(BY_OTHERS))
            ):
                continue
            before = len(entries(real))
            answer = await page.get(re.sub(r"{(\w+)}", lambda part: FILLED.get(part[1], "none"), route.path))
            new = entries(real)[before:]
            if answer.status_code != 200:
                continue
            walked += 1
            whole = {"/load", "/", "/hand-over"}  # an entry for an organisation's hour
            assert new, route.path
            assert [one.by for one in new] == [f"staff:{staff}" for staff in _staff(real)], route.path
            if "{home}" in route.path or "{alert}" in route.path:
                assert [(one.resident, one.home) for one in new] == [(R_12, HOME)], route.path
            elif route.path not in whole:
                assert {one.organisation for one in new} == {ZON}, route.path
    assert walked >= 8


def _staff(desk: Desk) -> list[str]:
    return [row[0] for row in desk.people.execute("SELECT id FROM staff")]


# Stories.


@pytest.mark.anyio
async def test_who_opens_an_alert_and_claims_it_looked_because_there_was_one(
    page: httpx.AsyncClient, desk: Desk, sanne: StaffId
) -> None:
    await page.get(f"/alerts/{ALERT}")
    await page.post(f"/alerts/{ALERT}/claim", headers=HTMX)
    assert said(desk) == [(deed, "alert", HOME, Ground.ALERT) for deed in (Deed.READ, Deed.CHANGED)]
    one = entries(desk)[0]
    assert (one.by, one.role, one.organisation, one.resident) == (f"staff:{sanne}", "care", "own", R_12)
    assert (one.about, one.at) == (ALERT, desk.wall.now())


@pytest.mark.anyio
async def test_a_wall_screen_that_is_open_all_night_is_one_entry_an_hour(
    page: httpx.AsyncClient, desk: Desk, wall: StoryClock
) -> None:
    wall.moment = wall.moment.replace(minute=0)
    for _ in range(3):
        for _ in range(4):
            await page.get("/")
            await page.post("/watching", data={"screen": "wall", "in_view": "true", "sound": "true"})
            wall.wait(minutes=15)
    assert said(desk) == [(Deed.READ, "desk", None, Ground.WATCH)] * 3
    assert [one.at.minute for one in entries(desk)] == [0, 0, 0]


@pytest.mark.anyio
async def test_a_refused_try_is_written_with_whom_it_was_about(real: Desk) -> None:  # noqa: F811
    async with signed_in(real, hired(real.people, "sanne", ZON)) as page:
        assert (await page.get("/homes/eik/12")).status_code == 404
        assert (await page.post("/homes/wilg/12/agreements", data={})).status_code in {403, 422}
    first = entries(real)[0]
    assert (first.deed, first.home, first.organisation) == (Deed.TRIED, "eik/12", ZON)


@pytest.mark.anyio
async def test_somebody_who_is_not_signed_in_leaves_nothing_and_sees_nothing(desk: Desk) -> None:
    await desk.centre.take(WILG, batch(plan(), finding()))
    async with stranger_at(desk) as stranger:
        for path in ("/", f"/alerts/{ALERT}", "/homes/wilg/12", "/healthz", "/sign-in"):
            await stranger.get(path)
    assert entries(desk) == []


@pytest.mark.anyio
async def test_a_neighbour_who_opens_what_she_is_asked_has_looked(desk: Desk) -> None:
    await desk.centre.take(WILG, batch(plan(), finding()))
    riet = contacts.add(desk.people, R_12, "Riet", contacts.Relation.NEIGHBOUR)
    token = contacts.make_link(desk.people, AlertId(ALERT), riet, desk.wall.now())
    async with stranger_at(desk) as phone:
        await phone.post(f"/answer/{token}/open")
        await phone.post(f"/answer/{token}", data={"answer": "going"})
    assert [(one.by, one.deed, one.resident) for one in entries(desk)] == [
        (f"contact:{ContactId(riet)}", Deed.READ, R_12),
        (f"contact:{ContactId(riet)}", Deed.CHANGED, R_12),
    ]


@pytest.mark.anyio
async def test_a_route_that_knows_better_writes_its_own_entry_and_no_second_one(
    page: httpx.AsyncClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Entry(at=desk.wall.now(), by="staff:x", deed=Deed.READ, what="post", ground=Ground.EMERGENCY)
    drawn = desk.drawing.home

    def home(*asked: object) -> str | None:
        access_log.write(desk.access_log, own)
        return drawn(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.drawing, "home", home)
    assert (await page.get("/homes/wilg/12")).status_code == 200
    assert entries(desk) == [own]


# A disk that takes nothing.


@pytest.fixture
def full(desk: Desk) -> Callable[..., None]:
    """Whether the disk of the access log is full."""

    def make(*, yes: bool) -> None:
        (pages,) = desk.access_log.execute("PRAGMA page_count").fetchone()
        desk.access_log.execute(f"PRAGMA max_page_count={pages if yes else 1_000_000}")
        if yes:  # up to the last byte of the last page
            one = Entry(at=desk.wall.now(), by="x", deed=Deed.READ, what="filler", ground=Ground.WATCH)
            with contextlib.suppress(sqlite3.Error):
                while True:
                    access_log.write(desk.access_log, one)

    return make


@pytest.mark.anyio
async def test_on_a_full_disk_an_alert_is_seen_and_told_and_nothing_else_is_shown(
    page: httpx.AsyncClient, desk: Desk, full: Callable[..., None]
) -> None:
    await desk.centre.take(WILG, batch(plan(WILG, HOME, HomeId("wilg/7")), after=2))
    full(yes=True)
    filler = len(entries(desk))
    nothing = await page.get("/homes/wilg/7")  # of which there is no alert
    assert nothing.status_code == 503
    assert "cannot be written down" in nothing.text
    assert "wilg" not in nothing.text
    assert (await page.get(f"/alerts/{ALERT}")).status_code == 200
    assert (await page.post(f"/alerts/{ALERT}/claim", headers=HTMX)).status_code == 200
    assert (await page.get("/")).status_code == 200
    assert desk.centre.trouble.startswith("access log")
    assert (await page.get("/healthz")).json()["trouble"].startswith("access log")
    assert len(entries(desk)) == filler
    full(yes=False)
    assert (await page.get("/")).status_code == 200
    assert desk.centre.trouble == ""
    kept = [one for one in said(desk) if one[1] != "filler"]
    assert kept == [
        (Deed.READ, "alert", HOME, Ground.ALERT),
        (Deed.CHANGED, "alert", HOME, Ground.ALERT),
        (Deed.READ, "desk", None, Ground.WATCH),
    ]


def test_what_waits_for_a_disk_has_a_bound_and_what_is_lost_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "KEPT_MAX", 3)
    kept = looking.Kept()
    at = StoryClock().now()
    many = [
        Entry(at=at + timedelta(seconds=n), by="x", deed=Deed.READ, what="alert", ground=Ground.ALERT) for n in range(5)
    ]
    kept.wait(many)
    assert (kept.waiting, kept.lost) == (many[2:], 2)


@pytest.mark.anyio
async def test_who_works_for_two_is_written_down_as_of_the_one_whose_home_it_is(real: Desk) -> None:  # noqa: F811
    both = hired(real.people, "noor", ZON, Role.CARE)
    appoint(real.people, both, MAAN, Role.MANAGER)
    before = len(entries(real))
    async with signed_in(real, both) as page:
        assert (await page.post(f"/homes/{HOME}/circle/code")).status_code == 200
    (one,) = entries(real)[before:]
    assert (one.what, one.organisation, one.role, one.home) == ("code", ZON, "care", HOME)
