"""`nachtwacht gateway series`: a building's own journal, written on into a time series on site."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer


def series(
    *,
    journal: Annotated[Path, typer.Option(help="the journal of the building; it is only read")],
    influx: Annotated[str, typer.Option(help="the server: https://HOST:PORT", envvar="NACHTWACHT_INFLUX")] = "",
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
    """Write the building's events, states, nights and alerts into InfluxDB or VictoriaMetrics, until told to stop.

    Ids only, never a name. Ends with 0 when all is written, 1 when it cannot start, 3 when something is not written
    yet, 4 when single points had to be set aside (docs/series.md).

    Example: nachtwacht gateway series --journal gateway.db --influx http://127.0.0.1:8428
    """
    # Nothing of it is for the daemon, which shares the program.
    from care.influx import Settings, command

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
    )
    raise typer.Exit(command(settings, once=once, status=status, say=lambda said: typer.echo(said, err=not status)))
