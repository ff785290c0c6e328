"""`nachtwacht desk series`: the centre's journal, written on into a time series of one organisation."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from detectors.homes import SiteId


def series(
    *,
    journal: Annotated[Path, typer.Option(help="the centre's journal; it is only read")],
    people: Annotated[Path, typer.Option(help="the people store, for whose building is whose; it is only read")],
    influx: Annotated[str, typer.Option(help="the server: https://HOST:PORT", envvar="NACHTWACHT_INFLUX")] = "",
    organisation: Annotated[str, typer.Option(help="whose buildings; 'own' runs the centre")] = "own",
    org: Annotated[str, typer.Option(help="the organisation there; VictoriaMetrics and InfluxDB 3 ask for none")] = "",
    bucket: Annotated[str, typer.Option(help="the bucket or database there")] = "nachtwacht",
    token_file: Annotated[
        Path | None, typer.Option(help="a file with the token; else it is taken from NACHTWACHT_INFLUX_TOKEN")
    ] = None,
    ca: Annotated[Path | None, typer.Option(help="by whose certificates (PEM) the server is known, if its own")] = None,
    progress: Annotated[Path | None, typer.Option(help="where the cursor is kept, if not beside the journal")] = None,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="leave out what is older")] = None,
    once: Annotated[bool, typer.Option("--once", help="end when everything is written (0), or cannot be (3)")] = False,
    status: Annotated[bool, typer.Option("--status", help="only say how far it is")] = False,
    insecure: Annotated[bool, typer.Option("--insecure", help="plain text to another machine")] = False,
) -> None:
    """Write the states, nights and alerts of an organisation into InfluxDB or VictoriaMetrics, until told to stop.

    Ids only, never a name, and of no other organisation. Ends with 0 when all is written, 1 when it cannot start, 3
    when something is not written yet, 4 when single points had to be set aside (docs/series.md).

    Example: nachtwacht desk series --journal centre.db --people people.db --influx http://127.0.0.1:8428
    """
    # What it does is imported here: the building's commands share the program, and none of its weight.
    from care.influx import Settings, command

    _known(people, organisation)
    settings = Settings(
        journal=journal,
        url=influx,
        organisation=org,
        bucket=bucket,
        token_file=token_file,
        ca=ca,
        progress=progress,
        since=None if since is None else since.replace(tzinfo=UTC),
        insecure=insecure,
        of=organisation,
        sees=lambda: _seen_by(people, organisation),
    )
    raise typer.Exit(command(settings, once=once, status=status, say=lambda said: typer.echo(said, err=not status)))


def _known(people: Path, organisation: str) -> None:
    """End the command, unless the people store knows the organisation."""
    from dashboard.organisations import NoOrganisation, name_of

    try:
        with closing(_opened(people)) as db:
            name_of(db, organisation)
    except NoOrganisation as error:
        typer.echo(f"There is no organisation {error}. See: nachtwacht desk organisation list.", err=True)
        raise typer.Exit(1) from error
    except sqlite3.Error as error:
        typer.echo(f"Cannot read the people store {people}: {error}.", err=True)
        raise typer.Exit(1) from error


def _seen_by(people: Path, organisation: str) -> Callable[[SiteId], bool]:
    """Return whether a building is the organisation's, as it is now. Raises `sqlite3.Error`."""
    from dashboard.organisations import Access, OrganisationId, sees

    with closing(_opened(people)) as db:
        return sees(frozenset({OrganisationId(organisation)}), Access(db).owners())


def _opened(people: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{people.resolve().as_uri()}?mode=ro", uri=True, timeout=5)
