"""Who is enrolled: the codes that wait, the certificates of every building, and all that was tried.

Rows of the people store (`dashboard.people`). Each function is one transaction, and writes down what it did in the
same one: `enrolment_log` is what is read back.
"""

import hmac
import ipaddress
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from care import certificates
from care.certificates import BadCertificate
from care.database import Database, transaction
from care.enrolment import (
    CLOCK_MAY_DIFFER,
    CODE_LASTS,
    Admitted,
    BadCode,
    Code,
    No,
    code_of,
    kept,
    new_code,
    pin_of,
)
from care.records import CENTRE
from dashboard.organisations import OWN, NoOrganisation, OrganisationId
from dashboard.typed import BadInput
from detectors.homes import SiteId

WINDOW = timedelta(minutes=15)  # in which tries are counted
TRIES_MAX = 10  # that failed, from one address
REFUSALS_KEPT = timedelta(days=90)  # what went well is kept for good
COMMAND = "command"  # who did what was done by a command
LOG_MAX = 1_000  # lines that are read back at once

SCHEMA = """
CREATE TABLE IF NOT EXISTS enrolment_code (
    code BLOB PRIMARY KEY,          -- a hash: who reads this file cannot enrol with it
    site TEXT NOT NULL,
    organisation TEXT NOT NULL,     -- whose the building was then; given to another, the code is worth nothing
    made_at REAL NOT NULL,          -- seconds since 1970, as every moment here
    until REAL NOT NULL,
    used_for TEXT                   -- the key that was enrolled with it; NULL while it waits
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gateway (
    key TEXT PRIMARY KEY,           -- SHA-256 of its public key
    site TEXT NOT NULL,
    serial TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL UNIQUE,
    certificate TEXT NOT NULL,
    signed_at REAL NOT NULL,
    valid_from REAL NOT NULL,
    valid_until REAL NOT NULL,
    revoked_at REAL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS gateway_site ON gateway (site);
CREATE TABLE IF NOT EXISTS enrolment_log (
    at REAL NOT NULL,
    what TEXT NOT NULL,
    site TEXT NOT NULL,             -- as it was asked for, of a refused try
    who TEXT NOT NULL,              -- an address, a member of staff, or "command"
    why TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    turn INTEGER NOT NULL DEFAULT 0 -- of what was done in the same moment
) STRICT;
CREATE INDEX IF NOT EXISTS enrolment_log_at ON enrolment_log (at);
CREATE INDEX IF NOT EXISTS enrolment_log_who ON enrolment_log (who, at);
"""

_SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


class Did(StrEnum):
    """What is written down."""

    CODE = "code"  # a code was made
    ENROLLED = "enrolled"
    RENEWED = "renewed"
    REVOKED = "revoked"  # one certificate, by somebody or because another gateway took its place
    REFUSED = "refused"


class Signs(Protocol):
    """Who signs (`dashboard.authority`)."""

    broker: str
    fingerprint: str

    @property
    def certificate(self) -> bytes:
        """The authority's own."""

    def sign_gateway(self, asked: bytes, site: SiteId, now: datetime) -> bytes:
        """Return the certificate of a building's gateway."""


class NotAdmitted(Exception):
    """A gateway gets no certificate; why, as it is told."""

    def __init__(self, why: No, site: str = "") -> None:
        super().__init__(why.value)
        self.why, self.site = why, site


@dataclass(frozen=True, slots=True)
class Waiting:
    """A code that was not used yet."""

    site: SiteId
    until: datetime


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A building with its newest certificate."""

    site: SiteId
    fingerprint: str
    valid_until: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was done or tried."""

    at: datetime
    what: Did
    site: str
    who: str
    why: str
    fingerprint: str


def make_code(db: Database, site: str, signs: Signs, now: datetime, organisation: str | None = None) -> Code:
    """Return a code with which one gateway can enrol for a building, in place of one that waited for it.

    Raises `BadInput` for what is no building, or is another organisation's than `organisation`; `NoOrganisation`.
    """
    if not _SITE.fullmatch(site) or site == CENTRE:
        raise BadInput(f"{site!r} is no id of a building. Write the one in its plan, like wilg.")
    made = new_code(signs.fingerprint)
    with transaction(db):
        if (
            organisation is not None
            and not db.execute("SELECT 1 FROM organisation WHERE id = ?", (organisation,)).fetchone()
        ):
            raise NoOrganisation(organisation)
        owner = _owner(db, site)
        if organisation not in {None, owner}:
            raise BadInput(f"{site} belongs to {owner}, not to {organisation}. Give it first: desk organisation give.")
        db.execute("DELETE FROM enrolment_code WHERE (site = ? AND used_for IS NULL) OR until <= ?", (site, _s(now)))
        row = (kept(made.secret), site, owner, _s(now), _s(now + CODE_LASTS))
        db.execute("INSERT INTO enrolment_code VALUES (?, ?, ?, ?, ?, NULL)", row)
        _note(db, now, Did.CODE, site, who=COMMAND)
    return made


