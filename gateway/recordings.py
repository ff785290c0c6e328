"""Recordings of real homes: a folder with `events.csv.gz` and `sensors.csv`, read strictly and as a stream.

What a home's own logger wrote down, in its own words and its own local time, becomes a plan of a site and the sensor
events that the detectors read. A recording is evidence: whatever in it is not understood is refused, never guessed at.
"""

import csv
import gzip
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import IO, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from care.homes import ROOM_NAMES, Site
from detectors.homes import Home, HomeId, Kind, Night, ResidentId, RoomId, RoomKind, Sensor, SensorId, SiteId
from detectors.moments import SensorEvent

ZONE = "Europe/Amsterdam"
HOME = HomeId("rec/1")  # a recording is one home, and its site holds no other

_KINDS: dict[str, Kind] = {
    "motion": Kind.MOTION,
    "room": Kind.MOTION,  # somebody is in that room, to the minute
    "bed": Kind.BED,
    "frontdoor": Kind.DOOR,
    **dict.fromkeys(("toilet", "water", "cupboard", "light", "appliance", "object", "seat", "door"), Kind.USE),
}
_UNREADABLE_KINDS = frozenset({"other"})  # the authors do not say what it observes, so neither can we

_ROOMS: dict[str, RoomKind] = {
    **ROOM_NAMES,
    **dict.fromkeys(("entry", "entrance", "foyer", "corridor", "junction"), RoomKind.HALL),
    **dict.fromkeys(("office", "balcony", "other"), RoomKind.OTHER),
    **dict.fromkeys(("masterbathroom", "secondbathroom"), RoomKind.BATHROOM),
    **dict.fromkeys(("masterbedroom", "secondbedroom"), RoomKind.BEDROOM),
    **dict.fromkeys(("livingroom", "diningroom"), RoomKind.LIVING),
    "outside": RoomKind.OUTSIDE,
}

_ACTIVITIES: dict[str, tuple[Kind, str]] = {
    "Sleeping": (Kind.BED, "bedroom"),
    "Bed_to_Toilet": (Kind.MOTION, "bathroom"),
    "Leave_Home": (Kind.DOOR, "hall"),
    "Enter_Home": (Kind.DOOR, "hall"),
    "Meal_Preparation": (Kind.USE, "kitchen"),
    "Wash_Dishes": (Kind.USE, "kitchen"),
}
_OTHER_ACTIVITY = (Kind.USE, "living")  # eating, relaxing, working ...: awake, and not in a room we watch
_VALUES = {"0": 0.0, "1": 1.0}
_NAME = re.compile(r"[^+#/\x00]{1,80}")  # a sensor's name becomes a topic


SAMPLED_FOR = timedelta(hours=12)  # a recording that says nothing for longer has a gap


class BadRecording(ValueError):
    """A recording that cannot be read: one sentence that names the file, the line, and what would be right."""


class _Described(NamedTuple):
    """A line of sensors.csv, understood; `observes` is None if nobody can say what the sensor sees."""

    name: str
    observes: tuple[Kind, RoomId, RoomKind] | None
    sampled: bool = False  # the recording says every minute who is there, and holds only the changes


def plan_of(folder: Path, *, zone: str = ZONE) -> Site:
    """Draw up the plan of the recorded home: one site with one home, watched from 23:00 to 07:00 in `zone`.

    Sensors of which nobody can say what they see stay out of it; `left_out` names them.
    Raises `BadRecording`.
    """
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise BadRecording(f'Time zone "{zone}" does not exist. Write for example "{ZONE}".') from None
    observed = [(one.name, *one.observes) for one in _described(folder) if one.observes is not None]
    if not observed:
        raise BadRecording(f"{folder / 'sensors.csv'}: no sensor in it can be used, so there is nothing to watch.")
    home = Home(
        id=HOME,
        resident=ResidentId("r-0001"),
        rooms={room: room_kind for _, _, room, room_kind in observed},
        sensors=tuple(Sensor(id=_sensor_id(name), kind=kind, room=room) for name, kind, room, _ in observed),
        night=Night(zone=zone),
    )
    friendly = {str(sensor.id): (HOME, sensor.id) for sensor in home.sensors}
    return Site(id=SiteId("rec"), name=folder.resolve().name, zone=zone, homes=(home,), friendly=friendly)


