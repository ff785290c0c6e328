"""The access log: what was written stands, and whoever changes it is found."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from care.database import Database, Where
from dashboard import access_log
from dashboard.access_log import Broken, Deed, Entry, Ground
from detectors.homes import ResidentId

AT = datetime(2026, 3, 3, 1, 16, tzinfo=UTC)
VRIES = ResidentId("r-0012")


@pytest.fixture
def log(place: Where) -> Iterator[Database]:
    with closing(access_log.at(access_log.beside(place))) as db:
        yield db


def looked(minutes: int = 0, resident: ResidentId | None = VRIES) -> Entry:
    at = AT + timedelta(minutes=minutes)
    return Entry(
        at=at, by="staff:s-1", role="desk", deed=Deed.READ, what="home", resident=resident, ground=Ground.WATCH
    )


def rows(log: Database) -> list[tuple[int, bytes, bytes]]:
    return log.execute("SELECT number, body, digest FROM entry ORDER BY number").fetchall()


@pytest.mark.both_stores
def test_who_looked_at_a_residents_data_is_found_the_newest_first(log: Database) -> None:
    access_log.write(log, looked(0), looked(5, ResidentId("r-9")), looked(10))
    found = access_log.of_resident(log, VRIES, AT, AT + timedelta(hours=1))
    assert [entry.at for entry in found] == [AT + timedelta(minutes=10), AT]
    assert access_log.of_resident(log, VRIES, AT + timedelta(minutes=1), AT + timedelta(minutes=10)) == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 5), how=st.sampled_from(["taken out", "changed", "doubled", "moved"]))
def test_whatever_is_done_to_an_entry_is_found(which: int, how: str) -> None:
    with closing(access_log.connect(":memory:")) as log:
        access_log.write(log, *(looked(n) for n in range(7)))
        written = rows(log)
    number, body, digest = written[which]
    match how:
        case "taken out":
            del written[which]
        case "changed":
            written[which] = (number, body.replace(b"s-1", b"s-2"), digest)
        case "doubled":
            written.insert(which, written[which])
        case "moved":
            written[which], written[which + 1] = written[which + 1], written[which]
    with pytest.raises(Broken):
        list(access_log.check(written))


@pytest.mark.both_stores
def test_what_is_as_it_was_written_is_read_whole(log: Database) -> None:
    access_log.write(log, *(looked(n) for n in range(3)))
    assert [(number, entry) for number, entry in access_log.check(rows(log))] == [(n + 1, looked(n)) for n in range(3)]
