"""What whoever comes must know when shifts change: what is open, put aside, not seen, paused and to be done."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from care.alerts import Alert, State, Tier, by_urgency
from care.buildings import cause_of
from care.chains import RESIDENT
from care.ids import AlertId, StaffId
from care.labels import ASIDES, BY_WORDS, DOUBTS, KINDS, PAUSES, TIERS, WHYS
from care.pauses import Pause
from care.proofs import Unproven
from care.records import Follow, HandedOver, site_of
from care.reports import Writer
from care.sights import Can, Why, kinds, now_seen, sighted
from care.telling import AT_NIGHT
from care.wording import Wording, capital
from detectors.findings import Finding, Sight, Status, What
from detectors.homes import Home, HomeId, SiteId, building_of

LISTED_MAX = 40  # in one list; what is left over is counted
TODAY = timedelta(hours=12)  # nearer than this, a moment needs no date


class Staff(Protocol):
    """Knows what colleagues are called; records hold ids only."""

    def staff(self, id: StaffId) -> str:  # noqa: A002  # the word of the place
        """Return a colleague's first name or initials."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a list."""

    where: str
    what: str
    more: str = ""  # until when, by whom, why
    alert: AlertId | None = None
    home: HomeId | None = None
    tier: Tier | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """One list, with what it is called, and what it says when there is nothing on it."""

    id: str
    title: str
    items: tuple[Item, ...]
    none: str
    more: int = 0  # that did not fit


