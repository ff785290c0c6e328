"""Programs that ask: with a token of their organisation, for what it holds, and every question is written down."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from care.database import Database
from care.ids import StaffId
from care.records import Claimed, How, Outcome, Resolved
from dashboard import access_log, api, organisations, people, programs
from dashboard.access_log import Asked, Deed
from dashboard.commands import cli
from dashboard.organisations import OWN, OrganisationId
from dashboard.pages import Desk
from dashboard.programs import LASTS_MAX, Scope
from dashboard.typed import BadInput
from detectors.findings import What
from detectors.homes import HomeId, SiteId
from tests.dashboard.conftest import ALERT, HOME, NIGHT, WILG, StoryClock, batch, finding, plan, status, stranger_at

pytestmark = pytest.mark.anyio

EIK = SiteId("eik")
ZON = OrganisationId("zon")
EVERY = tuple(Scope)


def token_of(desk: Desk, *scopes: Scope, organisation: str = OWN, days: int = 30) -> str:
    now = desk.wall.now()
    _, token = programs.let_in(
        desk.people, organisation, "ECD", scopes or EVERY, now=now, until=now + timedelta(days=days)
    )
    return token


async def ask(desk: Desk, path: str, token: str | None = None, **params: str | int) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with stranger_at(desk) as program:
        return await program.get(path, headers=headers, params=params or None)


def looked(desk: Desk) -> list[tuple[str, str | None, Deed]]:
    asked = Asked(since=NIGHT, until=desk.wall.now() + timedelta(days=1))
    return [(one.what, one.home, one.deed) for _, one in access_log.found(desk.access_log, asked)]


@pytest.fixture
async def two(desk: Desk, store: Database) -> Desk:
    """De Wilg is of the centre's own organisation, De Eik of Zon."""
    organisations.make(store, ZON, "Zorg zon")
    organisations.give(store, EIK, ZON)
    await desk.centre.take(WILG, batch(plan(), status(), finding()))
    other = HomeId("eik/3")
    of_eik = batch(plan(EIK, other), finding(other), of="journal-of-eik")
    await desk.centre.take(EIK, of_eik)
    return desk


async def test_a_program_reads_the_alerts_of_its_organisation_and_that_is_written_down(two: Desk) -> None:
    answer = await ask(two, "/api/v1/alerts", token_of(two))
    assert answer.status_code == 200
    [alert] = answer.json()["alerts"]
    assert (alert["id"], alert["home"], alert["resident"], alert["tier"]) == (ALERT, HOME, "r-0012", "acute")
    assert (alert["state"], alert["findings"][0]["what"], alert["findings"][0]["limit"]) == ("raised", "bath", 20.0)
    assert looked(two) == [("alert", HOME, Deed.READ)]


async def test_an_alert_that_was_closed_says_how_and_is_no_longer_among_the_open_ones(two: Desk) -> None:
    claimed = Claimed(at=NIGHT, home=HOME, alert=ALERT, by=StaffId("s-1"))
    closed = Resolved(
        at=NIGHT + timedelta(minutes=3),
        home=HOME,
        alert=ALERT,
        by=StaffId("s-1"),
        outcome=Outcome.HELPED,
        how=How.VIDEO,
    )
    await two.centre.write(lambda _board, _at: [claimed, closed])
    token = token_of(two)
    assert (await ask(two, f"/api/v1/alerts/{ALERT}", token)).json()["resolved"]["outcome"] == "helped"
    assert (await ask(two, "/api/v1/alerts", token, open=1)).json() == {"alerts": [], "next": None}


async def test_what_is_of_another_organisation_is_not_there(two: Desk) -> None:
    token = token_of(two, organisation=ZON)
    assert [one["home"] for one in (await ask(two, "/api/v1/alerts", token)).json()["alerts"]] == ["eik/3"]
    assert [one["home"] for one in (await ask(two, "/api/v1/homes", token)).json()["homes"]] == ["eik/3"]
    for path in (f"/api/v1/alerts/{ALERT}", "/api/v1/homes/wilg/12/nights", f"/fhir/Observation/alert-{ALERT}"):
        answer = await ask(two, path, token)
        assert answer.status_code == 404
        assert "wilg" not in answer.text


@pytest.mark.parametrize("path", ["/api/v1/alerts", "/api/v1/homes", "/api/v1/homes/wilg/12/nights", "/fhir/Flag"])
@pytest.mark.both_stores
async def test_without_a_token_or_with_a_wrong_one_nobody_is_let_in(two: Desk, path: str) -> None:
    for token in (None, "x", "", "p" * 5_000):
        answer = await ask(two, path, token)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert looked(two) == []


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/api/v1/alerts", Scope.ALERTS),
        ("/api/v1/homes", Scope.HOMES),
        ("/api/v1/homes/wilg/12/nights", Scope.NIGHTS),
        ("/fhir/Device", Scope.RECORD),
    ],
)
async def test_a_token_opens_what_its_scopes_hold_and_nothing_else(two: Desk, path: str, scope: Scope) -> None:
    assert (await ask(two, path, token_of(two, scope))).status_code == 200
    answer = await ask(two, path, token_of(two, *(set(Scope) - {scope})))
    assert answer.status_code == 403
    assert f'scope="{scope}"' in answer.headers["WWW-Authenticate"]


