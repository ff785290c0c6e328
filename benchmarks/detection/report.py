"""The report that people read: goals, what was found and what was false, how sure that is, and what is not shown."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.detection import measure
from benchmarks.detection.edits import Incident
from benchmarks.detection.figures import Figures
from benchmarks.detection.pooling import DETECTORS
from detectors.calibration import Maturity

_CALIBRATION = ("details", "cohort", "calibration")
_ELSEWHERE_WITH_BED = ("details", "with_bed_sensor", Incident.FELL_ELSEWHERE_STILL, "recall", "20")


class Goal(NamedTuple):
    """A line of the goal table: where its figure stands, what the first gate asks, and what the goal is."""

    what: str
    path: tuple[str, ...]
    gate: float
    goal: float
    less_is_better: bool = False
    is_rate: bool = False  # of client-nights, or days: so few may be too few to show it


def _recall(what: str, incident: Incident, minutes: str, gate: float, goal: float) -> Goal:
    return Goal(what, ("pooled", "incidents", incident, "recall", minutes), gate, goal)


def _rate(what: str, kinds: str, kind: str, gate: float, goal: float) -> Goal:
    return Goal(what, ("pooled", kinds, kind), gate, goal, less_is_better=True, is_rate=True)


GOALS = (
    _rate("false acute alerts a client-night", "false_per_night", "acute", 0.05, 0.02),
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
        _ELSEWHERE_WITH_BED,
        0.90,
        0.98,
    ),
    _recall("fell in bathroom, moving: in 25 min", Incident.FELL_BATHROOM_MOVING, "25", 0.80, 0.95),
    _recall("left home at night: in 5 min", Incident.LEFT_HOME, "5", 0.95, 0.99),
    _recall("out of bed, active, not back: in 75 min", Incident.NOT_BACK, "75", 0.90, 0.98),
    _recall("late rise: in 3 h", Incident.LATE_RISE, "180", 0.90, 0.97),
    _rate("late rise: false a day", "false_per_day", "late-rise", 0.02, 0.02),
    _recall("daytime inactivity: in 4.5 h", Incident.DAY_INACTIVE, "270", 0.90, 0.97),
    _rate("daytime inactivity: false a day", "false_per_day", "day-inactive", 0.02, 0.02),
    _recall("nocturia +1.5: in 28 nights", Incident.NOCTURIA_1_5, "40320", 0.90, 0.97),
    _rate("nocturia: false a night", "false_per_night", "nocturia", 1 / 90, 1 / 90),
    _recall("restless night +5: next morning", Incident.RESTLESS_5, "1440", 0.85, 0.95),
    _recall("restless night +3: next morning", Incident.RESTLESS_3, "1440", 0.55, 0.75),
    _rate("restless night: false a night", "false_per_night", "restless", 1 / 30, 1 / 30),
    Goal("realised / nominal, lowest of maturities and budgets", (*_CALIBRATION, "lowest"), 0.4, 0.5),
    Goal(
        "realised / nominal, highest of maturities and budgets",
        (*_CALIBRATION, "highest"),
        1.8,
        1.5,
        less_is_better=True,
    ),
    Goal(
        "messages lost, doubled, late: points of recall lost",
        ("details", "recall_drop_points"),
        4,
        1,
        less_is_better=True,
    ),
    Goal("the same: factor of false alerts", ("details", "false_factor"), 1.5, 1.1, less_is_better=True),
    Goal(
        "cost of an event, median, microseconds",
        ("details", "cost", "nachtwacht", "median_us"),
        40,
        15,
        less_is_better=True,
    ),
)


def verdict(goal: Goal, results: Figures) -> tuple[str, str]:
    """Return a goal's figure and what it comes to: "goal", "gate", "missed" or "not shown", with why not.

    >>> verdict(Goal("x", ("a",), 0.9, 0.98), {"a": 0.95})
    ('0.95', 'gate')
    """
    value = _found(results, goal.path)
    if not isinstance(value, int | float):
        return "", str(value) if value is not None else _not_shown(goal, results)
    met = [value <= limit if goal.less_is_better else value >= limit for limit in (goal.gate, goal.goal)]
    return f"{value:.3g}", "goal" if met[1] else "gate" if met[0] else "missed"


def sure(goal: Goal, results: Figures) -> str:
    """Say how much a goal's figure rests on: of a rate whether so many nights can show it, of recall its draws."""
    value = _found(results, goal.path)
    if value is None:
        return ""
    if goal.is_rate and isinstance(value, int | float):
        nights = results["pooled"]["nights"]
        said = measure.shown(round(value * nights), nights, goal.gate)
        return {"yes": "shown", "no": "shown not to hold"}.get(said, said)
    draws = _found(results, (*goal.path[: goal.path.index("recall")], "n")) if "recall" in goal.path else None
    interval = _found(results, ("pooled", "ci", *goal.path[1:])) if goal.path[0] == "pooled" else None
    of_draws = f"{draws} draws" if draws is not None else ""
    return ", ".join(part for part in (of_draws, _between(interval)) if part)


