"""`nachtwacht gateway series`: a building's own journal, written on into a time series on site."""

from pathlib import Path
from typing import Annotated

import typer

from care.series_command import Bucket, Ca, Insecure, Kept, Once, Org, Since, Status, TokenFile, Url, begun, run


def series(
    *,
    journal: Annotated[Path, typer.Option(help="the journal of the building; it is only read")],
    influx: Url = "",
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
    """Write the building's events, states, nights and alerts into InfluxDB or VictoriaMetrics, until told to stop.

    Ids only, never a name. Ends with 0 when all is written, 1 when it cannot start, 3 when something is not written
    yet, 4 when single points had to be set aside (docs/series.md).

    Example: nachtwacht gateway series --journal gateway.db --influx http://127.0.0.1:8428
    """
    # Nothing of it is for the daemon, which shares the program.
    from care.influx import Settings

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
    )
    run(settings, once=once, status=status)
