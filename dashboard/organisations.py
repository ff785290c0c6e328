"""Organisations: whose building is whose, who works for which, and what they may do there.

A site belongs to one organisation, a member of staff to one or more, with a role in each. What belongs to nobody yet
belongs to `OWN`, the organisation that runs the centre: the small installation is the large one with a single
organisation, and a new building is never without somebody who sees it. Rows of the people store (`dashboard.people`).
"""

import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, NewType

from care.ids import StaffId
from care.records import CENTRE
from dashboard.typed import tidy
from detectors.homes import SiteId

OrganisationId = NewType("OrganisationId", str)

OWN = OrganisationId("own")
ONLY_OWN = frozenset({OWN})

SCHEMA = """
CREATE TABLE IF NOT EXISTS organisation (id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS site (           -- one that is not here belongs to the organisation that runs the centre
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisation
) STRICT;
CREATE TABLE IF NOT EXISTS post (
    staff TEXT NOT NULL REFERENCES staff ON DELETE CASCADE,
    organisation TEXT NOT NULL REFERENCES organisation,
    role TEXT NOT NULL,
    PRIMARY KEY (staff, organisation, role)
) STRICT, WITHOUT ROWID;
"""

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class Role(StrEnum):
    """What somebody is in an organisation. All of them see its homes and its alerts."""

    DESK = "desk"  # sits at the night desk and acts on alerts
    CARE = "care"  # the care team: acts on alerts, and changes what is agreed with clients
    MANAGER = "manager"  # changes what is agreed


class Right(StrEnum):
    """What a role may do, besides looking."""

    ACT = "act"  # on alerts: claim, close, put aside ...
    CHANGE = "change"  # limits, chains, and what else is agreed


_MAY = {
    Role.DESK: frozenset({Right.ACT}),
    Role.CARE: frozenset({Right.ACT, Right.CHANGE}),
    Role.MANAGER: frozenset({Right.CHANGE}),
}


class Post(NamedTuple):
    """What somebody is where."""

    organisation: OrganisationId
    role: Role


class NoOrganisation(Exception):
    """There is no organisation of this id."""


def sees(organisations: frozenset[OrganisationId], owners: Mapping[SiteId, OrganisationId]) -> Callable[[SiteId], bool]:
    """Return what tells whether a site is one of these organisations'. What concerns every building, all may see.

    >>> mine = sees(frozenset({OrganisationId("zon")}), {SiteId("wilg"): OrganisationId("zon")})
    >>> mine(SiteId("wilg")), mine(SiteId("eik")), mine(SiteId("centre"))
    (True, False, True)
    """
    return lambda site: site == CENTRE or owners.get(site, OWN) in organisations


def role_of(word: str) -> Role:
    """Return the role that a word stands for. Raises `ValueError` with a sentence."""
    try:
        return Role(word)
    except ValueError as error:
        raise ValueError(f"{word!r} is no role: choose {', '.join(Role)}.") from error


def may(posts: frozenset[Post], right: Right, owner: OrganisationId | None) -> bool:
    """Whether somebody with these posts may do something; `owner` is None where it concerns every organisation."""
    return any(right in _MAY[post.role] for post in posts if owner in {None, post.organisation})


@dataclass(frozen=True, slots=True)
class Access:
    """Whose everything is and who is still signed in, read afresh every time: what is taken from somebody is gone."""

    db: sqlite3.Connection

    def owners(self) -> dict[SiteId, OrganisationId]:
        """Return whose each building is; one that is not among them is `OWN`'s."""
        return dict(self.db.execute("SELECT id, organisation FROM site"))

    def sessions(self) -> dict[str, frozenset[OrganisationId]]:
        """Return the key of every session with the organisations whose homes it may see."""
        found: dict[str, set[OrganisationId]] = {}
        for token, organisation in self.db.execute(
            "SELECT token, organisation FROM session LEFT JOIN post ON post.staff = session.staff"
        ):
            found.setdefault(token.hex(), set()).update([organisation] if organisation is not None else [])
        return {key: frozenset(organisations) for key, organisations in found.items()}


def posts_of(db: sqlite3.Connection, staff: StaffId) -> frozenset[Post]:
    """Return what somebody is where. A role of which nobody here knows gives nothing."""
    rows = db.execute("SELECT organisation, role FROM post WHERE staff = ?", (staff,))
    return frozenset(Post(organisation, Role(role)) for organisation, role in rows if role in set(Role))


def make(db: sqlite3.Connection, id: str, name: str) -> OrganisationId:  # noqa: A002  # what it is
    """Add an organisation, or give it another name. Raises `ValueError` with a sentence."""
    if not _ID.fullmatch(id):
        raise ValueError(f"{id!r} is not 1 to 40 small letters, digits and dashes.")
    name = tidy(name)
    db.execute("INSERT INTO organisation VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name", (id, name))
    return OrganisationId(id)


def give(db: sqlite3.Connection, site: SiteId, organisation: str) -> None:
    """Let a building belong to an organisation from now on. Raises `NoOrganisation`."""
    _there(db, organisation)
    db.execute("INSERT OR REPLACE INTO site VALUES (?, ?)", (site, organisation))


def appoint(db: sqlite3.Connection, staff: StaffId, organisation: str, role: Role) -> None:
    """Let somebody work for an organisation in a role, beside what they are already. Raises `NoOrganisation`."""
    _there(db, organisation)
    db.execute("INSERT OR IGNORE INTO post VALUES (?, ?, ?)", (staff, organisation, role.value))


def dismiss(db: sqlite3.Connection, staff: StaffId, organisation: str) -> None:
    """Let somebody work for an organisation no more; their screens lose it within a second. Raises `NoOrganisation`."""
    _there(db, organisation)
    db.execute("DELETE FROM post WHERE staff = ? AND organisation = ?", (staff, organisation))


class Listed(NamedTuple):
    """An organisation, with what it has."""

    id: OrganisationId
    name: str
    sites: list[SiteId]  # that were given to it; `OWN` has all the others besides
    staff: list[tuple[str, list[Role]]]  # by the name they sign in with


def every(db: sqlite3.Connection) -> list[Listed]:
    """Return every organisation, by its id."""
    found = []
    for id, name in db.execute("SELECT id, name FROM organisation ORDER BY id").fetchall():  # noqa: A001
        sites = [site for (site,) in db.execute("SELECT id FROM site WHERE organisation = ? ORDER BY id", (id,))]
        roles: dict[str, list[Role]] = {}
        for who, role in db.execute(
            "SELECT staff.name, role FROM post JOIN staff ON staff.id = staff WHERE organisation = ? ORDER BY 1, 2",
            (id,),
        ):
            roles.setdefault(who, []).append(Role(role))
        found.append(Listed(id, name, sites, list(roles.items())))
    return found


def _there(db: sqlite3.Connection, organisation: str) -> None:
    if db.execute("SELECT 1 FROM organisation WHERE id = ?", (organisation,)).fetchone() is None:
        raise NoOrganisation(organisation)
