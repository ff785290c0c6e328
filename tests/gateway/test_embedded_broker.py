"""The embedded broker: enough for a demo, and honest about where that ends."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway import embedded_broker, rehearsal, stage
from tests.conftest import free_port, wait_for_port


@dataclass
class Serving:
    """A broker in a process of its own, as the demo starts it."""

    port: int
    process: subprocess.Popen[str]

    def stop(self, how: signal.Signals) -> tuple[int, str]:
        """Return its exit code and all that it said."""
        self.process.send_signal(how)
        said, _ = self.process.communicate(timeout=15)
        return self.process.returncode, said


def started(port: int) -> Serving:
    command = [sys.executable, "-m", "gateway.embedded_broker", "--port", str(port)]
    return Serving(port, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))


@pytest.fixture
def broker() -> Iterator[Serving]:
    serving = started(free_port())
    wait_for_port(serving.port)
    yield serving
    if serving.process.poll() is None:
        serving.stop(signal.SIGTERM)
    assert serving.process.stdout is not None
    serving.process.stdout.close()


class Gateway:
    """A client as the gateway is one: a lasting session, and acknowledged only when told to."""

    def __init__(self, port: int) -> None:
        self.heard: list[mqtt.MQTTMessage] = []
        self.acknowledges = True
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "gateway", clean_session=False, manual_ack=True)
        self._client.on_connect = lambda client, *_: client.subscribe([("zigbee2mqtt/#", 1), ("nachtwacht/#", 1)])
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def _on_message(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        self.heard.append(message)
        if self.acknowledges:
            client.ack(message.mid, message.qos)

    def until(self, enough: Callable[[list[mqtt.MQTTMessage]], bool], seconds: float = 30) -> list[mqtt.MQTTMessage]:
        """Wait a bounded time until enough was heard."""
        end = time.monotonic() + seconds
        while not enough(self.heard):
            assert time.monotonic() < end, len(self.heard)
            time.sleep(0.01)
        return self.heard

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def publish(port: int, *bodies: str, retain: bool = False) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for body in bodies:
        client.publish("zigbee2mqtt/12/bed", body, qos=1, retain=retain).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def bodies(heard: list[mqtt.MQTTMessage]) -> list[str]:
    return [message.payload.decode() for message in heard]


def test_a_night_goes_through_it_in_order_with_acknowledgement_by_hand(broker: Serving) -> None:
    """As fast as it takes it, which is many times the speed of a demo."""
    night = list(rehearsal.demo_night())
    plan = rehearsal.site()
    gateway = Gateway(broker.port)
    stage.play(night, plan, host="127.0.0.1", port=broker.port)
    heard = gateway.until(lambda heard: heard[-1:] != [] and heard[-1].payload == b'{"state":"offline"}')
    names = stage.names_of(plan)
    said = [message for one in night if (message := stage.message_of(one, names)) and not message.retain]
    sensors = [(one.topic, one.payload) for one in heard if b"last_seen" in one.payload]
    assert sensors == [(one.topic, one.payload) for one in said]
    gateway.leave()


def test_what_is_said_while_the_gateway_is_away_waits_for_it(broker: Serving) -> None:
    gateway = Gateway(broker.port)
    gateway.leave()
    publish(broker.port, *(str(number) for number in range(100)))
    back = Gateway(broker.port)
    assert sorted(map(int, bodies(back.until(lambda heard: len(heard) >= 100)))) == list(range(100))
    back.leave()


def test_what_a_bridge_retains_is_told_to_who_comes_later(broker: Serving) -> None:
    publish(broker.port, "online", retain=True)
    gateway = Gateway(broker.port)
    (message,) = gateway.until(lambda heard: len(heard) >= 1)
    assert (message.payload, message.retain) == (b"online", True)
    gateway.leave()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_and_without_a_word(broker: Serving, how: signal.Signals) -> None:
    gateway = Gateway(broker.port)
    gateway.acknowledges = False
    publish(broker.port, "one", "two")
    gateway.until(lambda heard: len(heard) >= 2)
    assert broker.stop(how) == (0, "")
    gateway.leave()


def test_a_taken_port_is_one_sentence_and_exit_code_one(broker: Serving) -> None:
    second = started(broker.port)
    said, _ = second.process.communicate(timeout=15)
    assert second.process.returncode == 1
    assert said.startswith(f"The broker cannot listen on 127.0.0.1:{broker.port}: ")
    assert "address already in use" in said
    assert said.count("\n") == 1


def test_it_serves_inside_another_program_until_cancelled() -> None:
    port = free_port()

    async def for_a_while() -> None:
        ready = asyncio.Event()
        serving = asyncio.create_task(embedded_broker.serve("127.0.0.1", port, ready=ready))
        await asyncio.wait_for(ready.wait(), 10)
        await asyncio.to_thread(publish, port, "one")
        with pytest.raises(embedded_broker.PortTaken, match=f"cannot listen on 127.0.0.1:{port}"):
            await embedded_broker.serve("127.0.0.1", port)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

    asyncio.run(for_a_while())
    with pytest.raises(ConnectionRefusedError):
        publish(port, "two")
