"""What the pages and their fragments say, and what they never do: show a home as quiet that nobody can see."""

import html
import re
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.alerts import alert_of
from care.board import Board
from care.records import AlertId, FellBack
from dashboard import homes
from dashboard.drawing import Drawing
from dashboard.glance import Glance
from detectors.coverage import rests_on
from detectors.findings import BUILDING, Presence, Sight, What
from detectors.homes import HomeId, SiteId
from tests.dashboard.nights import (
    NOW,
    SANNE,
    SUSAN,
    People,
    a_busy_night,
    a_calm_night,
    a_full_board,
    a_home,
    a_night_of_small_things,
    a_plan,
    add,
    alert_in,
    claimed,
    closed,
    contacts_only,
    delivered,
    gone_outside,
    hear,
    help_asked,
    local,
    long_in_the_bathroom,
    more_visits,
    not_up,
    of_building,
    over,
    sensor_silent,
    status,
    still_up,
)


def drawing(board: Board) -> Drawing:
    return Drawing(board, People())


def desk(board: Board) -> str:
    return drawing(board).desk(NOW, SANNE)


def page(board: Board, home: str) -> str:
    drawn = drawing(board).alert(alert_in(board, home), NOW, SANNE)
    assert drawn is not None
    return drawn


def home_page(board: Board, home: str) -> str:
    drawn = drawing(board).home(HomeId(home), NOW, SANNE)
    assert drawn is not None
    return drawn


