"""What people at the centre agree is what a home is watched by, from that moment on and through restarts."""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care import journal
from care.agreements import agreed, with_agreed, with_values
from care.ids import BackTestId, StaffId
from care.journal import Cursor
from care.records import CENTRE, Agreed, BackTest, BackTested, Cannot, Changed, Ground, Record
from detectors.budget import OWN
from detectors.findings import Cleared, Finding, What
from detectors.homes import Home, Limits, ResidentId
from gateway.watch import Dated, Watch
from tests.conftest import examples
from tests.stories import a_home, a_site, brief, events, instant

HOME = a_home(limits=Limits(bath=5))
NIGHT = ["22:40 bed in", "02:00 bed out", "02:01 badkamer", "02:01:30 badkamer off"]


def changed(at: str, home: Home = HOME, *, before: Agreed | None = None, **minutes: float) -> Changed:
    before = before or agreed(home)
    return Changed(
        at=instant(at),
        home=home.id,
        resident=home.resident,
        by=StaffId("s-1"),
        why=Ground.TOO_LATE,
        before=before,
        after=with_values(before, minutes),
        asked=BackTestId("b1"),
    )


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as opened:
        yield opened


def happened(db: sqlite3.Connection, *lines: str) -> None:
    for one in events(HOME, lines):
        journal.append(db, [one], recorded_at=one.at)


def came(db: sqlite3.Connection, *records: Record) -> None:
    for record in records:
        number = journal.last_number(db) + 1
        journal.append(db, [record], recorded_at=record.at, origin=CENTRE, cursor=Cursor("j-centre", number))


ABOUT = frozenset({What.BATH, What.DOOR_ARRIVED})  # what these stories are about


def said(told: list[Dated]) -> list[str]:
    return [brief(one) for _, one in told if isinstance(one, Finding) and one.what in ABOUT]


def resumed(db: sqlite3.Connection, home: Home = HOME) -> Watch:
    watch, _ = Watch.resumed(a_site(home), db)
    return watch


def test_what_is_agreed_counts_from_then_on(db: sqlite3.Connection) -> None:
    came(db, changed("21:00", bath=7))
    happened(db, *NIGHT)
    assert said(resumed(db).advance(instant("02:30"))) == ["02:08 bath"]


def test_what_runs_is_told_by_what_is_agreed_now(db: sqlite3.Connection) -> None:
    happened(db, *NIGHT)
    came(db, changed("02:04", bath=8))
    assert said(resumed(db).advance(instant("02:30"))) == ["02:09 bath"]


def test_what_would_have_been_told_before_the_change_is_told_at_once_and_not_dated_back(db: sqlite3.Connection) -> None:
    happened(db, *NIGHT)
    watch = resumed(db)
    watch.advance(instant("02:05"))
    came(db, changed("02:05", bath=1))
    (entry,) = journal.read_after(db, journal.last_number(db) - 1)
    assert said(watch.hear(entry)) == ["02:04 bath"]  # as far as is settled by then
    assert said(watch.advance(instant("02:30"))) == []


def test_what_was_told_already_is_neither_told_again_nor_over(db: sqlite3.Connection) -> None:
    happened(db, *NIGHT)
    watch = resumed(db)
    assert said(watch.advance(instant("02:08"))) == ["02:06 bath"]
    came(db, changed("02:09", bath=20))
    (entry,) = journal.read_after(db, journal.last_number(db) - 1)
    told = [*watch.hear(entry), *watch.advance(instant("02:15"))]
    assert [one for _, one in told if isinstance(one, Finding | Cleared)] == []


@pytest.mark.parametrize("snapshot", [False, True])
def test_it_holds_through_a_restart(db: sqlite3.Connection, snapshot: bool) -> None:
    came(db, changed("21:00", bath=7))
    if snapshot:
        journal.save_snapshot(db, journal.last_number(db), resumed(db).snapshot())
    happened(db, *NIGHT)
    assert said(resumed(db).advance(instant("02:30"))) == ["02:08 bath"]


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_budget_of_its_own_holds_through_a_restart_and_makes_an_alert_sooner_or_later(snapshot: bool) -> None:
    home, came_at = a_home(limits=Limits(bath=60, still=60)), dict[float, datetime]()
    for budget in OWN:
        with contextlib.closing(journal.connect(":memory:")) as db:
            came(db, changed("21:00", home, budget=budget))
            if snapshot:
                journal.save_snapshot(db, journal.last_number(db), resumed(db, home).snapshot())
            happened(db, *NIGHT)
            watch = resumed(db, home)
            (told,) = (
                one for _, one in watch.advance(instant("02:40")) if isinstance(one, Finding) and one.what is What.BATH
            )
            came_at[budget] = told.at
            assert watch.inspected(home).budget == budget
    assert sorted(came_at, key=lambda budget: came_at[budget]) == sorted(OWN, reverse=True)
    assert len(set(came_at.values())) == len(OWN)


