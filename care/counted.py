"""What a night came to in figures, building by building: kept for good when the alerts it was counted from are not."""

from collections.abc import Collection, Iterable
from datetime import date

import msgspec

from detectors.homes import HomeId, Instant, SiteId

KEPT = 400  # nights of each building


class HomeNight(msgspec.Struct, frozen=True, array_like=True):
    """One home in one night, where anybody was asked for: alerts that were urgent or could wait for the same night."""

    home: HomeId
    alerts: int = 0
    needed: int = 0  # closed as help given, or reassured
    unneeded: int = 0  # closed as not needed
    technical: int = 0  # closed as a fault of the equipment
    visits: int = 0  # to which somebody of the care team went
    remote: int = 0  # that ended by talking, and nobody of the care team went
    near: int = 0  # to which family or a neighbour went, and nobody of the care team
    answered_s: tuple[int, ...] = ()  # seconds until somebody took each that was taken

    @property
    def disturbed(self) -> bool:
        """Whether anybody came to, or spoke with, whoever lives there."""
        return bool(self.visits or self.remote or self.near)


class NightCounted(msgspec.Struct, frozen=True, kw_only=True, tag="night-counted"):
    """The night of a building in figures; of homes of which nothing is told, only how many. Stays at the centre."""

    at: Instant
    site: SiteId
    night: date  # of its evening
    homes: int
    in_sight: float  # share of the hours of all homes that was wholly seen
    rows: tuple[HomeNight, ...]


class CountedNights:
    """The nights that were counted, by building. Changed only by `add`."""

    def __init__(self) -> None:
        self._of: dict[SiteId, dict[date, NightCounted]] = {}
        self._on: dict[date, set[SiteId]] = {}  # the same by night: which buildings are counted, of thousands

    def add(self, record: object) -> None:
        """Take in one record of the journal; of two of one night the first counts."""
        if isinstance(record, NightCounted):
            nights = self._of.setdefault(record.site, {})
            nights.setdefault(record.night, record)
            self._on.setdefault(record.night, set()).add(record.site)
            while len(nights) > KEPT:
                oldest = min(nights)
                del nights[oldest]
                self._on[oldest].discard(record.site)
                if not self._on[oldest]:
                    del self._on[oldest]

    def has(self, site: SiteId, night: date) -> bool:
        return night in self._of.get(site, ())

    def on(self, night: date) -> Collection[SiteId]:
        """Return the buildings of which a night is counted."""
        return self._on.get(night, frozenset())

    def between(self, sites: Iterable[SiteId], first: date, last: date) -> list[NightCounted]:
        """Return the counted nights of some buildings, from an evening up to and with another."""
        nights = (one for site in sites for one in self._of.get(site, {}).values())
        return sorted((one for one in nights if first <= one.night <= last), key=lambda one: (one.night, one.site))
