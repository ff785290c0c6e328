"""Pauses by the centre's records: what may be asked, what holds, and what ends it."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care import records
from care.ids import Asker
from care.pauses import CannotPause, Paused, PauseEnded, PauseReason, Pauses, Trouble, asked, scope
from care.records import addressee
from detectors.findings import Presence, Sight, Status
from detectors.homes import Home, Kind, ResidentId, SensorId
from tests.stories import a_home, instant

HOME = a_home()
NOW = instant("23:00")
SANNE = Asker("s-1")


def pause(minutes: float, *, why: PauseReason = PauseReason.CLIENT, home: Home = HOME, after: float = 0) -> Paused:
    at = NOW + timedelta(minutes=after)
    return asked(home, SANNE, at, at + timedelta(minutes=minutes), why=why)


def ends(pauses: Pauses, after: float) -> float | None:
    """Return after how many minutes the pause ends that holds so many minutes after the beginning."""
    found = pauses.now(HOME, NOW + timedelta(minutes=after))
    return None if found is None else (found.ends - NOW) / timedelta(minutes=1)


def folded(*told: Paused | PauseEnded) -> Pauses:
    pauses = Pauses()
    for one in told:
        assert pauses.add(one)
    return pauses


def test_a_pause_holds_until_its_time_and_not_a_moment_longer() -> None:
    pauses = folded(pause(60))
    assert (ends(pauses, 0), ends(pauses, 59.9), ends(pauses, 60)) == (60, 60, None)


def test_a_new_one_takes_the_place_of_the_old_one_also_when_it_is_shorter() -> None:
    pauses = folded(pause(600), pause(30, after=10))
    assert (ends(pauses, 5), ends(pauses, 39), ends(pauses, 41)) == (None, 40, None)


def test_whoever_ends_it_is_known() -> None:
    pauses = folded(pause(600), PauseEnded(at=NOW + timedelta(minutes=20), home=HOME.id, by=SANNE))
    (one,) = pauses.at(HOME, NOW, NOW + timedelta(hours=1))
    assert (one.ends, one.ended_by) == (NOW + timedelta(minutes=20), SANNE)
    assert ends(pauses, 21) is None


def test_it_is_of_whoever_lived_there() -> None:
    pauses = folded(pause(60))
    assert pauses.now(msgspec.structs.replace(HOME, resident=ResidentId("r-new")), NOW) is None


@pytest.mark.parametrize(
    ("why", "hours", "trouble"),
    [
        (PauseReason.CLIENT, 24, None),
        (PauseReason.CLIENT, 24.1, Trouble.TOO_LONG),
        (PauseReason.AWAY, 24 * 14, None),
        (PauseReason.AWAY, 24 * 14.1, Trouble.TOO_LONG),
        (PauseReason.AWAY, 0, Trouble.OVER),
    ],
)
def test_there_is_a_longest_one(why: PauseReason, hours: float, trouble: Trouble | None) -> None:
    if trouble is None:
        assert pause(60 * hours, why=why).why is why
        return
    with pytest.raises(CannotPause) as raised:
        pause(60 * hours, why=why)
    assert raised.value.trouble is trouble


@given(st.sets(st.sampled_from([one.id for one in HOME.sensors])))
def test_a_help_button_is_in_no_pause(named: set[SensorId]) -> None:
    buttons = {one.id for one in HOME.sensors if one.kind is Kind.BUTTON}
    order = msgspec.structs.replace(pause(60), sensors=tuple(sorted(named)))
    assert buttons.isdisjoint(scope(order, HOME))


def test_it_is_taken_when_the_building_says_so() -> None:
    found = folded(pause(60)).now(HOME, NOW)
    assert found is not None
    watched = Status(at=NOW, home=HOME.id, presence=Presence.BED)
    assert not found.taken(HOME, None)
    assert not found.taken(HOME, watched)
    assert found.taken(HOME, msgspec.structs.replace(watched, sight=Sight.PAUSED))


def test_both_are_orders_to_the_building_and_read_back_as_they_were() -> None:
    for one in (pause(60), PauseEnded(at=NOW, home=HOME.id, by=SANNE)):
        assert addressee(one) == "wilg"
        assert records.decode(records.encode(one)) == one
