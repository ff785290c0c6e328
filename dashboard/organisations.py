"""Organisations: whose building is whose, who works for which, and what they may do there.

A site belongs to one organisation, a member of staff to one or more, with a role in each. What belongs to nobody yet
belongs to `OWN`, the organisation that runs the centre: the small installation is the large one with a single
organisation, and a new building is never without somebody who sees it. Rows of the people store (`dashboard.people`).
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, NewType

from care.database import Database, changes, is_shared, transaction
from care.ids import StaffId
from care.records import CENTRE
from dashboard.typed import BadInput, tidy
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
    since REAL,                             -- NULL of those from before it was written down
    until REAL,                             -- ends by itself then; NULL: stays until it is taken away
    ground TEXT NOT NULL DEFAULT '',        -- why somebody from elsewhere works here
    PRIMARY KEY (staff, organisation, role)
) STRICT, WITHOUT ROWID;
"""

POOL_MAX = timedelta(days=366)  # for which somebody from elsewhere is lent; longer is asked for again
LATELY_S = (
    1.0  # for which whose the buildings are is remembered, where it cannot be asked for nothing whether it changed
)
GROUND_MIN, GROUND_MAX = 10, 300  # characters: a ground is a sentence, no word

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class Role(StrEnum):
    """What somebody is in an organisation."""

    DESK = "desk"  # sits at the night desk and acts on alerts
    NIGHT_TEAM = "night-team"  # goes to homes at night: acts on alerts
    CARE = "care"  # care planners and their team: act on alerts, and change what is agreed with clients
    MANAGER = "manager"  # changes what is agreed, and reads reports
    INSTALLER = "installer"  # gateways and their enrolment; sees nobody's nights
    PRIVACY = "privacy"  # the privacy officer: the log of looks, emergencies and reports; no home, no alert
    ADMINISTRATOR = "administrator"  # who works here; no home, no alert


class Right(StrEnum):
    """What a role may do."""

    LOOK = "look"  # see homes and their alerts
    ACT = "act"  # on alerts: claim, close, put aside ...
    CHANGE = "change"  # limits, chains, and what else is agreed
    PEOPLE = "people"  # invite, appoint and dismiss, and end sessions
    LOG = "log"  # read who looked at what, and judge emergencies
    INSTALL = "install"  # gateways: see which are let in, and take that back
    REPORTS = "reports"  # figures of many nights, by site and period


RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.DESK: frozenset({Right.LOOK, Right.ACT}),
    Role.NIGHT_TEAM: frozenset({Right.LOOK, Right.ACT}),
    Role.CARE: frozenset({Right.LOOK, Right.ACT, Right.CHANGE, Right.INSTALL, Right.REPORTS}),
    Role.MANAGER: frozenset({Right.LOOK, Right.CHANGE, Right.INSTALL, Right.REPORTS}),
    Role.INSTALLER: frozenset({Right.INSTALL}),
    Role.PRIVACY: frozenset({Right.LOG, Right.REPORTS}),
    Role.ADMINISTRATOR: frozenset({Right.PEOPLE}),
}
"""Which role may do what, in the organisation where it is held. `docs/security.md` draws it, held to it by a test."""

IDLE: Mapping[Role, timedelta] = {
    Role.DESK: timedelta(hours=2),
    Role.NIGHT_TEAM: timedelta(hours=2),
    Role.CARE: timedelta(hours=2),
    Role.MANAGER: timedelta(hours=1),
    Role.INSTALLER: timedelta(hours=1),
    Role.PRIVACY: timedelta(minutes=30),
    Role.ADMINISTRATOR: timedelta(minutes=30),
}
"""How long a session may be unused. A page that watches over homes uses it, for whoever may act on their alerts."""


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


def sees_often(
    organisations: frozenset[OrganisationId], owners: Mapping[SiteId, OrganisationId]
) -> Callable[[SiteId], bool]:
    """Return what tells the same as `sees`, faster; it looks at all owners once, and not again when they change."""
    if OWN not in organisations:
        mine = {site for site, owner in owners.items() if owner in organisations}
        return frozenset({*mine, CENTRE}).__contains__
    theirs = frozenset(site for site, owner in owners.items() if owner not in organisations and site != CENTRE)
    return lambda site: site not in theirs


def role_of(word: str) -> Role:
    """Return the role that a word stands for. Raises `ValueError` with a sentence."""
    try:
        return Role(word)
    except ValueError as error:
        raise ValueError(f"{word!r} is no role: choose {', '.join(Role)}.") from error


