"""Whole buildings as the centre hears them: what must be written down of one that falls silent, or is heard again.

A building tells what is the matter with it; that it cannot tell, only the centre can. Everything here is a function
of the board, of the signs of life as they stand, and of a moment. Silence is counted in real seconds, so the moments
in a `Sign` are as long ago as they really are, by the centre's clock (`dashboard.centre.Centre`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from care.alerts import Alert, Tier
from care.board import SILENT_AFTER, Board
from care.ids import AlertId
from care.records import CENTRE, site_of
from detectors.findings import Cleared, Finding, Presence, Sight, What
from detectors.homes import HomeId, SiteId, building_of

LOST_AFTER = timedelta(seconds=40)  # past this a building's silence is an alert: eight beats that did not come
GRACE = timedelta(seconds=60)  # that buildings get to speak after the centre began to listen: its restart is no storm
UNPROVEN_AFTER = timedelta(minutes=3)  # a synthetic event comes every minute
SAME_WITHIN = timedelta(minutes=10)  # a fault that comes back so soon after it was over is the same thing again
MANY = 3  # of so many buildings it is not by chance that none is heard: what ails is the centre's own ear
EVERYWHERE = building_of(CENTRE)  # stands for every building at once

DISK_TROUBLE = "disk"  # what a beat says of a gateway that cannot write


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """How a building was last heard."""

    heard_at: datetime
    since: datetime  # since when it was heard without a break of more than `SILENT_AFTER`
    trouble: str = ""  # what its last beat said it cannot say in records
    proven_at: datetime | None = None  # when its last synthetic event came through; None if it never told of one


class Heard(Protocol):
    """How a building was last heard, in real seconds of one count: a `Sign` of which nothing is worked out yet."""

    @property
    def at_s(self) -> float: ...
    @property
    def since_s(self) -> float: ...
    @property
    def trouble(self) -> str: ...
    @property
    def proven_s(self) -> float | None: ...


class Signs(Mapping[SiteId, Sign]):
    """How each building was last heard. Of thousands nearly all are well: a date is made only of what is asked for."""

    def __init__(self, heard: Mapping[SiteId, Heard], now: datetime, now_s: float) -> None:
        """Look at what was heard; `now_s` is what its count of seconds says now."""
        self._heard, self._now, self._now_s = heard, now, now_s

    def __getitem__(self, site: SiteId) -> Sign:
        one = self._heard[site]
        return Sign(
            heard_at=self._at(one.at_s),
            since=self._at(one.since_s),
            trouble=one.trouble,
            proven_at=None if one.proven_s is None else self._at(one.proven_s),
        )

    def __iter__(self) -> Iterator[SiteId]:
        return iter(self._heard)

    def __len__(self) -> int:
        return len(self._heard)

    @classmethod
    def of(cls, signs: Mapping[SiteId, Sign], now: datetime) -> "Signs":
        """Return the same of signs that have their dates already."""
        return (
            signs if isinstance(signs, cls) else cls({site: _counted(one, now) for site, one in signs.items()}, now, 0)
        )

    @property
    def hearing_since(self) -> datetime | None:
        """Since when anybody has been heard who is heard still; None if nobody is."""
        heard_s = self._now_s - SILENT_AFTER.total_seconds()
        since_s = min((one.since_s for one in self._heard.values() if one.at_s >= heard_s), default=None)
        return None if since_s is None else self._at(since_s)

    def remarkable(self, sites: Iterable[SiteId], *, silent: bool) -> Iterator[SiteId]:
        """Yield, of some buildings, those of which more must be asked: that tell of trouble, or are not proven lately.

        Parameters
        ----------
        silent : whether those that are not heard are among them.
        """
        heard_s = self._now_s - SILENT_AFTER.total_seconds()
        proven_s = self._now_s - UNPROVEN_AFTER.total_seconds()
        for site in sites:
            one = self._heard.get(site)
            if one is None or one.at_s < heard_s:
                if silent:
                    yield site
            elif one.trouble or (one.proven_s is not None and one.proven_s < proven_s):
                yield site

    def _at(self, then_s: float) -> datetime:
        return self._now - timedelta(seconds=self._now_s - then_s)


class _Counted(NamedTuple):
    at_s: float
    since_s: float
    trouble: str
    proven_s: float | None


def _counted(sign: Sign, now: datetime) -> _Counted:
    """Return a sign in seconds before now."""
    proven_s = None if sign.proven_at is None else (sign.proven_at - now).total_seconds()
    return _Counted((sign.heard_at - now).total_seconds(), (sign.since - now).total_seconds(), sign.trouble, proven_s)


@dataclass(frozen=True, slots=True)
class Ear:
    """Whether the centre has a connection over which it could hear anybody, and since when it has or has not."""

    listens: bool
    since: datetime


def due(board: Board, signs: Mapping[SiteId, Sign], now: datetime, *, ear: Ear) -> list[Finding | Cleared]:
    """Return what the centre must write down of its buildings now; nothing that it has written already.

    Parameters
    ----------
    signs : of the buildings that were heard since the centre began; one that is not among them was not. As `Signs` they
        cost nothing for buildings that are well.
    ear : the centre's own; without a connection it is not the buildings that are silent.
    """
    said: list[Finding | Cleared] = []
    heard = Signs.of(signs, now)
    hearing_since = heard.hearing_since
    deaf = not ear.listens or (hearing_since is None and len(board.plans) >= MANY)
    # From when on the centre has heard anybody at all, the others get their time to speak.
    settled = now - max(ear.since, hearing_since or ear.since) >= GRACE
    everywhere = _standing(board, EVERYWHERE, What.BUILDING_SILENT)
    if not deaf:
        said += [_over(one, now) for one in everywhere]
    elif board.plans and not everywhere and (settled or not ear.listens) and now - ear.since > LOST_AFTER:
        last = max(last_sign(board, heard.get(site), site, now) for site in board.plans)
        if now - last > LOST_AFTER:
            said.append(_silence(board, EVERYWHERE, board.homes.keys(), last))
    raises = settled and not deaf
    asked = {site_of(building) for building in board.at_fault}
    asked.update(heard.remarkable(board.plans, silent=raises))
    for site in board.plans if asked else ():
        if site in asked:
            said += _of_one(board, site, heard.get(site), now, raises=raises)
    return said


def cause_of(alert: Alert, board: Board) -> AlertId | None:
    """Return the alert of a whole building that explains this one, and under which it belongs: one cause, one alert.

    What asks for somebody now is never put under another; and nothing under one that is closed, where nobody looks.
    """
    if alert.tier is not Tier.TECHNICAL:
        return None
    places = (EVERYWHERE, building_of(site_of(alert.home)))
    faults = [one for place in places for one in board.faults_of(place) if one.open and one.id != alert.id]
    for what, explained in _EXPLAINS.items():
        for fault in faults:
            reaches = explained is None or alert.main.what in explained
            if reaches and any(one.what is what for one in fault.standing) and _farther(fault, alert):
                return fault.id
    return None


def _farther(fault: Alert, alert: Alert) -> bool:
    """Whether a fault lies farther from the sensors than what it is to explain: two never explain each other."""
    ranks = {what: rank for rank, what in enumerate(_EXPLAINS)}
    last = len(ranks)
    mine = (fault.home != EVERYWHERE, ranks.get(fault.main.what, last))
    return mine < (alert.home != EVERYWHERE, ranks.get(alert.main.what, last))


_UNHEARD = frozenset({What.SENSOR_SILENT, What.SENSOR_STUCK, What.GATEWAY_GAP, What.LINK_WEAK, What.PROOF})
_EXPLAINS: dict[What, frozenset[What] | None] = {
    What.BUILDING_SILENT: None,  # of what cannot be heard, nothing can be said
    What.BROKER_LOST: _UNHEARD | {What.BRIDGE_LOST},
    What.BRIDGE_LOST: _UNHEARD,
}
"""What each fault of a whole building explains, the farthest from the sensors first."""


def last_sign(board: Board, sign: Sign | None, site: SiteId, now: datetime) -> datetime:
    """Return when a building was last heard: by its beats, or else by the last of its records that is on disk."""
    if sign is not None:
        return sign.heard_at
    told = board.told_at.get(site)
    return min(now, told if told is not None else board.plans[site].at)


def _of_one(
    board: Board, site: SiteId, sign: Sign | None, now: datetime, *, raises: bool
) -> Iterator[Finding | Cleared]:
    building = building_of(site)
    silent = _standing(board, building, What.BUILDING_SILENT)
    last = last_sign(board, sign, site, now)
    if sign is None or now - last > SILENT_AFTER:
        if raises and not silent and now - last > LOST_AFTER:
            homes = {home.id for home in board.plans[site].homes}
            yield _silence(board, building, homes, last)
        return  # of what cannot be heard, nothing else is said
    yield from (_over(one, max(sign.since, one.at)) for one in silent)
    yield from _of_disk(board, building, sign)
    yield from _of_proof(board, building, sign, now)


def _silence(board: Board, building: HomeId, homes: Collection[HomeId], since: datetime) -> Finding:
    """Tell of a silence, dated by when it had lasted long enough; with how many may have been out of bed by then."""
    up = sum(_perhaps_up(board, home) for home in homes)
    return Finding(
        at=since + LOST_AFTER,
        home=building,
        what=What.BUILDING_SILENT,
        since=since,
        episode=_episode(board, building, What.BUILDING_SILENT, since),
        value=float(len(homes)),
        count=up,
    )


def _perhaps_up(board: Board, home: HomeId) -> bool:
    """Whether somebody was not known to be in bed. Who has paused has asked not to be looked after."""
    status = board.statuses.get(home)
    return status is None or (status.sight is not Sight.PAUSED and status.presence is not Presence.BED)


def _of_disk(board: Board, building: HomeId, sign: Sign) -> Iterator[Finding | Cleared]:
    # How full a disk is, a building writes itself (`value`), and ends itself; that it cannot write, it can only say.
    standing = _standing(board, building, What.DISK)
    if sign.trouble != DISK_TROUBLE:
        yield from (_over(one, max(sign.heard_at, one.at)) for one in standing if one.value is None)
    elif not standing:
        at = sign.heard_at
        episode = _episode(board, building, What.DISK, at)
        yield Finding(at=at, home=building, what=What.DISK, since=at, episode=episode)


def _of_proof(board: Board, building: HomeId, sign: Sign, now: datetime) -> Iterator[Finding | Cleared]:
    missing = _standing(board, building, What.PROOF)
    if sign.proven_at is None:
        return
    if now - sign.proven_at <= UNPROVEN_AFTER:
        yield from (_over(one, max(sign.proven_at, one.at)) for one in missing)
    elif not missing and now - sign.since > UNPROVEN_AFTER:  # one that has just come back gets the time to prove itself
        since = sign.proven_at
        episode = _episode(board, building, What.PROOF, since)
        yield Finding(at=since + UNPROVEN_AFTER, home=building, what=What.PROOF, since=since, episode=episode)


def _standing(board: Board, building: HomeId, what: What) -> list[Finding]:
    return [one for one in board.standing(building) if one.what is what]


def _over(finding: Finding, at: datetime) -> Cleared:
    return Cleared(at=at, home=finding.home, what=finding.what, since=finding.since, episode=finding.episode)


def _episode(board: Board, building: HomeId, what: What, since: datetime) -> datetime:
    """Return the episode that a fault belongs to: a link that comes and goes is one alert, not one each time."""
    ended = [
        (cleared.at, cleared.episode)
        for alert in board.alerts_of(building)
        for cleared in alert.cleared
        if cleared.what is what
    ]
    at, episode = max(ended, default=(None, since))
    return episode if at is not None and since - at <= SAME_WITHIN else since
