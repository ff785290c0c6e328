"""Measure the night desk under attack, beside the same desk left alone: `python -m benchmarks.attack`."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import screens, year
from benchmarks.figures import Figure, keep, rounded, table
from benchmarks.page import quantile
from benchmarks.parts import CannotMeasure, Parts, apart, hear
from care import journal
from care.clock import SystemClock

HOMES = 50
DAYS = 2
PAGE_EVERY_S = 0.1
SLOW = 400  # connections that are kept open and silent, from so many as they are tried again
PER_SECOND = 20
ADDRESSES = 40  # of this machine, from which is attacked
PATIENCE_S = 60.0

FIGURES = (
    Figure("quiet_ms_p50", "page, left alone, ms, half within", 1),
    Figure("quiet_ms_p99", "page, left alone, ms, 99 of 100 within", 1),
    Figure("attacked_ms_p50", "page, under attack, ms, half within", 1),
    Figure("attacked_ms_p99", "page, under attack, ms, 99 of 100 within", 1),
    Figure("times", "99 of 100 under attack, times left alone", 2, at_most=2),
    Figure("passwords", "wrong passwords sent", 0),
    Figure("slow", "slow connections opened", 0),
    Figure("bodies", "oversized bodies sent", 0),
    Figure("scans", "pages that are not there asked for", 0),
)

METHOD = {
    "all": f"Everything on one machine, over loopback. A desk with {HOMES} homes and {DAYS} days of records; GET / by "
    "who signed in, ten times a second, from the connection to the last byte. Half of the quiet time before the "
    "attack and half after it, so that a machine that grows slower by itself does not count as an attack.",
    "attack": f"From {ADDRESSES} addresses 127.0.0.x at once, in a process of its own: {PER_SECOND} wrong passwords a "
    f"second for names nobody has, up to {SLOW} connections that send a head a letter at a time, {PER_SECOND} bodies a "
    f"second of 200,000 bytes, and {PER_SECOND} pages a second that are not there. The attack takes its time of the "
    "same processors.",
}


def attack(
    *,
    out: Annotated[Path | None, typer.Option(help="write the figures here too, as JSON")] = None,
    seconds: Annotated[int, typer.Option(min=2, help="seconds quiet, and as many under attack")] = 30,
) -> None:
    """Measure the night desk under attack, and show the figures beside their goals.

    Example: python -m benchmarks.attack --out attack.json
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console()
    try:
        figures = measure(seconds)
    except CannotMeasure as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    console.print(table(figures, FIGURES, "The night desk under attack"))
    if out is not None:
        keep(figures, METHOD, out)


def measure(seconds: float) -> dict[str, float]:
    """Return the value of every figure, by its key."""
    with Parts() as parts:
        file = parts.running[0].journal / "attack.db"
        known = year.homes(HOMES)
        year.write(file, known, SystemClock().now(), DAYS, lambda _: None)
        with contextlib.closing(journal.connect(file)):
            pass
        desk = parts.desk(journal=file)
        cookie = screens.sign_in(desk.address)
        _pages(desk.address, cookie, 2)
        quiet = _pages(desk.address, cookie, seconds / 2)
        with apart(besiege, int(desk.address.rpartition(":")[2])) as besiegers:
            hear(besiegers, "attack", within_s=PATIENCE_S)
            attacked = _pages(desk.address, cookie, seconds)
            besiegers.send("stop")
            if not besiegers.poll(PATIENCE_S):
                raise CannotMeasure("The attack told nothing.")
            sent: dict[str, float] = besiegers.recv()
        time.sleep(1)
        quiet += _pages(desk.address, cookie, seconds / 2)
    values = {
        "quiet_ms_p50": quantile(quiet, 0.5),
        "quiet_ms_p99": quantile(quiet, 0.99),
        "attacked_ms_p50": quantile(attacked, 0.5),
        "attacked_ms_p99": quantile(attacked, 0.99),
        "times": quantile(attacked, 0.99) / quantile(quiet, 0.99),
        **sent,
    }
    return rounded(values, FIGURES)


def _pages(address: str, cookie: str, seconds: float) -> list[float]:
    """Return how long each page took, one after another, at a steady pace."""
    took, end_s = [], time.monotonic() + seconds
    while (began_s := time.monotonic()) < end_s:
        took += screens.page_ms(address, cookie, 1)
        time.sleep(max(0.0, PAGE_EVERY_S - (time.monotonic() - began_s)))
    return took


# The attack, in a process of its own.


def besiege(pipe: Connection, port: int) -> None:
    """Attack until told to stop; then tell how much of what was sent."""
    asyncio.run(_besiege(pipe, port))


async def _besiege(pipe: Connection, port: int) -> None:
    sent = dict.fromkeys(("passwords", "slow", "bodies", "scans"), 0.0)

    async def once(kind: str, asked: bytes, number: int) -> None:
        sent[kind] += 1
        with contextlib.suppress(OSError, TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(_address(number), 0))
            with contextlib.closing(writer):
                writer.write(asked)
                async with asyncio.timeout(PATIENCE_S):
                    await reader.read()

    async def slowly(number: int) -> None:
        while True:
            sent["slow"] += 1
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(_address(number), 0))
                with contextlib.closing(writer):
                    writer.write(b"GET / HTTP/1.1\r\nX-Slow: ")
                    while not writer.is_closing():
                        await asyncio.sleep(2)
                        writer.write(b"x")
                        await writer.drain()
            await asyncio.sleep(1)

    work = [
        asyncio.create_task(_steadily(lambda n: once("passwords", _password(n), n))),
        asyncio.create_task(_steadily(lambda n: once("bodies", _body(), n))),
        asyncio.create_task(_steadily(lambda n: once("scans", _scan(n), n))),
        *(asyncio.create_task(slowly(number)) for number in range(SLOW)),
    ]
    await asyncio.sleep(1)
    pipe.send("attacking")
    await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
    for task in work:
        task.cancel()
    pipe.send(sent)


async def _steadily(once: Callable[[int], Awaitable[None]]) -> None:
    """Do something so many times a second, whether the one before has been answered or not."""
    under_way: set[asyncio.Task[None]] = set()
    number = 0
    while True:
        number += 1
        task = asyncio.ensure_future(once(number))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        await asyncio.sleep(1 / PER_SECOND)


def _address(number: int) -> str:
    return f"127.0.0.{number % ADDRESSES + 2}"


def _form(path: str, body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: desk.example", "Origin: http://desk.example", "Connection: close"]
    lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def _password(number: int) -> bytes:
    return _form("/sign-in", f"name=nobody{number}&password=not+the+right+one".encode())


def _body() -> bytes:
    return _form("/language", b"language=" + b"x" * 200_000)


def _scan(number: int) -> bytes:
    return f"GET /.git/{number} HTTP/1.1\r\nHost: desk.example\r\nConnection: close\r\n\r\n".encode()


if __name__ == "__main__":
    typer.run(attack)
