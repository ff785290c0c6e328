"""The calling order, agreed at the desk: tried out before it is saved, by the same function that makes it happen."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from care.alerts import alert_of
from care.asking import ChainAgreed, Consented, Passed
from care.ids import ContactId, StaffId
from dashboard import contacts
from dashboard.contacts import Relation
from detectors.homes import HomeId, ResidentId
from tests.dashboard.conftest import sideways, too_small
from tests.dashboard.nights import a_plan, local, long_in_the_bathroom
from tests.dashboard.two_screens import NightDesk

HOME = HomeId("wilg/12")
GOOD = {
    "c0-since": "22:00",
    "c0-until": "07:00",
    "c0s0-who": "desk",
    "c0s0-minutes": "3",
    "c0s1-who": "night-team",
    "c0s1-by0": "sms",
    "c0s1-by1": "phone",
    "c0s1-minutes": "4,5",
    "c1-since": "07:00",
    "c1-until": "22:00",
    "c1s0-who": "desk",
    "c1s0-minutes": "5",
    "acute": "10",
    "soon": "30",
    "why": "begin of this night",
    "do": "save",
}


@pytest.fixture
def night(tmp_path: Path) -> Iterator[NightDesk]:
    made = NightDesk(tmp_path)
    with made.open():
        made.at("22:00", a_plan("wilg", "De Wilg", (1, 2, 12)))
        made.at("22:05")
        yield made
        made.leave()


@pytest.fixture
def sanne(night: NightDesk) -> StaffId:
    return night.staff("Sanne", "SV")


@pytest.fixture
def page(night: NightDesk, browser: Browser, sanne: StaffId) -> Page:
    return night.sit_down(browser, sanne)


@pytest.fixture
def form(night: NightDesk, sanne: StaffId) -> Iterator[httpx.Client]:
    """Sanne's browser, without a screen."""
    from dashboard import people

    async def sign_in() -> str:
        return people.start_session(night.store, sanne, night.wall.now())

    cookies = {"nachtwacht": night.do(sign_in())}
    with httpx.Client(base_url=night.address, cookies=cookies, headers={"Origin": night.address}) as client:
        yield client


def fatima(night: NightDesk) -> ContactId:
    async def meet() -> ContactId:
        return contacts.add(night.store, ResidentId("r-wilg-12"), "Fatima", Relation.NEIGHBOUR)

    return night.do(meet())


def fill(page: Page, row: str, who: str, minutes: str, *by: str) -> None:
    page.locator(f"[name={row}-who]").select_option(who)
    for number, way in enumerate(by):
        page.locator(f"[name={row}-by{number}]").select_option(way)
    page.locator(f"[name={row}-minutes]").fill(minutes)


def foretold(page: Page) -> list[str]:
    return [" ".join(one.split()) for one in page.locator("#goes-to li").all_inner_texts()]


def test_what_is_agreed_is_tried_out_first_and_then_saved_with_who_and_why(night: NightDesk, page: Page) -> None:
    night.go(page, "/calling-order")
    expect(page.get_by_text("Er is nog niets afgesproken.")).to_be_visible()
    fill(page, "c0s0", "desk", "3")
    fill(page, "c0s1", "night-team", "4", "sms", "phone")
    page.get_by_role("button", name="Laat zien wat er zou gebeuren").click()
    expect(page.get_by_text("Er is nog niets bewaard.")).to_be_visible()
    assert foretold(page) == [
        "02:14 De zorgcentrale",
        "02:17 De nachtdienst, sms, daarna telefoon",
        "02:21 niemand meer in de belvolgorde",
    ]
    assert night.centre.board.chains.places == []
    page.locator("[name=why]").fill("zo begonnen we")
    page.get_by_role("button", name="Bewaar deze volgorde").click()
    expect(page.get_by_text("Afgesproken op ma 2 mrt door Sanne: zo begonnen we")).to_be_visible()
    assert foretold(page)[1] == "02:17 De nachtdienst, sms, daarna telefoon"
    last = night.centre.board.chains.last(night.centre.board.chains.places[0])
    assert isinstance(last, ChainAgreed)
    assert last.before is None
    assert sideways(page) == 0


