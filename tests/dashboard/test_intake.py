"""The centre's end of the link, over a real broker: what comes in is on disk, what goes out arrives."""

import asyncio
import sqlite3
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from care import journal, link
from care.alerts import State
from care.board import Board
from care.clock import REHEARSAL_TOPIC, RehearsalClock
from care.database import Database
from care.ids import StaffId
from care.link import Batch, Beat, Have
from care.records import Claimed, Order, Plan, Record, Teaching, Unreadable
from dashboard import intake
from dashboard.centre import Centre
from dashboard.intake import Intake
from detectors.findings import Finding
from detectors.homes import HomeId, Kind, RoomId, SensorId, SiteId
from detectors.moments import SensorEvent
from detectors.nights import Summary
from tests.conftest import Mosquitto, free_port, new_mosquitto
from tests.dashboard.conftest import (
    ALERT,
    HOME,
    NIGHT,
    WILG,
    StoryClock,
    batch,
    eventually,
    finding,
    plan,
    status,
)

pytestmark = pytest.mark.anyio

SANNE = StaffId("s-sanne")


class Building:
    """A building as the centre hears it: says what a story says, and keeps what it is told."""

    def __init__(self, client: aiomqtt.Client, site: SiteId) -> None:
        self.client = client
        self.site = site
        self.told: list[link.Message] = []

    async def say(self, message: link.Message) -> None:
        await self.client.publish(link.up_topic(self.site), link.encode(message), qos=1)

    async def listen(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            self.told.append(link.decode(message.payload))

    def haves(self) -> list[Have]:
        return [one for one in self.told if isinstance(one, Have)]

    def orders(self) -> list[Record]:
        batches = [one for one in self.told if isinstance(one, Batch)]
        return [msgspec.json.decode(raw, type=Record) for one in batches for raw in one.records]


@asynccontextmanager
async def building(broker: Mosquitto, site: SiteId = WILG) -> AsyncIterator[Building]:
    async with aiomqtt.Client(broker.host, broker.port, identifier=f"building-{site}") as client:
        made = Building(client, site)
        await client.subscribe(link.down_topic(site), qos=1)
        listening = asyncio.create_task(made.listen())
        try:
            yield made
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


@asynccontextmanager
async def running(
    centre: Centre, broker: Mosquitto, *, rehearsal: RehearsalClock | None = None
) -> AsyncIterator[Intake]:
    # A session kept for an earlier story would tell it again in this one.
    async with aiomqtt.Client(broker.host, broker.port, identifier=intake.CLIENT_ID, clean_session=True):
        pass
    made = Intake(centre, broker.host, broker.port, rehearsal=rehearsal)
    task = asyncio.create_task(made.run())
    try:
        await eventually(lambda: made.connected)
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def night(*, day: int = 2, bath: float = 1.5) -> Summary:
    """Return what a night came to; NIGHT is in the first of them."""
    of = datetime(2026, 3, day, 14, tzinfo=UTC)
    return Summary(at=of + timedelta(days=1), home=HOME, night=of.date(), whole=True, age=40, highest={"bath": bath})


def claimed(board: Board, at: datetime) -> Sequence[Order]:
    return [Claimed(at=at, home=HOME, alert=ALERT, by=SANNE)]


async def test_what_a_building_tells_is_on_disk_before_it_is_answered(
    centre: Centre, book: Database, mosquitto: Mosquitto
) -> None:
    async with running(centre, mosquitto), building(mosquitto) as wilg:
        await wilg.say(batch(plan(), status(), finding()))
        await eventually(lambda: Have("journal-of-wilg", 3) in wilg.told)
        assert [entry.record for entry in journal.read_after(book, 0)] == [plan(), status(), finding()]
        assert centre.board.alerts[ALERT].state is State.RAISED
        assert centre.number == 3


async def test_a_batch_told_twice_counts_once(centre: Centre, book: Database, mosquitto: Mosquitto) -> None:
    async with running(centre, mosquitto), building(mosquitto) as wilg:
        for _ in range(2):
            await wilg.say(batch(plan(), finding()))
        await eventually(lambda: wilg.haves() == [Have("journal-of-wilg", 2)] * 2)
        assert journal.count(book) == 2


async def test_a_claim_at_the_desk_is_in_the_building_at_once(centre: Centre, mosquitto: Mosquitto) -> None:
    async with running(centre, mosquitto), building(mosquitto) as wilg:
        await wilg.say(Beat(NIGHT))
        await wilg.say(batch(plan(), finding()))
        await eventually(lambda: any(isinstance(one, Batch) for one in wilg.told))  # asks what the building has
        await wilg.say(Have(await centre.ask(journal.identity), 0))
        await wilg.say(batch(after=2))  # the same way, so that the answer before it has been heard
        await eventually(lambda: len(wilg.haves()) == 2)
        [entry] = await centre.write(claimed)
        await eventually(lambda: wilg.orders() == [entry.record], within_s=1)


async def test_an_order_not_answered_is_sent_again(
    centre: Centre, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "RESEND_AFTER_S", 0.1)
    async with running(centre, mosquitto), building(mosquitto) as wilg:
        await wilg.say(Beat(NIGHT))
        await eventually(lambda: any(isinstance(one, Batch) for one in wilg.told))
        [entry] = await centre.write(claimed)
        await wilg.say(Have(await centre.ask(journal.identity), 0))
        await eventually(lambda: wilg.orders()[:2] == [entry.record, entry.record])
        await wilg.say(Have(await centre.ask(journal.identity), entry.number))


async def test_to_a_building_that_cannot_be_heard_nothing_is_sent(centre: Centre, mosquitto: Mosquitto) -> None:
    els = SiteId("els")
    async with running(centre, mosquitto), building(mosquitto) as wilg, building(mosquitto, els) as silent:
        await wilg.say(Beat(NIGHT))
        await silent.say(batch(plan(els)))
        await centre.write(lambda _, at: [Claimed(at=at, home=HomeId("els/12"), alert=ALERT, by=SANNE)])
        await centre.write(claimed)
        await eventually(lambda: any(isinstance(one, Batch) for one in wilg.told))
        assert [one for one in silent.told if isinstance(one, Batch)] == []
        await silent.say(Beat(NIGHT))
        await eventually(lambda: any(isinstance(one, Batch) for one in silent.told))


async def test_what_the_nights_taught_is_in_the_building_when_the_day_is_closed(
    centre: Centre, clock: StoryClock, mosquitto: Mosquitto
) -> None:
    async with running(centre, mosquitto), building(mosquitto) as wilg:
        await wilg.say(Beat(NIGHT))
        await wilg.say(batch(plan(), night()))
        await eventually(lambda: any(isinstance(one, Batch) for one in wilg.told))  # asks what the building has
        await wilg.say(Have(await centre.ask(journal.identity), 0))
        clock.wait(days=1)
        await wilg.say(batch(status(), after=2))
        await eventually(lambda: [type(one) for one in wilg.orders()] == [Teaching])


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{not json",
        b"\xff\xfe",
        b'{"type": "batch"}',
        b'{"type": "have", "journal": "x", "number": "many"}',
        link.encode(Batch("journal-of-wilg", 0, 2**70)),
    ],
    ids=[
        "empty",
        "not json",
        "not text",
        "half a batch",
        "a number in words",
        "a number too large for the disk",
    ],
)
async def test_a_message_that_cannot_be_is_counted_and_stops_nothing(
    centre: Centre, book: Database, mosquitto: Mosquitto, payload: bytes
) -> None:
    with capture_logs() as logged:
        async with running(centre, mosquitto) as running_intake, building(mosquitto) as wilg:
            await wilg.say(Beat(NIGHT))
            await wilg.client.publish(link.up_topic(WILG), payload, qos=1)
            await wilg.say(batch(plan(), finding()))
            await eventually(lambda: Have("journal-of-wilg", 2) in wilg.told)
            await eventually(lambda: running_intake.refused.total() == 1)
        assert [entry.record for entry in journal.read_after(book, 0)] == [plan(), finding()]
    refused = [line for line in logged if line["event"] == "message refused"]
    assert len(refused) == 1
    assert refused[0]["topic"] == "nachtwacht/wilg/up"


