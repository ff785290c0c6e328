"""What the desk says of an alert, in words. Every sentence is a function of records and a moment.

A sentence says what was seen, what was agreed, what cannot be seen and what else it could be, in that order; a piece
that is not known is left out. Sensors see motion, beds and doors: never sleep, falls or moods, so neither do we.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from care import faults, residents
from care.alerts import Alert
from care.language import mark
from care.telling import COUNTED, EQUIPMENT, UP, Piece, Telling, began_at
from care.wording import Wording
from detectors.findings import BUILDING, Finding, Perhaps, What
from detectors.homes import Home, Kind, SensorId

KNOWN_AFTER = 14  # nights from which on what is usual is this home's own
BLIND_NAMED_MAX = 3  # more sensors than this are counted, not named one by one

_COULD_ALSO: dict[What, tuple[str, ...]] = {
    What.BATH: (mark("sitting quietly"), mark("a long wash"), mark("small movements missed")),
    What.STILL: (mark("sitting still"), mark("asleep on couch or chair"), mark("back in bed unnoticed")),
    What.OOB_ACTIVE: (mark("cannot sleep"), mark("up early"), mark("a visitor")),
    What.OOB_UNSEEN: (
        mark("sitting on the edge of the bed"),
        mark("return missed by the bed sensor"),
        mark("motion sensor silent"),
    ),
    What.DOOR_LEFT: (mark("a smoke or taking out rubbish"), mark("a visitor left"), mark("quietly inside")),
    What.DOOR_ARRIVED: (mark("a colleague on the round"), mark("family with a key"), mark("{client} came home")),
    What.BUTTON: (mark("by accident"), mark("walk test")),
    What.DAY_INACTIVE: (mark("a nap"), mark("left without the door being seen")),
    What.LATE_RISE: (mark("sleeping in"), mark("late to bed"), mark("up unnoticed"), mark("not at home")),
    What.RESTLESS: (mark("heat"), mark("a visitor"), mark("something on the bed")),
    What.NOCTURIA: (mark("more to drink in the evening"), mark("other medicine"), mark("a guest")),
    What.SHIFT: (mark("other activities by day"), mark("holiday"), mark("the change of the clock")),
    What.DECLINE: (mark("away more often"), mark("sensor moved"), mark("another season")),
    What.SENSOR_SILENT: (mark("battery empty"), mark("come loose or moved"), mark("out of range")),
    What.SENSOR_STUCK: (mark("sensor broken"), mark("come loose or moved")),
    What.SENSOR_STORM: (mark("loose contact"), mark("sensor broken")),
    What.GATEWAY_GAP: (mark("power off"), mark("connection gone"), mark("gateway broken"), mark("nobody at home")),
    What.BATTERY: (mark("cold"), mark("poor range")),
    What.LINK_WEAK: (mark("come loose or moved"), mark("something in between"), mark("battery empty")),
    What.BUILDING_SILENT: (mark("power off"), mark("connection gone"), mark("gateway broken")),
    What.BROKER_LOST: (mark("being restarted"), mark("gateway broken")),
    What.BRIDGE_LOST: (mark("being restarted"), mark("plug pulled out"), mark("receiver broken")),
    What.CLOCK_STEP: (mark("connection was gone for long"), mark("power was off")),
    What.DISK: (mark("memory card worn out"),),
    What.JOURNAL: (mark("power was off"), mark("memory card worn out")),
    What.PROOF: (mark("being restarted"), mark("slow connection"), mark("gateway broken")),
    What.CHANNEL: (mark("credit used up"), mark("connection gone")),
}

_STUCK_BED = (mark("{client} is still in bed, so look there first"), mark("something heavy on the bed"))

_PERHAPS: dict[Perhaps, tuple[str, ...]] = {
    Perhaps.OTHERS: (mark("somebody else inside"), "a visitor"),
    Perhaps.RISING: (mark("getting up for the day"), "up early"),
    Perhaps.RETURNED: ("back in bed unnoticed",),
    Perhaps.SENSOR: (mark("a sensor that sends nothing"), "motion sensor silent"),
    Perhaps.WALK: (mark("a walk test"),),
}
"""What the home itself tells of what else it could be, and after it what that says better than the general list."""

_RARER: dict[What, str] = {
    What.BATH: mark("Longer than in {n} of {all} nights in homes like this one."),
    What.STILL: "Longer than in {n} of {all} nights in homes like this one.",
    What.OOB_UNSEEN: "Longer than in {n} of {all} nights in homes like this one.",
    What.OOB_ACTIVE: "Longer than in {n} of {all} nights in homes like this one.",
    What.DOOR_LEFT: "Longer than in {n} of {all} nights in homes like this one.",
    What.DAY_INACTIVE: mark("Longer than on {n} of {all} days in homes like this one."),
    What.LATE_RISE: mark("Later than on {n} of {all} mornings in homes like this one."),
    What.RESTLESS: mark("Out of bed more often or for longer than in {n} of {all} nights in homes like this one."),
}
"""How rare it is elsewhere, for the kinds of which that means something to a person."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What the desk says of one alert, in the order in which it is read."""

    title: str  # at most `TITLE_MAX` characters; holds no name
    seen: tuple[Piece, ...]
    usual: tuple[Piece, ...]  # what is usual for this home, and how little that may rest on
    agreement: Piece | None
    no_sight: tuple[Piece, ...]
    door: Piece | None
    late: Piece | None
    could_also: Piece | None

    @property
    def certainty(self) -> tuple[Piece, ...]:
        """What stands between what was seen and what else it could be."""
        pieces = (*self.usual, self.agreement, *self.no_sight, self.door, self.late)
        return tuple(piece for piece in pieces if piece is not None)

    def __str__(self) -> str:
        ending = () if self.could_also is None else (self.could_also,)
        return " ".join(str(piece) for piece in (*self.seen, *self.certainty, *ending))


