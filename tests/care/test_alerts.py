"""The life of an alert, as the fold of what was found and what people did."""

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.alerts import State, Tier, alert_of
from care.board import Board
from care.ids import AlertId, StaffId
from care.records import (
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
    Unshelved,
)
from detectors.findings import Cleared, Finding, What
from detectors.homes import HomeId, SensorId, SiteId, building_of
from tests.stories import a_home, instant

HOME = a_home()
SANNE, MO = StaffId("sk"), StaffId("mb")


def a_finding(what: What = What.STILL, at: str = "02:25", since: str = "02:10", episode: str = "02:09") -> Finding:
    return Finding(at=instant(at), home=HOME.id, what=what, since=instant(since), episode=instant(episode))


ALERT = alert_of(a_finding())


def over(finding: Finding, at: str) -> Cleared:
    return Cleared(at=instant(at), home=finding.home, what=finding.what, since=finding.since, episode=finding.episode)


def claim(by: StaffId, at: str, *, takeover: bool = False) -> Claimed:
    return Claimed(at=instant(at), home=HOME.id, alert=ALERT, by=by, takeover=takeover)


def resolve(by: StaffId, at: str) -> Resolved:
    return Resolved(at=instant(at), home=HOME.id, alert=ALERT, by=by, outcome=Outcome.REASSURED, how=How.VIDEO)


def a_board(*records: Record, plan: Plan | None = None) -> Board:
    board = Board()
    for record in (*([plan] if plan else []), *records):
        board.add(record, recorded_at=instant("02:26"))
    return board


def state(*records: Record) -> State:
    return a_board(*records).alerts[ALERT].state


def test_an_alert_is_raised_then_shown_then_claimed_then_resolved() -> None:
    story: list[Record] = [a_finding()]
    assert state(*story) is State.RAISED
    story.append(Delivered(at=instant("02:26"), home=HOME.id, alert=ALERT, screen="desk-2"))
    assert state(*story) is State.DELIVERED
    story.append(claim(SANNE, "02:27"))
    assert state(*story) is State.CLAIMED
    story.append(resolve(SANNE, "02:33"))
    assert state(*story) is State.RESOLVED
    assert a_board(*story).open_alerts() == []


def test_of_two_who_claim_at_once_the_first_on_disk_has_it() -> None:
    alert = a_board(a_finding(), claim(MO, "02:27"), claim(SANNE, "02:27")).alerts[ALERT]
    assert alert.holder == MO


def test_who_takes_over_knowingly_has_it_and_who_gives_back_has_not() -> None:
    story: list[Record] = [a_finding(), claim(MO, "02:27"), claim(SANNE, "02:29", takeover=True)]
    assert a_board(*story).alerts[ALERT].holder == SANNE
    given_back = Released(at=instant("02:30"), home=HOME.id, alert=ALERT, by=SANNE)
    assert a_board(*story, given_back).alerts[ALERT].holder is None


def test_giving_back_what_a_colleague_has_changes_nothing() -> None:
    not_mine = Released(at=instant("02:30"), home=HOME.id, alert=ALERT, by=SANNE)
    assert a_board(a_finding(), claim(MO, "02:27"), not_mine).alerts[ALERT].holder == MO


def test_a_second_finding_of_the_same_stay_out_of_bed_joins_the_alert() -> None:
    bath = a_finding(What.BATH, at="02:30")
    board = a_board(a_finding(), bath)
    assert len(board.open_alerts()) == 1
    assert board.alerts[ALERT].main == bath


def test_a_new_finding_opens_a_resolved_alert_again_for_anybody_and_every_screen_must_show_it_again() -> None:
    shown = Delivered(at=instant("02:26"), home=HOME.id, alert=ALERT, screen="desk-2")
    story: list[Record] = [a_finding(), shown, claim(SANNE, "02:27"), resolve(SANNE, "02:28")]
    assert state(*story) is State.RESOLVED
    again = a_board(*story, a_finding(What.OOB_ACTIVE, at="02:54", since="02:09")).alerts[ALERT]
    assert (again.state, again.holder, again.shown_on) == (State.RAISED, None, ())


