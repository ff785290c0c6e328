"""Records as points of a time series: a pure function, so that the same record is the same point however often it goes.

A point is plain data, and a line of InfluxDB's line protocol. Every field is a float: a number that is an integer once
and a float later is refused by InfluxDB, and a string is 0 to VictoriaMetrics. Tags hold ids and words of our own
lists: no name, no room, no member of staff, nothing that somebody typed. What an alert is called is a number here
(`number_of`), so that alerts are counted by how many different ones there are, and what is there twice counts once.

To InfluxDB two points are one if tags and time are the same. What is done to two alerts of a home at once is apart by
nanoseconds of its own (`_instant_of`): records are dated in microseconds.
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from statistics import median
from typing import Any, NamedTuple

from care.alerts import alert_of, urgency
from care.asking import Exhausted, Passed
from care.counted import HomeNight, NightCounted
from care.ids import AlertId
from care.packing import micros
from care.records import (
    Claimed,
    Delivered,
    FellBack,
    Followed,
    Lapsed,
    Plan,
    Record,
    Released,
    Resolved,
    Shelved,
    Unshelved,
    site_of,
    tag_of,
)
from detectors.findings import Cleared, Finding, Presence, Sight, Status, Withheld
from detectors.homes import HomeId, SensorId, SiteId
from detectors.moments import SensorEvent, SensorSight
from detectors.nights import Summary

PREFIX = "nachtwacht"
_KNOWN = 10_000  # ids and words that come again and again, read once
PRESENCE = {Presence.BED: 0.0, Presence.UP: 1.0, Presence.OUT: 2.0, Presence.UNKNOWN: 3.0}
SIGHT = {Sight.BLIND: 0.0, Sight.PARTLY: 1.0, Sight.PAUSED: 2.0, Sight.WATCHED: 3.0}

Said = tuple[tuple[str, str], ...]
Values = dict[str, float | None]


class Point(NamedTuple):
    """What was so at an instant: of what, told apart by which tags, with which figures."""

    measurement: str
    tags: Said  # in the order of their names
    fields: tuple[tuple[str, float], ...]  # at least one
    at_ns: int  # since 1970

    @property
    def site(self) -> SiteId:
        """The building that it is about."""
        return SiteId(dict(self.tags)["site"])


class Measured(NamedTuple):
    """A kind of point: what it says, and what each of its tags and fields is."""

    says: str
    tags: dict[str, str]
    fields: dict[str, str]


_HOME = {"site": "the building", "home": "the home, or building/* for what is the matter with all of it"}
_FOUND = {**_HOME, "what": "what was found", "sensor": "of which sensor, where it is of one"}
_NIGHT = {
    "exits": "times out of bed and back",
    "minutes_out": "minutes out of bed in all of them",
    "visits": "those with the bathroom or toilet in them",
    "counts": "1, or 0 for a night that says nothing of usual ones (left out)",
}
MEASUREMENTS: dict[str, Measured] = {
    "nachtwacht_event": Measured(
        "what a sensor said; in a building's own journal alone",
        {**_HOME, "sensor": "which", "kind": "what it observes: bed, door, motion, use, button"},
        {"value": "1 or 0: occupied, open, seen, used, pressed, or not"},
    ),
    "nachtwacht_sensor": Measured(
        "a sensor is heard again, or is not; in a building's own journal alone",
        {**_HOME, "sensor": "which"},
        {"seen": "1 heard, 0 not"},
    ),
    "nachtwacht_state": Measured(
        "how a home stands from here on",
        _HOME,
        {
            "presence": "0 in bed, 1 up, 2 out, 3 not known",
            "sight": "0 blind, 1 partly, 2 paused, 3 watched",
            "blind": "sensors that are not heard",
            "paused": "those of them that are not listened to, or may not be",
        },
    ),
    "nachtwacht_night": Measured(
        "what a watched night came to, when it ended",
        _HOME,
        {
            **_NIGHT,
            "bed_minutes": "minutes in bed",
            "up_minutes": "minutes up",
            "away_minutes": "minutes out of the home",
        },
    ),
    "nachtwacht_day": Measured(
        "the same night, with the day that followed it, when that was over",
        _HOME,
        {
            **_NIGHT,
            "active_minutes": "minutes of the day in which somebody was seen",
            "lain_hours": "hours from lying down for the night to rising",
        },
    ),
    "nachtwacht_alert": Measured(
        "something was found that asks for a person",
        {**_FOUND, "tier": "how urgent, before what is agreed with the resident"},
        {"alert": "which alert, as a number", "late_s": "seconds until it was in this journal"},
    ),
    "nachtwacht_standing": Measured(
        "a condition holds, or is over",
        _FOUND,
        {"stands": "1 holds, 0 over", "value": "what was measured: battery in %, LQI, MB free, times, hours"},
    ),
    "nachtwacht_withheld": Measured(
        "a condition was over before the news of it came: no alarm, and counted",
        {**_HOME, "what": "which"},
        {"began_s": "when it began, in seconds since 1970: which one it is"},
    ),
    "nachtwacht_deed": Measured(
        "what happened to an alert",
        {
            **_HOME,
            "deed": "delivered, claimed, released, resolved, followed, shelved, unshelved, lapsed, passed, exhausted, "
            "fell-back",
            "outcome": "how it ended, of one that was resolved",
            "how": "how that is known, of one that was resolved",
            "line": "how near somebody is who was asked, of one that was passed on",
        },
        {"alert": "which alert, as a number"},
    ),
    "nachtwacht_figures": Measured(
        "a night of a home in which anybody was asked for, dated at noon UTC of the day after its evening",
        _HOME,
        {
            "alerts": "urgent ones, and those for the same night",
            "needed": "closed as help given, or reassured",
            "unneeded": "closed as not needed",
            "technical": "closed as a fault of the equipment",
            "visits": "to which somebody of the care team went",
            "remote": "that ended by talking",
            "near": "to which family or a neighbour went",
            "answered": "that somebody took",
            "answered_median_s": "seconds until somebody took them, the middle one",
            "answered_longest_s": "seconds until somebody took them, the longest",
        },
    ),
    "nachtwacht_building": Measured(
        "a night of a building, dated like the figures of its homes",
        {"site": "the building"},
        {"homes": "how many there were", "in_sight": "share of the hours of all homes that was wholly seen, 0 to 1"},
    ),
    "nachtwacht_plan": Measured(
        "what stands in a building from here on",
        {"site": "the building"},
        {"homes": "how many homes", "sensors": "how many sensors"},
    ),
}
"""Every kind of point that there is."""


def points(record: Record, recorded_at: datetime) -> tuple[Point, ...]:
    """Return what a record says in figures; nothing, of most kinds of record. `recorded_at` is from the journal.

    >>> at = datetime(2026, 3, 3, 1, tzinfo=UTC)
    >>> status = Status(at=at, home=HomeId("wilg/12"), presence=Presence.UP)
    >>> print(*map(line, points(status, at)))
    nachtwacht_state,home=wilg/12,site=wilg blind=0.0,paused=0.0,presence=1.0,sight=3.0 1772499600000000000
    """
    made = _MADE.get(type(record))
    return () if made is None else tuple(one for one in made(record, recorded_at) if one.fields)


def line(point: Point) -> str:
    """Return a point as a line of line protocol, dated in nanoseconds."""
    tags = "".join(f",{name}={_escaped(value)}" for name, value in point.tags)
    fields = ",".join(f"{name}={value!r}" for name, value in point.fields)
    return f"{point.measurement}{tags} {fields} {point.at_ns}"


def number_of(alert: AlertId) -> float:
    """Return what an alert is called as a number, below 2**40, so that a float holds it exactly.

    >>> number_of(AlertId("00000000ff"))
    255.0
    """
    if not _ALERT.fullmatch(alert):  # of another make
        alert = AlertId(hashlib.blake2b(alert.encode(), digest_size=5).hexdigest())
    return float(int(alert, 16))


@lru_cache(maxsize=_KNOWN)
def id_of(sensor: SensorId) -> str:
    """Return by what a sensor is known here: its id, or a digest of one that may hold words somebody typed.

    >>> id_of(SensorId("12/bed")), id_of(SensorId("bed of Jan"))
    ('12/bed', 's-8ddfc40191')
    """
    return sensor if _PLAIN.fullmatch(sensor) else f"s-{hashlib.blake2b(sensor.encode(), digest_size=5).hexdigest()}"


def _point(what: str, at: datetime | int, tags: dict[str, str], values: Values) -> Point:
    fields = ((name, float(value)) for name, value in sorted(values.items()) if value is not None)
    kept = tuple((name, value) for name, value in fields if math.isfinite(value))
    said = tuple(sorted((name, value) for name, value in tags.items() if value))
    return Point(f"{PREFIX}_{what}", said, kept, at if isinstance(at, int) else micros(at) * 1000)


def _instant_of(at: datetime, alert: float) -> int:
    return micros(at) * 1000 + int(alert) % 1000


def _of(home: HomeId, **more: str) -> dict[str, str]:
    return {"site": site_of(home), "home": home, **more}


def _event(one: SensorEvent, _: datetime) -> Iterator[Point]:
    tags = _of(one.home, sensor=id_of(one.sensor), kind=one.kind.value)
    yield _point("event", one.at, tags, {"value": one.value})


def _sensor(one: SensorSight, _: datetime) -> Iterator[Point]:
    yield _point("sensor", one.at, _of(one.home, sensor=id_of(one.sensor)), {"seen": one.seen})


def _state(one: Status, _: datetime) -> Iterator[Point]:
    values: Values = {"presence": PRESENCE[one.presence], "sight": SIGHT[one.sight]}
    values |= {"blind": len(one.blind), "paused": len(one.paused)}
    yield _point("state", one.at, _of(one.home), values)


def _night(one: Summary, _: datetime) -> Iterator[Point]:
    values: Values = {"exits": one.exits, "minutes_out": one.minutes_out, "visits": one.visits}
    values["counts"] = one.left_out is None
    if one.whole:
        seen = [minutes for minutes in one.activity if minutes is not None]
        values["active_minutes"] = sum(seen) if seen else None
        if one.to_bed is not None and one.rose is not None:
            values["lain_hours"] = (one.rose - one.to_bed) / timedelta(hours=1)
        yield _point("day", one.at, _of(one.home), values)
        return
    if one.stays:
        for name, where in (("bed", Presence.BED), ("up", Presence.UP), ("away", Presence.OUT)):
            spent = sum(((stay.end - stay.start) for stay in one.stays if stay.what is where), timedelta())
            values[f"{name}_minutes"] = spent / timedelta(minutes=1)
    yield _point("night", one.at, _of(one.home), values)


def _found(one: Finding, recorded_at: datetime) -> Iterator[Point]:
    late_s = max(0.0, (recorded_at - one.at).total_seconds())
    alert = number_of(alert_of(one))
    tags = _condition(one) | {"tier": urgency(one, None).value}
    yield _point("alert", _instant_of(one.at, alert), tags, {"alert": alert, "late_s": late_s})
    yield _point("standing", one.at, _condition(one), {"stands": 1.0, "value": one.value})


def _over(one: Cleared, _: datetime) -> Iterator[Point]:
    yield _point("standing", one.at, _condition(one), {"stands": 0.0})


def _condition(one: Finding | Cleared) -> dict[str, str]:
    return _of(one.home, what=one.what.value, sensor="" if one.sensor is None else id_of(one.sensor))


def _withheld(one: Withheld, _: datetime) -> Iterator[Point]:
    yield _point("withheld", one.at, _of(one.home, what=one.what.value), {"began_s": one.since.timestamp()})


def _deed(one: Any, _: datetime) -> Iterator[Point]:
    tags = _of(one.home, deed=tag_of(one))
    if isinstance(one, Resolved):
        tags |= {"outcome": one.outcome.value, "how": one.how.value}
    elif isinstance(one, Passed):
        tags |= {"line": one.line.value}
    alert = number_of(one.alert)
    yield _point("deed", _instant_of(one.at, alert), tags, {"alert": alert})


def _counted(one: NightCounted, _: datetime) -> Iterator[Point]:
    at = _noon_after(one.night)
    yield _point("building", at, {"site": one.site}, {"homes": one.homes, "in_sight": one.in_sight})
    for row in one.rows:
        yield _figures(row, at)


def _figures(row: HomeNight, at: datetime) -> Point:
    values: Values = {
        name: getattr(row, name) for name in ("alerts", "needed", "unneeded", "technical", "visits", "remote", "near")
    }
    values["answered"] = len(row.answered_s)
    if row.answered_s:
        values |= {"answered_median_s": median(row.answered_s), "answered_longest_s": max(row.answered_s)}
    return _point("figures", at, _of(row.home), values)


def _plan(one: Plan, _: datetime) -> Iterator[Point]:
    sensors = sum(len(home.sensors) for home in one.homes)
    yield _point("plan", one.at, {"site": one.site}, {"homes": len(one.homes), "sensors": sensors})


def _noon_after(night: date) -> datetime:
    """Return how a night is dated: not by when it was counted, or two that were counted at once would be one."""
    return datetime.combine(night + timedelta(days=1), time(12), tzinfo=UTC)


_DEEDS = (
    *(Delivered, Claimed, Released, Resolved, Followed, Shelved, Unshelved, Lapsed),
    *(Passed, Exhausted, FellBack),
)
_MADE: dict[type, Callable[[Any, datetime], Iterator[Point]]] = {
    SensorEvent: _event,
    SensorSight: _sensor,
    Status: _state,
    Summary: _night,
    Finding: _found,
    Cleared: _over,
    Withheld: _withheld,
    NightCounted: _counted,
    Plan: _plan,
    **dict.fromkeys(_DEEDS, _deed),
}

_ALERT = re.compile(r"[0-9a-f]{10}")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,59}")
_SPECIAL = re.compile(r"([,= ])")


@lru_cache(maxsize=_KNOWN)
def _escaped(value: str) -> str:
    """Return a tag's value as line protocol has it.

    A line break has no escape, and a backslash at the end takes the comma that follows it for its own: neither is in
    any id of ours, and both become an underscore.
    """
    return _SPECIAL.sub(r"\\\1", re.sub(r"[\r\n\\]", "_", value))
