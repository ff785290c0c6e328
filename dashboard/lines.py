"""The connections of one process of a centre that has several: one for each share of the buildings that it holds.

A share is a session at the broker: whoever takes it over connects under the same client id, gets what the broker kept,
and throws out the one before. A building that no process knows is found by a roll call: some seconds a minute whoever
is on duty listens to all of them, over a connection of its own.
"""

import asyncio
import contextlib
import sqlite3
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

import aiomqtt
import structlog

from care import link
from care.clock import RehearsalClock
from dashboard.centre import Centre
from dashboard.intake import CLIENT_ID, Intake, site_in
from dashboard.leases import SHARES, Leases, lease_of, share_of
from detectors.homes import SiteId

LOOK_S = 0.1  # between two looks which shares are ours
ROLL_CALL_S = 6.0  # a building gives a sign of life every five seconds
ROLL_CALL_EVERY_S = 60.0
UNABLE_AFTER_S = 5.0  # without a connection to the broker others are asked to take our shares

Tls = Callable[[str], ssl.SSLContext]  # with what to speak to the broker, by the name of the session

log = structlog.get_logger()


class Lines:
    """Speaks with the buildings of the shares that this process holds."""

    def __init__(
        self,
        centre: Centre,
        leases: Leases,
        host: str,
        port: int,
        *,
        rehearsal: RehearsalClock | None = None,
        tls: Tls | None = None,
    ) -> None:
        """Prepare; `run` connects. The parameters are those of `Intake`."""
        self._centre, self._leases = centre, leases
        self._broker, self._tls = (host, port), tls
        self._known: dict[int, set[SiteId]] = {share: set() for share in range(SHARES)}
        self._plans, self._sites = 0, frozenset[SiteId]()
        self._up: set[int] = set()
        self._up_s = time.monotonic()  # when all that is held was last connected
        self._running: dict[int, asyncio.Task[None]] = {}
        self._lines: Mapping[int, Intake] = {
            share: Intake(
                centre,
                host,
                port,
                rehearsal=rehearsal,
                tls=None if tls is None else partial(tls, f"-{share}"),
                client_id=f"{CLIENT_ID}-{share}",
                buildings=partial(self._buildings, share),
                hears=partial(self._hears, share),
            )
            for share in range(SHARES)
        }

    @property
    def connected(self) -> bool:
        """Whether the buildings of every share that is held here can be heard."""
        return self._up >= set(self._running)

    @property
    def able(self) -> bool:
        """Whether this process should hold shares: not when it has had no connection for some seconds."""
        return self.connected or time.monotonic() - self._up_s < UNABLE_AFTER_S

    @property
    def refused(self) -> Counter[str]:
        """Messages that were not taken, by site."""
        total: Counter[str] = Counter()
        for line in self._lines.values():
            total += line.refused
        return total

    async def run(self) -> None:
        """Speak over the lines of the shares that are held, until cancelled."""
        roll_call = asyncio.ensure_future(self._roll_calls())
        try:
            while True:
                for share in range(SHARES):
                    held, task = self._leases.holds(lease_of(share)), self._running.get(share)
                    if held and task is None:
                        self._running[share] = asyncio.ensure_future(self._lines[share].run())
                    elif not held and task is not None:
                        await self._hang_up(share)
                    elif task is not None and task.done():
                        task.result()  # it never ends by itself: a mistake of ours must be seen
                if self.connected:
                    self._up_s = time.monotonic()
                await asyncio.sleep(LOOK_S)
        finally:
            roll_call.cancel()
            for share in list(self._running):
                await self._hang_up(share)

    async def _hang_up(self, share: int) -> None:
        task = self._running.pop(share)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def _hears(self, share: int, yes: bool) -> None:  # noqa: FBT001
        (self._up.add if yes else self._up.discard)(share)
        if yes or share in self._running:  # one that was given away is no ear that was lost
            self._centre.listens(yes=self.connected)

    def _buildings(self, share: int) -> set[SiteId]:
        plans = self._centre.board.plans
        if len(plans) != self._plans or self._sites is not self._leases.sites:
            self._plans, self._sites = len(plans), self._leases.sites
            for site in (*plans, *self._sites):
                self._known[share_of(site)].add(site)
        return self._known[share]

    async def _roll_calls(self) -> None:
        while True:
            if self._leases.on_duty:
                with contextlib.suppress(aiomqtt.MqttError, OSError, TimeoutError):
                    await self.roll_call()
                await asyncio.sleep(ROLL_CALL_EVERY_S - ROLL_CALL_S)
            else:
                await asyncio.sleep(LOOK_S)

    async def roll_call(self) -> None:
        """Listen to all buildings for some seconds, and write down those that nobody knows. Raises `MqttError`."""
        tls = None if self._tls is None else self._tls("-roll")
        client = aiomqtt.Client(*self._broker, identifier=f"{CLIENT_ID}-roll", clean_session=True, tls_context=tls)
        found: set[SiteId] = set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ROLL_CALL_S), client:
                await client.subscribe(link.up_topic("+"), qos=0)
                async for message in client.messages:
                    with contextlib.suppress(link.Garbled):
                        site = site_in(message.topic.value)
                        if site not in self._buildings(share_of(site)):
                            found.add(site)
        if found:
            await self._found(found)

    async def _found(self, sites: set[SiteId]) -> None:
        try:
            await self._leases.found(sites)
        except sqlite3.Error as error:
            log.warning("new buildings were not written down", count=len(sites), why=str(error))
