"""The outbox: sends what a record asks for and no channel has taken yet, and writes down what came of it.

What is to be sent is decided in `care.escalation` and `care.messages`. A channel that gave no answer in time may have
delivered: that is written down, and what is not acute goes on by another way, never by this one again. What is acute
is sent again, in the same words and under the same name. So is what was under way when the process died. An answer that
comes late is believed all the same. Each channel has threads of its own, so that a dead one holds up no other.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import structlog

from care import notices
from care.alerts import Tier
from care.asking import CalledOff, Noticed, Proven, Refusal
from care.board import Board
from care.clock import Clock
from care.database import Database
from care.escalation import CALLED_OFF_WITHIN, ToSend, to_call_off, to_send
from care.ids import AlertId
from care.letters import Letter, Receipt, tag_of
from care.messages import LASTS, Carried, Kind, Sending, ToTell
from care.records import Record
from dashboard import contacts, invitations
from dashboard.carrying import Carrier, Post
from dashboard.centre import Centre
from dashboard.push import Delivery

LOOK_S = 1.0
WITHIN_S = 15.0  # a channel that takes longer gives no answer
AT_ONCE = 4  # letters that one channel is given at the same time
AGAIN_S = 1.0  # after a disk that refused
SHORTEST = timedelta(minutes=1)  # for which a push service keeps a question for a phone that is off

_NOWHERE = Receipt(Refusal.NO_ADDRESS)

log = structlog.get_logger()


class Outbox:
    """Asks every second, and at every change, what is to be sent."""

    def __init__(
        self,
        centre: Centre,
        people: Database,
        wall: Clock,
        *,
        url: str = "",
        phone: str = "",
        post: Post = notices.send,
        within_s: float = WITHIN_S,
        leads: Callable[[ToTell], str] = lambda _: "/",
        here: bool = False,
    ) -> None:
        """Prepare to send.

        Parameters
        ----------
        leads : to which page of the centre a message leads (`dashboard.messages.Leads`).
        here : whether push services may stand on this machine: in tests, and nowhere else.
        """
        self._centre, self._people, self._wall = centre, people, wall
        self._url, self._phone, self._within_s = url.rstrip("/"), phone, within_s
        self._leads = leads
        self._carrier = Carrier(people, wall, self._url, post, here)
        self._threads: dict[str, ThreadPoolExecutor] = {}
        self._under_way: dict[tuple[str, ...], asyncio.Task[None]] = {}
        self._late: set[asyncio.Task[None]] = set()  # that wait for an answer whose time is over
        self._links: dict[
            tuple[str, ...], str
        ] = {}  # of questions that may have arrived: the same letter, the same link
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
        """Start sending whatever is due and not under way; of several processes the one that is on duty."""
        if not self._centre.on_duty():
            return
        now, board = self._centre.now(), self._centre.board
        for one in to_send(board, now):
            self._start((*_about(one), one.channel), partial(self._notify, one))
        for one in to_call_off(board, now):
            self._start((*_about(one), "called off"), partial(self._call_off, one))
        for message in board.messages.to_send(now):
            # To one person one at a time, or of many at once each would find that there is room for it.
            self._start(("message", message.told.to), partial(self._tell, message))
        tried = [name for name, one in contacts.channels(self._people).items() if one.test_to]
        for name in board.channels.unproven(tried, now):
            self._start(("proof", name), partial(self._prove, name))

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.gather(*self._under_way.values())

    def close(self) -> None:
        """Let go of what is under way: it is sent again after the next start."""
        for task in (*self._under_way.values(), *self._late):
            task.cancel()
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)

    def _start(self, key: tuple[str, ...], work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if key in self._under_way:
            return
        task = asyncio.ensure_future(_trying(work()))
        self._under_way[key] = task
        task.add_done_callback(lambda _: self._under_way.pop(key, None))

    async def _notify(self, one: ToSend) -> None:
        alert, asked = one.alert, one.asked
        address, receipt = self._address(one), _NOWHERE
        if address is not None:
            letter = Letter(
                notices.text(asked.to, alert.id, alert.tier, asked.minutes, phone=self._phone),
                tag_of(*_about(one)),
                self._link(one),
                answers=True,
                urgent=alert.tier is Tier.ACUTE,
                lasts=max(timedelta(minutes=asked.minutes), SHORTEST),
            )
            receipt = await self._hand_over(
                one.channel, address, letter, late=lambda: self._write(lambda _, at: [_noticed(one, at, Receipt())])
            )
        if receipt.refusal is not Refusal.NO_ANSWER:
            self._links.pop((*_about(one), one.channel), None)
        await self._write(lambda _, at: [_noticed(one, at, receipt)])

    def _link(self, one: ToSend) -> str:
        """Return where a question is answered: the same place again by a channel that may have taken it."""
        if not self._url:
            return ""
        board, now = self._centre.board, self._wall.now()
        self._links = {about: link for about, link in self._links.items() if AlertId(about[0]) in board.alerts}
        about = (*_about(one), one.channel)
        if about not in self._links:
            token = contacts.make_link(self._people, one.alert.id, one.asked.to, now)
            self._links[about] = f"{self._url}/answer/{token}"
        return self._links[about]

    async def _call_off(self, one: ToSend) -> None:
        address, refusal = self._address(one), _NOWHERE.refusal
        if address is not None:
            # The same tag: on a phone it takes the place of the question.
            letter = Letter(notices.not_needed(), tag_of(*_about(one)), lasts=CALLED_OFF_WITHIN)
            refusal = (await self._hand_over(one.channel, address, letter)).refusal
        await self._write(lambda _, at: [CalledOff(at=max(at, one.asked.at), refusal=refusal, **_of(one))])

    def _address(self, one: ToSend) -> str | None:
        home = self._centre.board.homes.get(one.alert.home)
        return contacts.address(self._people, one.asked.to, one.channel, one.alert.home, home)

    async def _tell(self, one: Sending) -> None:
        board, told = self._centre.board, one.told
        held = board.messages.held_back(one, self._centre.now(), board.zone(told.home))
        if held is not None:
            await self._write(lambda _, at: [msgspec.structs.replace(held, at=max(at, told.at))])
            return
        (address, path), receipt = self._where(told, one.channel), _NOWHERE
        if address is not None:
            link = f"{self._url}{path}" if self._url and path else ""
            letter = Letter(notices.message(told.kind), tag_of(one.message), link, lasts=LASTS)
            receipt = await self._hand_over(
                one.channel, address, letter, late=lambda: self._write(lambda _, at: [_carried(one, at, Receipt())])
            )
        await self._write(lambda _, at: [_carried(one, at, receipt)])

    def _where(self, told: ToTell, channel: str) -> tuple[str | None, str]:
        """Return where a message goes, None if nowhere; and to which page it leads, empty if to none."""
        if told.kind is Kind.INVITED:  # the link is made now: nobody else ever has it
            found = invitations.renew(self._people, told.to, self._wall.now()) if channel else None
            return (None, "") if found is None else (found[0], f"/invitation/{found[1]}")
        path = "" if told.kind is Kind.TEST else self._leads(told)
        return contacts.reached(self._people, told.to, channel), path

    async def _prove(self, name: str) -> None:
        channel = contacts.channels(self._people).get(name)
        if channel is None:
            return
        letter = Letter(notices.proof(), tag_of("proof", name))
        receipt = await self._hand_over(name, channel.test_to, letter)
        await self._write(lambda _, at: [Proven(at=at, channel=name, refusal=receipt.refusal)])

    async def _hand_over(
        self, name: str, address: str, letter: Letter, *, late: Callable[[], Coroutine[Any, Any, None]] | None = None
    ) -> Receipt:
        """Give a letter to a channel and return what it said in time.

        Parameters
        ----------
        late : writes down that it took the letter after all.
        """
        channel = contacts.channels(self._people).get(name)
        if channel is None:
            return Receipt(Refusal.NO_CHANNEL)
        threads = self._threads.setdefault(name, ThreadPoolExecutor(AT_ONCE, f"channel {name}"))
        try:
            begun = threads.submit(self._carrier.errand(channel, address, letter))
            answer = asyncio.wrap_future(begun)
            try:
                done, _ = await asyncio.wait([answer], timeout=self._within_s)
            except asyncio.CancelledError:
                answer.cancel()
                raise
            if done:
                return self._carrier.back(answer.result())
            if begun.cancel():  # the channel was still busy with others: this one was never given to it
                return Receipt(Refusal.REFUSED)
            if late is None:
                answer.cancel()
            else:
                waits = asyncio.ensure_future(self._hear_late(name, answer, late))
                self._late.add(waits)
                waits.add_done_callback(self._late.discard)
            return Receipt(Refusal.NO_ANSWER)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001  # whatever goes wrong in somebody else's gateway is a refusal
            log.warning("a channel failed", channel=name, why=type(error).__name__)
            return Receipt(Refusal.REFUSED)

    async def _hear_late(
        self, name: str, answer: asyncio.Future[Receipt | Delivery], late: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Wait for an answer whose time is over; only that it took the letter is worth writing down."""
        try:
            receipt = self._carrier.back(await answer)
        except Exception as error:  # noqa: BLE001  # it gave no answer in time, and gives none now
            log.warning("a channel failed", channel=name, why=type(error).__name__)
            return
        if receipt.refusal is None:
            await late()

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


