"""What is agreed of being watched at all, as it is drawn: of one home, and of all that should be looked at again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from care.alerts import Alert
from care.fading import Less, Proposal, proposal
from care.language import mark
from care.measures import LONGEST, Basis, Consenting, Ending, Holding, Measure, MeasureAgreed, Purpose, Wrong
from care.records import site_of
from care.telling import EQUIPMENT
from care.wording import Wording, capital, natural
from dashboard.glance import Glance, home_path
from detectors.homes import Home, Kind

WATCHED: dict[Kind, str] = {
    Kind.BED: mark("Bed: whether somebody is in it"),
    Kind.MOTION: mark("Rooms: whether somebody moves there"),
    Kind.DOOR: mark("Front door: open or shut"),
    Kind.USE: mark("Use: tap, flush, cupboard or light"),
}
ICONS: dict[Kind, str] = {Kind.BED: "bed", Kind.MOTION: "motion", Kind.DOOR: "door", Kind.USE: "seen"}

PURPOSES: dict[Purpose, str] = {
    Purpose.HELP: mark("help comes in time"),
    Purpose.REST: mark("nobody need come in to look"),
    Purpose.WANDERING: mark("who goes out at night is not lost"),
    Purpose.CHANGE: mark("slow change is seen"),
    Purpose.OWN_HOME: mark("the client can go on living here"),
}
BASES: dict[Basis, str] = {
    Basis.AGREED: mark("agreed, at most one year"),
    Basis.WZD_FIRST: mark("Wzd, first term: at most 3 months"),
    Basis.WZD_LONGER: mark("Wzd, longer: at most 3 months"),
    Basis.WZD_OUTSIDE: mark("Wzd, with somebody from outside: at most 6 months"),
}
CONSENTING: dict[Consenting, str] = {
    Consenting.CLIENT: mark("the client"),
    Consenting.REPRESENTATIVE: mark("the representative"),
    Consenting.BOTH: mark("the client and the representative"),
    Consenting.NOBODY: mark("nobody: involuntary care"),
}
ENDINGS: dict[Ending, str] = {
    Ending.CLIENT: mark("the client does not want it any more"),
    Ending.NOT_NEEDED: mark("not needed any more"),
    Ending.OTHERWISE: mark("something lighter does as well"),
}
HOLDINGS: dict[Holding, str] = {
    Holding.HOLDS: mark("agreed"),
    Holding.DUE: mark("ends soon"),
    Holding.OVER: mark("off: the day has passed"),
    Holding.ENDED: mark("off: ended"),
    Holding.NEVER: mark("off: never agreed"),
}
WRONG: dict[Wrong, str] = {
    Wrong.NOTHING: mark("Nothing was agreed: choose what is watched."),
    Wrong.OVER: mark("Nothing was agreed: that day is over. Choose a later one."),
    Wrong.TOO_LONG: mark("Nothing was agreed: that day is too far away for this ground."),
    Wrong.CONSENT: mark("Nothing was agreed: who agreed does not go with this ground."),
    Wrong.RESIDENT: mark("Nothing was agreed: somebody else lives there now."),
}
LESS: dict[Less, str] = {
    Less.LATER: mark("an alert may come later"),
    Less.DOOR: mark("the front door need not be watched"),
}
_OFF = frozenset({Holding.OVER, Holding.ENDED, Holding.NEVER})


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of a home."""

    kind: str  # of the sensors
    icon: str
    label: str
    look: str  # how it stands: of `Holding`
    word: str
    about: str  # what for, by what ground, who agreed, until when
    confirmed: bool  # whether the building does as it stands, as far as is known


