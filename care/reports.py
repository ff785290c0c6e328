"""The report of a night in five lines: for one client, and for a team. From records only; nobody types it.

The lines are those that were agreed on with who reads them. What could not be seen is said in the same line as what
was: a night is never called quiet while an hour of it was out of sight.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from statistics import median
from zoneinfo import ZoneInfo

import msgspec

from care.alerts import Alert, State, Tier
from care.board import Board
from care.labels import BY_WORDS, HOW_WORDS, KINDS, OUTCOMES, WHYS
from care.language import mark
from care.nights import Night
from care.records import By, Claimed, Follow, How, Outcome, Resolved, Shelved, site_of
from care.shifts import STARTS
from care.sights import Can, Stretch, Why, kinds, stretches
from care.telling import AT_NIGHT
from care.wording import Wording, natural
from detectors.calibration import LeftOut
from detectors.findings import Finding, Presence, Sight, Status, What
from detectors.homes import Home, HomeId, SiteId, building_of, is_building

LISTED_MAX = 3  # alerts, contacts or gaps that one line tells one by one
KINDS_NAMED_MAX = 2  # of alert, in a line about sight
TEAM = "centre"  # whose report it is that all homes are in
_NEXT_DAY = timedelta(hours=24)  # what is found of a night once it is over is found within this


@dataclass(frozen=True, slots=True)
class Span:
    """The night shift of one night, as far as it has come."""

    night: date  # of its evening
    start: datetime
    end: datetime
    now: datetime

    @property
    def until(self) -> datetime:
        """Up to when it can be told of."""
        return min(self.end, self.now)

    @property
    def running(self) -> bool:
        """Whether it still goes on."""
        return self.now < self.end

    def holds(self, at: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.start <= at < self.end


def span_of(night: date, zone: ZoneInfo, now: datetime) -> Span:
    """Return the night shift that begins on an evening: an hour shorter or longer where the clocks change.

    >>> amsterdam = ZoneInfo("Europe/Amsterdam")
    >>> one = span_of(date(2026, 3, 28), amsterdam, datetime(2026, 4, 1, tzinfo=amsterdam))
    >>> one.end.timestamp() - one.start.timestamp()
    28800.0
    """
    start = datetime.combine(night, STARTS[-1], tzinfo=zone)
    end = datetime.combine(night + timedelta(days=1), STARTS[0], tzinfo=zone)
    utc = now.tzinfo
    return Span(night, start.astimezone(utc), end.astimezone(utc), now)


def latest_night(now: datetime, zone: ZoneInfo) -> date:
    """Return the night that runs, or else the last one, by the date of its evening."""
    wall = now.astimezone(zone).replace(tzinfo=None)
    evening = STARTS[-1]
    return (wall - timedelta(hours=evening.hour, minutes=evening.minute)).date()


@dataclass(frozen=True, slots=True)
class Report:
    """Five lines about one client or one team."""

    about: str  # the centre, a site or a home, by its id
    lines: tuple[str, ...]
    notable: bool = True  # whether it says anything that is not so every night


@dataclass(frozen=True)
class Writer:
    """The board at one moment, as reports tell it in one language. They name homes, and never who lives there."""

    board: Board
    now: datetime
    language: str
    _wordings: dict[str, Wording] = field(default_factory=dict, compare=False)
    _said: dict[str, str] = field(default_factory=dict, compare=False)

    def wording(self, site: SiteId) -> Wording:
        """Return how times and places are said in a building."""
        plan = self.board.plans.get(site)
        zone = plan.zone if plan is not None else "Europe/Amsterdam"
        if zone not in self._wordings:
            self._wordings[zone] = Wording(self.language, zone)
        return self._wordings[zone]

    @cached_property
    def wording_here(self) -> Wording:
        """How times are said at the desk itself: by the clock of the first building."""
        first = min(self.board.plans.values(), key=lambda one: (natural(one.name), one.site), default=None)
        return self.wording(first.site if first is not None else SiteId(""))

    @cached_property
    def homes(self) -> list[Home]:
        """Every home, by building and number as people count."""
        names = {site: plan.name for site, plan in self.board.plans.items()}
        every = self.board.homes.values()
        return sorted(every, key=lambda one: (natural(names.get(site_of(one.id), "")), natural(one.id)))

    def where(self, home: HomeId) -> str:
        """Name a home by its building and number, and a building by itself: De Wilg 12."""
        site = site_of(home)
        plan = self.board.plans.get(site)
        if is_building(home):
            return plan.name if plan is not None else self.wording(site).home(home)
        return f"{plan.name if plan is not None else site} {home.partition('/')[2]}".replace(" ", "\u00a0")

    def title(self, finding: Finding) -> str:
        """Say what is the matter."""
        return self.wording(site_of(finding.home)).title(finding, self.board.homes.get(finding.home))

    def night(self, night: date, wording: Wording) -> str:
        """Say which night it is, in a sentence; every client's report begins with it."""
        key = f"{wording.zone} {night}"
        if key not in self._said:
            self._said[key] = _sentence(wording.night(datetime.combine(night, time(23), tzinfo=wording.zone)))
        return self._said[key]

    def seen(self, home: Home, span: Span) -> tuple[Stretch, ...]:
        """Return how much of a home was seen in a night shift, as far as it has come."""
        if span.until <= span.start:
            return ()
        return stretches(self.board.sights.of(home.id), home, span.start, span.until)

    def raised_in(self, span: Span, homes: Iterable[HomeId] | None = None) -> dict[HomeId, list[Alert]]:
        """Return every alert of a night and of the day after it, by home, oldest first; of some homes, or all."""
        found: dict[HomeId, list[Alert]] = {}
        for alert in self.board.alerts_between(span.start, span.start + _NEXT_DAY, homes):
            found.setdefault(alert.home, []).append(alert)
        return found


