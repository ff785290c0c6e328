"""Who can be asked, and by which way they are reached: mutable rows in the people store, never in the journal.

An address belongs to a contact, to a resident who is asked first, or to a role of everywhere ("night-team") or of one
site ("night-team@wilg").
"""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from care import notices
from care.chains import LINES, RESIDENT
from care.database import Database
from care.ids import AlertId, ContactId
from care.language import mark
from care.records import site_of
from dashboard import mail, push
from dashboard.rows import digest
from dashboard.typed import BadInput, tidy
from dashboard.wishes import PHONE
from detectors.homes import Home, HomeId, ResidentId

LINK = timedelta(hours=12)  # for so long somebody can answer by the link in a notice
ADDRESS_MAX = 200  # characters
URL_MAX = 500
CONTACTS_MAX = 50  # of one resident that are listed

_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
_NUMBER = re.compile(r"\+?[0-9][0-9 ()-]{1,22}[0-9]")


class Relation(StrEnum):
    """What a contact is to a resident."""

    FAMILY = "family"
    NEIGHBOUR = "neighbour"
    OTHER = "other"


RELATIONS: dict[Relation, str] = {
    Relation.FAMILY: mark("family or friend"),
    Relation.NEIGHBOUR: mark("neighbour"),
    Relation.OTHER: mark("contact"),
}


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody who may be asked to see to a resident."""

    id: ContactId
    resident: ResidentId
    name: str
    relation: Relation


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to reach people's phones."""

    name: str
    url: str  # `push.URL`, a mail server (`dashboard.mail`), or of Apprise with `notices.ADDRESS` in it
    test_to: str  # where its daily test goes; empty: it is not tried


def add(db: Database, resident: ResidentId, name: str, relation: Relation) -> ContactId:
    """Keep somebody who may be asked about a resident. Raises `BadInput`."""
    contact = ContactId(f"c-{secrets.token_hex(4)}")
    db.execute(
        "INSERT INTO contact VALUES (?, ?, ?, ?, (SELECT coalesce(max(number), 0) + 1 FROM contact))",
        (contact, tidy(resident), tidy(name), relation),
    )
    return contact


def remove(db: Database, contact: ContactId) -> None:
    """Forget somebody with their addresses: they are not asked again. Raises `BadInput`."""
    found = db.execute("DELETE FROM contact WHERE id = ?", (contact,)).rowcount
    found += db.execute("DELETE FROM address WHERE whose = ?", (contact,)).rowcount
    db.execute("DELETE FROM link WHERE contact = ?", (contact,))
    push.forget(db, contact)
    if not found:
        raise BadInput(f"Nobody who may be asked is known as {contact}.")


def known(db: Database, contact: ContactId) -> Contact | None:
    """Return a contact by id."""
    row = db.execute("SELECT id, resident, name, relation FROM contact WHERE id = ?", (contact,)).fetchone()
    return None if row is None else _contact(row)


def of(db: Database, resident: ResidentId) -> list[Contact]:
    """Return those who may be asked about a resident, by name."""
    rows = db.execute(
        "SELECT id, resident, name, relation FROM contact WHERE resident = ? ORDER BY name LIMIT ?",
        (resident, CONTACTS_MAX),
    )
    return [_contact(row) for row in rows]


def everyone(db: Database, *, limit: int = 10_000) -> list[Contact]:
    """Return every contact, by resident."""
    rows = db.execute("SELECT id, resident, name, relation FROM contact ORDER BY resident, name LIMIT ?", (limit,))
    return [_contact(row) for row in rows]


def set_address(db: Database, whose: str, channel: str, address: str) -> None:
    """Say where notices for somebody go by a channel, in place of what was known. Raises `BadInput`.

    By phone the desk calls too, with one click: that must be a number.
    """
    if channel == PHONE and not _NUMBER.fullmatch(address.strip()):
        raise BadInput(f"{address!r} is no phone number. Write digits, like 085 000 02 12 or +31 85 000 02 12.")
    row = (tidy(whose, longest=80), _channel_name(channel), tidy(address, longest=ADDRESS_MAX))
    db.execute(
        "INSERT INTO address VALUES (?, ?, ?) ON CONFLICT (whose, channel) DO UPDATE SET address = excluded.address",
        row,
    )


