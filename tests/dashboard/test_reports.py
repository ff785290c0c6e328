"""The report and the hand-over as people see them: what stands on the page, and how it is worked with."""

import re
from datetime import date, datetime, timedelta

import pytest
from playwright.sync_api import expect

from care.alerts import alert_of
from care.board import Board
from care.ids import StaffId
from care.records import Aside, Corrected, FellBack, HandedOver, Outcome, SeenAndHeard
from dashboard.glance import Viewer
from dashboard.handover import Handover, Screens
from dashboard.reports import ROWS_MAX, Paper
from detectors.findings import Presence, Sight, Status, What
from tests.dashboard.conftest import Opens, sideways
from tests.dashboard.nights import (
    SANNE,
    a_calm_night,
    a_full_board,
    add,
    aside,
    claimed,
    closed,
    coming,
    gone_outside,
    hear,
    local,
    long_in_the_bathroom,
    more_visits,
    of_building,
    sensor_silent,
    status,
)
from tests.dashboard.reading import drawing, text

MORNING = local("07:02")
NIGHT = date(2026, 3, 2)
SIZES = [(1920, 1080), (1366, 768), (1024, 768), (683, 384), (390, 844)]


def a_morning() -> Board:
    """Two buildings after a night with something of everything."""
    board = a_calm_night()
    for home in board.homes:
        add(board, Status(at=local("20:00"), home=home, presence=Presence.BED))
    bath, outside, fault = long_in_the_bathroom(), gone_outside(), sensor_silent("wilg/3")
    add(
        board,
        status("eik/5", Presence.UNKNOWN, "00:48", sight=Sight.BLIND),
        status("eik/2A", Presence.BED, "23:30", sight=Sight.PAUSED),
        status("wilg/8", Presence.BED, "23:50", sight=Sight.PARTLY, blind="keuken"),
        status("wilg/8", Presence.BED, "00:10"),
        bath,
        claimed(bath, "s-1", "02:31"),
        closed(bath, "s-1", "02:50", Outcome.HELPED),
        outside,
        claimed(outside, "s-2", "01:59"),
        coming(outside, "s-2", "02:00"),
        fault,
        aside(fault, "s-1", "03:00", Aside.KNOWN_FAULT, "07:00"),
        more_visits(),
        SeenAndHeard(at=local("22:03"), screen="a1", by=StaffId("s-2")),
        Corrected(at=local("06:50"), by=StaffId("s-2"), night=NIGHT, about="centre", line=4, text="Om 02:44."),
    )
    hear(board, MORNING)
    return board


def paper(board: Board, now: datetime = MORNING) -> Paper:
    return Paper(drawing(board).scene(now, SANNE), NIGHT)


def test_the_day_takes_over_what_is_open_where_help_was_given_and_what_is_for_the_morning() -> None:
    rows = [(one.where.replace("\u00a0", " "), one.what, one.more, one.when) for one in paper(a_morning()).takes]
    assert rows == [
        ("De Eik 7", "Waarschijnlijk naar buiten", "Nog open", "01:57"),
        ("De Wilg 12", "Lang in de badkamer", "Hulp gegeven: via beeldbellen", "02:30"),
        ("De Wilg 7", "Vaker \u2019s nachts naar de wc", "Bespreek het met de cliënt", "01:00"),
    ]


def test_what_was_not_seen_stands_there_with_its_reason_the_longest_first_and_a_pause_is_no_fault() -> None:
    rows = [(one.where.replace("\u00a0", " "), one.what, one.more) for one in paper(a_morning()).unseen]
    assert rows == [
        ("De Eik 5", "Geen zicht", "Niets te horen van deze woning"),
        ("De Wilg 8", "Deels in zicht", "Sensor stil"),
    ]
    assert [part.look for part in paper(a_morning()).unseen[0].parts] == ["seen", "blind"]


def test_whatever_was_kept_quiet_is_counted() -> None:
    board = a_morning()
    bath = long_in_the_bathroom()
    add(
        board,
        of_building(What.BUILDING_SILENT, "eik"),
        sensor_silent("eik/1"),
        FellBack(at=local("02:32"), home=bath.home, alert=alert_of(bath), channel="siren"),
    )
    said = {name: what.replace("\u00a0", " ") for name, what in paper(board).held_back}
    assert said == {
        "Opzij gezet": "De Wilg 3 tot 07:00: bekende storing, de monteur komt, door S.K.",
        "Samengevoegd": "1 storing onder een andere",
        "Op pauze": "De Eik 2A 2 u 50",  # of what came after the building fell silent nothing is known
        "Gebouw waarschuwde zelf": "De Wilg 12",
    }


