"""Open pages of a desk, as many as wanted: what comes in on their live connections, and when.

They stand in a process of their own. The bare fan-out that a desk is compared with stands in another: it sends the
same bytes to as many connections, and does nothing else.
"""

import asyncio
import http.client
import re
import time
import urllib.parse
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple

from benchmarks.parts import PASSWORD, SIGN_IN, CannotMeasure

_END = b"\n\n"
_HEAD_ENDS = b"\r\n\r\n"
_NUMBER = re.compile(rb"\nid: (\d+)\n")
_KEPT_EVENTS = 5_000
_KEPT_BYTES = 200_000_000


class Seen(NamedTuple):
    """One page: the number of each change that came, and when, in monotonic nanoseconds; both only go up."""

    numbers: list[int]
    at_ns: list[int]


def sign_in(address: str) -> str:
    """Sign in at a desk; return the cookie of the session."""
    where = urllib.parse.urlsplit(address)
    line = http.client.HTTPConnection(str(where.hostname), where.port, timeout=30)
    form = urllib.parse.urlencode({"name": SIGN_IN, "password": PASSWORD})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": address}
    line.request("POST", "/sign-in", form, headers)
    answer = line.getresponse()
    cookie = answer.getheader("Set-Cookie", "")
    line.close()
    if answer.status != http.client.SEE_OTHER or not cookie:
        raise CannotMeasure(f"The desk let nobody sign in: {answer.status}.")
    return cookie.partition(";")[0]


def page_ms(address: str, cookie: str, pages: int) -> list[float]:
    """Return how long each of so many pages of the desk took, from the asking to the last byte."""
    where = urllib.parse.urlsplit(address)
    took = []
    for _ in range(pages):
        line = http.client.HTTPConnection(str(where.hostname), where.port, timeout=30)
        line.connect()
        began_ns = time.monotonic_ns()
        line.request("GET", "/", headers={"Cookie": cookie})
        answer = line.getresponse()
        answer.read()
        took.append((time.monotonic_ns() - began_ns) / 1e6)
        line.close()
        if answer.status != http.client.OK:
            raise CannotMeasure(f"The desk showed no page: {answer.status}.")
    return took


def behind_ms(sent: Iterable[tuple[int, int]], pages: Sequence[Seen]) -> list[float]:
    """Return for each change how long it took to the last page.

    `sent` has the number and the moment of each change; it has come to a page with the first event that goes as far.
    Raises `CannotMeasure` if one never came.

    >>> behind_ms([(7, 1_000_000)], [Seen([6, 8], [0, 3_000_000]), Seen([7], [2_000_000])])
    [2.0]
    """
    delays = []
    for number, at_ns in sent:
        places = [bisect_left(page.numbers, number) for page in pages]
        if any(place == len(page.numbers) for place, page in zip(places, pages, strict=True)):
            raise CannotMeasure(f"The change with number {number} never came to every page.")
        delays.append((max(page.at_ns[place] for place, page in zip(places, pages, strict=True)) - at_ns) / 1e6)
    return delays


def watch(pipe: Connection, port: int, requests: Sequence[bytes]) -> None:
    """Open a page with each request; when told to, tell what came, with the changes of the first one as they were."""
    asyncio.run(_watch(pipe, port, requests))


def fan_out(pipe: Connection, screens: int) -> None:
    """Send to as many connections what is handed in, one event at a time; tell when each was sent."""
    asyncio.run(_fan_out(pipe, screens))


async def _watch(pipe: Connection, port: int, requests: Sequence[bytes]) -> None:
    loop = asyncio.get_running_loop()
    pages = []
    for number, request in enumerate(requests):
        page = _Page(request, keeps=number == 0)
        await loop.create_connection(lambda page=page: page, "127.0.0.1", port)  # type: ignore[misc]  # bound now
        pages.append(page)
        await asyncio.sleep(0.01)
    for page in pages:
        await page.heard.wait()
    pipe.send("open")
    while (await loop.run_in_executor(None, pipe.recv)) == "forget":
        for page in pages:
            page.forget()
        pipe.send("forgotten")
    pipe.send([(page.seen.numbers, page.seen.at_ns) for page in pages])
    pipe.send(pages[0].kept)


class _Page(asyncio.Protocol):
    """One connection: notes each change as it is complete."""

    def __init__(self, request: bytes, *, keeps: bool) -> None:
        self.seen = Seen([], [])
        self.kept: list[bytes] = []
        self.heard = asyncio.Event()
        self._request = request
        self._keeps = keeps
        self._kept_bytes = 0
        self._waiting = bytearray()
        self._answered = False

    def forget(self) -> None:
        self.seen = Seen([], [])
        self.kept, self._kept_bytes = [], 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        looked = max(0, len(self._waiting) - 1)
        self._waiting += data
        if not self._answered:
            head, _, rest = self._waiting.partition(_HEAD_ENDS)
            if len(head) == len(self._waiting):
                return
            self._waiting, self._answered, looked = rest, True, 0
        while (end := self._waiting.find(_END, looked)) >= 0:
            event = bytes(self._waiting[: end + len(_END)])
            del self._waiting[: end + len(_END)]
            looked = 0
            if event.startswith(b"event: change") and (number := _NUMBER.search(event, 0, 100)):
                self.seen.numbers.append(int(number[1]))
                self.seen.at_ns.append(time.monotonic_ns())
                self._keep(event)
                self.heard.set()

    def _keep(self, event: bytes) -> None:
        if self._keeps and len(self.kept) < _KEPT_EVENTS and self._kept_bytes < _KEPT_BYTES:
            self.kept.append(event)
            self._kept_bytes += len(event)


async def _fan_out(pipe: Connection, screens: int) -> None:
    loop = asyncio.get_running_loop()
    writers: list[asyncio.StreamWriter] = []

    async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(_HEAD_ENDS)
        writer.write(b"HTTP/1.0 200 OK" + _HEAD_ENDS + b"event: change\nid: 0\ndata: welcome" + _END)
        writers.append(writer)

    server = await asyncio.start_server(welcome, "127.0.0.1", 0, backlog=screens)
    pipe.send(server.sockets[0].getsockname()[1])
    number = 0
    while (event := await loop.run_in_executor(None, pipe.recv)) is not None:
        number += 1
        marked = re.sub(rb"\nid: \d+\n", b"\nid: %d\n" % number, event, count=1)
        at_ns = time.monotonic_ns()
        for writer in writers:
            writer.write(marked)
        pipe.send((number, at_ns))
