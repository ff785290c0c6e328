"""What a care record is told, held against the models of HL7 FHIR R4."""

import json
import xml.etree.ElementTree as ET
from datetime import date, timedelta
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from care import bundles
from care.asking import Answer, Arrived, Line, Noticed, Passed, Refusal, Replied, Why
from care.fhir import Json, NightReport, Writer
from care.ids import Asker, ContactId
from care.measures import Basis, Consenting, Ending, MeasureAgreed, MeasureEnded, Purpose
from care.records import Corrected, Follow, Plan, Record
from care.reports import span_of
from care.sharing import Part, Shared
from detectors.findings import Finding, Perhaps, What
from detectors.homes import Kind, RoomId, SensorId, SiteId, building_of
from tests.care.test_alerts import ALERT, HOME, SANNE, a_board, a_finding, claim, follow, resolve, stories
from tests.stories import instant

FATIMA = ContactId("c-1a2b3c4d")
BASE = "https://desk.example"
WRITER = Writer(BASE, {HOME.id: HOME.resident})
PLAN = Plan(at=instant("22:00"), site=SiteId("wilg"), name="De Wilg", zone="Europe/Amsterdam", homes=(HOME,))


def checked(resource: Json) -> Json:
    """Read it with the models of R4 (those of R4B, in which the kinds used here are the same), from its JSON."""
    kind = resource["resourceType"]
    model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    model.model_validate_json(json.dumps(resource))
    return resource


def of(*records: Record, plan: Plan | None = None) -> dict[str, list[Json]]:
    """Return what is told of the only alert that the records give, by kind of resource."""
    [alert] = a_board(*records, plan=plan).alerts.values()
    told: dict[str, list[Json]] = {}
    for one in WRITER.of_alert(alert):
        told.setdefault(one["resourceType"], []).append(checked(one))
    return told


def code(concept: Json) -> str:
    found: str = concept["coding"][0]["code"]
    return found


def parts(resource: Json) -> dict[str, Any]:
    """Return the components of an Observation by their name."""
    told = {}
    for one in resource["component"]:
        concept, quantity = one.get("valueCodeableConcept"), one.get("valueQuantity")
        told[code(one["code"])] = code(concept) if concept else quantity["value"] if quantity else one["valueString"]
    return told


def test_an_alert_is_an_observation_over_what_was_found_with_the_parts_of_a_device_alert() -> None:
    long = msgspec.structs.replace(
        a_finding(What.BATH), limit=20.0, usual=4.5, nights=31, rank=0.02, perhaps=(Perhaps.OTHERS,), room=RoomId("bad")
    )
    told = of(long, claim(SANNE, "02:27"))
    found, alert = told["Observation"]
    assert code(found["code"]) == "bath"
    assert found["subject"]["identifier"] == {"system": f"{BASE}/id/resident", "value": "r-12"}
    assert found["effectivePeriod"] == {"start": "2026-03-03T01:10:00+00:00", "end": "2026-03-03T01:25:00+00:00"}
    assert (found["valueQuantity"]["value"], found["valueQuantity"]["code"]) == (15.0, "min")
    assert parts(found) == {
        "usual": 4.5,
        "limit": 20.0,
        "rank": 0.02,
        "nights": 31.0,
        "perhaps": "others",
        "room": "bad",
    }
    assert alert["id"] == f"alert-{ALERT}"
    assert alert["status"] == "preliminary"
    assert alert["hasMember"] == [{"reference": f"Observation/{found['id']}"}]
    assert parts(alert) == {"type": "physiological", "priority": "high", "presence": "on", "activation": "claimed"}
    assert [one["reference"] for one in told["Provenance"][0]["target"]] == [
        f"Observation/{found['id']}",
        f"Observation/alert-{ALERT}",
    ]


