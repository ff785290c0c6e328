"""A list of sensors made before the visit, as a spreadsheet writes it: read whole, with every mistake, or not at all.

What spreadsheets do to what people type is undone where nothing is lost by it (12.0, capitals, colons), and is a
mistake where something is: a home's number that became a date, an address that became a number.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from care import homes
from care.homes import ROOM_NAMES, Device, Family, Site
from care.language import mark
from detectors.homes import HomeId, Kind, RoomKind, SensorId
from gateway.installer import install_codes, plans
from gateway.installer.install_codes import BadCode, InstallCode
from gateway.installer.plans import Place, Wrong

ROWS_MAX = 5_000
COLUMNS_MAX = 50
BYTES_MAX = 20 * 10**6

_HEADS: dict[str, tuple[str, ...]] = {
    "name": ("name", "naam", "friendly name", "sensor"),
    "home": ("home", "woning", "huis", "huisnummer", "appartement", "apartment"),
    "resident": ("resident", "resident id", "bewoner", "cliënt", "client"),
    "role": ("role", "rol"),
    "room": ("room", "ruimte", "kamer"),
    "room kind": ("room kind", "kind of room", "soort ruimte", "soort kamer"),
    "address": ("address", "adres", "ieee", "ieee address", "ieee adres", "eui64", "eui 64", "mac"),
    "install code": ("install code", "installation code", "installcode", "installatiecode", "installatie code"),
    "model": ("model", "type"),
    "family": ("family", "familie"),
}
"""The columns, and what people call them. In the order in which a list is written."""

_ROLES = {
    **{str(kind): kind for kind in Kind},
    "deur": Kind.DOOR,
    "voordeur": Kind.DOOR,
    "front door": Kind.DOOR,
    "beweging": Kind.MOTION,
    "gebruik": Kind.USE,
    "knop": Kind.BUTTON,
    "hulpknop": Kind.BUTTON,
    "bedsensor": Kind.BED,
}
_KINDS = {
    **{str(kind): kind for kind in RoomKind},
    **{name: kind for name, kind in ROOM_NAMES.items() if name not in set(RoomKind)},
    "anders": RoomKind.OTHER,
    "buiten": RoomKind.OUTSIDE,
}
_MONTH = r"(?:jan|feb|mrt|mar|apr|mei|may|jun|jul|aug|sep|okt|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    rf"\d{{1,2}}[-/. ]{_MONTH}(?:[-/. ]\d{{2,4}})?|{_MONTH}[-/. ]\d{{1,4}}|"
    r"\d{1,2}[-/]\d{1,2}[-/]\d{2,4}|\d{4}-\d\d-\d\d(?:[ T]00:00:00)?",
    re.IGNORECASE,
)
_POWER = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d+")
_WHOLE = re.compile(r"(\d+)[.,]0+")


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one cell: its row and column as the spreadsheet names them, and a message with its values."""

    row: int
    column: str  # "C", or "" where it is the whole row
    head: str  # as the list calls that column
    message: str
    values: dict[str, str] = {}


