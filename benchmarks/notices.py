"""Send ten thousand notices by channels of which a share of all tries fails: `python -m benchmarks.notices`.

Half of them ask somebody about an alert, half are messages besides. Carriers on this machine stand in for the push
service, the mail server and the gateway for text messages (`tests.carriers`); each refuses at random, by a seed. The
centre is real: its journal, its outbox, its people store. Its clock is pushed.
"""

import asyncio
import random
import tempfile
import time as stopwatch
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.figures import Figure, keep, rounded, table
from care import journal
from care.alerts import alert_of
from care.asking import Agreement, Chain, ChainAgreed, Line, Noticed, Opened, Passed, Step, Why
from care.board import Board
from care.chains import DESK, ORGANISATION, RESIDENT
from care.deeds import resolve
from care.escalation import due
from care.ids import ContactId, MessageId, StaffId
from care.messages import Carried, Kind, ToTell, message_of
from care.records import How, Outcome, Plan, Record
from dashboard import contacts, people, push
from dashboard.centre import Centre
from dashboard.outbox import Outbox
from detectors.findings import Finding, What
from detectors.homes import Home, HomeId, ResidentId, RoomId, RoomKind, Sensor, SensorId, SiteId
from detectors.homes import Kind as SensorKind
from tests.carriers import Gateway, MailServer, PushService, failing, running

WAVE = 200  # notices that are under way at the same time
STEP = timedelta(minutes=5)
ROUND = timedelta(seconds=20)
CHANNELS = ("push", "email", "sms")
SHARE = 0.3
SEED = 7
BEGIN = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
SANNE = StaffId("s-1")
PUSH_FATES = (429, 500, 503, 410)
MAIL_FATES = (421, 451, 452)
SMS_FATES = (500, 503)

FIGURES = (
    Figure("notices", "notices"),
    Figure("tries", "tries of a channel"),
    Figure("failed", "tries that a channel refused, of 100", 1),
    Figure("first", "taken by the first channel, of 100", 1),
    Figure("next", "taken by a next channel, of 100", 1),
    Figure("again", "taken by a second try, of 100", 2),
    Figure("reported", "taken by none, and that is said", at_least=0),
    Figure("lost", "taken by none, and nobody knows", at_most=0),
    Figure("doubled", "taken by one channel twice", at_most=0),
    Figure("apart", "journal and carriers do not say the same", at_most=0),
    Figure("a_second", "notices in a second", 0),
)
METHOD = {
    "notices": "half ask a resident about an alert (five minutes, three channels), half are messages besides",
    "channels": "web push, mail and a text gateway, on this machine; each refuses 30 % of all tries, at random",
    "seen": "half of those who got it open it; to the others the next channel follows, which counts for nothing here",
    "clock": "pushed by 20 s as soon as nothing is under way; a second is one of this machine",
}


class Pushed:
    """A clock that is pushed."""

    def __init__(self) -> None:
        self.moment = BEGIN

    def now(self) -> datetime:
        return self.moment


@dataclass
class Tally:
    """What became of everything so far."""

    notices: int = 0
    tries: int = 0
    refused: int = 0
    first: int = 0
    next: int = 0
    again: int = 0
    reported: int = 0
    lost: int = 0
    doubled: int = 0
    apart: int = 0
    seconds: float = 0.0
    took: set[tuple[str, str]] = field(default_factory=set)  # person and channel, as the journal has it

    def figures(self) -> dict[str, float]:
        """Return every figure by its key."""
        of = 100 / max(1, self.notices)
        return {
            "notices": self.notices,
            "tries": self.tries,
            "failed": 100 * self.refused / max(1, self.tries),
            "first": self.first * of,
            "next": self.next * of,
            "again": self.again * of,
            "reported": self.reported,
            "lost": self.lost,
            "doubled": self.doubled,
            "apart": self.apart,
            "a_second": self.notices / max(self.seconds, 1e-9),
        }