def tell(
    about: Alert | Finding,
    home: Home | None,
    client: str | None,
    *,
    now: datetime,
    wording: Wording,
    blind: tuple[SensorId, ...] | None = None,
    silent_since: datetime | None = None,
) -> Sentence:
    """Say what the desk must know of an alert, or of a finding by itself.

    Parameters
    ----------
    home : the home by today's plan; None if the plan no longer has it, and then no room is named.
    client : the name the resident likes; None if it is not known, and then no name is used.
    now : durations that still grow are counted up to here.
    blind : the sensors that cannot be heard at this moment, if that is known; else those of the finding.
    silent_since : since when the whole building cannot be heard; what is said then stands still at that moment.
    """
    alert = about if isinstance(about, Alert) else None
    finding = about.main if isinstance(about, Alert) else about
    telling = Telling(
        alert=alert,
        finding=finding,
        home=home,
        client=client or wording.say("the client"),
        now=now,
        wording=wording,
        blind=finding.blind if blind is None else blind,
        silent_since=silent_since,
    )
    return _sentence(telling)


def _sentence(about: Telling) -> Sentence:
    return Sentence(
        title=about.wording.title(about.finding, about.home),
        seen=(*faults.of_sensor(about), *(_past(about) or (*_as_of(about), *_seen(about)))),
        usual=tuple(_usual(about)),
        agreement=_agreement(about),
        no_sight=(*_no_sight(about), *_no_bed_sensor(about)),
        door=_door(about),
        late=_late(about),
        could_also=_could_also(about),
    )


def _seen(about: Telling) -> tuple[Piece, ...]:
    if about.finding.what in BUILDING:
        return faults.of_building(about)
    return faults.out_of_order(about) if about.finding.what in EQUIPMENT else residents.seen(about)


def _past(about: Telling) -> tuple[Piece, ...]:
    # Of somebody who came in, what was seen is past from the first.
    if about.ended_at is None or about.finding.what is What.DOOR_ARRIVED or about.finding.what in COUNTED:
        return ()
    until = about.wording.moment(about.ended_at, began_at(about.finding))
    if about.finding.what is What.LATE_RISE:
        said = about.wording.say("At {until} this was over by itself: {duration} later than usual.")
        return (about.piece(said, until=until),)
    said = about.wording.say("This began at {since} and lasted {duration}. At {until} it was over by itself.")
    return (about.piece(said, until=until),)


def _as_of(about: Telling) -> tuple[Piece, ...]:
    if about.closed_at is not None:
        said = about.wording.say("This is how it stood when it was closed, at {closed}.")
        return (about.piece(said, closed=about.wording.time(about.closed_at)),)
    if about.silent_since is not None:
        said = about.wording.say("This is how it stood at {heard}, when the building was last heard.")
        return (about.piece(said, heard=about.wording.time(about.silent_since)),)
    return ()


