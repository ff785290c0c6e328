"""The watch over a building goes on through restarts, and tells the same whenever it is asked."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from care import homes, journal, teaching
from care.alerts import alert_of
from care.ids import StaffId
from care.journal import Cursor
from care.records import CENTRE, How, Outcome, Plan, Ranked, Record, Resolved, Teaching
from care.teaching import SHARES
from detectors.findings import Finding, What, Withheld
from detectors.homes import Limits, SiteId
from detectors.moments import SensorEvent
from detectors.nights import Summary
from gateway.commands import cli
from gateway.watch import ALONE_AFTER, Dated, Watch, findings
from tests.stories import LIMITS, a_home, a_site, brief, events, instant

HOME = a_home(limits=msgspec.structs.replace(LIMITS, bath=5, still=4))  # sooner than anything that is learned
SITE = a_site(HOME)
NIGHT = events(HOME, ["22:40 bed in", "02:09 bed out", "02:10 badkamer", "02:11:30 badkamer off"])


def remembered(watch: Watch) -> object:
    """All that is remembered but how long was listened: that is of the clock's ticks, which no journal holds."""
    return {name: one for name, one in msgspec.json.decode(watch.snapshot()).items() if name != "health"}


def said(told: list[Dated]) -> list[str]:
    return [brief(one) for _, one in told if isinstance(one, Finding)]


def test_a_duration_goes_on_through_a_restart(tmp_path: Path) -> None:
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        for event in NIGHT:
            journal.append(db, [event], recorded_at=event.at)
        watch, told = Watch.resumed(SITE, db)
        assert said(told) == []
        assert said(watch.advance(instant("02:15:30"))) == ["02:14 still"]


def test_a_snapshot_and_the_rest_of_the_journal_are_the_whole_journal(tmp_path: Path) -> None:
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        watch = Watch(SITE)
        for event in NIGHT[:2]:
            journal.append(db, [event], recorded_at=event.at)
            watch.take(event, event.at)
        journal.save_snapshot(db, journal.last_number(db), watch.snapshot())
        for event in NIGHT[2:]:
            journal.append(db, [event], recorded_at=event.at)
        resumed, _ = Watch.resumed(SITE, db)
        assert said(resumed.advance(instant("02:40"))) == ["02:14 still", "02:15 bath"]


def test_nothing_is_told_twice_after_a_restart(tmp_path: Path) -> None:
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        watch = Watch(SITE)
        for event in NIGHT:
            told = watch.take(event, event.at)
            journal.write(db, [(event.at, event), *told])
        journal.write(db, watch.advance(instant("02:26")))
        before = journal.count(db)
        resumed, told = Watch.resumed(SITE, db)
        journal.write(db, told)
        journal.write(db, resumed.advance(instant("02:26")))
        assert journal.count(db) == before


# A process that died, and what the broker kept meanwhile.


def started(db: sqlite3.Connection, now: datetime) -> Watch:
    """Start as the daemon does: tell what the journal tells, and keep back what became due while nobody watched."""
    watch, told = Watch.resumed(SITE, db)
    journal.write(db, told)
    watch.wait(now)
    journal.write(db, watch.advance(now))
    return watch


def arrives(db: sqlite3.Connection, watch: Watch, line: str, now: datetime) -> None:
    (event,) = events(HOME, [line])
    journal.write(db, [(now, event), *watch.take(event, now)])


def in_journal(db: sqlite3.Connection) -> list[str]:
    records = [entry.record for entry in journal.read_after(db, 0)]
    return [brief(one) for one in records if isinstance(one, Finding)]


def withheld(db: sqlite3.Connection) -> list[Withheld]:
    return [entry.record for entry in journal.read_after(db, 0) if isinstance(entry.record, Withheld)]


@pytest.fixture
def died(db: sqlite3.Connection) -> sqlite3.Connection:
    """The journal of a gateway that died while somebody was in the bathroom."""
    watch = Watch(SITE)
    for event in NIGHT:
        journal.write(db, [(event.at, event), *watch.take(event, event.at)])
    return db


