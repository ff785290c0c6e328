"""Several processes of one centre, on one real PostgreSQL: what one writes all have, and nobody writes twice."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta

import msgspec
import pytest

from care import journal, link
from care.alerts import State, alert_of
from care.board import Board
from care.database import Address, Database
from care.ids import AlertId, StaffId
from care.link import Batch, Beat, Have
from care.records import Claimed, Record
from dashboard import colleagues, remembering
from dashboard.centre import Centre
from dashboard.intake import Intake
from dashboard.leases import Leases
from dashboard.lookout import Screens
from detectors.homes import HomeId
from tests.dashboard.conftest import ALERT, HOME, NIGHT, WILG, StoryClock, batch, eventually, finding, plan
from tests.postgres import Postgres

pytestmark = pytest.mark.anyio

SANNE, MEHMET = StaffId("s-sanne"), StaffId("s-mehmet")


class Taken(Exception):
    """Somebody else has it."""


@pytest.fixture
def address(postgres: Postgres) -> Address:
    return postgres.new()


@pytest.fixture
async def both(address: Address, clock: StoryClock) -> AsyncIterator[tuple[Centre, Centre]]:
    """Two processes, as far as they are one in the other: each with a connection, a thread and a board of its own."""
    with closing(Centre(journal.at(address), clock)) as one, closing(Centre(journal.at(address), clock)) as other:
        yield one, other


def claim(by: StaffId, alert: AlertId = ALERT) -> "Decide":
    return Decide(by, alert)


class Decide:
    """Claims an alert, if nobody has."""

    def __init__(self, by: StaffId, alert: AlertId) -> None:
        self.by, self.alert = by, alert

    def __call__(self, board: Board, now: datetime) -> Sequence[Record]:
        if board.alerts[self.alert].state is not State.RAISED:
            raise Taken
        return [Claimed(at=now, home=board.alerts[self.alert].home, alert=self.alert, by=self.by)]


async def test_of_two_who_claim_at_once_in_two_processes_the_second_is_told(both: tuple[Centre, Centre]) -> None:
    one, other = both
    await one.take(WILG, batch(plan(), finding()))
    await other.catch_up()
    ended = await asyncio.gather(one.write(claim(SANNE)), other.write(claim(MEHMET)), return_exceptions=True)
    assert {type(end) for end in ended} == {list, Taken}
    await asyncio.gather(one.catch_up(), other.catch_up())
    assert one.board.alerts[ALERT] == other.board.alerts[ALERT]
    claims = [entry.record for entry in await one.ask(lambda db: journal.read_after(db, 0))]
    assert sum(isinstance(record, Claimed) for record in claims) == 1


async def test_what_was_decided_on_an_old_board_is_decided_again_on_the_new_one(both: tuple[Centre, Centre]) -> None:
    one, other = both
    await one.take(WILG, batch(plan(), finding()))
    await other.catch_up()
    await one.write(claim(SANNE))
    assert other.board.alerts[ALERT].state is State.RAISED  # it does not know yet
    with pytest.raises(Taken):
        await other.write(claim(MEHMET))
    assert other.board.alerts[ALERT].holder == SANNE
    await other.write(lambda _, at: [Claimed(at=at, home=HOME, alert=ALERT, by=MEHMET)])  # the line is not blocked


async def test_boards_that_take_in_and_write_at_once_come_to_be_the_same(both: tuple[Centre, Centre]) -> None:
    """Every record is folded once, in the order of its number, by each."""
    seen: list[list[int]] = [[], []]
    for centre, numbers in zip(both, seen, strict=True):
        centre.follow(lambda news, numbers=numbers: numbers.extend(entry.number for entry in news.entries))  # type: ignore[misc]
    homes = [HomeId(f"wilg/{n}") for n in range(60)]
    await both[0].take(WILG, batch(plan(WILG, *homes)))
    found = [finding(home, at=NIGHT + timedelta(seconds=n)) for n, home in enumerate(homes)]

    async def tell(n: int) -> Have:
        return await both[n % 2].take(WILG, batch(found[n], of=f"journal-{n}"))

    async def claims(n: int) -> None:
        at_desk, alert = both[(n + 1) % 2], alert_of(found[n])
        await tell(n)
        await at_desk.catch_up()
        await at_desk.write(claim(SANNE, alert))

    await asyncio.gather(*map(claims, range(len(homes))))
    await asyncio.gather(*(centre.catch_up() for centre in both))
    assert seen[0] == seen[1] == sorted(set(seen[0]))
    assert len(seen[0]) == 1 + 2 * len(homes)
    assert both[0].board.alerts == both[1].board.alerts
    assert {one.state for one in both[0].board.alerts.values()} == {State.CLAIMED}


async def test_batches_that_wait_together_are_written_together_and_one_that_cannot_be_stops_no_other(
    both: tuple[Centre, Centre], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = both
    await one.take(WILG, batch(plan()))
    together, sizes = link.take_together, list[int]()

    def refuses_one(db: Database, batches: Sequence[tuple[str, Batch]], *, recorded_at: datetime) -> object:
        sizes.append(len(batches))
        if any(said.journal == "bad" for _, said in batches):
            raise sqlite3.DataError
        return together(db, batches, recorded_at=recorded_at)

    monkeypatch.setattr(link, "take_together", refuses_one)
    good = [one.take(WILG, batch(finding(at=NIGHT + timedelta(minutes=n)), of=f"journal-{n}")) for n in range(20)]
    bad = one.take(WILG, batch(finding(), of="bad"))
    *taken, refused = await asyncio.gather(*good, bad, return_exceptions=True)
    assert taken == [Have(f"journal-{n}", 1) for n in range(20)]
    assert isinstance(refused, sqlite3.DataError)
    assert max(sizes) > 1
    assert await one.ask(journal.count) == 21
    await other.catch_up()
    assert other.number == one.number


async def test_a_record_that_cannot_be_read_is_counted_once_by_the_line_that_it_came_on(
    both: tuple[Centre, Centre],
) -> None:
    lines = [[Intake(centre, "127.0.0.1", 1, buildings=set) for _ in range(3)] for centre in both]
    lines[0][1]._subscribed.add(WILG)
    await both[0].take(WILG, Batch("journal-of-wilg", 0, 1, (msgspec.Raw(b'{"type": "of the future"}'),)))
    await both[1].catch_up()
    counted = [[line.refused.total() for line in of] for of in lines]
    assert counted == [[0, 1, 0], [0, 0, 0]]


async def test_what_the_board_holds_is_written_down_by_another_process(
    both: tuple[Centre, Centre], address: Address, clock: StoryClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = both
    asked: list[str] = []
    monkeypatch.setattr("dashboard.centre.REMEMBER_AFTER", 3)
    for name, centre in zip(("one", "other"), both, strict=True):
        centre.remembers = lambda name=name: asked.append(name)  # type: ignore[misc]
    other.on_duty = lambda: False
    await one.take(WILG, batch(plan(), *(finding(at=NIGHT + timedelta(minutes=n)) for n in range(4))))
    await other.catch_up()
    assert asked == ["one"]  # once, and by the one that is on duty
    await remembering.apart(address)
    saved = await one.ask(journal.load_snapshot)
    assert saved is not None
    assert saved[0] == one.number
    with closing(Centre(journal.at(address), clock)) as again:
        assert again._remembered_upto == one.number
        assert again.board.alerts == one.board.alerts


async def test_a_building_that_one_process_hears_the_other_knows_to_be_there(
    both: tuple[Centre, Centre], address: Address
) -> None:
    one, other = both
    await one.take(WILG, batch(plan()))
    one.heard(WILG, Beat(NIGHT, proof=NIGHT - timedelta(seconds=20)))
    screens, elsewhere = Screens(), Screens()
    screens.report("screen-1", in_view=True, sound=True, by=SANNE)
    leases, others = Leases(address), Leases(address)
    await colleagues.turn(leases, one, Able(), screens)
    assert other.silent(WILG)
    await colleagues.turn(others, other, Able(), elsewhere)
    assert not other.silent(WILG)
    assert WILG in other.board.plans
    assert elsewhere.watching == elsewhere.people == 1
    now = other.now()
    mine, theirs = one.sign(WILG, now), other.sign(WILG, now)
    assert mine is not None
    assert theirs is not None
    assert mine.proven_at is not None
    assert theirs.proven_at is not None
    assert abs(mine.proven_at - theirs.proven_at) < timedelta(seconds=2)
    assert other.heard_lately(60) == {}  # it did not hear it itself: two would keep a dead building alive for ever
    leases.leave()
    await colleagues.turn(others, other, Able(), elsewhere)
    assert elsewhere.watching == 0  # screens of a process that is gone are gone
    others.leave()


async def test_what_one_writes_is_on_the_board_of_the_other_at_once(
    both: tuple[Centre, Centre], address: Address
) -> None:
    one, other = both
    following = asyncio.create_task(colleagues.follow(address, other))
    try:
        await one.take(WILG, batch(plan(), finding()))
        await eventually(lambda: ALERT in other.board.alerts)
        await one.write(claim(SANNE))
        await eventually(lambda: other.board.alerts[ALERT].state is State.CLAIMED)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


class Able:
    """Lines that hear their broker."""

    able = True
