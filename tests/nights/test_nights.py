"""Nights in which everything fails, and the promises hold; and promises that know when they are broken.

Three hundred of them in a test run, ten thousands in a soak.
"""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from care import journal
from care.asking import Noticed, Passed
from care.chains import DESK
from care.clock import SystemClock
from care.journal import Entry
from care.records import Told, Trouble, Unreadable
from detectors import vigil
from detectors.findings import Cleared, Finding, Status, What
from detectors.moments import SensorEvent, SensorSight
from detectors.remembered import Vigil
from gateway.building import Gateway, Settings
from gateway.ingest import Arrival
from gateway.sources import Message
from tests.nights import clocks
from tests.nights.fate import Failure, Fault, Point, Wrong, fate, is_week
from tests.nights.promises import (
    OF_PEOPLE,
    Promise,
    a_building_out_of_reach_is_shown_so,
    both_journals_agree,
    broken,
    left_alone,
    no_alert_comes_twice,
    nothing_is_dated_in_the_future,
    nothing_is_refused_on_the_link,
    nothing_over_is_told_as_now,
    nothing_received_is_lost_or_doubled,
    the_board_is_the_fold_of_the_journal,
    what_is_true_is_told_in_time,
    what_is_urgent_is_taken_or_goes_to_everybody_in_time,
    what_would_have_been_found_is_on_the_board,
    who_is_asked_is_told_or_could_not_be,
)
from tests.nights.world import NOWHERE, Glance, Lived, lived
from tests.stories import AGREED, AMSTERDAM, a_home, a_site, events, instant

NIGHTS, FIRST = int(os.environ.get("NIGHTS", "300")), int(os.environ.get("SEED", "1"))
TOGETHER = 25
CLOCK_NIGHTS = 25


EVERY = range(FIRST, FIRST + NIGHTS)
WEEKS = [seed for seed in EVERY if is_week(seed)]


@pytest.mark.parametrize("first", EVERY[::TOGETHER])
def test_whatever_fails_the_promises_hold(first: int) -> None:
    seeds = [seed for seed in EVERY if first <= seed < first + TOGETHER and seed not in WEEKS]
    starts, found, climbed = whatever_fails(seeds)
    assert starts > TOGETHER or NIGHTS < TOGETHER  # processes did die
    assert found > TOGETHER or NIGHTS < TOGETHER  # and people did need somebody
    assert climbed or NIGHTS < TOGETHER  # and nobody at the desk did anything


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("seed", WEEKS)
def test_whatever_fails_in_a_week_without_the_centre_the_promises_hold(seed: int) -> None:
    whatever_fails([seed])


def whatever_fails(seeds: Iterable[int]) -> tuple[int, int, int]:
    """Live through some nights, hold the promises, and return the starts, what was found and what climbed in them."""
    said: list[str] = []
    starts = found = climbed = 0
    for seed in seeds:
        night = lived(fate(seed))
        starts, found = starts + night.starts, found + len(night.undisturbed)
        climbed += len(list(left_alone(night)))
        wrong = broken(night)
        said += [f"seed {seed}: {what}" for what in wrong]
        said += [f"again: python -m tests.nights --seed {seed}"] if wrong else []
    assert not said, "\n".join(said)
    return starts, found, climbed


def test_the_same_seed_is_the_same_night_to_the_last_record() -> None:
    once, again = lived(fate(3)), lived(fate(3))
    assert [(entry.recorded_at, entry.record) for entry in once.building] == [
        (entry.recorded_at, entry.record) for entry in again.building
    ]
    assert once.glances == again.glances


def test_everything_that_can_fail_does_fail_in_some_night() -> None:
    failures = [one for seed in range(FIRST, FIRST + 60) for one in fate(seed).failures]
    assert {one.fault for one in failures} >= set(Fault)
    assert {one.point for one in failures if one.fault is Fault.GATEWAY} == set(Point)


def test_a_night_in_which_nothing_fails_is_told_as_if_nobody_had_looked() -> None:
    night = lived(fate(_TELLING, failing=False))
    told = [entry.record for entry in night.centre if isinstance(entry.record, Finding)]
    assert sorted((one.at, one.what) for one in told) == sorted((one.at, one.what) for one in night.undisturbed)
    assert any(one.what in OF_PEOPLE for one in told)
    assert broken(night) == []


