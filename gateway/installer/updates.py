"""Another version of Nachtwacht beside the one that runs: tried, and kept only if the building goes on watching.

Each version has a folder of its own, `versions/<version>`, and can be started once `ready` stands in it. `current` and
`previous` are links, replaced at once; the service starts what `current` leads to. While a version is on trial, that is
written in `trial.json`: after a power cut the version from before goes on with it. So whatever moment the power goes,
what `current` leads to can be started.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from care.files import settle
from care.language import mark
from gateway.installer import backups

PACKAGE = "nachtwacht-gateway"
ROOT = Path("/opt/nachtwacht")
PATIENCE_S = 180.0  # a month of a large journal on a slow card, the broker, and one proof a minute
ENDS_MAX = 3  # so often a version may end by itself before it is given up
LOOK_EVERY_S = 2.0
MAKE_WITHIN_S = 900.0
SAYS_WITHIN_S = 60.0


class Health(StrEnum):
    """How the daemon is, from worst to best."""

    AWAY = "away"
    STARTING = "starting"
    RUNNING = "running"  # it takes its turns
    PROVEN = "proven"  # a message it sent by the way of its sensors came back, and what it wrote is on disk


class Seen(NamedTuple):
    """What is to be seen of a trial at one moment."""

    current: str
    restarted: bool  # since the link was put there, by this process
    health: Health
    ends: int  # how often the daemon ended by itself since
    waited_s: float  # since the restart


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A version that takes the place of another, as it is kept on disk until that is decided."""

    came_from: str
    goes_to: str
    expects: Health  # what the version before was: a new one may be no worse
    back: bool = False  # given up: the one before is put back
    journal: str = ""  # the journal, of which make its format was, and the backup that was made before
    make: int = 0
    copy: str = ""


class Step(StrEnum):
    """What to do next in a trial."""

    SWITCH = "switch"
    RESTART = "restart"
    WAIT = "wait"
    KEEP = "keep"
    TURN_BACK = "turn-back"
    GIVE_UP = "give-up"  # the version before does not come up either; systemd goes on trying it


class NotUpdated(Exception):
    """It did not work: a message with its values, to be translated."""

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message.format(**values))
        self.message, self.values = message, values


class Service(Protocol):
    """The daemon, as whoever starts it sees it."""

    def restart(self) -> None:
        """Start what `current` leads to, in place of what runs."""
        ...

    def stop(self) -> None:
        """End it, and return when it has ended."""
        ...

    def health(self) -> tuple[Health, int]:
        """Return how it is, and how often it ended by itself since it was last started here."""
        ...


def next_step(trial: Trial, seen: Seen, patience_s: float) -> Step:
    """Return what to do next. It depends on nothing but this, so that it can be asked again after a power cut."""
    if seen.current != (trial.came_from if trial.back else trial.goes_to):
        return Step.SWITCH
    if not seen.restarted:
        return Step.RESTART
    if _order(seen.health) >= _order(trial.expects):
        return Step.KEEP
    if seen.waited_s < patience_s and seen.ends < ENDS_MAX:
        return Step.WAIT
    return Step.GIVE_UP if trial.back else Step.TURN_BACK


def _order(health: Health) -> int:
    return list(Health).index(health)


