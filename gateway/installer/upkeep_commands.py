"""`nachtwacht backup`, `restore` and `update`: a building kept, carried to a spare machine, and brought up to date."""

import sqlite3
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from care import journal as journals
from care.clock import SystemClock
from care.homes import BadPlan
from care.language import mark
from gateway.installer import backups, updates
from gateway.installer.backups import About, NoBackup, Part, Places
from gateway.installer.machine import BACKUPS, BRIDGE, BROKER_FILES, IDENTITY, JOURNAL, PLAN, RELEASES
from gateway.installer.terminal import AsJson, DryRun, Terminal, Yes, say
from gateway.installer.updates import Health, NotUpdated, Systemd, Trial, Versions

PlanFile = Annotated[Path, typer.Option("--plan", help="the plan of the building", envvar="NACHTWACHT_PLAN")]
JournalFile = Annotated[Path, typer.Option("--journal", help="the journal of the building")]
Identity = Annotated[Path, typer.Option("--identity", help="the folder of who this gateway is")]
Broker = Annotated[Path, typer.Option("--broker-files", help="the folder with the passwords of the broker")]
Bridge = Annotated[Path, typer.Option("--bridge", help="the data folder of Zigbee2MQTT")]
Passphrase = Annotated[
    Path | None, typer.Option("--passphrase", help="a file whose first line seals the backup, and opens it again")
]

PARTS = {
    Part.IDENTITY: mark("who this gateway is to its centre"),
    Part.BROKER: mark("the passwords of the broker"),
    Part.BRIDGE: mark("the Zigbee network with its keys"),
}


class Held(msgspec.Struct, frozen=True):
    """What a backup holds, for a program."""

    file: str
    site: str
    homes: int
    made_at: datetime
    files: dict[str, list[str]]
    lacks: list[str]


