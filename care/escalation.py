"""Passing on: to whom an alert goes next by itself, and when. Each answer is a function of records and a moment.

Every step gets the minutes that were agreed, or less: as much less as it takes for the last one to be asked by the
limit of the alert's tier. So steps that fall out bring the others forward, and what came late is hurried. The clock
stands still while somebody has the alert, said they would go, or put it aside; then it goes on where it was.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from care.alerts import CALM, FORGOTTEN_AFTER, Alert, State, Tier, raised, urgency, with_deed
from care.asking import (
    HELD_BACK,
    MAY_HAVE,
    Agreement,
    Answer,
    CalledOff,
    Chain,
    Exhausted,
    Noticed,
    Opened,
    Passed,
    Replied,
    Skipped,
    Step,
    Why,
)
from care.board import Board
from care.chains import BACK_UP, DESK, LINES, NIGHT_TEAM, RESIDENT, steps_for
from care.ids import ContactId, Place
from care.messages import again
from care.notices import Channels
from care.records import By, Deed, Follow, Lapsed, Passing, Shelved, Unshelved, site_of
from detectors.findings import Finding, What
from detectors.homes import Home, HomeId, SiteId

HASTE = timedelta(minutes=1)  # from the first who is asked to the last, of what came after its limit
GOING_FOR = FORGOTTEN_AFTER  # that somebody who said they would go is believed, while nothing follows
CALLED_OFF_WITHIN = timedelta(hours=1)  # who is not told by then has long been there, or never went
_TICK = timedelta(microseconds=1)

Coming = Passed | Skipped | Exhausted
Spoken = dict[ContactId, list[datetime]]


def due(board: Board, now: datetime, *, attended: Callable[[SiteId], bool] = lambda _: True) -> list[Deed]:
    """Return what the centre must write down of alerts that wait; nothing that it has written already.

    A claim of which nothing came is over; what was put aside is back; an alert goes on to the next in its chain.

    Parameters
    ----------
    attended : whether a screen is in view of somebody who may act on a site's alerts; if not, the desk is passed by.
    """
    said: list[Deed] = []
    spoken: Spoken = {}
    for alert in board.open_alerts():
        over = list(_over(alert, now))
        said += over
        for one in over:
            alert = with_deed(alert, one)  # noqa: PLW2901  # goes on with what was just said of it
        looks = attended(site_of(alert.home))
        while (coming := next_of(alert, board, now, attended=looks, spoken=spoken)) is not None and coming.at <= now:
            record = msgspec.structs.replace(coming, at=max(now, _dated(alert)))
            said.append(record)
            if isinstance(record, Passed) and alert.tier is not Tier.ACUTE:
                spoken.setdefault(board.person(record.to, alert.home), []).append(record.at)
            alert = with_deed(alert, record)  # noqa: PLW2901
    return said


def next_of(
    alert: Alert, board: Board, now: datetime, *, attended: bool = True, spoken: Spoken | None = None
) -> Coming | None:
    """Return what happens next by itself with an alert, dated by when; None if nothing does.

    It may be in the past: then it is due. Everything changes as soon as somebody does something.

    Parameters
    ----------
    spoken : who is asked what is not urgent, by what is decided at this very moment.
    """
    steps = _steps(alert, board, now, attended=attended, spoken=spoken)
    if steps is None or not _may_go_on(alert, board):
        return None
    cause = steps.cause()
    at = max(cause.at, now)
    about: dict[str, Any] = {"home": alert.home, "alert": alert.id}
    if not steps.left:
        over = cause.at if steps.asked else now
        return None if steps.told or not steps.every else Exhausted(at=over, why=cause.why, **about)
    step = steps.left[0]
    barred = steps.barred(step, at)
    if barred is not None:
        return Skipped(at=cause.at, step=steps.every.index(step), to=step.who, line=step.line, why=barred, **about)
    return steps.ask(step, steps.share(step.minutes, steps.left[1:], at) / timedelta(minutes=1), cause)


def called_in(board: Board, now: datetime) -> list[Passed]:
    """Return that the back-up is asked now: about the most urgent alert that waits and whose chain has them.

    One notice: whoever comes to help sees the rest at the desk.
    """
    for alert in board.open_alerts():
        steps = _steps(alert, board, now, attended=True)
        back_up = None if steps is None else next((step for step in steps.left if step.who == BACK_UP), None)
        if steps is None or back_up is None or steps.barred(back_up, now) is not None:
            continue
        return [steps.ask(back_up, back_up.minutes, Cause(max(now, _dated(alert)), Why.CALLED_IN))]
    return []


def forecast(alert: Alert, board: Board, now: datetime) -> list[Coming]:
    """Return all that happens with an alert if nobody ever does anything, in its order."""
    coming: list[Coming] = []
    while (one := next_of(alert, board, now)) is not None:
        now = max(now, one.at)
        one = msgspec.structs.replace(one, at=max(now, _dated(alert)))
        coming.append(one)
        alert = with_deed(alert, one)
    return coming


def preview(board: Board, place: Place, agreement: Agreement, tier: Tier, at: datetime) -> list[Coming]:
    """Return what would happen with an alert at a moment if this were agreed for a place, and nobody did anything."""
    home = HomeId(place) if HomeId(place) in board.homes else HomeId(f"{place}/-")
    what = What.STILL if tier is Tier.ACUTE else What.LATE_RISE
    supposed = Board()
    supposed.plans, supposed.homes = board.plans, board.homes
    supposed.chains = board.chains.supposing(place, agreement)
    finding = Finding(at=at, home=home, what=what, since=at, episode=at)
    return forecast(raised(finding, home=board.homes.get(home), arrived_at=at), supposed, at)


class ToSend(NamedTuple):
    """A notice that somebody must get, by this channel."""

    alert: Alert
    asked: Passed
    channel: str


def to_send(board: Board, now: datetime) -> Iterator[ToSend]:
    """Yield the notices that no channel has taken or refused yet and that are due.

    The next channel is due as soon as one refuses, or after a part of the step's time in which nobody looked; when
    each had its turn, those that refused are tried once more within the step's time; those of which nobody knows
    whether they took it only if it is acute. Who was asked after them is asked no later for it.
    """
    for alert in board.open_alerts():
        climb = _climb(alert, board.homes.get(alert.home), now)
        so_far = climb.so_far if climb is not None else ()
        for asked in so_far:
            if isinstance(asked, Passed) and asked.channels and not_needed(alert, asked.to, now) is None:
                channel = _channel(so_far, asked, board.channels, now, acute=alert.tier is Tier.ACUTE)
                if channel is not None:
                    yield ToSend(alert, asked, channel)


def _channel(so_far: tuple[Passing, ...], asked: Passed, known: Channels, now: datetime, *, acute: bool) -> str | None:
    """Return the channel by which somebody is to be told now; one that has just refused comes last."""
    later = [one for one in so_far if one.at >= asked.at]
    if any(isinstance(one, Opened | Replied) and one.by == asked.to for one in later):
        return None
    if any(isinstance(one, CalledOff) and one.to == asked.to for one in later):
        return None
    tries: dict[str, list[Noticed]] = {channel: [] for channel in asked.channels}
    for one in later:
        if isinstance(one, Noticed) and one.to == asked.to:
            tries.setdefault(one.channel, []).append(one)
    passed_on = any(isinstance(one, Passed) and one.at > asked.at for one in later)
    share = timedelta(minutes=asked.minutes) / len(asked.channels)
    for number, channel in enumerate(sorted(asked.channels, key=lambda one: known.doubtful(one, now)), 1):
        tried = tries[channel]
        if not tried:
            return channel
        if any(one.refusal is None for one in tried) and (passed_on or now < asked.at + share * number):
            return None
    # Each had its turn. Those that may take it yet are tried once more, as long as this step lasts.
    if now > asked.at + timedelta(minutes=asked.minutes):
        return None
    return next((channel for channel in asked.channels if again(tries[channel], now, acute=acute)), None)


def to_call_off(board: Board, now: datetime) -> Iterator[ToSend]:
    """Yield the notices that somebody need not go any more, by the channel that took the question, and not sent yet.

    Only for who got the question, or may have, and did not say that they cannot; once, however often things turn after.
    """
    for alert in board.noticed():
        so_far = alert.way
        for asked in {one.to: one for one in so_far if isinstance(one, Passed)}.values():
            if asked.why is Why.CALLED_IN:  # they came to help with all there is
                continue
            since = not_needed(alert, asked.to, now)
            if since is None or now - since > CALLED_OFF_WITHIN:
                continue
            later = [one for one in so_far if one.at >= asked.at]
            told_by = [
                one for one in later if isinstance(one, Noticed) and one.to == asked.to and one.refusal in MAY_HAVE
            ]
            took = sorted(told_by, key=lambda one: one.refusal is not None)  # by what surely took it, if anything did
            told = any(isinstance(one, CalledOff) and one.to == asked.to for one in later)
            if took and not told and _last_said(so_far, asked.to) not in _DECLINES:
                yield ToSend(alert, asked, took[0].channel)


def not_needed(alert: Alert, to: ContactId, now: datetime) -> datetime | None:
    """Return since when somebody who was asked need not go; None while they should, or were not asked to go at all.

    It is closed; or the desk has it, and somebody else goes; or another who was asked does, and is believed still.
    Who said that they go is sent back by the desk alone. Which of family and neighbours the desk has sent is not
    known, and to 112 somebody with a key is welcome: then nobody who could be of use is told to stay.
    """
    if to in {DESK, RESIDENT}:
        return None
    if alert.resolved is not None and not alert.open:
        return alert.resolved.at
    follow, since = alert.follow, alert.held_since
    if since is not None and follow is not None and follow.follow is not Follow.TALKING and _sent(follow.means, to):
        return max(follow.at, since)
    so_far = alert.way
    if _last_said(so_far, to) is Answer.GOING:
        return None
    others = {one.by: one for one in so_far if isinstance(one, Replied) and one.by != to}
    going = [one.at for one in others.values() if one.answer is Answer.GOING and now < one.at + GOING_FOR]
    return min(going, default=None)


def _sent(means: By, to: ContactId) -> bool:
    """Whether the desk has sent somebody who is surely another."""
    if means is By.NIGHT_TEAM:
        return to != NIGHT_TEAM
    return means in {By.FAMILY, By.NEIGHBOUR} and to in LINES


def _last_said(so_far: tuple[Passing, ...], by: ContactId) -> Answer | None:
    said = [one.answer for one in so_far if isinstance(one, Replied) and one.by == by]
    return said[-1] if said else None


# The climb so far.


class Pause(NamedTuple):
    """A stretch in which the clock stands still."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Climb:
    """One way up the chain: from when an alert asked for somebody, until it is over or closed."""

    began: datetime  # of its limit
    so_far: tuple[Passing, ...]
    pauses: tuple[Pause, ...]
    tier_since: datetime  # from when on it has been as urgent as it is

    def after(self, start: datetime, span: timedelta) -> datetime:
        """Return when so much time has passed since then, leaving out the pauses."""
        at = start + span
        for pause in self.pauses:
            if pause.until > start and pause.since <= at:
                at += pause.until - max(pause.since, start)
        return at