def test_whatever_the_clock_of_the_building_says_what_is_told_is_true_and_in_time() -> None:
    said = list[str]()
    for seed in range(FIRST, FIRST + CLOCK_NIGHTS):
        wrong = list(clocks.broken(seed, clocks.a_night(seed)))
        said += [f"seed {seed}: {what}" for what in wrong]
        said += [f"again: python -m tests.nights --clocks --seed {seed}"] if wrong else []
    assert not said, "\n".join(said)


@pytest.mark.parametrize("kind", ["hours", "1970", "2099"])
def test_the_clock_goes_wrong_in_every_way_in_some_night(kind: str) -> None:
    offs = [one.off for seed in range(1, 1 + CLOCK_NIGHTS) for one in clocks.wrong(seed, instant("01:00"))]
    least, most = {"hours": (-5, 5), "1970": (-1e6, -1e5), "2099": (1e5, 1e6)}[kind]
    assert any(off and least < off / timedelta(hours=1) < most for off in offs)


@pytest.mark.parametrize("set_at", ["2026-03-29T01:00Z", "2026-10-25T01:00Z"])
def test_in_the_nights_in_which_the_clocks_are_changed_all_promises_hold(set_at: str) -> None:
    """An hour of local time is not there, or is there twice. Half of the nights have failures too."""
    changed = datetime.fromisoformat(set_at)
    before, after = changed - timedelta(minutes=1), changed + timedelta(minutes=1)
    assert before.astimezone(AMSTERDAM).utcoffset() != after.astimezone(AMSTERDAM).utcoffset()
    said, found = list[str](), 0
    for seed in range(1, 21):
        night = lived(fate(seed, failing=seed % 2 == 0, around=changed))
        assert night.fate.start < changed < night.fate.end
        found += sum(one.since < changed < one.at for one in night.undisturbed if one.what in OF_PEOPLE)
        said += [f"seed {seed}: {what}" for what in broken(night)]
    assert not said, "\n".join(said)
    assert found  # somebody was out of bed while it was done


@pytest.mark.parametrize("year", [1970, 2099])
def test_what_a_bridge_dates_in_another_time_is_taken_as_of_its_arrival_and_told(year: int) -> None:
    """The bridge runs on a machine of its own, whose clock is wrong for the whole night."""

    def wrong(start: datetime) -> Iterator[Wrong]:
        yield Wrong(start - timedelta(minutes=1), datetime(year, 1, 1, tzinfo=UTC) - start, elsewhere=True)

    night = lived(fate(_TELLING, failing=False, clock=wrong))
    assert broken_at_all(night) == []
    events = [entry for entry in night.building if isinstance(entry.record, SensorEvent)]
    assert len(events) > 20
    assert all(entry.record.at == entry.recorded_at for entry in events)
    troubles = [entry.record for entry in night.building if isinstance(entry.record, Unreadable)]
    assert {one.trouble for one in troubles} == {Trouble.CLOCK}
    findings = {one.what for one in (entry.record for entry in night.centre) if isinstance(one, Finding)}
    assert findings == {one.what for one in lived(fate(_TELLING, failing=False)).undisturbed}


def broken_at_all(night: Lived) -> list[str]:
    """Return what broke of all that does not hang on when something was."""
    promises = (both_journals_agree, nothing_is_dated_in_the_future, the_board_is_the_fold_of_the_journal)
    return [what for promise in promises for what in promise(night)]


# A promise that cannot be seen to break is worth nothing: each is shown a night that was tampered with.


@pytest.fixture(scope="module")
def whole() -> Lived:
    """A night with a little of everything, in which the centre saw somebody get up, need help and lie down."""
    night = lived(fate(_TELLING, failing=False))
    assert broken(night) == []
    return night


_TELLING = 6
_CLIMBING = 1


def without(entries: tuple[Entry, ...], kind: type[object]) -> tuple[Entry, ...]:
    first = next(entry for entry in entries if isinstance(entry.record, kind))
    return tuple(entry for entry in entries if entry is not first)


