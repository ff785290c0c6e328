"""How a home stands at a moment: where the resident is, and how much of it can be seen."""

from datetime import datetime

from detectors import pauses
from detectors.findings import Presence, Sight, Status
from detectors.homes import Home, Kind
from detectors.moments import is_barred, is_paused
from detectors.remembered import Vigil


def stood(vigil: Vigil, home: Home, at: datetime) -> Status | None:
    """Return how a home stands, or None if that was last told."""
    view, last = vigil.view, vigil.status
    same = last is not None and (view.presence, view.since) == (last.presence, last.since)
    if same and not vigil.blind and last is not None and last.sight is Sight.WATCHED:
        return None  # nearly always
    sensors = [sensor.id for sensor in home.sensors if sensor.kind is not Kind.BUTTON]
    heard_any = bool(view.heard)
    blind = tuple(sorted(vigil.blind)) if heard_any else tuple(sorted(sensors))
    if pauses.whole(vigil, home):
        sight = Sight.PAUSED
    elif not heard_any or all(sensor in vigil.blind for sensor in sensors):
        sight = Sight.BLIND
    else:
        sight = Sight.PARTLY if blind else Sight.WATCHED
    status = Status(
        at=at,
        home=home.id,
        presence=Presence.UNKNOWN if sight in {Sight.BLIND, Sight.PAUSED} else view.presence,
        since=view.since,
        sight=sight,
        blind=blind,
        paused=tuple(sorted(one for one, why in vigil.silent.items() if is_paused(why))),
        barred=tuple(sorted(one for one, why in vigil.silent.items() if is_barred(why))),
    )
    return None if status.same_as(last) else status
