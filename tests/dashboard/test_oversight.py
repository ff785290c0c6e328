"""The privacy officer's page: who may read the log, what is out of the ordinary in it, and the files of it."""

import csv
import io
import json
import zipfile
from datetime import timedelta

import httpx
import msgspec
import pytest

from dashboard import access_log, people
from dashboard.access_log import Deed, Entry, Ground
from dashboard.organisations import OWN, Role
from dashboard.oversight import MANY, Odd, as_csv, unusual
from dashboard.pages import Desk
from detectors.homes import ResidentId
from tests.dashboard.conftest import NIGHT, WILG, batch, plan, signed_in
from tests.dashboard.test_looking import R_12, entries
from tests.dashboard.test_organisations import MAAN, ZON, hired, real, two  # noqa: F401  # fixtures


def looked(n: int = 0, by: str = "staff:s-1", **values: object) -> Entry:
    said = {"deed": Deed.READ, "what": "home", "ground": Ground.CARE, "resident": ResidentId(f"r-{n}"), **values}
    return Entry(at=NIGHT + timedelta(minutes=n), by=by, **said)  # type: ignore[arg-type]


async def page_of(desk: Desk, role: Role, path: str = "/access-log", of: str = ZON) -> httpx.Response:
    async with signed_in(desk, hired(desk.people, f"{role}-{of}-{len(path)}", of, role)) as page:
        return await page.get(path)


@pytest.mark.anyio
@pytest.mark.both_stores
async def test_who_sits_at_the_night_desk_reads_no_log_and_the_try_is_in_it(real: Desk) -> None:  # noqa: F811
    for role in (Role.DESK, Role.CARE, Role.MANAGER, Role.ADMINISTRATOR):
        assert (await page_of(real, role)).status_code == 404
    assert (await page_of(real, Role.PRIVACY)).status_code == 200
    assert [(one.deed, one.what, one.ground, one.organisation) for one in entries(real)] == [
        (Deed.READ, "access-log", Ground.OVERSIGHT, ZON),
    ]


@pytest.mark.anyio
@pytest.mark.both_stores
async def test_an_officer_reads_the_log_of_their_own_organisation_only(real: Desk) -> None:  # noqa: F811
    people.name_resident(real.people, R_12, "mevrouw Jansen")
    at = real.wall.now()
    access_log.write(
        real.access_log,
        Entry(at=at, by="staff:a", organisation=ZON, deed=Deed.READ, what="home", ground=Ground.CARE, resident=R_12),
        Entry(at=at, by="staff:b", organisation=MAAN, deed=Deed.READ, what="home", ground=Ground.CARE),
    )
    page = (await page_of(real, Role.PRIVACY)).text
    assert "mevrouw Jansen" in page
    assert "staff:b" not in page
    own = await page_of(real, Role.PRIVACY, of=OWN)
    assert "mevrouw Jansen" not in own.text


@pytest.mark.anyio
@pytest.mark.both_stores
async def test_a_file_of_it_holds_what_was_asked_for_and_is_an_entry(real: Desk) -> None:  # noqa: F811
    at = real.wall.now()
    mine = [
        Entry(at=at, by="staff:a", organisation=ZON, deed=deed, what="home", ground=Ground.CARE, resident=R_12)
        for deed in (Deed.READ, Deed.CHANGED)
    ]
    access_log.write(real.access_log, *mine)
    made = await page_of(real, Role.PRIVACY, "/access-log/file?kind=csv&deed=changed&client=wilg/12")
    rows = list(csv.DictReader(io.StringIO(made.text)))
    assert [(row["by"], row["deed"], row["resident"]) for row in rows] == [("staff:a", "changed", R_12)]
    lines = (await page_of(real, Role.PRIVACY, "/access-log/file?kind=jsonl&client=wilg/12")).text.splitlines()
    assert len(lines) == 4  # two, the file taken before, and what the whole log came to
    assert json.loads(lines[-1])["log"]["number"] == 3
    assert [one.deed for one in entries(real)[2:]] == [Deed.EXPORTED, Deed.EXPORTED]
    assert {one.resident for one in entries(real)[2:]} == {R_12}