def admit(db: Database, signs: Signs, asked: bytes, code: str, *, client: str, now: datetime) -> Admitted:
    """Let a gateway in that has a code; whatever had its building until now is taken back. Raises `NotAdmitted`."""
    who = network(client)
    with _tried(db, who, now):
        site, key = _request(asked)
        secret = _secret(code, signs)
        _expect_code(db, secret, site, key, now)
        found = _of_key(db, key)
        if found is not None:
            return _answer(signs, site, found, now)  # asked again: the first answer was lost
        for (serial,) in db.execute("SELECT serial FROM gateway WHERE site = ? AND revoked_at IS NULL", (site,)):
            _take_back(db, serial, who, "another gateway was enrolled", now)
        db.execute("UPDATE enrolment_code SET used_for = ? WHERE code = ?", (key, kept(secret)))
        return _sign(db, signs, asked, SiteId(site), did=Did.ENROLLED, who=who, now=now)


def renew(
    db: Database,
    signs: Signs,
    asked: bytes,
    *,
    fingerprint: str,
    at: datetime | None,
    signature: bytes,
    client: str,
    now: datetime,
) -> Admitted:
    """Give a gateway its next certificate, asked for with the key of a present one. Raises `NotAdmitted`.

    `at` is when it was asked by the gateway's clock (None: it did not say), and `fingerprint` names the present
    certificate.
    """
    who = network(client)
    with _tried(db, who, now):
        site, key = _request(asked)
        present = db.execute(
            "SELECT certificate, site, valid_until, revoked_at FROM gateway WHERE fingerprint = ?", (fingerprint,)
        ).fetchone()
        if present is None or present[1] != site:
            raise NotAdmitted(No.PROOF, site)
        certificate, _, until, revoked_at = present
        if at is None or not certificates.proven(certificate.encode(), asked, at, signature):
            raise NotAdmitted(No.PROOF, site)
        if revoked_at is not None:
            raise NotAdmitted(No.REVOKED, site)
        if until <= _s(now):
            raise NotAdmitted(No.OVER, site)
        if abs(at - now) > CLOCK_MAY_DIFFER:
            raise NotAdmitted(No.CLOCK, site)
        found = _of_key(db, key)
        if found is not None:
            return _answer(signs, site, found, now)
        return _sign(db, signs, asked, SiteId(site), did=Did.RENEWED, who=who, now=now)


def revoke(db: Database, site: SiteId, *, by: str, now: datetime) -> int:
    """Take back every certificate of a building, and its code; return how many certificates that were."""
    with transaction(db):
        db.execute("DELETE FROM enrolment_code WHERE site = ? AND used_for IS NULL", (site,))
        serials = db.execute("SELECT serial FROM gateway WHERE site = ? AND revoked_at IS NULL", (site,)).fetchall()
        for (serial,) in serials:
            _take_back(db, serial, by, "taken back", now)
    return len(serials)


def admitted(db: Database, now: datetime) -> list[SiteId]:
    """Return the buildings of which a gateway may come in."""
    rows = db.execute("SELECT DISTINCT site FROM gateway WHERE revoked_at IS NULL AND valid_until > ?", (_s(now),))
    return [SiteId(site) for (site,) in rows]


def taken_back(db: Database, now: datetime) -> list[tuple[int, datetime]]:
    """Return what was taken back and has not run out by itself: serial number, and when."""
    rows = db.execute(
        "SELECT serial, revoked_at FROM gateway WHERE revoked_at IS NOT NULL AND valid_until > ?", (_s(now),)
    )
    return [(int(serial), _moment(at)) for serial, at in rows]


def waiting(db: Database, now: datetime) -> list[Waiting]:
    """Return the codes that wait, by building."""
    rows = db.execute(
        "SELECT site, until FROM enrolment_code WHERE used_for IS NULL AND until > ? ORDER BY site", (_s(now),)
    )
    return [Waiting(SiteId(site), _moment(until)) for site, until in rows]


def enrolled(db: Database) -> list[Enrolled]:
    """Return every building that was ever enrolled, with its newest certificate."""
    rows = db.execute(
        "SELECT site, fingerprint, valid_until, revoked_at FROM (SELECT site, fingerprint, valid_until, revoked_at,"
        " row_number() OVER (PARTITION BY site ORDER BY signed_at DESC, serial) AS age FROM gateway) AS one"
        " WHERE age = 1 ORDER BY site"
    )
    return [
        Enrolled(SiteId(site), fingerprint, _moment(until), None if revoked is None else _moment(revoked))
        for site, fingerprint, until, revoked in rows
    ]


def log(db: Database, limit: int = LOG_MAX) -> list[Line]:
    """Return what was done and tried, the newest first."""
    rows = db.execute(
        "SELECT at, what, site, who, why, fingerprint FROM enrolment_log ORDER BY at DESC, turn DESC LIMIT ?",
        (min(limit, LOG_MAX),),
    )
    return [Line(_moment(at), Did(what), *rest) for at, what, *rest in rows]


