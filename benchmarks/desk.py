"""Measure the night desk with a thousand homes and two hundred open pages: `python -m benchmarks.desk`."""

import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Annotated, NamedTuple

import msgspec
import paho.mqtt.client as mqtt
import psutil
import typer
from paho.mqtt.enums import CallbackAPIVersion
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import screens, year
from benchmarks.figures import Figure, keep, rounded, table
from benchmarks.page import quantile
from benchmarks.parts import CannotMeasure, Part, Parts, Told, apart, hear
from benchmarks.screens import Seen
from benchmarks.year import Year
from care import journal, link, packing
from care.alerts import alert_of
from care.clock import SystemClock
from care.link import Batch, Beat
from care.records import Record, encode, site_of
from dashboard.centre import REMEMBER_AFTER, Centre
from detectors.findings import What
from detectors.homes import SiteId

PATIENCE_S = 60.0
FULL_READ_WITHIN_S = 1_200.0
FIRST_PAGES = 12
STARTS = 3  # of the centre, of which the median counts
ALERT_EVERY = 20  # of so many changes one is a new alert
ELSEWHERE = 10  # of so many pages one shows an alert, and one a home
IN_ENGLISH = 10  # of so many pages one is in English
SEED = 2
MB = 1e6

FIGURES = (
    Figure("page_ms_p50", "change to last page, ms, half within", 1),
    Figure("page_ms_p99", "change to last page, ms, 99 of 100 within", 1, at_most=150),
    Figure("bare_ms_p99", "the same bytes, bare, ms, 99 of 100 within", 1),
    Figure("first_page_ms", "first page, ms, the slowest", 1, at_most=300),
    Figure("rebuild_s", "start of the centre on a year, s", 2, at_most=10),
    Figure("reread_s", "the same after an update: all of it read, s", 1),
    Figure("server_mb", "memory of the desk, MB", 1),
    Figure("bare_mb", "memory of the bare fan-out, MB", 1),
    Figure("cpu_s", "time of a processor, desk, s", 2),
    Figure("bare_cpu_s", "time of a processor, bare, s", 2),
    Figure("kb_a_change", "sent to one page for a change, kB", 1),
)

METHOD = {
    "all": "Everything on one machine, over 127.0.0.1, with mosquitto set as in a building. The desk runs on the "
    "year's journal.",
    "year": "Of each home a day as many records as homes of a rehearsed week told: 11 statuses (BED or UP), 2 "
    "summaries of a night (1.1 kB), 0.31 findings (1.5 kB where they are about the resident, as 6 of 10 are), 0.19 of "
    "them over by themselves; each alert shown on two screens, claimed and closed. 25 alerts are open at the end.",
    "page": "20 changes a second, unevenly, each a batch of one record on its building's topic (QoS 1): a status of "
    "one home after another; each twentieth a new alert. A second of them goes before those that count. Stamped before "
    "it is published; it has come to a page with the first live event whose id is at least its number in the centre's "
    "journal, and is there when it is on the last of them. Real connections to /live, held by a process of its own: 8 "
    "of 10 show the desk, 1 an alert, 1 a home; 1 of 10 reads English.",
    "bare": "What the first page was sent, event by event at the same pace, from a process that only writes it to as "
    "many connections; its processor time is for as many events.",
    "first_page": "GET / until its last byte, of a desk that just started, 12 times one after another; the slowest.",
    "rebuild": "dashboard.centre.Centre on the journal: what was remembered of it, as old as that may get (20,000 "
    "records), and the rest. The median of 3. `reread_s` is without, once.",
    "memory": "Resident (RSS) when all is done.",
}


class Load(NamedTuple):
    """What is asked of the desk."""

    homes: int
    pages: int
    changes: int
    rate: float
    days: int


class Live(NamedTuple):
    """What came of it."""

    page_ms: list[float]
    bare_ms: list[float]
    first_page_ms: float
    server_mb: float
    bare_mb: float
    cpu_s: float
    bare_cpu_s: float
    bytes_a_change: float


def desk(
    *,
    out: Annotated[Path | None, typer.Option(help="write the figures here too, as JSON")] = None,
    homes: Annotated[int, typer.Option(min=50, help="homes at the desk")] = 1_000,
    pages: Annotated[int, typer.Option(min=1, help="open pages")] = 200,
    changes: Annotated[int, typer.Option(min=20, help="changes that are timed")] = 600,
    rate: Annotated[float, typer.Option(min=1, help="changes a second")] = 20,
    days: Annotated[int, typer.Option(min=1, help="days in the journal")] = 365,
) -> None:
    """Measure the night desk, and show the figures beside their goals.

    Example: python -m benchmarks.desk --out desk.json
    """
    # Told to end, a measurement ends the processes that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console()
    try:
        figures = measure(console, Load(homes, pages, changes, rate, days))
    except CannotMeasure as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    console.print(table(figures, FIGURES, "The night desk"))
    if out is not None:
        keep(figures, METHOD, out)


