"""`nachtwacht desk program`, `desk hook`: which programs may ask the centre, and which it tells by itself."""

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Annotated

import typer

from care.clock import SystemClock
from care.database import Database, Where, shown
from dashboard.options import Journal, People

# What these commands do is imported inside them: the building's commands share the program, and none of its weight.

program = typer.Typer(no_args_is_help=True, help="Which programs may ask the centre: of which organisation, for what.")

hook = typer.Typer(no_args_is_help=True, help="Which programs the centre tells by itself what changed.")


@program.command("add")
def add(
    name: Annotated[str, typer.Argument(help="what the program is called")],
    *,
    scope: Annotated[list[str], typer.Option(help="alerts, homes, nights, record or looks; may be given again")],
    people: People,
    organisation: Annotated[str, typer.Option(help="whose homes it may ask about")] = "own",
    days: Annotated[int, typer.Option(min=1, max=366, help="for how long")] = 366,
) -> None:
    """Let a program in, and print its token, this once. It goes into the header 'Authorization: Bearer TOKEN'.

    Example: nachtwacht desk program add ECD --scope record --organisation zon --people people.db
    """
    from dashboard.commands import store
    from dashboard.programs import Scope, let_in

    try:
        scopes = [Scope(one) for one in scope]
    except ValueError as error:
        raise typer.BadParameter(f"{error}: choose {', '.join(Scope)}.", param_hint="--scope") from error
    now = SystemClock().now()
    with store(people) as db:
        made, token = let_in(db, organisation, name, scopes, now=now, until=now + timedelta(days=days))
    typer.echo(token)
    typer.echo(f"{made.name} ({made.id}) may ask for {', '.join(sorted(made.scopes))} of {organisation}", err=True)
    typer.echo(f"until {_day(made.until)}. The token is not shown again.", err=True)


@program.command("list")
def list_(*, people: People) -> None:
    """List the programs that were let in, with what for and until when.

    Example: nachtwacht desk program list --people people.db
    """
    from dashboard.commands import store
    from dashboard.programs import of

    now = SystemClock().now()
    with store(people) as db:
        known = of(db)
    for one in known:
        over = "" if one.until > now else "  (over)"
        scopes = ",".join(sorted(one.scopes))
        typer.echo(f"{one.id}  {one.organisation:<12} {scopes:<30} until {_day(one.until)}{over}  {one.name}")
    if not known:
        typer.echo("No program was let in.")


@program.command("end")
def end(
    program: Annotated[str, typer.Argument(help="its id, as 'desk program list' has it")], *, people: People
) -> None:
    """Let a program in no more, at once.

    Example: nachtwacht desk program end p-1a2b3c4d --people people.db
    """
    from dashboard.programs import end

    _end(people, program, end)
    typer.echo(f"{program} is let in no more.")


@hook.command("add")
def add_hook(
    name: Annotated[str, typer.Argument(help="what the program is called")],
    url: Annotated[str, typer.Argument(help="where it is told: an https address; of a care record its FHIR base")],
    *,
    people: People,
    journal: Journal,
    kind: Annotated[str, typer.Option(help="events (JSON, signed) or fhir (a care record)")] = "events",
    organisation: Annotated[str, typer.Option(help="of whose homes it is told")] = "own",
    from_start: Annotated[bool, typer.Option("--from-start", help="also tell of all that is at hand already")] = False,
    token_from_stdin: Annotated[
        bool, typer.Option("--token-from-stdin", help="of a care record: read the token that it asks for")
    ] = False,
) -> None:
    """Tell a program of what changes from now on. Of events, prints the secret that signs them, this once.

    Example: nachtwacht desk hook add planning https://planning.example/hook --journal centre.db --people people.db
    """
    from care import journal as book
    from dashboard.commands import store
    from dashboard.hooks import Kind, add

    try:
        wanted = Kind(kind)
    except ValueError as error:
        raise typer.BadParameter(f"{error}: choose {', '.join(Kind)}.", param_hint="--kind") from error
    try:
        with closing(book.at(journal, read_only=True)) as db:
            told = 0 if from_start else book.last_number(db)
    except sqlite3.Error as error:
        typer.echo(f"Cannot read the journal {shown(journal)}: {error}.", err=True)
        raise typer.Exit(1) from error
    secret = sys.stdin.readline().strip() if token_from_stdin else ""
    with store(people) as rows:
        made = add(rows, organisation, name, wanted, url, now=SystemClock().now(), told=told, secret=secret)
    if wanted is Kind.EVENTS:
        typer.echo(made.secret)
    typer.echo(f"{made.name} ({made.id}) is told of the homes of {organisation} at {made.url}.", err=True)


@hook.command("list")
def list_hooks(*, people: People) -> None:
    """List the programs that are told, and of each whether it takes what it is told.

    Example: nachtwacht desk hook list --people people.db
    """
    from dashboard.commands import store
    from dashboard.hooks import of

    with store(people) as db:
        known = of(db)
    for one in known:
        how = "nothing was told yet" if one.told_at is None else f"told last at {one.told_at:%Y-%m-%d %H:%M} UTC"
        if one.failing_since is not None:
            how = f"takes nothing since {one.failing_since:%Y-%m-%d %H:%M} UTC: {one.why}"
        wrong = f", says that {one.refused} are wrong" if one.refused else ""
        typer.echo(f"{one.id}  {one.organisation:<12} {one.kind:<7} {one.name}: {how}{wrong}")
    if not known:
        typer.echo("No program is told.")


@hook.command("end")
def end_hook(
    hook: Annotated[str, typer.Argument(help="its id, as 'desk hook list' has it")], *, people: People
) -> None:
    """Tell a program nothing more.

    Example: nachtwacht desk hook end h-1a2b3c4d --people people.db
    """
    from dashboard.hooks import end

    _end(people, hook, end)
    typer.echo(f"{hook} is told nothing more.")


def _end(people: Where, one: str, end: Callable[[Database, str], bool]) -> None:
    """End a program or hook; where there is none of this id, the command ends with a sentence."""
    from dashboard.commands import store

    with store(people) as db:
        if end(db, one):
            return
    typer.echo(f"There is no {one}: 'desk program list' and 'desk hook list' have what there is.", err=True)
    raise typer.Exit(1)


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
