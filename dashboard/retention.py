"""How long what is kept, and why: one table, and the daily run in the centre that takes out what is due.

What is taken out is accounted for in the journal (`care.accounts.Erased`): of which kind, how many, from before when,
and never about whom. A record in force stays however old it is: an agreement, the newest status of a home, an alert
that somebody still has to look at.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from care import forgetting
from care.accounts import Erased, LogAnchored
from care.alerts import alert_of
from care.asking import ChainAgreed, Consented, NotTonight, Proven, ToProve
from care.board import Board
from care.clock import Clock
from care.counted import NightCounted
from care.database import Database
from care.devices import Described
from care.erasing import Forget, Forgot
from care.ids import AlertId
from care.measures import FadingAnswered, MeasureAgreed, MeasureEnded
from care.messages import Carried, Held, ToTell, Wanted
from care.pauses import Paused, PauseEnded
from care.proofs import Walked, Walking
from care.records import (
    BackTest,
    BackTested,
    Changed,
    Corrected,
    Deed,
    FellBack,
    HandedOver,
    Order,
    Plan,
    Record,
    SecondPool,
    SeenAndHeard,
    Teaching,
    Unreadable,
)
from care.sharing import Shared
from care.upkeep import Used
from dashboard import access_log
from dashboard.centre import Centre
from detectors.findings import Cleared, Finding, Status, Withheld
from detectors.moments import SensorEvent, SensorSight
from detectors.nights import Summary

LOOK_S = 60.0  # whether a day has begun
TURN_PAUSE_S = 0.2  # between two turns: the desk's own writing comes first
TURN = 2_000  # records looked at in one

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One kind of data: for how long, and why so long."""

    name: str
    where: str  # "journal", "access log", "people", "building"
    days: int | None  # None: until it is erased by request, or for good; `why` says which
    why: str
    types: tuple[type, ...] = ()  # of records, for what lies in the journal
    rows: tuple[str, str] | None = None  # table and column of a date, for what lies in the people store
    of_itself: bool = False  # whoever writes it takes it out; here it is only said


TABLE = (
    Kept(
        name="alerts",
        where="journal",
        days=730,
        types=(Finding, Cleared, Withheld, FellBack, *Order.__args__, *Deed.__args__),
        why="complaints and incidents are looked into afterwards; effect is compared over two winters",
    ),
    Kept(
        name="nights",
        where="journal",
        days=400,
        types=(Summary, BackTest, BackTested),
        why="a night is compared with the same weeks a year before, and homes teach by them",
    ),
    Kept(
        name="states",
        where="journal",
        days=100,
        types=(Status, Teaching, Unreadable, Described),
        why="a building that is put back from a copy tells 90 days again; nobody reads these later than that",
    ),
    Kept(
        name="shifts",
        where="journal",
        days=730,
        types=(SeenAndHeard, HandedOver, Corrected, SecondPool, ToProve),
        why="who had the desk belongs to the alerts of that night",
    ),
    Kept(
        name="pauses",
        where="journal",
        days=730,
        types=(Paused, PauseEnded, NotTonight, Proven),
        why="why nothing was told belongs to the alerts of that night",
    ),
    Kept(
        name="messages",
        where="journal",
        days=400,
        types=(ToTell, Carried, Held),
        why="whether somebody was told, and why not, is looked into afterwards",
    ),
    Kept(
        name="figures",
        where="journal",
        days=5 * 365 + 2,
        types=(NightCounted,),
        why="what came of watching is compared over years, when the alerts it was counted from have left",
    ),
    Kept(
        name="upkeep",
        where="journal",
        days=5 * 365 + 2,
        types=(Used,),
        why="what watching takes is reported by year and compared over years; it is about nobody",
    ),
    Kept(
        name="agreed",
        where="journal",
        days=None,
        types=(
            *(Plan, Changed, ChainAgreed, Consented, Walking, Walked),
            *(MeasureAgreed, MeasureEnded, FadingAnswered, Shared, Wanted),
        ),
        why="it is in force until something else is agreed; it goes with the person (desk person erase)",
    ),
    Kept(
        name="accounts",
        where="journal",
        days=None,
        types=(LogAnchored, Erased, Forget, Forgot),
        why="for good: that the access log is whole and that data were erased; nobody's id is in it",
    ),
    Kept(
        name="raw events",
        where="building",
        days=30,
        types=(SensorEvent, SensorSight),
        why="back-tests and faults need a month; they never leave the building",
        of_itself=True,
    ),
    Kept(
        name="access log",
        where="access log",
        days=5 * 365 + 2,
        why="five years, after NEN 7513 and the decree on electronic processing of care data",
    ),
    Kept(name="session", where="people", days=1, rows=("session", "until"), why="it ended"),
    Kept(name="attempt", where="people", days=1, rows=("attempt", "at"), why="tries are counted for 15 minutes"),
    Kept(name="link", where="people", days=1, rows=("link", "until"), why="nobody can answer by it any more"),
    Kept(name="half session", where="people", days=1, rows=("half_session", "until"), why="it ended"),
    Kept(name="challenge", where="people", days=1, rows=("challenge", "until"), why="it ended"),
    Kept(name="openid flow", where="people", days=1, rows=("openid_flow", "until"), why="it ended"),
    Kept(name="program", where="people", days=30, rows=("program", "until"), why="it cannot come in any more"),
    Kept(name="invitation", where="people", days=30, rows=("invitation", "until"), why="nobody can accept it any more"),
    Kept(name="house code", where="people", days=1, rows=("house_code", "until"), why="it opens nothing any more"),
    Kept(name="house key", where="people", days=30, rows=("house_key", "until"), why="it opens nothing any more"),
    Kept(
        name="emergency",
        where="people",
        days=5 * 365 + 2,
        rows=("emergency", "began_at"),
        why="why somebody looked belongs to the entry that says so",
    ),
    Kept(
        name="enrolment code",
        where="people",
        days=90,
        rows=("enrolment_code", "until"),
        why="what was tried with it is looked into within a quarter",
    ),
    Kept(
        name="enrolment log",
        where="people",
        days=5 * 365 + 2,
        rows=("enrolment_log", "at"),
        why="which machine spoke for a building belongs to what it told; refused tries go after 90 days",
    ),
)
"""What lies where for how long. What is named nowhere here stays until it is changed or erased by request."""


