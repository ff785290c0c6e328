"""The course of an alert: what is being done about it, until when, what may be done next, and what happened so far."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from care.alerts import Alert, State, Tier
from care.ids import StaffId
from care.labels import ASIDES, BY_WORDS, FOLLOW_WORDS, HOW_WORDS, KINDS, OUTCOMES
from care.language import mark, words
from care.records import FOLLOWS, By, Claimed, Follow, Lapsed, Released, Shelved
from care.wording import Wording, capital
from dashboard.glance import Glance
from dashboard.wishes import First, Who, Wishes
from detectors.homes import Home

THERE_IN_MIN = (5, 10, 15, 30)  # minutes that somebody on the way may take, to choose from
THERE_IN_USUALLY_MIN = 10
ASIDE_MIN = (15, 30, 60)  # minutes that an alert may be put aside for, to choose from; or until the shift ends
SHIFT_END = "shift"  # what is chosen for that
_MINUTE = timedelta(minutes=1)
CALLS_MAX = 9  # keys there are
_SAID_BY_CALLING = {Who.HOME: (Follow.TALKING, By.PHONE), Who.NIGHT_TEAM: (Follow.COMING, By.NIGHT_TEAM)}
GOING = frozenset({Follow.COMING, Follow.NOT_REACHED})  # somebody is awaited there


@dataclass(frozen=True, slots=True)
class Event:
    """A line of what happened so far."""

    at: datetime
    clock: str
    text: str
    who: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A first tap, and the second taps that go with it."""

    value: str
    word: str
    ways: tuple[tuple[str, str], ...]
    awaited: bool = False  # whether it asks when somebody is there


@dataclass(frozen=True, slots=True)
class Call:
    """One click that calls somebody; and what is written down with it, where the click itself says enough.

    That family was called does not say that they come. So it asks for the second tap, and writes nothing.
    """

    icon: str
    name: str
    note: str
    href: str
    word: str
    step: Follow | None
    means: By | None


