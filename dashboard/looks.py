"""How every home looks on the board: kept from scene to scene, for at each change all but a few stand as they did."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import compress
from operator import is_, is_not

from care.alerts import Alert
from care.board import Board
from care.records import Plan
from care.wording import natural
from dashboard.glance import Glance, Order
from dashboard.homes import Standing
from dashboard.stories import Story
from detectors.findings import Finding, Status
from detectors.homes import Home, HomeId, SiteId

Layout = tuple[tuple[SiteId, str, tuple[Home, ...]], ...]
"""Which tile stands where: buildings by name, and their homes in the order in which they are numbered."""


class Looks:
    """What the last scene found of each home. The same for every language. It goes on: a scene reads it at once."""

    def __init__(self) -> None:
        self.of_each: dict[HomeId, list[str]] = {}  # the person first
        self.first: Counter[str] = Counter()  # how many homes have which word first
        self.partly = 0  # how many are partly seen
        self._homes: dict[HomeId, Home] = {}  # as they were looked at last, and the statuses in the same order
        self._statuses: list[Status | None] = []
        self._alerts: dict[HomeId, Alert] = {}
        self._sites: dict[SiteId, tuple[bool, list[Finding]]] = {}
        self._order = Order()
        self._laid: tuple[Sequence[Plan], Layout] = ((), ())
        self._rows: dict[SiteId, tuple[Plan, tuple[Home, ...]]] = {}

    def plans(self, board: Board) -> Sequence[Plan]:
        """Return every building's plan, in the order in which people look for them."""
        return self._order.of(board)

    def layout(self, board: Board) -> Layout:
        """Return where every tile stands; the same as before as long as the plans are."""
        plans = self.plans(board)
        if plans is not self._laid[0]:
            self._rows = {plan.site: self._row(plan) for plan in plans}
            self._laid = (plans, tuple((plan.site, plan.name, self._rows[plan.site][1]) for plan in plans))
        return self._laid[1]

    def _row(self, plan: Plan) -> tuple[Plan, tuple[Home, ...]]:
        known = self._rows.get(plan.site)
        if known is not None and known[0] is plan:
            return known
        return plan, tuple(sorted(plan.homes, key=lambda home: natural(home.id)))

    def look(self, glance: Glance, first: dict[HomeId, Story]) -> None:
        """Find how each home looks, by its most urgent open alert; only what stands otherwise is looked at again."""
        board = glance.board
        sites = {site: (glance.silent_since(site) is None, glance.causes(site)) for site in board.plans}
        before, self._sites = self._sites, sites
        otherwise = {site for site, stands in sites.items() if before.get(site) != stands}
        alerts = {home: story.alert for home, story in first.items()}
        changed = {
            home for home in alerts.keys() | self._alerts.keys() if alerts.get(home) is not self._alerts.get(home)
        }
        changed.update(home.id for site in otherwise for home in board.plans[site].homes)
        changed.update(self._replaced(board.homes, list(map(board.statuses.get, board.homes))))
        self._alerts = alerts
        for key in changed & board.homes.keys():
            words = Standing(board.homes[key], glance, first.get(key)).look.split()
            self._count(self.of_each.get(key), -1)
            self.of_each[key] = words
            self._count(words, 1)
        if len(self.of_each) > len(board.homes):
            for gone in self.of_each.keys() - board.homes.keys():
                self._count(self.of_each.pop(gone), -1)

    def _replaced(self, homes: dict[HomeId, Home], statuses: list[Status | None]) -> Iterable[HomeId]:
        """Return which homes have another plan or status than before, with as little as can be asked of each."""
        old, told = self._homes, self._statuses
        self._statuses = statuses
        if len(old) == len(homes) and all(map(is_, old.values(), homes.values())):
            return compress(homes, map(is_not, statuses, told))
        self._homes = dict(homes)
        old_status = dict(zip(old, told, strict=True))
        return [
            home
            for home, status in zip(homes, statuses, strict=True)
            if old.get(home) is not homes[home] or old_status[home] is not status
        ]

    def _count(self, words: list[str] | None, how: int) -> None:
        if words is not None:
            self.first[words[0]] += how
            self.partly += how if "partly" in words else 0
