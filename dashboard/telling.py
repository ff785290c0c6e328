"""How residents and their people are told, as their own pages say it: on which device, and how much at most."""

import hashlib
from dataclasses import dataclass

from care.ids import ContactId
from care.messages import HOURLY, MOST, NIGHTLY
from dashboard import contacts, push
from dashboard.pages import Desk


class Telling:
    """How somebody is told, as their own page says it."""

    most = MOST

    def __init__(self, desk: Desk, whose: ContactId) -> None:
        wish = desk.centre.board.messages.wanted(whose)
        self.whose = whose
        self.reached = bool(contacts.ways(desk.people, whose))  # whether there is any way to tell them
        self.hourly, self.nightly = (HOURLY, NIGHTLY) if wish is None else (wish.hourly, wish.nightly)
        quiet = None if wish is None else wish.quiet
        self.since, self.until = ("", "") if quiet is None else (f"{quiet[0]:%H:%M}", f"{quiet[1]:%H:%M}")


@dataclass(frozen=True, slots=True)
class Here:
    """What a page's script must know to say whether this very device is told."""

    key: str  # by which a browser knows this centre; empty where the centre has no channel for it
    known: str  # the fingerprints of the browsers that are told, apart by spaces


def here_of(desk: Desk, *whose: ContactId) -> Here:
    """Return what a script needs: a browser believes for ever that it is told, and only the centre knows."""
    told = {one.endpoint for who in whose for one in push.of(desk.people, who, desk.wall.now())}
    return Here(key_of(desk), " ".join(sorted(hashlib.sha256(one.encode()).hexdigest() for one in told)))


def key_of(desk: Desk) -> str:
    """Return the key by which a browser is asked for messages; empty where this centre has no channel for them."""
    has = any(one.url == push.URL for one in contacts.channels(desk.people).values())
    return push.public_key(desk.people) if has else ""