def changed(
    entries: tuple[Entry, ...], *, which: Callable[[Entry], bool], to: Callable[[Entry], Entry]
) -> tuple[Entry, ...]:
    first = next(entry for entry in entries if which(entry))
    return tuple(to(entry) if entry is first else entry for entry in entries)


def an_event_less(night: Lived) -> Lived:
    return dataclasses.replace(night, building=without(night.building, SensorEvent))


def an_event_twice(night: Lived) -> Lived:
    event = next(entry for entry in night.building if isinstance(entry.record, SensorEvent))
    return dataclasses.replace(night, building=(*night.building, event))


def an_empty_board(night: Lived) -> Lived:
    return dataclasses.replace(night, board=type(night.board)())


def an_hour_late(night: Lived) -> Lived:
    board = type(night.board)()
    for entry in night.centre:
        board.add(entry.record, recorded_at=entry.recorded_at + timedelta(hours=1))
    return dataclasses.replace(night, board=board)


def a_finding_again(night: Lived) -> Lived:
    again = next(entry for entry in night.centre if isinstance(entry.record, Finding))
    return dataclasses.replace(night, centre=(*night.centre, again))


def told_too_soon(night: Lived) -> Lived:
    def sooner(entry: Entry) -> Entry:
        assert isinstance(entry.record, Finding)
        return entry._replace(recorded_at=entry.record.at - timedelta(seconds=1))

    entries = changed(night.building, which=lambda one: isinstance(one.record, Finding), to=sooner)
    return dataclasses.replace(night, building=entries)


def told_an_hour_after_it_was_over(night: Lived) -> Lived:
    over = {(one.record.home, one.record.since) for one in night.building if isinstance(one.record, Cleared)}

    def is_over(entry: Entry) -> bool:
        one = entry.record
        return isinstance(one, Finding) and one.what in OF_PEOPLE and (one.home, one.since) in over

    entries = changed(
        night.building, which=is_over, to=lambda one: one._replace(recorded_at=one.recorded_at + timedelta(hours=3))
    )
    return dataclasses.replace(night, building=entries)


def a_record_less(night: Lived) -> Lived:
    return dataclasses.replace(night, centre=without(night.centre, Told))  # type: ignore[arg-type]


def a_status_that_nobody_said(night: Lived) -> Lived:
    board = type(night.board)()
    for entry in night.centre:
        board.add(entry.record, recorded_at=entry.recorded_at)
    home, status = next(iter(board.statuses.items()))
    board.statuses[home] = Status(at=night.fate.end, home=home, presence=status.presence)
    return dataclasses.replace(night, board=board)


def seen_while_it_was_not(night: Lived) -> Lived:
    return dataclasses.replace(night, glances=(Glance(night.fate.start, silent=False, truly=True),))


def a_message_refused(night: Lived) -> Lived:
    return dataclasses.replace(night, refused=1)


def a_step_less(_: Lived) -> Lived:
    """That the desk was asked about what nobody touched is forgotten."""
    night = lived(fate(_CLIMBING, failing=False))
    alert = next(left_alone(night))[0].id
    kept = [
        entry
        for entry in night.centre
        if not (isinstance(one := entry.record, Passed) and one.alert == alert and one.to == DESK)
    ]
    return dataclasses.replace(night, centre=tuple(kept))


def a_notice_less(_: Lived) -> Lived:
    night = lived(fate(_CLIMBING, failing=False))
    return dataclasses.replace(
        night, centre=tuple(entry for entry in night.centre if not isinstance(entry.record, Noticed))
    )


@pytest.mark.parametrize(
    ("tampered", "promise"),
    [
        (an_event_less, nothing_received_is_lost_or_doubled),
        (an_event_twice, nothing_received_is_lost_or_doubled),
        (an_empty_board, what_would_have_been_found_is_on_the_board),
        (an_hour_late, what_is_true_is_told_in_time),
        (a_finding_again, no_alert_comes_twice),
        (told_too_soon, nothing_is_dated_in_the_future),
        (told_an_hour_after_it_was_over, nothing_over_is_told_as_now),
        (a_status_that_nobody_said, the_board_is_the_fold_of_the_journal),
        (a_record_less, both_journals_agree),
        (seen_while_it_was_not, a_building_out_of_reach_is_shown_so),
        (a_step_less, what_is_urgent_is_taken_or_goes_to_everybody_in_time),
        (a_notice_less, who_is_asked_is_told_or_could_not_be),
        (a_message_refused, nothing_is_refused_on_the_link),
    ],
)
def test_a_promise_that_is_broken_says_so(tampered: Callable[[Lived], Lived], promise: Promise, whole: Lived) -> None:
    assert list(promise(whole)) == []
    assert list(promise(tampered(whole))) != []


