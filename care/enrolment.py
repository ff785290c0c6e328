"""Enrolment: what a gateway and the centre say to each other before the gateway has a certificate.

The code that an installer types, and the answers to who asks. Nothing here signs or checks a certificate
(`care.certificates`): it is the contract between both sides, and the daemon may read it.
"""

import hashlib
import secrets
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from detectors.homes import Instant, SiteId

CODE_LASTS = timedelta(hours=24)
CLOCK_MAY_DIFFER = timedelta(minutes=10)  # between who renews and the centre
LIFE = timedelta(days=365)  # of a certificate
RENEW_AT = 2 / 3  # of its life: from then on, with a third of it left
REQUEST_MAX = 4_000  # characters of a request for a certificate; ours have 500

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: none that is taken for another
_LOOKALIKE = str.maketrans({"o": "0", "i": "1", "l": "1"})
_HALF = 16  # letters of 5 bits: 80 bits for the secret, and 80 for the fingerprint


class Code(NamedTuple):
    """What an installer types: a secret for this once, and by what the centre is known."""

    secret: str
    pin: str  # the first 80 bits of the fingerprint of the centre's authority

    def __str__(self) -> str:
        """Return it in groups of four, to be read out."""
        return "-".join(f"{self.secret}{self.pin}"[at : at + 4] for at in range(0, 2 * _HALF, 4))


class BadCode(ValueError):
    """What was typed is no code."""


def new_code(fingerprint: str) -> Code:
    """Return a code nobody can guess, of a centre whose authority has this fingerprint (hexadecimal)."""
    return Code("".join(secrets.choice(_LETTERS) for _ in range(_HALF)), pin_of(fingerprint))


def code_of(text: str) -> Code:
    """Return the code in what was typed, whatever its capitals, dashes and look-alikes. Raises `BadCode`.

    >>> str(code_of("OIL0 1111-2222-3333-4444 5555-6666-7777"))
    '0110-1111-2222-3333-4444-5555-6666-7777'
    """
    letters = "".join(text.split()).replace("-", "").lower().translate(_LOOKALIKE)
    if len(letters) != 2 * _HALF or not set(letters) <= set(_LETTERS):
        raise BadCode(text)
    return Code(letters[:_HALF], letters[_HALF:])


def pin_of(fingerprint: str) -> str:
    """Return the letters that a code carries of a fingerprint."""
    number = int(fingerprint, 16) >> (len(fingerprint) * 4 - _HALF * 5)
    return "".join(_LETTERS[number >> (5 * at) & 31] for at in reversed(range(_HALF)))


def kept(secret: str) -> bytes:
    """Return what a centre keeps of a secret: who reads it cannot enrol with it. 80 random bits need no slow hash."""
    return hashlib.blake2b(secret.encode(), digest_size=32).digest()


class No(StrEnum):
    """Why a gateway gets no certificate. What is wrong with a code is not said: it would help who guesses."""

    CODE = "code"  # unknown, used, run out, or of another building
    REQUEST = "request"  # no request for a certificate of this kind
    TRIES = "tries"  # too many tries
    CLOCK = "clock"  # the gateway's clock and the centre's differ too much
    PROOF = "proof"  # not signed by the key of a certificate that is known here
    OVER = "over"  # the present certificate has run out
    REVOKED = "revoked"  # or was taken back
    CLOSED = "closed"  # this centre has no authority


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a gateway that is let in."""

    site: SiteId
    certificate: str  # PEM
    authority: str  # PEM
    broker: str  # HOST:PORT of the centre's broker
    valid_from: Instant
    valid_until: Instant


class Refused(msgspec.Struct, frozen=True):
    """The answer to one that is not."""

    why: No
    at: Instant  # by the centre's clock


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway keeps of its enrolment beside key and certificate, to be read without looking into those."""

    site: SiteId
    centre: str  # the URL at which it was enrolled, and renews
    broker: str
    valid_from: Instant
    valid_until: Instant

    def renews_at(self) -> Instant:
        """Return from when on the next certificate is asked for."""
        return self.valid_from + RENEW_AT * (self.valid_until - self.valid_from)


# The files of an identity, in a folder that only the gateway reads.
KEYED = "gateway.pem"  # key and certificate in one file: it is replaced at once
AUTHORITY = "ca.pem"
ABOUT = "identity.json"
