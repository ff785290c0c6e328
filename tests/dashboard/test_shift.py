"""The tap at the start of a shift, in a real browser with the rules for sound that browsers have at people's desks."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from detectors.findings import What
from tests.dashboard.conftest import Opens, Reader, sideways
from tests.dashboard.nights import NOW, a_busy_night, a_calm_night, add, of_building, over

# Counts the pulses that were started while the sound ran: what was started in a silent page is never heard.
COUNTED = """
    window.pulses = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) {
      if (this.context.state === "running") window.pulses += 1;
      return start.apply(this, when);
    };
"""


def unproven(opens: Opens, **more: object) -> Reader:
    """A page that nobody has seen and heard in this shift."""
    reader = opens(a_calm_night(), **more)
    reader.stage.proven = None
    reader.page.add_init_script(COUNTED)
    return reader


def touch(page: Page) -> None:
    """Put a hand on the page where nothing happens."""
    page.locator(".plate h3").first.click()


def come_from_sign_in(reader: Reader) -> Page:
    """Come to the desk as people do: by a form that was sent with a hand on it."""
    page = reader.page
    page.goto(reader.stage.address + "/sign-in")
    page.get_by_role("button", name="English").click()  # any form that leads to the desk
    expect(page.locator("body")).to_have_attribute("data-number", "1")
    return page


def test_who_comes_from_signing_in_hears_the_sound_at_once_and_taps_one_time(opens: Opens) -> None:
    reader = unproven(opens)
    page = come_from_sign_in(reader)
    expect(page.get_by_role("heading", name="Begin van je dienst: zie en hoor je dit scherm?")).to_be_visible()
    expect(page.locator("#sound")).to_contain_text("aan, nog niet gehoord")
    button = page.get_by_role("button", name="Ik zie en hoor dit")
    expect(button).to_be_enabled()
    assert page.evaluate("pulses") == 5  # once
    button.click()
    expect(page.locator("#shift")).to_be_hidden()
    expect(page.locator("#sound")).to_contain_text("aan, gehoord om 02:31")
    [tap] = reader.stage.taps
    assert tap == {"screen": reader.stage.reports[-1]["screen"]}


def test_nobody_can_say_to_have_heard_what_was_not_played(opens: Opens) -> None:
    reader = unproven(opens)
    page = reader.go()
    expect(page.locator("#shift")).to_be_visible()
    expect(page.get_by_role("button", name="Ik zie en hoor dit")).to_be_disabled()
    page.get_by_role("button", name="Speel het geluid af").click()
    expect(page.get_by_role("button", name="Ik zie en hoor dit")).to_be_enabled()
    assert page.evaluate("pulses") == 5
    assert reader.stage.taps == []


def test_a_browser_that_lets_the_page_make_no_sound_is_trouble_that_one_tap_ends(opens: Opens) -> None:
    reader = opens(a_calm_night())  # nobody has touched it
    page = reader.go()
    field = page.locator("#sound")
    expect(field).to_have_class(re.compile("blocked"))
    expect(field).to_contain_text("geblokkeerd: tik hier")
    expect(page.locator("#say-now")).to_have_text("Geluid is geblokkeerd. Tik hier om het aan te zetten.")
    assert field.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(234, 96, 64)"
    assert reader.stage.reports[-1]["sound"] == "false"
    with page.expect_response("**/watching"):
        page.get_by_role("button", name="geblokkeerd: tik hier").click()
    expect(field).not_to_have_class(re.compile("blocked"))
    expect(field).to_contain_text("aan, gehoord om 02:31")
    assert reader.stage.reports[-1]["sound"] == "true"


def test_a_page_that_is_loaded_again_says_that_its_sound_is_gone_until_a_hand_is_on_it(opens: Opens) -> None:
    page = opens(a_calm_night()).go()
    touch(page)
    expect(page.locator("#sound")).to_contain_text("aan")
    page.reload()
    expect(page.locator("#sound")).to_have_class(re.compile("blocked"))
    touch(page)
    expect(page.locator("#sound")).not_to_have_class(re.compile("blocked"))


def test_a_link_on_the_page_takes_the_sound_along(opens: Opens) -> None:
    page = opens(a_calm_night()).go()
    page.locator("#tile-wilg\\:4").click()
    page.wait_for_url("**/homes/wilg/4")
    expect(page.locator("#sound")).to_contain_text("aan, gehoord om 02:31")


def test_a_sound_that_stops_by_itself_is_seen(opens: Opens) -> None:
    reader = opens(a_calm_night())
    page = reader.page
    page.add_init_script(
        "const made = AudioContext; window.AudioContext = class extends made {"
        " constructor() { super(); window.ours = this; } };"
    )
    reader.go()
    touch(page)
    expect(page.locator("#sound")).to_contain_text("aan")
    with page.expect_response("**/watching"):
        page.evaluate("ours.suspend()")  # as when its device is taken away
    expect(page.locator("#sound")).to_have_class(re.compile("blocked"))
    assert reader.stage.reports[-1]["sound"] == "false"


def test_a_screen_without_any_sound_says_so(opens: Opens) -> None:
    reader = opens(a_calm_night())
    reader.page.add_init_script("window.AudioContext = class { constructor() { throw new Error('no device'); } };")
    page = reader.go()
    expect(page.locator("#sound")).to_have_class(re.compile("blocked"))
    touch(page)
    expect(page.locator("#sound")).to_have_class(re.compile("blocked"))


def test_at_a_new_shift_the_desk_asks_again_by_itself(opens: Opens) -> None:
    reader = opens(a_calm_night(), clock=True)
    reader.page.add_init_script(COUNTED)
    page = reader.go()
    touch(page)
    expect(page.locator("#sound")).to_contain_text("aan, gehoord")
    page.clock.run_for(6_000)
    reader.stage.proven = None  # it is ten o'clock
    with page.expect_response("**/watching"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # or half a minute that passes
    expect(page.locator("#shift")).to_be_visible()
    expect(page.locator("#sound")).to_contain_text("aan, nog niet gehoord")
    assert page.locator("#queue").is_visible()  # and takes nothing away meanwhile
    page.clock.run_for(3_000)
    assert page.evaluate("pulses") == 0  # nobody would know it for a test
    expect(page.locator("#prove")).to_be_disabled()
    page.locator("#play").click()
    expect(page.locator("#prove")).to_be_enabled()
    assert page.evaluate("pulses") == 5


def test_a_tap_that_is_not_kept_is_told_and_can_be_done_again(opens: Opens) -> None:
    reader = unproven(opens)
    reader.expected = "status of 503"
    page = come_from_sign_in(reader)
    button = page.get_by_role("button", name="Ik zie en hoor dit")
    expect(button).to_be_enabled()
    reader.stage.refuse_with = "no room"
    button.click()
    expect(page.get_by_role("status").get_by_text("Dat is niet gelukt. Probeer het opnieuw.")).to_be_visible()
    expect(page.locator("#shift")).to_be_visible()
    reader.stage.refuse_with = None
    button.click()
    expect(page.locator("#shift")).to_be_hidden()


@pytest.mark.parametrize("size", [(1920, 1080), (1366, 768), (1024, 768), (901, 700), (683, 384), (390, 844)])
def test_asking_for_the_tap_fits_every_screen(opens: Opens, size: tuple[int, int]) -> None:
    board = a_busy_night()
    reader = opens(board, size=size)
    reader.stage.proven = None
    for path in ("/", "/homes/wilg/12"):
        page = reader.go(path)
        expect(page.locator("#shift")).to_be_visible()
        expect(page.locator("#sound")).to_have_class(re.compile("blocked"))
        assert sideways(page) == 0
        touched = page.locator("#shift button.primary").bounding_box()
        assert touched is not None
        assert touched["height"] >= 44
    touch_all = "one => [one.scrollWidth, one.clientWidth]"
    wide, room = page.locator(".bar").evaluate(touch_all)
    assert wide <= room


# When a home was not seen.


def test_a_tap_on_a_night_tells_why_it_was_not_seen_and_news_does_not_shut_it(opens: Opens) -> None:
    board = a_calm_night()
    silent = of_building(What.BUILDING_SILENT, since="01:10")
    add(board, silent, over(silent, "01:40"))
    reader = opens(board, size=(390, 844), touch=True)
    page = reader.go("/homes/wilg/12")
    why = page.get_by_text("Er kon geen melding komen.").last
    expect(why).to_be_hidden()
    page.locator("summary.night").first.tap()
    expect(why).to_be_visible()
    assert sideways(page) == 0
    again = of_building(What.BUILDING_SILENT, since="02:10")
    reader.stage.now = NOW + timedelta(minutes=1)
    reader.stage.happen(again)
    reader.stage.send_home("wilg/12")
    expect(page.locator("#unseen-wilg\\:12")).to_contain_text("02:10")
    expect(why).to_be_visible()
