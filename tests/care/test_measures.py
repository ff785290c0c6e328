"""A measure has a purpose, a ground and a last day; what nobody agreed, or not any more, may not be listened to."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.ids import StaffId
from care.measures import (
    KEPT_MAX,
    LONGEST,
    WARNED,
    WATCHING,
    Basis,
    Consenting,
    Ending,
    Holding,
    MeasureAgreed,
    MeasureEnded,
    Measures,
    NotAllowed,
    Purpose,
    Wrong,
    agreed,
)
from care.records import decode, encode
from detectors.homes import Home, Kind, ResidentId, Sensor, SensorId
from tests.stories import a_home, instant

AT = instant("22:00")
SANNE = StaffId("s-1")
_PLAN = a_home()
HOME = (
    _PLAN
    if any(one.kind is Kind.BUTTON for one in _PLAN.sensors)
    else msgspec.structs.replace(
        _PLAN, sensors=(*_PLAN.sensors, Sensor(id=SensorId("b"), kind=Kind.BUTTON, room=_PLAN.sensors[0].room))
    )
)


def said(
    *kinds: Kind,
    days: float = 90,
    basis: Basis = Basis.AGREED,
    consenting: Consenting = Consenting.CLIENT,
    home: Home = HOME,
    after: timedelta = timedelta(0),
) -> MeasureAgreed:
    return agreed(
        home,
        SANNE,
        AT + after,
        kinds=kinds or (Kind.BED, Kind.MOTION),
        purpose=Purpose.HELP,
        basis=basis,
        consenting=consenting,
        review=AT + after + timedelta(days=days),
    )


def ended(*kinds: Kind, after: timedelta = timedelta(0)) -> MeasureEnded:
    return MeasureEnded(
        at=AT + after, home=HOME.id, resident=HOME.resident, kinds=kinds, by=SANNE, why=Ending.NOT_NEEDED
    )


def holding(*records: MeasureAgreed | MeasureEnded, days: float = 0) -> dict[Kind, Holding]:
    measures = Measures()
    for one in records:
        measures.add(one)
    return {one.kind: one.holding(AT + timedelta(days=days)) for one in measures.of(HOME)}


def test_a_home_of_which_nothing_was_ever_agreed_is_watched_as_before() -> None:
    assert Measures().of(HOME) == ()
    assert Measures().barred(HOME, AT) == ()


def test_with_the_first_measure_what_has_none_is_not_listened_to() -> None:
    measures = Measures()
    measures.add(said(Kind.BED))
    barred = {one.kind for one in HOME.sensors if one.id in measures.barred(HOME, AT)}
    assert barred == {one.kind for one in HOME.sensors} - {Kind.BED, Kind.BUTTON}


def test_it_is_warned_of_for_six_weeks_and_over_on_its_day() -> None:
    one = said(Kind.BED, days=90)
    assert holding(one, days=47)[Kind.BED] is Holding.HOLDS
    assert holding(one, days=48)[Kind.BED] is Holding.DUE
    assert timedelta(days=42) == WARNED
    assert holding(one, days=89.999)[Kind.BED] is Holding.DUE
    assert holding(one, days=90)[Kind.BED] is Holding.OVER


def test_what_was_ended_can_be_agreed_anew_and_each_thing_stands_by_itself() -> None:
    day = timedelta(days=1)
    first, end, again = said(Kind.BED, Kind.MOTION), ended(Kind.BED, after=day), said(Kind.BED, after=2 * day)
    assert holding(first, end)[Kind.BED] is Holding.ENDED
    assert holding(first, end)[Kind.MOTION] is Holding.HOLDS
    assert holding(first, end, again)[Kind.BED] is Holding.HOLDS


def test_another_resident_begins_without_any() -> None:
    measures = Measures()
    measures.add(said(Kind.BED))
    other = msgspec.structs.replace(HOME, resident=ResidentId("somebody-else"))
    assert measures.of(other) == ()
    measures.add(said(Kind.MOTION, home=other))
    assert measures.of(HOME) == ()


@pytest.mark.parametrize(
    ("made", "wrong"),
    [
        (lambda: said(Kind.BUTTON), Wrong.NOTHING),
        (lambda: agreed(HOME, SANNE, AT, kinds=(), purpose=Purpose.HELP, basis=Basis.AGREED,
                        consenting=Consenting.CLIENT, review=AT + timedelta(days=9)), Wrong.NOTHING),
        (lambda: said(Kind.BED, days=0), Wrong.OVER),
        (lambda: said(Kind.BED, days=367), Wrong.TOO_LONG),
        (lambda: said(Kind.BED, days=93, basis=Basis.WZD_FIRST, consenting=Consenting.NOBODY), Wrong.TOO_LONG),
        (lambda: said(Kind.BED, consenting=Consenting.NOBODY), Wrong.CONSENT),
        (lambda: said(Kind.BED, days=30, basis=Basis.WZD_FIRST), Wrong.CONSENT),
    ],
)  # fmt: skip
def test_what_cannot_be_agreed_is_refused_with_what_is_wrong(made: object, wrong: Wrong) -> None:
    assert callable(made)
    with pytest.raises(NotAllowed) as refused:
        made()
    assert refused.value.wrong is wrong


@given(basis=st.sampled_from(Basis), over=st.floats(0.01, 1000), days=st.floats(0, 3000))
def test_no_measure_holds_longer_than_its_ground_allows(basis: Basis, over: float, days: float) -> None:
    consenting = Consenting.CLIENT if basis is Basis.AGREED else Consenting.NOBODY
    longest = LONGEST[basis].total_seconds() / 86400
    one = said(Kind.BED, days=longest, basis=basis, consenting=consenting)
    assert (holding(one, days=days)[Kind.BED] is Holding.OVER) == (days >= longest)
    with pytest.raises(NotAllowed):
        said(Kind.BED, days=longest + over, basis=basis, consenting=consenting)


@given(st.lists(st.tuples(st.sampled_from(WATCHING), st.booleans()), min_size=1, max_size=3 * KEPT_MAX))
def test_however_much_is_said_what_holds_is_what_was_said_last(words: list[tuple[Kind, bool]]) -> None:
    measures, last = Measures(), dict[Kind, bool]()
    for number, (kind, yes) in enumerate(words):
        after = timedelta(minutes=number)
        measures.add(said(kind, after=after) if yes else ended(kind, after=after))
        last[kind] = yes and True
    now = AT + timedelta(days=1)
    for one in measures.of(HOME):
        assert one.allows(now) == last.get(one.kind, False)
    assert len(measures.history(HOME)) <= KEPT_MAX + 2 * len(WATCHING)


def test_the_records_are_read_back_as_they_were() -> None:
    for one in (said(Kind.BED), ended(Kind.DOOR)):
        assert decode(encode(one)) == one