@pytest.mark.parametrize(
    "record",
    [
        b'{"type": "plan"}',
        link.encode(plan(SiteId("els"))),
        link.encode(plan(WILG, HomeId("els/1"))),
        link.encode(finding(HomeId("els/1"))),
        link.encode(Claimed(at=NIGHT, home=HOME, alert=ALERT, by=SANNE)),
        link.encode(
            SensorEvent(at=NIGHT, home=HOME, sensor=SensorId("a"), room=RoomId("b"), kind=Kind.MOTION, value=1.0)
        ),
    ],
    ids=[
        "half a record",
        "another site's plan",
        "a plan with another site's home",
        "another site's finding",
        "an order from below",
        "a raw event",
    ],
)
async def test_a_record_that_cannot_be_taken_is_counted_kept_and_stops_neither_link_nor_board(
    centre: Centre, book: Database, mosquitto: Mosquitto, record: bytes
) -> None:
    async with running(centre, mosquitto) as running_intake, building(mosquitto) as wilg:
        await wilg.say(Beat(NIGHT))
        good = tuple(msgspec.Raw(link.encode(one)) for one in (plan(), finding()))
        await wilg.say(Batch("journal-of-wilg", 0, 3, (msgspec.Raw(record), *good)))
        await eventually(lambda: Have("journal-of-wilg", 3) in wilg.told)
        assert running_intake.refused == {"wilg": 1}
    kept = [type(entry.record) for entry in journal.read_after(book, 0)]
    assert kept == [Unreadable, Plan, Finding]
    assert list(centre.board.alerts) == [ALERT]


