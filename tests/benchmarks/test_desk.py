"""The benchmark of the desk measures what it says: a tiny run writes every figure, and its small sums are right."""

import json
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import desk, year
from benchmarks.parts import CannotMeasure
from benchmarks.screens import Seen, behind_ms
from care import journal
from care.clock import SystemClock
from care.records import Plan, encode
from dashboard.centre import Centre
from detectors.findings import Finding, Status
from detectors.homes import SiteId
from tests.stories import instant

KEYS = {
    "page_ms_p50",
    "page_ms_p99",
    "bare_ms_p99",
    "first_page_ms",
    "rebuild_s",
    "reread_s",
    "server_mb",
    "bare_mb",
    "cpu_s",
    "bare_cpu_s",
    "kb_a_change",
}
TINY = ["--homes", "50", "--pages", "12", "--changes", "20", "--days", "1"]


@pytest.mark.long
def test_a_tiny_run_measures_a_real_desk_and_writes_every_figure(tmp_path: Path) -> None:
    out = tmp_path / "results" / "desk.json"
    command = [sys.executable, "-m", "benchmarks.desk", *TINY, "--out", str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr
    written = json.loads(out.read_bytes())
    assert set(written) == {*KEYS, "version", "machine", "method"}
    assert all(isinstance(written[key], int | float) and written[key] >= 0 for key in KEYS)
    assert 0 < written["page_ms_p50"] <= written["page_ms_p99"]
    assert written["kb_a_change"] > 0.3
    assert "The night desk" in ran.stdout


def test_what_is_measured_has_its_goal() -> None:
    goals = {figure.key: figure.at_most for figure in desk.FIGURES if figure.at_most is not None}
    assert goals == {"page_ms_p99": 150, "first_page_ms": 300, "rebuild_s": 10}


def test_a_change_that_one_page_never_showed_fails_the_measurement() -> None:
    with pytest.raises(CannotMeasure, match="number 8"):
        behind_ms([(7, 0), (8, 0)], [Seen([8], [1]), Seen([7], [1])])


@given(
    sent=st.lists(st.integers(1, 40), min_size=1, max_size=20, unique=True).map(sorted),
    screens=st.lists(st.sets(st.integers(1, 40)), min_size=1, max_size=5),
)
def test_a_change_has_come_with_the_first_event_that_goes_as_far_on_the_last_page(
    sent: list[int], screens: list[set[int]]
) -> None:
    events = [sorted({*screen, 40}) for screen in screens]
    pages = [Seen(numbers, [number * 1_000_000 for number in numbers]) for numbers in events]
    expected = [max(min(one for one in numbers if one >= number) for numbers in events) for number in sent]
    assert behind_ms([(number, 0) for number in sent], pages) == expected


def test_a_year_is_written_as_the_centre_would_have_written_it(tmp_path: Path) -> None:
    known = year.homes(60)
    written = year.write(tmp_path / "year.db", known, instant("12:00"), 2, lambda _: None)
    year.further(tmp_path / "year.db", known, 70, instant("12:00"))
    with closing(Centre(journal.connect(tmp_path / "year.db"), SystemClock())) as centre:
        assert centre.number == written.records + 70
        assert set(centre.board.homes) == {home.id for home in known}
        assert len(centre.board.open_alerts()) == year.OPEN
        for site in centre.board.plans:
            cursor = journal.cursor_of(centre._db, site)
            told = [one for one in journal.read_after(centre._db, 0) if one.origin == site]
            assert cursor == (year.journal_of(SiteId(site)), len(told))
        assert isinstance(told[0].record, Plan)
        assert {type(one.record) for one in told} >= {Status, Finding}
        for entry in journal.read_after(centre._db, 0, limit=200):
            assert journal.holds(centre._db, entry.record), encode(entry.record)


def test_what_is_found_is_as_large_as_what_homes_find() -> None:
    found = year.found(year.homes(1)[0].id, year._WHATS[0], instant("02:00") + timedelta())
    assert 1_200 < len(encode(found)) < 1_900
