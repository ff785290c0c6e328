"""Only what looks different is sent: a screen that got every change shows what a fresh one shows."""

import re
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from care.records import Record
from dashboard.drawing import Drawing
from dashboard.looks import Looks
from dashboard.scene import Scene
from detectors.findings import Presence, Sight, What
from detectors.homes import SiteId
from tests.conftest import examples
from tests.dashboard.nights import (
    NOW,
    People,
    a_calm_night,
    a_plan,
    add,
    claimed,
    closed,
    gone_outside,
    help_asked,
    long_in_the_bathroom,
    more_visits,
    not_up,
    of_building,
    over,
    sensor_silent,
    status,
    still_up,
)

FOUND = [long_in_the_bathroom(), gone_outside(), still_up(), help_asked(), not_up(), more_visits(), sensor_silent()]
FAULTS = [of_building(what, "wilg", value=8.0, count=2) for what in (What.BUILDING_SILENT, What.BROKER_LOST)]
EVERYWHERE = of_building(What.BUILDING_SILENT, "centre", value=15.0, count=1)
HOMES = ["wilg/12", "wilg/3", "eik/7", "wilg/2", "eik/1"]

HAPPENINGS: list[Record] = [
    *FOUND,
    *FAULTS,
    EVERYWHERE,
    *(claimed(one, by, "02:31") for one in (*FOUND, *FAULTS) for by in ("s-1", "s-2")),
    *(closed(one, "s-1", "02:31:05") for one in (*FOUND, *FAULTS)),
    *(over(one, "02:30:30") for one in (*FOUND, *FAULTS, EVERYWHERE)),
]
STATUSES = st.builds(
    lambda home, presence, sight, blind: status(home, presence, "02:28", sight=sight, blind=blind),
    st.sampled_from(HOMES),
    st.sampled_from(Presence),
    st.sampled_from(Sight),
    st.sampled_from(["", "keuken", "badkamer"]),
)


PLANS = st.builds(
    a_plan,
    st.sampled_from(["wilg", "eik", "beuk"]),
    st.sampled_from(["De Wilg", "De Eik", "Huis 10", "Huis 2"]),
    st.lists(st.sampled_from([1, 2, 3, 7, 12, 99]), unique=True).map(tuple),
)
SILENCES = st.sampled_from([(site, ago) for site in ("wilg", "eik") for ago in (0, 31)])


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(st.sampled_from(HAPPENINGS) | STATUSES | PLANS | SILENCES, max_size=12))
def test_what_is_kept_of_how_homes_look_is_what_a_fresh_look_finds(story: list[Record | tuple[str, int]]) -> None:
    board, kept = a_calm_night(), Looks()
    for one in story:
        if isinstance(one, tuple):
            board.heard(SiteId(one[0]), NOW - timedelta(seconds=one[1]))
        else:
            add(board, one)
        scene, fresh = Scene(board, People(), NOW, "nl"), Scene(board, People(), NOW, "nl")
        scene.looks_before = kept
        assert (scene.plans, scene.layout, scene.zone) == (fresh.plans, fresh.layout, fresh.zone)
        assert (scene.looks, scene.counts, scene.heard) == (fresh.looks, fresh.counts, fresh.heard)


@settings(max_examples=examples(20), deadline=None)
@given(st.lists(st.sampled_from(HAPPENINGS) | STATUSES, max_size=10), st.sampled_from(["nl", "en"]))
def test_a_screen_that_got_every_change_shows_what_a_fresh_one_shows(story: list[Record], language: str) -> None:
    board = a_calm_night()
    drawing = Drawing(board, People())
    screen = shown(drawing.everything(NOW, language, page="/"))
    for record in story:
        homes, alerts = board.add(record, recorded_at=NOW - timedelta(seconds=5))
        screen |= shown(drawing.changes(homes, alerts, NOW, language, pages={"/"}))
        fresh = shown(Drawing(board, People()).everything(NOW, language, page="/"))
        assert screen == fresh


def test_a_home_that_gets_up_brings_its_tile_and_nothing_of_what_waits() -> None:
    board = a_calm_night()
    add(board, *FOUND)
    drawing = Drawing(board, People())
    drawing.everything(NOW, "nl", page="/")
    homes, alerts = board.add(status("eik/1", Presence.UP, "02:28"), recorded_at=NOW)
    assert set(shown(drawing.changes(homes, alerts, NOW, "nl", pages={"/"}))) == {"legend", "tile-eik:1"}


def test_what_is_read_elsewhere_is_sent_to_who_reads_it() -> None:
    board = a_calm_night()
    add(board, *FOUND)
    drawing, home = Drawing(board, People()), FOUND[0].home
    homes, alerts = board.add(claimed(FOUND[0], "s-2", "02:31"), recorded_at=NOW)
    path = f"/alerts/{next(iter(alerts))}"
    desk = drawing.changes(homes, alerts, NOW, "nl", pages={"/"})
    both = drawing.changes(homes, alerts, NOW, "nl", pages={"/", path, f"/homes/{home}"})
    assert "doing-" not in desk
    assert "sight-" not in desk
    assert f'id="doing-{path.rpartition("/")[2]}"' in both
    assert 'id="sight-wilg:12"' in both


def shown(drawn: str) -> dict[str, str]:
    """Return what of a desk a screen shows after these fragments: what waits, what is counted, and every tile."""
    drawn = drawn.replace(' hx-swap-oob="true"', "")
    found = {}
    for name, end in (("queue", "</div>"), ("open-alerts", "</ul>"), ("also-open", "</ul>"), ("legend", "</ul>")):
        if at := re.search(rf'<\w+ id="{name}"', drawn):
            found[name] = _up_to(drawn[at.start() :], end)
    for tile in re.finditer(r'<a class="tile[^"]*" id="(tile-[^"]+)".*?</a>', drawn, re.DOTALL):
        found[tile[1]] = tile[0]
    return found


def _up_to(drawn: str, end: str) -> str:
    """Return an element from its beginning to its own end."""
    tag, depth = end[2:-1], 0
    for one in re.finditer(rf"<(/?){tag}\b", drawn):
        depth += -1 if one[1] else 1
        if depth == 0:
            return drawn[: one.start()]
    raise AssertionError(drawn)