async def test_an_answer_that_cannot_be_keeps_no_order_from_another_building(
    centre: Centre, mosquitto: Mosquitto
) -> None:
    els = SiteId("els")
    async with (
        running(centre, mosquitto) as running_intake,
        building(mosquitto) as wilg,
        building(mosquitto, els) as odd,
    ):
        own = await centre.ask(journal.identity)
        await odd.say(Beat(NIGHT))
        await odd.say(Have(own, 2**70))
        await eventually(lambda: running_intake.refused.total() == 1)
        await wilg.say(Beat(NIGHT))
        await wilg.say(Have(own, 0))
        [entry] = await centre.write(claimed)
        await eventually(lambda: wilg.orders() == [entry.record])


async def test_a_topic_of_no_building_is_refused(centre: Centre, mosquitto: Mosquitto) -> None:
    async with running(centre, mosquitto) as running_intake, building(mosquitto) as wilg:
        await wilg.client.publish("nachtwacht/two words/up", link.encode(Beat(NIGHT)), qos=1)
        await eventually(lambda: running_intake.refused == {"unknown": 1})


async def test_a_building_that_repeats_itself_does_not_fill_the_log(centre: Centre, mosquitto: Mosquitto) -> None:
    with capture_logs() as logged:
        async with running(centre, mosquitto) as running_intake, building(mosquitto) as wilg:
            await wilg.say(batch(plan()))
            await eventually(lambda: WILG in centre.board.plans)
            for _ in range(9):
                await wilg.client.publish(link.up_topic(WILG), b"?", qos=1)
            await eventually(lambda: running_intake.refused["wilg"] == 9)
    assert [line["count"] for line in logged if line["event"] == "message refused"] == [1, 2, 4, 8]


async def test_a_beat_that_the_broker_repeats_is_no_sign_of_life(centre: Centre, mosquitto: Mosquitto) -> None:
    els = SiteId("els-retained")
    async with building(mosquitto, els) as silent:
        await silent.client.publish(link.up_topic(els), link.encode(Beat(NIGHT)), qos=1, retain=True)
        async with running(centre, mosquitto), building(mosquitto) as wilg:
            await wilg.say(Beat(NIGHT))
            await eventually(lambda: not centre.silent(WILG))
            assert centre.silent(els)
        await silent.client.publish(link.up_topic(els), b"", qos=1, retain=True)


async def test_what_was_told_while_the_centre_was_away_comes_in_when_it_is_back(
    centre: Centre, book: Database, mosquitto: Mosquitto
) -> None:
    async with running(centre, mosquitto):
        pass
    async with building(mosquitto) as wilg:
        await wilg.say(batch(plan(), finding()))
        again = Intake(centre, mosquitto.host, mosquitto.port)
        task = asyncio.create_task(again.run())
        await eventually(lambda: Have("journal-of-wilg", 2) in wilg.told)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert journal.count(book) == 2


async def test_a_broker_that_goes_away_and_comes_back_is_found_again(
    centre: Centre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "PAUSES_S", (0.05,))
    folder = tmp_path / "broker"
    folder.mkdir()
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(0o755)
    broker = new_mosquitto(folder)
    try:
        async with running(centre, broker) as running_intake:
            await asyncio.to_thread(broker.stop)
            await eventually(lambda: not running_intake.connected)
            await asyncio.to_thread(broker.start)
            await eventually(lambda: running_intake.connected)
            async with building(broker) as wilg:
                await wilg.say(batch(plan()))
                await eventually(lambda: Have("journal-of-wilg", 1) in wilg.told)
    finally:
        broker.stop()


