"""The curve, as SVG: what a home costs, against how many homes there are."""

from collections.abc import Mapping, Sequence
from math import log10

from benchmarks.detection.pictures import INK, OURS, THEIRS, line, svg, text
from benchmarks.scale.cost import PARTS, SIZES, name

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 420, 70, 60, 130, 60
_COLOURS = {"desks": OURS, "database": "#b3671e", "broker": THEIRS}
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
_LINES = 6
LABEL = 14


def curve(figures: Mapping[str, float]) -> str:
    """Draw what a home costs and what each part has in it, as far as it was measured; empty if it was not."""
    sizes = [size for size in SIZES if f"cost_ms_{name(size)}" in figures]
    if not sizes:
        return ""
    most = max(figures[f"cost_ms_{name(size)}"] for size in sizes) * 1.1
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    least, span = log10(sizes[0]), max(log10(sizes[-1]) - log10(sizes[0]), 1e-9)

    def x(size: int) -> float:
        return LEFT + wide * (log10(size) - least) / span

    def y(ms: float) -> float:
        return TOP + high * (1 - ms / most)

    drawn = [text(LEFT, 22, "What a home costs its centre", size=15, weight="600")]
    drawn.append(text(LEFT, 40, "milliseconds of a processor, for a home and hour", size=11))
    step = next((one for one in _STEPS if most / one <= _LINES), _STEPS[-1])
    for number in range(int(most / step) + 1):
        drawn += [
            line(LEFT, y(number * step), LEFT + wide, y(number * step)),
            text(LEFT - 8, y(number * step) + 4, f"{number * step:g}", anchor="end"),
        ]
    for size in sizes:
        drawn += [
            line(x(size), TOP, x(size), TOP + high),
            text(x(size), TOP + high + 18, f"{size:,}", anchor="middle"),
        ]
    drawn.append(text(LEFT + wide / 2, HEIGHT - 14, "homes (log)", anchor="middle"))
    curves = {"all of it": ([figures[f"cost_ms_{name(size)}"] for size in sizes], INK)}
    for part in PARTS:
        curves[part] = ([figures[f"cost_ms_{part}_{name(size)}"] for size in sizes], _COLOURS[part])
    places = _apart([y(values[-1]) for values, _ in curves.values()])
    for place, (label, (values, colour)) in zip(places, curves.items(), strict=True):
        points = [(x(size), y(value)) for size, value in zip(sizes, values, strict=True)]
        way = "L".join(f"{at:.1f} {up:.1f}" for at, up in points)
        drawn.append(f'<path d="M{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{at:.1f}" cy="{up:.1f}" r="4" fill="{colour}"/>' for at, up in points]
        drawn.append(text(LEFT + wide + 12, place + 4, label, colour=colour))
    return svg(WIDTH, HEIGHT, drawn, "What a home costs its centre, against how many homes there are")


def _apart(wanted: Sequence[float]) -> list[float]:
    """Return where labels stand that would stand there, so far from one another that each can be read.

    >>> _apart([100.0, 104.0, 50.0])
    [100.0, 114.0, 50.0]
    """
    places, last = dict[int, float](), float("-inf")
    for number, place in sorted(enumerate(wanted), key=lambda one: one[1]):
        places[number] = last = max(place, last + LABEL)
    return [places[number] for number in range(len(wanted))]