def test_what_is_still_true_after_an_outage_is_told_within_a_minute_dated_by_when_it_became_true(
    died: sqlite3.Connection,
) -> None:
    back = instant("03:00")
    watch = started(died, back)
    assert in_journal(died) == []  # the broker may know better
    journal.write(died, watch.go_on(back + timedelta(seconds=1)))
    assert in_journal(died) == ["02:14 still", "02:15 bath"]


def test_without_a_broker_a_start_does_not_wait_for_it_for_ever(died: sqlite3.Connection) -> None:
    watch = started(died, instant("03:00"))
    for second in range(1, 60):
        journal.write(died, watch.advance(instant("03:00") + timedelta(seconds=second)))
    assert in_journal(died) == ["02:14 still", "02:15 bath"]


@pytest.mark.parametrize(("back", "counted"), [("02:12:30 bed in", 0), ("02:40 bed in", 2)])
def test_what_was_over_before_the_gateway_was_back_is_no_alarm(
    died: sqlite3.Connection, back: str, counted: int
) -> None:
    now = instant("03:00")
    watch = started(died, now)
    arrives(died, watch, back, now + timedelta(milliseconds=300))
    for second in range(1, 90):
        journal.write(died, watch.go_on(now + timedelta(seconds=second)))
        journal.write(died, watch.advance(now + timedelta(seconds=second)))
    assert in_journal(died) == []
    assert len(withheld(died)) == counted
    assert all(one.over_at == instant("02:40") for one in withheld(died))
    assert not watch.keeps_back


@pytest.mark.parametrize("seconds", [0.1, 0.5, 3, 30, 70])
@pytest.mark.parametrize("back", ["02:12:30 bed in", "02:40 bed in", None])
def test_to_die_again_while_starting_changes_nothing(
    died: sqlite3.Connection, seconds: float, back: str | None
) -> None:
    now = instant("03:00")
    watch = started(died, now)
    if back is not None:
        arrives(died, watch, back, now + timedelta(milliseconds=300))
    until = now + timedelta(seconds=seconds)
    if seconds > 1:
        journal.write(died, watch.go_on(until))
        journal.write(died, watch.advance(until))
    again = started(died, until)
    for second in range(1, 90):
        journal.write(died, again.go_on(until + timedelta(seconds=second)))
        journal.write(died, again.advance(until + timedelta(seconds=second)))
    assert in_journal(died) == ([] if back else ["02:14 still", "02:15 bath"])
    assert len(withheld(died)) == (2 if back == "02:40 bed in" else 0)
    count = journal.count(died)
    journal.write(died, started(died, until + timedelta(minutes=3)).go_on(until + timedelta(minutes=3)))
    assert journal.count(died) == count


def test_a_call_for_help_is_not_kept_back(died: sqlite3.Connection) -> None:
    now = instant("03:00")
    watch = started(died, now)
    arrives(died, watch, "02:59:59 button", now)
    assert in_journal(died) == ["02:59 button"]


def test_homes_of_a_building_that_was_without_power_for_a_day_are_not_all_told_silent(tmp_path: Path) -> None:
    plan = a_site(*(a_home(str(number)) for number in range(10, 20)))
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        watch = Watch(plan)
        for home in plan.homes:
            for event in events(home, ["12:00 badkamer", "12:10 keuken"]):
                journal.write(db, [(event.at, event), *watch.take(event, event.at)])
        back = instant("12:10") + timedelta(days=1)
        again, told = Watch.resumed(plan, db)
        journal.write(db, told)
        again.wait(back)
        for minute in range(300):
            journal.write(db, again.advance(back + timedelta(minutes=minute)))
            if minute == 30:  # power is back, and all homes but one speak
                for home in plan.homes[1:]:
                    at = back + timedelta(minutes=minute)
                    event = msgspec.structs.replace(events(home, ["12:00 badkamer"])[0], at=at)
                    journal.write(db, [(at, event), *again.take(event, at)])
        records = [entry.record for entry in journal.read_after(db, 0)]
        gaps = [one for one in records if isinstance(one, Finding) and one.what is What.GATEWAY_GAP]
        assert [one.home for one in gaps] == ["wilg/10"]


