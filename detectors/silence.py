"""How long it may stay silent before silence itself says something (model B, 4.5).

For waits whose end is not always seen: no motion at night, no motion by day, no heartbeat. Time since the last sign is
cut into bins that grow longer; in each bin the home has its own rate of ends, shared with other homes as long as
little was seen. The rates are not known but believed, and the doubt is integrated out, which gives long tails: who is
little known is alerted on less.

One doubt is not integrated out: the home's overall pace is taken at its best guess. Before some dozens of ends were
heard, scores far out are therefore too high (of new homes, two to three times as many lie beyond 1 %). The pools of
`calibration`, kept apart by maturity, must make up for it.

Hours of the day, or any other contexts, make time run faster or slower: a minute at a pace of 2 counts as two.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise, repeat
from math import expm1, log1p
from operator import mul

import msgspec

from detectors.habits import HALF_LIFE, LEFT_AFTER_ABSENCE

Crossing = tuple[tuple[float, str], ...]
"""The contexts that a silence goes through: from which minute on, and which. Empty where contexts play no part."""

Paces = tuple[tuple[float, float], ...]
"""From which minute on, and how fast time counts there."""

_EXPONENT_MAX = 700.0  # beyond it there is no such float, and no such wait


class Hazards(msgspec.Struct, frozen=True, kw_only=True):
    """How silences end across homes: what is believed of a home before its first.

    Parameters
    ----------
    starts : minutes at which the bins begin, rising. The first is the sensor's blind time, before which no end can be
        seen and silence says nothing; the last bin has no end.
    rates : ends per minute of silence in each bin, positive.
    frailty_trust : ends' worth of trust that this home is as quick as the others (m_f).
    bin_trust : ends' worth of trust, in each bin, in the shape of the others (m0).
    context_trust : ends' worth of trust that a context is like the rest (m).

    Raises
    ------
    ValueError
        If the bins do not rise from zero or later, if there is not one positive rate for each, or a trust is not
        positive.

    Examples
    --------
    >>> Hazards(starts=(1.0, 5.0), rates=(0.2, 0.05)).starts
    (1.0, 5.0)
    """

    starts: tuple[float, ...]
    rates: tuple[float, ...]
    frailty_trust: float = 6.0
    bin_trust: float = 4.0
    context_trust: float = 6.0

    def __post_init__(self) -> None:
        rising = all(one < following for one, following in pairwise(self.starts))
        if not self.starts or self.starts[0] < 0 or not rising or math.isinf(self.starts[-1]):
            raise ValueError(f"bins must rise from zero or later: {self.starts}")
        if len(self.rates) != len(self.starts) or not all(0 < rate < math.inf for rate in self.rates):
            raise ValueError(f"every bin needs a positive rate: {self.rates}")
        if not min(self.frailty_trust, self.bin_trust, self.context_trust) > 0:
            raise ValueError("without trust in other homes a bin in which nothing was heard has no rate")


class Silences(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of one home's silences, fading nightly."""

    ends: tuple[float, ...]  # d, by bin
    exposure: tuple[float, ...]  # E, by bin: minutes of silence, each at the pace of its context
    contexts: dict[str, tuple[float, float]] = {}  # ends seen, and ends expected had the context played no part


