"""Who looked at my data, as a resident reads it: one sentence a person and night, in plain words.

`told` is a pure function of entries of the access log and of what people are called; the page is drawn elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from babel.dates import format_date

from care.language import mark
from care.wording import Wording
from dashboard.access_log import Deed, Entry, Ground

DAY_BEGINS_H = 12  # a night is one day: it goes by its evening

_TOLD = frozenset({Deed.READ, Deed.PRINTED, Deed.EXPORTED, Deed.CHANGED, Deed.ERASED})

_OF = {
    "client-report": mark("{who} read the report of your night at {time}."),
    "report": mark("{who} read the report of your night at {time}."),
    "agreements": mark("{who} looked at what is agreed with you, at {time}."),
    "calling-order": mark("{who} looked at who is asked when something is the matter, at {time}."),
    "persons": mark("{who} looked at all of your data at {time}."),
}
_WHY = {
    Ground.CARE: mark("Reason: your care and your agreements."),
    Ground.WATCH: mark("Reason: the watch of the night desk."),
    Ground.OVERSIGHT: mark("Reason: oversight of who may look."),
}


class Names(Protocol):
    """What people are called, to the resident."""

    def who(self, entry: Entry) -> str:
        """Say who it was: "Seat 2 of the care centre", "Sanne, your support worker", "Your sister Fatima"."""
        ...

    def organisation(self, entry: Entry) -> str:
        """Say for whom they work."""
        ...

    def shared_until(self, entry: Entry) -> date | None:
        """Return until when the resident lets them see it, if to a day."""
        ...

    def reason(self, entry: Entry) -> str:
        """Return what was given as the reason of an emergency; empty if nothing was."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """What one day has to tell: its evening, and its sentences in the order of their first look."""

    day: date
    sentences: tuple[str, ...]


def told(entries: Sequence[Entry], names: Names, wording: Wording) -> list[Told]:
    """Return what happened with somebody's data, the newest day first; what they did themself is left out."""
    days: dict[date, dict[tuple[str, ...], list[Entry]]] = {}
    for entry in sorted(entries, key=lambda one: one.at):
        if entry.ground is Ground.OWN or entry.deed not in _TOLD:
            continue
        day = (entry.at.astimezone(wording.zone) - timedelta(hours=DAY_BEGINS_H)).date()
        days.setdefault(day, {}).setdefault(_alike(entry), []).append(entry)
    return [
        Told(day, tuple(_sentence(alike, names, wording) for alike in looks.values()))
        for day, looks in sorted(days.items(), reverse=True)
    ]


def nobody(wording: Wording) -> str:
    """Return what is said of days in which nobody looked."""
    return wording.say(mark("Nobody looked at your data."))


def _alike(entry: Entry) -> tuple[str, ...]:
    """Return what looks have in common that are told as one; an emergency is told by itself."""
    apart = str(entry.at) if entry.ground is Ground.EMERGENCY else ""
    return (entry.by, entry.ground, entry.what if entry.what in _OF else "", _kind(entry), apart)


def _kind(entry: Entry) -> str:
    return "looked" if entry.deed in {Deed.READ, Deed.PRINTED} or entry.ground is Ground.ALERT else entry.deed.value


def _sentence(alike: Sequence[Entry], names: Names, wording: Wording) -> str:
    first = alike[0]
    values = {"who": names.who(first), "time": wording.time(first.at)}
    text = wording.say(_text(first)).format(**values)
    if first.ground is Ground.EMERGENCY:
        return _emergency(first, values, names, wording)
    if len(alike) > 1:
        often = mark("{who} looked {count} times, first at {time}.")
        if first.ground is Ground.ALERT:
            often = mark("{who} looked {count} times, first at {time}, because there was an alert.")
        text = wording.say(often).format(count=len(alike), **values)
    return " ".join(filter(None, (text, _why(first, names, wording))))


def _text(entry: Entry) -> str:  # noqa: PLR0911  # a sentence each
    if entry.ground is Ground.ALERT:
        return mark("{who} looked at your night at {time}, because there was an alert.")
    if entry.ground is Ground.INSTALL:
        return mark("{who} saw at {time} how your sensors work. Not how your nights were.")
    if entry.ground is Ground.SHARED:
        return mark("{who} opened the message about your night at {time}.")
    if entry.deed is Deed.EXPORTED:
        return mark("{who} took your data along in a file at {time}.")
    if entry.deed is Deed.ERASED:
        return mark("{who} erased data of yours at {time}.")
    if entry.deed is Deed.CHANGED:
        return mark("{who} changed something of yours at {time}.")
    return _OF.get(entry.what, mark("{who} looked at your home at {time}."))


def _why(entry: Entry, names: Names, wording: Wording) -> str:
    if entry.ground is Ground.SHARED:
        until = names.shared_until(entry)
        if until is None:
            return wording.say(mark("You allow that."))
        day = format_date(until, "d MMMM", locale=wording.language)
        return wording.say(mark("You allow that until {day}.")).format(day=day)
    return wording.say(_WHY[entry.ground]) if entry.ground in _WHY else ""


def _emergency(entry: Entry, values: dict[str, str], names: Names, wording: Wording) -> str:
    organisation, reason = names.organisation(entry), names.reason(entry)
    said = wording.say(mark("{who} of {org} looked in an emergency at {time}, not agreed before."))
    parts = [said.format(org=organisation, **values)]
    if reason:
        parts.append(wording.say(mark("Reason: “{reason}”.")).format(reason=reason))
    parts.append(wording.say(mark("It will be reviewed. You will hear.")))
    return " ".join(parts)
