"""A pause: for a while a home is not listened to. Who may ask for one and for how long, and what holds now.

Orders of the centre to a building, which ends a pause by itself; the centre computes the same from the same records.
A help button is never paused (decision 0016).
"""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from care.ids import Asker
from detectors.findings import Sight, Status
from detectors.homes import Home, HomeId, Instant, Kind, ResidentId, SensorId

KEPT_MAX = 100  # pauses of one home, the newest


class PauseReason(StrEnum):
    """Why a home is paused. Chosen, not typed: a journal holds no names."""

    CLIENT = "client"  # the client asked
    AWAY = "away"  # the client stays elsewhere for a while


LONGEST: dict[PauseReason, timedelta] = {
    PauseReason.CLIENT: timedelta(hours=24),
    PauseReason.AWAY: timedelta(days=14),
}


class Paused(msgspec.Struct, frozen=True, kw_only=True, tag="paused", omit_defaults=True):
    """The order to a building: do not listen to a home until then. Replaces the pause before it."""

    at: Instant
    home: HomeId
    resident: ResidentId  # whose pause it is: it ends when somebody else comes to live there
    by: Asker
    until: Instant
    why: PauseReason
    sensors: tuple[SensorId, ...] = ()  # none named: everything in the home but its help buttons


class PauseEnded(msgspec.Struct, frozen=True, kw_only=True, tag="pause-ended", omit_defaults=True):
    """The order to a building: listen to a home again. A pause that ends by its time needs none."""

    at: Instant
    home: HomeId
    by: Asker | None = None  # None: not by anybody in particular


class CannotPause(ValueError):
    """A pause that cannot be: what is wrong with it, by its name in `Trouble`."""

    def __init__(self, trouble: "Trouble") -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


class Trouble(StrEnum):
    """What is wrong with a pause that was asked for."""

    OVER = "over"  # it would end before it begins
    TOO_LONG = "too-long"  # longer than `LONGEST`
    NOTHING = "nothing"  # there is nothing to pause: no such sensor, or help buttons only
    RESIDENT = "resident"  # somebody else lives there


def asked(
    home: Home, by: Asker, at: datetime, until: datetime, *, why: PauseReason, sensors: tuple[SensorId, ...] = ()
) -> Paused:
    """Return the order to pause a home. Raises `CannotPause`."""
    order = Paused(at=at, home=home.id, resident=home.resident, by=by, until=until, why=why, sensors=sensors)
    trouble = trouble_of(order, home)
    if trouble is not None:
        raise CannotPause(trouble)
    return order


def trouble_of(paused: Paused, home: Home) -> Trouble | None:
    """Return what is wrong with an order, if anything is: whoever carries it out asks, too."""
    if paused.resident != home.resident:
        return Trouble.RESIDENT
    if paused.until <= paused.at:
        return Trouble.OVER
    if paused.until - paused.at > LONGEST[paused.why]:
        return Trouble.TOO_LONG
    known = {one.id for one in home.sensors if one.kind is not Kind.BUTTON}
    if not scope(paused, home) or not known.issuperset(paused.sensors):
        return Trouble.NOTHING
    return None


def scope(paused: Paused, home: Home) -> tuple[SensorId, ...]:
    """Return the sensors of a home that a pause is about: never a help button."""
    may_be = [one.id for one in home.sensors if one.kind is not Kind.BUTTON]
    return tuple(one for one in may_be if not paused.sensors or one in paused.sensors)


class Pause(msgspec.Struct, frozen=True):
    """A pause as it was asked for, and when it ended, if that was before its time."""

    order: Paused
    ended_at: Instant | None = None
    ended_by: Asker | None = None

    @property
    def ends(self) -> datetime:
        return self.order.until if self.ended_at is None else min(self.ended_at, self.order.until)

    def lasts(self, now: datetime) -> bool:
        return self.order.at <= now < self.ends

    def taken(self, home: Home, status: Status | None) -> bool:
        """Whether the building has said that it does not listen, as far as is known."""
        if status is None:
            return False
        return status.sight is Sight.PAUSED or {*status.paused}.issuperset(scope(self.order, home))


class Pauses:
    """The pauses of every home, as the centre's records say. Changed only by `add`."""

    def __init__(self) -> None:
        self._of: dict[HomeId, list[Pause]] = {}

    def add(self, record: object) -> bool:
        """Take in one record of the journal; return whether it is about a pause."""
        match record:
            case Paused():
                known = self._closed(record.home, record.at, None)
                self._of[record.home] = [*known, Pause(record)][-KEPT_MAX:]
            case PauseEnded():
                self._of[record.home] = self._closed(record.home, record.at, record.by)
            case _:
                return False
        return True

    def now(self, home: Home, at: datetime) -> Pause | None:
        """Return the pause that lasts in a home, by the records: whether its building has it, `Pause.taken` says."""
        of = self._of.get(home.id)
        last = of[-1] if of else None
        return last if last is not None and last.order.resident == home.resident and last.lasts(at) else None

    def at(self, home: Home, start: datetime, end: datetime) -> list[Pause]:
        """Return the pauses of whoever lives in a home that lasted between two instants, the oldest first."""
        return [
            one
            for one in self._of.get(home.id, ())
            if one.order.resident == home.resident and one.order.at < end and start < one.ends
        ]

    def _closed(self, home: HomeId, at: datetime, by: Asker | None) -> list[Pause]:
        """Return the pauses of a home with the last ended, if it lasts."""
        known = self._of.get(home, [])
        if not known or not at < known[-1].ends:
            return known
        return [*known[:-1], msgspec.structs.replace(known[-1], ended_at=at, ended_by=by)]
