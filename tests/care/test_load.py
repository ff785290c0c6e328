"""How busy the desk is: a flood is more than people can keep up with, and one cause counts once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from care.alerts import alert_of
from care.board import Board
from care.ids import StaffId
from care.load import FLOOD, WINDOW, answer, ask_second_pool, floods, load, loads
from care.records import Claimed, Record, SecondPool
from detectors.findings import Finding, What
from detectors.homes import HomeId, RoomId, SensorId, SiteId, building_of
from tests.care.test_board import LONG_NIGHTS, a_board
from tests.stories import instant

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
BEGAN = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)  # 22:00 in the Netherlands
SANNE = StaffId("s-1")


def at(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


def found(minutes: float, home: str = "wilg/1", what: What = What.BUTTON) -> Finding:
    room = RoomId("badkamer")
    when = at(minutes)
    return Finding(at=when, home=HomeId(home), what=what, since=when, episode=when, room=room, count=1)


def claimed(finding: Finding, minutes: float) -> Claimed:
    return Claimed(at=at(minutes), home=finding.home, alert=alert_of(finding), by=SANNE)


def after(*records: Record) -> Board:
    board = Board()
    for record in records:
        board.add(record, recorded_at=record.at)
    return board


# A flood.


def test_ten_alerts_in_ten_minutes_are_many_and_eleven_are_a_flood() -> None:
    ten = [found(n / 2, f"wilg/{n}") for n in range(10)]
    assert not load(after(*ten), at(6), AMSTERDAM).flood
    assert load(after(*ten, found(5, "wilg/11")), at(6), AMSTERDAM).flood


def test_two_people_keep_up_with_twice_as_much() -> None:
    board = after(*(found(n / 4, f"wilg/{n}") for n in range(20)))
    assert load(board, at(6), AMSTERDAM).flood
    board.on_duty = 2
    busy = load(board, at(6), AMSTERDAM)
    assert not busy.flood
    assert busy.each == 10


def test_a_flood_is_over_when_little_comes_any_more_and_not_before() -> None:
    board = after(*(found(n / 2, f"wilg/{n}") for n in range(11)))
    assert load(board, at(11), AMSTERDAM).flood  # eight in ten minutes: it does not flicker
    assert not load(board, at(13), AMSTERDAM).flood
    assert load(board, at(60), AMSTERDAM).flooded == timedelta(minutes=7.5)  # from the eleventh, until five were left


def test_what_one_cause_explains_is_one_alert() -> None:
    silent = found(1, building_of("wilg"), What.BUILDING_SILENT)
    silent = msgspec.structs.replace(silent, count=0)
    faults = [
        msgspec.structs.replace(found(1, f"wilg/{n}", What.SENSOR_SILENT), sensor=SensorId(f"{n}/bed"))
        for n in range(24)
    ]
    busy = load(after(silent, *faults), at(2), AMSTERDAM)
    assert (busy.lately, busy.flood) == (1, False)


def test_what_is_for_the_morning_asks_nobody_now() -> None:
    assert load(after(*(found(1, f"wilg/{n}", What.NOCTURIA) for n in range(20))), at(2), AMSTERDAM).lately == 0


moments = st.lists(st.floats(0, 120).map(at), max_size=60)


@given(moments, st.integers(1, 4))
def test_where_it_is_a_flood_somebody_had_more_than_ten_and_elsewhere_nobody_did(
    arrivals: Sequence[datetime], people: int
) -> None:
    """No moment with more than ten for each lies outside every flood."""
    spans = floods(arrivals, people, at(180))
    for moment in arrivals:
        in_window = sum(moment - WINDOW < one <= moment for one in arrivals)
        if in_window > FLOOD * people:
            assert any(start <= moment < end for start, end in spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    for start, end in spans:
        assert start < end <= start + timedelta(minutes=130)
        assert sum(start - WINDOW < one <= start for one in arrivals) > FLOOD * people


@given(moments)
def test_more_people_are_never_flooded_for_longer(arrivals: Sequence[datetime]) -> None:
    lasted = [sum((end - start for start, end in floods(arrivals, n, at(180))), timedelta()) for n in (1, 2, 3)]
    assert lasted == sorted(lasted, reverse=True)


@given(moments, st.randoms())
def test_in_what_order_they_are_told_changes_nothing(arrivals: list[datetime], random: object) -> None:
    shuffled = list(arrivals)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert floods(arrivals, 1, at(60)) == floods(shuffled, 1, at(60))


# Answers, and where they come from.


def test_how_fast_alerts_are_answered_is_told_by_half_and_by_the_longest() -> None:
    alerts = [found(n, f"wilg/{n}") for n in range(4)]
    taken = [claimed(one, n + minutes) for n, (one, minutes) in enumerate(zip(alerts, (0.5, 1, 8), strict=False))]
    busy = load(after(*alerts, *taken), at(20), AMSTERDAM)
    assert (busy.median, busy.longest) == (timedelta(minutes=1), timedelta(minutes=8))
    assert (busy.answered, busy.waiting, busy.alerts) == (3, 1, 4)


def test_who_takes_it_later_again_did_not_answer_it() -> None:
    one = found(0)
    board = after(one, claimed(one, 1), claimed(one, 30))
    assert answer(board.alerts[alert_of(one)]) == timedelta(minutes=1)


def test_the_noisiest_come_first_and_no_more_than_ten() -> None:
    often = [found(n, "wilg/12") for n in range(5)]
    seldom = [found(n, f"eik/{n}") for n in range(15)]
    sources = load(after(*often, *seldom), at(20), AMSTERDAM).sources
    assert len(sources) == 10
    assert (sources[0].home, sources[0].what, sources[0].alerts) == ("wilg/12", What.BUTTON, 5)


def test_the_shift_before_does_not_count() -> None:
    busy = load(after(found(-30), found(5, "wilg/2")), at(10), AMSTERDAM)
    assert (busy.alerts, busy.since) == (1, BEGAN)


# Help.


def test_the_second_pool_is_asked_once_in_ten_minutes_and_it_is_a_record() -> None:
    board = Board()
    [asked] = ask_second_pool(board, SANNE, at(0))
    assert asked == SecondPool(at=at(0), by=SANNE)
    board.add(asked, recorded_at=at(0))
    assert ask_second_pool(board, SANNE, at(9)) == ()
    assert ask_second_pool(board, SANNE, at(10)) != ()


# Several desks.


@given(night=LONG_NIGHTS, zon=st.sampled_from([(), ("wilg",), ("wilg", "eik")]), people=st.integers(0, 2))
def test_a_desk_has_as_much_to_do_as_if_there_were_no_other(
    night: list[Record], zon: tuple[str, ...], people: int
) -> None:
    """What is looked through once for all desks is, for each of them, the load of its part of the board."""
    board, now = a_board(night), instant("03:00")

    def desk_of(site: SiteId) -> str:
        return "zon" if site in zon else "own"

    found = loads(board, now, AMSTERDAM, {"zon": people, "own": 1}, desk_of)
    for desk, there in (("zon", people), ("own", 1)):
        part = board.part(lambda site, desk=desk: desk_of(site) == desk)  # type: ignore[misc]
        part.on_duty = there
        assert found[desk] == load(part, now, AMSTERDAM)
