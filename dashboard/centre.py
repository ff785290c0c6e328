"""The centre's journal with the board that follows it: the one door by which anything comes into either.

On disk first, then on the board, then to whoever follows it. Where several processes share a journal, each has such a
door, and what others wrote is on its board before it writes (`docs/decisions/0036`).
"""

import asyncio
import contextlib
import functools
import gc
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import msgspec
import structlog

from care import database, forgetting, journal, link, remembered
from care.board import SILENT_AFTER, Board
from care.buildings import UNPROVEN_AFTER, Ear, Sign, Signs
from care.clock import Clock
from care.database import Database
from care.ids import AlertId
from care.journal import Entry
from care.link import Batch, Beat, Have
from care.records import Record
from care.teaching import Fleet
from detectors.homes import HomeId, SiteId

REMEMBER_AFTER = 20_000  # records, and what the board holds is written down again: a start reads no more than these
CLOCKS_APART = timedelta(milliseconds=20)  # by which the two clocks may have moved since buildings were dated
PROOF_AGE_MAX_S = 86_400.0  # older is as good as never, and a clock that says thousands of years must not count them
BEHIND_S = 10.0  # a building of which a full batch came so long ago, and nothing since, has no more to tell
_LATE_S = UNPROVEN_AFTER.total_seconds()

log = structlog.get_logger()

Answer = TypeVar("Answer")
Progress = Callable[[int, int], None]  # the number of the last record that was read, and of the last there is


class News(NamedTuple):
    """Records that have come onto the board, and what looks different by them."""

    entries: Sequence[Entry]
    homes: AbstractSet[HomeId]
    alerts: AbstractSet[AlertId]