def _found(results: Figures, path: Sequence[str]) -> Any:
    value: Any = results
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _not_shown(goal: Goal, results: Figures) -> str:
    """Say why a figure is not there, and what it would take."""
    if "calibration" in goal.path:
        return "not shown: needs a larger cohort (--cohort 400)"
    if goal.is_rate:
        return f"not shown: needs {measure.nights_needed(goal.gate)} nights"
    if goal.path[:2] != ("pooled", "incidents"):
        return "not shown"
    why: Mapping[str, int] = _found(results, (*goal.path[:3], "unseen_reason")) or {}
    return f"not shown: {max(why, key=lambda one: why[one])}" if why else "not shown"


def goals(results: Figures) -> list[str]:
    """Return the goal table: what was measured on recordings, and beside it on simulated homes, if there are any."""
    cohort, rows = results["details"]["cohort"], []
    for goal in GOALS:
        value, met = verdict(goal, results)
        limits = f"{goal.gate:.3g}", f"{goal.goal:.3g}"
        simulated = _simulated(goal, cohort) if cohort else []
        rows.append((goal.what, value, *limits, met, sure(goal, results), *simulated))
    beside = ["simulated", "met there?"] if cohort else []
    return _table(("goal", "measured", "gate", "goal", "met?", "how sure (95 %)", *beside), rows)


def _simulated(goal: Goal, cohort: Figures) -> list[str]:
    """Return what a goal's figure comes to in simulated homes; empty where it is not asked of them."""
    path = _IN_COHORT.get(goal.path, goal.path[1:] if goal.path[0] == "pooled" else ())
    value, met = verdict(goal._replace(path=path), cohort) if path else ("", "")
    return [value, met if value else ""]


_IN_COHORT = {
    ("details", "worst_home_after_28"): ("worst_home_after_28",),
    _ELSEWHERE_WITH_BED: ("with_bed_sensor", *_ELSEWHERE_WITH_BED[2:]),
}


def markdown(results: Figures) -> str:
    """Return the page: goals, recordings, cohort, how sure it is, baselines, and what cannot be shown."""
    more = results["details"]
    lines = [
        "# Detection, measured",
        "",
        *_measured_on(results),
        *goals(results),
        *(_recordings(results) if results["recordings"] else []),
        *(_cohort(more["cohort"]) if more["cohort"] else []),
        "## What an event costs",
        *_table(
            ("through", "median, microseconds", "95 % of events", "mean"),
            [
                (
                    name.replace("_", " "),
                    *(map(_show, one.values()) if isinstance(one, Mapping) else (one, "", "")),
                )
                for name, one in more["cost"].items()
                if name != "events"
            ],
        ),
        *(f"- {name}: {why}" for name, why in more["not_run"].items()),
    ]
    return "\n".join(lines) + "\n"


def _measured_on(results: Figures) -> list[str]:
    more, pooled = results["details"], results["pooled"]
    parts = []
    if results["recordings"]:
        parts.append(
            f"{pooled['nights']} client-nights that count, in {len(results['recordings'])} recordings of "
            f"{more['homes']} homes, which start from what is {_PRIORS.get(more['priors'], more['priors'])}."
        )
    if more["cohort"]:
        of_it = more["cohort"]
        parts.append(f"{of_it['nights']} client-nights of {of_it['homes']} simulated homes.")
    return [
        *parts,
        f"Seed {results['seed']}, version {results['version']}.",
        "False alerts are of nights as they were; incidents are cut into the same nights.",
        "A delay ends when somebody could hear of it.",
    ]


_PRIORS = {"others": "learned in the others", "shipped": "shipped", "simulated": "learned in others and simulated"}


