"""Can a bed sensor tell an occupied bed from an empty one, and by what margin. Pure, but for the file of figures.

Somebody lies down while it is watched: empty, lying, turning over, sitting on the edge, out again. A pad that gives a
level (HOBEIAN ZG-210Z, ESPHome Bed Presence) gets a trigger with a margin; one that only says occupied or empty is
judged by its polarity, its delays, and whether it holds on to somebody who turns over.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from care.language import mark
from gateway.installer.plans import save
from gateway.installer.survey import Verdict

MARGIN_GOOD, MARGIN_FAIR = 0.5, 0.2  # of the way from empty to occupied that nothing measured came into
IN_MAX_S = 30.0  # after which somebody who lay down should be seen in bed
OUT_MAX_S = 60.0  # after which an empty bed should be seen; limits of the detectors are minutes
SETTLE_S = 8.0  # for taking the next position
HOLD_S = 15  # seconds of presence_delay that bridge somebody turning over
QUICK_S = 5
SETTABLE = 2  # the access bit of an expose that can be set
SENSITIVITY = ("low", "medium", "high")


class Phase(StrEnum):
    """What the person in the bed does; in this order."""

    EMPTY = "empty"
    LYING = "lying"
    TURNING = "turning"
    EDGE = "edge"
    OUT = "out"


ASKED = {
    Phase.EMPTY: mark("Leave the bed empty, as it is when somebody is up: blankets and pillow on it."),
    Phase.LYING: mark("Lie down in the middle of the bed and lie still."),
    Phase.TURNING: mark("Turn over, on to each side and back, also close to the edge."),
    Phase.EDGE: mark("Sit on the edge of the bed, feet on the floor."),
    Phase.OUT: mark("Get up, and step away from the bed."),
}


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One message of the sensor, in a phase."""

    phase: Phase
    after_s: float  # seconds since the phase began
    level: float | None = None  # pressure, in the sensor's own unit
    occupied: bool | None = None  # as the building will read it


class Problem(StrEnum):
    """What is wrong with a bed sensor."""

    SILENT = "silent"
    NOT_APART = "not-apart"
    NARROW = "narrow"
    REVERSED = "reversed"
    NEVER_OCCUPIED = "never-occupied"
    NEVER_EMPTY = "never-empty"
    LOST_TURNING = "lost-turning"
    SLOW_IN = "slow-in"
    SLOW_OUT = "slow-out"


ADVICE = {
    Problem.SILENT: mark("It said nothing. Is it paired, is its battery in, does it lie below the chest?"),
    Problem.NOT_APART: mark("Empty and occupied cannot be told apart. Move it below the chest, and check the slats."),
    Problem.NARROW: mark("Empty and occupied lie close together. Move it closer to the middle of the body."),
    Problem.REVERSED: mark("It says empty for occupied. Its role or its polarity in the plan is wrong."),
    Problem.NEVER_OCCUPIED: mark(
        "It did not see anybody lie down. Move it below the chest, or make it more sensitive."
    ),
    Problem.NEVER_EMPTY: mark("It did not see the bed become empty. Take weight off it, or make it less sensitive."),
    Problem.LOST_TURNING: mark("It lost who turned over. Give it a longer delay, or move it to the middle."),
    Problem.SLOW_IN: mark("It is slow to see that somebody lies down. Give it a shorter delay."),
    Problem.SLOW_OUT: mark("It is slow to see that the bed is empty. Give it a shorter delay."),
}
_BAD = frozenset({Problem.SILENT, Problem.NOT_APART, Problem.REVERSED, Problem.NEVER_OCCUPIED, Problem.NEVER_EMPTY})


