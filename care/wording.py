"""How times, durations, places and names are said, in one of the two languages and by the clocks of one zone."""

import re
from collections import Counter
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from care.labels import CHANNELS, TITLES
from care.language import mark, words
from care.records import CENTRE, site_of
from detectors.findings import Finding, What
from detectors.homes import WASHING, Home, HomeId, Kind, RoomId, RoomKind, is_building

_DAY_MIN = 24 * 60
Day = date  # by another name: a `Wording` says dates
_CLOCK_CHANGE_AHEAD = timedelta(hours=12)

ROOMS: dict[RoomKind, tuple[str, str]] = {
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


class Wording:
    """How times, durations, places and names are said in one language, by the clocks of one zone."""

    def __init__(self, language: str, zone: str = "Europe/Amsterdam") -> None:
        self.language = "en" if language == "en" else "nl"
        self.zone = ZoneInfo(zone)
        self.words = words(language)

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

    def day(self, day: Day) -> str:
        """Say a day in full: dinsdag 3 maart."""
        from babel.dates import format_date

        return format_date(day, "EEEE d MMMM", locale=self.language)

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
        return self.say(ROOMS[kind][1]) if kind in ROOMS else self.say("somewhere in the home")

    def washing_place(self, finding: Finding, home: Home | None) -> str:
        """Say where somebody washes: the very room if it is known."""
        known = home is not None and home.kind_of(finding.room) in WASHING
        return self.place(home, finding.room) if known else self.say("in the bathroom or toilet")

    def room(self, home: Home, room: RoomId) -> str:
        """Name a room: by its kind, or as the plan calls it where the kind does not tell it from the others."""
        kind = home.kind_of(room)
        alone = Counter(home.rooms.values())[kind] == 1
        named = self.say(ROOMS[kind][0]) if kind in ROOMS and alone else room.replace("-", " ").replace("_", " ")
        return capital(named)

    def sensor(self, kind: Kind) -> str:
        """Name a kind of sensor."""
        return self.say(_SENSORS[kind])

    def home(self, home_id: str) -> str:
        """Name a home by its number: woning 12; or the building, where it is about all of it."""
        if is_building(HomeId(home_id)):
            return self.say("every building") if site_of(HomeId(home_id)) == CENTRE else self.say("the whole building")
        return _glued(self.say("home {number}").format(number=home_id.partition("/")[2] or home_id))

    def channel(self, channel: str) -> str:
        """Name a way by which a building calls for help; one that is not known here as the building calls it."""
        return self.say(CHANNELS[channel]) if channel in CHANNELS else channel

    def either(self, reasons: list[str]) -> str:
        """Join reasons as the language does: a, b of c."""
        from babel.lists import format_list

        return format_list(reasons, style="or", locale=self.language)

    def every(self, things: list[str]) -> str:
        """Join things as the language does: a, b en c."""
        from babel.lists import format_list

        return format_list(things, locale=self.language)

    def title(self, finding: Finding, home: Home | None) -> str:
        """Say in at most `labels.TITLE_MAX` characters what is the matter; safe to show where anybody can read it."""
        if finding.what is What.BUILDING_SILENT and finding.count > 0:
            return self.say("Sight lost, someone may be up")
        if finding.what is What.BUILDING_SILENT and site_of(finding.home) == CENTRE:
            return self.say("The centre hears no building")
        if finding.own_page:
            return self.say("Help call: asked on own page")
        return self.say(TITLES[finding.what]).format(in_room=self.washing_place(finding, home))

    def _offset(self, at: datetime) -> timedelta:
        return at.astimezone(self.zone).utcoffset() or timedelta()


def capital(text: str) -> str:
    """Begin with a capital, and leave the rest as it is, unlike `str.capitalize`."""
    return text[:1].upper() + text[1:]


def _glued(text: str) -> str:
    return text.replace(" ", "\u00a0")


def natural(text: str) -> list[tuple[int, int, str]]:
    """Return a sort key by which 2 comes before 2A and both before 10.

    >>> sorted(["10", "2A", "2"], key=natural)
    ['2', '2A', '10']
    """
    parts = re.findall(r"\d+|\D+", text.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
