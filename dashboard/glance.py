"""The board at one moment, as every page asks about it: in one language, with what is not heard known as such."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Protocol
from urllib.parse import quote, unquote
from weakref import WeakKeyDictionary

from care.alerts import Alert
from care.board import Board
from care.buildings import cause_of
from care.ids import AlertId, ContactId, StaffId
from care.language import LANGUAGES, words
from care.pauses import Pause
from care.proofs import Doubt
from care.records import Plan, site_of
from care.sights import Why, hears, now_seen, sighted
from care.wording import Wording, natural
from dashboard.organisations import ONLY_OWN, OrganisationId
from dashboard.wishes import Wishes
from detectors.findings import Finding, Presence, Sight, Status, What
from detectors.homes import Home, HomeId, ResidentId, Sensor, SiteId, building_of

NAMES_MAX = 50_000  # of buildings, of which is remembered how they sort

ICONS = {Presence.BED: "bed", Presence.UP: "up", Presence.OUT: "out", Presence.UNKNOWN: "unknown"}
"""How it is drawn where a resident is."""


@dataclass(frozen=True)
class Viewer:
    """Who looks at the page, and in which language."""

    staff: StaffId
    name: str
    initials: str
    language: str  # "nl" or "en"
    organisations: frozenset[OrganisationId] = ONLY_OWN  # whose homes and alerts are there for them
    acts: bool = True  # whether they may do anything with an alert


class Names(Protocol):
    """Knows who people are; the journal and the board hold ids only."""

    def resident(self, id: ResidentId) -> str | None:  # noqa: A002  # the word of the place
        """Return the name the resident likes, or None if none is known."""

    def wishes(self, id: ResidentId) -> Wishes:  # noqa: A002
        """Return what the resident wants done first, and who may be called."""

    def staff(self, id: StaffId) -> str:  # noqa: A002
        """Return a colleague's initials or first name."""

    def contact(self, id: ContactId) -> str | None:  # noqa: A002
        """Return the name of somebody who may be asked, or None if none is known."""


class Glance:
    """The board at one moment, for the readers of one language, or for one of them."""

    def __init__(self, board: Board, names: Names, now: datetime, language: str, viewer: Viewer | None = None) -> None:
        self.board, self.names, self.now, self.viewer = board, names, now, viewer
        self.language = language if language in LANGUAGES else LANGUAGES[0]
        self._wordings: dict[str, Wording] = {}
        self._caused: dict[SiteId, list[Finding]] = {}
        self.say = words(self.language).gettext

    @cached_property
    def zone(self) -> str:
        """By whose clock the desk itself lives: that of the first building."""
        return _zone_of(self.plans)

    @cached_property
    def wording(self) -> Wording:
        return self._wording(self.zone)

    def wording_of(self, site: SiteId) -> Wording:
        plan = self.board.plans.get(site)
        return self._wording(plan.zone if plan is not None else self.zone)

    def _wording(self, zone: str) -> Wording:
        if zone not in self._wordings:
            self._wordings[zone] = Wording(self.language, zone)
        return self._wordings[zone]

    @cached_property
    def plans(self) -> Sequence[Plan]:
        """Every building's plan, in the order in which people look for them."""
        return in_order(self.board)

    def silent_since(self, site: SiteId) -> datetime | None:
        """Return since when nothing has come from a building, or None while it is heard."""
        return self.board.silent_since(site, self.now)

    def status(self, home: HomeId) -> Status | None:
        """Return how a home stands, or None where that is not known now: never told, or not heard any more."""
        told = self.board.statuses.get(home) if self.silent_since(site_of(home)) is None else None
        causes = self.causes(site_of(home)) if told is not None else []
        plan = self.board.homes.get(home)
        return told if told is None or plan is None or not causes else now_seen(plan, told, causes)

    def why_unseen(self, home: Home) -> tuple[Why, ...]:
        """Return why a home is not, or not wholly, seen now."""
        site = site_of(home.id)
        if self.silent_since(site) is not None:
            return (Why.BUILDING,)
        status = self.board.statuses.get(home.id)
        if status is not None and status.sight is Sight.WATCHED and not self.causes(site):
            return ()
        told = self.board.alerts_of(home.id) if status is not None and status.blind else []
        stuck = [one for alert in told for one in alert.standing if one.what is What.SENSOR_STUCK]
        return sighted(home, status, [*self.causes(site), *stuck])[2]

    def pause(self, home: Home) -> Pause | None:
        """Return the pause that lasts in a home, by the centre's records; whether its building has it, it says."""
        return self.board.pauses.now(home, self.now)

    def doubt(self, home: Home) -> Doubt | None:
        """Return why a home is not proven by a walk test, or None if it is."""
        plan = self.board.plans[site_of(home.id)]
        return self.board.proofs.doubt(home, plan.devices, self.now)

    def causes(self, site: SiteId) -> list[Finding]:
        """Return what stands between a building and its sensors, as the building itself says."""
        if site not in self._caused:
            standing = self.board.standing(building_of(site))
            self._caused[site] = [one for one in standing if one.what is not What.BUILDING_SILENT]
        return self._caused[site]

    # One cause, one alert

    @cached_property
    def folded(self) -> dict[AlertId, list[Alert]]:
        """The alerts that belong under another, by that other: counted there, and told on its page."""
        under: dict[AlertId, list[Alert]] = {}
        for alert in self.board.open_alerts():
            cause = cause_of(alert, self.board)
            if cause is not None:
                under.setdefault(cause, []).append(alert)
        return under

    def hears(self, home: Home, sensor: Sensor) -> bool:
        """Whether a sensor can be heard now; not if nothing is known of its home."""
        return hears(self.status(home.id), sensor)


