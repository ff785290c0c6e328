"""Everything about one resident, given to them or taken out (GDPR articles 15, 17 and 20).

What lies where is found by the names of columns, so that a table that comes later is in it from its first day: a column
called `resident` holds a resident, one called `contact` somebody of theirs, and `whose` either.
"""

import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from care import journal
from care.accounts import Erased
from care.alerts import alert_of
from care.journal import Entry as Written
from care.records import Corrected, HandedOver, Plan, Record, decode, encode
from dashboard.access_log import Entry
from dashboard.rows import transaction
from detectors.findings import Cleared, Finding
from detectors.homes import HomeId, Instant, ResidentId

READ = 5_000  # records at a time
SECRET = frozenset({"token", "password", "secret"})  # columns that are of no use to anybody but who holds them


class StillThere(Exception):
    """A resident who still stands in the plan of a building: a sentence."""


@dataclass(frozen=True, slots=True)
class Stay:
    """In which home somebody lived, from the plan that says so to the one that no longer does."""

    home: HomeId
    since: datetime
    until: datetime | None

    def holds(self, record: Record) -> bool:
        """Whether a record is about that home in that time."""
        if getattr(record, "home", None) != self.home and getattr(record, "about", None) != self.home:
            return False
        return self.since <= record.at and (self.until is None or record.at < self.until)


def stays(plans: list[Plan], resident: ResidentId) -> list[Stay]:
    """Return where somebody lived, by every plan there was, oldest first."""
    found: list[Stay] = []
    open_since: dict[HomeId, datetime] = {}
    for plan in sorted(plans, key=lambda one: one.at):
        there = {home.id for home in plan.homes if home.resident == resident}
        for home in there - open_since.keys():
            open_since[home] = plan.at
        for home in [one for one in open_since if one.startswith(f"{plan.site}/") and one not in there]:
            found.append(Stay(home, open_since.pop(home), plan.at))
    found += [Stay(home, since, None) for home, since in open_since.items()]
    return found


def _every(db: sqlite3.Connection) -> Iterator[Written]:
    number = 0
    while entries := journal.read_after(db, number, limit=READ):
        yield from entries
        number = entries[-1].number


def _stays_in(db: sqlite3.Connection, resident: ResidentId) -> list[Stay]:
    return stays([entry.record for entry in _every(db) if isinstance(entry.record, Plan)], resident)


# What is given.


def everything(
    book: sqlite3.Connection, people: sqlite3.Connection, looks: sqlite3.Connection, resident: ResidentId
) -> dict[str, Any]:
    """Return all that is kept about a resident: rows by table, records in order, and who looked. For JSON."""
    stayed = _stays_in(book, resident)
    records = []
    for entry in _every(book):
        record: Record | None = entry.record
        if isinstance(record, Plan):  # of a plan, their own home
            own = tuple(home for home in record.homes if home.resident == resident)
            record = msgspec.structs.replace(record, homes=own, devices={}) if own else None
        elif not (getattr(record, "resident", None) == resident or any(stay.holds(entry.record) for stay in stayed)):
            record = None
        if record is not None:
            records.append({"number": entry.number, "recorded_at": entry.recorded_at, "record": record})
    entries = looks.execute("SELECT body FROM entry WHERE resident = ? ORDER BY number", (resident,))
    rows = {table: [_shown(row) for row in found] for table, found in _rows_of(people, resident).items() if found}
    return {
        "resident": resident,
        "stays": [{"home": one.home, "since": one.since, "until": one.until} for one in stayed],
        "people": rows,
        "journal": records,
        "looked": [msgspec.json.decode(body, type=Entry) for (body,) in entries],
    }


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in SECRET and not isinstance(value, bytes)}


def _rows_of(people: sqlite3.Connection, resident: ResidentId) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for table, where, values in _about(people, resident):
        cursor = people.execute(f"SELECT * FROM {table} WHERE {where}", values)  # noqa: S608  # names of the store's own
        names = [column[0] for column in cursor.description]
        found[table] = [dict(zip(names, row, strict=True)) for row in cursor]
    return found


