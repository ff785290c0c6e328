"""Virtual time: what is going to happen, in its order."""

import heapq
import itertools
from collections.abc import Callable
from datetime import datetime, timedelta

BOOTED_S = 100_000.0  # monotonic seconds at the start: no machine was switched on this very moment


class Agenda:
    """The only clock of a simulated world. Time passes in `run_until` and nowhere else."""

    def __init__(self, start: datetime, booted_s: float = BOOTED_S) -> None:
        self.now = start
        self._booted_s = booted_s
        self._start = start
        self._todo: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = itertools.count()

    def run_until(self, end: datetime, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Let happen what is due by then, in order; stop as soon as `unless` holds."""
        while not unless():
            if not self._todo or self._todo[0][0] > end:
                self.now = max(self.now, end)
                return
            at, _, action = heapq.heappop(self._todo)
            self.now = max(self.now, at)
            action()

    def at(self, when: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self._todo, (max(when, self.now), next(self._count), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.at(self.now + timedelta(seconds=seconds), action)

    def monotonic(self) -> float:
        return self._booted_s + (self.now - self._start).total_seconds()