class Versions:
    """The folder in which the versions are."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self._trial = root / "trial.json"

    def folder(self, version: str) -> Path:
        """Return where a version is, or would be."""
        return self.root / "versions" / version

    @property
    def current(self) -> str:
        """The version that is started; empty before there is one."""
        return self._leads_to("current")

    @property
    def previous(self) -> str:
        """The version before it, which can be gone back to; empty if there is none."""
        return self._leads_to("previous")

    def ready(self) -> list[str]:
        """Return the versions that can be started, by name."""
        return sorted(one.parent.name for one in (self.root / "versions").glob("*/ready"))

    @property
    def trial(self) -> Trial | None:
        """The trial that has not come to its end. What cannot be read was cut off before anything was switched."""
        try:
            return msgspec.json.decode(self._trial.read_bytes(), type=Trial)
        except (OSError, msgspec.DecodeError):
            return None

    def keep_trial(self, trial: Trial) -> None:
        """Write down where a trial stands, before that is done."""
        new = self._trial.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(trial))
        settle(new)
        new.replace(self._trial)
        settle(self.root)

    def end_trial(self) -> None:
        """Forget the trial, and the versions that are neither started nor gone back to."""
        self._trial.unlink(missing_ok=True)
        settle(self.root)
        for one in (self.root / "versions").iterdir():
            if one.name not in {self.current, self.previous}:
                shutil.rmtree(one, ignore_errors=True)

    def link(self, name: str, version: str) -> None:
        """Let `current` or `previous` lead to a version that is ready. Raises `NotUpdated` if it is not."""
        if not (self.folder(version) / "ready").exists():
            raise NotUpdated(mark("Version {version} is not there, or was never made ready."), version=version)
        new = self.root / f".{name}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(Path("versions") / version)
        new.replace(self.root / name)
        settle(self.root)

    def make(self, version: str) -> None:
        """Make a version that was unpacked ready to start. Raises `NotUpdated`; it is gone then."""
        folder = self.folder(version)
        try:
            _run([str(folder / "make-version")], MAKE_WITHIN_S)
        except (OSError, subprocess.SubprocessError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            why = _last_line(error)
            raise NotUpdated(
                mark("Version {version} could not be made ready: {fault}."), version=version, fault=why
            ) from error

    def unpack(self, package: Path) -> str:
        """Unpack a package beside the versions that are there, and make it ready; return its version.

        Whatever version runs goes on. Raises `NotUpdated`.
        """
        version = version_of(package)
        if version in self.ready():
            return version
        aside = self.root / ".unpacked"
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(self.folder(version), ignore_errors=True)  # one that was cut off
        try:
            _run(["dpkg-deb", "--extract", str(package), str(aside)], MAKE_WITHIN_S)
            self.folder(version).parent.mkdir(exist_ok=True)
            (aside / "opt" / "nachtwacht" / "versions" / version).rename(self.folder(version))
        except (OSError, subprocess.SubprocessError) as error:
            why = _last_line(error)
            raise NotUpdated(mark("{file} cannot be unpacked: {fault}."), file=package, fault=why) from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        self.make(version)
        return version

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one that changes anything here. Raises `NotUpdated` if somebody else does already."""
        with (self.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise NotUpdated(mark("Another update is going on. Wait until it is over.")) from error
            yield

    def _leads_to(self, name: str) -> str:
        try:
            return (self.root / name).readlink().name
        except OSError:
            return ""


def try_out(
    versions: Versions,
    service: Service,
    monotonic_s: Callable[[], float],
    rest: Callable[[float], None],
    patience_s: float = PATIENCE_S,
) -> Trial:
    """Carry the trial that is written down to its end; return it: `back` says whether it was given up.

    `current` then leads to a version that is at least as well as the one before, or to that one itself.
    """
    trial = versions.trial
    if trial is None:
        raise NotUpdated(mark("No version is on trial. Nothing was changed."))
    restarted, since_s = False, monotonic_s()
    while True:
        health, ends = service.health() if restarted else (Health.AWAY, 0)
        seen = Seen(versions.current, restarted, health, ends, monotonic_s() - since_s)
        match next_step(trial, seen, patience_s):
            case Step.SWITCH:
                if trial.back:
                    _put_journal_back(trial, service)
                else:
                    versions.link("previous", trial.came_from)
                versions.link("current", trial.came_from if trial.back else trial.goes_to)
                restarted = False
            case Step.RESTART:
                service.restart()
                restarted, since_s = True, monotonic_s()
            case Step.WAIT:
                rest(LOOK_EVERY_S)
            case Step.TURN_BACK:
                trial = msgspec.structs.replace(trial, back=True)
                versions.keep_trial(trial)
            case Step.KEEP | Step.GIVE_UP:
                versions.end_trial()
                return trial


def make_of(journal: Path) -> int:
    """Return of which make the format of a journal is; 0 if it cannot be told."""
    try:
        with contextlib.closing(sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True)) as db:
            (make,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        return 0
    return int(make)


def _put_journal_back(trial: Trial, service: Service) -> None:
    """Put the journal of before back, if the newer version made it one that the older one cannot read.

    What was written meanwhile stays beside it, as `<journal>.of-<version>`; the centre had it already.
    """
    file, copy = Path(trial.journal), Path(trial.copy)
    if not trial.journal or make_of(file) == trial.make or not copy.exists():
        return
    service.stop()
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    aside = file.with_name(f"{file.name}.of-{trial.goes_to}")
    if not aside.exists():
        os.link(file, aside)
    for beside in ("-wal", "-shm"):
        file.with_name(f"{file.name}{beside}").unlink(missing_ok=True)
    backups.take_journal(copy, file)


def version_of(package: Path) -> str:
    """Return the version of a package of ours. Raises `NotUpdated` for anything else."""
    try:
        said = _run(["dpkg-deb", "--field", str(package), "Package", "Version"], SAYS_WITHIN_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotUpdated(
            mark("{file} is no Debian package: {fault}."), file=package, fault=_last_line(error)
        ) from error
    fields = dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)
    if fields.get("Package") != PACKAGE or "/" in fields.get("Version", "/"):
        raise NotUpdated(mark("{file} is another package, not {package}."), file=package, package=PACKAGE)
    return fields["Version"]


def expect_genuine(package: Path, *, sha256: str = "", signature: Path | None = None, key: Path | None = None) -> None:
    """Raise `NotUpdated` unless a package is what its maker sent out: by its digest, its signature, or both.

    The signature is Ed25519 over the whole file, 64 bytes, by the key in `key` (PEM).
    """
    if sha256:
        with package.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256.strip().lower():
            raise NotUpdated(
                mark("{file} is not what was sent out: its SHA-256 is {found}. Nothing was changed."),
                file=package,
                found=found,
            )
    if signature is not None and key is not None:
        _expect_signed(package, signature, key)
    elif not sha256:
        raise NotUpdated(
            mark("Nothing says that {file} is genuine. Give its SHA-256, or its signature beside it ({file}.sig)."),
            file=package,
        )


def _expect_signed(package: Path, signature: Path, key: Path) -> None:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        public = load_pem_public_key(key.read_bytes())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise NotUpdated(mark("{file} is no public key (Ed25519, PEM)."), file=key) from error
    if not isinstance(public, Ed25519PublicKey):
        raise NotUpdated(mark("{file} is no public key (Ed25519, PEM)."), file=key)
    try:
        public.verify(signature.read_bytes(), package.read_bytes())
    except InvalidSignature as error:
        raise NotUpdated(
            mark("{file} was not signed by the maker of Nachtwacht. Nothing was changed."), file=package
        ) from error


class Systemd:
    """The daemon as systemd sees it."""

    def __init__(self, unit: str = "nachtwacht-gateway.service") -> None:
        self._unit = unit
        self._before = ""  # the invocation that was replaced

    def restart(self) -> None:
        """Start it without waiting for it. Raises `NotUpdated` if systemd does not answer."""
        self._before = self._shown().get("InvocationID", "")
        _systemctl("daemon-reload")
        _systemctl("restart", "--no-block", self._unit)

    def stop(self) -> None:
        """End it. Raises `NotUpdated` if systemd does not answer."""
        _systemctl("stop", self._unit)

    def health(self) -> tuple[Health, int]:
        """Ask systemd. Raises `NotUpdated` if it does not answer."""
        shown = self._shown()
        ends = int(shown.get("NRestarts") or 0)
        state = shown.get("ActiveState")
        if state in {"activating", "reloading"} or (self._before and shown.get("InvocationID") == self._before):
            return Health.STARTING, ends
        if state != "active":
            return Health.AWAY, ends
        return Health.PROVEN if "Proven " in shown.get("StatusText", "") else Health.RUNNING, ends

    def _shown(self) -> dict[str, str]:
        said = _systemctl("show", self._unit, "-p", "ActiveState,StatusText,NRestarts,InvocationID")
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def _systemctl(*words: str) -> str:
    try:
        return _run(["systemctl", *words], SAYS_WITHIN_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotUpdated(mark("systemd does not answer: {fault}."), fault=_last_line(error)) from error


def _run(command: list[str], within_s: float) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=within_s)
    return done.stdout


def _last_line(error: Exception) -> str:
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else ""
    return (str(said or "").strip().splitlines() or [str(error)])[-1]
