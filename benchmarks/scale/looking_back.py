"""How much sooner two workers of a Dask cluster have looked back on a fleet than one: the same work, by the wall."""

import time
from collections.abc import Callable
from functools import partial
from statistics import median

from benchmarks.parts import CannotMeasure
from gateway.fleet.account import Account, account
from gateway.fleet.lived_again import Found, Simulated, lived_again
from gateway.fleet.spread import Cluster, spread

SEED = 1
ROUNDS = 3  # of each, in turn; the medians count
WORKERS = 2


def looking_back(cohort: int, nights: int, *, say: Callable[[str], None]) -> dict[str, float]:
    """Look back on the last nights of so many simulated homes, on one worker and on two; return how they compare."""
    took: dict[int, list[float]] = {1: [], WORKERS: []}
    answer: Account | None = None
    for number in range(ROUNDS):
        for workers, so_far in took.items():
            seconds, found = _on(workers, cohort, nights)
            so_far.append(seconds)
            same = account(found)
            if answer not in (None, same):
                raise CannotMeasure("Two runs of the same work did not find the same.")
            answer = same
            say(f"{number + 1} of {ROUNDS}: {cohort} homes, {nights} nights, {workers} workers: {seconds:.1f} s")
    return {
        "dask_speedup_2": median(took[1]) / median(took[WORKERS]),
        "dask_home_nights_per_s_1": cohort * nights / median(took[1]),
        "dask_home_nights_per_s_2": cohort * nights / median(took[WORKERS]),
    }


def _on(workers: int, cohort: int, nights: int) -> tuple[float, list[Found]]:
    from distributed import LocalCluster  # half a second to load, and of no use to the other figures

    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=40) as cluster:
        over, work = Cluster(cluster.scheduler_address), partial(lived_again, nights=nights)
        list(spread(work, [Simulated(n, SEED) for n in range(workers)], over))  # each has imported what it needs
        began_s = time.monotonic()
        found = list(spread(work, [Simulated(n, SEED) for n in range(cohort)], over))
        return time.monotonic() - began_s, found
