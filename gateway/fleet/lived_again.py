"""The nights of one building, or of one simulated home, lived again by today's detectors.

Nothing here knows on which core or machine it runs, and nothing changes a journal: the same source gives the same
answer everywhere (decision 0035). Both what was really told and what is told now are alerts about residents; faults of
equipment and calls for help come as they came (`gateway.backtest`).
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path

import msgspec

from care import journal
from care.homes import Site
from care.ids import AlertId
from care.journal import Entry
from care.records import Outcome, Plan, Resolved, Teaching, Would, site_of
from detectors.findings import Finding
from detectors.homes import Home, HomeId, zone_of
from detectors.moments import SensorEvent, SensorSight
from detectors.nights import Summary
from detectors.remembered import Vigil
from gateway import cohort
from gateway.backtest import Span, alerts_of, compared, first_at, last_nights, relived
from gateway.watch import Watch

FIRST = date(2026, 1, 5)  # evening of the first night of a simulated home
LEARNED_IN = 28  # nights that a simulated home is watched before those that count


class Building(msgspec.Struct, frozen=True, tag="building"):
    """The journal of a building, or a copy of it, under a path that means the same wherever it is read."""

    journal: str

    @property
    def name(self) -> str:
        """What it is called where something is said of it."""
        return self.journal


class Simulated(msgspec.Struct, frozen=True, tag="simulated"):
    """A home that is not there (`gateway.cohort`)."""

    number: int
    seed: int

    @property
    def name(self) -> str:
        """What it is called where something is said of it."""
        return f"simulated home {self.number}"


Source = Building | Simulated


class Told(msgspec.Struct, frozen=True, order=True):
    """One alert about a resident: how it was told, how it is told now, and how people closed it."""

    home: HomeId
    night: date  # of its evening
    alert: AlertId
    was: Would | None  # None: it was not told
    now: Would | None  # None: it is not told any more
    outcome: Outcome | None  # None: it is open, was not told, or nobody was there to close it


class Lived(msgspec.Struct, frozen=True, order=True):
    """One home, and the nights that were looked at."""

    home: Home
    first: date  # the evening of the first
    nights: int
    heard: int  # of those, in which anything was heard


class Found(msgspec.Struct, frozen=True):
    """What came of one source."""

    source: Source
    why: str = ""  # why it could not be read; then all else is empty
    plan: Plan | None = None
    homes: tuple[Lived, ...] = ()
    alerts: tuple[Told, ...] = ()
    nights: tuple[Summary, ...] = ()  # as today's detectors close them, without what lies in them
    findings: tuple[Finding, ...] = ()  # of which an alert may have been one that its home had taught
    closed: tuple[Resolved, ...] = ()


def lived_again(source: Source, nights: int) -> Found:
    """Return what today's detectors make of the last nights of a source.

    A journal that cannot be read says why in its place, and holds up no other. All begin with what is known of a home
    today, as the back-test of one home does (`gateway.backtest.back_test`); a simulated home with `LEARNED_IN` nights.
    """
    if isinstance(source, Simulated):
        return _simulated(source, nights)
    try:
        with closing(journal.connect(source.journal, read_only=True)) as db:
            return _building(source, db, nights)
    except (sqlite3.Error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Found(source, f"{source.journal} cannot be read as the journal of a building: {error}.")


def _building(source: Building, db: sqlite3.Connection, nights: int) -> Found:
    plan, of_home, taught = None, defaultdict[HomeId, list[Entry]](list), list[Entry]()
    number, end = 0, journal.last_date(db)
    while entries := journal.read_after(db, number):
        for entry in entries:
            match entry.record:
                case Plan():
                    plan = entry.record
                case SensorEvent() | SensorSight() | Resolved():
                    of_home[entry.record.home].append(entry)
                case Finding() if not entry.origin:
                    of_home[entry.record.home].append(entry)
                case Teaching():
                    taught.append(entry)
        number = entries[-1].number
    if plan is None or end is None:
        return Found(source, f"{source.journal} holds no plan of a building, so nobody knows what its sensors are.")
    site = Site(id=plan.site, name=plan.name, zone=plan.zone, homes=plan.homes, friendly={})
    watch, _ = Watch.resumed(site, db)
    found = Found(source, plan=msgspec.structs.replace(plan, devices={}))
    for home in plan.homes:
        here = sorted([*of_home[home.id], *taught], key=lambda one: one.number)
        found = _with(found, *watch.known_of(home.id, nights), here, last_nights(home.night, end, nights))
    return found


def _simulated(source: Simulated, nights: int) -> Found:
    drawn = cohort.draw(source.number, seed=source.seed)
    said = count(1)
    events = cohort.events(drawn, FIRST, LEARNED_IN + nights)
    entries = [Entry(next(said), one.at, "", one) for one in events]
    home = drawn.home
    over = FIRST + timedelta(days=LEARNED_IN + nights)
    end = datetime.combine(over, time(17), tzinfo=zone_of(home.night.zone)).astimezone(UTC)
    site = site_of(home.id)
    plan = Plan(at=entries[0].recorded_at, site=site, name=str(site), zone=home.night.zone, homes=(home,))
    return _with(Found(source, plan=plan), home, Vigil(), entries, last_nights(home.night, end, nights))


def _with(found: Found, home: Home, known: Vigil, entries: Sequence[Entry], span: Span) -> Found:
    """Add one home."""
    before = [one for one in entries if one.recorded_at < span.end]
    events = [one.record for one in before if isinstance(one.record, SensorEvent)]
    evenings = {span.first + timedelta(days=back) for back in range(span.nights)}
    heard = evenings & {home.night.of(one.at) for one in events}
    if not heard:
        return found
    again = list(relived(home, known, before, span.end))
    findings = [one for one in again if isinstance(one, Finding)]
    told = [one.record for one in entries if isinstance(one.record, Finding)]
    closed = [one.record for one in entries if isinstance(one.record, Resolved)]
    nights = [_bare(one) for one in again if isinstance(one, Summary) and one.whole and one.night in evenings]
    return msgspec.structs.replace(
        found,
        homes=(*found.homes, Lived(home, span.first, span.nights, len(heard))),
        alerts=(*found.alerts, *_side_by_side(home, span, told, findings, closed)),
        nights=(*found.nights, *nights),
        findings=(*found.findings, *(one for one in findings if one.early and span.start <= one.at < span.end)),
        closed=(*found.closed, *(one for one in closed if span.start <= one.at < span.end)),
    )


def _side_by_side(
    home: Home, span: Span, told: Iterable[Finding], again: Iterable[Finding], closed: Iterable[Resolved]
) -> list[Told]:
    pairs = compared(alerts_of(told, home, span), alerts_of(again, home, span))
    ended = {one.alert: one.outcome for one in sorted(closed, key=lambda one: one.at)}
    return [
        Told(
            home=home.id,
            night=home.night.of(first_at(pair)),
            alert=pair.alert,
            was=pair.was,
            now=pair.would,
            outcome=ended.get(pair.alert),
        )
        for pair in pairs
    ]


def _bare(night: Summary) -> Summary:
    """Keep of a night what thresholds follow from."""
    return Summary(
        at=night.at,
        home=night.home,
        night=night.night,
        whole=True,
        age=night.age,
        left_out=night.left_out,
        highest=night.highest,
    )


def sources_in(folder: Path) -> list[Source]:
    """Return the journals that lie in a folder and those below it, by their names. Raises `OSError`."""
    return [Building(str(file.resolve())) for file in sorted(folder.rglob("*.db"))]
