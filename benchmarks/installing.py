"""Measure an installer's morning, from an empty folder to a proof of 24 homes: `python -m benchmarks.installing`."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.figures import Figure, keep, rounded, table
from tests.installing import Building, a_centre, provisioned

FIGURES = (
    Figure("homes", "homes"),
    Figure("sensors", "sensors"),
    Figure("seconds", "seconds from the empty folder to the last proof", 1),
    Figure("pairing_s", "of those, 144 devices that come in, get their names and their settings", 1),
    Figure("walks_s", "of those, 24 walk tests with the desk's answers, and their proofs on paper", 1),
    Figure("commands", "commands typed"),
    Figure("keystrokes", "keys pressed, Enter included"),
)
METHOD = {
    "seconds": "commands in one process; mosquitto, daemon and desk in theirs. Walking takes no time, and the bridge "
    "answers at once: what is measured is the waiting for the machine, not the work of a person.",
    "keystrokes": "the commands as they are typed on a gateway, what they ask for included, without completion.",
}


def main(
    out: Annotated[Path | None, typer.Option(help="write the figures here, as JSON")] = Path(
        "benchmarks/results/installing.json"
    ),
) -> None:
    """Provision a building once, and say how long that took and what was typed."""
    with (
        tempfile.TemporaryDirectory() as folder,
        a_centre(Path(folder) / "town") as town,
        provisioned(Building(Path(folder) / "building", town)) as (morning, _),
    ):
        values = {one.key: float(getattr(morning, one.key)) for one in FIGURES}
    Console().print(table(values, FIGURES, "An installer's morning"))
    if out is not None:
        keep(rounded(values, FIGURES), METHOD, out)


if __name__ == "__main__":
    typer.run(main)
