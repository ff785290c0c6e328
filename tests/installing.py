"""A morning in a building of 24 homes, from an empty folder to a proof for each: the real commands and processes.

Real are mosquitto (at the centre over TLS, in the building with passwords), the desk over https, the daemon, and every
command. Stand-ins are the bridge, the hand that triggers its sensors, and somebody at the desk. What an installer types
is counted as it is typed on a gateway; where everything lies in a test is added to it.
"""

import contextlib
import http.client
import json
import shlex
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
from openpyxl import Workbook
from typer.testing import CliRunner, Result

from care import homes, journal
from care.alerts import alert_of
from care.homes import Site
from care.records import Record
from detectors.findings import Finding, What
from detectors.homes import Home, Kind
from detectors.moments import SensorEvent
from gateway.installer import passwords, walk
from nachtwacht import cli
from tests.conftest import free_port, part, wait_for_port
from tests.enrolled import ENVIRONMENT, ROOT, Town, eventually, real_now
from tests.gateway.bridge import Thing, Zigbee2MQTT, a_box

HOMES = 24
ROLES = (
    ("bed", "bed", "slaapkamer", "TS0601_bed_presence_sensor"),
    ("door", "door", "gang", "MCCGQ11LM"),
    ("hall", "motion", "gang", "RTCGQ11LM"),
    ("living", "motion", "woonkamer", "RTCGQ11LM"),
    ("bath", "motion", "badkamer", "RTCGQ11LM"),
    ("button", "button", "slaapkamer", "WXKG11LM"),
)
SAYS: dict[Kind, tuple[dict[str, Any], ...]] = {
    Kind.DOOR: ({"contact": False}, {"contact": True}),
    Kind.BED: ({"occupancy": True}, {"occupancy": False}),
    Kind.MOTION: ({"occupancy": True},),
    Kind.BUTTON: ({"action": "single"},),
}
"""What a sensor says when it is triggered, and when that is over."""
SETTINGS = ROOT / "deploy" / "building" / "mosquitto.conf"
STAFF, PASSWORD = "sanne", "maan en sterren"
NIGHTS = 10  # lived through before, so that there is something to be learned


@dataclass
class Keys:
    """What an installer types."""

    strokes: int = 0
    commands: int = 0

    def typed(self, line: str) -> None:
        self.strokes += len(line) + 1  # and Enter


@dataclass
class Building:
    """A gateway and what stands around it, in a folder."""

    folder: Path
    town: Town
    keys: Keys = field(default_factory=Keys)
    broker_port: int = field(default_factory=free_port)
    broker: subprocess.Popen[bytes] | None = None
    daemon: subprocess.Popen[bytes] | None = None

    @property
    def plan(self) -> Path:
        return self.folder / "etc" / "site.toml"

    @property
    def journal(self) -> Path:
        return self.folder / "var" / "gateway.db"

    @property
    def site(self) -> Site:
        return homes.read(self.plan.read_text())

    def open(self) -> None:
        for one in ("etc", "var"):
            (self.folder / one).mkdir(parents=True)

    def types(self, line: str, *more: object, answers: tuple[str, ...] = (), code: int | None = 0) -> Result:
        """Type a command as on a gateway, and what it asks for; `more` is only of this test. Fails on another code."""
        self.keys.typed(f"nachtwacht {line}")
        self.keys.commands += 1
        for one in answers:
            self.keys.typed(one)
        here = line.replace("/etc/nachtwacht", str(self.folder / "etc"))
        here = here.replace("/var/lib/nachtwacht", str(self.folder / "var"))
        here = here.replace("https://desk.example", self.town.url)
        words = [*shlex.split(here), *map(str, more)]
        env = {
            "COLUMNS": "200",
            "NACHTWACHT_LANGUAGE": "en",
            "NACHTWACHT_PLAN": str(self.plan),
            "NACHTWACHT_BROKER_LOGIN": str(self.folder / "etc" / "broker" / "gateway.login"),
        }
        done = CliRunner().invoke(cli, words, input="".join(f"{one}\n" for one in answers), env=env)
        assert code is None or done.exit_code == code, f"nachtwacht {line}: {done.output}\n{done.exception!r}"
        return done

    @property
    def at_broker(self) -> tuple[str, str]:
        return "--broker", f"127.0.0.1:{self.broker_port}"

    @property
    def places(self) -> tuple[object, ...]:
        """Where a gateway's files are, for the commands that know it by themselves."""
        return ("--journal", self.journal, "--identity", self.folder / "var" / "identity")

    def start_broker(self) -> None:
        said = SETTINGS.read_text().replace("listener 1883", f"user root\nlistener {self.broker_port}")
        said = said.replace("/etc/nachtwacht", str(self.folder / "etc"))
        (self.folder / "mosquitto.conf").write_text(said.replace("/var/lib/mosquitto", str(self.folder)))
        with (self.folder / "mosquitto.log").open("ab") as log:
            command = [part(), "-c", str(self.folder / "mosquitto.conf")]
            self.broker = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for_port(self.broker_port)

    def login(self, user: str) -> passwords.Login:
        found = passwords.read(self.folder / "etc" / "broker" / f"{user}.login")
        assert found is not None
        return found

    def start(self) -> None:
        words = ["gateway", "run", "--plan", self.plan, *self.places, *self.at_broker, "--in-flight", "1000"]
        words += ["--broker-login", self.folder / "etc" / "broker" / "gateway.login"]
        with (self.folder / "gateway.log").open("ab") as log:
            command = [sys.executable, "-m", "nachtwacht", *map(str, words)]
            self.daemon = subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT)

    def stop(self) -> None:
        if self.daemon is not None:
            self.daemon.send_signal(signal.SIGTERM)
            assert self.daemon.wait(30) == 0
            self.daemon = None

    def close(self) -> None:
        for process in (self.daemon, self.broker):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(30)

    def inspected(self, home: str) -> dict[str, Any]:
        done = self.types("gateway inspect", "--plan", self.plan, "--journal", self.journal, "--home", home, "--json")
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def records(file: Path) -> list[Record]:
    """Return all records of a journal; none before there is one."""
    if not file.exists():
        return []
    found: list[Record] = []
    number = 0
    with contextlib.closing(journal.connect(file, read_only=True)) as db:
        while entries := journal.read_after(db, number):
            found += [entry.record for entry in entries]
            number = entries[-1].number
    return found


