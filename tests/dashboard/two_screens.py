"""A whole centre but for its broker: real routes, journal, people and live pages, with a clock that a story sets."""

import asyncio
import re
import threading
from collections.abc import Coroutine, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from playwright.sync_api import Browser, Page, expect

from care import journal
from care.alerts import Alert
from care.chains import NIGHT_TEAM
from care.clock import Clock, SystemClock
from care.escalation import due
from care.ids import AlertId, StaffId
from care.records import Record
from dashboard import access_log, contacts, people, wishes
from dashboard.centre import Centre
from dashboard.drawing import Drawing
from dashboard.live import Live
from dashboard.lookout import Screens
from dashboard.pages import Desk, application
from dashboard.wishes import Called, Who, Wishes
from detectors.homes import ResidentId
from tests.conftest import free_port, wait_for_port
from tests.dashboard.conftest import PASSWORD, PATIENCE_MS, StoryClock
from tests.dashboard.nights import local

Got = TypeVar("Got")


class NightDesk:
    """One centre in its own thread. What happens to it is written in its journal, as always."""

    def __init__(self, folder: Path, begin: str = "22:00") -> None:
        self._folder = folder
        self.clock = StoryClock(local(begin))
        self.wall: Clock = SystemClock()
        self._pages: list[Page] = []

    @contextmanager
    def open(self) -> Iterator["NightDesk"]:
        """Run until the story is over, or until the centre is started again."""
        self.port = free_port()
        ready = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._run(ready)), daemon=True)
        thread.start()
        assert ready.wait(10)
        wait_for_port(self.port)
        try:
            yield self
        finally:
            self._server.force_exit = self._server.should_exit = True
            thread.join(10)

    async def _run(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        with (
            closing(people.connect(self._folder / "people.db")) as store,
            closing(Centre(journal.connect(self._folder / "centre.db"), self.clock)) as centre,
        ):
            self.store, self.centre, self.screens = store, centre, Screens()
            drawing = Drawing(centre.board, people.Names(store))
            live = Live(centre, drawing, self.screens)
            self.desk = Desk(
                centre=centre,
                live=live,
                drawing=drawing,
                people=store,
                access_log=access_log.connect(":memory:"),
                wall=self.wall,
                screens=self.screens,
            )
            app = application(self.desk)
            self._server = uvicorn.Server(
                uvicorn.Config(app, port=self.port, log_level="critical", lifespan="off", ws="none", http="h11")
            )
            beating = asyncio.create_task(live.run())
            ready.set()
            await self._server.serve()
            beating.cancel()

    def do(self, work: Coroutine[Any, Any, Got]) -> Got:
        """Do something in the centre's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def at(self, clock: str, *records: Record) -> None:
        """Let it be so late, and let records be written then."""
        self.clock.moment = max(self.clock.moment, local(clock))
        self.write(*records)

    def write(self, *records: Record) -> None:
        async def come() -> None:
            await self.centre.write(lambda _, __: records)
            for site in self.centre.board.plans:
                self.centre.heard(site)

        self.do(come())

    def wait(self, **how_long: float) -> None:
        """Let time pass, and let the centre write down what is due by then."""
        self.clock.wait(**how_long)
        self.write(*due(self.centre.board, self.clock.now()))

    def alert(self, alert: AlertId) -> Alert:
        return self.centre.board.alerts[alert]

    def staff(self, name: str, initials: str) -> StaffId:
        """Let somebody work here."""

        async def hire() -> StaffId:
            return people.add_staff(self.store, name.casefold(), first_name=name, initials=initials, password=PASSWORD)

        return self.do(hire())

    def agree(self, resident: ResidentId, agreed: Wishes) -> None:
        """Keep what is agreed with a resident."""

        async def keep() -> None:
            if agreed.first is not None:
                wishes.want(self.store, resident, agreed.first, agreed.note)
            for one in agreed.called:
                contacts.set_address(self.store, self._whose(resident, one), wishes.PHONE, one.phone)
            if agreed.video:
                wishes.start_video_at(self.store, agreed.video)

        self.do(keep())

    def _whose(self, resident: ResidentId, one: Called) -> str:
        match one.who:
            case Who.HOME:
                return resident
            case Who.NIGHT_TEAM:
                return NIGHT_TEAM
            case _:
                return contacts.add(self.store, resident, one.name, contacts.Relation(one.who.value))

    def sit_down(self, browser: Browser, staff: StaffId, *, size: tuple[int, int] = (1366, 768), **more: Any) -> Page:
        """Open a screen for somebody who has signed in."""

        async def sign_in() -> str:
            return people.start_session(self.store, staff, self.wall.now())

        width, height = size
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", **more)
        context.add_cookies([{"name": "nachtwacht", "value": self.do(sign_in()), "url": self.address}])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        self._pages.append(page)
        return page

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def go(self, page: Page, path: str = "/") -> Page:
        page.goto(self.address + path)
        expect(page.locator("body")).to_have_attribute("data-number", re.compile(r"\d"))
        return page

    def leave(self) -> None:
        for page in self._pages:
            page.context.close()
