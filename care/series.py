"""A journal written on into a time series: from a cursor, in batches, and resumed exactly after whatever happened.

The journal stays the truth. Records after the cursor are read, become points (`care.points`), are written to a server,
and only then the cursor moves. Killed between the two, the same points are written again: the same points, so nothing
changes. The journal is opened to be read and closed again in every turn: whoever writes in it, upgrades it or takes
somebody out of it waits for nobody.

How far it is stands in one small file beside the cursor, for people and for programs (`Progress`, `docs/series.md`).
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from care import database, files, journal
from care.clock import Clock
from care.database import Database, Where, shown
from care.journal import Entry
from care.points import line, points
from detectors.homes import Instant, SiteId

BATCH = 2_000  # records read in one turn
REQUEST = 5_000  # points written in one request
IDLE_S = 5.0  # between two looks at a journal of which everything is written
NOTED_S = 60.0  # after which the progress is written although nothing changed: whoever wrote it is alive
WAIT_MAX_S = 60.0  # between two tries
RETRY_AFTER_MAX_S = 3600.0  # a server that asks for more is tried after this
ASIDE_KEPT = 20  # of the points set aside, the newest
ALL_REFUSED = 16  # so many points one by one, and none taken: the server refuses whatever it is sent
SAID_MAX = 300  # letters of what a server says that are kept

_OF_THE_POINTS = frozenset({400, 413, 422})  # what a server may say of one point among many, and of their number
_OF_WHO_WE_ARE = frozenset({401, 403, 404})  # what somebody must put right: no use in trying often


class Refused(Exception):
    """A server answered, and took nothing, or not everything."""

    def __init__(self, status: int, why: str, retry_after: str | None = None) -> None:
        super().__init__(f"{status}: {why}")
        self.status = status
        self.why = why
        self.retry_after = retry_after  # as the header has it: seconds, or a date


class Unreachable(Exception):
    """A server did not answer, or not as one that takes points: a sentence."""


class Busy(Exception):
    """Another process writes from this cursor."""


class Server(Protocol):
    """Where points go."""

    def write(self, lines: Sequence[str]) -> None:
        """Write lines of line protocol; when it returns, they are taken. Raises `Refused` and `Unreachable`."""


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """A point that a server took not even alone."""

    at: Instant  # when it was set aside
    line: str
    status: int
    why: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a journal is written into one place. The file of it is JSON, replaced as a whole."""

    at: Instant  # when this was noted: every minute at least, as long as the process lives
    target: str  # address, organisation and bucket; another one begins at the beginning
    journal: str  # its identity; another one begins at the beginning
    number: int = 0  # of the last record that is written
    behind: int = 0  # records after it, at most (numbers of which some may have left)
    behind_s: float = 0.0  # age of the first of them
    written_at: Instant | None = None  # when a server last took something
    points: int = 0  # written so far
    aside: int = 0  # points set aside so far
    last_aside: tuple[Aside, ...] = ()
    unreadable: int = 0  # records passed over: of a newer version, or damaged
    gap_upto: int = 0  # up to this number records may have left the journal unread, if above 0
    trouble: str = ""  # why nothing is written now, in a sentence; "" if nothing is the matter
    trouble_since: Instant | None = None
    again_at: Instant | None = None  # when it is next tried


