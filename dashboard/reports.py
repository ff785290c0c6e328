"""The report of a night as a page and on paper: five lines of the team, what the day takes over, and what was not seen.

Homes are named by building and number. Who lives there stands on the desk's own pages, and never on paper.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from care.alerts import Alert, Tier
from care.briefing import Briefing, who_paused
from care.buildings import cause_of
from care.handovers import LINES
from care.labels import ASIDES, HOW_WORDS, OUTCOMES, WHYS
from care.nights import KEPT
from care.records import Corrected, site_of
from care.reports import (
    TEAM,
    Report,
    Span,
    Team,
    Writer,
    helped_in,
    latest_night,
    shelved_in,
    span_of,
)
from care.sights import Stretch
from care.wording import Wording, capital
from dashboard.glance import Glance, home_path
from dashboard.organisations import OWN
from dashboard.strips import Part, part_of
from detectors.findings import Sight
from detectors.homes import Home, HomeId, SiteId

ROWS_MAX = 8  # of one table: the whole of it goes on one A4
TALL = 40.0  # of the highest bar, in the picture's own units
WIDE = 420.0
CLIENTS_MAX = 200  # told line by line on one page
LATEST = 7  # nights that are one tap away


@dataclass(frozen=True, slots=True)
class Beside:
    """What somebody put beside a line."""

    when: str
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One of the five."""

    n: int
    text: str
    corrections: tuple[Beside, ...] = ()


