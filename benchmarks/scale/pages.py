"""Open pages of many organisations, at several desks: which alert came to which of them, and when.

They stand in a process of their own, and do what a browser does with a page that stands open: keep the event stream,
come back a second after it ended, and say every half minute that somebody looks.
"""

import asyncio
import contextlib
import re
import time
import urllib.parse
from multiprocessing.connection import Connection
from typing import NamedTuple

_END = b"\n\n"
_ALERT = re.compile(rb'data-alert="([0-9a-f]{10})"')
_BACK_AFTER_S = 1.0
_REPORT_S = 30.0
_TAKE_BYTES = 1 << 20


class Page(NamedTuple):
    """A page of an organisation: at which of the desks it is open, on what port, and in whose session."""

    desk: int
    port: int
    cookie: str


class Shown(NamedTuple):
    """What came to all pages."""

    at_ns: dict[tuple[int, str], int]  # by desk and alert: when the first page there had it, in monotonic nanoseconds
    came_back: int  # how often a page had to come again
    bytes: int


def watch(pipe: Connection, pages: list[Page]) -> None:
    """Open the pages; when told to, tell what came to them, or forget it. Runs in a process of its own."""
    asyncio.run(_Watch(pages).run(pipe))


class _Watch:
    def __init__(self, pages: list[Page]) -> None:
        self._pages = pages
        self._at_ns: dict[tuple[int, str], int] = {}
        self._came_back = 0
        self._bytes = 0

    async def run(self, pipe: Connection) -> None:
        loop = asyncio.get_running_loop()
        open_ = [asyncio.Event() for _ in self._pages]
        work = []
        for number, (page, opened) in enumerate(zip(self._pages, open_, strict=True)):
            work.append(asyncio.create_task(self._follow(page, opened)))
            work.append(asyncio.create_task(self._report(page, number)))
            await asyncio.sleep(0.005)
        for opened in open_:
            await opened.wait()
        pipe.send("open")
        while (asked := await loop.run_in_executor(None, pipe.recv)) is not None:
            if asked == "forget":
                self._at_ns, self._came_back, self._bytes = {}, 0, 0
            pipe.send(Shown(self._at_ns, self._came_back, self._bytes))
        for task in work:
            task.cancel()

    async def _follow(self, page: Page, opened: asyncio.Event) -> None:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._listen(page, opened)
            self._came_back += 1
            await asyncio.sleep(_BACK_AFTER_S)

    async def _listen(self, page: Page, opened: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", page.port, limit=_TAKE_BYTES)
        try:
            writer.write(_request("GET", "/live?page=/", page))
            await reader.readuntil(b"\r\n\r\n")
            waiting = bytearray()
            while data := await reader.read(_TAKE_BYTES):
                self._bytes += len(data)
                looked = max(0, len(waiting) - 1)
                waiting += data
                ends = waiting.rfind(_END, looked)
                if ends >= 0:
                    self._take(page, bytes(waiting[:ends]))
                    del waiting[: ends + len(_END)]
                    opened.set()
        finally:
            writer.close()

    def _take(self, page: Page, events: bytes) -> None:
        at_ns = time.monotonic_ns()
        for alert in _ALERT.findall(events):
            self._at_ns.setdefault((page.desk, alert.decode()), at_ns)

    async def _report(self, page: Page, number: int) -> None:
        """Say now and then that somebody looks at the page and hears it."""
        form = urllib.parse.urlencode({"screen": f"bench-{number}", "in_view": "true", "sound": "true"}).encode()
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
                writer.write(_request("POST", "/watching", page, form))
                await reader.read()
                writer.close()
            await asyncio.sleep(_REPORT_S)


def _request(method: str, path: str, page: Page, form: bytes = b"") -> bytes:
    where = f"127.0.0.1:{page.port}"
    lines = [f"{method} {path} HTTP/1.0", f"Host: {where}", f"Cookie: {page.cookie}; language=nl"]
    if form:
        lines += [f"Origin: http://{where}", "Content-Type: application/x-www-form-urlencoded"]
        lines += [f"Content-Length: {len(form)}"]
    return "\r\n".join([*lines, "", ""]).encode() + form
