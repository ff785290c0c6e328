"""Two pictures, as SVG: what each method costs and gives, and how a night with an alert looks."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from math import log10
from typing import NamedTuple
from zoneinfo import ZoneInfo

from benchmarks.detection.methods import Page
from detectors.homes import Home, Kind
from detectors.moments import SensorEvent

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 460, 70, 50, 180, 60
LEAST = 0.003  # false alerts a night that the axis begins with: less cannot be shown
HOUR = 60.0
ROW = 30
CLOSE = 12  # dots nearer to one another share their label
OURS, THEIRS, INK, FAINT, ALARM = "#0b5d66", "#8a8f98", "#1d2733", "#d5dae0", "#b3261e"


class Point(NamedTuple):
    """A method: what it costs, and what it gives."""

    name: str
    false_per_night: float
    minutes: float  # on average until somebody is told; what nobody is told of counts as an hour
    ours: bool = False


def delay_against_false(points: Sequence[Point], *, title: str) -> str:
    """Draw delay against false alerts a night: down and to the left is better."""
    most = max([1.0, *(point.false_per_night for point in points)])
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(rate: float) -> float:
        return LEFT + wide * (log10(max(rate, LEAST)) - log10(LEAST)) / (log10(most) - log10(LEAST))

    def y(minutes: float) -> float:
        return TOP + high * (1 - minutes / HOUR)

    drawn = [text(LEFT, 20, title, size=15, weight="600")]
    for rate in (0.01, 0.1, 1.0):
        drawn += [
            line(x(rate), TOP, x(rate), TOP + high),
            text(x(rate), TOP + high + 18, f"{rate:g}", anchor="middle"),
        ]
    for minutes in range(0, int(HOUR) + 1, 10):
        drawn += [
            line(LEFT, y(minutes), LEFT + wide, y(minutes)),
            text(LEFT - 8, y(minutes) + 4, f"{minutes}", anchor="end"),
        ]
    drawn.append(text(LEFT + wide / 2, HEIGHT - 16, "false alerts a client-night (log)", anchor="middle"))
    drawn.append(text(LEFT, 37, "mean minutes until told; what is not told within an hour counts as one", size=11))
    labels: list[tuple[float, float, list[str]]] = []  # of dots that lie on one another: one, with all their numbers
    for number, point in enumerate(sorted(points, key=lambda one: (not one.ours, one.minutes)), 1):
        at, up = x(point.false_per_night), y(point.minutes)
        colour = OURS if point.ours else THEIRS
        # Names beside the dots would lie on one another: a number there, and its name in the margin.
        drawn.append(f'<circle cx="{at:.1f}" cy="{up:.1f}" r="{6 if point.ours else 4}" fill="{colour}"/>')
        near = (of for left, top, of in labels if abs(left - at) < CLOSE and abs(top - up) < CLOSE)
        numbers = next(near, None)
        if numbers is None:
            numbers = []
            labels.append((at, up, numbers))
        numbers.append(f"{number}")
        named = f"{number}  {point.name}"
        drawn.append(text(LEFT + wide + 20, TOP + 16 * number, named, size=11, colour=INK if point.ours else THEIRS))
    drawn += [text(left + 8, top + 11, ", ".join(of), size=10) for left, top, of in labels]
    return svg(WIDTH, HEIGHT, drawn, title)


def timeline(home: Home, events: Sequence[SensorEvent], pages: Sequence[Page], start: datetime, end: datetime) -> str:
    """Draw a night of one home: a row for the bed, the front door and each room, and where an alert was raised."""
    zone = ZoneInfo(home.night.zone)
    rows = [("bed", Kind.BED), ("front door", Kind.DOOR), *((str(room), Kind.MOTION) for room in home.rooms)]
    high = TOP + ROW * len(rows)

    def x(at: datetime) -> float:
        return LEFT + 40 + (WIDTH - LEFT - 60) * ((at - start) / (end - start))

    drawn = [text(12, 20, "One rehearsed night, and its alert", size=15, weight="600")]
    hour = start.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    while hour < end:
        drawn += [
            line(x(hour), TOP, x(hour), high),
            text(x(hour), high + 18, f"{hour.astimezone(zone):%H:%M}", anchor="middle"),
        ]
        hour += timedelta(hours=1)
    for number, (name, kind) in enumerate(rows):
        up = TOP + ROW * number + 6
        drawn.append(text(LEFT + 30, up + 13, name, anchor="end"))
        shown = [event for event in events if start <= event.at < end]
        if kind is Kind.MOTION:
            shown = [event for event in shown if event.kind in {Kind.MOTION, Kind.USE} and event.room == name]
        else:
            shown = [event for event in shown if event.kind is kind]
        drawn += [_mark(x(one.at), x(_over(one, shown, end)), up, kind) for one in shown if one.value]
    for page in pages:
        if start <= page.at < end:
            drawn.append(f'<path d="M{x(page.at):.1f} {TOP - 6}V{high}" stroke="{ALARM}" stroke-width="2"/>')
            told = f"{page.at.astimezone(zone):%H:%M} {page.kind}"
            drawn.append(text(x(page.at) + 5, TOP - 8, told, size=12, colour=ALARM, weight="600"))
    return svg(WIDTH, high + 30, drawn, "A night's timeline with its alert")


def _over(event: SensorEvent, shown: Sequence[SensorEvent], end: datetime) -> datetime:
    ends = (one.at for one in shown if one.sensor == event.sensor and one.at > event.at and not one.value)
    return next(ends, end)


def _mark(start: float, end: float, up: float, kind: Kind) -> str:
    colour = OURS if kind is Kind.BED else INK
    return (
        f'<rect x="{start:.1f}" y="{up}" width="{max(2.0, end - start):.1f}" height="{ROW - 12}" rx="2" fill="{colour}"'
        f' fill-opacity="{0.35 if kind is Kind.BED else 0.8}"/>'
    )


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    """Return a faint line."""
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{FAINT}" stroke-width="1"/>'


def text(
    x: float, y: float, words: str, *, anchor: str = "start", size: int = 12, colour: str = INK, weight: str = "400"
) -> str:
    """Return words at a place."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"'
        f' font-weight="{weight}">{escape(words)}</text>'
    )


def svg(width: float, height: float, drawn: Sequence[str], title: str) -> str:
    """Return a picture of what was drawn."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' font-family="sans-serif" role="img"><title>{escape(title)}</title>'
    )
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="#fff"/>', *drawn, "</svg>\n"])
