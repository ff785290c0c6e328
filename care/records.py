"""The wire format: every record that may stand in a journal. The only contract between building and centre."""

import functools
from datetime import date
from enum import StrEnum

import msgspec

from care.accounts import Account
from care.asking import (
    Arrived,
    CalledOff,
    ChainAgreed,
    Consented,
    Exhausted,
    Noticed,
    NotTonight,
    Opened,
    Passed,
    Proven,
    Replied,
    Skipped,
    ToProve,
)
from care.counted import NightCounted
from care.devices import Described
from care.erasing import Forget, Forgot
from care.ids import AlertId, BackTestId, StaffId
from care.measures import FadingAnswered, MeasureAgreed, MeasureEnded
from care.messages import Carried, Held, ToTell, Wanted
from care.pauses import Paused, PauseEnded
from care.proofs import Print, Walked, Walking
from care.sharing import Shared
from care.upkeep import Used
from detectors.findings import Cleared, Finding, Status, What, Withheld
from detectors.homes import Home, HomeId, Instant, Limits, ResidentId, SensorId, SiteId
from detectors.moments import SensorEvent, SensorSight
from detectors.nights import Summary
from detectors.outlook import Expected


class Trouble(StrEnum):
    """Why a message of a sensor or bridge could not be taken as it came."""

    UNREADABLE = "unreadable"  # not JSON, or not the types a sensor sends
    TOO_LARGE = "too-large"
    UNKNOWN_SENSOR = "unknown-sensor"  # not in the plan of the site
    NO_VALUE = "no-value"  # nothing in it that the sensor's role in the plan speaks of
    CLOCK = "clock"  # its date is missing a zone or lies in the future; taken as of its arrival
    SETTING = "setting"  # a setting of the bridge that care cannot do with


class Unreadable(msgspec.Struct, frozen=True, kw_only=True, tag="unreadable"):
    """A message that was not understood, or not wholly, kept for the installer as it came (its first 2,000 bytes)."""

    at: Instant  # when it arrived
    topic: str
    trouble: Trouble
    why: str  # one sentence: what, and what would be right
    payload: bytes = b""
    size: int = 0  # bytes of the whole payload


class Plan(msgspec.Struct, frozen=True, kw_only=True, tag="plan"):
    """What stands in the building, told to the centre at every change. Ids only; who lives there the centre knows."""

    at: Instant
    site: SiteId
    name: str  # of the site: "De Wilg"
    zone: str
    homes: tuple[Home, ...]
    devices: dict[SensorId, Print] = {}  # of each sensor that has one: that it is another device, the centre must see


class FellBack(msgspec.Struct, frozen=True, kw_only=True, tag="fell-back"):
    """The centre did not confirm an alert in time, so the building called for help by a way of its own."""

    at: Instant
    home: HomeId
    alert: AlertId
    channel: str  # what was used: "siren", "sms" ...
    took: bool | None = None  # whether it took the call, where it can say so; a siren cannot


class Outcome(StrEnum):
    """How an alert ended, the first of two taps."""

    HELPED = "helped"
    REASSURED = "reassured"
    NOT_NEEDED = "not-needed"
    TECHNICAL = "technical"


class How(StrEnum):
    """How that is known, the second tap."""

    ON_SITE = "on-site"
    VIDEO = "video"
    PHONE = "phone"
    FAMILY = "family"
    DOCTOR = "doctor"
    EMERGENCY = "112"
    CLIENT_SAID = "client-said"
    USUAL = "usual"
    VISITOR = "visitor"
    ACCIDENT = "accident"
    AWAY = "away"
    SENSOR = "sensor"
    BATTERY = "battery"
    LINK = "link"
    SETTING = "setting"


HOWS: dict[Outcome, tuple[How, ...]] = {
    Outcome.HELPED: (How.ON_SITE, How.VIDEO, How.FAMILY, How.DOCTOR, How.EMERGENCY),
    Outcome.REASSURED: (How.VIDEO, How.PHONE, How.CLIENT_SAID),
    Outcome.NOT_NEEDED: (How.USUAL, How.VISITOR, How.ACCIDENT, How.AWAY),
    Outcome.TECHNICAL: (How.SENSOR, How.BATTERY, How.LINK, How.SETTING),
}
"""Which second taps fit which first."""


