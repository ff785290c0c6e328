"""What a care record is told, as HL7 FHIR R4 (4.0.1) resources: plain data, ready to be written as JSON. Pure.

R4 has no resource for an alarm. Here an alert is an Observation over those of its findings, with the parts that the
DeviceAlert of R6 (ballot 4) asks for as its components: type, condition, priority, presence and activation. A later
version can lift them out without asking anybody anew.

Nobody has a name in it. A person is a logical reference: the identifier that this centre knows them by, which the care
record holds beside its own. Ids of resources are made of what they tell, so that telling again changes one, and makes
no second.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, NamedTuple

from care.alerts import Alert, Tier
from care.asking import Answer, Arrived, CalledOff, Noticed, Opened, Passed, Refusal, Replied, Skipped
from care.measures import Basis, MeasureAgreed, MeasureEnded
from care.records import By, Corrected, Follow, Followed, Plan, encode
from care.reports import Span
from care.sharing import Shared
from care.sights import TELLS_OF_SENSORS
from detectors.findings import BUILDING, Finding, What
from detectors.homes import HomeId, ResidentId, SiteId

Json = dict[str, Any]

VERSION = "4.0.1"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
UNITS = "http://unitsofmeasure.org"
CONSENT_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
CONSENT_CATEGORY = "http://terminology.hl7.org/CodeSystem/consentcategorycodes"
PROVENANCE_AGENT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
ACTIVITY = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
CHANGED = "_lastUpdated"  # the search parameter
AUDIT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-event-type"
OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
MODES = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode"

_TECHNICAL = BUILDING | TELLS_OF_SENSORS
_PRIORITY = {Tier.ACUTE: "high", Tier.SOON: "medium", Tier.REVIEW: "low", Tier.TECHNICAL: "advisory"}
_TASK = {Tier.ACUTE: "stat", Tier.SOON: "urgent", Tier.REVIEW: "routine", Tier.TECHNICAL: "routine"}
_CHANNELS = {"mail": "WRITTEN", "email": "WRITTEN", "sms": "SMSWRIT", "phone": "PHONE", "video": "VIDEOCONF"}
_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\U00010000-\U0010ffff]")
_COUNTED = {What.RESTLESS: "{times}", What.NOCTURIA: "{visits}/d", What.SHIFT: "h", What.BATTERY: "%"}


_ACTIONS = {"read": "R", "printed": "R", "exported": "R", "changed": "U", "erased": "D"}
_PERSONS = {"resident": "Patient", "staff": "Practitioner", "contact": "RelatedPerson"}


class Looked(NamedTuple):
    """An entry of the access log, as far as a care record is told of it."""

    number: int
    at: datetime
    by: str  # "staff:ID", "contact:ID", "resident:ID", "program:ID" or "system"
    role: str  # with commas between, if several
    deed: str
    what: str
    ground: str
    resident: ResidentId | None = None
    about: str = ""


class NightReport(NamedTuple):
    """The report of one client's night (`care.reports`), as a care record is told of it."""

    home: HomeId
    span: Span
    language: str
    title: str
    lines: Sequence[str]
    corrections: Sequence[Corrected] = ()
    beside: str = ""  # the word for something that was put beside a line


