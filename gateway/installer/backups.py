"""Everything of a building in one file, and from that file to another machine.

The file is a copy of the journal with what else a spare machine needs beside it: the plan, who the gateway is to its
centre, the passwords of its broker, and the Zigbee network with its keys, so that no sensor has to be paired again.
Whoever has the file can be this building; it is written for its owner only, and a passphrase seals it.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from care import journal
from care.files import put, settle
from care.homes import Site, read
from care.language import mark
from gateway.installer import seals

OWNER_ONLY = 0o600
FILE_MAX = 64_000_000  # bytes of one file beside the journal; the database of 300 Zigbee devices has half a million
FILES_MAX = 1_000
NAME = "{site}-{day:%Y-%m-%d}.backup"

_TABLES = """
CREATE TABLE plan (one INTEGER PRIMARY KEY CHECK (one = 1), text TEXT NOT NULL, made_at TEXT NOT NULL) STRICT;
CREATE TABLE carried (
    part TEXT NOT NULL, name TEXT NOT NULL, mode INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (part, name)
) STRICT;
"""


class Part(StrEnum):
    """A folder whose files are carried along."""

    IDENTITY = "identity"  # who the gateway is to its centre
    BROKER = "broker"  # the passwords of the building's broker
    BRIDGE = "bridge"  # Zigbee2MQTT: its settings, its devices, the keys of its network


_BRIDGE_FILES = (
    "configuration.yaml",
    "secret.yaml",
    "devices.yaml",
    "groups.yaml",
    "database.db",
    "coordinator_backup.json",
    "external_converters/*",
)
KEYS = "coordinator_backup.json"
"""What a new coordinator takes the network over from (Zigbee2MQTT writes it once a day, and when it stops)."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of a building are on this machine."""

    plan: Path
    journal: Path
    folders: Mapping[Part, Path]


class About(NamedTuple):
    """What a backup holds."""

    site: Site
    made_at: datetime
    files: Mapping[Part, tuple[str, ...]]


class NoBackup(Exception):
    """It cannot be made, or cannot be used: a message with its values, to be translated. Nothing was changed."""

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message.format(**values))
        self.message, self.values = message, values


def back_up(places: Places, out: Path, now: datetime, passphrase: str = "") -> About:
    """Write a building as it is at this moment, and read it again. A daemon may go on meanwhile.

    Takes the place of a file that is there. Raises `NoBackup`, `BadPlan`, `OSError` and `sqlite3.Error`.
    """
    text = places.plan.read_text(encoding="utf-8")
    read(text, file=str(places.plan))
    carried = [(part, name, *_content(folder / name)) for part, folder, name in _found(places)]
    written = _beside(out, "new")
    # What will be sealed never lies open on the stick or share that it is for.
    half = _beside(places.journal, "backup") if passphrase else written
    try:
        _empty(half)
        with contextlib.closing(journal.connect(places.journal, read_only=True)) as db:
            journal.copy_to(db, half)
        with contextlib.closing(sqlite3.connect(half, isolation_level=None)) as copy, copy:
            copy.executescript(_TABLES)
            copy.execute("INSERT INTO plan VALUES (1, ?, ?)", (text, now.isoformat()))
            copy.executemany("INSERT INTO carried VALUES (?, ?, ?, ?)", carried)
        if passphrase:
            _empty(written)
            with half.open("rb") as plain, written.open("wb") as sealed:
                seals.seal(plain, sealed, passphrase)
        about = examine(written, passphrase, aside=places.journal)
        settle(written)
        written.replace(out)
        settle(out.parent)
    finally:
        half.unlink(missing_ok=True)
        written.unlink(missing_ok=True)
    return about


def examine(file: Path, passphrase: str = "", *, aside: Path | None = None) -> About:
    """Say what a backup holds, having read all of it. Raises `NoBackup`, `BadPlan` and `OSError`.

    A sealed one is opened beside the file `aside`, or beside itself, and goes from there again.
    """
    with _opened(file, passphrase, _beside(aside or file, "look")) as half:
        return _whole(file, half)


def restore(file: Path, places: Places, passphrase: str = "") -> About:
    """Put down everything that a backup holds, or nothing. The plan comes last: without it no daemon starts.

    The journal gets a new identity: its numbers are its own from here on. One that was cut off half-way is cleared
    away first. Raises `NoBackup`, `FileExistsError` if anything is there already, `BadPlan`, `OSError` and
    `sqlite3.Error`.
    """
    with _opened(file, passphrase, _beside(places.journal, "half")) as half:
        about = _whole(file, half)
        _clear_what_was_cut_off(places)
        files = [(part, places.folders[part] / name) for part, names in about.files.items() for name in names]
        targets = [*(target for _, target in files), places.journal, places.plan]
        taken = next((one for one in (*targets, _wal(places.journal)) if one.exists()), None)
        if taken is not None:
            raise FileExistsError(taken)
        _put(_marker(places), json.dumps([str(one.absolute()) for one in targets]).encode(), OWNER_ONLY)
        try:
            _put_down(half, places, files)
        except BaseException:
            _clear_what_was_cut_off(places)
            raise
        _marker(places).unlink()
    return about


def take_journal(file: Path, out: Path) -> None:
    """Put the journal of a backup, and nothing else of it, in the place of one. Raises `NoBackup` and `OSError`."""
    with _opened(file, "", _beside(out, "half")) as half:
        _whole(file, half)
        _journal_alone(half)
        half.replace(out)
    _as_its_folder(out)
    settle(out.parent)