class Belief(msgspec.Struct, frozen=True, array_like=True):
    """How silences are believed to end in one home: in each bin a Gamma distribution, `a` ends in `b` minutes.

    Kept as what it is made of, because a wait seldom reaches the last bins and never looks at those beyond.
    """

    starts: tuple[float, ...]
    rates: tuple[float, ...]  # of other homes
    ends: tuple[float, ...]
    exposure: tuple[float, ...]
    trust: float = 0.0  # ends that the other homes count for in each bin
    worth: float = 0.0  # the same, divided by how quick this home is

    @property
    def a(self) -> tuple[float, ...]:
        return tuple(self.trust + ended for ended in self.ends)

    @property
    def b(self) -> tuple[float, ...]:
        return tuple(self.worth / rate + minutes for rate, minutes in zip(self.rates, self.exposure, strict=True))

    def survival(self, minutes: float, paces: Paces = ()) -> float:
        """Return how likely a silence is to last at least so long: low is unusual.

        The document's example, a = (2, 3) and b = (10, 40):

        >>> belief = Belief(starts=(0.0, 5.0), rates=(1.0, 1.0), ends=(2.0, 3.0), exposure=(10.0, 40.0))
        >>> round(belief.survival(5.0), 6), round(belief.survival(20.0), 6)
        (0.444444, 0.170966)
        """
        return math.exp(-self.evidence(minutes, paces))

    def evidence(self, minutes: float, paces: Paces = ()) -> float:
        """Return -ln of `survival`: 0 at first, never falling, higher is more unusual. This is what gets pooled."""
        trust, worth, total = self.trust, self.worth, 0.0
        for start, end, rate, ended, counted, pace in self._pieces(paces):
            if minutes <= start:
                break
            lived = pace * (min(minutes, end) - start)
            total += (trust + ended) * log1p(lived / (worth / rate + counted))
        return total

    def alert_after(self, threshold: float, paces: Paces = ()) -> float:
        """Return the minutes of silence at which `evidence` reaches a threshold; infinite for an infinite one.

        A threshold of 0 or less is reached when the blind time is over: nothing can be known sooner.

        Examples
        --------
        >>> belief = Belief(starts=(0.0, 5.0), rates=(1.0, 1.0), ends=(2.0, 3.0), exposure=(10.0, 40.0))
        >>> round(belief.alert_after(-math.log(0.05)), 4)
        47.8595
        """
        if threshold <= 0.0:
            return self.starts[0]
        trust, worth, left = self.trust, self.worth, threshold
        for start, end, rate, ended, counted, pace in self._pieces(paces):
            a, b = trust + ended, worth / rate + counted
            whole = a * log1p(pace * (end - start) / b)
            if whole >= left:
                exponent = left / a
                return start + b * expm1(exponent) / pace if exponent < _EXPONENT_MAX else math.inf
            left -= whole
        return math.inf

    def _pieces(self, paces: Paces) -> Iterator[tuple[float, float, float, float, float, float]]:
        """Yield stretches within one bin and one pace: start, end, and the bin's rate, ends, exposure and pace.

        In the exposure stands what the bin counted earlier in this wait too: 1 + (x + y)/b is
        (1 + x/b)(1 + y/(b + x)).
        """
        starts = self.starts
        if not paces:  # the usual case, and the one that every episode of the night waits for
            return zip(starts, (*starts[1:], math.inf), self.rates, self.ends, self.exposure, repeat(1.0), strict=False)
        return self._paced(paces)

    def _paced(self, paces: Paces) -> Iterator[tuple[float, float, float, float, float, float]]:
        bin_of, counted = -1, 0.0
        for start, end, j, piece in _stretches(self.starts, tuple(since for since, _ in paces)):
            if j != bin_of:
                bin_of, counted = j, self.exposure[j]
            pace = paces[piece][1]
            yield start, end, self.rates[j], self.ends[j], counted, pace
            counted += pace * (end - start)


def fresh(hazards: Hazards) -> Silences:
    """Return what is known of a home in which nothing was heard yet.

    Examples
    --------
    >>> fresh(Hazards(starts=(1.0, 5.0), rates=(0.2, 0.05)))
    Silences(ends=(0.0, 0.0), exposure=(0.0, 0.0), contexts={})
    """
    none = (0.0,) * len(hazards.starts)
    return Silences(none, none)


def frailty(hazards: Hazards, home: Silences) -> float:
    """Return how many times as often silences end here as elsewhere: above 1 is a home with much motion.

    Examples
    --------
    >>> hazards = Hazards(starts=(0.0,), rates=(0.1,))
    >>> frailty(hazards, fresh(hazards)), frailty(hazards, Silences((6.0,), (0.0,)))
    (1.0, 2.0)
    """
    expected: float = sum(map(mul, home.exposure, hazards.rates))
    return (hazards.frailty_trust + sum(home.ends)) / (hazards.frailty_trust + expected)


