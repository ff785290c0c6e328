"""The real parts that are measured: a mosquitto, a building, a desk. Processes of their own, ended by their ids."""

import contextlib
import json
import multiprocessing
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from care import homes, journal
from care.database import Where
from care.homes import Site
from dashboard import people
from detectors.moments import SensorEvent

START_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0
LOOK_EVERY_S = 0.02  # seconds between two looks at something that is waited for
SIGN_IN = "bench"
PASSWORD = "measured, not secret"  # of a desk that lives for a minute, on this machine only

MOSQUITTO = Path(__file__).parents[1] / "deploy" / "building" / "mosquitto.conf"  # as a building's broker is set

Told = Callable[[float], None]  # hears how much of a measurement is done, from 0 to 1

_SPAWN = multiprocessing.get_context("spawn")


class CannotMeasure(Exception):
    """A part did not start, stopped, or did not do in time what was waited for: one sentence."""


@dataclass(frozen=True)
class Part:
    """A process that runs, and where it keeps what it writes."""

    name: str
    process: subprocess.Popen[bytes]
    journal: Path
    address: str = ""  # of a desk's page

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def port(self) -> int:
        """Where its page is asked for, on this machine."""
        return int(self.address.rpartition(":")[2])

    def read(self) -> contextlib.closing[sqlite3.Connection]:
        """Open its journal to look at it."""
        return contextlib.closing(journal.connect(self.journal, read_only=True))


