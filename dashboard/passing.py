"""To whom an alert goes, and went: as its card and its page say it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from markupsafe import Markup

from care.alerts import CALM, Alert, State
from care.asking import Answer, Arrived, CalledOff, Exhausted, Noticed, Opened, Passed, Refusal, Replied, Skipped, Why
from care.chains import BACK_UP, DESK, NIGHT_TEAM, RESIDENT
from care.escalation import forecast
from care.ids import ContactId
from care.language import mark
from care.records import Passing
from care.wording import Wording, capital
from dashboard.glance import Glance

ROLES: dict[ContactId, str] = {
    DESK: mark("the care centre"),
    NIGHT_TEAM: mark("the night team"),
    BACK_UP: mark("the back-up"),
    RESIDENT: mark("the client"),
}

WHY_ASKED: dict[Why, str] = {
    Why.FIRST: mark("first in the calling order"),
    Why.UNSEEN: mark("nobody has seen the alert"),
    Why.UNANSWERED: mark("no answer"),
    Why.FORGOTTEN: mark("taken, no follow-up"),
    Why.CANNOT: mark("the one before cannot go"),
    Why.UNREACHED: mark("no message got through"),
    Why.CALLED_IN: mark("more than the desk can take"),
    Why.NOT_TONIGHT: mark("cannot tonight, passed by"),
    Why.NO_CONSENT: mark("no consent, passed by"),
    Why.CONSENT_ENDED: mark("consent has ended, passed by"),
    Why.UNATTENDED: mark("no screen in view, passed by"),
    Why.ENOUGH: mark("had enough messages, passed by"),
    Why.QUIET: mark("quiet hours, passed by"),
}

REFUSALS: dict[Refusal, str] = {
    Refusal.NO_ADDRESS: mark("no address known"),
    Refusal.NO_CHANNEL: mark("not set up"),
    Refusal.REFUSED: mark("does not work"),
    Refusal.NO_ANSWER: mark("gave no answer, it may have arrived"),
    Refusal.GONE: mark("address no longer in use"),
}

ANSWERS: dict[Answer, str] = {
    Answer.GOING: mark("I go there"),
    Answer.CANNOT: mark("I cannot"),
    Answer.NOT_TONIGHT: mark("Not tonight"),
    Answer.CALL_ME: mark("Call me"),
    Answer.FINE: mark("I am fine"),
    Answer.HELP: mark("I need help"),
}
"""What a contact can tap, as they say it themselves."""

_GOOD = frozenset({Answer.GOING, Answer.FINE})


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence, and how it is drawn."""

    icon: str
    text: str | Markup
    look: str = ""


