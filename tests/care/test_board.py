"""The board is a fold: in whatever order records reach it, the same is known, and nothing urgent is lost."""

import random
from collections.abc import Callable, Sequence
from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from care.alerts import State, Tier, alert_of
from care.board import EARLY_MAX, KEPT, Board
from care.ids import AlertId, StaffId
from care.records import (
    CENTRE,
    Aside,
    By,
    Claimed,
    Delivered,
    FellBack,
    Follow,
    Followed,
    How,
    Lapsed,
    Outcome,
    Plan,
    Record,
    Released,
    Resolved,
    Shelved,
    Told,
    Unshelved,
    encode,
    site_of,
)
from care.upkeep import Used
from detectors.findings import Cleared, Finding, Presence, Status, What
from detectors.homes import HomeId, SiteId, building_of
from tests.stories import a_home, instant

SITES = (SiteId("wilg"), SiteId("eik"))
CLOCKS = [f"0{hour}:{minute:02d}" for hour in (1, 2, 3) for minute in range(0, 60, 4)]
EPISODES = ["00:50", "01:59"]


def a_plan(site: SiteId, at: str = "22:00", *, agreed: bool = True) -> Plan:
    home = msgspec.structs.replace(a_home(), id=HomeId(f"{site}/12"), agreed_soon=(What.OOB_ACTIVE,) if agreed else ())
    return Plan(at=instant(at), site=site, name=site.title(), zone="Europe/Amsterdam", homes=(home,))


def a_finding(site: SiteId, what: What, clock: str, episode: str) -> Finding:
    place = building_of(site) if what is What.BROKER_LOST else HomeId(f"{site}/12")
    return Finding(at=instant(clock), home=place, what=what, since=instant(episode), episode=instant(episode))


def _over(finding: Finding, clock: str) -> Cleared:
    return Cleared(
        at=instant(clock), home=finding.home, what=finding.what, since=finding.since, episode=finding.episode
    )


def _deed(finding: Finding, kind: str, by: str, clock: str) -> Record:
    at, home, alert, staff = instant(clock), finding.home, alert_of(finding), StaffId(by)
    said: dict[str, Callable[[], Record]] = {
        "delivered": lambda: Delivered(at=at, home=home, alert=alert, screen=by),
        "claimed": lambda: Claimed(at=at, home=home, alert=alert, by=staff),
        "taken": lambda: Claimed(at=at, home=home, alert=alert, by=staff, takeover=True),
        "released": lambda: Released(at=at, home=home, alert=alert, by=staff),
        "resolved": lambda: Resolved(at=at, home=home, alert=alert, by=staff, outcome=Outcome.REASSURED, how=How.VIDEO),
        "followed": lambda: Followed(at=at, home=home, alert=alert, by=staff, follow=Follow.TALKING, means=By.PHONE),
        "shelved": lambda: Shelved(at=at, home=home, alert=alert, by=staff, why=Aside.VISITOR, until=instant("05:00")),
        "unshelved": lambda: Unshelved(at=at, home=home, alert=alert, by=staff),
        "lapsed": lambda: Lapsed(at=at, home=home, alert=alert, by=staff),
        "fell-back": lambda: FellBack(at=at, home=home, alert=alert, channel="siren"),
    }
    return said[kind]()


WHATS = [What.BATH, What.STILL, What.OOB_ACTIVE, What.DOOR_ARRIVED, What.BUTTON, What.BROKER_LOST]
DEEDS = ["delivered", "claimed", "taken", "released", "resolved"]
ASIDES = ["followed", "shelved", "unshelved", "lapsed", "fell-back"]
FINDINGS = st.builds(
    a_finding, st.sampled_from(SITES), st.sampled_from(WHATS), st.sampled_from(CLOCKS), st.sampled_from(EPISODES)
)
HAPPENED = st.builds(
    _deed, FINDINGS, st.sampled_from(DEEDS + ASIDES), st.sampled_from(["sanne", "noor"]), st.sampled_from(CLOCKS)
)
OVER = st.builds(_over, FINDINGS, st.sampled_from(CLOCKS))
STATUSES = st.builds(
    lambda site, presence, clock: Status(at=instant(clock), home=HomeId(f"{site}/12"), presence=presence),
    st.sampled_from(SITES),
    st.sampled_from(Presence),
    st.sampled_from(CLOCKS),
)
PLANS = st.builds(a_plan, st.sampled_from(SITES), st.sampled_from(["22:00", "02:00"]), agreed=st.booleans())
NIGHTS = st.lists(FINDINGS | HAPPENED | OVER, max_size=25, unique_by=encode)
LONG_NIGHTS = st.lists(FINDINGS | HAPPENED | OVER | STATUSES | PLANS, max_size=25, unique_by=encode)
CHANCE = st.randoms(use_true_random=False)


