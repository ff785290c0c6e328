"""What a whole page is given: every alert in its place, every building with its homes, and what is counted of them."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from care.alerts import Alert, State, Tier
from care.board import SILENT_AFTER
from care.buildings import UNPROVEN_AFTER
from care.ids import AlertId
from care.labels import PRESENCES, SIGHTS, STATES, TIERS
from care.language import words
from care.load import load
from care.records import Plan, site_of
from dashboard.glance import ICONS, Glance
from dashboard.homes import Standing, Tile
from dashboard.looks import Layout, Looks
from dashboard.passing import out_of_order
from dashboard.pressure import Pressure
from dashboard.stories import Story
from detectors.findings import Presence, Sight
from detectors.homes import Home, HomeId, SiteId
from detectors.outlook import mostly_after

PICTURES_MAX = 3  # waiting alerts with a picture; past this it is a flood, and every line counts
FEW_HOMES = 24  # up to here a tile has room for a sentence
SOME_HOMES = 72  # up to here for a word


Drawn = dict[tuple[str, AlertId], tuple[object, str]]
"""What was drawn of alerts, by what it is; with what it rests on."""


@dataclass(frozen=True, slots=True)
class Site:
    """One building and its homes, in the order in which they are numbered."""

    id: SiteId
    name: str
    silent_since: str | None
    proven: str  # how long ago its synthetic event came through, in words
    unproven: bool  # too long ago
    untested: str  # how many of its homes no walk test proves, in words; empty if every one is
    homes: tuple[Home, ...]


class Scene(Glance):
    """A glance at the whole board: what stands in the queue, on the tiles and around them.

    Its stories and standings are given it as a glance: what the whole page holds is nothing they can ask for.
    """

    looks_before: Looks | None = None  # what earlier scenes of the same board found of each home
    drawn_before: Drawn | None = None  # for the same readers

    # Alerts

    @cached_property
    def stories(self) -> list[Story]:
        folded = {one.id for under in self.folded.values() for one in under}
        return [self.story(alert) for alert in self.board.open_alerts() if alert.id not in folded]

    def story(self, alert: Alert) -> Story:
        """Return what may be said of one alert, open or not."""
        return Story(alert, self)

    def card(self, story: Story, draw: Callable[[Story, bool], str], *, with_picture: bool) -> str:
        """Return an alert's card: drawn again only if it may read otherwise, as every minute it may."""
        more = (with_picture, story.passing.short, story.course.times)
        return self._kept("card", story, more, lambda: draw(story, with_picture))

    def row(self, story: Story, draw: Callable[[Story], str]) -> str:
        """Return an alert's row, kept as its card is."""
        return self._kept("row", story, (), lambda: draw(story))

    def announced(self, story: Story) -> str:
        """Return an alert in one breath, kept as its card is."""
        return self._kept("announced", story, (), lambda: story.announced)

    def _kept(self, what: str, story: Story, more: tuple[object, ...], draw: Callable[[], str]) -> str:
        if self.drawn_before is None:
            return draw()
        site = site_of(story.alert.home)
        silent = self.silent_since(site)
        rests_on = (
            *(story.alert, story.plan_home, self.board.statuses.get(story.alert.home), self.board.plans.get(site)),
            *(story.client, story.holder_name, story.call_first, [one.id for one in self.folded.get(story.id, ())]),
            *(silent and self.wording.time(silent), story.settling, self._minute, *more),
        )
        known = self.drawn_before.get((what, story.id))
        if known is None or known[0] != rests_on:
            known = self.drawn_before[what, story.id] = (rests_on, draw())
        return known[1]

    @cached_property
    def _minute(self) -> str:
        return self.wording.time(self.now)

    @cached_property
    def waiting(self) -> list[Story]:
        """What nobody has taken yet, in the order in which it must be."""
        return [one for one in self.stories if not one.calm and one.waits]

    @cached_property
    def held(self) -> list[Story]:
        return [one for one in self.stories if not one.calm and one.state is State.CLAIMED]

    @cached_property
    def returned(self) -> list[Story]:
        return [one for one in self.stories if not one.calm and one.state is State.RETURNED]

    @cached_property
    def shelved(self) -> list[Story]:
        """What is put aside, the first to come back first."""
        aside = [(shelf.until, one) for one in self.stories if one.aside and (shelf := one.alert.shelf) is not None]
        return [one for _, one in sorted(aside, key=lambda dated: dated[0])]

    @cached_property
    def for_the_morning(self) -> list[Story]:
        return [one for one in self.stories if one.alert.tier is Tier.REVIEW and not one.aside]

    @cached_property
    def for_the_installer(self) -> list[Story]:
        return [one for one in self.stories if one.alert.tier is Tier.TECHNICAL and not one.aside]

    @property
    def with_picture(self) -> set[AlertId]:
        return {one.id for one in self.waiting[:PICTURES_MAX]}

    @cached_property
    def voiced(self) -> list[Story]:
        """What the page may speak of as new: nothing of which its building may say in a moment that it is over."""
        return [one for one in self.waiting if not one.settling]

    @property
    def acute(self) -> int:
        """How many urgent alerts wait for somebody."""
        return sum(one.alert.tier is Tier.ACUTE for one in self.voiced)

    @property
    def last_closed(self) -> Story | None:
        last = self.board.last_closed
        return self.story(last) if last is not None else None

    @property
    def out_of_order(self) -> list[str]:
        """Which ways to people's phones do not work."""
        return out_of_order(self)

    @cached_property
    def pressure(self) -> Pressure:
        """How busy it is."""
        return Pressure(load(self.board, self.now, self.wording.zone), self)

    # Homes

    @cached_property
    def plans(self) -> Sequence[Plan]:
        return self._looks.plans(self.board)

    @cached_property
    def sites(self) -> list[Site]:
        return [self._site(plan, homes) for plan, (_, _, homes) in zip(self.plans, self.layout, strict=True)]

    def _site(self, plan: Plan, homes: tuple[Home, ...]) -> Site:
        since = self.silent_since(plan.site)
        said = self.wording_of(plan.site).moment(since, self.now) if since is not None else None
        return Site(plan.site, plan.name, said, *self._proven(plan.site), self._untested(plan.site, homes), homes)

    def _untested(self, site: SiteId, homes: tuple[Home, ...]) -> str:
        """Say how many homes are not proven; of a building that never told of a walk, that in a word."""
        if not self.board.proofs.told(site):
            return self.say("No walk test yet") if homes else ""
        doubtful = sum(self.doubt(home) is not None for home in homes)
        return self.say("No walk test: {n}").format(n=doubtful) if doubtful else ""

    def _proven(self, site: SiteId) -> tuple[str, bool]:
        at = self.board.proven_at.get(site)
        if at is None:
            return self.say("not proven yet"), False
        age = self.now - at
        if age > UNPROVEN_AFTER:
            return self.say("Not proven for {span}").format(span=self.wording.short(age)), True
        seconds = max(0, int(age.total_seconds()))
        return self.say("Proven {n} s ago").format(n=seconds).replace(" ", "\u00a0"), False

    @property
    def layout(self) -> Layout:
        """Where every tile stands: as long as this is the same, a tile can be drawn again by itself."""
        return self._looks.layout(self.board)

    @cached_property
    def room(self) -> str:
        """How much room each tile has. Follows from the plan alone: what happens moves no tile."""
        homes = len(self.board.homes)
        return "few" if homes <= FEW_HOMES else "some" if homes <= SOME_HOMES else "many"

    @cached_property
    def heard(self) -> int:
        """How many buildings can be heard."""
        return sum(self.silent_since(plan.site) is None for plan in self.plans)

    @cached_property
    def _open_by_home(self) -> dict[HomeId, Story]:
        """The most urgent open alert of each home."""
        first: dict[HomeId, Story] = {}
        for story in self.stories:
            first.setdefault(story.alert.home, story)
        return first

    def tile(self, home: Home) -> Tile:
        """Return the tile of one home."""
        return Standing(home, self, self._open_by_home.get(home.id)).tile

    def home(self, home: Home) -> Standing:
        """Return what may be said of one home."""
        night = self.board.nights.newest(home.id)
        learned = night.mostly_after if night is not None else mostly_after(home, {}, 0, self.now)
        return Standing(home, self, self._open_by_home.get(home.id), learned)

    @cached_property
    def _looks(self) -> Looks:
        return self.looks_before if self.looks_before is not None else Looks()

    @cached_property
    def _looked(self) -> Looks:
        looks = self._looks
        looks.look(self, self._open_by_home)
        return looks

    @property
    def looks(self) -> dict[HomeId, list[str]]:
        """How each home looks on its tile, the person first."""
        return self._looked.of_each

    @cached_property
    def counts(self) -> list[tuple[str, int, str]]:
        """How many homes are how: what is drawn, the number and the word."""
        tiers = Counter(one.tier for one in (*self.waiting, *self.for_the_morning, *self.for_the_installer))
        alerts = [(tier.value, tiers[tier.value], self.say(TIERS[tier])) for tier in Tier]
        alerts.append(("person", len(self.held), self.say(STATES[State.CLAIMED])))
        alerts.append(("check", len(self.returned), self.say("over")))
        alerts.append(("aside", len(self.shelved), self.say(STATES[State.SHELVED])))
        looks, partly = self._looked.first, self._looked.partly
        homes = [(ICONS[one], looks[ICONS[one]], self.say(PRESENCES[one])) for one in Presence]
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
            f"{name} {home.id.partition('/')[2]}".replace(" ", "\u00a0")
            for _, name, homes in self.layout
            for home in homes
            if look in self.looks[home.id]
        ]

    @property
    def in_sight(self) -> int:
        """How many homes are wholly in sight."""
        return sum({"blind", "partly", "paused"}.isdisjoint(look) for look in self.looks.values())

    # The page around it

    @property
    def clock(self) -> str:
        return f"{self.now.astimezone(self.wording.zone):%H:%M}"

    @property
    def seconds(self) -> str:
        return f"{self.now.astimezone(self.wording.zone):%S}"

    @property
    def unproven_after_s(self) -> int:
        return int(UNPROVEN_AFTER.total_seconds())

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
            "proven": say("Proven {n} s ago"),
            "unproven": say("Not proven for {span}"),
            "notYet": say("not proven yet"),
            "of": say("{n} of {all}"),
            "now": say("{n} now"),
            "dead": say("Not up to date"),
            "stale": say("This screen is no longer up to date. Latest data: {time}."),
            "soundOn": say("on, not heard yet"),
            "soundHeard": say("on, heard at {time}"),
            "soundOff": say("Sound is blocked. Tap here to turn it on."),
            "failed": say("That did not work. Try again."),
            "muted": say("{tier} silent, {n} min"),
            "tiers": {tier.value: say(TIERS[tier]) for tier in (Tier.SOON, Tier.TECHNICAL)},
            "hidden": say("Not in view"),
            "wasHidden": say("This screen was not in view for {span}."),
        }
        return json.dumps(forms, ensure_ascii=False)