def may(posts: frozenset[Post], right: Right, owner: OrganisationId | None) -> bool:
    """Whether somebody with these posts may do something; `owner` is None where it concerns every organisation."""
    return any(right in RIGHTS[post.role] for post in posts if owner in {None, post.organisation})


def where(posts: frozenset[Post], right: Right) -> frozenset[OrganisationId]:
    """Return the organisations in which somebody with these posts has a right."""
    return frozenset(post.organisation for post in posts if right in RIGHTS[post.role])


_HOMES = ", ".join(f"'{role}'" for role in Role if Right.LOOK in RIGHTS[role])  # words of ours


class _Read(NamedTuple):
    """Whose each building was, as the store said."""

    at_s: float  # monotonic
    changes: object  # of the store, before it was read
    owners: Mapping[SiteId, OrganisationId]


@dataclass(frozen=True, slots=True)
class Access:
    """Whose everything is, and who is still signed in.

    Who is signed in is read afresh every time. Whose the buildings are is thousands of rows, asked for with everything
    that is drawn: it is remembered for as long as nobody has changed the store. Of a file that is known at once. Of a
    store that others write in it is not, so there it may be `LATELY_S` old, unless it is asked for `afresh`. A new
    `Access` remembers nothing: what decides whether somebody may come in is asked of one.
    """

    db: Database
    now: Callable[[], datetime] | None = None  # by which what is lent and who is idle ends; None: nothing ends by time
    monotonic: Callable[[], float] = time.monotonic
    _last: list[_Read] = field(default_factory=list, init=False, repr=False, compare=False)  # one, or none yet

    def owners(self, *, afresh: bool = False) -> Mapping[SiteId, OrganisationId]:
        """Return whose each building is, the same mapping for as long as it says the same; the others are `OWN`'s."""
        now_s, shared, last = self.monotonic(), is_shared(self.db), next(iter(self._last), None)
        if shared and not afresh and last is not None and now_s - last.at_s < LATELY_S:
            return last.owners
        stands = None if shared else changes(self.db)
        if stands is not None and last is not None and stands == last.changes:
            return last.owners
        owners: Mapping[SiteId, OrganisationId] = dict(self.db.execute("SELECT id, organisation FROM site"))
        if last is not None and owners == last.owners:
            owners = last.owners
        self._last[:] = [_Read(now_s, stands, owners)]
        return owners

    def sessions(self) -> dict[str, frozenset[OrganisationId]]:
        """Return the key of every session with the organisations whose homes it may see."""
        at = 0.0 if self.now is None else self.now().timestamp()
        found: dict[str, set[OrganisationId]] = {}
        for token, organisation in self.db.execute(
            "SELECT token, organisation FROM session LEFT JOIN post ON post.staff = session.staff"  # noqa: S608
            f" AND role IN ({_HOMES}) AND (post.until IS NULL OR post.until > :at)"
            " AND (session.through IS NULL OR session.through = organisation)"
            " WHERE session.until > :at AND used_at + idle_s > :at",
            {"at": at},
        ):
            found.setdefault(token.hex(), set()).update([organisation] if organisation is not None else [])
        return {key: frozenset(organisations) for key, organisations in found.items()}


def posts_of(
    db: Database, staff: StaffId, now: datetime | None = None, *, through: str | None = None
) -> frozenset[Post]:
    """Return what somebody is where, by now. A role of which nobody here knows gives nothing.

    `through` is the organisation by whose own sign-in they came: they are there for it alone. Without `now` what is
    lent counts too when it is over.
    """
    rows = db.execute(
        "SELECT organisation, role FROM post WHERE staff = :staff AND (until IS NULL OR until > :at)"
        " AND organisation = coalesce(:through, organisation)",
        {"staff": staff, "at": 0.0 if now is None else now.timestamp(), "through": through},
    )
    return frozenset(Post(organisation, Role(role)) for organisation, role in rows if role in set(Role))


def make(db: Database, id: str, name: str) -> OrganisationId:  # noqa: A002  # what it is
    """Add an organisation, or give it another name. Raises `ValueError` with a sentence."""
    if not _ID.fullmatch(id):
        raise ValueError(f"{id!r} is not 1 to 40 small letters, digits and dashes.")
    name = tidy(name)
    db.execute("INSERT INTO organisation VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name", (id, name))
    return OrganisationId(id)


def name_of(db: Database, organisation: str) -> str:
    """Return what people call an organisation. Raises `NoOrganisation`."""
    row = db.execute("SELECT name FROM organisation WHERE id = ?", (organisation,)).fetchone()
    if row is None:
        raise NoOrganisation(organisation)
    return str(row[0])


