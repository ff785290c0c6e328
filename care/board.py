"""The board: the centre's journal folded into what the night desk must know now. In memory, rebuilt at start."""

import copy
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from care.accounts import Accounts
from care.agreements import Agreements
from care.alerts import (
    Alert,
    Tier,
    alert_of,
    by_urgency,
    raised,
    with_cleared,
    with_deed,
    with_fall_back,
    with_finding,
    with_order,
    with_plan,
)
from care.asking import MAY_HAVE, Noticed, Passed
from care.chains import RESIDENT, Chains
from care.counted import CountedNights
from care.handovers import Handovers
from care.ids import AlertId, ContactId
from care.measures import MeasureAgreed, MeasureEnded, Measures
from care.messages import Messages
from care.nights import Nights
from care.notices import Channels
from care.pauses import Paused, PauseEnded, Pauses
from care.proofs import Proofs, Walked, Walking
from care.records import (
    CENTRE,
    BackTest,
    BackTested,
    Changed,
    Deed,
    FellBack,
    Order,
    Plan,
    Record,
    SecondPool,
    Terms,
    site_of,
)
from care.sharing import Shares
from care.shifts import Shifts
from care.sights import Diary
from care.tally import Tally
from care.upkeep import Upkeep
from detectors.findings import Cleared, Finding, Status
from detectors.homes import Home, HomeId, SiteId, is_building, zone_of
from detectors.nights import Summary

SILENT_AFTER = timedelta(seconds=30)  # a building beats every 5 s; past this its homes cannot be seen from here
KEPT = timedelta(days=35)  # that a closed alert is kept at hand; the journal keeps it for good
SWEEP_EVERY = timedelta(days=1)
EARLY_MAX = 1_000  # records that may wait for the finding they belong to, for one alert
Happened = Order | Deed | Cleared | FellBack
"""What is told of an alert that has been found."""


