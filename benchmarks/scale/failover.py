"""A desk dies while alerts come: how soon another has its duty and its buildings, and whether anything was lost."""

import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from statistics import median
from typing import NamedTuple

from benchmarks.parts import CannotMeasure, Part
from benchmarks.scale.fleet import Play
from benchmarks.scale.rates import Say, delays_ms
from benchmarks.scale.running import Running, Setting, running
from care import journal
from care.alerts import alert_of
from care.database import Where
from detectors.findings import Finding

ON_DUTY = "nachtwacht_on_duty"  # of each desk's figures
BEFORE_S = 5.0  # that alerts come before the desk dies
AFTER_S = 40.0  # and after
DUTY_WITHIN_S = 60.0
PROMPT_MS = 1_000.0  # an alert that came sooner did not wait for who died
LOOK_EVERY_S = 0.1
SETTLE_S = 5.0


class Round(NamedTuple):
    """One death."""

    duty_s: float  # until another said that it is on duty
    new_s: float  # until new alerts of every building show at another as if nothing had been
    longest_s: float  # that any alert said after the death waited
    said: list[str]  # all alerts


def failover(size: int, setting: Setting, *, rounds: int, rate: float, say: Say) -> dict[str, float]:
    """Kill the desk on duty, several times; return how long it took, and what was lost or doubled."""
    if setting.desks < 2:
        raise CannotMeasure("Nobody can take over from a single desk: say --desks 2.")
    with running(size, setting, everywhere=True) as made:
        deaths = []
        for number in range(rounds):
            deaths.append(_death(made, rate))
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


def again_s(said: Sequence[tuple[int, float]], died_ns: int) -> float:
    """Return how long after a death new alerts came as if nothing had been.

    `said` is when each was said, in order, and how many milliseconds it took to a page. Of those said after the death,
    the first of all from which on none waits counts, with its own time to the page. Raises `CannotMeasure` if it never
    was so again.

    >>> again_s([(0, 5.0), (1_000_000, 5_000.0), (2_000_000_000, 30.0)], 0)
    2.03
    """
    after = [one for one in said if one[0] >= died_ns]
    waited = [number for number, (_, took_ms) in enumerate(after) if took_ms > PROMPT_MS]
    first = waited[-1] + 1 if waited else 0
    if first >= len(after):
        raise CannotMeasure("Alerts still came late when the last was said.")
    at_ns, took_ms = after[first]
    return (at_ns - died_ns) / 1e9 + took_ms / 1e3


def _death(made: Running, rate: float) -> Round:
    on_duty = _on_duty(made, made.desks)
    place = made.desks.index(on_duty)
    made.shown(forget=True)
    made.begin(Play(BEFORE_S + AFTER_S, alerts=rate))
    time.sleep(BEFORE_S)
    died_ns = time.monotonic_ns()
    made.parts.end(on_duty, signal.SIGKILL)
    left = [desk for desk in made.desks if desk is not on_duty]
    _on_duty(made, left)
    duty_s = (time.monotonic_ns() - died_ns) / 1e9
    played = made.ended(Play(BEFORE_S + AFTER_S, alerts=rate))
    time.sleep(SETTLE_S)
    shown = made.shown()
    took = delays_ms([(alert, at_ns) for alert, _, at_ns in played.alerts], shown, without=place)
    timed = [(at_ns, ms) for (_, _, at_ns), ms in zip(played.alerts, took, strict=True)]
    if played.unanswered:
        raise CannotMeasure(f"{played.unanswered} records were never answered after a desk had died.")
    made.desks[place] = made.start_desk(on_duty.name, port=on_duty.port)
    longest_s = max(ms for at_ns, ms in timed if at_ns >= died_ns) / 1e3
    return Round(duty_s, again_s(timed, died_ns), longest_s, [alert for alert, _, _ in played.alerts])


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
