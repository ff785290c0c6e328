"""Measure detection on real homes and on simulated ones: `python -m benchmarks.detection --recordings FOLDER`."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from enum import StrEnum
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.detection import baselines, cost, figures, measure, nights, pictures, realism, report, tails
from benchmarks.detection import homes as simulated
from benchmarks.detection import priors as from_others
from benchmarks.detection.beside import beside
from benchmarks.detection.edits import Draw, Incident
from benchmarks.detection.faults import Faults
from benchmarks.detection.figures import Figures
from benchmarks.detection.methods import Detectors, Method, Run
from benchmarks.detection.nights import Recorded
from benchmarks.detection.pooling import BUDGETS
from benchmarks.detection.trial import Cuts, Step, Trial, tried
from detectors.moments import SensorEvent
from detectors.others import SHIPPED, Others
from gateway import rehearsal
from gateway.recordings import BadRecording

Done = TypeVar("Done")

HOUR = 60.0  # minutes
RESAMPLES = 2000  # of homes and weeks, for an interval
UNDER_FAULTS = (
    (Incident.FELL_BATHROOM_STILL, 20.0),
    (Incident.FELL_ELSEWHERE_STILL, 20.0),
    (Incident.LEFT_HOME, 5.0),
    (Incident.NOT_BACK, 75.0),
)
REALISTIC = (
    Incident.FELL_BATHROOM_STILL,
    Incident.FELL_BATHROOM_MOVING,
    Incident.FELL_ELSEWHERE_STILL,
    Incident.LEFT_HOME,
    Incident.LONG_BATHROOM,
)
SAMPLE = 20  # simulated homes that incidents are cut into
TEACHING_HOMES, TEACHING_NIGHTS = 60, 21  # simulated, to start from
SHOWN_HOME = "wilg/12"  # of the rehearsal, for a picture: a real night is nobody's to show


class Priors(StrEnum):
    """What a home starts from."""

    OTHERS = "others"  # what the other homes of the folder teach, beside what is shipped
    SIMULATED = "simulated"  # the same beside what simulated homes teach: nothing in it was ever seen in a recording
    SHIPPED = "shipped"  # what the release holds, which was rounded from the recordings that it was developed on


def detection(
    recordings: Annotated[Path | None, typer.Option(help="folder of recordings, or one of them")] = None,
    *,
    only: Annotated[str, typer.Option(help="the recordings to take, with commas between")] = "",
    seed: Annotated[int, typer.Option(help="another seed, other draws")] = 1,
    draws: Annotated[int, typer.Option(min=1, help="draws of each incident in each recording")] = 100,
    priors: Annotated[Priors, typer.Option(help="what a home starts from")] = Priors.OTHERS,
    cohort: Annotated[int, typer.Option(min=0, help="simulated homes to measure on, too")] = 0,
    nights: Annotated[int, typer.Option(min=1, help="nights of each simulated home")] = 60,
    out: Annotated[Path | None, typer.Option(help="write the figures here; a page and pictures beside it")] = None,
) -> None:
    """Measure what the detectors find, and what they tell of nothing, on nights that really were, or on simulated ones.

    Example: python -m benchmarks.detection --recordings recordings --cohort 400 --out detection.json
    """
    console = Console()
    if recordings is None and not cohort:
        typer.echo("Nothing to measure on: say --recordings FOLDER, or --cohort NUMBER, or both.", err=True)
        raise typer.Exit(1)
    if cohort and seed == tails.SEED:
        typer.echo(f"Seed {seed} is that of the shipped tails: what they were made of is not measured on.", err=True)
        raise typer.Exit(1)
    names = [name for name in only.split(",") if name]
    try:
        homes = read(recordings, names) if recordings is not None else []
    except BadRecording as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    around = _beside(recordings, homes) if recordings is not None and priors is not Priors.SHIPPED else []
    results, points = measured(
        homes, seed=seed, draws=draws, console=console, around=around, priors=priors, cohort=cohort, nights_each=nights
    )
    page = report.markdown(results)
    console.print(Markdown(page))
    if out is not None:
        _write(out, results, page, points)


def read(folder: Path, only: Sequence[str]) -> list[Recorded]:
    """Read the recordings of a folder. Raises `BadRecording`, also if there is none or one of `only` is not there."""
    folders = _folders(folder)
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


def _folders(folder: Path) -> list[Path]:
    if (folder / "sensors.csv").is_file():
        return [folder]
    return sorted(one.parent for one in folder.glob("*/sensors.csv"))


def _beside(folder: Path, homes: Sequence[Recorded]) -> list[Recorded]:
    """Return the homes that teach priors: all of the folder, also those that are not measured on this time."""
    known = {one.name for one in homes}
    found = list(homes)
    for one in _folders(folder):
        if one.resolve().name not in known:
            with suppress(BadRecording):  # it was not asked for, and can teach nothing
                found.append(nights.read(one))
    return found


def measured(
    homes: Sequence[Recorded],
    *,
    seed: int,
    draws: int,
    console: Console,
    around: Sequence[Recorded] = (),
    priors: Priors = Priors.SHIPPED,
    cohort: int = 0,
    nights_each: int = 60,
) -> tuple[Figures, list[pictures.Point]]:
    """Return all figures, and what each method costs and gives."""
    with _progress(console) as progress:
        starts = _starts(around, priors, progress)
        make = partial(_detectors, starts)
        with _shown(progress, "Incidents are cut in", len(homes)) as step:
            cuts = [_after(step, Cuts.drawn_from(one, seed=seed, count=draws)) for one in homes]
        with _shown(progress, "The nights as they were", len(homes)) as step:
            begun = {one.name: _after(step, Run(make(one), one)) for one in homes}
        known = [night for run in begun.values() for night in measure.nights(run)]
        target = measure.rate(known) if homes else 0.0
        families = baselines.families(homes, seed, target) if homes else []
        able = [one.name for one in families if not one.missing]
        theirs: dict[str, Trial] = {}
        levels: dict[str, str] = {}
        with beside(homes, able, seed=seed, draws=draws, target=target) as promised:
            with _shown(progress, "The detectors", len(homes) * len(Incident)) as step:
                ours = tried(make, cuts, Incident, begun=begun, step=step)
            with _shown(
                progress, "The same, with messages lost, doubled and late", len(homes) * len(UNDER_FAULTS)
            ) as step:
                wanted = [incident for incident, _ in UNDER_FAULTS]
                faulty = tried(make, cuts, wanted, faults=Faults(), seed=seed, step=step)
            with _shown(progress, "Beside it", len(promised)) as step:
                for one in promised:
                    name, level, theirs[name] = _after(step, one.result())
                    levels[name] = f"{level:g}"
        with _shown(progress, "How sure", 1) as step:
            between = figures.intervals(ours, seed=seed, draws=RESAMPLES)
        with _shown(progress, "Whether edits give themselves away", len(cuts)) as step:
            real = [row for cut in cuts for row in _after(step, _realism(cut, seed))]
        with _shown(progress, "Simulated homes", cohort) as step:
            lived = [_after(step, one) for one in simulated.lived(cohort, nights_each, seed=seed, sample=SAMPLE)]
        with _shown(progress, "What an event costs", 1) as step:
            costs = cost.costs(homes or [simulated.recorded(0, nights_each, seed=seed)[1]])
    unseen = {incident: sum((cut.unseen[incident] for cut in cuts), Counter[str]()) for incident in Incident}
    of_cohort = figures.cohort(lived, nights=nights_each) if lived else {}
    calibration: Figures = of_cohort.get("calibration", {})
    not_run = {one.name: one.missing for one in families if one.missing}
    if not lived:
        not_run["calibration"] = "not shown: it takes a cohort (--cohort 400)"
    results: Figures = {
        "recordings": {
            cut.stays.recorded.name: figures.figures(ours.of(cut.stays.recorded.name), cut.unseen) for cut in cuts
        },
        "pooled": figures.figures(ours, unseen) | {"ci": between},
        "baselines": {name: figures.figures(trial, unseen) for name, trial in theirs.items()},
        "calibration": {f"{budget:g}": calibration[f"{budget:g}"]["ratio"] for budget in BUDGETS if lived},
        "seed": seed,
        "version": version("nachtwacht"),
        "details": figures.details(ours)
        | {
            "draws": draws,
            "priors": priors,
            "priors_fitted": {one.name: from_others.differs(starts[one.name]) for one in homes if one.name in starts},
            "recordings": {cut.stays.recorded.name: _recording(cut.stays.recorded, ours) for cut in cuts},
            "with_bed_sensor": _with_bed(ours, cuts),
            "levels": levels,
            "matched_to": target,
            "not_run": not_run,
            "realism": real,
            "cost": costs,
            "cohort": of_cohort,
        }
        | _robustness(ours, faulty),
    }
    return results, _points(ours, theirs)


def _starts(homes: Sequence[Recorded], priors: Priors, progress: Progress) -> dict[str, Others]:
    """Return what each home starts from, where that is not what is shipped."""
    if not homes or priors is Priors.SHIPPED:
        return {}
    shipped = SHIPPED
    if priors is Priors.SIMULATED:
        with _shown(progress, "Simulated homes teach", TEACHING_HOMES) as step:
            lived = simulated.lived(TEACHING_HOMES, TEACHING_NIGHTS, seed=tails.SEED)
            shipped = from_others.fitted([from_others.by_lesson(_after(step, one).learned) for one in lived])
    with _shown(progress, "The homes teach one another", len(homes)) as step:
        told = {one.name: _after(step, Run(Detectors(others=shipped), one).ended.summaries) for one in homes}
    return from_others.from_others(homes, told, shipped)


def _detectors(starts: Mapping[str, Others], recorded: Recorded) -> Method:
    return Detectors(others=starts.get(recorded.name, SHIPPED))


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


def _robustness(ours: Trial, faulty: Trial) -> Figures:
    """Return what lost, doubled and late messages cost: the most points of recall, and the factor of false alerts."""
    if not ours.nights:
        return {"robustness": [], "recall_drop_points": None, "false_factor": None}
    before, after = measure.rate(ours.nights), measure.rate(faulty.nights)
    rows: list[list[object]] = [["false acute alerts a night", before, after]]
    drops = []
    for incident, minutes in UNDER_FAULTS:
        as_sent, arrived = ours.outcomes.get(incident), faulty.outcomes.get(incident)
        if as_sent and arrived:
            found = measure.recall(as_sent, minutes), measure.recall(arrived, minutes)
            rows.append([f"{incident}, recall in {minutes:g} min", *found])
            drops.append(100 * (found[0] - found[1]))
    return {
        "robustness": rows,
        "recall_drop_points": round(max(drops), 2) if drops else None,
        "false_factor": round(after / before, 2) if before else None,
    }


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
