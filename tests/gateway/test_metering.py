"""What a building takes to be watched: never less than nothing, told once, and honest about what a restart lost."""

import contextlib
import dataclasses
import itertools
import time
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care import journal
from care.records import Unreadable
from care.upkeep import Used
from detectors.homes import SensorId
from gateway import health, metering, remembered
from gateway.building import Gateway, Settings
from gateway.customs import Custom, charged, replaced
from gateway.health import Health
from gateway.metering import Counters, Ledger, counted
from gateway.sources import Reading, Sign
from tests.conftest import Mosquitto
from tests.gateway.daemons import HOME, Building
from tests.gateway.test_health import SENSORS, a_sign
from tests.stories import a_site, instant

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
MIDNIGHT = instant("00:01")
NONE = Counters(0.0)

counters = st.builds(
    Counters,
    at_s=st.floats(0, 1e6),
    cpu_s=st.floats(0, 1e6),
    written_bytes=st.none() | st.integers(0, 2**40),
    sensors_bytes=st.integers(0, 2**40),
    sent_bytes=st.integers(0, 2**40),
    heard_bytes=st.integers(0, 2**40),
)


@given(st.lists(counters, min_size=2, max_size=20))
def test_whatever_counters_do_nothing_is_ever_less_than_it_was(readings: list[Counters]) -> None:
    ledger = Ledger(day=MONDAY)
    for before, now in itertools.pairwise(readings):
        after = counted(ledger, before, now)
        assert after.cpu_s >= ledger.cpu_s
        assert after.measured_s >= ledger.measured_s
        assert after.sent_bytes >= ledger.sent_bytes
        assert after.written_bytes is None or after.written_bytes >= (ledger.written_bytes or 0)
        ledger = after
    said = metering.told(ledger, MIDNIGHT, a_site(HOME).id, homes=1, batteries=0, levels=0)
    assert said is None or said.cpu_s >= 0


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20), st.integers(0, 19))
def test_where_a_process_ended_well_changes_no_sum(steps: list[int], ends_at: int) -> None:
    """The ledger goes on from a snapshot, and the counters of the next process from nothing."""
    ledger, last = Ledger(day=MONDAY), NONE
    for number, step in enumerate(steps):
        if number == ends_at:
            last = NONE
        now = Counters(last.at_s + 60, last.cpu_s + step, last.written_bytes + step, last.sensors_bytes + step)  # type: ignore[operator]
        ledger, last = counted(ledger, last, now), now
    assert (ledger.cpu_s, ledger.written_bytes, ledger.sensors_bytes) == (sum(steps),) * 3
    assert ledger.measured_s == 60 * len(steps)


def test_a_kernel_that_does_not_say_what_was_written_makes_it_unknown_and_no_zero() -> None:
    silent = NONE._replace(written_bytes=None)
    assert counted(Ledger(day=MONDAY), NONE, silent).written_bytes is None


def test_a_clock_that_is_put_back_ends_no_day() -> None:
    assert not metering.over(Ledger(day=TUESDAY), MONDAY)
    assert metering.over(Ledger(day=MONDAY), TUESDAY)
    assert not metering.over(Ledger(), MONDAY)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(site=a_site(HOME), journal=tmp_path / "g.db", broker=("127.0.0.1", 1), centre=None)


def opened(settings: Settings) -> Gateway:
    gateway = Gateway.opened(settings)
    gateway.caught_up()
    return gateway


def told(settings: Settings) -> list[Used]:
    with contextlib.closing(journal.connect(settings.journal, read_only=True)) as db:
        return [one.record for one in journal.read_after(db, 0) if isinstance(one.record, Used)]


def use(gateway: Gateway, cpu_s: float, day: date) -> None:
    gateway.write(gateway.watch.use(NONE, Counters(60.0, cpu_s, 100, 10, 20, 30), day, MIDNIGHT))


def test_a_day_is_told_once_when_the_next_has_begun_and_goes_on_over_a_stop(settings: Settings) -> None:
    gateway = opened(settings)
    use(gateway, 1.5, MONDAY)
    gateway.save(at_once=True)
    gateway.db.close()
    gateway = opened(settings)
    use(gateway, 2.0, MONDAY)
    assert told(settings) == []
    use(gateway, 4.0, TUESDAY)
    use(gateway, 4.0, TUESDAY)
    gateway.db.close()
    [day] = told(settings)
    assert (day.day, day.homes, day.measured_s, day.cpu_s) == (MONDAY, 1, 120, 3.5)
    assert (day.written_bytes, day.sensors_bytes, day.sent_bytes, day.heard_bytes) == (200, 20, 40, 60)


