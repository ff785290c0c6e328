"""Walk tests, as the daemon hears of them from an installer's command: told the centre, and named with what is found.

Said on the building's own broker, beside the sensors: the daemon alone writes its journal. Pure: messages and findings
in, values out.
"""

from datetime import datetime

import msgspec

from care.homes import Device, Site
from care.proofs import WALK_MAX, Print, Walked, Walking, print_of
from care.records import Trouble, Unreadable, decode
from detectors.findings import Finding, Perhaps
from detectors.homes import HomeId, Instant, SensorId, SiteId

SAID_MAX = 256 * 1024  # bytes of a proof; one of 40 sensors is below 16 kB
KEPT_MAX = 2_000


class Walk(msgspec.Struct, frozen=True, array_like=True):
    """From when until when somebody walks, or walked, through a home."""

    start: Instant
    until: Instant


Walks = dict[HomeId, Walk]
"""Each home's last walk."""


def topic(site: SiteId) -> str:
    """Where a command says that a home is being walked through, and what came of it."""
    return f"nachtwacht/{site}/walk"


def read(site: Site, payload: bytes, received_at: datetime) -> Walking | Walked | Unreadable:
    """Return what was said about a walk, or why that cannot be."""
    try:
        said = decode(payload[: SAID_MAX + 1])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _trouble(site, payload, f"Not what the command walk-test says: {error}.", received_at)
    if not isinstance(said, Walking | Walked) or len(payload) > SAID_MAX:
        return _trouble(site, payload, "Not what the command walk-test says.", received_at)
    if said.home not in site.by_id:
        why = f"The plan has no home {said.home}. Do walk-test and the gateway use the same plan?"
        return _trouble(site, payload, why, received_at)
    if isinstance(said, Walking) and said.until - said.at > WALK_MAX:
        return _trouble(site, payload, "A walk lasts two hours at most.", received_at)
    return said


def begun(walks: Walks, said: Walking) -> Walks:
    """Return the walks, with one that began, goes on, or is over."""
    known = walks.get(said.home)
    start = known.start if known is not None and known.start <= said.at < known.until else said.at
    return {**walks, said.home: Walk(start, said.until)}


def marked(walks: Walks, finding: Finding) -> Finding:
    """Return what was found, with the walk that may explain it."""
    walk = walks.get(finding.home)
    if walk is None or not walk.start <= finding.at < walk.until or Perhaps.WALK in finding.perhaps:
        return finding
    return msgspec.structs.replace(finding, perhaps=(Perhaps.WALK, *finding.perhaps))


def prints(site: Site) -> dict[SensorId, Print]:
    """Return what the centre is told of the devices in a plan."""
    told = {one.id: site.devices.get(one.id, Device()) for home in site.homes for one in home.sensors}
    return {sensor: print_of(one.family, one.address) for sensor, one in told.items() if one.address}


def _trouble(site: Site, payload: bytes, why: str, received_at: datetime) -> Unreadable:
    return Unreadable(
        at=received_at,
        topic=topic(site.id),
        trouble=Trouble.UNREADABLE,
        why=why[:400],
        payload=payload[:KEPT_MAX],
        size=len(payload),
    )
