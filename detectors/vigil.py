"""The vigil over one home: moments in, findings out. All that is remembered is one value that can be stored.

Events reach us late and out of order, so there are two readings of them. The *view* takes each as it arrives: it is
what the desk's tile shows, and calls for help are told from it at once. The *settled* reading takes them in the order
in which they happened, `WINDOW` behind the clock: every other finding comes from it, and so does not depend on
the order of arrival inside the window, on how often the clock ticks, or on a restart in between.

News from before the settled reading is late. It waits until the burst it came in is over and is then settled as one:
what is still true after it is told, dated by when it began; what was over by then is withheld, and counted.
"""

from datetime import datetime, timedelta

import msgspec

from detectors.bath_stay import bath_stay
from detectors.episodes import Detector, Episode
from detectors.findings import Cleared, Finding, Mark, Presence, Sight, Status, What, Withheld
from detectors.help_button import help_button
from detectors.homes import Home, Instant, Kind, SensorId
from detectors.lessons import Lesson, taught, usual
from detectors.moments import SensorEvent, SensorSight
from detectors.night_door import left_home, somebody_arrived
from detectors.out_of_bed import out_of_bed
from detectors.still import still
from detectors.whereabouts import Whereabouts

WINDOW = timedelta(seconds=30)  # how late an event may be and still be put in its place
BURST_MAX = timedelta(minutes=2)  # how long one late burst may hold the settled reading up
LONGEST_MINUTES = 24 * 60.0  # for which anything is waited for
MARKS_FOR = timedelta(hours=6)
MARKS_MAX = 240
MARK_EVERY = timedelta(seconds=60)  # motion in one room closer together than this is one mark

SETTLED: dict[str, Detector] = {
    "bath_stay": bath_stay,
    "still": still,
    "out_of_bed": out_of_bed,
    "left_home": left_home,
    "somebody_arrived": somebody_arrived,
}
"""Detectors that read what happened in the order in which it happened."""

IMMEDIATE: dict[str, Detector] = {"help_button": help_button}
"""Detectors that cannot wait, and need not: what they tell does not depend on the order of arrival."""

Told = Finding | Cleared | Withheld | Status


class Telling(msgspec.Struct, frozen=True, array_like=True):
    """An episode that was told and is not over."""

    what: What
    since: Instant
    began: Instant
    count: int


class Running(msgspec.Struct, frozen=True, array_like=True):
    """An episode that has begun and is not over, and when it will be told."""

    what: What
    since: Instant
    due: Instant  # at the limit agreed, or sooner where it is long for this home
    lesson: str