def test_the_plan_is_told_when_it_is_new_and_not_again(tmp_path: Path) -> None:
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        watch = Watch(SITE)
        told = watch.told_plan(instant("22:00"))
        assert [type(one) for _, one in told] == [Plan]
        assert watch.told_plan(instant("22:01")) == []
        journal.write(db, told)
        assert Watch.resumed(SITE, db)[0].told_plan(instant("22:02")) == []
        larger = a_site(HOME, a_home("13"))
        assert len(Watch.resumed(larger, db)[0].told_plan(instant("22:03"))) == 1


def test_an_event_of_a_home_that_left_the_plan_is_no_harm() -> None:
    watch = Watch(a_site(a_home("13")))
    assert watch.take(NIGHT[0], NIGHT[0].at) == []


def test_a_clock_that_is_set_back_does_not_take_time_back() -> None:
    watch = Watch(SITE)
    for event in NIGHT:
        watch.take(event, event.at)
    assert said(watch.advance(instant("02:15:30"))) == ["02:14 still"]
    assert said(watch.advance(instant("01:00"))) == []
    assert said(watch.advance(instant("01:01"))) == []
    assert said(watch.advance(instant("02:31"))) == ["02:15 bath"]


def test_what_a_journal_told_can_be_found_again_from_it(tmp_path: Path) -> None:
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        for event in NIGHT:
            journal.append(db, [event], recorded_at=event.at)
        again = findings(SITE, journal.read_after(db, 0), until=instant("02:40"))
        assert [brief(finding) for finding in again] == ["02:14 still", "02:15 bath"]


# What the centre teaches, and what a building teaches itself.

PATIENT = a_home(limits=Limits(bath=90, bath_risen=90, still=240, still_risen=240, oob_unseen=240, oob_active=240))
"""A home in which only what is learned is told early; the caps come much later."""


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as made:
        yield made


def taught(at: datetime, threshold: float | None, *, site: str = "wilg") -> Teaching:
    pools = {name: Ranked(threshold, 500) for name in teaching.pools_of("general")}
    return Teaching(at=at, site=SiteId(site), pools=pools, factor=0.5)


def from_centre(db: sqlite3.Connection, record: Record, at: datetime) -> journal.Entry:
    (entry,) = journal.append(db, [record], recorded_at=at, origin=CENTRE, cursor=Cursor("centre", 1))
    return entry


def bath_told_after(watch: Watch, *, days: int = 0) -> list[timedelta]:
    """Return after how long a visit to the bathroom that does not end is told."""
    later = timedelta(days=days)
    told: list[Dated] = []
    for event in events(PATIENT, ["22:40 bed in", "02:09 bed out", "02:10 badkamer"]):
        moment = msgspec.structs.replace(event, at=event.at + later)
        told += watch.take(moment, moment.at)
    told += watch.advance(instant("05:00") + later)
    return [one.at - one.since for _, one in told if isinstance(one, Finding) and one.what == "bath"]


def test_a_building_watches_by_what_the_centre_last_taught(db: sqlite3.Connection) -> None:
    shipped, patient = Watch(a_site(PATIENT)), Watch(a_site(PATIENT))
    patient.hear(from_centre(db, taught(instant("17:00"), None), instant("17:01")))
    sooner = Watch(a_site(PATIENT))
    sooner.hear(from_centre(db, taught(instant("17:00"), 1.6), instant("17:01")))
    (usual,), (capped,), (soon,) = (bath_told_after(watch) for watch in (shipped, patient, sooner))
    assert soon < usual < capped == timedelta(minutes=90)


