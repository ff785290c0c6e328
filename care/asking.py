"""The records of an alert on its way to somebody: who is asked, in which order, and what they answer.

All of them stay at the centre.
"""

from datetime import time
from enum import StrEnum

import msgspec

from care.ids import AlertId, Asker, ContactId, Minutes, Place, StaffId
from detectors.homes import HomeId, Instant


class Line(StrEnum):
    """How near somebody is who is asked: own strength first, then the network, then professionals."""

    ZERO = "zero"  # the residents themselves, a neighbour, family
    ONE = "one"  # the desk
    TWO = "two"  # the night team on site, back-up


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is asked, and how long they get before the next one is."""

    line: Line
    who: ContactId
    channels: tuple[str, ...] = ()  # in the order in which they are tried; the desk needs none
    minutes: Minutes = 3.0


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asked, one after another, in the hours from `since` to `until`; the same twice is all day and night."""

    since: time
    until: time
    steps: tuple[Step, ...]


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """What is agreed of passing on: who is asked in which hours, and by when the last must have been."""

    chains: tuple[Chain, ...]
    acute: Minutes = 10.0  # from when it became true
    soon: Minutes = 30.0


class ChainAgreed(msgspec.Struct, frozen=True, kw_only=True, tag="chain-agreed"):
    """Who is asked was agreed anew for a place, by whom and why; None takes a place's own back. Stays at the centre."""

    at: Instant
    place: Place
    by: StaffId
    why: str
    before: Agreement | None
    after: Agreement | None


class Consented(msgspec.Struct, frozen=True, kw_only=True, tag="consented"):
    """A resident said about what a contact may be asked, and until when; about nothing is taken back.

    Stays at the centre.
    """

    at: Instant
    home: HomeId
    contact: ContactId
    by: Asker  # who wrote it down
    tiers: tuple[str, ...]  # of `alerts.Tier`
    until: Instant
    kinds: tuple[str, ...] | None = None  # of `chains.About`; None: all there are, as before they were told apart


class NotTonight(msgspec.Struct, frozen=True, kw_only=True, tag="not-tonight"):
    """A contact asks not to be asked until then. Stays at the centre."""

    at: Instant
    contact: ContactId
    until: Instant


class Why(StrEnum):
    """Why an alert goes on to somebody, or past them."""

    FIRST = "first"  # they are the first to ask
    UNSEEN = "unseen"  # no screen of the desk has shown it
    UNANSWERED = "unanswered"  # whoever was asked before did not answer in their time
    FORGOTTEN = "forgotten"  # somebody had it, or said they would go, and nothing followed
    CANNOT = "cannot"  # whoever was asked before cannot go
    UNREACHED = "unreached"  # no channel took the notice to whoever was asked before
    CALLED_IN = "called-in"  # the desk asked the second pool to help
    NOT_TONIGHT = "not-tonight"  # past: they asked not to be asked
    NO_CONSENT = "no-consent"  # past: the resident has not said that they may be asked
    CONSENT_ENDED = "consent-ended"  # past: the resident said so until a day that is over
    UNATTENDED = "unattended"  # past the desk: no screen of it is in view
    ENOUGH = "enough"  # past: they have had as many messages as they wish, and this one can do without them
    QUIET = "quiet"  # past: it is their quiet time, and this one can do without them


HELD_BACK = frozenset({Why.ENOUGH, Why.QUIET})
"""What keeps from somebody only what is not urgent."""


class Passed(msgspec.Struct, frozen=True, kw_only=True, tag="passed"):
    """Somebody is asked to see to an alert. Stays at the centre."""

    at: Instant
    home: HomeId
    alert: AlertId
    step: int  # of the chain, from zero
    to: ContactId
    line: Line
    channels: tuple[str, ...]
    minutes: float  # that they get; of the last one, what was agreed
    why: Why


class Skipped(msgspec.Struct, frozen=True, kw_only=True, tag="skipped"):
    """Somebody was next, and is not asked: the one after them is, at once. Stays at the centre."""

    at: Instant
    home: HomeId
    alert: AlertId
    step: int
    to: ContactId
    line: Line
    why: Why


class Exhausted(msgspec.Struct, frozen=True, kw_only=True, tag="exhausted"):
    """Everybody in the chain was asked, and the last one's time is over as well. Stays at the centre."""

    at: Instant
    home: HomeId
    alert: AlertId
    why: Why


class Refusal(StrEnum):
    """Why a channel did not take a notice."""

    NO_ADDRESS = "no-address"  # this contact has none for it
    NO_CHANNEL = "no-channel"  # nothing is set up under its name
    REFUSED = "refused"
    NO_ANSWER = "no-answer"  # it was handed over, and nothing came back in time: whether it arrived nobody knows
    GONE = "gone"  # where they were reached nobody is any more: a browser that was reset, a closed mailbox


MAY_HAVE = frozenset({None, Refusal.NO_ANSWER})
"""What is written down of a channel that took something, or may have."""


class Noticed(msgspec.Struct, frozen=True, kw_only=True, tag="noticed"):
    """A channel took a notice for somebody, or why it did not. Stays at the centre."""

    at: Instant
    home: HomeId
    alert: AlertId
    to: ContactId
    channel: str
    refusal: Refusal | None = None
    again_at: Instant | None = None  # before this a channel that refused wants to hear no more of us


class CalledOff(msgspec.Struct, frozen=True, kw_only=True, tag="called-off"):
    """A channel took the notice for somebody that they need not go any more, or why it did not. Stays at the centre."""

    at: Instant
    home: HomeId
    alert: AlertId
    to: ContactId
    channel: str  # that took the notice by which they were asked
    refusal: Refusal | None = None


class Proven(msgspec.Struct, frozen=True, kw_only=True, tag="proven"):
    """A channel took the notice by which it is tried once a day, or why it did not. Stays at the centre."""

    at: Instant
    channel: str
    refusal: Refusal | None = None


class ToProve(msgspec.Struct, frozen=True, kw_only=True, tag="to-prove"):
    """Somebody asked that a channel be tried now. Stays at the centre."""

    at: Instant
    channel: str
    by: StaffId


class Arrived(msgspec.Struct, frozen=True, kw_only=True, tag="arrived"):
    """The phone of a contact has shown a notice; whether they saw it, it cannot say. Stays at the centre."""

    at: Instant
    home: HomeId
    alert: AlertId
    by: ContactId


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag="opened"):
    """A contact looked at what they were asked, and so at who it is about. Stays at the centre."""

    at: Instant
    home: HomeId
    alert: AlertId
    by: ContactId


class Answer(StrEnum):
    """What a contact says who is asked."""

    GOING = "going"
    CANNOT = "cannot"
    NOT_TONIGHT = "not-tonight"
    CALL_ME = "call-me"
    FINE = "fine"  # the resident themself
    HELP = "help"  # the resident themself


class Replied(msgspec.Struct, frozen=True, kw_only=True, tag="replied"):
    """A contact answered. Stays at the centre."""

    at: Instant
    home: HomeId
    alert: AlertId
    by: ContactId
    answer: Answer
