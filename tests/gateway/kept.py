"""What stands in a building's journal on disk."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from care import journal
from care.records import Record


@contextlib.contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(journal.connect(file)) as db:
        yield db


def kept(db: sqlite3.Connection) -> list[Record]:
    return [entry.record for entry in journal.read_after(db, 0)]
