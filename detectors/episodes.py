"""An episode: a stretch of whereabouts that must not last, and when it has lasted too long.

A detector is one pure function from whereabouts to the episode it watches, if that is running. Everything else
(letting time pass, telling each episode once, saying when it is over) is the same for all and stands in `vigil`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from detectors.findings import What
from detectors.homes import Home, RoomId, SensorId
from detectors.whereabouts import Whereabouts


class Episode(msgspec.Struct, frozen=True):
    """A condition that is running, and the instant from which it asks for a person."""

    what: What
    since: datetime  # when the condition began: what tells one episode from the next
    due: datetime
    began: datetime  # when the stretch it is part of began, which findings of other detectors may share
    limit: float | None = None  # minutes, as agreed
    room: RoomId | None = None
    sensor: SensorId | None = None  # that it is about, where it is about one
    count: int = 1  # a higher count of the same episode is told again
    until: datetime | None = None  # due later than this, it is not the business of the night and is not told
    lesson: str = ""  # under what name it is learned of this home how long such an episode lasts, if it is


Detector = Callable[[Whereabouts, Home], Episode | None]


def of_one_night(home: Home, start: datetime, due: datetime) -> bool:
    """Whether what began at `start` began in a watched night, and is due in the same one or in the hour after it.

    Who got up before its end and is about at its next start has not been up all night.
    """
    one_night = timedelta(hours=(home.night.end.hour - home.night.start.hour) % 24 + 2)
    return due - start <= one_night and home.night.covers(start)