@dataclass(frozen=True)
class Course:
    """What people do about one alert, as everybody at the desk may read it."""

    alert: Alert
    home: Home | None
    glance: Glance
    wording: Wording

    @cached_property
    def step(self) -> str:
        """What is being done: in contact, on the way with the time it is expected, or not reached. Empty if nothing."""
        follow, say = self.alert.follow, self.glance.say
        if follow is None or not self.alert.open:
            return ""
        word, means = say(FOLLOW_WORDS[follow.follow]), say(BY_WORDS[follow.means])
        if follow.there_at is None:
            return say("{step}: {means}.").format(step=word, means=means)
        said = say("{step}: {means}, expected {time}.")
        return said.format(step=word, means=means, time=self.wording.time(follow.there_at))

    @property
    def step_icon(self) -> str:
        """How it is drawn what is being done."""
        follow = self.alert.follow
        return "" if follow is None else {"talking": "talk", "coming": "walk", "not-reached": "missed"}[follow.follow]

    @property
    def step_by(self) -> str:
        """Who said so, and when."""
        follow = self.alert.follow
        if follow is None:
            return ""
        said = self.glance.say("{who}, {time}")
        return said.format(who=self.glance.names.staff(follow.by), time=self.wording.moment(follow.at, self.glance.now))

    @property
    def awaited(self) -> str:
        """Where it stands, in a word or two of a row or a tile; empty while nothing is being done."""
        follow = self.alert.follow
        if follow is None or not self.alert.open:
            return ""
        word = self.glance.say(FOLLOW_WORDS[follow.follow])
        return word if follow.there_at is None else f"{word} {self.wording.time(follow.there_at)}"

    @property
    def lapses_at(self) -> datetime | None:
        """When it is open for everybody again, if nothing more is written down about it."""
        return self.alert.lapses_at

    @property
    def time_left(self) -> str:
        """How long that still is, rounded down."""
        at = self.alert.lapses_at
        if at is None:
            return ""
        left = at - self.glance.now
        return self.wording.short(left) if left >= _MINUTE else self.wording.duration(left)

    @property
    def lapses(self) -> tuple[str, str]:
        """That sentence in two parts, around the time that is left."""
        before, _, after = self.glance.say("{left} to go, then this alert is open for everybody again.").partition(
            "{left}"
        )
        return before, after

    @property
    def opened_again(self) -> str:
        """That nothing was written down for so long that it is open again; of whom is nobody's business here."""
        lapsed = self.alert.forgotten
        if lapsed is None:
            return ""
        since = max((hold.at for hold in self.alert.holds if isinstance(hold, Claimed)), default=lapsed.at)
        done = [one.at for one in self.alert.follows if since <= one.at <= lapsed.at]
        quiet = self.wording.short(lapsed.at - max([since, *done]))
        return self.glance.say("Open again: nothing written down for {span}.").format(span=quiet)

    @property
    def aside(self) -> str:
        """Until when it is put aside, and why."""
        shelf = self.alert.shelf
        if shelf is None:
            return ""
        said = self.glance.say("Aside, comes back at {time}: {reason}.")
        return said.format(time=self.wording.time(shelf.until), reason=self.glance.say(ASIDES[shelf.why]))

    @property
    def aside_reason(self) -> str:
        shelf = self.alert.shelf
        return "" if shelf is None else capital(self.glance.say(ASIDES[shelf.why]))

    @property
    def aside_by(self) -> str:
        shelf = self.alert.shelf
        return "" if shelf is None else self.glance.names.staff(shelf.by)

    @property
    def back_at(self) -> str:
        """When it comes back from where it was put aside."""
        shelf = self.alert.shelf
        return "" if shelf is None else self.wording.time(shelf.until)

    @property
    def times(self) -> str:
        """How many things were found that are all this one alert; empty for one."""
        n = len(self.alert.findings)
        if n == 1:
            return ""
        said = words(self.glance.language).ngettext("Seen {n} time: one alert.", "Seen {n} times: one alert.", n)
        return said.format(n=n)

    # What may be done next

    @property
    def follows(self) -> list[Choice]:
        """What may be said to be done, in two taps."""
        say = self.glance.say
        return [
            Choice(
                follow.value,
                say(FOLLOW_WORDS[follow]),
                tuple((means.value, say(BY_WORDS[means])) for means in FOLLOWS[follow]),
                awaited=follow in GOING,
            )
            for follow in Follow
        ]

    @property
    def there_in(self) -> list[tuple[int, str, bool]]:
        """In how many minutes somebody may be there: the number, the word, and whether that is the usual one."""
        return [(n, self.wording.count(self.glance.say("{n} min"), n), n == THERE_IN_USUALLY_MIN) for n in THERE_IN_MIN]

    @property
    def asides(self) -> list[tuple[str, str]]:
        """Why it may be put aside."""
        return [(why.value, capital(self.glance.say(word))) for why, word in ASIDES.items()]

    @property
    def until(self) -> list[tuple[str, str]]:
        """For how long it may be put aside."""
        spans = [(str(n), self.wording.duration(timedelta(minutes=n))) for n in ASIDE_MIN]
        return [*spans, (SHIFT_END, self.glance.say("until the end of the shift"))]

    @property
    def urgent(self) -> bool:
        """Whether it must not be put aside."""
        return self.alert.tier is Tier.ACUTE

    @property
    def may_wait(self) -> bool:
        """Whether it may be put aside now."""
        return self.alert.open and not self.urgent and self.alert.state is not State.SHELVED

    # Who is called

    @cached_property
    def wishes(self) -> Wishes:
        return self.glance.names.wishes(self.home.resident) if self.home is not None else Wishes()

    @property
    def first(self) -> str:
        """What this resident wants done first."""
        return self.glance.say(_FIRST[self.wishes.first]) if self.wishes.first is not None else ""

    @property
    def calls(self) -> list[Call]:
        """Whom one click calls, numbered as the keys are: the client first, by screen and by phone."""
        say, wishes = self.glance.say, self.wishes
        calls = []
        if wishes.video:
            named = say("Video call with the client")
            calls.append(Call("video", named, "", wishes.video, say("Video"), Follow.TALKING, By.VIDEO))
        for one in sorted(wishes.called, key=lambda one: one.who is not Who.HOME):
            name = say("Phone in the home") if one.who is Who.HOME else one.name or capital(say(_WHO[one.who]))
            role = f"{say(_WHO[one.who])} · " if one.name else ""
            step, means = _SAID_BY_CALLING.get(one.who, (None, None))
            calls.append(Call("phone", name, f"{role}{one.phone}", one.href, say("Call"), step, means))
        return calls[:CALLS_MAX]

    # What happened so far

    @property
    def events(self) -> list[Event]:
        """What happened so far, oldest first."""
        happened = (*self._seen(), *self._held(), *self._done(), *self._shelved(), *self._closed())
        return sorted(happened, key=lambda event: event.at)

    def _seen(self) -> Iterator[Event]:
        say, alert = self.glance.say, self.alert
        for finding in alert.findings:
            yield self.event(finding.at, self.wording.title(finding, self.home))
        for cleared in alert.cleared:
            yield self.event(cleared.at, say("{kind}: over by itself").format(kind=say(KINDS[cleared.what])))
        if alert.delivered:
            screens = len({one.screen for one in alert.delivered})
            on = words(self.glance.language).ngettext("Shown on {n} screen", "Shown on {n} screens", screens)
            yield self.event(min(one.at for one in alert.delivered), on.format(n=screens))
        for one in alert.fell_back:
            said = say("The building gave a warning itself: {channel}")
            if one.took is False:
                said = say("The building could not send a warning: {channel}")
            yield self.event(one.at, said.format(channel=self.wording.channel(one.channel)))

    def _held(self) -> Iterator[Event]:
        say = self.glance.say
        for deed, before, _ in self.alert.handed:
            if isinstance(deed, Released | Lapsed):
                yield self._gone(deed)
            else:
                yield self.event(deed.at, say("Taken over") if before is not None else say("Claimed"), deed.by)

    def _gone(self, hold: Released | Lapsed) -> Event:
        if isinstance(hold, Lapsed):  # no name: that it was forgotten is told to whoever had it, and to nobody else
            return self.event(hold.at, self.glance.say("Open for everybody again: nothing was written down"))
        return self.event(hold.at, self.glance.say("Given back"), hold.by)

    def _done(self) -> Iterator[Event]:
        say = self.glance.say
        for one in self.alert.follows:
            word, means = say(FOLLOW_WORDS[one.follow]), say(BY_WORDS[one.means])
            if one.there_at is None:
                yield self.event(one.at, f"{word}: {means}", one.by)
            else:
                said = say("{step}: {means}, expected {time}")
                time = self.wording.time(one.there_at)
                yield self.event(one.at, said.format(step=word, means=means, time=time), one.by)

    def _shelved(self) -> Iterator[Event]:
        say = self.glance.say
        for one in self.alert.shelves:
            if isinstance(one, Shelved):
                said = say("Put aside until {time}: {reason}")
                reason = say(ASIDES[one.why])
                yield self.event(one.at, said.format(time=self.wording.time(one.until), reason=reason), one.by)
            elif one.by is None:
                yield self.event(one.at, say("Back by itself"))
            else:
                yield self.event(one.at, say("Taken back"), one.by)

    def _closed(self) -> Iterator[Event]:
        closed, say = self.alert.resolved, self.glance.say
        if closed is not None:
            said = say("{outcome}: {how}")
            outcome, how = say(OUTCOMES[closed.outcome]), say(HOW_WORDS[closed.how])
            yield self.event(closed.at, said.format(outcome=outcome, how=how), closed.by)

    def event(self, at: datetime, text: str, by: StaffId | None = None) -> Event:
        """Return a line of what happened."""
        who = self.glance.names.staff(by) if by is not None else ""
        return Event(at, self.wording.moment(at, self.glance.now), text, who)


_WHO: dict[Who, str] = {
    Who.HOME: mark("the client"),
    Who.NEIGHBOUR: mark("neighbour"),
    Who.FAMILY: mark("family or a friend"),
    Who.NIGHT_TEAM: mark("night team"),
}

_FIRST: dict[First, str] = {
    First.VIDEO: mark("First call by video."),
    First.PHONE: mark("First call by phone."),
    First.WAIT: mark("First wait a few minutes."),
    First.NEIGHBOUR: mark("First call the neighbour."),
    First.FAMILY: mark("First call family or a friend."),
    First.VISIT: mark("Go and see at once."),
}

NOT_ASIDE = mark("An urgent alert cannot be put aside. Close it, or give it back.")
"""What is said to who tries to put aside what is urgent."""