def as_of(alert: Alert, at: datetime) -> Alert | None:
    """Return an alert as it stood at a moment; None before it was raised.

    Of one that was closed, opened again and closed again only the last closing is known.
    """
    findings = tuple(one for one in alert.findings if one.at <= at)
    if not findings:
        return None
    return msgspec.structs.replace(
        alert,
        findings=findings,
        cleared=tuple(one for one in alert.cleared if one.at <= at),
        delivered=tuple(one for one in alert.delivered if one.at <= at),
        holds=tuple(one for one in alert.holds if one.at <= at),
        follows=tuple(one for one in alert.follows if one.at <= at),
        shelves=tuple(one for one in alert.shelves if one.at <= at),
        resolved=alert.resolved if alert.resolved is not None and alert.resolved.at <= at else None,
    )


def answer(alert: Alert) -> timedelta | None:
    """Return after how long somebody first took an alert; None if nobody did. Never less than nothing."""
    taken = [one.at for one in alert.holds if isinstance(one, Claimed)]
    return max(timedelta(), min(taken) - alert.raised_at) if taken else None


def visited(alert: Alert) -> bool:
    """Whether somebody of the care team was sent to the client's home."""
    sent = any(one.follow is not Follow.TALKING and one.means is By.NIGHT_TEAM for one in alert.follows)
    return sent or (alert.resolved is not None and alert.resolved.how is How.ON_SITE)


def by_family(alert: Alert) -> bool:
    """Whether family, a friend or a neighbour went, or helped."""
    near = {By.FAMILY, By.NEIGHBOUR}
    sent = any(one.follow is not Follow.TALKING and one.means in near for one in alert.follows)
    return sent or (alert.resolved is not None and alert.resolved.how is How.FAMILY)


def by_video(alert: Alert) -> bool:
    """Whether it ended in help, or reassurance, by video."""
    return alert.resolved is not None and alert.resolved.how is How.VIDEO