def believed(hazards: Hazards, home: Silences) -> Belief:
    """Return how silences are believed to end in this home. Keep it: it changes only when something is learned.

    Raises
    ------
    ValueError
        If the home was remembered with other bins.

    Examples
    --------
    >>> hazards = Hazards(starts=(0.0, 5.0), rates=(0.2, 0.05))
    >>> belief = believed(hazards, fresh(hazards))
    >>> belief.a, belief.b
    ((4.0, 4.0), (20.0, 80.0))
    """
    if len(home.ends) != len(hazards.rates):
        raise ValueError(f"a home remembered in {len(home.ends)} bins is not believed in {len(hazards.rates)}")
    trust = hazards.bin_trust
    worth = trust / frailty(hazards, home)
    return Belief(hazards.starts, hazards.rates, home.ends, home.exposure, trust, worth)


def paces(hazards: Hazards, home: Silences, crossing: Crossing) -> Paces:
    """Return how fast time counts in the contexts that a silence goes through; 1 where nothing was learned yet.

    Examples
    --------
    >>> hazards = Hazards(starts=(0.0,), rates=(0.1,))
    >>> paces(hazards, Silences((9.0,), (60.0,), {"08": (12.0, 3.0)}), ((0.0, "07"), (25.0, "08")))
    ((0.0, 1.0), (25.0, 2.0))
    """
    m = hazards.context_trust
    known = home.contexts
    found = []
    for since, context in crossing:
        ended, expected = known.get(context, (0.0, 0.0))
        found.append((since, (m + ended) / (m + expected)))
    return tuple(found)


def learned(
    hazards: Hazards, home: Silences, minutes: float, *, ended: bool = True, crossing: Crossing = ()
) -> Silences:
    """Return what is known after a silence of `minutes`.

    Parameters
    ----------
    ended : False where its end was not seen: an outage, a visitor or staff who came, an incident (up to its onset),
        the end of the hours that are watched. Such a silence only adds time without an end, so it can only make
        longer silences more usual. An alert on which nobody acted did end by itself.
    crossing : the contexts it went through, for `paces`.

    Raises
    ------
    ValueError
        If `minutes` is negative or no number.

    Examples
    --------
    >>> hazards = Hazards(starts=(1.0, 5.0), rates=(0.2, 0.05))
    >>> learned(hazards, fresh(hazards), 8.0)
    Silences(ends=(0.0, 1.0), exposure=(4.0, 3.0), contexts={})
    >>> learned(hazards, fresh(hazards), 3.0, ended=False)
    Silences(ends=(0.0, 0.0), exposure=(2.0, 0.0), contexts={})
    """
    if not 0.0 <= minutes < math.inf:
        raise ValueError(f"a silence lasts some minutes, not {minutes}")
    starts = hazards.starts
    last = bisect_right(starts, minutes) - 1
    if last < 0:
        return home  # shorter than the sensor's blind time: nothing was seen of it
    ends = home.ends
    if ended:
        ends = (*ends[:last], ends[last] + 1.0, *ends[last + 1 :])
    if crossing:
        exposure, contexts = _lived_through(hazards, home, minutes, crossing)
        if ended:
            context = crossing[bisect_right([since for since, _ in crossing], minutes) - 1][1]
            seen, expected = contexts.get(context, (0.0, 0.0))
            contexts[context] = (seen + 1.0, expected)
        return Silences(ends, exposure, contexts)
    lived = list(home.exposure)
    for j in range(last):
        lived[j] += starts[j + 1] - starts[j]
    lived[last] += minutes - starts[last]
    return Silences(ends, tuple(lived), home.contexts)


def aged(home: Silences, nights: float = 1.0, half_life: float = HALF_LIFE) -> Silences:
    """Return what is still known that many nights later, with nothing new seen.

    Examples
    --------
    >>> aged(Silences((4.0,), (60.0,), {"08": (2.0, 1.0)}), nights=35)
    Silences(ends=(2.0,), exposure=(30.0,), contexts={'08': (1.0, 0.5)})
    """
    return _scaled(home, 0.5 ** (nights / half_life))


