"""Hooks: programs elsewhere that the centre tells by itself what changed, one organisation's each.

Rows of the people store, with how far each has been told: up to a number of the journal. What is told is how things
stand when it is told, and not each step on the way there: after an outage nobody reads a week back.

What is decided here is pure; `dashboard.hooking` does it.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from care.alerts import alert_of
from care.database import Database, transaction
from care.ids import AlertId
from care.journal import Entry
from dashboard.organisations import OrganisationId, name_of
from dashboard.typed import BadInput, tidy
from detectors.findings import Cleared, Finding, Status
from detectors.homes import HomeId
from detectors.nights import Summary

One = TypeVar("One")

HOOKS_MAX = 20  # of one organisation
FIRST_PAUSE = timedelta(seconds=2)  # after a try that failed; twice as long each time
LONGEST_PAUSE = timedelta(minutes=5)
ASKED_MAX = timedelta(hours=1)  # that a receiver may ask us to wait (`Retry-After`)
SECRET_BYTES = 32

SCHEMA = """
CREATE TABLE IF NOT EXISTS hook (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisation,
    name TEXT NOT NULL,            -- of the program, and of no person
    kind TEXT NOT NULL,            -- 'events' or 'fhir'
    url TEXT NOT NULL,
    secret TEXT NOT NULL,          -- signs what is told; of a care record the token it is asked with
    since REAL NOT NULL,
    told INTEGER NOT NULL,         -- the journal's number up to which it has been told
    told_at REAL,                  -- when it last took something
    failing_since REAL,
    why TEXT NOT NULL DEFAULT '',  -- it took nothing the last time
    refused INTEGER NOT NULL DEFAULT 0   -- things that it said are wrong: they were left out, and it went on
) STRICT, WITHOUT ROWID;
"""


class Kind(StrEnum):
    """How a program is told."""

    EVENTS = "events"  # JSON of ours, signed
    FHIR = "fhir"  # a care record's endpoint: batches of resources, each put at its id


class Hook(NamedTuple):
    """A program that is told."""

    id: str
    organisation: OrganisationId
    name: str
    kind: Kind
    url: str
    secret: str
    told: int
    told_at: datetime | None
    failing_since: datetime | None
    why: str
    refused: int


class Touched(NamedTuple):
    """What some records of the journal have changed."""

    alerts: list[AlertId]  # each once, in the order of what changed it last
    homes: list[HomeId]
    nights: list[HomeId]
    upto: int  # the number of the last of them


def touched(entries: Iterable[Entry]) -> Touched:
    """Return what records have changed, so far as a program is told of it. Empty entries change nothing up to 0."""
    alerts, homes, nights, upto = dict[AlertId, None](), dict[HomeId, None](), dict[HomeId, None](), 0
    for entry in entries:
        upto = entry.number
        match entry.record:
            case Finding() | Cleared():
                _last(alerts, alert_of(entry.record))
            case Status():
                _last(homes, entry.record.home)
            case Summary():
                _last(nights, entry.record.home)
            case _:
                alert = getattr(entry.record, "alert", None)
                if alert is not None:
                    _last(alerts, alert)
    return Touched(list(alerts), list(homes), list(nights), upto)


def pause(tries: int, asked_s: float | None = None) -> timedelta:
    """Return how long to wait after so many tries that failed, one and up.

    A receiver that asks for longer gets it, within an hour.

    >>> pause(1).total_seconds(), pause(3).total_seconds(), pause(40).total_seconds(), pause(1, 90).total_seconds()
    (2.0, 8.0, 300.0, 90.0)
    """
    ours: timedelta = min(FIRST_PAUSE * (1 << min(tries - 1, 20)), LONGEST_PAUSE)
    return ours if asked_s is None else min(max(ours, timedelta(seconds=asked_s)), ASKED_MAX)


def signed(secret: str, message: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers by which a receiver knows that we said it, and when (Standard Webhooks 1.0.0, symmetric).

    `message` is the same for the same thing told again: by it a receiver knows what it has already.
    """
    stamp = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.digest(key, f"{message}.{stamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": message,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


def message_of(hook: Hook, after: int, upto: int) -> str:
    """Return by what a message is known: whom it is to, and which records it comes of."""
    return f"msg_{hook.id.removeprefix('h-')}_{after}_{upto}"


def add(
    db: Database,
    organisation: str,
    name: str,
    kind: Kind,
    url: str,
    *,
    now: datetime,
    told: int,
    secret: str = "",
) -> Hook:
    """Tell a program from now on of what comes after a number of the journal.

    Parameters
    ----------
    secret : of a care record, the token it is asked with; events get one of their own.

    Raises `NoOrganisation`, or `BadInput` with what is wrong.
    """
    name_of(db, organisation)
    name, parts = tidy(name), urlsplit(url)
    here = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if parts.scheme not in ({"http", "https"} if here else {"https"}) or not parts.hostname:
        raise BadInput(f"{url!r} is no address that can be told in secret: it begins with https://.")
    if parts.username or parts.password:
        raise BadInput("A password does not belong in an address: it would stand in logs.")
    if kind is Kind.EVENTS:
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"
    hook_id = f"h-{secrets.token_hex(4)}"
    with transaction(db):
        if len(of(db, organisation)) >= HOOKS_MAX:
            raise BadInput(f"{organisation!r} has {HOOKS_MAX} hooks already: end some first.")
        row = (hook_id, organisation, name, kind.value, url, secret, now.timestamp(), told)
        db.execute(
            "INSERT INTO hook (id, organisation, name, kind, url, secret, since, told) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
    return next(one for one in of(db, organisation) if one.id == hook_id)


def of(db: Database, organisation: str | None = None) -> list[Hook]:
    """Return the hooks of an organisation, or all, the newest last."""
    rows = db.execute(f"{_READ} WHERE ? IN (organisation, '') ORDER BY since, id", (organisation or "",))
    return [_read(row) for row in rows]


def end(db: Database, hook: str) -> bool:
    """Tell a program nothing more; return whether there was one."""
    return db.execute("DELETE FROM hook WHERE id = ?", (hook,)).rowcount > 0


def note_told(db: Database, hook: Hook, upto: int, now: datetime, *, refused: int = 0) -> None:
    """Note that it has been told up to a number; `refused` of the things in it it said are wrong."""
    db.execute(
        "UPDATE hook SET told = ?, told_at = ?, failing_since = NULL, why = '', refused = refused + ?"
        " WHERE id = ? AND told <= ?",
        (upto, now.timestamp(), refused, hook.id, upto),
    )


def note_passed(db: Database, hook: Hook, upto: int) -> None:
    """Note that up to a number there was nothing to tell it."""
    db.execute("UPDATE hook SET told = ? WHERE id = ? AND told <= ?", (upto, hook.id, upto))


def note_failed(db: Database, hook: Hook, why: str, now: datetime) -> None:
    """Note that it took nothing, and why."""
    db.execute(
        "UPDATE hook SET failing_since = coalesce(failing_since, ?), why = ? WHERE id = ?",
        (now.timestamp(), why, hook.id),
    )


_READ = "SELECT id, organisation, name, kind, url, secret, told, told_at, failing_since, why, refused FROM hook"


def _read(row: tuple[str, str, str, str, str, str, int, float | None, float | None, str, int]) -> Hook:
    hook, organisation, name, kind, url, secret, told, told_at, failing, why, refused = row
    last, since = (None if at is None else datetime.fromtimestamp(at, UTC) for at in (told_at, failing))
    return Hook(hook, OrganisationId(organisation), name, Kind(kind), url, secret, told, last, since, why, refused)


def _last(known: dict[One, None], one: One) -> None:
    known.pop(one, None)
    known[one] = None
