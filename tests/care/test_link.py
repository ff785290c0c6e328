"""The link: whatever the network does to messages, both journals end with all that each must have, once, in order."""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care import journal, link
from care.database import Database
from care.ids import AlertId, BackTestId, StaffId
from care.link import Batch, Beat, Garbled, Have, Outgoing
from care.records import (
    CENTRE,
    Agreed,
    BackTest,
    BackTested,
    Changed,
    Claimed,
    Comparison,
    FellBack,
    Ground,
    Pair,
    Ranked,
    Record,
    Teaching,
    Unreadable,
    Would,
)
from detectors.findings import Cleared, What
from detectors.homes import HomeId, ResidentId, SiteId
from detectors.nights import Summary
from tests.conftest import examples
from tests.journals import Journals
from tests.stories import a_home, event

NOW = datetime(2026, 3, 3, 1, 10, tzinfo=UTC)
SITE = "wilg"


def told(number: int) -> Cleared:
    at = NOW + timedelta(seconds=number)
    return Cleared(at=at, home=HomeId("wilg/12"), what=What.STILL, since=NOW, episode=NOW)


def fell_back(home: str) -> FellBack:
    return FellBack(at=NOW, home=HomeId(home), alert=AlertId("0a1b2c3d4e"), channel="siren")


def ordered(number: int) -> Claimed:
    at = NOW + timedelta(seconds=number)
    return Claimed(at=at, home=HomeId("wilg/12"), alert=AlertId("0a1b2c3d4e"), by=StaffId("sk"))


def night(home: str = "wilg/12") -> Summary:
    return Summary(at=NOW, home=HomeId(home), night=NOW.date(), whole=True, highest={"bath": 1.5})


TAUGHT = Teaching(at=NOW, site=SiteId(SITE), pools={"bath/general/28+": Ranked(2.4, 1200, ranks=((0.01, 2.3),))})

ASKED = BackTest(
    at=NOW, home=HomeId("wilg/12"), id=BackTestId("b1"), by=StaffId("sk"), before=Agreed(), proposed=Agreed(), nights=28
)
ANSWERED = BackTested(
    at=NOW,
    home=HomeId("wilg/12"),
    id=BackTestId("b1"),
    found=Comparison(
        before=Agreed(),
        first=NOW.date(),
        nights=28,
        was=1,
        would=2,
        pairs=(
            Pair(alert=AlertId("0a1b2c3d4e"), was=Would(NOW, What.BATH, urgent=True), needed=True),
            Pair(alert=AlertId("1a1b2c3d4e"), would=Would(NOW, What.OOB_ACTIVE, urgent=False)),
        ),
        unheard=(NOW.date(),),
    ),
)
CHANGED = Changed(
    at=NOW,
    home=HomeId("wilg/12"),
    resident=ResidentId("r-12"),
    by=StaffId("sk"),
    why=Ground.CARE_PLAN,
    before=Agreed(),
    after=Agreed(soon=("oob-active",), off=("shift",)),
    asked=BackTestId("b1"),
)
"""What people agree is ordered of a building, and what it saw when it looked back is told."""


class End:
    """One end of a link, driven by hand."""

    def __init__(self, me: str, peer: str, db: Database | None = None) -> None:
        self.db = db or journal.connect(":memory:")
        self.me, self.peer = me, peer
        self.outgoing = Outgoing(self.db, peer)

    def write(self, *records: Record) -> None:
        journal.append(self.db, records, recorded_at=NOW)

    def restart(self) -> None:
        self.outgoing = Outgoing(self.db, self.peer)

    def hear(self, payload: bytes) -> bytes | None:
        message = link.decode(payload)
        if isinstance(message, Have):
            self.outgoing.answered(message)
            return None
        assert isinstance(message, Batch)
        self.outgoing.heard()
        have, _ = link.take(self.db, self.peer, message, recorded_at=NOW)
        return link.encode(have)

    def from_peer(self) -> list[Record]:
        return [entry.record for entry in journal.read_after(self.db, 0) if entry.origin == self.peer]


@pytest.fixture
def ends(journals: Journals) -> Iterator[tuple[End, End]]:
    """A building, whose journal is a file, and a centre."""
    with journals.new() as db:
        building, centre = End(SITE, CENTRE), End(CENTRE, SITE, db)
        with contextlib.closing(building.db):
            yield building, centre


def exchange(building: End, centre: End, *, at_s: float) -> None:
    """Carry messages both ways, without a fault, until nobody has anything to say."""
    for _ in range(200):
        silent = True
        for speaker, hearer in ((building, centre), (centre, building)):
            batch = speaker.outgoing.next(at_s)
            if batch is not None:
                silent = False
                answer = hearer.hear(link.encode(batch))
                if answer is not None:
                    speaker.hear(answer)
        if silent:
            return
    pytest.fail("the two ends never fall silent")


