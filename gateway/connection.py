"""A connection to a broker that makes itself again, after paho; and how to leave one."""

import sys
import threading
from collections.abc import Callable
from typing import NamedTuple

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.identity import Papers

RETRY_MAX_S = 30

log = structlog.get_logger()


class Login(NamedTuple):
    """Who somebody is at a broker that asks for a password."""

    name: str
    password: str


def connection(
    to: str,
    address: tuple[str, int],
    client_id: str,
    *,
    session: bool,
    connected: Callable[[mqtt.Client], None],
    heard: Callable[[mqtt.MQTTMessage], None],
    lost: Callable[[], None] = lambda: None,
    papers: Papers | None = None,
    login: Login | None = None,
    failed: Callable[[str], None] = lambda _why: None,
) -> mqtt.Client:
    """Return a client that connects when its loop is started, and again whenever it must.

    Parameters
    ----------
    to : what the other side is called in the log, "broker" or "centre".
    address : host and port.
    client_id : unique at that broker.
    session : the broker keeps what we have not acknowledged, and we acknowledge by hand.
    connected : called at each connection, in the client's thread. The place to subscribe, always: a broker may say
        that it kept the session and have lost the subscription.
    heard : called for each message, in the client's thread. While it blocks, nothing more is read.
    lost : called when the connection is gone, in the client's thread, and before it connects again.
    papers : with what to speak TLS, looked at again before each connection; None for plain text.
    login : name and password at that broker.
    failed : called with the reason when there was no connection, or it ended by a fault.

    Raises `OSError` if the papers cannot be read.
    """
    faults = _Faults(to, papers, failed)
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id, clean_session=not session, manual_ack=session, protocol=mqtt.MQTTv311
    )

    def on_connect(
        client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            log.warning("refused", by=to, reason=str(reason))
        else:
            faults.over()
            log.info("connected", to=to)
            connected(client)

    def on_disconnect(
        _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        lost()
        log.warning("lost", connection_to=to, reason=str(reason), fault=faults.last)
        faults.again(faults.last)

    if papers is not None:
        client.tls_set_context(papers.context())
    if login is not None:
        client.username_pw_set(*login)
    client.on_connect = on_connect
    client.on_disconnect = on_disconnect
    client.on_connect_fail = lambda _client, _userdata: faults.again(
        str(sys.exc_info()[1] or "")
    )  # paho handles it now
    client.on_log = lambda _client, _userdata, level, said: faults.note(level, said)
    client.on_message = lambda _client, _userdata, message: heard(message)
    client.reconnect_delay_set(min_delay=1, max_delay=RETRY_MAX_S)
    host, port = address
    client.connect_async(host, port, keepalive=15)
    return client


class _Faults:
    """Why there is no connection. With TLS 1.3 a refusal comes after the handshake, and is what paho complained of."""

    def __init__(self, to: str, papers: Papers | None, failed: Callable[[str], None]) -> None:
        self._to, self._papers, self._failed = to, papers, failed
        self.last = ""

    def note(self, level: int, said: str) -> None:
        if level == mqtt.MQTT_LOG_ERR:
            self.last = said

    def over(self) -> None:
        self.last = ""
        self._failed("")

    def again(self, why: str) -> None:
        """Tell why, and take what a renewal has put there for the next connection."""
        self.last = ""
        if why:
            log.warning("no connection", to=self._to, why=why)
            self._failed(why)
        if self._papers is not None:
            try:
                self._papers.refresh()
            except OSError as error:  # the papers of before go on
                log.warning("cannot read its certificate", folder=str(self._papers.folder), why=str(error))


def leave(client: mqtt.Client) -> None:
    """Say good-bye to a broker, and return when the connection is closed: `loop_stop` alone would leave it open."""
    if client.is_connected():
        gone = threading.Event()
        client.on_disconnect = lambda *_: gone.set()
        client.disconnect()
        gone.wait(2)
    client.loop_stop()
    # A client closes its last sockets when nothing refers to it any more, its owner's methods included.
    client.on_connect = client.on_disconnect = client.on_message = client.on_subscribe = None
    client.on_connect_fail = client.on_log = None
