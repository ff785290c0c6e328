"""Watching less is proposed after quiet weeks, and never where somebody was needed, or said to leave it as it is."""

from datetime import timedelta

import msgspec
import pytest

from care.agreements import agreed as agreed_with
from care.agreements import values, with_agreed, with_values
from care.alerts import Alert, raised
from care.fading import ASKED_AGAIN, EXITS_MAX, NIGHTS_MIN, Less, Proposal, later, proposal
from care.ids import Asker, StaffId
from care.measures import FadingAnswered, Purpose
from care.nights import Night, Nights
from care.records import How, Outcome, Resolved
from detectors.calibration import LeftOut
from detectors.findings import Finding, Presence, What
from detectors.homes import Home
from detectors.nights import Stay, Summary
from tests.stories import a_home, instant

HOME = a_home()
AT = instant("12:00")


def nights(n: int = 28, *, exits: int = 1, out: bool = False, left_out: LeftOut | None = None) -> list[Night]:
    kept = Nights()
    for back in range(1, n + 1):
        begins = AT - timedelta(days=back)
        stays = (Stay(begins, begins + timedelta(hours=2), Presence.OUT if out else Presence.BED),)
        evening = begins.date()
        kept.add(
            Summary(
                at=begins + timedelta(days=1), home=HOME.id, night=evening, exits=exits, left_out=left_out, stays=stays
            )
        )
    return list(kept.of(HOME.id))


def alert(outcome: Outcome | None = None, *, days: float = 3) -> Alert:
    at = AT - timedelta(days=days)
    found = Finding(at=at, home=HOME.id, what=What.BATH, since=at, episode=at, limit=20.0)
    one = raised(found, home=HOME, arrived_at=at)
    if outcome is None:
        return one
    how = {Outcome.HELPED: How.ON_SITE, Outcome.NOT_NEEDED: How.USUAL}[outcome]
    closed = Resolved(at=at, home=HOME.id, alert=one.id, by=StaffId("s-1"), outcome=outcome, how=how)
    return msgspec.structs.replace(one, resolved=closed)


def proposed(
    some: list[Night], *alerts: Alert, answer: FadingAnswered | None = None, door_for: Purpose | None = None
) -> Proposal | None:
    return proposal(HOME, some, alerts, answer, AT, door_for=door_for)


def test_after_four_quiet_weeks_an_alert_may_come_later() -> None:
    found = proposed(nights())
    assert found is not None
    assert (found.nights, found.alerts, found.less) == (28, 0, (Less.LATER,))


def test_alerts_that_nobody_needed_are_no_reason_to_leave_it() -> None:
    found = proposed(nights(), alert(Outcome.NOT_NEEDED))
    assert found is not None
    assert found.alerts == 1


@pytest.mark.parametrize("one", [alert(Outcome.HELPED), alert()])
def test_where_somebody_was_needed_or_it_is_not_known_nothing_is_proposed(one: Alert) -> None:
    assert proposed(nights(), one) is None
    long_ago = msgspec.structs.replace(one, findings=tuple(
        msgspec.structs.replace(found, at=AT - timedelta(days=29)) for found in one.findings
    ))  # fmt: skip
    assert proposed(nights(), long_ago) is not None


def test_too_few_nights_or_restless_ones_say_nothing() -> None:
    assert proposed(nights(NIGHTS_MIN - 1)) is None
    assert proposed(nights(exits=int(EXITS_MAX) + 1)) is None
    assert proposed(nights(left_out=LeftOut.OUTAGE)) is None


def test_who_never_went_out_at_night_need_not_have_the_door_watched() -> None:
    found = proposed(nights(), door_for=Purpose.WANDERING)
    assert found is not None
    assert Less.DOOR in found.less
    went = proposed(nights(out=True), door_for=Purpose.WANDERING)
    assert went is not None
    assert Less.DOOR not in went.less


def test_who_said_to_leave_it_is_not_asked_again_for_a_quarter() -> None:
    said = FadingAnswered(at=AT, home=HOME.id, resident=HOME.resident, by=Asker("resident"), wanted=False)
    assert proposed(nights(), answer=said) is None
    before = msgspec.structs.replace(said, at=AT - ASKED_AGAIN)
    assert proposed(nights(), answer=before) is not None
    wants = msgspec.structs.replace(said, wanted=True)
    assert proposed(nights(), answer=wants) is not None


def test_longer_times_are_at_most_half_as_long_again_and_can_all_be_agreed() -> None:
    home: Home = HOME
    for _ in range(12):
        more = later(home)
        now = values(agreed_with(home))
        assert all(now[name] < minutes <= 1.5 * now[name] for name, minutes in more.items())
        home = with_agreed(home, with_values(agreed_with(home), more))
    assert later(home) == {}  # every limit is at its largest, or so small that half of it is less than five minutes
