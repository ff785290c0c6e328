"""One alert seen from one moment: what every sentence about it is made of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from care.alerts import Alert
from care.wording import ROOMS, Wording, capital
from detectors.findings import BUILDING, Finding, What
from detectors.homes import Home, Kind, Sensor, SensorId


@dataclass(frozen=True, slots=True)
class Piece:
    """One or two sentences with their values beside them, so that a page can mark the duration that still grows."""

    template: str
    values: Mapping[str, str]
    since: datetime | None = None  # {duration} counts from here for as long as it is so; None once it stands still

    def __str__(self) -> str:
        return self.template.format_map(self.values)


@dataclass(frozen=True)
class Telling:
    """One alert, seen from one moment, while its sentences are put together."""

    alert: Alert | None
    finding: Finding
    home: Home | None
    client: str
    now: datetime
    wording: Wording
    blind: tuple[SensorId, ...]  # sensors that cannot be heard
    silent_since: datetime | None  # since when the whole building cannot be heard

    @cached_property
    def closed_at(self) -> datetime | None:
        resolved = self.alert.resolved if self.alert is not None and not self.alert.open else None
        return None if resolved is None else resolved.at

    @cached_property
    def ended_at(self) -> datetime | None:
        return None if self.alert is None else ended_at(self.alert)

    @cached_property
    def until(self) -> datetime:
        stops = (self.now, self.closed_at, self.ended_at, self.silent_since)
        return min(at for at in stops if at is not None)

    @property
    def goes_on(self) -> bool:
        return self.closed_at is None and self.ended_at is None and self.silent_since is None

    def piece(self, message: str, **values: str) -> Piece:
        """Fill in what a message asks for; who it is about, since when and for how long go without saying."""
        # A name begins with a capital where it begins a sentence: "mevrouw De Vries", but "Mevrouw De Vries is op."
        template = re.sub(r"(^|[.] )\{client\}", r"\1{Client}", message)
        began = began_at(self.finding)
        said = {
            "client": self.client,
            "Client": capital(self.client),
            "since": self.wording.moment(began, self.finding.at),
            "duration": self.wording.duration(self.until - began),
            **values,
        }
        return Piece(template, said, began if self.goes_on and "{duration}" in template else None)

    @cached_property
    def its_sensor(self) -> Sensor | None:
        """The sensor that the finding is about, if the plan still has it."""
        sensors = self.home.sensors if self.home is not None else ()
        return next((one for one in sensors if one.id == self.finding.sensor), None)

    def sensor_name(self) -> str:
        return self.wording.say("sensor") if self.its_sensor is None else self.wording.sensor(self.its_sensor.kind)

    def sensor_place(self) -> str:
        return self.wording.place(self.home, None) if self.its_sensor is None else self.stands(self.its_sensor)

    def times(self, value: float) -> str:
        n = round(value)
        return self.wording.count(self.wording.words.ngettext("{n} time", "{n} times", n), n)

    def nights(self, n: int) -> str:
        return self.wording.count(self.wording.words.ngettext("{n} night", "{n} nights", n), n)

    def last_place(self) -> str:
        return self.wording.place(self.home, self.finding.last_room)

    def stands(self, sensor: Sensor) -> str:
        if sensor.kind is Kind.DOOR:
            return self.wording.say("at the front door")
        known = self.home is not None and self.home.kind_of(sensor.room) in ROOMS
        return self.wording.place(self.home, sensor.room) if known else f"({sensor.room})"


def ended_at(alert: Alert) -> datetime | None:
    """Return when the last condition of an alert was over by itself, or None while one is not."""
    return max(one.at for one in alert.cleared) if alert.over and alert.cleared else None


def began_at(finding: Finding) -> datetime:
    """Return the moment that the duration of a finding is counted from: what a person would call its beginning."""
    match finding.what:
        case What.STILL | What.DAY_INACTIVE:
            return finding.last_at or finding.since
        case What.OOB_ACTIVE | What.OOB_UNSEEN:
            return finding.episode
        case What.DOOR_LEFT | What.DOOR_ARRIVED:
            return finding.door_at or finding.since
        case _:
            return finding.since


def of_one_evening(finding: Finding) -> bool:
    """Whether a picture of the last hours shows what was found: not of weeks, and not of equipment."""
    return finding.what not in COUNTED and finding.what not in EQUIPMENT


UP = (What.BATH, What.STILL, What.OOB_UNSEEN, What.OOB_ACTIVE)
"""What is told of somebody who is out of bed at night."""

AT_NIGHT = (What.BUTTON, *UP, What.DOOR_LEFT, What.DOOR_ARRIVED)
"""What is told of a resident while the night goes on."""

COUNTED = frozenset({What.RESTLESS, What.NOCTURIA, What.SHIFT, What.DECLINE})
"""What is told once a night, or weeks, are over: it does not go on by the minute."""

ABOUT_SENSOR = frozenset({What.SENSOR_SILENT, What.SENSOR_STUCK, What.SENSOR_STORM, What.BATTERY, What.LINK_WEAK})
"""What is about one sensor, and names it."""

EQUIPMENT = ABOUT_SENSOR | {What.GATEWAY_GAP} | BUILDING
