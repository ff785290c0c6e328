"""How every home looks on the board: kept from scene to scene, for at each change all but a few stand as they did."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from care.alerts import Alert
from care.records import Plan, site_of
from care.wording import natural
from dashboard.glance import Glance
from dashboard.homes import Standing
from dashboard.stories import Story
from detectors.findings import Finding, Status
from detectors.homes import Home, HomeId, SiteId


class _Known(NamedTuple):
    home: Home
    status: Status | None
    alert: Alert | None
    words: list[str]


class Looks:
    """What the last scene found of each home. The same for every language. It goes on: a scene reads it at once."""

    def __init__(self) -> None:
        self.of_each: dict[HomeId, list[str]] = {}  # the person first
        self.first: Counter[str] = Counter()  # how many homes have which word first
        self.partly = 0  # how many are partly seen
        self._known: dict[HomeId, _Known] = {}
        self._sites: dict[SiteId, tuple[bool, list[Finding]]] = {}
        self._order: dict[SiteId, tuple[Plan, tuple[Home, ...]]] = {}

    def rows(self, plans: Iterable[Plan]) -> dict[SiteId, tuple[Home, ...]]:
        """Return the homes of each site in the order in which they are numbered."""
        rows = {}
        for plan in plans:
            known = self._order.get(plan.site)
            if known is None or known[0] is not plan:
                known = (plan, tuple(sorted(plan.homes, key=lambda home: natural(home.id))))
            rows[plan.site] = known
        self._order = rows
        return {site: homes for site, (_, homes) in rows.items()}

    def look(self, glance: Glance, first: dict[HomeId, Story]) -> None:
        """Find how each home looks, by its most urgent open alert; only what stands otherwise is looked at again."""
        board, known_of = glance.board, self._known.get
        sites = {site: (glance.silent_since(site) is None, glance.causes(site)) for site in board.plans}
        before, self._sites = self._sites, sites
        otherwise = {site for site, stands in sites.items() if before.get(site) != stands}
        status_of = board.statuses.get
        alerts = {home: story.alert for home, story in first.items()}
        alert_of = alerts.get
        for key, home in board.homes.items():
            known, status, alert = known_of(key), status_of(key), alert_of(key)
            if (
                known is None
                or known.home is not home
                or known.status is not status
                or known.alert is not alert
                or (otherwise and site_of(key) in otherwise)
            ):
                words = Standing(home, glance, first.get(key)).look.split()
                self._count(known, -1)
                self._known[key] = new = _Known(home, status, alert, words)
                self._count(new, 1)
                self.of_each[key] = words
        if len(self._known) > len(board.homes):
            for gone in self._known.keys() - board.homes.keys():
                self._count(self._known.pop(gone), -1)
                del self.of_each[gone]

    def _count(self, known: _Known | None, how: int) -> None:
        if known is not None:
            self.first[known.words[0]] += how
            self.partly += how if "partly" in known.words else 0
