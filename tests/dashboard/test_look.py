"""The pages in a real browser: they hold what they promise by hand, by key, on a phone, and when nothing is heard."""

import re
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
from playwright.sync_api import Browser, Route, expect

from care.alerts import alert_of
from care.board import Board
from care.wording import Wording
from tests.dashboard.conftest import Opens, pass_time, sideways
from tests.dashboard.nights import (
    NOW,
    a_busy_night,
    a_calm_night,
    a_full_board,
    a_night_of_small_things,
    a_plan,
    add,
    alert_in,
    claimed,
    contacts_only,
    delivered,
    help_asked,
    long_in_the_bathroom,
    more_visits,
    not_up,
    sensor_silent,
)
from tests.dashboard.stage import Stage

SIZES = [(1366, 768), (1920, 1080), (390, 844), (683, 384)]
DEAD_AFTER_MS = 11_000


# The look.


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("night", [a_busy_night, a_calm_night, a_night_of_small_things, a_full_board])
def test_no_page_scrolls_sideways(opens: Opens, size: tuple[int, int], night: Callable[[], Board]) -> None:
    board = night()
    reader = opens(board, size=size)
    assert sideways(reader.go()) == 0
    first = next(iter(board.homes))
    assert sideways(reader.go(f"/homes/{first}")) == 0
    for alert in list(board.alerts)[:2]:
        assert sideways(reader.go(f"/alerts/{alert}")) == 0


def test_signing_in_fits_a_phone(opens: Opens) -> None:
    reader = opens(a_calm_night(), size=(390, 844))
    page = reader.page
    page.goto(reader.stage.address + "/sign-in")
    assert sideways(page) == 0
    expect(page.get_by_label("Naam")).to_be_focused()


@pytest.mark.parametrize("night", [a_busy_night, a_full_board])
def test_everything_to_touch_is_large_enough_for_a_finger(opens: Opens, night: Callable[[], Board]) -> None:
    board = night()
    reader = opens(board, size=(390, 844), touch=True)
    for path in ("/", f"/alerts/{next(iter(board.alerts))}", f"/homes/{next(iter(board.homes))}"):
        small = reader.go(path).evaluate(
            """() => [...document.querySelectorAll('a[href], button, label, summary')]
                .filter((one) => one.offsetParent && !one.matches('.skip'))
                .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
                .filter(([, box]) => box.width < 44 || box.height < 44)
                .map(([html, box]) => `${box.width}x${box.height} ${html}`)"""
        )
        assert small == []


@pytest.mark.parametrize("night", [a_busy_night, a_full_board])
def test_an_urgent_home_stands_out_however_many_there_are(opens: Opens, night: Callable[[], Board]) -> None:
    page = opens(night()).go()
    paint = "(one) => [getComputedStyle(one).backgroundColor, getComputedStyle(one.querySelector('b')).color]"
    waiting = page.locator(".tile.acute.delivered, .tile.acute.raised")
    assert waiting.count() == 1
    assert waiting.evaluate(paint) == ["rgb(234, 96, 64)", "rgb(28, 8, 4)"]


def test_only_the_shape_of_an_urgent_alert_moves_and_not_for_who_wants_no_motion(opens: Opens) -> None:
    page = opens(a_busy_night()).go()
    running = "document.getAnimations().filter((one) => one.playState === 'running').length"
    assert page.evaluate(running) == 0
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(running) == page.locator(".beat").count() == 1


def test_the_picture_for_a_phone_can_be_read_on_a_phone(opens: Opens) -> None:
    board = a_busy_night()
    page = opens(board, size=(390, 844)).go(f"/alerts/{alert_in(board, 'wilg/12')}")
    heights = page.locator("svg.picture.narrow text.room").evaluate_all(
        "(all) => all.map((one) => one.getBoundingClientRect().height)"
    )
    assert min(heights) > 11
    assert page.locator("svg.picture.wide").first.is_hidden()


# Time.


