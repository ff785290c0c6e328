"""How a home and each of its sensors usually speak: what the detectors of broken sensors compare with.

A sensor's silence is not measured by the clock alone. One real home's kitchen was normally silent for up to 22.6 h
while its bathroom never was for more than 7.2 h (detection study, 4.10), and when nobody is at home everything is
silent. So it is measured in *walks* too: how often meanwhile somebody was heard to go from one room to another. One
sensor that chatters by itself makes no walks, and neither does an empty home.
"""

from datetime import timedelta

import msgspec

from detectors.habits import HALF_LIFE
from detectors.homes import Instant, Kind, RoomId
from detectors.moments import Origin, SensorEvent

WALK_EVERY = timedelta(minutes=30)  # walks closer together than this are one
LEARNING_DAYS = 7  # on which a sensor was heard, before anything of its habits is believed
LEARNED_UPTO = 1.5  # times what would have been told: so much a longer silence teaches, and no more
REPEATED_WITHIN = timedelta(hours=3)  # what is said again so soon is a repetition; devices repeat at least hourly

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_GAP = timedelta(hours=1)  # a shorter silence of a whole home teaches nothing
_HELD_SHORT = timedelta(minutes=15)  # a 1 that is renewed sooner teaches nothing about holds
_HELD_UPTO = 12 * 60.0, 36 * 60.0  # minutes that a hold of motion, and of a bed, teaches at most
_ON = 0.5  # values are 1.0 and 0.0


class Pulse(msgspec.Struct, frozen=True, array_like=True):
    """What is heard of a home as a whole."""

    last_at: Instant | None = None  # anything, from any sensor
    room: RoomId | None = None  # where somebody was last heard
    walks: int = 0  # from one room to another since the beginning, at most one in `WALK_EVERY`
    walked_at: Instant | None = None  # the last of them
    longest_hours: float = 0.0  # that nothing at all was heard, fading
    longest_at: Instant | None = None  # up to when it has faded


class Rhythm(msgspec.Struct, frozen=True, array_like=True):
    """What one sensor usually does, and what it said last."""

    last_at: Instant
    walks: int  # of the home when it last spoke
    value: float  # that it said last
    since: Instant  # the first message of those that repeat one another
    day_began: Instant  # the first message of its present day
    days: int = 1  # on which it was heard
    longest_walks: float = 0.0  # in the home while it was silent, fading
    longest_hours: float = 0.0  # of silence in which there was a walk at all, fading
    longest_held: float = 0.0  # minutes that a 1 was held, fading
    holds: int = 0  # that were ended by a 0: without one nobody knows whether it ever says 0


def heard(rhythm: Rhythm | None, event: SensorEvent, pulse: Pulse, *, learn: bool = True) -> Rhythm:
    """Return a sensor's rhythm after a message.

    Parameters
    ----------
    rhythm : None before its first message.
    pulse : of the home, this message included (`felt`).
    learn : False where it is known why the sensor was silent (a bridge that was away): of that nothing is learned.

    Notes
    -----
    This runs for every message. Nearly all come soon after the one before and teach nothing; only the end of a
    silence in which somebody walked, the end of a hold, and a new day do.
    """
    at, value = event.at, event.value
    if rhythm is None:
        return Rhythm(at, pulse.walks, value, at, at)
    if at <= rhythm.last_at or event.origin is Origin.UNDATED:
        return rhythm
    quiet = at - rhythm.last_at
    again = value == rhythm.value and quiet < REPEATED_WITHIN
    new_day = at - rhythm.day_began >= _DAY
    walked = pulse.walks - rhythm.walks if learn else 0
    on = rhythm.value >= _ON
    ended = on and value < _ON
    anew = quiet >= (REPEATED_WITHIN if event.kind is Kind.BED else _HELD_SHORT)
    held = on and learn and (ended or anew)
    since = rhythm.since if again else at
    if not (new_day or walked or ended or held):
        return Rhythm(
            at,
            pulse.walks,
            value,
            since,
            rhythm.day_began,
            rhythm.days,
            rhythm.longest_walks,
            rhythm.longest_hours,
            rhythm.longest_held,
            rhythm.holds,
        )
    walks, hours, minutes = rhythm.longest_walks, rhythm.longest_hours, rhythm.longest_held
    if new_day:
        left = _left((at - rhythm.day_began) / _DAY)
        walks, hours, minutes = walks * left, hours * left, minutes * left
    if walked:
        most_walks, most_hours = enough_silence(rhythm)
        silent = quiet / _HOUR
        sure = rhythm.days >= LEARNING_DAYS  # before, a silence can be as long as it likes: nothing is known yet
        walks = max(walks, min(float(walked), LEARNED_UPTO * most_walks) if sure else float(walked))
        hours = max(hours, min(silent, LEARNED_UPTO * most_hours) if sure else silent)
    if held:
        minutes = max(minutes, min((at - held_since(rhythm, event.kind)) / _MINUTE, _HELD_UPTO[event.kind is Kind.BED]))
    return Rhythm(
        at,
        pulse.walks,
        value,
        since,
        at if new_day else rhythm.day_began,
        rhythm.days + new_day,
        walks,
        hours,
        minutes,
        rhythm.holds + ended,
    )


