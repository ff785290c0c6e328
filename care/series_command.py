"""What `desk series` and `gateway series` are told alike, and how they run. Nothing of it is imported by a daemon."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from care.influx import Settings

Url = Annotated[str, typer.Option("--influx", help="the server: https://HOST:PORT", envvar="NACHTWACHT_INFLUX")]
Org = Annotated[str, typer.Option(help="the organisation there; VictoriaMetrics and InfluxDB 3 ask for none")]
Bucket = Annotated[str, typer.Option(help="the bucket or database there")]
TokenFile = Annotated[
    Path | None, typer.Option(help="a file with the token; else it is taken from NACHTWACHT_INFLUX_TOKEN")
]
Ca = Annotated[Path | None, typer.Option(help="by whose certificates (PEM) the server is known, if its own")]
Kept = Annotated[Path | None, typer.Option("--progress", help="where the cursor is kept, if not beside the journal")]
Since = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="leave out what is older")]
Once = Annotated[bool, typer.Option("--once", help="end when everything is written (0), or cannot be (3)")]
Status = Annotated[bool, typer.Option("--status", help="only say how far it is")]
Insecure = Annotated[bool, typer.Option("--insecure", help="plain text to another machine")]


def begun(since: datetime | None) -> datetime | None:
    """Return when a day that was said begins."""
    return None if since is None else since.replace(tzinfo=UTC)


def run(settings: "Settings", *, once: bool, status: bool) -> NoReturn:
    """Write until told to stop, and end with what came of it."""
    from care.influx import command

    raise typer.Exit(command(settings, once=once, status=status, say=lambda said: typer.echo(said, err=not status)))
