"""An alert: findings that ask for a person, and what people did about them. Its state is a fold of records."""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, TypeVar

import msgspec

from care.asking import Passed, Skipped
from care.ids import AlertId, StaffId
from care.records import (
    Claimed,
    Deed,
    Delivered,
    FellBack,
    Follow,
    Followed,
    Lapsed,
    Order,
    Passing,
    Released,
    Resolved,
    Shelved,
    Unshelved,
    encode,
)
from detectors.findings import Cleared, Finding, Perhaps, What
from detectors.homes import Home, HomeId, Instant


class Tier(StrEnum):
    """When somebody must act, most urgent first."""

    ACUTE = "acute"  # now
    SOON = "soon"  # this night
    REVIEW = "review"  # in the morning
    TECHNICAL = "technical"  # the installer


class State(StrEnum):
    """Where an alert is on its way (after ISA-18.2)."""

    RAISED = "raised"
    DELIVERED = "delivered"  # a screen has shown it
    CLAIMED = "claimed"
    RETURNED = "returned"  # over by itself, and nobody has looked yet
    SHELVED = "shelved"  # put aside for a reason, and back by itself at a known moment
    RESOLVED = "resolved"


_FAMILY = {
    What.BATH: "up",
    What.STILL: "up",
    What.OOB_UNSEEN: "up",
    What.OOB_ACTIVE: "up",
    What.DOOR_LEFT: "left",
    What.DOOR_ARRIVED: "arrived",
    What.BUTTON: "button",
    What.DAY_INACTIVE: "day",
    What.LATE_RISE: "rise",
    What.RESTLESS: "restless",
    What.NOCTURIA: "nocturia",
    What.SHIFT: "shift",
    What.DECLINE: "decline",
    What.SENSOR_SILENT: "sensor-silent",
    What.SENSOR_STUCK: "sensor-stuck",
    What.SENSOR_STORM: "sensor-storm",
    What.GATEWAY_GAP: "gateway-gap",
    What.BATTERY: "battery",
    What.LINK_WEAK: "link-weak",
    What.BUILDING_SILENT: "building-silent",
    What.BROKER_LOST: "broker-lost",
    What.BRIDGE_LOST: "bridge-lost",
    What.CLOCK_STEP: "clock-step",
    What.DISK: "disk",
    What.JOURNAL: "journal",
    What.PROOF: "proof-missing",
    What.CHANNEL: "channel-dead",
}
"""Findings of one family in one episode are one thing to a person, and so one alert."""

_TIERS = {
    What.DOOR_ARRIVED: Tier.SOON,
    What.LATE_RISE: Tier.SOON,
    What.RESTLESS: Tier.REVIEW,
    What.NOCTURIA: Tier.REVIEW,
    What.SHIFT: Tier.REVIEW,
    What.DECLINE: Tier.REVIEW,
    What.SENSOR_SILENT: Tier.TECHNICAL,
    What.SENSOR_STUCK: Tier.TECHNICAL,
    What.SENSOR_STORM: Tier.TECHNICAL,
    What.GATEWAY_GAP: Tier.TECHNICAL,
    What.BATTERY: Tier.TECHNICAL,
    What.LINK_WEAK: Tier.TECHNICAL,
    What.BUILDING_SILENT: Tier.TECHNICAL,  # unless somebody there was out of bed, see `urgency`
    What.BROKER_LOST: Tier.TECHNICAL,
    What.BRIDGE_LOST: Tier.TECHNICAL,
    What.CLOCK_STEP: Tier.TECHNICAL,
    What.DISK: Tier.TECHNICAL,
    What.JOURNAL: Tier.TECHNICAL,
    What.PROOF: Tier.TECHNICAL,
    What.CHANNEL: Tier.TECHNICAL,
}
"""What may wait, and for whom. Any other kind is acute, so that a new one is rather too loud than unheard."""

FORGOTTEN_AFTER = timedelta(minutes=10)  # a claim of which nothing came for so long is open for everybody again
LATE_AFTER = timedelta(minutes=2)  # what took longer to reach the centre is late, and says so

