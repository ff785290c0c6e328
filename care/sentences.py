"""What the desk says of an alert, in words. Every sentence is a function of records and a moment.

A sentence says what was seen, what was agreed, what cannot be seen and what else it could be, in that order; a piece
that is not known is left out. Sensors see motion, beds and doors: never sleep, falls or moods, so neither do we.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from care.alerts import Alert, State, Tier
from care.language import mark, words
from care.records import CENTRE, How, Outcome, site_of
from care.sights import Why
from detectors.coverage import rests_on
from detectors.findings import BUILDING, Finding, Perhaps, Presence, Sight, What
from detectors.homes import WASHING, Home, HomeId, Kind, RoomId, RoomKind, Sensor, SensorId, is_building

KNOWN_AFTER = 14  # nights from which on what is usual is this home's own
BLIND_NAMED_MAX = 3  # more sensors than this are counted, not named one by one
TITLE_MAX = 32  # characters
_DAY_MIN = 24 * 60

_CLOCK_CHANGE_AHEAD = timedelta(hours=12)

_ROOMS: dict[RoomKind, tuple[str, str]] = {
    RoomKind.BATHROOM: (mark("bathroom"), mark("in the bathroom")),
    RoomKind.TOILET: (mark("toilet"), mark("in the toilet")),
    RoomKind.BEDROOM: (mark("bedroom"), mark("in the bedroom")),
    RoomKind.LIVING: (mark("living room"), mark("in the living room")),
    RoomKind.KITCHEN: (mark("kitchen"), mark("in the kitchen")),
    RoomKind.HALL: (mark("hall"), mark("in the hall")),
    RoomKind.LANDING: (mark("landing"), mark("on the landing")),
    RoomKind.OUTSIDE: (mark("outside"), mark("outside")),
}
"""Every room as a noun and as a place: Dutch prepositions follow the room, so the two are never glued together."""

_SENSORS: dict[Kind, str] = {
    Kind.BED: mark("bed sensor"),
    Kind.DOOR: mark("door sensor"),
    Kind.MOTION: mark("motion sensor"),
    Kind.USE: mark("usage sensor"),
    Kind.BUTTON: mark("help button"),
}

_TITLES: dict[What, str] = {
    What.BATH: mark("Long {in_room}"),
    What.STILL: mark("Out of bed, no motion seen"),
    What.OOB_ACTIVE: mark("Still up, not back in bed"),
    What.OOB_UNSEEN: mark("Out of bed, nothing seen since"),
    What.DOOR_LEFT: mark("Probably went outside"),
    What.DOOR_ARRIVED: mark("Someone may have come in"),
    What.BUTTON: mark("Help call: button pressed"),
    What.DAY_INACTIVE: mark("No motion for long by day"),
    What.LATE_RISE: mark("Not up yet, later than usual"),
    What.RESTLESS: mark("Restless night"),
    What.NOCTURIA: mark("More toilet visits at night"),
    What.SHIFT: mark("Other bedtimes"),
    What.DECLINE: mark("Less motion, or less regular"),
    What.SENSOR_SILENT: mark("Sensor sends nothing"),
    What.SENSOR_STUCK: mark("Sensor is stuck"),
    What.SENSOR_STORM: mark("Sensor sends too much"),
    What.GATEWAY_GAP: mark("No sight of this home"),
    What.BATTERY: mark("Battery almost empty"),
    What.LINK_WEAK: mark("Sensor has poor range"),
    What.BUILDING_SILENT: mark("Building is silent"),
    What.BROKER_LOST: mark("Gateway hears no sensors"),
    What.BRIDGE_LOST: mark("Receiver of sensors is gone"),
    What.CLOCK_STEP: mark("Clock of the building jumped"),
    What.DISK: mark("Gateway can hardly store"),
    What.JOURNAL: mark("Logbook of gateway damaged"),
    What.PROOF: mark("Test alert did not arrive"),
}

_COULD_ALSO: dict[What, tuple[str, ...]] = {
    What.BATH: (mark("sitting quietly"), mark("a long wash"), mark("small movements missed")),
    What.STILL: (mark("sitting still"), mark("asleep on couch or chair"), mark("back in bed unnoticed")),
    What.OOB_ACTIVE: (mark("cannot sleep"), mark("up early"), mark("a visitor")),
    What.OOB_UNSEEN: (
        mark("sitting on the edge of the bed"),
        mark("return missed by the bed sensor"),
        mark("motion sensor silent"),
    ),
    What.DOOR_LEFT: (mark("a smoke or taking out rubbish"), mark("a visitor left"), mark("quietly inside")),
    What.DOOR_ARRIVED: (mark("a colleague on the round"), mark("family with a key"), mark("{client} came home")),
    What.BUTTON: (mark("by accident"), mark("walk test")),
    What.DAY_INACTIVE: (mark("a nap"), mark("left without the door being seen")),
    What.LATE_RISE: (mark("sleeping in"), mark("late to bed"), mark("up unnoticed"), mark("not at home")),
    What.RESTLESS: (mark("heat"), mark("a visitor"), mark("something on the bed")),
    What.NOCTURIA: (mark("more to drink in the evening"), mark("other medicine"), mark("a guest")),
    What.SHIFT: (mark("other activities by day"), mark("holiday"), mark("the change of the clock")),
    What.DECLINE: (mark("away more often"), mark("sensor moved"), mark("another season")),
    What.SENSOR_SILENT: (mark("battery empty"), mark("come loose or moved"), mark("out of range")),
    What.SENSOR_STUCK: (mark("sensor broken"), mark("come loose or moved")),
    What.SENSOR_STORM: (mark("loose contact"), mark("sensor broken")),
    What.GATEWAY_GAP: (mark("power off"), mark("connection gone"), mark("gateway broken"), mark("nobody at home")),
    What.BATTERY: (mark("cold"), mark("poor range")),
    What.LINK_WEAK: (mark("come loose or moved"), mark("something in between"), mark("battery empty")),
    What.BUILDING_SILENT: (mark("power off"), mark("connection gone"), mark("gateway broken")),
    What.BROKER_LOST: (mark("being restarted"), mark("gateway broken")),
    What.BRIDGE_LOST: (mark("being restarted"), mark("plug pulled out"), mark("receiver broken")),
    What.CLOCK_STEP: (mark("connection was gone for long"), mark("power was off")),
    What.DISK: (mark("memory card worn out"),),
    What.JOURNAL: (mark("power was off"), mark("memory card worn out")),
    What.PROOF: (mark("being restarted"), mark("slow connection"), mark("gateway broken")),
}

_STUCK_BED = (mark("{client} is still in bed, so look there first"), mark("something heavy on the bed"))

_PERHAPS: dict[Perhaps, tuple[str, ...]] = {
    Perhaps.OTHERS: (mark("somebody else inside"), "a visitor"),
    Perhaps.RISING: (mark("getting up for the day"), "up early"),
    Perhaps.RETURNED: ("back in bed unnoticed",),
    Perhaps.SENSOR: (mark("a sensor that sends nothing"), "motion sensor silent"),
}
"""What the home itself tells of what else it could be, and after it what that says better than the general list."""

_RARER: dict[What, str] = {
    What.BATH: mark("Longer than in {n} of {all} nights in homes like this one."),
    What.STILL: "Longer than in {n} of {all} nights in homes like this one.",
    What.OOB_UNSEEN: "Longer than in {n} of {all} nights in homes like this one.",
    What.OOB_ACTIVE: "Longer than in {n} of {all} nights in homes like this one.",
    What.DOOR_LEFT: "Longer than in {n} of {all} nights in homes like this one.",
    What.DAY_INACTIVE: mark("Longer than on {n} of {all} days in homes like this one."),
    What.LATE_RISE: mark("Later than on {n} of {all} mornings in homes like this one."),
    What.RESTLESS: mark("Out of bed more often or for longer than in {n} of {all} nights in homes like this one."),
}
"""How rare it is elsewhere, for the kinds of which that means something to a person."""

_COUNTED = frozenset({What.RESTLESS, What.NOCTURIA, What.SHIFT, What.DECLINE})
"""What is told once a night, or weeks, are over: it does not go on by the minute."""

ABOUT_SENSOR = frozenset({What.SENSOR_SILENT, What.SENSOR_STUCK, What.SENSOR_STORM, What.BATTERY, What.LINK_WEAK})
"""What is about one sensor, and names it."""

EQUIPMENT = ABOUT_SENSOR | {What.GATEWAY_GAP} | BUILDING
"""What is about the equipment, and not about a person."""

TIERS: dict[Tier, str] = {
    Tier.ACUTE: mark("Now"),
    Tier.SOON: mark("Soon"),
    Tier.REVIEW: mark("Morning"),
    Tier.TECHNICAL: mark("Technical"),
}
"""When to act, in a word; never a colour, never high or low."""

STATES: dict[State, str] = {
    State.RAISED: mark("new"),
    State.DELIVERED: mark("shown"),
    State.CLAIMED: mark("claimed"),
    State.RETURNED: mark("over by itself, not seen yet"),
    State.RESOLVED: mark("closed"),
}

OUTCOMES: dict[Outcome, str] = {
    Outcome.HELPED: mark("Help given"),
    Outcome.REASSURED: mark("Reassured"),
    Outcome.NOT_NEEDED: mark("Not needed"),
    Outcome.TECHNICAL: mark("Technical"),
}

HOW_WORDS: dict[How, str] = {
    How.ON_SITE: mark("at the client's home"),
    How.VIDEO: mark("by video"),
    How.PHONE: mark("by phone"),
    How.FAMILY: mark("by family or a friend"),
    How.DOCTOR: mark("called the doctor"),
    How.EMERGENCY: mark("called 112"),
    How.CLIENT_SAID: mark("the client chose “I am fine”"),
    How.USUAL: mark("usual for this client"),
    How.VISITOR: mark("visitor or colleague inside"),
    How.ACCIDENT: mark("by accident"),
    How.AWAY: mark("the client was out"),
    How.SENSOR: mark("sensor"),
    How.BATTERY: mark("battery"),
    How.LINK: mark("connection"),
    How.SETTING: mark("wrong setting"),
}

PRESENCES: dict[Presence, str] = {
    Presence.BED: mark("Bed"),
    Presence.UP: mark("Up"),
    Presence.OUT: mark("Away"),
    Presence.UNKNOWN: mark("Unknown"),
}
"""Where the resident is, in one word of a tile."""

SIGHTS: dict[Sight, str] = {
    Sight.WATCHED: mark("in sight"),
    Sight.PARTLY: mark("Partly"),
    Sight.BLIND: mark("No sight"),
    Sight.PAUSED: mark("Paused"),
}

WHYS: dict[Why, str] = {
    Why.BUILDING: mark("building not heard"),
    Why.BROKER: mark("gateway hears no sensors"),
    Why.BRIDGE: mark("receiver of the sensors is gone"),
    Why.HOME: mark("nothing is heard of this home"),
    Why.STUCK: mark("sensor is stuck"),
    Why.SENSOR: mark("sensor is silent"),
    Why.PAUSED: mark("paused by the client"),
    Why.UNKNOWN: mark("nothing told yet"),
}
"""Why a home is not, or not wholly, in sight."""

KINDS: dict[What, str] = {**_TITLES, What.BATH: mark("Long in the bathroom or toilet")}
"""Each kind of alert by itself, of no home in particular."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One or two sentences with their values beside them, so that a page can mark the duration that still grows."""

    template: str
    values: Mapping[str, str]
    since: datetime | None = None  # {duration} counts from here for as long as it is so; None once it stands still

    def __str__(self) -> str:
        return self.template.format_map(self.values)