def test_a_process_that_is_killed_loses_what_came_after_its_snapshot_and_says_how_much_it_measured(
    settings: Settings,
) -> None:
    gateway = opened(settings)
    use(gateway, 1.0, MONDAY)
    gateway.save(at_once=True)
    use(gateway, 7.0, MONDAY)
    gateway.db.close()  # killed
    gateway = opened(settings)
    use(gateway, 2.0, TUESDAY)
    gateway.db.close()
    [day] = told(settings)
    assert (day.cpu_s, day.measured_s) == (1.0, 60)


def test_a_day_that_was_told_before_the_process_was_killed_is_not_told_again(settings: Settings) -> None:
    gateway = opened(settings)
    use(gateway, 1.0, MONDAY)
    gateway.save(at_once=True)
    use(gateway, 2.0, TUESDAY)  # tells Monday; no snapshot knows
    gateway.db.close()
    gateway = opened(settings)
    use(gateway, 3.0, TUESDAY)
    use(gateway, 3.0, TUESDAY + timedelta(days=1))
    gateway.db.close()
    assert [one.day for one in told(settings)] == [MONDAY, TUESDAY]


def test_a_rehearsal_measures_nothing(settings: Settings) -> None:
    gateway = opened(dataclasses.replace(settings, rehearsal=True))
    gateway.use(NONE, Counters(60.0, 1.0))
    assert b'"cpu_s"' not in gateway.watch.snapshot()
    gateway.db.close()


def unread(building: Building) -> int:
    return sum(isinstance(one, Unreadable) for one in building.records())


def test_a_real_daemon_counts_what_it_hears_and_keeps_it_over_a_stop(mosquitto: Mosquitto, tmp_path: Path) -> None:
    building = Building(mosquitto, tmp_path, "z2m-metering", rehearsal=False)
    ledgers = []
    for _ in range(2):
        building.start()
        end = time.monotonic() + 20
        while not building.settings.journal.exists() and time.monotonic() < end:
            time.sleep(0.05)
        before = unread(building)
        while unread(building) == before and time.monotonic() < end:
            building.say("12/bed", b"no JSON at all")
            time.sleep(0.2)
        building.stop()
        with contextlib.closing(journal.connect(building.file, read_only=True)) as db:
            saved = journal.load_snapshot(db)
        assert saved is not None
        ledgers.append(remembered.read(saved[1]).ledger)
    building.close()
    first, second = ledgers
    assert first.day is not None
    assert 0 < first.measured_s < second.measured_s
    assert 0 < first.cpu_s < second.cpu_s
    assert len(b"no JSON at all") <= first.sensors_bytes < second.sensors_bytes
    assert 0 < first.sent_bytes < second.sent_bytes


# Batteries.


def after(*levels: float) -> tuple[Health, int]:
    known = Health()
    for hour, level in enumerate(levels):
        at = instant("12:00") + timedelta(hours=hour)
        sign = a_sign(SensorId(SENSORS[0]), at, battery=level)
        known = health.observed(known, Reading(signs=(sign,)), at)
    return known, health.batteries(known)[0]


@pytest.mark.parametrize(
    ("levels", "count"),
    [
        ((40, 20, 8, 100), 1),  # replaced
        ((40, 20, 8, 100, 99, 98), 1),  # and counted once
        ((8, 100, 60, 30, 95), 2),
        ((100, 100), 0),  # new from the beginning
        ((90, 80, 100), 0),  # nobody replaces a battery that is so full
        ((12, 9, 15, 8, 20), 0),  # a level that wavers with the cold
        ((80, 55, 100), 0),  # replaced early: not seen
    ],
)
def test_a_battery_was_replaced_when_it_was_low_and_is_much_fuller(levels: tuple[float, ...], count: int) -> None:
    assert after(*levels)[1] == count


def test_it_is_known_how_many_sensors_say_how_full_theirs_is() -> None:
    assert health.batteries(after(80)[0]) == (0, 1)
    assert health.batteries(Health()) == (0, 0)


@given(st.lists(st.floats(0, 100), max_size=40))
def test_there_are_never_more_new_batteries_than_rises_of_a_level(levels: list[float]) -> None:
    rises = sum(later > one for one, later in itertools.pairwise(levels))
    assert 0 <= after(*levels)[1] <= rises


def test_an_old_report_that_comes_late_replaces_nothing() -> None:
    custom = charged(Custom(instant("12:00"), 0.0, 0.0), 8.0, 0.0)
    late = a_sign(SensorId(SENSORS[0]), instant("12:00") - timedelta(hours=1), battery=100.0)
    assert not replaced(custom, late)
    assert replaced(custom, Sign(late.home, late.sensor, instant("12:00") + timedelta(hours=1), battery=100.0))