CALM = frozenset({Tier.REVIEW, Tier.TECHNICAL})
"""What asks nothing of the night desk now: it stands in the list, and takes no tile and no voice."""

_Done = TypeVar("_Done", bound=Order | Deed | FellBack)

_URGENCY = {tier: rank for rank, tier in enumerate(Tier)}


def alert_of(finding: Finding | Cleared) -> AlertId:
    """Return the alert that a finding belongs to: the same for every finding of one family in one episode.

    What is about a sensor is an alert of that sensor alone.

    >>> from datetime import UTC
    >>> left = datetime(2026, 3, 3, 1, 9, tzinfo=UTC)
    >>> one = Cleared(at=left, home=HomeId("wilg/12"), what=What.BATH, since=left, episode=left)
    >>> alert_of(one) == alert_of(msgspec.structs.replace(one, what=What.STILL))
    True
    """
    identity = f"{finding.home} {_FAMILY[finding.what]} {finding.episode.timestamp():.3f}"
    if finding.sensor is not None:
        identity += f" {finding.sensor}"
    return AlertId(hashlib.blake2b(identity.encode(), digest_size=5).hexdigest())


def tier_of(what: What, home: Home | None) -> Tier:
    """Return how urgent a kind of finding is, by the agreement with this resident."""
    if what is What.OOB_ACTIVE and home is not None and what in home.agreed_soon:
        return Tier.SOON
    return _TIERS.get(what, Tier.ACUTE)


def urgency(finding: Finding, home: Home | None) -> Tier:
    """Return how urgent one finding is: no sight of a building is, while somebody in it may be out of bed.

    What is found while somebody tests the home by walking through it is for the installer; a call for help never is.
    """
    if Perhaps.WALK in finding.perhaps and finding.what is not What.BUTTON:
        return Tier.TECHNICAL
    if finding.what is What.BUILDING_SILENT and finding.count > 0:
        return Tier.ACUTE
    return tier_of(finding.what, home)


class Handed(NamedTuple):
    """A deed by which an alert changed hands."""

    deed: Claimed | Released | Lapsed
    before: StaffId | None
    after: StaffId | None


