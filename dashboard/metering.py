"""What the centre's own process takes, told to its journal once an hour: a start loses no more than that."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from care import process
from care.board import Board
from care.records import CENTRE
from care.upkeep import Used
from dashboard.glance import desk_zone
from detectors.homes import SiteId, zone_of

PART = timedelta(hours=1)
SITE = SiteId(CENTRE)


class OwnUse:
    """The readings between which the next part of a day lies.

    What is due may be asked as often as one likes, and a disk may refuse it: only when it is on the board does the next
    part begin where this one ended. Each process of a centre tells its own parts.
    """

    def __init__(
        self,
        now: datetime,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        used: Callable[[], process.Usage] = process.used,
    ) -> None:
        self._monotonic, self._used = monotonic, used
        self._since, self._from = now, (monotonic(), process.Usage(0.0, 0, 0))
        self._asked: tuple[Used, tuple[float, process.Usage]] | None = None

    def due(self, board: Board, now: datetime) -> list[Used]:
        """Return the part that is over, if it is an hour or its day has ended; nothing while no home is watched."""
        if self._asked is not None and board.upkeep.last(SITE) == self._asked[0]:
            self._since, self._from = self._asked[0].at, self._asked[1]
            self._asked = None
        zone = zone_of(desk_zone(board))
        day = self._since.astimezone(zone).date()
        if not board.homes or (now - self._since < PART and now.astimezone(zone).date() == day):
            return []
        at_s, used = self._monotonic(), self._used()
        before_s, before = self._from
        known = used.written_bytes is not None and before.written_bytes is not None
        part = Used(
            at=now,
            site=SITE,
            day=day,
            homes=len(board.homes),
            measured_s=round(max(0.0, at_s - before_s), 1),
            cpu_s=round(max(0.0, used.cpu_s - before.cpu_s), 2),
            written_bytes=max(0, (used.written_bytes or 0) - (before.written_bytes or 0)) if known else None,
        )
        self._asked = (part, (at_s, used))
        return [part]
