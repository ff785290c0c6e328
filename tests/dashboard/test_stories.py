"""What is told of one alert: what was seen and done, of a whole building too, and of what came late."""

import re
from datetime import timedelta

import msgspec

from care.alerts import alert_of
from care.board import Board
from care.ids import AlertId
from care.records import FellBack
from detectors.findings import BUILDING, What
from detectors.homes import HomeId, SiteId
from tests.dashboard.nights import (
    NOW,
    SANNE,
    SUSAN,
    a_busy_night,
    a_calm_night,
    a_night_of_small_things,
    a_plan,
    add,
    claimed,
    closed,
    delivered,
    hear,
    local,
    long_in_the_bathroom,
    of_building,
    over,
)
from tests.dashboard.reading import (
    desk,
    drawing,
    home_page,
    page,
    queued,
    text,
    tile,
)

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


# Whole buildings, late news, and what a building did by itself.


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
    add(board, FellBack(at=local("02:31"), home=found.home, alert=alert_of(found), channel="siren"))
    assert "Het gebouw heeft om 02:31 zelf gewaarschuwd: sirene of lamp in het gebouw." in queued(desk(board))
    assert "Het gebouw waarschuwde zelf: sirene of lamp in het gebouw" in text(page(board, "wilg/12"))
    english = drawing(board).desk(NOW, SUSAN)
    assert "The building gave a warning itself at 02:31: siren or lamp in the building." in queued(english)


def test_a_way_of_warning_that_did_not_work_is_told_as_such() -> None:
    board = a_busy_night()
    found = long_in_the_bathroom()
    add(board, FellBack(at=local("02:31"), home=found.home, alert=alert_of(found), channel="sms", took=False))
    assert "zelf gewaarschuwd" not in queued(desk(board))
    assert "Het gebouw kon niet waarschuwen: sms" in text(page(board, "wilg/12"))


def test_a_way_of_warning_that_is_new_here_is_named_as_the_building_names_it() -> None:
    board = a_busy_night()
    found = long_in_the_bathroom()
    for second, channel in enumerate(("siren", "church bell", "siren")):
        add(board, FellBack(at=local(f"02:31:0{second}"), home=found.home, alert=alert_of(found), channel=channel))
    assert "zelf gewaarschuwd: sirene of lamp in het gebouw en church bell." in queued(desk(board))
