"""Who is asked, one after another: what was agreed for a home, a site or everybody, and who may be asked about what.

The nearest agreement counts: that of the home, else of its site, else of the organisation. Computed from records, as
everything is; of any two about the same thing the later one counts, in whatever order they came.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from care.asking import Agreement, Chain, ChainAgreed, Consented, Line, NotTonight, Step, Why
from care.ids import Asker, ContactId, Place, StaffId
from care.language import mark
from care.records import CENTRE, Record, encode, site_of
from detectors.findings import What
from detectors.homes import HomeId, is_building

DESK = ContactId("desk")
NIGHT_TEAM = ContactId("night-team")
BACK_UP = ContactId("back-up")
RESIDENT = ContactId("resident")  # whoever lives in the home that it is about
LINES = {RESIDENT: Line.ZERO, DESK: Line.ONE, NIGHT_TEAM: Line.TWO, BACK_UP: Line.TWO}
"""The roles, which need no consent, and their lines; everybody else is a contact of a resident, in line zero."""

ORGANISATION = Place("*")
CHAINS_MAX = 4  # of one agreement
STEPS_MAX = 8  # of one chain
CHANNELS_MAX = 3  # of one step
WHY_MAX = 200  # characters
NIGHT_ENDS = time(12)  # a night runs from noon to noon


class About(StrEnum):
    """What somebody may be asked about, as a resident tells it apart."""

    HELP = "help"  # a call for help
    DOOR = "door"  # who went out, or came in
    OTHER = "other"  # whatever else sensors have seen


_ABOUT = {What.BUTTON: About.HELP, What.DOOR_LEFT: About.DOOR, What.DOOR_ARRIVED: About.DOOR}

_EVER = datetime(2000, 1, 1, tzinfo=UTC)

Dated = TypeVar("Dated", ChainAgreed, Consented, NotTonight)


class BadAgreement(ValueError):
    """What was to be agreed cannot work: what is the matter, as a message to be translated, and in which chain."""

    def __init__(self, problem: str, chain: int | None = None) -> None:
        super().__init__(problem)
        self.problem, self.chain = problem, chain


class Chains:
    """What was agreed so far. Changed only by `add`."""

    def __init__(self) -> None:
        self._agreed: dict[Place, ChainAgreed] = {}
        self._consented: dict[tuple[HomeId, ContactId], Consented] = {}
        self._away: dict[ContactId, NotTonight] = {}

    def add(self, record: Record) -> None:
        """Take in one record of the journal."""
        match record:
            case ChainAgreed():
                self._agreed[record.place] = _later(self._agreed.get(record.place), record)
            case Consented():
                key = (record.home, record.contact)
                self._consented[key] = _later(self._consented.get(key), record)
            case NotTonight():
                self._away[record.contact] = _later(self._away.get(record.contact), record)
            case _:
                pass

    def supposing(self, place: Place, agreement: Agreement) -> "Chains":
        """Return what would count if something were agreed for a place."""
        supposed = Chains()
        supposed._agreed, supposed._consented, supposed._away = dict(self._agreed), self._consented, self._away
        record = ChainAgreed(at=_EVER, place=place, by=StaffId(""), why="", before=None, after=agreement)
        supposed._agreed[place] = record
        return supposed

    @property
    def places(self) -> list[Place]:
        """The places for which something is agreed."""
        return sorted(place for place, one in self._agreed.items() if one.after is not None)

    def last(self, place: Place) -> ChainAgreed | None:
        """Return the last that was agreed of a place itself, by whom and why."""
        return self._agreed.get(place)

    def own(self, place: Place) -> Agreement | None:
        """Return what is agreed for a place itself, or None if it follows a larger one."""
        agreed = self._agreed.get(place)
        return None if agreed is None else agreed.after

    def of(self, place: Place) -> tuple[Place, Agreement] | None:
        """Return what counts for a place, and for which place that was agreed; None if nothing was."""
        for one in _outward(place):
            agreement = self.own(one)
            if agreement is not None:
                return one, agreement
        return None

    def chain(self, home: HomeId, at: datetime, zone: ZoneInfo) -> tuple[Agreement, Chain] | None:
        """Return whom to ask about a home at a moment; None if that was never agreed for this hour."""
        for place in _outward(Place(home)):
            agreement = self.own(place)
            if agreement is None:
                continue
            fitting = next((one for one in agreement.chains if within(one, at.astimezone(zone).time())), None)
            if fitting is not None:
                return agreement, fitting
        return None

    def consent(self, home: HomeId, contact: ContactId) -> Consented | None:
        """Return what a resident last said about a contact."""
        return self._consented.get((home, contact))

    def away(self, contact: ContactId, at: datetime) -> datetime | None:
        """Return until when somebody asks not to be asked, if so."""
        said = self._away.get(contact)
        return said.until if said is not None and said.until > at else None

    def barred(self, home: HomeId, contact: ContactId, tier: str, what: What, at: datetime) -> Why | None:
        """Return why somebody may not be asked about a home now; None if they may, as a role always may."""
        if contact in LINES:
            return None
        if self.away(contact, at) is not None:
            return Why.NOT_TONIGHT
        said = self.consent(home, contact)
        if said is None or tier not in said.tiers or (said.kinds is not None and about(what) not in said.kinds):
            return Why.NO_CONSENT
        return Why.CONSENT_ENDED if said.until <= at else None


def about(what: What) -> About:
    """Return what a kind of finding is, to a resident who says whom it may be told.

    >>> about(What.BUTTON), about(What.BATH)
    (<About.HELP: 'help'>, <About.OTHER: 'other'>)
    """
    return _ABOUT.get(what, About.OTHER)


def within(chain: Chain, clock: time) -> bool:
    """Whether a time on the wall lies in the hours of a chain.

    >>> night = Chain(since=time(22), until=time(7), steps=())
    >>> within(night, time(2, 14)), within(night, time(7)), within(night, time(21, 59))
    (True, False, False)
    """
    if chain.since == chain.until:
        return True
    if chain.since < chain.until:
        return chain.since <= clock < chain.until
    return clock >= chain.since or clock < chain.until


def night_ends(at: datetime, zone: ZoneInfo) -> datetime:
    """Return when the night, or the day, of a moment is over: at the next noon.

    >>> night_ends(datetime.fromisoformat("2026-03-03T01:00:00+00:00"), ZoneInfo("Europe/Amsterdam")).isoformat()
    '2026-03-03T12:00:00+01:00'
    """
    local = at.astimezone(zone)
    day = local.date() if local.time() < NIGHT_ENDS else local.date() + timedelta(days=1)
    return datetime.combine(day, NIGHT_ENDS, tzinfo=zone)


def day_ends(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day is over."""
    return datetime.combine(day + timedelta(days=1), time(0), tzinfo=zone)


