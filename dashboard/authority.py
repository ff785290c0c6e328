"""The centre's own authority on disk: what signs, and the files by which its broker knows whom to let in.

A folder that only the centre reads holds the key (`ca.key`) and the centre's own certificate; `broker/` in it is what
mosquitto reads: its certificate, the list of what was taken back, and who may speak where. Both of those are written
whole from the people store, so that they say what it says, and the broker is told to read them again.
"""

import asyncio
import contextlib
import os
import signal
import sqlite3
import ssl
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from care import certificates, database
from care.certificates import BadCertificate
from care.clock import Clock
from care.database import Database
from care.enrolment import RENEW_AT
from care.files import put
from care.link import down_topic, up_topic
from care.records import CENTRE
from dashboard import enrolment
from dashboard.leases import SESSIONS
from detectors.homes import SiteId

LOOK_EVERY_S = 1.0  # seconds between two looks whether somebody else changed who may come in
_BACK = timedelta(minutes=1)  # a new list is dated so long ago: lists of one minute still follow one another

log = structlog.get_logger()


class BadAuthority(Exception):
    """The folder of the authority cannot be used: a sentence."""


class Authority:
    """Who signs for this centre, and its broker's files."""

    def __init__(self, folder: Path, *, broker: str = "", tell: Path | None = None) -> None:
        """Open the folder that `make` made.

        `broker` is where gateways reach the centre's broker, HOST:PORT, and `tell` the file with its process id.
        Raises `BadAuthority`.
        """
        self._folder, self._tell = folder, tell
        self.broker = broker
        try:
            self._names: list[str] = msgspec.json.decode(_read(folder / "names.json"), type=list[str])
            self._signs = certificates.Authority(_read(folder / "ca.pem"), _read(folder / "ca.key"))
            self.fingerprint = certificates.known(self._signs.certificate).fingerprint
            if not certificates.fits(self._signs.key, self._signs.certificate):
                raise BadAuthority(f"{folder}: ca.key is not the key of ca.pem.")
        except (OSError, msgspec.DecodeError, BadCertificate) as error:
            text = f"{folder}: no authority can be read there: {error} Make one: nachtwacht desk authority."
            raise BadAuthority(text) from error

    @property
    def certificate(self) -> bytes:
        """The certificate by which everything that it signed can be checked."""
        return self._signs.certificate

    @property
    def files(self) -> dict[str, Path]:
        """The certificates that run out, by what each is of: this authority, the centre itself, its broker."""
        folder = self._folder
        return {
            "authority": folder / "ca.pem",
            "centre": folder / "own.pem",
            "broker": folder / "broker" / "broker.pem",
        }

    def sign_gateway(self, asked: bytes, site: SiteId, now: datetime) -> bytes:
        """Return the certificate of a building's gateway. Raises `BadCertificate`."""
        return certificates.sign_gateway(self._signs, asked, site, now)

    def context(self, now: datetime, session: str = "") -> ssl.SSLContext:
        """Return with what the centre itself speaks to its broker: its own certificate, renewed when it is time.

        With the name of a session (`sessions`) it is one for that session alone: a broker that takes the client id
        from the certificate would otherwise let only one of them in. Raises `OSError` when there is none, and none can
        be written.
        """
        own = self._folder / f"own{session}.pem"
        with contextlib.suppress(OSError):  # a full disk: the present one is still good for months
            self._renew_own(own, f"_{CENTRE}{session}" if session else CENTRE, now)
        made = ssl.create_default_context(cafile=str(self._folder / "ca.pem"))
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.load_cert_chain(own)
        return made

    def keep(self, now: datetime) -> None:
        """Renew the broker's certificate when a third of its life is left, and tell the broker."""
        file = self._folder / "broker" / "broker.pem"
        if _is_due(file, now):
            self._make_server(now)
            self._tell_broker()

    def publish(self, gateways: Iterable[SiteId], taken_back: Collection[tuple[int, datetime]], now: datetime) -> None:
        """Write who may come in and what was taken back; a broker that knows it already is not told. Raises `OSError`.

        The list of rights first: whoever is inside already is silenced by it alone.
        """
        rights, crl, mark = (self._folder / "broker" / name for name in ("acl", "crl.pem", "crl.of"))
        said = _rights(gateways).encode()
        of = " ".join(sorted(str(serial) for serial, _ in taken_back)).encode()
        changed = False
        if _there(rights) != said:
            put(rights, said, mode=0o644, keeps=True)
            changed = True
        if _there(mark) != of or not crl.exists():
            put(
                crl,
                certificates.revocations(self._signs, taken_back, self._next_list(crl, now)),
                mode=0o644,
                keeps=True,
            )
            put(mark, of, mode=0o644, keeps=True)
            changed = True
        if changed:
            self._tell_broker()

    def _next_list(self, crl: Path, now: datetime) -> datetime:
        """Return the date of a list that follows the one that is there, and is not of the future.

        A broker that has read both goes by the newer, in whole seconds (OpenSSL, `get_crl_sk` in x509_vfy.c).
        """
        dated = now.replace(microsecond=0) - _BACK
        with contextlib.suppress(OSError, BadCertificate):
            after = certificates.listed_at(crl.read_bytes()) + timedelta(seconds=1)
            if dated < after <= now:
                return after
        return dated

    def _renew_own(self, file: Path, name: str, now: datetime) -> None:
        if _is_due(file, now):
            key = certificates.new_key()
            signed = certificates.sign_gateway(self._signs, certificates.request(key, name), SiteId(name), now)
            put(file, key + signed, mode=0o600, keeps=True)

    def _make_server(self, now: datetime) -> None:
        key = certificates.new_key()
        signed = certificates.sign_server(self._signs, certificates.request(key, self._names[0]), self._names, now)
        # One file for both: a broker that reads while it is replaced sees the one or the other.
        put(self._folder / "broker" / "broker.pem", signed + self.certificate + key, mode=0o640, keeps=True)

    def _tell_broker(self) -> None:
        if self._tell is None:
            return
        try:
            os.kill(int(self._tell.read_text()), signal.SIGHUP)
        except (OSError, ValueError) as error:
            log.warning("the broker was not told", file=str(self._tell), why=str(error))