def test_what_is_asked_and_agreed_goes_down_to_its_building_and_the_answer_comes_up(ends: tuple[End, End]) -> None:
    building, centre = ends
    centre.write(ASKED, CHANGED, msgspec.structs.replace(ASKED, home=HomeId("eik/12")))
    building.write(ANSWERED)
    exchange(building, centre, at_s=0)
    assert building.from_peer() == [ASKED, CHANGED]
    assert centre.from_peer() == [ANSWERED]


def test_findings_go_up_and_orders_come_down(ends: tuple[End, End]) -> None:
    building, centre = ends
    building.write(event(a_home(), "02:09 bed out"), told(1), told(2))
    centre.write(ordered(3))
    exchange(building, centre, at_s=0)
    assert centre.from_peer() == [told(1), told(2)]  # and the raw event stayed at home
    assert building.from_peer() == [ordered(3)]


def test_nights_go_up_and_what_all_of_them_teach_comes_down(ends: tuple[End, End]) -> None:
    building, centre = ends
    building.write(night(), msgspec.structs.replace(TAUGHT, factor=0.5))  # what it said to itself stays there
    centre.write(TAUGHT, msgspec.structs.replace(TAUGHT, site=SiteId("eik")))
    exchange(building, centre, at_s=0)
    assert centre.from_peer() == [night()]
    assert building.from_peer() == [TAUGHT]


def test_an_outage_of_any_length_is_caught_up(ends: tuple[End, End]) -> None:
    building, centre = ends
    exchange(building, centre, at_s=0)
    building.write(*(told(number) for number in range(1, 1001)))
    building.outgoing.broken()
    exchange(building, centre, at_s=10)
    assert centre.from_peer() == [told(number) for number in range(1, 1001)]


def test_a_centre_restored_from_an_older_backup_is_brought_up_to_date() -> None:
    with (
        contextlib.closing(journal.connect(":memory:")) as file,
        contextlib.closing(journal.connect(":memory:")) as lost,
        contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as backup,
    ):
        building, centre = End(SITE, CENTRE, file), End(CENTRE, SITE, lost)
        building.write(told(1))
        exchange(building, centre, at_s=0)
        lost.backup(backup)
        building.write(told(2), told(3))
        exchange(building, centre, at_s=0)
        restored = End(CENTRE, SITE, backup)
        building.write(told(4))
        exchange(building, restored, at_s=0)
        exchange(building, restored, at_s=link.RESEND_AFTER_S)
        assert restored.from_peer() == [told(1), told(2), told(3), told(4)]


def test_a_building_that_starts_with_a_new_journal_is_heard_from_its_first_record(ends: tuple[End, End]) -> None:
    building, centre = ends
    building.write(*(told(number) for number in range(1, 6)))
    exchange(building, centre, at_s=0)
    renewed = End(SITE, CENTRE)
    with contextlib.closing(renewed.db):
        renewed.write(told(100))
        exchange(renewed, centre, at_s=0)
    assert centre.from_peer()[-1] == told(100)


def test_an_unanswered_batch_is_sent_again_and_not_before_its_time(ends: tuple[End, End]) -> None:
    building, _ = ends
    building.write(told(1))
    assert building.outgoing.next(0) is not None
    assert building.outgoing.next(link.RESEND_AFTER_S - 0.1) is None
    assert building.outgoing.next(link.RESEND_AFTER_S) is not None


def test_a_night_without_the_centre_is_no_night_of_repeats(ends: tuple[End, End]) -> None:
    building, _ = ends
    building.write(*(told(number) for number in range(1, 1001)))
    sent = [at_s for at_s in range(8 * 3_600) if building.outgoing.next(at_s) is not None]
    assert len(sent) <= 8 * 60 + 5
    assert sent[:4] == [0, 3, 9, 21]  # soon at first: most often it was one message that got lost


