"""What is looked at in the morning and never at night: restless nights, and what slowly changes over weeks."""

import msgspec

from detectors import decline, nocturia, restless, rhythm_shift
from detectors.findings import What
from detectors.homes import Home
from detectors.nights import Notice, Summary


class Reviews(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of one home's nights and weeks."""

    exits: restless.Known = restless.Known()
    visits: nocturia.Known = nocturia.Known()
    hours: rhythm_shift.Known = rhythm_shift.Known()
    days: decline.Known = decline.Known()


def reviewed(known: Reviews, summary: Summary, home: Home) -> tuple[Reviews, tuple[tuple[What, Notice], ...]]:
    """Take in a night that is over, and at the second closing the day after it; return what is worth a look."""
    if summary.whole:
        shift, told_shift = rhythm_shift.step(known.hours, summary, home)
        less, told_less = decline.step(known.days, summary, home)
        told = ((What.SHIFT, told_shift), (What.DECLINE, told_less))
        known = Reviews(known.exits, known.visits, shift, less)
    else:
        exits, told_exits = restless.step(known.exits, summary, home)
        visits, told_visits = nocturia.step(known.visits, summary, home)
        told = ((What.RESTLESS, told_exits), (What.NOCTURIA, told_visits))
        known = Reviews(exits, visits, known.hours, known.days)
    return known, tuple((what, notice) for what, notice in told if notice is not None)


def after_absence(known: Reviews) -> Reviews:
    """Return what may still hold after two weeks away (4.11). What changed meanwhile is still worth a look."""
    return msgspec.structs.replace(known, exits=restless.after_absence(known.exits))


def after_a_move(known: Reviews) -> Reviews:
    """Return what may hold in another home: its rooms and sensors see other hours, and other visits."""
    return Reviews(exits=known.exits)