def _climb(alert: Alert, home: Home | None, now: datetime) -> Climb | None:
    """Return the climb that an alert is on; None if it asks for nobody, or somebody has it."""
    if alert.tier in CALM or alert.state not in {State.RAISED, State.DELIVERED}:
        return None
    _, began = alert.turn
    so_far = alert.way
    so_urgent = [one.at for one in alert.findings if one.at >= began and urgency(one, home) is alert.tier]
    first = min((one.at for one in so_far), default=now)
    pauses = _merged([*_held(alert), *_aside(alert), *_going(so_far)])
    return Climb(min(began, first), so_far, pauses, min(min(so_urgent, default=began), first))


def _dated(alert: Alert) -> datetime:
    """Return from when on what is written down counts for the alert as it stands, should a clock run ahead of ours."""
    before, _ = alert.turn
    over = [one.at for one in alert.cleared] + ([alert.resolved.at] if alert.resolved is not None else [])
    over += [before] if before is not None else []
    return max(over) + _TICK if over else alert.arrived_at


def _held(alert: Alert) -> Iterator[Pause]:
    """Yield the stretches in which somebody had it; closing it ends one."""
    since: datetime | None = None
    closed_at = alert.resolved.at if alert.resolved is not None and alert.reopened else None
    for deed, _, holder in alert.handed:
        if closed_at is not None and deed.at > closed_at:
            if since is not None:
                yield Pause(since, closed_at)
            since, closed_at = None, None
        if holder is not None:
            since = since or deed.at
        elif since is not None:
            yield Pause(since, deed.at)
            since = None
    if since is not None and closed_at is not None:
        yield Pause(since, closed_at)


