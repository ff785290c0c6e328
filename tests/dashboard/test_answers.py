"""Whoever is asked answers by a tap; nothing is told before they open it, and the desk sees it at once."""

import re
from collections.abc import Iterator
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from care.alerts import alert_of
from care.asking import (
    Agreement,
    CalledOff,
    Chain,
    ChainAgreed,
    Consented,
    Line,
    NotTonight,
    Opened,
    Proven,
    Refusal,
    Replied,
    Step,
)
from care.chains import DESK, NIGHT_TEAM, ORGANISATION, RESIDENT
from care.deeds import claim, resolve
from care.ids import ContactId, StaffId
from care.records import How, Outcome
from dashboard import contacts
from dashboard.contacts import Relation
from detectors.homes import HomeId, ResidentId
from tests.dashboard.conftest import PATIENCE_MS, sideways, too_small
from tests.dashboard.nights import a_plan, local, long_in_the_bathroom
from tests.dashboard.two_screens import NightDesk

FOUND = long_in_the_bathroom()
ALERT = alert_of(FOUND)
HOME = HomeId("wilg/12")
SECRETS = ("mevrouw Jansen", "woning", "De Wilg", "badkamer", "02:")


@pytest.fixture
def night(tmp_path: Path) -> Iterator[NightDesk]:
    """Fatima next door is asked first, then the desk, then the night team."""
    made = NightDesk(tmp_path)
    with made.open():
        fatima = made.do(_meet(made))
        steps = (
            Step(line=Line.ZERO, who=fatima, channels=("sms",), minutes=3.0),
            Step(line=Line.ONE, who=DESK, minutes=3.0),
            Step(line=Line.TWO, who=NIGHT_TEAM, channels=("sms",), minutes=4.0),
        )
        after = Agreement(chains=(Chain(since=time(0), until=time(0), steps=steps),))
        begun = {"at": local("22:00"), "by": StaffId("s-1")}
        made.at(
            "22:00",
            a_plan("wilg", "De Wilg", (1, 2, 12)),
            ChainAgreed(place=ORGANISATION, why="begin", before=None, after=after, **begun),  # type: ignore[arg-type]
            Consented(home=HOME, contact=fatima, tiers=("acute",), until=local("22:00") + timedelta(days=90), **begun),  # type: ignore[arg-type]
        )
        made.at("02:30", FOUND)
        made.wait(seconds=1)
        yield made
        made.leave()


async def _meet(night: NightDesk) -> ContactId:
    from dashboard.people import name_resident

    name_resident(night.store, ResidentId("r-wilg-12"), "mevrouw Jansen")
    return contacts.add(night.store, ResidentId("r-wilg-12"), "Fatima", Relation.NEIGHBOUR)


def fatima(night: NightDesk) -> ContactId:
    async def ask() -> ContactId:
        return contacts.of(night.store, ResidentId("r-wilg-12"))[0].id

    return night.do(ask())


def path(night: NightDesk, to: ContactId | None = None) -> str:
    """What stands in the notice that somebody got."""

    whose = to or fatima(night)

    async def link() -> str:
        return contacts.make_link(night.store, ALERT, whose, night.wall.now())

    return f"/answer/{night.do(link())}"


