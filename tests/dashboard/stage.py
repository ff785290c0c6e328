"""A desk served to a real browser: the real drawing and the real policy, with beats and changes at a test's command."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn

from care.board import Board
from care.ids import AlertId, StaffId
from care.records import Record
from dashboard.door import POLICY
from dashboard.drawing import Drawing, Viewer
from dashboard.effects import Figures
from dashboard.enrolling import Row
from dashboard.handover import Handover, Screens
from dashboard.live import event
from dashboard.measures import Reviews
from dashboard.pages import no_alert
from dashboard.reports import Paper, nights_kept
from dashboard.upkeep import Costs
from detectors.homes import HomeId, SiteId
from tests.conftest import free_port, wait_for_port
from tests.dashboard.nights import NOW, SANNE, People, add, claimed

STATIC = Path(__file__).parents[2] / "dashboard" / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_BEAT_S = 0.1


class Stage:
    """One desk with its board. Counts what it was asked; beats until told to be silent."""

    def __init__(self, board: Board, viewer: Viewer = SANNE) -> None:
        self.board = board
        self.drawing = Drawing(board, People())
        self.viewer = viewer
        self.now = NOW
        self.beating = True
        self.posts: list[tuple[str, dict[str, str]]] = []
        self.reports: list[dict[str, str]] = []  # what pages said of themselves
        self.proven: str | None = NOW.isoformat()  # when its reader has seen and heard the page in this shift
        self.taps: list[dict[str, str]] = []  # what said so
        self.beat: dict[str, object] = {}  # what a beat says besides
        self.screens = Screens(in_view=2, sounding=2, proven=1)
        self.loads = 0
        self.refuse_with: str | None = None  # a notice for the next tap
        self._screens: list[asyncio.Queue[bytes]] = []
        self.port = free_port()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def happen(self, *records: Record) -> None:
        """Let records come in, and send what changed to every open page."""
        add(self.board, *records)
        homes = {HomeId(home) for record in records if (home := getattr(record, "home", None)) is not None}
        self.send(event("change", self.drawing.changes(homes, self._alerts_of(homes), self.now, self.viewer.language)))

    def send_home(self, home: str) -> None:
        """Send a home as it stands now."""
        self.send(event("change", self.drawing.changes([HomeId(home)], [], self.now, self.viewer.language)))

    def send(self, message: bytes) -> None:
        for screen in self._screens:
            self._loop.call_soon_threadsafe(screen.put_nowait, message)

    def _alerts_of(self, homes: set[HomeId]) -> set[AlertId]:
        return {alert.id for alert in self.board.alerts.values() if alert.home in homes}

    @contextmanager
    def served(self) -> Iterator["Stage"]:
        config = uvicorn.Config(
            self, host="127.0.0.1", port=self.port, log_level="critical", lifespan="off", ws="none", http="h11"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        wait_for_port(self.port)
        try:
            yield self
        finally:
            server.force_exit = server.should_exit = True
            thread.join(10)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._loop = asyncio.get_running_loop()
        path, method = scope["path"], scope["method"]
        if path == "/live":
            await self._live(receive, send)
        elif path.startswith("/static/"):
            file = STATIC / path.removeprefix("/static/")
            await _answer(send, 200, file.read_bytes(), _TYPES[file.suffix])
        elif method == "POST":
            body = (await receive()).get("body", b"").decode()
            await self._post(path, dict(parse_qsl(body)), send)
        else:
            self.loads += 1
            page = self._page(path, dict(parse_qsl(scope["query_string"].decode())))
            await _answer(send, 200 if page else 404, (page or "").encode())

    def _page(self, path: str, asked: dict[str, str]) -> str | None:  # noqa: PLR0911  # a page each
        kind, _, name = path.strip("/").partition("/")
        match kind:
            case "alerts":
                return self.drawing.alert(AlertId(name), self.now, self.viewer)
            case "effect":
                scene = self.drawing.scene(self.now, self.viewer)
                figures = Figures(scene, None, None, None, float(asked.get("rounds", 0)))
                return self.drawing.page("effect.html", scene, effect=figures, page="/effect")
            case "upkeep":
                scene = self.drawing.scene(self.now, self.viewer)
                return self.drawing.page(
                    "upkeep.html", scene, costs=Costs(scene, None, None, None, None), page="/upkeep"
                )
            case "measures":
                scene = self.drawing.scene(self.now, self.viewer)
                return self.drawing.page("reviews.html", scene, reviews=Reviews(scene), page="/measures")
            case "homes" if name.endswith("/measures"):
                scene = self.drawing.scene(self.now, self.viewer)
                home = scene.home(self.board.homes[HomeId(name.removesuffix("/measures"))])
                return self.drawing.page("measures.html", scene, home=home, problem="", may_change=True, page=path)
            case "homes":
                return self.drawing.home(HomeId(name), self.now, self.viewer, int(asked.get("nights", 7)))
            case "report":
                return self._report(name, asked)
            case "hand-over":
                scene = self.drawing.scene(self.now, self.viewer)
                return self.drawing.page(
                    "hand-over.html", scene, handed=Handover(scene, self.screens), page="/hand-over"
                )
            case "load":
                return self.drawing.load(self.now, self.viewer)
            case "gateways":
                return self._gateways()
            case "sign-in":
                wrong = "This name and password do not belong together. Try again."
                tried: dict[str, Any] = {"name": "sanne", "problem": wrong} if name else {}
                return self.drawing.sign_in(self.viewer.language, **tried)
            case "message":
                gone = no_alert()
                return self.drawing.message(self.viewer.language, title=gone.title, text=gone.text)
            case _:
                return self.drawing.desk(self.now, self.viewer)

    def _gateways(self) -> str:
        """Return the page of the gateways, with one of each state."""
        said = {"until": "27-11-2027", "revoked": "27-11-2026 21:20", "heard": "21:20", "may": True}
        rows = [
            Row(site=SiteId(site), name=site, state=state, **said)  # type: ignore[arg-type]
            for site, state in (("wilg", "good"), ("eik", "soon"), ("olm", "over"), ("beuk", "revoked"))
        ]
        lines = [("27-11-2026 21:20", "wilg")]
        scene = self.drawing.scene(self.now, self.viewer)
        waits = [("es", "es", "28-11-2026 21:20")]
        return self.drawing.page("gateways.html", scene, rows=rows, waits=waits, lines=lines, page="/gateways")

    def _report(self, home: str, asked: dict[str, str]) -> str:
        scene = self.drawing.scene(self.now, self.viewer)
        night = date.fromisoformat(asked["night"]) if "night" in asked else nights_kept(scene)[1]
        paper = Paper(scene, night, SiteId(asked["site"]) if "site" in asked else None)
        if not home:
            return self.drawing.page("report.html", scene, paper=paper, weeks=True, page="/report")
        client = paper.client(self.board.homes[HomeId(home)])
        return self.drawing.page(
            "client-report.html", scene, paper=paper, client=client, about=home, page=f"/report/{home}"
        )

    async def _post(self, path: str, form: dict[str, str], send: Any) -> None:
        if path == "/watching":
            self.reports.append(form)
            await _answer(send, 200, json.dumps({"proven": self.proven}).encode(), "application/json")
            return
        if path == "/seen-and-heard":
            self.taps.append(form)
            if not self.refuse_with:
                self.proven = self.now.isoformat()
            await _answer(send, 503 if self.refuse_with else 204, b"")
            return
        if path in {"/hand-over", "/report/correct"}:
            self.posts.append((path, form))
            await _go(send, "/hand-over" if path == "/hand-over" else "/report")
            return
        if path == "/language":
            await _go(send, "/")
            return
        self.posts.append((path, form))
        _, alert, what = path.strip("/").split("/")
        if what == "shown":
            await _answer(send, 204, b"")
            return
        known = self.board.alerts[AlertId(alert)]
        by = StaffId("s-2") if self.refuse_with else self.viewer.staff
        if what == "claim":
            add(self.board, claimed(known.main, by, "02:31"))
        html = self.drawing.changes([known.home], [known.id], self.now, self.viewer.language).encode()
        if self.refuse_with is None:
            await _answer(send, 200, html)
            return
        await _answer(send, 409, html, trigger=json.dumps({"notice": self.refuse_with}))

    async def _live(self, receive: Any, send: Any) -> None:
        screen: asyncio.Queue[bytes] = asyncio.Queue()
        self._screens.append(screen)
        await send(_start(200, "text/event-stream"))
        await _more(send, event("change", self.drawing.everything(self.now, self.viewer.language)))
        gone = asyncio.ensure_future(_gone(receive))
        try:
            while not gone.done():
                if self.beating:
                    sites = dict.fromkeys(self.board.plans, 2.0)
                    said = {"now": self.now.isoformat(), "sites": sites, "number": 1, **self.beat}
                    await _more(send, event("beat", json.dumps(said)))
                try:
                    await _more(send, await asyncio.wait_for(screen.get(), _BEAT_S))
                except TimeoutError:
                    continue
        finally:
            gone.cancel()
            self._screens.remove(screen)


def _start(status: int, content: str, trigger: str = "") -> dict[str, Any]:
    headers = [(b"content-type", content.encode()), (b"content-security-policy", POLICY.encode())]
    if trigger:
        headers.append((b"hx-trigger", trigger.encode()))
    return {"type": "http.response.start", "status": status, "headers": headers}


async def _answer(
    send: Any, status: int, body: bytes, content: str = "text/html; charset=utf-8", trigger: str = ""
) -> None:
    await send(_start(status, content, trigger))
    await send({"type": "http.response.body", "body": body})


async def _go(send: Any, to: str) -> None:
    start = _start(303, "text/plain")
    start["headers"].append((b"location", to.encode()))
    await send(start)
    await send({"type": "http.response.body", "body": b""})


async def _more(send: Any, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
