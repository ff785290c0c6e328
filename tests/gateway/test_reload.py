"""A running daemon takes a new plan over, keeps what it has learned, and is stopped by no wrong one."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from care import homes, journal
from care.records import Plan
from nachtwacht import cli
from tests.conftest import Mosquitto
from tests.stories import a_home, a_site

PATIENCE_S = 30.0


class Daemon:
    """`nachtwacht gateway run` in a process of its own, and what its journal says."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.plan, self.file, self.log = folder / "site.toml", folder / "gateway.db", folder / "log"
        self.plan.write_text(homes.write(a_site(a_home("12"))))
        at = f"{broker.host}:{broker.port}"
        files = ["--plan", str(self.plan), "--journal", str(self.file)]
        where = folder / "ready"
        with self.log.open("wb") as log, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.bind(str(where))
            line.settimeout(PATIENCE_S)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nachtwacht", "gateway", "run", *files, "--broker", at, "--centre", at],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "NOTIFY_SOCKET": str(where)},
            )
            assert line.recv(64) == b"READY=1"

    def homes(self) -> list[str]:
        """Return the homes by which it watches, as it told last."""
        with contextlib.suppress(sqlite3.Error), contextlib.closing(journal.connect(self.file, read_only=True)) as db:
            told = [one.record for one in journal.read_after(db, 0) if isinstance(one.record, Plan)]
            return [str(home.id) for home in told[-1].homes] if told else []
        return []

    def reloads(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end, self.log.read_text()
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)


@pytest.fixture
def daemon(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Daemon]:
    running = Daemon(tmp_path, mosquitto)
    try:
        running.until(lambda: running.homes() == ["wilg/12"])
        yield running
    finally:
        running.process.terminate()
        running.process.wait(PATIENCE_S)


def test_a_plan_that_is_wrong_stops_no_running_daemon_and_a_right_one_is_taken_over(daemon: Daemon) -> None:
    for wrong in ("not toml [", homes.write(a_site()).replace('"wilg"', '"eik"')):
        told = daemon.log.read_text().count("plan_not_taken")
        daemon.plan.write_text(wrong)
        daemon.reloads()
        daemon.until(lambda told=told: daemon.log.read_text().count("plan_not_taken") > told)  # type: ignore[misc]
    assert daemon.homes() == ["wilg/12"]
    daemon.plan.write_text(homes.write(a_site(a_home("12"), a_home("14"))))
    daemon.reloads()
    daemon.until(lambda: daemon.homes() == ["wilg/12", "wilg/14"])


def test_the_installers_command_hands_a_plan_over_and_sees_that_it_is_watched_by(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # systemd is stood in for: it knows one unit, and reloads it as nachtwacht-gateway.service says.
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.parent.mkdir()
    pid = daemon.process.pid
    systemctl.write_text(f'#!/bin/sh\n[ "$1" = is-active ] || exec kill -HUP {pid}\n')
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.parent}:{os.environ['PATH']}")
    mine = tmp_path / "mine.toml"
    mine.write_text(homes.write(a_site(a_home("12"), a_home("14"))))
    words = ["plan", "apply", str(mine), "--no-bridge", "--journal", str(daemon.file), "--to", str(daemon.plan)]
    shown = CliRunner().invoke(cli, ["plan", "diff", str(mine), "--no-bridge", "--journal", str(daemon.file)])
    assert shown.exit_code == 1
    assert "home 14" in shown.output
    done = CliRunner().invoke(cli, [*words, "--yes"])
    assert done.exit_code == 0, done.output
    assert "nachtwacht-gateway watches by the plan now." in done.output
    assert daemon.homes() == ["wilg/12", "wilg/14"]
    before = daemon.plan.stat().st_mtime_ns
    again = CliRunner().invoke(cli, words)
    assert (again.exit_code, daemon.plan.stat().st_mtime_ns) == (0, before)
    assert "There is nothing to do." in again.output
