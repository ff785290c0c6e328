"""What could be seen of a home, at one moment and through a night, and why not: for the desk and for the reports.

Blindness is a state that the journal tells at every minute. A building says of each home how much of it is seen
(`Status`); that the building itself was not heard, or heard none of its sensors, stands beside it as a finding of the
whole building. No data is never "no alert".
"""

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

import msgspec

from care.records import CENTRE, Record, site_of
from detectors.coverage import rests_on
from detectors.findings import Cleared, Finding, Sight, Status, What
from detectors.homes import Home, HomeId, Instant, Night, Sensor, SensorId, building_of, zone_of

KEPT = timedelta(days=29)  # as many nights as a home's page shows, and the one that runs
NOTED_MAX = 2_000  # of one home or building: a sensor that comes and goes all day must not fill the memory


class Can(StrEnum):
    """Whether a kind of alert can come, or one group of sensors that it rests on be heard."""

    SEEN = "seen"
    PARTLY = "partly"  # by some of its sensors
    BLIND = "blind"
    PAUSED = "paused"
    NONE = "none"  # the plan has no sensor for it
    OFF = "off"  # by agreement it is not told


class Why(StrEnum):
    """Why a home is not, or not wholly, seen. The farthest from the home comes first: it explains the others."""

    BUILDING = "building"  # the centre did not hear the building: what happened there was not to be seen at the desk
    BROKER = "broker"  # the gateway heard no sensor
    BRIDGE = "bridge"  # the receiver of wireless sensors was gone
    HOME = "home"  # nothing was heard of the home
    STUCK = "stuck"  # a sensor said what could not be
    SENSOR = "sensor"  # a sensor was not heard
    PAUSED = "paused"  # it was paused, by the client's wish
    BARRED = "barred"  # nobody has agreed that it is watched, or not any more
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


class Diary:
    """How much was seen of every home in the last nights: a fold of records that stays small.

    Of the statuses that say the same of what is seen only the first and the last are kept. So a record that comes
    late may count a little longer than it did; of records in order nothing is lost.
    """

    def __init__(self) -> None:
        self._told: dict[HomeId, list[Status]] = {}  # by date
        self._faults: dict[HomeId, dict[_Fault, tuple[Finding | None, Cleared | None]]] = {}

    def add(self, record: Record, recorded_at: datetime) -> None:
        """Take in one record of the journal; what was over before the last nights is forgotten."""
        floor = recorded_at - KEPT
        match record:
            case Status():
                self._note(self._told.setdefault(record.home, []), record, floor)
            case Finding() | Cleared() if record.what in _TOUCHES:
                faults = self._faults.setdefault(record.home, {})
                key = _fault(record)
                finding, cleared = faults.pop(key, (None, None))
                if isinstance(record, Finding):
                    faults[key] = (finding or msgspec.structs.replace(record, window=()), cleared)
                else:
                    faults[key] = (finding, cleared or record)
                for old in [one for one, (_, ended) in faults.items() if ended is not None and ended.at < floor]:
                    del faults[old]
                if len(faults) > NOTED_MAX:
                    del faults[next(iter(faults))]

    def of(self, home: HomeId) -> list[Record]:
        """Return what `stretches` asks for of one home."""
        records: list[Record] = [*self._told.get(home, ())]
        for place in _places(home):
            for pair in self._faults.get(place, {}).values():
                records += [one for one in pair if one is not None]
        return records

    def begins(self, home: HomeId) -> datetime | None:
        """Return when the first was told of a home that is still known here."""
        told = self._told.get(home)
        return told[0].at if told else None

    def _note(self, told: list[Status], status: Status, floor: datetime) -> None:
        place = bisect_right(told, status.at, key=lambda one: one.at)
        if place > 1 and _alike(told[place - 1], status) and _alike(told[place - 2], status):
            told[place - 1] = status
        else:
            told.insert(place, status)
        while len(told) > 1 and (told[1].at <= floor or len(told) > NOTED_MAX):
            del told[0]