@dataclass(frozen=True, slots=True)
class Client:
    """The five lines about one client, with what was seen of the shift."""

    id: str
    where: str
    href: str  # of its report
    home_href: str
    name: str | None  # that the resident likes; for the screen
    lines: tuple[Line, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table."""

    icon: str
    where: str
    what: str
    more: str
    when: str
    href: str = ""
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """The alerts of one hour: those for now on top of the others."""

    x: float
    hour: str
    n: int
    acute: float  # heights
    other: float


@dataclass(frozen=True, slots=True)
class Choice:
    """A night, or a part of the centre, that may be looked at."""

    href: str
    word: str
    chosen: bool


def nights_kept(glance: Glance) -> tuple[date, date]:
    """Return the first and the last night that can be told of."""
    last = latest_night(glance.now, glance.wording.zone)
    return last - timedelta(days=KEPT - 1), last


@dataclass(frozen=True)
class Paper:
    """What a page about one night and one team is made of."""

    glance: Glance
    night: date
    site: SiteId | None = None  # None: the whole centre

    @cached_property
    def wording(self) -> Wording:
        return self.glance.wording if self.site is None else self.glance.wording_of(self.site)

    @cached_property
    def span(self) -> Span:
        return span_of(self.night, self.wording.zone, self.glance.now)

    @cached_property
    def writer(self) -> Writer:
        return Writer(self.glance.board, self.glance.now, self.glance.language)

    @cached_property
    def team(self) -> Team:
        homes = tuple(one for one in self.writer.homes if self.site is None or site_of(one.id) == self.site)
        return Team(self.writer, self.span, self.wording, homes, about=self.site or TEAM)

    # Its head

    @property
    def dates(self) -> str:
        """Which night, by its two dates."""
        return capital(self.wording.night(self.span.start + timedelta(hours=1)))

    @property
    def hours(self) -> str:
        said = self.wording.say("{start} to {end}")
        return said.format(start=self.wording.time(self.span.start), end=self.wording.time(self.span.end))

    @property
    def of_whom(self) -> str:
        """Whose report it is: a building's, or that of all of them."""
        if self.site is not None:
            return self.glance.board.plans[self.site].name
        return self.wording.say("All buildings")

    @property
    def made(self) -> str:
        """When it was made."""
        now = f"{self.wording.date(self.glance.now)} {self.wording.time(self.glance.now)}"
        return self.wording.say("Made at {time} from what is recorded.").format(time=now)

    @property
    def so_far(self) -> str:
        """That the night still goes on, if so."""
        if not self.span.running:
            return ""
        return self.wording.say("This night is not over. This is how it stands at {time}.").format(
            time=self.wording.time(self.glance.now)
        )

    @property
    def path(self) -> str:
        """Where the page is."""
        return self._path(self.night, self.site)

    def _path(self, night: date, site: SiteId | None) -> str:
        return f"/report?night={night.isoformat()}" + (f"&site={site}" if site is not None else "")

    @property
    def pdf(self) -> str:
        """Where the paper is."""
        return self.path.replace("/report?", "/paper?")

    @property
    def nights(self) -> list[Choice]:
        """The latest nights, the newest first."""
        last = latest_night(self.glance.now, self.wording.zone)
        evenings = [last - timedelta(days=back) for back in range(LATEST)]
        noon = self.span.start.replace(hour=12)
        return [
            Choice(
                self._path(one, self.site),
                self.wording.date(noon + (one - self.night)),
                one == self.night,
            )
            for one in evenings
        ]

    @property
    def first(self) -> str:
        return nights_kept(self.glance)[0].isoformat()

    @property
    def last(self) -> str:
        return nights_kept(self.glance)[1].isoformat()

    @property
    def sites(self) -> list[Choice]:
        """The buildings, each with a report of its own."""
        every = Choice(self._path(self.night, None), self.wording.say("All buildings"), self.site is None)
        return [every] + [
            Choice(self._path(self.night, plan.site), plan.name, self.site == plan.site) for plan in self.glance.plans
        ]

    # The team

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.lines_of(self.team.report)

    def lines_of(self, report: Report) -> tuple[Line, ...]:
        """Return the lines of a report, each with what was put beside it."""
        told, viewer = self.glance.board.handovers, self.glance.viewer
        theirs = report.about != TEAM or viewer is None or OWN in viewer.organisations  # what is said of all buildings
        return tuple(
            Line(n, text, tuple(map(self._beside, told.corrections(report.about, self.night, n) if theirs else ())))
            for n, text in enumerate(report.lines, start=1)
        )

    def _beside(self, one: Corrected) -> Beside:
        return Beside(self.wording.moment(one.at, self.glance.now), self.glance.names.staff(one.by), one.text)

    @cached_property
    def takes(self) -> list[Row]:
        """What the day takes over: what was open, where help was given, and what is for the morning."""
        return list(self._takes())

    def _takes(self) -> Iterator[Row]:
        say = self.wording.say
        open_ones = [one for one in self.team.standing if one.tier in {Tier.ACUTE, Tier.SOON}]
        for alert in sorted(open_ones, key=lambda one: one.raised_at):
            now = self.glance.board.alerts[alert.id]
            more = say("still open") if now.open else say("closed after the shift")
            yield self._row(alert, capital(more))
        for alert, closed in helped_in(self.team.alerts):
            how = say("{outcome}: {how}").format(outcome=say(OUTCOMES[closed.outcome]), how=say(HOW_WORDS[closed.how]))
            yield self._row(alert, how)
        for alerts in self.team.by_home.values():
            for alert in alerts:
                if alert.tier is Tier.REVIEW:
                    yield self._row(alert, capital(say("discuss it with the client")))

    def _row(self, alert: Alert, more: str) -> Row:
        time = self.wording.time(alert.raised_at)
        where, what = self.writer.where(alert.home), self.writer.title(alert.main)
        return Row(alert.tier.value, where, what, more, time, f"/alerts/{alert.id}")

    @cached_property
    def unseen(self) -> list[Row]:
        """The homes that were not wholly seen, the longest first: a pause is none of the technical service's."""
        rows = []
        for home in self.team.homes:
            gone = [one for one in self.team.seen[home.id] if one.sight in {Sight.BLIND, Sight.PARTLY}]
            if gone:
                span = sum((one.end - one.start for one in gone), timedelta())
                rows.append((span, self._gone(home, span, gone)))
        return [row for _, row in sorted(rows, key=lambda one: one[0], reverse=True)]

    def _gone(self, home: Home, span: timedelta, gone: Sequence[Stretch]) -> Row:
        say = self.wording.say
        blind = any(one.sight is Sight.BLIND for one in gone)
        whys = dict.fromkeys(why for one in gone for why in one.why)
        return Row(
            "blind" if blind else "partly",
            self.writer.where(home.id),
            capital(say("no sight") if blind else say("partly in sight")),
            capital(self.wording.every([say(WHYS[why]) for why in whys])),
            self.wording.short(span),
            home_path(home.id),
            self.parts(home),
        )

    def parts(self, home: Home) -> tuple[Part, ...]:
        """Return what was seen of a home in the shift, as a strip."""
        return tuple(part_of(one, self.span.start, self.span.end) for one in self.team.seen[home.id])

    @cached_property
    def bars(self) -> list[Bar]:
        """The alerts hour by hour."""
        every, acute = Counter[int](), Counter[int]()
        for one in self.team.alerts:
            hour = int((one.raised_at - self.span.start) / timedelta(hours=1))
            every[hour] += 1
            acute[hour] += one.tier is Tier.ACUTE
        hours = int((self.span.end - self.span.start) / timedelta(hours=1))
        tall = TALL / max(4, *every.values(), 4)
        step = WIDE / hours
        return [
            Bar(
                round(n * step + 8, 1),
                f"{(self.span.start + timedelta(hours=n)).astimezone(self.wording.zone):%H}",
                every[n],
                round(acute[n] * tall, 1),
                round((every[n] - acute[n]) * tall, 1),
            )
            for n in range(hours)
        ]

    @property
    def bars_said(self) -> str:
        """The alerts hour by hour, in words."""
        told = [self.wording.say("{hour}:00 {n}").format(hour=one.hour, n=one.n) for one in self.bars if one.n]
        return ", ".join(told) or self.wording.say("No alerts.")

    @property
    def held_back(self) -> list[tuple[str, str]]:
        """What was put aside, put together or paused: whatever the machine or people kept quiet is counted here."""
        return [(name, "; ".join(said) or self.wording.say("nothing")) for name, said in self._held_back()]

    def _held_back(self) -> Iterator[tuple[str, list[str]]]:
        say, board = self.wording.say, self.glance.board
        put = shelved_in(self.team.alerts, self.span)
        yield (
            say("Put aside"),
            _cut(
                [
                    say("{where} until {time}: {why}, by {who}").format(
                        where=self.writer.where(one.home),
                        time=self.wording.time(one.until),
                        why=say(ASIDES[one.why]),
                        who=self.glance.names.staff(one.by),
                    )
                    for one in put
                ],
                self.wording,
            ),
        )
        under = sum(cause_of(one, board) is not None for one in self.team.standing)
        belongs = self.wording.words.ngettext("{n} fault under another", "{n} faults under another", under)
        yield say("Put together"), [belongs.format(n=under)] if under else []
        yield say("On pause"), _cut(list(self._paused()), self.wording)
        fell = [self.writer.where(one.home) for one in self.team.alerts if one.fell_back]
        yield say("Building warned by itself"), _cut(list(dict.fromkeys(fell)), self.wording)

    def _paused(self) -> Iterator[str]:
        for home in self.team.homes:
            paused = [one for one in self.team.seen[home.id] if one.sight is Sight.PAUSED]
            if paused:
                span = sum((one.end - one.start for one in paused), timedelta())
                pauses = self.glance.board.pauses.at(home, self.span.start, self.span.end)
                told = [who_paused(one, self.wording, self.glance.names, self.glance.now) for one in pauses]
                who = f" ({self.wording.every(told)})" if told else ""
                yield f"{self.writer.where(home.id)} {self.wording.short(span)}{who}"

    @property
    def signed(self) -> str:
        """Who took over when the shift ended, or nothing."""
        handed = self.glance.board.handovers.of_shift(self.span.end)
        return "" if handed is None else Briefing(self.writer, self.glance.names).signed(handed)

    @property
    def note(self) -> str:
        """What was written by hand when the shift was handed over."""
        handed = self.glance.board.handovers.of_shift(self.span.end)
        return "" if handed is None else handed.note

    # Its clients

    @cached_property
    def _told(self) -> list[tuple[Home, Report]]:
        return [(home, self.team.client(home)) for home in self.team.homes]

    @cached_property
    def clients(self) -> list[Client]:
        """The clients of whose night something is to be told."""
        notable = [(home, report) for home, report in self._told if report.notable]
        return [self.client(home, report) for home, report in notable[:CLIENTS_MAX]]

    @property
    def shown(self) -> list[HomeId]:
        """The homes of whose night the page tells."""
        return [home.id for home, report in self._told if report.notable][:CLIENTS_MAX]

    @property
    def more_clients(self) -> int:
        """How many more there are, whom a building's own report tells of."""
        return max(0, sum(report.notable for _, report in self._told) - CLIENTS_MAX)

    @property
    def others(self) -> list[tuple[str, list[Choice]]]:
        """The clients of whom nothing in particular is to be told, by building."""
        rest: dict[str, list[Choice]] = {}
        for home, report in self._told:
            if not report.notable:
                site = self.glance.board.plans[site_of(home.id)].name
                number = home.id.partition("/")[2]
                rest.setdefault(site, []).append(Choice(self.client_path(home.id), number, chosen=False))
        return list(rest.items())

    def client(self, home: Home, report: Report | None = None) -> Client:
        """Return one client's five lines."""
        return Client(
            id=home.id.replace("/", ":"),
            where=self.writer.where(home.id),
            href=self.client_path(home.id),
            home_href=home_path(home.id),
            name=self.glance.names.resident(home.resident),
            lines=self.lines_of(report if report is not None else self.team.client(home)),
            parts=self.parts(home),
        )

    def client_path(self, home: HomeId) -> str:
        """Return where the report of one client's night is."""
        return f"/report{home_path(home).removeprefix('/homes')}?night={self.night.isoformat()}"


def _cut(things: list[str], wording: Wording) -> list[str]:
    rest = len(things) - LINES
    if rest <= 0:
        return things
    return [*things[:LINES], wording.say("and {n} more").format(n=rest)]
