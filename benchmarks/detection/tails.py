"""The tail that ships: from which score on a night is rare, in simulated homes: `python -m benchmarks.detection.tails`.

Printed to be read, rounded and written into the release by hand. The cohort's seed is not one that anything is
measured with: a threshold judged by the nights it was made of would always look right.
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.detection import homes, pooling
from benchmarks.detection.pooling import DETECTORS, Scored
from care.teaching import SHARES
from detectors import calibration
from detectors.budget import ACUTE
from detectors.calibration import Maturity, Scores

SEED = 20_011  # the measurement refuses it
SHIPPED_NIGHTS = 1_000  # home-nights of a tail, as many as pools are filled up to
ALL = "all nights"


def tails(
    *,
    cohort: Annotated[int, typer.Option(min=1, help="simulated homes")] = 200,
    nights: Annotated[int, typer.Option(min=1, help="nights of each")] = 45,
    seed: Annotated[int, typer.Option(help="of the cohort; not one that is measured with")] = SEED,
    per_night: Annotated[float, typer.Option(min=0, help="acute alerts agreed per home and night")] = ACUTE,
    out: Annotated[Path | None, typer.Option(help="write the tails themselves here, as JSON")] = None,
) -> None:
    """Print from which score on each detector tells, for its share of the budget, by how long a home is watched."""
    console = Console()
    lived = homes.lived(cohort, nights, seed=seed)
    scored = [one for home in track(lived, "Simulated homes", total=cohort, console=console) for one in home.scored]
    console.print(_table(scored, per_night))
    if out is not None:
        found = {name: _thinned(tail) for name, tail in every(scored).items()}
        out.write_text(json.dumps(found, indent=1) + "\n")


def every(scored: list[Scored]) -> dict[str, Scores]:
    """Return the tail of each detector over all nights, and of each pool."""
    over_all = {detector: pooling.tail(scored, detector) for detector in DETECTORS}
    pools = {
        f"{detector}/{bucket}": pooling.tail(scored, detector, bucket) for detector in DETECTORS for bucket in Maturity
    }
    return over_all | pools


def _thinned(tail: Scores) -> dict[str, object]:
    """Return as few home-nights as ship, of the same shape."""
    fewer = calibration.scores(calibration.Pool(), tail, SHIPPED_NIGHTS)
    return {"quiet": fewer.quiet, "ranked": [round(score, 2) for score in fewer.ranked]}


def _table(scored: list[Scored], per_night: float) -> Table:
    table = Table("detector", "budget", ALL, *map(str, Maturity), "home-nights")
    for detector in DETECTORS:
        budget = SHARES[detector] * per_night
        of_all = pooling.tail(scored, detector)
        by_age = [pooling.tail(scored, detector, bucket) for bucket in Maturity]
        figures = [f"{one.threshold(budget):.2f}" for one in (of_all, *by_age)]
        table.add_row(detector, f"{budget:.4f}", *figures, f"{of_all.n}")
    return table


if __name__ == "__main__":
    typer.run(tails)
