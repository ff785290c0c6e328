"""When a home was not seen: night by night, with the reason and with what could not come, in both languages."""

import re
from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from care.board import Board
from dashboard.glance import Glance
from dashboard.strips import GAPS_MAX, WIDTH, Strips
from detectors.findings import Presence, Sight, What
from detectors.homes import HomeId
from tests.dashboard.nights import (
    NOW,
    SUSAN,
    People,
    a_calm_night,
    a_plan,
    add,
    local,
    of_building,
    over,
    status,
)
from tests.dashboard.reading import drawing, home_page, text

MORNING = local("09:00")


def strips(board: Board, home: str = "wilg/12", *, now: object = MORNING, language: str = "nl") -> Strips:
    return Strips(board.homes[HomeId(home)], Glance(board, People(), now, language))  # type: ignore[arg-type]


def told(board: Board, home: str = "wilg/12", *, now: object = MORNING, language: str = "nl") -> list[str]:
    """Tell the newest night, gap by gap."""
    [night, *_] = strips(board, home, now=now, language=language).nights
    gaps = [
        " | ".join(part for part in (gap.look, gap.when, gap.word, gap.why, gap.sensors, gap.cost) if part)
        for gap in night.gaps
    ]
    return [one.replace("\u00a0", " ") for one in gaps]


def a_night() -> Board:
    board = a_calm_night()
    add(board, *(status(home, Presence.BED, "22:00") for home in board.homes))
    return board


def test_a_night_in_which_all_was_seen_says_so_and_has_nothing_to_open() -> None:
    [night, *_] = strips(a_night()).nights
    assert night.said == (("seen", "hele nacht in zicht"),)
    assert night.gaps == ()
    assert [(part.look, part.x, part.width) for part in night.parts] == [("seen", 0, WIDTH)]


def test_a_night_is_named_by_its_two_dates_and_one_that_runs_is_told_up_to_now() -> None:
    [night, *_] = strips(a_night(), now=NOW).nights
    assert night.name == "ma 2 mrt op di 3 mrt"
    assert night.until == "02:31"
    assert night.said == (("seen", "tot nu toe in zicht"),)
    assert night.parts[-1].x + night.parts[-1].width < WIDTH / 2


def test_a_building_that_was_not_heard_is_no_sight_of_each_home_and_says_that_nothing_could_come() -> None:
    board = a_night()
    silent = of_building(What.BUILDING_SILENT, since="02:10")
    add(board, silent, over(silent, "02:40"))
    assert told(board) == ["blind | 02:10\u201302:40 | Geen zicht | Gebouw niet te horen | Er kon geen melding komen."]
    assert strips(board).nights[0].said == (("blind", "geen zicht: 30\u00a0min"),)
    assert told(board, "eik/7") == []


def test_a_sensor_that_was_silent_is_named_with_what_it_alone_could_tell() -> None:
    board = a_night()
    add(
        board,
        status("wilg/12", Presence.BED, "01:00", sight=Sight.PARTLY, blind="badkamer"),
        status("wilg/12", Presence.BED, "03:30"),
    )
    assert told(board) == [
        (
            "partly | 01:00\u201303:30 | Deels in zicht | Sensor stil | Bewegingssensor in de badkamer | "
            "Dit was niet te zien: \u201cLang in de badkamer of op de wc\u201d."
        )
    ]
    assert told(board, language="en") == [
        (
            "partly | 01:00\u201303:30 | Partly in sight | Sensor is silent | Motion sensor in the bathroom | "
            "This could not be told: \u201cLong in the bathroom or toilet\u201d."
        )
    ]


def test_where_other_sensors_saw_enough_that_is_said() -> None:
    board = a_night()
    add(board, status("wilg/12", Presence.BED, "06:00", sight=Sight.PARTLY, blind="keuken"))
    [gap] = told(board)
    assert gap.endswith("Andere sensoren zagen genoeg voor elk soort melding.")
    assert gap.startswith("partly | 06:00\u201307:00")