class Watching:
    """What is agreed of watching over whoever lives in one home, in the reader's language."""

    def __init__(self, plan: Home, glance: Glance) -> None:
        self.plan, self.glance = plan, glance

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        return self.glance.board.measures.of(self.plan)

    @property
    def path(self) -> str:
        return f"{home_path(self.plan.id)}/measures"

    @cached_property
    def worst(self) -> Holding | None:
        """How that measure stands which asks most for somebody; None where nothing was ever agreed."""
        found = {one.holding(self.glance.now) for one in self.measures}
        order = (Holding.OVER, Holding.DUE, Holding.NEVER, Holding.ENDED, Holding.HOLDS)
        return next((one for one in order if one in found), None)

    @property
    def sentence(self) -> str:
        """How it stands, in a line."""
        say, now = self.glance.say, self.glance.now
        if not self.measures:
            return say("Nothing is written down yet of what for and on which ground.")
        off = [say(WATCHED[one.kind]).partition(":")[0] for one in self.measures if one.holding(now) in _OFF]
        if off:
            return say("Off, for want of an agreement: {what}.").format(what=self._wording.every(off))
        until = min(one.agreed.review for one in self.measures if one.agreed is not None)
        return say("All of it is agreed until {day}.").format(day=self._wording.date(until))

    @property
    def rows(self) -> list[Row]:
        return [self._row(one) for one in self.measures]

    def _row(self, one: Measure) -> Row:
        say, holding = self.glance.say, one.holding(self.glance.now)
        status = self.glance.status(self.plan.id)
        its = {sensor.id for sensor in self.plan.sensors if sensor.kind is one.kind}
        barred = status is not None and its <= {*status.barred}
        return Row(
            kind=one.kind.value,
            icon=ICONS[one.kind],
            label=say(WATCHED[one.kind]),
            look=holding.value,
            word=say(HOLDINGS[holding]),
            about="" if one.agreed is None else self._about(one.agreed),
            confirmed=status is not None and barred == (holding in _OFF),
        )

    def _about(self, said: MeasureAgreed) -> str:
        say = self.glance.say
        told = say("So that {purpose}. Ground: {basis}. Agreed by {who}. Until {day}.")
        return told.format(
            purpose=say(PURPOSES[said.purpose]),
            basis=say(BASES[said.basis]),
            who=say(CONSENTING[said.consenting]),
            day=self._wording.date(said.review),
        )

    @property
    def history(self) -> list[str]:
        """What was said of it so far, the newest first, with who wrote it down."""
        say, lines = self.glance.say, list[str]()
        for one in self.glance.board.measures.history(self.plan):
            kinds = self._wording.every([say(WATCHED[kind]).partition(":")[0] for kind in one.kinds])
            said = (
                say("agreed until {day}").format(day=self._wording.date(one.review))
                if isinstance(one, MeasureAgreed)
                else say("ended: {why}").format(why=say(ENDINGS[one.why]))
            )
            day, who = self._wording.date(one.at), self.glance.names.staff(one.by)
            lines.append(say("{day}, {who}: {kinds}, {said}.").format(day=day, who=who, kinds=kinds, said=said))
        return lines

    # The form.

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """What can be watched here."""
        has = {sensor.kind for sensor in self.plan.sensors}
        return [(kind.value, self.glance.say(label)) for kind, label in WATCHED.items() if kind in has]

    @property
    def on(self) -> list[tuple[str, str]]:
        """What is watched here, or would be, and can be ended."""
        on = {one.kind.value for one in self.measures if one.allows(self.glance.now)}
        return [(kind, label) for kind, label in self.kinds if kind in on]

    @property
    def choices(self) -> dict[str, list[tuple[str, str]]]:
        """What can be chosen, by the name of the field."""
        say = self.glance.say
        return {
            "purpose": [(one.value, say(word)) for one, word in PURPOSES.items()],
            "basis": [(one.value, say(word)) for one, word in BASES.items()],
            "consenting": [(one.value, say(word)) for one, word in CONSENTING.items()],
        }

    @property
    def endings(self) -> list[tuple[str, str]]:
        return [(one.value, self.glance.say(word)) for one, word in ENDINGS.items()]

    @property
    def earliest(self) -> str:
        return f"{(self.glance.now + timedelta(days=1)).astimezone(self._wording.zone):%Y-%m-%d}"

    @property
    def latest(self) -> str:
        last = self.glance.now + max(LONGEST.values()) - timedelta(days=1)
        return f"{last.astimezone(self._wording.zone):%Y-%m-%d}"

    # Watching less.

    @cached_property
    def proposal(self) -> Proposal | None:
        """What may be less here, if the nights say so."""
        board, at = self.glance.board, self.glance.now
        door = next((one for one in self.measures if one.kind is Kind.DOOR and one.allows(at)), None)
        alerts = [one for one in board.alerts_of(self.plan.id) if _about_resident(one)]
        return proposal(
            self.plan,
            board.nights.of(self.plan.id),
            alerts,
            board.measures.answer(self.plan),
            at,
            door_for=door.agreed.purpose if door is not None and door.agreed is not None else None,
        )

    @property
    def less(self) -> list[str]:
        """What is proposed, and why, in sentences."""
        found, say, wording = self.proposal, self.glance.say, self._wording
        if found is None:
            return []
        nights = wording.count(wording.words.ngettext("{n} night", "{n} nights", found.nights), found.nights)
        alerts = wording.count(wording.words.ngettext("{n} alert", "{n} alerts", found.alerts), found.alerts)
        why = say("The last {nights} were quiet: {alerts}, and nobody had to come.").format(
            nights=nights, alerts=alerts
        )
        may = say("Watching less can be talked over: {what}.")
        answer = self.glance.board.measures.answer(self.plan)
        wants = [say("The client wants that.")] if answer is not None and answer.wanted else []
        return [why, may.format(what=wording.every([say(LESS[one]) for one in found.less])), *wants]

    @cached_property
    def _wording(self) -> Wording:
        return self.glance.wording_of(site_of(self.plan.id))


