"""What the templates are given: the board at one moment, with everything said and decided, nothing left to look up."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Protocol
from urllib.parse import quote

from care.alerts import Alert, State, Tier
from care.board import SILENT_AFTER, Board
from care.language import LANGUAGES, words
from care.records import HOWS, AlertId, Claimed, Plan, Released, StaffId, site_of
from care.sentences import (
    HOW_WORDS,
    KINDS,
    OUTCOMES,
    PRESENCES,
    SIGHTS,
    STATES,
    TIERS,
    Piece,
    Sentence,
    Wording,
    ended_at,
    tell,
)
from dashboard import pictures
from dashboard.pictures import CARD, Picture
from detectors.findings import Presence, Sight, Status, What
from detectors.homes import WASHING, Home, HomeId, Kind, ResidentId, RoomKind, Sensor, SensorId, SiteId

PICTURES_MAX = 3  # waiting alerts with a picture; past this it is a flood, and every line counts
ONE_PICTURE = timedelta(minutes=100)  # a longer evening is drawn twice: as a whole, and its end close by
FEW_HOMES = 24  # up to here a tile has room for a sentence
SOME_HOMES = 72  # up to here for a word
ALERTS_LISTED = 20  # of one home, newest first

_CARE = (Tier.ACUTE, Tier.SOON)
_ICONS = {Presence.BED: "bed", Presence.UP: "up", Presence.OUT: "out", Presence.UNKNOWN: "unknown"}


Layout = tuple[tuple[SiteId, str, tuple[HomeId, ...]], ...]
"""Which tile stands where: buildings by name, and their homes."""


@dataclass(frozen=True)
class Viewer:
    """Who looks at the page, and in which language."""

    staff: StaffId
    name: str
    initials: str
    language: str  # "nl" or "en"


class Names(Protocol):
    """Knows who people are; the journal and the board hold ids only."""

    def resident(self, id: ResidentId) -> str | None:  # noqa: A002  # the word of the place
        """Return the name the resident likes, or None if none is known."""

    def staff(self, id: StaffId) -> str:  # noqa: A002
        """Return a colleague's initials or first name."""


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
class Site:
    """One building and its homes, in the order in which they are numbered."""

    id: SiteId
    name: str
    silent_since: str | None
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """A line of what happened so far."""

    at: datetime
    clock: str
    text: str
    who: str = ""


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
    scene: "Scene"

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
    def tier_word(self) -> str:
        return self.scene.say(TIERS[self.alert.tier])

    @property
    def head_word(self) -> str:
        """When to act; once there is nothing to do, that."""
        return self.tier_word if self.alert.open else _capital(self.state_word)

    @cached_property
    def plan_home(self) -> Home | None:
        return self.scene.board.homes.get(self.alert.home)

    @cached_property
    def wording(self) -> Wording:
        return self.scene.wording_of(site_of(self.alert.home))

    @property
    def where(self) -> str:
        """Home and building, by number and name."""
        plan = self.scene.board.plans.get(site_of(self.alert.home))
        return " · ".join([self.wording.home(self.alert.home), *([plan.name] if plan else [])])

    @property
    def home_href(self) -> str | None:
        return home_path(self.alert.home) if self.plan_home is not None else None

    @cached_property
    def client(self) -> str | None:
        return self.scene.names.resident(self.plan_home.resident) if self.plan_home is not None else None

    @cached_property
    def blind(self) -> tuple[SensorId, ...]:
        """The sensors that cannot be heard now; those of the finding once the alert is over."""
        status = self.scene.board.statuses.get(self.alert.home)
        return status.blind if status is not None and self.alert.open else self.alert.main.blind

    @cached_property
    def sentence(self) -> Sentence:
        return tell(
            self.alert,
            self.plan_home,
            self.client,
            now=self.scene.now,
            wording=self.wording,
            blind=self.blind,
            silent_since=self.silent_since,
        )

    @property
    def silent_since(self) -> datetime | None:
        return self.scene.silent_since(site_of(self.alert.home)) if self.alert.open else None

    @property
    def no_sight(self) -> str | None:
        """That the building itself cannot be heard, if so."""
        if self.silent_since is None:
            return None
        said = self.wording.say("Nothing has come from this building since {since}. What happens there cannot be seen.")
        return said.format(since=self.wording.time(self.silent_since))

    def picture(self, size: pictures.Size) -> Picture | None:
        if self.plan_home is None or not self.plan_home.sensors:
            return None
        return pictures.draw(
            self.alert,
            self.plan_home,
            now=self.scene.now,
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
        if self.alert.reopened and self.waits:
            return self.scene.say("open again")
        return self.scene.say(STATES[self.alert.state])

    @property
    def turn(self) -> str:
        """Which time it asks for a person: an alert that opened again must be shown again."""
        reopened = self.alert.resolved if self.alert.reopened else None
        return reopened.at.isoformat() if reopened is not None else ""

    @property
    def waits(self) -> bool:
        return self.alert.state in {State.RAISED, State.DELIVERED}

    @property
    def open(self) -> bool:
        return self.alert.open

    @property
    def holder(self) -> StaffId | str:
        return self.alert.holder or "" if self.alert.open else ""

    @property
    def mine(self) -> bool:
        return self.scene.viewer is not None and self.holder == self.scene.viewer.staff

    @property
    def holder_name(self) -> str:
        return self.scene.names.staff(self.alert.holder) if self.alert.holder is not None else ""

    @property
    def held_since(self) -> str:
        return self.wording.time(self.alert.held_since) if self.alert.held_since is not None else ""

    @property
    def raised_at(self) -> datetime:
        return self.alert.raised_at

    @property
    def raised(self) -> str:
        return self.wording.moment(self.alert.raised_at, self.scene.now)

    @property
    def open_for(self) -> str:
        return self.wording.short(self.scene.now - self.alert.raised_at)

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
        said = self.scene.say("{outcome}: {how}. Closed by {who} at {time}.")
        return said.format(
            outcome=self.scene.say(OUTCOMES[closed.outcome]),
            how=self.scene.say(HOW_WORDS[closed.how]),
            who=self.scene.names.staff(closed.by),
            time=self.wording.time(closed.at),
        )

    @property
    def outcomes(self) -> list[tuple[str, str, list[tuple[str, str]]]]:
        """What to choose from in two taps."""
        say = self.scene.say
        return [
            (outcome.value, say(OUTCOMES[outcome]), [(how.value, say(HOW_WORDS[how])) for how in hows])
            for outcome, hows in HOWS.items()
        ]

    @property
    def agreed(self) -> str:
        """After how long the care plan asks for an alert."""
        limit = self.alert.main.limit
        if limit is None:
            return self.wording.say("No limit: this is always told.")
        cap = self.wording.duration(timedelta(minutes=limit))
        return self.wording.say("Care plan: alert after {cap}.").format(cap=cap)

    @property
    def sight(self) -> list[str]:
        """What cannot be seen here, thing by thing."""
        if self.silent_since is not None:
            return [self.wording.say("No sight of the whole building.")]
        named = [piece.values for piece in self.sentence.no_sight if "sensor" in piece.values]
        if named:
            said = self.wording.say("No sight: {sensor} {in_room}.")
            return [said.format(sensor=one["sensor"], in_room=one["in_room"]) for one in named]
        if self.sentence.no_sight:
            return [self.wording.say("Not everything here can be seen.")]
        return [self.wording.say("No sensor of this home is missing.")]

    @property
    def could_also(self) -> str:
        piece = self.sentence.could_also
        return _capital(piece.values["reasons"]) + "." if piece is not None else ""

    @property
    def why_now(self) -> list[Piece | str]:
        main, say = self.alert.main, self.wording.say
        if main.limit is None:
            told = say("A call for help is told at once.") if main.what is What.BUTTON else say("This is told at once.")
            return [told, *self._beside()]
        cap = self.wording.duration(timedelta(minutes=main.limit))
        reached = say("At {time} it had lasted {cap}.").format(time=self.wording.time(main.at), cap=cap)
        return [reached, *self._beside()]

    def _beside(self) -> list[Piece]:
        return [piece for piece in (self.sentence.door, self.sentence.late) if piece is not None]

    @property
    def events(self) -> list[Event]:
        """What happened so far, oldest first."""
        return sorted(self._happened(), key=lambda event: event.at)

    def _happened(self) -> Iterator[Event]:
        say, alert = self.scene.say, self.alert
        for finding in alert.findings:
            yield self._event(finding.at, self.wording.title(finding, self.plan_home))
        for cleared in alert.cleared:
            yield self._event(cleared.at, say("{kind}: over by itself").format(kind=say(KINDS[cleared.what])))
        if alert.delivered:
            screens = len({one.screen for one in alert.delivered})
            on = words(self.scene.language).ngettext("Shown on {n} screen", "Shown on {n} screens", screens)
            yield self._event(min(one.at for one in alert.delivered), on.format(n=screens))
        holder: StaffId | None = None
        closed_at = alert.resolved.at if alert.resolved is not None and alert.reopened else None
        for hold in alert.holds:
            if closed_at is not None and hold.at > closed_at:
                holder, closed_at = None, None  # closing it ended that
            if isinstance(hold, Released) and hold.by == holder:
                yield self._event(hold.at, say("Given back"), hold.by)
                holder = None
            elif isinstance(hold, Claimed) and (holder is None or hold.takeover) and hold.by != holder:
                yield self._event(hold.at, say("Taken over") if holder is not None else say("Claimed"), hold.by)
                holder = hold.by
        if alert.resolved is not None:
            closed = say("{outcome}: {how}").format(
                outcome=say(OUTCOMES[alert.resolved.outcome]), how=say(HOW_WORDS[alert.resolved.how])
            )
            yield self._event(alert.resolved.at, closed, alert.resolved.by)

    def _event(self, at: datetime, text: str, by: StaffId | None = None) -> Event:
        who = self.scene.names.staff(by) if by is not None else ""
        return Event(at, self.wording.moment(at, self.scene.now), text, who)

    @property
    def line(self) -> Line:
        """The alert as one of those of its home."""
        when = f"{self.wording.date(self.alert.raised_at)} {self.wording.time(self.alert.raised_at)}"
        return Line(self.href, when, self.tier, self.sentence.title, self._ending_in_short())

    def _ending_in_short(self) -> str:
        if self.alert.open or self.alert.resolved is None:
            return self.state_word
        return self.scene.say(OUTCOMES[self.alert.resolved.outcome])

    @property
    def earlier(self) -> list[Line]:
        """Other alerts of this home, newest first."""
        return [line for line in self.scene.lines_of(self.alert.home) if line.href != self.href]

    @property
    def announced(self) -> str:
        """The alert in one breath, for who listens."""
        return f"{self.tier_word}: {self.sentence.title}. {self.where}."


@dataclass(frozen=True)
class HomePage:
    """One home: how it stands, and what it can and cannot tell."""

    plan: Home
    scene: "Scene"

    @property
    def id(self) -> str:
        return _element(self.plan.id)

    @cached_property
    def wording(self) -> Wording:
        return self.scene.wording_of(site_of(self.plan.id))

    @property
    def name(self) -> str:
        return _capital(self.wording.home(self.plan.id))

    @property
    def site(self) -> str:
        return self.scene.board.plans[site_of(self.plan.id)].name

    @property
    def client(self) -> str | None:
        return self.scene.names.resident(self.plan.resident)

    @cached_property
    def tile(self) -> Tile:
        return self.scene.tile(self.plan)

    @cached_property
    def status(self) -> Status | None:
        return self.scene.status(self.plan.id)

    @property
    def sentences(self) -> list[str]:
        """Where the resident is, and how much can be seen."""
        say, status = self.wording.say, self.status
        if status is None:
            silent = self.scene.silent_since(site_of(self.plan.id))
            if silent is None:
                return [say("Nothing is known of this home yet."), say("So no alert can come from it either.")]
            since = self.wording.moment(silent, self.scene.now)
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
                place=place, since=self.wording.moment(status.since, self.scene.now)
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
        return _capital(self.wording.sensor(sensor.kind)), self.scene.hears(self.plan, sensor)

    @property
    def kinds(self) -> list[tuple[str, str, str, str]]:
        """Each kind of alert: what it is, after how long, whether it can come now, and that in a word."""
        return [(self.scene.say(KINDS[what]), self._after(what), *self._can(what)) for what in What]

    def _after(self, what: What) -> str:
        limits = {
            What.BATH: self.plan.limits.bath,
            What.STILL: self.plan.limits.still,
            What.OOB_UNSEEN: self.plan.limits.oob_unseen,
            What.OOB_ACTIVE: self.plan.limits.oob_active,
            What.DOOR_LEFT: self.plan.limits.door,
        }
        if what not in limits:
            return self.scene.say("at once")
        after = self.wording.duration(timedelta(minutes=limits[what]))
        if what is What.OOB_ACTIVE and what in self.plan.agreed_soon:
            return self.scene.say("after {cap}, may wait").format(cap=after)
        return self.scene.say("after {cap}").format(cap=after)

    def _can(self, what: What) -> tuple[str, str]:
        say, groups = self.scene.say, _needed(what, self.plan)
        if not all(groups):
            return "none", say("no sensor for this")
        heard = [[self.scene.hears(self.plan, sensor) for sensor in group] for group in groups]
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
        return self.scene.lines_of(self.plan.id)


class Scene:
    """The board at one moment, for the readers of one language, or for one of them."""

    def __init__(self, board: Board, names: Names, now: datetime, language: str, viewer: Viewer | None = None) -> None:
        self.board, self.names, self.now, self.viewer = board, names, now, viewer
        self.language = language if language in LANGUAGES else LANGUAGES[0]
        self._wordings: dict[str, Wording] = {}
        self.say = words(self.language).gettext

    @cached_property
    def zone(self) -> str:
        """By whose clock the desk itself lives: that of the first building."""
        return next((plan.zone for plan in self._plans()), "Europe/Amsterdam")

    @cached_property
    def wording(self) -> Wording:
        return self._wording(self.zone)

    def wording_of(self, site: SiteId) -> Wording:
        plan = self.board.plans.get(site)
        return self._wording(plan.zone if plan is not None else self.zone)

    def _wording(self, zone: str) -> Wording:
        if zone not in self._wordings:
            self._wordings[zone] = Wording(self.language, zone)
        return self._wordings[zone]

    def _plans(self) -> list[Plan]:
        return sorted(self.board.plans.values(), key=lambda plan: (_natural(plan.name), plan.site))

    # Alerts

    @cached_property
    def stories(self) -> list[Story]:
        return [self.story(alert) for alert in self.board.open_alerts()]

    def story(self, alert: Alert) -> Story:
        return Story(alert, self)

    @cached_property
    def waiting(self) -> list[Story]:
        """What nobody has taken yet, in the order in which it must be."""
        return [one for one in self.stories if one.alert.tier in _CARE and one.waits]

    @cached_property
    def held(self) -> list[Story]:
        return [one for one in self.stories if one.alert.tier in _CARE and one.state is State.CLAIMED]

    @cached_property
    def returned(self) -> list[Story]:
        return [one for one in self.stories if one.alert.tier in _CARE and one.state is State.RETURNED]

    @cached_property
    def others(self) -> list[Story]:
        return [one for one in self.stories if one.alert.tier not in _CARE]

    @property
    def with_picture(self) -> set[AlertId]:
        return {one.id for one in self.waiting[:PICTURES_MAX]}

    @property
    def acute(self) -> int:
        """How many urgent alerts wait for somebody."""
        return sum(one.alert.tier is Tier.ACUTE for one in self.waiting)

    @property
    def last_closed(self) -> Story | None:
        closed = [one for one in self.board.alerts.values() if not one.open]
        return (
            self.story(max(closed, key=lambda one: one.resolved.at if one.resolved else one.raised_at))
            if closed
            else None
        )

    def lines_of(self, home: HomeId) -> list[Line]:
        return [self.story(alert).line for alert in self.board.alerts_of(home)[:ALERTS_LISTED]]

    # Homes

    @cached_property
    def sites(self) -> list[Site]:
        by_site: dict[SiteId, list[Home]] = {}
        for home in self.board.homes.values():
            by_site.setdefault(site_of(home.id), []).append(home)
        return [self._site(plan, by_site.get(plan.site, [])) for plan in self._plans()]

    def _site(self, plan: Plan, homes: Iterable[Home]) -> Site:
        since = self.silent_since(plan.site)
        said = self.wording_of(plan.site).moment(since, self.now) if since is not None else None
        tiles = tuple(self.tile(home) for home in sorted(homes, key=lambda home: _natural(home.id)))
        return Site(plan.site, plan.name, said, tiles)

    @property
    def layout(self) -> Layout:
        return tuple((site.id, site.name, tuple(tile.home for tile in site.tiles)) for site in self.sites)

    @cached_property
    def room(self) -> str:
        """How much room each tile has. Follows from the plan alone: what happens moves no tile."""
        homes = len(self.board.homes)
        return "few" if homes <= FEW_HOMES else "some" if homes <= SOME_HOMES else "many"

    @cached_property
    def heard(self) -> int:
        return sum(site.silent_since is None for site in self.sites)

    def silent_since(self, site: SiteId) -> datetime | None:
        return self.board.silent_since(site, self.now)

    def status(self, home: HomeId) -> Status | None:
        """Return how a home stands, or None where that is not known now: never told, or not heard any more."""
        return self.board.statuses.get(home) if self.silent_since(site_of(home)) is None else None

    def hears(self, home: Home, sensor: Sensor) -> bool:
        status = self.status(home.id)
        return status is not None and sensor.id not in status.blind and status.sight is not Sight.BLIND

    @cached_property
    def _open_by_home(self) -> dict[HomeId, Story]:
        """The most urgent open alert of each home."""
        first: dict[HomeId, Story] = {}
        for story in self.stories:
            first.setdefault(story.alert.home, story)
        return first

    def tile(self, home: Home) -> Tile:
        status, wording = self.status(home.id), self.wording_of(site_of(home.id))
        sight = status.sight if status is not None else Sight.BLIND
        story = self._open_by_home.get(home.id)
        if status is None or sight is Sight.BLIND:
            look, icon, word, since = "blind", "blind", self.say(SIGHTS[Sight.BLIND]), None
        elif sight is Sight.PAUSED:
            look, icon, word, since = "paused", "paused", self.say(SIGHTS[Sight.PAUSED]), None
        else:
            look = icon = _ICONS[status.presence]
            word, since = self.say(PRESENCES[status.presence]), status.since
        said = [wording.home(home.id), word]
        more = ""
        if sight is Sight.PARTLY:
            look += " partly"
            more = self.say(SIGHTS[Sight.PARTLY])
            said.append(more)
        if since is not None:
            said.append(self.say("since {time}").format(time=wording.moment(since, self.now)))
        if story is not None:
            look += f" {story.tier} {story.state.value}"
            icon, more = story.tier, story.sentence.title
            word = story.holder_name or (story.tier_word if story.waits else self.say("Over"))
            said += [story.tier_word, story.sentence.title, story.state_word, story.holder_name]
        return Tile(
            home=home.id,
            id=f"tile-{_element(home.id)}",
            number=home.id.partition("/")[2],
            href=story.href if story is not None else home_path(home.id),
            look=look,
            icon=icon,
            word=word,
            more=more,
            since=since if story is None and status is not None and status.presence is not Presence.BED else None,
            duration=wording.short(self.now - since) if since is not None else "",
            holder=story.holder if story is not None else "",
            said=", ".join(part for part in said if part),
        )

    def home(self, home: Home) -> HomePage:
        return HomePage(home, self)

    @cached_property
    def tiles(self) -> list[Tile]:
        return [tile for site in self.sites for tile in site.tiles]

    @cached_property
    def counts(self) -> list[tuple[str, int, str]]:
        """How many homes are how: what is drawn, the number and the word."""
        tiers = Counter(one.tier for one in (*self.waiting, *self.others))
        alerts = [(tier.value, tiers[tier.value], self.say(TIERS[tier])) for tier in Tier]
        alerts.append(("person", len(self.held), self.say(STATES[State.CLAIMED])))
        alerts.append(("check", len(self.returned), self.say("over")))
        looks = Counter(tile.look.split()[0] for tile in self.tiles)
        partly = sum("partly" in tile.look.split() for tile in self.tiles)
        homes = [(_ICONS[one], looks[_ICONS[one]], self.say(PRESENCES[one])) for one in Presence]
        sights = [
            ("partly", partly, self.say(SIGHTS[Sight.PARTLY])),
            ("blind", looks["blind"], self.say(SIGHTS[Sight.BLIND])),
            ("paused", looks["paused"], self.say(SIGHTS[Sight.PAUSED])),
        ]
        return [one for one in (*alerts, *homes, *sights) if one[1]]

    @property
    def without_sight(self) -> list[tuple[str, str, int]]:
        """Homes that are not, or not wholly, seen: what is drawn, which, and how many."""
        named = {look: self._named(look) for look in ("blind", "partly", "paused")}
        sentences = {
            "blind": self.say("no sight: {homes}"),
            "partly": self.say("partly in sight: {homes}"),
            "paused": self.say("paused: {homes}"),
        }
        return [
            (look, sentences[look].format(homes=", ".join(names)), len(names)) for look, names in named.items() if names
        ]

    def _named(self, look: str) -> list[str]:
        return [
            f"{site.name} {tile.number}".replace(" ", "\u00a0")
            for site in self.sites
            for tile in site.tiles
            if look in tile.look.split()
        ]

    @property
    def in_sight(self) -> int:
        return sum(not {"blind", "partly", "paused"} & set(tile.look.split()) for tile in self.tiles)

    # The page around it

    @property
    def clock(self) -> str:
        return f"{self.now.astimezone(self.wording.zone):%H:%M}"

    @property
    def seconds(self) -> str:
        return f"{self.now.astimezone(self.wording.zone):%S}"

    @property
    def silent_after_s(self) -> int:
        return int(SILENT_AFTER.total_seconds())

    @cached_property
    def script_words(self) -> str:
        """What the script says by itself, as JSON: durations that go on, and how old the page is."""
        say, counted = self.say, words(self.language).ngettext
        forms = {
            "minute": [counted("{n} minute", "{n} minutes", n) for n in (1, 2)],
            "hour": [counted("{n} hour", "{n} hours", n) for n in (1, 2)],
            "day": [counted("{n} day", "{n} days", n) for n in (1, 2)],
            "under": say("less than 1\u00a0minute"),
            "and": say("{hours} and {minutes}"),
            "min": say("{n} min"),
            "h": say("{n} h"),
            "d": say("{n} d"),
            "hm": say("{hours} h {minutes}"),
            "seconds": say("{n} s ago"),
            "ago": say("{span} ago"),
            "never": say("not heard yet"),
            "of": say("{n} of {all}"),
            "now": say("{n} now"),
            "dead": say("Not up to date"),
            "stale": say("This screen is no longer up to date. Latest data: {time}."),
            "failed": say("That did not work. Try again."),
        }
        return json.dumps(forms, ensure_ascii=False)


def _needed(what: What, home: Home) -> list[list[Sensor]]:
    """Return the groups of sensors a kind of alert rests on: of each group at least one must be heard."""
    sensors = home.sensors
    motion = [one for one in sensors if one.kind in {Kind.MOTION, Kind.USE}]
    bedroom = [one for one in motion if home.kind_of(one.room) is RoomKind.BEDROOM]
    bed = [one for one in sensors if one.kind is Kind.BED] or bedroom
    washing = [one for one in motion if home.kind_of(one.room) in WASHING]
    door = [one for one in sensors if one.kind is Kind.DOOR]
    button = [one for one in sensors if one.kind is Kind.BUTTON]
    return {
        What.BATH: [washing],
        What.STILL: [bed, motion],
        What.OOB_UNSEEN: [bed, motion],
        What.OOB_ACTIVE: [bed, motion],
        What.DOOR_LEFT: [door, motion],
        What.DOOR_ARRIVED: [door, motion],
        What.BUTTON: [button],
    }[what]


def last_touched(alert: Alert) -> datetime:
    closed = [alert.resolved.at] if alert.resolved is not None else []
    return max([alert.findings[-1].at, alert.arrived_at, *closed])


def home_path(home: HomeId) -> str:
    return f"/homes/{quote(home, safe='/')}"


def _element(home: HomeId) -> str:
    """Make of a home's id one that an element can have."""
    return home.replace("/", ":")


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Sort key by which 2 comes before 2A and both before 10."""
    parts = re.findall(r"\d+|\D+", text.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
