"""What a home costs its centre, in time of processors, in fleets of several sizes; and what would be too much first."""

from collections.abc import Mapping, Sequence

from benchmarks.scale.fleet import Play
from benchmarks.scale.rates import Say
from benchmarks.scale.running import Setting, running
from care.link import BEAT_S

SIZES = (1_000, 10_000, 50_000, 130_000)
ALERTS = 0.05  # of a home, a day
STATUSES = 30.0  # likewise
_DAY_S = 86_400.0
_HOUR_S = 3_600.0
PARTS = ("desks", "database", "broker")


def cost(sizes: Sequence[int], setting: Setting, *, seconds: float, pace: float, say: Say) -> dict[str, float]:
    """Return what homes cost in fleets of these sizes, `pace` times as fast as they live.

    By size: milliseconds of a processor for a home and hour, and how many processors each part keeps busy.
    """
    figures: dict[str, float] = {}
    for size in sizes:
        busy, kept_up = _busy(size, setting, seconds, pace)
        say(f"{size:,} homes at {pace:g} times their pace: processors {busy}, {kept_up:.0%} of the beats were said")
        figures |= figures_of(size, busy, pace) | {f"beats_said_{name(size)}": kept_up}
    if {1_000, 50_000} <= set(sizes):
        figures["cost_ratio_50k_1k"] = figures["cost_ms_50k"] / figures["cost_ms_1k"]
    return figures


def figures_of(size: int, busy: Mapping[str, float], pace: float) -> dict[str, float]:
    """Return the figures of a fleet that kept so many processors busy.

    >>> figures_of(1_000, {"desks": 0.1, "database": 0.05, "broker": 0.0}, 2.0)["cost_ms_1k"]
    270.0
    """
    a_home = {part: 1_000 * share * _HOUR_S / pace / size for part, share in busy.items()}
    of = name(size)
    return {
        f"cost_ms_{of}": round(sum(a_home.values()), 6),
        **{f"cost_ms_{part}_{of}": ms for part, ms in a_home.items()},
        **{f"busy_{part}_{of}": share for part, share in busy.items()},
    }


def name(size: int) -> str:
    """Return a size as keys have it.

    >>> name(50_000), name(200)
    ('50k', '200')
    """
    return f"{size // 1_000}k" if size % 1_000 == 0 else f"{size}"


def bottleneck(figures: Mapping[str, float], desks: int) -> str:
    """Return in a sentence what would be too much first, by what was measured in the largest fleet.

    A desk takes one processor at the most, and so does the broker; a database takes one for each desk.
    """
    sizes = [size for size in SIZES if f"cost_ms_{name(size)}" in figures]
    if not sizes:
        return ""
    largest = sizes[-1]
    busy = {part: figures[f"busy_{part}_{name(largest)}"] for part in PARTS}
    most = {"desks": desks, "database": desks, "broker": 1}
    first = max(PARTS, key=lambda part: busy[part] / most[part])
    told = ", ".join(f"{part} {busy[part]:.2f} of {most[part]}" for part in PARTS)
    return f"With {largest:,} homes the {first} would be too much first: processors kept busy are {told}."


def _busy(size: int, setting: Setting, seconds: float, pace: float) -> tuple[dict[str, float], float]:
    """Return how many processors each part keeps busy, and which share of the signs of life was really said."""
    with running(size, setting) as made:
        beats = pace * made.sites / BEAT_S
        rate = Play(seconds, pace * ALERTS * size / _DAY_S, pace * STATUSES * size / _DAY_S, beats)
        made.play(rate._replace(seconds=min(5.0, seconds)))  # until what telling of themselves brought about is done
        before = made.processor_s()
        played = made.play(rate)
        after = made.processor_s()
    took = {part: (after[part] - before[part]) / played.seconds for part in after}
    desks = sum(share for part, share in took.items() if part.startswith("desk"))
    busy = {"desks": desks, "database": took.get("database", 0.0), "broker": took["broker"]}
    return busy, played.beats / (beats * played.seconds)
