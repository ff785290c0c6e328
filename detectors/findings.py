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
    DAY_INACTIVE = "day-inactive"  # at home by day, and nothing seen for long
    LATE_RISE = "late-rise"  # not up, long after the usual hour
    RESTLESS = "restless"  # a night with many times, or long, out of bed
    NOCTURIA = "nocturia"  # more visits to the bathroom a night than weeks ago
    SHIFT = "shift"  # sleeping at other hours than weeks ago
    DECLINE = "decline"  # days less regular or less active than weeks ago
    SENSOR_SILENT = "sensor-silent"  # a sensor has said nothing for long, while its home was lived in
    SENSOR_STUCK = "sensor-stuck"  # a sensor has said the same thing for longer than can be
    SENSOR_STORM = "sensor-storm"  # a sensor says more than can be
    GATEWAY_GAP = "gateway-gap"  # nothing at all was heard of the home
    BATTERY = "battery"  # a sensor's battery is nearly empty; `value` is its percent
    LINK_WEAK = "link-weak"  # a sensor is hardly received; `value` is its LQI, 0 to 255
    BUILDING_SILENT = "building-silent"  # the centre does not hear a building; `count` residents known out of bed
    BROKER_LOST = "broker-lost"  # the building's broker is gone: nothing of any sensor comes in
    BRIDGE_LOST = "bridge-lost"  # Zigbee2MQTT or its coordinator is gone: nothing of its sensors comes in
    CLOCK_STEP = "clock-step"  # the gateway's clock was set; `value` is by how many seconds, forward positive
    DISK = "disk"  # the gateway's disk is nearly full, or refuses; `value` is MB free, None if it refuses
    JOURNAL = "journal"  # the gateway's journal was damaged and has been set aside
    PROOF = "proof-missing"  # the synthetic event of a building did not come through in time
    CHANNEL = "channel-dead"  # a way of the building's own to call for help does not work; `channel` says which


BUILDING = frozenset(
    {
        What.BUILDING_SILENT,
        What.BROKER_LOST,
        What.BRIDGE_LOST,
        What.CLOCK_STEP,
        What.DISK,
        What.JOURNAL,
        What.PROOF,
        What.CHANNEL,
    }
)
"""What is the matter with a whole building: found of `homes.building_of`, and of no home in it."""


BY_CENTRE = frozenset({What.BUILDING_SILENT, What.PROOF})
"""What the centre alone can say of a building: it stands, and goes on, while nothing is heard of the building."""


class Perhaps(StrEnum):
    """What else could explain a finding, as far as the home itself tells."""

    OTHERS = "others"  # somebody else may be there: a visitor, or staff
    RISING = "rising"  # it is the hour at which the resident gets up
    RETURNED = "returned"  # no bed sensor: may have gone back to bed unseen
    SENSOR = "sensor"  # a sensor that would tell more is not heard
    WALK = "walk"  # somebody tests the sensors of the home, by walking through it


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
    rank: float | None = None  # share of nights, in homes like this one, that hold something at least as unusual
    early: bool = False  # told before the limit, because it is long for this home
    value: float | None = None  # what was counted or measured: visits or times out of bed, hours of shift; see `What`
    sensor: SensorId | None = None  # that it is about, where it is about one
    channel: str | None = None  # by which the building calls for help, where it is about one; several joined by ", "
    perhaps: tuple[Perhaps, ...] = ()  # what else could explain it
    room: RoomId | None = None  # where the resident probably is
    last_at: Instant | None = None  # the last motion seen anywhere
    last_room: RoomId | None = None
    door_at: Instant | None = None  # the front door's last opening
    count: int = 1  # how often a button was pressed; of a silent building, how many residents were out of bed
    own_page: bool = False  # a call for help made on the resident's own page: told by the centre, and by no sensor
    blind: tuple[SensorId, ...] = ()  # sensors that could not be heard
    window: tuple[Mark, ...] = ()  # what was seen before it, oldest first


class Cleared(msgspec.Struct, frozen=True, kw_only=True, tag="cleared", omit_defaults=True):
    """The condition of an earlier finding is over: back in bed, seen elsewhere, home again."""

    at: Instant
    home: HomeId
    what: What
    since: Instant
    episode: Instant
    sensor: SensorId | None = None


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
    paused: tuple[SensorId, ...] = ()  # those of them that are not listened to
    barred: tuple[SensorId, ...] = ()  # those of them that may not be; the others by the wish of who lives there

    def same_as(self, other: "Status | None") -> bool:
        """Whether nothing but the date differs."""
        return other is not None and msgspec.structs.replace(self, at=other.at) == other
