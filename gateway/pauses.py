"""Pauses in a building: which sensors are not listened to, and until when. Pure: orders and moments in, values out.

What a paused sensor says is acknowledged and dropped: neither kept nor used. That it is there, its battery and its
link still count, so that broken equipment is noticed meanwhile. A help button is never paused.
"""

from datetime import datetime

import msgspec

from care.homes import Site
from care.pauses import Paused, PauseEnded, scope, trouble_of
from care.records import Unreadable
from detectors.homes import Instant, Kind, ResidentId, SensorId
from detectors.moments import SensorEvent
from gateway.sources import Reading


class Deaf(msgspec.Struct, frozen=True, array_like=True):
    """Until when one sensor is, or was, not listened to, and by whose wish."""

    until: Instant
    resident: ResidentId


Deafness = dict[SensorId, Deaf]
"""Each sensor's last pause. One that is over is remembered, for what was said in it may still come."""


def ordered(deaf: Deafness, said: Paused | PauseEnded, site: Site, now: datetime) -> Deafness:
    """Return what holds after an order. One that cannot be changes nothing, and the centre sees that it does not."""
    home = site.by_id.get(said.home)
    if home is None or (isinstance(said, Paused) and trouble_of(said, home) is not None):
        return deaf
    holds = _ended(deaf, {one.id for one in home.sensors}, now)
    if isinstance(said, PauseEnded):
        return holds
    for one in scope(said, home):
        until = max(said.until, holds[one].until) if one in holds else said.until
        holds = {**holds, one: Deaf(until, home.resident)}
    return holds


def left(deaf: Deafness, site: Site, now: datetime) -> Deafness:
    """Return what still holds under a plan that may have been changed: a pause ends with whoever lived there."""
    lives = {sensor.id: home.resident for home in site.homes for sensor in home.sensors}
    known = {one: its for one, its in deaf.items() if one in lives}
    return _ended(known, {one for one, its in known.items() if lives[one] != its.resident}, now)


def _ended(deaf: Deafness, sensors: set[SensorId], now: datetime) -> Deafness:
    return {
        one: msgspec.structs.replace(its, until=now) if one in sensors and now < its.until else its
        for one, its in deaf.items()
    }


def paused(deaf: Deafness, sensor: SensorId, now: datetime) -> bool:
    """Whether a sensor is not listened to at an instant."""
    return sensor in deaf and now < deaf[sensor].until


def listened(deaf: Deafness, reading: Reading, site: Site, now: datetime) -> Reading:
    """Return of a reading what may be kept and used: not what was said in a pause, or comes in one."""
    if not deaf or not (reading.events or reading.troubles):
        return reading  # nearly always
    events = tuple(one for one in reading.events if not _dropped(deaf, one, now))
    return reading._replace(events=events, troubles=tuple(_blank(deaf, one, site, now) for one in reading.troubles))


def _dropped(deaf: Deafness, event: SensorEvent, now: datetime) -> bool:
    if event.kind is Kind.BUTTON or event.sensor not in deaf:
        return False
    return min(event.at, now) < deaf[event.sensor].until


def _blank(deaf: Deafness, trouble: Unreadable, site: Site, now: datetime) -> Unreadable:
    """Return what was not understood, without what was said: an installer must know of the trouble, and no more."""
    for name, (_, sensor) in site.friendly.items():
        if paused(deaf, sensor, now) and trouble.topic.endswith(f"/{name}"):
            return msgspec.structs.replace(trouble, payload=b"")
    return trouble