def test_back_in_bed_before_anybody_looked_stays_on_the_desk_until_somebody_has() -> None:
    assert state(a_finding(), over(a_finding(), "02:28")) is State.RETURNED
    assert len(a_board(a_finding(), over(a_finding(), "02:28")).open_alerts()) == 1


def test_a_call_for_help_is_never_over_by_itself() -> None:
    call = a_finding(What.BUTTON, at="02:30", since="02:30", episode="02:30")
    board = a_board(call, over(call, "02:40"))
    assert board.alerts[alert_of(call)].state is State.RAISED


def test_moving_about_may_wait_where_that_is_agreed_and_lying_still_may_not() -> None:
    agreed = msgspec.structs.replace(HOME, agreed_soon=("oob-active",))
    plan = Plan(at=instant("22:00"), site=SiteId("wilg"), name="De Wilg", zone="Europe/Amsterdam", homes=(agreed,))
    about = a_finding(What.OOB_ACTIVE, at="02:54", since="02:09")
    assert a_board(about, plan=plan).alerts[ALERT].tier is Tier.SOON
    assert a_board(about).alerts[ALERT].tier is Tier.ACUTE
    assert a_board(about, a_finding(), plan=plan).alerts[ALERT].tier is Tier.ACUTE


@pytest.mark.parametrize(
    ("what", "tier"),
    [
        (What.DAY_INACTIVE, Tier.ACUTE),
        (What.LATE_RISE, Tier.SOON),
        (What.RESTLESS, Tier.REVIEW),
        (What.NOCTURIA, Tier.REVIEW),
        (What.SHIFT, Tier.REVIEW),
        (What.DECLINE, Tier.REVIEW),
        (What.SENSOR_SILENT, Tier.TECHNICAL),
        (What.SENSOR_STUCK, Tier.TECHNICAL),
        (What.SENSOR_STORM, Tier.TECHNICAL),
        (What.GATEWAY_GAP, Tier.TECHNICAL),
        (What.BATTERY, Tier.TECHNICAL),
        (What.LINK_WEAK, Tier.TECHNICAL),
        (What.BROKER_LOST, Tier.TECHNICAL),
        (What.BRIDGE_LOST, Tier.TECHNICAL),
        (What.CLOCK_STEP, Tier.TECHNICAL),
        (What.DISK, Tier.TECHNICAL),
        (What.JOURNAL, Tier.TECHNICAL),
        (What.PROOF, Tier.TECHNICAL),
        (What.CHANNEL, Tier.TECHNICAL),
    ],
)
def test_each_kind_of_finding_is_for_its_own_hour(what: What, tier: Tier) -> None:
    board = a_board(a_finding(what))
    assert [alert.tier for alert in board.open_alerts()] == [tier]


def test_two_sensors_that_fall_silent_at_once_are_two_alerts_and_one_that_does_twice_is_one() -> None:
    silent = a_finding(What.SENSOR_SILENT)
    bed, door = (msgspec.structs.replace(silent, sensor=SensorId(one)) for one in ("12/bed", "12/door"))
    again = msgspec.structs.replace(bed, at=instant("03:25"))
    stuck = msgspec.structs.replace(bed, what=What.SENSOR_STUCK)
    assert len(a_board(bed, door).open_alerts()) == 2
    assert len(a_board(bed, again).open_alerts()) == 1
    assert len(a_board(bed, stuck).open_alerts()) == 2


def test_a_sensor_that_is_heard_again_ends_its_own_alert_and_no_others() -> None:
    silent = a_finding(What.SENSOR_SILENT)
    bed, door = (msgspec.structs.replace(silent, sensor=SensorId(one)) for one in ("12/bed", "12/door"))
    board = a_board(bed, door, msgspec.structs.replace(over(bed, "03:00"), sensor=bed.sensor))
    assert board.alerts[alert_of(bed)].state is State.RETURNED
    assert board.alerts[alert_of(door)].state is State.RAISED


def test_what_is_found_of_a_night_or_of_weeks_is_each_an_alert_of_its_own() -> None:
    kinds = [What.STILL, What.DAY_INACTIVE, What.LATE_RISE, What.RESTLESS, What.NOCTURIA, What.SHIFT, What.DECLINE]
    assert len(a_board(*map(a_finding, kinds)).open_alerts()) == len(kinds)


