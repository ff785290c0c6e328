"""What homes' nights teach the fleet, and what the fleet teaches each building (4.6, 4.7, 4.11 of the detection study).

`Fleet` is the fold of a journal, at the centre and, for one site alone, in the building: home-nights go in, and once
a day it is closed. Then the controller takes its step, and for every pool it follows from which score on an episode is
told. What a site is sent of that is a `Teaching`.

What is agreed in the care plan is outside all this: its caps always fire, and are counted apart.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import product

import msgspec

from care.alerts import CALM, alert_of, urgency
from care.ids import AlertId
from care.records import Outcome, Plan, Ranked, Record, Resolved, Teaching, site_of
from detectors import budget, calibration, lessons, tail
from detectors.budget import Control, Why
from detectors.calibration import WINDOW, HomeNight, LeftOut, Maturity, Pool
from detectors.findings import Finding, What
from detectors.homes import GENERAL, Home, HomeId, Instant, Night, SiteId, zone_of
from detectors.lessons import Lesson
from detectors.nights import Summary
from detectors.others import SHIPPED, Others
from detectors.tail import LOWEST

SHARES = {
    "bath": budget.SHARES["bath"],
    "still": budget.SHARES["still"] / 2,  # nothing seen since the last motion, and nothing seen since the bed,
    "unseen": budget.SHARES["still"] / 2,  # are two halves of one question
    "out_of_bed": budget.SHARES["oob"],
}
"""Of the alerts agreed for a night, the share of each detector that learns. The rest is for doors and care plans."""

PER_NIGHT = budget.ACUTE * sum(SHARES.values())  # learned alerts that are no incident, per home and night

CLOSES = time(16, tzinfo=UTC)  # after the day of most homes is over (15:00 in the Netherlands), before any night begins
WAIT_DAYS = 3  # that a night waits for an answer to its alerts; then it enters, for an unanswered alert is no incident
STEP = 0.2  # of itself: the most by which a threshold moves in a day
SETTLED_NIGHTS = 14  # that a lesson rests on, before a home is said to be out of the budget's reach
SHARES_TOLD = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)  # of nights, for which a pool says its score
_LEARNED = frozenset({What.BATH, What.STILL, What.OOB_UNSEEN, What.OOB_ACTIVE})
_DAY = timedelta(days=1)

LESSONS = {
    "bath_at_night": ("bath", "bath"),
    "bath_evening": ("bath", "bath"),
    "bath_rising": ("bath", "bath_risen"),
    "bath_risen": ("bath", "bath_risen"),
    "oob_toilet": ("out_of_bed", "oob_active"),
    "oob_about": ("out_of_bed", "oob_active"),
    "unseen": ("unseen", "oob_unseen"),
    "still_washing": ("still", "still"),
    "still_passing": ("still", "still"),
    "still_bedroom": ("still", "still"),
    "still_about": ("still", "still"),
    "still_risen": ("still", "still_risen"),
}
"""Of each lesson of a home, the detector that asks for it and the limit of the care plan that holds beside it."""


class Lodging(msgspec.Struct, frozen=True, array_like=True):
    """What must be known of a home to place its nights."""

    night: Night
    profile: str
    budget: float = 1.0  # of its own, as a factor of what is agreed for all


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A home-night that has been told and is not yet in the pools."""

    at: Instant
    maturity: Maturity
    highest: dict[str, float]
    left_out: LeftOut | None = None
    counted: bool = False  # whether the controller has seen it


class Question(msgspec.Struct, frozen=True, array_like=True):
    """An alert of a night, which may have been an incident."""

    home: HomeId
    night: date
    asked_at: Instant  # its newest finding
    learned: bool  # whether it came before the care plan's limit; what only that told is counted apart


class Answer(msgspec.Struct, frozen=True, array_like=True, order=True):
    """What a person said last of an alert."""

    at: Instant
    helped: bool  # a confirmed incident


