"""Where time series go: a server that takes `/api/v2/write` (InfluxDB 2 and 3, VictoriaMetrics), by influxdb-client.

Synchronously, and with no retries of the client's own: its batching gives up after some and drops what it had. Here
whoever writes (`care.series`) has the journal, and tries again.
"""

import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from care import series
from care.clock import SystemClock
from care.database import Where, shown
from care.link import is_here
from care.series import Busy, Refused, Series, Unreachable, alone
from care.systemd import Watchdog, notify
from detectors.homes import SiteId

TOKEN = "NACHTWACHT_INFLUX_TOKEN"  # noqa: S105  # the name of a variable
TIMEOUT_S = 20.0  # for one request
SLICE_S = 5.0  # of waiting, after which systemd hears that nothing hangs


class Exit(IntEnum):
    """How the command ends."""

    WRITTEN = 0  # everything, or told to stop
    CANNOT_START = 1
    BEHIND = 3  # not everything could be written
    ASIDE = 4  # everything but what was set aside


class CannotStart(Exception):
    """What was asked for cannot be begun: one sentence."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is written where, as whoever started the command said it."""

    journal: Where
    url: str
    organisation: str = ""
    bucket: str = "nachtwacht"
    progress: Path | None = None  # None: beside the journal, which is a file then
    token_file: Path | None = None
    ca: Path | None = None
    since: datetime | None = None
    insecure: bool = False
    of: str = ""  # whose, where it is not everything
    sees: Callable[[], Callable[[SiteId], bool]] = lambda: lambda _: True  # asked anew in every turn

    @property
    def file(self) -> Path:
        """Where the progress stands. Raises `CannotStart` if nobody said, and the journal is no file."""
        of = f"-{self.of}" if self.of else ""
        if self.progress is not None:
            return self.progress
        if isinstance(self.journal, Path):
            return self.journal.with_name(f"{self.journal.name}.series{of}.json")
        raise CannotStart(f"{shown(self.journal)} is no file to keep the cursor beside. Say where: --progress FILE.")

    @property
    def target(self) -> str:
        """What the progress is about: nothing in it is secret."""
        of = f" of {self.of}" if self.of else ""
        return f"{self.url.rstrip('/')} {self.organisation}/{self.bucket}{of}"


class Influx:
    """One bucket of a server. The token is read again for every request: one that was put right counts at once."""

    def __init__(self, url: str, organisation: str, bucket: str, token: Callable[[], str], ca: Path | None) -> None:
        self._url = url
        self._organisation = organisation
        self._bucket = bucket
        self._token = token
        self._ca = ca
        self._known: str | None = None  # the token that the client has
        self._client: Any = None

    def write(self, lines: Sequence[str]) -> None:
        """Write lines of line protocol, dated in nanoseconds. Raises `Refused` and `Unreachable`."""
        # A third of a second and 50 MB: only where something is written.
        from influxdb_client.client.write_api import SYNCHRONOUS
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError

        body = "\n".join(lines).encode()
        try:
            api = self._connected().write_api(write_options=SYNCHRONOUS)
            api.write(bucket=self._bucket, org=self._organisation, record=body)
        except ApiException as error:
            if not error.status:  # TLS: nothing was sent
                raise Unreachable(f"{self._url} cannot be reached safely: {error.reason}.") from error
            raise Refused(int(error.status), str(error.message), error.retry_after) from error
        except (HTTPError, OSError, UnicodeDecodeError) as error:
            raise Unreachable(f"{self._url} does not answer: {error}.") from error

    def _connected(self) -> Any:
        from influxdb_client import InfluxDBClient

        token = self._token()
        if self._client is not None and token != self._known:
            self._client.close()
            self._client = None
        if self._client is None:
            self._client = InfluxDBClient(
                url=self._url,
                token=token or None,
                org=self._organisation,
                timeout=int(TIMEOUT_S * 1000),
                enable_gzip=True,
                retries=False,
                ssl_ca_cert=None if self._ca is None else str(self._ca),
            )
            self._known = token
        return self._client


