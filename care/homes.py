"""The plan of a site: `site.toml`, read strictly. What the installer drew up, and what everything else goes by."""

import difflib
import json
import re
import tomllib
from collections.abc import Iterator
from datetime import time
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from care.agreements import MINUTES, OFF
from detectors.findings import What
from detectors.homes import (
    GENERAL,
    Home,
    HomeId,
    Kind,
    Limits,
    Night,
    ResidentId,
    RoomId,
    RoomKind,
    Sensor,
    SensorId,
    SiteId,
)

ROOM_NAMES: dict[str, RoomKind] = {
    "badkamer": RoomKind.BATHROOM,
    "bathroom": RoomKind.BATHROOM,
    "wc": RoomKind.TOILET,
    "toilet": RoomKind.TOILET,
    "slaapkamer": RoomKind.BEDROOM,
    "bedroom": RoomKind.BEDROOM,
    "woonkamer": RoomKind.LIVING,
    "living": RoomKind.LIVING,
    "keuken": RoomKind.KITCHEN,
    "kitchen": RoomKind.KITCHEN,
    "gang": RoomKind.HALL,
    "hall": RoomKind.HALL,
    "overloop": RoomKind.LANDING,
    "landing": RoomKind.LANDING,
}
"""Rooms that need no declaring; any other name says its kind under `[home.rooms]`."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_NAME = re.compile(r"[^+#\x00]{1,120}")  # a friendly name becomes a topic: no wildcards
VALUE_MAX = 60  # characters of a value in a plan
_PROFILE = re.compile(r"[a-z][a-z-]{0,29}")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class Family(StrEnum):
    """Whose words a device speaks: which module of `gateway.sources` reads it."""

    ZIGBEE2MQTT = "zigbee2mqtt"
    ESPHOME = "esphome"
    TASMOTA = "tasmota"
    SHELLY = "shelly"
    HOMEASSISTANT = "homeassistant"
    NATIVE = "native"


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """The thing on the wall: what changes when it is replaced, while the sensor, its role and its lessons stay."""

    family: Family = Family.ZIGBEE2MQTT
    address: str = ""  # what its family knows it by: an IEEE address, or for other families where it speaks
    model: str = ""  # as its maker calls it, "RTCGQ11LM"
    key: str = ""  # the property that tells what it is there for, where no table knows
    on: tuple[str, ...] = ()  # the values of it that mean occupied, open, moved, used or pressed; all others do not


class Placed(NamedTuple):
    """A sensor, its home, and the device that it is."""

    home: HomeId
    sensor: Sensor
    device: Device


class Site(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A cluster of homes with one gateway."""

    id: SiteId
    name: str
    zone: str
    homes: tuple[Home, ...]
    friendly: dict[str, tuple[HomeId, SensorId]]  # the name a bridge gives a sensor, to its place in the plan
    devices: dict[SensorId, Device] = {}  # of those sensors of which the plan tells more than their name

    @cached_property
    def by_id(self) -> dict[HomeId, Home]:
        """The homes by their ids."""
        return {home.id: home for home in self.homes}

    @cached_property
    def sensors(self) -> dict[str, tuple[HomeId, Sensor]]:
        """The sensors by the names that a bridge gives them, each with its home."""
        placed = {(home.id, sensor.id): sensor for home in self.homes for sensor in home.sensors}
        return {name: (place[0], placed[place]) for name, place in self.friendly.items()}

    @cached_property
    def addressed(self) -> dict[Family, dict[str, tuple[Placed, ...]]]:
        """The sensors of which the plan tells a device, by its family and where it speaks."""
        found: dict[Family, dict[str, tuple[Placed, ...]]] = {}
        for home, sensor in self.sensors.values():
            device = self.devices.get(sensor.id)
            if device is not None:
                family = found.setdefault(device.family, {})
                family[device.address] = (*family.get(device.address, ()), Placed(home, sensor, device))
        return found


class BadPlan(ValueError):
    """A plan that cannot be used: every mistake found, each with file, line and what would be right."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join([*mistakes, "Nothing was changed."]))


def read(text: str, *, file: str = "site.toml") -> Site:
    """Read a plan. All of it is right, or none of it is used.

    Raises
    ------
    BadPlan
        With a sentence for every mistake: file, line, what is wrong, what would be right.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPlan([f"{file}: not TOML: {error}."]) from error
    reader = _Reader(text, file)
    site = reader.site(document)
    if reader.mistakes:
        raise BadPlan(reader.mistakes)
    return site


def write(site: Site) -> str:
    """Return the plan as text that `read` turns into the same site."""
    return "\n".join(_lines(site)) + "\n"


