"""A sensor that has said the same thing for longer than can be: a bed that never empties, motion that never clears."""

from datetime import timedelta

from detectors.episodes import Episode
from detectors.findings import What
from detectors.homes import Kind, Sensor
from detectors.rhythms import LEARNING_DAYS, Pulse, Rhythm, enough_held, held_since

HOLDS_KNOWN = 20  # that a motion sensor must have ended with a 0, before one without is remarkable
WALKS_MIN = 3.0
HELD_ANYHOW = timedelta(hours=48)  # through however few walks


def sensor_stuck(sensor: Sensor, rhythm: Rhythm | None, pulse: Pulse) -> Episode | None:
    """Tell a 1 that is held for too long. Cupboards and doors may stand open for days, and are never stuck.

    Motion must have been held, too, through more walks than its sensor was ever silent for: a clear that is lost on
    its way looks the same until somebody should have come by again. After two days that is no longer asked for. A
    sensor that never says 0 does not hold its 1, and is not told.

    It becomes true with a message from anywhere in the home, and never with the clock alone: a home in which nothing
    is heard has another fault than this. So ask after each message, of the sensors that say 1.
    """
    if rhythm is None or pulse.last_at is None or not rhythm.value:
        return None
    since = held_since(rhythm, sensor.kind)
    limit = enough_held(rhythm, sensor.kind)
    due = since + timedelta(minutes=limit)
    if pulse.last_at < due:
        return None
    if sensor.kind is Kind.MOTION:
        walked = pulse.walks - rhythm.walks >= max(WALKS_MIN, rhythm.longest_walks)
        at = pulse.walked_at if walked and pulse.walked_at is not None else since + HELD_ANYHOW
        due = max(due, at)
        known = rhythm.days >= LEARNING_DAYS and rhythm.holds >= HOLDS_KNOWN
    else:
        known = sensor.kind is Kind.BED and rhythm.holds > 0
    if not known or pulse.last_at < due:
        return None
    return Episode(
        What.SENSOR_STUCK, since=since, due=due, began=since, limit=limit, room=sensor.room, sensor=sensor.id
    )
