"""What is remembered of a journal, with the rest of it, is all of it: a start that reads less knows as much."""

import pickle
from collections.abc import Sequence
from datetime import datetime, time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care import remembered
from care.asking import Agreement, Chain, ChainAgreed, Consented, Noticed, NotTonight, Proven, Refusal
from care.board import Board
from care.ids import AlertId, Asker, BackTestId, ContactId, Place, StaffId
from care.records import (
    Agreed,
    BackTest,
    BackTested,
    Cannot,
    Changed,
    Corrected,
    Ground,
    HandedOver,
    Record,
    SecondPool,
    SeenAndHeard,
    encode,
)
from care.remembered import Known
from care.teaching import Fleet
from detectors.findings import What
from detectors.homes import HomeId, Limits, ResidentId
from detectors.nights import Summary
from tests.care.test_board import CLOCKS, EPISODES, FINDINGS, HAPPENED, OVER, PLANS, SITES, STATUSES, a_finding
from tests.stories import EVENING, instant

NOT_RECORDS = {"heard_at", "proven_at", "behind", "on_duty"}  # signs of life, which a new process waits for afresh
ASKED_FOR = {"_last_closed"}  # found out when it is

SANNE = StaffId("s-1")


def _chain(home: str, at: datetime) -> Record:
    after = Agreement(chains=(Chain(since=time(22), until=time(7), steps=()),))
    return ChainAgreed(at=at, place=Place(home), by=SANNE, why="new", before=None, after=after)


def _consent(home: str, at: datetime) -> Record:
    contact = ContactId("c-1a2b3c4d")
    return Consented(
        at=at, home=HomeId(home), contact=contact, by=Asker(SANNE), tiers=("acute",), until=instant("07:00")
    )


def _not_tonight(home: str, at: datetime) -> Record:
    return NotTonight(at=at, contact=ContactId(f"c-{home[:3]}"), until=instant("07:00"))


def _proven(home: str, at: datetime) -> Record:
    return Proven(at=at, channel=home[:3], refusal=None)


def _noticed(home: str, at: datetime) -> Record:
    to = ContactId("night-team")
    return Noticed(at=at, home=HomeId(home), alert=AlertId("0123456789"), to=to, channel="sms", refusal=Refusal.REFUSED)


def _handed_over(home: str, at: datetime) -> Record:
    return HandedOver(at=at, taken_by=SANNE, note=home)


def _second_pool(_: str, at: datetime) -> Record:
    return SecondPool(at=at, by=SANNE)


def _corrected(home: str, at: datetime) -> Record:
    return Corrected(at=at, by=SANNE, night=EVENING.date(), about=home, line=1, text="Bed was left at 02:00.")


def _back_test(home: str, at: datetime, minutes: float) -> Record:
    known = BackTestId(f"{home}{minutes}")
    proposed = Agreed(limits=Limits(bath=minutes))
    return BackTest(at=at, home=HomeId(home), id=known, by=SANNE, before=Agreed(), proposed=proposed)


def _back_tested(home: str, at: datetime, minutes: float) -> Record:
    return BackTested(at=at, home=HomeId(home), id=BackTestId(f"{home}{minutes}"), cannot=Cannot.NO_EVENTS)


def _changed(home: str, at: datetime, minutes: float) -> Record:
    return Changed(
        at=at,
        home=HomeId(home),
        resident=ResidentId("r-12"),
        by=SANNE,
        why=Ground.CLIENT,
        before=Agreed(),
        after=Agreed(limits=Limits(bath=minutes)),
        asked=BackTestId(f"{home}{minutes}"),
    )


SUMMARIES = st.builds(
    lambda site, clock: Summary(at=instant(clock), home=HomeId(f"{site}/12"), night=EVENING.date(), exits=2),
    st.sampled_from(SITES),
    st.sampled_from(CLOCKS),
)
PROOFS = st.builds(
    lambda screen, clock: SeenAndHeard(at=instant(clock), screen=screen, by=StaffId("s-1")),
    st.sampled_from(["a1", "a2"]),
    st.sampled_from(CLOCKS),
)
SILENCES = st.builds(
    a_finding,
    st.sampled_from(SITES),
    st.sampled_from([What.SENSOR_STUCK, What.BROKER_LOST]),
    st.sampled_from(CLOCKS),
    st.sampled_from(EPISODES),
)
TERMS = st.builds(
    lambda kind, who, clock: kind(who, instant(clock)),
    st.sampled_from([_chain, _consent, _not_tonight, _proven, _noticed, _handed_over, _corrected, _second_pool]),
    st.sampled_from(["wilg/12", "eik/12"]),
    st.sampled_from(CLOCKS),
)
AGREEING = st.builds(
    lambda kind, home, clock, minutes: kind(home, instant(clock), minutes),
    st.sampled_from([_back_test, _back_tested, _changed]),
    st.sampled_from(["wilg/12", "eik/12"]),
    st.sampled_from(CLOCKS),
    st.sampled_from([20, 25]),
)
RECORDS = st.lists(
    TERMS | AGREEING | FINDINGS | HAPPENED | OVER | STATUSES | PLANS | SUMMARIES | PROOFS | SILENCES,
    max_size=25,
    unique_by=encode,
)


def fold(records: Sequence[Record], board: Board, fleet: Fleet) -> None:
    for record in records:
        board.add(record, recorded_at=record.at)
        fleet.add(record, record.at)


def everything(of: object) -> object:
    """Return all that an object holds, down to what is plain."""
    if isinstance(of, msgspec.Struct):
        return msgspec.to_builtins(of, str_keys=True)
    if type(of).__module__.startswith("care.") and hasattr(of, "__dict__"):
        return {name: everything(one) for name, one in vars(of).items() if name not in NOT_RECORDS | ASKED_FOR}
    return of


@given(RECORDS, st.integers(0, 25))
def test_a_board_that_was_written_down_goes_on_as_the_one_that_was_not(records: list[Record], cut: int) -> None:
    """Whatever a board comes to hold besides is written down too, or this fails."""
    whole, fleet = Board(), Fleet()
    fold(records, whole, fleet)
    board, some = Board(), Fleet()
    fold(records[:cut], board, some)
    known = remembered.read(remembered.write(Known(board, some, cut, instant("03:00"))))
    assert known is not None
    board, some = known.board, known.fleet
    assert (known.number, known.recorded_at) == (cut, instant("03:00"))
    fold(records[cut:], board, some)
    assert everything(board) == everything(whole)
    assert everything(some) == everything(fleet)
    assert board.open_alerts() == whole.open_alerts()
    assert board.last_closed == whole.last_closed


def test_what_other_code_wrote_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    body = remembered.write(Known(Board(), Fleet(), 1, instant("03:00")))
    assert remembered.read(body) is not None
    monkeypatch.setattr(remembered, "fingerprint", lambda: "of another version")
    assert remembered.read(body) is None


@pytest.mark.parametrize("body", [b"", b"{}", b"\x00\x01", msgspec.msgpack.encode({"by": 1})])
def test_what_is_damaged_is_not_believed(body: bytes) -> None:
    assert remembered.read(body) is None


class Mischief:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("done",)


@pytest.mark.parametrize("what", [Mischief(), Path(), print])
def test_nothing_is_read_but_our_own_words(what: object, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever can write to a journal can tell the desk anything; never make it do anything."""
    kept = remembered._Kept(remembered.fingerprint(), 1, instant("03:00"), (), pickle.dumps((what, Fleet())))
    assert remembered.read(msgspec.msgpack.encode(kept)) is None
    assert capsys.readouterr().out == ""
