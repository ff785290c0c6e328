"""Measure the chain, from a sensor's message to a person's screen, and what it costs: `python -m benchmarks.chain`."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import footprint, page, throughput
from benchmarks.figures import Figure, keep, rounded, table
from benchmarks.parts import CannotMeasure, Told
from gateway.stage import BrokerGone

IMPORTS = 5


FIGURES = (
    Figure("page_ms_p50", "sensor to page, ms, half within", 1),
    Figure("page_ms_p99", "sensor to page, ms, 99 of 100 within", 1, at_most=250),
    Figure("chain_events_per_s", "events/s, to the building's disk", at_least=2_000),
    Figure("bare_events_per_s", "events/s, to a bare subscriber"),
    Figure("us_per_event", "detectors, µs an event", 1, at_most=50),
    Figure("gateway_mb", "memory of the building, MB", 1, at_most=90),
    Figure("dashboard_mb", "memory of the desk, MB", 1),
    Figure("gateway_import_s", "import of the daemon, s", 3),
)

METHOD = {
    "all": "Everything on one machine, over 127.0.0.1, with mosquitto set as in a building.",
    "page": "50 homes, one page in Chromium. A bed sensor's message (QoS 1) is stamped before it is published, its "
    "tile by a MutationObserver when it has changed; about 10 a second, unevenly, after everybody lay down and got up "
    "once. The difference between the browser's clock and ours is measured and taken off.",
    "chain": "The first events of a rehearsed day of 50 homes, dated as if they came fast, published flat out by a "
    "raw socket in a process of its own, until the building's journal holds them all. The desk is not there. The "
    "median of rounds, each with a fresh broker, that take turns with those of bare.",
    "bare": "The same messages to paho with automatic acknowledgement and a session that the broker keeps, in a "
    "process of its own that does nothing but count.",
    "us_per_event": "detectors.vigil.arrive over three rehearsed days of 8 homes, in one process; the median of "
    "rounds.",
    "memory": "Resident memory (RSS) of both processes when a rehearsed day of 50 homes has gone through both.",
    "import": f"A new interpreter imports gateway.daemon; its own start is not counted. The median of {IMPORTS}.",
}


def chain(
    *,
    out: Annotated[Path | None, typer.Option(help="write the figures here too, as JSON")] = None,
    events: Annotated[int, typer.Option(min=1, help="events of one round through the chain")] = 30_000,
    samples: Annotated[int, typer.Option(min=1, help="changes that are waited for in the page")] = 300,
    rounds: Annotated[int, typer.Option(min=1, help="rounds of which the median is taken")] = 3,
    hours: Annotated[float, typer.Option(min=0.1, help="how long the rehearsed day is")] = 24,
) -> None:
    """Measure the whole chain with its real parts, and show the figures beside their goals.

    Example: python -m benchmarks.chain --out chain.json
    """
    # Told to end, a measurement ends the processes that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console()
    try:
        figures = measure(console, events=events, samples=samples, rounds=rounds, hours=hours)
    except (CannotMeasure, BrokerGone) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    console.print(table(figures, FIGURES, "The chain"))
    if out is not None:
        keep(figures, METHOD, out)


def measure(console: Console, *, events: int, samples: int, rounds: int, hours: float) -> dict[str, float]:
    """Return the value of every figure, by its key."""
    with _progress(console) as progress:
        with _shown(progress, "From a bed to the page") as told:
            latencies = page.latencies_ms(samples, told)
        with _shown(progress, "The time of an import") as told:
            import_s = footprint.gateway_import_s(IMPORTS, told)
        with _shown(progress, "The detectors") as told:
            us_per_event = footprint.us_per_event(rounds, hours, told)
        rates: dict[str, list[float]] = {"chain": [], "bare": []}
        for number in range(1, rounds + 1):
            # In turn, so that whatever else this machine does bears on both.
            with _shown(progress, f"Through the chain, {number} of {rounds}") as told:
                rates["chain"].append(throughput.chain_rate(events, told))
            with _shown(progress, f"To a bare subscriber, {number} of {rounds}") as told:
                rates["bare"].append(throughput.bare_rate(events, told))
        with _shown(progress, "A day through building and desk") as told:
            memory = footprint.memory(hours, told)
    values = {
        "page_ms_p50": page.quantile(latencies, 0.5),
        "page_ms_p99": page.quantile(latencies, 0.99),
        "chain_events_per_s": median(rates["chain"]),
        "bare_events_per_s": median(rates["bare"]),
        "us_per_event": us_per_event,
        "gateway_mb": memory.gateway_mb,
        "dashboard_mb": memory.dashboard_mb,
        "gateway_import_s": import_s,
    }
    return rounded(values, FIGURES)


def _progress(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    # Seldom: what is drawn takes time from what is measured.
    return Progress(*columns, console=console, transient=True, refresh_per_second=2)


@contextmanager
def _shown(progress: Progress, what: str) -> Iterator[Told]:
    task = progress.add_task(what, total=1)
    yield lambda share: progress.update(task, completed=share)
    progress.remove_task(task)


if __name__ == "__main__":
    typer.run(chain)
