"""Incidents that never happened, cut into nights that did.

Each is a surgical edit of a real recording (the protocol of the detection study, section 2.3): up to the cut every
event stays as it was, so that what the detectors have learned and believe is real; after it stands what the sensors
would have said instead. The recording itself is never changed: it is the twin that the same night is compared with.

An edit is a pure function of a recorded home and dice. Where a recording cannot carry an incident, it says why.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise, repeat

from benchmarks.detection import faults, slow
from benchmarks.detection.edits import (
    BED_IS_WRONG,
    TRIES,
    Draw,
    Edit,
    Incident,
    Unseen,
    bed_is_wrong,
    decaying,
    minutes,
    motion_in,
    moved,
    outside_bathroom,
    pick,
    pulses,
    said,
    steady,
    tail,
    washing_motion,
    within,
    without_resident,
)
from benchmarks.detection.nights import Recorded
from benchmarks.detection.stays import Stays
from detectors.coverage import told_by
from detectors.findings import What
from detectors.homes import WASHING, Kind, RoomKind, Sensor
from detectors.moments import SensorEvent

RESIDUAL_FOR = timedelta(minutes=5)
LIES_STILL = timedelta(hours=4)  # at most, or stays away
LATE = timedelta(minutes=30)  # before the end of the night: some detectors stop with it
LONG = timedelta(minutes=20)


NEEDS = {
    Incident.FELL_BATHROOM_STILL: What.BATH,
    Incident.FELL_BATHROOM_MOVING: What.BATH,
    Incident.LONG_BATHROOM: What.BATH,
    Incident.FELL_ELSEWHERE_STILL: What.STILL,
    Incident.NOT_BACK: What.OOB_ACTIVE,
    Incident.LEFT_HOME: What.DOOR_LEFT,
    Incident.RESTLESS_3: What.RESTLESS,
    Incident.RESTLESS_5: What.RESTLESS,
    Incident.NOCTURIA_1_5: What.NOCTURIA,
    Incident.LATE_RISE: What.LATE_RISE,
    Incident.DAY_INACTIVE: What.DAY_INACTIVE,
}
"""What a home must be able to tell for an incident to be found in it at all: its page says so from the first night."""


def draws(stays: Stays, incident: Incident, *, seed: int, count: int) -> Iterator[Draw | Unseen]:
    """Draw an incident so many times: over the places that can carry it in turn, everything else by the dice.

    The same seed gives the same draws, and each of them is the same however many are asked for.
    """
    needed = NEEDS.get(incident)
    if needed is not None and needed not in told_by(stays.recorded.home):
        yield from repeat(Unseen(f"the plan has no sensors for it ({needed})"), count)
        return
    for number in range(count):
        dice = random.Random(f"{seed}/{stays.recorded.name}/{incident}/{number}")
        yield _EDITS[incident](stays, dice, number)


# Falls.


def fell_bathroom(stays: Stays, dice: random.Random, number: int, *, moving: bool) -> Draw | Unseen:
    """Fall at a moment of a real stay in the bathroom, and lie there until help comes."""
    stay = pick(stays.washings, number)
    if stay is None:
        return _no_washing(stays)
    seen = washing_motion(stays, stay)
    if moving and not seen:
        return Unseen("no motion sensor in the bathroom")
    t0 = within(stay, dice.random())
    if bed_is_wrong(stays.recorded, t0):
        return BED_IS_WRONG
    until = t0 + minutes(dice.uniform(60, 240))
    if moving:
        rate = stays.moves_per_minute * dice.uniform(0.1, 0.6)
        moves = list(decaying(t0, until, rate, minutes(dice.uniform(5, 30)), dice))
        setting = "moving"
    else:
        residual = dice.randint(0, 3) if seen and dice.random() < 0.3 else 0
        moves = sorted(t0 + RESIDUAL_FOR * dice.random() for _ in range(residual))
        setting = f"{residual} movements left"
    after = pulses(stays.recorded, moves, [dice.choice(seen) for _ in moves])
    return _instead(stays, t0, until, after, setting=setting)


def fell_elsewhere_still(stays: Stays, dice: random.Random, number: int) -> Draw | Unseen:
    """Fall anywhere but in the bathroom on the way of a real outing from bed, and lie there until help comes."""
    outing = pick(stays.outings, number)
    if outing is None:
        return Unseen("nobody is ever seen leaving bed at night")
    t0 = outside_bathroom(stays, outing, dice)
    if t0 is None:
        return Unseen("last seen in the bedroom, and no bed sensor tells the floor from the bed")
    if bed_is_wrong(stays.recorded, t0):
        return BED_IS_WRONG
    return _instead(stays, t0, t0 + minutes(dice.uniform(60, 240)), [], setting="nothing moves")


def long_bathroom(stays: Stays, dice: random.Random, number: int) -> Draw | Unseen:
    """Stretch a real stay to three to eight times its length, moving as before."""
    stay = pick(stays.washings, number)
    if stay is None:
        return _no_washing(stays)
    until = stay.start + stay.lasts * dice.uniform(3, 8)
    if bed_is_wrong(stays.recorded, stay.end):
        return BED_IS_WRONG
    seen = washing_motion(stays, stay)
    moves = list(steady(stay.end, until, stays.moves_per_minute, dice)) if seen else []
    after = pulses(stays.recorded, moves, [dice.choice(seen) for _ in moves])
    kept = without_resident(stays, stay.end, until)
    setting = "over 20 min" if until - stay.start > LONG else "up to 20 min"
    return Draw(t0=stay.start, cut=stay.end, until=until, tail=tail(stay.end, until, kept, after), setting=setting)


def _no_washing(stays: Stays) -> Unseen:
    home = stays.recorded.home
    if not any(home.kind_of(sensor.room) in WASHING for sensor in home.sensors):
        return Unseen("no sensor in the bathroom")
    return Unseen("nobody is ever seen in the bathroom at night")


def _instead(stays: Stays, t0: datetime, until: datetime, events: list[SensorEvent], *, setting: str) -> Draw:
    """Let somebody lie from t0 until help comes, and only these events tell of it."""
    night = stays.recorded.night_of(t0)
    if night is not None and night.end - LATE < t0:
        setting += ", late in the night"
    kept = without_resident(stays, t0, until)
    return Draw(t0=t0, cut=t0, until=until, tail=tail(t0, until, kept, events), setting=setting)


# Not in bed.


def not_back(stays: Stays, dice: random.Random, number: int) -> Draw | Unseen:
    """Do not go back to bed after a real outing, but about the house as on a real evening."""
    trip = pick(stays.trips, number)
    if trip is None:
        return Unseen("nobody is ever seen leaving bed at night and going back")
    t0, cut, until = trip.start, trip.end, trip.start + minutes(dice.uniform(45, 180))
    if cut >= until:
        return Unseen("was out of bed for longer that night")
    if bed_is_wrong(stays.recorded, cut):
        return BED_IS_WRONG
    lasts = until - cut
    evenings = [span for span in stays.evenings if span.lasts >= lasts]
    if not evenings:
        return Unseen("no evening is active for so long")
    span = dice.choice(evenings)
    evening = span.start + (span.lasts - lasts) * dice.random()
    awake = stays.recorded.between(evening, evening + lasts)
    replayed = [moved(event, cut - evening) for event in awake if event.kind in {Kind.MOTION, Kind.USE}]
    night = stays.recorded.night_of(t0)
    late = night is not None and t0 + timedelta(minutes=75) > night.end
    kept = without_resident(stays, cut, until)
    setting = "until after the night" if late else "within the night"
    return Draw(t0=t0, cut=cut, until=until, tail=tail(cut, until, kept, replayed), setting=setting)


def left_home(stays: Stays, dice: random.Random, number: int) -> Draw | Unseen:  # noqa: ARG001  # any night will do
    """Get out of bed in the middle of the night, and leave by the front door."""
    leaves, enters = _front_doors(stays)
    if leaves is None or enters is None:
        return Unseen("no contact on the front door")
    hall = motion_in(stays, lambda kind: kind in {RoomKind.HALL, RoomKind.LANDING})
    bedroom = motion_in(stays, lambda kind: kind is RoomKind.BEDROOM)
    if not stays.recorded.home.has_bed and not hall and not bedroom:
        return Unseen("nothing sees somebody on the way from bed to the front door")
    rises = _asleep_at(stays, dice)
    if rises is None:
        return Unseen("nobody is ever seen in bed at night")
    passes = rises + timedelta(seconds=dice.uniform(20, 90))
    t0 = passes + timedelta(seconds=dice.uniform(3, 15))
    events = [
        *_rising(stays, rises, passes, dice),
        *pulses(stays.recorded, [passes][: len(hall)], hall[:1]),
        *_opened(stays.recorded, leaves, t0, dice),
    ]
    if dice.random() < 0.5:
        until, setting = t0 + minutes(dice.uniform(3, 90)), "comes back"
        events += _opened(stays.recorded, enters, until - timedelta(seconds=1), dice)
    else:
        until, setting = t0 + LIES_STILL, "stays out"
    kept = without_resident(stays, rises, until)
    return Draw(t0=t0, cut=rises, until=until, tail=tail(rises, until, kept, events), setting=setting)


def _front_doors(stays: Stays) -> tuple[Sensor | None, Sensor | None]:
    """Return the contact that tells of leaving and the one that tells of coming in; mostly they are one.

    Of two that are told apart by an annotator, the one that nothing follows for the longest tells of leaving.
    """
    silences: dict[str, list[timedelta]] = {}
    for act, after in pairwise(stays.acts):
        if act.kind is Kind.DOOR:
            silences.setdefault(act.sensor, []).append(after.at - act.at)
    doors = [sensor for sensor in stays.recorded.home.sensors if sensor.id in silences]
    doors.sort(key=lambda sensor: sorted(silences[sensor.id])[len(silences[sensor.id]) // 2])
    return (doors[-1], doors[0]) if doors else (None, None)


def _asleep_at(stays: Stays, dice: random.Random) -> datetime | None:
    """Find a moment in bed, between an hour and a half into a night and as long before its end."""
    margin = timedelta(minutes=90)
    nights = stays.recorded.watched
    for _ in range(TRIES if nights else 0):
        night = dice.choice(nights)
        at = night.start + margin + (night.end - night.start - 2 * margin) * dice.random()
        if stays.lies_at(at):
            return at
    return None


def _rising(stays: Stays, at: datetime, until: datetime, dice: random.Random) -> Iterator[SensorEvent]:
    """Say what bed and bedroom say of somebody who gets up: what they said when this person once did."""
    recorded = stays.recorded
    pads = {sensor.id: sensor for sensor in recorded.home.sensors if sensor.kind is Kind.BED}
    pressed = {pad: recorded.level(pad, at) for pad in pads}
    if pads and not any(pressed.values()):
        # A pad that lets go of a sleeper now and then still feels a body rise.
        first = next(iter(pads))
        yield said(recorded, pads[first], at, 1.0)
        pressed[first] = 1.0
    once = dice.choice(stays.outings).start if stays.outings else at
    rises = at + timedelta(seconds=1)  # after the pad felt it: two messages of one instant are one
    for event in recorded.between(once, once + (until - rises)):
        if event.kind is Kind.BED or recorded.home.kind_of(event.room) is RoomKind.BEDROOM:
            yield moved(event, rises - once)
            if event.kind is Kind.BED:
                pressed[event.sensor] = event.value
    # Whoever is at the front door is in no bed, whatever a pad said that other time.
    yield from (said(recorded, pads[pad], until, 0.0) for pad, on in pressed.items() if on)


def _opened(recorded: Recorded, door: Sensor, at: datetime, dice: random.Random) -> Iterator[SensorEvent]:
    yield said(recorded, door, at, 1.0)
    yield said(recorded, door, at + timedelta(seconds=dice.uniform(3, 10)), 0.0)


_EDITS: dict[Incident, Edit] = {
    Incident.FELL_BATHROOM_STILL: partial(fell_bathroom, moving=False),
    Incident.FELL_BATHROOM_MOVING: partial(fell_bathroom, moving=True),
    Incident.FELL_ELSEWHERE_STILL: fell_elsewhere_still,
    Incident.NOT_BACK: not_back,
    Incident.LEFT_HOME: left_home,
    Incident.LONG_BATHROOM: long_bathroom,
    Incident.RESTLESS_3: partial(slow.restless, exits=3),
    Incident.RESTLESS_5: partial(slow.restless, exits=5),
    Incident.NOCTURIA_1_5: slow.nocturia,
    Incident.RHYTHM_2H: slow.rhythm,
    Incident.LATE_RISE: slow.late_rise,
    Incident.DAY_INACTIVE: slow.day_inactive,
    Incident.SENSOR_DEATH: faults.sensor_death,
    Incident.STUCK_ON: faults.stuck_on,
}