# What the nights have found, each as small as it could be made.


def test_a_centre_put_back_from_a_backup_is_told_what_it_lost() -> None:
    """Also when nothing happens in the building after it: somebody may be lying there, and move no more."""
    night = fate(_TELLING, failing=False)
    restored = Failure(Fault.BACKUP, night.end + timedelta(minutes=2), night.end + timedelta(minutes=3))
    assert list(both_journals_agree(lived(dataclasses.replace(night, failures=(restored,))))) == []


def found_behind_a_restart(folder: Path, clock: pytest.MonkeyPatch, *waited: tuple[int, str, str]) -> list[What]:
    """Return what is found of messages that waited for ten minutes, behind the bridge's word that it is there again.

    Each was sent so many minutes before the gateway came back.
    """
    began = instant("02:00")
    clock.setattr(SystemClock, "now", lambda _: instant("01:30"))
    gateway = Gateway.opened(
        Settings(site=a_site(a_home()), journal=folder / "gateway.db", broker=NOWHERE, centre=NOWHERE)
    )
    said = [Message("zigbee2mqtt/bridge/state", f'{{"state":"{state}"}}'.encode()) for state in ("offline", "online")]
    for minutes, name, value in waited:
        sent_at = (began - timedelta(minutes=minutes)).isoformat()
        said.append(Message(f"zigbee2mqtt/12/{name}", f'{{{value},"last_seen":"{sent_at}"}}'.encode()))
    with contextlib.closing(gateway.db):
        gateway.begin()
        gateway.caught_up()
        gateway.take([Arrival(Message("zigbee2mqtt/12/bed", _IN_BED), instant("01:30"), 0, 0)])
        gateway.take([Arrival(message, began, 0, 0) for message in said])
        gateway.write(gateway.watch.advance(began + timedelta(minutes=25)))
        return [one.record.what for one in journal.read_after(gateway.db, 0) if isinstance(one.record, Finding)]


_IN_BED = f'{{"occupancy":true,"last_seen":"{instant("01:30").isoformat()}"}}'.encode()


def test_a_call_for_help_that_waited_behind_a_restart_of_the_bridge_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert What.BUTTON in found_behind_a_restart(tmp_path, monkeypatch, (5, "button", '"action":"single"'))


def test_who_left_bed_while_that_waited_behind_a_restart_of_the_bridge_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = found_behind_a_restart(
        tmp_path, monkeypatch, (5, "bed", '"occupancy":false'), (4, "badkamer", '"occupancy":true')
    )
    assert set(found) & OF_PEOPLE


def test_who_was_up_when_every_sensor_was_lost_is_not_taken_to_have_gone_to_bed() -> None:
    """The broker is away from 02:10 to 03:10: silence is no evidence then, and the resident is still about after it."""
    home = a_home()
    now, said = Vigil(), list[object]()
    moments: list[SensorEvent | SensorSight] = [*events(home, ["22:40 bed in", "02:09 bed out", "02:09:30 slaapkamer"])]
    for at, seen in (("02:10", False), ("03:10", True)):
        moments += [
            SensorSight(at=instant(at), home=home.id, sensor=one.id, seen=seen, reason="" if seen else "broker")
            for one in home.sensors
        ]
    moments += events(home, [f"03:{minute} keuken" for minute in range(11, 30, 2)])
    for moment in moments:
        now, more = vigil.arrive(now, moment, moment.at, home, AGREED)
        said += more
    _, more = vigil.advance(now, instant("03:40"), home, AGREED)
    assert any(isinstance(one, Finding) and one.what in OF_PEOPLE for one in [*said, *more])