@contextmanager
def _tried(db: Database, who: str, now: datetime) -> Iterator[None]:
    """Count a try before anything is looked at. One that fails changes nothing, and is written down.

    Raises `NotAdmitted` when there were too many from there; that is written down once, not with every further try.
    """
    since = _s(now - WINDOW)
    failed = "SELECT count(*), count(*) FILTER (WHERE why = ?) FROM enrolment_log WHERE who = ? AND at > ? AND what = ?"
    tries, told = db.execute(failed, (No.TRIES, who, since, Did.REFUSED)).fetchone()
    if tries - told >= TRIES_MAX:
        if not told:
            _note(db, now, Did.REFUSED, "", who=who, why=No.TRIES)
        raise NotAdmitted(No.TRIES)
    try:
        with transaction(db):
            yield
    except NotAdmitted as refused:
        db.execute("DELETE FROM enrolment_log WHERE at <= ? AND what = ?", (_s(now - REFUSALS_KEPT), Did.REFUSED))
        _note(db, now, Did.REFUSED, refused.site, who=who, why=refused.why)
        raise


def _request(asked: bytes) -> tuple[str, str]:
    try:
        site, key = certificates.requested(asked)
    except BadCertificate as error:
        raise NotAdmitted(No.REQUEST) from error
    if not _SITE.fullmatch(site) or site == CENTRE:
        raise NotAdmitted(No.REQUEST)
    return site, key


def _secret(code: str, signs: Signs) -> str:
    """Return the secret in a code; of a code of another centre, or of none, one that fits nothing."""
    try:
        typed = code_of(code)
    except BadCode:
        return ""
    return typed.secret if hmac.compare_digest(typed.pin, pin_of(signs.fingerprint)) else ""


def _expect_code(db: Database, secret: str, site: str, key: str, now: datetime) -> None:
    """Hold a secret against every code that is good now, all in the same time. Raises `NotAdmitted`."""
    said, fits = kept(secret), False
    for code, of, organisation, used_for in db.execute(
        "SELECT code, site, organisation, used_for FROM enrolment_code WHERE until > ?", (_s(now),)
    ).fetchall():
        same = hmac.compare_digest(code, said)
        fits |= same and of == site and organisation == _owner(db, of) and used_for in {None, key}
    if not fits:
        raise NotAdmitted(No.CODE, site)


def _sign(db: Database, signs: Signs, asked: bytes, site: SiteId, *, did: Did, who: str, now: datetime) -> Admitted:
    pem = signs.sign_gateway(asked, site, now)
    said = certificates.known(pem)
    row = (said.key, site, str(said.serial), said.fingerprint, pem.decode(), _s(now))
    db.execute(
        "INSERT INTO gateway VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)", (*row, _s(said.valid_from), _s(said.valid_until))
    )
    _note(db, now, did, site, who=who, fingerprint=said.fingerprint)
    return _admitted(signs, site, pem)


def _of_key(db: Database, key: str) -> tuple[str, str, float, float | None] | None:
    row: tuple[str, str, float, float | None] | None = db.execute(
        "SELECT site, certificate, valid_until, revoked_at FROM gateway WHERE key = ?", (key,)
    ).fetchone()
    return row


def _answer(signs: Signs, site: str, found: tuple[str, str, float, float | None], now: datetime) -> Admitted:
    """Return once more what was signed for this key, if that is this building's and still good."""
    of, certificate, until, revoked_at = found
    if of != site:
        raise NotAdmitted(No.REQUEST, site)
    if revoked_at is not None:
        raise NotAdmitted(No.REVOKED, site)
    if until <= _s(now):
        raise NotAdmitted(No.OVER, site)
    return _admitted(signs, SiteId(site), certificate.encode())


def _admitted(signs: Signs, site: SiteId, pem: bytes) -> Admitted:
    said = certificates.known(pem)
    return Admitted(
        site=site,
        certificate=pem.decode(),
        authority=signs.certificate.decode(),
        broker=signs.broker,
        valid_from=said.valid_from,
        valid_until=said.valid_until,
    )


def _take_back(db: Database, serial: str, by: str, why: str, now: datetime) -> None:
    site, fingerprint = db.execute(
        "UPDATE gateway SET revoked_at = ? WHERE serial = ? RETURNING site, fingerprint", (_s(now), serial)
    ).fetchone()
    _note(db, now, Did.REVOKED, site, who=by, why=why, fingerprint=fingerprint)


def _owner(db: Database, site: str) -> OrganisationId:
    row = db.execute("SELECT organisation FROM site WHERE id = ?", (site,)).fetchone()
    return OWN if row is None else OrganisationId(row[0])


def _note(db: Database, now: datetime, what: Did, site: str, *, who: str, why: str = "", fingerprint: str = "") -> None:
    at = _s(now)
    db.execute(
        "INSERT INTO enrolment_log VALUES"
        " (?, ?, ?, ?, ?, ?, (SELECT coalesce(max(turn), 0) + 1 FROM enrolment_log WHERE at = ?))",
        (at, what, site, who, why, fingerprint, at),
    )


def network(client: str) -> str:
    """Return as whom an address is counted: one household or firm has a whole /64 of IPv6.

    >>> network("2001:db8::1"), network("192.0.2.7"), network("unknown")
    ('2001:db8::/64', '192.0.2.7', 'unknown')
    """
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))


def _s(moment: datetime) -> float:
    return moment.timestamp()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
