"""The plan as an installer edits it: a plan and a change in, a plan out, and nothing of it if the change is wrong.

What people wrote beside it in the file, their comments and their order, stays wherever the change does not touch it.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from care import homes
from care.files import put
from care.homes import ROOM_NAMES, Device, Family, Part, Site
from care.language import mark
from detectors.homes import Home, HomeId, Kind, Night, ResidentId, RoomId, RoomKind, Sensor, SensorId, SiteId

_EUI64 = re.compile(r"(?:0x)?([0-9a-f]{16})")
_ROW_MAX = 500  # homes
_HEADER = re.compile(r"\s*\[")


class Wrong(ValueError):
    """A change that the plan cannot take: a message, with values still to be filled in, in the reader's language."""

    def __init__(self, message: str, **values: object) -> None:
        self.message, self.values = message, values
        super().__init__(message.format(**values))


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a sensor is to stand and what it observes there."""

    home: str  # the number on the door, "12"
    role: Kind
    room: str
    room_kind: RoomKind | None = None  # of a room with a name of its own


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one part of a plan: its lines before and after, either of them empty."""

    part: tuple[str, ...]
    was: tuple[str, ...]
    becomes: tuple[str, ...]


def eui64(text: str) -> str | None:
    """Return the IEEE address of a Zigbee device as the bridge writes it, or None if it is none.

    >>> eui64("00:15:8D:00:01:23:45:67"), eui64("0X00158D0001234567"), eui64("12/bed")
    ('0x00158d0001234567', '0x00158d0001234567', None)
    """
    match = _EUI64.fullmatch(re.sub(r"[\s:.-]", "", text).lower())
    return None if match is None else f"0x{match[1]}"


def new_site(site: str, name: str, zone: str) -> Site:
    """Return the plan of a building without homes. Raises `Wrong`."""
    _id(site, mark('"{text}" cannot be the id of a site. Write letters, digits, ".", "_" or "-", like "wilg".'))
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError) as error:
        raise Wrong(
            mark('Time zone "{zone}" does not exist. Write for example "Europe/Amsterdam".'), zone=zone
        ) from error
    return Site(id=SiteId(site), name=name or site, zone=zone, homes=(), friendly={})


def with_home(site: Site, number: str, resident: str, *, night: str = "", profile: str = "") -> Site:
    """Return the plan with one home more, which has no sensor yet.

    A home that stands in it already with all of this changes nothing. Raises `Wrong`.
    """
    _id(number, mark('"{text}" cannot be a home. Write the number on the door, like "12".'))
    _id(resident, mark('"{text}" cannot be a resident. Write an id and never a name, like "r-0012".'))
    if profile and homes.PROFILE.fullmatch(profile) is None:
        raise Wrong(mark('"{text}" cannot be a profile. Write a word of small letters, like "elderly".'), text=profile)
    home = Home(
        id=HomeId(f"{site.id}/{number}"),
        resident=ResidentId(resident),
        rooms={},
        sensors=(),
        night=_night(night, site.zone),
    )
    if profile:
        home = msgspec.structs.replace(home, profile=profile)
    there = site.by_id.get(home.id)
    if there is None:
        return msgspec.structs.replace(site, homes=(*site.homes, home))
    if (there.resident, there.night, there.profile) != (home.resident, home.night, home.profile):
        raise Wrong(
            mark("Home {home} stands in the plan already, and differs. Change it in the plan itself."), home=number
        )
    return site


def with_sensor(site: Site, name: str, place: Place, device: Device) -> Site:
    """Return the plan with a sensor at a place: one more, or one that stood elsewhere before.

    A sensor that is the same device keeps its name and, in the same home, its lessons. Raises `Wrong`.
    """
    if homes.NAME.fullmatch(name) is None:
        raise Wrong(mark('"{text}" cannot be a name. Write at most 120 characters, without + or #.'), text=name)
    home = _home(site, place.home)
    _free(site, name, device)
    kind = room_kind(site, place.home, place.room, place.room_kind)
    sensor = Sensor(id=SensorId(name), kind=place.role, room=RoomId(place.room))
    known = {room: kind for one in site.homes if one.id == home.id for room, kind in one.rooms.items()}
    known[sensor.room] = kind
    changed = []
    for one in site.homes:
        sensors = list(one.sensors)
        at = next((i for i, other in enumerate(sensors) if other.id == sensor.id), None)
        if one.id == home.id and at is not None:
            sensors[at] = sensor
        elif one.id == home.id:
            sensors.append(sensor)
        elif at is not None:
            del sensors[at]
        rooms = known if one.id == home.id else one.rooms
        used = {standing.room: rooms[standing.room] for standing in sensors}
        changed.append(msgspec.structs.replace(one, sensors=tuple(sensors), rooms=used))
    friendly = {**site.friendly, name: (home.id, sensor.id)}
    return msgspec.structs.replace(
        site, homes=tuple(changed), friendly=friendly, devices=_with(site.devices, sensor.id, device)
    )