def give(db: Database, site: SiteId, organisation: str) -> None:
    """Let a building belong to an organisation from now on. Raises `NoOrganisation`."""
    name_of(db, organisation)
    db.execute(
        "INSERT INTO site VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET organisation = excluded.organisation",
        (site, organisation),
    )


def appoint(db: Database, staff: StaffId, organisation: str, role: Role, *, since: datetime | None = None) -> None:
    """Let somebody work for an organisation in a role, beside what they are already. Raises `NoOrganisation`.

    What was lent to them in this role is theirs from now on.
    """
    name_of(db, organisation)
    db.execute(
        "INSERT INTO post (staff, organisation, role, since) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (staff, organisation, role) DO UPDATE SET until = NULL, ground = ''",
        (staff, organisation, role.value, since and since.timestamp()),
    )


def lend(
    db: Database,
    staff: StaffId,
    organisation: str,
    role: Role,
    *,
    ground: str,
    now: datetime,
    until: datetime,
) -> None:
    """Let somebody from elsewhere work for an organisation until a moment, on a written ground.

    Whoever works there without an end goes on so. Raises `NoOrganisation`, or `BadInput` with what is wrong.
    """
    name_of(db, organisation)
    if not now < until <= now + POOL_MAX:
        raise BadInput(f"{until:%Y-%m-%d} is not a day in the coming {POOL_MAX.days} days.")
    ground = tidy(ground, longest=GROUND_MAX)
    if len(ground) < GROUND_MIN:
        raise BadInput(f"{ground!r} is no ground: say in {GROUND_MIN} characters or more why.")
    db.execute(
        "INSERT INTO post VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (staff, organisation, role) DO UPDATE SET"
        " until = excluded.until, ground = excluded.ground WHERE post.until IS NOT NULL",
        (staff, organisation, role.value, now.timestamp(), until.timestamp(), ground),
    )


def dismiss(db: Database, staff: StaffId, organisation: str) -> None:
    """Let somebody work for an organisation no more; their sessions end at once. Raises `NoOrganisation`."""
    name_of(db, organisation)
    with transaction(db):
        db.execute("DELETE FROM post WHERE staff = ? AND organisation = ?", (staff, organisation))
        db.execute("DELETE FROM session WHERE staff = ?", (staff,))


class Held(NamedTuple):
    """A role that somebody has in an organisation."""

    role: Role
    since: datetime | None  # None: from before it was written down
    until: datetime | None  # None: until it is taken away
    ground: str  # why, of one that is lent


class Member(NamedTuple):
    """Somebody who works for an organisation."""

    staff: StaffId
    name: str  # they sign in with
    first_name: str
    held: list[Held]


def members(db: Database, organisation: str, now: datetime) -> list[Member]:
    """Return who works for an organisation by now, by the name they sign in with."""
    found: dict[str, Member] = {}
    for staff, name, first_name, role, *rest in db.execute(
        "SELECT staff.id, name, first_name, role, since, until, ground FROM post JOIN staff ON staff.id = post.staff"
        " WHERE organisation = ? AND (until IS NULL OR until > ?) ORDER BY name, role",
        (organisation, now.timestamp()),
    ):
        since, until = (None if at is None else datetime.fromtimestamp(at, UTC) for at in rest[:2])
        one = found.setdefault(staff, Member(StaffId(staff), name, first_name, []))
        one.held.append(Held(Role(role), since, until, rest[2]))
    return list(found.values())


class Listed(NamedTuple):
    """An organisation, with what it has."""

    id: OrganisationId
    name: str
    sites: list[SiteId]  # that were given to it; `OWN` has all the others besides
    staff: list[tuple[str, list[Role]]]  # by the name they sign in with


def every(db: Database) -> list[Listed]:
    """Return every organisation, by its id."""
    found = []
    for id, name in db.execute("SELECT id, name FROM organisation ORDER BY id").fetchall():  # noqa: A001
        sites = [site for (site,) in db.execute("SELECT id FROM site WHERE organisation = ? ORDER BY id", (id,))]
        roles: dict[str, list[Role]] = {}
        for who, role in db.execute(
            "SELECT staff.name, role FROM post JOIN staff ON staff.id = post.staff WHERE organisation = ?"
            " ORDER BY staff.name, role",
            (id,),
        ):
            roles.setdefault(who, []).append(Role(role))
        found.append(Listed(id, name, sites, list(roles.items())))
    return found