def test_the_most_urgent_is_on_top_and_then_the_oldest() -> None:
    arrived = a_finding(What.DOOR_ARRIVED, at="01:00", since="01:00", episode="01:00")
    left = a_finding(What.DOOR_LEFT, at="03:00", since="02:55", episode="02:55")
    queue = a_board(arrived, left, a_finding()).open_alerts()
    assert [alert.main.what for alert in queue] == [What.STILL, What.DOOR_LEFT, What.DOOR_ARRIVED]


def test_a_plan_without_a_home_takes_the_home_off_the_board() -> None:
    plan = Plan(at=instant("22:00"), site=SiteId("wilg"), name="De Wilg", zone="Europe/Amsterdam", homes=(HOME,))
    board = a_board(plan=plan)
    assert list(board.homes) == [HomeId("wilg/12")]
    touched, _ = board.add(msgspec.structs.replace(plan, homes=()), recorded_at=instant("22:01"))
    assert touched == {HomeId("wilg/12")}
    assert list(board.homes) == []


def stories() -> st.SearchStrategy[list[Record]]:
    findings = st.sampled_from(
        [a_finding(), a_finding(What.BATH, at="02:30"), a_finding(What.OOB_ACTIVE, at="02:54", since="02:09")]
    )
    times = st.sampled_from(["02:27", "02:31", "02:40", "03:10"])
    deeds = st.one_of(
        st.builds(claim, st.just(SANNE), times),
        st.builds(resolve, st.just(SANNE), times),
        st.builds(over, findings, times),
        st.builds(lambda at: Delivered(at=instant(at), home=HOME.id, alert=ALERT, screen="desk-2"), times),
    )
    return st.lists(st.one_of(findings, deeds), max_size=8)


@given(story=stories(), pick=st.randoms(use_true_random=False))
def test_the_order_in_which_findings_and_deeds_arrive_does_not_matter(story: list[Record], pick: object) -> None:
    shuffled = list(story)
    pick.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = a_board(*story), a_board(*shuffled)
    assert {key: alert.state for key, alert in one.alerts.items()} == {
        key: alert.state for key, alert in other.alerts.items()
    }


@given(story=stories())
def test_no_finding_is_ever_without_an_alert(story: list[Record]) -> None:
    board = a_board(*story)
    for record in story:
        if isinstance(record, Finding):
            assert record in board.alerts[AlertId(alert_of(record))].findings


def test_when_an_alert_was_raised_is_when_it_became_true() -> None:
    board = a_board(a_finding(What.BATH, at="02:30"), a_finding())
    assert board.alerts[ALERT].raised_at == instant("02:25") == datetime.fromisoformat("2026-03-03T01:25:00+00:00")


@pytest.mark.parametrize(("up", "tier"), [(0, Tier.TECHNICAL), (1, Tier.ACUTE), (7, Tier.ACUTE)])
def test_no_sight_of_a_building_is_urgent_while_somebody_in_it_may_be_out_of_bed(up: int, tier: Tier) -> None:
    silent = msgspec.structs.replace(a_finding(What.BUILDING_SILENT), home=building_of("wilg"), count=up)
    assert [alert.tier for alert in a_board(silent).open_alerts()] == [tier]


def test_what_a_building_did_by_itself_stands_with_the_alert_also_when_the_news_of_it_came_first() -> None:
    called = FellBack(at=instant("02:26"), home=HOME.id, alert=ALERT, channel="siren")
    assert a_board(called, a_finding()).alerts[ALERT].fell_back == (called,)
    assert a_board(a_finding(), called).alerts[ALERT].fell_back == (called,)


def test_an_alert_that_took_two_minutes_to_arrive_is_late() -> None:
    board = a_board()
    board.add(a_finding(), recorded_at=instant("02:26:59"))
    assert board.alerts[ALERT].late is None
    board = a_board()
    board.add(a_finding(), recorded_at=instant("05:25"))
    assert board.alerts[ALERT].late == timedelta(hours=3)


