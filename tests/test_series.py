"""Time series against real servers: VictoriaMetrics as it reads and answers, InfluxDB 1.6 as it reads line protocol.

InfluxDB 2 and 3 are not in any package here: what is sent to them is held against a stand-in (`care/test_series.py`).
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from care import journal
from care.influx import Exit, Settings, run
from care.points import MEASUREMENTS, Point, line, points
from care.series import read
from dashboard import people
from dashboard.organisations import give, make
from detectors.homes import HomeId, SensorId
from detectors.moments import SensorSight
from nachtwacht import cli
from tests.influx import TOKEN, StandIn, Victoria, influxd, influxql, post, victoria
from tests.postgres import Postgres
from tests.rehearsed import OVER, SITE, Night, night

ROOT = Path(__file__).parents[1]
GRAFANA = ROOT / "deploy" / "grafana"
HOME = "wilg/12"
# A day after the night: what is usual is asked of days that are over.
START_S, END_S = (OVER - timedelta(days=2)).timestamp(), (OVER + timedelta(days=1)).timestamp()


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Night:
    return night(tmp_path_factory.mktemp("night"))


def made_of(file: Path) -> list[Point]:
    """Return every point of a journal."""
    with contextlib.closing(journal.connect(file, read_only=True)) as db:
        entries = journal.read_after(db, 0, limit=1_000_000)
    return [one for entry in entries for one in points(entry.record, entry.recorded_at)]


def written(file: Path, url: str, folder: Path) -> Exit:
    """Write a whole journal, with a cursor of its own."""
    settings = Settings(journal=file, url=url, progress=folder / f"{file.name}.json")
    return run(settings, threading.Event(), once=True, tell=print)


@pytest.fixture(scope="module")
def filled(nights: Night, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victoria]:
    """A VictoriaMetrics into which a building and the centre have written their night."""
    with victoria() as server:
        for file in nights:
            assert written(file, server.url, tmp_path_factory.mktemp("cursor")) is Exit.WRITTEN
        server.flush()
        yield server


Sample = tuple[str, frozenset[tuple[str, str]], int, float]


def samples(server: Victoria) -> list[Sample]:
    """Return all that a VictoriaMetrics holds of ours."""
    found = []
    for one in server.exported():
        name, tags = one["metric"].pop("__name__"), frozenset(one["metric"].items())
        found += [(name, tags, at, float(value)) for at, value in zip(one["timestamps"], one["values"], strict=True)]
    return found


def expected(made: list[Point]) -> set[Sample]:
    """Return what a VictoriaMetrics makes of points: a series per field, in milliseconds."""
    return {
        (f"{one.measurement}_{name}", frozenset(one.tags), one.at_ns // 1_000_000, value)
        for one in made
        for name, value in one.fields
    }


def rounded(found: set[Sample]) -> set[Sample]:
    """Return samples with what a decimal store keeps of a float: ten digits, but of an alert's number all of them."""
    return {
        (name, tags, at, value if name.endswith("_alert") else float(f"{value:.10g}"))
        for name, tags, at, value in found
    }


def test_a_night_comes_back_as_it_was_written(nights: Night, filled: Victoria) -> None:
    there = rounded(set(samples(filled)))
    assert there == rounded(expected([*made_of(nights.building), *made_of(nights.centre)]))
    kinds = {one[0] for one in there}
    assert {f"{name}_{field}" for name, one in MEASUREMENTS.items() for field in one.fields} - kinds <= {
        "nachtwacht_withheld_began_s"  # nothing was over before the news of it came
    }


def dashboards(of: str = "victoriametrics") -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted((GRAFANA / of).glob("*.json")):
        yield file.stem, json.loads(file.read_text(encoding="utf-8"))


def targets(of: str = "victoriametrics") -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for name, board in dashboards(of):
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{name}-{panel['title']}-{target['refId']}", panel, target


def filled_in(text: str) -> str:
    """Return a query as Grafana sends it."""
    said = text.replace('=~"$site"', '=~".*"').replace("/^$site$/", "/^.*/")
    said = said.replace("$site", "wilg").replace("$home", HOME)
    said = said.replace("$timeFilter", f"time >= {START_S:.0f}s AND time <= {END_S:.0f}s")
    assert not re.search(r"\$\w", said), text
    return said


def found_by(server: Victoria, panel: dict[str, Any], target: dict[str, Any]) -> list[dict[str, Any]]:
    query = filled_in(target["expr"])
    if target["instant"]:
        return server.at(query, END_S)
    return server.between(query, START_S, END_S, panel.get("interval", "10m"))


def test_there_is_a_dashboard_for_nights_alerts_and_sensors_on_either_kind_of_server() -> None:
    both = [*dashboards(), *dashboards("influxdb")]
    assert [name for name, _ in both] == 2 * ["alerts", "nights", "sensors"]
    assert len({board["uid"] for _, board in both}) == 6
    for _, board in both:
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids))
        assert all(panel["datasource"]["uid"] == "${source}" for panel in board["panels"]), "whatever it is called"


def test_every_query_of_every_dashboard_shows_something_of_a_rehearsal_night(filled: Victoria) -> None:
    assert [name for name, *rest in targets() if not found_by(filled, *rest)] == []


