"""`nachtwacht desk move`: a centre that outgrew its files, moved into PostgreSQL."""

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from care.database import shown
from dashboard.options import To, failed

if TYPE_CHECKING:
    from rich.progress import Progress

SILENT_S = 2.0  # what takes no longer shows no bar


def move(
    *,
    journal: Annotated[Path, typer.Option(help="the centre's journal")],
    people: Annotated[Path, typer.Option(help="the people store; the access log lies beside it")],
    to: To,
    check: Annotated[bool, typer.Option("--check", help="move nothing, only compare")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="throw away what a move that was stopped has left")] = False,
) -> None:
    """Move a centre from its files into PostgreSQL, and compare every row. The desk must not run; the files stay.

    Stopped half-way, ask again: it goes on where it was. The address may stand in NACHTWACHT_STORE, as everywhere.

    Example: nachtwacht desk move --journal centre.db --people people.db --to postgresql://nachtwacht@db/nachtwacht
    """
    from dashboard import moving

    if isinstance(to, Path):
        raise typer.BadParameter(f"{to} is no address. Write postgresql://USER@HOST/NAME.", param_hint="--to")
    files, bar = moving.Files(journal, people), _Bar()
    try:
        said = moving.check(files, to, tell=bar.tell) if check else moving.move(files, to, anew=anew, tell=bar.tell)
    except moving.CannotMove as error:
        raise failed(str(error)) from error
    except moving.Differs as error:
        help_ = "" if check else " Nothing there is a centre yet. Ask again with --anew."
        raise failed(f"{error}{help_}") from error
    except sqlite3.Error as error:
        raise failed(f"It stopped: {error}. Ask again, and it goes on.") from error
    finally:
        bar.end()
    typer.echo(said)
    if not check:
        typer.echo(f"From now on the desk runs with --journal and --people {shown(to)}. Put the files away.")


class _Bar:
    """How far it is, for whoever waits longer than `SILENT_S`."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._progress: Progress | None = None

    def tell(self, done: int, of: int) -> None:
        if self._progress is None:
            if time.monotonic() - self._began_s < SILENT_S:
                return
            self._progress = _progress()
            self._progress.add_task("moving")
            self._progress.start()
        self._progress.update(self._progress.task_ids[0], completed=done, total=of)

    def end(self) -> None:
        if self._progress is not None:
            self._progress.stop()


def _progress() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    return Progress(
        BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    )