def test_what_is_foretold_is_what_happens(night: NightDesk, page: Page, form: httpx.Client) -> None:
    assert form.post("/calling-order", data=GOOD).status_code == 303
    night.go(page, "/calling-order/wilg/12")
    page.locator("[name=clock]").fill("02:30")
    page.get_by_role("button", name="Laat zien wat er zou gebeuren").click()
    expect(page.get_by_text("Er is nog niets bewaard.")).to_be_visible()
    said = foretold(page)
    night.at("02:30", long_in_the_bathroom())
    for _ in range(60):
        night.wait(seconds=10)
    alert = night.alert(alert_of(long_in_the_bathroom()))
    happened = [f"{one.at + timedelta(hours=1):%H:%M}" for one in alert.passing if isinstance(one, Passed)]
    assert happened == [one[:5] for one in said[:-1]]


def test_a_home_has_an_order_of_its_own_until_it_follows_the_others_again(
    night: NightDesk, page: Page, form: httpx.Client
) -> None:
    form.post("/calling-order", data=GOOD)
    night.go(page, "/calling-order/wilg/12")
    expect(page.get_by_text("Hier is niets eigens afgesproken. De volgorde van alle woningen geldt.")).to_be_visible()
    fill(page, "c0s1", "back-up", "4", "phone")
    page.locator("[name=why]").fill("op verzoek")
    page.get_by_role("button", name="Bewaar deze volgorde").click()
    expect(page.get_by_text("door Sanne: op verzoek")).to_be_visible()
    assert "De achterwacht" in foretold(page)[1]
    night.go(page, "/calling-order/wilg")
    expect(page.get_by_role("link", name=re.compile("woning.12"))).to_contain_text("eigen afspraak")
    night.go(page, "/calling-order/wilg/12")
    page.locator("[name=why]").fill("niet meer nodig")
    page.get_by_role("button", name="Volg weer de grotere plek").click()
    expect(page.get_by_text("De volgorde van alle woningen geldt.")).to_be_visible()
    assert "De nachtdienst" in foretold(page)[1]


def test_a_contact_is_asked_only_after_the_clients_consent(night: NightDesk, page: Page, form: httpx.Client) -> None:
    who = fatima(night)
    first = {"c0s0-who": who, "c0s0-by0": "sms", "c0s1-who": "desk", "c0s1-by0": "", "c0s1-by1": ""}
    form.post("/calling-order/wilg/12", data=GOOD | first)
    night.go(page, "/calling-order/wilg/12")
    assert foretold(page)[0] == "02:14 Fatima: geen toestemming, overgeslagen"
    page.locator(".consent").get_by_label("Nu").check()
    page.locator(".consent [name=until]").fill("2026-06-01")
    page.get_by_role("button", name="Bewaar toestemming").click()
    expect(page.locator("#goes-to li").first).to_contain_text("Fatima, sms")
    said = night.centre.board.chains.consent(HOME, who)
    assert isinstance(said, Consented)
    assert (said.tiers, said.kinds) == (("acute",), None)  # about whatever it is, until that is told apart
    assert said.until.isoformat() == "2026-06-02T00:00:00+02:00"
    expect(page.locator(".consent [name=until]")).to_have_value("2026-06-01")


def test_a_neighbour_may_be_asked_about_a_call_for_help_and_about_nothing_else(
    night: NightDesk, page: Page, form: httpx.Client
) -> None:
    who = fatima(night)
    first = {"c0s0-who": who, "c0s0-by0": "sms", "c0s1-who": "desk", "c0s1-by0": "", "c0s1-by1": ""}
    form.post("/calling-order/wilg/12", data=GOOD | first)
    night.go(page, "/calling-order/wilg/12")
    consent = page.locator(".consent")
    consent.get_by_label("Nu").check()
    consent.get_by_label("Voordeur").uncheck()
    consent.get_by_label("Iets anders").uncheck()
    page.get_by_role("button", name="Bewaar toestemming").click()
    expect(page.locator("#goes-to li").first).to_contain_text("Fatima: geen toestemming, overgeslagen")
    expect(page.locator(".consent").get_by_label("Hulpoproep")).to_be_checked()
    expect(page.locator(".consent").get_by_label("Voordeur")).not_to_be_checked()
    said = night.centre.board.chains.consent(HOME, who)
    assert said is not None
    assert (said.tiers, said.kinds) == (("acute",), ("help",))


