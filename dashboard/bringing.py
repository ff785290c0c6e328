"""Bringing news: once a minute the lookout asks whom of family and neighbours there is something to tell.

What, and when, is decided in `care.news`. Not each second: nobody waits for it, and everybody's wishes are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from care import news
from care.board import Board
from care.database import Database
from care.records import Record
from dashboard import contacts, tastes

EVERY = timedelta(minutes=1)
AT_ONCE = 100  # the others follow a second later: a morning in every building at once holds up no alert


@dataclass
class News:
    """Knows when it last had nothing to bring."""

    people: Database
    _nothing_at: datetime | None = None

    def due(self, board: Board, now: datetime) -> Sequence[Record]:
        """Return the messages that are due, some at a time. Raises `sqlite3.Error`."""
        if self._nothing_at is not None and timedelta() <= now - self._nothing_at < EVERY:
            return ()
        told = news.due(board, tastes.asked_for(self.people), partial(contacts.ways, self.people), now)
        found = list(islice(told, AT_ONCE))
        self._nothing_at = None if found else now
        return found
