"""One alert as it is told: on its card, on its page and in a list, with everything said and nothing left to look up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from care.alerts import CALM, Alert, State
from care.ids import AlertId, StaffId
from care.labels import HOW_WORDS, OUTCOMES, PRESENCES, STATES, TIERS
from care.language import words
from care.records import CENTRE, HOWS, site_of
from care.sentences import Sentence, tell
from care.telling import EQUIPMENT, Piece, ended_at, of_one_evening
from care.wording import Wording, capital, natural
from dashboard import pictures
from dashboard.course import Course, Event
from dashboard.glance import ICONS, Glance, home_path
from dashboard.passing import PassingOn
from dashboard.pictures import CARD, Picture
from detectors.findings import BUILDING, BY_CENTRE, Presence, Sight, What
from detectors.homes import Home, HomeId, SensorId, is_building

ONE_PICTURE = timedelta(minutes=100)  # a longer evening is drawn twice: as a whole, and its end close by
CALLED_MAX = 6  # homes named on a card
ALERTS_LISTED = 20  # of one home, newest first

_AT_ONCE = (
    frozenset({What.BUTTON, What.DOOR_ARRIVED, What.SENSOR_STORM, What.BATTERY, What.LINK_WEAK}) | BUILDING
) - BY_CENTRE
_NO_SENSORS = frozenset({What.BUILDING_SILENT, What.BROKER_LOST})
_AFTER_THE_NIGHT = frozenset({What.RESTLESS, What.NOCTURIA, What.SHIFT, What.DECLINE})
_UNSEEN = frozenset({What.SENSOR_SILENT, What.SENSOR_STUCK})
_LEARNED = _AFTER_THE_NIGHT | {What.DAY_INACTIVE, What.LATE_RISE}


@dataclass(frozen=True, slots=True)
class Line:
    """An alert in a list."""

    href: str
    when: str
    icon: str
    title: str
    ending: str


@dataclass(frozen=True)
class Story:
    """One alert, with all that is known and may be said of it at this moment."""

    alert: Alert
    glance: Glance

    @property
    def id(self) -> AlertId:
        return self.alert.id

    @property
    def href(self) -> str:
        return f"/alerts/{self.alert.id}"

    @property
    def tier(self) -> str:
        return self.alert.tier.value

    @property
    def calm(self) -> bool:
        """Whether it asks nothing of the night desk now."""
        return self.alert.tier in CALM

    @property
    def tier_word(self) -> str:
        return self.glance.say(TIERS[self.alert.tier])

    @property
    def head_word(self) -> str:
        """When to act; once there is nothing to do, that."""
        return self.tier_word if self.alert.open else capital(self.state_word)

    @cached_property
    def plan_home(self) -> Home | None:
        return self.glance.board.homes.get(self.alert.home)

    @cached_property
    def wording(self) -> Wording:
        return self.glance.wording_of(site_of(self.alert.home))

    @property
    def where(self) -> str:
        """Home and building, by number and name."""
        plan = self.glance.board.plans.get(site_of(self.alert.home))
        return " · ".join([self.wording.home(self.alert.home), *([plan.name] if plan else [])])

    @property
    def home_href(self) -> str | None:
        return home_path(self.alert.home) if self.plan_home is not None else None

    @cached_property
    def client(self) -> str | None:
        return self.glance.names.resident(self.plan_home.resident) if self.plan_home is not None else None

    @cached_property
    def blind(self) -> tuple[SensorId, ...]:
        """The sensors that cannot be heard now; those of the finding once the alert is over."""
        status = self.glance.board.statuses.get(self.alert.home)
        return status.blind if status is not None and self.alert.open else self.alert.main.blind

    @cached_property
    def sentence(self) -> Sentence:
        return tell(
            self.alert,
            self.plan_home,
            self.client,
            now=self.glance.now,
            wording=self.wording,
            blind=self.blind,
            silent_since=self.silent_since,
        )

    @property
    def silent_since(self) -> datetime | None:
        """Since when nothing can be heard of what it is about; of what the centre says itself that is no lack."""
        if not self.alert.open or self.alert.main.what in BY_CENTRE:
            return None
        return self.glance.silent_since(site_of(self.alert.home))

    @property
    def no_sight(self) -> str | None:
        """That the building itself cannot be heard, if so."""
        if self.silent_since is None:
            return None
        said = self.wording.say("Nothing has come from this building since {since}. What happens there cannot be seen.")
        return said.format(since=self.wording.time(self.silent_since))

    @property
    def settling(self) -> bool:
        """Whether it is late news of a building that is still telling of the past: it may be over already."""
        return self.alert.late is not None and site_of(self.alert.home) in self.glance.board.behind

    @property
    def late(self) -> str | None:
        """That it came late, if so."""
        if self.alert.late is None:
            return None
        return self.glance.say("arrived {delay} late").format(delay=self.wording.duration(self.alert.late))

    @property
    def fell_back(self) -> str | None:
        """That the building called for help itself, if so."""
        went_out = [one for one in self.alert.fell_back if one.took is not False]
        if not went_out:
            return None
        first = went_out[0]
        channels = self.wording.every(list(dict.fromkeys(self.wording.channel(one.channel) for one in went_out)))
        said = self.wording.say("The building gave a warning itself at {time}: {channels}.")
        return said.format(time=self.wording.moment(first.at, self.glance.now), channels=channels)

    @cached_property
    def perhaps_up(self) -> list[Line]:
        """Who was not known to be in bed when their building fell silent: the ones to call first."""
        main, say = self.alert.main, self.wording.say
        if main.what is not What.BUILDING_SILENT or not self.alert.standing:
            return []
        lines = []
        site = site_of(self.alert.home)
        for home in sorted(self.glance.board.homes.values(), key=lambda one: natural(one.id)):
            status = self.glance.board.statuses.get(home.id)
            known = status is not None and (status.presence is Presence.BED or status.sight is Sight.PAUSED)
            if known or site not in {site_of(home.id), CENTRE}:
                continue
            presence = Presence.UNKNOWN if status is None else status.presence
            since = "" if status is None or status.since is None else self.wording.time(status.since)
            client = self.glance.names.resident(home.resident)
            named = " · ".join(one for one in (client, self.wording.home(home.id)) if one)
            lines.append(Line(home_path(home.id), since, ICONS[presence], named, say(PRESENCES[presence])))
        return lines

    @property
    def call_first(self) -> str:
        """Those to call first, as a card has room for them."""
        named = [line.title for line in self.perhaps_up]
        more = len(named) - CALLED_MAX
        shown = ", ".join(named[:CALLED_MAX])
        if more > 0:
            return self.wording.say("Call first: {homes}, and {n} more.").format(homes=shown, n=more)
        return self.wording.say("Call first: {homes}.").format(homes=shown) if named else ""

    @property
    def earlier_title(self) -> str:
        """What the list of earlier alerts is called."""
        if is_building(self.alert.home):
            return self.glance.say("Other alerts of this building")
        return self.glance.say("Other alerts of this home")

    @cached_property
    def belonging(self) -> list[Line]:
        """The alerts that this one explains, oldest first."""
        return [Story(one, self.glance).line for one in self.glance.folded.get(self.alert.id, ())]

    @cached_property
    def passing(self) -> PassingOn:
        """To whom it goes, and went."""
        return PassingOn(self.alert, self.glance, self.wording, self.client)

    @property
    def belongs(self) -> str:
        """How many alerts this one explains."""
        n = len(self.belonging)
        said = words(self.glance.language).ngettext(
            "{n} other fault belongs to this.", "{n} other faults belong to this.", n
        )
        return said.format(n=n)

    def picture(self, size: pictures.Size) -> Picture | None:
        if self.plan_home is None or not self.plan_home.sensors or not of_one_evening(self.alert.main):
            return None
        return pictures.draw(
            self.alert,
            self.plan_home,
            now=self.glance.now,
            wording=self.wording,
            size=size,
            blind=self.blind,
            silent_since=self.silent_since,
        )

    @property
    def card_picture(self) -> Picture | None:
        return self.picture(CARD)

    @property
    def page_pictures(self) -> list[tuple[str, Picture]]:
        """The evening and what led to the alert beside each other; above each other on a narrow screen."""
        whole = self.picture(pictures.SINGLE)
        if whole is None:
            return []
        if whole.end - whole.start < ONE_PICTURE:
            sizes = {"single wide": pictures.SINGLE, "close narrow": pictures.PHONE}
        else:
            sizes = {
                "whole wide": pictures.WHOLE,
                "close wide": pictures.CLOSE,
                "close narrow": pictures.PHONE,
                "whole narrow": pictures.PHONE_WHOLE,
            }
        drawn = [(look, self.picture(size)) for look, size in sizes.items()]
        return [(look, picture) for look, picture in drawn if picture is not None]

    @property
    def state(self) -> State:
        return self.alert.state

    @property
    def state_word(self) -> str:
        if self.waits and (self.alert.reopened or self.alert.forgotten is not None):
            return self.glance.say("open again")
        if self.alert.state is State.SHELVED:
            return self.glance.say("aside until {time}").format(time=self.course.back_at)
        return self.glance.say(STATES[self.alert.state])

    @property
    def turn(self) -> str:
        """Which time it asks for a person: an alert that opened again must be shown again."""
        again = [self.alert.forgotten, self.alert.resolved if self.alert.reopened else None]
        return max((one.at.isoformat() for one in again if one is not None), default="")

    @property
    def waits(self) -> bool:
        return self.alert.state in {State.RAISED, State.DELIVERED}

    @property
    def aside(self) -> bool:
        return self.alert.state is State.SHELVED

    @property
    def in_a_word(self) -> str:
        """Where it stands, as a tile has room for: who has it, or when to act, or that it is aside or over."""
        say = self.glance.say
        if self.holder_name:
            return self.holder_name
        return self.tier_word if self.waits else say("Aside") if self.aside else say("Over")

    @property
    def open(self) -> bool:
        return self.alert.open

    @property
    def holder(self) -> StaffId | str:
        return self.alert.holder or "" if self.alert.open else ""

    @property
    def mine(self) -> bool:
        return self.glance.viewer is not None and self.holder == self.glance.viewer.staff

    @property
    def holder_name(self) -> str:
        return self.glance.names.staff(self.alert.holder) if self.alert.holder is not None else ""

    @property
    def held_since(self) -> str:
        return self.wording.time(self.alert.held_since) if self.alert.held_since is not None else ""

    @property
    def raised_at(self) -> datetime:
        return self.alert.raised_at

    @property
    def raised(self) -> str:
        return self.wording.moment(self.alert.raised_at, self.glance.now)

    @property
    def open_for(self) -> str:
        return self.wording.short(self.glance.now - self.alert.raised_at)

    @property
    def ended(self) -> str | None:
        """When it was over by itself."""
        at = ended_at(self.alert)
        return self.wording.time(at) if at is not None else None

    @property
    def ending(self) -> str | None:
        """How it was closed: outcome, how that is known, by whom and when."""
        closed = self.alert.resolved
        if closed is None or self.alert.open:
            return None
        said = self.glance.say("{outcome}: {how}. Closed by {who} at {time}.")
        return said.format(
            outcome=self.glance.say(OUTCOMES[closed.outcome]),
            how=self.glance.say(HOW_WORDS[closed.how]),
            who=self.glance.names.staff(closed.by),
            time=self.wording.time(closed.at),
        )

    @property
    def outcomes(self) -> list[tuple[str, str, list[tuple[str, str]]]]:
        """What to choose from in two taps."""
        say = self.glance.say
        return [
            (outcome.value, say(OUTCOMES[outcome]), [(how.value, say(HOW_WORDS[how])) for how in hows])
            for outcome, hows in HOWS.items()
        ]

    @property
    def agreed(self) -> str:
        """After how long the care plan asks for an alert."""
        main, limit = self.alert.main, self.alert.main.limit
        if main.what in EQUIPMENT:
            return self.wording.say("None: this is about the equipment.")
        if limit is None and main.what in _LEARNED:
            return self.wording.say("No fixed limit: it is learned from what is usual here.")
        if limit is None:
            return self.wording.say("No limit: this is always told.")
        cap = self.wording.duration(timedelta(minutes=limit))
        return self.wording.say("Care plan: alert after {cap}.").format(cap=cap)

    @property
    def sight(self) -> list[str]:  # noqa: PLR0911  # one line for each
        """What cannot be seen here, thing by thing."""
        if self.silent_since is not None:
            return [self.wording.say("No sight of the whole building.")]
        if self.alert.main.what in _NO_SENSORS and self.alert.standing:
            return [self.wording.say("No sight of the whole building.")]
        if self.alert.main.what is What.BRIDGE_LOST and self.alert.standing:
            return [self.wording.say("Not everything here can be seen.")]
        if self.alert.main.what in BUILDING:
            return [self.wording.say("No sensor is missing because of this.")]
        if self.alert.main.what is What.GATEWAY_GAP:
            return [self.wording.say("There is no sight of this home.")]
        about = self.sentence.seen[:1] if self.alert.main.what in _UNSEEN and self.ended is None else ()
        named = [piece.values for piece in (*about, *self.sentence.no_sight) if "sensor" in piece.values]
        if named:
            said = self.wording.say("No sight: {sensor} {in_room}.")
            return [said.format(sensor=one["sensor"], in_room=one["in_room"]) for one in named]
        if self.sentence.no_sight:
            return [self.wording.say("Not everything here can be seen.")]
        return [self.wording.say("No sensor of this home is missing.")]

    @property
    def could_also(self) -> str:
        piece = self.sentence.could_also
        return capital(piece.values["reasons"]) + "." if piece is not None else ""

    @property
    def why_now(self) -> list[Piece | str]:
        main, say = self.alert.main, self.wording.say
        if main.what in _AT_ONCE:
            told = say("A call for help is told at once.") if main.what is What.BUTTON else say("This is told at once.")
            return [told, *self._beside()]
        if main.what is What.BUILDING_SILENT:
            seconds = int((main.at - main.since).total_seconds())
            told = say("This is told after {n} seconds without a sign of life.").format(n=seconds)
            return [told, *self._beside()]
        if main.what in _AFTER_THE_NIGHT:
            return [say("This was seen once the night was over."), *self.sentence.usual, *self._beside()]
        agreed = main.limit if not main.early and main.what not in EQUIPMENT else None
        lasted = timedelta(minutes=agreed) if agreed is not None else main.at - main.since
        reached = say("At {time} it had lasted {cap}.")
        if main.what is What.LATE_RISE:
            reached = say("At {time} it was {cap} later than usual.")
        told = reached.format(time=self.wording.time(main.at), cap=self.wording.duration(lasted))
        return [told, *self.sentence.usual, *self._beside()]

    def _beside(self) -> list[Piece]:
        return [piece for piece in (self.sentence.door, self.sentence.late) if piece is not None]

    @cached_property
    def course(self) -> Course:
        """What people do about it."""
        return Course(self.alert, self.plan_home, self.glance, self.wording)

    @property
    def events(self) -> list[Event]:
        """What happened so far, oldest first."""
        passing = [Event(at, self.wording.moment(at, self.glance.now), text) for at, text in self.passing.happened]
        return sorted([*self.course.events, *passing], key=lambda event: event.at)

    @property
    def line(self) -> Line:
        """The alert as one of those of its home."""
        when = f"{self.wording.date(self.alert.raised_at)} {self.wording.time(self.alert.raised_at)}"
        return Line(self.href, when, self.tier, self.sentence.title, self._ending_in_short())

    def _ending_in_short(self) -> str:
        if self.alert.open or self.alert.resolved is None:
            return self.state_word
        return self.glance.say(OUTCOMES[self.alert.resolved.outcome])

    @property
    def earlier(self) -> list[Line]:
        """Other alerts of this home, newest first."""
        return [line for line in lines_of(self.alert.home, self.glance) if line.href != self.href]

    @property
    def announced(self) -> str:
        """The alert in one breath, for who listens."""
        return f"{self.tier_word}: {self.sentence.title}. {self.where}."


def lines_of(home: HomeId, glance: Glance) -> list[Line]:
    """Return the latest alerts of a home, newest first."""
    return [Story(alert, glance).line for alert in glance.board.alerts_of(home)[:ALERTS_LISTED]]