def notices(
    out: Annotated[Path | None, typer.Option(help="write the figures here too, as JSON")] = None,
    count: Annotated[int, typer.Option(min=2, help="notices")] = 10_000,
    seed: Annotated[int, typer.Option(help="of what fails")] = SEED,
) -> None:
    """Send notices by channels that fail, and show what became of each.

    Example: python -m benchmarks.notices --count 1000
    """
    figures = rounded(measure(count, seed=seed).figures(), FIGURES)
    Console().print(table(figures, FIGURES, "Notices"))
    if out is not None:
        keep(figures, METHOD, out)


def measure(count: int, *, seed: int, share: float = SHARE) -> Tally:
    """Send so many notices, and return what became of them."""
    with tempfile.TemporaryDirectory(prefix="nachtwacht-notices-") as folder, ExitStack() as open_things:
        carriers = PushService(), MailServer(), Gateway()
        for number, (carrier, fates) in enumerate(zip(carriers, (PUSH_FATES, MAIL_FATES, SMS_FATES), strict=True)):
            carrier.fate = failing(seed + number, share, *fates)
        open_things.enter_context(running(*carriers))
        return asyncio.run(_Sending(Path(folder), carriers, seed).run(count))


class _Sending:
    def __init__(self, folder: Path, carriers: tuple[PushService, MailServer, Gateway], seed: int) -> None:
        self._push, self._mail, self._sms = carriers
        self._folder, self._chance = folder, random.Random(seed)
        self._clock, self._tally = Pushed(), Tally()

    async def run(self, count: int) -> Tally:
        with (
            closing(people.connect(self._folder / "people.db")) as self._store,
            closing(Centre(journal.connect(self._folder / "centre.db"), self._clock)) as self._centre,
        ):
            self._push.key = push.public_key(self._store)
            contacts.set_channel(self._store, "push", push.URL)
            contacts.set_channel(self._store, "email", f"smtp://127.0.0.1:{self._mail.port}?from=desk@zorg.example")
            contacts.set_channel(self._store, "sms", f"json://127.0.0.1:{self._sms.port}/{{address}}")
            box = Outbox(self._centre, self._store, self._clock, url="https://desk.example", here=True)
            await self._centre.write(lambda *_: [_agreed()])
            began = stopwatch.monotonic()
            for number, start in enumerate(range(0, count, WAVE)):
                await self._wave(box, SiteId(f"s{number}"), min(WAVE, count - start))
            self._tally.seconds = stopwatch.monotonic() - began
            box.close()
        self._compare()
        return self._tally

    async def _wave(self, box: Outbox, site: SiteId, count: int) -> None:
        """Let so many things come that somebody must hear of, and see them through."""
        homes = [a_home(site, number) for number in range(count)]
        for home in homes:
            self._reach(str(home.resident))
        asks, tells = homes[::2], homes[1::2]
        at = self._clock.now()
        plan = Plan(at=at, site=site, name="De Wilg", zone="Europe/Amsterdam", homes=tuple(homes))
        found = [_found(home.id, at, urgent=bool(number % 2)) for number, home in enumerate(asks)]
        told = [_told(home, at) for home in tells]
        await self._centre.write(lambda *_: [plan, *found, *told])
        await self._centre.write(due)
        for _ in range(int(STEP / ROUND)):
            box.look()
            await box.settle()
            await self._centre.write(self._opens)
            await self._centre.write(due)
            self._clock.moment += ROUND
        self._count([alert_of(one) for one in found], [message_of(one) for one in told])
        await self._centre.write(_closed)

    def _reach(self, resident: str) -> None:
        push.subscribe(self._store, resident, self._push.browser(resident).says, here=True)
        contacts.set_address(self._store, resident, "email", f"{resident}@example.org")
        contacts.set_address(self._store, resident, "sms", resident)

    def _opens(self, board: Board, at: datetime) -> list[Record]:
        """Let half of those who just got something open it."""
        opened: list[Record] = []
        for alert in board.open_alerts():
            got = [one for one in alert.passing if isinstance(one, Noticed) and one.refusal is None]
            if len(got) == 1 and got[0].at == at and self._chance.random() < 1 / 2:
                opened.append(Opened(at=at, home=alert.home, alert=alert.id, by=RESIDENT))
        return opened

    def _count(self, alerts: list[str], messages: list[MessageId]) -> None:
        board = self._centre.board
        for id_ in alerts:
            alert = board.alerts[id_]  # type: ignore[index]
            tries = [one for one in alert.passing if isinstance(one, Noticed)]
            said = any(isinstance(one, Passed) and one.why is Why.UNREACHED for one in alert.passing)
            self._one(str(board.homes[alert.home].resident), tries, said=said)
        for message in messages:
            tries_of = [one for one in board.messages.way(message) if isinstance(one, Carried)]
            said = board.messages.lost(message, self._clock.now())
            self._one(str(board.messages.told(message).to), tries_of, said=said)

    def _one(self, person: str, tries: Sequence[Noticed | Carried], *, said: bool) -> None:
        tally = self._tally
        tally.notices += 1
        tally.tries += len(tries)
        tally.refused += sum(one.refusal is not None for one in tries)
        took = [one.channel for one in tries if one.refusal is None]
        tally.took |= {(person, channel) for channel in took}
        tally.doubled += sum(n - 1 for n in Counter(took).values())
        if not took:
            tally.reported += said
            tally.lost += not said
            return
        before = [one.channel for one in tries]
        del before[next(n for n, one in enumerate(tries) if one.refusal is None) :]
        tally.first += not before
        tally.again += took[0] in before
        tally.next += bool(before) and took[0] not in before

    def _compare(self) -> None:
        """Hold what the journal says against what the carriers have really got."""
        got = Counter(
            [
                *((path.rpartition("/")[2], "push") for path, _, _ in self._push.got),
                *((to.partition("@")[0], "email") for to, _ in self._mail.got),
                *((path.rpartition("/")[2], "sms") for path, _ in self._sms.got),
            ]
        )
        self._tally.doubled += sum(n - 1 for n in got.values())
        self._tally.apart = len(set(got) ^ self._tally.took)