def _lines(site: Site) -> Iterator[str]:
    names = {place: name for name, place in site.friendly.items()}
    yield from ("[site]", f'id = "{site.id}"', f"name = {_quoted(site.name)}", f'zone = "{site.zone}"')
    for home in site.homes:
        yield from ("", "[[home]]", f'id = "{home.id.partition("/")[2]}"', f'resident = "{home.resident}"')
        yield f'night = "{home.night.start:%H:%M}-{home.night.end:%H:%M}"'
        other = {
            name: getattr(home.limits, name)
            for name in Limits.__struct_fields__
            if getattr(home.limits, name) != getattr(Limits(), name)
        }
        if other:
            yield "limits = { " + ", ".join(f"{name} = {minutes:g}" for name, minutes in other.items()) + " }"
        if home.profile != GENERAL:
            yield f'profile = "{home.profile}"'
        if home.agreed_soon:
            yield "soon = [" + ", ".join(f'"{what}"' for what in home.agreed_soon) + "]"
        if home.off:
            yield "off = [" + ", ".join(f'"{what}"' for what in home.off) + "]"
        declared = {room: kind for room, kind in home.rooms.items() if ROOM_NAMES.get(room) is not kind}
        if declared:
            yield "[home.rooms]"
            yield from (f'{_quoted(room)} = "{kind}"' for room, kind in declared.items())
        for sensor in home.sensors:
            name = _quoted(names[home.id, sensor.id])
            yield from ("[[home.sensor]]", f"name = {name}", f'role = "{sensor.kind}"')
            yield f"room = {_quoted(sensor.room)}"
            yield from _device_lines(site.devices.get(sensor.id, Device()))


def _device_lines(device: Device) -> Iterator[str]:
    for key in ("family", "address", "model", "key"):
        if (value := getattr(device, key)) != getattr(Device(), key):
            yield f"{key} = {_quoted(value)}"
    if device.on:
        yield "on = [" + ", ".join(_quoted(value) for value in device.on) + "]"


def _quoted(text: str) -> str:
    """Write a text as TOML does, which for what a plan may hold is as JSON does."""
    return json.dumps(text, ensure_ascii=False)


