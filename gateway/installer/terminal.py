"""How the installer's commands speak: in the reader's language, for a person or, with --json, for a program.

Every command ends with one of four codes: 0 it is done, 1 something is wrong (said in a sentence) and nothing was
half-applied, 2 it was asked wrongly, 3 the person said no.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from care.language import words
from care.link import broker_address

WRONG, REFUSED = 1, 3

AsJson = Annotated[bool, typer.Option("--json", help="print it for a program to read")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="say what would be done, and do nothing")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]


def language() -> str:
    """Return the language to speak: NACHTWACHT_LANGUAGE, or else that of the system; English unless that is Dutch."""
    said = os.environ.get("NACHTWACHT_LANGUAGE") or os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"
    return "nl" if said.lower().startswith("nl") else "en"


def say(message: str, **values: object) -> str:
    """Return a message in the reader's language, with its values filled in."""
    return said_in(language(), message, **values)


def said_in(to: str, message: str, /, **values: object) -> str:
    """Return a message in the language `to`, with its values filled in."""
    said = words(to).gettext(message)
    return said.format(**values) if values else said


def address(text: str) -> tuple[str, int]:
    """Return host and port, or end the command with what is wrong."""
    try:
        return broker_address(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


class Terminal:
    """Where a command says what it has to say. With `as_json` only the one answer is printed, and nothing is asked."""

    def __init__(self, *, as_json: bool = False, yes: bool = False) -> None:
        self.as_json = as_json
        self._yes = yes
        self._console = Console(stderr=as_json)

    def tell(self, message: str, **values: object) -> None:
        """Say a line to a person."""
        self._console.print(say(message, **values), soft_wrap=True, markup=False, highlight=False)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Show a table to a person. Title and columns are messages; the cells are ready."""
        self._console.print(_drawn(title, columns, rows))

    @contextlib.contextmanager
    def live(self, title: str, columns: Sequence[str]) -> Iterator[Callable[[Iterable[Sequence[str]]], None]]:
        """Keep a table before a person's eyes while it changes: call what is given with its rows of now."""
        if self.as_json:
            yield lambda _rows: None
            return
        with Live(_drawn(title, columns, ()), console=self._console, auto_refresh=False) as shown:
            yield lambda rows: shown.update(_drawn(title, columns, rows), refresh=True)

    def answer(self, found: Any) -> None:
        """Print the answer of the command for a program, if it is one that reads: anything msgspec can encode."""
        if self.as_json:
            typer.echo(msgspec.json.encode(found))

    def agreed(self, question: str, **values: object) -> None:
        """Ask before harm is done. Ends the command with code 3 on a no, or when there is nobody to ask."""
        if self._yes:
            return
        if self.as_json or not _yes(say(question, **values)):
            typer.echo(say("Nothing was changed."), err=True)
            raise typer.Exit(REFUSED)

    def fail(self, message: str, **values: object) -> NoReturn:
        """End the command with code 1 and one sentence: what is wrong, where, and what would be right."""
        said = say(message, **values)
        if self.as_json:
            typer.echo(msgspec.json.encode({"error": said}))
        else:
            typer.echo(said, err=True)
        raise typer.Exit(WRONG)


def _drawn(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=say(title))
    for column in columns:
        table.add_column(say(column))
    for row in rows:
        table.add_row(*row)
    return table


def _yes(question: str) -> bool:
    """Ask a person, who may answer in either language. Silence is a no, and so is having nobody to ask."""
    try:
        how = say("[y/N]")
        said = typer.prompt(f"{question} {how}", default="", show_default=False)
    except typer.Abort:
        return False
    return str(said).strip().lower() in {"y", "yes", "j", "ja"}
