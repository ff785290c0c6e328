"""A small care centre to tell stories with: two buildings, a journal on disk, a clock that a story sets."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import structlog

from care import journal
from care.alerts import alert_of
from care.board import Board
from care.link import Batch
from care.records import AlertId, Plan, Record, encode
from dashboard.drawing import Drawing, Viewer
from dashboard.intake import Centre
from detectors.findings import Finding, Presence, Status, What
from detectors.homes import Home, HomeId, Kind, ResidentId, RoomId, RoomKind, Sensor, SensorId, SiteId

NIGHT = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)
WILG = SiteId("wilg")
HOME = HomeId("wilg/12")


class StoryClock:
    """Says what the story says."""

    def __init__(self, now: datetime = NIGHT) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment

    def wait(self, **how_long: float) -> None:
        self.moment += timedelta(**how_long)


class Plain(Drawing):
    """Draws what it is asked to draw, in words a test can look for, so that no story hangs on how a page looks."""

    def __init__(self, board: Board | None = None) -> None:
        self.board = Board() if board is None else board
        self.drawn: list[str] = []

    def desk(self, now: datetime, viewer: Viewer) -> str:
        return f"{viewer.language}: desk of {viewer.name} {viewer.initials} at {now:%H:%M}"

    def alert(self, alert: AlertId, now: datetime, viewer: Viewer) -> str | None:
        known = self.board.alerts.get(alert)
        return f"{viewer.language}: {alert} {known.state} {known.holder}" if known else None

    def home(self, home: HomeId, now: datetime, viewer: Viewer) -> str | None:
        return f"{viewer.language}: {home}" if home in self.board.homes else None

    def sign_in(self, language: str, *, name: str = "", problem: str | None = None, to: str = "/") -> str:
        return f"{language}: sign in {name!r} {to} {problem}"

    def message(self, language: str, *, title: str, text: str) -> str:
        return f"{language}: {title}. {text}"

    def changes(self, homes: Collection[HomeId], alerts: Collection[AlertId], now: datetime, language: str) -> str:
        self.drawn.append(language)
        return f"{language}: {' '.join(sorted(homes))}; {' '.join(sorted(alerts))}"

    def everything(self, now: datetime, language: str) -> str:
        self.drawn.append(language)
        return f"{language}: everything"


def home(name: HomeId = HOME) -> Home:
    return Home(
        id=name,
        resident=ResidentId("r-0012"),
        rooms={RoomId("slaapkamer"): RoomKind.BEDROOM, RoomId("badkamer"): RoomKind.BATHROOM},
        sensors=(
            Sensor(id=SensorId("12/bed"), kind=Kind.BED, room=RoomId("slaapkamer")),
            Sensor(id=SensorId("12/bad"), kind=Kind.MOTION, room=RoomId("badkamer")),
        ),
    )


def plan(site: SiteId = WILG, *homes: HomeId) -> Plan:
    return Plan(
        at=NIGHT - timedelta(days=1),
        site=site,
        name="De Wilg",
        zone="Europe/Amsterdam",
        homes=tuple(home(one) for one in homes or (HomeId(f"{site}/12"),)),
    )


def status(name: HomeId = HOME) -> Status:
    return Status(at=NIGHT, home=name, presence=Presence.BED)


def finding(name: HomeId = HOME, *, what: What = What.BATH, at: datetime = NIGHT) -> Finding:
    began = at - timedelta(minutes=20)
    return Finding(at=at, home=name, what=what, since=began, episode=began, limit=20.0, room=RoomId("badkamer"))


ALERT = alert_of(finding())


def batch(*records: Record, after: int = 0, of: str = "journal-of-wilg") -> Batch:
    return Batch(of, after, after + len(records), tuple(msgspec.Raw(encode(one)) for one in records))


async def eventually(true: Callable[[], bool], *, within_s: float = 10) -> None:
    """Wait until something real has happened. Bounded."""
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """A command that ran inside a test has turned the log to that test's own screen, which is closed by now."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> StoryClock:
    return StoryClock()


@pytest.fixture
def book(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A second look at the centre's journal on disk."""
    with closing(journal.connect(tmp_path / "centre.db")) as db:
        yield db


@pytest.fixture
def centre(tmp_path: Path, clock: StoryClock) -> Iterator[Centre]:
    with closing(Centre(journal.connect(tmp_path / "centre.db"), clock)) as made:
        yield made
