"""How long a building keeps what it wrote."""

import sqlite3
from datetime import datetime, timedelta

from care import forgetting
from care.records import CENTRE

RAW_FOR = timedelta(days=30)  # what sensors said; it never leaves the building
TOLD_FOR = timedelta(days=90)  # what the centre has on disk: so far back may a backup lie that the centre restores


def forget(db: sqlite3.Connection, now: datetime, *, had: int) -> int:
    """Take out a few of the records that are kept long enough; return how many. For when there is nothing else to do.

    `had` is the number up to which the centre has said that it has everything on disk, 0 if it has said nothing.
    """
    raw = forgetting.forget_raw(db, now - RAW_FOR, now=now)
    return raw + forgetting.forget_told(db, CENTRE, now - TOLD_FOR, now=now, had=had)
