"""A centre that enrols gateways, with its real broker over TLS: for the stories of who is let in, and who is not."""

import contextlib
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner, Result

from care import certificates, homes
from care.certificates import Authority
from care.clock import SystemClock
from detectors.homes import HomeId, SiteId
from gateway.connection import leave
from nachtwacht import cli
from tests.conftest import free_port, part, wait_for_port, wait_until_read
from tests.stories import a_home, a_site

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "NACHTWACHT_LANGUAGE": "en"}
CENTRES_SETTINGS = ROOT / "deploy" / "centre" / "mosquitto.conf"


def real_now() -> datetime:
    """Return the time that the broker has too."""
    return SystemClock().now()


def run(*arguments: object, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(
        cli, [str(one) for one in arguments], env={"COLUMNS": "200", "NACHTWACHT_LANGUAGE": "en", **(env or {})}
    )


def eventually(true: Callable[[], object], within_s: float = 20) -> None:
    """Wait until something real has happened. Bounded."""
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@dataclass
class Town:
    """A centre on this machine: an authority, mosquitto with the settings of deploy/centre, and the desk over https."""

    folder: Path
    mqtt_port: int = field(default_factory=free_port)
    https_port: int = field(default_factory=free_port)
    broker: subprocess.Popen[bytes] | None = None
    desk: subprocess.Popen[bytes] | None = None

    @property
    def authority(self) -> Path:
        return self.folder / "authority"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.https_port}"

    @property
    def people(self) -> Path:
        return self.folder / "people.db"

    @property
    def signs(self) -> Authority:
        return Authority((self.authority / "ca.pem").read_bytes(), (self.authority / "ca.key").read_bytes())

    def open(self) -> None:
        made = run("desk", "authority", self.authority, "--name", "127.0.0.1", "--name", "localhost")
        assert made.exit_code == 0, made.output
        self.start_broker()
        self.start_desk()

    def start_broker(self) -> None:
        said = CENTRES_SETTINGS.read_text().replace("listener 8883", f"listener {self.mqtt_port} 127.0.0.1\nuser root")
        said = said.replace("/var/lib/nachtwacht/authority", str(self.authority))
        said = said.replace("/run/mosquitto", str(self.folder)).replace("/var/lib/mosquitto", str(self.folder))
        (self.folder / "mosquitto.conf").write_text(said)
        with (self.folder / "mosquitto.log").open("ab") as log:
            command = [part(), "-c", str(self.folder / "mosquitto.conf")]
            self.broker = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for_port(self.mqtt_port)

    def start_desk(self) -> None:
        arguments = ["desk", "run", "--journal", self.folder / "centre.db", "--people", self.people]
        arguments += ["--broker", f"127.0.0.1:{self.mqtt_port}", "--authority", self.authority]
        arguments += ["--broker-pid", self.folder / "mosquitto.pid", "--port", str(self.https_port)]
        arguments += ["--https", self.authority / "broker" / "broker.pem"]
        with (self.folder / "desk.log").open("ab") as log:
            command = [sys.executable, "-m", "nachtwacht", *map(str, arguments)]
            self.desk = subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT)
        wait_until_read(self.url)

    def close(self) -> None:
        for process in (self.desk, self.broker):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(20)

    def code(self, site: str) -> str:
        made = run("desk", "enrolment", "code", site, "--people", self.people, "--authority", self.authority)
        assert made.exit_code == 0, made.output
        return made.stdout.strip().splitlines()[0]

    def plan(self, site: str, *numbers: str) -> Path:
        file = self.folder / f"{site}.toml"
        here = [msgspec.structs.replace(a_home(one), id=HomeId(f"{site}/{one}")) for one in numbers or ("12",)]
        file.write_text(homes.write(msgspec.structs.replace(a_site(*here), id=SiteId(site))))
        return file

    def enrol(self, site: str, folder: Path | None = None) -> Path:
        """Enrol a gateway by the real command; return the folder of its identity."""
        folder = folder or self.folder / f"identity-{site}"
        done = run(
            *("gateway", "enroll", "--plan", self.plan(site), "--centre", self.url, "--code", self.code(site)),
            *("--identity", folder, "--yes"),
        )
        assert done.exit_code == 0, done.output
        return folder

    def log(self) -> str:
        return (self.folder / "mosquitto.log").read_text(errors="replace")

    def forged(
        self, folder: Path, site: str, *, now: datetime, lives: timedelta, signs: Authority | None = None
    ) -> Path:
        """Make an identity that no enrolment gave: of another time, or of another authority."""
        folder.mkdir()
        key = certificates.new_key()
        asked = certificates.request(key, site)
        signed = certificates.sign_gateway(signs or self.signs, asked, site, now, lives)
        (folder / "gateway.pem").write_bytes(key + signed)
        (folder / "ca.pem").write_bytes((self.authority / "ca.pem").read_bytes())
        return folder


class Visitor:
    """Somebody who tries to get in at the centre's broker, and tells how it went."""

    def __init__(self, town: Town, folder: Path | None, *, name: str = "visitor", tls: bool = True) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.granted: list[int] = []
        self._in, self._out = threading.Event(), threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=mqtt.MQTTv311)
        if tls:
            context = ssl.create_default_context(cafile=str(town.authority / "ca.pem"))
            if folder is not None:
                context.load_cert_chain(folder / "gateway.pem")
            self.client.tls_set_context(context)
        self.client.on_connect = lambda _c, _u, _f, reason, _p: None if reason.is_failure else self._in.set()
        self.client.on_disconnect = lambda *_: self._out.set()
        self.client.on_connect_fail = lambda *_: self._out.set()
        self.client.on_subscribe = lambda _c, _u, _m, reasons, _p: self.granted.extend(one.value for one in reasons)
        self.client.on_message = lambda _c, _u, message: self.heard.append((message.topic, bytes(message.payload)))
        self.client.reconnect_delay_set(30, 30)
        self.client.connect_async("127.0.0.1", town.mqtt_port)
        self.client.loop_start()

    def gets_in(self) -> bool:
        end = time.monotonic() + 10
        while not (self._in.is_set() or self._out.is_set()):
            assert time.monotonic() < end
            time.sleep(0.02)
        return self._in.is_set()

    def is_in(self) -> bool:
        return self.client.is_connected()

    def leave(self) -> None:
        leave(self.client)


@contextlib.contextmanager
def visiting(town: Town, folder: Path | None, *, name: str = "visitor", tls: bool = True) -> Iterator[Visitor]:
    visitor = Visitor(town, folder, name=name, tls=tls)
    try:
        yield visitor
    finally:
        visitor.leave()
