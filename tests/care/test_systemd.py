"""systemd hears of every process that it still takes its turns, as often as it asked to."""

import socket
from pathlib import Path

import pytest

from care import systemd


def test_a_daemon_that_hangs_says_nothing_to_systemd_and_one_that_is_not_asked_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(systemd, "notify", said.append)
    quiet, asked = systemd.Watchdog({}), systemd.Watchdog({"WATCHDOG_USEC": "30000000"})
    for second in (100.0, 101.0, 109.9, 110.0, 115.0):
        quiet.turned(second)
        asked.turned(second)
    assert said == ["WATCHDOG=1", "WATCHDOG=1"]


def test_who_was_told_once_and_is_gone_stops_no_daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    where = tmp_path / "ready"
    monkeypatch.setenv("NOTIFY_SOCKET", str(where))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(where))
        systemd.notify("READY=1")
        assert line.recv(64) == b"READY=1"
    systemd.notify("STATUS=Proven.")
    where.unlink()
    systemd.notify("STATUS=Proven.")