def test_alerts_by_the_hour_add_up_to_all_of_them() -> None:
    told = paper(a_morning())
    assert [(bar.hour, bar.n) for bar in told.bars if bar.n] == [("01", 2), ("02", 1)]
    assert sum(bar.n for bar in told.bars) == len(told.team.alerts)
    assert told.bars_said == "01:00 2, 02:00 1"
    assert len(told.bars) == 9


def test_only_clients_of_whom_something_is_to_be_told_are_told_line_by_line() -> None:
    told = paper(a_morning())
    named = [one.where.replace("\u00a0", " ") for one in told.clients]
    assert named == ["De Eik 2A", "De Eik 5", "De Eik 7", "De Wilg 3", "De Wilg 7", "De Wilg 8", "De Wilg 12"]
    assert [(site, [one.word for one in homes]) for site, homes in told.others] == [
        ("De Eik", ["1", "2", "3", "10"]),
        ("De Wilg", ["1", "2", "4", "11"]),
    ]


def test_a_night_that_runs_says_so_on_top() -> None:
    assert paper(a_morning(), now=local("03:00")).so_far == "Deze nacht is nog niet voorbij. Zo is het om 03:00."
    assert paper(a_morning()).so_far == ""


def test_who_signed_stands_below_with_what_was_written_by_hand() -> None:
    board = a_morning()
    add(board, HandedOver(at=MORNING, given_by=StaffId("s-2"), taken_by=StaffId("s-1"), note="Sleutel ligt klaar."))
    assert (paper(board).signed, paper(board).note) == (
        "Overgedragen door M.B. aan S.K. om 07:02.",
        "Sleutel ligt klaar.",
    )
    assert paper(a_morning()).signed == ""


def test_the_paper_of_two_hundred_homes_is_cut_and_says_how_much_is_left_out() -> None:
    board = a_full_board()
    drawn = drawing(board).paper("paper.html", "nl", paper=paper(board, now=local("06:00")), client=None)
    rows = drawn.count("<tr>")
    assert rows <= 2 * ROWS_MAX + 8
    assert "en nog " in text(drawn)


def test_no_name_of_a_resident_is_on_paper_and_none_in_an_address() -> None:
    board = a_morning()
    drawn = drawing(board).paper("paper.html", "nl", paper=paper(board), client=None)
    assert "Jan" not in text(drawn)
    page = drawing(board).page(
        "report.html", drawing(board).scene(MORNING, SANNE), paper=paper(board), weeks=True, page="/report"
    )
    assert "Jan" in text(page)
    assert not re.search(r'href="[^"]*(Jan|Ahmed)', page)


# The hand-over.


def test_those_who_were_at_a_desk_may_hand_over_the_likeliest_first_and_never_the_reader() -> None:
    board = a_morning()
    add(board, HandedOver(at=local("22:02"), given_by=StaffId("s-1"), taken_by=StaffId("s-2")))
    scene = drawing(board).scene(MORNING, SANNE)
    assert Handover(scene, Screens(1, 1, 1)).colleagues == [("s-2", "M.B.")]
    later = drawing(board).scene(MORNING + timedelta(days=1), SANNE)
    assert Handover(later, Screens(1, 1, 1)).colleagues == []


def test_a_desk_of_which_all_is_proven_says_so() -> None:
    board = a_morning()
    add(board, SeenAndHeard(at=local("06:50"), screen="a1", by=StaffId("s-1")))
    proofs = Handover(drawing(board).scene(MORNING, SANNE), Screens(1, 1, 1)).proofs
    assert all(one.good for one in proofs)
    nobody = Handover(drawing(board).scene(MORNING, SANNE), Screens(0, 0, 0)).proofs
    assert [one.good for one in nobody] == [True, False, False, True]  # no screen at all proves nothing


# In a browser.


