"""`nachtwacht fleet backtest`: what today's detectors make of many homes' last nights."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from care.labels import KINDS
from care.version import version
from care.wording import Wording
from gateway.fleet import spread
from gateway.fleet.account import Account, account
from gateway.fleet.lived_again import Found, Simulated, Source, lived_again, sources_in
from gateway.fleet.spread import CannotSpread, Cluster, Cores, Here

NIGHTS = 90
HOMES_MAX = 200_000

cli = typer.Typer(no_args_is_help=True, help="Many buildings at once: what new detectors would have made of them.")


class Language(StrEnum):
    """Of what is written and drawn."""

    NL = "nl"
    EN = "en"


@cli.callback()
def _fleet() -> None:
    """Keep `backtest` a command of its own: one command alone would take the group's name."""


@cli.command("backtest")
def back_test(
    *,
    out: Annotated[Path, typer.Option(help="the folder to write the tables and the picture in")],
    journals: Annotated[Path | None, typer.Option(help="a folder with journals of buildings (*.db), or copies")] = None,
    cohort: Annotated[int, typer.Option(min=0, max=HOMES_MAX, help="or so many simulated homes")] = 0,
    seed: Annotated[int, typer.Option(help="of simulated homes")] = 1,
    nights: Annotated[int, typer.Option(min=1, max=400, help="how many nights to look back over")] = NIGHTS,
    workers: Annotated[int, typer.Option(min=1, max=256, help="cores of this machine to use")] = 1,
    cluster: Annotated[str, typer.Option(help="or a Dask cluster: the address of its scheduler")] = "",
    language: Annotated[Language, typer.Option(help="of the picture")] = Language.NL,
) -> None:
    """Live the last nights of many homes again with the detectors of this version, and count what they tell.

    Journals hold how somebody lives: have a ground before you bring them together, and delete the copies afterwards.

    Example: nachtwacht fleet backtest --journals /srv/journals --nights 90 --workers 4 --out looked-back
    """
    sources = _sources(journals, cohort, seed)
    over = Cluster(cluster) if cluster else Cores(workers) if workers > 1 else Here()
    console = Console(stderr=True)
    try:
        from gateway.fleet import tables  # not above: whoever watches over a building has none of what it needs

        found = account(_shown(console, sources, nights, over))
        files = tables.write(found, out, version=version(), language=language)
    except CannotSpread as error:
        raise _failed(str(error)) from error
    except ImportError as error:
        raise _failed(f"{error.name} is not here: install Nachtwacht with its extra, nachtwacht[fleet].") from error
    except OSError as error:
        raise _failed(f"Cannot write in {out}: {error.strerror}.") from error
    for why in found.unread:
        typer.echo(f"Left out: {why}", err=True)
    if not found.homes:
        raise _failed("Of no home anything was heard in those nights.")
    Console().print(_table(found, Wording("en")))
    typer.echo(", ".join(str(file) for file in files))


def _sources(journals: Path | None, cohort: int, seed: int) -> list[Source]:
    if (journals is None) == (cohort == 0):
        raise _failed("Name a folder with --journals, or a number of simulated homes with --cohort: one of the two.")
    if journals is None:
        return [Simulated(number, seed) for number in range(cohort)]
    found = sources_in(journals) if journals.is_dir() else []
    if not found:
        raise _failed(f"{journals}: no journals there. A journal of a building is a file that ends in .db.")
    return found


def _shown(console: Console, sources: list[Source], nights: int, over: Here | Cores | Cluster) -> list[Found]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Nights are lived again", total=len(sources))
        found = []
        for one in spread.spread(partial(lived_again, nights=nights), sources, over):
            found.append(one)
            progress.advance(task)
    return found


def _table(found: Account, wording: Wording) -> Table:
    table = Table(title=f"{len(found.homes)} homes, {found.home_nights} nights of homes")
    for name in ("kind", "was told", "told now", "with help", "of those not told now"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for one in found.kinds:
        table.add_row(wording.say(KINDS[one.what]), str(one.was), str(one.now), str(one.helped), str(one.helped_lost))
    return table


def _failed(sentence: str) -> typer.Exit:
    typer.echo(sentence, err=True)
    return typer.Exit(1)
