"""A pause in the building: nobody listens, the help button calls, and it ends by itself whatever happens meanwhile."""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care import journal
from care.ids import Asker
from care.journal import Cursor
from care.pauses import Paused, PauseEnded, PauseReason
from care.records import CENTRE, Record, Trouble, Unreadable
from detectors.findings import Cleared, Finding, Presence, Sight, Status, What
from detectors.homes import Home, ResidentId, SensorId
from detectors.moments import SensorEvent, SensorSight
from gateway.sources import Reading, Sign
from gateway.watch import Dated, Watch
from tests.conftest import examples
from tests.stories import AMSTERDAM as EVENING_ZONE
from tests.stories import a_home, a_site, brief, event, instant

HOME = a_home()
NEVER_PAUSED = SensorId("12/button")
PAUSED = tuple(sorted(one.id for one in HOME.sensors if one.id != NEVER_PAUSED))


def pause(at: str, until: str, home: Home = HOME, *, sensors: Sequence[str] = ()) -> Paused:
    return Paused(
        at=instant(at),
        home=home.id,
        resident=home.resident,
        by=Asker("s-1"),
        until=instant(until),
        why=PauseReason.CLIENT,
        sensors=tuple(SensorId(one) for one in sensors),
    )


class Building:
    """A watch over one home with a journal on disk: what it is told and what it says is written, as the daemon does."""

    def __init__(self, db: sqlite3.Connection, home: Home = HOME) -> None:
        self.db, self.home = db, home
        self.told: list[Dated] = []
        self.watch = Watch(a_site(home))

    def restart(self, home: Home | None = None) -> None:
        self.home = home or self.home
        self.watch, told = Watch.resumed(a_site(self.home), self.db)
        self._write(told)

    def hears(self, record: Record, at: str = "") -> None:
        """An order of the centre comes in."""
        when = instant(at) if at else record.at
        number = journal.last_number(self.db) + 1
        cursor = Cursor("j-centre", number)
        for entry in journal.append(self.db, [record], recorded_at=when, origin=CENTRE, cursor=cursor):
            self._write(self.watch.hear(entry))
        self._write(self.watch.advance(when))

    def says(self, *lines: str, came: str = "") -> None:
        """Sensors say something, now or late."""
        for one in (event(self.home, line) for line in lines):
            at = instant(came) if came else one.at
            sign = Sign(one.home, one.sensor, one.at)
            self._write(self.watch.heard(Reading(events=(one,), signs=(sign,), dated=one.at), at))

    def until(self, clock: str, *, every_s: int = 60) -> None:
        """Time passes."""
        at, end = self.now, instant(clock)
        while at < end:
            at = min(end, at + timedelta(seconds=every_s))
            self._write(self.watch.advance(at))

    @property
    def now(self) -> datetime:
        found = journal.last_date(self.db)
        return max([at for at, _ in self.told], default=found or instant("20:00"))

    def _write(self, told: Sequence[Dated]) -> None:
        self.told += told
        for entry in journal.write(self.db, list(told)):
            self.watch.wrote(entry)

    @property
    def found(self) -> list[str]:
        return [brief(one) for _, one in self.told if isinstance(one, Finding)]

    @property
    def kept(self) -> list[str]:
        """What of sensors stands in the journal."""
        every = journal.read_after(self.db, 0, limit=10_000)
        return [str(one.record.sensor) for one in every if isinstance(one.record, SensorEvent)]

    @property
    def status(self) -> Status:
        return [one for _, one in self.told if isinstance(one, Status)][-1]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as opened:
        yield opened


@pytest.fixture
def building(db: sqlite3.Connection) -> Building:
    return Building(db)


def test_a_paused_home_says_so_and_nothing_that_it_hears_is_kept(building: Building) -> None:
    building.says("22:00 bed in")
    building.hears(pause("23:00", "00:00"))
    assert building.status.sight is Sight.PAUSED
    assert building.status.presence is Presence.UNKNOWN
    assert building.status.blind == building.status.paused == PAUSED
    building.says("23:10 bed out", "23:11 badkamer", "23:30 gang", "23:31 door open")
    assert building.kept == ["12/bed"]
    building.until("23:59")
    assert building.found == []
    assert building.status.sight is Sight.PAUSED


def test_the_help_button_calls_in_a_pause_as_ever(building: Building) -> None:
    building.says("22:00 bed in")
    building.hears(pause("23:00", "00:00"))
    building.says("23:20 button")
    assert building.found == ["23:20 button"]
    assert building.status.sight is Sight.PAUSED
    assert building.kept[-1] == NEVER_PAUSED


def test_it_ends_by_itself_and_is_dated_by_when_it_was_to(building: Building) -> None:
    building.says("22:00 bed in")
    building.hears(pause("23:00", "00:00"))
    building.until("00:03", every_s=3780)  # one look at the clock, three minutes late
    seen = [one for _, one in building.told if isinstance(one, SensorSight) and one.seen]
    assert {one.at for one in seen} == {instant("00:00")}
    assert {one.sensor for one in seen} == {*PAUSED}
    assert (building.status.at, building.status.sight) == (instant("00:00"), Sight.WATCHED)
    assert building.status.presence is Presence.UNKNOWN


