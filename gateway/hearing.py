"""What is listened to in a building: not what is paused, and not what nobody has agreed. Orders and moments in.

What a sensor says that is not listened to is acknowledged and dropped (`gateway.pauses`). A pause ends by itself, a
measure too: the one begins to be listened to again, the other ends to be (decisions 0016 and 0028).
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from care.homes import Site
from care.measures import MeasureAgreed, MeasureEnded, Measures, wrong_with
from care.pauses import Paused, PauseEnded
from detectors.homes import SensorId
from gateway import pauses
from gateway.pauses import Deaf, Deafness
from gateway.sources import Reading

Order = Paused | PauseEnded | MeasureAgreed | MeasureEnded

_WITHOUT_END = datetime.max.replace(tzinfo=UTC)


class Hearing:
    """Which sensors are listened to. Changed only by `hear`, and by time."""

    def __init__(self, deaf: Deafness | None = None, measures: Measures | None = None) -> None:
        self.deaf: Deafness = deaf or {}  # sensors that are paused, or were
        self.measures = measures or Measures()  # what is agreed of being watched at all
        self._bars: Deafness = {}  # the sensors that may not be listened to
        self._until: datetime | None = datetime.min.replace(tzinfo=UTC)  # when that may next change by itself

    def moved(self, site: Site, now: datetime) -> "Hearing":
        """Return what still holds under a plan that may have been changed."""
        return Hearing(pauses.left(self.deaf, site, now), self.measures)

    def hear(self, said: Order, site: Site, now: datetime) -> None:
        """Carry out an order. One that cannot be changes nothing, and the centre sees that it does not."""
        if isinstance(said, Paused | PauseEnded):
            self.deaf = pauses.ordered(self.deaf, said, site, now)
            return
        home = site.by_id.get(said.home)
        if home is None or said.resident != home.resident:
            return
        if isinstance(said, MeasureAgreed) and wrong_with(said, home) is not None:
            return
        before = self.barred(site, now)
        self.measures.add(said)
        self._look(site, now)
        for one, its in before.items():  # nor what was said while it was barred, and comes later
            if one not in self._bars and not (one in self.deaf and now < self.deaf[one].until):
                self.deaf = {**self.deaf, one: msgspec.structs.replace(its, until=now)}

    def listened(self, reading: Reading, site: Site, now: datetime) -> Reading:
        """Return of a reading what may be kept and used."""
        return pauses.listened(self.deaf, pauses.listened(self.barred(site, now), reading, site, now), site, now)

    def barred(self, site: Site, now: datetime) -> Deafness:
        """Return the sensors that may not be listened to at an instant."""
        if self._until is not None and now >= self._until:
            self._look(site, now)
        return self._bars

    @property
    def paused_until(self) -> Mapping[SensorId, datetime]:
        """Until when each sensor is, or was, paused."""
        return {sensor: its.until for sensor, its in self.deaf.items()}

    def _look(self, site: Site, now: datetime) -> None:
        self._until = self.measures.next_end(site.homes, now)
        barred = {one: home for home in site.homes for one in self.measures.barred(home, now)}
        self._bars = {one: Deaf(_WITHOUT_END, home.resident) for one, home in barred.items()}
