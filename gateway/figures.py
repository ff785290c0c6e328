"""A gateway in figures, as a file for node_exporter's textfile collector: no port is opened, and no library loaded.

Prometheus' text format is some lines (https://prometheus.io/docs/instrumenting/exposition_formats/). Ids of the site
and words of ours are in it: never a home or a sensor.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from care.files import put
from care.version import version
from detectors.homes import SiteId

PREFIX = "nachtwacht_gateway_"
WRITE_EVERY_S = 15.0  # as often as Prometheus usually asks
READABLE = 0o644  # by node_exporter, another user

log = structlog.get_logger()

TABLE: dict[str, tuple[tuple[str, ...], str]] = {
    "info": (("version",), "The version that runs; always 1."),
    "written_timestamp_seconds": ((), "When this file was written."),
    "broker_connected": ((), "Whether the building's broker is connected: 1 or 0."),
    "centre_connected": ((), "Whether the centre's broker is connected: 1 or 0."),
    "proof_age_seconds": ((), "Since a synthetic event last came through the way of the sensors and was kept."),
    "homes": (("sight",), "Homes of the building: watched, partly blind, blind, or paused."),
    "sensors_unseen": ((), "Sensors that are not heard, or not listened to."),
    "standing": (("kind",), "What the matter is with the building or its sensors, as was told and is not over."),
    "journal_number": ((), "Number of the newest record in the journal."),
    "unsent_records": ((), "Records that the centre has not confirmed to have on disk."),
    "unsent_oldest_seconds": ((), "Since the oldest of them was written; 0 if there is none."),
    "unanswered_alerts": ((), "Acute alerts that the centre has not confirmed, or that nobody there has answered."),
    "alarm_homes": ((), "Homes for which the building's own alarm sounds."),
    "inbox_messages": ((), "Messages between broker and journal; at most 2000, then the broker waits."),
    "held_records": ((), "Records that wait for company before they are written."),
    "records_written_total": ((), "Records written since the start."),
    "messages_unreadable_total": (("trouble",), "Messages of sensors that were not understood, since the start."),
    "sensors_received_bytes_total": (
        (),
        "Bytes heard of sensors and bridge since the start, without what carries them.",
    ),
    "link_sent_bytes_total": ((), "Bytes said to the centre since the start, without what carries them."),
    "link_received_bytes_total": ((), "Bytes heard of the centre since the start, without what carries them."),
    "cpu_seconds_total": ((), "Processor time of the daemon and its helpers since the start."),
    "disk_written_bytes_total": ((), "Bytes that the daemon had written to disk since the start."),
    "memory_bytes": ((), "Memory that the daemon holds."),
    "disk_free_bytes": ((), "Room on the disk where the journal lies."),
}
"""Every figure by its name, without `PREFIX`: its labels besides the site's, and what it means."""

Samples = Mapping[tuple[str, ...], float]
Figures = dict[str, Samples]


def one(value: float | None) -> Samples:
    """Return the samples of a figure without labels; of one that is not known, none."""
    return {} if value is None else {(): float(value)}


def by(counts: Mapping[Any, int], kinds: Iterable[str] = ()) -> Samples:
    """Return the samples of a figure with one label, with a zero for each of `kinds` that was not counted."""
    return {(str(kind),): float(counts.get(kind, 0)) for kind in dict.fromkeys((*kinds, *counts))}


def text(site: SiteId, figures: Figures) -> bytes:
    r"""Return figures in Prometheus' text format.

    >>> print(text(SiteId("wilg"), {"homes": {("blind",): 2}}).decode(), end="")
    # HELP nachtwacht_gateway_homes Homes of the building: watched, partly blind, blind, or paused.
    # TYPE nachtwacht_gateway_homes gauge
    nachtwacht_gateway_homes{site="wilg",sight="blind"} 2
    """
    lines = []
    for name, samples in figures.items():
        labels, meaning = TABLE[name]
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# HELP {PREFIX}{name} {meaning}", f"# TYPE {PREFIX}{name} {kind}"]
        for values, value in samples.items():
            said = zip(("site", *labels), (site, *values), strict=True)
            pairs = ",".join(f'{label}="{_escaped(of)}"' for label, of in said)
            lines.append(f"{PREFIX}{name}{{{pairs}}} {value:.15g}")
    return ("\n".join(lines) + "\n").encode()


def _escaped(of: str) -> str:
    return of.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Textfile:
    """The file, written anew every quarter of a minute; one that cannot be written stops nothing."""

    def __init__(self, file: Path, site: SiteId) -> None:
        self._file, self._site = file, site
        self._at_s = -WRITE_EVERY_S
        self._told = False

    def due(self, monotonic_s: float) -> bool:
        """Whether it is time to write it again."""
        return monotonic_s - self._at_s >= WRITE_EVERY_S

    def write(self, figures: Figures, now: datetime, monotonic_s: float) -> None:
        """Put the figures in the place of those before, at once: whoever reads meanwhile reads the old or the new."""
        self._at_s = monotonic_s
        dated = figures | {"info": {(version(),): 1.0}, "written_timestamp_seconds": one(now.timestamp())}
        try:
            put(self._file, text(self._site, {name: dated[name] for name in TABLE if name in dated}), mode=READABLE)
            self._told = False
        except OSError as error:
            if not self._told:
                log.warning("figures_not_written", file=str(self._file), why=str(error))
            self._told = True