def test_after_it_the_night_is_watched_again(building: Building) -> None:
    building.says("22:00 bed in")
    building.hears(pause("23:00", "00:00"))
    building.until("00:01")
    building.says("00:30 bed in", "01:00 bed out")
    building.until("01:25")
    assert building.found == ["01:13 oob-unseen"]


def test_a_message_that_comes_just_after_it_ends_it_first(building: Building) -> None:
    building.says("22:00 bed in")
    building.hears(pause("23:00", "00:00"))
    building.says("00:00:01 bed in")  # before the clock was looked at
    assert building.kept == ["12/bed", "12/bed"]
    assert (building.status.sight, building.status.presence) == (Sight.WATCHED, Presence.BED)


def test_what_was_said_in_a_pause_and_comes_after_it_is_not_kept_either(building: Building) -> None:
    building.says("22:00 bed in")
    building.hears(pause("23:00", "00:00"))
    building.until("00:01")
    building.says("23:40 bed out", "23:50 badkamer", came="00:02")
    assert building.kept == ["12/bed"]
    building.until("02:00")
    assert building.found == []


def test_a_pause_ends_at_once_when_somebody_ends_it(building: Building) -> None:
    building.hears(pause("23:00", "06:00"))
    building.hears(PauseEnded(at=instant("23:30"), home=HOME.id, by=Asker("s-1")))
    building.says("23:31 gang")
    assert (building.status.sight, building.kept) == (Sight.WATCHED, ["12/gang"])


def test_a_new_pause_takes_the_place_of_the_old_one(building: Building) -> None:
    building.hears(pause("23:00", "06:00"))
    building.hears(pause("23:10", "23:40"))
    building.until("23:41")
    building.says("23:42 gang")
    assert building.kept == ["12/gang"]


def test_what_was_due_before_the_pause_is_told_and_what_would_be_due_in_it_is_not(building: Building) -> None:
    building.says("22:00 bed in", "23:10 bed out")  # seen nowhere since
    building.until("23:22")
    building.hears(pause("23:24", "00:30"))  # less than a minute after it was due: it is not told yet
    assert building.found == ["23:23 oob-unseen"]
    building.until("00:29")
    assert building.found == ["23:23 oob-unseen"]
    assert not [one for _, one in building.told if isinstance(one, Cleared)]  # nobody has seen that it is over


def test_an_alert_of_before_is_over_when_somebody_is_seen_after_it(building: Building) -> None:
    building.says("22:00 bed in", "23:10 bed out")
    building.until("23:32")
    building.hears(pause("23:40", "00:30"))
    building.until("01:00")
    building.says("01:05 badkamer")
    building.until("01:07")
    over = [one for _, one in building.told if isinstance(one, Cleared)]
    assert [(one.what, one.at) for one in over] == [(What.OOB_UNSEEN, instant("01:05"))]


def test_a_silence_that_began_before_a_pause_is_counted_from_its_end(building: Building) -> None:
    building.says("18:00 gang", "18:01 badkamer")
    building.hears(pause("20:00", "21:00"))
    building.until("11:59", every_s=1800)
    assert "gateway-gap" not in [one.split()[1] for one in building.found]
    watch, at = building.watch, instant("11:59")
    later = [one for n in range(8) for _, one in watch.advance(at + timedelta(hours=n)) if isinstance(one, Finding)]
    gaps = [one for one in later if one.what is What.GATEWAY_GAP]
    assert [one.since for one in gaps] in ([], [instant("21:00")])
    assert all(one.at - one.since >= timedelta(hours=18) for one in gaps)


def test_a_restart_in_a_pause_goes_on_with_it_and_one_after_it_ends_it(building: Building) -> None:
    building.says("22:00 bed in")
    building.hears(pause("23:00", "00:00"))
    building.restart()
    building.says("23:20 bed out", "23:21 button")
    assert building.kept == ["12/bed", "12/button"]
    building.restart()
    building.until("03:00", every_s=20_000)  # nobody watched when it was to end
    assert (building.status.at, building.status.sight) == (instant("00:00"), Sight.WATCHED)


def test_a_snapshot_remembers_it(building: Building) -> None:
    building.says("22:00 bed in")
    building.hears(pause("23:00", "00:00"))
    journal.save_snapshot(building.db, journal.last_number(building.db), building.watch.snapshot())
    building.restart()
    building.says("23:20 bed out")
    assert building.kept == ["12/bed"]