def _aside(alert: Alert) -> Iterator[Pause]:
    since: Shelved | None = None
    for one in alert.shelves:
        if since is not None:
            yield Pause(since.at, min(one.at, since.until))
        since = one if isinstance(one, Shelved) else None
    if since is not None:
        news = [one.at for one in alert.findings if one.at > since.at]
        if news:  # else it was as urgent already, as came to be known after that: nothing stood still
            yield Pause(since.at, min(since.until, *news))


def _going(so_far: tuple[Passing, ...]) -> Iterator[Pause]:
    """Yield the stretches in which somebody is believed: that they go there, or that they are fine."""
    replies = [one for one in so_far if isinstance(one, Replied)]
    for reply in replies:
        if reply.answer in _SEES_TO_IT:
            back = [one.at for one in replies if one.by == reply.by and one.at > reply.at and one.answer in _DECLINES]
            yield Pause(reply.at, min([reply.at + GOING_FOR, *back]))


_SEES_TO_IT = frozenset({Answer.GOING, Answer.FINE})
_DECLINES = frozenset({Answer.CANNOT, Answer.NOT_TONIGHT, Answer.HELP})


def _merged(pauses: list[Pause]) -> tuple[Pause, ...]:
    merged: list[Pause] = []
    for one in sorted(one for one in pauses if one.until > one.since):
        if merged and one.since <= merged[-1].until:
            merged[-1] = Pause(merged[-1].since, max(merged[-1].until, one.until))
        else:
            merged.append(one)
    return tuple(merged)


