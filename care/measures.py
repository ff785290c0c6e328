"""A measure: that something in a home is watched at all. What for, on which ground, who agreed, and until when.

Watching somebody over can be involuntary care (Wet zorg en dwang): no, unless; at home too, for each person and each
thing that watches, with a day on which it is looked at again. Without a new word it ends on that day by itself: the
building does not listen any more (decision 0028). Orders of the centre to a building, and the same fold on both sides.
A help button is the resident's own call, and no measure.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from care.ids import Asker, StaffId
from detectors.homes import Home, HomeId, Instant, Kind, ResidentId, SensorId

WATCHING = (Kind.BED, Kind.MOTION, Kind.DOOR, Kind.USE)
"""What watches somebody, each by itself to be agreed."""

WARNED = timedelta(weeks=6)  # before a measure ends by itself, those who can agree it anew are told
KEPT_MAX = 50  # records of one home, the newest


class Purpose(StrEnum):
    """What for. Chosen, not typed: a journal holds no names."""

    HELP = "help"  # that help comes in time
    REST = "rest"  # that nobody need come in to look
    WANDERING = "wandering"  # that whoever goes out at night is not lost
    CHANGE = "change"  # that what changes slowly is seen
    OWN_HOME = "own-home"  # that somebody can go on living here: it makes freedom larger


class Basis(StrEnum):
    """By what right: what was agreed, or a term of the steps that the Wzd has for what was not (articles 10 to 11a)."""

    AGREED = "agreed"
    WZD_FIRST = "wzd-first"
    WZD_LONGER = "wzd-longer"  # with somebody who is not involved
    WZD_OUTSIDE = "wzd-outside"  # with somebody of outside the organisation


LONGEST: dict[Basis, timedelta] = {
    Basis.AGREED: timedelta(days=366),
    Basis.WZD_FIRST: timedelta(days=92),
    Basis.WZD_LONGER: timedelta(days=92),
    Basis.WZD_OUTSIDE: timedelta(days=183),
}
"""By when it must be looked at again."""


class Consenting(StrEnum):
    """Who agreed."""

    CLIENT = "client"
    REPRESENTATIVE = "representative"
    BOTH = "both"
    NOBODY = "nobody"  # involuntary: those who are responsible decided it in the steps of the Wzd


class Ending(StrEnum):
    """Why a measure was ended before its day."""

    CLIENT = "client"  # the client, or who speaks for them, does not want it any more
    NOT_NEEDED = "not-needed"
    OTHERWISE = "otherwise"  # something that weighs less does as well


class MeasureAgreed(msgspec.Struct, frozen=True, kw_only=True, tag="measure-agreed"):
    """The order to a building: these kinds of sensors may be listened to in a home, until then."""

    at: Instant
    home: HomeId
    resident: ResidentId  # whose it is: it ends when somebody else comes to live there
    kinds: tuple[Kind, ...]
    purpose: Purpose
    basis: Basis
    consenting: Consenting
    by: StaffId  # who wrote it down
    review: Instant  # until when, without a new word


class MeasureEnded(msgspec.Struct, frozen=True, kw_only=True, tag="measure-ended"):
    """The order to a building: do not listen to these kinds of sensors in a home any more."""

    at: Instant
    home: HomeId
    resident: ResidentId
    kinds: tuple[Kind, ...]
    by: StaffId
    why: Ending


class FadingAnswered(msgspec.Struct, frozen=True, kw_only=True, tag="fading-answered"):
    """The resident or the care team said whether less is wanted. It changes nothing by itself. Stays at the centre."""

    at: Instant
    home: HomeId
    resident: ResidentId
    by: Asker  # a member of staff, or the resident themself (`chains.RESIDENT`)
    wanted: bool


class Wrong(StrEnum):
    """What is wrong with a measure that was to be agreed."""

    NOTHING = "nothing"  # it is about nothing, or about what can be no measure
    OVER = "over"
    TOO_LONG = "too-long"  # longer than `LONGEST`
    CONSENT = "consent"  # agreed by nobody, or involuntary and agreed
    RESIDENT = "resident"


class NotAllowed(ValueError):
    """A measure that cannot be agreed so: what is wrong, by its name in `Wrong`."""

    def __init__(self, wrong: Wrong) -> None:
        super().__init__(wrong.value)
        self.wrong = wrong


def wrong_with(said: MeasureAgreed, home: Home) -> Wrong | None:  # one line for each
    """Return what is wrong with a measure, if anything is: whoever carries it out asks, too."""
    if said.resident != home.resident:
        return Wrong.RESIDENT
    if not said.kinds or not {*WATCHING}.issuperset(said.kinds):
        return Wrong.NOTHING
    if said.review <= said.at:
        return Wrong.OVER
    if said.review - said.at > LONGEST[said.basis]:
        return Wrong.TOO_LONG
    if (said.basis is Basis.AGREED) != (said.consenting is not Consenting.NOBODY):
        return Wrong.CONSENT
    return None


def agreed(  # as many as there are things to say
    home: Home,
    by: StaffId,
    at: datetime,
    *,
    kinds: Collection[Kind],
    purpose: Purpose,
    basis: Basis,
    consenting: Consenting,
    review: datetime,
) -> MeasureAgreed:
    """Return the order that some kinds of sensors of a home may be listened to. Raises `NotAllowed`."""
    said = MeasureAgreed(
        at=at,
        home=home.id,
        resident=home.resident,
        kinds=tuple(one for one in WATCHING if one in kinds),
        purpose=purpose,
        basis=basis,
        consenting=consenting,
        by=by,
        review=review,
    )
    wrong = wrong_with(said, home)
    if wrong is not None:
        raise NotAllowed(wrong)
    return said


class Holding(StrEnum):
    """How one measure stands."""

    HOLDS = "holds"
    DUE = "due"  # it holds, and ends soon without a new word
    OVER = "over"  # its day has passed
    ENDED = "ended"
    NEVER = "never"  # others were agreed for this home, and this one was not


class Measure(msgspec.Struct, frozen=True):
    """What is last said of one kind of sensor in a home."""

    kind: Kind
    agreed: MeasureAgreed | None = None
    ended: MeasureEnded | None = None

    def holding(self, at: datetime) -> Holding:
        """Return how it stands at an instant."""
        if self.agreed is None:
            return Holding.NEVER
        if self.ended is not None:
            return Holding.ENDED
        if at >= self.agreed.review:
            return Holding.OVER
        return Holding.DUE if at >= self.agreed.review - WARNED else Holding.HOLDS

    def allows(self, at: datetime) -> bool:
        """Whether these sensors may be listened to."""
        return self.holding(at) in {Holding.HOLDS, Holding.DUE}


class Measures(msgspec.Struct):
    """What was agreed of every home, as the records say. Changed only by `add`; the building keeps one, too.

    A home of which nothing was ever agreed is watched as its plan says, and is said to lack a ground: it was watched
    before anybody asked for one. With the first measure of whoever lives there, what has none is not listened to.
    """

    said: dict[HomeId, list[MeasureAgreed | MeasureEnded]] = {}
    less: dict[HomeId, FadingAnswered] = {}  # the last answer to whether there may be less

    def add(self, record: object) -> bool:
        """Take in one record of a journal; return whether it is about a measure."""
        if isinstance(record, FadingAnswered):
            self.less[record.home] = record
            return True
        if not isinstance(record, MeasureAgreed | MeasureEnded):
            return False
        of = self.said.get(record.home, [])
        if of and of[-1].resident != record.resident:
            of = []
        self.said[record.home] = _needed([*of, record])
        return True

    def forget_others(self, home: Home) -> None:
        """Drop what was said of whoever lived in a home before."""
        left = [one for one in self.said.get(home.id, ()) if one.resident == home.resident]
        self.said.pop(home.id, None)
        if left:
            self.said[home.id] = left
        if home.id in self.less and self.less[home.id].resident != home.resident:
            del self.less[home.id]

    def of(self, home: Home) -> tuple[Measure, ...]:
        """Return what is last said of each kind of sensor that a home has; nothing where nothing ever was."""
        said = [one for one in self.said.get(home.id, ()) if one.resident == home.resident]
        if not said:
            return ()
        found = {kind: Measure(kind) for kind in WATCHING if any(one.kind is kind for one in home.sensors)}
        for one in said:
            for kind in {*one.kinds} & found.keys():
                before = found[kind]
                found[kind] = (
                    Measure(kind, one) if isinstance(one, MeasureAgreed) else Measure(kind, before.agreed, one)
                )
        return tuple(found.values())

    def history(self, home: Home) -> list[MeasureAgreed | MeasureEnded]:
        """Return what was said of whoever lives in a home now, the newest first."""
        return [one for one in self.said.get(home.id, ()) if one.resident == home.resident][::-1]

    def answer(self, home: Home) -> FadingAnswered | None:
        """Return what whoever lives in a home, or the care team, last said of watching less."""
        said = self.less.get(home.id)
        return said if said is not None and said.resident == home.resident else None

    def barred(self, home: Home, at: datetime) -> tuple[SensorId, ...]:
        """Return the sensors of a home that may not be listened to at an instant."""
        kinds = {one.kind for one in self.of(home) if not one.allows(at)}
        return tuple(one.id for one in home.sensors if one.kind in kinds)

    def next_end(self, homes: Iterable[Home], at: datetime) -> datetime | None:
        """Return when the next of these homes' measures ends by itself, after an instant."""
        days = [
            one.agreed.review
            for home in homes
            if home.id in self.said
            for one in self.of(home)
            if one.agreed is not None and one.ended is None and one.agreed.review > at
        ]
        return min(days, default=None)


def _needed(said: list[MeasureAgreed | MeasureEnded]) -> list[MeasureAgreed | MeasureEnded]:
    """Return the newest records of a home, and those before them on which how something stands rests."""
    if len(said) <= KEPT_MAX:
        return said
    kept, known = said[-KEPT_MAX:], set[tuple[Kind, bool]]()
    for one in kept:
        known |= {(kind, isinstance(one, MeasureAgreed)) for kind in one.kinds}
    older = list[MeasureAgreed | MeasureEnded]()
    for one in said[:-KEPT_MAX][::-1]:
        new = {(kind, isinstance(one, MeasureAgreed)) for kind in one.kinds} - known
        if new:
            older.insert(0, one)
            known |= new
    return older + kept
