"""A file that only a passphrase opens: scrypt, then AES-256-GCM piece by piece, so that a large file needs no memory.

Each piece is bound to its place and to whether it is the last one (the STREAM construction of Hoang, Reyhanitabar,
Rogaway and Vizár, 2015): pieces that are changed, moved or cut off are refused.
"""

import hashlib
import secrets
import struct
from typing import BinaryIO

MAGIC = b"nachtwacht sealed 1\n"
_PIECE = 1 << 20  # bytes of plain text
_TAG = 16
_LOG_N, _LOG_N_MAX = 16, 20  # 64 MB and some tenths of a second on a Raspberry Pi
_SALT, _PREFIX = 16, 7


class NotOpened(Exception):
    """The passphrase is another one, or the file is not what was sealed."""


def is_sealed(file: BinaryIO) -> bool:
    """Return whether a passphrase is needed for it. Reads its first bytes and goes back to them."""
    start = file.read(len(MAGIC))
    file.seek(0)
    return start == MAGIC


def seal(plain: BinaryIO, out: BinaryIO, passphrase: str) -> None:
    """Write what only this passphrase opens. Raises `OSError`."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # not for those who seal nothing

    head = MAGIC + bytes([_LOG_N]) + secrets.token_bytes(_SALT + _PREFIX)
    cipher = AESGCM(_key(passphrase, head))
    out.write(head)
    number, piece = 0, plain.read(_PIECE)
    while True:
        following = plain.read(_PIECE)
        out.write(cipher.encrypt(_nonce(head, number, last=not following), piece, head))
        if not following:
            return
        number, piece = number + 1, following


def unseal(sealed: BinaryIO, out: BinaryIO, passphrase: str) -> None:
    """Write what was sealed. What was written before a `NotOpened` is worth nothing. Raises `OSError` too."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    head = sealed.read(len(MAGIC) + 1 + _SALT + _PREFIX)
    if len(head) < len(MAGIC) + 1 + _SALT + _PREFIX or not head.startswith(MAGIC) or head[len(MAGIC)] > _LOG_N_MAX:
        raise NotOpened
    cipher = AESGCM(_key(passphrase, head))
    number, piece = 0, sealed.read(_PIECE + _TAG)
    while True:
        following = sealed.read(_PIECE + _TAG)
        try:
            out.write(cipher.decrypt(_nonce(head, number, last=not following), piece, head))
        except (InvalidTag, ValueError) as error:  # ValueError: a piece shorter than its tag
            raise NotOpened from error
        if not following:
            return
        number, piece = number + 1, following


def _key(passphrase: str, head: bytes) -> bytes:
    log_n, salt = head[len(MAGIC)], head[len(MAGIC) + 1 :][:_SALT]
    n, r = 1 << log_n, 8
    return hashlib.scrypt(passphrase.encode(), salt=salt, n=n, r=r, p=1, maxmem=256 * n * r, dklen=32)


def _nonce(head: bytes, number: int, *, last: bool) -> bytes:
    return head[-_PREFIX:] + struct.pack(">I?", number, last)