# What comes next, and when.


class Cause(NamedTuple):
    """Why the next one is asked, and from when on."""

    at: datetime
    why: Why


def _steps(
    alert: Alert, board: Board, now: datetime, *, attended: bool, spoken: Spoken | None = None
) -> "_Steps | None":
    """Return where an alert is on its chain; None if it asks for nobody, or nothing is agreed for it."""
    climb = _climb(alert, board.homes.get(alert.home), now)
    if climb is None:
        return None
    agreed = board.chains.chain(alert.home, climb.began, board.zone(alert.home))
    return None if agreed is None else _Steps(alert, climb, *agreed, board, spoken=spoken or {}, attended=attended)


class _Steps:
    """The chain of an alert on one climb: who was asked, and who is left."""

    def __init__(
        self,
        alert: Alert,
        climb: Climb,
        agreement: Agreement,
        chain: Chain,
        board: Board,
        *,
        spoken: Spoken,
        attended: bool,
    ) -> None:
        self._alert, self._climb, self._agreement = alert, climb, agreement
        self._board, self._spoken, self._attended = board, spoken, attended
        # Whoever calls for help is not asked whether all is well before others hear of it.
        calls = any(one.what is What.BUTTON for one in alert.findings)
        self.every = tuple(step for step in steps_for(chain, alert.home) if not (calls and step.who == RESIDENT))
        # Who was spared what was not urgent is asked after all once it is.
        spared = HELD_BACK if alert.tier is Tier.ACUTE else frozenset[Why]()
        done = {one.to for one in climb.so_far if isinstance(one, Passed | Skipped) and one.why not in spared}
        self.left = [step for step in self.every if step.who not in done]
        self.asked = [one for one in climb.so_far if isinstance(one, Passed)]
        self.told = any(isinstance(one, Exhausted) for one in climb.so_far)

    def cause(self) -> Cause:
        """Return why the next one is asked, and when: at once if the last one cannot or was not reached."""
        climb = self._climb
        if not self.asked:
            return Cause(climb.after(climb.began, timedelta()), Why.FIRST)
        last = self.asked[-1]
        later = [one for one in climb.so_far if one.at >= last.at]
        refused = [one.at for one in later if isinstance(one, Replied) and _declines(one, last)]
        if refused:
            return Cause(climb.after(refused[0], timedelta()), Why.CANNOT)
        refusals: dict[str, datetime] = {}  # by channel, the first: a second try keeps nobody waiting
        for one in later:
            if isinstance(one, Noticed) and one.to == last.to and one.refusal is not None:
                refusals.setdefault(one.channel, one.at)
        if last.channels and refusals.keys() >= set(last.channels):
            return Cause(climb.after(max(refusals.values()), timedelta()), Why.UNREACHED)
        agreed = next((step.minutes for step in self.every if step.who == last.to), last.minutes)
        until = climb.after(last.at, self.share(agreed, self.left, last.at))
        if any(pause.until > last.at for pause in climb.pauses):
            return Cause(until, Why.FORGOTTEN)
        return Cause(until, Why.UNSEEN if last.to == DESK and not self._alert.shown_on else Why.UNANSWERED)

    def share(self, minutes: float, after: Sequence[Step], at: datetime) -> timedelta:
        """Return how long somebody gets of the minutes agreed, so that the last one after them is asked in time."""
        wished = timedelta(minutes=minutes)
        may = [step.minutes for step in after if self.barred(step, at) is None]
        if not may:
            return wished
        together = wished + timedelta(minutes=sum(may[:-1]))
        return wished * min(1.0, max(timedelta(), self._limit() - at) / together)

    def ask(self, step: Step, minutes: float, cause: Cause) -> Passed:
        """Return that somebody is asked."""
        return Passed(
            at=cause.at,
            home=self._alert.home,
            alert=self._alert.id,
            step=self.every.index(step),
            to=step.who,
            line=step.line,
            channels=step.channels,
            minutes=minutes,
            why=cause.why,
        )

    def barred(self, step: Step, at: datetime) -> Why | None:
        """Return why somebody is not asked then."""
        if step.who == DESK:
            return None if self._attended else Why.UNATTENDED
        home, tier, board = self._alert.home, self._alert.tier, self._board
        barred = board.chains.barred(home, step.who, tier.value, self._alert.main.what, at)
        if barred is not None or tier is Tier.ACUTE or step.who in {NIGHT_TEAM, BACK_UP}:  # who is on duty is asked
            return barred
        who = board.person(step.who, home)
        enough = board.messages.barred(who, at, board.zone(home), besides=self._spoken.get(who, ()))
        return None if enough is None else enough[0]

    def _limit(self) -> datetime:
        """Return by when the last one must have been asked."""
        climb, urgent = self._climb, self._alert.tier is Tier.ACUTE
        minutes = self._agreement.acute if urgent else self._agreement.soon
        by = climb.after(climb.tier_since, timedelta(minutes=minutes))
        first = next((one.at for one in climb.so_far if isinstance(one, Passed | Skipped)), None)
        return by if first is None else max(by, climb.after(first, HASTE))


def _declines(reply: Replied, asked: Passed) -> bool:
    return reply.by == asked.to and reply.answer in _DECLINES


def _may_go_on(alert: Alert, board: Board) -> bool:
    """Whether nothing speaks for waiting a moment: a building that tells of the past may say that it is over.

    A call for help never waits.
    """
    if any(one.what is What.BUTTON for one in alert.standing):
        return True
    return alert.late is None or site_of(alert.home) not in board.behind


def _over(alert: Alert, now: datetime) -> Iterator[Lapsed | Unshelved]:
    """Yield that a claim is forgotten, or that what was put aside is back, dated by when that was agreed to be."""
    lapses_at, holder = alert.lapses_at, alert.holder
    if lapses_at is not None and holder is not None and lapses_at <= now:
        yield Lapsed(at=lapses_at, home=alert.home, alert=alert.id, by=holder)
    shelf = alert.shelf
    if shelf is not None and shelf.until <= now:
        yield Unshelved(at=shelf.until, home=alert.home, alert=alert.id)
