"""`nachtwacht gateway enroll`, `renew`, `passwords`: who a gateway is to its centre, and who is who at its broker."""

from pathlib import Path
from typing import Annotated

import typer

from care.clock import SystemClock
from care.enrolment import BadCode, code_of
from care.homes import BadPlan, Site
from care.homes import read as read_plan
from gateway.identity import Papers
from gateway.installer import passwords as logins
from gateway.installer.machine import IDENTITY
from gateway.installer.terminal import AsJson, Terminal, Yes, say

# What looks into certificates is imported inside the commands: the daemon shares the program, and none of its weight.


PlanFile = Annotated[Path, typer.Option("--plan", help="the plan of the site, site.toml")]
Folder = Annotated[Path, typer.Option("--identity", help="the folder of who this gateway is")]


def enroll(
    plan: PlanFile,
    centre: Annotated[str, typer.Option(help="where the pages of the centre are, https://...")],
    code: Annotated[str, typer.Option(help="the code that the centre gave; asked for, if it is left out")] = "",
    identity: Folder = IDENTITY,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Enrol this gateway at its centre, with a code that the centre gave for this building.

    Its key is made here and never leaves it. A daemon that runs with --identity speaks to the centre within seconds.

    Example: nachtwacht gateway enroll --plan site.toml --centre https://desk.example --code 0123-4567-...
    """
    from gateway.installer import enrolment

    terminal = Terminal(as_json=as_json, yes=yes)
    site = _site(terminal, plan)
    typed = code or ("" if as_json else str(typer.prompt(say("Code"))))
    try:
        asked = code_of(typed)
    except BadCode:
        terminal.fail("This is no code. It has eight groups of four letters and digits; the centre gave it.")
    there = Papers(identity).about()
    if there is not None:
        until = f"{there.valid_until:%Y-%m-%d}"
        terminal.agreed(
            "This gateway is enrolled for {site} until {until}. Enrol it again?", site=there.site, until=until
        )
    url = centre.rstrip("/")
    try:
        about = enrolment.enrol(identity, enrolment.known_by_code(url, asked), asked, site.id, SystemClock().now())
    except enrolment.NotEnrolled as error:
        terminal.fail(error.message, **error.values)
    except OSError as error:
        terminal.fail(
            "{folder} cannot be written: {fault}. Nothing was changed.", folder=identity, fault=error.strerror
        )
    terminal.tell(
        "{site} is enrolled until {until}. Its broker at the centre: {broker}.",
        site=about.site,
        until=f"{about.valid_until:%Y-%m-%d}",
        broker=about.broker,
    )
    terminal.answer(about)


def renew(
    identity: Folder = IDENTITY,
    *,
    now: Annotated[bool, typer.Option("--now", help="also when it is not time for it yet")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask the centre for the next certificate, when less than a third of the present one's time is left.

    For a timer, once a day. The daemon goes on meanwhile, and has the new one from its next connection on.

    Example: nachtwacht gateway renew --identity /var/lib/nachtwacht/identity
    """
    from gateway.installer import enrolment

    terminal, moment = Terminal(as_json=as_json), SystemClock().now()
    try:
        about = enrolment.identity(identity)
        if not now and moment < about.renews_at():
            terminal.tell("Not yet: the certificate is renewed from {day} on.", day=f"{about.renews_at():%Y-%m-%d}")
        else:
            about = enrolment.renew(identity, moment)
            terminal.tell("Renewed: the certificate is good until {until}.", until=f"{about.valid_until:%Y-%m-%d}")
    except enrolment.NotEnrolled as error:
        terminal.fail(error.message, **error.values)
    except OSError as error:
        terminal.fail(
            "{folder} cannot be written: {fault}. Nothing was changed.", folder=identity, fault=error.strerror
        )
    terminal.answer(about)


def passwords(
    plan: PlanFile,
    folder: Annotated[Path, typer.Option(help="where the broker's files and everybody's login are written")],
    base: Annotated[str, typer.Option(help="base topic of Zigbee2MQTT")] = "zigbee2mqtt",
    *,
    per_home: Annotated[bool, typer.Option("--per-home", help="a user for each home's own sensor network")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="give everybody another password")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make the passwords of the building's broker. Whoever has one keeps it, unless --anew is said.

    Example: nachtwacht gateway passwords --plan site.toml --folder /etc/nachtwacht/broker
    """
    terminal = Terminal(as_json=as_json, yes=yes)
    site = _site(terminal, plan)
    if anew:
        terminal.agreed("Nobody gets in with the password they have now, until they have the new one. Go on?")
    try:
        fresh = logins.make(folder, site, per_home=per_home, base=base, anew=anew)
    except OSError as error:
        terminal.fail("{folder} cannot be written: {fault}. Nothing was changed.", folder=folder, fault=error.strerror)
    if fresh:
        terminal.tell("{users}: new passwords, in {folder}.", users=", ".join(fresh), folder=folder)
        terminal.tell("Let the broker read them again: systemctl reload mosquitto.")
    else:
        terminal.tell("Everybody has a password already. Nothing was changed.")
    terminal.answer({"folder": str(folder), "fresh": fresh})


def add_to(cli: typer.Typer) -> None:
    """Add these commands to `nachtwacht gateway`."""
    for command in (enroll, renew, passwords):
        cli.command()(command)


def _site(terminal: Terminal, file: Path) -> Site:
    try:
        return read_plan(file.read_text(encoding="utf-8"), file=str(file))
    except OSError as error:
        terminal.fail("{file} cannot be read: {fault}.", file=file, fault=error.strerror)
    except (UnicodeDecodeError, BadPlan) as error:
        terminal.fail("{fault}", fault=error)