def test_whoever_speaks_again_after_a_long_time_is_sent_what_waits_within_seconds(ends: tuple[End, End]) -> None:
    building, centre = ends
    building.write(told(1))
    sent = [at_s for at_s in range(3_600) if building.outgoing.next(at_s) is not None]
    question = centre.outgoing.next(3_600)
    assert question is not None
    building.hear(link.encode(question))
    assert building.outgoing.next(sent[-1] + link.RESEND_AFTER_S) is not None


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ('{"type":"sensor"}', "Not a record that this version knows"),
        ('{"type":"of-next-year","at":1}', "Not a record that this version knows"),
        (link.encode(ordered(9)).decode(), "Not for wilg to say"),
        (link.encode(told(9)).decode().replace("wilg/12", "eik/12"), "Not for wilg to say"),
        (link.encode(night("eik/12")).decode(), "Not for wilg to say"),
        (link.encode(TAUGHT).decode(), "Not for wilg to say"),
        (link.encode(told(9)).decode().replace('"still"', '"building-silent"'), "Not for wilg to say"),
        (link.encode(fell_back("eik/12")).decode(), "Not for wilg to say"),
        (link.encode(ASKED).decode(), "Not for wilg to say"),
        (link.encode(CHANGED).decode(), "Not for wilg to say"),
        (link.encode(ANSWERED).decode().replace("wilg/12", "eik/12"), "Not for wilg to say"),
    ],
)
def test_a_record_that_cannot_be_taken_is_kept_in_its_place_and_stops_nothing_behind_it(
    ends: tuple[End, End], record: str, why: str
) -> None:
    _, centre = ends
    good = link.encode(told(1)).decode()
    centre.hear(f'{{"type":"batch","journal":"x","after":0,"upto":2,"records":[{record},{good}]}}'.encode())
    kept, after = centre.from_peer()
    assert isinstance(kept, Unreadable)
    assert kept.why.startswith(why)
    assert after == told(1)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"type":"nothing"}',
        b'{"type":"have","journal":1,"number":"x"}',
        b'{"type":"have","journal":"x","number":-1}',
        b'{"type":"beat","at":"2026-03-03T01:10:00"}',
    ],
)
def test_a_message_that_is_none_of_ours_is_garbled(payload: bytes) -> None:
    with pytest.raises(Garbled):
        link.decode(payload)


def test_a_sign_of_life_survives_the_wire() -> None:
    for beat in (Beat(NOW), Beat(NOW, trouble="disk", proof=NOW - timedelta(seconds=20))):
        assert link.decode(link.encode(beat)) == beat


def test_a_building_of_an_older_version_is_heard_too() -> None:
    assert link.decode(b'{"type":"beat","at":"2026-03-03T01:10:00Z"}') == Beat(NOW)


def test_what_a_building_did_by_itself_reaches_the_centre(ends: tuple[End, End]) -> None:
    building, centre = ends
    building.write(fell_back("wilg/12"))
    exchange(building, centre, at_s=0)
    assert centre.from_peer() == [fell_back("wilg/12")]


FAULTS = st.lists(st.sampled_from(["up", "down", "write", "order", "lose", "twice", "old", "restart"]), max_size=80)


@settings(max_examples=examples(40))
@given(faults=FAULTS, pick=st.randoms(use_true_random=False))
def test_whatever_is_lost_repeated_or_reordered_everything_arrives_once_and_in_order(
    journals: Journals, faults: list[str], pick: st.DataObject
) -> None:
    with journals.new() as db, contextlib.closing(journal.connect(":memory:")) as file:
        carried(End(SITE, CENTRE, file), End(CENTRE, SITE, db), faults, pick)


def carried(building: End, centre: End, faults: list[str], pick: st.DataObject) -> None:
    flying: list[tuple[str, bytes]] = []  # messages under way, and to whom
    seen: list[tuple[str, bytes]] = []
    written, given_, at_s = 0, 0, 0.0
    for fault in faults:
        at_s += link.RESEND_AFTER_S
        match fault:
            case "write":
                written += 1
                building.write(told(written))
            case "order":
                given_ += 1
                centre.write(ordered(given_))
            case "lose" if flying:
                flying.pop()
            case "twice" if flying:
                flying.append(flying[0])
            case "old" if seen:
                flying.append(pick.choice(seen))  # type: ignore[attr-defined]
            case "restart":
                building.restart()
                centre.restart()
            case "up" | "down":
                for end, to in ((building, "centre"), (centre, "building")):
                    batch = end.outgoing.next(at_s)
                    if batch is not None:
                        flying.append((to, link.encode(batch)))
                if flying:
                    to, payload = flying.pop(0 if fault == "up" else -1)
                    seen.append((to, payload))
                    hearer, other = (centre, "building") if to == "centre" else (building, "centre")
                    answer = hearer.hear(payload)
                    if answer is not None:
                        flying.append((other, answer))
            case _:
                pass
    exchange(building, centre, at_s=at_s + link.RESEND_AT_MOST_S)
    exchange(building, centre, at_s=at_s + 2 * link.RESEND_AT_MOST_S)
    assert centre.from_peer() == [told(number) for number in range(1, written + 1)]
    assert building.from_peer() == [ordered(number) for number in range(1, given_ + 1)]


def test_a_journal_on_disk_goes_on_where_it_was(tmp_path: Path) -> None:
    centre = End(CENTRE, SITE)
    with contextlib.closing(centre.db):
        for number in (1, 2):
            with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
                building = End(SITE, CENTRE, db)
                building.write(told(number))
                exchange(building, centre, at_s=0)
        assert centre.from_peer() == [told(1), told(2)]
