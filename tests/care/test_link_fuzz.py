"""Whatever arrives on the link: it is garbled, or taken, or kept as unreadable in its place; and nothing else."""

import os
import random
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care import journal, link
from care.database import Database
from care.link import KEPT_MAX, Batch, Beat, Garbled, Have, Message, Outgoing
from care.records import CENTRE, Unreadable
from detectors.findings import Cleared, Finding, Presence, Status, What
from detectors.homes import HomeId
from tests.gateway.test_fuzz import mutated
from tests.journals import Journals

NOW = datetime(2026, 3, 3, 1, 10, tzinfo=UTC)
SITE, HOME = "wilg", HomeId("wilg/12")
PAYLOADS = int(os.environ.get("FUZZ", "20000"))
TAKEN_EVERY = 20  # messages: most are only read, for a disk is slow
GROWTH_MAX = 4_000_000  # bytes

RECORDS = (
    Finding(at=NOW, home=HOME, what=What.BATH, since=NOW - timedelta(minutes=30), episode=NOW - timedelta(minutes=31)),
    Cleared(at=NOW, home=HOME, what=What.BATH, since=NOW, episode=NOW),
    Status(at=NOW, home=HOME, presence=Presence.UP),
)
SEEDS = tuple(
    link.encode(one)
    for one in (
        Batch("0a1b", 0, 3, tuple(msgspec.Raw(link.encode(record)) for record in RECORDS)),
        Batch("0a1b", 0, 0),
        Have("0a1b", 12),
        Beat(NOW),
    )
)


@pytest.fixture
def db(journals: Journals) -> Iterator[Database]:
    with journals.new() as made:
        yield made


def taken(db: Database, peer: str, batch: Batch) -> None:
    """Take a batch; what it says is on disk afterwards is so, and can be read again."""
    before = journal.last_number(db)
    have, entries = link.take(db, peer, batch, recorded_at=NOW)
    cursor = journal.cursor_of(db, peer)
    assert have.journal == batch.journal
    assert cursor is None or cursor.journal != batch.journal or have.number == cursor.number
    kept = journal.read_after(db, before)
    assert kept == entries
    for entry in kept:
        if isinstance(entry.record, Unreadable):
            assert entry.record.why.endswith(".")
            assert len(entry.record.payload) <= KEPT_MAX


def heard(payload: bytes) -> Message | None:
    try:
        return link.decode(payload)
    except Garbled as error:
        assert str(error)  # noqa: PT017  # what it says is looked at, not that it comes
        return None


def test_thousands_of_mutated_messages_are_garbled_taken_or_kept(db: Database) -> None:
    chance = random.Random(1)
    garbled = batches = 0
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(PAYLOADS):
            message = heard(mutated(chance, chance.choice(SEEDS)))
            garbled += message is None
            if isinstance(message, Batch):
                batches += 1
                if number % TAKEN_EVERY == 0 and max(abs(message.after), abs(message.upto)) < 2**63:
                    taken(db, chance.choice((SITE, CENTRE)), message)
                    if number % (TAKEN_EVERY * 100) == 0:  # memory is what is measured, and this journal lies in it
                        db.execute("DELETE FROM journal")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < GROWTH_MAX
    assert garbled > PAYLOADS / 10
    assert batches > PAYLOADS / 50


RAW = st.sampled_from([link.encode(one) for one in RECORDS]) | st.sampled_from(
    [b"null", b"{}", b'{"type":"finding"}', b'{"type":"of-next-year"}', b"[1]", b'"\\u0000"', b"1e400"]
)


@given(
    records=st.lists(RAW, max_size=6),
    after=st.integers(-5, 5),
    upto=st.integers(-5, 12),
    name=st.text(max_size=12),
    peer=st.sampled_from([SITE, CENTRE]),
)
def test_a_batch_of_anything_is_taken_whole_or_not_at_all(
    journals: Journals, records: list[bytes], after: int, upto: int, name: str, peer: str
) -> None:
    raw = b",".join(records)
    head = link.encode(Batch(name, after, upto))[:-1].removesuffix(b',"records":[]')
    message = heard(head + b',"records":[' + raw + b"]}")
    if isinstance(message, Batch):
        with journals.new() as db:
            taken(db, peer, message)
            again, entries = link.take(db, peer, message, recorded_at=NOW)
            assert entries == []  # what is here is not taken twice
            assert again.number >= 0 or message.upto < 0


# What once ended a building's process.


def test_a_message_that_is_no_utf8_is_garbled() -> None:
    with pytest.raises(Garbled):
        link.decode(b'{"type":"have","journal":"\xff","number":1}')


def test_a_name_that_no_store_can_hold_is_garbled() -> None:
    with pytest.raises(Garbled):
        link.decode(b'{"type":"batch","journal":"0a\\u00001b","after":0,"upto":1,"records":[]}')


def test_a_number_that_no_disk_can_hold_is_garbled(db: Database) -> None:
    message = heard(f'{{"type":"batch","journal":"x","after":0,"upto":{2**63},"records":[]}}'.encode())
    assert isinstance(message, Batch | None)
    if message is not None:
        taken(db, SITE, message)


def test_an_answer_that_no_disk_can_hold_keeps_nothing_from_being_sent(db: Database) -> None:
    outgoing = Outgoing(db, CENTRE)
    message = heard(f'{{"type":"have","journal":"{journal.identity(db)}","number":{2**63}}}'.encode())
    assert isinstance(message, Have | None)
    if message is not None:
        outgoing.answered(message)
        outgoing.next(0)