def test_a_pause_is_the_clients_own_and_leaves_the_call_for_help() -> None:
    board = a_night()
    add(
        board,
        status("wilg/12", Presence.BED, "00:00", sight=Sight.PAUSED),
        status("wilg/12", Presence.BED, "05:00"),
    )
    assert told(board) == [
        "paused | 00:00\u201305:00 | Op pauze op verzoek van de cliënt | Alleen een hulpoproep kon komen."
    ]
    assert strips(board).nights[0].said == (("paused", "op pauze: 5\u00a0u\u00a000"),)


def test_nights_before_anything_was_told_of_a_home_are_not_made_up() -> None:
    board = Board()
    add(board, a_plan("wilg", "De Wilg", (12,)))
    assert strips(board).nights == ()
    assert '<details id="unseen-' not in home_page(board, "wilg/12")
    assert "Nothing is known of this home yet." in text(drawing(board).home(HomeId("wilg/12"), NOW, SUSAN) or "")
    add(board, status("wilg/12", Presence.BED, "23:30"))
    [only] = strips(board, now=NOW).nights
    assert only.gaps[0].look == "blind"
    assert only.gaps[0].when == "23:00\u201323:30"


def test_seven_nights_are_told_the_newest_first() -> None:
    board = a_night()
    first = status("wilg/12", Presence.BED, "22:00")
    add(board, msgspec.structs.replace(first, at=first.at - timedelta(days=7)))
    names = [night.name for night in strips(board, now=NOW).nights]
    assert len(names) == 7
    assert names[0] == "ma 2 mrt op di 3 mrt"
    assert names[-1] == "di 24 feb op wo 25 feb"


def test_a_night_full_of_gaps_counts_those_that_it_does_not_tell() -> None:
    board = a_night()
    for n in range(GAPS_MAX + 5):
        gap = status("wilg/12", Presence.BED, "23:30", sight=Sight.BLIND)
        add(
            board,
            msgspec.structs.replace(gap, at=gap.at + timedelta(minutes=4 * n)),
            msgspec.structs.replace(gap, at=gap.at + timedelta(minutes=4 * n + 2), sight=Sight.WATCHED),
        )
    [night, *_] = strips(board).nights
    assert (len(night.gaps), night.more) == (GAPS_MAX, 5)
    assert "en nog 5" in text(home_page(board, "wilg/12"))


@given(
    st.lists(
        st.builds(
            status,
            st.just("wilg/12"),
            st.sampled_from(Presence),
            st.sampled_from(["21:00", "23:00", "00:10", "02:31", "03:00", "06:59", "07:00"]),
            sight=st.sampled_from(Sight),
            blind=st.sampled_from(["", "bed", "badkamer"]),
        ),
        min_size=1,
        max_size=10,
    )
)
def test_a_strip_has_no_hole_in_it_and_no_gap_without_a_reason_is_called_seen(statuses: list[object]) -> None:
    board = a_calm_night()
    add(board, *sorted(statuses, key=lambda one: one.at))  # type: ignore[attr-defined, arg-type]
    for night in strips(board).nights:
        x = 0.0
        for part in night.parts:
            assert abs(part.x - x) < 0.2
            x = part.x + part.width if part.width > 1.5 else x
            x = max(x, part.x)
        unseen = [part.look for part in night.parts if part.look != "seen"]
        assert unseen == [gap.look for gap in night.gaps]
        assert all(gap.cost for gap in night.gaps)
        assert ("seen" in dict(night.said)) == (not unseen)


def test_the_page_of_a_home_shows_its_nights_and_opens_only_those_with_something_to_tell() -> None:
    board = a_night()
    silent = of_building(What.BUILDING_SILENT, since="02:10")
    add(board, silent, over(silent, "02:20"))
    drawn = home_page(board, "wilg/12")
    assert re.findall(r'<details id="([^"]+)"', drawn) == ["unseen-wilg:12:20260302"]
    said = text(drawn)
    assert "Wanneer niet gezien 23:00\u201307:00" in said
    assert "geen zicht: 10 min" in said
    assert "02:10\u201302:20 Geen zicht : Gebouw niet te horen." in said
    assert '<details id="unseen-' not in home_page(board, "eik/7")
    english = text(drawing(board).home(HomeId("wilg/12"), NOW, SUSAN) or "")
    assert "no sight for 10 min" in english
    assert "Building not heard." in english
