"""The tail that ships: from which score on a night is rare. `python -m benchmarks.detection.tails [--recordings DIR]`.

Printed to be read, rounded and written into the release by hand (`detectors.others`): of recorded homes, each counting
the same, and beside them of simulated ones. The cohort's seed is not one that anything is measured with: a threshold
judged by the nights it was made of would always look right.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.detection import homes, pooling
from benchmarks.detection import nights as nights_of
from benchmarks.detection.methods import Detectors, Run
from benchmarks.detection.pooling import DETECTORS, Scored
from care.teaching import SHARES, SHARES_TOLD
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
    recordings: Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="a folder of them")] = None,
    out: Annotated[Path | None, typer.Option(help="write the simulated tails themselves here, as JSON")] = None,
) -> None:
    """Print from which score on each detector tells, for its share of the budget, by how long a home is watched."""
    console = Console()
    if recordings is not None:
        console.print(_recorded(recordings))
    lived = homes.lived(cohort, nights, seed=seed)
    scored = [one for home in track(lived, "Simulated homes", total=cohort, console=console) for one in home.scored]
    console.print(_table(scored, per_night))
    if out is not None:
        found = {name: _thinned(tail) for name, tail in every(scored).items()}
        out.write_text(json.dumps(found, indent=1) + "\n")


def of_homes(told: Sequence[Sequence[Scored]], detector: str) -> dict[float, float]:
    """Return the scores that are reached in so large a share of nights, where each home counts the same.

    Nothing is said of nights rarer than every home together can tell.
    """
    usual = [[one for one in nights if one.left_out is None] for nights in told]
    homes_seen = [nights for nights in usual if any(one.highest for one in nights)]  # others have no sensors to tell by
    weighed = [
        (one.highest.get(detector, -math.inf), 1 / (len(nights) * len(homes_seen)))
        for nights in homes_seen
        for one in nights
    ]
    found, share, rarest = dict[float, float](), 0.0, 1 / (1 + sum(map(len, homes_seen)))
    for score, weight in sorted(weighed, reverse=True):
        share += weight
        for wanted in SHARES_TOLD:
            if rarest <= wanted <= share and wanted not in found and math.isfinite(score):
                found[wanted] = score
    return found


def _recorded(folder: Path) -> Table:
    homes_told = []
    for one in sorted(file.parent for file in folder.glob("*/events.csv.gz")):
        told = Run(Detectors(), nights_of.read(one)).ended.summaries
        homes_told.append([pooling.scored(summary) for summary in told])
    table = Table(
        "detector", *(f"1 night in {1 / share:.0f}" for share in SHARES_TOLD), "home-nights", title="Recorded"
    )
    for detector in DETECTORS:
        found = of_homes(homes_told, detector)
        figures = [f"{found[share]:.2f}" if share in found else "" for share in SHARES_TOLD]
        table.add_row(detector, *figures, str(sum(one.left_out is None for told in homes_told for one in told)))
    return table


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
