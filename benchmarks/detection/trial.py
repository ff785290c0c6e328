"""One method tried on recorded homes: its false alerts on nights as they were, and what it finds of what is cut in."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from benchmarks.detection import incidents, measure
from benchmarks.detection.baselines import Baseline
from benchmarks.detection.edits import Draw, Incident, Unseen
from benchmarks.detection.faults import PERFECT, Faults
from benchmarks.detection.measure import ASKED, UP, Asked, NightCount, Outcome
from benchmarks.detection.methods import ACUTE, Method, Run, alerts
from benchmarks.detection.nights import Recorded
from benchmarks.detection.stays import Stays

Step = Callable[[], None]  # called when a piece of the work is done

NIGHTLY = tuple(incident for incident, asked in ASKED.items() if asked.kinds & ACUTE)
"""What is found by an alert in the night itself: all that a baseline can be asked for."""


@dataclass
class Cuts:
    """The incidents that are cut into one recording: drawn once, for every method the same."""

    stays: Stays
    drawn: dict[Incident, list[Draw]] = field(default_factory=dict)
    unseen: dict[Incident, Counter[str]] = field(default_factory=dict)

    @classmethod
    def drawn_from(cls, recorded: Recorded, *, seed: int, count: int) -> "Cuts":
        cuts = cls(Stays(recorded))
        for incident in Incident:
            drawn = list(incidents.draws(cuts.stays, incident, seed=seed, count=count))
            cuts.drawn[incident] = [one for one in drawn if isinstance(one, Draw)]
            cuts.unseen[incident] = Counter(one.reason for one in drawn if isinstance(one, Unseen))
        return cuts


@dataclass
class Trial:
    """What a method did, over some recordings."""

    nights: list[NightCount] = field(default_factory=list)
    outcomes: dict[Incident, list[Outcome]] = field(default_factory=dict)

    def of(self, recording: str) -> "Trial":
        """Return the part of it in one recording."""
        mine = {
            incident: [one for one in every if one.recording == recording] for incident, every in self.outcomes.items()
        }
        return Trial([night for night in self.nights if night.recording == recording], mine)


def tried(
    make: Callable[[Recorded], Method],
    cuts: Iterable[Cuts],
    wanted: Iterable[Incident],
    *,
    faults: Faults = PERFECT,
    seed: int = 0,
    any_alert: bool = False,
    at_most: int | None = None,
    begun: Mapping[str, Run] = MappingProxyType({}),
    step: Step = lambda: None,
) -> Trial:
    """Try a method; `begun` has the recordings that it has been run over already, by their name.

    With `any_alert`, whatever it tells at night counts as having found what happens at night.

    That is for the baselines, which know one kind of alert only.
    """
    trial, wanted = Trial(), list(wanted)
    for cut in cuts:
        recorded = cut.stays.recorded
        run = begun.get(recorded.name) or Run(make(recorded), recorded, faults, seed)
        trial.nights += measure.nights(run)
        earlier = alerts(run.pages)
        for incident in wanted:
            asked = Asked(ASKED[incident].minutes, UP | ACUTE) if any_alert else ASKED[incident]
            found = trial.outcomes.setdefault(incident, [])
            for draw in cut.drawn[incident][:at_most]:
                found.append(measure.outcome(recorded, draw, run.with_draw(draw), earlier, asked))
            step()
    return trial


def matched(baseline: Baseline, recordings: Sequence[Recorded], target: float) -> float:
    """Turn a baseline's screw until it raises at most `target` false alerts a night, or as far as it goes."""
    low, high = 0, len(baseline.levels) - 1
    while low < high:
        middle = (low + high) // 2
        level = baseline.levels[middle]
        counts = [night for one in recordings for night in measure.nights(Run(baseline.make(one, level), one))]
        low, high = (low, middle) if not counts or measure.rate(counts) <= target else (middle + 1, high)
    return baseline.levels[low]