def backup(
    out: Annotated[Path, typer.Option(help="the file to write, or a folder: then it is named after site and day")],
    *,
    plan: PlanFile = PLAN,
    journal: JournalFile = JOURNAL,
    identity: Identity = IDENTITY,
    broker_files: Broker = BROKER_FILES,
    bridge: Bridge = BRIDGE,
    passphrase: Passphrase = None,
    keep: Annotated[int, typer.Option(min=0, help="in a folder: let older ones go beyond so many; 0 keeps all")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write everything of the building into one file, to be kept elsewhere. The daemon goes on meanwhile.

    Whoever has the file can be this building: it holds keys. Only its owner may read it; a passphrase seals it.

    Example: nachtwacht backup --out /media/stick --passphrase /etc/nachtwacht/passphrase
    """
    terminal, now = Terminal(as_json=as_json), SystemClock().now()
    places = Places(plan, journal, {Part.IDENTITY: identity, Part.BROKER: broker_files, Part.BRIDGE: bridge})
    file, stem = out, ""
    if out.is_dir():
        site = _site(terminal, plan)
        file, stem = out / backups.NAME.format(site=site, day=now), site
    about = _made(terminal, places, file, now, _secret(terminal, passphrase))
    size = f"{file.stat().st_size / 1e6:.1f}"
    terminal.tell("{file}: written and read again, {size} MB.", file=file, size=size)
    lacks = [part for part in PARTS if part not in about.files]
    for part in lacks:
        terminal.tell("Not in it, for it is not on this machine: {what}.", what=say(PARTS[part]))
    if Part.BRIDGE in about.files and backups.KEYS not in about.files[Part.BRIDGE]:
        terminal.tell("The coordinator's own copy is not there yet. Zigbee2MQTT writes it when it is stopped.")
    if stem and keep:
        for old in sorted(out.glob(f"{stem}-????-??-??.backup"))[:-keep]:
            old.unlink()
            terminal.tell("{file}: let go.", file=old)
    terminal.answer(_held(file, about))


def restore(
    file: Annotated[Path, typer.Argument(help="the file that `backup` wrote")],
    *,
    plan: PlanFile = PLAN,
    journal: JournalFile = JOURNAL,
    identity: Identity = IDENTITY,
    broker_files: Broker = BROKER_FILES,
    bridge: Bridge = BRIDGE,
    passphrase: Passphrase = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make this machine the building of a backup: all of it, or nothing, and never over what is there.

    The old machine must be off from then on. Both would be the same gateway.

    Example: nachtwacht restore /media/stick/wilg-2026-11-27.backup
    """
    terminal = Terminal(as_json=as_json, yes=yes)
    secret = _secret(terminal, passphrase)
    places = Places(plan, journal, {Part.IDENTITY: identity, Part.BROKER: broker_files, Part.BRIDGE: bridge})
    try:
        about = backups.examine(file, secret, aside=journal)
        day = f"{about.made_at:%Y-%m-%d %H:%M} UTC"
        terminal.tell("{site}, {homes} homes, as on {day}.", site=about.site.name, homes=len(about.site.homes), day=day)
        for part in about.files:
            terminal.tell("With it: {what}.", what=say(PARTS[part]))
        if dry_run:
            terminal.tell("Nothing was changed: this was a dry run.")
        else:
            terminal.agreed("This machine becomes the gateway of {site}. Is the old one off?", site=about.site.name)
            about = backups.restore(file, places, secret)
    except NoBackup as error:
        terminal.fail(error.message, **error.values)
    except FileExistsError as error:
        terminal.fail("{file} is there already. Nothing was changed. Move it away first.", file=error)
    except BadPlan as error:
        terminal.fail("{fault}", fault=error)
    except (OSError, sqlite3.Error) as error:
        terminal.fail("{file}: not restored: {fault}. Nothing was changed.", file=file, fault=error)
    if not dry_run:
        terminal.tell("Restored. Start it: systemctl restart mosquitto zigbee2mqtt nachtwacht-gateway.")
        terminal.tell("Never start the old machine again. If it was stolen, take its certificate back at the centre.")
    terminal.answer(_held(file, about))


def update(
    package: Annotated[Path | None, typer.Argument(help="the package that was downloaded")] = None,
    *,
    sha256: Annotated[str, typer.Option(help="the SHA-256 of the package, as its maker gave it")] = "",
    key: Annotated[Path, typer.Option(help="the public key of the maker; the signature is PACKAGE.sig")] = RELEASES,
    to: Annotated[str, typer.Option(help="a version that is there already, like the one before")] = "",
    root: Annotated[Path, typer.Option(help="where the versions are")] = updates.ROOT,
    plan: PlanFile = PLAN,
    journal: JournalFile = JOURNAL,
    backups_in: Annotated[Path, typer.Option("--backups", help="where the backup of before is written")] = BACKUPS,
    patience: Annotated[float, typer.Option(help="after so many seconds a version is given up")] = updates.PATIENCE_S,
    go_on: Annotated[bool, typer.Option("--go-on", help="go on with an update that was cut off")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Try another version, and keep it if the building goes on watching. Else the one before comes back by itself.

    Without a package it says which versions there are. The building is not watched for some seconds.

    Example: nachtwacht update nachtwacht-gateway_0.2.0_all.deb --sha256 3b1f...
    """
    terminal, versions = Terminal(as_json=as_json, yes=yes), Versions(root)
    if not (package or to or go_on):
        _tell_versions(terminal, versions)
        return
    try:
        with versions.alone():
            if not go_on:
                wanted = _wanted(terminal, versions, package, to=to, sha256=sha256, key=key)
                if wanted == versions.current:
                    terminal.tell("Version {version} runs already. Nothing was changed.", version=wanted)
                    return
                if dry_run:
                    terminal.tell("{there} would make place for {version}.", there=versions.current, version=wanted)
                    return
                terminal.agreed(
                    "{version} takes the place of {there}. For some seconds nobody watches. Go on?",
                    version=wanted,
                    there=versions.current,
                )
                if package is not None:
                    versions.unpack(package)
                if not versions.current:
                    versions.link("current", wanted)
                    terminal.tell("Version {version} is the first one here.", version=wanted)
                    return
                versions.keep_trial(_trial(terminal, versions, wanted, Places(plan, journal, {}), backups_in))
            trial = updates.try_out(versions, Systemd(), time.monotonic, time.sleep, patience)
    except NotUpdated as error:
        terminal.fail(error.message, **error.values)
    except OSError as error:
        terminal.fail("{root}: not updated: {fault}.", root=root, fault=error)
    if trial.back:
        terminal.fail(
            "Version {version} did not watch as {there} did. {there} runs again; the log: journalctl --unit={unit}.",
            version=trial.goes_to,
            there=trial.came_from,
            unit="nachtwacht-gateway",
        )
    terminal.tell(
        "Version {version} runs. The one before stays: {there}.", version=trial.goes_to, there=trial.came_from
    )
    terminal.answer(trial)


def _wanted(terminal: Terminal, versions: Versions, package: Path | None, *, to: str, sha256: str, key: Path) -> str:
    """Return the version that is asked for, having looked whether its package is genuine."""
    if versions.trial is not None:
        raise NotUpdated(mark("An update was cut off. First: nachtwacht update --go-on."))
    if package is None:
        return to
    signature = package.with_name(f"{package.name}.sig")
    signed = signature.exists() and key.exists()
    terminal.tell("Looking whether {file} is genuine.", file=package)
    updates.expect_genuine(package, sha256=sha256, signature=signature if signed else None, key=key if signed else None)
    return updates.version_of(package)


def _trial(terminal: Terminal, versions: Versions, wanted: str, places: Places, folder: Path) -> Trial:
    """Make a backup, and return the trial that may begin."""
    health, _ = Systemd().health()
    trial = Trial(
        came_from=versions.current,
        goes_to=wanted,
        expects=Health.RUNNING if health is Health.STARTING else health,
    )
    if not places.plan.exists():
        return trial
    copy = folder / f"before-{wanted}.backup"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _made(terminal, places, copy, SystemClock().now(), "")
    terminal.tell("{file}: the building as it is now.", file=copy)
    file = str(places.journal.absolute())
    return msgspec.structs.replace(trial, journal=file, make=updates.make_of(places.journal), copy=str(copy.absolute()))


def _tell_versions(terminal: Terminal, versions: Versions) -> None:
    trial = versions.trial
    for version in versions.ready():
        if version == versions.current:
            terminal.tell("{version}: this one runs.", version=version)
        elif version == versions.previous:
            terminal.tell("{version}: the one before. Back to it: nachtwacht update --to {version}.", version=version)
        else:
            terminal.tell("{version}: is there.", version=version)
    if trial is not None:
        terminal.tell("{version} is on trial. It was cut off: nachtwacht update --go-on.", version=trial.goes_to)
    terminal.answer({"current": versions.current, "previous": versions.previous, "ready": versions.ready()})


def _made(terminal: Terminal, places: Places, out: Path, now: datetime, secret: str) -> About:
    try:
        if not places.journal.exists():
            terminal.fail("{file}: there is no such journal.", file=places.journal)
        return backups.back_up(places, out, now, secret)
    except NoBackup as error:
        terminal.fail(error.message, **error.values)
    except (BadPlan, UnicodeDecodeError) as error:
        terminal.fail("{fault}", fault=error)
    except (OSError, sqlite3.Error, journals.TooNew) as error:
        terminal.fail("{file}: not written: {fault}.", file=out, fault=error)


def _site(terminal: Terminal, plan: Path) -> str:
    from care.homes import read

    try:
        return str(read(plan.read_text(encoding="utf-8"), file=str(plan)).id)
    except (OSError, BadPlan, UnicodeDecodeError) as error:
        terminal.fail("{fault}", fault=error)


def _secret(terminal: Terminal, file: Path | None) -> str:
    if file is None:
        return ""
    try:
        found = file.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        terminal.fail("{fault}", fault=error)
    if not found:
        terminal.fail("{file}: its first line is empty. Write the passphrase there.", file=file)
    return found


def _held(file: Path, about: About) -> Held:
    return Held(
        file=str(file),
        site=str(about.site.id),
        homes=len(about.site.homes),
        made_at=about.made_at,
        files={str(part): list(names) for part, names in about.files.items()},
        lacks=[str(part) for part in PARTS if part not in about.files],
    )
