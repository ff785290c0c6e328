"""Web push: messages to browsers and installed pages, by the push service each of them chose (RFC 8030, 8291, 8292).

The push service carries what it cannot read: words and page are encrypted for the one browser. Where a browser is
reached stands in the people store, and so does the key by which this centre is known to push services; whoever has
that key can speak as the centre, so that file is readable by nobody else (`dashboard.people`).
"""

import base64
import binascii
import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from care.asking import Refusal
from care.database import Database, transaction
from care.letters import NEXT_TRY_MAX, Letter, Receipt
from dashboard.typed import BadInput

URL = "webpush:"  # of a channel that is web push: `nachtwacht desk channel set push webpush:`
DEVICES_MAX = 10  # of one person; a further one takes the place of the oldest
ENDPOINT_MAX = 1_000  # characters
SAID_MAX = 4_000  # characters of what a browser says of itself
WITHIN_S = 10.0  # for one browser
JWT_LASTS = timedelta(hours=12)  # RFC 8292 allows a day

SCHEMA = """
CREATE TABLE IF NOT EXISTS push_key (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    private BLOB NOT NULL          -- of the centre to all push services, P-256, PKCS #8
) STRICT;
CREATE TABLE IF NOT EXISTS subscription (
    endpoint TEXT NOT NULL,        -- secret: whoever knows it, and our key, can write to this browser
    whose TEXT NOT NULL,           -- a contact, a resident, a member of staff, or a role
    p256dh BLOB NOT NULL,
    auth BLOB NOT NULL,
    made_at REAL NOT NULL DEFAULT (unixepoch()),
    taken_at REAL,                 -- when its push service last took something for it
    held TEXT REFERENCES house_key ON DELETE CASCADE,  -- the key of the device: they end together; NULL: it has none
    number INTEGER NOT NULL DEFAULT 0,  -- in the order in which they came; one that comes again is the newest
    PRIMARY KEY (endpoint, whose)  -- one phone can be that of a contact of two residents
) STRICT;
CREATE INDEX IF NOT EXISTS subscription_whose ON subscription (whose);
"""

_NO_SUBSCRIPTION = "That is not what a browser says of itself when it wants messages. Turn messages on once more."
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


@dataclass(frozen=True, slots=True)
class Subscription:
    """One browser of somebody."""

    endpoint: str  # URL at its push service
    p256dh: bytes  # its public key, 65 bytes, uncompressed point
    auth: bytes  # 16 bytes that only it and we know


class Delivery(NamedTuple):
    """What became of a letter to all the browsers of somebody."""

    receipt: Receipt
    took: tuple[str, ...] = ()  # endpoints
    gone: tuple[str, ...] = ()  # endpoints that are worth nothing any more


class _Keys(msgspec.Struct):
    p256dh: str
    auth: str


class _Said(msgspec.Struct):
    endpoint: str
    keys: _Keys


# Who is reached where.


