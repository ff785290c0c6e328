"""Where a store lies, as an option of a command says it: a file, or an address."""

import typer

from care.database import Where, where


def placed(said: str) -> Where:
    """Return where a store lies. Raises `typer.BadParameter` with a sentence, in which nothing secret stands."""
    try:
        return where(said)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
