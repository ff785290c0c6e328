"""Everything about one resident, given to them or taken out (GDPR articles 15, 17 and 20).

What lies where is found by the names of columns, so that a table that comes later is in it from its first day: a column
called `resident` holds a resident, one called `contact` somebody of theirs, and `whose` either.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from care import database, erasing, forgetting, journal
from care.accounts import Erased
from care.alerts import alert_of
from care.counted import NightCounted
from care.database import Database, transaction
from care.erasing import Forget, Forgot
from care.journal import Entry as Written
from care.records import Corrected, HandedOver, Plan, Record, decode, encode, site_of
from dashboard.access_log import Entry
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

    def lasted_at(self, at: datetime) -> bool:
        """Whether somebody lived there at an instant."""
        return self.since <= at and (self.until is None or at < self.until)

    def holds(self, record: Record) -> bool:
        """Whether a record is about that home in that time."""
        if isinstance(record, Forget | Forgot):  # about whoever lived there before
            return False
        if getattr(record, "home", None) != self.home and getattr(record, "about", None) != self.home:
            return False
        return self.lasted_at(record.at)


def stays(plans: list[Plan], resident: ResidentId) -> list[Stay]:
    """Return where somebody lived, by every plan there was, oldest first."""
    found: list[Stay] = []
    open_since: dict[HomeId, datetime] = {}
    for plan in sorted(plans, key=lambda one: one.at):
        there = {home.id for home in plan.homes if home.resident == resident}
        for home in there - open_since.keys():
            open_since[home] = plan.at
        gone = [home for home in open_since if site_of(home) == plan.site and home not in there]
        found += [Stay(home, open_since.pop(home), plan.at) for home in gone]
    found += [Stay(home, since, None) for home, since in open_since.items()]
    return found


def _every(db: Database) -> Iterator[Written]:
    number = 0
    while entries := journal.read_after(db, number, limit=READ):
        yield from entries
        number = entries[-1].number


def _plans(db: Database) -> list[Plan]:
    return [entry.record for entry in _every(db) if isinstance(entry.record, Plan)]


# What is given.


def everything(book: Database, people: Database, looks: Database, resident: ResidentId) -> dict[str, Any]:
    """Return all that is kept about a resident: rows by table, records in order, and who looked. For JSON."""
    stayed = stays(_plans(book), resident)
    records = []
    for entry in _every(book):
        record: Record | None = entry.record
        if isinstance(record, Plan):  # of a plan, their own home
            own = tuple(home for home in record.homes if home.resident == resident)
            record = msgspec.structs.replace(record, homes=own, devices={}) if own else None
        elif isinstance(record, NightCounted):  # of its figures, their own home's
            mine = {stay.home for stay in stayed if stay.lasted_at(record.at)}
            rows_of = tuple(row for row in record.rows if row.home in mine)
            record = msgspec.structs.replace(record, rows=rows_of) if rows_of else None
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


def _rows_of(people: Database, resident: ResidentId) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for table, where, values in _about(people, resident):
        cursor = people.execute(f"SELECT * FROM {table} WHERE {where}", values)  # noqa: S608  # names of the store's own
        names = [column[0] for column in cursor.description]
        found[table] = [dict(zip(names, row, strict=True)) for row in cursor]
    return found


def _about(people: Database, resident: ResidentId) -> Iterator[tuple[str, str, list[str]]]:
    """Yield every table that may hold something of a resident, with what finds it; the contacts themselves last."""
    contacts = [row[0] for row in people.execute("SELECT id FROM contact WHERE resident = ?", (resident,))]
    asked = {"resident": [resident], "contact": contacts, "whose": [resident, *contacts]}
    for table in sorted(database.tables(people), key=lambda name: name in {"contact", "resident"}):
        if table == "resident":
            yield table, "id = ?", [resident]
            continue
        for column in sorted(asked.keys() & set(database.columns(people, table))):
            if not asked[column]:
                continue
            marks = ", ".join("?" * len(asked[column]))
            yield table, f"{column} IN ({marks})", asked[column]


# What is taken out.


def erase(book: Database, people: Database, resident: ResidentId, now: Instant) -> tuple[int, int]:
    """Take somebody out of the centre; return how many records and rows said something of them.

    In the journal their id, their home in the time they lived there, and the alerts of that time get others, made by
    chance and kept nowhere: counts stay true, and nothing leads back. What somebody wrote in words about that home
    leaves. Each building where they lived is ordered to forget them, with the next start of the desk; `buildings` says
    what came of it. The desk must not run. Stopped half-way, asking again does the rest. Raises `StillThere`.
    """
    plans = _plans(book)
    others = _Others(people, resident, plans, stays(plans, resident))
    for stay in others.homes:
        if stay.until is None:
            raise StillThere(f"{resident} still lives in {stay.home}. First take them out of the plan of the building.")
    with database.overwriting(book):
        changed = _rewrite(book, others, now)
    rows = _forget_rows(people, resident)
    for db in (people, book):
        database.wipe(db, whole=True)  # also what an earlier, half-done erasure left in pages that nothing uses
    return changed, rows


def _rewrite(book: Database, others: "_Others", now: Instant) -> int:
    for entry in _every(book):
        others.learn(entry.record)
    changed = 0
    with transaction(book):
        for entry in _every(book):
            record = others.instead_of(entry.record)
            if record is not None:
                forgetting.put_instead(book, entry.number, record)
                changed += 1
        if changed:
            journal.insert(book, [(now, Erased(at=now, kind="person", count=changed))])
            ends = {(stay.home, stay.until) for stay in others.homes if stay.until is not None}
            journal.insert(book, [(now, Forget(at=now, home=home, until=until)) for home, until in sorted(ends)])
        book.execute("DELETE FROM snapshot")  # it holds what the journal said
    return changed


def buildings(book: Database) -> list[erasing.Asked]:
    """Return what buildings were ordered to forget, oldest first, and whether they have said that it is done."""
    return erasing.asked(entry.record for entry in _every(book))


def ask_again(book: Database, now: Instant) -> list[erasing.Asked]:
    """Order once more what no building has answered: one that was too old to know the order may know it by now."""
    silent = [one for one in buildings(book) if one.answer is None]
    orders = [Forget(at=now, home=one.order.home, until=one.order.until) for one in silent]
    journal.append(book, orders, recorded_at=now)
    return silent


class _Others:
    """What stands in the place of a resident, their contacts, and the homes, sensors and alerts of their time."""

    def __init__(self, people: Database, resident: ResidentId, plans: list[Plan], stayed: list[Stay]) -> None:
        contacts = people.execute("SELECT id, name FROM contact WHERE resident = ?", (resident,)).fetchall()
        named = people.execute("SELECT name FROM resident WHERE id = ?", (resident,)).fetchall()
        self.homes = {stay: f"{site_of(stay.home)}/{_chance()}" for stay in stayed}
        self._known = {resident: _chance(), **{id: _chance() for id, _ in contacts}}  # noqa: A001
        self._words = [word.casefold() for word in (resident, *(row[-1] for row in (*contacts, *named)))]
        self._alerts: dict[str, str] = {}
        self._of: dict[Stay, dict[str, str]] = {stay: {stay.home: other} for stay, other in self.homes.items()}
        for plan in plans:
            for home in plan.homes:
                for stay in stayed:
                    if stay.home == home.id:
                        self._of[stay].update((sensor.id, _chance()) for sensor in home.sensors)

    def learn(self, record: Record) -> None:
        """Take in which alerts are about them: an alert is known by its home."""
        stay = self._stay(record)
        if stay is not None and isinstance(record, Finding | Cleared):
            moved = msgspec.structs.replace(record, home=HomeId(self.homes[stay]))
            self._alerts[alert_of(record)] = alert_of(moved)

    def instead_of(self, record: Record) -> Record | None:
        """Return what a record becomes; None if it says nothing of them."""
        stay, new = self._stay(record), record
        if isinstance(new, HandedOver):
            if self._alerts.keys() & {*new.open, *new.aside} or self._names(new.note):
                new = msgspec.structs.replace(new, note="")  # in words, about that night
        elif isinstance(new, Corrected) and (stay is not None or self._names(new.text)):
            new = msgspec.structs.replace(new, text="-")
        known = self._known | self._alerts | (self._of[stay] if stay is not None else {})
        if isinstance(new, NightCounted):
            known |= {one.home: other for one, other in self.homes.items() if one.lasted_at(new.at)}
        body = msgspec.json.encode(_instead(msgspec.json.decode(encode(new)), known))
        new = decode(body)
        return None if encode(new) == encode(record) else new

    def _names(self, text: str) -> bool:
        return any(word in text.casefold() for word in self._words)

    def _stay(self, record: Record) -> Stay | None:
        return next((stay for stay in self.homes if stay.holds(record)), None)


def _chance() -> str:
    return f"x-{secrets.token_hex(6)}"


def _instead(value: Any, known: Mapping[str, str]) -> Any:
    """Return JSON with some of its words changed for others, wherever they stand."""
    if isinstance(value, str):
        return known.get(value, value)
    if isinstance(value, list):
        return [_instead(one, known) for one in value]
    if isinstance(value, dict):
        return {known.get(name, name): _instead(one, known) for name, one in value.items()}
    return value


def _forget_rows(people: Database, resident: ResidentId) -> int:
    count = 0
    with transaction(people):
        for table, where, values in list(_about(people, resident)):
            count += people.execute(f"DELETE FROM {table} WHERE {where}", values).rowcount  # noqa: S608
    return count
