"""The commands for the sensors in a plan: given a place, replaced, listed, and taken in from a list by the hundred."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import msgspec
import typer

from care.homes import Device, Family, Site
from care.language import mark
from detectors.homes import HomeId, Kind, RoomKind, SensorId
from gateway.installer import drafts, install_codes, plans
from gateway.installer.bridge import Bridge, BridgeDevice, BridgeTrouble
from gateway.installer.commands import sensor as sensor_group
from gateway.installer.drafts import PLAN, Plan
from gateway.installer.install_codes import InstallCode
from gateway.installer.plans import Place, Wrong
from gateway.installer.terminal import AsJson, DryRun, Terminal, Yes, address, say

if TYPE_CHECKING:
    from gateway.installer.lists import Imported, Mistake

JUST_IN_S = 3.0  # a device that came in a moment ago may not have been told of yet
AtBridge = Annotated[str, typer.Option("--broker", help="ask Zigbee2MQTT there which device it is, host:port")]
Base = Annotated[str, typer.Option(help="base topic of Zigbee2MQTT")]
Model = Annotated[str, typer.Option(help="as its maker calls it, like RTCGQ11LM")]
FamilyOf = Annotated[Family, typer.Option(help="whose words it speaks")]


@sensor_group.command()
def assign(
    device: Annotated[str, typer.Argument(help="IEEE address, name at the bridge, or where it speaks")],
    *,
    home: Annotated[str, typer.Option(help="the number on the door")],
    role: Annotated[Kind, typer.Option(help="what it observes")],
    room: Annotated[str, typer.Option(help="where it stands, like badkamer")],
    room_kind: Annotated[RoomKind | None, typer.Option(help="of a room with a name of its own")] = None,
    name: Annotated[str, typer.Option(help="its name; made of home and room if left out")] = "",
    model: Model = "",
    family: FamilyOf = Family.ZIGBEE2MQTT,
    plan: Plan = PLAN,
    broker: AtBridge = "",
    base: Base = "zigbee2mqtt",
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give a device a home, a room and a role in the plan. The bridge hears of it with plan apply.

    Example: nachtwacht sensor assign 0x00158d0001234567 --home 12 --role motion --room badkamer
    """
    terminal = Terminal(as_json=as_json, yes=yes)
    draft = drafts.opened(plan, terminal)
    site = draft.site
    known = _at_bridge(device, broker, base, terminal)
    place = Place(home=home, role=role, room=room, room_kind=room_kind)
    said, called = _device(device, family, model, known)
    standing = _standing(site, said) or (called if called in site.friendly else None)
    name = name or standing or called or plans.name_for(site, place)
    before = site.devices.get(SensorId(name), Device())
    if before.address and said.address and (before.family, before.address) != (said.family, said.address):
        line = mark('Sensor "{name}" is {address} already. Is it replaced: nachtwacht sensor replace.')
        terminal.fail(line, name=name, address=before.address)
    if not said.address:
        said = before if not model else msgspec.structs.replace(before, model=model)
    try:
        new = plans.with_sensor(site, name, place, said)
    except Wrong as error:
        drafts.wrong(error, terminal)
    drafts.carry_out(draft, new, terminal, dry_run=dry_run, harm=_moves(site, name, place), sensor=name)


