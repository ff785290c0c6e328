"""What the processes of one centre tell each other from moment to moment: signs of life, and which screens are open.

None of it is a record: it is true for some seconds. Each tells what it knows by itself, with its leases, twice a
second, and takes over what the others told. What is on the board all have from the journal.
"""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec
import structlog

from care import journal, postgres
from care.database import Address
from dashboard.centre import Centre, Heard
from dashboard.leases import ROUND_S, Leases
from dashboard.lookout import Screens, Seen
from detectors.homes import SiteId

LATELY_S = 2.0  # of what is told again: who missed three tellings still has all of it
NOTICE_WITHIN_S = 1.0  # that a notice is waited for before it is looked whether anybody still waits

log = structlog.get_logger()


class Telling(msgspec.Struct, frozen=True, array_like=True):
    """What one process tells the others."""

    heard: dict[SiteId, Heard]
    screens: list[Seen]


class Able(Protocol):
    """Says whether this process can hear buildings (`dashboard.lines.Lines`)."""

    @property
    def able(self) -> bool: ...


_telling = msgspec.msgpack.Decoder(Telling)


async def keep(leases: Leases, centre: Centre, lines: Able, screens: Screens) -> None:
    """Renew the leases, tell and hear, and follow what others write, until cancelled."""
    while True:
        try:
            await turn(leases, centre, lines, screens)
        except sqlite3.Error as error:
            if leases.renewed:  # told once, and not twice a second
                log.error("the database would not", why=str(error))  # noqa: TRY400  # the reason says all of it
            centre.beside = str(error)
        else:
            centre.beside = ""
        await asyncio.sleep(ROUND_S)


async def turn(leases: Leases, centre: Centre, lines: Able, screens: Screens) -> None:
    """Do so once. Raises `sqlite3.Error`."""
    told = msgspec.msgpack.encode(Telling(centre.heard_lately(LATELY_S), screens.here()))
    await leases.round(told, able=lines.able)
    elsewhere = list[Seen]()
    for other in leases.others.values():
        try:
            said = _telling.decode(other.body)
        except msgspec.DecodeError:
            continue  # of another version, which is being replaced
        centre.heard_elsewhere(said.heard, ago_s=other.age_s)
        elsewhere += (one._replace(ago_s=one.ago_s + other.age_s) for one in said.screens)
    screens.seen_elsewhere(elsewhere)
    await centre.catch_up()


async def follow(address: Address, centre: Centre) -> None:
    """Take onto the board at once what others write, until cancelled; what is missed is seen by the next `turn`."""
    async for _ in _notices(address):
        try:
            await centre.catch_up()
        except sqlite3.Error as error:
            log.warning("the journal would not be read", why=str(error))


async def _notices(address: Address) -> AsyncIterator[None]:
    loop, came, over = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def listen() -> None:
        for told in postgres.listen(address, journal.STORE, within_s=NOTICE_WITHIN_S):
            if over.is_set():
                return
            if told:
                loop.call_soon_threadsafe(came.set)

    threading.Thread(target=listen, name="notices", daemon=True).start()  # which nobody waits for at the end
    try:
        while True:
            await came.wait()
            came.clear()
            yield
    finally:
        over.set()
