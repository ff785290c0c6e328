"""The commands for a building, its homes, and the plan as a whole: made, checked, compared, carried out."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from care import homes
from care.homes import Site
from care.language import mark
from gateway.installer import drafts, plans
from gateway.installer.commands import home as home_group
from gateway.installer.commands import plan as plan_group
from gateway.installer.commands import site as site_group
from gateway.installer.drafts import PLAN, Draft, Plan
from gateway.installer.plans import Wrong
from gateway.installer.terminal import AsJson, DryRun, Terminal, Yes, address

PlanFile = Annotated[Path, typer.Argument(help="the plan of the building", envvar="NACHTWACHT_PLAN")]
Broker = Annotated[str, typer.Option(help="the broker of the building, host:port")]
Base = Annotated[str, typer.Option(help="base topic of Zigbee2MQTT")]
NoBridge = Annotated[bool, typer.Option("--no-bridge", help="leave Zigbee2MQTT out of it")]
Journal = Annotated[Path | None, typer.Option("--journal", help="the journal of the building")]
BROKER = "127.0.0.1:1883"


@site_group.command("new")
def new_site(
    site: Annotated[str, typer.Argument(help="id of the building: letters and digits, like wilg")],
    name: Annotated[str, typer.Option(help="what people call it, like De Wilg")] = "",
    zone: Annotated[str, typer.Option(help="its time zone")] = "Europe/Amsterdam",
    plan: Plan = PLAN,
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Begin the plan of a building.

    Example: nachtwacht site new wilg --name "De Wilg"
    """
    terminal = Terminal(as_json=as_json)
    try:
        new = plans.new_site(site, name, zone)
    except Wrong as error:
        drafts.wrong(error, terminal)
    if plan.exists():
        terminal.fail(mark("{file}: is there already. Nothing was changed."), file=plan)
    edits = plans.edits(None, new)
    drafts.show(edits, terminal)
    if dry_run:
        terminal.tell(mark("Nothing was changed: this was a dry run."))
    else:
        drafts.write(Draft(plan, "", new), homes.write(new), terminal)
        terminal.tell(mark("{file}: written. Now its homes: nachtwacht home add."), file=plan)
    terminal.answer(drafts.Written(plan=str(plan), written=not dry_run, edits=edits))


@home_group.command("add")
def add_home(
    homes_: Annotated[list[str], typer.Argument(metavar="HOME...", help="the numbers on the doors; 1-24 is a row")],
    resident: Annotated[str, typer.Option(help="id of the resident; {} stands for the number")] = "r-{}",
    night: Annotated[str, typer.Option(help="the hours watched, like 23:00-07:00")] = "",
    profile: Annotated[str, typer.Option(help="whose nights are alike, like elderly")] = "",
    plan: Plan = PLAN,
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Add homes to a plan. One that is there already is left as it is.

    Example: nachtwacht home add 1-24 --resident r-{}
    """
    terminal = Terminal(as_json=as_json)
    draft = drafts.opened(plan, terminal)
    new = draft.site
    numbers = [number for text in homes_ for number in plans.numbers(text)]
    if len(numbers) > 1 and "{}" not in resident:
        terminal.fail(
            mark("Each home has its own resident. Write --resident with {braces} for the number."), braces="{}"
        )
    try:
        for number in numbers:
            new = plans.with_home(new, number, resident.replace("{}", number), night=night, profile=profile)
    except Wrong as error:
        drafts.wrong(error, terminal)
    drafts.carry_out(draft, new, terminal, dry_run=dry_run)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan holds, for a program to read."""

    site: str
    name: str
    homes: tuple["CheckedHome", ...]


class CheckedHome(msgspec.Struct, frozen=True, kw_only=True):
    """One home of a plan: its night, its rooms, and how many sensors of each role."""

    home: str
    night: str
    rooms: tuple[str, ...]
    sensors: dict[str, int]


@plan_group.command()
def check(plan: PlanFile = PLAN, *, as_json: AsJson = False) -> None:
    """Say what is wrong with a plan, line by line, or what it holds. Changes nothing.

    Example: nachtwacht plan check site.toml
    """
    terminal = Terminal(as_json=as_json)
    site = drafts.opened(plan, terminal, whole=True).site
    found = Checked(site=site.id, name=site.name, homes=tuple(_checked(site)))
    rows = [
        (one.home, one.night, ", ".join(one.rooms), ", ".join(f"{count} {kind}" for kind, count in one.sensors.items()))
        for one in found.homes
    ]
    terminal.table(f"{site.name} ({site.id})", (mark("home"), mark("night"), mark("rooms"), mark("sensors")), rows)
    terminal.answer(found)


def _checked(site: Site) -> list[CheckedHome]:
    return [
        CheckedHome(
            home=home.id.partition("/")[2],
            night=f"{home.night.start:%H:%M}-{home.night.end:%H:%M}",
            rooms=tuple(home.rooms),
            sensors=dict(Counter(str(sensor.kind) for sensor in home.sensors)),
        )
        for home in site.homes
    ]


@plan_group.command()
def diff(
    plan: PlanFile = PLAN,
    broker: Broker = BROKER,
    base: Base = "zigbee2mqtt",
    journal_file: Journal = None,
    *,
    no_bridge: NoBridge = False,
    as_json: AsJson = False,
) -> None:
    """Say how bridge and gateway differ from a plan. Changes nothing; ends with 1 where something differs.

    With --journal also what the gateway watches by now.

    Example: nachtwacht plan diff site.toml --journal /var/lib/nachtwacht/gateway.db
    """
    from gateway.installer import applying

    terminal = Terminal(as_json=as_json)
    site = drafts.opened(plan, terminal, whole=True).site
    if no_bridge and journal_file is None:
        terminal.fail(mark("There is nothing to compare with. Name the --journal, or leave out --no-bridge."))
    with applying.Reality(terminal, None if no_bridge else (address(broker), base), journal_file) as reality:
        found = reality.found(site)
        applying.show(found, terminal)
    terminal.answer(found)
    if not found.agrees:
        raise typer.Exit(1)


@plan_group.command()
def apply(
    plan: PlanFile = PLAN,
    *,
    broker: Broker = BROKER,
    base: Base = "zigbee2mqtt",
    journal_file: Journal = None,
    to: Annotated[Path | None, typer.Option(help="where the gateway reads its plan, if that is another file")] = None,
    unit: Annotated[str, typer.Option(help="what systemd calls the gateway")] = "nachtwacht-gateway",
    codes: Annotated[Path | None, typer.Option(help="install codes for the bridge, as sensor import kept them")] = None,
    no_bridge: NoBridge = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make bridge and gateway agree with a plan: shown first, asked, done, looked at again. May be done again.

    The gateway takes the plan over while it runs. A plan that is wrong stops nothing.

    Example: nachtwacht plan apply site.toml --to /etc/nachtwacht/site.toml --journal /var/lib/nachtwacht/gateway.db
    """
    from gateway.installer import applying

    terminal = Terminal(as_json=as_json, yes=yes)
    draft = drafts.opened(plan, terminal, whole=True)
    kept = applying.codes_in(codes, terminal)
    if kept and no_bridge:
        terminal.fail(mark("Install codes go to the bridge. Leave out --no-bridge, or --codes."))
    with applying.Reality(terminal, None if no_bridge else (address(broker), base), journal_file) as reality:
        applied = reality.carried_out(draft, to or plan, unit, kept, dry_run=dry_run)
    terminal.answer(applied)
    if not applied.agrees and not dry_run:
        raise typer.Exit(1)
