"""A desk dies while alerts come: how soon another has its duty and its buildings, and whether anything was lost."""

import signal
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.parts import CannotMeasure, Part, apart, hear
from benchmarks.scale import staff
from benchmarks.scale.fleet import Play
from benchmarks.scale.rates import NEVER_MS, STAFF_WITHIN_S, Say, delays_ms
from benchmarks.scale.running import Running, Setting, running
from care import database, journal
from care.alerts import alert_of
from care.database import Where
from dashboard import leases
from detectors.findings import Finding

ON_DUTY = "nachtwacht_on_duty"  # of each desk's figures
BEFORE_S = 5.0  # that alerts come before the desk dies
AFTER_S = 40.0  # and after
DUTY_WITHIN_S = 60.0
CLOSED_AFTER_S = 10.0  # by a process beside the desks, as people close alerts
LOOK_EVERY_S = 0.1
SETTLE_S = 5.0


class Round(NamedTuple):
    """One death."""

    duty_s: float  # until another said that it is on duty
    new_s: float  # until of each share of the buildings that it spoke for a new alert was on a page of another
    longest_s: float  # that any alert said after the death waited
    said: list[str]  # all alerts


def failover(
    size: int, setting: Setting, *, rounds: int, rate: float, say: Say, after_s: float = AFTER_S
) -> dict[str, float]:
    """Kill the desk on duty, several times; return how long it took, and what was lost or doubled.

    Alerts come for `after_s` seconds after each death; that must be longer than it takes to be replaced.
    """
    if setting.desks < 2:
        raise CannotMeasure("Nobody can take over from a single desk: say --desks 2.")
    with running(size, setting, everywhere=True) as made, apart(staff.close, made.journal, CLOSED_AFTER_S) as people:
        hear(people, "staff", within_s=STAFF_WITHIN_S)
        deaths = []
        for number in range(rounds):
            deaths.append(_death(made, Play(BEFORE_S + after_s, alerts=rate)))
            say(f"death {number + 1}: {deaths[-1]._replace(said=[])}")
        said = [alert for death in deaths for alert in death.said]
        lost, doubled = _compared(said, found(made.journal))
    seconds = [max(one.duty_s, one.new_s) for one in deaths]
    return {
        "failover_s": max(seconds),
        "failover_s_p50": median(seconds),
        "failover_duty_s": max(one.duty_s for one in deaths),
        "failover_longest_wait_s": max(one.longest_s for one in deaths),
        "failovers": len(deaths),
        "failover_alerts": len(said),
        "failover_lost": lost,
        "failover_doubled": doubled,
    }


def found(place: Where) -> list[str]:
    """Return the alert of every finding in a journal."""
    alerts, number = list[str](), 0
    with closing(journal.at(place, read_only=True)) as db:
        while entries := journal.read_after(db, number):
            number = entries[-1].number
            alerts += [alert_of(one.record) for one in entries if isinstance(one.record, Finding) and one.origin]
    return alerts


def taken_over_s(said: Iterable[tuple[int, int, float]], died_ns: int, left: Collection[int]) -> float:
    """Return how long after a death the first new alert of each share of the buildings that it left was on a page.

    `said` is of each alert in which share its building is, when it was said, and how many milliseconds it took. Of the
    shares the slowest counts. Raises `CannotMeasure` if of one nothing came.

    >>> taken_over_s([(1, 0, 9_000.0), (1, 3_000_000_000, 20.0), (2, 0, 5.0)], 0, {1})
    3.02
    """
    first: dict[int, float] = {}
    for share, at_ns, took_ms in said:
        if share in left and at_ns >= died_ns and took_ms < NEVER_MS:
            shown_s = (at_ns - died_ns) / 1e9 + took_ms / 1e3
            first[share] = min(shown_s, first.get(share, shown_s))
    if lacking := set(left) - first.keys():
        raise CannotMeasure(f"Of {len(lacking)} shares of buildings no alert came after a desk had died.")
    return max(first.values(), default=0.0)


def held_by_duty(place: Where) -> set[int]:
    """Return the shares of the buildings that are held by the process on duty."""
    assert not isinstance(place, Path)  # of several desks
    with closing(database.shared(place, leases.STORE)) as db:
        held = dict(db.execute("SELECT name, holder FROM lease"))
    return {share for share in range(leases.SHARES) if held.get(leases.lease_of(share)) == held[leases.DUTY]}


def _death(made: Running, play: Play) -> Round:
    on_duty = _on_duty(made, made.desks)
    place = made.desks.index(on_duty)
    held = held_by_duty(made.journal)
    made.shown(forget=True)
    made.begin(play)
    time.sleep(BEFORE_S)
    died_ns = time.monotonic_ns()
    made.parts.end(on_duty, signal.SIGKILL)
    left = [desk for desk in made.desks if desk is not on_duty]
    _on_duty(made, left)
    duty_s = (time.monotonic_ns() - died_ns) / 1e9
    played = made.ended(play)
    time.sleep(SETTLE_S)
    shown = made.shown()
    took = delays_ms([(alert, at_ns) for alert, _, at_ns in played.alerts], shown, without=place)
    timed = [(leases.share_of(site), at_ns, ms) for (_, site, at_ns), ms in zip(played.alerts, took, strict=True)]
    if played.unanswered:
        raise CannotMeasure(f"{played.unanswered} records were never answered after a desk had died.")
    made.desks[place] = made.start_desk(on_duty.name, port=on_duty.port)
    lived_in = {share for share, _, _ in timed}  # a small fleet has no building in some
    longest_s = max(ms for _, at_ns, ms in timed if at_ns >= died_ns) / 1e3
    return Round(
        duty_s, taken_over_s(timed, died_ns, held & lived_in), longest_s, [alert for alert, _, _ in played.alerts]
    )


def _on_duty(made: Running, among: Sequence[Part]) -> Part:
    end = time.monotonic() + DUTY_WITHIN_S
    while time.monotonic() < end:
        for desk in among:
            if made.figure(desk, ON_DUTY) == 1:
                return desk
        time.sleep(LOOK_EVERY_S)
    raise CannotMeasure(f"No desk was on duty within {DUTY_WITHIN_S:.0f} s.")


def _compared(said: Sequence[str], there: Sequence[str]) -> tuple[int, int]:
    """Return how many of the alerts are not there, and how many more than once.

    >>> _compared(["a", "b", "c"], ["a", "c", "c"])
    (1, 1)
    """
    counts = Counter(there)
    return sum(not counts[alert] for alert in said), sum(counts[alert] > 1 for alert in said)
