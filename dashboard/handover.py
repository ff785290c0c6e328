"""The page on which whoever comes signs that they took over: the hand-over text, and what is still to be proven."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from care.briefing import Briefing, Section
from care.handovers import shift_to_hand_over
from care.ids import StaffId
from care.reports import Writer
from care.shifts import EARLY, began
from dashboard.glance import Glance, home_path
from detectors.homes import HomeId, is_building

COLLEAGUES_WITHIN = timedelta(hours=14)  # who was at a desk in this time may be the one who hands over
COLLEAGUES_MAX = 8


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that must be true of a desk at the start of a shift, and whether it is."""

    said: str
    good: bool


@dataclass(frozen=True, slots=True)
class Screens:
    """What the open pages say of themselves."""

    in_view: int
    sounding: int
    proven: int  # seen and heard in this shift


@dataclass(frozen=True)
class Handover:
    """The hand-over at one moment, for one reader."""

    glance: Glance
    screens: Screens
    note: str = ""  # what was being written, when it could not be kept
    problem: str = ""

    @cached_property
    def briefing(self) -> Briefing:
        return Briefing(Writer(self.glance.board, self.glance.now, self.glance.language), self.glance.names)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        return self.briefing.sections

    @property
    def shift(self) -> str:
        """Which shift is handed over."""
        start, end = self._shift
        return self.glance.say("{start} to {end}").format(
            start=self.glance.wording.time(start), end=self.glance.wording.time(end)
        )

    @cached_property
    def _shift(self) -> tuple[datetime, datetime]:
        return shift_to_hand_over(self.glance.now, self.glance.wording.zone)

    @property
    def date(self) -> str:
        return self.glance.wording.date(self._shift[0])

    @property
    def stands(self) -> str:
        """As of when the lists are."""
        return self.glance.say("As it stands at {time}.").format(time=self.glance.wording.time(self.glance.now))

    @property
    def proofs(self) -> list[Proof]:
        """What is still to be proven before somebody can rely on this desk."""
        say, screens = self.glance.say, self.screens
        viewer = self.glance.viewer
        began_at = began(self.glance.now + EARLY, self.glance.wording.zone) - EARLY
        mine = viewer is not None and viewer.staff in self.glance.board.shifts.seated(began_at)
        sites = [self.glance.silent_since(plan.site) for plan in self.glance.plans]
        heard = sum(since is None for since in sites)
        proven = say("You have seen and heard your screen in this shift.")
        to_prove = say("You have not said yet that you see and hear your screen. Tap it at the top.")
        return [
            Proof(proven if mine else to_prove, mine),
            Proof(
                say("Screens in view: {n}. Seen and heard in this shift: {proven}.").format(
                    n=screens.in_view, proven=screens.proven
                ),
                0 < screens.in_view <= screens.proven,
            ),
            Proof(
                say("Screens in view that may sound: {n} of {all}.").format(n=screens.sounding, all=screens.in_view),
                0 < screens.in_view <= screens.sounding,
            ),
            Proof(say("Buildings heard: {n} of {all}.").format(n=heard, all=len(sites)), heard == len(sites)),
        ]

    @cached_property
    def colleagues(self) -> list[tuple[StaffId, str]]:
        """Who may be handing over, the likeliest first: never the reader."""
        board, since = self.glance.board, self.glance.now - COLLEAGUES_WITHIN
        last = board.handovers.last
        took = [last.taken_by] if last is not None and last.at >= since else []
        held = sorted(
            ((hold.at, hold.by) for alert in board.alerts.values() for hold in alert.holds if hold.at >= since),
            reverse=True,
        )
        seated = [*took, *board.shifts.seated(since), *(by for _, by in held)]
        reader = self.glance.viewer.staff if self.glance.viewer is not None else None
        known = [one for one in dict.fromkeys(seated) if one != reader][:COLLEAGUES_MAX]
        return [(one, self.glance.names.staff(one)) for one in known]

    @property
    def signed(self) -> list[tuple[str, str]]:
        """The hand-overs of this shift, the newest first: who took over, and what was written beside it."""
        told = self.glance.board.handovers.between(self._shift[0] - EARLY, self.glance.now + EARLY)
        return [(self.briefing.signed(one), one.note) for one in reversed(told)]

    def path_of(self, home: HomeId) -> str:
        """Return where the page of a home is; nowhere for a whole building."""
        return "" if is_building(home) else home_path(home)