def _put_down(half: Path, places: Places, files: list[tuple[Part, Path]]) -> None:
    with contextlib.closing(sqlite3.connect(half, isolation_level=None)) as copy:
        for part, target in files:
            name = target.relative_to(places.folders[part]).as_posix()
            row = copy.execute("SELECT mode, body FROM carried WHERE part = ? AND name = ?", (part, name)).fetchone()
            _make_folder(target.parent)
            _put(target, row[1], row[0])
        (text,) = copy.execute("SELECT text FROM plan").fetchone()
    _journal_alone(half)
    half.replace(places.journal)
    _as_its_folder(places.journal)
    _put(places.plan, text.encode(), 0o644)  # there are ids in it, and no names or keys


def _journal_alone(half: Path) -> None:
    with contextlib.closing(sqlite3.connect(half, isolation_level=None)) as copy, copy:
        copy.execute("DROP TABLE plan")
        copy.execute("DROP TABLE carried")
        journal.renew(copy)
    settle(half)


def _clear_what_was_cut_off(places: Places) -> None:
    """Take away what a restore put down that did not come to its end."""
    marker = _marker(places)
    if not marker.exists():
        return
    if not places.plan.exists():
        with contextlib.suppress(ValueError):  # the marker itself was cut off: nothing had been put down yet
            for target in json.loads(marker.read_bytes()):
                Path(target).unlink(missing_ok=True)
    marker.unlink()


def _marker(places: Places) -> Path:
    return places.plan.with_name(f"{places.plan.name}.restoring")


def _whole(file: Path, half: Path) -> About:
    """Return what an opened backup holds, or raise `NoBackup`."""
    try:
        with contextlib.closing(sqlite3.connect(f"{half.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise NoBackup(mark("{file}: the backup is damaged: {fault}."), file=file, fault=found)
            db.execute("SELECT count(*) FROM journal").fetchone()
            text, made_at = db.execute("SELECT text, made_at FROM plan").fetchone()
            names: dict[Part, tuple[str, ...]] = {}
            for part, name in db.execute("SELECT part, name FROM carried ORDER BY part, name").fetchall():
                names[Part(part)] = (*names.get(Part(part), ()), _inside(name))
    except (sqlite3.DatabaseError, TypeError, ValueError) as error:
        raise NoBackup(mark("{file}: no backup of a building: {fault}."), file=file, fault=error) from error
    return About(read(text, file=f"the plan in {file}"), datetime.fromisoformat(made_at), names)


@contextlib.contextmanager
def _opened(file: Path, passphrase: str, half: Path) -> Iterator[Path]:
    """Give a copy of a backup that may be changed, opened if it was sealed; it is gone afterwards."""
    try:
        _empty(half)
        with file.open("rb") as packed, half.open("wb") as out:
            if not seals.is_sealed(packed):
                while piece := packed.read(1 << 20):
                    out.write(piece)
            elif not passphrase:
                raise NoBackup(mark("{file} is sealed: its passphrase is needed."), file=file)
            else:
                seals.unseal(packed, out, passphrase)
        yield half
    except seals.NotOpened as error:
        raise NoBackup(
            mark("{file}: not opened. The passphrase is another one, or the file is damaged."), file=file
        ) from error
    finally:
        half.unlink(missing_ok=True)


def _found(places: Places) -> Iterator[tuple[Part, Path, str]]:
    """Find the files that are carried along, by name inside their folder."""
    count = 0
    for part, folder in places.folders.items():
        for pattern in _BRIDGE_FILES if part is Part.BRIDGE else ("*",):
            for one in sorted(folder.glob(pattern)):
                if one.is_file() and not one.name.startswith("."):
                    count += 1
                    if count > FILES_MAX:
                        raise NoBackup(mark("{folder} holds more than {limit} files."), folder=folder, limit=FILES_MAX)
                    yield part, folder, one.relative_to(folder).as_posix()


def _content(file: Path) -> tuple[int, bytes]:
    found = file.stat()
    if found.st_size > FILE_MAX:
        raise NoBackup(mark("{file} is larger than {limit} MB."), file=file, limit=FILE_MAX // 1_000_000)
    return found.st_mode & 0o777, file.read_bytes()


def _inside(name: str) -> str:
    """Return a name that stays in its folder. Raises `ValueError`: nobody who backs up writes another one."""
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts:
        raise ValueError(f"{name!r} is no name of a file in it")
    return name


def _beside(file: Path, what: str) -> Path:
    return file.with_name(f".{file.name}.{what}")


def _wal(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def _empty(file: Path) -> None:
    """Make an empty file that only its owner can read."""
    file.unlink(missing_ok=True)
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY))


def _put(file: Path, body: bytes, mode: int) -> None:
    """Write a file wholly, onto the disk, for whoever owns its folder."""
    put(file, body, mode=mode)
    _as_its_folder(file)
    settle(file.parent)


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        _make_folder(folder.parent)
        folder.mkdir(mode=0o750)
        _as_its_folder(folder)


def _as_its_folder(file: Path) -> None:
    if os.geteuid() == 0:
        owner = file.parent.stat()
        os.chown(file, owner.st_uid, owner.st_gid)
