"""`nachtwacht desk program`: which programs may ask the centre, for what and until when."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from care.clock import SystemClock

# What these commands do is imported inside them: the building's commands share the program, and none of its weight.

program = typer.Typer(no_args_is_help=True, help="Which programs may ask the centre: of which organisation, for what.")

People = Annotated[Path, typer.Option("--people", help="the people store")]


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
    from dashboard.commands import store
    from dashboard.programs import end

    with store(people) as db:
        if not end(db, program):
            _none(program)
    typer.echo(f"{program} is let in no more.")


def _none(program: str) -> NoReturn:
    typer.echo(f"There is no program {program}: 'nachtwacht desk program list' has them.", err=True)
    raise typer.Exit(1)


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
