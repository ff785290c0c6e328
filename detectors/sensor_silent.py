"""A sensor that has said nothing for long, while its home was lived in. By behaviour, where nothing announces it."""

from datetime import timedelta

from detectors.episodes import Episode
from detectors.findings import What
from detectors.homes import Kind, Sensor
from detectors.rhythms import LEARNING_DAYS, Pulse, Rhythm, enough_silence

MISSED_WITHIN = 36.0  # hours: a sensor that must be waited for longer is not missed at all


def sensor_silent(sensor: Sensor, rhythm: Rhythm | None, pulse: Pulse) -> Episode | None:
    """Tell a silence that is far from this sensor's habit, both in hours and in walks through the home.

    It becomes true with a walk and never with the clock alone, so ask when `pulse.walks` has changed: nothing is told
    while nobody is heard. Once true it stays so until the sensor speaks. A sensor behind a bridge that is known to be
    away should not be asked about.
    """
    if rhythm is None or pulse.walked_at is None or not can_be_missed(sensor, rhythm):
        return None
    walks, hours = enough_silence(rhythm)
    since = rhythm.last_at
    if pulse.walks - rhythm.walks < walks or pulse.walked_at < since + timedelta(hours=hours):
        return None
    return Episode(
        What.SENSOR_SILENT,
        since=since,
        due=pulse.walked_at,
        began=since,
        limit=hours * 60.0,
        room=sensor.room,
        sensor=sensor.id,
    )


def can_be_missed(sensor: Sensor, rhythm: Rhythm | None) -> bool:
    """Whether this sensor's death would be noticed from its silence: it speaks every day, and has for a week.

    A cupboard that is opened twice a week is never missed, and a call button must not need to be: such sensors have
    to say themselves that they are there.
    """
    if rhythm is None or sensor.kind is Kind.BUTTON or rhythm.days < LEARNING_DAYS:
        return False
    return enough_silence(rhythm)[1] <= MISSED_WITHIN