@dataclass(frozen=True, slots=True)
class Sentence:
    """What the desk says of one alert, in the order in which it is read."""

    title: str  # at most `TITLE_MAX` characters; holds no name
    seen: tuple[Piece, ...]
    usual: tuple[Piece, ...]  # what is usual for this home, and how little that may rest on
    agreement: Piece | None
    no_sight: tuple[Piece, ...]
    door: Piece | None
    late: Piece | None
    could_also: Piece | None

    @property
    def certainty(self) -> tuple[Piece, ...]:
        """What stands between what was seen and what else it could be."""
        pieces = (*self.usual, self.agreement, *self.no_sight, self.door, self.late)
        return tuple(piece for piece in pieces if piece is not None)

    def __str__(self) -> str:
        ending = () if self.could_also is None else (self.could_also,)
        return " ".join(str(piece) for piece in (*self.seen, *self.certainty, *ending))


class Wording:
    """How times, durations, places and names are said in one language, by the clocks of one zone."""

    def __init__(self, language: str, zone: str = "Europe/Amsterdam") -> None:
        self.language = "en" if language == "en" else "nl"
        self.zone = ZoneInfo(zone)
        self.words = words(self.language)

    def say(self, message: str) -> str:
        """Say a message in the reader's language."""
        return self.words.gettext(message)

    def time(self, at: datetime) -> str:
        """Say the minute of a moment: 02:14, and which of the two in the hour that a long night has twice.

        >>> Wording("nl").time(datetime.fromisoformat("2026-10-25T01:14:00+00:00"))
        '02:14 (wintertijd)'
        """
        local = at.astimezone(self.zone)
        clock = f"{local:%H:%M}"
        if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
            return clock
        return (self.say("{time} (summer time)") if local.dst() else self.say("{time} (winter time)")).format(
            time=clock
        )

    def date(self, at: datetime) -> str:
        """Say the day of a moment in short: di 3 mrt."""
        from babel.dates import format_date  # for people's screens only: the daemon in the building does without

        return format_date(at.astimezone(self.zone).date(), "EEE d MMM", locale=self.language)

    def moment(self, at: datetime, now: datetime) -> str:
        """Say the minute, with its day before it when that is more than half a day ago."""
        return self.time(at) if now - at < timedelta(hours=12) else f"{self.date(at)} {self.time(at)}"

    def night(self, now: datetime) -> str:
        """Say which night it is, by its two dates; a night runs from noon to noon."""
        from babel.dates import format_date

        first = (now.astimezone(self.zone) - timedelta(hours=12)).date()
        said = (format_date(day, "EEEE d MMMM", locale=self.language) for day in (first, first + timedelta(days=1)))
        return self.say("night of {first} to {second}").format(first=next(said), second=next(said))

    def clock_change(self, now: datetime) -> str | None:
        """Say that the coming night is an hour short, from half a day before it; None on every other night."""
        ahead = now + _CLOCK_CHANGE_AHEAD
        if not self._offset(ahead) > self._offset(now):
            return None
        low, high = 0, int(_CLOCK_CHANGE_AHEAD.total_seconds() // 60) + 1
        while high - low > 1:  # the minute in which the offset changes lies between
            middle = (low + high) // 2
            changed = self._offset(now + timedelta(minutes=middle)) > self._offset(now)
            low, high = (low, middle) if changed else (middle, high)
        after = (now + timedelta(minutes=high)).astimezone(self.zone).replace(minute=0)
        before = after - (self._offset(after) - self._offset(now))
        return self.say("Tonight the clock goes from {before} to {after}. The shift is an hour shorter.").format(
            before=f"{before:%H:%M}", after=f"{after:%H:%M}"
        )

    def duration(self, span: timedelta) -> str:
        """Say how long something took, rounded down: never more than was.

        >>> Wording("en").duration(timedelta(hours=1, minutes=5, seconds=59)).replace(chr(160), " ")
        '1 hour and 5 minutes'
        """
        minutes = max(0, int(span.total_seconds() // 60))
        hours, rest = divmod(minutes, 60)
        if minutes < 1:
            return self.say("less than 1\u00a0minute")
        if hours >= 48:  # noqa: PLR2004  # two days: from there hours no longer tell anything
            days = minutes // _DAY_MIN
            return self.count(self.words.ngettext("{n} day", "{n} days", days), days)
        said_hours = self.count(self.words.ngettext("{n} hour", "{n} hours", hours), hours)
        said_minutes = self.count(self.words.ngettext("{n} minute", "{n} minutes", rest), rest)
        if hours < 1:
            return said_minutes
        if rest == 0 or hours >= 10:  # noqa: PLR2004  # minutes say nothing beside ten hours
            return said_hours
        return self.say("{hours} and {minutes}").format(hours=said_hours, minutes=said_minutes)

    def short(self, span: timedelta) -> str:
        """Say a duration on a tile: 24 min, 1 u 05, 14 u, 3 d."""
        minutes = max(0, int(span.total_seconds() // 60))
        hours, rest = divmod(minutes, 60)
        if hours < 1:
            return self.count(self.say("{n} min"), minutes)
        if hours >= 48:  # noqa: PLR2004
            return self.count(self.say("{n} d"), minutes // _DAY_MIN)
        if hours >= 10:  # noqa: PLR2004
            return self.count(self.say("{n} h"), hours)
        return _glued(self.say("{hours} h {minutes}").format(hours=hours, minutes=f"{rest:02}"))

    def count(self, template: str, n: int) -> str:
        """Fill a number in and tie it to its unit, so that no line breaks between the two."""
        return _glued(template.format(n=n))

    def number(self, value: float) -> str:
        """Say a number with one decimal, as the language writes it: 2,5.

        >>> Wording("nl").number(2.46)
        '2,5'
        """
        from babel.numbers import format_decimal

        return format_decimal(value, format="0.0", locale=self.language)

    def place(self, home: Home | None, room: RoomId | None) -> str:
        """Say where: in de badkamer, op de wc; "somewhere in the home" for a room whose kind is not known."""
        kind = home.kind_of(room) if home is not None else RoomKind.OTHER
        return self.say(_ROOMS[kind][1]) if kind in _ROOMS else self.say("somewhere in the home")

    def room(self, home: Home, room: RoomId) -> str:
        """Name a room: by its kind, or as the plan calls it where the kind does not tell it from the others."""
        kind = home.kind_of(room)
        alone = Counter(home.rooms.values())[kind] == 1
        named = self.say(_ROOMS[kind][0]) if kind in _ROOMS and alone else room.replace("-", " ").replace("_", " ")
        return _capital(named)

    def sensor(self, kind: Kind) -> str:
        """Name a kind of sensor."""
        return self.say(_SENSORS[kind])

    def home(self, home_id: str) -> str:
        """Name a home by its number: woning 12; or the building, where it is about all of it."""
        if is_building(HomeId(home_id)):
            return self.say("every building") if site_of(HomeId(home_id)) == CENTRE else self.say("the whole building")
        return _glued(self.say("home {number}").format(number=home_id.partition("/")[2] or home_id))

    def either(self, reasons: list[str]) -> str:
        """Join reasons as the language does: a, b of c."""
        from babel.lists import format_list

        return format_list(reasons, style="or", locale=self.language)

    def every(self, things: list[str]) -> str:
        """Join things as the language does: a, b en c."""
        from babel.lists import format_list

        return format_list(things, locale=self.language)

    def title(self, finding: Finding, home: Home | None) -> str:
        """Say in at most `TITLE_MAX` characters what is the matter; safe to show where anybody can read it."""
        if finding.what is What.BUILDING_SILENT and finding.count > 0:
            return self.say("Sight lost, someone may be up")
        if finding.what is What.BUILDING_SILENT and site_of(finding.home) == CENTRE:
            return self.say("The centre hears no building")
        return self.say(_TITLES[finding.what]).format(in_room=_washing_place(self, finding, home))

    def _offset(self, at: datetime) -> timedelta:
        return at.astimezone(self.zone).utcoffset() or timedelta()


def tell(
    about: Alert | Finding,
    home: Home | None,
    client: str | None,
    *,
    now: datetime,
    wording: Wording,
    blind: tuple[SensorId, ...] | None = None,
    silent_since: datetime | None = None,
) -> Sentence:
    """Say what the desk must know of an alert, or of a finding by itself.

    Parameters
    ----------
    home : the home by today's plan; None if the plan no longer has it, and then no room is named.
    client : the name the resident likes; None if it is not known, and then no name is used.
    now : durations that still grow are counted up to here.
    blind : the sensors that cannot be heard at this moment, if that is known; else those of the finding.
    silent_since : since when the whole building cannot be heard; what is said then stands still at that moment.
    """
    alert = about if isinstance(about, Alert) else None
    finding = about.main if isinstance(about, Alert) else about
    return _Teller(
        alert=alert,
        finding=finding,
        home=home,
        client=client or wording.say("the client"),
        now=now,
        wording=wording,
        blind=finding.blind if blind is None else blind,
        silent_since=silent_since,
    ).sentence()


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
    return finding.what not in _COUNTED and finding.what not in EQUIPMENT


UP = (What.BATH, What.STILL, What.OOB_UNSEEN, What.OOB_ACTIVE)
"""What is told of somebody who is out of bed at night."""

_AGREED = (*UP, What.DOOR_LEFT, What.DAY_INACTIVE)
"""Whose limit stands in the care plan."""


@dataclass(frozen=True)
class _Teller:
    """One alert, seen from one moment, while its sentence is put together."""

    alert: Alert | None
    finding: Finding
    home: Home | None
    client: str
    now: datetime
    wording: Wording
    blind: tuple[SensorId, ...]
    silent_since: datetime | None

    def sentence(self) -> Sentence:
        return Sentence(
            title=self.wording.title(self.finding, self.home),
            seen=(*self._of_sensor(), *(self._past() or (*self._as_of(), *self._seen()))),
            usual=tuple(self._usual()),
            agreement=self._agreement(),
            no_sight=(*self._no_sight(), *self._no_bed_sensor()),
            door=self._door(),
            late=self._late(),
            could_also=self._could_also(),
        )

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

    def _piece(self, message: str, **values: str) -> Piece:
        # A name begins with a capital where it begins a sentence: "mevrouw De Vries", but "Mevrouw De Vries is op."
        template = re.sub(r"(^|[.] )\{client\}", r"\1{Client}", message)
        began = began_at(self.finding)
        said = {
            "client": self.client,
            "Client": _capital(self.client),
            "since": self.wording.moment(began, self.finding.at),
            "duration": self.wording.duration(self.until - began),
            **values,
        }
        return Piece(template, said, began if self.goes_on and "{duration}" in template else None)

    def _past(self) -> tuple[Piece, ...]:
        # Of somebody who came in, what was seen is past from the first.
        if self.ended_at is None or self.finding.what is What.DOOR_ARRIVED or self.finding.what in _COUNTED:
            return ()
        until = self.wording.moment(self.ended_at, began_at(self.finding))
        if self.finding.what is What.LATE_RISE:
            said = self.wording.say("At {until} this was over by itself: {duration} later than usual.")
            return (self._piece(said, until=until),)
        said = self.wording.say("This began at {since} and lasted {duration}. At {until} it was over by itself.")
        return (self._piece(said, until=until),)

    def _as_of(self) -> tuple[Piece, ...]:
        if self.closed_at is not None:
            said = self.wording.say("This is how it stood when it was closed, at {closed}.")
            return (self._piece(said, closed=self.wording.time(self.closed_at)),)
        if self.silent_since is not None:
            said = self.wording.say("This is how it stood at {heard}, when the building was last heard.")
            return (self._piece(said, heard=self.wording.time(self.silent_since)),)
        return ()

    def _seen(self) -> tuple[Piece, ...]:  # noqa: C901, PLR0911  # one line for each
        match self.finding.what:
            case What.BATH:
                return self._long_in_the_bathroom()
            case What.STILL if self.finding.last_at is not None:
                return self._still(self.finding.last_at)
            case What.OOB_ACTIVE:
                return self._up_and_about()
            case What.DOOR_LEFT | What.DOOR_ARRIVED:
                return self._through_the_door()
            case What.BUTTON:
                return self._pressed()
            case What.DAY_INACTIVE:
                return self._quiet_by_day()
            case What.LATE_RISE:
                return self._not_up()
            case What.RESTLESS | What.NOCTURIA | What.SHIFT | What.DECLINE:
                return self._restless() if self.finding.what is What.RESTLESS else self._over_weeks()
            case what if what in BUILDING:
                return self._of_building()
            case what if what in EQUIPMENT:
                return self._out_of_order()
            case _:
                return self._nothing_since()

    def _long_in_the_bathroom(self) -> tuple[Piece, ...]:
        say, last = self.wording.say, self.finding.last_at
        here = _washing_place(self.wording, self.finding, self.home)
        pieces = (
            self._piece(say("{client} has probably been {in_room} since {since}: {duration} now."), in_room=here),
            self._piece(say("No motion was seen in other rooms.")),
        )
        if last is None:
            return pieces
        return (*pieces, self._piece(say("Last motion: {last}."), last=self.wording.time(last)))

    def _still(self, last: datetime) -> tuple[Piece, ...]:
        said = self.wording.say(
            "{client} left bed at {left}. The last motion was at {last} {in_room}. "
            "No motion was seen anywhere after that: {duration}."
        )
        left = self.wording.time(self.finding.episode)
        return (self._piece(said, left=left, last=self.wording.time(last), in_room=self._last_place()),)

    def _up_and_about(self) -> tuple[Piece, ...]:
        say, last = self.wording.say, self.finding.last_at
        up = self._piece(say("{client} has been out of bed since {since}: {duration}."))
        if last is None:
            return (up,)
        moving = say("There is still motion, last at {last} {in_room}.")
        return (up, self._piece(moving, last=self.wording.time(last), in_room=self._last_place()))

    def _nothing_since(self) -> tuple[Piece, ...]:
        said = self.wording.say(
            "{client} left bed at {since} and is not back after {duration}. Since then no motion was seen in any room."
        )
        return (self._piece(said),)

    def _through_the_door(self) -> tuple[Piece, ...]:
        say, finding = self.wording.say, self.finding
        opened = self._piece(say("The front door opened at {since}."))
        if finding.what is What.DOOR_ARRIVED:
            said = say("Before that there was no motion inside, after it there was {in_room}.")
            place = self.wording.place(self.home, finding.room or finding.last_room)
            return (opened, self._piece(said, in_room=place))
        if finding.last_room is not None:
            said = say("The front door opened at {since}, after motion {in_room}.")
            opened = self._piece(said, in_room=self._last_place())
        gone = say("Nothing was seen inside after that: {duration}. {client} probably went outside.")
        return (opened, self._piece(gone))

    def _pressed(self) -> tuple[Piece, ...]:
        say, finding = self.wording.say, self.finding
        times = self.wording.words.ngettext("{n} time", "{n} times", finding.count)
        values = {"times": self.wording.count(times, finding.count)}
        if finding.room is None:
            pressed = self._piece(say("{client} pressed the help button at {since}, {times}."), **values)
        else:
            said = say("{client} pressed the help button {in_room} at {since}, {times}.")
            pressed = self._piece(said, in_room=self.wording.place(self.home, finding.room), **values)
        # Once somebody has it, whether they have spoken is not in the records; so nothing is said of it.
        if self.alert is not None and (self.alert.holder is not None or not self.alert.open):
            return (pressed,)
        return (pressed, self._piece(say("Nobody has spoken with {client} yet.")))

    def _quiet_by_day(self) -> tuple[Piece, ...]:
        say = self.wording.say
        quiet = self._piece(say("No motion was seen in the home since {since}: {duration}."))
        if self.finding.last_room is None:
            return (quiet,)
        return (quiet, self._piece(say("The last was {in_room}."), in_room=self._last_place()))

    def _not_up(self) -> tuple[Piece, ...]:
        say, last = self.wording.say, self.finding.last_at
        told = self.wording.time(self.finding.at)
        not_up = self._piece(say("At {told} it was not yet to be seen that {client} is up."), told=told)
        pieces = (*self._usual_here(), not_up)
        if last is None:
            return pieces
        said = say("Last motion: {last} {in_room}.")
        last_said = self.wording.moment(last, self.finding.at)
        return (*pieces, self._piece(said, last=last_said, in_room=self._last_place()))

    def _restless(self) -> tuple[Piece, ...]:
        say, finding = self.wording.say, self.finding
        night = self.wording.night(finding.since)
        if finding.value is None:
            return (self._piece(say("In the {night} {client} was out of bed for long."), night=night),)
        times = self._times(finding.value)
        counted = self._piece(say("In the {night} {client} was out of bed {times}."), night=night, times=times)
        return (counted, *self._usual_here())

    def _over_weeks(self) -> tuple[Piece, ...]:
        say, finding = self.wording.say, self.finding
        discuss = self._piece(say("Discuss it with {client}."))
        match finding.what:
            case What.NOCTURIA if finding.value is not None:
                said = say("In recent weeks {client} went to the bathroom or toilet {value} times a night on average.")
                counted = self._piece(said, value=self.wording.number(finding.value))
                return (counted, *self._usual_here(), discuss)
            case What.NOCTURIA:
                said = say("In recent weeks {client} went to the bathroom or toilet more often at night than before.")
                return (self._piece(said), discuss)
            case What.SHIFT if finding.value is not None:
                later = say("In recent weeks the bedtimes were about {shift} later than before.")
                earlier = say("In recent weeks the bedtimes were about {shift} earlier than before.")
                quarters = timedelta(minutes=15) * round(abs(finding.value) * 4)
                shift = self.wording.duration(quarters)
                return (self._piece(later if finding.value > 0 else earlier, shift=shift), discuss)
            case What.SHIFT:
                return (self._piece(say("In recent weeks the bedtimes were other than before.")), discuss)
            case _:
                said = say("In recent weeks there was less motion here, or the days were less regular.")
                return (self._piece(said), self._piece(say("What the reason is cannot be seen.")))

    def _of_sensor(self) -> tuple[Piece, ...]:
        """Which sensor a finding is about: said also of what is over."""
        if self.finding.what not in ABOUT_SENSOR:
            return ()
        said = self.wording.say("It is about the {sensor} {in_room}.")
        return (self._piece(said, sensor=self._sensor_name(), in_room=self._sensor_place()),)

    def _out_of_order(self) -> tuple[Piece, ...]:  # noqa: PLR0911  # one line for each
        say = self.wording.say
        match self.finding.what:
            case What.SENSOR_SILENT:
                return (self._piece(say("It has sent nothing since {since}: {duration}.")), *self._without_it())
            case What.SENSOR_STUCK:
                said = say("It has said the same since {since}: {duration}. That may not be so.")
                return (self._piece(said), *self._without_it())
            case What.SENSOR_STORM:
                return (self._piece(say("Since {since} it sends far more messages than can be.")),)
            case What.BATTERY if self.finding.early:
                return (self._piece(say("Its battery will probably be empty within a month. The sensor still works.")),)
            case What.BATTERY if self.finding.value is not None:
                said = say("Its battery has {percent} left. The sensor still works.")
                return (self._piece(said, percent=f"{round(self.finding.value)}%"),)
            case What.BATTERY:
                return (self._piece(say("Its battery is almost empty. The sensor still works.")),)
            case What.LINK_WEAK:
                return (self._piece(say("It is hardly in range. Messages may get lost.")),)
            case _:
                said = say("Nothing was heard of this home since {since}: {duration}. No alert can come from it.")
                nothing = say("This says nothing about how {client} is.")
                return (self._piece(said), self._piece(nothing))

    def _of_building(self) -> tuple[Piece, ...]:  # noqa: PLR0911  # one line for each
        say, value = self.wording.say, self.finding.value
        nobody = self._piece(say("This says nothing about how the people are."))
        match self.finding.what:
            case What.BUILDING_SILENT:
                said = say("Nothing has come from this building since {since}: {duration}.")
                if site_of(self.finding.home) == CENTRE:
                    said = say("The centre has heard no building since {since}: {duration}.")
                return (self._piece(said), *self._homes_unseen(), *self._perhaps_up(), nobody)
            case What.BROKER_LOST:
                said = say("The gateway has heard no sensor since {since}: {duration}.")
                none = self._piece(say("No alert can come from this building."))
                return (self._piece(said), none, nobody)
            case What.BRIDGE_LOST:
                said = say("The receiver of wireless sensors has been gone since {since}: {duration}.")
                return (self._piece(said), *self._sensors_unheard(), nobody)
            case What.CLOCK_STEP:
                wrong = self._piece(say("Times around that moment may be wrong."))
                if value is None:
                    return (self._piece(say("The clock of the gateway jumped at {since}.")), wrong)
                ahead = say("The clock of the gateway was put {shift} forward at {since}.")
                back = say("The clock of the gateway was put {shift} back at {since}.")
                shift = self.wording.duration(timedelta(seconds=abs(value)))
                return (self._piece(ahead if value > 0 else back, shift=shift), wrong)
            case What.DISK if value is not None:
                said = say("Since {since} there is little room on the disk of the gateway: {room}.")
                return (self._piece(said, room=f"{round(value)}\u00a0MB"),)
            case What.DISK:
                said = say("The gateway has not been able to store anything since {since}: {duration}.")
                return (self._piece(said), self._piece(say("What sensors send now has to wait for that.")))
            case What.JOURNAL:
                said = say("The logbook of the gateway was damaged at {since}. It has been put aside.")
                return (self._piece(said), self._piece(say("What stood in it may be missing.")))
            case _:
                said = say("No test alert has come from this building since {since}: {duration}.")
                return (self._piece(said), self._piece(say("A real alert may not arrive either.")))

    def _homes_unseen(self) -> tuple[Piece, ...]:
        homes = round(self.finding.value or 0)
        said = self.wording.words.ngettext("{n} home cannot be seen.", "{n} homes cannot be seen.", homes)
        return (self._piece(said, n=str(homes)),) if homes > 0 else ()

    def _perhaps_up(self) -> tuple[Piece, ...]:
        n = self.finding.count
        said = self.wording.words.ngettext(
            "{n} client was not in bed then, or that is not known.",
            "{n} clients were not in bed then, or that is not known.",
            n,
        )
        return (self._piece(said, n=str(n)),) if n > 0 else ()

    def _sensors_unheard(self) -> tuple[Piece, ...]:
        n = len(self.finding.blind)
        said = self.wording.words.ngettext(
            "{n} sensor is not heard because of it.", "{n} sensors are not heard because of it.", n
        )
        return (self._piece(said, n=str(n)),) if n > 0 else ()

    def _without_it(self) -> tuple[Piece, ...]:
        """Which alerts cannot come while the sensor is not to be relied on."""
        if self.home is None or self._sensor is None:
            return ()
        gone = {*self.blind, self._sensor.id}
        lost = [
            what
            for what, groups in rests_on(self.home).items()
            if all(groups)
            and what not in EQUIPMENT
            and any(self._sensor in group and all(one.id in gone for one in group) for group in groups)
        ]
        if not lost:
            return (self._piece(self.wording.say("Other sensors still see enough for every kind of alert.")),)
        kinds = self.wording.every([f"“{self.wording.say(KINDS[what])}”" for what in lost])
        return (self._piece(self.wording.say("Without it this cannot be told: {kinds}."), kinds=kinds),)

    def _usual(self) -> Iterator[Piece]:
        finding, say = self.finding, self.wording.say
        if finding.what is not What.LATE_RISE and finding.what not in _COUNTED:
            yield from self._usual_here()  # of the others it is part of what was seen
        yield from self._usual_elsewhere()
        learned = finding.usual is not None or finding.what is What.LATE_RISE
        if learned and finding.nights is not None and finding.nights < KNOWN_AFTER:
            known = say("Nachtwacht has known this home for only {nights}. The limit is still a general one.")
            yield self._piece(known, nights=self._nights(finding.nights))

    def _usual_here(self) -> Iterator[Piece]:
        finding, say = self.finding, self.wording.say
        if not finding.nights or finding.what in {What.SHIFT, What.DECLINE} or finding.what in EQUIPMENT:
            return
        if finding.what is What.LATE_RISE:
            yield self._piece(say("Usually up by {since} ({nights})."), nights=self._nights(finding.nights))
        elif finding.usual is None:
            return
        elif finding.what in _COUNTED:
            yield self._piece(say("Usually that is {value} times."), value=self.wording.number(finding.usual))
        else:
            usual = self.wording.duration(timedelta(minutes=finding.usual))
            yield self._piece(say("Usually that is {usual}."), usual=usual)

    def _usual_elsewhere(self) -> Iterator[Piece]:
        rank = self.finding.rank
        if rank is None or self.finding.what not in _RARER or not 0 <= rank < 1 / 2:
            return
        every = 100 if rank >= 1 / 100 else 1000
        # Rounded down, and never all of them: what was not seen before can still happen.
        fewer = min(every - 1, int((1 - rank) * every + 1e-6))
        yield self._piece(self.wording.say(_RARER[self.finding.what]), n=str(fewer), all=str(every))

    def _agreement(self) -> Piece | None:
        if self.finding.limit is None or self.finding.early or self.finding.what not in _AGREED:
            return None
        cap = self.wording.duration(timedelta(minutes=self.finding.limit))
        return self._piece(self.wording.say("Agreed in the care plan: alert after {cap}."), cap=cap)

    def _no_sight(self) -> tuple[Piece, ...]:
        if self.finding.what is What.GATEWAY_GAP or self.finding.what in BUILDING:
            return ()  # that is what it says
        besides = {*self.blind} - {self.finding.sensor}
        silent = [sensor for sensor in (self.home.sensors if self.home else ()) if sensor.id in besides]
        if len(silent) > BLIND_NAMED_MAX:
            said = self.wording.words.ngettext(
                "Note: {n} sensor sends nothing. What happens there cannot be seen.",
                "Note: {n} sensors send nothing. What happens there cannot be seen.",
                len(silent),
            )
            return (self._piece(said, n=str(len(silent))),)
        said = self.wording.say("Note: the {sensor} {in_room} sends nothing. What happens there cannot be seen.")
        named = dict.fromkeys((self.wording.sensor(one.kind), self._stands(one)) for one in silent)
        return tuple(self._piece(said, sensor=sensor, in_room=place) for sensor, place in named)

    def _no_bed_sensor(self) -> tuple[Piece, ...]:
        if self.home is None or self.home.has_bed or self.finding.what not in UP:
            return ()
        said = self.wording.say("There is no bed sensor here. From motion, someone is probably out of bed.")
        return (self._piece(said),)

    def _door(self) -> Piece | None:
        finding = self.finding
        doors = [one.id for one in (self.home.sensors if self.home else ()) if one.kind is Kind.DOOR]
        unseen = any(door in self.blind for door in doors)
        if finding.what not in UP or finding.door_at is None or unseen or not self.goes_on:
            return None
        # Dated by the finding: a door that opens after it is not told to the centre.
        said = self.wording.say("At {told} the front door had not been open since {opened}.")
        opened = self.wording.moment(finding.door_at, finding.at)
        return self._piece(said, told=self.wording.time(finding.at), opened=opened)

    def _late(self) -> Piece | None:
        if self.alert is None or self.alert.late is None:
            return None
        say = self.wording.say
        still = say("This began at {began} and arrived {delay} late. It is still so.")
        was = say("This began at {began} and arrived {delay} late.")
        return self._piece(
            still if self.goes_on else was,
            began=self.wording.time(began_at(self.alert.findings[0])),
            delay=self.wording.duration(self.alert.late),
        )

    def _could_also(self) -> Piece | None:
        finding = self.finding
        stuck_bed = finding.what is What.SENSOR_STUCK and self._sensor is not None and self._sensor.kind is Kind.BED
        general = (*_STUCK_BED, *_COULD_ALSO[finding.what]) if stuck_bed else _COULD_ALSO[finding.what]
        told = [_PERHAPS[one] for one in finding.perhaps]
        said_better = {reason for reasons in told for reason in reasons}
        particular = [reasons[0] for reasons in told]
        reasons = [
            self.wording.say(one).format(client=self.client)
            for one in dict.fromkeys([*particular, *(one for one in general if one not in said_better)])
        ]
        said = self.wording.say("Could also be: {reasons}.")
        return self._piece(said, reasons=self.wording.either(reasons)) if reasons else None

    @cached_property
    def _sensor(self) -> Sensor | None:
        """The sensor that the finding is about, if the plan still has it."""
        sensors = self.home.sensors if self.home is not None else ()
        return next((one for one in sensors if one.id == self.finding.sensor), None)

    def _sensor_name(self) -> str:
        return self.wording.say("sensor") if self._sensor is None else self.wording.sensor(self._sensor.kind)

    def _sensor_place(self) -> str:
        return self.wording.place(self.home, None) if self._sensor is None else self._stands(self._sensor)

    def _times(self, value: float) -> str:
        n = round(value)
        return self.wording.count(self.wording.words.ngettext("{n} time", "{n} times", n), n)

    def _nights(self, n: int) -> str:
        return self.wording.count(self.wording.words.ngettext("{n} night", "{n} nights", n), n)

    def _last_place(self) -> str:
        return self.wording.place(self.home, self.finding.last_room)

    def _stands(self, sensor: Sensor) -> str:
        if sensor.kind is Kind.DOOR:
            return self.wording.say("at the front door")
        known = self.home is not None and self.home.kind_of(sensor.room) in _ROOMS
        return self.wording.place(self.home, sensor.room) if known else f"({sensor.room})"


def _washing_place(wording: Wording, finding: Finding, home: Home | None) -> str:
    known = home is not None and home.kind_of(finding.room) in WASHING
    return wording.place(home, finding.room) if known else wording.say("in the bathroom or toilet")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _glued(text: str) -> str:
    return text.replace(" ", "\u00a0")
