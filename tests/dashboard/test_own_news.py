"""What a resident's own page says by itself: that less watching can do, that somebody looked in an emergency."""

import html
import struct
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from care import journal
from care.ids import ContactId
from care.measures import FadingAnswered
from care.messages import Wanted
from dashboard import contacts, emergencies, housekeys, icon, organisations, push, tastes
from dashboard.contacts import Relation
from dashboard.drawing import Drawing
from dashboard.mine import OWN
from dashboard.organisations import OWN as CENTRE_ITSELF
from dashboard.pages import Desk
from dashboard.people import Names
from detectors.findings import Presence
from detectors.homes import ResidentId
from detectors.nights import Stay, Summary
from tests.carriers import Browser
from tests.dashboard.conftest import HOME, NIGHT, WILG, StoryClock, batch, plan, stranger_at

pytestmark = [pytest.mark.anyio, pytest.mark.both_stores]

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


async def test_an_organisation_says_u_to_whoever_did_not_choose_and_what_a_resident_chose_stays(
    tablet: httpx.AsyncClient, desk: Desk
) -> None:
    je, u = "Je laatste 28\N{NO-BREAK SPACE}nachten", "Uw laatste 28\N{NO-BREAK SPACE}nachten"
    organisations.make(desk.people, "elders", "Elders")
    tastes.usually_speak(desk.people, "elders", formal=True)
    assert je in await read(tablet)  # what another organisation says is nothing to her
    tastes.usually_speak(desk.people, CENTRE_ITSELF, formal=True)
    assert u in await read(tablet)
    half = {"hourly": "1", "nightly": "3", "since": "23:00"}
    assert "Terug naar mijn pagina" in (await tablet.post("/mine/limits", data=half)).text
    await tablet.post("/mine/manner", data={"formal": "false"})
    assert je in await read(tablet)
    tastes.usually_speak(desk.people, CENTRE_ITSELF, formal=False)
    await tablet.post("/mine/manner", data={"formal": "true"})
    assert u in await read(tablet)


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


@pytest.fixture
async def phone(tablet: httpx.AsyncClient, desk: Desk) -> httpx.AsyncClient:
    """A device of a neighbour of the resident, and of another one whom nobody knows a home of."""
    before = ""
    for resident in (JANSEN, ResidentId("r-0099")):
        known = contacts.add(desk.people, resident, "Fatima", Relation.NEIGHBOUR)
        code = housekeys.invite(desk.people, resident, known, desk.wall.now())
        before = str(housekeys.let_in(desk.people, code, desk.wall.now(), housekeys.Device.PHONE, before=before))
    tablet.cookies.set("__Host-nachtwacht-own", before, domain="desk.example")
    return tablet


def told_on(desk: Desk, endpoint: str) -> set[str]:
    rows = desk.people.execute("SELECT whose FROM subscription WHERE endpoint = ?", (endpoint,))
    return {row[0] for row in rows}


async def test_a_phone_is_told_of_all_whose_contact_it_is_and_after_that_of_nobody(
    phone: httpx.AsyncClient, desk: Desk
) -> None:
    theirs = {one.id for one in contacts.everyone(desk.people)}
    assert len(theirs) == 2
    endpoint = "https://push.example/phone"
    push.subscribe(desk.people, "c-before", Browser(endpoint).says)  # whose phone it was
    assert (await phone.post("/with/push", data={"subscription": Browser(endpoint).says})).status_code == 204
    assert told_on(desk, endpoint) == theirs
    kept = desk.people.execute("SELECT contact FROM subscription JOIN house_key ON held = id").fetchall()
    assert {row[0] for row in kept} == theirs  # each by the key that lets this phone in as them
    for wrong in ("{}", Browser("http://10.0.0.1/").says):
        assert (await phone.post("/with/push", data={"subscription": wrong})).status_code == 422
    push.subscribe(desk.people, "c-other", Browser("https://push.example/theirs").says)
    for one in (endpoint, "https://push.example/theirs"):
        assert (await phone.post("/with/push/end", data={"endpoint": one})).status_code == 204
    assert told_on(desk, endpoint) == set()
    assert told_on(desk, "https://push.example/theirs") == {"c-other"}  # what is another's stays


async def test_a_phone_that_shows_no_svg_gets_a_picture_for_its_home_screen(
    phone: httpx.AsyncClient,
) -> None:
    link = '<link rel="apple-touch-icon" href="/static/app-180.png" sizes="180x180">'
    for path in ("/with", "/let-in?to=/mine"):
        assert link in (await phone.get(path)).text
    served = await phone.get("/static/app-180.png")
    assert served.headers["content-type"] == "image/png"
    assert served.content.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", served.content[16:24]) == (icon.SIZE, icon.SIZE) == (180, 180)
    assert pixels(served.content) == pixels(icon.png(icon.SIZE))  # as the program draws it
    for name in ("mine", "with"):
        said = (await phone.get(f"/static/{name}.webmanifest")).json()
        assert said["start_url"] == said["id"] == f"/{name}"
        for one in said["icons"]:
            assert (await phone.get(one["src"])).headers["content-type"].partition(";")[0] == one["type"]


def pixels(png: bytes) -> bytes:
    """What a PNG of one part holds; how well it was packed is another matter."""
    (length,) = struct.unpack(">I", png[33:37])
    assert png[37:41] == b"IDAT"
    return zlib.decompress(png[41 : 41 + length])


async def test_a_page_offers_messages_only_where_the_centre_can_send_them(
    tablet: httpx.AsyncClient, desk: Desk
) -> None:
    assert "data-push" not in await read(tablet)
    contacts.set_channel(desk.people, "push", push.URL)
    assert f'data-push="{push.public_key(desk.people)}"' in await read(tablet)
    assert (await tablet.post("/mine/push", data={"subscription": Browser("https://a.example/1").says})).is_success
    assert told_on(desk, "https://a.example/1") == {JANSEN}
    assert contacts.ways(desk.people, JANSEN) == ("push",)


async def test_who_is_let_in_says_how_much_they_want_at_most_and_of_nobody_else(
    phone: httpx.AsyncClient, desk: Desk
) -> None:
    mine = next(one.id for one in contacts.of(desk.people, JANSEN))
    form = {"contact": mine, "hourly": "2", "nightly": "5", "since": "23:00", "until": "06:30"}
    assert (await phone.post("/with/limits", data=form)).status_code == 303
    said = desk.centre.board.messages.wanted(mine)
    assert isinstance(said, Wanted)
    assert (said.hourly, said.nightly, said.by) == (2, 5, None)
    assert 'value="23:00"' in (await phone.get("/with")).text
    other = contacts.add(desk.people, JANSEN, "Bram", Relation.FAMILY)
    for wrong, status in (
        ({"contact": other}, 404),
        ({"hourly": "51"}, 422),
        ({"since": ""}, 422),
        ({"until": "25:00"}, 422),
    ):
        assert (await phone.post("/with/limits", data=form | wrong)).status_code == status, wrong
    half = await phone.post("/with/limits", data=form | {"until": ""})
    assert "Vul beide tijden in, of geen van beide." in half.text
    assert desk.centre.board.messages.wanted(other) is None
    assert desk.centre.board.messages.wanted(mine) == said


async def test_a_resident_says_how_much_she_wants(tablet: httpx.AsyncClient, desk: Desk) -> None:
    assert (await tablet.post("/mine/limits", data={"hourly": "1", "nightly": "3"})).status_code == 303
    said = desk.centre.board.messages.wanted(ContactId(JANSEN))
    assert said is not None
    assert (said.hourly, said.nightly, said.quiet, said.by) == (1, 3, None, None)