def left_out(folder: Path) -> tuple[str, ...]:
    """Return the names of the sensors that `plan_of` and `events` leave out. Raises `BadRecording`."""
    return tuple(one.name for one in _described(folder) if one.observes is None)


def events(folder: Path, site: Site, *, first: date | None = None, days: int | None = None) -> Iterator[SensorEvent]:
    """Read what happened, in order and in UTC; a room of which every minute was recorded is seen every minute.

    The parameters, what is raised and what is noted are those of `changes`.
    """
    sampled = {_sensor_id(one.name) for one in _described(folder) if one.sampled}
    here: dict[SensorId, SensorEvent] = {}
    for event in changes(folder, site, first=first, days=days):
        for since in sorted(here.values(), key=lambda one: one.at):
            yield from _every_minute(since, min(event.at, since.at + SAMPLED_FOR))
        here = {sensor: msgspec.structs.replace(since, at=event.at) for sensor, since in here.items()}
        if event.sensor in sampled and event.kind is Kind.MOTION:
            here.pop(event.sensor, None)
            if event.value:
                here[event.sensor] = event
        yield event


def _every_minute(since: SensorEvent, until: datetime) -> Iterator[SensorEvent]:
    at = since.at + timedelta(minutes=1)
    while at < until:
        yield msgspec.structs.replace(since, at=at)
        at += timedelta(minutes=1)


def changes(folder: Path, site: Site, *, first: date | None = None, days: int | None = None) -> Iterator[SensorEvent]:
    """Read the lines of a recording, in order and in UTC, holding one at a time.

    Parameters
    ----------
    folder : the recording.
    site : the plan from `plan_of`; its zone is the zone of the recorded wall clock.
    first : begin at noon of this date, so that the night that follows is whole. None begins at the beginning.
    days : stop after so many times from noon to noon. Without `first`, the first begins with the first event.

    Raises
    ------
    BadRecording
        When the reading comes to the mistake: what stands before it has been handed out by then.

    Notes
    -----
    A wall clock without a zone is ambiguous for one hour in autumn and skips one in spring. An ambiguous time is
    taken as the first of the two, unless that would go back behind the event before it. A time that the zone's clock
    never showed (the recorder kept winter time, or stood in another country) is dated as the event before it, at
    the latest as the skip. Either way the order of the recording is the order of the events.
    """
    home = site.homes[0]
    sensors = {sensor.id: sensor for sensor in home.sensors}
    known = {one.name: sensors.get(_sensor_id(one.name)) for one in _described(folder)}
    begin = datetime.combine(first, time(12)) if first is not None else None
    end: datetime | None = None
    before: tuple[datetime, datetime] | None = None  # wall clock and instant
    zone = ZoneInfo(site.zone)
    for line, (stamp, name, value) in _rows(folder / "events.csv.gz", ("timestamp", "sensor", "value")):
        where = f"{folder / 'events.csv.gz'}, line {line}"
        local = _local(stamp, where)
        if name not in known:
            raise BadRecording(f"{where}: sensor {name!r} is not in sensors.csv. Describe it there.")
        if value not in _VALUES:
            raise BadRecording(f"{where}: value {value!r} is neither 1 nor 0.")
        at = _follows(local, zone, before)
        if at is None:
            raise BadRecording(f"{where}: {stamp} is before the line above it. Put the events in the order of time.")
        before = (local, at)
        if begin is not None and local < begin:
            continue
        if end is None and days is not None:
            next_noon = datetime.combine(((begin or local) + timedelta(hours=12)).date(), time(12))
            end = next_noon + timedelta(days=days - 1)
        if end is not None and local >= end:
            return
        sensor = known[name]
        if sensor is not None:
            yield SensorEvent(
                at=at, home=home.id, sensor=sensor.id, room=sensor.room, kind=sensor.kind, value=_VALUES[value]
            )