def test_the_choices_of_the_dashboards_are_there(filled: Victoria) -> None:
    for _, board in dashboards():
        for one in board["templating"]["list"]:
            if one["type"] == "query":
                match, label = re.fullmatch(r"label_values\((.+), (\w+)\)", one["query"]["query"]).groups()  # type: ignore[union-attr]
                assert {series["metric"][label] for series in filled.exported(filled_in(match))}


def test_every_measurement_that_a_dashboard_asks_for_is_one_of_ours() -> None:
    known = {f"{name}_{field}" for name, one in MEASUREMENTS.items() for field in one.fields}
    asked = {name for _, _, target in targets() for name in re.findall(r"nachtwacht_\w+", target["expr"])}
    assert asked <= known
    assert len(asked) > 20


def test_what_was_written_twice_changes_no_picture(nights: Night, tmp_path: Path) -> None:
    """As after a cursor that was lost: VictoriaMetrics keeps both, and no query may notice."""

    def shown() -> dict[str, Any]:
        return {name: ordered(found_by(server, *rest)) for name, *rest in targets()}

    with victoria() as server:
        for n in range(2):
            folder = tmp_path / str(n)
            folder.mkdir()
            for file in nights:
                assert written(file, server.url, folder) is Exit.WRITTEN
            server.flush()
            if n == 0:
                before, once = shown(), len(samples(server))
        assert len(samples(server)) == 2 * once, "it keeps what is there twice"
        after = shown()
    for name, found in before.items():
        assert after[name] == found, name


def ordered(found: list[dict[str, Any]]) -> list[str]:
    """Return what a query found in an order of its own: the server's is by chance."""
    return sorted(json.dumps(one, sort_keys=True) for one in found)


def test_alerts_are_counted_and_not_their_points(nights: Night, filled: Victoria) -> None:
    """The figure of the dashboard against the journal itself."""
    made = [one for one in made_of(nights.centre) if one.measurement == "nachtwacht_deed"]
    closed = {dict(one.fields)["alert"] for one in made if ("deed", "resolved") in one.tags}
    query = 'sum(distinct_over_time(nachtwacht_deed_alert{deed="resolved"}[3d]))'
    (found,) = filled.at(query, END_S)
    assert float(found["value"][1]) == len(closed) > 3


def test_a_home_can_be_taken_out_there_and_the_journal_written_again(nights: Night, tmp_path: Path) -> None:
    """As the docs tell the privacy officer; afterwards, what the journal has is there, and nothing else."""
    with victoria() as server:
        written(nights.centre, server.url, tmp_path)
        server.flush()
        before = set(samples(server))
        match = urllib.parse.urlencode({"match[]": f'{{home="{HOME}"}}'})
        post(f"{server.url}/api/v1/admin/tsdb/delete_series?{match}", b"")
        server.flush()
        assert set(samples(server)) == {one for one in before if ("home", HOME) not in one[1]} < before
        (tmp_path / f"{nights.centre.name}.json").unlink()
        written(nights.centre, server.url, tmp_path)
        server.flush()
        assert set(samples(server)) == before


def test_a_building_of_another_organisation_is_not_in_it(nights: Night, tmp_path: Path) -> None:
    store = tmp_path / "people.db"
    with contextlib.closing(people.connect(store)) as db:
        make(db, "zon", "Zorggroep Zon")
        give(db, SITE.id, "zon")
    words = ["desk", "series", "--journal", str(nights.centre), "--people", str(store), "--once", "--influx"]
    stand_in = StandIn()
    with stand_in.served() as url:
        for of, there in (("own", set()), ("zon", {line(one) for one in made_of(nights.centre)})):
            done = command(*words, url, "--organisation", of)
            assert (done.exit_code, stand_in.lines) == (0, there), done.output
        done = command(*words, url, "--organisation", "maan")
        assert (done.exit_code, "There is no organisation maan." in done.output) == (1, True)
    file = nights.centre.with_name("centre.db.series-zon.json")
    assert file.exists(), "each organisation has a cursor of its own"


def test_a_centre_in_postgresql_is_written_from_there(nights: Night, postgres: Postgres, tmp_path: Path) -> None:
    address = postgres.new()
    with contextlib.closing(journal.at(address)) as book, contextlib.closing(people.at(address)) as rows:
        with contextlib.closing(journal.connect(nights.centre, read_only=True)) as file:
            journal.write(book, [(one.recorded_at, one.record) for one in journal.read_after(file, 0, limit=200)])
            there = {
                line(one) for entry in journal.read_after(book, 0) for one in points(entry.record, entry.recorded_at)
            }
        make(rows, "zon", "Zorggroep Zon")
        give(rows, SITE.id, "zon")
    words = ["desk", "series", "--journal", address, "--people", address, "--once", "--influx"]
    stand_in = StandIn()
    with stand_in.served() as url:
        done = command(*words, url, "--organisation", "zon", "--progress", str(tmp_path / "progress.json"))
        assert (done.exit_code, stand_in.lines) == (0, there), done.output
        assert there


