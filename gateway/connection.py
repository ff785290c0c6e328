"""A connection to a broker that makes itself again, after paho; and how to leave one."""

import threading
from collections.abc import Callable

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

RETRY_MAX_S = 30

log = structlog.get_logger()


def connection(
    to: str,
    address: tuple[str, int],
    client_id: str,
    *,
    session: bool,
    connected: Callable[[mqtt.Client], None],
    heard: Callable[[mqtt.MQTTMessage], None],
    lost: Callable[[], None] = lambda: None,
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
    """
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id, clean_session=not session, manual_ack=session, protocol=mqtt.MQTTv311
    )

    def on_connect(
        client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            log.warning("refused", by=to, reason=str(reason))
        else:
            log.info("connected", to=to)
            connected(client)

    def on_disconnect(
        _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        lost()
        log.warning("lost", connection_to=to, reason=str(reason))

    client.on_connect = on_connect
    client.on_disconnect = on_disconnect
    client.on_message = lambda _client, _userdata, message: heard(message)
    client.reconnect_delay_set(min_delay=1, max_delay=RETRY_MAX_S)
    host, port = address
    client.connect_async(host, port, keepalive=15)
    return client


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