def passed_on(alert: Alert) -> bool:
    """Whether it went on to somebody else: the building called for help itself, or others were sent."""
    return bool(alert.fell_back) or any(one.follow is not Follow.TALKING for one in alert.follows)


# One client.


def told_of(alerts: Iterable[Alert], span: Span) -> list[Alert]:
    """Return the alerts of a home that the report of a night tells of (of `Writer.raised_in`)."""
    return [one for one in alerts if _in_shift(one, span) or _unusual(one)]


def _in_shift(alert: Alert, span: Span) -> bool:
    return alert.tier is not Tier.REVIEW and span.holds(alert.raised_at)


def _unusual(alert: Alert) -> bool:
    return alert.main.what is What.LATE_RISE or alert.tier is Tier.REVIEW


def of_client(
    writer: Writer, home: Home, span: Span, alerts: Sequence[Alert], seen: Sequence[Stretch] | None = None
) -> Report:
    """Tell one home's night in five lines.

    Parameters
    ----------
    alerts : of this home, of the night and the day after it (`Writer.raised_in`).
    seen : what was seen of it, if that is known already.
    """
    seen = writer.seen(home, span) if seen is None else seen
    night = writer.board.nights.at(home.id, span.night)
    about = _Client(home, span, writer.wording(site_of(home.id)), tuple(alerts), tuple(seen), night, writer)
    other = about.points
    whole = all(one.sight is Sight.WATCHED for one in seen)
    lines = (about.night_line, about.alert_line, about.contact_line, about.sight_line, about.other_line)
    return Report(home.id, lines, notable=bool(about.in_shift or other or not whole))


