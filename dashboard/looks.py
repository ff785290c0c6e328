"""How every home looks on the board: kept from scene to scene, for at each change all but a few stand as they did."""

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
    heard: bool
    alert: Alert | None
    causes: list[Finding]
    look: str


class Looks:
    """What the last scene found of each home. The same for every language."""

    def __init__(self) -> None:
        self._known: dict[HomeId, _Known] = {}
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

    def of(self, glance: Glance, first: dict[HomeId, Story]) -> dict[HomeId, str]:
        """Return how each home looks, by its most urgent open alert; only what stands otherwise is looked at again."""
        board, found = glance.board, dict[HomeId, _Known]()
        sites = {site: (glance.silent_since(site) is None, glance.causes(site)) for site in board.plans}
        for home in board.homes.values():
            heard, causes = sites[site_of(home.id)]
            story, status, known = first.get(home.id), board.statuses.get(home.id), self._known.get(home.id)
            alert = story.alert if story is not None else None
            if (
                known is None
                or known.home is not home
                or known.status is not status
                or known.heard is not heard
                or known.alert is not alert
                or known.causes != causes
            ):
                known = _Known(home, status, heard, alert, causes, Standing(home, glance, story).look)
            found[home.id] = known
        self._known = found
        return {home: known.look for home, known in found.items()}
