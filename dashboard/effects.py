"""What nights came to over weeks, as it is drawn: each figure with what it is of, and between what it lies."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from urllib.parse import urlencode

from care.board import Board
from care.effects import PAIRED_MIN, Effect, Figure, changed
from care.language import mark
from care.reports import latest_night
from care.wording import Wording
from dashboard.glance import Glance
from detectors.homes import SiteId

WEEKS = 4  # that are looked at, unless others are asked for
LONGEST = 400  # nights
_WIDTH = 600.0  # of an interval from nothing to all
_BARS, _TALL = 600.0, 130.0  # of the picture by week
_MINUTE_S = 60.0

SURE = mark("{value} (between {low} and {high})")


@dataclass(frozen=True, slots=True)
class Line:
    """A share, in words and as a stretch from 0 to 1 on the picture."""

    label: str
    said: str
    about: str  # what it is of
    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One week: alerts in a hundred home-nights, those that somebody was needed for below the others."""

    x: float
    width: float
    week: str
    needed: float
    unneeded: float
    said: str


class Figures:
    """Some buildings over some nights, in the reader's language."""

    def __init__(
        self, glance: Glance, site: SiteId | None, first: date | None, last: date | None, rounds: float
    ) -> None:
        self._glance = glance
        self.site = site
        newest = latest_night(glance.now, glance.wording.zone) - timedelta(days=1)
        self.last = min(last, newest) if last is not None else newest
        self.first = first if first is not None else self.last - timedelta(weeks=WEEKS) + timedelta(days=1)
        self.first = min(self.last, max(self.first, self.last - timedelta(days=LONGEST)))
        self.rounds = rounds

    @cached_property
    def _effect(self) -> Effect:
        return Effect(tuple(self._board.counted.between(self._sites, self.first, self.last)))

    @property
    def _board(self) -> Board:
        return self._glance.board

    @property
    def _sites(self) -> list[SiteId]:
        return [self.site] if self.site is not None else list(self._board.plans)

    @cached_property
    def _wording(self) -> Wording:
        return self._glance.wording

    # What it is about.

    @property
    def of_whom(self) -> str:
        return self._board.plans[self.site].name if self.site is not None else self._glance.say("all buildings")

    @property
    def known(self) -> bool:
        return self._effect.home_nights > 0

    @property
    def counted_in(self) -> str:
        """How much it rests on."""
        said = self._glance.say("{nights} nights of homes, {homes} homes now, {percent} of the hours in sight.")
        effect = self._effect
        return said.format(
            nights=self._whole(effect.home_nights), homes=effect.homes, percent=self._percent(effect.in_sight)
        )

    @property
    def sites(self) -> list[tuple[str, str, bool]]:
        """The buildings to choose from: address, name, whether it is the one."""
        every = [("", self._glance.say("all buildings"))]
        every += [(str(plan.site), plan.name) for plan in self._glance.plans]
        return [(self._href(site), name, site == (self.site or "")) for site, name in every]

    def _href(self, site: str) -> str:
        asked = {"site": site, "first": self.first.isoformat(), "last": self.last.isoformat()}
        return f"/effect?{urlencode({name: value for name, value in asked.items() if value})}"

    # What it came to.

    @cached_property
    def lines(self) -> list[Line]:
        """The shares, each with its interval."""
        say, effect = self._glance.say, self._effect
        nights, alerts = say("of {n} nights of homes"), say("of {n} alerts")
        every = (
            (say("Nights without a visit"), effect.unvisited, nights),
            (say("Nights in which nobody disturbed the client"), effect.undisturbed, nights),
            (say("Ended by talking, without a visit"), effect.at_a_distance, alerts),
            (say("Alerts that nobody was needed for"), effect.unneeded, alerts),
        )
        return [self._line(*one) for one in every]

    def _line(self, label: str, figure: Figure | None, about: str) -> Line:
        if figure is None:
            return Line(label, self._glance.say("none"), about.format(n=0), 0, 0, 0)
        said = self._glance.say(SURE).format(
            value=self._percent(figure.value), low=self._percent(figure.low), high=self._percent(figure.high)
        )
        x = [round(_WIDTH * value, 1) for value in (figure.low, figure.value, figure.high)]
        return Line(label, said, about.format(n=self._whole(figure.n)), *x)

    @property
    def width(self) -> float:
        """How wide an interval from nothing to all is drawn."""
        return _WIDTH

    @property
    def answers(self) -> list[str]:
        """How fast alerts were taken."""
        half, say = self._effect.answered, self._glance.say
        if half is None or self._effect.slow_s is None:
            return [say("Nobody took an alert in this time.")]
        sure = say(SURE).format(value=self._span(half.value), low=self._span(half.low), high=self._span(half.high))
        nine = say("Nine of ten alerts were taken within {span}.").format(span=self._span(self._effect.slow_s))
        return [say("Half of {n} alerts were taken within {sure}.").format(n=half.n, sure=sure), nine]

    @property
    def load(self) -> str:
        effect, say = self._effect, self._glance.say
        said = say(
            "{alerts} alerts about clients, {visits} visits, {remote} by talking, {near} by family or neighbours."
        )
        return said.format(
            alerts=self._whole(effect.total("alerts")),
            visits=self._whole(effect.total("visits")),
            remote=self._whole(effect.total("remote")),
            near=self._whole(effect.total("near")),
        )

    @property
    def before(self) -> str:
        """How much it changed, beside as many nights before, home by home."""
        say, days = self._glance.say, (self.last - self.first).days + 1
        earlier = self._board.counted.between(
            self._sites, self.first - timedelta(days=days), self.first - timedelta(days=1)
        )
        figure = changed(Effect(tuple(earlier)), self._effect)
        if figure is None:
            return say("Beside the same time before: too few homes to say. At least {n} are needed.").format(
                n=PAIRED_MIN
            )
        said = say("Beside the same time before: {sure} visits in a hundred nights of a home.")
        value, low, high = (self._signed(one) for one in figure[:3])
        sure = say(SURE).format(value=value, low=low, high=high)
        unclear = say("That may be chance.") if figure.low <= 0 <= figure.high else ""
        return f"{said.format(sure=sure)} {unclear}".strip()

    @property
    def spared(self) -> str:
        """How many rounds were not walked, if it is said how many there were before; that is arithmetic, no effect."""
        say, effect = self._glance.say, self._effect
        if not self.rounds:
            return say("How many rounds there were before is not known here. Fill it in to compare.")
        rounds = self.rounds * effect.home_nights
        said = say("With {n} rounds a night there would have been {rounds} visits; there were {visits}.")
        return said.format(
            n=self._number(self.rounds), rounds=self._whole(round(rounds)), visits=self._whole(effect.total("visits"))
        )

    @cached_property
    def bars(self) -> list[Bar]:
        """Alerts by week, in a hundred home-nights."""
        weeks = self._effect.weeks()
        rates = [(monday, 100 * y / of, 100 * n / of) for monday, of, y, n in weeks if of]
        top = max((needed + unneeded for _, needed, unneeded in rates), default=0.0) or 1.0
        width = _BARS / max(1, len(rates))
        said = self._glance.say("week of {day}: {needed} needed and {unneeded} not needed in a hundred nights")
        return [
            Bar(
                x=round(number * width + 2, 1),
                width=round(width - 4, 1),
                week=f"{monday.day}-{monday.month}",
                needed=round(needed / top * (_TALL - 30), 1),
                unneeded=round(unneeded / top * (_TALL - 30), 1),
                said=said.format(
                    day=f"{monday.day}-{monday.month}", needed=self._number(needed), unneeded=self._number(unneeded)
                ),
            )
            for number, (monday, needed, unneeded) in enumerate(rates)
        ]

    @property
    def canvas(self) -> tuple[float, float]:
        """Width and height of the picture by week."""
        return _BARS, _TALL

    def _percent(self, share: float) -> str:
        return f"{round(100 * share)}\u00a0%"

    def _whole(self, n: int) -> str:
        return f"{n:,}".replace(",", "." if self._glance.language == "nl" else ",")

    def _number(self, value: float) -> str:
        return str(int(value)) if value == int(value) else self._wording.number(value)

    def _signed(self, value: float) -> str:
        return ("+" if value > 0 else "\u2212" if value < 0 else "") + self._wording.number(abs(value))

    def _span(self, seconds: float) -> str:
        return (
            self._wording.duration(timedelta(seconds=seconds)) if seconds >= _MINUTE_S else f"{round(seconds)}\u00a0s"
        )