class Alert(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """All that is known of one alert. Computed from records and stored nowhere else.

    What follows from that is worked out once: every second each of them is asked about.
    """

    id: AlertId
    home: HomeId
    tier: Tier
    findings: tuple[Finding, ...]  # in the order of their dates; never empty
    arrived_at: Instant  # when the centre had its first finding on disk
    cleared: tuple[Cleared, ...] = ()
    delivered: tuple[Delivered, ...] = ()
    holds: tuple[Claimed | Released | Lapsed, ...] = ()  # what was done to it, here and below, in the order of its date
    follows: tuple[Followed, ...] = ()
    shelves: tuple[Shelved | Unshelved, ...] = ()
    passing: tuple[Passing, ...] = ()  # by their dates
    resolved: Resolved | None = None
    fell_back: tuple[FellBack, ...] = ()  # the building called for help itself, for it heard nothing from the centre

    @property
    def main(self) -> Finding:
        """The finding that tells it best: the most urgent kind found, the latest of those."""
        return self.findings[-1]

    @property
    def raised_at(self) -> datetime:
        """When the alert first became true."""
        return self.findings[0].at

    @property
    def late(self) -> timedelta | None:
        """By how much it came late, if it did."""
        late = self.arrived_at - self.raised_at
        return late if late >= LATE_AFTER else None

    @property
    def reopened(self) -> bool:
        """Whether something new was found after it was closed: then it starts over, waiting for anybody."""
        return self.resolved is not None and self.findings[-1].at > self.resolved.at

    @property
    def shown_on(self) -> tuple[Delivered, ...]:
        """The screens that have shown it as it stands now."""
        return tuple(one for one in self.delivered if self._counts(one))

    @cached_property
    def holder(self) -> StaffId | None:
        """Who has it now: the first on disk wins, unless taken over or given back. Closing it ends that."""
        counts = [one.after for one in self.handed if self._counts(one.deed)]
        return counts[-1] if counts else None

    @cached_property
    def handed(self) -> tuple[Handed, ...]:
        """Every time that it changed hands, those of before it was closed and opened again included."""
        handed = list[Handed]()
        closed_at = self.resolved.at if self.resolved is not None and self.reopened else None
        holder: StaffId | None = None
        for hold in self.holds:
            if closed_at is not None and hold.at > closed_at:
                holder, closed_at = None, None
            before = holder
            if isinstance(hold, Released | Lapsed):
                holder = None if hold.by == holder else holder
            elif holder is None or hold.takeover:
                holder = hold.by
            if holder != before:
                handed.append(Handed(hold, before, holder))
        return tuple(handed)

    @cached_property
    def held_since(self) -> datetime | None:
        """Since when its holder has it."""
        holder = self.holder
        taken = [hold.at for hold in self.holds if isinstance(hold, Claimed) and hold.by == holder]
        return taken[-1] if holder is not None and taken else None

    @cached_property
    def follow(self) -> Followed | None:
        """The last that its holder, or somebody before them, was doing about it; None if nothing, or once forgotten."""
        ended = max((hold.at for hold in self.holds if isinstance(hold, Lapsed)), default=None)
        said = [one for one in self.follows if self._counts(one) and (ended is None or one.at > ended)]
        return said[-1] if said else None

    @cached_property
    def lapses_at(self) -> datetime | None:
        """When it is open for everybody again if its holder does nothing more about it; None while nobody has it.

        Who is awaited there gets the time to arrive.
        """
        since = self.held_since
        if since is None:
            return None
        follow = self.follow
        if follow is None or follow.at < since:
            return since + FORGOTTEN_AFTER
        awaited = follow.there_at if follow.follow is not Follow.TALKING else None
        return max(follow.at, awaited or follow.at) + FORGOTTEN_AFTER

    @property
    def forgotten(self) -> Lapsed | None:
        """That its last holder did nothing about it for long, until somebody takes it again."""
        last = self.holds[-1] if self.holds else None
        return last if isinstance(last, Lapsed) and self._counts(last) else None

    @cached_property
    def shelf(self) -> Shelved | None:
        """That it is put aside: not once something new was found, and never what is urgent."""
        last = self.shelves[-1] if self.shelves else None
        if not isinstance(last, Shelved) or self.tier is Tier.ACUTE or self.findings[-1].at > last.at:
            return None
        return last

    @property
    def over(self) -> bool:
        """Whether every condition in it is over by itself. A call for help is never over by itself."""
        return not self.standing

    @cached_property
    def standing(self) -> tuple[Finding, ...]:
        """The conditions in it that are not over by themselves."""
        ended = {(one.what, one.since) for one in self.cleared}
        return tuple(one for one in self.findings if one.what is What.BUTTON or (one.what, one.since) not in ended)

    @cached_property
    def state(self) -> State:
        if self.resolved is not None and not self.reopened:
            return State.RESOLVED
        if self.holder is not None:
            return State.CLAIMED
        if self.shelf is not None:
            return State.SHELVED
        if self.over:
            return State.RETURNED
        return State.DELIVERED if self.shown_on else State.RAISED

    @property
    def open(self) -> bool:
        """Whether it still asks for a person."""
        return self.state is not State.RESOLVED

    @cached_property
    def turn(self) -> tuple[datetime | None, datetime]:
        """Until when all that was before was over or closed, and when it began to ask for somebody again."""
        before = self.resolved.at if self.resolved is not None and self.reopened else None
        ends = {(one.what, one.since): one.at for one in self.cleared}
        began: datetime | None = None
        until: datetime | None = None  # when all so far was over; None: something stands
        for finding in self.findings:
            if before is not None and finding.at <= before:
                continue
            if began is None:
                began = until = finding.at
            elif until is not None and finding.at > until:
                before, began, until = until, finding.at, finding.at
            ended = None if finding.what is What.BUTTON else ends.get((finding.what, finding.since))
            until = None if until is None or ended is None else max(until, ended)
        assert began is not None  # nothing is found before the first finding
        return before, began

    @cached_property
    def way(self) -> tuple[Passing, ...]:
        """What happened on the way up since it last began to ask for somebody, by its dates."""
        before, _ = self.turn
        return tuple(one for one in self.passing if before is None or one.at > before)

    def _counts(self, deed: Claimed | Released | Lapsed | Followed | Delivered) -> bool:
        return not self.reopened or self.resolved is None or deed.at > self.resolved.at


def raised(finding: Finding, *, home: Home | None, arrived_at: datetime) -> Alert:
    """Make a new alert of its first finding."""
    return Alert(
        id=alert_of(finding),
        home=finding.home,
        tier=urgency(finding, home),
        findings=(finding,),
        arrived_at=arrived_at,
    )


def with_finding(alert: Alert, finding: Finding, *, home: Home | None, arrived_at: datetime) -> Alert:
    """Add a further finding of the same episode; the tier can only become more urgent."""
    if finding in alert.findings:
        return alert
    tier = min(alert.tier, urgency(finding, home), key=_URGENCY.__getitem__)
    findings = tuple(sorted((*alert.findings, finding), key=lambda one: (one.at, one.what, one.since)))
    arrived_at = min(alert.arrived_at, arrived_at)
    return msgspec.structs.replace(alert, tier=tier, findings=findings, arrived_at=arrived_at)


def with_cleared(alert: Alert, cleared: Cleared) -> Alert:
    """Note that one of its conditions is over."""
    if cleared in alert.cleared:
        return alert
    ended = tuple(sorted((*alert.cleared, cleared), key=lambda one: (one.at, one.what, one.since)))
    return msgspec.structs.replace(alert, cleared=ended)


def with_fall_back(alert: Alert, fell_back: FellBack) -> Alert:
    """Note that the building called for help by a way of its own."""
    return msgspec.structs.replace(alert, fell_back=_with(alert.fell_back, fell_back))


def with_plan(alert: Alert, home: Home | None) -> Alert:
    """Note the plan of its home, that became known only after the alert: it may say that this can wait."""
    tier = min((urgency(one, home) for one in alert.findings), key=_URGENCY.__getitem__)
    return msgspec.structs.replace(alert, tier=tier)


def with_order(alert: Alert, order: Order) -> Alert:
    """Note what a person, or a screen, did."""
    match order:
        case Delivered():
            return msgspec.structs.replace(alert, delivered=_with(alert.delivered, order))
        case Claimed() | Released():
            return msgspec.structs.replace(alert, holds=_with(alert.holds, order))
        case Resolved():
            return msgspec.structs.replace(
                alert, resolved=_with((alert.resolved,) if alert.resolved else (), order)[-1]
            )


def with_deed(alert: Alert, deed: Deed) -> Alert:
    """Note what is being done about it, that it was put aside, is open again, or goes on to somebody."""
    match deed:
        case Followed():
            return msgspec.structs.replace(alert, follows=_with(alert.follows, deed))
        case Shelved() | Unshelved():
            return msgspec.structs.replace(alert, shelves=_with(alert.shelves, deed))
        case Lapsed():
            return msgspec.structs.replace(alert, holds=_with(alert.holds, deed))
        case _:
            return msgspec.structs.replace(alert, passing=tuple(sorted((*alert.passing, deed), key=_by_step)))


def _by_step(one: Passing) -> tuple[datetime, bool, int, bytes]:
    """Sort key of what happened on the way: of what happened at once, the steps come first, in their order."""
    step = one.step if isinstance(one, Passed | Skipped) else None
    return one.at, step is None, step or 0, encode(one)


def _with(deeds: tuple[_Done, ...], deed: _Done) -> tuple[_Done, ...]:
    """Add a deed where its date puts it: in whatever order records come, the same was done."""
    if not deeds or deeds[-1].at < deed.at:
        return (*deeds, deed)
    return tuple(sorted((*deeds, deed), key=lambda one: (one.at, encode(one))))


def by_urgency(alert: Alert) -> tuple[int, datetime, AlertId]:
    """Sort key of the queue: tier first, then the oldest."""
    return _URGENCY[alert.tier], alert.raised_at, alert.id
