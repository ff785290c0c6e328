"""What one event costs: through all detectors, and beside it through two things that are called fast.

Each event of a home is timed by itself, as it arrives: the time that passed before it is let pass, it is taken in, and
what waited for its turn is settled. Beside it, in the same run: half-space trees (river) that score and learn each
event, and an average per sensor kept in a dict, about the least that anything can do.
"""

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import chain
from math import log1p
from statistics import fmean, median
from time import perf_counter_ns
from typing import Any

from benchmarks.detection.nights import Recorded
from detectors import vigil
from detectors.moments import SensorEvent
from detectors.others import SHIPPED
from detectors.remembered import Vigil

WARM, TIMED = 3_000, 5_000  # events of each home: first to learn from, then to time
TREES, HEIGHT, WINDOW = 25, 8, 250  # of the half-space trees; window and height as river has them
FADES = 0.05  # of the average

Take = Callable[[SensorEvent], object]


def costs(homes: Sequence[Recorded]) -> dict[str, Any]:
    """Return microseconds per event, by method: median, 95th percentile and mean over the events of these homes.

    A method that cannot be run says why in place of its figures.
    """
    found: dict[str, Any] = {"events": sum(len(_timed_part(one)) for one in homes)}
    for name, make in {"nachtwacht": _detectors, "half_space_trees": _trees, "average_in_a_dict": _average}.items():
        if name == "half_space_trees" and not find_spec("river"):
            found[name] = "not run: river is not installed"
            continue
        micros = sorted(chain.from_iterable(_timed(make(one), one) for one in homes))
        found[name] = _figures(micros)
    return found


def _figures(micros: Sequence[float]) -> dict[str, float]:
    p95 = micros[min(len(micros) - 1, int(0.95 * len(micros)))]
    return {"median_us": round(median(micros), 2), "p95_us": round(p95, 2), "mean_us": round(fmean(micros), 2)}


def _timed(take: Take, home: Recorded) -> Iterable[float]:
    """Take in a home's events one after another; return the microseconds that each of the last ones took."""
    part = _timed_part(home)
    for event in home.events[max(0, len(home.events) - len(part) - WARM) : len(home.events) - len(part)]:
        take(event)
    micros = []
    for event in part:
        began = perf_counter_ns()
        take(event)
        micros.append((perf_counter_ns() - began) / 1000)
    return micros


def _timed_part(home: Recorded) -> tuple[SensorEvent, ...]:
    return home.events[-min(TIMED, (len(home.events) + 1) // 2) :]


def _detectors(recorded: Recorded) -> Take:
    home, state = recorded.home, [Vigil()]

    def take(event: SensorEvent) -> None:
        state[0], _ = vigil.arrive(state[0], event, event.at, home, SHIPPED)

    return take


def _trees(recorded: Recorded) -> Take:
    model = import_module("river.anomaly").HalfSpaceTrees(n_trees=TREES, height=HEIGHT, window_size=WINDOW, seed=0)
    rooms = {room: number for number, room in enumerate(recorded.home.rooms)}
    last = [recorded.events[0].at]

    def take(event: SensorEvent) -> float:
        gap = (event.at - last[0]).total_seconds()
        last[0] = event.at
        # Each between 0 and 1, as the trees expect.
        features = {
            "hour": (event.at.hour + event.at.minute / 60) / 24,
            "room": rooms.get(event.room, 0) / max(1, len(rooms)),
            "gap": min(1.0, log1p(gap) / 12),
            "value": event.value,
        }
        score: float = model.score_one(features)
        model.learn_one(features)
        return score

    return take


def _average(recorded: Recorded) -> Take:
    means: dict[str, tuple[float, float]] = {}
    first = recorded.events[0].at

    def take(event: SensorEvent) -> None:
        now = (event.at - first).total_seconds()
        at, mean = means.get(event.sensor, (now, 60.0))
        means[event.sensor] = now, mean + FADES * (now - at - mean)

    return take
