"""A broker inside Python, for the demo and for quick tests: no more than that.

It is amqtt, which is not durable, speaks MQTT 3.1.1 only, and never sends again what a client received and did not
acknowledge. Whatever must not be lost goes through mosquitto.
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence


class PortTaken(Exception):
    """The broker cannot listen where it was told to: one sentence."""


async def serve(host: str = "127.0.0.1", port: int = 1883, *, ready: asyncio.Event | None = None) -> None:
    """Be a broker, open to anybody who can reach it, until cancelled. Sets `ready` when it listens.

    A client that asks for a lasting session gets one while this process lives: what is sent to it while it is away,
    waits. What it was sent and did not acknowledge before it went, is lost.
    Raises `PortTaken`, also for an address that is not this machine's.
    """
    # An extra that only the demo and the tests install; it takes half a second to import.
    from amqtt.broker import Broker
    from amqtt.errors import BrokerError

    # It reports a client that leaves, a late acknowledgement and its own stopping as errors, with tracebacks.
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.CRITICAL)
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}},
        # Not its AnonymousAuthPlugin: that lets everybody in too, but keeps no session for whom it let in.
        "plugins": {"amqtt.plugins.base.BaseAuthPlugin": {}},
    }
    broker = Broker(config)
    try:
        await broker.start()
    except BrokerError as error:
        why = error.__cause__ or error
        raise PortTaken(f"The broker cannot listen on {host}:{port}: {why}.") from error
    try:
        if ready is not None:
            ready.set()
        await asyncio.Event().wait()
    finally:
        await broker.shutdown()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop by a signal; return the exit code: 1 if the port is taken."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway.embedded_broker",
        description="An MQTT broker for the demo and quick tests. Not durable, MQTT 3.1.1 only.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=1883, help="port to listen on (default: %(default)s)")
    told = parser.parse_args(arguments)
    try:
        asyncio.run(_until_signal(told.host, told.port))
    except PortTaken as error:
        print(error, file=sys.stderr)  # noqa: T201  # a command's own word
        return 1
    return 0


async def _until_signal(host: str, port: int) -> None:
    serving = asyncio.ensure_future(serve(host, port))
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    sys.exit(main())
