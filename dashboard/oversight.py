"""What a privacy officer sees of the access log: what is out of the ordinary in it, and the files of it."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from dashboard.access_log import Deed, Entry, Ground

MANY = 12  # clients that somebody looks at by care or oversight
WITHIN = timedelta(minutes=30)  # in so short a time
NIGHTLY = frozenset({Ground.ALERT, Ground.WATCH})
LOOKS = frozenset({Deed.READ, Deed.PRINTED, Deed.EXPORTED})

COLUMNS = ("number", *Entry.__struct_fields__)


class Odd(StrEnum):
    """Why somebody should look at a look. None of it is wrong by itself."""

    MANY = "many"  # many clients in a short time, and no alert
    NOT_AT_WORK = "not-at-work"  # nothing of an alert or the watch, by somebody whose only role is the night desk
    TRIED = "tried"  # refused more than once
    EMERGENCY = "emergency"


@dataclass(frozen=True, slots=True)
class Unusual:
    """Something out of the ordinary: whose, why, from when to when, and how often."""

    by: str
    why: Odd
    first: datetime
    last: datetime
    count: int  # clients for `MANY`, else looks
    number: int  # of its first entry


def unusual(rows: Iterable[tuple[int, Entry]]) -> list[Unusual]:
    """Return what is out of the ordinary in some entries, the newest first."""
    of: dict[str, list[tuple[int, Entry]]] = defaultdict(list)
    for number, entry in sorted(rows, key=lambda row: row[0]):
        of[entry.by].append((number, entry))
    found: list[Unusual] = []
    for by, theirs in of.items():
        found += _many(by, theirs)
        found += _some(by, Odd.EMERGENCY, [row for row in theirs if row[1].ground is Ground.EMERGENCY])
        found += _some(by, Odd.TRIED, [row for row in theirs if row[1].deed is Deed.TRIED], least=3)
        astray = [row for row in theirs if row[1].role == "desk" and row[1].deed in LOOKS and row[1].resident]
        astray = [row for row in astray if row[1].ground not in NIGHTLY]
        found += _some(by, Odd.NOT_AT_WORK, astray)
    return sorted(found, key=lambda one: (one.last, one.number), reverse=True)


def _some(by: str, why: Odd, rows: Sequence[tuple[int, Entry]], *, least: int = 1) -> list[Unusual]:
    if len(rows) < least:
        return []
    return [Unusual(by, why, rows[0][1].at, rows[-1][1].at, len(rows), rows[0][0])]


def _many(by: str, theirs: Sequence[tuple[int, Entry]]) -> list[Unusual]:
    """Return the stretches in which somebody looked at many clients of whom there was no alert."""
    rows = [(n, one) for n, one in theirs if one.resident and one.deed in LOOKS and one.ground is not Ground.ALERT]
    found: list[Unusual] = []
    start = 0
    for end, (_, last) in enumerate(rows):
        while last.at - rows[start][1].at > WITHIN:
            start += 1
        clients = {one.resident for _, one in rows[start : end + 1]}
        if len(clients) >= MANY:
            now = Unusual(by, Odd.MANY, rows[start][1].at, last.at, len(clients), rows[start][0])
            if found and found[-1].last >= now.first:
                before = found.pop()
                now = Unusual(by, Odd.MANY, before.first, last.at, max(before.count, now.count), before.number)
            found.append(now)
    return found


def as_csv(rows: Iterable[tuple[int, Entry]]) -> str:
    """Return entries as CSV (RFC 4180), with a line of names; what a spreadsheet would take for a formula is quoted."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for number, entry in rows:
        said = msgspec.to_builtins(entry)
        writer.writerow([number, *(_harmless(str(said.get(name) or "")) for name in COLUMNS[1:])])
    return file.getvalue()


def as_lines(rows: Iterable[tuple[int, Entry]], number: int, digest: bytes) -> str:
    """Return entries as JSON lines; the last line says what the whole log came to, after which entry."""
    lines = [msgspec.json.encode({"number": n, **msgspec.to_builtins(entry)}).decode() for n, entry in rows]
    lines.append(msgspec.json.encode({"log": {"number": number, "digest": digest.hex()}}).decode())
    return "\n".join(lines) + "\n"


def _harmless(text: str) -> str:
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
