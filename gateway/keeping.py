"""How long a building keeps what it wrote, and how all of it is carried to another machine in one file."""

import contextlib
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

from care import journal
from care.homes import read
from care.records import CENTRE

RAW_FOR = timedelta(days=30)  # what sensors said; it never leaves the building
TOLD_FOR = timedelta(days=90)  # what the centre has on disk: so far back may a backup lie that the centre restores

_PLAN = "CREATE TABLE plan (one INTEGER PRIMARY KEY CHECK (one = 1), text TEXT NOT NULL) STRICT"


class NoBackup(Exception):
    """A file that is no whole backup of a building: one sentence."""


def forget(db: sqlite3.Connection, now: datetime, *, had: int) -> int:
    """Take out a few of the records that are kept long enough; return how many. For when there is nothing else to do.

    `had` is the number up to which the centre has said that it has everything on disk, 0 if it has said nothing.
    """
    raw = journal.forget(db, now - RAW_FOR, now=now)
    return raw + journal.forget_told(db, CENTRE, now - TOLD_FOR, now=now, had=had)


def back_up(file: Path, plan: str, out: Path) -> None:
    """Write a journal, as it is at this moment, and a plan into one file. A daemon may go on writing meanwhile."""
    half = out.with_name(f"{out.name}.half")
    half.unlink(missing_ok=True)
    try:
        with contextlib.closing(journal.connect(file, read_only=True)) as db:
            journal.copy_to(db, half)
        with contextlib.closing(sqlite3.connect(half, isolation_level=None)) as copy:
            copy.executescript(_PLAN)
            copy.execute("INSERT INTO plan VALUES (1, ?)", (plan,))
        half.replace(out)
    finally:
        half.unlink(missing_ok=True)


def restore(backup: Path, file: Path, plan: Path) -> None:
    """Make a journal and a plan of a backup. The journal gets a new identity: its numbers are its own from here on.

    Raises `NoBackup` if it is none or not whole, `FileExistsError` if either is there already, and `BadPlan`.
    """
    for taken in (file, plan):
        if taken.exists():
            raise FileExistsError(taken)
    half = file.with_name(f"{file.name}.half")
    half.unlink(missing_ok=True)
    try:
        text = _unpacked(backup, half)
        read(text, file=f"the plan in {backup}")
        plan.write_text(text, encoding="utf-8")
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)


def _unpacked(backup: Path, half: Path) -> str:
    try:
        with contextlib.closing(journal.connect(backup, read_only=True)) as packed:
            journal.copy_to(packed, half)
        with contextlib.closing(sqlite3.connect(half, isolation_level=None)) as copy:
            (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise NoBackup(f"{backup}: damaged: {found}.")
            (text,) = copy.execute("SELECT text FROM plan").fetchone()
            copy.execute("DROP TABLE plan")
            journal.renew(copy)
    except (sqlite3.DatabaseError, TypeError) as error:
        raise NoBackup(f"{backup}: no backup of a building: {error}.") from error
    return str(text)