def test_a_pause_ends_with_whoever_lived_there(building: Building) -> None:
    building.hears(pause("23:00", "06:00"))
    journal.save_snapshot(building.db, journal.last_number(building.db), building.watch.snapshot())
    building.restart(msgspec.structs.replace(HOME, resident=ResidentId("r-new")))
    building.until("23:30", every_s=600)
    building.says("23:31 gang")
    assert building.kept == ["12/gang"]
    assert building.status.sight is Sight.WATCHED


@pytest.mark.parametrize(
    "order",
    [
        msgspec.structs.replace(pause("23:00", "00:00"), until=instant("23:00") + timedelta(hours=25)),
        msgspec.structs.replace(pause("23:00", "00:00"), resident=ResidentId("r-other")),
        pause("23:00", "00:00", sensors=["12/button"]),
        pause("23:00", "00:00", sensors=["7/bed"]),
        pause("23:00", "22:00"),
    ],
    ids=["too-long", "somebody-else", "a-button", "no-such-sensor", "over"],
)
def test_an_order_that_cannot_be_changes_nothing(building: Building, order: Paused) -> None:
    building.says("22:00 bed in")
    building.hears(order)
    building.says("23:10 bed out")
    assert building.kept == ["12/bed", "12/bed"]


def test_a_week_late_a_pause_that_is_over_pauses_nothing(building: Building) -> None:
    building.hears(pause("20:00", "21:00"), at="23:00")
    building.says("23:01 gang")
    assert building.kept == ["12/gang"]


def test_one_room_can_be_paused_and_only_what_rests_on_it_does_not_come(building: Building) -> None:
    building.says("22:00 bed in")
    building.hears(pause("23:00", "03:00", sensors=["12/badkamer"]))
    assert (building.status.sight, building.status.paused) == (Sight.PARTLY, ("12/badkamer",))
    building.says("01:00 bed out", "01:01 badkamer")  # the second is not kept
    building.until("01:30")
    assert building.kept == ["12/bed", "12/bed"]
    assert building.found == ["01:13 oob-unseen"]


def test_equipment_that_breaks_meanwhile_is_told_and_the_home_itself_misses_no_sensor(building: Building) -> None:
    building.hears(pause("20:00", "06:00"))
    for n in range(3):
        at = instant("21:00") + timedelta(hours=n)
        low = Sign(HOME.id, SensorId("12/bed"), at, battery=5.0 - n)
        building.watch.heard(Reading(signs=(low,)), at)
    building.until("05:00", every_s=600)
    assert {one.split()[1] for one in building.found} == {"battery"}


def test_of_what_was_not_understood_only_that_is_kept(building: Building) -> None:
    trouble = Unreadable(
        at=instant("23:10"),
        topic="zigbee2mqtt/12/bed",
        trouble=Trouble.CLOCK,
        why="No zone.",
        payload=b'{"occupancy":1}',
    )
    building.hears(pause("23:00", "00:00"))
    assert building.watch.listened(Reading(troubles=(trouble,)), instant("23:10")).troubles[0].payload == b""
    assert building.watch.listened(Reading(troubles=(trouble,)), instant("00:10")).troubles == (trouble,)


LINES = ["bed in", "bed out", "badkamer", "gang", "woonkamer", "door open", "door closed", "button"]


@settings(max_examples=examples(20), deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 359), st.sampled_from(LINES)), max_size=30),
    st.integers(1, 300),
    st.integers(1, 120),
)
def test_in_a_pause_every_press_is_told_and_nothing_else_about_anybody(
    happens: list[tuple[int, str]], begins: int, lasts: int
) -> None:
    """Whatever happens around it: from its first second to its last only the button tells of people."""
    start, end = instant("21:00") + timedelta(minutes=begins), instant("21:00") + timedelta(minutes=begins + lasts)
    order = msgspec.structs.replace(pause("21:00", "22:00"), at=start, until=end)
    with contextlib.closing(journal.connect(Path(":memory:"))) as db:
        building = Building(db)
        presses = 0
        for minute in range(360):
            at = instant("21:00") + timedelta(minutes=minute)
            if at == start:
                building.hears(order)
            for when, line in happens:
                if when == minute:
                    clock = f"{at.astimezone(EVENING_ZONE):%H:%M}:{len(building.kept) % 59:02d}"
                    building.says(f"{clock} {line}")
                    presses += line == "button"
            building._write(building.watch.advance(at + timedelta(seconds=59)))
        in_it = [one for at, one in building.told if isinstance(one, Finding) and start < at < end]
        assert {one.what for one in in_it if one.at > start} <= {What.BUTTON}
        kept = [one.record for one in journal.read_after(db, 0, limit=10_000)]
        heard = [one for one in kept if isinstance(one, SensorEvent)]
        assert all(one.sensor == NEVER_PAUSED for one in heard if start <= one.at < end)
        assert sum(one.sensor == NEVER_PAUSED for one in heard) == len(
            {one.at for one in heard if one.sensor == NEVER_PAUSED}
        )
        assert (presses > 0) == any(one.what is What.BUTTON for _, one in building.told if isinstance(one, Finding))
