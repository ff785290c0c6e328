"""`nachtwacht desk series`: the centre's journal, written on into a time series of one organisation."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from care import database
from care.database import Database, Where, shown
from care.series_command import Bucket, Ca, Insecure, Kept, Once, Org, Since, Status, TokenFile, Url, begun, run
from dashboard.options import Journal, People
from detectors.homes import SiteId


def series(
    *,
    journal: Journal,
    people: People,
    influx: Url = "",
    organisation: Annotated[str, typer.Option(help="whose buildings; 'own' runs the centre")] = "own",
    org: Org = "",
    bucket: Bucket = "nachtwacht",
    token_file: TokenFile = None,
    ca: Ca = None,
    progress: Kept = None,
    since: Since = None,
    once: Once = False,
    status: Status = False,
    insecure: Insecure = False,
) -> None:
    """Write the states, nights and alerts of an organisation into InfluxDB or VictoriaMetrics, until told to stop.

    Both stores are only read. Ids only, never a name, and of no other organisation. Ends with 0 when all is written, 1
    when it cannot start, 3 when something is not written yet, 4 when points had to be set aside (docs/series.md).

    Example: nachtwacht desk series --journal centre.db --people people.db --influx http://127.0.0.1:8428
    """
    # What it does is imported here: the building's commands share the program, and none of its weight.
    from care.influx import Settings

    _known(people, organisation)
    settings = Settings(
        journal=journal,
        url=influx,
        organisation=org,
        bucket=bucket,
        token_file=token_file,
        ca=ca,
        progress=progress,
        since=begun(since),
        insecure=insecure,
        of=organisation,
        sees=lambda: _seen_by(people, organisation),
    )
    run(settings, once=once, status=status)


def _known(people: Where, organisation: str) -> None:
    """End the command, unless the people store knows the organisation."""
    from dashboard.organisations import NoOrganisation, name_of

    try:
        with closing(_opened(people)) as db:
            name_of(db, organisation)
    except NoOrganisation as error:
        typer.echo(f"There is no organisation {error}. See: nachtwacht desk organisation list.", err=True)
        raise typer.Exit(1) from error
    except sqlite3.Error as error:
        typer.echo(f"Cannot read the people store {shown(people)}: {error}.", err=True)
        raise typer.Exit(1) from error


def _seen_by(people: Where, organisation: str) -> Callable[[SiteId], bool]:
    """Return whether a building is the organisation's, as it is now. Raises `sqlite3.Error`."""
    from dashboard.organisations import Access, OrganisationId, sees

    with closing(_opened(people)) as db:
        return sees(frozenset({OrganisationId(organisation)}), Access(db).owners())


def _opened(people: Where) -> Database:
    if not isinstance(people, Path):
        from dashboard.people import STORE

        return database.shared(people, STORE, read_only=True)
    return sqlite3.connect(f"{people.resolve().as_uri()}?mode=ro", uri=True, timeout=5)
