"""The outbox: sends what a record asks for and no channel has taken yet, and writes down what came of it.

What is to be sent is decided in `care.escalation`. At least once: if the process dies between the channel and the
journal, the notice goes out again. Each channel has threads of its own, so that a dead one holds up no other.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import structlog

from care import notices
from care.asking import CalledOff, Noticed, Proven, Refusal
from care.board import Board
from care.clock import Clock
from care.escalation import ToSend, to_call_off, to_send
from care.records import Record
from dashboard import contacts
from dashboard.intake import Centre

LOOK_S = 1.0
WITHIN_S = 15.0  # a channel that takes longer refuses
AT_ONCE = 4  # notices that one channel is given at the same time
AGAIN_S = 1.0  # after a disk that refused

Post = Callable[[str, str, str], bool]  # URL of the channel, address, text; whether it was taken

_NO_ADDRESS: Refusal | None = Refusal.NO_ADDRESS

log = structlog.get_logger()


class Outbox:
    """Asks every second, and at every change, what is to be sent."""

    def __init__(
        self,
        centre: Centre,
        people: sqlite3.Connection,
        wall: Clock,
        *,
        url: str = "",
        phone: str = "",
        post: Post = notices.send,
        within_s: float = WITHIN_S,
    ) -> None:
        self._centre, self._people, self._wall = centre, people, wall
        self._url, self._phone, self._post, self._within_s = url.rstrip("/"), phone, post, within_s
        self._threads: dict[str, ThreadPoolExecutor] = {}
        self._under_way: dict[tuple[str, ...], asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        centre.follow(lambda _: self._news.set())

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            while True:
                self._news.clear()
                try:
                    self.look()
                except sqlite3.Error as error:
                    log.error("the people store would not", why=str(error))  # noqa: TRY400  # the reason says all of it
                # Not `wait_for`: until Python 3.12 it may swallow that it is called off.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._news.wait()
        finally:
            self.close()

    def look(self) -> None:
        """Start sending whatever is due and not under way."""
        now, board = self._centre.now(), self._centre.board
        for one in to_send(board, now):
            key = (one.alert.id, one.asked.to, one.channel, one.asked.at.isoformat())
            if key not in self._under_way:
                self._start(key, self._notify(one))
        for one in to_call_off(board, now):
            key = (one.alert.id, one.asked.to, "called off", one.asked.at.isoformat())
            if key not in self._under_way:
                self._start(key, self._call_off(one))
        tried = [name for name, one in contacts.channels(self._people).items() if one.test_to]
        for name in board.channels.unproven(tried, now):
            if (name,) not in self._under_way:
                self._start((name,), self._prove(name))

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.gather(*self._under_way.values())

    def close(self) -> None:
        """Let go of what is under way: it is sent again after the next start."""
        for task in self._under_way.values():
            task.cancel()
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)

    def _start(self, key: tuple[str, ...], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(_trying(work))
        self._under_way[key] = task
        task.add_done_callback(lambda _: self._under_way.pop(key, None))

    async def _notify(self, one: ToSend) -> None:
        alert, to = one.alert, one.asked.to
        address, refusal = self._address(one), _NO_ADDRESS
        if address is not None:
            link = ""
            if self._url:
                link = f"{self._url}/answer/{contacts.make_link(self._people, alert.id, to, self._wall.now())}"
            body = notices.text(to, alert.id, alert.tier, one.asked.minutes, link=link, phone=self._phone)
            refusal = await self._hand_over(one.channel, address, body)
        await self._write(lambda _, at: [_became(Noticed, one, at, refusal)])

    async def _call_off(self, one: ToSend) -> None:
        address, refusal = self._address(one), _NO_ADDRESS
        if address is not None:
            refusal = await self._hand_over(one.channel, address, notices.not_needed())
        await self._write(lambda _, at: [_became(CalledOff, one, at, refusal)])

    def _address(self, one: ToSend) -> str | None:
        home = self._centre.board.homes.get(one.alert.home)
        return contacts.address(self._people, one.asked.to, one.channel, one.alert.home, home)

    async def _prove(self, name: str) -> None:
        channel = contacts.channels(self._people).get(name)
        if channel is None:
            return
        refusal = await self._hand_over(name, channel.test_to, notices.proof())
        await self._write(lambda _, at: [Proven(at=at, channel=name, refusal=refusal)])

    async def _hand_over(self, name: str, address: str, body: str) -> Refusal | None:
        channel = contacts.channels(self._people).get(name)
        if channel is None:
            return Refusal.NO_CHANNEL
        threads = self._threads.setdefault(name, ThreadPoolExecutor(AT_ONCE, f"channel {name}"))
        try:
            async with asyncio.timeout(self._within_s):
                posting = asyncio.get_running_loop().run_in_executor
                taken = await posting(threads, self._post, channel.url, address, body)
        except TimeoutError:
            return Refusal.NO_ANSWER
        except Exception as error:  # noqa: BLE001  # whatever goes wrong in somebody else's gateway is a refusal
            log.warning("a channel failed", channel=name, why=type(error).__name__)
            return Refusal.REFUSED
        return None if taken else Refusal.REFUSED

    async def _write(self, decide: Callable[[Board, datetime], list[Record]]) -> None:
        """Write down what came of it; a disk that refuses is asked again, for else it would be sent again."""
        while True:
            try:
                await self._centre.write(decide)
            except sqlite3.Error as error:
                log.error("the disk would not", why=str(error))  # noqa: TRY400  # the reason says all of it
                await asyncio.sleep(AGAIN_S)
            else:
                return


def _became(kind: type[Noticed | CalledOff], one: ToSend, at: datetime, refusal: Refusal | None) -> Noticed | CalledOff:
    """Return what became of a notice. Never dated before it was asked for: a clock set back must not send it again."""
    about: dict[str, Any] = {"home": one.alert.home, "alert": one.alert.id, "to": one.asked.to, "channel": one.channel}
    return kind(at=max(at, one.asked.at), refusal=refusal, **about)


async def _trying(work: Coroutine[Any, Any, None]) -> None:
    """Do it; if the people store would not say where to, it is tried again with the next look."""
    try:
        await work
    except sqlite3.Error as error:
        log.error("the people store would not", why=str(error))  # noqa: TRY400  # the reason says all of it