def _follows(local: datetime, zone: ZoneInfo, before: tuple[datetime, datetime] | None) -> datetime | None:
    """Return the instant of a wall-clock time after the one before it, or None if it cannot come after it."""
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if before is None:
        return min(first, second)
    local_before, at_before = before
    if second < first:  # skipped in spring: no such time, so only its place in the order is known
        return max(at_before, second) if local >= local_before else None
    if local >= local_before and first >= at_before:
        return first
    return second if second > first and second >= at_before else None  # the hour that autumn has twice


def _local(stamp: str, where: str) -> datetime:
    try:
        local = datetime.fromisoformat(stamp)
    except ValueError:
        raise BadRecording(f"{where}: {stamp!r} is not a time. Write it like 2026-03-03T01:54:00.") from None
    if local.tzinfo is not None:
        raise BadRecording(f"{where}: {stamp} has a zone. A recording holds the wall clock of the home, without one.")
    return local


def _described(folder: Path) -> list[_Described]:
    if not folder.is_dir():
        raise BadRecording(f"{folder}: there is no such folder. A recording holds events.csv.gz and sensors.csv.")
    file = folder / "sensors.csv"
    found: dict[str, _Described] = {}
    for line, (name, kind, room, _note) in _rows(file, ("sensor", "kind", "room", "note")):
        where = f"{file}, line {line}"
        if _NAME.fullmatch(name) is None:
            raise BadRecording(
                f"{where}: sensor name {name!r} cannot be a topic: 1 to 80 characters, no '+', '#', '/'."
            )
        if name in found:
            raise BadRecording(f"{where}: sensor {name!r} is described twice.")
        found[name] = _Described(name, _observes(name, kind, room, where), sampled=kind == "room")
    return list(found.values())


def _observes(name: str, kind: str, room: str, where: str) -> tuple[Kind, RoomId, RoomKind] | None:
    if kind in _UNREADABLE_KINDS:
        return None
    if kind == "room" and _ROOMS.get(room) is RoomKind.BEDROOM:
        observed = Kind.BED  # where only whole rooms are known, the bedroom at night is all that tells of bed
    elif kind == "activity":
        observed, room = _ACTIVITIES.get(name.rpartition(".")[2], _OTHER_ACTIVITY)
    elif kind in _KINDS:
        observed = _KINDS[kind]
    else:
        known = ", ".join((*_KINDS, "activity", *_UNREADABLE_KINDS))
        raise BadRecording(f"{where}: kind {kind!r} is unknown. Known are: {known}.")
    if room not in _ROOMS:
        raise BadRecording(f"{where}: room {room!r} is unknown. Known are: {', '.join(_ROOMS)}.")
    return observed, RoomId(room), _ROOMS[room]


def _rows(file: Path, header: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of a CSV file with their numbers, each exactly as wide as the header."""
    line = 1
    try:
        with _open(file) as text:
            rows = csv.reader(text, strict=True)
            if tuple(next(rows, ())) != header:
                raise BadRecording(f"{file}, line 1: the header is not '{','.join(header)}'.")
            for row in rows:
                line = rows.line_num
                if len(row) != len(header):
                    raise BadRecording(f"{file}, line {line}: {len(row)} fields, where {len(header)} belong.")
                yield line, row
    except FileNotFoundError:
        raise BadRecording(f"{file}: is missing. A recording holds events.csv.gz and sensors.csv.") from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise BadRecording(f"{file}, after line {line}: cannot be read: {error}.") from error


def _open(file: Path) -> IO[str]:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8", newline="")
    return file.open(encoding="utf-8", newline="")


def _sensor_id(name: str) -> SensorId:
    return SensorId(f"{HOME.partition('/')[2]}/{name}")
