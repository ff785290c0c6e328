"""News for family, from what they want to a message in the outbox: by the lookout, once, and not each second."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from care import journal
from care.database import Database
from care.ids import Asker, ContactId
from care.messages import Kind, ToTell
from care.records import Record
from care.sharing import Part, Shared
from care.systemd import Watchdog
from dashboard import contacts, tastes
from dashboard.bringing import EVERY, News
from dashboard.centre import Centre
from dashboard.contacts import Relation
from dashboard.lookout import Lookout
from dashboard.tastes import Wants
from detectors.findings import Presence, Status
from tests.dashboard.conftest import StoryClock
from tests.dashboard.nights import a_home, a_plan, local

HOME = a_home("wilg", "12")


@pytest.fixture
def eva(store: Database) -> ContactId:
    contacts.set_channel(store, "sms", "json://127.0.0.1/{address}")
    made = contacts.add(store, HOME.resident, "Eva", Relation.FAMILY)
    contacts.set_address(store, made, "sms", "31644444444")
    tastes.want(store, made, Wants(morning=True))
    return made


async def told(centre: Centre) -> list[ToTell]:
    entries = await centre.ask(lambda db: journal.read_after(db, 0))
    return [one.record for one in entries if isinstance(one.record, ToTell)]


@pytest.mark.anyio
@pytest.mark.both_stores
async def test_a_daughter_gets_one_message_in_the_morning_and_not_again_after_a_restart(
    tmp_path: Path, store: Database, eva: ContactId
) -> None:
    begun = local("22:00")
    clock = StoryClock(begun)
    records: list[Record] = [
        a_plan("wilg", "De Wilg", (12,)),
        Status(at=begun, home=HOME.id, presence=Presence.BED, since=begun),
        Shared(
            at=begun,
            home=HOME.id,
            resident=HOME.resident,
            contact=eva,
            parts=(Part.NIGHT,),
            until=begun + timedelta(days=9),
            by=Asker("resident"),
        ),
    ]
    for start in range(2):
        centre = Centre(journal.connect(tmp_path / "centre.db"), clock)
        if not start:
            await centre.write(lambda *_: records)
        lookout = Lookout(centre, Watchdog({}), news=News(store))
        clock.moment = max(clock.moment, local("07:29"))
        for _ in range(3):
            await lookout.look()
            clock.wait(seconds=EVERY.total_seconds())
        [one] = await told(centre)
        assert (one.to, one.kind, one.channels, one.at) == (eva, Kind.MORNING, ("sms",), local("07:30"))
        centre.close()


def test_wishes_are_read_once_a_minute_while_there_is_nothing_to_bring(
    store: Database, eva: ContactId, centre: Centre
) -> None:
    asked: list[str] = []
    assert isinstance(store, sqlite3.Connection)
    store.set_trace_callback(asked.append)
    bringing = News(store)
    for second in range(61):
        assert not bringing.due(centre.board, local("03:00") + timedelta(seconds=second))
    assert len([one for one in asked if "FROM taste" in one]) == 2
    assert eva
