"""Which sensors of a home can be believed: what each usually does, and which of them is ill.

A sensor that is silent, stuck or storming says nothing about the resident. While it is ill the home is seen without
it, and every finding names it; that it is ill is told to whoever mends it.
"""

from typing import NamedTuple

import msgspec

from detectors.episodes import Episode
from detectors.findings import What
from detectors.homes import Home, Instant, Kind, Sensor, SensorId
from detectors.moments import SensorEvent
from detectors.rhythms import Pulse, Rhythm, felt, heard
from detectors.sensor_silent import sensor_silent
from detectors.sensor_storm import Flow, flowed, sensor_storm
from detectors.sensor_stuck import sensor_stuck


class Illness(msgspec.Struct, frozen=True, array_like=True):
    """What is the matter with a sensor, as it was told."""

    what: What
    since: Instant


class Health(msgspec.Struct, frozen=True, array_like=True):
    """What is known of the sensors of one home."""

    pulse: Pulse = Pulse()
    rhythms: dict[SensorId, Rhythm] = {}
    flows: dict[SensorId, Flow] = {}  # how fast each speaks
    ill: dict[SensorId, Illness] = {}


class Turned(NamedTuple):
    """What changed: who fell ill, and who is well again."""

    health: Health
    ill: tuple[Episode, ...] = ()
    well: tuple[tuple[SensorId, Illness], ...] = ()


def arrived(health: Health, event: SensorEvent, at: Instant) -> Turned:
    """Take in a message as it arrives, a repetition too: only its speed says anything yet.

    How fast a sensor speaks is said by the dates of its messages: those that waited for hours at a broker, while nobody
    heard them, arrive in one instant and are no storm. What is older than the newest says nothing of speed any more.
    """
    sensor = event.sensor
    flow = health.flows.get(sensor, _NEW)
    said_at = min(event.at, at)
    if not flow.recent or said_at >= flow.recent[-1]:
        flow = flowed(flow, said_at)
    health = Health(health.pulse, health.rhythms, {**health.flows, sensor: flow}, health.ill)
    known = health.ill.get(sensor)
    if flow.began is None and known is None:
        return Turned(health)  # nearly always
    storm = sensor_storm(_of(event), flow, at)
    if storm is not None and known is None:
        return Turned(_with(health, sensor, Illness(storm.what, storm.since)), ill=(storm,))
    if storm is None and known is not None and known.what is What.SENSOR_STORM:
        return Turned(_without(health, sensor), well=((sensor, known),))
    return Turned(health)


def settled(health: Health, event: SensorEvent, home: Home, silent: dict[SensorId, str]) -> Turned:
    """Take in a message in the order in which it happened; `silent` names sensors of which it is known why."""
    sensor = event.sensor
    before = health.pulse
    pulse = felt(before, event)
    rhythm = heard(health.rhythms.get(sensor), event, pulse, learn=sensor not in silent)
    health = Health(pulse, {**health.rhythms, sensor: rhythm}, health.flows, health.ill)
    known = health.ill.get(sensor)
    well: tuple[tuple[SensorId, Illness], ...] = ()
    if known is not None and known.what is not What.SENSOR_STORM and _still_ill(event, health) != known:
        health = _without(health, sensor)
        well = ((sensor, known),)
    if pulse.walks == before.walks:
        return Turned(health, well=well)
    found = []  # with a walk through the home it may be noticed who did not see it
    for one in home.sensors:
        if one.id in silent or one.id in health.ill or one.kind is Kind.BUTTON:
            continue
        episode = _illness(one, health)
        if episode is not None:
            found.append(episode)
            health = _with(health, one.id, Illness(episode.what, episode.since))
    return Turned(health, tuple(found), well)


def listened_again(health: Health, sensor: SensorId, at: Instant) -> Health:
    """Return what is known once a sensor is listened to again: its silence until then was none of its own."""
    rhythm = health.rhythms.get(sensor)
    if rhythm is None:
        return health
    afresh = msgspec.structs.replace(rhythm, last_at=at, since=at, walks=health.pulse.walks, value=0.0)
    return Health(health.pulse, {**health.rhythms, sensor: afresh}, health.flows, health.ill)


_NEW = Flow()


def _illness(sensor: Sensor, health: Health) -> Episode | None:
    rhythm = health.rhythms.get(sensor.id)
    if sensor.kind in (Kind.BED, Kind.MOTION):
        stuck = sensor_stuck(sensor, rhythm, health.pulse)
        if stuck is not None:
            return stuck
    return sensor_silent(sensor, rhythm, health.pulse)


def _still_ill(event: SensorEvent, health: Health) -> Illness | None:
    episode = _illness(_of(event), health)
    return None if episode is None else Illness(episode.what, episode.since)


def _of(event: SensorEvent) -> Sensor:
    """Return the sensor that spoke, also if it has left the plan since."""
    return Sensor(id=event.sensor, kind=event.kind, room=event.room)


def _with(health: Health, sensor: SensorId, illness: Illness) -> Health:
    return Health(health.pulse, health.rhythms, health.flows, {**health.ill, sensor: illness})


def _without(health: Health, sensor: SensorId) -> Health:
    ill = {one: other for one, other in health.ill.items() if one != sensor}
    return Health(health.pulse, health.rhythms, health.flows, ill)
