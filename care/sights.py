"""What could be seen of a home, at one moment and through a night, and why not: for the desk and for the reports.

Blindness is a state that the journal tells at every minute. A building says of each home how much of it is seen
(`Status`); that the building itself was not heard, or heard none of its sensors, stands beside it as a finding of the
whole building. No data is never "no alert".
"""

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from care.records import CENTRE, Record, site_of
from detectors.coverage import rests_on
from detectors.findings import Cleared, Finding, Sight, Status, What
from detectors.homes import Home, HomeId, Instant, Sensor, SensorId, building_of


class Can(StrEnum):
    """Whether a kind of alert can come, or one group of sensors that it rests on be heard."""

    SEEN = "seen"
    PARTLY = "partly"  # by some of its sensors
    BLIND = "blind"
    PAUSED = "paused"
    NONE = "none"  # the plan has no sensor for it


class Why(StrEnum):
    """Why a home is not, or not wholly, seen. The farthest from the home comes first: it explains the others."""

    BUILDING = "building"  # the centre did not hear the building: what happened there was not to be seen at the desk
    BROKER = "broker"  # the gateway heard no sensor
    BRIDGE = "bridge"  # the receiver of wireless sensors was gone
    HOME = "home"  # nothing was heard of the home
    STUCK = "stuck"  # a sensor said what could not be
    SENSOR = "sensor"  # a sensor was not heard
    PAUSED = "paused"  # the client had paused it
    UNKNOWN = "unknown"  # nothing had been told of the home yet


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a home was seen from `start` until `end`, and why it was not more."""

    start: Instant
    end: Instant
    sight: Sight
    blind: tuple[SensorId, ...] = ()
    why: tuple[Why, ...] = ()  # in the order of `Why`; empty while it was watched


def stretches(records: Iterable[Record], home: Home, start: datetime, end: datetime) -> tuple[Stretch, ...]:
    """Return how much of a home was seen from `start` until `end`, without a gap, from the records of a journal.

    Records may come in any order, as late as they like: each counts from the moment that it is about. What the centre
    could not see at the time stays unseen, also where the building has told of it afterwards.
    """
    told, standing = _gathered(records, home.id)
    bounds = {one.at for one in told} | {at for since, until, _ in standing for at in (since, until)}
    moments = [start, *sorted(at for at in bounds if start < at < end), end]
    dates = [one.at for one in told]
    found: list[Stretch] = []
    for begin, over in itertools.pairwise(moments):
        n = bisect_right(dates, begin)
        causes = [one for since, until, one in standing if since <= begin < until]
        sight, blind, why = sighted(home, told[n - 1] if n else None, causes)
        last = found[-1] if found else None
        if last is not None and (last.sight, last.blind, last.why) == (sight, blind, why):
            found[-1] = msgspec.structs.replace(last, end=over)
        elif begin < over:
            found.append(Stretch(start=begin, end=over, sight=sight, blind=blind, why=why))
    return tuple(found)


def sighted(
    home: Home, status: Status | None, causes: Sequence[Finding]
) -> tuple[Sight, tuple[SensorId, ...], tuple[Why, ...]]:
    """Return how much of a home is seen, without which sensors, and why, while some faults stand.

    `causes` are of its building, of every building, or of its sensors; others say nothing of what is seen.
    """
    whats = {one.what for one in causes}
    blind = () if status is None else status.blind
    for what, cause in ((What.BUILDING_SILENT, Why.BUILDING), (What.BROKER_LOST, Why.BROKER)):
        if what in whats:
            return Sight.BLIND, (), (cause,)  # of no sensor more than of another
    if status is None:
        return Sight.BLIND, (), (Why.UNKNOWN,)
    gone = {sensor for one in causes if one.what is What.BRIDGE_LOST for sensor in one.blind}
    lost = tuple(sensor.id for sensor in home.sensors if sensor.id in gone)
    stuck = {one.sensor for one in causes if one.what is What.SENSOR_STUCK}
    unheard = {*blind} - gone
    reasons = {
        Why.BRIDGE: bool(lost),
        Why.HOME: status.sight is Sight.BLIND and not lost,
        Why.STUCK: bool(unheard & stuck),
        Why.SENSOR: bool(unheard - stuck) and status.sight is not Sight.BLIND,
        Why.PAUSED: status.sight is Sight.PAUSED,
    }
    unseen = tuple(dict.fromkeys((*blind, *lost)))
    sight = status.sight
    if lost and sight is not Sight.PAUSED:
        sight = Sight.BLIND if {sensor.id for sensor in home.sensors} <= {*unseen} else Sight.PARTLY
    return sight, unseen, tuple(why for why, holds in reasons.items() if holds)


def now_seen(home: Home, status: Status, causes: Sequence[Finding]) -> Status:
    """Return a status with what a fault of the building takes from it: known sooner than each sensor's silence."""
    sight, blind, _ = sighted(home, status, causes)
    return msgspec.structs.replace(status, sight=sight, blind=blind)


