"""What a detector must know of a home: its rooms, its sensors, its night and the limits agreed for it."""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, NewType
from zoneinfo import ZoneInfo

import msgspec

SiteId = NewType("SiteId", str)
HomeId = NewType("HomeId", str)  # site and home, "wilg/12": unique in the whole fleet
SensorId = NewType("SensorId", str)  # unique within its site
RoomId = NewType("RoomId", str)  # as the plan calls it, "badkamer"
ResidentId = NewType("ResidentId", str)

Instant = Annotated[datetime, msgspec.Meta(tz=True)]  # never naive; UTC behind the door


class RoomKind(StrEnum):
    """What people do in a room, as far as detection cares."""

    BATHROOM = "bathroom"
    TOILET = "toilet"
    BEDROOM = "bedroom"
    LIVING = "living"
    KITCHEN = "kitchen"
    HALL = "hall"
    LANDING = "landing"
    OTHER = "other"
    OUTSIDE = "outside"  # a sensor that sees the person outside the home


WASHING = frozenset({RoomKind.BATHROOM, RoomKind.TOILET})


class Kind(StrEnum):
    """What a sensor observes, and what `value` means."""

    BED = "bed"  # 1.0 occupied, 0.0 empty
    DOOR = "door"  # the front door: 1.0 open, 0.0 closed
    MOTION = "motion"  # 1.0 seen, 0.0 clear
    USE = "use"  # a hand on something (tap, flush, cupboard, light, inner door, chair): 1.0 used, 0.0 its end
    BUTTON = "button"  # 1.0 pressed; there is no 0.0


class Sensor(msgspec.Struct, frozen=True, kw_only=True):
    """A sensor of the plan: where it stands and what it observes."""

    id: SensorId
    kind: Kind
    room: RoomId


MORNING = timedelta(hours=2)  # before the end of the night, from when on people get up for the day


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """The hours in which this resident's nights are watched, in local time. May run past midnight, or past noon."""

    start: time = time(23)
    end: time = time(7)
    zone: str = "Europe/Amsterdam"
    rising: float | None = None  # hours before its end from when on getting up may be for the day, where it is learned

    def ends_soon(self, moment: datetime) -> bool:
        """Whether `moment` lies in the last hours of the night, when getting up may be for the day."""
        morning = MORNING if self.rising is None else timedelta(hours=self.rising)
        return self.covers(moment) and not self.covers(moment + morning)

    def ends_after(self, moment: datetime) -> datetime:
        """Return when the night next ends."""
        local = moment.astimezone(zone_of(self.zone))
        day = local.date() if local.time() < self.end else local.date() + timedelta(days=1)
        return datetime.combine(day, self.end, tzinfo=local.tzinfo).astimezone(UTC)

    def of(self, moment: datetime) -> date:
        """Return the date of the evening of the night that a moment belongs to: one night from midday to midday.

        Midday is the middle of the hours that are not watched, so that somebody who sleeps from three to eleven has
        whole nights too.
        """
        return (moment.astimezone(zone_of(self.zone)).replace(tzinfo=None) - self.midday).date()

    @property
    def midday(self) -> timedelta:
        """The local clock time at which one night goes over into the next, as time since midnight."""
        start, end = (timedelta(hours=clock.hour, minutes=clock.minute) for clock in (self.start, self.end))
        return (end + (start - end) % timedelta(days=1) / 2) % timedelta(days=1)

    def covers(self, moment: datetime) -> bool:
        """Whether the local clock at `moment` stands between start (included) and end (not included)."""
        local = moment.astimezone(zone_of(self.zone)).time()
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """After how many minutes each condition asks for a person. The care plan's caps: they always fire.

    What is learned of a home comes sooner, mostly; these hold where it does not.
    """

    bath: float = 30.0  # in the bathroom or toilet, and nowhere else seen
    bath_risen: float = 45.0  # the same, by who has got up for the day
    still: float = 25.0  # left bed, was seen, then nothing anywhere
    still_risen: float = 60.0  # the same, by who has got up for the day
    oob_unseen: float = 120.0  # left bed, and nothing seen since
    oob_active: float = 50.0  # left bed, still moving about
    door: float = 3.5  # left the home at night

    def of(self, name: str) -> timedelta:
        return timedelta(minutes=getattr(self, name))


GENERAL = "general"  # the profile of a resident of whom no other is agreed


class Home(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One home of a site, as far as detection and the desk need it. Holds ids, never names."""

    id: HomeId
    resident: ResidentId
    rooms: dict[RoomId, RoomKind]
    sensors: tuple[Sensor, ...]
    night: Night = Night()
    limits: Limits = Limits()
    profile: str = GENERAL  # residents whose nights are pooled, to tell from which score on one is unusual
    agreed_soon: tuple[str, ...] = ()  # kinds of finding that may wait for `soon`, by agreement with the resident
    off: tuple[str, ...] = ()  # kinds of finding that are not told here, by the same; never what is urgent
    budget: float = 1.0  # how often alerts may come that are not needed, of what is agreed for all (`budget.OWN`)

    @cached_property
    def has_bed(self) -> bool:
        """Whether a sensor in the bed tells occupied from empty; without one it is inferred from motion."""
        return any(sensor.kind is Kind.BED for sensor in self.sensors)

    @cached_property
    def _ids(self) -> frozenset[SensorId]:
        return frozenset(sensor.id for sensor in self.sensors)

    def believes(self, sensor: SensorId) -> bool:
        """Whether a sensor is in the plan, and not one that says nothing now (`outlook`)."""
        return sensor in self._ids

    def kind_of(self, room: RoomId | None) -> RoomKind:
        return self.rooms.get(room, RoomKind.OTHER) if room is not None else RoomKind.OTHER


EVERY = "*"  # in place of a home's number: the whole building


def building_of(site: SiteId | str) -> HomeId:
    """Return the home that stands for a whole building, for what is the matter with all of it at once.

    No plan can have it: an asterisk is no part of a home's number.

    >>> building_of(SiteId("wilg")), is_building(building_of("wilg")), is_building(HomeId("wilg/12"))
    ('wilg/*', True, False)
    """
    return HomeId(f"{site}/{EVERY}")


def is_building(home: HomeId) -> bool:
    """Whether this is no home, but the building that homes stand in."""
    return home.endswith(f"/{EVERY}")


_zones: dict[str, ZoneInfo] = {}


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its name. Raises `zoneinfo.ZoneInfoNotFoundError`."""
    if name not in _zones:
        _zones[name] = ZoneInfo(name)
    return _zones[name]
