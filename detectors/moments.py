"""What can happen to a home: a sensor says something, a sensor falls silent or speaks again, time passes."""

from enum import StrEnum

import msgspec

from detectors.homes import HomeId, Instant, Kind, RoomId, SensorId


class Origin(StrEnum):
    """How a message came. Only live news may start an alert; the rest tells what is so, not what happens."""

    LIVE = "live"
    RETAINED = "retained"  # kept by the broker; dated by the device
    REPLAY = "replay"  # a bridge repeating at its start what it last knew; dated by the device
    UNDATED = "undated"  # kept or repeated, and nothing says how old it is; dated by its arrival


class SensorEvent(msgspec.Struct, frozen=True, kw_only=True, tag="sensor", omit_defaults=True):
    """One observation, dated by when it was made and not by when it arrived."""

    at: Instant
    home: HomeId
    sensor: SensorId
    room: RoomId
    kind: Kind
    value: float
    origin: Origin = Origin.LIVE
    packet: int | None = None  # the device's own number of it, where one is heard by several gateways


class SensorSight(msgspec.Struct, frozen=True, kw_only=True, tag="sight"):
    """A sensor can no longer be heard, or can again. Silence while it cannot is no evidence about the person."""

    at: Instant
    home: HomeId
    sensor: SensorId
    seen: bool
    reason: str = ""  # why not, when not; of several, joined: "bridge+availability" (`gateway.health.REASONS`)


PAUSED = "paused"
"""Why a sensor is not heard that is not listened to, by the wish of who lives there."""

BARRED = "barred"
"""Why a sensor is not heard that may not be listened to: nobody has agreed that it is, or not any more."""


def is_paused(reason: str) -> bool:
    """Whether the reason of a `SensorSight` says, among others, that the sensor is not listened to.

    >>> is_paused("broker+paused"), is_paused("barred"), is_paused("availability"), is_paused("")
    (True, True, False, False)
    """
    return not {PAUSED, BARRED}.isdisjoint(reason.split("+"))


def is_barred(reason: str) -> bool:
    """Whether the reason of a `SensorSight` says, among others, that the sensor may not be listened to."""
    return BARRED in reason.split("+")


class Tick(msgspec.Struct, frozen=True, tag="tick"):
    """Time has passed, and nothing else."""

    at: Instant


Moment = SensorEvent | SensorSight | Tick