def test_an_alert_that_was_closed_is_final_with_its_outcome() -> None:
    alert = of(a_finding(), claim(SANNE, "02:27"), resolve(SANNE, "02:40"))["Observation"][-1]
    assert (alert["status"], alert["effectivePeriod"]["end"]) == ("final", "2026-03-03T01:40:00+00:00")
    assert parts(alert)["outcome"] == "reassured"
    assert parts(alert)["how"] == "video"


def passed(at: str, **more: Any) -> Passed:
    asked: dict[str, Any] = {"step": 0, "to": FATIMA, "line": Line.ZERO, "channels": ("sms",), "minutes": 3.0}
    return Passed(at=instant(at), home=HOME.id, alert=ALERT, why=Why.FIRST, **(asked | more))


def test_who_was_told_and_answered_is_a_communication_and_who_went_a_task() -> None:
    about: dict[str, Any] = {"home": HOME.id, "alert": ALERT}
    told = of(
        a_finding(),
        passed("02:26"),
        Noticed(at=instant("02:26"), to=FATIMA, channel="sms", **about),
        Arrived(at=instant("02:27"), by=FATIMA, **about),
        Replied(at=instant("02:28"), by=FATIMA, answer=Answer.GOING, **about),
    )
    [asked] = told["Communication"]
    assert (asked["status"], asked["sent"], asked["received"]) == (
        "completed",
        "2026-03-03T01:26:00+00:00",
        "2026-03-03T01:27:00+00:00",
    )
    assert (code(asked["medium"][0]), asked["payload"]) == ("SMSWRIT", [{"contentString": "going"}])
    [task] = told["Task"]
    assert (task["status"], task["priority"]) == ("in-progress", "stat")
    assert task["owner"] == {
        "type": "RelatedPerson",
        "identifier": {"system": f"{BASE}/id/contact", "value": FATIMA},
    }


def test_a_notice_that_no_channel_took_was_not_done_and_one_of_which_nothing_came_is_under_way() -> None:
    refused = Noticed(at=instant("02:26"), home=HOME.id, alert=ALERT, to=FATIMA, channel="sms", refusal=Refusal.REFUSED)
    [asked] = of(a_finding(), passed("02:26"), refused)["Communication"]
    assert (asked["status"], code(asked["statusReason"])) == ("not-done", "refused")
    late = msgspec.structs.replace(refused, refusal=Refusal.NO_ANSWER)
    [asked] = of(a_finding(), passed("02:26"), late)["Communication"]
    assert asked["status"] == "in-progress"  # it may have been taken after all


def test_a_visit_of_the_night_team_is_a_task_until_the_alert_is_closed() -> None:
    going = follow(SANNE, "02:30", Follow.COMING, "02:45")
    [task] = of(a_finding(), claim(SANNE, "02:27"), going)["Task"]
    assert (task["status"], code(task["code"])) == ("in-progress", "night-team")
    [done] = of(a_finding(), claim(SANNE, "02:27"), going, resolve(SANNE, "02:50"))["Task"]
    assert (done["status"], done["id"]) == ("completed", task["id"])


def test_what_changes_over_weeks_is_a_flag_and_a_fault_of_a_building_is_about_a_place() -> None:
    [flag] = of(a_finding(What.DECLINE))["Flag"]
    assert (flag["status"], code(flag["code"])) == ("active", "decline")
    lost = msgspec.structs.replace(a_finding(What.BRIDGE_LOST), home=building_of("wilg"))
    found, alert = of(lost)["Observation"]
    assert found["subject"] == {"type": "Location", "identifier": {"system": f"{BASE}/id/home", "value": "wilg/*"}}
    assert parts(alert)["type"] == "technical"


def test_a_building_is_a_gateway_with_its_sensors() -> None:
    gateway, *sensors = [checked(one) for one in WRITER.of_plan(PLAN)]
    assert len(sensors) == len(HOME.sensors)
    assert {one["parent"]["reference"] for one in sensors} == {f"Device/{gateway['id']}"}
    faint = msgspec.structs.replace(a_finding(What.BATTERY), sensor=SensorId("12/bed"))
    found = of(faint)["Observation"][0]
    assert found["device"]["reference"] in {f"Device/{one['id']}" for one in sensors}


