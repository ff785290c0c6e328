"""What a watchdog is told is so: each thing that the centre cannot do without is broken here, for real."""

import asyncio
import dataclasses
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from care import database, journal
from care.database import Database
from care.ids import StaffId
from care.records import SecondPool
from care.systemd import Watchdog
from dashboard import people, readiness, scraping
from dashboard.intake import Intake
from dashboard.lookout import Lookout
from dashboard.pages import Desk
from dashboard.readiness import Tries
from tests.conftest import Mosquitto, wait_until_read
from tests.dashboard.conftest import NIGHT, WILG, Seconds, batch, eventually, plan, stranger_at
from tests.dashboard.test_metrics import figure, read
from tests.dashboard.test_server import running

pytestmark = pytest.mark.anyio


@pytest.fixture
async def whole(desk: Desk, seconds: Seconds) -> Desk:
    """A centre that has everything, with a broker that it believes it is connected to."""
    await desk.centre.take(WILG, batch(plan()))
    intake = Intake(desk.centre, "127.0.0.1", 1)
    intake.connected = True
    lookout = Lookout(desk.centre, Watchdog({}), desk.screens)
    return dataclasses.replace(desk, intake=intake, lookout=lookout, tries=Tries(seconds))


@pytest.fixture
async def watchdog(whole: Desk) -> AsyncIterator[httpx.AsyncClient]:
    async with stranger_at(whole) as made:
        yield made


async def told(watchdog: httpx.AsyncClient, seconds: Seconds) -> tuple[int, int, set[str]]:
    """Return what is said of life, what of readiness, and what is missing; some seconds after the last time."""
    seconds.now_s += readiness.GOOD_FOR_S
    life, ready = await watchdog.get("/healthz"), await watchdog.get("/readyz")
    assert ready.json()["ready"] is (ready.status_code == 200)
    assert {*life.json()["wrong"]} <= {*ready.json()["wrong"]}
    return life.status_code, ready.status_code, {*ready.json()["wrong"]}


ALL_IS_WELL: tuple[int, int, set[str]] = (200, 200, set())


async def test_a_centre_that_has_everything_lives_and_is_ready(watchdog: httpx.AsyncClient, seconds: Seconds) -> None:
    assert await told(watchdog, seconds) == ALL_IS_WELL


async def test_a_journal_that_another_program_holds_cannot_be_written(
    watchdog: httpx.AsyncClient, whole: Desk, book: Database, seconds: Seconds
) -> None:
    await whole.centre.ask(lambda db: db.execute("PRAGMA busy_timeout=20"))
    book.execute("BEGIN IMMEDIATE")
    assert await told(watchdog, seconds) == (200, 503, {"journal-written"})
    book.execute("ROLLBACK")
    assert await told(watchdog, seconds) == ALL_IS_WELL


async def test_a_record_that_found_no_room_counts_until_one_does(
    watchdog: httpx.AsyncClient, whole: Desk, seconds: Seconds
) -> None:
    """A date may still fit in where no record does: trying would say that all is well."""
    await told(watchdog, seconds)  # the first date needs room itself
    (pages,) = await whole.centre.ask(lambda db: db.execute("PRAGMA page_count").fetchone())
    await whole.centre.ask(lambda db: db.execute(f"PRAGMA max_page_count={pages}"))
    with pytest.raises(sqlite3.OperationalError, match="full"):
        await whole.centre.write(lambda _, at: [SecondPool(at=at, by=StaffId(f"s-{n}")) for n in range(1000)])
    status, ready, missing = await told(watchdog, seconds)
    assert (status, ready, missing) == (200, 503, {"journal-written"})
    await whole.centre.ask(lambda db: db.execute("PRAGMA max_page_count=1000000"))
    await whole.centre.write(lambda _, at: [SecondPool(at=at, by=StaffId("s-1"))])
    assert await told(watchdog, seconds) == ALL_IS_WELL


