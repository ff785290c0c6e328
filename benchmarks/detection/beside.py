"""The baselines, tried in a process of their own while the detectors are tried in this one.

They need nothing of it but how many false alerts a night they are matched to.
"""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from benchmarks.detection import baselines
from benchmarks.detection.baselines import Baseline
from benchmarks.detection.methods import Method
from benchmarks.detection.nights import Recorded
from benchmarks.detection.trial import NIGHTLY, Cuts, Trial, matched, tried

DRAWS = 40  # of an incident in a recording: they are many, and not what is measured


class Beside(NamedTuple):
    """A baseline at the level at which it raises as many false alerts as the detectors, and what it found there."""

    name: str
    level: float
    trial: Trial


class _Known(NamedTuple):
    homes: Sequence[Recorded]
    cuts: list[Cuts]
    families: list[Baseline]
    target: float


_known: list[_Known] = []  # in the process of the baselines, one


@contextmanager
def beside(
    homes: Sequence[Recorded], names: Sequence[str], *, seed: int, draws: int, target: float
) -> Iterator[list[Future[Beside]]]:
    """Try these baselines on recorded homes; what is promised for each, in their order."""
    if not names:
        yield []
        return
    # Spawned, not forked: whoever calls may be drawing a progress bar in a thread.
    context = multiprocessing.get_context("spawn")
    begin = (homes, seed, min(draws, DRAWS), target)
    with ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=begin) as pool:
        yield [pool.submit(_one, name) for name in names]


def _begin(homes: Sequence[Recorded], seed: int, draws: int, target: float) -> None:
    cuts = [Cuts.drawn_from(one, seed=seed, count=draws) for one in homes]
    _known[:] = [_Known(homes, cuts, baselines.families(homes, seed, target), target)]


def _one(name: str) -> Beside:
    [known] = _known
    family = next(one for one in known.families if one.name == name)
    level = matched(family, known.homes, known.target)
    make = partial(_at_level, family, level)
    return Beside(name, level, tried(make, known.cuts, NIGHTLY, any_alert=True, at_most=DRAWS))


def _at_level(baseline: Baseline, level: float, recorded: Recorded) -> Method:
    return baseline.make(recorded, level)