def _about(one: ToSend) -> tuple[str, ...]:
    """Return what tells one question to one person from all others."""
    return one.alert.id, one.asked.to, one.asked.at.isoformat()


def _of(one: ToSend) -> dict[str, Any]:
    return {"home": one.alert.home, "alert": one.alert.id, "to": one.asked.to, "channel": one.channel}


# Never dated before it was asked for: a clock set back must not send it again.


def _noticed(one: ToSend, at: datetime, receipt: Receipt) -> Noticed:
    at = max(at, one.asked.at)
    return Noticed(at=at, refusal=receipt.refusal, again_at=_again_at(at, receipt), **_of(one))


def _carried(one: Sending, at: datetime, receipt: Receipt) -> Carried:
    at = max(at, one.told.at)
    more = {"refusal": receipt.refusal, "again_at": _again_at(at, receipt)}
    return Carried(at=at, message=one.message, to=one.told.to, channel=one.channel, **more)  # type: ignore[arg-type]


def _again_at(at: datetime, receipt: Receipt) -> datetime | None:
    return None if receipt.again_after is None else at + receipt.again_after


async def _trying(work: Coroutine[Any, Any, None]) -> None:
    """Do it; if the people store would not say where to, it is tried again with the next look."""
    try:
        await work
    except sqlite3.Error as error:
        log.error("the people store would not", why=str(error))  # noqa: TRY400  # the reason says all of it