def after_absence(home: Silences) -> Silences:
    """Return what may still hold after two weeks away, or in another home: a quarter of the weight (4.11)."""
    return _scaled(home, LEFT_AFTER_ABSENCE)


def growing_bins(blind: float, longest: float, bins: int = 12) -> tuple[float, ...]:
    """Return minutes at which bins begin, each the same factor longer than the one before.

    A dozen is enough from one minute to ten hours (a factor of 1.8), and each learns from its own ends: finer bins
    learn later and cost more.

    Parameters
    ----------
    blind : minutes after a sign during which the sensor cannot give another; more than 0.
    longest : minutes at which the last bin, which has no end, begins.

    Examples
    --------
    >>> growing_bins(1.0, 100.0, bins=3)
    (1.0, 10.0, 100.0)
    """
    if not (0 < blind < longest and bins > 1):
        raise ValueError(f"bins cannot grow from {blind} to {longest} in {bins}")
    factor = (longest / blind) ** (1 / (bins - 1))
    return (*(blind * factor**j for j in range(bins - 1)), longest)


def hours_crossed(began: datetime, zone: tzinfo, hours: int = 24) -> Crossing:
    """Return the hours of the local clock that a silence goes through, as contexts "00" to "23".

    In the night that the clocks change an hour comes twice, or not at all.

    Examples
    --------
    >>> from datetime import UTC
    >>> hours_crossed(datetime(2026, 1, 5, 22, 40, tzinfo=UTC), UTC, hours=3)
    ((0.0, '22'), (20.0, '23'), (80.0, '00'))
    """
    local = began.astimezone(zone)
    to_next = timedelta(hours=1) - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    first = to_next.total_seconds() / 60
    crossed = [(0.0, f"{local:%H}")]
    for hour in range(hours - 1):
        # By way of UTC: adding to a local time would miss the change of clocks.
        then = (began.astimezone(UTC) + to_next + timedelta(hours=hour)).astimezone(zone)
        crossed.append((first + 60.0 * hour, f"{then:%H}"))
    return tuple(crossed)


def _lived_through(
    hazards: Hazards, home: Silences, minutes: float, crossing: Crossing
) -> tuple[tuple[float, ...], dict[str, tuple[float, float]]]:
    """Return exposure and contexts after a silence, before its end is counted.

    A context is compared with what this home does at other hours, so the home's own quickness is in the expectation;
    and the exposure counts time at the context's pace, so that busy hours do not make the home look quick.
    """
    own = frailty(hazards, home)
    speeds = paces(hazards, home, crossing)
    exposure, contexts = list(home.exposure), dict(home.contexts)
    for start, end, j, piece in _stretches(hazards.starts, tuple(since for since, _ in crossing)):
        if minutes <= start:
            break
        lived = min(minutes, end) - start
        exposure[j] += speeds[piece][1] * lived
        context = crossing[piece][1]
        ended, expected = contexts.get(context, (0.0, 0.0))
        contexts[context] = (ended, expected + own * hazards.rates[j] * lived)
    return tuple(exposure), contexts


def _stretches(starts: tuple[float, ...], pieces: tuple[float, ...]) -> Iterator[tuple[float, float, int, int]]:
    """Yield stretches within one bin and one piece: start, end, bin, piece. The first piece reaches back to zero."""
    at, j, piece = starts[0], 0, max(0, bisect_right(pieces, starts[0]) - 1)
    while True:
        bin_ends = starts[j + 1] if j + 1 < len(starts) else math.inf
        piece_ends = pieces[piece + 1] if piece + 1 < len(pieces) else math.inf
        end = min(bin_ends, piece_ends)
        yield at, end, j, piece
        if math.isinf(end):
            return
        j += bin_ends <= end
        piece += piece_ends <= end
        at = end


def _scaled(home: Silences, left: float) -> Silences:
    return Silences(
        tuple([ended * left for ended in home.ends]),
        tuple([minutes * left for minutes in home.exposure]),
        {name: (ended * left, expected * left) for name, (ended, expected) in home.contexts.items()},
    )
