"""Measure detection on recordings of real homes: `python -m benchmarks.detection --recordings FOLDER`."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.detection import baselines, figures, measure, nights, pictures, realism, report
from benchmarks.detection.baselines import Baseline
from benchmarks.detection.edits import Draw, Incident
from benchmarks.detection.faults import Faults
from benchmarks.detection.figures import Figures
from benchmarks.detection.methods import Detectors, Method, Run
from benchmarks.detection.nights import Recorded
from benchmarks.detection.trial import NIGHTLY, Cuts, Step, Trial, matched, tried
from detectors.moments import SensorEvent
from gateway import rehearsal
from gateway.recordings import BadRecording

Done = TypeVar("Done")

HOUR = 60.0  # minutes
RESAMPLES = 2000  # of homes and weeks, for an interval
BASELINE_DRAWS = 40  # of an incident in a recording: they are many, and not what is measured
UNDER_FAULTS = (
    (Incident.FELL_BATHROOM_STILL, 20.0),
    (Incident.FELL_ELSEWHERE_STILL, 20.0),
    (Incident.LEFT_HOME, 15.0),
    (Incident.NOT_BACK, 75.0),
)
REALISTIC = (
    Incident.FELL_BATHROOM_STILL,
    Incident.FELL_BATHROOM_MOVING,
    Incident.FELL_ELSEWHERE_STILL,
    Incident.LEFT_HOME,
    Incident.LONG_BATHROOM,
)
SHOWN_HOME = "wilg/12"  # of the rehearsal, for a picture: a real night is nobody's to show


def detection(
    recordings: Annotated[Path, typer.Option(help="folder of recordings, or one of them")],
    *,
    only: Annotated[str, typer.Option(help="the recordings to take, with commas between")] = "",
    seed: Annotated[int, typer.Option(help="another seed, other draws")] = 1,
    draws: Annotated[int, typer.Option(min=1, help="draws of each incident in each recording")] = 100,
    out: Annotated[Path | None, typer.Option(help="write the figures here; a page and pictures beside it")] = None,
) -> None:
    """Measure what the detectors find, and what they tell of nothing, on nights that really were.

    Example: python -m benchmarks.detection --recordings recordings --out detection.json
    """
    console = Console()
    try:
        homes = read(recordings, [name for name in only.split(",") if name])
    except BadRecording as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    results, points = measured(homes, seed=seed, draws=draws, console=console)
    page = report.markdown(results)
    console.print(Markdown(page))
    if out is not None:
        _write(out, results, page, points)


def read(folder: Path, only: Sequence[str]) -> list[Recorded]:
    """Read the recordings of a folder. Raises `BadRecording`, also if there is none or one of `only` is not there."""
    folders = (
        [folder] if (folder / "sensors.csv").is_file() else sorted(one.parent for one in folder.glob("*/sensors.csv"))
    )
    lacking = set(only) - {one.resolve().name for one in folders}
    if lacking or not folders:
        what = f"no recording {', '.join(sorted(lacking))}" if lacking else "no recording"
        raise BadRecording(f"{folder}: {what} there. A recording is a folder with events.csv.gz and sensors.csv.")
    homes = [nights.read(one) for one in folders if not only or one.resolve().name in only]
    short = [one.name for one in homes if not one.watched]
    if short:
        raise BadRecording(
            f"{', '.join(short)}: not one whole night in which anything is heard, so nothing to measure."
        )
    return homes


def measured(
    homes: Sequence[Recorded], *, seed: int, draws: int, console: Console
) -> tuple[Figures, list[pictures.Point]]:
    """Return all figures, and what each method costs and gives."""
    with _progress(console) as progress:
        with _shown(progress, "Incidents are cut in", len(homes)) as step:
            cuts = [_after(step, Cuts.drawn_from(one, seed=seed, count=draws)) for one in homes]
        told = [incident for incident in Incident if figures.told(incident)]
        _mark_untold(cuts, told)
        with _shown(progress, "The detectors", len(homes) * len(told)) as step:
            ours = tried(_detectors, cuts, told, step=step)
        with _shown(progress, "The same, with messages lost, doubled and late", len(homes) * len(UNDER_FAULTS)) as step:
            wanted = [incident for incident, _ in UNDER_FAULTS]
            faulty = tried(_detectors, cuts, wanted, faults=Faults(), seed=seed, step=step)
        target = measure.rate(ours.nights)
        families = baselines.families(homes, seed, target)
        able = [one for one in families if not one.missing]
        theirs: dict[str, Trial] = {}
        levels: dict[str, str] = {}
        for one in able:
            with _shown(progress, f"Beside it: {one.name}", len(homes) * len(NIGHTLY)) as step:
                level = matched(one, homes, target)
                theirs[one.name] = _baseline(one, level, cuts, step)
                levels[one.name] = f"{level:g}"
        with _shown(progress, "How sure", 1) as step:
            between = figures.intervals(ours, seed=seed, draws=RESAMPLES)
        with _shown(progress, "Whether edits give themselves away", len(cuts)) as step:
            real = [row for cut in cuts for row in _after(step, _realism(cut, seed))]
    unseen = {incident: sum((cut.unseen[incident] for cut in cuts), Counter[str]()) for incident in Incident}
    results: Figures = {
        "recordings": {
            cut.stays.recorded.name: figures.figures(ours.of(cut.stays.recorded.name), cut.unseen) for cut in cuts
        },
        "pooled": figures.figures(ours, unseen) | {"ci": between},
        "baselines": {name: figures.figures(trial, unseen) for name, trial in theirs.items()},
        "calibration": {},
        "seed": seed,
        "version": version("nachtwacht"),
        "details": figures.details(ours)
        | {
            "draws": draws,
            "recordings": {cut.stays.recorded.name: _recording(cut.stays.recorded, ours) for cut in cuts},
            "with_bed_sensor": _with_bed(ours, cuts),
            "levels": levels,
            "matched_to": target,
            "not_run": {one.name: one.missing for one in families if one.missing}
            | {"calibration": "not shown: the detectors tell no nominal budget yet"},
            "robustness": _robustness(ours, faulty),
            "realism": real,
        },
    }
    return results, _points(ours, theirs)


def _detectors(_: Recorded) -> Method:
    return Detectors()


def _baseline(baseline: Baseline, level: float, cuts: Sequence[Cuts], step: Step) -> Trial:
    make = partial(_at_level, baseline, level)
    return tried(make, cuts, NIGHTLY, any_alert=True, at_most=BASELINE_DRAWS, step=step)


def _at_level(baseline: Baseline, level: float, recorded: Recorded) -> Method:
    return baseline.make(recorded, level)


def _mark_untold(cuts: Sequence[Cuts], told: Sequence[Incident]) -> None:
    """Say of what no detector tells that it is not seen: that is what a resident would notice, too."""
    for cut in cuts:
        for incident in set(Incident) - set(told):
            if cut.drawn[incident]:
                cut.unseen[incident][figures.NOT_TOLD] += len(cut.drawn[incident])


def _recording(recorded: Recorded, trial: Trial) -> Figures:
    night = recorded.home.night
    of_it = trial.of(recorded.name).nights
    acute = sum(one.acute() for one in of_it)
    return {
        "hours": f"{night.start:%H:%M}\u2013{night.end:%H:%M}",
        "abstained": dict(Counter(one.outage for one in recorded.nights if one.outage)),
        "available": round(len(recorded.watched) / len(recorded.nights), 4),
        "false_alerts": acute,
        "at_most": round(measure.at_most(acute, len(of_it)), 4),
        "shown": {f"{target:g}": measure.shown(acute, len(of_it), target) for target in figures.TARGETS},
    }


def _with_bed(trial: Trial, cuts: Sequence[Cuts]) -> Figures:
    """Return what is found of incidents in the homes that have a bed sensor: the goals ask for those."""
    having = {cut.stays.recorded.name for cut in cuts if cut.stays.recorded.home.has_bed}
    outcomes = {
        incident: [one for one in every if one.recording in having] for incident, every in trial.outcomes.items()
    }
    incidents: Figures = figures.figures(Trial([], outcomes), {})["incidents"]
    return {incident: one for incident, one in incidents.items() if one["n"]}


def _robustness(ours: Trial, faulty: Trial) -> list[list[object]]:
    rows: list[list[object]] = [
        ["false acute alerts a night", measure.rate(ours.nights), measure.rate(faulty.nights)],
    ]
    for incident, minutes in UNDER_FAULTS:
        as_sent, arrived = ours.outcomes.get(incident), faulty.outcomes.get(incident)
        if as_sent and arrived:
            what = f"{incident}, recall in {minutes:g} min"
            rows.append([what, measure.recall(as_sent, minutes), measure.recall(arrived, minutes)])
    return rows


def _realism(cut: Cuts, seed: int) -> list[list[object]]:
    rows: list[list[object]] = []
    for incident in REALISTIC:
        drawn: list[Draw] = cut.drawn[incident]
        dice = random.Random(f"{seed}/{cut.stays.recorded.name}/{incident}/realism")
        told = realism.given_away(cut.stays, incident, drawn, dice)
        moves = {Incident.FELL_BATHROOM_MOVING, Incident.LONG_BATHROOM}
        alike = realism.moves_like_them(cut.stays, drawn) if incident in moves else None
        if told is not None or alike is not None:
            rows.append([cut.stays.recorded.name, incident, told, alike])
    return rows


def _points(ours: Trial, theirs: Mapping[str, Trial]) -> list[pictures.Point]:
    """Return what each method costs and gives, over falls in the bathroom and elsewhere."""
    falls = Incident.FELL_BATHROOM_STILL, Incident.FELL_ELSEWHERE_STILL
    points = []
    for name, trial in {"nachtwacht": ours, **theirs}.items():
        outcomes = [one for incident in falls for one in trial.outcomes.get(incident, [])]
        if outcomes:
            minutes = measure.mean_within(outcomes, HOUR)
            cost = measure.rate(trial.nights)
            points.append(pictures.Point(name.replace("_", " "), cost, minutes, ours=trial is ours))
    return points


def _write(out: Path, results: Figures, page: str, points: Sequence[pictures.Point]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    delay, night = out.with_name(f"{out.stem}-delay.svg"), out.with_name(f"{out.stem}-night.svg")
    delay.write_text(pictures.delay_against_false(points, title="Fell at night, and lies still"))
    night.write_text(rehearsed_night())
    shown = f"\n![Delay against false alerts]({delay.name})\n\n![A night and its alert]({night.name})\n"
    out.with_suffix(".md").write_text(page + shown)


def rehearsed_night() -> str:
    """Draw a night of somebody who does not exist, with the alert that it gives."""
    site = rehearsal.site()
    home = next(one for one in site.homes if one.id == SHOWN_HOME)
    moments = rehearsal.demo_night(plan=msgspec.structs.replace(site, homes=(home,)))
    events = tuple(moment for moment in moments if isinstance(moment, SensorEvent))
    start, end = rehearsal.START, rehearsal.START + timedelta(hours=2)
    pages = Run(Detectors(), Recorded("rehearsed", home, events)).pages
    return pictures.timeline(home, events, pages[:1], start, end)


def _after(step: Step, done: Done) -> Done:
    step()
    return done


def _progress(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True)


@contextmanager
def _shown(progress: Progress, what: str, total: int) -> Iterator[Step]:
    task = progress.add_task(what, total=total)
    yield lambda: progress.advance(task)
    progress.remove_task(task)


if __name__ == "__main__":
    typer.run(detection)
