"""Notices: what is said on somebody's own phone, by which channel, and which channels work.

A lock screen is a public place. So a notice holds no name, no room, no hour and nothing of anybody's health: that there
is something, and a link with a random token in it. Apprise speaks with the gateways (text messages, calls, mail, push).
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote

from care.alerts import Tier
from care.asking import CalledOff, Noticed, Proven, Refusal, ToProve
from care.chains import LINES, RESIDENT
from care.ids import AlertId, ContactId
from care.language import mark, words
from care.letters import Letter, Receipt, tag_of
from care.messages import Carried, Kind
from care.records import Record, encode

TEXT_MAX = 120  # characters without the link: with it still one text message
PROVEN_EVERY = timedelta(hours=24)
DEAD_FOR = timedelta(minutes=15)  # until a channel that refused is tried again as if it had not
_NOT_ITS_FAULT = frozenset({Refusal.NO_ADDRESS, Refusal.GONE})  # that somebody cannot be reached by it
ADDRESS = "{address}"  # stands in the URL of a channel for where one notice goes
ONCE = "{once}"  # and this for what names it: a gateway that is told it twice sends it once
ANSWERS_WITHIN_S = 20.0  # that a gateway may take: longer than we wait, or Apprise would call it refused before that

URGENT = mark("Nachtwacht: urgent alert {ref}. Respond within {n} min.")
NEW = mark("Nachtwacht: new alert {ref}.")
HELP = mark("Nachtwacht: is there time to help now?")
ASK_FIRST = mark("Nachtwacht: are you all right?")
NOT_NEEDED = mark("Nachtwacht: help is not needed any more. Thank you.")
WAITS = mark("Nachtwacht: there is a message for you.")
INVITED = mark("Nachtwacht: you are invited to work with it. The link works once, for a week.")
PROOF = mark("Nachtwacht: this is a test message. No answer is needed.")


class Channels:
    """What each channel last did with a notice. Changed only by `add`."""

    def __init__(self) -> None:
        self._last: dict[str, Noticed | CalledOff | Carried | Proven] = {}
        self._asked: dict[str, datetime] = {}  # when somebody last asked that it be tried

    def add(self, record: Record) -> bool:
        """Take in one record of the journal; return whether a channel works now that did not, or the other way."""
        if isinstance(record, ToProve):
            self._asked[record.channel] = max(record.at, self._asked.get(record.channel, record.at))
            return False
        if not isinstance(record, Noticed | CalledOff | Carried | Proven) or record.refusal in _NOT_ITS_FAULT:
            return False
        before = self._last.get(record.channel)
        last = record if before is None else max(before, record, key=lambda one: (one.at, encode(one)))
        self._last[record.channel] = last
        return (before is not None and before.refusal is not None) != (last.refusal is not None)

    @property
    def dead(self) -> dict[str, datetime]:
        """The channels of which the last notice was refused, and when."""
        return {name: one.at for name, one in sorted(self._last.items()) if one.refusal is not None}

    def last(self, channel: str) -> Noticed | CalledOff | Carried | Proven | None:
        """Return what a channel last did; None if nothing yet."""
        return self._last.get(channel)

    def doubtful(self, channel: str, now: datetime) -> bool:
        """Whether a channel has just refused, so that another one is tried before it."""
        last = self._last.get(channel)
        return last is not None and last.refusal is not None and now - last.at < DEAD_FOR

    def unproven(self, channels: Iterable[str], now: datetime) -> list[str]:
        """Return the channels that must be tried now: once a day, when somebody asks, and what refused a while ago."""
        due = []
        for name in channels:
            last = self._last.get(name)
            asked = self._asked.get(name)
            if (
                last is None
                or (asked is not None and last.at < asked <= now)
                or now - last.at >= (PROVEN_EVERY if last.refusal is None else DEAD_FOR)
            ):
                due.append(name)
        return due


def text(to: ContactId, alert: AlertId, tier: Tier, minutes: float, *, phone: str) -> str:
    """Return what somebody reads on a phone: in Dutch, safe where anybody can read it.

    Parameters
    ----------
    phone : of the desk; empty if there is none to call.
    """
    say = words("nl").gettext
    if to == RESIDENT:
        said = say(ASK_FIRST)
    elif to not in LINES:
        said = say(HELP)
    elif tier is Tier.ACUTE:
        said = say(URGENT).format(ref=reference(alert), n=max(1, int(minutes)))
    else:
        said = say(NEW).format(ref=reference(alert))
    call = [say("Questions? Call {phone}.").format(phone=phone)] if phone else []
    return " ".join([said, *call])


def with_link(letter: Letter) -> str:
    """Return the words of a letter for a channel that carries nothing but text."""
    if not letter.link:
        return letter.text
    say = words("nl").gettext
    lead = say("Answer: {link}") if letter.answers else say("Read: {link}")
    return " ".join([letter.text, lead.format(link=letter.link)])


def message(kind: Kind) -> str:
    """Return what somebody reads for whom there is a message: never about whom it is."""
    return words("nl").gettext({Kind.TEST: PROOF, Kind.INVITED: INVITED}.get(kind, WAITS))


def not_needed() -> str:
    """Return what somebody reads who was asked to go, and need not any more."""
    return words("nl").gettext(NOT_NEEDED)


def proof() -> str:
    """Return what the channel's own test says."""
    return words("nl").gettext(PROOF)


def reference(alert: AlertId) -> str:
    """Return by what an alert is called on a phone: enough to tell two apart, and nothing else."""
    return alert[:4].upper()


def fits(url: str) -> bool:
    """Whether a channel can be set up with such a URL."""
    tried = with_once(url, tag_of("fits"))
    return ADDRESS in url and _apprise().Apprise.instantiate(_filled(tried, "31612345678")) is not None


def with_once(url: str, once: str) -> str:
    """Return the URL of a channel with what names one letter, where its gateway wants that."""
    return url.replace(ONCE, once)


def send(url: str, address: str, body: str) -> bool:
    """Hand one notice to a channel; return whether it took it. Waits for the network: for a thread of its own."""
    gateway = _apprise().Apprise.instantiate(_filled(url, address))
    if gateway is None:
        return False
    # Apprise waits four seconds and then says no; but a slow gateway may have sent the text message all the same.
    gateway.socket_read_timeout = max(gateway.socket_read_timeout, ANSWERS_WITHIN_S)
    post = _apprise().Apprise()
    return bool(post.add(gateway)) and bool(post.notify(body=body))


def receipt(taken: bool) -> Receipt:  # noqa: FBT001  # all that Apprise says
    """Return what is written down of a channel that says yes or no."""
    return Receipt(None if taken else Refusal.REFUSED)


def _filled(url: str, address: str) -> str:
    return url.replace(ADDRESS, quote(address, safe="@+"))


@cache
def _apprise() -> Any:
    # Imported here: only a centre that sends something has use for it. Its log would name addresses.
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return apprise
