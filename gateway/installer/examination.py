"""Looks at a building for `doctor`: its broker, files, clock, disk, journal, bridge and centre. Changes nothing.

Nothing here judges. What could not be looked at is said, and stops nothing else from being looked at.
"""

import contextlib
import email.utils
import http.client
import os
import shutil
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from care import certificates, journal
from care.certificates import BadCertificate
from care.enrolment import AUTHORITY, KEYED, Identity
from care.homes import Site
from care.language import mark
from care.link import broker_address
from care.proofs import Doubt, Unproven
from care.records import CENTRE, Unreadable
from detectors.moments import SensorEvent
from gateway import identity as identities
from gateway.connection import leave
from gateway.installer import applying, passwords, proofs, settings, survey
from gateway.installer.bridge import Bridge as Z2m
from gateway.installer.bridge import BridgeTrouble
from gateway.installer.doctor import PROBE, Bridge, Broker, Centre, Clock, Disk, Facts, Journal, Papers, Trust
from gateway.installer.proofs import NotProof
from gateway.installer.survey import Advice
from gateway.watch import Watch

WITHIN_S = 5.0  # that somebody has to answer
REFUSES_S = 0.5  # after a handshake: until a server has said that it does not take our certificate (TLS 1.3)
SETTLES_S = 0.5  # without another message: no more are handed over
LAST = timedelta(days=1)
UNIT = "nachtwacht-gateway"
CLOCKS = Path("/sys/class/rtc")
BLOCKS = Path("/sys/block")
LIFE_STEPS = 10  # what a card says of its life: 1 to 10, each a tenth of it (JESD84-B51, DEVICE_LIFE_TIME_EST)


class Places(NamedTuple):
    """Where a building is on this machine."""

    plan: Path
    journal: Path
    identity: Path
    proofs: Path
    broker: tuple[str, int]
    base: str


@dataclass
class Looks:
    """What is seen on the way, and what could not be looked at."""

    could_not: list[Advice] = field(default_factory=list)

    def missed(self, message: str, **values: object) -> None:
        """Note that something could not be looked at."""
        self.could_not.append(Advice(message, {name: str(value) for name, value in values.items()}))


def examined(site: Site, places: Places, now: Callable[[], datetime]) -> Facts:
    """Return what is to be seen of a building. Takes some seconds; up to a minute where nobody answers."""
    looks = Looks()
    met = broker(places.broker)
    papers = papers_in(places.identity)
    about = identities.Papers(places.identity).about()
    files = journal_of(places.journal, site, now())
    return Facts(
        site=site,
        plan=str(places.plan),
        unit=_unit(looks),
        broker=met,
        papers=papers,
        centre=None if about is None or papers.fault else centre(about, places.identity),
        clock=_clock(about, places.identity, looks, now),
        disk=disk(places.journal.absolute().parent, looks),
        journal=files,
        bridge=_bridge(site, places, met, looks),
        unproven=unproven(site, places.proofs, now()),
        could_not=tuple(looks.could_not),
    )


# The building's broker.


def broker(address: tuple[str, int]) -> Broker:
    """Meet the broker: as the gateway, as somebody without a password, and as one that acknowledges nothing."""
    said = f"{address[0]}:{address[1]}"
    fault = _reaches(address)
    if fault:
        return Broker(address=said, fault=fault)
    login = passwords.ours()
    with _guest(address, login) as (guest, refused):
        handed_over = None if guest is None else _handed_over(guest)
    strangers = None
    if login is not None:
        with _guest(address, None) as (guest, _):
            strangers = guest is not None
    elif not refused:
        strangers = True
    return Broker(address=said, refused=refused, strangers=strangers, handed_over=handed_over)


