"""A resident's own page as it is drawn: whether Nachtwacht is on, what is measured, and what became of a call for help.

Said in the resident's words, and only what a record shows: not that somebody comes before somebody said so.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from care import helping
from care.alerts import Alert
from care.asking import Answer, Replied
from care.chains import RESIDENT
from care.language import mark
from care.pauses import PauseReason, scope
from care.records import site_of
from care.wording import ROOMS, Wording, capital
from dashboard.glance import Glance
from dashboard.measures import LESS, Watching
from dashboard.pauses import Pausing
from detectors.findings import Sight
from detectors.homes import Home, Kind, Sensor, SensorId, zone_of

HOURS = (1, 2)
LATELY = timedelta(minutes=30)  # what was said, or closed, within this is still told
_GREETINGS = (
    (6, mark("Good night")),
    (12, mark("Good morning")),
    (18, mark("Good afternoon")),
    (23, mark("Good evening")),
    (24, mark("Good night")),
)

_ICONS = {Kind.BED: "bed", Kind.DOOR: "door", Kind.MOTION: "motion", Kind.USE: "motion", Kind.BUTTON: "hand"}


@dataclass(frozen=True, slots=True)
class Measure:
    """One sensor, as its resident knows it."""

    id: SensorId
    icon: str
    what: str
    state: str
    look: str  # "on", "paused", "not-yet", "blind"
    pausable: bool


@dataclass(frozen=True)
class Own:
    """The page of one resident at one moment; `wording` says je or u."""

    home: Home
    glance: Glance
    wording: Wording
    phone: str = ""
    opened_at: datetime | None = None  # when somebody last opened the home in an emergency, if that is not long ago

    @cached_property
    def greeting(self) -> str:
        hour = self.glance.now.astimezone(zone_of(self._zone)).hour
        hello = self.say(next(said for until, said in _GREETINGS if hour < until))
        name = self.glance.names.resident(self.home.resident)
        return f"{hello}, {name}" if name else hello

    @property
    def clock(self) -> str:
        return self.wording.time(self.glance.now)

    # Whether it is on.

    @cached_property
    def pausing(self) -> Pausing:
        return Pausing(self.home, self.glance)

    @cached_property
    def look(self) -> str:
        """Whether it is on, in a word for the style: "on", "partly", "blind", "paused", "not-yet", "still"."""
        pause = self.pausing.pause
        if pause is not None and not pause.order.sensors:
            return self.pausing.look
        status = self.glance.status(self.home.id)
        if status is None or status.sight is Sight.BLIND:
            return "blind"
        if pause is None and self.pausing.look:
            return "still"
        unheard = {*status.blind} - {*status.paused}
        return "partly" if unheard else "on"

    @cached_property
    def sentences(self) -> list[str]:
        """Whether it is on, in at most three short sentences."""
        say, pause = self.say, self.pausing.pause
        first = {
            "on": say("Nachtwacht is on."),
            "partly": say("Nachtwacht is on, but does not see everything."),
            "blind": say("Nachtwacht sees nothing in your home now."),
            "paused": say("Nachtwacht is on pause."),
            "not-yet": say("Nachtwacht is not on pause yet. The building has not confirmed it."),
            "still": say("The pause is over. The building has not confirmed that yet."),
        }[self.look]
        said = [first]
        if pause is not None and not pause.order.sensors:
            if self.look == "paused":
                until = self.moment(pause.ends)
                away = say("You are away until {time}. Nobody looks along then.")
                told = say("It goes on again by itself: {time}. Nobody looks along until then.")
                said.append((away if pause.order.why is PauseReason.AWAY else told).format(time=until))
        elif pause is not None:
            said.append(self._part_of_it)
        return [*said, *self._button]

    @property
    def _part_of_it(self) -> str:
        """Say which sensors are on pause, or not yet."""
        pause = self.pausing.pause
        assert pause is not None
        chosen = [one for one in self.home.sensors if one.id in scope(pause.order, self.home)]
        values = {"what": self.wording.every([self.named(one) for one in chosen]), "time": self.moment(pause.ends)}
        if self.pausing.taken:
            return capital(self.say("{what}: on pause until {time}.").format(**values))
        return capital(self.say("{what}: not on pause yet. The building has not confirmed it.").format(**values))

    @property
    def _button(self) -> list[str]:
        """Whether the help button works, where that is not plain."""
        if self.look in {"on", "partly"}:
            return []
        if not any(one.kind is Kind.BUTTON for one in self.home.sensors):
            return []
        if self.glance.status(self.home.id) is not None:
            return [self.say("The help button works.")]
        if self.phone:
            said = self.say("The help button may not work either. Need help? Call {phone} or 112.")
            return [said.format(phone=self.phone)]
        return [self.say("The help button may not work either. Need help? Call 112.")]

    @property
    def emergency(self) -> str:
        """That somebody looked in an emergency; who and why stands on the page of who looked."""
        if self.opened_at is None:
            return ""
        return self.say("Somebody looked at your data in an emergency: {time}.").format(
            time=self.moment(self.opened_at)
        )

    # Watching less.

    @cached_property
    def less(self) -> list[str]:
        """That there may be less watching, and why; empty where nothing says so. Nothing is made less by itself."""
        watching, say = Watching(self.home, self.glance), self.say
        found = watching.proposal
        if found is None:
            return []
        nights = self.wording.count(self.wording.words.ngettext("{n} night", "{n} nights", found.nights), found.nights)
        what = self.wording.every([say(LESS[one]) for one in found.less])
        return [
            say("Your last {nights} were quiet. Nobody had to come.").format(nights=nights),
            say("So watching less can do: {what}.").format(what=what),
            say("Nothing changes by itself. The care team talks it over with you."),
        ]

    @property
    def wants_less(self) -> bool:
        """Whether that it is wanted has been said."""
        answer = self.glance.board.measures.answer(self.home)
        return answer is not None and answer.wanted

    # What is measured.

    @cached_property
    def measures(self) -> list[Measure]:
        """Every sensor, with what it does now."""
        ordered = sorted(self.home.sensors, key=lambda one: (_ORDER.index(one.kind), one.id))
        return [self._measure(one) for one in ordered]

    def _measure(self, sensor: Sensor) -> Measure:
        look, state = self._state(sensor)
        return Measure(
            id=sensor.id,
            icon=_ICONS[sensor.kind],
            what=self._asks(sensor),
            state=state,
            look=look,
            pausable=sensor.kind is not Kind.BUTTON,
        )

    def _state(self, sensor: Sensor) -> tuple[str, str]:
        status, pause = self.glance.status(self.home.id), self.pausing.pause
        if status is None:
            return "blind", self.say("not to be seen now")
        meant = pause is not None and sensor.id in scope(pause.order, self.home)
        if sensor.id in status.paused or (status.sight is Sight.PAUSED and sensor.kind is not Kind.BUTTON):
            return "paused", self.say("on pause")
        if meant:
            return "not-yet", self.say("not on pause yet")
        if not self.glance.hears(self.home, sensor):
            return "blind", self.say("does not work")
        return "on", self.say("on")

    def _asks(self, sensor: Sensor) -> str:
        """Say what a sensor tells, as a question that it answers."""
        say = self.say
        match sensor.kind:
            case Kind.BED:
                return say("Bed: are you in it?")
            case Kind.DOOR:
                return say("Front door: open or closed?")
            case Kind.BUTTON:
                return say("Help button: is it pressed?")
            case Kind.USE:
                return say("{room}: is something used?").format(room=self._room(sensor))
            case _:
                return say("{room}: does somebody move?").format(room=self._room(sensor))

    def named(self, sensor: Sensor) -> str:
        """Name a sensor: the bed sensor; that of a room by its room."""
        if sensor.kind in {Kind.BED, Kind.DOOR, Kind.BUTTON}:
            return self.wording.sensor(sensor.kind)
        kind = self.home.kind_of(sensor.room)
        room = self.say(ROOMS[kind][0]) if kind in ROOMS else self._room(sensor)
        return f"{self.wording.sensor(sensor.kind)} ({room})"

    def _room(self, sensor: Sensor) -> str:
        return self.wording.room(self.home, sensor.room)

    # Pauses.

    @property
    def choices(self) -> list[tuple[str, str]]:
        """For how long a pause may be asked for with one tap."""
        hours = [(str(60 * n), self.wording.duration(timedelta(hours=n))) for n in HOURS]
        morning = self.home.night.ends_after(self.glance.now)
        return [*hours, ("morning", capital(self.say("until {time}").format(time=self.wording.time(morning))))]

    @property
    def soon(self) -> str:
        """A moment some hours ahead, as a field takes it."""
        return f"{(self.glance.now + timedelta(hours=4)).astimezone(self.wording.zone):%Y-%m-%dT%H:00}"

    def moment(self, at: datetime) -> str:
        """Say a moment ahead: its time, with the day before it where that is another one."""
        zone = self.wording.zone
        same = at.astimezone(zone).date() == self.glance.now.astimezone(zone).date()
        return self.wording.time(at) if same else f"{self.wording.date(at)} {self.wording.time(at)}"

    # Help.

    @cached_property
    def called(self) -> Alert | None:
        """The call for help that is open, or was closed a moment ago."""
        own = [one for one in self.glance.board.alerts_of(self.home.id) if one.main.own_page]
        if own and not own[0].open:
            closed = own[0].resolved
            return own[0] if closed is not None and self.glance.now - closed.at < LATELY else None
        return own[0] if own else None

    @cached_property
    def help_said(self) -> list[str]:
        """What became of the call for help: no more than a record shows."""
        alert, say = self.called, self.say
        if alert is None:
            return []
        time = self.wording.time(alert.main.at)
        if not alert.open:
            return [say("Your call for help of {time} is closed.").format(time=time)]
        holder = alert.holder
        if holder is not None:
            return [say("{who} is contacting you now.").format(who=self.glance.names.staff(holder))]
        if alert.shown_on:
            return [say("The care centre sees your call for help.")]
        sent = say("Your call for help was sent at {time}.").format(time=time)
        if not self.phone:
            return [sent]
        return [sent, say("Nobody answers? Call {phone} or 112.").format(phone=self.phone)]

    @cached_property
    def fine_said(self) -> str:
        """That the resident has said a moment ago that all is well, and what that did."""
        said = [
            one.at
            for alert in self.glance.board.alerts_of(self.home.id)
            for one in alert.passing
            if isinstance(one, Replied) and one.by == RESIDENT and one.answer is Answer.FINE
        ]
        at = max(said, default=None)
        if at is None or self.glance.now - at > LATELY:
            return ""
        return self.say("You said at {time} that all is well. The care centre sees that.").format(
            time=self.wording.time(at)
        )

    @property
    def asked(self) -> bool:
        """Whether the resident is asked now, before anybody else is."""
        return bool(helping.asked(self.glance.board, self.home.id))

    @property
    def tel(self) -> str:
        return tel(self.phone)

    @property
    def _zone(self) -> str:
        plan = self.glance.board.plans.get(site_of(self.home.id))
        return plan.zone if plan is not None else self.glance.zone

    def say(self, message: str) -> str:
        return self.wording.say(message)


_ORDER = (Kind.BED, Kind.MOTION, Kind.USE, Kind.DOOR, Kind.BUTTON)


def tel(phone: str) -> str:
    """Return a number as a browser takes it (RFC 3966); nothing for none.

    >>> tel("085 000 01-01")
    'tel:0850000101'
    """
    digits = "".join(one for one in phone if one.isdigit() or one == "+")
    return f"tel:{digits}" if digits else ""
