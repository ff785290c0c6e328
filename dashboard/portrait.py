"""Everything about a person as a file that they can read, and take elsewhere (GDPR article 20): JSON and a page."""

import io
import zipfile
from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Any

import msgspec

from care.labels import TITLES
from care.wording import Wording
from detectors.findings import What

_TABLES = {
    "resident": "Hoe u genoemd wilt worden",
    "contact": "Wie u kan helpen",
    "address": "Waar zij en u bereikbaar zijn",
    "wish": "Wat eerst gedaan wordt",
    "link": "Vragen die nu openstaan",
}
_KINDS = {
    "plan": "Uw woning en wat er hangt",
    "finding": "Meldingen",
    "cleared": "Meldingen die vanzelf voorbij waren",
    "claimed": "Wie een melding oppakte",
    "resolved": "Hoe meldingen afliepen",
    "summary": "Uw nachten",
    "status": "Of u in bed of op was",
    "changed": "Wat er met u is afgesproken",
    "consented": "Wie gevraagd mag worden",
    "paused": "Pauzes",
    "pause-ended": "Einde van een pauze",
    "corrected": "Wat er bij een verslag is gezet",
}
_STYLE = "body{font:1rem/1.5 sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}h2{margin-top:2rem}"  # noqa: E501


def packed(found: Mapping[str, Any], now: datetime) -> bytes:
    """Return a ZIP of `gegevens.json` and `gegevens.html`, from what `persons.everything` found."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("gegevens.json", msgspec.json.format(msgspec.json.encode(found), indent=1))
        made.writestr("gegevens.html", page(found, now))
    return file.getvalue()


def page(found: Mapping[str, Any], now: datetime) -> str:
    """Return the page in Dutch: for whoever it is about, so nothing in it is short for something else."""
    plain = msgspec.to_builtins(found)
    wording = Wording("nl")
    parts = [
        f'<!doctype html><html lang="nl"><meta charset="utf-8"><title>Uw gegevens</title><style>{_STYLE}</style>',
        (
            f"<h1>Uw gegevens bij de nachtzorg</h1><p>Gemaakt op {_when(now.isoformat(), wording)}. Uw nummer is"
            f" {escape(plain['resident'])}. Hetzelfde staat in gegevens.json. Dat kan een ander programma lezen.</p>"
        ),
    ]
    for table, rows in plain["people"].items():
        parts.append(
            _table(_TABLES.get(table, table), next(list(row) for row in rows[:1]), [row.values() for row in rows])
        )
    kinds: dict[str, list[dict[str, Any]]] = {}
    for one in plain["journal"]:
        kinds.setdefault(one["record"]["type"], []).append(one["record"])
    for kind, records in kinds.items():
        rows = [(_when(record["at"], wording), _said(record, wording)) for record in records]
        parts.append(_table(_KINDS.get(kind, kind), ["Wanneer", "Wat"], rows))
    looked = [(_when(one["at"], wording), one["by"], one["what"], one["ground"]) for one in plain["looked"]]
    parts.append(_table("Wie keek naar uw gegevens", ["Wanneer", "Wie", "Wat", "Waarom"], looked))
    return "".join(parts) + "</html>"


def _table(title: str, columns: list[str], rows: Any) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _said(record: Mapping[str, Any], wording: Wording) -> str:
    what = record.get("what")
    title = wording.say(TITLES[What(what)]) if what in set(What) and What(what) in TITLES else ""
    rest = {name: value for name, value in record.items() if name not in {"type", "at", "what"}}
    said = "; ".join(f"{name}: {_plain(value)}" for name, value in rest.items() if value not in (None, "", [], {}))
    return f"{title}. {said}" if title else said


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _when(text: str, wording: Wording) -> str:
    at = datetime.fromisoformat(text).astimezone(wording.zone)
    return f"{at:%d-%m-%Y %H:%M}"