def test_the_clock_and_all_that_grows_follow_the_centre(opens: Opens) -> None:
    reader = opens(a_busy_night())
    page = reader.go()
    expect(page.locator("#clock")).to_have_text(re.compile("^02:31:1"))
    reader.stage.now = NOW + timedelta(hours=1, minutes=5)
    expect(page.locator("#clock")).to_have_text(re.compile("^03:36:1"))
    card = page.locator(f"#card-{alert_of(long_in_the_bathroom())}")
    expect(card.locator(".due b")).to_have_text("1\u00a0u\u00a006")
    expect(card.locator(".seen .grows")).to_have_text("1\u00a0uur en 26\u00a0minuten")


def test_durations_are_said_alike_by_the_page_and_by_the_centre(opens: Opens) -> None:
    page = opens(a_calm_night()).go()
    minutes = [0, 1, 2, 59, 60, 61, 65, 119, 120, 599, 600, 601, 2879, 2880, 2881, 9000]
    page.evaluate(
        """(ages) => { for (const [form, since] of ages) {
            const one = document.createElement('i'); one.className = 'grows tried';
            Object.assign(one.dataset, { form, since }); document.querySelector('main').append(one); } }""",
        [[form, (NOW - timedelta(minutes=n)).isoformat()] for form in ("long", "short") for n in minutes],
    )
    wording = Wording("nl")
    spans = [timedelta(minutes=n) for n in minutes]
    expected = [wording.duration(span) for span in spans] + [wording.short(span) for span in spans]
    expect(page.locator(".tried")).to_have_text(expected)


def test_the_line_of_now_moves_and_the_silence_grows_with_it(opens: Opens) -> None:
    board = a_busy_night()
    reader = opens(board)
    page = reader.go(f"/alerts/{alert_in(board, 'wilg/12')}")
    close = page.locator("svg.picture.close.wide")
    place = "(one) => one.querySelector('.now').getBoundingClientRect().left"
    silence = "(one) => one.querySelector('rect.silent').getBoundingClientRect().width"
    line, width = close.evaluate(place), close.evaluate(silence)
    reader.stage.now = NOW + timedelta(minutes=3)
    expect(page.locator("#clock")).to_have_text(re.compile("^02:34"))
    assert close.evaluate(place) - line == pytest.approx(close.evaluate(silence) - width, abs=1)
    assert close.evaluate(place) > line + 5


# What comes in.


def test_a_new_alert_comes_in_is_told_aloud_and_is_counted_in_the_title(opens: Opens) -> None:
    reader = opens(a_calm_night())
    page = reader.go()
    expect(page).to_have_title("Nachtwacht")
    reader.stage.happen(help_asked())
    card = page.locator(f"#card-{alert_of(help_asked())}")
    expect(card).to_be_visible()
    expect(page).to_have_title("1 nu · Nachtwacht")
    expect(page.locator("#say-now")).to_have_text(re.compile("Nu: Hulpoproep: knop ingedrukt. woning.3 · De Eik"))
    expect(page.locator("#tile-eik\\:3")).to_have_class(re.compile("acute"))
    assert page.evaluate("document.activeElement.tagName") == "BODY"


def test_an_alert_is_delivered_only_when_its_title_was_in_view(opens: Opens) -> None:
    board = a_busy_night()
    reader = opens(board, size=(1366, 500))
    page = reader.go()
    in_view = alert_of(long_in_the_bathroom())
    below = page.locator("#queue [data-shown]").last.get_attribute("data-shown")
    expect(page.locator(f"#card-{in_view}")).to_be_in_viewport()
    page.wait_for_timeout(300)
    shown = {path.split("/")[2] for path, _ in reader.posts("shown")}
    assert in_view in shown
    assert below not in shown
    page.locator("#queue [data-shown]").last.scroll_into_view_if_needed()
    with page.expect_response(f"**/alerts/{below}/shown"):
        pass
    screens = {form["screen"] for _, form in reader.posts("shown")}
    assert len(screens) == 1
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", screens.pop())


