"""What a home costs to watch, as it is drawn and written into a file: measured figures, and one estimate, called so.

A day without a record is a gap on the picture and an empty row in the file; it counts for nothing.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from urllib.parse import urlencode

from babel.numbers import format_decimal

from care.board import Board
from care.language import mark
from care.records import CENTRE
from care.upkeep import AMOUNTS, DAY_S, KEPT, Day, each
from dashboard.glance import Glance
from detectors.homes import SiteId

WEEKS = 8  # that are looked at, unless others are asked for
WATT = 3.1
"""Of a gateway, if nobody says what theirs takes: a Raspberry Pi 4 that idles, 0.6 A at 5.1 V.

Source: "Power supply" in the maker's documentation of Raspberry Pi computers.
"""
_WIDE, _TALL, _FOOT = 600.0, 110.0, 22.0  # of a picture, and of the dates below it
_MB = 1e6

SECONDS, MEGABYTES = mark("s"), mark("MB")
ROWS: tuple[tuple[str, str, str, float], ...] = (
    (mark("Processor time, in the building"), "cpu_s", SECONDS, 1.0),
    (mark("Heard of sensors"), "sensors_bytes", MEGABYTES, _MB),
    (mark("Sent to the centre"), "sent_bytes", MEGABYTES, _MB),
    (mark("Received from the centre"), "heard_bytes", MEGABYTES, _MB),
    (mark("Written to disk, in the building"), "written_bytes", MEGABYTES, _MB),
    (mark("Batteries replaced"), "batteries", "", 1.0),
)
OF_CENTRE: tuple[tuple[str, str, str, float], ...] = (
    (mark("Processor time, at the centre"), "cpu_s", SECONDS, 1.0),
    (mark("Written to disk, at the centre"), "written_bytes", MEGABYTES, _MB),
)
DRAWN = ("cpu_s", "sent_bytes", "written_bytes")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: for one home and day, and all together."""

    label: str
    each: str
    total: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One day on a picture; a gap if nobody told of it."""

    x: float
    width: float
    tall: float
    gap: bool
    label: str  # below it, on Mondays


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure day by day."""

    name: str
    title: str
    said: str
    bars: tuple[Bar, ...]


