"""A small care centre to tell stories with: two buildings, a journal on disk, a clock that a story sets."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import argon2
import httpx
import msgspec
import pytest
import structlog
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from care import journal
from care.alerts import alert_of
from care.board import Board
from care.database import Address, Database, Where
from care.ids import AlertId, StaffId
from care.link import Batch
from care.records import Plan, Record, encode
from dashboard import access_log, people, push
from dashboard.centre import Centre
from dashboard.drawing import Drawing, Viewer
from dashboard.live import Live
from dashboard.organisations import Access
from dashboard.pages import Desk, application
from detectors.findings import Finding, Presence, Status, What
from detectors.homes import Home, HomeId, Kind, ResidentId, RoomId, RoomKind, Sensor, SensorId, SiteId
from tests.carriers import PushService, running
from tests.conftest import browser_part, part
from tests.dashboard.stage import Stage

NIGHT = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)
WILG = SiteId("wilg")
HOME = HomeId("wilg/12")


class Seconds:
    """Monotonic seconds that pass when a story says so, whatever the centre's clock does."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


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
        self.pages: list[object] = []  # for which changes were drawn

    def desk(self, now: datetime, viewer: Viewer) -> str:
        return f"{viewer.language}: desk of {viewer.name} {viewer.initials} at {now:%H:%M}"

    def alert(self, alert: AlertId, now: datetime, viewer: Viewer) -> str | None:
        known = self.board.alerts.get(alert)
        return f"{viewer.language}: {alert} {known.state} {known.holder}" if known else None

    def home(self, home: HomeId, now: datetime, viewer: Viewer, nights: int = 7) -> str | None:
        return f"{viewer.language}: {home}" if home in self.board.homes else None

    def sign_in(
        self,
        language: str,
        *,
        name: str = "",
        problem: str | None = None,
        to: str = "/",
        elsewhere: Collection[tuple[str, str]] = (),
    ) -> str:
        return f"{language}: sign in {name!r} {to} {problem}"

    def message(self, language: str, *, title: str, text: str) -> str:
        return f"{language}: {title}. {text}"

    def changes(
        self, homes: Collection[HomeId], alerts: Collection[AlertId], now: datetime, language: str, **whose: object
    ) -> str:
        self.drawn.append(language)
        self.pages.append(whose.get("pages"))
        return f"{language}: {' '.join(sorted(homes))}; {' '.join(sorted(alerts))}"

    def everything(self, now: datetime, language: str, **whose: object) -> str:
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
def book(tmp_path: Path) -> Iterator[Database]:
    """A second look at the centre's journal on disk."""
    with closing(journal.connect(tmp_path / "centre.db")) as db:
        yield db


@pytest.fixture
def centre(tmp_path: Path, clock: StoryClock) -> Iterator[Centre]:
    with closing(Centre(journal.connect(tmp_path / "centre.db"), clock)) as made:
        yield made


# Over HTTP.

PASSWORD = "maan en sterren"
HTMX = {"HX-Request": "true"}
NO_ALERT = "0" * 10


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tell a story that is marked with `both_stores` twice: in files, and in PostgreSQL; one of `people_file` once."""
    names = metafunc.fixturenames
    if "place" in names and "people_file" not in names and metafunc.definition.get_closest_marker("both_stores"):
        metafunc.parametrize("place", ["file", "postgres"], indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    """Where the people store and the access log lie."""
    if getattr(request, "param", "file") == "file":
        return tmp_path / "people.db"
    address: Address = request.getfixturevalue("one_database")
    request.getfixturevalue("postgres").empty(address)
    return address


@pytest.fixture
def people_file(place: Where) -> Path:
    """The file of the people store: what is told of it is told of files alone."""
    assert isinstance(place, Path)
    return place


@pytest.fixture
def looks(place: Where) -> Iterator[Database]:
    with closing(access_log.connect(":memory:") if isinstance(place, Path) else access_log.at(place)) as db:
        yield db


@pytest.fixture
def store(place: Where, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    # What a password costs is told in test_people; here every story would pay for it.
    monkeypatch.setattr(people, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    people._of_nobody.cache_clear()
    with closing(people.at(place)) as made:
        yield made
    people._of_nobody.cache_clear()


@pytest.fixture
def service(store: Database) -> Iterator[PushService]:
    made = PushService()
    made.key = push.public_key(store)
    with running(made):
        yield made


@pytest.fixture
def sanne(store: Database) -> StaffId:
    return people.add_staff(store, "sanne", first_name="Sanne", initials="SV", password=PASSWORD)


@pytest.fixture
def noor(store: Database) -> StaffId:
    return people.add_staff(store, "noor", first_name="Noor", initials="NB", password=PASSWORD)


@pytest.fixture
def wall() -> StoryClock:
    return StoryClock(NIGHT + timedelta(days=100))  # the night at the desk is a rehearsal of another one


@pytest.fixture
def desk(centre: Centre, store: Database, looks: Database, wall: StoryClock) -> Desk:
    drawing = Plain(centre.board)
    live = Live(centre, drawing, access=Access(store))
    return Desk(centre=centre, live=live, drawing=drawing, people=store, access_log=looks, wall=wall)


def stranger_at(desk: Desk, *, secure: bool = True, **options: Any) -> httpx.AsyncClient:
    """A browser that nobody has signed in with."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application(desk), **options),
        base_url="https://desk.example" if secure else "http://desk.example",
        headers={"Sec-Fetch-Site": "same-origin"},
    )


