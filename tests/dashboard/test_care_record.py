"""A care record that reads: FHIR R4 as its models have it, for one organisation, with who looked written down."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from care.ids import StaffId
from care.measures import Basis, Consenting, Ending, MeasureAgreed, MeasureEnded, Purpose
from care.records import Claimed, Corrected
from dashboard import access_log, organisations
from dashboard.access_log import Deed, Entry, Ground
from dashboard.organisations import OWN
from dashboard.pages import Desk
from dashboard.programs import Scope
from detectors.homes import HomeId, Kind, ResidentId, SiteId
from detectors.nights import Summary
from tests.care.test_fhir import checked
from tests.dashboard.conftest import ALERT, HOME, NIGHT, WILG, StoryClock, batch, finding, plan, stranger_at
from tests.dashboard.test_api import ask, looked, token_of

pytestmark = pytest.mark.anyio

RESIDENT = ResidentId("r-0012")


@pytest.fixture
async def told(desk: Desk) -> Desk:
    await desk.centre.take(WILG, batch(plan(), finding()))
    return desk


async def searched(desk: Desk, kind: str, *scopes: Scope, **params: str | int) -> list[dict[str, Any]]:
    answer = await ask(desk, f"/fhir/{kind}", token_of(desk, *scopes), **params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/fhir+json"
    return [one["resource"] for one in checked(answer.json()).get("entry", [])]


async def test_what_was_found_is_read_by_search_and_by_its_id(told: Desk) -> None:
    found, alert = sorted(await searched(told, "Observation"), key=lambda one: one["id"].startswith("alert"))
    assert alert["hasMember"] == [{"reference": f"Observation/{found['id']}"}]
    token = token_of(told)
    one = await ask(told, f"/fhir/Observation/{alert['id']}", token)
    assert checked(one.json()) == alert
    assert ("fhir-observation", HOME, Deed.EXPORTED) in looked(told)


async def test_only_what_changed_since_is_told_and_again_when_it_changes(told: Desk, clock: StoryClock) -> None:
    since = (told.centre.now() + timedelta(seconds=1)).isoformat()
    assert await searched(told, "Observation", _lastUpdated=f"ge{since}") == []
    clock.wait(seconds=60)
    claimed = Claimed(at=told.centre.now(), home=HOME, alert=ALERT, by=StaffId("s-1"))
    await told.centre.write(lambda _board, _at: [claimed])
    assert len(await searched(told, "Observation", _lastUpdated=f"ge{since}")) == 2
    assert await searched(told, "Observation", _lastUpdated=f"lt{since}") == []


async def test_a_resident_is_asked_for_by_the_identifier_that_the_centre_has(told: Desk) -> None:
    whose = "patient:identifier"
    mine = await searched(told, "Observation", **{whose: f"https://desk.example/id/resident|{RESIDENT}"})
    assert len(mine) == 2
    assert await searched(told, "Observation", **{whose: "r-0099"}) == []


async def test_many_are_told_in_pages_that_name_the_next(told: Desk) -> None:
    later = [finding(at=NIGHT + timedelta(hours=number)) for number in range(1, 4)]
    await told.centre.take(WILG, batch(*later, after=2))
    token, seen = token_of(told), list[str]()
    answer = await ask(told, "/fhir/Observation", token, _count=3)
    while True:
        page = checked(answer.json())
        seen += [one["resource"]["id"] for one in page["entry"]]
        onward = next((one["url"] for one in page.get("link", []) if one["relation"] == "next"), None)
        if onward is None:
            break
        answer = await ask(told, onward, token)
    assert len(seen) == len(set(seen)) == page["total"] == 8


async def test_gateway_and_sensors_are_devices(told: Desk) -> None:
    gateway, *sensors = sorted(await searched(told, "Device"), key=lambda one: "parent" in one)
    assert gateway["identifier"][0]["value"] == WILG
    assert [one["parent"]["reference"] for one in sensors] == [f"Device/{gateway['id']}"] * 2


async def test_what_was_agreed_is_a_consent_that_ends_with_the_last_of_it(told: Desk) -> None:
    at = told.centre.now()
    about: dict[str, Any] = {"home": HOME, "resident": RESIDENT, "by": StaffId("s-1")}
    agreed = MeasureAgreed(
        at=at,
        kinds=(Kind.BED, Kind.MOTION),
        purpose=Purpose.HELP,
        basis=Basis.AGREED,
        consenting=Consenting.CLIENT,
        review=at + timedelta(days=90),
        **about,
    )
    await told.centre.write(lambda _board, _at: [agreed])
    assert [one["status"] for one in await searched(told, "Consent")] == ["active"]

    async def end(one: MeasureEnded) -> None:
        await told.centre.write(lambda _board, _at: [one])

    for minute, kind, status in ((1, Kind.BED, "active"), (2, Kind.MOTION, "inactive")):
        ended = MeasureEnded(at=at + timedelta(minutes=minute), kinds=(kind,), why=Ending.CLIENT, **about)
        await end(ended)
        assert [one["status"] for one in await searched(told, "Consent")] == [status]


async def test_who_looked_is_told_to_who_holds_that_scope_too(told: Desk) -> None:
    look = Entry(
        at=told.wall.now() - timedelta(hours=1),
        by="staff:s-1",
        role="desk",
        organisation=OWN,
        deed=Deed.READ,
        what="home",
        resident=RESIDENT,
        home=HOME,
        ground=Ground.WATCH,
    )
    access_log.write(told.access_log, look)
    [event] = await searched(told, "AuditEvent")
    assert event["agent"][0]["who"]["identifier"]["value"] == "s-1"
    assert (event["action"], event["entity"][0]["what"]["identifier"]["value"]) == ("R", RESIDENT)
    refused = await ask(told, "/fhir/AuditEvent", token_of(told, Scope.RECORD))
    assert refused.status_code == 403


async def test_a_try_at_a_home_of_another_organisation_says_nothing_of_who_lives_there(told: Desk) -> None:
    tried = Entry(
        at=told.wall.now() - timedelta(hours=1),
        by="staff:s-1",
        organisation=OWN,
        deed=Deed.TRIED,
        what="home",
        resident=ResidentId("r-eik"),
        home=HomeId("eik/3"),
        ground=Ground.WATCH,
    )
    organisations.make(told.people, "zon", "Zorg zon")
    organisations.give(told.people, SiteId("eik"), "zon")
    access_log.write(told.access_log, tried)
    [event] = await searched(told, "AuditEvent")
    assert (event["outcome"], event.get("entity")) == ("4", None)


async def reports(desk: Desk, organisation: str = OWN, **params: str | int) -> list[dict[str, Any]]:
    answer = await ask(desk, "/fhir/Composition", token_of(desk, organisation=organisation), **params)
    assert answer.status_code == 200, answer.text
    return [one["resource"] for one in checked(answer.json()).get("entry", [])]


async def test_a_night_is_read_as_a_document_while_it_runs_when_it_is_over_and_once_it_was_corrected(
    told: Desk, clock: StoryClock
) -> None:
    [running] = await reports(told)
    assert running["status"] == "preliminary"
    clock.wait(hours=12)
    [over] = await reports(told)
    assert (over["status"], over["id"]) == ("final", running["id"])
    night = datetime.fromisoformat(over["event"][0]["period"]["start"]).date()
    text = "Was <b>wakker</b> & riep."
    wrote = Corrected(at=told.centre.now(), by=StaffId("s-1"), night=night, about=HOME, line=2, text=text)
    await told.centre.write(lambda _board, _at: [wrote])
    token = token_of(told)
    answer = await ask(told, f"/fhir/Composition/{over['id']}/$document", token)
    assert answer.headers["Content-Type"] == "application/fhir+json"
    first, *others = [one["resource"] for one in checked(answer.json())["entry"]]
    assert (first["resourceType"], first["status"]) == ("Composition", "amended")
    assert "Was &lt;b&gt;wakker&lt;/b&gt; &amp; riep." in first["section"][1]["text"]["div"]
    assert first["section"][1]["author"][0]["identifier"]["value"] == "s-1"
    kinds = [one["resourceType"] for one in others]
    assert kinds.count("Observation") == 2
    assert "Device" in kinds
    assert ("fhir-composition", HOME, Deed.EXPORTED) in looked(told)
    again = await ask(told, f"/fhir/Composition/{over['id']}/$document", token)
    assert again.json() == answer.json()


async def test_a_night_is_told_again_when_its_report_changes(told: Desk, clock: StoryClock) -> None:
    clock.wait(hours=12)
    [over] = await reports(told)
    since = f"gt{over['meta']['lastUpdated']}"
    assert await reports(told, _lastUpdated=since) == []
    summary = Summary(at=NIGHT + timedelta(hours=1), home=HOME, night=date(2026, 3, 2), exits=2)
    await told.centre.take(WILG, batch(summary, after=2))
    [again] = await reports(told, _lastUpdated=since)  # dated by when it came, and not by the hour that it is about
    assert again["section"][0]["text"]["div"] != over["section"][0]["text"]["div"]


async def test_a_report_is_in_the_language_that_is_accepted_and_else_in_dutch(told: Desk) -> None:
    headers = {"Authorization": f"Bearer {token_of(told)}"}
    async with stranger_at(told) as program:
        dutch = await program.get("/fhir/Composition", headers=headers)
        english = await program.get("/fhir/Composition", headers=headers | {"Accept-Language": "en-GB, nl;q=0.5"})
    titles = [one.json()["entry"][0]["resource"]["title"] for one in (dutch, english)]
    assert titles == ["Nachtrapportage", "Night report"]


async def test_another_organisation_gets_no_report(told: Desk) -> None:
    organisations.make(told.people, "zon", "Zorg zon")
    [mine] = await reports(told)
    assert await reports(told, "zon") == []
    for path in (f"/fhir/Composition/{mine['id']}", f"/fhir/Composition/{mine['id']}/$document"):
        answer = await ask(told, path, token_of(told, organisation="zon"))
        assert answer.status_code == 404
        assert HOME not in answer.text


async def test_a_document_is_not_stored_and_who_asks_for_that_is_told(told: Desk) -> None:
    [mine] = await reports(told)
    answer = await ask(told, f"/fhir/Composition/{mine['id']}/$document", token_of(told), persist="true")
    assert answer.status_code == 400
    assert "persist" in checked(answer.json())["issue"][0]["diagnostics"]


async def test_the_reports_of_many_nights_come_in_pages_and_each_once(told: Desk, clock: StoryClock) -> None:
    clock.wait(hours=5 * 24)
    token, seen = token_of(told, days=60), list[str]()
    answer = await ask(told, "/fhir/Composition", token, _count=2)
    while True:
        page = checked(answer.json())
        seen += [one["resource"]["id"] for one in page["entry"]]
        clock.wait(seconds=60)
        onward = next((one["url"] for one in page.get("link", []) if one["relation"] == "next"), None)
        if onward is None:
            break
        answer = await ask(told, onward, token)
    assert len(seen) == len(set(seen)) == page["total"] >= 5


async def test_the_capability_statement_names_what_can_be_read(told: Desk) -> None:
    answer = await ask(told, "/fhir/metadata")
    assert answer.headers["Content-Type"] == "application/fhir+json"
    kinds = [one["type"] for one in checked(answer.json())["rest"][0]["resource"]]
    for kind in kinds:
        assert (await ask(told, f"/fhir/{kind}", token_of(told))).status_code == 200


@pytest.mark.parametrize("said", ["yesterday", "ge2026-03-01", "ge2026-03-01T00:00:00", "xx2026-03-01T00:00:00Z"])
async def test_a_date_that_cannot_be_read_is_refused_with_what_would_be_right(told: Desk, said: str) -> None:
    answer = await ask(told, "/fhir/Observation", token_of(told), _lastUpdated=said)
    assert answer.status_code == 400
    assert "ge2026-03-01T00:00:00Z" in checked(answer.json())["issue"][0]["diagnostics"]


@pytest.mark.parametrize("path", ["/fhir/Patient", "/fhir/Observation/alert-0", "/fhir/DeviceAlert/x"])
async def test_what_is_not_told_here_is_not_found(told: Desk, path: str) -> None:
    answer = await ask(told, path, token_of(told))
    assert answer.status_code == 404
    checked(answer.json())