def read(file: Path) -> Progress | None:
    """Return the progress in a file; None if there is none, or nothing that can be read as one."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Progress)
    except (OSError, msgspec.DecodeError):
        return None


def told(progress: Progress) -> str:
    """Return how far it is in one line.

    >>> told(Progress(at=datetime(2026, 3, 3, tzinfo=UTC), target="here", journal="j", number=7, points=9))
    'here: written up to record 7, 0 behind, 9 points so far.'
    """
    said = f"{progress.target}: written up to record {progress.number}, {progress.behind} behind"
    if progress.behind:
        said += f" ({progress.behind_s:.0f} s)"
    said += f", {progress.points} points so far"
    if progress.aside:
        said += f", {progress.aside} set aside"
    if progress.unreadable:
        said += f", {progress.unreadable} records not readable"
    if progress.gap_upto:
        said += f", records up to {progress.gap_upto} may have left unread"
    return f"{said}. {progress.trouble}".rstrip() if progress.trouble else f"{said}."


def waits_s(retry_after: str, now: datetime) -> float | None:
    """Return for how long a server asks not to be tried (RFC 9110, 10.2.3), an hour at most; None if it is no such.

    >>> waits_s("7", datetime(2026, 3, 3, tzinfo=UTC)), waits_s("soon", datetime(2026, 3, 3, tzinfo=UTC))
    (7.0, None)
    >>> waits_s("Tue, 03 Mar 2026 00:01:00 GMT", datetime(2026, 3, 3, tzinfo=UTC))
    60.0
    """
    said = retry_after.strip()
    if said.isdecimal():
        return min(float(said), RETRY_AFTER_MAX_S)
    try:
        seconds = (parsedate_to_datetime(said).astimezone(UTC) - now).total_seconds()
    except ValueError:
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_S)


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Be the only one who writes from a cursor, until the end. Raises `Busy`, and `OSError`."""
    number = os.open(file.with_name(f"{file.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy from error
        yield
    finally:
        os.close(number)


class _Read(NamedTuple):
    """What one look at a journal found."""

    identity: str
    newest: int  # the highest number there is
    start: int  # after which was read
    upto: int  # the number of the last record that was looked at
    entries: list[Entry]
    unreadable: int
    forgotten: int  # up to which number records may have left


class Series:
    """One journal, one place: `turn` after `turn`, with nothing kept in memory that is not in the file."""

    def __init__(
        self,
        book: Where,
        file: Path,
        server: Server,
        *,
        target: str,
        clock: Clock,
        sees: Callable[[], Callable[[SiteId], bool]] = lambda: lambda _: True,
        since: datetime | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._journal = book
        self._file = file
        self._server = server
        self._clock = clock
        self._sees = sees
        self._since = since
        self._tell = tell
        self._tries = 0
        found, now = read(file), clock.now()
        if found is None or found.target != target:
            found = Progress(at=now, target=target, journal="")
        self.progress = found

    @property
    def caught_up(self) -> bool:
        """Whether everything that was in the journal at the last look is written."""
        return not self.progress.trouble and self.progress.behind == 0

    def turn(self) -> float:
        """Write the next batch, if there is one; return after how many seconds the next turn is due.

        Raises `OSError` if the progress cannot be kept: then nothing moves on, and the next start does it again.
        """
        now, before = self._clock.now(), self.progress
        try:
            found = self._look()
        except (sqlite3.Error, OSError) as error:
            return self._troubled(f"The journal {shown(self._journal)} cannot be read: {error}.", now, None)
        progress = self._begun(found, now)
        try:
            lines = self._lines(found.entries)
        except (sqlite3.Error, OSError) as error:
            return self._troubled(f"Whose building is whose cannot be read: {error}.", now, None)
        try:
            aside = self._written(lines, now)
        except Refused as error:
            waits = None if error.retry_after is None else waits_s(error.retry_after, now)
            if waits is None and error.status in _OF_WHO_WE_ARE:
                waits = WAIT_MAX_S
            self.progress = _behind(progress, found, now)
            return self._troubled(f"The server answered {error.status}: {error.why}", now, waits)
        except Unreachable as error:
            self.progress = _behind(progress, found, now)
            return self._troubled(str(error), now, None)
        for one in aside:
            self._tell(f"A point was set aside. The server answered {one.status}: {one.why}")
        if before.trouble:
            self._tell("It is written again.")
        self._tries = 0
        self.progress = msgspec.structs.replace(
            progress,
            number=found.upto,
            behind=found.newest - found.upto,
            behind_s=0.0 if found.newest == found.upto else _age_s(found.entries[-1:], now),
            written_at=now if lines else progress.written_at,
            points=progress.points + len(lines) - len(aside),
            aside=progress.aside + len(aside),
            last_aside=(*progress.last_aside, *aside)[-ASIDE_KEPT:],
            unreadable=progress.unreadable + found.unreadable,
            trouble="",
            trouble_since=None,
            again_at=None,
        )
        self._note(before, now)
        return 0.0 if self.progress.behind else IDLE_S

    def _look(self) -> _Read:
        """Read the next records, all in one view of the journal."""
        with closing(journal.at(self._journal, read_only=True)) as db, database.view(db):
            identity, newest = journal.identity(db), journal.last_number(db)
            start = self.progress.number
            if identity != self.progress.journal or newest < start:  # another one, or an older copy put back
                start = 0
            if self._since is not None:
                start = max(start, journal.first_since(db, self._since) - 1)
            entries, upto, unreadable = _next(db, start)
            row = None
            if journal.is_there(db, "forgotten"):
                row = db.execute("SELECT max(number) FROM forgotten").fetchone()
            return _Read(identity, newest, start, upto, entries, unreadable, (row and row[0]) or 0)

    def _begun(self, found: _Read, now: datetime) -> Progress:
        """Return the progress as it is for the journal that was found; a new one begins at the beginning."""
        was = self.progress
        if found.identity != was.journal or found.newest < was.number:
            if was.journal:
                self._tell(
                    f"{shown(self._journal)} is another journal, or an older copy of it: written from its beginning."
                )
            return Progress(at=now, target=was.target, journal=found.identity, aside=was.aside, points=was.points)
        if was.number and found.forgotten > max(found.start, was.gap_upto):
            self._tell(f"Records up to number {found.forgotten} may have left the journal before they were read.")
            return msgspec.structs.replace(was, gap_upto=found.forgotten)
        return was

    def _lines(self, entries: Sequence[Entry]) -> list[str]:
        ours = self._sees()
        return [line(one) for entry in entries for one in points(entry.record, entry.recorded_at) if ours(one.site)]

    def _written(self, lines: Sequence[str], now: datetime) -> list[Aside]:
        """Write lines, halving what is refused until the bad ones are found; return those.

        Raises `Refused` if it is not about the points, or about all of them, and `Unreachable`.
        """
        parts = [lines[at : at + REQUEST] for at in range(0, len(lines), REQUEST)][::-1]
        aside: list[Aside] = []
        taken = False
        while parts:
            part = parts.pop()
            try:
                self._server.write(part)
                taken = True
            except Refused as error:
                if error.status not in _OF_THE_POINTS:
                    raise
                if len(part) > 1:
                    half = len(part) // 2
                    parts += [part[half:], part[:half]]
                    continue
                aside.append(Aside(at=now, line=part[0], status=error.status, why=error.why[:SAID_MAX]))
                if len(aside) >= ALL_REFUSED and not taken:
                    raise Refused(error.status, f"{error.why} (so of each of {len(aside)} points)") from error
        return aside

    def _troubled(self, said: str, now: datetime, waits: float | None) -> float:
        before = self.progress
        if waits is None:
            waits = min(2.0**self._tries, WAIT_MAX_S)
            self._tries = min(self._tries + 1, 10)
        sentence = " ".join(said.split())[:SAID_MAX]
        if before.trouble != sentence:
            self._tell(sentence)
        self.progress = msgspec.structs.replace(
            before,
            trouble=sentence,
            trouble_since=before.trouble_since or now,
            again_at=now + timedelta(seconds=waits),
        )
        self._note(None, now)
        return waits

    def _note(self, before: Progress | None, now: datetime) -> None:
        """Keep the progress on disk, if it says something new or the last one is a minute old."""
        alike = before is not None and msgspec.structs.replace(self.progress, at=before.at) == before
        if before is not None and alike and (now - before.at).total_seconds() < NOTED_S:
            return
        self.progress = msgspec.structs.replace(self.progress, at=now)
        files.put(self._file, msgspec.json.format(msgspec.json.encode(self.progress)) + b"\n")
        files.settle(self._file.parent)


def _next(db: Database, start: int) -> tuple[list[Entry], int, int]:
    """Return the next records, the number of the last that was looked at, and how many of them could not be read."""
    try:
        entries = journal.read_after(db, start, limit=BATCH)
    except sqlite3.OperationalError:  # nobody can read now
        raise
    except _BAD_RECORD:
        pass
    else:
        return entries, entries[-1].number if entries else start, 0
    entries, upto, unreadable = [], start, 0
    numbers = db.execute("SELECT number FROM journal WHERE number > ? ORDER BY number LIMIT ?", (start, BATCH))
    for (number,) in numbers.fetchall():  # one of them is bad: one by one
        upto = number
        try:
            entries += journal.read_after(db, number - 1, limit=1)
        except sqlite3.OperationalError:
            raise
        except _BAD_RECORD:
            unreadable += 1
    return entries, upto, unreadable


_BAD_RECORD = (msgspec.DecodeError, sqlite3.DatabaseError)  # of a newer version, or damaged (`packing.damaged`)


def _behind(progress: Progress, found: _Read, now: datetime) -> Progress:
    behind_s = _age_s(found.entries[:1], now)
    return msgspec.structs.replace(progress, behind=found.newest - found.start, behind_s=behind_s)


def _age_s(entries: Sequence[Entry], now: datetime) -> float:
    return max((0.0, *((now - entry.recorded_at).total_seconds() for entry in entries)))
