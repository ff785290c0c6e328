"""What nights came to over weeks: counted once, for good, and never said surer than it is."""

import random
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.board import Board
from care.counted import KEPT, CountedNights, HomeNight, NightCounted
from care.effects import COUNTED_AT, COUNTED_BACK, PAIRED_MIN, Effect, changed, counted, due
from care.records import How, decode, encode
from care.reports import span_of
from detectors.homes import HomeId, SiteId, zone_of
from tests.dashboard.nights import (
    a_plan,
    add,
    claimed,
    closed,
    gone_outside,
    hear,
    local,
    long_in_the_bathroom,
    still_up,
)

NIGHT = date(2026, 3, 2)
NOON = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)  # 12:00 in the Netherlands
WILG = SiteId("wilg")


def a_night() -> Board:
    board = Board()
    add(board, msgspec.structs.replace(a_plan("wilg", "De Wilg", [3, 7, 12]), at=local("22:00") - timedelta(days=1)))
    hear(board)
    bath, up = long_in_the_bathroom(), still_up()
    add(board, bath, claimed(bath, "s-1", "02:31"), closed(bath, "s-1", "02:50"))
    add(board, up)
    return board


def night(number: int, *rows: HomeNight, homes: int = 10, site: str = "wilg", seen: float = 1.0) -> NightCounted:
    on = NIGHT + timedelta(days=number)
    return NightCounted(at=NOON, site=SiteId(site), night=on, homes=homes, in_sight=seen, rows=rows)


def row(home: int, **counts: object) -> HomeNight:
    return HomeNight(HomeId(f"wilg/{home}"), **counts)  # type: ignore[arg-type]


def test_a_night_is_counted_at_noon_once_and_one_at_a_time() -> None:
    board = a_night()
    (first,) = due(board, NOON)
    assert isinstance(first, NightCounted)
    assert (first.site, first.night, first.homes) == ("wilg", NIGHT, 3)
    add(board, first)
    (second,) = due(board, NOON)
    assert isinstance(second, NightCounted)
    assert second.night == NIGHT - timedelta(days=1)
    add(board, second)
    assert due(board, NOON) == []  # before that there was no building
    assert [one.night for one in due(a_night(), NOON - timedelta(minutes=1))] == [NIGHT - timedelta(days=1)]  # type: ignore[union-attr]


def plainly_due(board: Board, now: datetime) -> tuple[SiteId, date] | None:
    """Return which night of which building is to be counted, with each building looked at by itself."""
    for site, plan in board.plans.items():
        wall = now.astimezone(zone_of(plan.zone))
        last = wall.date() - timedelta(days=1 if wall.time() >= COUNTED_AT else 2)
        for on in (last - timedelta(days=back) for back in range(COUNTED_BACK)):
            ended = span_of(on, zone_of(plan.zone), now).end
            if plan.at < ended and on not in {one.night for one in board.counted.between([site], on, on)}:
                return site, on
    return None


@given(
    st.dictionaries(
        st.sampled_from(["wilg", "eik", "palm"]),
        st.tuples(st.sampled_from(["Europe/Amsterdam", "America/Curacao"]), st.integers(0, 24 * 6)),
        min_size=1,
    ),
    st.lists(st.tuples(st.sampled_from(["wilg", "eik", "palm"]), st.integers(-1, 5))),
    st.lists(st.integers(0, 24 * 7), max_size=4),
)
def test_that_all_is_counted_is_seen_at_once_and_changes_nothing(
    sites: dict[str, tuple[str, int]], done: list[tuple[str, int]], hours: list[int]
) -> None:
    """In whatever order the moments come, also by a clock that is set back: the same night as one by one."""
    board = Board()
    for site, (zone, began) in sites.items():
        at = NOON + timedelta(hours=began)
        add(board, msgspec.structs.replace(a_plan(site, site, [1]), at=at, zone=zone))
    for site, number in done:
        add(board, night(number, site=site))
    for hour in hours:
        now = NOON + timedelta(hours=hour)
        while (plain := plainly_due(board, now)) is not None:
            (one,) = due(board, now)
            assert isinstance(one, NightCounted)
            assert (one.site, one.night) == plain
            add(board, one)
        assert due(board, now) == []


def test_of_a_building_with_more_nights_than_are_kept_the_oldest_is_counted_no_more() -> None:
    nights = CountedNights()
    for number in range(KEPT + 1):
        nights.add(night(number))
    assert (nights.has(WILG, NIGHT), nights.on(NIGHT)) == (False, frozenset())
    assert list(nights.on(NIGHT + timedelta(days=1))) == [WILG]


