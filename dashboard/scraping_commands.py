"""`nachtwacht desk metrics-token`: who may read the figures of the centre."""

from typing import Annotated

import typer

from care.clock import SystemClock
from dashboard.commands import store
from dashboard.options import People


def metrics_token(
    *,
    people: People,
    forget: Annotated[bool, typer.Option("--forget", help="let nobody read the figures any more")] = False,
) -> None:
    """Print a token with which /metrics of the centre can be read, in place of the one before. It is shown once.

    Prometheus reads it from a file: authorization, credentials_file (deploy/prometheus/prometheus.yml). The figures are
    of all organisations: it is for who operates the centre.

    Example: nachtwacht desk metrics-token --people people.db > /etc/prometheus/nachtwacht.token
    """
    from dashboard import scraping

    with store(people) as db:
        if not forget:
            typer.echo(scraping.make_token(db, SystemClock().now()))
        elif scraping.forget_token(db):
            typer.echo("Nobody can read the figures any more.")
        else:
            typer.echo("There was no token.")
