"""The watch over a building goes on through restarts, and tells the same whenever it is asked."""

import contextlib
from pathlib import Path

from care import journal
from care.records import Plan
from detectors.findings import Finding
from gateway.watch import Dated, Watch, findings
from tests.stories import a_home, a_site, brief, events, instant

HOME = a_home()
SITE = a_site(HOME)
NIGHT = events(HOME, ["22:40 bed in", "02:09 bed out", "02:10 badkamer", "02:11:30 badkamer off"])


def said(told: list[Dated]) -> list[str]:
    return [brief(one) for _, one in told if isinstance(one, Finding)]


def test_a_duration_goes_on_through_a_restart(tmp_path: Path) -> None:
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        for event in NIGHT:
            journal.append(db, [event], recorded_at=event.at)
        watch, told = Watch.resumed(SITE, db)
        assert said(told) == []
        assert said(watch.advance(instant("02:26"))) == ["02:25 still"]


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
        assert said(resumed.advance(instant("02:40"))) == ["02:25 still", "02:30 bath"]


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
    assert said(watch.advance(instant("02:26"))) == ["02:25 still"]
    assert said(watch.advance(instant("01:00"))) == []
    assert said(watch.advance(instant("02:31"))) == ["02:30 bath"]


def test_what_a_journal_told_can_be_found_again_from_it(tmp_path: Path) -> None:
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        for event in NIGHT:
            journal.append(db, [event], recorded_at=event.at)
        again = findings(SITE, journal.read_after(db, 0), until=instant("02:40"))
        assert [brief(finding) for finding in again] == ["02:25 still", "02:30 bath"]