def test_an_alert_that_a_colleague_takes_turns_calm_on_every_screen(opens: Opens) -> None:
    reader = opens(a_busy_night())
    page = reader.go()
    reader.stage.happen(claimed(long_in_the_bathroom(), "s-2", "02:31"))
    card = page.locator(f"#card-{alert_of(long_in_the_bathroom())}")
    expect(card).to_have_class(re.compile(r"\bheld\b(?!.*\bmine\b)"))
    expect(card.get_by_text("M.B.", exact=True)).to_be_visible()
    expect(card.get_by_role("button", name="Neem over")).to_be_visible()
    expect(page).to_have_title("Nachtwacht")


def test_while_a_hand_is_in_the_queue_no_card_slips_away_under_it(opens: Opens) -> None:
    reader = opens(a_busy_night(), clock=True)
    page = reader.go()
    button = page.locator(f"#card-claim-{alert_of(long_in_the_bathroom())}")
    button.hover()
    before = button.bounding_box()
    reader.stage.happen(help_asked())
    expect(page.locator("#say-now")).to_have_text(re.compile("Hulpoproep"))
    assert button.bounding_box() == before
    page.clock.run_for(5_000)
    expect(page.locator(f"#card-{alert_of(help_asked())}")).to_be_visible()


def test_a_swap_keeps_the_focus_where_it_was(opens: Opens) -> None:
    reader = opens(a_busy_night())
    page = reader.go()
    page.locator("#tile-wilg\\:4").focus()
    reader.stage.happen(claimed(long_in_the_bathroom(), "s-2", "02:31"), help_asked("wilg/4"))
    expect(page.locator("#tile-wilg\\:4")).to_have_class(re.compile("acute"))
    expect(page.locator("#tile-wilg\\:4")).to_be_focused()


# Hands and keys.


def test_one_key_takes_the_first_alert_that_waits(opens: Opens) -> None:
    reader = opens(a_busy_night())
    page = reader.go()
    page.keyboard.press("n")
    card = page.locator(f"#card-{alert_of(long_in_the_bathroom())}")
    expect(card).to_have_class(re.compile(r"\bmine\b"))
    expect(card.get_by_text("Jij", exact=True)).to_be_visible()
    assert [path for path, _ in reader.posts("claim")] == [f"/alerts/{alert_of(long_in_the_bathroom())}/claim"]
    with page.expect_response("**/release"):
        page.keyboard.press("Shift+N")


def test_one_key_takes_nothing_that_may_wait_unless_the_hand_is_on_it(opens: Opens) -> None:
    board = a_calm_night()
    add(board, more_visits(), sensor_silent())
    reader = opens(board)
    page = reader.go()
    page.keyboard.press("n")
    page.keyboard.press("j")
    page.keyboard.press("n")
    expect(page.locator(f"#card-{alert_of(more_visits())}")).to_have_class(re.compile("mine"))
    assert [path for path, _ in reader.posts("claim")] == [f"/alerts/{alert_of(more_visits())}/claim"]


def test_what_may_wait_is_smaller_than_what_may_not_and_nothing_on_it_is_bright(opens: Opens) -> None:
    page = opens(a_night_of_small_things()).go()
    waits, fault = (page.locator(f"#card-{alert_of(one)}") for one in (not_up(), sensor_silent()))
    size = "one => parseFloat(getComputedStyle(one).fontSize)"
    colour = "one => getComputedStyle(one).backgroundColor"
    assert fault.locator("h3").evaluate(size) < waits.locator("h3").evaluate(size)
    button = ".act-claim .button"
    assert fault.locator(button).evaluate(colour) != waits.locator(button).evaluate(colour)
    assert page.locator(".beat").count() == 0
    expect(page).to_have_title("Nachtwacht")