class Desk:
    """Somebody at the desk: a screen shows each call for help, and they claim and close it."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._trust = ssl.create_default_context(cafile=str(town.authority / "ca.pem"))
        self._cookie = ""
        self.answered: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._works)

    def __enter__(self) -> Self:
        self._cookie = self._posts("/sign-in", name=STAFF, password=PASSWORD)
        assert self._cookie
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def _works(self) -> None:
        number = 0
        with contextlib.closing(journal.connect(self._town.folder / "centre.db", read_only=True)) as db:
            while not self._over.wait(0.2):
                while entries := journal.read_after(db, number):
                    number = entries[-1].number
                    calls = [one.record for one in entries if isinstance(one.record, Finding)]
                    for call in calls:
                        if call.what is What.BUTTON:
                            self._answers(str(alert_of(call)))

    def _answers(self, alert: str) -> None:
        self._posts(f"/alerts/{alert}/shown", screen="desk-1")
        self._posts(f"/alerts/{alert}/claim")
        self._posts(f"/alerts/{alert}/resolve", outcome="reassured", how="video")
        self.answered.add(alert)

    def _posts(self, path: str, **form: str) -> str:
        where = urlsplit(self._town.url)
        line = http.client.HTTPSConnection(str(where.hostname), where.port, timeout=30, context=self._trust)
        with contextlib.closing(line):
            heads = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
            line.request("POST", path, urllib.parse.urlencode(form), heads | {"Cookie": self._cookie})
            answer = line.getresponse()
            answer.read()
            assert answer.status < 400, f"{path}: {answer.status}"
            return answer.getheader("Set-Cookie", "").partition(";")[0]


def a_list(file: Path) -> dict[str, Thing]:
    """Write the list of sensors that came with the box, as XLSX; return the box, each by its name."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["woning", "rol", "ruimte", "naam", "adres", "model"])
    box = a_box(*(model for _ in range(HOMES) for *_, model in ROLES), seed=6)
    things: dict[str, Thing] = {}
    for number in range(1, HOMES + 1):
        for name, role, room, model in ROLES:
            thing = things[f"{number}/{name}"] = box[len(things)]
            sheet.append([number, role, room, f"{number}/{name}", thing.address, model])
    book.save(file)
    return things


def nights_before(building: Building) -> None:
    """Let home 1 have lived through some nights with the sensors that are there now."""
    first = building.site.homes[0]
    bed = next(one for one in first.sensors if one.kind is Kind.BED)
    begun = real_now().replace(hour=21, minute=30, second=0, microsecond=0) - timedelta(days=NIGHTS + 1)
    with contextlib.closing(journal.connect(building.journal)) as db:
        for night in range(NIGHTS):
            for hours, value in ((0.0, 1.0), (4.5, 0.0), (4.6, 1.0), (9.0, 0.0)):
                at = begun + timedelta(days=night, hours=hours)
                one = SensorEvent(at=at, home=first.id, sensor=bed.id, room=bed.room, kind=bed.kind, value=value)
                journal.append(db, [one], recorded_at=at)


def walked(bridge: Zigbee2MQTT, building: Building, home: Home) -> Callable[[], None]:
    """Return what somebody does who walks through a home: each sensor in its turn, as soon as the walk is told."""
    things = {thing.name: address for address, thing in bridge.things.items()}

    def walks() -> None:
        eventually(lambda: _walks(building, home), 30)
        for sensor in walk.in_order(home):
            bridge.now = real_now()
            for said in SAYS[sensor.kind]:
                bridge.says(things[str(sensor.id)], **said)

    return walks


def _walks(building: Building, home: Home) -> bool:
    from care.proofs import Walking

    last = [one for one in records(building.journal) if isinstance(one, Walking) and one.home == home.id]
    return bool(last) and last[-1].until > last[-1].at


