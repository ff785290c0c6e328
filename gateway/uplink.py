"""The building's end of the link: a connection to the centre's broker, and what is to be said there next."""

import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import datetime

import paho.mqtt.client as mqtt
import structlog

from care import journal, link
from care.link import Batch, Beat, Garbled, Have, Outgoing
from care.records import CENTRE
from detectors.homes import SiteId
from gateway.connection import connection, leave
from gateway.identity import Papers

LOOK_EVERY_S = 5.0  # seconds between two looks whether this gateway was enrolled meanwhile
CRY_S = 5.0  # that a process which is about to end takes to say why

log = structlog.get_logger()


class Uplink:
    """Called by the daemon's one thread; what the connection's own thread hears is only handed over.

    Messages go at QoS 0: the link answers for itself, and a broker that kept them would pile up repeats.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        site: SiteId,
        hand_over: Callable[[bytes], None],
        address: tuple[str, int] | None,
        papers: Papers | None = None,
    ) -> None:
        """Prepare. Without an address, it is the one that the papers say, as soon as there are any."""
        self._db = db
        self._up, self._down = link.up_topic(site), link.down_topic(site)
        self._outgoing = Outgoing(db, CENTRE)
        self._journal = journal.identity(db)
        self.have = 0  # up to which number of our journal the centre has said that it has everything on disk
        self._broken = False
        self._beat_at_s = 0.0
        self.garbled = 0  # messages of the centre that were none
        self.said_bytes = self.heard_bytes = 0  # of messages, without what carries them
        self._site, self._hand_over, self._address, self._papers = site, hand_over, address, papers
        self._client: mqtt.Client | None = None
        self._tried_at_s = 0.0
        self._refused = ""  # with what the last connection ended

    def start(self) -> None:
        """Begin to connect; a gateway that is not enrolled yet begins when it is."""
        self._tried_at_s = time.monotonic()
        address = self._address or _told(self._papers)
        if address is None or (self._papers is not None and self._papers.about() is None):
            return
        try:
            self._client = connection(
                "centre",
                address,
                f"nachtwacht-{self._site}",
                session=False,
                connected=self._connected,
                heard=lambda message: self._hand_over(bytes(message.payload)),
                papers=self._papers,
                failed=self._failed,
            )
        except OSError as error:
            log.warning("cannot read its certificate", why=str(error))
            return
        self._client.loop_start()

    def stop(self) -> None:
        if self._client is not None:
            leave(self._client)

    def trouble(self, now: datetime) -> str:
        """Return what keeps this gateway from its centre and what to do about it, if it is a matter of who it is."""
        return "" if self._papers is None or self.up else self._papers.trouble(now, self._refused)

    @property
    def up(self) -> bool:
        """Whether the centre's broker is connected now."""
        return self._client is not None and self._client.is_connected()

    def speak(self, now: datetime, *, trouble: str = "", proof: datetime | None = None) -> None:
        """Say what is to be said now: a sign of life, and the next batch if the last was answered.

        `trouble` is what the journal cannot say, and `proof` when the building last proved itself (`care.link.Beat`).
        """
        if self._client is None and time.monotonic() - self._tried_at_s >= LOOK_EVERY_S:
            self.start()
        if not self.up:
            return
        if self._broken:
            self._broken = False
            self._beat_at_s = 0.0
            self._outgoing.broken()
        monotonic = time.monotonic()
        if monotonic - self._beat_at_s >= link.BEAT_S:
            self._beat_at_s = monotonic
            self._say(Beat(now, trouble, proof))
        batch = self._outgoing.next(monotonic)
        if batch is not None:
            self._say(batch)

    def hear(self, payload: bytes, now: datetime) -> None:
        """Take in what the centre said: orders, which go into the journal, or how far it has our records."""
        self.heard_bytes += len(payload)
        try:
            message = link.decode(payload)
            if isinstance(message, Have):
                self._outgoing.answered(message)
                self.have = message.number if message.journal == self._journal else 0
            elif isinstance(message, Batch):
                self._outgoing.heard()
                have, _ = link.take(self._db, CENTRE, message, recorded_at=now)
                self._say(have)
        except Garbled as error:
            self.garbled += 1
            log.warning("link_garbled", why=str(error), times=self.garbled)

    def _say(self, message: Batch | Have | Beat) -> None:
        assert self._client is not None
        payload = link.encode(message)
        self.said_bytes += len(payload)
        self._client.publish(self._up, payload, qos=0)

    def _connected(self, client: mqtt.Client) -> None:
        client.subscribe(self._down, qos=1)
        self._broken = True

    def _failed(self, why: str) -> None:
        self._refused = why


def _told(papers: Papers | None) -> tuple[str, int] | None:
    """Return where the centre's broker is by what the centre said."""
    about = None if papers is None else papers.about()
    return None if about is None else link.broker_address(about.broker)


def cry(
    site: SiteId, address: tuple[str, int] | None, now: datetime, trouble: str, papers: Papers | None = None
) -> bool:
    """Tell the centre of a trouble that no journal can take, over a connection of its own; return whether it went out.

    For the last moment of a process: what it does not manage within `CRY_S`, it leaves.
    """
    connected = threading.Event()
    address = address or _told(papers)
    if address is None:
        return False
    try:
        client = connection(
            "centre",
            address,
            f"nachtwacht-{site}",
            session=False,
            connected=lambda _client: connected.set(),
            heard=lambda _message: None,
            papers=papers,
        )
    except OSError:
        return False
    client.loop_start()
    try:
        if not connected.wait(CRY_S):
            return False
        going = client.publish(link.up_topic(site), link.encode(Beat(now, trouble)), qos=1)
        going.wait_for_publish(CRY_S)
        return going.is_published()
    finally:
        leave(client)