class Board:
    """Sites, homes and alerts as the records so far say. Changed only by `add` and `heard`.

    `add` returns what it touched, so that a page draws again only what changed.
    """

    def __init__(self) -> None:
        self.plans: dict[SiteId, Plan] = {}
        self.homes: dict[HomeId, Home] = {}
        self.statuses: dict[HomeId, Status] = {}
        self.nights = Nights()  # the last ones of each home
        self.alerts: dict[AlertId, Alert] = {}
        self.heard_at: dict[SiteId, datetime] = {}  # real time of each building's last sign of life; not a record
        self.told_at: dict[SiteId, datetime] = {}  # when the last record of each building was on disk here
        self.proven_at: dict[SiteId, datetime] = {}  # when each building was last proven; not a record
        self.behind: set[SiteId] = set()  # buildings that are still telling of the past; not a record
        self.sights = Diary()  # how much was seen of every home in the last nights
        self.shifts = Shifts()  # which screens somebody has seen and heard
        self.chains = Chains()  # whom an alert goes on to
        self.channels = Channels()  # by which ways people are reached, and which work
        self.messages = Messages()  # what people are told besides, and how much each of them gets
        self.handovers = Handovers()  # who took over from whom, and what was corrected in reports
        self.agreements = Agreements()  # what was asked and changed of what is agreed with residents
        self.counted = CountedNights()  # what nights came to in figures, also of long ago
        self.upkeep = Upkeep()  # what watching takes, by building and day
        self.measures = Measures()  # what is agreed of being watched at all
        self.pauses = Pauses()  # which homes were asked not to be listened to
        self.accounts = Accounts()  # what was taken out, and what the access log came to
        self.proofs = Proofs()  # which homes were walked through, and whether that still holds
        self.shares = Shares()  # what residents let family and neighbours read
        self.tally = Tally()  # how often what happened
        self.on_duty = 1  # people with a screen in view; not a record
        self.pool_asked: SecondPool | None = None  # the last time that the second pool was asked to help
        self._early: dict[AlertId, list[Happened]] = {}  # what came before its finding did
        self._faults: dict[HomeId, set[AlertId]] = {}  # alerts of whole buildings that are not over by themselves
        self._of: dict[HomeId, set[AlertId]] = {}  # all that are at hand
        # The same by building, for whoever sees a few of thousands; homes stand in the order in which they came.
        self._homes_in: dict[SiteId, dict[HomeId, Home]] = {}
        self._alerts_in: dict[
            SiteId, dict[AlertId, int]
        ] = {}  # each with a number by which they came one after another
        self._came = 0
        self._open: set[AlertId] = set()
        self._noticed: set[AlertId] = set()  # of which somebody has it on their phone; open, or closed not long ago
        self._last_closed: Alert | None = None
        self._swept_at: datetime | None = None

    def add(self, record: Record, *, recorded_at: datetime) -> tuple[set[HomeId], set[AlertId]]:
        """Take in one record of the journal; return the homes and alerts that look different now."""
        self._sweep(recorded_at)
        self._heard_on_disk(record, recorded_at)
        self.sights.add(record, recorded_at)
        self.shifts.add(record)
        self.chains.add(record)
        turned = self.channels.add(record)
        self.messages.add(record)
        self.nights.add(record, recorded_at)
        self.handovers.add(record)
        self.agreements.add(record)
        self.counted.add(record)
        self.upkeep.add(record)
        self.measures.add(record)
        self.pauses.add(record)
        self.proofs.add(record)
        self.accounts.add(record)
        self.shares.add(record)
        self.tally.add(record)
        touched: set[AlertId] = set()  # by what a screen does not show by itself
        match record:
            case Plan():
                return self._replan(record), set()
            case (
                Status()
                | BackTest()
                | BackTested()
                | Changed()
                | Paused()
                | PauseEnded()
                | MeasureAgreed()
                | MeasureEnded()
                | Walking()
                | Walked()
            ):
                if isinstance(record, Status):
                    self.statuses[record.home] = record
                return {record.home}, set()
            case Finding():
                return self._touched(record.home), {self._found(record, recorded_at)}
            case Cleared():
                return self._touched(record.home), self._happened(alert_of(record), record)
            case SecondPool():
                self.pool_asked = record
                touched = {alert.id for alert in self.open_alerts()}
            case _ if isinstance(record, Order | Deed | FellBack):
                return {record.home}, self._happened(record.alert, record)
        # Of anything else no screen shows something by itself; but each open alert may go to somebody else now.
        if isinstance(record, Terms):
            touched = set(self._open)
        return self._one_of_each_site() if turned else set(), touched

    def heard(self, site: SiteId, at: datetime) -> None:
        """Note a sign of life of a building."""
        self.heard_at[site] = at

    def silent_since(self, site: SiteId, now: datetime) -> datetime | None:
        """Return since when a building has not been heard, or None while it is.

        A building that was never heard since the centre started counts from the last it told.
        """
        last = self.heard_at.get(site)
        if last is None:
            return min(now, self.told_at.get(site, self.plans[site].at)) if site in self.plans else None
        return last if now - last > SILENT_AFTER else None

    def person(self, to: ContactId, home: HomeId) -> ContactId:
        """Return who somebody is who may be asked about a home: of the role "resident" whoever lives there."""
        known = self.homes.get(home)
        return ContactId(known.resident) if to == RESIDENT and known is not None else to

    def zone(self, home: HomeId | None) -> ZoneInfo:
        """Return whose time counts for somebody of a home."""
        plan = None if home is None else self.plans.get(site_of(home))
        return zone_of("Europe/Amsterdam" if plan is None else plan.zone)

    def open_alerts(self) -> list[Alert]:
        """Return the alerts that ask for a person, most urgent first, then oldest."""
        return sorted((self.alerts[alert] for alert in self._open), key=by_urgency)

    def noticed(self) -> list[Alert]:
        """Return the alerts of which a notice went out, open or closed within a day or two."""
        return [self.alerts[alert] for alert in sorted(self._noticed)]

    @property
    def last_closed(self) -> Alert | None:
        """The alert that was closed last, if it is closed still."""
        if self._last_closed is None:
            closed = [one for one in self.alerts.values() if one.resolved is not None and one.id not in self._open]
            self._last_closed = max(closed, key=_closed_at, default=None)
        return self._last_closed

    def alerts_of(self, home: HomeId) -> list[Alert]:
        """Return every alert of a home that the board knows, newest first."""
        known = [self.alerts[alert] for alert in self._of.get(home, ())]
        return sorted(known, key=lambda one: (one.raised_at, one.id), reverse=True)

    def part(self, sees: Callable[[SiteId], bool]) -> "Board":
        """Return the board of who sees only some sites, as it stands now; to be read. What is not theirs is not there.

        What is the matter with every building at once concerns everybody.
        """
        sites = {*self.plans, *self._alerts_in}
        mine = {site for site in sites if site == CENTRE or sees(site)}
        if len(mine) == len(sites):
            return self
        part = copy.copy(self)  # what is asked of by home, by screen or by alert is the same for all
        part.plans = {site: plan for site, plan in self.plans.items() if site in mine}
        part._homes_in = {site: homes for site, homes in self._homes_in.items() if site in mine}
        part.homes = {home: plan for homes in part._homes_in.values() for home, plan in homes.items()}
        part.statuses = {home: self.statuses[home] for home in part.homes if home in self.statuses}
        part._alerts_in = {site: dict(self._alerts_in[site]) for site in mine if site in self._alerts_in}
        came = sorted((number, alert) for alerts in part._alerts_in.values() for alert, number in alerts.items())
        part.alerts = {alert: self.alerts[alert] for _, alert in came}
        told_of = {alert.home for alert in part.alerts.values()}
        part._of = {home: self._of[home] for home in told_of}
        part._open = self._open & part.alerts.keys()
        part._noticed = self._noticed & part.alerts.keys()
        part._faults = {home: self._faults[home] for home in told_of if home in self._faults}
        part.heard_at = {site: self.heard_at[site] for site in mine if site in self.heard_at}
        part.told_at = {site: self.told_at[site] for site in mine if site in self.told_at}
        part.proven_at = {site: self.proven_at[site] for site in mine if site in self.proven_at}
        part.behind = self.behind & mine
        part._last_closed = None
        return part

    def only(self, home: HomeId) -> "Board":
        """Return the board of who sees one home of a building and no other, as it stands now; to be read."""
        site = site_of(home)
        part = copy.copy(self.part(lambda one: one == site))
        homes = {one: plan for one, plan in part.homes.items() if one == home}
        part.plans = {
            one: msgspec.structs.replace(plan, homes=tuple(homes.values()))
            for one, plan in part.plans.items()
            if one == site
        }
        part.homes, part._homes_in = homes, {site: homes}
        part.statuses = {one: status for one, status in part.statuses.items() if one == home}
        part._of = {one: alerts for one, alerts in part._of.items() if one == home}
        part.alerts = {id: one for id, one in part.alerts.items() if one.home == home}  # noqa: A001
        came = part._alerts_in.get(site, {})
        part._alerts_in = {site: {alert: came[alert] for alert in part.alerts}} if part.alerts else {}
        part._open = part._open & part.alerts.keys()
        part._noticed = part._noticed & part.alerts.keys()
        part._faults = {}
        return part

    def standing(self, building: HomeId) -> list[Finding]:
        """Return what is the matter with a whole building (`homes.building_of`) and not over."""
        return [one for alert in self.faults_of(building) for one in alert.standing]

    def alerts_between(self, start: datetime, until: datetime, homes: Iterable[HomeId] | None = None) -> list[Alert]:
        """Return every alert that was raised from a moment until before another, oldest first; of some homes or all."""
        some = self._of if homes is None else homes
        raised = (self.alerts[alert] for home in some for alert in self._of.get(home, ()))
        return sorted(
            (one for one in raised if start <= one.raised_at < until), key=lambda one: (one.raised_at, one.id)
        )

    @property
    def at_fault(self) -> Collection[HomeId]:
        """The whole buildings of which something stands: of thousands, few."""
        return self._faults.keys()

    def faults_of(self, building: HomeId) -> list[Alert]:
        """Return the alerts of a whole building of which something stands, closed ones too; oldest first."""
        faults = [self.alerts[alert] for alert in self._faults.get(building, ())]
        return sorted(faults, key=lambda one: (one.raised_at, one.id))

    def _one_of_each_site(self) -> set[HomeId]:
        """Return a home of every site: whoever watches any of them is shown that a channel works, or does not."""
        return {next(reversed(homes)) for homes in self._homes_in.values() if homes}

    def _touched(self, home: HomeId) -> set[HomeId]:
        """Return the homes that look different when something is found of one: of a building, all that stand in it."""
        return set(self._homes_in.get(site_of(home), ())) if is_building(home) else {home}

    def _heard_on_disk(self, record: Record, recorded_at: datetime) -> None:
        """Note that a building has told something; what is written of a whole building may be the centre's own."""
        if isinstance(record, Status):  # nearly all of them
            self.told_at[site_of(record.home)] = recorded_at
        elif isinstance(record, Plan):
            self.told_at[record.site] = recorded_at
        elif isinstance(record, Finding) and record.own_page:
            return
        elif isinstance(record, Finding | Cleared | Summary) and not is_building(record.home):
            self.told_at[site_of(record.home)] = recorded_at

    def _replan(self, plan: Plan) -> set[HomeId]:
        before = self.plans.get(plan.site)
        gone = {home.id for home in before.homes} if before is not None else set[HomeId]()
        for home in gone:
            self.homes.pop(home, None)
        self.plans[plan.site] = plan
        self._homes_in.pop(plan.site, None)
        self._homes_in[plan.site] = here = {home.id: home for home in plan.homes}
        self.homes.update(here)
        for new in plan.homes:
            if new.id not in gone:  # what was found there came before anybody here knew the agreement
                for alert in self._of.get(new.id, ()):
                    self._keep(with_plan(self.alerts[alert], new))
        return gone | {home.id for home in plan.homes}

    def _found(self, finding: Finding, recorded_at: datetime) -> AlertId:
        home = self.homes.get(finding.home)
        alert_id = alert_of(finding)
        known = self.alerts.get(alert_id)
        if known is None:
            self._keep(raised(finding, home=home, arrived_at=recorded_at))
            for early in self._early.pop(alert_id, []):
                self._happened(alert_id, early)
        else:
            self._keep(with_finding(known, finding, home=home, arrived_at=recorded_at))
        return alert_id

    def _happened(self, alert_id: AlertId, what: Happened) -> set[AlertId]:
        alert = self.alerts.get(alert_id)
        if alert is None:
            waiting = self._early.setdefault(alert_id, [])
            if len(waiting) < EARLY_MAX:
                waiting.append(what)
            return set()
        match what:
            case Cleared():
                self._keep(with_cleared(alert, what))
            case FellBack():
                self._keep(with_fall_back(alert, what))
            case _ if isinstance(what, Deed):
                if isinstance(what, Noticed) and what.refusal in MAY_HAVE:
                    self._noticed.add(alert_id)
                if isinstance(what, Passed) and alert.tier is not Tier.ACUTE:
                    self.messages.asked(self.person(what.to, what.home), what.at)
                self._keep(with_deed(alert, what))
            case _:
                self._keep(with_order(alert, what))
        return {alert_id}

    def _keep(self, alert: Alert) -> None:
        """Put an alert where it is looked for: by itself, by its home, among those that ask for a person."""
        if alert.id not in self.alerts:
            self._came += 1
            self._alerts_in.setdefault(site_of(alert.home), {})[alert.id] = self._came
        self.alerts[alert.id] = alert
        self._of.setdefault(alert.home, set()).add(alert.id)
        if alert.open:
            self._open.add(alert.id)
        else:
            self._open.discard(alert.id)
        last = self._last_closed
        if last is not None and (last.id == alert.id or (not alert.open and _closed_at(alert) >= _closed_at(last))):
            self._last_closed = None if alert.open or last.id == alert.id else alert
        if is_building(alert.home):
            faults = self._faults.setdefault(alert.home, set())
            (faults.discard if alert.over else faults.add)(alert.id)
            if not faults:
                del self._faults[alert.home]

    def _sweep(self, now: datetime) -> None:
        """Let go, once a day, what was closed long ago, and what waited as long for a finding that never came."""
        if self._swept_at is not None and abs(now - self._swept_at) < SWEEP_EVERY:
            return
        self._swept_at, before = now, now - KEPT
        for alert in [one for one in self.alerts.values() if one.id not in self._open and _last_touched(one) < before]:
            faults = self._faults.get(alert.home, set())
            if alert.id in faults or (alert.tier is Tier.TECHNICAL and alert.standing):
                continue  # closed, and still so: that it ends must find it here
            del self.alerts[alert.id]
            in_site = self._alerts_in[site_of(alert.home)]
            del in_site[alert.id]
            if not in_site:
                del self._alerts_in[site_of(alert.home)]
            self._of[alert.home].discard(alert.id)
            if not self._of[alert.home]:
                del self._of[alert.home]
            if self._last_closed is alert:
                self._last_closed = None
        self._early = {alert: waiting for alert, waiting in self._early.items() if waiting[-1].at >= before}
        lately = now - SWEEP_EVERY
        self._noticed -= {
            alert
            for alert in self._noticed - self._open
            if alert not in self.alerts or _last_touched(self.alerts[alert]) < lately
        }


def _closed_at(alert: Alert) -> tuple[datetime, AlertId]:
    assert alert.resolved is not None
    return alert.resolved.at, alert.id


def _last_touched(alert: Alert) -> datetime:
    closed = [alert.resolved.at] if alert.resolved is not None else []
    return max([alert.findings[-1].at, alert.arrived_at, *closed])
