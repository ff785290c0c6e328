"""The load of the desk as it is told: in a line, in figures, and when there is more than people can keep up with."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from care.labels import KINDS
from care.language import words
from care.load import ASKED_AGAIN, FLOOD, Load
from care.records import SecondPool, site_of
from dashboard.glance import Glance, home_path

SourceLine = tuple[int, str, str, str, int]


@dataclass(frozen=True)
class Pressure:
    """What may be said of the load at this moment."""

    load: Load
    glance: Glance

    @property
    def flood(self) -> bool:
        return self.load.flood

    @property
    def line(self) -> str:
        """The load in one short line."""
        lately = self.counted("{n} alert in 10 min", "{n} alerts in 10 min", self.load.lately)
        shift = self.counted("{n} this shift", "{n} this shift", self.load.alerts)
        return f"{lately} · {shift}"

    @property
    def crowd(self) -> str:
        """That there are more than people can keep up with."""
        return self.counted("Busy: {n} alert in 10 min", "Busy: {n} alerts in 10 min", self.load.lately)

    @property
    def shift(self) -> str:
        """Which shift it is about, and how many people are there."""
        since = self.glance.say("Shift since {time}").format(time=self.glance.wording.time(self.load.since))
        people = self.counted("{n} person on duty", "{n} people on duty", self.load.people)
        return f"{since} · {people}"

    @property
    def figures(self) -> list[tuple[str, str, str]]:
        """Every figure: what it is, how much, and what is beside it."""
        say, wording, load = self.glance.say, self.glance.wording, self.load
        none = say("none yet")
        return [
            (
                say("Alerts per person in 10 minutes"),
                wording.number(load.each),
                say("more than {n} is too many").format(n=FLOOD),
            ),
            (say("Alerts this shift"), str(load.alerts), self._waiting()),
            (say("Too many at once"), self._span(load.flooded), say("in all, of this shift")),
            (
                say("Answered after, half of them"),
                none if load.median is None else self._span(load.median),
                self.counted("{n} alert taken", "{n} alerts taken", load.answered),
            ),
            (say("Answered after, longest"), none if load.longest is None else self._span(load.longest), ""),
            (say("Messages held back"), str(load.held), say("never what is urgent")),
        ]

    @cached_property
    def sources(self) -> list[SourceLine]:
        """From where most came: how many, what, where, its page, and its share of the most, in hundredths."""
        most = max((one.alerts for one in self.load.sources), default=1)
        lines = []
        for one in self.load.sources:
            plan = self.glance.board.plans.get(site_of(one.home))
            wording = self.glance.wording_of(site_of(one.home))
            where = " · ".join([wording.home(one.home), *([plan.name] if plan else [])])
            href = home_path(one.home) if one.home in self.glance.board.homes else ""
            lines.append((one.alerts, self.glance.say(KINDS[one.what]), where, href, round(100 * one.alerts / most)))
        return lines

    @property
    def pool(self) -> str:
        """That the second pool was asked to help, in the flood that runs."""
        asked = self._asked
        if asked is None:
            return ""
        time, who = self.glance.wording.time(asked.at), self.glance.names.staff(asked.by)
        return self.glance.say("Second pool asked at {time} by {who}.").format(time=time, who=who)

    @property
    def may_ask(self) -> bool:
        """Whether it may be asked now."""
        return self._asked is None or self.glance.now - self._asked.at >= ASKED_AGAIN

    @property
    def _asked(self) -> SecondPool | None:
        asked = self.glance.board.pool_asked
        return asked if asked is not None and asked.at >= self.load.since else None

    def _waiting(self) -> str:
        return self.counted("{n} waits for somebody", "{n} wait for somebody", self.load.waiting)

    def _span(self, span: timedelta) -> str:
        """Say a short time to the second, for that is what counts here."""
        seconds = max(0, int(span.total_seconds()))
        if seconds < 60:  # noqa: PLR2004
            return self.glance.wording.count(self.glance.say("{n} s"), seconds)
        return self.glance.wording.short(span)

    def counted(self, one: str, more: str, n: int) -> str:
        return words(self.glance.language).ngettext(one, more, n).format(n=n)
