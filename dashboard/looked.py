"""Who looked at a resident's data, in plain words: from the access log, what one person did on one day told as one.

What a resident did on their own page is left out: they know.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from care.board import Board
from care.ids import ContactId, StaffId
from care.language import mark
from care.wording import Wording
from dashboard.access_log import Deed, Entry, Ground
from dashboard.glance import Names
from detectors.homes import ResidentId

SPANS = (1, 7, 28)  # days that can be asked for

_LOOKS = frozenset({Deed.READ, Deed.PRINTED, Deed.EXPORTED})

_ROLES: dict[str, str] = {
    "desk": mark("of the care centre"),
    "night-team": mark("of the night team"),
    "care": mark("of the care team"),
    "manager": mark("of the care team"),
    "installer": mark("the installer"),
    "privacy": mark("who looks after your privacy"),
    "administrator": mark("who runs the system"),
}
"""What somebody is to a resident, by the role in which they looked."""

_WHAT: dict[str, str] = {
    "alert": mark("your alert"),
    "client-report": mark("the report of your night"),
    "report": mark("the report of your night"),
    "agreements": mark("what is agreed with you"),
    "calling-order": mark("who is called for you"),
    "circle": mark("who are your people"),
    "walk": mark("how your sensors work"),
}

_ANYTHING = mark("how it is in your home")

_DONE: dict[Deed, str] = {
    Deed.READ: mark("{who} looked at {what} at {time}."),
    Deed.PRINTED: mark("{who} printed {what} at {time}."),
    Deed.EXPORTED: mark("{who} made a copy of {what} at {time}."),
    Deed.CHANGED: mark("{who} changed {what} at {time}."),
    Deed.ERASED: mark("{who} erased {what} at {time}."),
}

_WHY: dict[Ground, str] = {
    Ground.WATCH: mark("Reason: the night watch."),
    Ground.ALERT: mark("Reason: there was an alert."),
    Ground.CARE: mark("Reason: your care."),
    Ground.INSTALL: mark("Reason: the sensors. Not how your nights were."),
    Ground.OVERSIGHT: mark("Reason: checking that all goes as agreed."),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence or two of one day."""

    text: str
    emergency: bool


@dataclass(frozen=True, slots=True)
class Day:
    """What was looked at on one day."""

    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Looked:
    """Says who looked; `reason` gives what somebody wrote of an emergency, by its id.

    The log is dated by the clock on the wall, and so is `now`; `agreed_at` is the same instant by the centre's own
    clock, which a rehearsal tells, and by which what is shared ends.
    """

    board: Board
    names: Names
    wording: Wording
    now: datetime
    resident: ResidentId
    reason: Callable[[str], str] = lambda _: ""
    agreed_at: datetime | None = None  # None: the same

    def since(self, days: int) -> datetime:
        """Return when the first of so many days began, by the clock of the home."""
        first = self.now.astimezone(self.wording.zone).date() - timedelta(days=days - 1)
        return datetime.combine(first, time(), tzinfo=self.wording.zone)

    def days(self, entries: Iterable[Entry]) -> list[Day]:
        """Return what was done on each day, the newest day first, and in each the newest first."""
        kept: dict[date, dict[tuple[object, ...], list[Entry]]] = {}
        for entry in entries:
            if entry.deed not in _DONE or entry.by == f"resident:{self.resident}":
                continue
            day = entry.at.astimezone(self.wording.zone).date()
            about = entry.about if entry.ground is Ground.EMERGENCY else ""
            key = (entry.by, entry.role, entry.deed, self._what(entry), entry.ground, about)
            kept.setdefault(day, {}).setdefault(key, []).append(entry)
        return [
            Day(self._day(day), tuple(self._line(sorted(one, key=lambda entry: entry.at)) for one in of.values()))
            for day, of in sorted(kept.items(), reverse=True)
        ]

    def _line(self, entries: list[Entry]) -> Line:
        first, n, say = entries[0], len(entries), self.wording.say
        if first.ground is Ground.EMERGENCY:
            return Line(self._emergency(first), emergency=True)
        values = {"who": self._who(first), "what": self._what(first), "time": self.wording.time(first.at)}
        if n > 1 and first.deed in _LOOKS:
            times = self.wording.count(self.wording.words.ngettext("{n} time", "{n} times", n), n)
            said = say("{who} looked at {what}: {times}, first at {time}.").format(**values, times=times)
        else:
            said = say(_DONE[first.deed]).format(**values)
        return Line(f"{said} {self._why(first)}".strip(), emergency=False)

    def _emergency(self, entry: Entry) -> str:
        say = self.wording.say
        values = {"who": self._who(entry), "time": self.wording.time(entry.at)}
        said = [say("{who} looked in an emergency at {time}, not agreed before.").format(**values)]
        reason = self.reason(entry.about)
        if reason:
            said.append(say("Reason: “{reason}”.").format(reason=reason))
        return " ".join([*said, say("It is looked into afterwards. You will hear.")])

    def _why(self, entry: Entry) -> str:
        kind, _, id_ = entry.by.partition(":")
        if entry.ground is Ground.SHARED and kind == "contact":
            shared = self.board.shares.said(self.resident, ContactId(id_), self.agreed_at or self.now)
            if shared is None:
                return self.wording.say("You allowed that then.")
            until = self.wording.date(shared.until - timedelta(microseconds=1))
            return self.wording.say("You allow that until {date}.").format(date=until)
        return self.wording.say(_WHY[entry.ground]) if entry.ground in _WHY else ""

    def _who(self, entry: Entry) -> str:
        kind, _, id_ = entry.by.partition(":")
        say = self.wording.say
        if kind == "contact":
            return self.names.contact(ContactId(id_)) or say("Somebody who was one of your people")
        if kind != "staff":
            return say("Nachtwacht itself")
        name = self.names.staff(StaffId(id_))
        name = say("A colleague") if name == id_ else name
        role = next((_ROLES[one] for one in entry.role.split(",") if one in _ROLES), None)
        if role is None:
            return name
        return say("{name} {of_whom}").format(name=name, of_whom=say(role))

    def _what(self, entry: Entry) -> str:
        if entry.ground is Ground.SHARED:
            return self.wording.say("the message about your night")
        return self.wording.say(_WHAT.get(entry.what, _ANYTHING))

    def _day(self, day: date) -> str:
        today = self.now.astimezone(self.wording.zone).date()
        if day == today:
            return self.wording.say("Today")
        return self.wording.day(day)