def address(db: Database, to: ContactId, channel: str, home_id: HomeId, home: Home | None) -> str | None:
    """Return where a notice about a home goes; None if nothing is known."""
    whose = [str(to)]
    if to == RESIDENT:
        whose = [] if home is None else [str(home.resident)]
    elif to in LINES:
        whose = [f"{to}@{site_of(home_id)}", str(to)]
    return next((found for one in whose if (found := reached(db, one, channel)) is not None), None)


def reached(db: Database, whose: str, channel: str) -> str | None:
    """Return where somebody is reached by a channel, by their own id; None if nowhere.

    By web push that is their id: it goes to all their browsers.
    """
    if _is_push(db, channel):
        return whose if push.of(db, whose) else None
    row = db.execute("SELECT address FROM address WHERE whose = ? AND channel = ?", (whose, channel)).fetchone()
    return None if row is None else str(row[0])


def ways(db: Database, whose: str) -> tuple[str, ...]:
    """Return the channels by which somebody can be told something: what costs nothing and is quiet comes first."""
    found = [one for one in channels(db).values() if one.name != PHONE and reached(db, whose, one.name) is not None]
    return tuple(one.name for one in sorted(found, key=lambda one: (one.url != push.URL, not _is_mail(one.url))))


def set_channel(db: Database, name: str, url: str, *, test_to: str = "") -> None:
    """Set a channel up, in place of what it was. Raises `BadInput` with what is wrong."""
    if len(url) <= URL_MAX and _is_mail(url):
        mail.server_of(url)
    elif len(url) > URL_MAX or (url != push.URL and not notices.fits(url)):
        raise BadInput(
            f"That is neither {push.URL}, nor a mail server (smtp://, smtps://), nor a URL that Apprise knows with"
            f" {notices.ADDRESS} in it: see its list of services."
        )
    db.execute(
        "INSERT INTO channel VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET url = excluded.url, test_to = excluded.test_to",
        (_channel_name(name), url, test_to.strip()),
    )


def channels(db: Database) -> dict[str, Channel]:
    """Return the channels that are set up."""
    rows = db.execute("SELECT name, url, test_to FROM channel ORDER BY name LIMIT 20")
    return {row[0]: Channel(*row) for row in rows}


def mail_channel(db: Database) -> str | None:
    """Return the name of the channel that is our own mail; None if none is set up."""
    return next((one.name for one in channels(db).values() if _is_mail(one.url)), None)


def make_link(db: Database, alert: AlertId, contact: ContactId, now: datetime) -> str:
    """Return a new token by which somebody can answer; only its hash is kept. Real time, as sessions are."""
    token = secrets.token_urlsafe(16)
    db.execute("DELETE FROM link WHERE until <= ?", (now.timestamp(),))
    until = (now + LINK).timestamp()
    db.execute("INSERT INTO link VALUES (?, ?, ?, ?)", (digest(token), alert, contact, until))
    return token


def follow_link(db: Database, token: str, now: datetime) -> tuple[AlertId, ContactId] | None:
    """Return what a token is about and whose it is; None if it is none, or no longer."""
    row = db.execute(
        "SELECT alert, contact FROM link WHERE token = ? AND until > ?", (digest(token), now.timestamp())
    ).fetchone()
    return None if row is None else (AlertId(row[0]), ContactId(row[1]))


def _is_push(db: Database, channel: str) -> bool:
    row = db.execute("SELECT url FROM channel WHERE name = ?", (channel,)).fetchone()
    return row is not None and row[0] == push.URL


def _is_mail(url: str) -> bool:
    return urlsplit(url).scheme in mail.SCHEMES


def _contact(row: tuple[str, str, str, str]) -> Contact:
    return Contact(ContactId(row[0]), ResidentId(row[1]), row[2], Relation(row[3]))


def _channel_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadInput("A channel's name is 1 to 20 small letters, digits and hyphens.")
    return name
