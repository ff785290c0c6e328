"""How a record lies in the file of a journal: what it is known by, its body made small, its date as a number."""

import hashlib
import sqlite3
import zlib
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def key(at: datetime, body: bytes) -> bytes:
    """Return what a record is known by: 6 bytes of its date, in milliseconds, and 10 of a hash of what it says."""
    ms = min(max((at - EPOCH) // timedelta(milliseconds=1), 0), 2**48 - 1)
    return ms.to_bytes(6, "big") + hashlib.blake2b(body, digest_size=10).digest()


_PACKED = b"\x01"  # begins a body packed with `_WORDS`; JSON begins with a brace
_WORDS = (
    b'{"type":"unreadable","topic":"zigbee2mqtt/","trouble":"unknown-sensor","why":"The plan has no sensor '
    b'{"type":"sight","seen":true,"reason":"bridge+availability","seen":false,"reason":"check-in"}'
    b',"origin":"undated"},"origin":"replay"},"origin":"retained"},"kind":"use","kind":"button","room":"'
    b'entrance","room":"bedroom","room":"living-room","room":"kitchen","room":"bathroom","room":"hall","room":"'
    b'gang","room":"toilet","room":"hal","room":"slaapkamer","room":"woonkamer","room":"keuken","room":"badkamer",'
    b'"kind":"door","value":0.0}"kind":"bed","value":1.0}"kind":"motion","value":0.0}'
    b'{"type":"sensor","at":"2026-11-24T00:00:00.000000Z","home":"wilg/12","sensor":"12/badkamer","room":"badkamer",'
    b'"kind":"motion","value":1.0}'
)
"""What raw events are made of, the most usual last. Never to be changed: what is packed is read with it. Of an event
of 135 bytes 45 are left, and of all that is written for it half."""


def packed(body: bytes) -> bytes:
    """Return a record's JSON, made small."""
    pressed = zlib.compressobj(6, zlib.DEFLATED, -12, zdict=_WORDS)
    return _PACKED + pressed.compress(body) + pressed.flush()


def unpacked(body: bytes) -> bytes:
    """Return the JSON of a record, whether it was packed or not. Raises `sqlite3.DatabaseError` if it is damaged."""
    if not body.startswith(_PACKED):
        return body
    unpacking = zlib.decompressobj(-12, zdict=_WORDS)
    try:
        return unpacking.decompress(body[1:]) + unpacking.flush()
    except zlib.error as error:
        raise damaged(f"a record is damaged: {error}") from error


def damaged(why: str) -> sqlite3.DatabaseError:
    """Say of what SQLite takes no notice of what it says itself of a file that is damaged."""
    damaged = sqlite3.DatabaseError(why)
    damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT  # to whoever tells a damaged journal from a full disk
    return damaged


def micros(moment: datetime) -> int:
    """Return an instant as microseconds since 1970, UTC."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def instant(micros: int) -> datetime:
    """Return the instant of so many microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)