def text(drawn: str) -> str:
    """Return what a reader reads: no tags, and every space alike."""
    drawn = re.sub(r"<(script|style|svg class=\"sprite\").*?</(script|style|svg)>", " ", drawn, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", drawn)))


def tile(drawn: str, home: str) -> str:
    found = re.search(rf'<a class="([^"]*)" id="tile-{re.escape(home.replace("/", ":"))}"', drawn)
    assert found is not None, home
    return found[1]


def part(drawn: str, element: str) -> str:
    """Return the fragment with this id, up to the next one."""
    start = drawn.index(f'id="{element}"')
    end = drawn.find("hx-swap-oob", drawn.index("hx-swap-oob", start) + 1)
    return drawn[start:end] if end > 0 else drawn[start:]


def ids(drawn: str) -> list[str]:
    return re.findall(r'\bid="([^"]+)"', drawn)


def fragments(drawn: str) -> set[str]:
    return set(re.findall(r'<\w+[^>]*\bid="([^"]+)"[^>]*hx-swap-oob="true"', drawn))


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


# One alert.


def test_the_page_of_an_alert_says_what_was_agreed_seen_and_done() -> None:
    said = text(page(a_busy_night(), "wilg/12"))
    assert "Zorgplan: melden na 20 minuten." in said.replace("\u00a0", " ")
    assert "Geen zicht: bewegingssensor in de keuken." in said
    assert "Rustig zitten, lang wassen of kleine bewegingen gemist." in said
    assert "Om 02:30 duurde het 20 minuten." in said.replace("\u00a0", " ")
    assert "02:30 Getoond op 1 scherm" in said
    assert "di 3 mrt 00:40 Lang in de badkamer Gerustgesteld" in said


def test_everything_that_was_done_is_in_the_order_in_which_it_was_done() -> None:
    board = a_calm_night()
    finding = long_in_the_bathroom()
    add(
        board,
        finding,
        delivered(finding, "02:30:10"),
        claimed(finding, "s-2", "02:31"),
        claimed(finding, "s-1", "02:32", takeover=True),
        claimed(finding, "s-2", "02:33"),
        over(finding, "02:34"),
        closed(finding, "s-1", "02:35"),
    )
    events = re.findall(r"<li><time[^>]*>([\d:]+)</time><span>(.*?)</span>", page(board, "wilg/12"))
    assert [(clock, text(said).strip()) for clock, said in events] == [
        ("02:30", "Lang in de badkamer"),
        ("02:30", "Getoond op 1 scherm"),
        ("02:31", "Opgepakt · M.B."),
        ("02:32", "Overgenomen · S.K."),
        ("02:34", "Lang in de badkamer of op de wc: vanzelf voorbij"),
        ("02:35", "Gerustgesteld: via beeldbellen · S.K."),
    ]


def test_a_closed_alert_says_how_it_ended_and_asks_nothing_more() -> None:
    board = a_calm_night()
    add(board, long_in_the_bathroom(), closed(long_in_the_bathroom(), "s-2", "02:31"))
    drawn = page(board, "wilg/12")
    assert "Afgerond · Lang in de badkamer" in text(drawn)
    assert "data-act=" not in drawn
    assert 'name="outcome"' not in drawn


def test_an_alert_that_opened_again_must_be_shown_again() -> None:
    board = a_calm_night()
    add(board, long_in_the_bathroom(), closed(long_in_the_bathroom(), "s-2", "02:31"))
    first = page(board, "wilg/12")
    add(board, msgspec.structs.replace(long_in_the_bathroom(), at=local("02:50"), since=local("02:31")))
    again = page(board, "wilg/12")
    assert 'data-turn=""' in first
    assert 'data-turn=""' not in again
    assert 'data-act="claim"' in again


def test_there_is_no_page_of_an_alert_or_home_that_is_not_there() -> None:
    drawn = drawing(a_calm_night())
    assert drawn.alert(AlertId("0000000000"), NOW, SANNE) is None
    assert drawn.home(HomeId("wilg/99"), NOW, SANNE) is None


def test_an_alert_of_a_home_that_left_the_plan_can_still_be_read() -> None:
    board = a_calm_night()
    add(board, long_in_the_bathroom(), a_plan("wilg", "De Wilg", [1]))
    assert "Lang in de badkamer of op de wc woning 12 · De Wilg" in text(page(board, "wilg/12")).replace("\u00a0", " ")


# One home.


def test_a_home_says_how_it_stands_and_what_it_cannot_see() -> None:
    said = text(home_page(a_busy_night(), "wilg/12"))
    assert "Jan · Woning\u00a012".replace("\u00a0", " ") in said
    assert "Uit bed sinds 02:09. Deze woning is deels in zicht." in said
    assert "Keuken Bewegingssensor geen zicht" in said
    assert "Lang in de badkamer of op de wc na hooguit 20 minuten, meestal na 13 minuten in zicht" in said
    assert "Waarschijnlijk naar buiten na 4 minuten deels in zicht" in said
    assert "In de nacht 23:00\u201307:00 Hulpoproep: knop ingedrukt meteen, ook overdag in zicht" in said
    assert "Met deze sensoren kan elk soort melding over de cliënt komen." in said


def test_a_home_of_a_silent_building_claims_nothing() -> None:
    board = a_busy_night()
    hear(board, NOW - timedelta(minutes=4))
    said = text(home_page(board, "wilg/4"))
    assert "Uit dit gebouw komt sinds 02:27 niets binnen. Dit zegt niets over hoe het met de mensen gaat." in said
    assert "in zicht" not in said.replace("geen zicht", "")
    assert said.count("nu geen zicht") == len(set(What) - BUILDING)


def test_a_kind_of_alert_without_its_sensor_is_named_as_missing() -> None:
    board = a_calm_night()
    plan = a_plan("wilg", "De Wilg", [1])
    home = msgspec.structs.replace(plan.homes[0], sensors=plan.homes[0].sensors[:5])
    add(board, msgspec.structs.replace(plan, homes=(home,)))
    said = text(home_page(board, "wilg/1"))
    assert (
        "Waarschijnlijk naar buiten Geen deursensor bij de voordeur: of iemand naar buiten ging, is niet te zien. "
        "geen sensor hiervoor"
    ) in said
    assert "Geen hulpknop: daarmee kan niemand om hulp vragen." in said
    assert (
        "Met deze sensoren kunnen 9 van de 13 soorten meldingen over de cliënt komen. Hier is geen bedsensor." in said
    )


def test_without_a_motion_sensor_in_the_bathroom_nobody_is_said_to_be_long_in_it() -> None:
    board = a_calm_night()
    plan = a_plan("wilg", "De Wilg", [1])
    sensors = tuple(one for one in plan.homes[0].sensors if one.room != "badkamer")
    add(board, msgspec.structs.replace(plan, homes=(msgspec.structs.replace(plan.homes[0], sensors=sensors),)))
    said = text(home_page(board, "wilg/1"))
    assert "Geen bewegingssensor in badkamer of wc: hoe lang iemand daar blijft, is niet te zien." in said
    assert "Geen sensor in badkamer of wc: bezoeken in de nacht zijn niet te tellen." in said
    assert said.count("geen sensor hiervoor") == 2


def test_a_home_with_contacts_only_says_that_hardly_anything_can_be_seen() -> None:
    board = a_calm_night()
    home = contacts_only("wilg", "1")
    add(board, msgspec.structs.replace(a_plan("wilg", "De Wilg", ()), homes=(home,)))
    said = text(home_page(board, "wilg/1"))
    assert "In deze woning is \u2019s nachts bijna niets te zien: geen bewegingssensor en geen bedsensor." in said
    for kind in ("Lang in de badkamer of op de wc", "Uit bed, geen beweging gezien", "Waarschijnlijk naar buiten"):
        assert re.search(rf"{kind} Geen [^.]*\. geen sensor hiervoor", said)
    assert re.search(r"Nog niet op, later dan meestal Geen [^.]*\. geen sensor hiervoor", said)
    assert "Andere bedtijden na een paar weken, naast de weken daarvoor in zicht" in said


def test_for_every_kind_the_page_knows_what_it_rests_on() -> None:
    """In the order of `detectors.coverage`: a group more there would be drawn as nothing here."""
    for home in (a_home("wilg", "1"), a_home("wilg", "1", bed=False), contacts_only()):
        for what, groups in rests_on(home).items():
            assert len(homes.RESTS[what][0]) == len(groups), what
    told = [what for _, _, kinds in homes.GROUPS for what in kinds]
    assert sorted(told) == sorted(set(What) - BUILDING)


def test_what_a_home_has_taught_stands_beside_what_was_agreed() -> None:
    board = a_calm_night()
    home = board.homes[HomeId("wilg/1")]
    standing = homes.Standing(home, Glance(board, People(), NOW, "nl"), None, {What.BATH: 9.0, What.LATE_RISE: 80.0})
    after = {one.kind: one.after.replace("\u00a0", " ") for group in standing.groups for one in group.kinds}
    assert after["Lang in de badkamer of op de wc"] == "na hooguit 20 minuten, meestal na 9 minuten"
    assert after["Nog niet op, later dan meestal"].endswith(": dat wordt geleerd, meestal na 1 uur en 20 minuten")


def test_a_sensor_that_is_not_heard_takes_no_sight_from_the_alert_about_it() -> None:
    board = a_calm_night()
    add(board, status("wilg/12", Presence.BED, "23:10", sight=Sight.PARTLY, blind="badkamer"))
    said = text(home_page(board, "wilg/12"))
    assert "Sensor geeft niets door langer dan meestal bij die sensor: dat wordt geleerd in zicht" in said
    assert "Lang in de badkamer of op de wc na hooguit 20 minuten, meestal na 13 minuten nu geen zicht" in said


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


# Fragments.


def test_a_change_sends_the_tile_the_queue_and_the_alert_and_no_other_home() -> None:
    board = a_busy_night()
    alert = alert_in(board, "wilg/12")
    drawn = drawing(board)
    drawn.everything(NOW, "nl")
    changed = drawn.changes([HomeId("wilg/12")], [alert], NOW, "nl")
    assert fragments(changed) == {
        *("queue", "open-alerts", "also-open", "legend", "tile-wilg:12", "stands-wilg:12", "sight-wilg:12"),
        *("kinds-wilg:12", "alerts-wilg:12", f"head-{alert}", f"seen-{alert}", f"doing-{alert}"),
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
    assert fragments(changed) == {"queue", "open-alerts", "also-open", "legend"}


def test_every_fragment_has_its_place_on_a_page() -> None:
    board = a_busy_night()
    drawn = drawing(board)
    alert = alert_in(board, "wilg/12")
    sent = fragments(drawn.everything(NOW, "nl")) | fragments(drawn.changes([HomeId("wilg/12")], [alert], NOW, "nl"))
    places = set(ids(desk(board)))
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
        assert not re.search(r'(src|href|action)="(?!/|#|")', drawn)


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


# Whole buildings, late news, and what a building did by itself.


def queued(drawn: str) -> str:
    """Return what stands in the queue, as a reader reads it."""
    return text(drawn[drawn.index('<div id="queue"') : drawn.index('<section id="board"')])


def test_one_cause_is_one_alert_and_what_belongs_to_it_is_counted() -> None:
    board = a_night_of_small_things()
    hear(board, NOW - timedelta(minutes=4))
    assert "Sensor geeft niets door" in queued(desk(board))
    silent = of_building(What.BUILDING_SILENT, value=8.0)
    add(board, silent)
    said = queued(desk(board))
    assert "Gebouw meldt zich niet het hele gebouw · De Wilg" in said
    assert "8 woningen hebben geen zicht." in said
    assert "Hier hoort 1 andere storing bij." in said
    assert "Sensor geeft niets door" not in said
    drawn = drawing(board).alert(alert_of(silent), NOW, SANNE)
    assert drawn is not None
    assert "Hoort hierbij" in text(drawn)
    assert "Sensor geeft niets door" in text(drawn)
    assert "Andere meldingen van dit gebouw" in text(drawn)
    add(board, over(silent, "02:30"))
    assert "Sensor geeft niets door" in queued(desk(board))


def test_what_is_urgent_stays_in_the_queue_of_a_silent_building() -> None:
    board = a_busy_night()
    add(board, of_building(What.BUILDING_SILENT, value=8.0))
    assert "Lang in de badkamer" in queued(desk(board))


def test_a_building_lost_while_somebody_was_up_names_whom_to_call_first() -> None:
    board = a_busy_night()
    silent = of_building(What.BUILDING_SILENT, value=8.0, count=2)
    add(board, silent)
    assert "NU" in queued(desk(board)).upper()
    assert "Bel eerst: Riet · woning 4, Jan · woning 12." in queued(desk(board))
    drawn = drawing(board).alert(alert_of(silent), NOW, SANNE)
    assert drawn is not None
    assert "Niet in bed, of niet bekend" in text(drawn)
    assert 'href="/homes/wilg/12"' in drawn
    add(board, over(silent, "02:30"))
    assert "Bel eerst" not in queued(desk(board))


def test_whatever_is_wrong_with_a_building_its_page_can_be_drawn() -> None:
    for what in BUILDING:
        for site in ("wilg", "centre", "gone"):
            board = a_busy_night()
            fault = of_building(what, site)
            add(board, fault)
            for language in (SANNE, SUSAN):
                drawn = drawing(board).alert(alert_of(fault), NOW, language)
                assert drawn is not None
                assert "woning *" not in text(drawn)
                assert 'href="/homes/wilg/*"' not in drawn


def test_a_gateway_that_hears_no_sensors_is_drawn_as_no_sight_before_each_sensor_is_missed() -> None:
    board = a_calm_night()
    assert tile(desk(board), "wilg/4") == "tile up"
    lost = of_building(What.BROKER_LOST)
    add(board, lost)
    assert tile(desk(board), "wilg/4").startswith("tile blind")
    assert tile(desk(board), "eik/10") == "tile out"
    assert "Reden: gateway hoort geen sensoren." in text(home_page(board, "wilg/4"))
    add(board, over(lost, "02:25"))
    assert tile(desk(board), "wilg/4") == "tile up"


def test_a_home_that_is_partly_seen_says_why() -> None:
    assert "Reden: sensor stil." in text(home_page(a_busy_night(), "wilg/12"))
    assert "Reden" not in text(home_page(a_busy_night(), "wilg/1"))


def test_each_building_says_when_it_was_last_proven_and_loudly_when_not() -> None:
    board = a_calm_night()
    board.proven_at[SiteId("wilg")] = NOW - timedelta(seconds=20)
    board.proven_at[SiteId("eik")] = NOW - timedelta(minutes=7)
    drawn = desk(board)
    assert '<p class="proven">Getest\u00a020\u00a0s\u00a0geleden</p>' in drawn
    assert '<p class="proven unproven">Al 7\u00a0min niet getest</p>' in drawn
    assert '<p class="proven">nog niet getest</p>' in desk(a_calm_night())


def late_news(*, behind: bool) -> Board:
    """What began at half past eleven, and came three hours later."""
    board = a_calm_night()
    found = long_in_the_bathroom()
    early = msgspec.structs.replace(found, at=found.at - timedelta(hours=3))
    board.add(early, recorded_at=found.at)
    board.behind = {SiteId("wilg")} if behind else set()
    return board


def test_news_that_comes_late_says_so() -> None:
    assert "kwam 3 uur te laat binnen" in queued(desk(late_news(behind=False)))
    assert "te laat" not in queued(desk(a_busy_night()))


def test_late_news_is_not_spoken_of_as_new_while_its_building_may_still_say_that_it_is_over() -> None:
    drawn = desk(late_news(behind=True))
    assert "data-open" not in drawn
    assert 'data-acute="0"' in drawn
    assert "Lang in de badkamer" in queued(drawn)  # it is there to be read
    still_true = desk(late_news(behind=False))
    assert "data-open" in still_true
    assert 'data-acute="1"' in still_true


def test_news_in_time_is_spoken_of_also_while_its_building_tells_of_the_past() -> None:
    board = a_calm_night()
    board.behind = {SiteId("wilg")}
    add(board, long_in_the_bathroom())
    assert 'data-acute="1"' in desk(board)


def test_an_alert_for_which_the_building_called_by_itself_says_so() -> None:
    board = a_busy_night()
    found = long_in_the_bathroom()
    add(board, FellBack(at=local("02:31"), home=found.home, alert=alert_of(found), channel="sirene"))
    assert "Het gebouw heeft om 02:31 zelf gewaarschuwd: sirene." in queued(desk(board))
    assert "Het gebouw waarschuwde zelf: sirene" in text(page(board, "wilg/12"))