def room_kind(site: Site, number: str, room: str, said: RoomKind | None) -> RoomKind:
    """Return what kind of room a room of a home is: as the plan says, or as its name says, or as is said now.

    Raises `Wrong`.
    """
    home = _home(site, number)
    known = home.rooms.get(RoomId(room)) or ROOM_NAMES.get(room)
    if known is None and said is None:
        near = homes.nearest(room, [*home.rooms, *ROOM_NAMES])
        if near is not None:
            raise Wrong(mark('Room "{room}" does not exist. Do you mean "{near}"?'), room=room, near=near)
        kinds = ", ".join(RoomKind)
        raise Wrong(
            mark('Room "{room}" does not exist. Say which kind of room it is: {kinds}.'), room=room, kinds=kinds
        )
    if said is None or known is said:
        return known or RoomKind.OTHER
    if known is not None and any(sensor.room == room for sensor in home.sensors):
        raise Wrong(mark('Room "{room}" is a {kind} in the plan already.'), room=room, kind=known)
    return said


def replaced(site: Site, name: str, device: Device) -> Site:
    """Return the plan in which another device is the sensor: its name, place, history and lessons stay.

    Raises `Wrong`.
    """
    if name not in site.friendly:
        raise Wrong(mark('The plan has no sensor "{name}".{known}'), name=name, known=_known(site))
    _free(site, name, device)
    return msgspec.structs.replace(site, devices=_with(site.devices, SensorId(name), device))


def name_for(site: Site, place: Place) -> str:
    """Return a name for a new sensor: its home and its room or role, "12/badkamer", "12/bed-2"."""
    stem = f"{place.home}/{place.room if place.role in (Kind.MOTION, Kind.USE) else place.role}"
    names = (stem, *(f"{stem}-{number}" for number in range(2, len(site.friendly) + 3)))
    return next(name for name in names if name not in site.friendly)


def edits(old: Site | None, new: Site) -> tuple[Edit, ...]:
    """Return what a change does to a plan, part by part, in the order of the new one; what goes comes last."""
    was = {} if old is None else homes.parts(old)
    becomes = homes.parts(new)
    changed = [
        Edit(part=part, was=tuple(was.get(part, ())), becomes=tuple(becomes.get(part, ())))
        for part in (*becomes, *(gone for gone in was if gone not in becomes))
    ]
    return tuple(one for one in changed if one.was != one.becomes)


def rewritten(text: str, old: Site, new: Site) -> str:
    """Return the text of a plan after a change, as people wrote it wherever the change leaves it alone.

    Of a part that changes only the lines of comment above it are kept. A text that is laid out in a way which cannot
    be followed is written anew, whole.
    """
    if old == new:
        return text
    was, becomes = homes.parts(old), homes.parts(new)
    written = _by_part(text, old)
    if written is not None:
        kept = ""
        for part, lines in becomes.items():
            above = "\n" if part not in written and not kept.endswith("\n\n") else ""
            kept += above + (written[part] if was.get(part) == lines else _anew(written.get(part, ""), lines))
        with contextlib.suppress(homes.BadPlan):
            if homes.read(kept, draft=True) == new:
                return kept
    return homes.write(new)


def save(file: Path, text: str, *, mode: int = 0o644) -> None:
    """Put a text in place of a file, at once and on disk: whoever reads it meanwhile reads the old one or the new.

    A file that is there keeps its rights; a new one gets `mode`. Raises `OSError`, and then the old one is still there.
    """
    with contextlib.suppress(FileNotFoundError):
        mode = file.stat().st_mode & 0o777
    put(file, text.encode(), mode=mode)