def _usual(about: Telling) -> Iterator[Piece]:
    finding, say = about.finding, about.wording.say
    if finding.what is not What.LATE_RISE and finding.what not in COUNTED:
        yield from residents.usual_here(about)  # of the others it is part of what was seen
    yield from _usual_elsewhere(about)
    learned = finding.usual is not None or finding.what is What.LATE_RISE
    if learned and finding.nights is not None and finding.nights < KNOWN_AFTER:
        known = say("Nachtwacht has known this home for only {nights}. The limit is still a general one.")
        yield about.piece(known, nights=about.nights(finding.nights))


def _usual_elsewhere(about: Telling) -> Iterator[Piece]:
    rank = about.finding.rank
    if rank is None or about.finding.what not in _RARER or not 0 <= rank < 1 / 2:
        return
    every = 100 if rank >= 1 / 100 else 1000
    # Rounded down, and never all of them: what was not seen before can still happen.
    fewer = min(every - 1, int((1 - rank) * every + 1e-6))
    yield about.piece(about.wording.say(_RARER[about.finding.what]), n=str(fewer), all=str(every))


def _agreement(about: Telling) -> Piece | None:
    if about.finding.limit is None or about.finding.early or about.finding.what not in _AGREED:
        return None
    cap = about.wording.duration(timedelta(minutes=about.finding.limit))
    return about.piece(about.wording.say("Agreed in the care plan: alert after {cap}."), cap=cap)


def _no_sight(about: Telling) -> tuple[Piece, ...]:
    if about.finding.what is What.GATEWAY_GAP or about.finding.what in BUILDING:
        return ()  # that is what it says
    besides = {*about.blind} - {about.finding.sensor}
    silent = [sensor for sensor in (about.home.sensors if about.home else ()) if sensor.id in besides]
    if len(silent) > BLIND_NAMED_MAX:
        said = about.wording.words.ngettext(
            "Note: {n} sensor sends nothing. What happens there cannot be seen.",
            "Note: {n} sensors send nothing. What happens there cannot be seen.",
            len(silent),
        )
        return (about.piece(said, n=str(len(silent))),)
    said = about.wording.say("Note: the {sensor} {in_room} sends nothing. What happens there cannot be seen.")
    named = dict.fromkeys((about.wording.sensor(one.kind), about.stands(one)) for one in silent)
    return tuple(about.piece(said, sensor=sensor, in_room=place) for sensor, place in named)


def _no_bed_sensor(about: Telling) -> tuple[Piece, ...]:
    if about.home is None or about.home.has_bed or about.finding.what not in UP:
        return ()
    said = about.wording.say("There is no bed sensor here. From motion, someone is probably out of bed.")
    return (about.piece(said),)


def _door(about: Telling) -> Piece | None:
    finding = about.finding
    doors = [one.id for one in (about.home.sensors if about.home else ()) if one.kind is Kind.DOOR]
    unseen = any(door in about.blind for door in doors)
    if finding.what not in UP or finding.door_at is None or unseen or not about.goes_on:
        return None
    # Dated by the finding: a door that opens after it is not told to the centre.
    said = about.wording.say("At {told} the front door had not been open since {opened}.")
    opened = about.wording.moment(finding.door_at, finding.at)
    return about.piece(said, told=about.wording.time(finding.at), opened=opened)


def _late(about: Telling) -> Piece | None:
    if about.alert is None or about.alert.late is None:
        return None
    say = about.wording.say
    still = say("This began at {began} and arrived {delay} late. It is still so.")
    was = say("This began at {began} and arrived {delay} late.")
    return about.piece(
        still if about.goes_on else was,
        began=about.wording.time(began_at(about.alert.findings[0])),
        delay=about.wording.duration(about.alert.late),
    )


def _could_also(about: Telling) -> Piece | None:
    finding = about.finding
    stuck_bed = finding.what is What.SENSOR_STUCK and about.its_sensor is not None and about.its_sensor.kind is Kind.BED
    general = (*_STUCK_BED, *_COULD_ALSO[finding.what]) if stuck_bed else _COULD_ALSO[finding.what]
    told = [_PERHAPS[one] for one in finding.perhaps]
    said_better = {reason for reasons in told for reason in reasons}
    particular = [reasons[0] for reasons in told]
    reasons = [
        about.wording.say(one).format(client=about.client)
        for one in dict.fromkeys([*particular, *(one for one in general if one not in said_better)])
    ]
    said = about.wording.say("Could also be: {reasons}.")
    return about.piece(said, reasons=about.wording.either(reasons)) if reasons else None


_AGREED = (*UP, What.DOOR_LEFT, What.DAY_INACTIVE)
"""Whose limit stands in the care plan."""