class BadList(ValueError):
    """A list that cannot be used: every mistake found. Nothing of it is used."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda one: (one.row, len(one.column), one.column)))
        super().__init__(f"{len(mistakes)} mistakes")


class Imported(NamedTuple):
    """A list, taken into a plan."""

    site: Site
    codes: tuple[InstallCode, ...]
    rows: int


def read(file: Path) -> list[tuple[int, list[Any]]]:
    """Return the rows of a list that hold something, each with its number in the spreadsheet, which begins at 1.

    Raises `OSError`, or `Wrong` if it is no list at all.
    """
    if file.stat().st_size > BYTES_MAX:
        raise Wrong(mark("{file} is larger than {mb} MB. Is it the list?"), file=file, mb=BYTES_MAX // 10**6)
    rows = _xlsx(file) if file.suffix.lower() in (".xlsx", ".xlsm") else _csv(file)
    found: list[tuple[int, list[Any]]] = []
    for number, row in enumerate(rows, start=1):
        if number > ROWS_MAX:
            raise Wrong(mark("{file} has more than {rows} rows. Cut it into several lists."), file=file, rows=ROWS_MAX)
        cells = [cell.strip() if isinstance(cell, str) else cell for cell in row[:COLUMNS_MAX]]
        if any(cell not in (None, "") for cell in cells):
            found.append((number, cells))
    return found


def imported(site: Site, rows: Sequence[tuple[int, list[Any]]]) -> Imported:
    """Return the plan with every sensor of a list in it, and the install codes that came with them.

    A sensor that stands in the plan already as the list says it changes nothing, so a list can be taken in again.
    Raises `BadList` with every mistake.
    """
    taking = _Taking(site)
    columns = taking.columns(rows)
    for number, cells in rows[1:] if columns else []:
        taking.row(number, cells, columns)
    if taking.mistakes:
        raise BadList(taking.mistakes)
    return Imported(taking.site, tuple(taking.codes), len(rows) - 1)


def written(site: Site) -> list[list[str]]:
    """Return the sensors of a plan as a list, heads first, that `imported` takes in again. Without install codes."""
    columns = [column for column in _HEADS if column != "install code"]
    rows = [columns]
    for name, (home_id, sensor) in site.sensors.items():
        home, device = site.by_id[home_id], site.devices.get(sensor.id, Device())
        kind = home.rooms[sensor.room]
        said = {
            "name": name,
            "home": home_id.partition("/")[2],
            "resident": str(home.resident),
            "role": str(sensor.kind),
            "room": str(sensor.room),
            "room kind": "" if ROOM_NAMES.get(sensor.room) is kind else str(kind),
            "address": device.address,
            "model": device.model,
            "family": "" if device.family is Family.ZIGBEE2MQTT else str(device.family),
        }
        rows.append([said[column] for column in columns])
    return rows


def save(file: Path, rows: list[list[str]]) -> None:
    """Write a list, as a workbook or as the CSV that a Dutch spreadsheet opens without asking. Raises `OSError`."""
    if file.suffix.lower() == ".xlsx":
        from openpyxl import Workbook  # heavy, and seldom needed

        book = Workbook(write_only=True)
        sheet = book.create_sheet("sensors")
        for row in rows:
            sheet.append(row)
        book.save(file)
        return
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";").writerows(rows)
    file.write_text(text.getvalue(), encoding="utf-8-sig", newline="")


def _csv(file: Path) -> list[list[Any]]:
    body = file.read_bytes()
    try:
        text = body.decode("utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("cp1252", errors="replace")  # what Excel calls CSV, without more, in the Netherlands
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == len("sep=;"):
        return [[], *csv.reader(io.StringIO(rest, newline=""), delimiter=first.strip()[-1])]
    delimiter = max(";,\t", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise Wrong(mark("{file} cannot be read as CSV: {why}."), file=file, why=error) from error


def _xlsx(file: Path) -> Iterator[list[Any]]:
    from zipfile import BadZipFile

    from openpyxl import load_workbook  # heavy, and only needed for workbooks
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(file, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise Wrong(mark("{file} is not a workbook. Save it as .xlsx or as .csv."), file=file) from error
    try:
        for row in book.worksheets[0].iter_rows(values_only=True, max_col=COLUMNS_MAX):
            yield list(row)
    finally:
        book.close()


def _letter(index: int) -> str:
    """Return the name that a spreadsheet gives a column.

    >>> _letter(0), _letter(25), _letter(26)
    ('A', 'Z', 'AA')
    """
    return (_letter(index // 26 - 1) if index >= 26 else "") + chr(ord("A") + index % 26)  # noqa: PLR2004


class _Cell(NamedTuple):
    at: int
    head: str


@dataclass
class _Taking:
    """The taking in of a list, row by row, with what is wrong so far."""

    site: Site
    mistakes: list[Mistake] = field(default_factory=list)
    codes: list[InstallCode] = field(default_factory=list)
    _number: int = 0
    _columns: dict[str, _Cell] = field(default_factory=dict)
    _row_of_name: dict[str, int] = field(default_factory=dict)
    _row_of_device: dict[tuple[Family, str], int] = field(default_factory=dict)

    def columns(self, rows: Sequence[tuple[int, list[Any]]]) -> dict[str, _Cell]:
        """Return which column is which, after the first row that holds something; empty if one that is needed lacks."""
        self._number, heads = rows[0] if rows else (1, [])
        known = {called: column for column, names in _HEADS.items() for called in names}
        for index, head in enumerate(heads):
            said = re.sub(r"[\s_-]+", " ", str(head or "")).strip().lower()
            column = known.get(said)
            if column is None and said:
                self._wrong_at(
                    _Cell(index, str(head)),
                    mark("This column is not known. Known are: {columns}."),
                    columns=", ".join(_HEADS),
                )
            elif column in self._columns:
                self._wrong_at(_Cell(index, str(head)), mark("There are two columns for {key}."), key=column)
            elif column is not None:
                self._columns[column] = _Cell(index, str(head))
        lacks = [column for column in ("home", "role", "room") if column not in self._columns]
        if lacks:
            self._wrong("", mark("The list needs columns {columns} in its first row."), columns=", ".join(lacks))
        return {} if lacks else self._columns

    def row(self, number: int, cells: list[Any], columns: dict[str, _Cell]) -> None:
        """Take in one row, or note what is wrong with it."""
        self._number, before = number, len(self.mistakes)
        said = {
            column: self._text(column, cells[cell.at])
            for column, cell in columns.items()
            if cell.at < len(cells) and cells[cell.at] not in (None, "")
        }
        device = self._device(said)
        code = self._code(said, device)
        home = self._home(said.get("home", ""), said.get("resident", ""))
        place = self._place(home, said)
        name = said.get("name", "")
        if not name and not device.address:
            self._wrong("address" if "address" in columns else "", mark("Write an address, or a name."))
        if len(self.mistakes) == before and place is not None:
            self._take(name, place, device)
        if len(self.mistakes) == before and code is not None:
            self.codes.append(code)

    def _take(self, name: str, place: Place, device: Device) -> None:
        known = self._known_as(device)
        if self._twice(name, device):
            return
        if known is not None and name and name != known:
            self._wrong("address", mark('This address stands in the plan already, as sensor "{other}".'), other=known)
            return
        name = name or known or plans.name_for(self.site, place)
        if name in self.site.friendly:
            device = self._as_it_stands(name, place, device)
        if self._wrong_in_this_row:
            return
        try:
            self.site = plans.with_sensor(self.site, name, place, device)
        except Wrong as error:
            self._wrong("name", error.message, **error.values)
        self._row_of_name[name] = self._number
        if device.address:
            self._row_of_device[device.family, device.address] = self._number

    @property
    def _wrong_in_this_row(self) -> bool:
        return bool(self.mistakes) and self.mistakes[-1].row == self._number

    def _twice(self, name: str, device: Device) -> bool:
        first = self._row_of_name.get(name)
        if first is not None:
            self._wrong("name", mark("This name stands in row {row} too."), row=first)
        also = self._row_of_device.get((device.family, device.address))
        if also is not None:
            self._wrong("address", mark("This address stands in row {row} too."), row=also)
        return first is not None or also is not None

    def _known_as(self, device: Device) -> str | None:
        names = (
            str(name)
            for name, one in self.site.devices.items()
            if one.address and (one.family, one.address) == (device.family, device.address)
        )
        return next(names, None)

    def _as_it_stands(self, name: str, place: Place, device: Device) -> Device:
        """Return the device of a sensor that is in the plan already; a mistake if the list says otherwise of it."""
        home, sensor = self.site.sensors[name]
        number = home.partition("/")[2]
        stands = {"home": number, "role": str(sensor.kind), "room": str(sensor.room)}
        says = {"home": place.home, "role": str(place.role), "room": place.room}
        for column, value in stands.items():
            if says[column] != value:
                line = mark(
                    'Sensor "{name}" stands in the plan with {key} "{value}". Move it: nachtwacht sensor assign.'
                )
                self._wrong(column, line, name=name, key=column, value=value)
        known = self.site.devices.get(SensorId(name), Device())
        if known.address and device.address and (known.family, known.address) != (device.family, device.address):
            line = mark('Sensor "{name}" is {address} in the plan. Is it replaced: nachtwacht sensor replace.')
            self._wrong("address", line, name=name, address=known.address)
        return Device(
            family=device.family if device.address else known.family,
            address=device.address or known.address,
            model=device.model or known.model,
        )

    def _text(self, column: str, cell: Any) -> str:
        """Return what a cell says as text, undoing what the spreadsheet made of it where that can be undone."""
        exact = column in ("address", "install code")
        if isinstance(cell, date | time | timedelta) or (
            column == "home" and isinstance(cell, str) and _DATE.fullmatch(cell) and not self._stands(cell)
        ):
            line = mark("The spreadsheet made a date of it: {found}. Set the column to text and write it again.")
            self._wrong(column, line, found=cell)
        elif exact and (isinstance(cell, int | float) or _POWER.fullmatch(str(cell))):
            line = mark(
                "The spreadsheet made a number of it, and lost digits. Set the column to text and write it again."
            )
            self._wrong(column, line)
        elif isinstance(cell, float) and cell.is_integer():
            return str(int(cell))
        elif column == "home" and not self._stands(str(cell)) and (whole := _WHOLE.fullmatch(str(cell))):
            return whole[1]
        else:
            return str(cell)
        return ""

    def _stands(self, number: str) -> bool:
        return HomeId(f"{self.site.id}/{number}") in self.site.by_id

    def _device(self, said: dict[str, str]) -> Device:
        family = said.get("family", "").lower() or str(Family.ZIGBEE2MQTT)
        if family not in set(Family):
            self._unknown("family", family, list(Family))
            return Device()
        address = said.get("address", "")
        if family == Family.ZIGBEE2MQTT and address:
            read = plans.eui64(address)
            if read is None:
                line = mark('"{found}" is no IEEE address. Write 16 hexadecimal digits, like 0x00158d0001234567.')
                self._wrong("address", line, found=address)
            address = read or ""
        elif address and homes.NAME.fullmatch(address) is None:
            self._wrong("address", mark('"{found}" cannot be an address.'), found=address)
        if family != Family.ZIGBEE2MQTT and not address:
            line = mark('A sensor of family "{family}" needs an address: where it speaks.')
            self._wrong("family", line, family=family)
        return Device(family=Family(family), address=address, model=said.get("model", ""))

    def _code(self, said: dict[str, str], device: Device) -> InstallCode | None:
        """Return the install code of a row, if it has one. It is not repeated in what is wrong with it."""
        if not said.get("install code"):
            return None
        try:
            code = install_codes.read(said["install code"])
        except BadCode as error:
            if error.length is None:
                self._wrong("install code", mark("This is no install code. Write only digits and the letters A to F."))
            else:
                line = mark("This install code of {length} bytes does not add up. Copy it from the label again.")
                self._wrong("install code", line, length=error.length)
            return None
        if device.family is not Family.ZIGBEE2MQTT or not said.get("address"):
            self._wrong("install code", mark("An install code belongs to an IEEE address. Write that too."))
            return None
        return InstallCode(device.address, code) if device.address else None

    def _home(self, number: str, resident: str) -> str:
        if not number:
            self._wrong("home", mark("Write the number of the home."))
            return ""
        home = self.site.by_id.get(HomeId(f"{self.site.id}/{number}"))
        if home is not None and resident and home.resident != resident:
            line = mark('Home {home} has resident "{resident}" in the plan.')
            self._wrong("resident", line, home=number, resident=home.resident)
        if home is not None:
            return number
        if not resident:
            line = mark("Home {home} does not stand in the plan. Add it, or add a column with its resident.")
            self._wrong("home", line, home=number)
            return ""
        try:
            self.site = plans.with_home(self.site, number, resident)
        except Wrong as error:
            self._wrong("home" if error.values.get("text") == number else "resident", error.message, **error.values)
            return ""
        return number

    def _place(self, home: str, said: dict[str, str]) -> Place | None:
        role, room, kind = said.get("role", ""), said.get("room", ""), said.get("room kind", "")
        if role.lower() not in _ROLES:
            self._unknown("role", role, list(Kind))
        if kind and kind.lower() not in _KINDS:
            self._unknown("room kind", kind, list(RoomKind))
        if not room:
            self._wrong("room", mark("Write the room that it stands in."))
        if not home or not room or (kind and kind.lower() not in _KINDS):
            return None
        declared, said_kind = self.site.by_id[HomeId(f"{self.site.id}/{home}")].rooms, _KINDS.get(kind.lower())
        if room not in declared and not kind and room.lower() in ROOM_NAMES:
            room = room.lower()
        try:
            plans.room_kind(self.site, home, room, said_kind)
        except Wrong as error:
            self._wrong("room", error.message, **error.values)
            return None
        if role.lower() not in _ROLES:
            return None
        return Place(home=home, role=_ROLES[role.lower()], room=room, room_kind=said_kind)

    def _unknown(self, column: str, word: str, words: Iterable[str]) -> None:
        known = ", ".join(words)
        self._wrong(column, mark('"{word}" is not known here. Known are: {known}.'), word=word, known=known)

    def _wrong(self, column: str, message: str, **values: object) -> None:
        self._wrong_at(self._columns.get(column), message, **values)

    def _wrong_at(self, cell: _Cell | None, message: str, **values: object) -> None:
        """Note what is wrong with a cell: the first thing only, for the rest mostly follows from it."""
        column, head = ("", "") if cell is None else (_letter(cell.at), cell.head)
        said = {name: str(value) for name, value in values.items()}
        if column and any((one.row, one.column) == (self._number, column) for one in self.mistakes):
            return
        self.mistakes.append(Mistake(row=self._number, column=column, head=head, message=message, values=said))