@pytest.mark.parametrize("snapshot", [False, True])
def test_what_was_taught_is_known_after_a_restart(db: sqlite3.Connection, snapshot: bool) -> None:
    entry = from_centre(db, taught(instant("17:00"), None), instant("17:01"))
    if snapshot:
        watch = Watch(a_site(PATIENT))
        watch.hear(entry)
        journal.save_snapshot(db, entry.number, watch.snapshot())
    resumed, _ = Watch.resumed(a_site(PATIENT), db)
    assert bath_told_after(resumed) == [timedelta(minutes=90)]


def test_what_is_meant_for_another_site_changes_nothing(db: sqlite3.Connection) -> None:
    watch = Watch(a_site(PATIENT))
    watch.hear(from_centre(db, taught(instant("17:00"), None, site="els"), instant("17:01")))
    assert bath_told_after(watch) == bath_told_after(Watch(a_site(PATIENT)))


def test_a_visit_that_began_before_the_lesson_came_is_judged_as_before_however_the_clock_ticked(
    db: sqlite3.Connection,
) -> None:
    """Also when the process died and reads the journal again, without the ticks that were."""
    live, told = Watch(a_site(PATIENT)), list[Dated]()
    for event in events(PATIENT, ["22:40 bed in", "02:09 bed out", "02:10 badkamer"]):
        journal.append(db, [event], recorded_at=event.at)
        told += live.take(event, event.at)
    for second in range(0, 300, 7):
        told += live.advance(instant("02:10") + timedelta(seconds=second))
    told += live.hear(from_centre(db, taught(instant("02:10"), 1.0), instant("02:16")))
    again, retold = Watch.resumed(a_site(PATIENT), db)
    told += live.advance(instant("04:00"))
    retold += again.advance(instant("04:00"))
    assert [one for _, one in told if isinstance(one, Finding)] == [
        one for _, one in retold if isinstance(one, Finding)
    ]
    assert remembered(live) == remembered(again)


def lived(home_nights: int, *, first: int = 0) -> Iterator[SensorEvent]:
    """Yield nights with one visit each, longer every night, and the mornings after."""
    lines = ["22:40 bed in", "02:09 bed out", "02:10 badkamer", "02:14 gang", "02:15 bed in", "07:30 bed out"]
    for night in range(first, first + home_nights):
        for event in events(PATIENT, [*lines, "07:31 keuken", "10:00 woonkamer", "11:30 keuken"]):
            yield msgspec.structs.replace(event, at=event.at + timedelta(days=night, seconds=20 * night))


def ticking(watch: Watch, nights: int, *, first: int = 0, every: timedelta = timedelta(hours=1)) -> list[Dated]:
    told: list[Dated] = []
    now = instant("22:00") + timedelta(days=first)
    for event in lived(nights, first=first):
        while now < event.at:
            told += watch.advance(now)
            now += every
        told += watch.take(event, event.at)
    return told


def own(told: list[Dated]) -> list[Teaching]:
    return [one for _, one in told if isinstance(one, Teaching)]


def test_a_building_that_hears_of_no_centre_teaches_itself_after_a_week() -> None:
    told = ticking(Watch(a_site(PATIENT)), 10)
    days = [one.at.date() - instant("12:00").date() for one in own(told)]
    assert days == [timedelta(days=7), timedelta(days=8), timedelta(days=9)]  # and the tenth is not over yet
    bath = own(told)[-1].pools["bath/general/0-6"]
    assert (bath.kept, bath.nights) == (True, 7)


def test_a_building_that_hears_its_centre_says_nothing_to_itself(db: sqlite3.Connection) -> None:
    watch, told = Watch(a_site(PATIENT)), list[Dated]()
    for week in range(3):
        told += ticking(watch, 6, first=6 * week)
        at = instant("11:45") + timedelta(days=6 * week + 5)
        told += watch.hear(from_centre(db, taught(at, 2.5), at))
    assert own(told) == []
    assert [one for one in own(ticking(watch, 9, first=18)) if one.at - at < ALONE_AFTER] == []


