"""The last nights of every home, kept small: what each came to, and where the resident was, stretch by stretch."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, datetime
from statistics import median

import msgspec

from care.records import Record
from detectors.calibration import LeftOut
from detectors.homes import HomeId, Instant
from detectors.nights import Stay, Summary

KEPT = 28  # of each home
USUAL_AFTER = 7  # nights that tell of usual ones, before anything is called usual

_pack = msgspec.msgpack.Encoder().encode
_stays: msgspec.msgpack.Decoder[tuple[Stay, ...]] = msgspec.msgpack.Decoder(tuple[Stay, ...])


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """What one night of a home came to. `rose` is only known once the day after it is over."""

    night: date  # of its evening
    left_out: LeftOut | None
    exits: int
    minutes_out: float
    visits: int
    to_bed: Instant | None
    rose: Instant | None
    packed: bytes  # the stays: a thousand homes keep 28 nights each
    told_at: Instant  # when the centre had it on disk, or when it was closed if that is not known

    @property
    def stays(self) -> tuple[Stay, ...]:
        """Where the resident was in the watched night, oldest first."""
        return _stays.decode(self.packed)


class Nights:
    """The last nights that were told of every home. Changed only by `add`."""

    def __init__(self) -> None:
        self._newest: dict[HomeId, Summary] = {}
        self._nights: dict[HomeId, list[Night]] = {}  # by date

    def add(self, record: Record, recorded_at: datetime | None = None) -> None:
        """Take in one record of the journal: the second summary of a night takes the place of the first."""
        if not isinstance(record, Summary):
            return
        known = self._newest.get(record.home)
        if known is None or (record.night, record.whole) >= (known.night, known.whole):
            self._newest[record.home] = record
        nights = self._nights.setdefault(record.home, [])
        place = bisect_left(nights, record.night, key=lambda one: one.night)
        if place == len(nights) or nights[place].night != record.night:
            nights.insert(place, _night(record, recorded_at))
            del nights[:-KEPT]
        elif record.whole or nights[place].rose is None:
            nights[place] = _night(record, recorded_at)

    def newest(self, home: HomeId) -> Summary | None:
        """Return the newest summary of a home."""
        return self._newest.get(home)

    def of(self, home: HomeId) -> Sequence[Night]:
        """Return the nights of a home that are kept, oldest first."""
        return self._nights.get(home, ())

    def at(self, home: HomeId, night: date) -> Night | None:
        """Return one night of a home, by the date of its evening; None if it was not told, or is no longer kept."""
        return next((one for one in self.of(home) if one.night == night), None)


class Usual(msgspec.Struct, frozen=True, kw_only=True):
    """What is usual of these nights: the middle one of those that were wholly seen."""

    to_bed: float | None  # minutes after the noon of the evening, local time
    rose: float | None
    exits: float
    visits: float


def usual(nights: Sequence[Night], noon_of: "dict[date, datetime]") -> Usual | None:
    """Return what is usual of some nights, or None while too few of them were wholly seen.

    `noon_of` gives the noon of each evening, from which bedtimes are counted: one that clocks change in is no other.
    """
    told = [one for one in nights if one.left_out is None]
    if len(told) < USUAL_AFTER:
        return None

    def middle(moments: list[tuple[date, datetime | None]]) -> float | None:
        known = [(at - noon_of[night]).total_seconds() / 60 for night, at in moments if at is not None]
        return median(known) if len(known) >= USUAL_AFTER else None

    return Usual(
        to_bed=middle([(one.night, one.to_bed) for one in told]),
        rose=middle([(one.night, one.rose) for one in told]),
        exits=median(one.exits for one in told),
        visits=median(one.visits for one in told),
    )


def _night(told: Summary, recorded_at: datetime | None) -> Night:
    return Night(
        night=told.night,
        left_out=told.left_out,
        exits=told.exits,
        minutes_out=told.minutes_out,
        visits=told.visits,
        to_bed=told.to_bed,
        rose=told.rose,
        packed=_pack(told.stays),
        told_at=recorded_at or told.at,
    )