class Delivered(msgspec.Struct, frozen=True, kw_only=True, tag="delivered"):
    """A person's screen has shown the alert."""

    at: Instant
    home: HomeId
    alert: AlertId
    screen: str


class Claimed(msgspec.Struct, frozen=True, kw_only=True, tag="claimed"):
    """Somebody has taken the alert upon them; `takeover` when that takes it from a colleague, knowingly."""

    at: Instant
    home: HomeId
    alert: AlertId
    by: StaffId
    takeover: bool = False


class Released(msgspec.Struct, frozen=True, kw_only=True, tag="released"):
    """Whoever had the alert gave it back."""

    at: Instant
    home: HomeId
    alert: AlertId
    by: StaffId


class Resolved(msgspec.Struct, frozen=True, kw_only=True, tag="resolved"):
    """The alert is closed, and this is how it ended."""

    at: Instant
    home: HomeId
    alert: AlertId
    by: StaffId
    outcome: Outcome
    how: How


class Follow(StrEnum):
    """What whoever has an alert does about it before it can be closed."""

    TALKING = "talking"  # in contact with the client
    COMING = "coming"  # somebody is on the way
    NOT_REACHED = "not-reached"  # the client did not answer, and somebody goes; never the end of an alert


class By(StrEnum):
    """By which way the client is spoken with, or who goes."""

    VIDEO = "video"
    PHONE = "phone"
    NIGHT_TEAM = "night-team"
    FAMILY = "family"
    NEIGHBOUR = "neighbour"
    EMERGENCY = "112"


FOLLOWS: dict[Follow, tuple[By, ...]] = {
    Follow.TALKING: (By.VIDEO, By.PHONE),
    Follow.COMING: (By.NIGHT_TEAM, By.FAMILY, By.NEIGHBOUR, By.EMERGENCY),
    Follow.NOT_REACHED: (By.NIGHT_TEAM, By.FAMILY, By.EMERGENCY),
}
"""Which second taps fit which first."""


class Followed(msgspec.Struct, frozen=True, kw_only=True, tag="followed"):
    """Something is being done about an alert: two people are never sent for one. Stays at the centre."""

    at: Instant
    home: HomeId
    alert: AlertId
    by: StaffId
    follow: Follow
    means: By
    there_at: Instant | None = None  # when somebody is expected there, if that was said


class Aside(StrEnum):
    """Why an alert that is not urgent is put aside for a while."""

    TEAM_INSIDE = "team-inside"
    VISITOR = "visitor"
    NO_CONTACT = "no-contact"  # the client wants none now
    KNOWN_FAULT = "known-fault"


class Shelved(msgspec.Struct, frozen=True, kw_only=True, tag="shelved"):
    """An alert is put aside, for a reason, until a moment at which it comes back by itself. Stays at the centre."""

    at: Instant
    home: HomeId
    alert: AlertId
    by: StaffId
    why: Aside
    until: Instant


class Unshelved(msgspec.Struct, frozen=True, kw_only=True, tag="unshelved"):
    """What was put aside is back: somebody took it back, or its time had come. Stays at the centre."""

    at: Instant
    home: HomeId
    alert: AlertId
    by: StaffId | None = None  # None: its time had come


class Lapsed(msgspec.Struct, frozen=True, kw_only=True, tag="lapsed"):
    """Whoever had an alert did nothing about it for long: it is open for everybody again. Stays at the centre."""

    at: Instant
    home: HomeId
    alert: AlertId
    by: StaffId  # who had it; told to them, and to nobody else


class Ranked(msgspec.Struct, frozen=True, array_like=True):
    """What one pool of home-nights says: from which score on an episode is told, and what that rests on."""

    threshold: float | None  # None: no score is enough, only the cap of the care plan speaks
    nights: int = 0  # home-nights it was ranked among
    kept: bool = False  # too few to know so rare a night by: the threshold is the one that was shipped
    ranks: tuple[tuple[float, float], ...] = ()  # share of nights at most, and the score that only they exceed
    at_worst: float | None = None  # share of nights that a threshold ranked so tells at most, 19 times in 20


