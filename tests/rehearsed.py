"""A rehearsal night as two journals hold it, the building's and the centre's: without a broker, and without waiting."""

import contextlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from care import effects, journal
from care.board import Board
from care.ids import StaffId
from care.records import Claimed, Delivered, How, Outcome, Record, Resolved, Told
from detectors.findings import Finding, What
from gateway import rehearsal
from gateway.watch import Watch

SITE = rehearsal.site()
HOURS = 15  # from ten to two in the night until the day of that night is over too
OVER = rehearsal.START + timedelta(hours=HOURS)
NIGHT = date(2026, 3, 2)
ENDS = ((Outcome.HELPED, How.ON_SITE), (Outcome.REASSURED, How.VIDEO), (Outcome.NOT_NEEDED, How.USUAL))


class Night(NamedTuple):
    """Where the two journals are."""

    building: Path
    centre: Path


def night(folder: Path) -> Night:
    """Play the night of the demo and the day after it; all that is told reaches the centre two seconds later."""
    made = Night(folder / "gateway.db", folder / "centre.db")
    dated = list(_in_the_building())
    with contextlib.closing(journal.connect(made.building)) as db:
        journal.write(db, dated)
    with contextlib.closing(journal.connect(made.centre)) as db:
        journal.write(db, _at_the_centre([(at, one) for at, one in dated if isinstance(one, Told)]))
    return made


def _in_the_building() -> Iterator[tuple[datetime, Record]]:
    watch = Watch(SITE)
    yield from watch.told_plan(rehearsal.START)
    for moment in takewhile(lambda one: one.at < OVER, rehearsal.demo_night(loop=True)):
        yield moment.at, moment
        yield from watch.take(moment, moment.at)
    yield from watch.advance(OVER)
    bed = SITE.homes[0].sensors[0].id  # what a bridge says of a battery is no part of a rehearsal
    battery = {"what": What.BATTERY, "sensor": bed, "value": 7.0}
    yield OVER, Finding(at=OVER, home=SITE.homes[0].id, since=OVER, episode=OVER, **battery)  # type: ignore[arg-type]


def _at_the_centre(told: list[tuple[datetime, Record]]) -> Iterator[tuple[datetime, Record]]:
    board = Board()
    for at, said in told:
        arrived = at + timedelta(seconds=2)
        board.add(said, recorded_at=arrived)
        yield arrived, said
    desk = StaffId("s-1")
    for n, alert in enumerate(sorted(board.alerts.values(), key=lambda one: one.raised_at)):
        outcome, how = ENDS[n % len(ENDS)]
        seen, home, one = alert.raised_at + timedelta(seconds=10 + n), alert.home, alert.id
        taken, over = seen + timedelta(seconds=20 + n), seen + timedelta(minutes=8)
        deeds: list[Record] = [
            Delivered(at=seen, home=home, alert=one, screen="wall"),
            Claimed(at=taken, home=home, alert=one, by=desk),
            Resolved(at=over, home=home, alert=one, by=desk, outcome=outcome, how=how),
        ]
        for deed in deeds:
            board.add(deed, recorded_at=deed.at)
            yield deed.at, deed
    counted = effects.counted(board, SITE.id, NIGHT, OVER)
    yield OVER, counted