def a_board(records: Sequence[Record]) -> Board:
    board = Board()
    for record in records:
        board.add(record, recorded_at=record.at + timedelta(seconds=1))
    return board


def known(board: Board) -> dict[str, object]:
    """Return what a page can be told."""
    return {
        "plans": board.plans,
        "homes": board.homes,
        "statuses": board.statuses,
        "alerts": board.alerts,
        "open": board.open_alerts(),
        "last closed": board.last_closed,
        "of homes": {home: board.alerts_of(home) for home in board.homes},
        "standing": {site: board.standing(building_of(site)) for site in SITES},
    }


@given(NIGHTS, st.lists(st.booleans(), min_size=2, max_size=2), CHANCE)
def test_in_any_order_the_same_records_say_the_same(
    night: list[Record], agreed: list[bool], pick: random.Random
) -> None:
    """Also deeds before what they are about, and a plan after what was found in its homes."""
    records: list[Record] = [*map(a_plan, SITES), *night]
    records[:2] = [a_plan(site, agreed=yes) for site, yes in zip(SITES, agreed, strict=True)]
    shuffled = pick.sample(records, len(records))
    assert known(a_board(shuffled)) == known(a_board(records))


@given(LONG_NIGHTS, CHANCE)
def test_however_buildings_and_desk_interleave_the_same_is_known(night: list[Record], pick: random.Random) -> None:
    """What one of them writes keeps its order on the link; between them there is none."""
    streams: dict[str, list[Record]] = {}
    for record in night:
        streams.setdefault(_writer(record), []).append(record)
    order = [name for name, told in streams.items() for _ in told]
    pick.shuffle(order)
    left = {name: iter(told) for name, told in streams.items()}
    assert known(a_board([next(left[name]) for name in order])) == known(a_board(night))


@given(LONG_NIGHTS, CHANCE)
def test_no_order_of_records_loses_an_urgent_alert(night: list[Record], pick: random.Random) -> None:
    """Whoever closes it must have had it before them: what was found after that asks again."""
    board = a_board(pick.sample(night, len(night)))
    waiting = {alert.id: alert for alert in board.open_alerts()}
    for found in night:
        if not isinstance(found, Finding) or found.what not in {What.BATH, What.STILL, What.BUTTON}:
            continue
        closed = [one for one in night if isinstance(one, Resolved) and one.alert == alert_of(found)]
        if all(one.at < found.at for one in closed):
            assert waiting[alert_of(found)].tier is Tier.ACUTE
            assert waiting[alert_of(found)].state is not State.SHELVED


@given(LONG_NIGHTS, st.sets(st.sampled_from(SITES)))
def test_of_a_part_of_the_board_nothing_elsewhere_can_be_asked(night: list[Record], mine: set[SiteId]) -> None:
    everywhere = a_finding(SiteId(CENTRE), What.BROKER_LOST, "03:00", "02:58")
    board = a_board([*night, everywhere])
    part = board.part(mine.__contains__)
    whole = known(board)
    assert set(part.plans) == mine & set(board.plans)
    assert set(part.homes) == {home for home in board.homes if site_of(home) in mine}
    assert part.alerts == {key: one for key, one in board.alerts.items() if site_of(one.home) in {*mine, CENTRE}}
    assert part.open_alerts() == [one for one in board.open_alerts() if one.id in part.alerts]
    assert alert_of(everywhere) in part.alerts  # it is about everybody's building
    for site in SITES:
        home = HomeId(f"{site}/12")
        assert part.alerts_of(home) == (board.alerts_of(home) if site in mine else [])
        assert part.standing(building_of(site)) == (board.standing(building_of(site)) if site in mine else [])
    assert known(board) == whole


