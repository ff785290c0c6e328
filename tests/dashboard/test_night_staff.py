"""What night staff must be able to do, row by row of docs/desk.md, where no other story tells it: in a real browser."""

import re
import struct
import zlib
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Page, expect

from care.alerts import alert_of
from care.board import Board
from detectors.findings import What
from tests.dashboard.conftest import Opens, sideways
from tests.dashboard.nights import (
    a_busy_night,
    a_calm_night,
    a_full_board,
    add,
    alert_in,
    delivered,
    local,
    long_in_the_bathroom,
    of_building,
    sensor_silent,
)

BATH = alert_of(long_in_the_bathroom())


def test_every_row_of_the_guide_is_proven_by_a_test_that_is_there() -> None:
    root = Path(__file__).parents[2]
    rows = re.findall(r"^\| (\d+) \|.*$", (root / "docs/desk.md").read_text(), re.MULTILINE)
    assert rows == [str(n) for n in range(1, 21)]
    named = set(re.findall(r"`(test_\w+)`", (root / "docs/desk.md").read_text()))
    there = {
        name
        for file in Path(__file__).parent.glob("test_*.py")
        for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    assert named - there == set()


# Row 8: dark, and a tier is told by shape, word and place besides its colour.


def light(page: Page) -> tuple[float, float]:
    """Return the relative luminance of a page as it is lit: of all of it, and of its brightest hundredth."""
    lit = sorted(luminances(page.screenshot()))
    return sum(lit) / len(lit), lit[-max(1, len(lit) // 100)]


def luminances(png: bytes) -> list[float]:
    """Return the luminance of every ninth point (WCAG 2.2) of a picture as chromium writes it."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert depth == 8
    channels = {2: 3, 6: 4}[kind]
    data, at = b"", 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        data += png[at + 8 : at + 8 + length] if name == b"IDAT" else b""
        at += length + 12
    raw, stride = zlib.decompress(data), width * channels
    before, lit = bytearray(stride), []
    linear = [(n / 255 / 12.92) if n <= 10 else ((n / 255 + 0.055) / 1.055) ** 2.4 for n in range(256)]
    for row in range(height):
        start = row * (stride + 1)
        line = unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), before, channels)
        if row % 3 == 0:
            points = range(0, stride, 3 * channels)
            lit += [
                0.2126 * linear[line[x]] + 0.7152 * linear[line[x + 1]] + 0.0722 * linear[line[x + 2]] for x in points
            ]
        before = line
    return lit


def unfiltered(how: int, line: bytearray, before: bytearray, step: int) -> bytearray:
    """Undo what PNG does to a row before it is packed."""
    for x in range(len(line)) if how else ():
        left = line[x - step] if x >= step else 0
        above = before[x]
        corner = before[x - step] if x >= step else 0
        if how == 4:
            guess = left + above - corner
            nearest = min((abs(guess - one), rank, one) for rank, one in enumerate((left, above, corner)))[2]
        else:
            nearest = {1: left, 2: above, 3: (left + above) // 2}[how]
        line[x] = (line[x] + nearest) & 255
    return line


@pytest.mark.parametrize("path", ["/", f"/alerts/{BATH}", "/load"])
def test_a_page_is_dark_as_a_whole_and_has_no_white_on_it(opens: Opens, path: str) -> None:
    whole, brightest = light(opens(a_busy_night(), size=(960, 600)).go(path))
    assert whole < 0.08
    assert brightest < 0.8


def test_what_is_urgent_is_told_by_its_shape_its_word_and_its_place_as_well_as_by_colour(opens: Opens) -> None:
    page = opens(a_busy_night()).go()
    first = page.locator("#queue article").first
    expect(first.locator(".shape use")).to_have_attribute("href", "#i-acute")
    expect(first.locator(".tier .word")).to_have_text("Nu")
    expect(page.locator("#tile-wilg\\:12 use")).to_have_attribute("href", "#i-acute")
    expect(page.locator("#tile-wilg\\:12")).to_contain_text("Nu")


# Row 9 and 10: everything is said, and drawn.


def test_an_alert_says_what_who_where_since_when_what_was_seen_and_what_is_usual(opens: Opens) -> None:
    board = a_busy_night()
    add(board, msgspec.structs.replace(long_in_the_bathroom(), at=local("02:30:30"), usual=9.0, nights=28))
    page = opens(board).go(f"/alerts/{BATH}")
    lead = page.locator(f"#head-{BATH}")
    for said in ("Nu", "Lang in de badkamer", "Jan", "woning", "De Wilg", "sinds 02:10", "Laatste beweging: 02:12"):
        expect(lead).to_contain_text(said)
    expect(page.locator(f"#seen-{BATH}")).to_contain_text(re.compile("Meestal.*9\u00a0minuten"))
    expect(page.locator(f"#seen-{BATH}")).to_contain_text("Zorgplan: melden na")


def test_what_was_seen_is_drawn_with_what_could_not_be_seen_and_what_is_usual(opens: Opens) -> None:
    board = a_busy_night()
    add(board, msgspec.structs.replace(long_in_the_bathroom(), at=local("02:30:30"), usual=9.0, nights=28))
    page = opens(board).go(f"/alerts/{BATH}")
    drawn = page.locator("svg.picture.close.wide")
    for look in ("bed", "silent", "blind", "usual"):
        expect(drawn.locator(f"rect.{look}").first).to_be_visible()
    expect(drawn.locator("desc")).to_contain_text("Keuken: geen of deels zicht")
    expect(drawn.locator("desc")).to_contain_text("Meestal is het voorbij om 02:19.")


# Row 13 to 15: one cause, faults apart, and what goes on and off.


def test_a_fault_that_explains_others_is_one_line_that_counts_them(opens: Opens) -> None:
    board = a_calm_night()
    faults = [msgspec.structs.replace(sensor_silent(f"wilg/{n}"), at=local("02:25")) for n in (1, 2, 3, 4)]
    add(board, of_building(What.BRIDGE_LOST), *faults)
    page = opens(board).go()
    expect(page.locator("#queue article")).to_have_count(1)
    expect(page.locator("#queue article")).to_contain_text("Hier horen 4 andere storingen bij.")


def test_faults_stand_in_a_list_of_their_own_that_asks_nothing_of_the_desk(opens: Opens) -> None:
    board = a_busy_night()
    add(board, sensor_silent("eik/1"))
    page = opens(board).go()
    own = page.locator("section", has=page.locator("#q-technical"))
    expect(own.locator("article")).to_have_count(1)
    expect(own).to_contain_text("vraagt nu niets van je")
    expect(page.locator("section", has=page.locator("#q-waiting")).locator("article.technical")).to_have_count(0)


def test_what_comes_again_and_again_is_one_alert_that_says_how_often(opens: Opens) -> None:
    reader = opens(a_busy_night())
    page = reader.go()
    card = page.locator(f"#card-{BATH}")
    for n in (1, 2, 3):
        reader.stage.happen(msgspec.structs.replace(long_in_the_bathroom(), at=local(f"02:30:{n}0")))
    expect(card).to_have_count(1)
    expect(card).to_contain_text("4 keer gezien: één melding.")


# Nothing slips away under a hand.


def test_news_that_comes_while_a_hand_presses_a_button_takes_nothing_from_under_it(opens: Opens) -> None:
    board = a_calm_night()
    add(board, long_in_the_bathroom())
    reader = opens(board)
    page = reader.go(f"/alerts/{BATH}")
    button = page.get_by_role("button", name="Ik pak op")
    button.hover()
    page.mouse.down()
    reader.stage.happen(delivered(long_in_the_bathroom(), "02:31"))
    reader.stage.now += timedelta(seconds=5)
    expect(page.locator("#clock")).to_have_text(re.compile("02:31:1[78]"))  # what came later has been heard
    with page.expect_response("**/claim"):
        page.mouse.up()
    expect(page.locator(f"#doing-{BATH}")).to_have_class(re.compile("mine"))


# Row 20: keys alone, and text twice as large.


def test_an_alert_is_taken_followed_up_and_closed_with_the_keyboard_alone(opens: Opens) -> None:
    board = a_busy_night()
    reader = opens(board)
    page = reader.go()
    page.keyboard.press("j")
    page.keyboard.press("n")
    expect(page.locator(f"#card-{BATH}")).to_have_class(re.compile("mine"))
    page.keyboard.press("o")
    page.wait_for_url(f"**/alerts/{BATH}")
    expect(page.locator("body")).to_have_attribute("data-number", "1")
    page.locator(f"#step-talking-{BATH}").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"#step-coming-{BATH}")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"#there-15-{BATH}")).to_be_checked()
    page.keyboard.press("Tab")
    with page.expect_response("**/follow"):
        page.keyboard.press("Enter")
    assert reader.posts("follow")[0][1] == {"step": "coming", "there_in": "15", "means": "night-team"}
    page.locator(f"#outcome-helped-{BATH}").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    with page.expect_response("**/resolve"):
        page.keyboard.press("Enter")
    assert reader.posts("resolve")[0][1] == {"outcome": "helped", "how": "on-site"}


@pytest.mark.parametrize("night", [a_busy_night, a_full_board])
def test_text_twice_as_large_is_cut_off_nowhere(opens: Opens, night: type[Board]) -> None:
    board = night()
    reader = opens(board, size=(683, 384))  # what a laptop of 1366 by 768 has left at 200 %
    for path in ("/", f"/alerts/{alert_in(board, next(iter(board.alerts.values())).home)}", "/load"):
        page = reader.go(path)
        assert sideways(page) == 0
        cut = page.evaluate(
            """() => [...document.querySelectorAll('main .button, main h1, main h3, .seen, .step, .choices label')]
                .filter((one) => one.offsetParent && !one.matches('.hidden-text'))
                .filter((one) => one.scrollWidth > one.clientWidth + 1)
                .map((one) => one.outerHTML.slice(0, 100))"""
        )
        assert cut == []
