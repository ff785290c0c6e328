"""Somebody at the desk says of an alert: this is usual for her. The building makes room for it, and no more."""

import contextlib
import math
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from care import journal
from care.alerts import alert_of
from care.ids import StaffId
from care.journal import Cursor
from care.records import CENTRE, How, Outcome, Resolved
from detectors.durations import LIFT_FOR, LIFT_MAX
from detectors.findings import Finding, What
from detectors.homes import Limits, ResidentId
from detectors.moments import SensorEvent
from gateway.watch import Dated, Watch
from tests.stories import a_home, a_site, events, instant

HOME = a_home(limits=Limits(bath=60.0, still=120.0, oob_unseen=120.0, oob_active=240.0))
SITE = a_site(HOME)
NIGHTS = 21
AT_ONCE, NEXT_MORNING = (instant("02:10"), instant("09:00"))  # while it runs, and when the morning has come


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as made:
        yield made


class Building:
    """A building whose events are journaled as they come, and that can die."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.watch = Watch(SITE)
        self.found: list[Finding] = []

    def passes(self, until: datetime) -> None:
        self.writes(self.watch.advance(until))

    def takes(self, event: SensorEvent) -> None:
        self.writes([(event.at, event), *self.watch.take(event, event.at)])

    def writes(self, told: Sequence[Dated]) -> None:
        new = [one for one in told if not journal.holds(self.db, one[1])]
        journal.write(self.db, new)
        self.found += [one for _, one in new if isinstance(one, Finding)]

    def night(self, number: int, back: str | None = "02:04") -> None:
        lines = ["22:40 bed in", "02:00 bed out", "02:01 badkamer"]
        lines += [f"{back} bed in", "07:30 bed out", "07:31 keuken"] if back else []
        for event in events(HOME, lines):
            at = event.at + timedelta(days=number)
            self.takes(msgspec.structs.replace(event, at=at))

    def hears(self, finding: Finding, how: How, at: datetime) -> None:
        outcome = Outcome.NOT_NEEDED
        said = Resolved(at=at, home=HOME.id, alert=alert_of(finding), by=StaffId("s"), outcome=outcome, how=how)
        number = journal.count(self.db)
        (entry,) = journal.append(self.db, [said], recorded_at=at, origin=CENTRE, cursor=Cursor("centre", number))
        journal.write(self.db, self.watch.hear(entry))

    def dies(self) -> None:
        self.watch, told = Watch.resumed(SITE, self.db)
        assert told == []

    def minutes_until_told(self, number: int) -> float:
        """Return after how many minutes a visit without end is told."""
        before = len(self.found)
        self.night(number, back=None)
        self.passes(instant("03:30") + timedelta(days=number))
        (bath,) = [one for one in self.found[before:] if one.what is What.BATH]
        return (bath.at - bath.since) / timedelta(minutes=1)


def after_a_long_visit(db: sqlite3.Connection, how: How | None, said_at: datetime, *, dies: bool = False) -> float:
    """Return when a visit is told in a home of short ones, where one of 25 minutes was told."""
    building = Building(db)
    for number in range(NIGHTS):
        building.night(number)
    building.found.clear()
    day = timedelta(days=NIGHTS)
    building.night(NIGHTS, back=None)
    building.passes(AT_ONCE + day)
    (alert,) = building.found
    assert alert.early
    back, *rest = events(HOME, ["02:26 bed in", "07:30 bed out", "07:31 keuken"])
    if how is not None and said_at < back.at:
        building.hears(alert, how, said_at + day)
    if dies:
        building.dies()
    for event in (back, *rest):
        building.takes(msgspec.structs.replace(event, at=event.at + day))
    if how is not None and said_at > back.at:
        building.hears(alert, how, said_at + day)
    if dies:
        building.dies()
    return building.minutes_until_told(NIGHTS + 1)


def test_what_the_desk_called_usual_is_told_later_by_half_and_no_more(db: sqlite3.Connection) -> None:
    silent = after_a_long_visit(db, None, NEXT_MORNING)
    with contextlib.closing(journal.connect(":memory:")) as other:
        usual = after_a_long_visit(other, How.USUAL, NEXT_MORNING)
    assert usual == pytest.approx(silent * math.exp(LIFT_MAX * (1 - 1 / LIFT_FOR)), abs=0.02)


def test_it_makes_no_difference_whether_it_was_said_while_the_visit_lasted_or_the_next_morning(
    db: sqlite3.Connection,
) -> None:
    at_once = after_a_long_visit(db, How.USUAL, AT_ONCE)
    with contextlib.closing(journal.connect(":memory:")) as other:
        assert at_once == after_a_long_visit(other, How.USUAL, NEXT_MORNING)


@pytest.mark.parametrize("said_at", [AT_ONCE, NEXT_MORNING])
def test_it_stands_when_the_building_dies_in_between(db: sqlite3.Connection, said_at: datetime) -> None:
    lived = after_a_long_visit(db, How.USUAL, said_at)
    with contextlib.closing(journal.connect(":memory:")) as other:
        assert lived == after_a_long_visit(other, How.USUAL, said_at, dies=True)


@pytest.mark.parametrize("how", [How.VISITOR, How.ACCIDENT])
def test_only_the_word_usual_makes_room(db: sqlite3.Connection, how: How) -> None:
    said = after_a_long_visit(db, how, NEXT_MORNING)
    with contextlib.closing(journal.connect(":memory:")) as other:
        assert said == after_a_long_visit(other, None, NEXT_MORNING)


def test_the_word_usual_for_an_alert_that_nobody_knows_changes_nothing(db: sqlite3.Connection) -> None:
    building = Building(db)
    building.night(0)
    at = instant("09:00")
    stranger = Finding(at=at, home=HOME.id, what=What.BATH, since=at, episode=at)
    building.passes(at)
    before = building.watch.inspected(HOME).lessons
    building.hears(stranger, How.USUAL, at)
    assert building.watch.inspected(HOME).lessons == before


def test_a_home_with_a_new_resident_starts_from_what_is_usual_elsewhere(db: sqlite3.Connection) -> None:
    building = Building(db)
    for number in range(NIGHTS):
        building.night(number)
    journal.save_snapshot(db, journal.last_number(db), building.watch.snapshot())
    new = msgspec.structs.replace(HOME, resident=ResidentId("somebody-new"))
    watch, _ = Watch.resumed(a_site(new), db)
    assert watch.inspected(new).nights == 0
    same, _ = Watch.resumed(SITE, db)
    assert same.inspected(HOME).nights > NIGHTS - 2
