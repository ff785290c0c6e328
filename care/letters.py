"""A letter: what a channel is given to take to somebody, and the receipt it gives.

The same words for whoever sends them: a letter holds no name and nothing of anybody's health (`care.notices`).
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from care.asking import Refusal

NEXT_TRY_MAX = timedelta(minutes=30)  # a channel that asks for more patience than this has refused


@dataclass(frozen=True, slots=True)
class Letter:
    """One message, for whatever channel."""

    text: str  # what stands on the lock screen
    tag: str  # names what it is about; a phone that gets the same tag again shows one message
    link: str = ""  # the page behind it; empty: there is none
    answers: bool = False  # whether it asks for an answer, which that page takes
    urgent: bool = False  # wakes a phone that saves its battery
    lasts: timedelta = timedelta(hours=1)  # for so long a phone that is off may still get it when it is on again

    @property
    def once(self) -> str:
        """Names these very words to this person about this: whoever is given it twice can know it again."""
        return tag_of(self.tag, self.text)


class Receipt(NamedTuple):
    """What a channel said of a letter."""

    refusal: Refusal | None = None  # None: it took it
    again_after: timedelta | None = None  # that it wants to be left alone first, if it said so


def tag_of(*about: str) -> str:
    """Return the tag of what a letter is about: 24 letters, from which nobody learns what that is (RFC 8030, 5.4).

    >>> tag_of("0a1b2c3d4e", "night-team") == tag_of("0a1b2c3d4e", "night-team")
    True
    >>> len(tag_of("0a1b2c3d4e"))
    24
    """
    return hashlib.blake2b("\x00".join(about).encode(), digest_size=12).hexdigest()