@pytest.mark.anyio
@pytest.mark.both_stores
async def test_the_officer_looks_up_a_client_and_a_colleague_by_name_and_nobody_of_elsewhere(
    real: Desk,  # noqa: F811
) -> None:
    """A name typed is looked up among the organisation's own: by it nobody finds out who lives elsewhere."""
    theirs = next(one.resident for one in real.centre.board.homes.values() if one.id.startswith("eik/"))
    people.name_resident(real.people, R_12, "mevrouw Jansen")
    if theirs != R_12:
        people.name_resident(real.people, theirs, "meneer De Boer")
    noor = hired(real.people, "noor", ZON, Role.CARE)
    at = real.wall.now()
    access_log.write(
        real.access_log,
        *(
            Entry(at=at, by=by, organisation=ZON, deed=deed, what="home", ground=Ground.CARE, resident=whom)
            for by, deed, whom in (
                (f"staff:{noor}", Deed.CHANGED, R_12),
                ("staff:other", Deed.READ, R_12),
                (f"staff:{noor}", Deed.READ, ResidentId("r-elsewhere")),
            )
        ),
    )

    async def found(query: str) -> list[tuple[str, str]]:
        made = await page_of(real, Role.PRIVACY, f"/access-log/file?kind=csv&{query}")
        return [(row["by"], row["resident"]) for row in csv.DictReader(io.StringIO(made.text)) if row["what"] == "home"]

    assert await found("client=jansen") == [("staff:other", R_12), (f"staff:{noor}", R_12)]
    assert await found("client=JANSEN&by=Noor") == [(f"staff:{noor}", R_12)]
    assert len(await found("by=noor")) == 2
    assert await found("client=De+Boer") == []
    assert await found(f"client=jansen&until={at.date() - timedelta(days=3)}") == []
    page = (await page_of(real, Role.PRIVACY, "/access-log?client=jansen")).text
    assert f"/persons/{R_12}/file" in page
    assert "De Boer" not in (await page_of(real, Role.PRIVACY, f"/access-log?client={theirs}&by=x")).text


@pytest.mark.anyio
@pytest.mark.parametrize("days", ["since=0001-01-01", "until=0001-01-01", "until=9999-12-31", "since=9999-12-31"])
async def test_days_that_no_calendar_goes_on_from_are_answered(real: Desk, days: str) -> None:  # noqa: F811
    assert (await page_of(real, Role.PRIVACY, f"/access-log?{days}")).status_code == 200


@pytest.mark.anyio
@pytest.mark.both_stores
async def test_an_officer_takes_along_all_that_is_kept_about_somebody_of_their_own(real: Desk) -> None:  # noqa: F811
    only_here = ResidentId("r-wilg")
    home = msgspec.structs.replace(plan().homes[0], resident=only_here)
    at = NIGHT + timedelta(days=1)
    await real.centre.take(WILG, batch(msgspec.structs.replace(plan(), at=at, homes=(home,)), after=2))
    people.name_resident(real.people, only_here, "mevrouw Jansen")
    given = await page_of(real, Role.PRIVACY, f"/persons/{only_here}/file")
    assert given.status_code == 200
    with zipfile.ZipFile(io.BytesIO(given.content)) as file:
        assert "mevrouw Jansen" in file.read("gegevens.html").decode()
    (one,) = entries(real)
    assert (one.deed, one.resident, one.what, one.organisation) == (Deed.EXPORTED, only_here, "persons", ZON)
    for role, of in ((Role.DESK, ZON), (Role.PRIVACY, MAAN)):
        assert (await page_of(real, role, f"/persons/{only_here}/file", of)).status_code == 404
    assert [one.deed for one in entries(real)[1:]] == [Deed.TRIED, Deed.TRIED]


def test_many_clients_in_a_short_time_without_an_alert_are_out_of_the_ordinary() -> None:
    rows = list(enumerate((looked(n) for n in range(MANY)), 1))
    (one,) = unusual(rows)
    assert (one.why, one.count, one.number) == (Odd.MANY, MANY, 1)
    assert unusual(rows[1:]) == []
    assert unusual([(n, looked(n, ground=Ground.ALERT)) for n in range(MANY)]) == []
    assert unusual([(n, looked(n * 10)) for n in range(MANY)]) == []  # over two hours


def test_a_refused_try_a_look_without_a_reason_to_and_an_emergency_are() -> None:
    tried = [(n, looked(n, deed=Deed.TRIED)) for n in range(3)]
    astray = (4, looked(4, role="desk", by="staff:s-2"))
    emergency = (5, looked(5, ground=Ground.EMERGENCY, by="staff:s-3"))
    assert [(one.by, one.why) for one in unusual([*tried, astray, emergency])] == [
        ("staff:s-3", Odd.EMERGENCY),
        ("staff:s-2", Odd.NOT_AT_WORK),
        ("staff:s-1", Odd.TRIED),
    ]
    assert unusual([(1, looked(role="desk", ground=Ground.WATCH))]) == []


def test_a_spreadsheet_takes_nothing_in_it_for_a_formula() -> None:
    row = list(csv.reader(io.StringIO(as_csv([(1, looked(about="=1+1"))]))))[1]
    assert "'=1+1" in row
