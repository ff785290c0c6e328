"""Messages to people that no alert asks for, and how much of what is not urgent somebody gets at all.

What is to be told is a record (`ToTell`), and so is what each channel said (`Carried`) and what was held back
(`Held`). Of any message it can be said where it is: on its way, taken, held until a moment, or lost and why.
Stays at the centre, all of it.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from care.asking import HELD_BACK, Noticed, Refusal, Skipped, Why
from care.ids import ContactId, MessageId, StaffId
from detectors.homes import HomeId, Instant

HOURLY, NIGHTLY = 4, 12  # messages that are not urgent, to one person, unless they said otherwise
MOST = 50  # that anybody can ask for
AGAIN_AFTER = timedelta(seconds=20)  # until a channel that refused is tried once more
TRIES = 2  # of one channel with one thing
LASTS = timedelta(hours=12)  # a message that nobody could be given by then is not given any more
KEPT = timedelta(days=7)  # that a message is at hand
NIGHT_FROM = time(12)  # a night runs from noon to noon
KEPT_MAX = 200  # of one person's messages, the newest

_AGAIN = frozenset({Refusal.REFUSED})  # after which the same channel is tried once more
_ACUTE_AGAIN = frozenset({Refusal.REFUSED, Refusal.NO_ANSWER})


class Kind(StrEnum):
    """What a message is about; the page behind it says it, the message does not."""

    MORNING = "morning"  # how the night was
    CONTACTED = "contacted"  # that there was contact
    LOOKED = "looked"  # somebody has looked in an emergency
    INVITED = "invited"  # somebody may come to work here; addressed to the invitation
    TEST = "test"


class ToTell(msgspec.Struct, frozen=True, kw_only=True, tag="to-tell"):
    """Somebody is to be told something."""

    at: Instant
    to: ContactId  # a contact, a resident, a member of staff or an invitation, by id
    kind: Kind
    channels: tuple[str, ...]  # in the order in which they are tried
    home: HomeId | None = None  # whose night or data it is about
    by: StaffId | None = None  # who asked for it; None: nobody in particular


class Carried(msgspec.Struct, frozen=True, kw_only=True, tag="carried"):
    """A channel took a message, or why it did not."""

    at: Instant
    message: MessageId
    to: ContactId
    channel: str  # empty: there is none by which they could be reached
    refusal: Refusal | None = None
    again_at: Instant | None = None


class Held(msgspec.Struct, frozen=True, kw_only=True, tag="held"):
    """A message was held back until then; if that is no moment before its time is over, for good."""

    at: Instant
    message: MessageId
    to: ContactId
    why: Why  # of `asking.HELD_BACK`
    until: Instant


class Wanted(msgspec.Struct, frozen=True, kw_only=True, tag="wanted"):
    """Somebody said how many messages that are not urgent they want, and when none. What is urgent always comes."""

    at: Instant
    to: ContactId
    hourly: int = HOURLY
    nightly: int = NIGHTLY
    quiet: tuple[time, time] | None = None  # from when until when, by the clock on their wall
    by: StaffId | None = None  # who wrote it down; None: they did themselves


class TooMany(ValueError):
    """A wish that cannot be: less than none, or more than `MOST`."""


class Sending(NamedTuple):
    """A message that is to go out now by this channel; empty: there is none, and that is to be written down."""

    message: MessageId
    told: ToTell
    channel: str


class Messages:
    """Every message of the last days, and how much each person had. Changed only by `add`."""

    def __init__(self) -> None:
        self._told: dict[MessageId, ToTell] = {}
        self._carried: dict[MessageId, tuple[Carried, ...]] = {}
        self._held: dict[MessageId, tuple[Held, ...]] = {}
        self._open: set[MessageId] = set()
        self._wanted: dict[ContactId, Wanted] = {}
        self._had: dict[ContactId, deque[datetime]] = {}  # when they got what was not urgent, the last ones
        self._last: dict[tuple[ContactId, Kind], datetime] = {}  # when somebody was last to be told something
        self._skipped: deque[Skipped] = deque(maxlen=KEPT_MAX)  # steps that were held back, the last ones

    def add(self, record: object) -> None:
        """Take in one record of the journal."""
        match record:
            case ToTell():
                message = message_of(record)
                self._told[message] = record
                self._open.add(message)
                of_whom = (record.to, record.kind)
                self._last[of_whom] = max(record.at, self._last.get(of_whom, record.at))
                self._let_go(record.at)
            case Carried():
                self._carried[record.message] = (*self._carried.get(record.message, ()), record)
                if record.refusal is None:
                    self._open.discard(record.message)
                    self.asked(record.to, record.at)
            case Held():
                self._held[record.message] = (*self._held.get(record.message, ()), record)
            case Wanted():
                before = self._wanted.get(record.to)
                self._wanted[record.to] = (
                    record if before is None else max(before, record, key=lambda one: (one.at, _body(one)))
                )
            case Skipped() if record.why in HELD_BACK:
                self._skipped.append(record)
            case _:
                pass

    def asked(self, to: ContactId, at: datetime) -> None:
        """Count that somebody was asked or told something that is not urgent; part of `Board.add`."""
        self._had.setdefault(to, deque(maxlen=MOST)).append(at)

    def wanted(self, to: ContactId) -> Wanted | None:
        """Return what somebody said of how much they want; None if nothing."""
        return self._wanted.get(to)

    def barred(
        self, to: ContactId, at: datetime, zone: ZoneInfo, *, besides: Iterable[datetime] = ()
    ) -> tuple[Why, datetime] | None:
        """Return why somebody gets nothing that is not urgent now, and until when; None if they may.

        Parameters
        ----------
        besides : when they are asked something by what is decided at this moment, and not written down yet.
        """
        wish = self._wanted.get(to) or Wanted(at=at, to=to)
        if wish.quiet is not None and (until := quiet_until(wish.quiet, at, zone)) is not None:
            return Why.QUIET, until
        had = sorted([*(one for one in self._had.get(to, ()) if one <= at), *besides])
        hour, night = at - timedelta(hours=1), _night_began(at, zone)
        lately, tonight = [one for one in had if one > hour], [one for one in had if one >= night]
        if len(tonight) >= wish.nightly:
            return Why.ENOUGH, _night_began(at, zone, nights=1)
        if len(lately) >= wish.hourly:
            # A place is free again when the oldest of the last so many is an hour ago; of none at all, never tonight.
            free = lately[-wish.hourly] + timedelta(hours=1) if wish.hourly else _night_began(at, zone, nights=1)
            return Why.ENOUGH, free
        return None

    def to_send(self, now: datetime) -> Iterator[Sending]:
        """Yield the messages that are to go out now, each by the channel whose turn it is."""
        for message in sorted(self._open):
            told = self._told[message]
            if told.at <= now < told.at + LASTS and not self._waits(message, now):
                carried = self._carried.get(message, ())
                channel = _turn(told, carried, now)
                if channel is not None:
                    yield Sending(message, told, channel)

    def held_back(self, one: Sending, now: datetime, zone: ZoneInfo) -> Held | None:
        """Return what to write down instead of sending, if somebody has had enough; a test is what they asked for."""
        barred = None if one.told.kind is Kind.TEST else self.barred(one.told.to, now, zone)
        if barred is None or not one.channel:
            return None
        return Held(at=now, message=one.message, to=one.told.to, why=barred[0], until=barred[1])

    def last(self, to: ContactId, kind: Kind) -> datetime | None:
        """Return when somebody was last to be told something of a kind, however long ago; None if never."""
        return self._last.get((to, kind))

    def lately(self, to: ContactId) -> list[MessageId]:
        """Return the messages of somebody in the last days, the newest first."""
        mine = [message for message, told in self._told.items() if told.to == to]
        return sorted(mine, key=lambda one: (self._told[one].at, one), reverse=True)[:KEPT_MAX]

    def told(self, message: MessageId) -> ToTell:
        """Return what a message was to tell. Raises `KeyError`."""
        return self._told[message]

    def way(self, message: MessageId) -> list[Carried | Held]:
        """Return what happened to a message so far, by its dates."""
        return sorted((*self._carried.get(message, ()), *self._held.get(message, ())), key=lambda one: one.at)

    def lost(self, message: MessageId, now: datetime) -> bool:
        """Whether a message did not get through, and will not any more."""
        told, carried = self._told[message], self._carried.get(message, ())
        if message not in self._open:
            return False
        return now >= told.at + LASTS or _exhausted(told, carried)

    def held_since(self, at: datetime) -> tuple[list[Skipped], list[Held]]:
        """Return what was held back since then: steps of alerts, and messages (each once)."""
        held = [ways[0] for ways in self._held.values() if ways[0].at >= at]
        return [one for one in self._skipped if one.at >= at], held

    def home_of(self, held: Held) -> HomeId | None:
        """Return which home a message was about that was held back."""
        told = self._told.get(held.message)
        return None if told is None else told.home

    def _waits(self, message: MessageId, now: datetime) -> bool:
        held = self._held.get(message, ())
        return bool(held) and now < held[-1].until

    def _let_go(self, now: datetime) -> None:
        """Let go of what is long over; a message comes once in a while, so this is looked at when one does."""
        for message in [one for one, told in self._told.items() if told.at < now - KEPT]:
            del self._told[message]
            self._carried.pop(message, None)
            self._held.pop(message, None)
            self._open.discard(message)


def message_of(told: ToTell) -> MessageId:
    """Return what a message is called in records: worked out from what it is, as that of an alert is."""
    return MessageId(hashlib.blake2b(_body(told), digest_size=8).hexdigest())


def want(
    messages: Messages,
    to: ContactId,
    *,
    hourly: int,
    nightly: int,
    quiet: tuple[time, time] | None,
    at: datetime,
    by: StaffId | None = None,
) -> tuple[Wanted, ...]:
    """Return what to write down when somebody says how much they want; nothing if they had. Raises `TooMany`."""
    if not (0 <= hourly <= MOST and 0 <= nightly <= MOST):
        raise TooMany
    if quiet is not None and quiet[0] == quiet[1]:
        quiet = None
    said = messages.wanted(to) or Wanted(at=at, to=to)
    if (said.hourly, said.nightly, said.quiet) == (hourly, nightly, quiet):
        return ()
    return (Wanted(at=at, to=to, hourly=hourly, nightly=nightly, quiet=quiet, by=by),)


def again(tries: list[Noticed] | list[Carried], now: datetime, *, acute: bool = False) -> bool:
    """Whether a channel that refused is tried once more now: once, a while later, and not before it wants to.

    What a channel gave no answer about may have arrived. If it is `acute`, twice is better than never; else it is not
    said twice by the same channel, and the next one or the next person hears of it.
    """
    last = tries[-1]
    if len(tries) >= TRIES or last.refusal not in (_ACUTE_AGAIN if acute else _AGAIN):
        return False
    return now >= max(last.at + AGAIN_AFTER, last.again_at or last.at)


def _turn(told: ToTell, carried: tuple[Carried, ...], now: datetime) -> str | None:
    """Return the channel whose turn it is: each once, then once more those that may take it yet."""
    if not told.channels:
        return None if carried else ""
    tries = {name: [one for one in carried if one.channel == name] for name in told.channels}
    for name, tried in tries.items():
        if not tried:
            return name
    return next((name for name, tried in tries.items() if again(tried, now)), None)


def _exhausted(told: ToTell, carried: tuple[Carried, ...]) -> bool:
    if not told.channels:
        return bool(carried)
    tries = [[one for one in carried if one.channel == name] for name in told.channels]
    return all(tried and (len(tried) >= TRIES or tried[-1].refusal not in _AGAIN) for tried in tries)


def quiet_until(quiet: tuple[time, time], at: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when quiet hours end, by the clock of a zone, if a moment lies in them; None if it does not."""
    since, until = quiet
    local = at.astimezone(zone)
    clock = local.time()
    now = since <= clock < until if since < until else clock >= since or clock < until
    if not now:
        return None
    day = local.date() if clock < until else local.date() + timedelta(days=1)
    return datetime.combine(day, until, tzinfo=zone).astimezone(at.tzinfo)


def _night_began(at: datetime, zone: ZoneInfo, *, nights: int = 0) -> datetime:
    """Return when the night of a moment began, or one so many nights later: at noon."""
    local = at.astimezone(zone)
    day = local.date() if local.time() >= NIGHT_FROM else local.date() - timedelta(days=1)
    return datetime.combine(day + timedelta(days=nights), NIGHT_FROM, tzinfo=zone).astimezone(at.tzinfo)


def _body(record: msgspec.Struct) -> bytes:
    return msgspec.json.encode(record)
