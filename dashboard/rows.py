"""Rows that can be changed: those of the people store and what stands beside them."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from care.database import Database


@contextmanager
def transaction(db: Database) -> Iterator[None]:
    """Write what is inside all of it, or nothing; nobody else writes meanwhile."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def digest(text: str) -> bytes:
    """Return the hash as which a token or a code is kept: whoever reads the file cannot use it."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=32).digest()
