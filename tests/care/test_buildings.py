"""The centre watches over its buildings: who falls silent is told of, once, in time, and with who may have been up."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.alerts import Tier
from care.board import SILENT_AFTER, Board
from care.buildings import EVERYWHERE, Ear, Sign, Signs, cause_of, due
from care.ids import StaffId
from care.records import How, Outcome, Plan, Record, Resolved
from detectors.findings import Cleared, Finding, Presence, Sight, Status, What
from detectors.homes import HomeId, SensorId, SiteId, building_of
from tests.stories import a_home

START = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)
WILG = SiteId("wilg")
SITES = tuple(SiteId(one) for one in ("beuk", "eik", "wilg"))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@dataclass
class Centre:
    """A centre in a story: told what is heard, it writes down what is due, as the real one does."""

    sites: tuple[SiteId, ...] = (WILG,)
    presence: Presence = Presence.BED
    ear: Ear = field(default_factory=lambda: Ear(listens=True, since=START))
    board: Board = field(default_factory=Board)
    signs: dict[SiteId, Sign] = field(default_factory=dict)
    written: list[tuple[float, Finding | Cleared]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for site in self.sites:
            homes = tuple(
                msgspec.structs.replace(a_home(), id=HomeId(f"{site}/{number}"), sensors=()) for number in (1, 2)
            )
            self.take(-3600, Plan(at=at(-3600), site=site, name=site, zone="Europe/Amsterdam", homes=homes))
            for home in homes:
                self.take(-600, Status(at=at(-600), home=home.id, presence=self.presence))

    def take(self, seconds: float, record: Record) -> None:
        self.board.add(record, recorded_at=at(seconds))

    def hear(self, seconds: float, *sites: SiteId, trouble: str = "", proven: float | None = None) -> None:
        for site in sites or self.sites:
            before = self.signs.get(site)
            unbroken = before is not None and at(seconds) - before.heard_at <= timedelta(seconds=30)
            since = before.since if before is not None and unbroken else at(seconds)
            proven_at = None if proven is None else at(proven)
            self.signs[site] = Sign(heard_at=at(seconds), since=since, trouble=trouble, proven_at=proven_at)

    def look(self, seconds: float) -> list[Finding | Cleared]:
        said = due(self.board, self.signs, at(seconds), ear=self.ear)
        for record in said:
            self.board.add(record, recorded_at=at(seconds))
            self.written.append((seconds, record))
        return said

    def restart(self, seconds: float) -> "Centre":
        """Return the centre as it starts anew from its journal; what it only heard is gone."""
        board = Board()
        told: list[Record] = [*self.board.plans.values(), *self.board.statuses.values()]
        for one in told:
            board.add(one, recorded_at=at(-600))
        for written, record in self.written:
            board.add(record, recorded_at=at(written))
        made = Centre(sites=(), board=board, ear=Ear(listens=True, since=at(seconds)), written=list(self.written))
        made.sites = self.sites
        return made


def a_centre_that_hears(*sites: SiteId, presence: Presence = Presence.BED, until: int = 100) -> Centre:
    centre = Centre(sites=sites or (WILG,), presence=presence)
    for seconds in range(0, until + 1, 5):
        centre.hear(seconds)
        assert centre.look(seconds) == []
    return centre


def whats(said: list[Finding | Cleared]) -> list[tuple[str, HomeId]]:
    return [(type(one).__name__, one.home) for one in said]


def test_a_building_is_missed_within_three_quarters_of_a_minute_and_told_of_once() -> None:
    centre = a_centre_that_hears()
    assert centre.look(140) == []
    [told] = centre.look(141)
    assert isinstance(told, Finding)
    assert (told.what, told.home, told.since, told.at) == (
        What.BUILDING_SILENT,
        building_of(WILG),
        at(100),
        at(140),
    )
    assert (told.value, told.count) == (2, 0)
    assert [centre.look(seconds) for seconds in range(147, 900, 60)] == [[]] * 13


def test_heard_again_it_is_over() -> None:
    centre = a_centre_that_hears()
    [told] = centre.look(150)
    centre.hear(300)
    [over] = centre.look(301)
    assert over == Cleared(at=at(300), home=told.home, what=told.what, since=told.since, episode=told.episode)
    assert centre.look(302) == []
    assert [alert.over for alert in centre.board.open_alerts()] == [True]


@pytest.mark.parametrize(
    ("presence", "tier"),
    [
        (Presence.BED, Tier.TECHNICAL),
        (Presence.UP, Tier.ACUTE),
        (Presence.OUT, Tier.ACUTE),
        (Presence.UNKNOWN, Tier.ACUTE),
    ],
)
def test_a_building_lost_while_somebody_may_be_up_is_urgent(presence: Presence, tier: Tier) -> None:
    centre = a_centre_that_hears(presence=presence)
    centre.look(150)
    assert [alert.tier for alert in centre.board.open_alerts()] == [tier]


def test_a_home_of_which_nothing_was_ever_told_counts_as_up_and_one_on_pause_does_not() -> None:
    centre = a_centre_that_hears(presence=Presence.UP)
    del centre.board.statuses[HomeId("wilg/1")]
    paused = Status(at=at(90), home=HomeId("wilg/2"), presence=Presence.UP, sight=Sight.PAUSED)
    centre.take(90, paused)
    [told] = centre.look(150)
    assert isinstance(told, Finding)
    assert told.count == 1


def test_a_centre_that_starts_gives_buildings_a_minute_to_speak_and_makes_no_storm() -> None:
    centre = Centre(sites=SITES)
    assert [centre.look(seconds) for seconds in range(10)] == [[]] * 10
    centre.hear(10)
    assert [centre.look(seconds) for seconds in range(10, 40)] == [[]] * 30


def test_a_building_that_fell_silent_while_the_centre_was_away_is_told_of_by_its_last_sign() -> None:
    centre = Centre(sites=SITES)
    for seconds in range(0, 65, 5):
        centre.hear(seconds, SiteId("beuk"), SiteId("eik"))
        told = centre.look(seconds)
    assert [(type(one).__name__, one.home) for one in told] == [("Finding", building_of(WILG))]
    assert told[0].since == at(-600)  # its last record


def test_a_centre_that_starts_again_tells_nothing_twice() -> None:
    centre = a_centre_that_hears(*SITES)
    for seconds in range(105, 200, 5):
        centre.hear(seconds, SiteId("beuk"), SiteId("eik"))
        centre.look(seconds)
    assert whats([one for _, one in centre.written]) == [("Finding", building_of(WILG))]
    again = centre.restart(200)
    for seconds in range(200, 400, 5):
        again.hear(seconds, SiteId("beuk"), SiteId("eik"))
        assert again.look(seconds) == []
    again.hear(400)
    assert whats(again.look(401)) == [("Cleared", building_of(WILG))]


def test_a_link_that_comes_and_goes_is_one_alert() -> None:
    centre = a_centre_that_hears()
    for again in range(5):
        centre.look(160 + 60 * again)
        centre.hear(161 + 60 * again)
        centre.look(161 + 60 * again)
    assert len(centre.written) >= 8
    assert len(centre.board.alerts) == 1


def test_a_link_that_is_lost_an_hour_later_is_another_alert() -> None:
    centre = a_centre_that_hears()
    centre.look(160)
    for seconds in range(161, 4000, 5):
        centre.hear(seconds)
        centre.look(seconds)
    centre.look(4100)
    assert len(centre.board.alerts) == 2


def test_a_centre_without_a_connection_blames_no_building() -> None:
    centre = a_centre_that_hears(*SITES, presence=Presence.UP)
    centre.ear = Ear(listens=False, since=at(101))
    told = [one for seconds in range(101, 400) for one in centre.look(seconds)]
    assert whats(told) == [("Finding", EVERYWHERE)]
    assert isinstance(told[0], Finding)
    assert (told[0].since, told[0].value, told[0].count) == (at(100), 6, 6)
    centre.ear = Ear(listens=True, since=at(400))
    centre.hear(402, SiteId("beuk"))
    assert whats(centre.look(403)) == [("Cleared", EVERYWHERE)]
    assert [centre.look(seconds) for seconds in range(404, 420)] == [[]] * 16
    centre.hear(420)
    assert centre.look(430) == []


def test_a_centre_that_starts_without_a_connection_tells_of_it_when_it_has_tried_for_long() -> None:
    centre = Centre(sites=SITES, ear=Ear(listens=False, since=START))
    assert [centre.look(seconds) for seconds in range(41)] == [[]] * 41
    assert whats(centre.look(41)) == [("Finding", EVERYWHERE)]


def test_a_connection_that_is_back_at_once_is_told_to_nobody() -> None:
    centre = a_centre_that_hears(*SITES)
    centre.ear = Ear(listens=False, since=at(101))
    assert [centre.look(seconds) for seconds in range(101, 140)] == [[]] * 39
    centre.ear = Ear(listens=True, since=at(140))
    assert [centre.look(seconds) for seconds in range(140, 200)] == [[]] * 60
    centre.hear(199)
    assert centre.look(201) == []


def test_when_no_building_at_all_is_heard_any_more_it_is_the_ear_and_not_the_buildings() -> None:
    """The broker hangs: the connection looks alive. When it goes on, the slowest building is not blamed either."""
    centre = a_centre_that_hears(*SITES)
    assert whats([one for seconds in range(101, 300) for one in centre.look(seconds)]) == [("Finding", EVERYWHERE)]
    centre.hear(300, WILG)
    assert whats(centre.look(300)) == [("Cleared", EVERYWHERE)]
    centre.hear(304)
    assert centre.look(304) == []


def test_the_only_building_there_is_is_told_of_by_its_name() -> None:
    centre = a_centre_that_hears()
    assert whats(centre.look(160)) == [("Finding", building_of(WILG))]


def test_a_gateway_that_cannot_write_says_so_by_its_beats_and_the_centre_writes_it_down() -> None:
    centre = a_centre_that_hears()
    centre.hear(105, trouble="disk")
    [told] = centre.look(105)
    assert isinstance(told, Finding)
    assert (told.what, told.value, told.at) == (What.DISK, None, at(105))
    centre.hear(110, trouble="disk")
    assert centre.look(110) == []
    centre.hear(115)
    assert whats(centre.look(115)) == [("Cleared", building_of(WILG))]


def test_a_disk_that_is_nearly_full_is_the_buildings_own_to_clear() -> None:
    centre = a_centre_that_hears()
    full = Finding(at=at(90), home=building_of(WILG), what=What.DISK, since=at(90), episode=at(90), value=120.0)
    centre.take(95, full)
    centre.hear(105)
    assert centre.look(105) == []
    centre.hear(110, trouble="disk")  # nor is it another one when nothing goes on it any more
    assert centre.look(110) == []


def test_a_proof_that_does_not_come_is_told_after_three_minutes() -> None:
    centre = a_centre_that_hears()
    for seconds in range(105, 281, 5):
        centre.hear(seconds, proven=100)
        assert centre.look(seconds) == []
    centre.hear(285, proven=100)
    [told] = centre.look(285)
    assert isinstance(told, Finding)
    assert (told.what, told.since, told.at) == (What.PROOF, at(100), at(280))
    centre.hear(290, proven=288)
    assert whats(centre.look(290)) == [("Cleared", building_of(WILG))]


def test_a_building_that_comes_back_gets_the_time_to_prove_itself() -> None:
    centre = a_centre_that_hears()
    centre.hear(100, proven=95)
    centre.look(160)
    centre.hear(1000, proven=95)
    assert whats(centre.look(1001)) == [("Cleared", building_of(WILG))]
    centre.hear(1005, proven=1004)
    assert centre.look(1006) == []


def test_of_a_building_that_is_not_heard_its_proof_is_not_missed_as_well() -> None:
    centre = a_centre_that_hears()
    centre.hear(100, proven=95)
    said = [one for seconds in range(100, 900, 5) for one in centre.look(seconds)]
    assert [one.what for one in said] == [What.BUILDING_SILENT]


@given(heard=st.lists(st.tuples(st.integers(1, 90), st.sampled_from([(), ("wilg",), ("eik", "wilg")])), max_size=25))
def test_whatever_is_heard_each_silence_is_told_once_and_ended_once(
    heard: list[tuple[int, tuple[str, ...]]],
) -> None:
    centre = Centre(sites=SITES, presence=Presence.UP)
    now = 0
    for wait, sites in heard:
        for _ in range(wait):
            now += 1
            centre.look(now)
        if sites:
            centre.hear(now, *map(SiteId, sites))
    keys = [(type(one), one.home, one.what, one.since) for _, one in centre.written]
    assert len(keys) == len(set(keys))
    for _, one in centre.written:
        if isinstance(one, Cleared):
            assert (Finding, one.home, one.what, one.since) in keys
    assert all(one.at <= at(seconds) for seconds, one in centre.written)
    for home in (EVERYWHERE, *map(building_of, SITES)):
        assert len(centre.board.standing(home)) <= 1


# One cause, one alert.


def fault(what: What, home: HomeId, *, count: int = 0, sensor: str | None = None) -> Finding:
    return Finding(
        at=at(0),
        home=home,
        what=what,
        since=at(-60),
        episode=at(-60),
        count=count,
        sensor=SensorId(sensor) if sensor else None,
    )


def under(board: Board) -> dict[str, str | None]:
    """Return for each kind of alert the kind of what it is put under."""
    causes = {alert.main.what: cause_of(alert, board) for alert in board.alerts.values()}
    return {what: board.alerts[cause].main.what if cause else None for what, cause in causes.items()}


def test_what_a_silent_building_blinds_is_one_alert() -> None:
    centre = Centre()
    silent = fault(What.SENSOR_SILENT, HomeId("wilg/1"), sensor="1/bed")
    for one in (fault(What.BUILDING_SILENT, building_of(WILG)), fault(What.BROKER_LOST, building_of(WILG)), silent):
        centre.take(0, one)
    assert under(centre.board) == {
        What.BUILDING_SILENT: None,
        What.BROKER_LOST: What.BUILDING_SILENT,
        What.SENSOR_SILENT: What.BUILDING_SILENT,
    }


def test_what_is_urgent_is_never_put_under_anything() -> None:
    centre = Centre(sites=SITES)
    centre.take(0, fault(What.BUILDING_SILENT, EVERYWHERE, count=3))
    centre.take(0, fault(What.BUILDING_SILENT, building_of(WILG), count=1))
    centre.take(0, fault(What.STILL, HomeId("wilg/1")))
    assert [cause_of(alert, centre.board) for alert in centre.board.alerts.values()] == [None] * 3


def test_a_lost_receiver_explains_silent_sensors_and_not_a_full_disk_nor_another_building() -> None:
    centre = Centre(sites=SITES)
    centre.take(0, fault(What.BRIDGE_LOST, building_of(WILG)))
    centre.take(0, fault(What.GATEWAY_GAP, HomeId("wilg/1")))
    centre.take(0, fault(What.DISK, building_of(WILG)))
    centre.take(0, fault(What.SENSOR_SILENT, HomeId("eik/1"), sensor="1/bed"))
    assert under(centre.board) == {
        What.BRIDGE_LOST: None,
        What.GATEWAY_GAP: What.BRIDGE_LOST,
        What.DISK: None,
        What.SENSOR_SILENT: None,
    }


def test_what_is_over_or_closed_explains_nothing_any_more() -> None:
    centre = Centre()
    silent = fault(What.BUILDING_SILENT, building_of(WILG))
    centre.take(0, silent)
    centre.take(0, fault(What.GATEWAY_GAP, HomeId("wilg/1")))
    [cause] = [one for one in centre.board.alerts.values() if one.home == silent.home]
    closed = Resolved(
        at=at(5),
        home=silent.home,
        alert=cause.id,
        by=StaffId("sk"),
        outcome=Outcome.TECHNICAL,
        how=How.LINK,
    )
    over = Cleared(at=at(9), home=silent.home, what=silent.what, since=silent.since, episode=silent.episode)
    assert under(centre.board)[What.GATEWAY_GAP] is What.BUILDING_SILENT
    for after in (closed, over):
        told = Centre()
        for record in (silent, fault(What.GATEWAY_GAP, HomeId("wilg/1")), after):
            told.take(10, record)
        assert under(told.board)[What.GATEWAY_GAP] is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([What.BUILDING_SILENT, What.BROKER_LOST, What.BRIDGE_LOST, What.PROOF, What.DISK]),
            st.sampled_from([EVERYWHERE, *map(building_of, SITES)]),
        ),
        unique=True,
    )
)
def test_of_alerts_that_explain_one_another_one_always_stands_by_itself(faults: list[tuple[What, HomeId]]) -> None:
    centre = Centre(sites=SITES)
    for what, home in faults:
        centre.take(0, fault(what, home))
    board = centre.board
    for alert in board.alerts.values():
        seen, cause = {alert.id}, cause_of(alert, board)
        while cause is not None:
            assert cause not in seen
            seen.add(cause)
            cause = cause_of(board.alerts[cause], board)


class Seconds(NamedTuple):
    """How a building was last heard, as a centre counts it."""

    at_s: float
    since_s: float
    trouble: str = ""
    proven_s: float | None = None


class EachByItself(Signs):
    """Passes over no building, and works out by dates what else is worked out by seconds: the plain answer."""

    @property
    def hearing_since(self) -> datetime | None:
        heard = [sign.since for sign in self.values() if self._now - sign.heard_at <= SILENT_AFTER]
        return min(heard, default=None)

    def remarkable(self, sites: Iterable[SiteId], *, silent: bool) -> Iterator[SiteId]:
        return iter(sites)


@st.composite
def heard_before(draw: st.DrawFn, now_s: float) -> dict[SiteId, Seconds]:
    """Return how some buildings were heard, in quarters of seconds: a float holds them exactly, as a date does."""
    ages = st.integers(0, 4 * 260).map(lambda quarters: now_s - quarters / 4) | st.sampled_from(
        [now_s - edge for edge in (30, 30.25, 40, 40.25, 60, 180, 180.25)]
    )
    heard = {}
    for site in draw(st.sets(st.sampled_from([*SITES, SiteId("onbekend")]))):
        at_s, since_s = sorted([draw(ages), draw(ages)], reverse=True)
        heard[site] = Seconds(at_s, since_s, draw(st.sampled_from(["", "", "disk", "else"])), draw(st.none() | ages))
    return heard


@given(st.data())
def test_passing_over_a_building_that_is_well_changes_nothing(data: st.DataObject) -> None:
    """Whatever stands, in whatever order the moments come: the same is said as when each is asked by itself."""
    centre = Centre(sites=SITES[: data.draw(st.integers(1, 3))])
    moments = st.integers(0, 4 * 900).map(lambda quarters: quarters / 4)
    for now_s in data.draw(st.lists(moments, min_size=1, max_size=8)):
        heard = data.draw(heard_before(now_s))
        now = at(now_s)
        ear = Ear(
            data.draw(st.booleans()), now - timedelta(seconds=data.draw(st.sampled_from([0, 39, 41, 59, 60, 300])))
        )
        plain = due(centre.board, EachByItself(heard, now, now_s), now, ear=ear)
        assert due(centre.board, Signs(heard, now, now_s), now, ear=ear) == plain
        assert due(centre.board, dict(Signs(heard, now, now_s)), now, ear=ear) == plain
        for record in plain:
            centre.take(now_s, record)
