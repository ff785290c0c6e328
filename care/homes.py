"""The plan of a site: `site.toml`, read strictly. What the installer drew up, and what everything else goes by."""

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from datetime import time
from enum import StrEnum
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from care.agreements import MINUTES, OFF
from care.language import mark
from detectors.budget import OWN
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

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
NAME = re.compile(r"[^+#\x00]{1,120}")  # a friendly name becomes a topic: no wildcards
PROFILE = re.compile(r"[a-z][a-z-]{0,29}")
HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


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


Said = tuple[str, dict[str, str]]  # a message to translate, with its values


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one line of a plan: what it is, and what would be right."""

    file: str
    line: int  # 0 where the text is no TOML, and its parser says which
    said: tuple[Said, ...]

    def told(self, translated: Callable[[str], str] = str) -> str:
        """Return it as one sentence."""
        at = translated(mark("{file}, line {line}: ") if self.line else "{file}: ").format(
            file=self.file, line=self.line
        )
        what = " ".join(translated(message).format(**values) for message, values in self.said)
        return f"{at}{what}" if what.endswith((".", "?")) else f"{at}{what}."


class BadPlan(ValueError):
    """A plan that cannot be used: every mistake found, each with file, line and what would be right."""

    def __init__(self, found: list[Mistake]) -> None:
        self.found = tuple(found)
        self.mistakes = [one.told() for one in found]
        super().__init__(self.told())

    def told(self, translated: Callable[[str], str] = str) -> str:
        """Return every mistake, a line each."""
        lines = [one.told(translated) for one in self.found]
        return "\n".join([*lines, translated(mark("Nothing was changed."))])


def read(text: str, *, file: str = "site.toml", draft: bool = False) -> Site:
    """Read a plan. All of it is right, or none of it is used.

    Of a draft only is it right that homes, or the sensors of a home, are still to come.

    Raises
    ------
    BadPlan
        With a sentence for every mistake: file, line, what is wrong, what would be right.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = (mark("not TOML: {why}"), {"why": str(error)})
        raise BadPlan([Mistake(file=file, line=0, said=(said,))]) from error
    reader = _Reader(text, file, draft=draft)
    site = reader.site(document)
    if reader.mistakes:
        raise BadPlan(reader.mistakes)
    return site


Part = tuple[str, ...]  # ("site",), ("home", "12") without its sensors, or ("sensor", "12", "12/bed")


def write(site: Site) -> str:
    """Return the plan as text that `read` turns into the same site."""
    return "\n".join("\n".join(lines) + "\n" for lines in parts(site).values())


def parts(site: Site) -> dict[Part, list[str]]:
    """Return the lines of each part of a plan, in the order in which they stand in the text."""
    names = {place: name for name, place in site.friendly.items()}
    said: dict[Part, list[str]] = {
        ("site",): ["[site]", f'id = "{site.id}"', f"name = {_quoted(site.name)}", f'zone = "{site.zone}"']
    }
    for home in site.homes:
        number = home.id.partition("/")[2]
        said["home", number] = list(_home_lines(home))
        for sensor in home.sensors:
            name = names[home.id, sensor.id]
            said["sensor", number, name] = list(_sensor_lines(name, sensor, site.devices.get(sensor.id, Device())))
    return said


def _home_lines(home: Home) -> Iterator[str]:
    yield from ("[[home]]", f'id = "{home.id.partition("/")[2]}"', f'resident = "{home.resident}"')
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
    if home.budget != 1.0:
        yield f"budget = {home.budget:g}"
    declared = {room: kind for room, kind in home.rooms.items() if ROOM_NAMES.get(room) is not kind}
    if declared:
        yield "[home.rooms]"
        yield from (f'{_quoted(room)} = "{kind}"' for room, kind in declared.items())


def _sensor_lines(name: str, sensor: Sensor, device: Device) -> Iterator[str]:
    yield from ("[[home.sensor]]", f"name = {_quoted(name)}", f'role = "{sensor.kind}"')
    yield f"room = {_quoted(sensor.room)}"
    for key in ("family", "address", "model"):
        if (value := getattr(device, key)) != getattr(Device(), key):
            yield f"{key} = {_quoted(value)}"


def _quoted(text: str) -> str:
    """Write a text as TOML does, which for what a plan may hold is as JSON does."""
    return json.dumps(text, ensure_ascii=False)


