"""The vigil over one home: moments in, findings out. All that is remembered is one value that can be stored.

Events reach us late and out of order, so there are two readings of them. The *view* takes each as it arrives: it is
what the desk's tile shows, and calls for help are told from it at once. The *settled* reading takes them in the order
in which they happened, `WINDOW` behind the clock: every other finding comes from it, and so does not depend on
the order of arrival inside the window, on how often the clock ticks, or on a restart in between.

News from before the settled reading is late. It waits until the burst it came in is over and is then settled as one:
what is still true after it is told, dated by when it began; what was over by then is withheld, and counted.

`arrive` and `advance` copy the vigil they are given once, and work on that copy: to whoever calls, a vigil is a value.
"""

import copy
import math
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from detectors import arrivals, company, day_inactivity, health, late_rise, lessons, nights, pauses
from detectors.arrivals import is_news, queue
from detectors.bath_stay import bath_stay
from detectors.calibration import LeftOut
from detectors.episodes import Detector, Episode
from detectors.evidence import marked
from detectors.findings import Cleared, Finding, Perhaps, Presence, Status, What, Withheld
from detectors.gateway_gap import gateway_gap
from detectors.health import Turned
from detectors.help_button import help_button
from detectors.homes import Home, Kind
from detectors.moments import SensorEvent, SensorSight, is_paused
from detectors.night_door import left_home, somebody_arrived
from detectors.nights import Learned, Notice, Summary
from detectors.others import SHIPPED, Others
from detectors.out_of_bed import out_of_bed
from detectors.outlook import Outlook, mostly_after, outlook
from detectors.remembered import Asked, Running, Telling, Vigil, come_back
from detectors.reviews import reviewed
from detectors.standing import stood
from detectors.still import still, unseen
from detectors.whereabouts import Whereabouts

WINDOW = arrivals.WINDOW
LONGEST_MINUTES = 24 * 60.0  # for which anything is waited for
EPISODES_MAX = 200  # of one night
AWAY = timedelta(days=14, hours=12)  # from one sign in a night to the next: 14 nights in between without one
ASKED_FOR = timedelta(days=3)  # that somebody may still say of an alert that it was usual
ASKED_MAX = 20

SETTLED: dict[str, Detector] = {
    "bath": bath_stay,
    "still": still,
    "unseen": unseen,
    "out_of_bed": out_of_bed,
    "left_home": left_home,
    "somebody_arrived": somebody_arrived,
}
"""Detectors that read what happened in the order in which it happened."""

Told = Finding | Cleared | Withheld | Status | Summary


def arrive(
    vigil: Vigil, moment: SensorEvent | SensorSight, arrived_at: datetime, home: Home, others: Others = SHIPPED
) -> tuple[Vigil, list[Told]]:
    """Let time pass up to the arrival of a moment, then take it in.

    `arrived_at` never goes back from one call to the next; it is when the record was written, so that reading the
    journal again does exactly what happened the first time.
    """
    turn = _Turn(copy.copy(vigil), arrived_at, home, others)
    turn.advance(arrived_at)
    _in_order(turn.said)
    turn.take(moment, arrived_at)
    turn.stand(moment.at)
    return turn.vigil, turn.said


def advance(vigil: Vigil, now: datetime, home: Home, others: Others = SHIPPED) -> tuple[Vigil, list[Told]]:
    """Let time pass, and nothing else. To do so more or less often changes nothing but when one hears of it."""
    turn = _Turn(copy.copy(vigil), now, home, others)
    turn.advance(now)
    _in_order(turn.said)
    return turn.vigil, turn.said


def usual(vigil: Vigil, what: What, began: datetime, home: Home, others: Others = SHIPPED) -> Vigil:
    """Return the vigil after somebody said of an alert: this is normal for her (4.11).

    What was told early of the stretch that began then is told that much later from now on, in this part of the night,
    and for two months ever less so. Of an episode that still runs, once it is over. What came by the care plan's limit
    is not changed by it.
    """
    turn = _Turn(copy.copy(vigil), began, home, others)
    for asked in vigil.asked:
        if asked.began == began and asked.what is what:
            turn.usual(asked)
    return turn.vigil


