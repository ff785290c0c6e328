"""A sensor that says more than can be: a loose contact, a bridge gone mad. Its messages tell nothing about anybody."""

from datetime import timedelta

import msgspec

from detectors.episodes import Episode
from detectors.findings import What
from detectors.homes import Instant, Sensor

STORM_MORE_THAN = 20  # messages from one sensor (4.10) ...
STORM_WITHIN = timedelta(seconds=10)  # ... in any so long stretch
CALM_AFTER = timedelta(seconds=60)  # without so many


class Flow(msgspec.Struct, frozen=True, array_like=True):
    """How fast messages of one sensor come: the newest few, and the running storm."""

    recent: tuple[Instant, ...] = ()  # within the last `STORM_WITHIN`, never more than make a storm
    began: Instant | None = None  # the first message of the running storm
    stormed_at: Instant | None = None  # the last message that came too fast

    def calm_at(self) -> Instant | None:
        """Return when the running storm is over if nothing more comes too fast."""
        return None if self.stormed_at is None else self.stormed_at + CALM_AFTER


def flowed(flow: Flow, at: Instant) -> Flow:
    """Return the flow after one more message, a repetition too.

    `at` is its date, or that of its arrival if that was before; it must not go back.
    """
    oldest = at - STORM_WITHIN
    recent = flow.recent
    if recent and recent[-1] < oldest:
        recent = ()  # the usual case: the last one is long past
    elif recent and recent[0] < oldest:
        recent = tuple([one for one in recent if one >= oldest])
    recent = (*recent, at)[-STORM_MORE_THAN - 1 :]
    began, stormed_at = flow.began, flow.stormed_at
    if stormed_at is not None and at >= stormed_at + CALM_AFTER:
        began = stormed_at = None
    if len(recent) > STORM_MORE_THAN:
        began, stormed_at = began or recent[0], at
    return Flow(recent, began, stormed_at)


def sensor_storm(sensor: Sensor, flow: Flow, now: Instant) -> Episode | None:
    """Tell a storm at once, and until it is calm again. One storm is told once, however long it rages."""
    calm_at = flow.calm_at()
    if flow.began is None or calm_at is None or now >= calm_at:
        return None
    # Due with the first message too many: when exactly that was plays no part for something that is told at once.
    return Episode(
        What.SENSOR_STORM, since=flow.began, due=flow.began, began=flow.began, room=sensor.room, sensor=sensor.id
    )
