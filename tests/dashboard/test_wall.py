"""The board on a wall: 200 homes on a 65-inch screen of 3840 by 2160, read from three metres."""

import math

from playwright.sync_api import Page

from tests.dashboard.conftest import Opens, sideways
from tests.dashboard.nights import a_full_board

MM = 1439 / 3840  # of one pixel on a screen of 65 inches, across
LEGIBLE_MM = 3000 * math.tan(math.radians(16 / 60))  # 16 minutes of arc at three metres

FIGURES = """
    () => [...document.querySelectorAll(".tile > b")].map((one) => {
      const drawn = document.createElement("canvas").getContext("2d");
      const style = getComputedStyle(one);
      drawn.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
      return drawn.measureText(one.textContent).actualBoundingBoxAscent;
    })
"""


def wall(opens: Opens) -> Page:
    return opens(a_full_board(), size=(3840, 2160)).go()


def test_every_number_and_every_shape_can_be_read_from_three_metres(opens: Opens) -> None:
    page = wall(opens)
    figures = page.evaluate(FIGURES)
    assert len(figures) == 200
    assert min(figures) * MM >= LEGIBLE_MM
    shapes = page.locator(".tile > .icon").evaluate_all("all => all.map((one) => one.getBoundingClientRect().height)")
    assert min(shapes) * MM >= 18


def test_two_hundred_homes_fit_on_the_wall_and_nothing_of_a_tile_is_cut_off(opens: Opens) -> None:
    page = wall(opens)
    assert sideways(page) <= 0
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    cut = page.locator(".tile").evaluate_all(
        "all => all.filter((one) => one.scrollHeight > one.clientHeight + 1 || one.scrollWidth > one.clientWidth + 1)"
        ".map((one) => one.textContent)"
    )
    assert cut == []


def test_a_state_is_a_shape_also_where_its_word_is_too_small_to_read(opens: Opens) -> None:
    page = wall(opens)
    shapes = page.locator(".tile").evaluate_all(
        "all => all.map((one) => [one.className.split(' ')[1], one.querySelector('use').getAttribute('href')])"
    )
    drawn: dict[str, set[str]] = {}
    for look, shape in shapes:
        drawn.setdefault(look, set()).add(shape)
    assert {"bed", "up", "out", "blind", "paused"} <= set(drawn)
    calm = {look: shapes - {"#i-acute"} for look, shapes in drawn.items()}
    assert all(len(one) == 1 for one in calm.values())
    assert len(set.union(*calm.values())) == len(calm)  # no two states look alike
