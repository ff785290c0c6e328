"""Which buildings there are, and whose: in the proportions of 130,000 homes in 8,000 buildings of 450 owners."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from benchmarks import year
from care.records import Plan
from detectors.homes import Home, HomeId, SiteId

HOMES = 130_000
ORGANISATIONS = 450  # of so many homes
_LEAST, _SPREAD = 8, 17  # homes of a site: 8 to 25, 16.25 on average
ZONE = "Europe/Amsterdam"


class Site(NamedTuple):
    """A building: its place in the fleet, and how many homes it has."""

    number: int
    homes: int

    @property
    def id(self) -> SiteId:
        return SiteId(f"s{self.number:04d}")

    def home(self, number: int) -> HomeId:
        """Return the id of one of its homes, counted from 1."""
        return HomeId(f"{self.id}/{number}")

    def plan(self, at: datetime) -> Plan:
        homes: tuple[Home, ...] = tuple(year.a_home(self.home(number)) for number in range(1, self.homes + 1))
        return Plan(at=at, site=self.id, name=f"De {self.id}", zone=ZONE, homes=homes)


def sites(homes: int) -> list[Site]:
    """Return the buildings of so many homes; the last one may be smaller.

    >>> len(sites(130_000)), sum(site.homes for site in sites(1_000))
    (8001, 1000)
    """
    made: list[Site] = []
    while homes > 0:
        number = len(made)
        made.append(Site(number, min(homes, _LEAST + number * 7 % _SPREAD + (number % 4 == 0))))
        homes -= made[-1].homes
    return made


def organisations(homes: int) -> int:
    """Return how many organisations so many homes are of.

    >>> organisations(130_000), organisations(1_000), organisations(20)
    (450, 3, 1)
    """
    return max(1, round(homes * ORGANISATIONS / HOMES))


def owner(site: Site, of: int) -> str:
    """Return the id of the organisation that a building belongs to, of so many."""
    return f"o{site.number % of}"


def in_turn(fleet: list[Site]) -> Iterator[tuple[Site, HomeId]]:
    """Yield every home of the fleet, neighbours far apart, and then all of them again, for ever."""
    most = max(site.homes for site in fleet)
    while True:
        for number in range(1, most + 1):
            yield from ((site, site.home(number)) for site in fleet if number <= site.homes)