def measure(console: Console, load: Load) -> dict[str, float]:
    """Return the value of every figure, by its key."""
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with (
        tempfile.TemporaryDirectory(prefix="nachtwacht-year-") as folder,
        Progress(*columns, console=console, transient=True, refresh_per_second=2) as progress,
    ):
        file = Path(folder) / "centre.db"
        with _shown(progress, "A year is written") as told:
            known = year.homes(load.homes)
            written = year.write(file, known, SystemClock().now() - timedelta(hours=1), load.days, told)
        with _shown(progress, "All of it is read"):
            reread_s = _start_s(file)
        year.further(file, known, REMEMBER_AFTER, SystemClock().now() - timedelta(minutes=30))
        with _shown(progress, "The centre starts"):
            rebuild_s = median(_start_s(file) for _ in range(STARTS))
        with _shown(progress, "Changes come to the pages") as told:
            live = _live(file, written, load, told)
    values = {
        "page_ms_p50": quantile(live.page_ms, 0.5),
        "page_ms_p99": quantile(live.page_ms, 0.99),
        "bare_ms_p99": quantile(live.bare_ms, 0.99),
        "first_page_ms": live.first_page_ms,
        "rebuild_s": rebuild_s,
        "reread_s": reread_s,
        "server_mb": live.server_mb,
        "bare_mb": live.bare_mb,
        "cpu_s": live.cpu_s,
        "bare_cpu_s": live.bare_cpu_s,
        "kb_a_change": live.bytes_a_change / 1e3,
    }
    return rounded(values, FIGURES)


# The centre's start, in a process of its own: nothing of ours is warm.


def _start_s(file: Path) -> float:
    with apart(start, str(file)) as pipe:
        if not pipe.poll(FULL_READ_WITHIN_S):
            raise CannotMeasure("The centre did not start.")
        took: float = pipe.recv()
    return took


def start(pipe: Connection, file: str) -> None:
    """Start a centre on a journal, and tell how long that took. Runs in a process of its own."""
    began_s = time.monotonic()
    centre = Centre(journal.connect(file), SystemClock())
    took_s = time.monotonic() - began_s
    centre.close()
    pipe.send(took_s)
    pipe.recv()


# Changes, and the pages that show them.


def _live(file: Path, written: Year, load: Load, told: Told) -> Live:
    with Parts() as parts:
        part = parts.desk(journal=file)
        process = psutil.Process(part.pid)
        cookie = screens.sign_in(part.address)
        with _buildings(parts.port, part) as say:
            first = max(screens.page_ms(part.address, cookie, FIRST_PAGES))
            port = int(part.address.rpartition(":")[2])
            with apart(screens.watch, port, _requests(cookie, written, load.pages, _open_alert(part))) as pages:
                hear(pages, "pages", within_s=PATIENCE_S)
                _changes(say, written, load._replace(changes=int(load.rate)), lambda _: None)
                time.sleep(3)  # until what those and the pages brought about has been sent
                pages.send("forget")
                hear(pages, "pages", within_s=PATIENCE_S)
                before = process.cpu_times()
                sent = _changes(say, written, load, told)
                parts.until(lambda: None not in _numbers(part, sent), "all is written down", within_s=PATIENCE_S)
                time.sleep(1)
                after = process.cpu_times()
                seen, events = _told_by(pages)
            cpu_s = after.user + after.system - before.user - before.system
            numbered = zip(_numbers(part, sent), sent, strict=True)
            page_ms = screens.behind_ms([(number or 0, at_ns) for number, (_, at_ns) in numbered], seen)
            server_mb = process.memory_info().rss / MB
    bare_ms, bare_cpu_s, bare_mb = _bare(events, load)
    size = sum(map(len, events)) / len(sent)
    return Live(page_ms, bare_ms, first, server_mb, bare_mb, cpu_s, bare_cpu_s, size)


def _requests(cookie: str, written: Year, pages: int, alert: str) -> list[bytes]:
    """Return what each page asks for."""
    asked = []
    for number in range(pages):
        place = number % ELSEWHERE
        home = written.homes[number % len(written.homes)].id
        shows = "/" if place > 1 or number == 0 else f"/homes/{home}" if place == 1 else f"/alerts/{alert}"
        language = "en" if number % IN_ENGLISH == ELSEWHERE // 2 else "nl"
        lines = [f"GET /live?page={shows} HTTP/1.0", "Host: 127.0.0.1", f"Cookie: {cookie}; language={language}"]
        asked.append("\r\n".join([*lines, "", ""]).encode())
    return asked