def leaving(board: Board, types: tuple[type, ...]) -> Callable[[Record], bool | None]:
    """Return what says of a record of some kinds whether it may go: not while a board at hand rests on it."""
    alerts, newest = frozenset(board.alerts), dict(board.statuses)

    def leaves(record: Record) -> bool | None:
        if not isinstance(record, types):
            return None
        if isinstance(record, Status):
            return newest.get(record.home) != record
        about = alert_of(record) if isinstance(record, Finding | Cleared) else getattr(record, "alert", None)
        return AlertId(about) not in alerts if about is not None else True

    return leaves


class Daily:
    """What the centre does once a day: says what the access log came to, and takes out what was kept long enough."""

    def __init__(
        self,
        centre: Centre,
        people: Database,
        looks: Database,
        clock: Clock,
        *,
        pause_s: float = TURN_PAUSE_S,
    ) -> None:
        """Prepare; `clock` is real time: how long a person or a look is kept has nothing to do with a rehearsal.

        Records are as old as the centre's own time makes them, or a rehearsal of last spring would forget itself.
        """
        self._centre, self._people, self._looks = centre, people, looks
        self._clock = clock
        self._pause_s = pause_s

    async def run(self) -> None:
        """Look until cancelled. A disk that refuses is told of, and tried again a minute later."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                if self._centre.on_duty():
                    await self.look()
            except sqlite3.Error as error:
                log.error("the disk would not", why=str(error))  # noqa: TRY400  # the reason says all of it

    async def look(self) -> None:
        """Do what is due, once a day. Stopped half-way, all of it is done once more: nothing is taken out twice."""
        now = self._clock.now()
        anchor = self._centre.board.accounts.anchor
        if anchor is not None and anchor.day >= now.astimezone(UTC).date():
            return
        for kept in TABLE:
            if kept.days is None or kept.of_itself:
                continue
            before = now - timedelta(days=kept.days)
            if kept.where == "journal":
                of_records = self._centre.now()
                await self._forget(kept, of_records - timedelta(days=kept.days), of_records)
            elif kept.rows is not None:
                await self._account(kept.rows[0], _delete(self._people, *kept.rows, before), before)
        cut = now - timedelta(days=next(one.days or 0 for one in TABLE if one.where == "access log"))
        anchors = await self._centre.ask(
            lambda db: [one for one in forgetting.accounts(db) if isinstance(one, LogAnchored)]
        )
        old = [one for one in anchors if one.day < cut.date()]
        if old:
            await self._account("access-log", await asyncio.to_thread(access_log.cut, self._looks, old[-1]), cut)
        number, digest = await asyncio.to_thread(access_log.last, self._looks)
        day = now.astimezone(UTC).date()
        await self._centre.write(lambda _, at: [LogAnchored(at=at, day=day, number=number, digest=digest.hex())])

    async def _forget(self, kept: Kept, before: datetime, now: datetime) -> None:
        def account(gone: Counter[str], upto: int) -> Sequence[Record]:
            return [Erased(at=now, kind=tag, count=gone[tag], before=before, upto=upto) for tag in sorted(gone)]

        more = True
        while more:
            turn = partial(
                forgetting.forget_kept,
                what=kept.name,
                before=before,
                now=now,
                leaves=leaving(self._centre.board, kept.types),
                account=account,
                limit=TURN,
            )
            more = await self._centre.forget(turn)
            await asyncio.sleep(self._pause_s)

    async def _account(self, kind: str, count: int, before: datetime) -> None:
        if count:
            await self._centre.write(lambda _, at: [Erased(at=at, kind=kind, count=count, before=before)])


def _delete(db: Database, table: str, column: str, before: datetime) -> int:
    gone = db.execute(f"DELETE FROM {table} WHERE {column} < ?", (before.timestamp(),))  # noqa: S608  # words of ours
    return gone.rowcount
