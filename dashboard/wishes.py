"""What residents want done first when an alert comes, and who may be called: rows in the people store.

They can be changed at any time, and are read afresh for every page. Numbers are those at which contacts are reached by
phone (`dashboard.contacts`), and never leave this store but on a page of somebody who has signed in, beside the alert
they are needed for.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, urlsplit

from care.chains import NIGHT_TEAM
from care.database import Database
from dashboard.typed import BadInput, tidy
from detectors.homes import ResidentId

CALLED_MAX = 6  # contacts of a resident; with the client, by screen and phone, and the night team keys 1 to 9
PHONE = "phone"  # the channel that the desk itself can use
NOTE_MAX = 120  # characters

SCHEMA = """
CREATE TABLE IF NOT EXISTS wish (
    resident TEXT PRIMARY KEY,
    first TEXT NOT NULL,           -- what is done first
    note TEXT NOT NULL             -- in a few words: "the screen hangs in the bedroom"
) STRICT;
CREATE TABLE IF NOT EXISTS video (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), link TEXT NOT NULL) STRICT;
"""


class First(StrEnum):
    """What a resident wants done first."""

    VIDEO = "video"  # call by screen
    PHONE = "phone"
    WAIT = "wait"  # give it a few minutes
    NEIGHBOUR = "neighbour"
    FAMILY = "family"
    VISIT = "visit"  # come at once


class Who(StrEnum):
    """Whose number it is."""

    HOME = "home"  # the client's own
    NEIGHBOUR = "neighbour"
    FAMILY = "family"
    NIGHT_TEAM = "night-team"


_WHOSE = {"neighbour": Who.NEIGHBOUR}
"""Whose number that of a contact is, by relation; of anybody else it is that of family or a friend."""


@dataclass(frozen=True, slots=True)
class Called:
    """Somebody who may be called."""

    who: Who
    name: str  # empty where who it is says enough
    phone: str

    @property
    def href(self) -> str:
        """The number as a browser takes it (RFC 3966)."""
        return "tel:" + re.sub(r"[^0-9+]", "", self.phone)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is agreed with one resident; nothing is, where nothing is known."""

    first: First | None = None
    note: str = ""
    called: tuple[Called, ...] = ()
    video: str = ""  # where the video call with this resident starts


def of(db: Database, resident: ResidentId) -> Wishes:
    """Return what is agreed with a resident."""
    row = db.execute("SELECT first, note FROM wish WHERE resident = ?", (resident,)).fetchone()
    home, team = (_phone(db, whose) for whose in (str(resident), str(NIGHT_TEAM)))
    contacts = db.execute(
        "SELECT relation, name, address FROM contact JOIN address ON whose = contact.id AND channel = ?"
        " WHERE resident = ? ORDER BY contact.number LIMIT ?",
        (PHONE, resident, CALLED_MAX),
    )
    link = db.execute("SELECT link FROM video").fetchone()
    return Wishes(
        first=None if row is None else First(row[0]),
        note="" if row is None else row[1],
        called=(
            *([Called(Who.HOME, "", home)] if home else []),
            *(Called(_WHOSE.get(relation, Who.FAMILY), name, phone) for relation, name, phone in contacts),
            *([Called(Who.NIGHT_TEAM, "", team)] if team else []),
        ),
        video="" if link is None else link[0].replace("{resident}", quote(resident, safe="")),
    )


def _phone(db: Database, whose: str) -> str:
    row = db.execute("SELECT address FROM address WHERE whose = ? AND channel = ?", (whose, PHONE)).fetchone()
    return "" if row is None else str(row[0])


def want(db: Database, resident: ResidentId, first: First, note: str = "") -> None:
    """Keep what a resident wants done first, in place of what was kept before. Raises `BadInput`."""
    row = (resident, first, tidy(note, longest=NOTE_MAX, empty=True))
    db.execute(
        "INSERT INTO wish VALUES (?, ?, ?)"
        " ON CONFLICT (resident) DO UPDATE SET first = excluded.first, note = excluded.note",
        row,
    )


def start_video_at(db: Database, link: str) -> None:
    """Keep where this organisation's video calls start: an https address with {resident} in it. Raises `BadInput`."""
    parts = urlsplit(link)
    if parts.scheme != "https" or not parts.hostname or link.count("{resident}") != 1 or not link.isprintable():
        raise BadInput(f"{link!r} is no such address. Write one like https://video.example/{{resident}}.")
    db.execute("INSERT INTO video VALUES (1, ?) ON CONFLICT (only_row) DO UPDATE SET link = excluded.link", (link,))
