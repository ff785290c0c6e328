"""A night with many more times out of bed than this home is used to (4.8). For the morning, never for the night."""

import math
import sys

import msgspec

from detectors import counts
from detectors.calibration import Scores
from detectors.counts import Counts, Rate
from detectors.homes import Home
from detectors.nights import Notice, Summary, hours_of

EXITS = Rate(mean=1.2, trust=2.0)
"""Times out of bed and back in a night, across homes (detection study, 4.8)."""

THRESHOLD = 2.1
"""-ln of how likely so many times out of bed are, from which on a night is told. Shipped; measured on recorded nights
of real homes it tells about one quiet night in thirty."""

OWN_NIGHTS = 60  # of the home itself, among which a night must rank
OWN_MIN = 29  # before so many, nothing can be said of ranks
OWN_SHARE = 1 / 15  # of its own nights that may be told, in a home whose nights differ more than chance allows
LEARNED_MOST = 2.0  # times what is expected, and two more: a wild night counts as no wilder
_WHOLE = 2.0


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of one home."""

    exits: Counts = Counts()
    scores: tuple[float, ...] = ()  # of its own last nights, oldest first
    nights: int = 0  # learned


def step(known: Known, summary: Summary, home: Home, threshold: float = THRESHOLD) -> tuple[Known, Notice | None]:
    """Judge a watched night, then learn it. One that is left out is neither judged nor learned.

    Only times out of bed count. The minutes were tried beside them, as the study has it, and at the same rate of
    false notices found less: a single long hour up is not what makes a night restless here.
    """
    if summary.left_out is not None:
        return msgspec.structs.replace(known, exits=counts.aged(known.exits)), None
    scored = score(known, summary)
    own = Scores(ranked=tuple(sorted(known.scores)))
    rank = own.p_value(scored)
    notice = None
    if scored >= threshold and (own.n < OWN_MIN or rank <= OWN_SHARE):
        notice = Notice(
            since=hours_of(summary.at, home).start,
            value=float(summary.exits),
            usual=round(counts.expected(EXITS, known.exits), 1),
            nights=known.nights,
            rank=rank,
        )
    return _learned(known, summary.exits, scored), notice


def score(known: Known, summary: Summary) -> float:
    """Return how unusually often the resident left bed: 0 for a night in bed, higher is more restless."""
    p = counts.p_value(EXITS, known.exits, summary.exits)
    return max(0.0, -math.log(max(p, sys.float_info.min)))


def after_absence(known: Known) -> Known:
    """Return what may still hold after two weeks away, or in another home (4.11)."""
    return msgspec.structs.replace(known, exits=counts.after_absence(known.exits))


def _learned(known: Known, exits: int, scored: float) -> Known:
    most = math.ceil(LEARNED_MOST * counts.expected(EXITS, known.exits) + _WHOLE)
    learned = counts.aged(counts.learned(known.exits, min(exits, most)))
    return Known(learned, (*known.scores[-(OWN_NIGHTS - 1) :], scored), known.nights + 1)
