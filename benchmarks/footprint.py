"""What it costs to be there: a detector's time for an event, memory after a day, the time of an import."""

import sqlite3
import subprocess
import sys
import time
from statistics import median
from typing import NamedTuple

import psutil

from benchmarks.parts import Parts, Tally, Told
from care import journal
from care.records import CENTRE
from detectors import vigil
from detectors.homes import SiteId
from detectors.moments import SensorEvent
from detectors.remembered import Vigil
from gateway import rehearsal, stage

HOMES = 50  # of the building whose memory is measured
FEW_HOMES = 8  # of the one whose detectors are
NIGHTS = 3  # as many days and nights of those
SEED = 1
DONE_WITHIN_S = 120.0
MB = 1e6

_IMPORT = "import time; t = time.perf_counter(); import gateway.daemon; print(time.perf_counter() - t)"


class Memory(NamedTuple):
    """Resident, in megabytes."""

    gateway_mb: float
    dashboard_mb: float


def us_per_event(rounds: int, hours: float, told: Told) -> float:
    """Return the microseconds that all detectors together take for an event, the median of some rounds.

    What each moment costs when it arrives, with the settling of those before it; a gateway's ticks are not in it.
    """
    site = rehearsal.site(FEW_HOMES)
    night = list(rehearsal.night(site, seed=SEED, start=rehearsal.START, hours=NIGHTS * hours))
    costs = []
    for number in range(rounds):
        vigils = {home.id: Vigil() for home in site.homes}
        began_s = time.perf_counter()
        for moment in night:
            vigils[moment.home], _ = vigil.arrive(vigils[moment.home], moment, moment.at, site.by_id[moment.home])
        costs.append((time.perf_counter() - began_s) / len(night) * 1e6)
        told((number + 1) / rounds)
    return median(costs)


def memory(hours: float, told: Told) -> Memory:
    """Return what a building and its desk hold in memory when the events of a day have gone through both."""
    site = rehearsal.site(HOMES)
    day = list(rehearsal.night(site, seed=SEED, start=rehearsal.START, hours=hours))
    events = sum(isinstance(moment, SensorEvent) for moment in day)
    with Parts() as parts:
        desk, gateway = parts.desk(rehearsal=True), parts.gateway(site, rehearsal=True)
        with gateway.read() as here, desk.read() as there:
            tally = Tally(here, events, told)
            stage.play(
                day, site, host="127.0.0.1", port=parts.port, told=lambda progress: told(progress.moments / len(day))
            )
            parts.until(
                lambda: tally.complete() and _told_all(here, there, site.id),
                "the day has gone through building and desk",
                within_s=DONE_WITHIN_S,
            )
            return Memory(_resident_mb(gateway.pid), _resident_mb(desk.pid))


def gateway_import_s(rounds: int, told: Told) -> float:
    """Return the seconds that it takes a new interpreter to import the daemon, the median of some rounds."""
    command = [sys.executable, "-c", _IMPORT]
    times_s = []
    for number in range(rounds):
        times_s.append(float(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout))
        told((number + 1) / rounds)
    return median(times_s)


def _told_all(here: sqlite3.Connection, there: sqlite3.Connection, site: SiteId) -> bool:
    """Whether the centre has on disk all that the building has to tell it."""
    cursor = journal.cursor_of(there, site)
    return cursor is not None and not journal.to_send(here, CENTRE, after=cursor.number, limit=1)


def _resident_mb(pid: int) -> float:
    resident: int = psutil.Process(pid).memory_info().rss
    return resident / MB
