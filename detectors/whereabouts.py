"""Where the resident is, as far as the sensors can tell: one deterministic tracker, simple enough to audit.

Out of this come the tile on the desk and every episode that a detector watches.
"""

from datetime import datetime, timedelta

import msgspec

from detectors.findings import Presence
from detectors.homes import WASHING, Home, Instant, Kind, RoomId, RoomKind, SensorId
from detectors.moments import Origin, SensorEvent

AWAY_AFTER = timedelta(minutes=3)  # nothing inside for so long after the front door: gone out. 90 % of silences over
# 3 min after the entry sensor of one real home were labelled departures (detection study, section 4.2).
THROUGH_THE_DOOR = timedelta(seconds=20)  # motion so soon after the door belongs to walking through it
BEFORE_THE_DOOR = timedelta(seconds=120)  # motion inside so shortly before the door opens: somebody on the way out
TO_BED_AFTER = timedelta(minutes=12)  # without a bed sensor: bedroom last, and quiet for so long
IN_BED_AFTER = timedelta(minutes=25)  # without a bed sensor: in the bedroom for so long, and seen nowhere else
SETTLED_IN = timedelta(minutes=20)  # who leaves a bed sooner has not gone to bed yet
RESTED_UNSEEN = timedelta(minutes=45)  # who was out of bed, as far as was heard, and then not seen for so long at night
# has lain down meanwhile: lying down, or getting up again, was not seen or its message was lost
ONE_NIGHT = timedelta(hours=10)
EARLY_TO_BED = timedelta(hours=3)  # so long before the watched night somebody may lie down for it
STIRRED_AFTER = timedelta(minutes=15)  # without a bed sensor: a bedroom quiet for so long, and then ...
STIRRED_WITHIN = timedelta(minutes=2)  # ... seen twice within this, is somebody getting up
WALKED_WITHIN = timedelta(minutes=3)  # ... or seen elsewhere, and somewhere within this before. A motion sensor that
# blinks once in a silent home is no walk: 2 lone blips in 30 nights of one real home (detection study, section 4.2).
ROUND_AT_MOST = timedelta(minutes=30)  # somebody who looks in at night is gone again by then
COMPANY_AT_MOST = timedelta(hours=6)  # a visitor who was not seen to leave is believed gone
REAL_HOLD = timedelta(seconds=100), timedelta(minutes=30)  # a motion sensor held on longer than any bridge's own clear
# timer kept seeing somebody till its end; held on longer than the second it is stuck, and its end says nothing.
_DOOR_SAID_MOST = 200  # messages that are remembered, halved when there are more
_DOOR_KNOWN = 20  # messages, before a door is known not to repeat itself
_SELDOM = 0.2  # of them
PRESS_AGAIN = timedelta(seconds=60)  # presses closer together are one call
PRESSES_MAX = 50
UNTOLD = -1.0  # in place of a sensor's last value, once it was not listened to: whatever comes next is news


