"""The centre's end of the link to its buildings, over a connection to a broker.

What is said on it is decided in `care.link`; here are only the sockets and the order of things.
"""

import asyncio
import re
import sqlite3
import ssl
import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

import aiomqtt
import structlog

from care import link
from care.clock import REHEARSAL_TOPIC, RehearsalClock
from care.link import Batch, Beat, Garbled, Have, Outgoing
from care.records import CENTRE, Agreeing, Order, Teaching, Unreadable, site_of
from dashboard.centre import Centre, News
from detectors.homes import SiteId

CLIENT_ID = "nachtwacht-centre"  # fixed, or the broker would keep nothing for us while we are away
PAYLOAD_MAX = 16_000_000  # bytes; a full batch of findings with long windows is well under half of it
SITES_MAX = 20_000  # buildings that one process speaks with
TOPICS_MAX = 200  # in one subscription
AT_ONCE = 64  # batches of a connection that wait for the disk together
PAUSES_S = (1, 2, 4, 8, 15, 30)  # between two tries to reach the broker; the last goes on

log = structlog.get_logger()

_BATCH = b'{"type":"batch"'  # how one begins, as our own link writes it
_SITE = re.compile(r"nachtwacht/([A-Za-z0-9][A-Za-z0-9._-]{0,39})/up")


class Ears(Protocol):
    """What may be known of how this process hears its buildings."""

    @property
    def connected(self) -> bool: ...
    @property
    def refused(self) -> Counter[str]: ...


