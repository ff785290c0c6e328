"""Who does what of several processes: dealt purely, and kept in a real database."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.database import Address
from dashboard.leases import (
    DUTY,
    LEASE_S,
    LET_GO_S,
    NAMES,
    SHARES,
    Lease,
    Leases,
    deal,
    lease_of,
    share_of,
)
from tests.dashboard.conftest import Seconds
from tests.postgres import Postgres

pytestmark = pytest.mark.anyio

PROCESSES = ("a", "b", "c", "d")


def rounds(able: dict[str, bool], leases: dict[str, Lease], now_s: float, times: int = 3) -> dict[str, Lease]:
    """Return who holds what after every process has had its turn so many times."""
    for _ in range(times):
        for me in sorted(able):
            mine = deal(me, able, leases, now_s)
            leases = {name: held for name, held in leases.items() if held.holder != me or name in mine}
            leases |= {name: Lease(me, now_s + LEASE_S) for name in mine}
            now_s += 0.1
    return leases


def held(leases: dict[str, Lease]) -> Counter[str]:
    return Counter(one.holder for name, one in leases.items() if name != DUTY)


def test_one_process_alone_does_everything() -> None:
    assert deal("a", {"a": True}, {}, 0.0) == set(NAMES)


def test_a_second_process_gets_half_of_the_buildings_and_not_the_duty() -> None:
    alone = rounds({"a": True}, {}, 0.0)
    both = rounds({"a": True, "b": True}, alone, 1.0)
    assert held(both) == {"a": SHARES // 2, "b": SHARES // 2}
    assert both[DUTY].holder == "a"


def test_what_a_dead_process_held_is_free_when_it_has_run_out_and_not_before() -> None:
    both = rounds({"a": True, "b": True}, {}, 0.0)
    last = max(one.until for one in both.values() if one.holder == "a")
    left = {name for name, one in both.items() if one.holder == "b"}
    assert deal("b", {"b": True}, both, min(one.until for one in both.values()) - 0.01) == left
    assert deal("b", {"b": True}, both, last + 0.01) == set(NAMES)


def test_who_cannot_hear_the_broker_gives_everything_to_who_can() -> None:
    both = rounds({"a": True, "b": True}, {}, 0.0)
    deaf = rounds({"a": False, "b": True}, both, 1.0)
    assert {one.holder for one in deaf.values()} == {"b"}


def test_where_nobody_can_hear_they_go_on_trying() -> None:
    assert held(rounds({"a": False, "b": False}, {}, 0.0)) == {"a": SHARES // 2, "b": SHARES // 2}


@given(
    able=st.dictionaries(st.sampled_from(PROCESSES), st.booleans(), min_size=1),
    before=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(PROCESSES)),
    run_out=st.sets(st.sampled_from(NAMES)),
)
def test_whoever_held_what_everything_is_held_by_one_and_evenly(
    able: dict[str, bool], before: dict[str, str], run_out: set[str]
) -> None:
    leases = {name: Lease(who, -1.0 if name in run_out else LEASE_S) for name, who in before.items()}
    settled = rounds(able, leases, LEASE_S + 1.0)
    hears = {one for one, can in able.items() if can} or set(able)
    assert set(settled) == set(NAMES)
    assert {one.holder for one in settled.values()} <= hears
    assert max(held(settled).values()) - min(held(settled)[one] for one in hears) <= -(-SHARES // len(hears))
    assert max(held(settled).values()) == -(-SHARES // len(hears))
    assert rounds(able, settled, LEASE_S + 1.3, times=1).keys() == settled.keys()
    again = rounds(able, settled, LEASE_S + 1.3)
    assert {name: one.holder for name, one in again.items()} == {name: one.holder for name, one in settled.items()}


@given(st.text(min_size=1, max_size=40))
def test_a_building_is_always_in_the_same_share(site: str) -> None:
    assert 0 <= share_of(site) < SHARES
    assert share_of(site) == share_of(site)
    assert lease_of(share_of(site)) in NAMES


@pytest.fixture
def address(postgres: Postgres) -> Address:
    return postgres.new()


async def test_two_processes_share_what_there_is_to_do_and_hear_what_the_other_tells(address: Address) -> None:
    one, other = Leases(address), Leases(address)
    await one.round(b"one", able=True)
    assert one.on_duty
    assert one.shares == SHARES
    await other.round(b"other", able=True)
    assert not other.on_duty
    await one.round(b"one more", able=True)
    await other.round(b"other", able=True)
    assert (one.shares, other.shares, one.processes) == (SHARES // 2, SHARES // 2, 2)
    assert [told.body for told in other.others.values()] == [b"one more"]
    assert not one.held & other.held
    one.leave()
    await other.round(b"other", able=True)
    assert other.on_duty
    assert other.shares == SHARES
    assert other.others == {}
    other.leave()


async def test_who_hangs_lets_go_by_its_own_clock_before_anybody_may_take_over(address: Address) -> None:
    seconds = Seconds()
    one = Leases(address, monotonic=seconds)
    await one.round(b"", able=True)
    seconds.now_s += LET_GO_S - 0.1
    assert one.on_duty
    seconds.now_s += 0.2
    assert not one.on_duty
    assert one.shares == 0
    assert LET_GO_S < LEASE_S
    await one.round(b"", able=True)
    assert one.on_duty
    one.leave()


async def test_of_many_who_come_at_once_exactly_one_is_on_duty(address: Address) -> None:
    """Each with a connection and a thread of its own, as in processes of their own."""
    first = Leases(address)
    await first.round(b"", able=True)
    several = [Leases(address) for _ in range(4)]
    for _ in range(4):
        await asyncio.gather(*(one.round(b"", able=True) for one in several))
        holders = Counter(name for one in several for name in one.held)
        assert not holders or max(holders.values()) == 1
    assert first.on_duty
    assert not any(one.on_duty for one in several)
    for one in (first, *several):
        one.leave()


async def test_a_building_that_answered_a_roll_call_is_known_to_all(address: Address) -> None:
    one, other = Leases(address), Leases(address)
    await one.round(b"", able=True)
    await one.found(["wilg"])  # type: ignore[list-item]
    await other.round(b"", able=True)
    assert other.sites == {"wilg"} == one.sites
    one.leave()
    other.leave()