def _by_part(text: str, site: Site) -> dict[Part, str] | None:
    """Return the text of each part with the comments above it, or None if the text is laid out in another way."""
    there = iter(homes.parts(site))
    written: dict[Part, str] = {}
    for piece in _pieces(text):
        part = next(there, None)
        head = next((line.split("#")[0].strip() for line in piece.splitlines() if _HEADER.match(line)), "")
        if part is None or head != {"site": "[site]", "home": "[[home]]", "sensor": "[[home.sensor]]"}[part[0]]:
            return None
        written[part] = piece
    return written if next(there, None) is None else None


def _pieces(text: str) -> Iterator[str]:
    """Cut a text above each header of a part: its comments, up to the first empty line above them, go with it."""
    piece: list[str] = []
    above: list[str] = []
    started = False
    for line in text.splitlines(keepends=True):
        line = line if line.endswith("\n") else f"{line}\n"  # noqa: PLW2901
        bare = line.split("#")[0].strip()
        if bare in ("[site]", "[[home]]", "[[home.sensor]]"):
            if started:
                yield "".join(piece)
            else:
                above = piece + above
            piece, above, started = [*above, line], [], True
        elif line.lstrip().startswith("#"):
            above.append(line)
        else:
            piece += [*above, line]
            above = []
    yield "".join([*piece, *above])


def _anew(written: str, lines: list[str]) -> str:
    """Return the lines of a part, between the comments that stood above it and the empty line that stood below."""
    above = []
    for line in written.splitlines(keepends=True):
        if _HEADER.match(line):
            break
        above.append(line)
    below = "\n" if written.endswith("\n\n") else ""
    return "".join([*above, *(f"{line}\n" for line in lines), below])


def _id(text: str, message: str) -> None:
    if homes.ID.fullmatch(text) is None:
        raise Wrong(message, text=text)


def _home(site: Site, number: str) -> Home:
    home = site.by_id.get(HomeId(f"{site.id}/{number}"))
    if home is None:
        there = ", ".join(one.id.partition("/")[2] for one in site.homes) or "-"
        raise Wrong(
            mark("Home {home} does not stand in the plan. Add it: nachtwacht home add. There are: {there}."),
            home=number,
            there=there,
        )
    return home


def _free(site: Site, name: str, device: Device) -> None:
    """Refuse a device that is another sensor already, or none at all."""
    if device.family is not Family.ZIGBEE2MQTT and not device.address:
        raise Wrong(mark('A sensor of family "{family}" needs an address: where it speaks.'), family=device.family)
    for text in (device.address, device.model):
        if text and homes.NAME.fullmatch(text) is None:
            raise Wrong(mark('"{text}" cannot be an address or model. Write at most 120 characters.'), text=text)
    for other, one in site.devices.items():
        if other != name and one.family is device.family and one.address == device.address and device.address:
            raise Wrong(
                mark('Address {address} stands in the plan already, as sensor "{other}".'),
                address=device.address,
                other=other,
            )


def _with(devices: Mapping[SensorId, Device], sensor: SensorId, device: Device) -> dict[SensorId, Device]:
    known = {one: said for one, said in devices.items() if one != sensor}
    return known if device == Device() else {**known, sensor: device}


def _night(hours: str, zone: str) -> Night:
    if not hours:
        return Night(zone=zone)
    match = homes.HOURS.fullmatch(hours)
    if match is None or match[1] + match[2] == match[3] + match[4]:
        raise Wrong(mark('Night "{hours}" is not two times. Write for example "23:00-07:00".'), hours=hours)
    return Night(start=time(int(match[1]), int(match[2])), end=time(int(match[3]), int(match[4])), zone=zone)


def _known(site: Site) -> str:
    names = sorted(site.friendly)
    return f" {', '.join(names[:12])}{' ...' if len(names) > 12 else ''}" if names else ""  # noqa: PLR2004


def numbers(text: str) -> list[str]:
    """Return the homes that are meant: one, or a row of them.

    >>> numbers("12"), numbers("3-6"), numbers("2A")
    (['12'], ['3', '4', '5', '6'], ['2A'])
    """
    match = re.fullmatch(r"(\d{1,4})-(\d{1,4})", text)
    if match is None or not 0 < int(match[2]) - int(match[1]) < _ROW_MAX:
        return [text]
    return [str(number) for number in range(int(match[1]), int(match[2]) + 1)]