@pytest.mark.parametrize("size", SIZES)
def test_report_and_hand_over_fit_every_screen(opens: Opens, size: tuple[int, int]) -> None:
    reader = opens(a_morning(), size=size)
    reader.stage.now = MORNING
    for path in ("/report", "/report/wilg/12", "/hand-over"):
        page = reader.go(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert sideways(page) <= 0, path


def test_everything_to_touch_is_large_enough_for_a_finger(opens: Opens) -> None:
    reader = opens(a_morning(), size=(390, 844), touch=True)
    reader.stage.now = MORNING
    for path in ("/report", "/hand-over"):
        page = reader.go(path)
        small = page.evaluate("""() => [...document.querySelectorAll("main a, main button, main summary, main label")]
            .filter((one) => one.checkVisibility() && !one.matches(".hidden-text, .writes label"))
            .filter((one) => one.getBoundingClientRect().height < 43.5).map((one) => one.outerHTML)""")
        assert small == [], path


def test_a_line_is_corrected_with_the_keyboard_alone(opens: Opens) -> None:
    reader = opens(a_morning())
    reader.stage.now = MORNING
    page = reader.go("/report")
    expect(page.locator("#line-4")).to_contain_text("Verbetering 06:50, M.B.: Om 02:44.")
    page.locator("#line-3 summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Het was de nachtdienst.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Nachtrapportage")).to_be_visible()
    assert reader.posts("/correct") == [
        ("/report/correct", {"night": "2026-03-02", "about": "centre", "line": "3", "text": "Het was de nachtdienst."})
    ]


def test_taking_over_needs_no_typing(opens: Opens) -> None:
    reader = opens(a_morning())
    reader.stage.now = MORNING
    page = reader.go("/hand-over")
    page.get_by_role("button", name="Ik neem de dienst over").click()
    expect(page.get_by_role("heading", name="Overdracht")).to_be_visible()
    assert reader.posts("/hand-over") == [("/hand-over", {"given_by": "s-2"})]


def test_escape_leads_back_to_the_desk(opens: Opens) -> None:
    page = opens(a_morning()).go("/report")
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"/$"))


def test_printed_from_a_browser_it_is_black_on_white_and_only_the_report(opens: Opens) -> None:
    reader = opens(a_morning())
    reader.stage.now = MORNING
    page = reader.go("/report")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("main").evaluate("one => getComputedStyle(one).color") == "rgb(17, 17, 17)"
    expect(page.locator(".bar")).to_be_hidden()
    expect(page.locator("summary").first).to_be_hidden()
    expect(page.locator("#line-4 .beside")).to_be_visible()


def test_who_cannot_see_the_bars_hears_them(opens: Opens) -> None:
    reader = opens(a_morning())
    reader.stage.now = MORNING
    page = reader.go("/report")
    expect(page.get_by_role("img", name="01:00 2, 02:00 1")).to_be_visible()


def test_from_the_desk_the_report_is_one_tap_away(opens: Opens) -> None:
    reader = opens(a_morning())
    page = reader.go("/")
    page.get_by_role("link", name="Nachtrapportage en overdracht").click()
    expect(page.get_by_role("heading", name="Nachtrapportage")).to_be_visible()
    page.get_by_role("link", name="Overdracht", exact=True).first.click()
    expect(page.get_by_role("heading", name="Overdracht")).to_be_visible()


def test_the_english_page_has_no_dutch_in_it() -> None:
    board = a_morning()
    viewer = Viewer(StaffId("s-1"), "Sanne", "S.K.", "en")
    scene = drawing(board).scene(MORNING, viewer)
    for page in (
        drawing(board).page("report.html", scene, paper=Paper(scene, NIGHT), weeks=True, page="/report"),
        drawing(board).page("hand-over.html", scene, handed=Handover(scene, Screens(1, 1, 1)), page="/hand-over"),
    ):
        said = text(page).replace("Om 02:44.", "")
        assert not re.search(r"\b(van|het|een|niet|woning|melding|dienst|uit bed)\b", said)


def test_more_clients_than_a_page_holds_are_counted_and_never_called_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.reports.CLIENTS_MAX", 2)
    board = a_morning()
    told = paper(board)
    assert (len(told.clients), told.more_clients) == (2, 5)
    assert sum(len(homes) for _, homes in told.others) == len(board.homes) - 7
    page = drawing(board).page("report.html", told.glance, paper=told, weeks=True, page="/report")  # type: ignore[arg-type]
    assert "En nog 5 cliënten: kies een gebouw." in text(page)
