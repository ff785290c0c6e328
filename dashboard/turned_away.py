"""Who was turned away before anything was looked at for them: one line of the log a minute for each reason.

An attack that writes a line with every try would fill the disk of the journal. So the lines count. No path is said: a
token may stand in it.
"""

import time
from collections import Counter

import structlog

TELL_EVERY_S = 60.0

log = structlog.get_logger()


class TurnedAway:
    """How often it happened, by why, since the start."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self._told: dict[str, float] = {}

    def tell(self, why: str, client: str) -> None:
        """Count somebody who was turned away, and write it down unless this minute has a line about it."""
        self.count[why] += 1
        now = time.monotonic()
        if now - self._told.get(why, -TELL_EVERY_S) >= TELL_EVERY_S:
            self._told[why] = now
            log.warning("turned away", why=why, client=client, times=self.count[why])
