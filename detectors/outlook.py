"""A home as it can be seen now: without the sensors that are not heard, and with the mornings it is known for."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from detectors import budget, lessons
from detectors.budget import Why
from detectors.coverage import told_by
from detectors.findings import What
from detectors.homes import Home, HomeId, Kind, RoomKind, Sensor, SensorId
from detectors.lessons import Lesson
from detectors.moments import is_paused
from detectors.others import SHIPPED, Others


class Outlook(NamedTuple):
    """What detection can work with."""

    home: Home  # as seen: a bed sensor that is not heard is none, and quiet in the bedroom tells of bed again
    tells: frozenset[What]  # the kinds of alert that can come
    paused: frozenset[What] = frozenset()  # those that a pause keeps from coming


def outlook(home: Home, silent: Mapping[SensorId, str], rising: float | None) -> Outlook:
    """Return how a home is seen while some sensors are silent. Kept from one call to the next: it seldom changes.

    `rising` is how many hours before the end of the night this resident may get up for the day, where it is learned.
    """
    known = _known.get(home.id)
    if known is not None and known[0] is home and known[1] is silent and known[2] == rising:
        return known[3]
    heard = tuple(one for one in home.sensors if one.kind is not Kind.BED or not _disbelieved(one, home, silent))
    night = home.night if rising is None else msgspec.structs.replace(home.night, rising=rising)
    seen = msgspec.structs.replace(home, night=night, sensors=heard)
    tells, kept_back = told_by(seen), frozenset[What]()
    listened = tuple(one for one in heard if not is_paused(silent.get(one.id, "")))
    if len(listened) < len(heard) or any(map(is_paused, silent.values())):
        tells = told_by(msgspec.structs.replace(seen, sensors=listened))
        kept_back = told_by(home).difference(tells)
    found = Outlook(seen, tells.difference(home.off), kept_back)
    _known[home.id] = (home, silent, rising, found)
    return found


def _disbelieved(pad: Sensor, home: Home, silent: Mapping[SensorId, str]) -> bool:
    """Whether a bed sensor counts for nothing now: it is stuck, or not heard and something else tells of bed.

    Where nothing tells of bed, quiet must not be read as bed: whoever was up is still up, as far as anybody knows.
    """
    if pad.id not in silent:
        return False
    if silent[pad.id] == What.SENSOR_STUCK:
        return True
    return any(
        one.kind is Kind.MOTION and one.id not in silent and home.kind_of(one.room) is RoomKind.BEDROOM
        for one in home.sensors
    )


class Expected(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """After how many minutes a kind of alert mostly comes, on a usual night."""

    minutes: float
    capped: bool = False  # only by the limit of the care plan: no budget moves that
    reached: bool = True  # whether enough nights are known to tell as seldom, or as often, as the budget says


SHOWN: dict[What, tuple[str, str, str]] = {
    What.BATH: ("bath", "bath_at_night", "bath"),
    What.STILL: ("still", "still_about", "still"),
    What.OOB_UNSEEN: ("unseen", "unseen", "oob_unseen"),
}
"""Of each kind of alert whose time is learned, the detector, the lesson that speaks for it, and the limit agreed."""

LEARNED = SHOWN | {What.OOB_ACTIVE: ("out_of_bed", "oob_about", "oob_active")}
"""The same, with the kind of which no usual time is shown: it hangs too much on the hour."""


def mostly_after(
    home: Home, known: Mapping[str, Lesson], nights: int, at: datetime, others: Others = SHIPPED
) -> dict[What, float]:
    """Return after how many minutes each kind of alert mostly comes here: as learned, and never after the limit.

    With nothing learned and no nights it is what the plan alone lets one expect.
    """
    found = expected(home, known, nights, at, others)
    return {what: round(one.minutes, 1) for what, one in found.items() if what in SHOWN}


def expected(
    home: Home, known: Mapping[str, Lesson], nights: int, at: datetime, others: Others = SHIPPED
) -> dict[What, Expected]:
    """Return when each kind of alert whose time is learned mostly comes here, and what that comes from."""
    tells, found = told_by(home), dict[What, Expected]()
    for what, (detector, lesson, limit) in LEARNED.items():
        if what in tells:
            aim = others.aim(detector, home.profile, nights, home.budget)
            learned = lessons.alert_after(lesson, known.get(lesson), at, home, aim.score, others)
            due = budget.due(max(learned, others.soonest.get(detector, 0.0)), getattr(home.limits, limit))
            found[what] = Expected(minutes=due.minutes, capped=due.why is Why.CAP, reached=aim.reached)
    return found


_known: dict[HomeId, tuple[Home, Mapping[SensorId, str], float | None, Outlook]] = {}