def test_it_is_usable_by_phone_and_in_english(night: NightDesk, browser: Browser, sanne: StaffId) -> None:
    fatima(night)
    phone = night.sit_down(browser, sanne, size=(390, 844))
    night.go(phone, "/calling-order/wilg/12")
    assert sideways(phone) == 0
    assert too_small(phone) == []
    phone.get_by_role("button", name="English").click()
    expect(phone.get_by_role("heading", name=re.compile("Calling order"))).to_be_visible()


# What cannot be agreed.


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"why": " "}, "Zeg in een paar woorden waarom"),
        ({"c0s0-who": "", "c1s0-who": "", "c0s1-who": ""}, "Vraag minstens één persoon"),
        ({"c0s1-who": "desk"}, "Iemand staat twee keer"),
        ({"c0s0-who": "back-up", "c0s0-by0": "sms"}, "De zorgcentrale hoort bij"),
        ({"c0s1-by0": "", "c0s1-by1": ""}, "Kies voor iedereen"),
        ({"c0s0-minutes": "11"}, "duren samen langer"),
        ({"soon": "5"}, "krijgt niet meer tijd"),
        ({"c0-since": "25:00"}, "Dat is geen tijd"),
        ({"c0s0-minutes": "nan"}, "Schrijf hoeveel minuten"),
        ({"c0s0-minutes": "inf"}, "Schrijf hoeveel minuten"),
        ({"acute": "veel"}, "Schrijf hoeveel minuten"),
        ({"acute": "-1"}, "Schrijf hoeveel minuten"),
    ],
)
def test_what_cannot_work_is_not_saved_and_says_why_with_all_that_was_typed(
    night: NightDesk, form: httpx.Client, wrong: dict[str, str], said: str
) -> None:
    answer = form.post("/calling-order", data=GOOD | wrong)
    assert answer.status_code == 422
    assert said in answer.text
    assert night.centre.board.chains.places == []


@pytest.mark.parametrize(
    "path", ["/calling-order/eik", "/calling-order/wilg/99", "/calling-order/*", "/calling-order/wilg/*"]
)
def test_a_place_that_is_not_there_has_no_page(form: httpx.Client, path: str) -> None:
    assert form.get(path).status_code == 404
    assert form.post(path, data=GOOD).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"contact": "c-nobody"},
        {"until": "soon"},
        {"until": ""},
        {"tiers": "technical-ish"},
        {"kinds": "gossip"},
        {"contact": "x" * 41},
    ],
)
def test_a_consent_that_says_nothing_is_refused(night: NightDesk, form: httpx.Client, wrong: dict[str, Any]) -> None:
    who = fatima(night)
    good = {"contact": who, "until": "2026-06-01", "tiers": "acute"}
    assert form.post("/calling-order/wilg/12/consent", data=good | wrong).status_code == 422
    assert night.centre.board.chains.consent(HOME, who) is None
    assert form.post("/calling-order/wilg/1/consent", data=good).status_code == 422  # of another client
    assert form.post("/calling-order/wilg/12/consent", data=good).status_code == 303


def test_a_stranger_sees_and_changes_nothing(night: NightDesk) -> None:
    assert httpx.get(f"{night.address}/calling-order").status_code == 303
    answer = httpx.post(f"{night.address}/calling-order", data=GOOD, headers={"Origin": night.address})
    assert "/sign-in" in answer.headers["Location"]
    assert night.centre.board.chains.places == []


def test_saving_the_same_again_writes_nothing(night: NightDesk, form: httpx.Client) -> None:
    form.post("/calling-order", data=GOOD)
    number = night.centre.number
    assert form.post("/calling-order", data=GOOD).status_code == 303
    assert night.centre.number == number


def test_where_it_is_an_hour_is_agreed_by_the_clock_on_the_wall(night: NightDesk, form: httpx.Client) -> None:
    form.post("/calling-order", data=GOOD)
    day = form.post("/calling-order/wilg/12", data=GOOD | {"do": "preview", "clock": "12:00"})
    assert day.status_code == 200
    assert "12:00" in day.text
    assert "De nachtdienst" not in day.text.partition("goes-to")[2].partition("</ol>")[0]
    assert night.clock.now() == local("22:05")
