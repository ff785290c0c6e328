"""Outlier detectors off the shelf, as baselines: they look at who is out of bed, taught by the nights before.

scikit-learn and river are asked for only here, and only if they are there: neither is anything that the product needs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from math import inf
from statistics import fmean, pstdev
from typing import NamedTuple

from benchmarks.detection.methods import Method, Page
from benchmarks.detection.nights import Recorded
from benchmarks.detection.timers import Up, asleep, page_of, seen
from detectors.homes import Home
from detectors.moments import SensorEvent

SAMPLE_EVERY = timedelta(minutes=5)
TEACHES = 1000  # samples at most, the latest
TAUGHT_EVERY = 150  # samples
NEEDS = 60  # samples
# above the mean score of what it was taught by
DEVIATIONS = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.25, 2.5, 2.75, 3.0, 3.25, 3.5, 4.0, 5.0, 6.0, 8.0, 12.0)

Features = tuple[float, ...]
Score = Callable[[Features], float]  # higher is more abnormal


class Taught(NamedTuple):
    """What is remembered beside the outing that runs."""

    samples: tuple[Features, ...] = ()
    asked: int = 0  # samples ever
    looked_at: datetime | None = None
    score: Score | None = None
    mean: float = 0.0
    deviation: float = inf


@dataclass(frozen=True)
class Outliers:
    """Look every five minutes at somebody who is out of bed at night, and tell of what is unlike the nights before."""

    name: str
    teach: Callable[[tuple[Features, ...]], tuple[Score, float, float]]
    deviations: float

    def begin(self, home: Home) -> Up:  # noqa: ARG002  # nothing is known of it yet
        return Up(learned=Taught())

    def take(self, state: Up, event: SensorEvent, arrived_at: datetime, home: Home) -> tuple[Up, Sequence[Page]]:
        state, pages = self.wait(state, arrived_at, home)
        return seen(state, event, home), pages

    def wait(self, state: Up, until: datetime, home: Home) -> tuple[Up, Sequence[Page]]:
        pages: list[Page] = []
        state = asleep(state, until, home)
        taught: Taught = state.learned
        while state.left_at is not None:
            at = max(state.left_at, taught.looked_at or state.left_at) + SAMPLE_EVERY
            if at > until or not home.night.covers(at):
                break
            features = _features(state, at)
            limit = taught.mean + self.deviations * taught.deviation
            if taught.score is not None and not state.told and taught.score(features) > limit:
                pages.append(page_of(state, at))
                state = state._replace(told=True)
            taught = self._learn(taught, features)._replace(looked_at=at)
        return state._replace(learned=taught), pages

    def _learn(self, taught: Taught, features: Features) -> Taught:
        taught = taught._replace(samples=(*taught.samples, features)[-TEACHES:], asked=taught.asked + 1)
        if taught.asked < NEEDS or taught.asked % TAUGHT_EVERY not in {0, NEEDS}:
            return taught
        score, mean, deviation = self.teach(taught.samples)
        return taught._replace(score=score, mean=mean, deviation=max(deviation, 1e-9))


def _features(state: Up, at: datetime) -> Features:
    """Return the minutes out of bed, since anything moved and in the bathroom, whether seen elsewhere, and the hour."""
    left = state.left_at or at
    still = _minutes(at - state.last.at) if state.last is not None and state.last.at >= left else _minutes(at - left)
    bath = _minutes(at - state.bath_since) if state.bath_since is not None else 0.0
    return _minutes(at - left), still, bath, float(state.elsewhere), at.hour + at.minute / 60


def _minutes(span: timedelta) -> float:
    return span.total_seconds() / 60


# The detectors themselves.


def _isolation_forest(samples: Sequence[Features]) -> Score:
    ensemble = import_module("sklearn.ensemble")
    model = ensemble.IsolationForest(n_estimators=50, random_state=0).fit([list(one) for one in samples])
    return lambda features: -float(model.score_samples([list(features)])[0])


def _local_outlier_factor(samples: Sequence[Features]) -> Score:
    neighbors = import_module("sklearn.neighbors")
    model = neighbors.LocalOutlierFactor(n_neighbors=20, novelty=True).fit([list(one) for one in samples])
    return lambda features: -float(model.score_samples([list(features)])[0])


def _half_space_trees(samples: Sequence[Features]) -> Score:
    anomaly, compose = import_module("river.anomaly"), import_module("river.preprocessing")
    scale = compose.MinMaxScaler()
    # The window must be full once before it scores anything at all.
    model = anomaly.HalfSpaceTrees(n_trees=25, height=8, window_size=NEEDS // 2, seed=0)
    for one in samples:
        named = _named(one)
        scale.learn_one(named)
        model.learn_one(scale.transform_one(named))
    return lambda features: float(model.score_one(scale.transform_one(_named(features))))


def _named(features: Features) -> dict[str, float]:
    return {str(number): value for number, value in enumerate(features)}


TEACHERS: dict[str, tuple[str, Callable[[Sequence[Features]], Score]]] = {
    "isolation_forest": ("sklearn", _isolation_forest),
    "local_outlier_factor": ("sklearn", _local_outlier_factor),
    "half_space_trees": ("river", _half_space_trees),
}
"""What each is called, the package that has it, and how it is taught."""


def missing(name: str) -> str:
    """Say why it cannot be run; empty if it can."""
    package, _ = TEACHERS[name]
    return "" if find_spec(package) else f"{package} is not installed"


def maker(name: str) -> Callable[[Recorded, float], Method]:
    """Return what makes one at a level. What was taught once is kept, for a level changes nothing in it."""
    _, teacher = TEACHERS[name]
    kept: dict[tuple[Features, ...], tuple[Score, float, float]] = {}

    def teach(samples: tuple[Features, ...]) -> tuple[Score, float, float]:
        if samples not in kept:
            scores: dict[Features, float] = {}
            score = partial(_once, scores, teacher(samples))
            own = [score(one) for one in samples[:: max(1, len(samples) // 200)]]
            kept[samples] = score, fmean(own), pstdev(own)
        return kept[samples]

    return lambda _, level: Outliers(name, teach, level)


def _once(scores: dict[Features, float], score: Score, features: Features) -> float:
    if features not in scores:
        scores[features] = score(features)
    return scores[features]
