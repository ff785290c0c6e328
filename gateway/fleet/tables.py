"""What looking back came to, as files: Parquet for whoever goes on counting, and a picture for whoever looks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from care.labels import KINDS
from care.records import site_of
from care.wording import Wording
from gateway.fleet.account import Account, Kind
from gateway.fleet.lived_again import Told

PICTURE = "fleet.svg"
_UTC = pa.timestamp("us", tz="UTC")

_WOULD = [("at", _UTC), ("what", pa.string()), ("urgent", pa.bool_())]
_TABLES: dict[str, list[tuple[str, pa.DataType]]] = {
    "homes": [
        ("site", pa.string()),
        ("home", pa.string()),
        ("profile", pa.string()),
        ("first", pa.date32()),
        ("nights", pa.int32()),
        ("heard", pa.int32()),
    ],
    "alerts": [
        ("site", pa.string()),
        ("home", pa.string()),
        ("night", pa.date32()),
        ("alert", pa.string()),
        *((f"was_{name}", kind) for name, kind in _WOULD),
        *((f"now_{name}", kind) for name, kind in _WOULD),
        ("outcome", pa.string()),
    ],
    "nights": [
        ("site", pa.string()),
        ("home", pa.string()),
        ("night", pa.date32()),
        ("age", pa.int32()),
        ("left_out", pa.string()),
        ("highest", pa.map_(pa.string(), pa.float64())),
    ],
    "thresholds": [
        ("pool", pa.string()),
        ("nights", pa.int32()),
        ("threshold", pa.float64()),
        ("as_shipped", pa.bool_()),
    ],
}
"""The files, and what stands in each row. Ids only: who lives where is in no journal."""

_WIDTH, _ROW, _LEFT, _BAR = 760, 46, 300, 360
_STYLE = (
    "text{font:14px sans-serif;fill:#1a1a1a}.small{font-size:12px;fill:#555}.was{fill:#9aa3ad}.now{fill:#2c5f8a}"
    ".lost{fill:#b3261e}"
)


def write(found: Account, folder: Path, *, version: str, language: str) -> list[Path]:
    """Write all of it into a folder; return the files. Each appears whole or not at all. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = {"homes": _homes(found), "alerts": list(map(_alert, found.alerts)), "nights": _nights(found)}
    rows["thresholds"] = _thresholds(found)
    files = []
    for name, columns in _TABLES.items():
        schema = pa.schema(columns, metadata={"nachtwacht": version})
        half = folder / f"{name}.parquet.half"
        pq.write_table(pa.Table.from_pylist(rows[name], schema), half)
        files.append(half.rename(folder / f"{name}.parquet"))
    picture = folder / PICTURE
    picture.write_text(drawn(found, Wording(language)), encoding="utf-8")
    return [*files, picture]


def _homes(found: Account) -> list[Mapping[str, Any]]:
    return [
        {
            "site": site_of(one.home.id),
            "home": one.home.id,
            "profile": str(one.home.profile),
            "first": one.first,
            "nights": one.nights,
            "heard": one.heard,
        }
        for one in found.homes
    ]


def _alert(one: Told) -> Mapping[str, Any]:
    row: dict[str, Any] = {"site": site_of(one.home), "home": one.home, "night": one.night, "alert": one.alert}
    for when, would in (("was", one.was), ("now", one.now)):
        at: datetime | None = None if would is None else would.at
        row[f"{when}_at"] = at
        row[f"{when}_what"] = None if would is None else str(would.what)
        row[f"{when}_urgent"] = None if would is None else would.urgent
    return row | {"outcome": None if one.outcome is None else str(one.outcome)}


def _nights(found: Account) -> list[Mapping[str, Any]]:
    return [
        {
            "site": site_of(one.home),
            "home": one.home,
            "night": one.night,
            "age": one.age,
            "left_out": None if one.left_out is None else str(one.left_out),
            "highest": one.highest,
        }
        for one in found.nights
    ]


def _thresholds(found: Account) -> list[Mapping[str, Any]]:
    return [
        {"pool": name, "nights": one.nights, "threshold": one.threshold, "as_shipped": one.kept}
        for name, one in found.thresholds
    ]


def drawn(found: Account, wording: Wording) -> str:
    """Return the picture as SVG: for each kind a bar of what was told and one of what is told now."""
    say, kinds = wording.say, found.kinds
    most = max([1, *(max(one.was, one.now) for one in kinds)])
    title = say("What was told, and what these detectors tell")
    about = say("{homes} homes, {nights} nights of homes.").format(homes=len(found.homes), nights=found.home_nights)
    rows = [line for number, one in enumerate(kinds) for line in _row(one, 78 + number * _ROW, most, wording)]
    high = 78 + max(1, len(kinds)) * _ROW
    if not kinds:
        nothing = say("No alerts, then or now.")
        rows = [f'<text x="16" y="92">{escape(nothing)}</text>']
    size = f'viewBox="0 0 {_WIDTH} {high}" width="{_WIDTH}" height="{high}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
            f'<style>{_STYLE}</style><rect width="{_WIDTH}" height="{high}" fill="#fff"/>',
            f'<text x="16" y="26" font-weight="bold">{escape(title)}</text>',
            f'<text x="16" y="46" class="small">{escape(about)}</text>',
            *rows,
            "</svg>\n",
        ]
    )


def _row(one: Kind, y: int, most: int, wording: Wording) -> Sequence[str]:
    say = wording.say
    lines = [f'<text x="16" y="{y + 18}">{escape(say(KINDS[one.what]))}</text>']
    for n, look, down in ((one.was, "was", 0), (one.now, "now", 15)):
        said = say("was: {n}") if look == "was" else say("now: {n}")
        wide = round(_BAR * n / most, 1)
        lines.append(f'<rect class="{look}" x="{_LEFT}" y="{y + down}" width="{wide}" height="12"/>')
        text = escape(said.format(n=n))
        lines.append(f'<text class="small" x="{_LEFT + wide + 6}" y="{y + down + 11}">{text}</text>')
    if one.helped_lost:
        lost = say("with help, and not told now: {n}").format(n=one.helped_lost)
        lines.append(f'<text class="small lost" x="16" y="{y + 34}">{escape(lost)}</text>')
    return lines
