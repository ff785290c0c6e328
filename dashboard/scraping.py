"""Who may read the figures of the centre: whoever has the token that was made for it, and nobody else.

No address is proof of who asks: behind a proxy on this machine everybody comes from here. A token is shown once and
kept as a hash; another one takes its place. It opens the figures of all organisations, and so is for who operates the
centre.
"""

import hmac
import secrets
from datetime import datetime

from care.database import Database
from dashboard.rows import digest

SCHEMA = """
CREATE TABLE IF NOT EXISTS scrape_token (    -- by which the figures of the centre may be read
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    digest BLOB NOT NULL,
    made_at REAL NOT NULL
) STRICT;
"""

_SCHEME = "Bearer "


def make_token(db: Database, now: datetime) -> str:
    """Return a new token, in place of the one that there was."""
    token = secrets.token_urlsafe(32)
    db.execute(
        "INSERT INTO scrape_token VALUES (1, ?, ?)"
        " ON CONFLICT (only_row) DO UPDATE SET digest = excluded.digest, made_at = excluded.made_at",
        (digest(token), now.timestamp()),
    )
    return token


def forget_token(db: Database) -> bool:
    """Let nobody read the figures any more; return whether anybody could."""
    return db.execute("DELETE FROM scrape_token").rowcount > 0


def is_open(db: Database) -> bool:
    """Whether there is a token at all."""
    return db.execute("SELECT 1 FROM scrape_token").fetchone() is not None


def may_read(db: Database, authorization: str) -> bool:
    """Whether a request with this `Authorization` header may read the figures (RFC 6750, section 2.1)."""
    row: tuple[bytes] | None = db.execute("SELECT digest FROM scrape_token").fetchone()
    if row is None or not authorization.startswith(_SCHEME):
        return False
    return hmac.compare_digest(digest(authorization.removeprefix(_SCHEME).strip()), row[0])
