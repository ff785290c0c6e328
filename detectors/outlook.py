"""A home as it can be seen now: without the sensors that are not heard, and with the mornings it is known for."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from detectors.coverage import told_by
from detectors.findings import What
from detectors.homes import Home, HomeId, Kind, SensorId


class Outlook(NamedTuple):
    """What detection can work with."""

    home: Home  # as seen: a bed sensor that is not heard is none, and quiet in the bedroom tells of bed again
    tells: frozenset[What]  # the kinds of alert that can come


def outlook(home: Home, silent: Mapping[SensorId, str], rising: float | None) -> Outlook:
    """Return how a home is seen while some sensors are silent. Kept from one call to the next: it seldom changes.

    `rising` is how many hours before the end of the night this resident may get up for the day, where it is learned.
    """
    known = _known.get(home.id)
    if known is not None and known[0] is home and known[1] is silent and known[2] == rising:
        return known[3]
    heard = tuple(one for one in home.sensors if one.kind is not Kind.BED or one.id not in silent)
    night = home.night if rising is None else msgspec.structs.replace(home.night, rising=rising)
    seen = msgspec.structs.replace(home, night=night, sensors=heard)
    found = Outlook(seen, told_by(seen))
    _known[home.id] = (home, silent, rising, found)
    return found


_known: dict[HomeId, tuple[Home, Mapping[SensorId, str], float | None, Outlook]] = {}