def agreed(vigil: Vigil, now: datetime, home: Home, others: Others = SHIPPED) -> tuple[Vigil, list[Told]]:
    """Return the vigil of a home of which something else is agreed from now on, once time has passed up to now."""
    turn = _Turn(copy.copy(vigil), now, home, others)
    turn.agreed()
    return turn.vigil, turn.said


class _Turn:
    """One call: a copy of the vigil that is worked on, and what it says."""

    __slots__ = ("home", "now", "others", "said", "vigil")

    def __init__(self, vigil: Vigil, now: datetime, home: Home, others: Others) -> None:
        self.vigil = vigil
        self.now = now
        self.home = home
        self.others = others
        self.said: list[Told] = []

    @property
    def outlook(self) -> Outlook:
        return outlook(self.home, self.vigil.blind, self.vigil.rising)

    @property
    def hindered(self) -> bool:
        """Whether a sensor that tells where the resident is says nothing now."""
        blind = self.vigil.blind
        return bool(blind) and any(one.id in blind and one.kind in _TELL_WHERE for one in self.home.sensors)

    # What came, and when it is settled.

    def take(self, moment: SensorEvent | SensorSight, arrived_at: datetime) -> None:
        vigil = self.vigil
        if isinstance(moment, SensorSight):
            self.sight(moment)
            return
        if moment.kind is Kind.BUTTON:
            view = vigil.view.see(moment, self.home)
            if view is not vigil.view:
                vigil.view = view
                self.watch("button", help_button(view, self.home), view, max(moment.at, arrived_at))
            return
        self.turned(health.arrived(vigil.health, moment, arrived_at), vigil.view)
        if is_news(vigil, moment):
            vigil.view = vigil.view.see(moment, self.outlook.home)
            queue(vigil, moment, arrived_at)

    def sight(self, moment: SensorSight) -> None:
        """Take in that a sensor is heard, or is not; one that is paused is forgotten besides."""
        vigil, sensor = self.vigil, moment.sensor
        was, paused = is_paused(vigil.silent.get(sensor, "")), not moment.seen and is_paused(moment.reason)
        if paused and not was:
            self.settle_all()
        before = self.outlook.paused
        silent = {other: why for other, why in vigil.silent.items() if other != sensor}
        if not moment.seen:
            silent[sensor] = moment.reason
        vigil.silent = silent
        self.sights()
        if paused and not was:
            pauses.begin(vigil, self.home, sensor, self.outlook.paused)
        elif was and not paused:
            pauses.end(vigil, sensor, moment.at, before - self.outlook.paused)
            self.tell(vigil.settled, vigil.settled_to or moment.at)

    def settle_all(self) -> None:
        """Settle all that was heard until now, and tell what was due by now: nothing more of it will come."""
        vigil, now = self.vigil, self.now
        if vigil.burst_ends is not None:
            self.settle_burst()
        for event in [one for one in vigil.pending if one.at <= now]:
            self.settle(event)
        vigil.pending = tuple(one for one in vigil.pending if one.at > now)
        self.wait(now)
        vigil.settled_to = now

    def advance(self, now: datetime) -> None:
        vigil = self.vigil
        if vigil.burst_ends is not None:
            if now < vigil.burst_ends:
                self.look(now)
                return
            self.settle_burst()
        settle_to = now - WINDOW
        done = 0
        for event in vigil.pending:
            if event.at > settle_to:
                break
            self.settle(event)
            done += 1
        if done:
            vigil.pending = vigil.pending[done:]
        self.wait(settle_to)
        if vigil.settled_to is None or settle_to > vigil.settled_to:
            vigil.settled_to = settle_to
        self.look(now)

    def settle_burst(self) -> None:
        """Settle late news and all that waited with it as one; withhold what was over before it could be told."""
        vigil = self.vigil
        assert vigil.burst_ends is not None
        known_to = vigil.settled_to
        upto = vigil.burst_ends - WINDOW
        ripe = [event for event in vigil.pending if event.at <= upto]
        said, self.said = self.said, []
        for event in ripe:
            self.settle(event)
        heard, self.said = self.said, said
        over = {(one.what, one.since): one.at for one in heard if isinstance(one, Cleared)}
        for one in heard:
            if isinstance(one, Status | Withheld | Summary) or (one.what, one.since) not in over:
                said.append(one)
            elif isinstance(one, Finding) and known_to is not None and one.at <= known_to:
                ended = over[one.what, one.since]
                said.append(Withheld(at=one.at, home=one.home, what=one.what, since=one.since, over_at=ended))
            elif not _withheld(said, one):
                said.append(one)
        vigil.pending = vigil.pending[len(ripe) :]
        vigil.burst_began = vigil.burst_ends = None

    def settle(self, event: SensorEvent) -> None:
        """Let time pass up to an event, then let it happen."""
        vigil = self.vigil
        self.wait(event.at)
        home = self.outlook.home
        before = vigil.settled
        where = before.see(event, home)
        if where is before:
            return
        vigil.settled = where
        vigil.diary = nights.noted(vigil.diary, before, where, event, event.at, home)
        hindered = bool(vigil.blind) and self.hindered
        if self.joined(before, event, hindered=hindered) and home.night.covers(event.at):
            vigil.diary = nights.left_out(vigil.diary, LeftOut.COMPANY)
        if not _only_clears(before, where) and vigil.diary.in_night(event.at):
            self.seen_by_night(event.at)
        vigil.day = day_inactivity.heard(vigil.day, before, where, home, blind=hindered)
        vigil.marks = marked(vigil.marks, event)
        self.turned(health.settled(vigil.health, event, self.home, vigil.silent), where)
        if not _only_clears(before, vigil.settled) or "gap" in vigil.told:
            self.tell(vigil.settled, event.at)

    def joined(self, before: Whereabouts, event: SensorEvent, *, hindered: bool) -> bool:
        """Note who else is there; return whether somebody came, or two were seen at once."""
        vigil, home, where = self.vigil, self.outlook.home, self.vigil.settled
        alone = vigil.company
        vigil.company = company.heard(alone, before, where, event, home, blind=hindered)
        two = vigil.company.until is not alone.until and vigil.company.there(event.at)
        return two or (where.company_since is not None and where.company_since is not before.company_since)

    def company(self, where: Whereabouts, at: datetime) -> bool:
        """Whether somebody else may be there: who came in, or one of two who were seen at once."""
        return where.company(at) or self.vigil.company.there(at)

    def seen_by_night(self, at: datetime) -> None:
        """Note a sign of somebody in a watched night: the first after weeks without says that they were away."""
        vigil = self.vigil
        if vigil.night_seen is not None and at - vigil.night_seen >= AWAY:
            come_back(vigil)
        vigil.night_seen = at

    def turned(self, turned: Turned, where: Whereabouts) -> None:
        """Tell which sensors fell ill or are well again, and see the home accordingly."""
        vigil = self.vigil
        vigil.health = turned.health
        if not turned.ill and not turned.well:
            return
        for sensor, illness in turned.well:
            at, what, since = self.now, illness.what, illness.since
            self.said.append(Cleared(at=at, home=self.home.id, what=what, since=since, episode=since, sensor=sensor))
        for episode in turned.ill:
            self.said.append(self.finding("health", episode, where))
            assert episode.sensor is not None
            vigil.view, vigil.settled = vigil.view.without(episode.sensor), vigil.settled.without(episode.sensor)
        self.sights()

    def sights(self) -> None:
        """Note which sensors say nothing now; a night in which the home was not seen is no usual one."""
        ill = {sensor: str(illness.what) for sensor, illness in self.vigil.health.ill.items()}
        vigil = self.vigil
        vigil.blind = {**ill, **vigil.silent}
        vigil.diary = nights.sighted(vigil.diary, vigil.settled, self.now, blind=self.hindered)

    def wait(self, until: datetime) -> None:
        """Let everything happen that time alone brings about up to an instant, in its order."""
        vigil = self.vigil
        while vigil.next_due is not None and vigil.next_due <= until:
            at = vigil.next_due
            where = vigil.settled
            changes_at = where.due(self.outlook.home)
            if changes_at is not None and changes_at <= at:
                before, where = where, where.at_due()
                vigil.settled = where
                vigil.diary = nights.noted(vigil.diary, before, where, None, changes_at, self.outlook.home)
            closes_at = nights.due(vigil.diary)
            if closes_at is not None and closes_at <= at:
                self.close(closes_at)
            self.tell(where, at)

    def close(self, at: datetime) -> None:
        """Sum up a night that is over, or the day after it, and learn what only whole ones teach."""
        vigil, home = self.vigil, self.home
        vigil.diary, summary = nights.closed(vigil.diary, at, vigil.settled, home)
        summary = msgspec.structs.replace(
            summary,
            highest=vigil.highest,
            episodes=vigil.episodes,
            mostly_after=mostly_after(home, vigil.lessons, vigil.diary.age, at, self.others),
        )
        self.said.append(summary)
        vigil.reviews, notices = reviewed(vigil.reviews, summary, home)
        tells = self.outlook.tells
        self.said += [_noticed(what, notice, summary) for what, notice in notices if what in tells]
        if summary.whole:
            vigil.highest, vigil.episodes = {}, ()
            vigil.day = day_inactivity.next_day(vigil.day)
            vigil.rises = late_rise.learned(vigil.rises, summary, home)
            vigil.rising = late_rise.rising_from(vigil.rises)

    # What is told.

    def tell(self, where: Whereabouts, at: datetime) -> None:
        """Say what became due by `at` and what is over since; note when to look again."""
        vigil, (home, tells, paused) = self.vigil, self.outlook
        next_due = _earliest(where.due(home), nights.due(vigil.diary))
        for name, watched in self.episodes(where, home):
            episode = watched
            if paused and pauses.KIND_OF[name] in paused:
                continue  # what was told of it before stands
            if vigil.unwatched:
                if pauses.stands(vigil, name, watched, where):
                    continue
                episode = pauses.afresh(vigil, name, watched)
            told = episode if episode is not None and episode.what in tells else None
            if told is None and name not in vigil.running and name not in vigil.told:
                continue  # nearly always
            due = self.watch(name, told, where, at)
            if due is not None and (next_due is None or due < next_due):
                next_due = due
        vigil.next_due = next_due

    def agreed(self) -> None:
        """Look afresh at all that runs, under what is agreed now; what had been due before by that, is so as of now."""
        vigil, where, known_to = self.vigil, self.vigil.settled, self.vigil.settled_to
        if known_to is None:
            return
        for name, episode in self.episodes(where, self.outlook.home):
            if episode is not None and name in vigil.running and episode.since == vigil.running[name].since:
                due = Running(episode.since, self.due(name, episode, where), episode.lesson)
                vigil.running = {**vigil.running, name: due}
        if vigil.burst_ends is not None:
            vigil.next_due = known_to  # with the late news that may say that it is over
            return
        self.tell(where, known_to)
        self.said = [
            msgspec.structs.replace(one, at=max(one.at, known_to)) if isinstance(one, Finding) else one
            for one in self.said
        ]

    def episodes(self, where: Whereabouts, home: Home) -> Iterator[tuple[str, Episode | None]]:
        """Yield what every detector that reads the settled order watches now."""
        vigil = self.vigil
        for name, detector in SETTLED.items():
            yield name, detector(where, home)
        yield "day", day_inactivity.day_inactivity(where, home, vigil.day)
        yield "rise", late_rise.late_rise(where, home, vigil.diary, vigil.rises)
        yield "gap", gateway_gap(vigil.health.pulse, away=where.presence is Presence.OUT)

    def watch(self, name: str, episode: Episode | None, where: Whereabouts, at: datetime) -> datetime | None:
        """Tell an episode that is due, or that it is over; return when it will be due."""
        vigil = self.vigil
        if name in vigil.running or (episode is not None and episode.lesson):
            episode = self.in_its_time(name, episode, where, at)
        if episode is not None and episode.until is not None and episode.due > episode.until:
            episode = None
        known = vigil.told.get(name)
        if known is not None and (episode is None or (episode.what, episode.since) != (known.what, known.since)):
            vigil.told = {other: one for other, one in vigil.told.items() if other != name}
            if known.what is not What.BUTTON:  # a call for help is over when a person says so
                since, began = known.since, known.began
                self.said.append(Cleared(at=at, home=self.home.id, what=known.what, since=since, episode=began))
            known = None
        if episode is None or (known is not None and known.count >= episode.count):
            return None
        if episode.due > at:
            return episode.due
        finding = self.finding(name, episode, where)
        self.said.append(finding)
        vigil.told = {**vigil.told, name: Telling(episode.what, episode.since, episode.began, episode.count)}
        if finding.early and episode.lesson:
            asked = Asked(episode.lesson, name, episode.what, episode.since, episode.began)
            lately = [one for one in vigil.asked if at - one.since < ASKED_FOR]
            vigil.asked = (*lately[-(ASKED_MAX - 1) :], asked)
        return None

    def in_its_time(self, name: str, episode: Episode | None, where: Whereabouts, at: datetime) -> Episode | None:
        """Learn from an episode that is over, and let one that runs be due when it is long for this home."""
        vigil = self.vigil
        running = vigil.running.get(name)
        if running is not None and (episode is None or episode.since != running.since):
            self.learn(name, running, where, at)
            self.asked_until(name, running.since, at)
            if episode is None or not episode.lesson:
                vigil.running = {other: one for other, one in vigil.running.items() if other != name}
            running = None
        if episode is None or not episode.lesson:
            return episode
        if running is None or running.lesson != episode.lesson:
            running = Running(episode.since, self.due(name, episode, where), episode.lesson)
            vigil.running = {**vigil.running, name: running}
        return msgspec.structs.replace(episode, due=running.due)

    def due(self, name: str, episode: Episode, where: Whereabouts) -> datetime:
        if self.company(where, episode.since):
            return episode.due  # who else is there would notice; what is usual alone says nothing now
        lesson, since, home = episode.lesson, episode.since, self.home
        threshold = self.others.threshold(name, home.profile, self.vigil.diary.age, home.budget)
        known = self.vigil.lessons.get(lesson)
        minutes = lessons.alert_after(lesson, known, since, home, threshold, self.others)
        minutes = max(minutes, self.others.soonest.get(name, 0.0))
        seconds = math.ceil(60.0 * min(minutes, LONGEST_MINUTES))  # whole ones: no finding hangs on a millisecond
        return min(episode.due, since + timedelta(seconds=seconds))

    def learn(self, name: str, running: Running, where: Whereabouts, at: datetime) -> None:
        """Learn how long an episode lasted, unless it was not wholly seen or somebody else was there."""
        vigil, lesson, lasted = self.vigil, running.lesson, at - running.since
        if not lessons.teaches(lesson, lasted, self.others) or self.hindered or self.company(where, at):
            return
        waits = lesson in self.others.waits
        ended = _ended(name, where)
        if not (ended or waits):
            return
        known = vigil.lessons.get(lesson)
        if ended:
            minutes = lasted / timedelta(minutes=1)
            score = lessons.score(lesson, known, running.since, self.home, minutes, self.others)
            if score > vigil.highest.get(name, -math.inf):
                vigil.highest = {**vigil.highest, name: score}
        learned = Learned(lesson, round(lasted / timedelta(minutes=1), 2), ended)
        vigil.episodes = (*vigil.episodes, learned)[-EPISODES_MAX:]
        taught = lessons.taught(lesson, known, running.since, lasted, self.home, self.others, ended=ended)
        vigil.lessons = {**vigil.lessons, lesson: taught}

    def asked_until(self, name: str, since: datetime, at: datetime) -> None:
        """Note how long an episode lasted of which somebody may say that it was usual, or has."""
        for asked in self.vigil.asked:
            if (asked.detector, asked.since, asked.until) == (name, since, None):
                over = msgspec.structs.replace(asked, until=at, vouched=False)
                self.vigil.asked = tuple(over if one is asked else one for one in self.vigil.asked)
                if asked.vouched:
                    self.usual(over)

    def usual(self, asked: Asked) -> None:
        """Make room for what somebody called usual: now, or when it is over."""
        vigil, lesson = self.vigil, asked.lesson
        if asked.until is None:
            vouched = msgspec.structs.replace(asked, vouched=True)
            vigil.asked = tuple(vouched if one is asked else one for one in vigil.asked)
            return
        threshold = self.others.threshold(asked.detector, self.home.profile, vigil.diary.age, self.home.budget)
        known, lasted = vigil.lessons.get(lesson), asked.until - asked.since
        room = lessons.vouched(lesson, known, asked.since, lasted, self.home, threshold, self.others)
        vigil.lessons = {**vigil.lessons, lesson: room}
        vigil.asked = tuple(one for one in vigil.asked if one is not asked)

    def finding(self, name: str, episode: Episode, where: Whereabouts) -> Finding:
        vigil, lesson = self.vigil, episode.lesson
        median, known, rank = None, None, None
        if lesson:
            minutes = (episode.due - episode.since) / timedelta(minutes=1)
            knows = vigil.lessons.get(lesson)
            score = lessons.score(lesson, knows, episode.since, self.home, minutes, self.others)
            rank = self.others.rank(name, self.home.profile, vigil.diary.age, score)
            here = lessons.usual(lesson, vigil.lessons.get(lesson), episode.since, self.home, self.others)
            median, known = round(here.median, 1), here.nights
        elif episode.what is What.LATE_RISE:
            known = late_rise.mornings(vigil.rises)
        early = episode.limit is not None and episode.due < episode.since + timedelta(minutes=episode.limit)
        return Finding(
            at=episode.due,
            home=self.home.id,
            what=episode.what,
            since=min(episode.since, episode.due),  # a press that came late may be older than the one first told
            episode=episode.began,
            limit=episode.limit,
            usual=median,
            nights=known,
            rank=rank,
            early=early,
            room=episode.room,
            last_at=where.last_at,
            last_room=where.room if where.last_at is not None else None,
            door_at=where.door_at,
            count=episode.count,
            sensor=episode.sensor,
            perhaps=self.perhaps(episode, where),
            blind=tuple(sorted(vigil.blind)),
            window=vigil.marks,
        )

    def perhaps(self, episode: Episode, where: Whereabouts) -> tuple[Perhaps, ...]:
        """Return what else could explain a finding, as far as the home itself tells."""
        home = self.outlook.home
        night = episode.what in _OUT_OF_BED
        others = episode.what is What.BATH and where.washes_though_in_bed(home)  # or the bed sensor is wrong
        return tuple(
            one
            for one, holds in (
                (Perhaps.OTHERS, others or self.company(where, episode.due)),
                (Perhaps.RISING, night and home.night.ends_soon(episode.since)),
                (Perhaps.RETURNED, night and not home.has_bed and episode.what is not What.BATH),
                (Perhaps.SENSOR, self.hindered),
            )
            if holds
        )

    # How the home stands.

    def look(self, now: datetime) -> None:
        """Let time pass in the view too: somebody has gone out, or to bed."""
        home = self.outlook.home
        due = self.vigil.view.due(home)
        while due is not None and due <= now:
            self.vigil.view = self.vigil.view.at_due()
            self.stand(due)
            due = self.vigil.view.due(home)

    def stand(self, at: datetime) -> None:
        """Say how the home stands, if that differs from what was last said."""
        status = stood(self.vigil, self.home, at)
        if status is not None:
            self.vigil.status = status
            self.said.append(status)


