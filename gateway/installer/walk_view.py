"""A walk test as it is looked at: the same on the terminal and on the phone of whoever walks. Pure."""

import math
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from care.language import mark
from care.proofs import PASSED, Shown, Verdict, Walked, WalkedSensor
from detectors.homes import Home, Kind, Sensor
from gateway.installer.survey import Advice
from gateway.installer.walk import DO, SAID, Progress, Walk, advice, in_order


class Line(NamedTuple):
    """One sensor."""

    room: str
    sensor: str
    look: str  # good, bad, now or later
    said: str  # a message: what came of it, or nothing yet


class View(NamedTuple):
    """All of it at one moment. Messages are to translate."""

    number: str  # of the home
    do: Advice
    left_s: int | None  # seconds that are left for it
    lines: tuple[Line, ...]
    advice: tuple[Advice, ...]
    alert: tuple[Advice, ...]  # what became of the test alert
    over: bool = False


def view(walk: Walk, now: datetime, shown: Shown | None = None, *, waits: bool = False, over: bool = False) -> View:
    """Return how a walk looks.

    Parameters
    ----------
    shown : what became of the test alert, where that is known.
    waits : the sensors are done, and the desk is waited for.
    over : nothing more will come.
    """
    progress, home = walk.at(now), walk.home
    by_id = {one.sensor: one for one in progress.found}
    asked = progress.asked
    left = None if asked is None else max(0, math.ceil((asked.until - now).total_seconds()))
    return View(
        number=home.id.partition("/")[2],
        do=_to_do(home, progress, waits=waits, over=over),
        left_s=left,
        lines=tuple(_line(one, by_id.get(one.id), progress) for one in in_order(home)),
        advice=tuple(said for one in progress.found for said in advice(one, home)),
        alert=tuple(_of_alert(home, shown, waits=waits)),
        over=over,
    )


def summary(proof: Walked, home: Home) -> Iterator[Advice]:
    """Yield what is left to do by a proof, and what became of its test alert."""
    for one in proof.sensors:
        yield from advice(one, home)
    yield from _of_alert(home, proof.shown, waits=False)


def _to_do(home: Home, progress: Progress, *, waits: bool, over: bool) -> Advice:
    asked = progress.asked
    if asked is not None:
        sensor = next(one for one in home.sensors if one.id == asked.sensor)
        return Advice(DO[sensor.kind, asked.doing], {"name": str(sensor.id), "room": str(sensor.room)})
    if waits and not over:
        return Advice(mark("Wait until the desk has seen the call and answers it."))
    if progress.passed:
        return Advice(mark("Every sensor did as it should."))
    bad = sum(one.verdict not in PASSED for one in progress.found)
    return Advice(mark("Sensors that did not do as they should: {count}."), {"count": str(bad)})


def _line(sensor: Sensor, found: WalkedSensor | None, progress: Progress) -> Line:
    now = progress.asked is not None and progress.asked.sensor == sensor.id
    look = "now" if now else "later" if found is None else "good" if found.verdict in PASSED else "bad"
    said = mark("now") if now else "" if found is None else SAID[found.verdict]
    return Line(str(sensor.room), str(sensor.id), look, said)


def _of_alert(home: Home, shown: Shown | None, *, waits: bool) -> Iterator[Advice]:
    if not any(one.kind is Kind.BUTTON for one in home.sensors):
        yield Advice(mark("There is no help button here, so there is no test alert."))
    elif shown is None and waits:
        yield Advice(mark("The call is not in the gateway's journal yet."))
    elif shown is not None:
        yield Advice(mark("The call is in the gateway's journal."))
        if shown.seen_at is not None:
            values = {"screen": shown.screen, "seconds": str(_after(shown, shown.seen_at))}
            yield Advice(mark("Seen on {screen} after {seconds} s."), values)
        if shown.answered_at is not None:
            yield Advice(mark("Answered after {seconds} s."), {"seconds": str(_after(shown, shown.answered_at))})


def _after(shown: Shown, at: datetime) -> int:
    """Return after how many seconds; the centre dates by its own clock, which may run a little before ours."""
    return max(0, round((at - shown.pressed_at).total_seconds()))


def buttons_worked(progress: Progress) -> bool:
    """Whether there is a help button, and one at least was heard."""
    return any(one.place.kind is Kind.BUTTON and one.verdict is Verdict.ARRIVED for one in progress.found)
