"""A pause as a vigil keeps it: what is forgotten when it begins, what begins afresh when it is over.

A pause is that nobody listens. So nothing that rests on a paused sensor is told, nothing is learned, and no condition
is dated as if it had been watched meanwhile. What was told before stands until somebody is seen again, or closes it.
"""

from datetime import datetime

import msgspec

from detectors import health
from detectors.day_inactivity import last_sign
from detectors.episodes import Episode
from detectors.findings import What
from detectors.homes import Home, Kind, SensorId
from detectors.moments import is_paused
from detectors.remembered import Vigil
from detectors.whereabouts import Whereabouts

KIND_OF: dict[str, What] = {
    "bath": What.BATH,
    "still": What.STILL,
    "unseen": What.OOB_UNSEEN,
    "out_of_bed": What.OOB_ACTIVE,
    "left_home": What.DOOR_LEFT,
    "somebody_arrived": What.DOOR_ARRIVED,
    "day": What.DAY_INACTIVE,
    "rise": What.LATE_RISE,
    "gap": What.GATEWAY_GAP,
}
"""What each detector that reads the settled order tells of."""


def whole(vigil: Vigil, home: Home) -> bool:
    """Whether everything in a home is paused but its help buttons."""
    may_be = [one.id for one in home.sensors if one.kind is not Kind.BUTTON]
    return bool(may_be) and all(is_paused(vigil.silent.get(one, "")) for one in may_be)


def begin(vigil: Vigil, home: Home, sensor: SensorId, kept_back: frozenset[What]) -> None:
    """Forget what rests on a sensor that is paused from now on. Changes the vigil it is given.

    `kept_back` are the kinds of alert that cannot come any more: what runs of them is neither told nor learned from.
    """
    vigil.pending = tuple(one for one in vigil.pending if one.sensor != sensor)
    vigil.view, vigil.settled = vigil.view.not_listened(sensor), vigil.settled.not_listened(sensor)
    vigil.running = {name: one for name, one in vigil.running.items() if KIND_OF[name] not in kept_back}
    if whole(vigil, home):
        vigil.view, vigil.settled = vigil.view.forgotten(), vigil.settled.forgotten()


def end(vigil: Vigil, sensor: SensorId, at: datetime, freed: frozenset[What]) -> None:
    """Listen to a sensor again from an instant on; `freed` are the kinds of alert that can come again by it."""
    vigil.health = health.listened_again(vigil.health, sensor, at)
    vigil.unwatched = {**vigil.unwatched, **{str(what): at for what in freed}}


def stands(vigil: Vigil, name: str, episode: Episode | None, where: Whereabouts) -> bool:
    """Whether what was told before a pause is to be left as it is: nothing has been seen since that could end it."""
    since = vigil.unwatched.get(KIND_OF[name])
    if since is None or name not in vigil.told:
        return False
    if episode is not None:
        return episode.since < since
    sign = last_sign(where)
    return sign is None or sign < since


def afresh(vigil: Vigil, name: str, episode: Episode | None) -> Episode | None:
    """Return an episode as it is known since the last pause: what went on before is not counted."""
    since = vigil.unwatched.get(KIND_OF[name])
    if since is None or episode is None or episode.since >= since:
        return episode
    return msgspec.structs.replace(episode, since=since, began=since, due=episode.due + (since - episode.since))
