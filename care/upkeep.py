"""What it takes to watch over homes: processor time, bytes, batteries, as buildings and the centre measured it.

A day of which nobody tells anything is in none of this: it is a gap, and never a zero.
"""

from collections.abc import Iterable
from datetime import date
from typing import Annotated

import msgspec

from detectors.homes import Instant, SiteId

KEPT = 120  # days of each building, at hand; the journal keeps more (`dashboard.retention`)
DAY_S = 86_400.0

Bytes = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Count = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class Used(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="used"):
    """What the process that watches has used of its machine in a day, or in a part of one. It is about nobody.

    Parts of a day add up. What was not measured is None. Processor time and disk are of our own process and those that
    it started and that have ended: not of the broker, the bridge or the system.
    """

    at: Instant  # when it was told
    site: SiteId  # the building, or the centre
    day: date  # by the clocks of the place
    homes: Count
    measured_s: Seconds  # of the day, in which it was counted; what is left is off, or lost
    cpu_s: Seconds
    written_bytes: Bytes | None = None  # to disk; None: the kernel does not say
    sensors_bytes: Bytes | None = None  # of messages heard of sensors and bridge, without what carries them
    sent_bytes: Bytes | None = None  # of messages said on the link, without what carries them
    heard_bytes: Bytes | None = None  # of messages heard on the link
    batteries: Count | None = None  # that were replaced, as far as can be told (`gateway.customs.replaced`)
    levels: Count = 0  # sensors that say how full their battery is, which those were counted among


class Day(msgspec.Struct, frozen=True, gc=False):
    """One day of one building, or of the centre: the sum of its parts."""

    site: SiteId
    day: date
    homes: int
    measured_s: float
    cpu_s: float
    written_bytes: int | None
    sensors_bytes: int | None
    sent_bytes: int | None
    heard_bytes: int | None
    batteries: int | None
    levels: int

    @property
    def home_days(self) -> float:
        """Homes times days: what a figure per home and day is divided by. Only measured time counts."""
        return self.homes * self.measured_s / DAY_S


class Upkeep:
    """What was used, by building and day. Changed only by `add`."""

    def __init__(self) -> None:
        self._of: dict[SiteId, dict[date, Day]] = {}
        self._last: dict[SiteId, Used] = {}

    def add(self, record: object) -> None:
        """Take in one record of the journal; parts of one day add up."""
        if isinstance(record, Used):
            days = self._of.setdefault(record.site, {})
            days[record.day] = _sum(days.get(record.day), record)
            while len(days) > KEPT:
                del days[min(days)]
            self._last[record.site] = record

    def last(self, site: SiteId) -> Used | None:
        """Return the last record that was taken in of a building, or of the centre."""
        return self._last.get(site)

    def newest(self, since: date) -> list[Day]:
        """Return the newest day of every building, and of the centre, that is no older than a date."""
        lasts = (self._of[site].get(last.day) for site, last in self._last.items())
        return [one for one in lasts if one is not None and one.day >= since]

    def between(self, sites: Iterable[SiteId], first: date, last: date) -> list[Day]:
        """Return the days of some buildings that were told of, from one up to and with another."""
        days = (one for site in sites for one in self._of.get(site, {}).values())
        return sorted((one for one in days if first <= one.day <= last), key=lambda one: (one.day, one.site))


AMOUNTS = ("cpu_s", "written_bytes", "sensors_bytes", "sent_bytes", "heard_bytes", "batteries")
"""What adds up, by its name in `Used` and `Day`."""


def each(days: Iterable[Day], name: str) -> float | None:
    """Return an amount for one home and one whole day, of the days in which it was measured; None if there are none.

    >>> day = Day(SiteId("wilg"), date(2026, 3, 2), 10, DAY_S / 2, 60.0, None, 0, 0, 0, 0, 0)
    >>> each([day], "cpu_s"), each([day], "written_bytes")
    (12.0, None)
    """
    known = [(getattr(one, name), one.home_days) for one in days if getattr(one, name) is not None]
    of = sum(home_days for _, home_days in known)
    return sum(amount for amount, _ in known) / of if of else None


def _sum(before: Day | None, more: Used) -> Day:
    if before is None:
        amounts = {name: getattr(more, name) for name in AMOUNTS}
    else:
        amounts = {name: _plus(getattr(before, name), getattr(more, name)) for name in AMOUNTS}
    return Day(
        site=more.site,
        day=more.day,
        homes=max(more.homes, before.homes if before else 0),
        measured_s=more.measured_s + (before.measured_s if before else 0.0),
        levels=max(more.levels, before.levels if before else 0),
        **amounts,
    )


def _plus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other  # of half a day nothing is said of the whole
