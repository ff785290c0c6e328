"""What looking back on many homes came to: counts by kind, and the thresholds that their nights ask for.

Thresholds are pooled by the very code with which the centre pools them (`care.teaching`). Each closed day is a step of
its controller, so they are where the fleet would stand after those nights.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from care.records import Outcome, Plan, Ranked, Record, Resolved, encode
from care.teaching import Fleet
from detectors.findings import Finding, What
from detectors.homes import Home, SiteId
from detectors.nights import Summary
from gateway.fleet.lived_again import Found, Lived, Told


class Kind(NamedTuple):
    """How often one kind of alert was told, and is told now."""

    what: What
    was: int
    now: int
    helped: int  # of those that were told, with which help was given
    helped_lost: int  # of these, that are not told any more


class Account(NamedTuple):
    """All of it, in an order of its own: it does not matter in which the answers came."""

    homes: tuple[Lived, ...]
    alerts: tuple[Told, ...]
    nights: tuple[Summary, ...]
    thresholds: tuple[tuple[str, Ranked], ...]  # by the name of the pool (`care.teaching.pools_of`)
    unread: tuple[str, ...]  # why a source could not be read

    @property
    def home_nights(self) -> int:
        """How many nights of homes anything was heard in."""
        return sum(one.heard for one in self.homes)

    @property
    def kinds(self) -> list[Kind]:
        """Return what was told and is told now by kind; the kind that something was first told as counts."""
        was = Counter(one.was.what for one in self.alerts if one.was is not None)
        now = Counter(one.now.what for one in self.alerts if one.now is not None)
        helped = [one for one in self.alerts if one.outcome is Outcome.HELPED and one.was is not None]
        all_helped = Counter(one.was.what for one in helped if one.was is not None)
        lost = Counter(one.was.what for one in helped if one.was is not None and one.now is None)
        return [
            Kind(what, was[what], now[what], all_helped[what], lost[what]) for what in What if was[what] or now[what]
        ]


def account(found: Iterable[Found]) -> Account:
    """Put together what came of many sources."""
    every = list(found)
    return Account(
        homes=tuple(sorted((home for one in every for home in one.homes), key=lambda lived: lived.home.id)),
        alerts=tuple(
            sorted((alert for one in every for alert in one.alerts), key=lambda told: (told.home, told.alert))
        ),
        nights=tuple(sorted((night for one in every for night in one.nights), key=lambda one: (one.home, one.night))),
        thresholds=tuple(sorted(_thresholds(every).items())),
        unread=tuple(sorted(one.why for one in every if one.why)),
    )


def _thresholds(every: Sequence[Found]) -> dict[str, Ranked]:
    """Return what the pools come to: all that was said, in the order of its dates, as the centre would have had it."""
    fleet = Fleet()
    plans = _plans(every)
    records: list[tuple[datetime, Record]] = [
        (record.at, record) for one in every for of in (one.nights, one.findings, one.closed) for record in of
    ]
    if not plans or not records:
        return {}
    for plan in plans:
        fleet.note(plan, plan.at)
    for at, record in sorted(records, key=lambda dated: (dated[0], _rank(dated[1]), encode(dated[1]))):
        fleet.add(record, at)
    for closing in fleet.overdue(max(at for at, _ in records)):
        fleet.close(closing)
    return fleet.in_force


def _rank(record: Record) -> int:
    """Sort what was said at one instant: a finding, how it was closed, the night that it belongs to."""
    return (Finding, Resolved, Summary).index(type(record))


def _plans(every: Sequence[Found]) -> list[Plan]:
    homes = defaultdict[SiteId, list[Home]](list)
    plans: dict[SiteId, Plan] = {}
    for one in every:
        if one.plan is not None:
            homes[one.plan.site] += [lived.home for lived in one.homes]
            plans[one.plan.site] = one.plan
    return [
        msgspec.structs.replace(plan, homes=tuple(sorted(homes[site], key=lambda home: home.id)))
        for site, plan in sorted(plans.items())
    ]
