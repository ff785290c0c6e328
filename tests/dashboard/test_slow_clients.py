"""Clients that take their time, or many places, at a real server: ended in time, and nobody else waits for them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import uvicorn
from structlog.testing import capture_logs

from dashboard import door
from dashboard.connections import Connection, Limits, guarded
from dashboard.pages import Desk, application
from tests.conftest import free_port
from tests.dashboard.conftest import eventually

pytestmark = pytest.mark.anyio

LIMITS = Limits(most=12, of_one=5, ask_within_s=0.3, take_within_s=0.3)
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: desk.example\r\nConnection: close\r\n\r\n"
POST = b"POST /language HTTP/1.1\r\nHost: desk.example\r\nOrigin: http://desk.example\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


class Serving:
    """The pages at a port, and who may open a connection to it: any address of this machine."""

    def __init__(self, protocol: type[Connection], port: int) -> None:
        self.guard = protocol.guard
        self._port = port
        self.opened: list[asyncio.StreamWriter] = []

    async def open(self, host: str = "127.0.0.9") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(host, 0))
        self.opened.append(writer)
        return reader, writer

    async def asks(self, asked: bytes, host: str = "127.0.0.7") -> bytes:
        """Ask, and return what is answered until the connection ends; nothing if it is ended without an answer."""
        reader, writer = await self.open(host)
        answer = b""
        with contextlib.suppress(ConnectionError):
            writer.write(asked)
            async with asyncio.timeout(5):
                answer = await reader.read()
        return answer


@pytest.fixture
async def serving(desk: Desk) -> AsyncIterator[Serving]:
    protocol, port = guarded(LIMITS), free_port()
    config = uvicorn.Config(application(desk), port=port, http=protocol, lifespan="off", ws="none", log_config=None)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment]  # the tests' own signals stay
    running = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    made = Serving(protocol, port)
    yield made
    for writer in made.opened:
        writer.transport.abort()
    server.should_exit = server.force_exit = True
    await running


async def ended(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(5):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: desk.example\r\nX-Slow: "])
async def test_who_does_not_come_to_the_question_is_ended_and_others_are_answered_meanwhile(
    serving: Serving, begun: bytes
) -> None:
    with capture_logs() as logged:
        slow = [await serving.open() for _ in range(4)]
        for _, writer in slow:
            writer.write(begun)
        assert (await serving.asks(HEALTH)).startswith(b"HTTP/1.1 200")
        for reader, _ in slow:
            assert await ended(reader) == b""
    assert [(one["why"], one["client"]) for one in logged] == [("too slow to ask", "127.0.0.9")]
    assert serving.guard.turned_away.count["too slow to ask"] == len(slow)
    await eventually(lambda: serving.guard.open == 0)


async def test_a_letter_now_and_then_does_not_keep_a_place(serving: Serving) -> None:
    reader, writer = await serving.open()
    gone = asyncio.create_task(ended(reader))
    with contextlib.suppress(ConnectionError):
        for letter in b"GET /a-long-way-to-go/" * 20:
            if gone.done():
                break
            writer.write(bytes([letter]))
            await asyncio.sleep(0.02)
    assert gone.done()
    assert serving.guard.turned_away.count["too slow to ask"] == 1


async def test_a_second_question_may_not_be_slower_than_the_first(serving: Serving) -> None:
    reader, writer = await serving.open()
    writer.write(HEALTH.replace(b"Connection: close\r\n", b"") + b"GET / HT")
    assert (await ended(reader)).startswith(b"HTTP/1.1 200")
    assert serving.guard.turned_away.count["too slow to ask"] == 1


async def test_a_body_that_does_not_come_is_given_up_and_said(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "BODY_WITHIN_S", 0.1)
    with capture_logs() as logged:
        slow = asyncio.create_task(serving.asks(POST + FORM + b"Content-Length: 50\r\n\r\nlang"))
        assert (await serving.asks(HEALTH)).startswith(b"HTTP/1.1 200")
        assert (await slow).startswith(b"HTTP/1.1 408")
    assert logged[0]["why"] == "408 Not saved"


async def test_who_takes_no_answer_is_ended(serving: Serving) -> None:
    reader, writer = await serving.open()
    ask = b"GET /static/vendor/htmx.min.js HTTP/1.1\r\nHost: desk.example\r\n\r\n"
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(ask * 400)
    await eventually(lambda: serving.guard.turned_away.count["too slow to take"] == 1)
    assert (await serving.asks(HEALTH)).startswith(b"HTTP/1.1 200")


async def test_one_client_has_no_more_than_its_share_of_the_places(serving: Serving) -> None:
    for _ in range(LIMITS.of_one):
        await serving.open("127.0.0.8")
    await eventually(lambda: serving.guard.open == LIMITS.of_one)
    assert await serving.asks(HEALTH, "127.0.0.8") == b""
    assert (await serving.asks(HEALTH, "127.0.0.7")).startswith(b"HTTP/1.1 200")
    assert serving.guard.turned_away.count["too many of one client"] == 1


async def test_with_all_places_taken_whoever_waits_for_nothing_makes_room(serving: Serving) -> None:
    slow = [await serving.open(f"127.0.0.{number + 20}") for number in range(LIMITS.most)]
    await eventually(lambda: serving.guard.open == LIMITS.most)
    assert (await serving.asks(HEALTH)).startswith(b"HTTP/1.1 200")
    assert await ended(slow[0][0]) == b""  # the first who came, and asked nothing


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: desk.example\r\nX-Large: " + b"x" * 1_000_000 + b"\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\nHost: desk.example\r\n\r\n", b"400"),
        (POST + FORM + b"Content-Length: 70000\r\n\r\n" + b"x" * 70_000, b"413"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"ffff\r\n" + b"x" * 65_535 + b"\r\n", b"413"),
        (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /", b"4"),
        (b"GET / HTTP/1.1\r\nHost: desk.example\r\nBad\x00: x\r\n\r\n", b"400"),
        (b"\x16\x03\x01 this is no HTTP\r\n\r\n", b"400"),
    ],
)
async def test_what_is_too_large_or_no_question_is_refused_and_the_next_is_answered(
    serving: Serving, asked: bytes, status: bytes
) -> None:
    answer = await serving.asks(asked)
    # Of a head without end the refusal may be lost: the connection is ended while the rest still comes.
    assert answer.startswith(b"HTTP/1.1 " + status) or (len(asked) > 1_000_000 and not answer), answer[:200]
    assert (await serving.asks(HEALTH)).startswith(b"HTTP/1.1 200")
