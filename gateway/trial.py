"""The trial of a building's own alarm, by its installer: each siren and each command once, one after the other."""

import contextlib
import subprocess
import threading
from collections.abc import Iterator

import paho.mqtt.client as mqtt

from gateway import calls
from gateway.channels import TEST, Channels, Command, Switch
from gateway.connection import Login, connection, leave

ANSWER_S = 10.0  # that the broker has


def tried(
    channels: Channels, broker: tuple[str, int], *, sounds_s: float, login: Login | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the name of each channel, and why it did not take the trial, or nothing if it did."""
    for command in channels.command:
        yield command.name, _ran(command)
    if channels.switch:
        yield from _sounded(channels.switch, broker, sounds_s, login)


def _ran(command: Command) -> str:
    try:
        process = calls.started(command, TEST)
    except OSError as error:
        return f"{command.run[0]} does not start: {error.strerror}"
    try:
        code = process.wait(command.within_s)
    except subprocess.TimeoutExpired:
        calls.kill(process)
        process.wait()
        return f"not done within {command.within_s:g} s"
    return f"ended with {code}, and not with 0" if code else ""


def _sounded(
    switches: tuple[Switch, ...], broker: tuple[str, int], sounds_s: float, login: Login | None
) -> Iterator[tuple[str, str]]:
    there = threading.Event()
    client = connection(
        "broker",
        broker,
        "nachtwacht-try-alarm",
        session=False,
        connected=lambda _client: there.set(),
        heard=lambda _message: None,
        login=login,
    )
    client.loop_start()
    try:
        answers = there.wait(ANSWER_S)
        for switch in switches:
            if not answers:
                yield switch.name, f"no broker answers at {broker[0]}:{broker[1]}"
                continue
            took = _published(client.publish(switch.topic, switch.on, qos=1))
            threading.Event().wait(sounds_s)
            took = _published(client.publish(switch.topic, switch.off, qos=1)) and took
            yield switch.name, "" if took else "the broker did not take it"
    finally:
        leave(client)


def _published(going: mqtt.MQTTMessageInfo) -> bool:
    with contextlib.suppress(ValueError, RuntimeError):
        going.wait_for_publish(ANSWER_S)
        return going.is_published()
    return False
