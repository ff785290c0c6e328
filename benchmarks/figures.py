"""What is measured, as every benchmark here shows and keeps it: a key, a number, and what the number must be."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One thing that is measured: its key in the results, what it is, and what it must be."""

    key: str
    what: str
    digits: int = 0
    at_most: float | None = None
    at_least: float | None = None

    @property
    def goal(self) -> str:
        if self.at_most is not None:
            return f"≤ {self.at_most:,.0f}"
        return f"≥ {self.at_least:,.0f}" if self.at_least is not None else ""

    def meets(self, value: float) -> bool | None:
        """Whether it is what it must be; None where nothing is asked."""
        if self.at_most is not None:
            return value <= self.at_most
        return None if self.at_least is None else value >= self.at_least


def rounded(values: Mapping[str, float], figures: Sequence[Figure]) -> dict[str, float]:
    """Return the values of the figures, each with as many digits as it has."""
    return {one.key: round(values[one.key], one.digits) for one in figures}


def kept(out: Path) -> dict[str, float]:
    """Return the figures that a file of results holds already; none if there is no file.

    Raises `msgspec.DecodeError` if it is none of `keep`'s.
    """
    if not out.exists():
        return {}
    held = msgspec.json.decode(out.read_bytes(), type=dict[str, object])
    return {key: float(value) for key, value in held.items() if isinstance(value, int | float)}


def table(values: Mapping[str, float], figures: Sequence[Figure], title: str) -> Table:
    """Return the figures beside their goals, to be printed."""
    shown = Table("measured", title=title)
    shown.add_column("figure", justify="right")
    shown.add_column("goal", justify="right")
    shown.add_column("")
    for one in figures:
        value = values[one.key]
        met = {True: "met", False: "[bold red]missed[/bold red]", None: ""}[one.meets(value)]
        shown.add_row(one.what, f"{value:,.{one.digits}f}", one.goal, met)
    return shown


def keep(values: Mapping[str, float], method: Mapping[str, str], out: Path) -> None:
    """Write the figures with what one must know to compare them: of which version, where, and how."""
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    results = {**values, "version": version("nachtwacht"), "machine": machine, "method": method}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
