"""What the other homes of a folder teach a home before its first night: nothing of it was seen by the home itself.

A home is judged fairly only if nothing it starts from was learned in it. Six homes are few, so what they say is never
taken at its word: it is laid together with what the release ships, which counts as `SHIPPED_HOMES` homes of its own,
and they are always believed to differ among one another by at least `DIFFER_AT_LEAST`.

The thresholds stay those of the release: the tail of nights cannot be known from so few homes.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from benchmarks.detection import fitting
from benchmarks.detection.nights import Recorded
from detectors.durations import Block, Typical
from detectors.habits import Population
from detectors.nights import Learned, Summary
from detectors.others import SHIPPED, Others
from detectors.silence import Hazards

HOMES_AT_LEAST = 3  # of other households
EPISODES_AT_LEAST = 20  # of one lesson in a home, for it to count as one
SHIPPED_HOMES = 4.0  # that what is shipped counts for
DIFFER_AT_LEAST = 0.3  # spread of ln minutes between homes; the study's homes differ by 0.41 (5.7)

Taught = Mapping[str, Sequence[Learned]]  # by lesson, in one household


def from_others(
    recordings: Sequence[Recorded], summaries: Mapping[str, Iterable[Summary]], shipped: Others = SHIPPED
) -> dict[str, Others]:
    """Return what each recording starts from, fitted in the households that are not its own.

    Parameters
    ----------
    summaries : by the name of a recording, what each of its nights came to. Of a household that was recorded twice
        the longer recording speaks, or its episodes would count double.
    """
    taught: dict[str, list[Taught]] = {}  # by household
    for one in recordings:
        episodes = by_lesson(learned for summary in summaries[one.name] for learned in summary.episodes)
        taught.setdefault(one.household, []).append(episodes)
    longest = {household: max(every, key=_episodes) for household, every in taught.items()}
    return {
        one.name: fitted([every for household, every in longest.items() if household != one.household], shipped)
        for one in recordings
    }


def fitted(homes: Sequence[Taught], shipped: Others = SHIPPED) -> Others:
    """Return what these homes teach, lesson by lesson; as shipped where too few of them know one well enough."""
    stays, waits = dict(shipped.stays), dict(shipped.waits)
    for lesson, typical in shipped.stays.items():
        seen = _seen(homes, lesson)
        if len(seen) >= HOMES_AT_LEAST:
            # Lessons are kept apart by the part of the night already: one part stands for all.
            logs = [[(one.minutes, Block.SMALL_HOURS) for one in home if one.minutes > 0] for home in seen]
            stays[lesson] = stays_between(fitting.typical(logs), typical, len(seen))
    for lesson, hazards in shipped.waits.items():
        seen = _seen(homes, lesson)
        if len(seen) >= HOMES_AT_LEAST and any(one.ended for home in seen for one in home):
            ends = [[(one.minutes, one.ended) for one in home] for home in seen]
            waits[lesson] = waits_between(fitting.hazards(ends, hazards.starts), hazards, len(seen))
    return msgspec.structs.replace(shipped, stays=stays, waits=waits)


def by_lesson(episodes: Iterable[Learned]) -> Taught:
    """Return the episodes of one home, those of each lesson together."""
    found: dict[str, list[Learned]] = {}
    for one in episodes:
        found.setdefault(one.lesson, []).append(one)
    return found


def stays_between(found: Typical, shipped: Typical, homes: int) -> Typical:
    """Lay two populations together, weighed by their homes: how far they lie apart is spread between homes, too."""
    share = homes / (homes + SHIPPED_HOMES)
    ours, theirs = found.logs, shipped.logs
    apart = share * (1 - share) * (ours.mean - theirs.mean) ** 2
    logs = Population(
        mean=share * ours.mean + (1 - share) * theirs.mean,
        between=max(DIFFER_AT_LEAST**2, share * ours.between + (1 - share) * theirs.between + apart),
        within=share * ours.within + (1 - share) * theirs.within,
        trust=theirs.trust,
    )
    return msgspec.structs.replace(shipped, logs=logs)


def waits_between(found: Hazards, shipped: Hazards, homes: int) -> Hazards:
    """Lay two rates for each bin together, weighed by their homes, on the scale on which rates are multiplied."""
    share = homes / (homes + SHIPPED_HOMES)
    rates = [
        math.exp(share * math.log(ours) + (1 - share) * math.log(theirs))
        for ours, theirs in zip(found.rates, shipped.rates, strict=True)
    ]
    return msgspec.structs.replace(shipped, rates=tuple(rates))


def differs(others: Others, shipped: Others = SHIPPED) -> list[str]:
    """Return the lessons that are not as shipped."""
    own = {**others.stays, **others.waits}
    as_shipped = {**shipped.stays, **shipped.waits}
    return sorted(lesson for lesson, one in own.items() if one != as_shipped[lesson])


def _seen(homes: Sequence[Taught], lesson: str) -> list[Sequence[Learned]]:
    return [home[lesson] for home in homes if len(home.get(lesson, ())) >= EPISODES_AT_LEAST]


def _episodes(taught: Taught) -> int:
    return sum(map(len, taught.values()))
