"""What people may do with an alert: of two who tap, nobody loses it unknowingly, and what is closed is closed."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care import deeds
from care.alerts import Alert, State, raised, with_deed, with_order
from care.ids import StaffId
from care.records import FOLLOWS, HOWS, Aside, By, Deed, Follow, How, Order, Outcome
from detectors.findings import Finding, What
from tests.care.test_alerts import a_finding
from tests.stories import instant

NOW = instant("02:26")


def test_the_screens_of_one_alert_have_a_limit() -> None:
    alert = known(a_finding())
    for n in range(deeds.SCREENS_MAX + 3):
        alert = after(alert, deeds.shown(alert, f"screen-{n}", NOW))
    assert len(alert.delivered) == deeds.SCREENS_MAX


def test_what_somebody_has_read_and_closed_is_closed_though_the_buildings_clock_is_ahead() -> None:
    ahead = a_finding(at="02:28")
    alert = known(ahead)
    alert = after(alert, deeds.resolve(alert, StaffId("s-sanne"), NOW, Outcome.HELPED, How.VIDEO))
    assert alert.state is State.RESOLVED


TAPS: dict[str, Callable[[Alert, StaffId, datetime], Sequence[Order]]] = {
    "claim": deeds.claim,
    "take over": deeds.take_over,
    "release": deeds.release,
    "resolve": lambda alert, by, at: deeds.resolve(alert, by, at, Outcome.HELPED, How.VIDEO),
}


@given(st.lists(st.tuples(st.sampled_from(["sanne", "noor"]), st.sampled_from(sorted(TAPS)))))
def test_whatever_two_people_tap_nobody_loses_an_alert_unknowingly(taps: list[tuple[str, str]]) -> None:
    alert, at = known(a_finding()), NOW
    for who, tap in taps:
        at += timedelta(seconds=1)
        before, by = alert, StaffId(who)
        try:
            orders = TAPS[tap](before, by, at)
        except deeds.Taken:
            assert before.holder not in {by, None} or not before.open
            continue
        alert = after(alert, orders)
        if tap in {"claim", "take over"}:
            assert alert.holder == by
        if tap == "release":
            assert alert.holder is None
        if tap == "resolve":
            assert not alert.open
        if before.holder not in {by, None} and before.open:
            assert tap == "take over"


@given(st.sampled_from(Outcome), st.sampled_from(How))
def test_every_second_tap_that_is_offered_closes_the_alert(outcome: Outcome, how: How) -> None:
    alert = known(a_finding())
    if how in HOWS[outcome]:
        assert not after(alert, deeds.resolve(alert, StaffId("s"), NOW, outcome, how)).open


ARRIVED = a_finding(What.DOOR_ARRIVED, at="02:10", since="02:10", episode="02:10")
SANNE, NOOR = StaffId("s-sanne"), StaffId("s-noor")
SHIFT_ENDS = instant("07:00")


@given(st.sampled_from(Follow), st.sampled_from(By))
def test_what_is_being_done_claims_what_nobody_had_and_closes_nothing(what: Follow, means: By) -> None:
    if means not in FOLLOWS[what]:
        return
    alert = after(known(a_finding()), deeds.follow(known(a_finding()), SANNE, NOW, what, means))
    assert (alert.holder, alert.open) == (SANNE, True)
    assert alert.follow is not None
    assert deeds.follow(alert, SANNE, NOW + timedelta(seconds=2), what, means) == ()  # tapped twice


def test_who_goes_for_an_alert_of_a_colleague_is_told_and_nothing_is_written() -> None:
    alert = after(known(a_finding()), deeds.claim(known(a_finding()), SANNE, NOW))
    with pytest.raises(deeds.Taken):
        deeds.follow(alert, NOOR, NOW, Follow.COMING, By.NIGHT_TEAM)


def test_nothing_is_put_aside_beyond_the_end_of_the_shift() -> None:
    alert = known(ARRIVED)
    until = instant("08:00")
    aside = after(alert, deeds.put_aside(alert, SANNE, NOW, Aside.VISITOR, until, shift_ends=SHIFT_ENDS))
    assert aside.state is State.SHELVED
    assert aside.shelf is not None
    assert aside.shelf.until == SHIFT_ENDS
    assert after(aside, deeds.take_back(aside, NOOR, NOW)).state is State.RAISED


def test_what_is_put_aside_is_nobodys_any_more() -> None:
    alert = after(known(ARRIVED), deeds.claim(known(ARRIVED), SANNE, NOW))
    later = NOW + timedelta(seconds=1)
    aside = deeds.put_aside(alert, SANNE, later, Aside.VISITOR, instant("03:00"), shift_ends=SHIFT_ENDS)
    assert after(alert, aside).holder is None


def test_an_urgent_alert_cannot_be_put_aside() -> None:
    with pytest.raises(deeds.Urgent):
        deeds.put_aside(known(a_finding()), SANNE, NOW, Aside.VISITOR, instant("03:00"), shift_ends=SHIFT_ENDS)


def known(first: Finding) -> Alert:
    return raised(first, home=None, arrived_at=NOW)


def after(alert: Alert, orders: Sequence[Order | Deed]) -> Alert:
    for order in orders:
        alert = with_deed(alert, order) if isinstance(order, Deed) else with_order(alert, order)
    return alert
