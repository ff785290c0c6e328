"""What holds for every page and every fragment."""

import re
from datetime import timedelta

import pytest

from care.board import Board
from care.ids import AlertId
from dashboard.drawing import Drawing
from dashboard.pages import STATIC
from detectors.homes import HomeId
from tests.dashboard.nights import (
    NOW,
    SANNE,
    SUSAN,
    People,
    a_busy_night,
    a_calm_night,
    a_full_board,
    a_night_of_small_things,
    a_plan,
    add,
    alert_in,
    claimed,
    gone_outside,
    hear,
    help_asked,
    local,
    long_in_the_bathroom,
    still_up,
)
from tests.dashboard.reading import (
    desk,
    drawing,
    fragments,
    home_page,
    ids,
    page,
    text,
)

# Fragments.


def test_a_change_sends_the_tile_the_queue_and_the_alert_and_no_other_home() -> None:
    board = a_busy_night()
    alert = alert_in(board, "wilg/12")
    drawn = drawing(board)
    drawn.everything(NOW, "nl")
    changed = drawn.changes([HomeId("wilg/12")], [alert], NOW, "nl")
    assert fragments(changed) == {
        *("queue", "open-alerts", "also-open", "load", "legend", "tile-wilg:12", "stands-wilg:12", "sight-wilg:12"),
        *(
            "kinds-wilg:12",
            "unseen-wilg:12",
            "alerts-wilg:12",
            "agreed-wilg:12",
            "watching-wilg:12",
            "paused-wilg:12",
            f"head-{alert}",
            f"seen-{alert}",
            f"doing-{alert}",
        ),
    }


def test_a_new_plan_sends_the_whole_board() -> None:
    board = a_calm_night()
    drawn = drawing(board)
    drawn.everything(NOW, "nl")
    add(board, a_plan("wilg", "De Wilg", (1, 2, 99)))
    changed = drawn.changes([HomeId("wilg/99")], [], NOW, "nl")
    assert "board" in fragments(changed)
    assert "tile-wilg:99" in ids(changed)
    assert "board" not in fragments(drawn.changes([HomeId("wilg/99")], [], NOW, "nl"))


def test_news_of_what_is_not_there_changes_nothing_and_breaks_nothing() -> None:
    drawn = drawing(a_calm_night())
    drawn.everything(NOW, "nl")
    changed = drawn.changes([HomeId("elders/1")], [AlertId("0000000000")], NOW, "nl")
    assert fragments(changed) == {"queue", "open-alerts", "also-open", "load", "legend"}


def test_every_fragment_has_its_place_on_a_page() -> None:
    board = a_busy_night()
    drawn = drawing(board)
    alert = alert_in(board, "wilg/12")
    sent = fragments(drawn.everything(NOW, "nl")) | fragments(drawn.changes([HomeId("wilg/12")], [alert], NOW, "nl"))
    places = set(ids(desk(board))) | set(ids(drawn.load(NOW, SANNE)))
    for known in board.alerts.values():
        places |= set(ids(drawn.alert(known.id, NOW, SANNE) or ""))
    for home in board.homes:
        places |= set(ids(home_page(board, home)))
    assert sent - places == set()


def test_fragments_are_the_same_for_everybody_who_reads_the_language() -> None:
    board = a_busy_night()
    add(board, claimed(long_in_the_bathroom(), "s-1", "02:31"))
    changed = drawing(board).changes([HomeId("wilg/12")], [alert_in(board, "wilg/12")], NOW, "nl")
    assert " mine" not in changed
    assert 'data-holder="s-1"' in changed


@pytest.mark.parametrize("night", [a_calm_night, a_busy_night, a_night_of_small_things, a_full_board, Board])
def test_no_id_stands_twice_on_a_page(night: type[Board]) -> None:
    board = night()
    pages = [desk(board), drawing(board).everything(NOW, "nl")]
    pages += [page(board, alert.home) for alert in board.alerts.values()]
    pages += [home_page(board, home) for home in list(board.homes)[:3]]
    for drawn in pages:
        assert sorted(ids(drawn)) == sorted(set(ids(drawn)))


# What holds for every page.