def test_a_measure_is_a_consent_until_its_day_or_until_it_was_ended() -> None:
    agreed = MeasureAgreed(
        at=instant("14:00"),
        home=HOME.id,
        resident=HOME.resident,
        kinds=(Kind.BED, Kind.DOOR),
        purpose=Purpose.HELP,
        basis=Basis.AGREED,
        consenting=Consenting.CLIENT,
        by=SANNE,
        review=instant("14:00") + timedelta(days=90),
    )
    consent = checked(WRITER.of_measure(agreed))
    assert (consent["status"], code(consent["category"][0])) == ("active", "agreed")
    assert [code(one) for one in consent["provision"]["code"]] == ["bed", "door"]
    ended = MeasureEnded(
        at=instant("15:00"),
        home=HOME.id,
        resident=HOME.resident,
        kinds=(Kind.BED,),
        by=SANNE,
        why=Ending.CLIENT,
    )
    over = checked(WRITER.of_measure(agreed, ended))
    assert (over["status"], over["id"]) == ("inactive", consent["id"])
    assert over["provision"]["period"]["end"] == ended.at.isoformat()
    decided = msgspec.structs.replace(agreed, basis=Basis.WZD_FIRST, consenting=Consenting.NOBODY)
    assert code(checked(WRITER.of_measure(decided))["category"][0]) == "involuntary"


@pytest.mark.parametrize(("shown", "status"), [((Part.NIGHT,), "active"), ((), "inactive")])
def test_what_a_resident_shares_is_a_consent(shown: tuple[Part, ...], status: str) -> None:
    shared = Shared(
        at=instant("14:00"),
        home=HOME.id,
        resident=HOME.resident,
        contact=FATIMA,
        parts=shown,
        until=instant("14:00") + timedelta(days=30),
        by=Asker(SANNE),
    )
    assert checked(WRITER.of_shared(shared, instant("15:00")))["status"] == status
    assert checked(WRITER.of_shared(shared, shared.until))["status"] == "inactive"


def test_what_is_told_again_goes_to_the_same_place() -> None:
    [alert] = a_board(a_finding()).alerts.values()
    once = checked(bundles.bundle(WRITER.of_alert(alert), instant("03:00"), base="https://ecd.example/fhir"))
    again = bundles.bundle(WRITER.of_alert(alert), instant("04:00"), base="https://ecd.example/fhir")
    assert [one["request"] for one in once["entry"]] == [one["request"] for one in again["entry"]]
    assert once["entry"][0]["request"]["method"] == "PUT"


NIGHT = date(2026, 3, 2)


def a_report(*lines: str, corrections: tuple[str, ...] = (), now: str = "09:00") -> NightReport:
    return NightReport(
        home=HOME.id,
        span=span_of(NIGHT, ZoneInfo("Europe/Amsterdam"), instant(now)),
        language="nl",
        title="Nachtrapportage",
        lines=lines,
        corrections=[
            Corrected(at=instant("07:40"), by=SANNE, night=NIGHT, about=HOME.id, line=2, text=one)
            for one in corrections
        ],
        beside="Verbetering",
    )


def text_of(section: Json) -> list[str | None]:
    """Return the paragraphs of a section, as an XML parser reads them."""
    return [one.text for one in ET.fromstring(section["text"]["div"])]


