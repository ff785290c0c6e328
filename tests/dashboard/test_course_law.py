"""Whatever people do with an alert, in whatever order, every page says where it stands, and blames nobody."""

from collections.abc import Callable
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from care.alerts import Alert, State, alert_of
from care.board import Board
from care.deeds import Taken, claim, follow, put_aside, release, resolve, take_back, take_over
from care.ids import StaffId
from care.records import FOLLOWS, Aside, Follow, How, Lapsed, Outcome, Record, Unshelved
from dashboard.drawing import Drawing
from tests.conftest import examples
from tests.dashboard.nights import NOW, SANNE, People, a_calm_night, add, not_up
from tests.dashboard.reading import text

SLOW = alert_of(not_up())
STAFF = (StaffId("s-1"), StaffId("s-2"))
Deed = Callable[[Alert, StaffId, datetime], tuple[Record, ...]]


def lapse(alert: Alert, _: StaffId, at: datetime) -> tuple[Record, ...]:
    holder = alert.holder
    return () if holder is None else (Lapsed(at=at, home=alert.home, alert=alert.id, by=holder),)


def come_back(alert: Alert, _: StaffId, at: datetime) -> tuple[Record, ...]:
    return () if alert.shelf is None else (Unshelved(at=at, home=alert.home, alert=alert.id),)


def follows() -> st.SearchStrategy[Deed]:
    pairs = st.sampled_from([(step, means) for step, ways in FOLLOWS.items() for means in ways])

    def say(pair: tuple[Follow, object], minutes: int | None) -> Deed:
        def deed(alert: Alert, by: StaffId, at: datetime) -> tuple[Record, ...]:
            there_at = None if minutes is None else at + timedelta(minutes=minutes)
            return follow(alert, by, at, *pair, there_at=there_at)  # type: ignore[arg-type]  # they go together

        return deed

    return st.builds(say, pairs, st.none() | st.integers(1, 60))


def asides() -> st.SearchStrategy[Deed]:
    def shelve(why: Aside, minutes: int) -> Deed:
        return lambda alert, by, at: put_aside(
            alert, by, at, why, at + timedelta(minutes=minutes), shift_ends=NOW + timedelta(hours=5)
        )

    return st.builds(shelve, st.sampled_from(Aside), st.integers(1, 120))


deeds = st.lists(
    st.tuples(
        st.sampled_from(STAFF),
        st.sampled_from([claim, release, take_over, take_back, lapse, come_back]) | follows() | asides(),
    ),
    max_size=12,
)


def after(done: list[tuple[StaffId, Deed]], *, closed: bool) -> Board:
    board = a_calm_night()
    add(board, not_up())
    for n, (by, deed) in enumerate(done):
        at = NOW - timedelta(minutes=5) + timedelta(seconds=n)
        try:
            add(board, *deed(board.alerts[SLOW], by, at))
        except Taken:
            continue
    if closed:
        by = board.alerts[SLOW].holder or STAFF[0]
        add(board, *resolve(board.alerts[SLOW], by, NOW, Outcome.REASSURED, How.PHONE))
    return board


@settings(max_examples=examples(15), deadline=None)
@given(deeds, st.booleans())
def test_wherever_an_alert_stands_every_page_says_so(done: list[tuple[StaffId, Deed]], closed: bool) -> None:
    board = after(done, closed=closed)
    alert, drawn = board.alerts[SLOW], Drawing(board, People())
    desk, page = drawn.desk(NOW, SANNE), drawn.alert(SLOW, NOW, SANNE)
    assert page is not None
    assert (f'id="card-{SLOW}"' in desk) == alert.open
    assert ("dan staat de melding weer open" in text(page)) == (alert.open and alert.holder is not None)
    assert ("Opzij, komt terug om" in text(page)) == (alert.state is State.SHELVED)
    assert ("opzij, komt terug om" in text(desk)) == (alert.state is State.SHELVED)
    again = alert.state in {State.RAISED, State.DELIVERED} and alert.forgotten is not None
    assert ("Opnieuw open" in text(page)) == again
    assert ("Wat doe je nu?" in text(page)) == alert.open
    if alert.open and alert.follow is not None:
        assert text(drawn.desk(NOW, SANNE)).count("verwacht") >= (alert.follow.there_at is not None)


@settings(max_examples=examples(15), deadline=None)
@given(deeds)
def test_what_was_forgotten_is_told_of_nobody(done: list[tuple[StaffId, Deed]]) -> None:
    """The line that says so has no name beside it, whoever had it."""
    board = after(done, closed=False)
    page = Drawing(board, People()).alert(SLOW, NOW, SANNE) or ""
    lines = [one for one in (line.split("</li>")[0] for line in page.split("<li>")) if "er was niets vastgelegd" in one]
    lapsed = [one for one in board.alerts[SLOW].holds if isinstance(one, Lapsed)]
    assert len(lines) == len(lapsed)
    assert not any("<b>" in line or "S.K." in line or "M.B." in line for line in lines)
