"""Where everything of a picture stands: rooms as lanes, time to the right. Geometry only; a template draws it.

Alike on every page: filled is seen, hatched is no sight, dashed is "could see, saw nothing", one line is now. What
the centre knows stops at the finding; from there it only hears whether the condition still holds. So nothing is
drawn after it but the silence that makes the condition, for as long as that goes on.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from care.alerts import Alert
from care.telling import UP, began_at, ended_at
from care.wording import Wording
from detectors.findings import Finding, Mark, What
from detectors.homes import WASHING, Home, Kind, RoomId, RoomKind, Sensor, SensorId

_ORDER = (
    RoomKind.BEDROOM,
    RoomKind.BATHROOM,
    RoomKind.TOILET,
    RoomKind.LANDING,
    RoomKind.HALL,
    RoomKind.KITCHEN,
    RoomKind.LIVING,
    RoomKind.OTHER,
    RoomKind.OUTSIDE,
)
_STEPS_MIN = (5, 10, 15, 30, 60, 120)  # minutes between two figures under a picture
_TIMES_NAMED_MAX = 3  # in the description: more times than this are told as a stretch


@dataclass(frozen=True, slots=True)
class Size:
    """How large a picture is, in its own units, and how far back it goes."""

    width: float
    label: float  # room for the names of the lanes; 0 leaves them out
    lane: float
    gap: float
    top: float  # room for words above the lanes; little of it means no words
    bottom: float
    hours: int  # figures under it at most
    recent: bool  # only what led to the alert, not all that was seen
    longest: timedelta  # time shown at most
    places: bool = False  # only the rooms that the alert speaks of
    ahead: float = 1 / 8  # room to the right of now, as a share of the time shown


CARD = Size(372, 78, lane=16, gap=4, top=2, bottom=19, hours=5, recent=True, longest=timedelta(hours=1), places=True)
WHOLE = Size(
    500, 104, lane=28, gap=7, top=24, bottom=26, hours=6, recent=False, longest=timedelta(hours=6), ahead=1 / 40
)
CLOSE = Size(400, 0, lane=28, gap=7, top=24, bottom=26, hours=5, recent=True, longest=timedelta(hours=2))
SINGLE = Size(900, 104, lane=28, gap=7, top=24, bottom=26, hours=9, recent=False, longest=timedelta(hours=6))
PHONE = Size(372, 92, lane=22, gap=6, top=22, bottom=22, hours=4, recent=True, longest=timedelta(hours=2))
PHONE_WHOLE = Size(
    372, 92, lane=12, gap=4, top=22, bottom=22, hours=4, recent=False, longest=timedelta(hours=6), ahead=1 / 40
)
_SHORTEST = timedelta(minutes=45)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a lane: `bed` and `open` were seen; `silent` could be seen and was not; `blind`, `partly` could not."""

    look: str
    x: float
    width: float
    grows: bool = False  # reaches to now, and goes on with it