def _agreed() -> ChainAgreed:
    steps = (
        Step(line=Line.ZERO, who=RESIDENT, channels=CHANNELS, minutes=STEP / timedelta(minutes=1)),
        Step(line=Line.ONE, who=DESK, minutes=3.0),
    )
    after = Agreement(chains=(Chain(since=time(0), until=time(0), steps=steps),))
    return ChainAgreed(at=BEGIN, place=ORGANISATION, by=SANNE, why="begin", before=None, after=after)


def a_home(site: SiteId, number: int) -> Home:
    """Return a home with a bed sensor and nothing else."""
    bedroom = RoomId("slaapkamer")
    return Home(
        id=HomeId(f"{site}/{number}"),
        resident=ResidentId(f"r-{site}-{number}"),
        rooms={bedroom: RoomKind.BEDROOM},
        sensors=(Sensor(id=SensorId(f"{number}/bed"), kind=SensorKind.BED, room=bedroom),),
    )


def _found(home: HomeId, at: datetime, *, urgent: bool) -> Finding:
    began = at - timedelta(minutes=20)
    return Finding(
        at=at, home=home, what=What.STILL if urgent else What.LATE_RISE, since=began, episode=began, limit=20.0
    )


def _told(home: Home, at: datetime) -> ToTell:
    return ToTell(at=at, to=ContactId(home.resident), kind=Kind.MORNING, channels=CHANNELS, home=home.id)


def _closed(board: Board, at: datetime) -> list[Record]:
    """Close whatever is open: the next wave begins with an empty desk."""
    closed: list[Record] = []
    for alert in board.open_alerts():
        closed += resolve(alert, SANNE, at, Outcome.NOT_NEEDED, How.USUAL)
    return closed


if __name__ == "__main__":
    typer.run(notices)