def checked(url: str, *, insecure: bool) -> str:
    """Return the address of a server. Raises `CannotStart` with a sentence.

    >>> checked("https://influx.example", insecure=False), checked("http://127.0.0.1:8086", insecure=False)
    ('https://influx.example', 'http://127.0.0.1:8086')
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise CannotStart(f'"{url}" is no address of a server. Write it like https://influx.example:8086.')
    if parts.username is not None or parts.password is not None:
        raise CannotStart("The address holds a name or a password. Give a token by --token-file instead.")
    if parts.scheme == "http" and not insecure and not is_here(host):
        raise CannotStart(
            f"{host} is another machine, and by http everything would go there in plain text. "
            "Write https://, or say --insecure."
        )
    return url


def token_of(file: Path | None, environment: Mapping[str, str] = os.environ) -> str:
    """Return the token in a file, or else in the environment; "" if there is none. Raises `CannotStart`."""
    if file is None:
        return environment.get(TOKEN, "").strip()
    try:
        with file.open(encoding="ascii") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            said = opened.read(4096).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotStart(f"{file}: no token can be read there: {error}.") from error
    if mode & 0o007:
        raise CannotStart(f"{file}: everybody on this machine can use it. Say: chmod 600 {file}")
    if not said or not said.isprintable() or len(said.split()) != 1:
        raise CannotStart(f"{file}: holds no token. Put the token in it, alone on one line.")
    return said


def command(settings: Settings, *, once: bool, status: bool, say: Callable[[str], None]) -> Exit:
    """Do what the command was asked: write until a signal, `once`, or only say the `status`; sentences go to `say`."""
    if status:
        return _status(settings, say)
    stop = threading.Event()
    asked = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return run(settings, stop, once=once, tell=say)
    except CannotStart as error:
        say(str(error))
        return Exit.CANNOT_START
    finally:
        for number, before in asked.items():
            signal.signal(number, before)


def _status(settings: Settings, say: Callable[[str], None]) -> Exit:
    try:
        told, code = state(settings)
    except CannotStart as error:
        told, code = str(error), Exit.CANNOT_START
    say(told)
    return code


def run(settings: Settings, stop: threading.Event, *, once: bool, tell: Callable[[str], None]) -> Exit:
    """Write until told to stop, or `once` until everything that is there is written. Raises `CannotStart`."""
    if not settings.url:
        raise CannotStart("No address is set, so nothing is written. Say --influx, or set NACHTWACHT_INFLUX.")
    url = checked(settings.url, insecure=settings.insecure)
    token_of(settings.token_file)
    if settings.ca is not None and not settings.ca.is_file():
        raise CannotStart(f"{settings.ca}: there is no such file of certificates.")
    try:
        import influxdb_client  # noqa: F401  # so that it is missed here and not in the middle of a turn
    except ImportError as error:
        raise CannotStart("influxdb-client is not installed here. Say: pip install 'nachtwacht[series]'") from error
    server = Influx(url, settings.organisation, settings.bucket, lambda: _token(settings), settings.ca)
    try:
        with alone(settings.file):
            made = Series(
                settings.journal,
                settings.file,
                server,
                target=settings.target,
                clock=SystemClock(),
                sees=settings.sees,
                since=settings.since,
                tell=tell,
            )
            return _once(stop, made) if once else _until(stop, made)
    except Busy as error:
        raise CannotStart(f"{settings.file}: another process writes from it already.") from error
    except OSError as error:
        raise CannotStart(f"{settings.file}: the progress cannot be kept there: {error.strerror}.") from error


def state(settings: Settings) -> tuple[str, Exit]:
    """Return what the progress file says in one line, and as what a command that only asks ends."""
    found = series.read(settings.file)
    if found is None:
        return f"{settings.file}: nothing was written yet.", Exit.BEHIND
    now = SystemClock().now()
    silent_s = (now - found.at).total_seconds()
    said = series.told(found)
    if silent_s > 3 * series.NOTED_S:
        said += f" Noted {silent_s:.0f} s ago: nothing writes now."
    if found.trouble or found.behind:
        return said, Exit.BEHIND
    return said, Exit.ASIDE if found.aside or found.unreadable else Exit.WRITTEN


def _token(settings: Settings) -> str:
    try:
        return token_of(settings.token_file)
    except CannotStart as error:
        raise Unreachable(str(error)) from error


def _once(stop: threading.Event, made: Series) -> Exit:
    before = made.progress
    while not stop.is_set():
        made.turn()
        if made.progress.trouble:
            return Exit.BEHIND
        if made.caught_up:
            alike = (made.progress.aside, made.progress.unreadable) == (before.aside, before.unreadable)
            return Exit.WRITTEN if alike else Exit.ASIDE
    return Exit.BEHIND


def _until(stop: threading.Event, made: Series) -> Exit:
    dog = Watchdog()
    notify("READY=1")
    while not stop.is_set():
        due_s = time.monotonic() + made.turn()
        notify(f"STATUS={series.told(made.progress)}")
        dog.turned(time.monotonic())
        while (left_s := due_s - time.monotonic()) > 0 and not stop.wait(min(left_s, SLICE_S)):
            dog.turned(time.monotonic())
    notify("STOPPING=1")
    return Exit.WRITTEN