def agree(
    agreements: Chains, place: Place, after: Agreement | None, *, by: StaffId, why: str, at: datetime
) -> tuple[ChainAgreed, ...]:
    """Return what to write down when something is agreed for a place. Raises `BadAgreement`."""
    before = agreements.own(place)
    if after is not None:
        check(after)
    why = " ".join(why.split())
    if not 1 <= len(why) <= WHY_MAX:
        raise BadAgreement(mark("Say in a few words why: others will want to know."))
    return () if before == after else (ChainAgreed(at=at, place=place, by=by, why=why, before=before, after=after),)


def consent(
    agreements: Chains,
    home: HomeId,
    contact: ContactId,
    tiers: tuple[str, ...],
    until: datetime,
    *,
    kinds: Collection[About] = tuple(About),
    by: Asker,
    at: datetime,
) -> tuple[Consented, ...]:
    """Return what to write down when a resident says about what a contact may be asked; nothing if they had."""
    said = agreements.consent(home, contact)
    told = None if set(kinds) == set(About) else tuple(one.value for one in About if one in kinds)
    if said is not None and (said.tiers, said.until, said.kinds) == (tiers, until, told):
        return ()
    return (Consented(at=at, home=home, contact=contact, by=by, tiers=tiers, until=until, kinds=told),)


def check(agreement: Agreement) -> None:
    """Raise `BadAgreement` if an agreement cannot work."""
    if not 1 <= len(agreement.chains) <= CHAINS_MAX:
        raise BadAgreement(mark("Ask at least one person, in at least one part of the day."))
    for number, chain in enumerate(agreement.chains):
        steps = chain.steps
        asked = [step.who for step in steps]
        if not 1 <= len(steps) <= STEPS_MAX:
            raise BadAgreement(mark("Ask at least one person in these hours."), number)
        if len(set(asked)) < len(asked):
            raise BadAgreement(mark("Somebody stands in these hours twice. Ask everybody once."), number)
        if DESK not in asked:
            raise BadAgreement(mark("The care centre must be one of those who are asked."), number)
        if any(step.who != DESK and not 1 <= len(step.channels) <= CHANNELS_MAX for step in steps):
            raise BadAgreement(mark("Choose for everybody by which way they are asked."), number)
        if sum(step.minutes for step in steps[:-1]) > agreement.acute:
            raise BadAgreement(mark("The steps together take longer than an urgent alert may."), number)
    if agreement.soon < agreement.acute:
        raise BadAgreement(mark("An urgent alert cannot get more time than one that may wait."))


def steps_for(chain: Chain, home: HomeId) -> tuple[Step, ...]:
    """Return the steps that make sense for a home; of a whole building only the professionals'."""
    return tuple(step for step in chain.steps if not is_building(home) or step.line is not Line.ZERO)


def _outward(place: Place) -> tuple[Place, ...]:
    """Return a place and the larger ones that it lies in, the nearest first."""
    site = Place(site_of(HomeId(place)))
    return tuple(dict.fromkeys(one for one in (place, site, ORGANISATION) if one != CENTRE))


def _later(known: Dated | None, record: Dated) -> Dated:
    return record if known is None else max(known, record, key=lambda one: (one.at, encode(one)))