class Costs:
    """What some buildings took over some days, in the reader's language."""

    def __init__(
        self, glance: Glance, site: SiteId | None, first: date | None, last: date | None, watt: float | None
    ) -> None:
        self._glance = glance
        self.site = site
        newest = glance.now.astimezone(glance.wording.zone).date() - timedelta(days=1)  # today is not over
        self.last = min(last, newest) if last is not None else newest
        self.first = first if first is not None else self.last - timedelta(weeks=WEEKS) + timedelta(days=1)
        self.first = min(self.last, max(self.first, self.last - timedelta(days=KEPT - 1)))
        self.watt = WATT if watt is None else watt

    @property
    def _board(self) -> Board:
        return self._glance.board

    @cached_property
    def _sites(self) -> list[SiteId]:
        return [self.site] if self.site is not None else list(self._board.plans)

    @cached_property
    def _days(self) -> list[Day]:
        return self._board.upkeep.between(self._sites, self.first, self.last)

    @cached_property
    def _of_centre(self) -> list[Day]:
        return self._board.upkeep.between([SiteId(CENTRE)], self.first, self.last)

    @cached_property
    def _dates(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    # What it is about.

    @property
    def of_whom(self) -> str:
        return self._board.plans[self.site].name if self.site is not None else self._glance.say("all buildings")

    @property
    def known(self) -> bool:
        return any(day.home_days for day in self._days)

    @property
    def measured(self) -> str:
        """How much it rests on, and of how much there is nothing."""
        every = len(self._dates) * len(self._sites)
        said = self._glance.say(
            "{homes} days of homes were measured. Of {gaps} of {every} days of buildings there is no figure: "
            "they count for nothing, and not as zero."
        )
        homes = self._amount(sum(day.home_days for day in self._days))
        return said.format(homes=homes, gaps=every - len(self._days), every=every)

    @property
    def sites(self) -> list[tuple[str, str, bool]]:
        """The buildings to choose from: address, name, whether it is the one."""
        every = [("", self._glance.say("all buildings"))]
        every += [(str(plan.site), plan.name) for plan in self._glance.plans]
        return [(self._href("/upkeep", site), name, site == (self.site or "")) for site, name in every]

    @property
    def file(self) -> str:
        """Where the same is as a file."""
        return self._href("/upkeep/file", self.site or "")

    def _href(self, path: str, site: str) -> str:
        asked = {"site": site, "first": self.first.isoformat(), "last": self.last.isoformat()}
        if path == "/upkeep" and self.watt != WATT:
            asked["watt"] = f"{self.watt:g}"
        return f"{path}?{urlencode({name: value for name, value in asked.items() if value})}"

    # What it came to.

    @property
    def rows(self) -> list[Row]:
        """Every figure; of what nobody measured, that."""
        own = [self._row(*one, self._days) for one in ROWS]
        return own + [self._row(*one, self._of_centre, total=False) for one in OF_CENTRE]

    def _row(self, label: str, name: str, unit: str, per: float, days: list[Day], *, total: bool = True) -> Row:
        say = self._glance.say
        value, known = each(days, name), [day for day in days if getattr(day, name) is not None]
        if value is None:
            return Row(say(label), say("not measured"), say("not measured"))
        unit = say(unit) if unit else ""
        whole = f"{self._amount(sum(getattr(day, name) for day in known) / per)} {unit}".strip() if total else ""
        return Row(say(label), f"{self._amount(value / per)} {unit}".strip(), whole)

    @property
    def batteries(self) -> str:
        """Among how many sensors batteries were counted."""
        newest = {day.site: day.levels for day in self._days}
        said = self._glance.say(
            "Batteries are counted among {n} sensors that say in percent how full theirs is: one that was half empty "
            "and then is much fuller was replaced. A cold battery that recovers can be counted too; one that is "
            "replaced early is not."
        )
        return said.format(n=sum(newest.values()))

    @property
    def energy(self) -> str:
        """An estimate, with what it assumes."""
        say, homes = self._glance.say, sum(day.home_days for day in self._days)
        if not homes:
            return ""
        hours = 24 * sum(day.measured_s / DAY_S for day in self._days)
        said = say("About {wh} Wh for one home and day: {watt} W for the gateway, shared by the homes of its building.")
        return said.format(wh=self._amount(self.watt * hours / homes), watt=self._amount(self.watt))

    @property
    def assumption(self) -> str:
        """Whose figure the power is: nobody measures it here."""
        say = self._glance.say
        source = (
            say("3.1 W is a Raspberry Pi 4 that idles: 0.6 A at 5.1 V, by the documentation of its maker.")
            if self.watt == WATT
            else say("This power was filled in by the reader.")
        )
        left = say("It is not measured here. Sensors, network and the centre are not in it.")
        return f"{source} {left}"

    @cached_property
    def pictures(self) -> list[Picture]:
        """Day by day, what there is of it."""
        by_day = defaultdict[date, list[Day]](list)
        for day in self._days:
            by_day[day.day].append(day)
        titles = {name: (label, unit, per) for label, name, unit, per in ROWS}
        return [self._picture(name, *titles[name], by_day) for name in DRAWN]

    def _picture(self, name: str, label: str, unit: str, per: float, by_day: dict[date, list[Day]]) -> Picture:
        say = self._glance.say
        values = [(day, each(by_day.get(day, ()), name)) for day in self._dates]
        known = [value / per for _, value in values if value is not None]
        top, width = max(known, default=0.0) or 1.0, _WIDE / len(values)
        bars = tuple(
            Bar(
                x=round(number * width, 1),
                width=round(max(1.0, width - 2), 1),
                tall=round((value or 0.0) / per / top * (_TALL - _FOOT - 6), 1),
                gap=value is None,
                label=f"{day.day}-{day.month}" if day.weekday() == 0 else "",
            )
            for number, (day, value) in enumerate(values)
        )
        gaps = len(values) - len(known)
        title = say("{label}: {unit} for one home, day by day").format(label=say(label), unit=say(unit))
        if not known:
            return Picture(name, title, say("not measured"), bars)
        said = say("Between {low} and {high} {unit}; of {gaps} days there is no figure.")
        low, high = self._amount(min(known)), self._amount(max(known))
        return Picture(name, title, said.format(low=low, high=high, unit=say(unit), gaps=gaps), bars)

    @property
    def canvas(self) -> tuple[float, float, float]:
        """Width and height of a picture, and how much of that is for dates."""
        return _WIDE, _TALL, _FOOT

    def _amount(self, value: float) -> str:
        return str(format_decimal(value, format="@##", locale=self._glance.language))

    # As a file.

    def as_csv(self) -> str:
        """Return a row for every building and day, of the centre too, as CSV (RFC 4180): exact, and empty for a gap."""
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow(("site", "day", "homes", "measured_s", *AMOUNTS, "levels"))
        writer.writerows(self._lines())
        return file.getvalue()

    def _lines(self) -> Iterator[list[str]]:
        known = {(one.site, one.day): one for one in (*self._days, *self._of_centre)}
        said: Callable[[object], str] = lambda value: "" if value is None else str(value)  # noqa: E731
        for site in (*sorted(self._sites), SiteId(CENTRE)):
            for day in self._dates:
                one = known.get((site, day))
                names = ("homes", "measured_s", *AMOUNTS, "levels")
                yield [site, day.isoformat(), *(said(getattr(one, name, None)) for name in names)]
