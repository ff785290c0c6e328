"""What is said of messages: which ways to people's phones work, and what reached each person and what did not."""

from dataclasses import dataclass
from datetime import datetime

from care.asking import Refusal, Skipped, Why
from care.board import Board
from care.chains import BACK_UP, NIGHT_TEAM, RESIDENT
from care.database import Database
from care.ids import ContactId, MessageId
from care.language import mark
from care.messages import HOURLY, NIGHTLY, Carried, Held, Kind, ToTell
from care.records import site_of
from care.wording import capital
from dashboard import contacts, push
from dashboard.glance import Glance
from dashboard.passing import REFUSALS, who_is
from dashboard.people import Names
from detectors.homes import Home, HomeId

LINES_MAX = 12  # of one person

KINDS: dict[Kind, str] = {
    Kind.MORNING: mark("Message about the night"),
    Kind.CONTACTED: mark("Message that there was contact"),
    Kind.LOOKED: mark("Message that somebody looked in an emergency"),
    Kind.INVITED: mark("Invitation"),
    Kind.TEST: mark("Test message"),
}

HELD: dict[Why, str] = {
    Why.ENOUGH: mark("enough messages for now"),
    Why.QUIET: mark("quiet hours"),
}
"""Why something is kept from somebody, as their own page says it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One way to people's phones."""

    name: str
    title: str
    state: str
    look: str  # good, warn, or nothing where it is not known
    tested: bool  # whether it has an address for its test


@dataclass(frozen=True, slots=True)
class Way:
    """One way to one person."""

    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a message."""

    clock: str
    text: str
    good: bool = False
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of a home who can get messages."""

    id: ContactId
    anchor: str
    name: str
    ways: list[Way]
    events: list[Event]
    on_duty: bool  # they get every message
    hourly: int
    nightly: int
    since: str
    until: str
    said: str  # what of it they said themselves, or that it is as for everybody


@dataclass(frozen=True, slots=True)
class Leads:
    """Says to which page a message leads: that of whom it is for. Whose it is the device knows, and no path says."""

    board: Board
    db: Database

    def __call__(self, told: ToTell) -> str:
        """Return the path. Who is neither a resident nor a contact signs in first."""
        home = None if told.home is None else self.board.homes.get(told.home)
        if home is not None and str(told.to) == home.resident:
            return "/mine"
        return "/with" if contacts.known(self.db, told.to) is not None else "/"


def glance_of(board: Board, db: Database, now: datetime, language: str) -> Glance:
    """Return what the pages about messages are drawn by."""
    return Glance(board, Names(db), now, language)


def lines(glance: Glance, db: Database) -> list[Line]:
    """Return every way to people's phones, and whether it works."""
    found = []
    for name, one in contacts.channels(db).items():
        last = glance.board.channels.last(name)
        if last is None:
            state, look = glance.say("Not used yet."), ""
        elif last.refusal is None:
            state, look = glance.say("Took a message at {time}."), "good"
        elif last.refusal is Refusal.NO_ANSWER:
            state, look = glance.say("Gave no answer at {time}."), "warn"
        else:
            state, look = glance.say("Took nothing at {time}: {reason}."), "warn"
        values = {} if last is None else {"time": glance.wording.moment(last.at, glance.now)}
        if last is not None and last.refusal is not None:
            values["reason"] = glance.say(REFUSALS[last.refusal])
        found.append(Line(name, capital(glance.wording.channel(name)), state.format(**values), look, bool(one.test_to)))
    return found


def whom(db: Database, home: Home) -> list[ContactId]:
    """Return whoever can get messages about a home: who lives there, their contacts, and who is on duty."""
    known = [one.id for one in contacts.of(db, home.resident)]
    return [ContactId(home.resident), *known, *(_addressed(db, one, home.id) for one in (NIGHT_TEAM, BACK_UP))]


def on_duty(home: HomeId) -> frozenset[ContactId]:
    """Return those who are on duty for a home, as they are addressed."""
    roles = (NIGHT_TEAM, BACK_UP)
    return frozenset((*roles, *(ContactId(f"{one}@{site_of(home)}") for one in roles)))


def people(glance: Glance, db: Database, home: Home) -> list[Person]:
    """Return whoever can get messages about a home, with what reached them and what did not."""
    return [_person(glance, db, home, who) for who in whom(db, home)]


