"""What the centre does not confirm within a minute goes out by the building's own way, and not before."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.alerts import alert_of
from care.ids import AlertId, StaffId
from care.journal import Entry
from care.records import CENTRE, Claimed, Delivered, FellBack, Record
from detectors.findings import Cleared, Finding, What
from detectors.homes import building_of
from gateway import fallback
from gateway.channels import SIREN
from gateway.fallback import Pending
from tests.stories import a_home, a_site, instant

HOME = a_home("12")
SITE = a_site(HOME)
LEFT = instant("02:09")
FALL = Finding(at=instant("02:29"), home=HOME.id, what=What.STILL, since=LEFT, episode=LEFT)
BATH = msgspec.structs.replace(FALL, what=What.BATH)
BUTTON = msgspec.structs.replace(FALL, what=What.BUTTON)
ALERT = alert_of(FALL)


def pending(*records: Record, origin: str = "", before: dict[AlertId, Pending] | None = None) -> dict[AlertId, Pending]:
    waits = before or {}
    for number, record in enumerate(records, start=41):
        waits = fallback.folded(waits, Entry(number, FALL.at, origin, record), SITE)
    return waits


def over(finding: Finding) -> Cleared:
    at = finding.at + timedelta(minutes=3)
    return Cleared(at=at, home=HOME.id, what=finding.what, since=finding.since, episode=finding.episode)


def test_an_acute_alert_that_the_centre_has_not_confirmed_for_a_minute_is_due() -> None:
    waits = pending(FALL)
    assert fallback.due(waits, 40, {ALERT: 100.0}, 159.9) == ()
    assert fallback.due(waits, 40, {ALERT: 100.0}, 160.0) == (ALERT,)
    assert fallback.due(waits, 41, {ALERT: 100.0}, 160.0) == ()


def test_once_it_has_gone_out_it_does_not_go_out_again_and_sounds_until_the_centre_has_it() -> None:
    fell = FellBack(at=FALL.at, home=HOME.id, alert=ALERT, channel=SIREN)
    waits = pending(FALL, fell)
    assert fallback.due(waits, 0, {ALERT: 0.0}, 1000.0) == ()
    assert fallback.sounding(waits) == (HOME.id,)
    assert fallback.sounding(fallback.left(waits, 40)) == (HOME.id,)
    assert fallback.sounding(fallback.left(waits, 41)) == ()


@pytest.mark.parametrize(
    "order",
    [
        Delivered(at=FALL.at, home=HOME.id, alert=ALERT, screen="desk-2"),
        Claimed(at=FALL.at, home=HOME.id, alert=ALERT, by=StaffId("s-1")),
    ],
)
def test_what_somebody_at_the_centre_has_seen_waits_no_more(order: Record) -> None:
    assert pending(order, origin=CENTRE, before=pending(FALL)) == {}


def test_what_is_over_does_not_go_out_but_a_call_for_help_does() -> None:
    assert pending(FALL, BATH, over(FALL)) != {}  # one of two conditions still holds
    assert pending(FALL, BATH, over(FALL), over(BATH)) == {}
    assert list(pending(BUTTON)) == [alert_of(BUTTON)]


def test_what_may_wait_for_the_morning_or_for_the_installer_sounds_no_siren() -> None:
    restless = msgspec.structs.replace(FALL, what=What.RESTLESS)
    lost = msgspec.structs.replace(FALL, what=What.BROKER_LOST, home=building_of(SITE.id))
    assert pending(restless, lost) == {}


def test_what_is_said_in_the_building_names_homes_and_nobody() -> None:
    assert fallback.said((HOME.id,)) == b'{"state":"on","homes":["wilg/12"]}'
    assert fallback.said(()) == b'{"state":"off","homes":[]}'
    assert fallback.topic(SITE) == "nachtwacht/wilg/alarm"


@given(have=st.integers(0, 100), number=st.integers(1, 100), known=st.floats(0, 500), now=st.floats(0, 500))
def test_nothing_that_the_centre_has_is_ever_due_and_everything_else_is_in_a_minute(
    have: int, number: int, known: float, now: float
) -> None:
    waits = {ALERT: Pending(number, HOME.id, (What.STILL,))}
    due = fallback.due(waits, have, {ALERT: known}, now)
    assert bool(due) == (number > have and now - known >= fallback.WITHIN_S)
    assert (ALERT in fallback.left(waits, have)) == (number > have)