def _open_alert(part: Part) -> str:
    """Return an alert that the year left open."""
    with part.read() as db:
        entries = journal.read_after(db, journal.last_number(db) - REMEMBER_AFTER - 50_000, limit=60_000)
    found = [one.record for one in entries if getattr(one.record, "what", None) is What.BATH]
    return alert_of(found[-1]) if found else "0" * 10  # type: ignore[arg-type]  # a finding


Say = Callable[[SiteId, Sequence[Record]], None]


@contextmanager
def _buildings(port: int, part: Part) -> Iterator[Say]:
    """Speak for every building: beat, and tell what is handed in."""
    with part.read() as db:
        told = dict(db.execute("SELECT peer, number FROM cursor"))
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "bench-buildings", protocol=mqtt.MQTTv311)
    client.connect("127.0.0.1", port)
    client.loop_start()

    def say(site: SiteId, records: Sequence[Record]) -> None:
        if records:
            after, told[site] = told[site], told[site] + len(records)
            raw = tuple(msgspec.Raw(encode(one)) for one in records)
            batch: link.Message = Batch(year.journal_of(site), after, told[site], raw)
            client.publish(link.up_topic(site), link.encode(batch), qos=1)
        else:
            client.publish(link.up_topic(site), link.encode(Beat(SystemClock().now())), qos=1)

    for site in told:
        say(site, ())
    time.sleep(2)  # until the centre has heard them
    yield say
    client.disconnect()
    client.loop_stop()


def _changes(say: Say, written: Year, load: Load, told: Told) -> list[tuple[Record, int]]:
    """Tell of so many changes; return each with when it was told, in monotonic nanoseconds."""
    pauses, sent = random.Random(SEED), list[tuple[Record, int]]()
    due_s = beat_s = time.monotonic()
    for n in range(load.changes):
        due_s += pauses.uniform(0.5, 1.5) / load.rate
        home = written.homes[n * 37 % len(written.homes)].id
        now = SystemClock().now()
        record: Record = year.change(home, n, now)
        if n % ALERT_EVERY == ALERT_EVERY - 1:
            record = year.found(home, What.STILL, now)
        while (left_s := due_s - time.monotonic()) > 0:
            time.sleep(left_s)
        if time.monotonic() - beat_s > link.BEAT_S:
            beat_s = time.monotonic()
            for site in written.told:
                say(site, ())
        sent.append((record, time.monotonic_ns()))
        say(site_of(home), [record])
        told((n + 1) / load.changes)
    return sent


def _told_by(pages: Connection) -> tuple[list[Seen], list[bytes]]:
    pages.send("tell")
    if not pages.poll(PATIENCE_S):
        raise CannotMeasure("The pages told nothing.")
    seen = [Seen(*one) for one in pages.recv()]
    return seen, pages.recv()


def _numbers(part: Part, sent: Sequence[tuple[Record, int]]) -> list[int | None]:
    """Return the number that each change got in the centre's journal, or None while it is not there."""
    with part.read() as db:
        rows = [
            db.execute("SELECT number FROM journal WHERE key = ?", (packing.key(one.at, encode(one)),)).fetchone()
            for one, _ in sent
        ]
    return [row and row[0] for row in rows]


def _bare(events: Sequence[bytes], load: Load) -> tuple[list[float], float, float]:
    """Send the same events at the same pace from a process that does only that."""
    with apart(screens.fan_out, load.pages) as server:
        if not server.poll(PATIENCE_S):
            raise CannotMeasure("The bare fan-out did not start.")
        port = server.recv()
        process = next(one for one in psutil.Process().children() if _listens(one, port))
        with apart(screens.watch, port, [b"GET / HTTP/1.0\r\n\r\n"] * load.pages) as pages:
            hear(pages, "pages", within_s=PATIENCE_S)
            pages.send("forget")
            hear(pages, "pages", within_s=PATIENCE_S)
            before, sent, pauses = process.cpu_times(), list[tuple[int, int]](), random.Random(SEED)
            for event in events:
                time.sleep(pauses.uniform(0.5, 1.5) / load.rate)
                server.send(event)
                sent.append(server.recv())
            time.sleep(1)
            after, size = process.cpu_times(), process.memory_info().rss / MB
            seen, _ = _told_by(pages)
        server.send(None)
    return screens.behind_ms(sent, seen), after.user + after.system - before.user - before.system, size


def _listens(process: psutil.Process, port: int) -> bool:
    return any(one.laddr.port == port and one.status == psutil.CONN_LISTEN for one in process.net_connections())


@contextmanager
def _shown(progress: Progress, what: str) -> Iterator[Told]:
    task = progress.add_task(what, total=1)
    yield lambda share: progress.update(task, completed=share)
    progress.remove_task(task)


if __name__ == "__main__":
    typer.run(desk)
