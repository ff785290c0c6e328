"""A resident's people as they are drawn: of each what they may be asked and read, until when, and by which devices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from care.board import Board
from care.chains import Chains
from care.language import mark
from care.sharing import LONGEST, Part
from care.wording import Wording, capital
from dashboard import contacts, housekeys
from dashboard.contacts import RELATIONS, Contact
from dashboard.housekeys import Device, Key
from dashboard.people import Names
from detectors.homes import Home

PARTS: dict[Part, str] = {
    Part.NIGHT: mark("how the night was, in a sentence"),
    Part.CONTACT: mark("when there was contact"),
    Part.AWAY: mark("that I am away or on pause"),
    Part.ALERTS: mark("that there was an alert"),
}
FOR_TEAM: dict[Part, str] = {**PARTS, Part.AWAY: mark("that the client is away or on pause")}
"""The same, as it is said to whom it is not about."""

DEVICES: dict[Device, str] = {
    Device.PHONE: mark("phone"),
    Device.TABLET: mark("tablet"),
    Device.COMPUTER: mark("computer"),
}
_USUAL = timedelta(days=92)  # that is proposed when something is shared for the first time


@dataclass(frozen=True, slots=True)
class Held:
    """A device on a list."""

    id: str
    name: str
    since: str
    used: str


@dataclass(frozen=True)
class One:
    """One contact, and what they may."""

    contact: Contact
    home: Home
    board: Board
    wording: Wording
    now: datetime
    held: tuple[Held, ...]
    called: Mapping[Part, str]  # what can be shared, as whoever reads this says it

    @property
    def id(self) -> str:
        return self.contact.id

    @property
    def name(self) -> str:
        return self.contact.name

    @property
    def relation(self) -> str:
        return self.wording.say(RELATIONS[self.contact.relation])

    @property
    def asked_until(self) -> datetime | None:
        """Until when they may be asked to help; None if they may not."""
        said = self.chains.consent(self.home.id, self.contact.id)
        return said.until if said is not None and said.tiers and said.until > self.now else None

    @property
    def shared(self) -> tuple[Part, ...]:
        kept = self.board.shares.parts(self.home.resident, self.contact.id, self.now)
        return tuple(part for part in Part if part in kept)

    @property
    def sentences(self) -> list[tuple[str, str]]:
        """What they may, an icon and a sentence each."""
        say, said = self.wording.say, []
        asked = self.asked_until
        if asked is None:
            said.append(("off", say("May not be asked to help.")))
        else:
            said.append(("talk", say("May be asked to help, until {date}.").format(date=self._last_day(asked))))
        shared = self.board.shares.said(self.home.resident, self.contact.id, self.now)
        if shared is None:
            return [*said, ("off", say("May see nothing."))]
        words = self.wording.every([say(self.called[part]) for part in self.shared])
        until = self._last_day(shared.until)
        return [*said, ("seen", say("May see until {date}: {parts}.").format(date=until, parts=words))]

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """What can be shared with them, and whether it is."""
        return [(part.value, capital(self.wording.say(self.called[part])), part in self.shared) for part in Part]

    @property
    def shared_until(self) -> str:
        """The last day as a field takes it: the one that was said, else three months ahead."""
        shared = self.board.shares.said(self.home.resident, self.contact.id, self.now)
        return self._day_of(shared.until if shared is not None else self.now + _USUAL).isoformat()

    @property
    def ask_until(self) -> str:
        return self._day_of(self.asked_until or self.now + _USUAL).isoformat()

    @property
    def first_day(self) -> str:
        return self.now.astimezone(self.wording.zone).date().isoformat()

    @property
    def last_day(self) -> str:
        return (self.now + LONGEST - timedelta(days=2)).astimezone(self.wording.zone).date().isoformat()

    @property
    def chains(self) -> Chains:
        return self.board.chains

    def _last_day(self, until: datetime) -> str:
        return self.wording.day(self._day_of(until))

    def _day_of(self, until: datetime) -> date:
        return (until - timedelta(microseconds=1)).astimezone(self.wording.zone).date()


@dataclass(frozen=True)
class Circle:
    """Everybody around one resident, and every device that was let in."""

    home: Home
    board: Board
    names: Names
    wording: Wording
    now: datetime
    wall: datetime  # real time, by which keys end
    this: str = ""  # the key of the device that reads
    called: Mapping[Part, str] = field(default_factory=lambda: PARTS)

    @property
    def people(self) -> list[One]:
        keys = housekeys.of_resident(self.names.db, self.home.resident, self.wall)
        return [
            One(
                contact=one,
                home=self.home,
                board=self.board,
                wording=self.wording,
                now=self.now,
                held=tuple(self._held(key) for key in keys if key.contact == one.id),
                called=self.called,
            )
            for one in contacts.of(self.names.db, self.home.resident)
        ]

    @property
    def own(self) -> tuple[Held, ...]:
        """The resident's own devices."""
        keys = housekeys.of_resident(self.names.db, self.home.resident, self.wall)
        return tuple(self._held(key) for key in keys if key.contact is None)

    def _held(self, key: Key) -> Held:
        name = capital(self.wording.say(DEVICES[key.device]))
        if key.id == self.this:
            this = self.wording.say("this device")
            name = f"{name} ({this})"
        since, used = (f"{self.wording.date(at)} {self.wording.time(at)}" for at in (key.since, key.used_at))
        return Held(key.id, name, since, used)
