"""A cohort of simulated homes through the same detectors: what is told of nothing there, and how often.

Nobody falls in a cohort, so all that is told is false. Homes are run one by one, each in a process of its own turn,
and only what their nights came to is kept. They join over `JOIN_WITHIN` days, as a fleet grows: at any date some are
new and some settled.
"""

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import partial
from typing import NamedTuple

from benchmarks.detection import measure, pooling
from benchmarks.detection.edits import Incident
from benchmarks.detection.measure import NightCount, Outcome
from benchmarks.detection.methods import Detectors, Run
from benchmarks.detection.nights import Recorded
from benchmarks.detection.pooling import Scored
from benchmarks.detection.trial import Cuts, tried
from detectors.nights import Learned
from gateway import cohort

FIRST = date(2026, 1, 5)
JOIN_WITHIN = 28  # days
PROCESSES = 2
SAMPLE_DRAWS = 4  # of each incident, in each of those


class Lived(NamedTuple):
    """What came of one home."""

    profile: str
    has_bed: bool  # a bed sensor
    counts: list[NightCount]
    scored: tuple[Scored, ...]
    learned: tuple[Learned, ...]
    outcomes: dict[Incident, list[Outcome]]
    unseen: dict[Incident, Counter[str]]


def lived(homes: int, nights: int, *, seed: int, sample: int = 0, processes: int = PROCESSES) -> Iterator[Lived]:
    """Yield what came of each home of a cohort, in their order.

    Parameters
    ----------
    sample : so many of the homes have incidents cut into them, too.
    """
    if not homes:
        return
    one = partial(_lived, nights=nights, seed=seed, sample=sample)
    if processes == 1:
        yield from map(one, range(homes))
        return
    # Spawned, not forked: whoever calls may be drawing a progress bar in a thread.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, os.cpu_count() or 1), mp_context=context) as pool:
        yield from pool.map(one, range(homes), chunksize=1)


def recorded(number: int, nights: int, *, seed: int) -> tuple[str, Recorded]:
    """Return the profile of a simulated home, and the home as if it had been recorded."""
    drawn = cohort.draw(number, seed=seed)
    events = cohort.events(drawn, FIRST + timedelta(days=number % JOIN_WITHIN), nights)
    return str(drawn.profile), Recorded(drawn.home.id, drawn.home, tuple(events))


def _lived(number: int, *, nights: int, seed: int, sample: int) -> Lived:
    profile, home = recorded(number, nights, seed=seed)
    run = Run(Detectors(), home)
    outcomes: dict[Incident, list[Outcome]] = {}
    unseen: dict[Incident, Counter[str]] = {}
    if number < sample and home.watched:
        cuts = Cuts.drawn_from(home, seed=seed, count=SAMPLE_DRAWS)
        outcomes, unseen = tried(lambda _: Detectors(), [cuts], Incident).outcomes, cuts.unseen
    summaries = run.ended.summaries
    return Lived(
        profile=profile,
        has_bed=home.home.has_bed,
        counts=measure.nights(run),
        scored=tuple(pooling.scored(summary, home.home.profile) for summary in summaries),
        learned=tuple(learned for summary in summaries for learned in summary.episodes),
        outcomes=outcomes,
        unseen=unseen,
    )
