"""Rows that can be changed: those of the people store and what stands beside them."""

import hashlib
import sqlite3

from care import database
from care.database import Address, Database


class TooNew(sqlite3.DatabaseError):
    """A store that a newer version of the program has written: a sentence."""


def opened(address: Address, store: str, schema: str, version: int) -> Database:
    """Open a store in PostgreSQL, made if it is not there. Raises `sqlite3.Error`, and `TooNew`.

    Parameters
    ----------
    store : its name, which is that of its schema there.
    schema : its tables and indexes, in SQLite's words.
    version : of which make those are.
    """
    db = database.shared(address, store)
    try:
        refuse_what_is_too_new(db, store, version, database.shown(address))
        database.make(db, schema)
        database.note_version(db, version)
    except BaseException:
        db.close()
        raise
    return db


def refuse_what_is_too_new(db: Database, store: str, version: int, place: str) -> None:
    """Raise `TooNew` if a store is of a newer make than this version; `place` is said as it is."""
    found = database.version(db)
    if found > version:
        raise TooNew(f"{place}: written by a newer version of Nachtwacht ({store} {found}, known {version})")


def named(key: str) -> bytes:
    """Return what a key on a page names, in hexadecimal there; nothing where it names nothing."""
    try:
        return bytes.fromhex(key)
    except ValueError:
        return b""


def digest(text: str) -> bytes:
    """Return the hash as which a token or a code is kept: whoever reads the file cannot use it."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=32).digest()
