"""All that is remembered of one home between two moments, and what of it may hold when its resident was away or moved.

To whoever calls, a `Vigil` is a value: `detectors.vigil` copies the one it is given, and works on that copy.
"""

import copy

import msgspec

from detectors import calibration, clock_times, company, day_inactivity, late_rise, lessons, reviews
from detectors.clock_times import ClockTimes
from detectors.company import Company
from detectors.findings import Mark, Status, What
from detectors.health import Health
from detectors.homes import Home, Instant, ResidentId, SensorId
from detectors.lessons import Lesson
from detectors.moments import SensorEvent
from detectors.nights import Diary, Learned
from detectors.reviews import Reviews
from detectors.whereabouts import Whereabouts


class Telling(msgspec.Struct, frozen=True, array_like=True):
    """An episode that was told and is not over."""

    what: What
    since: Instant
    began: Instant
    count: int


class Running(msgspec.Struct, frozen=True, array_like=True):
    """An episode that has begun and is not over, and when it will be told."""

    since: Instant
    due: Instant  # at the limit agreed, or sooner where it is long for this home
    lesson: str


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """An episode that was told because it was long for this home, of which somebody may say that it was usual."""

    lesson: str
    detector: str
    what: What
    since: Instant
    began: Instant
    until: Instant | None = None  # None: it is running
    vouched: bool = False  # usual, it was said while it was running


class Vigil(msgspec.Struct, omit_defaults=True):
    """All that is remembered of one home between two moments."""

    resident: ResidentId | None = None  # whose home it is; None: was not noted
    view: Whereabouts = Whereabouts()
    settled: Whereabouts = Whereabouts()
    settled_to: Instant | None = None
    next_due: Instant | None = None  # when time alone next changes the settled reading or makes it tell something
    told: dict[str, Telling] = {}  # by detector
    running: dict[str, Running] = {}  # by detector, for those that learn
    lessons: dict[str, Lesson] = {}  # by name of the lesson
    asked: tuple[Asked, ...] = ()  # lately, oldest first
    night_seen: Instant | None = None  # the last sign of somebody in a watched night
    diary: Diary = Diary()  # of the running night and the day after it
    highest: dict[str, float] = {}  # its most unusual finished episode, by detector
    episodes: tuple[Learned, ...] = ()  # what it taught
    day: day_inactivity.Known = day_inactivity.Known()  # silences by day
    company: Company = Company()  # who else is there, as far as two rooms at once tell
    rises: ClockTimes = ClockTimes()  # when the resident gets up for the day
    reviews: Reviews = Reviews()  # what is for the morning
    rising: float | None = None  # hours before the end of the night from when on getting up may be for the day
    pending: tuple[SensorEvent, ...] = ()  # arrived and not settled, in the order of their dates
    burst_began: Instant | None = None  # arrival of the first late event that waits
    burst_ends: Instant | None = None
    marks: tuple[Mark, ...] = ()
    silent: dict[SensorId, str] = {}  # sensors that are said to be unheard, and why
    health: Health = Health()  # of the sensors, by what they themselves say
    blind: dict[SensorId, str] = {}  # both: sensors that say nothing about the resident now, and why
    status: Status | None = None  # as last told
    unwatched: dict[str, Instant] = {}  # until when a pause kept each kind of alert from coming, the last time


def come_back(vigil: Vigil) -> None:
    """Keep of what is usual here what may still hold after weeks away (4.11). Changes the vigil it is given."""
    vigil.lessons = {name: lessons.after_absence(lesson) for name, lesson in vigil.lessons.items()}
    vigil.day = day_inactivity.after_absence(vigil.day)
    vigil.rises = clock_times.after_absence(vigil.rises)
    vigil.rising = late_rise.rising_from(vigil.rises)
    vigil.reviews = reviews.after_absence(vigil.reviews)
    vigil.diary = msgspec.structs.replace(vigil.diary, age=calibration.after_absence(vigil.diary.age))


def in_the_home_of(home: Home, vigil: Vigil | None, moved_from: Vigil | None = None) -> Vigil:
    """Return the vigil of a home for the resident its plan names now; `vigil` is what is remembered of the home.

    Whoever is new is not judged by the nights of whoever lived there before. Who moved within the building
    (`moved_from`) brings along what may hold in another home too (4.11).
    """
    if vigil is not None and vigil.resident in {None, home.resident}:
        same = copy.copy(vigil)
        same.resident = home.resident
        return same
    new = Vigil(resident=home.resident)
    if vigil is not None:
        # What sensors and rooms themselves are like stays, and so does what is told of the home until it is said to be
        # over.
        new.told, new.silent, new.health, new.blind = vigil.told, vigil.silent, vigil.health, vigil.blind
        new.company = company.of_the_home(vigil.company)
    if moved_from is not None:
        new.lessons, new.day, new.rises = moved_from.lessons, moved_from.day, moved_from.rises
        new.diary = Diary(age=moved_from.diary.age)
        new.reviews = reviews.after_a_move(moved_from.reviews)
        come_back(new)
    return new


def learned(vigil: Vigil, nights: int) -> Vigil:
    """Return a vigil that knows what has been learned of a home and nothing of how it stands, to relive nights with."""
    return Vigil(
        resident=vigil.resident,
        lessons=vigil.lessons,
        day=msgspec.structs.replace(vigil.day, hour_ends=None),
        rises=vigil.rises,
        rising=vigil.rising,
        reviews=vigil.reviews,
        diary=Diary(age=max(0, vigil.diary.age - nights)),
    )