def test_how_often_the_clock_ticks_and_when_the_process_dies_changes_nothing_of_what_it_teaches_itself(
    db: sqlite3.Connection,
) -> None:
    often = ticking(Watch(a_site(PATIENT)), 12, every=timedelta(minutes=11))
    seldom = ticking(Watch(a_site(PATIENT)), 12, every=timedelta(days=3))
    halfway = Watch(a_site(PATIENT))
    ticking(halfway, 4)
    journal.append(db, [next(lived(1))], recorded_at=instant("22:40"))
    journal.save_snapshot(db, journal.last_number(db), halfway.snapshot())
    resumed, _ = Watch.resumed(a_site(PATIENT), db)
    rest = ticking(resumed, 8, first=4)
    assert own(often) == own(seldom) == own(rest) != []


def test_an_incident_that_the_desk_confirmed_teaches_the_building_nothing(db: sqlite3.Connection) -> None:
    pools = []
    for outcome in (Outcome.HELPED, Outcome.NOT_NEEDED):
        watch = Watch(a_site(HOME))
        for event in NIGHT:
            watch.take(event, event.at)
        (still, _) = [one for _, one in watch.advance(instant("02:40")) if isinstance(one, Finding)]
        how = {Outcome.HELPED: How.ON_SITE, Outcome.NOT_NEEDED: How.USUAL}[outcome]
        by, at = StaffId("s-1"), instant("02:50")
        closed = Resolved(at=at, home=HOME.id, alert=alert_of(still), by=by, outcome=outcome, how=how)
        watch.hear(from_centre(db, closed, at))
        for event in events(HOME, ["02:50 bed in", "07:30 bed out", "07:31 keuken"]):
            watch.take(event, event.at)
        told = watch.advance(instant("11:00") + timedelta(days=4))
        assert any(isinstance(one, Summary) and one.whole for _, one in told)
        pools.append(watch.inspected(HOME).own["bath/general/0-6"])
    assert pools == [0, 1]


# What can be looked at.


def inspect(tmp_path: Path, *more: str) -> tuple[int, str]:
    plan = tmp_path / "site.toml"
    plan.write_text(homes.write(a_site(PATIENT)))
    arguments = ["inspect", "--plan", str(plan), "--journal", str(tmp_path / "gateway.db"), *more]
    done = CliRunner().invoke(cli, arguments, env={"COLUMNS": "200"})
    return done.exit_code, done.output


def test_what_a_home_has_taught_can_be_looked_at(db: sqlite3.Connection, tmp_path: Path) -> None:
    for event in lived(20):
        journal.append(db, [event], recorded_at=event.at)
    at = instant("11:45") + timedelta(days=19)
    from_centre(db, taught(at, 2.5), at)
    before = journal.last_number(db), journal.load_snapshot(db)
    code, said = inspect(tmp_path, "--home", "wilg/12")
    assert code == 0
    assert "Thresholds as the centre taught" in said
    assert "multiplied by 0.50" in said
    row = next(line for line in said.splitlines() if "bath_at_night" in line)
    assert "learned" in row
    assert "500 nights" in row
    assert "bath/general/14-27" in said
    assert (journal.last_number(db), journal.load_snapshot(db)) == before
    code, said = inspect(tmp_path, "--home", "wilg/12", "--json")
    found = json.loads(said)
    assert (code, found["by"], found["factor"]) == (0, "centre", 0.5)
    assert {one["detector"] for one in found["lessons"]} <= SHARES.keys()


def test_a_budget_out_of_reach_is_said(db: sqlite3.Connection, tmp_path: Path) -> None:
    for event in lived(20):
        journal.append(db, [event], recorded_at=event.at)
    at = instant("11:45") + timedelta(days=19)
    from_centre(db, taught(at, 12.0), at)
    assert "bath_at_night: budget not reachable for this client" in inspect(tmp_path, "--home", "wilg/12")[1]


def test_a_home_or_a_journal_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    code, said = inspect(tmp_path, "--home", "wilg/13")
    assert (code, said.strip().endswith("there is no home wilg/13. There are: wilg/12.")) == (1, True)
    code, said = inspect(tmp_path, "--home", "wilg/12")
    assert (code, said.strip().endswith("there is no such journal.")) == (1, True)
