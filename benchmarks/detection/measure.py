"""The figures: what was found and how soon, what was false, and how sure one can be of either.

No point-wise scores and no point adjustment: an incident is found or not, a client-night has so many false alerts.
Every figure that the data are too few to show is shown as such, with the number of nights that it would need.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from math import ceil, exp, inf
from operator import mul
from statistics import fmean
from typing import NamedTuple

from benchmarks.detection.edits import Draw, Incident
from benchmarks.detection.methods import ACUTE, Alert, Page, Run, alerts
from benchmarks.detection.nights import Recorded
from detectors.findings import What

BLOCK_NIGHTS = 7  # a bad night seldom comes alone
SAME_WITHIN = timedelta(minutes=30)  # alerts of one kind closer together are one to whoever is called
BUCKETS = {"0-6": (0, 6), "7-13": (7, 13), "14-27": (14, 27), "28+": (28, 10**6)}  # nights that a home has been watched
BASE_RATES = (7e-4, 3e-3, 1e-2)  # real incidents a client-night; the first is that of night falls
_SENSORS = frozenset(map(str, (What.SENSOR_SILENT, What.SENSOR_STUCK, What.SENSOR_STORM)))
DAY = _SENSORS | frozenset(map(str, (What.DAY_INACTIVE, What.LATE_RISE, What.GATEWAY_GAP)))
"""The kinds of alert that are counted by the day: what is told of it, and of what the home is watched with."""

UP = ACUTE - {str(What.DOOR_LEFT)}  # whatever brings a person to somebody who is out of bed


class Asked(NamedTuple):
    """What counts as having found an incident."""

    minutes: tuple[float, ...]  # after which recall is told
    kinds: frozenset[str]  # any of these alerts


def _only(*kinds: What) -> frozenset[str]:
    return frozenset(map(str, kinds))


ASKED: dict[Incident, Asked] = {
    Incident.FELL_BATHROOM_STILL: Asked((10, 15, 20, 30), UP),
    Incident.FELL_BATHROOM_MOVING: Asked((15, 20, 25, 30), UP),
    Incident.FELL_ELSEWHERE_STILL: Asked((12, 15, 20, 60), UP),
    Incident.NOT_BACK: Asked((15, 20, 45, 75), UP),
    Incident.LEFT_HOME: Asked((3.5, 5, 15, 20), _only(What.DOOR_LEFT)),
    Incident.LONG_BATHROOM: Asked((15, 20, 30), UP),
    Incident.RESTLESS_3: Asked((15, 20, 1440), _only(What.RESTLESS)),
    Incident.RESTLESS_5: Asked((15, 20, 1440), _only(What.RESTLESS)),
    Incident.NOCTURIA_1_5: Asked((15, 20, 7 * 1440, 28 * 1440), _only(What.NOCTURIA)),
    Incident.RHYTHM_2H: Asked((15, 20, 10 * 1440, 21 * 1440), _only(What.SHIFT)),
    Incident.LATE_RISE: Asked((15, 20, 150, 180), _only(What.LATE_RISE)),
    Incident.DAY_INACTIVE: Asked((15, 20, 210, 270), _only(What.DAY_INACTIVE)),
    Incident.SENSOR_DEATH: Asked((15, 20, 120, 1800), _only(What.SENSOR_SILENT)),
    # One that holds says nothing else either: whoever is sent to a silent sensor finds it.
    Incident.STUCK_ON: Asked((15, 20, 120, 1800), _only(What.SENSOR_STUCK, What.SENSOR_SILENT)),
}


# Incidents.


class Outcome(NamedTuple):
    """What became of one draw."""

    recording: str
    household: str
    night: date | None
    delay: float | None  # minutes from t0 until somebody was told; None if nobody was before it was over
    watched: float  # minutes from t0 until it was over
    setting: str
    alerted_before: bool = False  # whether an alert that would have counted was raised earlier that night


def outcome(recorded: Recorded, draw: Draw, pages: Iterable[Page], earlier: Iterable[Alert], asked: Asked) -> Outcome:
    """Match a draw with the alerts of its night.

    An alert raised before the incident never matches it, however much more is found afterwards: the person who was
    called has been, or has judged it false.
    """
    told = [
        page.at
        for alert in alerts(pages)
        if alert.at >= draw.t0
        for page in alert.pages
        if page.kind in asked.kinds and page.at <= draw.until
    ]
    night = recorded.night_of(draw.t0)
    since = night.start if night is not None else draw.t0
    before = any(alert.kind in asked.kinds and since <= alert.at < draw.t0 for alert in earlier)
    return Outcome(
        recording=recorded.name,
        household=recorded.household,
        night=night.key if night is not None else None,
        delay=_minutes(min(told) - draw.t0) if told else None,
        watched=_minutes(draw.until - draw.t0),
        setting=draw.setting,
        alerted_before=before,
    )


def recall(outcomes: Sequence[Outcome], within: float) -> float:
    """Return the share of draws found within so many minutes. One that is over sooner, and not found, is missed."""
    return fmean(_found(one, within) for one in outcomes)


def delay_quantile(outcomes: Iterable[Outcome], share: float) -> float | None:
    """Return the minutes by which this share would be found (Kaplan-Meier); None if it is not reached.

    What was not found is censored when it was over, never dropped: without it the slow ones would make the median.

    >>> told = [Outcome("r", "r", None, delay, 60.0, "") for delay in (5.0, 10.0, None)]
    >>> delay_quantile(told, 0.5), delay_quantile(told, 0.95)
    (10.0, None)
    """
    every = list(outcomes)
    ends = sorted((_end(one), one.delay is None, 0) for one in every)
    reached = _kaplan_meier(ends, [1], len(every), [share])[0]
    return None if reached == inf else reached


def mean_within(outcomes: Sequence[Outcome], most: float) -> float:
    """Return the mean minutes until somebody was told, where what was not told within `most` counts as that.

    The restricted mean: it is there for every method, also for one that never finds half.
    """
    return fmean(most if one.delay is None else min(one.delay, most) for one in outcomes)


# False alerts.


class NightCount(NamedTuple):
    """What was raised in a client-night in which nothing had happened."""

    recording: str
    household: str
    age: int
    alerts: Mapping[str, int]  # by kind
    pages: int
    agreed: int = 0  # of the acute ones, those told at a limit of the care plan and not before: no budget moves them

    def acute(self) -> int:
        return sum(count for kind, count in self.alerts.items() if kind in ACUTE)


def nights(run: Run) -> list[NightCount]:
    """Count what was raised in each night that counts, in the recording as it was: all of it false.

    Alerts of one kind within half an hour count once; pages are all that was told. An outage counts for nothing.
    """
    recorded, raised = run.recorded, alerts(run.pages)
    found = []
    for night in recorded.watched:
        kinds: dict[str, int] = {}
        last: dict[str, Alert] = {}
        agreed = 0
        for alert in raised:
            if not night.start <= alert.at < night.over:
                continue
            if alert.kind not in last or alert.at - last[alert.kind].at >= SAME_WITHIN:
                kinds[alert.kind] = kinds.get(alert.kind, 0) + 1
                agreed += alert.kind in ACUTE and not alert.pages[0].early
            last[alert.kind] = alert
        pages = sum(night.start <= page.at < night.over and page.kind in ACUTE for page in run.pages)
        found.append(NightCount(recorded.name, recorded.household, night.age, kinds, pages, agreed))
    return found


def rate(counts: Sequence[NightCount], kinds: frozenset[str] = ACUTE) -> float:
    """Return false alerts of these kinds a client-night."""
    return fmean(sum(count for kind, count in night.alerts.items() if kind in kinds) for night in counts)


def in_bucket(counts: Iterable[NightCount], bucket: str) -> list[NightCount]:
    first, last = BUCKETS[bucket]
    return [night for night in counts if first <= night.age <= last]


# How sure.


Interval = tuple[float, float]


def rate_interval(
    counts: Sequence[NightCount], value: Callable[[NightCount], float], *, seed: int, draws: int
) -> Interval:
    """Return the 95 % interval of a mean over nights: homes drawn anew, then blocks of seven nights within each.

    With one home it is that home's: blocks of its nights, and nothing about any other.
    """
    homes: dict[str, list[list[float]]] = {}
    for name in dict.fromkeys(night.recording for night in counts):
        of_it = [night for night in counts if night.recording == name]
        homes.setdefault(of_it[0].household, []).append([value(night) for night in of_it])
    dice = random.Random(f"{seed}/nights")
    series = [[_Blocks(values) for values in recordings] for recordings in homes.values()]
    means = []
    for _ in range(draws):
        total, number = 0.0, 0
        for recordings in dice.choices(series, k=len(series)):
            for blocks in recordings:
                total += blocks.drawn(dice)
                number += blocks.nights
        means.append(total / number)
    return _middle(means)


class _Blocks:
    """Nights in their order, to be drawn a week at a time."""

    def __init__(self, values: Sequence[float]) -> None:
        self.nights = len(values)
        self._length = min(BLOCK_NIGHTS, self.nights)
        self._sums = [0.0]
        for value in values:
            self._sums.append(self._sums[-1] + value)

    def drawn(self, dice: random.Random) -> float:
        """Return the sum over as many nights as there are, drawn in blocks; the last one is cut to fit."""
        total, left = 0.0, self.nights
        while left:
            length = min(self._length, left)
            begin = int(dice.random() * (self.nights - self._length + 1))
            total += self._sums[begin + length] - self._sums[begin]
            left -= length
        return total


def outcome_intervals(
    outcomes: Sequence[Outcome], within: Sequence[float], shares: Sequence[float], *, seed: int, draws: int
) -> tuple[list[Interval], list[tuple[float | None, float | None]]]:
    """Return the 95 % intervals of recall and of the quantiles of delay: homes drawn anew, then nights within each.

    Draws of one night are drawn together: they share everything but the dice. An end of a quantile is None where it
    is not reached.
    """
    groups: dict[tuple[str, str, date | None], list[Outcome]] = {}
    for one in outcomes:
        groups.setdefault((one.household, one.recording, one.night), []).append(one)
    homes: dict[str, list[int]] = {}
    for number, (household, _, _) in enumerate(groups):
        homes.setdefault(household, []).append(number)
    sizes = [len(group) for group in groups.values()]
    hits = [[sum(_found(one, limit) for one in group) for group in groups.values()] for limit in within]
    ends = sorted(
        (_end(one), one.delay is None, number) for number, group in enumerate(groups.values()) for one in group
    )
    dice, nights = random.Random(f"{seed}/draws"), list(homes.values())
    recalls: list[list[float]] = [[] for _ in within]
    quantiles: list[list[float]] = [[] for _ in shares]
    for _ in range(draws):
        weights = [0] * len(groups)
        for of_home in dice.choices(nights, k=len(nights)):
            for number in dice.choices(of_home, k=len(of_home)):
                weights[number] += 1
        total = sum(map(mul, weights, sizes))
        for values, of_limit in zip(recalls, hits, strict=True):
            values.append(sum(map(mul, weights, of_limit)) / total)
        for values, value in zip(quantiles, _kaplan_meier(ends, weights, total, shares), strict=True):
            values.append(value)
    reached = [(_if_reached(low), _if_reached(high)) for low, high in map(_middle, quantiles)]
    return [_middle(values) for values in recalls], reached


def _if_reached(minutes: float) -> float | None:
    return None if minutes == inf else minutes


def _kaplan_meier(
    ends: Sequence[tuple[float, bool, int]], weights: Sequence[int], at_risk: int, shares: Sequence[float]
) -> list[float]:
    """Return when each share is reached, or infinity, of ends that each count as often as their group weighs."""
    missed, left, reached = 1.0, at_risk, [inf] * len(shares)
    for minutes, censored, group in ends:
        weight = weights[group]
        if weight and not censored:
            missed *= 1 - weight / left
            for number, share in enumerate(shares):
                if missed <= 1 - share + 1e-9:
                    reached[number] = min(reached[number], minutes)
        left -= weight
    return reached


def _found(one: Outcome, within: float) -> bool:
    return one.delay is not None and one.delay <= within


def _end(one: Outcome) -> float:
    return one.watched if one.delay is None else one.delay


def _middle(values: list[float]) -> Interval:
    values.sort()
    return values[int(0.025 * len(values))], values[min(int(0.975 * len(values)), len(values) - 1)]


def at_most(count: int, number: int) -> float:
    """Return the rate that so many alerts in so many nights leave possible (exact Poisson, one-sided 95 %).

    >>> round(at_most(0, 220), 4)
    0.0136
    """
    low, high = 0.0, 3.0 + 3.0 * count
    while _poisson_cdf(count, high) > 0.05:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _poisson_cdf(count, middle) > 0.05 else (low, middle)
    return high / number


def nights_needed(target: float) -> int:
    """Return the nights that show a rate of at most `target`, if it is half that (one-sided 95 %, power 80 %).

    >>> nights_needed(0.05)
    389
    """
    count = 0
    while True:
        expected = at_most(count, 1)  # just so much is ruled out by this count
        if _poisson_cdf(count, expected / 2) >= 0.8:
            return ceil(expected / target)
        count += 1


def shown(count: int, number: int, target: float) -> str:
    """Say whether the nights show that a rate is at most `target`: "yes", "no", or what it would need.

    >>> shown(0, 20, 0.05), shown(0, 100, 0.05), shown(30, 100, 0.05)
    ('not shown: needs 389 nights', 'yes', 'no')
    """
    if number and at_most(count, number) <= target:
        return "yes"
    if number and 1 - _poisson_cdf(count - 1, target * number) <= 0.05:
        return "no"
    return f"not shown: needs {nights_needed(target)} nights"


def ppv(base_rate: float, sensitivity: float, false_rate: float) -> float:
    """Return the share of alerts that are true, where incidents come at `base_rate` a client-night.

    >>> round(ppv(7e-4, 0.95, 0.02), 3)
    0.032
    """
    true_rate = base_rate * sensitivity
    return true_rate / (true_rate + false_rate) if true_rate + false_rate else 0.0


def _poisson_cdf(count: int, mean: float) -> float:
    term = total = exp(-mean)
    for k in range(1, count + 1):
        term *= mean / k
        total += term
    return total if count >= 0 else 0.0


def _minutes(span: timedelta) -> float:
    return span.total_seconds() / 60