def last_nights(night: Night, now: datetime, n: int) -> list[tuple[datetime, datetime]]:
    """Return start and end of the last nights that have begun, the oldest first; the last may still be running."""
    zone = zone_of(night.zone)

    def at(evening: date, clock: time) -> datetime:
        since_midnight = timedelta(hours=clock.hour, minutes=clock.minute)
        day = evening if since_midnight >= night.midday else evening + timedelta(days=1)
        return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)

    evenings = [night.of(now) - timedelta(days=back) for back in range(n, -1, -1)]
    begun = [(at(day, night.start), at(day, night.end)) for day in evenings]
    return [(start, end) for start, end in begun if start < now][-n:]


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
    unheard = {*blind} - gone - {*status.paused}
    reasons = {
        Why.BRIDGE: bool(lost),
        Why.HOME: status.sight is Sight.BLIND and not lost,
        Why.STUCK: bool(unheard & stuck),
        Why.SENSOR: bool(unheard - stuck) and status.sight is not Sight.BLIND,
        Why.PAUSED: _by_wish(status),
        Why.BARRED: bool(status.barred),
    }
    unseen = tuple(dict.fromkeys((*blind, *lost)))
    sight = status.sight
    if lost and sight is not Sight.PAUSED:
        sight = Sight.BLIND if {sensor.id for sensor in home.sensors} <= {*unseen} else Sight.PARTLY
    return sight, unseen, tuple(why for why, holds in reasons.items() if holds)


def _by_wish(status: Status) -> bool:
    """Whether somebody paused something; older buildings only say so of the whole home."""
    return bool({*status.paused} - {*status.barred}) or (status.sight is Sight.PAUSED and not status.barred)


def now_seen(home: Home, status: Status, causes: Sequence[Finding]) -> Status:
    """Return a status with what a fault of the building takes from it: known sooner than each sensor's silence."""
    sight, blind, _ = sighted(home, status, causes)
    return msgspec.structs.replace(status, sight=sight, blind=blind)


def kinds(home: Home, status: Status | None) -> dict[What, Can]:
    """Return for every kind of alert whether it can come, as a home stands; `status` is None where it is not heard."""
    cans = {what: _can(what, looks, status) for what, looks in groups(home, status).items()}
    return {what: Can.OFF if what in home.off and can is not Can.NONE else can for what, can in cans.items()}


def groups(home: Home, status: Status | None) -> dict[What, tuple[Can, ...]]:
    """Return for every kind of alert how each group of sensors that it rests on is heard (`coverage.rests_on`)."""
    return {what: tuple(_heard(status, group) for group in rests) for what, rests in rests_on(home).items()}


def hears(status: Status | None, sensor: Sensor) -> bool:
    """Whether a sensor can be heard, as its home stands; not if nothing is known of that."""
    return status is not None and sensor.id not in status.blind and status.sight is not Sight.BLIND


def _can(what: What, looks: tuple[Can, ...], status: Status | None) -> Can:
    if Can.NONE in looks:
        return Can.NONE
    if what in TELLS_OF_SENSORS and status is not None:
        return Can.SEEN  # that a sensor is not heard is what these tell
    if status is None or status.sight is Sight.BLIND:
        return Can.BLIND
    if Can.PAUSED in looks or (status.sight is Sight.PAUSED and what is not What.BUTTON):
        return Can.PAUSED
    if Can.BLIND in looks:
        return Can.BLIND
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


def _heard(status: Status | None, group: Sequence[Sensor]) -> Can:
    """How one group of sensors is heard: none in the plan, none heard, none listened to, some heard, all heard."""
    heard = [hears(status, sensor) for sensor in group]
    if not heard:
        return Can.NONE
    if any(heard):
        return Can.SEEN if all(heard) else Can.PARTLY
    paused = status is not None and any(sensor.id in status.paused for sensor in group)
    return Can.PAUSED if paused else Can.BLIND


_END = datetime.max.replace(tzinfo=UTC)  # of what is not over


_Fault = tuple[What, datetime, SensorId | None]


def _fault(record: Finding | Cleared) -> _Fault:
    return record.what, record.since, record.sensor


def _places(home: HomeId) -> tuple[HomeId, ...]:
    """Where something may be the matter that touches the sight of a home: there, in its building, everywhere."""
    return home, building_of(site_of(home)), building_of(CENTRE)


def _alike(one: Status, other: Status) -> bool:
    return (one.sight, one.blind, one.paused, one.barred) == (other.sight, other.blind, other.paused, other.barred)


def _gathered(records: Iterable[Record], home: HomeId) -> tuple[list[Status], list[tuple[datetime, datetime, Finding]]]:
    """Return a home's statuses by their date, and each fault that touches its sight with its beginning and end."""
    places = {*_places(home)}
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