@dataclass(frozen=True)
class PassingOn:
    """What is to be said of one alert's way along its chain, at one moment."""

    alert: Alert
    glance: Glance
    wording: Wording
    client: str | None

    @cached_property
    def way(self) -> tuple[Passing, ...]:
        return self.alert.way

    @cached_property
    def coming(self) -> Passed | Exhausted | None:
        """Who is asked next by itself, past those who are not; or that nobody is left."""
        foretold = forecast(self.alert, self.glance.board, self.glance.now)
        return next((one for one in foretold if not isinstance(one, Skipped)), None)

    @cached_property
    def short(self) -> list[Said]:
        """What a card has room for: what comes next, and what the last one who was asked said."""
        if not self.alert.open or self.alert.state is State.RETURNED:
            return []
        return [*self._replies()[-1:], *self._next()]

    @cached_property
    def whole(self) -> list[Said]:
        """All that a page says: who answered what, who was asked last and why, and what comes next."""
        say = self.glance.say
        if not self.alert.open or self.alert.tier in CALM:
            return []
        said = [*self._replies(), *self._last(), *self._next()]
        waits = self.alert.state in {State.RAISED, State.DELIVERED}
        if not said and waits and self.coming is None:
            said = [Said("warn", say("No calling order is agreed for this home."), "warn")]
        return said

    @property
    def happened(self) -> Iterator[tuple[datetime, str]]:
        """Yield what happened on its way, for the list of what happened so far."""
        say = self.glance.say
        for one in self.alert.passing:
            match one:
                case Passed():
                    yield (
                        one.at,
                        self._fill(say("Passed on to {who}: {reason}"), who=one.to, reason=say(WHY_ASKED[one.why])),
                    )
                case Skipped():
                    yield one.at, self._fill(say("{who}: {reason}"), who=one.to, reason=say(WHY_ASKED[one.why]))
                case Exhausted():
                    yield one.at, say("Everybody has been asked")
                case Noticed() | CalledOff():
                    yield one.at, self._message(one)
                case Arrived():
                    yield one.at, self._fill(say("On the phone of {who}"), who=one.by)
                case Opened():
                    yield one.at, self._fill(say("{who} opened the message"), who=one.by)
                case Replied():
                    answer = say(ANSWERS[one.answer])
                    yield one.at, capital(self._fill(say("{who}: “{answer}”"), who=one.by, answer=answer))

    def who(self, contact: ContactId) -> str:
        """Name who is asked."""
        return who_is(self.glance, contact, self.client)

    def _message(self, one: Noticed | CalledOff) -> str:
        say = self.glance.say
        channel = self.wording.channel(one.channel)
        if isinstance(one, Noticed) and self._tried_before(one):
            channel = say("{channel} again").format(channel=channel)
        if one.refusal is not None:
            channel = f"{channel} {say(REFUSALS[one.refusal])}"
        off = isinstance(one, CalledOff)
        said = (
            say("Message to {who}, help not needed any more: {channel}") if off else say("Message to {who}: {channel}")
        )
        return self._fill(said, who=one.to, channel=channel)

    def _tried_before(self, one: Noticed) -> bool:
        """Whether this channel was tried already, since they were asked."""
        steps = [step.at for step in self.alert.passing if isinstance(step, Passed) and step.to == one.to]
        asked = max((at for at in steps if at <= one.at), default=None)
        return asked is not None and any(
            isinstance(other, Noticed) and other.to == one.to and other.channel == one.channel
            for other in self.alert.passing
            if asked <= other.at < one.at
        )

    def _replies(self) -> list[Said]:
        last = {one.by: one for one in self.way if isinstance(one, Replied)}
        return [
            Said(
                "check" if one.answer in _GOOD else "person",
                self._reply(one) + ".",
                "good" if one.answer in _GOOD else "",
            )
            for one in sorted(last.values(), key=lambda one: one.at)
        ]

    def _reply(self, one: Replied) -> str:
        say = self.glance.say
        said = self._fill(say("{who}: “{answer}”, {time}"), who=one.by, answer=say(ANSWERS[one.answer]), time=one.at)
        return capital(said)

    def _last(self) -> list[Said]:
        say = self.glance.say
        asked = [one for one in self.way if isinstance(one, Passed)]
        if not asked:
            return []
        one = asked[-1]
        reason = say(WHY_ASKED[one.why])
        return [
            Said(
                "pass",
                self._fill(say("Passed on to {who} at {time}: {reason}."), who=one.to, time=one.at, reason=reason),
            )
        ]

    def _next(self) -> list[Said]:
        say = self.glance.say
        if any(isinstance(one, Exhausted) for one in self.way):
            return [Said("warn", say("Everybody has been asked. Call somebody yourself, or 112."), "warn")]
        match self.coming:
            case Passed() as one:
                return [Said("pass", self._left(say("Goes to {who} in {left}."), one))]
            case Exhausted() as one:
                asked = [asked.to for asked in self.way if isinstance(asked, Passed)]
                if not asked:
                    return []
                return [Said("pass", self._fill(say("Last step. After {who} nobody is left to ask."), who=asked[-1]))]
            case None:
                return []

    def _left(self, template: str, one: Passed) -> Markup:
        left = Markup('<b class="shrinks" data-until="{}">{}</b>').format(
            one.at.isoformat(), self.wording.short(one.at - self.glance.now)
        )
        return Markup.escape(template).format(who=self.who(one.to), left=left)

    def _fill(self, template: str, *, who: ContactId, time: datetime | None = None, **values: str) -> str:
        if time is not None:
            values["time"] = self.wording.time(time)
        return template.format(who=self.who(who), **values)


def who_is(glance: Glance, contact: ContactId, client: str | None = None) -> str:
    """Name somebody who is, or may be, asked; the resident by their own name where that is known."""
    if contact == RESIDENT and client is not None:
        return client
    if contact in ROLES:
        return glance.say(ROLES[contact])
    return glance.names.contact(contact) or glance.say("a contact")


def out_of_order(glance: Glance) -> list[str]:
    """Say which ways to people's phones do not work: what they should carry goes another way."""
    said = []
    for channel, at in glance.board.channels.dead.items():
        named = {"channel": capital(glance.wording.channel(channel)), "time": glance.wording.moment(at, glance.now)}
        said.append(glance.say("{channel}: did not work at {time}. Messages go another way.").format(**named))
    return said