def _about(people: sqlite3.Connection, resident: ResidentId) -> Iterator[tuple[str, str, list[str]]]:
    """Yield every table that may hold something of a resident, with what finds it; the contacts themselves last."""
    contacts = [row[0] for row in people.execute("SELECT id FROM contact WHERE resident = ?", (resident,))]
    tables = [row[0] for row in people.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in sorted(tables, key=lambda name: name in {"contact", "resident"}):
        columns = {row[1] for row in people.execute(f"SELECT * FROM pragma_table_info('{table}')")}  # noqa: S608
        if table == "resident":
            yield table, "id = ?", [resident]
            continue
        asked = {"resident": [resident], "contact": contacts, "whose": [resident, *contacts]}
        for column in sorted(asked.keys() & columns):
            marks = ", ".join("?" * len(asked[column]))
            yield table, f"{column} IN ({marks})", asked[column]


# What is taken out.


def erase(book: sqlite3.Connection, people: sqlite3.Connection, resident: ResidentId, now: Instant) -> tuple[int, int]:
    """Take somebody out of the centre; return how many records and rows said something of them.

    In the journal their id, their home in the time they lived there, and the alerts of that time get others, made by
    chance and kept nowhere: counts stay true, and nothing leads back. What somebody wrote in words about that home
    leaves. The desk must not run. Stopped half-way, asking again does the rest. Raises `StillThere`.
    """
    stayed = _stays_in(book, resident)
    for stay in stayed:
        if stay.until is None:
            raise StillThere(f"{resident} still lives in {stay.home}. First take them out of the plan of the building.")
    book.execute("PRAGMA secure_delete=ON")
    changed = _rewrite(book, resident, stayed, now)
    rows = _forget_rows(people, resident)
    for db in (people, book):  # also what an earlier, half-done erasure left in pages that nothing uses
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return changed, rows


def _rewrite(book: sqlite3.Connection, resident: ResidentId, stayed: list[Stay], now: Instant) -> int:
    other = ResidentId(f"x-{secrets.token_hex(6)}")
    homes = {stay: HomeId(f"{stay.home.partition('/')[0]}/x-{secrets.token_hex(6)}") for stay in stayed}
    alerts: dict[str, str] = {}
    for entry in _every(book):
        stay = _stay_of(entry.record, stayed)
        if stay is not None and isinstance(entry.record, Finding | Cleared):
            moved = msgspec.structs.replace(entry.record, home=homes[stay])
            alerts[alert_of(entry.record)] = alert_of(moved)
    changed = 0
    book.execute("BEGIN EXCLUSIVE")
    try:
        for entry in _every(book):
            stay = _stay_of(entry.record, stayed)
            record = _without(entry.record, resident, other, stay, homes.get(stay) if stay else None, alerts)
            if record is not entry.record and encode(record) != encode(entry.record):
                journal.put_instead(book, entry.number, record)
                changed += 1
        if changed:
            journal.put(book, Erased(at=now, kind="person", count=changed), now)
        book.execute("DELETE FROM snapshot")  # it holds what the journal said
    except BaseException:
        book.execute("ROLLBACK")
        raise
    book.execute("COMMIT")
    return changed


def _stay_of(record: Record, stayed: list[Stay]) -> Stay | None:
    return next((stay for stay in stayed if stay.holds(record)), None)


def _without(
    record: Record,
    resident: ResidentId,
    other: ResidentId,
    stay: Stay | None,
    home: HomeId | None,
    alerts: Mapping[str, str],
) -> Record:
    """Return a record with others in the place of a resident, of the home of a stay, and of its alerts."""
    if isinstance(record, HandedOver):
        said = alerts.keys() & {*record.open, *record.aside}
        if not said and resident not in record.note:
            return record
        record = msgspec.structs.replace(record, note="")  # in words, about that night
    if isinstance(record, Corrected) and stay is not None:
        record = msgspec.structs.replace(record, text="-")
    known = {str(resident): str(other), **alerts}
    if stay is not None and home is not None:
        known[str(stay.home)] = str(home)
    raw = msgspec.json.decode(encode(record))
    return decode(msgspec.json.encode(_instead(raw, known)))


def _instead(value: Any, known: Mapping[str, str]) -> Any:
    """Return JSON with some of its words changed for others, wherever they stand."""
    if isinstance(value, str):
        return known.get(value, value)
    if isinstance(value, list):
        return [_instead(one, known) for one in value]
    if isinstance(value, dict):
        return {known.get(name, name): _instead(one, known) for name, one in value.items()}
    return value


def _forget_rows(people: sqlite3.Connection, resident: ResidentId) -> int:
    count = 0
    with transaction(people):
        for table, where, values in list(_about(people, resident)):
            count += people.execute(f"DELETE FROM {table} WHERE {where}", values).rowcount  # noqa: S608
    return count
