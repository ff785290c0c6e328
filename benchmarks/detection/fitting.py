"""What is typical of homes, fitted from the recordings of many (empirical Bayes, 4.5).

The figures of `detectors.others` were fitted so, rounded and widened. To judge a home fairly, leave that home out.
"""

import math
from collections.abc import Sequence

import msgspec

from detectors import habits, silence
from detectors.durations import Block, Typical
from detectors.habits import Habit, Population
from detectors.silence import Hazards, Silences

PULL_MAX = 50.0  # observations; homes that seem all alike are still believed to differ a little
_ROUNDS_MAX = 500
_SETTLED = 1e-9


def population(homes: Sequence[Sequence[float]], trust: float = 8.0) -> Population:
    """Return the population that homes were drawn from, by the method of moments.

    Parameters
    ----------
    homes : the observations of each home, oldest first or in any other order; homes without any are passed over.
    trust : observations' worth of trust in the variance within a home; not fitted, it says how alike homes are in it.

    Values far above a home's own middle are clipped as `habits.learned` clips them, or a few very long stays would
    make everybody's spread wide.

    Raises
    ------
    ValueError
        If there are fewer than two homes, or no home in which two observations differ.

    References
    ----------
    Searle, S. R., Casella, G. and McCulloch, C. E. (1992). Variance Components, section 3.6 (unbalanced one-way data).

    Examples
    --------
    >>> fitted = population([[6.5, 7.0, 7.5], [8.0, 8.5], [5.0, 5.5, 6.0]])
    >>> round(fitted.mean, 3), round(fitted.within, 3), fitted.between > fitted.within
    (6.907, 0.225, True)
    """
    seen = [home for home in homes if home]
    rough = _moments(seen, trust)
    highest = habits.CLIP * math.sqrt(rough.within)
    return _moments(
        [_clipped(home, habits.middle_and_variance(rough, _sums(home))[0] + highest) for home in seen], trust
    )


def typical(homes: Sequence[Sequence[tuple[float, Block]]], trust: float = 8.0) -> Typical:
    """Return how long one kind of episode lasts across homes, from minutes and part of the night of each.

    The offsets are what the same home differs by between parts of the night, so that a home with many early mornings
    does not make mornings look long. A part in which nothing was seen gets none.

    Raises
    ------
    ValueError
        As `population`; and if a duration is not positive.

    Examples
    --------
    >>> quick = [(2.0, Block.EVENING), (3.0, Block.EVENING), (5.0, Block.MORNING)]
    >>> slow = [(8.0, Block.EVENING), (20.0, Block.MORNING)]
    >>> fitted = typical([quick, slow])
    >>> fitted.offsets[Block.EVENING] < 0.0 < fitted.offsets[Block.MORNING], fitted.offsets[Block.SMALL_HOURS]
    (True, 0.0)
    """
    logs = [[(math.log(minutes), block) for minutes, block in home] for home in homes if home]
    offsets = dict.fromkeys(Block, 0.0)
    for _ in range(_ROUNDS_MAX):
        middles = [math.fsum(x - offsets[block] for x, block in home) / len(home) for home in logs]
        # Only differences between parts can be seen; over all episodes these offsets always add up to zero.
        found = {block: _mean_off(logs, middles, block) for block in Block}
        moved = max(abs(found[block] - offsets[block]) for block in Block)
        offsets = found
        if moved < _SETTLED:
            break
    rest = population([[x - offsets[block] for x, block in home] for home in logs], trust)
    return Typical(logs=rest, offsets=(offsets[Block.EVENING], offsets[Block.SMALL_HOURS], offsets[Block.MORNING]))


