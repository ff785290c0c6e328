"""The nights of one home as pictures: what was seen, what is usual, and what nobody could see."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import expect

from care.board import Board
from dashboard.glance import Glance
from dashboard.nights import CHOICES, NARROW, WIDE, Album, Picture, Row
from detectors.findings import Presence
from detectors.homes import HomeId, RoomId
from detectors.nights import Stay, Summary
from tests.dashboard.conftest import Opens, sideways
from tests.dashboard.nights import NOW, People, a_calm_night, add, four_weeks, local, status

HOME = HomeId("wilg/12")


def a_board(*weeks: int) -> Board:
    board = a_calm_night()
    for n in weeks:
        add(board, *four_weeks(weeks=n))
    add(board, status("wilg/12", Presence.BED, "22:50"))
    return board


def album(board: Board, n: int, language: str = "nl") -> Album:
    return Album(board.homes[HOME], Glance(board, People(), NOW, language), n)


def picture(board: Board, n: int) -> Picture:
    return album(board, n).pictures[0]


def looks(row: Row) -> set[str]:
    return {one.look for one in row.pieces}


def test_every_night_is_a_row_the_oldest_on_top_and_the_running_one_below() -> None:
    rows = picture(a_board(4), 28).rows
    assert len(rows) == 28
    assert [rows[0].name, rows[-1].name] == ["di 3 feb", "ma 2 mrt"]
    assert [row.latest for row in rows] == [False] * 27 + [True]
    assert [one.y for one in rows] == sorted(one.y for one in rows)


def test_a_night_tells_bed_bathroom_exits_and_when_somebody_was_up() -> None:
    row = picture(a_board(4), 28).rows[-2]
    assert {"bed", "bath", "up"} <= looks(row)
    assert (row.dots, row.exits, row.rose) == (4, "4", "07:18")


def test_what_nobody_could_see_lies_over_the_night_and_its_figures_are_open_above() -> None:
    rows = {row.name: row for row in picture(a_board(4), 28).rows}
    assert "blind" in looks(rows["vr 13 feb"])
    assert "partly" in looks(rows["do 26 feb"])
    assert "paused" in looks(rows["zo 22 feb"])
    assert rows["vr 13 feb"].exits == "2+"


def test_a_night_before_anything_was_told_is_hatched_and_not_empty() -> None:
    rows = picture(a_board(), 7).rows
    assert [looks(row) for row in rows[:-1]] == [{"blind"}] * 6


def test_somebody_who_was_away_went_through_the_door() -> None:
    away = next(row for row in picture(a_board(4), 28).rows if row.name == "ma 9 feb")
    assert "out" in looks(away)
    assert len(away.doors) == 1  # home again in the night


def test_usual_is_outlined_once_there_are_nights_enough() -> None:
    assert picture(a_board(4), 28).usual is not None
    assert picture(a_board(), 28).usual is None


def test_of_one_night_the_last_that_is_over_is_shown_lane_by_lane() -> None:
    drawn = album(a_board(4), 1)
    assert [row.name for row in drawn.pictures[0].rows] == ["In bed", "Badkamer", "Op", "Weg", "Zicht"]
    assert drawn.night == "Nacht van zondag 1 maart op maandag 2 maart"
    assert drawn.pictures[0].now is None
    assert looks(drawn.pictures[0].rows[0]) == {"bed", "usual"}


def test_of_a_home_that_is_new_the_running_night_is_shown_with_where_it_has_come_to() -> None:
    drawn = album(a_board(), 1)
    assert drawn.night == "Nacht van maandag 2 maart op dinsdag 3 maart"
    assert drawn.pictures[0].now is not None


def test_who_cannot_see_the_picture_is_told_what_it_shows() -> None:
    drawn = picture(a_board(4), 28)
    assert drawn.title == "28 nachten, elke rij van 20:00 tot 10:00"
    assert drawn.description == (
        "Meestal in bed rond 22:45 en op rond 07:14. De laatste nacht: 4 keer uit bed. 4 keer naar de badkamer."
        " 3 nachten waren niet helemaal te zien."
    )


def test_in_bed_goes_on_beyond_the_watched_hours_as_far_as_that_is_known() -> None:
    board = a_board(4)
    row = picture(board, 28).rows[-3]
    [first, *_] = [one for one in row.pieces if one.look == "bed"]
    eleven = next(x for x, hour in picture(board, 28).hours if hour == "22")
    assert first.x > eleven
    assert first.x < picture(board, 28).left + (picture(board, 28).right - picture(board, 28).left) * 3 / 14


stays = st.lists(
    st.tuples(st.integers(0, 480), st.sampled_from(list(Presence)), st.sampled_from(["badkamer", "gang", "nergens"])),
    max_size=20,
)


@given(stays, st.sampled_from(CHOICES))
def test_nothing_is_drawn_outside_its_picture(told: list[tuple[int, Presence, str]], n: int) -> None:
    board = a_board()
    start = local("23:00") - timedelta(days=1)
    moments = [start + timedelta(minutes=at) for at, _, _ in sorted(told, key=lambda one: one[0])]
    made = tuple(
        Stay(begin, end, what, RoomId(room))
        for begin, end, (_, what, room) in zip(moments, [*moments[1:], start + timedelta(hours=8)], told, strict=False)
    )
    add(board, Summary(at=start + timedelta(hours=8), home=HOME, night=start.date(), stays=made, visits=30, exits=99))
    for drawn in album(board, n).pictures:
        for row in drawn.rows:
            assert row.y + drawn.size.row <= drawn.height
            for one in row.pieces:
                assert drawn.left <= one.x <= one.x + one.width <= drawn.right + 2.5
                assert 0 <= one.y <= one.y + one.height <= drawn.size.row + 0.1


def test_every_choice_has_a_size_for_wide_and_narrow_screens() -> None:
    assert set(WIDE) == set(NARROW) == set(CHOICES)


@pytest.mark.parametrize("size", [(1366, 768), (390, 844)])
def test_the_nights_are_chosen_with_the_keyboard_and_fit_every_screen(opens: Opens, size: tuple[int, int]) -> None:
    page = opens(a_board(4), size=size).go("/homes/wilg/12")
    expect(page.locator("#nights .picture:visible .night-name")).to_have_count(6)
    more = page.get_by_role("link", name="28 nachten")
    more.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"nights=28"))
    expect(page.locator("#nights [aria-current]")).to_have_text("28 nachten")
    expect(page.locator("#nights .picture:visible .night-name")).to_have_count(27)
    assert sideways(page) <= 0
