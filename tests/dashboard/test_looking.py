"""Every look leaves an entry: whichever route answers, whoever reads, and whatever the disk does."""

import asyncio
import contextlib
import re
import sqlite3
import threading
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from hypothesis import given, settings
from hypothesis import strategies as st

from care.database import Database
from care.ids import AlertId, ContactId, StaffId
from dashboard import access_log, contacts, looking
from dashboard.access_log import Deed, Entry, Ground
from dashboard.looking import BY_OTHERS, UNLOGGED
from dashboard.organisations import Role, appoint
from dashboard.pages import Desk, every_route, reader_of
from detectors.homes import HomeId, ResidentId
from tests.dashboard.conftest import ALERT, HOME, HTMX, WILG, StoryClock, batch, finding, plan, signed_in, stranger_at
from tests.dashboard.test_organisations import EIK, MAAN, ZON, hired, real, two  # noqa: F401  # fixtures

R_12 = ResidentId("r-0012")


def entries(desk: Desk) -> list[Entry]:
    rows = desk.access_log.execute("SELECT number, body, digest FROM entry ORDER BY number")
    return [entry for _, entry in access_log.check(rows)]


def said(desk: Desk) -> list[tuple[Deed, str, str | None, Ground]]:
    return [(one.deed, one.what, one.home, one.ground) for one in entries(desk)]


# No route can forget it.


def asks_who_reads(dependant: Dependant) -> bool:
    return dependant.call is reader_of or any(map(asks_who_reads, dependant.dependencies))


BY_THEMSELVES = {"/answer/{token}/open", "/answer/{token}"}  # whoever was asked does not sign in


def test_every_route_knows_who_reads_or_stands_in_the_list_of_those_that_need_not(desk: Desk) -> None:
    found = list(every_route())
    forgotten = [
        route.path
        for route in found
        if not asks_who_reads(route.dependant) and route.path not in {*UNLOGGED, *BY_THEMSELVES, *BY_OTHERS}
    ]
    assert forgotten == []
    assert len(found) > 40
    there = {route.path for route in found}
    assert {*UNLOGGED, *BY_OTHERS} - {"/static"} <= there  # nothing in the lists that is not there
    assert not UNLOGGED.keys() & BY_OTHERS.keys()
    apart = ("/mine", "/with", "/api/", "/fhir/", "/sign-in/", "/my-sign-in/", "/invitation/")
    assert {path for path in there if path.startswith(apart)} == {*BY_OTHERS}  # a new one fails until it is looked at


FILLED = {"site": "wilg", "home": "12", "alert": ALERT, "back_test": "0" * 10, "resident": R_12}


@pytest.mark.anyio
async def test_whatever_page_shows_something_about_a_resident_left_an_entry_about_them(real: Desk) -> None:  # noqa: F811
    """Each page that can be read, asked for by somebody who may; with her number in it, her entry is there."""
    walked = 0
    async with signed_in(real, hired(real.people, "care", ZON, Role.CARE)) as page:
        for route in every_route():
            if (
                "GET" not in (route.methods or ())
                or route.path in UNLOGGED
                or "{token}" in route.path
                or route.path == "/live"
                or route.path in BY_OTHERS
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
        looking.told(own)
        return drawn(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.drawing, "home", home)
    assert (await page.get("/homes/wilg/12")).status_code == 200
    assert entries(desk) == [own]


# The event loop waits for no disk.


def one_look(n: int) -> Entry:
    at = StoryClock().now() + timedelta(seconds=n)
    return Entry(at=at, by=f"contact:{n}", deed=Deed.READ, what="shared", ground=Ground.SHARED)


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=12), refuse=st.sets(st.integers(1, 3)))
def test_whoever_goes_on_is_on_disk_in_the_order_of_coming_and_the_chain_is_whole(
    sizes: list[int], refuse: set[int]
) -> None:
    """Looks that come at once, in some turns of a disk that refuses: whoever was not refused stands there, once."""
    with contextlib.closing(access_log.connect(":memory:")) as log:
        turns = 0

        def write(db: Database, *entries: Entry) -> None:
            nonlocal turns
            turns += 1
            if turns in refuse:
                raise sqlite3.OperationalError("disk I/O error")
            really(db, *entries)

        really, access_log.write = access_log.write, write
        kept, good = looking.Kept(), list[Entry]()
        desk = SimpleNamespace(access_log=log, centre=SimpleNamespace(beside=""), looks=kept)

        async def comes(first: int, size: int) -> None:
            mine = [one_look(first + n) for n in range(size)]
            for _ in range(first % 3):
                await asyncio.sleep(0)
            try:
                await looking.note(desk, *mine)
            except looking.NotWritten:
                return
            there = {entry for _, entry in access_log.check(log.execute("SELECT number, body, digest FROM entry"))}
            assert there.issuperset(mine)
            good.extend(mine)

        async def all_of_them() -> None:
            await asyncio.gather(*(comes(sum(sizes[:n]), size) for n, size in enumerate(sizes)))

        try:
            asyncio.run(all_of_them())
        finally:
            access_log.write = really
        written = [entry for _, entry in access_log.check(log.execute("SELECT number, body, digest FROM entry"))]
        assert sorted(written, key=lambda one: one.at) == sorted(good, key=lambda one: one.at)
        assert access_log.verify(log, []) == (len(good), 0)
        assert len(written) == len({one.by for one in written})
        assert turns <= len(sizes)


@pytest.mark.anyio
async def test_what_is_done_at_once_is_written_in_the_order_in_which_it_was_done(desk: Desk) -> None:
    async def does(n: int) -> None:
        await looking.note(desk, one_look(n))

    await asyncio.gather(*(does(n) for n in range(50)))
    assert entries(desk) == [one_look(n) for n in range(50)]


@pytest.mark.anyio
async def test_while_the_disk_takes_its_time_the_desk_goes_on_and_nothing_is_shown_before_it(
    page: httpx.AsyncClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk waits until the event loop has gone on: in its own thread that would be never."""
    slow, going, write = threading.Event(), asyncio.Event(), access_log.write
    loop = asyncio.get_running_loop()

    def slowly(db: Database, *entries: Entry) -> None:
        assert threading.current_thread() is not threading.main_thread()
        loop.call_soon_threadsafe(going.set)
        assert slow.wait(10)
        write(db, *entries)

    monkeypatch.setattr(access_log, "write", slowly)
    asked = [
        page.get("/homes/wilg/12"),
        page.get(f"/alerts/{ALERT}"),
        page.post("/sign-in", data={"name": "nobody", "password": "guessed wrongly"}),
    ]
    for one in asked:
        slow.clear()
        going.clear()
        answer = asyncio.ensure_future(one)
        await asyncio.wait_for(going.wait(), 10)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not answer.done()  # not a byte before it is on disk
        assert (await page.get("/healthz")).status_code == 200
        slow.set()
        assert (await answer).status_code in {200, 403}
    assert len(entries(desk)) == len(asked)


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