async def test_a_journal_that_does_not_answer_is_no_life(
    watchdog: httpx.AsyncClient, whole: Desk, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "ANSWER_S", 0.05)
    hangs = threading.Event()
    hanging = asyncio.create_task(whole.centre.ask(lambda _: hangs.wait(20)))
    await asyncio.sleep(0)
    try:
        assert await told(watchdog, seconds) == (503, 503, {"journal-read", "journal-written"})
    finally:
        hangs.set()
        await hanging
    assert await told(watchdog, seconds) == ALL_IS_WELL


async def test_a_journal_that_is_damaged_is_no_life(
    watchdog: httpx.AsyncClient, whole: Desk, seconds: Seconds, tmp_path: Path
) -> None:
    """Its pages are overwritten on the disk, as a card that wears out does it."""
    await whole.centre.ask(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    file = tmp_path / "centre.db"
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(1024)
        opened.write(b"\xff" * (size - 1024))
    await whole.centre.ask(lambda db: db.execute("PRAGMA shrink_memory"))
    status, ready, missing = await told(watchdog, seconds)
    assert (status, ready) == (503, 503)
    assert "journal-read" in missing


async def test_a_lookout_that_stands_still_is_no_life(
    watchdog: httpx.AsyncClient, whole: Desk, seconds: Seconds
) -> None:
    assert whole.lookout is not None
    whole.lookout._looked_s -= readiness.LOOKS_S + 1
    assert await told(watchdog, seconds) == (503, 503, {"lookout"})
    look = asyncio.create_task(whole.lookout.run())
    await eventually(lambda: whole.lookout is not None and whole.lookout.looked_ago_s < 1)
    look.cancel()
    assert await told(watchdog, seconds) == ALL_IS_WELL


async def test_a_people_store_that_cannot_be_read_lets_nobody_in(
    watchdog: httpx.AsyncClient, whole: Desk, seconds: Seconds
) -> None:
    whole.people.execute("ALTER TABLE staff RENAME TO somewhere_else")
    assert await told(watchdog, seconds) == (200, 503, {"people"})


async def test_what_is_on_disk_and_not_on_the_board_is_not_told_to_anybody(
    watchdog: httpx.AsyncClient, whole: Desk, book: Database, seconds: Seconds
) -> None:
    at = whole.centre.now()
    many = [SecondPool(at=at, by=StaffId(f"s-{n}")) for n in range(readiness.BEHIND_MAX + 1)]
    journal.append(book, many, recorded_at=at)
    assert await told(watchdog, seconds) == (200, 503, {"board"})


async def test_who_asks_often_costs_the_disk_nothing(
    watchdog: httpx.AsyncClient, whole: Desk, seconds: Seconds
) -> None:
    await told(watchdog, seconds)
    before = await whole.centre.ask(database.changes)
    for _ in range(20):
        assert (await watchdog.get("/readyz")).status_code == 200
    assert await whole.centre.ask(database.changes) == before


async def test_the_broker_goes_and_comes_back_and_a_watchdog_is_told_both(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """The whole centre with a real broker, as an operator sees it: by /readyz, /healthz and /metrics."""
    with closing(people.connect(tmp_path / "people.db")) as store:
        token = scraping.make_token(store, NIGHT)
    with running(tmp_path, broker_port=mosquitto.port) as centre:
        await asyncio.to_thread(wait_until_read, centre.url)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=centre.url, headers=headers) as operator:

            async def becomes(status: int) -> None:
                async with asyncio.timeout(15):
                    while (await operator.get("/readyz")).status_code != status:  # noqa: ASYNC110  # it is asked
                        await asyncio.sleep(0.05)

            await becomes(200)
            mosquitto.stop()
            await becomes(503)
            assert {*(await operator.get("/readyz")).json()["wrong"]} == {"broker"}
            assert (await operator.get("/healthz")).status_code == 200, "a new start would not bring the broker back"
            found = read((await operator.get("/metrics")).content)
            assert figure(found, "ready", part="broker") == 0
            assert figure(found, "ready", part="journal-written") == 1
            mosquitto.start()
            await becomes(200)
            found = read((await operator.get("/metrics")).content)
            assert figure(found, "ready", part="broker") == 1
