"""What systemd asks of a daemon: to say when it is ready, and that it still takes its turns (sd_notify's protocol)."""

import contextlib
import os
import socket
from collections.abc import Mapping


class Watchdog:
    """Tells systemd that turns are really being taken, as often as it asks; nothing, where it does not ask."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        asked = environment.get("WATCHDOG_USEC", "")
        self._every_s = int(asked) / 3e6 if asked.isdigit() else None  # three times within what it waits
        self._told_at_s = 0.0

    def turned(self, monotonic_s: float) -> None:
        """Note that a turn is over: nothing hangs."""
        if self._every_s is not None and monotonic_s - self._told_at_s >= self._every_s:
            self._told_at_s = monotonic_s
            notify("WATCHDOG=1")


def notify(state: str) -> None:
    """Tell whoever started us, if it asked to be told. That it no longer listens is no trouble of ours."""
    where = os.environ.get("NOTIFY_SOCKET")
    if where:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.connect(f"\0{where[1:]}" if where.startswith("@") else where)
            line.send(state.encode())