def test_a_report_is_a_document_that_begins_with_its_composition_and_holds_what_that_refers_to() -> None:
    [alert] = a_board(a_finding()).alerts.values()
    about = [one for one in WRITER.of_alert(alert) if one["resourceType"] in {"Observation", "Flag"}]
    told = WRITER.of_night(a_report("Om 02:10 uit bed.", "Rustig."), about, instant("09:00"))
    devices = bundles.devices_of(about, WRITER.of_plan(PLAN))
    document = checked(bundles.document(told, [*about, *devices], base=f"{BASE}/fhir"))
    first, *others = document["entry"]
    assert first["resource"]["resourceType"] == "Composition"
    there = {one["fullUrl"] for one in others}
    assert {f"{BASE}/fhir/{one['reference']}" for one in first["resource"]["section"][0]["entry"]} <= there
    devices_named = {one["resource"]["device"]["reference"] for one in others if "device" in one["resource"]}
    assert devices_named
    assert {f"{BASE}/fhir/{one}" for one in devices_named} <= there
    assert (document["type"], document["timestamp"]) == ("document", instant("09:00").isoformat())
    again = bundles.document(told, [*about, *devices], base=f"{BASE}/fhir")
    assert again["identifier"] == document["identifier"]
    other = WRITER.of_night(a_report("Om 02:10 uit bed.", "Onrustig."), about, instant("09:00"))
    assert bundles.document(other, about, base=BASE)["identifier"] != document["identifier"]


@pytest.mark.parametrize(
    ("now", "corrections", "status"),
    [
        ("03:00", (), "preliminary"),
        ("03:00", ("Zo.",), "preliminary"),
        ("09:00", (), "final"),
        ("09:00", ("Zo.",), "amended"),
    ],
)
def test_a_report_says_whether_its_night_is_over_and_whether_it_was_corrected(
    now: str, corrections: tuple[str, ...], status: str
) -> None:
    told = checked(WRITER.of_night(a_report("Rustig.", corrections=corrections, now=now), [], instant(now)))
    assert told["status"] == status
    assert len(told["author"]) == 1 + len(corrections)
    assert [one["author"][0]["identifier"]["value"] for one in told["section"][1:]] == [SANNE] * len(corrections)


@given(line=st.text(), correction=st.text())
@example(line="</div><script>alert(1)</script>", correction='<b onload="x">&amp;]]>\r\n\x00\ud800\ufffe')
def test_whatever_somebody_writes_in_a_report_is_text_of_it_and_no_markup(line: str, correction: str) -> None:
    told = WRITER.of_night(a_report(line, corrections=(correction,)), [], instant("09:00"))
    lines, beside = told["section"]
    for said, section in ((line, lines), (correction, beside)):
        [read] = text_of(section)
        assert len(read or "") == len(said)
        lost = "\N{REPLACEMENT CHARACTER}"
        assert all(a == b or (b == lost and not _in_xml(a)) for a, b in zip(said, read or "", strict=True))


def _in_xml(one: str) -> bool:
    """Whether XML 1.0 can hold a character (2.2, Char)."""
    n = ord(one)
    return n in {0x9, 0xA, 0xD} or 0x20 <= n <= 0xD7FF or 0xE000 <= n <= 0xFFFD or n >= 0x10000


def test_what_the_models_refuse_fails_here() -> None:
    [alert] = a_board(a_finding()).alerts.values()
    broken = WRITER.of_alert(alert)[0]
    del broken["code"]
    with pytest.raises(ValidationError):
        checked(broken)


@given(story=stories())
def test_whatever_happens_to_an_alert_what_is_told_of_it_is_valid_and_each_thing_has_one_id(
    story: list[Record],
) -> None:
    board = a_board(*story, plan=PLAN)
    for alert in board.alerts.values():
        told = [checked(one) for one in WRITER.of_alert(alert)]
        assert len({(one["resourceType"], one["id"]) for one in told}) == len(told)
        assert sum(one["id"].startswith("finding") for one in told) == len(alert.findings)
        checked(bundles.bundle(told, instant("05:00")))


def test_every_kind_of_finding_can_be_told() -> None:
    for what in What:
        found: Finding = msgspec.structs.replace(a_finding(what), value=3.0, count=2)
        assert of(found)["Observation"]