@sensor_group.command()
def replace(
    name: Annotated[str, typer.Argument(help="the sensor, by its name in the plan")],
    device: Annotated[str, typer.Argument(help="the new device: IEEE address, name at the bridge, or where it speaks")],
    *,
    model: Model = "",
    family: Annotated[Family | None, typer.Option(help="whose words it speaks; as before if left out")] = None,
    plan: Plan = PLAN,
    broker: AtBridge = "",
    base: Base = "zigbee2mqtt",
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put another device in place of a sensor. Its name, place, history and lessons stay.

    With --broker the new device gets the name at the bridge too.

    Example: nachtwacht sensor replace 12/bed 0x00158d0007654321 --broker 127.0.0.1:1883
    """
    terminal = Terminal(as_json=as_json, yes=yes)
    draft = drafts.opened(plan, terminal)
    before = draft.site.devices.get(SensorId(name), Device())
    known = _at_bridge(device, broker, base, terminal)
    said, called = _device(device, family or before.family, model, known)
    if called and not said.address:
        line = mark('"{device}" is no IEEE address. Write that, or add --broker to look it up at the bridge.')
        terminal.fail(line, device=device)
    try:
        new = plans.replaced(draft.site, name, said)
    except Wrong as error:
        drafts.wrong(error, terminal)
    question = mark("Sensor {name} becomes {address}. The old device is no longer heard. Go on?")
    harm: drafts.Harm = (question, {"name": name, "address": said.address})
    written = drafts.carry_out(draft, new, terminal, dry_run=dry_run, harm=harm, sensor=name)
    if known is not None and not dry_run:
        _rename(name, said, broker, base, terminal)
    elif written and said.family is Family.ZIGBEE2MQTT:
        terminal.tell(mark("Now the bridge: nachtwacht plan apply."))


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A sensor of a plan, for a program to read."""

    name: str
    home: str
    role: str
    room: str
    family: str
    address: str
    model: str


@sensor_group.command("list")
def list_(
    home: Annotated[str, typer.Option(help="of this home alone")] = "",
    out: Annotated[Path | None, typer.Option(help="write it as .csv or .xlsx, for sensor import")] = None,
    plan: Plan = PLAN,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """List the sensors of a plan, or write them as a list that can be taken in again.

    Example: nachtwacht sensor list --home 12
    """
    terminal = Terminal(as_json=as_json, yes=yes)
    site = drafts.opened(plan, terminal).site
    if home and HomeId(f"{site.id}/{home}") not in site.by_id:
        terminal.fail(mark("Home {home} does not stand in the plan."), home=home)
    found = tuple(one for one in _listed(site) if not home or one.home == home)
    if out is not None:
        _write_list(site, out, terminal)
    else:
        columns = (mark("name"), mark("home"), mark("role"), mark("room"), mark("address"), mark("model"))
        rows = [(one.name, one.home, one.role, one.room, one.address, one.model) for one in found]
        terminal.table(mark("Sensors in the plan"), columns, rows)
    terminal.answer(found)


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Why a list was not taken in, for a program to read."""

    error: str
    mistakes: tuple[dict[str, Any], ...]


@sensor_group.command("import")
def import_(
    list_file: Annotated[Path, typer.Argument(metavar="LIST", help="the list: .csv or .xlsx, heads in the first row")],
    codes: Annotated[Path | None, typer.Option(help="keep its install codes in this new file, for plan apply")] = None,
    plan: Plan = PLAN,
    broker: Annotated[str, typer.Option(help="give its install codes to Zigbee2MQTT there now, host:port")] = "",
    base: Base = "zigbee2mqtt",
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take a list of sensors into the plan: all of it, or nothing and every mistake with its row and column.

    Columns: home, role and room, with address or name. Also known: install code, model, room kind, resident, family.
    Heads may be Dutch or English. Install codes do not go into the plan.

    Example: nachtwacht sensor import sensors.xlsx --codes codes.csv
    """
    from gateway.installer import applying

    terminal = Terminal(as_json=as_json)
    draft = drafts.opened(plan, terminal)
    taken = _taken(list_file, draft.site, terminal)
    if taken.codes and codes is None and not broker:
        line = mark("The list has install codes. Say where they go: --codes FILE to keep them, or --broker.")
        terminal.fail(line)
    if codes is not None and codes.exists():
        terminal.fail(mark("{file}: is there already. Nothing was changed."), file=codes)
    kept = codes if codes is not None and taken.codes and not dry_run else None
    told = (address(broker), base) if broker and taken.codes and not dry_run else None
    with applying.Reality(terminal, told, None) as reality, _kept(taken.codes, kept, terminal):
        more = {"rows": taken.rows, "install_codes": len(taken.codes)}
        drafts.carry_out(draft, taken.site, terminal, dry_run=dry_run, more=more)
        reality.hand_over(taken.codes)


def _taken(file: Path, site: Site, terminal: Terminal) -> "Imported":
    """Return a list as taken into a plan, or end the command with all that is wrong with it."""
    from gateway.installer import lists

    try:
        return lists.imported(site, lists.read(file))
    except OSError as error:
        terminal.fail(mark("{file}: cannot be read: {why}."), file=file, why=error.strerror)
    except Wrong as error:
        drafts.wrong(error, terminal)
    except lists.BadList as error:
        _refuse(error.mistakes, file, terminal)


@contextlib.contextmanager
def _kept(found: Sequence[InstallCode], file: Path | None, terminal: Terminal) -> Iterator[None]:
    """Keep install codes in a file, if one is named; it goes again where the plan could not be written."""
    if file is None:
        yield
        return
    try:
        install_codes.keep(file, found)
    except OSError as error:
        terminal.fail(mark("{file}: not written: {why}. Nothing was changed."), file=file, why=error.strerror)
    try:
        yield
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    terminal.tell(mark("{file}: holds the install codes. Only you can read it. Delete it after use."), file=file)


def _refuse(mistakes: Sequence["Mistake"], file: Path, terminal: Terminal) -> NoReturn:
    """End the command with every mistake of a list: in which cell, and what would be right."""
    rows = [(str(one.row), f"{one.column} {one.head}".strip(), say(one.message, **one.values)) for one in mistakes]
    if terminal.as_json:
        said = [
            {"row": one.row, "column": one.column, "head": one.head, "said": row[2]}
            for one, row in zip(mistakes, rows, strict=True)
        ]
        error = say(mark("{file}: mistakes: {count}. Nothing was changed."), file=file, count=len(mistakes))
        terminal.answer(Refused(error=error, mistakes=tuple(said)))
        raise typer.Exit(1)
    terminal.table(mark("What is wrong with the list"), (mark("row"), mark("column"), mark("what")), rows)
    terminal.fail(mark("{file}: mistakes: {count}. Nothing was changed."), file=file, count=len(mistakes))


def _at_bridge(device: str, broker: str, base: str, terminal: Terminal) -> BridgeDevice | None:
    """Return a device as the bridge knows it, by its address or its name there; None if no bridge is asked."""
    if not broker:
        return None
    wanted = plans.eui64(device)

    def known(bridge: Bridge) -> list[BridgeDevice]:
        return [one for one in bridge.devices() if device == one.friendly_name or wanted == one.ieee_address]

    try:
        with Bridge(address(broker), base) as bridge:
            bridge.until(lambda one: bool(known(one)), patience_s=JUST_IN_S)
            found = known(bridge)
    except BridgeTrouble as error:
        terminal.fail(error.message, **error.values)
    if not found:
        terminal.fail(
            mark('The bridge knows no device "{device}". Pair it: nachtwacht sensor discover.'), device=device
        )
    return found[0]


def _device(device: str, family: Family, model: str, known: BridgeDevice | None) -> tuple[Device, str]:
    """Return the device that is meant, and the name by which it was called, if it was."""
    if known is not None:
        name = "" if plans.eui64(known.friendly_name) else known.friendly_name
        return Device(address=known.ieee_address, model=model or known.model), name
    if family is not Family.ZIGBEE2MQTT:
        return Device(family=family, address=device, model=model), ""
    wanted = plans.eui64(device)
    return (Device(address=wanted, model=model), "") if wanted else (Device(model=model), device)


def _standing(site: Site, device: Device) -> str | None:
    """Return as which sensor a device stands in the plan."""
    names = (
        str(sensor)
        for sensor, one in site.devices.items()
        if one.address and (one.family, one.address) == (device.family, device.address)
    )
    return next(names, None)


def _moves(site: Site, name: str, place: Place) -> tuple[str, dict[str, object]] | None:
    """Return the question to ask before a sensor that stands somewhere moves, or observes something else."""
    there = site.sensors.get(name)
    if there is None:
        return None
    home, sensor = there[0].partition("/")[2], there[1]
    if (home, sensor.kind, sensor.room) == (place.home, place.role, place.room):
        return None
    line = mark("Sensor {name} stands in home {home} as {role}, {room}. What it taught there goes. Go on?")
    return line, {"name": name, "home": home, "role": str(sensor.kind), "room": str(sensor.room)}


def _rename(name: str, device: Device, broker: str, base: str, terminal: Terminal) -> None:
    """Give a new device its name at the bridge, taking it from the old one first."""
    from gateway.installer import settings
    from gateway.installer.settings import Mismatch

    wanted = settings.Wanted(bridge={}, sensors={name: device})
    try:
        with Bridge(address(broker), base) as bridge:
            found = settings.of_devices(wanted, bridge.info(), bridge.devices())
            ours = [one for one in found if one.what in (Mismatch.TAKEN, Mismatch.NAME)]
            left = settings.put_right(bridge, ours, wanted)
    except BridgeTrouble as error:
        terminal.tell(mark("The plan is changed. The bridge is not yet: nachtwacht plan apply."))
        terminal.fail(error.message, **error.values)
    if left:
        terminal.fail(mark("The plan is changed. The bridge is not yet: nachtwacht plan apply."))
    terminal.tell(mark("{name}: the bridge calls the new device so."), name=name)


def _listed(site: Site) -> list[Listed]:
    return [
        Listed(
            name=name,
            home=home.partition("/")[2],
            role=str(sensor.kind),
            room=str(sensor.room),
            family=str(device.family),
            address=device.address,
            model=device.model,
        )
        for name, (home, sensor) in site.sensors.items()
        for device in (site.devices.get(sensor.id, Device()),)
    ]


def _write_list(site: Site, out: Path, terminal: Terminal) -> None:
    from gateway.installer import lists

    if out.exists():
        terminal.agreed(mark("{file}: is there already. Write over it?"), file=out)
    try:
        lists.save(out, lists.written(site))
    except OSError as error:
        terminal.fail(mark("{file}: not written: {why}. Nothing was changed."), file=out, why=error.strerror)
    terminal.tell(mark("{file}: written."), file=out)
