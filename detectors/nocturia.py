"""More visits to the bathroom a night than some weeks ago (4.9)."""

from datetime import timedelta

import msgspec

from detectors import slow_change
from detectors.habits import Population
from detectors.homes import Home
from detectors.nights import Notice, Summary, hours_of
from detectors.slow_change import Change, Watch

VISITS = Watch(population=Population(mean=0.8, between=0.4, within=1.0), run_length=90.0)
"""Visits from bed in a night: across homes .7 to .8 (detection study, 5.1), variances a judgement. If nothing changes,
at least 90 nights on average until a notice."""

QUIET_FOR = 28  # nights after a notice in which there is none again
RECENT = 7  # nights that are shown beside the usual


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of one home."""

    change: Change = Change()
    quiet: int = 0  # nights left without another notice


def step(known: Known, summary: Summary, home: Home) -> tuple[Known, Notice | None]:
    """Take in a watched night. One that is left out stakes nothing and is not compared with later."""
    value = None if summary.left_out is not None else float(summary.visits)
    before = slow_change.baseline(VISITS, known.change)
    change, weighed = slow_change.step(VISITS, known.change, value)
    if known.quiet:
        return Known(msgspec.structs.replace(change, won=Change().won), known.quiet - 1), None
    if not weighed.notice or before is None:
        return Known(change), None
    compared = [x for x in change.nights[: -slow_change.LAG] if x is not None]
    recent = [x for x in change.nights[-RECENT:] if x is not None]
    notice = Notice(
        since=hours_of(summary.at, home).start - timedelta(days=RECENT - 1),
        value=round(sum(recent) / len(recent), 1),
        usual=round(sum(compared) / len(compared), 1),
        nights=len(compared),
    )
    return Known(change, QUIET_FOR), notice
