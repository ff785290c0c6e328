"""`nachtwacht desk`: the commands of the care centre."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from care.link import broker_address
from detectors.homes import ResidentId

# What these commands do is imported inside them: the building's commands share the program, and none of its weight.

cli = typer.Typer(
    no_args_is_help=True, help="The night desk of the care centre: run it, and say who works and lives there."
)
staff = typer.Typer(no_args_is_help=True, help="Who may sign in at the desk.")
resident = typer.Typer(no_args_is_help=True, help="What residents like to be called.")
cli.add_typer(staff, name="staff")
cli.add_typer(resident, name="resident")

People = Annotated[Path, typer.Option("--people", help="the people store; made if it is not there")]
FromStdin = Annotated[
    bool, typer.Option("--password-from-stdin", help="read the password from the first line of standard input")
]


@cli.command()
def run(
    *,
    journal: Annotated[Path, typer.Option(help="the centre's journal; made if it is not there")],
    people: People,
    broker: Annotated[str, typer.Option(help="HOST:PORT of the MQTT broker the buildings speak to")],
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="the port to listen on; 0 takes a free one")] = 8000,
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="take the time from a rehearsal")] = False,
) -> None:
    """Run the night desk until it is told to stop.

    Example: nachtwacht desk run --journal centre.db --people people.db --broker 127.0.0.1:1883
    """
    from dashboard.server import CannotStart, Settings, run

    try:
        broker_host, broker_port = broker_address(broker)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--broker") from error
    settings = Settings(
        journal=journal,
        people=people,
        broker_host=broker_host,
        broker_port=broker_port,
        host=host,
        port=port,
        rehearsal=rehearsal,
    )
    try:
        run(settings)
    except CannotStart as error:
        raise _failed(str(error)) from error


@staff.command("add")
def add_staff(
    name: Annotated[str, typer.Argument(help="the name to sign in with")],
    *,
    first_name: Annotated[str, typer.Option(help="what colleagues see")],
    initials: Annotated[str, typer.Option(help="at most 4 letters, shown where there is little room")],
    people: People,
    password_from_stdin: FromStdin = False,
) -> None:
    """Let somebody sign in at the desk; asks for a password.

    Example: nachtwacht desk staff add sanne --first-name Sanne --initials SV --people people.db
    """
    from dashboard.people import add_staff

    password = _password(password_from_stdin)
    with _store(people) as db:
        add_staff(db, name, first_name=first_name, initials=initials, password=password)
    typer.echo(f"{first_name} can sign in as {name}.")


@staff.command("password")
def set_password(
    name: Annotated[str, typer.Argument(help="the name somebody signs in with")],
    *,
    people: People,
    password_from_stdin: FromStdin = False,
) -> None:
    """Give somebody another password, and end all their sessions.

    Example: nachtwacht desk staff password sanne --people people.db
    """
    from dashboard.people import set_password

    password = _password(password_from_stdin)
    with _store(people) as db:
        set_password(db, name, password)
    typer.echo(f"{name} has another password, and must sign in again.")


@resident.command("name")
def name_resident(
    id: Annotated[str, typer.Argument(help="the resident's id in the plan of the site")],  # noqa: A002
    name: Annotated[str, typer.Argument(help="what the resident likes to be called")],
    *,
    people: People,
) -> None:
    """Say what a resident likes to be called; the desk shows it from the next page on.

    Example: nachtwacht desk resident name r-0012 "mevrouw Jansen" --people people.db
    """
    from dashboard.people import name_resident

    with _store(people) as db:
        name_resident(db, ResidentId(id), name)
    typer.echo(f"{id} is called {name}.")


@contextmanager
def _store(file: Path) -> Iterator[sqlite3.Connection]:
    """Open the people store; whatever cannot be kept there ends the command with one sentence."""
    from dashboard.people import BadInput, NameTaken, Unknown, connect

    try:
        with closing(connect(file)) as db:
            yield db
    except NameTaken as error:
        raise _failed(f"Somebody signs in as {error} already. Choose another name.") from error
    except Unknown as error:
        raise _failed(f"Nobody signs in as {error}.") from error
    except BadInput as error:
        raise _failed(str(error)) from error
    except sqlite3.Error as error:
        raise _failed(f"Cannot use the people store {file}: {error}.") from error


def _password(from_stdin: bool) -> str:  # noqa: FBT001
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return asked


def _failed(sentence: str) -> typer.Exit:
    typer.echo(sentence, err=True)
    return typer.Exit(1)