class Writer:
    """Writes resources of one centre.

    Parameters
    ----------
    base : under which this centre's identifiers and codes are its own, without a slash at the end: its own address.
    residents : who lives in each home. What is about a home in which nobody is known to live is about its place.
    """

    def __init__(self, base: str, residents: Mapping[HomeId, ResidentId]) -> None:
        self._base, self._residents = base, residents

    # Of an alert.

    def of_alert(self, alert: Alert) -> list[Json]:
        """Return all that is told of one alert: what was found, who was told and answered, who went, and by what."""
        found = [self._finding(alert, one) for one in alert.findings]
        summed = self._alert(alert, found)
        told = list(self._communications(alert))
        visits = self._visits(alert)
        flags = [] if alert.tier is not Tier.REVIEW else [self._flag(alert)]
        observed = [*found, summed]
        return [*observed, *flags, *told, *visits, self._provenance(alert, observed)]

    def _finding(self, alert: Alert, finding: Finding) -> Json:
        seen = (
            ("usual", finding.usual, "min"),
            ("limit", finding.limit, "min"),
            ("rank", finding.rank, "1"),
            ("nights", None if finding.nights is None else float(finding.nights), "{nights}"),
            ("blind-sensors", float(len(finding.blind)) or None, "{sensors}"),
        )
        parts = [self._part(name, value=(value, unit)) for name, value, unit in seen if value is not None]
        parts += [self._part("perhaps", code=str(one)) for one in finding.perhaps]
        if finding.room is not None:
            parts.append(self._part("room", text=str(finding.room)))
        measured: Json = {}
        if finding.value is not None:
            measured = {"valueQuantity": _quantity(finding.value, _COUNTED.get(finding.what, "1"))}
        elif finding.at > finding.since:
            minutes = (finding.at - finding.since).total_seconds() / 60
            measured = {"valueQuantity": _quantity(minutes, "min")}
        return {
            "resourceType": "Observation",
            "id": _id("finding", alert.id, encode(finding)),
            "status": "final",
            "category": [_concept(OBSERVATION_CATEGORY, "activity" if finding.what not in _TECHNICAL else "survey")],
            "code": self._code("finding", finding.what),
            **self._about(finding.home),
            "effectivePeriod": {"start": _at(finding.since), "end": _at(finding.at)},
            "issued": _at(finding.at),
            "device": {"reference": f"Device/{_device(finding.home.partition('/')[0], finding.sensor)}"},
            **measured,
            **({"component": parts} if parts else {}),
        }

    def _alert(self, alert: Alert, found: Sequence[Json]) -> Json:
        ended = alert.resolved.at if alert.resolved is not None and not alert.open else None
        parts = [
            self._part("type", code="technical" if alert.main.what in _TECHNICAL else "physiological"),
            self._part("priority", code=_PRIORITY[alert.tier]),
            self._part("presence", code="off" if alert.over else "on"),
            self._part("activation", code=str(alert.state)),
        ]
        if alert.resolved is not None and not alert.open:
            parts.append(self._part("outcome", code=str(alert.resolved.outcome)))
            parts.append(self._part("how", code=str(alert.resolved.how)))
        return {
            "resourceType": "Observation",
            "id": f"alert-{alert.id}",
            "status": "final" if ended is not None else "preliminary",
            "category": [_concept(OBSERVATION_CATEGORY, "activity")],
            "code": self._code("alert", alert.main.what),
            **self._about(alert.home),
            "effectivePeriod": {"start": _at(alert.raised_at)} | ({} if ended is None else {"end": _at(ended)}),
            "issued": _at(alert.arrived_at),
            "hasMember": [_to(one) for one in found],
            "component": parts,
        }

    def _flag(self, alert: Alert) -> Json:
        period: Json = {"start": _at(alert.raised_at)}
        if alert.resolved is not None and not alert.open:
            period["end"] = _at(alert.resolved.at)
        return {
            "resourceType": "Flag",
            "id": f"flag-{alert.id}",
            "status": "active" if alert.open else "inactive",
            "code": self._code("finding", alert.main.what),
            **self._about(alert.home),
            "period": period,
            "author": self._gateway(alert.home),
        }

    def _communications(self, alert: Alert) -> Iterable[Json]:
        for asked in (one for one in alert.passing if isinstance(one, Passed)):
            later = [one for one in alert.passing if one.at >= asked.at and _whose(one) == asked.to]
            replies = [one for one in later if isinstance(one, Replied)]
            seen = [one for one in later if isinstance(one, Arrived | Opened | Replied)]
            noticed = [one for one in later if isinstance(one, Noticed)]
            refused = [one.refusal for one in noticed if one.refusal not in (None, Refusal.NO_ANSWER)]
            took = [one for one in noticed if one.refusal is None]
            failed = bool(refused) and not took and not seen
            yield {
                "resourceType": "Communication",
                "id": _id("asked", alert.id, encode(asked)),
                "status": "not-done" if failed else "completed" if seen else "in-progress",
                **({"statusReason": self._code("refusal", refused[-1] or "")} if failed else {}),
                "category": [self._code("line", asked.line)],
                "priority": _TASK[alert.tier],
                "medium": [_concept(MODES, _CHANNELS.get(one, "ELECTRONIC")) for one in asked.channels],
                **self._about(alert.home),
                "reasonReference": [{"reference": f"Observation/alert-{alert.id}"}],
                "reasonCode": [self._code("why", asked.why)],
                "sent": _at(asked.at),
                **({"received": _at(seen[0].at)} if seen else {}),
                "recipient": [self._person("contact", asked.to)],
                **({"payload": [{"contentString": str(one.answer)} for one in replies]} if replies else {}),
            }

    def _visits(self, alert: Alert) -> list[Json]:
        visits = [one for one in alert.follows if one.follow in (Follow.COMING, Follow.NOT_REACHED)]
        staff = partial(self._person, "staff")
        answers = [one for one in alert.passing if isinstance(one, Replied) and one.answer is Answer.GOING]
        return [
            *(self._visit(alert, one, one.means, owner=staff(one.by), sent_by=staff(one.by)) for one in visits),
            *(
                self._visit(alert, one, By.FAMILY, owner=self._person("contact", one.by), sent_by=self._centre())
                for one in answers
            ),
        ]

    def _visit(self, alert: Alert, said: Followed | Replied, means: By, *, owner: Json, sent_by: Json) -> Json:
        done = alert.resolved if not alert.open else None
        return {
            "resourceType": "Task",
            "id": _id("visit", alert.id, encode(said)),
            "status": "in-progress" if done is None else "completed",
            "intent": "order",
            "priority": _TASK[alert.tier],
            "code": self._code("means", means),
            "focus": {"reference": f"Observation/alert-{alert.id}"},
            "for": self._about(alert.home)["subject"],
            "authoredOn": _at(said.at),
            "lastModified": _at(done.at if done is not None else said.at),
            "executionPeriod": {"start": _at(said.at)} | ({} if done is None else {"end": _at(done.at)}),
            "requester": sent_by,
            "owner": owner,
        }

    def _provenance(self, alert: Alert, observed: Sequence[Json]) -> Json:
        return {
            "resourceType": "Provenance",
            "id": f"provenance-{alert.id}",
            "target": [_to(one) for one in observed],
            "occurredPeriod": {"start": _at(alert.findings[0].since), "end": _at(alert.main.at)},
            "recorded": _at(alert.arrived_at),
            "activity": _concept(ACTIVITY, "CREATE"),
            "agent": [
                {"type": _concept(PROVENANCE_AGENT, "assembler"), "who": self._gateway(alert.home)},
                {"type": _concept(PROVENANCE_AGENT, "custodian"), "who": self._centre()},
            ],
        }

    # Of a night.

    def id_of_night(self, home: HomeId, night: date) -> str:
        """Return the id of the report of one client's night, however often it is written."""
        return _id("night", home, night.isoformat().encode())

    def of_night(self, report: NightReport, rests_on: Sequence[Json], at: datetime) -> Json:
        """Return the report of a night: its five lines, and each correction as a section by whoever wrote it.

        Parameters
        ----------
        rests_on : what it tells of, in the order in which it is referred to.
        at : how things stood when it was written.
        """
        status = "preliminary" if report.span.running else "amended" if report.corrections else "final"
        staff = dict.fromkeys(one.by for one in report.corrections)
        code = self._code("document", "night-report") | {"text": report.title}  # no LOINC: it is no nurse's note
        lines = narrative(report.lines, report.language)
        refers = {"entry": [_to(one) for one in rests_on]} if rests_on else {}
        return {
            "resourceType": "Composition",
            "id": self.id_of_night(report.home, report.span.night),
            "language": report.language,
            "identifier": self._identifier("night-report", f"{report.home}/{report.span.night.isoformat()}"),
            "status": status,
            "type": code,
            **self._about(report.home),
            "date": _at(at),
            "author": [self._gateway(report.home), *(self._person("staff", one) for one in staff)],
            "title": report.title,
            "custodian": self._centre(),
            "event": [{"period": {"start": _at(report.span.start), "end": _at(report.span.end)}}],
            "section": [
                {"title": report.title, "text": lines, **refers},
                *(
                    {
                        "title": f"{report.beside} {one.line}",
                        "author": [self._person("staff", one.by)],
                        "text": narrative([one.text], report.language),
                    }
                    for one in report.corrections
                ),
            ],
        }

    # Of a building.

    def of_plan(self, plan: Plan) -> list[Json]:
        """Return the gateway of a building and the sensors that stand in its homes."""
        gateway = self._device(plan.site, None, "gateway", {})
        sensors = [
            self._device(
                plan.site,
                sensor.id,
                str(sensor.kind),
                {
                    "parent": {"reference": f"Device/{gateway['id']}"},
                    "patient": self._person("resident", home.resident),
                    "location": {"identifier": self._identifier("room", f"{home.id}/{sensor.room}")},
                },
            )
            for home in plan.homes
            for sensor in home.sensors
        ]
        return [gateway, *sensors]

    def _device(self, site: SiteId, sensor: str | None, kind: str, more: Json) -> Json:
        identity = self._identifier("device", f"{site}/{sensor}" if sensor is not None else str(site))
        return {
            "resourceType": "Device",
            "id": _device(site, sensor),
            "identifier": [identity],
            "status": "active",
            "type": self._code("device", kind),
            "owner": self._centre(),
            **more,
        }

    # Of what was agreed.

    def of_measure(self, agreed: MeasureAgreed, ended: MeasureEnded | None = None) -> Json:
        """Return that sensors may watch somebody: what for, by what right, and until when. `ended`: before that day."""
        until = agreed.review if ended is None else min(agreed.review, ended.at)
        by_right = "involuntary" if agreed.basis is not Basis.AGREED else "agreed"
        return {
            "resourceType": "Consent",
            "id": _id("measure", agreed.home, encode(agreed)),
            "status": "active" if ended is None else "inactive",
            "scope": _concept(CONSENT_SCOPE, "treatment"),
            "category": [self._code("consent", by_right)],
            "patient": self._person("resident", agreed.resident),
            "dateTime": _at(agreed.at),
            "performer": [self._person("staff", agreed.by)],
            "policyRule": self._code("basis", agreed.basis),
            "provision": {
                "type": "permit",
                "period": {"start": _at(agreed.at), "end": _at(until)},
                "purpose": [self._coding("purpose", agreed.purpose)],
                "code": [self._code("device", kind) for kind in agreed.kinds],
            },
        }

    def of_shared(self, shared: Shared, now: datetime) -> Json:
        """Return what a resident lets one person read, and until when; nothing any more, if it says so."""
        active = bool(shared.parts) and now < shared.until
        return {
            "resourceType": "Consent",
            "id": _id("shared", shared.resident, shared.contact.encode()),
            "status": "active" if active else "inactive",
            "scope": _concept(CONSENT_SCOPE, "patient-privacy"),
            "category": [_concept(CONSENT_CATEGORY, "infa")],
            "patient": self._person("resident", shared.resident),
            "dateTime": _at(shared.at),
            "policyRule": self._code("word", shared.word),
            "provision": {
                "type": "permit" if shared.parts else "deny",
                "period": {"start": _at(shared.at), "end": _at(max(shared.at, shared.until))},
                "actor": [
                    {"role": self._code("role", "contact"), "reference": self._person("contact", shared.contact)}
                ],
                **({"code": [self._code("shared", one) for one in shared.parts]} if shared.parts else {}),
            },
        }

    # Its words.

    def _about(self, home: HomeId) -> Json:
        resident = self._residents.get(home)
        if resident is not None:
            return {"subject": self._person("resident", resident)}
        return {"subject": {"type": "Location", "identifier": self._identifier("home", home)}}

    def _person(self, kind: str, one: str) -> Json:
        return {"type": _PERSONS[kind], "identifier": self._identifier(kind, one)}

    def _centre(self) -> Json:
        return {"type": "Organization", "identifier": self._identifier("centre", "centre")}

    def _gateway(self, home: HomeId) -> Json:
        return {"type": "Device", "identifier": self._identifier("device", home.partition("/")[0])}

    def _identifier(self, kind: str, value: str) -> Json:
        return {"system": f"{self._base}/id/{kind}", "value": value}

    def _coding(self, table: str, code: str) -> Json:
        return {"system": f"{self._base}/code/{table}", "code": str(code)}

    def _code(self, table: str, code: str) -> Json:
        return {"coding": [self._coding(table, code)]}

    def _part(
        self, name: str, *, code: str | None = None, value: tuple[float, str] | None = None, text: str | None = None
    ) -> Json:
        part: Json = {"code": self._code("part", name)}
        if code is not None:
            part["valueCodeableConcept"] = self._code(name, code)
        if value is not None:
            part["valueQuantity"] = _quantity(*value)
        if text is not None:
            part["valueString"] = text
        return part

    # Of who looked.

    def of_look(self, look: Looked) -> Json:
        """Return that somebody did something with data about somebody (NEN 7513, IHE BALP)."""
        kind, _, who = look.by.partition(":")
        agent: Json = {"requestor": True}
        if kind in _PERSONS:
            agent["who"] = self._person(kind, who)
        else:
            agent["who"] = {"type": "Device", "identifier": self._identifier("program", who or kind)}
        if look.role:
            agent["role"] = [self._code("role", one) for one in look.role.split(",")]
        entities = []
        if look.resident is not None:
            entities.append({"what": self._person("resident", look.resident), "role": _coded(OBJECT_ROLE, "1")})
        if look.about:
            entities.append({"what": {"identifier": self._identifier("about", look.about)}})
        return {
            "resourceType": "AuditEvent",
            "id": f"look-{look.number}",
            "type": _coded(AUDIT_TYPE, "rest"),
            "subtype": [self._coding("page", look.what)],
            "action": _ACTIONS.get(look.deed, "E"),
            "recorded": _at(look.at),
            "outcome": "4" if look.deed == "tried" else "0",
            "purposeOfEvent": [self._code("ground", look.ground)],
            "agent": [agent],
            "source": {"observer": self._centre()},
            **({"entity": entities} if entities else {}),
        }