class Vigil(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is remembered of one home between two moments."""

    view: Whereabouts = Whereabouts()
    settled: Whereabouts = Whereabouts()
    settled_to: Instant | None = None
    next_due: Instant | None = None  # when time alone next changes the settled reading or makes it tell something
    told: dict[str, Telling] = {}  # by detector
    running: dict[str, Running] = {}  # by detector, for those that learn
    lessons: dict[str, Lesson] = {}  # by name of the lesson
    pending: tuple[SensorEvent, ...] = ()  # arrived and not settled, in the order of their dates
    burst_began: Instant | None = None  # arrival of the first late event that waits
    burst_ends: Instant | None = None
    marks: tuple[Mark, ...] = ()
    silent: dict[SensorId, str] = {}  # sensors that cannot be heard, and why
    status: Status | None = None  # as last told


def arrive(
    vigil: Vigil, moment: SensorEvent | SensorSight, arrived_at: datetime, home: Home
) -> tuple[Vigil, tuple[Told, ...]]:
    """Let time pass up to the arrival of a moment, then take it in.

    `arrived_at` never goes back from one call to the next; it is when the record was written, so that reading the
    journal again does exactly what happened the first time.
    """
    vigil, told = advance(vigil, arrived_at, home)
    said = list(told)
    if isinstance(moment, SensorSight):
        silent = {sensor: why for sensor, why in vigil.silent.items() if sensor != moment.sensor}
        if not moment.seen:
            silent[moment.sensor] = moment.reason
        vigil = msgspec.structs.replace(vigil, silent=silent)
    elif moment.kind is Kind.BUTTON:
        view = vigil.view.see(moment, home)
        if view is not vigil.view:
            vigil = msgspec.structs.replace(vigil, view=view)
            vigil = _tell(vigil, IMMEDIATE, view, home, max(moment.at, arrived_at), said)
    elif _is_news(vigil, moment):
        view = vigil.view.see(moment, home)
        vigil = msgspec.structs.replace(vigil, view=view, **_queued(vigil, moment, arrived_at))
    return _stand(vigil, moment.at, home, said)


def advance(vigil: Vigil, now: datetime, home: Home) -> tuple[Vigil, tuple[Told, ...]]:
    """Let time pass, and nothing else. To do so more or less often changes nothing but when one hears of it."""
    said: list[Told] = []
    if vigil.burst_ends is not None:
        if now < vigil.burst_ends:
            return _look(vigil, now, home, said)
        vigil = _settle_burst(vigil, home, said)
    settle_to = now - WINDOW
    done = 0
    for event in vigil.pending:
        if event.at > settle_to:
            break
        vigil = _settle(vigil, event, home, said)
        done += 1
    if done:
        vigil = msgspec.structs.replace(vigil, pending=vigil.pending[done:])
    vigil = _wait(vigil, settle_to, home, said)
    if vigil.settled_to is None or settle_to > vigil.settled_to:
        vigil = msgspec.structs.replace(vigil, settled_to=settle_to)
    return _look(vigil, now, home, said)


def _is_news(vigil: Vigil, event: SensorEvent) -> bool:
    for waiting in reversed(vigil.pending):
        if waiting.at < event.at:
            break
        if waiting == event:
            return False
    heard = vigil.settled.heard.get(event.sensor)
    return heard is None or event.at > heard[0]


def _order(event: SensorEvent) -> tuple[datetime, SensorId, float]:
    """Sort by date. Of two that contradict one another at one instant the lower counts: it watches longer."""
    return event.at, event.sensor, event.value


def _queued(vigil: Vigil, event: SensorEvent, arrived_at: datetime) -> dict[str, object]:
    """Return what changes when an event waits to be settled."""
    pending = vigil.pending
    at = len(pending)
    while at and _order(pending[at - 1]) > _order(event):
        at -= 1
    changes: dict[str, object] = {"pending": (*pending[:at], event, *pending[at:])}
    if vigil.settled_to is not None and event.at <= vigil.settled_to:
        began = vigil.burst_began or arrived_at
        changes["burst_began"] = began
        changes["burst_ends"] = min(arrived_at + WINDOW, began + BURST_MAX)
    return changes


def _settle_burst(vigil: Vigil, home: Home, said: list[Told]) -> Vigil:
    """Settle late news and all that waited with it as one; withhold what was over before it could be told."""
    assert vigil.burst_ends is not None
    known_to = vigil.settled_to
    upto = vigil.burst_ends - WINDOW
    ripe = [event for event in vigil.pending if event.at <= upto]
    heard: list[Told] = []
    for event in ripe:
        vigil = _settle(vigil, event, home, heard)
    over = {(one.what, one.since): one.at for one in heard if isinstance(one, Cleared)}
    for one in heard:
        if isinstance(one, Status | Withheld) or (one.what, one.since) not in over:
            said.append(one)
        elif isinstance(one, Finding) and known_to is not None and one.at <= known_to:
            ended = over[one.what, one.since]
            said.append(Withheld(at=one.at, home=one.home, what=one.what, since=one.since, over_at=ended))
        elif not _withheld(said, one):
            said.append(one)
    return msgspec.structs.replace(vigil, pending=vigil.pending[len(ripe) :], burst_began=None, burst_ends=None)


def _withheld(said: list[Told], one: Finding | Cleared) -> bool:
    return any(isinstance(told, Withheld) and (told.what, told.since) == (one.what, one.since) for told in said)


def _settle(vigil: Vigil, event: SensorEvent, home: Home, said: list[Told]) -> Vigil:
    """Let time pass up to an event, then let it happen."""
    vigil = _wait(vigil, event.at, home, said)
    where = vigil.settled.see(event, home)
    if where is vigil.settled:
        return vigil
    vigil = msgspec.structs.replace(vigil, settled=where, marks=_marked(vigil.marks, event))
    return _tell(vigil, SETTLED, where, home, event.at, said)


def _wait(vigil: Vigil, until: datetime, home: Home, said: list[Told]) -> Vigil:
    """Let everything happen that time alone brings about up to an instant, in its order."""
    while vigil.next_due is not None and vigil.next_due <= until:
        at = vigil.next_due
        where = vigil.settled
        changes_at = where.due(home)
        if changes_at is not None and changes_at <= at:
            where = where.at_due()
            vigil = msgspec.structs.replace(vigil, settled=where)
        vigil = _tell(vigil, SETTLED, where, home, at, said)
    return vigil


def _tell(  # noqa: PLR0917  # the one place where all of it meets
    vigil: Vigil, detectors: dict[str, Detector], where: Whereabouts, home: Home, at: datetime, said: list[Told]
) -> Vigil:
    """Say what became due by `at` and what is over since; note when to look again."""
    told = vigil.told
    next_due = where.due(home) if detectors is SETTLED else None
    for name, detector in detectors.items():
        episode = detector(where, home)
        if name in vigil.running or (episode is not None and episode.lesson):
            vigil, episode = _in_its_time(vigil, name, episode, home, at)
        known = told.get(name)
        if known is not None and (episode is None or (episode.what, episode.since) != (known.what, known.since)):
            told = {other: one for other, one in told.items() if other != name}
            if known.what is not What.BUTTON:  # a call for help is over when a person says so
                said.append(Cleared(at=at, home=home.id, what=known.what, since=known.since, episode=known.began))
            known = None
        if episode is None or (known is not None and known.count >= episode.count):
            continue
        if episode.due <= at:
            said.append(_finding(vigil, episode, where, home))
            told = {**told, name: Telling(episode.what, episode.since, episode.began, episode.count)}
        elif next_due is None or episode.due < next_due:
            next_due = episode.due
    if detectors is SETTLED:
        return msgspec.structs.replace(vigil, told=told, next_due=next_due)
    return vigil if told is vigil.told else msgspec.structs.replace(vigil, told=told)


def _in_its_time(
    vigil: Vigil, name: str, episode: Episode | None, home: Home, at: datetime
) -> tuple[Vigil, Episode | None]:
    """Learn from an episode that is over, and let one that runs be due when it is long for this home."""
    running = vigil.running.get(name)
    if running is not None and (episode is None or episode.since != running.since):
        lessons, rest = vigil.lessons, {other: one for other, one in vigil.running.items() if other != name}
        if not vigil.silent:  # of what was not wholly seen nothing is learned
            lesson = taught(running.lesson, lessons.get(running.lesson), running.since, at, home)
            lessons = lessons if lesson is None else {**lessons, running.lesson: lesson}
        vigil = msgspec.structs.replace(vigil, running=rest, lessons=lessons)
        running = None
    if episode is None or not episode.lesson:
        return vigil, episode
    if running is None:
        here = usual(episode.lesson, vigil.lessons.get(episode.lesson), episode.since, home)
        due = min(episode.due, _after(episode.since, here.alert_after))
        running = Running(episode.what, episode.since, due, episode.lesson)
        vigil = msgspec.structs.replace(vigil, running={**vigil.running, name: running})
    return vigil, msgspec.structs.replace(episode, due=running.due)


def _after(since: datetime, minutes: float) -> datetime:
    return since + timedelta(minutes=min(minutes, LONGEST_MINUTES))


def _finding(vigil: Vigil, episode: Episode, where: Whereabouts, home: Home) -> Finding:
    lesson = episode.lesson
    here = usual(lesson, vigil.lessons.get(lesson), episode.since, home) if lesson else None
    early = episode.limit is not None and episode.due < episode.since + timedelta(minutes=episode.limit)
    return Finding(
        at=episode.due,
        home=home.id,
        what=episode.what,
        since=episode.since,
        episode=episode.began,
        limit=episode.limit,
        usual=None if here is None else round(here.median, 1),
        nights=None if here is None else here.nights,
        early=early,
        room=episode.room,
        last_at=where.last_at,
        last_room=where.room if where.last_at is not None else None,
        door_at=where.door_at,
        count=episode.count,
        blind=tuple(sorted(vigil.silent)),
        window=vigil.marks,
    )


def _marked(marks: tuple[Mark, ...], event: SensorEvent) -> tuple[Mark, ...]:
    """Add an event to the evidence, thinned where it only repeats, and forget what is too old."""
    if event.kind in (Kind.MOTION, Kind.USE):
        if event.value == 0.0:
            return marks
        for mark in reversed(marks):
            if event.at - mark.at >= MARK_EVERY:
                break
            if mark.room == event.room and mark.kind is event.kind:
                return marks
    marks = (*marks, Mark(event.at, event.room, event.kind, event.value))[-MARKS_MAX:]
    keep = next((i for i, mark in enumerate(marks) if event.at - mark.at <= MARKS_FOR), len(marks))
    return marks[keep:] if keep else marks


def _look(vigil: Vigil, now: datetime, home: Home, said: list[Told]) -> tuple[Vigil, tuple[Told, ...]]:
    """Let time pass in the view too: somebody has gone out, or to bed."""
    due = vigil.view.due(home)
    while due is not None and due <= now:
        vigil = msgspec.structs.replace(vigil, view=vigil.view.at_due())
        vigil, told = _stand(vigil, due, home, said)
        said = list(told)
        due = vigil.view.due(home)
    return vigil, tuple(said)


def _stand(vigil: Vigil, at: datetime, home: Home, said: list[Told]) -> tuple[Vigil, tuple[Told, ...]]:
    """Say how the home stands, if that differs from what was last said."""
    view, last = vigil.view, vigil.status
    sensors = [sensor.id for sensor in home.sensors if sensor.kind is not Kind.BUTTON]
    heard_any = bool(view.heard)
    blind = tuple(sorted(vigil.silent)) if heard_any else tuple(sorted(sensors))
    if not heard_any or all(sensor in vigil.silent for sensor in sensors):
        sight = Sight.BLIND
    else:
        sight = Sight.PARTLY if blind else Sight.WATCHED
    presence = Presence.UNKNOWN if sight is Sight.BLIND else view.presence
    if last is not None and (presence, view.since, sight, blind) == (last.presence, last.since, last.sight, last.blind):
        return vigil, tuple(said)
    status = Status(at=at, home=home.id, presence=presence, since=view.since, sight=sight, blind=blind)
    return msgspec.structs.replace(vigil, status=status), (*said, status)
