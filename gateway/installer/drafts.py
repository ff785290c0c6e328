"""A plan in its file, while a command changes it: shown first, asked where it harms, written at once or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn

import msgspec
import typer

from care import homes
from care.homes import BadPlan, Site
from care.language import mark
from gateway.installer import plans
from gateway.installer.plans import Edit, Wrong
from gateway.installer.terminal import Terminal, say

Plan = Annotated[Path, typer.Option("--plan", envvar="NACHTWACHT_PLAN", help="the plan of the building")]
PLAN = Path("site.toml")
SHOWN_MAX = 60  # parts in a table; a program is told all of them
Harm = tuple[str, Mapping[str, object]]  # a question, with its values


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What a command did to a plan, for a program to read."""

    plan: str
    written: bool
    edits: tuple[Edit, ...]
    sensor: str | None = None  # the name of the one sensor that it is about
    more: dict[str, Any] = {}


class Draft(NamedTuple):
    """A plan as it stands in its file."""

    file: Path
    text: str
    site: Site


def opened(file: Path, terminal: Terminal, *, whole: bool = False) -> Draft:
    """Read a plan, or end the command with all that is wrong with it. `whole`: nothing may still be to come."""
    try:
        text = file.read_text(encoding="utf-8")
        return Draft(file, text, homes.read(text, file=str(file), draft=not whole))
    except OSError as error:
        terminal.fail(mark("{file}: cannot be read: {why}."), file=file, why=error.strerror)
    except UnicodeDecodeError:
        terminal.fail(mark("{file}: not UTF-8 text."), file=file)
    except BadPlan as error:
        terminal.fail("{mistakes}", mistakes=error.told(say))


def carry_out(  # the answer of a command goes with what it did
    draft: Draft,
    new: Site,
    terminal: Terminal,
    *,
    dry_run: bool = False,
    harm: Harm | None = None,
    sensor: str | None = None,
    more: dict[str, Any] | None = None,
) -> bool:
    """Show what becomes of a plan and write it; return whether it was written.

    `harm` is a question with its values, where the change takes something from people: it is asked first. `sensor`
    and `more` go into the answer for a program.
    """
    edits = plans.edits(draft.site, new)
    show(edits, terminal)
    if not edits:
        terminal.tell(mark("The plan says so already. Nothing was changed."))
    elif dry_run:
        terminal.tell(mark("Nothing was changed: this was a dry run."))
    else:
        if harm is not None:
            terminal.agreed(harm[0], **harm[1])
        write(draft, plans.rewritten(draft.text, draft.site, new), terminal)
        terminal.tell(mark("{file}: written."), file=draft.file)
    written = bool(edits) and not dry_run
    terminal.answer(Written(plan=str(draft.file), written=written, edits=edits, sensor=sensor, more=more or {}))
    return written


def write(draft: Draft, text: str, terminal: Terminal) -> None:
    """Put a text in place of a plan, unless somebody else changed it meanwhile."""
    try:
        if draft.text and draft.file.read_text(encoding="utf-8") != draft.text:
            terminal.fail(
                mark("{file}: somebody else changed it meanwhile. Nothing was changed. Do it again."), file=draft.file
            )
        plans.save(draft.file, text)
    except OSError as error:
        terminal.fail(mark("{file}: not written: {why}. Nothing was changed."), file=draft.file, why=error.strerror)


def show(edits: tuple[Edit, ...], terminal: Terminal) -> None:
    """Show what becomes of a plan, part by part."""
    if edits:
        rows = [(" ".join(edit.part), _lines(edit.was, edit.becomes), _lines(edit.becomes, edit.was)) for edit in edits]
        columns = (mark("part"), mark("was"), mark("becomes"))
        terminal.table(mark("What becomes of the plan"), columns, rows[:SHOWN_MAX])
        if len(rows) > SHOWN_MAX:
            terminal.tell(mark("Other parts that change: {count}."), count=len(rows) - SHOWN_MAX)


def wrong(error: Wrong, terminal: Terminal) -> NoReturn:
    """End the command with what the plan cannot take."""
    terminal.fail(error.message, **error.values)


def _lines(these: tuple[str, ...], others: tuple[str, ...]) -> str:
    """Return what differs from the other side, a line each, without the headers."""
    return "\n".join(line for line in these if line not in others and not line.startswith("["))