def signed_in(desk: Desk, staff: StaffId, **options: Any) -> httpx.AsyncClient:
    made = stranger_at(desk, **options)
    token = people.start_session(desk.people, staff, desk.wall.now())
    made.cookies.set("__Host-nachtwacht", token, domain="desk.example")
    return made


@pytest.fixture
async def page(desk: Desk, sanne: StaffId) -> AsyncIterator[httpx.AsyncClient]:
    """Sanne's browser, with one alert on the desk."""
    await desk.centre.take(WILG, batch(plan(), finding()))
    async with signed_in(desk, sanne) as made:
        yield made


@pytest.fixture
async def colleague(desk: Desk, noor: StaffId) -> AsyncIterator[httpx.AsyncClient]:
    async with signed_in(desk, noor) as made:
        yield made


@pytest.fixture
async def stranger(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    async with stranger_at(desk) as made:
        yield made


def written(desk: Desk) -> list[type]:
    """What was written since the alert came."""
    return [type(entry.record) for entry in journal.read_after(desk.centre._db, 2)]


# In a real browser.


PATIENCE_MS = 30_000  # a bound for a busy machine, and no claim of any test
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as one:
        yield one


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with playwright.chromium.launch(executable_path=browser_part()) as opened:
        yield opened


@pytest.fixture
def browser_with_windows(playwright: Playwright) -> Iterator[Browser]:
    with playwright.chromium.launch(executable_path=part("chromium")) as opened:
        yield opened


@dataclass
class Reader:
    """One page of one desk, and everything that went wrong on it."""

    stage: Stage
    page: Page
    trouble: list[str] = field(default_factory=list)
    expected: str = "^$"  # trouble that a story brings about on purpose

    def go(self, path: str = "/") -> Page:
        self.page.goto(self.stage.address + path)
        # A beat follows the first fragments: from then on the page is what a reader works with.
        expect(self.page.locator("body")).to_have_attribute("data-number", "1")
        return self.page

    def posts(self, what: str) -> list[tuple[str, dict[str, str]]]:
        return [(path, form) for path, form in self.stage.posts if path.endswith(what)]


Opens = Callable[..., Reader]


@pytest.fixture
def opens(browser: Browser) -> Iterator[Opens]:
    """Open a page on a board; whatever it complains of, or asks of the outside world, fails the test."""
    readers: list[Reader] = []
    stages = []

    def open_on(
        board: Board, *, size: tuple[int, int] = (1366, 768), touch: bool = False, clock: bool = False
    ) -> Reader:
        stage = Stage(board)
        served = stage.served()
        stages.append(served)
        served.__enter__()
        width, height = size
        context = browser.new_context(
            viewport={"width": width, "height": height}, has_touch=touch, is_mobile=touch, reduced_motion="reduce"
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        if clock:
            page.clock.install()
        reader = Reader(stage, page)
        page.on("console", lambda said: reader.trouble.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: reader.trouble.append(str(error)))
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(stage.address) else reader.trouble.append(asked.url),
        )
        readers.append(reader)
        return reader

    yield open_on
    for reader in readers:
        reader.stage.beating = (
            False  # a page taken for dead reloads at the next beat: chromium waits for ever to close it
        )
        reader.page.context.close()
        assert [one for one in reader.trouble if not re.search(reader.expected, one)] == []
    for served in stages:
        served.__exit__(None, None, None)


def sideways(page: Page) -> int:
    moved: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return moved


def too_small(page: Page) -> list[str]:
    """Return what is too small for a finger: less than 44 px either way."""
    small: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('a[href], button, label, summary, select, input:not([type=hidden])')]
            .filter((one) => one.offsetParent && !one.matches('.skip, label *'))
            .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
            .filter(([, box]) => box.width < 44 || box.height < 44)
            .map(([html, box]) => `${box.width}x${box.height} ${html}`)"""
    )
    return small


def pass_time(page: Page, seconds: int, *, step: int = 1) -> None:
    """Let the page's time pass; after every step it hears that the centre is still there."""
    for _ in range(0, seconds, step):
        page.clock.run_for(step * 1_000)
        expect(page.locator("#age")).to_have_text(re.compile("^[01]\u00a0s"))


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()
