"""What watching takes: parts add up, what nobody measured is no zero, and no building speaks for another."""

from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care import journal, link, remembered
from care.board import Board
from care.records import CENTRE, Record, Unreadable, addressee, decode, encode
from care.remembered import Known
from care.teaching import Fleet
from care.upkeep import AMOUNTS, DAY_S, KEPT, Upkeep, Used, each
from detectors.homes import SiteId
from tests.stories import instant

WILG, EIK = SiteId("wilg"), SiteId("eik")
MONDAY = date(2026, 3, 2)


def used(site: SiteId = WILG, day: date = MONDAY, **more: object) -> Used:
    said: dict[str, object] = {"homes": 10, "measured_s": DAY_S, "cpu_s": 600.0, **more}
    return msgspec.convert({"at": instant("00:01"), "site": site, "day": day, **said}, Used)


def of(*records: Used) -> Upkeep:
    upkeep = Upkeep()
    for record in records:
        upkeep.add(record)
    return upkeep


def test_a_home_has_its_share_of_what_its_building_took() -> None:
    days = of(used(written_bytes=30_000_000)).between([WILG], MONDAY, MONDAY)
    assert each(days, "cpu_s") == 60
    assert each(days, "written_bytes") == 3_000_000


def test_half_a_day_that_was_measured_counts_as_half_a_day() -> None:
    days = of(used(measured_s=DAY_S / 2, cpu_s=300.0)).between([WILG], MONDAY, MONDAY)
    assert each(days, "cpu_s") == 60


def test_a_day_of_which_nobody_told_is_a_gap_and_no_zero() -> None:
    upkeep = of(used(), used(day=MONDAY + timedelta(days=2)))
    days = upkeep.between([WILG, EIK], MONDAY, MONDAY + timedelta(days=6))
    assert [one.day for one in days] == [MONDAY, MONDAY + timedelta(days=2)]
    assert each(days, "cpu_s") == 60
    assert each([], "cpu_s") is None


def test_what_a_kernel_does_not_say_is_not_known_of_the_day_and_counts_for_nothing_among_others() -> None:
    days = of(used(), used(EIK, written_bytes=10_000_000)).between([WILG, EIK], MONDAY, MONDAY)
    assert each(days[1:], "written_bytes") is None
    assert each(days, "written_bytes") == 1_000_000
    [half_known] = of(used(written_bytes=5), used(at=instant("00:02"))).between([WILG], MONDAY, MONDAY)
    assert half_known.written_bytes is None


@given(st.lists(st.tuples(st.floats(0, 3600), st.floats(0, 3600), st.integers(0, 10**9)), min_size=1, max_size=24))
def test_a_day_is_the_sum_of_its_parts(parts: list[tuple[float, float, int]]) -> None:
    told = [used(measured_s=span, cpu_s=cpu_s, sent_bytes=sent) for span, cpu_s, sent in parts]
    [day] = of(*told).between([WILG], MONDAY, MONDAY)
    assert day.measured_s == pytest.approx(sum(span for span, _, _ in parts))
    assert day.cpu_s == pytest.approx(sum(cpu_s for _, cpu_s, _ in parts))
    assert day.sent_bytes == sum(sent for _, _, sent in parts)
    assert day.home_days >= 0


def test_only_so_many_days_are_at_hand() -> None:
    upkeep = of(*(used(day=MONDAY + timedelta(days=n)) for n in range(KEPT + 5)))
    days = upkeep.between([WILG], MONDAY, MONDAY + timedelta(days=KEPT + 5))
    assert (len(days), days[0].day) == (KEPT, MONDAY + timedelta(days=5))


def test_it_goes_to_the_centre_and_comes_back_as_it_was() -> None:
    record = used(written_bytes=1, batteries=2, levels=3)
    assert decode(encode(record)) == record
    assert addressee(record) == CENTRE


@pytest.mark.parametrize("name", ["measured_s", "homes", *AMOUNTS, "levels"])
def test_less_than_nothing_is_refused(name: str) -> None:
    body = msgspec.json.encode(msgspec.to_builtins(used()) | {"type": "used", name: -1})
    with pytest.raises(msgspec.ValidationError):
        decode(body)


@pytest.mark.parametrize(
    ("peer", "site", "taken"), [("wilg", WILG, True), ("eik", WILG, False), ("centre", SiteId("centre"), False)]
)
def test_a_building_tells_of_itself_alone_and_the_centre_of_none(peer: str, site: SiteId, *, taken: bool) -> None:
    db = journal.connect(":memory:")
    batch = link.Batch("j", 0, 1, (msgspec.Raw(encode(used(site))),))
    link.take(db, peer, batch, recorded_at=instant("00:01"))
    [entry] = journal.read_after(db, 0)
    record: Record = entry.record
    assert isinstance(record, Used if taken else Unreadable)


def test_a_centre_that_starts_again_remembers_what_was_told() -> None:
    board = Board()
    board.add(used(written_bytes=7), recorded_at=instant("00:01"))
    known = remembered.read(remembered.write(Known(board, Fleet(), 1, instant("00:01"))))
    assert known is not None
    assert known.board.upkeep.between([WILG], MONDAY, MONDAY) == board.upkeep.between([WILG], MONDAY, MONDAY)
    assert known.board.upkeep.last(WILG) == board.upkeep.last(WILG)
