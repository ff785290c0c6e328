"""The figures as they are handed on, by the keys that everybody uses.

Only aggregates: no date, no event and no name of a sensor leaves a recording.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from benchmarks.detection import measure
from benchmarks.detection.edits import Incident
from benchmarks.detection.measure import ASKED, BASE_RATES, BUCKETS, DAY, NightCount, Outcome
from benchmarks.detection.methods import ACUTE
from benchmarks.detection.trial import Trial
from detectors.findings import What

NOT_TOLD = "no detector tells of this yet"
SHARES = {"median_delay_min": 0.5, "p95_delay_min": 0.95}
TARGETS = (0.05, 0.02, 0.01)  # false alerts a client-night, of which is said whether the nights show them
_NIGHTLY = (Incident.FELL_BATHROOM_STILL, Incident.FELL_BATHROOM_MOVING, Incident.FELL_ELSEWHERE_STILL)

Figures = dict[str, Any]


def told(incident: Incident) -> bool:
    """Whether any detector can tell of it."""
    return bool(ASKED[incident].kinds & set(map(str, What)))


def figures(trial: Trial, unseen: Mapping[Incident, Counter[str]]) -> Figures:
    """Return the figures of a method over the recordings of a trial, by the keys that everybody uses."""
    return {
        "nights": len(trial.nights),
        "false_per_night": false_per_night(trial.nights),
        "false_per_day": {kind: _rate(trial.nights, frozenset({kind})) for kind in _kinds(trial.nights) if kind in DAY},
        "incidents": {
            incident: _incident(trial.outcomes.get(incident, []), unseen.get(incident, Counter()), incident)
            for incident in Incident
        },
    }


def false_per_night(nights: Sequence[NightCount]) -> Figures:
    """Return the false alerts a client-night, of all that are acute together and of each kind."""
    kinds = [kind for kind in _kinds(nights) if kind not in DAY]
    return {"acute": _rate(nights, ACUTE)} | {kind: _rate(nights, frozenset({kind})) for kind in kinds}


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
    homes = {name: trial.of(name).nights for name in dict.fromkeys(night.recording for night in trial.nights)}
    mature = {name: measure.in_bucket(nights, "28+") for name, nights in homes.items()}
    worst = [measure.rate(nights) for nights in mature.values() if nights]
    sensitivity = [one for incident in _NIGHTLY for one in trial.outcomes.get(incident, [])]
    found = measure.recall(sensitivity, 60) if sensitivity else 0.0
    return {
        "false_alerts": acute,
        "pages_per_night": _mean([night.pages for night in trial.nights]),
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
        "worst_home_after_28": _round(max(worst)) if worst else "not shown: no recording has more than 28 nights",
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


def _rounded(interval: tuple[float, float | None]) -> list[float | None]:
    return [_round(end) for end in interval]
