"""Of another organisation's homes nobody gets anything: whatever is asked, as whoever, of whatever kind of record."""

import functools
from typing import get_args

import pytest

from care import journal
from care.records import Record
from dashboard.pages import Desk
from tests.dashboard.besieged import (
    THEIR_HOME,
    Browsers,
    besieged,
    form_of,
    path_of,
    query_of,
    routes,
    something_of_everything,
    told_of,
)

ENDLESS = {"/live"}  # told of in test_organisations
SLOW = {"/paper", "/mine/paper"}  # the same values as the pages, and a second to print
LEAVES = {"/sign-out"}  # and whoever asks has nothing to ask with after it


@pytest.mark.anyio
async def test_whatever_anybody_of_elsewhere_asks_they_get_nothing_of_a_home_that_is_not_theirs(desk: Desk) -> None:
    real = await besieged(desk)
    theirs = await something_of_everything(real)
    kinds = {type(one.record) for one in await real.centre.ask(lambda db: journal.read_after(db, 0))}
    assert kinds == set(get_args(Record))
    asked, ways = 0, routes(real)
    leaks, written = list[tuple[str, str, str, int, set[str]]](), list[tuple[str, Record]]()
    before = _of_them(real)
    for who, browser in Browsers(real):
        number = real.centre.number
        async with browser:
            for method, route in ways:
                if route.path in ENDLESS | SLOW | LEAVES:
                    continue
                path, query = path_of(route, theirs.ids), query_of(route, theirs.ids)
                form = form_of(route, theirs.ids) if method == "POST" else None
                answer = await browser.request(method, path, params=query, data=form)
                asked += 1
                told = told_of(theirs, answer, asked=f"{path} {query} {form}")
                if told or (answer.status_code >= 500 and route.path != "/readyz"):  # it says: no broker
                    leaks.append((who, method, path, answer.status_code, told))
            entries = await real.centre.ask(functools.partial(journal.read_after, number=number))
            written += [(who, one.record) for one in entries if theirs_in(one.record, theirs.secret)]
    assert not leaks, "\n".join(map(str, leaks))
    assert not written
    assert _of_them(real) == before
    assert asked > 1_000


def theirs_in(record: Record, secret: frozenset[str]) -> bool:
    values = [value for value in _values(record) if isinstance(value, str)]
    return any(value in secret or value == THEIR_HOME for value in values)


def _values(record: object) -> list[object]:
    return [getattr(record, name) for name in getattr(record, "__struct_fields__", ())]


def _of_them(desk: Desk) -> list[object]:
    """Return every row about De Eik: nobody from elsewhere changes one."""
    asked = (
        "SELECT * FROM resident WHERE id LIKE '%eik%'",
        "SELECT id, name, relation FROM contact WHERE resident LIKE '%eik%'",
        "SELECT * FROM address WHERE whose LIKE 'c-0e1c%'",
        "SELECT id, resident, contact, until FROM house_key WHERE resident LIKE '%eik%'",
        "SELECT * FROM house_code WHERE resident LIKE '%eik%'",
        "SELECT * FROM emergency",
        "SELECT * FROM invitation",
        "SELECT * FROM post WHERE organisation = 'maan'",
        "SELECT * FROM wish WHERE resident LIKE '%eik%'",
    )
    return [row for one in asked for row in desk.people.execute(one)]
