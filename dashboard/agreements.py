"""What is agreed with a resident, as it is drawn: on the page of their home, in the form that changes it, and before.

Nothing typed here reaches the journal but minutes: reasons are chosen from a list, for a journal holds no names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from care.agreements import BUDGET, LIMITS, MINUTES, OFF, SOON, Value, differing, values
from care.labels import KINDS
from care.language import mark
from care.records import Agreed, BackTest, BackTested, Changed, Ground, Untested, site_of
from care.teaching import PER_NIGHT
from care.wording import capital
from dashboard.glance import Glance, home_path
from detectors.budget import OWN
from detectors.findings import What
from detectors.homes import Home

_RISEN = mark("{kind}, once up for the day")

GROUNDS: dict[Ground, str] = {
    Ground.CARE_PLAN: mark("so it says in the care plan"),
    Ground.CLIENT: mark("the client wants it so"),
    Ground.REPRESENTATIVE: mark("the representative wants it so"),
    Ground.TOO_MANY: mark("too many alerts that were not needed"),
    Ground.TOO_LATE: mark("an alert should come sooner"),
    Ground.FADING: mark("fading support: watching less"),
    Ground.OTHERWISE: mark("things are different with the client"),
}

UNTESTED: dict[Untested, str] = {
    Untested.SILENT: mark("Not looked back: the building was not heard."),
    Untested.UNANSWERED: mark("Not looked back: the building gave no answer."),
    Untested.CANNOT: mark("Not looked back: the building could not."),
}

_OFTEN: dict[float, str] = {
    0.5: mark("half as often as for others"),
    1.0: mark("as for others"),
    2.0: mark("twice as often as for others"),
    4.0: mark("four times as often as for others"),
}

GONE_WRONG: dict[str, str] = {
    "number": mark("This is no number. Write minutes, like 20 or 3.5."),
    "range": mark("Write a number of minutes from {least} to {most}."),
    "missing": mark("Nothing is filled in here. Write a number of minutes."),
    "choice": mark("Choose one of these."),
}
"""What is wrong with what was filled in, and what would be right."""


@dataclass(frozen=True, slots=True)
class Field:
    """One limit in the form."""

    name: str
    label: str
    value: str  # as it was typed, or as it is agreed
    wrong: str  # a sentence; empty if nothing is


@dataclass(frozen=True, slots=True)
class Switch:
    """One kind of alert in the form that may wait, or need not be told."""

    name: str
    label: str
    on: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to how often alerts may come that are not needed."""

    value: str
    label: str
    about: str  # what that means, in nights
    on: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is agreed otherwise."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """One line of what was changed."""

    when: str
    who: str
    differences: tuple[Difference, ...]
    why: str
    tested: str  # what looking back had shown, or why nobody did
    under_way: bool


class Agreements:
    """What is agreed with whoever lives in one home, in the reader's language."""

    def __init__(self, plan: Home, glance: Glance) -> None:
        self.plan = plan
        self._glance = glance
        self._fold = glance.board.agreements
        self._wording = glance.wording_of(site_of(plan.id))

    @property
    def path(self) -> str:
        """Where it can be changed."""
        return f"{home_path(self.plan.id)}/agreements"

    @cached_property
    def now(self) -> Agreed:
        """What is agreed, also where the building has not told yet that it holds."""
        return self._fold.now(self.plan)

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Everything that is agreed: what, and how it is."""
        return [(self.label(name), self.said(name, value)) for name, value in self._worth_saying(values(self.now))]

    @staticmethod
    def _worth_saying(said: Mapping[str, Value]) -> list[tuple[str, Value]]:
        """Return the limits, and of the rest only what is not so of itself."""
        return [
            (name, value)
            for name, value in said.items()
            if name in LIMITS or (value != 1.0 if name == BUDGET else value)
        ]

    def label(self, name: str) -> str:
        """Name one thing that is agreed."""
        say = self._wording.say
        if name == BUDGET:
            return say("Agreed number of alerts")
        what, _, kind = name.rpartition(":")
        if not what:
            label = say(KINDS[LIMITS[name]])
            return say(_RISEN).format(kind=label) if name.endswith("_risen") else label
        return say(KINDS[What(kind)])

    def said(self, name: str, value: Value) -> str:
        """Say how one thing is agreed."""
        say, what = self._wording.say, name.partition(":")[0]
        if name == BUDGET:
            return f"{say(_OFTEN[value])}: {self.about(value)}" if value in _OFTEN else f"{value:g}"
        if what == "soon":
            return say("may wait") if value else say("urgent")
        if what == "off":
            return say("not told") if value else say("told")
        return self._wording.duration(timedelta(minutes=value)) if value == int(value) else self._exactly(value)

    def about(self, budget: float) -> str:
        """Say what a budget means: in how many nights about one alert comes that is not needed."""
        nights = 5 * round(1 / (PER_NIGHT * budget) / 5)  # it is no more exact than that
        return self._wording.say("about 1 not needed in {nights} nights").format(nights=nights)

    def choices(self, said: str = "") -> list[Choice]:
        """Return how often alerts may come that are not needed: as said, or as agreed."""
        now = said or f"{self.now.budget:g}"
        return [
            Choice(f"{one:g}", capital(self._wording.say(_OFTEN[one])), self.about(one), f"{one:g}" == now)
            for one in OWN
        ]

    def _exactly(self, value: float) -> str:
        return self._wording.say("{minutes} minutes").format(minutes=self._wording.number(value))

    def fields(self, typed: Mapping[str, str], wrong: Mapping[str, str]) -> list[Field]:
        """Return the limits to fill in, as typed if they were, with what is wrong with them."""
        known = values(self.now)
        return [
            Field(
                name,
                self.label(name),
                typed.get(name, self._minutes(known[name])),
                self.wrong(wrong[name]) if name in wrong else "",
            )
            for name in LIMITS
        ]

    def _minutes(self, value: Value) -> str:
        return f"{value:g}" if value == int(value) else self._wording.number(value)

    def wrong(self, why: str) -> str:
        """Say what is wrong with what was filled in, by its name in `GONE_WRONG`."""
        return self._wording.say(GONE_WRONG[why]).format(least=MINUTES[0], most=MINUTES[1])

    def switches(self, what: str, said: Mapping[str, Value] | None = None) -> list[Switch]:
        """Return what may be switched: "soon" what may wait, "off" what need not be told; as said, or as agreed."""
        known = said or values(self.now)
        kinds = {"soon": SOON, "off": OFF}[what]
        return [Switch(f"{what}:{kind}", self.label(f"{what}:{kind}"), bool(known[f"{what}:{kind}"])) for kind in kinds]

    def proposed(self, asked: BackTest) -> dict[str, str]:
        """Return what was proposed, as it would be typed."""
        said = values(asked.proposed)
        return {name: self._minutes(said[name]) for name in LIMITS} | {BUDGET: f"{asked.proposed.budget:g}"}

    def differences(self, before: Agreed, after: Agreed) -> tuple[Difference, ...]:
        """Say what differs."""
        return tuple(
            Difference(self.label(name), self.said(name, was), self.said(name, now))
            for name, (was, now) in differing(before, after).items()
        )

    @cached_property
    def changes(self) -> list[Change]:
        """What was changed, the newest first."""
        under_way = self._fold.under_way(self.plan)
        return [self._change(one, under_way=one in under_way) for one in self._fold.changes(self.plan)]

    def _change(self, one: Changed, *, under_way: bool) -> Change:
        say = self._wording.say
        return Change(
            when=f"{self._wording.date(one.at)} {self._wording.time(one.at)}",
            who=self._glance.names.staff(one.by),
            differences=self.differences(one.before, one.after),
            why=capital(say(GROUNDS[one.why])),
            tested=self._tested(one),
            under_way=under_way,
        )

    def _tested(self, one: Changed) -> str:
        say = self._wording.say
        if one.untested is not None:
            return say(UNTESTED[one.untested])
        asked = self._fold.asked(one.home, one.asked)
        found = None if asked is None else _found(self._fold.answer(asked))
        if found is None:
            return say("Looked back first.")
        return say("Looked back first: {would} instead of {was}.").format(would=found[1], was=found[0])


def _found(answer: BackTested | None) -> tuple[int, int] | None:
    return None if answer is None or answer.found is None else (answer.found.was, answer.found.would)
