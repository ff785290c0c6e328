"""Clocks that are wrong, are set, or strike two twice: nights of 23 and 25 hours, steps of two hours, dates of 1970."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from care import journal
from care.clock import SystemClock
from care.homes import Site
from care.records import Record, Trouble, Unreadable
from detectors.findings import Finding, Presence, Status
from detectors.homes import Kind, SensorId
from detectors.moments import SensorEvent
from detectors.nights import Summary
from gateway.building import Gateway, Settings
from gateway.ingest import Arrival
from gateway.sources import Message
from gateway.watch import Watch
from tests.stories import LIMITS, a_home, a_site

ZONE = ZoneInfo("Europe/Amsterdam")
SPRING, AUTUMN, PLAIN = date(2026, 3, 28), date(2026, 10, 24), date(2026, 11, 10)  # evenings before
HOME = a_home(limits=msgspec.structs.replace(LIMITS, oob_unseen=7, bath=5))  # sooner than anything that is learned
NOWHERE = ("127.0.0.1", 1)


def instant(evening: date, clock: str, *, fold: int = 0) -> datetime:
    """Return the instant of a local time in the night after an evening; `fold` 1 is the second time that it strikes."""
    at = time.fromisoformat(clock)
    day = evening if at.hour >= 12 else evening + timedelta(days=1)
    return datetime.combine(day, at.replace(fold=fold), tzinfo=ZONE).astimezone(UTC)


def bed(at: datetime, *, occupied: bool) -> SensorEvent:
    return SensorEvent(
        at=at, home=HOME.id, sensor=SensorId("12/bed"), room=HOME.sensors[0].room, kind=Kind.BED, value=float(occupied)
    )


def watched(moments: Iterable[SensorEvent], until: datetime, *, ticks: timedelta) -> list[Record]:
    """Return what a watch says of a night, with a tick every so often."""
    watch, said = Watch(a_site(HOME)), list[Record]()
    now: datetime | None = None
    for moment in moments:
        while now is not None and now + ticks < moment.at:
            now += ticks
            said += [one for _, one in watch.advance(now)]
        said += [one for _, one in watch.take(moment, moment.at)]
        now = moment.at
    while now is not None and now < until:
        now = min(now + ticks, until)
        said += [one for _, one in watch.advance(now)]
    return said


@pytest.mark.parametrize(("evening", "hours"), [(SPRING, 7), (PLAIN, 8), (AUTUMN, 9)])
@pytest.mark.parametrize("ticks", [timedelta(minutes=1), timedelta(hours=5)])
def test_a_night_is_watched_as_long_as_it_really_is(evening: date, hours: int, ticks: timedelta) -> None:
    """From eleven to seven: an hour less in spring, one more in autumn, and one summary of it either way."""
    night = HOME.night
    begins, ends = instant(evening, "23:00"), instant(evening, "07:00")
    assert (ends - begins) == timedelta(hours=hours)
    minutes = [begins + timedelta(minutes=minute) for minute in range(-90, 11 * 60)]
    assert sum(night.covers(one) for one in minutes) == 60 * hours
    assert {night.of(one) for one in minutes if night.covers(one)} == {evening}
    assert {night.ends_after(one) for one in minutes if night.covers(one)} == {ends}
    lies = [bed(instant(evening, "22:30"), occupied=True), bed(instant(evening, "07:30"), occupied=False)]
    said = watched(lies, instant(evening, "11:00") + timedelta(hours=12), ticks=ticks)
    summaries = [one for one in said if isinstance(one, Summary)]
    assert {one.night for one in summaries} == {evening}
    assert len({(one.night, one.whole) for one in summaries}) == len(summaries)


@pytest.mark.parametrize(
    ("evening", "left", "fold"),
    [(SPRING, "01:58", 0), (AUTUMN, "02:58", 0), (AUTUMN, "02:58", 1), (AUTUMN, "02:05", 1), (PLAIN, "02:58", 0)],
)
def test_a_limit_is_counted_in_real_minutes_while_the_clock_is_changed(evening: date, left: str, fold: int) -> None:
    out = instant(evening, left, fold=fold)
    said = watched(
        [bed(instant(evening, "22:30"), occupied=True), bed(out, occupied=False)],
        out + timedelta(minutes=20),
        ticks=timedelta(seconds=30),
    )
    assert [one.at - out for one in said if isinstance(one, Finding)] == [timedelta(minutes=7)]


# What the gateway does when its own clock, or that of a device, is wrong.


class Machine:
    """A gateway without a broker, on a machine whose clock can be set."""

    def __init__(self, file: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        self.true = instant(PLAIN, "22:00")  # the time that it is
        self.off = timedelta()  # how far the machine's clock is off
        monkeypatch.setattr(SystemClock, "now", lambda _: self.wall)
        monkeypatch.setattr("time.monotonic", lambda: 1e5 + (self.true - instant(PLAIN, "22:00")).total_seconds())
        self.gateway = Gateway.opened(Settings(site=site, journal=file, broker=NOWHERE, centre=NOWHERE))
        self.gateway.begin()

    @property
    def wall(self) -> datetime:
        return self.true + self.off

    def until(self, clock: str) -> None:
        end = instant(PLAIN, clock)
        while self.true < end:
            self.true = min(end, self.true + timedelta(seconds=20))
            self.gateway.tick()

    def say(self, name: str, last_seen: object = None, **values: object) -> None:
        """Let a sensor say something, dated by a bridge whose clock is right, or as said."""
        dated = self.true.isoformat() if last_seen is None else last_seen
        body = json.dumps({**values, "last_seen": dated}).encode()
        message = Message(f"zigbee2mqtt/12/{name}", body)
        self.gateway.take([Arrival(message, self.gateway.clock.now(), 0, 0)])

    def records(self) -> list[Record]:
        self.gateway.flush()
        return [entry.record for entry in journal.read_after(self.gateway.db, 0)]

    def found(self) -> list[tuple[str, timedelta]]:
        """Return what was found of the resident, and when by the true time, as far as that can be said."""
        return [
            (str(one.what), self.true - one.at)
            for one in self.records()
            if isinstance(one, Finding) and one.what in ("oob-unseen", "button", "bath")
        ]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine(tmp_path / "gateway.db", a_site(HOME), monkeypatch)
    with contextlib.closing(made.gateway.db):
        yield made


STEPS = [timedelta(hours=2), timedelta(hours=-2)]


@pytest.mark.parametrize("step", STEPS)
def test_a_call_for_help_is_told_at_once_whatever_the_clock_says(machine: Machine, step: timedelta) -> None:
    machine.say("bed", occupancy=True)
    machine.until("02:00")
    machine.off = step
    machine.until("02:05")
    machine.say("button", action="single")
    assert [what for what, _ in machine.found()] == ["button"]


@pytest.mark.parametrize("step", STEPS)
def test_nothing_that_was_received_is_lost_when_the_clock_is_set(machine: Machine, step: timedelta) -> None:
    machine.say("bed", occupancy=True)
    machine.until("02:00")
    machine.off = step
    for minute in range(1, 9):
        machine.until(f"02:0{minute}")
        machine.say("badkamer", occupancy=bool(minute % 2))
    kept = [one for one in machine.records() if isinstance(one, SensorEvent) and one.sensor == "12/badkamer"]
    assert len(kept) == 8
    numbers = journal.read_after(machine.gateway.db, 0)
    assert [one.number for one in numbers] == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("step", STEPS)
def test_who_leaves_bed_after_the_clock_was_set_is_missed_in_time(machine: Machine, step: timedelta) -> None:
    machine.say("bed", occupancy=True)
    machine.until("02:00")
    machine.off = step
    machine.until("02:05")
    machine.say("bed", occupancy=False)
    machine.until("02:30")  # the limit is seven minutes
    assert [what for what, _ in machine.found()] == ["oob-unseen"]


@pytest.mark.parametrize("step", STEPS)
def test_a_clock_that_is_set_makes_no_short_stay_a_long_one(machine: Machine, step: timedelta) -> None:
    machine.say("bed", occupancy=True)
    machine.until("02:00")
    machine.say("bed", occupancy=False)
    machine.off = step
    machine.until("02:04")  # the limit is seven minutes
    assert machine.found() == []


@pytest.mark.parametrize(
    ("last_seen", "believed"),
    [
        ("1970-01-01T00:00:07Z", False),
        (7000, False),
        ("2099-01-01T00:00:00Z", False),
        (4070908800000, False),
        ("2026-11-11T02:00:00", False),  # no zone
        ("2026-11-11T01:00:00Z", True),
        ("2026-11-11T02:00:00+01:00", True),
        (1794358800000, True),
    ],
)
def test_a_date_out_of_this_world_is_told_and_the_event_still_counts(
    machine: Machine, last_seen: object, believed: bool
) -> None:
    machine.say("bed", occupancy=True)
    machine.until("02:00")
    machine.say("bed", last_seen, occupancy=False)
    machine.until("02:10")
    troubles = [one.trouble for one in machine.records() if isinstance(one, Unreadable)]
    assert troubles == ([] if believed else [Trouble.CLOCK])
    statuses = [one for one in machine.records() if isinstance(one, Status)]
    assert statuses[-1].presence is Presence.UP
    assert [what for what, _ in machine.found()] == ["oob-unseen"]
    assert all(one.at <= machine.wall for one in machine.records() if isinstance(one, Finding | Status | SensorEvent))