@dataclass(frozen=True)
class Briefing:
    """The hand-over as it stands at one moment."""

    writer: Writer
    names: Staff

    @property
    def sections(self) -> tuple[Section, ...]:
        """Every list, in the order in which they are spoken through."""
        say = self.writer.wording_here.say
        lists = (
            ("open", say("Open now"), self._open(), say("No alert is open.")),
            ("aside", say("Put aside, returns at"), self._aside(), say("Nothing is put aside.")),
            ("unseen", capital(say("no sight")), self._unseen(paused=False), say("Every home is in sight.")),
            ("paused", say("On pause"), self._unseen(paused=True), say("No home is on pause.")),
            ("untested", say("Not tested"), self._untested(), say("A walk test proves every home.")),
            ("todo", say("To do"), self._to_do(), say("Nothing was agreed on.")),
        )
        return tuple(_section(id_, title, items, none) for id_, title, items, none in lists)

    @property
    def standing(self) -> list[Alert]:
        """What is open, most urgent first, without what a fault of a whole building explains."""
        every = sorted((one for one in self.writer.board.alerts.values() if one.open), key=by_urgency)
        return [one for one in every if cause_of(one, self.writer.board) is None]

    @property
    def open(self) -> list[Alert]:
        """What asks for somebody now, or has somebody: not what is aside, and not what may wait for the morning."""
        return [one for one in self.standing if one.state is not State.SHELVED and one.tier is not Tier.REVIEW]

    @property
    def aside(self) -> list[Alert]:
        """What is put aside, the soonest to return first."""
        put = [(one.shelf.until, one) for one in self.standing if one.state is State.SHELVED and one.shelf is not None]
        return [one for _, one in sorted(put, key=lambda dated: dated[0])]

    def signed(self, handed: HandedOver) -> str:
        """Say who handed over to whom, and when."""
        say = self.writer.wording_here.say
        time = self.writer.wording_here.moment(handed.at, self.writer.now)
        taken = self.names.staff(handed.taken_by)
        if handed.given_by is None:
            return say("Taken over by {taken_by} at {time}. Nobody was there to hand over.").format(
                taken_by=taken, time=time
            )
        said = say("Handed over by {given_by} to {taken_by} at {time}.")
        if handed.by_voice:
            said = say("Handed over by {given_by} to {taken_by} at {time}, by voice as well.")
        return said.format(given_by=self.names.staff(handed.given_by), taken_by=taken, time=time)

    def _open(self) -> Iterator[Item]:
        for alert in self.open:
            yield self._item(alert, self._standing(alert))

    def _standing(self, alert: Alert) -> str:
        wording = self.writer.wording(site_of(alert.home))
        said = [wording.say("since {time}").format(time=wording.moment(alert.raised_at, self.writer.now))]
        if alert.holder is not None:
            said.append(wording.say("claimed by {who}").format(who=self.names.staff(alert.holder)))
        elif alert.state is State.RETURNED:
            said.append(wording.say("over by itself, not seen yet"))
        return ", ".join(said)

    def _aside(self) -> Iterator[Item]:
        for alert in self.aside:
            shelf = alert.shelf
            if shelf is None:
                continue
            wording = self.writer.wording(site_of(alert.home))
            until = wording.say("until {time}").format(time=wording.time(shelf.until))
            yield self._item(alert, f"{until}: {wording.say(ASIDES[shelf.why])}, {self.names.staff(shelf.by)}")

    def _item(self, alert: Alert, more: str) -> Item:
        return Item(
            where=self.writer.where(alert.home),
            what=self.writer.title(alert.main),
            more=more,
            alert=alert.id,
            home=alert.home,
            tier=alert.tier,
        )

    def _unseen(self, *, paused: bool) -> Iterator[Item]:
        silent = {site: self.writer.board.silent_since(site, self.writer.now) for site in self.writer.board.plans}
        for home in self.writer.homes:
            site = site_of(home.id)
            status, whys = self._sight(home, silent[site])
            if paused:
                yield from self._paused(home, status)
                continue
            if status is not None and status.sight is Sight.WATCHED:
                continue
            if status is not None and status.sight is Sight.PAUSED:
                continue
            say = self.writer.wording(site).say
            reason = self.writer.wording(site).every([say(WHYS[why]) for why in whys])
            lost = capital(self._lost(home, status))
            yield Item(where=self.writer.where(home.id), what=lost, more=reason, home=home.id)

    def _untested(self) -> Iterator[Item]:
        """Yield the homes that no walk test proves; of a building that never told of one, the building."""
        board = self.writer.board
        told: set[SiteId] = set()
        for home in self.writer.homes:
            site = site_of(home.id)
            say = self.writer.wording(site).say
            if not board.proofs.told(site):
                if site not in told:
                    told.add(site)
                    none = capital(say(DOUBTS[Unproven.NONE]))
                    whole = building_of(site)
                    yield Item(where=self.writer.where(whole), what=none, home=whole)
                continue
            doubt = board.proofs.doubt(home, board.plans[site].devices, self.writer.now)
            if doubt is not None:
                yield Item(where=self.writer.where(home.id), what=capital(say(DOUBTS[doubt.why])), home=home.id)

    def _paused(self, home: Home, status: Status | None) -> Iterator[Item]:
        """Yield a home that is paused, or that its building has not paused yet: who asked, since and until when."""
        wording = self.writer.wording(site_of(home.id))
        pause = self.writer.board.pauses.now(home, self.writer.now)
        is_paused = status is not None and status.sight is Sight.PAUSED
        if pause is None and not is_paused:
            return
        barred = pause is None and status is not None and bool(status.barred)
        what = wording.say(WHYS[Why.BARRED if barred else Why.PAUSED])
        if pause is not None and not pause.taken(home, status):
            what = wording.say("not on yet: the building has not confirmed it")
        more = "" if pause is None else who_paused(pause, wording, self.names, self.writer.now)
        yield Item(where=self.writer.where(home.id), what=capital(what), more=more, home=home.id)

    def _sight(self, home: Home, silent_since: datetime | None) -> tuple[Status | None, tuple[Why, ...]]:
        board = self.writer.board
        status = board.statuses.get(home.id)
        if silent_since is not None:
            return None, (Why.BUILDING,)
        causes: list[Finding] = board.standing(building_of(site_of(home.id)))
        causes = [one for one in causes if one.what is not What.BUILDING_SILENT]
        if status is None:
            return None, (Why.UNKNOWN,)
        return (now_seen(home, status, causes) if causes else status), sighted(home, status, causes)[2]

    def _lost(self, home: Home, status: Status | None) -> str:
        """Which alerts of the night cannot come."""
        say = self.writer.wording(site_of(home.id)).say
        cans = {what: can for what, can in kinds(home, status).items() if what in AT_NIGHT and can is not Can.NONE}
        lost = [what for what, can in cans.items() if can is Can.BLIND]
        if not lost:
            return say("partly in sight")
        if len(lost) == len(cans):
            return say("no alert can come")
        return ", ".join(say(KINDS[what]) for what in lost)

    def _to_do(self) -> Iterator[Item]:
        """Yield who is to do what, and at what time: what was begun, then what may wait for the day."""
        for alert in self.standing:
            wording = self.writer.wording(site_of(alert.home))
            follow = alert.follow
            if alert.state is State.CLAIMED and follow is not None and follow.follow is not Follow.TALKING:
                said = wording.say(BY_WORDS[follow.means])
                if follow.there_at is not None:
                    said = wording.say("{who}, expected at {time}").format(who=said, time=wording.time(follow.there_at))
                yield self._item(alert, said)
            elif alert.tier is Tier.REVIEW:
                yield self._item(alert, wording.say("discuss it with the client"))

    def tier_word(self, item: Item) -> str:
        """Say how urgent an item is."""
        return self.writer.wording_here.say(TIERS[item.tier]) if item.tier is not None else ""


def who_paused(pause: Pause, wording: Wording, names: Staff, now: datetime) -> str:
    """Say who paused a home, from when to when, and why."""
    by = pause.order.by
    who = wording.say("the client") if str(by) == str(RESIDENT) else names.staff(StaffId(by))
    start, until = (
        wording.time(at) if abs(now - at) < TODAY else f"{wording.date(at)} {wording.time(at)}"
        for at in (pause.order.at, pause.ends)
    )
    said = wording.say("by {who} from {start} to {until}: {why}")
    return said.format(who=who, start=start, until=until, why=wording.say(PAUSES[pause.order.why]))


def _section(id_: str, title: str, items: Iterable[Item], none: str) -> Section:
    every = tuple(items)
    return Section(id_, title, every[:LISTED_MAX], none, len(every[LISTED_MAX:]))