def _recordings(results: Figures) -> list[str]:
    pooled, more = results["pooled"], results["details"]
    return [
        "## By recording",
        *_table(
            ("recording", "hours", "nights", "abstained", "acute/night", "at most", *_SHORT.values()),
            [_recording_row(name, results) for name in results["recordings"]] + [_pooled_row(results)],
        ),
        "Recall at the goal's minutes; in brackets how many draws it is of. \u2013: the recording cannot carry it.",
        "",
        *_fitted(more),
        "## False alerts, and how sure",
        *_table(("figure", "value", "95 % interval"), _interval_rows(pooled)),
        f"Intervals: homes drawn anew, then weeks within each ({more['homes']} homes: wide, and rightly so). "
        f"At most {more['at_most']} acute false alerts a night are left possible (exact Poisson, 95 %). "
        + " ".join(f"At most {target}: {said}." for target, said in more["shown"].items())
        + f" {_show(more['agreed_per_night'])} a night are told at a limit of the care plan, which no budget moves.",
        "",
        "## By how long a home has been watched",
        *_table(
            ("nights watched", "client-nights", "acute/night", "at most"),
            [
                (bucket, str(part["nights"]), _show(part["acute"]), _show(part["at_most"]))
                for bucket, part in more["by_maturity"].items()
            ],
        ),
        "## By what is left of movement, and how late",
        *_table(("incident", "setting", "n", "recall"), _setting_rows(more["by_setting"])),
        "## Beside others",
        f"Each is turned until it raises no more false alerts than we do ({_show(more['matched_to'])} a night),",
        "as far as it can be turned: those of fixed minutes cannot. Whatever they tell at night counts as found.",
        *_table(
            ("method", "level", "acute/night", "fell bathroom @15", "@20", "median", "elsewhere @20", "not back @75"),
            [_method_row("nachtwacht", pooled, "")]
            + [_method_row(name, one, more["levels"].get(name, "")) for name, one in results["baselines"].items()],
        ),
        "## What an alert is worth",
        *_table(
            ("real falls a client-night", "share of alerts that are true"),
            [(base, _show(value)) for base, value in more["ppv"].items()],
        ),
        "## With messages lost, doubled and late",
        *_table(("figure", "as sent", "as it arrives"), [tuple(map(_show, row)) for row in more["robustness"]]),
        "## Whether the edits give themselves away",
        *_table(
            ("recording", "incident", "AUC of the hour before", "moves as this person does"),
            [tuple(map(_show, row)) for row in more["realism"]],
        ),
        "Near 0.5 is as it should be. The hour before left_home holds the way to the front door: that is the incident",
        "itself, and no other outing has it.",
        "",
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


def _fitted(more: Figures) -> list[str]:
    """Say of which lessons the other homes knew enough, so that nobody takes a fallback for leaving a home out."""
    if not more["priors_fitted"]:
        return []
    said = [f"{name}: {', '.join(lessons) or 'nothing'}" for name, lessons in more["priors_fitted"].items()]
    return ["Learned in other homes, everything else as shipped: " + "; ".join(said) + ".", ""]


def _cohort(cohort: Figures) -> list[str]:
    return [
        "## Simulated homes",
        f"{cohort['homes']} homes of {cohort['nights_each']} nights, in which nothing happens: every alert is false.",
        f"Worst home after 28 nights: {_show(cohort['worst_home_after_28'])} acute a night; of 20 homes one has more",
        f"than {_show(cohort['p95_home_after_28'])}.",
        *_table(
            ("residents", "homes", "nights", *_KINDS),
            [
                *((name, str(one["homes"]), *_kind_row(one)) for name, one in cohort["by_profile"].items()),
                ("all", str(cohort["homes"]), *_kind_row(cohort)),
            ],
        ),
        *_table(
            ("nights watched", "nights", *_KINDS),
            [(bucket, *_kind_row(one)) for bucket, one in cohort["by_maturity"].items()],
        ),
        f"Of incidents that are cut into {cohort['incidents_in_homes']} of them:",
        *_table(
            ("incident", "n", "recall", "median, min"),
            [
                (incident, str(one["n"]), _recalls(one), _show(one["median_delay_min"]))
                for incident, one in cohort["incidents"].items()
                if one["n"]
            ],
        ),
        "### As much as agreed?",
        "Realised over nominal false alerts, where each night's thresholds come from the nights before it; caps do not",
        "count. 1 is as agreed. A dash: too few nights to expect as many alerts as would tell.",
        *_table(
            ("budget", "all", *Maturity, *DETECTORS, "nights", "too few to say"),
            [
                (
                    budget,
                    _show(one["ratio"]),
                    *map(_show, one["by_maturity"].values()),
                    *map(_show, one["by_detector"].values()),
                    str(one["nights"]),
                    str(one["too_few"]),
                )
                for budget, one in cohort["calibration"].items()
                if isinstance(one, Mapping)
            ],
        ),
        f"By the product's own rule, from shipped thresholds, at {_show(cohort['taught']['budget'])} a night in all:",
        f"{_show(cohort['taught']['ratio'])} ("
        + ", ".join(f"{bucket}: {_show(one)}" for bucket, one in cohort["taught"]["by_maturity"].items())
        + ").",
        "",
    ]


_KINDS = (
    "acute",
    "of them at a limit",
    "restless",
    "nocturia",
    "shift",
    "late-rise",
    "day-inactive",
    "sensor-silent",
    "sensor-stuck",
)


def _kind_row(one: Figures) -> list[str]:
    rates = one["false_per_night"] | one["false_per_day"]
    rates |= {"of them at a limit": one["agreed_per_night"]}
    return [str(one["nights"]), *(_show(rates.get(kind)) for kind in _KINDS)]


def _recalls(one: Figures) -> str:
    return ", ".join(f"{_show(value)} in {minutes}" for minutes, value in one["recall"].items())


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
            _recalls(one),
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