async def test_a_broker_that_is_not_there_is_tried_again_and_said(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "PAUSES_S", (0.01,))
    with capture_logs() as logged:
        task = asyncio.create_task(Intake(centre, "127.0.0.1", free_port()).run())
        await eventually(lambda: len(logged) >= 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert {line["event"] for line in logged} == {"no connection"}


async def test_a_rehearsal_sets_the_clock_and_garbled_time_does_not(tmp_path: Path, mosquitto: Mosquitto) -> None:
    clock = RehearsalClock(datetime(2000, 1, 1, tzinfo=UTC))
    centre = Centre(journal.connect(tmp_path / "rehearsed.db"), clock)
    async with running(centre, mosquitto, rehearsal=clock) as running_intake, building(mosquitto) as wilg:
        for said in (b"soon", b"2026-03-03T01:00:00", b"\xff", NIGHT.isoformat().encode()):
            await wilg.client.publish(REHEARSAL_TOPIC, said, qos=1)
        await eventually(lambda: centre.now() == NIGHT)
        assert running_intake.refused == {"unknown": 3}
    centre.close()


# The centre without a broker.


async def test_after_a_restart_the_board_is_what_it_was(centre: Centre, tmp_path: Path) -> None:
    await centre.take(WILG, batch(plan(), status(), finding()))
    await centre.write(claimed)
    again = Centre(journal.connect(tmp_path / "centre.db"), StoryClock())
    assert again.number == centre.number == 4
    assert again.board.alerts == centre.board.alerts
    assert again.board.homes == centre.board.homes
    assert again.board.statuses == centre.board.statuses
    again.close()


async def test_every_site_is_taught_once_a_day_and_an_idle_day_is_no_exception(
    centre: Centre, clock: StoryClock, book: Database
) -> None:
    await centre.take(WILG, batch(plan(), night(), finding()))
    await centre.take(SiteId("els"), batch(plan(SiteId("els")), of="journal-of-els"))
    for day in range(4):
        clock.wait(days=1)
        for more in range(3):
            at = clock.now() + timedelta(minutes=more)
            await centre.take(WILG, batch(msgspec.structs.replace(status(), at=at), after=3 + 3 * day + more))
    taught = [entry.record for entry in journal.read_after(book, 0) if isinstance(entry.record, Teaching)]
    assert [(one.site, one.at.day) for one in taught] == [
        (site, day) for day in (3, 4, 5, 6) for site in (SiteId("els"), WILG)
    ]
    # The night that alerted has entered, though nobody answered.
    assert [one.pools["bath/general/28+"].nights for one in taught if one.site == WILG] == [0, 0, 0, 1]


async def test_after_a_restart_the_fleet_has_learned_the_same_and_nobody_is_told_again(
    centre: Centre, clock: StoryClock, tmp_path: Path
) -> None:
    await centre.take(WILG, batch(plan(), night(), finding()))
    await centre.write(claimed)
    clock.wait(days=1)
    await centre.take(WILG, batch(night(day=3, bath=2.0), after=3))
    clock.wait(days=3)
    await centre.take(WILG, batch(status(), after=4))
    again = Centre(journal.connect(tmp_path / "centre.db"), StoryClock(clock.now()))
    assert again.fleet == centre.fleet
    assert again.fleet.pools["bath/general/28+"].nights[-1].scores == (2.0,)
    assert again.fleet.due() == ()
    number = again.number
    await again.take(WILG, batch(msgspec.structs.replace(status(), at=clock.now()), after=5))
    assert again.number == number + 1
    again.close()


async def test_of_two_who_claim_at_once_the_second_sees_the_first(centre: Centre) -> None:
    await centre.take(WILG, batch(plan(), finding()))
    holders: list[StaffId | None] = []

    def claim_for(staff: str) -> Callable[[Board, datetime], Sequence[Order]]:
        def decide(board: Board, at: datetime) -> Sequence[Order]:
            holders.append(board.alerts[ALERT].holder)
            return [Claimed(at=at, home=HOME, alert=ALERT, by=StaffId(staff))]

        return decide

    await asyncio.gather(centre.write(claim_for("one")), centre.write(claim_for("two")))
    assert holders == [None, "one"]


async def test_two_orders_in_one_moment_of_a_clock_that_stands_still_are_two(centre: Centre) -> None:
    await centre.take(WILG, batch(plan(), finding()))
    first, second = await centre.write(claimed), await centre.write(claimed)
    assert [entry.number for entry in (*first, *second)] == [3, 4]


async def test_who_turns_away_while_it_is_written_does_not_keep_it_from_the_board(centre: Centre) -> None:
    await centre.take(WILG, batch(plan(), finding()))
    writing = asyncio.create_task(centre.write(claimed))
    await asyncio.sleep(0)
    writing.cancel()
    await eventually(lambda: centre.board.alerts[ALERT].holder == SANNE)


async def test_what_the_decision_refuses_is_not_written(centre: Centre, book: Database) -> None:
    def refuse(board: Board, at: datetime) -> Sequence[Order]:
        raise LookupError

    with pytest.raises(LookupError):
        await centre.write(refuse)
    assert await centre.write(lambda *_: []) == []
    assert journal.count(book) == 0


async def test_a_disk_that_will_not_leaves_the_board_as_it_was(centre: Centre) -> None:
    await centre.take(WILG, batch(plan(), finding()))
    await centre.ask(lambda db: db.execute("PRAGMA query_only = 1"))
    with pytest.raises(sqlite3.OperationalError):
        await centre.write(claimed)
    assert centre.board.alerts[ALERT].holder is None
    await centre.ask(lambda db: db.execute("PRAGMA query_only = 0"))
    await centre.write(claimed)
    assert centre.board.alerts[ALERT].holder == SANNE


@given(st.lists(st.floats(0, 40), min_size=1, max_size=20), st.sampled_from([1, 60, 1000]))
def test_silence_is_counted_in_real_seconds_however_fast_the_night_is_played(waits: list[float], speed: int) -> None:
    clock, real = StoryClock(), [0.0]
    made = Centre(journal.connect(":memory:"), clock, monotonic=lambda: real[0])
    made.board.add(plan(), recorded_at=NIGHT)
    made.heard(WILG)
    for wait in waits:
        real[0] += wait
        clock.wait(seconds=wait * speed)
        now = made.now()
        assert (made.board.silent_since(WILG, now) is not None) == made.silent(WILG) == (real[0] > 30)
    made.close()


async def test_a_building_never_heard_since_the_start_is_silent(centre: Centre) -> None:
    await centre.take(WILG, batch(plan()))
    assert centre.silent(WILG)
    assert centre.unheard_s(WILG) is None
    assert centre.board.silent_since(WILG, centre.now() + timedelta(minutes=3)) == NIGHT  # when it last told something


async def test_of_a_batch_with_somebody_elses_home_only_ones_own_comes_on_the_board(centre: Centre) -> None:
    await centre.take(WILG, batch(plan(), finding(), finding(HomeId("els/1"))))
    assert {alert.home for alert in centre.board.alerts.values()} == {finding().home}


async def test_a_centre_starts_from_what_it_remembers_and_reads_only_the_rest(
    tmp_path: Path, clock: StoryClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.centre.REMEMBER_AFTER", 2)
    file = tmp_path / "remembered.db"
    with closing(Centre(journal.connect(file), clock)) as first:
        await first.take(WILG, batch(plan(), finding(), status()))
        await first.take(WILG, batch(status(HomeId("wilg/13")), after=3))
    read, after = list[int](), journal.read_after

    def read_after(db: Database, number: int) -> list[journal.Entry]:
        read.append(number)
        return after(db, number)

    monkeypatch.setattr(journal, "read_after", read_after)
    with closing(Centre(journal.connect(file), clock)) as second:
        assert read[0] == 3
        assert second.number == first.number == 4
        assert second.board.alerts == first.board.alerts
        assert second.board.statuses == first.board.statuses


@pytest.mark.parametrize("body", [b"damaged", zlib.compress(b"{}"), zlib.compress(b'{"by":"another"}')])
async def test_what_cannot_be_relied_on_is_read_again(tmp_path: Path, clock: StoryClock, body: bytes) -> None:
    file = tmp_path / "damaged.db"
    with closing(Centre(journal.connect(file), clock)) as first:
        await first.take(WILG, batch(plan(), finding()))
        first._db.execute("INSERT OR REPLACE INTO snapshot VALUES (1, 2, ?)", (body,))
    with closing(Centre(journal.connect(file), clock)) as second:
        assert second.board.alerts == first.board.alerts
