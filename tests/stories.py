"""A night told in lines, "02:09 bed out", and what the vigil over a home says of it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from care.homes import Site
from detectors import vigil
from detectors.findings import Finding
from detectors.homes import Home, HomeId, Kind, Limits, Night, ResidentId, RoomId, RoomKind, Sensor, SensorId, SiteId
from detectors.moments import Origin, SensorEvent
from detectors.others import SHIPPED, Others
from detectors.remembered import Vigil
from detectors.vigil import Told

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
EVENING = datetime(2026, 3, 2, 12, tzinfo=AMSTERDAM)  # a story starts at noon, so that "02:09" is the night after it

LIMITS = Limits(bath=20, bath_risen=20, still=15, still_risen=60, oob_unseen=20, oob_active=45, door=5)
"""Whatever the defaults are."""

AGREED = msgspec.structs.replace(SHIPPED, thresholds=dict.fromkeys(SHIPPED.thresholds))
"""No score is enough, and nothing is told but by the limits agreed: stories that are not about learning."""

ROOMS = {
    "slaapkamer": RoomKind.BEDROOM,
    "badkamer": RoomKind.BATHROOM,
    "gang": RoomKind.HALL,
    "woonkamer": RoomKind.LIVING,
    "keuken": RoomKind.KITCHEN,
}


def a_home(number: str = "12", *, bed: bool = True, limits: Limits | None = None, night: Night | None = None) -> Home:
    """Return a home with motion in every room, a front door contact, a button, and a bed sensor if wished."""
    sensors = [Sensor(id=SensorId(f"{number}/{room}"), kind=Kind.MOTION, room=RoomId(room)) for room in ROOMS]
    sensors.append(Sensor(id=SensorId(f"{number}/door"), kind=Kind.DOOR, room=RoomId("gang")))
    sensors.append(Sensor(id=SensorId(f"{number}/button"), kind=Kind.BUTTON, room=RoomId("slaapkamer")))
    if bed:
        sensors.append(Sensor(id=SensorId(f"{number}/bed"), kind=Kind.BED, room=RoomId("slaapkamer")))
    return Home(
        id=HomeId(f"wilg/{number}"),
        resident=ResidentId(f"r-{number}"),
        rooms={RoomId(room): kind for room, kind in ROOMS.items()},
        sensors=tuple(sensors),
        limits=limits or LIMITS,
        night=night or Night(),
    )


def a_site(*homes: Home) -> Site:
    """Return the plan of a site in which every sensor's friendly name is its id."""
    homes = homes or (a_home(),)
    return Site(
        id=SiteId("wilg"),
        name="De Wilg",
        zone="Europe/Amsterdam",
        homes=homes,
        friendly={str(sensor.id): (home.id, sensor.id) for home in homes for sensor in home.sensors},
    )


def instant(clock: str) -> datetime:
    """Return the instant of a local time "02:09" or "02:09:30" in the night of the story, in UTC."""
    hour, minute, *second = (int(part) for part in clock.split(":"))
    day = EVENING if hour >= EVENING.hour else EVENING + timedelta(days=1)
    return day.replace(hour=hour, minute=minute, second=second[0] if second else 0).astimezone(UTC)


def event(home: Home, line: str) -> SensorEvent:
    """Return what a line says: "02:09 bed out", "02:10 badkamer", "02:11 badkamer off", "02:40 door open"."""
    clock, what, *rest = line.split()
    how = rest[0] if rest else "on"
    number = home.id.partition("/")[2]
    sensor = next(one for one in home.sensors if one.id == f"{number}/{what}")
    return SensorEvent(
        at=instant(clock),
        home=home.id,
        sensor=sensor.id,
        room=sensor.room,
        kind=sensor.kind,
        value=float(how in ("on", "in", "open")),
        origin=Origin(rest[1]) if len(rest) > 1 else Origin.LIVE,
    )


def events(home: Home, lines: Iterable[str]) -> list[SensorEvent]:
    return [event(home, line) for line in lines]


def told(
    home: Home,
    moments: Sequence[SensorEvent],
    until: datetime,
    start: Vigil | None = None,
    others: Others = AGREED,
) -> list[Told]:
    """Return all that the vigil says of events that arrive when they happen, up to an instant by the clock."""
    now, said = start or Vigil(), list[Told]()
    for moment in moments:
        now, more = vigil.arrive(now, moment, moment.at, home, others)
        said += more
    _, more = vigil.advance(now, until + vigil.WINDOW, home, others)
    return [*said, *more]


def found(home: Home, *lines: str, until: str) -> list[str]:
    """Return the findings of a story as "02:29 oob-unseen", in the order in which they were told.

    Time goes on to `until`, and the window beyond it, so that all that was due by then is told.
    """
    return [brief(one) for one in findings(told(home, events(home, lines), instant(until)))]


def findings(said: Iterable[Told]) -> list[Finding]:
    return [one for one in said if isinstance(one, Finding)]


def brief(finding: Finding) -> str:
    return f"{finding.at.astimezone(AMSTERDAM):%H:%M} {finding.what}"


def same(told_once: Iterable[Told], told_again: Iterable[Told]) -> bool:
    """Whether two tellings hold the same findings, however they are ordered among equals."""
    return _bodies(told_once) == _bodies(told_again)


def _bodies(said: Iterable[Told]) -> list[bytes]:
    return sorted(msgspec.json.encode(one) for one in findings(said))
