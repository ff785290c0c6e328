"""What the commands of the centre share: the options that say where its stores lie, and how a command ends in vain."""

from pathlib import Path
from typing import Annotated, Any

import typer

from care.database import Where, where

STORE = "NACHTWACHT_STORE"  # one address for every command, so that no password stands on a command line


def _parsed(text: str) -> Where:
    """Return where a store lies. Raises `BadParameter`, which repeats nothing that may be secret."""
    try:
        return where(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _no_file_for_all(context: typer.Context, param: typer.CallbackParam, place: Where) -> Where:
    """Refuse a file as the one address of all stores: there journal and people store are two."""
    source = context.get_parameter_source(param.name or "")
    if isinstance(place, Path) and source is not None and source.name == "ENVIRONMENT":
        raise typer.BadParameter(
            f"{STORE} is for the address of a PostgreSQL database, postgresql://USER@HOST/NAME. Name files by options."
        )
    return place


def _option(name: str, what: str) -> Any:
    return typer.Option(
        name,
        help=f"{what}: a file, or the address of a PostgreSQL database",
        parser=_parsed,
        callback=_no_file_for_all,
        metavar="FILE|ADDRESS",
        envvar=STORE,
    )


# A `Where`; the program that reads commands knows no unions.
People = Annotated[Any, _option("--people", "the people store, with the access log beside it")]
Journal = Annotated[Any, _option("--journal", "the centre's journal")]
To = Annotated[
    Any,
    typer.Option("--to", help="an empty PostgreSQL database", parser=_parsed, metavar="ADDRESS", envvar=STORE),
]


def failed(sentence: str) -> typer.Exit:
    """Say a sentence, and return what ends the command."""
    typer.echo(sentence, err=True)
    return typer.Exit(1)
