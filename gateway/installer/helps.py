"""Help in the reader's language: the words of commands and their options, looked up as the command starts."""

import re
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from care.language import mark
from gateway.installer.terminal import language, said_in

EXAMPLE = "Example: "
_TITLES = {
    "ARGUMENTS_PANEL_TITLE": mark("Arguments"),
    "OPTIONS_PANEL_TITLE": mark("Options"),
    "COMMANDS_PANEL_TITLE": mark("Commands"),
    "ERRORS_PANEL_TITLE": mark("Error"),
}


class Speaking(TyperGroup):
    """The command `nachtwacht`, which speaks the language of who calls it."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Put the help into words and run."""
        translate(self)
        return super().main(*args, **kwargs)


def translate(command: Any, to: str = "") -> None:
    """Put the help of a command, and of all below it, into a language; in English nothing changes.

    `command` is what Typer makes of a function or a group. A text for which there is no Dutch stays English.
    """
    to = to or language()
    from typer import rich_utils

    for name, title in _TITLES.items():
        setattr(rich_utils, name, said_in(to, title))
    if to != "en":
        _translate(command, to)


def messages(command: Any) -> Iterator[str]:
    """Yield every text of the help of a command and of all below it: a paragraph each, without their examples."""
    yield from (part for part in _paragraphs(command.help) if not part.startswith(EXAMPLE))
    for parameter in command.params:
        text = getattr(parameter, "help", None)
        if text:
            yield text
    for below in getattr(command, "commands", {}).values():
        yield from messages(below)


def _translate(command: Any, to: str) -> None:
    command.help = "\n\n".join(_said(part, to) for part in _paragraphs(command.help)) or None
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = said_in(to, parameter.help)
    for below in getattr(command, "commands", {}).values():
        _translate(below, to)


def _said(part: str, to: str) -> str:
    if part.startswith(EXAMPLE):
        return said_in(to, mark("Example: {command}"), command=part.removeprefix(EXAMPLE))
    return said_in(to, part)


def _paragraphs(text: str | None) -> list[str]:
    return [re.sub(r"\s+", " ", part).strip() for part in re.split(r"\n\s*\n", (text or "").strip()) if part.strip()]


def groups_of(cli: typer.Typer) -> dict[str, Any]:
    """Return the groups of a command by their names, as Typer makes them."""
    made = typer.main.get_command(cli)
    return dict(getattr(made, "commands", {}))