@pytest.mark.parametrize("size", [(390, 844), (1366, 768)])
def test_what_can_be_seen_in_a_home_is_read_beside_its_marks_however_narrow(
    opens: Opens, size: tuple[int, int]
) -> None:
    board = a_calm_night()
    add(board, msgspec.structs.replace(a_plan("wilg", "De Wilg", ()), homes=(contacts_only("wilg", "1"),)))
    page = opens(board, size=size).go("/homes/wilg/1")
    assert sideways(page) == 0
    for row in page.locator(".kinds li").all():
        words, marks = row.locator("small").bounding_box(), row.locator(".rests").bounding_box()
        assert words is not None
        assert marks is not None
        assert words["width"] > 150
        beside = words["x"] + words["width"] <= marks["x"] + 1
        below = words["y"] >= marks["y"] + marks["height"] - 1
        assert beside or below


def test_keys_walk_the_alerts_and_open_one(opens: Opens) -> None:
    board = a_busy_night()
    page = opens(board).go()
    cards = page.locator("#queue article")
    page.keyboard.press("j")
    expect(cards.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(cards.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(cards.nth(0)).to_be_focused()
    page.keyboard.press("o")
    page.wait_for_url(f"**/alerts/{alert_in(board, 'wilg/12')}")
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile(r"/$"))


def test_a_question_mark_shows_the_keys_and_escape_puts_them_away(opens: Opens) -> None:
    page = opens(a_calm_night()).go()
    page.keyboard.press("?")
    expect(page.get_by_text("melding oppakken")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("melding oppakken")).to_be_hidden()
    assert page.url.endswith("/")


def test_the_board_is_one_stop_and_arrows_walk_it(opens: Opens) -> None:
    page = opens(a_busy_night()).go()
    stops = page.locator("#board .tile[tabindex='0']")
    expect(stops).to_have_count(1)
    stops.focus()
    expect(page.locator("#tile-eik\\:1")).to_be_focused()
    for key, place in [
        ("ArrowRight", "eik:2"),
        ("ArrowDown", "eik:7"),
        ("ArrowDown", "wilg:2"),
        ("ArrowLeft", "wilg:1"),
        ("ArrowUp", "eik:5"),
        ("End", "wilg:12"),
        ("Home", "eik:1"),
        ("ArrowUp", "eik:1"),
    ]:
        page.keyboard.press(key)
        expect(page.locator(f"[id='tile-{place}']")).to_be_focused()
    expect(stops).to_have_count(1)


def test_closing_takes_two_taps_and_only_the_second_writes(opens: Opens) -> None:
    board = a_busy_night()
    reader = opens(board)
    page = reader.go(f"/alerts/{alert_in(board, 'wilg/12')}")
    expect(page.get_by_role("button", name="via beeldbellen")).to_be_hidden()
    page.get_by_role("radio", name="Gerustgesteld").check()
    expect(page.get_by_role("button", name="via telefoon")).to_be_visible()
    expect(page.get_by_role("button", name="112 gebeld")).to_be_hidden()
    assert reader.posts("resolve") == []
    with page.expect_response("**/resolve"):
        page.get_by_role("button", name="via telefoon").click()
    assert reader.posts("resolve")[0][1] == {"outcome": "reassured", "how": "phone"}


def test_the_first_tap_is_kept_when_the_page_changes_before_the_second(opens: Opens) -> None:
    board = a_busy_night()
    reader = opens(board)
    page = reader.go(f"/alerts/{alert_in(board, 'wilg/12')}")
    page.get_by_role("radio", name="Niet nodig").check()
    reader.stage.happen(claimed(long_in_the_bathroom(), "s-1", "02:31"))
    expect(page.locator("aside")).to_have_class(re.compile("mine"))
    expect(page.get_by_role("radio", name="Niet nodig")).to_be_checked()


def test_who_comes_second_is_told_so_and_sees_who_was_first(opens: Opens) -> None:
    reader = opens(a_busy_night())
    reader.stage.refuse_with = "Een collega heeft deze melding opgepakt."
    reader.expected = "status of 409"  # the browser's own note of the answer
    page = reader.go()
    page.keyboard.press("n")
    expect(page.get_by_role("status").get_by_text("Een collega heeft deze melding opgepakt.")).to_be_visible()
    card = page.locator(f"#card-{alert_of(long_in_the_bathroom())}")
    expect(card.get_by_text("M.B.", exact=True)).to_be_visible()


def test_a_refusal_is_told_even_if_the_button_was_swapped_before_it_came(opens: Opens) -> None:
    reader = opens(a_busy_night())
    reader.stage.refuse_with = "Een collega heeft deze melding opgepakt."
    reader.expected = "status of 409"
    page = reader.go()
    answers: list[Route] = []
    page.route("**/claim", lambda route: answers.append(route))  # noqa: PLW0108  # it asks for a function
    with page.expect_request("**/claim"):
        page.keyboard.press("n")
    reader.stage.happen(claimed(long_in_the_bathroom(), "s-2", "02:31"))
    card = page.locator(f"#card-{alert_of(long_in_the_bathroom())}")
    expect(card).to_have_class(re.compile("held"))
    answers[0].fulfill(response=answers[0].fetch())
    expect(page.get_by_role("status").get_by_text("Een collega heeft deze melding opgepakt.")).to_be_visible()


def test_a_key_pressed_before_the_page_has_settled_takes_the_alert_and_complains_of_nothing(opens: Opens) -> None:
    board = a_busy_night()
    reader = opens(board)
    page = reader.page
    answers: list[Route] = []
    page.route("**/claim", lambda route: answers.append(route))  # noqa: PLW0108  # it asks for a function
    page.goto(f"{reader.stage.address}/alerts/{alert_in(board, 'wilg/12')}")
    with page.expect_request("**/claim"):
        page.keyboard.press("n")
    # That this very screen has shown the alert comes back as a change, and takes the place of the form that asked.
    reader.stage.happen(delivered(long_in_the_bathroom(), "02:31", "b2"))
    expect(page.locator("main")).to_contain_text("Getoond op 2 schermen")
    answers[0].fulfill(response=answers[0].fetch())
    expect(page.locator("aside")).to_have_class(re.compile(r"\bmine\b"))
    expect(page.locator("#notice")).to_be_empty()


def test_a_tap_that_does_not_arrive_is_told_even_if_the_button_was_swapped_before(opens: Opens) -> None:
    reader = opens(a_busy_night())
    reader.expected = "ERR_FAILED|htmx:(sendError|afterRequest)"
    page = reader.go()
    taps: list[Route] = []
    page.route("**/claim", lambda route: taps.append(route))  # noqa: PLW0108  # it asks for a function
    with page.expect_request("**/claim"):
        page.keyboard.press("n")
    card = page.locator(f"#card-{alert_of(long_in_the_bathroom())}")
    reader.stage.happen(claimed(long_in_the_bathroom(), "s-2", "02:31"))
    expect(card).to_have_class(re.compile("held"))
    taps[0].abort()
    expect(page.get_by_role("status").get_by_text("Dat is niet gelukt. Probeer het opnieuw.")).to_be_visible()


def test_a_tap_that_does_not_arrive_is_told_as_such(opens: Opens) -> None:
    reader = opens(a_busy_night())
    reader.expected = "ERR_FAILED|htmx:(sendError|afterRequest)"
    page = reader.go()
    page.route("**/claim", lambda route: route.abort())
    page.keyboard.press("n")
    expect(page.get_by_role("status").get_by_text("Dat is niet gelukt. Probeer het opnieuw.")).to_be_visible()
    assert page.locator(f"#card-{alert_of(long_in_the_bathroom())}").get_attribute("data-holder") == ""


# When nothing is heard.


def test_a_screen_that_hears_nothing_says_so_loudly_and_comes_back_by_itself(opens: Opens) -> None:
    reader = opens(a_busy_night(), clock=True)
    page = reader.go()
    reader.stage.beating = False
    page.wait_for_timeout(300)
    page.clock.run_for(6_000)
    expect(page.locator("#data")).to_have_class(re.compile("warn"))
    expect(page.locator("#dead")).to_be_hidden()
    page.clock.run_for(DEAD_AFTER_MS - 6_000)
    expect(page.get_by_role("heading", name="Dit scherm is niet meer actueel")).to_be_visible()
    expect(page.locator("body")).to_have_class(re.compile("dead"))
    expect(page.locator("#dead-at")).to_have_text("02:31:12")
    expect(page.locator("#say-now")).to_have_text(
        re.compile("Dit scherm is niet meer actueel. Laatste gegevens: 02:31")
    )
    expect(page).to_have_title("Niet actueel · Nachtwacht")
    expect(page.locator("main button:enabled")).to_have_count(0)
    page.keyboard.press("n")
    assert reader.posts("claim") == []
    loads = reader.stage.loads
    reader.stage.beating = True
    expect(page.locator("#dead")).to_be_hidden()
    assert reader.stage.loads > loads
    expect(page.locator("main button:enabled").first).to_be_visible()


def test_the_age_of_the_data_is_always_in_sight_and_counts(opens: Opens) -> None:
    reader = opens(a_calm_night(), clock=True)
    page = reader.go()
    expect(page.locator("#age")).to_be_in_viewport()
    reader.stage.beating = False
    page.wait_for_timeout(300)
    page.clock.run_for(4_000)
    expect(page.locator("#age")).to_have_text(re.compile(r"^[45]\u00a0s\u00a0geleden$"))


def test_without_scripts_the_page_can_be_read_and_worked_with(browser: Browser) -> None:
    board = a_busy_night()
    with Stage(board).served() as stage:
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(f"{stage.address}/alerts/{alert_in(board, 'wilg/12')}")
        assert "elke 15 seconden" in (page.text_content("body") or "")
        page.get_by_role("button", name="Ik pak op").click()
        assert [path for path, _ in stage.posts] == [f"/alerts/{alert_in(board, 'wilg/12')}/claim"]
        page.context.close()


# Who watches the watchers.


def test_a_page_says_by_itself_that_somebody_could_be_looking_at_it(opens: Opens) -> None:
    reader = opens(a_calm_night())
    with reader.page.expect_response("**/watching"):
        page = reader.go()
    [first] = reader.stage.reports
    assert (first["in_view"], first["sound"]) == ("true", "false")
    with page.expect_response("**/watching"):
        page.locator(".plate h3").first.click()  # from now on browsers let it make itself heard
    assert reader.stage.reports[-1] == {"screen": first["screen"], "in_view": "true", "sound": "true"}


def test_a_page_reports_every_half_minute(opens: Opens) -> None:
    reader = opens(a_calm_night(), clock=True)
    page = reader.go()
    before = len(reader.stage.reports)
    with page.expect_response("**/watching"):
        pass_time(page, 32, step=8)  # at ten seconds without a beat it would be dead
    assert len(reader.stage.reports) > before


def test_every_open_screen_says_when_nobody_watches_and_when_nothing_can_be_stored(opens: Opens) -> None:
    reader = opens(a_calm_night())
    page = reader.go()
    expect(page.locator("#unwatched")).to_be_hidden()
    expect(page.locator("#stuck")).to_be_hidden()
    reader.stage.beat = {"unwatched": True, "stuck": True}
    expect(page.locator("#unwatched")).to_contain_text("Niemand kijkt mee.")
    expect(page.locator("#stuck")).to_contain_text("De zorgcentrale kan niets opslaan.")
    assert sideways(page) == 0
    reader.stage.beat = {}
    expect(page.locator("#unwatched")).to_be_hidden()


def test_the_age_of_a_proof_goes_on_and_turns_loud(opens: Opens) -> None:
    reader = opens(a_calm_night())
    page = reader.go()
    plate = page.locator(".building[data-site=wilg] .proven")
    expect(plate).to_have_text("nog niet getest")
    reader.stage.beat = {"proven": {"wilg": 19.4, "eik": None}}
    expect(plate).to_have_text("Getest 20 s geleden")
    expect(plate).not_to_have_class(re.compile("unproven"))
    reader.stage.beat = {"proven": {"wilg": 430.0, "eik": None}}
    expect(plate).to_have_text("Al 7 min niet getest")
    expect(plate).to_have_class(re.compile("unproven"))
