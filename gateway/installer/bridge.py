"""Zigbee2MQTT, as an installer's command talks with it: a question is answered, refused, or not answered in time.

What it says of itself and its devices (bridge/info, bridge/devices) is kept as it last said it. Messages are at MQTT
3.1.1 level. Read after Zigbee2MQTT 2.12, "MQTT topics and messages".
"""

import contextlib
import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn, Self, TypeVar

import msgspec
import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from care.language import mark
from gateway.connection import Login, connection, leave
from gateway.installer import passwords
from gateway.installer.terminal import Terminal

BASE = "zigbee2mqtt"
PATIENCE_S = 10.0
OPEN_MAX_S = 254  # the longest that a network can be open in one go

Json = dict[str, Any]
_Kind = TypeVar("_Kind")


class BridgeTrouble(Exception):
    """What a command cannot go on with: one sentence, to be shown as it is. `message` and `values` are to translate."""

    def __init__(self, message: str, **values: object) -> None:
        self.message, self.values = message, values
        super().__init__(message.format(**values))


class BridgeAway(BridgeTrouble):
    """Nobody to ask: no broker, one that refuses, or no bridge on it."""


class BridgeSaysNo(BridgeTrouble):
    """The bridge answered that it does not do what was asked."""


class BridgeSilent(BridgeTrouble):
    """The bridge did not answer in time. Whether it did what was asked is unknown."""


class Definition(msgspec.Struct, frozen=True):
    """What the bridge knows of a model. `exposes` is as it came: `gateway.sources` reads it."""

    model: str = ""
    vendor: str = ""
    description: str = ""
    exposes: list[Any] = []


class BridgeDevice(msgspec.Struct, frozen=True):
    """A device in the network, as bridge/devices tells of it."""

    ieee_address: str
    friendly_name: str = ""
    type: str = "Unknown"  # Coordinator, Router, EndDevice; Unknown until it is interviewed
    supported: bool = False
    disabled: bool = False
    definition: Definition | None = None
    power_source: str | None = None
    model_id: str | None = None
    manufacturer: str | None = None
    interview_state: str = ""  # PENDING, IN_PROGRESS, SUCCESSFUL, FAILED

    @property
    def model(self) -> str:
        """The maker's name of the model; what the device itself says where the bridge does not know it; or ""."""
        return self.definition.model if self.definition is not None else self.model_id or ""

    @property
    def is_router(self) -> bool:
        return self.type == "Router"


class Network(msgspec.Struct, frozen=True):
    """The Zigbee network."""

    channel: int = 0  # 11 to 26
    pan_id: int = 0


class Info(msgspec.Struct, frozen=True):
    """What the bridge says of itself. `config` is its settings as they came; those of devices by IEEE address."""

    version: str = ""
    permit_join: bool = False
    permit_join_end: float | None = None  # epoch, milliseconds
    restart_required: bool = False
    network: Network = Network()
    config: Json = {}


class Heard(NamedTuple):
    """One message below the base topic, or on another that was asked for. `said` is JSON, or else the bare text."""

    name: str  # of the topic, without the base: "bridge/event", "wilg/12/bed"
    said: Any
    retained: bool
    topic: str = ""  # whole, and what came on it, for who reads it as the building does
    payload: bytes = b""


