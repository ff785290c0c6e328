"""Whether the centre lives, and whether it can take and tell alerts: found out by trying.

It *lives* when its journal can be read and it looks around every second: if not, starting it again may help. It is
*ready* when it can also write, is connected to its broker, knows what the journal holds, and can read who works here.
A broker that is away is no reason to start a centre again; it is one to send nobody there.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from care import journal
from care.database import Database
from dashboard.centre import Centre
from dashboard.intake import Ears
from dashboard.lookout import Lookout

ANSWER_S = 5.0  # that the journal may take to answer; past this nobody at the desk gets an answer either
GOOD_FOR_S = 5.0  # that what came of trying is told again: whoever asks often costs the disk nothing
LOOKS_S = 15.0  # between two looks of the lookout, which looks every second; systemd waits twice as long
BEHIND_MAX = 1_000  # records on disk that are not on the board: more is not a moment any more


class Part(StrEnum):
    """What the centre cannot do without."""

    JOURNAL_READ = "journal-read"
    JOURNAL_WRITTEN = "journal-written"
    BOARD = "board"
    LOOKOUT = "lookout"
    BROKER = "broker"
    PEOPLE = "people"


LIFE = frozenset({Part.JOURNAL_READ, Part.LOOKOUT})
"""What a new start may mend."""


class Tried(NamedTuple):
    """What came of trying the journal."""

    number: int | None  # of the newest record on disk; None: it could not be read
    answer_s: float  # until it had been read, or had not
    why_not_read: str = ""
    why_not_written: str = ""


@dataclass(slots=True)
class Tries:
    """Tries the journal, and tells what came of it for some seconds."""

    monotonic: Callable[[], float] = time.monotonic
    _last: tuple[float, Tried] | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def tried(self, centre: Centre) -> Tried:
        """Return what came of the last try, or of a new one."""
        async with self._turn:
            if self._last is None or self.monotonic() - self._last[0] >= GOOD_FOR_S:
                self._last = (self.monotonic(), await self._try(centre))
            return self._last[1]

    async def _try(self, centre: Centre) -> Tried:
        began_s = self.monotonic()
        try:
            async with asyncio.timeout(ANSWER_S):
                number = await centre.ask(journal.last_number)
        except (sqlite3.Error, TimeoutError) as error:
            why = _why(error)
            return Tried(None, self.monotonic() - began_s, why, why)
        answer_s = self.monotonic() - began_s
        try:
            async with asyncio.timeout(ANSWER_S):
                now = centre.now()
                await centre.ask(lambda db: journal.touch(db, now))
        except (sqlite3.Error, TimeoutError) as error:
            return Tried(number, answer_s, why_not_written=_why(error))
        return Tried(number, answer_s)


def wrong(
    tried: Tried, centre: Centre, intake: Ears | None, people: Database, lookout: Lookout | None
) -> dict[Part, str]:
    """Return what the centre cannot do now, each with one sentence that says why; nothing when all is well.

    That a record could not be written counts until one could be: on a full disk a date may still fit in.
    """
    said: dict[Part, str] = {}
    if tried.why_not_read:
        said[Part.JOURNAL_READ] = f"The journal cannot be read: {tried.why_not_read}."
    if why := tried.why_not_written or centre.unwritten:
        said[Part.JOURNAL_WRITTEN] = f"The journal cannot be written: {why}."
    if tried.number is not None and tried.number - centre.number > BEHIND_MAX:
        said[Part.BOARD] = f"The board is {tried.number - centre.number} records behind the journal."
    if lookout is not None and lookout.looked_ago_s > LOOKS_S:
        said[Part.LOOKOUT] = f"Nothing was looked at for {lookout.looked_ago_s:.0f} s."
    if intake is None or not intake.connected:
        said[Part.BROKER] = "There is no connection to the broker."
    try:
        people.execute("SELECT 1 FROM staff LIMIT 1").fetchone()
    except sqlite3.Error as error:
        said[Part.PEOPLE] = f"The people store cannot be read: {error}."
    return said


def _why(error: Exception) -> str:
    return f"no answer within {ANSWER_S:.0f} s" if isinstance(error, TimeoutError) else str(error)