class Intake:
    """The centre's end of the link to its buildings, all of them or a share, over one connection to the broker."""

    def __init__(
        self,
        centre: Centre,
        host: str,
        port: int,
        *,
        rehearsal: RehearsalClock | None = None,
        tls: Callable[[], ssl.SSLContext] | None = None,
        client_id: str = CLIENT_ID,
        buildings: Callable[[], AbstractSet[SiteId]] | None = None,
        hears: Callable[[bool], None] | None = None,
    ) -> None:
        """Prepare; `run` connects. With `rehearsal`, that clock is set by what a rehearsal tells.

        Parameters
        ----------
        tls : asked at each connection with what to speak to the broker; without it in plain text.
        client_id : by which the broker knows the session.
        buildings : those that are spoken with, asked again every second; None: whoever speaks.
        hears : told whether there is a connection; by itself the centre.
        """
        self._client_id, self._buildings = client_id, buildings
        self._subscribed: set[SiteId] = set()
        self._hears = hears if hears is not None else lambda yes: centre.listens(yes=yes)
        self.connected = False
        self.refused: Counter[str] = Counter()  # messages that were not taken, by site
        self._centre = centre
        self._broker = (host, port)
        self._tls = tls
        self._tries = 0
        self._rehearsal = rehearsal
        self._outgoing: dict[SiteId, Outgoing] = {}
        self._due: set[SiteId] = set()  # buildings for which there may be something to send
        self._woken = asyncio.Event()
        centre.follow(self._on_news)

    async def run(self) -> None:
        """Take in and send until cancelled; a broker that is away is tried again and again."""
        while True:
            try:
                # Its queue has no bound: it would drop what the broker has forgotten, and buildings wait for answers.
                tls = None if self._tls is None else self._tls()
                async with aiomqtt.Client(
                    *self._broker, identifier=self._client_id, clean_session=False, tls_context=tls
                ) as client:
                    await self._converse(client)
            except* (aiomqtt.MqttError, OSError) as errors:  # the second: its own certificate cannot be read
                log.warning("no connection", broker=self._broker, tries=self._tries, why=str(errors.exceptions[0]))
            finally:
                self.connected = False
                self._hears(False)  # noqa: FBT003
            pause_s = PAUSES_S[min(self._tries, len(PAUSES_S) - 1)]
            self._tries += 1
            await asyncio.sleep(pause_s)

    async def _converse(self, client: aiomqtt.Client) -> None:
        # Always, also when the broker says that it kept the session: some say so and have lost the subscription.
        self._subscribed.clear()
        if self._buildings is None:
            await client.subscribe(link.up_topic("+"), qos=1)
        else:
            await self._subscribe(client)
        if self._rehearsal is not None:
            await client.subscribe(REHEARSAL_TOPIC, qos=1)
        self._outgoing.clear()  # nothing is under way on a new connection, and what buildings have must be asked
        self._due.update(
            site for site in self._centre.board.plans if self._is_ours(site) and not self._centre.silent(site)
        )
        self.connected, self._tries = True, 0
        self._hears(True)  # noqa: FBT003
        log.info("connected", broker=self._broker, **({"session": self._client_id} if self._buildings else {}))
        room = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as together:
            together.create_task(self._send(client))
            async for message in client.messages:
                if _may_wait(message):  # for the disk, with others: what comes after it need not
                    await room.acquire()
                    waits = together.create_task(self._receive(client, message))
                    waits.add_done_callback(lambda _: room.release())
                else:
                    await self._receive(client, message)

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        """Subscribe to the buildings of our share that have come since."""
        assert self._buildings is not None
        new = sorted(self._buildings() - self._subscribed)
        for some in (new[n : n + TOPICS_MAX] for n in range(0, len(new), TOPICS_MAX)):
            await client.subscribe([(link.up_topic(site), 1) for site in some])
            self._subscribed.update(some)

    def _is_ours(self, site: SiteId) -> bool:
        return self._buildings is None or site in self._subscribed

    async def _receive(self, client: aiomqtt.Client, message: aiomqtt.Message) -> None:
        """Take one message; whatever is wrong with it stops no other."""
        topic = message.topic.value
        try:
            payload = _payload_of(message)
            if topic == REHEARSAL_TOPIC:
                self._tell_clock(payload)
            else:
                await self._hear(client, site_in(topic), link.decode(payload), retained=message.retain)
        except aiomqtt.MqttError:
            raise
        except Exception as error:  # noqa: BLE001  # also what nobody foresaw: the next message may be a call for help
            self._refuse(topic, error)

    async def _hear(self, client: aiomqtt.Client, site: SiteId, said: link.Message, *, retained: bool) -> None:
        match said:
            case Beat():
                if not retained:  # a broker that repeats itself is no sign of life
                    self._alive(site, said)
            case Have():
                outgoing = await self._outgoing_to(site)
                await self._centre.aside(lambda: outgoing.answered(said))
                self._wake(site)
            case Batch():
                waiting = self._outgoing.get(site)
                if waiting is not None:
                    await self._centre.aside(waiting.heard)
                have = await self._centre.take(site, said)
                await client.publish(link.down_topic(site), link.encode(have), qos=1)

    def _alive(self, site: SiteId, beat: Beat) -> None:
        if self._centre.unheard_s(site) is None and len(self._outgoing) >= SITES_MAX:
            raise Garbled(f"more than {SITES_MAX} buildings")
        if self._centre.silent(site):
            self._outgoing.pop(site, None)  # it may have come back with an older journal: ask what it has
        self._centre.heard(site, beat)
        if site not in self._outgoing:
            self._wake(site)

    def _on_news(self, news: News) -> None:
        for entry in news.entries:
            if isinstance(entry.record, Unreadable) and self._is_ours(SiteId(entry.origin)):
                self._refuse(link.up_topic(entry.origin), Garbled(entry.record.why))
            elif isinstance(entry.record, Order | Agreeing):
                self._wake(site_of(entry.record.home))
            elif isinstance(entry.record, Teaching):
                self._wake(entry.record.site)

    def _wake(self, site: SiteId) -> None:
        if not self._is_ours(site):
            return
        self._due.add(site)
        self._woken.set()

    async def _send(self, client: aiomqtt.Client) -> None:
        """Send what is due, at once when woken; look once a second at what was never answered."""
        while True:
            self._woken.clear()
            due, self._due = self._due, set()
            for site in sorted(due):
                # To a building that cannot be heard nothing is sent: the broker would pile it up.
                if not self._centre.silent(site):
                    await self._send_next(client, site)
            try:
                async with asyncio.timeout(1):
                    await self._woken.wait()
            except TimeoutError:
                self._due.update(site for site, outgoing in self._outgoing.items() if not outgoing.idle)
                if self._buildings is not None:
                    await self._subscribe(client)

    async def _send_next(self, client: aiomqtt.Client, site: SiteId) -> None:
        try:
            outgoing = await self._outgoing_to(site)
            batch = await self._centre.ask(lambda _: outgoing.next(time.monotonic()))
        except Exception as error:  # noqa: BLE001  # one building's impossible answer must not keep orders from the rest
            self._outgoing.pop(site, None)
            self._refuse(link.up_topic(site), error)
            return
        if batch is not None:
            await client.publish(link.down_topic(site), link.encode(batch), qos=1)

    async def _outgoing_to(self, site: SiteId) -> Outgoing:
        if site not in self._outgoing:
            made = await self._centre.ask(lambda db: Outgoing(db, site))
            self._outgoing.setdefault(site, made)
        return self._outgoing[site]

    def _tell_clock(self, payload: bytes) -> None:
        if self._rehearsal is None:
            raise Garbled("the time of a rehearsal, and this is none")
        try:
            moment = datetime.fromisoformat(payload.decode())
        except ValueError as error:
            raise Garbled("no ISO 8601 instant") from error
        if moment.tzinfo is None:
            raise Garbled("an instant without its zone")
        self._rehearsal.tell(moment)

    def _refuse(self, topic: str, error: Exception) -> None:
        site = _SITE.fullmatch(topic)
        known = site is not None and site[1] in self._centre.board.plans
        who = site[1] if site is not None and known else "unknown"  # or made-up topics would fill the memory
        self.refused[who] += 1
        count = self.refused[who]
        if count & (count - 1) == 0:  # the 1st, 2nd, 4th, 8th ...: a building that repeats itself must not fill the log
            unforeseen = not isinstance(error, Garbled | sqlite3.Error)
            log.warning("message refused", topic=topic, why=str(error), count=count, exc_info=unforeseen)


def _may_wait(message: aiomqtt.Message) -> bool:
    payload = message.payload
    return isinstance(payload, bytes) and payload.startswith(_BATCH)


def _payload_of(message: aiomqtt.Message) -> bytes:
    payload = message.payload
    if not isinstance(payload, bytes) or len(payload) > PAYLOAD_MAX:
        raise Garbled(f"more than {PAYLOAD_MAX} bytes")
    return payload


def site_in(topic: str) -> SiteId:
    """Return which building speaks on a topic. Raises `Garbled`."""
    site = _SITE.fullmatch(topic)
    if site is None or site[1] == CENTRE:  # nobody speaks as the centre to the centre
        raise Garbled("no topic of a building")
    return SiteId(site[1])