def make(folder: Path, names: Sequence[str], now: datetime) -> None:
    """Make an authority, and a broker's files, in a folder that is not there yet. Raises `BadAuthority`.

    `names` are those under which gateways and the centre reach the broker.
    """
    if (folder / "ca.key").exists():
        raise BadAuthority(f"{folder}: there is an authority already. Nothing was changed.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)  # the broker, another user, goes through it to its own files
        (folder / "broker").mkdir(exist_ok=True)
        signs = certificates.new_authority("Nachtwacht", now)
        key = certificates.new_key()
        certificates.sign_server(signs, certificates.request(key, names[0]), names, now)  # or the names are none
        put(folder / "names.json", msgspec.json.encode(list(names)), mode=0o600, keeps=True)
        put(folder / "ca.pem", signs.certificate, mode=0o644, keeps=True)
        put(folder / "broker" / "ca.pem", signs.certificate, mode=0o644, keeps=True)
        put(folder / "ca.key", signs.key, mode=0o600, keeps=True)
    except (OSError, BadCertificate) as error:
        raise BadAuthority(f"{folder}: not made: {error}") from error
    made = Authority(folder)
    made.keep(now)
    made.context(now)
    made.publish((), (), now)


async def keep(authority: Authority, store: Database, clock: Clock) -> None:
    """Let the broker's files say what the store says, until cancelled; commands change the store as well."""
    seen: object = None
    while True:
        with contextlib.suppress(sqlite3.Error):  # the store is asked again in a second
            version = database.changes(store)
            if version != seen:
                publish(authority, store, clock.now())
                seen = version
        await asyncio.sleep(LOOK_EVERY_S)


def publish(authority: Authority, store: Database, now: datetime) -> None:
    """Write the broker's files as the store has it now; a disk that refuses is told in the log."""
    try:
        authority.keep(now)
        authority.publish(enrolment.admitted(store, now), enrolment.taken_back(store, now), now)
    except OSError as error:
        log.warning("who may come in was not written", why=str(error))


def _rights(gateways: Iterable[SiteId]) -> str:
    """Return mosquitto's list of who may do what. Whoever is not in it may do nothing."""
    lines = [
        "# Written by the centre from who is enrolled there; what is changed here is lost.",
        _user(CENTRE, read=up_topic("+"), write=down_topic("+")),
        # of a centre in several processes, and by no building's name: those begin with a letter or a figure
        *(_user(f"_{CENTRE}{session}", read=up_topic("+"), write=down_topic("+")) for session in SESSIONS),
    ]
    lines += [_user(site, read=down_topic(site), write=up_topic(site)) for site in sorted(gateways)]
    return "\n".join(lines)


def _user(name: str, *, read: str, write: str) -> str:
    return f"\nuser {name}\ntopic read {read}\ntopic write {write}\n"


def _is_due(file: Path, now: datetime) -> bool:
    try:
        said = certificates.known(file.read_bytes())
    except (OSError, BadCertificate):
        return True
    return now >= said.valid_from + RENEW_AT * (said.valid_until - said.valid_from)


def _read(file: Path) -> bytes:
    return file.read_bytes()


def _there(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None
