"""A back-test: the same nights twice, under what is agreed now and under what is proposed, by the very same code.

Both begin with what has been learned of the home up to today, and both learn alike from what the journal holds: events
as they arrived, what the centre taught, what people said of an alert. The raw events never leave the building; what
leaves is how the alerts would have come (`records.Comparison`).
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from care import teaching
from care.agreements import agreed, with_agreed
from care.alerts import Tier, alert_of, tier_of
from care.ids import AlertId
from care.journal import Entry
from care.records import CENTRE, Agreed, Cannot, Comparison, How, Outcome, Pair, Resolved, Teaching, Would, site_of
from care.telling import EQUIPMENT
from detectors import vigil
from detectors.findings import Cleared, Finding, What
from detectors.homes import Home, Night, zone_of
from detectors.moments import SensorEvent, SensorSight
from detectors.outlook import Expected, expected
from detectors.remembered import Vigil

_HALF_A_DAY = timedelta(hours=12)
PAIRS_MAX = 400  # told one by one; past it only counted
_LEFT_OUT = EQUIPMENT | {What.BUTTON}  # nothing that is agreed changes when these come


class Span(NamedTuple):
    """Whole nights, each from midday to midday of whoever lives there."""

    first: date  # the evening of the first
    nights: int
    start: datetime
    end: datetime


def last_nights(night: Night, now: datetime, nights: int) -> Span:
    """Return the last nights that are over.

    >>> span = last_nights(Night(), datetime(2026, 3, 3, 1, tzinfo=UTC), 2)
    >>> str(span.first), str(span.start), str(span.end)
    ('2026-02-28', '2026-02-28 14:00:00+00:00', '2026-03-02 14:00:00+00:00')
    """
    last = night.of(now)
    first = last - timedelta(days=nights)
    return Span(first, nights, _midday(night, first), _midday(night, last))


def _midday(night: Night, day: date) -> datetime:
    minutes = night.midday // timedelta(minutes=1)
    local = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=zone_of(night.zone))
    return local.astimezone(UTC)


class Lived(NamedTuple):
    """What a journal holds of one home: enough to live its nights again, and what people said of its alerts."""

    entries: list[Entry]  # moments of this home, what was taught to its site, and how its alerts ended
    alerts: dict[AlertId, datetime]  # that were really told, and when first


def lived(home: Home, entries: Iterable[Entry]) -> Lived:
    """Gather what a journal holds of a home."""
    kept, alerts = list[Entry](), dict[AlertId, datetime]()
    for entry in entries:
        match entry.record:
            case SensorEvent() | SensorSight() | Resolved() if entry.record.home == home.id:
                kept.append(entry)
            case Teaching() if entry.record.site == site_of(home.id):
                kept.append(entry)
            case Finding() if entry.record.home == home.id and not entry.origin:
                alerts.setdefault(alert_of(entry.record), entry.record.at)
    return Lived(kept, alerts)


def relived(home: Home, known: Vigil, entries: Iterable[Entry], until: datetime) -> Iterator[vigil.Told]:
    """Yield what today's detectors tell of those nights, beginning with what is known of the home."""
    others = teaching.others(None)
    for entry in entries:
        now, said = entry.recorded_at, list[vigil.Told]()
        match entry.record:
            case SensorEvent() | SensorSight():
                known, said = vigil.arrive(known, entry.record, now, home, others)
            case Teaching():
                known, said = vigil.advance(known, now, home, others)
                others = teaching.others(entry.record)
            case Resolved(outcome=Outcome.NOT_NEEDED, how=How.USUAL):
                known, said = vigil.advance(known, now, home, others)
                for one in known.asked:
                    over = Cleared(at=now, home=home.id, what=one.what, since=one.since, episode=one.began)
                    if alert_of(over) == entry.record.alert:
                        known = vigil.usual(known, one.what, one.began, home, others)
        yield from said
    _, said = vigil.advance(known, until + vigil.WINDOW, home, others)
    yield from said