class Figures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a bed sensor was found to do. It belongs to the sensor; `address` says with which device it was measured."""

    at: datetime
    verdict: Verdict
    problems: tuple[Problem, ...] = ()
    address: str = ""
    model: str = ""
    empty: float | None = None  # level, median
    occupied: float | None = None  # level, median
    trigger: float | None = None  # level: the middle of what nothing measured came into
    margin: float | None = None  # of the way from empty to occupied, 0 to 1; higher is better
    edge: bool | None = None  # whether somebody on the edge of the bed counts as in bed
    in_s: float | None = None  # seconds until occupied was said
    out_s: float | None = None  # seconds until empty was said


def judged(samples: Sequence[Sample], *, at: datetime, address: str = "", model: str = "") -> Figures:
    """Judge a bed sensor by what it said. By its level where it gave one both empty and occupied, else by its word."""
    levels = {phase: _levels(samples, phase) for phase in Phase}
    empty, occupied = (
        [one for phase in phases for one in levels[phase]]
        for phases in ((Phase.EMPTY, Phase.OUT), (Phase.LYING, Phase.TURNING))
    )
    found = _by_level(empty, occupied, levels[Phase.EDGE]) if empty and occupied else _by_word(samples)
    return msgspec.structs.replace(found, at=at, address=address, model=model)


def _levels(samples: Sequence[Sample], phase: Phase) -> list[float]:
    """Return the levels of a phase once its position is taken; the last one before where none came after that."""
    said = [(one.after_s, one.level) for one in samples if one.phase is phase and one.level is not None]
    return [level for after, level in said if after >= SETTLE_S] or [level for _, level in said[-1:]]


def _by_level(empty: list[float], occupied: list[float], edge: list[float]) -> Figures:
    """Judge by level. A pad whose level falls under a weight is as good as one whose level rises."""
    usual_empty, usual_occupied = statistics.median(empty), statistics.median(occupied)
    sign = 1.0 if usual_occupied >= usual_empty else -1.0
    highest_empty, lowest_occupied = max(sign * one for one in empty), min(sign * one for one in occupied)
    way = abs(usual_occupied - usual_empty)
    margin = (lowest_occupied - highest_empty) / way if way else 0.0
    verdict = Verdict.GOOD if margin >= MARGIN_GOOD else Verdict.FAIR if margin >= MARGIN_FAIR else Verdict.BAD
    problems = {Verdict.FAIR: (Problem.NARROW,), Verdict.BAD: (Problem.NOT_APART,)}.get(verdict, ())
    trigger = sign * (highest_empty + lowest_occupied) / 2
    return Figures(
        at=_NEVER,
        verdict=verdict,
        problems=problems,
        empty=usual_empty,
        occupied=usual_occupied,
        trigger=None if verdict is Verdict.BAD else trigger,
        margin=max(0.0, margin),
        edge=sign * statistics.median(edge) > sign * trigger if edge and verdict is not Verdict.BAD else None,
    )


def _by_word(samples: Sequence[Sample]) -> Figures:
    said = [one for one in samples if one.occupied is not None]
    if not said:
        return Figures(at=_NEVER, verdict=Verdict.BAD, problems=(Problem.SILENT,))
    lying, turning, edge, out = (_last(said, phase) for phase in (Phase.LYING, Phase.TURNING, Phase.EDGE, Phase.OUT))
    before = _last(said, Phase.EMPTY)
    in_s, out_s = _first(said, Phase.LYING, occupied=True), _first(said, Phase.OUT, occupied=False)
    edge_lost = edge is False  # said empty for who sits on the edge, and need not say it again
    problems = []
    if lying is False and out is not False and before is not False:
        problems.append(Problem.REVERSED)
    else:
        if not any(one.occupied for one in said if one.phase in (Phase.LYING, Phase.TURNING, Phase.EDGE)):
            problems.append(Problem.NEVER_OCCUPIED)
        elif lying is False or any(one.phase is Phase.TURNING and one.occupied is False for one in said):
            problems.append(Problem.LOST_TURNING)
        if out is not False and not (edge_lost and out is None):
            problems.append(Problem.NEVER_EMPTY)
        if in_s is not None and in_s > IN_MAX_S:
            problems.append(Problem.SLOW_IN)
        if out_s is not None and out_s > OUT_MAX_S:
            problems.append(Problem.SLOW_OUT)
    bad = not _BAD.isdisjoint(problems)
    return Figures(
        at=_NEVER,
        verdict=Verdict.BAD if bad else Verdict.FAIR if problems else Verdict.GOOD,
        problems=tuple(problems),
        edge=None if bad else next((one for one in (edge, turning, lying) if one is not None), None),
        in_s=in_s,
        out_s=out_s,
    )


def adjustments(problems: Iterable[Problem], exposes: Iterable[Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return which settings of a Zigbee bed sensor may help, and to what: of those that its model lets be set.

    `now` is what the device last said of them. Known are presence_delay (seconds) and sensitivity (low to high).
    """
    found, can = set(problems), {one["name"]: one for one in exposes if _settable(one)}
    changes: dict[str, Any] = {}
    delay = now.get("presence_delay")
    if "presence_delay" in can and isinstance(delay, int | float):
        if Problem.LOST_TURNING in found and delay < HOLD_S:
            changes["presence_delay"] = HOLD_S
        elif {Problem.SLOW_IN, Problem.SLOW_OUT} & found and Problem.LOST_TURNING not in found and delay > QUICK_S:
            changes["presence_delay"] = QUICK_S
    level = now.get("sensitivity")
    if "sensitivity" in can and level in SENSITIVITY:
        step = (Problem.NEVER_OCCUPIED in found) - (Problem.NEVER_EMPTY in found)
        to = SENSITIVITY[min(2, max(0, SENSITIVITY.index(level) + step))]
        if to != level and to in can["sensitivity"].get("values", SENSITIVITY):
            changes["sensitivity"] = to
    return changes


def level_of(said: Any) -> float | None:
    """Return the pressure in a message of a Zigbee strap, if it gives one."""
    value = said.get("current_pressure") if isinstance(said, dict) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def file_beside(plan: Path) -> Path:
    """Return where the figures of a plan's beds are kept: measured, and so not in what was drawn up and agreed."""
    return plan.with_suffix(".beds.json")


def kept(plan: Path) -> dict[str, Figures]:
    """Return the figures of each bed sensor by its name; none if none were measured.

    Raises `ValueError` with a sentence if the file is not what `keep` wrote, and `OSError`.
    """
    file = file_beside(plan)
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Figures])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise ValueError(f"{file}: not the figures of beds: {error}. Take it away, and calibrate again.") from error


def keep(plan: Path, sensor: str, figures: Figures) -> None:
    """Put the figures of one bed sensor beside a plan, at once. Raises as `kept` does."""
    known = {**kept(plan), sensor: figures}
    save(file_beside(plan), msgspec.json.format(msgspec.json.encode(known), indent=2).decode() + "\n")


_NEVER = datetime.min.replace(tzinfo=UTC)  # until `judged` says when


def _settable(expose: Any) -> bool:
    return isinstance(expose, dict) and "name" in expose and bool(int(expose.get("access", 0)) & SETTABLE)


def _last(said: Sequence[Sample], phase: Phase) -> bool | None:
    return next((one.occupied for one in reversed(said) if one.phase is phase), None)


def _first(said: Sequence[Sample], phase: Phase, *, occupied: bool) -> float | None:
    return next((one.after_s for one in said if one.phase is phase and one.occupied is occupied), None)