@dataclass(frozen=True)
class _Client:
    home: Home
    span: Span
    wording: Wording
    alerts: tuple[Alert, ...]
    seen: tuple[Stretch, ...]
    told: Night | None
    writer: Writer

    @property
    def in_shift(self) -> list[Alert]:
        return [one for one in self.alerts if _in_shift(one, self.span)]

    @property
    def night_line(self) -> str:
        say, told = self.wording.say, self.told
        line = [self.writer.night(self.span.night, self.wording)]
        if told is None:
            still = (
                say("The night is not over yet.") if self.span.running else say("There is no summary of this night.")
            )
            return " ".join([*line, still])
        to_bed, rose = (None if at is None else self.wording.time(at) for at in (told.to_bed, told.rose))
        if to_bed and rose:
            line.append(say("In bed about {bed}, up about {up}.").format(bed=to_bed, up=rose))
        elif to_bed:
            line.append(say("In bed about {bed}.").format(bed=to_bed))
        elif rose:
            line.append(say("Up about {up}.").format(up=rose))
        line.append(self._exits(told))
        if told.left_out is LeftOut.OUTAGE:
            line.append(say("Not all of the night could be seen."))
        elif told.left_out is LeftOut.COMPANY:
            line.append(say("There may have been more people in the home."))
        return " ".join(line)

    def _exits(self, told: Night) -> str:
        if not told.exits:
            return self.wording.say("Not seen out of bed.")
        counted = self.wording.words.ngettext(
            "Out of bed {n} time, {duration} in all.", "Out of bed {n} times, {duration} in all.", told.exits
        )
        return counted.format(n=told.exits, duration=self.wording.duration(timedelta(minutes=told.minutes_out)))

    @property
    def alert_line(self) -> str:
        say = self.wording.say
        if not self.in_shift:
            return say("No alerts so far.") if self.span.running else say("No alerts.")
        return say("Alerts: {list}.").format(list=self._some([self._alert(one) for one in self.in_shift]))

    def _alert(self, alert: Alert) -> str:
        say = self.wording.say
        closed = alert.resolved if not alert.open else None
        outcome = say("still open") if closed is None else say(OUTCOMES[closed.outcome]).lower()
        after = answer(alert)
        said = say("{time} {title}, outcome: {outcome}, after {answer}")
        if after is None:
            said = say("{time} {title}, outcome: {outcome}, not claimed")
        return said.format(
            time=self.wording.time(alert.raised_at),
            title=self.writer.title(alert.main),
            outcome=outcome,
            answer="" if after is None else self.wording.duration(after),
        )

    @property
    def contact_line(self) -> str:
        contacts = [
            f"{self.wording.time(at)} {by}" + (f", {self.wording.say(role)}" if role else "")
            for at, by, role in self._contacts()
        ]
        if not contacts:
            return self.wording.say("No contact.")
        return self.wording.say("Contact: {list}.").format(list=self._some(contacts))

    def _contacts(self) -> Iterator[tuple[datetime, str, str]]:
        """Yield when the client was spoken with or visited: by which way, and by whom. On the way is not there yet."""
        for alert in self.in_shift:
            talked = {one.means: one.at for one in reversed(alert.follows) if one.follow is Follow.TALKING}
            for means, at in sorted(talked.items(), key=lambda one: one[1]):
                yield at, self.wording.say(BY_WORDS[means]), _ROLES[How.VIDEO]
            closed = alert.resolved
            spoken = {By.VIDEO: How.VIDEO, By.PHONE: How.PHONE}
            if closed is None or alert.open or closed.how not in _ROLES or closed.how in map(spoken.get, talked):
                continue
            yield closed.at, self.wording.say(HOW_WORDS[closed.how]), _ROLES[closed.how]

    @property
    def sight_line(self) -> str:
        say = self.wording.say
        unseen = [one for one in self.seen if one.sight is not Sight.WATCHED]
        if not self.seen:
            return say("Sight: not known yet.")
        if not unseen:
            return say("Sight: all the time so far.") if self.span.running else say("Sight: all night.")
        longest = sorted(unseen, key=lambda one: one.end - one.start, reverse=True)[:LISTED_MAX]
        said = [self._gap(one) for one in sorted(longest, key=lambda one: one.start)]
        rest = [one for one in unseen if one not in longest]
        if rest:
            more = self.wording.words.ngettext(
                "And {n} time more, {span} in all.", "And {n} times more, {span} in all.", len(rest)
            )
            said.append(more.format(n=len(rest), span=self.wording.duration(_total(rest))))
        return " ".join(said)

    def _gap(self, one: Stretch) -> str:
        say = self.wording.say
        start, until = self.wording.time(one.start), self.wording.time(one.end)
        if one.why == (Why.PAUSED,) and one.sight is Sight.PAUSED:
            return say("Paused from {start} to {until}.").format(start=start, until=until)
        reason = self.wording.every([say(WHYS[why]) for why in one.why])
        lost = _lost(self.home, one)
        named = self.wording.every([f"\u201c{say(KINDS[what])}\u201d" for what in lost])
        said = say("Partly in sight from {start} to {until}, because: {reason}.")
        if one.sight is Sight.BLIND:
            said = say("No sight from {start} to {until}, because: {reason}.")
        elif lost and len(lost) <= KINDS_NAMED_MAX:
            said = say("No sight from {start} to {until} of {kinds}, because: {reason}.")
        elif lost:
            named = str(len(lost))
            said = say("No sight from {start} to {until} of {kinds} kinds of alert, because: {reason}.")
        return said.format(start=start, until=until, kinds=named, reason=reason)

    @property
    def points(self) -> list[str]:
        """What was other than usual in this night, or of late."""
        told = [one for one in self.alerts if _unusual(one)]
        return list(dict.fromkeys(self._point(one.main) for one in told))

    def _point(self, finding: Finding) -> str:
        title = self.writer.title(finding)
        title = title[:1].lower() + title[1:]
        if finding.what not in {What.RESTLESS, What.NOCTURIA} or finding.value is None or finding.usual is None:
            return title
        return self.wording.say("{title} ({value}, usually {usual})").format(
            title=title, value=self._number(finding.value), usual=self._number(finding.usual)
        )

    def _number(self, value: float) -> str:
        return str(int(value)) if value == int(value) else self.wording.number(value)

    @property
    def other_line(self) -> str:
        say = self.wording.say
        if self.points:
            return say("Other than usual: {points}.").format(points=self.wording.every(self.points))
        if self.told is None or not any(one.sight in {Sight.WATCHED, Sight.PARTLY} for one in self.seen):
            return say("Whether anything was other than usual cannot be told.")
        if any(one.sight is not Sight.WATCHED for one in self.seen) or self.told.left_out is LeftOut.OUTAGE:
            return say("As far as could be seen, nothing was other than usual.")
        return say("Nothing was seen that was other than usual.")

    def _some(self, things: list[str]) -> str:
        rest = len(things) - LISTED_MAX
        if rest <= 0:
            return "; ".join(things)
        return self.wording.say("{list}; and {n} more").format(list="; ".join(things[:LISTED_MAX]), n=rest)


