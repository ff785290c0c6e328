"""The pages about messages: who is reached how, tests, what was held back; and what a phone does by itself."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from care import journal
from care.asking import Arrived, Proven, Refusal, ToProve
from care.database import Database
from care.escalation import due
from care.ids import ContactId, StaffId
from care.language import words
from care.messages import Carried, Held, Kind, ToTell, Wanted
from dashboard import contacts, people
from dashboard.contacts import Relation
from dashboard.drawing import Drawing
from dashboard.messages import Leads
from dashboard.outbox import Outbox
from dashboard.pages import Desk
from detectors.homes import ResidentId
from tests.carriers import Gateway, running
from tests.dashboard.conftest import (
    ALERT,
    HOME,
    WILG,
    batch,
    eventually,
    finding,
    plan,
    sideways,
    signed_in,
    too_small,
)
from tests.dashboard.nights import a_plan, local
from tests.dashboard.test_every_page import _RUN, AXE, RULES
from tests.dashboard.test_outbox import agreed
from tests.dashboard.two_screens import NightDesk

RESIDENT_ID = ResidentId("r-0012")
PAGE = f"/homes/{HOME}/messages"


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    with running(made):
        yield made


@pytest.fixture
def fatima(store: Database, gateway: Gateway) -> ContactId:
    contacts.set_channel(store, "sms", f"json://127.0.0.1:{gateway.port}/{{address}}", test_to="31699999999")
    made = contacts.add(store, RESIDENT_ID, "Fatima", Relation.NEIGHBOUR)
    contacts.set_address(store, made, "sms", "31644444444")
    return made


@pytest.fixture
async def real(desk: Desk) -> Desk:
    drawing = Drawing(desk.centre.board, people.Names(desk.people))
    made = Desk(
        centre=desk.centre,
        live=desk.live,
        drawing=drawing,
        people=desk.people,
        access_log=desk.access_log,
        wall=desk.wall,
    )
    await made.centre.take(WILG, batch(plan()))
    return made


def records(desk: Desk, kind: type) -> list[Any]:
    return [one.record for one in journal.read_after(desk.centre._db, 0) if isinstance(one.record, kind)]


async def sent(desk: Desk) -> None:
    box = Outbox(desk.centre, desk.people, desk.wall, url="https://desk.example")
    for _ in range(2):
        box.look()
        await box.settle()
    box.close()


@pytest.mark.anyio
async def test_a_test_message_goes_to_one_person_by_one_way_and_its_result_stands_on_the_page(
    real: Desk, sanne: StaffId, fatima: ContactId, gateway: Gateway
) -> None:
    async with signed_in(real, sanne) as page:
        assert "Fatima" in (await page.get(PAGE)).text
        came = await page.post(f"{PAGE}/test", data={"to": fatima, "channel": "sms"})
        assert (came.status_code, came.headers["location"]) == (303, f"{PAGE}#to-{fatima}")
        assert "Proefbericht: onderweg" in (await page.get(PAGE)).text
        await sent(real)
        assert ("/31644444444", words("nl").gettext("Nachtwacht: this is a test message. No answer is needed.")) in [
            (path, text) for path, text in gateway.got
        ]
        assert "Proefbericht: aangenomen door sms" in (await page.get(PAGE)).text
        gateway.fate = lambda _: 500
        real.centre._clock.wait(minutes=1)  # type: ignore[attr-defined]
        await page.post(f"{PAGE}/test", data={"to": fatima, "channel": "sms"})
        await sent(real)
        assert "Proefbericht: sms, werkt niet" in (await page.get(PAGE)).text


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("to", "channel"), [("c-none", "sms"), ("r-9999", "sms"), ("night-team", "sms"), ("", "sms"), (None, "push")]
)
async def test_nobody_else_and_by_no_other_way(
    real: Desk, sanne: StaffId, fatima: ContactId, to: str | None, channel: str
) -> None:
    async with signed_in(real, sanne) as page:
        came = await page.post(f"{PAGE}/test", data={"to": fatima if to is None else to, "channel": channel})
        assert came.status_code == 422
    assert records(real, ToTell) == []


@pytest.mark.anyio
async def test_a_wish_is_written_down_with_who_did_and_the_page_says_it(
    real: Desk, sanne: StaffId, fatima: ContactId
) -> None:
    form = {"to": fatima, "hourly": "1", "nightly": "3", "since": "23:00", "until": "07:00"}
    async with signed_in(real, sanne) as page:
        assert (await page.post(f"{PAGE}/wish", data=form)).status_code == 303
        [said] = records(real, Wanted)
        assert (said.to, said.hourly, said.nightly, said.by) == (fatima, 1, 3, sanne)
        assert re.search(r'name="since" value="23:00"', (await page.get(PAGE)).text)
        for wrong in ({"hourly": "-1"}, {"nightly": "51"}, {"since": "25:00"}, {"to": "night-team"}):
            assert (await page.post(f"{PAGE}/wish", data=form | wrong)).status_code == 422
        for half in ({"since": ""}, {"until": ""}):  # as on the pages of residents and their people
            answer = await page.post(f"{PAGE}/wish", data=form | half)
            assert answer.status_code == 422
            assert "Vul beide tijden in, of geen van beide." in answer.text
    assert len(records(real, Wanted)) == 1


@pytest.mark.anyio
async def test_what_was_held_back_stands_with_whom_it_was_kept_from(
    real: Desk, sanne: StaffId, fatima: ContactId, gateway: Gateway
) -> None:
    await real.centre.write(
        lambda _, at: [
            Wanted(at=at, to=fatima, hourly=0),
            ToTell(at=at, to=fatima, kind=Kind.MORNING, channels=("sms",), home=HOME),
        ]
    )
    await sent(real)
    assert len(records(real, Held)) == 1
    assert [path for path, _ in gateway.got] == ["/31699999999"]  # the daily test of the channel
    async with signed_in(real, sanne) as page:
        text = (await page.get(PAGE)).text
        assert "Bericht over de nacht: vastgehouden tot" in text
        assert "Berichten vastgehouden</dt><dd>1" in (await page.get("/load")).text


@pytest.mark.anyio
async def test_a_way_is_tried_when_somebody_asks(
    real: Desk, sanne: StaffId, fatima: ContactId, gateway: Gateway
) -> None:
    await sent(real)
    async with signed_in(real, sanne) as page:
        assert "Nam om" in (await page.get("/messages")).text
        real.centre._clock.wait(minutes=1)  # type: ignore[attr-defined]
        gateway.fate = lambda _: 500
        assert (await page.post("/messages/sms/test")).status_code == 303
        assert len(records(real, ToProve)) == 1
        await sent(real)
        assert [one.refusal for one in records(real, Proven)] == [None, Refusal.REFUSED]
        assert "niets aan: werkt niet" in (await page.get("/messages")).text
        assert (await page.post("/messages/push/test")).status_code == 404


@pytest.mark.anyio
async def test_a_message_leads_to_the_page_of_whom_it_is_for_and_says_nothing_itself(
    real: Desk, fatima: ContactId, gateway: Gateway
) -> None:
    about = {"to": fatima, "channels": ("sms",), "home": HOME}
    await real.centre.write(lambda _, at: [ToTell(at=at, kind=Kind.LOOKED, **about)])  # type: ignore[arg-type]
    leads = Leads(real.centre.board, real.people)
    box = Outbox(real.centre, real.people, real.wall, url="https://desk.example", leads=leads)
    box.look()
    await box.settle()
    box.close()
    [text] = [text for path, text in gateway.got if path == "/31644444444"]
    assert text == "Nachtwacht: er staat een bericht voor je klaar. Lees: https://desk.example/with"
    [carried] = records(real, Carried)
    assert carried.refusal is None
    to = {str(RESIDENT_ID): "/mine", str(fatima): "/with", "night-team": "/", "s-1": "/"}
    said = {one: ToTell(at=carried.at, kind=Kind.LOOKED, **about | {"to": ContactId(one)}) for one in to}  # type: ignore[arg-type]
    assert {one: leads(told) for one, told in said.items()} == to


@pytest.mark.anyio
async def test_the_worker_is_served_from_the_root_and_asked_about_each_time(stranger: httpx.AsyncClient) -> None:
    came = await stranger.get("/worker.js")
    assert came.headers["content-type"].startswith("text/javascript")
    assert came.headers["cache-control"] == "no-cache"
    assert "showNotification" in came.text


@pytest.mark.anyio
async def test_a_phone_says_once_that_it_has_shown_it(
    real: Desk, fatima: ContactId, store: Database, stranger: httpx.AsyncClient
) -> None:
    await real.centre.write(lambda *_: [agreed()])
    await real.centre.take(WILG, batch(plan(), finding(), of="again"))
    await real.centre.write(due)
    token = contacts.make_link(store, ALERT, fatima, real.wall.now())
    for _ in range(2):
        assert (await stranger.post(f"/answer/{token}/arrived")).status_code == 204
    assert len(records(real, Arrived)) == 1
    assert (await stranger.post("/answer/nothing/arrived")).status_code == 204


# In a browser.

# `wait_for_function` takes a promise for a yes. Read in the look that finds both: one that takes the place of another
# is gone for a moment.
_BOTH_SHOWN = """async () => {
    const worker = await navigator.serviceWorker.ready;
    const end = performance.now() + 20_000;
    for (;;) {
        const all = await worker.getNotifications();
        if (all.length === 2 || performance.now() > end) {
            return all.map((one) => [one.title, one.body, one.tag, one.data.path]).sort();
        }
        await new Promise(requestAnimationFrame);
    }
}"""


def test_a_push_is_shown_with_the_centre_told_and_its_page_behind_it(
    tmp_path: Path, browser_with_windows: Browser
) -> None:
    made = NightDesk(tmp_path)
    with made.open():
        made.at("22:00", a_plan("wilg", "De Wilg", (12,)), agreed())
        found = finding(at=local("02:30"))
        made.at("02:30", found)

        async def link() -> str:
            who = contacts.add(made.store, ResidentId("r-wilg-12"), "Fatima", Relation.NEIGHBOUR)
            return contacts.make_link(made.store, next(iter(made.centre.board.alerts)), who, made.wall.now())

        token = made.do(link())
        context = browser_with_windows.new_context(permissions=["notifications"])
        page = context.new_page()
        page.goto(f"{made.address}/sign-in")
        page.evaluate("navigator.serviceWorker.register('/worker.js').then(() => navigator.serviceWorker.ready)")
        devtools, registered = context.new_cdp_session(page), []
        devtools.on("ServiceWorker.workerRegistrationUpdated", lambda said: registered.extend(said["registrations"]))
        devtools.send("ServiceWorker.enable")
        page.wait_for_function("navigator.serviceWorker.controller !== null")
        pushed = {"text": "Nachtwacht: nieuwe melding 0A1B.", "path": f"/answer/{token}", "tag": "a1b2"}
        for said in (pushed, pushed, {"text": "Nachtwacht: elders.", "path": "//elsewhere.example/", "tag": "c3"}):
            devtools.send(
                "ServiceWorker.deliverPushMessage",
                {"origin": made.address, "registrationId": registered[0]["registrationId"], "data": json.dumps(said)},
            )
        assert page.evaluate(_BOTH_SHOWN) == [
            ["Nachtwacht", "elders.", "c3", "/"],
            ["Nachtwacht", "nieuwe melding 0A1B.", "a1b2", f"/answer/{token}"],
        ]
        alert = next(iter(made.centre.board.alerts))
        made.do(eventually(lambda: [type(one) for one in made.alert(alert).passing] == [Arrived]))
        context.close()


def test_the_pages_about_messages_can_be_used_by_everybody(tmp_path: Path, browser: Browser) -> None:
    made = NightDesk(tmp_path)
    with made.open():
        made.at("22:00", a_plan("wilg", "De Wilg", (12,)))

        async def furnish() -> None:
            contacts.set_channel(made.store, "sms", "json://127.0.0.1/{address}", test_to="31699999999")
            contacts.set_address(made.store, "r-wilg-12", "sms", "31644444444")
            contacts.add(made.store, ResidentId("r-wilg-12"), "Fatima", Relation.NEIGHBOUR)

        made.do(furnish())
        page = made.sit_down(browser, made.staff("Sanne", "SV"), size=(390, 844))
        for path in ("/homes/wilg/12/messages", "/messages"):
            made.go(page, path)
            page.evaluate(AXE.read_text(encoding="utf-8"))
            assert page.evaluate(_RUN, RULES) == []
            assert sideways(page) == 0
            assert [one for one in too_small(page) if 'id="unblock"' not in one] == []
        made.go(page, "/homes/wilg/12/messages")
        page.get_by_role("button", name="Stuur een proef: Sms").click()
        expect(page.locator("#to-r-wilg-12 .events")).to_contain_text("Proefbericht: onderweg")
        made.leave()
