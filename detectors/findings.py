"""What detection says: a condition was found, a condition is over."""

from enum import StrEnum

import msgspec

from detectors.homes import HomeId, Instant, Kind, RoomId, SensorId


class What(StrEnum):
    """The conditions that detection can find in a home."""

    BATH = "bath"  # in the bathroom or toilet for long, nowhere else seen
    STILL = "still"  # left bed, was seen, then no motion anywhere
    OOB_UNSEEN = "oob-unseen"  # left bed, nothing seen since
    OOB_ACTIVE = "oob-active"  # left bed, not back, moving about
    DOOR_LEFT = "door-left"  # went out at night and is not back
    DOOR_ARRIVED = "door-arrived"  # somebody may have come in at night
    BUTTON = "button"  # a call for help


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """One thing seen, kept beside a finding as its evidence and enough for a picture."""

    at: Instant
    room: RoomId
    kind: Kind
    value: float


class Finding(msgspec.Struct, frozen=True, kw_only=True, tag="finding", omit_defaults=True):
    """A condition that may ask for a person, dated by its deadline: when it became true, not when it was noticed."""

    at: Instant
    home: HomeId
    what: What
    since: Instant  # when the condition began
    episode: (
        Instant  # when the stretch it belongs to began (left bed, door opened): what one person would call one thing
    )
    limit: float | None = None  # minutes agreed before it is told; None where there is nothing to wait for
    usual: float | None = None  # minutes that such an episode usually takes here, where that is learned
    nights: int | None = None  # that `usual` rests on
    early: bool = False  # told before the limit, because it is long for this home
    room: RoomId | None = None  # where the resident probably is
    last_at: Instant | None = None  # the last motion seen anywhere
    last_room: RoomId | None = None
    door_at: Instant | None = None  # the front door's last opening
    count: int = 1  # how often a button was pressed
    blind: tuple[SensorId, ...] = ()  # sensors that could not be heard
    window: tuple[Mark, ...] = ()  # what was seen before it, oldest first


class Cleared(msgspec.Struct, frozen=True, kw_only=True, tag="cleared"):
    """The condition of an earlier finding is over: back in bed, seen elsewhere, home again."""

    at: Instant
    home: HomeId
    what: What
    since: Instant
    episode: Instant


class Withheld(msgspec.Struct, frozen=True, kw_only=True, tag="withheld"):
    """A condition that was already over when the news of it came: counted and visible, but no alarm."""

    at: Instant  # when it would have been told
    home: HomeId
    what: What
    since: Instant
    over_at: Instant


class Presence(StrEnum):
    """Where the resident is, in one word. In bed is not asleep: sensors cannot see sleep."""

    BED = "bed"
    UP = "up"
    OUT = "out"
    UNKNOWN = "unknown"


class Sight(StrEnum):
    """How much of a home can be seen at this moment."""

    WATCHED = "watched"
    PARTLY = "partly"
    BLIND = "blind"
    PAUSED = "paused"


class Status(msgspec.Struct, frozen=True, kw_only=True, tag="status", omit_defaults=True):
    """How a home stands from this moment on: where the resident is, and how much of it can be seen."""

    at: Instant
    home: HomeId
    presence: Presence
    since: Instant | None = None
    sight: Sight = Sight.WATCHED
    blind: tuple[SensorId, ...] = ()

    def same_as(self, other: "Status | None") -> bool:
        """Whether nothing but the date differs."""
        return other is not None and msgspec.structs.replace(self, at=other.at) == other
