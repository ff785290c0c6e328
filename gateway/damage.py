"""A journal that cannot be written or read: what is the matter with it, and how a damaged one makes room for a new."""

import contextlib
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import structlog

from care import journal
from gateway import remembered

log = structlog.get_logger()


def trouble_of(error: sqlite3.Error) -> str:
    """Return what is the matter when SQLite refuses: "disk", or "journal" where what is written there is damaged."""
    code = getattr(error, "sqlite_errorcode", None)
    damaged = code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return "journal" if damaged else "disk"


def set_aside(file: Path, at: datetime, why: str) -> None:
    """Rename a damaged journal, so that a start makes a new one. It keeps what was learned, if that can be read."""
    aside = file.with_name(f"{file.name}.damaged-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    for suffix in ("", "-wal", "-shm"):
        part = file.with_name(file.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    log.error("journal_set_aside", file=str(aside), why=why)
    with contextlib.suppress(sqlite3.Error), contextlib.closing(journal.connect(aside, read_only=True)) as damaged:
        saved = journal.load_snapshot(damaged)
        learned = None if saved is None else remembered.salvaged(saved[1])
        if learned is not None:
            with contextlib.closing(journal.connect(file)) as db:
                journal.save_snapshot(db, 0, learned)


def last_set_aside(file: Path) -> datetime | None:
    """Return when a damaged journal was last set aside here, by the names of the files."""
    named = re.compile(re.escape(file.name) + r"\.damaged-(\d{8}T\d{6}Z)")
    found = [match[1] for one in file.absolute().parent.iterdir() if (match := named.fullmatch(one.name))]
    return datetime.strptime(max(found), "%Y%m%dT%H%M%S%z") if found else None
