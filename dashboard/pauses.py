"""A pause as it is drawn: on the page of a home who paused it, since when and until when, and how to do so."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from care.briefing import who_paused
from care.labels import PAUSES
from care.language import mark
from care.pauses import LONGEST, Pause, PauseReason, Trouble
from care.records import site_of
from care.wording import Wording
from dashboard.glance import Glance, home_path
from detectors.findings import Sight
from detectors.homes import Home

HOURS = (1, 4)
MORNING = "morning"  # the end of that home's night
OTHER = "other"  # a day and a time

REFUSED: dict[Trouble, str] = {
    Trouble.OVER: mark("Nothing was paused: that moment is over. Choose a later one."),
    Trouble.TOO_LONG: mark("Nothing was paused: that is too long. At most 24 hours, or 14 days when away."),
    Trouble.NOTHING: mark("Nothing was paused: there is nothing here that can be. A help button never is."),
    Trouble.RESIDENT: mark("Nothing was paused: somebody else lives there now."),
}
NO_MOMENT = mark("Nothing was paused: fill in until which day and time.")


@dataclass(frozen=True)
class Pausing:
    """Whether one home is paused, by whom and until when, and whether its building has said so."""

    plan: Home
    glance: Glance

    @cached_property
    def pause(self) -> Pause | None:
        """The pause that lasts, by the records of the centre."""
        return self.glance.pause(self.plan)

    @cached_property
    def taken(self) -> bool:
        """Whether the building does not listen, as far as is known."""
        status = self.glance.status(self.plan.id)
        if self.pause is not None:
            return self.pause.taken(self.plan, status)
        if status is None or status.barred:
            return status is not None and bool({*status.paused} - {*status.barred})
        return status.sight is Sight.PAUSED or bool(status.paused)

    @property
    def look(self) -> str:
        """How it is drawn: paused, not yet, still, or nothing of the kind."""
        if self.pause is not None:
            return "paused" if self.taken else "not-yet"
        return "still" if self.taken else ""

    @property
    def sentences(self) -> list[str]:
        """Who paused it, since when and until when, and what the building says of it."""
        say = self._wording.say
        if self.pause is None:
            return [say("The pause is over. The building has not confirmed that yet.")] if self.taken else []
        told = say("On pause {by}.").format(
            by=who_paused(self.pause, self._wording, self.glance.names, self.glance.now)
        )
        if self.taken:
            return [told, say("Only a call for help comes through.")]
        not_yet = say("Not on yet: the building has not confirmed it.")
        silent = self.glance.silent_since(site_of(self.plan.id)) is not None
        why = say("The building is not heard now.") if silent else say("An old building may not know what a pause is.")
        return [told, not_yet, why]

    @property
    def more(self) -> str:
        """What a tile has room for; nothing where nothing is paused."""
        if self.pause is None:
            return ""
        say = self._wording.say
        return (
            say("until {time}").format(time=self._wording.time(self.pause.ends))
            if self.taken
            else say("pause not on yet")
        )

    @property
    def path(self) -> str:
        return home_path(self.plan.id)

    @property
    def reasons(self) -> list[tuple[str, str]]:
        """Why a home may be paused."""
        return [(why.value, self._wording.say(PAUSES[why])) for why in PauseReason]

    @property
    def choices(self) -> list[tuple[str, str]]:
        """For how long it may be paused."""
        say, wording = self._wording.say, self._wording
        hours = [(str(60 * n), wording.duration(timedelta(hours=n))) for n in HOURS]
        morning = self.plan.night.ends_after(self.glance.now)
        until = say("until {time}").format(time=wording.time(morning))
        return [*hours, (MORNING, until), (OTHER, say("until another moment"))]

    @property
    def earliest(self) -> str:
        """The present minute on the home's clock, as a field takes it."""
        return f"{self.glance.now.astimezone(self._wording.zone):%Y-%m-%dT%H:%M}"

    @property
    def latest(self) -> str:
        """The last minute that a pause may end in, as a field takes it."""
        last = self.glance.now + max(LONGEST.values())
        return f"{last.astimezone(self._wording.zone):%Y-%m-%dT%H:%M}"

    @cached_property
    def _wording(self) -> Wording:
        return self.glance.wording_of(site_of(self.plan.id))