class _Reader:
    """Walks the parsed plan and collects what is wrong with it, each with the line it stands on."""

    def __init__(self, text: str, file: str) -> None:
        self._lines = text.splitlines()
        self._file = file
        self._devices: dict[SensorId, Device] = {}
        self.mistakes: list[str] = []

    def site(self, document: dict[str, Any]) -> Site:
        site = self._table(document.get("site"), "[site]", {"id", "name", "zone"})
        self._known(document, {"site", "home"}, "[site]", 0)
        site_id = SiteId(self._text(site, "id", "[site]", 0, _ID, "letters, digits, '.', '_' or '-', like \"wilg\""))
        zone = str(site.get("zone", "Europe/Amsterdam"))
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, KeyError):
            self._wrong("[site]", 0, "zone", f'time zone "{zone}" does not exist. Write for example "Europe/Amsterdam"')
        friendly: dict[str, tuple[HomeId, SensorId]] = {}
        homes: list[Home] = []
        tables = document.get("home")
        if not isinstance(tables, list) or not tables:
            self._wrong("[site]", 0, None, "a site needs at least one [[home]]")
            tables = []
        sensors_before = 0
        for number, table in enumerate(tables):
            home = self._home(table, number, site_id, zone, friendly, sensors_before)
            sensors_before += len(table.get("sensor", ())) if isinstance(table, dict) else 0
            if any(one.id == home.id for one in homes):
                self._wrong("[[home]]", number, "id", f'home "{table["id"]}" stands in the plan twice')
            homes.append(home)
        return Site(
            id=site_id,
            name=str(site.get("name", site_id)),
            zone=zone,
            homes=tuple(homes),
            friendly=friendly,
            devices=self._devices,
        )

    def _home(  # noqa: PLR0917  # the reader's own place in the document
        self,
        table: Any,
        number: int,
        site: SiteId,
        zone: str,
        friendly: dict[str, tuple[HomeId, SensorId]],
        sensors_before: int,
    ) -> Home:
        where = "[[home]]"
        table = self._table(
            table, where, {"id", "resident", "night", "limits", "profile", "soon", "off", "rooms", "sensor"}, number
        )
        name = self._text(table, "id", where, number, _ID, 'the number on the door, like "12"')
        home = HomeId(f"{site}/{name}")
        resident = self._text(table, "resident", where, number, _ID, 'an id and never a name, like "r-0012"')
        declared = self._rooms(table.get("rooms", {}), number)
        sensors: list[Sensor] = []
        for place, one in enumerate(table.get("sensor", ()), start=sensors_before):
            sensor = self._sensor(one, place, declared, friendly, home)
            if sensor is not None:
                sensors.append(sensor)
        if not table.get("sensor"):
            self._wrong(where, number, "id", f'home "{name}" has no sensor. Add at least one [[home.sensor]]')
        used = {sensor.room: declared.get(sensor.room) or ROOM_NAMES[sensor.room] for sensor in sensors}
        return Home(
            id=home,
            resident=ResidentId(resident),
            rooms=used,
            sensors=tuple(sensors),
            night=self._night(table, number, zone),
            limits=self._limits(table.get("limits", {}), number),
            profile=self._profile(table, number),
            agreed_soon=self._soon(table.get("soon", []), number),
            off=self._off(table.get("off", []), number),
        )

    def _sensor(
        self,
        table: Any,
        place: int,
        declared: dict[RoomId, RoomKind],
        friendly: dict[str, tuple[HomeId, SensorId]],
        home: HomeId,
    ) -> Sensor | None:
        where, before = "[[home.sensor]]", len(self.mistakes)
        table = self._table(table, where, {"name", "role", "room", "family", "address", "model", "key", "on"}, place)
        name = self._text(table, "name", where, place, _NAME, "the friendly name the bridge gives it, without + or #")
        role, room = str(table.get("role", "")), str(table.get("room", ""))
        if role not in set(Kind):
            self._wrong(where, place, "role", f'role "{role}" does not exist.{_meant(role, list(Kind))}')
        if room not in declared and room not in ROOM_NAMES:
            rooms = [*declared, *ROOM_NAMES]
            self._wrong(where, place, "room", f'room "{room}" does not exist.{_meant(room, rooms)}')
        if name in friendly:
            other = friendly[name][0].partition("/")[2]
            self._wrong(where, place, "name", f'sensor "{name}" stands in the plan twice, also in home "{other}"')
        device = self._device(table, place)
        if len(self.mistakes) > before:
            return None
        friendly[name] = (home, SensorId(name))
        if device != Device():
            self._devices[SensorId(name)] = device
        return Sensor(id=SensorId(name), kind=Kind(role), room=RoomId(room))

    def _device(self, table: dict[str, Any], place: int) -> Device:
        where, family = "[[home.sensor]]", str(table.get("family", Family.ZIGBEE2MQTT))
        if family not in set(Family):
            self._wrong(where, place, "family", f'family "{family}" does not exist.{_meant(family, list(Family))}')
            return Device()
        said = {key: table.get(key, "") for key in ("address", "model", "key")}
        for key, value in said.items():
            if not isinstance(value, str) or (value and _NAME.fullmatch(value) is None):
                self._wrong(where, place, key, f'"{key}" is {value!r}. Write a text of at most 120 characters')
                return Device()
        on = _values(table.get("on", []))
        if on is None or (table.get("on") is not None and not on):
            self._wrong(
                where, place, "on", f'"on" is {table["on"]!r}. Write the value that means so, like true or "open"'
            )
            return Device()
        device = Device(family=Family(family), **said, on=on)
        if device.family is not Family.ZIGBEE2MQTT and not device.address:
            self._wrong(where, place, "family", f'a sensor of family "{family}" needs an "address": where it speaks')
        known = {(one.family, one.address, one.key): name for name, one in self._devices.items()}
        other = known.get((device.family, device.address, device.key))
        if other is not None and device.address:
            line = f'address "{device.address}" stands in the plan twice, also as sensor "{other}"'
            self._wrong(where, place, "address", line)
        return device

    def _rooms(self, table: Any, number: int) -> dict[RoomId, RoomKind]:
        rooms: dict[RoomId, RoomKind] = {}
        for name, kind in self._table(table, "[[home]]", None, number).items():
            if kind not in set(RoomKind):
                line = f'room "{name}" is of an unknown kind "{kind}".{_meant(str(kind), list(RoomKind))}'
                self._wrong("[[home]]", number, name, line)
            else:
                rooms[RoomId(name)] = RoomKind(kind)
        return rooms

    def _night(self, table: dict[str, Any], number: int, zone: str) -> Night:
        hours = str(table.get("night", "23:00-07:00"))
        match = _HOURS.fullmatch(hours)
        if match is None or match[1] + match[2] == match[3] + match[4]:
            self._wrong(
                "[[home]]", number, "night", f'night "{hours}" is not two times. Write for example "23:00-07:00"'
            )
            return Night()
        start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
        return Night(start=start, end=end, zone=zone)

    def _limits(self, table: Any, number: int) -> Limits:
        minutes: dict[str, float] = {}
        least, most = MINUTES
        known = Limits.__struct_fields__
        for name, value in self._table(table, "[[home]]", None, number).items():
            if name not in known:
                line = f'"{name}" is not known here.{_meant(name, list(known))}'
                self._wrong("[[home]]", number, "limits", line)
            elif isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
                line = f'limit "{name}" is {value!r}. Write a number of minutes from {least} to {most}'
                self._wrong("[[home]]", number, "limits", line)
            else:
                minutes[name] = float(value)
        return Limits(**minutes)

    def _profile(self, table: dict[str, Any], number: int) -> str:
        profile = table.get("profile", GENERAL)
        if not isinstance(profile, str) or not _PROFILE.fullmatch(profile):
            line = f'profile {profile!r} is none. Write a word of small letters, like "elderly" or "mild-id"'
            self._wrong("[[home]]", number, "profile", line)
            return GENERAL
        return profile

    def _soon(self, kinds: Any, number: int) -> tuple[str, ...]:
        may = [What.OOB_ACTIVE, What.DOOR_ARRIVED]
        if not isinstance(kinds, list) or any(kind not in may for kind in kinds):
            line = f'"soon" may hold {" and ".join(f"{kind!s}" for kind in may)}: the other kinds are always for now'
            self._wrong("[[home]]", number, "soon", line)
            return ()
        return tuple(kinds)

    def _off(self, kinds: Any, number: int) -> tuple[str, ...]:
        if not isinstance(kinds, list) or any(kind not in OFF for kind in kinds):
            line = f'"off" may hold {", ".join(OFF)}: the other kinds are always told'
            self._wrong("[[home]]", number, "off", line)
            return ()
        return tuple(kinds)

    def _table(self, table: Any, where: str, keys: set[str] | None, number: int = 0) -> dict[str, Any]:
        if not isinstance(table, dict):
            self._wrong(where, number, None, f"{where} is missing or not a table")
            return {}
        if keys is not None:
            self._known(table, keys, where, number)
        return table

    def _known(self, table: dict[str, Any], keys: set[str], where: str, number: int) -> None:
        for key in table.keys() - keys:
            self._wrong(where, number, key, f'"{key}" is not known here.{_meant(key, sorted(keys))}')

    def _text(self, table: dict[str, Any], key: str, where: str, number: int, form: re.Pattern[str], right: str) -> str:  # noqa: PLR0917
        value = table.get(key)
        if not isinstance(value, str) or form.fullmatch(value) is None:
            found = "is missing" if value is None else f"is {value!r}"
            self._wrong(where, number, key, f'"{key}" {found}. Write {right}')
            return f"?{number}"
        return value

    def _wrong(self, where: str, number: int, key: str | None, what: str) -> None:
        self.mistakes.append(f"{self._file}, line {self._line_of(where, number, key)}: {what}.".replace("..", "."))

    def _line_of(self, where: str, number: int, key: str | None) -> int:
        """Return the line of a key in the n-th table of this kind: TOML's own parser keeps no positions."""
        heads = [i for i, line in enumerate(self._lines) if line.split("#")[0].strip() == where]
        if number >= len(heads):
            return 1
        start = heads[number]
        if key is not None:
            said = re.compile(rf"""^\s*["']?{re.escape(key)}["']?\s*=""")
            for i in range(start, len(self._lines)):
                if i > start and self._lines[i].strip() == where:
                    break
                if said.match(self._lines[i]):
                    return i + 1
        return start + 1


def _values(said: Any) -> tuple[str, ...] | None:
    """Return values as texts, as JSON writes them; None if they are none."""
    values = said if isinstance(said, list) else [said]
    if not all(isinstance(one, str | bool | float) or (isinstance(one, int) and abs(one) < 2**63) for one in values):
        return None
    texts = tuple(text_of(one) for one in values)
    return texts if all(len(one) <= VALUE_MAX for one in texts) else None


def text_of(value: Any) -> str:
    """Return a value that a device says as the text that it is compared by.

    >>> text_of(True), text_of(1), text_of(1.0), text_of("ON")
    ('true', '1', '1', 'ON')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _meant(word: str, words: list[str]) -> str:
    """Return the rest of the sentence: what may have been meant, or what there is."""
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f' Do you mean "{near[0]}"?'
    return " Known are: " + ", ".join(dict.fromkeys(str(one) for one in words))
