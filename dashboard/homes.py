"""One home as it is drawn: its tile on the board, and on its page what can be seen there, and what cannot, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from care import sights
from care.alerts import Tier
from care.ids import StaffId
from care.labels import DOUBTS, KINDS, PRESENCES, SIGHTS, WHYS
from care.language import mark
from care.records import site_of
from care.sights import Can
from care.telling import AT_NIGHT, EQUIPMENT, UP
from care.wording import Wording, capital
from dashboard.agreements import Agreements
from dashboard.glance import ICONS, Glance, home_path
from dashboard.measures import Watching
from dashboard.nights import Album
from dashboard.pauses import Pausing
from dashboard.stories import Line, Story, lines_of
from dashboard.strips import Strips
from detectors.coverage import rests_on, told_by
from detectors.findings import Presence, Sight, Status, What
from detectors.homes import Home, HomeId, Kind, RoomKind, Sensor

_PAD = ("bed", mark("no bed sensor"))
_BED = ("bed", mark("no bed sensor, and no motion sensor in the bedroom"))
_WASHING = ("bath", mark("no motion sensor in the bathroom or toilet"))
_VISITS = ("bath", mark("no sensor in the bathroom or toilet"))
_ABOUT = ("motion", mark("no motion sensor in living room, kitchen or hall"))
_ELSEWHERE = ("motion", mark("no bed sensor, and no motion sensor in another room"))
_MOTION = ("motion", mark("no motion sensor"))
_MOVES = ("motion", mark("no sensor that sees somebody moving"))
_DOOR = ("door", mark("no door sensor at the front door"))
_BUTTON = ("help", mark("no help button"))
_ANY = ("technical", mark("no sensor"))

RESTS: dict[What, tuple[tuple[tuple[str, str], ...], str]] = {
    What.BATH: ((_WASHING, _ELSEWHERE), mark("how long somebody stays there cannot be told")),
    What.STILL: ((_BED, _ABOUT), mark("whether somebody who is up still moves cannot be told")),
    What.OOB_UNSEEN: ((_PAD, _ABOUT), mark("whether somebody left bed and is seen nowhere cannot be told")),
    What.OOB_ACTIVE: ((_BED, _ABOUT), mark("whether somebody stays up cannot be told")),
    What.DOOR_LEFT: ((_DOOR, _MOTION), mark("whether somebody went outside cannot be told")),
    What.DOOR_ARRIVED: ((_DOOR, _MOTION), mark("whether somebody came in cannot be told")),
    What.BUTTON: ((_BUTTON,), mark("nobody can ask for help with it")),
    What.DAY_INACTIVE: ((_ABOUT,), mark("whether it is quiet for long by day cannot be told")),
    What.LATE_RISE: ((_ELSEWHERE,), mark("whether somebody is up cannot be told")),
    What.RESTLESS: ((_BED,), mark("how often somebody leaves bed cannot be told")),
    What.NOCTURIA: ((_BED, _VISITS), mark("visits at night cannot be counted")),
    What.SHIFT: ((_MOVES,), mark("bedtimes cannot be told")),
    What.DECLINE: ((_MOVES,), mark("how much somebody moves cannot be told")),
    What.SENSOR_SILENT: ((_ANY,), mark("there is nothing to tell of")),
    What.SENSOR_STUCK: (((_ANY[0], mark("no bed sensor and no motion sensor")),), mark("there is nothing to tell of")),
    What.SENSOR_STORM: ((_ANY,), mark("there is nothing to tell of")),
    What.GATEWAY_GAP: ((_ANY,), mark("there is nothing to tell of")),
    What.BATTERY: ((_ANY,), mark("there is nothing to tell of")),
    What.LINK_WEAK: ((_ANY,), mark("there is nothing to tell of")),
}
"""For each kind, group by group as `detectors.coverage` has them: what is drawn and what is lacking; then what for."""

GROUPS = (
    ("moon", mark("At night"), AT_NIGHT),
    ("day", mark("By day"), (What.LATE_RISE, What.DAY_INACTIVE)),
    ("weeks", mark("Over weeks"), (What.RESTLESS, What.NOCTURIA, What.SHIFT, What.DECLINE)),
    (
        "technical",
        mark("Technical"),
        (
            What.SENSOR_SILENT,
            What.SENSOR_STUCK,
            What.SENSOR_STORM,
            What.GATEWAY_GAP,
            What.BATTERY,
            What.LINK_WEAK,
        ),
    ),
)

_LEARNED: dict[What, str] = {
    What.DOOR_ARRIVED: mark("at once"),
    What.BUTTON: mark("at once, by day too"),
    What.LATE_RISE: mark("later than usual here: that is learned"),
    What.DAY_INACTIVE: mark("longer than usual at that hour: that is learned"),
    What.RESTLESS: mark("in the morning, beside other nights: that is learned"),
    What.NOCTURIA: mark("after some weeks, beside the weeks before"),
    What.SHIFT: mark("after some weeks, beside the weeks before"),
    What.DECLINE: mark("after some weeks, beside the weeks before"),
    What.SENSOR_SILENT: mark("longer than usual for the sensor: that is learned"),
    What.SENSOR_STUCK: mark("when it says the same for longer than can be"),
    What.SENSOR_STORM: "at once",
    What.GATEWAY_GAP: mark("longer than usual here: that is learned"),
    What.BATTERY: mark("when little of it is left"),
    What.LINK_WEAK: mark("when messages may get lost"),
}
"""After how long, where the care plan has no limit for it."""

_CAN: dict[Can, str] = {
    Can.SEEN: mark("in sight"),
    Can.PARTLY: mark("partly in sight"),
    Can.BLIND: mark("no sight now"),
    Can.PAUSED: mark("paused"),
    Can.NONE: mark("no sensor for this"),
    Can.OFF: mark("not told, as agreed"),
}


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


@dataclass(frozen=True, slots=True)
class Sees:
    """Whether a home can tell one kind of alert, and if not why not."""

    kind: str
    after: str  # how long it takes
    look: str  # seen, partly, blind, paused or none: an icon and a class
    word: str
    rests: tuple[tuple[str, str], ...]  # icon and look of each thing that it rests on
    why: str  # what is lacking, and what cannot be told for that; empty if nothing is


@dataclass(frozen=True, slots=True)
class Together:
    """Kinds of alert that come at one time of day."""

    icon: str
    title: str
    hours: str
    kinds: tuple[Sees, ...]


@dataclass(frozen=True)
class Standing:
    """How one home stands: its tile on the board, and on its page what it can and cannot tell."""

    plan: Home
    glance: Glance
    story: Story | None  # its most urgent open alert
    learned: Mapping[What, float] = field(default_factory=dict)  # minutes after which a kind mostly comes here

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
        """The home in a word and a shape. An open alert takes the place of the rest, but never of no sight.

        A fault may be open all night, and leaves where the resident is; what is for the morning shows nowhere here.
        """
        say, story, wording = self.glance.say, self.story, self.wording
        icon, word, since = self._in_a_word()
        said = [wording.home(self.plan.id), word]
        more = ""
        if self.status is not None and self.status.sight is Sight.PARTLY:
            more = say(SIGHTS[Sight.PARTLY])
            said.append(more)
        if since is not None:
            said.append(say("since {time}").format(time=wording.moment(since, self.glance.now)))
        if self.pausing.more:
            more = self.pausing.more
            said += self.pausing.sentences
        asks = story if story is not None and not story.calm else None
        if self.tested:
            said.append(self.tested)
            more = more or (self.tested if self.walked_now else "")
        if story is not None and story.alert.tier is Tier.TECHNICAL:
            more = more or story.sentence.title
            said += [story.tier_word, story.sentence.title]
        more = more or self.tested
        if story is not None and asks is not None:
            icon, more = story.tier, story.sentence.title
            word = story.in_a_word
            said += [story.tier_word, story.sentence.title, story.state_word, story.holder_name, story.course.step]
        in_bed = self.status is not None and self.status.presence is Presence.BED
        return Tile(
            home=self.plan.id,
            id=f"tile-{self.id}",
            number=self.plan.id.partition("/")[2],
            href=asks.href if asks is not None else home_path(self.plan.id),
            look=self.look,
            icon=icon,
            word=word,
            more=more,
            since=since if asks is None and not in_bed else None,
            duration=wording.short(self.glance.now - since) if since is not None else "",
            holder=asks.holder if asks is not None else "",
            said=", ".join(part for part in said if part),
        )

    @cached_property
    def tested(self) -> str:
        """That it is being walked through, or is not proven, in a word for its tile.

        Not where nothing in its building is: the plate of the building says that once.
        """
        proofs, site = self.glance.board.proofs, site_of(self.plan.id)
        if self.walked_now:
            return self.glance.say("Walk test")
        return self.glance.say("Not tested") if proofs.told(site) and self.glance.doubt(self.plan) is not None else ""

    @property
    def walked_now(self) -> bool:
        """Whether somebody tests its sensors now."""
        return self.glance.board.proofs.walked_now(self.plan.id, self.glance.now)

    @property
    def proof(self) -> str:
        """Whether a walk test proves it, and if not why not."""
        say, doubt = self.wording.say, self.glance.doubt(self.plan)
        if self.walked_now:
            return say("Somebody tests the sensors here by walking through the home.")
        walked = self.glance.board.proofs.of(self.plan.id)
        if doubt is not None:
            return say("Not tested: {why}.").format(why=say(DOUBTS[doubt.why]))
        return "" if walked is None else say("Walk test on {date}.").format(date=self.wording.date(walked.at))

    @property
    def look(self) -> str:
        """The tile in classes: what is known of the person, or why nothing is; what is seen; what is asked."""
        story, status = self.story, self.status
        looks = [self._icon]
        if status is not None and status.sight is Sight.PARTLY:
            looks.append("partly")
        if story is not None and story.alert.tier is Tier.TECHNICAL:
            looks.append(story.tier)
        if story is not None and not story.calm:
            looks += [story.tier, story.state.value]
        return " ".join(looks)

    @property
    def _icon(self) -> str:
        status = self.status
        if status is None or status.sight is Sight.BLIND:
            return "blind"
        return "paused" if status.sight is Sight.PAUSED else ICONS[status.presence]

    def _in_a_word(self) -> tuple[str, str, datetime | None]:
        """Return what is known of the person, or why nothing is: icon, word, and since when."""
        say, status = self.glance.say, self.status
        if status is None or status.sight is Sight.BLIND:
            return self._icon, say(SIGHTS[Sight.BLIND]), None
        if status.sight is Sight.PAUSED:
            return self._icon, say(SIGHTS[Sight.PAUSED]), None
        return self._icon, say(PRESENCES[status.presence]), status.since

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
            Sight.PAUSED: say("Nachtwacht is off in this home: nobody has agreed to it, or not any more.")
            if status.barred
            else say("Nachtwacht is paused in this home."),
        }[status.sight]
        whys = [say(WHYS[why]) for why in self.glance.why_unseen(self.plan)]
        reason = [say("Reason: {reasons}.").format(reasons=self.wording.every(whys))] if whys else []
        return [f"{place}.", sight, *reason]

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
    def outlook(self) -> list[str]:
        """What this home can tell by its plan, in a sentence or two: honest where that is next to nothing."""
        say, told = self.wording.say, told_by(self.plan)
        if told.isdisjoint(UP):
            said = say("This home can hardly be watched at night: {lacking}.")
            return [said.format(lacking=self.wording.every(self._lacking_at_night()))]
        about_people = [what for what in What if what not in EQUIPMENT]
        counted = say("With these sensors every kind of alert about the client can come.")
        if not told.issuperset(about_people):
            said = say("With these sensors {n} of the {all} kinds of alert about the client can come.")
            counted = said.format(n=len(told.intersection(about_people)), all=len(about_people))
        inferred = say("There is no bed sensor here. Whether somebody is in bed follows from motion only.")
        return [counted] if self.plan.has_bed else [counted, inferred]

    def _lacking_at_night(self) -> list[str]:
        inside = [one for one in self.plan.sensors if self.plan.kind_of(one.room) is not RoomKind.OUTSIDE]
        if not any(one.kind is Kind.MOTION for one in inside):
            lacking = [_MOTION[1]] if self.plan.has_bed else [_MOTION[1], _PAD[1]]
        else:
            rests = rests_on(self.plan)
            lacking = [
                said for what in UP for (_, said), group in zip(RESTS[what][0], rests[what], strict=False) if not group
            ]
        return [self.wording.say(one) for one in dict.fromkeys(lacking)]

    @property
    def groups(self) -> list[Together]:
        """Each kind of alert: what it is, after how long, whether it can come now, and if never, why."""
        say = self.glance.say
        return [
            Together(icon, say(title), self.night if icon == "moon" else "", tuple(self._sees(what) for what in kinds))
            for icon, title, kinds in GROUPS
        ]

    @cached_property
    def _groups(self) -> dict[What, tuple[Can, ...]]:
        return sights.groups(self.plan, self.status)

    @cached_property
    def _kinds(self) -> dict[What, Can]:
        return sights.kinds(self.plan, self.status)

    def _sees(self, what: What) -> Sees:
        say = self.glance.say
        rests, cannot = RESTS[what]
        looks = self._groups[what]
        lacking = [say(said) for (_, said), look in zip(rests, looks, strict=False) if look is Can.NONE]
        can = self._kinds[what]
        why = say("{lacking}: {cannot}").format(lacking="; ".join(lacking), cannot=say(cannot))
        return Sees(
            say(KINDS[what]),
            self._after(what),
            can.value,
            say(_CAN[can]),
            rests=tuple((icon, look.value) for (icon, _), look in zip(rests, looks, strict=False)),
            why=f"{capital(why)}." if lacking else "",
        )

    def _after(self, what: What) -> str:
        say, limits = self.glance.say, self.plan.limits
        agreed = {
            What.BATH: limits.bath,
            What.STILL: limits.still,
            What.OOB_UNSEEN: limits.oob_unseen,
            What.OOB_ACTIVE: limits.oob_active,
            What.DOOR_LEFT: limits.door,
        }
        mostly = ""
        if what in self.learned:
            mostly = self.wording.duration(timedelta(minutes=self.learned[what]))
        if what not in agreed:
            after = say(_LEARNED[what])
            return say("{after}, mostly after {learned}").format(after=after, learned=mostly) if mostly else after
        cap = self.wording.duration(timedelta(minutes=agreed[what]))
        after = say("after {cap}").format(cap=cap)
        if mostly:
            after = say("after {cap} at most, mostly after {learned}").format(cap=cap, learned=mostly)
        if what is What.OOB_ACTIVE and what in self.plan.agreed_soon:
            return say("{after}, may wait").format(after=after)
        return after

    @cached_property
    def agreements(self) -> Agreements:
        """What is agreed with the resident, and what was changed of it."""
        return Agreements(self.plan, self.glance)

    @cached_property
    def watching(self) -> Watching:
        """What is agreed of its being watched at all."""
        return Watching(self.plan, self.glance)

    @cached_property
    def pausing(self) -> Pausing:
        """Whether it is paused, and by whom."""
        return Pausing(self.plan, self.glance)

    @cached_property
    def strips(self) -> Strips:
        """When it was not seen, night by night."""
        return Strips(self.plan, self.glance)

    def album(self, n: int) -> Album:
        """Its last nights, as many as are asked for, in one picture."""
        return Album(self.plan, self.glance, n)

    @property
    def night(self) -> str:
        return f"{self.plan.night.start:%H:%M}\u2013{self.plan.night.end:%H:%M}"

    @property
    def alerts(self) -> list[Line]:
        return lines_of(self.plan.id, self.glance)