class Order:
    """Plans by their buildings' names, as people count: 2 before 10. Kept for as long as they are the same plans."""

    def __init__(self) -> None:
        self._plans: list[Plan] = []
        self._sorted: Sequence[Plan] = ()

    def of(self, board: Board) -> Sequence[Plan]:
        """Return every building's plan, the same sequence for as long as the board has the same plans."""
        plans = list(board.plans.values())
        if plans != self._plans:  # of plans that are the same ones this only compares where they are
            self._plans, self._sorted = plans, tuple(sorted(plans, key=_by_name))
        return self._sorted


_orders: WeakKeyDictionary[Board, Order] = WeakKeyDictionary()


def in_order(board: Board) -> Sequence[Plan]:
    """Return every building's plan by its name, as people count: 2 before 10."""
    return _orders.setdefault(board, Order()).of(board)


def desk_zone(board: Board) -> str:
    """Return by whose clock the desk itself lives: that of the first building."""
    return _zone_of(in_order(board))


def _zone_of(plans: Sequence[Plan]) -> str:
    first = next(iter(plans), None)
    return "Europe/Amsterdam" if first is None else first.zone


def _by_name(plan: Plan) -> tuple[object, SiteId]:
    return _natural(plan.name), plan.site


@lru_cache(NAMES_MAX)
def _natural(name: str) -> object:
    return natural(name)


def home_path(home: HomeId) -> str:
    """Return where the page of a home is.

    >>> home_path(HomeId("wilg/2 A"))
    '/homes/wilg/2%20A'
    """
    return f"/homes/{quote(home, safe='/')}"


def home_at(path: str) -> HomeId | None:
    """Return which home a page would be of, or None if it would be of none.

    >>> home_at("/homes/wilg/2%20A"), home_at("/homes/wilg/2 A"), home_at("/alerts/1")
    ('wilg/2 A', None, None)
    """
    home = HomeId(unquote(path.removeprefix("/homes/")))
    return home if home_path(home) == path else None


def alert_at(path: str) -> AlertId | None:
    """Return which alert a page would be of, or None if it would be of none.

    >>> alert_at("/alerts/1"), alert_at("/")
    ('1', None)
    """
    return AlertId(path.removeprefix("/alerts/")) if path.startswith("/alerts/") else None