class Teaching(msgspec.Struct, frozen=True, kw_only=True, tag="teaching"):
    """What homes like these have taught, for the homes of one site. Holds what was pooled, and nobody's nights.

    From the centre an order; a building that hears of no centre says it to itself.
    """

    at: Instant  # when the day was closed that it follows from
    site: SiteId
    pools: dict[str, Ranked]  # by `calibration.name`
    factor: float = 1.0  # of the controller: what all budgets are multiplied by


class SeenAndHeard(msgspec.Struct, frozen=True, kw_only=True, tag="seen-and-heard"):
    """At the start of a shift somebody said of a screen of the desk: I see this, and I hear it. Stays at the centre."""

    at: Instant
    screen: str
    by: StaffId


class HandedOver(msgspec.Struct, frozen=True, kw_only=True, tag="handed-over"):
    """Whoever comes has taken the desk over from whoever goes, and this is what was open. Stays at the centre."""

    at: Instant
    taken_by: StaffId
    given_by: StaffId | None = None  # None: nobody was there to hand over
    by_voice: bool = False  # spoken through as well
    note: str = ""  # what no record tells, in two sentences at most
    open: tuple[AlertId, ...] = ()
    aside: tuple[AlertId, ...] = ()


class Corrected(msgspec.Struct, frozen=True, kw_only=True, tag="corrected"):
    """Somebody says that a line of a report is not as it was. It stands beside the line. Stays at the centre."""

    at: Instant
    by: StaffId
    night: date  # of its evening
    about: str  # whose report: the centre's, a site's or a home's id
    line: int  # from 1
    text: str


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    """What is agreed with one resident: when a person is asked for, how often, what may wait, and what is not told."""

    limits: Limits = Limits()
    soon: tuple[str, ...] = ()  # kinds that may wait for `soon`
    off: tuple[str, ...] = ()  # kinds that are not told at all; never what is urgent
    budget: float = 1.0  # how often alerts may come that are not needed, of what is agreed for all (`budget.OWN`)


class BackTest(msgspec.Struct, frozen=True, kw_only=True, tag="back-test"):
    """The order to a building: look back what something else, agreed with a resident, would have given."""

    at: Instant
    home: HomeId
    id: BackTestId
    by: StaffId
    before: Agreed  # as whoever asked knew it
    proposed: Agreed
    nights: int = 28


class Would(msgspec.Struct, frozen=True, array_like=True):
    """When an alert comes under what is agreed, and as what."""

    at: Instant
    what: What
    urgent: bool