@contextlib.contextmanager
def reached(
    terminal: Terminal,
    address: tuple[str, int],
    base: str = BASE,
    *,
    also: Sequence[str] = (),
    needed: bool = True,
) -> Iterator["Bridge"]:
    """Be connected to a bridge while a command runs. What goes wrong ends the command with its sentence."""
    try:
        with Bridge(address, base, also=also, needed=needed) as bridge:
            yield bridge
    except BridgeTrouble as error:
        terminal.fail(error.message, **error.values)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep what connections write in a log from between the lines of a command."""
    log = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**log)


class Bridge:
    """A bridge to talk with: `with Bridge(address) as bridge`.

    Entering raises `BridgeAway` with what is wrong: no broker, refused, no bridge there, or one that is off line.
    Signs in as the gateway does (`passwords.ours`).
    `also` are topics outside of the base, of which `watch` tells too; where it is not `needed`, a broker is enough.
    """

    def __init__(
        self,
        address: tuple[str, int],
        base: str = BASE,
        *,
        patience_s: float | None = None,
        also: Sequence[str] = (),
        needed: bool = True,
    ) -> None:
        self._also, self._needed = also, needed
        self._address, self._base = address, base
        self._patience_s = PATIENCE_S if patience_s is None else patience_s
        self._lock = threading.Condition()
        self._asked: dict[str, Json | None] = {}  # transaction, to its answer
        self._watchers: list[Callable[[Heard], None]] = []
        self._devices: tuple[BridgeDevice, ...] | None = None
        self._info: Info | None = None
        self._said: dict[str, Any] = {}
        self._online: bool | None = None
        self._refused = ""
        # A word to ourselves: a broker keeps the order, so what it had retained for us has come when this comes back.
        name = f"nachtwacht-installer-{secrets.token_hex(4)}"
        self._echo, self._echoed = f"nachtwacht/installer/{name}", False
        known = passwords.ours()
        self._client = connection(
            "broker",
            address,
            name,
            session=False,
            connected=self._connected,
            heard=self._heard,
            lost=self._lost,
            login=None if known is None else Login(known.name, known.password),
        )
        connected = self._client.on_connect

        def on_connect(
            client: mqtt.Client, userdata: Any, flags: Any, reason: ReasonCode, properties: Properties | None
        ) -> None:
            with self._lock:
                self._refused = str(reason) if reason.is_failure else ""
                self._lock.notify_all()
            if connected is not None:
                connected(client, userdata, flags, reason, properties)  # type: ignore[arg-type, call-arg]

        self._client.on_connect = on_connect

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as leaving:
            leaving.enter_context(quietly())
            self._client.loop_start()
            leaving.callback(leave, self._client)
            self._arrive()
            self._leaving = leaving.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.close()

    @property
    def online(self) -> bool:
        """Whether the bridge last said that it is on line, and the broker is there."""
        return self._online is True and self._client.is_connected()

    def info(self) -> Info:
        """Return what the bridge last said of itself."""
        with self._lock:
            return self._info if self._info is not None else Info()

    def devices(self) -> tuple[BridgeDevice, ...]:
        """Return the devices as the bridge last told of them, without the coordinator."""
        with self._lock:
            return self._devices or ()

    def last(self, name: str) -> Any:
        """Return what was last said of "bridge/health", or of "<name>/availability"; None if nothing was."""
        with self._lock:
            return self._said.get(name)

    def watch(self, callback: Callable[[Heard], None]) -> Callable[[], None]:
        """Call back for each message from now on, in the connection's own thread; return what ends that.

        What the bridge retains (state, info, devices, availability) is only heard as it changes.
        """
        with self._lock:
            self._watchers.append(callback)

        def end() -> None:
            with self._lock:
                if callback in self._watchers:
                    self._watchers.remove(callback)

        return end

    def ask(self, what: str, payload: Json | None = None, *, patience_s: float | None = None) -> Json:
        """Ask the bridge for something, like "permit_join", and return the data of its answer.

        Not from within a callback of `watch`: it would wait for itself.
        Raises `BridgeSaysNo` with its reason, `BridgeSilent` after `patience_s` (the bridge's own if None), or
        `BridgeAway` if the broker is gone.
        """
        patience_s = self._patience_s if patience_s is None else patience_s
        transaction = secrets.token_hex(8)
        with self._lock:
            self._asked[transaction] = None
        try:
            if not self._client.is_connected():
                self._away()
            body = msgspec.json.encode({**(payload or {}), "transaction": transaction})
            self._client.publish(f"{self._base}/bridge/request/{what}", body, qos=1)
            with self._lock:
                if not self._lock.wait_for(lambda: self._asked[transaction] is not None, patience_s):
                    line = mark("Zigbee2MQTT did not answer {what} within {seconds:g} seconds. Is it busy, or stopped?")
                    raise BridgeSilent(line, what=what, seconds=patience_s)
                answer = self._asked[transaction] or {}
        finally:
            with self._lock:
                del self._asked[transaction]
        if answer.get("status") != "ok":
            why = str(answer.get("error", "")).rstrip(".") or "no reason given"
            raise BridgeSaysNo(mark("Zigbee2MQTT refused {what}: {why}."), what=what, why=why)
        data = answer.get("data")
        return data if isinstance(data, dict) else {}

    def tell(self, name: str, values: Json) -> None:
        """Tell a device, by its name, to be set otherwise. It answers, if at all, with a message of its own."""
        self.publish(f"{self._base}/{name}/set", msgspec.json.encode(values))

    def publish(self, topic: str, payload: bytes) -> None:
        """Say something to a device that is no Zigbee device, on a topic of its own."""
        self._client.publish(topic, payload, qos=1)

    def until(self, holds: Callable[["Bridge"], bool], *, patience_s: float | None = None) -> bool:
        """Wait until something holds of what the bridge says; return whether it does within the time."""
        with self._lock:
            return self._lock.wait_for(lambda: holds(self), self._patience_s if patience_s is None else patience_s)

    def _arrive(self) -> None:
        def complete(_bridge: "Bridge") -> bool:
            if not self._needed and self._client.is_connected():
                return True
            told = self._echoed and self._online is not None and None not in (self._info, self._devices)
            return bool(self._refused) or told

        self.until(complete)
        if not self._client.is_connected() or self._refused:
            self._away()
        if not self._needed:
            return
        if self._online is False:
            raise BridgeAway(mark("Zigbee2MQTT is off line. Start it, and look at its log if it stops again."))
        if self._info is None or self._devices is None:
            line = mark('Nothing speaks below "{base}" at the broker. Is Zigbee2MQTT running, and is --base right?')
            raise BridgeAway(line, base=self._base)

    def _away(self) -> NoReturn:
        host, port = self._address
        if self._refused:
            line = mark("The broker at {host}:{port} refused: {why}. Check the name and password, or the certificate.")
            raise BridgeAway(line, host=host, port=port, why=self._refused)
        line = mark("No broker answers at {host}:{port}. Is mosquitto running, and is --broker right?")
        raise BridgeAway(line, host=host, port=port)

    def _connected(self, client: mqtt.Client) -> None:
        client.subscribe([(topic, 1) for topic in (f"{self._base}/#", *self._also, self._echo)])
        client.publish(self._echo, qos=1)

    def _lost(self) -> None:
        with self._lock:
            self._online = None
            self._lock.notify_all()

    def _heard(self, message: mqtt.MQTTMessage) -> None:
        name = message.topic.removeprefix(f"{self._base}/")
        if name.startswith("bridge/request/"):
            return
        if message.topic == self._echo:
            with self._lock:
                self._echoed = True
                self._lock.notify_all()
            return
        try:
            said = msgspec.json.decode(message.payload) if message.payload else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = message.payload.decode(errors="replace")
        with self._lock:
            watchers = tuple(self._watchers)
        for watcher in watchers:  # first, so that who was answered has heard all that was said before the answer
            watcher(Heard(name, said, message.retain, message.topic, bytes(message.payload)))
        with self._lock:
            self._keep(name, said)
            self._lock.notify_all()

    def _keep(self, name: str, said: Any) -> None:
        match name.split("/", 2):
            case ["bridge", "state"]:
                self._online = (said.get("state") if isinstance(said, dict) else said) == "online"
            case ["bridge", "info"]:
                self._info = _as(Info, said) or self._info
            case ["bridge", "devices"] if isinstance(said, list):
                told = (_as(BridgeDevice, one) for one in said)
                self._devices = tuple(one for one in told if one is not None and one.type != "Coordinator")
            case ["bridge", "health"]:
                self._said[name] = said
            case ["bridge", "response", *_] if isinstance(said, dict):
                transaction = said.get("transaction")
                if transaction in self._asked:
                    self._asked[transaction] = said
            case _ if name.endswith("/availability"):
                self._said[name] = said


def _as(kind: type[_Kind], said: Any) -> _Kind | None:
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError:
        return None