def _only_clears(before: Whereabouts, after: Whereabouts) -> bool:
    """Whether nothing came of a message but that a sensor sees nobody any more, as of half of all of them."""
    return (
        after.last_at is before.last_at
        and after.presence is before.presence
        and after.left_bed_at is before.left_bed_at
        and after.door_moved_at is before.door_moved_at
        and after.beds is before.beds
    )


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _noticed(what: What, notice: Notice, summary: Summary) -> Finding:
    return Finding(
        at=summary.at,
        home=summary.home,
        what=what,
        since=notice.since,
        episode=notice.since,
        value=notice.value,
        usual=notice.usual,
        nights=notice.nights,
        rank=notice.rank,
    )


def _in_order(said: list[Told]) -> None:
    """Put what became true in one long step in the order in which many short ones would have told it."""
    if len(said) > 1:
        said.sort(key=lambda one: one.at if isinstance(one, Status) else one.at + WINDOW)


_TELL_WHERE = frozenset({Kind.BED, Kind.MOTION})
_OUT_OF_BED = frozenset({What.BATH, What.STILL, What.OOB_UNSEEN, What.OOB_ACTIVE})


def _ended(name: str, where: Whereabouts) -> bool:
    """Whether an episode's end was seen, now that the resident is there."""
    if name == "out_of_bed":
        return where.presence is Presence.BED
    if name == "bath":
        return True
    return where.presence in (Presence.UP, Presence.BED)


def _withheld(said: list[Told], one: Finding | Cleared) -> bool:
    return any(isinstance(told, Withheld) and (told.what, told.since) == (one.what, one.since) for told in said)