class Whereabouts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of where the resident is. Small enough to store after each moment."""

    presence: Presence = Presence.UNKNOWN
    since: Instant | None = None  # of the presence
    beds: frozenset[SensorId] = frozenset()  # bed sensors that say occupied
    left_bed_at: Instant | None = None  # start of the running stay out of bed; None in bed, or if none is known
    rested_at: Instant | None = None  # when a bed was last left in which the resident had settled
    room: RoomId | None = None  # the room of the last motion
    room_since: Instant | None = None  # first motion there with none elsewhere after it
    last_at: Instant | None = None  # the last motion anywhere
    quiet_before: Instant | None = None  # the motion before the last one
    sat_up_at: Instant | None = None  # first motion in a living room or kitchen of the running stay out of bed
    door_at: Instant | None = None  # the front door's last opening
    door_said: tuple[int, int] = (0, 0)  # messages of the front door, and how many of them only repeated the last
    door_moved_at: Instant | None = None  # its last opening or closing
    leaving: bool = False  # somebody inside was on the way out when it opened
    arrived_at: Instant | None = None  # motion after a door that nobody inside had opened
    company_since: Instant | None = None  # somebody has come in besides the resident, and was not seen to leave
    in_bed_before: bool = False  # the resident was in bed when they came
    pressed_since: Instant | None = None  # the press that the running call was first told by
    presses: tuple[Instant, ...] = ()  # of the running call, in the order in which they came
    pressed_before: tuple[Instant, ...] = ()  # presses of earlier calls, to know a repeated message by
    pressed_room: RoomId | None = None
    heard: dict[SensorId, tuple[Instant, float]] = {}  # each sensor's newest date and value
    holding: dict[SensorId, Instant] = {}  # motion sensors that are on, since their last message

    def risen(self, home: Home) -> bool:
        """Whether the resident has got up for the day: towards morning, and about where one spends the day."""
        left, sat_up = self.left_bed_at, self.sat_up_at
        if left is None or sat_up is None or sat_up < left:
            return False
        return home.night.ends_soon(sat_up) or not home.night.covers(sat_up)

    def company(self, at: datetime) -> bool:
        """Whether somebody else may be there: motion is not the resident's alone, and silence neither."""
        return self.company_since is not None and at - self.company_since <= COMPANY_AT_MOST

    def had_gone_to_bed(self) -> bool:
        """Whether the running stay out of bed follows on some rest that night, and not on an evening still going on."""
        left, rested = self.left_bed_at, self.rested_at
        return left is not None and rested is not None and left - rested <= ONE_NIGHT

    def _rested(self, at: datetime) -> datetime | None:
        settled = self.presence is Presence.BED and self.since is not None and at - self.since >= SETTLED_IN
        return at if settled else self.rested_at

    def due(self, home: Home) -> datetime | None:
        """Return when time alone will next change something here, or None."""
        if self.presence is Presence.UP and self.leaving and self.door_moved_at is not None:
            return self.door_moved_at + AWAY_AFTER
        if (
            self.presence is Presence.UP
            and not home.has_bed
            and self.last_at is not None
            and home.kind_of(self.room) is RoomKind.BEDROOM
            and (home.night.covers(self.last_at) or home.night.covers(self.last_at + EARLY_TO_BED))
        ):
            since = max(self.room_since or self.last_at, self.left_bed_at or self.last_at)
            return min(self.last_at + TO_BED_AFTER, since + IN_BED_AFTER)
        return None

    def at_due(self) -> "Whereabouts":
        """Return what becomes known when `due` has come and nothing happened: gone out, or gone to bed."""
        if self.leaving:
            return msgspec.structs.replace(
                self, presence=Presence.OUT, since=self.door_at, leaving=False, left_bed_at=None, room=None
            )
        return msgspec.structs.replace(self, presence=Presence.BED, since=self.last_at, left_bed_at=None)

    def without(self, sensor: SensorId) -> "Whereabouts":
        """Return what is still known when a sensor can no longer be believed: a bed that only it held may be empty."""
        if sensor not in self.beds:
            return self
        beds = self.beds - {sensor}
        if beds or self.presence is not Presence.BED:
            return msgspec.structs.replace(self, beds=beds)
        return msgspec.structs.replace(self, beds=beds, presence=Presence.UNKNOWN, since=self.last_at, left_bed_at=None)

    def not_listened(self, sensor: SensorId) -> "Whereabouts":
        """Return what is still known when a sensor is not listened to any more: when it spoke, not what it says now."""
        left = self.without(sensor)
        heard = {one: (at, UNTOLD if one == sensor else value) for one, (at, value) in self.heard.items()}
        holding = {one: at for one, at in self.holding.items() if one != sensor}
        return msgspec.structs.replace(left, heard=heard, holding=holding)

    def forgotten(self) -> "Whereabouts":
        """Return what is still known when nothing is listened to any more but a call for help."""
        return Whereabouts(
            door_said=self.door_said,
            pressed_since=self.pressed_since,
            presses=self.presses,
            pressed_before=self.pressed_before,
            pressed_room=self.pressed_room,
            heard={one: (at, UNTOLD) for one, (at, _) in self.heard.items()},
        )

    def see(self, event: SensorEvent, home: Home) -> "Whereabouts":
        """Return what is known after an event. One no newer than the sensor's newest changes nothing."""
        if event.kind is Kind.BUTTON:
            return self._button(event)
        before = self.heard.get(event.sensor)
        if before is not None and (event.at <= before[0] or event.origin is Origin.UNDATED):
            return self  # no news, or of unknown age while something of known age is at hand
        heard = msgspec.structs.replace(self, heard={**self.heard, event.sensor: (event.at, event.value)})
        on = event.value >= 0.5  # noqa: PLR2004  # values are 1.0 and 0.0
        match event.kind:
            case Kind.BED:
                return heard._bed(event, on=on, home=home) if home.believes(event.sensor) else heard
            case Kind.DOOR:
                if event.origin is not Origin.LIVE:
                    return heard
                changed = before is None or before[1] != event.value
                heard = heard._door_said(changed=changed)
                # A door that closes and was closed: its opening was lost, unless it often repeats itself.
                return (
                    heard._door(event, on=on or not changed, home=home) if changed or heard._seldom_repeats() else heard
                )
            case Kind.MOTION | Kind.USE:
                return heard._motion(event, on=on, home=home)

    def _door_said(self, *, changed: bool) -> "Whereabouts":
        said, repeated = self.door_said
        if said >= _DOOR_SAID_MOST:
            said, repeated = said // 2, repeated // 2
        return msgspec.structs.replace(self, door_said=(said + 1, repeated + (not changed)))

    def _seldom_repeats(self) -> bool:
        said, repeated = self.door_said
        return said >= _DOOR_KNOWN and repeated <= _SELDOM * said

    def _bed(self, event: SensorEvent, *, on: bool, home: Home) -> "Whereabouts":
        beds = self.beds | {event.sensor} if on else self.beds - {event.sensor}
        if on:
            since = self.since if self.presence is Presence.BED else event.at
            return msgspec.structs.replace(
                self,
                beds=beds,
                presence=Presence.BED,
                since=since,
                left_bed_at=None,
                room_since=None,  # who lies down has left the room they were in
                leaving=False,
            )
        if beds or not (self.beds or self._lay_unheard(event, home)):
            # Another pad still holds the resident, or none was known to.
            return msgspec.structs.replace(self, beds=beds)
        if event.origin is not Origin.LIVE:  # only live news starts an episode; where the resident is, nobody knows now
            return msgspec.structs.replace(self, beds=beds, presence=Presence.UNKNOWN, since=event.at)
        return msgspec.structs.replace(
            self,
            beds=beds,
            presence=Presence.UP,
            since=event.at,
            left_bed_at=event.at,
            rested_at=self._rested(event.at),
            room=event.room,
            room_since=event.at,
        )

    def _lay_unheard(self, event: SensorEvent, home: Home) -> bool:
        """Whether somebody must have lain down meanwhile, as far as a night's silence tells."""
        last = self.last_at
        if self.presence is not Presence.UP or last is None or event.at - last < RESTED_UNSEEN:
            return False
        return home.night.covers(last) and home.night.covers(event.at)

    def _door(self, event: SensorEvent, *, on: bool, home: Home) -> "Whereabouts":
        if not on:
            return msgspec.structs.replace(self, door_moved_at=event.at)
        recently = self.last_at is not None and event.at - self.last_at <= BEFORE_THE_DOOR
        from_bed = self.left_bed_at is not None and event.at - self.left_bed_at <= BEFORE_THE_DOOR
        if recently and self._lies_while_company_leaves(event, home):
            return self._company_leaves(event)
        # Somebody on the way out who opens the door again is the same somebody, out since the first time.
        leaving = self.presence is Presence.UP and (self.leaving or recently or from_bed)
        # A bed that only motion told of can be left unseen, and of a bed sensor the message can be lost; the door
        # opening after motion is somebody going out.
        if self.presence is Presence.BED and recently and (not home.has_bed or self._walks_though_in_bed(home)):
            leaving = True
        inferred = leaving and self.presence is Presence.BED
        return msgspec.structs.replace(
            self,
            presence=Presence.UP if inferred else self.presence,
            since=event.at if inferred else self.since,
            door_at=self.door_at if self.leaving else event.at,
            door_moved_at=event.at,
            leaving=leaving,
            arrived_at=None,
            company_since=None if leaving else self.company_since,
        )

    def _walks_though_in_bed(self, home: Home) -> bool:
        """Whether somebody was last seen where nobody passes who lies in bed, and nobody is known to have come in."""
        passing = home.kind_of(self.room) not in (RoomKind.BEDROOM, *WASHING)
        return passing and self.company_since is None

    def washes_though_in_bed(self, home: Home) -> bool:
        """Whether somebody is in the bathroom while a bed sensor says occupied.

        Another one of a couple, or the message that the bed was left is lost. That the stay is over must then be seen:
        by motion elsewhere, or by anything that the bed says after it.
        """
        return self.presence is Presence.BED and home.has_bed and self.room_since is not None

    def _lies_while_company_leaves(self, event: SensorEvent, home: Home) -> bool:
        """Whether who goes out is whoever came a short while ago to somebody in bed, and who is still in it.

        Where no bed sensor tells, it is believed for as long as a round takes; after that it may be the resident.
        """
        came = self.company_since
        if came is None or not self.in_bed_before:
            return False
        return self.presence is Presence.BED if home.has_bed else event.at - came <= ROUND_AT_MOST

    def _company_leaves(self, event: SensorEvent) -> "Whereabouts":
        """Take it that whoever came goes again, and the resident lies where they lay."""
        since = self.since if self.presence is Presence.BED else self.company_since
        return msgspec.structs.replace(
            self,
            presence=Presence.BED,
            since=since,
            left_bed_at=None,
            company_since=None,
            in_bed_before=False,
            door_at=event.at,
            door_moved_at=event.at,
            arrived_at=None,
        )

    def _button(self, event: SensorEvent) -> "Whereabouts":
        """Take in a press, in whatever order presses come; a repeated message is the same press."""
        if event.origin is not Origin.LIVE or event.value == 0.0:
            return self
        if event.at in self.presses or event.at in self.pressed_before:
            return self
        again = any(abs(event.at - press) <= PRESS_AGAIN for press in self.presses)
        return msgspec.structs.replace(
            self,
            pressed_since=self.pressed_since if again else event.at,
            presses=(*(self.presses if again else ()), event.at)[-PRESSES_MAX:],
            pressed_before=self.pressed_before if again else (*self.pressed_before, *self.presses)[-PRESSES_MAX:],
            pressed_room=event.room,
        )

    def _motion(self, event: SensorEvent, *, on: bool, home: Home) -> "Whereabouts":
        held_since = self.holding.get(event.sensor)
        if on:
            return msgspec.structs.replace(self._seen(event, home), holding={**self.holding, event.sensor: event.at})
        rest = {sensor: at for sensor, at in self.holding.items() if sensor != event.sensor}
        over = msgspec.structs.replace(self, holding=rest)
        shortest, longest = REAL_HOLD
        seen_till_now = held_since is not None and shortest < event.at - held_since <= longest
        return over._seen(event, home) if seen_till_now else over

    def _seen(self, event: SensorEvent, home: Home) -> "Whereabouts":
        if event.origin is not Origin.LIVE or (self.last_at is not None and event.at < self.last_at):
            return self  # late news of one sensor does not move somebody whom another has seen since
        if home.kind_of(event.room) is RoomKind.OUTSIDE:
            return msgspec.structs.replace(
                self, presence=Presence.OUT, since=event.at, left_bed_at=None, leaving=False, room=event.room
            )
        rested = not home.has_bed and self._lay_unheard(event, home)
        seen = msgspec.structs.replace(
            self,
            since=event.at if rested else self.since,
            left_bed_at=event.at if rested else self.left_bed_at,
            rested_at=event.at if rested else self.rested_at,
            last_at=event.at,
            quiet_before=self.last_at,
            room=event.room,
            room_since=(self.room_since or event.at) if self.room == event.room else event.at,
            sat_up_at=self._sat_up(event, home),
        )
        return seen._at_the_door(event, was=self)._rising(event, home, was=self)

    def _sat_up(self, event: SensorEvent, home: Home) -> datetime | None:
        known = self.sat_up_at
        if known is not None and self.left_bed_at is not None and known >= self.left_bed_at:
            return known
        return event.at if home.kind_of(event.room) in (RoomKind.LIVING, RoomKind.KITCHEN) else None

    def _at_the_door(self, event: SensorEvent, *, was: "Whereabouts") -> "Whereabouts":
        """Motion after the front door: walked through, stayed in after all, or came in."""
        if was.door_moved_at is None or not timedelta(0) <= event.at - was.door_moved_at <= AWAY_AFTER:
            return self
        if was.leaving:
            stayed = event.at - was.door_moved_at > THROUGH_THE_DOOR
            return msgspec.structs.replace(self, leaving=False) if stayed else self
        somebody_in = was.last_at is not None and was.door_at is not None and was.last_at >= was.door_at
        if was.presence is Presence.OUT or somebody_in or was.arrived_at is not None:
            return self
        known = was.presence in (Presence.BED, Presence.UP)
        return msgspec.structs.replace(
            self,
            arrived_at=event.at,
            company_since=event.at if known else None,
            in_bed_before=was.presence is Presence.BED,
        )

    def _rising(self, event: SensorEvent, home: Home, *, was: "Whereabouts") -> "Whereabouts":
        """Motion while in bed, out or unknown: it may mean that the resident is up."""
        match was.presence:
            case Presence.UP:
                return self
            case Presence.BED if home.has_bed:
                return self  # the bed knows better; this is somebody else, or a foot over the edge
            case Presence.BED if home.kind_of(event.room) is RoomKind.BEDROOM:
                return self._stirring(event, was)
            case Presence.BED:
                return self._walking(event, was)
            case _:
                return msgspec.structs.replace(self, presence=Presence.UP, since=event.at, left_bed_at=None)

    def _walking(self, event: SensorEvent, was: "Whereabouts") -> "Whereabouts":
        first = was.last_at
        if first is None or event.at - first > WALKED_WITHIN:
            return self
        left = event.at if was.since is not None and first <= was.since else first
        return msgspec.structs.replace(
            self, presence=Presence.UP, since=left, left_bed_at=left, rested_at=was._rested(left)
        )

    def _stirring(self, event: SensorEvent, was: "Whereabouts") -> "Whereabouts":
        first, before = was.last_at, was.quiet_before
        if first is None or before is None:
            return self
        if first - before >= STIRRED_AFTER and event.at - first <= STIRRED_WITHIN:
            rested_at = was._rested(first)
            return msgspec.structs.replace(
                self, presence=Presence.UP, since=first, left_bed_at=first, rested_at=rested_at
            )
        return self
