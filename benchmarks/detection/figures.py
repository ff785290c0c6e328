"""The figures as they are handed on, by the keys that everybody uses.

Only aggregates: no date, no event and no name of a sensor leaves a recording.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from benchmarks.detection import measure, pooling
from benchmarks.detection.edits import Incident
from benchmarks.detection.homes import Lived
from benchmarks.detection.measure import ASKED, BASE_RATES, BUCKETS, DAY, NightCount, Outcome
from benchmarks.detection.methods import ACUTE
from benchmarks.detection.pooling import BUDGETS, Replayed, Told
from benchmarks.detection.trial import Trial
from care.teaching import PER_NIGHT
from detectors.calibration import Maturity
from detectors.findings import What

SHARES = {"median_delay_min": 0.5, "p95_delay_min": 0.95}
MATURE_NIGHTS = 14  # after the first 28, for a home to be called the worst: one alert in one night says nothing
NOT_28 = f"not shown: needs a home with {MATURE_NIGHTS} nights after its first 28"
EXPECTED = 10.0  # alerts, for a ratio of realised to nominal to mean anything
TARGETS = (0.05, 0.02, 0.01)  # false alerts a client-night, of which is said whether the nights show them
_NIGHTLY = (Incident.FELL_BATHROOM_STILL, Incident.FELL_BATHROOM_MOVING, Incident.FELL_ELSEWHERE_STILL)

Figures = dict[str, Any]


def figures(trial: Trial, unseen: Mapping[Incident, Counter[str]]) -> Figures:
    """Return the figures of a method over the recordings of a trial, by the keys that everybody uses."""
    return {
        "nights": len(trial.nights),
        "false_per_night": false_per_night(trial.nights),
        "false_per_day": false_per_day(trial.nights),
        "incidents": {
            incident: _incident(trial.outcomes.get(incident, []), unseen.get(incident, Counter()), incident)
            for incident in Incident
        },
    }


def false_per_night(nights: Sequence[NightCount]) -> Figures:
    """Return the false alerts a client-night, of all that are acute together and of each kind."""
    kinds = [kind for kind in _kinds(nights) if kind not in DAY]
    return {"acute": _rate(nights, ACUTE)} | {kind: _rate(nights, frozenset({kind})) for kind in kinds}


def false_per_day(nights: Sequence[NightCount]) -> Figures:
    """Return the false alerts a day of each kind that is counted by the day; a client-night has one day."""
    return {kind: _rate(nights, frozenset({kind})) for kind in _kinds(nights) if kind in DAY}


def intervals(trial: Trial, *, seed: int, draws: int) -> Figures:
    """Return the 95 % interval of every figure that is a mean over nights or draws."""
    groups = {"acute": ACUTE, **{kind: frozenset({kind}) for kind in _kinds(trial.nights)}}
    rates = {
        name: _rounded(measure.rate_interval(trial.nights, partial(_count, kinds), seed=seed, draws=draws))
        for name, kinds in groups.items()
        if trial.nights
    }
    incidents: Figures = {}
    for incident, outcomes in trial.outcomes.items():
        if not outcomes:
            continue
        minutes = ASKED[incident].minutes
        recalls, delays = measure.outcome_intervals(outcomes, minutes, tuple(SHARES.values()), seed=seed, draws=draws)
        incidents[incident] = {
            "recall": {_key(one): _rounded(interval) for one, interval in zip(minutes, recalls, strict=True)},
            **{name: _rounded(interval) for name, interval in zip(SHARES, delays, strict=True)},
        }
    return {
        "false_per_night": {name: interval for name, interval in rates.items() if name not in DAY},
        "false_per_day": {name: interval for name, interval in rates.items() if name in DAY},
        "incidents": incidents,
    }


def details(trial: Trial) -> Figures:
    """Return what must be read beside the means: maturity, worst home, what can be shown, what an alert is worth."""
    acute = sum(night.acute() for night in trial.nights)
    number = len(trial.nights)
    worst = _after_28(trial.nights)
    sensitivity = [one for incident in _NIGHTLY for one in trial.outcomes.get(incident, [])]
    found = measure.recall(sensitivity, 60) if sensitivity else 0.0
    return {
        "false_alerts": acute,
        "pages_per_night": _mean([night.pages for night in trial.nights]),
        "agreed_per_night": _mean([night.agreed for night in trial.nights]),
        "at_most": _round(measure.at_most(acute, number)) if number else None,
        "shown": {f"{target:g}": measure.shown(acute, number, target) for target in TARGETS},
        "by_maturity": {
            bucket: {
                "nights": len(part := measure.in_bucket(trial.nights, bucket)),
                "acute": _rate(part, ACUTE),
                "at_most": _round(measure.at_most(sum(night.acute() for night in part), len(part))) if part else None,
            }
            for bucket in BUCKETS
        },
        "worst_home_after_28": _round(max(worst)) if worst else NOT_28,
        "homes": len({night.household for night in trial.nights}),
        "ppv": {
            f"{base:g}": _round(measure.ppv(base, found, acute / number)) if number else None for base in BASE_RATES
        },
        "by_setting": {
            incident: _by_setting(outcomes, incident) for incident, outcomes in trial.outcomes.items() if outcomes
        },
        "alerted_before": {
            incident: sum(one.alerted_before and one.delay is None for one in outcomes)
            for incident, outcomes in trial.outcomes.items()
            if outcomes
        },
    }


# A cohort.


def cohort(lived: Sequence[Lived], *, nights: int) -> Figures:
    """Return the figures of simulated homes: all false alerts, by profile and by maturity, and their calibration."""
    counts = [night for home in lived for night in home.counts]
    outcomes: dict[Incident, list[Outcome]] = {}
    unseen: dict[Incident, Counter[str]] = {}
    for home in lived:
        for incident, found in home.outcomes.items():
            outcomes.setdefault(incident, []).extend(found)
            unseen[incident] = unseen.get(incident, Counter()) + home.unseen[incident]
    mature = sorted(_after_28(counts))
    scored = [one for home in lived for one in home.scored]
    trial = Trial(counts, outcomes)
    return figures(trial, unseen) | {
        "homes": len(lived),
        "nights_each": nights,
        "agreed_per_night": _mean([night.agreed for night in counts]),
        "with_bed_sensor": _with_bed([home for home in lived if home.has_bed]),
        "incidents_in_homes": sum(bool(home.outcomes) for home in lived),
        "by_profile": {
            profile: _part([night for home in lived if home.profile == profile for night in home.counts])
            | {"homes": sum(home.profile == profile for home in lived)}
            for profile in sorted({home.profile for home in lived})
        },
        "by_maturity": {bucket: _part(measure.in_bucket(counts, bucket)) for bucket in BUCKETS},
        "worst_home_after_28": _round(mature[-1]) if mature else NOT_28,
        "p95_home_after_28": _round(mature[int(0.95 * (len(mature) - 1))]) if mature else NOT_28,
        "by_setting": {one: _by_setting(found, one) for one, found in outcomes.items() if found},
        "scored_nights": len(scored),
        "left_out_nights": sum(one.left_out is not None for one in scored),
        "calibration": calibration(pooling.replayed(scored)),
        "taught": taught(pooling.taught(scored)),
    }


def calibration(replayed: Replayed) -> Figures:
    """Return realised over nominal at each budget: over all, by maturity, by detector, and the extremes of a bucket.

    1 is as agreed, above it is more false alerts than that.
    """
    found: Figures = {}
    for budget in BUDGETS:
        by_maturity = {str(one): replayed.over(budget, maturity=one) for one in Maturity}
        found[f"{budget:g}"] = {
            "ratio": _ratio(replayed.over(budget), budget),
            "by_maturity": {bucket: _ratio(one, budget) for bucket, one in by_maturity.items()},
            "alerts_by_maturity": {bucket: one.above for bucket, one in by_maturity.items()},
            "by_detector": {one: _ratio(replayed.over(budget, detector=one), budget) for one in pooling.DETECTORS},
            "nights": replayed.over(budget).nights // len(pooling.DETECTORS),
            "too_few": sum(count for (of, _, _), count in replayed.too_few.items() if of == budget)
            // len(pooling.DETECTORS),
        }
    ratios = [one for of in found.values() for one in of["by_maturity"].values() if one is not None]
    return found | {"lowest": min(ratios, default=None), "highest": max(ratios, default=None)}


def taught(replayed: Mapping[Maturity, Told]) -> Figures:
    """Return the same as the product does it, at the budget that it ships with: with its controller and its steps."""
    total = Told(sum(one.nights for one in replayed.values()), sum(one.above for one in replayed.values()))
    return {
        "budget": _round(PER_NIGHT),
        "ratio": _ratio(total, PER_NIGHT),
        "by_maturity": {str(bucket): _ratio(one, PER_NIGHT) for bucket, one in replayed.items()},
        "nights": total.nights,
    }


def _ratio(told: Told, nominal: float) -> float | None:
    return _round(told.ratio(nominal)) if told.nights * nominal >= EXPECTED else None


def _with_bed(lived: Sequence[Lived]) -> Figures:
    found = {incident: [one for home in lived for one in home.outcomes.get(incident, [])] for incident in Incident}
    return {incident: _incident(outcomes, Counter(), incident) for incident, outcomes in found.items() if outcomes}


def _part(nights: Sequence[NightCount]) -> Figures:
    return {
        "nights": len(nights),
        "false_per_night": false_per_night(nights),
        "false_per_day": false_per_day(nights),
        "agreed_per_night": _mean([night.agreed for night in nights]),
    }


def _after_28(counts: Sequence[NightCount]) -> list[float]:
    """Return the acute false alerts a night of each home, after its first 28 nights."""
    mature: dict[str, list[NightCount]] = {}
    for night in measure.in_bucket(counts, "28+"):
        mature.setdefault(night.recording, []).append(night)
    return [measure.rate(nights) for nights in mature.values() if len(nights) >= MATURE_NIGHTS]


def _incident(outcomes: Sequence[Outcome], unseen: Counter[str], incident: Incident) -> Figures:
    recalls = {_key(one): measure.recall(outcomes, one) if outcomes else None for one in ASKED[incident].minutes}
    return {
        "n": len(outcomes),
        "recall": {minutes: _round(value) for minutes, value in recalls.items()},
        **{name: _round(measure.delay_quantile(outcomes, share)) for name, share in SHARES.items()},
        "unseen_reason": dict(unseen),
    }


def _by_setting(outcomes: Sequence[Outcome], incident: Incident) -> Figures:
    settings = sorted({one.setting for one in outcomes})
    groups = {setting: [one for one in outcomes if one.setting == setting] for setting in settings}
    return {
        setting or "all": {
            "n": len(group),
            "recall": {_key(one): _round(measure.recall(group, one)) for one in ASKED[incident].minutes},
        }
        for setting, group in groups.items()
    }


def _kinds(nights: Sequence[NightCount]) -> list[str]:
    """Return every kind that a detector can tell or has told, so that what never came is told as zero."""
    seen = {kind for night in nights for kind in night.alerts}
    return sorted((seen | set(map(str, What))) - {str(What.BUTTON)})


def _rate(nights: Sequence[NightCount], kinds: frozenset[str]) -> float | None:
    return _round(measure.rate(nights, kinds)) if nights else None


def _count(kinds: frozenset[str], night: NightCount) -> float:
    return sum(count for kind, count in night.alerts.items() if kind in kinds)


def _mean(values: Sequence[float]) -> float | None:
    return _round(sum(values) / len(values)) if values else None


def _key(minutes: float) -> str:
    return f"{minutes:g}" if minutes < 1e5 else f"{minutes:.0f}"


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _rounded(interval: tuple[float | None, float | None]) -> list[float | None]:
    return [_round(end) for end in interval]
