"""House keys: the tablet of a resident and the phones of family and neighbours, each let in to what is theirs.

A key is a long random text that only one device has. It opens the pages of exactly one resident, or what that
resident shares with exactly one contact; never a page of staff, as no session of staff opens these. It comes of a code
that is good once: 60 bits, so that nobody guesses one within its days. Of codes and keys the hashes are kept. With a
key ends what its device is told (`dashboard.push`).
Moments are real time, as those of sessions are.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from care.database import Database, transaction
from care.ids import ContactId
from dashboard.rows import digest
from detectors.homes import ResidentId

CODE_FOR_RESIDENT = timedelta(hours=24)
CODE_FOR_CONTACT = timedelta(days=7)
KEY = timedelta(days=365)  # and then somebody of the care team comes by once more
KEYS_MAX = 20  # of one resident, and of one contact; the oldest goes when a further one comes

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 32 that nobody mistakes for one another on paper
_CODE_LONG = 12
_USED_EVERY = timedelta(minutes=10)

SCHEMA = """
CREATE TABLE IF NOT EXISTS house_code (
    code BLOB PRIMARY KEY,         -- a hash
    resident TEXT NOT NULL,
    contact TEXT NOT NULL,         -- empty: for the resident's own device
    until REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS house_key (
    id TEXT PRIMARY KEY,           -- names the key on a list, and opens nothing
    token BLOB NOT NULL,           -- a hash; a phone of two residents' daughter has two keys under one
    resident TEXT NOT NULL,
    contact TEXT NOT NULL,         -- empty: the resident's own
    device TEXT NOT NULL,          -- what kind of device it was given to
    since REAL NOT NULL,
    used_at REAL NOT NULL,
    until REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS house_key_token ON house_key (token);
CREATE INDEX IF NOT EXISTS house_key_resident ON house_key (resident);
"""


class Device(StrEnum):
    """What a key was given to, as far as it says."""

    PHONE = "phone"
    TABLET = "tablet"
    COMPUTER = "computer"


@dataclass(frozen=True, slots=True)
class Invited:
    """For whom a code is."""

    resident: ResidentId
    contact: ContactId | None  # None: the resident's own device


@dataclass(frozen=True, slots=True)
class Key:
    """A device that was let in."""

    id: str
    resident: ResidentId
    contact: ContactId | None  # None: the resident's own
    device: Device
    since: datetime
    used_at: datetime
    until: datetime


def invite(db: Database, resident: ResidentId, contact: ContactId | None, now: datetime) -> str:
    """Return a new code by which one device is let in, in place of one that was not used yet."""
    code = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LONG))
    until = now + (CODE_FOR_RESIDENT if contact is None else CODE_FOR_CONTACT)
    with transaction(db):
        db.execute("DELETE FROM house_code WHERE until <= ?", (now.timestamp(),))
        db.execute("DELETE FROM house_code WHERE resident = ? AND contact = ?", (resident, contact or ""))
        db.execute(
            "INSERT INTO house_code VALUES (?, ?, ?, ?)", (digest(code), resident, contact or "", until.timestamp())
        )
    return code


def spelled(code: str) -> str:
    """Return a code as people read and type it.

    >>> spelled("2345ABCDWXYZ")
    '2345-ABCD-WXYZ'
    """
    return "-".join(code[n : n + 4] for n in range(0, len(code), 4))


def invited(db: Database, code: str, now: datetime) -> Invited | None:
    """Return for whom a code is, as typed; None if it is none, was used, or is too old."""
    row = db.execute(
        "SELECT resident, contact FROM house_code WHERE code = ? AND until > ?",
        (digest(_typed(code)), now.timestamp()),
    ).fetchone()
    return None if row is None else Invited(ResidentId(row[0]), ContactId(row[1]) if row[1] else None)


def let_in(db: Database, code: str, now: datetime, device: Device, *, before: str = "") -> str | None:
    """Use a code up and return the token of the device's keys; None if the code is worth nothing.

    `before` is the token that the device had. What it opened the new one opens too, and the old one nothing any more:
    whoever put theirs on somebody's device holds nothing after this.
    """
    token, at = secrets.token_urlsafe(32), now.timestamp()
    with transaction(db):
        row = db.execute(
            "DELETE FROM house_code WHERE code = ? AND until > ? RETURNING resident, contact",
            (digest(_typed(code)), at),
        ).fetchone()
        if row is None:
            return None
        resident, contact = row
        db.execute("DELETE FROM house_key WHERE until <= ?", (at,))
        db.execute("UPDATE house_key SET token = ? WHERE token = ?", (digest(token), digest(before)))
        # Let in once more as the same, it is the same key: what this device is told goes on.
        row = db.execute(
            "SELECT id FROM house_key WHERE token = ? AND resident = ? AND contact = ?",
            (digest(token), resident, contact),
        ).fetchone()
        same = f"k-{secrets.token_hex(4)}" if row is None else str(row[0])
        # One device is of one resident, and holds one key for each contact.
        db.execute(
            "DELETE FROM house_key WHERE token = ? AND contact = ? AND (contact = '' OR resident = ?) AND id <> ?",
            (digest(token), contact, resident, same),
        )
        key = (same, digest(token), resident, contact, device.value, at, at)
        db.execute(
            "INSERT INTO house_key VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " device = excluded.device, since = excluded.since, used_at = excluded.used_at, until = excluded.until",
            (*key, (now + KEY).timestamp()),
        )
        db.execute(
            "DELETE FROM house_key WHERE resident = ? AND contact = ? AND id NOT IN"
            " (SELECT id FROM house_key WHERE resident = ? AND contact = ? ORDER BY since DESC, id LIMIT ?)",
            (resident, contact, resident, contact, KEYS_MAX),
        )
    return token


def keys(db: Database, token: str, now: datetime) -> list[Key]:
    """Return what a device may open, and note that it was here. A contact who is no longer one opens nothing."""
    found = _keys(
        db,
        "token = ? AND until > ? AND (contact = '' OR EXISTS (SELECT 1 FROM contact"
        " WHERE contact.id = house_key.contact AND contact.resident = house_key.resident))",
        (digest(token), now.timestamp()),
    )
    for one in found:
        if now - one.used_at >= _USED_EVERY:
            db.execute("UPDATE house_key SET used_at = ? WHERE id = ?", (now.timestamp(), one.id))
    return found


def of_resident(db: Database, resident: ResidentId, now: datetime) -> list[Key]:
    """Return every device that was let in to something of a resident, the newest first."""
    return _keys(db, "resident = ? AND until > ?", (resident, now.timestamp()))


def end(db: Database, resident: ResidentId, key: str) -> None:
    """Let a device of a resident, or of their contacts, in no more. One that is not theirs is left alone."""
    db.execute("DELETE FROM house_key WHERE id = ? AND resident = ?", (key, resident))


def end_all(db: Database, resident: ResidentId, contact: ContactId) -> None:
    """Let no device of a contact in any more, and let none of their codes be used."""
    db.execute("DELETE FROM house_key WHERE resident = ? AND contact = ?", (resident, contact))
    db.execute("DELETE FROM house_code WHERE resident = ? AND contact = ?", (resident, contact))


def device_of(user_agent: str) -> Device:
    """Return what a device says it is.

    >>> device_of("Mozilla/5.0 (Linux; Android 14; Pixel 8) ... Mobile Safari/537.36"), device_of("")
    (<Device.PHONE: 'phone'>, <Device.COMPUTER: 'computer'>)
    """
    if "iPad" in user_agent or "Tablet" in user_agent or ("Android" in user_agent and "Mobile" not in user_agent):
        return Device.TABLET
    return Device.PHONE if "Mobile" in user_agent or "iPhone" in user_agent else Device.COMPUTER


def _keys(db: Database, where: str, values: tuple[object, ...]) -> list[Key]:
    rows = db.execute(
        "SELECT id, resident, contact, device, since, used_at, until FROM house_key"  # noqa: S608  # conditions of ours
        f" WHERE {where} ORDER BY since DESC, id LIMIT 1000",
        values,
    )
    return [
        Key(
            id=id,
            resident=ResidentId(resident),
            contact=ContactId(contact) if contact else None,
            device=Device(device),
            since=_moment(since),
            used_at=_moment(used_at),
            until=_moment(until),
        )
        for id, resident, contact, device, since, used_at, until in rows.fetchall()  # noqa: A001
    ]


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _typed(code: str) -> str:
    return "".join(letter for letter in code.upper() if letter in _LETTERS)[: _CODE_LONG + 1]