def kinds(home: Home, status: Status | None) -> dict[What, Can]:
    """Return for every kind of alert whether it can come, as a home stands; `status` is None where it is not heard."""
    return {what: _can(what, looks, status) for what, looks in groups(home, status).items()}


def groups(home: Home, status: Status | None) -> dict[What, tuple[Can, ...]]:
    """Return for every kind of alert how each group of sensors that it rests on is heard (`coverage.rests_on`)."""
    return {
        what: tuple(_heard([hears(status, sensor) for sensor in group]) for group in rests)
        for what, rests in rests_on(home).items()
    }


def hears(status: Status | None, sensor: Sensor) -> bool:
    """Whether a sensor can be heard, as its home stands; not if nothing is known of that."""
    return status is not None and sensor.id not in status.blind and status.sight is not Sight.BLIND


def _can(what: What, looks: tuple[Can, ...], status: Status | None) -> Can:
    if Can.NONE in looks:
        return Can.NONE
    if what in TELLS_OF_SENSORS and status is not None:
        return Can.SEEN  # that a sensor is not heard is what these tell
    if Can.BLIND in looks or status is None or status.sight is Sight.BLIND:
        return Can.BLIND
    if status.sight is Sight.PAUSED and what is not What.BUTTON:
        return Can.PAUSED
    return Can.PARTLY if Can.PARTLY in looks else Can.SEEN


TELLS_OF_SENSORS = frozenset(
    {
        What.SENSOR_SILENT,
        What.SENSOR_STUCK,
        What.SENSOR_STORM,
        What.GATEWAY_GAP,
        What.BATTERY,
        What.LINK_WEAK,
    }
)
"""What comes because of sensors that are not heard, or not well: it needs none of them."""


def _heard(heard: list[bool]) -> Can:
    """How one group of sensors is heard: none in the plan, none heard, some heard, all heard."""
    if not heard:
        return Can.NONE
    if not any(heard):
        return Can.BLIND
    return Can.SEEN if all(heard) else Can.PARTLY


_END = datetime.max.replace(tzinfo=UTC)  # of what is not over


def _gathered(records: Iterable[Record], home: HomeId) -> tuple[list[Status], list[tuple[datetime, datetime, Finding]]]:
    """Return a home's statuses by their date, and each fault that touches its sight with its beginning and end."""
    places = {home, building_of(site_of(home)), building_of(CENTRE)}
    told: list[Status] = []
    found: dict[tuple[HomeId, What, datetime, SensorId | None], Finding] = {}
    over: dict[tuple[HomeId, What, datetime, SensorId | None], datetime] = {}
    for record in records:
        match record:
            case Status() if record.home == home:
                told.append(record)
            case Finding() if record.home in places and record.what in _TOUCHES:
                found.setdefault((record.home, record.what, record.since, record.sensor), record)
            case Cleared() if record.home in places and record.what in _TOUCHES:
                over.setdefault((record.home, record.what, record.since, record.sensor), record.at)
    told.sort(key=lambda one: one.at)  # of two at one moment the later in the journal stays behind the other
    return told, [(one.since, over.get(key, _END), one) for key, one in found.items()]


_TOUCHES = frozenset({What.BUILDING_SILENT, What.BROKER_LOST, What.BRIDGE_LOST, What.SENSOR_STUCK})