def test_a_fault_of_a_building_touches_every_home_in_it_and_no_other() -> None:
    plan = Plan(at=instant("22:00"), site=SiteId("wilg"), name="De Wilg", zone="Europe/Amsterdam", homes=(HOME,))
    board = a_board(plan=plan)
    fault = msgspec.structs.replace(a_finding(What.BRIDGE_LOST), home=building_of("wilg"))
    touched, _ = board.add(fault, recorded_at=instant("02:30"))
    assert touched == {HOME.id}
    elsewhere = msgspec.structs.replace(fault, home=building_of("eik"))
    assert board.add(elsewhere, recorded_at=instant("02:30"))[0] == set()


def follow(by: StaffId, at: str, what: Follow = Follow.TALKING, there_at: str | None = None) -> Followed:
    awaited = None if there_at is None else instant(there_at)
    means = By.VIDEO if what is Follow.TALKING else By.NIGHT_TEAM
    return Followed(at=instant(at), home=HOME.id, alert=ALERT, by=by, follow=what, means=means, there_at=awaited)


def lapsed(by: StaffId, at: str) -> Lapsed:
    return Lapsed(at=instant(at), home=HOME.id, alert=ALERT, by=by)


ARRIVED = a_finding(What.DOOR_ARRIVED, at="02:10", since="02:10", episode="02:10")


def shelved(at: str, until: str, finding: Finding = ARRIVED) -> Shelved:
    alert = alert_of(finding)
    return Shelved(at=instant(at), home=HOME.id, alert=alert, by=SANNE, why=Aside.TEAM_INSIDE, until=instant(until))


def test_a_claim_of_which_nothing_comes_is_open_for_everybody_again_after_ten_minutes() -> None:
    alert = a_board(a_finding(), claim(SANNE, "02:27")).alerts[ALERT]
    assert alert.lapses_at == instant("02:37")
    alert = a_board(a_finding(), claim(SANNE, "02:27"), lapsed(SANNE, "02:37")).alerts[ALERT]
    assert (alert.holder, alert.state) == (None, State.RAISED)
    assert alert.forgotten is not None
    assert alert.lapses_at is None


def test_who_talks_with_the_client_keeps_the_alert_for_ten_minutes_more() -> None:
    alert = a_board(a_finding(), claim(SANNE, "02:27"), follow(SANNE, "02:33")).alerts[ALERT]
    assert alert.lapses_at == instant("02:43")


def test_who_is_on_the_way_gets_the_time_to_arrive() -> None:
    coming = follow(SANNE, "02:33", Follow.COMING, there_at="02:50")
    assert a_board(a_finding(), claim(SANNE, "02:27"), coming).alerts[ALERT].lapses_at == instant("03:00")


def test_what_was_done_before_it_was_forgotten_is_done_no_more() -> None:
    earlier: list[Record] = [a_finding(), claim(SANNE, "02:27"), follow(SANNE, "02:33")]
    alert = a_board(*earlier, lapsed(SANNE, "02:43"), claim(MO, "02:44")).alerts[ALERT]
    assert (alert.holder, alert.follow, alert.forgotten) == (MO, None, None)
    assert alert.lapses_at == instant("02:54")


def test_what_is_put_aside_asks_nobody_until_it_is_back() -> None:
    board = a_board(ARRIVED, shelved("02:12", "03:00"))
    alert = board.alerts[alert_of(ARRIVED)]
    assert alert.state is State.SHELVED
    assert alert.open
    back = Unshelved(at=instant("03:00"), home=HOME.id, alert=alert.id)
    board.add(back, recorded_at=instant("03:00"))
    assert board.alerts[alert.id].state is State.RAISED


def test_what_is_put_aside_comes_back_when_something_new_is_found() -> None:
    again = msgspec.structs.replace(ARRIVED, at=instant("02:30"))
    assert a_board(ARRIVED, shelved("02:12", "03:00"), again).alerts[alert_of(ARRIVED)].state is State.RAISED


def test_what_is_urgent_is_never_aside_whatever_the_records_say() -> None:
    assert state(a_finding(), shelved("02:26", "03:00", a_finding())) is State.RAISED
