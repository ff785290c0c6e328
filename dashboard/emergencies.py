"""Emergency access: somebody of the night desk opens a home that is not theirs to see, with a reason, for an hour.

It ends by itself, is shown to the resident, and is judged by the privacy officer of the home's organisation. Rows of
the people store: a reason is typed by people and may hold names.
"""

import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from care.database import Database, transaction
from care.ids import StaffId
from dashboard.organisations import OrganisationId
from dashboard.typed import BadInput, tidy
from detectors.homes import HomeId, ResidentId

LASTS = timedelta(minutes=60)
REASON_MIN, REASON_MAX = 10, 300  # characters

SCHEMA = """
CREATE TABLE IF NOT EXISTS emergency (
    id TEXT PRIMARY KEY,
    staff TEXT NOT NULL,
    home TEXT NOT NULL,
    resident TEXT NOT NULL,
    organisation TEXT NOT NULL,    -- whose home it was
    reason TEXT NOT NULL,
    began_at REAL NOT NULL,
    until REAL NOT NULL,
    judged_by TEXT,
    judged_at REAL,
    fit INTEGER,                   -- whether it was right to look
    verdict TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS emergency_home ON emergency (home);
CREATE INDEX IF NOT EXISTS emergency_resident ON emergency (resident);
"""


class NoEmergency(Exception):
    """There is no such emergency here, or it is over, or it was judged already."""


class Emergency(NamedTuple):
    """Once that somebody opened a home."""

    id: str
    staff: StaffId
    home: HomeId
    resident: ResidentId
    organisation: OrganisationId
    reason: str
    began_at: datetime
    until: datetime
    fit: bool | None  # whether it was right; None: nobody has judged it yet
    verdict: str


def begin(
    db: Database,
    staff: StaffId,
    home: HomeId,
    *,
    resident: ResidentId,
    organisation: OrganisationId,
    reason: str,
    now: datetime,
) -> Emergency:
    """Open a home to somebody for an hour; whoever has it open already goes on with that. Raises `BadInput`."""
    reason = _sentence(reason)
    with transaction(db):
        for one in open_to(db, staff, now):
            if one.home == home:
                return one
        key, until = f"e-{secrets.token_hex(8)}", now + LASTS
        row = (key, staff, home, resident, organisation, reason, now.timestamp(), until.timestamp())
        db.execute(f"INSERT INTO emergency ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608  # ours
    return Emergency(key, staff, home, resident, organisation, reason, now, until, None, "")


def open_to(db: Database, staff: StaffId, now: datetime) -> list[Emergency]:
    """Return what somebody has open, the newest first."""
    return _found(db, "staff = ? AND until > ?", staff, now.timestamp())


def opened(db: Database, key: str, staff: StaffId, now: datetime) -> Emergency:
    """Return what somebody has open under this id. Raises `NoEmergency`."""
    found = _found(db, "id = ? AND staff = ? AND until > ?", key, staff, now.timestamp())
    if not found:
        raise NoEmergency
    return found[0]


def end(db: Database, key: str, staff: StaffId, now: datetime) -> None:
    """Close what somebody has open: it is seen no more, and judged all the same."""
    at = now.timestamp()
    db.execute("UPDATE emergency SET until = ? WHERE id = ? AND staff = ? AND until > ?", (at, key, staff, at))


def of(db: Database, whose: ResidentId | HomeId) -> list[Emergency]:
    """Return every time that a resident, or a home, was opened in an emergency: by whom, why and when; newest first."""
    return _found(db, "resident = ? OR home = ?", whose, whose)


def to_review(db: Database, whose: Collection[OrganisationId]) -> list[Emergency]:
    """Return those of these organisations' homes that nobody has judged, the oldest first."""
    return [one for one in reversed(_found(db, "judged_at IS NULL")) if one.organisation in whose]


def reviewed(db: Database, whose: Collection[OrganisationId], since: datetime) -> list[Emergency]:
    """Return those of these organisations' homes that were judged, the newest first."""
    found = _found(db, "judged_at IS NOT NULL AND began_at >= ?", since.timestamp())
    return [one for one in found if one.organisation in whose]


def judge(
    db: Database,
    key: str,
    whose: Collection[OrganisationId],
    by: StaffId,
    *,
    fit: bool,
    verdict: str,
    now: datetime,
) -> Emergency:
    """Write down, once, whether it was right to look, and why. Nobody judges themselves.

    Raises `NoEmergency`, or `BadInput` for a verdict that says nothing.
    """
    verdict = _sentence(verdict)
    with transaction(db):
        found = [one for one in to_review(db, whose) if one.id == key and one.staff != by]
        if not found:
            raise NoEmergency
        db.execute(
            "UPDATE emergency SET judged_by = ?, judged_at = ?, fit = ?, verdict = ? WHERE id = ?",
            (by, now.timestamp(), int(fit), verdict, key),
        )
    return found[0]._replace(fit=fit, verdict=verdict)


_COLUMNS = "id, staff, home, resident, organisation, reason, began_at, until"


def _found(db: Database, condition: str, *values: str | float) -> list[Emergency]:
    rows = db.execute(
        f"SELECT {_COLUMNS}, fit, verdict FROM emergency WHERE {condition} ORDER BY began_at DESC, id",  # noqa: S608
        values,
    )
    return [
        Emergency(
            key,
            StaffId(staff),
            HomeId(home),
            ResidentId(resident),
            OrganisationId(organisation),
            reason,
            datetime.fromtimestamp(began_at, UTC),
            datetime.fromtimestamp(until, UTC),
            None if fit is None else bool(fit),
            verdict or "",
        )
        for key, staff, home, resident, organisation, reason, began_at, until, fit, verdict in rows
    ]


def _sentence(text: str) -> str:
    text = tidy(text, longest=REASON_MAX)
    if len(text) < REASON_MIN:
        raise BadInput(f"{text!r} says too little: {REASON_MIN} characters or more.")
    return text