class Parts:
    """A broker and what is started beside it, in a temporary folder. Leaving it ends them, the last one first."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nachtwacht-bench-"))
        self.running: list[Part] = []
        self.port = 0  # the broker's, on this machine
        self.environment: Mapping[str, str] = {}  # of every part, beside our own

    def __enter__(self) -> Self:
        try:
            self._start_broker()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for part in reversed(self.running):
            part.process.terminate()
            try:
                part.process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                part.process.kill()
                part.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def gateway(self, site: Site, *, rehearsal: bool = False, name: str = "gateway") -> Part:
        """Start a building and return when it hears its sensors. Several of them need a name each."""
        plan, file = self.folder / f"{name}.toml", self.folder / f"{name}.db"
        plan.write_text(homes.write(site), encoding="utf-8")
        command: list[str | Path] = ["gateway", "run", "--plan", plan, "--journal", file, "--broker", self._broker]
        command += ["--centre", self._broker, "--in-flight", "1000"]  # as in deploy/building/run-gateway
        if rehearsal:
            command.append("--rehearsal")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            where = self.folder / f"{name}.ready"
            ready.bind(str(where))
            ready.settimeout(0)
            part = self._start(name, [sys.executable, "-m", "nachtwacht", *command], file, NOTIFY_SOCKET=str(where))
            self.until(lambda: _told_ready(ready), f"the {name} is ready", within_s=START_WITHIN_S)
        return part

    def desk(self, *, rehearsal: bool = False, journal: Path | None = None) -> Part:
        """Start a desk where `SIGN_IN` may sign in with `PASSWORD`, and return when it answers and has its broker."""
        store, file = self.folder / "people.db", journal or self.folder / "centre.db"
        with contextlib.closing(people.connect(store)) as db:
            people.add_staff(db, SIGN_IN, first_name="Bench", initials="B", password=PASSWORD)
        return self.desk_on(file, store, *(["--rehearsal"] if rehearsal else []))

    def desk_on(
        self,
        journal: Where,
        store: Where,
        *words: str,
        name: str = "desk",
        port: int = 0,
        within_s: float = START_WITHIN_S,
    ) -> Part:
        """Start a desk on stores that are there, and return when it answers and has its broker.

        Several of them, on one PostgreSQL database, need a name each. Without a port it gets a free one.
        """
        port = port or _free_port()
        command: list[str | Path] = ["desk", "run", "--journal", journal, "--people", store, "--broker", self._broker]
        command += ["--port", str(port), *words]
        address = f"http://127.0.0.1:{port}"
        file = journal if isinstance(journal, Path) else self.folder
        part = self._start(name, [sys.executable, "-m", "nachtwacht", *command], file, address)
        self.until(lambda: _hears(address), f"the {name} is open", within_s=within_s)
        return part

    def until(self, done: Callable[[], bool], what: str, *, within_s: float) -> None:
        """Wait until something is so. Raises `CannotMeasure` if it is not in time, or if a part has ended."""
        end = time.monotonic() + within_s
        while not done():
            for part in self.running:
                if part.process.poll() is not None:
                    raise CannotMeasure(f"The {part.name} stopped: {self._last_words(part.name)}")
            if time.monotonic() > end:
                raise CannotMeasure(f"Waited {within_s:.0f} s in vain until {what}.")
            time.sleep(LOOK_EVERY_S)

    @property
    def _broker(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _start_broker(self) -> None:
        found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if found is None:
            raise CannotMeasure("mosquitto is not installed: run 'make setup', which installs it or names the command.")
        # Started as root, mosquitto drops to a user of its own, who must come here and write.
        self.folder.chmod(0o755)
        kept = self.folder / "broker"
        kept.mkdir()
        kept.chmod(0o777)
        self.port = _free_port()
        conf = kept / "mosquitto.conf"
        settings = re.sub(r"allow_anonymous false|(password|acl)_file .*", "", MOSQUITTO.read_text())
        settings = settings.replace("listener 1883", f"allow_anonymous true\nlistener {self.port}")
        conf.write_text(settings.replace("/var/lib/mosquitto/", f"{kept}/"))
        self._start("broker", [found, "-c", conf], kept)
        self.until(lambda: listens(self.port), "the broker listens", within_s=START_WITHIN_S)

    def _start(
        self, name: str, command: list[str | Path], journal: Path, address: str = "", **environment: str
    ) -> Part:
        with self._log(name).open("wb") as log:
            process = subprocess.Popen(
                list(map(str, command)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment, **environment, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl-C is for us, who end the parts in their order
            )
        part = Part(name, process, journal, address)
        self.running.append(part)
        return part

    def _last_words(self, name: str) -> str:
        lines = self._log(name).read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


class Tally:
    """Counts the events in a journal that somebody else writes. Reads it only when there may be enough of them."""

    def __init__(self, db: sqlite3.Connection, events: int, told: Told) -> None:
        self._db = db
        self._events = events
        self._told = told
        self._counted = 0
        self._number = 0  # of the last record that was looked at

    def complete(self) -> bool:
        """Look whether all of them are there."""
        while (lacking := self._events - self._counted) > 0:
            new = journal.last_number(self._db) - self._number
            self._told(min(1, (self._counted + new) / self._events))
            if new < lacking:
                return False
            for entry in journal.read_after(self._db, self._number):
                self._counted += isinstance(entry.record, SensorEvent)
                self._number = entry.number
        return True


@contextlib.contextmanager
def apart(work: Callable[..., None], *arguments: object) -> Iterator[Connection]:
    """Run a function in a process of its own, so that it takes no time from what it measures.

    The function gets one end of a pipe and then the arguments; the other end is yielded. Leaving ends the process.
    If we die, its `recv` raises `EOFError` and it ends by itself.
    """
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_work_apart, args=(work, theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.terminate()
        process.join(STOP_WITHIN_S)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()
        ours.close()


def _work_apart(work: Callable[..., None], pipe: Connection, *arguments: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us
    with contextlib.suppress(EOFError):
        work(pipe, *arguments)


def hear(pipe: Connection, who: str, *, within_s: float) -> None:
    """Wait for a word from a process apart. Raises `CannotMeasure` if none comes in time, or it has ended."""
    if not pipe.poll(within_s):
        raise CannotMeasure(f"The {who} was not done within {within_s:.0f} s.")
    try:
        pipe.recv()
    except EOFError as error:
        raise CannotMeasure(f"The {who} stopped before it was done.") from error


def _told_ready(line: socket.socket) -> bool:
    with contextlib.suppress(BlockingIOError):
        return line.recv(64) == b"READY=1"
    return False


def _hears(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=2) as answer:
            said = json.load(answer)
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and said.get("broker") is True


def listens(port: int) -> bool:
    """Whether somebody takes connections at a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