def felt(pulse: Pulse, event: SensorEvent) -> Pulse:
    """Return the pulse of a home after a message of any of its sensors, in the order in which they happened."""
    at = event.at
    if event.origin is Origin.UNDATED or (pulse.last_at is not None and at < pulse.last_at):
        return pulse
    room, walks, walked_at = pulse.room, pulse.walks, pulse.walked_at
    # The end of something, a motion sensor that clears, is no sign of where somebody is; of a bed it is.
    if event.room != room and (event.value >= _ON or event.kind is Kind.BED):
        if room is not None and (walked_at is None or at - walked_at >= WALK_EVERY):
            walks, walked_at = walks + 1, at
        room = event.room
    longest, longest_at = pulse.longest_hours, pulse.longest_at
    if pulse.last_at is not None and at - pulse.last_at >= _GAP:
        if longest_at is not None:
            longest *= _left((at - longest_at) / _DAY)
        silent = (at - pulse.last_at) / _HOUR
        longest, longest_at = max(longest, min(silent, LEARNED_UPTO * enough_gap(pulse))), at
    return Pulse(at, room, walks, walked_at, longest, longest_at)


WALKS_FACTOR = 1.6
HOURS_FACTOR = 1.2
"""Times the longest silence of its own after which a sensor is missed, in walks and in hours. Of the pairs tried on
the recordings of real homes, the quickest that kept false alerts near .002 in the day of a sensor that speaks daily."""

WALKS_MIN = 6.0
HOURS_MIN = 12.0  # nobody goes there sooner for a sensor


def enough_silence(rhythm: Rhythm) -> tuple[float, float]:
    """Return the walks in the home and the hours after which, both, this sensor's silence is no longer its habit."""
    return (
        max(WALKS_MIN, WALKS_FACTOR * rhythm.longest_walks),
        max(HOURS_MIN, HOURS_FACTOR * rhythm.longest_hours),
    )


HELD_MIN = 30.0  # minutes: no motion sensor that only counts down from the last motion stays on so long (4.10)
HELD_FACTOR = 2.0  # but one that sees somebody sit stays on for hours, and where clears get lost so does any: so each
# is compared with itself, however its holds ended
BED_HELD_MIN = 20 * 60.0  # minutes: nobody lies so long without once lifting (4.10)
BED_HELD_FACTOR = 1.2


def enough_held(rhythm: Rhythm, kind: Kind) -> float:
    """Return the minutes for which a bed or a motion sensor may hold its 1 before it is stuck."""
    if kind is Kind.BED:
        return max(BED_HELD_MIN, BED_HELD_FACTOR * rhythm.longest_held)
    return max(HELD_MIN, HELD_FACTOR * rhythm.longest_held)


def held_since(rhythm: Rhythm, kind: Kind) -> Instant:
    """Return since when a sensor holds what it said last.

    Motion said again is somebody seen again. A bed that says again and again that somebody lies in it has noticed
    nothing new; only after a long silence has somebody lain down anew, and the message that the bed was empty is lost.
    """
    return rhythm.since if kind is Kind.BED else rhythm.last_at


GAP_MIN = 18.0  # hours
GAP_FACTOR = 2.0


def enough_gap(pulse: Pulse) -> float:
    """Return the hours after which the silence of a whole home is no longer its habit."""
    return max(GAP_MIN, GAP_FACTOR * pulse.longest_hours)


def _left(days: float) -> float:
    weight: float = 0.5 ** (days / HALF_LIFE)
    return weight