class Fleet(msgspec.Struct, dict=True):
    """The pools of home-nights, the controller and what is not decided yet. Changed only by its methods.

    Same records of a day, same state, in whatever order they came and however often. Which homes stand where, and who
    may still be owed something, follows from that and is kept beside it: with every batch of a building it is asked.
    """

    control: Control = Control()
    pools: dict[str, Pool] = {}  # by `calibration.name`
    in_force: dict[str, Ranked] = {}  # the same
    closed_at: Instant | None = None  # the last day that was closed
    homes: dict[HomeId, Lodging] = {}
    waiting: dict[HomeId, dict[date, Waiting]] = {}
    entered: dict[date, set[HomeId]] = {}  # home-nights of the window that are in, or left out for good
    questions: dict[AlertId, Question] = {}
    answers: dict[AlertId, Answer] = {}
    taught: dict[SiteId, Instant] = {}  # the day's closing that each site was last told of

    def add(self, record: Record, at: datetime) -> None:
        """Take in a record that was written at this instant; days that were over by then are closed first."""
        for closing in self.overdue(at):
            self.close(closing)
        self.note(record, at)

    def note(self, record: Record, at: datetime) -> None:
        """Take in a record, for who closes the days."""
        match record:
            case Plan():
                self.lodge(record.site, record.homes)
            case Summary():
                self._told(record, at)
            case Finding() if urgency(record, None) not in CALM:
                self._asked(record, at)
            case Resolved():
                answer = Answer(record.at, record.outcome is Outcome.HELPED)
                self.answers[record.alert] = max(answer, self.answers.get(record.alert, answer))
            case Teaching():
                self.taught[record.site] = record.at
                self._owed.add(record.site)

    def overdue(self, now: datetime) -> list[datetime]:
        """Return the closings that are due by now, oldest first; of a longer absence, those of the window."""
        if self.closed_at is not None and now < self.closed_at + _DAY:
            return []  # asked at every record
        last = _closing_before(now)
        days = 1 if self.closed_at is None else min((last - self.closed_at) // _DAY, WINDOW)
        return [last - _DAY * back for back in reversed(range(days))]

    def close(self, closing: datetime) -> None:
        """Close a day: the controller takes its step, nights whose questions are answered enter, thresholds follow."""
        self.closed_at = closing
        asked = self._asked_by_night()
        self._control(asked)
        self._enter(closing.date(), asked)
        self._forget(closing)
        profiles = sorted({lodging.profile for lodging in self.homes.values()})
        self.in_force = {
            name: ranked(self.pools.get(name, Pool()), detector, self.control, _threshold(self.in_force.get(name)))
            for profile in profiles
            for name, detector in pools_of(profile).items()
        }
        self.__dict__.pop("_owed", None)

    def due(self) -> tuple[Teaching, ...]:
        """Return what sites have not been told yet of the last closing."""
        at = self.closed_at
        if at is None:
            return ()
        sites = sorted(site for site in self._owed if site in self._by_site)
        said = [teaching(self, at, site) for site in sites if site not in self.taught or at > self.taught[site]]
        told = tuple(one for one in said if one.pools)  # none of profiles that nobody had when the day was closed
        self._owed.intersection_update([one.site for one in told])
        return told

    def on(self, site: SiteId) -> Mapping[HomeId, Lodging]:
        """Return the homes that stand on a site."""
        return self._by_site.get(site, {})

    def lodge(self, site: SiteId, homes: Iterable[Home]) -> None:
        """Take in which homes stand on a site."""
        here = {home.id: _lodging(home) for home in homes if _is_zone(home.night.zone)}
        for gone in self._by_site.pop(site, {}):
            del self.homes[gone]
        self.homes |= here
        for home, lodging in here.items():
            self._by_site.setdefault(site_of(home), {})[home] = lodging
        self._owed.update({site, *map(site_of, here)})

    def follow(self, said: Teaching) -> None:
        """Go on from what somebody with more nights has said."""
        self.in_force |= said.pools
        self.__dict__.pop("_owed", None)
        factor = min(max(said.factor, budget.FACTOR_MIN), budget.FACTOR_MAX)
        if not math.isclose(factor, self.control.factor):
            self.control = Control(math.log(factor))

    @cached_property
    def _by_site(self) -> dict[SiteId, dict[HomeId, Lodging]]:
        found: dict[SiteId, dict[HomeId, Lodging]] = {}
        for home, lodging in self.homes.items():
            found.setdefault(site_of(home), {})[home] = lodging
        return found

    @cached_property
    def _owed(self) -> set[SiteId]:
        """The sites that may have to be told something; any other was told, or there is nothing for it."""
        return set(self._by_site)

    def _told(self, summary: Summary, at: datetime) -> None:
        night, home = summary.night, summary.home
        # A night that is yet to come would put every other out of the window.
        if not summary.whole or home not in self.homes or night > at.date() or self._too_old(night):
            return
        known = self.waiting.get(home, {}).get(night)
        if home in self.entered.get(night, ()) or (known is not None and known.at >= summary.at):
            return
        self.waiting.setdefault(home, {})[night] = Waiting(
            at=summary.at,
            maturity=calibration.maturity(summary.age),
            highest={name: score for name, score in summary.highest.items() if name in SHARES and math.isfinite(score)},
            left_out=summary.left_out,
            counted=known is not None and known.counted,
        )

    def _asked(self, finding: Finding, at: datetime) -> None:
        if abs(at - finding.episode) > _DAY * WINDOW:
            return  # no night that can still enter
        lodging = self.homes.get(finding.home)
        night = (lodging.night if lodging is not None else Night()).of(finding.episode)
        alert = alert_of(finding)
        early = finding.early and finding.what in _LEARNED
        known = self.questions.get(alert, Question(finding.home, night, finding.at, early))
        newest = max(known.asked_at, finding.at)
        self.questions[alert] = Question(finding.home, night, newest, known.learned or early)

    def _asked_by_night(self) -> dict[tuple[HomeId, date], list[AlertId]]:
        asked: dict[tuple[HomeId, date], list[AlertId]] = defaultdict(list)
        for alert, question in self.questions.items():
            asked[question.home, question.night].append(alert)
        return asked

    def _control(self, asked: Mapping[tuple[HomeId, date], list[AlertId]]) -> None:
        """Let the controller see every home-night once, as soon as it is told: what nobody confirmed counts.

        A home with a budget of its own counts as that many homes, or the others would pay for what is agreed there.
        """
        homes: dict[date, float] = defaultdict(float)
        alerts: dict[date, int] = defaultdict(int)
        for home, nights in self.waiting.items():
            lodging = self.homes.get(home)
            agreed = 1.0 if lodging is None else lodging.budget
            for night, told in nights.items():
                if told.counted:
                    continue
                homes[night] += agreed if told.left_out is not LeftOut.OUTAGE else 0.0
                alerts[night] += sum(
                    self.questions[one].learned and not self._helped(one) for one in asked.get((home, night), ())
                )
                nights[night] = msgspec.structs.replace(told, counted=True)
        for night in sorted(homes):
            self.control = budget.after_night(
                self.control, alerts=alerts[night], homes=homes[night], per_night=PER_NIGHT
            )

    def _enter(self, today: date, asked: Mapping[tuple[HomeId, date], list[AlertId]]) -> None:
        entering: dict[tuple[date, str], list[HomeNight]] = defaultdict(list)
        for home, nights in self.waiting.items():
            lodging = self.homes.get(home)
            for night, told in list(nights.items()):
                alerts = asked.get((home, night), ())
                if (today - night).days <= WAIT_DAYS and any(self._open(one) for one in alerts):
                    continue
                del nights[night]
                self.entered.setdefault(night, set()).add(home)
                incident = any(self._helped(one) for one in alerts)
                left_out = LeftOut.INCIDENT if incident else told.left_out
                for detector in SHARES if lodging is not None else ():
                    pool = calibration.name(detector, lodging.profile if lodging else GENERAL, told.maturity)
                    highest = told.highest.get(detector)
                    entering[night, pool].append(HomeNight(highest=highest, left_out=left_out))
        for night, pool in sorted(entering):
            self.pools[pool] = calibration.entered(self.pools.get(pool, Pool()), night, entering[night, pool])

    def _forget(self, closing: datetime) -> None:
        self.waiting = {home: nights for home, nights in self.waiting.items() if nights}
        self.entered = {night: homes for night, homes in self.entered.items() if not self._too_old(night)}
        self.questions = {one: asked for one, asked in self.questions.items() if not self._too_old(asked.night)}
        self.answers = {one: said for one, said in self.answers.items() if closing - said.at < _DAY * (WINDOW + 1)}

    def _too_old(self, night: date) -> bool:
        return self.closed_at is not None and (self.closed_at.date() - night).days > WINDOW

    def _helped(self, alert: AlertId) -> bool:
        answer = self.answers.get(alert)
        return answer is not None and answer.helped

    def _open(self, alert: AlertId) -> bool:
        answer = self.answers.get(alert)
        return answer is None or answer.at < self.questions[alert].asked_at


def teaching(fleet: Fleet, at: datetime, site: SiteId) -> Teaching:
    """Return what a site is told: the pools of its own residents' profiles, and no others."""
    profiles = sorted({lodging.profile for lodging in fleet.on(site).values()})
    names = [name for profile in profiles for name in pools_of(profile)]
    pools = {name: fleet.in_force[name] for name in names if name in fleet.in_force}
    return Teaching(at=at, site=site, pools=pools, factor=fleet.control.factor)


def pools_of(profile: str) -> dict[str, str]:
    """Return the names of all pools of a profile, each with its detector."""
    return {calibration.name(detector, profile, bucket): detector for detector, bucket in product(SHARES, Maturity)}


def others(said: Teaching | None) -> Others:
    """Return what a building watches by: as shipped, with the thresholds and ranks that it was taught."""
    if said is None:
        return SHIPPED
    taught = {name: one.threshold for name, one in said.pools.items()}
    ranks = {name: one.ranks for name, one in said.pools.items()}
    thresholds = {**SHIPPED.thresholds, **taught}
    return msgspec.structs.replace(SHIPPED, thresholds=thresholds, ranks={**SHIPPED.ranks, **ranks})


def ranked(pool: Pool, detector: str, control: Control, before: float | None = None) -> Ranked:
    """Return from which score on an episode is told, with what that rests on.

    A pool with fewer home-nights than one alert is agreed for (1 / budget: 111 for the bathroom, 267 for a silence)
    keeps the shipped threshold, rather than go deaf but for the caps. Where the controller asks for a rarer night
    than can be ranked, the threshold moves on as the tail of such scores falls; so it holds small fleets too.

    `before` is the threshold in force, None if that is as shipped. A threshold moves by at most a fifth of it in a
    day: one wild night in a small pool should not change what the desk hears tomorrow, and who works there learns
    what to expect.

    Examples
    --------
    >>> ranked(Pool(), "bath", Control()).threshold == SHIPPED.thresholds["bath"]
    True
    """
    found = calibration.scores(pool)
    agreed = budget.ACUTE * SHARES[detector]
    shipped = SHIPPED.threshold(detector, GENERAL, 0)
    rarest = 1.0 / (found.n + 1)  # share of nights that the pool can tell
    kept = agreed < rarest
    at = 1.0 if kept else max(control.factor, rarest / agreed)
    anchor = shipped if kept else found.threshold(at * agreed)
    wanted = tail.beyond(detector, max(anchor, LOWEST * shipped), math.log(at / control.factor))
    wanted = max(wanted, LOWEST * shipped)
    now = shipped if before is None else before
    moved = min(max(wanted, now * (1 - STEP)), now * (1 + STEP)) if math.isfinite(now) else wanted
    told = {} if kept else {share: found.threshold(share) for share in SHARES_TOLD if share >= rarest}
    ranks = tuple((share, score) for share, score in told.items() if math.isfinite(score))
    at_worst = None if kept else calibration.upper_limit(found.n, at * agreed)
    return Ranked(moved if math.isfinite(moved) else None, found.n, kept, ranks, at_worst)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What a home has taught about one kind of episode, and what follows from it."""

    lesson: str
    detector: str
    median: float  # minutes it usually takes here
    nights: int  # that this rests on
    minutes: float  # after which it is told
    why: Why  # what that comes from
    learned: float | None  # minutes after which it would be told without a cap; None if never
    cap: float  # minutes agreed in the care plan
    threshold: float | None  # here, by what is agreed for this home
    reached: bool  # whether enough nights are known to tell as seldom, or as often, as is agreed for this home
    pool: str
    ranked: Ranked | None = None  # what the threshold rests on; None if it is as shipped

    @property
    def out_of_reach(self) -> bool:
        """Whether the budget cannot be reached for this resident: their usual lasts longer than the care plan allows.

        The cap is not moved for that; safety wins. It is said, so that the agreement can be looked at again.
        """
        return self.why is Why.CAP and self.nights >= SETTLED_NIGHTS


def known(home: Home, learned: Mapping[str, Lesson], nights: int, said: Teaching | None) -> tuple[Known, ...]:
    """Return what a home that was watched for so many nights has taught, by its lessons, in a usual night."""
    found, there = [], others(said)
    for lesson in sorted(learned.keys() & LESSONS.keys()):
        detector, limit = LESSONS[lesson]
        about, cap = learned[lesson], float(getattr(home.limits, limit))
        night = about.night or date(2000, 1, 1)
        at = datetime.combine(night + _DAY, time(3), tzinfo=zone_of(home.night.zone)).astimezone(UTC)
        threshold, reached = there.aim(detector, home.profile, nights, home.budget)
        after = lessons.alert_after(lesson, about, at, home, threshold, there)
        after = max(after, there.soonest.get(detector, 0.0))
        due = budget.due(after, cap)
        pool = calibration.name(detector, home.profile, calibration.maturity(nights))
        found.append(
            Known(
                lesson=lesson,
                detector=detector,
                median=lessons.usual(lesson, about, at, home, there).median,
                nights=about.nights,
                minutes=due.minutes,
                why=due.why,
                learned=after if math.isfinite(after) else None,
                cap=cap,
                threshold=threshold if math.isfinite(threshold) else None,
                reached=reached,
                pool=pool,
                ranked=None if said is None else said.pools.get(pool),
            )
        )
    return tuple(found)


def _threshold(before: Ranked | None) -> float | None:
    if before is None:
        return None
    return math.inf if before.threshold is None else before.threshold


def _lodging(home: Home) -> Lodging:
    """Return what is noted of a home; a budget that nobody can agree is none of its own."""
    return Lodging(home.night, home.profile, home.budget if home.budget in budget.OWN else 1.0)


def _is_zone(name: str) -> bool:
    """Whether there is such a time zone. What a building says of itself must not stop the fold."""
    try:
        zone_of(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _closing_before(now: datetime) -> datetime:
    """Return the last closing at or before an instant."""
    today = datetime.combine(now.astimezone(UTC).date(), CLOSES)
    return today if now >= today else today - _DAY
