"""What a contact reads of one resident, as it is drawn: only what is shared, and in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from care import tidings
from care.alerts import Alert, State
from care.asking import Answer, Opened, Passed, Replied
from care.chains import night_ends
from care.escalation import not_needed
from care.language import mark
from care.pauses import PauseReason
from care.sharing import Part
from care.tidings import Tiding, Told, Way
from care.wording import Wording, capital
from dashboard.circle import PARTS
from dashboard.contacts import Contact
from dashboard.glance import Glance
from dashboard.passing import ANSWERS
from dashboard.tastes import Wants
from detectors.homes import Home

OFFERED = (Answer.GOING, Answer.CANNOT, Answer.CALL_ME)

_WORDS: dict[Told, str] = {
    Told.QUIET: mark("quiet"),
    Told.UNSEEN: mark("not all seen"),
    Told.CONTACT: mark("spoken"),
    Told.ALERT: mark("alert"),
    Told.NONE: mark("none"),
    Told.RUNNING: mark("now"),
}
ICONS: dict[Told, str] = {
    Told.QUIET: "moon",
    Told.UNSEEN: "partly",
    Told.CONTACT: "talk",
    Told.ALERT: "soon",
    Told.NONE: "none",
    Told.RUNNING: "aside",
}
_TITLES: dict[Told, str] = {
    Told.QUIET: mark("Quiet night"),
    Told.UNSEEN: mark("No alerts"),
    Told.CONTACT: mark("There was contact"),
    Told.ALERT: mark("There was an alert"),
    Told.NONE: mark("No message"),
    Told.RUNNING: mark("The night is not over yet"),
}
_WAYS: dict[Way, tuple[str, str]] = {
    Way.VIDEO: ("video", mark("by video")),
    Way.PHONE: ("phone", mark("by phone")),
    Way.VISIT: ("walk", mark("somebody went there")),
}


@dataclass(frozen=True, slots=True)
class Question:
    """What a contact is asked, as line zero of the chain."""

    alert: Alert
    opened: bool
    asked_at: str
    said: str  # what they answered last
    answers: tuple[tuple[str, str], ...]
    held: bool  # the care centre has it


@dataclass(frozen=True)
class Theirs:
    """One contact, and one resident."""

    contact: Contact
    home: Home | None  # None: nobody knows where the resident lives any more
    glance: Glance
    wording: Wording
    wants: Wants

    @cached_property
    def client(self) -> str:
        return self.glance.names.resident(self.contact.resident) or self.say("a resident")

    @cached_property
    def parts(self) -> frozenset[Part]:
        if self.home is None:
            return frozenset()
        return self.glance.board.shares.parts(self.contact.resident, self.contact.id, self.glance.now)

    @property
    def sees_nights(self) -> bool:
        return bool(self.parts & {Part.NIGHT, Part.CONTACT, Part.ALERTS})

    # Nights.

    @cached_property
    def week(self) -> list[Tiding]:
        shared = self.glance.board.shares.said(self.contact.resident, self.contact.id, self.glance.now)
        if self.home is None or shared is None or not self.sees_nights:
            return []
        return tidings.tidings(self.glance.board, self.home, self.parts, self.glance.now)

    @cached_property
    def last(self) -> Tiding:
        """The night that is told of on top: the one that is over, until something is told of the one that runs."""
        running = self.week[-1]
        if running.told in {Told.RUNNING, Told.NONE} and running.end > self.glance.now and len(self.week) > 1:
            return self.week[-2]
        return running

    @property
    def title(self) -> str:
        return self.say(_TITLES[self.last.told])

    @property
    def sentences(self) -> list[str]:
        """What is told of that night."""
        one, say = self.last, self.say
        match one.told:
            case Told.QUIET:
                return [say("There were no alerts.")]
            case Told.UNSEEN:
                start, end = one.unseen[0][0], one.unseen[-1][1]
                gap = say("There was no full sight between {start} and {end}. The care centre sees that.")
                return [gap.format(start=self.wording.time(start), end=self.wording.time(end))]
            case Told.CONTACT:
                return [self._contact(at, way) for at, way in ((met.at, met.way) for met in one.contacts)]
            case Told.ALERT if one.alert is not None:
                still = say("An alert came at {time}. The care centre is looking at it.")
                said = still if one.alert.open else say("The alert of {time} is closed.")
                return [said.format(time=self.wording.time(one.alert.raised_at))]
            case Told.RUNNING:
                return [say("In the morning you read here how it was.")]
            case _:
                return [say("There is no message about this night. There can be several reasons.")]

    def _contact(self, at: datetime, way: Way) -> str:
        time = self.wording.time(at)
        if way is Way.VISIT:
            return self.say("Somebody was with {client} at {time}.").format(client=self.client, time=time)
        return self.say("There was contact at {time}, {way}.").format(time=time, way=self.say(_WAYS[way][1]))

    @property
    def which(self) -> str:
        """Which night that is."""
        return self.wording.night(self.last.start)

    @property
    def days(self) -> Iterator[tuple[str, str, str, str]]:
        """Every night of the week: its look, its day, its icon and a word."""
        for one in self.week:
            day = self.wording.date(one.start).split()[0]
            yield one.told.value, day, ICONS[one.told], self.say(_WORDS[one.told])

    @property
    def icon(self) -> str:
        return ICONS[self.last.told]

    # Contact, away.

    @cached_property
    def contacts(self) -> list[tuple[str, str, str]]:
        """The last moments of contact: icon, when, and how."""
        if self.home is None or Part.CONTACT not in self.parts:
            return []
        found = tidings.contacts(self.glance.board, self.home, self.glance.now - timedelta(days=28))
        return [
            (_WAYS[one.way][0], f"{self.wording.date(one.at)} {self.wording.time(one.at)}", self.say(_WAYS[one.way][1]))
            for one in found
        ]

    @cached_property
    def away(self) -> str:
        """That the resident is away or has paused, where that is shared."""
        if self.home is None or Part.AWAY not in self.parts:
            return ""
        pause = self.glance.pause(self.home)
        if pause is None:
            return ""
        until = self._moment(pause.ends)
        if pause.order.why is PauseReason.AWAY:
            return capital(self.say("{client} is away until {time}.").format(client=self.client, time=until))
        paused = self.say("{client} has Nachtwacht on pause until {time}.")
        return capital(paused.format(client=self.client, time=until))

    # What they are asked.

    @cached_property
    def questions(self) -> list[Question]:
        """The open alerts about which they were asked, and for which they are still of use."""
        if self.home is None:
            return []
        return [
            one
            for alert in self.glance.board.alerts_of(self.home.id)
            if alert.open and alert.state is not State.RETURNED and (one := self._question(alert)) is not None
        ]

    def _question(self, alert: Alert) -> Question | None:
        so_far, me = alert.way, self.contact.id
        asked = [one for one in so_far if isinstance(one, Passed) and one.to == me]
        if not asked or not_needed(alert, me, self.glance.now) is not None:
            return None
        said = [one for one in so_far if isinstance(one, Replied) and one.by == me]
        return Question(
            alert=alert,
            opened=any(isinstance(one, Opened) and one.by == me for one in so_far),
            asked_at=self.wording.time(asked[-1].at),
            said=said[-1].answer.value if said else "",
            answers=tuple((one.value, self.say(ANSWERS[one])) for one in OFFERED),
            held=alert.state is State.CLAIMED,
        )

    @property
    def may_be_asked(self) -> bool:
        """Whether the resident lets them be asked at all."""
        if self.home is None:
            return False
        said = self.glance.board.chains.consent(self.home.id, self.contact.id)
        return said is not None and bool(said.tiers) and said.until > self.glance.now

    @cached_property
    def off_until(self) -> str:
        """Until when they are asked nothing; empty while they are."""
        until = self.glance.board.chains.away(self.contact.id, self.glance.now)
        return "" if until is None else self._moment(until)

    @property
    def would_stop(self) -> str:
        """When being asked nothing would be over by itself."""
        return self._moment(night_ends(self.glance.now, self.wording.zone))

    # What is shared.

    @property
    def shares(self) -> str:
        """What the resident shares, in a sentence."""
        said = self.glance.board.shares.said(self.contact.resident, self.contact.id, self.glance.now)
        if said is None:
            return capital(self.say("{client} shares nothing here now.").format(client=self.client))
        words = self.wording.every([self.say(_SEES[part]) for part in Part if part in self.parts])
        until = self.wording.day((said.until - timedelta(microseconds=1)).astimezone(self.wording.zone).date())
        said_so = self.say("{client} shares until {date}: {parts}.")
        return capital(said_so.format(client=self.client, date=until, parts=words))

    def _moment(self, at: datetime) -> str:
        zone = self.wording.zone
        same = at.astimezone(zone).date() == self.glance.now.astimezone(zone).date()
        return self.wording.time(at) if same else f"{self.wording.date(at)} {self.wording.time(at)}"

    def say(self, message: str) -> str:
        return self.wording.say(message)


_SEES: dict[Part, str] = {**PARTS, Part.AWAY: mark("being away or on pause")}
