"""What watching at a distance came to over weeks: visits, disturbed nights, answers, false alerts; how sure that is.

Nights of one home are alike, so they count for less than as many nights of different homes: every interval is widened
by how alike they are (the design effect of a ratio over clusters: Kish 1965; with Wilson's interval: Korn and Graubard
1998). What would have happened without is not in any record. So nothing here says what was caused.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import mean, stdev
from typing import NamedTuple

from care.alerts import Alert, Tier
from care.board import Board
from care.counted import HomeNight, NightCounted
from care.records import How, Outcome, Record, site_of
from care.reports import Span, Team, Writer, answer, by_family, span_of, visited
from detectors.homes import HomeId, SiteId, is_building, zone_of

COUNTED_AT = time(12)  # by then the night's alerts are closed
COUNTED_BACK = 3  # nights, after a centre that stood still
PAIRED_MIN = 10  # homes, before two periods are compared
_Z = 1.96  # of 95 %
_T = {9: 2.262, 14: 2.145, 19: 2.093, 29: 2.045, 59: 2.0}  # of 95 %, by degrees of freedom from which on it counts
_ASKED = (Tier.ACUTE, Tier.SOON)
_TALKED = frozenset({How.VIDEO, How.PHONE, How.CLIENT_SAID})


def due(board: Board, now: datetime) -> list[Record]:
    """Return a night of a building that is over and not counted yet, if there is one: one at a time: it takes long.

    This is asked every second, and nearly always all is counted: then no building is looked at by itself.
    """
    ended = {zone: _ended(zone, now) for zone in {plan.zone for plan in board.plans.values()}}
    nights = {night for ends in ended.values() for night, _ in ends}
    missing = {site for night in nights for site in board.plans.keys() - board.counted.on(night)}
    for site, plan in board.plans.items() if missing else ():
        if site in missing:
            for night, end in ended[plan.zone]:
                if plan.at < end and not board.counted.has(site, night):
                    return [counted(board, site, night, now)]
    return []


def _ended(name: str, now: datetime) -> list[tuple[date, datetime]]:
    """Return the nights of a zone that are to be counted by now, the last first, each with when it ended."""
    zone = zone_of(name)
    wall = now.astimezone(zone)
    last = wall.date() - timedelta(days=1 if wall.time() >= COUNTED_AT else 2)
    nights = [last - timedelta(days=back) for back in range(COUNTED_BACK)]
    return [(night, span_of(night, zone, now).end) for night in nights]


def counted(board: Board, site: SiteId, night: date, now: datetime) -> NightCounted:
    """Count one night of a building."""
    writer = Writer(board, now, "en")
    wording = writer.wording(site)
    span = span_of(night, wording.zone, now)
    plan = board.plans.get(site)
    homes = () if plan is None else tuple({home.id: home for home in plan.homes}.values())
    team = Team(writer, span, wording, homes, site)
    return NightCounted(
        at=now, site=site, night=night, homes=len(homes), in_sight=round(team.in_sight, 4), rows=_rows(team, span)
    )


def _rows(team: Team, span: Span) -> tuple[HomeNight, ...]:
    by_home: dict[HomeId, list[Alert]] = defaultdict(list)
    for alert in team.alerts:
        if alert.tier in _ASKED and not is_building(alert.home) and span.holds(alert.raised_at):
            by_home[alert.home].append(alert)
    return tuple(_row(home, alerts) for home, alerts in sorted(by_home.items()))


def _row(home: HomeId, alerts: Sequence[Alert]) -> HomeNight:
    closed = [one.resolved for one in alerts if one.resolved is not None and not one.open]
    gone = {one.id for one in alerts if visited(one)}
    near = {one.id for one in alerts if by_family(one)} - gone
    talked = {one.alert for one in closed if one.how in _TALKED} - gone - near
    waits = [answer(one) for one in alerts]
    return HomeNight(
        home,
        alerts=len(alerts),
        needed=sum(one.outcome in {Outcome.HELPED, Outcome.REASSURED} for one in closed),
        unneeded=sum(one.outcome is Outcome.NOT_NEEDED for one in closed),
        technical=sum(one.outcome is Outcome.TECHNICAL for one in closed),
        visits=len(gone),
        remote=len(talked),
        near=len(near),
        answered_s=tuple(int(one.total_seconds()) for one in waits if one is not None),
    )


class Figure(NamedTuple):
    """A value, and between what it lies, 19 times of 20."""

    value: float
    low: float
    high: float
    n: int  # what it was counted in: home-nights, or alerts


@dataclass(frozen=True)
class Effect:
    """Some buildings over some nights."""

    nights: tuple[NightCounted, ...]

    @property
    def home_nights(self) -> int:
        return sum(one.homes for one in self.nights)

    @property
    def homes(self) -> int:
        """How many homes there were in the last night of each building."""
        last = {one.site: one.homes for one in self.nights}
        return sum(last.values())

    @property
    def in_sight(self) -> float:
        """The share of all hours of all homes that was wholly seen."""
        return sum(one.in_sight * one.homes for one in self.nights) / self.home_nights if self.home_nights else 0.0

    def total(self, name: str) -> int:
        """Return a count of all homes and nights together, by the name of its field in `HomeNight`."""
        return sum(int(getattr(row, name)) for one in self.nights for row in one.rows)

    @property
    def undisturbed(self) -> Figure | None:
        """The share of nights in which nobody came to a home or spoke with who lives there."""
        return _share([(n - y, n) for y, n in self._by_home("disturbed")])

    @property
    def unvisited(self) -> Figure | None:
        """The share of nights in which nobody of the care team came."""
        return _share([(n - min(y, n), n) for y, n in self._by_home("visits")])

    @property
    def at_a_distance(self) -> Figure | None:
        """Of what somebody was needed for, the share that ended by talking: at most so many visits were spared."""
        found = defaultdict[HomeId, list[int]](lambda: [0, 0])
        for row in self._rows:
            found[row.home][0] += row.remote
            found[row.home][1] += row.remote + row.visits
        return _share([(y, n) for y, n in found.values() if n])

    @property
    def unneeded(self) -> Figure | None:
        """The share of closed alerts about residents that nobody was needed for; faults of equipment are among them."""
        found = defaultdict[HomeId, list[int]](lambda: [0, 0])
        for row in self._rows:
            found[row.home][0] += row.unneeded + row.technical
            found[row.home][1] += row.unneeded + row.technical + row.needed
        return _share([(y, n) for y, n in found.values() if n])

    @property
    def answered(self) -> Figure | None:
        """Seconds until somebody took an alert: half of them were taken sooner. Its interval by ranks."""
        waits = sorted(wait for row in self._rows for wait in row.answered_s)
        n = len(waits)
        if not n:
            return None
        half = _Z * math.sqrt(n) / 2
        low, high = max(0, math.floor(n / 2 - half)), min(n - 1, math.ceil(n / 2 + half))
        return Figure(waits[n // 2], waits[low], waits[high], n)

    @property
    def slow_s(self) -> int | None:
        """Seconds within which nine of ten alerts were taken."""
        waits = sorted(wait for row in self._rows for wait in row.answered_s)
        return waits[math.ceil(0.9 * len(waits)) - 1] if waits else None

    def weeks(self) -> list[tuple[date, int, int, int]]:
        """Return for each week, by its Monday: home-nights, and alerts that somebody was, and was not, needed for."""
        found = defaultdict[date, list[int]](lambda: [0, 0, 0])
        for one in self.nights:
            week = found[one.night - timedelta(days=one.night.weekday())]
            week[0] += one.homes
            week[1] += sum(row.needed for row in one.rows)
            week[2] += sum(row.unneeded + row.technical for row in one.rows)
        return [(monday, *map(int, counts)) for monday, counts in sorted(found.items())]  # type: ignore[misc]

    @property
    def _rows(self) -> list[HomeNight]:
        return [row for one in self.nights for row in one.rows]

    def _by_home(self, name: str) -> list[tuple[int, int]]:
        """Return for each home in how many nights something was so, and of how many; homes without a row, together.

        Of homes of which nothing is told their building says how many there are: they are as many clusters.
        """
        counts = defaultdict[HomeId, int](int)
        nights = defaultdict[SiteId, int](int)
        most = defaultdict[SiteId, int](int)
        total = defaultdict[SiteId, int](int)
        for one in self.nights:
            nights[one.site] += 1
            most[one.site] = max(most[one.site], one.homes)
            total[one.site] += one.homes
            for row in one.rows:
                counts[row.home] += bool(getattr(row, name))
        found = list[tuple[int, int]]()
        for site, homes in most.items():
            told = {home: n for home, n in counts.items() if site_of(home) == site}
            each = max(1, round(total[site] / homes)) if homes else 0
            found += [(min(n, each), each) for n in told.values()]
            found += [(0, each)] * max(0, homes - len(told))
        return found


def changed(before: Effect, after: Effect) -> Figure | None:
    """Return by how many visits a hundred nights changed, home by home; None with too few homes to say.

    Only buildings with nights in both are compared, and each home with itself.
    """
    both = {one.site for one in before.nights} & {one.site for one in after.nights}
    rates = [_visits(Effect(tuple(n for n in one.nights if n.site in both))) for one in (before, after)]
    homes = rates[0].keys() | rates[1].keys()
    quiet = min(
        sum({one.site: one.homes for one in effect.nights if one.site in both}.values()) for effect in (before, after)
    ) - len(homes)
    differences = [100 * (rates[1].get(home, 0.0) - rates[0].get(home, 0.0)) for home in homes] + [0.0] * max(0, quiet)
    n = len(differences)
    if n < PAIRED_MIN:
        return None
    t = next((value for least, value in sorted(_T.items(), reverse=True) if n - 1 >= least), 2.262)
    centre, half = mean(differences), t * stdev(differences) / math.sqrt(n)
    return Figure(centre, centre - half, centre + half, n)


def _visits(effect: Effect) -> dict[HomeId, float]:
    """Return visits a night of each home of which anything is told."""
    nights = defaultdict[SiteId, int](int)
    visits = defaultdict[HomeId, int](int)
    for one in effect.nights:
        nights[one.site] += 1
        for row in one.rows:
            visits[row.home] += row.visits
    return {home: n / nights[site_of(home)] for home, n in visits.items()}


def _share(by_home: Sequence[tuple[int, int]]) -> Figure | None:
    """Return a share over homes with Wilson's interval, in as many cases as they are worth."""
    n = sum(of for _, of in by_home)
    if not n:
        return None
    share, homes = sum(y for y, _ in by_home) / n, len(by_home)
    worth = float(n)
    if 0 < share < 1 and homes > 1:
        spread = homes / (homes - 1) * sum((y - share * of) ** 2 for y, of in by_home) / n**2
        worth = n / max(1.0, spread / (share * (1 - share) / n))
    elif homes == 1:
        worth = 1.0  # nights of a single home say nothing of others
    middle = (share + _Z**2 / (2 * worth)) / (1 + _Z**2 / worth)
    half = _Z / (1 + _Z**2 / worth) * math.sqrt(share * (1 - share) / worth + _Z**2 / (4 * worth**2))
    return Figure(share, max(0.0, middle - half), min(1.0, middle + half), n)