@pytest.mark.both_stores
async def test_a_token_is_worth_nothing_once_its_day_has_come_or_it_was_ended(two: Desk, wall: StoryClock) -> None:
    token = token_of(two, days=30)
    wall.wait(seconds=1)
    other = token_of(two, days=300)
    wall.wait(seconds=30 * 86_400)
    assert (await ask(two, "/api/v1/homes", token)).status_code == 401
    assert (await ask(two, "/api/v1/homes", other)).status_code == 200
    assert programs.end(two.people, programs.of(two.people)[-1].id)
    assert (await ask(two, "/api/v1/homes", other)).status_code == 401


async def test_many_alerts_come_in_pages_and_none_is_left_out_or_told_twice(two: Desk) -> None:
    later = [finding(at=NIGHT + timedelta(hours=number), what=What.BATH) for number in range(1, 8)]
    await two.centre.take(WILG, batch(*later, after=3))
    token, seen, after = token_of(two), list[str](), ""
    while True:
        answer = (await ask(two, "/api/v1/alerts", token, limit=3, after=after)).json()
        seen += [one["id"] for one in answer["alerts"]]
        after = answer["next"] or ""
        if not after:
            break
    assert len(seen) == len(set(seen)) == 8
    assert (await ask(two, "/api/v1/alerts", token, after="0" * 10)).status_code == 404


async def test_a_bad_question_is_answered_by_problem_details(two: Desk) -> None:
    answer = await ask(two, "/api/v1/alerts", token_of(two), limit=0)
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["title"] == "Not answered"


async def test_where_who_asks_cannot_be_written_down_nothing_is_told(two: Desk) -> None:
    two.access_log.execute("DROP TABLE entry")
    answer = await ask(two, "/api/v1/homes", token_of(two))
    assert answer.status_code == 503
    assert "wilg" not in answer.text


async def test_the_description_names_every_route_and_the_token(two: Desk) -> None:
    told = (await ask(two, "/api/v1/openapi.json")).json()
    routes = {route.path for route in api.router.routes if getattr(route, "include_in_schema", False)}  # type: ignore[attr-defined]
    assert set(told["paths"]) == routes
    assert told["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


@pytest.mark.both_stores
def test_a_program_without_a_scope_or_for_ever_is_refused(store: Database, wall: StoryClock) -> None:
    now = wall.now()
    with pytest.raises(BadInput, match="without a scope"):
        programs.let_in(store, OWN, "ECD", [], now=now, until=now + timedelta(days=1))
    with pytest.raises(BadInput, match="in the coming 366 days"):
        programs.let_in(store, OWN, "ECD", EVERY, now=now, until=now + LASTS_MAX + timedelta(days=1))
    with pytest.raises(organisations.NoOrganisation):
        programs.let_in(store, "maan", "ECD", EVERY, now=now, until=now + timedelta(days=1))


def test_no_token_is_kept_in_the_store(store: Database, wall: StoryClock, tmp_path: Path) -> None:
    now = wall.now()
    _, token = programs.let_in(store, OWN, "ECD", EVERY, now=now, until=now + timedelta(days=1))
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert token.encode() not in (tmp_path / "people.db").read_bytes()


def test_a_program_is_let_in_listed_and_ended_by_command(tmp_path: Path) -> None:
    with people.connect(tmp_path / "people.db"):
        pass
    file = ["--people", str(tmp_path / "people.db")]
    run = CliRunner()
    done = run.invoke(cli, ["program", "add", "ECD", "--scope", "record", "--scope", "alerts", *file])
    assert done.exit_code == 0, done.output
    token = done.stdout.strip()
    listed = run.invoke(cli, ["program", "list", *file]).stdout
    assert "alerts,record" in listed
    assert "ECD" in listed
    assert token not in listed
    program = listed.split()[0]
    assert run.invoke(cli, ["program", "end", program, *file]).exit_code == 0
    assert run.invoke(cli, ["program", "end", program, *file]).exit_code == 1
    wrong = run.invoke(cli, ["program", "add", "ECD", "--scope", "names", *file])
    assert wrong.exit_code == 2


async def test_an_alert_is_a_message_for_an_alarm_centre_and_giving_it_out_is_written_down(two: Desk) -> None:
    path = f"/api/v1/alerts/{ALERT}/scaip"
    answer = await ask(two, path, token_of(two), controller="10149471")
    assert answer.headers["Content-Type"] == "application/scaip+xml"
    assert "<cid>10149471</cid>" in answer.text
    assert "r-0012" not in answer.text
    assert looked(two) == [("alert", HOME, Deed.EXPORTED)]
    assert (await ask(two, path, token_of(two, organisation=ZON), controller="1")).status_code == 404
    refused = await ask(two, path, token_of(two), controller="<cid>")
    assert (refused.status_code, "digits" in refused.json()["detail"]) == (409, True)
