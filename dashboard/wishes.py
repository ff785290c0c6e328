"""What residents want done first when an alert comes, and who may be called: rows in the people store.

They can be changed at any time, and are read afresh for every page. Numbers never leave this store but on a page of
somebody who has signed in, beside the alert they are needed for.
"""

import re
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, urlsplit

from detectors.homes import ResidentId

CALLED_MAX = 6  # people per resident; with the client and those for everybody, keys 1 to 9
NOTE_MAX = 120  # characters
EVERYBODY = ResidentId("*")  # who may be called for every resident: the night team

SCHEMA = """
CREATE TABLE IF NOT EXISTS wish (
    resident TEXT PRIMARY KEY,
    first TEXT NOT NULL,           -- what is done first
    note TEXT NOT NULL             -- in a few words: "the screen hangs in the bedroom"
) STRICT;
CREATE TABLE IF NOT EXISTS called (
    resident TEXT NOT NULL,        -- or `*`: for all
    place INTEGER NOT NULL,        -- the first to be called first
    who TEXT NOT NULL,
    name TEXT NOT NULL,
    phone TEXT NOT NULL,
    PRIMARY KEY (resident, place)
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


class NotKept(ValueError):
    """What was asked to be kept cannot be, with a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Called:
    """Somebody who may be called."""

    who: Who
    name: str
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


def of(db: sqlite3.Connection, resident: ResidentId) -> Wishes:
    """Return what is agreed with a resident."""
    row = db.execute("SELECT first, note FROM wish WHERE resident = ?", (resident,)).fetchone()
    numbers = db.execute(
        "SELECT who, name, phone FROM called WHERE resident IN (?, ?) ORDER BY resident = ?, place LIMIT ?",
        (resident, EVERYBODY, EVERYBODY, 2 * CALLED_MAX),
    )
    link = db.execute("SELECT link FROM video").fetchone()
    return Wishes(
        first=None if row is None else First(row[0]),
        note="" if row is None else row[1],
        called=tuple(Called(Who(who), name, phone) for who, name, phone in numbers),
        video="" if link is None else link[0].replace("{resident}", quote(resident, safe="")),
    )


def want(db: sqlite3.Connection, resident: ResidentId, first: First, note: str = "") -> None:
    """Keep what a resident wants done first, in place of what was kept before. Raises `NotKept`."""
    db.execute("INSERT OR REPLACE INTO wish VALUES (?, ?, ?)", (resident, first, _tidy(note, NOTE_MAX, empty=True)))


def call(db: sqlite3.Connection, resident: ResidentId, called: Called) -> None:
    """Add somebody who may be called, after those who were added before; a number is kept once. Raises `NotKept`."""
    if not re.fullmatch(r"\+?[0-9][0-9 ()-]{1,22}[0-9]", called.phone):
        raise NotKept(f"{called.phone!r} is no phone number. Write digits, like 085 000 02 12 or +31 85 000 02 12.")
    row = (called.who, _tidy(called.name, NOTE_MAX // 2), called.phone)
    have = db.execute("SELECT place, phone FROM called WHERE resident = ? ORDER BY place", (resident,)).fetchall()
    known = [place for place, phone in have if phone == called.phone]
    if known:
        db.execute("UPDATE called SET who = ?, name = ? WHERE resident = ? AND place = ?", (*row[:2], resident, *known))
    elif len(have) >= CALLED_MAX:
        raise NotKept(f"There are {CALLED_MAX} numbers already. Take one out first.")
    else:
        place = have[-1][0] + 1 if have else 1
        db.execute("INSERT INTO called VALUES (?, ?, ?, ?, ?)", (resident, place, *row))


def uncall(db: sqlite3.Connection, resident: ResidentId, phone: str) -> bool:
    """Take a number out; return whether it was there."""
    return db.execute("DELETE FROM called WHERE resident = ? AND phone = ?", (resident, phone)).rowcount > 0


def start_video_at(db: sqlite3.Connection, link: str) -> None:
    """Keep where this organisation's video calls start: an https address with {resident} in it. Raises `NotKept`."""
    parts = urlsplit(link)
    if parts.scheme != "https" or not parts.hostname or link.count("{resident}") != 1 or not link.isprintable():
        raise NotKept(f"{link!r} is no such address. Write one like https://video.example/{{resident}}.")
    db.execute("INSERT OR REPLACE INTO video VALUES (1, ?)", (link,))


def _tidy(text: str, longest: int, *, empty: bool = False) -> str:
    tidy = " ".join(text.split())
    if not tidy.isprintable() or not (0 if empty else 1) <= len(tidy) <= longest:
        raise NotKept(f"{text!r} is not 1 to {longest} printable characters.")
    return tidy