@contextlib.contextmanager
def meanwhile(does: Callable[[], None]) -> Iterator[None]:
    """Let somebody do something while a command runs."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            does()
        except BaseException as error:  # noqa: BLE001  # told below, in the test's own thread
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(60)
    if failed:
        raise failed[0]


class Morning(msgspec.Struct, frozen=True, kw_only=True):
    """What a morning took."""

    seconds: float  # of the commands, the brokers, daemon and desk; walking and pairing take no time here
    keystrokes: int
    commands: int
    homes: int
    sensors: int
    walks_s: float
    pairing_s: float


@contextlib.contextmanager
def a_centre(folder: Path) -> Iterator[Town]:
    """Open a centre with somebody at its desk."""
    town = Town(folder)
    town.folder.mkdir()
    command = [sys.executable, "-m", "nachtwacht", "desk", "staff", "add", STAFF, "--first-name", "Sanne"]
    command += ["--initials", "SK", "--people", str(town.people), "--password-from-stdin"]
    subprocess.run(command, input=PASSWORD.encode(), env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
    try:
        town.open()
        yield town
    finally:
        town.close()


@contextlib.contextmanager
def provisioned(building: Building) -> Iterator[tuple[Morning, Zigbee2MQTT]]:
    """Bring a building on line, and let it live as long as it is looked at."""
    with contextlib.ExitStack() as stack:
        stack.callback(building.close)
        yield provision(building, stack)


def provision(building: Building, stack: contextlib.ExitStack) -> tuple[Morning, Zigbee2MQTT]:
    """Bring a building on line, from an empty folder to a signed proof of every home; return what that took.

    The stand-in bridge ends with the stack.
    """
    building.open()
    began = time.monotonic()
    keys, town = building.keys, building.town
    things = a_list(building.folder / "sensors.xlsx")

    # Before the visit.
    building.types('site new wilg --name "De Wilg"')
    building.types("home add 1-24")
    building.types(f"sensor import {building.folder / 'sensors.xlsx'}")
    keys.strokes -= len(str(building.folder)) + 1
    assert "144" not in building.types("plan check").stderr

    # In the building: passwords, the bridge, its settings, the sensors.
    building.types("gateway passwords --folder /etc/nachtwacht/broker", "--plan", building.plan)
    building.start_broker()
    login = building.login("bridge")
    bridge = stack.enter_context(Zigbee2MQTT("127.0.0.1", building.broker_port, now=real_now(), login=login))
    bridge.config["advanced"]["channel"] = 15
    building.types("plan apply", *building.at_broker, answers=("y",))
    nights_before(building)
    building.start()
    pairing = time.monotonic()

    def joins() -> None:
        eventually(lambda: bridge.is_open, 30)
        assert all(bridge.joins(one) for one in things.values())

    with meanwhile(joins):
        building.types("sensor discover", *building.at_broker)
    pairing_s = time.monotonic() - pairing
    assert {thing.name for thing in things.values()} == set(things)

    # The centre says once who this gateway is.
    building.types(
        "gateway enroll --centre https://desk.example",
        *("--plan", building.plan, "--identity", building.folder / "var" / "identity"),
        answers=(town.code("wilg"),),
    )
    eventually(lambda: records(town.folder / "centre.db"), 30)
    building.types("plan diff --journal /var/lib/nachtwacht/gateway.db", *building.at_broker)

    def speak() -> None:
        for thing in things.values():
            bridge.says(thing.address, battery=100)

    with meanwhile(speak):
        surveyed = building.types("survey --minutes 0.05", *building.at_broker)
    assert "poor" not in surveyed.output

    # Every home is walked through; the desk answers each call.
    walks = time.monotonic()
    proofs = building.folder / "var" / "proofs"
    with Desk(town) as desk:
        for number, home in enumerate(building.site.homes, start=1):
            wait = "--wait 0" if number > 1 else ""
            line = f"walk-test --home {number} --journal /var/lib/nachtwacht/gateway.db {wait}".strip()
            with meanwhile(walked(bridge, building, home)):
                done = building.types(line, *building.at_broker, *building.places[2:], "--proofs", proofs)
            assert number > 1 or "Home 1 is proven." in done.output
        eventually(lambda: len(desk.answered) == HOMES, 60)
        eventually(lambda: _claims(building) == HOMES, 60)
        done = building.types(
            "walk-test --finish --journal /var/lib/nachtwacht/gateway.db",
            *building.at_broker,
            *building.places[2:],
            *("--proofs", proofs),
        )
    assert done.output.count("is proven.") == HOMES, done.output
    over = time.monotonic()
    found = Morning(
        seconds=over - began,
        keystrokes=keys.strokes,
        commands=keys.commands,
        homes=HOMES,
        sensors=len(things),
        walks_s=over - walks,
        pairing_s=pairing_s,
    )
    return found, bridge


def _claims(building: Building) -> int:
    from care.records import Claimed

    return len({one.alert for one in records(building.journal) if isinstance(one, Claimed)})
