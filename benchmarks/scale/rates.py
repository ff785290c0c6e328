"""How many alerts a second a centre takes while its pages follow, and how many signs of life."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from benchmarks.page import quantile
from benchmarks.parts import CannotMeasure, apart, hear
from benchmarks.scale import staff
from benchmarks.scale.fleet import Play, Played
from benchmarks.scale.pages import Shown
from benchmarks.scale.running import Running, Setting, running
from care.link import BEAT_S

RATES = (100, 250, 500, 1_000, 1_500)  # alerts a second that are offered, one after another
BEATS = (1_000, 2_000, 4_000, 8_000, 12_000, 16_000)  # signs of life, likewise
SHOWN_WITHIN_MS = 500.0  # of 99 in 100: what makes a rate one that is taken
TOLD_AT = 500  # alerts a second of which the delay is told
KEPT_UP = 0.97  # of what was offered must really have been said
WARM_S = 2.0  # of each step, that count nothing
ASKS = 20.0  # questions a second by which it is seen whether signs of life are taken
STAFF_WITHIN_S = 60.0
NEVER_MS = 60_000.0  # as which an alert counts that no page showed
SETTLE_S = 20.0  # until what was said last is on the pages, at the most
LOOK_EVERY_S = 0.5

Say = Callable[[str], None]


class Step(NamedTuple):
    """What came of one rate."""

    rate: float
    said: float  # alerts a second that were really said
    p50_ms: float
    p99_ms: float
    lost: int  # records that the centre has not said it has, long after

    @property
    def taken(self) -> bool:
        """Whether the centre takes as much, and its pages follow."""
        return self.said >= KEPT_UP * self.rate and self.p99_ms <= SHOWN_WITHIN_MS and not self.lost


def rates(
    size: int, setting: Setting, *, seconds: float, closed_after_s: float, offered: Sequence[float], say: Say
) -> dict[str, float]:
    """Return the highest rate of alerts that is taken, how long they took to the pages, and the rate of beats."""
    with running(size, setting) as made, ExitStack() as open_things:
        say(f"{size:,} homes told of themselves in {made.told_of_s:.0f} s; {len(made.cookies)} pages are open")
        if closed_after_s and setting.may_write_beside:
            closing = open_things.enter_context(apart(staff.close, made.journal, closed_after_s))
            hear(closing, "staff", within_s=STAFF_WITHIN_S)
        steps = list(_climb(made, offered, seconds, say))
        beats = _highest_beats(made, BEATS, seconds / 2, say)  # last: what is too much for a centre waits at its broker
    return summed_up(steps) | {"heartbeats_per_s": beats, "told_of_sites_per_s": made.sites / made.told_of_s}


def summed_up(steps: Sequence[Step]) -> dict[str, float]:
    """Return the figures of steps that went up, the last of which may have been too much.

    >>> one, two = Step(100, 100, 5, 40, 0), Step(250, 250, 90, 800, 0)
    >>> summed_up([one, two])["alerts_per_s"], summed_up([one, two])["page_ms_p99"]
    (100, 40)
    """
    if not steps:
        raise CannotMeasure("Name at least one rate.")
    taken = [step for step in steps if step.taken]
    told = next((step for step in steps if step.rate == TOLD_AT), None) or (taken[-1] if taken else steps[0])
    at_rates = {f"page_ms_p99_at_{step.rate:.0f}": step.p99_ms for step in steps}
    return {
        "alerts_per_s": taken[-1].rate if taken else 0.0,
        "page_ms_p50": told.p50_ms,
        "page_ms_p99": told.p99_ms,
        **at_rates,
    }


def delays_ms(said: Iterable[tuple[str, int]], shown: Shown, *, without: int | None = None) -> list[float]:
    """Return how long each alert took to the first page that showed it, in the order of saying.

    One that never showed took `NEVER_MS`. What the pages of the desk `without` showed does not count.

    >>> delays_ms([("a", 1_000_000), ("b", 0)], Shown({(1, "a"): 3_000_000}, 0, 0))
    [2.0, 60000.0]
    """
    first: dict[str, int] = {}
    for (desk, alert), at_ns in shown.at_ns.items():
        if desk != without:
            first[alert] = min(at_ns, first.get(alert, at_ns))
    return [(first[alert] - at_ns) / 1e6 if alert in first else NEVER_MS for alert, at_ns in said]


def _climb(made: Running, offered: Iterable[float], seconds: float, say: Say) -> Iterable[Step]:
    for rate in offered:
        made.shown(forget=True)
        before = made.processor_s()
        played = made.play(Play(seconds, alerts=rate))
        step = _step(rate, played, _settled(made, played))
        took = {name: round((now - before[name]) / seconds, 2) for name, now in made.processor_s().items()}
        say(f"{rate:,.0f}/s offered, {step.said:,.0f} said: p99 {step.p99_ms:,.0f} ms; processors {took}")
        yield step
        if not step.taken:
            return


def _settled(made: Running, played: Played) -> Shown:
    """Return what came to the pages, when everything did or for long nothing more will."""
    end, said, shown = time.monotonic() + SETTLE_S, {alert for alert, _, _ in played.alerts}, made.shown()
    while said - {alert for _, alert in shown.at_ns} and time.monotonic() < end:
        time.sleep(LOOK_EVERY_S)
        shown = made.shown()
    return shown


def _step(rate: float, played: Played, shown: Shown) -> Step:
    begins_ns = min((at_ns for _, _, at_ns in played.alerts), default=0) + int(WARM_S * 1e9)
    counted = [(alert, at_ns) for alert, _, at_ns in played.alerts if at_ns >= begins_ns]
    delays = delays_ms(counted, shown) or [NEVER_MS]
    return Step(rate, played.rate, quantile(delays, 0.5), quantile(delays, 0.99), played.unanswered)


def _highest_beats(made: Running, offered: Iterable[float], seconds: float, say: Say) -> float:
    """Return the highest rate of signs of life at which questions between them are answered in time."""
    true, highest = made.sites / BEAT_S, 0.0
    for rate in (true, *(one for one in offered if one > true)):
        played = made.play(Play(seconds, beats=rate, asks=ASKS))
        waited = quantile(played.asked_ms, 0.99) if len(played.asked_ms) >= KEPT_UP * played.asked else NEVER_MS
        say(f"{rate:,.0f} beats/s: {played.beats / played.seconds:,.0f} said, a question waits {waited:,.0f} ms")
        if waited > SHOWN_WITHIN_MS or played.beats < KEPT_UP * rate * played.seconds:
            break
        highest = rate
    return highest
