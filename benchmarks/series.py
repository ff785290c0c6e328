"""Points a second into a VictoriaMetrics, by the exporter and by influxdb-client alone: `python -m benchmarks.series`.

The same points of the same journal, in the same run, interleaved: through the exporter (records read from the journal,
made points, written, the cursor on disk after each batch); by the bare client with ready lines; and by the bare client
with point objects of its own, as most programs write. The server is real, on this machine, and has nothing else to do.
"""

import tempfile
import threading
import time as stopwatch
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from influxdb_client import InfluxDBClient, Point
from influxdb_client.client.write_api import SYNCHRONOUS
from rich.console import Console

from benchmarks.figures import Figure, keep, rounded, table
from care import journal
from care.influx import Exit, Settings, run
from care.points import line, points
from care.series import REQUEST
from gateway import rehearsal
from tests.influx import victoria

FIGURES = (
    Figure("points", "points"),
    Figure("exporter_points_s", "points a second through the exporter"),
    Figure("bare_lines_points_s", "points a second by the bare client, lines made before"),
    Figure("bare_objects_points_s", "points a second by the bare client, from its own point objects"),
    Figure("share_of_bare", "exporter / bare client with lines", 2),
    Figure("mapped_points_s", "points a second from records to lines, nothing sent"),
    Figure("exporter_cpu_us", "processor time for a point through the exporter, us", 1),
    Figure("bare_lines_cpu_us", "the same of the bare client with lines", 1),
    Figure("bare_objects_cpu_us", "the same of the bare client with its own objects", 1),
    Figure("home_days_s", "days of one busy home (5,000 events) written in a second", 1),
)
METHOD = {
    "journal": "sensor events of a rehearsal with eight homes, on disk, packed as a building keeps them",
    "server": "VictoriaMetrics on loopback; gzip on, as the exporter has it; at most 5,000 points a request",
    "rounds": "interleaved; the median of the rounds counts",
    "processor": "of this process, without the server: rates fall with whatever else the machine does, this hardly",
}
BUSY_DAY = 5_000  # events


def series(
    records: Annotated[int, typer.Option(min=1_000, help="how many records the journal holds")] = 40_000,
    rounds: Annotated[int, typer.Option(min=1, max=9, help="how often everything is measured")] = 3,
    out: Annotated[Path | None, typer.Option(help="where the figures are kept, as JSON")] = None,
) -> None:
    """Measure, print, and keep the figures if asked."""
    figures = rounded(measure(records, rounds), FIGURES)
    Console().print(table(figures, FIGURES, "Time series"))
    if out is not None:
        keep(figures, METHOD, out)


def measure(records: int, rounds: int) -> dict[str, float]:
    """Return the figures."""
    with tempfile.TemporaryDirectory() as folder, victoria() as server:
        file = Path(folder) / "gateway.db"
        moments = list(islice(rehearsal.demo_night(loop=True), records))
        with closing(journal.connect(file)) as db:
            journal.write(db, ((one.at, one) for one in moments))
        made = [one for moment in moments for one in points(moment, moment.at)]
        lines = [line(one) for one in made]
        settings = Settings(journal=file, url=server.url)

        def exporter() -> None:
            settings.file.unlink(missing_ok=True)
            assert run(settings, threading.Event(), once=True, tell=print) is Exit.WRITTEN

        def bare(batch: Callable[[int, int], object]) -> None:
            with InfluxDBClient(server.url, token="t", org="", enable_gzip=True) as client:
                api = client.write_api(write_options=SYNCHRONOUS)
                for at in range(0, len(made), REQUEST):
                    api.write(bucket="nachtwacht", record=batch(at, at + REQUEST))

        def objects(since: int, until: int) -> list[Point]:
            found = []
            for one in made[since:until]:
                point = Point(one.measurement).time(one.at_ns)
                for tag, value in one.tags:
                    point.tag(tag, value)
                for name, figure in one.fields:
                    point.field(name, figure)
                found.append(point)
            return found

        ways: dict[str, Callable[[], object]] = {
            "exporter_points_s": exporter,
            "bare_lines_points_s": lambda: bare(lambda since, until: "\n".join(lines[since:until])),
            "bare_objects_points_s": lambda: bare(objects),
            "mapped_points_s": lambda: [line(one) for moment in moments for one in points(moment, moment.at)],
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        worked: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                begun, work = stopwatch.perf_counter(), stopwatch.process_time()
                way()
                taken[name].append(stopwatch.perf_counter() - begun)
                worked[name].append(stopwatch.process_time() - work)
    rates = {name: len(made) / median(seconds) for name, seconds in taken.items()}
    share = rates["exporter_points_s"] / rates["bare_lines_points_s"]
    cpu = {f"{name.removesuffix('_points_s')}_cpu_us": median(one) / len(made) * 1e6 for name, one in worked.items()}
    return {
        **rates,
        **{name: value for name, value in cpu.items() if name != "mapped_cpu_us"},
        "points": float(len(made)),
        "share_of_bare": share,
        "home_days_s": rates["exporter_points_s"] / BUSY_DAY,
    }


if __name__ == "__main__":
    typer.run(series)