_ROLES: dict[How, str] = {
    How.VIDEO: mark("by the care centre"),
    How.PHONE: mark("by the care centre"),
    How.ON_SITE: mark("by the night team"),
    How.FAMILY: "",  # that says it already
    How.DOCTOR: mark("by the care centre"),
    How.EMERGENCY: mark("by the care centre"),
}
"""Which endings were a contact, and whose."""


def _lost(home: Home, one: Stretch) -> list[What]:
    """Return which alerts of the night could not come in a stretch, unless the client had chosen so."""
    stood = Status(at=one.start, home=home.id, presence=Presence.UNKNOWN, sight=one.sight, blind=one.blind)
    return [what for what, can in kinds(home, stood).items() if what in AT_NIGHT and can is Can.BLIND]


# One team.


@dataclass(frozen=True)
class Team:
    """The night of a team: its homes, their alerts, and how much of them was seen."""

    writer: Writer
    span: Span
    wording: Wording
    homes: tuple[Home, ...]
    about: str = TEAM

    @cached_property
    def seen(self) -> dict[HomeId, tuple[Stretch, ...]]:
        """How much was seen of every home."""
        return {home.id: self.writer.seen(home, self.span) for home in self.homes}

    @cached_property
    def by_home(self) -> dict[HomeId, list[Alert]]:
        """Every alert of the night and the day after it, by home; of buildings too."""
        return self.writer.raised_in(self.span, None if self.about == TEAM else self._places)

    @cached_property
    def _places(self) -> set[HomeId]:
        """The homes, and the buildings that they stand in."""
        return {home.id for home in self.homes} | {building_of(site_of(home.id)) for home in self.homes}

    @cached_property
    def alerts(self) -> list[Alert]:
        """The alerts of the shift that asked for somebody, oldest first."""
        told = (one for alerts in self.by_home.values() for one in alerts)
        return sorted(
            (one for one in told if one.tier is not Tier.REVIEW and self.span.holds(one.raised_at)),
            key=lambda one: (one.raised_at, one.id),
        )

    @cached_property
    def standing(self) -> list[Alert]:
        """What was open when the shift ended, or is now if it still goes on; as it stood then."""
        every = self.writer.board.alerts.values()
        then = (as_of(one, self.span.until) for one in every if self.about == TEAM or one.home in self._places)
        return [one for one in then if one is not None and one.open]

    @property
    def report(self) -> Report:
        """Tell the night in five lines."""
        lines = (self._shift(), self._counted(), self._answered(), self._helped(), self._left())
        return Report(self.about, lines)

    def client(self, home: Home) -> Report:
        """Tell the night of one of its homes."""
        return of_client(self.writer, home, self.span, self.by_home.get(home.id, ()), self.seen[home.id])

    @property
    def in_sight(self) -> float:
        """The share of all hours of all homes in which they were wholly seen."""
        told = [one for seen in self.seen.values() for one in seen]
        whole = _total(told)
        return _total(one for one in told if one.sight is Sight.WATCHED) / whole if whole else 0.0

    def _shift(self) -> str:
        words, n = self.wording.words, len(self.homes)
        homes = self.wording.count(words.ngettext("{n} home", "{n} homes", n), n)
        said = self.wording.say("Shift {start}\u2013{end}: {homes}, {percent} of the hours in sight.")
        if self.in_sight == 1:
            said = self.wording.say("Shift {start}\u2013{end}: {homes}, every hour in sight.")
        return said.format(
            start=self.wording.time(self.span.start),
            end=self.wording.time(self.span.until),
            homes=homes,
            percent=f"{int(self.in_sight * 100)}\u00a0%",
        )

    def _counted(self) -> str:
        n = len(self.alerts)
        if not n:
            return self.wording.say("No alerts so far.") if self.span.running else self.wording.say("No alerts.")
        tiers = [one.tier for one in self.alerts]
        closed = [one.resolved.outcome for one in self.alerts if one.resolved is not None and not one.open]
        counted = self.wording.words.ngettext(
            "{n} alert: {acute} urgent, {soon} soon, {technical} technical. Needed: {needed}. Not needed: {unneeded}.",
            "{n} alerts: {acute} urgent, {soon} soon, {technical} technical. Needed: {needed}. Not needed: {unneeded}.",
            n,
        )
        return counted.format(
            n=n,
            acute=tiers.count(Tier.ACUTE),
            soon=tiers.count(Tier.SOON),
            technical=tiers.count(Tier.TECHNICAL),
            needed=closed.count(Outcome.HELPED) + closed.count(Outcome.REASSURED),
            unneeded=closed.count(Outcome.NOT_NEEDED),
        )

    def _answered(self) -> str:
        say, passed = self.wording.say, sum(passed_on(one) for one in self.alerts)
        # What may wait for the morning or the technical service says nothing of how soon the desk answers.
        took = [after for one in self.alerts if one.tier is not Tier.TECHNICAL and (after := answer(one)) is not None]
        if not took:
            return say("Claimed of now and soon: none. Passed on: {passed}.").format(passed=passed)
        said = say("Claimed after {median} (half of them), longest {longest}. Passed on: {passed}.")
        middle = timedelta(seconds=median(one.total_seconds() for one in took))
        return said.format(
            median=self.wording.duration(middle), longest=self.wording.duration(max(took)), passed=passed
        )

    def _helped(self) -> str:
        said = self.wording.say("Visits: {visits}. Helped by video: {video}. By family: {family}.")
        counts = {"visits": visited, "video": by_video, "family": by_family}
        return said.format(**{name: sum(map(is_so, self.alerts)) for name, is_so in counts.items()})

    def _left(self) -> str:
        said = self.wording.say("Still open: {open}. Put aside: {shelved}. Faults: {faults}.")
        states = [(one.state, one.tier) for one in self.standing if one.tier is not Tier.REVIEW]
        return said.format(
            open=sum(state is not State.SHELVED and tier is not Tier.TECHNICAL for state, tier in states),
            shelved=sum(state is State.SHELVED for state, _ in states),
            faults=sum(state is not State.SHELVED and tier is Tier.TECHNICAL for state, tier in states),
        )


def shelved_in(alerts: Iterable[Alert], span: Span) -> list[Shelved]:
    """Return what was put aside in a shift, oldest first."""
    told = (one for alert in alerts for one in alert.shelves if isinstance(one, Shelved) and span.holds(one.at))
    return sorted(told, key=lambda one: one.at)


def helped_in(alerts: Iterable[Alert]) -> list[tuple[Alert, Resolved]]:
    """Return the alerts that ended with help given: what the day wants to know of."""
    return [
        (one, one.resolved)
        for one in alerts
        if one.resolved is not None and not one.open and one.resolved.outcome is Outcome.HELPED
    ]


def _total(told: Iterable[Stretch]) -> timedelta:
    return sum((one.end - one.start for one in told), timedelta())


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
