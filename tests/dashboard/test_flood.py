"""When more comes than people can keep up with, in a real browser: rows, nothing hidden, and help is asked for."""

import re
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, expect

from care.alerts import alert_of
from care.board import Board
from care.ids import StaffId
from care.records import Lapsed
from detectors.findings import Finding, What
from tests.dashboard.conftest import Opens, sideways
from tests.dashboard.nights import (
    a_calm_night,
    a_full_board,
    a_plan,
    add,
    claimed,
    help_asked,
    local,
    not_up,
    of_building,
    sensor_silent,
)
from tests.dashboard.two_screens import NightDesk


def many(n: int = 12, site: str = "s0") -> list[Finding]:
    """Return help calls of as many homes, in the last minutes."""
    return [help_asked(f"{site}/{number}", f"02:{20 + number // 2}") for number in range(1, n + 1)]


def lapsed(finding: Finding, clock: str) -> Lapsed:
    return Lapsed(at=local(clock), home=finding.home, alert=alert_of(finding), by=StaffId("s-2"))


def slow(home: str) -> Finding:
    return msgspec.structs.replace(not_up(home), at=local("02:28"))


def a_flooded_night() -> Board:
    """Twelve calls for help, some that can wait, and a building of which the receiver is gone."""
    board = a_full_board()
    lost = of_building(What.BRIDGE_LOST, site="s3")
    faults = [
        msgspec.structs.replace(sensor_silent(f"s3/{n}", "badkamer"), at=local("02:25"), limit=None)
        for n in range(1, 9)
    ]
    calls = many()
    add(board, *calls, slow("s5/2"), slow("s6/4"), lost, *faults)
    add(board, claimed(calls[3], "s-2", "02:27"), claimed(calls[5], "s-2", "02:22"), lapsed(calls[5], "02:30"))
    return board


def test_in_a_flood_every_alert_keeps_its_line_the_urgent_on_top_and_one_cause_is_one_line(opens: Opens) -> None:
    board = a_flooded_night()
    page = opens(board).go()
    expect(page.get_by_role("heading", name=re.compile("Druk: 1[0-9] meldingen in 10 min"))).to_be_visible()
    expect(page.locator(".flood")).to_contain_text("niets verborgen")
    shown = page.locator("#queue article").evaluate_all("(all) => all.map((one) => one.dataset.alert)")
    folded = {
        one.id for one in board.alerts.values() if one.home.startswith("s3/") and one.main.what is What.SENSOR_SILENT
    }
    assert set(shown) == {one.id for one in board.open_alerts()} - folded
    assert len(folded) == 8
    expect(page.locator(f"#card-{alert_of(of_building(What.BRIDGE_LOST, site='s3'))}")).to_contain_text("8 ")
    tiers = page.locator("#queue article").evaluate_all(
        "(all) => all.filter((one) => one.matches('.free')).map((one) => one.classList.contains('acute'))"
    )
    assert tiers == sorted(tiers, reverse=True)
    clock = page.locator(f"#card-{alert_of(slow('s5/2'))} .due")
    expect(clock).to_have_text(re.compile("min"))


def test_a_row_says_who_has_it_and_until_when_and_that_another_is_open_again(opens: Opens) -> None:
    page = opens(a_flooded_night()).go()
    held, again = (page.locator(f"#card-{alert_of(many()[n])}") for n in (3, 5))
    expect(held).to_contain_text(re.compile(r"M\.B\. · weer open over [56]\u00a0min"))
    expect(again).to_contain_text("Opnieuw open: 8\u00a0min niets vastgelegd.")
    expect(again).not_to_contain_text("M.B.")


def test_rows_are_worked_with_by_the_same_keys_as_cards(opens: Opens) -> None:
    board = a_flooded_night()
    reader = opens(board)
    page = reader.go()
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = page.locator("#queue article").nth(1)
    expect(second).to_be_focused()
    alert = second.get_attribute("data-alert")
    with page.expect_response(f"**/alerts/{alert}/claim"):
        page.keyboard.press("n")
    page.keyboard.press("o")
    page.wait_for_url("**/alerts/**")


@pytest.mark.parametrize("size", [(1366, 768), (390, 844), (683, 384), (3840, 2160)])
def test_a_flood_fits_every_screen(opens: Opens, size: tuple[int, int]) -> None:
    reader = opens(a_flooded_night(), size=size)
    assert sideways(reader.go()) == 0
    assert sideways(reader.go("/load")) == 0


def test_few_alerts_are_cards_and_a_line_says_how_many(opens: Opens) -> None:
    board = a_calm_night()
    add(board, help_asked())
    page = opens(board).go()
    expect(page.locator(".flood")).to_have_count(0)
    expect(page.locator(".pressure")).to_have_text("1 melding in 10 min · 1 deze dienst")


def test_the_figures_are_live_and_a_link_on_the_desk_leads_to_them(opens: Opens) -> None:
    board = a_calm_night()
    first = help_asked("eik/3", "02:25")
    add(board, first, claimed(first, "s-2", "02:26"))
    reader = opens(board)
    page = reader.go()
    page.locator(".pressure a").click()
    figures = page.locator("#load")
    expect(figures).to_contain_text("58 s")  # it was on disk at 02:25:02
    expect(figures).to_contain_text("Hulpoproep: knop ingedrukt")
    expect(page.get_by_text("Dienst sinds 22:00 · 1 medewerker aan het werk")).to_be_visible()
    reader.stage.happen(*(help_asked("wilg/1", f"02:3{n}:0{n}") for n in range(2)))
    expect(figures.locator(".sources li")).to_have_count(2)
    expect(figures.locator(".sources b").first).to_have_text("2")
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile(r"/$"))


def test_the_second_pool_is_asked_by_one_tap_and_every_screen_says_who_asked_and_when(
    tmp_path: Path, browser: Browser
) -> None:
    night = NightDesk(tmp_path)
    with night.open():
        night.at("22:00", a_plan("s0", "De Wilg", range(1, 31)))
        night.at("02:30", *(msgspec.structs.replace(one, at=local("02:30")) for one in many(22)))
        hers = night.sit_down(browser, night.staff("Sanne", "SV"))
        other = night.sit_down(browser, night.staff("Noor", "NB"))
        night.go(hers)
        night.go(other)
        hers.get_by_role("button", name="Vraag de achterwacht om hulp").click()
        for page in (hers, other):
            expect(page.locator(".flood")).to_contain_text("Achterwacht gevraagd om 02:30 door Sanne.")
            expect(page.locator("#second-pool")).to_have_count(0)
        night.leave()


def test_two_screens_of_two_people_are_two_people_on_duty(tmp_path: Path, browser: Browser) -> None:
    night = NightDesk(tmp_path)
    with night.open():
        night.at("22:00", a_plan("s0", "De Wilg", range(1, 31)))
        night.at("02:30", *many(11))
        sanne = night.staff("Sanne", "SV")
        hers, again = night.sit_down(browser, sanne), night.sit_down(browser, sanne)
        night.go(hers)
        night.go(again)
        expect(hers.locator(".flood")).to_be_visible()
        other = night.sit_down(browser, night.staff("Noor", "NB"))
        night.go(other)
        expect(other.locator("body")).to_have_attribute("data-number", re.compile(r"\d"))
        night.wait(seconds=1)
        hers.reload()
        expect(hers.locator("#queue article").first).to_be_visible()
        expect(hers.locator(".flood")).to_have_count(0)
        night.leave()
