"""What a DPIA asks: nothing is stored of which nobody has said what it is for."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from care.points import MEASUREMENTS
from dashboard import datasheet
from dashboard.commands import cli
from dashboard.datasheet import FIELDS, KINDS, TABLES, Unexplained
from dashboard.retention import TABLE
from dashboard.series_purposes import PURPOSES

AT = datetime(2026, 3, 3, tzinfo=UTC)


def test_every_record_and_every_column_is_on_the_sheet_with_what_it_is_for() -> None:
    made = datasheet.sheet(AT)
    stored = list(datasheet.records())
    assert len(stored) > 40
    for tag, _, fields in stored:
        assert f"<td>{tag}</td>" in made
        assert all(datasheet.purpose(tag, field) in made.replace("&#x27;", "'") for field in fields)
    for _, table, columns in datasheet.tables():
        assert f"<h3>{table}</h3>" in made
        assert datasheet.explained(table, columns)


def test_nothing_is_explained_that_is_not_stored() -> None:
    assert FIELDS.keys() == {field for _, _, fields in datasheet.records() for field in fields}
    there = {table: set(columns) for _, table, columns in datasheet.tables()}
    assert {table: set(purposes) for table, (_, purposes) in TABLES.items()} == there
    assert KINDS.keys() == {kept.name for kept in TABLE if kept.types}


def test_a_field_or_table_that_is_new_is_refused_until_somebody_says_what_it_is_for() -> None:
    with pytest.raises(Unexplained, match="record finding, field weight"):
        datasheet.purpose("finding", "weight")
    with pytest.raises(Unexplained, match="table contact, column birthday"):
        datasheet.explained("contact", ["id", "birthday"])
    with pytest.raises(Unexplained, match="table camera"):
        datasheet.explained("camera", ["id"])


def test_every_tag_and_field_of_a_time_series_is_on_the_sheet_or_refused() -> None:
    made = datasheet.sheet(AT)
    named = {name for one in MEASUREMENTS.values() for name in (*one.tags, *one.fields)}
    assert all(f"<td>{name}</td>" in made for name in (*named, *MEASUREMENTS))
    assert PURPOSES.keys() == named, "nothing is explained that is not written"
    with pytest.raises(Unexplained, match="time series nachtwacht_state, weight"):
        datasheet.series_purpose("nachtwacht_state", "weight")


def test_the_command_writes_it(tmp_path: Path) -> None:
    out = tmp_path / "dpia.html"
    done = CliRunner().invoke(cli, ["dpia", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert CliRunner().invoke(cli, ["dpia", "--out", str(tmp_path / "no" / "dpia.html")]).exit_code == 1
