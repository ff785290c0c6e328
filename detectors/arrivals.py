"""Events on their way into the settled reading: which are news, and in which order they wait."""

from datetime import datetime, timedelta

from detectors.homes import SensorId
from detectors.moments import SensorEvent
from detectors.remembered import Vigil

WINDOW = timedelta(seconds=60)  # how late an event may be and still be put in its place
BURST_MAX = timedelta(minutes=2)  # how long one late burst may hold the settled reading up


def is_news(vigil: Vigil, event: SensorEvent) -> bool:
    """Whether an event says what is not known yet: newer than its sensor's newest, and not one that waits already."""
    for waiting in reversed(vigil.pending):
        if waiting.at < event.at:
            break
        if waiting == event:
            return False
    heard = vigil.settled.heard.get(event.sensor)
    return heard is None or event.at > heard[0]


def _order(event: SensorEvent) -> tuple[datetime, SensorId, float]:
    """Sort by date. Of two that contradict one another at one instant the lower counts: it watches longer."""
    return event.at, event.sensor, event.value


def queue(vigil: Vigil, event: SensorEvent, arrived_at: datetime) -> None:
    """Let an event wait to be settled."""
    pending = vigil.pending
    at = len(pending)
    while at and _order(pending[at - 1]) > _order(event):
        at -= 1
    vigil.pending = (*pending[:at], event, *pending[at:])
    if vigil.settled_to is not None and event.at <= vigil.settled_to:
        vigil.burst_began = vigil.burst_began or arrived_at
        vigil.burst_ends = min(arrived_at + WINDOW, vigil.burst_began + BURST_MAX)
