"""What is shared, and what family is told of a night: nothing by default, and quiet only where all of it was seen."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care import circles, helping
from care.board import Board
from care.ids import Asker, ContactId
from care.pauses import Paused, PauseReason
from care.records import encode
from care.sharing import LONGEST, CannotShare, Part, Shared, Shares, share, stop
from care.tidings import Told, tidings
from detectors.findings import Presence, Sight, Status, What
from detectors.homes import HomeId, ResidentId
from tests.dashboard.nights import a_home, a_plan, add, closed, local, long_in_the_bathroom

HOME = a_home("wilg", "12")
EVA = ContactId("c-eva")
BY = Asker("resident")
AT = datetime(2026, 3, 3, 9, tzinfo=UTC)
LATER = AT + timedelta(days=30)
ALL = frozenset(Part)


def after(*records: Shared) -> Shares:
    book = Shares()
    for one in records:
        book.add(one)
    return book


@given(st.lists(st.tuples(st.sets(st.sampled_from(Part)), st.integers(0, 5), st.integers(1, 400)), max_size=5))
def test_in_whatever_order_records_come_the_last_word_counts_and_ends_by_itself(
    said: list[tuple[set[Part], int, int]],
) -> None:
    records = [
        Shared(
            at=AT + timedelta(days=day),
            home=HOME.id,
            resident=HOME.resident,
            contact=EVA,
            parts=tuple(sorted(parts)),
            until=AT + timedelta(days=day + lasts),
            by=BY,
        )
        for parts, day, lasts in said
    ]
    now = AT + timedelta(days=6)
    one, other = after(*records), after(*reversed(records))
    assert one.parts(HOME.resident, EVA, now) == other.parts(HOME.resident, EVA, now)
    last = max(records, key=lambda record: (record.at, encode(record)), default=None)
    if last is not None:
        assert one.parts(HOME.resident, EVA, last.until) == frozenset()
    assert one.parts(ResidentId("r-next"), EVA, now) == frozenset()  # who comes to live there shares nothing yet


def test_nothing_is_shared_for_longer_than_a_year_nor_until_a_day_that_is_over() -> None:
    for until in (AT, AT + LONGEST + timedelta(seconds=1)):
        with pytest.raises(CannotShare):
            share(Shares(), HOME, EVA, [Part.NIGHT], until, by=BY, at=AT)
    (told,) = share(Shares(), HOME, EVA, [Part.NIGHT], LATER, by=BY, at=AT)
    assert share(after(told), HOME, EVA, [Part.NIGHT], LATER, by=BY, at=AT) == ()
    (ended,) = share(after(told), HOME, EVA, [], LATER, by=BY, at=AT + timedelta(hours=1))
    assert after(told, ended).said(HOME.resident, EVA, AT + timedelta(hours=2)) is None
    assert stop(Shares(), HOME, EVA, by=BY, at=AT) == ()
    assert circles.let_go(Board(), HOME, EVA, by=BY, at=AT) == []


# What is told of a night.


def board(*more: object) -> Board:
    made = Board()
    begun = local("22:00")
    add(made, a_plan("wilg", "De Wilg", (12,)), Status(at=begun, home=HOME.id, presence=Presence.BED, since=begun))
    add(made, *more)  # type: ignore[arg-type]
    return made


def last(made: Board, parts: frozenset[Part] = ALL, clock: str = "09:00") -> Told:
    return tidings(made, made.homes[HOME.id], parts, local(clock))[-1].told


def test_a_night_that_was_wholly_seen_and_in_which_nothing_came_is_quiet_once_it_is_over() -> None:
    assert last(board()) is Told.QUIET
    assert last(board(), clock="04:00") is Told.RUNNING
    assert last(board(), frozenset()) is Told.NONE


@settings(max_examples=30, deadline=None)
@given(
    sight=st.sampled_from([Sight.PARTLY, Sight.BLIND, Sight.PAUSED]),
    minutes=st.integers(0, 7 * 60),
    lasts=st.integers(1, 60),
    parts=st.frozensets(st.sampled_from(Part)),
)
def test_no_night_with_a_minute_out_of_sight_is_called_quiet(
    sight: Sight, minutes: int, lasts: int, parts: frozenset[Part]
) -> None:
    start = local("23:00") + timedelta(minutes=minutes)
    unseen = Status(at=start, home=HOME.id, presence=Presence.UNKNOWN, sight=sight)
    again = Status(at=start + timedelta(minutes=lasts), home=HOME.id, presence=Presence.BED)
    told = last(board(unseen, again), parts)
    assert told in {Told.UNSEEN, Told.NONE}
    assert (told is Told.NONE) == (sight is Sight.PAUSED or Part.NIGHT not in parts)


def test_an_alert_is_told_to_whom_it_is_shared_with_and_to_anybody_else_there_is_no_message() -> None:
    found = long_in_the_bathroom()
    made = board(found, closed(found, "s-1", "02:45"))
    assert last(made, frozenset({Part.NIGHT})) is Told.NONE
    assert last(made, frozenset({Part.NIGHT, Part.ALERTS})) is Told.ALERT
    assert last(made) is Told.CONTACT


def test_a_pause_looks_as_what_is_not_shared() -> None:
    asked = Paused(
        at=local("01:00"),
        home=HOME.id,
        resident=HOME.resident,
        by=BY,
        until=local("02:00"),
        why=PauseReason.CLIENT,
    )
    assert last(board(asked)) is Told.NONE


# A call for help.


def test_presses_within_a_minute_are_one_call_and_a_later_one_another() -> None:
    made, home = board(), a_home("wilg", "12")
    (first,) = helping.call(made, home, local("02:00"))
    add(made, first)
    assert first.what is What.BUTTON
    assert helping.call(made, home, local("02:00") + timedelta(seconds=1)) == ()  # the same tap
    (again,) = helping.call(made, home, local("02:00") + timedelta(seconds=20))
    add(made, again)
    assert again.count == 2
    assert len(made.open_alerts()) == 1
    (third,) = helping.call(made, home, local("02:05"))
    add(made, third)
    assert len(made.open_alerts()) == 2


def test_a_call_from_the_page_is_no_sign_of_life_of_the_building() -> None:
    made = Board()
    add(made, *helping.call(made, HOME, local("02:00")))
    assert HomeId("wilg/12").partition("/")[0] not in made.told_at