@dataclass(frozen=True, slots=True)
class Line:
    """One home on the list of what is to be looked at."""

    href: str
    where: str
    said: str


class Reviews:
    """Every home of which somebody should look at what is agreed, in the reader's language."""

    def __init__(self, glance: Glance) -> None:
        self._glance = glance

    @property
    def lists(self) -> Iterator[tuple[str, str, list[Line]]]:
        """Yield the lists: what each is called, what it says when it is empty, and its lines."""
        say = self._glance.say
        by = {holding: [one for one in self._every if one.worst is holding] for holding in (*Holding, None)}
        less = [one for one in self._every if one.proposal is not None]
        yield say("Off: the day has passed"), say("No home."), self._lines(by[Holding.OVER])
        yield say("Ends within six weeks"), say("No home."), self._lines(by[Holding.DUE])
        yield (
            say("Partly off"),
            say("No home."),
            self._lines([*by[Holding.NEVER], *by[Holding.ENDED]]),
        )
        yield (
            say("Nothing written down yet"),
            say("No home."),
            [Line(one.path, self._where(one), "") for one in by[None]],
        )
        lines = [Line(one.path, self._where(one), " ".join(one.less)) for one in less]
        yield say("Less may do"), say("No home with nights that quiet."), lines

    @cached_property
    def _every(self) -> list[Watching]:
        homes = sorted(self._glance.board.homes.values(), key=lambda home: natural(home.id))
        return [Watching(home, self._glance) for home in homes if _can_be_watched(home)]

    def _lines(self, some: list[Watching]) -> list[Line]:
        return [Line(one.path, self._where(one), one.sentence) for one in some]

    def _where(self, one: Watching) -> str:
        site = site_of(one.plan.id)
        return (
            f"{capital(self._glance.wording_of(site).home(one.plan.id))} \u00b7 {self._glance.board.plans[site].name}"
        )


def _can_be_watched(home: Home) -> bool:
    return any(sensor.kind in WATCHED for sensor in home.sensors)


def _about_resident(alert: Alert) -> bool:
    return alert.findings[0].what not in EQUIPMENT
