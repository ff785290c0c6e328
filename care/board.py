"""The board: the centre's journal folded into what the night desk must know now. In memory, rebuilt at start."""

from datetime import datetime, timedelta

from care.alerts import (
    Alert,
    alert_of,
    by_urgency,
    raised,
    with_cleared,
    with_deed,
    with_fall_back,
    with_finding,
    with_order,
)
from care.records import AlertId, Deed, FellBack, Order, Plan, Record, site_of
from care.shifts import Shifts
from care.sights import Diary
from detectors.findings import Cleared, Finding, Status
from detectors.homes import Home, HomeId, SiteId, is_building
from detectors.nights import Summary

SILENT_AFTER = timedelta(seconds=30)  # a building beats every 5 s; past this its homes cannot be seen from here


_Happened = Order | Deed | Cleared | FellBack


class Board:
    """Sites, homes and alerts as the records so far say. Changed only by `add` and `heard`.

    `add` returns what it touched, so that a page draws again only what changed.
    """

    def __init__(self) -> None:
        self.plans: dict[SiteId, Plan] = {}
        self.homes: dict[HomeId, Home] = {}
        self.statuses: dict[HomeId, Status] = {}
        self.nights: dict[HomeId, Summary] = {}  # the newest of each home
        self.alerts: dict[AlertId, Alert] = {}
        self.heard_at: dict[SiteId, datetime] = {}  # real time of each building's last sign of life; not a record
        self.told_at: dict[SiteId, datetime] = {}  # when the last record of each building was on disk here
        self.proven_at: dict[SiteId, datetime] = {}  # when each building was last proven; not a record
        self.behind: set[SiteId] = set()  # buildings that are still telling of the past; not a record
        self.sights = Diary()  # how much was seen of every home in the last nights
        self.shifts = Shifts()  # which screens somebody has seen and heard
        self._early: dict[AlertId, list[_Happened]] = {}  # what came before its finding did
        self._faults: dict[HomeId, set[AlertId]] = {}  # alerts of whole buildings that are not over by themselves

    def add(self, record: Record, *, recorded_at: datetime) -> tuple[set[HomeId], set[AlertId]]:
        """Take in one record of the journal; return the homes and alerts that look different now."""
        self._heard_on_disk(record, recorded_at)
        self.sights.add(record, recorded_at)
        self.shifts.add(record)
        match record:
            case Plan():
                return self._replan(record), set()
            case Status():
                self.statuses[record.home] = record
                return {record.home}, set()
            case Finding():
                return self._touched(record.home), {self._found(record, recorded_at)}
            case Cleared():
                return self._touched(record.home), self._happened(alert_of(record), record)
            case Summary():
                self.nights[record.home] = record
            case _ if isinstance(record, Order | Deed | FellBack):
                return {record.home}, self._happened(record.alert, record)
        return set(), set()  # nothing that a screen shows by itself

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

    def open_alerts(self) -> list[Alert]:
        """Return the alerts that ask for a person, most urgent first, then oldest."""
        return sorted((alert for alert in self.alerts.values() if alert.open), key=by_urgency)

    def alerts_of(self, home: HomeId) -> list[Alert]:
        """Return every alert of a home that the board knows, newest first."""
        return sorted((one for one in self.alerts.values() if one.home == home), key=lambda one: one.raised_at)[::-1]

    def standing(self, building: HomeId) -> list[Finding]:
        """Return what is the matter with a whole building (`homes.building_of`) and not over."""
        return [one for alert in self.faults_of(building) for one in alert.standing]

    def faults_of(self, building: HomeId) -> list[Alert]:
        """Return the alerts of a whole building of which something stands, closed ones too; oldest first."""
        faults = [self.alerts[alert] for alert in self._faults.get(building, ())]
        return sorted(faults, key=lambda one: (one.raised_at, one.id))

    def _touched(self, home: HomeId) -> set[HomeId]:
        """Return the homes that look different when something is found of one: of a building, all that stand in it."""
        return {one for one in self.homes if site_of(one) == site_of(home)} if is_building(home) else {home}

    def _heard_on_disk(self, record: Record, recorded_at: datetime) -> None:
        """Note that a building has told something; what is written of a whole building may be the centre's own."""
        if isinstance(record, Plan):
            self.told_at[record.site] = recorded_at
        elif isinstance(record, Finding | Cleared | Status | Summary) and not is_building(record.home):
            self.told_at[site_of(record.home)] = recorded_at

    def _replan(self, plan: Plan) -> set[HomeId]:
        gone = {home for home in self.homes if site_of(home) == plan.site}
        for home in gone:
            del self.homes[home]
        self.plans[plan.site] = plan
        self.homes.update((home.id, home) for home in plan.homes)
        return gone | {home.id for home in plan.homes}

    def _found(self, finding: Finding, recorded_at: datetime) -> AlertId:
        home = self.homes.get(finding.home)
        alert_id = alert_of(finding)
        known = self.alerts.get(alert_id)
        if known is None:
            self.alerts[alert_id] = raised(finding, home=home, arrived_at=recorded_at)
            for early in self._early.pop(alert_id, []):
                self._happened(alert_id, early)
        else:
            self.alerts[alert_id] = with_finding(known, finding, home=home)
        self._stands(alert_id)
        return alert_id

    def _happened(self, alert_id: AlertId, what: "_Happened") -> set[AlertId]:
        alert = self.alerts.get(alert_id)
        if alert is None:
            self._early.setdefault(alert_id, []).append(what)
            return set()
        match what:
            case Cleared():
                self.alerts[alert_id] = with_cleared(alert, what)
                self._stands(alert_id)
            case FellBack():
                self.alerts[alert_id] = with_fall_back(alert, what)
            case _ if isinstance(what, Deed):
                self.alerts[alert_id] = with_deed(alert, what)
            case _:
                self.alerts[alert_id] = with_order(alert, what)
        return {alert_id}

    def _stands(self, alert_id: AlertId) -> None:
        """Note whether an alert of a whole building still stands."""
        alert = self.alerts[alert_id]
        if is_building(alert.home):
            faults = self._faults.setdefault(alert.home, set())
            (faults.discard if alert.over else faults.add)(alert_id)