def phone(night: NightDesk, browser: Browser, to: ContactId | None = None) -> Page:
    """The phone of somebody who has never signed in anywhere, at the link that they got."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    night._pages.append(page)
    page.goto(night.address + path(night, to))
    return page


def said(night: NightDesk, kind: type[Any]) -> list[Any]:
    return [one for one in night.alert(ALERT).passing if isinstance(one, kind)]


def test_nothing_is_told_before_the_question_is_opened_and_that_it_was_is_written_down(
    night: NightDesk, browser: Browser
) -> None:
    page = phone(night, browser)
    shut = page.content()
    assert not [one for one in SECRETS if one in shut]
    assert said(night, Opened) == []
    page.get_by_role("button", name="Open de vraag").tap()
    expect(page.get_by_text("mevrouw Jansen")).to_be_visible()
    expect(page.get_by_text(re.compile("woning.12 · De Wilg"))).to_be_visible()
    assert "badkamer" not in page.content()  # family and neighbours are told where, and not what was seen
    assert [one.by for one in said(night, Opened)] == [fatima(night)]
    page.reload()
    assert len(said(night, Opened)) == 1
    assert sideways(page) == 0
    assert too_small(page) == []


@pytest.mark.parametrize("answer", ["Ik ga erheen", "Ik kan niet", "Vannacht niet", "Bel mij"])
def test_the_desk_sees_at_once_what_somebody_answers(night: NightDesk, browser: Browser, answer: str) -> None:
    desk = night.sit_down(browser, night.staff("Sanne", "SV"))
    night.go(desk)
    card = desk.locator(f"#card-{ALERT}")
    expect(card).to_contain_text(re.compile("Gaat over .* naar de zorgcentrale"))
    page = phone(night, browser)
    page.get_by_role("button", name="Open de vraag").tap()
    page.get_by_role("button", name=answer).tap()
    expect(page.get_by_text("Het antwoord is verstuurd om 02:30.")).to_be_visible()
    expect(card).to_contain_text(f"Fatima: “{answer}”")
    night.go(desk, f"/alerts/{ALERT}")
    expect(desk.locator(f"#doing-{ALERT}")).to_contain_text(f"Fatima: “{answer}”")
    expect(desk.locator(f"#seen-{ALERT}")).to_contain_text("Fatima opende het bericht")
    assert [one.by for one in said(night, Replied)] == [fatima(night)]


def test_who_says_not_tonight_is_not_asked_again_before_noon(night: NightDesk, browser: Browser) -> None:
    page = phone(night, browser)
    page.get_by_role("button", name="Open de vraag").tap()
    page.get_by_role("button", name="Vannacht niet").tap()
    expect(page.get_by_text("Het antwoord is verstuurd")).to_be_visible()
    assert night.centre.board.chains.away(fatima(night), night.clock.now()) == local("11:00") + timedelta(hours=1)


def test_who_cannot_go_gives_way_at_once_and_the_page_says_to_whom(night: NightDesk, browser: Browser) -> None:
    desk = night.sit_down(browser, night.staff("Sanne", "SV"))
    page = phone(night, browser)
    page.get_by_role("button", name="Open de vraag").tap()
    page.get_by_role("button", name="Ik kan niet").tap()
    expect(page.get_by_text("Het antwoord is verstuurd")).to_be_visible()
    night.wait(seconds=1)
    night.go(desk, f"/alerts/{ALERT}")
    expect(desk.locator(f"#doing-{ALERT}")).to_contain_text(
        "Doorgezet naar de zorgcentrale om 02:30: wie ervoor gevraagd werd, kan niet."
    )


def test_when_nobody_is_left_the_desk_reads_that_it_must_call_itself(night: NightDesk, browser: Browser) -> None:
    desk = night.sit_down(browser, night.staff("Sanne", "SV"))
    night.go(desk)
    card = desk.locator(f"#card-{ALERT}")
    for _ in range(12):
        night.wait(minutes=1)
    expect(card).to_contain_text("Iedereen is geprobeerd. Bel zelf iemand, of 112.")


def test_a_colleague_of_the_night_team_reads_what_it_is_about(night: NightDesk, browser: Browser) -> None:
    page = phone(night, browser, NIGHT_TEAM)
    page.get_by_role("button", name="Open de vraag").tap()
    expect(page.get_by_text("Lang in de badkamer")).to_be_visible()
    expect(page.get_by_role("button", name="Ik kan niet")).to_be_visible()
    assert page.get_by_role("button", name="Vannacht niet").count() == 0  # one cannot say that for the whole team


def test_a_resident_who_is_asked_first_can_say_that_all_is_well_or_ask_for_help(
    night: NightDesk, browser: Browser
) -> None:
    page = phone(night, browser, RESIDENT)
    page.get_by_role("button", name="Open de vraag").tap()
    expect(page.get_by_role("heading", name="Gaat het goed?")).to_be_visible()
    page.get_by_role("button", name="Ik heb hulp nodig").tap()
    expect(page.get_by_text("Het antwoord is verstuurd")).to_be_visible()


def test_who_looks_when_the_desk_has_it_reads_so_and_once_it_is_closed_nothing_is_left_to_see(
    night: NightDesk, browser: Browser
) -> None:
    page, sanne = phone(night, browser), StaffId("s-1")
    page.get_by_role("button", name="Open de vraag").tap()
    expect(page.get_by_text("mevrouw Jansen")).to_be_visible()
    night.write(*claim(night.alert(ALERT), sanne, night.clock.now()))
    page.reload()
    expect(page.get_by_text("De zorgcentrale kijkt ernaar.")).to_be_visible()
    night.write(*resolve(night.alert(ALERT), sanne, night.clock.now(), Outcome.HELPED, How.PHONE))
    page.reload()
    expect(page.get_by_role("heading", name="Hulp is niet meer nodig")).to_be_visible()
    assert not [one for one in SECRETS if one in page.content()]


def test_who_looks_when_somebody_else_goes_reads_that_help_is_not_needed(night: NightDesk, browser: Browser) -> None:
    page = phone(night, browser)
    page.get_by_role("button", name="Open de vraag").tap()
    team = phone(night, browser, NIGHT_TEAM)
    team.get_by_role("button", name="Open de vraag").tap()
    team.get_by_role("button", name="Ik ga erheen").tap()
    expect(team.get_by_text("Het antwoord is verstuurd")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Hulp is niet meer nodig")).to_be_visible()
    assert not [one for one in SECRETS if one in page.content()]
    desk = night.sit_down(browser, night.staff("Sanne", "SV"))
    night.write(CalledOff(at=night.clock.now(), home=HOME, alert=ALERT, to=fatima(night), channel="sms"))
    night.go(desk, f"/alerts/{ALERT}")
    expect(desk.locator(f"#seen-{ALERT}")).to_contain_text("Bericht aan Fatima, hulp niet meer nodig: sms")


def test_a_way_to_phones_that_does_not_work_is_seen_at_the_desk(night: NightDesk, browser: Browser) -> None:
    desk = night.sit_down(browser, night.staff("Sanne", "SV"))
    night.go(desk)
    night.write(Proven(at=night.clock.now(), channel="sms", refusal=Refusal.NO_ANSWER))
    said = desk.get_by_text("Sms: werkte niet om 02:30. Berichten gaan langs een andere weg.")
    expect(said).to_be_visible()
    night.clock.wait(minutes=15)
    night.write(Proven(at=night.clock.now(), channel="sms"))
    expect(said).not_to_be_visible()


# What is no question, or no answer.


@pytest.mark.parametrize("token", ["x", "%00", "..%2f..", "a" * 300, "%ed%a0%80"])
def test_a_token_that_nobody_was_given_opens_nothing(night: NightDesk, token: str) -> None:
    answer = httpx.get(f"{night.address}/answer/{token}")
    assert answer.status_code == 404
    assert re.search("Hier is niets te beantwoorden|geen pagina", answer.text)
    post = httpx.post(f"{night.address}/answer/{token}/open", headers={"Origin": night.address})
    assert post.status_code in {303, 404}
    assert said(night, Opened) == []


@pytest.mark.parametrize("form", [{}, {"answer": "maybe"}, {"answer": "fine"}, {"answer": "help"}])
def test_what_is_no_answer_here_is_refused(night: NightDesk, form: dict[str, str]) -> None:
    answer = httpx.post(night.address + path(night), data=form, headers={"Origin": night.address})
    assert answer.status_code == 422
    assert said(night, Replied) == []


def test_another_site_cannot_answer_for_anybody(night: NightDesk) -> None:
    sent = httpx.post(night.address + path(night), data={"answer": "going"}, headers={"Origin": "https://elsewhere"})
    assert sent.status_code == 403
    assert said(night, Replied) == []


def test_the_same_answer_twice_is_one_and_there_is_an_end_to_changing_it(night: NightDesk) -> None:
    where = night.address + path(night)
    for answer in ("going", "going", *(["cannot", "going"] * 15)):
        assert httpx.post(where, data={"answer": answer}, headers={"Origin": night.address}).status_code == 303
    assert len(said(night, Replied)) == 20
    assert [one for one in night.alert(ALERT).passing if isinstance(one, NotTonight)] == []