class Pair(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened: its alert under what is agreed now, and under what is proposed."""

    alert: AlertId
    was: Would | None = None  # None: it comes only with what is proposed
    would: Would | None = None  # None: it no longer comes
    needed: bool = False  # people closed it with: help was given


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What a building saw when it looked back: the same nights twice, by the same code, from the same beginning."""

    before: Agreed  # in force in the building when it looked back
    first: date  # evening of the first night
    nights: int
    was: int  # alerts as it is
    would: int  # alerts as proposed
    pairs: tuple[Pair, ...] = ()  # the first of them, by date
    since: Instant | None = None  # raw events are there from this moment only, and not for all those nights
    unheard: tuple[date, ...] = ()  # evenings of nights in which nothing was heard of the home
    apart: int = 0  # alerts for which help was given, and that looking back gives neither way
    expected: dict[What, tuple[Expected, Expected]] | None = None  # now, and with another budget; None: the same one


class Cannot(StrEnum):
    """Why a building could not look back."""

    NO_EVENTS = "no-events"  # it has nothing of those nights
    NO_HOME = "no-home"  # its plan has no such home
    TOO_MANY = "too-many"  # it has too many orders already
    FAILED = "failed"  # looking back ended in a mistake, or took too long


class BackTested(msgspec.Struct, frozen=True, kw_only=True, tag="back-tested"):
    """The building's answer to a `BackTest`: what it saw, or why it could not."""

    at: Instant
    home: HomeId
    id: BackTestId
    found: Comparison | None = None
    cannot: Cannot | None = None


class Ground(StrEnum):
    """Why something else is agreed. Chosen, not typed: a journal holds no names."""

    CARE_PLAN = "care-plan"
    CLIENT = "client"
    REPRESENTATIVE = "representative"
    TOO_MANY = "too-many"
    TOO_LATE = "too-late"
    FADING = "fading"
    OTHERWISE = "otherwise"  # things are different with the client now


class Untested(StrEnum):
    """Why something was changed without looking back first."""

    SILENT = "silent"  # the building was not heard
    UNANSWERED = "unanswered"  # it gave no answer: it may be too old to know the question
    CANNOT = "cannot"  # it said that it cannot


class Changed(msgspec.Struct, frozen=True, kw_only=True, tag="changed"):
    """The order to a building: from now on something else is agreed with a resident. With who, why, before and after.

    What differs between before and after counts; it holds until the plan of the site changes that very value.
    """

    at: Instant
    home: HomeId
    resident: ResidentId  # with whom it is agreed: it ends when somebody else comes to live there
    by: StaffId
    why: Ground
    before: Agreed
    after: Agreed
    asked: BackTestId  # what was looked back on first
    untested: Untested | None = None  # or why it could not be


class SecondPool(msgspec.Struct, frozen=True, kw_only=True, tag="second-pool"):
    """There is more to do than who is on duty can: the second pool was asked to help. Stays at the centre."""

    at: Instant
    by: StaffId


Order = Delivered | Claimed | Released | Resolved  # what people at the centre did, and the building hears of
Passing = (
    Passed | Skipped | Exhausted | Noticed | CalledOff | Arrived | Opened | Replied
)  # an alert on its way from one to the next
Deed = (
    Followed | Shelved | Unshelved | Lapsed | Passing
)  # what is done at the centre besides, and only it needs to know
Terms = (
    ChainAgreed | Consented | NotTonight | Proven | Wanted | FadingAnswered | Shared
)  # what people say at the centre; of no alert in particular
Telling = ToTell | Carried | Held | ToProve  # messages to people that no alert asks for
Pausing = Paused | PauseEnded
Measuring = MeasureAgreed | MeasureEnded
Agreeing = (
    BackTest | Changed | Pausing | Measuring | Forget
)  # what is asked or agreed at the centre about a home, and its building hears
Told = (
    Finding | Cleared | Withheld | Status | Summary | Plan | FellBack | BackTested | Walking | Walked | Forgot | Used
)  # what the building tells; raw events stay at home
Shift = SeenAndHeard | HandedOver | Corrected | SecondPool | NightCounted  # what is said of a shift; at the centre
Record = (
    SensorEvent
    | SensorSight
    | Described
    | Unreadable
    | Told
    | Order
    | Deed
    | Agreeing
    | Terms
    | Telling
    | Teaching
    | Shift
    | Account
)

HOMES_MAX = 200_000  # of a centre; that many are known at once by their site
CENTRE = "centre"  # the centre's name as a party to a link; a building's is its site id

_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
encode = msgspec.json.Encoder().encode


def decode(body: bytes | str) -> Record:
    """Read one record back. Raises `msgspec.DecodeError` or `msgspec.ValidationError` if it is none."""
    return _decoder.decode(body)


def tag_of(record: Record) -> str:
    """Return by what a kind of record is known on the wire."""
    tag = record.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


@functools.lru_cache(HOMES_MAX)  # asked of every home of the board at every change
def site_of(home: HomeId) -> SiteId:
    """Return the site that a home stands on."""
    return SiteId(home.partition("/")[0])


def addressee(record: Record) -> str | None:
    """Who besides this journal must have the record: the centre, a site, or nobody."""
    if isinstance(record, Told):
        return CENTRE
    if isinstance(record, Teaching):
        return record.site
    if isinstance(record, Order | Agreeing):
        return site_of(record.home)
    return None