def test_the_same_pages_in_english() -> None:
    said = text(drawing(a_busy_night()).desk(NOW, SUSAN))
    assert "Jan has probably been in the bathroom since 02:10: 21 minutes now." in said.replace(
        "21 minutes  now", "21 minutes now"
    )
    assert "1 waits for somebody" in said


def test_a_name_is_in_no_title_and_in_no_address() -> None:
    board = a_busy_night()
    for drawn in (desk(board), page(board, "wilg/12"), home_page(board, "wilg/12")):
        for found in re.findall(r"<title>(.*?)</title>|(?:href|action|hx-post)=\"([^\"]*)\"", drawn):
            assert "Jan" not in "".join(found)


def test_the_title_counts_what_waits() -> None:
    assert "<title>1 nu · Nachtwacht</title>" in desk(a_busy_night())
    assert "<title>Nachtwacht</title>" in desk(a_calm_night())
    assert "<title>1 nu · Melding · Nachtwacht</title>" in page(a_busy_night(), "eik/7")


def test_what_people_are_called_cannot_become_part_of_the_page() -> None:
    class Mischief(People):
        def resident(self, id: str) -> str | None:  # noqa: A002
            return "<script>{x}</script>"

    board = a_busy_night()
    drawn = Drawing(board, Mischief())
    for made in (
        drawn.desk(NOW, SANNE),
        drawn.alert(alert_in(board, "wilg/12"), NOW, SANNE) or "",
        drawn.home(HomeId("wilg/12"), NOW, SANNE) or "",
        drawn.sign_in("nl", name="<script>{x}", to='"><script>{x}'),
    ):
        assert "<script>{x}" not in made
        assert "&lt;script&gt;{x}" in made


def test_no_page_holds_script_or_style_of_its_own() -> None:
    board = a_busy_night()
    for drawn in (
        desk(board),
        page(board, "wilg/12"),
        home_page(board, "wilg/12"),
        drawing(board).sign_in("nl", problem="Not saved"),
        drawing(board).message("nl", title="No such page", text="Not done"),
    ):
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", drawn)
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", drawn))
        fetched = re.sub(r'<a class="button call"[^>]*>', "", drawn)  # a call is made by a hand, and only then
        assert not re.search(r'(src|href|action)="(?!/|#|")', fetched)


def test_signing_in_says_in_the_readers_language_why_it_came_to_nothing() -> None:
    drawn = drawing(Board()).sign_in("nl", name="sanne", problem="Not saved", to="/alerts/0123456789")
    assert "Niet bewaard" in drawn
    assert 'value="sanne"' in drawn
    assert 'name="to" value="/alerts/0123456789"' in drawn
    assert "Sign in" in drawing(Board()).sign_in("en")


def test_a_message_is_told_in_the_readers_language() -> None:
    drawn = drawing(Board()).message("nl", title="No such page", text="There is no page here. Go back to the desk.")
    assert "Deze pagina is er niet" in drawn
    assert "Ga terug naar het overzicht." in drawn


def test_in_the_short_night_the_desk_says_that_the_clock_changes() -> None:
    board = a_calm_night()
    evening = local("21:00") + timedelta(days=26)
    hear(board, evening)
    assert "Vannacht gaat de klok van 02:00 naar 03:00." in text(drawing(board).desk(evening, SANNE))


def test_nobody_is_said_to_be_well_asleep_or_fallen() -> None:
    board = a_busy_night()
    add(board, gone_outside("wilg/1"), still_up("wilg/2"), help_asked())
    for drawn in (desk(board), page(board, "wilg/12"), page(board, "eik/7"), home_page(board, "eik/5")):
        assert not re.search(
            r"\b(slaapt|gevallen|veilig|alles in orde|altijd|zeker|alarm)\b", text(drawn), re.IGNORECASE
        )


def test_every_page_has_all_stylesheets_and_no_more_than_can_be_read() -> None:
    linked = re.findall(r'<link rel="stylesheet" href="/static/(\w+\.css)">', desk(a_calm_night()))
    assert linked == ["look.css", "desk.css", "alert.css", "deeds.css"]  # the later ones count
    apart = {"paper.css", "own.css", "staff.css"}  # on paper, on pages of one's own, on those of who works here
    assert {one.name for one in STATIC.glob("*.css")} == {*linked, *apart}
    assert max(len((STATIC / one).read_text().splitlines()) for one in linked) <= 400
