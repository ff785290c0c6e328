"""An organisation's own sign-in, by OpenID Connect: what is known of it, whose identity is whose, and what it says.

Authorization code flow (OpenID Connect Core 1.0, 3.1) with PKCE (RFC 7636), state and nonce; where things are is found
by Discovery 1.0. Nobody comes to work here by it alone: an administrator links an identity to somebody, or they were
invited. Rows of the people store.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from care.database import Database, transaction
from care.ids import StaffId
from care.link import is_here
from dashboard.organisations import OrganisationId, name_of
from dashboard.rows import digest
from dashboard.typed import BadInput, tidy

FLOW = timedelta(minutes=10)  # to sign in over there and come back
LEEWAY_S = 60  # that their clock may be off
ANSWER_MAX = 256_000  # bytes of what they answer
ANSWER_WITHIN_S = 5.0
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")  # signatures by a key pair; nothing unsigned, and no shared secret
CLAIM = "preferred_username"

SCHEMA = """
CREATE TABLE IF NOT EXISTS openid (
    organisation TEXT PRIMARY KEY REFERENCES organisation,
    issuer TEXT NOT NULL,
    client_id TEXT NOT NULL,
    secret TEXT NOT NULL,          -- it is shown to the provider, so that it cannot be kept as a hash
    claim TEXT NOT NULL            -- by which an identity is linked the first time
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identity (
    organisation TEXT NOT NULL REFERENCES openid ON DELETE CASCADE,
    name TEXT NOT NULL,            -- what the claim says
    staff TEXT NOT NULL REFERENCES staff ON DELETE CASCADE,
    subject TEXT,                  -- what the provider calls them for good; NULL: they have not come yet
    PRIMARY KEY (organisation, name)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS identity_subject ON identity (organisation, subject);
CREATE TABLE IF NOT EXISTS openid_flow (
    state BLOB PRIMARY KEY,        -- a hash
    browser BLOB NOT NULL,         -- a hash of what only the browser that began has
    organisation TEXT NOT NULL REFERENCES openid ON DELETE CASCADE,
    nonce TEXT NOT NULL,
    verifier TEXT NOT NULL,
    path TEXT NOT NULL,            -- where they were going
    until REAL NOT NULL
) STRICT, WITHOUT ROWID;
"""


class NotTrusted(Exception):
    """What came from a provider does not prove who somebody is: in a few words of ours."""


class Provider(NamedTuple):
    """An organisation's own sign-in."""

    organisation: OrganisationId
    issuer: str
    client_id: str
    secret: str
    claim: str


class Places(NamedTuple):
    """Where a provider is asked what."""

    authorize: str
    token: str
    keys: str


class Flow(NamedTuple):
    """Somebody who went to sign in over there."""

    organisation: OrganisationId
    nonce: str
    verifier: str
    to: str


class Identity(NamedTuple):
    """Who a provider says somebody is."""

    subject: str
    name: str  # what the claim says, folded; empty where it says nothing
    full_name: str


def settle(db: Database, organisation: str, *, issuer: str, client_id: str, secret: str, claim: str) -> None:
    """Let an organisation's people sign in by their own provider. Raises `NoOrganisation`, or `BadInput`.

    Who was linked at another issuer is linked no more: a name there may be somebody else's.
    """
    name_of(db, organisation)
    if not _may_ask(issuer) or "?" in issuer or "#" in issuer:
        raise BadInput(f"{issuer!r} is no issuer: an address that begins with https://, without ? and #.")
    if not secret:
        raise BadInput("The secret is empty: give the one that the provider gave for this client.")
    row = (organisation, issuer, tidy(client_id, longest=200), secret, tidy(claim))
    with transaction(db):
        db.execute(
            "DELETE FROM identity WHERE organisation = ? AND organisation IN"
            " (SELECT organisation FROM openid WHERE issuer != ?)",
            (organisation, issuer),
        )
        db.execute(
            "INSERT INTO openid VALUES (?, ?, ?, ?, ?) ON CONFLICT (organisation) DO UPDATE SET"
            " issuer = excluded.issuer, client_id = excluded.client_id, secret = excluded.secret,"
            " claim = excluded.claim",
            row,
        )


def remove(db: Database, organisation: str) -> bool:
    """Let an organisation's people come by its own sign-in no more; return whether they did."""
    with transaction(db):
        db.execute("DELETE FROM session WHERE through = ?", (organisation,))
        return db.execute("DELETE FROM openid WHERE organisation = ?", (organisation,)).rowcount > 0


def of(db: Database, organisation: str) -> Provider | None:
    """Return an organisation's own sign-in, if it has one."""
    row = db.execute(
        "SELECT organisation, issuer, client_id, secret, claim FROM openid WHERE organisation = ?", (organisation,)
    ).fetchone()
    return None if row is None else Provider(*row)


def named(db: Database) -> list[tuple[str, str]]:
    """Return the organisations with a sign-in of their own: id and name."""
    rows = db.execute(
        "SELECT id, name FROM openid JOIN organisation ON organisation.id = openid.organisation ORDER BY name, id"
    )
    return rows.fetchall()


def link(db: Database, organisation: str, staff: StaffId, name: str) -> None:
    """Let somebody come by an identity of their organisation. Raises `BadInput` where it is somebody's already."""
    folded = tidy(name, longest=200).casefold()
    taken = db.execute(
        "SELECT staff FROM identity WHERE organisation = ? AND name = ?", (organisation, folded)
    ).fetchone()
    if taken is not None and taken[0] != staff:
        raise BadInput(f"{name} is somebody else's already.")
    with transaction(db):
        db.execute("DELETE FROM identity WHERE organisation = ? AND staff = ?", (organisation, staff))
        db.execute("INSERT INTO identity VALUES (?, ?, ?, NULL)", (organisation, folded, staff))


def is_free(db: Database, organisation: str, name: str) -> bool:
    """Whether an identity can be linked: it has a name, which is nobody's here."""
    row = db.execute("SELECT 1 FROM identity WHERE organisation = ? AND name = ?", (organisation, name.casefold()))
    return bool(name) and row.fetchone() is None


def whose(db: Database, organisation: str, identity: Identity) -> StaffId | None:
    """Return whose identity it is, or None. From the first time on they are known by their subject alone.

    A name that is given to somebody else over there is then nobody's here.
    """
    row = db.execute(
        "SELECT staff FROM identity WHERE organisation = ? AND subject = ?", (organisation, identity.subject)
    ).fetchone()
    if row is None and identity.name:
        row = db.execute(
            "UPDATE identity SET subject = ? WHERE organisation = ? AND name = ? AND subject IS NULL RETURNING staff",
            (identity.subject, organisation, identity.name),
        ).fetchone()
    return None if row is None else StaffId(row[0])


# There and back.


def begin(db: Database, provider: Provider, browser: str, to: str, now: datetime) -> tuple[str, Flow]:
    """Remember that a browser goes to sign in over there; return the state that it must bring back, and the rest."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    with transaction(db):
        db.execute("DELETE FROM openid_flow WHERE until <= ?", (now.timestamp(),))
        row = (digest(state), digest(browser), provider.organisation, nonce, verifier, to, (now + FLOW).timestamp())
        db.execute("INSERT INTO openid_flow VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    return state, Flow(provider.organisation, nonce, verifier, to)


def back(db: Database, state: str, browser: str, now: datetime) -> Flow:
    """Return what was begun with this state by this browser, once. Raises `NotTrusted`."""
    row = db.execute(
        "DELETE FROM openid_flow WHERE state = ? AND browser = ? RETURNING organisation, nonce, verifier, path, until",
        (digest(state), digest(browser)),
    ).fetchone()
    if row is None or row[4] <= now.timestamp():
        raise NotTrusted("state")
    return Flow(*row[:4])


def address(provider: Provider, places: Places, flow: Flow, *, state: str, back_to: str) -> str:
    """Return where a browser is sent to sign in."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": back_to,
        "scope": "openid profile email",
        "state": state,
        "nonce": flow.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{places.authorize}{'&' if '?' in places.authorize else '?'}{urlencode(asked)}"


def checked(token: str, keys: Mapping[str, Any], provider: Provider, nonce: str, now: datetime) -> Identity:
    """Return who an id token says somebody is (Core 1.0, 3.1.3.7). Raises `NotTrusted`."""
    try:
        decoded = jwt.decode(token, KeySet.import_key_set(keys), algorithms=ALGORITHMS)  # type: ignore[arg-type]
        claims = decoded.claims
        jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": provider.client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        ).validate(claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise NotTrusted("token") from error
    if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise NotTrusted("nonce")
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != provider.client_id:
        raise NotTrusted("audience")
    if provider.claim == "email" and claims.get("email_verified") is False:
        raise NotTrusted("unproven address")
    said = claims.get(provider.claim)
    full_name = claims.get("name")
    return Identity(
        str(claims["sub"]),
        said.casefold() if isinstance(said, str) else "",
        full_name if isinstance(full_name, str) else "",
    )


# What a provider is asked, over the network.


async def places_of(provider: Provider) -> Places:
    """Return where a provider is asked what, as it says itself. Raises `NotTrusted`."""
    async with _line() as line:
        said = await _json(line, "GET", f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
    found = [said.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    if said.get("issuer") != provider.issuer:
        raise NotTrusted("issuer")
    if not all(isinstance(one, str) and _may_ask(one) for one in found):
        raise NotTrusted("discovery")
    return Places(*map(str, found))


async def ask(provider: Provider, code: str, flow: Flow, *, back_to: str, now: datetime) -> Identity:
    """Return who somebody is that came back with a code. Raises `NotTrusted`."""
    places = await places_of(provider)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back_to,
        "code_verifier": flow.verifier,
    }
    async with _line() as line:
        auth = httpx.BasicAuth(provider.client_id, provider.secret)
        said = await _json(line, "POST", places.token, data=form, auth=auth)
        keys = await _json(line, "GET", places.keys)
    token = said.get("id_token")
    if not isinstance(token, str):
        raise NotTrusted("token")
    return checked(token, keys, provider, flow.nonce, now)


def _line() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=ANSWER_WITHIN_S, follow_redirects=False, trust_env=False)


async def _json(line: httpx.AsyncClient, method: str, where: str, **more: Any) -> dict[str, Any]:
    body = bytearray()
    try:
        async with line.stream(method, where, **more) as answer:
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > ANSWER_MAX:
                    raise NotTrusted("too much")
        said = json.loads(body) if answer.is_success else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NotTrusted("no answer") from error
    if not isinstance(said, dict):
        raise NotTrusted("no answer")
    return said


def _may_ask(url: str) -> bool:
    """Whether what is said there can be trusted: over TLS, or on this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_here(parts.hostname or ""))
    )