def public_key(db: Database) -> str:
    """Return the key by which browsers know this centre, as `pushManager.subscribe` takes it: base64url, 87 letters."""
    from cryptography.hazmat.primitives import serialization

    point = (
        _private(db)
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def subscribe(db: Database, whose: str, subscription_json: str, *, held: str | None = None, here: bool = False) -> str:
    """Let somebody be reached by a browser, told by its own `PushSubscription.toJSON()`; return its endpoint.

    Raises `BadInput`.

    Parameters
    ----------
    whose : a contact, a resident, a member of staff or a role.
    held : the key by which this device was let in; when it ends, nothing goes there any more.
    here : whether a push service may stand on this machine, in plain HTTP: in tests, and nowhere else.
    """
    if len(subscription_json) > SAID_MAX:
        raise BadInput(_NO_SUBSCRIPTION)
    try:
        said = msgspec.json.decode(subscription_json, type=_Said)
        p256dh, auth = _decoded(said.keys.p256dh), _decoded(said.keys.auth)
        _check_point(p256dh)
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise BadInput(_NO_SUBSCRIPTION) from error
    if len(auth) != 16:  # noqa: PLR2004  # RFC 8291, 3.2
        raise BadInput(_NO_SUBSCRIPTION)
    _check(said.endpoint, here=here)
    with transaction(db):
        db.execute("DELETE FROM subscription WHERE endpoint = ? AND whose = ?", (said.endpoint, whose))
        db.execute(
            "INSERT INTO subscription (endpoint, whose, p256dh, auth, held, number)"
            " VALUES (?, ?, ?, ?, ?, (SELECT coalesce(max(number), 0) + 1 FROM subscription))",
            (said.endpoint, whose, p256dh, auth, held),
        )
        db.execute(
            "DELETE FROM subscription WHERE whose = ? AND endpoint NOT IN"
            " (SELECT endpoint FROM subscription WHERE whose = ? ORDER BY number DESC LIMIT ?)",
            (whose, whose, DEVICES_MAX),
        )
    return said.endpoint


def only_of(db: Database, endpoint: str, whose: Collection[str]) -> None:
    """Let a browser be nobody's but theirs: who read on it before is not told there any more."""
    for (other,) in db.execute("SELECT whose FROM subscription WHERE endpoint = ?", (endpoint,)).fetchall():
        if other not in whose:
            forget(db, other, endpoint)


def forget(db: Database, whose: str, endpoint: str | None = None) -> None:
    """Reach somebody by one of their browsers no more, or by none at all; what is another's stays."""
    if endpoint is None:
        db.execute("DELETE FROM subscription WHERE whose = ?", (whose,))
    else:
        db.execute("DELETE FROM subscription WHERE whose = ? AND endpoint = ?", (whose, endpoint))


def of(db: Database, whose: str, now: datetime | None = None) -> list[Subscription]:
    """Return the browsers by which somebody is reached; given real time, none on a device whose key has run out."""
    rows = db.execute(
        "SELECT endpoint, p256dh, auth FROM subscription WHERE whose = ?"
        " AND (held IS NULL OR EXISTS (SELECT 1 FROM house_key WHERE id = held AND until > ?))"
        " ORDER BY number LIMIT ?",
        (whose, 0.0 if now is None else now.timestamp(), DEVICES_MAX),
    )
    return [Subscription(*row) for row in rows]


def note(db: Database, delivery: Delivery, now: datetime) -> None:
    """Keep which browsers took something, and forget those that are worth nothing any more."""
    for endpoint in delivery.took:
        db.execute("UPDATE subscription SET taken_at = ? WHERE endpoint = ?", (now.timestamp(), endpoint))
    for endpoint in delivery.gone:
        db.execute("DELETE FROM subscription WHERE endpoint = ?", (endpoint,))


def sender(db: Database, url: str, *, here: bool = False) -> "Sender":
    """Return what sends for this centre, which may be used in any thread.

    Parameters
    ----------
    url : of the centre, by which a push service that has a complaint finds who sends (RFC 8292, 2.1).
    """
    return Sender(_private(db), url if url.startswith("https://") else "mailto:desk@nachtwacht.example", here=here)


def _private(db: Database) -> Any:
    """Return the centre's key, made the first time it is needed."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    row = db.execute("SELECT private FROM push_key").fetchone()
    if row is None:
        made = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        # Of two who make one, one counts.
        db.execute("INSERT INTO push_key VALUES (1, ?) ON CONFLICT DO NOTHING", (made,))
        row = db.execute("SELECT private FROM push_key").fetchone()
    return serialization.load_der_private_key(row[0], None)


def _decoded(text: str) -> bytes:
    return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)


def _check_point(point: bytes) -> None:
    """Raise `ValueError` unless it is a public key on the curve."""
    from cryptography.hazmat.primitives.asymmetric import ec

    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def _check(endpoint: str, *, here: bool) -> None:
    """Raise `BadInput` if a browser wants us to speak with what cannot be a push service.

    Whoever subscribes chooses with whom the centre's own machine speaks: it must not be its neighbours.
    """
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadInput(_NO_SUBSCRIPTION) from error
    plain = here and parts.scheme == "http"
    good = len(endpoint) <= ENDPOINT_MAX and endpoint.isascii() and endpoint.isprintable() and " " not in endpoint
    if not good or not host or parts.username is not None or (parts.scheme != "https" and not plain):
        raise BadInput(_NO_SUBSCRIPTION)
    if not here and (port not in {None, 443} or (_is_address(host) and not _outside(host))):
        raise BadInput(_NO_SUBSCRIPTION)


# The way there.


class NotOutside(OSError):
    """The name of a push service leads to this machine, or to its neighbours."""


class Sender:
    """Hands letters to push services, in this centre's name. Holds no connection and no rows."""

    def __init__(self, private: Any, subject: str, *, here: bool = False) -> None:
        from py_vapid import Vapid02

        self._vapid, self._subject, self._here = Vapid02(private), subject, here

    def send(self, to: Iterable[Subscription], letter: Letter, now: datetime) -> Delivery:
        """Hand a letter over for every browser of somebody; it is taken if any push service took it.

        Parameters
        ----------
        now : real time, by which push services hold our word against their clocks.
        """
        took, gone, receipts = [], [], []
        for one in to:
            receipt = self._post(one, letter, now)
            if receipt.refusal is None:
                took.append(one.endpoint)
            elif receipt.refusal is Refusal.GONE:
                gone.append(one.endpoint)
            receipts.append(receipt)
        return Delivery(_best(receipts), tuple(took), tuple(gone))

    def _post(self, to: Subscription, letter: Letter, now: datetime) -> Receipt:
        parts = urlsplit(to.endpoint)
        origin = f"{parts.scheme}://{parts.netloc}"
        claims = {"aud": origin, "sub": self._subject, "exp": str(int((now + JWT_LASTS).timestamp()))}
        headers = {
            **self._vapid.sign(claims),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(round(letter.lasts.total_seconds())),
            "Urgency": "high" if letter.urgent else "normal",
            "Topic": letter.tag,  # what still waits under this topic is replaced: no phone gets it twice
        }
        connection = self._connection(parts.scheme, parts.hostname or "", parts.port)
        try:
            connection.connect()
        except OSError:
            return Receipt(Refusal.REFUSED)  # nothing was handed over
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, _sealed(to, letter), headers)
            answer = connection.getresponse()
            answer.read(1_000)
            return _receipt(answer.status, answer.headers.get("Retry-After"), now)
        except (OSError, http.client.HTTPException):
            return Receipt(Refusal.NO_ANSWER)
        finally:
            connection.close()

    def _connection(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        if scheme == "http" and self._here:
            return http.client.HTTPConnection(host, port, timeout=WITHIN_S)
        return _Outside(host, port or 443, here=self._here)


class _Outside(http.client.HTTPSConnection):
    """A connection to where a name leads at this very moment, unless that is this machine or a neighbour of it.

    Looked at here and not before: a name may lead elsewhere a second later. Follows no redirection.
    """

    def __init__(self, host: str, port: int, *, here: bool) -> None:
        super().__init__(host, port, timeout=WITHIN_S)
        self._here = here

    def connect(self) -> None:
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        addresses = [str(one[4][0]) for one in found]
        if not self._here and not all(map(_outside, addresses)):
            raise NotOutside(self.host)
        plain = socket.create_connection((addresses[0], self.port), WITHIN_S)
        try:
            self.sock = _tls().wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _sealed(to: Subscription, letter: Letter) -> bytes:
    """Return what only this browser can read: the text, the page behind it, and the tag (RFC 8291)."""
    from pywebpush import WebPusher

    path = urlsplit(letter.link).path if letter.link else ""
    keys = {name: base64.urlsafe_b64encode(key).decode() for name, key in (("p256dh", to.p256dh), ("auth", to.auth))}
    said = json.dumps({"text": letter.text, "path": path, "tag": letter.tag}).encode()
    body: bytes = WebPusher({"endpoint": to.endpoint, "keys": keys}).encode(said)["body"]
    return body


def _receipt(status: int, retry_after: str | None, now: datetime) -> Receipt:
    if 200 <= status < 300:  # noqa: PLR2004
        return Receipt()
    if status in _GONE:
        return Receipt(Refusal.GONE)
    return Receipt(Refusal.REFUSED, _wait(retry_after, now))


def _wait(retry_after: str | None, now: datetime) -> timedelta | None:
    """Return how long a push service wants to be left alone: seconds, or until a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    try:
        wait = timedelta(seconds=min(float(retry_after), NEXT_TRY_MAX.total_seconds()))
    except ValueError:
        try:
            until = parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        wait = min((until if until.tzinfo is not None else until.replace(tzinfo=UTC)) - now, NEXT_TRY_MAX)
    return max(wait, timedelta())


def _best(receipts: list[Receipt]) -> Receipt:
    """Return what is to be said of all browsers together: one that took it is enough; one that may yet is hope."""
    if not receipts:
        return Receipt(Refusal.NO_ADDRESS)
    if any(one.refusal is None for one in receipts):
        return Receipt()
    hope = [one for one in receipts if one.refusal is not Refusal.GONE]
    if not hope:
        return Receipt(Refusal.GONE)
    # Of one that gave no answer it is not known, so it is not known of all of them.
    return min(hope, key=lambda one: (one.refusal is not Refusal.NO_ANSWER, one.again_after or timedelta()))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _outside(address: str) -> bool:
    """Whether an address is one of the internet, and of nobody's own network.

    >>> [_outside(one) for one in ("93.184.215.14", "10.0.0.8", "127.0.0.1", "::1", "::ffff:10.0.0.8")]
    [True, False, False, False, False]
    """
    found: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_global and not found.is_multicast
