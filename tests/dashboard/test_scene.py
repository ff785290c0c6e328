"""The desk as a whole: who waits, what is known of every home, and never one shown as quiet that nobody can see."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.alerts import alert_of
from care.board import Board
from detectors.findings import Presence, Sight
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
    closed,
    hear,
    help_asked,
    long_in_the_bathroom,
    more_visits,
    not_up,
    sensor_silent,
    status,
)
from tests.dashboard.reading import (
    desk,
    page,
    text,
    tile,
)

# The desk.


def test_an_alert_says_who_where_what_and_since_when() -> None:
    said = text(desk(a_busy_night()))
    assert "Lang in de badkamer Jan · woning 12 · De Wilg" in said
    assert "Jan is waarschijnlijk sinds 02:10 in de badkamer: nu 21 minuten ." in said
    assert "Let op: de bewegingssensor in de keuken geeft niets door." in said


def test_the_queue_shows_who_waits_then_who_is_helped_then_what_is_over() -> None:
    said = text(desk(a_busy_night()))
    order = [
        "1 wacht op iemand",
        "1 iemand is bezig",
        "M.B. is bezig sinds 01:59",
        "1 vanzelf voorbij, nog niet gezien",
    ]
    assert [said.index(one) for one in order] == sorted(said.index(one) for one in order)


def test_the_oldest_urgent_alert_comes_first_whatever_came_in_last() -> None:
    board = a_busy_night()
    add(board, help_asked())
    queue = re.findall(r'id="card-(\w+)-t"', desk(board))
    assert queue[:2] == [alert_of(help_asked()), alert_of(long_in_the_bathroom())]


def test_my_own_alert_is_marked_as_mine() -> None:
    board = a_busy_night()
    add(board, claimed(long_in_the_bathroom(), "s-1", "02:31"))
    card = re.search(rf'<article id="card-{alert_in(board, "wilg/12")}" class="([^"]*)"', desk(board))
    assert card is not None
    assert {"held", "mine"} <= set(card[1].split())


def test_in_a_flood_every_alert_keeps_its_card_and_its_button() -> None:
    board = a_calm_night()
    for home in ("wilg/1", "wilg/2", "wilg/3", "wilg/7", "wilg/8", "eik/1"):
        add(board, long_in_the_bathroom(home))
    drawn = desk(board)
    assert drawn.count('data-act="claim"') == 6
    assert drawn.count("card-picture") == 3


def test_an_empty_queue_shows_why_it_may_be_empty() -> None:
    said = text(desk(a_calm_night()))
    assert "Geen open meldingen." in said
    assert "elk gebouw zich meldt 2 van 2" in said
    assert "woningen helemaal in zicht 15 van 15" in said
    assert "Nacht van maandag 2 maart op dinsdag 3 maart" in said


def test_an_empty_queue_is_no_comfort_about_homes_that_cannot_be_seen() -> None:
    board = a_calm_night()
    add(board, status("wilg/2", Presence.UNKNOWN, "01:00", sight=Sight.BLIND))
    board.heard_at.pop(a_plan("eik", "De Eik", ()).site)
    said = text(desk(board)).replace("\u00a0", " ")
    assert "Dat weten we" not in said
    assert "niet elk gebouw meldt zich 1 van 2" in said
    assert "De Eik 1, De Eik 2" in said
    assert "De Wilg 2" in said


def test_before_the_first_building_the_desk_says_so() -> None:
    said = text(desk(Board()))
    assert "Er is nog geen gebouw aangesloten." in said
    assert "Geen open meldingen" not in said


def test_how_the_last_alert_ended_stands_beside_the_quiet() -> None:
    board = a_calm_night()
    add(board, long_in_the_bathroom(), closed(long_in_the_bathroom(), "s-2", "02:31"))
    assert "Laatste melding: 02:30. Gerustgesteld: via beeldbellen. Afgerond door M.B. om 02:31." in text(desk(board))


# The board.


@pytest.mark.parametrize(
    ("home", "look", "word"),
    [
        ("wilg/1", "tile bed", "Bed"),
        ("wilg/4", "tile up", "Op"),
        ("eik/10", "tile out", "Weg"),
        ("eik/2", "tile unknown", "Onbekend"),
        ("eik/5", "tile blind", "Uitval"),
        ("eik/2A", "tile paused", "Pauze"),
        ("wilg/8", "tile bed partly", "Deels"),
        ("wilg/12", "tile up partly acute delivered", "Nu"),
        ("eik/7", "tile bed acute claimed held", "M.B."),
        ("wilg/3", "tile bed acute returned", "Voorbij"),
    ],
)
def test_every_state_of_a_home_has_its_shape_and_its_word(home: str, look: str, word: str) -> None:
    drawn = desk(a_busy_night())
    assert tile(drawn, home) == look
    start = drawn.index(f'id="tile-{home.replace("/", ":")}"')
    assert word in text("<a " + drawn[start : drawn.index("</a>", start)])


def test_a_home_that_never_said_anything_is_drawn_as_no_sight() -> None:
    board = Board()
    add(board, a_plan("wilg", "De Wilg", [1]))
    hear(board)
    assert tile(desk(board), "wilg/1") == "tile blind"


@given(st.sampled_from(Presence), st.sampled_from(Sight), st.integers(31, 100_000))
def test_a_silent_building_is_never_drawn_as_quiet(presence: Presence, sight: Sight, seconds: int) -> None:
    board = a_calm_night()
    add(board, status("wilg/1", presence, "02:20", sight=sight))
    hear(board, NOW - timedelta(seconds=seconds))
    drawn = desk(board)
    assert all(tile(drawn, home) == "tile blind" for home in board.homes)
    assert "Dat weten we" not in text(drawn)


def test_tiles_stand_by_building_and_number() -> None:
    order = re.findall(r'id="tile-([^"]+)"', desk(a_calm_night()))
    assert order == [
        *(f"eik:{number}" for number in ("1", "2", "2A", "3", "5", "7", "10")),
        *(f"wilg:{number}" for number in ("1", "2", "3", "4", "7", "8", "11", "12")),
    ]


def test_whatever_happens_no_tile_moves() -> None:
    places = re.findall(r'id="tile-([^"]+)"', desk(a_calm_night()))
    assert re.findall(r'id="tile-([^"]+)"', desk(a_busy_night())) == places


def test_the_legend_counts_every_home_once() -> None:
    board = a_full_board()
    drawn = desk(board)
    legend = drawn[drawn.index('id="legend"') : drawn.index("</ul>", drawn.index('id="legend"'))]
    counts = dict(re.findall(r'<li class="(\w+)">.*?<b>(\d+)</b>', legend))
    assert sum(int(counts.get(look, 0)) for look in ("bed", "up", "out", "unknown", "blind", "paused")) == 200
    assert counts["acute"] == "1"


# What may wait.


def test_what_may_wait_stands_below_who_waits_and_has_no_voice() -> None:
    board = a_night_of_small_things()
    add(board, long_in_the_bathroom("eik/1"))
    drawn = desk(board)
    order = re.findall(r'id="card-(\w+)-t"', drawn)
    assert order == [alert_of(one) for one in (long_in_the_bathroom("eik/1"), not_up(), more_visits(), sensor_silent())]
    voice = drawn[drawn.index('id="open-alerts"') : drawn.index("</ul>", drawn.index('id="open-alerts"'))]
    assert voice.count("<li") == 2
    assert "Sensor geeft" not in voice
    assert "Vaker" not in voice
    assert "1 voor de ochtend vraagt nu niets van je" in text(drawn)
    assert "1 voor de technische dienst vraagt nu niets van je" in text(drawn)


def test_a_fault_alone_does_not_take_away_why_the_desk_may_be_calm() -> None:
    board = a_calm_night()
    add(board, sensor_silent())
    said = text(desk(board))
    assert "Er wacht geen melding op iemand. Dat weten we, omdat: elk gebouw zich meldt 2 van 2" in said
    assert "Geen open meldingen" not in said
    assert "1 voor de technische dienst" in said


def test_a_fault_leaves_on_the_tile_where_the_resident_is() -> None:
    board = a_night_of_small_things()
    drawn = desk(board)
    assert tile(drawn, "wilg/12") == "tile bed technical"
    assert tile(drawn, "wilg/7") == "tile bed"
    assert tile(drawn, "wilg/2") == "tile bed soon raised"
    add(board, claimed(sensor_silent(), "s-2", "02:30"))
    assert tile(desk(board), "wilg/12") == "tile bed technical"
    add(board, long_in_the_bathroom())
    assert tile(desk(board), "wilg/12") == "tile bed acute raised"


def test_the_page_of_somebody_who_is_not_up_says_when_that_usually_is() -> None:
    said = text(page(a_night_of_small_things(), "wilg/2")).replace("\u00a0", " ")
    assert "Straks · Nog niet op, later dan meestal" in said
    assert "Meestal op om 00:20 (28 nachten). Om 02:20 was nog niet te zien dat de cliënt op is." in said
    assert "Om 02:20 was het 2 uur later dan meestal." in said
    assert "Geen vaste grens: Nachtwacht leert wat hier meestal zo is." in said


def test_what_is_of_weeks_has_no_picture_of_an_evening() -> None:
    board = a_night_of_small_things()
    weeks, fault = page(board, "wilg/7"), page(board, "wilg/12")
    assert "<figure" not in weeks + fault
    assert "<figure" in page(board, "wilg/2")
    assert "Dit was te zien toen de nacht voorbij was." in text(weeks)
    assert "Geen: dit gaat over de techniek." in text(fault)
    assert "Geen zicht: bewegingssensor in de badkamer." in text(fault)
    assert "Zorgplan" not in text(fault) + text(weeks)