def test_the_centre_is_told_what_holds(db: sqlite3.Connection) -> None:
    came(db, changed("21:00", bath=7))
    ((_, plan),) = resumed(db).told_plan(instant("21:01"))
    assert plan.homes[0].limits.bath == 7  # type: ignore[union-attr,index]


def test_a_plan_that_the_installer_gives_another_value_wins(db: sqlite3.Connection) -> None:
    came(db, changed("21:00", bath=7))
    journal.save_snapshot(db, journal.last_number(db), resumed(db).snapshot())
    happened(db, *NIGHT)
    edited = with_agreed(HOME, with_values(agreed(HOME), {"bath": 4}))
    assert said(resumed(db, edited).advance(instant("02:30"))) == ["02:05 bath"]


@pytest.mark.parametrize(
    "change",
    [
        changed("21:00", a_home("99"), bath=7),
        msgspec.structs.replace(changed("21:00", bath=7), resident=ResidentId("r-99")),
        msgspec.structs.replace(changed("21:00"), after=Agreed(limits=msgspec.structs.replace(HOME.limits, bath=0))),
        msgspec.structs.replace(changed("21:00"), after=Agreed(limits=msgspec.structs.replace(HOME.limits, bath=1e9))),
        msgspec.structs.replace(changed("21:00"), after=Agreed(limits=HOME.limits, off=("bath", "button", "?"))),
    ],
    ids=["another home", "another resident", "no minutes", "too many minutes", "urgent kinds off"],
)
def test_what_cannot_be_agreed_here_changes_nothing(db: sqlite3.Connection, change: Changed) -> None:
    came(db, change)
    happened(db, *NIGHT)
    assert said(resumed(db).advance(instant("02:30"))) == ["02:06 bath"]


def test_a_kind_that_is_off_is_not_told_until_it_is_on_again(db: sqlite3.Connection) -> None:
    off = msgspec.structs.replace(changed("21:00"), after=Agreed(limits=HOME.limits, off=("door-arrived",)))
    back = msgspec.structs.replace(off, at=instant("02:00"), before=off.after, after=off.before)
    came(db, off)
    arrives = ("{}:30 door open", "{}:30:20 gang", "{}:30:30 door closed")
    happened(db, "22:30 gang off", *(line.format("01") for line in arrives))
    watch = resumed(db)
    assert said(watch.advance(instant("01:40"))) == []
    came(db, back)
    happened(db, "02:10 gang off", "02:10:20 door open")
    happened(db, "02:10:30 door closed", *(line.format("04") for line in arrives))
    assert said(resumed(db).advance(instant("04:40"))) == ["04:30 door-arrived"]


@settings(max_examples=examples(12), deadline=None)
@given(
    at=st.integers(0, 9),
    minutes=st.sampled_from([1.0, 3.0, 7.0, 30.0]),
    restart=st.integers(0, 9),
    snapshot=st.booleans(),
)
def test_whenever_it_is_agreed_and_whenever_the_process_dies_the_same_is_told(
    at: int, minutes: float, restart: int, snapshot: bool
) -> None:
    def told(dies: int | None) -> list[str]:
        with contextlib.closing(journal.connect(":memory:")) as db:
            happened(db, *NIGHT)
            watch = resumed(db)
            for minute in range(10):
                moment = instant(f"02:{minute + 2:02}")
                if minute == at:
                    came(db, msgspec.structs.replace(changed("21:00", bath=minutes), at=moment))
                    (entry,) = journal.read_after(db, journal.last_number(db) - 1)
                    fresh = watch.hear(entry)
                else:
                    fresh = watch.advance(moment)
                for when, one in fresh:
                    journal.append(db, [one], recorded_at=when)
                if minute == dies:
                    if snapshot:
                        journal.save_snapshot(db, journal.last_number(db), watch.snapshot())
                    watch = resumed(db)
            for when, one in watch.advance(instant("03:00")):
                journal.append(db, [one], recorded_at=when)
            return said([(entry.recorded_at, entry.record) for entry in journal.read_after(db, 0)])  # type: ignore[misc]

    assert told(restart) == told(None)


def test_what_is_asked_waits_until_it_is_answered_also_through_a_restart(db: sqlite3.Connection) -> None:
    asked = BackTest(
        at=instant("21:00"),
        home=HOME.id,
        id=BackTestId("b1"),
        by=StaffId("s-1"),
        before=agreed(HOME),
        proposed=agreed(HOME),
        nights=7,
    )
    came(db, asked)
    watch = resumed(db)
    assert list(watch.back_tests.values()) == [asked]
    journal.save_snapshot(db, journal.last_number(db), watch.snapshot())
    assert list(resumed(db).back_tests.values()) == [asked]
    answer = BackTested(at=instant("21:01"), home=HOME.id, id=asked.id, cannot=Cannot.NO_EVENTS)
    journal.append(db, [answer], recorded_at=answer.at)
    assert resumed(db).back_tests == {}
