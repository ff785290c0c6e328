"""The report that people read: goals, what was found and what was false, how sure that is, and what is not shown."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.detection.edits import Incident
from benchmarks.detection.figures import Figures


class Goal(NamedTuple):
    """A line of the goal table: where its figure stands, what the first gate asks, and what the goal is."""

    what: str
    path: tuple[str, ...]
    gate: float
    goal: float
    less_is_better: bool = False


def _recall(what: str, incident: Incident, minutes: str, gate: float, goal: float) -> Goal:
    return Goal(what, ("pooled", "incidents", incident, "recall", minutes), gate, goal)


GOALS = (
    Goal("false acute alerts a client-night", ("pooled", "false_per_night", "acute"), 0.05, 0.02, less_is_better=True),
    Goal("the same, worst home after 28 nights", ("details", "worst_home_after_28"), 0.15, 0.06, less_is_better=True),
    _recall("fell in bathroom, still: in 15 min", Incident.FELL_BATHROOM_STILL, "15", 0.90, 0.98),
    _recall("fell in bathroom, still: in 20 min", Incident.FELL_BATHROOM_STILL, "20", 0.95, 0.99),
    Goal(
        "fell in bathroom, still: median delay, min",
        ("pooled", "incidents", Incident.FELL_BATHROOM_STILL, "median_delay_min"),
        12,
        7,
        less_is_better=True,
    ),
    Goal(
        "fell elsewhere, still, with a bed sensor: in 20 min",
        ("details", "with_bed_sensor", Incident.FELL_ELSEWHERE_STILL, "recall", "20"),
        0.90,
        0.98,
    ),
    _recall("fell in bathroom, moving: in 25 min", Incident.FELL_BATHROOM_MOVING, "25", 0.80, 0.95),
    _recall("left home at night: in 5 min", Incident.LEFT_HOME, "5", 0.95, 0.99),
    _recall("out of bed, active, not back: in 75 min", Incident.NOT_BACK, "75", 0.90, 0.98),
    _recall("late rise: in 3 h", Incident.LATE_RISE, "180", 0.90, 0.97),
    _recall("daytime inactivity: in 4.5 h", Incident.DAY_INACTIVE, "270", 0.90, 0.97),
    _recall("nocturia +1.5: in 28 nights", Incident.NOCTURIA_1_5, "40320", 0.90, 0.97),
    _recall("restless night +5: next morning", Incident.RESTLESS_5, "1440", 0.85, 0.95),
    _recall("restless night +3: next morning", Incident.RESTLESS_3, "1440", 0.55, 0.75),
)


def verdict(goal: Goal, results: Figures) -> tuple[str, str]:
    """Return a goal's figure and what it comes to: "goal", "gate", "missed" or "not shown".

    >>> verdict(Goal("x", ("a",), 0.9, 0.98), {"a": 0.95})
    ('0.95', 'gate')
    """
    value: Any = results
    for key in goal.path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(value, int | float):
        return "", str(value) if value is not None else "not shown"
    met = [value <= limit if goal.less_is_better else value >= limit for limit in (goal.gate, goal.goal)]
    return f"{value:.3g}", "goal" if met[1] else "gate" if met[0] else "missed"


def markdown(results: Figures) -> str:
    """Return the page: goals, recordings, how sure it is, baselines, and what cannot be shown."""
    pooled, more = results["pooled"], results["details"]
    lines = [
        "# Detection, measured on recordings",
        "",
        f"{pooled['nights']} client-nights that count, in {len(results['recordings'])} recordings of",
        f"{more['homes']} homes; seed {results['seed']}, version {results['version']}.",
        "False alerts are of nights as they were; incidents are cut into the same nights.",
        "A delay ends when somebody could hear of it.",
        *_table(
            ("goal", "figure", "gate", "goal", ""),
            [
                (goal.what, value, f"{goal.gate:g}", f"{goal.goal:g}", met)
                for goal in GOALS
                for value, met in [verdict(goal, results)]
            ],
        ),
        "## By recording",
        *_table(
            ("recording", "hours", "nights", "abstained", "acute/night", "at most", *_SHORT.values()),
            [_recording_row(name, results) for name in results["recordings"]] + [_pooled_row(results)],
        ),
        "Recall at the goal's minutes; in brackets how many draws it is of. \u2013: the recording cannot carry it.",
        "## How sure",
        *_table(
            ("figure", "value", "95 % interval"),
            _interval_rows(pooled),
        ),
        f"Intervals: homes drawn anew, then weeks within each ({more['homes']} homes: wide, and rightly so). "
        f"At most {more['at_most']} acute false alerts a night are left possible (exact Poisson, 95 %). "
        + " ".join(f"At most {target}: {said}." for target, said in more["shown"].items()),
        "",
        *_table(
            ("nights watched", "client-nights", "acute/night", "at most"),
            [
                (bucket, str(part["nights"]), _show(part["acute"]), _show(part["at_most"]))
                for bucket, part in more["by_maturity"].items()
            ],
        ),
        "## What an alert is worth",
        *_table(
            ("real falls a client-night", "share of alerts that are true"),
            [(base, _show(value)) for base, value in more["ppv"].items()],
        ),
        "## Beside others",
        *_table(
            ("method", "level", "acute/night", "fell bathroom @15", "@20", "median", "elsewhere @20", "not back @75"),
            [_method_row("nachtwacht", pooled, "")]
            + [_method_row(name, one, more["levels"].get(name, "")) for name, one in results["baselines"].items()],
        ),
        *(f"- {name}: {why}" for name, why in more["not_run"].items()),
        "",
        "## By what is left of movement, and how late",
        *_table(("incident", "setting", "n", "recall"), _setting_rows(more["by_setting"])),
        "## With messages lost, doubled and late",
        *_table(("figure", "as sent", "as it arrives"), [tuple(map(_show, row)) for row in more["robustness"]]),
        "## Whether the edits give themselves away",
        *_table(
            ("recording", "incident", "AUC of the hour before", "moves as this person does"),
            [tuple(map(_show, row)) for row in more["realism"]],
        ),
        "Near 0.5 is as it should be. The hour before left_home holds the way to the front door: that is the incident",
        "itself, and no other outing has it.",
        "## Not carried",
        *_table(
            ("recording", "incident", "draws", "why"),
            [
                (name, incident, str(count), why)
                for name, one in results["recordings"].items()
                for incident, figures in one["incidents"].items()
                for why, count in figures["unseen_reason"].items()
            ],
        ),
    ]
    return "\n".join(lines) + "\n"


_SHORT = {
    (Incident.FELL_BATHROOM_STILL, "15"): "bathroom @15",
    (Incident.FELL_BATHROOM_MOVING, "25"): "moving @25",
    (Incident.FELL_ELSEWHERE_STILL, "20"): "elsewhere @20",
    (Incident.LEFT_HOME, "5"): "left @5",
    (Incident.NOT_BACK, "75"): "not back @75",
}


def _recording_row(name: str, results: Figures) -> tuple[str, ...]:
    one, more = results["recordings"][name], results["details"]["recordings"][name]
    gone = ", ".join(f"{count} {why}" for why, count in more["abstained"].items())
    acute = _show(one["false_per_night"]["acute"])
    return name, more["hours"], str(one["nights"]), gone or "0", acute, _show(more["at_most"]), *_shorts(one)


def _pooled_row(results: Figures) -> tuple[str, ...]:
    pooled, more = results["pooled"], results["details"]
    acute = _show(pooled["false_per_night"]["acute"])
    return "all", "", str(pooled["nights"]), "", acute, _show(more["at_most"]), *_shorts(pooled)


def _shorts(one: Figures) -> list[str]:
    cells = []
    for incident, minutes in _SHORT:
        figures = one["incidents"][incident]
        value = figures["recall"].get(minutes)
        cells.append("\u2013" if value is None else f"{value:.2f} ({figures['n']})")
    return cells


def _interval_rows(pooled: Figures) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (f"false a night, {name}", _show(value), _between(pooled["ci"]["false_per_night"].get(name)))
        for name, value in pooled["false_per_night"].items()
    ]
    for incident, minutes in _SHORT:
        of_it = pooled["ci"]["incidents"].get(incident)
        if of_it is not None:
            value = pooled["incidents"][incident]["recall"][minutes]
            rows.append((f"{incident}, recall in {minutes} min", _show(value), _between(of_it["recall"][minutes])))
            median = pooled["incidents"][incident]["median_delay_min"]
            rows.append((f"{incident}, median delay, min", _show(median), _between(of_it["median_delay_min"])))
    return rows


def _method_row(name: str, one: Figures, level: str) -> tuple[str, ...]:
    bathroom, elsewhere = (
        one["incidents"][incident] for incident in (Incident.FELL_BATHROOM_STILL, Incident.FELL_ELSEWHERE_STILL)
    )
    return (
        name,
        level,
        _show(one["false_per_night"]["acute"]),
        _show(bathroom["recall"]["15"]),
        _show(bathroom["recall"]["20"]),
        _show(bathroom["median_delay_min"]),
        _show(elsewhere["recall"]["20"]),
        _show(one["incidents"][Incident.NOT_BACK]["recall"]["75"]),
    )


def _setting_rows(by_setting: Figures) -> list[tuple[str, ...]]:
    return [
        (
            incident,
            setting,
            str(one["n"]),
            ", ".join(f"{_show(value)} in {key}" for key, value in one["recall"].items()),
        )
        for incident, settings in by_setting.items()
        for setting, one in settings.items()
    ]


def _between(interval: Sequence[float | None] | None) -> str:
    return "" if interval is None else f"{_show(interval[0])} \u2013 {_show(interval[1])}"


def _show(value: object) -> str:
    if value is None:
        return "\u2013"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["", *("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines), ""]