def test_who_was_asked_what_came_of_it_and_how_soon_is_in_it_by_home() -> None:
    told = counted(a_night(), WILG, NIGHT, NOON)
    (bath, up) = sorted(told.rows, key=lambda one: -one.needed - one.unneeded - one.technical)
    assert bath.alerts == 1
    assert bath.answered_s
    assert up.alerts == 1
    assert (up.needed, up.unneeded, up.visits, up.answered_s) == (0, 0, 0, ())
    assert decode(encode(told)) == told


def test_of_two_counts_of_one_night_the_first_stands() -> None:
    nights = CountedNights()
    nights.add(night(0, row(1, visits=1)))
    nights.add(night(0))
    (one,) = nights.between([WILG], NIGHT, NIGHT)
    assert one.rows


def test_shares_are_of_all_nights_of_homes_also_of_those_of_which_nothing_is_told() -> None:
    effect = Effect((night(0, row(1, visits=1)), night(1, row(1, remote=1)), night(2)))
    assert effect.home_nights == 30
    assert effect.unvisited is not None
    assert effect.unvisited.value == pytest.approx(29 / 30)
    assert effect.undisturbed is not None
    assert effect.undisturbed.value == pytest.approx(28 / 30)
    assert effect.at_a_distance is not None
    assert effect.at_a_distance.value == pytest.approx(0.5)


def test_where_there_was_nothing_to_count_nothing_is_said() -> None:
    assert Effect(()).unvisited is None
    assert Effect((night(0),)).unneeded is None
    assert Effect((night(0),)).answered is None
    assert changed(Effect(()), Effect(())) is None


def test_nights_that_are_all_of_one_home_are_less_sure_than_as_many_of_many_homes() -> None:
    one = Effect(tuple(night(n, row(1, visits=1)) for n in range(20)))
    many = Effect(tuple(night(n, row(n % 10, visits=1)) for n in range(20)))
    assert one.unvisited is not None
    assert many.unvisited is not None
    assert one.unvisited.value == many.unvisited.value
    assert one.unvisited.high - one.unvisited.low > 1.5 * (many.unvisited.high - many.unvisited.low)


def test_an_interval_holds_the_truth_about_nineteen_times_of_twenty_where_homes_differ() -> None:
    """Homes with rates of their own: a plain interval would be far too narrow (it holds it about 14 times of 20)."""
    dice, held, tries = random.Random(5), 0, 200
    for _ in range(tries):
        rates = [dice.betavariate(0.6, 5.4) for _ in range(40)]  # 0.1 on average
        nights = tuple(
            night(n, *(row(h, visits=1) for h, rate in enumerate(rates) if dice.random() < rate), homes=40)
            for n in range(28)
        )
        found = Effect(nights).unvisited
        assert found is not None
        held += found.low <= 0.9 <= found.high
    assert 0.90 <= held / tries <= 0.99


def test_a_change_is_said_home_by_home_and_not_of_a_handful() -> None:
    before = Effect(tuple(night(n, *(row(h, visits=1) for h in range(12)), homes=12) for n in range(10)))
    after = Effect(tuple(night(n, *(row(h, visits=1) for h in range(6)), homes=12) for n in range(10)))
    found = changed(before, after)
    assert found is not None
    assert found.value == pytest.approx(-50)
    assert found.low < -50 < found.high < 0
    few = Effect(tuple(night(n, homes=PAIRED_MIN - 1) for n in range(10)))
    assert changed(few, few) is None


counts = st.integers(0, 3)
rows = st.builds(
    row, st.integers(0, 9), needed=counts, unneeded=counts, technical=counts, visits=counts, remote=counts, near=counts,
    answered_s=st.lists(st.integers(0, 7200), max_size=3).map(tuple),
)  # fmt: skip


@given(st.lists(st.lists(rows, max_size=6, unique_by=lambda one: one.home), max_size=12))
def test_every_share_lies_in_its_interval_and_that_between_nothing_and_all(told: list[list[HomeNight]]) -> None:
    effect = Effect(tuple(night(n, *some) for n, some in enumerate(told)))
    for figure in (effect.unvisited, effect.undisturbed, effect.at_a_distance, effect.unneeded):
        if figure is not None:
            assert 0 <= figure.low <= figure.value + 1e-9
            assert figure.value - 1e-9 <= figure.high <= 1
    if effect.answered is not None:
        assert effect.answered.low <= effect.answered.value <= effect.answered.high


def test_what_ends_by_talking_is_no_visit() -> None:
    board = a_night()
    out = gone_outside("wilg/7")
    phoned = msgspec.structs.replace(closed(out, "s-1", "02:50"), how=How.PHONE)
    add(board, out, claimed(out, "s-1", "02:40"), phoned)
    told = counted(board, WILG, NIGHT, NOON)
    (its,) = [one for one in told.rows if one.home == out.home]
    assert (its.remote, its.visits) == (1, 0)
