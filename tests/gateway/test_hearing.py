"""What a building listens to: not what is paused, and not what nobody has agreed or not any more."""

from datetime import datetime, timedelta

import msgspec
import pytest

from care.ids import Asker, StaffId
from care.measures import Basis, Consenting, Ending, MeasureAgreed, MeasureEnded, Measures, Purpose, agreed
from care.pauses import Paused, PauseReason
from detectors.homes import Kind, ResidentId, SensorId
from detectors.moments import SensorEvent
from gateway.hearing import Hearing
from gateway.pauses import Deafness
from gateway.sources import Reading
from tests.stories import a_home, a_site, instant

HOME = a_home()
SITE = a_site(HOME)
AT = instant("22:00")
DAY = timedelta(days=1)


def bed(at: datetime) -> Reading:
    (its,) = [one for one in HOME.sensors if one.kind is Kind.BED]
    return Reading(events=(SensorEvent(at=at, home=HOME.id, sensor=its.id, room=its.room, kind=its.kind, value=1.0),))


def order(*kinds: Kind, days: float = 30, at: datetime = AT) -> MeasureAgreed:
    return agreed(
        HOME,
        StaffId("s-1"),
        at,
        kinds=kinds,
        purpose=Purpose.HELP,
        basis=Basis.AGREED,
        consenting=Consenting.CLIENT,
        review=at + timedelta(days=days),
    )


def end(*kinds: Kind, at: datetime) -> MeasureEnded:
    resident = HOME.resident
    return MeasureEnded(at=at, home=HOME.id, resident=resident, kinds=kinds, by=StaffId("s-1"), why=Ending.CLIENT)


def heard(hearing: Hearing, said: datetime, now: datetime | None = None) -> bool:
    return bool(hearing.listened(bed(said), SITE, now or said).events)


def test_what_is_agreed_is_listened_to_until_its_day_and_not_after_it() -> None:
    hearing = Hearing()
    hearing.hear(order(Kind.BED, days=30), SITE, AT)
    assert heard(hearing, AT + 29.99 * DAY)
    assert not heard(hearing, AT + 30 * DAY)
    assert not heard(hearing, AT + 300 * DAY)


def test_what_is_not_agreed_beside_it_is_not_listened_to() -> None:
    hearing = Hearing()
    hearing.hear(order(Kind.MOTION), SITE, AT)
    assert not heard(hearing, AT + DAY)


def test_what_was_said_while_it_was_off_is_not_taken_in_later_either() -> None:
    hearing = Hearing()
    hearing.hear(order(Kind.BED), SITE, AT)
    hearing.hear(end(Kind.BED, at=AT + DAY), SITE, AT + DAY)
    assert not heard(hearing, AT + 1.5 * DAY)
    hearing.hear(order(Kind.BED, at=AT + 2 * DAY), SITE, AT + 2 * DAY)
    assert not heard(hearing, AT + 1.5 * DAY, AT + 2.1 * DAY)
    assert heard(hearing, AT + 2.1 * DAY)


def test_a_pause_in_it_still_counts_and_ends_by_itself() -> None:
    hearing = Hearing()
    hearing.hear(order(Kind.BED), SITE, AT)
    pause = Paused(
        at=AT,
        home=HOME.id,
        resident=HOME.resident,
        by=Asker("resident"),
        until=AT + timedelta(hours=1),
        why=PauseReason.CLIENT,
    )
    hearing.hear(pause, SITE, AT)
    assert not heard(hearing, AT + timedelta(minutes=59))
    assert heard(hearing, AT + timedelta(minutes=60))


@pytest.mark.parametrize(
    "wrong",
    [
        msgspec.structs.replace(order(Kind.BED), resident=ResidentId("somebody-else")),
        msgspec.structs.replace(order(Kind.BED), review=AT + 400 * DAY),
        msgspec.structs.replace(order(Kind.BED), kinds=(Kind.BUTTON,)),
        msgspec.structs.replace(order(Kind.BED), home="wilg/99"),
    ],
)
def test_an_order_that_cannot_be_changes_nothing(wrong: MeasureAgreed) -> None:
    hearing = Hearing()
    hearing.hear(wrong, SITE, AT)
    assert not hearing.measures.said
    assert hearing.barred(SITE, AT) == {}


def test_who_comes_to_live_there_is_watched_as_the_plan_says() -> None:
    hearing = Hearing()
    hearing.hear(order(Kind.MOTION), SITE, AT)
    other = msgspec.structs.replace(HOME, resident=ResidentId("somebody-else"))
    moved = hearing.moved(a_site(other), AT + DAY)
    assert moved.barred(a_site(other), AT + DAY) == {}


def test_after_a_restart_the_same_is_listened_to() -> None:
    hearing = Hearing()
    hearing.hear(order(Kind.MOTION, days=10), SITE, AT)
    kept = msgspec.json.encode((hearing.deaf, hearing.measures))
    deaf, measures = msgspec.json.decode(kept, type=tuple[Deafness, Measures])
    for days in (1, 9, 11):
        now = AT + days * DAY
        again = Hearing(deaf, measures).moved(SITE, now)
        assert again.barred(SITE, now).keys() == hearing.barred(SITE, now).keys()
        assert (SensorId("12/bed") in again.barred(SITE, now)) is True
