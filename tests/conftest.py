"""The real parts that tests share: a mosquitto on a free port of this machine, a program of the system."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from care.database import Address
    from tests.journals import Journals
    from tests.postgres import Postgres

LONG = bool(os.environ.get("LONG"))  # as `make soak` does: every law is tried far more often


def examples(n: int) -> int:
    """Return how often a law is tried: so often, and ten times in a soak."""
    return 10 * n if LONG else n


settings.register_profile(
    "house", deadline=None, max_examples=examples(30), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")

SETTINGS = Path(__file__).parents[1] / "deploy" / "building" / "mosquitto.conf"


def settings_for(port: int, folder: Path) -> str:
    """Return the settings that a building's mosquitto gets, with a port and a folder of their own, for anybody.

    Who may come in at a broker is tried with its own settings in `test_passwords.py` and `test_enrolment.py`.
    """
    said = re.sub(r"allow_anonymous false|(password|acl)_file .*", "", SETTINGS.read_text())
    said = said.replace("listener 1883", f"allow_anonymous true\nlistener {port}")
    return said.replace("/var/lib/mosquitto/", f"{folder}/")


@dataclass
class Mosquitto:
    """A real broker; `stop` and `start` as often as a story needs."""

    folder: Path
    port: int
    host: str = "127.0.0.1"
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        conf = self.folder / "mosquitto.conf"
        conf.write_text(settings_for(self.port, self.folder))
        command = [part(), "-c", str(conf)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(10)


def part(name: str = "mosquitto") -> str:
    """Return where a program of the system is; without it the run fails with one clear line."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.exit(f"{name} is not installed: run 'make setup', which installs it or names the command.", returncode=3)
    return found


def browser_part() -> str:
    """Return where the browser of the tests is: chromium without windows, which knows all but notifications."""
    return part("chromium-headless-shell")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, seconds: float = 15) -> None:
    """Wait until something listens there. Bounded."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def wait_until_read(url: str, seconds: float = 30) -> None:
    """Wait until a centre has read its journal; its port is open before. Bounded."""
    end = time.monotonic() + seconds
    anybody = ssl._create_unverified_context() if url.startswith("https:") else None  # who it is, its own tests ask
    while True:
        try:
            urllib.request.urlopen(f"{url}/healthz", timeout=2, context=anybody).close()
        except OSError:  # not listening, too busy, or 503 while it reads
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def new_mosquitto(folder: Path) -> Mosquitto:
    folder.chmod(0o777)  # started as root, mosquitto drops to a user of its own
    broker = Mosquitto(folder=folder, port=free_port())
    broker.start()
    return broker


LONGEST = ("tests/nights/", "tests/test_")  # minutes each: begun first, or the end of a run waits for one of them


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(autouse=True)
def nobody_steps_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no command that runs in this very process lower its priority: that is for good, for all later tests too."""
    monkeypatch.setattr(os, "nice", lambda _: 0)


@pytest.fixture
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A broker for one test alone: sessions, retained messages and clocks of another would be heard in it."""
    folder = tmp_path_factory.mktemp("mosquitto")
    for parent in folder.parents[:3]:
        parent.chmod(0o755)
    broker = new_mosquitto(folder)
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Postgres"]:
    """A PostgreSQL that all tests of a run share, each with databases of its own."""
    from tests.postgres import new_postgres  # only where a test asks for it

    server = new_postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def journals(request: pytest.FixtureRequest) -> Iterator["Journals"]:
    """Empty journals, of one kind of store and then of the other."""
    from tests.journals import Journals  # only where a test asks for it

    made = Journals(request.getfixturevalue("postgres") if request.param == "postgres" else None)
    yield made
    made.close()


@pytest.fixture(scope="session")
def one_database(postgres: "Postgres") -> "Address":
    """A database that tests have one after another."""
    return postgres.new()