@dataclass(frozen=True, slots=True)
class Tick:
    """One thing seen at one moment: `move`, `door` or `button`; hot when it belongs to the alert."""

    look: str
    x: float
    hot: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """One room, the bed or the front door."""

    name: str
    y: float
    stretches: tuple[Stretch, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """All that a template needs to draw; every x lies between left and right."""

    size: Size
    height: float
    left: float
    right: float
    start: datetime
    end: datetime
    lanes: tuple[Lane, ...]
    hours: tuple[tuple[float, str], ...]
    usual: tuple[float, float] | None  # where such an episode mostly begins and ends here, if that is learned
    raised: tuple[float, str]  # when it was told
    now: tuple[float, str]
    moving: bool  # whether now goes on; not once the alert is over or closed
    since: str  # the left edge, in words
    title: str
    description: str


def draw(
    alert: Alert,
    home: Home,
    *,
    now: datetime,
    wording: Wording,
    size: Size = SINGLE,
    blind: Iterable[SensorId] = (),
    silent_since: datetime | None = None,
) -> Picture:
    """Lay out what was seen around an alert.

    Parameters
    ----------
    blind : sensors that cannot be heard at this moment, besides those of the findings.
    silent_since : since when the whole building cannot be heard; None while it can.
    """
    return _Drawer(alert, home, now, wording, size, frozenset(blind), silent_since).picture()


class _Drawer:
    def __init__(  # noqa: PLR0917  # called once, just above
        self,
        alert: Alert,
        home: Home,
        now: datetime,
        wording: Wording,
        size: Size,
        blind: frozenset[SensorId],
        silent_since: datetime | None,
    ) -> None:
        self.alert, self.home, self.wording, self.size = alert, home, wording, size
        self.main = alert.main
        self.blind = blind.union(*(finding.blind for finding in alert.findings[-1:]))
        self.silent_since = silent_since
        stops = [alert.resolved.at] if alert.resolved is not None and not alert.open else []
        stops += [at for at in [ended_at(alert)] if at is not None]
        self.moving = not stops
        self.now = max(min([now, *stops]), self.main.at)
        pressed = {Mark(one.since, one.room, Kind.BUTTON, 1.0) for one in alert.findings if one.room and _calls(one)}
        told = [mark for finding in alert.findings for mark in finding.window]
        # Windows overlap. Of two marks at one instant the later told stays behind: it is how things were left.
        marks = list(dict.fromkeys([*pressed, *reversed(told)]))
        marks.reverse()
        marks.sort(key=lambda mark: mark.at)
        self.start = self._start(marks)
        # Room to the right, so that the page can move the line of now without asking for a new picture.
        self.end = self.now + (self.now - self.start) * size.ahead if self.moving else self.now
        self.marks = [mark for mark in marks if self.start <= mark.at <= self.now]

    def picture(self) -> Picture:
        size = self.size
        lanes = tuple(
            self._lane(name, sensors, size.top + row * (size.lane + size.gap))
            for row, (name, sensors) in enumerate(self._rows())
        )
        return Picture(
            size=size,
            height=size.top + len(lanes) * (size.lane + size.gap) - size.gap + size.bottom,
            left=size.label,
            right=size.width,
            start=self.start,
            end=self.end,
            lanes=lanes,
            hours=tuple(self._hours()),
            usual=self._usual(),
            raised=(self._x(self.alert.raised_at), self.wording.time(self.alert.raised_at)),
            now=(self._x(self.now), self.wording.time(self.now)),
            moving=self.moving,
            since=self.wording.say("since {time}").format(time=self.wording.time(self.start)),
            title=self.wording.say("What was seen since {start}, room by room").format(
                start=self.wording.time(self.start)
            ),
            description=" ".join(self._described()),
        )

    def _start(self, marks: list[Mark]) -> datetime:
        led_to_it = self._from - timedelta(minutes=5)
        first = min([led_to_it, *(mark.at - timedelta(minutes=2) for mark in marks)])
        wanted = min(self.now - _SHORTEST, led_to_it if self.size.recent else first)
        return max(wanted, self.now - self.size.longest)

    @property
    def _usually_until(self) -> datetime | None:
        """Until when such an episode mostly lasts here, from when this one began."""
        main = self.main
        if not main.nights or main.usual is None or main.what not in {*UP, What.DAY_INACTIVE}:
            return None
        until = began_at(main) + timedelta(minutes=main.usual)
        return until if until > self.start else None

    def _usual(self) -> tuple[float, float] | None:
        """Return where the usual is drawn: left edge and width."""
        until = self._usually_until
        if until is None:
            return None
        x = self._x(began_at(self.main))
        return x, round(max(1.0, self._x(until) - x), 1)

    def _x(self, at: datetime) -> float:
        share = (at - self.start) / (self.end - self.start)
        left, right = self.size.label, self.size.width
        return round(left + (right - left) * min(1.0, max(0.0, share)), 1)

    def _hours(self) -> Iterator[tuple[float, str]]:
        span_min = (self.end - self.start).total_seconds() / 60
        step = next((one for one in _STEPS_MIN if span_min / one <= self.size.hours), _STEPS_MIN[-1])
        local = self.start.astimezone(self.wording.zone).replace(minute=0, second=0, microsecond=0)
        at = local.astimezone(self.start.tzinfo)
        while at < self.end:
            # The half step keeps a figure off the edges, where it would stick out.
            if self.start + timedelta(minutes=step / 3) <= at <= self.end - timedelta(minutes=step / 3):
                yield self._x(at), f"{at.astimezone(self.wording.zone):%H:%M}"
            at += timedelta(minutes=step)

    def _rows(self) -> list[tuple[str, tuple[Sensor, ...]]]:
        """Return bed, rooms and front door as lanes, each with the sensors that see it."""
        sensors = self.home.sensors
        beds = tuple(sensor for sensor in sensors if sensor.kind is Kind.BED)
        doors = tuple(sensor for sensor in sensors if sensor.kind is Kind.DOOR)
        in_rooms = [sensor for sensor in sensors if sensor.kind not in {Kind.BED, Kind.DOOR}]
        rooms = sorted(
            dict.fromkeys(one.room for one in in_rooms), key=lambda room: _ORDER.index(self.home.kind_of(room))
        )
        if self.size.places:
            rooms = [room for room in rooms if room in self._places()] or rooms[:1]
        rows = [(self.wording.say("Bed"), beds)] if beds else []
        rows += [(self.wording.room(self.home, room), tuple(s for s in in_rooms if s.room == room)) for room in rooms]
        if doors and (not self.size.places or self.main.what in {What.DOOR_LEFT, What.DOOR_ARRIVED}):
            rows.append((self.wording.say("Front door"), doors))
        return rows

    def _places(self) -> set[RoomId | None]:
        return {self.main.room, self.main.last_room} - {None}

    def _lane(self, name: str, sensors: tuple[Sensor, ...], y: float) -> Lane:
        kinds = {sensor.kind for sensor in sensors}
        if kinds == {Kind.BED}:
            stretches = list(self._in_bed())
        elif kinds == {Kind.DOOR}:
            stretches = list(self._door_open())
        else:
            stretches = list(self._saw_nothing(sensors))
        marks = [mark for mark in self.marks if _of(sensors)(mark)]
        stretches += self._no_sight(sensors, marks)
        ticks = tuple(self._tick(mark) for mark in marks if mark.value and mark.kind is not Kind.BED)
        return Lane(name, y, tuple(stretches), ticks)

    def _tick(self, mark: Mark) -> Tick:
        look = {Kind.DOOR: "door", Kind.BUTTON: "button"}.get(mark.kind, "move")
        return Tick(look, self._x(mark.at), hot=mark.at >= self._from)

    @property
    def _from(self) -> datetime:
        """From when on what was seen belongs to the alert: of who is not up, not the whole night before it."""
        return began_at(self.main) if self.main.what in {What.LATE_RISE, What.DAY_INACTIVE} else self.main.episode

    def _stretch(self, look: str, start: datetime, end: datetime | None) -> Stretch:
        """Lay one stretch; without an end it reaches to now and goes on."""
        x = self._x(start)
        return Stretch(look, x, round(max(0.0, self._x(end or self.now) - x), 1), grows=end is None and self.moving)

    def _in_bed(self) -> Iterator[Stretch]:
        """Bed occupied: from mark to mark, and from the left edge if what was seen before it, or first, says so."""
        beds = [mark for mark in self.marks if mark.kind is Kind.BED]
        if not beds and self.main.what in UP:
            yield self._stretch("bed", self.start, self.main.episode)
            return
        earlier = [mark for mark in self.main.window if mark.kind is Kind.BED and mark.at < self.start]
        from_start = bool(earlier[-1].value) if earlier else bool(beds) and not beds[0].value
        since = self.start if from_start else None
        for mark in beds:
            if mark.value and since is None:
                since = mark.at
            elif not mark.value and since is not None:
                yield self._stretch("bed", since, mark.at)
                since = None
        if since is not None:  # occupied when it was told; what came after is not known here
            yield self._stretch("bed", since, max(since, self.main.at))

    def _door_open(self) -> Iterator[Stretch]:
        since: datetime | None = None
        for mark in self.marks:
            if mark.kind is Kind.DOOR and mark.value and since is None:
                since = mark.at
            elif mark.kind is Kind.DOOR and not mark.value and since is not None:
                yield self._stretch("open", since, mark.at)
                since = None

    def _saw_nothing(self, sensors: tuple[Sensor, ...]) -> Iterator[Stretch]:
        """Yield the silence that makes the alert, in the lanes that could have broken it."""
        room = sensors[0].room
        seeing = any(sensor.id not in self.blind for sensor in sensors)
        inside = self.home.kind_of(room) is not RoomKind.OUTSIDE
        here = {
            What.BATH: room == self.main.room or (self.main.room is None and self.home.kind_of(room) in WASHING),
            What.STILL: room == self.main.last_room,
            What.OOB_UNSEEN: inside,
            What.DOOR_LEFT: inside,
            What.DAY_INACTIVE: inside,
            What.LATE_RISE: inside and self.home.kind_of(room) is not RoomKind.BEDROOM,
        }.get(self.main.what, False)
        if not (here and seeing):
            return
        last = max((mark.at for mark in self.marks if _of(sensors)(mark)), default=began_at(self.main))
        yield self._stretch("silent", max(last, began_at(self.main), self.start), self.silent_since)

    def _no_sight(self, sensors: tuple[Sensor, ...], marks: list[Mark]) -> Iterator[Stretch]:
        """No sight: from the last thing a lane saw, for since when it is silent the centre is not told."""
        unheard = [sensor for sensor in sensors if sensor.id in self.blind]
        if unheard:
            look = "blind" if len(unheard) == len(sensors) else "partly"
            yield self._stretch(look, max([self.start, *(mark.at for mark in marks)]), None)
        elif self.silent_since is not None and self.silent_since < self.now:
            yield self._stretch("blind", max(self.start, self.silent_since), None)

    def _described(self) -> Iterator[str]:
        say, time = self.wording.say, self.wording.time
        if self._usually_until is not None:
            yield say("Usually it is over by {time}.").format(time=time(self._usually_until))
        for name, sensors in self._rows():
            seen = [time(mark.at) for mark in self.marks if _of(sensors)(mark) and mark.value]
            if sensors[0].kind is Kind.BED:
                if self.main.what in UP:
                    yield say("Bed empty since {left}.").format(left=time(self.main.episode))
            elif not seen:
                yield say("{room}: nothing seen.").format(room=name)
            elif len(dict.fromkeys(seen)) <= _TIMES_NAMED_MAX:
                yield say("{room}: seen at {times}.").format(room=name, times=", ".join(dict.fromkeys(seen)))
            else:
                yield say("{room}: last seen at {last}.").format(room=name, last=seen[-1])
            if any(sensor.id in self.blind for sensor in sensors):
                yield say("{room}: no sight, or not all of it.").format(room=name)


def _calls(finding: Finding) -> bool:
    """Whether a finding is itself what was seen: a press that is told at once is in no window yet."""
    return finding.what is What.BUTTON


def _of(sensors: tuple[Sensor, ...]) -> Callable[[Mark], bool]:
    """Tell whether a mark came from one of these sensors; marks name room and kind, not the sensor."""
    pairs = {(sensor.room, sensor.kind) for sensor in sensors}
    return lambda mark: (mark.room, mark.kind) in pairs
