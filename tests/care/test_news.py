"""When family is told that there is something to read: what is shared and asked for, once, and not in quiet hours."""

from datetime import datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from care import news
from care.board import Board
from care.ids import Asker, ContactId
from care.messages import Kind, ToTell
from care.news import NEWS_FOR, Wish
from care.records import Record
from care.sharing import Part, Shared
from detectors.findings import Presence, Status
from tests.dashboard.nights import a_home, a_plan, add, closed, local, long_in_the_bathroom

HOME = a_home("wilg", "12")
EVA = ContactId("c-eva")
FOUND = long_in_the_bathroom()
SPOKEN = (FOUND, closed(FOUND, "s-1", "02:45"))
WISH = Wish(EVA, HOME.resident, morning=True, contacted=True, quiet=(time(22), time(7, 30)))
AWAKE = WISH._replace(quiet=(time(0), time(0)))  # no quiet hours


def board(*more: Record, parts: tuple[Part, ...] = tuple(Part)) -> Board:
    made, begun = Board(), local("22:00")
    until, by = begun + timedelta(days=30), Asker("resident")
    add(
        made,
        a_plan("wilg", "De Wilg", (12,)),
        Status(at=begun, home=HOME.id, presence=Presence.BED, since=begun),
        Shared(at=begun, home=HOME.id, resident=HOME.resident, contact=EVA, parts=parts, until=until, by=by),
        *more,
    )
    return made


def due(made: Board, now: datetime, wish: Wish = WISH, ways: tuple[str, ...] = ("push",)) -> list[ToTell]:
    return list(news.due(made, [wish], lambda _: ways, now))


def by_the_minute(made: Board, since: str, hours: float, wish: Wish = WISH, *, every: int = 1) -> list[ToTell]:
    """Ask every so many minutes, and write down what is due."""
    told: list[ToTell] = []
    for minute in range(0, int(hours * 60), every):
        found = due(made, local(since) + timedelta(minutes=minute), wish)
        add(made, *found)
        told += found
    return told


def test_a_daughter_is_told_once_of_a_night_when_her_quiet_hours_are_over() -> None:
    [told] = by_the_minute(board(), "04:00", 18, every=5)
    assert (told.kind, told.at, told.to, told.home) == (Kind.MORNING, local("07:30"), EVA, HOME.id)
    assert told.channels == ("push",)


def test_who_asked_for_nothing_or_may_read_nothing_is_told_nothing() -> None:
    unasked = WISH._replace(morning=False, contacted=False)
    assert by_the_minute(board(*SPOKEN), "02:00", 12, unasked, every=5) == []
    assert by_the_minute(board(*SPOKEN, parts=()), "02:00", 12, every=5) == []
    assert by_the_minute(board(*SPOKEN, parts=(Part.AWAY,)), "02:00", 12, every=5) == []
    assert due(board(), local("07:31"), WISH._replace(resident=WISH.resident.__class__("r-other"))) == []
    assert due(board(), local("07:31"), ways=()) == []


def test_a_night_of_which_nothing_may_be_said_brings_no_message() -> None:
    assert by_the_minute(board(*SPOKEN, parts=(Part.NIGHT,)), "02:00", 12, every=5) == []


def test_contact_is_told_at_once_and_by_who_sleeps_with_the_message_of_the_morning() -> None:
    contact, morning = by_the_minute(board(*SPOKEN), "02:00", 12, AWAKE)
    assert (contact.kind, contact.at) == (Kind.CONTACTED, local("02:45"))
    assert morning.kind is Kind.MORNING
    [told] = by_the_minute(board(*SPOKEN), "02:00", 12)
    assert (told.kind, told.at) == (Kind.MORNING, local("07:30"))
    [told] = by_the_minute(board(*SPOKEN), "02:00", 12, WISH._replace(morning=False))
    assert (told.kind, told.at) == (Kind.CONTACTED, local("07:30"))


def test_a_centre_that_was_down_tells_of_the_morning_late_but_not_in_the_evening() -> None:
    [told] = due(board(), local("07:30") + NEWS_FOR - timedelta(minutes=1))
    assert told.at == local("07:30")
    assert due(board(), local("07:30") + NEWS_FOR) == []


@settings(max_examples=30, deadline=None)
@given(
    since=st.times(),
    until=st.times(),
    steps=st.lists(st.integers(1, 90), min_size=10, max_size=40),
    morning=st.booleans(),
    contacted=st.booleans(),
)
def test_whenever_it_is_asked_each_night_and_each_contact_is_told_at_most_once_and_never_in_quiet_hours(
    since: time, until: time, steps: list[int], morning: bool, contacted: bool
) -> None:
    wish = WISH._replace(morning=morning, contacted=contacted, quiet=(since.replace(second=0), until.replace(second=0)))
    made, now = board(*SPOKEN), local("02:50")
    told: list[ToTell] = []
    for step in steps:
        now += timedelta(minutes=step)
        found = due(made, now, wish)
        assert found == due(made, now, wish)  # the same records, the same messages
        add(made, *found)
        told += found
    kinds = [one.kind for one in told if one.at < local("07:00") + timedelta(days=1)]
    assert len(kinds) == len(set(kinds)) <= morning + contacted
    for one in told:
        clock = one.at.astimezone(made.zone(HOME.id)).time()
        a, b = wish.quiet
        assert not (a <= clock < b if a <= b else clock >= a or clock < b)