def command(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), env={"NACHTWACHT_INFLUX_TOKEN": TOKEN})


def test_without_an_address_nothing_is_written_and_that_is_one_sentence(tmp_path: Path) -> None:
    done = command("gateway", "series", "--journal", str(tmp_path / "gateway.db"))
    assert done.exit_code == 1
    assert done.output.startswith("No address is set, so nothing is written.")
    assert list(tmp_path.iterdir()) == []


WRITES = """
import sys, threading
from pathlib import Path
from care import series
from care.influx import Settings, run
series.BATCH = 150
settings = Settings(journal=Path(sys.argv[1]), url=sys.argv[2], progress=Path(sys.argv[3]))
sys.exit(run(settings, threading.Event(), once=True, tell=print))
"""


def test_killed_in_the_middle_nothing_is_missing(nights: Night, tmp_path: Path) -> None:
    """kill -9 as soon as something is written; then to the end."""
    progress = tmp_path / "progress.json"
    with victoria() as server:
        words = [sys.executable, "-c", WRITES, str(nights.building), server.url, str(progress)]
        process, end = subprocess.Popen(words, cwd=ROOT), time.monotonic() + 60
        while read(progress) is None and time.monotonic() < end:
            time.sleep(0.001)
        process.kill()
        assert process.wait(10) == -signal.SIGKILL
        found = read(progress)
        assert found is not None
        assert found.behind > 0, "it was in the middle"
        assert subprocess.run(words, cwd=ROOT, check=False, timeout=60).returncode == 0
        server.flush()
        assert rounded(set(samples(server))) == rounded(expected(made_of(nights.building)))


def test_it_writes_on_until_a_signal_and_says_how_far_it_is(nights: Night, tmp_path: Path) -> None:
    progress, stand_in = tmp_path / "progress.json", StandIn()
    with stand_in.served() as url:
        words = ["gateway", "series", "--journal", str(nights.building), "--progress", str(progress)]
        process = subprocess.Popen(
            [sys.executable, "-m", "nachtwacht", *words, "--influx", url], cwd=ROOT,
            env={**os.environ, "NACHTWACHT_INFLUX_TOKEN": TOKEN},
        )  # fmt: skip
        end = time.monotonic() + 60
        while ((found := read(progress)) is None or found.behind) and time.monotonic() < end:
            time.sleep(0.01)
        process.terminate()
        assert process.wait(30) == 0
        assert stand_in.lines == {line(one) for one in made_of(nights.building)}
    done = command(*words, "--status")
    assert (done.exit_code, " 0 behind" in done.output) == (0, True)


@pytest.fixture(scope="module")
def influx(nights: Night) -> Iterator[str]:
    """An InfluxDB 1.6 that was sent everything, twice, by `/write`: it has no `/api/v2/write`."""
    with influxd() as url:
        for _ in range(2):
            for file in nights:
                lines = [line(one) for one in made_of(file)]
                for at in range(0, len(lines), 5000):
                    post(f"{url}/write?db=nachtwacht&precision=ns", "\n".join(lines[at : at + 5000]).encode())
        yield url


def test_every_line_is_line_protocol_to_a_server_that_refuses_what_is_not(nights: Night, influx: str) -> None:
    for name in MEASUREMENTS:
        made = {(one.tags, one.at_ns) for file in nights for one in made_of(file) if one.measurement == name}
        found = influxql(influx, f'SELECT * FROM "{name}"')
        assert sum(len(one["values"]) for one in found) == len(made), f"{name}: twice is once"
    with pytest.raises(urllib.error.HTTPError, match="400"):
        post(f"{influx}/write?db=nachtwacht", b"nachtwacht_state,home=wilg/12 presence=")


def test_every_query_of_the_dashboards_in_influxql_shows_something_of_it_too(influx: str) -> None:
    def shows(query: str) -> bool:
        return any(value is not None for one in influxql(influx, query) for row in one["values"] for value in row[1:])

    empty = [name for name, _, target in targets("influxdb") if not shows(filled_in(target["query"]))]
    assert empty == []


def test_the_choices_of_those_dashboards_are_there(influx: str) -> None:
    for _, board in dashboards("influxdb"):
        for one in board["templating"]["list"]:
            if one["type"] == "query":
                assert influxql(influx, filled_in(one["query"])), one["query"]


@pytest.mark.parametrize("name", ["12/bed", "a b", "a,b=c", "a\\", "\\", 'say "bed"', "bed\nroom", "kamer é", "=", ","])
def test_whatever_an_id_looks_like_that_server_reads_it_back(influx: str, name: str) -> None:
    record = SensorSight(at=OVER, home=HomeId(f"eik/{name}"), sensor=SensorId(name), seen=True)
    (point,) = points(record, OVER)
    post(f"{influx}/query", b"q=CREATE+DATABASE+ids")
    post(f"{influx}/write?db=ids", f"{line(point)}\n".encode())
    wanted = re.sub(r"[\r\n\\]", "_", dict(point.tags)["home"])
    (found,) = influxql(influx, "SHOW TAG VALUES FROM nachtwacht_sensor WITH KEY = home", database="ids")
    assert ["home", wanted] in found["values"]
