"""What was taken in and is not on disk yet: held back for some seconds, so that an SD card is written seldom.

Each commit writes whole pages, whatever it holds: one event at a time costs 8 kB, twenty together 10. So what asks
nobody for anything waits for company. The broker has not been told that we have it, and sends it again if we die.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from care.records import Record, addressee
from detectors.moments import SensorEvent
from gateway.ingest import Arrival

HOLD_S = 30.0  # that a record waits at most
RECORDS_MAX = 500
IN_FLIGHT = (
    20  # messages that a broker hands over before it waits for the first to be acknowledged: mosquitto's default
)


@dataclass
class Held:
    """Records in the order in which they are to be written, and the messages that they came by."""

    records: list[tuple[datetime, Record]] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    events: set[SensorEvent] = field(default_factory=set)
    since_s: float = 0.0  # the monotonic second since which the oldest waits

    def add(self, records: Sequence[tuple[datetime, Record]], arrivals: Sequence[Arrival], monotonic_s: float) -> None:
        """Hold what came, in its order."""
        if not self.records:
            self.since_s = monotonic_s
        self.records += records
        self.arrivals += arrivals

    def due(self, monotonic_s: float, *, in_flight: int = IN_FLIGHT) -> bool:
        """Whether it is to be written now: somebody must have it, it is enough, or it has waited for long enough.

        A fifth of what the broker hands over unacknowledged (`in_flight`) is left free: a call must not be held up.
        """
        return (
            not self.records  # signs of life, repetitions: there is nothing to wait for
            or len(self.records) >= RECORDS_MAX
            or len(self.arrivals) >= in_flight * 4 // 5
            or monotonic_s - self.since_s >= HOLD_S
            or any(addressee(record) is not None for _, record in self.records)
        )