class Centre:
    """The centre's journal as this process writes in it, and the board that follows it.

    Lives in one event loop: the board is touched there only, the journal only in the writer's thread, so that
    nobody waits for a disk but who asked for it.
    """

    on_duty: Callable[[], bool] = staticmethod(lambda: True)  # whether we are the one that does what one must do
    remembers: Callable[[], None] = staticmethod(lambda: None)  # has what a shared journal comes to written down

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        progress: Progress = lambda *_: None,
    ) -> None:
        """Read onto a board what was remembered of the journal, and the rest of it.

        Raises `sqlite3.DatabaseError` or `msgspec.DecodeError`.
        """
        self.board = Board()
        self.fleet = Fleet()  # what the nights of all homes have taught
        self.number = 0  # of the last record on the board
        self.recorded_at: datetime | None = None  # when that one was written
        self._remembered_upto = 0
        self._recall(db)
        self.beside = ""  # why what stands beside the journal could not be written; empty while all can
        self._trouble = ""  # why the last record could not be
        self.file = journal.file_of(db)
        self._db = db
        self._clock = clock
        self._monotonic = monotonic
        self._heard: dict[SiteId, _Heard] = {}
        self._untold: set[SiteId] = set()  # buildings of which the board does not know how they are heard now
        self._told_of: Board | None = None  # the board that was told of all others, ...
        self._began = datetime.min.replace(tzinfo=UTC)  # ... when the monotonic clock stood at zero
        self._ear = (False, monotonic())  # whether there is a connection, and since when in monotonic seconds
        self._behind: dict[SiteId, float] = {}  # when, in monotonic seconds, a building last told of the past
        self._followers: list[Callable[[News], None]] = []
        self._writer = ThreadPoolExecutor(1, "journal")
        self._turn = asyncio.Lock()
        self._shared = database.is_shared(db)  # others write in this journal too
        self._coming: list[_Coming] = []  # batches that wait for their turn
        self._last_order_at: datetime | None = None
        last = journal.last_number(db)
        with _nothing_thrown_away():
            while entries := journal.read_after(db, self.number):
                self._fold(entries)
                progress(self.number, last)
        if not self._shared and self.number - self._remembered_upto > REMEMBER_AFTER:
            self._remember()(db)

    @property
    def trouble(self) -> str:
        """Why the centre cannot write down what must be; empty while it can."""
        return self._trouble or self.beside

    @property
    def unwritten(self) -> str:
        """Why the last record could not be written; empty if it could."""
        return self._trouble

    def follow(self, follower: Callable[[News], None]) -> None:
        """Call the follower, in the event loop, after every change of the board."""
        self._followers.append(follower)

    def now(self) -> datetime:
        """Return the centre's time, with the board told how long ago each building was last heard.

        Silence is counted in real seconds, the ages of alerts by the centre's clock. In a rehearsal a real second is
        a minute of that clock, so the board is told afresh before it is asked.
        """
        now, monotonic_s = self._clock.now(), self._monotonic()
        heard_at, proven_at = self.board.heard_at, self.board.proven_at
        began = now - timedelta(seconds=monotonic_s)
        # Of thousands of buildings, and every page asks: only those of which something is another than when last asked.
        if self._told_of is not self.board or abs(began - self._began) > CLOCKS_APART:
            self._began, self._told_of, self._untold = began, self.board, set(self._heard)
        unsettled = set()
        for site in self._untold:
            heard = self._heard[site]
            heard_at[site] = self._began + timedelta(seconds=heard.at_s)
            unproven_s = heard.unproven_s(monotonic_s)
            if unproven_s is not None:
                proven_at[site] = now - timedelta(seconds=unproven_s)
            else:
                proven_at.pop(site, None)
                if heard.proven_s is not None:
                    unsettled.add(site)  # only time has to pass
        self._untold = unsettled
        self._behind = {site: at for site, at in self._behind.items() if monotonic_s - at < BEHIND_S}
        self.board.behind = set(self._behind)
        return now

    def heard(self, site: SiteId, beat: Beat | None = None) -> None:
        """Note a sign of life of a building, with what it says beside it."""
        self._heard[site] = _Heard.after(self._heard.get(site), beat, self._monotonic())
        self._untold.add(site)

    def heard_lately(self, within_s: float) -> dict[SiteId, "Heard"]:
        """Return the buildings that this process heard itself in the last real seconds, for other processes."""
        now_s = self._monotonic()
        return {
            site: Heard(
                now_s - one.at_s,
                now_s - one.since_s,
                one.trouble,
                one.proof,
                None if one.proven_s is None else now_s - one.proven_s,
            )
            for site, one in self._heard.items()
            if now_s - one.at_s <= within_s and not one.elsewhere
        }

    def heard_elsewhere(self, heard: Mapping[SiteId, "Heard"], *, ago_s: float) -> None:
        """Note what another process heard, as it stood so many real seconds ago; what we heard later counts more."""
        then_s = self._monotonic() - ago_s
        for site, one in heard.items():
            before, at_s = self._heard.get(site), then_s - one.ago_s
            if before is None or before.at_s < at_s:
                self._untold.add(site)
                proven_s = None if one.proven_ago_s is None else then_s - one.proven_ago_s
                self._heard[site] = _Heard(
                    at_s, then_s - one.since_ago_s, one.trouble, one.proof, proven_s, elsewhere=True
                )

    def listens(self, *, yes: bool) -> None:
        """Note whether there is a connection over which buildings can be heard."""
        if yes != self._ear[0] or yes:  # each new connection is a new beginning; each failed try is not
            self._ear = (yes, self._monotonic())

    def ear(self, now: datetime) -> Ear:
        """Return whether the centre can hear its buildings, and since when, as long ago as it really is."""
        listens, since_s = self._ear
        return Ear(listens, self._ago(now, since_s))

    def signs(self, now: datetime) -> Mapping[SiteId, Sign]:
        """Return how each building was last heard, as long ago as it really is."""
        return Signs(self._heard, now, self._monotonic())

    def sign(self, site: SiteId, now: datetime) -> Sign | None:
        """Return how one building was last heard; None if never since this process started."""
        return self.signs(now).get(site)

    def unheard_s(self, site: SiteId) -> float | None:
        """Return for how many real seconds a building has not been heard; None if never since this process started."""
        heard = self._heard.get(site)
        return None if heard is None else self._monotonic() - heard.at_s

    def unproven_s(self, site: SiteId) -> float | None:
        """Return how many real seconds ago a building was last proven; None if it has told of no proof.

        One that has just come back gets the time to prove itself: what it tells of a proof long ago, maybe by a clock
        that was not set yet, is no trouble of now (`care.buildings`).
        """
        heard = self._heard.get(site)
        return None if heard is None else heard.unproven_s(self._monotonic())

    def _ago(self, now: datetime, monotonic_s: float) -> datetime:
        return now - timedelta(seconds=self._monotonic() - monotonic_s)

    def silent(self, site: SiteId) -> bool:
        """Whether a building cannot be heard."""
        unheard_s = self.unheard_s(site)
        return unheard_s is None or unheard_s > SILENT_AFTER.total_seconds()

    async def write(self, decide: Callable[[Board, datetime], Sequence[Record]]) -> list[Entry]:
        """Ask what is to be written down, and write it; nobody else writes in between, in no process.

        Whoever decides thus sees everything that is on disk: of two who claim at once, the second is told of the
        first. What `decide` raises is raised here, and nothing is written. Raises `sqlite3.Error` if the disk will not.
        """
        return await self._to_the_end(self._write(decide))

    async def take(self, site: SiteId, batch: Batch) -> Have:
        """Take in a building's batch and return the answer it is owed. Raises `sqlite3.Error`.

        Those that wait for their turn meanwhile are written together with it.
        """
        return await self._to_the_end(self._take(site, batch))

    async def catch_up(self) -> None:
        """Take onto the board what other processes have written. Raises `sqlite3.Error`."""
        await self._to_the_end(self._catch_up())

    async def ask(self, question: Callable[[Database], Answer]) -> Answer:
        """Ask the journal something, in the writer's thread; not between what is written together."""
        if not self._shared:
            return await self._ask(question)
        async with self._turn:
            return await self._ask(question)

    async def aside(self, work: Callable[[], Answer]) -> Answer:
        """Do something in the writer's thread that asks the journal nothing, and so need not wait for a turn."""
        return await self._ask(lambda _: work())

    async def _ask(self, question: Callable[[Database], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._writer, question, self._db)

    async def forget(self, forgetting: Callable[[Database], forgetting.Gone]) -> bool:
        """Take out what is kept long enough, with the account of it; return whether there is more."""
        return await self._to_the_end(self._forget(forgetting))

    async def _forget(self, forgetting: Callable[[Database], forgetting.Gone]) -> bool:
        async with self._turn:
            gone = await self._on_disk(forgetting)
            await self._onto_the_board(gone.entries)
        return gone.more

    def remember(self) -> None:
        """Write down all that the board holds. Nobody else may use the centre meanwhile."""
        if self.recorded_at is not None:
            self._remember()(self._db)

    def close(self) -> None:
        """Let the writer finish what it has begun, and close the journal."""
        self._writer.shutdown()
        self._db.close()

    def _recall(self, db: Database) -> None:
        """Begin where the board was last written down; a copy that is of no use costs only the time to read all."""
        try:
            saved = journal.load_snapshot(db)
        except sqlite3.DatabaseError as error:
            log.warning("what was remembered is damaged, and read again", why=str(error))
            return
        known = remembered.read(saved[1]) if saved is not None else None
        if known is None or known.number > journal.last_number(db):
            return
        self.board, self.fleet, self.number, self.recorded_at = known
        self._remembered_upto = self.number

    def _remember(self) -> Callable[[Database], None]:
        """Return what writes down all that the board holds now; a disk that refuses tells so with the next record."""
        assert self.recorded_at is not None
        number = self._remembered_upto = self.number
        body = remembered.write(remembered.Known(self.board, self.fleet, number, self.recorded_at))

        def save(db: Database) -> None:
            with contextlib.suppress(sqlite3.Error):
                journal.save_snapshot(db, number, body)

        return save

    async def _write(self, decide: Callable[[Board, datetime], Sequence[Record]]) -> list[Entry]:
        async with self._turn:
            now = self._moment_of_order()
            records = decide(self.board, now)
            if not records:
                return []
            if self._shared:
                return await self._write_alone(decide, records, now)
            return await self._append(records, now)

    async def _write_alone(
        self, decide: Callable[[Board, datetime], Sequence[Record]], records: Sequence[Record], now: datetime
    ) -> list[Entry]:
        """Write while no other process does; what was decided before others wrote is decided once more."""
        number = self.number
        news = await self._on_disk(lambda db: journal.begin(db, number))
        try:
            if news:
                self._fold(news)
                records = decide(self.board, now)
        except BaseException:
            await self._ask(journal.give_up)
            raise
        written = await self._on_disk(lambda db: journal.end(db, ((now, record) for record in records)))
        await self._onto_the_board(written)
        return written

    async def _take(self, site: SiteId, batch: Batch) -> Have:
        mine = _Coming(site, batch)
        self._coming.append(mine)
        async with self._turn:
            if mine.answer is None:  # nobody before us took it along
                coming, self._coming = self._coming, []
                await self._take_together(coming)
        if isinstance(mine.answer, Have):
            return mine.answer
        raise mine.answer if mine.answer is not None else RuntimeError("a batch was left behind")

    async def _take_together(self, coming: "Sequence[_Coming]") -> None:
        now = self._clock.now()
        batches = [(one.site, one.batch) for one in coming]
        try:
            taken = await self._on_disk(lambda db: link.take_together(db, batches, recorded_at=now))
        except Exception as error:  # noqa: BLE001  # each is told; one that cannot be taken must not stop the others
            if len(coming) > 1 and not isinstance(error, sqlite3.OperationalError):  # that is the disk, for all of them
                for one in coming:
                    await self._take_together([one])
            for one in coming:
                one.answer = one.answer or error
            return
        await self._onto_the_board([entry for _, entries in taken for entry in entries])
        for one, (have, _) in zip(coming, taken, strict=True):
            one.answer = have
            if len(one.batch.records) >= link.RECORDS_MAX:
                self._behind[one.site] = self._monotonic()  # a full batch: there is more, and what it says may be over
                self.board.behind.add(one.site)
            else:
                self._behind.pop(one.site, None)
                self.board.behind.discard(one.site)
        if any(entries for _, entries in taken):
            await self._close(now)

    async def _close(self, now: datetime) -> None:
        """Do what is done once for all processes, after some records or a day."""
        if not self.on_duty():
            return
        if self.number - self._remembered_upto > REMEMBER_AFTER:
            if self._shared:
                self._remembered_upto = self.number
                self.remembers()
            else:
                await self._ask(self._remember())
        if due := self.fleet.due():
            with contextlib.suppress(sqlite3.Error):  # if the disk refuses, with the next batch
                await self._append(due, now)

    async def _catch_up(self) -> None:
        async with self._turn:
            number = self.number
            while entries := await self._ask(lambda db: journal.read_after(db, self.number)):
                self._fold(entries)
            if self.number != number:
                await self._close(self._clock.now())

    async def _append(self, records: Sequence[Record], now: datetime) -> list[Entry]:
        entries = await self._on_disk(functools.partial(journal.append, records=records, recorded_at=now))
        await self._onto_the_board(entries)
        return entries

    async def _onto_the_board(self, written: Sequence[Entry]) -> None:
        """Take what was written onto the board: where others write, with what they wrote before it, in order."""
        if not self._shared:
            self._fold(written)
            return
        while written and self.number < written[-1].number:
            self._fold(await self._ask(lambda db: journal.read_after(db, self.number)))

    async def _on_disk(self, writing: Callable[[Database], Answer]) -> Answer:
        """Write, and note whether the disk would: a centre that stores nothing shows nothing new, and must say so."""
        try:
            written = await self._ask(writing)
        except sqlite3.Error as error:
            self._trouble = str(error)
            raise
        self._trouble = ""
        return written

    async def _to_the_end(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Go on with the work if its caller is called off: what is on disk must come onto the board."""
        return await asyncio.shield(asyncio.ensure_future(work))

    def _moment_of_order(self) -> datetime:
        """Return now, but never the same moment twice: a record whose body is on disk already is not written again.

        A rehearsal's clock stands still between two messages, and for good when the night is over.
        """
        now, last = self._clock.now(), self._last_order_at
        if last is not None and timedelta() <= last - now < timedelta(seconds=1):
            now = last + timedelta(microseconds=1)
        self._last_order_at = now
        return now

    def _fold(self, entries: Sequence[Entry]) -> None:
        homes: set[HomeId] = set()
        alerts: set[AlertId] = set()
        for entry in entries:
            touched = self.board.add(entry.record, recorded_at=entry.recorded_at)
            self.fleet.add(entry.record, entry.recorded_at)
            homes |= touched[0]
            alerts |= touched[1]
            self.number, self.recorded_at = entry.number, entry.recorded_at
        if entries:
            for follower in self._followers:
                follower(News(entries, homes, alerts))


@dataclass(slots=True, eq=False)
class _Coming:
    """A batch on its way to the disk, and what came of it."""

    site: SiteId
    batch: Batch
    answer: Have | Exception | None = None


@contextlib.contextmanager
def _nothing_thrown_away() -> Iterator[None]:
    """Let Python not look for rubbish while a journal is read: nearly all is kept, and looking took a quarter of it."""
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked:
            gc.enable()


class Heard(msgspec.Struct, frozen=True, array_like=True):
    """How a building was last heard, as processes tell each other: in real seconds before the telling."""

    ago_s: float
    since_ago_s: float
    trouble: str = ""
    proof: datetime | None = None  # by the building's clock
    proven_ago_s: float | None = None


class _Heard(NamedTuple):
    """How a building was last heard, in monotonic seconds: no clock that is set can make it seem silent, or proven."""

    at_s: float
    since_s: float
    trouble: str = ""
    proof: datetime | None = None  # by the building's clock
    proven_s: float | None = None
    elsewhere: bool = False  # by another process

    def unproven_s(self, now_s: float) -> float | None:
        """Return how long ago it was proven (`Centre.unproven_s`)."""
        if self.proven_s is None:
            return None
        age_s = now_s - self.proven_s
        return None if age_s > _LATE_S >= now_s - self.since_s else age_s

    @classmethod
    def after(cls, before: "_Heard | None", beat: Beat | None, now_s: float) -> "_Heard":
        """Return what is known after a further sign of life."""
        unbroken = before is not None and now_s - before.at_s <= SILENT_AFTER.total_seconds()
        since_s = before.since_s if before is not None and unbroken else now_s
        if beat is None:
            if before is None:
                return cls(now_s, since_s)
            return before._replace(at_s=now_s, since_s=since_s, elsewhere=False)
        if beat.proof is None or (before is not None and beat.proof == before.proof):
            # One that started anew has not proven itself yet; the age of its last proof goes on.
            proof, proven_s = (None, None) if before is None else (before.proof, before.proven_s)
            return cls(now_s, since_s, beat.trouble, proof, proven_s)
        # The age by the building's own clock, but never more than since its beat before this one: then it was not yet.
        age_s = min(max(0.0, (beat.at - beat.proof).total_seconds()), PROOF_AGE_MAX_S)
        if before is not None:
            age_s = min(age_s, now_s - before.at_s)
        return cls(now_s, since_s, beat.trouble, beat.proof, now_s - age_s)