@contextlib.contextmanager
def _guest(address: tuple[str, int], login: passwords.Login | None) -> Iterator[tuple[mqtt.Client | None, str]]:
    """Sign in for a moment; give the client, or None and why it was not let in."""
    answered = threading.Event()
    why: list[str] = []
    guest = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311, manual_ack=True)
    if login is not None:
        guest.username_pw_set(login.name, login.password)

    def connected(_client: object, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        why.append(str(reason) if reason.is_failure else "")
        answered.set()

    guest.on_connect = connected
    guest.on_disconnect = lambda *_: answered.set()
    guest.max_inflight_messages_set(0)
    guest.reconnect_delay_set(60, 60)
    try:
        guest.connect(*address, keepalive=15)
        guest.loop_start()
        answered.wait(WITHIN_S)
        refused = why[0] if why else "no answer"
        yield (None, refused) if refused else (guest, "")
    except OSError as error:
        yield None, str(error)
    finally:
        leave(guest)


def _handed_over(guest: mqtt.Client) -> int | None:
    """Return how many of `PROBE` messages the broker hands over before one is acknowledged; None if it cannot be seen.

    They go to nobody else, and with the guest's session they are gone.
    """
    topic = f"nachtwacht-doctor/{os.urandom(4).hex()}"
    came, subscribed = threading.Semaphore(0), threading.Event()
    granted: list[bool] = []

    def answered(_client: object, _data: object, _number: object, reasons: Any, _properties: object) -> None:
        granted.extend(not one.is_failure for one in reasons)
        subscribed.set()

    guest.on_subscribe = answered
    guest.on_message = lambda *_: came.release()
    guest.subscribe(topic, qos=1)
    if not subscribed.wait(WITHIN_S) or not all(granted):
        return None
    going = [guest.publish(topic, b"doctor", qos=1) for _ in range(PROBE)]
    with contextlib.suppress(ValueError, RuntimeError):
        going[-1].wait_for_publish(WITHIN_S)
    count = 0
    while count < PROBE and came.acquire(timeout=WITHIN_S if not count else SETTLES_S):
        count += 1
    return count or None


def _reaches(address: tuple[str, int]) -> str:
    try:
        socket.create_connection(address, timeout=WITHIN_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


# Who this gateway is, and its centre.


def papers_in(folder: Path) -> Papers:
    """Read the certificate of this gateway."""
    keyed, authority = folder / KEYED, folder / AUTHORITY
    try:
        if not keyed.exists():
            return Papers(folder=str(folder))
        pem = keyed.read_bytes()
        known = certificates.known(pem)
        return Papers(
            folder=str(folder),
            enrolled=True,
            site=known.name,
            valid_from=known.valid_from,
            valid_until=known.valid_until,
            of_authority=certificates.signed_by(pem, authority.read_bytes()),
            of_key=certificates.fits(pem, pem),
            open_to_others=tuple(str(one) for one in sorted(folder.glob("*")) if one.is_file() and _open(one)),
        )
    except OSError as error:
        return Papers(folder=str(folder), fault=f"{error.filename}: {error.strerror}")
    except BadCertificate as error:
        return Papers(folder=str(folder), fault=f"{keyed}: {str(error).rstrip('.')}")


def _open(file: Path) -> bool:
    """Whether others than its owner can read a file with a key in it."""
    return file.name != AUTHORITY and file.suffix in {".pem", ".key"} and bool(file.stat().st_mode & 0o077)


def centre(about: Identity, folder: Path) -> Centre:
    """Shake hands with the centre's broker, and go: who says more takes the place of the gateway that is connected."""
    try:
        host, port = broker_address(about.broker)
        context = identities.Papers(folder).context()
    except (OSError, ValueError) as error:
        return Centre(address=about.broker, trust=Trust.REFUSED, fault=str(error))
    try:
        with (
            socket.create_connection((host, port), timeout=WITHIN_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as secret,
        ):
            secret.settimeout(REFUSES_S)
            with contextlib.suppress(TimeoutError):  # it waits for us to speak: we are let in
                if not secret.recv(1):
                    return Centre(address=about.broker, trust=Trust.AWAY, fault="connection closed")
    except ssl.SSLCertVerificationError as error:
        return Centre(address=about.broker, trust=Trust.STRANGE, fault=error.verify_message)
    except ssl.SSLError as error:
        revoked = "REVOKED" in (error.reason or "")
        return Centre(
            address=about.broker,
            trust=Trust.REVOKED if revoked else Trust.REFUSED,
            fault=(error.reason or str(error)).lower().replace("_", " "),
        )
    except OSError as error:
        return Centre(address=about.broker, trust=Trust.AWAY, fault=error.strerror or str(error))
    return Centre(address=about.broker)


# Clock, disk, service.


def _clock(about: Identity | None, folder: Path, looks: Looks, now: Callable[[], datetime]) -> Clock:
    synchronised = None
    said = _says("timedatectl", "show", "--property=NTPSynchronized", "--value")
    if said is None:
        looks.missed(mark("whether something sets the clock: timedatectl does not answer"))
    else:
        synchronised = said == "yes"
    of_centre = None
    if about is not None:
        of_centre = _ahead_of_centre(about, folder, now)
        if of_centre is None:
            looks.missed(mark("the clock of the centre: {url} does not answer"), url=about.centre)
    keeps = next(CLOCKS.glob("rtc*"), None) is not None if CLOCKS.is_dir() else None
    if keeps is None:
        looks.missed(mark("whether this machine has a clock that runs on without power"))
    return Clock(of_centre_s=of_centre, synchronised=synchronised, keeps_time=keeps)


def _ahead_of_centre(about: Identity, folder: Path, now: Callable[[], datetime]) -> float | None:
    """Return by how many seconds the clock here is ahead of that of the centre's pages; None if they do not say.

    What they say is only of use when somebody else's certificate says who they are, so nothing else is taken.
    """
    place = urlsplit(about.centre)
    try:
        trust = ssl.create_default_context()
        trust.load_verify_locations(cafile=str(folder / AUTHORITY))
        pages = http.client.HTTPSConnection(place.hostname or "", place.port, timeout=WITHIN_S, context=trust)
        try:
            pages.request("GET", "/healthz")
            said = pages.getresponse().getheader("Date")
        finally:
            pages.close()
        then = email.utils.parsedate_to_datetime(said or "")
    except (OSError, ValueError, http.client.HTTPException):
        return None
    return (now() - then.astimezone(UTC)).total_seconds()


def disk(folder: Path, looks: Looks) -> Disk:
    """Look at the disk with a folder, by writing a file that has no name and is gone at once."""
    try:
        room = shutil.disk_usage(folder)
    except OSError as error:
        return Disk(folder=str(folder), refuses=error.strerror or str(error))
    refuses = ""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"doctor")
            file.flush()
    except OSError as error:
        refuses = error.strerror or str(error)
    worn = _worn(folder)
    if worn is None:
        looks.missed(mark("how worn the disk is: it does not say"))
    return Disk(folder=str(folder), free=room.free, total=room.total, refuses=refuses, worn=worn)


def _worn(folder: Path) -> float | None:
    """Return which share of its life the memory under a folder has had, where it tells (most cards do not)."""
    try:
        device = folder.stat().st_dev
        for block in BLOCKS.iterdir():
            of_parts = (block / "dev", *block.glob(f"{block.name}*/dev"))
            numbers = [one.read_text().strip() for one in of_parts if one.exists()]
            if f"{os.major(device)}:{os.minor(device)}" in numbers:
                said = (block / "device" / "life_time").read_text().split()
                steps = [int(one, 16) for one in said]
                return max(steps) / LIFE_STEPS if any(steps) else None
    except (OSError, ValueError):
        return None
    return None


def _unit(looks: Looks) -> str:
    said = _says("systemctl", "show", UNIT, "--property=LoadState,ActiveState", "--value")
    load, _, state = (said or "").partition("\n")
    if load != "loaded":
        looks.missed(mark("whether {unit} runs: systemd does not know it here"), unit=UNIT)
        return ""
    return state.strip()


def _says(program: str, *arguments: str) -> str | None:
    found = shutil.which(program)
    if found is None:
        return None
    try:
        done = subprocess.run([found, *arguments], check=False, capture_output=True, text=True, timeout=WITHIN_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


# What the gateway wrote.


def journal_of(file: Path, site: Site, now: datetime) -> Journal:
    """Read what the gateway's journal says. A daemon may write in it meanwhile."""
    said = str(file)
    if not file.exists():
        return Journal(file=said, fault=f"{file}: No such file or directory")
    try:
        with contextlib.closing(journal.connect(file, read_only=True)) as db:
            return _read(db, said, site, now)
    except (sqlite3.Error, journal.TooNew, ValueError) as error:
        return Journal(file=said, fault=f"{file}: {str(error).rstrip('.')}")


def _read(db: sqlite3.Connection, file: str, site: Site, now: datetime) -> Journal:
    watch, _ = Watch.resumed(site, db)
    dates = [one for one in (journal.last_date(db), journal.touched_at(db)) if one is not None]
    saved = journal.load_snapshot(db)
    followed = [] if saved is None else journal.read_after(db, saved[0] - 1, limit=1)
    waits = journal.to_send(db, CENTRE, after=journal.had(db, CENTRE), limit=journal.BATCH_MAX)
    oldest = journal.read_after(db, waits[0][0] - 1, limit=1) if waits else []
    said_at, troubles = _last_day(db, now)
    otherwise = applying.watched_otherwise(Path(file), site)
    return Journal(
        file=file,
        written_at=max(dates, default=None),
        snapshot_at=followed[0].recorded_at if followed else None,
        waits_since=oldest[0].recorded_at if oldest else None,
        waiting=len(waits),
        customs={str(sensor): custom for sensor, custom in watch.customs().items()},
        unseen={str(sensor): why for sensor, why in watch.unseen().items()},
        watches_otherwise=len(otherwise),
        said_at=said_at,
        troubles=troubles,
    )


def _last_day(db: sqlite3.Connection, now: datetime) -> tuple[dict[str, datetime], tuple[tuple[str, str], ...]]:
    """Return when each sensor last said something, and what was not understood."""
    said_at: dict[str, datetime] = {}
    troubles: list[tuple[str, str]] = []
    number = journal.first_since(db, now - LAST) - 1
    while entries := journal.read_after(db, number):
        number = entries[-1].number
        for one in entries:
            if isinstance(one.record, Unreadable):
                troubles.append((one.record.topic, one.record.why))
            elif isinstance(one.record, SensorEvent):
                said_at[one.record.sensor] = one.recorded_at
    return said_at, tuple(troubles)


def unproven(site: Site, folder: Path, now: datetime) -> dict[str, str]:
    """Return of each home without a proof that is signed and holds, why: by the files that `walk-test` left."""
    found: dict[str, str] = {}
    for home in site.homes:
        file = proofs.place(home.id, folder)
        try:
            doubt = proofs.doubt(proofs.verify(file), site, now)
        except FileNotFoundError:
            doubt = Doubt(Unproven.NONE)
        except OSError as error:
            found[home.id] = f"{file}: {error.strerror}"
            continue
        except NotProof:
            doubt = Doubt(Unproven.FORGED)
        if doubt is not None:
            found[home.id] = proofs.why(doubt)
    return found


# The bridge.


def _bridge(site: Site, places: Places, met: Broker, looks: Looks) -> Bridge | None:
    wanted = settings.wanted(site)
    if not wanted.sensors:
        return None
    if met.fault or met.refused:
        looks.missed(mark("Zigbee2MQTT: the broker does not let us ask"))
        return None
    try:
        with Z2m(places.broker, places.base, patience_s=WITHIN_S) as bridge:
            info, devices = bridge.info(), bridge.devices()
            # What it keeps of each device comes right after; it has come when nothing more does.
            bridge.until(lambda one: all(one.last(f"{name}/availability") for name in wanted.sensors), patience_s=1.0)
            return Bridge(
                channel=info.network.channel,
                said_at=_said_at(bridge.last("bridge/health")),
                differences=settings.differences(wanted, info, devices),
                gone=frozenset(name for name in wanted.sensors if _online(bridge, name) is False),
                routers=tuple(
                    survey.router(one.friendly_name, online=_online(bridge, one.friendly_name), links=())
                    for one in devices
                    if one.is_router
                ),
            )
    except BridgeTrouble as error:
        return Bridge(fault=Advice(error.message, {name: str(value) for name, value in error.values.items()}))


def _said_at(told: Any) -> datetime | None:
    milliseconds = told.get("response_time") if isinstance(told, dict) else None
    if not isinstance(milliseconds, int | float):
        return None
    with contextlib.suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    return None


def _online(bridge: Z2m, name: str) -> bool | None:
    said = bridge.last(f"{name}/availability")
    return None if not isinstance(said, dict) else said.get("state") == "online"
