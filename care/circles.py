"""Whom a resident lets be asked, and takes out of their circle: what is written down then."""

from datetime import datetime

from care.alerts import Tier
from care.board import Board
from care.chains import About, consent
from care.ids import Asker, ContactId
from care.records import Record
from care.sharing import stop
from detectors.homes import Home

ASKED = (Tier.ACUTE, Tier.SOON)  # what goes on to anybody at all


def asks(board: Board, home: Home, contact: ContactId, until: datetime, *, by: Asker, at: datetime) -> list[Record]:
    """Return what to write down when somebody may be asked to help until then: about what they could before, or all."""
    said = board.chains.consent(home.id, contact)
    tiers, kinds = tuple(tier.value for tier in ASKED), tuple(About)
    if said is not None and said.tiers:
        tiers = said.tiers
        kinds = kinds if said.kinds is None else tuple(one for one in About if one in said.kinds)
    return list(consent(board.chains, home.id, contact, tiers, until, kinds=kinds, by=by, at=at))


def asks_no_more(board: Board, home: Home, contact: ContactId, *, by: Asker, at: datetime) -> list[Record]:
    """Return what to write down when somebody may be asked nothing any more; nothing if they could not."""
    said = board.chains.consent(home.id, contact)
    if said is None or not said.tiers:
        return []
    return list(consent(board.chains, home.id, contact, (), at, by=by, at=at))


def let_go(board: Board, home: Home, contact: ContactId, *, by: Asker, at: datetime) -> list[Record]:
    """Return what to write down when somebody is taken out of a circle: nothing is asked of them, nor shared."""
    withdrawn = asks_no_more(board, home, contact, by=by, at=at)
    return [*withdrawn, *stop(board.shares, home, contact, by=by, at=at)]
