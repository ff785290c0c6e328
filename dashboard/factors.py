"""Second factors: what somebody has besides a password, and who must have one. Rows of the people store.

A code of an app (TOTP, RFC 6238), a passkey (WebAuthn), or one of the recovery codes for who has lost both. Between
password and second factor somebody has a *half session*: a token of its own that opens nothing but the second step.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pyotp
import webauthn
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from care.database import Database, transaction
from care.ids import StaffId
from dashboard.rows import digest, named
from dashboard.typed import tidy

HALF = timedelta(minutes=10)  # from the password to the second factor
CHALLENGE = timedelta(minutes=5)  # for an authenticator to answer
TRIES = 5  # at a second factor in `people.WINDOW`: whoever tries has the password already
RECOVERY_CODES = 8
STEP_S = 30  # of a code, by RFC 6238
DRIFT = 1  # steps that a phone's clock may be off, either way
PASSKEYS_MAX = 10  # of one person

SCHEMA = """
CREATE TABLE IF NOT EXISTS wants_factor (
    whose TEXT PRIMARY KEY         -- an organisation whose people must have one, or somebody who must
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totp (
    staff TEXT PRIMARY KEY REFERENCES staff ON DELETE CASCADE,
    secret TEXT NOT NULL,          -- base32; a code is made of it, so that it cannot be kept as a hash
    last_step INTEGER NOT NULL,    -- of the last code that was taken: no code is taken twice
    proven INTEGER NOT NULL        -- 0 until the first right code: before that it asks for nothing
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS recovery (
    code BLOB PRIMARY KEY,         -- a hash
    staff TEXT NOT NULL REFERENCES staff ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS passkey (
    id BLOB PRIMARY KEY,
    staff TEXT NOT NULL REFERENCES staff ON DELETE CASCADE,
    public_key BLOB NOT NULL,
    sign_count INTEGER NOT NULL,
    rp TEXT NOT NULL,              -- the host it was made for
    name TEXT NOT NULL,
    added_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS half_session (
    token BLOB PRIMARY KEY,        -- a hash
    staff TEXT NOT NULL REFERENCES staff ON DELETE CASCADE,
    until REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS challenge (
    holder TEXT PRIMARY KEY,       -- the session, or half session, that may answer it
    challenge BLOB NOT NULL,
    until REAL NOT NULL
) STRICT, WITHOUT ROWID;
"""


class WrongFactor(Exception):
    """What was shown does not prove what it should."""


class Host(NamedTuple):
    """Where the pages are reached, as a browser names it: what a passkey is bound to."""

    rp: str  # the name of the host
    origin: str  # scheme, host and port


class Ceremony(NamedTuple):
    """Somebody who makes or shows a passkey, somewhere."""

    staff: StaffId
    holder: str  # the session, or half session, that is asked and must answer
    host: Host
    now: datetime


class Passkey(NamedTuple):
    """A passkey as its owner sees it."""

    id: str  # hexadecimal
    name: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Factors:
    """What somebody has."""

    totp: bool
    passkeys: tuple[Passkey, ...]
    recovery_codes: int  # that were not used

    def __bool__(self) -> bool:
        return self.totp or bool(self.passkeys)


# Who must.


def demand(db: Database, whose: str, *, wanted: bool = True) -> None:
    """Ask a second factor of an organisation's people, or of somebody; or ask it no more."""
    if wanted:
        db.execute("INSERT INTO wants_factor VALUES (?) ON CONFLICT DO NOTHING", (whose,))
    else:
        db.execute("DELETE FROM wants_factor WHERE whose = ?", (whose,))


def demanded_of(db: Database, whose: str) -> bool:
    """Whether an organisation asks it of its people, or it is asked of this person."""
    return db.execute("SELECT 1 FROM wants_factor WHERE whose = ?", (whose,)).fetchone() is not None


def must(db: Database, staff: StaffId) -> bool:
    """Whether somebody must have a second factor: it was asked of them, or of any organisation they work for."""
    row = db.execute(
        "SELECT 1 FROM wants_factor WHERE whose = :staff"
        " OR whose IN (SELECT organisation FROM post WHERE staff = :staff)",
        {"staff": staff},
    ).fetchone()
    return row is not None


def of(db: Database, staff: StaffId) -> Factors:
    """Return what somebody has."""
    totp = db.execute("SELECT 1 FROM totp WHERE staff = ? AND proven = 1", (staff,)).fetchone() is not None
    keys = db.execute("SELECT id, name, added_at FROM passkey WHERE staff = ? ORDER BY added_at, id", (staff,))
    passkeys = tuple(Passkey(id.hex(), name, datetime.fromtimestamp(at, UTC)) for id, name, at in keys)  # noqa: A001
    (codes,) = db.execute("SELECT count(*) FROM recovery WHERE staff = ?", (staff,)).fetchone()
    return Factors(totp, passkeys, codes)


def forget(db: Database, staff: StaffId) -> None:
    """Take every second factor from somebody: they have lost them all, and set up new ones at the next sign-in."""
    with transaction(db):
        for table in ("totp", "recovery", "passkey", "half_session"):
            db.execute(f"DELETE FROM {table} WHERE staff = ?", (staff,))  # noqa: S608  # a table of ours


# Between password and second factor.


def begin(db: Database, staff: StaffId, now: datetime) -> str:
    """Return the token of a half session: its holder has given the right password, and nothing else yet."""
    token = secrets.token_urlsafe(32)
    with transaction(db):
        db.execute("DELETE FROM half_session WHERE until <= ?", (now.timestamp(),))
        db.execute("INSERT INTO half_session VALUES (?, ?, ?)", (digest(token), staff, (now + HALF).timestamp()))
    return token


def halfway(db: Database, token: str, now: datetime) -> StaffId | None:
    """Return who is between password and second factor with this token, or None."""
    row = db.execute(
        "SELECT staff FROM half_session WHERE token = ? AND until > ?", (digest(token), now.timestamp())
    ).fetchone()
    return None if row is None else StaffId(row[0])


def finish(db: Database, token: str) -> None:
    """End a half session: it is worth nothing any more, and so is what it was asked."""
    db.execute("DELETE FROM half_session WHERE token = ?", (digest(token),))
    db.execute("DELETE FROM challenge WHERE holder = ?", (holder_of(token),))


def holder_of(token: str) -> str:
    """Return as whose a challenge is kept."""
    return digest(token).hex()


# Codes of an app.


def secret_of(db: Database, staff: StaffId) -> str:
    """Return the secret to be taken into an app: the same until its first code has come, then never again.

    Raises `WrongFactor` for who has an app already.
    """
    with transaction(db):
        row = db.execute("SELECT secret, proven FROM totp WHERE staff = ?", (staff,)).fetchone()
        if row is not None and row[1]:
            raise WrongFactor
        if row is not None:
            return str(row[0])
        secret = pyotp.random_base32()
        db.execute("INSERT INTO totp VALUES (?, ?, 0, 0)", (staff, secret))
    return secret


def address_of(secret: str, name: str) -> str:
    """Return the address that an app reads from a picture (`otpauth:`)."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="Nachtwacht")


def prove_app(db: Database, staff: StaffId, code: str, now: datetime) -> None:
    """Take the first code of an app: from now on it is asked for. Raises `WrongFactor`."""
    _take(db, staff, code, now, proven=False)


def check_code(db: Database, staff: StaffId, code: str, now: datetime) -> None:
    """Take a code of somebody's app, or a recovery code; neither is taken twice. Raises `WrongFactor`."""
    typed = "".join(code.split()).upper().replace("-", "")
    with transaction(db):
        used = db.execute("DELETE FROM recovery WHERE code = ? AND staff = ?", (digest(typed), staff)).rowcount
    if not used:
        _take(db, staff, typed, now, proven=True)


def drop_app(db: Database, staff: StaffId) -> None:
    """Ask somebody for codes no more."""
    db.execute("DELETE FROM totp WHERE staff = ?", (staff,))


def _take(db: Database, staff: StaffId, code: str, now: datetime, *, proven: bool) -> None:
    typed, step = "".join(code.split()), int(now.timestamp()) // STEP_S
    with transaction(db):
        row = db.execute(
            "SELECT secret, last_step FROM totp WHERE staff = ? AND proven = ?", (staff, int(proven))
        ).fetchone()
        if row is None:
            raise WrongFactor
        makes = pyotp.TOTP(row[0])
        fits = [
            one
            for one in range(step - DRIFT, step + DRIFT + 1)
            if one > row[1] and secrets.compare_digest(makes.generate_otp(one).encode(), typed.encode())
        ]
        if not fits:
            raise WrongFactor
        db.execute("UPDATE totp SET last_step = ?, proven = 1 WHERE staff = ?", (fits[0], staff))


def recovery_codes(db: Database, staff: StaffId) -> list[str]:
    """Return new recovery codes, in place of those there were. They are shown this once: only hashes are kept."""
    codes = [pyotp.random_base32()[:16] for _ in range(RECOVERY_CODES)]  # 80 random bits each
    with transaction(db):
        db.execute("DELETE FROM recovery WHERE staff = ?", (staff,))
        db.executemany("INSERT INTO recovery VALUES (?, ?)", [(digest(code), staff) for code in codes])
    return ["-".join(code[n : n + 4] for n in range(0, 16, 4)) for code in codes]


# Passkeys.


def ask_to_register(db: Database, at: Ceremony, name: str) -> str:
    """Return what a browser is asked for a new passkey, as JSON of WebAuthn; `name` is what they sign in with."""
    options = webauthn.generate_registration_options(
        rp_id=at.host.rp,
        rp_name="Nachtwacht",
        user_id=at.staff.encode(),
        user_name=name,
        challenge=_ask(db, at),
        exclude_credentials=_known(db, at),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=UserVerificationRequirement.PREFERRED
        ),
    )
    return webauthn.options_to_json(options)


def register(db: Database, at: Ceremony, answer: str, *, name: str) -> None:
    """Keep a new passkey, if it answers what was asked. Raises `WrongFactor`, or `BadInput` for a name."""
    name, challenge = tidy(name), _asked(db, at)
    try:
        made = webauthn.verify_registration_response(
            credential=_read(answer),
            expected_challenge=challenge,
            expected_rp_id=at.host.rp,
            expected_origin=at.host.origin,
        )
    except (WebAuthnException, ValueError) as error:
        raise WrongFactor from error
    key = (made.credential_public_key, made.sign_count, at.host.rp, name, at.now.timestamp())
    with transaction(db):
        (count,) = db.execute("SELECT count(*) FROM passkey WHERE staff = ?", (at.staff,)).fetchone()
        row = (made.credential_id, at.staff, *key)
        if count >= PASSKEYS_MAX:
            raise WrongFactor
        if not db.execute("INSERT INTO passkey VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row).rowcount:
            raise WrongFactor


def ask_for_passkey(db: Database, at: Ceremony) -> str:
    """Return what a browser is asked to sign, as JSON of WebAuthn."""
    options = webauthn.generate_authentication_options(
        rp_id=at.host.rp, challenge=_ask(db, at), allow_credentials=_known(db, at)
    )
    return webauthn.options_to_json(options)


def check_passkey(db: Database, at: Ceremony, answer: str) -> None:
    """Look at what a passkey signed. Raises `WrongFactor`, also where its count went back: then there are two of it."""
    challenge, said = _asked(db, at), _read(answer)
    row = db.execute(
        "SELECT id, public_key, sign_count FROM passkey WHERE staff = ? AND rp = ? AND id = ?",
        (at.staff, at.host.rp, _id_in(said)),
    ).fetchone()
    if row is None:
        raise WrongFactor
    try:
        shown = webauthn.verify_authentication_response(
            credential=said,
            expected_challenge=challenge,
            expected_rp_id=at.host.rp,
            expected_origin=at.host.origin,
            credential_public_key=row[1],
            credential_current_sign_count=row[2],
        )
    except (WebAuthnException, ValueError) as error:
        raise WrongFactor from error
    db.execute("UPDATE passkey SET sign_count = ? WHERE id = ?", (shown.new_sign_count, row[0]))


def drop_passkey(db: Database, staff: StaffId, id: str) -> bool:  # noqa: A002  # what it is
    """Take a passkey away; return whether it was there."""
    return db.execute("DELETE FROM passkey WHERE staff = ? AND id = ?", (staff, named(id))).rowcount > 0


def _ask(db: Database, at: Ceremony) -> bytes:
    challenge = secrets.token_bytes(32)
    with transaction(db):
        db.execute("DELETE FROM challenge WHERE until <= ?", (at.now.timestamp(),))
        row = (at.holder, challenge, (at.now + CHALLENGE).timestamp())
        db.execute(
            "INSERT INTO challenge VALUES (?, ?, ?)"
            " ON CONFLICT (holder) DO UPDATE SET challenge = excluded.challenge, until = excluded.until",
            row,
        )
    return challenge


def _asked(db: Database, at: Ceremony) -> bytes:
    """Return what was asked of a holder, once. Raises `WrongFactor`."""
    row = db.execute("DELETE FROM challenge WHERE holder = ? RETURNING challenge, until", (at.holder,)).fetchone()
    if row is None or row[1] <= at.now.timestamp():
        raise WrongFactor
    return bytes(row[0])


def _known(db: Database, at: Ceremony) -> list[PublicKeyCredentialDescriptor]:
    rows = db.execute("SELECT id FROM passkey WHERE staff = ? AND rp = ?", (at.staff, at.host.rp))
    return [PublicKeyCredentialDescriptor(id=id) for (id,) in rows]  # noqa: A001


def _read(answer: str) -> dict[str, Any]:
    try:
        said = json.loads(answer)
    except ValueError as error:
        raise WrongFactor from error
    if not isinstance(said, dict):
        raise WrongFactor
    return said


def _id_in(said: dict[str, Any]) -> bytes:
    try:
        return webauthn.base64url_to_bytes(str(said.get("rawId", "")))
    except ValueError as error:
        raise WrongFactor from error
