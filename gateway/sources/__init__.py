"""One module per family of devices: somebody else's words into ours, or a sentence why not.

A source is a pure function of one message. What it returns is for the journal: observations, sensors that can or
cannot be heard, and `Unreadable` for all that could not be taken as it came.
"""

from datetime import datetime
from typing import NamedTuple

from care.records import Unreadable
from detectors.homes import HomeId, Instant, SensorId
from detectors.moments import SensorEvent, SensorSight


class Sign(NamedTuple):
    """A sign of life: a sensor was heard, whatever it said. Not for the journal, where it would be most of the rows."""

    home: HomeId
    sensor: SensorId
    at: Instant  # by the device, or else of its arrival
    battery: float | None = None  # percent, where it told
    low: bool | None = None  # what a device says of its battery that knows no percent
    link: float | None = None  # LQI of this message, 0 to 255


class Reading(NamedTuple):
    """What one message said."""

    events: tuple[SensorEvent, ...] = ()
    sights: tuple[SensorSight, ...] = ()
    troubles: tuple[Unreadable, ...] = ()
    signs: tuple[Sign, ...] = ()  # live ones only: what is repeated is no sign of life
    bridge: bool | None = None  # whether it says that it, and with it every sensor behind it, is on line
    dated: datetime | None = None  # by the device, in our time, where that can be believed