def last_of(glance: Glance, who: ContactId) -> Event | None:
    """Return what last happened to what somebody was last to be told; None if there was nothing lately."""
    known = glance.board.messages
    newest = next(iter(known.lately(who)), None)
    return None if newest is None else _of_message(glance, newest, known.told(newest))[-1][1]


def anchor(who: ContactId) -> str:
    """Return where somebody stands on the page."""
    return f"to-{who.replace('@', '-')}"


def _addressed(db: Database, role: ContactId, home: HomeId) -> ContactId:
    """Return a role as it has addresses: that of one site goes before that of all."""
    of_site = ContactId(f"{role}@{site_of(home)}")
    return of_site if contacts.ways(db, of_site) else role


def _person(glance: Glance, db: Database, home: Home, who: ContactId) -> Person:
    wish, duty = glance.board.messages.wanted(who), who in on_duty(home.id)
    quiet = None if wish is None else wish.quiet
    said = glance.say("As for everybody.")
    if wish is not None:
        said = glance.say("Written down on {date}.").format(date=glance.wording.date(wish.at))
    return Person(
        id=who,
        anchor=anchor(who),
        name=capital(_name(glance, home, who)),
        ways=[Way(one, _way(glance, db, who, one)) for one in contacts.ways(db, who)],
        events=_events(glance, home, who),
        on_duty=duty,
        hourly=HOURLY if wish is None else wish.hourly,
        nightly=NIGHTLY if wish is None else wish.nightly,
        since="" if quiet is None else f"{quiet[0]:%H:%M}",
        until="" if quiet is None else f"{quiet[1]:%H:%M}",
        said=said,
    )


def _name(glance: Glance, home: Home, who: ContactId) -> str:
    if str(who) == home.resident:
        return who_is(glance, RESIDENT, glance.names.resident(home.resident))
    return who_is(glance, ContactId(who.partition("@")[0]))


def _way(glance: Glance, db: Database, who: ContactId, channel: str) -> str:
    title = capital(glance.wording.channel(channel))
    browsers = len(push.of(db, who)) if contacts.channels(db)[channel].url == push.URL else 0
    return f"{title} ({browsers})" if browsers > 1 else title


def _events(glance: Glance, home: Home, who: ContactId) -> list[Event]:
    """Say what happened to the messages of somebody, the newest first."""
    known = glance.board.messages
    said: list[tuple[datetime, Event]] = []
    for message in known.lately(who)[:LINES_MAX]:
        said += _of_message(glance, message, known.told(message))
    for one in known.held_since(datetime.min.replace(tzinfo=glance.now.tzinfo))[0]:
        if one.home == home.id and glance.board.person(one.to, one.home) == who:
            said.append((one.at, _event(glance, one.at, _held_step(glance, one))))
    return [event for _, event in sorted(said, key=lambda one: one[0], reverse=True)[:LINES_MAX]]


def _of_message(glance: Glance, message: MessageId, told: ToTell) -> list[tuple[datetime, Event]]:
    """Say what happened to one message."""
    known, kind = glance.board.messages, glance.say(KINDS[told.kind])
    said = []
    for one in known.way(message):
        match one:
            case Carried(refusal=None):
                text = glance.say("{kind}: {channel} took it").format(
                    kind=kind, channel=glance.wording.channel(one.channel)
                )
                said.append((one.at, _event(glance, one.at, text, good=True)))
            case Carried():
                channel = glance.wording.channel(one.channel) if one.channel else glance.say("no way to reach them")
                assert one.refusal is not None
                text = f"{kind}: {channel}, {glance.say(REFUSALS[one.refusal])}"
                said.append((one.at, _event(glance, one.at, text, bad=True)))
            case Held():
                reason, until = glance.say(HELD[one.why]), glance.wording.moment(one.until, glance.now)
                text = glance.say("{kind}: held back until {time}, {reason}").format(
                    kind=kind, time=until, reason=reason
                )
                said.append((one.at, _event(glance, one.at, text)))
    if not said:
        said.append((told.at, _event(glance, told.at, glance.say("{kind}: on its way").format(kind=kind))))
    return said


def _held_step(glance: Glance, one: Skipped) -> str:
    return capital(glance.say("not asked about an alert: {reason}").format(reason=glance.say(HELD[one.why])))


def _event(glance: Glance, at: datetime, text: str, *, good: bool = False, bad: bool = False) -> Event:
    return Event(glance.wording.moment(at, glance.now), text, good, bad)