@given(LONG_NIGHTS, st.sets(st.sampled_from(SITES)), st.booleans())
def test_a_part_has_what_the_whole_has_of_its_sites_in_the_same_order(
    night: list[Record], mine: set[SiteId], later: bool
) -> None:
    """Found by building, and not by looking at every home: also when plans changed and what is over is let go."""
    board = a_board([*map(a_plan, SITES), *night])
    if later:
        last = instant("05:00") + KEPT + timedelta(days=1)
        board.add(Status(at=last, home=HomeId("wilg/12"), presence=Presence.BED), recorded_at=last)
    part = board.part(mine.__contains__)
    for of in ("homes", "statuses", "plans", "told_at"):
        whole = getattr(board, of).items()
        assert dict(getattr(part, of)) == {key: value for key, value in whole if str(key).partition("/")[0] in mine}
    assert list(part.homes) == [home for home in board.homes if site_of(home) in mine]
    assert list(part.alerts) == [one.id for one in board.alerts.values() if site_of(one.home) in mine]
    assert part.part(mine.__contains__) is part
    for site in SITES:
        touched, _ = board.add(
            a_finding(site, What.BROKER_LOST, "04:00", "03:59"), recorded_at=instant("04:00") + timedelta(seconds=1)
        )
        assert touched == {home for home in board.homes if site_of(home) == site}


def test_who_sees_every_site_sees_the_board_itself() -> None:
    board = a_board([a_plan(SITES[0])])
    assert board.part(lambda site: site == SITES[0]) is board


def test_what_was_closed_long_ago_is_let_go_and_what_asks_for_somebody_never() -> None:
    closed, waits = (a_finding(SITES[0], What.BATH, "02:00", episode) for episode in EPISODES)
    board = a_board([closed, _deed(closed, "resolved", "sanne", "02:10"), waits])
    stuck = a_finding(SITES[1], What.BROKER_LOST, "02:00", "01:59")
    stuck_closed = [stuck, _deed(stuck, "resolved", "sanne", "02:10")]
    for record in stuck_closed:
        board.add(record, recorded_at=record.at)
    late = Status(at=instant("02:00") + KEPT + timedelta(days=1), home=waits.home, presence=Presence.BED)
    assert board.last_closed is not None
    board.add(late, recorded_at=late.at)
    assert set(board.alerts) == {alert_of(waits), alert_of(stuck)}  # that a fault ends must find the fault
    assert board.standing(stuck.home) == [stuck]
    assert [one.id for one in board.alerts_of(waits.home)] == [alert_of(waits)]
    assert board.last_closed is not None
    assert board.last_closed.id == alert_of(stuck)


def test_what_waits_for_a_finding_that_never_comes_fills_no_memory() -> None:
    board, at = Board(), instant("02:00")
    for n in range(EARLY_MAX + 10):
        moment = at + timedelta(seconds=n)
        board.add(
            Claimed(at=moment, home=HomeId("wilg/12"), alert=AlertId("0123456789"), by=StaffId("s")), recorded_at=moment
        )
    assert len(board._early[AlertId("0123456789")]) == EARLY_MAX
    later = at + KEPT + timedelta(days=1)
    board.add(Status(at=later, home=HomeId("wilg/12"), presence=Presence.BED), recorded_at=later)
    assert not board._early


def test_an_alert_that_is_closed_again_after_it_came_back_is_the_last_one_again() -> None:
    one = a_finding(SITES[0], What.BATH, "02:00", EPISODES[0])
    again = a_finding(SITES[0], What.STILL, "02:20", EPISODES[0])
    other = a_finding(SITES[1], What.BATH, "02:00", EPISODES[0])
    board = a_board([one, other, _deed(other, "resolved", "noor", "02:05"), _deed(one, "resolved", "sanne", "02:10")])
    last = [board.last_closed]
    for record in (again, _deed(one, "resolved", "sanne", "02:30")):
        board.add(record, recorded_at=record.at)
        last.append(board.last_closed)
    assert [one and one.id for one in last] == [alert_of(one), alert_of(other), alert_of(one)]


def _writer(record: Record) -> str:
    if isinstance(record, Plan | Used):
        return record.site
    return site_of(record.home) if isinstance(record, Told) else CENTRE
