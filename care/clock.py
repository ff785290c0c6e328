"""The clock that the two composition roots read: the system's, or one that a rehearsal sets by message."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Says what time it is, in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251  # one of two places where a clock is read


class RehearsalClock:
    """The time that the rehearsal last told. Never goes back, so a repeated message does no harm."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def tell(self, moment: datetime) -> None:
        self._now = max(self._now, moment)


REHEARSAL_TOPIC = "nachtwacht/rehearsal/clock"
"""Where a rehearsal tells the time, as an ISO 8601 instant. Only a process started for a rehearsal listens there."""
