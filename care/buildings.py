"""Whole buildings as the centre hears them: what must be written down of one that falls silent, or is heard again.

A building tells what is the matter with it; that it cannot tell, only the centre can. Everything here is a function
of the board, of the signs of life as they stand, and of a moment. Silence is counted in real seconds, so the moments
in a `Sign` are as long ago as they really are, by the centre's clock (`dashboard.intake.Centre`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

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


@dataclass(frozen=True, slots=True)
class Ear:
    """Whether the centre has a connection over which it could hear anybody, and since when it has or has not."""

    listens: bool
    since: datetime


def due(board: Board, signs: Mapping[SiteId, Sign], now: datetime, *, ear: Ear) -> list[Finding | Cleared]:
    """Return what the centre must write down of its buildings now; nothing that it has written already.

    Parameters
    ----------
    signs : of the buildings that were heard since the centre began; one that is not among them was not.
    ear : the centre's own; without a connection it is not the buildings that are silent.
    """
    said: list[Finding | Cleared] = []
    deaf = not ear.listens or _hears_nobody(board, signs, now)
    settled = now - _hearing_since(signs, now, ear) >= GRACE
    everywhere = _standing(board, EVERYWHERE, What.BUILDING_SILENT)
    if not deaf:
        said += [_over(one, now) for one in everywhere]
    elif board.plans and not everywhere and (settled or not ear.listens) and now - ear.since > LOST_AFTER:
        last = max(last_sign(board, signs.get(site), site, now) for site in board.plans)
        if now - last > LOST_AFTER:
            said.append(_silence(board, EVERYWHERE, [*board.homes], last))
    for site in board.plans:
        said += _of_one(board, site, signs.get(site), now, raises=settled and not deaf)
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


def _hearing_since(signs: Mapping[SiteId, Sign], now: datetime, ear: Ear) -> datetime:
    """Return since when the centre has heard anybody at all: from then on the others get their time to speak."""
    heard = [sign.since for sign in signs.values() if now - sign.heard_at <= SILENT_AFTER]
    return max(ear.since, min(heard)) if heard else ear.since


def _hears_nobody(board: Board, signs: Mapping[SiteId, Sign], now: datetime) -> bool:
    return len(board.plans) >= MANY and not any(now - sign.heard_at <= SILENT_AFTER for sign in signs.values())


def _of_one(
    board: Board, site: SiteId, sign: Sign | None, now: datetime, *, raises: bool
) -> Iterator[Finding | Cleared]:
    building = building_of(site)
    silent = _standing(board, building, What.BUILDING_SILENT)
    last = last_sign(board, sign, site, now)
    if sign is None or now - last > SILENT_AFTER:
        if raises and not silent and now - last > LOST_AFTER:
            homes = [home for home in board.homes if site_of(home) == site]
            yield _silence(board, building, homes, last)
        return  # of what cannot be heard, nothing else is said
    yield from (_over(one, max(sign.since, one.at)) for one in silent)
    yield from _of_disk(board, building, sign)
    yield from _of_proof(board, building, sign, now)


def _silence(board: Board, building: HomeId, homes: list[HomeId], since: datetime) -> Finding:
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
