"""Shifts of the night desk, and whether a screen was proven at the start of one: by a person, who saw and heard it.

Nothing in the machine can tell that a screen is lit and a loudspeaker is on. So at the start of each shift whoever
sits there is asked for one tap. Computed from records, as everything is.
"""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from care.ids import StaffId
from care.records import Record, SeenAndHeard

STARTS = (time(7), time(15), time(22))  # when shifts begin, by the clock on the wall
EARLY = timedelta(minutes=30)  # who taps so long before it, at the hand-over, has done so for the shift that begins
SCREENS_MAX = 2_000


class Shifts:
    """The last that was said of every screen. Changed only by `add`."""

    def __init__(self) -> None:
        self._said: dict[str, SeenAndHeard] = {}  # by screen, the one longest ago first

    def add(self, record: Record) -> None:
        """Take in one record of the journal."""
        if not isinstance(record, SeenAndHeard):
            return
        known = self._said.pop(record.screen, record)
        self._said[record.screen] = max(known, record, key=lambda one: one.at)
        if len(self._said) > SCREENS_MAX:
            del self._said[next(iter(self._said))]

    def proven_at(self, screen: str, now: datetime, zone: ZoneInfo, *, by: StaffId | None = None) -> datetime | None:
        """Return when a screen was seen and heard in the shift that runs, by this person or else by anybody."""
        said = self._said.get(screen)
        if said is None or by not in {None, said.by} or said.at < began(now, zone) - EARLY:
            return None
        return said.at

    def seated(self, since: datetime) -> list[StaffId]:
        """Return who has said so of any screen since a moment, whoever did last first."""
        said = sorted((one for one in self._said.values() if one.at >= since), key=lambda one: one.at, reverse=True)
        return list(dict.fromkeys(one.by for one in said))

    def prove(self, screen: str, by: StaffId, now: datetime, zone: ZoneInfo) -> tuple[SeenAndHeard, ...]:
        """Return what to write down when somebody says so; nothing if they have said it already."""
        if self.proven_at(screen, now, zone, by=by) is not None:
            return ()
        return (SeenAndHeard(at=now, screen=screen, by=by),)


def ends(now: datetime, zone: ZoneInfo) -> datetime:
    """Return when the shift that runs ends.

    >>> ends(datetime.fromisoformat("2026-03-03T01:00:00+00:00"), ZoneInfo("Europe/Amsterdam")).isoformat()
    '2026-03-03T07:00:00+01:00'
    """
    local = now.astimezone(zone)
    days = (local.date(), local.date() + timedelta(days=1))
    return min(end for day in days for start in STARTS if (end := datetime.combine(day, start, tzinfo=zone)) > now)


def began(now: datetime, zone: ZoneInfo) -> datetime:
    """Return when the shift that runs began.

    >>> began(datetime.fromisoformat("2026-03-03T01:00:00+00:00"), ZoneInfo("Europe/Amsterdam")).isoformat()
    '2026-03-02T22:00:00+01:00'
    """
    local = now.astimezone(zone)
    days = (local.date() - timedelta(days=1), local.date())
    starts = [datetime.combine(day, start, tzinfo=zone) for day in days for start in STARTS]
    return max(start for start in starts if start.astimezone(now.tzinfo) <= now)