class _Reader:
    """Walks the parsed plan and collects what is wrong with it, each with the line it stands on."""

    def __init__(self, text: str, file: str, *, draft: bool = False) -> None:
        self._lines = text.splitlines()
        self._file = file
        self._draft = draft
        self._devices: dict[SensorId, Device] = {}
        self.mistakes: list[Mistake] = []

    def site(self, document: dict[str, Any]) -> Site:
        site = self._table(document.get("site"), "[site]", {"id", "name", "zone"})
        self._known(document, {"site", "home"}, "[site]", 0)
        site_id = SiteId(
            self._text(site, "id", "[site]", 0, ID, mark("Write letters, digits, '.', '_' or '-', like \"wilg\""))
        )
        zone = str(site.get("zone", "Europe/Amsterdam"))
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, KeyError):
            self._wrong(
                "[site]",
                0,
                "zone",
                mark('time zone "{zone}" does not exist. Write for example "Europe/Amsterdam"'),
                zone=zone,
            )
        friendly: dict[str, tuple[HomeId, SensorId]] = {}
        homes: list[Home] = []
        tables = document.get("home")
        if not isinstance(tables, list) or not tables:
            if tables is not None or not self._draft:
                self._wrong("[site]", 0, None, mark("a site needs at least one [[home]]"))
            tables = []
        sensors_before = 0
        for number, table in enumerate(tables):
            home = self._home(table, number, site_id, zone, friendly, sensors_before)
            sensors_before += len(table.get("sensor", ())) if isinstance(table, dict) else 0
            if any(one.id == home.id for one in homes):
                self._wrong("[[home]]", number, "id", mark('home "{home}" stands in the plan twice'), home=table["id"])
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
            table,
            where,
            {"id", "resident", "night", "limits", "profile", "soon", "off", "budget", "rooms", "sensor"},
            number,
        )
        name = self._text(table, "id", where, number, ID, mark('Write the number on the door, like "12"'))
        home = HomeId(f"{site}/{name}")
        resident = self._text(table, "resident", where, number, ID, mark('Write an id and never a name, like "r-0012"'))
        declared = self._rooms(table.get("rooms", {}), number)
        sensors: list[Sensor] = []
        for place, one in enumerate(table.get("sensor", ()), start=sensors_before):
            sensor = self._sensor(one, place, declared, friendly, home)
            if sensor is not None:
                sensors.append(sensor)
        if not table.get("sensor") and not self._draft:
            self._wrong(
                where, number, "id", mark('home "{home}" has no sensor. Add at least one [[home.sensor]]'), home=name
            )
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
            budget=self._budget(table.get("budget", 1.0), number),
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
        table = self._table(table, where, {"name", "role", "room", "family", "address", "model"}, place)
        name = self._text(
            table, "name", where, place, NAME, mark("Write the friendly name the bridge gives it, without + or #")
        )
        role, room = str(table.get("role", "")), str(table.get("room", ""))
        if role not in set(Kind):
            self._wrong(where, place, "role", mark('role "{word}" does not exist.'), words=list(Kind), word=role)
        if room not in declared and room not in ROOM_NAMES:
            rooms = [*declared, *ROOM_NAMES]
            self._wrong(where, place, "room", mark('room "{word}" does not exist.'), words=rooms, word=room)
        if name in friendly:
            other = friendly[name][0].partition("/")[2]
            self._wrong(
                where,
                place,
                "name",
                mark('sensor "{name}" stands in the plan twice, also in home "{other}"'),
                name=name,
                other=other,
            )
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
            self._wrong(
                where, place, "family", mark('family "{word}" does not exist.'), words=list(Family), word=family
            )
            return Device()
        said = {key: table.get(key, "") for key in ("address", "model")}
        for key, value in said.items():
            if not isinstance(value, str) or (value and NAME.fullmatch(value) is None):
                self._wrong(
                    where,
                    place,
                    key,
                    mark('"{name}" is {value}. Write a text of at most 120 characters'),
                    name=key,
                    value=repr(value),
                )
                return Device()
        device = Device(family=Family(family), address=said["address"], model=said["model"])
        if device.family is not Family.ZIGBEE2MQTT and not device.address:
            self._wrong(
                where,
                place,
                "family",
                mark('a sensor of family "{family}" needs an "address": where it speaks'),
                family=family,
            )
        known = {one.address: name for name, one in self._devices.items() if one.family is device.family}
        if device.address in known and device.address:
            line = mark('address "{address}" stands in the plan twice, also as sensor "{other}"')
            self._wrong(where, place, "address", line, address=device.address, other=known[device.address])
        return device

    def _rooms(self, table: Any, number: int) -> dict[RoomId, RoomKind]:
        rooms: dict[RoomId, RoomKind] = {}
        for name, kind in self._table(table, "[[home]]", None, number).items():
            if kind not in set(RoomKind):
                line = mark('room "{room}" is of an unknown kind "{word}".')
                self._wrong("[[home]]", number, name, line, words=list(RoomKind), room=name, word=str(kind))
            else:
                rooms[RoomId(name)] = RoomKind(kind)
        return rooms

    def _night(self, table: dict[str, Any], number: int, zone: str) -> Night:
        hours = str(table.get("night", "23:00-07:00"))
        match = HOURS.fullmatch(hours)
        if match is None or match[1] + match[2] == match[3] + match[4]:
            line = mark('night "{hours}" is not two times. Write for example "23:00-07:00"')
            self._wrong("[[home]]", number, "night", line, hours=hours)
            return Night()
        start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
        return Night(start=start, end=end, zone=zone)

    def _limits(self, table: Any, number: int) -> Limits:
        minutes: dict[str, float] = {}
        least, most = MINUTES
        known = Limits.__struct_fields__
        for name, value in self._table(table, "[[home]]", None, number).items():
            if name not in known:
                line = mark('"{word}" is not known here.')
                self._wrong("[[home]]", number, "limits", line, words=list(known), word=name)
            elif isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
                line = mark('limit "{limit}" is {value}. Write a number of minutes from {least} to {most}')
                self._wrong("[[home]]", number, "limits", line, limit=name, value=repr(value), least=least, most=most)
            else:
                minutes[name] = float(value)
        return Limits(**minutes)

    def _profile(self, table: dict[str, Any], number: int) -> str:
        profile = table.get("profile", GENERAL)
        if not isinstance(profile, str) or not PROFILE.fullmatch(profile):
            line = mark('profile {value} is none. Write a word of small letters, like "elderly" or "mild-id"')
            self._wrong("[[home]]", number, "profile", line, value=repr(profile))
            return GENERAL
        return profile

    def _soon(self, kinds: Any, number: int) -> tuple[str, ...]:
        may = [What.OOB_ACTIVE, What.DOOR_ARRIVED]
        if not isinstance(kinds, list) or any(kind not in may for kind in kinds):
            line = mark('"soon" may hold {kinds}: the other kinds are always for now')
            self._wrong("[[home]]", number, "soon", line, kinds=", ".join(may))
            return ()
        return tuple(kinds)

    def _off(self, kinds: Any, number: int) -> tuple[str, ...]:
        if not isinstance(kinds, list) or any(kind not in OFF for kind in kinds):
            line = mark('"off" may hold {kinds}: the other kinds are always told')
            self._wrong("[[home]]", number, "off", line, kinds=", ".join(OFF))
            return ()
        return tuple(kinds)

    def _budget(self, factor: Any, number: int) -> float:
        if isinstance(factor, bool) or factor not in OWN:
            line = mark("budget {value} is none. Write {factors}: times what is agreed for all")
            factors = ", ".join(f"{one:g}" for one in OWN)
            self._wrong("[[home]]", number, "budget", line, value=repr(factor), factors=factors)
            return 1.0
        return float(factor)

    def _table(self, table: Any, where: str, keys: set[str] | None, number: int = 0) -> dict[str, Any]:
        if not isinstance(table, dict):
            self._wrong(where, number, None, mark("{table} is missing or not a table"), table=where)
            return {}
        if keys is not None:
            self._known(table, keys, where, number)
        return table

    def _known(self, table: dict[str, Any], keys: set[str], where: str, number: int) -> None:
        for key in table.keys() - keys:
            self._wrong(where, number, key, mark('"{word}" is not known here.'), words=sorted(keys), word=key)

    def _text(self, table: dict[str, Any], key: str, where: str, number: int, form: re.Pattern[str], right: str) -> str:  # noqa: PLR0917
        value = table.get(key)
        if not isinstance(value, str) or form.fullmatch(value) is None:
            line = mark('"{name}" is missing.') if value is None else mark('"{name}" is {value}.')
            self._wrong(where, number, key, line, right=right, name=key, value=repr(value))
            return f"?{number}"
        return value

    def _wrong(
        self,
        where: str,
        number: int,
        key: str | None,
        message: str,
        *,
        words: list[str] | None = None,
        right: str = "",
        **values: object,
    ) -> None:
        """Note a mistake. With `words` it says which of them the value "word" may have meant; `right` is right."""
        said: list[Said] = [(message, {name: str(value) for name, value in values.items()})]
        if words is not None:
            said.append(_meant(str(values["word"]), words))
        if right:
            said.append((right, {}))
        self.mistakes.append(Mistake(file=self._file, line=self._line_of(where, number, key), said=tuple(said)))

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


def _meant(word: str, words: list[str]) -> Said:
    """Return what to say after a word that is not known: what may have been meant, or what there is."""
    near = nearest(word, words)
    if near is not None:
        return mark('Do you mean "{near}"?'), {"near": near}
    return mark("Known are: {known}"), {"known": ", ".join(dict.fromkeys(str(one) for one in words))}


def nearest(word: str, words: list[str]) -> str | None:
    """Return the word that was probably meant, or None if none of them is near."""
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return str(near[0]) if near else None