def alerts_of(said: Iterable[vigil.Told], home: Home, span: Span) -> dict[AlertId, Would]:
    """Return the alerts about the resident that come of what is told of those nights: when, as what, how urgent."""
    first: dict[AlertId, Would] = {}
    for one in said:
        if not isinstance(one, Finding) or one.what in _LEFT_OUT or not span.start <= one.at < span.end:
            continue
        alert, urgent = alert_of(one), tier_of(one.what, home) is Tier.ACUTE
        known = first.get(alert)
        if known is None or one.at < known.at:
            first[alert] = Would(one.at, one.what, urgent or (known is not None and known.urgent))
        elif urgent and not known.urgent:
            first[alert] = Would(known.at, known.what, urgent=True)
    return first


def compared(
    was: dict[AlertId, Would], would: dict[AlertId, Would], needed: Iterable[AlertId] = ()
) -> tuple[Pair, ...]:
    """Put the alerts of two ways side by side, by date; `needed` are those for which help was given."""
    helped = frozenset(needed)
    pairs = [
        Pair(alert=alert, was=was.get(alert), would=would.get(alert), needed=alert in helped)
        for alert in dict.fromkeys([*was, *would])
    ]
    return tuple(sorted(pairs, key=lambda pair: (first_at(pair), pair.alert)))


def first_at(pair: Pair) -> datetime:
    """Return when an alert came first, either way."""
    return min(one.at for one in (pair.was, pair.would) if one is not None)


def back_test(
    home: Home, known: Vigil, proposed: Agreed, entries: Iterable[Entry], *, until: datetime, nights: int
) -> Comparison | Cannot:
    """Return what the last nights give as it is, and what they would have given.

    Parameters
    ----------
    home : as it is watched now.
    known : what has been learned of it (`remembered.learned`), with which both ways begin.
    entries : of the building's journal, in order.
    until : the nights that were over by then count.
    """
    span = last_nights(home.night, until, nights)
    life = lived(home, entries)
    events = [one for one in life.entries if isinstance(one.record, SensorEvent | SensorSight)]
    before = [one for one in life.entries if one.recorded_at < span.end]
    heard = {home.night.of(one.record.at) for one in events if isinstance(one.record, SensorEvent)}
    evenings = [span.first + timedelta(days=n) for n in range(nights)]
    if heard.isdisjoint(evenings):
        return Cannot.NO_EVENTS
    ways = [alerts_of(relived(one, known, before, span.end), one, span) for one in (home, with_agreed(home, proposed))]
    was, would = ways
    helped = _helped(life, span)
    pairs = compared(was, would, helped)
    since = events[0].recorded_at
    taught = next((one.record for one in reversed(before) if isinstance(one.record, Teaching)), None)
    return Comparison(
        before=agreed(home),
        first=span.first,
        nights=nights,
        was=len(was),
        would=len(would),
        pairs=pairs[:PAIRS_MAX],
        since=since if since > span.start else None,
        unheard=tuple(day for day in evenings if day not in heard),
        apart=len(helped - was.keys() - would.keys()),
        expected=None
        if proposed.budget == home.budget
        else _expected(home, known, proposed, taught, span.end - _HALF_A_DAY),
    )


def _expected(
    home: Home, known: Vigil, proposed: Agreed, taught: Teaching | None, at: datetime
) -> dict[What, tuple[Expected, Expected]]:
    """Return when each kind whose time is learned mostly comes, as it is and as proposed, by what is taught last."""
    others, nights = teaching.others(taught), known.diary.age
    ways = [expected(one, known.lessons, nights, at, others) for one in (home, with_agreed(home, proposed))]
    was, would = ways
    return {what: (was[what], would[what]) for what in was}


def _helped(life: Lived, span: Span) -> set[AlertId]:
    """Return the alerts of those nights that people closed with: help was given."""
    closed = (one.record for one in life.entries if one.origin == CENTRE)
    return {
        one.alert
        for one in closed
        if isinstance(one, Resolved)
        and one.outcome is Outcome.HELPED
        and one.alert in life.alerts
        and span.start <= life.alerts[one.alert] < span.end
    }
