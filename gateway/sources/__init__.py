"""One module per family of devices: somebody else's words into ours, or a sentence why not.

A source is a pure function of one message. What it returns is for the journal: observations, sensors that can or
cannot be heard, and `Unreadable` for all that could not be taken as it came.
"""

from typing import NamedTuple

from care.records import Unreadable
from detectors.moments import SensorEvent, SensorSight


class Reading(NamedTuple):
    """What one message said."""

    events: tuple[SensorEvent, ...] = ()
    sights: tuple[SensorSight, ...] = ()
    troubles: tuple[Unreadable, ...] = ()
