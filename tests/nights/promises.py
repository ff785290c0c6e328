"""What the system promises, each as a function from a night to what broke: one sentence for each thing.

None of them knows how the system does it. They read the two journals, what the broker was told, and the board.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from care.alerts import Alert, Tier, alert_of, urgency
from care.asking import Noticed, Passed, Skipped
from care.board import Board
from care.records import CENTRE, Claimed, Order, Plan, Record, Resolved, Teaching, Told, Unreadable
from detectors.findings import Cleared, Finding, Status, What, Withheld
from detectors.homes import is_building
from detectors.moments import SensorEvent
from gateway.sources import Message
from gateway.sources.zigbee2mqtt import read
from gateway.stage import BASE
from tests.nights.phones import EVERYBODY, LIMIT, NEIGHBOUR
from tests.nights.world import Lived

OF_PEOPLE = frozenset(
    {What.BATH, What.STILL, What.OOB_UNSEEN, What.OOB_ACTIVE, What.DOOR_LEFT, What.DOOR_ARRIVED, What.BUTTON}
)
"""What somebody must hear of: told by the limits agreed, so that it hangs on what happened and not on learning."""

FRESH = timedelta(minutes=4)  # the settled minute, a burst of two, and a turn: until what was over may be told as now
IN_TIME = timedelta(minutes=5)  # from when something is true, and nothing fails, until it is on the board
A_MOMENT = timedelta(minutes=2)  # by which the beginning of one and the same thing may differ

LOOKING = timedelta(seconds=15)  # the centre looks every five
HASTE = timedelta(minutes=1)  # to everybody, of what came after its limit
CATCHING_UP = timedelta(minutes=3)  # a building that tells of the past may say in a moment that it is over
IN_A_MOMENT = timedelta(seconds=30)

SAID_MAX = 3  # things that broke, of each promise

Promise = Callable[[Lived], Iterator[str]]


def nothing_received_is_lost_or_doubled(night: Lived) -> Iterator[str]:
    """What was acknowledged to the broker stands in the journal, once; and what it did not forget was acknowledged."""
    kept = Counter(
        (one.sensor, one.at, one.value, one.origin)
        for one in (entry.record for entry in night.building)
        if isinstance(one, SensorEvent)
    )
    yield from (f"{what} stands in the journal {times} times" for what, times in kept.items() if times > 1)
    observed = {what[:3] for what in kept}
    for one in night.fate.publications:
        if one.number not in night.acknowledged | night.lost:
            yield f"message {one.number} of {one.sent_at} was never taken from the broker"
        if one.number in night.acknowledged:
            message = Message(one.topic, one.payload, one.retain)
            said = read(night.fate.site, BASE, message, received_at=one.sent_at, started_at=None)
            for event in said.events:
                if (event.sensor, event.at, event.value) not in observed:
                    yield f"message {one.number}, {event.sensor} at {event.at}, was acknowledged and is in no journal"


def what_would_have_been_found_is_on_the_board(night: Lived) -> Iterator[str]:
    """What is found when nothing fails is an alert at the centre, or was over in time and is withheld."""
    withheld = {(one.home, one.what, one.since) for one in _of(night, Withheld)}
    for one in night.undisturbed:
        if one.what not in OF_PEOPLE or alert_of(one) in night.board.alerts or _told_otherwise(night, one):
            continue
        if (one.home, one.what, one.since) not in withheld:
            yield f"{one.what} of {one.home} at {one.at} never came on the board"


def what_is_true_is_told_in_time(night: Lived) -> Iterator[str]:
    """An alert is on the board some minutes after it became true, or after the last thing that was in its way."""
    for one in night.undisturbed:
        alert = night.board.alerts.get(alert_of(one))
        if one.what not in OF_PEOPLE or alert is None or night.restored or night.fate.weather.lost > 0.1:
            continue
        due = _free_way(night, one.at) + IN_TIME
        if alert.arrived_at > due:
            yield f"{one.what} of {one.home} at {one.at} came on the board at {alert.arrived_at}, after {due}"


def no_alert_comes_twice(night: Lived) -> Iterator[str]:
    """A finding is told once in its episode, or once for every press; the centre has no alert under two names.

    Twice at most what is told twice when nothing fails: then it is what happened, and no fault made two of it.
    """
    undisturbed = Counter((one.home, one.what, one.since, one.sensor, one.count) for one in night.undisturbed)
    for name, entries in (("building", night.building), ("centre", night.centre)):
        told = Counter(
            (one.home, one.what, one.since, one.sensor, one.count)
            for one in (entry.record for entry in entries)
            if isinstance(one, Finding)
        )
        for what, times in told.items():
            if times > max(1, undisturbed[what]):
                yield f"{what} was told {times} times in the {name}"


def nothing_is_dated_in_the_future(night: Lived) -> Iterator[str]:
    """Nothing that is told is dated after it was written down."""
    for name, entries in (("building", night.building), ("centre", night.centre)):
        for entry in entries:
            if isinstance(entry.record, Told) and entry.record.at > entry.recorded_at:
                yield f"{name}: {entry.record} was written at {entry.recorded_at}"


def nothing_over_is_told_as_now(night: Lived) -> Iterator[str]:
    """What had been over for minutes is not told, unless the building could not know: its broker was out of reach."""
    ended: dict[tuple[object, ...], datetime] = {}
    for one in _of(night, Cleared):
        ended[one.home, one.what, one.since] = one.at  # the last one, where something was over twice
    for entry in night.building:
        one = entry.record
        if not isinstance(one, Finding) or one.what not in OF_PEOPLE:
            continue
        over_at = ended.get((one.home, one.what, one.since))
        if over_at is not None and over_at < entry.recorded_at - FRESH and not _deaf(night, entry.recorded_at):
            yield f"{one.what} of {one.home} was over at {over_at}, and told at {entry.recorded_at}"


def the_board_is_the_fold_of_the_journal(night: Lived) -> Iterator[str]:
    """Whatever process folded it, and however often it was restarted."""
    board = Board()
    for entry in night.centre:
        board.add(entry.record, recorded_at=entry.recorded_at)
    for name in ("plans", "homes", "statuses", "alerts", "nights", "sights", "chains", "channels", "agreements"):
        if _held(getattr(board, name)) != _held(getattr(night.board, name)):
            yield f"the {name} of the board are not what its journal says"


def _held(part: object) -> object:
    return vars(part) if hasattr(part, "__dict__") else part


def both_journals_agree(night: Lived) -> Iterator[str]:
    """All that the building told is at the centre, in its order; all that the centre ordered is in the building."""
    site = night.fate.site.id
    told = [entry.record for entry in night.building if not entry.origin and isinstance(entry.record, Told)]
    heard = [entry.record for entry in night.centre if entry.origin == site]
    yield from _apart("the centre", told, heard, in_order=not night.restored)
    ordered = [entry.record for entry in night.centre if not entry.origin and _is_order(entry.record)]
    obeyed = [entry.record for entry in night.building if entry.origin == CENTRE]
    if night.restored:
        obeyed = [one for one in obeyed if one in ordered]  # what people did since the backup, the centre has forgotten
    yield from _apart("the building", ordered, obeyed, in_order=not night.restored)
    last = {one.home: one for one in _of(night, Status)}
    yield from (f"{home} is not shown as it stands" for home, one in last.items() if night.board.statuses[home] != one)
    if not any(isinstance(entry.record, Plan) for entry in night.centre):
        yield "the centre has no plan of the building"


def a_building_out_of_reach_is_shown_so(night: Lived) -> Iterator[str]:
    """At every glance at the desk: a minute after the last sign of life at the latest, and not while it is heard."""
    for glance in night.glances:
        if glance.truly is not None and glance.truly != glance.silent:
            was = "cannot be heard" if glance.truly else "is heard"
            yield f"at {glance.at} the building {was}, and the desk shows it otherwise"


def what_is_urgent_is_taken_or_goes_to_everybody_in_time(night: Lived) -> Iterator[str]:
    """An urgent alert that nobody touches is with the last of its chain by its limit, whatever channel is dead."""
    for alert, until in left_alone(night):
        done = [one for one in _passing(night, alert) if isinstance(one, Passed | Skipped) and one.at <= until]
        missing = EVERYBODY - {one.to for one in done} - ({NEIGHBOUR} if is_building(alert.home) else set())
        if missing:
            yield f"{alert.main.what} of {alert.home}, here at {alert.arrived_at}: not with {missing} at {until}"


def who_is_asked_is_told_or_could_not_be(night: Lived) -> Iterator[str]:
    """Whoever is asked gets a notice by one of their channels, or all of them have refused."""
    for alert, until in left_alone(night):
        passing = _passing(night, alert)
        for asked in passing:
            if not isinstance(asked, Passed) or not asked.channels or asked.at > until - IN_A_MOMENT:
                continue
            told = [one for one in passing if isinstance(one, Noticed) and one.to == asked.to]
            if not any(one.refusal is None for one in told) and {one.channel for one in told} < set(asked.channels):
                yield f"{asked.to} was asked at {asked.at} about {alert.home}, and not told"


def nothing_is_refused_on_the_link(night: Lived) -> Iterator[str]:
    """The network loses and repeats; it does not lie, and so neither end ever hears what it cannot read."""
    if night.refused:
        yield f"the centre refused {night.refused} messages"
    for name, entries in (("building", night.building), ("centre", night.centre)):
        strange = [entry.record for entry in entries if entry.origin and isinstance(entry.record, Unreadable)]
        yield from (f"{name}: {one.why}" for one in strange)


PROMISES: tuple[Promise, ...] = (
    nothing_received_is_lost_or_doubled,
    what_would_have_been_found_is_on_the_board,
    what_is_true_is_told_in_time,
    no_alert_comes_twice,
    nothing_is_dated_in_the_future,
    nothing_over_is_told_as_now,
    the_board_is_the_fold_of_the_journal,
    both_journals_agree,
    a_building_out_of_reach_is_shown_so,
    what_is_urgent_is_taken_or_goes_to_everybody_in_time,
    who_is_asked_is_told_or_could_not_be,
    nothing_is_refused_on_the_link,
)


def broken(night: Lived) -> list[str]:
    """Return what broke in a night, each as "promise: what"."""
    return [f"{promise.__name__}: {what}" for promise in PROMISES for what in islice(promise(night), SAID_MAX)]


def left_alone(night: Lived) -> Iterator[tuple[Alert, datetime]]:
    """Yield the urgent alerts that stood until their limit with nobody doing anything, in a centre that ran."""
    done = [entry.record for entry in night.centre]
    for alert in night.board.alerts.values():
        if urgency(alert.findings[0], None) is not Tier.ACUTE:
            continue
        until = max(alert.raised_at + LIMIT, alert.arrived_at + (CATCHING_UP if alert.late else HASTE)) + LOOKING
        touched = [one.at for one in alert.cleared]
        touched += [one.at for one in done if isinstance(one, Claimed | Resolved) and one.alert == alert.id]
        stopped = any(
            one.until >= alert.arrived_at - IN_A_MOMENT and (one.fault == "backup" or one.at <= until)
            for one in night.fate.failures  # put back from a backup, the centre has forgotten what it did
            if one.fault in {"centre", "backup"}
        )
        if until < night.centre[-1].recorded_at and not stopped and all(at > until for at in touched):
            yield alert, until


def _passing(night: Lived, alert: Alert) -> list[Record]:
    return [
        entry.record
        for entry in night.centre
        if isinstance(entry.record, Passed | Skipped | Noticed) and entry.record.alert == alert.id
    ]


def _of(night: Lived, kind: type[Record]) -> list:  # type: ignore[type-arg]
    return [entry.record for entry in night.building if isinstance(entry.record, kind)]


def _is_order(record: Record) -> bool:
    return isinstance(record, Order | Teaching)


def _apart(who: str, said: Sequence[Record], heard: Sequence[Record], *, in_order: bool) -> Iterator[str]:
    if said == heard:
        return
    missing = [one for one in said if one not in heard]
    strange = [one for one in heard if one not in said]
    yield from (f"{who} never had {one}" for one in missing)
    yield from (f"{who} has what was never said: {one}" for one in strange)
    if in_order and not missing and not strange:
        yield f"{who} has it all, and not in its order"


def _told_otherwise(night: Lived, one: Finding) -> bool:
    """Whether it is on the board with a stretch that begins a moment sooner or later.

    Presses come in another order and are dated by another press; a bed that is not seen is left with the first step.
    """
    return any(
        other.what is one.what and abs(other.episode - one.episode) <= A_MOMENT
        for alert in night.board.alerts.values()
        if alert.home == one.home
        for other in alert.findings
    )


def _free_way(night: Lived, at: datetime) -> datetime:
    """Return from when on nothing is in the way of what became true at an instant."""
    for failure in sorted(night.fate.failures, key=lambda one: one.at):
        if failure.at - IN_TIME <= at <= failure.until + IN_TIME:
            at = failure.until + IN_TIME
    return at


def _deaf(night: Lived, at: datetime) -> bool:
    """Whether the building could not hear its sensors then, or only just could again."""
    return any(
        one.at <= at <= one.until + FRESH
        for one in night.fate.failures
        if one.fault in {"deaf", "broker", "amnesia", "bridge"}
    )
