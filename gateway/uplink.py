"""The building's end of the link: a connection to the centre's broker, and what is to be said there next."""

import sqlite3
import time
from collections.abc import Callable
from datetime import datetime

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from care import link
from care.link import Batch, Beat, Garbled, Have, Outgoing
from care.records import CENTRE
from detectors.homes import SiteId
from gateway.ingest import leave

log = structlog.get_logger()


class Uplink:
    """Everything but `_on_*` is called by the daemon's one thread; those only hand over what came.

    Messages go at QoS 0: the link answers for itself, and a broker that kept them would pile up repeats.
    """

    def __init__(
        self, db: sqlite3.Connection, site: SiteId, hand_over: Callable[[bytes], None], *, host: str, port: int
    ) -> None:
        self._db = db
        self._up, self._down = link.up_topic(site), link.down_topic(site)
        self._hand_over = hand_over
        self._outgoing = Outgoing(db, CENTRE)
        self._broken = False
        self._beat_at_s = 0.0
        self.garbled = 0  # messages of the centre that were none
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, f"nachtwacht-{site}", clean_session=True, protocol=mqtt.MQTTv311
        )
        self._client.on_connect = self._on_connect
        self._client.on_message = lambda _client, _userdata, message: hand_over(bytes(message.payload))
        self._client.reconnect_delay_set(min_delay=1, max_delay=30)
        self._client.connect_async(host, port, keepalive=15)

    def start(self) -> None:
        self._client.loop_start()

    def stop(self) -> None:
        leave(self._client)

    def speak(self, now: datetime) -> None:
        """Say what is to be said now: a sign of life, and the next batch if the last was answered."""
        if not self._client.is_connected():
            return
        if self._broken:
            self._broken = False
            self._beat_at_s = 0.0
            self._outgoing.broken()
        monotonic = time.monotonic()
        if monotonic - self._beat_at_s >= link.BEAT_S:
            self._beat_at_s = monotonic
            self._say(Beat(now))
        batch = self._outgoing.next(monotonic)
        if batch is not None:
            self._say(batch)

    def hear(self, payload: bytes, now: datetime) -> None:
        """Take in what the centre said: orders, which go into the journal, or how far it has our records."""
        try:
            message = link.decode(payload)
            if isinstance(message, Have):
                self._outgoing.answered(message)
            elif isinstance(message, Batch):
                have, _ = link.take(self._db, CENTRE, message, recorded_at=now)
                self._say(have)
        except Garbled as error:
            self.garbled += 1
            log.warning("link_garbled", why=str(error), times=self.garbled)

    def _say(self, message: Batch | Have | Beat) -> None:
        self._client.publish(self._up, link.encode(message), qos=0)

    def _on_connect(
        self,
        client: mqtt.Client,
        userdata: object,  # noqa: ARG002  # paho's signature
        flags: mqtt.ConnectFlags,  # noqa: ARG002
        reason: ReasonCode,
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        if reason.is_failure:
            log.warning("centre_refused", reason=str(reason))
            return
        client.subscribe(self._down, qos=1)
        self._broken = True
        log.info("centre_connected")
