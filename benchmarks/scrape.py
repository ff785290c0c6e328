"""What it costs to read the figures of a large centre: `python -m benchmarks.scrape [--sites 8000]`.

The whole way of a request but the socket: the door, the route, the figures, their text. Meanwhile something asks for
its turn every millisecond, as taps at the desk do: the longest that it waited is what somebody there could notice.
"""

import asyncio
import gc
import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import httpx
import typer

from benchmarks.notices import a_home
from care import journal
from care.link import Beat
from care.records import Plan
from dashboard import access_log, people, scraping
from dashboard.centre import Centre
from dashboard.drawing import Drawing
from dashboard.live import Live
from dashboard.organisations import Access, give, make
from dashboard.pages import Desk, application
from detectors.findings import Finding, Presence, Status, What
from detectors.homes import SiteId

HOMES = 16  # of each building
ORGANISATIONS = 450
ALERTS = 500  # open
BEGIN = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)


class Still:
    """A clock that stands."""

    def now(self) -> datetime:
        return BEGIN + timedelta(hours=1)


def main(
    sites: Annotated[int, typer.Option(min=1, help="buildings on the board")] = 8_000,
    runs: Annotated[int, typer.Option(min=1, help="scrapes that are measured")] = 9,
) -> None:
    """Read the figures some times and print what that took."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), sites, runs))


async def measure(folder: Path, sites: int, runs: int) -> None:
    """Fill a centre, scrape it, and print the median of each figure."""
    with (
        closing(people.connect(folder / "people.db")) as store,
        closing(Centre(journal.connect(folder / "centre.db"), Still())) as centre,
    ):
        _fill(centre, store, sites)
        drawing = Drawing(centre.board, people.Names(store))
        desk = Desk(
            centre=centre,
            live=Live(centre, drawing, access=Access(store)),
            drawing=drawing,
            people=store,
            access_log=access_log.connect(":memory:"),
            wall=Still(),
        )
        gc.collect()
        gc.freeze()  # as the centre does once it has read its journal
        await _scrapes(desk, scraping.make_token(store, BEGIN), runs)


async def _scrapes(desk: Desk, token: str, runs: int) -> None:
    quiet_ms = await _longest_wait(asyncio.ensure_future(asyncio.sleep(0.5)))
    took_s, cost_s, waited_ms, size = list[float](), list[float](), list[float](), 0
    transport = httpx.ASGITransport(application(desk))
    async with httpx.AsyncClient(transport=transport, base_url="http://centre.example") as prometheus:
        await prometheus.get("/healthz")  # the first tries the journal
        for _ in range(runs):
            began, used = time.perf_counter(), time.process_time()
            asked = asyncio.ensure_future(prometheus.get("/metrics", headers={"Authorization": f"Bearer {token}"}))
            waited_ms.append(await _longest_wait(asked))
            took_s.append(time.perf_counter() - began)
            cost_s.append(time.process_time() - used)
            size = len(asked.result().content)
    print(f"{len(desk.centre.board.plans):,} buildings, {len(desk.centre.board.homes):,} homes, {size / 1e6:.1f} MB")
    spread = f"median of {runs}; {min(took_s):.2f} to {max(took_s):.2f}"
    print(f"a scrape: {median(took_s):.2f} s ({spread}); processor {median(cost_s):.2f} s")
    print(f"longest wait of anybody else meanwhile: {median(waited_ms):.0f} ms; without a scrape {quiet_ms:.0f} ms")


async def _longest_wait(task: asyncio.Future[Any]) -> float:
    """Return the longest in milliseconds that a turn had to wait until the work was done."""
    longest = 0.0
    while not task.done():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - before - 0.001)
    return 1_000 * longest


def _fill(centre: Centre, store: sqlite3.Connection, sites: int) -> None:
    """Put buildings on the board, as their records would; the journal stays empty, for nothing here reads it."""
    board = centre.board
    with store:
        for number in range(min(ORGANISATIONS, sites)):
            make(store, f"o{number}", f"Organisation {number}")
    store.execute("BEGIN")
    for number in range(sites):
        site = SiteId(f"s{number}")
        homes = tuple(a_home(site, n) for n in range(HOMES))
        board.add(Plan(at=BEGIN, site=site, name=site, zone="Europe/Amsterdam", homes=homes), recorded_at=BEGIN)
        for home in homes:
            board.add(Status(at=BEGIN, home=home.id, presence=Presence.BED), recorded_at=BEGIN)
        if number < ALERTS:
            found = Finding(at=BEGIN, home=homes[0].id, what=What.BATH, since=BEGIN, episode=BEGIN)
            board.add(found, recorded_at=BEGIN)
        give(store, site, f"o{number % min(ORGANISATIONS, sites)}")
        centre.heard(site, Beat(BEGIN, proof=BEGIN))
    store.execute("COMMIT")


if __name__ == "__main__":
    typer.run(main)
