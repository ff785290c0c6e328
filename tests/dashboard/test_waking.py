"""While the journal is read the port answers, and says how far that is; after it the desk is there."""

import asyncio
import gc
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from care import certificates, journal
from care.clock import SystemClock
from dashboard.centre import Centre
from dashboard.server import tls_of
from dashboard.waking import GivenUp, Waking
from tests.dashboard.conftest import WILG, StoryClock, plan, status

pytestmark = pytest.mark.anyio


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


class Reading:
    """A journal that is read as far as a story says, in a thread of its own."""

    def __init__(self, waking: Waking) -> None:
        self.waking, self.may_end = waking, threading.Event()

    def __call__(self) -> str:
        self.waking.read(43, 100)
        self.may_end.wait(10)
        self.waking.read(100, 100)
        return "a centre"


async def asked(sock: socket.socket, path: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(f"http://127.0.0.1:{sock.getsockname()[1]}{path}")


async def test_who_comes_while_the_journal_is_read_is_told_how_far_that_is(sock: socket.socket) -> None:
    waking = Waking()
    reading = Reading(waking)
    under_way = asyncio.create_task(waking.during(sock, reading))
    health, page = await asked(sock, "/healthz"), await asked(sock, "/alerts/0123456789")
    assert (health.status_code, health.json()) == (503, {"reading": 43})
    assert page.status_code == 503
    assert "De zorgcentrale leest het logboek: 43%." in page.text
    assert "The centre reads its logbook: 43%." in page.text
    assert re.search(r'http-equiv="refresh" content="\d+"', page.text)
    reading.may_end.set()
    assert await under_way == "a centre"
    assert sock.fileno() > 0  # whoever comes next is served by the desk, on the same socket
    with socket.create_connection(sock.getsockname()):
        sock.accept()[0].close()


async def test_what_nobody_can_read_is_left_and_the_port_goes_on(sock: socket.socket) -> None:
    waking = Waking()
    reading = Reading(waking)
    under_way = asyncio.create_task(waking.during(sock, reading))
    _, line = await asyncio.open_connection(*sock.getsockname())
    line.write(b"x" * 200_000 + b"\r\n\r\n")
    assert (await asked(sock, "/healthz")).status_code == 503
    line.close()
    reading.may_end.set()
    await under_way


async def test_a_centre_that_is_told_to_stop_meanwhile_reads_no_further(sock: socket.socket) -> None:
    waking = Waking()
    reading = Reading(waking)
    under_way = asyncio.create_task(waking.during(sock, reading))
    await asked(sock, "/healthz")
    under_way.cancel()
    with pytest.raises(asyncio.CancelledError):
        await under_way
    reading.may_end.set()
    with pytest.raises(GivenUp):
        waking.read(44, 100)


async def test_a_centre_says_of_every_step_how_far_it_has_read(clock: StoryClock) -> None:
    db = journal.connect(":memory:")
    journal.append(db, [plan(WILG), status()], recorded_at=clock.now())
    steps: list[tuple[int, int]] = []
    Centre(db, clock, progress=lambda number, last: steps.append((number, last))).close()
    assert steps == [(2, 2)]
    assert gc.isenabled()


async def test_a_centre_of_https_says_so_over_https(sock: socket.socket, tmp_path: Path) -> None:
    now = SystemClock().now()  # what a browser holds a certificate against
    authority, key, file = certificates.new_authority("centre", now), certificates.new_key(), tmp_path / "both.pem"
    signed = certificates.sign_server(authority, certificates.request(key, "centre"), ["127.0.0.1"], now)
    file.write_bytes(key + signed)
    ours = ssl.create_default_context(cadata=authority.certificate.decode())
    waking = Waking()
    reading = Reading(waking)
    under_way = asyncio.create_task(waking.during(sock, reading, tls_of(file)))
    async with httpx.AsyncClient(verify=ours) as client:
        health = await client.get(f"https://127.0.0.1:{sock.getsockname()[1]}/healthz")
    assert (health.status_code, health.json()) == (503, {"reading": 43})
    reading.may_end.set()
    assert await under_way == "a centre"
