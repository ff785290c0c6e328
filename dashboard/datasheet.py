"""The data sheet of a DPIA (GDPR article 35), made from what the code really stores.

Every kind of record and every column of every table is walked; a field that nobody has said the purpose of is refused
(`Unexplained`), so that nothing new is stored before somebody says what it is for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from html import escape

import msgspec

from care import database
from care.labels import CHANNELS
from care.points import MEASUREMENTS
from care.records import Record
from dashboard import access_log, people
from dashboard.retention import TABLE, Kept
from dashboard.series_purposes import PURPOSES


class Unexplained(Exception):
    """A field or column without a written purpose, by its name."""


@dataclass(frozen=True, slots=True)
class About:
    """What holds of a kind of data: whose it is, on what ground, who sees it."""

    whose: str
    ground: str
    seen_by: str


_CARE = "care agreement (GDPR 6(1)(b), 9(2)(h)); what the resident agrees to beyond that by consent"
_DUTY = "duty by law (GDPR 6(1)(c)): NEN 7513, accountability (GDPR 5(2))"
_SAFE = "interest in a safe service (GDPR 6(1)(f))"
_TEAM = "night desk and care team of the resident's organisation; the resident"

KINDS: dict[str, About] = {
    "alerts": About("resident; staff by id", _CARE, _TEAM),
    "nights": About("resident", _CARE, _TEAM),
    "states": About("resident", _CARE, _TEAM),
    "messages": About("residents, contacts and staff, by id", _CARE, "whoever was told; the care team"),
    "figures": About("residents, by home: no hour and no room", _SAFE, "care team, managers and privacy officer"),
    "upkeep": About("nobody", _SAFE, "care team and managers"),
    "shifts": About("staff, by id", _CARE, "night desk"),
    "pauses": About("resident; who asked, by id", _CARE, _TEAM),
    "agreed": About("resident; contacts and staff by id", _CARE, _TEAM),
    "accounts": About("nobody", _DUTY, "privacy officer"),
    "raw events": About("resident", _CARE, "nobody but the machine; the installer when something is broken"),
}

FIELDS = {
    **dict.fromkeys(("at", "since", "until", "day", "over_at", "there_at"), "when it was, begins or ends"),
    **dict.fromkeys(("home", "site", "place", "homes"), "which home or building, by id"),
    **dict.fromkeys(
        ("alert", "episode", "id", "asked", "about", "line", "number", "upto", "step"), "which one is meant"
    ),
    **dict.fromkeys(("by", "taken_by", "given_by", "contact", "to"), "who did it or is asked, by id"),
    "resident": "with whom it is agreed, by id: it ends when somebody else lives there",
    **dict.fromkeys(
        ("what", "kind", "kinds", "tiers", "value", "limit", "usual", "nights", "rank", "early", "count", "trouble"),
        "what was found, and why it is told",
    ),
    **dict.fromkeys(("room", "last_room", "last_at", "door_at", "window"), "where to look, and what was seen before"),
    **dict.fromkeys(("sensor", "sensors", "blind", "sight", "seen", "devices"), "which sensors saw it, or could not"),
    **dict.fromkeys(("presence", "paused"), "how the home stands now"),
    **dict.fromkeys(
        ("perhaps", "reason", "why", "cannot", "refusal", "refused", "untested"), "why, chosen from a list"
    ),
    **dict.fromkeys(
        ("outcome", "how", "follow", "means", "answer", "takeover", "by_voice", "took", "screen", "shown"),
        "what people did about it",
    ),
    **dict.fromkeys(("open", "aside"), "which alerts were open at the hand-over"),
    **dict.fromkeys(("note", "text"), "what no record tells, in two sentences at most; the page asks for no names"),
    **dict.fromkeys(("channel", "channels", "minutes"), "by which way somebody is reached, and for how long"),
    **dict.fromkeys(
        (
            *("night", "whole", "age", "left_out", "activity", "episodes", "exits", "visits", "minutes_out", "highest"),
            *("mostly_after", "rose", "to_bed", "stays"),
        ),
        "what a night came to: for the report, for what is usual, and for what homes teach one another",
    ),
    **dict.fromkeys(
        ("before", "after", "proposed", "found", "pools", "factor", "plan"),
        "what is or would be agreed, and its effect",
    ),
    **dict.fromkeys(("name", "zone"), "what the building is called, and its time zone"),
    **dict.fromkeys(
        ("model", "properties", "availability", "key", "signature", "digest", "origin", "packet", "topic", "payload"),
        "what a device is and said, so that a fault is found and a proof holds",
    ),
    **dict.fromkeys(("purpose", "basis", "consenting", "review"), "what for, on which ground and until when"),
    "barred": "which sensors may not be listened to",
    "wanted": "whether less watching is wanted",
    "parts": "what a contact may read",
    "word": "at whose word it is shared",
    **dict.fromkeys(("hourly", "nightly", "quiet"), "how many messages somebody wants, and when none"),
    **dict.fromkeys(("message", "again_at"), "which message it was, and when it is tried again"),
    **dict.fromkeys(("in_sight", "rows"), "what a night came to in figures, home by home"),
    **dict.fromkeys(
        ("measured_s", "cpu_s", "written_bytes", "sensors_bytes", "sent_bytes", "heard_bytes", "batteries", "levels"),
        "what watching takes of machines, network and batteries",
    ),
    "own_page": "that a call for help came from the resident's own page",
    "size": "how large a message was that could not be read",
}
"""What each field of a record is for; a field of one name is for one thing wherever it stands."""

TABLES: dict[str, tuple[About, dict[str, str]]] = {
    "staff": (
        About("staff", _CARE, "colleagues: the first name and initials"),
        {
            "id": "stands in records in place of the name",
            "name": "to sign in with",
            "first_name": "shown to colleagues and residents",
            "initials": "shown on a claimed alert",
            "password": "an argon2id hash",
        },
    ),
    "session": (
        About("staff", _SAFE, "nobody"),
        {
            "token": "a hash",
            "staff": "who",
            "until": "when it ends",
            "used_at": "when it was last used",
            "began_at": "from when, for its owner to see",
            "idle_s": "how long it may be unused",
            "client": "from which network address, for its owner to see",
            "device": "what the browser said it is, for its owner to see",
            "through": "by whose own sign-in they came",
        },
    ),
    "attempt": (
        About("whoever tries to sign in", _SAFE, "nobody"),
        {"at": "when", "name": "a hash of what was typed", "client": "the network address, to slow down guessing"},
    ),
    "resident": (About("resident", _CARE, _TEAM), {"id": "stands in records", "name": "how they like to be called"}),
    "contact": (
        About("contact", "consent of the resident and of the contact", _TEAM),
        {
            "id": "stands in records",
            "resident": "whose",
            "name": "who is called",
            "relation": "what they are to them",
            "number": "in which order they are called",
        },
    ),
    "address": (
        About("contact, resident or role", "consent of the contact", _TEAM),
        {"whose": "whose it is", "channel": "by which way", "address": "the number or address"},
    ),
    "channel": (
        About("nobody", _SAFE, "administrator"),
        {"name": "by which way phones are reached", "url": "the service, with its keys", "test_to": "its daily test"},
    ),
    "link": (
        About("contact", "consent of the contact", "nobody"),
        {"token": "a hash", "alert": "about which", "contact": "who was asked", "until": "when it ends"},
    ),
    "organisation": (About("nobody", _SAFE, "administrator"), {"id": "which", "name": "what it is called"}),
    "site": (About("nobody", _SAFE, "administrator"), {"id": "which building", "organisation": "whose it is"}),
    "post": (
        About("staff", _CARE, "administrator"),
        {
            "staff": "who",
            "organisation": "for whom they work",
            "role": "what they may do",
            "since": "from when",
            "until": "until when, for who is lent",
            "ground": "why somebody from elsewhere works here",
        },
    ),
    "wish": (
        About("resident", _CARE, _TEAM),
        {"resident": "whose", "first": "what is done first", "note": "a few words beside it"},
    ),
    "video": (About("nobody", _CARE, _TEAM), {"only_row": "there is one", "link": "where video calls start"}),
    "scrape_token": (
        About("nobody", _SAFE, "administrator"),
        {"only_row": "there is one", "digest": "a hash", "made_at": "when it was made"},
    ),
    "enrolment_code": (
        About("nobody", _SAFE, "administrator"),
        {
            "code": "a hash",
            "site": "for which building",
            "organisation": "whose it was",
            "made_at": "when it was made",
            "until": "when it ends",
            "used_for": "the key it was used for",
        },
    ),
    "gateway": (
        About("nobody", _SAFE, "administrator"),
        {
            "key": "its public key",
            "site": "which building",
            "serial": "of its certificate",
            "fingerprint": "of its certificate",
            "certificate": "by which it is let in",
            "signed_at": "when",
            "valid_from": "from when it is good",
            "valid_until": "until when it is good",
            "revoked_at": "when it was taken back",
        },
    ),
    "enrolment_log": (
        About("staff, by id; network addresses", _SAFE, "administrator"),
        {
            "at": "when",
            "what": "what was done or tried",
            "site": "for which building",
            "who": "who did, or from which address",
            "why": "why it was refused",
            "fingerprint": "of which certificate",
            "turn": "what came first, of the same moment",
        },
    ),
    "wants_factor": (
        About("staff", _SAFE, "administrator"),
        {"whose": "who must have a second step, or whose people must"},
    ),
    "totp": (
        About("staff", _SAFE, "nobody"),
        {
            "staff": "whose",
            "secret": "what codes are made of",
            "last_step": "so that no code is taken twice",
            "proven": "whether it works",
        },
    ),
    "recovery": (About("staff", _SAFE, "nobody"), {"code": "a hash", "staff": "whose"}),
    "passkey": (
        About("staff", _SAFE, "its owner"),
        {
            "id": "which",
            "staff": "whose",
            "public_key": "what it signs is held against this",
            "sign_count": "so that a copy is noticed",
            "rp": "for which host",
            "name": "to know it by",
            "added_at": "when",
        },
    ),
    "half_session": (
        About("staff", _SAFE, "nobody"),
        {"token": "a hash", "staff": "who has given a password", "until": "when it ends"},
    ),
    "challenge": (
        About("staff", _SAFE, "nobody"),
        {"holder": "who may answer", "challenge": "what must be signed", "until": "when it ends"},
    ),
    "invitation": (
        About("staff", _SAFE, "administrator"),
        {
            "token": "a hash",
            "organisation": "for whom they will work",
            "role": "as what",
            "by_staff": "who invited",
            "until": "when it ends",
            "id": "what its mail is addressed to",
            "address": "where it is mailed to, up to when it is used or ends",
        },
    ),
    "program": (
        About("nobody", _SAFE, "whoever has the machine of the centre"),
        {
            "id": "stands in the access log",
            "organisation": "whose homes it may ask about",
            "name": "what the program is called",
            "scopes": "what it may ask for",
            "token": "a hash",
            "since": "when it was let in",
            "until": "when that ends",
            "by_staff": "who let it in",
        },
    ),
    "hook": (
        About("nobody", _SAFE, "whoever has the machine of the centre"),
        {
            "id": "stands in the access log",
            "organisation": "of whose homes it is told",
            "name": "what the program is called",
            "kind": "how it is told",
            "url": "where it is told",
            "secret": "by which it knows that we said it, or we are let in there",
            "since": "when it was added",
            "told": "up to which record it was told",
            "told_at": "when it last took something",
            "failing_since": "since when it takes nothing",
            "why": "why it takes nothing",
            "refused": "how many things it said are wrong",
        },
    ),
    "emergency": (
        About("resident; staff by id", _DUTY, "privacy officer; the resident"),
        {
            "id": "which",
            "staff": "who opened a home without an agreement",
            "home": "which home",
            "resident": "whose",
            "organisation": "whose home it was",
            "reason": "why, in words",
            "began_at": "from when",
            "until": "until when",
            "judged_by": "who judged it",
            "judged_at": "when",
            "fit": "whether it was right",
            "verdict": "why, in words",
        },
    ),
    "openid": (
        About("nobody", _SAFE, "administrator"),
        {
            "organisation": "whose own sign-in",
            "issuer": "who vouches for its people",
            "client_id": "what we are called there",
            "secret": "what we show there",
            "claim": "by what somebody is known the first time",
        },
    ),
    "identity": (
        About("staff", _SAFE, "administrator"),
        {
            "organisation": "whose sign-in",
            "name": "what they are called there",
            "staff": "who it is here",
            "subject": "what they are called there for good",
        },
    ),
    "openid_flow": (
        About("staff", _SAFE, "nobody"),
        {
            "state": "a hash",
            "browser": "a hash",
            "organisation": "whose sign-in",
            "nonce": "so that no answer is used twice",
            "verifier": "so that only who asked can use the answer",
            "path": "where they were going",
            "until": "when it ends",
        },
    ),
    "house_code": (
        About("resident or contact", _CARE, "nobody"),
        {"code": "a hash", "resident": "whose pages", "contact": "for whom", "until": "when it ends"},
    ),
    "house_key": (
        About("resident or contact", _CARE, "the resident; the care team"),
        {
            "id": "which",
            "token": "a hash",
            "resident": "whose pages",
            "contact": "for whom",
            "device": "what kind of device, to know it by",
            "since": "from when",
            "used_at": "when it was last used",
            "until": "when it ends",
        },
    ),
    "usual_manner": (
        About("nobody", _CARE, "administrator"),
        {"organisation": "which", "formal": "u or je, for who chose neither"},
    ),
    "manner": (About("resident", _CARE, "nobody"), {"resident": "whose", "formal": "u or je"}),
    "taste": (
        About("contact", "consent of the contact", "the contact"),
        {
            "contact": "whose",
            "morning": "whether a message comes each morning",
            "contacted": "whether one comes after contact",
            "quiet_since": "from when none comes",
            "quiet_until": "until when none comes",
        },
    ),
    "push_key": (
        About("nobody", _SAFE, "nobody"),
        {"only_row": "there is one", "private": "by which push services know the centre"},
    ),
    "subscription": (
        About("resident, contact or staff", "consent of whoever has the device", "nobody"),
        {
            "endpoint": "where messages for a browser go",
            "whose": "whose browser",
            "p256dh": "so that only that browser can read it",
            "auth": "so that only that browser can read it",
            "made_at": "when",
            "taken_at": "when it last worked",
            "held": "by which key the device was let in: they end together",
            "number": "in which order they came",
        },
    ),
    "entry": (
        About("resident, staff and contacts, by id", _DUTY, "privacy officer; the resident, in plain words"),
        {
            "number": "its place in the chain",
            "at": "when",
            "resident": "about whom",
            "organisation": "for whom they work who did it",
            "body": "who, in which role, what of it, on what ground",
            "digest": "of it and all before it: nothing is taken out unseen",
        },
    ),
    "begun": (
        About("nobody", _DUTY, "privacy officer"),
        {"one": "there is one", "number": "up to where entries have left", "digest": "what they came to"},
    ),
}
"""What each column of each table is for. What comes new gets its line here before it is stored."""


def sheet(now: datetime) -> str:
    """Return the sheet as one HTML page. Raises `Unexplained`."""
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Nachtwacht: what is stored</title>',
        (
            "<style>body{font:1rem/1.5 sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
            "td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0}h3{margin:1.6rem 0 0}</style>"
        ),
        (
            f"<h1>What Nachtwacht stores</h1><p>Made from the program itself on {now:%Y-%m-%d}. Records hold ids, never"
            " names: names and addresses stand in the people store alone. Nachtwacht sends nothing outside the EU;"
            " a channel may, and is the organisation's choice.</p>"
        ),
        "<h2>How long</h2>",
        _table(("what", "where", "for how long", "why"), ((one.name, one.where, _span(one), one.why) for one in TABLE)),
        "<h2>Records</h2>",
    ]
    for kept in (one for one in TABLE if one.types):
        about = KINDS[kept.name]
        parts.append(_lead(kept.name, about, f"{kept.where}, {_span(kept)}"))
        parts.append(_table(("record", "what it says", "field", "for what"), _records(kept)))
    parts.append("<h2>Tables</h2>")
    for where, table, columns in tables():
        about, purposes = explained(table, columns)
        parts.append(_lead(table, about, where))
        parts.append(_table(("column", "for what"), ((column, purposes[column]) for column in columns)))
    ways = ", ".join(sorted(CHANNELS))
    parts.append(
        f"<h2>What leaves the centre</h2><p>Notices by channels ({escape(ways)} and others that are set up), with no"
        " name, room or health in them: what it is about stands behind a link that ends.</p>"
        "<h3>Time series</h3><p>Only where an address is set (docs/series.md): a server of the organisation's choice"
        " gets these figures of its own homes. Whose: residents, by home. Ground: interest in a safe service (GDPR"
        " 6(1)(f)), as data about health; whoever runs it is a processor (GDPR 28). How long: as it is told to.</p>"
    )
    parts.append(_table(("measurement", "what it says", "name", "what it is", "for what"), _series()))
    parts.append("</html>")
    return "".join(parts)


def purpose(tag: str, field: str) -> str:
    """Return what a field of a kind of record is for. Raises `Unexplained`."""
    try:
        return FIELDS[field]
    except KeyError as error:
        raise Unexplained(f"record {tag}, field {field}") from error


def series_purpose(measurement: str, name: str) -> str:
    """Return what a tag or field of a time series is for. Raises `Unexplained`."""
    try:
        return PURPOSES[name]
    except KeyError as error:
        raise Unexplained(f"time series {measurement}, {name}") from error


def explained(table: str, columns: list[str]) -> tuple[About, dict[str, str]]:
    """Return what holds of a table, with what each column is for. Raises `Unexplained`."""
    if table not in TABLES:
        raise Unexplained(f"table {table}")
    about, purposes = TABLES[table]
    for column in columns:
        if column not in purposes:
            raise Unexplained(f"table {table}, column {column}")
    return about, purposes


def tables() -> Iterator[tuple[str, str, list[str]]]:
    """Yield every table that a new centre makes beside its journal: where, its name, its columns."""
    for where, db in (("people", people.connect(":memory:")), ("access log", access_log.connect(":memory:"))):
        try:
            for name in database.tables(db):
                yield where, name, database.columns(db, name)
        finally:
            db.close()


def records() -> Iterator[tuple[str, type, list[str]]]:
    """Yield every kind of record: its tag, its type, its fields."""
    for kind in Record.__args__:
        yield str(kind.__struct_config__.tag), kind, [field.name for field in msgspec.structs.fields(kind)]


def _records(kept: Kept) -> Iterator[tuple[str, str, str, str]]:
    for tag, kind, fields in records():
        if kind in kept.types:
            said = (kind.__doc__ or "").partition("\n")[0]
            for n, field in enumerate(fields):
                yield (tag if n == 0 else "", said if n == 0 else "", field, purpose(tag, field))


def _series() -> Iterator[tuple[str, ...]]:
    for measurement, about in MEASUREMENTS.items():
        for n, (name, meaning) in enumerate((about.tags | about.fields).items()):
            head = (measurement, about.says) if n == 0 else ("", "")
            yield (*head, name, meaning, series_purpose(measurement, name))


def _span(kept: Kept) -> str:
    return "until it is erased, or for good" if kept.days is None else f"{kept.days} days"


def _lead(title: str, about: About, where: str) -> str:
    said = f"Whose: {about.whose}. Ground: {about.ground}. Seen by: {about.seen_by}. Where: {where}."
    return f"<h3>{escape(title)}</h3><p>{escape(said)}</p>"


def _table(columns: tuple[str, ...], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