def hazards(homes: Sequence[Sequence[tuple[float, bool]]], starts: Sequence[float]) -> Hazards:
    """Return how silences end across homes, from the minutes of each and whether its end was seen.

    Some homes are quicker than others; each counts at its own pace, so that the busiest do not speak for all.

    Parameters
    ----------
    starts : minutes at which the bins begin, as `silence.growing_bins` gives them. In a bin in which no silence was
        seen to end, the rate of the bin before it goes on, as far as the minutes spent there allow.

    Raises
    ------
    ValueError
        If no silence was seen to end, or the bins are none (`silence.Hazards`).

    Examples
    --------
    >>> fitted = hazards([[(2.0, True), (4.0, True), (30.0, False)], [(3.0, True)]], starts=(0.0, 5.0))
    >>> [round(rate, 3) for rate in fitted.rates]
    [0.178, 0.019]
    """
    flat = Hazards(starts=tuple(starts), rates=(1.0,) * len(starts))
    homes_seen = [_binned(flat, home) for home in homes]
    ends = [math.fsum(each) for each in zip(*(home.ends for home in homes_seen), strict=True)]
    if not any(ends):
        raise ValueError("no silence was seen to end")
    fitted = _rates(flat, homes_seen, ends, [1.0] * len(homes_seen))
    for _ in range(_ROUNDS_MAX):
        paces = [silence.frailty(fitted, home) for home in homes_seen]
        mean = _mean(paces)
        better = _rates(flat, homes_seen, ends, [pace / mean for pace in paces])
        moved = max(abs(math.log(new / old)) for new, old in zip(better.rates, fitted.rates, strict=True))
        fitted = better
        if moved < _SETTLED:
            break
    return fitted


def _moments(homes: Sequence[Sequence[float]], trust: float) -> Population:
    count = sum(len(home) for home in homes)
    free = count - len(homes)
    middles = [_mean(home) for home in homes]
    around = math.fsum((x - middle) ** 2 for home, middle in zip(homes, middles, strict=True) for x in home)
    if len(homes) < 2 or not around > 0.0:  # two homes are the fewest that can differ
        raise ValueError(f"{len(homes)} homes with {free} repeated observations do not tell what is typical")
    within = around / free
    overall = math.fsum(len(home) * middle for home, middle in zip(homes, middles, strict=True)) / count
    apart = math.fsum(len(home) * (middle - overall) ** 2 for home, middle in zip(homes, middles, strict=True))
    balance = count - sum(len(home) ** 2 for home in homes) / count
    between = max((apart - (len(homes) - 1) * within) / balance, within / PULL_MAX)
    weights = [1.0 / (between + within / len(home)) for home in homes]
    mean = math.fsum(w * middle for w, middle in zip(weights, middles, strict=True)) / math.fsum(weights)
    return Population(mean=mean, between=between, within=within, trust=trust)


def _sums(home: Sequence[float]) -> Habit:
    return Habit(float(len(home)), math.fsum(home), math.fsum(x * x for x in home))


def _clipped(home: Sequence[float], highest: float) -> list[float]:
    return [min(x, highest) for x in home]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _mean_off(logs: Sequence[Sequence[tuple[float, Block]]], middles: Sequence[float], block: Block) -> float:
    return _mean([x - middle for home, middle in zip(logs, middles, strict=True) for x, at in home if at is block])


def _binned(flat: Hazards, home: Sequence[tuple[float, bool]]) -> Silences:
    known = silence.fresh(flat)
    for minutes, ended in home:
        known = silence.learned(flat, known, minutes, ended=ended)
    return known


def _rates(flat: Hazards, homes: Sequence[Silences], ends: Sequence[float], paces: Sequence[float]) -> Hazards:
    times = [
        math.fsum(pace * home.exposure[j] for pace, home in zip(paces, homes, strict=True)) for j in range(len(ends))
    ]
    half = 0.5  # an end: enough to carry a rate on where nothing ended, too little to matter where something did
    rate = math.fsum(ends) / math.fsum(times)
    rates: list[float] = []
    for ended, minutes in zip(ends, times, strict=True):
        rate = (ended + half) / (minutes + half / rate)
        rates.append(rate)
    return msgspec.structs.replace(flat, rates=tuple(rates))
