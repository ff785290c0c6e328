"""What a home costs to watch, as it is drawn: measured figures, gaps as gaps, one estimate beside what it assumes."""

import csv
import io
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from care.board import Board
from care.upkeep import DAY_S, KEPT, Used
from dashboard.drawing import Drawing
from dashboard.upkeep import Costs
from detectors.homes import SiteId
from tests.dashboard.conftest import Opens
from tests.dashboard.every_page import _upkept
from tests.dashboard.nights import NOW, SANNE, People, a_plan, add

WILG, EIK = SiteId("wilg"), SiteId("eik")
YESTERDAY = (NOW - timedelta(days=1)).date()


def told(site: SiteId, back: int, cpu_s: float, *, homes: int = 2) -> Used:
    day = YESTERDAY - timedelta(days=back)
    return Used(at=NOW, site=site, day=day, homes=homes, measured_s=DAY_S, cpu_s=cpu_s, sent_bytes=2_000_000)


def board(*records: Used) -> Board:
    made = Board()
    add(made, a_plan("wilg", "De Wilg", (1, 2)), a_plan("eik", "De Eik", (1, 2)), *records)
    return made


def costs(of: Board, site: SiteId | None = None, days: int = 7, watt: float | None = None) -> Costs:
    scene = Drawing(of, People()).scene(NOW, SANNE)
    return Costs(scene, site, YESTERDAY - timedelta(days=days - 1), None, watt)


def test_a_day_without_a_record_is_drawn_as_a_gap_and_changes_no_mean() -> None:
    made = costs(board(told(WILG, 0, 100.0), told(WILG, 3, 100.0)), WILG)
    cpu = made.pictures[0]
    assert [bar.gap for bar in cpu.bars] == [True, True, True, False, True, True, False]
    assert made.rows[0].each == "50 s"
    assert made.rows[0].total == "200 s"


def test_a_day_on_which_nothing_was_sent_is_a_zero_and_no_gap() -> None:
    quiet = Used(at=NOW, site=WILG, day=YESTERDAY, homes=2, measured_s=DAY_S, cpu_s=1.0, sent_bytes=0)
    sent = costs(board(quiet), WILG, days=1).pictures[1]
    assert [(bar.gap, bar.tall) for bar in sent.bars] == [(False, 0)]


def test_what_no_building_measured_is_said_to_be_so() -> None:
    made = costs(board(told(WILG, 0, 100.0)), WILG)
    written = next(row for row in made.rows if "schijf, in het gebouw" in row.label)
    assert (written.each, written.total) == ("niet gemeten", "niet gemeten")


def test_electricity_stands_beside_whose_figure_it_rests_on() -> None:
    of = board(told(WILG, 0, 1.0))
    ours, theirs = costs(of, WILG), costs(of, WILG, watt=5.0)
    assert "37,2 Wh" in ours.energy  # 3.1 W for a day, of two homes
    assert "Raspberry Pi 4" in ours.assumption
    assert "60 Wh" in theirs.energy
    assert "Raspberry" not in theirs.assumption
    assert "ingevuld" in theirs.assumption


def test_a_file_has_a_row_for_every_building_and_day_and_an_empty_one_for_a_gap() -> None:
    rows = list(csv.DictReader(io.StringIO(costs(board(told(WILG, 0, 1.25), told(EIK, 1, 3.0)), days=2).as_csv())))
    assert [(row["site"], row["cpu_s"]) for row in rows] == [
        *(("eik", "3.0"), ("eik", "")),
        *(("wilg", ""), ("wilg", "1.25")),
        *(("centre", ""), ("centre", "")),
    ]


@pytest.mark.parametrize("days", [1, KEPT, 4000])
def test_however_much_is_asked_for_no_more_is_drawn_than_there_is_at_hand(days: int) -> None:
    assert len(costs(board(), days=days).pictures[0].bars) == min(days, KEPT)


def test_who_reads_reports_sees_what_was_measured_and_what_was_not(opens: Opens) -> None:
    reader = opens(_upkept())
    reader.page.goto(reader.stage.address + "/upkeep")
    page = reader.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Wat Nachtwacht gebruikt per woning")
    expect(page.locator("table.costs tbody tr")).to_have_count(8)
    expect(page.get_by_role("img")).to_have_count(3)
    assert page.locator("svg .gap").count() == 3 * sum(back % 9 in {3, 4} for back in range(1, 57))
    expect(page.get_by_text("Een gestippeld vak is een dag zonder cijfer.").first).to_be_visible()
    expect(page.get_by_text("Het is hier niet gemeten.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
