"""The lookout: once a second the centre asks who is not heard any more, and which alert goes on to whom.

Each look that was really taken is told to systemd, which starts a centre again that hangs.

What must be written down is decided in `care.buildings` and `care.escalation`; here is only the second that passes.
Screens are kept in memory: that nobody looks is a state of this moment, and no record of who sat where. That somebody
has seen and heard a screen at the start of a shift is one (`care.shifts`).
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import structlog

from care import buildings, effects, escalation
from care.ids import StaffId
from care.records import CENTRE, Record
from care.systemd import Watchdog, notify
from dashboard.bringing import News
from dashboard.centre import Centre
from dashboard.metering import OwnUse
from dashboard.organisations import ONLY_OWN, OWN, Access, OrganisationId
from detectors.homes import SiteId

LOOK_S = 1.0
REPORT_S = 30.0  # between two reports of a screen
UNWATCHED_AFTER_S = 120.0
SCREENS_MAX = 2_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Report:
    """What a screen last said of itself."""

    at_s: float  # monotonic
    in_view: bool  # its tab is the one that is looked at
    sound: bool  # its sound runs: browsers let no page make any before a hand has touched it
    by: StaffId | None = None  # who reads it
    of: frozenset[OrganisationId] = ONLY_OWN  # on whose alerts they may act


class Seen(NamedTuple):
    """What a screen last said of itself, as processes of a centre tell each other."""

    screen: str
    ago_s: float
    in_view: bool
    sound: bool
    by: StaffId | None
    of: tuple[OrganisationId, ...]


class Screens:
    """Which screens say that somebody could be looking at them: of this process, and of the others of a centre."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._began_s = monotonic()
        self._reports: dict[str, Report] = {}
        self._elsewhere: dict[str, Report] = {}

    def here(self) -> list[Seen]:
        """Return what the screens of this process said of themselves."""
        self._forget()
        now_s = self._monotonic()
        return [
            Seen(screen, now_s - one.at_s, one.in_view, one.sound, one.by, tuple(one.of))
            for screen, one in self._reports.items()
        ]

    def seen_elsewhere(self, seen: Iterable[Seen]) -> None:
        """Take over what the screens of other processes said, in place of what was last taken over."""
        now_s = self._monotonic()
        self._elsewhere = {
            one.screen: Report(now_s - one.ago_s, one.in_view, one.sound, one.by, frozenset(one.of)) for one in seen
        }

    def report(
        self,
        screen: str,
        *,
        in_view: bool,
        sound: bool,
        by: StaffId | None = None,
        of: frozenset[OrganisationId] = ONLY_OWN,
    ) -> None:
        """Take in what a screen says of itself."""
        self._forget()
        if screen in self._reports or len(self._reports) < SCREENS_MAX:
            self._reports[screen] = Report(self._monotonic(), in_view, sound, by, of)

    def close(self, screen: str) -> None:
        """Forget a screen that says it is closed."""
        self._reports.pop(screen, None)

    @property
    def in_view(self) -> list[str]:
        """The screens that are in view."""
        self._forget()
        return [screen for screen, one in self._all().items() if one.in_view]

    @property
    def watching(self) -> int:
        """How many screens are in view."""
        return len(self.in_view)

    @property
    def people(self) -> int:
        """How many people have a screen in view."""
        self._forget()
        return len({one.by for one in self._all().values() if one.in_view})

    def people_by_organisation(self) -> dict[OrganisationId, int]:
        """Return how many of those may act on the alerts of each organisation; one without anybody is not in it."""
        self._forget()
        acting: dict[OrganisationId, set[StaffId | None]] = {}
        for one in self._all().values():
            for organisation in one.of if one.in_view else ():
                acting.setdefault(organisation, set()).add(one.by)
        return {organisation: len(people) for organisation, people in acting.items()}

    @property
    def sounding(self) -> int:
        """How many of those may make themselves heard."""
        self._forget()
        return sum(one.in_view and one.sound for one in self._all().values())

    def unwatched(self, organisation: OrganisationId | None = None) -> bool:
        """Whether no screen of who may act for an organisation has been in view for two minutes; None: for any at all.

        Never within two minutes of the centre's start.
        """
        if self._monotonic() - self._began_s <= UNWATCHED_AFTER_S:
            return False
        self._forget()
        return not any(one.in_view and (organisation is None or organisation in one.of) for one in self._all().values())

    def _all(self) -> Mapping[str, Report]:
        return self._reports if not self._elsewhere else {**self._elsewhere, **self._reports}

    def _forget(self) -> None:
        oldest = self._monotonic() - UNWATCHED_AFTER_S
        self._reports = {screen: one for screen, one in self._reports.items() if one.at_s >= oldest}
        self._elsewhere = {screen: one for screen, one in self._elsewhere.items() if one.at_s >= oldest}


class Lookout:
    """Asks every second, and writes down what it is told to."""

    def __init__(
        self,
        centre: Centre,
        watchdog: Watchdog,
        screens: Screens | None = None,
        access: Access | None = None,
        news: News | None = None,
        *,
        own: OwnUse | None = None,
    ) -> None:
        """Prepare. Without `access` there is one organisation; without `news` nobody is told any.

        Without `own` it is not told what this process takes: in a rehearsal its hours are no hours.
        """
        self._own = own
        self._news = news
        self._centre = centre
        self._access = access
        self._owners: Mapping[SiteId, OrganisationId] = {}
        self._watchdog = watchdog
        self._screens = screens
        self._looked_s = time.monotonic()  # when it last looked; a start counts as a look

    @property
    def looked_ago_s(self) -> float:
        """How many seconds ago a look was last taken to its end, whatever the disk made of it."""
        return time.monotonic() - self._looked_s

    async def run(self) -> None:
        """Look until cancelled. A disk that refuses is told of, and tried again a second later."""
        notify("READY=1")
        while True:
            await self.look()
            self._looked_s = time.monotonic()
            self._watchdog.turned(self._looked_s)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Look once; of several processes the one that is on duty."""
        if not self._centre.on_duty() or not self._due():
            return
        try:
            await self._centre.write(lambda board, now: self._due())  # noqa: ARG005  # asked again in its turn
        except sqlite3.Error as error:
            log.error("the disk would not", why=str(error))  # noqa: TRY400  # the reason says all of it

    def _due(self) -> list[Record]:
        centre = self._centre
        now = centre.now()
        self._look_whose()
        return [
            *buildings.due(centre.board, centre.signs(now), now, ear=centre.ear(now)),
            *escalation.due(centre.board, now, attended=self._attended),
            *effects.due(centre.board, now),
            *(() if self._own is None else self._own.due(centre.board, now)),
            *self._brought(now),
        ]

    def _brought(self, now: datetime) -> Sequence[Record]:
        """Return what family and neighbours are to be told; a people store that would not holds up nothing else."""
        try:
            return () if self._news is None else self._news.due(self._centre.board, now)
        except sqlite3.Error as error:
            log.error("the people store would not", why=str(error))  # noqa: TRY400  # the reason says all of it
            return ()

    def _attended(self, site: SiteId) -> bool:
        """Whether somebody who may act for a building has a screen in view; for all of them at once, anybody."""
        whose = None if site == CENTRE else self._owners.get(site, OWN)
        return self._screens is None or not self._screens.unwatched(whose)

    def _look_whose(self) -> None:
        """Read whose each building is; a people store that would not leaves it as it was, and holds up no alert."""
        if self._access is None:
            return
        try:
            self._owners = self._access.owners()
        except sqlite3.Error as error:
            log.error("the people store would not", why=str(error))  # noqa: TRY400  # the reason says all of it
