"""One home as it is drawn: its tile on the board, and its page."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from care.records import StaffId, site_of
from care.sentences import KINDS, PRESENCES, SIGHTS, Wording
from dashboard.glance import Glance, capital, home_path
from dashboard.stories import Line, Story, lines_of
from detectors.coverage import Groups, rests_on
from detectors.findings import Presence, Sight, Status, What
from detectors.homes import Home, HomeId, Kind, Sensor

ICONS = {Presence.BED: "bed", Presence.UP: "up", Presence.OUT: "out", Presence.UNKNOWN: "unknown"}


@dataclass(frozen=True, slots=True)
class Tile:
    """One home on the board. It keeps its place whatever happens in it."""

    home: HomeId
    id: str  # of the element
    number: str
    href: str
    look: str  # classes: what is known of the person, what is seen of the home, what is asked
    icon: str
    word: str
    more: str  # what else a large tile has room for
    since: datetime | None  # a duration beside the word, if it has one
    duration: str
    holder: StaffId | str
    said: str  # all of it in words, for who listens


@dataclass(frozen=True)
class Standing:
    """How one home stands: its tile on the board, and on its page what it can and cannot tell."""

    plan: Home
    glance: Glance
    story: Story | None  # its most urgent open alert

    @property
    def id(self) -> str:
        """The home's id, as one that an element can have."""
        return self.plan.id.replace("/", ":")

    @cached_property
    def wording(self) -> Wording:
        return self.glance.wording_of(site_of(self.plan.id))

    @property
    def name(self) -> str:
        return capital(self.wording.home(self.plan.id))

    @property
    def site(self) -> str:
        return self.glance.board.plans[site_of(self.plan.id)].name

    @property
    def client(self) -> str | None:
        return self.glance.names.resident(self.plan.resident)

    @cached_property
    def status(self) -> Status | None:
        return self.glance.status(self.plan.id)

    @cached_property
    def tile(self) -> Tile:
        """The home in a word and a shape. An open alert takes the place of the rest, but never of no sight."""
        say, story, wording = self.glance.say, self.story, self.wording
        look, icon, word, since = self._in_a_word()
        said = [wording.home(self.plan.id), word]
        more = ""
        if self.status is not None and self.status.sight is Sight.PARTLY:
            look += " partly"
            more = say(SIGHTS[Sight.PARTLY])
            said.append(more)
        if since is not None:
            said.append(say("since {time}").format(time=wording.moment(since, self.glance.now)))
        if story is not None:
            look += f" {story.tier} {story.state.value}"
            icon, more = story.tier, story.sentence.title
            word = story.holder_name or (story.tier_word if story.waits else say("Over"))
            said += [story.tier_word, story.sentence.title, story.state_word, story.holder_name]
        in_bed = self.status is not None and self.status.presence is Presence.BED
        return Tile(
            home=self.plan.id,
            id=f"tile-{self.id}",
            number=self.plan.id.partition("/")[2],
            href=story.href if story is not None else home_path(self.plan.id),
            look=look,
            icon=icon,
            word=word,
            more=more,
            since=since if story is None and not in_bed else None,
            duration=wording.short(self.glance.now - since) if since is not None else "",
            holder=story.holder if story is not None else "",
            said=", ".join(part for part in said if part),
        )

    def _in_a_word(self) -> tuple[str, str, str, datetime | None]:
        """Return what is known of the person, or why nothing is: look, icon, word, and since when."""
        say, status = self.glance.say, self.status
        if status is None or status.sight is Sight.BLIND:
            return "blind", "blind", say(SIGHTS[Sight.BLIND]), None
        if status.sight is Sight.PAUSED:
            return "paused", "paused", say(SIGHTS[Sight.PAUSED]), None
        icon = ICONS[status.presence]
        return icon, icon, say(PRESENCES[status.presence]), status.since

    @property
    def sentences(self) -> list[str]:
        """Where the resident is, and how much can be seen."""
        say, status = self.wording.say, self.status
        if status is None:
            silent = self.glance.silent_since(site_of(self.plan.id))
            if silent is None:
                return [say("Nothing is known of this home yet."), say("So no alert can come from it either.")]
            since = self.wording.moment(silent, self.glance.now)
            return [
                say("Nothing has come from this building since {since}.").format(since=since),
                say("This says nothing about how the people are."),
            ]
        place = {
            Presence.BED: say("In bed"),
            Presence.UP: say("Out of bed"),
            Presence.OUT: say("Away"),
            Presence.UNKNOWN: say("Where the resident is, is not known"),
        }[status.presence]
        if status.since is not None and status.presence is not Presence.UNKNOWN:
            place = say("{place} since {since}").format(
                place=place, since=self.wording.moment(status.since, self.glance.now)
            )
        sight = {
            Sight.WATCHED: say("The sensors here are in sight."),
            Sight.PARTLY: say("Not all of this home is in sight."),
            Sight.BLIND: say("There is no sight of this home. No alert can come from it."),
            Sight.PAUSED: say("Nachtwacht is paused in this home."),
        }[status.sight]
        return [f"{place}.", sight]

    @property
    def rooms(self) -> list[tuple[str, list[tuple[str, bool]]]]:
        """Rooms with their sensors, and whether each can be heard."""
        doors = [sensor for sensor in self.plan.sensors if sensor.kind is Kind.DOOR]
        inside = [sensor for sensor in self.plan.sensors if sensor.kind is not Kind.DOOR]
        rooms = [
            (self.wording.room(self.plan, room), [self._sensor(one) for one in inside if one.room == room])
            for room in dict.fromkeys(sensor.room for sensor in inside)
        ]
        front_door = [(self.wording.say("Front door"), [self._sensor(one) for one in doors])] if doors else []
        return rooms + front_door

    def _sensor(self, sensor: Sensor) -> tuple[str, bool]:
        return capital(self.wording.sensor(sensor.kind)), self.glance.hears(self.plan, sensor)

    @property
    def kinds(self) -> list[tuple[str, str, str, str]]:
        """Each kind of alert: what it is, after how long, whether it can come now, and that in a word."""
        say, groups = self.glance.say, rests_on(self.plan)
        return [(say(KINDS[what]), self._after(what), *self._can(what, groups[what])) for what in What]

    def _after(self, what: What) -> str:
        limits = {
            What.BATH: self.plan.limits.bath,
            What.STILL: self.plan.limits.still,
            What.OOB_UNSEEN: self.plan.limits.oob_unseen,
            What.OOB_ACTIVE: self.plan.limits.oob_active,
            What.DOOR_LEFT: self.plan.limits.door,
        }
        if what not in limits:
            return self.glance.say("at once")
        after = self.wording.duration(timedelta(minutes=limits[what]))
        if what is What.OOB_ACTIVE and what in self.plan.agreed_soon:
            return self.glance.say("after {cap}, may wait").format(cap=after)
        return self.glance.say("after {cap}").format(cap=after)

    def _can(self, what: What, groups: Groups) -> tuple[str, str]:
        """Whether a kind of alert can come now, as a look and a word."""
        say = self.glance.say
        if not all(groups):
            return "none", say("no sensor for this")
        heard = [[self.glance.hears(self.plan, sensor) for sensor in group] for group in groups]
        if not all(any(group) for group in heard) or self.status is None or self.status.sight is Sight.BLIND:
            return "blind", say("no sight now")
        if self.status.sight is Sight.PAUSED and what is not What.BUTTON:
            return "paused", say("paused")
        return ("seen", say("in sight")) if all(all(group) for group in heard) else ("partly", say("partly in sight"))

    @property
    def night(self) -> str:
        return f"{self.plan.night.start:%H:%M}\u2013{self.plan.night.end:%H:%M}"

    @property
    def alerts(self) -> list[Line]:
        return lines_of(self.plan.id, self.glance)
