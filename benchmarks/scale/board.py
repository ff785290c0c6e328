"""How much memory a centre takes with every home on its board: plans, how each is, and the nights that it keeps."""

import gc
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil

from benchmarks import year
from benchmarks.parts import CannotMeasure, apart
from benchmarks.scale import homes
from care import journal
from care.clock import SystemClock
from care.nights import KEPT
from care.records import Record, decode, encode
from dashboard.centre import Centre

STATUSES = 3  # of each home: as long as they say the same of what is seen, the board keeps no more
MB = 1e6
WITHIN_S = 1_800.0


class Memory(NamedTuple):
    """Resident memory (RSS) of the process, in MB."""

    before_mb: float  # with all that is imported, and an empty journal
    plans_mb: float  # with every plan and status
    nights_mb: float  # with the nights too


def board(size: int, nights: int = KEPT) -> dict[str, float]:
    """Return what a board of so many homes takes."""
    with apart(fill, size, nights) as pipe:
        if not pipe.poll(WITHIN_S):
            raise CannotMeasure("The board was not filled in time.")
        memory: Memory = pipe.recv()
    return {
        "board_mb_130k": memory.nights_mb - memory.before_mb,
        "board_mb_130k_first_day": memory.plans_mb - memory.before_mb,
        "centre_mb_130k": memory.nights_mb,
        "board_mb_per_10k_homes": (memory.nights_mb - memory.before_mb) / size * 10_000,
    }


def fill(pipe: Connection, size: int, nights: int) -> None:
    """Fill the board of a centre with what was told of so many homes. Runs in a process of its own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Centre(journal.connect(Path(folder) / "centre.db"), SystemClock())) as centre,
    ):
        before, now = _resident_mb(), SystemClock().now()
        _take(centre, _first(size, now - timedelta(days=nights)))
        first = _resident_mb()
        _take(centre, _nights(size, now, nights))
        pipe.send(Memory(before, first, _resident_mb()))
        pipe.recv()


def _take(centre: Centre, records: Iterator[Record]) -> None:
    """Put records on the board as the centre does with what it reads: each decoded from its own bytes."""
    gc.disable()
    for record in records:
        read = decode(encode(record))
        centre.board.add(read, recorded_at=read.at)
        centre.fleet.add(read, read.at)
    gc.enable()
    gc.collect()


def _first(size: int, at: datetime) -> Iterator[Record]:
    for site in homes.sites(size):
        yield site.plan(at)
        for number in range(1, site.homes + 1):
            for n in range(STATUSES):
                yield year.change(site.home(number), n, at + timedelta(hours=n))


def _nights(size: int, now: datetime, nights: int) -> Iterator[Record]:
    told = year.summaries()
    for back in reversed(range(nights)):
        day = now - timedelta(days=back)
        for summary in told:
            at = day.replace(hour=5 if summary.whole else 3)
            evening = day.date() - timedelta(days=1)
            for site in homes.sites(size):
                for number in range(1, site.homes + 1):
                    yield msgspec.structs.replace(summary, at=at, home=site.home(number), night=evening)


def _resident_mb() -> float:
    resident: int = psutil.Process().memory_info().rss
    return resident / MB