def dated(resource: Json, changed_at: datetime) -> Json:
    """Return a resource with when what it tells last changed."""
    return resource | {"meta": {"lastUpdated": _at(changed_at)}}


def narrative(lines: Iterable[str], language: str) -> Json:
    """Return lines as text that people read (XHTML): whatever stands in a line is text of it, and never markup."""
    said = "".join(f"<p>{_escaped(line)}</p>" for line in lines)
    div = f'<div xmlns="http://www.w3.org/1999/xhtml" lang="{language}" xml:lang="{language}">{said}</div>'
    return {"status": "generated", "div": div}


def path_of(resource: Json) -> str:
    """Return where a resource stands, below the address of whoever holds it: "Task/task-0a1b"."""
    return f"{resource['resourceType']}/{resource['id']}"


def _to(resource: Json) -> Json:
    return {"reference": path_of(resource)}


def _coded(system: str, code: str) -> Json:
    return {"system": system, "code": code}


def _concept(system: str, code: str) -> Json:
    return {"coding": [_coded(system, code)]}


def _quantity(value: float, unit: str) -> Json:
    return {"value": round(value, 4), "unit": unit, "system": UNITS, "code": unit}


def _at(instant: datetime) -> str:
    return instant.isoformat()


def _whose(record: object) -> str | None:
    """Return whom a record of an alert's way is about."""
    match record:
        case Noticed() | CalledOff() | Passed() | Skipped():
            return record.to
        case Arrived() | Opened() | Replied():
            return record.by
    return None


def _device(site: str, sensor: str | None) -> str:
    return _id("device", site, (sensor or "").encode())


def _id(kind: str, of: str, body: bytes) -> str:
    """Return an id that is the same whenever the same is told: letters, digits and hyphens, 64 at most (R4, id)."""
    digest = hashlib.blake2b(f"{kind}\n{of}\n".encode() + body, digest_size=12).hexdigest()
    return f"{kind}-{digest}"


def _escaped(line: str) -> str:
    """Return a line as XML has it (1.0, 2.2): a character that XML cannot hold is shown as one that was lost."""
    line = _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", line)
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
