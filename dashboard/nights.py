"""The nights of one home as one picture: a row for each, or of a single night a lane for each thing that was seen.

Alike on every page: filled is seen, outlined is usual, hatched is no sight, dotted is paused. Geometry only; a
template draws it. What a building tells of a night is its watched hours, when the resident lay down and when they got
up; outside of these nothing is drawn, for nothing is known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property

import msgspec

from care.nights import Night, Usual, usual
from care.records import site_of
from care.sights import Stretch as Seen
from care.sights import last_nights, stretches
from care.wording import Wording, capital
from dashboard.glance import Glance
from detectors.calibration import LeftOut
from detectors.findings import Presence, Sight
from detectors.homes import WASHING, Home
from detectors.nights import Stay

CHOICES = (1, 7, 28)
AROUND = timedelta(hours=3)  # drawn before and after the watched hours: for who goes to bed early, or rises late
DOTS_MAX = 6  # visits drawn one by one
_JOINED = timedelta(minutes=2)  # a stay that ends so close to the edge of the watched hours goes on beyond it


@dataclass(frozen=True, slots=True)
class Size:
    """How large a picture is, in its own units."""

    look: str  # wide or narrow
    width: float
    label: float  # room for the names of the rows
    side: float  # room for figures on the right
    row: float
    gap: float
    top: float
    every: int  # hours between two figures on top


WIDE = {
    1: Size("wide", 900, 104, 0, row=26, gap=8, top=26, every=1),
    7: Size("wide", 900, 104, 190, row=22, gap=7, top=30, every=2),
    28: Size("wide", 900, 104, 190, row=13, gap=3, top=30, every=2),
}
NARROW = {
    1: Size("narrow", 372, 82, 0, row=20, gap=7, top=22, every=3),
    7: Size("narrow", 372, 66, 64, row=22, gap=8, top=26, every=4),
    28: Size("narrow", 372, 66, 64, row=14, gap=3, top=26, every=4),
}


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a row: `bed`, `up`, `bath`, `out` were seen; `usual` is usual; `blind`, `partly`, `paused` were not."""

    look: str
    x: float
    width: float
    y: float = 0.0  # from the top of the row
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One night, or one lane of it."""

    name: str
    y: float
    pieces: tuple[Piece, ...]
    doors: tuple[float, ...] = ()  # where the front door was gone through
    dots: int = 0  # visits to the bathroom
    exits: str = ""
    rose: str = ""
    weekend: bool = False
    latest: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """All that a template needs to draw."""

    size: Size
    height: float
    left: float
    right: float
    rows: tuple[Row, ...]
    hours: tuple[tuple[float, str], ...]
    usual: Piece | None  # over all rows
    now: float | None  # where the running night has come to
    title: str
    description: str


@dataclass(frozen=True)
class Album:
    """The last nights of one home, as many as were asked for."""

    plan: Home
    glance: Glance
    n: int = 7

    @property
    def choices(self) -> list[tuple[int, str, bool]]:
        """How many nights may be looked at: the number, in words, and whether these are shown."""
        counted = self.wording.words.ngettext
        return [(n, counted("{n} night", "{n} nights", n).format(n=n), n == self.n) for n in CHOICES]

    @property
    def pictures(self) -> list[Picture]:
        """The same nights, for a wide screen and for a narrow one."""
        return [self._drawn(sizes[self.n]) for sizes in (WIDE, NARROW)]

    @property
    def known(self) -> bool:
        """Whether anything was ever told of these nights."""
        begins = self.glance.board.sights.begins(self.plan.id)
        return begins is not None and begins < self._spans[-1][1]

    @cached_property
    def wording(self) -> Wording:
        return self.glance.wording_of(site_of(self.plan.id))

    @cached_property
    def _spans(self) -> list[tuple[datetime, datetime]]:
        spans = last_nights(self.plan.night, self.glance.now, self.n + 1)
        # Of one night alone the picture is the last that was summed up: of one that runs there is next to nothing yet.
        told = {one.night for one in self.glance.board.nights.of(self.plan.id)}
        if self.n == 1 and self._evening(spans[-1][0]) not in told and self._evening(spans[0][0]) in told:
            return spans[:1]
        return spans[-self.n :]

    @property
    def night(self) -> str:
        """Which night it is, where it is one alone."""
        return capital(self.wording.night(self._noon(self._evening(self._spans[-1][0])) + timedelta(hours=1)))

    @cached_property
    def _nights(self) -> list[Night | None]:
        every = {one.night: one for one in self.glance.board.nights.of(self.plan.id)}
        return [every.get(self._evening(start)) for start, _ in self._spans]

    @cached_property
    def _seen(self) -> list[tuple[Seen, ...]]:
        records = self.glance.board.sights.of(self.plan.id)
        now = self.glance.now
        return [stretches(records, self.plan, start, min(end, now)) for start, end in self._spans]

    @cached_property
    def _usual(self) -> Usual | None:
        """What is usual here, of all nights that are kept: also where only one is shown."""
        kept = self.glance.board.nights.of(self.plan.id)
        return usual(kept, {one.night: self._noon(one.night) for one in kept})

    def _evening(self, start: datetime) -> date:
        """Return the date that a night goes by: of the evening, also where its watched hours begin after midnight."""
        return self.plan.night.of(start)

    def _noon(self, night: date) -> datetime:
        return datetime.combine(night, time(12), tzinfo=self.wording.zone).astimezone(self.glance.now.tzinfo)

    def _drawn(self, size: Size) -> Picture:
        drawer = _Drawer(self, size)
        rows = tuple(drawer.lanes() if self.n == 1 else drawer.rows())
        bottom = size.top + len(rows) * (size.row + size.gap)
        return Picture(
            size=size,
            height=bottom + 2,
            left=size.label,
            right=size.width - size.side,
            rows=rows,
            hours=tuple(drawer.hours()),
            usual=drawer.usual(bottom - size.top - size.gap) if self.n > 1 else None,
            now=drawer.now() if self.n == 1 else None,
            title=self._title(),
            description=" ".join(self._described()),
        )

    def _title(self) -> str:
        start, end = self._spans[-1]
        said = self.wording.words.ngettext(
            "{n} night, from {start} to {end}", "{n} nights, each a row from {start} to {end}", self.n
        )
        return said.format(n=self.n, start=self.wording.time(start - AROUND), end=self.wording.time(end + AROUND))

    def _described(self) -> Iterator[str]:
        say, found = self.wording.say, self._usual
        if found is not None and found.to_bed is not None and found.rose is not None:
            bed, rose = (self._clock(minutes) for minutes in (found.to_bed, found.rose))
            yield say("Usually in bed about {bed} and up about {up}.").format(bed=bed, up=rose)
        told = next((one for one in reversed(self._nights) if one is not None), None)
        if told is not None:
            yield from self._of(told)
        unseen = sum(any(one.sight is not Sight.WATCHED for one in seen) for seen in self._seen)
        if unseen:
            counted = self.wording.words.ngettext(
                "{n} night was not wholly in sight.", "{n} nights were not wholly in sight.", unseen
            )
            yield counted.format(n=unseen)

    def _of(self, told: Night) -> Iterator[str]:
        """Tell the last night that is over, in words."""
        words = self.wording.words
        out = words.ngettext(
            "The last night: {n} time out of bed.", "The last night: {n} times out of bed.", told.exits
        )
        yield out.format(n=told.exits)
        to_bath = words.ngettext("{n} visit to the bathroom.", "{n} visits to the bathroom.", told.visits)
        yield to_bath.format(n=told.visits)

    def _clock(self, minutes: float) -> str:
        return f"{int(12 + minutes // 60) % 24:02}:{int(minutes % 60):02}"


class _Drawer:
    """Lays out the nights of an album in one size."""

    def __init__(self, album: Album, size: Size) -> None:
        self.album, self.size = album, size
        self.say, self.wording = album.wording.say, album.wording

    def rows(self) -> Iterator[Row]:
        """Yield a row for each night, the oldest first."""
        size, album = self.size, self.album
        for place, (span, told, seen) in enumerate(zip(album._spans, album._nights, album._seen, strict=True)):
            start, end = span
            evening = album._evening(start)
            stays = self._stays(told, start, end)
            pieces = [self._stay(one, span) for one in stays if one.what is not Presence.UNKNOWN]
            pieces += self._unseen(seen, span)
            yield Row(
                name=self.wording.date(album._noon(evening)),
                y=size.top + place * (size.row + size.gap),
                pieces=tuple(pieces),
                doors=tuple(self._doors(stays, span)),
                dots=min(told.visits, DOTS_MAX) if told is not None else 0,
                exits="" if told is None else f"{told.exits}{'+' * (told.left_out is LeftOut.OUTAGE)}",
                rose=self.wording.time(told.rose) if told is not None and told.rose is not None else "",
                weekend=evening.weekday() in {4, 5},
                latest=place == len(album._spans) - 1,
            )

    def lanes(self) -> Iterator[Row]:
        """Yield a lane for each thing that was seen in the one night."""
        size, album = self.size, self.album
        [span], [told], [seen] = album._spans, album._nights, album._seen
        stays = self._stays(told, *span)
        looks = {
            "bed": self.say("In bed"),
            "bath": self.say("Bathroom"),
            "up": self.say("Up"),
            "out": self.say("Away"),
        }
        lanes: list[tuple[str, list[Piece]]] = [
            (name, [self._full(one, span) for one in stays if self._look(one) == look]) for look, name in looks.items()
        ]
        usual_bed = self.usual(size.row)
        lanes[0][1].extend([usual_bed] if usual_bed is not None else [])
        lanes.append((self.say("Sight"), [self._watched(one, span) for one in seen]))
        for place, (name, pieces) in enumerate(lanes):
            yield Row(
                name=name,
                y=size.top + place * (size.row + size.gap),
                pieces=tuple(pieces),
                doors=tuple(self._doors(stays, span)) if name == looks["out"] else (),
            )

    def hours(self) -> Iterator[tuple[float, str]]:
        """Yield figures over the rows, by the clock of the newest night."""
        start, end = self.album._spans[-1]
        local = (start - AROUND).astimezone(self.wording.zone)
        at = (local + timedelta(hours=1)).replace(minute=0, second=0).astimezone(start.tzinfo)
        while at < end + AROUND:
            hour = at.astimezone(self.wording.zone)
            if hour.hour % self.size.every == 0:
                yield self._x(at, (start, end)), f"{hour:%H}"
            at += timedelta(hours=1)

    def usual(self, height: float) -> Piece | None:
        """Return from when until when the resident is usually in bed."""
        found, span = self.album._usual, self.album._spans[-1]
        if found is None or found.to_bed is None or found.rose is None:
            return None
        noon = self.album._noon(self.album._evening(span[0]))
        x = self._x(noon + timedelta(minutes=found.to_bed), span)
        to = self._x(noon + timedelta(minutes=found.rose), span)
        return Piece("usual", x, round(max(0.0, to - x), 1), 0, height)

    def now(self) -> float | None:
        """Return where the running night has come to."""
        start, end = self.album._spans[-1]
        return self._x(self.album.glance.now, (start, end)) if self.album.glance.now < end else None

    def _x(self, at: datetime, span: tuple[datetime, datetime]) -> float:
        start, end = span[0] - AROUND, span[1] + AROUND
        left, right = self.size.label, self.size.width - self.size.side
        return round(left + (right - left) * min(1.0, max(0.0, (at - start) / (end - start))), 1)

    def _stays(self, told: Night | None, start: datetime, end: datetime) -> list[Stay]:
        """Return where the resident was; in bed also before and after the watched hours, as far as that is known."""
        if told is None:
            return []
        stays = list(told.stays)
        if stays and stays[0].what is Presence.BED and stays[0].start - start <= _JOINED:
            stays[0] = msgspec.structs.replace(stays[0], start=min(stays[0].start, told.to_bed or start))
        if stays and stays[-1].what is Presence.BED and end - stays[-1].end <= _JOINED:
            stays[-1] = msgspec.structs.replace(stays[-1], end=max(stays[-1].end, told.rose or end))
        return stays

    def _look(self, stay: Stay) -> str:
        if stay.what is Presence.UP:
            return "bath" if self.album.plan.kind_of(stay.room) in WASHING else "up"
        return {Presence.BED: "bed", Presence.OUT: "out"}.get(stay.what, "unknown")

    def _stay(self, stay: Stay, span: tuple[datetime, datetime]) -> Piece:
        """Draw a stay in the row of its night: in bed fills it, what is short stays to be seen."""
        look, height = self._look(stay), self.size.row
        part = {"bed": 1.0, "out": 1.0, "bath": 0.7, "up": 0.25}[look]
        x = self._x(stay.start, span)
        width = max(2.0, round(self._x(stay.end, span) - x, 1))
        return Piece(look, x, width, round(height * (1 - part) / 2, 1), round(height * part, 1))

    def _full(self, stay: Stay, span: tuple[datetime, datetime]) -> Piece:
        x = self._x(stay.start, span)
        return Piece(self._look(stay), x, max(2.0, round(self._x(stay.end, span) - x, 1)), 0, self.size.row)

    def _unseen(self, seen: Sequence[Seen], span: tuple[datetime, datetime]) -> Iterator[Piece]:
        for one in seen:
            if one.sight is not Sight.WATCHED:
                yield self._watched(one, span)

    def _watched(self, one: Seen, span: tuple[datetime, datetime]) -> Piece:
        look = "seen" if one.sight is Sight.WATCHED else one.sight.value
        x = self._x(one.start, span)
        low = self.size.row / 2 if one.sight is Sight.PARTLY else 0.0
        return Piece(look, x, max(1.5, round(self._x(one.end, span) - x, 1)), low, self.size.row - low)

    def _doors(self, stays: Sequence[Stay], span: tuple[datetime, datetime]) -> Iterator[float]:
        """Yield where somebody went out, and where they came home."""
        for one in stays:
            if one.what is Presence.OUT:
                yield from (self._x(at, span) for at in (one.start, one.end) if span[0] < at < span[1])
