"""What residents let family and neighbours read: nothing, until they say so; of each person apart, and until a day.

A record of the centre, which no building hears of. It orders nothing: whoever shows something asks `Shares` first.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from care.ids import Asker, ContactId
from detectors.homes import Home, HomeId, Instant, ResidentId

LONGEST = timedelta(days=366)  # that something is shared before it is talked about anew


class Part(StrEnum):
    """What can be shared, as a resident tells it apart. Never a room, a sensor or an event."""

    NIGHT = "night"  # in a sentence how a night was, once it is over
    CONTACT = "contact"  # when there was contact, and whether somebody came
    AWAY = "away"  # that, and until when, somebody is away or has paused
    ALERTS = "alerts"  # that an alert came, and that it was closed


class Word(StrEnum):
    """At whose word something is shared. Chosen, not typed: a journal holds no names."""

    RESIDENT = "resident"
    REPRESENTATIVE = "representative"  # of a resident who cannot decide this


class Shared(msgspec.Struct, frozen=True, kw_only=True, tag="shared", omit_defaults=True):
    """What a contact may read of a resident, and until when; in place of what was said before, and nothing ends it.

    Stays at the centre.
    """

    at: Instant
    home: HomeId
    resident: ResidentId  # whose it is: it ends when somebody else comes to live there
    contact: ContactId
    parts: tuple[Part, ...]
    until: Instant
    by: Asker  # who wrote it down
    word: Word = Word.RESIDENT


class Trouble(StrEnum):
    """What is wrong with what was to be shared."""

    OVER = "over"  # it would end before it begins
    TOO_LONG = "too-long"  # longer than `LONGEST`


class CannotShare(ValueError):
    """What cannot be shared so: what is wrong with it."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


class Shares:
    """What is shared with whom, as the records say. Changed only by `add`."""

    def __init__(self) -> None:
        self._said: dict[tuple[ResidentId, ContactId], Shared] = {}

    def add(self, record: object) -> None:
        """Take in one record of the journal: of two about the same person the later counts, in whatever order."""
        if isinstance(record, Shared):
            key = (record.resident, record.contact)
            known = self._said.get(key)
            if known is None or (known.at, _digest(known)) <= (record.at, _digest(record)):
                self._said[key] = record

    def said(self, resident: ResidentId, contact: ContactId, now: datetime) -> Shared | None:
        """Return what a resident shares with somebody now; None if that is nothing."""
        known = self._said.get((resident, contact))
        return known if known is not None and known.parts and now < known.until else None

    def of(self, resident: ResidentId) -> list[Shared]:
        """Return the last that a resident said of each person, also where nothing is shared any more."""
        return [said for (whose, _), said in self._said.items() if whose == resident]

    def parts(self, resident: ResidentId, contact: ContactId, now: datetime) -> frozenset[Part]:
        """Return what somebody may read of a resident now."""
        known = self.said(resident, contact, now)
        return frozenset() if known is None else frozenset(known.parts)


def share(
    shares: Shares,
    home: Home,
    contact: ContactId,
    parts: Collection[Part],
    until: datetime,
    *,
    by: Asker,
    at: datetime,
    word: Word = Word.RESIDENT,
) -> tuple[Shared, ...]:
    """Return what to write down when a resident shares something; nothing if they do so already.

    Raises `CannotShare`.
    """
    kept = tuple(part for part in Part if part in parts)
    known = shares.said(home.resident, contact, at)
    if not kept:
        return () if known is None else stop(shares, home, contact, by=by, at=at)
    if until <= at:
        raise CannotShare(Trouble.OVER)
    if until - at > LONGEST:
        raise CannotShare(Trouble.TOO_LONG)
    if known is not None and (known.parts, known.until, known.word) == (kept, until, word):
        return ()
    told = Shared(
        at=at, home=home.id, resident=home.resident, contact=contact, parts=kept, until=until, by=by, word=word
    )
    return (told,)


def stop(shares: Shares, home: Home, contact: ContactId, *, by: Asker, at: datetime) -> tuple[Shared, ...]:
    """Return what to write down when nothing is shared with somebody any more; nothing if nothing was."""
    if shares.said(home.resident, contact, at) is None:
        return ()
    return (Shared(at=at, home=home.id, resident=home.resident, contact=contact, parts=(), until=at, by=by),)


def _digest(record: Shared) -> bytes:
    return msgspec.json.encode(record)
